# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lock is waited for, or ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import locks

# Takes a lock as another run does, and says so.
HOLDER = """
import fcntl, os, signal, sys, time
if sys.argv[3:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(descriptor, fcntl.LOCK_EX)
os.pwrite(descriptor, b"%d" % os.getpid(), 0)
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, *words: str) -> subprocess.Popen[str]:
    """A process that holds a lock for so many seconds; with another word it does not end when it is asked to."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path), *words], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline() == "held\n"
    return process


def test_a_lock_has_the_number_of_its_holder_as_long_as_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "a" / "lock"
    assert not locks.is_held(str(path))
    with locks.locked(str(path)):
        assert path.read_text() == str(os.getpid())
        assert locks.is_held(str(path))
    assert path.read_text() == ""
    assert not locks.is_held(str(path))


def test_the_number_of_one_that_was_killed_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("12345678901")
    with locks.locked(str(path), end_other=True):
        assert path.read_text() == str(os.getpid())


def test_whether_it_is_held_is_found_out_without_writing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("12345678901")
    assert not locks.is_held(str(path))
    assert path.read_text() == "12345678901"


def test_another_is_waited_for(tmp_path: Path) -> None:
    with holder(tmp_path / "lock", "0.3") as process, locks.locked(str(tmp_path / "lock")):
        assert process.wait() == 0


def test_another_is_asked_to_end(tmp_path: Path) -> None:
    with holder(tmp_path / "lock", "600") as process, locks.locked(str(tmp_path / "lock"), end_other=True):
        assert process.wait() == -signal.SIGTERM


def test_another_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.2)
    with holder(tmp_path / "lock", "600", "deaf") as process, locks.locked(str(tmp_path / "lock"), end_other=True):
        assert process.wait() == -signal.SIGKILL
