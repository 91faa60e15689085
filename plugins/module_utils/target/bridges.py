# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): the bridges of the target, their networks, and what lxc-net's DHCP server does on them."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from typing import Optional, Sequence, Set, Tuple

from ..model import networks
from . import facts
from .memory import read_once

# See netdevice(7) and the kernel's sockios.h.
SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891B
INTERFACES = "/sys/class/net"
# The kernel's RTF_GATEWAY, route.h.
THROUGH_GATEWAY = 2
# lxc-net's DHCP server, and where it has its leases.
SERVER = "/run/lxc/dnsmasq.pid"
LEASES = "/var/lib/misc/dnsmasq.%s.leases"


def asked(link: str, request: int) -> Optional[str]:
    """Return the IPv4 address that the kernel answers to a request for an interface, or None."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        try:
            answer = fcntl.ioctl(any_socket.fileno(), request, struct.pack("256s", link.encode()[:15]))
        except OSError:
            return None
    return socket.inet_ntoa(answer[20:24])


def address_of(link: str) -> Optional[str]:
    """Return the first IPv4 address of an interface, or None."""
    return asked(link, SIOCGIFADDR)


@read_once
def network_of(link: str) -> Optional[networks.Network]:
    """Return the IPv4 network of an interface, or None."""
    address, netmask = address_of(link), asked(link, SIOCGIFNETMASK)
    return networks.Network(address, networks.prefix_of(netmask)) if address and netmask else None


@read_once
def is_own(link: str) -> bool:
    """Return whether an interface is a bridge with a network of the target alone, as lxc-net's.

    Such a bridge has no port that leads out of the target, and the target knows no gateway in its network. Elsewhere, an
    address that nobody gave out may be that of another machine.
    """
    folder = os.path.join(INTERFACES, link, "brif")
    if not os.path.isdir(folder):
        return False
    return not has_gateway(link, facts.read_text("/proc/net/route")) and not any(map(leads_out, os.listdir(folder)))


def has_gateway(link: str, routes: str) -> bool:
    """Return whether a route leads to a gateway by way of an interface, from the text of /proc/net/route."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    return any(len(row) > 3 and row[0] == link and int(row[3], 16) & THROUGH_GATEWAY for row in rows)


def leads_out(port: str) -> bool:
    """Return whether an interface is a device, or uses another interface, as a VLAN or a bond does."""
    place = os.path.join(INTERFACES, port)
    names = os.listdir(place) if os.path.isdir(place) else []
    return any(name == "device" or name.startswith("lower_") for name in names)


def leased_out(link: str) -> Optional[Tuple[int, int]]:
    """Return the first and the last address that lxc-net leases on a bridge, or None if it serves no DHCP there now."""
    pid = facts.read_text(SERVER).strip()
    words = facts.read_text("/proc/%s/cmdline" % pid).split("\0") if pid.isdigit() else []
    return range_in(words, link)


def range_in(words: Sequence[str], link: str) -> Optional[Tuple[int, int]]:
    """Return the same from the command line of the server."""
    if "--interface=" + link not in words or "--dhcp-range" not in words[:-1]:
        return None
    try:
        first, last = map(networks.number_of, words[words.index("--dhcp-range") + 1].split(",")[:2])
    except ValueError:
        return None
    return first, last


def leased(link: str) -> Set[str]:
    """Return the addresses that lxc-net has leased on a bridge."""
    rows = [line.split() for line in facts.read_text(LEASES % link).splitlines()]
    return {row[2] for row in rows if len(row) > 2}
