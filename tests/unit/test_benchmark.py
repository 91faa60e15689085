# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interrupted benchmark leaves nothing of a contestant; what it says about payloads comes from the right figures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import log_speed
import payloads
import pytest
import report
import sandbox
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import processes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import command


def gone(pid: int) -> bool:
    """Whether a process has ended; who waits for it may come later."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def wait_for(condition) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def below(pid: int) -> set[int]:
    """A process and its descendants."""
    return set(command.below(pid, processes.table()))


def test_what_has_a_session_of_its_own_is_ended_too() -> None:
    # As Ansible's workers, which neither a signal to the group nor the death of their parent reaches.
    script = "setsid sh -c 'sleep 60 & wait' & echo $!; wait"
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True)
    pids = {process.pid}
    try:
        assert process.stdout is not None
        worker = int(process.stdout.readline())
        assert wait_for(lambda: os.getsid(worker) == worker and len(below(process.pid)) == 3)
        pids = below(process.pid)
        sandbox.end(process.pid)
        assert process.wait(20) == -signal.SIGKILL
        assert wait_for(lambda: all(gone(pid) for pid in pids))
    finally:
        for pid in pids:
            if not gone(pid):
                os.kill(pid, signal.SIGKILL)
        process.stdout.close()


def test_the_containers_of_the_benchmark_differ_in_what_is_for_payloads() -> None:
    plain, full = (payloads.SPECS[kind]("one", 1) for kind in (payloads.WITHOUT, payloads.WITH))
    assert plain["command"] == full["command"]
    assert {key for key in full if key not in plain} == {"restart", "reload", "ports", "volumes"}
    assert {key for key in full if key in plain and full[key] != plain[key]} == {"log", "network", "files"}


def play(key: str, runs: int) -> report.MemoryRun:
    return report.MemoryRun(key, 100, report.AGAIN, 2, runs, 30.0, "containers")


@pytest.mark.parametrize(
    ("plain", "full", "runs", "output", "expected"),
    [
        # Between the runs the machine was three times as slow.
        pytest.param([4.0, 12.0], [4.4, 13.2], 1, {"log": [48e6], "pipe": [50e6]}, [True, True, True], id="met"),
        pytest.param([4.0, 12.0], [4.7, 14.1], 2, {"log": [47e6], "pipe": [50e6]}, [False, False, False], id="not met"),
        pytest.param([4.0], [], 1, {"log": [47e6]}, [None, True, None], id="not measured"),
    ],
)
def test_the_targets_of_payloads(
    plain: list[float], full: list[float], runs: int, output: dict[str, list[float]], expected: list[object]
) -> None:
    figures = report.Figures(memory=[play("collection", 1), play(payloads.WITH, runs)], output=output)
    figures.times = {(payloads.WITHOUT, report.CREATE, 100): plain, (payloads.WITH, report.CREATE, 100): full}
    assert [target.met for target in report.payload_targets(figures)] == expected
    assert set(log_speed.WAYS) == {report.LOG, report.PIPE}


def test_a_payload_writes_at_its_pace(tmp_path: Path) -> None:
    writer = Path(log_speed.__file__).with_name("log_writer.py")
    result = tmp_path / "result"
    argv = [sys.executable, str(writer), "20e6", "0.2", str(result)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        written = process.stdout.read(20_000_000 // 5)
        try:
            assert wait_for(result.exists)
        finally:
            process.kill()
    lines = written.split(b"\n")[:-1]
    assert {len(line) + 1 for line in lines} == set(range(1000, 4001, 250))
    # Its own speed, which is no more than was asked for, but for the end of the last turn.
    assert float(result.read_text(encoding="utf-8")) <= 21e6
