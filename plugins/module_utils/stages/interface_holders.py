# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the running containers that have interfaces of the target (I/O, reads only). The target lacks these meanwhile."""

from __future__ import annotations

import os
from typing import Dict, List, Mapping, Tuple

from ..container_spec import interfaces
from ..errors import ContainerError
from ..model import config_text
from ..plan import lxc_config, transitions
from ..target import facts, processes
from ..target.memory import read_once
from ..verify import in_force, usage
from . import planning


@read_once
def holders(lxc_path: str) -> Mapping[str, str]:
    """Return the container that has each interface, by the name that the interface has on the target.

    This looks at all processes, so callers ask only if an interface is missing.
    """
    names = os.listdir(lxc_path) if os.path.isdir(lxc_path) else []
    places = {name: os.path.join(lxc_path, name) for name in names}
    found: Dict[str, str] = {}
    for name, pid in processes.inits({name: place + "/rootfs" for name, place in places.items()}).items():
        try:
            inside = usage.read_parsed(pid, "net/dev", in_force.interfaces_in)
        except ContainerError:
            continue  # It has made more interfaces than anybody would read.
        for link, called in taken_by(facts.read_text(os.path.join(places[name], lxc_config.FILE_NAME))):
            # If the config is newer than the start, the interface may still have the name from the old config.
            if called in inside or changed_since_start(lxc_path, name, pid):
                found[link] = name
    return found


def taken_by(text: str) -> List[Tuple[str, str]]:
    """Return the interfaces of the target that a config takes: their names there, and in the container."""
    found: Dict[str, Dict[str, str]] = {}
    for key, value in config_text.lines_of(text):
        match = interfaces.NET.fullmatch(key)
        if match:
            found.setdefault(match.group(1), {})[match.group(2)] = value
    taken = [values for values in found.values() if values.get("type") == "phys" and values.get("link")]
    return [(values["link"], values.get("name") or values["link"]) for values in taken]


def changed_since_start(lxc_path: str, name: str, pid: int) -> bool:
    """Say whether the container runs with another config than the one on disk."""
    try:
        record = planning.read_manifest(lxc_path, name)
    except ContainerError:
        return False
    monitor = processes.parent(pid)
    started = processes.started(monitor) if monitor else None
    return record is not None and transitions.restart_due(record.changed(), processes.boot_id(), started)
