# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the packet filter in a container's own network namespace (`gateways.network`), as a file beside its config.

A `start-host` hook loads the file before PID 1 runs, so it is in force at boot and after a reboot from within as well, and
the container does not start where that fails. The container lacks the capabilities with which it could change the rules.
When only rules change, the same command replaces them in the running container, all at once.

Protocols are given by number, since a target may lack /etc/protocols.
"""

from __future__ import annotations

import functools
import re
import shlex
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import PacketFilter, PacketRule
from ..errors import ContainerError
from ..model.config_text import Line
from ..model.host import FilterTools
from . import lxc_hooks

TABLE = "softwarecontainer"
# The file by the program that loads it. A container has one of them.
FILES = {True: "network.nft", False: "network.iptables"}
HOOK_KEY, VARIABLE = "lxc.hook.start-host", "packet_filter"
HOOK = "sh -c '%s=" % VARIABLE
NUMBERS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58)}
# What IPv6 needs to work at all: it finds neighbours and routers, and joins the groups of addresses for that.
NEIGHBOURS = {"input": (130, 134, 135, 136), "output": (131, 132, 133, 135, 136, 143)}
# Errors about connections that are known. Nothing else that is related to one: helpers of protocols such as FTP would open
# what the packets of a container ask for.
RELATED = (1, 58)
ICMP, ICMPV6 = RELATED
VERSIONS = {4: ICMP, 6: ICMPV6}
# The directions: chain of nft and iptables, address and interface of the other side, and what ends it.
INCOMING, OUTGOING = "incoming", "outgoing"
CHAINS = {INCOMING: "input", OUTGOING: "output"}
NFT_COUNTED = re.compile(r"packets ([0-9]+) bytes [0-9]+")
# What iptables counts and nft does not: loopback, and what IPv6 needs.
UNCOUNTED = re.compile(" (-i lo|-o lo|--icmpv6-type [0-9]+) ")
IPTABLES_COUNTED = re.compile(r"\[([0-9]+):[0-9]+\]")


class Counts(NamedTuple):
    """Packets of one direction that passed the filter, and those that it refused."""

    accepted: int = 0
    refused: int = 0


def uses_nft(program: str) -> bool:
    """Return whether a program is nft; else it is iptables."""
    return program.rpartition("/")[2] == "nft"


def file_name(tools: FilterTools) -> str:
    """Return the name of the file with the rules."""
    return FILES[uses_nft(tools.program)]


def lines(wanted: Optional[PacketFilter], tools: Optional[FilterTools], lacking: str, root: str) -> List[Line]:
    """Return the line of the hook; `root` is the container's directory. Raise ContainerError if the target cannot filter.

    `lacking`: why it cannot.
    """
    if wanted is None:
        return []
    if not tools:
        raise ContainerError("gateways.network: " + lacking)
    path = shlex.quote("%s/%s" % (root, file_name(tools)))
    script = "; ".join(
        [
            "%s=%s" % (VARIABLE, shlex.quote(tools.program)),
            "p=/proc/$LXC_PID/ns/net",
            lxc_hooks.UNCONFINED,
            # Never in the target's own network.
            '[ -e "$p" ] && [ ! "$p" -ef /proc/self/ns/net ] || exit 1',
            'exec %s -t "$LXC_PID" -n sh -c %s sh %s' % (tools.enter, shlex.quote(PING + load(tools.program)), path),
        ]
    )
    return [(HOOK_KEY, lxc_hooks.shell(script))]


def in_config(config: Sequence[Line]) -> Optional[str]:
    """Return the program with which the hook of a config loads its filter, or None if there is none."""
    for key, value in config:
        if key == HOOK_KEY and value.startswith(HOOK):
            return shlex.split(value[len(HOOK) :].partition(";")[0].replace(lxc_hooks.QUOTE, "'"))[0]
    return None


def load(program: str) -> str:
    """Return the shell's command that loads the file $1 in the network where it runs."""
    if uses_nft(program):
        return 'exec %s -f "$1"' % program
    # It may be a pipe, which can be read once.
    give = 'printf "%s\\n" "$rules" |'
    return 'rules=$(cat "$1") && %s %s-restore -w && { %s || %s %s-restore -w; }' % (
        *(give, program, NO_IPV6, give, six(program)),
    )


def show(program: str) -> str:
    """Return the shell's command that shows the filter in the network where it runs."""
    if uses_nft(program):
        return "exec %s -n list table inet %s" % (program, TABLE)
    return "%s-save -c -t filter && { %s || %s-save -c -t filter; }" % (program, NO_IPV6, six(program))


# Without net_raw a program such as ping needs a kind of socket that the kernel gives nobody by default.
PING = "echo 0 2147483647 > /proc/sys/net/ipv4/ping_group_range 2>/dev/null; "
NO_IPV6 = "[ ! -e /proc/net/if_inet6 ]"


def six(program: str) -> str:
    """Return the program for IPv6 beside iptables."""
    return re.sub("iptables$", "ip6tables", program)


