# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module container (I/O): specs or names in, states out."""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any, Dict, Mapping, Sequence, Tuple

from .. import call, results
from ..container_spec import spec
from ..disk import files
from ..errors import ContainerError, RefusedError, unexpected
from ..lifecycle import obstacles, supervise
from ..lxc import runtime
from ..model import manifest
from ..plan import apparmor, lxc_mounts, transitions
from ..stages import planning

Steps = Dict[str, Tuple[str, ...]]


def run(parameters: Mapping[str, Any], check: bool, diff: bool, predict: bool = True) -> Dict[str, Any]:
    """The result for all containers. Raises RefusedError before anything changes.

    In check mode the earlier stages have changed nothing; with `predict` it is asked what they would change.
    """
    bridge = call.bridge_of(parameters)
    containers = spec.parse_containers(parameters["containers"], parameters["defaults"], parameters["secrets"], bridge)
    names = spec.parse_names(parameters["name"] or ())
    if containers and names:
        raise RefusedError("name: give either names or containers, not both")
    if names and parameters["prune"] and parameters["state"] != "absent":
        raise RefusedError("prune: goes with containers, since with names it would remove all the others")
    times = times_of(parameters)
    reached = call.choose_runtime(parameters)
    wishes = [wish_of(container) for container in containers]
    wishes += [supervise.Wish(name, parameters["state"] or "started") for name in dict.fromkeys(names)]
    if parameters["prune"]:
        known = [wish.name for wish in wishes]
        others = supervise.names_with(reached.lxc_path, manifest.FILE_NAME) + files.unfinished(reached.lxc_path)
        wishes += [supervise.Wish(name, "absent") for name in dict.fromkeys(others) if name not in known]
    with nullcontext() if check else files.locked(reached.lxc_path, [wish.name for wish in wishes]):
        before = look(reached, wishes, check)
        planned_for = foresee(containers, reached, bridge, before) if check and predict else before
        failed = call.failures_before(parameters)
        concerned = [wish for wish in wishes if wish.name not in failed]
        steps, errors = plan_all(reached.lxc_path, concerned, planned_for, check)
        errors.update({wish.name: failed[wish.name] for wish in wishes if wish.name in failed})
        after, warnings = before, []
        if not check and any(steps.values()):
            errors.update(supervise.carry_out(reached, concerned, steps, times))
            after = supervise.survey(reached, [wish.name for wish in wishes])
            errors.update(supervise.verify([wish for wish in wishes if wish.name not in errors], after))
            warnings = supervise.unverified(reached.lxc_path, started(steps, after, errors))
    items = [item_of(wish, before, after, steps, errors, check) for wish in wishes]
    diffs = [diff_of(wish, steps[wish.name], before) for wish in wishes if steps.get(wish.name)] if diff else []
    more: Dict[str, Any] = {"lxc_path": reached.lxc_path, "runtime": reached.kind}
    return results.result_of(items, diffs, {**more, "warnings": warnings} if warnings else more)


def started(steps: Steps, found: supervise.Survey, errors: supervise.Errors) -> Dict[str, int]:
    """The PID 1 of each container that was started and is as it should be."""
    there = {name: found[name] for name, planned in steps.items() if "start" in planned and name not in errors}
    return {name: one.pid for name, one in there.items() if isinstance(one, supervise.Found) and one.pid}


def times_of(parameters: Mapping[str, Any]) -> supervise.Times:
    """The times of a module's parameters. Raises RefusedError."""
    return supervise.Times(*(at_least_zero(parameters, key) for key in ("settle", "stop_timeout", "start_timeout")))


def at_least_zero(parameters: Mapping[str, Any], key: str) -> float:
    """A number of seconds. Raises RefusedError."""
    if not 0 <= parameters[key] <= 86400:
        raise RefusedError("%s: %r is not from 0 to 86400 seconds" % (key, parameters[key]))
    return float(parameters[key])


def wish_of(container: spec.Container) -> supervise.Wish:
    """What a spec wants of the lifecycle."""
    restart = container.on_change == "restart"
    return supervise.Wish(
        container.name,
        container.state,
        restart,
        container.limits,
        True,
        lxc_mounts.optional_targets(container),
        apparmor.asked(container),
    )


