# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rolls out to one host (I/O), as one transaction; the stages are tables in plugin_utils/transaction.py.

Ansible is never told that a host is unreachable: it would take the host out of the play and go on, whatever the budget
says. The ledger is told instead.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.color import ANSIBLE_COLOR
from ansible.utils.display import Display

from ..module_utils import argument_specs
from ..module_utils.errors import RefusedError
from ..plugin_utils import calls, ledger, ledger_file, packing, progress, transaction

display = Display()

ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "ledger": {"type": "path", "required": True},
    "id": {"type": "str", "required": True},
    **transaction.CONTENT,
    "runtime": {"type": "str", "choices": ["auto", "binding", "tools"], "default": "auto"},
    **argument_specs.TIMES,
    "timeout": {"type": "int", "default": 900},
    "error": {"type": "str"},
}
COLORS = {"done": "green", "pending": "yellow", "failed": "red", "rolled_back": "red"}
Run = Callable[[transaction.Step, Mapping[str, Any]], Dict[str, Any]]


class TimeIsUp(BaseException):
    """Not an Exception, so that no retry of a connection takes it for a failure of its own."""


class Lost(Exception):
    """The host cannot be reached, or not any more."""


class StageFailed(Exception):
    """A stage has failed; the text is one sentence."""


class ActionModule(ActionBase):
    """What Ansible looks for in this file."""

    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Roll out to this host, and write its fate into the ledger."""
        del tmp
        variables: Dict[str, Any] = task_vars or {}
        result: Dict[str, Any] = super().run(None, variables)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        name = variables["inventory_hostname"]
        transact = Transaction(self.runner(variables), options)
        if self._task.check_mode and options["error"] is not None:
            return {**result, "changed": False}
        if self._task.check_mode:
            return {**result, **forecast(transact), "rollout": {"host": name, "check": True}}
        place = ledger_file.Place(options["ledger"], options["id"])
        try:
            # The parent of the worker that this runs in.
            me = ledger_file.driver(os.getppid())
            if options["error"] is not None:
                return {**result, **record_error(place, me, name, options["error"])}
            record = ledger_file.change(place, me, lambda record: begun(record, name, options))
        except (OSError, RefusedError) as error:
            return {**result, "skipped": True, "skipped_reason": str(error), "changed": False}
        if record.hosts[name].state != "in_progress":
            return {**result, **told(record, name, variables, transact)}
        state, reason = transact.carry_out(lambda: os.getppid() == me.pid, self.forget_connection)
        try:
            record = ledger_file.change(
                place, me, lambda record: ledger.end_host(record, name, state, reason, transact.stages, now())
            )
        except RefusedError as error:
            return {**result, "failed": True, "msg": "%s: %s" % (error, reason or state)}
        return {**result, **told(record, name, variables, transact)}

    def runner(self, variables: Dict[str, Any]) -> Run:
        """What runs a stage's module on the host."""
        calls.in_utf8(self._task)

        def run(step: transaction.Step, wanted: Mapping[str, Any]) -> Dict[str, Any]:
            module, given = calls.on_target(step.module, wanted)
            # Without pipelining the module of the stage before is still there, also of one that has failed or was cut
            # off. The target may have room for one and no more, on the way back too.
            self._remove_tmp_path(self._connection._shell.tmpdir)
            with packing.without_collector():
                result: Dict[str, Any] = self._execute_module(module, given, task_vars=variables)
            return result

        return run

    def forget_connection(self) -> None:
        """Drop the connection that a stage hangs on: the next stage opens another one."""
        with contextlib.suppress(Exception):
            self._connection.reset()

    def cleanup(self, force: bool = False) -> None:
        """Remove what was left in the target's temporary directory, if the target is still there."""
        with contextlib.suppress(AnsibleConnectionFailure):
            super().cleanup(force)


