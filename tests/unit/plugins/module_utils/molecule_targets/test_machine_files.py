# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a machine and how qemu is called."""

from __future__ import annotations

import json

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import machine_files
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.requests import Machine, Target

ONE = Target("one", "debian-13", machine=Machine(2222, architecture="arm64", kernel_arguments="rootflags=prjquota"))


def test_qemu() -> None:
    found = machine_files.qemu(ONE, "/t/one", kvm=False)
    words = dict(zip(found[1::2], found[2::2]))
    assert found[0] == "qemu-system-aarch64"
    assert words["-append"] == "root=/dev/vda rw console=ttyAMA0 rootflags=prjquota"
    assert (words["-accel"], words["-cpu"], words["-m"]) == ("tcg", "cortex-a57", "1024M")
    assert "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:2222-:22" in found
    assert "driver=file,filename=/t/one/disk.img,node-name=file" in found


def test_qemu_with_kvm() -> None:
    found = machine_files.qemu(ONE, "/t/one", kvm=True)
    assert found[3:7] == ["-accel", "kvm", "-cpu", "host"]


def test_a_disk_that_forgets() -> None:
    machine = Machine(2222, volatile_cache=True)
    found = machine_files.drive(machine, "/t/one")
    assert found[-1] == "driver=blklogwrites,file=raw,log=writes,node-name=disk"
    assert "driver=file,filename=/t/one/disk.writes,node-name=writes" in found


@pytest.mark.parametrize(
    ("target", "public_key", "tree"),
    [
        (ONE._replace(name="two"), "key", "tree"),
        (ONE._replace(machine=Machine(2223, architecture="arm64")), "key", "tree"),
        (ONE, "another", "tree"),
        (ONE, "key", "another"),
    ],
    ids=["name", "machine", "key", "tree"],
)
def test_another_wish_is_another_record(target: Target, public_key: str, tree: str) -> None:
    assert machine_files.record(target, public_key, tree) != machine_files.record(ONE, "key", "tree")


def test_groups_make_no_other_machine() -> None:
    grouped = ONE._replace(groups=("a",))
    assert machine_files.record(grouped, "key", "tree") == machine_files.record(ONE, "key", "tree")


def test_record_has_what_it_takes_to_start() -> None:
    own = json.loads(machine_files.record(ONE, "key", "tree"))["target"]
    assert (own["name"], own["machine"]["port"], own["machine"]["memory"]) == ("one", 2222, 1 << 30)


@pytest.mark.parametrize(
    ("console", "last"),
    [
        ("", "nothing"),
        ("a\r\nb\r\n\r\nc\n", "a | b | c"),
        ("1\n2\n3\n4\n", "2 | 3 | 4"),
        ("\x1b[0;32m  OK  \x1b[0m \x1b[KStarted\x07\n", "OK   Started"),
    ],
    ids=["empty", "lines", "last", "escapes"],
)
def test_last_lines(console: str, last: str) -> None:
    assert machine_files.last_lines(console) == last
