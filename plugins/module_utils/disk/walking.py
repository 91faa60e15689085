# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): everything below a directory that a container may change, even while we look."""

from __future__ import annotations

import os
import stat
from typing import Iterator, List, Tuple, Type

from ..errors import ContainerError
from . import removal
from .beneath import OPEN_DIRECTORY


def walk(top: int, skip_gone: bool = False) -> Iterator[Tuple[int, os.stat_result, List[str]]]:
    """Yield an O_PATH descriptor, the status and the path (as names) of a directory and of everything below it.

    A deep tree costs neither stack nor descriptors: the way up is opened again, and must lead to the directory that we
    came from. No link is followed. `skip_gone`: leave out entries that disappear while we look. They may only have moved
    to a place that we have already passed, so a caller that changes entries does without, or walks until nothing changes.
    """
    gone: Tuple[Type[OSError], ...] = (FileNotFoundError,) if skip_gone else ()
    way: List[str] = []
    yield top, os.fstat(top), way
    here = os.open(".", OPEN_DIRECTORY, dir_fd=top)
    levels = [(removal.identity(here), os.listdir(here))]
    try:
        while levels:
            if not levels[-1][1]:
                levels.pop()
                if levels:
                    way.pop()
                    here = above(here, levels[-1][0])
                continue
            name = levels[-1][1].pop()
            try:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            except gone:
                continue
            way.append(name)
            try:
                status = os.fstat(fd)
                yield fd, status, way
                following = os.open(".", OPEN_DIRECTORY, dir_fd=fd) if stat.S_ISDIR(status.st_mode) else None
            finally:
                os.close(fd)
            if following is None:
                way.pop()
                continue
            os.close(here)
            here = following
            levels.append((removal.identity(here), names_in(here, gone)))
    finally:
        os.close(here)


def names_in(here: int, gone: Tuple[Type[OSError], ...]) -> List[str]:
    """Return the names in a directory; none if it is gone and that is no error."""
    try:
        return os.listdir(here)
    except gone:
        return []


def above(here: int, expected: Tuple[int, int]) -> int:
    """Return the parent of a directory, and close the directory.

    Raises ContainerError if it is not the one we came from.
    """
    found = os.open("..", OPEN_DIRECTORY, dir_fd=here)
    if removal.identity(found) != expected:
        os.close(found)
        raise ContainerError("its directories changed while we looked; run again")
    os.close(here)
    return found
