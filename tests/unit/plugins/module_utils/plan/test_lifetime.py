# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LXC is told to record of a container's life. The hooks are run here by a shell, as LXC runs them."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import history
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import launch, lifetime

from .test_lxc_config import HOST, container

KEPT = [
    ("lxc.console.logfile", "/c/hmi/log/output"),
    ("lxc.console.size", "262144"),
    ("lxc.console.rotate", "1"),
]
LXC_LOG = [("lxc.log.file", "/c/hmi/log/lxc"), ("lxc.log.level", "INFO")]
LINES: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "a command": ({"command": ["/app"]}, KEPT),
    "a size": ({"command": ["/app"], "log": {"size": "4K"}}, [KEPT[0], ("lxc.console.size", "4096"), KEPT[2]]),
    "no log": ({"command": ["/app"], "log": "none"}, []),
    "an init": ({"init": ["/app"]}, [*KEPT, *LXC_LOG]),
    "an init with a log of LXC's": ({"init": ["/app"], "lxc": {"lxc.log.level": "1"}}, KEPT),
    "nothing to run": ({}, []),
}


def lines_of(given: dict[str, Any], root: str = "/c/hmi") -> list[tuple[str, str]]:
    spec = container(given)
    return lifetime.lines(spec, launch.launch(spec, HOST), root)


@pytest.mark.parametrize(("given", "expected"), LINES.values(), ids=LINES)
def test_lines(given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = lines_of(given)
    assert found[: len(expected)] == expected
    assert [key for key, _value in found[len(expected) :]] == ["lxc.hook.start-host", "lxc.hook.stop"]


def test_what_sends_output_on() -> None:
    for driver, program in (("syslog", "logger -t hmi"), ("journald", "systemd-cat -t hmi")):
        spec = container({"command": ["/app"], "log": {"driver": driver}})
        host = HOST._replace(log_drivers=frozenset([driver]))
        hooks = dict(lifetime.lines(spec, launch.launch(spec, host), "/c/hmi"))
        assert program in hooks["lxc.hook.start-host"]
        assert "kill" in hooks["lxc.hook.stop"]
        assert lifetime.sends_output(hooks["lxc.hook.start-host"])
    assert not any(lifetime.sends_output(value) for _key, value in lines_of({"command": ["/app"]}))


SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def run(shell: str, root: Path, key: str) -> None:
    """Run a hook of a container with this process as PID 1; LXC adds words to the command line."""
    hook = dict(lines_of({"init": ["/app"]}, str(root)))[key]
    _sh, option, script = shlex.split(hook)
    argv = ["busybox", "sh"] if shell == "busybox" else [shell]
    done = subprocess.run(
        [*argv, option, script, "hmi", "lxc", "stop"],
        env={**os.environ, "LXC_PID": str(os.getpid())},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_start_and_an_end(tmp_path: Path, shell: str) -> None:
    root = tmp_path / "it's a place"
    place = root / "log"
    place.mkdir(parents=True)
    (place / "lxc").write_text("INFO old\n")
    for number in (1, 2):
        (place / "output").write_text("x" * 10 * number)
        run(shell, root, "lxc.hook.start-host")
        start = history.start_of((place / "start").read_text())
        assert start
        assert (start.number, start.inode, start.size) == (number, (place / "output").stat().st_ino, 10 * number)
        assert start.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        assert (place / "lxc").read_text() == ""
        run(shell, root, "lxc.hook.stop")
        end = history.end_of((place / "end").read_text())
        assert end
        assert (end.number, end.boot, end.status, end.signal) == (number, start.boot, None, None)
        assert end.uptime >= start.uptime


# What LXC writes to its log, which has the text of the hooks too.
NOISE = 'INFO conf - Executing script "case $text in *"$mark error ("*) how=status=${text##*"$mark error ("};;"\n'
LOGS = {
    "error": ("Child <%d> ended on error (127)\n", 127, None),
    "signal": ("Child <%d> ended on signal (9)\n", None, 9),
    "signal with its name": ("Child <%d> ended on signal Killed(9)\n", None, 9),
    "well": ("", 0, None),
    "another one": ("Child <1%d> ended on error (127)\n", 0, None),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(("line", "status", "signal"), LOGS.values(), ids=LOGS)
def test_how_PID_1_ended(tmp_path: Path, shell: str, line: str, status: int | None, signal: int | None) -> None:
    place = tmp_path / "log"
    place.mkdir()
    run(shell, tmp_path, "lxc.hook.start-host")
    line = line % os.getpid() if line else line
    (place / "lxc").write_text("INFO a\n" * 30 + NOISE + "INFO error.c:31 - " + line + NOISE)
    run(shell, tmp_path, "lxc.hook.stop")
    end = history.end_of((place / "end").read_text())
    assert end
    assert (end.status, end.signal) == (status, signal)
    assert (place / "lxc").read_text() == ""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_start_after_records_that_are_damaged(tmp_path: Path, shell: str) -> None:
    place = tmp_path / "log"
    place.mkdir()
    for start, end, number in (("", "7 a\n", 8), ("x y\n", "", 1), ("3 a\n", "2 a\n", 4), ("3 a\n", "", 4)):
        (place / "start").write_text(start)
        (place / "end").write_text(end)
        run(shell, tmp_path, "lxc.hook.start-host")
        found = history.start_of((place / "start").read_text())
        assert found
        assert found.number == number


@pytest.mark.parametrize("shell", SHELLS)
def test_no_hook_fails(tmp_path: Path, shell: str) -> None:
    """LXC would not start the container."""
    for key in ("lxc.hook.start-host", "lxc.hook.stop"):
        run(shell, tmp_path, key)
    assert list(tmp_path.iterdir()) == []
