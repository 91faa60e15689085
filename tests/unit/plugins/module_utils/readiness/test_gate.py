# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at this very machine, and a PID 1 that ends."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Check
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness import conditions, gate
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import processes

LXC = Tools("/nowhere")


def watched(check: Check, pid: int = 0) -> dict[str, Any]:
    """The verdict on a check, with this process for PID 1 unless another one is given."""
    one = pid or os.getpid()
    return gate.watch_one(LXC, "hmi", check, one, processes.started(one))


def test_a_file_that_is_there() -> None:
    told = watched(Check(file="/proc/self", timeout=5.0, stable=0.0))
    assert (told["held"], told["reason"], told["error"]) == (True, "", "")
    assert told["seconds"] < 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    told = watched(Check(file=str(tmp_path / "none"), timeout=0.2, stable=0.0))
    assert told["held"] is False
    assert told["error"] == f"file {tmp_path}/none did not hold within 0.2 seconds: there is no such file"
    assert 0.2 <= told["seconds"] < 2


def test_a_file_that_comes_later_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "ready"
    timer = threading.Timer(0.3, path.touch)
    timer.start()
    told = watched(Check(file=str(path), timeout=20.0, stable=0.3))
    timer.join()
    assert (told["held"], told["reason"]) == (True, "there is no such file")
    assert 0.6 <= told["seconds"] < 10


def test_the_end_of_its_process() -> None:
    process = subprocess.Popen(["sleep", "60"])
    timer = threading.Timer(0.2, process.kill)
    timer.start()
    begun = time.monotonic()
    told = watched(Check(file="/proc/self", timeout=30.0, stable=30.0), process.pid)
    timer.join()
    process.wait()
    assert (told["held"], told["error"]) == (False, "its PID 1 ended before all checks held")
    assert time.monotonic() - begun < 10


def test_another_process_with_its_number() -> None:
    told = gate.watch_one(LXC, "hmi", Check(file="/proc/self", stable=0.0), os.getpid(), 1.0)
    assert (told["held"], told["error"]) == (False, conditions.ENDED)


def test_one_look(tmp_path: Path) -> None:
    """It does not wait, whatever the check would have waited for."""
    begun = time.monotonic()
    there, missing = (Check(file=str(path), timeout=60.0, stable=60.0) for path in (tmp_path, tmp_path / "none"))
    told = gate.ask(LXC, {"hmi": [missing, there]}, {"hmi": os.getpid()})
    assert told == {
        "hmi": {0: {"held": False, "reason": "there is no such file"}, 1: {"held": True, "reason": ""}},
    }
    assert time.monotonic() - begun < 10
