# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of one host: which run, with which arguments, and what becomes of the host where one fails."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import locking
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import rollout_steps
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.rollout import steps
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.host_rollout import HostRollout

OPTIONS: dict[str, Any] = {
    "id": "one",
    "containers": [{"name": "hmi"}, {"name": "old", "state": "absent"}],
    "defaults": {},
    "lxc_path": "/data/lxc",
    "runtime": "auto",
    "bridge": "br0",
    "prune": False,
    "settle": 0.5,
    "stop_timeout": 10.0,
    "start_timeout": 30.0,
    "timeout": 0,
}
ALL = ["busybox", "config", "container"]
THERE = {"checkpoint": {"changed": True, "present": ["hmi", "old", "other"]}}


@pytest.fixture(autouse=True)
def fixture_locks(monkeypatch, tmp_path):
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path / "locks"))


@dataclass
class Target:
    """What stands in for the target: the module as it is, over bodies that answer by step, and the calls that came."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    # How often the module ran.
    runs: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __call__(self, way, part, known):
        self.runs += 1
        for step in steps.WAYS[way][part]:
            answer = self.answers.get(step.name)
            # Of these the controller hears that the module has not come to its end.
            if isinstance(answer, BaseException):
                raise answer
            if set(answer or ()) & {"unreachable", "module_stderr"}:
                return answer

        def run_step(step, arguments, _check, _diff):
            self.calls.append((step.name, step.module, dict(arguments)))
            answer = {"changed": False, **self.answers.get(step.name, {})}
            return {**answer, "msg": answer.get("msg", "")} if answer.pop("failed", False) else answer

        parameters = {**OPTIONS, **self.options, "way": way, "part": part, "results": known}
        return rollout_steps.run(parameters, False, False, run_step)


def carried_out(answers=None, driven=lambda: True, **options):
    target = Target({"rootfs": {"pending": ALL}, **(answers or {})}, options=options)
    rollout = HostRollout(target, {**OPTIONS, **options}, driven)
    ended = rollout.carry_out()
    return ended, [(stage.name, stage.outcome) for stage in rollout.stages], target


WHOLE = ["preflight", "checkpoint", "rootfs", "busybox", "config", "container", "ready", "remove", "forget"]


@pytest.mark.parametrize(
    ("answers", "options", "stages"),
    [
        pytest.param({}, {}, WHOLE, id="all is to be done"),
        pytest.param(
            {"rootfs": {"pending": []}},
            {},
            ["preflight", "checkpoint", "rootfs", "ready", "forget"],
            id="nothing is to be done",
        ),
        pytest.param(
            {"rootfs": {"pending": ["container"]}},
            {},
            ["preflight", "checkpoint", "rootfs", "container", "ready", "remove", "forget"],
            id="only the state",
        ),
        pytest.param(THERE, {}, ["preflight", "checkpoint", "stop", *WHOLE[2:]], id="one is to go"),
        pytest.param(THERE, {"containers": [{"name": "hmi"}]}, [*WHOLE[:7], "forget"], id="none is to go"),
        pytest.param(
            THERE, {"containers": [], "prune": True}, ["preflight", "checkpoint", "stop", *WHOLE[2:]], id="prune"
        ),
    ],
)
def test_the_stages(answers, options, stages):
    ended, ran, _modules = carried_out(answers, **options)
    assert ended == ("done", "")
    assert [name for name, _outcome in ran] == stages


def test_the_arguments():
    _ended, _ran, modules = carried_out(THERE)
    specs = {"containers": OPTIONS["containers"], "defaults": {}, "lxc_path": "/data/lxc", "runtime": "auto"}
    place = {"lxc_path": "/data/lxc", "runtime": "auto"}
    times = {**place, "settle": 0.5, "stop_timeout": 10.0, "start_timeout": 30.0}
    assert modules.calls == [
        ("preflight", "preflight", {**specs, "bridge": "br0"}),
        ("checkpoint", "checkpoint", {**specs, "state": "present", "id": "one"}),
        ("stop", "container", {**place, "stop_timeout": 10.0, "name": ["old"], "state": "stopped"}),
        ("rootfs", "rootfs", {**specs, "bridge": "br0", "look_ahead": {"bridge": "br0", "prune": False}}),
        ("busybox", "busybox", specs),
        ("config", "config", {**specs, "bridge": "br0"}),
        ("container", "container", {**times, "containers": [{"name": "hmi"}], "defaults": {}, "bridge": "br0"}),
        ("ready", "ready", {**specs, "containers": [{"name": "hmi"}]}),
        ("remove", "container", {**times, **specs, "bridge": "br0", "prune": False}),
        ("forget", "checkpoint", {**place, "state": "absent"}),
    ]


def test_the_arguments_of_the_way_back():
    specs = [{"name": "hmi", "state": "started", "ready": []}]
    _ended, _ran, modules = carried_out({**failing("ready"), "restore": {"ready": specs}})
    place = {"lxc_path": "/data/lxc", "runtime": "auto"}
    assert modules.calls[-3:] == [
        (
            "restore",
            "checkpoint",
            {**place, "settle": 0.5, "stop_timeout": 10.0, "start_timeout": 30.0, "state": "restored"},
        ),
        ("recheck", "ready", {**place, "containers": specs}),
        ("forget", "checkpoint", {**place, "state": "absent"}),
    ]


def test_what_was_removed_by_an_earlier_run_is_not_stopped_again():
    """The older checkpoint still holds it."""
    older = {"changed": False, "checkpoint": {"id": "one", "containers": ["hmi", "old"]}, "present": ["hmi"]}
    ended, ran, _modules = carried_out({"checkpoint": older})
    assert ended == ("done", "")
    assert "stop" not in [name for name, _outcome in ran]


def test_what_is_left_out_is_the_modules_to_decide():
    _ended, _ran, modules = carried_out(lxc_path=None)
    assert [name for name, _module, arguments in modules.calls if "lxc_path" in arguments] == []


@pytest.mark.parametrize(
    ("container", "defaults", "prune", "names"),
    [
        ({"name": "hmi"}, {}, False, []),
        ({"name": "hmi"}, {}, True, ["old", "other"]),
        ({"name": "hmi", "state": "absent"}, {}, False, ["hmi"]),
        ({"name": "hmi"}, {"state": "absent"}, False, ["hmi"]),
        ({"name": "hmi", "state": "started"}, {"state": "absent"}, False, []),
        ({"name": "new", "state": "absent"}, {}, False, []),
    ],
)
def test_what_is_to_go(container, defaults, prune, names):
    assert steps.containers_to_remove({"containers": [container], "defaults": defaults, "prune": prune}, THERE) == names


def failing(stage, words="no"):
    return {stage: {"failed": True, "msg": words}}


BACK = [("restore", "ok"), ("recheck", "ok"), ("forget", "ok")]
GONE = AnsibleConnectionFailure("Connection\r\nclosed")


@pytest.mark.parametrize(
    ("answers", "state", "reason", "last"),
    [
        pytest.param(
            failing("checkpoint"),
            "failed",
            "checkpoint: no; nothing was changed.",
            [("checkpoint", "failed")],
            id="checkpoint",
        ),
        pytest.param(
            failing("preflight"),
            "failed",
            "preflight: no; nothing was changed.",
            [("preflight", "failed")],
            id="preflight",
        ),
        pytest.param(
            {"preflight": {"failed": True, "msg": "no", "checkpoint": True}},
            "rolled_back",
            "preflight: no",
            [("preflight", "failed"), *BACK],
            id="preflight, where an earlier run was broken off",
        ),
        pytest.param(
            {**failing("ready"), "restore": {"checkpoint": {"id": "zero", "taken": "2026-11-25T02:00:00Z"}}},
            "rolled_back",
            "ready: no; what is back is of an older checkpoint, 'zero', taken at 2026-11-25T02:00:00Z",
            [("ready", "failed"), *BACK],
            id="an older checkpoint",
        ),
        pytest.param(
            failing("forget"),
            "failed",
            "forget: no; what was rolled out is there and ready, and so is the checkpoint still.",
            [("ready", "ok"), ("remove", "ok"), ("forget", "failed")],
            id="forget",
        ),
        pytest.param({**THERE, **failing("stop")}, "rolled_back", "stop: no", [("stop", "failed"), *BACK], id="stop"),
        pytest.param(failing("rootfs"), "rolled_back", "rootfs: no", [("rootfs", "failed"), *BACK], id="rootfs"),
        pytest.param(
            failing("ready", "container 'a': no\ncontainer 'b': no"),
            "rolled_back",
            "ready: container 'a': no; container 'b': no",
            [("ready", "failed"), *BACK],
            id="several containers",
        ),
        pytest.param(failing("busybox"), "rolled_back", "busybox: no", [("busybox", "failed"), *BACK], id="busybox"),
        pytest.param(failing("config"), "rolled_back", "config: no", [("config", "failed"), *BACK], id="config"),
        pytest.param(
            failing("container"), "rolled_back", "container: no", [("container", "failed"), *BACK], id="container"
        ),
        pytest.param(failing("ready"), "rolled_back", "ready: no", [("ready", "failed"), *BACK], id="ready"),
        pytest.param(failing("remove"), "rolled_back", "remove: no", [("remove", "failed"), *BACK], id="remove"),
        pytest.param(
            {**failing("ready"), **failing("restore", "disk full")},
            "failed",
            "ready: no; and the rollback failed: restore: disk full",
            [("ready", "failed"), ("restore", "failed")],
            id="restore",
        ),
        pytest.param(
            {**failing("ready"), **failing("recheck", "too")},
            "failed",
            "ready: no; and the rollback failed: recheck: too",
            [("restore", "ok"), ("recheck", "failed")],
            id="recheck",
        ),
        pytest.param(
            {"checkpoint": GONE},
            "pending",
            "preflight: unreachable: Connection closed; at the latest at checkpoint",
            [("preflight", "unreachable")],
            id="never there",
        ),
        pytest.param(
            {"config": GONE},
            "pending",
            "rootfs: unreachable: Connection closed; at the latest at container",
            [("checkpoint", "ok"), ("rootfs", "unreachable")],
            id="lost",
        ),
        pytest.param(
            {"config": {"unreachable": True, "msg": "gone"}},
            "pending",
            "rootfs: unreachable: gone; at the latest at container",
            [("checkpoint", "ok"), ("rootfs", "unreachable")],
            id="lost, as a result",
        ),
        pytest.param(
            {**failing("ready"), "restore": GONE},
            "pending",
            "ready: no; and the host was lost in the rollback: restore: unreachable: Connection closed",
            [("ready", "failed"), ("restore", "unreachable")],
            id="lost in the rollback",
        ),
        pytest.param(
            {"config": AnsibleError("no module")},
            "rolled_back",
            "rootfs: no module",
            [("rootfs", "failed"), *BACK],
            id="an error of Ansible",
        ),
        pytest.param(
            {"config": KeyError("x")},
            "rolled_back",
            "rootfs: KeyError: 'x'",
            [("rootfs", "failed"), *BACK],
            id="a defect",
        ),
        pytest.param(
            {
                "rootfs": {
                    "failed": True,
                    "msg": "Module result deserialization failed.",
                    "module_stderr": "Traceback\nMemoryError\n",
                }
            },
            "rolled_back",
            "rootfs: Module result deserialization failed.: MemoryError",
            [("rootfs", "failed"), *BACK],
            id="no module ran",
        ),
        pytest.param(
            {"rootfs": {"failed": True}},
            "rolled_back",
            "rootfs: the module gave no reason",
            [("rootfs", "failed"), *BACK],
            id="no reason",
        ),
    ],
)
def test_failures(answers, state, reason, last):
    ended, ran, _modules = carried_out(answers)
    assert ended == (state, reason)
    assert ran[-len(last) :] == last


def test_a_change_is_told():
    _ended, ran, _modules = carried_out({"config": {"changed": True}})
    assert ("config", "changed") in ran


def test_nothing_goes_on_without_ansible_playbook():
    lives = iter([True, True, False])
    answers = {"rootfs": {"changed": True, "pending": ALL}}
    ended, ran, _modules = carried_out(answers, driven=lambda: next(lives))
    assert ended == ("pending", "ready: the ansible-playbook process is gone")
    assert [name for name, _outcome in ran] == WHOLE[:6]


@pytest.mark.parametrize(
    ("slow", "state", "reason"),
    [
        pytest.param([("forward", 2)], "rolled_back", "ready: the host took longer than 0.2 seconds", id="forward"),
        pytest.param(
            [("forward", 2), ("back", 0)],
            "failed",
            "ready: the host took longer than 0.2 seconds; "
            "and the rollback failed: restore: the host took longer than 0.2 seconds",
            id="back too",
        ),
    ],
)
def test_the_time_for_a_host(slow, state, reason):
    def run(way, part, _known):
        if (way, part) in slow:
            # A retry of a connection catches Exception, and must not catch this.
            try:
                time.sleep(20)
            except Exception:
                pytest.fail("the end of the time was taken for a failure of the connection")
        done = [{"name": step.name, "seconds": 0, "result": {}} for step in steps.WAYS[way][part]]
        return {"steps": done, "part": part}

    dropped = []
    rollout = HostRollout(run, {**OPTIONS, "timeout": 0.2}, on_timeout=lambda: dropped.append(True))
    started = time.monotonic()
    assert rollout.carry_out() == (state, reason)
    assert time.monotonic() - started < 5
    assert len(dropped) == len(slow)


@pytest.mark.parametrize(
    ("answers", "runs"),
    [
        pytest.param({"rootfs": {"changed": True, "pending": ALL}}, 4, id="all is to be done"),
        pytest.param({"rootfs": {"pending": []}}, 3, id="nothing is to be done"),
        pytest.param(failing("preflight"), 1, id="not fit"),
        pytest.param({"rootfs": {"changed": True, "pending": ALL}, **failing("ready")}, 5, id="and back"),
    ],
)
def test_how_often_the_target_is_asked(answers, runs):
    _ended, _ran, target = carried_out(answers)
    assert target.runs == runs


def test_the_times_of_steps_that_run_together():
    """What Ansible takes for a module belongs to its first step, and the others follow without a gap."""

    def run(way, part, known):
        time.sleep(0.3)
        done = [{"name": step.name, "seconds": 0.1, "result": {}} for step in steps.WAYS[way][part]]
        return {"steps": done, "part": part}

    rollout = HostRollout(run, OPTIONS)
    started = time.time()
    rollout.carry_out()
    first, second = rollout.stages[:2]
    assert abs(ledger.seconds(first.started) - started) < 0.1
    assert first.seconds >= 0.2 and second.seconds == 0.1
    assert abs(ledger.seconds(second.started) - ledger.seconds(first.started) - first.seconds) < 0.01


def test_nothing_goes_on_when_another_run_has_taken_over():
    """The controller has given the first one up and begun the way back."""
    taken = []

    def run_step(step, *_others):
        taken.append(step.name)
        if step.name == "busybox":
            parameters = {**OPTIONS, "way": "back", "part": 0, "results": {}}
            rollout_steps.run(parameters, False, False, lambda *_others: {"changed": False})
        return {"changed": True, "pending": ALL}

    for path in ("/data/lxc", None):
        taken.clear()
        parameters = {**OPTIONS, "lxc_path": path, "way": "forward", "part": 1, "results": {}}
        rollout_steps.run(parameters, False, False, run_step)
        assert taken == (["rootfs", "busybox"] if path else WHOLE[2:6])


def test_a_run_that_cannot_say_that_it_is_there_goes_on(monkeypatch, tmp_path):
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path / "file" / "locks"))
    (tmp_path / "file").touch()
    _ended, ran, _target = carried_out()
    assert [name for name, _outcome in ran] == WHOLE


def test_a_defect_of_a_step_leaves_what_the_earlier_ones_did():
    def run_step(step, *_others):
        if step.name == "busybox":
            raise KeyError("x")
        return {"changed": True, "pending": ALL}

    parameters = {**OPTIONS, "way": "forward", "part": 1, "results": {}}
    found = rollout_steps.run(parameters, False, False, run_step)["steps"]
    assert [(each["name"], each["result"]["failed"]) for each in found] == [("rootfs", False), ("busybox", True)]
    assert "KeyError" in found[-1]["result"]["msg"]
