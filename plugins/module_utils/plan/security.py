# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the config lines that restrict the container. See lxc.container.conf(5)."""

from __future__ import annotations

from typing import List, Mapping, Tuple

from ..container_spec.records import Security
from ..errors import ContainerError
from ..model.host import Host
from ..model.id_map import Ids

# AppArmor profiles that need no AppArmor in the kernel.
UNCONFINED = ("unconfined", "unchanged")
# The devices that every program expects: null, zero, full, random, urandom, tty, console, ptmx, pseudo terminals. They
# are those of LXC's own common.conf, without fuse; see devices.txt of the kernel for the numbers.
DEVICES = (
    "c 1:3 rwm",
    "c 1:5 rwm",
    "c 1:7 rwm",
    "c 1:8 rwm",
    "c 1:9 rwm",
    "c 5:0 rwm",
    "c 5:1 rwm",
    "c 5:2 rwm",
    "c 136:* rwm",
)

Line = Tuple[str, str]


def lines(wanted: Security, host: Host, ids: Ids) -> List[Line]:
    """Return the lines of all restrictions. Raise ContainerError if the target does not support one of them."""
    found: List[Line] = [("lxc.cap.drop", name) for name in wanted.drop_capabilities]
    if wanted.no_new_privs:
        found.append(("lxc.no_new_privs", "1"))
    found += [*devices(wanted, host.controllers), *seccomp(wanted, host), *access_control(wanted, host)]
    found += [("lxc.idmap", line) for line in ids.lines]
    if ids.lines and not ids.shifted:
        found.append(("lxc.rootfs.options", "idmap=container"))
    return found


def devices(wanted: Security, controllers: Mapping[str, int]) -> List[Line]:
    """Return the lines that forbid all devices except the usual ones and those declared.

    Cgroups of version 2 have no devices controller: LXC attaches a program to the cgroup, see cgroups(7) and bpf(2).
    Raise ContainerError if the kernel supports neither.
    """
    if wanted.devices is None:
        return []
    version = controllers.get("devices", controllers.get("unified"))
    if version is None:
        raise ContainerError(
            "security.devices: no cgroup of the target's kernel can restrict devices; set it to all to go without"
        )
    prefix = "lxc.cgroup.devices." if version == 1 else "lxc.cgroup2.devices."
    return [(prefix + "deny", "a"), *[(prefix + "allow", rule) for rule in (*DEVICES, *wanted.devices)]]


def allows(wanted: Security, device: str) -> bool:
    """Return whether a container may read or write a device, given as c or b and its numbers, such as `c 10:200`."""
    if wanted.devices is None:
        return True
    kind, numbers = device.split(" ")
    for rule in (*DEVICES, *wanted.devices):
        its_kind, its_numbers, access = rule.split(" ")
        pairs = zip(its_numbers.split(":"), numbers.split(":"))
        if its_kind == kind and set("rw") & set(access) and all(allowed in ("*", number) for allowed, number in pairs):
            return True
    return False


def seccomp(wanted: Security, host: Host) -> List[Line]:
    """Return the line for the filter of system calls.

    Raise ContainerError if the kernel has no seccomp, or if the profile does not exist.
    """
    if wanted.seccomp == "none":
        return []
    if not host.seccomp:
        raise ContainerError("security.seccomp: the target's kernel has no seccomp; set it to none to go without")
    if wanted.seccomp == "common" and not host.seccomp_profile:
        raise ContainerError(
            "security.seccomp: the target has no common.seccomp of LXC; install LXC's configuration files, or set it to"
            " a profile, or to none to go without"
        )
    profile = host.seccomp_profile if wanted.seccomp == "common" else wanted.seccomp
    if wanted.seccomp != "common" and profile not in host.paths:
        raise ContainerError("security.seccomp: %s does not exist on the target" % profile)
    return [("lxc.seccomp.profile", str(profile))]


def access_control(wanted: Security, host: Host) -> List[Line]:
    """Return the lines for AppArmor and SELinux. Raise ContainerError if the kernel lacks what the spec asks for.

    LXC would start the container unconfined then, without a message.
    """
    found: List[Line] = []
    if wanted.apparmor:
        if not host.apparmor and wanted.apparmor not in UNCONFINED:
            raise ContainerError(
                "security.apparmor: the target's kernel has no AppArmor for the profile %s" % wanted.apparmor
            )
        found.append(("lxc.apparmor.profile", wanted.apparmor))
    if wanted.selinux:
        if not host.selinux:
            raise ContainerError("security.selinux: the target's kernel has no SELinux for %s" % wanted.selinux)
        found.append(("lxc.selinux.context", wanted.selinux))
    return found
