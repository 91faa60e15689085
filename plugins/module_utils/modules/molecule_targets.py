# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module molecule_targets (I/O): makes or removes molecule targets."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ..molecule_targets import bridge, debian, files, inventory, locks, requests, system_containers, trees
from ..molecule_targets.processes import kill, processes
from ..molecule_targets.programs import FailedError, find_system_programs, for_each, missing
from ..molecule_targets.requests import Place, Target

LOCK = "/run/lock/softwarecontainer-targets"
# The programs that this machine must have.
PROGRAMS = ("apt-config", "apt-get", "chroot", "debootstrap", "ip", "lxc-start", "lxc-stop", "ssh-keygen", "unshare")
ADVICE = "install the packages lxc, debootstrap, debian-archive-keyring, iproute2 and openssh-client"


class Wanted(NamedTuple):
    """The desired state. `trees` are the directories of the trees, by the name of the distribution."""

    targets: Tuple[Target, ...]
    packages: Tuple[str, ...]
    trees: Dict[str, str]
    public_key: str

    def tree(self, target: Target) -> str:
        """Return the tree that a target uses."""
        return self.trees[target.distribution]


class Work(NamedTuple):
    """The steps to take, in this order: trees to build, the bridge, targets to remove, to make and to start."""

    unbuilt: List[str]
    has_bridge: bool
    stale: List[str]
    absent: List[Target]
    stopped: List[Target]

    def sentences(self, place: Place) -> List[str]:
        """Return a sentence for each step."""
        return [
            *("build the tree of " + name for name in self.unbuilt),
            *([] if self.has_bridge else ["bring up the bridge " + place.bridge]),
            *("take away " + name for name in self.stale),
            *("make and start " + target.name for target in self.absent),
            *("start " + target.name for target in self.stopped),
        ]


def run(parameters: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    """Make or remove targets; in check mode only say what would change. Raise RefusedError or FailedError."""
    prepare_process()
    place = requests.parse_place(*(parameters[key] for key in Place._fields))
    state = parameters["state"]
    try:
        with contextlib.ExitStack() as stack:
            if not check:
                # One run at a time. A run that removes the targets ends one that makes them, which may go on
                # although its play was interrupted.
                lock = LOCK + place.path.replace("/", "-")
                stack.enter_context(locks.locked(lock, end_other=state == "absent"))
            return STATES[state](parameters, place, check)
    except OSError as error:
        raise FailedError(str(error)) from None


def prepare_process() -> None:
    """Set umask and PATH for this process and the programs that it starts."""
    os.umask(0o022)
    find_system_programs()


def present(parameters: Mapping[str, Any], place: Place, check: bool) -> Dict[str, Any]:
    """Make missing targets, remake those that differ, remove the others. Raise RefusedError or FailedError."""
    lacking = missing(PROGRAMS)
    if lacking:
        raise FailedError("not installed on this machine: %s; on Debian %s" % (", ".join(lacking), ADVICE))
    wanted = wanted_by(parameters, place)
    work = look(wanted, place)
    changes = work.sentences(place)
    if changes and not check:
        carry_out(work, wanted, place, parameters["mirror"], parameters["timeout"])
    keys = ((target.address, system_containers.host_key(target, place)) for target in wanted.targets)
    return {
        "changed": bool(changes),
        "changes": changes,
        "trees": work.unbuilt,
        "known_hosts": inventory.known_hosts(keys),
        "inventory": inventory.inventory(wanted.targets, parameters["inventory"]),
    }


def wanted_by(parameters: Mapping[str, Any], place: Place) -> Wanted:
    """Return the desired state from the module's options. Raise RefusedError."""
    targets = requests.parse_targets(parameters["targets"], place.address)
    names = debian.packages(parameters["packages"])
    directories = {name: os.path.join(place.cache, debian.tree_name(name, names)) for name in debian.SUITES}
    return Wanted(targets, names, directories, parameters["public_key"])


def look(wanted: Wanted, place: Place) -> Work:
    """Return the steps to take. Raise FailedError if a directory or an interface of others is in the way."""
    here = files.names_of_targets(place)
    good = {
        target.name
        for target in wanted.targets
        if system_containers.is_made(target, place, wanted.tree(target), wanted.public_key)
    }
    return Work(
        unbuilt=unbuilt(wanted),
        has_bridge=bridge.is_up(place),
        stale=[name for name in here if name not in good],
        absent=[target for target in wanted.targets if target.name not in good],
        stopped=[
            target
            for target in wanted.targets
            if target.name in good and not system_containers.is_running(target, place)
        ],
    )


def unbuilt(wanted: Wanted) -> List[str]:
    """Return the distributions whose trees are missing."""
    return sorted({target.distribution for target in wanted.targets if not os.path.isdir(wanted.tree(target))})


def carry_out(work: Work, wanted: Wanted, place: Place, mirror: str, timeout: float) -> None:
    """Take all steps. Raise FailedError."""
    for_each(lambda name: trees.build(place, name, wanted.packages, mirror), work.unbuilt)
    take_away(place, work.stale)
    if not bridge.is_up(place):
        bridge.bring_up(place)
    files.write(place.path, files.MARK, 0o644, "")
    for_each(lambda target: system_containers.make(target, place, wanted.tree(target), wanted.public_key), work.absent)
    for_each(lambda target: system_containers.start(target, place, timeout), work.absent + work.stopped)


def take_away(place: Place, names: Sequence[str]) -> None:
    """Remove targets. Raise FailedError."""
    for_each(lambda name: system_containers.take_away(place, name), names)


def absent(_parameters: Mapping[str, Any], place: Place, check: bool) -> Dict[str, Any]:
    """Remove whatever is there: directories, processes, mounts, control groups, incomplete trees, the bridge.

    This also removes what an interrupted run left. Raise FailedError.
    """
    here = files.names_of_targets(place)
    half_made = trees.left_half_made(place)
    has_bridge = bridge.is_ours(place)
    changes = [
        *("take away " + name for name in here),
        *(["end the processes of targets"] if not here and processes(place) else []),
        *(["remove the directory " + place.path] if os.path.isdir(place.path) else []),
        *("remove the half-made tree " + path for path in half_made),
        *(["remove the bridge " + place.bridge] if has_bridge else []),
    ]
    if changes and not check:
        take_away(place, here)
        kill(place)
        for path in (place.path, *half_made):
            files.remove(path)
        if has_bridge:
            bridge.remove(place)
    return {"changed": bool(changes), "changes": changes}


STATES: Dict[str, Callable[[Mapping[str, Any], Place, bool], Dict[str, Any]]] = {"present": present, "absent": absent}
