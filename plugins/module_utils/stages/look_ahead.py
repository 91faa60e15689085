# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and plans (I/O, reads only): whether the stages after the first have anything to do.

Most runs of a play find nothing to do. The first stage can tell so for all: what costs is not to look, but to
send a module to the target and to start it there.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

LATER = ("busybox", "config", "container")


def pending(parameters: Mapping[str, Any], options: Mapping[str, Any], first: Mapping[str, Any]) -> List[str]:
    """The names of the later stages that have something to do, a failure to report included.

    `parameters` are those of the first stage, `options` what the later ones get beyond them. Where the first
    stage had something to do itself, all later ones are pending.
    """
    if first["changed"] or "msg" in first:
        return list(LATER)
    # Only now: of the first stage, which has done something itself, nobody asks for what the later ones load.
    from ..modules import container
    from . import busybox, config, runner

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
