# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and hooks of packet filters, and what the target shows of their rules."""

from __future__ import annotations

import ipaddress
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import PacketFilter
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import FilterTools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import packet_filter
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.packet_filter import Counts

NFT = FilterTools("/usr/sbin/nft", "/usr/bin/nsenter", "/usr/bin/unshare")
IPTABLES = FilterTools("/sbin/iptables", "/bin/busybox nsenter", "/bin/busybox unshare")
ROOT = "/srv/it's 100%/hmi"


def wanted(**directions: Any) -> PacketFilter:
    """The filter of a spec."""
    found = keys.CONTAINER({"name": "hmi", "gateways": {"network": directions}}).gateways.network
    assert found is not None
    return found


def out(**rule: Any) -> PacketFilter:
    """A filter with one rule for what goes out."""
    return wanted(outgoing=[{"to": "any", **rule}])


# A rule, and what it becomes for nft and for iptables.
RULES: dict[str, tuple[dict[str, Any], list[str], list[str]]] = {
    "everything": ({}, ["counter accept"], ["-4 -A OUTPUT -j ACCEPT", "-6 -A OUTPUT -j ACCEPT"]),
    "an address": (
        {"to": "192.0.2.1"},
        ["ip daddr { 192.0.2.1/32 } counter accept"],
        ["-4 -A OUTPUT -d 192.0.2.1/32 -j ACCEPT"],
    ),
    "networks within others, and side by side": (
        {"to": ["192.0.2.0/25", "2001:db8::/32", "192.0.2.128/25", "192.0.2.7", "2001:db8::1"]},
        ["ip daddr { 192.0.2.0/24 } counter accept", "ip6 daddr { 2001:db8::/32 } counter accept"],
        ["-4 -A OUTPUT -d 192.0.2.0/24 -j ACCEPT", "-6 -A OUTPUT -d 2001:db8::/32 -j ACCEPT"],
    ),
    "all of one version": (
        {"to": ["0.0.0.0/0", "192.0.2.1"], "protocols": "tcp"},
        ["meta nfproto ipv4 meta l4proto { 6 } counter accept"],
        ["-4 -A OUTPUT -d 0.0.0.0/0 -p 6 -j ACCEPT"],
    ),
    "protocols": (
        {"protocols": ["icmp", "udp"]},
        ["meta l4proto { 1, 17, 58 } counter accept"],
        [
            "-4 -A OUTPUT -p 1 -j ACCEPT",
            "-4 -A OUTPUT -p 17 -j ACCEPT",
            "-6 -A OUTPUT -p 58 -j ACCEPT",
            "-6 -A OUTPUT -p 17 -j ACCEPT",
        ],
    ),
    "icmp to one version": (
        {"to": "2001:db8::1", "protocols": "icmp"},
        ["ip6 daddr { 2001:db8::1/128 } meta l4proto { 1, 58 } counter accept"],
        ["-6 -A OUTPUT -d 2001:db8::1/128 -p 58 -j ACCEPT"],
    ),
    "ports that overlap and touch": (
        {"to": "192.0.2.1", "ports": [81, "80-90", "85-95", 96, 7]},
        [
            "ip daddr { 192.0.2.1/32 } tcp dport { 7, 80-96 } counter accept",
            "ip daddr { 192.0.2.1/32 } udp dport { 7, 80-96 } counter accept",
        ],
        [
            "-4 -A OUTPUT -d 192.0.2.1/32 -p 6 -m tcp --dport 7:7 -j ACCEPT",
            "-4 -A OUTPUT -d 192.0.2.1/32 -p 6 -m tcp --dport 80:96 -j ACCEPT",
            "-4 -A OUTPUT -d 192.0.2.1/32 -p 17 -m udp --dport 7:7 -j ACCEPT",
            "-4 -A OUTPUT -d 192.0.2.1/32 -p 17 -m udp --dport 80:96 -j ACCEPT",
        ],
    ),
}


def added(text: str, none: str) -> list[str]:
    """The lines of a file that one without rules lacks."""
    without = none.splitlines()
    return [line.strip() for line in text.splitlines() if line not in without]


