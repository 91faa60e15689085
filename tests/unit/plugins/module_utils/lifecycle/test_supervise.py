# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lifecycle of many containers: what is planned, what is verified, and how it is reported."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import spec
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.spec import Limits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import changes, supervise
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.supervise import Found, Wish
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import runtime
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import container
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import in_force

NOT_BUILT = "it is not built yet; run the stages rootfs, busybox and config first"
STARTED = Wish("hmi", "started", restart=True, declared=True)
LEFT = Wish("hmi", "started", restart=False)
ABSENT = Wish("hmi", "absent", restart=True)
CHANGED = Found("RUNNING", 7, restart_due=True)
# Wish, what is there, check mode; the steps, or why there are none.
PLANS: dict[str, tuple[Wish, Any, bool, Any]] = {
    "start": (STARTED, Found("STOPPED"), False, ("start",)),
    "nothing to do": (STARTED, Found("RUNNING", 7), False, ()),
    "restart": (STARTED, CHANGED, False, ("stop", "start")),
    "restart left": (LEFT, CHANGED, False, ()),
    "shift": (STARTED, CHANGED._replace(shift_to=Ids()), False, ("stop", "shift", "start")),
    "shift left": (LEFT, CHANGED._replace(shift_to=Ids()), False, ()),
    "nothing there": (STARTED, Found("ABSENT"), False, NOT_BUILT),
    "nothing there to stop": (Wish("hmi", "stopped"), Found("ABSENT"), False, NOT_BUILT),
    "a name in check mode": (Wish("hmi", "started"), Found("ABSENT"), True, NOT_BUILT),
    "an incomplete name in check mode": (Wish("hmi", "started"), Found("INCOMPLETE"), True, NOT_BUILT),
    "incomplete": (STARTED, Found("INCOMPLETE"), False, NOT_BUILT),
    "nothing there in check mode": (STARTED, Found("ABSENT"), True, ("start",)),
    "incomplete in check mode": (STARTED, Found("INCOMPLETE"), True, ("start",)),
    "remove": (ABSENT, CHANGED, False, ("stop", "remove")),
    "remove what is incomplete": (ABSENT, Found("INCOMPLETE"), True, ("remove",)),
    "remove nothing": (ABSENT, Found("ABSENT"), True, ()),
    "on its way": (
        STARTED,
        Found("STOPPING", 7),
        False,
        "its state is STOPPING, from which it cannot become started; run again when it is settled",
    ),
    "unknown": (STARTED, ContainerError("it is not ours"), False, "it is not ours"),
}


@pytest.mark.parametrize(("wish", "found", "check", "expected"), PLANS.values(), ids=PLANS)
def test_plan(wish: Wish, found: Any, check: bool, expected: Any) -> None:
    if isinstance(expected, str):
        with pytest.raises(ContainerError) as caught:
            changes.plan(wish, found, check)
        assert str(caught.value) == expected
    else:
        assert changes.plan(wish, found, check) == expected


def test_what_check_mode_foresees() -> None:
    there, old = Found("RUNNING", 7), Ids(("u 0 100000 65536",), before=((),))
    assert supervise.foreseen(there, False, Ids()) == there
    assert supervise.foreseen(there, True, Ids()) == there._replace(restart_due=True)
    assert supervise.foreseen(there, False, old) == there._replace(shift_to=old)
    due = Found("RUNNING", 7, True, old)
    assert supervise.foreseen(due, False, Ids()) == due


def test_what_outlives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LXC's tools say that all is well, and the process lives on."""
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(["sleep", "60"]))
        stack.callback(process.kill)
        command = stack.enter_context(socket.socket(socket.AF_UNIX))
        for name in ("lxc-info", "lxc-stop"):
            (tmp_path / name).write_text(f"#!/bin/sh\necho 'State: RUNNING\nPID: {process.pid}'\n", encoding="ascii")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(runtime, "PATIENCE", 2)
        # By it LXC is reached where a container runs.
        command.bind(f"\0{tmp_path}/hmi/command")
        reached, times = runtime.Tools(str(tmp_path)), supervise.Times(0, 0, 0)
        errors = supervise.stop(reached, [Wish("hmi", "stopped")], times)
        assert errors == {"hmi": f"its PID 1 ({process.pid} on the target) is still alive after a kill"}


VERIFIED: dict[str, tuple[Wish, Any, dict[str, str]]] = {
    "stopped": (Wish("hmi", "stopped"), Found("STOPPED"), {}),
    "absent": (ABSENT, Found("ABSENT"), {}),
    "running without limits": (STARTED, Found("RUNNING", 1), {}),
    "stopped at once": (STARTED, Found("STOPPED"), {"hmi": "it should be RUNNING and is STOPPED"}),
    "not thawed": (STARTED, Found("FROZEN", 1), {"hmi": "it should be RUNNING and is FROZEN"}),
    "still there": (ABSENT, Found("INCOMPLETE"), {"hmi": "it should be ABSENT and is INCOMPLETE"}),
    "unknown": (STARTED, ContainerError("it is broken"), {"hmi": "it is broken"}),
}