def look(reached: runtime.Runtime, wishes: Sequence[supervise.Wish], check: bool) -> supervise.Survey:
    """What is there. One that is to be removed and that LXC cannot load is made loadable first."""
    found = supervise.survey(reached, [wish.name for wish in wishes])
    doomed = [
        wish.name for wish in wishes if wish.state == "absent" and isinstance(found[wish.name], runtime.LoadError)
    ]
    if doomed and check:
        return {**found, **{name: supervise.Found("RUNNING") for name in doomed}}
    for name in list(doomed):
        try:
            files.refuse_mounts(os.path.join(reached.lxc_path, name))
        except ContainerError as error:
            # It will not be removed, so it keeps its config.
            found[name] = error
            doomed.remove(name)
    if doomed:
        supervise.make_loadable(reached, doomed)
        found.update(supervise.survey(reached, doomed))
    return found


def foresee(
    containers: Sequence[spec.Container], reached: runtime.Runtime, bridge: str, before: supervise.Survey
) -> supervise.Survey:
    """What would be there after the earlier stages, which check mode has not carried out."""
    # All stages, which take long to load and are only asked in check mode.
    from ..stages import chain, id_allocation

    found = dict(before)
    concerned = [container for container in containers if container.state != "absent"]
    ids = id_allocation.Allotment(reached, True).ids
    declared = {container.name: container for container in containers}
    for stage in chain.STAGES:
        place = planning.Place(reached.lxc_path, bridge, stage.gather(concerned), ids, declared)
        for container in concerned:
            there = found[container.name]
            if isinstance(there, supervise.Found):
                try:
                    change = planning.plan(stage, container, place, True).change
                except Exception:  # pylint: disable=broad-except
                    continue  # The stage itself has said so.
                moved = change.before.changed() != change.after.changed()
                found[container.name] = supervise.foreseen(there, moved, change.after.ids)
    return found


def plan_all(
    lxc_path: str, wishes: Sequence[supervise.Wish], before: supervise.Survey, check: bool
) -> Tuple[Steps, supervise.Errors]:
    """The steps of each container, or the reason why there are none."""
    steps: Steps = {}
    errors: supervise.Errors = {}
    for wish in wishes:
        try:
            there = before[wish.name]
            planned = supervise.plan(wish, there, check)
            # Before it is stopped: a container that cannot be removed or changed goes on running.
            if "remove" in planned:
                files.refuse_mounts(os.path.join(lxc_path, wish.name))
            if "shift" in planned and isinstance(there, supervise.Found) and there.shift_to:
                files.refuse_shift(lxc_path, wish.name, there.shift_to)
            if "start" in planned:
                obstacles.refuse_start(lxc_path, wish.name, (wish.apparmor,) if check and wish.declared else None)
            steps[wish.name] = planned
        except ContainerError as error:
            errors[wish.name] = str(error)
        except OSError as error:
            place = error.filename if isinstance(error.filename, str) else wish.name
            errors[wish.name] = "%s cannot be read: %s" % (ascii(place)[1:-1], error.strerror)
        except Exception as error:  # pylint: disable=broad-except
            errors[wish.name] = unexpected(error)
    return steps, errors


def item_of(
    wish: supervise.Wish,
    before: supervise.Survey,
    after: supervise.Survey,
    steps: Steps,
    errors: supervise.Errors,
    check: bool,
) -> Dict[str, Any]:
    """The result of one container."""
    was, now = before[wish.name], after[wish.name]
    changes = list(steps.get(wish.name, ()))
    item: Dict[str, Any] = {
        "name": wish.name,
        "changed": bool(changes) and (check or wish.name not in errors or was != now),
        "changes": changes,
        "state_before": was.state if isinstance(was, supervise.Found) else None,
        "state": now.state if isinstance(now, supervise.Found) else None,
        "pid": now.pid if isinstance(now, supervise.Found) else None,
    }
    return dict(item, error=errors[wish.name]) if wish.name in errors else item


def diff_of(wish: supervise.Wish, steps: Tuple[str, ...], before: supervise.Survey) -> Dict[str, str]:
    """Ansible's diff of one container's state. One that check mode only predicts counts as stopped."""
    was = before[wish.name]
    state = was.state if isinstance(was, supervise.Found) and was.state not in ("ABSENT", "INCOMPLETE") else "STOPPED"
    reached = transitions.REACHED[wish.state]
    note = " (restarted)" if "stop" in steps and "start" in steps else ""
    headers = {"before_header": wish.name, "after_header": wish.name}
    return dict(headers, before="state: %s\n" % state, after="state: %s%s\n" % (reached, note))
