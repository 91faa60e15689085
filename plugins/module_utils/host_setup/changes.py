# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what prevents a target from running containers, and what has to change on it, from the facts read there."""

from __future__ import annotations

import re
import shlex
from typing import Callable, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from ..preflight import records
from . import distributions

IDS_FILES = ("/etc/subuid", "/etc/subgid")
# The smallest number of ids in a range: those of one container. Ids of the kernel have 32 bits, and the last one means
# none.
IDS_MIN, IDS_END = 65536, 4294967295
# The role writes this into the settings, to tell them from settings that others wrote.
MARK = "softwarecontainer.lxc.host"
# The bridge of lxc-net if it has no settings.
DEFAULT_BRIDGE = "lxcbr0"
# systemd's words for a unit that it starts at boot, or for which that cannot be set; see systemctl(1), is-enabled.
ENABLED = ("enabled", "enabled-runtime", "static", "alias", "indirect", "generated")


class Bridge(NamedTuple):
    """A bridge of lxc-net. `address` and `network` have a prefix length; `settings` is the text for lxc-net's file."""

    name: str
    address: str
    network: str
    settings: str


class Wanted(NamedTuple):
    """What the role has to provide.

    - `packages`: whether it installs packages.
    - `ids`: the first id and the count, None if others provide them.
    - `bridge`: None if others provide it.
    - `comment`: the text at the beginning of the files that the role writes.
    """

    packages: bool = True
    ids: Optional[Tuple[int, int]] = None
    bridge: Optional[Bridge] = None
    comment: str = ""


class FileFacts(NamedTuple):
    """A file of the target; `mode` has only the permission bits."""

    text: str
    mode: int = 0o644
    owner: Tuple[int, int] = (0, 0)


class HostFacts(NamedTuple):
    """The facts read on a target.

    - `checks`: verdicts on the kernel. The verdict `apparmor` decides whether the packages for AppArmor are needed.
    - `lacking`: whether packages are missing.
    - `lxc_path`: the directory of the containers, None without LXC.
    - `passable`: whether `lxc_path` exists and user namespaces can pass it.
    - `files`: the files that the role writes, None for those that do not exist.
    - `systemd`: systemctl's ActiveState and UnitFileState of lxc-net, None without systemd.
    - `local`: whether OpenRC runs its service `local`.
    - `up`: whether lxc-net says that it is up.
    - `addresses`: interfaces that have an address in the bridge's network, each with that address.
    - `attached`: the ports of the bridge that lxc-net has now.
    """

    system: str = "Linux"
    distribution: str = ""
    checks: Mapping[str, records.Check] = {}
    lacking: bool = False
    lxc_path: Optional[str] = None
    passable: bool = True
    files: Mapping[str, Optional[FileFacts]] = {}
    systemd: Optional[Tuple[str, str]] = None
    local: bool = False
    up: bool = False
    interfaces: FrozenSet[str] = frozenset()
    addresses: Tuple[Tuple[str, str], ...] = ()
    attached: Tuple[str, ...] = ()


def packages(facts: HostFacts) -> List[str]:
    """Return the packages that the target must have."""
    own = distributions.of(facts.distribution)
    return [*own.packages, *(own.apparmor_packages if facts.checks["apparmor"].ok else ())]


def text_of(facts: HostFacts, path: str) -> str:
    """Return the text of a file, empty if it does not exist."""
    found = facts.files.get(path)
    return found.text if found else ""


def ids_line(ids: Tuple[int, int]) -> str:
    """Return the line for root's range, see subuid(5)."""
    return "root:%d:%d" % ids


def ids_files(facts: HostFacts, wanted: Wanted) -> List[str]:
    """Return the files that lack root's range, or whose owner or mode is wrong."""
    if not wanted.ids:
        return []
    line = ids_line(wanted.ids)
    return [path for path in IDS_FILES if not (has_line(facts, path, line) and is_kept(facts.files.get(path)))]


def has_line(facts: HostFacts, path: str, line: str) -> bool:
    """Return whether a file contains a line."""
    return line in text_of(facts, path).splitlines()


