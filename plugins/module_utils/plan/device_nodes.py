# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the devices of `gateways.devices`. Each gets a node of its own in the container, and a rule of the device cgroup.

In a user namespace the target's node belongs to nobody, and mknod(2) fails. So a hook makes the node before each start,
also when the target boots, on a small file system of this container alone; see lxc_hooks.py.
"""

from __future__ import annotations

from typing import Dict, List, Set, Tuple

from ..container_spec.records import Container, DeviceNode, Security
from ..errors import ContainerError
from ..model import id_map
from ..model.host import Host
from ..model.id_map import Ids
from .lxc_hooks import Node
from .lxc_mounts import Entry

KEY = "gateways.devices[%d]"


def entries(container: Container, host: Host, ids: Ids) -> List[Entry]:
    """Return the mount of each node. Raise ContainerError if there is no such device, or if the container lacks its owner."""
    found = []
    for index, device in enumerate(container.gateways.devices):
        key = KEY % index
        if device.source not in host.devices:
            what = "is no device" if device.source in host.kinds else "does not exist on the target"
            raise ContainerError("%s.source: %s %s" % (key, device.source, what))
        node = Node(host.devices[device.source], device.mode, owner_on_target(key, device, ids))
        options, makes = ("bind", "rw", "rprivate"), "file" if container.autodev else None
        found.append(Entry(device.source, device.target, "none", options, makes, key, node=node.words()))
    return found


def owner_on_target(key: str, device: DeviceNode, ids: Ids) -> Tuple[int, int]:
    """Return the owner of a node as the target counts users and groups. Raise ContainerError if the container lacks one."""
    user, group = (id_map.outside(ids.lines, kind, number) for kind, number in zip("ug", device.owner))
    if user is None or group is None:
        what = ("user", device.owner[0]) if user is None else ("group", device.owner[1])
        raise ContainerError("%s.owner: the container has no %s %d" % (key, *what))
    return user, group


def with_rules(container: Container, host: Host) -> Security:
    """Return what restricts the container, with a rule for each of its devices that the target has."""
    wanted = container.security
    there = [device for device in container.gateways.devices if device.source in host.devices]
    if wanted.devices is None or not there:
        return wanted
    # The kernel has one rule for each device, whatever its nodes are.
    access: Dict[str, Set[str]] = {}
    for rule in (*wanted.devices, *("%s %s" % (host.devices[device.source], device.access) for device in there)):
        numbers, _blank, letters = rule.rpartition(" ")
        access.setdefault(numbers, set()).update(letters)
    rules = ["%s %s" % (numbers, "".join(sorted(letters, key="rwm".index))) for numbers, letters in access.items()]
    return wanted._replace(devices=tuple(rules))
