# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): starts, stops, freezes and removes containers, a whole list at a time, and reads back what came of it."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..container_spec.spec import Limits
from ..disk import files
from ..errors import ContainerError, unexpected
from ..lxc import runtime
from ..model import manifest
from ..model.id_map import Ids
from ..plan import compatibility, lxc_config, transitions
from ..stages import planning
from ..target import facts, processes
from ..verify import in_force, usage
from ..workers import pool
from . import obstacles


class Wish(NamedTuple):
    """What is wanted of one container.

    `restart`: whether it may be restarted when it has changed; `declared`: it has a spec, from which it can be built.
    `optional`: key, source and target of each mount that may be missing where its source is. `apparmor`: the profile that
    the spec asks for.
    """

    name: str
    state: str
    restart: bool = False
    limits: Limits = Limits()
    declared: bool = False
    optional: Tuple[Tuple[str, str, str], ...] = ()
    apparmor: Optional[str] = None


class Found(NamedTuple):
    """What is there. `state`: as LXC says, or ABSENT (nothing), or INCOMPLETE (no config).

    `restart_due`: it has changed since it was started; `shift_to`: the ids to which owners of its files have to be
    shifted.
    """

    state: str
    pid: Optional[int] = None
    restart_due: bool = False
    shift_to: Optional[Ids] = None


class Times(NamedTuple):
    """Seconds: to watch a start, to wait for a clean stop, to wait for a start."""

    settle: float
    stop: float
    start: float


Survey = Dict[str, Union[Found, ContainerError]]
Errors = Dict[str, str]


def survey(reached: runtime.Runtime, names: Sequence[str]) -> Survey:
    """What is there of each container, or why it cannot be told. Only what is ours is looked at."""
    found: Survey = {}
    manifests: Dict[str, manifest.Manifest] = {}
    for name in names:
        try:
            read = planning.read_manifest(reached.lxc_path, name)
        except ContainerError as error:
            found[name] = error
            continue
        except Exception as error:  # pylint: disable=broad-except
            found[name] = ContainerError(unexpected(error))
            continue
        if read is None:
            found[name] = Found("INCOMPLETE" if files.leftovers(reached.lxc_path, name) else "ABSENT")
        else:
            manifests[name] = read
    for name, status in runtime.statuses(reached, list(manifests)).items():
        if isinstance(status, ContainerError):
            found[name] = status
        elif status.state == "STOPPED" and not has_config(reached.lxc_path, name):
            found[name] = Found("INCOMPLETE")
        else:
            due, ids = restart_due(status, manifests[name]), manifests[name].ids
            found[name] = Found(status.state, status.pid, due, ids if ids.before else None)
    return found


def restart_due(status: Union[runtime.Status, ContainerError], record: manifest.Manifest) -> bool:
    """Whether a container that runs has changed on disk since it was started."""
    if isinstance(status, ContainerError) or not status.pid:
        return False
    # LXC can do nothing with a container whose monitor has died.
    if not status.monitored:
        return True
    # Not PID 1: a container that reboots itself gets another one from its monitor, with the config of its start.
    monitor = processes.parent(status.pid)
    return transitions.restart_due(
        record.changed(), processes.boot_id(), processes.started(monitor) if monitor else None
    )


def foreseen(found: Found, moved: bool, ids: Ids) -> Found:
    """What would be there after a change that check mode has not carried out.

    `moved`: a container that runs sees it only after a restart; `ids`: those that it leads to.
    """
    return found._replace(restart_due=found.restart_due or moved, shift_to=ids if ids.before else found.shift_to)


def has_config(lxc_path: str, name: str) -> bool:
    """Whether the container is complete: the file system is asked, LXC overlooks broken ones."""
    return os.path.isfile(os.path.join(lxc_path, name, lxc_config.FILE_NAME))


