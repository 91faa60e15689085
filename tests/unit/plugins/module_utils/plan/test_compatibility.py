# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a version of LXC cannot do with the cgroups of a target, and which containers that concerns."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import compatibility
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.preflight import records, requirements

LAYOUTS = ("1", "hybrid", "2")
REFUSAL = "LXC 7.0.0 needs cgroups of version 2 alone, and the target has version hybrid"


@pytest.mark.parametrize(
    ("version", "lacking"),
    [
        ("4.0.6", []),
        ("6.0.4", []),
        ("7.0.0", ["1", "hybrid"]),
        ("7.0.0-devel", ["1", "hybrid"]),
        ("10.1", ["1", "hybrid"]),
        ("", []),
        ("unknown", []),
    ],
)
def test_cgroups_that_lxc_lacks(version: str, lacking: list[str]) -> None:
    assert [layout for layout in LAYOUTS if compatibility.lacks_cgroups(version, layout)] == lacking


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["security.devices"]),
        ({"limits": {"cpus": 1}}, ["security.devices", "limits"]),
        ({"security": {"devices": "all"}}, []),
        ({"security": {"devices": "all"}, "lxc": {"lxc.cgroup.pids.max": "5"}}, ["lxc.cgroup.pids.max"]),
        ({"security": {"devices": "all"}, "lxc": {"lxc.cgroup2.pids.max": "5"}}, []),
    ],
)
def test_keys_that_need_cgroups(given: dict[str, Any], expected: list[str]) -> None:
    assert compatibility.cgroup_keys(keys.CONTAINER({"name": "c", **given})) == expected


def test_verdict() -> None:
    """Every limit and the filter of devices, in one sentence; on version 2 alone nothing is said."""
    controllers = {"memory": 1, "cpu": 2, "pids": 1, "devices": 1, "unified": 2}
    facts = records.Facts(lxc="7.0.0", layout="hybrid", controllers=controllers)
    names = ["cgroups", "cgroup_memory", "cgroup_cpu", "cgroup_pids", "cgroup_devices"]
    checks = {name: requirements.CHECKS[name](facts, []) for name in names}
    assert requirements.reasons(checks, names) == [f"{', '.join(names[1:])}: {REFUSAL}; {compatibility.ADVICE}"]
    alone = facts._replace(layout="2", controllers={"memory": 2, "cpu": 2, "pids": 2, "unified": 2})
    assert all(requirements.CHECKS[name](alone, []).ok for name in names)


def test_what_is_not_there_is_said_before() -> None:
    facts = records.Facts(lxc="7.0.0", layout="1", controllers={"memory": 1})
    assert requirements.CHECKS["cgroup_pids"](facts, []).found == "not there"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('Invalid argument - Unsupported config key "lxc.cgroup.devices.deny"', True),
        ('Invalid argument - Unsupported config key "lxc.cgroups.nonsense"', False),
        ("Failed to create lxc_container", False),
    ],
)
def test_a_key_that_lxc_refuses(line: str, expected: bool) -> None:
    assert compatibility.is_refused_key(["Failed", line]) is expected
