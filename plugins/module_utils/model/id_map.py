# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the ids on the target of a container's users and groups, see user_namespaces(7) and subuid(5)."""

from __future__ import annotations

import functools
import hashlib
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

# As many ids as login.defs(5) gives to each user. That is all a program in a container expects, nobody (65534)
# included.
COUNT = 65536

Range = Tuple[int, int]
# A user and a group.
Owner = Tuple[int, int]
ROOT: Owner = (0, 0)
Lines = Tuple[str, ...]


class Ids(NamedTuple):
    """How a container's ids are mapped.

    - `lines`: the map as LXC reads it; empty if the container uses the ids of the target.
    - `shifted`: whether files on disk have the ids of the target. If not, a mount with mapped ids shows them that way.
    - `allotted`: whether this collection chose the ids, from the ranges that root has.
    - `before`: earlier maps of the ids on disk. Some files may still have those.
    """

    lines: Lines = ()
    shifted: bool = False
    allotted: bool = False
    before: Tuple[Lines, ...] = ()

    def root(self) -> Range:
        """Return the user and group that are the container's root on the target."""
        return outside(self.lines, "u", 0) or 0, outside(self.lines, "g", 0) or 0

    def on_disk(self) -> Lines:
        """Return the map of the ids of files on disk."""
        return self.lines if self.shifted else ()

    def owner(self, inner: Owner = ROOT) -> Owner:
        """Return the user and group on disk for those that the container counts as `inner`; by default its root."""
        return owner_in(self.on_disk(), inner)

    def owners(self, inner: Owner = ROOT) -> Tuple[Owner, ...]:
        """Return the users and groups that may be `inner` on disk, until all files have been shifted."""
        return tuple(owner_in(lines, inner) for lines in (self.on_disk(), *self.before))

    def has(self, inner: Owner) -> bool:
        """Return whether the container has this user and this group."""
        return None not in (outside(self.lines, "u", inner[0]), outside(self.lines, "g", inner[1]))

    def words(self) -> str:
        """Return the map as text for people."""
        return ", ".join(self.lines) or "those of the target"

    def after(self, earlier: Ids) -> Ids:
        """Return these ids as the successors of `earlier`: some files on disk may still have its ids."""
        left = dict.fromkeys((*self.before, *earlier.before, earlier.on_disk()))
        left.pop(self.on_disk(), None)
        return self._replace(before=tuple(left))


def allocated_ids(first: int, shifted: bool) -> Ids:
    """Return the ids of a container that gets a range of its own, which begins at `first`."""
    return Ids(tuple("%s 0 %d %d" % (kind, first, COUNT) for kind in "ug"), shifted, True)


def owner_in(lines: Lines, inner: Owner) -> Owner:
    """Return the target's user and group for those of a container with this map. Root stands for those it lacks."""
    return outside(lines, "u", inner[0]) or 0, outside(lines, "g", inner[1]) or 0


def inner_owner(lines: Lines, owner: Owner) -> Optional[Owner]:
    """Return a container's user and group for those of the target, or None if it lacks one of them."""
    user, group = inside(lines, "u", owner[0]), inside(lines, "g", owner[1])
    return None if user is None or group is None else (user, group)


def parts(lines: Lines, kind: str) -> List[Tuple[int, int, int]]:
    """Return (first id inside, first id outside, count) of each line of one kind: u or g."""
    fields = [line.split() for line in lines]
    return [(int(inside), int(first), int(count)) for each, inside, first, count in fields if each == kind]


def outside(lines: Lines, kind: str, number: int) -> Optional[int]:
    """Return the target's id for an id of the container, or None if it has none. Without a map they are the same."""
    found = (first + number - inside for inside, first, count in parts(lines, kind) if 0 <= number - inside < count)
    return next(found, None if lines else number)


def inside(lines: Lines, kind: str, number: int) -> Optional[int]:
    """Return the container's id for an id of the target, or None if it has none. Without a map they are the same."""
    found = (inner + number - first for inner, first, count in parts(lines, kind) if 0 <= number - first < count)
    return next(found, None if lines else number)


@functools.lru_cache(maxsize=1024)
def shifted_id(ids: Ids, kind: str, number: int) -> Optional[int]:
    """Return the id that a file on disk must get, or None if its id is right or not one of the container.

    An id that fits both the old and the new map counts as right: an interrupted run has shifted it already.
    """
    # If files have the container's own ids, any number may be one of those, so it says nothing.
    if ids.on_disk() and inside(ids.on_disk(), kind, number) is not None:
        return None
    for lines in ids.before:
        own = inside(lines, kind, number)
        new = None if own is None else outside(ids.on_disk(), kind, own)
        if new is not None:
            return new
    return None


def slots(users: Iterable[Range], *others: Sequence[Range]) -> List[int]:
    """Return the first ids of the ranges that a container can get: those of `users` that `others` contain too."""
    found: List[int] = []
    for first, count in users:
        every = range(first, first + count - COUNT + 1, COUNT)
        # There may be thousands of ranges. Usually the files that they come from have the same content.
        whole = all(within(first, count, each) for each in others)
        found += every if whole else [slot for slot in every if all(within(slot, COUNT, each) for each in others)]
    return found


def within(first: int, count: int, ranges_: Iterable[Range]) -> bool:
    """Return whether the ids from `first` on, `count` of them, lie in one of the ranges."""
    return any(start <= first and first + count <= start + length for start, length in ranges_)


def choose(place: str, free: Sequence[int], taken: Iterable[Range]) -> Optional[int]:
    """Return the first id of the range of a new container, or None if all ranges are taken.

    A container that comes back gets its old ids, unless another container has them now. So it owns the files again that
    it left elsewhere on the target, and they seldom become those of another container. `place` is the path of the
    container.
    """
    used = list(taken)
    begin = int(hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest(), 16) % (len(free) or 1)
    for slot in [*free[begin:], *free[:begin]]:
        if not any(first < slot + COUNT and slot < first + count for first, count in used):
            return slot
    return None


def ranges(lines: Lines) -> List[Range]:
    """Return the ranges of target ids that a map uses, for users and groups together."""
    return [(first, count) for kind in "ug" for _inside, first, count in parts(lines, kind)]
