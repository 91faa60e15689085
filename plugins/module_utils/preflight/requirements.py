# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the checks of what a target can do, from its facts, and advice if it cannot."""

from __future__ import annotations

from typing import Callable, Dict, Iterable, List, Mapping, Sequence

from ..container_spec.records import Container, Interface
from ..model import id_map
from ..model.host import Binary
from ..plan import apparmor as profiles
from ..plan import lxc_config, name_servers, security
from . import kernel
from .records import Check, Facts

# Space for a container of the default spec: its tree, config and records, without the copied busybox.
SPACE_EACH, INODES_EACH = 256 * 1024, 64
# Space that every run needs apart from its containers: locks, logs, new files beside the old ones.
SPACE_AT_LEAST = 4 * 1024 * 1024


def subordinate_ids(facts: Facts, containers: Sequence[Container]) -> Check:
    wanted = sum(not container.security.privileged and not container.security.idmap for container in containers)
    found = "%d ranges of %d for root" % (facts.ids, id_map.COUNT)
    advice = (
        "add a line root:FIRST:COUNT to /etc/subuid and /etc/subgid, with the role softwarecontainer.lxc.host for"
        " example, or set security.privileged to true to go without user namespaces"
    )
    return Check(facts.ids >= max(1, wanted), found, advice)


