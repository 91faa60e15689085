# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of mountinfo."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import mountinfo


@pytest.mark.parametrize(
    ("line", "point"),
    [
        ("28 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n", "/"),
        ("30 28 0:26 / /mnt/odd\\040name\\134x\\011y\\012z rw - fuse.sshfs x rw\n", "/mnt/odd name\\x\ty\nz"),
        ("30 28 0:26 / /mnt/caf\u00e9 rw - tmpfs x rw\n", "/mnt/caf\u00e9"),
    ],
    ids=["root", "escaped", "letters"],
)
def test_mount_point(line: str, point: str) -> None:
    (mount,) = mountinfo.mounts_in(line)
    assert mount.point == point


def test_the_fields_of_a_mount() -> None:
    text = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 propagate_from:2 - ext3 /dev/root rw,errors=continue\n"
    assert mountinfo.mounts_in(text) == [
        mountinfo.MountPoint(
            "36", "35", "/mnt1", "/mnt2", "rw,noatime", ("master:1", "propagate_from:2"), "ext3", "rw,errors=continue"
        )
    ]
    assert mountinfo.mounts_in("") == []
