# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: results of container_info, one per host, as the lines of a table."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleFilterError

TITLES = ("HOST", "NAME", "STATE", "ADDRESS", "MEMORY", "RESTART")
NOTHING = "-"
# Two spaces, and no single space within a field: lists that are shown as YAML break long lines at single spaces.
GAP = "  "
# The place of the memory column. It is aligned to the right, since people compare its numbers by eye.
MEMORY = TITLES.index("MEMORY")


def status_table(results: Mapping[str, Mapping[str, Any]]) -> List[str]:
    """Return the lines of the table: titles, one row per container, then a note for each row that has one.

    A host that was not reached, that failed, or that has no container, has one row. Raises AnsibleFilterError if the
    input is not a dictionary of results by host.
    """
    if not isinstance(results, Mapping) or not all(isinstance(result, Mapping) for result in results.values()):
        raise AnsibleFilterError("status_table needs a dictionary from host to the result of container_info")
    rows: List[Tuple[str, ...]] = []
    notes: List[str] = []
    for host, result in results.items():
        for row, note in rows_of(str(host), result):
            row = tuple(map(printable, row))
            rows.append(row)
            if note:
                notes.append("%s: %s" % (" ".join(word for word in row[:2] if word != NOTHING), printable(note)))
    widths = [max(map(len, column)) for column in zip(TITLES, *rows)]
    return [line_of(row, widths) for row in (TITLES, *rows)] + notes


def rows_of(host: str, result: Mapping[str, Any]) -> List[Tuple[Tuple[str, ...], Optional[str]]]:
    """Return the rows of one host, each with its note or None."""
    if result.get("unreachable"):
        return [(row_of(host, state="unreachable"), result.get("msg"))]
    if "containers" not in result:
        return [(row_of(host, state="failed"), result.get("msg", "container_info gave no result"))]
    containers = result["containers"]
    return [(container_row(host, item), item.get("error")) for item in containers] or [(row_of(host), None)]


def container_row(host: str, item: Mapping[str, Any]) -> Tuple[str, ...]:
    """Return the row of one container."""
    return row_of(
        host,
        item["name"],
        (item.get("state") or "unknown").lower(),
        ",".join(item.get("addresses") or ()),
        size(item.get("memory_bytes")),
        "needed" if item.get("restart_needed") else "",
    )


def row_of(
    host: str, name: str = "", state: str = "", address: str = "", memory: str = "", restart: str = ""
) -> Tuple[str, ...]:
    """Return a row without empty fields."""
    return tuple(field or NOTHING for field in (host, name, state, address, memory, restart))


def size(number: Optional[int]) -> str:
    """Return a number of bytes in MiB, always in this unit so that rows compare; empty if it is not known."""
    return "" if number is None else "%.1fMiB" % (number / (1 << 20))


def line_of(row: Tuple[str, ...], widths: List[int]) -> str:
    """Return one line with aligned columns."""
    fields = [field.ljust(width) for field, width in zip(row, widths)]
    fields[MEMORY] = row[MEMORY].rjust(widths[MEMORY])
    return GAP.join(fields).rstrip()


def printable(text: Any) -> str:
    """Return the text on one line without characters that could move the cursor.

    Names and messages may contain anything.
    """
    return "".join(letter if letter.isprintable() else " " for letter in str(text)).strip()


class FilterModule:
    """The class that Ansible looks for in this file."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"status_table": status_table}
