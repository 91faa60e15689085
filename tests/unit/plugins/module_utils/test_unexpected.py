# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A defect that shows at one container is that container's error, and stops no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import tree_changes, writing
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, unexpected
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import changes, states, survey
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import config_check
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Status, Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import checkpoint, container_info
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import planning, runner
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import pool

BAD = "bad"
FOUND = "unexpected UnicodeEncodeError: 'ascii' codec can't encode character '\\xfc' in position 0: ordinal not in"


def defect(name: str) -> None:
    if name == BAD:
        "ü".encode("ascii")


def test_a_defect_in_words() -> None:
    told = ""
    try:
        raise LookupError("half \ud800")
    except LookupError as error:
        told = unexpected(error)
    assert told.startswith("unexpected LookupError: half \\ud800 (test_unexpected.py, line ")
    assert told.endswith("); please report it")


def containers() -> list[records.Container]:
    return [keys.CONTAINER({"name": name}) for name in (BAD, "good")]


def test_plans() -> None:
    def plan(container: records.Container, *_rest: Any) -> planning.Planned:
        defect(container.name)
        return planning.Planned(tree_changes.Change(container.name, (), None, None))  # type: ignore[arg-type]

    stage = planning.Stage("rootfs", lambda _container: (), lambda _containers, host: host, plan)
    place = planning.Place(
        "/nowhere",
        "br",
        Host(),
        lambda _container, _before: Ids(),
        lambda container, _before, _place: planning.Addressed(container),
    )
    plans = {each.name: runner.plan([stage], each, place, True) for each in containers()}
    assert plans[BAD].error.startswith(FOUND)
    assert plans[BAD].failed_stage == "rootfs"
    assert (plans["good"].error, list(plans["good"].stages)) == ("", ["rootfs"])


def test_steps() -> None:
    steps = {name: lambda name=name: defect(name) for name in (BAD, "good")}
    errors = writing.for_all(steps, "/nowhere", divide=False)
    assert list(errors) == [BAD]
    assert errors[BAD].startswith(FOUND)


def test_states(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan(desired: states.DesiredState, *_rest: Any) -> tuple[str, ...]:
        defect(desired.name)
        return ()

    monkeypatch.setattr(changes, "plan", plan)
    all_desired = [states.DesiredState(name, "started") for name in (BAD, "good")]
    steps, errors = changes.plan_all(
        "/nowhere", all_desired, dict.fromkeys((BAD, "good"), states.ActualState("RUNNING")), False
    )
    assert list(steps) == ["good"]
    assert errors[BAD].startswith(FOUND)


def test_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_lxc_path: str, name: str) -> None:
        defect(name)

    monkeypatch.setattr(planning, "read_manifest", read)
    found = survey.survey(Tools("/nowhere"), [BAD, "good"])
    assert str(found[BAD]).startswith(FOUND)
    assert found["good"] == states.ActualState("ABSENT")
    told = container_info.describe_safely("/nowhere", BAD, Status("STOPPED"))
    assert told["error"].startswith(FOUND)
    assert set(told) == set(container_info.describe_safely("/nowhere", "good", None))


def test_checkpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(_taking: Any, name: str) -> tuple[int, list[str]]:
        defect(name)
        return 1, []

    monkeypatch.setattr(checkpoint, "keep_one", keep)
    there: states.Survey = dict.fromkeys((BAD, "good"), states.ActualState("STOPPED"))
    items, kept = checkpoint.keep_all(checkpoint.Taking("/nowhere", None), [BAD, "good"], there, {})
    assert list(kept) == ["good"]
    assert items[0]["error"].startswith(FOUND)


def test_configs(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(_reached: Any, _place: str, text: str) -> str:
        defect(text)
        return ""

    def here(function: Any, items: Any, *_rest: Any) -> dict[str, pool.Result]:
        return {item: pool.Result(function(item)) for item in items}

    monkeypatch.setattr(config_check, "private_run", lambda: None)
    monkeypatch.setattr(config_check, "check_one", check)
    monkeypatch.setattr(pool, "each", here)
    refused = config_check.check_configs(Tools("/nowhere"), {"one": BAD, "two": "good"})
    assert list(refused) == ["one"]
    assert refused["one"].startswith(FOUND)


def test_what_is_an_error_of_all_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the disk is full a checkpoint cannot be taken, of whichever container that shows."""

    def keep(_taking: Any, _name: str) -> tuple[int, list[str]]:
        raise OSError(28, "No space left on device", str(tmp_path))

    monkeypatch.setattr(checkpoint, "keep_one", keep)
    there: states.Survey = {"good": states.ActualState("STOPPED"), BAD: ContainerError("no")}
    with pytest.raises(OSError):
        checkpoint.keep_all(checkpoint.Taking("/nowhere", None), ["good"], there, {})
