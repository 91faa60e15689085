# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): what the kernel enforces for a running container, and where that differs from the container's config."""

from __future__ import annotations

import os
import re
from collections import deque
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import ContainerError
from ..model import config_text, mountinfo
from ..model.config_text import Line
from ..target import facts, system_calls
from . import usage

# The index of each capability is its number, see capability.h of the kernel.
CAPABILITIES = (
    *("chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap"),
    *("linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner"),
    *("sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice"),
    *("sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap"),
    *("mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf"),
    "checkpoint_restore",
)
SECCOMP = {"0": "disabled", "1": "strict", "2": "filter"}
# What device cgroups of version 1 contain if nothing is restricted.
ALL_DEVICES = "a *:* rwm"
# BPF_PROG_QUERY and BPF_CGROUP_DEVICE of linux/bpf.h.
PROGRAM_QUERY, CGROUP_DEVICE = 16, 6

IdMap = Tuple[Tuple[int, int, int], ...]


class Effective(NamedTuple):
    """What the kernel enforces for PID 1 of a container.

    - `capabilities`: the bounding set.
    - `seccomp`: disabled, strict or filter.
    - `devices`: the rules of version 1; empty if a program of version 2 decides; None if nothing restricts devices, or
      if that cannot be read.
    - `devices_unknown`: why it cannot be read.
    - `mounts`: the options at each mount point.
    - `apparmor_mode`: None if there is no profile.
    - `following`: the mount points at which later mounts on the target may appear too.
    """

    capabilities: Tuple[str, ...] = ()
    no_new_privs: bool = False
    seccomp: str = "disabled"
    uid_map: IdMap = ()
    gid_map: IdMap = ()
    apparmor: Optional[str] = None
    selinux: Optional[str] = None
    devices: Optional[Tuple[str, ...]] = None
    mounts: Mapping[str, str] = {}
    interfaces: Tuple[str, ...] = ()
    apparmor_mode: Optional[str] = None
    following: Tuple[str, ...] = ()
    devices_unknown: Optional[str] = None


def of(pid: int) -> Effective:
    """Return what the kernel enforces for a process. Raise ContainerError if its answer cannot be understood."""
    fields = usage.read_parsed(pid, "status", fields_of)
    label, mode = label_in(usage.text_of(pid, "attr/current"))
    allowed, unknown = devices(pid)
    mounted, following = usage.read_parsed(pid, "mountinfo", lambda text: (mounts_in(text), following_in(text)))
    return Effective(
        capabilities_in(int(fields.get("CapBnd", "0"), 16)),
        fields.get("NoNewPrivs") == "1",
        seccomp_in(fields, fields_of(facts.read_text("/proc/self/status"))),
        usage.read_parsed(pid, "uid_map", id_map_in),
        usage.read_parsed(pid, "gid_map", id_map_in),
        label if facts.apparmor() else None,
        label if facts.selinux() else None,
        allowed,
        mounted,
        usage.read_parsed(pid, "net/dev", interfaces_in),
        mode if facts.apparmor() else None,
        following,
        unknown,
    )


def fields_of(status: str) -> Dict[str, str]:
    """Return the fields in the text of /proc/PID/status, see proc(5)."""
    pairs = (line.split(":\t", 1) for line in usage.lines_of(status) if ":\t" in line)
    return {key: value.strip() for key, value in pairs}


def capabilities_in(mask: int) -> Tuple[str, ...]:
    """Return the names of a set of capabilities, and the numbers of those that are newer than this file."""
    numbers = [number for number in range(mask.bit_length()) if mask >> number & 1]
    return tuple(CAPABILITIES[number] if number < len(CAPABILITIES) else str(number) for number in numbers)


def seccomp_in(fields: Mapping[str, str], own: Mapping[str, str]) -> str:
    """Return the mode of seccomp. Inherited filters, which this process has too, are the target's and do not count."""
    mode = SECCOMP.get(fields.get("Seccomp", "0"), "disabled")
    filters, inherited = (int(each.get("Seccomp_filters", "-1")) for each in (fields, own))
    return "disabled" if mode == "filter" and -1 < filters <= inherited else mode


def label_in(text: str) -> Tuple[Optional[str], Optional[str]]:
    """Return the label in the text of /proc/PID/attr/current, and the mode that AppArmor puts after a profile."""
    text = text.rstrip("\0\n")
    label, _blank, mode = text.rpartition(" (")
    return (label, mode[:-1]) if label and mode.endswith(")") else (text or None, None)


def id_map_in(text: str) -> IdMap:
    """Return the lines of /proc/PID/uid_map: first id inside, first id outside, count; see user_namespaces(7)."""
    found = [tuple(map(int, line.split())) for line in usage.lines_of(text)]
    return tuple((inside, outside, count) for inside, outside, count in found)


