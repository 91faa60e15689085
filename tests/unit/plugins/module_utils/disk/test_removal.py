# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal of containers, whatever lies in them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    checkpoint_store,
    places,
    removal,
    volumes,
    writing,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk.beneath import Directories, mounts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest


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


@pytest.mark.parametrize("what", ["container", "volumes", "checkpoint"])
def test_what_is_gone_is_gone_on_disk_too(lxc_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut right after the run must not bring it back: no later run looks for it."""
    steps = {
        "container": lambda: removal.remove_containers(str(lxc_path), ["hmi"]),
        "volumes": lambda: volumes.remove_all(str(lxc_path), ["hmi"]),
        "checkpoint": lambda: checkpoint_store.drop_checkpoint(str(lxc_path)),
    }
    (lxc_path / ".volumes/hmi/data").mkdir(parents=True)
    (lxc_path / places.CHECKPOINT / "objects").mkdir(parents=True)
    on_disk: list[set[str]] = []

    def sync(_path: str) -> None:
        on_disk.append({str(path.relative_to(lxc_path)) for path in lxc_path.rglob("*")})

    monkeypatch.setattr(writing, "sync", sync)
    # Where each container has a process of its own, what that one notes would be lost.
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    steps[what]()
    assert on_disk[-1] == {str(path.relative_to(lxc_path)) for path in lxc_path.rglob("*")}
