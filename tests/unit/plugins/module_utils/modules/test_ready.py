# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate: what is told of a container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState, DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import ready
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness import conditions

STARTED = DesiredState("hmi", "started")
CHANGED: dict[str, tuple[Any, Any, Any]] = {
    "the same": (ActualState("RUNNING", 7), ActualState("RUNNING", 7), {}),
    "restarted": (
        ActualState("RUNNING", 7),
        ActualState("RUNNING", 8),
        {"hmi": "its PID 1 was 7 on the target when the gate began and is now 8"},
    ),
    "stopped": (ActualState("RUNNING", 7), ActualState("STOPPED"), {"hmi": "it should be RUNNING and is STOPPED"}),
    "unknown": (ActualState("RUNNING", 7), ContainerError("it is broken"), {"hmi": "it is broken"}),
}


@pytest.mark.parametrize(("before", "after", "errors"), CHANGED.values(), ids=CHANGED)
def test_changed(before: Any, after: Any, errors: Any) -> None:
    assert ready.changes_between([STARTED], {"hmi": before}, {"hmi": after}, {}) == errors
    assert ready.changes_between([STARTED], {"hmi": before}, {"hmi": after}, {"hmi": "known"}) == {}


CONTAINER = parse.parse_containers([{"name": "hmi", "ready": [{"tcp": 80}, {"file": "/a"}]}], {})[0]
HELD = {"held": True, "seconds": 1.5, "reason": "", "error": ""}
ENDED = {"held": False, "seconds": 1.0, "reason": "", "error": conditions.ENDED}
BROKEN = {"held": False, "seconds": 30.0, "reason": "no answer", "error": "tcp 80 did not hold"}


def shown(held: Any, seconds: Any, reason: str = "") -> dict[str, Any]:
    return {"held": held, "seconds": seconds, "reason": reason}


TOLD: dict[str, tuple[Any, Any, str, list[dict[str, Any]], Any]] = {
    "ready": ({"hmi": ActualState("RUNNING", 7)}, {0: HELD, 1: HELD}, "", [shown(True, 1.5)] * 2, (True, None)),
    "in check mode": (None, {}, "", [shown(None, None)] * 2, (None, None)),
    "one of two": (
        {"hmi": ActualState("RUNNING", 7)},
        {0: BROKEN, 1: HELD},
        "",
        [shown(False, 30.0, "no answer"), shown(True, 1.5)],
        (False, "tcp 80 did not hold"),
    ),
    "PID 1 has ended": (
        {"hmi": ActualState("STOPPED")},
        {0: ENDED, 1: ENDED},
        "it should be RUNNING and is STOPPED",
        [shown(False, 1.0)] * 2,
        (False, conditions.ENDED),
    ),
    "not looked at": (
        {"hmi": ActualState("STOPPED")},
        {},
        "it should be RUNNING and is STOPPED",
        [shown(None, None)] * 2,
        (False, "it should be RUNNING and is STOPPED"),
    ),
    "hung": (
        {"hmi": ActualState("RUNNING", 7)},
        {0: {"held": False, "reason": "late", "error": "tcp 80: late"}, 1: HELD},
        "",
        [shown(False, None, "late"), shown(True, 1.5)],
        (False, "tcp 80: late"),
    ),
}


@pytest.mark.parametrize(("found", "verdicts", "error", "checks", "outcome"), TOLD.values(), ids=TOLD)
def test_what_is_told(found: Any, verdicts: Any, error: str, checks: Any, outcome: Any) -> None:
    item = ready.item_of(CONTAINER, found, verdicts, error)
    titled = [{"check": title, **check} for title, check in zip(["tcp 80", "file /a"], checks)]
    assert item["checks"] == titled
    assert (item["ready"], item.get("error")) == outcome
    assert item["changed"] is False
