# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): what is on disk below a directory that a container may have changed, also while we look.

Every step goes through directory file descriptors with O_NOFOLLOW, so that no link leads out. Nothing is
opened for reading before it is known to be a plain file, so that no FIFO blocks and no device acts.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import itertools
import os
import stat
from contextlib import contextmanager
from typing import Any, Dict, FrozenSet, Iterator, Optional, Sequence, Tuple

from ..errors import ContainerError
from ..model import mountinfo, tree
from ..target.memory import read_once

# Files up to this size are read whole, so that a diff can show them.
SHOWN_SIZE = 64 * 1024
CHUNK = 256 * 1024
# More than all applets of a busybox, and little to keep in memory.
FEW = 1024
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
# As many links as the kernel follows in one path, path_resolution(7).
LINKS_MAX = 40
# The user and the group of the target's root.
ROOT = (0, 0)
# A directory that became something else, or is not there.
NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
# There is nothing of a name, and never can be of one that is too long.
NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


class Directories:
    """Open directories below one root, each opened once, from its parent, without following links.

    A context manager. `owners`: the users and groups that root of the container is on disk. A directory on another
    mount than the root is refused: a mount that lies below would lead our changes out of the tree, and O_NOFOLLOW does
    not see it.
    """

    def __init__(self, root: str, owners: Sequence[Tuple[int, int]] = (ROOT,)) -> None:
        self.root = root
        self.owners = owners
        self.fds: Dict[str, Optional[int]] = {}

    def __enter__(self) -> Directories:
        fd = os.open(self.root, OPEN_DIRECTORY)
        self.fds[""] = fd
        self.mounted = mounted_below(self.root)
        return self

    @functools.cached_property
    def mount(self) -> str:
        """The mount that the root is on. Only asked for where it matters: most trees have no mount below."""
        return mount_id(self.must(""))

    def __exit__(self, *error: Any) -> None:
        for fd in self.fds.values():
            if fd is not None:
                os.close(fd)

    def get(self, path: str) -> Optional[int]:
        """The descriptor of a directory, relative to the root; None where no directory is there."""
        if path not in self.fds:
            above, _slash, name = path.rpartition("/")
            parent = self.get(above)
            self.fds[path] = None if parent is None else self.open(parent, name, path)
        return self.fds[path]

    def must(self, path: str) -> int:
        """The descriptor of a directory that has to be there. Raises ContainerError."""
        fd = self.get(path)
        if fd is None:
            raise ContainerError("%s: the directory is not there, or changed while we looked; run again" % path)
        return fd

    def open(self, parent: int, name: str, path: str) -> Optional[int]:
        """Open one directory in its parent and see that it is no mount."""
        try:
            fd = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        except OSError as error:
            if error.errno in NO_DIRECTORY:
                return None
            raise
        if self.mounted and mount_id(fd) != self.mount:
            os.close(fd)
            raise ContainerError("%s: something is mounted there on the target; unmount it" % path)
        return fd

    def forget(self, path: str) -> None:
        """Close what is open at a path and below, because the entry there changes."""
        for other in [known for known in self.fds if known == path or known.startswith(path + "/")]:
            fd = self.fds.pop(other)
            if fd is not None:
                os.close(fd)

    def parent(self, path: str) -> Tuple[Optional[int], str]:
        """The descriptor of the directory that holds an entry, and the name of the entry there."""
        above, _slash, name = path.rpartition("/")
        return self.get(above), name


