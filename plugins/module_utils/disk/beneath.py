# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): what is on disk below a directory that a container may change, even while we look.

Every step uses directory file descriptors with O_NOFOLLOW, so that no link leads out of the tree. A file is opened for
reading only after it is known to be a regular file, so that no FIFO blocks us and no device acts.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import itertools
import os
import stat
from contextlib import contextmanager
from typing import Any, Dict, FrozenSet, Iterator, Optional, Tuple

from ..errors import ContainerError
from ..model import id_map, mountinfo, tree
from ..target.memory import read_once

# Files up to this size (in bytes) are read as a whole, so that a diff can show them.
SHOWN_SIZE = 64 * 1024
CHUNK = 256 * 1024
# More names than busybox has applets, yet few enough to keep in memory.
FEW = 1024
OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
OF_TARGET = id_map.Ids()
# As many links as the kernel follows in one path, path_resolution(7).
LINKS_MAX = 40
# The errors for a directory that became something else or is missing.
NO_DIRECTORY = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
# The errors for a name that does not exist, or cannot exist because it is too long.
NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)


class Directories:
    """The open directories below a root. Each is opened once, from its parent, without following links.

    Use it as a context manager. `ids` are those of the container. A directory on another mount than the root raises
    ContainerError: a mount below the root would lead our changes out of the tree, and O_NOFOLLOW does not notice it.
    """

    def __init__(self, root: str, ids: id_map.Ids = OF_TARGET) -> None:
        self.root = root
        self.ids = ids
        self.owners: Dict[id_map.Owner, Tuple[id_map.Owner, ...]] = {}
        self.fds: Dict[str, Optional[int]] = {}

    def __enter__(self) -> Directories:
        fd = os.open(self.root, OPEN_DIRECTORY)
        self.fds[""] = fd
        self.mounted = mounted_below(self.root)
        return self

    @functools.cached_property
    def mount(self) -> str:
        """Return the id of the mount that the root is on.

        It is read only when needed: most trees have no mount below.
        """
        return mount_id(self.must(""))

    def owner(self, path: str, status: os.stat_result, expected: id_map.Owner) -> Tuple[bool, Optional[id_map.Owner]]:
        """Return whether the owner of an entry is as expected, and the owner; both as tree.Observed has them."""
        own = status.st_uid, status.st_gid
        if not path.startswith("rootfs"):
            return own == id_map.ROOT, own
        if expected not in self.owners:
            self.owners[expected] = self.ids.owners(expected)
        owned = own in self.owners[expected]
        return owned, expected if owned else id_map.inner_owner(self.ids.on_disk(), own)

    def __exit__(self, *error: Any) -> None:
        for fd in self.fds.values():
            if fd is not None:
                os.close(fd)

    def get(self, path: str) -> Optional[int]:
        """Return the descriptor of a directory, by its path from the root, or None if there is no directory."""
        if path not in self.fds:
            above, _slash, name = path.rpartition("/")
            parent = self.get(above)
            self.fds[path] = None if parent is None else self.open(parent, name, path)
        return self.fds[path]

    def must(self, path: str) -> int:
        """Return the descriptor of a directory that must exist. Raises ContainerError."""
        fd = self.get(path)
        if fd is None:
            raise ContainerError("%s: the directory is not there, or changed while we looked; run again" % path)
        return fd

    def open(self, parent: int, name: str, path: str) -> Optional[int]:
        """Open a directory in its parent and return the descriptor, or None if there is no directory.

        Raises ContainerError if something is mounted there.
        """
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
        """Close the directories that are open at a path and below, because the entry there changes."""
        for other in [opened for opened in self.fds if opened == path or opened.startswith(path + "/")]:
            fd = self.fds.pop(other)
            if fd is not None:
                os.close(fd)

    def parent(self, path: str) -> Tuple[Optional[int], str]:
        """Return the descriptor of the directory that holds an entry, or None, and the name of the entry in it."""
        above, _slash, name = path.rpartition("/")
        return self.get(above), name


