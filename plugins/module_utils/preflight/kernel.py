# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: checks of the target's kernel and Python that do not depend on the containers."""

from __future__ import annotations

from typing import Callable

from ..plan import compatibility
from .records import Check, Facts

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


def root(facts: Facts, _containers: object) -> Check:
    return Check(facts.root, "root" if facts.root else "another user", "set ansible_become, or log in as root")


def python(facts: Facts, _containers: object) -> Check:
    found = "Python %s %s the module ctypes" % (facts.python, "with" if facts.ctypes else "without")
    return Check(facts.ctypes, found, "install the rest of its standard library, python3-ctypes on Yocto and OpenWrt")


def namespaces(facts: Facts, _containers: object) -> Check:
    lacking = [name for name in NAMESPACES if name not in facts.namespaces]
    found = "Linux %s with all of %s" % (facts.kernel, ", ".join(NAMESPACES))
    if lacking:
        found = "Linux %s without %s" % (facts.kernel, ", ".join(lacking))
    return Check(not lacking, found, "build the kernel with CONFIG_NAMESPACES and all of these")


def user_namespaces(facts: Facts, _containers: object) -> Check:
    there = "user" in facts.namespaces and facts.users > 0
    found = "up to %d" % facts.users if there else "none"
    advice = "build the kernel with CONFIG_USER_NS and set user.max_user_namespaces above 0, or set security.privileged to true"
    return Check(there, found, advice)


def cgroups(facts: Facts, _containers: object) -> Check:
    there = bool(facts.controllers)
    found = "version %s with %s" % (facts.layout, ", ".join(sorted(facts.controllers))) if there else "none"
    return Check(there, found, "build the kernel with CONFIG_CGROUPS and mount them at /sys/fs/cgroup at boot")


def controller(name: str) -> Callable[[Facts, object], Check]:
    """Return the check for a cgroup controller, which a limit needs."""

    def check(facts: Facts, _containers: object) -> Check:
        version = facts.controllers.get(name)
        if version and compatibility.lacks_cgroups(facts.lxc or "", facts.layout):
            return Check(False, compatibility.refusal(facts.lxc or "", facts.layout), compatibility.ADVICE)
        if name in compatibility.out_of_reach(facts.controllers):
            return Check(False, compatibility.mixed(name), compatibility.VERSION_2_ALONE)
        advice = "build the kernel with this controller, and do not switch it off on its command line (cgroup_disable)"
        return Check(version is not None, "version %d" % version if version else "not there", advice)

    return check


def devices(facts: Facts, _containers: object) -> Check:
    version = facts.controllers.get("devices", facts.controllers.get("unified"))
    if version and compatibility.lacks_cgroups(facts.lxc or "", facts.layout):
        return Check(False, compatibility.refusal(facts.lxc or "", facts.layout), compatibility.ADVICE)
    advice = "build the kernel with CONFIG_CGROUP_DEVICE or CONFIG_CGROUP_BPF, or set security.devices to all"
    return Check(version is not None, "version %d" % version if version else "not there", advice)


def seccomp(facts: Facts, _containers: object) -> Check:
    if not facts.seccomp:
        return Check(False, "not there", "build the kernel with CONFIG_SECCOMP_FILTER, or set security.seccomp to none")
    found = facts.seccomp_profile or "no common.seccomp of LXC"
    return Check(bool(facts.seccomp_profile), found, "install LXC's configuration files, or name a profile")


def apparmor(facts: Facts, _containers: object) -> Check:
    return Check(facts.apparmor, switched(facts.apparmor), "leave security.apparmor out")


def selinux(facts: Facts, _containers: object) -> Check:
    return Check(facts.selinux, switched(facts.selinux), "leave security.selinux out")


def switched(on: bool) -> str:
    """Return how a message describes whether a feature of the kernel is on."""
    return "switched on" if on else "not there or switched off"
