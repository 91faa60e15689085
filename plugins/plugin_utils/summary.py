# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the containers that a run of all stages changed, in one line for people."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

# What was done, by the steps of the last stage that show it. The first row that fits counts.
VERBS = (
    ("removed with volumes", ("remove", "remove_volumes")),
    ("removed", ("remove",)),
    ("volumes removed", ("remove_volumes",)),
    ("restarted", ("stop", "start")),
    ("started", ("start",)),
    ("stopped", ("stop",)),
    ("reloaded", ("reload",)),
    ("filtered anew", ("filter",)),
    ("frozen", ("freeze",)),
    ("thawed", ("unfreeze",)),
    ("changed", ()),
)
NEW = ("ABSENT", "INCOMPLETE")


def line(result: Mapping[str, Any]) -> str:
    """Return the line; in check mode it says what would be done. Empty if nothing was changed."""
    found: Dict[str, List[str]] = {}
    for item in result.get("containers", ()):
        if item.get("changed"):
            found.setdefault(done(item), []).append(item["name"])
    return "; ".join("%s: %s" % (verb, ", ".join(names)) for verb, names in found.items())


def done(item: Mapping[str, Any]) -> str:
    """Return what was done to one container, in a word."""
    steps: Sequence[str] = item.get("changes", ())
    if not {"remove", "remove_volumes"} & set(steps) and item.get("state_before") in NEW:
        return "built"
    return next(verb for verb, needed in VERBS if all(step in steps for step in needed))