@read_once
def mounts() -> Dict[str, Tuple[str, ...]]:
    """Return the options of the last mount at each mount point of the target, as this run first finds them."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        return {mount.point: tuple(mount.options.split(",")) for mount in mountinfo.mounts_in(stream.read())}


def mounted_below(root: str) -> Tuple[str, ...]:
    """Return the mount points below a directory. A container cannot add any: its mounts are in its own namespace."""
    prefix = os.path.realpath(root) + "/"
    return tuple(point for point in mounts() if point.startswith(prefix))


def options_below(root: str) -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
    """Return the mount points below a directory with their options, as paths from there with a leading slash."""
    real = os.path.realpath(root)
    return tuple((point[len(real) :], mounts()[point]) for point in mounted_below(root))


def mount_id(fd: int) -> str:
    """Return the id of the mount that an open file is on, see proc(5), /proc/PID/fdinfo."""
    with open("/proc/self/fdinfo/%d" % fd, encoding="ascii") as lines:
        return next(line.split()[1] for line in lines if line.startswith("mnt_id:"))


def observe(directories: Directories, wanted: tree.Wanted, owned: tree.Wanted) -> Dict[str, tree.Observed]:
    """Return what is on disk at the wanted and the owned paths. Missing entries are left out."""
    present: Dict[str, tree.Observed] = {}
    listed: Dict[str, Optional[FrozenSet[str]]] = {}
    for path in list(wanted) + [path for path in owned if path not in wanted]:
        if path not in owned and not may_be_there(directories, path, listed):
            continue
        expected = wanted.get(path) or owned[path]
        see = look_at_link if expected.kind == tree.LINK else look
        count = path not in wanted or expected.kind != tree.DIRECTORY
        found = see(directories, expected, count)
        if found:
            present[path] = found
    return present


def may_be_there(directories: Directories, path: str, listed: Dict[str, Optional[FrozenSet[str]]]) -> bool:
    """Return whether an entry that we did not make can exist.

    Most do not: one list of names answers for a whole directory.
    """
    above, _slash, name = path.rpartition("/")
    if above not in listed:
        listed[above] = few_names(directories, above)
    siblings = listed[above]
    return siblings is None or name in siblings


def look_at_link(directories: Directories, expected: tree.Entry, count: bool) -> Optional[tree.Observed]:
    """Return what is at the path of an entry that should be a link, or None.

    A link costs one system call, since most entries are links.
    """
    parent, name = directories.parent(expected.path)
    if parent is None:
        return None
    try:
        return link_to(os.readlink(name, dir_fd=parent))
    except FileNotFoundError:
        return None
    except OSError:
        return look(directories, expected, count)


@functools.lru_cache(maxsize=64)
def link_to(target: str) -> tree.Observed:
    """Return the observation of a link."""
    return tree.Observed(tree.LINK, content=os.fsencode(target))


def look(directories: Directories, expected: tree.Entry, count: bool) -> Optional[tree.Observed]:
    """Return what is at the path of an entry, or None.

    A file is read only if it is small or has the expected size; `count`: count the entries of a directory.
    """
    path = expected.path
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
        owned, owner = directories.owner(path, status, expected.owner)
        mode = stat.S_IMODE(status.st_mode)
        if kind == stat.S_IFLNK:
            return link_to(os.readlink("", dir_fd=fd))
        if directories.mounted and kind in (stat.S_IFDIR, stat.S_IFREG) and mount_id(fd) != directories.mount:
            raise ContainerError("%s: something is mounted there on the target; unmount it" % path)
        if kind == stat.S_IFDIR:
            children = sum(1 for _name in names(directories, path)) if count else -1
            return tree.Observed(tree.DIRECTORY, mode, owned=owned, children=children, owner=owner)
        if kind == stat.S_IFREG:
            digest, content = read(fd, status.st_size, expected.size)
            return tree.Observed(tree.FILE, mode, digest, content, status.st_nlink == 1, owned, owner=owner)
        return tree.Observed(tree.OTHER, mode, owned=owned, owner=owner)
    finally:
        os.close(fd)


def read(fd: int, present: int, expected: int) -> Tuple[str, Optional[bytes]]:
    """Return the digest of a regular file behind an O_PATH descriptor, and its content if it is small.

    A file that is neither small nor of the expected size is known to differ without being read: its digest is empty.
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
    """Yield the names in a directory one by one, since a container can make millions; none if there is no directory."""
    fd = directories.get(path)
    if fd is not None:
        with os.scandir(fd) as entries:
            for entry in entries:
                yield entry.name


def few_names(directories: Directories, path: str) -> Optional[FrozenSet[str]]:
    """Return the names in a directory, so that missing entries need no look-up each; None if there are too many."""
    found = frozenset(itertools.islice(names(directories, path), FEW + 1))
    return found if len(found) <= FEW else None


def read_text(directories: Directories, path: str, limit: int) -> Optional[str]:
    """Return the text of a file, or None if it is missing.

    Raises ContainerError if it is not a regular file of at most `limit` bytes.
    """
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
            # Read no more than the size: Python allocates as many bytes as it is asked to read.
            return (stream.read(status.st_size) or b"").decode("utf-8", "surrogateescape")
    finally:
        os.close(fd)


@contextmanager
def plain_file(directories: Directories, path: str) -> Iterator[Any]:
    """Yield a regular file, open for reading bytes.

    Raises FileNotFoundError if there is nothing, and ContainerError if there is something else, or a mount.
    """
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
    """Return an O_PATH descriptor of what a path means inside a container, or None if nothing is there.

    `root` is /proc/PID/root, the root as the container sees it. Links are followed as the container would follow them,
    one at a time and by descriptor: an absolute link starts at the container's root, never at the target's. Raises
    ContainerError if the system reports another error.
    """
    try:
        return resolved(root, path)
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: str, error: OSError) -> ContainerError:
    """Return the error for a path inside a container that the system cannot read."""
    return ContainerError("%s cannot be read in the container: %s" % (ascii(path)[1:-1], error.strerror))


def resolved(root: str, path: str) -> Optional[int]:
    """Return the same as `resolve`, but raise the system's own errors."""
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
                # Procfs has links, such as /proc/self, that lead nowhere for a process outside its PID namespace.
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
    """Return whether a path exists as a container sees it. Raises ContainerError if the system cannot tell."""
    fd = resolve(root, path)
    if fd is None:
        return False
    os.close(fd)
    return True


def text_inside(root: str, path: str, limit: int) -> str:
    """Return the text of a regular file as a container sees it, at most `limit` bytes; empty if there is none.

    Files of procfs look regular, but reading some of them blocks or acts with the rights of the target's root. They
    have size 0, so a file of size 0 is not opened. Raises ContainerError if the system reports an error.
    """
    fd = resolve(root, path)
    if fd is None:
        return ""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return ""
        # Without O_NONBLOCK a process that holds a lease on the file could make us wait, see fcntl(2).
        reading = os.open("/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(reading, "rb", buffering=0) as stream:
            return (stream.read(min(limit, status.st_size)) or b"").decode("utf-8", "replace")
    except OSError as error:
        raise unreadable(path, error) from None
    finally:
        os.close(fd)
