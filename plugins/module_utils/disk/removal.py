# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): removes containers and what is left of them."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from typing import Dict, Iterable, List, Sequence, Tuple

from ..errors import ContainerError
from ..model import manifest as manifests
from . import places, writing
from .beneath import OPEN_DIRECTORY, Directories, mounted_below

# With more actions than this, another process is worth its fork.
MANY = 1000


def sweep(lxc_path: str, name: str) -> None:
    """Remove what an interrupted run left behind."""
    for path in places.leftovers(lxc_path, name):
        above, _slash, last = path.rpartition("/")
        # Directories are moved up to a place where the next run looks, in case this one is killed as well.
        own = above in (lxc_path, places.volumes(lxc_path))
        with Directories(path if own else above) as directories:
            remove_below(directories, os.listdir(path) if own else (last,))
        if own:
            os.rmdir(path)


def remove_containers(lxc_path: str, names: Sequence[str]) -> Dict[str, str]:
    """Remove the directories of containers. Return the reason for each that could not be removed."""
    return writing.remove_all({name: partial(remove_container, lxc_path, name) for name in names}, lxc_path)


def remove_container(lxc_path: str, name: str) -> None:
    """Remove a container's directory and everything below it.

    The config goes first: without it the container is incomplete. The manifest goes last: while it exists, the rest is
    known to be ours, and the next run goes on. Raises ContainerError before anything is removed if something is mounted
    below.
    """
    root = os.path.join(lxc_path, name)
    refuse_mounts(root)
    sweep(lxc_path, name)
    if not os.path.lexists(root):
        return
    with Directories(root) as directories:
        top = directories.must("")
        unlink_if_there("config", top)
        os.fsync(top)
        remove_below(directories, [entry for entry in os.listdir(top) if entry != manifests.FILE_NAME])
        unlink_if_there(manifests.FILE_NAME, top)
    os.rmdir(root)


def unlink_if_there(name: str, parent: int) -> None:
    """Remove a name that may be missing."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def refuse_mounts(root: str) -> None:
    """Raise ContainerError if anything is mounted below a directory."""
    below = mounted_below(root)
    if below:
        raise ContainerError("%s is mounted on the target below the container; unmount it" % ascii(below[0])[1:-1])


def remove_below(directories: Directories, entries: Iterable[str]) -> None:
    """Remove entries of the root directory and everything below them.

    Directories are moved up and emptied one by one, so that a deep tree costs neither stack nor descriptors. A mount
    point cannot be moved and is an error; it is not entered. A directory that cannot be moved for another reason, such
    as one in the lower layer of an overlay, is emptied where it is.
    """
    top = directories.must("")
    waiting = list(entries)
    moved = 0
    while waiting:
        name = waiting.pop()
        directories.forget(name)
        if not unlink_or_tell(name, top):
            continue
        fd = directories.open(top, name, name)
        if fd is None:
            continue
        try:
            for entry in os.listdir(fd):
                if unlink_or_tell(entry, fd):
                    moved += 1
                    other = "%s.%d.%d" % (places.STAGE, os.getpid(), moved)
                    if move_up(entry, fd, other, top):
                        waiting.append(other)
                    else:
                        remove_in_place(directories, entry, fd)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=top)


def move_up(name: str, parent: int, other: str, top: int) -> bool:
    """Rename a directory into the top one. Return False if the file system does not allow it (EXDEV)."""
    try:
        os.rename(name, other, src_dir_fd=parent, dst_dir_fd=top)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def remove_in_place(directories: Directories, name: str, parent: int) -> None:
    """Remove a directory and everything below it, bottom up. Like `walking.walk` it follows no link."""
    way: List[Tuple[str, Tuple[int, int]]] = []
    here = os.dup(parent)
    waiting = [[name]]
    try:
        while waiting:
            if waiting[-1]:
                entry = waiting[-1].pop()
                there = unlink_or_tell(entry, here)
                below = directories.open(here, entry, ascii(entry)[1:-1]) if there else None
                if below is not None:
                    way.append((entry, identity(here)))
                    os.close(here)
                    here = below
                    waiting.append(os.listdir(here))
                continue
            waiting.pop()
            if way:
                entry, expected = way.pop()
                above = os.open("..", OPEN_DIRECTORY, dir_fd=here)
                os.close(here)
                here = above
                if identity(here) != expected:
                    raise ContainerError("its directories changed while we looked; run again")
                os.rmdir(entry, dir_fd=here)
    finally:
        os.close(here)


def unlink_or_tell(name: str, parent: int) -> bool:
    """Remove a name. Return True if it is a directory, which is still there."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        # For a directory unlink(2) fails with EISDIR on Linux, and with EPERM according to POSIX.
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        return True
    return False


def identity(fd: int) -> Tuple[int, int]:
    """Return what distinguishes an open file from all others: its device and inode."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def remove_cgroups(paths: Iterable[str]) -> None:
    """Remove cgroups that no longer contain a process, and those below them."""
    for path in paths:
        for folder, _names, _files in os.walk(path, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)
