# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells meanwhile."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import progress


def test_lines_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    path.write_text("first\n", encoding="utf-8")
    progress.teller(str(path))("second")
    assert path.read_text(encoding="utf-8") == "first\nsecond\n"


def test_without_a_file_nothing_is_told() -> None:
    progress.teller("")("nothing")


def test_only_news_are_told_and_seldom() -> None:
    told: list[str] = []
    often = progress.seldom(told.append, "booting one", pause=0)
    often(" \n")
    often("Starting\n")
    progress.seldom(told.append, "booting two", pause=60)("Starting\n")
    assert told == ["booting one, 0 s: Starting"]
