# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes, reads and removes our files and directories (I/O)."""

from __future__ import annotations

import os
from typing import List

from ..model import mountinfo
from .programs import FailedError, run
from .requests import Place

# Marks our directory and our bridge. Without the mark, a wrong setting could remove those of others.
MARK = ".softwarecontainer-targets"


def names_of_targets(place: Place) -> List[str]:
    """Return the names of all targets in the directory, complete or not. Raise FailedError if it is not ours."""
    names = sorted(os.listdir(place.path)) if os.path.isdir(place.path) else []
    if names and MARK not in names:
        raise FailedError("%s is not empty and not ours: choose another softwarecontainer_targets_path" % place.path)
    return [name for name in names if not name.startswith(MARK)]


def make_folders(top: str, name: str) -> None:
    """Make all directories of a relative path below `top`, with the modes that they have in the tree."""
    os.makedirs(top, mode=0o755, exist_ok=True)
    path = top
    for part in filter(None, name.split("/")):
        path = os.path.join(path, part)
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
            os.chmod(path, 0o700 if part in ("root", ".ssh") else 0o755)


def write(top: str, name: str, mode: int, content: str) -> None:
    """Write a file below `top`, completely or not at all."""
    make_folders(top, os.path.dirname(name))
    path = os.path.join(top, name)
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write(content)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def read(path: str) -> str:
    """Return the text of a file, or an empty string if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


def remove(path: str) -> None:
    """Remove a directory, never through a mount: unmount first and stay on its file system. Raise FailedError."""
    for point in reversed(mount_points(path)):
        run("umount", "-l", point)
    left = mount_points(path)
    if left:
        raise FailedError("still mounted, so nothing is removed: %s" % ", ".join(left))
    if os.path.lexists(path):
        run("rm", "-rf", "--one-file-system", "--", path)


def free_bytes(path: str) -> int:
    """Return the free bytes of the file system that has a path, or will have it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def used_bytes(path: str) -> int:
    """Return how many bytes the files of a directory take on the disk, 0 if there is none; subdirectories do not count."""
    entries = os.scandir(path) if os.path.isdir(path) else ()
    return sum(entry.stat(follow_symlinks=False).st_blocks * 512 for entry in entries)


def mount_points(path: str) -> List[str]:
    """Return the mount points at and below a path, in the order of mounting."""
    points = [mount.point for mount in mountinfo.mounts_in(read("/proc/self/mountinfo"))]
    return [point for point in points if point == path or point.startswith(path + "/")]
