# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The published ports of containers (I/O): what is handed on now, and what is left when a container has ended."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any, Collection, Dict, Iterable, List, Optional, Sequence

from ..errors import ContainerError
from ..lxc import programs
from ..model import config_text
from ..plan import ports
from ..target import published
from ..target.memory import read_once
from . import states, survey


def ports_of(lxc_path: str, desired: states.DesiredState) -> Sequence[published.Port]:
    """Return what a container publishes: by its spec if it has one, else by its config."""
    if desired.declared:
        return desired.ports
    rules = asked(lxc_path, desired.name)
    return [(port.protocol, port.target) for port in rules.ports] if rules else ()


def asked(lxc_path: str, name: str) -> Optional[ports.Rules]:
    """Return what the config of a container publishes."""
    return ports.in_config(survey.config_lines(lxc_path, name))


def publish(lxc_path: str, starting: Iterable[states.DesiredState]) -> Collection[str]:
    """Publish the ports of containers that are about to be started. Return the names of these containers.

    Where that fails nothing is published, and the hooks of each container do it, and tell why they cannot.
    """
    wanted = {each.name: asked(lxc_path, each.name) for each in starting if each.ports or not each.declared}
    rules = {name: each for name, each in wanted.items() if each}
    used = {each.program for each in rules.values()}
    # For a single container the hook takes no longer.
    if len(rules) < 2 or len(used) != 1:
        return ()
    by_record = {published.identity(lxc_path, name): each for name, each in rules.items()}
    argv, text = ports.for_many(used.pop(), by_record)
    try:
        os.makedirs(ports.RECORDS, exist_ok=True)
        for record, each in by_record.items():
            with open(os.path.join(ports.RECORDS, record), "w") as stream:
                stream.write(each.record() + "\n")
        programs.call(argv, text=text)
    except (ContainerError, OSError):
        return ()
    return frozenset(rules)


def obstacles(lxc_path: str, starting: Iterable[states.DesiredState], stopping: Collection[str]) -> states.Errors:
    """Return why containers that are to be started cannot publish their ports. `stopping`: what this run stops before."""
    found = {
        each.name: published.obstacle(lxc_path, each.name, ports_of(lxc_path, each), stopping) for each in starting
    }
    return {name: reason for name, reason in found.items() if reason}


@read_once
def listed(program: str) -> str:
    """Return all rules of the target, as a program shows them. Raises ContainerError."""
    return programs.call(ports.listing(program))


def not_in_force(lxc_path: str, name: str, lines: Sequence[config_text.Line]) -> List[str]:
    """Return a sentence for each port that is not handed on, although the config asks for it. Raises ContainerError."""
    rules = ports.in_config(lines)
    lost = ports.missing(rules, published.identity(lxc_path, name), listed(rules.program)) if rules else ()
    return ["ports: %d/%s of the target is not handed on to it" % (port.target, port.protocol) for port in lost]


def in_force(lxc_path: str, name: str) -> List[Dict[str, Any]]:
    """Return the ports that are handed on to a container now. Raises ContainerError if that cannot be read."""
    place = published.identity(lxc_path, name)
    rules = published.records().get(place)
    if not rules:
        return []
    lost = ports.missing(rules, place, listed(rules.program))
    there = [port for port in rules.ports if port not in lost]
    return [{"target": port.target, "container": port.container, "protocol": port.protocol} for port in there]


def take_down(lxc_path: str, names: Iterable[str]) -> states.Errors:
    """Remove what stopped containers have left published, as after a kill of LXC's monitor. Return the errors."""
    errors: states.Errors = {}
    there = published.records()
    for name, place in ((name, published.identity(lxc_path, name)) for name in names):
        if place not in there:
            continue
        try:
            programs.call(["sh", "-c", ports.removed(there[place].program, place)])
        except ContainerError as error:
            errors[name] = str(error)
            continue
        # LXC may have run the hook that does the same meanwhile.
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(ports.RECORDS, place))
    return errors


def take_down_stale(lxc_path: str, starting: Iterable[states.DesiredState]) -> None:
    """Remove what containers that were killed have left published, if others that publish ports are to be started."""
    if any(ports_of(lxc_path, desired) for desired in starting):
        take_down(lxc_path, map(published.name_of, published.stale(lxc_path)))
