# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module molecule_targets (I/O): makes or removes molecule targets."""

from __future__ import annotations

import contextlib
import os
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from ..molecule_targets import (
    bridge,
    debian,
    files,
    inventory,
    locks,
    machine_trees,
    machines,
    requests,
    system_containers,
    trees,
)
from ..molecule_targets.architectures import ARCHITECTURES
from ..molecule_targets.debian import Tree
from ..molecule_targets.processes import kill, machine_processes, processes
from ..molecule_targets.programs import FailedError, find_system_programs, for_each, missing
from ..molecule_targets.progress import Tell, teller
from ..molecule_targets.requests import Place, Target

LOCK = "/run/lock/softwarecontainer-targets"
# The programs that this machine must have, and their packages: for any targets, for system containers, for machines.
PROGRAMS = ("apt-config", "apt-get", "ip", "ssh-keygen", "unshare")
CONTAINER_PROGRAMS = ("chroot", "debootstrap", "lxc-start", "lxc-stop")
MACHINE_PROGRAMS = ("depmod", "dpkg-deb", "mke2fs", "mmdebstrap")
PACKAGES = ("debian-archive-keyring", "iproute2", "openssh-client")
CONTAINER_PACKAGES = ("debootstrap", "lxc")
MACHINE_PACKAGES = ("dpkg", "e2fsprogs", "kmod", "mmdebstrap")
# With what Debian runs programs of another architecture.
FOREIGN_PROGRAMS = ("update-binfmts",)
FOREIGN_PACKAGES = ("binfmt-support", "qemu-user-static")
# What the tree of a machine takes while it is built, in bytes.
TREE_SIZE = 3 << 29


class Wanted(NamedTuple):
    """The desired state. `trees` are those of the targets, in the same order."""

    targets: Tuple[Target, ...]
    trees: Tuple[Tree, ...]
    cache: str
    public_key: str

    def tree(self, target: Target) -> str:
        """Return the directory of the tree that a target uses."""
        return self.path(self.trees[self.targets.index(target)])

    def path(self, tree: Tree) -> str:
        """Return the directory of a tree."""
        return os.path.join(self.cache, tree.name)


