# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module container (I/O): takes specs or names, and returns states."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, ContextManager, Dict, List, Mapping, Optional, Sequence

from .. import call, results
from ..container_spec import parse, records
from ..disk import locking, places, volumes
from ..errors import RefusedError
from ..lifecycle import changes, states, survey
from ..model import manifest
from ..plan import apparmor, lxc_config, lxc_mounts
from ..stages import delivery
from ..target import facts

if TYPE_CHECKING:
    from ..stages import runner


def run(parameters: Mapping[str, Any], check: bool, diff: bool) -> Dict[str, Any]:
    """Return the result for all containers. Raises RefusedError before anything changes."""
    names = parse.parse_names(parameters["name"] or ())
    if parameters["containers"] and names:
        raise RefusedError("name: give either names or containers, not both")
    if names and parameters["prune"] and parameters["state"] != "absent":
        raise RefusedError("prune: goes with containers, since with names it would remove all the others")
    called, times = call.of(parameters, check, diff), times_of(parameters)
    removing = parameters["remove_volumes"]
    all_desired = all_desired_of(called, parameters["prune"], removing)
    all_desired += [
        desired_by_name(called, name, parameters["state"] or "started", removing) for name in dict.fromkeys(names)
    ]
    with locks(called, all_desired):
        return reach(called, [with_signal(called.lxc.lxc_path, desired) for desired in all_desired], times)


def with_signal(lxc_path: str, desired: states.DesiredState) -> states.DesiredState:
    """Return the desired state of a container that is to be reloaded by name, with the signal in its config."""
    if desired.state != "reloaded":
        return desired
    text = facts.read_text(os.path.join(lxc_path, desired.name, lxc_config.FILE_NAME))
    return desired._replace(reload=lxc_config.signal_in(text))


def all_desired_of(called: call.Call, prune: bool, remove_volumes: bool = False) -> List[states.DesiredState]:
    """Return the states that the specs ask for. With `prune` all other containers of ours are to be removed.

    `remove_volumes`: with a container its volumes go too, and with `prune` those of containers that are gone.
    """
    lxc_path = called.lxc.lxc_path
    all_desired = [*map(desired_of, called.containers)]
    if prune:
        declared = [desired.name for desired in all_desired]
        others = survey.names_with(lxc_path, manifest.FILE_NAME) + places.unfinished(lxc_path)
        others += volumes.owners(lxc_path) if remove_volumes else []
        doomed = [name for name in dict.fromkeys(others) if name not in declared]
        all_desired += [desired_by_name(called, name, "absent") for name in doomed]
    return [desired._replace(remove_volumes=remove_volumes) for desired in all_desired]


def desired_by_name(called: call.Call, name: str, state: str, remove_volumes: bool = False) -> states.DesiredState:
    """Return the desired state of a container without a spec."""
    after = survey.after_on_disk(called.lxc.lxc_path, name)
    return states.DesiredState(name, state, remove_volumes=remove_volumes, after=after)


def locks(called: call.Call, all_desired: Sequence[states.DesiredState]) -> ContextManager[None]:
    """Return the locks of the containers, or no locks in check mode."""
    names = [desired.name for desired in all_desired] + delivery.locks(called)
    return nullcontext() if called.check else locking.locked(called.lxc.lxc_path, names)


def reach(
    called: call.Call,
    all_desired: Sequence[states.DesiredState],
    times: states.Times,
    outcome: Optional[runner.Outcome] = None,
) -> Dict[str, Any]:
    """Return the result of a call that is already parsed, for containers whose locks are held.

    `outcome`: what the earlier stages have planned (in check mode they have not carried it out). If it is None and
    check mode needs it, they are planned here.
    """
    lxc, check, failed = called.lxc, called.check, called.failed
    manifests = outcome.manifests(check) if outcome else {}
    before = changes.look(lxc, all_desired, check, manifests)
    planned_for = foresee(called, before, outcome) if check else before
    concerned = [desired for desired in all_desired if desired.name not in failed]
    steps, errors = changes.plan_all(lxc.lxc_path, concerned, planned_for, check)
    errors.update({desired.name: failed[desired.name] for desired in all_desired if desired.name in failed})
    after: states.Survey = before
    warnings: List[str] = []
    if not check and any(steps.values()):
        # Load this code late: loading takes long, and most runs have nothing to do.
        from ..lifecycle import execution

        after, warnings = execution.reach(lxc, all_desired, steps, errors, times, manifests)
    items = [changes.item_of(desired, before, after, steps, errors, check) for desired in all_desired]
    reported = [desired for desired in all_desired if called.diff and steps.get(desired.name)]
    diffs = [changes.diff_of(desired, steps[desired.name], before) for desired in reported]
    more: Dict[str, Any] = {"lxc_path": lxc.lxc_path, "runtime": lxc.kind}
    # Not at the top, where Ansible takes a key `started` for a job that goes on.
    more["done"] = changes.lists_of(all_desired, steps, errors, check)
    return results.result_of(items, diffs, {**more, "warnings": warnings} if warnings else more)


def times_of(parameters: Mapping[str, Any]) -> states.Times:
    """Return the times among a module's parameters. Raises RefusedError."""
    return states.Times(*(at_least_zero(parameters, key) for key in ("settle", "stop_timeout", "start_timeout")))


def at_least_zero(parameters: Mapping[str, Any], key: str) -> float:
    """Return a parameter as a number of seconds, from 0 to 86400. Raises RefusedError."""
    if not 0 <= parameters[key] <= 86400:
        raise RefusedError("%s: %r is not from 0 to 86400 seconds" % (key, parameters[key]))
    return float(parameters[key])


def desired_of(container: records.Container) -> states.DesiredState:
    """Return the state that a spec asks for."""
    restart = container.on_change == "restart"
    return states.DesiredState(
        container.name,
        container.state,
        restart,
        container.limits,
        True,
        lxc_mounts.optional_targets(container),
        apparmor.requested_profile(container),
        container.reload,
        after=container.after,
        ready=container.ready,
        ports=tuple((port.protocol, port.target) for port in container.ports),
    )


def foresee(called: call.Call, before: states.Survey, outcome: Optional[runner.Outcome]) -> states.Survey:
    """Return the states as they would be after the earlier stages, which check mode has not carried out."""
    if outcome is None:
        # Only check mode needs the stages, and they take long to load.
        from ..stages import chain, runner

        outcome = runner.run(chain.STAGES, called, asks_lxc=False)
    found = dict(before)
    for name, plan in outcome.plans.items():
        there = found[name]
        if isinstance(there, states.ActualState) and not plan.error:
            moved = plan.before.changed() != plan.after.changed()
            told = plan.before.to_reload() != plan.after.to_reload()
            filtered = plan.before.to_filter() != plan.after.to_filter()
            found[name] = survey.predicted(there, moved, plan.after.ids, told, filtered)
    return found
