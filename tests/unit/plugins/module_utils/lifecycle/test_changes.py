# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps containers need, and how it is told what came of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import (
    changes,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState, DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids

NOT_BUILT = "it is not built yet; run the stages rootfs, busybox and config first"
STARTED = DesiredState("hmi", "started", restart=True, declared=True)
LEFT = DesiredState("hmi", "started", restart=False)
ABSENT = DesiredState("hmi", "absent", restart=True)
CHANGED = ActualState("RUNNING", 7, restart_due=True)
TOLD = STARTED._replace(reload="HUP")
TO_TELL = ActualState("RUNNING", 7, reload_due=True)
RELOADED = DesiredState("hmi", "reloaded", reload="HUP")
NO_SIGNAL = "it cannot be reloaded, since its spec has no key reload, which names the signal"
# DesiredState, what is there, check mode; the steps, or why there are none.
PLANS: dict[str, tuple[DesiredState, Any, bool, Any]] = {
    "start": (STARTED, ActualState("STOPPED"), False, ("start",)),
    "nothing to do": (STARTED, ActualState("RUNNING", 7), False, ()),
    "restart": (STARTED, CHANGED, False, ("stop", "start")),
    "restart left": (LEFT, CHANGED, False, ()),
    "reload": (TOLD, TO_TELL, False, ("reload",)),
    "reload left": (TOLD._replace(restart=False), TO_TELL, False, ("reload",)),
    "reload and restart": (TOLD, TO_TELL._replace(restart_due=True), False, ("stop", "start")),
    "reload, and a restart left": (
        TOLD._replace(restart=False),
        TO_TELL._replace(restart_due=True),
        False,
        ("reload",),
    ),
    "reload without a signal by now": (STARTED, TO_TELL, False, ("stop", "start")),
    "reload without a signal by now, left": (LEFT, TO_TELL, False, ()),
    "reload of a name": (RELOADED, ActualState("RUNNING", 7), False, ("reload",)),
    "reload of a name that is stopped": (RELOADED, ActualState("STOPPED"), False, ("start",)),
    "reload of a name without a signal": (RELOADED._replace(reload=None), ActualState("RUNNING", 7), False, NO_SIGNAL),
    "reload of a stopped name without a signal": (
        RELOADED._replace(reload=None),
        ActualState("STOPPED"),
        True,
        NO_SIGNAL,
    ),
    "reload of nothing": (RELOADED, ActualState("ABSENT"), True, NOT_BUILT),
    "restart of a name": (DesiredState("hmi", "restarted"), ActualState("RUNNING", 7), True, ("stop", "start")),
    "shift": (STARTED, CHANGED._replace(shift_to=Ids()), False, ("stop", "shift", "start")),
    "shift left": (LEFT, CHANGED._replace(shift_to=Ids()), False, ()),
    "nothing there": (STARTED, ActualState("ABSENT"), False, NOT_BUILT),
    "nothing there to stop": (DesiredState("hmi", "stopped"), ActualState("ABSENT"), False, NOT_BUILT),
    "a name in check mode": (DesiredState("hmi", "started"), ActualState("ABSENT"), True, NOT_BUILT),
    "an incomplete name in check mode": (DesiredState("hmi", "started"), ActualState("INCOMPLETE"), True, NOT_BUILT),
    "incomplete": (STARTED, ActualState("INCOMPLETE"), False, NOT_BUILT),
    "nothing there in check mode": (STARTED, ActualState("ABSENT"), True, ("start",)),
    "incomplete in check mode": (STARTED, ActualState("INCOMPLETE"), True, ("start",)),
    "remove": (ABSENT, CHANGED, False, ("stop", "remove")),
    "remove what is incomplete": (ABSENT, ActualState("INCOMPLETE"), True, ("remove",)),
    "remove nothing": (ABSENT, ActualState("ABSENT"), True, ()),
    "on its way": (
        STARTED,
        ActualState("STOPPING", 7),
        False,
        "it is STOPPING and cannot be started yet; wait a moment and run again",
    ),
    "unknown": (STARTED, ContainerError("it is not ours"), False, "it is not ours"),
}


@pytest.mark.parametrize(("desired", "found", "check", "expected"), PLANS.values(), ids=PLANS)
def test_plan(desired: DesiredState, found: Any, check: bool, expected: Any) -> None:
    if isinstance(expected, str):
        with pytest.raises(ContainerError) as caught:
            changes.plan(desired, found, check)
        assert str(caught.value) == expected
    else:
        assert changes.plan(desired, found, check) == expected