def carry_out(
    reached: runtime.Runtime, wishes: Sequence[Wish], steps: Mapping[str, Tuple[str, ...]], times: Times
) -> Errors:
    """Carry out the steps of all containers, step by step; the reasons of those that failed."""
    errors: Errors = {}
    for step in transitions.STEPS:
        concerned = [wish for wish in wishes if step in steps.get(wish.name, ()) and wish.name not in errors]
        if concerned:
            errors.update(STEP[step](reached, concerned, times))
    return errors


def names_of(wishes: Iterable[Wish]) -> List[str]:
    """The names of the containers."""
    return [wish.name for wish in wishes]


def reasons(results: Mapping[str, pool.Result]) -> Errors:
    """The errors among the results of a list of calls."""
    return {name: result.error for name, result in results.items() if result.error}


def unfreeze(reached: runtime.Runtime, wishes: Sequence[Wish], _times: Times) -> Errors:
    """Thaw."""
    return reasons(pool.each(reached.unfreeze, names_of(wishes), runtime.PATIENCE))


def freeze(reached: runtime.Runtime, wishes: Sequence[Wish], _times: Times) -> Errors:
    """Freeze."""
    return reasons(pool.each(reached.freeze, names_of(wishes), runtime.PATIENCE))


def stop(reached: runtime.Runtime, wishes: Sequence[Wish], times: Times) -> Errors:
    """Ask all to end, wait for all together, and kill those that have not ended in time."""
    found = running(reached, names_of(wishes))
    inits = {name: status.pid for name, status in found.items() if status.pid}
    monitored = [name for name in inits if found[name].monitored]
    # Without its monitor a container is out of LXC's reach, and its PID 1 is all that there is to speak to.
    orphans = {inits[name] for name in inits if name not in monitored}
    # LXC's monitor would remove them.
    left = {path for pid in orphans for path in usage.cgroups(pid)}
    monitors = {name: processes.parent(inits[name]) for name in monitored}
    # A container that reboots itself when it is asked to end has another PID 1 then, and the same monitor.
    # PID 1 of the target has taken over where a monitor has died: it never ends.
    both = {name: {pid for pid in (inits[name], monitors.get(name)) if pid and pid != 1} for name in inits}
    runtime.halt_all(reached, monitored)
    processes.send(orphans, signal.SIGTERM)
    alive = processes.wait_for_end(set().union(*both.values()), times.stop)
    # What is killed is not started again by its monitor.
    failed = reasons(pool.each(reached.kill, [name for name in monitored if both[name] & alive], runtime.PATIENCE))
    processes.send(orphans & alive, signal.SIGKILL)
    alive = processes.wait_for_end(alive, runtime.PATIENCE)
    files.remove_cgroups(left)
    take_down_mounts(reached.lxc_path, [name for name in inits if name not in monitored and inits[name] not in alive])
    errors: Errors = {}
    for name in [name for name in inits if both[name] & alive]:
        kind = "PID 1" if inits[name] in alive else "monitor"
        pid = inits[name] if inits[name] in alive else min(both[name] & alive)
        errors[name] = failed.get(name) or "its %s (%d on the target) is still alive after a kill" % (kind, pid)
    return errors


def take_down_mounts(lxc_path: str, names: Iterable[str]) -> None:
    """Take away what the hooks of containers that do not run have left mounted, as they do where a monitor was killed."""
    for name in names:
        place = lxc_config.place_of_mounts(os.path.realpath(lxc_path), name)
        # First of all nobody's peer: else the target's own mounts below a source would go with the copy of them.
        if os.path.ismount(place):
            runtime.call(["mount", "--make-rprivate", place])
            runtime.call(["umount", "-l", place])
        with suppress(OSError):
            os.rmdir(place)


def running(reached: runtime.Runtime, names: Sequence[str]) -> Dict[str, runtime.Status]:
    """What LXC says of those of the containers that have a PID 1."""
    found = runtime.statuses(reached, names).items()
    return {name: status for name, status in found if isinstance(status, runtime.Status) and status.pid}


