# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel has in force: its texts as values, and what is said where a config asks for something else."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import config_text
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import in_force
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify.in_force import Effective

STATUS = """\
Name:\tinit.lxc
CapBnd:\t000001fcfdfcffff
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
"""
MOUNTINFO = """\
520 480 259:0 /var/lib/lxc/hmi/rootfs / rw,relatime - ext4 /dev/root rw
521 520 0:50 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs rw
522 520 259:0 /run/gw\\040x /gateways\\040x rw,nosuid,nodev,relatime - ext4 /dev/root rw
523 521 0:51 / /sys rw,relatime - tmpfs tmpfs rw
"""
NET_DEV = """\
Inter-|   Receive                            |  Transmit
 face |bytes    packets errs drop fifo frame |bytes    packets errs drop
    lo:       0       0    0    0    0     0        0       0    0    0
  eth0:  123456     100    0    0    0     0     1000      10    0    0
"""


def test_status() -> None:
    fields = in_force.fields_of(STATUS)
    names = in_force.capabilities_in(int(fields["CapBnd"], 16))
    assert fields["NoNewPrivs"] == "1"
    dropped = {"sys_module", "sys_rawio", "sys_time", "mac_override", "mac_admin"}
    assert set(in_force.CAPABILITIES) - set(names) == dropped
    assert in_force.capabilities_in(1 << 41 | 1) == ("chown", "41")


SECCOMP = {
    "none": ({"Seccomp": "0", "Seccomp_filters": "0"}, {}, "disabled"),
    "strict": ({"Seccomp": "1"}, {}, "strict"),
    "its own": ({"Seccomp": "2", "Seccomp_filters": "1"}, {"Seccomp_filters": "0"}, "filter"),
    "inherited": ({"Seccomp": "2", "Seccomp_filters": "1"}, {"Seccomp_filters": "1"}, "disabled"),
    "one more than inherited": ({"Seccomp": "2", "Seccomp_filters": "2"}, {"Seccomp_filters": "1"}, "filter"),
    "before Linux 5.9": ({"Seccomp": "2"}, {"Seccomp": "0"}, "filter"),
    "a kernel without": ({}, {}, "disabled"),
}


@pytest.mark.parametrize(("fields", "own", "mode"), SECCOMP.values(), ids=SECCOMP)
def test_seccomp(fields: dict[str, str], own: dict[str, str], mode: str) -> None:
    assert in_force.seccomp_in(fields, own) == mode


LABELS = {
    "none": ("", (None, None)),
    "unconfined": ("unconfined\n", ("unconfined", None)),
    "enforced": ("lxc-container-default-cgns (enforce)\n", ("lxc-container-default-cgns", "enforce")),
    "a name with the like of a mode": ("a (enforce) b (complain)\n", ("a (enforce) b", "complain")),
    "two": ("a//&:lxc-b:unconfined (mixed)\n", ("a//&:lxc-b:unconfined", "mixed")),
    "selinux": ("system_u:system_r:container_t:s0:c1,c2\0", ("system_u:system_r:container_t:s0:c1,c2", None)),
}


@pytest.mark.parametrize(("text", "found"), LABELS.values(), ids=LABELS)
def test_labels(text: str, found: tuple[str | None, str | None]) -> None:
    assert in_force.label_in(text) == found


def test_id_map() -> None:
    assert in_force.id_map_in("         0     100000      65536\n") == ((0, 100000, 65536),)
    assert in_force.id_map_in("") == ()


def test_mounts() -> None:
    assert in_force.mounts_in(MOUNTINFO) == {
        "/": "rw,relatime",
        "/sys": "rw,relatime",
        "/gateways x": "rw,nosuid,nodev,relatime",
    }


COVERED = """\
1 99 8:1 / / rw - ext4 /dev/sda rw
2 1 8:1 / /usr rw,first - ext4 /dev/sda rw
3 2 8:1 / /usr/a rw - ext4 /dev/sda rw
4 2 8:1 / /usr rw,second - ext4 /dev/sda rw
5 4 8:1 / /usr/b rw - ext4 /dev/sda rw
6 1 8:1 / /usrx rw - ext4 /dev/sda rw
7 1 8:1 / /proc/sys/net rw - proc proc rw
8 1 8:1 / /proc/sys ro - proc proc rw
9 8 8:1 / /proc/sys/kernel rw - proc proc rw
"""


