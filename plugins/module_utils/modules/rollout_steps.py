# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module rollout_steps: one part of a host's rollout, step by step, until a step fails.

The bodies of the modules that the steps name run in this process. Each loads its code when its turn comes.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Mapping, Optional

from .. import argument_specs
from ..disk import run_files
from ..errors import Error, MissingContentError, unexpected
from ..rollout import steps
from ..target import memory

Parameters = Mapping[str, Any]
Result = Dict[str, Any]
Body = Callable[[Parameters, bool, bool], Result]
RunStep = Callable[[steps.Step, Parameters, bool, bool], Result]


def preflight(parameters: Parameters, _check: bool, _diff: bool) -> Result:
    """Run the body of the module preflight."""
    from . import preflight as body

    return body.run(argument_specs.filled(argument_specs.PREFLIGHT, parameters))


def checkpoint(parameters: Parameters, check: bool, diff: bool) -> Result:
    """Run the body of the module checkpoint."""
    from . import checkpoint as body

    return body.run(argument_specs.filled(argument_specs.CHECKPOINT, parameters), check, diff)


def ready(parameters: Parameters, check: bool, _diff: bool) -> Result:
    """Run the body of the module ready."""
    from . import ready as body

    return body.run(argument_specs.filled(argument_specs.READY, parameters), check)


def stage_named(name: str) -> Body:
    """Return the body of the module of a stage."""

    def run_stage(parameters: Parameters, check: bool, diff: bool) -> Result:
        from . import stage as body

        return body.run_stage({**argument_specs.filled(argument_specs.STAGE, parameters), "stage": name}, check, diff)

    return run_stage


BODIES: Dict[str, Body] = {
    "preflight": preflight,
    "checkpoint": checkpoint,
    "ready": ready,
    **{name: stage_named(name) for name in ("rootfs", "busybox", "config", "container")},
}


def parts(way: str) -> range:
    """Return the numbers of the parts of a way."""
    return range(len(steps.WAYS[way]))


def run_body(step: steps.Step, parameters: Parameters, check: bool, diff: bool) -> Result:
    """Return the result of a step's module. Raises whatever the module raises."""
    return BODIES[step.module](parameters, check, diff)


def run(parameters: Parameters, check: bool, diff: bool, run_step: RunStep = run_body) -> Result:
    """Return the result of each step that was needed, in order, with its seconds, and the number of the last part.

    If a host has nothing to do, the gate follows at once. If a later run has taken over, no further step follows: the
    controller has given up this run, for example because its time was up, and has begun the way back.
    """
    way, part = steps.WAYS[parameters["way"]], parameters["part"]
    results: Dict[str, Mapping[str, Any]] = dict(parameters["results"])
    lacking = missing(parameters, check) if asks_for_contents(parameters) else []
    if lacking and check:
        return {"changed": False, "steps": [], "part": part, "missing": lacking}
    lxc_path = parameters["lxc_path"] or ""
    token = "" if check else run_files.take_over(lxc_path)

    def carry_out(step: steps.Step) -> Optional[Result]:
        if not step.needed(parameters, results) or not run_files.is_last(lxc_path, token):
            return None
        return result_of(run_step, step, step.arguments(parameters, results), check, diff)

    done = take(way[part], results, carry_out)
    while part + 1 < len(way) and steps.goes_on(way[part], results):
        part += 1
        done += take(way[part], results, carry_out)
    found = {"changed": any(each["result"].get("changed") for each in done), "steps": done, "part": part}
    return {**found, "missing": lacking} if lacking else found


def asks_for_contents(parameters: Parameters) -> bool:
    """Return whether the part is the one that tells which contents the target lacks.

    On the way forward nothing has changed by then. In check mode the controller then asks again.
    """
    return bool(parameters.get("sources")) and parameters["way"] != "back" and parameters["part"] == 0


def missing(parameters: Parameters, check: bool) -> List[str]:
    """Return the digests of the contents that the target lacks. The controller sends them before the next part."""
    from .. import call
    from ..container_spec import sources
    from ..stages import delivery

    try:
        given = sources.parse(parameters["sources"])
        delivery.require(call.Call((), call.choose_runtime(parameters), "", {}, check, False, given))
    except MissingContentError as error:
        return error.digests
    return []


def take(
    part: steps.Part, results: Dict[str, Mapping[str, Any]], carry_out: Callable[[steps.Step], Optional[Result]]
) -> List[Result]:
    """Carry out the steps of a part, up to the first that fails. Adds to the results.

    It does not raise when a step fails, because the results of the earlier steps must be reported.
    """
    done: List[Result] = []
    for step in part:
        began = time.monotonic()
        result = carry_out(step)
        if result is not None:
            results[step.name] = result
            done.append({"name": step.name, "seconds": round(time.monotonic() - began, 3), "result": result})
            if result["failed"]:
                break
            if result.get("changed"):
                memory.forget()
    return done


def result_of(run_step: RunStep, step: steps.Step, parameters: Parameters, check: bool, diff: bool) -> Result:
    """Return the result of a step, in the form that Ansible gives for its module."""
    try:
        result = run_step(step, parameters, check, diff)
    except Error as error:
        return {"changed": False, "failed": True, "msg": str(error)}
    except Exception as error:  # pylint: disable=broad-except
        return {"changed": False, "failed": True, "msg": unexpected(error)}
    return {**result, "failed": "msg" in result}
