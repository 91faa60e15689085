# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a program is launched: by whom, whether its output is kept, and what the script of the supervisor does."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import history
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import launch

from .test_lxc_config import BARE, HOST, container, refusal, render

IN_BUSYBOX = ("/bin/busybox", "sh", "/etc/softwarecontainer/command")
IN_SHELL = ("/usr/bin/sh", "/etc/softwarecontainer/command")
APP: dict[str, Any] = {"command": ["/app", "-v"]}
INIT: dict[str, Any] = {"init": ["/app", "-v"]}
ETC = {"mounts": [{"source": "/srv", "target": "/etc"}]}
NO_BUSYBOX = {"busybox": {"method": "none"}}
NO_SLEEP = {"busybox": {"path": "/opt/busybox"}}
# The spec, whether the target has a sleep, and what idles.
IDLES = {
    "busybox": ({}, False, "/bin/busybox sleep 2147483647"),
    "busybox before the target's": ({}, True, "/bin/busybox sleep 2147483647"),
    "busybox without system_mounts": ({"system_mounts": False}, False, "/bin/busybox sleep 2147483647"),
    "no busybox": (NO_BUSYBOX, True, "/usr/bin/sleep 2147483647"),
    "busybox without sleep": (NO_SLEEP, True, "/usr/bin/sleep 2147483647"),
    "no busybox and no sleep": (NO_BUSYBOX, False, None),
    "busybox without sleep and no sleep": (NO_SLEEP, False, None),
    "no busybox without system_mounts": ({**NO_BUSYBOX, "system_mounts": False}, True, None),
}


@pytest.mark.parametrize(("given", "sleep", "command"), IDLES.values(), ids=IDLES)
def test_the_idle_command(given: dict[str, Any], sleep: bool, command: str | None) -> None:
    host = HOST if sleep else BARE
    if command is None:
        sentence = "command: there is no busybox and no sleep below /usr to idle with; declare a command"
        assert refusal(given, host) == sentence
    else:
        assert f" -- {command}\n" in render(given, host)


# The spec, whether the target has a shell, and what runs the script.
SHELLS = {
    "busybox": ({}, False, "/bin/busybox sh /etc/softwarecontainer/command"),
    "busybox without system_mounts": (
        {"system_mounts": False},
        True,
        "/bin/busybox sh /etc/softwarecontainer/command",
    ),
    "the target's": (NO_BUSYBOX, True, "/usr/bin/sh /etc/softwarecontainer/command"),
    "busybox without sh": (NO_SLEEP, True, "/usr/bin/sh /etc/softwarecontainer/command"),
    "none": (NO_BUSYBOX, False, None),
    "none without system_mounts": ({**NO_BUSYBOX, "system_mounts": False}, True, None),
}


@pytest.mark.parametrize("key", ["command", "init"])
@pytest.mark.parametrize(("given", "shell", "command"), SHELLS.values(), ids=SHELLS)
def test_the_shell_of_the_script(key: str, given: dict[str, Any], shell: bool, command: str | None) -> None:
    host = HOST if shell else BARE
    given = {**given, key: ["/app", "a b"]}
    if command is None:
        sentence = ": words with blanks or quotes need a shell in the container, and there is none"
        assert refusal(given, host) == key + sentence
    else:
        assert f"{command}\n" in render(given, host)


# The spec, the target, the command line for LXC or its init, whether output is kept, and whether there is a supervisor.
LAUNCHES: dict[str, tuple[dict[str, Any], Host, tuple[str, ...], bool, bool]] = {
    "a command": (APP, HOST, IN_SHELL, True, True),
    "a command with the shell of busybox": (APP, BARE, IN_BUSYBOX, True, True),
    "no shell": ({**APP, **NO_BUSYBOX}, BARE, ("/app", "-v"), False, False),
    "a shell that a mount hides": (
        {**APP, "mounts": [{"source": "/srv", "target": "/bin"}]},
        BARE,
        APP["command"],
        False,
        False,
    ),
    "a script that a mount hides": ({**APP, **ETC}, HOST, ("/app", "-v"), False, False),
    "no log": ({**APP, "log": "none"}, HOST, IN_SHELL, False, True),
    "no console": ({**APP, "autodev": False}, HOST, IN_SHELL, False, True),
    "a console of one's own": ({**APP, "lxc": {"lxc.console.path": "none"}}, HOST, IN_SHELL, False, True),
    "another signal for a stop": ({**APP, "lxc": {"lxc.signal.halt": "SIGINT"}}, HOST, IN_SHELL, True, False),
    "an init": (INIT, HOST, IN_SHELL, True, False),
    "an init without a log": ({**INIT, "log": "none"}, HOST, ("/app", "-v"), False, False),
    "nothing to run": ({}, HOST, ("/bin/busybox", "sleep", "2147483647"), False, False),
    "nothing to restart": (
        {"restart": {"policy": "always"}},
        HOST,
        ("/bin/busybox", "sleep", "2147483647"),
        False,
        False,
    ),
}