@pytest.mark.parametrize(("wish", "found", "errors"), VERIFIED.values(), ids=VERIFIED)
def test_verify(wish: Wish, found: Any, errors: dict[str, str]) -> None:
    assert supervise.verify([wish], {"hmi": found}) == errors


def test_what_is_not_in_force(tmp_path: Path) -> None:
    """Process 1 has no such limit, and all devices of this machine."""
    wish = Wish("hmi", "started", limits=Limits(pids=5))
    (tmp_path / "hmi").mkdir()
    (tmp_path / "hmi" / "config").write_text("lxc.cgroup.devices.deny = a\n", encoding="ascii")
    reasons = supervise.not_in_force(str(tmp_path), wish, 1)
    assert [reason.partition(":")[0] for reason in reasons] == ["limits.pids", "security.devices"]


def test_names(tmp_path: Path) -> None:
    for name, kinds in {"b": ["manifest"], "a": ["config"], "c": [], ".d.new": ["manifest"]}.items():
        (tmp_path / name).mkdir()
        for kind in kinds:
            (tmp_path / name / kind).write_text("", encoding="ascii")
    (tmp_path / "file").write_text("", encoding="ascii")
    (tmp_path / "e" / "manifest").mkdir(parents=True)
    assert supervise.names_with(str(tmp_path), "manifest") == ["b"]
    assert supervise.names_with(str(tmp_path), "config", "manifest") == ["a", "b"]
    assert supervise.names_with(str(tmp_path / "none"), "config") == []
    assert supervise.has_config(str(tmp_path), "a")
    assert not supervise.has_config(str(tmp_path), "b")


@pytest.mark.parametrize(
    ("given", "wish"),
    [
        ({}, Wish("hmi", "started", True, Limits(), True)),
        ({"on_change": "leave", "state": "frozen"}, Wish("hmi", "frozen", False, Limits(), True)),
        ({"limits": {"pids": 5}}, Wish("hmi", "started", True, Limits(pids=5), True)),
    ],
    ids=["defaults", "leave", "limits"],
)
def test_wish(given: dict[str, Any], wish: Wish) -> None:
    assert container.wish_of(spec.CONTAINER({"name": "hmi", **given})) == wish


@pytest.mark.parametrize("seconds", [0.0, 0.5, 86400.0])
def test_seconds(seconds: float) -> None:
    assert container.at_least_zero({"settle": seconds}, "settle") == seconds


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-0.1, "-0.1"), (86401.0, "86401.0"), (float("nan"), "nan"), (float("inf"), "inf")]
)
def test_bad_seconds(seconds: float, shown: str) -> None:
    with pytest.raises(RefusedError) as caught:
        container.at_least_zero({"settle": seconds}, "settle")
    assert str(caught.value) == f"settle: {shown} is not from 0 to 86400 seconds"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "both": (
        {"containers": [{"name": "hmi"}], "name": ["hmi"]},
        "name: give either names or containers, not both",
    ),
    "prune with names": (
        {"name": ["hmi"], "prune": True, "state": "stopped"},
        "prune: goes with containers, since with names it would remove all the others",
    ),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together(given: dict[str, Any], message: str) -> None:
    nothing = {"containers": [], "defaults": {}, "secrets": {}, "name": None, "state": None, "prune": False}
    with pytest.raises(RefusedError) as caught:
        container.run({**nothing, **given}, True, False)
    assert str(caught.value) == message


STOPPED, RUNNING = Found("STOPPED"), Found("RUNNING", 7)
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
    ("wish", "found", "steps", "before", "after"),
    [
        (STARTED, STOPPED, ("start",), "state: STOPPED\n", "state: RUNNING\n"),
        (STARTED, Found("ABSENT"), ("start",), "state: STOPPED\n", "state: RUNNING\n"),
        (STARTED, RUNNING, ("stop", "start"), "state: RUNNING\n", "state: RUNNING (restarted)\n"),
        (ABSENT, RUNNING, ("stop", "remove"), "state: RUNNING\n", "state: ABSENT\n"),
    ],
    ids=["start", "build and start", "restart", "remove"],
)
def test_diff(wish: Wish, found: Found, steps: tuple[str, ...], before: str, after: str) -> None:
    assert changes.diff_of(wish, steps, {"hmi": found}) == {
        "before_header": "hmi",
        "after_header": "hmi",
        "before": before,
        "after": after,
    }


def test_what_the_kernel_says_and_cannot_be_understood_is_an_error_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(pid: int) -> in_force.Effective:
        if pid == 1:
            raise ContainerError("its /proc/1/mountinfo has more than 1 bytes")
        return in_force.Effective()

    monkeypatch.setattr(in_force, "of", of)
    assert supervise.not_in_force(str(tmp_path), STARTED, 1) == ["its /proc/1/mountinfo has more than 1 bytes"]
    assert supervise.not_in_force(str(tmp_path), STARTED, 2) == []
