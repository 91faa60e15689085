# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what is wrong with a container, in words for people."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Sequence

from ..plan import transitions

# How many of the things that have drifted a sentence names.
NAMED = 3
# A command that was started again counts as well again after this long, in seconds. No pause before a restart is longer.
QUIET = 60


def problems(item: Mapping[str, Any], all_declared: bool, last_words: Callable[[], str], since: float) -> List[str]:
    """Return what is wrong with a container, a sentence each without its name.

    - `item`: what container_info tells of it.
    - `all_declared`: whether the specs of all containers of the host were given.
    - `last_words`: returns its last output as the end of a sentence. It is called only where that is needed.
    - `since`: the seconds since the last end of its command.
    """
    found = []
    declared, state, end = item["declared"], item["state"], item["last_end"]
    if declared and state and state != transitions.REACHED[declared]:
        found.append("should be %s and is %s%s" % (declared, state, why_stopped(state, end, last_words)))
    if keeps_failing(item, since):
        count = item["restarts"]
        often = "; it was started again %d %s" % (count, "time" if count == 1 else "times") if count else ""
        found.append("does not stay up: %s%s%s" % (end["reason"], often, last_words()))
    found += ["%s does not hold: %s" % (one["check"], one["reason"]) for one in item["checks"] if not one["held"]]
    if item["drift"]:
        found.append("is not on disk as it was made: " + listed(item["drift"]))
    if item["restart_needed"]:
        found.append("a restart is due, for what has changed since its start")
    if item["reload_needed"]:
        found.append("a reload is due, for files that have changed since its command has read them")
    found += list((item.get("effective", {}).get("packet_filter") or {}).get("missing", ()))
    if declared and declared != "absent" and not item["ours"] and state not in (None, "ABSENT", "INCOMPLETE"):
        found.append("was not made by this collection")
    if all_declared and item["ours"] and not declared:
        found.append("is not declared")
    # What LXC cannot tell of somebody else's container is no concern of ours.
    return found + ([item["error"]] if item["error"] and (item["ours"] or declared) else [])


def why_stopped(state: str, end: Optional[Mapping[str, Any]], last_words: Callable[[], str]) -> str:
    """Return how a container that has stopped ended, as the end of a sentence; empty if that is not known."""
    if state != "STOPPED" or not end:
        return ""
    return ": " + end["reason"] + ("" if end["asked"] else last_words())


def keeps_failing(item: Mapping[str, Any], since: float) -> bool:
    """Return whether the command of a container that runs has failed lately and was, or is to be, started again."""
    end = item["last_end"]
    if item["state"] != "RUNNING" or not end or end["status"] == 0:
        return False
    return bool(item["restarting"] or (item["restarts"] and since < QUIET))


def listed(things: Sequence[str]) -> str:
    """Return the first of several things, and how many more there are."""
    more = len(things) - NAMED
    return "; ".join(things[:NAMED]) + ("; and %d more" % more if more > 0 else "")
