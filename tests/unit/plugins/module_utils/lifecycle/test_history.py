# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a container's life from the disk, whoever has put it there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import history
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import processes

SUPERVISED = "rootfs/etc/softwarecontainer/runs"


@pytest.fixture(name="root")
def fixture_root(tmp_path: Path) -> Path:
    """The directory of a container that was started once."""
    root = tmp_path / "hmi"
    (root / "log").mkdir(parents=True)
    (root / SUPERVISED).parent.mkdir(parents=True)
    (root / "log" / "start").write_text(f"1 {processes.boot_id()} 5.00 0 0 {tmp_path}/kills\n")
    (tmp_path / "kills").write_text("low 0\noom 3\noom_kill 2\n")
    return root


def of(root: Path, running: bool) -> history.History:
    return history.of(str(root.parent), root.name, running)


def test_a_container_that_was_never_started(tmp_path: Path) -> None:
    assert history.of(str(tmp_path), "none", False) == history.History()


def test_kills_of_a_running_container_are_read_from_its_cgroup(root: Path) -> None:
    (root / SUPERVISED).write_text("running 1 1 137 300 1700000000\n")
    found = of(root, True)
    assert found.last_end
    assert found.last_end.out_of_memory is True
    assert (found.restarts(), found.last_end.ended) == (1, 1700000000)


def test_the_end_of_a_container_without_a_supervisor(root: Path) -> None:
    (root / "log" / "end").write_text(f"1 {processes.boot_id()} 7.00 status=3 0\n")
    os.utime(root / "log" / "end", (1000, 1000))
    found = of(root, False)
    assert found.last_end
    assert (found.last_end.status, found.last_end.seconds, found.last_end.ended) == (3, 2.0, 1000)
    assert found.restarts() is None


def test_a_record_of_an_earlier_start(root: Path) -> None:
    """A container that is killed at once has no other."""
    (root / SUPERVISED).write_text("stopped 2 2 5 100 1700000000\n")
    (root / "log" / "end").write_text(f"1 {processes.boot_id()} 7.00 - 0\n")
    asked = of(root, False).last_end
    os.utime(root / SUPERVISED, (1000, 1000))
    killed = of(root, False).last_end
    assert asked
    assert killed
    assert (asked.asked, killed.asked, killed.signal) == (True, False, "KILL")
    assert of(root, True).restarts() == 0


def test_a_hostile_record(root: Path) -> None:
    """The container's root can put anything there."""
    record = root / SUPERVISED
    os.mkfifo(record)
    assert of(root, True).runs is None
    record.unlink()
    record.symlink_to("/proc/sys/kernel/random/boot_id")
    assert of(root, True).runs is None
    record.unlink()
    record.write_text("running 0 0 - - -\n" * 100000)
    assert of(root, True).runs is None
    record.unlink()
    record.parent.rmdir()
    (root / "real").mkdir()
    (root / "real" / "runs").write_text("running 0 0 - - -\n")
    record.parent.symlink_to(root / "real")
    assert of(root, True).runs is None


def write_output(root: Path, older: str, output: str, inode: str, size: int) -> None:
    """The two parts of an output, and a start when the part `inode` had this size."""
    place = root / "log"
    (place / "output.1").write_text(older)
    (place / "output").write_text(output)
    number = (place / inode).stat().st_ino if inode else 0
    (place / "start").write_text(f"1 {processes.boot_id()} 5.00 {number} {size} -\n")


OUTPUTS = {
    "in the same part": ("a\n", "b\nc\n", "output", 2, ["c"]),
    "in the older part": ("a\nb\n", "c\n", "output.1", 2, ["b", "c"]),
    "in no part": ("a\n", "b\n", "", 0, ["a", "b"]),
    "nothing since": ("a\n", "b\n", "output", 2, []),
    "another file with the same inode": ("a\n", "b\n", "output", 900, ["a", "b"]),
}


@pytest.mark.parametrize(("older", "output", "inode", "size", "lines"), OUTPUTS.values(), ids=OUTPUTS)
def test_output_since_the_start(root: Path, older: str, output: str, inode: str, size: int, lines: list[str]) -> None:
    write_output(root, older, output, inode, size)
    assert history.output_of(str(root.parent), root.name, since_start=True) == lines
    assert history.output_of(str(root.parent), root.name) == (older + output).split()


def test_a_supervisor_that_leaves_no_record(root: Path) -> None:
    def complaint() -> str:
        return history.unrecorded(str(root.parent), root.name, of(root, True))

    assert complaint() == ""
    (root / "config").write_text('# Rendered\n# command: ["/app"]\n# restart: always\n')
    assert complaint() != ""
    (root / SUPERVISED).write_text("running 0 0 - - -\n")
    assert complaint() == ""


def test_the_follower_of_an_output(root: Path) -> None:
    record = root / "log" / "follower"
    assert history.follower(str(root.parent), root.name) is None
    for text in ("x\n", "999999999\n", f"{os.getpid()}\n"):
        record.write_text(text)
        assert history.follower(str(root.parent), root.name) is None
    with subprocess.Popen(["sleep", "60"], cwd=root / "log") as process:
        record.write_text(f"{process.pid}\n")
        found = history.follower(str(root.parent), root.name)
        process.kill()
    assert found == process.pid


def test_no_more_than_the_end_of_a_large_output_is_read(root: Path) -> None:
    with open(root / "log" / "output", "wb") as stream:
        stream.truncate(1 << 40)
        stream.seek(0, os.SEEK_END)
        stream.write(b"\nlast\n")
    assert history.output_of(str(root.parent), root.name)[-1] == "last"
