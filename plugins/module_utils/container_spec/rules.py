# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: rules for combinations of keys within one spec."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

from . import records
from .values import InvalidError, path, text

# The directory in the container for the command line, if LXC cannot split it.
OWN_DIRECTORY = "/etc/softwarecontainer"
# Where the directory of LXC's init is mounted.
INIT_DIRECTORY = "/usr/sbin"


def check_paths(container: records.Container) -> None:
    """Raise InvalidError if a path is declared twice, lies below a file, or would be hidden by a mount."""
    covered = covers(container)
    declared = [("directories[%d].path" % index, item.path) for index, item in enumerate(container.directories)]
    declared += [("files[%d].path" % index, item.path) for index, item in enumerate(container.files)]
    seen: List[str] = []
    for where, declared_path in declared:
        if declared_path in seen:
            raise InvalidError("is declared twice", declared_path, where)
        if (declared_path + "/").startswith(OWN_DIRECTORY + "/"):
            raise InvalidError("belongs to this collection", declared_path, where)
        if any(declared_path.startswith(item.path + "/") for item in container.files):
            raise InvalidError("lies below a declared file", declared_path, where)
        over = next((point for point in covered if declared_path.startswith(point + "/")), None)
        if over:
            raise InvalidError("would be hidden by what is mounted at %s" % over, declared_path, where)
        seen.append(declared_path)
    for index, archive in enumerate(container.archive):
        reason = unfit(archive.target, container)
        if reason:
            raise InvalidError(reason, archive.target, "archive[%d].target" % index)


def unfit(target: str, container: records.Container) -> Optional[str]:
    """Return why nothing can be delivered below a directory of the container, or None."""
    below = target + "/"
    over = next((point for point in covers(container) if below.startswith(point + "/")), None)
    if over:
        return "would be hidden by what is mounted at %s" % over
    if below.startswith(OWN_DIRECTORY + "/"):
        return "belongs to this collection"
    return "lies below a declared file" if any(below.startswith(item.path + "/") for item in container.files) else None


def check_reload(container: records.Container) -> None:
    """Raise InvalidError if a change of a file cannot be followed by what it asks for."""
    for index, item in enumerate(container.files):
        where = "files[%d].on_change" % index
        if item.on_change == "reload" and not container.reload:
            raise InvalidError("needs the key reload, which names the signal", item.on_change, where)
        if item.on_change == "restart" and container.on_change == "leave":
            raise InvalidError("contradicts the container's own on_change, which is leave", item.on_change, where)


def check_restart(container: records.Container) -> None:
    """Raise InvalidError if the container has an init of its own, and no supervisor that could restart its command."""
    if container.restart.policy != "never" and container.init:
        reason = "has no effect together with an init of its own, which decides itself what it starts again"
        raise InvalidError(reason, container.restart.policy, "restart.policy")


def covers(container: records.Container) -> Tuple[str, ...]:
    """Return the mount points that exist in the container on every target. They hide what lies below them."""
    system = ("/usr", "/lib", "/proc", "/sys") if container.system_mounts else ()
    devices = ("/dev",) if container.autodev else ()
    gateways = ("/gateways",) if container.gateway_dir else ()
    declared = [mount.target for mount in container.mounts if not mount.optional]
    return (*system, *devices, *gateways, *declared, *(volume.target for volume in container.volumes))


def check_limits(limits: records.Limits) -> None:
    """Raise InvalidError unless `memory_swap` is at least `memory`.

    `memory_swap` is memory and swap together, as in LXC's memory.memsw.limit_in_bytes.
    """
    if limits.memory_swap is None:
        return
    if limits.memory is None:
        raise InvalidError("needs limits.memory as well", limits.memory_swap, "limits.memory_swap")
    if limits.memory_swap < limits.memory:
        raise InvalidError(
            "is memory and swap together and cannot be less than memory", limits.memory_swap, "limits.memory_swap"
        )


def check_mounts(mounts: Tuple[records.Mount, ...]) -> None:
    """Raise InvalidError for an invalid mount source. The source of a bind mount must be a path on the target."""
    for index, mount in enumerate(mounts):
        where = "mounts[%d].source" % index
        try:
            path(mount.source) if mount.type == "none" else text(mount.source)
        except InvalidError as error:
            raise InvalidError(error.reason, error.value, where) from None
        if not mount.source:
            raise InvalidError("is empty", mount.source, where)
        if mount.source.startswith("#"):
            raise InvalidError("would be a comment for LXC, since it begins with a hash", mount.source, where)


