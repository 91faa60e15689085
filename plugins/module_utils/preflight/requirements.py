# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a target can and cannot do, from its facts, and what is to be done about it."""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..container_spec.records import Container, Interface
from ..model import id_map
from ..model.host import Binary
from ..plan import apparmor as profiles
from ..plan import compatibility, lxc_config, name_servers, security

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "uts")
# A container of the default spec: its tree, its config and its records, beside the busybox that is copied.
SPACE_EACH, INODES_EACH = 256 * 1024, 64
# What every run needs beside its containers: locks, logs, files that are prepared beside the old ones.
SPACE_AT_LEAST = 4 * 1024 * 1024


class Facts(NamedTuple):
    """What was read on a target.

    `namespaces`: those of the kernel. `users`: how many user namespaces there may be. `lxc`: its version, or None.
    `ways`: how LXC can be reached. `unreached`: why it cannot be in the way that was asked for. `busybox`: a Binary, or
    why there is none. `ids`: the ranges for user namespaces that root has. `closed`: the directory that keeps others out
    of the lxc path, or none. `mapping`: why the file system cannot be mounted with mapped ids, empty where it can.
    `resolver`: name servers that answer containers, where those of its resolv.conf are the target itself.
    `free`, `inodes`: bytes and inodes that are free, None where the file system has no fixed number of inodes.
    `read_only`: the places that should be writable and are not. `there`: the containers that have a directory.
    `python`: the version of the target's Python; `ctypes`: whether it can call the kernel. `noexec`: whether no program
    can run that lies in the lxc path. `profiles`: what there is of AppArmor.
    """

    root: bool = True
    kernel: str = ""
    namespaces: FrozenSet[str] = frozenset()
    users: int = 0
    layout: str = ""
    controllers: Mapping[str, int] = {}
    seccomp: bool = False
    seccomp_profile: Optional[str] = None
    apparmor: bool = False
    selinux: bool = False
    lxc: Optional[str] = None
    ways: Tuple[str, ...] = ()
    unreached: str = ""
    lxc_path: str = ""
    init_lxc: Optional[str] = None
    init_lxc_static: Optional[str] = None
    bridge: str = ""
    interfaces: FrozenSet[str] = frozenset()
    resolv_conf: str = ""
    resolver: Optional[name_servers.Servers] = None
    busybox: Union[Binary, str] = ""
    ids: int = 0
    closed: str = ""
    mapping: str = ""
    free: int = 0
    inodes: Optional[int] = None
    read_only: Tuple[str, ...] = ()
    there: FrozenSet[str] = frozenset()
    python: str = ""
    ctypes: bool = False
    noexec: bool = False
    profiles: profiles.State = profiles.State()


class Check(NamedTuple):
    """One verdict: whether the target can do it, what was found, and what to do where it cannot."""

    ok: bool
    found: str
    advice: str = ""


def root(facts: Facts, _containers: Sequence[Container]) -> Check:
    return Check(facts.root, "root" if facts.root else "another user", "set ansible_become, or log in as root")