def remove(reached: runtime.Runtime, wishes: Sequence[Wish], _times: Times) -> Errors:
    """Remove the directories, which are all ours."""
    take_down_mounts(reached.lxc_path, names_of(wishes))
    return files.remove_containers(reached.lxc_path, names_of(wishes))


def shift(reached: runtime.Runtime, wishes: Sequence[Wish], _times: Times) -> Errors:
    """Give files the owners that go with the ids of their container."""
    return files.shift_all(reached.lxc_path, names_of(wishes))


def start(reached: runtime.Runtime, wishes: Sequence[Wish], times: Times) -> Errors:
    """Start, and see that what was started still runs after the settle time, and has what it asks for."""
    names = names_of(wishes)
    logs = {name: files.log_of(reached.lxc_path, name) for name in names}
    reached.get_ready_to_start()

    def begin(name: str) -> float:
        """Start one; when it was started, on the clock that all processes share."""
        reached.start(name, logs[name])
        return time.monotonic()

    begun = pool.each(begin, names, times.start)
    errors = reasons(begun)
    if errors:
        give_up(reached, list(errors))
    begun_well = running(reached, [name for name in names if name not in errors])
    pids = {name: status.pid for name, status in begun_well.items() if status.pid}
    missing: Errors = {}
    settled: List[int] = []
    # Each has its own settle time: while the last ones have theirs, the first ones are looked at.
    for wish in sorted((wish for wish in wishes if wish.name in pids), key=lambda wish: begun[wish.name].value):
        left = begun[wish.name].value + times.settle - time.monotonic()
        # After that time, in which it may have undone something.
        if processes.wait_for_end([pids[wish.name]], left):
            settled.append(pids[wish.name])
            shortfalls = not_in_force(reached.lxc_path, wish, pids[wish.name])
            if shortfalls:
                missing[wish.name] = "; ".join(shortfalls)
    # Of one that has ended meanwhile the kernel shows nothing.
    alive = processes.wait_for_end(settled, 0)
    for name in names:
        if name not in errors and pids.get(name) not in alive:
            when = "has ended by now" if pids.get(name) in settled else "ended within %g seconds" % times.settle
            errors[name] = "it was started, but its PID 1 %s; see its command" % when
            if obstacles.is_noexec(reached.lxc_path):
                errors[name] += (
                    ", and that no program of its rootfs can run, since %s is mounted noexec" % reached.lxc_path
                )
        if name in errors:
            lines = runtime.error_lines(logs[name])
            errors[name] += ": " + "; ".join(lines[:3]) if lines else ""
            errors[name] += why_unknown(reached) if compatibility.is_refused_key(lines) else ""
    files.remove_logs(logs.values())
    for name in set(missing) - set(errors):
        # It runs, for somebody to look at it, and must not count as good in the next run.
        noted = partial(files.note_change, reached.lxc_path, name, processes.boot_id(), processes.since_boot())
        reason = files.attempt(noted, os.path.join(reached.lxc_path, name))
        missing[name] += "; " + reason if reason else ""
    return {**missing, **errors}


def why_unknown(reached: runtime.Runtime) -> str:
    """Why LXC does not know a key of a config that was made for cgroups of version 1, and what to do."""
    version, layout = reached.version(), facts.cgroup_version()
    if compatibility.lacks_cgroups(version, layout):
        return "; %s; %s" % (compatibility.refusal(version, layout), compatibility.ADVICE)
    return "; it was made for cgroups of version 1: let the config stage render it again"


