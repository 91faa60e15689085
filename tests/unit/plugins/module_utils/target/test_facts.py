# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of a target: programs, their loaders, the layout of its cgroups."""

from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import facts, memory

LOADER = b"/lib64/ld-linux-x86-64.so.2\0"


def elf(wide: bool, order: str, kinds: list[int], loader: bytes = LOADER) -> bytes:
    """A program with these program headers; those of type 3, PT_INTERP, name the loader. See elf(5)."""
    big = "<" if order == "little" else ">"
    head, each = (64, 56) if wide else (52, 32)
    at = head + each * len(kinds)
    identity = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "little" else 2, 1]) + bytes(9)
    form = big + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH")
    content = identity + struct.pack(form, 3, 62, 1, 0, head, 0, 0, head, each, len(kinds), 0, 0, 0)
    for kind in kinds:
        place, length = (at, len(loader)) if kind == 3 else (0, 0)
        if wide:
            content += struct.pack(big + "IIQQQQQQ", kind, 4, place, 0, 0, length, length, 1)
        else:
            content += struct.pack(big + "IIIIIIII", kind, place, 0, 0, length, length, 4, 1)
    # What follows is no padding, so that only the right length gives the right name.
    return content + loader + b"\xff" * 64


PROGRAMS = {
    f"{32 * (1 + wide)} bit, {order} endian, {what}": (elf(wide, order, kinds), loader)
    for wide in (False, True)
    for order in ("little", "big")
    for what, kinds, loader in (
        ("dynamic", [6, 3, 1], "/lib64/ld-linux-x86-64.so.2"),
        ("loader last", [6, 1, 1, 3], "/lib64/ld-linux-x86-64.so.2"),
        ("static", [1, 1, 7], None),
        ("without headers", [], None),
    )
}
PROGRAMS["musl"] = (elf(True, "little", [3], b"/lib/ld-musl-aarch64.so.1\0"), "/lib/ld-musl-aarch64.so.1")
PROGRAMS["a script"] = (b"#!/bin/sh\n" + b"#" * 100, None)
PROGRAMS["nothing"] = (b"", None)
PROGRAMS["cut off in its header"] = (elf(True, "little", [3])[:60], None)
PROGRAMS["cut off before its headers"] = (elf(True, "little", [6, 3])[:64], None)


@pytest.mark.parametrize(("content", "loader"), PROGRAMS.values(), ids=PROGRAMS)
def test_interpreter(content: bytes, loader: str | None) -> None:
    assert facts.interpreter(content) == loader


# As a Debian, an old embedded system and a systemd of today show them.
COMMON = """\
22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
23 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:14 - proc proc rw
28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro
30 28 0:26 / /mnt/odd\\040name rw - fuse.sshfs user@host:/a\\040b rw
31 28 0:27 / /mnt/form\x0cfeed\u2028line rw - tmpfs  rw
"""
VERSION_1 = """\
40 22 0:30 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 22 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
42 22 0:32 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
43 22 0:33 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
"""
UNIFIED = "50 22 0:40 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
BESIDE = "50 22 0:40 / /sys/fs/cgroup/unified rw,relatime shared:4 - cgroup2 cgroup2 rw\n"
POINTS_1 = {
    "memory": (1, "/sys/fs/cgroup/memory"),
    "cpu": (1, "/sys/fs/cgroup/cpu,cpuacct"),
    "cpuacct": (1, "/sys/fs/cgroup/cpu,cpuacct"),
    "pids": (1, "/sys/fs/cgroup/pids"),
}
HIERARCHIES = {
    "none": (COMMON, {}, {}, "1"),
    "version 1": (COMMON + VERSION_1, {}, POINTS_1, "1"),
    "version 2": (
        COMMON + UNIFIED,
        {"/sys/fs/cgroup": "cpuset cpu io memory pids\n"},
        dict.fromkeys(("cpu", "cpuset", "io", "memory", "pids", "unified"), (2, "/sys/fs/cgroup")),
        "2",
    ),
    "hybrid": (
        VERSION_1 + BESIDE,
        {"/sys/fs/cgroup/unified": ""},
        {**POINTS_1, "unified": (2, "/sys/fs/cgroup/unified")},
        "hybrid",
    ),
    "hybrid, with one controller on version 2": (
        VERSION_1.replace("pids", "devices") + BESIDE,
        {"/sys/fs/cgroup/unified": "pids\n"},
        {
            **{name: point for name, point in POINTS_1.items() if name != "pids"},
            "devices": (1, "/sys/fs/cgroup/devices"),
            "pids": (2, "/sys/fs/cgroup/unified"),
            "unified": (2, "/sys/fs/cgroup/unified"),
        },
        "hybrid",
    ),
    "both have it: version 1 counts": (
        VERSION_1 + BESIDE,
        {"/sys/fs/cgroup/unified": "pids\n"},
        {**POINTS_1, "unified": (2, "/sys/fs/cgroup/unified")},
        "hybrid",
    ),
}


