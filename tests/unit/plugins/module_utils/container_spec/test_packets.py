# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter of a spec: what its rules take, and what cannot be together with it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import (
    DROP_CAPABILITIES,
    DROP_WITH_INIT_LXC,
    Container,
    PacketFilter,
    PacketRule,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.values import InvalidError

ANY = {"to": "any"}
ALL_OUT = {"outgoing": [ANY]}


def container(wanted: Any, **more: Any) -> Container:
    """A container with this packet filter."""
    parsed: Container = keys.CONTAINER({"name": "hmi", "gateways": {"network": wanted}, **more})
    return parsed


def out(**rule: Any) -> dict[str, Any]:
    """A filter with one rule."""
    return {"outgoing": [{**ANY, **rule}]}


RULES = {
    "everything": (ANY, PacketRule()),
    "one address": ({"to": "192.0.2.1"}, PacketRule(("192.0.2.1",))),
    "addresses and networks": (
        {"to": ["192.0.2.0/24", "2001:DB8:0::/32", "192.0.2.1/32", "::1"]},
        PacketRule(("192.0.2.0/24", "2001:db8::/32", "192.0.2.1", "::1")),
    ),
    "all of one version": ({"to": ["0.0.0.0/0"]}, PacketRule(("0.0.0.0/0",))),
    "one protocol": ({**ANY, "protocols": "icmp"}, PacketRule((), ("icmp",))),
    "protocols": ({**ANY, "protocols": ["tcp", "icmp"]}, PacketRule((), ("tcp", "icmp"))),
    "one port": ({**ANY, "ports": 53}, PacketRule((), (), ((53, 53),))),
    "ports": (
        {**ANY, "protocols": "udp", "ports": ["1", 65535, "8000-8010"]},
        PacketRule((), ("udp",), ((1, 1), (65535, 65535), (8000, 8010))),
    ),
}


@pytest.mark.parametrize(("given", "rule"), RULES.values(), ids=RULES)
def test_rules(given: dict[str, Any], rule: PacketRule) -> None:
    assert container({"outgoing": [given]}).gateways.network == PacketFilter((rule,))
    incoming = {("from" if key == "to" else key): value for key, value in given.items()}
    assert container({"incoming": [incoming]}).gateways.network == PacketFilter((), (rule,))


REFUSED = {
    "no filter at all": (None, {}, r"gateways.network: None"),
    "no dictionary": ([], {}, r"gateways.network: \[\]"),
    "a typo": ({"outgoings": []}, {}, r"gateways.network: 'outgoings'.*'outgoing'"),
    "a typo in a rule": (out(port=[80]), {}, r"outgoing\[0\]: 'port'.*'ports'"),
    "a rule without its other side": ({"outgoing": [{}]}, {}, r"outgoing\[0\].to: None"),
    "the other side of another direction": ({"incoming": [{"to": "any"}]}, {}, r"incoming\[0\]: 'to'"),
    "a name": (out(to="example.com"), {}, r"outgoing\[0\].to\[0\]: 'example.com'"),
    "any among others": (out(to=["any"]), {}, r"to\[0\]: 'any'"),
    "nowhere": (out(to=[]), {}, r"to: \[\]"),
    "null as the other side": (out(to=None), {}, r"to: None"),
    "a netmask": (out(to="192.0.2.0/255.255.255.0"), {}, r"to\[0\]: '192.0.2.0/255"),
    "a prefix that is too long": (out(to="192.0.2.0/33"), {}, r"to\[0\]: '192.0.2.0/33'"),
    "bits beyond the prefix": (out(to="192.0.2.1/24"), {}, r"to\[0\]: '192.0.2.1/24'.*192.0.2.0/24"),
    "an address in another one": (out(to="::ffff:192.0.2.1"), {}, r"to\[0\]: '::ffff:192.0.2.1'"),
    "an interface": (out(to="fe80::1%eth0"), {}, r"to\[0\]: 'fe80::1%eth0'"),
    "a number": (out(to=3221225985), {}, r"to\[0\]: 3221225985"),
    "no protocol": (out(protocols=[]), {}, r"protocols: \[\]"),
    "null as protocols": (out(protocols=None), {}, r"protocols: None"),
    "an unknown protocol": (out(protocols=["tpc"]), {}, r"protocols\[0\]: 'tpc'.*'tcp'"),
    "no ports": (out(ports=[]), {}, r"ports: \[\]"),
    "null as ports": (out(ports=None), {}, r"ports: None"),
    "port 0": (out(ports=[0]), {}, r"ports\[0\]: 0"),
    "a port that is too large": (out(ports=["80-65536"]), {}, r"ports\[0\]: '65536'"),
    "a range upside down": (out(ports=["81-80"]), {}, r"ports\[0\]: '81-80'"),
    "a range as iptables has it": (out(ports=["80:81"]), {}, r"ports\[0\]: '80:81'"),
    "a name of a port": (out(ports=["http"]), {}, r"ports\[0\]: 'http'"),
    "a boolean": (out(ports=[True]), {}, r"ports\[0\]: True"),
    "ports of icmp": (out(protocols=["tcp", "icmp"], ports=[80]), {}, r"protocols: 'icmp'"),
    "net_admin": ({}, {"security": {"drop_capabilities": ["net_raw"]}}, r"security.drop_capabilities: 'net_admin'"),
    "net_raw": ({}, {"security": {"drop_capabilities": ["net_admin"]}}, r"security.drop_capabilities: 'net_raw'"),
    "dropped, and dropped no more": ({}, {"lxc": {"lxc.cap.drop": ["", "net_admin"]}}, r"lxc: 'net_raw'"),
    "kept": ({}, {"lxc": {"lxc.cap.keep": "net_bind_service"}}, r"lxc: 'net_admin'"),
    "privileged": ({}, {"security": {"privileged": True}, "init": ["/sbin/init"]}, r"drop_capabilities: 'sys_admin'"),
    "the target's network": ({}, {"network": [{"type": "none"}]}, r"network\[0\].type: 'none'"),
    "the target's network by lxc": ({}, {"lxc": {"lxc.net.0.type": "none"}}, r"lxc.net.0.type: 'none'"),
    "no network any more": ({}, {"lxc": {"lxc.net": ""}}, r"lxc.net: ''"),
    "a shared network": ({}, {"lxc": {"lxc.namespace.share.net": "other"}}, r"lxc.namespace.share.net: 'other'"),
    "something included": ({}, {"lxc": {"lxc.include": "/etc/x"}}, r"lxc.include: '/etc/x'"),
    "no hooks any more": ({}, {"lxc": {"lxc.hook.start-host": ["/a", ""]}}, r"lxc.hook.start-host: ''"),
    "no user namespace any more": ({}, {"lxc": {"lxc.idmap": ""}}, r"lxc.idmap: ''"),
    "no address": (ALL_OUT, {"network": [{}]}, r"network\[0\].type: 'veth'"),
    "a port that is let in nowhere": (ALL_OUT, {"ports": [{"target": 80}]}, r"ports\[0\].container: 80"),
    "a port of another protocol": (
        {"incoming": [{"from": "any", "protocols": "udp", "ports": 80}]},
        {"ports": [{"target": 80}]},
        r"ports\[0\].container: 80",
    ),
}