def is_kept(file: Optional[FileFacts], mode: int = 0o644) -> bool:
    """Return whether root owns a file, and the file has this mode."""
    return file is not None and (file.owner, file.mode) == ((0, 0), mode)


def bridge_before(settings: str) -> str:
    """Return the bridge that lxc-net takes for its own, according to its settings."""
    found = re.search(r'^LXC_BRIDGE="?([A-Za-z0-9_.-]+)', settings, re.MULTILINE)
    return found.group(1) if found else DEFAULT_BRIDGE


def settings_text(comment: str, settings: Mapping[str, str]) -> str:
    """Return the text of lxc-net's settings file, which a shell reads as variables."""
    lines = ["%s=%s" % (key, shlex.quote(value)) for key, value in settings.items()]
    return "\n".join([*commented(comment), "# Settings of lxc-net, written by the role %s." % MARK, *lines, ""])


def boot_script(comment: str) -> str:
    """Return the script that starts lxc-net at boot on distributions without a service for it."""
    return "\n".join(["#!/bin/sh", *commented(comment), "exec %s start" % distributions.HELPER, ""])


def commented(text: str) -> List[str]:
    """Return the lines of a text as shell comments."""
    return ["# " + line for line in text.splitlines()]


# The obstacles. Each function returns a sentence about what prevents the role's work, or an empty string.


def system(facts: HostFacts, _wanted: Wanted) -> str:
    return "" if facts.system == "Linux" else "It runs %s; LXC needs Linux." % facts.system


def kernel(facts: HostFacts, _wanted: Wanted) -> str:
    """Report the failed verdicts on the kernel, which no package can fix."""
    failed = [(name, check) for name, check in facts.checks.items() if name != "apparmor" and not check.ok]
    return " ".join("%s: %s; %s." % (name, check.found, check.advice) for name, check in failed)


def distribution(facts: HostFacts, wanted: Wanted) -> str:
    if not wanted.packages or distributions.of(facts.distribution).package_manager:
        return ""
    return (
        "The packages of its distribution (%s) are not known here; those of Alpine, Debian, Fedora and Ubuntu are. Install"
        " LXC, dnsmasq, iptables, iproute2 and busybox yourself and set softwarecontainer_manage_packages to false."
    ) % (facts.distribution or "without a name")


def ids_range(_facts: HostFacts, wanted: Wanted) -> str:
    if not wanted.ids:
        return ""
    first, count = wanted.ids
    if first >= IDS_MIN and count >= IDS_MIN and first + count <= IDS_END:
        return ""
    return (
        "softwarecontainer_ids_first: %d and the %d ids from there are not a range of at least %d ids above the target's"
        " own, up to %d."
    ) % (first, count, IDS_MIN, IDS_END - 1)


def ids_of_others(facts: HostFacts, wanted: Wanted) -> str:
    if not wanted.ids:
        return ""
    first, count = wanted.ids
    lines = [line.strip() for path in IDS_FILES for line in text_of(facts, path).splitlines()]
    others = [line for line in dict.fromkeys(lines) if overlaps(line, first, count)]
    if not others:
        return ""
    return (
        "softwarecontainer_ids_first: the ids from %d to %d are not free; its /etc/subuid and /etc/subgid have %s. Choose"
        " another range."
    ) % (first, first + count - 1, " and ".join(others))


def overlaps(line: str, first: int, count: int) -> bool:
    """Return whether a line of subuid(5) gives some of these ids to a user other than root."""
    found = re.fullmatch(r"([^:#]+):([0-9]+):([0-9]+)", line)
    if not found or found.group(1) in ("root", "0"):
        return False
    start, length = int(found.group(2)), int(found.group(3))
    return start < first + count and first < start + length


def other_bridge(facts: HostFacts, wanted: Wanted) -> str:
    """Report an interface that lxc-net did not make.

    Before it starts, lxc-net flushes the addresses of its bridge, which may be the target's own uplink.
    """
    if not wanted.bridge or wanted.bridge.name not in facts.interfaces:
        return ""
    settings = settings_of(facts)
    was_used = facts.up or MARK in settings
    if was_used and wanted.bridge.name == bridge_before(settings):
        return ""
    return (
        "softwarecontainer_bridge: it has an interface %s that lxc-net did not make. Choose another name; or, if containers"
        " are to use that one, set softwarecontainer_manage_bridge to false."
    ) % wanted.bridge.name


