# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which process of a container gets its signal."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import reloading, states
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Status

# What is told to a shell on its input, which has a line as soon as all of them run.
COMMAND = "cat & echo; wait"
WITH_ORPHANS = "cat & sleep 0.05; cat & cat & echo; wait"


@contextlib.contextmanager
def running(program: str, argv: list[str], code: str) -> Iterator[int]:
    """A shell that runs the code from its input, with children that end with it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, executable=program, text=True, start_new_session=True, **pipes) as process:  # type: ignore[call-overload]
        # The children read what follows, which never comes.
        process.stdin.write("exec 3<&0; " + code.replace("cat &", "cat <&3 &") + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == "\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.fixture(name="init_lxc")
def fixture_init_lxc(tmp_path: Path) -> str:
    """A shell by the name of LXC's init."""
    return shutil.copy(os.path.realpath("/bin/sh"), tmp_path / "init.lxc")


def children(pid: int) -> list[int]:
    """The children of a process, the oldest first, as the kernel lists them."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]


def test_an_init_of_its_own_gets_the_signal_itself() -> None:
    with running("/bin/sh", ["sh"], COMMAND) as pid:
        assert reloading.command_of(pid, reloading.processes.table()) == pid


@pytest.mark.parametrize("code", [COMMAND, WITH_ORPHANS], ids=["alone", "with others"])
def test_the_child_of_the_init_of_lxc_gets_it(init_lxc: str, code: str) -> None:
    with running(init_lxc, ["init"], code) as pid:
        assert reloading.command_of(pid, reloading.processes.table()) == children(pid)[0]


@pytest.mark.parametrize(
    "argv",
    [["sh", "-s", "/etc/softwarecontainer/run"], ["busybox", "sh", "-s", "/etc/softwarecontainer/run"][1:]],
    ids=["a shell", "busybox"],
)
def test_a_shell_of_ours_hands_it_on(argv: list[str]) -> None:
    with running("/bin/sh", argv, WITH_ORPHANS) as pid:
        assert reloading.command_of(pid, reloading.processes.table()) == children(pid)[0]


def test_a_shell_of_ours_below_the_init_of_lxc(init_lxc: str) -> None:
    code = "sh -s /etc/softwarecontainer/run <<'!' & wait\n%s\n!" % COMMAND.replace("cat &", "sleep 60 &")
    with running(init_lxc, ["init"], code) as pid:
        (shell,) = children(pid)
        (command,) = children(shell)
        assert reloading.command_of(pid, reloading.processes.table()) == command
        os.killpg(pid, 15)


def test_no_command_gets_nothing(init_lxc: str) -> None:
    with running(init_lxc, ["init"], "echo; read line") as pid:
        assert reloading.command_of(pid, reloading.processes.table()) is None
        with pytest.raises(
            ContainerError, match="^its command does not run now, so that nothing can get the signal HUP$"
        ):
            reloading.tell(Status("RUNNING", pid), "HUP", reloading.processes.table())


def test_a_container_that_ended_meanwhile() -> None:
    with pytest.raises(ContainerError, match="^its command does not run now"):
        reloading.tell(None, "HUP", {})


def test_what_would_end_by_the_signal_does_not_get_it(init_lxc: str) -> None:
    with running(init_lxc, ["init"], COMMAND) as pid:
        command = children(pid)[0]
        with pytest.raises(ContainerError) as caught:
            reloading.tell(Status("RUNNING", pid), "USR1", reloading.processes.table())
        assert str(caught.value) == (
            f"its command ({command} on the target) does not handle the signal USR1, which would end it"
        )
        assert command in children(pid)


def test_what_pid_1_does_not_handle_has_no_effect_on_it() -> None:
    words = "does not handle the signal USR1, which has no effect on PID 1$"
    with running("/bin/sh", ["sh"], COMMAND) as pid, pytest.raises(ContainerError, match=words):
        reloading.tell(Status("RUNNING", pid), "USR1", reloading.processes.table())


# What the supervisor has recorded, and whether the command waits for its next start.
RECORDS = {
    "waits": ("waiting 1 1 1 101 1796064269\n", True),
    "runs": ("running 1 1 1 101 1796064269\n", False),
    "nothing recorded": (None, False),
}


@pytest.mark.parametrize(("record", "waits"), RECORDS.values(), ids=RECORDS)
def test_what_is_about_to_start_gets_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: str | None, waits: bool
) -> None:
    """Its supervisor sleeps, which does not handle the signal."""
    directory = tmp_path / "media/rootfs/etc/softwarecontainer"
    directory.mkdir(parents=True)
    if record is not None:
        (directory / "runs").write_text(record)
    noted: list[str] = []
    monkeypatch.setattr(reloading.single_files, "note_reload", lambda lxc_path, name: noted.append(name))
    media = states.DesiredState("media", "started", reload="HUP")
    times = states.Times(settle=0, stop=1, start=1)
    with running("/bin/sh", ["sh"], COMMAND) as pid:
        monkeypatch.setattr(reloading.survey, "running", lambda lxc, names: {"media": Status("RUNNING", pid)})
        errors = reloading.reload(SimpleNamespace(lxc_path=str(tmp_path)), [media], times)  # type: ignore[arg-type]
    assert (noted, list(errors)) == ((["media"], []) if waits else ([], ["media"]))
