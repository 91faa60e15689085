# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module containers (I/O): takes the containers of this host through all four stages.

If a stage fails for a container, the later stages leave that container alone and continue with the others.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .. import call, results
from ..container_spec import records
from ..errors import Error
from ..lifecycle import states, survey
from ..stages import chain, runner
from . import container

Result = Dict[str, Any]
# What the result of the last stage has beside its containers, and that of all stages too.
KEPT = ("lxc_path", "runtime", "done")


def run(parameters: Mapping[str, Any], check: bool, diff: bool) -> Result:
    """Return the result of all stages, in their order. Raises RefusedError before anything changes."""
    times = container.times_of(parameters)
    called = call.of(parameters, check, diff)
    all_desired = container.all_desired_of(called, parameters["prune"], parameters["remove_volumes"])
    with container.locks(called, all_desired):
        result = take(called, all_desired, times)
    # Without the locks: another run may have something to do meanwhile.
    return after_gate(called, result) if parameters["wait_ready"] and not check else result


def take(called: call.Call, all_desired: Sequence[states.DesiredState], times: states.Times) -> Result:
    """Return the same, for containers whose locks are held."""
    # Look before the first stage: the last stage finds new containers already built.
    incomplete = [each.name for each in called.containers if not survey.has_config(called.lxc.lxc_path, each.name)]
    before = survey.survey(called.lxc, incomplete)
    outcome = runner.run(chain.STAGES, called)
    found = list(outcome.results.items())
    failed = {name: plan.error for name, plan in outcome.plans.items() if plan.error}
    called = called._replace(failed={**called.failed, **failed})
    try:
        found.append(("container", container.reach(called, all_desired, times, outcome)))
    except Error as error:
        # Report the error, but keep what the earlier stages have done.
        return {**combined(found, before), "msg": str(error)}
    return combined(found, before)


def after_gate(called: call.Call, result: Result) -> Result:
    """Return the result after a wait for the checks of all containers that were brought to their states."""
    waiting = with_checks(called.containers, result)
    if not waiting:
        return result
    # Loaded only if a container has checks.
    from . import ready

    verdicts = {item["name"]: item for item in ready.wait(called.lxc, waiting)}
    for item in result["containers"]:
        item.update({key: value for key, value in verdicts.get(item["name"], {}).items() if key in ("ready", "error")})
    more = {key: value for key, value in result.items() if key not in ("changed", "containers", "diff", "msg")}
    return results.result_of(result["containers"], result.get("diff", []), more)


def with_checks(containers: Sequence[records.Container], result: Result) -> List[records.Container]:
    """Return the containers that were brought to the state started and have checks."""
    if result["stages"][-1]["name"] != "container":
        return []
    reached = {item["name"] for item in result["containers"] if "error" not in item}
    return [one for one in containers if one.ready and one.state == "started" and one.name in reached]


def combined(found: Sequence[Tuple[str, Result]], before: states.Survey) -> Result:
    """Combine the results of the stages that have run. The last stage has all containers and all their errors.

    `before`: the actual states of containers that were not complete.
    """
    _name, last = found[-1]
    changes: Dict[str, List[str]] = {}
    for _stage, result in found:
        for item in result["containers"]:
            changes.setdefault(item["name"], []).extend(item["changes"] if item["changed"] else ())
    items = [
        {**item, "changed": bool(changes[item["name"]]), "changes": changes[item["name"]]}
        for item in last["containers"]
    ]
    for item in items:
        was = before.get(item["name"])
        if isinstance(was, states.ActualState):
            item["state_before"] = was.state
    diffs = [part for _stage, result in found for part in result.get("diff", ())]
    warnings = list(dict.fromkeys(words for _stage, result in found for words in result.get("warnings", ())))
    more: Result = {key: value for key, value in last.items() if key in KEPT}
    more["stages"] = [stage_summary(name, result) for name, result in found]
    return results.result_of(items, diffs, {**more, "warnings": warnings} if warnings else more)


def stage_summary(name: str, result: Mapping[str, Any]) -> Result:
    """Return what one stage did, for the containers that it changed."""
    changed = [item for item in result["containers"] if item["changed"]]
    items = [{"name": item["name"], "changes": item["changes"]} for item in changed]
    return {"name": name, "changed": result["changed"], "containers": items}
