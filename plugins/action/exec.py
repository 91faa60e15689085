# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module exec on a host (I/O), unless its environment has numbers that are written otherwise than YAML reads."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import spelling


class ActionModule(ActionBase):
    """What Ansible looks for in this file."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run the module of that name."""
        del tmp
        result: Dict[str, Any] = super().run(None, task_vars)
        misread = spelling.refusals(self._task.args, self._loader.get_text_file_contents)
        if misread:
            return {**result, "failed": True, "msg": "\n".join(misread)}
        in_background = bool(self._task.async_val and not self._connection.has_native_async)
        return {**result, **self._execute_module(task_vars=task_vars, wrap_async=in_background)}
