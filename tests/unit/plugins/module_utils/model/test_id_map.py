# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ids of the target containers have, and what becomes of the owners of files."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import id_map
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from hypothesis import given
from hypothesis import strategies as st

LINES = ("u 0 100000 1000", "g 0 200000 1000", "u 1000 5000 10")
OWN, FIRST, SECOND = Ids(), id_map.allocated_ids(100000, True), id_map.allocated_ids(200000, True)


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [("u", 0, 100000), ("u", 999, 100999), ("u", 1000, 5000), ("u", 1009, 5009), ("g", 0, 200000), ("g", 999, 200999)],
)
def test_both_ways(kind: str, inside: int, outside: int) -> None:
    assert id_map.outside(LINES, kind, inside) == outside
    assert id_map.inside(LINES, kind, outside) == inside
    assert id_map.outside((), kind, inside) == inside
    assert id_map.inside((), kind, outside) == outside


@pytest.mark.parametrize(("kind", "number"), [("u", 1010), ("u", 65534), ("g", 1000)])
def test_what_is_not_mapped_is_nothing(kind: str, number: int) -> None:
    assert id_map.outside(LINES, kind, number) is None


@pytest.mark.parametrize(("kind", "number"), [("u", 0), ("u", 99999), ("u", 101000), ("u", 5010), ("g", 100000)])
def test_what_is_not_its_own_is_nothing(kind: str, number: int) -> None:
    assert id_map.inside(LINES, kind, number) is None


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
    # Files of its volumes may have others than those of its rootfs.
    assert SECOND.after(OWN).after(FIRST).before == ((), FIRST.lines)
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
    assert id_map.shifted_id(ids, "u", number) == wanted
    assert id_map.shifted_id(ids, "g", number) == wanted


@given(st.lists(st.sampled_from([OWN, FIRST, SECOND]), min_size=2), st.integers(0, 65535))
def test_a_second_shift_has_nothing_to_do(history: list[Ids], number: int) -> None:
    """Whatever came before, and wherever the first was interrupted."""
    ids = history[0]
    for later in history[1:]:
        ids = later.after(ids)
    for lines in (*ids.before, ids.on_disk()):
        found = id_map.outside(lines, "u", number)
        assert found is not None
        new = id_map.shifted_id(ids, "u", found)
        owner = found if new is None else new
        assert id_map.inside(ids.on_disk(), "u", owner) == number
        assert id_map.shifted_id(ids, "u", owner) is None


def test_slots() -> None:
    assert id_map.slots([(100000, 65536)], [(100000, 65536)]) == [100000]
    assert id_map.slots([(100000, 65535)], [(100000, 65536)]) == []
    assert id_map.slots([(100000, 65536)], [(100001, 65536)]) == []
    assert id_map.slots([(0, 200000)], [(65536, 65536), (131073, 65536)]) == [65536]
    assert id_map.slots([(65536, 65536), (0, 65536)], [(0, 4294967295)]) == [65536, 0]
    assert id_map.slots([(0, 131072)], [(0, 131072)], [(65536, 65536)]) == [65536]
    assert id_map.slots([], [(0, 65536)]) == []


def test_a_range_is_chosen_once() -> None:
    free = [number * id_map.COUNT for number in range(1, 101)]
    taken: list[id_map.Range] = []
    for number in range(100):
        first = id_map.choose(f"/var/lib/lxc/c{number}", free, taken)
        assert first is not None
        taken.append((first, id_map.COUNT))
    assert sorted(first for first, _count in taken) == free
    assert id_map.choose("/var/lib/lxc/c100", free, taken) is None
    assert id_map.choose("/var/lib/lxc/c100", [], []) is None


def test_a_container_that_comes_back_has_the_same_range() -> None:
    free = [number * id_map.COUNT for number in range(1, 4001)]
    first = id_map.choose("/var/lib/lxc/hmi", free, [])
    assert first == id_map.choose("/var/lib/lxc/hmi", free, [(7, 3)])
    assert first != id_map.choose("/srv/lxc/hmi", free, [])
    # A range of any size that reaches into it is in the way.
    assert first is not None
    for other in ((first, 1), (first + 65535, 1), (first - 10, 11), (0, 4294967295)):
        assert id_map.choose("/var/lib/lxc/hmi", free, [other]) != first


def test_ranges() -> None:
    assert id_map.ranges(LINES) == [(100000, 1000), (5000, 10), (200000, 1000)]
    assert id_map.ranges(()) == []


def test_other_owners_than_root() -> None:
    assert OWN.owner((1000, 100)) == (1000, 100)
    assert FIRST.owner((1000, 100)) == (101000, 100100)
    assert FIRST._replace(shifted=False).owner((1000, 100)) == (1000, 100)
    assert FIRST.after(OWN).owners((1000, 100)) == ((101000, 100100), (1000, 100))


def test_which_owners_a_container_has() -> None:
    assert OWN.has((4294967294, 0))
    # What counts is its own map, also where files on disk have other numbers.
    for ids in (FIRST, FIRST._replace(shifted=False)):
        assert ids.has((65535, 65535))
        assert not ids.has((65536, 0))
        assert not ids.has((0, 65536))


def test_an_owner_as_the_container_counts() -> None:
    assert id_map.inner_owner(FIRST.lines, (101000, 100100)) == (1000, 100)
    assert id_map.inner_owner((), (101000, 100100)) == (101000, 100100)
    assert id_map.inner_owner(FIRST.lines, (0, 100000)) is id_map.inner_owner(FIRST.lines, (100000, 0)) is None
