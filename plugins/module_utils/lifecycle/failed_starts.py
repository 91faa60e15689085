# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): why containers that were just started have failed, in the words of LXC, the kernel and their own output."""

from __future__ import annotations

import os
from typing import Dict, Mapping, Sequence

from ..disk import run_files
from ..lxc import programs, runtime
from ..plan import compatibility, lifetime
from ..target import facts, processes
from ..verify import in_force
from . import history, obstacles, packet_filters, states, survey

STOPPED = "STOPPED"


def logs_of(lxc_path: str, names: Sequence[str]) -> Dict[str, str]:
    """Return the path of LXC's log for the start of each container: one that LXC keeps, or one for this start alone."""
    return {name: own_log(lxc_path, name) or run_files.log_of(lxc_path, name) for name in names}


def place_of_log(lxc_path: str, name: str) -> str:
    """Return where LXC keeps the log of a container, if it keeps one."""
    return os.path.join(lxc_path, name, lifetime.DIRECTORY, lifetime.LXC_LOG)


def own_log(lxc_path: str, name: str) -> str:
    """Return the path of the log that LXC keeps of a container, empty if it keeps none."""
    lines = survey.config_lines(lxc_path, name)
    kept = in_force.values_of(lines, "lxc.log.file")[-1:]
    path = place_of_log(lxc_path, name)
    return path if kept and os.path.realpath(kept[0]) == os.path.realpath(path) else ""


def explain(
    lxc: runtime.Runtime, errors: states.Errors, ended: Sequence[str], running: Sequence[str], logs: Mapping[str, str]
) -> None:
    """Complete the errors of failed starts, and remove the logs of the starts.

    `ended`: containers that were started and have ended. `running`: those that run; if a supervisor has had to start a
    command again already, that is an error too.
    """
    wait_for_records(lxc, ended)
    for name in ended:
        errors[name] = why_ended(lxc.lxc_path, name) + without_programs(lxc.lxc_path)
    for name in errors:
        errors[name] += in_words_of_lxc(lxc, logs[name]) + packet_filters.why_not_loaded(lxc.lxc_path, name)
    for name in running:
        reason = already_ended(lxc.lxc_path, name)
        if reason:
            errors[name] = reason
    for name in errors:
        errors[name] += history.last_words(lxc.lxc_path, name)
    run_files.remove_logs(log for name, log in logs.items() if log != place_of_log(lxc.lxc_path, name))


def wait_for_records(lxc: runtime.Runtime, names: Sequence[str]) -> None:
    """Wait until LXC's monitors of containers that have ended have recorded that, and written the last output.

    A monitor closes its command socket before that, so it is known by the title that LXC gives it.
    """
    titles = {"[lxc monitor] %s %s" % (path, name) for path in runtime.paths_of(lxc) for name in names}
    if titles:
        processes.wait_for_end(processes.titled(titles), programs.PATIENCE)


def why_ended(lxc_path: str, name: str) -> str:
    """Return how a container that was just started has ended."""
    found = history.of(lxc_path, name, running=False).last_end
    return "it was started, but " + (found.reason if found else "its PID 1 has ended")


def add_ends(lxc: runtime.Runtime, errors: states.Errors, found: states.Survey) -> None:
    """Add to the errors of containers that have stopped by now how they ended, and with what last words."""
    ended = [name for name in errors if getattr(found[name], "state", None) == STOPPED]
    wait_for_records(lxc, ended)
    for name in ended:
        last_end = history.of(lxc.lxc_path, name, running=False).last_end
        errors[name] += "; " + last_end.reason if last_end else ""
        errors[name] += history.last_words(lxc.lxc_path, name)


def already_ended(lxc_path: str, name: str) -> str:
    """Return how the command of a container that was just started has ended, if a supervisor starts it again."""
    found = history.of(lxc_path, name, running=True)
    if not found.restarts() or not found.last_end:
        return history.unrecorded(lxc_path, name, found)
    return "it was started, but %s; it is started again, see restart" % found.last_end.reason


def without_programs(lxc_path: str) -> str:
    """Return the reason if no program of a rootfs can run, else an empty string."""
    if not obstacles.is_noexec(lxc_path):
        return ""
    return ", and that no program of its rootfs can run, since %s is mounted noexec" % lxc_path


def in_words_of_lxc(lxc: runtime.Runtime, log: str) -> str:
    """Return what LXC says about a failed start, and what to do about it if we know."""
    lines = runtime.error_lines(log)
    words = ": " + "; ".join(lines[:3]) if lines else ""
    return words + (why_unknown(lxc) if compatibility.is_refused_key(lines) else "")


def why_unknown(lxc: runtime.Runtime) -> str:
    """Return why LXC does not know a key of a config, which was made for cgroup version 1, and what to do."""
    version, layout = lxc.version(), facts.cgroup_version()
    if compatibility.lacks_cgroups(version, layout):
        return "; %s; %s" % (compatibility.refusal(version, layout), compatibility.ADVICE)
    return "; it was made for cgroups of version 1: let the config stage render it again"