def test_what_is_covered_by_another_mount_cannot_be_seen() -> None:
    assert in_force.mounts_in(COVERED) == {
        "/": "rw",
        "/usr": "rw,second",
        "/usr/b": "rw",
        "/usrx": "rw",
        "/proc/sys": "ro",
        "/proc/sys/kernel": "rw",
    }


# What Python takes for the end of a line and the kernel does not; a container may have it in its names.
ODD = ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize("odd", ODD, ids=ascii)
def test_names_that_look_like_the_end_of_a_line(odd: str) -> None:
    root = "100 99 0:1 / / rw - ext4 x rw\n"
    mounts = in_force.mounts_in(root + f"101 100 0:2 / /tmp/a{odd}b ro - tmpfs x{odd}y rw\n")
    assert mounts == {"/": "rw", f"/tmp/a{odd}b": "ro"}
    assert in_force.interfaces_in(NET_DEV + f"{odd}eth1{odd}: 0\n") == ("lo", "eth0", f"{odd}eth1{odd}")
    fields = in_force.fields_of(f"Name:\ta{odd}Seccomp:\t2\nState:\tS\n")
    assert fields == {"Name": f"a{odd}Seccomp:\t2", "State": "S"}
    assert config_text.lines_of(f"lxc.environment = A={odd}lxc.no_new_privs = 1\n") == [
        ("lxc.environment", f"A={odd}lxc.no_new_privs = 1")
    ]


def test_escapes_of_mount_points() -> None:
    """The kernel escapes what ends a field or a line, and the backslash, each once."""
    text = "1 99 8:1 / / rw - ext4 x rw\n2 1 0:2 /a\\040b /a\\134040\\012b\\011c ro - tmpfs x\\040y rw\n"
    assert in_force.mounts_in(text) == {"/": "rw", "/a\\040\nb\tc": "ro"}


def test_mounts_that_change_while_the_kernel_tells_of_them() -> None:
    """A number that has gone can be given again, also to what is mounted upon what was mounted upon it."""
    rows = ["1 99 8:1 / /", "2 1 8:1 / /a", "3 2 8:1 / /a/b", "2 3 8:1 / /a/b/c"]
    text = "".join(row + " rw - ext4 x rw\n" for row in rows)
    assert set(in_force.mounts_in(text)) == {"/", "/a/b/c", "/a/b"}


COUNT = 50000


@pytest.mark.parametrize("upon", ["beside each other", "upon each other", "below each other"])
def test_many_mounts(upon: str) -> None:
    """The time does not grow with the square of their number: that would be minutes."""
    rows = [f"0 {COUNT} 8:1 / / rw - ext4 x rw"]
    for number in range(1, COUNT):
        parent = 0 if upon == "beside each other" else number - 1
        point = {"upon each other": "/", "below each other": "/" + "a/" * (number % 50) + str(number)}.get(upon)
        rows.append("%d %d 0:2 / %s rw - tmpfs x rw" % (number, parent, point or "/tmp/%d" % number))
    begun = time.process_time()
    found = in_force.mounts_in("\n".join(rows) + "\n")
    assert time.process_time() - begun < 5
    assert len(found) == (1 if upon == "upon each other" else COUNT)


def test_interfaces() -> None:
    assert in_force.interfaces_in(NET_DEV) == ("lo", "eth0")


def test_this_process() -> None:
    found = in_force.of(os.getpid())
    assert "lo" in found.interfaces
    assert "/proc" in found.mounts
    assert found.seccomp == "disabled"
    assert sum(count for _inside, _outside, count in found.uid_map) > 0


