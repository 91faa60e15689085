# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one function over many items, in some processes at a time.

liblxc is not safe in threads, keeps state of a process, and can crash: worker processes keep all of that from the
module. A worker gets one item after the other, since a fork for each would cost as much as the start of a container.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import ContainerError

# More than one for each processor, because a start waits more than it computes.
AT_ONCE = 4 * (os.cpu_count() or 1)


class Result(NamedTuple):
    """What became of one item: a value, or the reason why there is none."""

    value: Any = None
    error: str = ""


class Worker(NamedTuple):
    """A process that is told items, one a line, and answers with one line each."""

    pid: int
    reading: int
    writing: int


class Turn(NamedTuple):
    """What a worker is at work on, and until when it may."""

    item: str
    worker: Worker
    deadline: float


def each(
    function: Callable[[str], Any], items: Sequence[str], seconds: float, at_once: int = AT_ONCE, keep: bool = True
) -> Dict[str, Result]:
    """Call the function for each item, which may take so many seconds. Values must be fit for JSON.

    An item is given to a worker when that has answered for the one before: a worker that dies takes only one along.
    Without `keep` each item has a worker of its own, for a function that changes its process for good.
    """
    waiting = list(items)[::-1]
    idle: List[Worker] = []
    turns: Dict[int, Turn] = {}
    results: Dict[str, Result] = {}
    poller = select.poll()
    try:
        while waiting or turns:
            while waiting and len(turns) < at_once:
                worker = idle.pop() if idle else hire(function)
                turns[worker.reading] = hand(worker, waiting.pop(), seconds)
                poller.register(worker.reading, select.POLLIN)
            pause = max(0.0, min(turn.deadline for turn in turns.values()) - time.monotonic())
            done = [fd for fd, _event in poller.poll(int(pause * 1000) + 1)]
            late = [fd for fd, turn in turns.items() if turn.deadline <= time.monotonic() and fd not in done]
            for fd in done + late:
                turn = turns.pop(fd)
                poller.unregister(fd)
                line = b"" if fd in late else read_line(fd)
                if line and keep:
                    idle.append(turn.worker)
                status = 0 if line and keep else dismiss(turn.worker, kill=bool(line) or fd in late)
                error = "" if line else reason(seconds if fd in late else None, status)
                results[turn.item] = Result(error=error) if error else Result(**json.loads(line))
    finally:
        for worker in [*idle, *(turn.worker for turn in turns.values())]:
            dismiss(worker, kill=True)
    return results


def divided(function: Callable[[str], Any], items: Sequence[str], count: int) -> Dict[str, Result]:
    """Call the function for each item, the items divided among so many processes, this one included.

    For many short pieces of work that cannot hang: nobody waits for an answer between two of them. What is open stays
    open, with the locks that hang on it: should this process be killed, nobody else gets them before the others have
    come to the end of their parts. Values must be fit for JSON. The error of a process that is killed is that of its
    whole part. Raises RuntimeError for a defect in another process, with its traceback.
    """
    own, *parts = [list(items[number::count]) for number in range(count)]
    others: List[Tuple[List[str], int, int]] = []
    try:
        for part in filter(None, parts):
            try:
                others.append((part, *begin(function, part)))
            except OSError:
                # There is no process to be had: here, then.
                own += part
        found = {item: Result(function(item)) for item in own}
    finally:
        outcomes = [(part, *outcome(pid, reading)) for part, pid, reading in others]
    for part, text, status in outcomes:
        if status:
            found.update(dict.fromkeys(part, Result(error="the process that was at work on it " + exit_words(status))))
            continue
        told = json.loads(text)
        if "defect" in told:
            raise RuntimeError(told["defect"])
        found.update(zip(part, map(Result, told["values"])))
    return {item: found[item] for item in items}


def begin(function: Callable[[str], Any], items: Sequence[str]) -> Tuple[int, int]:
    """Fork a process that calls the function for each item; its number, and where its answer is to be read."""
    reading, writing = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid:
        os.close(writing)
        return pid, reading
    status = 1
    try:
        os.close(reading)
        with open(writing, "wb") as stream:
            stream.write(values_or_defect(function, items).encode())
        status = 0
    finally:
        # Whatever happens: a second copy of the module must not go on.
        os._exit(status)


def values_or_defect(function: Callable[[str], Any], items: Sequence[str]) -> str:
    """What such a process answers."""
    try:
        return json.dumps({"values": [function(item) for item in items]})
    except BaseException:  # pylint: disable=broad-except
        import traceback  # For a defect alone.

        return json.dumps({"defect": traceback.format_exc()})


def outcome(pid: int, reading: int) -> Tuple[bytes, int]:
    """The answer of such a process, and how it ended, see wait(2)."""
    with open(reading, "rb") as stream:
        return stream.read(), os.waitpid(pid, 0)[1]


def hire(function: Callable[[str], Any]) -> Worker:
    """Fork a worker, which inherits no open file but the standard ones.

    One that held a pipe of another would keep that from ending with the module; and for every start LXC goes through
    all that is open, which with a lock for each of a hundred containers takes a quarter of the time.
    """
    (items, writing), (reading, answers) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            close_all_but({0, 1, 2, items, answers})
            work(function, items, answers)
        finally:
            # Whatever happens: a second copy of the module must not go on. Nobody listens any more where that was killed.
            os._exit(0)
    os.close(items)
    os.close(answers)
    return Worker(pid, reading, writing)


def close_all_but(kept: Set[int]) -> None:
    """Close the descriptors of this process."""
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - kept:
        with contextlib.suppress(OSError):
            # The list has the descriptor that it was read through.
            os.close(fd)


def work(function: Callable[[str], Any], items: int, answers: int) -> None:
    """Answer for each item, until there are no more."""
    with open(answers, "wb", buffering=0, closefd=False) as stream:
        while True:
            item = read_line(items)
            if not item:
                return
            stream.write(answer(function, json.loads(item)))


def hand(worker: Worker, item: str, seconds: float) -> Turn:
    """Give an item to a worker."""
    os.write(worker.writing, json.dumps(item).encode() + b"\n")
    return Turn(item, worker, time.monotonic() + seconds)


def dismiss(worker: Worker, kill: bool) -> int:
    """Let a worker go, and return how it ended, see wait(2)."""
    if kill:
        os.kill(worker.pid, signal.SIGKILL)
    os.close(worker.reading)
    os.close(worker.writing)
    return os.waitpid(worker.pid, 0)[1]


def reason(late: Optional[float], status: int) -> str:
    """Why there is no answer: the seconds that were not enough, or how the worker ended."""
    if late is not None:
        return "was not done within %g seconds" % late
    return "the process that talked to LXC " + exit_words(status)


def answer(function: Callable[[str], Any], item: str) -> bytes:
    """The line that a worker sends."""
    try:
        line = json.dumps({"value": function(item)})
    except ContainerError as error:
        line = json.dumps({"error": str(error)})
    except BaseException as error:  # pylint: disable=broad-except
        line = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
    return line.encode() + b"\n"


def exit_words(status: int) -> str:
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
