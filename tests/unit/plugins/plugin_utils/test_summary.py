# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The line that names the containers which a run changed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import summary


def item(name: str, *changes: str, before: str = "RUNNING") -> dict[str, Any]:
    """The result of one container."""
    return {"name": name, "changed": bool(changes), "changes": list(changes), "state_before": before}


LINES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing": ([item("a"), item("b")], ""),
    "refused as a whole": ([], ""),
    "built": ([item("a", "create directory rootfs", "start", before="ABSENT")], "built: a"),
    "built and stopped": ([item("a", "create directory rootfs", before="ABSENT")], "built: a"),
    "restarted": ([item("a", "replace file config", "stop", "start")], "restarted: a"),
    "started": ([item("a", "start", before="STOPPED")], "started: a"),
    "reloaded": ([item("a", "replace file rootfs/etc/conf", "unfreeze", "reload", before="FROZEN")], "reloaded: a"),
    "changed alone": ([item("a", "replace file rootfs/etc/resolv.conf")], "changed: a"),
    "what is left of one is removed": ([item("a", "remove", before="INCOMPLETE")], "removed: a"),
    "many": (
        [item("a", "stop", "start"), item("b", "stop", "remove"), item("c"), item("d", "stop", "start")],
        "restarted: a, d; removed: b",
    ),
}


@pytest.mark.parametrize(("items", "expected"), LINES.values(), ids=LINES)
def test_line(items: list[dict[str, Any]], expected: str) -> None:
    assert summary.line({"containers": items}) == expected


def test_what_was_refused_as_a_whole_has_no_line() -> None:
    assert summary.line({"failed": True, "msg": "no"}) == ""
