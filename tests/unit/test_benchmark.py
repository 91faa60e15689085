# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An interrupted benchmark leaves nothing of a contestant."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

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
