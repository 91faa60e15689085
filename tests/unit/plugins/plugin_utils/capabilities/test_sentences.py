# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of capabilities: a sentence for each thing that they open, with its place."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import (
    compile as compiling,
)
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import (
    manifests,
    original,
    records,
    sentences,
    settings,
)

OPENED = {
    "env": ("env", {"name": "A", "value": "a b", "mode": "append", "separator": ":"}, ["A", "'a b'", "':'", "end"]),
    "file": ("file", {"path-host": "/opt/a", "path-container": "/a", "read-only": False}, ["/opt/a", "/a", "write"]),
    "file to read": ("file", {"path-host": "/opt/a", "path-container": "/a"}, ["/opt/a", "/a", "to read"]),
    "limit": ("cgroups", {"setting": "cpu.shares", "value": "512"}, ["512"]),
    "setting": ("cgroups", {"setting": "blkio.weight", "value": "7"}, ["blkio.weight", "7"]),
    "devicenode": ("devicenode", {"name": "/dev/net/tun", "mode": 660}, ["/dev/net/tun", "0660", "rw"]),
    "network": (
        "network",
        {"direction": "OUTGOING", "allow": [{"host": "192.0.2.1", "ports": "80-85", "protocols": "tcp"}]},
        ["tcp", "192.0.2.1", "80-85", "out"],
    ),
    "dbus": ("dbus", {}, ["D-Bus"]),
}


def known(*gateways: Any) -> compiling.Known:
    content = {"capabilities": [{"name": "a", "gateways": [{"id": each[0], "config": [each[1]]} for each in gateways]}]}
    found = manifests.all_of([manifests.Manifest("m.json", content)], original.Context(settings.Settings()))
    return compiling.Known(found)


@pytest.mark.parametrize(("gateway", "element", "words"), OPENED.values(), ids=OPENED)
def test_what_is_opened(gateway: str, element: Any, words: list[str]) -> None:
    everything = known((gateway, element))
    found = sentences.of_capability(everything.capabilities["a"], everything)
    sentence = next(each for each in found["opens"] if "m.json: capabilities[0].gateways[0]" in each)
    assert [word for word in words if word not in sentence] == []


def test_every_kind_has_its_sentence() -> None:
    silent = {records.Chain, records.Note}
    assert set(sentences.SENTENCES) | silent == set(records.Item.__args__)


def test_what_becomes_of_a_container() -> None:
    everything = known(("env", {"name": "A", "value": "1"}))
    good = sentences.of_container({"name": "x", "capabilities": ["a"]}, {}, everything)
    bad = sentences.of_container({"name": "y", "capabilities": ["b"]}, {}, everything)
    assert (good["capabilities"], good["refused"]) == (["a"], [])
    assert good["spec"] == {"name": "x", "environment": {"A": "1"}, "gateways": {"network": {}}}
    assert bad["spec"] == {}
    assert ["'b'" in line for line in bad["refused"]] == [True]
    lines = sentences.lines([sentences.of_capability(everything.capabilities["a"], everything)], [good, bad])
    assert [line for line in lines if line.startswith("a (m.json)")]
    assert [line for line in lines if "refused" in line and "'b'" in line]
