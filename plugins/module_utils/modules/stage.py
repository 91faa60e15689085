# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stage (I/O): runs one stage of the chain for all containers of this host.

Each stage loads its own code alone: on a small target that takes longer than what the stage does.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping

Parameters = Mapping[str, Any]
LATER = ("busybox", "config", "container")

Stage = Callable[[Parameters, bool, bool], Dict[str, Any]]


def run(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """The result of the stage that the parameters name. Raises RefusedError before anything changes."""
    return STAGES[parameters["stage"]](parameters, check, diff)


def build_trees(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """Build the file trees."""
    from ..stages import rootfs, runner

    result = runner.run(rootfs.STAGE, parameters, check, diff)
    if parameters["look_ahead"] is not None:
        result["pending"] = pending(parameters, parameters["look_ahead"], result)
    return result


def add_busybox(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """Give them a busybox and its applets."""
    from ..stages import busybox, runner

    return runner.run(busybox.STAGE, parameters, check, diff)


def render_configs(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """Render the configs."""
    from ..lxc import config_check
    from ..stages import config, runner

    return runner.run(config.STAGE, parameters, check, diff, config_check.check_configs)


def reach_states(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """Bring the containers to their states."""
    from . import container

    return container.run(parameters, check, diff)


def pending(parameters: Mapping[str, Any], options: Mapping[str, Any], first: Mapping[str, Any]) -> List[str]:
    """The names of the later stages that have something to do, a failure to report included.

    `parameters` are those of the first stage, `options` what the later ones get beyond them. Where the first
    stage had something to do itself, all later ones are pending.
    """
    if first["changed"] or "msg" in first:
        return list(LATER)
    # Only now: of the first stage, which has done something itself, nobody asks for what the later ones load.
    from ..stages import busybox, config, runner
    from . import container

    common: Dict[str, Any] = {**parameters, "bridge": options["bridge"]}
    for stage in (busybox.STAGE, config.STAGE):
        if busy(runner.run(stage, common, True, False)):
            return list(LATER[LATER.index(stage.name) :])
    lifecycle = {**common, "prune": options["prune"], "name": None, "state": None}
    lifecycle.update(settle=0.0, stop_timeout=0.0, start_timeout=0.0)
    return ["container"] if busy(container.run(lifecycle, True, False, predict=False)) else []


def busy(result: Mapping[str, Any]) -> bool:
    """Whether a stage in check mode says that it would change something, or fail."""
    return bool(result["changed"] or "msg" in result)


def go_through(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """All of them, one after the other."""
    from . import containers

    return containers.run(CHAIN, parameters, check, diff)


CHAIN: Dict[str, Stage] = {
    "rootfs": build_trees,
    "busybox": add_busybox,
    "config": render_configs,
    "container": reach_states,
}
STAGES: Dict[str, Stage] = {**CHAIN, "containers": go_through}
