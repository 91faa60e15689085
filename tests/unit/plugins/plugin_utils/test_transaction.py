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
from ansible_collections.softwarecontainer.lxc.plugins.action import rollout_host
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import transaction

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


@dataclass
class Modules:
    """What stands in for the target: answers by stage, and the calls that came."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, step, arguments):
        self.calls.append((step.name, step.module, dict(arguments)))
        answer = self.answers.get(step.name, {})
        if isinstance(answer, BaseException):
            raise answer
        return answer


def carried_out(answers=None, driven=lambda: True, **options):
    modules = Modules({"rootfs": {"pending": ALL}, **(answers or {})})
    transact = rollout_host.Transaction(modules, {**OPTIONS, **options})
    ended = transact.carry_out(driven, lambda: None)
    return ended, [(stage.name, stage.outcome) for stage in transact.stages], modules


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
    assert transaction.doomed({"containers": [container], "defaults": defaults, "prune": prune}, THERE) == names


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
            "checkpoint: unreachable: Connection closed",
            [("checkpoint", "unreachable")],
            id="never there",
        ),
        pytest.param(
            {"config": GONE},
            "pending",
            "config: unreachable: Connection closed",
            [("busybox", "ok"), ("config", "unreachable")],
            id="lost",
        ),
        pytest.param(
            {"config": {"unreachable": True, "msg": "gone"}},
            "pending",
            "config: unreachable: gone",
            [("busybox", "ok"), ("config", "unreachable")],
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
            "config: no module",
            [("config", "failed"), *BACK],
            id="an error of Ansible",
        ),
        pytest.param(
            {"config": KeyError("x")},
            "rolled_back",
            "config: KeyError: 'x'",
            [("config", "failed"), *BACK],
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
    lives = iter([True, True, True, True, False])
    ended, ran, _modules = carried_out(driven=lambda: next(lives))
    assert ended == ("pending", "busybox: the ansible-playbook process is gone")
    assert [name for name, _outcome in ran] == ["preflight", "checkpoint", "rootfs"]


@pytest.mark.parametrize(
    ("slow", "state", "reason"),
    [
        pytest.param(["ready"], "rolled_back", "ready: the host took longer than 0.2 seconds", id="forward"),
        pytest.param(
            ["ready", "restore"],
            "failed",
            "ready: the host took longer than 0.2 seconds; "
            "and the rollback failed: restore: the host took longer than 0.2 seconds",
            id="back too",
        ),
    ],
)
def test_the_time_for_a_host(slow, state, reason):
    def run(step, arguments):
        if step.name in slow:
            # A retry of a connection catches Exception, and must not catch this.
            try:
                time.sleep(20)
            except Exception:
                pytest.fail("the end of the time was taken for a failure of the connection")
        return {}

    dropped = []
    transact = rollout_host.Transaction(run, {**OPTIONS, "timeout": 0.2})
    started = time.monotonic()
    assert transact.carry_out(lambda: True, lambda: dropped.append(True)) == (state, reason)
    assert time.monotonic() - started < 5
    assert len(dropped) == len(slow)
