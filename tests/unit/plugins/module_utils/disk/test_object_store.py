# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The contents that came from the controller. Nothing here needs root."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import object_store
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError

ONE, OTHER = (sha256(content).hexdigest() for content in (b"one", b"other"))


@pytest.fixture(name="incoming")
def fixture_incoming(tmp_path: Path) -> Path:
    """Where the contents have come, in the directory of some user."""
    incoming = tmp_path / "incoming"
    incoming.mkdir()
    (incoming / ONE).write_bytes(b"one")
    return incoming


def names(place: Path) -> list[str]:
    return sorted(os.listdir(place)) if place.exists() else []


def test_what_is_missing_is_taken_in_once(tmp_path: Path, incoming: Path) -> None:
    lxc_path = tmp_path / "lxc"
    place = lxc_path / ".objects"
    assert object_store.missing(str(lxc_path), [ONE, OTHER]) == [ONE, OTHER]
    object_store.take_in(str(lxc_path), str(incoming), [ONE, OTHER])
    assert object_store.missing(str(lxc_path), [ONE, OTHER]) == [OTHER]
    assert (place / ONE).read_bytes() == b"one"
    assert (place.stat().st_mode & 0o777, (place / ONE).stat().st_mode & 0o777) == (0o700, 0o600)
    # It makes room where it came from.
    assert names(incoming) == []
    # A second one is not looked at.
    (incoming / ONE).write_bytes(b"what is this")
    object_store.take_in(str(lxc_path), str(incoming), [ONE])
    assert (place / ONE).read_bytes() == b"one"


@pytest.mark.parametrize("kind", ["content", "cut off", "link", "pipe", "directory"])
def test_only_what_was_announced_is_taken_in(tmp_path: Path, incoming: Path, kind: str) -> None:
    lxc_path, path = tmp_path / "lxc", incoming / ONE
    path.unlink()
    if kind == "content":
        path.write_bytes(b"two")
    elif kind == "cut off":
        path.write_bytes(b"on")
    elif kind == "link":
        (tmp_path / "secret").write_bytes(b"one")
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    with pytest.raises(RefusedError) as caught:
        object_store.take_in(str(lxc_path), str(incoming), [ONE])
    assert str(path) in str(caught.value)
    assert names(lxc_path / ".objects") == []


def test_what_a_killed_run_has_left_goes(tmp_path: Path, incoming: Path) -> None:
    place = tmp_path / ".objects"
    place.mkdir()
    (place / (OTHER + ".new")).write_bytes(b"oth")
    object_store.take_in(str(tmp_path), str(incoming), [ONE])
    assert names(place) == [ONE]
    (place / (OTHER + ".new")).write_bytes(b"oth")
    object_store.sweep(str(tmp_path), [ONE], [])
    assert names(place) == [ONE]


def test_what_nobody_names_goes(tmp_path: Path) -> None:
    place = tmp_path / ".objects"
    place.mkdir()
    declared, recorded, neither = ("%064x" % number for number in range(3))
    for name in (declared, recorded, neither, "of somebody"):
        (place / name).write_bytes(b"")
    object_store.sweep(str(tmp_path), {declared}, ["", 'a manifest with "%s" in it' % recorded])
    assert names(place) == sorted([declared, recorded, "of somebody"])
    (place / "of somebody").unlink()
    object_store.sweep(str(tmp_path), set(), [])
    assert not place.exists()
    object_store.sweep(str(tmp_path), set(), [])