@pytest.mark.parametrize(("given", "host", "argv", "keeps", "supervised"), LAUNCHES.values(), ids=LAUNCHES)
def test_launch(given: dict[str, Any], host: Host, argv: tuple[str, ...], keeps: bool, supervised: bool) -> None:
    found = launch.launch(container(given), host)
    assert (found.argv, found.keeps_output, found.supervised) == (tuple(argv), keeps, supervised)
    assert (found.script is not None) == (argv[-1] == launch.SCRIPT)
    assert ("/dev/console" in (found.script or "")) == keeps


ALWAYS = {"restart": {"policy": "always"}}
REFUSED: dict[str, tuple[dict[str, Any], Host, str]] = {
    "a log without a shell": (
        {**APP, **NO_BUSYBOX, "log": {}},
        BARE,
        "log: no output can be kept, since there is no shell",
    ),
    "a log without a console": (
        {**APP, "autodev": False, "log": {}},
        HOST,
        "log: no output can be kept, since autodev",
    ),
    "a log beside another one": (
        {**APP, "lxc": {"lxc.console.logfile": "/x"}, "log": {}},
        HOST,
        "log: no output can be kept, since lxc sets lxc.console.logfile",
    ),
    "a log daemon that is not there": (
        {**APP, "log": {"driver": "syslog"}},
        HOST._replace(log_drivers=frozenset(["journald"])),
        "log.driver: 'syslog' cannot be had",
    ),
    "restarts without a shell": ({**APP, **NO_BUSYBOX, **ALWAYS}, BARE, "restart.policy: there is no shell"),
    "a variable of the shell": ({**APP, "environment": {"PWD": "/srv"}}, HOST, "environment.PWD: the shell"),
    "a limit without room": ({**APP, "limits": {"pids": 2}}, HOST, "limits.pids: 2 is too few"),
    "restarts with another signal": (
        {**APP, **ALWAYS, "lxc": {"lxc.signal.halt": "SIGINT"}},
        HOST,
        "restart.policy: a command that gets another lxc.signal.halt",
    ),
}


