# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The code that writes, as far as it needs no root: removal, leftovers, undo, and what is said of a failure."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    locking,
    ownership,
    places,
    removal,
    run_files,
    tree_changes,
    writing,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk.beneath import Directories, mounts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage

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


def test_while_a_change_is_under_way_all_is_ours() -> None:
    old, new = ("file", "0644", "aa", "1"), ("file", "0644", "bb", "1")
    before = Manifest("id", {"rootfs": Stage({"a": old, "b": old}, Moment("x", 1)), "config": Stage({"c": old})})
    after = Manifest("id", {"rootfs": Stage({"b": new, "d": new}, Moment("x", 2)), "config": Stage({"c": old})})
    pending = tree_changes.Change("hmi", (), before, after).pending()
    assert pending.entries("rootfs") == {"a": old, "b": new, "d": new}
    assert pending.entries("config") == {"c": old}
    assert pending.stages["rootfs"].changed == Moment("x", 2)
    assert pending.stages["rootfs"].earlier == {"b": (old,)}
    # Interrupted, and on the way to a third one: any of them may be on disk.
    third = Manifest("id", {"rootfs": Stage({"b": ("file", "0644", "cc", "1")})})
    assert tree_changes.Change("hmi", (), pending, third).pending().stages["rootfs"].earlier == {"b": (new, old)}
    gone = tree_changes.Change("hmi", (), pending, Manifest("id", {"rootfs": Stage()})).pending().stages["rootfs"]
    assert (gone.entries["b"], gone.earlier) == (new, {"b": (old,)})


def test_a_stage_that_goes_is_still_ours() -> None:
    before = Manifest("id", {"busybox": Stage({"a": ("link", "0777", "/b", "0")}, Moment("x", 1))})
    assert tree_changes.Change("hmi", (), before, Manifest("id")).pending() == before


def recorder(done: list[str], name: str, fails: bool = False) -> Callable[[], None]:
    """A step back that notes that it was taken, or fails."""

    def undo() -> None:
        if fails:
            raise OSError(errno.EIO, "broken")
        done.append(name)

    return undo


def test_undo_goes_back_from_the_last_step() -> None:
    done: list[str] = []
    tree_changes.undo_all([recorder(done, name) for name in ("manifest", "first", "second")])
    assert done == ["second", "first", "manifest"]


def test_the_manifest_keeps_naming_what_cannot_be_undone() -> None:
    done: list[str] = []
    tree_changes.undo_all([recorder(done, "manifest"), recorder(done, "first"), recorder(done, "second", fails=True)])
    assert done == ["first"]


def test_what_was_removed_with_its_directories_comes_back(tmp_path: Path) -> None:
    """The directory that it comes back to is another one than it was taken from."""
    (tmp_path / places.STAGE).mkdir()
    (tmp_path / "a" / "b").mkdir(parents=True, mode=0o750)
    (tmp_path / "a" / "b" / "file").write_text("content", encoding="ascii")
    undos: list[writing.Undo] = []
    with Directories(str(tmp_path)) as directories:
        work = tree_changes.Work(directories, undos, tree_changes.Change("hmi", (), Manifest(), Manifest()))
        for path, before in {
            "a/b/file": tree.Observed(tree.FILE),
            "a/b": tree.Observed(tree.DIRECTORY, 0o750),
            "a": tree.Observed(tree.DIRECTORY, 0o755),
        }.items():
            work.remove(tree.Action("remove", path, None, before), 0)
        assert not (tmp_path / "a").exists()
        for undo in reversed(undos):
            undo()
    assert (tmp_path / "a" / "b" / "file").read_text(encoding="ascii") == "content"
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750


def test_nothing_to_undo() -> None:
    tree_changes.undo_all([])


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


@pytest.fixture(name="lxc_path")
def fixture_lxc_path(tmp_path: Path) -> Path:
    """A directory of containers, with one that is ours, beside what no container may reach."""
    lxc_path = tmp_path / "lxc"
    (lxc_path / "hmi" / "rootfs" / "etc").mkdir(parents=True)
    (lxc_path / "hmi" / "config").write_text("lxc.uts.name = hmi\n", encoding="ascii")
    (lxc_path / "hmi" / "manifest").write_text(manifest.render(Manifest()), encoding="ascii")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwd").write_text("secret", encoding="ascii")
    return lxc_path


def hostile(root: Path) -> None:
    """What a container may leave in its tree."""
    outside = root.parent.parent / "outside"
    (root / "rootfs/linked").symlink_to(outside)
    (root / "rootfs/etc/passwd").symlink_to("../../../../outside/passwd")
    os.link(outside / "passwd", root / "rootfs/hard")
    os.mkfifo(root / "rootfs/fifo")
    (root / "rootfs/odd\nname\x1b").mkdir()
    os.mkdir(bytes(root) + b"/rootfs/\xff")
    (root / "rootfs/.stage.1.1").mkdir()


