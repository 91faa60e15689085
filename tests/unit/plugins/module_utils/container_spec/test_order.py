# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which containers start: levels, cycles, what is refused, and LXC's own order at boot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import order, parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from hypothesis import given
from hypothesis import strategies as st

Graph = dict[str, list[str]]


@pytest.mark.parametrize(
    ("after", "levels"),
    [
        ({}, {}),
        ({"a": [], "b": []}, {"a": 0, "b": 0}),
        ({"a": ["b"], "b": ["c"], "c": []}, {"a": 2, "b": 1, "c": 0}),
        ({"a": ["b", "c"], "b": ["c"], "c": []}, {"a": 2, "b": 1, "c": 0}),
        ({"a": ["elsewhere"]}, {"a": 0}),
    ],
)
def test_levels(after: Graph, levels: dict[str, int]) -> None:
    assert order.levels(after) == levels
    assert order.cycle(after) == []


@pytest.mark.parametrize(
    ("after", "cycle"),
    [
        ({"a": ["a"]}, ["a", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a", "b", "a"]),
        ({"a": ["x"], "b": ["c"], "c": ["x", "d"], "d": ["b", "a"]}, ["b", "c", "d", "b"]),
        ({"a": ["b"], "b": ["c"], "c": ["b"]}, ["b", "c", "b"]),
    ],
)
def test_cycle(after: Graph, cycle: list[str]) -> None:
    assert order.cycle(after) == cycle


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdefg"), max_size=4)))
def test_each_one_is_on_a_higher_level_or_part_of_a_cycle(after: Graph) -> None:
    levels, way = order.levels(after), order.cycle(after)
    if way:
        assert way[0] == way[-1] and len(set(way)) == len(way) - 1
        assert all(other in after[one] for one, other in zip(way, way[1:]))
    else:
        assert set(levels) == set(after)
        assert all(levels[one] > levels[other] for one in after for other in after[one] if other in after)


def spec(name: str, *after: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "after": list(after), **more}


BOOT = {"autostart": {"enabled": True}}
REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "itself": ([spec("a", "a")], "container 'a': after[0]: 'a' is a cycle: a after a"),
    "a cycle": (
        [spec("a", "b"), spec("b", "x", "c"), spec("c", "b")],
        "container 'b': after[1]: 'c' is a cycle: b after c after b",
    ),
    "twice": ([spec("a", "b", "b"), spec("b")], "container 'a': after[1]: 'b' is there twice"),
    "stopped": (
        [spec("a", "b"), spec("b", state="stopped")],
        "container 'a': after[0]: 'b' is to be stopped, so that it would never be ready",
    ),
    "frozen": (
        [spec("a", "b", state="frozen"), spec("b", state="frozen")],
        "container 'a': after[0]: 'b' is to be frozen, so that it would never be ready",
    ),
    "absent": (
        [spec("a", "b", state="stopped"), spec("b", state="absent")],
        "container 'a': after[0]: 'b' is to be absent, so that it would never be ready",
    ),
    "not at boot": (
        [spec("a", "b", **BOOT), spec("b")],
        "container 'a': after[0]: 'b' does not start at boot as this container does, since its autostart.enabled is"
        " false",
    ),
    "later at boot": (
        [spec("a", "b", autostart={"enabled": True, "groups": ["onboot"]}), spec("b", **BOOT)],
        "container 'a': after[0]: 'b' starts later at boot, because of its autostart.groups",
    ),
    "a contrary order": (
        [spec("a", "b", autostart={"enabled": True, "order": 3}), spec("b", autostart={"enabled": True, "order": 3})],
        "container 'a': after[0]: 'b' has the autostart.order 3, and so starts no earlier at boot than this one with 3",
    ),
    "a contrary order that follows": (
        [spec("a", "b", autostart={"enabled": True, "order": 1}), spec("b", "c", **BOOT), spec("c", **BOOT)],
        "container 'a': after[0]: 'b' has the autostart.order 1, and so starts no earlier at boot than this one with 1",
    ),
}


@pytest.mark.parametrize(("specs", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(specs: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(RefusedError) as error:
        parse.parse_containers(specs, {})
    assert str(error.value) == sentence


ACCEPTED: dict[str, list[dict[str, Any]]] = {
    "one that has no spec": [spec("a", "elsewhere")],
    "all stopped": [spec("a", "b", state="stopped"), spec("b", state="stopped")],
    "all absent": [spec("a", "b", state="absent"), spec("b", state="absent")],
    "an earlier group at boot": [
        spec("a", "b", autostart={"enabled": True, "order": -1}),
        spec("b", autostart={"enabled": True, "groups": ["onboot"]}),
    ],
    "a stopped one after one that runs": [spec("a", "b", state="stopped"), spec("b")],
}


@pytest.mark.parametrize("specs", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(specs: list[dict[str, Any]]) -> None:
    assert [each.name for each in parse.parse_containers(specs, {})] == [each["name"] for each in specs]


@pytest.mark.parametrize(
    ("specs", "others", "number"),
    [
        ([spec("a")], {}, 0),
        ([spec("a", autostart={"order": -7})], {}, -7),
        ([spec("a", "b"), spec("b")], {}, 1),
        ([spec("a", "b", "c"), spec("b", "c"), spec("c", autostart={"order": 5})], {}, 7),
        ([spec("a", "b"), spec("b", autostart={"order": -5})], {}, 0),
        ([spec("a", "b"), spec("b", autostart={"order": 2147483647})], {}, 2147483647),
        ([spec("a", "x", "y")], {"x": 3, "y": -1}, 4),
    ],
)
def test_order_at_boot(specs: list[dict[str, Any]], others: dict[str, int], number: int) -> None:
    containers = parse.parse_containers(specs, {})
    assert order.order_of(containers[0], {each.name: each for each in containers}, others) == number
