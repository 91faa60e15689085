# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the common form of all modules' results."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence


def warnings_of(warnings: Mapping[str, str]) -> Dict[str, Any]:
    """Return Ansible's warnings: each warning once, with the names of all containers that it is about."""
    names: Dict[str, List[str]] = {}
    for name, warning in warnings.items():
        names.setdefault(warning, []).append(ascii(name))
    found = ["container %s: %s" % (", ".join(those), warning) for warning, those in names.items() if warning]
    return {"warnings": found} if found else {}


def result_of(
    items: Sequence[Mapping[str, Any]], diffs: List[Dict[str, str]], more: Mapping[str, Any]
) -> Dict[str, Any]:
    """Return a module's result. If containers failed, it has a `msg` with a line for each."""
    result: Dict[str, Any] = {"changed": any(item["changed"] for item in items), "containers": list(items), **more}
    failures = ["container %r: %s" % (item["name"], item["error"]) for item in items if item.get("error")]
    if diffs:
        result["diff"] = diffs
    if failures:
        result["msg"] = "\n".join(failures)
    return result
