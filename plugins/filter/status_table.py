# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: results of container_info, one per host, as the lines of a table."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from ansible.errors import AnsibleFilterError

Row = Dict[str, str]

# The titles. A column without any value is left out, except for the first ones.
ALWAYS = ("HOST", "NAME", "STATE")
TITLES = (
    *ALWAYS,
    "DECLARED",
    "HEALTH",
    "ADDRESS",
    "PORTS",
    "REFUSED",
    "MEMORY",
    "LIMIT",
    "RESTARTS",
    "UPTIME",
    "LAST END",
)
# Aligned to the right, since people compare these numbers by eye.
NUMBERS = ("MEMORY", "LIMIT", "RESTARTS", "UPTIME")
NOTHING = "-"
GAP = "  "
UNITS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def status_table(results: Mapping[str, Mapping[str, Any]]) -> List[str]:
    """Return the lines of the table: titles, one row per container, then a note for each thing that is wrong.

    A host that was not reached, that failed, or that has no container, has one row. Raises AnsibleFilterError if the
    input is not a dictionary of results by host.
    """
    if not isinstance(results, Mapping) or not all(isinstance(result, Mapping) for result in results.values()):
        raise AnsibleFilterError("status_table needs a dictionary from host to the result of container_info")
    rows: List[Row] = []
    notes: List[str] = []
    for host, result in results.items():
        for row, told in rows_of(str(host), result):
            row = {title: printable(field) for title, field in row.items()}
            rows.append(row)
            whose = " ".join(filter(None, (row["HOST"], row.get("NAME"))))
            notes += ["%s: %s" % (whose, printable(one)) for one in told]
    return table(rows) + ([""] + notes if notes else [])


def rows_of(host: str, result: Mapping[str, Any]) -> List[Tuple[Row, Sequence[Any]]]:
    """Return the rows of one host, each with its notes."""
    if result.get("unreachable"):
        return [({"HOST": host, "STATE": "unreachable"}, [result.get("msg")])]
    if "containers" not in result:
        return [({"HOST": host, "STATE": "failed"}, [result.get("msg", "container_info gave no result")])]
    rows = [(container_row(host, item), notes_of(item)) for item in result["containers"] if not is_gone(item)]
    return rows or [({"HOST": host}, [])]


def is_gone(item: Mapping[str, Any]) -> bool:
    """Return whether a container is absent, as its spec declares."""
    return item.get("state") == "ABSENT" and item.get("declared") == "absent"


def notes_of(item: Mapping[str, Any]) -> Sequence[Any]:
    """Return what is wrong with a container, or why something of somebody else's cannot be told."""
    return item.get("problems") or ([item["error"]] if item.get("error") else [])


def container_row(host: str, item: Mapping[str, Any]) -> Row:
    """Return the row of one container."""
    restarts = item.get("restarts")
    return {
        "HOST": host,
        "NAME": item["name"],
        "STATE": (item.get("state") or "unknown").lower(),
        "DECLARED": item.get("declared") or "",
        "HEALTH": item.get("health") or "",
        "ADDRESS": ",".join(item.get("addresses") or ()),
        "PORTS": ",".join("%(target)d->%(container)d/%(protocol)s" % port for port in item.get("ports") or ()),
        "REFUSED": refused((item.get("effective") or {}).get("packet_filter")),
        "MEMORY": size(item.get("memory_bytes")),
        "LIMIT": size(item.get("memory_limit_bytes")),
        "RESTARTS": "" if restarts is None else str(restarts),
        "UPTIME": duration(item.get("uptime_seconds")),
        "LAST END": end(item.get("last_end")),
    }


def refused(found: Optional[Mapping[str, Any]]) -> str:
    """Return how many packets a filter has refused, by direction; empty for a container without one."""
    directions = (("in", "incoming"), ("out", "outgoing"))
    return ",".join("%d %s" % (found[key]["refused"], word) for word, key in directions) if found else ""


def size(number: Optional[int]) -> str:
    """Return a number of bytes in MiB, always in this unit so that rows compare; empty if it is not known."""
    return "" if number is None else "%.1fMiB" % (number / (1 << 20))


def duration(seconds: Optional[int]) -> str:
    """Return a number of seconds in the largest unit that fits, such as 5m; empty if it is not known."""
    if seconds is None:
        return ""
    length, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return "%d%s" % (seconds // length, unit)


def end(found: Optional[Mapping[str, Any]]) -> str:
    """Return how a command last ended, in a word or two; empty if it never did, or if that is not known."""
    if not found:
        return ""
    if found.get("asked"):
        return "stopped"
    if found.get("out_of_memory"):
        return "out of memory"
    if found.get("signal"):
        return str(found["signal"])
    return "" if found.get("status") is None else "exit %s" % found["status"]


def table(rows: Sequence[Row]) -> List[str]:
    """Return the lines with titles and aligned columns."""
    titles = [title for title in TITLES if title in ALWAYS or any(row.get(title) for row in rows)]
    fields = [titles, *([row.get(title) or NOTHING for title in titles] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*fields)]
    aligned = [str.rjust if title in NUMBERS else str.ljust for title in titles]
    return [GAP.join(map(lambda align, *one: align(*one), aligned, line, widths)).rstrip() for line in fields]


def printable(text: Any) -> str:
    """Return the text on one line without characters that could move the cursor.

    Names and messages may contain anything.
    """
    return "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()


class FilterModule:
    """The class that Ansible looks for in this file."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"status_table": status_table}
