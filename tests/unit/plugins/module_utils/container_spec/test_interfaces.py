# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What two containers of a host must not have both, what LXC would cut, and which interfaces a config takes away."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import interfaces, keys, parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError

ADDRESS = "is the address of container 'a' as well, on the same link; give each another one"
ON_TARGET = "is the interface of container 'a' as well, on the target; give each another name"
ALONE = "is the interface of container 'a' as well; only one can have it"

# The specs of `a` and `b`, and what is said of `b`.
CLASHES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one address on the bridge": (
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        f"network[0].ipv4: '10.0.3.20/24' {ADDRESS}",
    ),
    "one port of the target": (
        {"ports": [{"target": 8080, "container": 80}]},
        {"ports": [{"target": 53}, {"target": 8080}]},
        "ports[1].target: '8080/tcp' is a port of the target for container 'a' as well; publish each at another one",
    ),
    "with another prefix": (
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        {"network": [{"type": "empty"}, {"ipv4": ["10.0.3.7/24", "10.0.3.20/16"]}]},
        f"network[1].ipv4: '10.0.3.20/16' {ADDRESS}",
    ),
    "the bridge by its name": (
        {"network": [{"link": "lxcbr0", "ipv4": "10.0.3.20/24"}]},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        f"network[0].ipv4: '10.0.3.20/24' {ADDRESS}",
    ),
    "of version 6, in another form": (
        {"network": [{"ipv6": "fd00::20/64"}]},
        {"network": [{"ipv6": "FD00:0::0020/48"}]},
        f"network[0].ipv6: 'FD00:0::0020/48' {ADDRESS}",
    ),
    "of other kinds on one link": (
        {"network": [{"type": "macvlan", "link": "eth1", "ipv4": "192.0.2.7/24"}]},
        {"network": [{"type": "ipvlan", "link": "eth1", "ipv4": "192.0.2.7/24"}]},
        f"network[0].ipv4: '192.0.2.7/24' {ADDRESS}",
    ),
    "an address by the key lxc": (
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        {"lxc": {"lxc.net.0.ipv4.address": ["10.0.3.7/24", "10.0.3.20/24"]}},
        f"lxc.lxc.net.0.ipv4.address: '10.0.3.20/24' {ADDRESS}",
    ),
    "a hardware address": (
        {"network": [{"hwaddr": "00:16:3e:aa:bb:cc"}]},
        {"network": [{"hwaddr": "00:16:3E:AA:BB:CC"}]},
        f"network[0].hwaddr: '00:16:3E:AA:BB:CC' {ADDRESS}",
    ),
    "the end of a veth": (
        {"network": [{"link": "br0"}], "lxc": {"lxc.net.0.veth.pair": "uplink"}},
        {"network": [{"link": "br1"}], "lxc": {"lxc.net.0.veth.pair": "uplink"}},
        f"lxc.lxc.net.0.veth.pair: 'uplink' {ON_TARGET}",
    ),
    "an interface of the target": (
        {"network": [{"type": "phys", "link": "eth1"}]},
        {"network": [{"type": "phys", "link": "eth1"}]},
        f"network[0].link: 'eth1' {ALONE}",
    ),
    "an interface of the target, by the key lxc": (
        {"network": [], "lxc": {"lxc.net.0.type": "phys", "lxc.net.0.link": "eth1"}},
        {"network": [{"type": "phys", "link": "eth0"}], "lxc": {"lxc.net.0.link": "eth1"}},
        f"lxc.lxc.net.0.link: 'eth1' {ALONE}",
    ),
    "the other is frozen": (
        {"network": [{"ipv4": "10.0.3.20/24"}], "state": "frozen"},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        f"network[0].ipv4: '10.0.3.20/24' {ADDRESS}",
    ),
    "the other is stopped, and LXC starts it at boot": (
        {"network": [{"ipv4": "10.0.3.20/24"}], "state": "stopped", "autostart": {"enabled": True}},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
        f"network[0].ipv4: '10.0.3.20/24' {ADDRESS}",
    ),
}

