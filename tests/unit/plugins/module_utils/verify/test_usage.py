# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says of a container that runs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Limits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import usage

FIB_TRIE = """\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.3.0/24 2 0 2
        +-- 10.0.3.0/26 2 0 2
           |-- 10.0.3.0
              /24 link UNICAST
           |-- 10.0.3.20
              /32 host LOCAL
           |-- 10.0.3.21
              /32 link UNICAST
              /32 host LOCAL
        |-- 10.0.3.255
           /32 link BROADCAST
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
"""
IF_INET6 = (
    "00000000000000000000000000000001 01 80 10 80       lo\n"
    "fe8000000000000002163efffeaabbcc 02 40 20 80     eth0\n"
    "fd000003000000000000000000000020 02 40 00 80     eth0\n"
)
ADDRESSES = {
    "none": ("", "", []),
    "version 4": (FIB_TRIE, "", ["10.0.3.20", "10.0.3.21"]),
    # The kernel shows its main and its local table, and they are alike.
    "version 4, in two tables": (FIB_TRIE + FIB_TRIE.replace("Main", "Local"), "", ["10.0.3.20", "10.0.3.21"]),
    "version 6": ("", IF_INET6, ["fd00:3::20"]),
    "both": (FIB_TRIE, IF_INET6, ["10.0.3.20", "10.0.3.21", "fd00:3::20"]),
    # Root in a container names its interfaces, and only blanks as isspace(3) has them are refused.
    "an interface with an odd name": ("", IF_INET6.replace("eth0", "a\x1cb\u2028c"), ["fd00:3::20"]),
}


