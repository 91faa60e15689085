# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: whether a readiness check has held for long enough, when to try again, and how to report it.

All times are seconds since the readiness gate began. A window is a time during which a check holds without
interruption. A window may begin until the check's timeout has passed, and it must last for the check's `stable`.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from ..container_spec.records import Check

# The time between the end of one attempt and the start of the next. Running a program costs the most.
INTERVALS = {"command": 0.5, "tcp": 0.1, "file": 0.1}
# The time that an attempt may always take, even if less than that is left.
LOOK_LEAST = 1.0
STILL_RUNNING = "the program was still running"
# Put before STILL_RUNNING if an earlier attempt of the program ended with another reason.
AT_LAST = "; at last "
ENDED = "its PID 1 ended before all checks held"
# How many characters of a program's output a message repeats.
OUTPUT_SHOWN = 200


class Watch(NamedTuple):
    """The state of a check.

    - `since`: when its window began, None if it does not hold.
    - `reason`: why it last did not hold.
    - `breaks`: how many windows were interrupted.
    """

    since: Optional[float] = None
    reason: str = ""
    breaks: int = 0


def kind(check: Check) -> str:
    """Return the kind of a check: command, tcp or file."""
    return next(key for key in INTERVALS if getattr(check, key) is not None)


def title(check: Check) -> str:
    """Return how messages name a check: by its kind and value, without control characters."""
    value = list(check.command) if check.command else check.tcp or check.file
    return "%s %s" % (kind(check), value if isinstance(value, int) else ascii(value).strip("'"))


def after_look(watch: Watch, at: float, reason: str) -> Watch:
    """Return the state of a check after an attempt that ended at `at`.

    `reason` says why the check does not hold; it is empty if the check holds.
    """
    if not reason:
        return watch if watch.since is not None else watch._replace(since=at)
    before = watch.reason.partition(AT_LAST + STILL_RUNNING)[0]
    if reason.startswith(STILL_RUNNING) and before and not before.startswith(STILL_RUNNING):
        # An attempt that was cut off says less than the one before it.
        reason = before + AT_LAST + reason
    return Watch(None, reason, watch.breaks + (watch.since is not None))


def verdict(check: Check, watch: Watch, at: float) -> Optional[bool]:
    """Return whether the check held, or None if that needs more attempts."""
    if watch.since is not None:
        return True if at - watch.since >= check.stable else None
    return False if at >= check.timeout else None


def end(check: Check, watch: Watch) -> float:
    """Return when the check is over: at its timeout, or at the end of the current window if that is later."""
    return check.timeout if watch.since is None else max(check.timeout, watch.since + check.stable)


def pause(check: Check, watch: Watch, at: float) -> float:
    """Return how long to wait for the next attempt: the interval, or less if the timeout or the window ends earlier."""
    until = check.timeout if watch.since is None else watch.since + check.stable
    return min(INTERVALS[kind(check)], max(0.0, until - at))


def patience(check: Check, watch: Watch, at: float) -> float:
    """Return how many seconds the next attempt may take."""
    return max(LOOK_LEAST, end(check, watch) - at)


def bound(check: Check) -> float:
    """Return the longest duration of a check in seconds: its timeout, its window, and an attempt at the end of each."""
    return check.timeout + LOOK_LEAST + check.stable + LOOK_LEAST


def failure(check: Check, watch: Watch) -> str:
    """Return why a check did not hold, in one sentence with the last reason."""
    held = " for %g seconds without a break" % check.stable if watch.breaks else ""
    return "%s did not hold%s within %g seconds: %s" % (title(check), held, check.timeout, watch.reason)


def program_failure(code: Optional[int], stdout: str, stderr: str) -> str:
    """Return why a program's end does not count as ready, with its status and the last line that it printed.

    `code` is None for a program that was still running. Return an empty string if it counts as ready.
    """
    if code == 0:
        return ""
    lines = (stderr.strip() or stdout.strip()).splitlines()
    words = ": " + ascii(lines[-1][:OUTPUT_SHOWN])[1:-1] if lines else ""
    return (STILL_RUNNING if code is None else "the program ended with %d" % code) + words


def unanswered(errors: Dict[str, str]) -> str:
    """Return why no address accepted a connection, from the system's error message for each."""
    by_words: Dict[str, Any] = {}
    for address, words in errors.items():
        by_words.setdefault(words, []).append(address)
    return "; ".join("%s at %s" % (words, ", ".join(addresses)) for words, addresses in by_words.items())