def python(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "Python %s %s the module ctypes" % (facts.python, "with" if facts.ctypes else "without")
    return Check(facts.ctypes, found, "install the rest of its standard library, python3-ctypes on Yocto and OpenWrt")


def namespaces(facts: Facts, _containers: Sequence[Container]) -> Check:
    lacking = [name for name in NAMESPACES if name not in facts.namespaces]
    found = "Linux %s with all of %s" % (facts.kernel, ", ".join(NAMESPACES))
    if lacking:
        found = "Linux %s without %s" % (facts.kernel, ", ".join(lacking))
    return Check(not lacking, found, "build the kernel with CONFIG_NAMESPACES and all of these")


def user_namespaces(facts: Facts, _containers: Sequence[Container]) -> Check:
    there = "user" in facts.namespaces and facts.users > 0
    found = "up to %d" % facts.users if there else "none"
    advice = "build the kernel with CONFIG_USER_NS and set user.max_user_namespaces above 0, or set security.privileged to true"
    return Check(there, found, advice)


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


def cgroups(facts: Facts, _containers: Sequence[Container]) -> Check:
    there = bool(facts.controllers)
    found = "version %s with %s" % (facts.layout, ", ".join(sorted(facts.controllers))) if there else "none"
    return Check(there, found, "build the kernel with CONFIG_CGROUPS and mount them at /sys/fs/cgroup at boot")


def controller(name: str) -> Callable[[Facts, Sequence[Container]], Check]:
    """Whether a controller is there, which a limit needs."""

    def check(facts: Facts, _containers: Sequence[Container]) -> Check:
        version = facts.controllers.get(name)
        if version and compatibility.lacks_cgroups(facts.lxc or "", facts.layout):
            return Check(False, compatibility.refusal(facts.lxc or "", facts.layout), compatibility.ADVICE)
        advice = "build the kernel with this controller, and do not switch it off on its command line (cgroup_disable)"
        return Check(version is not None, "version %d" % version if version else "not there", advice)

    return check


def devices(facts: Facts, _containers: Sequence[Container]) -> Check:
    version = facts.controllers.get("devices", facts.controllers.get("unified"))
    if version and compatibility.lacks_cgroups(facts.lxc or "", facts.layout):
        return Check(False, compatibility.refusal(facts.lxc or "", facts.layout), compatibility.ADVICE)
    advice = "build the kernel with CONFIG_CGROUP_DEVICE or CONFIG_CGROUP_BPF, or set security.devices to all"
    return Check(version is not None, "version %d" % version if version else "not there", advice)


def seccomp(facts: Facts, _containers: Sequence[Container]) -> Check:
    if not facts.seccomp:
        return Check(False, "not there", "build the kernel with CONFIG_SECCOMP_FILTER, or set security.seccomp to none")
    found = facts.seccomp_profile or "no common.seccomp of LXC"
    return Check(bool(facts.seccomp_profile), found, "install LXC's configuration files, or name a profile")


def apparmor(facts: Facts, _containers: Sequence[Container]) -> Check:
    return Check(facts.apparmor, switched(facts.apparmor), "leave security.apparmor out")


def apparmor_profiles(facts: Facts, containers: Sequence[Container]) -> Check:
    state = facts.profiles
    if not state.on:
        return Check(True, "none is needed, since AppArmor is " + switched(False))
    asked = list(dict.fromkeys(map(profiles.asked, containers))) or [None]
    lacking = list(dict.fromkeys(filter(None, (profiles.obstacle(wanted, state) for wanted in asked))))
    if lacking:
        found, _semicolon, advice = lacking[0].partition("; ")
        return Check(False, found, advice)
    names = list(dict.fromkeys(filter(None, (profiles.profile(wanted, state) for wanted in asked))))
    if names and state.loaded is None:
        return Check(True, "whether %s is loaded cannot be read" % " and ".join(names))
    return Check(True, "%s is loaded" % " and ".join(names) if names else "none is needed")


def selinux(facts: Facts, _containers: Sequence[Container]) -> Check:
    return Check(facts.selinux, switched(facts.selinux), "leave security.selinux out")


def switched(on: bool) -> str:
    """The words for a feature of the kernel."""
    return "switched on" if on else "not there or switched off"


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
    """Whether what is started lies in the rootfs itself, where only the copied busybox and files of the spec are."""
    argv = container.init or container.command
    own = ("/bin/", "/sbin/", *(file.path for file in container.files))
    return container.busybox.method == "copy" and (not argv or argv[0].startswith(own))


def writable(facts: Facts, _containers: Sequence[Container]) -> Check:
    found = "read-only: " + ", ".join(facts.read_only) if facts.read_only else "all of it"
    return Check(not facts.read_only, found, "set lxc_path to a place that can be written")


# All checks in the order in which they are told.
CHECKS: Dict[str, Callable[[Facts, Sequence[Container]], Check]] = {
    "root": root,
    "python": python,
    "namespaces": namespaces,
    "cgroups": cgroups,
    "cgroup_memory": controller("memory"),
    "cgroup_cpu": controller("cpu"),
    "cgroup_pids": controller("pids"),
    "cgroup_devices": devices,
    "user_namespaces": user_namespaces,
    "subordinate_ids": subordinate_ids,
    "passable": passable,
    "id_mapped_mounts": id_mapped_mounts,
    "seccomp": seccomp,
    "apparmor": apparmor,
    "apparmor_profiles": apparmor_profiles,
    "selinux": selinux,
    "lxc": lxc,
    "init_lxc": init_lxc,
    "bridge": bridge,
    "name_servers": names,
    "busybox": busybox,
    "space": space,
    "writable": writable,
    "executable": executable,
}
ALWAYS = ("root", "namespaces", "cgroups", "lxc", "space", "writable")
# What else a container needs, and when.
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
    "busybox": lambda container: container.busybox.method != "none" and not container.busybox.path,
}


def hangs_on_bridge(interface: Interface) -> bool:
    """Whether an interface has the bridge for its link."""
    return interface.type in lxc_config.LINKED and not interface.link


def needed_by(containers: Iterable[Container]) -> List[str]:
    """The names of the checks that these containers cannot do without."""
    there = [container for container in containers if container.state != "absent"]
    sometimes = [name for name, is_needed in SOMETIMES.items() if any(map(is_needed, there))]
    return [name for name in CHECKS if name in (*ALWAYS, *sometimes)]


def reasons(checks: Mapping[str, Check], needed: Iterable[str]) -> List[str]:
    """One sentence for each check that is needed and not fulfilled, or for those of which there is the same to say."""
    names: Dict[Check, List[str]] = {}
    for name in needed:
        if not checks[name].ok:
            names.setdefault(checks[name], []).append(name)
    return ["%s: %s; %s" % (", ".join(those), check.found, check.advice) for check, those in names.items()]
