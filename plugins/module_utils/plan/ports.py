# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: how the target hands on to a container what arrives at its published ports.

Hooks of the config do it, so it is there after a boot too: `pre-start` adds rules of this container alone, `post-stop` removes
them. With nft they are a table of the container's own, replaced as a whole; with iptables, chains of its own. Rules of others
stay as they are. A record of what is published lies below RECORDS as long as the rules are there.
"""

from __future__ import annotations

import hashlib
import shlex
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..container_spec import interfaces
from ..container_spec.records import Container
from ..errors import ContainerError
from ..model import networks
from ..model.config_text import Line
from ..model.host import Host
from . import lxc_hooks

# Emptied at boot, as the rules are.
RECORDS = "/run/softwarecontainer.ports"
# The shell's variable with the record, which begins a hook of ours.
VARIABLE = "published"
HOOK = "sh -c '%s=" % VARIABLE
# Who starts containers sets this variable if their ports have been published before, see `for_many`.
PUBLISHED_BEFORE = "SOFTWARECONTAINER_PUBLISHED"
# Not for the target's loopback: the kernel routes nothing from there to a container.
NOT_LOOPBACK = "127.0.0.0/8"


class Published(NamedTuple):
    """A port of the target that is handed on to a port of a container."""

    protocol: str
    target: int
    address: str
    container: int


class Rules(NamedTuple):
    """All that a container publishes. `program`: nft or iptables, with its path. `network`: that of the container's address,
    empty if that is not known."""

    program: str
    network: str
    ports: Tuple[Published, ...]

    def record(self) -> str:
        """Return the rules as one line."""
        ports = ["%s:%d:%s:%d" % port for port in self.ports]
        return " ".join([self.program, self.network or "-", *ports])


def rules_in(record: str) -> Rules:
    """Return the rules of a record. Raise ValueError if it is damaged."""
    program, network, *words = record.split()
    ports = [word.split(":") for word in words]
    found = [Published(protocol, int(target), address, int(inside)) for protocol, target, address, inside in ports]
    return Rules(program, network.replace("-", ""), tuple(found))


def in_config(lines: Sequence[Line]) -> Optional[Rules]:
    """Return the rules that the hooks of a config make."""
    for key, value in lines:
        if key == "lxc.hook.pre-start" and value.startswith(HOOK):
            # The first command alone: shlex looks at each letter, and the whole hook has thousands.
            command = value[len(HOOK) :].partition(";")[0].replace(lxc_hooks.QUOTE, "'")
            return rules_in(shlex.split(command)[0])
    return None


def wanted(container: Container, host: Host) -> Optional[Rules]:
    """Return the rules that a container with its addresses needs. Raise ContainerError if it cannot have them."""
    if not container.ports:
        return None
    asked = "ports[0].target: %d needs" % container.ports[0].target
    address, _slash, prefix = address_of(container).partition("/")
    if not address:
        raise ContainerError(
            "%s an IPv4 address of the container, and the bridge has no network for one; see network[].ipv4" % asked
        )
    program = host.nft or host.iptables
    if not program:
        raise ContainerError("%s nft or iptables, and the target has neither; install one" % asked)
    ports = [Published(port.protocol, port.target, address, port.container) for port in container.ports]
    network = networks.Network(address, int(prefix)).text() if prefix else ""
    return Rules(program, network, tuple(ports))


def address_of(container: Container) -> str:
    """Return the address, with prefix length if that is known, at which the target reaches a container; empty if none."""
    for values in interfaces.values_of(container).values():
        kind = values["type"][-1].text if values.get("type") else ""
        found = [value.text for value in values.get("ipv4.address", ()) if value.text]
        if kind == "veth" and found:
            return found[0].split()[0]
    return ""


def lines(container: Container, host: Host, place: str) -> List[Line]:
    """Return the lines of the hooks. `place`: what tells this container from all others of the target."""
    rules = wanted(container, host)
    if not rules:
        return []
    record = shlex.quote("%s/%s" % (RECORDS, place))
    on = [
        "%s=%s" % (VARIABLE, shlex.quote(rules.record())),
        # The record too: a container that reboots itself has the variable still, and its rules have gone with the record.
        '[ -z "$%s" ] || [ ! -e %s ] || exit 0' % (PUBLISHED_BEFORE, record),
        "set -e",
        lxc_hooks.UNCONFINED,
        "[ -d %(records)s ] || mkdir -p %(records)s" % {"records": RECORDS},
        'echo "$%s" > %s' % (VARIABLE, record),
        added(rules, place),
    ]
    off = [lxc_hooks.UNCONFINED, removed(rules.program, place), "rm -f " + record]
    return [
        ("lxc.hook.pre-start", lxc_hooks.shell("; ".join(on))),
        ("lxc.hook.post-stop", lxc_hooks.shell("; ".join(off))),
    ]


def uses_nft(program: str) -> bool:
    """Return whether a program is nft; else it is iptables."""
    return program.rpartition("/")[2] == "nft"


def table_of(place: str) -> str:
    """Return the name of a container's table of nft."""
    return "softwarecontainer-" + place


