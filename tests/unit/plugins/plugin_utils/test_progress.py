# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person sees of a rollout in the terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger, progress

HOSTS = ("h1", "h2", "h3", "h4", "h5")
BATCHES = (("h1",), ("h2", "h3"), ("h4", "h5"))
NEW = ledger.new("one", {name: ledger.digest_of(name) for name in HOSTS}, BATCHES, 3, "2026-11-25T02:00:00.000Z")
BEGUN = ledger.begin_run(NEW, BATCHES, 3, "control:1", "2026-11-25T02:00:00.000Z")


def at(seconds: int) -> str:
    return ledger.written(ledger.seconds("2026-11-25T02:00:00.000Z") + seconds)


def went(
    record: ledger.Ledger, name: str, start: int, end: int, state: str = "done", reason: str = ""
) -> ledger.Ledger:
    record = ledger.begin_host(record, name, at(start))
    outcome = {"done": "ok", "pending": "unreachable"}.get(state, "failed")
    stages = [ledger.Stage("checkpoint", at(start), end - start, outcome)]
    return ledger.end_host(record, name, state, reason, stages, at(end))


CANARY = went(BEGUN, "h1", 0, 10)
MIXED = went(
    went(CANARY, "h2", 10, 30, "rolled_back", "ready: no answer"), "h3", 10, 12, "pending", "checkpoint: no route"
)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "?"),
        (0, "0:00"),
        (0.6, "0:01"),
        (59.4, "0:59"),
        (59.6, "1:00"),
        (754, "12:34"),
        (3723, "1:02:03"),
        (-1, "0:00"),
    ],
)
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


@pytest.mark.parametrize(
    ("record", "chosen", "forks", "seconds"),
    [
        pytest.param(BEGUN, HOSTS, 5, None, id="nothing has ended"),
        pytest.param(CANARY, HOSTS, 5, 20, id="two batches, each at once"),
        pytest.param(CANARY, HOSTS, 1, 40, id="one host after another"),
        pytest.param(CANARY, ("h1", "h2", "h4"), 1, 20, id="limited"),
        pytest.param(ledger.begin_host(CANARY, "h2", at(10)), HOSTS, 1, 40, id="one in progress"),
        # 10, 20 and 2 seconds, and one batch; what failed is not tried again in this run.
        pytest.param(MIXED, HOSTS, 5, 32 / 3, id="one batch is left"),
        pytest.param(went(went(MIXED, "h4", 30, 40), "h5", 30, 40), HOSTS, 5, 0, id="nothing is left"),
        pytest.param(CANARY, HOSTS, 0, 40, id="forks that make no sense"),
    ],
)
def test_estimate(record, chosen, forks, seconds):
    assert progress.estimate(record, chosen, forks) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("record", "now", "drawing", "line"),
    [
        pytest.param(BEGUN, 0, False, "rollout one: 0 of 5 done, 0 failed, 5 pending; 0:00 elapsed", id="begun"),
        pytest.param(
            CANARY,
            10,
            False,
            "rollout one: 1 of 5 done, 0 failed, 4 pending; 0:10 elapsed, about 0:20 to go",
            id="canary",
        ),
        pytest.param(
            ledger.begin_host(MIXED, "h4", at(31)),
            65,
            False,
            "rollout one: 1 of 5 done, 1 failed, 2 pending (1 unreachable), 1 in progress; 1:05 "
            "elapsed, about 0:11 to go",
            id="mixed",
        ),
        pytest.param(
            MIXED,
            31,
            True,
            "rollout one: ████✗✗✗✗░░░░░░░░░░░░ 1 of 5 done, 1 failed, 3 pending (1 unreachable); 0:31 "
            "elapsed, about 0:11 to go",
            id="in a terminal",
        ),
        pytest.param(
            ledger.pause(CANARY, at(11)),
            11,
            False,
            "rollout one: 1 of 5 done, 0 failed, 4 pending; 0:11 elapsed; paused",
            id="paused",
        ),
        pytest.param(
            went(replace(CANARY, budget=0), "h2", 10, 12, "failed", "why"),
            12,
            False,
            "rollout one: 1 of 5 done, 1 failed, 3 pending; 0:12 elapsed; stopped",
            id="stopped",
        ),
    ],
)
def test_line(record, now, drawing, line):
    assert progress.line(record, HOSTS, 5, at(now), drawing) == line


def test_table():
    assert progress.table(ledger.end_run(MIXED, at(40))) == [
        "HOST  BATCH  STATE        STAGE       TIME  TRIES",
        "h1    1      done         -           0:10  1",
        "h2    2      rolled back  checkpoint  0:20  1",
        "h3    2      unreachable  checkpoint  0:02  1",
        "h4    3      pending      -           -     -",
        "h5    3      pending      -           -     -",
        "h2: ready: no answer",
        "h3: checkpoint: no route",
    ]


@pytest.mark.parametrize(
    ("count", "failed", "rows"),
    [(100, 1, 101), (101, 0, 0), (101, 2, 3)],
    ids=["as many as fit", "large and done", "large"],
)
def test_a_large_fleet_has_a_row_for_what_is_not_done(count, failed, rows):
    names = ["h%d" % number for number in range(count)]
    record = ledger.new("one", {name: ledger.digest_of(name) for name in names}, [names], count, at(0))
    record = ledger.begin_run(record, [names], count, "control:1", at(0))
    for number, name in enumerate(names):
        record = went(record, name, 0, 1, "failed" if number < failed else "done")
    assert len(progress.table(record)) == rows


def test_a_name_that_moves_the_cursor():
    record = ledger.new("one", {"h\x1b[2J": "0" * 64}, [["h\x1b[2J"]], 0, at(0))
    assert progress.table(record)[1] == "h [2J  1      pending  -      -     -"


FINISHED = ledger.end_run(went(went(went(went(CANARY, "h2", 1, 2), "h3", 1, 2), "h4", 1, 2), "h5", 1, 2), at(40))


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        pytest.param(FINISHED, "5 of 5 hosts done.", id="finished"),
        pytest.param(
            ledger.end_run(MIXED, at(40)),
            "The rollout is stopped, with 1 done, 1 rolled back, 3 pending of 5: 4 hosts are left.",
            id="some are left",
        ),
        pytest.param(
            ledger.end_run(went(replace(CANARY, budget=0), "h2", 1, 2, "failed"), at(40)),
            "The rollout is stopped, with 1 done, 1 failed, 3 pending of 5: 1 host is failed or "
            "unreachable, and the budget is 0.",
            id="stopped",
        ),
    ],
)
def test_closing(record, sentence):
    assert progress.closing(record) == sentence
