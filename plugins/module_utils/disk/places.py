# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): where the collection puts its files for containers, and what an interrupted change left there."""

from __future__ import annotations

import os
import re
from typing import List, Tuple

from ..container_spec import keys
from ..model import manifest as manifests
from ..plan import volumes as plan

# Work in progress is in the container's own directory, never below its rootfs.
STAGE = ".stage"
# The lock of runs that choose ids for containers of a lxc path.
IDS = ".ids"
# The checkpoint's directory in the lxc path. No container can have this name or the name of its build directory.
CHECKPOINT = ".checkpoint"
# The directory in the lxc path with the contents of files that came from the controller, each under its SHA-256.
OBJECTS = ".objects"
# The top-level names of a container or a checkpoint that is being built. A directory with any other name in it is not
# ours.
BUILT = frozenset(("rootfs", "log", "config", manifests.FILE_NAME, "index.json", "containers", "objects"))


def objects(lxc_path: str) -> str:
    """Return the directory with the contents of files that came from the controller."""
    return os.path.join(lxc_path, OBJECTS)


def building(lxc_path: str, name: str) -> str:
    """Return the directory where a new container is built before it is renamed into place."""
    return os.path.join(lxc_path, ".%s.new" % name)


def unfinished(lxc_path: str) -> List[str]:
    """Return the names of new containers whose build was interrupted. Only reads."""
    names = os.listdir(lxc_path) if os.path.isdir(lxc_path) else ()
    found = [match.group(1) for match in map(re.compile(r"\.(%s)\.new" % keys.NAME).fullmatch, names) if match]
    return sorted(name for name in found if interrupted(building(lxc_path, name)))


def interrupted(place: str) -> bool:
    """Return whether a directory is what an interrupted build left, or the interrupted removal of such a directory."""
    if os.path.islink(place) or not os.path.isdir(place):
        return False
    return all(entry in BUILT or entry.startswith(STAGE) for entry in os.listdir(place))


def leftovers(lxc_path: str, name: str) -> Tuple[str, ...]:
    """Return the paths that an interrupted run left behind. Only reads."""
    new, final = building(lxc_path, name), os.path.join(lxc_path, name)
    found = [new] if interrupted(new) else []
    if os.path.isdir(final) and not os.path.islink(final):
        entries = os.listdir(final)
        # The second-to-last step of a removal leaves an empty directory.
        found += [] if entries else [final]
        if manifests.FILE_NAME in entries:
            found += [os.path.join(final, entry) for entry in entries if entry.startswith(STAGE)]
    gone = volumes_gone(lxc_path, name)
    found += [gone] if os.path.isdir(gone) and not os.path.islink(gone) else []
    return tuple(found)


def volumes(lxc_path: str, *name: str) -> str:
    """Return the directory of all volumes of a lxc path, or that of the volumes of one container."""
    return os.path.join(lxc_path, plan.DIRECTORY, *name)


def volumes_gone(lxc_path: str, name: str) -> str:
    """Return the directory that the volumes of a container have while they are removed. No container has its name."""
    return volumes(lxc_path, ".%s.gone" % name)
