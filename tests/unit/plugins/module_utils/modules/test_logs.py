# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of containers without output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import logs


def item(lxc_path: Path, name: str, **given: Any) -> dict[str, Any]:
    return logs.item_of(str(lxc_path), name, {"lines": 2, "since_start": False, **given})


def test_the_last_lines(tmp_path: Path) -> None:
    (tmp_path / "hmi" / "log").mkdir(parents=True)
    (tmp_path / "hmi" / "log" / "output").write_text("1\n2\n3\n")
    assert item(tmp_path, "hmi") == {"name": "hmi", "lines": ["2", "3"], "error": None}


def test_no_lines(tmp_path: Path) -> None:
    reasons = {item(tmp_path, "hmi")["error"]}
    (tmp_path / "hmi").mkdir()
    for name, text in (("manifest", ""), ("config", "\n"), ("config", "a\nlxc.console.logfile = /x\n")):
        (tmp_path / "hmi" / name).write_text(text)
        reasons.add(item(tmp_path, "hmi")["error"])
    assert len(reasons) == 3
    assert None not in reasons


@pytest.mark.parametrize("lines", [0, -1, 100001])
def test_a_number_that_is_none(lines: int) -> None:
    with pytest.raises(RefusedError, match="^lines: "):
        logs.run({"name": None, "lines": lines, "since_start": False, "lxc_path": None, "runtime": "auto"})
