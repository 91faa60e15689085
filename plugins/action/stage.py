# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module on a host (I/O). On the target rootfs, busybox, config and container are one module, `stage`."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase

from ..module_utils import argument_specs
from ..plugin_utils import calls, packing, spelling, summary


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file.

    In meta/runtime.yml it is the action of all modules for targets.
    """

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run the task's module, or the stage that it stands for."""
        del tmp
        result: Dict[str, Any] = super().run(None, task_vars)
        name = self._task.action.rpartition(".")[2]
        supported = argument_specs.STAGES.get(name, {})
        unknown = sorted(set(self._task.args) - set(supported)) if supported else []
        if unknown:
            # Return this as a result and in Ansible's own words, so that it reads like the refusal of any module.
            message = "Unsupported parameters for (%s) module: %s. Supported parameters include: %s."
            named = self._task.action, ", ".join(unknown), ", ".join(sorted(supported))
            return {**result, "failed": True, "msg": message % named}
        misread = spelling.refusals(self._task.args, self._loader.get_text_file_contents)
        if misread:
            return {**result, "failed": True, "msg": "\n".join(misread)}
        module, arguments = calls.on_target(name, self._task.args)
        calls.in_utf8(self._task)
        in_background = bool(self._task.async_val and not self._connection.has_native_async)
        with packing.lean():
            result.update(self._execute_module(module, arguments, task_vars=task_vars, wrap_async=in_background))
        changed = summary.line(result) if name == "containers" else ""
        if changed:
            self._display.display("%s: %s" % ((task_vars or {}).get("inventory_hostname", ""), changed))
        if not in_background:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result
