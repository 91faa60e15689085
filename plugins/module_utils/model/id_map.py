# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: which ids of the target a container's users and groups have, see user_namespaces(7) and subuid(5)."""

from __future__ import annotations

import functools
import hashlib
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

# As many as login.defs(5) gives to each user: all that a program of a container expects, nobody (65534) included.
COUNT = 65536

Range = Tuple[int, int]
Lines = Tuple[str, ...]


class Ids(NamedTuple):
    """How a container's ids are mapped: `lines` as LXC takes them, none where it has the target's own.

    `shifted`: whether files on disk have the ids of the target; otherwise a mount with mapped ids shows them so.
    `allotted`: whether they were chosen here, from the ranges that root has. `before`: what the ids of files on disk
    were that have not all been shifted since.
    """

    lines: Lines = ()
    shifted: bool = False
    allotted: bool = False
    before: Tuple[Lines, ...] = ()

    def root(self) -> Range:
        """The user and the group that the container's root is on the target."""
        return outside(self.lines, "u", 0) or 0, outside(self.lines, "g", 0) or 0

    def on_disk(self) -> Lines:
        """How the ids of files on disk are mapped."""
        return self.lines if self.shifted else ()

    def owner(self) -> Range:
        """The user and the group that the container's root is on disk."""
        return self.root() if self.shifted else (0, 0)

    def owners(self) -> Tuple[Range, ...]:
        """The users and groups that the container's root may be on disk, until all files have been shifted."""
        return tuple(Ids(lines, True).owner() for lines in (self.on_disk(), *self.before))

    def words(self) -> str:
        """The map for people."""
        return ", ".join(self.lines) or "those of the target"

    def after(self, earlier: Ids) -> Ids:
        """The same after other ids, where files may still have those."""
        left = dict.fromkeys((*earlier.before, earlier.on_disk()))
        left.pop(self.on_disk(), None)
        return self._replace(before=tuple(left))


def allocated_ids(first: int, shifted: bool) -> Ids:
    """The ids of a container that gets a range of its own."""
    return Ids(tuple("%s 0 %d %d" % (kind, first, COUNT) for kind in "ug"), shifted, True)


def parts(lines: Lines, kind: str) -> List[Tuple[int, int, int]]:
    """First id inside, first id outside, how many, of one kind: u or g."""
    fields = [line.split() for line in lines]
    return [(int(inside), int(first), int(count)) for each, inside, first, count in fields if each == kind]


def outside(lines: Lines, kind: str, number: int) -> Optional[int]:
    """What an id of the container is on the target; None where it is nothing."""
    found = (first + number - inside for inside, first, count in parts(lines, kind) if 0 <= number - inside < count)
    return next(found, None if lines else number)


def inside(lines: Lines, kind: str, number: int) -> Optional[int]:
    """What an id of the target is in the container; None where it is nothing."""
    found = (inner + number - first for inner, first, count in parts(lines, kind) if 0 <= number - first < count)
    return next(found, None if lines else number)


@functools.lru_cache(maxsize=1024)
def shifted_id(ids: Ids, kind: str, number: int) -> Optional[int]:
    """What the id of a file on disk has to become; None where it is right, or none of the container's.

    An id that can be the one as well as the other is right: a run that was interrupted has shifted it already.
    """
    # Where files have the ids of the container itself every number can be one of those.
    if ids.on_disk() and inside(ids.on_disk(), kind, number) is not None:
        return None
    for lines in ids.before:
        own = inside(lines, kind, number)
        new = None if own is None else outside(ids.on_disk(), kind, own)
        if new is not None:
            return new
    return None


def slots(users: Iterable[Range], *others: Sequence[Range]) -> List[int]:
    """The first ids of the ranges that a container can get: those in the first list that are in all others as well."""
    found: List[int] = []
    for first, count in users:
        every = range(first, first + count - COUNT + 1, COUNT)
        # There may be thousands, and mostly the files that they come from are the same.
        whole = all(within(first, count, each) for each in others)
        found += every if whole else [slot for slot in every if all(within(slot, COUNT, each) for each in others)]
    return found


def within(first: int, count: int, ranges_: Iterable[Range]) -> bool:
    """Whether so many ids lie in one of the ranges."""
    return any(start <= first and first + count <= start + length for start, length in ranges_)


def choose(place: str, free: Sequence[int], taken: Iterable[Range]) -> Optional[int]:
    """The first id of the range of a new container; None where all are taken.

    A container that comes back gets the ids that it had, if nobody else has got them: files that it left elsewhere on
    the target are its own again, and seldom those of another. `place` is its path.
    """
    used = list(taken)
    begin = int(hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest(), 16) % (len(free) or 1)
    for slot in [*free[begin:], *free[:begin]]:
        if not any(first < slot + COUNT and slot < first + count for first, count in used):
            return slot
    return None


def ranges(lines: Lines) -> List[Range]:
    """The ids of the target that a map takes, users and groups together."""
    return [(first, count) for kind in "ug" for _inside, first, count in parts(lines, kind)]
