# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): has the commands of containers read their configuration again, by the signal that their specs name."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import Mapping, Optional, Sequence, Tuple

from ..container_spec.rules import OWN_DIRECTORY
from ..disk import single_files, writing
from ..errors import ContainerError
from ..lxc import programs, runtime
from ..target import processes
from ..workers import pool
from . import history, states, survey


def reload(lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState], times: states.Times) -> states.Errors:
    """Send the signals, and verify that each process that got one outlives the settle time. Return the errors.

    A command that waits for its next start gets none. It reads then what there is to read.
    """
    names = states.names_of(all_desired)
    found = survey.running(lxc, names)
    signals = {desired.name: desired.reload or "" for desired in all_desired}
    table = processes.table()
    waiting = [name for name in names if name in found and waits(lxc.lxc_path, name)]
    called = [name for name in names if name not in waiting]
    # In worker processes, since a hostile container may let nobody read the arguments of its processes to the end.
    sent = pool.each(lambda name: tell(found.get(name), signals[name], table), called, programs.PATIENCE)
    errors = states.reasons(sent)
    told = {name: result.value for name, result in sent.items() if not result.error}
    alive = processes.wait_for_end(told.values(), times.settle)
    for name in (*waiting, *told):
        noted = partial(single_files.note_reload, lxc.lxc_path, name)
        reason = writing.attempt(noted, os.path.join(lxc.lxc_path, name))
        if name in told and told[name] not in alive:
            # What is started in its place reads the change anyway.
            reason = "its command ended within %g seconds of the signal %s" % (times.settle, signals[name])
        if reason:
            errors[name] = reason
    return errors


def waits(lxc_path: str, name: str) -> bool:
    """Return whether the command of a running container has ended, and its supervisor is about to start it again."""
    runs = history.of(lxc_path, name, running=True).runs
    return bool(runs and runs.state == "waiting")


def tell(found: Optional[runtime.Status], name: str, table: Mapping[int, Tuple[int, int]]) -> int:
    """Send a signal to the command of a container, and return its process. Raises ContainerError."""
    init = found.pid if found else None
    pid = command_of(init, table) if init else None
    if not init or not pid:
        raise ContainerError("its command does not run now, so that nothing can get the signal %s" % name)
    number = signal.Signals["SIG" + name]
    if not processes.handles(pid, number):
        ends = "which has no effect on PID 1" if pid == init else "which would end it"
        raise ContainerError("its command (%d on the target) does not handle the signal %s, %s" % (pid, name, ends))
    if not processes.send_within(pid, init, number):
        raise ContainerError("its command (%d on the target) ended before it could get the signal %s" % (pid, name))
    return pid


def command_of(init: int, table: Mapping[int, Tuple[int, int]]) -> Optional[int]:
    """Return the process that runs a container's command, or None if there is none.

    Between PID 1 and the command there may be LXC's init and a shell with a script of ours. `table`: processes with their
    parents and starts. PID 1 becomes the parent of orphans too. They are younger than what it has started itself.
    """
    pid = init
    for starts_another in (is_init_lxc, is_script):
        if not starts_another(pid):
            continue
        children = [(start, child) for child, (parent, start) in table.items() if parent == pid]
        if not children:
            return None
        pid = min(children)[1]
    return pid


def is_init_lxc(pid: int) -> bool:
    """Return whether a process is LXC's init. It changes its arguments, but not the name of its program."""
    return os.path.basename(processes.program(pid)).startswith("init.lxc")


def is_script(pid: int) -> bool:
    """Return whether a process is a shell with a script of ours."""
    return any(word.startswith(OWN_DIRECTORY + "/") for word in processes.arguments(pid)[1:3])