def test_remove_container(lxc_path: Path) -> None:
    hostile(lxc_path / "hmi")
    removal.remove_container(str(lxc_path), "hmi")
    assert list(lxc_path.iterdir()) == []
    assert (lxc_path.parent / "outside/passwd").read_text(encoding="ascii") == "secret"


def test_remove_what_is_not_there(lxc_path: Path) -> None:
    removal.remove_container(str(lxc_path), "media")
    assert [path.name for path in lxc_path.iterdir()] == ["hmi"]


def test_remove_a_deep_tree(lxc_path: Path) -> None:
    """Deeper than a path can be long, than a stack, and than there are descriptors."""
    fd = os.open(lxc_path / "hmi/rootfs", os.O_RDONLY)
    for _number in range(1200):
        os.mkdir("deeper", dir_fd=fd)
        below = os.open("deeper", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    removal.remove_container(str(lxc_path), "hmi")
    assert list(lxc_path.iterdir()) == []


@pytest.fixture(name="immovable")
def fixture_immovable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system on which no directory can be moved, as it is with those in the lower layer of an overlay."""
    rename = os.rename

    def refuse(source: str, target: str, **fds: int) -> None:
        if stat.S_ISDIR(os.stat(source, dir_fd=fds.get("src_dir_fd"), follow_symlinks=False).st_mode):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), source)
        rename(source, target, **fds)

    monkeypatch.setattr(os, "rename", refuse)


@pytest.mark.usefixtures("immovable")
def test_remove_what_cannot_be_moved(lxc_path: Path) -> None:
    hostile(lxc_path / "hmi")
    for path in ("a/b/c", "a/d", "a/b/e"):
        (lxc_path / "hmi/rootfs" / path).mkdir(parents=True)
        (lxc_path / "hmi/rootfs" / path / "linked").symlink_to(lxc_path.parent / "outside")
    before = sorted(os.listdir("/proc/self/fd"))
    removal.remove_container(str(lxc_path), "hmi")
    assert list(lxc_path.iterdir()) == []
    assert (lxc_path.parent / "outside/passwd").read_text(encoding="ascii") == "secret"
    assert sorted(os.listdir("/proc/self/fd")) == before


@pytest.mark.usefixtures("immovable")
def test_remove_a_deep_tree_that_cannot_be_moved(lxc_path: Path) -> None:
    test_remove_a_deep_tree(lxc_path)


def test_what_cannot_be_moved_for_another_reason_is_an_error(lxc_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_names: str, **_fds: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), "etc")

    monkeypatch.setattr(os, "rename", fail)
    reasons = removal.remove_containers(str(lxc_path), ["hmi"])
    assert reasons == {"hmi": f"cannot write {lxc_path}/hmi (at etc): Input/output error"}


def test_remove_below_a_link(lxc_path: Path) -> None:
    root = lxc_path / "hmi"
    (root / "gone").symlink_to(lxc_path.parent / "outside")
    with Directories(str(root)) as directories:
        removal.remove_below(directories, ["gone", "missing", "config"])
    assert sorted(path.name for path in root.iterdir()) == ["manifest", "rootfs"]
    assert (lxc_path.parent / "outside/passwd").exists()


def test_a_mount_below_is_refused() -> None:
    """Every Linux has something mounted below a directory that is not the root: /dev/pts, for example."""
    point = next(point for point in mounts() if point.count("/") > 1)
    first = next(one for one in mounts() if one.startswith(os.path.dirname(point) + "/"))
    with pytest.raises(ContainerError) as caught:
        removal.refuse_mounts(os.path.dirname(point))
    assert str(caught.value) == f"{first} is mounted on the target below the container; unmount it"


CHURN = """
import os, sys
os.chdir(sys.argv[1])
print(flush=True)
while True:
    for number in range(50):
        os.close(os.open("file%d" % number, os.O_CREAT))
        os.makedirs("deep%d/er" % number)
    for number in range(50):
        os.unlink("file%d" % number)
        os.removedirs("deep%d/er" % number)
"""


@pytest.fixture(name="churning")
def fixture_churning(lxc_path: Path) -> Iterator[Path]:
    """The lxc path, while a container makes and removes files and directories all the time."""
    place = lxc_path / "hmi/rootfs/tmp"
    (place / "stays").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", CHURN, str(place)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield lxc_path
        process.kill()


def test_a_look_at_a_tree_that_changes(churning: Path) -> None:
    """What has gone since its name was read has no other name outside, and is no error."""
    ids = Ids(("u 0 100000 65536", "g 0 100000 65536"), True, True, ((),))
    for _round in range(100):
        ownership.refuse_shift(str(churning), "hmi", ids)


def test_a_change_of_a_tree_that_changes(churning: Path) -> None:
    """What has gone may have another name, which was passed already: its owner would stay."""
    top = os.open(churning / "hmi/rootfs", os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        for _round in range(1000):
            list(ownership.walk(top))
    os.close(top)


def test_no_leftovers(lxc_path: Path) -> None:
    assert places.leftovers(str(lxc_path), "hmi") == ()
    assert places.leftovers(str(lxc_path), "media") == ()


def test_leftovers(lxc_path: Path) -> None:
    (lxc_path / ".hmi.new" / "rootfs").mkdir(parents=True)
    (lxc_path / "hmi/.stage").mkdir()
    (lxc_path / "hmi/.stage.17.1").mkdir()
    (lxc_path / ".media.new").mkdir()
    (lxc_path / "empty").mkdir()
    assert sorted(places.leftovers(str(lxc_path), "hmi")) == [
        f"{lxc_path}/.hmi.new",
        f"{lxc_path}/hmi/.stage",
        f"{lxc_path}/hmi/.stage.17.1",
    ]
    assert places.leftovers(str(lxc_path), "empty") == (f"{lxc_path}/empty",)
    for name in ("hmi", "media", "empty"):
        removal.sweep(str(lxc_path), name)
        assert places.leftovers(str(lxc_path), name) == ()
    assert sorted(path.name for path in lxc_path.iterdir()) == ["hmi"]
    assert sorted(path.name for path in (lxc_path / "hmi").iterdir()) == ["config", "manifest", "rootfs"]


def test_what_is_not_ours_has_no_leftovers(lxc_path: Path) -> None:
    (lxc_path / "hmi/manifest").unlink()
    (lxc_path / "hmi/.stage").mkdir()
    assert places.leftovers(str(lxc_path), "hmi") == ()
    (lxc_path / "linked").symlink_to("hmi")
    assert places.leftovers(str(lxc_path), "linked") == ()
    (lxc_path / ".theirs.new/work").mkdir(parents=True)
    assert places.leftovers(str(lxc_path), "theirs") == ()


def test_unfinished(tmp_path: Path) -> None:
    for name in (".hmi.new/.stage", ".media.new/rootfs", ".empty.new", ".other.new/work", "hmi/.stage", ".x", "..new"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".swept.new/.stage.17.1").mkdir(parents=True)
    (tmp_path / ".linked.new").symlink_to(".hmi.new")
    (tmp_path / ".file.new").write_text("", encoding="ascii")
    assert places.unfinished(str(tmp_path)) == ["empty", "hmi", "media", "swept"]
    assert places.unfinished(str(tmp_path / "none")) == []


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


def test_a_file_without_its_source_is_a_failure_of_that_container(lxc_path: Path) -> None:
    entry = tree.copied("rootfs/bin/busybox", 0o755, "/no/such/busybox", "", 1)
    change = tree_changes.Change("media", (tree.Action("create", entry.path, entry),), Manifest(), Manifest())
    assert tree_changes.apply(str(lxc_path), [change]) == {
        "media": "cannot write /no/such/busybox: No such file or directory"
    }
    assert [path.name for path in lxc_path.iterdir()] == ["hmi"]


def test_each_container_has_a_lock_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path)
    locks = {locking.lock_of(str(tmp_path), "hmi"), locking.lock_of(str(tmp_path / "linked"), "hmi")}
    assert len(locks) == 1
    locks |= {locking.lock_of(str(tmp_path), "media"), locking.lock_of("/other", "hmi")}
    assert len(locks) == 3
    assert {os.path.dirname(path) for path in locks} == {"/run/softwarecontainer.lxc"}


def test_no_log_of_a_container_is_the_lock_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path))
    logs = [os.path.basename(each("/lxc", "hmi")) for each in (run_files.log_of, run_files.scratch)]
    assert len(set(logs)) == 2
    lock = os.path.basename(locking.lock_of("/lxc", "hmi"))
    for log in logs:
        assert log.startswith(lock) and log.endswith(".log")
        assert not re.fullmatch(keys.NAME, "hmi" + log[len(lock) :])


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to("other")
    with pytest.raises(ContainerError, match="Too many levels of symbolic links"):
        locking.take(str(tmp_path / "lock"))
    assert not (tmp_path / "other").exists()


def test_a_lock_that_another_run_holds(tmp_path: Path) -> None:
    path = str(tmp_path / "lock")
    held = locking.take(path)
    with pytest.raises(ContainerError) as caught, locking.alarm(1):
        locking.take(path)
    assert str(caught.value) == f"another run has held the lock {path} for 120 seconds; run again when it has ended"
    os.close(held)
    os.close(locking.take(path))