def test_the_lines_of_a_config() -> None:
    text = '# no\nlxc.cap.drop = a\nlxc.environment = "A= b "\nlxc.cap.drop=b\nlxc.empty =\nnone = 1\n'
    assert config_text.lines_of(text) == [
        ("lxc.cap.drop", "a"),
        ("lxc.environment", "A= b "),
        ("lxc.cap.drop", "b"),
        ("lxc.empty", ""),
    ]


GATEWAY = "lxc.mount.entry = /run/gw gateways none bind,rw,nosuid,nodev 0 0"
BELOW = "lxc.mount.entry = /srv data none rbind,ro,nodev 0 0"
IDMAP = "lxc.idmap = u 0 100000 65536"
DEVICES = "lxc.cgroup.devices.deny = a\nlxc.cgroup.devices.allow = c 1:3 rwm"
CASES: dict[str, tuple[str, Effective, list[str]]] = {
    "nothing asked for": ("", Effective(), []),
    "capability": (
        "lxc.cap.drop = sys_time mac_admin",
        Effective(capabilities=("chown", "sys_time")),
        ["security.drop_capabilities: PID 1 can still get sys_time"],
    ),
    "no capability": ("lxc.cap.drop = sys_time", Effective(capabilities=("chown",)), []),
    "no_new_privs": ("lxc.no_new_privs = 1", Effective(), ["security.no_new_privs: it is not in force"]),
    "no_new_privs in force": ("lxc.no_new_privs = 1", Effective(no_new_privs=True), []),
    "no_new_privs not asked for": ("lxc.no_new_privs = 0", Effective(), []),
    "seccomp": (
        "lxc.seccomp.profile = /p",
        Effective(seccomp="strict"),
        ["security.seccomp: no filter of /p is in force"],
    ),
    "seccomp in force": ("lxc.seccomp.profile = /p", Effective(seccomp="filter"), []),
    "apparmor": (
        "lxc.apparmor.profile = lxc-container-default",
        Effective(apparmor="unconfined"),
        ["security.apparmor: it should be lxc-container-default and is unconfined"],
    ),
    "apparmor in force": ("lxc.apparmor.profile = a", Effective(apparmor="a"), []),
    "apparmor that has no name of its own": ("lxc.apparmor.profile = generated", Effective(), []),
    "apparmor in force for each that breaks it": (
        "lxc.apparmor.profile = a",
        Effective(apparmor="a", apparmor_mode="kill"),
        [],
    ),
    "apparmor that only complains": (
        "lxc.apparmor.profile = a",
        Effective(apparmor="a", apparmor_mode="complain"),
        ["security.apparmor: the profile a enforces nothing, since its mode is complain"],
    ),
    "apparmor with a name that stands for none": (
        "lxc.apparmor.profile = a",
        Effective(apparmor="a", apparmor_mode="unconfined"),
        ["security.apparmor: the profile a enforces nothing, since its mode is unconfined"],
    ),
    "another profile that only complains": (
        "lxc.apparmor.profile = a",
        Effective(apparmor="b", apparmor_mode="complain"),
        ["security.apparmor: it should be a and is b"],
    ),
    "a profile without a name of its own that only complains": (
        "lxc.apparmor.profile = generated",
        Effective(apparmor="lxc-a_</var>", apparmor_mode="complain"),
        ["security.apparmor: the profile generated enforces nothing, since its mode is complain"],
    ),
    "apparmor as it was, which only complains": (
        "lxc.apparmor.profile = unchanged",
        Effective(apparmor="a", apparmor_mode="complain"),
        [],
    ),
    "selinux": (
        "lxc.selinux.context = u:r:t",
        Effective(),
        ["security.selinux: it should be u:r:t and is none"],
    ),
    "no profile where there is no apparmor": ("lxc.apparmor.profile = unconfined", Effective(), []),
    "no profile": ("lxc.apparmor.profile = unconfined", Effective(apparmor="unconfined"), []),
    "a profile instead of none": (
        "lxc.apparmor.profile = unconfined",
        Effective(apparmor="generated-x"),
        ["security.apparmor: it should be unconfined and is generated-x"],
    ),
    "devices": (DEVICES, Effective(), ["security.devices: the container may use every device"]),
    "devices in force": (DEVICES, Effective(devices=("c 1:3 rwm",)), []),
    "devices by a program": (DEVICES.replace("cgroup", "cgroup2"), Effective(devices=()), []),
    "more devices": (
        DEVICES,
        Effective(devices=("c 1:3 rwm", "b 8:0 rwm")),
        ["security.devices: the container may also use b 8:0 rwm"],
    ),
    "id map": (IDMAP, Effective(uid_map=((0, 0, 4294967295),)), ["security.idmap: u 0 100000 65536 is not in force"]),
    "id map in force": (IDMAP, Effective(uid_map=((0, 100000, 65536),)), []),
    "both id maps": (
        IDMAP.replace("u", "b", 1),
        Effective(uid_map=((0, 100000, 65536),)),
        ["security.idmap: b 0 100000 65536 is not in force"],
    ),
    "no mount": (GATEWAY, Effective(), ["mounts: nothing is mounted at /gateways"]),
    "mount options": (
        GATEWAY,
        Effective(mounts={"/gateways": "rw,nosuid,relatime"}),
        ["mounts: /gateways is mounted without nodev"],
    ),
    "mount in force": (GATEWAY, Effective(mounts={"/gateways": "rw,nosuid,nodev"}), []),
    "a mount with one below": (
        BELOW,
        Effective(mounts={"/data": "ro,nodev", "/data/a": "rw,nodev", "/data/b": "ro,nodev", "/database": "rw"}),
        ["mounts: /data/a is mounted without ro"],
    ),
    "a mount below that is asked for itself": (
        BELOW + "\nlxc.mount.entry = /b data/a none bind,rw 0 0",
        Effective(mounts={"/data": "ro,nodev", "/data/a": "rw"}),
        [],
    ),
    "a mount without those below": (
        BELOW.replace("rbind", "bind"),
        Effective(mounts={"/data": "ro,nodev", "/data/a": "rw"}),
        [],
    ),
    "optional mount": (GATEWAY.replace("rw", "rw,optional"), Effective(), []),
    "optional mount without its options": (
        GATEWAY.replace("rw", "rw,optional"),
        Effective(mounts={"/gateways": "rw"}),
        ["mounts: /gateways is mounted without nosuid, nodev"],
    ),
    "two mounts at one place": (
        "lxc.mount.entry = /a x none bind,ro 0 0\nlxc.mount.entry = /b x none bind,rw 0 0",
        Effective(mounts={"/x": "rw"}),
        [],
    ),
    "a mount below another that comes later": (
        "lxc.mount.entry = /a x/y none bind,ro 0 0\nlxc.mount.entry = /b x none bind,rw 0 0",
        Effective(mounts={"/x": "rw"}),
        [],
    ),
    "a place with a blank": (
        "lxc.mount.entry = /a a\\040b none bind,ro 0 0",
        Effective(mounts={"/a b": "rw"}),
        ["mounts: /a b is mounted without ro"],
    ),
    "a place with a blank that is none for LXC": (
        "lxc.mount.entry = /a a\u00a0b none bind,ro 0 0",
        Effective(mounts={"/a\u00a0b": "rw"}),
        ["mounts: /a\u00a0b is mounted without ro"],
    ),
    "sys": (
        "lxc.mount.auto = proc:mixed sys:ro",
        Effective(mounts={"/sys": "rw,nosuid"}),
        ["mounts: /sys is mounted without ro"],
    ),
    "sys that may be written": ("lxc.mount.auto = proc:mixed sys:mixed", Effective(mounts={"/sys": "rw"}), []),
    "interface": (
        "lxc.net.1.name = eth1",
        Effective(interfaces=("lo", "eth0")),
        ["network[1].name: there is no interface eth1 in the container"],
    ),
    "interface in force": ("lxc.net.0.name = eth0", Effective(interfaces=("lo", "eth0")), []),
}