def check_volumes(container: records.Container) -> None:
    """Raise InvalidError if a volume has the name of another one, or if it and another mount would hide each other."""
    points = [*covers(container._replace(volumes=())), *(mount.target for mount in container.mounts if mount.optional)]
    points += [] if container.init else [INIT_DIRECTORY]
    for index, volume in enumerate(container.volumes):
        where = "volumes[%d]" % index
        if any(volume.name == other.name for other in container.volumes[:index]):
            raise InvalidError("is the name of two volumes", volume.name, where + ".name")
        if overlap(volume.target, OWN_DIRECTORY):
            raise InvalidError(
                "would hide %s, which belongs to this collection" % OWN_DIRECTORY, volume.target, where + ".target"
            )
        over = next((point for point in points if overlap(volume.target, point)), None)
        if over:
            raise InvalidError("hides or lies below what is mounted at %s" % over, volume.target, where + ".target")
        points.append(volume.target)


def check_devices(container: records.Container) -> None:
    """Raise InvalidError if the node of a device does not lie below /dev, or something else is there."""
    mounted = [mount.target for mount in container.mounts] + [volume.target for volume in container.volumes]
    for index, device in enumerate(container.gateways.devices):
        where = "gateways.devices[%d].target" % index
        if not device.target.startswith("/dev/"):
            raise InvalidError("does not lie below /dev", device.target, where)
        if device.mode & ~0o777:
            raise InvalidError(
                "has more than the rights to read and write", "%04o" % device.mode, "gateways.devices[%d].mode" % index
            )
        ttys = ["/dev/tty%d" % number for number in range(1, container.tty + 1)]
        over = next((point for point in (*OF_DEV, *ttys, *mounted) if overlap(device.target, point)), None)
        if over:
            raise InvalidError("is the same as %s, or one lies below the other" % over, device.target, where)
        mounted.append(device.target)


# What LXC and the kernel put below /dev, see lxc.container.conf(5) under lxc.autodev.
OF_DEV = tuple(
    "/dev/" + name
    for name in (
        *(
            "console",
            "core",
            "fd",
            "full",
            "hugepages",
            "initctl",
            "log",
            "lxc",
            "mqueue",
            "null",
            "ptmx",
            "pts",
            "random",
        ),
        *("shm", "stderr", "stdin", "stdout", "tty", "urandom", "zero"),
    )
)


def overlap(one: str, other: str) -> bool:
    """Return whether two paths are the same, or one lies below the other."""
    return (one + "/").startswith(other + "/") or (other + "/").startswith(one + "/")


def interface_name(index: int, interface: records.Interface) -> Optional[str]:
    """Return the name of an interface in the container, or None if it needs no name."""
    return interface.name or (None if interface.type in ("none", "empty") else "eth%d" % index)


def check_network(network: Tuple[records.Interface, ...]) -> None:
    """Raise InvalidError if two interfaces have the same name, or if one cannot have an address chosen for it."""
    names = [interface_name(index, interface) for index, interface in enumerate(network)]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise InvalidError("is the name of two interfaces", name, "network[%d].name" % index)
    for index, interface in enumerate(network):
        where = "network[%d].ipv4" % index
        if interface.ipv4.count(records.AUTO) > 1:
            raise InvalidError("is there twice; it stands for one address", records.AUTO, where)
        if records.AUTO in interface.ipv4 and interface.type != "veth":
            raise InvalidError("is for interfaces of type veth, on a bridge", records.AUTO, where)


def check_ports(container: records.Container) -> None:
    """Raise InvalidError if ports are published and no interface can have an address for it."""
    reached = (item.type == "veth" and item.ipv4 for item in container.network)
    by_lxc = any(re.fullmatch(r"lxc\.net\.[0-9]+\.ipv4\.address", key) for key, _values in container.lxc)
    if container.ports and not any(reached) and not by_lxc:
        reason = "needs an interface of type veth with an IPv4 address (network[].ipv4: auto)"
        raise InvalidError(reason, container.ports[0].target, "ports[0].target")
