# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the network interfaces of all specs, and conflicts between containers over interfaces and addresses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .records import AUTO, AUTO_IF_OWN
from .values import InvalidError

if TYPE_CHECKING:
    from .records import Container

# The kernel's IFNAMSIZ, without the byte that ends a name.
NAME_MAX = 15
NET = re.compile(r"lxc\.net\.([0-9]+)\.(.+)")
NAMES = ("name", "link", "veth.pair")
ADDRESSES = ("ipv4.address", "ipv6.address")
# Keys that separate networks which share one link on the target.
SEGMENTS = ("vlan.id", "veth.vlan.id")
# Types without a network of their own, so two containers cannot conflict there.
WITHOUT = ("none", "empty")


class Value(NamedTuple):
    """A value of an LXC config, and the key of the spec that it comes from."""

    text: str
    where: str


Values = Dict[str, List[Value]]
# What a container claims in the network, and the name of that container.
Key = Tuple[Optional[str], ...]
Claims = Dict[Key, str]
# One claim: what is claimed, the value that claims it, whether the container itself may claim it only once, and the
# message for a conflict (with %s for the other container).
Claimed = Tuple[Key, Value, bool, str]


def check_names(lxc: Sequence[Tuple[str, Sequence[str]]]) -> None:
    """Raise InvalidError if the name of an interface is longer than the kernel allows.

    LXC would cut such a name without a message and exit with status 0.
    """
    for key, values in lxc:
        match = NET.fullmatch(key)
        for index, value in enumerate(values if match and match.group(2) in NAMES else ()):
            if len(value.encode()) > NAME_MAX:
                reason = "is longer than the %d bytes that the name of a network interface can have" % NAME_MAX
                raise InvalidError(reason, value, "lxc.%s[%d]" % (key, index))


def values_of(container: Container) -> Mapping[int, Values]:
    """Return the config values of each interface by its number: those of the keys `network` and then `lxc`."""
    found: Dict[int, Values] = {}
    for index, item in enumerate(container.network):
        where = "network[%d]." % index
        single = {"type": item.type, "link": item.link, "hwaddr": item.hwaddr}
        found[index] = {key: [Value(text, where + key)] for key, text in single.items() if text}
        for key, texts in (("ipv4", item.ipv4), ("ipv6", item.ipv6)):
            # An address that is still to be chosen will be a free one.
            known = [text for text in texts if text not in (AUTO, AUTO_IF_OWN)]
            found[index][key + ".address"] = [Value(text, where + key) for text in known]
    for key, texts in container.lxc:
        match = NET.fullmatch(key)
        if match:
            one = found.setdefault(int(match.group(1)), {})
            for text in texts:
                add = match.group(2) in ADDRESSES and text
                # For most keys the last value counts. Addresses add up, until an empty value clears them.
                one[match.group(2)] = [*(one.get(match.group(2), []) if add else []), Value(text, "lxc." + key)]
    return found


def claim(container: Container, bridge: Optional[str], claimed: Claims) -> None:
    """Add to `claimed` what a container claims. Raise InvalidError if another container has claimed it already.

    A stopped container claims nothing, unless LXC starts it when the target boots: two containers may take turns.
    """
    if container.state == "absent" or (container.state == "stopped" and not container.autostart.enabled):
        return
    own: Claims = {}
    for key, value, alone, reason in claims_of(container, bridge):
        # A container may have one address on two interfaces, but it cannot use an interface of the target twice.
        other = claimed.get(key) or (own.get(key) if alone else None)
        if other:
            raise InvalidError(reason % ascii(other), value.text, value.where)
        own[key] = container.name
    claimed.update(own)


def claims_of(container: Container, bridge: Optional[str]) -> Iterator[Claimed]:
    """Return what a container claims: ports and interfaces of the target, and addresses on the links of its own interfaces."""
    for index, port in enumerate(container.ports):
        value = Value("%d/%s" % (port.target, port.protocol), "ports[%d].target" % index)
        reason = "is a port of the target for container %s as well; publish each at another one"
        yield ("port", value.text), value, True, reason
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
        # LXC replaces each x with a random digit.
        if "hwaddr" in last and "x" not in last["hwaddr"].text.lower():
            yield ("hwaddr", last["hwaddr"].text.lower(), *segment), last["hwaddr"], False, reason
        for value in [value for key in ADDRESSES for value in values.get(key, []) if value.text]:
            yield ("address", address(value.text), *segment), value, False, reason


def address(text: str) -> str:
    """Return an address in its canonical form, without prefix length.

    Return text that is no address without its prefix length too, otherwise unchanged, for LXC to refuse.
    """
    import ipaddress  # Slow to load, and seldom needed.

    bare = text.partition("/")[0]
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        return bare


def keeper(holder: str, container: Container, declared: Mapping[str, Container]) -> str:
    """Return the name of the container that keeps an interface from `container`, or an empty string if none does.

    `holder` is the container that has the interface now. It gives the interface back when it stops: if it is
    `container` itself, which restarts, or if the run that starts `container` also stops or restarts the holder. A run
    makes all stops before it starts anything.
    """
    if holder == container.name or container.state == "stopped":
        return ""
    spec = declared.get(holder)
    if spec and (spec.state in ("absent", "stopped") or spec.on_change == "restart"):
        return ""
    return holder