@pytest.mark.parametrize(("mountinfo", "controllers", "expected", "layout"), HIERARCHIES.values(), ids=HIERARCHIES)
def test_hierarchies(
    mountinfo: str, controllers: dict[str, str], expected: dict[str, tuple[int, str]], layout: str
) -> None:
    found = facts.hierarchies_in(mountinfo, lambda point: controllers[point])
    # The other words are options of the mount.
    assert {name: found[name] for name in found if name not in ("rw", "xattr", "name=systemd")} == expected
    assert facts.layout({name: version for name, (version, _point) in found.items()}) == layout


LAYOUTS = {
    "nothing": ({}, "1"),
    "all on 1": ({"memory": 1, "cpu": 1, "pids": 1}, "1"),
    "all on 1, with 2 beside": ({"memory": 1, "cpu": 1, "pids": 1, "unified": 2}, "hybrid"),
    "all on 2": ({"memory": 2, "cpu": 2, "pids": 2, "unified": 2}, "2"),
    "what counts is on 2": ({"memory": 2, "cpu": 2, "pids": 2, "unified": 2, "devices": 1}, "2"),
    "memory on 1": ({"memory": 1, "cpu": 2, "pids": 2, "unified": 2}, "hybrid"),
    "cpu on 1": ({"memory": 2, "cpu": 1, "pids": 2, "unified": 2}, "hybrid"),
    "pids on 1": ({"memory": 2, "cpu": 2, "pids": 1, "unified": 2}, "hybrid"),
    "no memory controller": ({"cpu": 2, "pids": 2, "unified": 2}, "2"),
    "2 alone, with none of these controllers": ({"hugetlb": 2, "unified": 2}, "2"),
    "2 alone, with no controller": ({"unified": 2}, "2"),
    "none of these controllers, some on 1": ({"devices": 1, "unified": 2}, "hybrid"),
}


@pytest.mark.parametrize(("versions", "layout"), LAYOUTS.values(), ids=LAYOUTS)
def test_layout(versions: dict[str, int], layout: str) -> None:
    assert facts.layout(versions) == layout


def script(path: Path, text: str) -> str:
    """A program that is a script."""
    path.write_text("#!/bin/sh\n" + text, encoding="ascii")
    path.chmod(0o755)
    return str(path)


def test_busybox(tmp_path: Path) -> None:
    path = script(tmp_path / "busybox", "[ \"$*\" = --list ] && printf '%s\\n' '[' ls 'no good' ../up '' sh\n")
    content = Path(path).read_bytes()
    assert facts.busybox(path) == facts.Binary(
        path, hashlib.sha256(content).hexdigest(), len(content), ("[", "ls", "sh"), None
    )


def test_no_busybox(tmp_path: Path) -> None:
    path = str(tmp_path / "busybox")
    assert facts.busybox(path) == f"{path} is not a busybox that runs on the target (No such file or directory)"
    memory.forget()
    script(tmp_path / "busybox", "exit 3\n")
    assert facts.busybox(path) == f"{path} is not a busybox that runs on the target (busybox --list ended with 3)"
    memory.forget()
    script(tmp_path / "busybox", "echo\n")
    assert facts.busybox(path) == f"{path} reports no applets"
    memory.forget()
    (tmp_path / "busybox").write_bytes(b"\x7fELF, but nothing more")
    assert facts.busybox(path) == f"{path} is not a busybox that runs on the target (Exec format error)"
    memory.forget()
    (tmp_path / "busybox").chmod(0o644)
    assert facts.busybox(path) == f"{path} is not a busybox that runs on the target (Permission denied)"
    assert facts.busybox(str(tmp_path)) == f"{tmp_path} is not a busybox that runs on the target (Is a directory)"


def test_first_program(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a", "b", "c")]
    for name in names:
        os.mkdir(name)
    assert facts.first_program("sh", names) is None
    (tmp_path / "a" / "sh").write_text("not to be run", encoding="ascii")
    script(tmp_path / "c" / "sh", "")
    assert facts.first_program("sh", names) == f"{names[2]}/sh"
    (tmp_path / "b" / "sh").symlink_to("../c/sh")
    assert facts.first_program("sh", names) == f"{names[1]}/sh"
    assert facts.first_program("sh", names, below=names[2] + "/") == f"{names[1]}/sh"
    assert facts.first_program("sh", names, below=names[0] + "/") is None


def test_read_text(tmp_path: Path) -> None:
    path = tmp_path / "text"
    assert facts.read_text(str(path)) == ""
    assert facts.read_text(str(path), "\0") == "\0"
    path.write_bytes(b"a\r\nb\xff\n")
    assert facts.read_text(str(path)) == "a\r\nb\udcff\n"


def test_the_seed_of_this_machine() -> None:
    """Where it has no id of its own it is that of the boot, which every Linux has."""
    assert len(facts.seed()) == 32
