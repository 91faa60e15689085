# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the volumes of a container, directories of the target that outlive it.

A volume is `<lxc_path>/.volumes/<container>/<volume>`. The container's directory there is closed to the users of the
target, as its own is: a volume may have setuid programs that the container made. The container owns what is in the
volume, by the ids that its rootfs has on disk. A record beside the volumes names those ids, because the manifest goes
with the container.
"""

from __future__ import annotations

import json
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Container, Volume
from ..container_spec.rules import overlap
from ..errors import ContainerError
from ..model import id_map, tree
from ..model.host import Host
from ..model.id_map import Ids
from .lxc_mounts import Entry

DIRECTORY = ".volumes"
# No volume has this name, since it begins with a dot.
RECORD = ".ids"
OPTIONS = ("bind", "rw", "nosuid", "nodev", "rprivate")
MODE, OWNER = 0o755, (0, 0)
# A limit is a multiple of it. XFS has limits of whole blocks, and this is its largest block; see mkfs.xfs(8).
UNIT = 64 * 1024


class Observed(NamedTuple):
    """A volume as it is on disk: whether it is a directory, its mode, its user and its group, its limit in bytes or 0."""

    directory: bool
    mode: int
    owner: Tuple[int, int]
    limit: int = 0


class Step(NamedTuple):
    """What becomes of one volume: `mode`, `owner` and `limit` to give it, on disk, or None. `new`: whether it is made.

    A limit is in bytes; 0 takes it away.
    """

    name: str
    new: bool
    mode: Optional[int]
    owner: Optional[Tuple[int, int]]
    limit: Optional[int] = None


class Change(NamedTuple):
    """What becomes of the volumes of one container.

    `access`: who may pass their directory; `record`: the text of a new record.
    """

    container: str
    access: tree.Access
    record: str
    steps: Tuple[Step, ...]

    def makes(self) -> bool:
        """Return whether a volume is made."""
        return any(step.new for step in self.steps)


def entries(container: Container, host: Host, lxc_path: str, ids: Ids) -> List[Entry]:
    """Return the mounts of the volumes. Raise ContainerError if the target hides one."""
    found: List[Entry] = []
    for index, volume in enumerate(container.volumes):
        key, prefix = "volumes[%d]" % index, container.install_prefix
        if prefix in host.paths and overlap(volume.target, prefix):
            raise ContainerError(
                "%s.target: %s hides or lies below what is mounted at %s, the install_prefix"
                % (key, volume.target, prefix)
            )
        mapped = ["idmap=container"] if ids.lines and not ids.shifted else []
        source = "/".join((lxc_path, DIRECTORY, container.name, volume.name))
        found.append(Entry(source, volume.target, "none", (*OPTIONS, *mapped), key=key))
    return found


def steps(
    volumes: Sequence[Volume], ids: Ids, present: Mapping[str, Observed], limits: bool = False
) -> Tuple[Step, ...]:
    """Return what is to be done for the volumes of a container. Raise ContainerError if one cannot be made.

    `limits`: whether their file system limits what a directory may hold.
    """
    found: List[Step] = []
    for index, volume in enumerate(volumes):
        there = present.get(volume.name)
        if there and not there.directory:
            raise ContainerError("volumes[%d].name: what lies at %s is no directory" % (index, volume.name))
        owner = None if volume.owner is None else owner_on_disk("volumes[%d].owner" % index, volume.owner, ids)
        limit = limit_of("volumes[%d].size" % index, volume, ids, limits)
        if there is None:
            mode = MODE if volume.mode is None else volume.mode
            found.append(Step(volume.name, True, mode, owner or ids.owner(), limit or None))
            continue
        new_mode = None if volume.mode in (None, there.mode) else volume.mode
        new_owner = None if owner in (None, there.owner) else owner
        new_limit = None if limit == there.limit else limit
        if (new_mode, new_owner, new_limit) != (None, None, None):
            found.append(Step(volume.name, False, new_mode, new_owner, new_limit))
    return tuple(found)


def limit_of(key: str, volume: Volume, ids: Ids, limits: bool) -> int:
    """Return how many bytes a volume may hold, 0 for any number. Raise ContainerError if that cannot be enforced."""
    if volume.size is None:
        return 0
    if not ids.lines:
        raise ContainerError("%s: root of a container without a user namespace could lift the limit" % key)
    if not limits:
        raise ContainerError(
            "%s: the file system of the volumes has no project quotas in force; mount it with prjquota (an ext4 needs"
            " tune2fs -O quota,project before), or leave the size out" % key
        )
    return -(-volume.size // UNIT) * UNIT


def owner_on_disk(key: str, owner: Tuple[int, int], ids: Ids) -> Tuple[int, int]:
    """Return the ids on disk of a user and a group of the container. Raise ContainerError if it does not have them."""
    for kind, number in zip("ug", owner):
        if id_map.outside(ids.lines, kind, number) is None:
            raise ContainerError("%s: the container has no %s %d" % (key, "user" if kind == "u" else "group", number))
    return ids.owner(owner)


def words(change: Change) -> List[str]:
    """Return a change as sentences for people."""
    found = []
    for step in change.steps:
        given = ["mode %04o" % step.mode] if step.mode is not None else []
        given += ["owner %d:%d on the target" % step.owner] if step.owner is not None else []
        given += ["size %s" % (step.limit or "unlimited")] if step.limit is not None else []
        sentence = "make volume %s with %s" if step.new else "adjust volume %s to %s"
        found.append(sentence % (step.name, " and ".join(given)))
    return found


def render_record(ids: Ids) -> str:
    """Return the record of the ids that files of volumes have on disk."""
    return json.dumps({"ids": [ids.on_disk(), *ids.before]}) + "\n"


def parse_record(text: str) -> Ids:
    """Return the ids that files of volumes have on disk, from the record. Raise ContainerError if it is damaged."""
    try:
        now, *before = (tuple(map(str, lines)) for lines in json.loads(text)["ids"])
        id_map.ranges(sum(before, now))
    except (ValueError, KeyError, TypeError):
        raise ContainerError("volumes: the record of their ids is damaged; put back a copy") from None
    return Ids(now, bool(now), before=tuple(before))
