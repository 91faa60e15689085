# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): the project of a directory with all that is in it, and how much a project may use.

See target/project_quotas.py. What is in the directory may be hostile, and its container may be running.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from contextlib import contextmanager
from typing import Iterator

from ..errors import ContainerError
from ..target import project_quotas as reading
from ..target import system_calls
from . import walking
from .beneath import OPEN_DIRECTORY

# Projects of ours have these numbers; those that people choose, as in /etc/projects, are smaller.
FIRST, COUNT = 1 << 30, 1 << 30
# Of the numbers in struct if_dqblk, the last one says which are valid: the limits of bytes and of files.
LIMITS_ARE_VALID = 1 | 4
# A file for each such part of a limit. Empty files take no bytes, but a file system has no end of them either.
BYTES_OF_A_FILE = 4096
# How often to walk, as long as things are moved meanwhile.
WALKS = 10


def is_own(project: int) -> bool:
    """Return whether a project has a number of ours."""
    return FIRST <= project < FIRST + COUNT


def limit_directory(fd: int, path: str, size: int) -> None:
    """Let a directory, with all that is in it, hold `size` bytes, or as much as it likes if that is 0.

    `fd`: the directory; `path`: where it is, which its project comes from. The limit is the last step: as long as there is
    none, the next run does all of this again. Without one, the files belong to no project any more: a file of another
    project could not be moved there. Raises OSError, and ContainerError where the limit is not in force then.
    """
    project = reading.project_of(fd).number
    if not is_own(project):
        if not size:
            return
        project = free(fd, path)
    if size and not reading.usage_of(fd, project).limit:
        give_all(fd, path, project)
    set_limit(fd, project, size)
    if not size:
        give_all(fd, path, 0)


def give_limit(path: str, size: int) -> None:
    """Set the limit of a directory that has had one. Raises OSError and ContainerError."""
    with opened(path) as fd:
        project = reading.project_of(fd).number
        if is_own(project):
            set_limit(fd, project, size)


@contextmanager
def opened(path: str) -> Iterator[int]:
    """Yield a descriptor of a directory that is no link. Raises OSError."""
    fd = os.open(path, OPEN_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


def free(fd: int, path: str) -> int:
    """Return the number of a project that nobody uses. Raises OSError."""
    number = int(hashlib.sha256(os.fsencode(path)).hexdigest(), 16) % COUNT
    while reading.usage_of(fd, FIRST + number) != reading.Usage(0, 0, 0):
        number = (number + 1) % COUNT
    return FIRST + number


def set_limit(fd: int, project: int, size: int) -> None:
    """Set how many bytes a project may use, 0 for no limit, and as many files as go with that.

    Raises OSError, and ContainerError where that is not in force then.
    """
    files = size // BYTES_OF_A_FILE
    values = reading.LIMITS.pack(size // reading.BLOCK, 0, 0, files, 0, 0, 0, 0, LIMITS_ARE_VALID)
    reading.quota_call(fd, reading.SET, project, system_calls.ctypes().create_string_buffer(values, len(values)))
    there = reading.usage_of(fd, project).limit
    if there != size:
        raise ContainerError("the file system has taken %d bytes as the limit, in place of %d" % (there, size))


def give_all(top: int, path: str, project: int) -> None:
    """Give a directory at a path and all that is in it to a project, 0 for none. Raises ContainerError.

    A directory gets it before its entries are listed, so what is made meanwhile inherits it. Something may be moved meanwhile to
    where the walk has been, so it walks until it finds nothing to give. Links and devices hold no bytes.
    """
    try:
        if not any(give_once(top, project) == 0 for _walk in range(WALKS)):
            raise ContainerError("the container keeps moving what is in %s; stop it first" % ascii(path)[1:-1])
    except OSError as error:
        raise ContainerError("what is in %s cannot be counted: %s" % (ascii(path)[1:-1], error.strerror)) from None


def give_once(top: int, project: int) -> int:
    """Walk through a directory and give what is in it to a project. Return how many files had another one. Raises OSError."""
    given = 0
    for entry, status, _way in walking.walk(top, skip_gone=True):
        if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
            # Opening a regular file has no effect, but for one with a lease, which would have us wait.
            fd = os.open("/proc/self/fd/%d" % entry, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                given += give(fd, project, stat.S_ISDIR(status.st_mode))
            finally:
                os.close(fd)
    return given


def give(fd: int, number: int, directory: bool) -> bool:
    """Give an open file to a project, and what will be made in a directory too. Return whether that is a change.

    Raises OSError.
    """
    found = reading.project_of(fd)
    flags = found.flags & ~reading.INHERIT | (reading.INHERIT if directory and number else 0)
    if (number, flags) == (found.number, found.flags):
        return False
    extent, extents, copied = found.rest
    values = reading.ATTRIBUTES.pack(flags, extent, extents, number, copied)
    fcntl.ioctl(fd, reading.request(write=True), values)
    return True
