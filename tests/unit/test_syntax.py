# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in plugins/ is Python 3.8, also where only a newer Python is there to run the tests."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGINS = Path(__file__).parents[2] / "plugins"
FILES = sorted(PLUGINS.rglob("*.py"))
OLDEST = (3, 8)
NEWER = {
    "3.9, parentheses around context managers": "with (open(a) as b, open(c) as d):\n    pass\n",
    "3.10, match": "match value:\n    case 1:\n        pass\n",
    "3.11, except*": "try:\n    pass\nexcept* OSError:\n    pass\n",
}


def test_the_files_are_found() -> None:
    assert len(FILES) > 30


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_a_file_is_of_the_oldest_python(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), filename=str(path), feature_version=OLDEST)


@pytest.mark.parametrize("text", NEWER.values(), ids=NEWER)
def test_what_is_newer_is_found(text: str) -> None:
    with pytest.raises(SyntaxError):
        ast.parse(text, feature_version=OLDEST)