STOPPED, RUNNING = ActualState("STOPPED"), ActualState("RUNNING", 7)
# Before, after, steps, errors, check mode; the result.
ITEMS: dict[str, tuple[Any, Any, dict[str, tuple[str, ...]], dict[str, str], bool, dict[str, Any]]] = {
    "nothing to do": (
        RUNNING,
        RUNNING,
        {"hmi": ()},
        {},
        False,
        {"changed": False, "changes": [], "state_before": "RUNNING", "state": "RUNNING", "pid": 7},
    ),
    "started": (
        STOPPED,
        RUNNING,
        {"hmi": ("start",)},
        {},
        False,
        {"changed": True, "changes": ["start"], "state_before": "STOPPED", "state": "RUNNING", "pid": 7},
    ),
    "to be started": (
        STOPPED,
        STOPPED,
        {"hmi": ("start",)},
        {},
        True,
        {"changed": True, "changes": ["start"], "state_before": "STOPPED", "state": "STOPPED", "pid": None},
    ),
    "failed and unchanged": (
        STOPPED,
        STOPPED,
        {"hmi": ("start",)},
        {"hmi": "LXC did not start it"},
        False,
        {
            "changed": False,
            "changes": ["start"],
            "state_before": "STOPPED",
            "state": "STOPPED",
            "pid": None,
            "error": "LXC did not start it",
        },
    ),
    "failed half way": (
        RUNNING,
        STOPPED,
        {"hmi": ("stop", "start")},
        {"hmi": "LXC did not start it"},
        False,
        {
            "changed": True,
            "changes": ["stop", "start"],
            "state_before": "RUNNING",
            "state": "STOPPED",
            "pid": None,
            "error": "LXC did not start it",
        },
    ),
    "not ours": (
        ContainerError("not ours"),
        ContainerError("not ours"),
        {},
        {"hmi": "not ours"},
        False,
        {"changed": False, "changes": [], "state_before": None, "state": None, "pid": None, "error": "not ours"},
    ),
}


@pytest.mark.parametrize(("before", "after", "steps", "errors", "check", "expected"), ITEMS.values(), ids=ITEMS)
def test_item(before: Any, after: Any, steps: Any, errors: Any, check: bool, expected: dict[str, Any]) -> None:
    item = changes.item_of(STARTED, {"hmi": before}, {"hmi": after}, steps, errors, check)
    assert item == {"name": "hmi", **expected}


@pytest.mark.parametrize(
    ("desired", "found", "steps", "before", "after"),
    [
        (STARTED, STOPPED, ("start",), "state: STOPPED\n", "state: RUNNING\n"),
        (STARTED, ActualState("ABSENT"), ("start",), "state: STOPPED\n", "state: RUNNING\n"),
        (STARTED, RUNNING, ("stop", "start"), "state: RUNNING\n", "state: RUNNING (restarted)\n"),
        (ABSENT, RUNNING, ("stop", "remove"), "state: RUNNING\n", "state: ABSENT\n"),
        (TOLD, RUNNING, ("reload",), "state: RUNNING\n", "state: RUNNING (reloaded)\n"),
        (RELOADED, RUNNING, ("reload",), "state: RUNNING\n", "state: RUNNING (reloaded)\n"),
    ],
    ids=["start", "build and start", "restart", "remove", "reload", "reload by name"],
)
def test_diff(desired: DesiredState, found: ActualState, steps: tuple[str, ...], before: str, after: str) -> None:
    assert changes.diff_of(desired, steps, {"hmi": found}) == {
        "before_header": "hmi",
        "after_header": "hmi",
        "before": before,
        "after": after,
    }


# The steps of a container, and the list that has its name.
DONE: dict[str, tuple[tuple[str, ...], str]] = {
    "nothing": ((), ""),
    "frozen": (("freeze",), ""),
    "thawed": (("unfreeze",), ""),
    "started": (("start",), "started"),
    "started and frozen": (("start", "freeze"), "started"),
    "stopped": (("unfreeze", "stop"), "stopped"),
    "restarted": (("unfreeze", "stop", "shift", "start", "freeze"), "restarted"),
    "reloaded": (("unfreeze", "reload"), "reloaded"),
    "filtered": (("filter",), "filtered"),
    "filtered and reloaded": (("filter", "reload"), "reloaded"),
    "removed": (("stop", "remove"), "removed"),
}


@pytest.mark.parametrize("check", [False, True], ids=["done", "check mode"])
@pytest.mark.parametrize(("steps", "key"), DONE.values(), ids=DONE)
def test_the_lists_for_handlers(steps: tuple[str, ...], key: str, check: bool) -> None:
    """What failed is in none; check mode carries out nothing, so that nothing failed on the way."""
    all_desired = [DesiredState(name, "started") for name in ("b", "a", "refused", "failed")]
    planned = {"a": steps, "b": steps, "failed": steps}
    found = changes.lists_of(all_desired, planned, {"refused": "no", "failed": "no"}, check)
    assert list(found) == ["removed", "restarted", "started", "stopped", "reloaded", "filtered"]
    assert {name: names for name, names in found.items() if names} == (
        {key: ["b", "a", *(["failed"] if check else [])]} if key else {}
    )
