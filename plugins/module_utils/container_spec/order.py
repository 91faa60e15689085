# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the order in which the containers of a host start, from what each has in `after`."""

from __future__ import annotations

from types import MappingProxyType
from typing import Dict, List, Mapping, Sequence, Tuple

from . import records
from .values import InvalidError

# The highest value of lxc.start.order.
ORDER_MAX = 2147483647
# At boot LXC starts the containers of this group first, and then those without a group, see lxc-autostart(1).
BOOT_GROUP = "onboot"


def rounds(after: Mapping[str, Sequence[str]]) -> Tuple[List[List[str]], Dict[str, List[str]]]:
    """Return the containers by level, and what is left because of a cycle, each with those of its `after` that are left.

    On level 0 are those that come after no other one; names that are no key count for nothing.
    """
    found: List[List[str]] = []
    left = {name: [other for other in others if other in after] for name, others in after.items()}
    while True:
        level = [name for name, others in left.items() if not any(other in left for other in others)]
        if not level:
            return found, {name: [other for other in others if other in left] for name, others in left.items()}
        found.append(level)
        for name in level:
            del left[name]


def levels(after: Mapping[str, Sequence[str]]) -> Dict[str, int]:
    """Return the level of each container, which is higher than that of all in its `after`. There must be no cycle."""
    return {name: number for number, names in enumerate(rounds(after)[0]) for name in names}


def cycle(after: Mapping[str, Sequence[str]]) -> List[str]:
    """Return the names of a cycle, the first one again at its end, or an empty list if there is none."""
    left = rounds(after)[1]
    way = list(left)[:1]
    while way and way[-1] not in way[:-1]:
        way.append(left[way[-1]][0])
    return way[way.index(way[-1]) :] if way else []


def refusals(containers: Sequence[records.Container]) -> List[Tuple[str, InvalidError]]:
    """Return what is wrong with the order of containers: the name of each that is refused, and why."""
    if not any(container.after for container in containers):
        return []
    by_name = {container.name: container for container in containers}
    closed = cycle({container.name: container.after for container in containers})
    if closed:
        reason = "is a cycle: %s" % " after ".join(closed)
        key = "after[%d]" % by_name[closed[0]].after.index(closed[1])
        return [(closed[0], InvalidError(reason, closed[1], key))]
    found = []
    for container in containers:
        for index, name in enumerate(container.after):
            reason = "is there twice" if name in container.after[:index] else ""
            reason = reason or (in_vain(container, by_name[name], by_name) if name in by_name else "")
            if reason:
                found.append((container.name, InvalidError(reason, name, "after[%d]" % index)))
                break
    return found


def in_vain(container: records.Container, other: records.Container, by_name: Mapping[str, records.Container]) -> str:
    """Return why a container would wait for another one in vain, or an empty string."""
    if (container.state != "absent" and other.state == "absent") or (
        container.state in ("started", "frozen") and other.state != "started"
    ):
        return "is to be %s, so that it would never be ready" % other.state
    if not container.autostart.enabled or container.state == "absent":
        return ""
    if not other.autostart.enabled:
        return "does not start at boot as this container does, since its autostart.enabled is false"
    if boot_turn(other) > boot_turn(container):
        return "starts later at boot, because of its autostart.groups"
    own, before = order_of(container, by_name), order_of(other, by_name)
    if boot_turn(other) == boot_turn(container) and own <= before:
        return "has the autostart.order %d, and so starts no earlier at boot than this one with %d" % (before, own)
    return ""


def boot_turn(container: records.Container) -> int:
    """Return when LXC's service starts a container at boot: with the first ones, the others, or not by itself."""
    groups = container.autostart.groups
    return 0 if BOOT_GROUP in groups else 2 if groups else 1


def order_of(
    container: records.Container,
    by_name: Mapping[str, records.Container],
    others: Mapping[str, int] = MappingProxyType({}),
) -> int:
    """Return the order of a container at boot: the declared one, or the next after those of all in its `after`.

    `others` are the orders of containers that have no spec here. LXC starts lower orders first, and 0 is its default.
    """
    needed: Dict[str, List[str]] = {}
    waiting = [container.name]
    while waiting:
        name = waiting.pop()
        if name not in needed and name in by_name:
            needed[name] = list(by_name[name].after) if by_name[name].autostart.order is None else []
            waiting += needed[name]
    found: Dict[str, int] = dict(others)
    for level in rounds(needed)[0]:
        for name in level:
            declared = by_name[name].autostart.order
            following = 1 + max((found.get(other, 0) for other in needed[name]), default=-1)
            found[name] = max(0, min(following, ORDER_MAX)) if declared is None else declared
    return found[container.name]
