# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: rules for packets in manifests, those of the original and those of our own form."""

from __future__ import annotations

import re
from typing import Any, Callable, List, Mapping, NamedTuple, Optional, Tuple

from ...module_utils.container_spec.values import (
    Field,
    InvalidError,
    Parser,
    choice,
    integer,
    list_of,
    nearest,
    record,
    text,
    within,
)
from . import records

PORT = integer(1, 65535)
# iptables writes 80:85, and the original's documentation 80-85.
RANGE = re.compile(r"([0-9]{1,5})(?:[:-]([0-9]{1,5}))?", re.ASCII)
ICMP = "icmp"
PROTOCOLS = ("tcp", "udp", ICMP)
WITH_PORTS = ("tcp", "udp")
DIRECTIONS = {"INCOMING": records.INCOMING, "OUTGOING": records.OUTGOING}
# The keys for the other side in our own form.
SIDES = {records.OUTGOING: "to", records.INCOMING: "from"}
Ports = Tuple[Tuple[int, int], ...]


class Entry(NamedTuple):
    """One entry of a rule, in any form. `ports` and `protocols` None: all of them."""

    host: str
    ports: Optional[Ports]
    protocols: Optional[Tuple[str, ...]]


class Element(NamedTuple):
    """One element of the original's network gateway."""

    direction: str
    allow: Tuple[Entry, ...]


def strict(make: Callable[..., Any], fields: Mapping[str, Field]) -> Parser:
    """Return a parser for dictionaries with these keys. A key without a value is refused: here that could open more."""
    parse = record(make, fields)

    def parse_strictly(value: Any) -> Any:
        for key in value if isinstance(value, dict) else ():
            if key not in fields:
                # With the whole path to it, in which `record` names the outermost key alone.
                raise InvalidError("is not a known key" + nearest(key, tuple(fields)), key)
            if value[key] is None:
                raise InvalidError("has no value; leave the key out, or write one", None, key)
        return parse(value)

    return parse_strictly


def some(parse: Parser) -> Parser:
    """Return a parser for lists that are not empty, or one element without a list."""
    items = list_of(parse, single=True)

    def parse_some(value: Any) -> Any:
        if value == []:
            raise InvalidError("is empty; leave the key out for all", value)
        return items(value)

    return parse_some


def ports(value: Any) -> Ports:
    """Return ports: a number, a text such as "80", "80:85", "80-85" or "80,443", or a list of these.

    Raise InvalidError. In the original, what does not parse opens all ports.
    """
    found: List[Tuple[int, int]] = []
    for item in some(lambda each: each)(value):
        for part in item.split(",") if isinstance(item, str) else [item]:
            found.append(port_range(part, item))
    return tuple(found)


def port_range(part: Any, written: Any) -> Tuple[int, int]:
    """Return one port or range as its two ends; `written`: what it is a part of. Raise InvalidError."""
    match = RANGE.fullmatch(part) if isinstance(part, str) else None
    if isinstance(part, (bool, float)) or not (match or isinstance(part, int)):
        raise InvalidError('is no port and no range of ports (80, "80:85")', written)
    low, high = (
        (PORT(part), PORT(part)) if not match else (PORT(match.group(1)), PORT(match.group(2) or match.group(1)))
    )
    if low > high:
        raise InvalidError("ends before it begins", written)
    return low, high


def network(value: Any) -> str:
    """Return an address or a network in its canonical form. Raise InvalidError, also for the name of a host."""
    import ipaddress  # Slow to load, and seldom needed.

    if not isinstance(value, str) or not re.fullmatch(r"[0-9A-Fa-f.:]+(/[0-9]{1,3})?", value):
        raise InvalidError("is no address and no network", value)
    try:
        found = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise InvalidError("is not an address, or a network such as 192.0.2.0/24", value) from None
    if found.version == 6 and found.prefixlen >= 96 and found.network_address.ipv4_mapped:
        raise InvalidError("is an IPv4 address within IPv6, which no packet has; write it as IPv4", value)
    return str(found.network_address) if found.prefixlen == found.max_prefixlen else str(found)


def is_network(value: str) -> bool:
    """Return whether a text is meant to be an address or a network, and not the name of a host."""
    return bool(re.fullmatch(r"[0-9.]+(/.*)?|.*:.*|.*/.*", value))


