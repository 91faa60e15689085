# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the IPv4 network of a bridge, and the addresses that containers get in it.

It does without `ipaddress`, which takes longer to load than this takes to run.
"""

from __future__ import annotations

import hashlib
import socket
import struct
from itertools import chain
from typing import Collection, NamedTuple, Optional, Tuple


class Network(NamedTuple):
    """The network of a bridge: the bridge's own address, and the length of the prefix."""

    address: str
    prefix: int

    def hosts(self) -> range:
        """Return the addresses in it that a machine can have, as numbers."""
        size = 1 << (32 - self.prefix)
        first = number_of(self.address) // size * size
        return range(first + 1, first + size - 1)

    def text(self) -> str:
        """Return the network with the length of its prefix."""
        return "%s/%d" % (text_of(self.hosts().start - 1), self.prefix)

    def lower_half(self) -> range:
        """Return those of the lower half. By default, the role `host` leaves them out of DHCP."""
        hosts = self.hosts()
        return hosts[: max(0, (1 << (32 - self.prefix)) // 2 - 1)]


class Allotted(NamedTuple):
    """What an interface of a container was given: an address with prefix length in the network of `link`, a bridge of the
    target whose own address is `gateway`."""

    link: str
    address: str
    gateway: str


def number_of(address: str) -> int:
    """Return an IPv4 address as a number. Raise ValueError if it is none."""
    try:
        return int(struct.unpack("!I", socket.inet_pton(socket.AF_INET, address))[0])
    except OSError:
        raise ValueError("%r is not an IPv4 address" % address) from None


def text_of(number: int) -> str:
    """Return the text of an IPv4 address."""
    return socket.inet_ntoa(struct.pack("!I", number))


def prefix_of(netmask: str) -> int:
    """Return the length of the prefix of a netmask."""
    return bin(number_of(netmask)).count("1")


def still_fits(kept: Allotted, link: str, network: Optional[Network]) -> bool:
    """Return whether an address can stay: it is in the network of this link, which has not changed.

    Without a network it cannot be told, as while a bridge is down. The address stays then.
    """
    if kept.link != link or not network:
        return kept.link == link
    address, _slash, prefix = kept.address.partition("/")
    return prefix == str(network.prefix) and number_of(address) in network.hosts() and kept.gateway == network.address


def choose(
    place: str, network: Network, leased_out: Optional[Tuple[int, int]], taken: Collection[str]
) -> Optional[str]:
    """Return a free address of a network with its prefix length, or None.

    A container that comes back gets its old address, unless another one has it now. `place`: what tells the interfaces of
    all containers apart. `leased_out`: the first and the last address that a DHCP server may lease to others. If that is
    the whole network, it is the lower half all the same: a server asks whether an address is in use before it leases it.
    """
    hosts, lower, own = network.hosts(), network.lower_half(), number_of(network.address)
    low, high = leased_out or (lower.stop, hosts.stop)
    spared = max(0, low - hosts.start) + max(0, hosts.stop - 1 - high) - (not low <= own <= high)
    if spared < 1:
        low, high = lower.stop, hosts.stop
    begin = int(hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest(), 16) % (len(lower) or 1)
    for number in chain(hosts[begin:], hosts[:begin]):
        if number != own and not low <= number <= high and text_of(number) not in taken:
            return "%s/%d" % (text_of(number), network.prefix)
    return None
