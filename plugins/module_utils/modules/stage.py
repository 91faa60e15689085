# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module stage (I/O): runs one stage of the chain for all containers of this host.

Each stage loads its own code alone: on a small target that takes longer than what the stage does.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping

Parameters = Mapping[str, Any]
Stage = Callable[[Parameters, bool, bool], Dict[str, Any]]


def run(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """The result of the stage that the parameters name. Raises RefusedError before anything changes."""
    return STAGES[parameters["stage"]](parameters, check, diff)


def build_trees(parameters: Parameters, check: bool, diff: bool) -> Dict[str, Any]:
    """Build the file trees."""
    from ..stages import rootfs, runner

    result = runner.run(rootfs.STAGE, parameters, check, diff)
    if parameters["look_ahead"] is not None:
        from ..stages import look_ahead

        result["pending"] = look_ahead.pending(parameters, parameters["look_ahead"], result)
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


STAGES: Dict[str, Stage] = {
    "rootfs": build_trees,
    "busybox": add_busybox,
    "config": render_configs,
    "container": reach_states,
}
