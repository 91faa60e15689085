# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where code is: the order of the folders, and what goes with what."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UTILS = ROOT / "plugins" / "module_utils"
DEVELOPMENT = (ROOT / "docs" / "development.md").read_text(encoding="utf-8")
FILES = sorted(UTILS.rglob("*.py"))
# The action `stage` runs the module of that name in the place of these, which are documentation.
STAGES = {"rootfs", "busybox", "config"}


def order() -> list[str]:
    """The folders and files of module_utils as docs/development.md lists them, what is used before what uses it."""
    table = DEVELOPMENT.partition("| folder or file |")[2].partition("\n\n")[0]
    first_cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    return [name.strip("/").replace(".py", "") for cell in first_cells for name in re.findall(r"`([\w./]+)`", cell)]


def imported(path: Path) -> set[str]:
    """The folders and files of module_utils that a file imports from, its own folder left out."""
    here = path.relative_to(UTILS).with_suffix("").parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            above = here[: len(here) - node.level]
            place = [*above, *(node.module or "").split(".")]
            found |= {place[0]} if place[0] else {alias.name for alias in node.names}
    return found - {here[0]}


def test_all_folders_and_files_are_in_the_documentation() -> None:
    there = {path.relative_to(UTILS).parts[0].replace(".py", "") for path in FILES}
    assert sorted(order()) == sorted(there)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(UTILS)))
def test_a_folder_uses_what_stands_above_it(path: Path) -> None:
    names = order()
    own = path.relative_to(UTILS).parts[0].replace(".py", "")
    assert imported(path) <= set(names[: names.index(own)])


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/modules/*.py")), ids=lambda path: path.stem)
def test_the_body_of_a_module_has_its_name(path: Path) -> None:
    on_controller = ROOT / "plugins" / "action" / path.name
    assert path.stem in STAGES or on_controller.exists() or (UTILS / "modules" / path.name).exists()


def test_unit_tests_lie_beside_what_they_test() -> None:
    tests = Path(__file__).parent / "plugins"
    for path in tests.glob("*/*/test_*.py"):
        tested = ROOT / "plugins" / path.relative_to(tests).with_name(path.name[len("test_") :])
        assert tested.exists(), f"{path} tests no such file as {tested}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_plugins_import_each_other_by_relative_names(path: Path) -> None:
    assert "from ansible_collections.softwarecontainer" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/*/**/*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_can_be_taken_in(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    # What documents options and results has no more to it than its length.
    documentation = {ROOT / "plugins" / "doc_fragments", ROOT / "plugins" / "modules"}
    assert len(source.splitlines()) <= 400 or path.parent in documentation
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 40] == []
