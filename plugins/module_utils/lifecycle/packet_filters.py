# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packet filters of running containers (I/O): what is in force, and rules that have changed since the start."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, Dict, List, Optional, Sequence

from ..container_spec.records import DROP_WITH_PACKET_FILTER
from ..disk import single_files, writing
from ..errors import ContainerError
from ..lxc import programs, runtime
from ..model import config_text
from ..plan import lxc_config, packet_filter
from ..target import facts, packet_filters
from ..verify import in_force
from ..workers import pool
from . import states, survey


def load(lxc: runtime.Runtime, names: Sequence[str]) -> states.Errors:
    """Give running containers the rules of their files, each all at once, and read them back. Return the errors.

    Where that fails, the old rules stay in force.
    """
    found = survey.running(lxc, names)
    pids = {name: status.pid for name, status in found.items() if status.pid}
    loaded = pool.each(lambda name: replace(lxc.lxc_path, name, pids.get(name)), names, programs.PATIENCE)
    errors = states.reasons(loaded)
    for name in (name for name in names if name not in errors):
        noted = partial(single_files.note_filter, lxc.lxc_path, name)
        reason = writing.attempt(noted, os.path.join(lxc.lxc_path, name))
        errors.update({name: reason} if reason else {})
    return errors


def replace(lxc_path: str, name: str, pid: Optional[int]) -> None:
    """Load the rules of one container by the hook that does so at its start. Raises ContainerError."""
    lines = lines_of(lxc_path, name)
    filtered = packet_filter.in_config(lines)
    if not filtered:
        return
    if not pid:
        raise ContainerError("gateways.network: it does not run any more, so that nothing can get its rules")
    try:
        programs.call(["env", "LXC_PID=%d" % pid, "sh", "-c", filtered.command])
    except ContainerError as error:
        raise ContainerError("gateways.network: its rules could not be replaced: %s" % error) from None
    lost = differences(lxc_path, name, pid, filtered)
    if lost:
        raise ContainerError(lost)


def lines_of(lxc_path: str, name: str) -> List[config_text.Line]:
    """Return the config of a container."""
    return config_text.lines_of(facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)))


def differences(lxc_path: str, name: str, pid: int, filtered: packet_filter.Loaded) -> str:
    """Return how the filter of a running container differs from its file; empty if it does not. Raises ContainerError."""
    tools, lacking = packet_filters.tools_of(filtered.program)
    if not tools:
        return "gateways.network: what is in force cannot be read, since " + lacking
    path = os.path.join(lxc_path, name, packet_filter.file_name(tools))
    try:
        wanted = packet_filters.loaded(tools, facts.read_text(path))
        same = packet_filter.normal(packet_filters.inside(tools, pid)) == wanted
    except ContainerError as error:
        return "gateways.network: its packet filter is not in force: %s" % error
    return "" if same else "gateways.network: other rules are in force than those of %s" % path


def why_not_loaded(lxc_path: str, name: str) -> str:
    """Return why the rules of a container that did not start cannot be loaded, as the end of a sentence; else nothing."""
    filtered = packet_filter.in_config(lines_of(lxc_path, name))
    tools = packet_filters.tools_of(filtered.program).tools if filtered else None
    if not tools:
        return ""
    try:
        packet_filters.loaded(tools, facts.read_text(os.path.join(lxc_path, name, packet_filter.file_name(tools))))
    except ContainerError as error:
        return "; gateways.network: its packet filter cannot be loaded: %s" % error
    return ""


def not_in_force(
    lxc_path: str, name: str, pid: int, lines: Sequence[config_text.Line], found: in_force.Effective
) -> List[str]:
    """Return a sentence for all that lets a container around the packet filter that its config asks for."""
    filtered = packet_filter.in_config(lines)
    if not filtered:
        return []
    kept = [each for each in DROP_WITH_PACKET_FILTER if each in found.capabilities]
    sentences = ["gateways.network: PID 1 can still get %s, and with it around the filter" % each for each in kept]
    lost = differences(lxc_path, name, pid, filtered)
    return [*sentences, lost] if lost else sentences


def effective(lxc_path: str, name: str, pid: int) -> Optional[Dict[str, Any]]:
    """Return the packet filter of a running container with its counters, or None if it should have none."""
    lines = lines_of(lxc_path, name)
    filtered = packet_filter.in_config(lines)
    if not filtered:
        return None
    missing = not_in_force(lxc_path, name, pid, lines, in_force.of(pid))
    tools = packet_filters.tools_of(filtered.program)[0]
    try:
        shown = packet_filters.inside(tools, pid) if tools else ""
    except ContainerError:
        shown = ""
    counts = {key: each._asdict() for key, each in packet_filter.counts(filtered.program, shown).items()}
    return {"in_force": not missing, "missing": missing, **counts}
