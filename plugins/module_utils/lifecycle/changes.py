# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans and reports (I/O, reads only): the steps that the containers of a list need, and their results."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from ..disk import ownership, places, removal, volumes
from ..errors import ContainerError, unexpected
from ..lxc import runtime
from ..model import manifest
from ..plan import transitions
from . import states, stopping, survey

Steps = Dict[str, Tuple[str, ...]]
# What a handler asks about, by the steps that show it. The first row that fits counts.
DONE = (
    ("removed", ("remove",)),
    ("restarted", ("stop", "start")),
    ("started", ("start",)),
    ("stopped", ("stop",)),
    ("reloaded", ("reload",)),
    ("filtered", ("filter",)),
)
NOTES = {"restarted": " (restarted)", "reloaded": " (reloaded)", "filtered": " (packet filter replaced)"}


def plan(
    desired: states.DesiredState, found: Union[states.ActualState, ContainerError], check: bool
) -> Tuple[str, ...]:
    """Return the steps for one container. Raises ContainerError if no steps lead to the desired state.

    In check mode the earlier stages are only predicted: a container that they would build counts as built.
    """
    if isinstance(found, ContainerError):
        raise found
    state = found.state
    if state in ("ABSENT", "INCOMPLETE") and desired.state != "absent":
        if not (check and desired.declared):
            raise ContainerError("it is not built yet; run the stages rootfs, busybox and config first")
        state = "STOPPED"
    if desired.state == "reloaded" and not desired.reload:
        raise ContainerError("it cannot be reloaded, since its spec has no key reload, which names the signal")
    # A change that should have been told, by a spec that names no signal any more, takes a restart.
    restart = desired.restart and (found.restart_due or (found.reload_due and not desired.reload))
    reload = found.reload_due and bool(desired.reload)
    steps = transitions.steps(state, desired.state, restart, bool(found.shift_to), reload, found.filter_due)
    if steps is None:
        raise ContainerError("it is %s and cannot be %s yet; wait a moment and run again" % (state, desired.state))
    return steps


def look(
    lxc: runtime.Runtime,
    all_desired: Sequence[states.DesiredState],
    check: bool,
    known: Mapping[str, manifest.Manifest] = MappingProxyType({}),
) -> states.Survey:
    """Return the actual states. A container that is to be removed and that LXC cannot load is made loadable first.

    `known`: manifests that have already been read.
    """
    found = survey.survey(lxc, [desired.name for desired in all_desired], known)
    doomed = [
        desired.name
        for desired in all_desired
        if desired.state == "absent" and isinstance(found[desired.name], runtime.LoadError)
    ]
    if doomed and check:
        return {**found, **{name: states.ActualState("RUNNING") for name in doomed}}
    for name in list(doomed):
        try:
            removal.refuse_mounts(os.path.join(lxc.lxc_path, name))
        except ContainerError as error:
            # It will not be removed, so it keeps its config.
            found[name] = error
            doomed.remove(name)
    if doomed:
        stopping.make_loadable(lxc, doomed)
        found.update(survey.survey(lxc, doomed))
    return found


def plan_all(
    lxc_path: str, all_desired: Sequence[states.DesiredState], before: states.Survey, check: bool
) -> Tuple[Steps, states.Errors]:
    """Return the steps of each container, and for the others the reason why there are none."""
    steps: Steps = {}
    errors: states.Errors = {}
    for desired in all_desired:
        try:
            there = before[desired.name]
            planned = plan(desired, there, check)
            if desired.remove_volumes and desired.state == "absent" and volumes.names(lxc_path, desired.name):
                removal.refuse_mounts(places.volumes(lxc_path, desired.name))
                planned = (*planned, "remove_volumes")
            # Check this before the container is stopped: one that cannot be removed or changed keeps running.
            if "remove" in planned:
                removal.refuse_mounts(os.path.join(lxc_path, desired.name))
            if "shift" in planned and isinstance(there, states.ActualState) and there.shift_to:
                ownership.refuse_shift(lxc_path, desired.name, there.shift_to)
            if "start" in planned:
                # Loaded only if a container is to be started.
                from . import obstacles

                obstacles.refuse_start(
                    lxc_path, desired.name, (desired.apparmor,) if check and desired.declared else None
                )
            steps[desired.name] = planned
        except ContainerError as error:
            errors[desired.name] = str(error)
        except OSError as error:
            place = error.filename if isinstance(error.filename, str) else desired.name
            errors[desired.name] = "%s cannot be read: %s" % (ascii(place)[1:-1], error.strerror)
        except Exception as error:  # pylint: disable=broad-except
            errors[desired.name] = unexpected(error)
    refuse_ports(lxc_path, all_desired, steps, errors)
    return steps, errors