def mounts_in(text: str) -> Dict[str, str]:
    """Return the options of each visible mount, by its mount point. Mounts that others cover are left out."""
    mounts = mountinfo.mounts_in(text)
    points = {mount.number: mount.point for mount in mounts}
    options = {mount.number: mount.options for mount in mounts}
    upon: Dict[str, List[str]] = {}
    for mount in mounts:
        upon.setdefault(mount.parent if mount.parent in points else "", []).append(mount.number)
    found: Dict[str, str] = {}
    waiting = deque(upon.pop("", []))
    while waiting:
        number = waiting.popleft()
        # Removed from `upon`: if mounts change while the kernel lists them, a mount may appear twice, even upon itself.
        here = upon.pop(number, [])
        over = [other for other in here if points[other] == points[number]]
        if over:
            waiting.append(over[-1])
            continue
        found[points[number]] = options[number]
        covered = covered_in({points[other] + "/" for other in here})
        waiting += [other for other in here if points[other] + "/" not in covered]
    return found


def following_in(text: str) -> Tuple[str, ...]:
    """Return the mount points that receive later mounts below their source on the target, see proc(5), master:."""
    return tuple(
        mount.point for mount in mountinfo.mounts_in(text) if any(tag.startswith("master:") for tag in mount.tags)
    )


def covered_in(points: Iterable[str]) -> Set[str]:
    """Return the mount points on one mount that lie below others in `points`; all end with a slash.

    In sorted order, all paths below a mount point come directly after it.
    """
    found: Set[str] = set()
    cover = ""
    for point in sorted(points):
        if cover and point.startswith(cover):
            found.add(point)
        else:
            cover = point
    return found


def interfaces_in(text: str) -> Tuple[str, ...]:
    """Return the names of the interfaces in the text of /proc/PID/net/dev, which begins with two lines of headings."""
    return tuple(line.split(":")[0].strip(" ") for line in usage.lines_of(text)[2:])


def devices(pid: int) -> Tuple[Optional[Tuple[str, ...]], Optional[str]]:
    """Return the device rules of the container's cgroup, and the reason if they are unknown.

    The rules are empty if a program decides, and None if nothing restricts devices or the rules are unknown.
    """
    listed = usage.cgroup_file(pid, "devices", "devices.list")
    rules = usage.lines_of(listed or "")
    if listed is not None and ALL_DEVICES not in rules:
        return tuple(rules), None
    version, point = facts.hierarchies().get("unified", (0, ""))
    path = usage.payload_cgroup(facts.read_text("/proc/%d/cgroup" % pid), "", 2) if version else None
    try:
        return () if path is not None and has_device_program(point + path) else None, None
    except ContainerError as error:
        return None, str(error)


def has_device_program(cgroup: str) -> bool:
    """Return whether a cgroup has a program attached that decides about devices; see bpf(2), BPF_PROG_QUERY.

    Raise ContainerError if the kernel does not tell.
    """
    ctypes = system_calls.ctypes()
    try:
        descriptor = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        # The container may have ended.
        raise ContainerError("its cgroup cannot be opened: %s" % error.strerror) from None
    try:
        # Members of union bpf_attr: target_fd, attach_type, query_flags, attach_flags, prog_ids, prog_cnt.
        query = (ctypes.c_uint32 * 16)(descriptor, CGROUP_DEVICE)
        system_calls.call("bpf", PROGRAM_QUERY, ctypes.byref(query), ctypes.sizeof(query))
        return bool(query[6] > 0)
    except OSError as error:
        raise ContainerError("the kernel does not say which program decides: %s" % error.strerror) from None
    finally:
        os.close(descriptor)


def not_in_force(lines: Sequence[Line], found: Effective) -> List[str]:
    """Return a sentence for each setting of a config that the kernel does not enforce."""
    reasons = [reason for check in CHECKS for reason in check(lines, found)]
    return list(dict.fromkeys(reasons))


def passed_over(lines: Sequence[Line], version: int) -> List[str]:
    """Return a sentence for each cgroup key that LXC ignores, because it is for the other cgroup version.

    A config may have keys of both versions for one controller, and these are not reported. `version` is that of the
    mount at /sys/fs/cgroup, which is what LXC goes by; see cgfsng.c in its source.
    """
    looked_at, other = CGROUP[version - 1], CGROUP[2 - version]
    effective = {key.split(".")[2] for key, _value in lines if key.startswith(looked_at)}
    names = [key for key, _value in lines if key.startswith(other) and key.split(".")[2] not in {*effective, *PLACES}]
    return [
        "%s: it is not in force, since cgroups are of version %d" % (name, version) for name in dict.fromkeys(names)
    ]


# Keys with the prefix of version 1 that apply to both versions: they say where the cgroups are.
PLACES = ("dir", "relative")


def values_of(lines: Sequence[Line], key: str) -> List[str]:
    """Return the values of a key."""
    return [value for each, value in lines if each == key]


def check_capabilities(lines: Sequence[Line], found: Effective) -> List[str]:
    dropped = [name for value in values_of(lines, "lxc.cap.drop") for name in value.split()]
    return [
        "security.drop_capabilities: PID 1 can still get %s" % name for name in dropped if name in found.capabilities
    ]


def check_no_new_privs(lines: Sequence[Line], found: Effective) -> List[str]:
    wanted = values_of(lines, "lxc.no_new_privs")[-1:] == ["1"]
    return ["security.no_new_privs: it is not in force"] if wanted and not found.no_new_privs else []


