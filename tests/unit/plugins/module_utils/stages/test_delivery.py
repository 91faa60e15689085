# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which contents a run needs, and which stay."""

from __future__ import annotations

import io
import os
import tarfile
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.sources import Source
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import locking
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import (
    MissingContentError,
    RefusedError,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import archive_index
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.archive_index import Member
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import delivery

ONE, OTHER = (sha256(content).hexdigest() for content in (b"one", b"other"))


@pytest.fixture(autouse=True)
def fixture_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that need no root."""
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path / "locks"))


def called(lxc_path: Path, incoming: str = "", check: bool = False, **sources: Source) -> Any:
    return SimpleNamespace(lxc=SimpleNamespace(lxc_path=str(lxc_path)), incoming=incoming, check=check, sources=sources)


def test_the_target_says_what_it_lacks_and_then_has_it(tmp_path: Path) -> None:
    lxc_path, incoming = tmp_path / "lxc", tmp_path / "incoming"
    wanted = {"file:one": Source(ONE, 3), "template:a": Source(text="text"), "file:other": Source(OTHER, 5)}
    with pytest.raises(MissingContentError) as caught:
        delivery.require(called(lxc_path, **wanted))
    assert caught.value.digests == sorted([ONE, OTHER])
    assert not lxc_path.exists()
    incoming.mkdir()
    for digest, content in ((ONE, b"one"), (OTHER, b"other")):
        (incoming / digest).write_bytes(content)
    delivery.require(called(lxc_path, str(incoming), **wanted))
    delivery.require(called(lxc_path, **wanted))


def test_check_mode_needs_and_takes_nothing(tmp_path: Path) -> None:
    delivery.require(called(tmp_path / "lxc", str(tmp_path), check=True, **{"file:one": Source(ONE, 3)}))
    assert not (tmp_path / "lxc").exists()


def test_check_mode_needs_to_know_what_is_in_an_archive(tmp_path: Path) -> None:
    def require(**more: Any) -> Any:
        given = {"archive:a": Source(ONE, 3, **more), "file:b": Source(OTHER, 5)}
        return delivery.require(called(tmp_path / "lxc", check=True, **given))

    with pytest.raises(MissingContentError) as caught:
        require()
    assert caught.value.digests == [ONE]
    member = Member("a", "file", 0o644, OTHER, 5)
    assert require(listing=archive_index.render((member,))) == {ONE: (member,)}
    assert require(refused="has a FIFO") == {ONE: "has a FIFO"}
    with pytest.raises(RefusedError):
        require(listing="{}x")


def test_an_archive_is_unpacked_once(tmp_path: Path) -> None:
    lxc_path, incoming = tmp_path / "lxc", tmp_path / "incoming"
    incoming.mkdir()
    with tarfile.open(incoming / "new", "w:gz") as archive:
        info = tarfile.TarInfo("bin/app")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"one"))
    digest = sha256((incoming / "new").read_bytes()).hexdigest()
    given = {"archive:a": Source(digest, 1), "archive:bad": Source(OTHER, 5)}
    with pytest.raises(MissingContentError) as caught:
        delivery.require(called(lxc_path, **given))
    assert caught.value.digests == sorted([digest, OTHER])
    (incoming / "new").rename(incoming / digest)
    (incoming / OTHER).write_bytes(b"other")
    index = (Member("bin/app", "file", 0o644, ONE, 3),)
    found = delivery.require(called(lxc_path, str(incoming), **given))
    assert (found[digest], str(found[OTHER])[:17]) == (index, "is no tar archive")
    assert sorted(path.name for path in (lxc_path / ".objects").iterdir()) == sorted([ONE, digest + ".index"])
    del given["archive:bad"]
    assert delivery.require(called(lxc_path, **given)) == {digest: index}
    # It stays as long as its contents are in use.
    (lxc_path / "hmi").mkdir()
    (lxc_path / "hmi" / "manifest").write_text(ONE, encoding="ascii")
    delivery.sweep(str(lxc_path), {})
    assert delivery.require(called(lxc_path, **given)) == {digest: index}
    # Without one of its contents it is of no use.
    (lxc_path / ".objects" / ONE).unlink()
    with pytest.raises(MissingContentError):
        delivery.require(called(lxc_path, **given))
    (lxc_path / "hmi" / "manifest").unlink()
    delivery.sweep(str(lxc_path), {})
    assert not (lxc_path / ".objects").exists()


def test_what_a_declared_archive_has_stays(tmp_path: Path) -> None:
    place = tmp_path / ".objects"
    place.mkdir()
    (place / ONE).touch()
    (place / (OTHER + ".index")).write_text(archive_index.render((Member("a", "file", 0, ONE, 3),)), encoding="ascii")
    delivery.sweep(str(tmp_path), {"archive:a": {"digest": OTHER, "size": 3}})
    assert len(list(place.iterdir())) == 2


def test_what_manifests_and_checkpoints_name_stays(tmp_path: Path) -> None:
    place = tmp_path / ".objects"
    place.mkdir()
    digests = ["%064x" % number for number in range(4)]
    for digest in digests:
        (place / digest).touch()
    for folder, name in (("hmi", "manifest"), (".checkpoint/containers", "hmi.json"), ("theirs", "config")):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / name).write_text(digests.pop(), encoding="ascii")
    delivery.sweep(str(tmp_path), {"file:a": {"digest": digests.pop(), "size": 0}})
    assert sorted(path.name for path in place.iterdir()) == ["%064x" % number for number in (0, 2, 3)]


def test_nothing_goes_while_another_run_needs_it(tmp_path: Path) -> None:
    (tmp_path / ".objects").mkdir()
    (tmp_path / ".objects" / ONE).touch()
    (tmp_path / "locks").mkdir(mode=0o700)
    other = locking.take(locking.lock_of(str(tmp_path), ".objects"))
    delivery.sweep(str(tmp_path), {})
    assert (tmp_path / ".objects" / ONE).exists()
    os.close(other)
    delivery.sweep(str(tmp_path), {})
    assert not (tmp_path / ".objects").exists()