@pytest.mark.parametrize(("fib_trie", "if_inet6", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_addresses(fib_trie: str, if_inet6: str, expected: list[str]) -> None:
    assert usage.addresses_in(fib_trie, if_inet6) == expected


def test_a_text_of_the_kernel() -> None:
    assert usage.text_of(os.getpid(), "comm").endswith("\n")
    assert usage.text_of(os.getpid(), "none") == ""
    assert usage.text_of(4194304 + 1, "status") == ""


def test_a_text_of_the_kernel_with_bytes_that_are_no_text() -> None:
    """Ansible refuses the whole result of a module that has half of a character in it."""
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a\\xff\\rb'); print(flush=True); input()"
    argv = [sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        assert usage.text_of(process.pid, "comm") == "a\\xff\rb\n"


def test_a_text_of_the_kernel_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container can have a hundred thousand mounts."""
    pid = os.getpid()
    size = len(usage.text_of(pid, "mountinfo").encode())
    monkeypatch.setattr(usage, "TEXT_MAX", size)
    assert usage.text_of(pid, "mountinfo")
    monkeypatch.setattr(usage, "TEXT_MAX", size - 1)
    with pytest.raises(ContainerError) as caught:
        usage.text_of(pid, "mountinfo")
    assert str(caught.value) == f"its /proc/{pid}/mountinfo has more than {size - 1} bytes"


def test_a_text_of_the_kernel_that_is_not_understood() -> None:
    pid = os.getpid()
    with pytest.raises(ContainerError) as caught:
        usage.read_parsed(pid, "status", int)
    assert str(caught.value) == f"its /proc/{pid}/status cannot be understood"


CGROUPS_1 = (
    "12:memory:/lxc.payload.hmi\n"
    "5:cpu,cpuacct:/lxc.payload.hmi/below/it\n"
    "3:pids:/user.slice/lxc.payload.hmi-1\n"
    "1:name=systemd:/lxc.payload.hmi/init.scope\n"
    "0::/lxc.payload.hmi\n"
)
CGROUPS_2 = "0::/machine.slice/lxc.payload.hmi/init:scope\n"
CGROUPS = {
    "version 1": (CGROUPS_1, "memory", 1, "/lxc.payload.hmi"),
    "version 1, two together": (CGROUPS_1, "cpuacct", 1, "/lxc.payload.hmi"),
    "version 1, further up": (CGROUPS_1, "pids", 1, "/user.slice/lxc.payload.hmi-1"),
    "version 1, missing": (CGROUPS_1, "devices", 1, None),
    "version 1, part of a name": (CGROUPS_1, "cpuac", 1, None),
    "hybrid": (CGROUPS_1, "memory", 2, "/lxc.payload.hmi"),
    "version 2": (CGROUPS_2, "memory", 2, "/machine.slice/lxc.payload.hmi"),
    "version 2, asked for 1": (CGROUPS_2, "memory", 1, None),
    "no such controller": (CGROUPS_1, "memory", 0, None),
    "no container": ("0::/init.scope\n", "memory", 2, "/init.scope"),
    "the root": ("0::/\n", "memory", 2, "/"),
    "ended": ("", "memory", 2, None),
    # Root in a container chooses what is below.
    "a name that looks like lines": ("0::/lxc.payload.hmi/a\x0cb\x85c\u2028d\re\n", "memory", 2, "/lxc.payload.hmi"),
    "a name like another container's": (
        "0::/lxc.payload.hmi/lxc.payload.media\n",
        "memory",
        2,
        "/lxc.payload.hmi",
    ),
}


@pytest.mark.parametrize(("cgroups", "controller", "version", "path"), CGROUPS.values(), ids=CGROUPS)
def test_payload_cgroup(cgroups: str, controller: str, version: int, path: str | None) -> None:
    assert usage.payload_cgroup(cgroups, controller, version) == path


BOTH = Limits(memory=65537, pids=50)
LIMITS = {
    "none": (Limits(), {}, {}, []),
    "version 1": (BOTH, {"memory": 1, "pids": 1}, {"memory.limit_in_bytes": "65536", "pids.max": "50"}, []),
    "version 2": (BOTH, {"memory": 2, "pids": 2}, {"memory.max": "65536", "pids.max": "50"}, []),
    "not in force": (
        BOTH,
        {"memory": 2, "pids": 2},
        {"memory.max": "max", "pids.max": "50"},
        ["limits.memory: memory.max should be 65537 and is max"],
    ),
    "no file": (
        BOTH,
        {"memory": 2, "pids": 2},
        {"memory.max": "65536"},
        ["limits.pids: pids.max should be 50 and is not there"],
    ),
    "the controller has gone": (
        BOTH,
        {"memory": 2},
        {"memory.max": "65536"},
        ["limits.pids: the target's kernel has no pids cgroup controller"],
    ),
}


@pytest.mark.parametrize(("wanted", "controllers", "files", "reasons"), LIMITS.values(), ids=LIMITS)
def test_limits_not_in_force(
    wanted: Limits, controllers: dict[str, int], files: dict[str, str], reasons: list[str]
) -> None:
    assert usage.limits_missing(wanted, controllers, lambda _controller, name: files.get(name)) == reasons


@pytest.mark.parametrize(
    ("cpu_stat", "seconds"),
    [
        ("usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\n", 1.235),
        ("usage_usec 0\n", 0.0),
        ("nr_periods 5\nnr_throttled 0\nthrottled_time 0\n", None),
        ("", None),
    ],
    ids=["version 2", "nothing used", "version 1", "missing"],
)
def test_seconds(cpu_stat: str, seconds: float | None) -> None:
    assert usage.seconds_in(cpu_stat) == seconds


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        ("", True),
        ("max", True),
        ("max 100000", True),
        ("-1", True),
        ("9223372036854771712", True),
        ("9223372036854710272", True),
        ("50000 100000", False),
        ("67108864", False),
        ("0", False),
    ],
)
def test_unlimited(value: str | None, expected: bool) -> None:
    assert usage.unlimited(value) is expected


def test_whole_pages() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    sizes = [0, 1, page - 1, page, page + 1, 67108864]
    assert [usage.whole_pages(str(size)) for size in sizes] == ["0", "0", "0", str(page), str(page), "67108864"]
