# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): whether a container is in the desired state, and whether what its config asks for is in force."""

from __future__ import annotations

import os
from typing import Iterable, List, Mapping

from ..disk import volumes
from ..errors import ContainerError, unexpected
from ..model import config_text
from ..plan import lifetime, lxc_config, transitions
from ..target import facts
from ..verify import device_nodes, in_force, usage
from . import history, packet_filters, published, states


def verify(all_desired: Iterable[states.DesiredState], found: states.Survey) -> states.Errors:
    """Return an error for each container that is not in the desired state."""
    errors: states.Errors = {}
    for desired in all_desired:
        there = found[desired.name]
        if isinstance(there, ContainerError):
            errors[desired.name] = str(there)
        elif there.state != transitions.REACHED[desired.state]:
            errors[desired.name] = "it should be %s and is %s" % (transitions.REACHED[desired.state], there.state)
    return errors


def not_in_force(lxc_path: str, desired: states.DesiredState, pid: int) -> List[str]:
    """Return what a container that was just started should have, but the kernel does not show for its PID 1."""
    text = facts.read_text(os.path.join(lxc_path, desired.name, lxc_config.FILE_NAME))
    lines = config_text.lines_of(text)
    missing = usage.limits_not_in_force(pid, desired.limits)
    if lifetime.sends_output(text) and not history.follower(lxc_path, desired.name):
        missing.append("log.driver: no process sends its output on")
    try:
        found = in_force.of(pid)
        missing += in_force.not_in_force(lines, found)
        missing += device_nodes.not_in_force(pid, lines)
        missing += published.not_in_force(lxc_path, desired.name, lines)
        missing += packet_filters.around(lines, found)
        missing += [
            "volumes: the size of %s is not in force, since its file system has no project quotas now" % name
            for name in volumes.without_limit(lxc_path, desired.name)
        ]
        missing += [
            "%s: nothing is mounted at %s, although %s is there" % (key, inside, source)
            for key, source, inside in desired.optional
            if inside not in found.mounts and os.path.exists(source)
        ]
    except ContainerError as error:
        missing.append(str(error))
    except Exception as error:  # pylint: disable=broad-except
        missing.append(unexpected(error))
    return missing + in_force.passed_over(lines, facts.keys_version())


def unverified_warnings(lxc_path: str, pids: Mapping[str, int]) -> List[str]:
    """Return warnings about what cannot be verified of containers that were just started, from the PID 1 of each.

    Only one container is checked: whether it can be verified depends on Python and the kernel, the same for all.
    """
    texts = {name: facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)) for name in pids}
    asking = [name for name, text in texts.items() if in_force.restricts_devices(config_text.lines_of(text))]
    unknown = in_force.devices(pids[asking[0]])[1] if asking else None
    warning = "security.devices: it cannot be verified that the rules are in force for %s, since %s"
    return [warning % (", ".join(map(repr, asking)), unknown)] if unknown else []
