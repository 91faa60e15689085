# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out the steps of one host's rollout (I/O through the function it gets), and returns the host's state."""

from __future__ import annotations

import contextlib
import signal
import time
from types import FrameType
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ..module_utils.rollout import steps
from . import ledger

# Runs one part on the target. Takes the way, the part and the results of earlier steps; returns the result of the
# module rollout_steps.
Run = Callable[[str, int, steps.Results], Mapping[str, Any]]
# The steps that change only the checkpoint.
OWN = ("checkpoint", "forget")


class TimeIsUp(BaseException):
    """The time for one host is up.

    It is no Exception, so that no retry of a connection takes it for a connection failure.
    """


class Lost(Exception):
    """The host cannot be reached, or no longer."""


class StepFailed(Exception):
    """A step has failed. The text is one sentence."""


class HostRollout:
    """The rollout to one host while it runs: `stages` is its record for the ledger, `results` are those of its steps.

    `is_driven` returns whether the process that drives the rollout still exists. `on_timeout` drops the connection that
    a step hangs on.
    """

    def __init__(
        self,
        run: Run,
        options: Mapping[str, Any],
        is_driven: Callable[[], bool] = lambda: True,
        on_timeout: Callable[[], None] = lambda: None,
    ) -> None:
        self.run, self.options = run, options
        self.is_driven, self.on_timeout = is_driven, on_timeout
        self.stages: List[ledger.Stage] = []
        self.results: Dict[str, Mapping[str, Any]] = {}

    def carry_out(self) -> Tuple[str, str]:
        """Carry out all steps, and roll back if one fails. Return the host's state and the reason for it."""
        try:
            try:
                self.go("forward")
                return "done", ""
            except StepFailed as error:
                failure = str(error)
            failed = self.stages[-1].name
            if not steps.is_needed_back(failed, self.results):
                return "failed", ledger.sentence("%s; %s" % (failure, steps.after_failure(failed)))
            try:
                self.go("back")
                return "rolled_back", ledger.sentence(failure + self.older_checkpoint())
            except StepFailed as error:
                return "failed", ledger.sentence("%s; and the rollback failed: %s" % (failure, error))
            except Lost as error:
                return "pending", ledger.sentence("%s; and the host was lost in the rollback: %s" % (failure, error))
        except Lost as error:
            return "pending", str(error)

    def forecast(self) -> str:
        """Run the steps in check mode. Return why one would fail, or an empty string."""
        try:
            self.go("forecast")
        except (StepFailed, Lost) as error:
            return str(error)
        return ""

    def changed(self) -> bool:
        """Return whether a step has changed more than the checkpoint."""
        return any(stage.outcome == "changed" for stage in self.stages if stage.name not in OWN)

    def diffs(self) -> List[Any]:
        """Return the diffs of the steps, in their order."""
        found = [result.get("diff") or [] for result in self.results.values()]
        return [part for diff in found for part in (diff if isinstance(diff, list) else [diff])]

    def older_checkpoint(self) -> str:
        """Return a note about the restored checkpoint if an earlier rollout had taken it, else an empty string."""
        found = self.results["restore"].get("checkpoint") or {}
        if not found or found["id"] == self.options["id"]:
            return ""
        return "; what is back is of an older checkpoint, %r, taken at %s" % (found["id"], found["taken"])

    def go(self, way: str) -> None:
        """Carry out the parts of a way in their order, within the time for one host. Raises StepFailed and Lost."""
        seconds, names, started = self.options["timeout"], [""], time.time()
        try:
            with time_limit(seconds):
                part = 0
                while part < len(steps.WAYS[way]):
                    needed = (step for step in steps.WAYS[way][part] if step.needed(self.options, self.results))
                    names = [step.name for step in needed]
                    if names and not self.is_driven():
                        raise Lost("%s: the ansible-playbook process is gone" % names[0])
                    started = time.time()
                    part = self.take(way, part, names, started) + 1 if names else part + 1
        except TimeIsUp:
            self.record(names[0], started, time.time() - started, "failed")
            self.on_timeout()
            message = "%s: the host took longer than %g seconds%s" % (names[0], seconds, until(names))
            raise StepFailed(message) from None

    def take(self, way: str, part: int, names: List[str], started: float) -> int:
        """Carry out one part, in which the steps `names` seem to be needed. Return the number of the last part.

        Raises StepFailed and Lost.
        """
        try:
            answer = self.run(way, part, steps.telling(self.results))
            if answer.get("unreachable"):
                raise AnsibleConnectionFailure(str(answer.get("msg")))
        except AnsibleConnectionFailure as error:
            self.record(names[0], started, time.time() - started, "unreachable")
            raise Lost(ledger.sentence("%s: unreachable: %s%s" % (names[0], error, until(names)))) from None
        except Exception as error:  # Whatever happens, the ledger must record how the host ended.
            answer = {"msg": error if isinstance(error, AnsibleError) else "%s: %s" % (type(error).__name__, error)}
        done = answer.get("steps")
        if done is None:
            # The module has not finished, so nobody knows which step it was at.
            done = [{"name": names[0], "seconds": 0, "result": {**answer, "failed": True}}]
        # The time that Ansible itself needed to run the module counts for the first step.
        beside = max(time.time() - started - sum(each["seconds"] for each in done), 0)
        for each in done:
            result, seconds = each["result"], each["seconds"] + beside
            self.results[each["name"]] = result
            self.record(each["name"], started, seconds, outcome_of(result))
            started, beside = started + seconds, 0
            if result.get("failed"):
                raise StepFailed(reason_of(each["name"], result))
        return int(answer["part"])

    def record(self, name: str, started: float, seconds: float, outcome: str) -> None:
        """Record a step as a stage of the ledger."""
        self.stages.append(ledger.Stage(name, ledger.written(started), round(max(seconds, 0), 3), outcome))


def until(names: List[str]) -> str:
    """Return what to add to a message if it is not known at which of several steps it ended."""
    return "; at the latest at %s" % names[-1] if len(names) > 1 else ""


def outcome_of(result: Mapping[str, Any]) -> str:
    """Return the outcome of a step, as the ledger names it."""
    return "failed" if result.get("failed") else "changed" if result.get("changed") else "ok"


def reason_of(stage: str, result: Mapping[str, Any]) -> str:
    """Return the message of a failed step as one sentence."""
    # A module that has failed for several containers has a line for each.
    words = "; ".join(str(result.get("msg") or "the module gave no reason").splitlines())
    # If Python is missing or too old, or the shell failed, the module has not run, and its stderr says why.
    if "module_stderr" in result or "module_stdout" in result:
        lines = str(result.get("module_stderr") or result.get("module_stdout") or "").strip().splitlines()
        words += ": " + lines[-1] if lines else ""
    return ledger.sentence("%s: %s" % (stage, words))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the block after so many seconds; 0 means no limit.

    A time limit of the task continues afterwards.
    """

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
