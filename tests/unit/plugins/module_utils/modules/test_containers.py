# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One result of all stages."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import containers


def result(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The result of one stage."""
    changed = any(item["changed"] for item in items)
    return {"changed": changed, "containers": list(items), "lxc_path": "/lxc", "runtime": "tools", **more}


def item(name: str, *changes: str, **more: Any) -> dict[str, Any]:
    """What a stage did to one container."""
    return {"name": name, "changed": bool(changes), "changes": list(changes), **more}


def test_all_stages() -> None:
    rootfs = result(item("a", "create file x"), item("b"), diff=[{"before": ""}], warnings=["it rains"])
    last = result(
        item("a", "start", state="RUNNING", state_before="STOPPED"),
        item("b", state="STOPPED", state_before="STOPPED"),
        item("gone", "remove", state="ABSENT", state_before="STOPPED"),
        diff=[{"before": "state: STOPPED\n"}],
        warnings=["it rains", "it snows"],
        done={"started": ["a"], "removed": ["gone"]},
    )
    found = containers.combined([("rootfs", rootfs), ("container", last)], {"a": ActualState("ABSENT")})
    assert found == {
        "changed": True,
        "containers": [
            {
                "name": "a",
                "changed": True,
                "changes": ["create file x", "start"],
                "state": "RUNNING",
                "state_before": "ABSENT",
            },
            {"name": "b", "changed": False, "changes": [], "state": "STOPPED", "state_before": "STOPPED"},
            {"name": "gone", "changed": True, "changes": ["remove"], "state": "ABSENT", "state_before": "STOPPED"},
        ],
        "stages": [
            {"name": "rootfs", "changed": True, "containers": [{"name": "a", "changes": ["create file x"]}]},
            {
                "name": "container",
                "changed": True,
                "containers": [{"name": "a", "changes": ["start"]}, {"name": "gone", "changes": ["remove"]}],
            },
        ],
        "diff": [{"before": ""}, {"before": "state: STOPPED\n"}],
        "warnings": ["it rains", "it snows"],
        "done": {"started": ["a"], "removed": ["gone"]},
        "lxc_path": "/lxc",
        "runtime": "tools",
    }


def test_a_container_that_a_stage_has_failed_for() -> None:
    """What an earlier stage did to it counts, and the last one names the reason."""
    rootfs = result(item("a", "create file x"))
    config = result(item("a", error="no"), msg="container 'a': no")
    last = result(item("a", error="no", state="INCOMPLETE", state_before="INCOMPLETE"), msg="container 'a': no")
    found = containers.combined([("rootfs", rootfs), ("config", config), ("container", last)], {})
    assert found["msg"] == "container 'a': no"
    assert [(each["changed"], each["changes"]) for each in found["containers"]] == [(True, ["create file x"])]


WAITED_FOR: dict[str, tuple[dict[str, Any], dict[str, Any], str, list[str]]] = {
    "with a check": ({"ready": [{"tcp": 80}]}, {}, "container", ["a"]),
    "without": ({}, {}, "container", []),
    "to be stopped": ({"ready": [{"tcp": 80}], "state": "stopped"}, {}, "container", []),
    "failed": ({"ready": [{"tcp": 80}]}, {"error": "no"}, "container", []),
    "the last stage did not run": ({"ready": [{"tcp": 80}]}, {}, "config", []),
}


@pytest.mark.parametrize(("spec", "told", "stage", "names"), WAITED_FOR.values(), ids=WAITED_FOR)
def test_what_is_waited_for(spec: dict[str, Any], told: dict[str, Any], stage: str, names: list[str]) -> None:
    declared = parse.parse_containers([{"name": "a", **spec}], {})
    found = containers.combined([(stage, result(item("a", **told)))], {})
    assert [one.name for one in containers.with_checks(declared, found)] == names