def check_seccomp(lines: Sequence[Line], found: Effective) -> List[str]:
    wanted = values_of(lines, "lxc.seccomp.profile")[-1:]
    return ["security.seccomp: no filter of %s is in force" % wanted[0]] if wanted and found.seccomp != "filter" else []


def check_labels(lines: Sequence[Line], found: Effective) -> List[str]:
    reasons = []
    for key, name, actual in (
        ("lxc.apparmor.profile", "security.apparmor", found.apparmor),
        ("lxc.selinux.context", "security.selinux", found.selinux),
    ):
        for wanted in values_of(lines, key)[-1:]:
            if wanted not in UNTOLD and wanted != (actual or "unconfined"):
                reasons.append("%s: it should be %s and is %s" % (name, wanted, actual or "none"))
    return reasons


# Values that the kernel shows under another name, or not at all.
UNTOLD = ("unchanged", "generated")


def check_apparmor_mode(lines: Sequence[Line], found: Effective) -> List[str]:
    wanted = values_of(lines, "lxc.apparmor.profile")[-1:]
    if wanted not in ([found.apparmor], ["generated"]) or found.apparmor_mode in (None, *ENFORCING):
        return []
    return [
        "security.apparmor: the profile %s enforces nothing, since its mode is %s" % (wanted[0], found.apparmor_mode)
    ]


# The modes in which a profile forbids what it does not allow. Other modes only log it, or not even that.
ENFORCING = ("enforce", "kill")


def restricts_devices(lines: Sequence[Line]) -> bool:
    """Return whether a config forbids all devices except those that it allows."""
    return any(values_of(lines, key + "devices.deny") == ["a"] for key in CGROUP)


def check_devices(lines: Sequence[Line], found: Effective) -> List[str]:
    if found.devices_unknown or not restricts_devices(lines):
        # If it is unknown, lifecycle.verification.unverified_warnings reports it: nobody can fix that in the
        # container's spec.
        return []
    if found.devices is None:
        return ["security.devices: the container may use every device"]
    allowed = {value for key in CGROUP for value in values_of(lines, key + "devices.allow")}
    return ["security.devices: the container may also use %s" % rule for rule in found.devices if rule not in allowed]


CGROUP = ("lxc.cgroup.", "lxc.cgroup2.")


def check_id_map(lines: Sequence[Line], found: Effective) -> List[str]:
    reasons = []
    for value in values_of(lines, "lxc.idmap"):
        kind, inside, outside, count = value.split()
        maps = {"u": (found.uid_map,), "g": (found.gid_map,)}.get(kind, (found.uid_map, found.gid_map))
        if any((int(inside), int(outside), int(count)) not in actual for actual in maps):
            reasons.append("security.idmap: %s is not in force" % value)
    return reasons


def check_mounts(lines: Sequence[Line], found: Effective) -> List[str]:
    wanted: Dict[str, List[str]] = {}
    for key, value in lines:
        fields = re.split("[%s]+" % config_text.BLANKS, value)
        if key == "lxc.mount.auto" and "sys:ro" in fields:
            wanted["/sys"] = ["ro"]
        elif key == "lxc.mount.entry" and len(fields) > 3:
            target = "/" + mountinfo.decoded(fields[1]).strip("/")
            # A later mount covers earlier mounts below its mount point.
            wanted = {point: options for point, options in wanted.items() if not point.startswith(target + "/")}
            wanted[target] = fields[3].split(",")
    reasons = []
    for point, options in wanted.items():
        actual = found.mounts.get(point)
        if actual is None:
            reasons += [] if "optional" in options else ["mounts: nothing is mounted at %s" % point]
            continue
        below = [other for other in found.mounts if other.startswith(point + "/") and other not in wanted]
        for mounted in [point, *(below if "rbind" in options else ())]:
            has = found.mounts[mounted].split(",")
            missing = [option for option in options if option in SHOWN and option not in has]
            missing += [each for each in options if each.startswith("idmap=") and "idmapped" not in has]
            missing += ["rprivate"] if "rprivate" in options and mounted in found.following else []
            reasons += ["mounts: %s is mounted without %s" % (mounted, ", ".join(missing))] if missing else []
    return reasons


# Options of a mount entry that the kernel shows for the mount, not for its file system.
SHOWN = ("ro", "nosuid", "nodev", "noexec")


def check_network(lines: Sequence[Line], found: Effective) -> List[str]:
    named = [(key, value) for key, value in lines if key.startswith("lxc.net.") and key.endswith(".name")]
    return [
        "network[%s].name: there is no interface %s in the container" % (key.split(".")[2], value)
        for key, value in named
        if value not in found.interfaces
    ]


CHECKS: Tuple[Callable[[Sequence[Line], Effective], List[str]], ...] = (
    check_capabilities,
    check_no_new_privs,
    check_seccomp,
    check_labels,
    check_apparmor_mode,
    check_devices,
    check_id_map,
    check_mounts,
    check_network,
)
