# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses of a bridge's network containers get."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import networks
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.networks import Allotted, Network

LXC_NET = Network("10.0.3.1", 24)


def numbers(*addresses: str) -> Any:
    return tuple(map(networks.number_of, addresses))


def every(network: Network, leased_out: Any, taken: set[str]) -> list[str]:
    """All addresses that one container after the other gets."""
    found: list[str] = []
    while True:
        chosen = networks.choose("/var/lib/lxc/web/0", network, leased_out, taken | set(found))
        if chosen is None:
            return sorted(found, key=networks.number_of)
        address, _slash, prefix = chosen.partition("/")
        assert int(prefix) == network.prefix
        found.append(address)


@pytest.mark.parametrize(
    ("network", "leased_out", "taken", "expected"),
    [
        pytest.param(
            Network("10.0.3.1", 28), None, set(), ["10.0.3.%d" % last for last in range(2, 8)], id="the lower half"
        ),
        pytest.param(
            Network("10.0.3.1", 28),
            numbers("10.0.3.8", "10.0.3.14"),
            set(),
            ["10.0.3.%d" % last for last in range(2, 8)],
            id="what the role leaves out of DHCP",
        ),
        pytest.param(
            Network("10.0.3.1", 28),
            numbers("10.0.3.2", "10.0.3.14"),
            {"10.0.3.2", "10.0.3.5"},
            ["10.0.3.3", "10.0.3.4", "10.0.3.6", "10.0.3.7"],
            id="DHCP for all, as LXC has it",
        ),
        pytest.param(
            Network("10.0.3.14", 28),
            numbers("10.0.3.3", "10.0.3.11"),
            set(),
            ["10.0.3.1", "10.0.3.2", "10.0.3.12", "10.0.3.13"],
            id="below and above the leases",
        ),
        pytest.param(
            Network("10.0.3.1", 29),
            numbers("10.9.0.1", "10.9.0.9"),
            set(),
            ["10.0.3.%d" % last for last in range(2, 7)],
            id="leases of another network",
        ),
        pytest.param(Network("10.0.3.2", 30), None, set(), ["10.0.3.1"], id="the smallest network"),
        pytest.param(Network("10.0.3.1", 30), None, set(), [], id="the smallest network, with the bridge in that half"),
        pytest.param(Network("10.0.3.1", 31), None, set(), [], id="no network"),
        pytest.param(Network("10.0.3.1", 32), None, set(), [], id="one address"),
    ],
)
def test_what_can_be_chosen(network: Network, leased_out: Any, taken: set[str], expected: list[str]) -> None:
    assert every(network, leased_out, taken) == expected


def test_a_container_that_comes_back_has_its_address() -> None:
    chosen = [networks.choose("/var/lib/lxc/%s/0" % name, LXC_NET, None, ()) for name in ("web", "db", "web")]
    assert chosen == ["10.0.3.77/24", "10.0.3.76/24", "10.0.3.77/24"]
    assert networks.choose("/var/lib/lxc/web/0", LXC_NET, None, {"10.0.3.77"}) == "10.0.3.78/24"


def test_a_large_network_is_not_gone_through() -> None:
    assert networks.choose("x", Network("10.0.0.1", 8), numbers("10.128.0.0", "10.255.255.254"), ()) is not None


@pytest.mark.parametrize(
    ("link", "network", "fits"),
    [
        pytest.param("lxcbr0", LXC_NET, True, id="as it was"),
        pytest.param("lxcbr0", None, True, id="a bridge that is down"),
        pytest.param("br1", LXC_NET, False, id="another bridge"),
        pytest.param("br1", None, False, id="another bridge that is down"),
        pytest.param("lxcbr0", Network("10.0.4.1", 24), False, id="another network"),
        pytest.param("lxcbr0", Network("10.0.3.1", 16), False, id="a wider network"),
        pytest.param("lxcbr0", Network("10.0.3.2", 24), False, id="another gateway"),
    ],
)
def test_an_address_stays_where_it_fits(link: str, network: Network | None, fits: bool) -> None:
    assert networks.still_fits(Allotted("lxcbr0", "10.0.3.17/24", "10.0.3.1"), link, network) == fits


@pytest.mark.parametrize("text", ["", "10.0.3", "10.0.3.256", "10.0.3.1/24", "::1", "10.0.3.1 "])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not an IPv4 address"):
        networks.number_of(text)
