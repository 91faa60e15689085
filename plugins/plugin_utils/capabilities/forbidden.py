# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what no capability may open, since manifests come from many hands. A spec may still say it."""

from __future__ import annotations

import re
from typing import Any, Callable, Collection, Optional, Tuple

from ...module_utils.container_spec.rules import INIT_DIRECTORY, OWN_DIRECTORY, overlap
from ...module_utils.container_spec.values import InvalidError, matching, path

# Variables of the gateways for sockets: a program that has others passes these by.
OF_SOCKETS = re.compile(r"DBUS_.*|PULSE_.*|PIPEWIRE_.*|WAYLAND_.*|XDG_RUNTIME_DIR")
# With these, a loader or a shell runs something else than what was asked for; see ld.so(8) and bash(1).
OF_LOADERS = re.compile(r"LD_.*|GLIBC_TUNABLES|GCONV_PATH|BASH_ENV|BASH_FUNC_.*|ENV|SHELLOPTS|IFS")
VARIABLE = matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable")
# File systems of the kernel, and what the original keeps its sockets in.
KERNEL = ("/proc", "/sys", "/dev")
GATEWAYS = "/gateways"
# What the collection itself keeps on a target, beside the lxc path.
OWN_ON_TARGET = (
    "/var/cache/softwarecontainer.lxc",
    "/run/softwarecontainer.lxc",
    "/run/softwarecontainer.mounts",
    "/run/softwarecontainer.ports",
    "/etc/lxc",
    "/run/lxc",
)
# Sockets by which a container would reach what a gateway for sockets filters, or the target's own services.
SOCKETS = ("/run/dbus", "/run/user", "/run/systemd", "/run/docker.sock", "/run/containerd")
LXC_PATH = "/var/lib/lxc"
# Devices with which a container reads or writes what belongs to others: memory, ports of the processor, and disks.
DEVICES = re.compile(
    r"/dev/(mem|kmem|port|kmsg|loop-control|loop[0-9].*|(sd|hd|vd|xvd)[a-z].*|nvme.*|mmcblk.*|mtd.*|ubi.*|dm-.*|md.*"
    r"|nbd.*|ram[0-9].*|zram.*|sr[0-9].*|sg[0-9].*|bsg.*|mapper/.*|disk/.*|block/.*|cpu/.*|vhost-.*|kvm|btrfs-control)"
)
# Controllers of cgroups, version 1, with settings that only limit or count. What devices are opened, devicenode says.
CONTROLLERS = (
    "blkio",
    "cpu",
    "cpuacct",
    "cpuset",
    "hugetlb",
    "memory",
    "net_cls",
    "net_prio",
    "pids",
    "rdma",
)


def variable(value: Any) -> str:
    """Return the name of a variable that a capability may set. Raise InvalidError."""
    name = str(VARIABLE(value))
    if OF_SOCKETS.fullmatch(name):
        reason = "belongs to a gateway for sockets, which a capability must not pass by"
        raise InvalidError(reason, name)
    if OF_LOADERS.fullmatch(name):
        reason = "changes what programs are run, which a capability must not; put it into environment of the spec"
        raise InvalidError(reason, name)
    return name


def source(lxc_path: Optional[str]) -> Any:
    """Return the parser of a path on the target that a capability may show; `lxc_path`: where containers are.

    /var/run is refused whole, since it is a link to /run on every target.
    """
    hidden = (
        *KERNEL,
        "/var/run",
        GATEWAYS,
        *OWN_ON_TARGET,
        *SOCKETS,
        LXC_PATH,
        *([lxc_path.rstrip("/")] if lxc_path else []),
    )
    return lambda value: outside(path(value), hidden, upwards=[each for each in hidden if each not in KERNEL])


def target(value: Any) -> str:
    """Return a path in the container at which a capability may mount. Raise InvalidError."""
    hidden = (*KERNEL, GATEWAYS, OWN_DIRECTORY, INIT_DIRECTORY)
    return outside(path(value), hidden, upwards=hidden)


def outside(value: str, hidden: Collection[str], upwards: Collection[str]) -> str:
    """Return a path. Raise InvalidError if it is one of these or below one, or above one of `upwards`."""
    for each in hidden:
        if value == each or value.startswith(each + "/"):
            raise InvalidError("is %s, which no capability may show or hide" % within(value, each), value)
    for each in upwards:
        if overlap(value, each):
            raise InvalidError("contains %s, which no capability may show or hide" % each, value)
    return value


def within(value: str, above: str) -> str:
    """Return how a path lies in another one, in words."""
    return above if value == above else "below " + above


def device(value: Any) -> str:
    """Return the path of a device that a capability may open. Raise InvalidError."""
    found = path(value)
    if not found.startswith("/dev/"):
        raise InvalidError("is not below /dev", value)
    if DEVICES.fullmatch(found):
        reason = "gives access to what belongs to others; a capability must not, and a spec may (gateways.devices)"
        raise InvalidError(reason, value)
    return found


def writable(allowed: Optional[Tuple[str, ...]]) -> Callable[[str], str]:
    """Return a parser of a path of the target below which a capability may write; None allows all."""

    def parse(value: str) -> str:
        if allowed is not None and not any(value == each or value.startswith(each + "/") for each in allowed):
            raise InvalidError("would be written, and lies in none of capability_settings.writable", value)
        return value

    return parse
