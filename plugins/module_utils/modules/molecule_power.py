# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module molecule_power (I/O): turns machines that are molecule targets on and off, or cuts their power."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping

from ..errors import RefusedError
from ..molecule_targets import files, locks, machines, requests
from ..molecule_targets.programs import FailedError, find_system_programs, for_each
from ..molecule_targets.progress import teller
from ..molecule_targets.requests import Place, Target

LOCK = "/run/lock/softwarecontainer-power"
SENTENCES = {"on": "turn on %s", "off": "turn off %s", "cut": "cut the power of %s"}


def run(parameters: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    """Turn machines on or off; in check mode only say what would change. Raise RefusedError or FailedError."""
    os.umask(0o022)
    find_system_programs()
    # Machines use neither the cache nor the bridge once they are made.
    place = requests.parse_place(parameters["path"], parameters["path"], "", "")
    files.names_of_targets(place)
    state = parameters["state"]
    found = [machine(place, name) for name in parameters["name"]]
    wrong = [target for target in found if machines.is_running(target, place) != (state == "on")]
    tell = teller(parameters["progress"])
    actions = {
        "on": lambda target: machines.start(target, place, tell),
        "off": lambda target: machines.turn_off(target, place, parameters["timeout"]),
        "cut": lambda target: machines.cut(target, place),
    }

    def switch(target: Target) -> None:
        # Another run may have switched it meanwhile. Two that turn on one machine would write the same files.
        with locks.locked("%s%s-%s" % (LOCK, place.path.replace("/", "-"), target.name)):
            if machines.is_running(target, place) != (state == "on"):
                actions[state](target)

    if not check:
        try:
            for_each(switch, wrong)
        except OSError as error:
            raise FailedError(str(error)) from None
    return {"changed": bool(wrong), "changes": [SENTENCES[state] % target.name for target in wrong]}


def machine(place: Place, name: str) -> Target:
    """Return a machine as it was made. Raise RefusedError if there is none of that name."""
    found = machines.recorded(place, name) if requests.NAME.fullmatch(name) else None
    if found is None:
        known = ", ".join(machines.names(place)) or "none"
        raise RefusedError("no machine in %s has the name %s; those there: %s" % (place.path, name, known))
    return found
