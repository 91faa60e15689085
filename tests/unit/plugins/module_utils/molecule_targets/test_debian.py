# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debians that targets are made of."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import debian


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        (["http://a/debian/|bookworm|main"], "http://a/debian/"),
        (["http://s/|bookworm-security|main", "http://a/|bookworm|main"], "http://a/"),
        (["http://o/|stable|other", "http://a/|bookworm|main"], "http://a/"),
    ],
)
def test_mirror(lines: list[str], mirror: str) -> None:
    assert debian.mirror(lines) == mirror


def test_no_mirror() -> None:
    with pytest.raises(RefusedError, match="softwarecontainer_targets_mirror"):
        debian.mirror(["http://s/|bookworm-security|main"])


def test_another_list_of_packages_is_another_tree() -> None:
    names = [debian.tree_name("debian-12", debian.packages(extra)) for extra in ([], ["lxc"], ["strace"])]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("debian-12.")


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("1 2 0:9 / / rw - overlay overlay rw,lowerdir=/c/debian-12.1,upperdir=/t/one/upper,workdir=/w", True),
        ("1 2 0:9 / / rw - overlay overlay rw,lowerdir=/c/debian-12.12,upperdir=/t/one/upper,workdir=/w", False),
        ("1 2 0:9 / / rw - ext4 /dev/vda rw", False),
    ],
)
def test_users_of(line: str, used: bool) -> None:
    assert bool(debian.users_of("/c/debian-12.1", [line])) is used
