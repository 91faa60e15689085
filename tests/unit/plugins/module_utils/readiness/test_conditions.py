# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of readiness: when they hold, when they are given up, how long is waited, and what is said."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Check
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness import conditions
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness.conditions import Watch

PORT = Check(tcp=80, timeout=10.0, stable=2.0)
ONCE = Check(tcp=80, timeout=0.0, stable=0.0)
PROGRAM = Check(("/bin/check", "a b"), timeout=10.0, stable=2.0)
NO, OTHER = "Connection refused", "no answer"

# The check, its looks (when each ended, and why it did not hold), the verdict after the last one, and its time.
SERIES: dict[str, tuple[Check, list[tuple[float, str]], Any]] = {
    "a first look that holds": (PORT, [(0.1, "")], None),
    "held for the window": (PORT, [(0.1, ""), (1.0, ""), (2.1, "")], True),
    "not yet for the window": (PORT, [(0.1, ""), (2.0, "")], None),
    "a break begins it anew": (PORT, [(0.1, ""), (1.0, NO), (1.1, ""), (3.0, "")], None),
    "held after a break": (PORT, [(0.1, ""), (1.0, NO), (1.1, ""), (3.2, "")], True),
    "a window that begins in time and ends after it": (PORT, [(9.9, ""), (11.0, "")], None),
    "and holds": (PORT, [(9.9, ""), (11.95, "")], True),
    "and breaks": (PORT, [(9.9, ""), (10.5, NO)], False),
    "never": (PORT, [(0.1, NO), (9.9, NO)], None),
    "never in time": (PORT, [(0.1, NO), (10.0, NO)], False),
    "a break at the very end of the window": (PORT, [(1.0, ""), (3.0, NO)], None),
    "one look that holds": (ONCE, [(0.01, "")], True),
    "one look that does not": (ONCE, [(0.01, NO)], False),
    "no window": (Check(tcp=80, timeout=10.0, stable=0.0), [(1.0, NO), (5.0, "")], True),
}


def after(looks: list[tuple[float, str]]) -> Watch:
    """How a check stands after some looks."""
    watch = Watch()
    for at, reason in looks:
        watch = conditions.after_look(watch, at, reason)
    return watch


@pytest.mark.parametrize(("check", "looks", "verdict"), SERIES.values(), ids=SERIES)
def test_verdict(check: Check, looks: list[tuple[float, str]], verdict: Any) -> None:
    assert conditions.verdict(check, after(looks), looks[-1][0]) is verdict


def test_what_is_kept_of_the_looks() -> None:
    assert after([(1.0, NO), (2.0, ""), (3.0, "")]) == Watch(2.0, NO, 0)
    assert after([(1.0, NO), (2.0, ""), (3.0, OTHER), (4.0, NO)]) == Watch(None, NO, 2 - 1)
    assert after([(1.0, ""), (2.0, NO), (3.0, ""), (4.0, OTHER)]) == Watch(None, OTHER, 2)


def test_a_look_that_is_cut_off_takes_no_reason_away() -> None:
    failed, cut_off = conditions.program_failure(1, "", "no link"), conditions.program_failure(None, "waits", "")
    both = "the program ended with 1: no link; at last the program was still running: waits"
    assert after([(1.0, failed), (2.0, cut_off)]).reason == both
    assert after([(1.0, failed), (2.0, cut_off), (3.0, cut_off)]).reason == both
    assert after([(1.0, cut_off), (2.0, cut_off)]).reason == cut_off
    assert after([(1.0, cut_off), (2.0, failed)]).reason == failed
    assert after([(1.0, failed), (2.0, cut_off), (3.0, NO)]).reason == NO


# Check, how it stands, the time; the pause until the next look, and how long that may take.
WAITS: dict[str, tuple[Check, Watch, float, float, float]] = {
    "a port": (PORT, Watch(), 1.0, 0.1, 9.0),
    "a file": (Check(file="/a", timeout=10.0), Watch(), 1.0, 0.1, 9.0),
    "a program": (PROGRAM, Watch(), 1.0, 0.5, 9.0),
    "short before the time is up": (PROGRAM, Watch(), 9.75, 0.25, 1.0),
    "when the time is up": (PROGRAM, Watch(), 10.0, 0.0, 1.0),
    "in a window": (PROGRAM, Watch(1.0), 2.0, 0.5, 8.0),
    "short before the end of a window": (PROGRAM, Watch(1.0), 2.75, 0.25, 7.25),
    "in a window that ends after the time": (PROGRAM, Watch(9.5), 9.75, 0.5, 1.75),
    "a first look of a check without time": (ONCE, Watch(), 0.0, 0.0, 1.0),
}