class Work(NamedTuple):
    """The steps to take, in this order: trees to build, the bridge, targets to remove, to make and to start."""

    unbuilt: List[Tree]
    has_bridge: bool
    stale: List[str]
    absent: List[Target]
    stopped: List[Target]

    def sentences(self, place: Place) -> List[str]:
        """Return a sentence for each step."""
        return [
            *("build the tree of " + tree.title for tree in self.unbuilt),
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
    wanted = wanted_by(parameters, place)
    refuse_missing_programs(wanted)
    work = look(wanted, place)
    refuse_lack_of_room(work, place)
    changes = work.sentences(place)
    if changes and not check:
        tell = teller(parameters["progress"])
        carry_out(work, wanted, place, parameters["mirror"], parameters["timeout"], tell)
    keys = ((target, host_key(target, place)) for target in wanted.targets)
    return {
        "changed": bool(changes),
        "changes": changes,
        "trees": [tree.title for tree in work.unbuilt],
        "known_hosts": inventory.known_hosts(keys),
        "inventory": inventory.inventory(wanted.targets, parameters["inventory"]),
    }


def wanted_by(parameters: Mapping[str, Any], place: Place) -> Wanted:
    """Return the desired state from the module's options. Raise RefusedError."""
    targets = requests.parse_targets(parameters["targets"], place.address)
    made_of = tuple(tree_of(target, parameters["packages"]) for target in targets)
    return Wanted(targets, made_of, place.cache, parameters["public_key"])


def tree_of(target: Target, extra: Sequence[str]) -> Tree:
    """Return the tree of a target; `extra` are packages that all targets have."""
    machine = target.machine
    if machine is None:
        return Tree(target.distribution, debian.packages(extra))
    packages = tuple(sorted({*debian.MACHINE_PACKAGES, *extra, *machine.packages}))
    return Tree(target.distribution, packages, machine.architecture, tuple(sorted(set(machine.repository))))


def refuse_missing_programs(wanted: Wanted) -> None:
    """Raise FailedError if this machine lacks a program that the targets need."""
    names, packages = [*PROGRAMS], [*PACKAGES]
    names_of_machines = {target.machine.architecture for target in wanted.targets if target.machine}
    if len(names_of_machines) == 0 or any(target.machine is None for target in wanted.targets):
        names += CONTAINER_PROGRAMS
        packages += CONTAINER_PACKAGES
    if names_of_machines:
        names += MACHINE_PROGRAMS
        packages += MACHINE_PACKAGES
    for name in sorted(names_of_machines):
        names.append(ARCHITECTURES[name].qemu)
        packages.append(ARCHITECTURES[name].package)
        unbuilt = any(tree.architecture == name and not os.path.isdir(wanted.path(tree)) for tree in wanted.trees)
        if unbuilt and machine_trees.needs_registration(name):
            names += FOREIGN_PROGRAMS
            packages += FOREIGN_PACKAGES
    lacking = missing(sorted(set(names)))
    if lacking:
        advice = "install the packages " + ", ".join(sorted(set(packages)))
        raise FailedError("not installed on this machine: %s; on Debian %s" % (", ".join(lacking), advice))


def refuse_lack_of_room(work: Work, place: Place) -> None:
    """Raise FailedError if the disk has no room for the trees of machines or for their images, which grow in use."""
    need = TREE_SIZE * len([tree for tree in work.unbuilt if tree.architecture])
    refuse_small_disk("cache", place.cache, need)
    freed = sum(files.used_bytes(os.path.join(place.path, name)) for name in work.stale)
    refuse_small_disk("path", place.path, sum(target.machine.room for target in work.absent if target.machine), freed)


def refuse_small_disk(key: str, path: str, need: int, freed: int = 0) -> None:
    """Raise FailedError if fewer bytes are free at a path than are needed; `freed` are those that will be free by then."""
    free = files.free_bytes(path) + freed
    if need > free:
        raise FailedError(
            "softwarecontainer_targets_%s: machines need %d MB at %s and %d MB are free: make room or choose another"
            % (key, need >> 20, path, free >> 20)
        )


def look(wanted: Wanted, place: Place) -> Work:
    """Return the steps to take. Raise FailedError if a directory, an interface or a port of others is in the way."""
    here = files.names_of_targets(place)
    good = {
        target.name
        for target in wanted.targets
        if kind(target).is_made(target, place, wanted.tree(target), wanted.public_key)
    }
    found = Work(
        unbuilt=unbuilt(wanted),
        # Only system containers need it.
        has_bridge=all(target.machine for target in wanted.targets) and bool(wanted.targets) or bridge.is_up(place),
        stale=[name for name in here if name not in good],
        absent=[target for target in wanted.targets if target.name not in good],
        stopped=[
            target for target in wanted.targets if target.name in good and not kind(target).is_running(target, place)
        ],
    )
    # The port of a machine that is to be taken away is free by then.
    if not any(machine_processes(place, name) for name in found.stale):
        machines.refuse_ports_in_use(target for target in found.absent + found.stopped if target.machine)
    return found


def kind(target: Target) -> Any:
    """Return the file that has the functions for a target of this kind."""
    return machines if target.machine else system_containers


def host_key(target: Target, place: Place) -> str:
    """Return the public host key of a target, or an empty string if it is not made yet."""
    key: str = kind(target).host_key(target, place)
    return key


def unbuilt(wanted: Wanted) -> List[Tree]:
    """Return the trees that are missing."""
    return sorted({tree for tree in wanted.trees if not os.path.isdir(wanted.path(tree))})


def carry_out(work: Work, wanted: Wanted, place: Place, mirror: str, timeout: float, tell: Tell) -> None:
    """Take all steps. Raise FailedError."""
    all_trees = [wanted.path(tree) for tree in wanted.trees]
    trees.touch(all_trees)
    for_each(lambda tree: trees.build(place, tree, all_trees, mirror, tell), work.unbuilt)
    take_away(place, work.stale)
    if not work.has_bridge and not bridge.is_up(place):
        bridge.bring_up(place)
    files.write(place.path, files.MARK, 0o644, "")
    for_each(lambda target: make(target, place, wanted), work.absent)
    for_each(lambda target: start(target, place, timeout, tell, target in work.absent), work.absent + work.stopped)


def make(target: Target, place: Place, wanted: Wanted) -> None:
    """Make a target. Raise FailedError, after taking away the part of a machine that was made."""
    try:
        kind(target).make(target, place, wanted.tree(target), wanted.public_key)
    except (FailedError, OSError):
        if target.machine:
            take_away(place, [target.name])
        raise


def start(target: Target, place: Place, timeout: float, tell: Tell, is_new: bool) -> None:
    """Start a target. Raise FailedError, after taking away a new machine that does not boot."""
    if not target.machine:
        system_containers.start(target, place, timeout)
        return
    try:
        machines.start(target, place, tell)
    except (FailedError, OSError):
        if is_new:
            take_away(place, [target.name])
        raise


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