# Two containers that do not get in each other's way.
APART: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "the defaults": ({}, {}),
    "other links": (
        {"network": [{"link": "br0", "ipv4": "10.0.3.20/24", "hwaddr": "00:16:3e:aa:bb:cc"}]},
        {"network": [{"link": "br1", "ipv4": "10.0.3.20/24", "hwaddr": "00:16:3e:aa:bb:cc"}]},
    ),
    "a link that is not the bridge": (
        {"network": [{"link": "br0", "ipv4": "10.0.3.20/24"}]},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
    ),
    "other vlans of one link": (
        {"network": [{"type": "vlan", "ipv4": "10.0.3.20/24"}], "lxc": {"lxc.net.0.vlan.id": 7}},
        {"network": [{"type": "vlan", "ipv4": "10.0.3.20/24"}], "lxc": {"lxc.net.0.vlan.id": 8}},
    ),
    "the other is absent": (
        {"network": [{"type": "phys", "link": "eth1"}], "state": "absent"},
        {"network": [{"type": "phys", "link": "eth1"}]},
    ),
    "they take turns": (
        {"network": [{"type": "phys", "link": "eth1"}, {"ipv4": "10.0.3.20/24"}], "state": "stopped"},
        {"network": [{"type": "phys", "link": "eth1"}, {"ipv4": "10.0.3.20/24"}]},
    ),
    "macvlans on what another one has": (
        {"network": [{"type": "macvlan", "link": "eth1"}]},
        {"network": [{"type": "macvlan", "link": "eth1"}]},
    ),
    "networks without addresses": (
        {"network": [{"type": "none", "ipv4": "10.0.3.20/24"}]},
        {"network": [{"type": "empty", "ipv4": "10.0.3.20/24"}]},
    ),
    "hardware addresses by chance": (
        {"lxc": {"lxc.net.0.hwaddr": "00:16:3e:xx:xx:xx"}},
        {"lxc": {"lxc.net.0.hwaddr": "00:16:3e:xx:xx:xx"}},
    ),
    "addresses that an empty value takes away": (
        {"network": [{"ipv4": "10.0.3.20/24"}], "lxc": {"lxc.net.0.ipv4.address": ""}},
        {"network": [{"ipv4": "10.0.3.20/24"}]},
    ),
    "what is no address is LXC's to refuse": (
        {"lxc": {"lxc.net.0.ipv4.address": "10.0.3.20/24 10.0.3.255"}},
        {"lxc": {"lxc.net.0.ipv4.address": "300.0.0.1/24"}},
    ),
}


@pytest.mark.parametrize(("one", "other", "sentence"), CLASHES.values(), ids=CLASHES)
def test_refused(one: dict[str, Any], other: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse.parse_containers([{"name": "a", **one}, {"name": "b", **other}], {}, bridge="lxcbr0")
    assert str(refusal.value) == f"container 'b': {sentence}"


@pytest.mark.parametrize(("one", "other"), APART.values(), ids=APART)
def test_accepted(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert len(parse.parse_containers([{"name": "a", **one}, {"name": "b", **other}], {}, bridge="lxcbr0")) == 2


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (
            {"network": [{"type": "phys", "link": "eth1"}, {"type": "phys", "link": "eth1"}]},
            "network[1].link",
        ),
        ({"ports": [{"target": 80}, {"target": 80, "container": 8080}]}, "ports[1].target"),
        (
            {"network": [{}, {}], "lxc": {"lxc.net.0.veth.pair": "up", "lxc.net.1.veth.pair": "up"}},
            "lxc.lxc.net.1.veth.pair",
        ),
    ],
    ids=["an interface of the target", "a port of the target", "the end of a veth"],
)
def test_twice_in_one_container(given: dict[str, Any], key: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        parse.parse_containers([{"name": "a", **given}], {})
    assert str(refusal.value).startswith(f"container 'a': {key}: ")


def test_an_address_at_two_interfaces_of_one_container() -> None:
    assert parse.parse_containers([{"name": "a", "network": [{"ipv4": "10.0.3.20/24"}] * 2}], {})


@pytest.mark.parametrize("key", ["name", "link", "veth.pair"])
@pytest.mark.parametrize(("value", "fits"), [("a" * 15, True), ("a" * 16, False), ("ä" * 7, True), ("ä" * 8, False)])
def test_a_name_that_lxc_would_cut(key: str, value: str, fits: bool) -> None:
    given = {"name": "a", "lxc": {f"lxc.net.12.{key}": value}}
    if fits:
        assert parse.parse_containers([given], {})
        return
    with pytest.raises(RefusedError) as refusal:
        parse.parse_containers([given], {})
    reason = "is longer than the 15 bytes that the name of a network interface can have"
    assert str(refusal.value) == f"container 'a': lxc.lxc.net.12.{key}[0]: {ascii(value)} {reason}"


def test_other_values_of_a_network_may_be_long() -> None:
    assert parse.parse_containers([{"name": "a", "lxc": {"lxc.net.0.script.up": "/" + "a" * 40}}], {})


# The spec of the container that has an interface, what is wanted of the other, and whether the first one keeps it.
KEEPING: dict[str, tuple[dict[str, Any] | None, dict[str, Any], bool]] = {
    "not declared": (None, {}, True),
    "not declared, and the other is not to run": (None, {"state": "stopped"}, False),
    "absent": ({"state": "absent"}, {}, False),
    "stopped": ({"state": "stopped"}, {}, False),
    "restarted without it": ({}, {}, False),
    "left running": ({"on_change": "leave"}, {}, True),
    "left running, and then stopped": ({"on_change": "leave", "state": "stopped"}, {}, False),
}


@pytest.mark.parametrize(("holder", "given", "kept"), KEEPING.values(), ids=KEEPING)
def test_who_keeps_an_interface(holder: dict[str, Any] | None, given: dict[str, Any], kept: bool) -> None:
    declared = {} if holder is None else {"a": keys.CONTAINER({"name": "a", **holder})}
    assert interfaces.keeper("a", keys.CONTAINER({"name": "b", **given}), declared) == ("a" if kept else "")


def test_its_own_interface() -> None:
    assert interfaces.keeper("a", keys.CONTAINER({"name": "a", "on_change": "leave"}), {}) == ""
