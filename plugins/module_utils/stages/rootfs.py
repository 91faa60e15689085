# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that builds the rootfs (I/O, reads only): its facts and its plan."""

from __future__ import annotations

import os
from typing import Dict, Sequence, Set, Tuple

from ..container_spec.records import Container
from ..disk import volumes
from ..model import manifest, tree
from ..model.host import DIRECTORY, FILE, Host
from ..plan import lxc_mounts, name_servers, rootfs_tree
from ..target import facts
from . import planning

RESOLV_CONF = "rootfs" + rootfs_tree.RESOLV_CONF


def gather(containers: Sequence[Container], host: Host) -> Host:
    """Add to the facts what the tree depends on."""
    kinds = {path: facts.kind(path) for container in containers for path in lxc_mounts.bound(container)}
    return host._replace(
        kinds={**host.kinds, **{path: kind for path, kind in kinds.items() if kind}},
        resolv_conf=facts.read_text(rootfs_tree.RESOLV_CONF),
        seed=facts.seed(),
    )


def plan(
    container: Container, place: planning.Place, before: manifest.Manifest, after: manifest.Manifest
) -> planning.Planned:
    """Plan the tree."""
    uuid = before.machine_id or rootfs_tree.machine_id(place.host.seed, place.lxc_path, container.name)
    after = after._replace(machine_id=uuid)
    rootfs_tree.check_owners(container, after.ids)
    copy = resolv_conf(container, place)
    kinds = {**remembered(container, before), **place.host.kinds}
    host = place.host._replace(resolv_conf=copy.text, kinds=kinds)
    others = made_by_others(container, place._replace(host=host), before, after)
    wanted = rootfs_tree.desired_entries(container, host, uuid, others)
    copied = rootfs_tree.copies_resolv_conf(container)
    effects = rootfs_tree.effects(container, host, uuid, others)

    def seen_inside(actions: Tuple[tree.Action, ...]) -> bool:
        """Leave out a copied resolv.conf: it changes when the target's does, and programs read it at any time."""
        return any(not (copied and action.path == RESOLV_CONF) and action.path not in effects for action in actions)

    def read_at_signal(actions: Tuple[tree.Action, ...]) -> bool:
        return any(effects.get(action.path) == "reload" for action in actions)

    asked = rootfs_tree.requested_part(container, host)
    found = planning.planned(
        "rootfs", container, place, before, after, wanted, seen_inside, asked=asked, read_at_signal=read_at_signal
    )
    if copy.note and any(action.path == RESOLV_CONF for action in found.change.actions):
        found = found._replace(changes=(*found.changes, copy.note))
    found = found._replace(warning=copy.warning)
    access = rootfs_tree.access(after.ids)
    if found.writes and not before.stages:
        return found._replace(change=found.change._replace(access=access))
    status = os.stat(os.path.join(place.lxc_path, container.name))
    there = tree.Access(status.st_mode & 0o7777, status.st_gid)
    if there == access and volumes.passes(place.lxc_path, container, access):
        return found
    change = found.change._replace(before=before, after=found.change.after if found.writes else before, access=access)
    changes = (*found.changes, "adjust its directory to " + access.words())
    whose = (*found.whose, ("directory " + there.words(), "directory " + access.words()))
    return found._replace(change=change, changes=changes, writes=True, whose=whose)


def remembered(container: Container, before: manifest.Manifest) -> Dict[str, str]:
    """Return the kinds of the mounts' sources when their targets were made. An optional source may have gone since."""
    owned = before.entries("rootfs")
    kinds = [(mount.source, owned.get("rootfs" + mount.target)) for mount in container.mounts]
    return {source: DIRECTORY if record[0] == tree.DIRECTORY else FILE for source, record in kinds if record}


def made_by_others(
    container: Container, place: planning.Place, before: manifest.Manifest, after: manifest.Manifest
) -> Set[str]:
    """Return the mount targets that exist and that this collection did not make. They stay as they are."""
    owned = {path for stage in before.stages.values() for path in stage.entries}
    targets = rootfs_tree.mount_targets(container, place.host)
    foreign = {path: entry for path, entry in targets.items() if path not in owned}
    if not foreign or not before.stages:
        return set()
    there = planning.observe(place.lxc_path, container.name, foreign, {}, after.ids)
    return {path for path, found in there.items() if found.kind == foreign[path].kind}


def resolv_conf(container: Container, place: planning.Place) -> name_servers.Copy:
    """Return the target's /etc/resolv.conf as this container needs it."""
    text = place.host.resolv_conf
    if not rootfs_tree.copies_resolv_conf(container) or not name_servers.is_apart(container):
        return name_servers.Copy(text)
    if not name_servers.only_itself(text):
        return name_servers.Copy(text)
    # Few runs need it.
    from ..target import resolvers

    return name_servers.copied(text, resolvers.find(name_servers.bridges(container, place.bridge)))


STAGE = planning.Stage("rootfs", lambda _container: (), gather, plan)
