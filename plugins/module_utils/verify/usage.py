# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): what the kernel reports about a running container: limits, memory, processor time, addresses."""

from __future__ import annotations

import os
from typing import Callable, Dict, List, Optional, Set, TypeVar

from ..container_spec.records import Limits
from ..errors import ContainerError
from ..plan import lxc_config
from ..target import facts

# The kernel's values for "no limit": version 2, cpu quota of version 1, memory of version 1 with small and large pages.
UNLIMITED = ("max", "-1", "9223372036854771712", "9223372036854710272")
# The length of some texts depends on the container. At this length, it has some ten thousand mounts or addresses.
TEXT_MAX = 1024 * 1024

Parsed = TypeVar("Parsed")


def text_of(pid: int, name: str) -> str:
    """Return the text of a file below /proc/PID, or an empty string if it cannot be read.

    Only line feeds end its lines: it contains mount points and names that the container chose. Bytes that are not valid
    text become escapes, because Ansible refuses results with surrogates. Raise ContainerError if the text is longer
    than TEXT_MAX bytes.
    """
    content = bytearray()
    try:
        with open("/proc/%d/%s" % (pid, name), "rb", buffering=0) as stream:
            chunk = stream.read(TEXT_MAX)
            while chunk:
                content += chunk
                if len(content) > TEXT_MAX:
                    raise ContainerError("its /proc/%d/%s has more than %d bytes" % (pid, name, TEXT_MAX))
                chunk = stream.read(TEXT_MAX)
    except OSError:
        return ""
    return content.decode("utf-8", "backslashreplace")


def read_parsed(pid: int, name: str, parse: Callable[[str], Parsed]) -> Parsed:
    """Return the parsed text of a file below /proc/PID. Raise ContainerError if the text cannot be parsed."""
    text = text_of(pid, name)
    try:
        return parse(text)
    except (ValueError, IndexError):
        raise ContainerError("its /proc/%d/%s cannot be understood" % (pid, name)) from None


def lines_of(text: str) -> List[str]:
    """Return the lines of a text of the kernel.

    str.splitlines would also split at characters that a container may put into a name.
    """
    return [line for line in text.split("\n") if line]


def cgroup_file(pid: int, controller: str, name: str) -> Optional[str]:
    """Return the text of a file of the container's own cgroup, or None if the file does not exist."""
    version, point = facts.hierarchies().get(controller, (0, ""))
    path = payload_cgroup(facts.read_text("/proc/%d/cgroup" % pid), controller, version)
    text = "\0" if path is None else facts.read_text(point + path + "/" + name, "\0")
    return None if text == "\0" else text.strip()


def payload_cgroup(cgroups: str, controller: str, version: int) -> Optional[str]:
    """Return the path of a container's cgroup below the mount point, from the text of /proc/PID/cgroup of its PID 1.

    PID 1 may have moved itself to a cgroup further down, with any name. LXC calls the container's own cgroup
    lxc.payload.NAME. See cgroups(7).
    """
    for line in filter(None, cgroups.split("\n")):
        number, listed, path = line.split(":", 2)
        if (controller in listed.split(",") and version == 1) or (number == "0" and not listed and version == 2):
            parts = path.split("/")
            depth = next((place for place, part in enumerate(parts) if part.startswith("lxc.payload")), len(parts) - 1)
            return "/".join(parts[: depth + 1])
    return None


def cgroups(pid: int) -> Set[str]:
    """Return the cgroup directories of a container and of its monitor, from the id of its PID 1 or of its monitor."""
    text = facts.read_text("/proc/%d/cgroup" % pid)
    found: Set[str] = set()
    for controller, (version, point) in facts.hierarchies().items():
        path = (payload_cgroup(text, controller, version) or "").replace("/lxc.monitor.", "/lxc.payload.")
        if "/lxc.payload." in path:
            found |= {point + path, point + path.replace("/lxc.payload.", "/lxc.monitor.")}
    return found


