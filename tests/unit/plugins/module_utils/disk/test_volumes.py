# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes on disk: made, adjusted, undone and removed, whatever lies in them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import places, project_quotas, removal, volumes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import id_map, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import volumes as plan
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import project_quotas as target
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target.project_quotas import Project, Usage

SELF = os.getuid(), os.getgid()
CONTAINER = keys.CONTAINER({"name": "hmi", "volumes": [{"name": "data", "target": "/data"}]})
SHIFTED = id_map.allocated_ids(100000, True)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(name="lxc_path")
def fixture_lxc_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory of containers. Nobody but root may give a file to root."""
    chown = os.chown
    monkeypatch.setattr(os, "chown", lambda path, user, group, **more: chown(path, *SELF, **more))
    return tmp_path / "lxc"


def wanted(*steps: plan.Step) -> plan.Change:
    return plan.Change("hmi", tree.Access(0o710, SELF[1]), plan.render_record(SHIFTED), steps)


NEW = plan.Step("data", True, 0o1777, SELF)


def test_make(lxc_path: Path) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    place = lxc_path / ".volumes/hmi"
    assert [mode_of(path) for path in (place.parent, place, place / "data")] == [0o711, 0o710, 0o1777]
    assert volumes.names(str(lxc_path), "hmi") == ["data"]
    assert volumes.owners(str(lxc_path)) == ["hmi"]
    assert volumes.recorded(str(lxc_path), "hmi") == SHIFTED._replace(allotted=False)
    assert volumes.passes(str(lxc_path), CONTAINER, tree.Access(0o710, SELF[1]))
    assert not volumes.passes(str(lxc_path), CONTAINER, tree.Access(0o700))
    assert volumes.observe(str(lxc_path), "hmi", ["data", "more"]) == {"data": plan.Observed(True, 0o1777, SELF)}


def test_there_is_nothing(lxc_path: Path) -> None:
    assert volumes.names(str(lxc_path), "hmi") == volumes.owners(str(lxc_path)) == []
    assert volumes.recorded(str(lxc_path), "hmi") is None
    assert volumes.passes(str(lxc_path), CONTAINER, tree.Access(0o700))


def test_undo(lxc_path: Path) -> None:
    undo = volumes.change(str(lxc_path), wanted(NEW))
    undo()
    assert list(lxc_path.iterdir()) == []


def test_undo_keeps_what_was_there(lxc_path: Path) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    data = lxc_path / ".volumes/hmi/data"
    (data / "file").write_text("kept", encoding="ascii")
    undo = volumes.change(str(lxc_path), wanted(plan.Step("data", False, 0o700, None), NEW._replace(name="more")))
    assert mode_of(data) == 0o700
    undo()
    assert (mode_of(data), volumes.names(str(lxc_path), "hmi")) == (0o1777, ["data"])
    assert (data / "file").read_text(encoding="ascii") == "kept"
    assert volumes.recorded(str(lxc_path), "hmi")


def test_a_failure_leaves_nothing(lxc_path: Path) -> None:
    with pytest.raises(ContainerError, match=r"^cannot write .*File exists"):
        volumes.change(str(lxc_path), wanted(NEW, NEW))
    assert list(lxc_path.iterdir()) == []


def test_a_link_is_not_followed(lxc_path: Path) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    outside = lxc_path / "outside"
    outside.mkdir(mode=0o755)
    (lxc_path / ".volumes/hmi/more").symlink_to(outside)
    assert not volumes.observe(str(lxc_path), "hmi", ["more"])["more"].directory
    with pytest.raises(ContainerError, match=r"^cannot write "):
        volumes.change(str(lxc_path), wanted(plan.Step("more", False, 0o700, None)))
    assert mode_of(outside) == 0o755


def test_remove(lxc_path: Path) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    volumes.change(str(lxc_path), wanted(NEW)._replace(container="media"))
    data = lxc_path / ".volumes/hmi/data"
    outside = lxc_path / "outside"
    outside.write_text("kept", encoding="ascii")
    (data / "link").symlink_to(outside)
    os.link(outside, data / "hard")
    os.mkfifo(data / "fifo")
    (data / "a/b").mkdir(parents=True)
    assert volumes.remove_all(str(lxc_path), ["hmi", "other"]) == {}
    assert volumes.owners(str(lxc_path)) == ["media"]
    assert volumes.remove_all(str(lxc_path), ["media"]) == {}
    assert [path.name for path in lxc_path.iterdir()] == ["outside"]


def test_an_interrupted_removal(lxc_path: Path) -> None:
    """What it left belongs to nobody, and the next change of the container takes it away."""
    volumes.change(str(lxc_path), wanted(NEW))
    gone = places.volumes_gone(str(lxc_path), "hmi")
    os.rename(lxc_path / ".volumes/hmi", gone)
    assert volumes.owners(str(lxc_path)) == []
    assert places.leftovers(str(lxc_path), "hmi") == (gone,)
    removal.sweep(str(lxc_path), "hmi")
    assert not os.path.lexists(gone)
    assert places.leftovers(str(lxc_path), "hmi") == ()


def test_record_again(lxc_path: Path) -> None:
    volumes.record(str(lxc_path), "hmi", SHIFTED)
    assert not lxc_path.exists()
    volumes.change(str(lxc_path), wanted(NEW))
    volumes.record(str(lxc_path), "hmi", id_map.Ids())
    assert volumes.recorded(str(lxc_path), "hmi") == id_map.Ids()


def test_new_volumes_share_the_sync_of_the_run(lxc_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    volumes.change(str(lxc_path), wanted(NEW))
    assert not synced
    # Not when the ids of files change that are there.
    volumes.record(str(lxc_path), "hmi", id_map.Ids())
    assert len(synced) == 1


def test_a_record_that_was_lost_before_the_sync(lxc_path: Path) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    (lxc_path / ".volumes/hmi" / plan.RECORD).write_text("", encoding="ascii")
    assert volumes.recorded(str(lxc_path), "hmi") is None
    volumes.change(str(lxc_path), wanted(NEW._replace(new=False)))
    assert volumes.recorded(str(lxc_path), "hmi") == SHIFTED._replace(allotted=False)


class Quotas:
    """A file system that counts projects: the project of each file, by inode, and the limit of each project."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.projects: dict[int, Project] = {}
        self.limits: dict[int, int] = {}
        self.usage: dict[int, int] = {}
        self.forgets, self.in_force = False, True
        monkeypatch.setattr(target, "project_of", self.project_of)
        monkeypatch.setattr(target, "usage_of", self.usage_of)
        monkeypatch.setattr(target, "quota_call", self.call)
        monkeypatch.setattr(target, "are_in_force", lambda fd: self.in_force)
        monkeypatch.setattr(project_quotas.fcntl, "ioctl", self.ioctl)

    def project_of(self, fd: int) -> Project:
        return self.projects.get(os.fstat(fd).st_ino, Project(0))

    def usage_of(self, _fd: int, project: int) -> Usage:
        return Usage(self.limits.get(project, 0), self.usage.get(project, 0), self.usage.get(project, 0) // 4096)

    def ioctl(self, fd: int, _request: int, values: bytes) -> None:
        flags, extent, extents, number, copied = target.ATTRIBUTES.unpack(values)
        self.projects[os.fstat(fd).st_ino] = Project(number, flags, (extent, extents, copied))

    def call(self, _fd: int, command: int, project: int, buffer: Any) -> None:
        assert command == target.SET
        hard, _soft, _used, files, *_others, valid = target.LIMITS.unpack(buffer.raw)
        # Of bytes and of files.
        assert (valid, files) == (5, hard // 4)
        if not self.forgets:
            self.limits[project] = hard * 1024

    def of(self, path: Path) -> tuple[int, bool]:
        found = self.projects.get(path.lstat().st_ino, Project(0))
        return found.number, bool(found.flags & target.INHERIT)


@pytest.fixture(name="quotas")
def fixture_quotas(monkeypatch: pytest.MonkeyPatch) -> Quotas:
    return Quotas(monkeypatch)


LIMITED = NEW._replace(limit=65536)
ADJUSTED = plan.Step("data", False, None, None, 131072)


def test_a_limit(lxc_path: Path, quotas: Quotas) -> None:
    volumes.change(str(lxc_path), wanted(LIMITED))
    data = lxc_path / ".volumes/hmi/data"
    project, inherits = quotas.of(data)
    assert project_quotas.is_own(project) and inherits
    assert volumes.observe(str(lxc_path), "hmi", ["data"])["data"].limit == quotas.limits[project] == 65536
    undo = volumes.change(str(lxc_path), wanted(ADJUSTED))
    assert quotas.limits == {project: 131072}
    undo()
    assert quotas.limits == {project: 65536}
    volumes.change(str(lxc_path), wanted(ADJUSTED._replace(limit=0)))
    assert quotas.limits == {project: 0}
    # Nothing of another project can be moved there.
    assert quotas.of(data) == (0, False)


def test_a_limit_for_what_is_there(lxc_path: Path, quotas: Quotas) -> None:
    """All files and directories of a volume belong to its project, and nothing that a link in it leads to."""
    volumes.change(str(lxc_path), wanted(NEW))
    data, outside = lxc_path / ".volumes/hmi/data", lxc_path / "outside"
    outside.write_text("secret", encoding="ascii")
    (data / "a/b").mkdir(parents=True)
    (data / "a/file").write_text("content", encoding="ascii")
    (data / "link").symlink_to(outside)
    os.mkfifo(data / "fifo")
    volumes.change(str(lxc_path), wanted(ADJUSTED))
    project = quotas.of(data)[0]
    assert {str(path.relative_to(data)): quotas.of(path) for path in data.rglob("*")} == {
        "a": (project, True),
        "a/b": (project, True),
        "a/file": (project, False),
        "link": (0, False),
        "fifo": (0, False),
    }
    assert quotas.of(outside) == (0, False)
    volumes.change(str(lxc_path), wanted(ADJUSTED._replace(limit=0)))
    assert {quotas.of(path) for path in [data, *data.rglob("*")]} == {(0, False)}


def test_another_limit_needs_no_walk(lxc_path: Path, quotas: Quotas, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes.change(str(lxc_path), wanted(LIMITED))
    monkeypatch.setattr(project_quotas, "give_all", None)
    volumes.change(str(lxc_path), wanted(ADJUSTED))
    assert list(quotas.limits.values()) == [131072]


def test_a_tree_that_is_never_still(lxc_path: Path, quotas: Quotas, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project_quotas, "give_once", lambda top, project: 1)
    with pytest.raises(ContainerError, match="keeps moving what is in .*/hmi/data; stop it first"):
        volumes.change(str(lxc_path), wanted(LIMITED))
    assert volumes.names(str(lxc_path), "hmi") == []


def test_an_undo_that_fails_keeps_no_other_from_its_work(lxc_path: Path) -> None:
    done: list[str] = []

    def fail() -> None:
        raise ContainerError("no")

    volumes.undo_all([lambda: done.append("first"), fail])
    assert done == ["first"]


def test_volumes_have_projects_of_their_own(lxc_path: Path, quotas: Quotas) -> None:
    volumes.change(str(lxc_path), wanted(LIMITED))
    project = quotas.of(lxc_path / ".volumes/hmi/data")[0]
    volumes.remove_all(str(lxc_path), ["hmi"])
    # Its number is free again, but for what somebody else has stored with it meanwhile.
    assert quotas.limits == {project: 0}
    quotas.projects.clear()
    quotas.usage[project] = 4096
    volumes.change(str(lxc_path), wanted(LIMITED))
    assert quotas.of(lxc_path / ".volumes/hmi/data")[0] == project + 1


def test_a_limit_that_is_not_in_force(lxc_path: Path, quotas: Quotas) -> None:
    quotas.forgets = True
    with pytest.raises(ContainerError, match="taken 0 bytes as the limit, in place of 65536"):
        volumes.change(str(lxc_path), wanted(LIMITED))
    assert volumes.names(str(lxc_path), "hmi") == []


def test_a_project_of_somebody_else_is_left_alone(lxc_path: Path, quotas: Quotas) -> None:
    volumes.change(str(lxc_path), wanted(NEW))
    data = lxc_path / ".volumes/hmi/data"
    quotas.projects[data.stat().st_ino] = Project(42, target.INHERIT)
    quotas.limits[42] = 1024
    assert volumes.observe(str(lxc_path), "hmi", ["data"])["data"].limit == 0
    volumes.change(str(lxc_path), wanted(ADJUSTED._replace(limit=0)))
    assert quotas.limits == {42: 1024}


def test_quotas_that_are_off(lxc_path: Path, quotas: Quotas, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that was mounted without them still knows the projects."""
    volumes.change(str(lxc_path), wanted(LIMITED))

    def off(*_given: object) -> None:
        raise OSError(errno.ESRCH, os.strerror(errno.ESRCH))

    assert volumes.without_limit(str(lxc_path), "hmi") == []
    for name in ("usage_of", "quota_call"):
        monkeypatch.setattr(target, name, off)
    quotas.in_force = False
    assert volumes.without_limit(str(lxc_path), "hmi") == ["data"]
    assert volumes.observe(str(lxc_path), "hmi", ["data"])["data"].limit == 0
    assert volumes.remove_all(str(lxc_path), ["hmi"]) == {}
