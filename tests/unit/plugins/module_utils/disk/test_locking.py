# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of containers."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    locking,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError


def test_each_container_has_a_lock_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path)
    locks = {locking.lock_of(str(tmp_path), "hmi"), locking.lock_of(str(tmp_path / "linked"), "hmi")}
    assert len(locks) == 1
    locks |= {locking.lock_of(str(tmp_path), "media"), locking.lock_of("/other", "hmi")}
    assert len(locks) == 3
    assert {os.path.dirname(path) for path in locks} == {"/run/softwarecontainer.lxc"}


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


def is_free(path: str) -> bool:
    """Whether another process could take a lock."""
    fd = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


def test_a_part_of_a_run_leaves_the_lock_to_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path / "locks"))
    first, second = (locking.lock_of(str(tmp_path), name) for name in ("a", "b"))
    with locking.locked(str(tmp_path), ["a"]):
        with locking.locked(str(tmp_path), ["a", "b"]):
            assert (is_free(first), is_free(second)) == (False, False)
        assert (is_free(first), is_free(second)) == (False, True)
    assert (is_free(first), is_free(second)) == (True, True)
    with pytest.raises(KeyError), locking.locked(str(tmp_path), ["a"]):
        raise KeyError
    assert is_free(first)
