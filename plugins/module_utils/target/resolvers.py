# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): name servers that containers can reach, for a target whose own name server is on loopback."""

from __future__ import annotations

from typing import Optional, Sequence

from ..plan import name_servers
from . import bridges, facts
from .memory import read_once


def find(links: Sequence[str]) -> Optional[name_servers.Servers]:
    """Return name servers for containers, or None.

    They are those behind the one on loopback; else the target itself, at its address on the first of these links where
    it answers.
    """
    found = upstream()
    return found or next(filter(None, map(at, links)), None)


@read_once
def upstream() -> Optional[name_servers.Servers]:
    """Return the name servers that the target's own resolver asks."""
    return name_servers.choose([(path, facts.read_text(path)) for path in name_servers.UPSTREAM])


@read_once
def at(link: str) -> Optional[name_servers.Servers]:
    """Return the target's address on a link if a name server listens there (as lxc-net's does), else None."""
    address = bridges.address_of(link)
    if not address or not name_servers.answers(facts.read_text("/proc/net/udp"), address):
        return None
    return name_servers.Servers((address,), link)
