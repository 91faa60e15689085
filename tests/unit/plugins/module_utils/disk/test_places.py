# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an interrupted change has left."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    places,
    removal,
)
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