@pytest.mark.parametrize(("network", "more", "match"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(network: Any, more: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidError) as caught:
        container(network, **more)
    sentence = caught.value.sentence()
    assert re.search(match, sentence), sentence


ACCEPTED: dict[str, tuple[Any, dict[str, Any]]] = {
    "nothing passes": ({}, {}),
    "no interface": (ALL_OUT, {"network": []}),
    "an address by lxc": (ALL_OUT, {"network": [{}], "lxc": {"lxc.net.0.ipv4.address": "192.0.2.2/24"}}),
    "an address by a hook": (
        ALL_OUT,
        {"network": [{}], "lxc": {"lxc.hook.start-host": "/usr/share/lxc/hooks/dhclient"}},
    ),
    "an interface that is down": (ALL_OUT, {"network": [{"flags": "down"}]}),
    "no address, and nothing to send": ({}, {"network": [{}]}),
    "an IPv6 address": (ALL_OUT, {"network": [{"ipv6": "2001:db8::2/64"}]}),
    "more is dropped": ({}, {"security": {"drop_capabilities": ["net_admin", "net_raw", "kill"]}}),
    "dropped by lxc": ({}, {"security": {"drop_capabilities": []}, "lxc": {"lxc.cap.drop": "net_admin net_raw"}}),
    "privileged, with little left": ({}, {"security": {"privileged": True}}),
    "a port that is let in": (
        {"incoming": [{"from": "192.0.2.1", "ports": "79-81"}]},
        {"ports": [{"target": 8080, "container": 80}]},
    ),
}


@pytest.mark.parametrize(("network", "more"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_goes_together(network: Any, more: dict[str, Any]) -> None:
    found = container(network, **more)
    assert found.gateways.network is not None
    assert not found.keeps("net_admin")
    assert not found.keeps("net_raw")


def test_what_is_dropped_by_default() -> None:
    usual = DROP_CAPABILITIES + DROP_WITH_INIT_LXC
    assert container({}).security.drop_capabilities == (*usual, "net_admin", "net_raw")
    assert keys.CONTAINER({"name": "hmi"}).security.drop_capabilities == usual


def test_defaults_of_all_containers_are_merged_by_direction() -> None:
    defaults = {"gateways": {"network": {"incoming": [{"from": "any"}]}}}
    found = parse.parse_containers([{"name": "hmi", "gateways": {"network": ALL_OUT}}, {"name": "web"}], defaults)
    assert [each.gateways.network for each in found] == [
        PacketFilter((PacketRule(),), (PacketRule(),)),
        PacketFilter((), (PacketRule(),)),
    ]
