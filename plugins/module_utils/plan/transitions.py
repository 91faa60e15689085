# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the steps that lead a container from its state to the desired one, and whether it must be restarted."""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

from ..model.manifest import Moment

# The order in which a whole list of containers goes through its steps. A frozen container does not react to a signal,
# so it is thawed before it is stopped. Owners of files are shifted while the container does not run.
STEPS = ("unfreeze", "stop", "remove", "remove_volumes", "shift", "start", "filter", "reload", "freeze")

# (state, desired state) -> steps. The state is LXC's, or ABSENT: nothing exists, or INCOMPLETE: there is no config.
TRANSITIONS: Dict[Tuple[str, str], Tuple[str, ...]] = {
    ("ABSENT", "absent"): (),
    ("INCOMPLETE", "absent"): ("remove",),
    ("STOPPED", "started"): ("start",),
    ("STOPPED", "stopped"): (),
    ("STOPPED", "frozen"): ("start", "freeze"),
    ("STOPPED", "absent"): ("remove",),
    ("RUNNING", "started"): (),
    ("RUNNING", "stopped"): ("stop",),
    ("RUNNING", "frozen"): ("freeze",),
    ("RUNNING", "absent"): ("stop", "remove"),
    ("FROZEN", "started"): ("unfreeze",),
    ("FROZEN", "stopped"): ("unfreeze", "stop"),
    ("FROZEN", "frozen"): (),
    ("FROZEN", "absent"): ("unfreeze", "stop", "remove"),
    # As the states of Ansible's service: these act each time, and start what does not run.
    ("STOPPED", "restarted"): ("start",),
    ("RUNNING", "restarted"): ("stop", "start"),
    ("FROZEN", "restarted"): ("unfreeze", "stop", "start"),
    ("STOPPED", "reloaded"): ("start",),
    ("RUNNING", "reloaded"): ("reload",),
    ("FROZEN", "reloaded"): ("unfreeze", "reload"),
}
RESTARTS: Dict[Tuple[str, str], Tuple[str, ...]] = {
    ("RUNNING", "started"): ("stop", "start"),
    ("RUNNING", "frozen"): ("stop", "start", "freeze"),
    ("FROZEN", "started"): ("unfreeze", "stop", "start"),
    ("FROZEN", "frozen"): ("unfreeze", "stop", "start", "freeze"),
}
# A container that stays frozen gets the signal at once and acts on it when it is thawed.
RELOADS: Dict[Tuple[str, str], Tuple[str, ...]] = {
    ("RUNNING", "started"): ("reload",),
    ("RUNNING", "frozen"): ("reload", "freeze"),
    ("FROZEN", "started"): ("unfreeze", "reload"),
    ("FROZEN", "frozen"): ("reload",),
}
RUNS = ("RUNNING", "FROZEN")
# LXC's names for the desired states.
REACHED = {
    "started": "RUNNING",
    "restarted": "RUNNING",
    "reloaded": "RUNNING",
    "stopped": "STOPPED",
    "frozen": "FROZEN",
    "absent": "ABSENT",
}


def steps(
    state: str, wanted: str, restart: bool, shift: bool, reload: bool = False, packets: bool = False
) -> Optional[Tuple[str, ...]]:
    """Return the steps from a state to the desired one, or None if there is no way.

    `restart`: whether a running container must be restarted. `shift`: whether the owners of its files must be shifted.
    `reload`: whether its command must get its signal, and `packets`: whether it must get other rules of its packet filter; a
    restart makes up for both.
    """
    due = RESTARTS if restart else RELOADS if reload else {}
    found = due.get((state, wanted), TRANSITIONS.get((state, wanted)))
    if found is not None and packets and state in RUNS and "stop" not in found:
        found = tuple(step for step in STEPS if step in found or step == "filter")
    if found is None or not shift or not ("start" in found or wanted == "stopped"):
        return found
    return tuple(step for step in STEPS if step in found or step == "shift")


def restart_due(changes: Sequence[Moment], boot: str, started: Optional[float]) -> bool:
    """Return whether something that a container sees has changed since it was started.

    `started` is when its PID 1 began, in seconds since boot, or None if it does not run. A change in an earlier boot is
    older than any running container. The kernel counts start times in hundredths of a second.
    """
    if started is None:
        return False
    return any(change.boot == boot and change.seconds - started >= 0.01 for change in changes)
