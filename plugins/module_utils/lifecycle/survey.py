# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): the actual states of containers."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import Dict, List, Mapping, Sequence, Tuple, Union

from ..disk import places
from ..errors import ContainerError, unexpected
from ..lxc import queries, runtime
from ..model import config_text, manifest
from ..model.id_map import Ids
from ..plan import lxc_config, start_waits, transitions
from ..stages import planning
from ..target import facts, processes
from . import states


def survey(
    lxc: runtime.Runtime, names: Sequence[str], known: Mapping[str, manifest.Manifest] = MappingProxyType({})
) -> states.Survey:
    """Return the actual state of each container, or the error that explains why it is unknown. Looks only at our own.

    `known`: manifests that have already been read. One without stages belongs to a container that does not exist.
    """
    found: states.Survey = {}
    manifests: Dict[str, manifest.Manifest] = {}
    for name in names:
        try:
            read = known[name] if name in known else planning.read_manifest(lxc.lxc_path, name)
        except ContainerError as error:
            found[name] = error
            continue
        except Exception as error:  # pylint: disable=broad-except
            found[name] = ContainerError(unexpected(error))
            continue
        if read is None or (name in known and not read.stages):
            found[name] = states.ActualState("INCOMPLETE" if places.leftovers(lxc.lxc_path, name) else "ABSENT")
        else:
            manifests[name] = read
    for name, status in queries.statuses(lxc, list(manifests)).items():
        if isinstance(status, ContainerError):
            found[name] = status
        elif status.state == "STOPPED" and not has_config(lxc.lxc_path, name):
            found[name] = states.ActualState("INCOMPLETE")
        else:
            record = manifests[name]
            shift_to = record.ids if record.ids.before else None
            due = restart_due(status, record), shift_to, reload_due(status, record), filter_due(status, record)
            found[name] = states.ActualState(status.state, status.pid, *due)
    return found


def restart_due(status: Union[runtime.Status, ContainerError], record: manifest.Manifest) -> bool:
    """Return whether a running container has changed on disk since it was started."""
    if isinstance(status, ContainerError) or not status.pid:
        return False
    # LXC can do nothing with a container whose monitor has died.
    if not status.monitored:
        return True
    # The monitor counts, not PID 1: if a container reboots, its monitor starts a new PID 1 with the config of the first
    # start.
    monitor = processes.parent(status.pid)
    return transitions.restart_due(
        record.changed(), processes.boot_id(), processes.started(monitor) if monitor else None
    )


def reload_due(status: Union[runtime.Status, ContainerError], record: manifest.Manifest) -> bool:
    """Return whether the command of a running container has not got its signal since a change that it is to read.

    PID 1 counts: what it has started has read the file anew.
    """
    return later_than_start(status, record.to_reload())


def filter_due(status: Union[runtime.Status, ContainerError], record: manifest.Manifest) -> bool:
    """Return whether a running container has not got the rules of its packet filter since they have changed.

    PID 1 counts: the hook that runs before it loads the rules anew, also when a container reboots itself.
    """
    return later_than_start(status, record.to_filter())


def later_than_start(status: Union[runtime.Status, ContainerError], changes: Tuple[manifest.Moment, ...]) -> bool:
    """Return whether one of these changes is later than the start of a container's PID 1."""
    if isinstance(status, ContainerError) or not status.pid or not changes:
        return False
    return transitions.restart_due(changes, processes.boot_id(), processes.started(status.pid))


def predicted(
    found: states.ActualState, moved: bool, ids: Ids, told: bool = False, filtered: bool = False
) -> states.ActualState:
    """Return the state after a change that check mode has not carried out.

    `moved`: whether a running container sees the change only after a restart; `ids`: the ids after the change; `told`:
    whether its command reads the change at a signal; `filtered`: whether it changes rules of the packet filter.
    """
    shift_to = ids if ids.before else found.shift_to
    return found._replace(
        restart_due=found.restart_due or moved,
        shift_to=shift_to,
        reload_due=found.reload_due or told,
        filter_due=found.filter_due or filtered,
    )


def after_on_disk(lxc_path: str, name: str) -> Tuple[str, ...]:
    """Return the containers that a container comes after, from its config: for containers without a spec."""
    return start_waits.others(facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)))


def config_lines(lxc_path: str, name: str) -> List[config_text.Line]:
    """Return the lines of a container's config, none if there is no config."""
    return config_text.lines_of(facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)))


def has_config(lxc_path: str, name: str) -> bool:
    """Return whether a container is complete. The file system is asked, since LXC overlooks broken containers."""
    return os.path.isfile(os.path.join(lxc_path, name, lxc_config.FILE_NAME))


def running(lxc: runtime.Runtime, names: Sequence[str]) -> Dict[str, runtime.Status]:
    """Return LXC's status of those containers that have a PID 1."""
    found = queries.statuses(lxc, names).items()
    return {name: status for name, status in found if isinstance(status, runtime.Status) and status.pid}


def names_with(lxc_path: str, *kinds: str) -> List[str]:
    """Return the names of all containers with one of these files. A manifest makes a container ours, a config LXC's."""
    try:
        names = sorted(os.listdir(lxc_path))
    except FileNotFoundError:
        return []
    visible = [name for name in names if not name.startswith(".")]
    return [name for name in visible if any(os.path.isfile(os.path.join(lxc_path, name, kind)) for kind in kinds)]
