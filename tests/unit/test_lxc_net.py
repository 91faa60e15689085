# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of lxc-net that follow from a bridge's address."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.softwarecontainer.lxc.plugins.filter.lxc_net import lxc_net

DEFAULT = {
    "USE_LXC_BRIDGE": "true",
    "LXC_BRIDGE": "lxcbr0",
    "LXC_ADDR": "10.0.3.1",
    "LXC_NETMASK": "255.255.255.0",
    "LXC_NETWORK": "10.0.3.0/24",
    "LXC_DHCP_RANGE": "10.0.3.128,10.0.3.254",
    "LXC_DHCP_MAX": "127",
}


@pytest.mark.parametrize(
    ("address", "options", "changed"),
    [
        pytest.param("10.0.3.1", {}, {}, id="as LXC itself has it"),
        pytest.param("10.0.3.1", {"bridge": "br-1.x"}, {"LXC_BRIDGE": "br-1.x"}, id="name"),
        pytest.param(
            "10.77.0.254",
            {},
            {
                "LXC_ADDR": "10.77.0.254",
                "LXC_NETWORK": "10.77.0.0/24",
                "LXC_DHCP_RANGE": "10.77.0.128,10.77.0.253",
                "LXC_DHCP_MAX": "126",
            },
            id="last address of its network",
        ),
        pytest.param(
            "10.0.3.9",
            {"netmask": "255.255.255.252"},
            {
                "LXC_ADDR": "10.0.3.9",
                "LXC_NETMASK": "255.255.255.252",
                "LXC_NETWORK": "10.0.3.8/30",
                "LXC_DHCP_RANGE": "10.0.3.10,10.0.3.10",
                "LXC_DHCP_MAX": "1",
            },
            id="smallest network",
        ),
        pytest.param(
            "10.0.3.10",
            {"netmask": "255.255.255.252"},
            {
                "LXC_ADDR": "10.0.3.10",
                "LXC_NETMASK": "255.255.255.252",
                "LXC_NETWORK": "10.0.3.8/30",
                "LXC_DHCP_RANGE": "10.0.3.9,10.0.3.9",
                "LXC_DHCP_MAX": "1",
            },
            id="smallest network, with the bridge in its upper half",
        ),
        pytest.param("10.0.3.1", {"network": "10.0.0.0/16"}, {"LXC_NETWORK": "10.0.0.0/16"}, id="wider network"),
        pytest.param(
            "10.0.3.1",
            {"dhcp_range": "10.0.3.100, 10.0.3.199"},
            {"LXC_DHCP_RANGE": "10.0.3.100,10.0.3.199", "LXC_DHCP_MAX": "100"},
            id="range",
        ),
        pytest.param("10.0.3.1", {"dhcp_max": 5}, {"LXC_DHCP_MAX": "5"}, id="leases"),
    ],
)
def test_settings(address, options, changed):
    assert lxc_net(address, **options)["settings"] == {**DEFAULT, **changed}


def test_address_and_network_have_their_prefix_length():
    found = lxc_net("10.0.3.1", netmask="255.255.255.128", network="10.0.0.0/16")
    assert (found["address"], found["network"]) == ("10.0.3.1/25", "10.0.3.0/25")


@pytest.mark.parametrize(
    ("address", "options", "reason"),
    [
        ("10.0.3", {}, "softwarecontainer_bridge_address or _netmask: Expected 4 octets in '10.0.3'"),
        (
            "10.0.3.1;id",
            {},
            "softwarecontainer_bridge_address or _netmask: Only decimal digits permitted in '1;id' in '10.0.3.1;id'",
        ),
        (
            "10.0.3.1",
            {"netmask": "255.0.255.0"},
            "softwarecontainer_bridge_address or _netmask: '255.0.255.0' is not a valid netmask",
        ),
        ("10.0.3.0", {}, "softwarecontainer_bridge_netmask: 10.0.3.0 in 10.0.3.0/24 leaves no address for containers"),
        (
            "10.0.3.1",
            {"netmask": "255.255.255.255"},
            "softwarecontainer_bridge_netmask: 10.0.3.1 in 10.0.3.1/32 leaves no address for containers",
        ),
        (
            "10.0.3.1",
            {"network": "10.0.4.0/24"},
            "softwarecontainer_bridge_network: 10.0.4.0/24 does not hold the bridge's address 10.0.3.1",
        ),
        ("10.0.3.1", {"network": "10.0.3.1/24"}, "softwarecontainer_bridge_network: 10.0.3.1/24 has host bits set"),
        (
            "10.0.3.1",
            {"dhcp_range": "10.0.3.9"},
            "softwarecontainer_bridge_dhcp_range: '10.0.3.9' is not two addresses with a comma between",
        ),
        (
            "10.0.3.1",
            {"dhcp_range": "10.0.3.9,10.0.3.2"},
            "softwarecontainer_bridge_dhcp_range: 10.0.3.9 to 10.0.3.2 is not a range within 10.0.3.0/24",
        ),
        (
            "10.0.3.1",
            {"dhcp_range": "10.0.4.2,10.0.4.9"},
            "softwarecontainer_bridge_dhcp_range: 10.0.4.2 to 10.0.4.9 is not a range within 10.0.3.0/24",
        ),
        ("10.0.3.1", {"dhcp_max": 0}, "softwarecontainer_bridge_dhcp_max: 0 is not a number of leases"),
        (
            "10.0.3.1",
            {"bridge": "a" * 16},
            "softwarecontainer_bridge: 'aaaaaaaaaaaaaaaa' is not the name of an interface (at most 15 characters)",
        ),
        (
            "10.0.3.1",
            {"bridge": "$(id)"},
            "softwarecontainer_bridge: '$(id)' is not the name of an interface (at most 15 characters)",
        ),
        (
            "10.0.3.1",
            {"bridge": "br0\n"},
            "softwarecontainer_bridge: 'br0\\n' is not the name of an interface (at most 15 characters)",
        ),
    ],
)
def test_refused(address, options, reason):
    with pytest.raises(AnsibleFilterError) as caught:
        lxc_net(address, **options)
    assert str(caught.value) == reason
