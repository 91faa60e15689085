# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the module that runs on the target for a module that a play names, and its environment."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Tuple

from ..module_utils import argument_specs

COLLECTION = "softwarecontainer.lxc."


def on_target(name: str, arguments: Mapping[str, Any]) -> Tuple[str, Dict[str, Any]]:
    """Return the full name and the arguments of the module that does the work of the module `name` on the target."""
    if name in argument_specs.STAGES:
        return COLLECTION + "stage", {**arguments, "stage": name}
    return COLLECTION + name, dict(arguments)


def in_utf8(task: Any) -> None:
    """Make a task's Python decode file names, arguments and texts as UTF-8, whatever the locale of the target.

    The names in a spec are text, and those on disk are bytes. See PEP 540.
    """
    environment = task.environment or []
    task.environment = [*(environment if isinstance(environment, list) else [environment]), {"PYTHONUTF8": "1"}]
