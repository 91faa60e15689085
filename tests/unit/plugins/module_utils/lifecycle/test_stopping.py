# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stop of many containers."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import states, stopping
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import programs, runtime


def test_what_outlives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LXC's tools say that all is well, and the process lives on."""
    with contextlib.ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(["sleep", "60"]))
        stack.callback(process.kill)
        command = stack.enter_context(socket.socket(socket.AF_UNIX))
        for name in ("lxc-info", "lxc-stop"):
            (tmp_path / name).write_text(f"#!/bin/sh\necho 'State: RUNNING\nPID: {process.pid}'\n", encoding="ascii")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(programs, "PATIENCE", 2)
        # By it LXC is reached where a container runs.
        command.bind(f"\0{tmp_path}/hmi/command")
        reached, times = runtime.Tools(str(tmp_path)), states.Times(0, 0, 0)
        errors = stopping.stop(reached, [DesiredState("hmi", "stopped")], times)
        assert errors == {"hmi": f"its PID 1 ({process.pid} on the target) is still alive after a kill"}


@pytest.mark.parametrize(("still_there", "expected"), [(False, []), (True, ["hmi"])])
def test_a_mount_that_goes_meanwhile(
    still_there: bool, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By LXC's own hook, between our look and our call."""
    looks = iter([True, still_there])
    monkeypatch.setattr(os.path, "ismount", lambda _path: next(looks))
    assert list(stopping.take_down_mounts(str(tmp_path), ["hmi"])) == expected
