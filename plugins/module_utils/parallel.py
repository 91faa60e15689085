# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one function over many items, each in a process of its own, some at a time.

liblxc is not safe in threads, keeps state of a process, and can crash: a child for each call keeps all of
that from the others. A child costs a millisecond or two.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Sequence

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError

# More than one for each processor, because a start waits more than it computes.
AT_ONCE = 4 * (os.cpu_count() or 1)


@dataclass(frozen=True)
class Result:
    """What became of one item: a value, or the reason why there is none."""

    value: Any = None
    error: str = ""


@dataclass(frozen=True)
class Child:
    """A running child: which item it works on, and until when it may."""

    item: str
    pid: int
    deadline: float


def each(function: Callable[[str], Any], items: Sequence[str], seconds: float) -> Dict[str, Result]:
    """Call the function for each item, which may take so many seconds. Values must be fit for JSON."""
    waiting = list(items)
    running: Dict[int, Child] = {}
    results: Dict[str, Result] = {}
    poller = select.poll()
    try:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                begin(function, waiting.pop(0), time.monotonic() + seconds, running, poller)
            now = time.monotonic()
            pause = max(0.0, min(child.deadline for child in running.values()) - now)
            done = [fd for fd, _event in poller.poll(int(pause * 1000) + 1)]
            late = [fd for fd, child in running.items() if child.deadline <= time.monotonic() and fd not in done]
            for fd in done + late:
                child = running.pop(fd)
                poller.unregister(fd)
                results[child.item] = collect(fd, child, fd in late, seconds)
    finally:
        for fd, child in running.items():
            collect(fd, child, True, seconds)
    return results


def begin(function: Callable[[str], Any], item: str, deadline: float, running: Dict[int, Child], poller: Any) -> None:
    """Fork a child that calls the function and writes one line."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        with open(writing, "wb", buffering=0, closefd=False) as stream:
            stream.write(answer(function, item))
        os._exit(0)
    os.close(writing)
    running[reading] = Child(item, pid, deadline)
    poller.register(reading, select.POLLIN)


def answer(function: Callable[[str], Any], item: str) -> bytes:
    """The line that a child sends."""
    try:
        line = json.dumps({"value": function(item)})
    except ContainerError as error:
        line = json.dumps({"error": str(error)})
    except BaseException as error:  # pylint: disable=broad-except
        line = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
    return line.encode() + b"\n"


def collect(fd: int, child: Child, late: bool, seconds: float) -> Result:
    """Read a child's line and let the child go. A child that is late is ended."""
    if late:
        os.kill(child.pid, signal.SIGKILL)
    line = b"" if late else read_line(fd)
    os.close(fd)
    status = os.waitpid(child.pid, 0)[1]
    if late:
        return Result(error="was not done within %g seconds" % seconds)
    if not line:
        return Result(error="the process that talked to LXC " + ended(status))
    return Result(**json.loads(line))


def ended(status: int) -> str:
    """How a process ended, see wait(2)."""
    signalled = os.WIFSIGNALED(status)
    return "was killed by signal %d" % os.WTERMSIG(status) if signalled else "ended with %d" % os.WEXITSTATUS(status)


def read_line(fd: int) -> bytes:
    """Read to the end of a line. Not to the end of the file: LXC's monitor may keep the pipe open."""
    parts: List[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(fd, 65536)
        if not part:
            return b""
        parts.append(part)
    return b"".join(parts)
