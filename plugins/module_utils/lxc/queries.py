# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks LXC (I/O): in which state each of many containers is."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Union

from ..errors import ContainerError
from ..target import processes
from ..workers import pool
from . import programs, runtime


def statuses(lxc: runtime.Runtime, names: Sequence[str]) -> Dict[str, Union[runtime.Status, ContainerError]]:
    """State and PID 1 of many containers, or why LXC cannot tell.

    A container that runs has a command socket: who has none is stopped, also where its config is broken, unless its
    PID 1 has survived its monitor.
    """
    present = set(runtime.sockets())
    results: Dict[str, Union[runtime.Status, ContainerError]] = {}
    for name in names:
        own_sockets = runtime.command_sockets(lxc, name)
        # Of a socket whose name is hashed LXC is asked: a version that hashes otherwise would make it seem stopped.
        if not any(socket in present or runtime.HASHED_SOCKET.fullmatch(socket) for socket in own_sockets):
            results[name] = runtime.Status("STOPPED")
    asked = [name for name in names if name not in results]
    results.update(ask_all(lxc, asked))
    stopped = [
        name for name, result in results.items() if isinstance(result, runtime.Status) and result.state == "STOPPED"
    ]
    survivors = processes.inits({name: "%s/%s/rootfs" % (lxc.lxc_path, name) for name in stopped})
    return {**results, **{name: runtime.Status("RUNNING", pid, False) for name, pid in survivors.items()}}


def ask_all(lxc: runtime.Runtime, names: Sequence[str]) -> Dict[str, Union[runtime.Status, ContainerError]]:
    """State and PID 1 of containers as LXC says, or why it cannot tell.

    In processes of their own: LXC waits for ever for a container whose start hangs. Through the binding it is a message
    each, for which few of them are enough.
    """
    results: Dict[str, Union[runtime.Status, ContainerError]] = {}
    if not names:
        return results
    lxc.get_ready()
    at_once = 2 if lxc.kind == "binding" else pool.AT_ONCE
    for name, result in pool.each(lambda name: answer(lxc, name), names, programs.PATIENCE, at_once).items():
        state, pid, error, unloaded = result.value or ("", None, result.error, False)
        results[name] = (
            (runtime.LoadError if unloaded else ContainerError)(error) if error else runtime.Status(state, pid)
        )
    return results


def answer(lxc: runtime.Runtime, name: str) -> List[Any]:
    """What LXC says of one container, in a form that a child can send: state, PID 1, error, its kind."""
    status = ask(lxc, name)
    if isinstance(status, runtime.Status):
        return [status.state, status.pid, "", False]
    return ["", None, str(status), isinstance(status, runtime.LoadError)]


def ask(lxc: runtime.Runtime, name: str) -> Union[runtime.Status, ContainerError]:
    """State and PID 1 of one container, or why LXC cannot tell."""
    try:
        return lxc.status(name)
    except ContainerError as error:
        return error
