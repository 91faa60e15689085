# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and ends the processes of system containers (I/O)."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import signal
import time
from typing import Iterable, Optional, Set

from ..model import mountinfo
from .files import read
from .programs import FailedError
from .requests import Place

# How long processes may take to die, and how often to look, in seconds.
PATIENCE = 10.0
LOOK = 0.05


def processes(place: Place, name: str = "") -> Set[int]:
    """The processes of a target, or of all: those whose root lies in its directory, and LXC's monitors of them.

    The root is an overlay, or, for a container in a target, a directory of the data partition.
    """
    upper = "upperdir=%s/%s" % (place.path, name + "/" if name else "")
    inside = "%s/%s" % (path_on_file_system(place.path), name + "/" if name else "")
    # LXC's monitor, and what becomes one.
    marks = ("[lxc monitor] %s " % place.path, "lxc-start -P %s -n " % place.path)
    found = set()
    for folder in glob.glob("/proc/[0-9]*"):
        root = mount_of_root(read(folder + "/mountinfo"))
        words = read(folder + "/cmdline").replace("\0", " ")
        rest = next((words[len(mark) :] for mark in marks if words.startswith(mark)), "")
        is_inside = root is not None and (upper in root.file_system_options or root.root.startswith(inside))
        if is_inside or (rest and name in ("", rest.split()[0])):
            found.add(int(folder[6:]))
    return found


def mount_of_root(text: str) -> Optional[mountinfo.MountPoint]:
    """The mount of a process's root, from its mount table; None for a process that has ended."""
    lines = (line for line in text.split("\n") if line.split(" ", 5)[4:5] == ["/"])
    return next(map(mountinfo.mount_of, lines), None)


def path_on_file_system(path: str) -> str:
    """A path as mount tables have it in their field `root`: from the top of its file system."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    mounts = mountinfo.mounts_in(read("/proc/self/mountinfo"))
    above = [mount for mount in mounts if (path + "/").startswith(mount.point.rstrip("/") + "/")]
    mount = max(above, key=lambda mount: len(mount.point))
    return os.path.join(mount.root, os.path.relpath(path, mount.point))


def thaw(pids: Iterable[int]) -> None:
    """Let processes die that a container in a target has frozen; cgroup v1 would keep them."""
    for pid in pids:
        found = re.search(r"^\d+:freezer:(/.*)$", read("/proc/%d/cgroup" % pid), re.MULTILINE)
        path = "/sys/fs/cgroup/freezer" + (found.group(1) if found else "")
        while "/lxc.payload." in path:
            with contextlib.suppress(OSError), open(path + "/freezer.state", "w", encoding="utf-8") as stream:
                stream.write("THAWED")
            path = os.path.dirname(path)


def kill(place: Place, name: str = "") -> None:
    """End all processes of a target, or of all; they have no way to refuse. Raises FailedError."""
    deadline = time.monotonic() + PATIENCE
    while True:
        left = processes(place, name)
        if not left:
            return
        if time.monotonic() > deadline:
            raise FailedError("these processes do not end: %s" % sorted(left))
        thaw(left)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(LOOK)