@pytest.mark.parametrize(("text", "found", "reasons"), CASES.values(), ids=CASES)
def test_what_is_not_in_force(text: str, found: Effective, reasons: list[str]) -> None:
    assert in_force.not_in_force(config_text.lines_of(text), found) == reasons


KEYS_1 = "lxc.cgroup.dir = d\nlxc.cgroup.devices.deny = a\nlxc.cgroup.pids.max = 5\n"
KEYS_2 = "lxc.cgroup2.pids.max = 5\nlxc.cgroup2.io.max = a\nlxc.cgroup2.io.max = b\n"
PASSED_OVER = {
    "version 1": (KEYS_1, 1, []),
    "version 2": (KEYS_2, 2, []),
    "those of version 2": (KEYS_2, 1, ["lxc.cgroup2.pids.max", "lxc.cgroup2.io.max"]),
    "those of version 1": (KEYS_1, 2, ["lxc.cgroup.devices.deny", "lxc.cgroup.pids.max"]),
    "one controller in both versions": (KEYS_1 + KEYS_2, 2, ["lxc.cgroup.devices.deny"]),
    "one controller in both versions, version 1 in force": (KEYS_1 + KEYS_2, 1, ["lxc.cgroup2.io.max"]),
    "none": ("lxc.cgroup.relative = 1\nlxc.cgroup.dir.container = d\nlxc.cap.drop = a", 2, []),
}


