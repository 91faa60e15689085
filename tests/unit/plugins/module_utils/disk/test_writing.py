# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single files and directories, and steps for many containers."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    writing,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError

FULL, READ_ONLY = os.strerror(errno.ENOSPC), os.strerror(errno.EROFS)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, FULL), "cannot write /lxc/hmi: No space left on device"),
        (OSError(errno.ENOSPC, FULL, "new-3"), "cannot write /lxc/hmi (at new-3): No space left on device"),
        (OSError(errno.EROFS, READ_ONLY, "/lxc/.hmi.new"), "cannot write /lxc/.hmi.new: Read-only file system"),
        (OSError(errno.EIO, os.strerror(errno.EIO), 7), "cannot write /lxc/hmi: Input/output error"),
        (
            OSError(errno.EIO, os.strerror(errno.EIO), "a\n\x1b\udcff"),
            "cannot write /lxc/hmi (at a\\n\\x1b\\udcff): Input/output error",
        ),
    ],
    ids=["without a name", "relative", "absolute", "descriptor", "chosen by a container"],
)
def test_the_reason_of_a_failed_system_call(error: OSError, sentence: str) -> None:
    assert writing.reason_of(error, "/lxc/hmi") == sentence


@pytest.mark.parametrize("divide", [True, False])
@pytest.mark.parametrize("processors", [1, 4, 9])
def test_a_step_for_all(divide: bool, processors: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is tried, whatever became of the others, and each failure has its own reason."""
    monkeypatch.setattr(os, "cpu_count", lambda: processors)
    at_once = multiprocessing.get_context("fork").Barrier(4)

    def step(name: str) -> None:
        if divide and processors > 1:
            at_once.wait(timeout=30)
        (tmp_path / f"{name}-{os.getpid()}").touch()
        if name == "b":
            raise ContainerError("it is in the way")
        if name == "c":
            raise OSError(errno.ENOSPC, "No space left on device", "file")

    steps = {name: functools.partial(step, name) for name in "abcd"}
    failed = writing.for_all(steps, "/srv/lxc", divide)
    names, processes = zip(*(path.name.split("-") for path in tmp_path.iterdir()))
    assert sorted(names) == list("abcd")
    assert len(set(processes)) == (min(processors, 4) if divide else 1)
    assert str(os.getpid()) in processes
    assert failed == {
        "b": "it is in the way",
        "c": "cannot write /srv/lxc/c (at file): No space left on device",
    }


def test_a_defect_in_a_step_is_not_hidden() -> None:
    def step() -> None:
        raise ZeroDivisionError

    errors = writing.for_all({"a": step, "b": step}, "/srv/lxc", divide=True)
    assert list(errors) == ["a", "b"]
    assert all(told.startswith("unexpected ZeroDivisionError: ") for told in errors.values())


def test_a_killed_process_is_an_error_of_each_of_its_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)

    def step(name: str) -> None:
        if name == "d":
            os.kill(os.getpid(), signal.SIGKILL)

    steps = {name: functools.partial(step, name) for name in "abcd"}
    reason = "the process that was at work on it was killed by signal 9"
    assert writing.for_all(steps, str(tmp_path), divide=True) == {"b": reason, "d": reason}


@pytest.mark.parametrize("mode", [0o700, 0o777, 0o2755])
def test_make_directory(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run" / "gateways"
    before = os.umask(0o077)
    undo = writing.make_directory(str(path), mode)
    os.umask(before)
    assert path.stat().st_mode & 0o7777 == mode
    assert path.parent.stat().st_mode & 0o7777 == 0o755
    undo()
    assert not path.parent.exists()
    writing.make_directory(str(path), mode)
    path.chmod(0o711)
    undo = writing.make_directory(str(path), mode)
    assert path.stat().st_mode & 0o7777 == mode
    undo()
    assert path.stat().st_mode & 0o7777 == 0o711


def test_make_directory_where_a_file_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    with pytest.raises(ContainerError) as caught:
        writing.make_directory(str(tmp_path / "file"), 0o755)
    assert str(caught.value) == f"cannot write {tmp_path}/file: Not a directory"
    with pytest.raises(ContainerError) as caught:
        writing.make_directory(str(tmp_path / "file" / "below"), 0o755)
    assert str(caught.value) == f"cannot write {tmp_path}/file/below: Not a directory"


def test_make_directory_where_a_link_is(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("target")
    with pytest.raises(ContainerError) as caught:
        writing.make_directory(str(tmp_path / "link"), 0o777)
    assert str(caught.value) == f"cannot write {tmp_path}/link: Not a directory"
    assert (tmp_path / "target").stat().st_mode & 0o7777 == 0o700
