# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the network interfaces that specs lead to, and where two containers of a host want the same thing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .values import InvalidError

if TYPE_CHECKING:
    from .records import Container

# IFNAMSIZ of the kernel, without the byte that ends a name.
NAME_MAX = 15
NET = re.compile(r"lxc\.net\.([0-9]+)\.(.+)")
NAMES = ("name", "link", "veth.pair")
ADDRESSES = ("ipv4.address", "ipv6.address")
# What tells networks apart that hang on one interface of the target.
SEGMENTS = ("vlan.id", "veth.vlan.id")
# They have no network of their own that two containers could meet in.
WITHOUT = ("none", "empty")


class Value(NamedTuple):
    """A value of an LXC config, and the key of the spec that it comes from."""

    text: str
    where: str


Values = Dict[str, List[Value]]
# What a container has in the network, and the name of that container.
Key = Tuple[Optional[str], ...]
Claims = Dict[Key, str]
# A thing to have, the value that asks for it, whether also the container itself can have it only once, and why not.
Claimed = Tuple[Key, Value, bool, str]


def check_names(lxc: Sequence[Tuple[str, Sequence[str]]]) -> None:
    """Raise InvalidError for the name of an interface that LXC would cut, without a word and with exit status 0."""
    for key, values in lxc:
        match = NET.fullmatch(key)
        for index, value in enumerate(values if match and match.group(2) in NAMES else ()):
            if len(value.encode()) > NAME_MAX:
                reason = "is longer than the %d bytes that the name of a network interface can have" % NAME_MAX
                raise InvalidError(reason, value, "lxc.%s[%d]" % (key, index))


def values_of(container: Container) -> Mapping[int, Values]:
    """What the config says of each interface, by its number: first the key `network`, then the key `lxc`."""
    found: Dict[int, Values] = {}
    for index, item in enumerate(container.network):
        where = "network[%d]." % index
        single = {"type": item.type, "link": item.link, "hwaddr": item.hwaddr}
        found[index] = {key: [Value(text, where + key)] for key, text in single.items() if text}
        for key, texts in (("ipv4", item.ipv4), ("ipv6", item.ipv6)):
            found[index][key + ".address"] = [Value(text, where + key) for text in texts]
    for key, texts in container.lxc:
        match = NET.fullmatch(key)
        if match:
            one = found.setdefault(int(match.group(1)), {})
            for text in texts:
                add = match.group(2) in ADDRESSES and text
                # Of most keys the last value counts; addresses add up, until an empty value.
                one[match.group(2)] = [*(one.get(match.group(2), []) if add else []), Value(text, "lxc." + key)]
    return found


def claim(container: Container, bridge: Optional[str], claimed: Claims) -> None:
    """Add to the claims what a container has for itself. Raises InvalidError where another one has that already.

    One that is stopped has nothing, unless LXC starts it when the target boots: two containers may take turns.
    """
    if container.state == "absent" or (container.state == "stopped" and not container.autostart.enabled):
        return
    own: Claims = {}
    for key, value, alone, reason in claims_of(container, bridge):
        # One container may have an address at two interfaces, but no interface of the target twice.
        other = claimed.get(key) or (own.get(key) if alone else None)
        if other:
            raise InvalidError(reason % ascii(other), value.text, value.where)
        own[key] = container.name
    claimed.update(own)


def claims_of(container: Container, bridge: Optional[str]) -> Iterator[Claimed]:
    """What a container has for itself: interfaces of the target, and addresses on what an interface hangs on."""
    for values in values_of(container).values():
        last = {key: texts[-1] for key, texts in values.items() if texts and texts[-1].text}
        kind = last["type"].text if "type" in last else ""
        if kind in WITHOUT:
            continue
        link = last["link"].text if "link" in last else bridge
        if kind == "phys" and "link" in last:
            yield (
                ("interface", link),
                last["link"],
                True,
                "is the interface of container %s as well; only one can have it",
            )
        if "veth.pair" in last:
            reason = "is the interface of container %s as well, on the target; give each another name"
            yield ("interface", last["veth.pair"].text), last["veth.pair"], True, reason
        segment = (link, *(last[key].text if key in last else None for key in SEGMENTS))
        reason = "is the address of container %s as well, on the same link; give each another one"
        # LXC puts digits by chance in the place of an x.
        if "hwaddr" in last and "x" not in last["hwaddr"].text.lower():
            yield ("hwaddr", last["hwaddr"].text.lower(), *segment), last["hwaddr"], False, reason
        for value in [value for key in ADDRESSES for value in values.get(key, []) if value.text]:
            yield ("address", address(value.text), *segment), value, False, reason


def address(text: str) -> str:
    """An address without its prefix length, in the one form that it has; what is none stays as it is, for LXC to refuse."""
    import ipaddress  # Slow to load, and seldom needed.

    bare = text.partition("/")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def keeper(holder: str, container: Container, declared: Mapping[str, Container]) -> str:
    """The container that keeps an interface from another one, empty where none does.

    `holder` has it now. It gives the interface back when it stops: for a restart of its own, and where it is stopped or
    restarted by the run that starts the other one, since all stops come first.
    """
    if holder == container.name or container.state == "stopped":
        return ""
    spec = declared.get(holder)
    if spec and (spec.state in ("absent", "stopped") or spec.on_change == "restart"):
        return ""
    return holder