def limits_not_in_force(pid: int, wanted: Limits) -> List[str]:
    """Return a sentence for each limit for which the kernel shows another value."""
    return limits_missing(wanted, facts.controllers(), lambda controller, name: cgroup_file(pid, controller, name))


def limits_missing(wanted: Limits, controllers: Dict[str, int], read: Callable[[str, str], Optional[str]]) -> List[str]:
    """Return the same from the cgroup version of each controller; `read` returns the text of a controller's file."""
    found: List[str] = []
    try:
        files = lxc_config.limit_files(wanted, controllers)
    except ContainerError as error:
        return [str(error)]  # The target had the controller when the config was made.
    for key, controller, name, value in files:
        actual = read(controller, name)
        if actual != value and not (controller == "memory" and whole_pages(value) == actual):
            current = "not there" if actual is None else actual
            found.append("limits.%s: %s should be %s and is %s" % (key, name, value, current))
    return found


def whole_pages(size: str) -> str:
    """Return a size as the kernel keeps it, in whole pages."""
    page = os.sysconf("SC_PAGE_SIZE")
    return str(int(size) // page * page)


def addresses(pid: int) -> List[str]:
    """Return the addresses in the network namespace of a process, without loopback and link-local addresses."""
    fib_trie = text_of(pid, "net/fib_trie")
    return read_parsed(pid, "net/if_inet6", lambda if_inet6: addresses_in(fib_trie, if_inet6))


def addresses_in(fib_trie: str, if_inet6: str) -> List[str]:
    """Return the same from the texts of the two files."""
    found: Dict[str, None] = {}
    previous = ""
    for line in lines_of(fib_trie):
        # An address has a line of its own, above the line that gives its type.
        if "/32 host LOCAL" in line and not previous.startswith("127."):
            found[previous] = None
        previous = line.rpartition("|-- ")[2].strip() if "|-- " in line else previous
    for line in lines_of(if_inet6):
        digits, _index, _prefix, scope = line.split()[:4]
        if scope == "00":
            found[compressed(digits)] = None
    return list(found)


def compressed(digits: str) -> str:
    """Return the short form of an IPv6 address given as 32 hexadecimal digits."""
    import ipaddress  # Only needed here, and not small.

    return str(ipaddress.ip_address(int(digits, 16)))


def memory_bytes(pid: int) -> Optional[int]:
    """Return the memory that a container uses in bytes, page cache included, or None if it cannot be read."""
    name = "memory.current" if facts.hierarchies().get("memory", (0,))[0] == 2 else "memory.usage_in_bytes"
    text = cgroup_file(pid, "memory", name)
    return int(text) if text else None


def cpu_seconds(pid: int) -> Optional[float]:
    """Return the processor time in seconds that a container has used, or None if it cannot be read."""
    text = cgroup_file(pid, "cpuacct", "cpuacct.usage")
    if text:
        return round(int(text) / 1e9, 3)
    # Version 2 counts it even without a controller.
    return seconds_in(cgroup_file(pid, "unified", "cpu.stat") or "")


def seconds_in(cpu_stat: str) -> Optional[float]:
    """Return the processor seconds in the text of cpu.stat of version 2, or None: that of version 1 has none."""
    words = dict(line.split() for line in lines_of(cpu_stat))
    return round(int(words["usage_usec"]) / 1e6, 3) if "usage_usec" in words else None


def effective_limits(pid: int) -> Dict[str, Optional[str]]:
    """Return a container's limits as its cgroup files show them; None means no limit."""
    every = Limits(memory=1, memory_swap=1, cpu_shares=2, cpus=1.0, pids=1)
    versions = {name: version for name, version in facts.controllers().items() if name in ("memory", "cpu", "pids")}
    files = lxc_config.limit_files(every, {"memory": 1, "cpu": 1, "pids": 1, **versions})
    found = {
        key: cgroup_file(pid, controller, name) for key, controller, name, _value in files if controller in versions
    }
    return {key: None if unlimited(value) else value for key, value in found.items()}


def unlimited(value: Optional[str]) -> bool:
    """Return whether the text of a cgroup file means that there is no limit."""
    return not value or value.split()[0] in UNLIMITED
