# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds and ends the processes of targets (I/O)."""

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

# In seconds: how long processes may take to die, and the pause between two looks.
PATIENCE = 10.0
LOOK = 0.05


def processes(place: Place, name: str = "") -> Set[int]:
    """Return the processes of one target, or of all: those with their root in its directory, LXC's monitors, and qemu.

    The root of a target is an overlay. The root of a container in it is a directory on the data partition.
    """
    upper = "upperdir=%s/%s" % (place.path, name + "/" if name else "")
    inside = "%s/%s" % (path_on_file_system(place.path), name + "/" if name else "")
    # LXC's monitor, and lxc-start, which becomes one.
    marks = ("[lxc monitor] %s " % place.path, "lxc-start -P %s -n " % place.path)
    found = set()
    for folder in glob.glob("/proc/[0-9]*"):
        root = mount_of_root(read(folder + "/mountinfo"))
        words = read(folder + "/cmdline").replace("\0", " ")
        rest = next((words[len(mark) :] for mark in marks if words.startswith(mark)), "")
        is_inside = root is not None and (upper in root.file_system_options or root.root.startswith(inside))
        if is_inside or (rest and name in ("", rest.split()[0])):
            found.add(int(folder[6:]))
    return found | machine_processes(place, name)


def machine_processes(place: Place, name: str = "") -> Set[int]:
    """Return qemu's processes of one machine, or of all: those with an image in its directory."""
    image = "filename=" + os.path.join(place.path, name, "")
    found = set()
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        words = read(path).split("\0")
        if os.path.basename(words[0]).startswith("qemu-system-") and any(image in word for word in words):
            found.add(int(path.split("/")[2]))
    return found


def mount_of_root(text: str) -> Optional[mountinfo.MountPoint]:
    """Return the mount of a process's root from its mount table, or None if the process has ended."""
    lines = (line for line in text.split("\n") if line.split(" ", 5)[4:5] == ["/"])
    return next(map(mountinfo.mount_of, lines), None)


def path_on_file_system(path: str) -> str:
    """Return a path as the field `root` of mount tables has it: from the top of its file system."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    mounts = mountinfo.mounts_in(read("/proc/self/mountinfo"))
    above = [mount for mount in mounts if (path + "/").startswith(mount.point.rstrip("/") + "/")]
    mount = max(above, key=lambda mount: len(mount.point))
    return os.path.join(mount.root, os.path.relpath(path, mount.point))


def thaw(pids: Iterable[int]) -> None:
    """Thaw processes that a container in a target has frozen. With cgroup v1 they could not die otherwise."""
    for pid in pids:
        found = re.search(r"^\d+:freezer:(/.*)$", read("/proc/%d/cgroup" % pid), re.MULTILINE)
        path = "/sys/fs/cgroup/freezer" + (found.group(1) if found else "")
        while "/lxc.payload." in path:
            with contextlib.suppress(OSError), open(path + "/freezer.state", "w", encoding="utf-8") as stream:
                stream.write("THAWED")
            path = os.path.dirname(path)


def kill(place: Place, name: str = "") -> None:
    """Kill all processes of one target, or of all. Raise FailedError if some do not end."""
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
