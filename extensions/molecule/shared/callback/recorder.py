# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""I/O: records what the collection's modules said they would do in check mode, and then what they did.

For each scenario it writes, in molecule's ephemeral directory, <scenario>.check.json, and after that
<scenario>.done.json of the first run without check mode. The shared verify.yml compares the two.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: recorder
type: aggregate
short_description: Record what modules would change, and what they change
description: For the molecule scenarios of this collection.
"""


class CallbackModule(CallbackBase):
    """What Ansible calls."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "recorder"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.records: list[dict[str, Any]] = []
        self.playbook = ""

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self.playbook = os.path.basename(playbook._file_name)

    def v2_runner_on_ok(self, result: Any) -> None:
        name = str(result._task.resolved_action)
        if name.startswith("softwarecontainer.lxc."):
            told = result._result
            self.records.append(
                {
                    "host": result._host.get_name(),
                    "module": name,
                    "source": result._task.get_path(),
                    "changed": bool(told.get("changed")),
                    "changes": {item["name"]: item.get("changes", []) for item in told.get("containers", [])},
                    "diff": told.get("diff", []),
                    "runtime": told.get("runtime"),
                }
            )

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if self.playbook != "converge.yml":
            return
        start = os.path.join(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], os.environ["MOLECULE_SCENARIO_NAME"])
        check, done = Path(start + ".check.json"), Path(start + ".done.json")
        # Hosts answer in any order.
        text = json.dumps(sorted(self.records, key=lambda record: record["host"]), indent=1)
        if context.CLIARGS["check"]:
            check.write_text(text, encoding="utf-8")
            done.unlink(missing_ok=True)
        elif not done.exists():
            done.write_text(text, encoding="utf-8")
