# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module runs on the target."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import argument_specs
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import calls

ROOT = Path(__file__).parents[4]
COLLECTION = "softwarecontainer.lxc"


@pytest.mark.parametrize(
    ("name", "module", "given"),
    [
        ("rootfs", "stage", {"lxc_path": "/data", "stage": "rootfs"}),
        ("busybox", "stage", {"lxc_path": "/data", "stage": "busybox"}),
        ("config", "stage", {"lxc_path": "/data", "stage": "config"}),
        ("container", "stage", {"lxc_path": "/data", "stage": "container"}),
        ("ready", "ready", {"lxc_path": "/data"}),
        ("stage", "stage", {"lxc_path": "/data"}),
    ],
)
def test_what_runs_on_the_target(name: str, module: str, given: dict[str, Any]) -> None:
    assert calls.on_target(name, {"lxc_path": "/data"}) == (f"{COLLECTION}.{module}", given)


def test_ansible_finds_the_action_of_each_module() -> None:
    """Without it the module of a stage would run, which is documentation alone, and others not in UTF-8."""
    runtime = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())
    names = [name for name in runtime["action_groups"]["lxc"] if name != "stage"]
    assert set(argument_specs.STAGES) < set(names)
    # The action of those for molecule, which has the name of one of them, shows how far they are.
    actions = {**dict.fromkeys(names, "stage"), "molecule_power": "molecule_targets"}
    wanted = {name: {"action_plugin": f"{COLLECTION}.{action}"} for name, action in actions.items()}
    assert runtime["plugin_routing"]["modules"] == wanted


ENVIRONMENTS: dict[str, tuple[Any, list[Any]]] = {
    "none": (None, []),
    "one": ({"A": "b"}, [{"A": "b"}]),
    "several": ([{"A": "b"}, "{{ more }}"], [{"A": "b"}, "{{ more }}"]),
    "another wish": ([{"PYTHONUTF8": "0"}], [{"PYTHONUTF8": "0"}]),
}


@pytest.mark.parametrize(("given", "kept"), ENVIRONMENTS.values(), ids=ENVIRONMENTS)
def test_modules_run_in_utf8(given: Any, kept: list[Any]) -> None:
    """What is last wins."""
    task = SimpleNamespace(environment=given)
    calls.in_utf8(task)
    assert task.environment == [*kept, {"PYTHONUTF8": "1"}]
