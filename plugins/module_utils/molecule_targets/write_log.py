# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a power cut leaves on the disk of a machine (I/O): all that was flushed, and about a half of the rest.

A disk has a cache, and what lies there at a power cut is lost, in any order. What was discarded keeps its content here.
qemu's own cache is the memory of this machine, which forgets nothing when qemu ends. So qemu logs all writes, by its
driver blklogwrites, in the format of the kernel's dm-log-writes, and the image is made from the one at the start and
from the log.
"""

from __future__ import annotations

import os
import random
import struct
from typing import BinaryIO, Iterator, List, NamedTuple

MAGIC = 0x6A736677736872
HEADER = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
# A flush, a write that is on the disk when it is acknowledged, and a discard, which has no data.
FLUSH, FUA, DISCARD = 1, 2, 4


class Entry(NamedTuple):
    """One entry of the log: its flags, where it writes, where its data is in the log, and how long that is; in bytes."""

    flags: int
    place: int
    data: int
    size: int


def entries(log: BinaryIO) -> Iterator[Entry]:
    """Return the entries of a log, up to one that is not complete. Raise ValueError if it is no log."""
    start = log.read(HEADER.size)
    magic, _version, _count, sector = HEADER.unpack(start) if len(start) == HEADER.size else (0, 0, 0, 0)
    if magic != MAGIC:
        raise ValueError("this is not a log of writes")
    end, position = log.seek(0, os.SEEK_END), sector
    while position + sector <= end:
        log.seek(position)
        first, count, flags, _length = ENTRY.unpack(log.read(ENTRY.size))
        size = 0 if flags & DISCARD else count * sector
        if position + sector + size > end:
            return
        yield Entry(flags, first * sector, position + sector, size)
        position += sector + size


def surviving(found: List[Entry], chance: random.Random) -> List[Entry]:
    """Return the writes that a power cut leaves: those before the last flush, and of those after it about a half."""
    flushed = max((index for index, entry in enumerate(found) if entry.flags & FLUSH), default=-1)
    return [
        entry
        for index, entry in enumerate(found)
        if entry.size and (index <= flushed or entry.flags & FUA or chance.random() < 0.5)
    ]


def write_survivors(log_path: str, image_path: str, chance: random.Random) -> None:
    """Write what a power cut leaves of the writes of a log into the image of before. Raise OSError or ValueError."""
    with open(log_path, "rb") as log, open(image_path, "r+b") as image:
        for entry in surviving(list(entries(log)), chance):
            log.seek(entry.data)
            image.seek(entry.place)
            image.write(log.read(entry.size))
