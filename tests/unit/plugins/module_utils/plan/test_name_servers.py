# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of the target's resolv.conf in a container, and where name servers are found."""

from __future__ import annotations

import socket
import sys
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import name_servers
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.name_servers import Servers

STUB = "# By systemd-resolved.\nnameserver 127.0.0.53\noptions edns0 trust-ad\nsearch example.org\n"
FOUND = Servers(("192.0.2.53", "192.0.2.54"), "/run/systemd/resolve/resolv.conf")
ITSELF = "which is the target itself"

# The target's text, what was found, the text for the container, and what is told.
COPIES: dict[str, tuple[str, Servers | None, str, str]] = {
    "no name server": ("search example.org\n", FOUND, "search example.org\n", ""),
    "nothing at all": ("", FOUND, "", ""),
    "others": ("nameserver 192.0.2.1\n", FOUND, "nameserver 192.0.2.1\n", ""),
    "in a comment": (
        "#nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
        None,
        "#nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
        "",
    ),
    "systemd-resolved": (
        STUB,
        FOUND,
        "# By systemd-resolved.\n# The target itself: nameserver 127.0.0.53\n"
        "nameserver 192.0.2.53\nnameserver 192.0.2.54\n"
        "options edns0 trust-ad\nsearch example.org\n",
        f"name servers: 192.0.2.53, 192.0.2.54 of /run/systemd/resolve/resolv.conf in place of 127.0.0.53, {ITSELF}",
    ),
    "two, tabs, and no line end": (
        "nameserver\t127.0.0.1 # dnsmasq\nnameserver ::1",
        Servers(("10.0.3.1",), "lxcbr0"),
        "# The target itself: nameserver 127.0.0.1\nnameserver 10.0.3.1\n# The target itself: nameserver ::1",
        f"name servers: 10.0.3.1 of lxcbr0 in place of 127.0.0.1, ::1, {ITSELF}",
    ),
    "beside others, nothing found": (
        "nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
        None,
        "# The target itself: nameserver 127.0.0.1\nnameserver 192.0.2.1\n",
        f"name servers: the others alone, in place of 127.0.0.1, {ITSELF}",
    ),
    "beside one of those that were found": (
        "nameserver 192.0.2.53\nnameserver 0.0.0.0\n",
        FOUND,
        "nameserver 192.0.2.53\n# The target itself: nameserver 0.0.0.0\nnameserver 192.0.2.54\n",
        f"name servers: 192.0.2.54 of /run/systemd/resolve/resolv.conf in place of 0.0.0.0, {ITSELF}",
    ),
}


@pytest.mark.parametrize(("text", "found", "expected", "note"), COPIES.values(), ids=COPIES)
def test_copied(text: str, found: Servers | None, expected: str, note: str) -> None:
    assert name_servers.copied(text, found) == (expected, note, "")


def test_nothing_found() -> None:
    assert name_servers.copied(STUB, None) == (
        STUB,
        "",
        "the name servers of the target's /etc/resolv.conf are the target itself (127.0.0.53), which answers no"
        " container; give resolv_conf the lines themselves, or none",
    )


@pytest.mark.parametrize(
    ("network", "apart"),
    [
        ([{}], True),
        ([{"type": "empty"}, {"type": "phys", "link": "eth1"}], True),
        ([], False),
        ([{"type": "empty"}], False),
        ([{"type": "none"}], False),
    ],
    ids=["veth", "empty and phys", "nothing", "empty", "that of the target"],
)
def test_a_network_of_its_own(network: list[dict[str, Any]], apart: bool) -> None:
    assert name_servers.is_apart(keys.CONTAINER({"name": "a", "network": network})) is apart


def test_the_bridges_that_it_speaks_to() -> None:
    network = [{"type": "macvlan", "link": "eth1"}, {}, {"link": "br1"}]
    assert name_servers.bridges(keys.CONTAINER({"name": "a", "network": network}), "lxcbr0") == ("lxcbr0", "br1")


def number(address: str) -> str:
    """An address as this machine's kernel prints it."""
    return "%08X" % int.from_bytes(socket.inet_aton(address), sys.byteorder)


def test_what_answers() -> None:
    heading = "   sl  local_address rem_address   st tx_queue\n"
    line = "  42: %s:%s 00000000:0000 07 00000000:00000000\n"
    assert name_servers.answers(heading + line % (number("10.0.3.1"), "0035"), "10.0.3.1")
    assert name_servers.answers(heading + line % ("00000000", "0035"), "10.0.3.1")
    assert not name_servers.answers(heading + line % (number("10.0.4.1"), "0035"), "10.0.3.1")
    assert not name_servers.answers(heading + line % (number("10.0.3.1"), "0043"), "10.0.3.1")
    assert not name_servers.answers(heading, "10.0.3.1")


def test_the_first_file_that_leads_further() -> None:
    files = [
        ("/a", ""),
        ("/b", "nameserver 127.0.0.1\n"),
        ("/c", "nameserver 192.0.2.1\nnameserver 192.0.2.1\nnameserver ::1\n"),
    ]
    assert name_servers.choose(files) == Servers(("192.0.2.1",), "/c")
    assert name_servers.choose(files[:2]) is None
