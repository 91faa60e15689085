# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and plans (I/O, reads only): the stage that builds the file tree."""

from __future__ import annotations

import os
from typing import Sequence

from ansible_collections.softwarecontainer.lxc.plugins.module_utils import (
    manifest,
    rootfs,
    stages,
    target,
    tree,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.spec import Container


def gather(_containers: Sequence[Container]) -> Host:
    """The facts that the tree depends on."""
    return Host(resolv_conf=target.read_text("/etc/resolv.conf"), seed=target.seed())


def plan(
    container: Container, place: stages.Place, before: manifest.Manifest, after: manifest.Manifest
) -> stages.Planned:
    """The tree."""
    uuid = before.machine_id or rootfs.machine_id(place.host.seed, place.lxc_path, container.name)
    after = after._replace(machine_id=uuid)
    found = stages.planned("rootfs", container, place, before, after, rootfs.wanted(container, place.host, uuid))
    access = rootfs.access(after.ids)
    if found.writes and not before.stages:
        return found._replace(change=found.change._replace(access=access))
    status = os.stat(os.path.join(place.lxc_path, container.name))
    there = tree.Access(status.st_mode & 0o7777, status.st_gid)
    if there == access:
        return found
    change = found.change._replace(before=before, after=found.change.after if found.writes else before, access=access)
    changes = (*found.changes, "adjust its directory to " + access.words())
    whose = (*found.whose, ("directory " + there.words(), "directory " + access.words()))
    return found._replace(change=change, changes=changes, writes=True, whose=whose)


STAGE = stages.Stage("rootfs", lambda _container: (), gather, plan)
