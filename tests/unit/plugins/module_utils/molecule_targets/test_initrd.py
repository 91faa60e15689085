# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The RAM disk of a machine: the order of its modules, and its format."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import initrd

MODULES_DEP = """kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz
kernel/fs/quota/quota_v2.ko.xz: kernel/fs/quota/quota_tree.ko.xz
kernel/drivers/block/virtio-blk.ko:
kernel/lib/crc16.ko.xz:
"""


def test_a_module_comes_after_those_that_it_needs() -> None:
    assert initrd.load_order(MODULES_DEP, ("virtio_pci", "virtio_blk", "ext4", "ext4")) == [
        "kernel/drivers/block/virtio-blk.ko",
        "kernel/fs/jbd2/jbd2.ko.xz",
        "kernel/fs/mbcache.ko.xz",
        "kernel/lib/crc16.ko.xz",
        "kernel/fs/ext4/ext4.ko.xz",
    ]


@pytest.mark.parametrize("content", [b"", b"a", b"abcd", b"abcde"])
def test_entry(content: bytes) -> None:
    found = initrd.entry("init", 0o100755, content)
    assert found[:6] == b"070701"
    assert (found[14:22], found[54:62], found[94:102]) == (b"000081ED", b"%08X" % len(content), b"00000005")
    assert found[110:115] == b"init\0"
    # The header and the name take 115 bytes, and one to the next multiple of four.
    assert found[116:].rstrip(b"\0") == content
    assert len(found) % 4 == 0


def test_archive_has_the_modules_in_their_order() -> None:
    found = initrd.archive(b"program", [("b.ko", b"B"), ("a.ko", b"A")])
    assert b"b.ko\na.ko\n" in found
    assert found.rstrip(b"\0").endswith(b"TRAILER!!!")