@pytest.mark.parametrize(("rule", "by_nft", "by_iptables"), RULES.values(), ids=RULES)
def test_rules(rule: dict[str, Any], by_nft: list[str], by_iptables: list[str]) -> None:
    for tools, expected in ((NFT, by_nft), (IPTABLES, by_iptables)):
        none = packet_filter.render(wanted(), tools)
        assert added(packet_filter.render(out(**rule), tools), none) == expected
        # The same from the other side, in the other chain.
        turned = {("from" if key == "to" else key): value for key, value in {"to": "any", **rule}.items()}
        incoming = added(packet_filter.render(wanted(incoming=[turned]), tools), none)
        for word, other in (("daddr", "saddr"), ("-d ", "-s "), ("OUTPUT", "INPUT")):
            expected = [line.replace(word, other) for line in expected]
        assert incoming == expected


@pytest.mark.parametrize("tools", [NFT, IPTABLES], ids=["nft", "iptables"])
def test_what_is_without_rules(tools: FilterTools) -> None:
    """Each chain drops; no rule lets something new pass but for loopback and what IPv6 needs."""
    text = packet_filter.render(wanted(), tools)
    assert not packet_filter.open_by_default(tools.program, text)
    accepting = [line for line in text.splitlines() if line.lower().endswith("accept")]
    free = ("established", "related", ' "lo"', " lo ", "icmpv6")
    assert [line for line in accepting if not any(word in line.lower() for word in free)] == []


def test_another_policy_is_seen() -> None:
    text = packet_filter.render(wanted(), NFT)
    assert packet_filter.open_by_default(NFT.program, text.replace("drop;", "accept;", 1))
    assert packet_filter.open_by_default(NFT.program, "")
    text = packet_filter.render(wanted(), IPTABLES)
    assert packet_filter.open_by_default(IPTABLES.program, text.replace("DROP [", "ACCEPT [", 1))


@pytest.mark.parametrize("tools", [NFT, IPTABLES], ids=["nft", "iptables"])
def test_the_hook(tools: FilterTools) -> None:
    (key, value), *others = packet_filter.lines(wanted(), tools, "", ROOT)
    assert (key, others) == ("lxc.hook.start-host", [])
    assert packet_filter.in_config([("lxc.hook.start-host", "/bin/true"), (key, value)]) == tools.program
    # No line break can come into a config.
    assert "\n" not in value
    script = shlex.split(value)[2]
    assert shlex.split(script)[-1] == f"{ROOT}/{packet_filter.file_name(tools)}"


def test_no_hook_without_a_filter() -> None:
    assert packet_filter.lines(None, NFT, "", ROOT) == []
    assert packet_filter.in_config([("lxc.hook.start-host", "/bin/sh -c 'packet'")]) is None


def test_a_target_that_cannot() -> None:
    with pytest.raises(ContainerError, match="gateways.network: no program"):
        packet_filter.lines(wanted(), None, "no program", ROOT)


