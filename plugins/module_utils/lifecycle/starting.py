# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): starts containers, a whole list at a time, and reads back what came of it."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import Dict, Mapping, Sequence, Tuple

from ..disk import removal, run_files, single_files, writing
from ..lxc import programs, runtime
from ..plan import compatibility
from ..target import facts, processes
from ..verify import usage
from ..workers import pool
from . import obstacles, states, stopping, survey, verification


def start(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], times: states.Times) -> states.Errors:
    """Start, and see that what was started still runs after the settle time, and has what it asks for."""
    names = states.names_of(all_desired)
    logs = {name: run_files.log_of(lxc.lxc_path, name) for name in names}
    lxc.get_ready_to_start()

    def begin(name: str) -> float:
        """Start one; when it was started, on the clock that all processes share."""
        lxc.start(name, logs[name])
        return time.monotonic()

    begun = pool.each(begin, names, times.start)
    errors = states.reasons(begun)
    if errors:
        give_up(lxc, list(errors))
    begun_well = survey.running(lxc, [name for name in names if name not in errors])
    pids = {name: status.pid for name, status in begun_well.items() if status.pid}
    ends = {name: begun[name].value + times.settle for name in pids}
    settled, missing = settle(lxc.lxc_path, all_desired, pids, ends)
    # Of one that has ended meanwhile the kernel shows nothing.
    alive = processes.wait_for_end(settled.values(), 0)
    for name in names:
        if name not in errors and pids.get(name) not in alive:
            when = "has ended by now" if name in settled else "ended within %g seconds" % times.settle
            errors[name] = "it was started, but its PID 1 %s; see its command" % when
            errors[name] += without_programs(lxc.lxc_path)
        if name in errors:
            errors[name] += in_words_of_lxc(lxc, logs[name])
    run_files.remove_logs(logs.values())
    for name in set(missing) - set(errors):
        # It runs, for somebody to look at it, and must not count as good in the next run.
        noted = partial(single_files.note_change, lxc.lxc_path, name, processes.boot_id(), processes.since_boot())
        reason = writing.attempt(noted, os.path.join(lxc.lxc_path, name))
        missing[name] += "; " + reason if reason else ""
    return {**missing, **errors}


def settle(
    lxc_path: str, all_desired: Sequence[states.DesiredState], pids: Mapping[str, int], ends: Mapping[str, float]
) -> Tuple[Dict[str, int], states.Errors]:
    """The PID 1 of each container that outlives its settle time, and what those lack of what they ask for.

    `ends`: until when each has to live, as time.monotonic() counts.
    """
    settled: Dict[str, int] = {}
    missing: states.Errors = {}
    # Each has its own settle time: while the last ones have theirs, the first ones are looked at.
    for desired in sorted(
        (desired for desired in all_desired if desired.name in pids), key=lambda desired: ends[desired.name]
    ):
        # After that time, in which it may have undone something.
        if processes.wait_for_end([pids[desired.name]], ends[desired.name] - time.monotonic()):
            settled[desired.name] = pids[desired.name]
            shortfalls = verification.not_in_force(lxc_path, desired, pids[desired.name])
            if shortfalls:
                missing[desired.name] = "; ".join(shortfalls)
    return settled, missing


def without_programs(lxc_path: str) -> str:
    """Why no program of a rootfs can run, where that is so."""
    if not obstacles.is_noexec(lxc_path):
        return ""
    return ", and that no program of its rootfs can run, since %s is mounted noexec" % lxc_path


def in_words_of_lxc(lxc: runtime.Runtime, log: str) -> str:
    """What LXC says of a start that has failed, and what is to be done about it where we know."""
    lines = runtime.error_lines(log)
    told = ": " + "; ".join(lines[:3]) if lines else ""
    return told + (why_unknown(lxc) if compatibility.is_refused_key(lines) else "")


def why_unknown(lxc: runtime.Runtime) -> str:
    """Why LXC does not know a key of a config that was made for cgroups of version 1, and what to do."""
    version, layout = lxc.version(), facts.cgroup_version()
    if compatibility.lacks_cgroups(version, layout):
        return "; %s; %s" % (compatibility.refusal(version, layout), compatibility.ADVICE)
    return "; it was made for cgroups of version 1: let the config stage render it again"


def give_up(lxc: runtime.Runtime, names: Sequence[str]) -> None:
    """End what is left of starts that have failed, also of those that still go on, of which LXC tells nothing."""
    holders = processes.holders(each for name in names for each in runtime.command_sockets(lxc, name))
    # By its title, which LXC gives it: whoever else has got hold of the socket is none of ours.
    pids = {pid for pid in holders if facts.read_text("/proc/%d/cmdline" % pid).startswith("[lxc monitor] ")}
    left = {path for pid in pids for path in usage.cgroups(pid)}
    processes.send(pids, signal.SIGKILL)
    processes.wait_for_end(pids, programs.PATIENCE)
    survivors = set(processes.inits({name: "%s/%s/rootfs" % (lxc.lxc_path, name) for name in names}).values())
    left |= {path for pid in survivors for path in usage.cgroups(pid)}
    processes.send(survivors, signal.SIGKILL)
    processes.wait_for_end(survivors, programs.PATIENCE)
    removal.remove_cgroups(left)
    stopping.take_down_mounts(lxc.lxc_path, names)
