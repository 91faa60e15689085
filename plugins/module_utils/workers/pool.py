# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one function over many items, in several processes at a time.

liblxc is not thread-safe, keeps state in its process, and can crash. Worker processes keep all of that away from the
module. A worker gets many items, one after the other: a fork for each item would cost as much as starting a container.
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

# More than one for each processor, because starting a container is mostly waiting.
AT_ONCE = 4 * (os.cpu_count() or 1)


class Result(NamedTuple):
    """The result for one item: a value, or the reason why there is none."""

    value: Any = None
    error: str = ""


class Worker(NamedTuple):
    """A worker process. It reads items, one a line, and answers each with one line."""

    pid: int
    reading: int
    writing: int


class Turn(NamedTuple):
    """The item that a worker is working on, and its deadline."""

    item: str
    worker: Worker
    deadline: float


def each(
    function: Callable[[str], Any], items: Sequence[str], seconds: float, at_once: int = AT_ONCE, keep: bool = True
) -> Dict[str, Result]:
    """Call the function for each item in worker processes, and return the results by item.

    `seconds` is the limit for each call. Values must be JSON-serializable. A worker gets its next item only after it
    has answered, so a worker that dies loses only one item. Without `keep` each item gets a worker of its own, for
    functions that change their process for good.
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
    """Call the function for each item, with the items divided among `count` processes, this one included.

    Use it for many short pieces of work that cannot hang: nothing waits for an answer between two items. Children
    inherit open files and their locks. If this process is killed, nobody can take the locks until every child has
    exited. Values must be JSON-serializable. If a child is killed, all of its items get the error. Raises RuntimeError
    with the traceback if the function raises an exception in a child.
    """
    own, *parts = [list(items[number::count]) for number in range(count)]
    others: List[Tuple[List[str], int, int]] = []
    try:
        for part in filter(None, parts):
            try:
                others.append((part, *begin(function, part)))
            except OSError:
                # No process can be started, so this process does the part itself.
                own += part
        found = {item: Result(function(item)) for item in own}
    finally:
        outcomes = [(part, *outcome(pid, reading)) for part, pid, reading in others]
    for part, text, status in outcomes:
        if status:
            found.update(dict.fromkeys(part, Result(error="the process that was at work on it " + exit_words(status))))
            continue
        message = json.loads(text)
        if "defect" in message:
            raise RuntimeError(message["defect"])
        found.update(zip(part, map(Result, message["values"])))
    return {item: found[item] for item in items}


def begin(function: Callable[[str], Any], items: Sequence[str]) -> Tuple[int, int]:
    """Fork a process that calls the function for each item.

    Return its PID and the descriptor to read its answer from.
    """
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
        # Never let a second copy of the module go on.
        os._exit(status)


def values_or_defect(function: Callable[[str], Any], items: Sequence[str]) -> str:
    """Return the answer of such a process: the values, or the traceback of an exception."""
    try:
        return json.dumps({"values": [function(item) for item in items]})
    except BaseException:  # pylint: disable=broad-except
        import traceback  # Needed only for a defect.

        return json.dumps({"defect": traceback.format_exc()})


def outcome(pid: int, reading: int) -> Tuple[bytes, int]:
    """Return the answer of such a process and how it ended, see wait(2)."""
    with open(reading, "rb") as stream:
        return stream.read(), os.waitpid(pid, 0)[1]


def hire(function: Callable[[str], Any]) -> Worker:
    """Fork a worker. It inherits only the standard files.

    If it held a pipe of another worker, that worker would not end with the module. And LXC goes through all open files
    at every start, which takes a quarter of the time with one lock for each of a hundred containers.
    """
    (items, writing), (reading, answers) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            close_all_but({0, 1, 2, items, answers})
            work(function, items, answers)
        finally:
            # Never let a second copy of the module go on. If the module was killed, nobody reads the answers any more.
            os._exit(0)
    os.close(items)
    os.close(answers)
    return Worker(pid, reading, writing)


def close_all_but(kept: Set[int]) -> None:
    """Close all descriptors of this process except these."""
    for fd in {int(name) for name in os.listdir("/proc/self/fd")} - kept:
        with contextlib.suppress(OSError):
            # The list also contains the descriptor that it was read through, which is closed already.
            os.close(fd)


def work(function: Callable[[str], Any], items: int, answers: int) -> None:
    """Answer each item until there are no more."""
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
    """End a worker and return how it ended, see wait(2)."""
    if kill:
        os.kill(worker.pid, signal.SIGKILL)
    os.close(worker.reading)
    os.close(worker.writing)
    return os.waitpid(worker.pid, 0)[1]


def reason(late: Optional[float], status: int) -> str:
    """Return why there is no answer: the time limit (`late`, in seconds) that passed, or how the worker ended."""
    if late is not None:
        return "was not done within %g seconds" % late
    return "the process that talked to LXC " + exit_words(status)


def answer(function: Callable[[str], Any], item: str) -> bytes:
    """Return the line that a worker sends for an item."""
    try:
        line = json.dumps({"value": function(item)})
    except ContainerError as error:
        line = json.dumps({"error": str(error)})
    except BaseException as error:  # pylint: disable=broad-except
        line = json.dumps({"error": "%s: %s" % (type(error).__name__, error)})
    return line.encode() + b"\n"


def exit_words(status: int) -> str:
    """Return in words how a process ended, see wait(2)."""
    signalled = os.WIFSIGNALED(status)
    return "was killed by signal %d" % os.WTERMSIG(status) if signalled else "ended with %d" % os.WEXITSTATUS(status)


def read_line(fd: int) -> bytes:
    """Read up to the end of a line. Not up to the end of the file, because LXC's monitor may keep the pipe open."""
    parts: List[bytes] = []
    while not parts or not parts[-1].endswith(b"\n"):
        part = os.read(fd, 65536)
        if not part:
            return b""
        parts.append(part)
    return b"".join(parts)
