# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of a rollout is what its plugins and its role take."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.rollout import steps

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "rollout"
PLUGINS = ("rollout", "rollout_host")
COMPARED = ("type", "elements", "choices", "default", "required")


def imported(kind: str, name: str) -> Any:
    return importlib.import_module(f"ansible_collections.softwarecontainer.lxc.plugins.{kind}.{name}")


def documentation(name: str) -> dict[str, Any]:
    return yaml.safe_load(imported("modules", name).DOCUMENTATION)


def comparable(options: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: {key: option.get(key) for key in COMPARED} for name, option in options.items()}


@pytest.mark.parametrize("name", PLUGINS)
def test_the_options_are_documented(name):
    assert comparable(documentation(name)["options"]) == comparable(imported("action", name).ARGUMENTS)


@pytest.mark.parametrize("name", PLUGINS)
def test_what_an_option_left_out_means_is_documented(name):
    for key, option in documentation(name)["options"].items():
        assert option.get("required") or "default" in option or "When left out, " in str(option["description"]), key


@pytest.mark.parametrize("name", PLUGINS)
def test_the_examples_have_options_that_there_are(name):
    tasks = yaml.safe_load(imported("modules", name).EXAMPLES)
    assert len(tasks) == 3
    for task in tasks:
        given = set(task[f"softwarecontainer.lxc.{name}"])
        required = {key for key, option in imported("action", name).ARGUMENTS.items() if option.get("required")}
        assert required <= given <= set(imported("action", name).ARGUMENTS)


DEFAULTS = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
SPECS = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]
OPTIONS = {key: option for entry in SPECS.values() for key, option in entry["options"].items()}


def test_what_has_no_default():
    without = [key for key, option in OPTIONS.items() if "default" not in option]
    assert sorted(without) == ["softwarecontainer_lxc_path", "softwarecontainer_rollout_id"]


def test_the_defaults_are_those_of_the_plugins():
    plugins = {**imported("action", "rollout_host").ARGUMENTS, **imported("action", "rollout").ARGUMENTS}
    for key, value in DEFAULTS.items():
        name = key.removeprefix("softwarecontainer_").removeprefix("rollout_")
        if name not in ("hosts", "containers", "defaults"):
            assert plugins[name]["default"] == value, key


def test_the_defaults_are_those_of_the_role_containers():
    others = yaml.safe_load((ROOT / "roles" / "containers" / "defaults" / "main.yml").read_text())
    # A rollout can be taken back as long as data stays.
    del others["softwarecontainer_remove_volumes"]
    # A rollout always has its gate.
    others.pop("softwarecontainer_wait_ready")
    assert {key: value for key, value in DEFAULTS.items() if "_rollout_" not in key} == others


def test_each_entry_point_is_a_file():
    assert {f"{entry}.yml" for entry in SPECS} == {path.name for path in (ROLE / "tasks").iterdir()}


def test_the_readme_has_each_variable_of_the_rollout():
    table = (ROLE / "README.md").read_text()
    for key in OPTIONS:
        assert "_rollout_" not in key or f"| `{key}` |" in table


def test_the_stages_have_modules():
    for step in (step for part in (*steps.FORWARD, *steps.BACK) for step in part):
        assert (ROOT / "plugins" / "modules" / f"{step.module}.py").exists(), step.name
