# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: whether a check of readiness has held for long enough, when to look again, and what to say of it.

All times are seconds since the gate began. A window is the time that a check has held without a break. One may
begin until the check's timeout is over, and it has to last for the check's `stable`.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from ..container_spec.records import Check

# How long to wait between the end of one look and the begin of the next. To run a program costs most.
INTERVALS = {"command": 0.5, "tcp": 0.1, "file": 0.1}
# What one look may take, however short the time that is left.
LOOK_LEAST = 1.0
STILL_RUNNING = "the program was still running"
# Stands before that where the program had ended before.
AT_LAST = "; at last "
ENDED = "its PID 1 ended before all checks held"
# What of a program's output is worth repeating.
OUTPUT_SHOWN = 200


class Watch(NamedTuple):
    """How a check stands: since when it holds, None where it does not; why it last did not; how many windows broke."""

    since: Optional[float] = None
    reason: str = ""
    breaks: int = 0


def kind(check: Check) -> str:
    """What a check looks at."""
    return next(key for key in INTERVALS if getattr(check, key) is not None)


def title(check: Check) -> str:
    """What to call a check: its kind and its value, without control characters."""
    value = list(check.command) if check.command else check.tcp or check.file
    return "%s %s" % (kind(check), value if isinstance(value, int) else ascii(value).strip("'"))


def after_look(watch: Watch, at: float, reason: str) -> Watch:
    """How a check stands after a look that ended then; `reason` says why it does not hold, empty where it does."""
    if not reason:
        return watch if watch.since is not None else watch._replace(since=at)
    before = watch.reason.partition(AT_LAST + STILL_RUNNING)[0]
    if reason.startswith(STILL_RUNNING) and before and not before.startswith(STILL_RUNNING):
        # A look that was cut off tells less than the one before it.
        reason = before + AT_LAST + reason
    return Watch(None, reason, watch.breaks + (watch.since is not None))


def verdict(check: Check, watch: Watch, at: float) -> Optional[bool]:
    """Whether the check held, or None where it takes more looks to tell."""
    if watch.since is not None:
        return True if at - watch.since >= check.stable else None
    return False if at >= check.timeout else None


def end(check: Check, watch: Watch) -> float:
    """When it is over: the timeout, and in a window the end of that, where it is later."""
    return check.timeout if watch.since is None else max(check.timeout, watch.since + check.stable)


def pause(check: Check, watch: Watch, at: float) -> float:
    """How long to wait for the next look: the interval, less where the time or the window is up before."""
    until = check.timeout if watch.since is None else watch.since + check.stable
    return min(INTERVALS[kind(check)], max(0.0, until - at))


def patience(check: Check, watch: Watch, at: float) -> float:
    """How long the next look may take."""
    return max(LOOK_LEAST, end(check, watch) - at)


def bound(check: Check) -> float:
    """What the check can take at most: a look at the end of the timeout, and one at the end of the window."""
    return check.timeout + LOOK_LEAST + check.stable + LOOK_LEAST


def failure(check: Check, watch: Watch) -> str:
    """Why a check did not hold, in one sentence with the last reason."""
    held = " for %g seconds without a break" % check.stable if watch.breaks else ""
    return "%s did not hold%s within %g seconds: %s" % (title(check), held, check.timeout, watch.reason)


def program_failure(code: Optional[int], stdout: str, stderr: str) -> str:
    """Why a program that ended so does not count as ready: its status and the last line that it printed."""
    if code == 0:
        return ""
    lines = (stderr.strip() or stdout.strip()).splitlines()
    words = ": " + ascii(lines[-1][:OUTPUT_SHOWN])[1:-1] if lines else ""
    return (STILL_RUNNING if code is None else "the program ended with %d" % code) + words


def unanswered(errors: Dict[str, str]) -> str:
    """Why no address accepted a connection, from the system's word on each."""
    by_words: Dict[str, Any] = {}
    for address, words in errors.items():
        by_words.setdefault(words, []).append(address)
    return "; ".join("%s at %s" % (words, ", ".join(addresses)) for words, addresses in by_words.items())
