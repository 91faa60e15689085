# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the target's /etc/resolv.conf, changed so that a container can use it. See resolv.conf(5)."""

from __future__ import annotations

import socket
import struct
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Container
from .rootfs_tree import RESOLV_CONF

# Addresses that always mean the asking host itself, besides those of 127.0.0.0/8.
ITSELF = ("::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "::")
PORT = 53
# Files that services of the target write: the name servers behind the one on loopback. One line for each service.
UPSTREAM = (
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
)


class Servers(NamedTuple):
    """Name servers that containers can reach, and the place where they were found."""

    addresses: Tuple[str, ...]
    place: str


class Copy(NamedTuple):
    """A resolv.conf for a container; `note`: what was changed in it; `warning`: why it is of no use."""

    text: str
    note: str = ""
    warning: str = ""


def address_of(line: str) -> Optional[str]:
    """Return the address in a line that names a server, or None for any other line."""
    words = line.split()
    # The resolver only recognizes the keyword at the very start of a line.
    return words[1] if len(words) > 1 and line.startswith("nameserver") and words[0] == "nameserver" else None


def servers(text: str) -> List[str]:
    """Return the addresses of the name servers, in order."""
    return [address for address in map(address_of, text.split("\n")) if address]


def is_itself(address: str) -> bool:
    """Return whether an address means the asking host: for a container with its own network, that is not the target."""
    return address.startswith("127.") or address in ITSELF


def only_itself(text: str) -> Tuple[str, ...]:
    """Return the name servers that are useless to a container with its own network."""
    return tuple(address for address in servers(text) if is_itself(address))


def is_apart(container: Container) -> bool:
    """Return whether a container has a network of its own that leads anywhere."""
    types = [interface.type for interface in container.network]
    return "none" not in types and any(kind != "empty" for kind in types)


def bridges(container: Container, bridge: str) -> Tuple[str, ...]:
    """Return the bridges of the target that a container is connected to."""
    return tuple(interface.link or bridge for interface in container.network if interface.type == "veth")


def copied(text: str, found: Optional[Servers]) -> Copy:
    """Return the target's resolv.conf for a container with its own network.

    The name servers in `found` replace those on loopback. If there are none in either, the text stays and `warning`
    says so.
    """
    lost = only_itself(text)
    if not lost:
        return Copy(text)
    others = [address for address in servers(text) if not is_itself(address)]
    if not found and not others:
        warning = "the name servers of the target's %s are the target itself (%s), which answers no container" % (
            RESOLV_CONF,
            ", ".join(lost),
        )
        return Copy(text, warning=warning + "; give resolv_conf the lines themselves, or none")
    fresh = [address for address in found.addresses if address not in others] if found else []
    instead = ["nameserver " + address for address in fresh]
    lines: List[str] = []
    for line in text.split("\n"):
        address = address_of(line)
        if address and is_itself(address):
            lines += ["# The target itself: nameserver " + address, *instead]
            instead = []
        else:
            lines.append(line)
    instead_of = "in place of %s, which is the target itself" % ", ".join(lost)
    if found and fresh:
        return Copy("\n".join(lines), "name servers: %s of %s %s" % (", ".join(fresh), found.place, instead_of))
    return Copy("\n".join(lines), "name servers: the others alone, " + instead_of)


def answers(udp: str, address: str) -> bool:
    """Return whether a program listens on an IPv4 address for DNS, from the text of /proc/net/udp, see proc(5)."""
    # The kernel prints the bytes of an address as a number in the machine's byte order.
    number = "%08X" % struct.unpack("=I", socket.inet_aton(address))[0]
    wanted = {"%s:%04X" % (each, PORT) for each in (number, "00000000")}
    return any(len(words) > 1 and words[1] in wanted for words in map(str.split, udp.split("\n")))


def choose(upstream: Sequence[Tuple[str, str]]) -> Optional[Servers]:
    """Return the first name servers that are not the target itself, from pairs of path and text, or None."""
    for path, text in upstream:
        found = tuple(dict.fromkeys(address for address in servers(text) if not is_itself(address)))
        if found:
            return Servers(found, path)
    return None
