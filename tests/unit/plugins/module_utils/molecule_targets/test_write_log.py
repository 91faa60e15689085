# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a power cut leaves of the writes of a machine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import write_log
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.write_log import (
    DISCARD,
    FLUSH,
    FUA,
)

SECTOR = 512
# Flags, sector and letter of each write; no letter means no data.
WRITES = [
    (0, 0, "a"),
    (0, 1, "b"),
    (0, 0, "c"),
    (FLUSH, 0, ""),
    *((0, number, "d") for number in range(2, 102)),
    (DISCARD, 5, ""),
    (FUA, 102, "e"),
]


def log_of(path: Path, incomplete: bytes = b"") -> str:
    """Write a log as qemu does, and return its path."""
    text = write_log.HEADER.pack(write_log.MAGIC, 1, 0, SECTOR).ljust(SECTOR, b"\0")
    for flags, sector, letter in WRITES:
        # A discard is of some length, and has no data.
        count = 4 if flags & DISCARD else len(letter)
        text += write_log.ENTRY.pack(sector, count, flags, 0).ljust(SECTOR, b"\0") + letter.encode() * SECTOR
    path.write_bytes(text + incomplete)
    return str(path)


def letters(image: Path) -> str:
    return "".join(chr(image.read_bytes()[at]) for at in range(0, image.stat().st_size, SECTOR))


def test_what_stays(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"." * SECTOR * 103)
    write_log.write_survivors(log_of(tmp_path / "log"), str(image), random.Random(1))
    found = letters(image)
    # The last write that was flushed, to each place, and the one that needs no flush.
    assert (found[:2], found[102]) == ("cb", "e")
    # Of the others some, and some are lost.
    assert 25 < found[2:102].count("d") < 75
    assert set(found[2:102]) == {"d", "."}


def test_a_log_that_ends_within_an_entry(tmp_path: Path) -> None:
    half = write_log.ENTRY.pack(0, 8, FLUSH, 0).ljust(SECTOR, b"\0") + b"x" * SECTOR
    with open(log_of(tmp_path / "log", half), "rb") as log:
        assert len(list(write_log.entries(log))) == len(WRITES)


@pytest.mark.parametrize("content", [b"", b"x" * 4096])
def test_what_is_no_log(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "log").write_bytes(content)
    with open(tmp_path / "log", "rb") as log, pytest.raises(ValueError, match="not a log"):
        list(write_log.entries(log))
