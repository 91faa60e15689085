# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): the nodes of devices that a running container has, and where these differ from what its config asks for."""

from __future__ import annotations

import os
import stat
from typing import Dict, List, Optional, Sequence, Tuple

from ..disk import beneath
from ..model import mountinfo
from ..model.config_text import Line
from ..plan import lxc_config
from ..plan.lxc_hooks import Node, nodes

KINDS = {stat.S_IFCHR: "c", stat.S_IFBLK: "b"}


def wanted(lines: Sequence[Line]) -> Dict[str, Tuple[str, Node]]:
    """Return the devices that a config asks for by their paths in the container: the source, and the node."""
    made = [pair for key, value in lines if key == "lxc.hook.pre-start" for pair in nodes(value).items()]
    targets = {
        number: "/" + mountinfo.decoded(fields[1]).strip("/")
        for key, value in lines
        if key == "lxc.mount.entry" and value.startswith(lxc_config.MOUNTS + "/")
        for fields in [value.split()]
        for number in [fields[0].rpartition("/")[2]]
    }
    return {targets[number]: found for number, found in made if number in targets}


def of(pid: int, path: str) -> Optional[Node]:
    """Return what is at a path in a container, or None if that is no device. Raise ContainerError if nobody can tell."""
    fd = beneath.resolve("/proc/%d/root" % pid, path)
    if fd is None:
        return None
    try:
        found = os.fstat(fd)
    finally:
        os.close(fd)
    kind = KINDS.get(stat.S_IFMT(found.st_mode))
    if kind is None:
        return None
    numbers = "%s %d:%d" % (kind, os.major(found.st_rdev), os.minor(found.st_rdev))
    return Node(numbers, stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def not_in_force(pid: int, lines: Sequence[Line]) -> List[str]:
    """Return a sentence for each device that a container should have and does not have. Raise ContainerError.

    Mode and owner do not count: the container's root may change those of its own node, from the first moment on.
    """
    reasons = []
    for path, (_source, node) in wanted(lines).items():
        there = of(pid, path)
        if there is None or there.device != node.device:
            found = there.device if there else "no device"
            reasons.append("gateways.devices: %s should be %s and is %s" % (path, node.device, found))
    return reasons


def effective(pid: int, lines: Sequence[Line]) -> List[Dict[str, object]]:
    """Return the nodes that a container has of those that its config asks for. Raise ContainerError."""
    found = [(path, source, of(pid, path)) for path, (source, _node) in wanted(lines).items()]
    return [
        {"source": source, "target": path, "device": node.device, "mode": "%04o" % node.mode, "owner": list(node.owner)}
        for path, source, node in found
        if node
    ]
