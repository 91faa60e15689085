# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the result of the module logs as lines, each with the name of the host and of the container that wrote it."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping

from ansible.errors import AnsibleFilterError


def log_lines(result: Mapping[str, Any], host: str) -> List[str]:
    """Return the lines. A container without output has one line that says why.

    Raises AnsibleFilterError if the input is not a result of the module logs.
    """
    if not isinstance(result, Mapping) or "containers" not in result:
        raise AnsibleFilterError("log_lines needs the result of the module logs")
    found: List[str] = []
    for item in result["containers"]:
        found += ["%s/%s | %s" % (host, item["name"], line) for line in item["lines"]]
        found += ["%s/%s: %s" % (host, item["name"], item["error"])] if item["error"] else []
    return found


class FilterModule:
    """The class that Ansible looks for in this file."""

    def filters(self) -> Dict[str, Callable[..., Any]]:
        return {"log_lines": log_lines}
