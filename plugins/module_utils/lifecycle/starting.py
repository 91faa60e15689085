# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): starts containers, a whole list at a time, and reads back the result."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from typing import Dict, Mapping, Sequence, Tuple

from ..disk import removal, single_files, writing
from ..lxc import programs, runtime
from ..plan import ports, start_waits
from ..target import facts, memory, processes
from ..verify import usage
from ..workers import pool
from . import failed_starts, packet_filters, published, states, stopping, survey, verification


def start(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], times: states.Times) -> states.Errors:
    """Start containers. Verify that each still runs after the settle time and has in force what it asks for.

    Returns the reasons of those that failed.
    """
    names = states.names_of(all_desired)
    logs = failed_starts.logs_of(lxc.lxc_path, names)
    published.take_down_stale(lxc.lxc_path, all_desired)
    lxc.get_ready_to_start()
    have_ports = published.publish(lxc.lxc_path, all_desired)

    def begin(name: str) -> float:
        """Start a container. Return when it was started, on the monotonic clock that all processes share."""
        os.environ.update({start_waits.WAITED: "1", ports.PUBLISHED_BEFORE: "1" if name in have_ports else ""})
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
    # The kernel shows nothing of a container that has ended meanwhile.
    alive = processes.wait_for_end(settled.values(), 0)
    running = [name for name in names if name not in errors and pids.get(name) in alive]
    ended = [name for name in names if name not in errors and name not in running]
    failed_starts.explain(lxc, errors, ended, running, logs)
    for name in set(missing) - set(errors):
        # It keeps running, so that somebody can look at it, but the next run must not take it for good.
        noted = partial(single_files.note_change, lxc.lxc_path, name, processes.boot_id(), processes.since_boot())
        reason = writing.attempt(noted, os.path.join(lxc.lxc_path, name))
        missing[name] += "; " + reason if reason else ""
    return {**missing, **errors}


def settle(
    lxc_path: str, all_desired: Sequence[states.DesiredState], pids: Mapping[str, int], ends: Mapping[str, float]
) -> Tuple[Dict[str, int], states.Errors]:
    """Return the PID 1 of each container that outlives its settle time, and what those lack of what they ask for.

    `ends`: the time until which each must live, as time.monotonic() counts.
    """
    # What was read before the start, such as the rules of published ports, has changed.
    memory.forget()
    # A container cannot change its packet filter, so this is done while they settle, for all together.
    lost = packet_filters.lost_of(packet_filters.filtered(lxc_path, pids))
    settled: Dict[str, int] = {}
    missing: states.Errors = {}
    # Each has its own settle time. The first ones are checked while the last ones still settle.
    for desired in sorted(
        (desired for desired in all_desired if desired.name in pids), key=lambda desired: ends[desired.name]
    ):
        # Check after that time, because the container may have undone something during it.
        if processes.wait_for_end([pids[desired.name]], ends[desired.name] - time.monotonic()):
            settled[desired.name] = pids[desired.name]
            shortfalls = verification.not_in_force(lxc_path, desired, pids[desired.name])
            shortfalls += filter(None, [lost.get(desired.name)])
            if shortfalls:
                missing[desired.name] = "; ".join(shortfalls)
    return settled, missing


def give_up(lxc: runtime.Runtime, names: Sequence[str]) -> None:
    """Kill what is left of failed starts. This includes starts that are still going on, which LXC does not report."""
    holders = processes.holders(each for name in names for each in runtime.command_sockets(lxc, name))
    # LXC's monitor is known by the title that LXC gives it. Another process that holds the socket is not ours.
    pids = {pid for pid in holders if facts.read_text("/proc/%d/cmdline" % pid).startswith("[lxc monitor] ")}
    left = {path for pid in pids for path in usage.cgroups(pid)}
    processes.send(pids, signal.SIGKILL)
    processes.wait_for_end(pids, programs.PATIENCE)
    survivors = set(processes.inits({name: "%s/%s/rootfs" % (lxc.lxc_path, name) for name in names}).values())
    left |= {path for pid in survivors for path in usage.cgroups(pid)}
    processes.send(survivors, signal.SIGKILL)
    processes.wait_for_end(survivors, programs.PATIENCE)
    removal.remove_cgroups(left)
    stopping.take_down(lxc.lxc_path, names)