def passable(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "%s keeps others out" % facts.closed if facts.closed else "%s can be passed by all" % facts.lxc_path
    return Check(not facts.closed, found, "chmod o+x %s" % (facts.closed or facts.lxc_path))


def id_mapped_mounts(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "%s can" % facts.lxc_path if not facts.mapping else "%s cannot: %s" % (facts.lxc_path, facts.mapping)
    advice = "have Linux 5.12 or later and put lxc_path on a file system such as ext4; else owners of files are shifted"
    return Check(not facts.mapping, found, advice)


def apparmor_profiles(facts: Facts, containers: Sequence[Container]) -> Check:
    state = facts.profiles
    if not state.on:
        return Check(True, "none is needed, since AppArmor is " + kernel.switched(False))
    requested = list(dict.fromkeys(map(profiles.requested_profile, containers))) or [None]
    lacking = list(dict.fromkeys(filter(None, (profiles.obstacle(wanted, state) for wanted in requested))))
    if lacking:
        found, _semicolon, advice = lacking[0].partition("; ")
        return Check(False, found, advice)
    names = list(dict.fromkeys(filter(None, (profiles.profile(wanted, state) for wanted in requested))))
    if names and state.loaded is None:
        return Check(True, "whether %s is loaded cannot be read" % " and ".join(names))
    return Check(True, "%s is loaded" % " and ".join(names) if names else "none is needed")


def lxc(facts: Facts, _containers: Sequence[Container]) -> Check:
    if facts.lxc is not None:
        return Check(True, "%s by %s" % (facts.lxc, " and ".join(facts.ways)))
    if facts.ways:
        found, _semicolon, advice = facts.unreached.partition("; ")
        return Check(False, found, advice or "repair LXC, or choose another way with runtime")
    return Check(
        False, "neither the binding nor the tools", "install LXC, with the role softwarecontainer.lxc.host for example"
    )


def init_lxc(facts: Facts, containers: Sequence[Container]) -> Check:
    static = any(not container.init and not container.system_mounts for container in containers)
    program = facts.init_lxc_static if static else facts.init_lxc
    name = "init.lxc.static" if static else "init.lxc"
    return Check(bool(program), program or "no %s" % name, "install LXC's init, or declare an init in each spec")


def bridge(facts: Facts, _containers: Sequence[Container]) -> Check:
    there = facts.bridge in facts.interfaces
    advice = "bring it up, with the role softwarecontainer.lxc.host for example, or name another one"
    return Check(there, "%s%s" % ("" if there else "no ", facts.bridge), advice)


def names(facts: Facts, _containers: Sequence[Container]) -> Check:
    copy = name_servers.copied(facts.resolv_conf, facts.resolver)
    found = ", ".join(name_servers.servers(copy.text)) or "none"
    advice = "have a name server answer at the bridge, with the role softwarecontainer.lxc.host for example, or set resolv_conf"
    return Check(not copy.warning, found + (", the target itself" if copy.warning else ""), advice)


def published_ports(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "%s, and the target forwards %s" % (
        facts.rules or "no nft or iptables",
        "packets" if facts.forwards else "none",
    )
    advice = "install nftables or iptables, and switch net.ipv4.ip_forward on, with the role softwarecontainer.lxc.host"
    return Check(bool(facts.rules and facts.forwards), found, advice + " for example")


def packet_filter(facts: Facts, _containers: Sequence[Container]) -> Check:
    found, _semicolon, advice = facts.no_filter.partition("; ")
    return Check(bool(facts.filters), "%s works" % facts.filters if facts.filters else found, advice)


def busybox(facts: Facts, _containers: Sequence[Container]) -> Check:
    if not isinstance(facts.busybox, Binary):
        return Check(False, facts.busybox, "install busybox, or set busybox.method to none")
    linked = "dynamically linked" if facts.busybox.interpreter else "static"
    found = "%s, %s, %d applets" % (facts.busybox.path, linked, len(facts.busybox.applets))
    return Check(True, found)


def space(facts: Facts, containers: Sequence[Container]) -> Check:
    size = facts.busybox.size if isinstance(facts.busybox, Binary) else 0
    applets = len(facts.busybox.applets) if isinstance(facts.busybox, Binary) else 0
    new = [container for container in containers if container.name not in facts.there]
    copies = sum(container.busybox.method == "copy" for container in new)
    linked = sum(container.busybox.method != "none" for container in new)
    bytes_needed = SPACE_AT_LEAST + len(new) * SPACE_EACH + copies * size
    inodes_needed = len(new) * INODES_EACH + linked * applets
    found = "%d MiB free in %s" % (facts.free // 1048576, facts.lxc_path)
    if facts.inodes is not None:
        found += ", %d inodes" % facts.inodes
    enough = facts.free >= bytes_needed and (facts.inodes is None or facts.inodes >= inodes_needed)
    advice = "%d MiB and %d inodes may be needed; make room, or set busybox.method to bind"
    return Check(enough, found, advice % (-(-bytes_needed // 1048576), inodes_needed))


def executable(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "%s is on a file system that is mounted noexec" if facts.noexec else "programs in %s can run"
    advice = "mount that with exec, set lxc_path to another place, or have busybox.method bind or none"
    return Check(not facts.noexec, found % facts.lxc_path, advice)


def runs_from_rootfs(container: Container) -> bool:
    """Return whether the program lies in the rootfs itself, which has only the copied busybox and files of the spec."""
    argv = container.init or container.command
    own = ("/bin/", "/sbin/", *(file.path for file in container.files))
    return container.busybox.method == "copy" and (not argv or argv[0].startswith(own))


def writable(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "read-only: " + ", ".join(facts.read_only) if facts.read_only else "all of it"
    return Check(not facts.read_only, found, "set lxc_path to a place that can be written")


# All checks, in the order of the report.
CHECKS: Dict[str, Callable[[Facts, Sequence[Container]], Check]] = {
    "root": kernel.root,
    "python": kernel.python,
    "namespaces": kernel.namespaces,
    "cgroups": kernel.cgroups,
    "cgroup_memory": kernel.controller("memory"),
    "cgroup_cpu": kernel.controller("cpu"),
    "cgroup_pids": kernel.controller("pids"),
    "cgroup_devices": kernel.devices,
    "user_namespaces": kernel.user_namespaces,
    "subordinate_ids": subordinate_ids,
    "passable": passable,
    "id_mapped_mounts": id_mapped_mounts,
    "seccomp": kernel.seccomp,
    "apparmor": kernel.apparmor,
    "apparmor_profiles": apparmor_profiles,
    "selinux": kernel.selinux,
    "lxc": lxc,
    "init_lxc": init_lxc,
    "bridge": bridge,
    "name_servers": names,
    "ports": published_ports,
    "packet_filter": packet_filter,
    "busybox": busybox,
    "space": space,
    "writable": writable,
    "executable": executable,
}
ALWAYS = ("root", "namespaces", "cgroups", "lxc", "space", "writable")
# The other checks, and which containers need them.
SOMETIMES: Dict[str, Callable[[Container], bool]] = {
    "python": lambda _container: True,
    "apparmor_profiles": lambda container: container.state in ("started", "frozen"),
    "executable": runs_from_rootfs,
    "cgroup_memory": lambda container: container.limits.memory is not None,
    "cgroup_cpu": lambda container: container.limits.cpus is not None or container.limits.cpu_shares is not None,
    "cgroup_pids": lambda container: container.limits.pids is not None,
    "cgroup_devices": lambda container: container.security.devices is not None,
    "user_namespaces": lambda container: not container.security.privileged,
    "subordinate_ids": lambda container: not container.security.privileged and not container.security.idmap,
    "passable": lambda container: not container.security.privileged,
    "seccomp": lambda container: container.security.seccomp == "common",
    "apparmor": lambda container: (container.security.apparmor or "unchanged") not in security.UNCONFINED,
    "selinux": lambda container: bool(container.security.selinux),
    "init_lxc": lambda container: not container.init,
    "bridge": lambda container: any(hangs_on_bridge(interface) for interface in container.network),
    "ports": lambda container: bool(container.ports),
    "packet_filter": lambda container: container.gateways.network is not None,
    "busybox": lambda container: container.busybox.method != "none" and not container.busybox.path,
}


def hangs_on_bridge(interface: Interface) -> bool:
    """Return whether an interface uses the bridge as its link."""
    return interface.type in lxc_config.LINKED and not interface.link


def needed_by(containers: Iterable[Container]) -> List[str]:
    """Return the names of the checks that these containers need, in the order of the report."""
    there = [container for container in containers if container.state != "absent"]
    sometimes = [name for name, is_needed in SOMETIMES.items() if any(map(is_needed, there))]
    return [name for name in CHECKS if name in (*ALWAYS, *sometimes)]


def reasons(checks: Mapping[str, Check], needed: Iterable[str]) -> List[str]:
    """Return a sentence for each needed check that failed; checks with the same verdict share a sentence."""
    names: Dict[Check, List[str]] = {}
    for name in needed:
        if not checks[name].ok:
            names.setdefault(checks[name], []).append(name)
    return ["%s: %s; %s" % (", ".join(those), check.found, check.advice) for check, those in names.items()]
