# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): shifts the owners of a container's files to other ids."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Dict, Iterator, Optional, Sequence, Tuple

from ..errors import ContainerError
from ..model import manifest as manifests
from ..model.id_map import Ids, shifted_id
from . import places, removal, single_files, volumes, walking, writing
from .beneath import Directories, read_text


def shift_all(lxc_path: str, names: Sequence[str]) -> Dict[str, str]:
    """Shift the owners of all files of these containers to their ids. Return the reasons of those that failed."""
    return writing.for_all({name: partial(shift, lxc_path, name) for name in names}, lxc_path, divide=True)


def shift(lxc_path: str, name: str) -> None:
    """Shift the owners of all files of a stopped container to its ids.

    After a kill the next run goes on, because the manifest names the former ids until everything is on disk. The kernel
    clears setuid bits and capabilities of files, see chown(2). `refuse_shift` has already rejected whatever could lead
    out of the rootfs.
    """
    root = os.path.join(lxc_path, name)
    with Directories(root) as directories:
        record = manifests.parse(read_text(directories, manifests.FILE_NAME, manifests.SIZE_MAX) or "")
        settled = record.ids._replace(before=())
        with trees(lxc_path, name) as found:
            volumes.record(lxc_path, name, record.ids)
            for fd, status, _way in (each for top in found.values() for each in walking.walk(top)):
                owner = new_owner(record.ids, status)
                if owner:
                    # An O_PATH descriptor of a link stands for the link itself, never for its target.
                    os.chown("/proc/self/fd/%d" % fd, *owner)
            writing.sync(root)
            volumes.record(lxc_path, name, settled)
        single_files.replace_text(directories, manifests.FILE_NAME, manifests.render(record._replace(ids=settled)))


@contextmanager
def trees(lxc_path: str, name: str) -> Iterator[Dict[str, int]]:
    """Yield the directories below which a container owns what is there, by name: its rootfs, if it has one, and its volumes."""
    with ExitStack() as stack:
        found: Dict[str, int] = {}
        root = os.path.join(lxc_path, name)
        # Check mode only predicts a new container.
        if os.path.isdir(root):
            found["rootfs"] = stack.enter_context(Directories(root)).must("rootfs")
        names = volumes.names(lxc_path, name)
        if names:
            beside = stack.enter_context(Directories(places.volumes(lxc_path, name)))
            found.update({"volume " + volume: beside.must(volume) for volume in names})
        yield found


def new_owner(ids: Ids, status: os.stat_result) -> Optional[Tuple[int, int]]:
    """Return the user and the group that a file must get, -1 for one that is right; None if both are right."""
    user, group = shifted_id(ids, "u", status.st_uid), shifted_id(ids, "g", status.st_gid)
    return None if user is None and group is None else (-1 if user is None else user, -1 if group is None else group)


def refuse_shift(lxc_path: str, name: str, ids: Ids) -> None:
    """Raise ContainerError if owners cannot be shifted: a file has another name elsewhere, or something is mounted.

    Such a file would change outside of the rootfs as well.
    """
    for root in (os.path.join(lxc_path, name), places.volumes(lxc_path, name)):
        removal.refuse_mounts(root)
    with trees(lxc_path, name) as found:
        for label, top in found.items():
            path = linked_elsewhere(top, ids)
            if path:
                raise ContainerError(
                    "%s has another name outside of the %s, so its owner is not shifted; remove one of them"
                    % (ascii("/".join((label, path)))[1:-1], label)
                )


def linked_elsewhere(top: int, ids: Ids) -> Optional[str]:
    """Return the path of a file below a directory that has another name elsewhere, if there is one to be shifted."""
    missing: Dict[Tuple[int, int], Tuple[int, str]] = {}
    # The container may be running, so entries may disappear.
    for _fd, status, way in walking.walk(top, skip_gone=True):
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode) and new_owner(ids, status):
            path = "/".join(way)
            left = missing.pop((status.st_dev, status.st_ino), (status.st_nlink, path))[0] - 1
            if left:
                missing[status.st_dev, status.st_ino] = left, path
    return next((path for _left, path in missing.values()), None)
