# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of starts and ends: what is read of them, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import history
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.history import End, LastEnd, Runs, Start

BOOT, OTHER = "9ff2fb9c-6108-4691-9daf-a404c316630f", "00000000-6108-4691-9daf-a404c316630f"
STARTS = {
    f"3 {BOOT} 38015.89 12 345 /sys/fs/cgroup/a/memory.events\n": Start(
        3, BOOT, 38015.89, 12, 345, "/sys/fs/cgroup/a/memory.events"
    ),
    f"1 {BOOT} 5.01 0 0 -\n": Start(1, BOOT, 5.01, 0, 0, ""),
    "": None,
    f"1 {BOOT} 5.01 0 0 -": None,
    f"x {BOOT} 5.01 0 0 -\n": None,
    "1 2 3 4 5 6\n": None,
}
ENDS = {
    f"3 {BOOT} 38015.89 status=0 0\n": End(3, BOOT, 38015.89, 0, None, 0),
    f"3 {BOOT} 38015.89 signal=9 2\n": End(3, BOOT, 38015.89, None, 9, 2),
    f"3 {BOOT} 38015.89 - -\n": End(3, BOOT, 38015.89, None, None, None),
    f"3 {BOOT} 38015.89 status=x 0\n": None,
}
RUNS = {
    "running 0 0 - - -\n": Runs("running", 0, 0, None, None, None),
    "waiting 7 2 137 105 1796058914\n": Runs("waiting", 7, 2, 137, 1.05, 1796058914),
    "running 0 0 - - -\n3 200 1796058918\n": Runs("running", 0, 0, None, None, None),
    "\nrunning 0 0 - - -\n": None,
    "running 0 0 - - -": None,
    "hacked 0 0 - - -\n": None,
    "running -1 0 - - -\n": None,
    "running " + "9" * 5000 + " 0 - - -\n": None,
}


@pytest.mark.parametrize(("text", "found"), STARTS.items())
def test_a_start(text: str, found: Start | None) -> None:
    assert history.start_of(text) == found


@pytest.mark.parametrize(("text", "found"), ENDS.items())
def test_an_end(text: str, found: End | None) -> None:
    assert history.end_of(text) == found


@pytest.mark.parametrize(("text", "found"), RUNS.items())
def test_what_a_supervisor_records(text: str, found: Runs | None) -> None:
    assert history.runs_of(text) == found


def start(number: int = 2, boot: str = BOOT) -> Start:
    return Start(number, boot, 100.0, 0, 0, "")


def end(number: int = 2, status: int | None = None, signal: int | None = None, kills: int | None = 0) -> End:
    return End(number, BOOT, 103.5, status, signal, kills)


def runs(state: str, restarts: int = 0, status: int | None = None) -> Runs:
    return Runs(state, restarts, restarts, status, None if status is None else 0.25, None if status is None else 77)


@dataclass
class Case:
    """What is recorded, whether the container runs, and what comes of it."""

    records: tuple[Optional[Start], Optional[End], Optional[Runs]]
    found: Optional[tuple[Optional[int], Optional[str], Optional[bool], bool]]
    words: str = ""
    running: bool = False
    kills: Optional[int] = 0


# Expected are exit status, signal, whether memory was short, whether it was asked to end, and words of the reason.
CASES = {
    "never started": Case((None, None, None), None),
    "runs for the first time": Case((start(), None, runs("running")), None, running=True),
    "runs again": Case((start(), end(1), runs("running", 0, 3)), (3, None, False, False), "ended with 3", True),
    "was restarted": Case((start(), None, runs("running", 1, 3)), (3, None, False, False), "ended with 3", True),
    "was restarted for want of memory": Case(
        (start(), None, runs("running", 1, 137)), (137, "KILL", True, False), "want of memory", True, 1
    ),
    "was killed, with memory left": Case(
        (start(), None, runs("running", 1, 137)), (137, "KILL", False, False), "137 (signal KILL)", True, 0
    ),
    "waits": Case((start(), None, runs("waiting", 1, 139)), (139, "SEGV", False, False), "139 (signal SEGV)", True),
    "runs, without a supervisor": Case((start(2), end(1, 4), None), (4, None, False, False), "ended with 4", True),
    "was stopped": Case((start(), end(), runs("stopped", 0, 143)), (143, "TERM", False, True), "was stopped"),
    "ended": Case((start(), end(), runs("ended", 0, 127)), (127, None, False, False), "ended with 127 after 0.2 s"),
    "gave up": Case((start(), end(), runs("ended", 3, 1)), (1, None, False, False), "restarted 3 times"),
    "was killed for want of memory": Case(
        (start(), end(kills=1), runs("ended", 0, 137)), (137, "KILL", True, False), "want of memory"
    ),
    "memory is not known": Case(
        (start(), end(kills=None), runs("ended", 0, 137)), (137, "KILL", None, False), "137 (signal KILL)"
    ),
    "was killed with its supervisor": Case(
        (start(), end(signal=9), runs("running", 0, 3)), (None, "KILL", None, False), "from outside"
    ),
    "PID 1 ended": Case((start(), end(status=4), None), (4, None, False, False), "its PID 1 ended with 4 after 3.5 s"),
    "PID 1 was killed": Case((start(), end(signal=9), None), (137, "KILL", False, False), "137 (signal KILL)"),
    "PID 1 was killed for want of memory": Case(
        (start(), end(signal=9, kills=2), None), (137, "KILL", True, False), "want of memory"
    ),
    "shut down from within": Case((start(), end(signal=2), None), (None, None, False, False), "from within"),
    "LXC said nothing": Case((start(), end(), None), (None, None, False, False), "PID 1 has ended"),
    "the target went down": Case((start(boot=OTHER), end(1), runs("running")), (None, None, None, False), "went down"),
    "the monitor was killed": Case((start(), end(1), runs("running")), (None, None, None, False), "monitor"),
    "a record that makes no sense": Case((start(), end(status=0), None), (0, None, False, False), "ended with 0"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_last_end(case: Case) -> None:
    found = history.last_end(*case.records, case.running, BOOT, case.kills)
    assert (found and (found.status, found.signal, found.out_of_memory, found.asked)) == case.found
    assert case.words in (found or LastEnd()).reason


def test_when_it_ended() -> None:
    by_supervisor = history.last_end(start(), end(), runs("ended", 0, 1), False, BOOT, None)
    by_lxc = history.last_end(start(), end(status=1), None, False, BOOT, None)
    assert by_supervisor
    assert by_lxc
    assert (by_supervisor.seconds, by_supervisor.ended, by_lxc.seconds, by_lxc.ended) == (0.25, 77, 3.5, None)


@pytest.mark.parametrize(("status", "name"), [(None, None), (0, None), (127, None), (137, "KILL"), (255, None)])
def test_the_signal_of_a_status(status: int | None, name: str | None) -> None:
    assert history.signal_of(status) == name