def chains_of(place: str) -> Tuple[str, str]:
    """Return the names of a container's chains of iptables, which can have 28 letters."""
    digest = hashlib.sha256(place.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return "sc-" + digest, "sc-%s-m" % digest


def destination(rules: Rules, port: Published) -> str:
    """Return the rule that hands one port on, after the condition on where the packet goes to."""
    if uses_nft(rules.program):
        return "%s dport %d dnat to %s:%d" % port
    return "-p %s -m %s --dport %d -j DNAT --to-destination %s:%d" % (port.protocol, *port)


def jumps(place: str) -> List[str]:
    """Return the rules of iptables that lead to a container's chains, as iptables shows them."""
    handed_on, hidden = chains_of(place)
    return [
        "PREROUTING -m addrtype --dst-type LOCAL -j " + handed_on,
        "OUTPUT ! -d %s -m addrtype --dst-type LOCAL -j %s" % (NOT_LOOPBACK, handed_on),
        "POSTROUTING -j " + hidden,
    ]


def added(rules: Rules, place: str) -> str:
    """Return the command that adds the rules. What an earlier start has left of them goes first."""
    if uses_nft(rules.program):
        return "%s %s" % (rules.program, shlex.quote(table(rules, place)))
    commands = chains(rules, place)
    one_by_one = [removed(rules.program, place), *(alone(rules.program, each) for each in commands)]
    return "%s 2>/dev/null || { %s; }" % (together(rules.program, commands), "; ".join(one_by_one))


def for_many(program: str, rules: Mapping[str, Rules]) -> Tuple[Tuple[str, ...], str]:
    """Return the command that adds the rules of many containers at once or, if one cannot be added, none, and its input.

    Each call reads all rules of the target, so a hundred hooks take far longer than this one. `rules`: by what tells a
    container from all others.
    """
    if uses_nft(program):
        return (program, "-f", "-"), "".join(table(each, place) + "\n" for place, each in rules.items())
    commands = [command for place, each in rules.items() for command in chains(each, place)]
    return (program + "-restore", "-w", "-n"), "\n".join(["*nat", *commands, "COMMIT", ""])


def table(rules: Rules, place: str) -> str:
    """Return the commands of nft that make a container's table anew.

    A container on the same bridge would get its answer directly from this one, which it has not asked. So the target asks in
    its place.
    """
    address = rules.ports[0].address
    local = ["fib daddr type local %s; " % destination(rules, port) for port in rules.ports]
    there = "".join("ip daddr != %s %s" % (NOT_LOOPBACK, rule) for rule in local)
    hidden = "ip saddr %s ip daddr %s ct status dnat masquerade; " % (rules.network, address) if rules.network else ""
    text = (
        "table ip %(table)s { chain prerouting { type nat hook prerouting priority -100; %(here)s}; chain output { type nat"
        " hook output priority -100; %(there)s}; chain postrouting { type nat hook postrouting priority 100; %(hidden)s}; }"
    ) % {"table": table_of(place), "here": "".join(local), "there": there, "hidden": hidden}
    return "%s; %s" % (gone(place), text)


def chains(rules: Rules, place: str) -> List[str]:
    """Return the commands of iptables that make a container's chains, see `table`."""
    chain, hidden_chain = chains_of(place)
    commands = ["-N " + chain, "-N " + hidden_chain]
    commands += ["-A %s %s" % (chain, destination(rules, port)) for port in rules.ports]
    if rules.network:
        source = "-A %s -s %s -d %s/32 -m conntrack --ctstate DNAT -j MASQUERADE"
        commands.append(source % (hidden_chain, rules.network, rules.ports[0].address))
    return commands + ["-A " + jump for jump in jumps(place)]


def gone(place: str) -> str:
    """Return the commands of nft that remove a table, which may not be there."""
    return "add table ip %s; delete table ip %s" % (table_of(place), table_of(place))


def removed(program: str, place: str) -> str:
    """Return the command that removes the rules, as far as they are there."""
    if uses_nft(program):
        return "%s %s" % (program, shlex.quote(gone(place)))
    commands = ["-D " + jump for jump in jumps(place)]
    commands += ["%s %s" % (action, chain) for chain in chains_of(place) for action in ("-F", "-X")]
    one_by_one = "; ".join("%s || :" % alone(program, each) for each in commands)
    return "{ %s || { %s; }; } 2>/dev/null" % (together(program, commands), one_by_one)


def alone(program: str, command: str) -> str:
    """Return how iptables carries out one of its commands."""
    return "%s -w -t nat %s" % (program, command)


def together(program: str, commands: Sequence[str]) -> str:
    """Return how iptables carries out all of the commands at once or, if one of them cannot be, none.

    One by one they take ten times as long: each reads all rules of the target.
    """
    words = " ".join(map(shlex.quote, ["*nat", *commands, "COMMIT"]))
    return "printf '%%s\\n' %s | %s-restore -w -n" % (words, program)


def listing(program: str) -> Tuple[str, ...]:
    """Return the command that shows all rules of the target."""
    return (program, "-n", "list", "ruleset") if uses_nft(program) else (program, "-w", "-t", "nat", "-S")


def missing(rules: Rules, place: str, listed: str) -> List[Published]:
    """Return the ports that are not handed on, from the text of `listing`."""
    if uses_nft(rules.program):
        own = listed.partition("table ip %s {" % table_of(place))[2].partition("\n}")[0]
        return [port for port in rules.ports if own.count(" %s\n" % destination(rules, port)) < 2]
    there = set(listed.splitlines())
    if not {"-A " + jump for jump in jumps(place)} <= there:
        return list(rules.ports)
    chain = chains_of(place)[0]
    return [port for port in rules.ports if "-A %s %s" % (chain, destination(rules, port)) not in there]
