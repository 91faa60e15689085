# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): the project quotas of a file system, with which the kernel limits what a directory holds.

A directory belongs to a project, a number, and what is made in it inherits that; the file system counts what each project
uses. Only root of the initial user namespace can change the project of a file; see quotactl(2) and ioctl_xfs_fsgetxattr(2).
ext4, XFS and F2FS have such quotas, if they were made or mounted with them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import re
import struct
from typing import Any, NamedTuple, Tuple

from . import facts, system_calls

# struct fsxattr: flags, two numbers, the project, a number, padding. From the kernel's fs.h.
ATTRIBUTES = struct.Struct("=5I8x")
INHERIT = 0x200
# The number of an ioctl has its direction in its highest bits. These machines count them otherwise.
OTHER_DIRECTIONS = r"mips(64)?|ppc(64)?(le)?|sparc(64)?|alpha"
# struct if_dqblk, of which the first number is the hard limit and the third what is used; from the kernel's quota.h.
LIMITS = struct.Struct("=8QI4x")
BLOCK = 1024
PROJECTS = 2
GET, SET, GET_STATE = 0x800007, 0x800008, 0x5805
# Where the state has its flags, and the one that says that projects are limited; from the kernel's dqblk_xfs.h.
FLAGS_AT, ENFORCED = 2, 0x20


class Project(NamedTuple):
    """What a file belongs to, 0 for none. `flags`: all its flags; `rest`: the other numbers, in their order."""

    number: int
    flags: int = 0
    rest: Tuple[int, ...] = (0, 0, 0)


class Usage(NamedTuple):
    """The limit of a project in bytes, 0 for none, and what it uses, in bytes and in files."""

    limit: int
    used: int
    files: int


def request(write: bool) -> int:
    """Return the number of the ioctl that reads or writes the attributes of a file."""
    read_bits, write_bits = (
        (2 << 29, 4 << 29) if re.fullmatch(OTHER_DIRECTIONS, platform.machine()) else (2 << 30, 1 << 30)
    )
    return (write_bits if write else read_bits) | ATTRIBUTES.size << 16 | ord("X") << 8 | (32 if write else 31)


def project_of(fd: int) -> Project:
    """Return what an open file belongs to. Where the file system knows no projects, that is none."""
    try:
        found = ATTRIBUTES.unpack(fcntl.ioctl(fd, request(write=False), bytes(ATTRIBUTES.size)))
    except OSError:
        return Project(0)
    flags, extent, extents, number, copied = found
    return Project(number, flags, (extent, extents, copied))


def are_in_force(fd: int) -> bool:
    """Return whether the file system of an open file limits projects."""
    state = system_calls.ctypes().create_string_buffer(256)
    try:
        quota_call(fd, GET_STATE, 0, state)
    except OSError:
        return False
    (flags,) = struct.unpack_from("=H", state.raw, FLAGS_AT)
    return bool(flags & ENFORCED)


def usage_of(fd: int, project: int) -> Usage:
    """Return limit and usage of a project on the file system of an open file. Raises OSError."""
    found = system_calls.ctypes().create_string_buffer(LIMITS.size)
    try:
        quota_call(fd, GET, project, found)
    except OSError as error:
        # XFS has no record of a project that uses nothing.
        if error.errno != errno.ENOENT:
            raise
    hard, _soft, used, _files_hard, _files_soft, files = LIMITS.unpack(found.raw)[:6]
    return Usage(hard * BLOCK, used, files)


def quota_call(fd: int, command: int, project: int, buffer: Any) -> None:
    """Make a call for the quotas of projects of the file system of an open file. Raises OSError, and ContainerError."""
    whole = command << 8 | PROJECTS
    try:
        system_calls.call("quotactl_fd", fd, whole, project, buffer)
        return
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    # Linux before 5.14 knows file systems by their devices alone.
    device = os.fsencode(device_of(os.fstat(fd).st_dev))
    system_calls.checked(int(system_calls.libc().quotactl(whole, device, project, buffer)), "quotactl")


def device_of(number: int) -> str:
    """Return the path of a block device, from what the kernel calls it. A file system without one has an invalid path."""
    text = facts.read_text("/sys/dev/block/%d:%d/uevent" % (os.major(number), os.minor(number)))
    names = [line.partition("=")[2] for line in text.splitlines() if line.startswith("DEVNAME=")]
    return "/dev/" + "".join(names[:1])
