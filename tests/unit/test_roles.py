# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented of the variables of each role is what its defaults are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).resolve().parents[2] / "roles"
ROLES = sorted(path.name for path in FOLDER.iterdir())
# Defaults that depend on where the play is, and are told in words.
IN_WORDS = {"softwarecontainer_targets_inventory"}


def loaded(role: str, name: str) -> Any:
    return yaml.safe_load((FOLDER / role / name).read_text(encoding="utf-8"))


def entries(role: str) -> dict[str, dict[str, Any]]:
    """The variables of each entry point of a role."""
    found = loaded(role, "meta/argument_specs.yml")["argument_specs"]
    return {name: entry["options"] for name, entry in found.items()}


def options(role: str) -> dict[str, dict[str, Any]]:
    """The variables of a role."""
    return {key: option for entry in entries(role).values() for key, option in entry.items()}


def test_the_roles_are_all_of_these() -> None:
    assert ROLES == ["containers", "host", "molecule_targets", "rollout"]


@pytest.mark.parametrize("role", ROLES)
def test_the_defaults_are_documented(role: str) -> None:
    documented = {key: option["default"] for key, option in options(role).items() if "default" in option}
    defaults = loaded(role, "defaults/main.yml")
    assert set(defaults) <= set(options(role))
    defaults = {key: value for key, value in defaults.items() if key not in IN_WORDS}
    # As text, in which true is not 1.
    assert json.dumps(documented, sort_keys=True) == json.dumps(defaults, sort_keys=True)


@pytest.mark.parametrize("role", ROLES)
def test_what_has_no_default_says_what_follows(role: str) -> None:
    for key, option in options(role).items():
        assert "default" in option or option.get("required") or "When left out, " in str(option["description"]), key


@pytest.mark.parametrize("role", ROLES)
def test_a_variable_means_the_same_at_each_entry_point(role: str) -> None:
    for name, entry in entries(role).items():
        for key, option in entry.items():
            assert option == options(role)[key], (name, key)


@pytest.mark.parametrize("role", ROLES)
def test_each_entry_point_is_a_file(role: str) -> None:
    for name in entries(role):
        assert (FOLDER / role / "tasks" / f"{name}.yml").is_file(), name
