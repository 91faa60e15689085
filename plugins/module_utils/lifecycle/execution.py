# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): carries out the steps of many containers, one step after the other, each for all of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Callable, List, Mapping, Sequence, Tuple

from ..disk import ownership, removal, volumes
from ..lxc import programs, runtime
from ..model import manifest
from ..plan import transitions
from ..workers import pool
from . import changes, failed_starts, packet_filters, starting, states, stopping, survey, verification, waiting


def reach(
    lxc: runtime.Runtime,
    all_desired: Sequence[states.DesiredState],
    steps: changes.Steps,
    errors: states.Errors,
    times: states.Times,
    known: Mapping[str, manifest.Manifest],
) -> Tuple[states.Survey, List[str]]:
    """Carry out the steps, then return the actual states and warnings. Adds to the errors.

    `known`: the manifests before the steps, as far as they have been read.
    """
    concerned = [desired for desired in all_desired if desired.name not in errors]
    errors.update(carry_out(lxc, concerned, steps, times, dict(errors)))
    still = {name: read for name, read in known.items() if not {"remove", "shift"} & set(steps.get(name, ()))}
    after = survey.survey(lxc, [desired.name for desired in all_desired], still)
    unmet = verification.verify([desired for desired in all_desired if desired.name not in errors], after)
    failed_starts.add_ends(lxc, unmet, after)
    errors.update(unmet)
    return after, verification.unverified_warnings(lxc.lxc_path, changes.started_pids(steps, after, errors))


def carry_out(
    lxc: runtime.Runtime,
    all_desired: Sequence[states.DesiredState],
    steps: Mapping[str, Tuple[str, ...]],
    times: states.Times,
    failed: Mapping[str, str] = MappingProxyType({}),
) -> states.Errors:
    """Carry out the steps of all containers, step by step. Return the reasons of those that failed.

    Containers are started after those that they come after are ready, and stopped before them. `failed`: the errors of
    other containers, which have failed before.
    """
    by_step = {step: [each for each in all_desired if step in steps.get(each.name, ())] for step in transitions.STEPS}
    errors = waiting.hopeless(by_step["start"], all_desired, failed)
    gate = waiting.Gate(lxc, all_desired)
    for step, concerned in by_step.items():
        for wave in waiting.waves(concerned, all_desired)[:: -1 if step == "stop" else 1]:
            if step == "start":
                errors.update(gate.closed([desired for desired in wave if desired.name not in errors], errors))
            going = [desired for desired in wave if desired.name not in errors]
            if going:
                errors.update(STEP[step](lxc, going, times))
    return errors


def unfreeze(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times) -> states.Errors:
    """Unfreeze the containers."""
    return states.reasons(pool.each(lxc.unfreeze, states.names_of(all_desired), programs.PATIENCE))


def freeze(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times) -> states.Errors:
    """Freeze the containers."""
    return states.reasons(pool.each(lxc.freeze, states.names_of(all_desired), programs.PATIENCE))


def remove(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times) -> states.Errors:
    """Remove the directories of the containers, which are all ours."""
    errors = stopping.take_down(lxc.lxc_path, states.names_of(all_desired))
    names = [desired.name for desired in all_desired if desired.name not in errors]
    return {**errors, **removal.remove_containers(lxc.lxc_path, names)}


def remove_volumes(
    lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times
) -> states.Errors:
    """Remove the volumes of the containers, which are gone."""
    return dict(volumes.remove_all(lxc.lxc_path, states.names_of(all_desired)))


def shift(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times) -> states.Errors:
    """Shift the owners of files to the ids of their container."""
    return ownership.shift_all(lxc.lxc_path, states.names_of(all_desired))


def reload(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], times: states.Times) -> states.Errors:
    """Tell the commands of the containers to read their configuration again."""
    # Few runs need it.
    from . import reloading

    return reloading.reload(lxc, all_desired, times)


def load_filters(
    lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], _times: states.Times
) -> states.Errors:
    """Give running containers the rules of their packet filters."""
    return packet_filters.load(lxc, states.names_of(all_desired))


STEP: Mapping[str, Callable[[runtime.Runtime, Sequence[states.DesiredState], states.Times], states.Errors]] = {
    "unfreeze": unfreeze,
    "stop": stopping.stop,
    "remove": remove,
    "remove_volumes": remove_volumes,
    "shift": shift,
    "start": starting.start,
    "filter": load_filters,
    "reload": reload,
    "freeze": freeze,
}
