# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet filters of running containers (I/O): what is in force, and rules that have changed since the start."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..container_spec.records import DROP_WITH_PACKET_FILTER
from ..disk import single_files, writing
from ..errors import ContainerError
from ..lxc import programs, runtime
from ..model import config_text
from ..model.host import FilterTools
from ..plan import packet_filter
from ..target import facts, packet_filters
from ..verify import in_force
from ..workers import pool
from . import states, survey


class Filtered(NamedTuple):
    """A running container with a packet filter: its PID 1, the program that loads the rules, their file and its text."""

    pid: int
    program: str
    path: str
    rules: str


def load(lxc: runtime.Runtime, names: Sequence[str]) -> states.Errors:
    """Give running containers the rules of their files, each all at once, and read them back. Return the errors.

    Where that fails, the old rules stay in force.
    """
    pids = {name: status.pid for name, status in survey.running(lxc, names).items() if status.pid}
    wanted = filtered(lxc.lxc_path, pids)
    done = pool.each(lambda name: replace(wanted[name]), list(wanted), programs.PATIENCE)
    errors = dict.fromkeys(names, "gateways.network: it does not run any more, so that nothing can get its rules")
    errors = {**{name: reason for name, reason in errors.items() if name not in pids}, **states.reasons(done)}
    lost = lost_of({name: each for name, each in wanted.items() if name not in errors})
    errors.update({name: reason for name, reason in lost.items() if reason})
    for name in (name for name in names if name not in errors):
        noted = partial(single_files.note_filter, lxc.lxc_path, name)
        reason = writing.attempt(noted, os.path.join(lxc.lxc_path, name))
        errors.update({name: reason} if reason else {})
    return errors


def replace(container: Filtered) -> None:
    """Load the rules of one container, as the hook does at its start. Raises ContainerError."""
    tools, lacking = packet_filters.tools_of(container.program)
    try:
        if not tools:
            raise ContainerError(lacking)
        if not packet_filters.is_apart(container.pid):
            raise ContainerError("it has no network of its own")
        programs.call(packet_filter.replacing(tools, container.pid, container.path))
    except ContainerError as error:
        raise ContainerError("gateways.network: its rules could not be replaced: %s" % error) from None


def filtered(lxc_path: str, pids: Mapping[str, int]) -> Dict[str, Filtered]:
    """Return those of these running containers whose configs ask for a packet filter."""
    found = {name: packet_filter.in_config(survey.config_lines(lxc_path, name)) for name in pids}
    return {name: of(lxc_path, name, pids[name], program) for name, program in found.items() if program}


def of(lxc_path: str, name: str, pid: int, program: str) -> Filtered:
    """Return a running container with its rules."""
    path = os.path.join(lxc_path, name, packet_filter.FILES[packet_filter.uses_nft(program)])
    return Filtered(pid, program, path, facts.read_text(path))


def lost_of(wanted: Mapping[str, Filtered]) -> Dict[str, str]:
    """Return how the filters of running containers differ from their files, in a sentence each; empty if they do not."""
    found: Dict[str, str] = {}
    for program in {each.program for each in wanted.values()}:
        own = {name: each for name, each in wanted.items() if each.program == program}
        tools, lacking = packet_filters.tools_of(program)
        if not tools:
            found.update(dict.fromkeys(own, "gateways.network: what is in force cannot be read: " + lacking))
            continue
        expected = packet_filters.loaded_by_text(tools, (each.rules for each in own.values()))
        # In several processes: most of it is the programs that are called.
        look = partial(difference, tools, own, expected)
        results = pool.divided(look, list(own), min(len(own), os.cpu_count() or 1))
        found.update({name: result.value or result.error for name, result in results.items()})
    return found


def difference(tools: FilterTools, wanted: Mapping[str, Filtered], expected: Mapping[str, str], name: str) -> str:
    """Return the sentence of one container. `expected`: how the target shows rules, by the text of their file."""
    rules = wanted[name].rules
    try:
        # Why rules cannot be loaded, only an attempt of their own tells.
        right = expected[rules] if rules in expected else packet_filters.loaded(tools, rules)
        same = packet_filter.normal(packet_filters.inside(tools, wanted[name].pid)) == right
    except ContainerError as error:
        return "gateways.network: its packet filter is not in force: %s" % error
    return "" if same else "gateways.network: other rules are in force than those of its file"


def why_not_loaded(lxc_path: str, name: str) -> str:
    """Return why the rules of a container that did not start cannot be loaded, as the end of a sentence; else nothing."""
    program = packet_filter.in_config(survey.config_lines(lxc_path, name))
    tools = packet_filters.tools_of(program).tools if program else None
    if not tools:
        return ""
    try:
        packet_filters.loaded(tools, facts.read_text(os.path.join(lxc_path, name, packet_filter.file_name(tools))))
    except ContainerError as error:
        return "; gateways.network: its packet filter cannot be loaded: %s" % error
    return ""


def around(lines: Sequence[config_text.Line], found: in_force.Effective) -> List[str]:
    """Return a sentence for each capability with which a container could get around the filter of its config."""
    kept = [each for each in DROP_WITH_PACKET_FILTER if each in found.capabilities]
    return [
        "gateways.network: PID 1 can still get %s, and with it around the filter" % each
        for each in (kept if packet_filter.in_config(lines) else ())
    ]


def effective(
    lxc_path: str, name: str, pid: int, lines: Sequence[config_text.Line], found: in_force.Effective
) -> Optional[Dict[str, Any]]:
    """Return the packet filter of a running container with its counters, or None if it should have none.

    `lines` are those of its config, and `found` is what else is in force.
    """
    program = packet_filter.in_config(lines)
    if not program:
        return None
    wanted = {name: of(lxc_path, name, pid, program)}
    missing = [*around(lines, found), *filter(None, lost_of(wanted).values())]
    tools = packet_filters.tools_of(program).tools
    try:
        shown = packet_filters.inside(tools, pid) if tools else ""
    except ContainerError:
        shown = ""
    counts = {key: each._asdict() for key, each in packet_filter.counts(program, shown).items()}
    return {"in_force": not missing, "missing": missing, **counts}