@read_once
def mounts() -> Dict[str, Tuple[str, ...]]:
    """The options of what is mounted last at each mount point of the target, as this run finds them."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        return {mount.point: tuple(mount.options.split(",")) for mount in mountinfo.mounts_in(stream.read())}


def mounted_below(root: str) -> Tuple[str, ...]:
    """What is mounted below a directory. A container cannot mount there: its mounts are in its own namespace."""
    prefix = os.path.realpath(root) + "/"
    return tuple(point for point in mounts() if point.startswith(prefix))


def options_below(root: str) -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
    """The options of what is mounted below a directory, each by its path from there, with a leading slash."""
    real = os.path.realpath(root)
    return tuple((point[len(real) :], mounts()[point]) for point in mounted_below(root))


def mount_id(fd: int) -> str:
    """The mount that an open file is on; see proc(5), /proc/PID/fdinfo."""
    with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as lines:
        return next(line.split()[1] for line in lines if line.startswith("mnt_id:"))


def observe(directories: Directories, wanted: tree.Wanted, owned: tree.Wanted) -> Dict[str, tree.Observed]:
    """What is on disk at the wanted and the owned paths; missing ones are left out."""
    present: Dict[str, tree.Observed] = {}
    listed: Dict[str, Optional[FrozenSet[str]]] = {}
    for path in list(wanted) + [path for path in owned if path not in wanted]:
        if path not in owned and not may_be_there(directories, path, listed):
            continue
        expected = wanted.get(path) or owned[path]
        see = look_at_link if expected.kind == tree.LINK else look
        count = path not in wanted or expected.kind != tree.DIRECTORY
        found = see(directories, path, expected.size, count)
        if found:
            present[path] = found
    return present


def may_be_there(directories: Directories, path: str, listed: Dict[str, Optional[FrozenSet[str]]]) -> bool:
    """Whether an entry that was never made can be there. Most are missing: one list tells so for a whole directory."""
    above, _slash, name = path.rpartition("/")
    if above not in listed:
        listed[above] = few_names(directories, above)
    known = listed[above]
    return known is None or name in known


def look_at_link(directories: Directories, path: str, size: int, count: bool) -> Optional[tree.Observed]:
    """One entry that should be a link, in one system call, since most of what is looked at are links."""
    parent, name = directories.parent(path)
    if parent is None:
        return None
    try:
        return link_to(os.readlink(name, dir_fd=parent))
    except FileNotFoundError:
        return None
    except OSError:
        return look(directories, path, size, count)


@functools.lru_cache(maxsize=64)
def link_to(target: str) -> tree.Observed:
    """A link as it is observed."""
    return tree.Observed(tree.LINK, content=os.fsencode(target))


def look(directories: Directories, path: str, size: int, count: bool) -> Optional[tree.Observed]:
    """One entry. `size`: a larger file is not read; `count`: count a directory's children."""
    parent, name = directories.parent(path)
    if parent is None:
        return None
    try:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(fd)
        kind = stat.S_IFMT(status.st_mode)
        owners = directories.owners if path.startswith("rootfs") else (ROOT,)
        owned = (status.st_uid, status.st_gid) in owners
        mode = stat.S_IMODE(status.st_mode)
        if kind == stat.S_IFLNK:
            return link_to(os.readlink("", dir_fd=fd))
        if directories.mounted and kind in (stat.S_IFDIR, stat.S_IFREG) and mount_id(fd) != directories.mount:
            raise ContainerError("%s: something is mounted there on the target; unmount it" % path)
        if kind == stat.S_IFDIR:
            children = sum(1 for _name in names(directories, path)) if count else -1
            return tree.Observed(tree.DIRECTORY, mode, owned=owned, children=children)
        if kind == stat.S_IFREG:
            digest, content = read(fd, status.st_size, size)
            return tree.Observed(tree.FILE, mode, digest, content, status.st_nlink == 1, owned)
        return tree.Observed(tree.OTHER, mode, owned=owned)
    finally:
        os.close(fd)


def read(fd: int, present: int, expected: int) -> Tuple[str, Optional[bytes]]:
    """Digest and, where it is small, content of a plain file behind an O_PATH descriptor.

    A file that is neither small nor of the expected size is different without being read.
    """
    if present != expected and present > SHOWN_SIZE:
        return "", None
    digest, content, left = hashlib.sha256(), b"", max(present, 1)
    with open("/proc/self/fd/%d" % fd, "rb", buffering=0) as stream:
        while left > 0:
            chunk = stream.read(min(CHUNK, left))
            if not chunk:
                break
            digest.update(chunk)
            left -= len(chunk)
            content = content + chunk if present <= SHOWN_SIZE else b""
    return digest.hexdigest(), content if present <= SHOWN_SIZE else None