def host(value: Any) -> str:
    """Return the host of a rule as it is written. Raise InvalidError if it is no text."""
    if not isinstance(value, str) or not text(value):
        raise InvalidError("is no host; write *, an address or a network", value)
    return value


ENTRY = strict(
    Entry,
    {
        "host": Field(host),
        "ports": Field(ports, None),
        "protocols": Field(some(choice(*PROTOCOLS)), None),
    },
)
ELEMENT = strict(Element, {"direction": Field(choice(*DIRECTIONS)), "allow": Field(list_of(ENTRY))})


def addresses(hosts: Mapping[str, Tuple[str, ...]], any_word: str) -> Callable[[str], Tuple[str, ...]]:
    """Return a parser of a rule's other side: networks, none for any. It refuses a name that is not among `hosts`."""

    def parse(name: str) -> Tuple[str, ...]:
        if name == any_word:
            return ()
        if is_network(name):
            return (network(name),)
        if name in hosts:
            return hosts[name]
        reason = "is the name of a host, and a filter goes by addresses; put them into capability_settings.hosts"
        raise InvalidError(reason, name)

    return parse


def of_original(value: Any, origin: records.Origin, hosts: Mapping[str, Tuple[str, ...]]) -> List[records.Item]:
    """Return what an element of the original's gateway means. Raise InvalidError."""
    element: Element = ELEMENT(value)
    direction = DIRECTIONS[element.direction]
    found: List[records.Item] = [records.Chain(origin, direction)]
    for index, entry in enumerate(element.allow):
        where = "allow[%d]" % index
        here = origin._replace(where="%s.%s" % (origin.where, where))
        peers = within(where + ".host", addresses(hosts, "*"), entry.host)
        if entry.ports and ICMP in (entry.protocols or ()):
            raise InvalidError("has no ports; give it an entry of its own", ICMP, where + ".protocols")
        protocols = entry.protocols or (WITH_PORTS if entry.ports else ())
        of_peer = direction == records.INCOMING and bool(entry.ports)
        found.append(records.Rule(here, direction, peers, protocols, entry.ports or (), of_peer))
        found += [records.Note(here, each) for each in differences(entry, peers)]
    return found


def differences(entry: Entry, peers: Tuple[str, ...]) -> List[str]:
    """Return where an entry means something else than in the original."""
    found: List[str] = []
    if entry.ports and not entry.protocols:
        found.append("ports without protocols are those of tcp and of udp; the original takes tcp alone")
    if not peers:
        found.append("every host includes those with IPv6, which the original does not filter")
    elif is_network(entry.host) and entry.host not in (peers[0], peers[0] + "/32", peers[0] + "/128"):
        found.append("%s is the network %s" % (entry.host, peers[0]))
    elif not is_network(entry.host):
        found.append("%s is %s here; the original asks for its addresses" % (ascii(entry.host), ", ".join(peers)))
    return found


def rule_of(peer: str) -> Parser:
    """Return the parser of a rule in our own form; `peer`: the key that has the other side."""
    fields = {
        peer: Field(some(host)),
        "protocols": Field(some(choice(*PROTOCOLS)), None),
        "ports": Field(ports, None),
    }

    def make(**values: Any) -> Any:
        return values[peer], values["protocols"], values["ports"]

    return strict(make, fields)


NATIVE = strict(
    dict,
    {direction: Field(list_of(rule_of(side)), ()) for direction, side in SIDES.items()},
)


def of_native(value: Any, origin: records.Origin, hosts: Mapping[str, Tuple[str, ...]]) -> List[records.Item]:
    """Return what a rule set in our own form means. Raise InvalidError."""
    found: List[records.Item] = []
    for direction, rules in NATIVE(value).items():
        here = origin._replace(where="%s.%s" % (origin.where, direction))
        found.append(records.Chain(here, direction))
        for index, (names, protocols, wanted) in enumerate(rules):
            where = "%s[%d]" % (direction, index)
            if wanted and ICMP in (protocols or ()):
                raise InvalidError("has no ports; give it a rule of its own", ICMP, where + ".protocols")
            side = "%s.%s" % (where, SIDES[direction])
            peers = [within(side, addresses(hosts, "any"), name) for name in names]
            all_of_them = () if () in peers else tuple(address for each in peers for address in each)
            of_ports = protocols or (WITH_PORTS if wanted else ())
            place = origin._replace(where="%s.%s" % (origin.where, where))
            found.append(records.Rule(place, direction, all_of_them, of_ports, wanted or ()))
    return found
