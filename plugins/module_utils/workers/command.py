# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one program, with limits on its time and on how much of its output is kept."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import BinaryIO, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple, cast

from ..target import processes

# Longer waits are split: poll(2) takes at most 24 days. In seconds.
LONGEST_WAIT = 3600.0
# How many times at most we look for further processes to kill.
ROUNDS = 100


class Ended(NamedTuple):
    """How a program ended.

    `code`: its exit status, or None if its time was up; `cut`: whether a part of its output was dropped.
    """

    code: Optional[int]
    stdout: bytes
    stderr: bytes
    cut: bool


def run(
    argv: Sequence[str], environment: Mapping[str, str], stdin: bytes, seconds: Optional[float], limit: int
) -> Ended:
    """Run a program and return how it ended, with at most `limit` bytes of each output. The rest is read and dropped.

    It returns when the program ends, even if a process that the program started still holds the outputs open. After
    `seconds` (None: no limit) the program and all processes that it started are killed.
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
    """Write the input and read the outputs until the program has ended or its time is up."""
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
    """Return how long to wait, in milliseconds; None for no limit, because the end of the program wakes us."""
    waits = [] if deadline is None else [min(max(0.0, deadline - time.monotonic()), LONGEST_WAIT)]
    waits += [] if ending >= 0 else [processes.LOOK]
    return int(min(waits) * 1000) + 1 if waits else None


def feed(fd: int, left: memoryview) -> memoryview:
    """Write what the pipe takes and return the rest. If the reader is gone, nothing is left to write."""
    try:
        return left[os.write(fd, left[:4096]) :]
    except BlockingIOError:
        return left
    except BrokenPipeError:
        return left[:0]


def kill_tree(pid: int) -> None:
    """Kill a process and all processes below it.

    All of them are stopped first. So none starts another while we look, and none loses the parent by which we find it
    when that parent is killed. If they start new ones faster than we can look, we give up after some rounds and kill
    what was found.
    """
    table: Dict[int, Tuple[int, int]] = {}
    found: Dict[int, int] = {}
    moving: Set[int] = set()
    for _round in range(ROUNDS):
        # A process may finish a fork that it had begun when the signal came, so we wait until it has stopped.
        moving = {each for each in moving if not processes.is_stopped(each)}
        # Only new processes are read, so that we are faster than a process that keeps forking.
        table.update(processes.table(table))
        new = {each: start for each, start in below(pid, table).items() if each not in found}
        if not new and not moving:
            break
        send(new, signal.SIGSTOP)
        found.update(new)
        moving.update(new)
        time.sleep(0 if new else processes.LOOK)
    # Kill parents last: a stopped process that becomes an orphan is continued, see setpgid(2).
    send(dict(reversed(list(found.items()))), signal.SIGKILL)


def send(pids: Mapping[int, int], number: int) -> None:
    """Send a signal to processes, by PID and start time.

    A PID with another start time now belongs to another process, which gets no signal.
    """
    for pid, start in pids.items():
        if processes.start_ticks(pid) == start:
            processes.send([pid], number)


def below(pid: int, table: Mapping[int, Tuple[int, int]]) -> Dict[int, int]:
    """Return a process and all below it in a process table, parents first, each with its start time in ticks."""
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
