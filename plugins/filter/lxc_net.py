# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the settings of LXC's own lxc-net for a bridge."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict, Optional

from ansible.errors import AnsibleFilterError


def lxc_net(
    address: str,
    bridge: str = "lxcbr0",
    netmask: str = "255.255.255.0",
    network: Optional[str] = None,
    dhcp_range: Optional[str] = None,
    dhcp_max: Optional[int] = None,
) -> Dict[str, Any]:
    """Return the settings of a bridge, its address and its network, both with prefix length.

    Omitted values follow from address and netmask: the network is the one that holds the address, and the DHCP range
    has its upper half. Raises AnsibleFilterError if the values do not fit each other.
    """
    # A name that the kernel accepts for an interface (IFNAMSIZ in if.h), without characters special to a shell.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", bridge):
        raise AnsibleFilterError(
            "softwarecontainer_bridge: %r is not the name of an interface (at most 15 characters)" % bridge
        )
    own = own_address(address, netmask)
    whole = parse("softwarecontainer_bridge_network", network or str(own.network), ipaddress.IPv4Network)
    if own.ip not in whole:
        raise AnsibleFilterError(
            "softwarecontainer_bridge_network: %s does not hold the bridge's address %s" % (whole, own.ip)
        )
    first, last = bounds(own, dhcp_range)
    if dhcp_max is not None and int(dhcp_max) < 1:
        raise AnsibleFilterError("softwarecontainer_bridge_dhcp_max: %s is not a number of leases" % dhcp_max)
    return {
        "address": str(own),
        "network": str(own.network),
        "settings": {
            "USE_LXC_BRIDGE": "true",
            "LXC_BRIDGE": bridge,
            "LXC_ADDR": str(own.ip),
            "LXC_NETMASK": str(own.netmask),
            "LXC_NETWORK": str(whole),
            "LXC_DHCP_RANGE": "%s,%s" % (first, last),
            "LXC_DHCP_MAX": str(int(last) - int(first) + 1 if dhcp_max is None else int(dhcp_max)),
        },
    }


def own_address(address: str, netmask: str) -> ipaddress.IPv4Interface:
    """Return the address of the bridge, in a network with room for containers. Raises AnsibleFilterError."""
    text = "%s/%s" % (address, netmask)
    own: ipaddress.IPv4Interface = parse("softwarecontainer_bridge_address or _netmask", text, ipaddress.IPv4Interface)
    if own.network.prefixlen > 30 or own.ip in (own.network.network_address, own.network.broadcast_address):
        raise AnsibleFilterError(
            "softwarecontainer_bridge_netmask: %s in %s leaves no address for containers" % (own.ip, own.network)
        )
    return own


def bounds(own: ipaddress.IPv4Interface, dhcp_range: Optional[str]) -> Any:
    """Return the first and the last address of the DHCP range. Raises AnsibleFilterError."""
    if dhcp_range is None:
        # The lower half is for addresses that do not come by DHCP, see networks.py of module_utils.
        lowest, last = own.network.network_address + 1, own.network.broadcast_address - 1
        first = own.network.network_address + own.network.num_addresses // 2
        # The smallest network has one address beside the bridge's.
        return (lowest, lowest) if first == last == own.ip else (first + (own.ip == first), last - (own.ip == last))
    words = [word.strip() for word in str(dhcp_range).split(",")]
    if len(words) != 2:
        raise AnsibleFilterError(
            "softwarecontainer_bridge_dhcp_range: %r is not two addresses with a comma between" % dhcp_range
        )
    first, last = (parse("softwarecontainer_bridge_dhcp_range", word, ipaddress.IPv4Address) for word in words)
    if first not in own.network or last not in own.network or last < first:
        raise AnsibleFilterError(
            "softwarecontainer_bridge_dhcp_range: %s to %s is not a range within %s" % (first, last, own.network)
        )
    return first, last


def parse(key: str, value: str, make: Callable[[str], Any]) -> Any:
    """Return the value as an address or a network. Raises AnsibleFilterError."""
    try:
        return make(value)
    except ValueError as error:
        raise AnsibleFilterError("%s: %s" % (key, error)) from None


class FilterModule:
    """The class that Ansible looks for in this file."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"lxc_net": lxc_net}
