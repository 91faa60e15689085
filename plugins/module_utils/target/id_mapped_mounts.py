# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the kernel (I/O): whether the file system of a path supports id-mapped mounts, see mount_setattr(2)."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from typing import Any, Iterator, Tuple

from . import system_calls

CLONE_NEWUSER = 0x10000000
OPEN_TREE_CLONE, MOUNT_ATTR_IDMAP = 1, 0x00100000
AT_FDCWD, AT_EMPTY_PATH = -100, 0x1000
# Any map will do: the kernel does not check it against /etc/subuid.
SOME_MAP = "0 100000 65536"

# These errors mean that the kernel lacks room at the moment. They do not say what it supports.
NO_ROOM = (errno.ENOSPC, errno.EUSERS, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE)

Answer = Tuple[bool, str]


@functools.lru_cache(maxsize=8)
def supported(path: str) -> Answer:
    """Return whether the file system supports id-mapped mounts, and if not, the reason.

    It is tried on a detached mount that is not part of any mount tree. Raises OSError if the kernel has no room for the
    try (a container may have used it all up), and ContainerError if Python cannot make the system calls: neither
    answers the question.
    """
    ctypes, libc = system_calls.ctypes(), system_calls.libc()
    try:
        with user_namespace(libc) as namespace, descriptor(
            system_calls.call("open_tree", AT_FDCWD, os.fsencode(path), OPEN_TREE_CLONE | os.O_CLOEXEC)
        ) as mount:
            attributes = (ctypes.c_uint64 * 4)(MOUNT_ATTR_IDMAP, 0, 0, namespace)
            size = ctypes.sizeof(attributes)
            system_calls.call("mount_setattr", mount, b"", AT_EMPTY_PATH, ctypes.byref(attributes), size)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        return False, "%s: %s" % (error.filename, error.strerror)
    return True, ""


@contextlib.contextmanager
def descriptor(number: int) -> Iterator[int]:
    """Yield a descriptor and close it at the end."""
    try:
        yield number
    finally:
        os.close(number)


@contextlib.contextmanager
def user_namespace(libc: Any) -> Iterator[int]:
    """Yield a descriptor of a new user namespace with some id map. Raises OSError."""
    to_parent, to_child = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            failed = libc.unshare(CLONE_NEWUSER)
            os.write(to_parent[1], bytes([system_calls.ctypes().get_errno() if failed else 0]))
            # The read ends when the parent closes its end, for whatever reason.
            os.close(to_child[1])
            os.read(to_child[0], 1)
        os._exit(0)
    try:
        os.close(to_parent[1])
        number = (os.read(to_parent[0], 1) or b"\x01")[0]
        if number:
            raise OSError(number, os.strerror(number), "unshare")
        for kind in ("uid_map", "gid_map"):
            with open("/proc/%d/%s" % (pid, kind), "w", encoding="ascii") as stream:
                stream.write(SOME_MAP)
        with descriptor(os.open("/proc/%d/ns/user" % pid, os.O_RDONLY | os.O_CLOEXEC)) as namespace:
            yield namespace
    finally:
        for number in (to_parent[0], to_child[0], to_child[1]):
            os.close(number)
        os.waitpid(pid, 0)
