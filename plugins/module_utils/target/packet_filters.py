# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds (I/O) how packets can be filtered in containers of the target, by trying it in a network of its own."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from typing import Dict, Iterable, NamedTuple, Optional, Sequence, cast

from ..container_spec.records import PacketFilter, PacketRule
from ..errors import ContainerError
from ..model.host import Binary, FilterTools
from ..plan import packet_filter
from . import facts
from .memory import read_once

# Rules of every kind that a spec can have.
SAMPLE = PacketFilter(
    (
        PacketRule(("192.0.2.0/24", "192.0.2.1", "2001:db8::/32"), ("tcp", "udp"), ((53, 53), (8000, 8010))),
        PacketRule(),
    ),
    (PacketRule((), ("icmp",)), PacketRule(("0.0.0.0/0", "::/0"), ("tcp",))),
)
PATIENCE = 10


class Found(NamedTuple):
    """The programs, or why there are none."""

    tools: Optional[FilterTools]
    lacking: str = ""


@read_once
def find() -> Found:
    """Return the programs with which packet filters work here. nft comes first."""
    if not tools_of("").tools:
        return tools_of("")
    reasons = []
    for name in ("nft", "iptables"):
        program = facts.first_program(name, facts.PROGRAMS)
        if not program:
            reasons.append("there is no " + name)
            continue
        tools = cast(FilterTools, tools_of(program).tools)
        try:
            shown = loaded(tools, packet_filter.render(SAMPLE, tools))
            if not packet_filter.open_by_default(tools.program, shown):
                return Found(tools)
            reasons.append("%s: its rules are not in force" % name)
        except ContainerError as error:
            reasons.append("%s: %s" % (name, error))
    lacking = "neither nft nor iptables can filter packets on the target (%s); install nftables, and have a kernel with"
    return Found(None, (lacking + " nf_tables and its family inet, or with iptables") % "; ".join(reasons))


def tools_of(program: str) -> Found:
    """Return the programs with which this one, nft or iptables, works in other networks, or why there are none."""
    enter, apart = words("nsenter"), words("unshare")
    if not enter or not apart:
        return Found(None, "the target has no program nsenter or unshare; install util-linux, or a busybox with both")
    return Found(FilterTools(program, enter, apart))


def words(name: str) -> str:
    """Return how a program is called: by its path, or by that of a busybox with this applet; empty if there is neither."""
    program = facts.first_program(name, facts.PROGRAMS)
    if program:
        return program
    busybox = facts.busybox(None)
    return "%s %s" % (busybox.path, name) if isinstance(busybox, Binary) and name in busybox.applets else ""


@read_once
def loaded(tools: FilterTools, text: str) -> str:
    """Return how the target shows these rules where they are in force. Raise ContainerError if it cannot load them."""
    return packet_filter.normal(run(packet_filter.trial(tools), text))


def loaded_by_text(tools: FilterTools, texts: Iterable[str]) -> Dict[str, str]:
    """Return the same for many texts. Those that cannot be loaded are missing.

    A new network takes as long as several calls of nft, so all are loaded in one, if none of them is wrong.
    """
    wanted = list(dict.fromkeys(texts))
    if len(wanted) > 1 and packet_filter.uses_nft(tools.program):
        with suppress(ContainerError):
            shown = run(packet_filter.trial(tools, several=True), packet_filter.together(wanted))
            return dict(zip(wanted, map(packet_filter.normal, packet_filter.apart(shown, len(wanted)))))
    found: Dict[str, str] = {}
    for text in wanted:
        with suppress(ContainerError):
            found[text] = loaded(tools, text)
    return found


def inside(tools: FilterTools, pid: int) -> str:
    """Return the filter in the network of a process, as the target shows it. Raise ContainerError if there is none."""
    return run(packet_filter.inside(tools, pid))


def is_apart(pid: int) -> bool:
    """Return whether a process has another network than this one. Rules in the target's own would cut it off."""
    try:
        return not os.path.samefile("/proc/%d/ns/net" % pid, "/proc/self/ns/net")
    except OSError:
        return False


def run(argv: Sequence[str], text: str = "") -> str:
    """Run a program that reads `text`, and return its output. Raise ContainerError with its last words if it fails."""
    try:
        done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        raise ContainerError("it gave no answer within %d seconds" % PATIENCE) from None
    except OSError as error:
        raise ContainerError("%s cannot be run: %s" % (argv[0], error.strerror)) from None
    if done.returncode != 0:
        told = [line.strip() for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
        raise ContainerError(told[0] if told else "it ended with %d" % done.returncode)
    return done.stdout.decode("utf-8", "replace")
