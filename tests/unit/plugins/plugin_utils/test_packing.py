# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing without Python's collector and without documentation; afterwards all is as it was before."""

from __future__ import annotations

import ast
import gc
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import packing


@pytest.fixture(autouse=True)
def fixture_as_before() -> Iterator[None]:
    """Whatever a test does."""
    collects = gc.isenabled()
    yield
    (gc.enable if collects else gc.disable)()


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_as_it_was(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    with packing.without_collector():
        assert not gc.isenabled()
    assert gc.isenabled() is collects


def test_the_collector_is_as_it_was_after_a_failure() -> None:
    gc.enable()
    with pytest.raises(KeyError), packing.without_collector():
        raise KeyError
    assert gc.isenabled()


ROOT = Path(__file__).parents[4]


def program(source: bytes) -> list[Any]:
    """What a source does, and in which lines: its syntax without docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return [(ast.dump(node), getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)) for node in ast.walk(tree)]


@pytest.mark.parametrize("path", sorted(ROOT.glob("plugins/module_utils/**/*.py")), ids=lambda path: path.stem)
def test_without_documentation_a_source_is_the_same_program(path: Path) -> None:
    source = path.read_bytes()
    bare = packing.bare(source)
    found, expected = program(bare), program(source)
    # A module ends where its last statement does.
    assert found[1:] == expected[1:] and found[0][0] == expected[0][0]
    assert b"# " not in bare.partition(b"from __future__")[0]
    assert len(bare) < len(source) or not source


def test_ansible_reads_our_files_without_documentation(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does it, by pkgutil.get_data; here stands in for its loader what reads a file."""

    def read(path: str) -> bytes:
        return Path(path).read_bytes()

    class Loader:
        def get_data(self, path: str) -> bytes:
            return read(path)

    package = SimpleNamespace(__loader__=Loader())
    monkeypatch.setitem(sys.modules, packing.COLLECTION, package)  # type: ignore[misc]
    path = str(ROOT / "plugins" / "module_utils" / "call.py")
    with packing.lean():
        assert package.__loader__.get_data(path) == packing.bare(read(path))
        assert package.__loader__.get_data(str(ROOT / "README.md")) == read(str(ROOT / "README.md"))
    assert package.__loader__.get_data(path) == read(path)


def test_a_loader_that_reads_nothing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, packing.COLLECTION, SimpleNamespace(__loader__=object()))  # type: ignore[misc]
    with packing.lean():
        pass
