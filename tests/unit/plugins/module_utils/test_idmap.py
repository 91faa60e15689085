# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ids of the target containers have, and what becomes of the owners of files."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import idmap
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.idmap import Ids
from hypothesis import given
from hypothesis import strategies as st

LINES = ("u 0 100000 1000", "g 0 200000 1000", "u 1000 5000 10")
OWN, FIRST, SECOND = Ids(), idmap.allotted(100000, True), idmap.allotted(200000, True)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [("u", 0, 100000), ("u", 999, 100999), ("u", 1000, 5000), ("u", 1009, 5009), ("g", 0, 200000), ("g", 999, 200999)],
)
def test_both_ways(kind: str, inside: int, outside: int) -> None:
    assert idmap.outside(LINES, kind, inside) == outside
    assert idmap.inside(LINES, kind, outside) == inside
    assert idmap.outside((), kind, inside) == inside
    assert idmap.inside((), kind, outside) == outside


@pytest.mark.parametrize(("kind", "number"), [("u", 1010), ("u", 65534), ("g", 1000)])
def test_what_is_not_mapped_is_nothing(kind: str, number: int) -> None:
    assert idmap.outside(LINES, kind, number) is None


@pytest.mark.parametrize(("kind", "number"), [("u", 0), ("u", 99999), ("u", 101000), ("u", 5010), ("g", 100000)])
def test_what_is_not_its_own_is_nothing(kind: str, number: int) -> None:
    assert idmap.inside(LINES, kind, number) is None


def test_root() -> None:
    assert OWN.root() == OWN.owner() == (0, 0)
    assert FIRST.root() == FIRST.owner() == (100000, 100000)
    mapped = FIRST._replace(shifted=False)
    assert (mapped.root(), mapped.owner()) == ((100000, 100000), (0, 0))
    # Where its root is nobody of the target, files belong to the target's own.
    assert Ids(("u 1 100000 10",), True).owner() == (0, 0)


def test_words() -> None:
    assert OWN.words() == "those of the target"
    assert FIRST.words() == "u 0 100000 65536, g 0 100000 65536"


def test_what_is_left_of_other_ids() -> None:
    assert FIRST.after(FIRST) == FIRST
    assert FIRST.after(OWN).before == ((),)
    assert OWN.after(FIRST).before == (FIRST.lines,)
    assert SECOND.after(FIRST.after(OWN)).before == ((), FIRST.lines)
    # Back again: files may have either.
    assert OWN.after(SECOND.after(OWN)).before == (SECOND.lines,)
    # A mount with mapped ids shows files otherwise, and leaves them as they are.
    mapped = FIRST._replace(shifted=False)
    assert mapped.after(OWN).before == OWN.after(mapped).before == ()
    assert mapped.after(FIRST).before == (FIRST.lines,)


def test_the_owners_until_all_files_are_shifted() -> None:
    assert FIRST.owners() == ((100000, 100000),)
    assert FIRST.after(OWN).owners() == ((100000, 100000), (0, 0))


@pytest.mark.parametrize(
    ("ids", "number", "wanted"),
    [
        (FIRST.after(OWN), 0, 100000),
        (FIRST.after(OWN), 65535, 165535),
        (FIRST.after(OWN), 65536, None),
        (FIRST.after(OWN), 100000, None),
        (OWN.after(FIRST), 100007, 7),
        (OWN.after(FIRST), 7, None),
        (SECOND.after(FIRST.after(OWN)), 7, 200007),
        (SECOND.after(FIRST.after(OWN)), 100007, 200007),
        (SECOND.after(FIRST.after(OWN)), 200007, None),
        (FIRST, 7, None),
    ],
)
def test_the_owner_of_a_file(ids: Ids, number: int, wanted: int | None) -> None:
    assert idmap.shifted(ids, "u", number) == wanted
    assert idmap.shifted(ids, "g", number) == wanted


@given(st.lists(st.sampled_from([OWN, FIRST, SECOND]), min_size=2), st.integers(0, 65535))
def test_a_second_shift_has_nothing_to_do(history: list[Ids], number: int) -> None:
    """Whatever came before, and wherever the first was interrupted."""
    ids = history[0]
    for later in history[1:]:
        ids = later.after(ids)
    for lines in (*ids.before, ids.on_disk()):
        found = idmap.outside(lines, "u", number)
        assert found is not None
        new = idmap.shifted(ids, "u", found)
        owner = found if new is None else new
        assert idmap.inside(ids.on_disk(), "u", owner) == number
        assert idmap.shifted(ids, "u", owner) is None


def test_slots() -> None:
    assert idmap.slots([(100000, 65536)], [(100000, 65536)]) == [100000]
    assert idmap.slots([(100000, 65535)], [(100000, 65536)]) == []
    assert idmap.slots([(100000, 65536)], [(100001, 65536)]) == []
    assert idmap.slots([(0, 200000)], [(65536, 65536), (131073, 65536)]) == [65536]
    assert idmap.slots([(65536, 65536), (0, 65536)], [(0, 4294967295)]) == [65536, 0]
    assert idmap.slots([(0, 131072)], [(0, 131072)], [(65536, 65536)]) == [65536]
    assert idmap.slots([], [(0, 65536)]) == []


def test_a_range_is_chosen_once() -> None:
    free = [number * idmap.COUNT for number in range(1, 101)]
    taken: list[idmap.Range] = []
    for number in range(100):
        first = idmap.choose(f"/var/lib/lxc/c{number}", free, taken)
        assert first is not None
        taken.append((first, idmap.COUNT))
    assert sorted(first for first, _count in taken) == free
    assert idmap.choose("/var/lib/lxc/c100", free, taken) is None
    assert idmap.choose("/var/lib/lxc/c100", [], []) is None


def test_a_container_that_comes_back_has_the_same_range() -> None:
    free = [number * idmap.COUNT for number in range(1, 4001)]
    first = idmap.choose("/var/lib/lxc/hmi", free, [])
    assert first == idmap.choose("/var/lib/lxc/hmi", free, [(7, 3)])
    assert first != idmap.choose("/srv/lxc/hmi", free, [])
    # A range of any size that reaches into it is in the way.
    assert first is not None
    for other in ((first, 1), (first + 65535, 1), (first - 10, 11), (0, 4294967295)):
        assert idmap.choose("/var/lib/lxc/hmi", free, [other]) != first


def test_ranges() -> None:
    assert idmap.ranges(LINES) == [(100000, 1000), (5000, 10), (200000, 1000)]
    assert idmap.ranges(()) == []
