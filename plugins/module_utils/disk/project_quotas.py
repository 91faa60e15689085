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

from ..errors import ContainerError
from ..target import project_quotas as target
from ..target import system_calls
from . import walking

# Projects of ours have these numbers; those that people choose, as in /etc/projects, are smaller.
FIRST, COUNT = 1 << 30, 1 << 30
# Of the numbers in struct if_dqblk, the last one says which are valid: those of bytes.
BYTES_ARE_VALID = 1


def is_own(project: int) -> bool:
    """Return whether a project has a number of ours."""
    return FIRST <= project < FIRST + COUNT


def limit_directory(fd: int, path: str, size: int) -> None:
    """Let a directory, with all that is in it, hold `size` bytes, or as much as it likes if that is 0.

    `fd`: the directory; `path`: where it is, which its project comes from. The limit is the last step: as long as there is
    none, the next run does all of this again. Raises OSError, and ContainerError where the limit is not in force then.
    """
    project = target.project_of(fd).number
    if not is_own(project):
        if not size:
            return
        project = free(fd, path)
    if size:
        give_all(fd, project)
    set_limit(fd, project, size)
    there = target.usage_of(fd, project).limit
    if there != size:
        raise ContainerError("the file system has taken %d bytes as the limit, in place of %d" % (there, size))


def free(fd: int, path: str) -> int:
    """Return the number of a project that nobody uses. Raises OSError."""
    number = int(hashlib.sha256(os.fsencode(path)).hexdigest(), 16) % COUNT
    while target.usage_of(fd, FIRST + number) != target.Usage(0, 0, 0):
        number = (number + 1) % COUNT
    return FIRST + number


def set_limit(fd: int, project: int, size: int) -> None:
    """Set how many bytes a project may use, 0 for no limit. Raises OSError."""
    values = target.LIMITS.pack(size // target.BLOCK, 0, 0, 0, 0, 0, 0, 0, BYTES_ARE_VALID)
    target.call(fd, target.SET, project, system_calls.ctypes().create_string_buffer(values, len(values)))


def give_all(top: int, project: int) -> None:
    """Give a directory and all that is in it to a project. Raises OSError.

    A directory gets it before its entries are listed, so what is made meanwhile inherits it. The kernel moves nothing from a
    directory without the project to one that has it, so nothing is missed. Links and devices hold no bytes.
    """
    for entry, status, _way in walking.walk(top, skip_gone=True):
        if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
            fd = os.open("/proc/self/fd/%d" % entry, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                give(fd, project, stat.S_ISDIR(status.st_mode))
            finally:
                os.close(fd)


def give(fd: int, number: int, inherit: bool) -> None:
    """Give an open file to a project; `inherit`: whether what is made in it belongs to that too. Raises OSError."""
    found = target.project_of(fd)
    wanted = found._replace(number=number, flags=found.flags | (target.INHERIT if inherit else 0))
    if wanted != found:
        extent, extents, copied = wanted.rest
        values = target.ATTRIBUTES.pack(wanted.flags, extent, extents, number, copied)
        fcntl.ioctl(fd, target.request(write=True), values)