def give_up(reached: runtime.Runtime, names: Sequence[str]) -> None:
    """End what is left of starts that have failed, also of those that still go on, of which LXC tells nothing."""
    holders = processes.holders(each for name in names for each in runtime.command_sockets(reached, name))
    # By its title, which LXC gives it: whoever else has got hold of the socket is none of ours.
    pids = {pid for pid in holders if facts.read_text("/proc/%d/cmdline" % pid).startswith("[lxc monitor] ")}
    left = {path for pid in pids for path in usage.cgroups(pid)}
    processes.send(pids, signal.SIGKILL)
    processes.wait_for_end(pids, runtime.PATIENCE)
    survivors = set(processes.inits({name: "%s/%s/rootfs" % (reached.lxc_path, name) for name in names}).values())
    left |= {path for pid in survivors for path in usage.cgroups(pid)}
    processes.send(survivors, signal.SIGKILL)
    processes.wait_for_end(survivors, runtime.PATIENCE)
    files.remove_cgroups(left)
    take_down_mounts(reached.lxc_path, names)


STEP: Mapping[str, Callable[[runtime.Runtime, Sequence[Wish], Times], Errors]] = {
    "unfreeze": unfreeze,
    "stop": stop,
    "remove": remove,
    "shift": shift,
    "start": start,
    "freeze": freeze,
}


def verify(wishes: Iterable[Wish], found: Survey) -> Errors:
    """Where the state that is there is not the one that was wanted."""
    errors: Errors = {}
    for wish in wishes:
        there = found[wish.name]
        if isinstance(there, ContainerError):
            errors[wish.name] = str(there)
        elif there.state != transitions.REACHED[wish.state]:
            errors[wish.name] = "it should be %s and is %s" % (transitions.REACHED[wish.state], there.state)
    return errors


def not_in_force(lxc_path: str, wish: Wish, pid: int) -> List[str]:
    """What a container that was just started should have, and the kernel does not show for its PID 1."""
    asked = in_force.lines_of(facts.read_text(os.path.join(lxc_path, wish.name, lxc_config.FILE_NAME)))
    missing = usage.limits_not_in_force(pid, wish.limits)
    try:
        found = in_force.of(pid)
        missing += in_force.not_in_force(asked, found)
        missing += [
            "%s: nothing is mounted at %s, although %s is there" % (key, inside, source)
            for key, source, inside in wish.optional
            if inside not in found.mounts and os.path.exists(source)
        ]
    except ContainerError as error:
        missing.append(str(error))
    except Exception as error:  # pylint: disable=broad-except
        missing.append(unexpected(error))
    return missing + in_force.passed_over(asked, facts.keys_version())


def unverified(lxc_path: str, pids: Mapping[str, int]) -> List[str]:
    """What cannot be told of containers that were just started, from the PID 1 of each.

    One of them is asked: Python and the kernel, which do not tell, are the same for all.
    """
    texts = {name: facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)) for name in pids}
    asking = [name for name, text in texts.items() if in_force.restricts_devices(in_force.lines_of(text))]
    unknown = in_force.devices(pids[asking[0]])[1] if asking else None
    told = "security.devices: it cannot be verified that the rules are in force for %s, since %s"
    return [told % (", ".join(map(repr, asking)), unknown)] if unknown else []


def make_loadable(reached: runtime.Runtime, names: Iterable[str]) -> None:
    """Give containers that are to be removed a config that LXC can load, so that they can be stopped."""
    for name in names:
        lines = ["lxc.uts.name = " + name, "lxc.rootfs.path = dir:%s/%s/rootfs" % (reached.lxc_path, name)]
        # Should it be started, since the removal was cut off, then nothing must run in it.
        lines += ["lxc.init.cmd = /dev/null"]
        files.replace_config(reached.lxc_path, name, "\n".join([*lines, ""]))


def names_with(lxc_path: str, *kinds: str) -> List[str]:
    """The names of all containers that have one of these files: a manifest makes it ours, a config LXC's."""
    try:
        names = sorted(os.listdir(lxc_path))
    except FileNotFoundError:
        return []
    visible = [name for name in names if not name.startswith(".")]
    return [name for name in visible if any(os.path.isfile(os.path.join(lxc_path, name, kind)) for kind in kinds)]
