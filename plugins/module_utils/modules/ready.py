# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module ready (I/O): waits until the checks of all containers hold, each in a process of its own."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .. import call, results
from ..container_spec import parse, records
from ..lifecycle import history, states, survey, verification
from ..lxc import runtime
from ..readiness import conditions, gate


def run(parameters: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    """Return the result for all containers. Raises RefusedError."""
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"])
    lxc = call.choose_runtime(parameters)
    more = {"lxc_path": lxc.lxc_path, "runtime": lxc.kind}
    if check:
        items = [item_of(container, None, {}, "") for container in containers]
        return results.result_of(items, [], dict(more, skipped=True))
    return results.result_of(wait(lxc, containers), [], more)


def wait(lxc: runtime.Runtime, containers: Sequence[records.Container]) -> List[Dict[str, Any]]:
    """Wait until the checks of the containers hold, and return the result of each container."""
    all_desired = [states.DesiredState(container.name, container.state) for container in containers]
    names = [desired.name for desired in all_desired]
    before = survey.survey(lxc, names)
    restarts = {name: restarts_of(history.of(lxc.lxc_path, name, running=True)) for name in names}
    errors = verification.verify(all_desired, before)
    waiting = [one for one in containers if one.state == "started" and one.name not in errors]
    pids = {one.name: pid_of(before, one.name) for one in waiting}
    verdicts = gate.wait(lxc, {one.name: one.ready for one in waiting}, pids)
    after = survey.survey(lxc, names) if verdicts else before
    errors.update(changes_between(all_desired, before, after, errors))
    started = [one.name for one in containers if one.state == "started"]
    ended = {name: end_since(lxc.lxc_path, name, after, restarts[name]) for name in started}
    errors.update({name: reason for name, reason in ended.items() if reason and name not in errors})
    items = [item_of(one, after, verdicts.get(one.name, {}), errors.get(one.name, "")) for one in containers]
    for item in [item for item in items if "error" in item]:
        reason = ended.get(item["name"])
        item["error"] += "; " + reason if reason and reason not in item["error"] else ""
        item["error"] += history.last_words(lxc.lxc_path, item["name"])
    return items


def pid_of(found: states.Survey, name: str) -> int:
    """Return the PID 1 of a running container, or 0."""
    there = found.get(name)
    return (there.pid or 0) if isinstance(there, states.ActualState) else 0


def changes_between(
    all_desired: List[states.DesiredState], before: states.Survey, after: states.Survey, errors: states.Errors
) -> states.Errors:
    """Return errors for containers that have changed since the checks began: another state, or another PID 1."""
    good = [desired for desired in all_desired if desired.name not in errors]
    found = verification.verify(good, after)
    for desired in good:
        was, now = pid_of(before, desired.name), pid_of(after, desired.name)
        if desired.name not in found and was != now:
            found[desired.name] = "its PID 1 was %d on the target when the gate began and is now %d" % (was, now)
    return found


Restarts = Tuple[Optional[int], bool]


def restarts_of(found: history.History) -> Restarts:
    """Return how often the command of a container was started again since its start, and whether it waits for that."""
    return found.restarts(), bool(found.runs and found.runs.state == "waiting")


def end_since(lxc_path: str, name: str, after: states.Survey, before: Restarts) -> str:
    """Return how the command of a container has ended while the gate waited, even if it is back by now; empty if not.

    `before`: its restarts when the gate began. A command that was not there then cannot be told from one that has ended.
    """
    running = bool(pid_of(after, name))
    found = history.of(lxc_path, name, running)
    now = restarts_of(found)
    unrecorded = history.unrecorded(lxc_path, name, found) if running else ""
    if unrecorded:
        return unrecorded
    if not found.last_end or (running and now == before and not now[1]):
        return ""
    back = ", and is to be started again" if now[1] else ", and was started again"
    return found.last_end.reason + (back if running else "")


def item_of(
    container: records.Container, found: Optional[states.Survey], verdicts: Mapping[int, Dict[str, Any]], error: str
) -> Dict[str, Any]:
    """Return the result of one container. Values that were not checked are null."""
    there = found.get(container.name) if found else None
    blank = {"held": None, "seconds": None, "reason": "", "error": ""}
    outcomes = [{**blank, **verdicts.get(place, {})} for place in range(len(container.ready))]
    # If PID 1 has ended, all checks report it: once is enough.
    errors = list(dict.fromkeys(filter(None, [one["error"] for one in outcomes]))) or ([error] if error else [])
    item: Dict[str, Any] = {
        "name": container.name,
        "changed": False,
        "ready": None if found is None else not errors,
        "state": there.state if isinstance(there, states.ActualState) else None,
        "pid": there.pid if isinstance(there, states.ActualState) else None,
        "checks": [
            {"check": conditions.title(check), "held": one["held"], "seconds": one["seconds"], "reason": one["reason"]}
            for check, one in zip(container.ready, outcomes)
        ],
    }
    return dict(item, error="; ".join(errors)) if errors else item
