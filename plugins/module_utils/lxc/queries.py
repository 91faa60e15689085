# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks LXC (I/O): the states of many containers."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Union

from ..errors import ContainerError
from ..target import processes
from ..workers import pool
from . import programs, runtime


def statuses(lxc: runtime.Runtime, names: Sequence[str]) -> Dict[str, Union[runtime.Status, ContainerError]]:
    """Return the state and PID 1 of each container, or the error that explains why LXC cannot tell.

    A running container has a command socket. Without a socket it is stopped, even if its config is broken, unless its
    PID 1 has survived its monitor.
    """
    present = set(runtime.sockets())
    results: Dict[str, Union[runtime.Status, ContainerError]] = {}
    for name in names:
        own_sockets = runtime.command_sockets(lxc, name)
        # If the socket's name is hashed, ask LXC: with a version that hashes differently, the container would look
        # stopped.
        if not any(socket in present or runtime.HASHED_SOCKET.fullmatch(socket) for socket in own_sockets):
            results[name] = runtime.Status("STOPPED")
    uncertain = [name for name in names if name not in results]
    results.update(ask_all(lxc, uncertain))
    stopped = [
        name for name, result in results.items() if isinstance(result, runtime.Status) and result.state == "STOPPED"
    ]
    survivors = processes.inits({name: "%s/%s/rootfs" % (lxc.lxc_path, name) for name in stopped})
    return {**results, **{name: runtime.Status("RUNNING", pid, False) for name, pid in survivors.items()}}


def ask_all(lxc: runtime.Runtime, names: Sequence[str]) -> Dict[str, Union[runtime.Status, ContainerError]]:
    """Return the state and PID 1 of containers as LXC reports them, or the error that explains why it cannot.

    LXC is asked from worker processes, since it waits forever for a container whose start hangs. Through the binding a
    query is one message, for which few processes are enough.
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
    """Return what LXC reports of one container as a child can send it: state, PID 1, error, if that is a LoadError."""
    status = ask(lxc, name)
    if isinstance(status, runtime.Status):
        return [status.state, status.pid, "", False]
    return ["", None, str(status), isinstance(status, runtime.LoadError)]


def ask(lxc: runtime.Runtime, name: str) -> Union[runtime.Status, ContainerError]:
    """Return the state and PID 1 of one container, or the error that explains why LXC cannot tell."""
    try:
        return lxc.status(name)
    except ContainerError as error:
        return error
