"""I/O: what the machine is that the figures were taken on."""

from __future__ import annotations

import os
import platform
from typing import List, Tuple

from sandbox import file_system_type, forgets_slowly, output, scratch_parent


def describe(scratch: str, core_version: str, peer_version: str) -> List[Tuple[str, str]]:
    """Return the rows of the machine table: what, value."""
    return [
        ("CPU", f"{field('/proc/cpuinfo', 'model name') or platform.machine()}, {os.cpu_count()} cores"),
        ("Memory", f"{int(field('/proc/meminfo', 'MemTotal').split()[0]) / 1024 / 1024:.1f} GiB"),
        ("Kernel", platform.release()),
        ("Distribution", field("/etc/os-release", "PRETTY_NAME", "=").strip('"')),
        ("File system", file_system(scratch)),
        ("Control groups", cgroup_version()),
        ("LXC", output("lxc-start", "--version")),
        ("Target's Python", output("/usr/bin/python3", "--version").split()[-1]),
        ("ansible-core", core_version),
        ("community.general", peer_version),
    ]


def file_system(scratch: str) -> str:
    """Return what the containers lie on."""
    parent = scratch_parent()
    own = file_system_type(parent) + (" without a journal" if forgets_slowly(parent) else "")
    if os.stat(scratch).st_dev == os.stat(parent).st_dev:
        return own
    return f"{file_system_type(scratch)} with a journal, in an image file on {own}"


def field(path: str, key: str, separator: str = ":") -> str:
    """Return the value of the first `key` of a file of key-value lines; empty when there is none."""
    with open(path) as stream:
        for line in stream:
            name, _separator, value = line.partition(separator)
            if name.strip() == key:
                return value.strip()
    return ""


def cgroup_version() -> str:
    """Return which version of control groups holds the controllers."""
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return "version 2"
    return "version 1, hybrid" if os.path.isdir("/sys/fs/cgroup/unified") else "version 1"
