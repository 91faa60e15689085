# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there of containers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import (
    survey,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import runtime
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import processes


def test_what_check_mode_foresees() -> None:
    there, old = ActualState("RUNNING", 7), Ids(("u 0 100000 65536",), before=((),))
    assert survey.predicted(there, False, Ids()) == there
    assert survey.predicted(there, True, Ids()) == there._replace(restart_due=True)
    assert survey.predicted(there, False, old) == there._replace(shift_to=old)
    assert survey.predicted(there, False, Ids(), True) == there._replace(reload_due=True)
    due = ActualState("RUNNING", 7, True, old, True)
    assert survey.predicted(due, False, Ids()) == due


def test_when_a_command_is_to_be_told() -> None:
    """Something has changed since PID 1 was started, which is this process here, and it has not been told."""
    boot, now = processes.boot_id(), processes.since_boot()
    running = runtime.Status("RUNNING", os.getpid())

    def due(status: Any, *stages: Stage) -> bool:
        return survey.reload_due(status, Manifest("id", {str(number): each for number, each in enumerate(stages)}))

    assert due(running, Stage(), Stage(reload=Moment(boot, now)))
    assert not due(running, Stage(changed=Moment(boot, now)))
    assert not due(running, Stage(reload=Moment(boot, 0.0)))
    assert not due(running, Stage(reload=Moment("another", now)))
    assert not due(runtime.Status("STOPPED"), Stage(reload=Moment(boot, now)))
    assert not due(ContainerError("no"), Stage(reload=Moment(boot, now)))


def test_names(tmp_path: Path) -> None:
    for name, kinds in {"b": ["manifest"], "a": ["config"], "c": [], ".d.new": ["manifest"]}.items():
        (tmp_path / name).mkdir()
        for kind in kinds:
            (tmp_path / name / kind).write_text("", encoding="ascii")
    (tmp_path / "file").write_text("", encoding="ascii")
    (tmp_path / "e" / "manifest").mkdir(parents=True)
    assert survey.names_with(str(tmp_path), "manifest") == ["b"]
    assert survey.names_with(str(tmp_path), "config", "manifest") == ["a", "b"]
    assert survey.names_with(str(tmp_path / "none"), "config") == []
    assert survey.has_config(str(tmp_path), "a")
    assert not survey.has_config(str(tmp_path), "b")