def refuse_ports(
    lxc_path: str, all_desired: Sequence[states.DesiredState], steps: Steps, errors: states.Errors
) -> None:
    """Take the steps from containers that cannot publish their ports, and add the reasons to the errors."""
    starting = [desired for desired in all_desired if "start" in steps.get(desired.name, ())]
    if not starting:
        return
    # Loaded only if a container is to be started.
    from . import published

    stopping = [name for name, planned in steps.items() if "stop" in planned]
    for name, reason in published.obstacles(lxc_path, starting, stopping).items():
        errors[name] = reason
        del steps[name]


def started_pids(steps: Steps, found: states.Survey, errors: states.Errors) -> Dict[str, int]:
    """Return the PID 1 of each container that was started without an error."""
    there = {name: found[name] for name, planned in steps.items() if "start" in planned and name not in errors}
    return {name: one.pid for name, one in there.items() if isinstance(one, states.ActualState) and one.pid}


def done(steps: Sequence[str]) -> str:
    """Return what is done to a container by its steps, as a key of `lists_of`; empty if no key says it."""
    return next((key for key, needed in DONE if set(needed) <= set(steps)), "")


def lists_of(
    all_desired: Sequence[states.DesiredState], steps: Steps, errors: states.Errors, check: bool
) -> Dict[str, List[str]]:
    """Return the names of the containers by what was done, or in check mode would be. Those that failed are in no list."""
    found: Dict[str, List[str]] = {key: [] for key, _needed in DONE}
    for name in states.names_of(all_desired):
        key = done(steps.get(name, ()))
        if key and (check or name not in errors):
            found[key].append(name)
    return found


def item_of(
    desired: states.DesiredState,
    before: states.Survey,
    after: states.Survey,
    steps: Steps,
    errors: states.Errors,
    check: bool,
) -> Dict[str, Any]:
    """Return the result of one container."""
    was, now = before[desired.name], after[desired.name]
    changes = list(steps.get(desired.name, ()))
    item: Dict[str, Any] = {
        "name": desired.name,
        "changed": bool(changes) and (check or desired.name not in errors or was != now),
        "changes": changes,
        "state_before": was.state if isinstance(was, states.ActualState) else None,
        "state": now.state if isinstance(now, states.ActualState) else None,
        "pid": now.pid if isinstance(now, states.ActualState) else None,
    }
    return dict(item, error=errors[desired.name]) if desired.name in errors else item


def diff_of(desired: states.DesiredState, steps: Tuple[str, ...], before: states.Survey) -> Dict[str, str]:
    """Return Ansible's diff of one container's state. A container that check mode only predicts counts as stopped."""
    was = before[desired.name]
    state = (
        was.state if isinstance(was, states.ActualState) and was.state not in ("ABSENT", "INCOMPLETE") else "STOPPED"
    )
    if steps == ("remove_volumes",):
        state = transitions.REACHED[desired.state]
    state_after = transitions.REACHED[desired.state]
    note = NOTES.get(done(steps), "")
    headers = {"before_header": desired.name, "after_header": desired.name}
    gone = ("volumes: kept\n", "volumes: removed\n") if "remove_volumes" in steps else ("", "")
    return dict(
        headers, before="state: %s\n%s" % (state, gone[0]), after="state: %s%s\n%s" % (state_after, note, gone[1])
    )
