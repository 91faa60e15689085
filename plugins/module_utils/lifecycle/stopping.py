# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): stops containers, a whole list at a time, and removes what they leave behind."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Iterable, Sequence

from ..disk import removal, single_files
from ..errors import ContainerError
from ..lxc import programs, runtime
from ..plan import lxc_config
from ..target import processes
from ..verify import usage
from ..workers import pool
from . import history, published, states, survey


def stop(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], times: states.Times) -> states.Errors:
    """Ask all containers to end, wait for all together, and kill those that do not end in time. Return the errors."""
    found = survey.running(lxc, states.names_of(all_desired))
    inits = {name: status.pid for name, status in found.items() if status.pid}
    monitored = [name for name in inits if found[name].monitored]
    # LXC cannot reach a container without its monitor. Only its PID 1 can be signalled.
    orphans = {inits[name] for name in inits if name not in monitored}
    # LXC's monitor, which would remove these cgroups, is gone.
    left = {path for pid in orphans for path in usage.cgroups(pid)}
    monitors = {name: processes.parent(inits[name]) for name in monitored}
    # A container that reboots when it is asked to end gets another PID 1 and keeps its monitor. If a monitor has died,
    # PID 1 of the target has become the parent, which never ends.
    both = {name: {pid for pid in (inits[name], monitors.get(name)) if pid and pid != 1} for name in inits}
    runtime.halt_all(lxc, monitored)
    processes.send(orphans, signal.SIGTERM)
    alive = processes.wait_for_end(set().union(*both.values()), times.stop)
    # A monitor does not restart a container that is killed.
    failed = states.reasons(pool.each(lxc.kill, [name for name in monitored if both[name] & alive], programs.PATIENCE))
    processes.send(orphans & alive, signal.SIGKILL)
    alive = processes.wait_for_end(alive, programs.PATIENCE)
    removal.remove_cgroups(left)
    ended = [name for name in inits if name not in monitored and inits[name] not in alive]
    errors = take_down(lxc.lxc_path, ended)
    for name in [name for name in inits if both[name] & alive]:
        kind = "PID 1" if inits[name] in alive else "monitor"
        pid = inits[name] if inits[name] in alive else min(both[name] & alive)
        errors[name] = failed.get(name) or "its %s (%d on the target) is still alive after a kill" % (kind, pid)
    return errors


def take_down(lxc_path: str, names: Sequence[str]) -> states.Errors:
    """Remove what the hooks of stopped containers left, as happens after a monitor was killed. Return the errors."""
    end_followers(lxc_path, names)
    return {**published.take_down(lxc_path, names), **take_down_mounts(lxc_path, names)}


def end_followers(lxc_path: str, names: Iterable[str]) -> None:
    """End the processes that send output to a log daemon."""
    for leader in (history.follower(lxc_path, name) for name in names):
        with suppress(ProcessLookupError):
            if leader:
                os.killpg(leader, signal.SIGTERM)


def take_down_mounts(lxc_path: str, names: Iterable[str]) -> states.Errors:
    """Unmount what the hooks of stopped containers left mounted. Return the errors."""
    errors: states.Errors = {}
    for name in names:
        place = lxc_config.place_of_mounts(os.path.realpath(lxc_path), name)
        if os.path.ismount(place):
            try:
                # First make it private. Otherwise mounts of the target below a source would be unmounted along with
                # their copies.
                programs.call(["mount", "--make-rprivate", place])
                programs.call(["umount", "-l", place])
            except ContainerError as error:
                # LXC may have run the hook that does the same meanwhile.
                if os.path.ismount(place):
                    errors[name] = str(error)
        with suppress(OSError):
            os.rmdir(place)
    return errors


def make_loadable(lxc: runtime.Runtime, names: Iterable[str]) -> None:
    """Give containers that are to be removed a config that LXC can load, so that they can be stopped."""
    for name in names:
        lines = ["lxc.uts.name = " + name, "lxc.rootfs.path = dir:%s/%s/rootfs" % (lxc.lxc_path, name)]
        # If the removal is interrupted and the container is then started, nothing must run in it.
        lines += ["lxc.init.cmd = /dev/null"]
        single_files.replace_config(lxc.lxc_path, name, "\n".join([*lines, ""]))