def inside(tools: FilterTools, pid: int) -> Tuple[str, ...]:
    """Return the command that shows the filter in the network of a process."""
    # Without a shell, where it is a single program: there may be a hundred to look at.
    single = show(tools.program).partition("exec ")[2].split()
    return (*tools.enter.split(), "-t", str(pid), "-n", *(single or ["sh", "-c", show(tools.program)]))


def trial(tools: FilterTools, several: bool = False) -> Tuple[str, ...]:
    """Return the command that loads rules from its input in a network of its own, and shows what has come of them.

    `several`: whether these are those of `together`, for nft.
    """
    shown = "exec %s -n list ruleset" % tools.program if several else show(tools.program)
    script = "sh -c %s sh /dev/stdin && %s" % (shlex.quote(load(tools.program)), shown)
    return (*tools.apart.split(), "-n", "sh", "-c", script)


def replacing(tools: FilterTools, pid: int, path: str) -> Tuple[str, ...]:
    """Return the command that loads a file in the network of a process, as the hook does at the start."""
    enter = (*tools.enter.split(), "-t", str(pid), "-n")
    if uses_nft(tools.program):
        return (*enter, tools.program, "-f", path)
    return (*enter, "sh", "-c", load(tools.program), "sh", path)


def together(texts: Sequence[str]) -> str:
    """Return files for nft as one that makes a table for each of them."""
    return "".join(text.replace("table inet " + TABLE, "table inet " + numbered(at)) for at, text in enumerate(texts))


def apart(shown: str, count: int) -> List[str]:
    """Return what nft shows of each of these tables, as it would show a single one."""
    found = []
    for at in range(count):
        begin = "table inet %s {" % numbered(at)
        body = shown.partition(begin)[2].partition("\n}\n")[0]
        found.append("table inet %s {%s\n}\n" % (TABLE, body))
    return found


def numbered(at: int) -> str:
    """Return the name of one of several tables."""
    return "%s_%d" % (TABLE, at)


def open_by_default(program: str, shown: str) -> bool:
    """Return whether what `show` prints lets packets pass that no rule names."""
    policies = re.findall("policy ([a-z]+);" if uses_nft(program) else r"(?m)^:[A-Z]+ ([A-Z]+)", shown)
    return {policy.lower() for policy in policies} != {"drop"}


def normal(shown: str) -> str:
    """Return what `show` prints without what changes by itself: counters, comments with the time."""
    kept = "".join(line + "\n" for line in shown.splitlines() if not line.startswith("#"))
    return IPTABLES_COUNTED.sub("", NFT_COUNTED.sub("", kept))


def counts(program: str, shown: str) -> Dict[str, Counts]:
    """Return the packets by direction, from what `show` prints."""
    return {direction: counted(program, shown, chain) for direction, chain in CHAINS.items()}


def counted(program: str, shown: str, chain: str) -> Counts:
    """Return the packets of one chain."""
    if uses_nft(program):
        body = shown.partition("chain %s {" % chain)[2].partition("\n\t}")[0]
        pattern, own = NFT_COUNTED, [line for line in body.split("\n") if "counter" in line]
    else:
        pattern, begin = IPTABLES_COUNTED, "-A %s " % chain.upper()
        own = [line for line in shown.splitlines() if begin in line and not UNCOUNTED.search(line)]
    found = [
        (int(match.group(1)), "accept" in line.lower()) for line in own for match in [pattern.search(line)] if match
    ]
    return Counts(sum(number for number, ok in found if ok), sum(number for number, ok in found if not ok))


@functools.lru_cache(maxsize=256)
def render(wanted: PacketFilter, tools: FilterTools) -> str:
    """Return the text of the file."""
    return nft_text(wanted) if uses_nft(tools.program) else iptables_text(wanted)


def rules_of(wanted: PacketFilter) -> Iterator[Tuple[str, PacketRule]]:
    """Return all rules with their directions."""
    yield from ((INCOMING, rule) for rule in wanted.incoming)
    yield from ((OUTGOING, rule) for rule in wanted.outgoing)


def networks(rule: PacketRule) -> Dict[int, List[str]]:
    """Return the networks of a rule's other side by their version, without those that lie within others."""
    import ipaddress  # Slow to load, and seldom needed.

    every = [ipaddress.ip_network(each) for each in rule.peers]
    found = {
        4: [str(each) for each in ipaddress.collapse_addresses(each for each in every if each.version == 4)],
        6: [str(each) for each in ipaddress.collapse_addresses(each for each in every if each.version == 6)],
    }
    return {version: texts for version, texts in found.items() if texts}