@pytest.mark.parametrize("pid", ["", "1x", "self"])
def test_the_hook_does_nothing_in_the_network_of_the_target(tmp_path: Path, pid: str) -> None:
    """Of a process that is not there, and of one in the same network."""
    told = tmp_path / "told"
    enter = tmp_path / "enter"
    enter.write_text(f"#!/bin/sh\necho $@ > {told}\n", encoding="ascii")
    enter.chmod(0o755)
    tools = FilterTools("/usr/sbin/nft", str(enter), "")
    ((_key, value),) = packet_filter.lines(wanted(), tools, "", str(tmp_path))
    done = subprocess.run(["sh", "-c", value], env={"LXC_PID": pid, "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode != 0
    assert not told.exists()


# As nft 1.0.6 shows it; @ stands for a tab.
SHOWN = """table inet softwarecontainer {
@chain input {
@@type filter hook input priority 0; policy drop;
@@iif "lo" accept
@@ct state 0x2 ct direction 1 counter packets 5 bytes 500 accept
@@icmpv6 type { 130, 134, 135, 136 } accept
@@tcp dport { 80 } counter packets 7 bytes 700 accept
@@counter packets 2 bytes 120 drop
@}

@chain output {
@@type filter hook output priority 0; policy drop;
@@oif "lo" accept
@@counter packets 3 bytes 180 reject with icmpx 3
@}
}
""".replace("@", "\t")
LISTED = """# Generated by iptables-save v1.8.9 on Tue Dec  1 00:55:00 2026
*filter
:INPUT DROP [2:120]
[9:900] -A INPUT -i lo -j ACCEPT
[5:500] -A INPUT -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT
[8:80] -A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j ACCEPT
[7:700] -A INPUT -p tcp -m tcp --dport 80 -j ACCEPT
[2:120] -A INPUT -j DROP
[9:900] -A OUTPUT -o lo -j ACCEPT
[3:180] -A OUTPUT -j REJECT --reject-with icmp-admin-prohibited
COMMIT
"""


@pytest.mark.parametrize(
    ("program", "text"), [(NFT.program, SHOWN), (IPTABLES.program, LISTED)], ids=["nft", "iptables"]
)
def test_counters(program: str, text: str) -> None:
    assert packet_filter.counts(program, text) == {"incoming": Counts(12, 2), "outgoing": Counts(0, 3)}
    assert packet_filter.counts(program, "") == {"incoming": Counts(), "outgoing": Counts()}


@pytest.mark.parametrize("text", [SHOWN, LISTED], ids=["nft", "iptables"])
def test_what_changes_by_itself_is_no_difference(text: str) -> None:
    later = text.replace("packets 5 bytes 500", "packets 6 bytes 501").replace("[2:120]", "[9:99]").replace("55", "56")
    assert later != text
    assert packet_filter.normal(later) == packet_filter.normal(text)
    assert packet_filter.normal(text.replace("80", "81")) != packet_filter.normal(text)


def test_several_filters_in_one_network() -> None:
    """Each has a table of its own, and is shown as if it was alone."""
    texts = [packet_filter.render(out(ports=port), NFT) for port in (80, 81, 82)]
    joined = packet_filter.together(texts)
    assert re.findall(r"(?m)^table inet (\S+) {$", joined) == [f"softwarecontainer_{number}" for number in range(3)]
    assert joined.count("delete table") == 3
    shown = "".join(
        SHOWN.replace("softwarecontainer", f"softwarecontainer_{at}").replace("80", str(80 + at)) for at in (0, 1)
    )
    assert packet_filter.apart(shown, 2) == [SHOWN, SHOWN.replace("80", "81")]


def test_how_a_running_container_is_looked_at() -> None:
    assert packet_filter.inside(NFT, 7) == (
        *("/usr/bin/nsenter", "-t", "7", "-n"),
        *("/usr/sbin/nft", "-n", "list", "table", "inet", "softwarecontainer"),
    )
    assert packet_filter.inside(IPTABLES, 7)[:7] == ("/bin/busybox", "nsenter", "-t", "7", "-n", "sh", "-c")


def test_how_rules_are_replaced() -> None:
    enter = ("/usr/bin/nsenter", "-t", "7", "-n")
    assert packet_filter.replacing(NFT, 7, "/f") == (*enter, "/usr/sbin/nft", "-f", "/f")
    argv = packet_filter.replacing(IPTABLES, 7, "/f")
    assert (argv[:5], argv[-2:]) == (("/bin/busybox", "nsenter", "-t", "7", "-n"), ("sh", "/f"))


def test_networks_are_the_same_addresses() -> None:
    """What is joined covers the same as the parts."""
    rule = out(to=["10.0.0.0/9", "10.128.0.0/9", "10.1.2.3", "2001:db8::/33", "2001:db8:8000::/33"]).outgoing[0]
    assert packet_filter.networks(rule) == {4: ["10.0.0.0/8"], 6: ["2001:db8::/32"]}
    assert ipaddress.ip_network("10.0.0.0/8").num_addresses == 2 * ipaddress.ip_network("10.0.0.0/9").num_addresses