def addresses(facts: HostFacts, wanted: Wanted) -> str:
    if not wanted.bridge:
        return ""
    own = (wanted.bridge.name, bridge_before(settings_of(facts)))
    others = ["%s has %s" % each for each in facts.addresses if each[0] not in own]
    if not others:
        return ""
    return (
        "softwarecontainer_bridge_address: the network %s of the bridge %s is in use there (%s). Choose another address."
    ) % (wanted.bridge.network, wanted.bridge.name, ", ".join(others))


OBSTACLES: Tuple[Callable[[HostFacts, Wanted], str], ...] = (
    system,
    kernel,
    distribution,
    ids_range,
    ids_of_others,
    other_bridge,
    addresses,
)


def obstacles(facts: HostFacts, wanted: Wanted) -> List[str]:
    """Return a sentence for each obstacle to the role's work."""
    return [sentence for sentence in (find(facts, wanted) for find in OBSTACLES) if sentence]


def settings_of(facts: HostFacts) -> str:
    """Return the settings that lxc-net uses now."""
    return text_of(facts, distributions.of(facts.distribution).settings_file)


# The changes, in the order in which the role makes them. The conditions of the role's tasks use these names.


def has_bridge(facts: HostFacts, wanted: Wanted) -> bool:
    """Return whether lxc-net is up with these settings, and its bridge has its address."""
    bridge = wanted.bridge
    return bool(
        not bridge
        or (facts.up and settings_of(facts) == bridge.settings and (bridge.name, bridge.address) in facts.addresses)
    )


def needs_stop(facts: HostFacts, wanted: Wanted) -> bool:
    """Return whether lxc-net must stop before its settings change.

    It needs the old settings for that: they tell it which bridge and which firewall rules to remove.
    """
    return not has_bridge(facts, wanted) and (facts.up or (facts.systemd or ("",))[0] == "active")


def needs_settings(facts: HostFacts, wanted: Wanted) -> bool:
    file = facts.files.get(distributions.of(facts.distribution).settings_file)
    return bool(wanted.bridge and not (is_kept(file) and settings_of(facts) == wanted.bridge.settings))


def needs_boot(facts: HostFacts, wanted: Wanted) -> bool:
    path = distributions.of(facts.distribution).boot_script
    if not wanted.bridge or not path:
        return False
    return not (
        facts.local and text_of(facts, path) == boot_script(wanted.comment) and is_kept(facts.files.get(path), 0o755)
    )


def needs_start(facts: HostFacts, wanted: Wanted) -> bool:
    if not wanted.bridge:
        return False
    state, at_boot = facts.systemd or ("active", ENABLED[0])
    return not (has_bridge(facts, wanted) and state == "active" and at_boot in ENABLED)


CHANGES: Dict[str, Callable[[HostFacts, Wanted], bool]] = {
    "packages": lambda facts, wanted: wanted.packages and facts.lacking,
    "ids": lambda facts, wanted: bool(ids_files(facts, wanted)),
    "lxc_path": lambda facts, wanted: bool(wanted.ids and facts.lxc_path and not facts.passable),
    "stop": needs_stop,
    "settings": needs_settings,
    "boot": needs_boot,
    "start": needs_start,
}


def changes(facts: HostFacts, wanted: Wanted) -> List[str]:
    """Return the names of the necessary changes, in order."""
    return [name for name, is_needed in CHANGES.items() if is_needed(facts, wanted)]


def is_foreseeable(facts: HostFacts, wanted: Wanted) -> bool:
    """Return whether the containers' future state can be predicted before the role changes the target."""
    has_ids = not wanted.ids or all(has_line(facts, path, ids_line(wanted.ids)) for path in IDS_FILES)
    return not (
        (wanted.packages and facts.lacking)
        or not has_ids
        # Addresses of containers depend on that of the bridge.
        or (wanted.bridge and (wanted.bridge.name, wanted.bridge.address) not in facts.addresses)
    )
