# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls out to one host (I/O) as one transaction. Its steps are tables in module_utils/rollout/steps.py.

Ansible never learns that a host is unreachable: it would take the host out of the play and go on, whatever the budget
says. The ledger records it instead.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.color import ANSIBLE_COLOR
from ansible.utils.display import Display

from ..module_utils import argument_specs
from ..module_utils.errors import RefusedError
from ..module_utils.rollout import steps
from ..plugin_utils import calls, delivery, ledger, ledger_file, packing, progress
from ..plugin_utils.capabilities import resolution
from ..plugin_utils.host_rollout import HostRollout

display = Display()

ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "ledger": {"type": "path", "required": True},
    "id": {"type": "str", "required": True},
    **argument_specs.ROLLED_OUT,
    **argument_specs.CAPABILITIES,
    "runtime": argument_specs.LXC["runtime"],
    **argument_specs.TIMES,
    "timeout": {"type": "int", "default": 900},
    "error": {"type": "str"},
}
COLORS = {"done": "green", "pending": "yellow", "failed": "red", "rolled_back": "red"}
Result = Dict[str, Any]


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file."""

    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Result:
        """Roll out to this host, and record its result in the ledger."""
        del tmp
        self.variables: Dict[str, Any] = task_vars or {}
        self.name = self.variables["inventory_hostname"]
        result: Result = super().run(None, self.variables)
        _validated, self.options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        self.missing: Sequence[str] = ()
        self.sent: List[str] = []
        finder = delivery.Finder(self._task, self._loader, self._templar, self.variables)
        try:
            where = resolution.places(self._task, self._loader, self.variables)
            if self.options["error"] is None:
                self.options.update(resolution.resolved(self.options, where).arguments)
            self.found = finder.find(self.options) if self.options["error"] is None else delivery.Found()
        except RefusedError as error:
            return {**result, "failed": True, "msg": str(error)}
        self.options["sources"] = self.found.sources
        return {**result, "changed": False, **self.result()}

    def result(self) -> Result:
        """Return the result of the task: it predicts, or rolls out, or records what kept the host from its rollout."""
        error = self.options["error"]
        if self._task.check_mode:
            return self.forecast() if error is None else {}
        place = ledger_file.Place(self.options["ledger"], self.options["id"])
        try:
            # The parent of the worker process that this runs in.
            me = ledger_file.driver(os.getppid())
            if error is not None:
                record = ledger_file.change(place, me, lambda record: with_error(record, self.name, error))
                return {"rollout": {"host": self.name, "state": record.hosts[self.name].state}}
            record = ledger_file.change(place, me, lambda record: begun(record, self.name, self.options))
        except (OSError, RefusedError) as refusal:
            return {"skipped": True, "skipped_reason": str(refusal)}
        rollout = HostRollout(self.run_part, self.options, lambda: os.getppid() == me.pid, self.forget_connection)
        if record.hosts[self.name].state == "in_progress":
            state, reason = rollout.carry_out()
            try:
                record = ledger_file.change(
                    place, me, lambda record: ledger.end_host(record, self.name, state, reason, rollout.stages, now())
                )
            except RefusedError as refusal:
                return {"failed": True, "msg": "%s: %s" % (refusal, reason or state)}
        self.show_progress(record)
        host = record.hosts[self.name]
        return described(rollout, host.state != "done", host.reason, {"host": self.name, "state": host.state})

    def forecast(self) -> Result:
        """Return what the steps would change, or why one would fail."""
        rollout = HostRollout(self.run_part, self.options, on_timeout=self.forget_connection)
        failure = rollout.forecast()
        return described(rollout, bool(failure), failure, {"host": self.name, "check": True})

    def run_part(self, way: str, part: int, results: steps.Results) -> Mapping[str, Any]:
        """Run one part of the steps on the host, and return the result of the module rollout_steps."""
        options = {name: self.options[name] for name in argument_specs.ROLLOUT_STEPS if name in self.options}
        arguments = {name: value for name, value in options.items() if value is not None}
        module, arguments = calls.on_target(
            "rollout_steps", {**arguments, "way": way, "part": part, "results": results}
        )
        calls.in_utf8(self._task)
        # Without pipelining the module of the previous part is still on the target, even if it failed or was
        # interrupted. The target may have room for only one, also on the way back.
        self._remove_tmp_path(self._connection._shell.tmpdir)
        if self.missing:
            arguments["incoming"] = delivery.send(self, self.found.paths, self.missing)
            self.sent.append(arguments["incoming"])
        with packing.lean():
            answer: Result = self._execute_module(module, arguments, task_vars=self.variables)
            if self._task.check_mode and answer.get("missing"):
                arguments["sources"] = delivery.with_indexes(self.found, answer["missing"])
                answer = self._execute_module(module, arguments, task_vars=self.variables)
        # The next part takes them in: it is the first one that changes anything.
        self.missing = answer.pop("missing", ())
        return answer

    def show_progress(self, record: ledger.Ledger) -> None:
        """Display the progress line."""
        hosts, forks = self.variables["ansible_play_hosts_all"], self.variables["ansible_forks"]
        text = progress.line(record, hosts, forks, now(), drawing=bool(ANSIBLE_COLOR))
        display.display(text, color=COLORS[record.hosts[self.name].state])

    def forget_connection(self) -> None:
        """Drop the connection that a step hangs on, so that the next step opens a new one."""
        with contextlib.suppress(Exception):
            self._connection.reset()

    def cleanup(self, force: bool = False) -> None:
        """Remove what is left in the target's temporary directories, if the target can still be reached."""
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)
            for directory in self.sent:
                self._remove_tmp_path(directory, force=True)


def now() -> str:
    """Return the current time, as the ledger writes it."""
    return ledger.written(time.time())


def described(rollout: HostRollout, failed: bool, reason: str, about: Result) -> Result:
    """Return the result for Ansible."""
    found: Result = {"changed": rollout.changed(), "failed": failed, "rollout": about}
    diffs = rollout.diffs()
    if diffs:
        found["diff"] = diffs
    return {**found, "msg": reason} if reason else found


def begun(record: ledger.Ledger, name: str, options: Mapping[str, Any]) -> ledger.Ledger:
    """Return the ledger with this host in progress, or failed if it would get something else than was announced."""
    after = ledger.begin_host(record, name, now())
    if ledger.digest_of(steps.content(options)) == after.hosts[name].digest:
        return after
    reason = "what would be rolled out is not what the rollout was opened with; nothing was changed."
    return ledger.end_host(after, name, "failed", reason, (), now())


def with_error(record: ledger.Ledger, name: str, error: str) -> ledger.Ledger:
    """Return the ledger with what kept a host from its rollout, unless the rollout itself has recorded how it ended."""
    with contextlib.suppress(RefusedError):
        if record.hosts[name].run != len(record.runs):
            record = ledger.begin_host(record, name, now())
    if record.hosts[name].state == "in_progress":
        return ledger.end_host(record, name, "failed", ledger.sentence(error), (), now())
    return record
