# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of containers' trees: records of what is under way, undo, and failures."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    places,
    tree_changes,
    writing,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk.beneath import Directories
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage


def test_while_a_change_is_under_way_all_is_ours() -> None:
    old, new = ("file", "0644", "aa", "1"), ("file", "0644", "bb", "1")
    before = Manifest("id", {"rootfs": Stage({"a": old, "b": old}, Moment("x", 1)), "config": Stage({"c": old})})
    rootfs = Stage({"b": new, "d": new}, Moment("x", 2), reload=Moment("x", 3))
    after = Manifest("id", {"rootfs": rootfs, "config": Stage({"c": old})})
    pending = tree_changes.Change("hmi", (), before, after).pending()
    assert pending.entries("rootfs") == {"a": old, "b": new, "d": new}
    assert pending.entries("config") == {"c": old}
    assert (pending.stages["rootfs"].changed, pending.stages["rootfs"].reload) == (Moment("x", 2), Moment("x", 3))
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


def test_a_file_without_its_source_is_a_failure_of_that_container(lxc_path: Path) -> None:
    entry = tree.copied("rootfs/bin/busybox", 0o755, "/no/such/busybox", "", 1)
    change = tree_changes.Change("media", (tree.Action("create", entry.path, entry),), Manifest(), Manifest())
    assert tree_changes.apply(str(lxc_path), [change]) == {
        "media": "cannot write /no/such/busybox: No such file or directory"
    }
    assert [path.name for path in lxc_path.iterdir()] == ["hmi"]
