# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what capabilities open (I/O: reads the manifests of the controller). Touches no host."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.plugins.action import ActionBase

from ..module_utils import argument_specs
from ..module_utils.container_spec.values import nearest
from ..module_utils.errors import RefusedError
from ..plugin_utils.capabilities import resolution, sentences


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file."""

    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return what the capabilities open, and what becomes of the containers."""
        del tmp
        result: Dict[str, Any] = super().run(None, task_vars)
        _validated, options = self.validate_argument_spec(argument_spec=argument_specs.CAPABILITY_INFO)
        try:
            return {**result, "changed": False, **self.described(options, task_vars or {})}
        except RefusedError as error:
            return {**result, "failed": True, "msg": str(error)}

    def described(self, options: Dict[str, Any], variables: Dict[str, Any]) -> Dict[str, Any]:
        """Return the parts of the result. Raise RefusedError."""
        known = resolution.known(options, resolution.places(self._task, self._loader, variables))
        names = sorted(known.capabilities) if options["name"] is None else options["name"]
        for name in names:
            if name not in known.capabilities:
                raise RefusedError(
                    "name: %s is in no manifest%s" % (ascii(name), nearest(name, tuple(known.capabilities)))
                )
        capabilities = [sentences.of_capability(known.capabilities[name], known) for name in names]
        containers = [sentences.of_container(spec, options["defaults"], known) for spec in options["containers"]]
        return {
            "capabilities": capabilities,
            "containers": containers,
            "lines": sentences.lines(capabilities, containers),
        }
