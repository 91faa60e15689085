# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows lines of text on the controller (I/O): as they are, whatever callback plugin shows the results of tasks."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.model import output

display = Display()

ARGUMENTS: Dict[str, Dict[str, Any]] = {"lines": {"type": "list", "elements": "str", "required": True}}


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Show the lines."""
        del tmp
        result: Dict[str, Any] = super().run(None, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        if options["lines"]:
            # All at once, so that no other host's lines come between them.
            display.display("\n".join(map(output.shown, options["lines"])))
        return {**result, "changed": False}
