# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module ready (I/O): waits until the checks of all containers hold, each in a process of its own."""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from .. import call, results
from ..container_spec import parse, records
from ..disk import beneath
from ..errors import ContainerError
from ..lifecycle import history, states, survey, verification
from ..lxc import attach, runtime
from ..readiness import conditions, connections
from ..target import processes
from ..workers import pool
from . import exec

# A process that has not reported its verdict this long (in seconds) after its time limit is killed. It hangs in the
# kernel, for example in a file system that the container has mounted.
GRACE = 5.0
# More processes would need more descriptors than a process may usually have. Further checks wait for their turn.
AT_ONCE = 256
OUTPUT_MAX = 4096

Places = Dict[str, Tuple[str, records.Check]]


def run(parameters: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    """Return the result for all containers. Raises RefusedError."""
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"])
    lxc = call.choose_runtime(parameters)
    more = {"lxc_path": lxc.lxc_path, "runtime": lxc.kind}
    if check:
        items = [item_of(container, None, {}, "") for container in containers]
        return results.result_of(items, [], dict(more, skipped=True))
    all_desired = [states.DesiredState(container.name, container.state) for container in containers]
    names = [desired.name for desired in all_desired]
    before = survey.survey(lxc, names)
    restarts = {name: restarts_of(history.of(lxc.lxc_path, name, running=True)) for name in names}
    errors = verification.verify(all_desired, before)
    waiting = [one for one in containers if one.state == "started" and one.name not in errors]
    verdicts = wait(lxc, waiting, {one.name: pid_of(before, one.name) for one in waiting})
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
    return results.result_of(items, [], more)


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
    if not found.last_end or (running and now == before and not now[1]):
        return ""
    back = ", and is to be started again" if now[1] else ", and was started again"
    return found.last_end.reason + (back if running else "")


def wait(
    lxc: runtime.Runtime, containers: List[records.Container], pids: Mapping[str, int]
) -> Dict[str, Dict[int, Dict[str, Any]]]:
    """Return the verdict on each check, by container and by its place in the container's list.

    All checks run at once, each in a process of its own: a check that hangs does not delay the others, and a process
    that has entered a container's network namespace stays there.
    """
    places: Places = {
        "%s %d" % (one.name, place): (one.name, check) for one in containers for place, check in enumerate(one.ready)
    }
    if not places:
        return {}
    since = {name: processes.started(pid) for name, pid in pids.items()}

    def watch(item: str) -> Dict[str, Any]:
        name, check = places[item]
        return watch_one(lxc, name, check, pids[name], since[name])

    longest = max(conditions.bound(check) for _name, check in places.values())
    found = pool.each(watch, list(places), longest + GRACE, AT_ONCE, keep=False)
    verdicts: Dict[str, Dict[int, Dict[str, Any]]] = {}
    for item, result in found.items():
        name, check = places[item]
        place = int(item.rpartition(" ")[2])
        lost = {"held": False, "reason": result.error, "error": "%s: %s" % (conditions.title(check), result.error)}
        verdicts.setdefault(name, {})[place] = lost if result.error else result.value
    return verdicts


def watch_one(
    lxc: runtime.Runtime, name: str, check: records.Check, pid: int, started: Optional[float]
) -> Dict[str, Any]:
    """Run one check until there is a verdict or PID 1 has ended. Its end wakes us."""
    begun = time.monotonic()
    look = LOOKS[conditions.kind(check)](lxc, name, check, pid)
    watch, verdict, error = conditions.Watch(), None, ""
    while verdict is None:
        at = time.monotonic() - begun
        try:
            reason = look(conditions.patience(check, watch, at))
        except (ContainerError, OSError) as problem:
            reason = str(problem)
        at = time.monotonic() - begun
        watch = conditions.after_look(watch, at, reason)
        verdict = conditions.verdict(check, watch, at)
        if verdict is None:
            processes.wait_for_end([pid], conditions.pause(check, watch, at))
        # The PID may belong to another process by now, so compare the start times.
        if started is None or processes.started(pid) != started:
            verdict, error = False, conditions.ENDED
    error = error or ("" if verdict else conditions.failure(check, watch))
    seconds = round(time.monotonic() - begun, 2)
    return {"held": verdict, "seconds": seconds, "reason": watch.reason, "error": error}


Look = Callable[[float], str]


def look_command(lxc: runtime.Runtime, name: str, check: records.Check, _pid: int) -> Look:
    """Return a function that runs a program in the container."""
    argv = check.command or ()

    def look(seconds: float) -> str:
        options = {"argv": argv, "stdin": None, "timeout": seconds, "output_limit": OUTPUT_MAX}
        done = exec.execute(lxc, name, attach.Program(argv), options)
        return conditions.program_failure(done["rc"], done["stdout"], done["stderr"])

    return look


def look_tcp(_reached: runtime.Runtime, _name: str, check: records.Check, pid: int) -> Look:
    """Return a function that connects to a port from within the container's network namespace."""
    connections.enter(pid)
    return lambda seconds: conditions.unanswered(connections.connect(pid, check.tcp or 0, seconds))


def look_file(_reached: runtime.Runtime, _name: str, check: records.Check, pid: int) -> Look:
    """Return a function that looks for a path as the container sees it."""
    path = check.file or ""
    return lambda _seconds: "" if beneath.exists_inside("/proc/%d/root" % pid, path) else "there is no such file"


LOOKS: Mapping[str, Callable[[runtime.Runtime, str, records.Check, int], Look]] = {
    "command": look_command,
    "tcp": look_tcp,
    "file": look_file,
}


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
