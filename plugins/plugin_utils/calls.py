# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: which module runs on the target where a play names one of the collection's, and in which environment."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from ..module_utils import argument_specs

COLLECTION = "softwarecontainer.lxc."


def on_target(name: str, given: Mapping[str, Any]) -> Tuple[str, Dict[str, Any]]:
    """The full name and the arguments of the module that does the work of the module `name`."""
    if name in argument_specs.STAGES:
        return COLLECTION + "stage", {**given, "stage": name}
    return COLLECTION + name, dict(given)


def in_utf8(task: Any) -> None:
    """Have a task's Python take file names, arguments and texts for UTF-8, whatever the locale of the target.

    The names of a spec are text, and those on disk are bytes. See PEP 540.
    """
    given = task.environment or []
    task.environment = [*(given if isinstance(given, list) else [given]), {"PYTHONUTF8": "1"}]
