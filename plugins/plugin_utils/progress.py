# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a person sees of a rollout in the terminal: the progress line, the estimate, the table at the end."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence, Tuple

from . import ledger

TITLES = ("HOST", "BATCH", "STATE", "STAGE", "TIME", "TRIES")
NOTHING = "-"
GAP = "  "
BAR = 20
# Nobody reads more rows than this in a terminal. The report has them all.
LARGE = 100


def estimate(record: ledger.Ledger, chosen: Sequence[str], forks: int) -> Optional[float]:
    """Return the seconds that the rest of this run will take, or None if no host has ended yet.

    A batch waits for its slowest host, and takes as many rounds as its hosts need with `forks` at once. A host takes as
    long as the hosts of this run took on average.
    """
    number = len(record.runs)
    ended = [host for host in record.hosts.values() if host.run == number and host.ended and host.started]
    if not ended:
        return None
    mean = sum(ledger.seconds(host.ended or "") - ledger.seconds(host.started or "") for host in ended) / len(ended)
    wanted = set(chosen)
    waiting = [sum(still_due(record, name, number) for name in batch if name in wanted) for batch in record.batches]
    return max(mean, 0) * sum(math.ceil(size / max(forks, 1)) for size in waiting)


def still_due(record: ledger.Ledger, name: str, number: int) -> bool:
    """Return whether this run still has to take up a host, or has it in progress."""
    host = record.hosts[name]
    return host.state == "in_progress" or (host.state != "done" and host.run != number)


def clock(seconds: Optional[float]) -> str:
    """Return a duration as 0:07, 12:34 or 1:02:03; a question mark if it is not known."""
    if seconds is None:
        return "?"
    minutes, rest = divmod(int(max(seconds, 0) + 0.5), 60)
    hours, minutes = divmod(minutes, 60)
    return "%d:%02d:%02d" % (hours, minutes, rest) if hours else "%d:%02d" % (minutes, rest)


def line(record: ledger.Ledger, chosen: Sequence[str], forks: int, now: str, drawing: bool = False) -> str:
    """Return the progress line. `drawing` puts a bar in front of it, which only a terminal should get."""
    numbers = ledger.counts(record)
    elapsed = ledger.seconds(now) - ledger.seconds(record.runs[-1].started) if record.runs else 0
    parts = ["%d of %d done" % (numbers.done, numbers.total), "%d failed" % (numbers.failed + numbers.rolled_back)]
    parts.append("%d pending" % numbers.pending + (" (%d unreachable)" % numbers.lost if numbers.lost else ""))
    if numbers.in_progress:
        parts.append("%d in progress" % numbers.in_progress)
    words = "%s; %s elapsed" % (", ".join(parts), clock(elapsed))
    due = estimate(record, chosen, forks) if record.state == "running" else None
    if due:
        words += ", about %s to go" % clock(due)
    if record.state in ("paused", "stopped"):
        words += "; %s" % record.state
    return "rollout %s: %s%s" % (record.id, drawn(numbers) + " " if drawing else "", words)


def drawn(numbers: ledger.Counts) -> str:
    """Return the bar: full blocks for hosts that are done, crosses for those that failed."""
    total = max(numbers.total, 1)
    done = numbers.done * BAR // total
    failed = min(math.ceil((numbers.failed + numbers.rolled_back) * BAR / total), BAR - done)
    return "█" * done + "✗" * failed + "░" * (BAR - done - failed)


def table(record: ledger.Ledger) -> List[str]:
    """Return the lines of the table at the end: titles, a row for each host, then a line for each reason.

    For a large fleet only the hosts that are not done have a row.
    """
    large = len(record.hosts) > LARGE
    rows: List[Tuple[str, ...]] = [TITLES]
    notes = []
    for batch in record.batches:
        for name in batch:
            host = record.hosts[name]
            if large and host.state == "done":
                continue
            rows.append((printable(name), *row_of(host)))
            if host.reason:
                notes.append("%s: %s" % (printable(name), host.reason))
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = [GAP.join(field.ljust(width) for field, width in zip(row, widths)).rstrip() for row in rows]
    return (lines if rows[1:] else []) + notes


def row_of(host: ledger.Host) -> Tuple[str, ...]:
    """Return the fields of one host after its name."""
    took = ledger.seconds(host.ended) - ledger.seconds(host.started) if host.ended and host.started else None
    state = "unreachable" if ledger.is_lost(host) else host.state.replace("_", " ")
    stage = next((stage.name for stage in host.stages if stage.outcome in ("failed", "unreachable")), NOTHING)
    return str(host.batch), state, stage, NOTHING if took is None else clock(took), str(host.attempts or NOTHING)


def printable(name: str) -> str:
    """Return a host's name without characters that could move the cursor."""
    return ledger.sentence(name) or "?"


def closing(record: ledger.Ledger) -> str:
    """Return the sentence that a run ends with."""
    numbers = ledger.counts(record)
    if record.state == "finished":
        return "%d of %d host%s done." % (numbers.total, numbers.total, "" if numbers.total == 1 else "s")
    parts = [
        "%d %s" % (number, word)
        for number, word in (
            (numbers.done, "done"),
            (numbers.failed, "failed"),
            (numbers.rolled_back, "rolled back"),
            (numbers.pending, "pending"),
        )
        if number
    ]
    return "The rollout is %s, with %s of %d: %s" % (record.state, ", ".join(parts), numbers.total, record.reason)