@pytest.mark.parametrize(("text", "version", "keys"), PASSED_OVER.values(), ids=PASSED_OVER)
def test_what_lxc_passes_over(text: str, version: int, keys: list[str]) -> None:
    reasons = ["%s: it is not in force, since cgroups are of version %d" % (key, version) for key in keys]
    assert in_force.passed_over(config_text.lines_of(text), version) == reasons


def test_a_container_of_all_defaults_asks_for_what_is_checked() -> None:
    """Each key of the hardening has a check, so that none is asked for and never read back."""
    asked: dict[str, Any] = {
        "lxc.cap.drop": "sys_time",
        "lxc.no_new_privs": "1",
        "lxc.seccomp.profile": "/p",
        "lxc.apparmor.profile": "p",
        "lxc.selinux.context": "p",
        "lxc.cgroup.devices.deny": "a",
        "lxc.idmap": "u 0 1 2",
    }
    for key, value in asked.items():
        assert in_force.not_in_force([(key, value)], Effective(capabilities=("sys_time",))), key


def test_what_follows_later_mounts() -> None:
    text = (
        "30 1 8:1 / / rw master:1 - ext4 /dev/sda rw\n"
        "31 30 8:1 /usr /a\\040b ro shared:7 master:2 propagate_from:3 - ext4 /dev/master:9 rw\n"
        "32 30 8:1 /usr /c ro shared:7 - ext4 /dev/master:9 rw\n"
        "33 30 8:1 /usr /d ro - ext4 master:1 rw\n"
    )
    assert in_force.following_in(text) == ("/", "/a b")


HELD: dict[str, tuple[str, Effective, list[str]]] = {
    "mapped ids": ("bind,idmap=container", Effective(mounts={"/d": "rw,relatime,idmapped"}), []),
    "no mapped ids": (
        "bind,idmap=container",
        Effective(mounts={"/d": "rw,relatime"}),
        ["mounts: /d is mounted without idmap=container"],
    ),
    "closed": ("bind,ro,rprivate", Effective(mounts={"/d": "ro"}, following=("/",)), []),
    "open to later mounts": (
        "bind,ro,rprivate",
        Effective(mounts={"/d": "ro"}, following=("/d",)),
        ["mounts: /d is mounted without rprivate"],
    ),
    "open below to later mounts": (
        "rbind,ro,rprivate",
        Effective(mounts={"/d": "ro", "/d/e": "ro"}, following=("/d/e",)),
        ["mounts: /d/e is mounted without rprivate"],
    ),
    "meant to be open": ("bind,ro", Effective(mounts={"/d": "ro"}, following=("/d",)), []),
}


@pytest.mark.parametrize(("options", "found", "reasons"), HELD.values(), ids=HELD)
def test_what_holds(options: str, found: Effective, reasons: list[str]) -> None:
    lines = [("lxc.mount.entry", f"/srv d none {options} 0 0")]
    assert in_force.check_mounts(lines, found) == reasons