def joined(ports: Sequence[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """Return ranges of ports in order, with those that touch made into one: nft takes no others in a set."""
    found: List[Tuple[int, int]] = []
    for low, high in sorted(ports):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(high, found[-1][1])
        else:
            found.append((low, high))
    return found


def nft_text(wanted: PacketFilter) -> str:
    """Return the file for nft. It makes the table, which may be there, anew in one transaction."""
    found = ["table inet %s" % TABLE, "delete table inet %s" % TABLE, "table inet %s {" % TABLE]
    for direction, chain in CHAINS.items():
        own = [rule for each, rule in rules_of(wanted) if each == direction]
        found += ["\tchain %s {" % chain, "\t\ttype filter hook %s priority 0; policy drop;" % chain]
        found.append('\t\t%s "lo" accept' % ("iif" if direction == INCOMING else "oif"))
        # Answers alone. Who has opened a connection needs a rule for each packet, so that one that goes cuts it.
        found.append("\t\tct state established ct direction reply counter accept")
        found.append("\t\tct state related meta l4proto { %s } counter accept" % commas(RELATED))
        found.append("\t\ticmpv6 type { %s } accept" % commas(NEIGHBOURS[chain]))
        found += ["\t\t%scounter accept" % match for rule in own for match in nft_matches(rule, direction)]
        # Who sends is told at once; who asks from outside learns nothing.
        ending = "drop" if direction == INCOMING else "reject with icmpx type admin-prohibited"
        found += ["\t\tcounter " + ending, "\t}"]
    found += ["\tchain forward {", "\t\ttype filter hook forward priority 0; policy drop;", "\t}", "}"]
    return "".join(line + "\n" for line in found)


def nft_matches(rule: PacketRule, direction: str) -> List[str]:
    """Return the conditions of a rule for nft, each of which lets a packet pass."""
    side = "saddr" if direction == INCOMING else "daddr"
    there = [
        "%s %s %s " % ({4: "ip", 6: "ip6"}[version], side, braces(texts)) for version, texts in networks(rule).items()
    ]
    found = []
    for match in there or [""]:
        everything = re.search(r" \{ \S+/0 \} $", match)
        words = "meta nfproto %s " % ("ipv4" if match.startswith("ip ") else "ipv6") if everything else match
        found += [words + each for each in nft_protocols(rule)]
    return found


def nft_protocols(rule: PacketRule) -> List[str]:
    """Return the conditions on protocols and ports for nft."""
    if rule.ports:
        numbers = braces(["%d-%d" % ends if ends[0] != ends[1] else str(ends[0]) for ends in joined(rule.ports)])
        return ["%s dport %s " % (protocol, numbers) for protocol in with_ports(rule)]
    numbers = commas(sorted({number for protocol in rule.protocols for number in NUMBERS[protocol]}))
    return ["meta l4proto { %s } " % numbers] if numbers else [""]


def with_ports(rule: PacketRule) -> Sequence[str]:
    """Return the protocols of a rule with ports, each once."""
    return tuple(each for each in ("tcp", "udp") if each in rule.protocols or not rule.protocols)


def braces(texts: Sequence[str]) -> str:
    """Return a set for nft."""
    return "{ %s }" % ", ".join(texts)


def commas(numbers: Sequence[int]) -> str:
    """Return numbers as text."""
    return ", ".join(map(str, numbers))


def iptables_text(wanted: PacketFilter) -> str:
    """Return the file for iptables-restore and ip6tables-restore. Each takes what is for it, and all rules at once."""
    found = ["*filter", ":INPUT DROP [0:0]", ":FORWARD DROP [0:0]", ":OUTPUT DROP [0:0]"]
    for direction, chain in CHAINS.items():
        add = "-A %s" % chain.upper()
        found.append("%s %s lo -j ACCEPT" % (add, "-i" if direction == INCOMING else "-o"))
        found.append("%s -m conntrack --ctstate ESTABLISHED --ctdir REPLY -j ACCEPT" % add)
        for version, number in VERSIONS.items():
            found.append("-%d %s -p %d -m conntrack --ctstate RELATED -j ACCEPT" % (version, add, number))
        found += ["-6 %s -p 58 -m icmp6 --icmpv6-type %d -j ACCEPT" % (add, number) for number in NEIGHBOURS[chain]]
        for each, rule in rules_of(wanted):
            if each == direction:
                found += iptables_rules(rule, direction, add)
        if direction == INCOMING:
            found.append("%s -j DROP" % add)
        else:
            found.append("-4 %s -j REJECT --reject-with icmp-admin-prohibited" % add)
            found.append("-6 %s -j REJECT --reject-with icmp6-adm-prohibited" % add)
    return "".join(line + "\n" for line in [*found, "COMMIT"])


def iptables_rules(rule: PacketRule, direction: str, add: str) -> List[str]:
    """Return the lines of a rule for iptables: one for each network, protocol and range."""
    side = "-s" if direction == INCOMING else "-d"
    by_version = networks(rule)
    found = []
    for version, icmp in VERSIONS.items():
        if by_version and version not in by_version:
            continue
        there = ["%s %s " % (side, text) for text in by_version.get(version, ())] or [""]
        if rule.ports:
            what = [
                "-p %d -m %s --dport %d:%d " % (NUMBERS[protocol][0], protocol, *ends)
                for protocol in with_ports(rule)
                for ends in joined(rule.ports)
            ]
        else:
            numbers = [number for each in rule.protocols for number in NUMBERS[each]]
            what = [
                "-p %d " % number
                for number in dict.fromkeys(numbers)
                if number not in VERSIONS.values() or number == icmp
            ]
            what = what or ([""] if not rule.protocols else [])
        found += ["-%d %s %s%s-j ACCEPT" % (version, add, network, match) for network in there for match in what]
    return found
