# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): the ports of the target that are handed on to containers, and those at which its own processes listen."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Collection, Dict, Optional, Sequence, Set, Tuple

from ..plan import lxc_config, ports
from . import facts, processes
from .memory import read_once

FORWARDING = "/proc/sys/net/ipv4/ip_forward"
# The state of a socket that waits for others, by protocol; see proc(5) and the kernel's tcp_states.h.
LISTENING = {"tcp": "0A", "udp": "07"}
# All addresses, as the kernel prints them for IPv4 and IPv6.
EVERY = ("00000000", "0" * 32)

# The protocol and the number.
Port = Tuple[str, int]


def obstacle(lxc_path: str, name: str, asked: Sequence[Port], others: Collection[str]) -> Optional[str]:
    """Return why a container cannot publish these ports, or None.

    `others`: containers of the same lxc path whose ports do not count, because they are stopped before.
    """
    where = "ports[%d].target: %d/%s "
    if asked and not forwards():
        lacking = "needs a target that forwards packets, and its net.ipv4.ip_forward is not 1; lxc-net switches that on"
        return where % (0, asked[0][1], asked[0][0]) + lacking
    taken = {
        (port.protocol, port.target): owner
        for owner, rules in (records() if asked else {}).items()
        for port in rules.ports
        if (port.protocol, port.target) in asked and not gives_up(lxc_path, owner, (name, *others))
    }
    for index, (protocol, number) in enumerate(asked):
        if (protocol, number) in taken:
            owner = name_of(taken[protocol, number])
            whose = ascii(owner) + (
                "" if taken[protocol, number] == identity(lxc_path, owner) else " of another lxc path"
            )
            return where % (index, number, protocol) + "is published for container %s; publish another one" % whose
        if (protocol, number) in listening():
            reason = "is a port at which a process of the target listens; publish another one"
            return where % (index, number, protocol) + reason
    return None


def gives_up(lxc_path: str, record: str, names: Collection[str]) -> bool:
    """Return whether a record is of one of these containers of a lxc path, or of one that does not run."""
    name = name_of(record)
    return (name in names and record == identity(lxc_path, name)) or record in stale(lxc_path)


def forwards() -> bool:
    """Return whether the target forwards packets."""
    return facts.read_text(FORWARDING).strip() == "1"


def identity(lxc_path: str, name: str) -> str:
    """Return the name of a container's record."""
    return lxc_config.identity(os.path.realpath(lxc_path), name)


def name_of(record: str) -> str:
    """Return the name of the container that has a record."""
    return record.partition("-")[2]


def records() -> Dict[str, ports.Rules]:
    """Return what is published, by the names of the records."""
    names = os.listdir(ports.RECORDS) if os.path.isdir(ports.RECORDS) else []
    found: Dict[str, ports.Rules] = {}
    for name in sorted(names):
        with suppress(ValueError):
            found[name] = ports.rules_in(facts.read_text(os.path.join(ports.RECORDS, name)))
    return found


@read_once
def stale(lxc_path: str) -> Collection[str]:
    """Return the records of containers of a lxc path that do not run. They were killed together with LXC's monitor."""
    own = {record: name_of(record) for record in records() if record == identity(lxc_path, name_of(record))}
    running = processes.inits({record: "%s/%s/rootfs" % (lxc_path, name) for record, name in own.items()})
    return frozenset(own) - frozenset(running)


@read_once
def listening() -> Collection[Port]:
    """Return the ports at which processes of the target listen for others."""
    found: Set[Port] = set()
    for protocol in LISTENING:
        for name in (protocol, protocol + "6"):
            found |= {(protocol, number) for number in listening_in(protocol, facts.read_text("/proc/net/" + name))}
    return found


def listening_in(protocol: str, text: str) -> Set[int]:
    """Return the ports at which sockets wait for others, from the text of /proc/net/tcp, udp, tcp6 or udp6.

    What waits on loopback alone, or for IPv6 alone, keeps its port: nothing of that is handed on.
    """
    found: Set[int] = set()
    for words in map(str.split, text.splitlines()[1:]):
        address, _colon, number = words[1].partition(":") if len(words) > 3 else ("", "", "")
        # A number in the machine's byte order: the first byte of an IPv4 address comes last, or first.
        loopback = "7F" in (address[-2:], address[:2])
        counts = address in EVERY or (len(address) == len(EVERY[0]) and not loopback)
        if counts and words[3] == LISTENING[protocol]:
            found.add(int(number, 16))
    return found
