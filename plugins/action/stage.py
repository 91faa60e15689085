# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module on a host (I/O). On the target rootfs, busybox, config and container are one module, `stage`."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from ansible.plugins.action import ActionBase

from ..module_utils import argument_specs
from ..module_utils.errors import RefusedError
from ..plugin_utils import calls, delivery, packing, spelling, summary
from ..plugin_utils.capabilities import resolution

# How often at most a module runs until it has all contents.
ATTEMPTS = 3


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file.

    In meta/runtime.yml it is the action of all modules for targets.
    """

    _supports_check_mode = True
    _supports_async = True

    def __init__(self, *args: Any, **keywords: Any) -> None:
        super().__init__(*args, **keywords)
        # Directories on the target.
        self.sent: List[str] = []
        # For the target.
        self.arguments: Dict[str, Any] = {}

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
        try:
            self.resolve(task_vars or {})
            found = self.sources(name, task_vars or {})
        except RefusedError as error:
            return {**result, "failed": True, "msg": str(error)}
        calls.in_utf8(self._task)
        in_background = bool(self._task.async_val and not self._connection.has_native_async)
        with packing.lean():
            result.update(self.execute(name, found, task_vars, in_background))
        changed = summary.line(result) if name == "containers" else ""
        if changed:
            self._display.display("%s: %s" % ((task_vars or {}).get("inventory_hostname", ""), changed))
        if not in_background:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def resolve(self, variables: Dict[str, Any]) -> None:
        """Put what capabilities stand for into the arguments for the target. Raise RefusedError."""
        found = resolution.resolved(self._task.args, resolution.places(self._task, self._loader, variables))
        self.arguments = found.arguments
        for note in found.notes:
            self._display.vv("%s: %s" % (variables.get("inventory_hostname", ""), note))

    def sources(self, name: str, variables: Dict[str, Any]) -> delivery.Found:
        """Return the files of the controller that the specs name, if the module takes them. Raise RefusedError."""
        if "sources" not in argument_specs.STAGES.get(name, argument_specs.STAGE if name == "stage" else {}):
            return delivery.Found()
        return delivery.Finder(self._task, self._loader, self._templar, variables).find(self.arguments)

    def execute(self, name: str, found: delivery.Found, variables: Any, in_background: bool) -> Dict[str, Any]:
        """Run the module on the target, and send the contents that it lacks. Return its result."""
        module, arguments = calls.on_target(name, self.arguments)
        arguments = {**arguments, "sources": found.sources} if found.sources else arguments
        if not in_background:
            return self.deliver(module, arguments, found, variables)
        if found.paths:
            # Nobody would answer it in the background. Without containers it only takes the contents in.
            first = {**arguments, "stage": "rootfs", "containers": [], "defaults": {}}
            answer = self.deliver(module, first, found, variables)
            if answer.get("failed") or answer.get("unreachable"):
                return answer
        answer = self._execute_module(module, arguments, task_vars=variables, wrap_async=True)
        return answer

    def deliver(self, module: str, arguments: Dict[str, Any], found: delivery.Found, variables: Any) -> Dict[str, Any]:
        """Run a module until it lacks no content any more. Return its last result.

        Twice is enough, unless another run removes contents that nobody needed meanwhile.
        """
        for _attempt in range(ATTEMPTS):
            answer: Dict[str, Any] = self._execute_module(module, arguments, task_vars=variables)
            if not answer.get("missing"):
                return answer
            if self._task.check_mode:
                arguments = {**arguments, "sources": delivery.with_indexes(found, answer["missing"])}
                continue
            arguments = {**arguments, "incoming": delivery.send(self, found.paths, answer["missing"])}
            self.sent.append(arguments["incoming"])
        return {"failed": True, "msg": "what was sent to the target is gone each time; run again"}

    def cleanup(self, force: bool = False) -> None:
        """Remove what was sent to the target, too."""
        super().cleanup(force)
        for directory in self.sent:
            self._remove_tmp_path(directory, force=True)
