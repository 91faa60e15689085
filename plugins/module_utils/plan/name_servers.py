# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the target's /etc/resolv.conf as it is of use to a container. See resolv.conf(5)."""

from __future__ import annotations

import socket
import struct
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Container
from .rootfs_tree import RESOLV_CONF

# Addresses that are the host itself for whoever asks them, beside those of 127.0.0.0/8.
ITSELF = ("::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "::")
PORT = 53
# What the target writes by itself: the name servers behind the one on loopback, by who keeps them.
UPSTREAM = (
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/run/dnsmasq/resolv.conf",
)


class Servers(NamedTuple):
    """Name servers that containers reach, and where they were found."""

    addresses: Tuple[str, ...]
    place: str


class Copy(NamedTuple):
    """A text for a container; `note`: what was done to it; `warning`: why it is of no use."""

    text: str
    note: str = ""
    warning: str = ""


def address_of(line: str) -> Optional[str]:
    """The address of a line that names a server; None for any other line."""
    words = line.split()
    # The resolver knows the word at the beginning of a line alone.
    return words[1] if len(words) > 1 and line.startswith("nameserver") and words[0] == "nameserver" else None


def servers(text: str) -> List[str]:
    """The addresses of name servers, in order."""
    return [address for address in map(address_of, text.split("\n")) if address]


def is_itself(address: str) -> bool:
    """Whether an address is that of whoever asks: in a network of its own it is not the target."""
    return address.startswith("127.") or address in ITSELF


def only_itself(text: str) -> Tuple[str, ...]:
    """The name servers that are none for a container with a network of its own."""
    return tuple(address for address in servers(text) if is_itself(address))


def is_apart(container: Container) -> bool:
    """Whether a container has a network of its own that leads anywhere."""
    types = [interface.type for interface in container.network]
    return "none" not in types and any(kind != "empty" for kind in types)


def bridges(container: Container, bridge: str) -> Tuple[str, ...]:
    """The interfaces of the target that a container can speak to."""
    return tuple(interface.link or bridge for interface in container.network if interface.type == "veth")


def copied(text: str, found: Optional[Servers]) -> Copy:
    """The text for a container with a network of its own. Name servers on loopback give way to those that were found."""
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
    """Whether a program waits for names at an IPv4 address, from the text of /proc/net/udp, see proc(5)."""
    # The kernel prints the bytes of an address as a number of the machine.
    number = "%08X" % struct.unpack("=I", socket.inet_aton(address))[0]
    wanted = {"%s:%04X" % (each, PORT) for each in (number, "00000000")}
    return any(len(words) > 1 and words[1] in wanted for words in map(str.split, udp.split("\n")))


def choose(upstream: Sequence[Tuple[str, str]]) -> Optional[Servers]:
    """The first of these files, path and text, that has name servers which are not the target itself."""
    for path, text in upstream:
        found = tuple(dict.fromkeys(address for address in servers(text) if not is_itself(address)))
        if found:
            return Servers(found, path)
    return None