@pytest.mark.parametrize(("given", "host", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be(given: dict[str, Any], host: Host, sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        launch.launch(container(given), host)
    assert str(caught.value).startswith(sentence)


ARGVS = {
    "plain": ["/app", "-v", "#x", "$y"],
    "blank": ["/app", "a b"],
    "empty word": ["/app", ""],
    "double quote": ["/app", 'a"b'],
    "single quote": ["/app", "a'b"],
    "all that a shell reads": ["/app", "$(x) `y` ;&|<>*? \\"],
    "percent": ["/app", "%s", "%(argv)s"],
    "a word of the shell": ["exit", "3"],
    "dash": ["-app", "a b"],
}


@pytest.mark.parametrize("key", ["command", "init"])
@pytest.mark.parametrize("argv", ARGVS.values(), ids=ARGVS)
def test_the_command_line_in_the_script(key: str, argv: list[str]) -> None:
    script = launch.launch(container({key: argv}), HOST).script or ""
    (line,) = (line for line in script.splitlines() if "exec " in line and line.endswith("2>&1"))
    written = re.search(r"exec (.*?)\)? < /dev/null", line)
    assert written
    assert shlex.split(written.group(1)) == argv
    assert launch.command_in(launch.comment(container({key: argv}), HOST)) == tuple(argv)


def test_a_config_names_the_policy() -> None:
    for given, restarts in ((ALWAYS, False), (APP, False), ({**APP, **ALWAYS}, True)):
        text = "# Rendered\n" + launch.comment(container(given), HOST)
        assert launch.restarts_in(text) is restarts


def test_a_config_without_a_program() -> None:
    for text in ("", "lxc.uts.name = a\n", "# command: {\n", "# command: 3\n"):
        assert launch.command_in(text) == ()


def supervise(
    tmp_path: Path, command: str, restart: dict[str, Any], earlier: str | None = ""
) -> tuple[int, str, list[str]]:
    """Run the script of a supervisor. Return its exit status, its record, and what the command wrote, line by line.

    `earlier`: the record before; None if there is something else in its place, which is not read.
    """
    text = launch.launch(container({"command": ["/bin/sh", "-c", command], "restart": restart}), HOST).script or ""
    record, out = tmp_path / "runs", tmp_path / "out"
    out.touch()
    if earlier is not None:
        record.write_text(earlier)
    # Only the paths of the container are other ones here, and the pauses are shorter.
    for ours, here in (
        (launch.RUNS, str(record)),
        ("> /dev/console", f">> {out}"),
        ("< /dev/console", "< /dev/null"),
        ("/usr/bin/date", "date"),
        ("/usr/bin/stty", "stty"),
    ):
        text = text.replace(ours, here)
    text = re.sub(r"/usr/bin/sleep \$sc_pause", "sleep 0.01", text)
    done = subprocess.run(["/bin/sh", "-c", text], check=False, timeout=30)
    return done.returncode, "" if earlier is None else record.read_text(), out.read_text().splitlines()


# The command, the policy, and how often it runs.
SUPERVISED = {
    "never": ("exit 3", {}, 3, 1),
    "never, by a signal": ("kill -9 $$", {}, 137, 1),
    "never, all well": ("exit 0", {}, 0, 1),
    "on_failure, all well": ("exit 0", {"policy": "on_failure"}, 0, 1),
    "on_failure": ("exit 3", {"policy": "on_failure", "limit": 2}, 3, 3),
    "on_failure, once": ("exit 3", {"policy": "on_failure", "limit": 1}, 3, 2),
    "always": ("exit 0", {"policy": "always", "limit": 2}, 0, 3),
}


@pytest.mark.parametrize(("command", "restart", "status", "times"), SUPERVISED.values(), ids=SUPERVISED)
def test_the_supervisor(tmp_path: Path, command: str, restart: dict[str, Any], status: int, times: int) -> None:
    code, record, lines = supervise(tmp_path, "echo one; " + command, restart)
    assert code == status
    assert lines.count("one") == times
    runs = history.runs_of(record)
    assert runs is not None
    assert (runs.state, runs.restarts, runs.row, runs.status) == ("ended", times - 1, times - 1, status)
    assert runs.ran is not None
    assert runs.ran < 20
    assert runs.ended is not None


def test_a_supervisor_that_is_asked_to_end(tmp_path: Path) -> None:
    command = "trap 'exit 5' TERM; kill -TERM $PPID; kill -TERM $$; sleep 9"
    code, record, _lines = supervise(tmp_path, command, {"policy": "always"})
    assert code == 5
    assert record.startswith("stopped 0 0 5 ")


def test_the_end_of_an_earlier_start_is_kept(tmp_path: Path) -> None:
    _code, record, lines = supervise(tmp_path, f"cat {tmp_path}/runs", {}, "ended 4 4 9 123 1700000000\n")
    assert lines == ["running 0 0 9 123 1700000000"]
    assert record.startswith("ended 0 0 0 ")


def test_signals_are_those_of_a_fresh_process(tmp_path: Path) -> None:
    """A background job of a shell would ignore SIGINT and SIGQUIT."""
    _code, _record, lines = supervise(tmp_path, "grep SigIgn /proc/self/status", {})
    ignored = int(lines[0].split()[1], 16)
    assert not ignored & (1 << (signal.SIGINT - 1) | 1 << (signal.SIGQUIT - 1) | 1 << (signal.SIGTERM - 1))


NAMES = ("asked", "begun", "ended", "i", "pause", "ran", "restarts", "row", "status", "up")


def test_the_command_gets_its_environment_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell exports what it assigns to a variable of its environment."""
    for name in NAMES:
        monkeypatch.setenv(name, "declared")
    said = " ".join(f"${name}" for name in NAMES)
    _code, _record, lines = supervise(tmp_path, f"echo {said}; exit 3", {"policy": "on_failure", "limit": 1})
    declared = " ".join(["declared"] * len(NAMES))
    assert [line for line in lines if not line.startswith("softwarecontainer")] == [declared, declared]


def test_a_fifo_in_place_of_the_record_stops_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "runs")
    code, _record, lines = supervise(tmp_path, "echo one; exit 3", {"policy": "on_failure", "limit": 1}, earlier=None)
    assert (code, lines.count("one")) == (3, 2)
