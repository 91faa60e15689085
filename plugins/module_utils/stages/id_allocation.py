# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the ids of containers (I/O, reads only), so that no two containers have the same ones.

The ids of our containers in this lxc path are in their manifests, those of other containers there in their configs. Ids
of other paths and of other programs are found while these run.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack
from typing import Any, Dict, List, Optional, Set

from ..container_spec.records import Container
from ..disk import beneath, locking, places, volumes
from ..errors import ContainerError
from ..lxc import runtime
from ..model import config_text, id_map
from ..model.manifest import Manifest
from ..target import facts, id_mapped_mounts
from . import planning

CONFIG_MAX = 1024 * 1024
OTHERWISE = "or set security.privileged to true to go without a user namespace"


class IdAllocation:
    """The ids of the containers of one lxc path, read when they are needed. A context manager.

    A run that chooses new ids holds a lock until they are on disk. Check mode writes nothing and takes no lock.
    """

    def __init__(self, lxc: runtime.Runtime, check: bool) -> None:
        self.lxc, self.lxc_path, self.check = lxc, lxc.lxc_path, check
        self.held = ExitStack()
        self.shifting: Optional[bool] = None
        self.free: Dict[int, None] = {}
        self.taken: Optional[Dict[str, List[id_map.Range]]] = None

    def __enter__(self) -> IdAllocation:
        return self

    def __exit__(self, *error: Any) -> None:
        self.held.close()

    def ids_so_far(self, container: Container, before: Manifest) -> id_map.Ids:
        """Return the ids of a container whose manifest is `before`. Raises ContainerError if it needs new ones.

        For a process that looks and leaves changes to another one: the two would wait for each other's lock.
        """
        return self.ids(container, before, new=False)

    def ids(self, container: Container, before: Manifest, new: bool = True) -> id_map.Ids:
        """Return the ids of a container whose manifest is `before`. Raises ContainerError if none are free."""
        if container.security.privileged:
            wanted = id_map.Ids()
        elif container.security.idmap:
            wanted = id_map.Ids(container.security.idmap, self.shifts(before))
        elif before.ids.allotted and self.still(before.ids.lines):
            wanted = before.ids._replace(shifted=self.shifts(before))
        elif not new:
            raise ContainerError("it needs new ids")
        else:
            wanted = id_map.allocated_ids(self.choose(container.name), self.shifts(before))
        wanted = wanted.after(before.ids) if before.stages else wanted
        of_volumes = volumes.recorded(self.lxc_path, container.name) if container.volumes else None
        return wanted.after(of_volumes) if of_volumes else wanted

    def shifts(self, before: Manifest) -> bool:
        """Say whether the owners of files have to be shifted on disk, because the file system cannot map ids.

        If the kernel cannot tell now, a container that exists, with the manifest `before`, stays as it is.
        """
        if self.shifting is None:
            closed = facts.closed(self.lxc_path)
            if closed:
                raise ContainerError(
                    "security: a user namespace cannot pass %s, whose mode keeps others out; chmod o+x it, %s"
                    % (closed, OTHERWISE)
                )
            try:
                able = id_mapped_mounts.supported(facts.existing(self.lxc_path))[0]
            except OSError as error:
                if before.stages:
                    return before.ids.shifted
                raise ContainerError(
                    "security: whether files can be mounted with mapped ids cannot be told now (%s: %s); run again when"
                    " there is room in the kernel, see user.max_user_namespaces" % (error.filename, error.strerror)
                ) from None
            except ContainerError as error:
                if before.stages:
                    return before.ids.shifted
                raise ContainerError(
                    "security: whether files can be mounted with mapped ids cannot be told, since %s, %s"
                    % (error, OTHERWISE)
                ) from None
            self.shifting = not able or not maps_root(self.lxc.version())
        return self.shifting

    def slots(self) -> Dict[int, None]:
        """Return the first ids of all ranges that containers can get, in order."""
        if not self.free:
            self.free = dict.fromkeys(id_map.slots(*facts.free_ids()))
        return self.free

    def still(self, lines: id_map.Lines) -> bool:
        """Say whether root still has the ids of these maps."""
        return all(first in self.slots() for first, _count in id_map.ranges(lines))

    def choose(self, name: str) -> int:
        """Return the first id of a free range. Raises ContainerError if there is none."""
        if not self.slots():
            raise ContainerError(
                "security: root has no range of %d ids for it in /etc/subuid and /etc/subgid; add a line"
                " root:FIRST:COUNT to both, with the role softwarecontainer.lxc.host for example, %s"
                % (id_map.COUNT, OTHERWISE)
            )
        if self.taken is None:
            if not self.check:
                self.held.enter_context(locking.locked(self.lxc_path, [places.IDS]))
            self.taken = {name: ranges for name, ranges in taken_in(self.lxc_path).items() if ranges}
            self.taken[""] = taken_by_processes()
        others = [each for other, ranges in self.taken.items() if other != name for each in ranges]
        first = id_map.choose("%s/%s" % (self.lxc_path, name), list(self.slots()), others)
        if first is None:
            raise ContainerError(
                "security: all ranges of root in /etc/subuid and /etc/subgid are taken; add to both, %s" % OTHERWISE
            )
        self.taken[name] = [(first, id_map.COUNT)]
        return first


def maps_root(version: str) -> bool:
    """Say whether this version of LXC takes idmap=container as an option of a rootfs; LXC does since 5.0."""
    return tuple(map(int, re.findall(r"\d+", version)[:1])) >= (5,)


def taken_in(lxc_path: str) -> Dict[str, List[id_map.Range]]:
    """Return the ids of each container of a lxc path, from its manifest if it is ours, else from its config."""
    found: Dict[str, List[id_map.Range]] = {}
    names = sorted(os.listdir(lxc_path)) if os.path.isdir(lxc_path) else []
    for name in [name for name in names if not name.startswith(".")]:
        try:
            before = planning.read_manifest(lxc_path, name)
            found[name] = id_map.ranges(before.ids.lines) if before else []
        except ContainerError:
            found[name] = id_map.ranges(lines_in(os.path.join(lxc_path, name)))
    return found


def lines_in(root: str) -> id_map.Lines:
    """Return the id maps in the config of a container that is not ours."""
    try:
        with beneath.Directories(root) as directories:
            text = beneath.read_text(directories, "config", CONFIG_MAX) or ""
    except (OSError, ContainerError):
        return ()
    values = [value.split() for key, value in config_text.lines_of(text) if key == "lxc.idmap"]
    # The letter b maps users and groups.
    kinds = [(kind, value[1:]) for value in values for kind in ("ug" if value[:1] == ["b"] else value[:1])]
    sound = [(kind, numbers) for kind, numbers in kinds if len(numbers) == 3 and all(map(str.isdigit, numbers))]
    return tuple(" ".join((kind, *numbers)) for kind, numbers in sound)


def taken_by_processes() -> List[id_map.Range]:
    """Return the ids of all user namespaces in use now, except for our own."""
    own = {facts.read_text("/proc/self/%s_map" % kind) for kind in ("uid", "gid")}
    texts: Set[str] = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        texts |= {facts.read_text("/proc/%s/%s_map" % (pid, kind)) for kind in ("uid", "gid")}
    rows = [tuple(map(int, line.split())) for text in texts - own for line in text.splitlines()]
    return [(row[1], row[2]) for row in rows if len(row) == 3]
