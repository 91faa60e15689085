# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a bridge, from the texts that say it."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.networks import number_of
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import bridges

ROUTES = (
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    "br-lan\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    "lxcbr0\t0003000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
)
# As lxc-net calls it.
SERVER = [
    "dnsmasq", "--conf-file=/dev/null", "-u", "dnsmasq", "--listen-address", "10.0.3.1", "--dhcp-range",
    "10.0.3.128,10.0.3.254", "--dhcp-lease-max=127", "--except-interface=lo", "--interface=lxcbr0", "",
]  # fmt: skip


@pytest.mark.parametrize(
    ("link", "found"),
    [
        pytest.param("br-lan", True, id="the way out"),
        pytest.param("lxcbr0", False, id="a network"),
        pytest.param("br", False, id="none"),
    ],
)
def test_a_gateway_in_the_network(link: str, found: bool) -> None:
    assert bridges.has_gateway(link, ROUTES) == found


@pytest.mark.parametrize(
    ("words", "link", "expected"),
    [
        pytest.param(SERVER, "lxcbr0", (number_of("10.0.3.128"), number_of("10.0.3.254")), id="lxc-net"),
        pytest.param(SERVER, "lxcbr1", None, id="of another bridge"),
        pytest.param([""], "lxcbr0", None, id="no process"),
        pytest.param(["--interface=lxcbr0", "--dhcp-range"], "lxcbr0", None, id="cut off"),
        pytest.param(["--interface=lxcbr0", "--dhcp-range", "::1,ra-only"], "lxcbr0", None, id="of IPv6"),
        pytest.param(["--interface=lxcbr0", "--dhcp-range", "10.0.3.9"], "lxcbr0", None, id="half of it"),
    ],
)
def test_the_range_of_dhcp(words: list[str], link: str, expected: object) -> None:
    assert bridges.range_in(words, link) == expected


def test_loopback_is_no_bridge_of_the_targets_own() -> None:
    assert bridges.network_of("lo") == ("127.0.0.1", 8)
    assert not bridges.is_own("lo")
    assert bridges.network_of("no-such-link") is None