@pytest.mark.parametrize(("check", "watch", "at", "pause", "patience"), WAITS.values(), ids=WAITS)
def test_waits(check: Check, watch: Watch, at: float, pause: float, patience: float) -> None:
    assert conditions.pause(check, watch, at) == pytest.approx(pause)
    assert conditions.patience(check, watch, at) == pytest.approx(patience)


@pytest.mark.parametrize("check", [PORT, ONCE, PROGRAM, Check(file="/a", timeout=0.5, stable=3.0)], ids=str)
@pytest.mark.parametrize("looks_take", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("holds", [lambda at: True, lambda at: False, lambda at: int(at * 2) % 2 == 0], ids=str)
def test_a_series_is_bounded(check: Check, looks_take: float, holds: Any) -> None:
    """Whatever the looks say and take, as far as they are cut off where their patience ends."""
    watch, at, verdict = Watch(), 0.0, None
    while verdict is None:
        taken = min(looks_take, conditions.patience(check, watch, at))
        at += max(taken, 0.001)
        late = looks_take > taken
        watch = conditions.after_look(watch, at, NO if late or not holds(at) else "")
        verdict = conditions.verdict(check, watch, at)
        at += conditions.pause(check, watch, at) if verdict is None else 0
    assert at <= conditions.bound(check)


TITLES = {
    "port": (PORT, "tcp 80"),
    "file": (Check(file="/run/a b"), "file /run/a b"),
    "file of other letters": (Check(file="/run/caf\u00e9"), "file /run/caf\\xe9"),
    "program": (PROGRAM, "command ['/bin/check', 'a b']"),
}


@pytest.mark.parametrize(("check", "title"), TITLES.values(), ids=TITLES)
def test_title(check: Check, title: str) -> None:
    assert conditions.title(check) == title


FAILURES = {
    "never held": (PORT, Watch(None, NO), "tcp 80 did not hold within 10 seconds: Connection refused"),
    "held and broke": (
        PORT,
        Watch(None, NO, 3),
        "tcp 80 did not hold for 2 seconds without a break within 10 seconds: Connection refused",
    ),
    "part of a second": (
        Check(file="/a", timeout=0.5),
        Watch(None, "there is no such file"),
        "file /a did not hold within 0.5 seconds: there is no such file",
    ),
}


@pytest.mark.parametrize(("check", "watch", "sentence"), FAILURES.values(), ids=FAILURES)
def test_failure(check: Check, watch: Watch, sentence: str) -> None:
    assert conditions.failure(check, watch) == sentence


ENDINGS: dict[str, tuple[Any, str, str, str]] = {
    "well": (0, "", "a warning\n", ""),
    "badly": (3, "", "", "the program ended with 3"),
    "with an error": (1, "out\n", "first\nlast\n\n", "the program ended with 1: last"),
    "with an output": (1, "first\nlast", "\n", "the program ended with 1: last"),
    "in time never": (None, "", "", "the program was still running"),
    "with what a terminal would obey": (1, "", "a\x1b[31m'", "the program ended with 1: a\\x1b[31m'"),
    "with a long line": (1, "x" * 300, "", "the program ended with 1: " + "x" * 200),
}


@pytest.mark.parametrize(("code", "stdout", "stderr", "reason"), ENDINGS.values(), ids=ENDINGS)
def test_the_end_of_a_program(code: Any, stdout: str, stderr: str, reason: str) -> None:
    assert conditions.program_failure(code, stdout, stderr) == reason


def test_what_no_address_answered() -> None:
    assert conditions.unanswered({}) == ""
    told = {"127.0.0.1": NO, "::1": "Cannot assign requested address", "10.0.3.20": NO}
    assert (
        conditions.unanswered(told)
        == "Connection refused at 127.0.0.1, 10.0.3.20; Cannot assign requested address at ::1"
    )
