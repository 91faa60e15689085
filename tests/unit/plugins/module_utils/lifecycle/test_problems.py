# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import problems

WELL: dict[str, Any] = {
    "declared": "started",
    "state": "RUNNING",
    "ours": True,
    "last_end": None,
    "restarts": 0,
    "restarting": False,
    "checks": [],
    "drift": [],
    "restart_needed": False,
    "reload_needed": False,
    "error": None,
}
FAILED = {"status": 3, "asked": False, "reason": "its command ended with 3 after 2.0 s"}
ENDED = {"status": 0, "asked": False, "reason": "its command ended with 0 after 2.0 s"}
WORDS = "; its last output: no display"

FOUND: dict[str, tuple[dict[str, Any], list[str]]] = {
    "well": ({}, []),
    "well, and stopped": ({"declared": "stopped", "state": "STOPPED", "last_end": ENDED}, []),
    "well, and absent": ({"declared": "absent", "state": "ABSENT", "ours": False}, []),
    "crashed": (
        {"state": "STOPPED", "last_end": FAILED},
        ["should be started and is STOPPED: its command ended with 3 after 2.0 s; its last output: no display"],
    ),
    "stopped by somebody": (
        {"state": "STOPPED", "last_end": {"status": 143, "asked": True, "reason": "it was stopped"}},
        ["should be started and is STOPPED: it was stopped"],
    ),
    "stopped, nobody knows how": ({"state": "STOPPED"}, ["should be started and is STOPPED"]),
    "running": ({"declared": "stopped", "last_end": FAILED}, ["should be stopped and is RUNNING"]),
    "missing": ({"state": "ABSENT", "ours": False}, ["should be started and is ABSENT"]),
    "unknown": ({"state": None, "error": "LXC does not say"}, ["LXC does not say"]),
    "waits for a restart": (
        {"restarting": True, "last_end": FAILED},
        ["does not stay up: its command ended with 3 after 2.0 s; its last output: no display"],
    ),
    "was restarted lately": (
        {"restarts": 1, "last_end": FAILED},
        [
            "does not stay up: its command ended with 3 after 2.0 s; it was started again 1 time;"
            " its last output: no display"
        ],
    ),
    "is restarted since it does its work again and again": ({"restarts": 9, "last_end": ENDED}, []),
    "failed before its last start": ({"last_end": FAILED}, []),
    "one of two checks": (
        {
            "checks": [
                {"check": "tcp 80", "held": False, "reason": "Connection refused at ::1"},
                {"check": "file /a", "held": True, "reason": ""},
            ]
        },
        ["tcp 80 does not hold: Connection refused at ::1"],
    ),
    "drift": ({"drift": ["a", "b", "c"]}, ["is not on disk as it was made: a; b; c"]),
    "much drift": ({"drift": ["a", "b", "c", "d"]}, ["is not on disk as it was made: a; b; c; and 1 more"]),
    "restart": ({"restart_needed": True}, ["a restart is due, for what has changed since its start"]),
    "reload": (
        {"reload_needed": True},
        ["a reload is due, for files that have changed since its command has read them"],
    ),
    "not declared": ({"declared": None}, ["is not declared"]),
    "somebody else's": ({"declared": None, "ours": False, "state": "STOPPED"}, []),
    "somebody else's, and declared": ({"ours": False}, ["was not made by this collection"]),
    "several": (
        {"state": "STOPPED", "drift": ["a"], "error": "b"},
        ["should be started and is STOPPED", "is not on disk as it was made: a", "b"],
    ),
}


@pytest.mark.parametrize(("told", "expected"), FOUND.values(), ids=FOUND)
def test_what_is_wrong(told: dict[str, Any], expected: list[str]) -> None:
    assert problems.problems({**WELL, **told}, True, lambda: WORDS, 5.0) == expected


def test_what_was_long_ago() -> None:
    assert problems.problems({**WELL, "restarts": 3, "last_end": FAILED}, True, lambda: WORDS, 3600.0) == []


def test_what_is_not_declared_where_nothing_is() -> None:
    assert problems.problems({**WELL, "declared": None}, False, lambda: WORDS, 5.0) == []