def names(directories: Directories, path: str) -> Iterator[str]:
    """The names in a directory, read one by one: a payload can make millions. None where no directory is there."""
    fd = directories.get(path)
    if fd is not None:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield entry.name


def few_names(directories: Directories, path: str) -> Optional[FrozenSet[str]]:
    """The names in a directory, so that what is missing need not be looked for one by one; None where they are many."""
    found = frozenset(itertools.islice(names(directories, path), FEW + 1))
    return found if len(found) <= FEW else None


def read_text(directories: Directories, path: str, limit: int) -> Optional[str]:
    """The text of a plain file of at most `limit` bytes, or None where there is none."""
    parent, name = directories.parent(path)
    if parent is None:
        return None
    try:
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise ContainerError("%s: is not a plain file of at most %d bytes" % (path, limit))
        with open("/proc/self/fd/%d" % fd, "rb", buffering=0) as stream:
            # No more: Python makes room for as much as it is asked to read.
            return (stream.read(status.st_size) or b"").decode("utf-8", "surrogateescape")
    finally:
        os.close(fd)


@contextmanager
def plain_file(directories: Directories, path: str) -> Iterator[Any]:
    """A plain file, open for reading bytes. Raises ContainerError where there is none, or a mount."""
    parent, name = directories.parent(path)
    if parent is None:
        raise ContainerError("%s: changed while we looked; run again" % path)
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or mount_id(fd) != directories.mount:
            raise ContainerError("%s: changed while we looked; run again" % path)
        with open("/proc/self/fd/%d" % fd, "rb", buffering=0) as stream:
            yield stream
    finally:
        os.close(fd)


def resolve(root: str, path: str) -> Optional[int]:
    """An O_PATH descriptor of what a path means inside a container; None where there is nothing.

    `root` is /proc/PID/root, the root as the container sees it. Links are followed as the container would,
    one at a time from descriptors: an absolute link begins at the container's root and never at the target's.
    Raises ContainerError where the system cannot tell.
    """
    try:
        return resolved(root, path)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: str, error: OSError) -> ContainerError:
    """The error for a path inside a container that the system cannot tell of."""
    return ContainerError("%s cannot be read in the container: %s" % (ascii(path)[1:-1], error.strerror))


def resolved(root: str, path: str) -> Optional[int]:
    """The same as `resolve`, with the system's own errors."""
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stack, waiting, links = [top], path.split("/")[::-1], 0
    try:
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            if name == "..":
                if len(stack) > 1:
                    os.close(stack.pop())
                continue
            try:
                stack.append(os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1]))
                linked = stat.S_ISLNK(os.fstat(stack[-1]).st_mode)
                # Procfs has links that lead nowhere for who is not in its namespace, as /proc/self.
                target = os.readlink("", dir_fd=stack[-1]) if linked else ""
            except OSError as error:
                if error.errno in NOTHING:
                    return None
                raise
            if linked:
                links += 1
                os.close(stack.pop())
                if links > LINKS_MAX:
                    return None
                if target.startswith("/"):
                    while len(stack) > 1:
                        os.close(stack.pop())
                waiting += target.split("/")[::-1]
        return os.dup(stack[-1])
    finally:
        for fd in stack:
            os.close(fd)


def exists_inside(root: str, path: str) -> bool:
    """Whether a path exists as a container sees it."""
    fd = resolve(root, path)
    if fd is None:
        return False
    os.close(fd)
    return True


def text_inside(root: str, path: str, limit: int) -> str:
    """The text of a plain file as a container sees it, at most `limit` bytes; empty where there is none.

    The files of procfs seem plain, and some wait or act when they are read, with the rights of the target's root: they
    have no size, and what has none is not opened. Raises ContainerError where the system cannot tell.
    """
    fd = resolve(root, path)
    if fd is None:
        return ""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return ""
        # Without O_NONBLOCK whoever holds a lease on the file could let us wait, see fcntl(2).
        reading = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(reading, "rb", buffering=0) as stream:
            return (stream.read(min(limit, status.st_size)) or b"").decode("utf-8", "replace")
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        os.close(fd)
