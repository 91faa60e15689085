# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the packet filter of a container spec (`gateways.network`), its parser, and what cannot be together with it."""

from __future__ import annotations

import functools
import re
from typing import Any, Iterator, Mapping, Tuple

from . import interfaces, records
from .values import Field, InvalidError, Parser, choice, integer, list_of, record, text

PORT_MAX = 65535
PORT = integer(1, PORT_MAX)
ANY = "any"
# What else the root of a container without a user namespace could go around a filter with.
PRIVILEGED_LACKS = ("sys_admin", "sys_module", "sys_rawio")
# LXC keys of the spec that would take the hook or the user namespace away by an empty value; and those that would give the
# container the target's network, or that no rule here can see through.
CLEARED = ("lxc.hook.start-host", "lxc.idmap")
OPAQUE = re.compile(r"lxc\.(include|net|hook|namespace\..+)")


def without_null(fields: Mapping[str, Field], parse: Parser) -> Parser:
    """Return a parser that refuses these keys without a value. Elsewhere that counts as left out, which opens more here."""

    def parse_written(value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key in fields and value[key] is None:
                raise InvalidError("has no value; leave the key out, or write one", None, key)
        return parse(value)

    return parse_written


def rule(peer: str) -> Parser:
    """Return the parser of one rule. `peer`: the key that has the other side."""
    fields = {
        peer: Field(peers),
        "protocols": Field(some(choice("tcp", "udp", "icmp")), ()),
        "ports": Field(some(ports), ()),
    }
    return without_null(fields, record(make_rule(peer), fields))


def make_rule(peer: str) -> Any:
    """Return what makes a rule of its keys, and raises InvalidError if ports are asked for where there are none."""

    def make(**values: Any) -> records.PacketRule:
        if values["ports"] and "icmp" in values["protocols"]:
            raise InvalidError("has no ports; give it a rule of its own", "icmp", "protocols")
        return records.PacketRule(values[peer], values["protocols"], values["ports"])

    return make


def some(parse: Parser) -> Parser:
    """Return a parser for lists, or one element without a list. It refuses an empty one."""
    items = list_of(parse, single=True)

    def parse_some(value: Any) -> Any:
        if value == []:
            raise InvalidError("is empty; leave the key out for all", value)
        return items(value)

    return parse_some


def peers(value: Any) -> Tuple[str, ...]:
    """Return networks, or none for the word `any`. Raise InvalidError."""
    if value == []:
        raise InvalidError("is empty; write any, or leave the rule out", value)
    found: Tuple[str, ...] = () if value == ANY else list_of(network, single=True)(value)
    return found


def network(value: Any) -> str:
    """Return an address or a network in its canonical form. Raise InvalidError, also for the name of a host."""
    return canonical(text(value), value)


@functools.lru_cache(maxsize=1024)
def canonical(written: str, value: Any) -> str:
    """Return the same for its text, from a cache: many containers have the same rules."""
    import ipaddress  # Slow to load, and seldom needed.

    # Python accepts more, such as netmasks.
    if not re.fullmatch(r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?", written):
        raise InvalidError("is no address and no network; write any, or addresses in place of a name", value)
    try:
        found = ipaddress.ip_network(written, strict=False)
    except ValueError:
        raise InvalidError("is not an address, or a network such as 192.0.2.0/24", value) from None
    if found.version == 6 and found.prefixlen >= 96 and found.network_address.ipv4_mapped:
        raise InvalidError("is an IPv4 address within IPv6, which no packet has; write it as IPv4", value)
    if "/" in written and ipaddress.ip_interface(written).ip != found.network_address:
        raise InvalidError("has bits beyond its prefix length; write %s, or one address" % found, value)
    whole = found.prefixlen == found.max_prefixlen
    return str(found.network_address) if whole else str(found)


def ports(value: Any) -> Tuple[int, int]:
    """Return a port, or a range such as 8000-8010, as its two ends. Raise InvalidError."""
    ends = re.fullmatch(r"([0-9]{1,5})-([0-9]{1,5})", value) if isinstance(value, str) else None
    low, high = (PORT(value), PORT(value)) if not ends else (PORT(ends.group(1)), PORT(ends.group(2)))
    if low > high:
        raise InvalidError("ends before it begins", value)
    return low, high


PACKET_FILTER = record(
    records.PacketFilter,
    {"outgoing": Field(list_of(rule("to")), ()), "incoming": Field(list_of(rule("from")), ())},
)


def check(container: records.Container) -> None:
    """Raise InvalidError if a container could get around its gateways, or could do nothing with them."""
    if container.gateways.network is None:
        return
    for problem in (*removable(container), *shared(container), *without_address(container), *closed_ports(container)):
        raise problem


def removable(container: records.Container) -> Iterator[InvalidError]:
    """Return why the root of a container could remove or evade its packet filter."""
    needed = records.DROP_WITH_PACKET_FILTER + (PRIVILEGED_LACKS if container.security.privileged else ())
    for name in needed:
        if container.keeps(name):
            own = any(key.startswith("lxc.cap.") for key, _values in container.lxc)
            where = "lxc" if own else "security.drop_capabilities"
            reason = "would be kept, with which the container could get around gateways.network; drop it"
            yield InvalidError(reason, name, where)


def shared(container: records.Container) -> Iterator[InvalidError]:
    """Return why a container would not have a network of its own, or its hooks, as far as the spec says."""
    for key, values in container.lxc:
        clears = key in CLEARED and not all(value.strip() for value in values)
        if OPAQUE.fullmatch(key) or clears:
            yield InvalidError(
                "cannot be set together with gateways.network", values[-1] if values else "", "lxc." + key
            )
    for texts in interfaces.values_of(container).values():
        for value in texts.get("type", ()):
            if value.text == "none":
                reason = "is the target's own network, which gateways.network cannot filter"
                yield InvalidError(reason, value.text, value.where)


def without_address(container: records.Container) -> Iterator[InvalidError]:
    """Return the interfaces that could only get an address by DHCP, which takes what a filter takes away."""
    wanted = container.gateways.network
    helped = any(key.startswith("lxc.hook.") or key.endswith(".script.up") for key, _values in container.lxc)
    if not wanted or helped or not (wanted.outgoing or wanted.incoming):
        return
    by_lxc = interfaces.values_of(container)
    for index, item in enumerate(container.network):
        addressed = item.ipv4 or item.ipv6 or any(by_lxc[index].get(key) for key in interfaces.ADDRESSES)
        if item.type not in interfaces.WITHOUT and item.flags == "up" and not addressed:
            reason = "needs an address (ipv4 or ipv6): no DHCP client can run beside gateways.network"
            yield InvalidError(reason, item.type, "network[%d].type" % index)


def closed_ports(container: records.Container) -> Iterator[InvalidError]:
    """Return the published ports that nobody could reach through the filter."""
    rules = container.gateways.network.incoming if container.gateways.network else ()
    for index, port in enumerate(container.ports):
        if not any(lets_in(each, port) for each in rules):
            reason = "is published, and no rule of gateways.network.incoming lets it in"
            yield InvalidError(reason, port.container, "ports[%d].container" % index)


def lets_in(each: records.PacketRule, port: records.Port) -> bool:
    """Return whether a rule lets packets to a port pass, from wherever."""
    protocol = not each.protocols or port.protocol in each.protocols
    return protocol and (not each.ports or any(low <= port.container <= high for low, high in each.ports))
