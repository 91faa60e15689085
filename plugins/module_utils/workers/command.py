# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one program, with bounds on its time and on what is kept of its output."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import BinaryIO, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, cast

from ..target import processes

# Longer waits are made of several: poll(2) takes at most 24 days.
LONGEST_WAIT = 3600.0
# How often we look for further processes to kill.
ROUNDS = 100


class Ended(NamedTuple):
    """How a process ended. `code`: its exit status, None where its time was up; the output may be cut off."""

    code: Optional[int]
    stdout: bytes
    stderr: bytes
    cut: bool


def run(
    argv: Sequence[str], environment: Mapping[str, str], stdin: bytes, seconds: Optional[float], limit: int
) -> Ended:
    """Run a program and keep at most `limit` bytes of each output; the rest is read and thrown away.

    It ends with the program, also where something that the program started keeps the outputs open. When the
    time is up, the program and all that it started are killed.
    """
    process = subprocess.Popen(
        argv, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/"
    )
    writer, stdout, stderr = (cast(BinaryIO, end) for end in (process.stdin, process.stdout, process.stderr))
    kept = {stdout.fileno(): bytearray(), stderr.fileno(): bytearray()}
    try:
        transfer(process, writer, stdin, kept, None if seconds is None else time.monotonic() + seconds, limit)
        code = process.poll()
        if code is None:
            kill_tree(process.pid)
            process.wait()
        outputs = [bytes(kept[stream.fileno()][:limit]) for stream in (stdout, stderr)]
    finally:
        for stream in (writer, stdout, stderr):
            stream.close()
    return Ended(code, outputs[0], outputs[1], any(len(part) > limit for part in kept.values()))


def transfer(
    process: subprocess.Popen[bytes],
    writer: BinaryIO,
    data: bytes,
    kept: Dict[int, bytearray],
    deadline: Optional[float],
    limit: int,
) -> None:
    """Write the input and read the outputs, until the program has ended or the time is up."""
    ending = processes.pidfd(process.pid)
    poller = select.poll()
    writing, left = writer.fileno(), memoryview(data)
    os.set_blocking(writing, False)
    poller.register(writing, select.POLLOUT)
    for fd in [*kept, *([ending] if ending >= 0 else [])]:
        poller.register(fd, select.POLLIN)
    ended = False
    while deadline is None or time.monotonic() < deadline:
        events = poller.poll(0 if ended else pause(deadline, ending))
        if ended and not [fd for fd, _event in events if fd in kept]:
            break
        ended = ended or process.poll() is not None
        for fd, event in events:
            if fd == writing:
                left = feed(fd, left) if event & select.POLLOUT and not event & select.POLLERR else left[:0]
                if not left:
                    poller.unregister(fd)
                    writer.close()
            elif fd in kept:
                chunk = os.read(fd, 65536)
                if not chunk:
                    poller.unregister(fd)
                elif len(kept[fd]) <= limit:
                    kept[fd] += chunk
            else:
                poller.unregister(fd)
    if ending >= 0:
        os.close(ending)


def pause(deadline: Optional[float], ending: int) -> Optional[int]:
    """How long to wait, in milliseconds; None: for ever, since the end of the program wakes us."""
    waits = [] if deadline is None else [min(max(0.0, deadline - time.monotonic()), LONGEST_WAIT)]
    waits += [] if ending >= 0 else [processes.LOOK]
    return int(min(waits) * 1000) + 1 if waits else None


def feed(fd: int, left: memoryview) -> memoryview:
    """Write what the pipe takes; nothing is left where the reader has gone."""
    try:
        return left[os.write(fd, left[:4096]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


def kill_tree(pid: int) -> None:
    """Kill a process and all below it.

    All are stopped first: none starts another while we look, nor loses the parent that we know it by when that is
    killed. Where they start others faster than we can look, it ends all the same; what was found by then is killed.
    """
    table: Dict[int, Tuple[int, int]] = {}
    found: Dict[int, int] = {}
    moving: Set[int] = set()
    for _round in range(ROUNDS):
        # A fork that is under way when the signal comes is brought to its end.
        moving = {each for each in moving if not processes.is_stopped(each)}
        # Only what is new is read, so that we are faster than who forks.
        table.update(processes.table(table))
        new = {each: start for each, start in below(pid, table).items() if each not in found}
        if not new and not moving:
            break
        send(new, signal.SIGSTOP)
        found.update(new)
        moving.update(new)
        time.sleep(0 if new else processes.LOOK)
    # Parents last: who is stopped and orphaned goes on, see setpgid(2).
    send(dict(reversed(list(found.items()))), signal.SIGKILL)


def send(pids: Mapping[int, int], number: int) -> None:
    """Send a signal to processes. One that began at another time is another one, which got the number meanwhile."""
    for pid, start in pids.items():
        if processes.start_ticks(pid) == start:
            processes.send([pid], number)


def below(pid: int, table: Mapping[int, Tuple[int, int]]) -> Dict[int, int]:
    """A process and all below it in a table of processes, parents first, each with the time of its start in ticks."""
    children: Dict[int, List[int]] = {}
    for each, (parent, _start) in table.items():
        children.setdefault(parent, []).append(each)
    found: Dict[int, int] = {}
    waiting = [pid]
    for each in waiting:
        if each in table and each not in found:
            found[each] = table[each][1]
            waiting += children.get(each, [])
    return found
