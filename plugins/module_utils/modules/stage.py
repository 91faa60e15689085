# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stage (I/O): runs one stage of the chain for all containers of this host.

Each stage loads only its own code. On a small target loading takes longer than the stage itself.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping

from .. import call
from ..errors import MissingContentError
from ..stages import delivery

Parameters = Mapping[str, Any]
Result = Dict[str, Any]
LATER = ("busybox", "config", "container")


def run(parameters: Parameters, check: bool, diff: bool) -> Result:
    """Return the result of the stage that the parameters name. Raises RefusedError before anything changes.

    If the target lacks contents, the result names them and nothing else: the controller sends them and calls again.
    """
    try:
        return run_stage(parameters, check, diff)
    except MissingContentError as error:
        return {"changed": False, "missing": error.digests}


def run_stage(parameters: Parameters, check: bool, diff: bool) -> Result:
    """Return the same, but raise MissingContentError if the target lacks contents."""
    result = carry_out(parameters, check, diff)
    if result["changed"] and not check:
        delivery.sweep(result["lxc_path"], parameters.get("sources") or {})
    return result


def carry_out(parameters: Parameters, check: bool, diff: bool) -> Result:
    """Run the stage, and look ahead if that is asked for."""
    if parameters["stage"] == "containers":
        from . import containers

        return containers.run(parameters, check, diff)
    if parameters["stage"] == "container":
        from . import container

        return container.run(parameters, check, diff)
    result: Result = STAGES[parameters["stage"]](call.of(parameters, check, diff))
    if parameters["look_ahead"] is not None:
        result["pending"] = pending(parameters, parameters["look_ahead"], result)
    return result


def build_trees(called: call.Call) -> Result:
    """Build the file trees."""
    from ..stages import rootfs, runner

    return runner.run((rootfs.STAGE,), called).results["rootfs"]


def add_busybox(called: call.Call) -> Result:
    """Add a busybox and its applets to the trees."""
    from ..stages import busybox, runner

    return runner.run((busybox.STAGE,), called).results["busybox"]


def render_configs(called: call.Call) -> Result:
    """Render the configs."""
    from ..stages import config, runner

    return runner.run((config.STAGE,), called).results["config"]


STAGES: Dict[str, Callable[[call.Call], Result]] = {
    "rootfs": build_trees,
    "busybox": add_busybox,
    "config": render_configs,
}


def pending(parameters: Parameters, options: Mapping[str, Any], first: Mapping[str, Any]) -> List[str]:
    """Return the names of the later stages that have something to do or a failure to report.

    `parameters` are those of the first stage, `options` what the later stages get in addition. If the first stage has
    something to do itself, all later stages are pending.
    """
    if first["changed"] or "msg" in first:
        return list(LATER)
    # Load this code only now: if the first stage has something to do, the code of the later stages is not needed.
    from ..lifecycle import states
    from ..stages import busybox, config, runner
    from . import container

    called = call.of({**parameters, "bridge": options["bridge"]}, True, False)
    outcome = runner.run((busybox.STAGE, config.STAGE), called, asks_lxc=False)
    for name, result in outcome.results.items():
        if busy(result):
            return list(LATER[LATER.index(name) :])
    last = container.reach(called, container.all_desired_of(called, options["prune"]), states.Times(0, 0, 0), outcome)
    return ["container"] if busy(last) else []


def busy(result: Mapping[str, Any]) -> bool:
    """Return whether a stage in check mode reports that it would change something or fail."""
    return bool(result["changed"] or "msg" in result)
