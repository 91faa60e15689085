# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the records of a container's starts and ends, and what they say. plan/lifetime.py and plan/launch.py write them.

The container can write what it likes to the record of its supervisor, so each field is checked, and a record that
makes no sense counts as missing.
"""

from __future__ import annotations

import re
import signal
from typing import NamedTuple, Optional

# The exit status that a shell gives a program which a signal has ended, without the signal's number.
BY_SIGNAL = 128
KILLED = BY_SIGNAL + signal.SIGKILL
START = re.compile(r"(\d{1,9}) ([0-9a-f-]{36}) (\d{1,12}\.\d\d) (\d{1,20}) (\d{1,20}) (\S+)\n")
END = re.compile(r"(\d{1,9}) ([0-9a-f-]{36}) (\d{1,12}\.\d\d) (-|status=\d{1,3}|signal=\d{1,2}) (-|\d{1,9})\n")
RUNS = re.compile(r"(running|waiting|stopped|ended) (\d{1,9}) (\d{1,9}) (-|\d{1,3}) (-|\d{1,12}) (-|\d{1,12})\n")


class Start(NamedTuple):
    """The last start of a container, as LXC's hook has recorded it.

    - `number`: how often the container has been started, this time included.
    - `boot`, `uptime`: the boot of the target, and the seconds since then.
    - `inode`, `size`: the file that had its output, and the length of it, at the start.
    - `kills`: the file that counts the processes killed for want of memory, empty if the kernel has none.
    """

    number: int
    boot: str
    uptime: float
    inode: int
    size: int
    kills: str


class End(NamedTuple):
    """The last end of a container, as LXC's hook has recorded it.

    - `number`: the number of the start that it belongs to.
    - `boot`, `uptime`: as of a start.
    - `status`, `signal`: how PID 1 ended; None if it is not known.
    - `kills`: how many processes were killed for want of memory since the start; None if it is not known.
    """

    number: int
    boot: str
    uptime: float
    status: Optional[int]
    signal: Optional[int]
    kills: Optional[int]


class Runs(NamedTuple):
    """What the supervisor of the command has recorded since the container was started.

    - `state`: running, waiting (for the next restart), stopped (the container was asked to end) or ended.
    - `restarts`: how often it has restarted the command; `row`: how often in a row.
    - `status`: the exit status at the last end, which may be one of an earlier start; None if there was none.
    - `ran`: how many seconds the command had run then; `ended`: when, in seconds since 1970.
    """

    state: str
    restarts: int
    row: int
    status: Optional[int]
    ran: Optional[float]
    ended: Optional[int]


class LastEnd(NamedTuple):
    """How a container's command last ended, as far as it is known.

    - `status`: the exit status; with a signal, 128 and its number, as a shell has it.
    - `signal`: the name of the signal without SIG.
    - `out_of_memory`: whether the kernel killed it for want of memory.
    - `seconds`: how long it had run; `ended`: when it ended, in seconds since 1970.
    - `asked`: whether it ended because the container was asked to.
    - `reason`: all that in one sentence.
    """

    status: Optional[int] = None
    signal: Optional[str] = None
    out_of_memory: Optional[bool] = None
    seconds: Optional[float] = None
    ended: Optional[float] = None
    asked: bool = False
    reason: str = ""


def start_of(text: str) -> Optional[Start]:
    """Return the record of a start, or None if the text is none."""
    found = START.fullmatch(text)
    if not found:
        return None
    number, boot, uptime, inode, size, kills = found.groups()
    return Start(int(number), boot, float(uptime), int(inode), int(size), "" if kills == "-" else kills)


def end_of(text: str) -> Optional[End]:
    """Return the record of an end, or None if the text is none."""
    found = END.fullmatch(text)
    if not found:
        return None
    number, boot, uptime, how, kills = found.groups()
    kind, _equals, value = how.partition("=")
    status, by_signal = (int(value) if kind == word else None for word in ("status", "signal"))
    return End(int(number), boot, float(uptime), status, by_signal, None if kills == "-" else int(kills))


def runs_of(text: str) -> Optional[Runs]:
    """Return the record of a supervisor, or None if the text is none. It is the first line; the rest is of longer ones."""
    found = RUNS.match(text)
    if not found:
        return None
    state, restarts, row, status, ran, ended = found.groups()
    return Runs(
        state,
        int(restarts),
        int(row),
        None if status == "-" else int(status),
        None if ran == "-" else int(ran) / 100,
        None if ended == "-" else int(ended),
    )


def signal_of(status: Optional[int]) -> Optional[str]:
    """Return the name of the signal in an exit status as a shell gives it, or None."""
    return signal_name(status - BY_SIGNAL) if status is not None and status > BY_SIGNAL else None


def signal_name(number: int) -> Optional[str]:
    """Return the name of a signal without SIG, or None if there is no such signal."""
    try:
        return signal.Signals(number).name[len("SIG") :]
    except ValueError:
        return None


def last_end(
    start: Optional[Start], end: Optional[End], runs: Optional[Runs], running: bool, boot: str, kills: Optional[int]
) -> Optional[LastEnd]:
    """Return how the command of a container last ended, or None if it never did.

    `running`: whether the container runs. `boot`: the boot of the target now. `kills`: how many processes of the running
    container were killed for want of memory.
    """
    if running:
        if runs is None:
            return end_of_init(end, start)
        lately = runs.restarts > 0 or runs.state == "waiting"
        return end_of_command(runs, kills if lately else end.kills if end else None)
    recorded = end if start and end and start.number == end.number else None
    if runs and runs.state in ("ended", "stopped"):
        return end_of_command(runs, recorded.kills if recorded else None)
    if recorded:
        return LastEnd(signal="KILL", reason=FROM_OUTSIDE) if runs else end_of_init(recorded, start)
    if start:
        return LastEnd(reason=TARGET_WENT_DOWN if start.boot != boot else WITHOUT_MONITOR)
    return None


FROM_OUTSIDE = "it was killed from outside, as by lxc-stop -k, or by a stop that it did not follow in time"
TARGET_WENT_DOWN = "the target went down while it ran"
WITHOUT_MONITOR = "it ended after LXC's monitor had been killed"


def end_of_command(runs: Runs, kills: Optional[int]) -> Optional[LastEnd]:
    """Return the end that a supervisor has recorded, or None. `kills`: since the start that the end belongs to."""
    if runs.status is None:
        return None
    asked = runs.state == "stopped"
    starved = None if kills is None else runs.status == KILLED and kills > 0
    by_signal = signal_of(runs.status)
    words = "it was stopped" if asked else "its command " + how(runs.status, by_signal, starved)
    words += after(runs.ran) if not asked else ""
    if runs.state == "ended" and runs.restarts:
        words += ", and was restarted %d %s before" % (runs.restarts, "time" if runs.restarts == 1 else "times")
    return LastEnd(runs.status, by_signal, starved, runs.ran, runs.ended, asked, words)


def end_of_init(end: Optional[End], start: Optional[Start]) -> Optional[LastEnd]:
    """Return the end of PID 1 that LXC has recorded, or None."""
    if end is None:
        return None
    seconds = end.uptime - start.uptime if start and start.number == end.number and start.boot == end.boot else None
    starved = None if end.kills is None else end.kills > 0 and end.signal == signal.SIGKILL
    if end.signal == signal.SIGINT:
        # The kernel ends PID 1 of a PID namespace with it when a program there calls reboot(2), see the manual.
        return LastEnd(None, None, starved, seconds, reason="it was shut down from within")
    if end.signal is None and end.status is None:
        return LastEnd(None, None, starved, seconds, reason="its PID 1 has ended")
    status = end.status if end.signal is None else BY_SIGNAL + end.signal
    name = signal_name(end.signal) if end.signal is not None else None
    return LastEnd(status, name, starved, seconds, reason="its PID 1 " + how(status, name, starved) + after(seconds))


def how(status: Optional[int], by_signal: Optional[str], starved: Optional[bool]) -> str:
    """Return how a program ended, as the end of a sentence."""
    if starved:
        return "was killed by the kernel for want of memory"
    return "ended with %s%s" % (status, " (signal %s)" % by_signal if by_signal else "")


def after(seconds: Optional[float]) -> str:
    """Return how long a program had run, as the end of a sentence."""
    return "" if seconds is None else " after %.1f s" % seconds if seconds < 60 else " after %d s" % seconds