class Transaction:
    """The stages of one host while they run: `stages` is their record, `results` what their modules said."""

    def __init__(self, run: Run, options: Mapping[str, Any]) -> None:
        self.run, self.options = run, options
        self.stages: List[ledger.Stage] = []
        self.results: Dict[str, Dict[str, Any]] = {}

    def carry_out(self, is_driven: Callable[[], bool], on_timeout: Callable[[], None]) -> Tuple[str, str]:
        """All stages, and the way back where one fails; the result is the host's state and the reason for it."""
        try:
            try:
                self.go(transaction.FORWARD, is_driven, on_timeout)
                return "done", ""
            except StageFailed as error:
                failure = str(error)
            failed = self.stages[-1].name
            if not transaction.is_needed_back(failed, self.results):
                return "failed", ledger.sentence("%s; %s" % (failure, transaction.after_failure(failed)))
            try:
                self.go(transaction.BACK, is_driven, on_timeout)
                return "rolled_back", ledger.sentence(failure + self.older_checkpoint())
            except StageFailed as error:
                return "failed", ledger.sentence("%s; and the rollback failed: %s" % (failure, error))
            except Lost as error:
                return "pending", ledger.sentence("%s; and the host was lost in the rollback: %s" % (failure, error))
        except Lost as error:
            return "pending", str(error)

    def older_checkpoint(self) -> str:
        """Which checkpoint was brought back, where an earlier rollout had taken it."""
        found = self.results["restore"].get("checkpoint") or {}
        if not found or found["id"] == self.options["id"]:
            return ""
        return "; what is back is of an older checkpoint, %r, taken at %s" % (found["id"], found["taken"])

    def go(
        self, steps: Sequence[transaction.Step], is_driven: Callable[[], bool], on_timeout: Callable[[], None]
    ) -> None:
        """Stages in their order, within the time for one host. Raises StageFailed and Lost."""
        seconds = self.options["timeout"]
        started = time.time()
        try:
            with time_limit(seconds):
                for step in steps:
                    if not is_driven():
                        raise Lost("%s: the ansible-playbook process is gone" % step.name)
                    if step.needed(self.options, self.results):
                        started = time.time()
                        self.take(step, started)
        except TimeIsUp:
            self.stages.append(stage_of(step, started, "failed"))
            on_timeout()
            told = "%s: the host took longer than %g seconds" % (step.name, seconds)
            raise StageFailed(told) from None

    def take(self, step: transaction.Step, started: float) -> None:
        """One stage. Raises StageFailed and Lost."""
        outcome = "failed"
        try:
            result = self.run(step, step.arguments(self.options, self.results))
            if result.get("unreachable"):
                raise AnsibleConnectionFailure(str(result.get("msg")))
            outcome = "failed" if result.get("failed") else "changed" if result.get("changed") else "ok"
        except AnsibleConnectionFailure as error:
            self.stages.append(stage_of(step, started, "unreachable"))
            raise Lost(ledger.sentence("%s: unreachable: %s" % (step.name, error))) from None
        except Exception as error:  # Whatever it is, the host has an end, and the ledger says which.
            result = {"msg": error if isinstance(error, AnsibleError) else "%s: %s" % (type(error).__name__, error)}
        self.stages.append(stage_of(step, started, outcome))
        self.results[step.name] = result
        if outcome == "failed":
            raise StageFailed(transaction.reason_of(step.name, result))


def stage_of(step: transaction.Step, started: float, outcome: str) -> ledger.Stage:
    """The record of a stage that ends now."""
    return ledger.Stage(step.name, ledger.written(started), round(max(time.time() - started, 0), 3), outcome)


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in what is done within, after so many seconds; 0 is for ever. A limit of the task goes on after."""

    def end(_signal: int, _frame: Optional[FrameType]) -> None:
        raise TimeIsUp

    if not seconds:
        yield
        return
    before = signal.signal(signal.SIGALRM, end)
    rest, _interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    started = time.monotonic()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if rest:
            signal.setitimer(signal.ITIMER_REAL, max(rest - (time.monotonic() - started), 0.001))


def now() -> str:
    """This moment, as the ledger writes it."""
    return ledger.written(time.time())


def begun(record: ledger.Ledger, name: str, options: Mapping[str, Any]) -> ledger.Ledger:
    """The ledger with this host in progress, or failed where it would get something else than was announced."""
    after = ledger.begin_host(record, name, now())
    if ledger.digest_of(transaction.content(options)) == after.hosts[name].digest:
        return after
    reason = "what would be rolled out is not what the rollout was opened with; nothing was changed."
    return ledger.end_host(after, name, "failed", reason, (), now())


def record_error(place: ledger_file.Place, me: ledger_file.Driver, name: str, error: str) -> Dict[str, Any]:
    """Write down what kept a host from its transaction, unless the transaction itself has said how it ended."""

    def step(record: ledger.Ledger) -> ledger.Ledger:
        with contextlib.suppress(RefusedError):
            if record.hosts[name].run != len(record.runs):
                record = ledger.begin_host(record, name, now())
        if record.hosts[name].state == "in_progress":
            return ledger.end_host(record, name, "failed", ledger.sentence(error), (), now())
        return record

    record = ledger_file.change(place, me, step)
    return {"changed": False, "rollout": {"host": name, "state": record.hosts[name].state}}


def told(record: ledger.Ledger, name: str, variables: Mapping[str, Any], transact: Transaction) -> Dict[str, Any]:
    """The result for Ansible; shows the progress line."""
    host = record.hosts[name]
    text = progress.line(
        record, variables["ansible_play_hosts_all"], variables["ansible_forks"], now(), drawing=bool(ANSIBLE_COLOR)
    )
    display.display(text, color=COLORS[host.state])
    diffs = [part for each in transact.results.values() for part in parts_of(each.get("diff"))]
    result = {
        "changed": any(stage.outcome == "changed" for stage in transact.stages if stage.name not in OWN),
        "failed": host.state != "done",
        "rollout": {"host": name, "state": host.state},
        **({"diff": diffs} if diffs else {}),
    }
    return {**result, "msg": host.reason} if host.reason else result


# Stages whose change is the checkpoint's own coming and going.
OWN = ("checkpoint", "forget")


def parts_of(diff: Any) -> List[Any]:
    """A module's diff as a list."""
    return diff if isinstance(diff, list) else [diff] if diff else []


def forecast(transact: Transaction) -> Dict[str, Any]:
    """The result in check mode: what the stages would change, or why one would fail."""
    failure = ""
    try:
        transact.go(transaction.FORECAST, lambda: True, lambda: None)
    except (StageFailed, Lost) as error:
        failure = str(error)
    diffs = [part for each in transact.results.values() for part in parts_of(each.get("diff"))]
    result = {"changed": any(stage.outcome == "changed" for stage in transact.stages), "failed": bool(failure)}
    return {**result, **({"msg": failure} if failure else {}), **({"diff": diffs} if diffs else {})}
