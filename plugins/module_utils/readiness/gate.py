# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits (I/O) until the checks of containers hold, or looks at each once.

All checks run at once, each in a process of its own: a check that hangs does not delay the others, and a process that
has entered a container's network namespace stays there.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from ..container_spec import records
from ..disk import beneath
from ..errors import ContainerError
from ..lxc import attach, runtime
from ..target import processes
from ..workers import pool
from . import conditions, connections

# A process that has not reported its verdict this long (in seconds) after its time limit is killed. It hangs in the
# kernel, for example in a file system that the container has mounted.
GRACE = 5.0
# More processes would need more descriptors than a process may usually have. Further checks wait for their turn.
AT_ONCE = 256
OUTPUT_MAX = 4096
# How long a look may take (in seconds) if it is the only one.
LOOK_ONCE = 5.0

Checks = Mapping[str, Sequence[records.Check]]
Places = Dict[str, Tuple[str, records.Check]]
Verdicts = Dict[str, Dict[int, Dict[str, Any]]]


def wait(lxc: runtime.Runtime, checks: Checks, pids: Mapping[str, int]) -> Verdicts:
    """Return the verdict on each check, by container and by its place in the container's list."""
    since = {name: processes.started(pid) for name, pid in pids.items()}
    longest = max((conditions.bound(check) for all_ in checks.values() for check in all_), default=0.0)

    def watch(name: str, check: records.Check) -> Dict[str, Any]:
        return watch_one(lxc, name, check, pids[name], since[name])

    return side_by_side(checks, watch, longest)


def ask(lxc: runtime.Runtime, checks: Checks, pids: Mapping[str, int]) -> Verdicts:
    """Return whether each check holds now, and if not, why; by container and by its place in the container's list."""
    return side_by_side(checks, lambda name, check: look_once(lxc, name, check, pids[name]), LOOK_ONCE)


def side_by_side(checks: Checks, function: Callable[[str, records.Check], Dict[str, Any]], seconds: float) -> Verdicts:
    """Call the function for all checks at once, each with the name of its container.

    Return what it returns, by container and by the check's place in its list.
    """
    places: Places = {
        "%s %d" % (name, place): (name, check) for name, all_ in checks.items() for place, check in enumerate(all_)
    }
    found = pool.each(lambda item: function(*places[item]), list(places), seconds + GRACE, AT_ONCE, keep=False)
    verdicts: Verdicts = {}
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


def look_once(lxc: runtime.Runtime, name: str, check: records.Check, pid: int) -> Dict[str, Any]:
    """Return whether one check holds now, and if not, why."""
    try:
        reason = LOOKS[conditions.kind(check)](lxc, name, check, pid)(LOOK_ONCE)
    except (ContainerError, OSError) as problem:
        reason = str(problem)
    return {"held": not reason, "reason": reason}


Look = Callable[[float], str]


def look_command(lxc: runtime.Runtime, name: str, check: records.Check, _pid: int) -> Look:
    """Return a function that runs a program in the container."""
    argv = check.command or ()

    def look(seconds: float) -> str:
        options = {"argv": argv, "stdin": None, "timeout": seconds, "output_limit": OUTPUT_MAX}
        done = attach.execute(lxc, name, attach.Program(argv), options)
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
