# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits (I/O): containers are started in waves, and each wave waits until those that it comes after are ready."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, Sequence, Set

from ..container_spec import order
from ..lxc import runtime
from . import states, survey

FAILED = "has failed"


def waves(
    concerned: Sequence[states.DesiredState], all_desired: Sequence[states.DesiredState]
) -> List[List[states.DesiredState]]:
    """Return the containers of a step in the order in which they are started, those together that do not wait."""
    if not any(desired.after for desired in concerned):
        return [list(concerned)] if concerned else []
    levels = order.levels({desired.name: desired.after for desired in all_desired})
    found: Dict[int, List[states.DesiredState]] = {}
    for desired in concerned:
        # On disk there may be a cycle, of configs that were not rendered together.
        found.setdefault(levels.get(desired.name, 0), []).append(desired)
    return [found[level] for level in sorted(found)]


def blocked(wave: Iterable[states.DesiredState], reasons: Mapping[str, str], done: str) -> states.Errors:
    """Return an error for each container that comes after one that is not ready, from the reasons for those.

    `done`: what was done with the container.
    """
    found: states.Errors = {}
    for desired in wave:
        name = next((name for name in desired.after if reasons.get(name)), None)
        if name:
            found[desired.name] = "it was %s, since it comes after %s, which %s" % (done, name, reasons[name])
    return found


def hopeless(
    concerned: Sequence[states.DesiredState],
    all_desired: Sequence[states.DesiredState],
    failed: Mapping[str, str],
) -> states.Errors:
    """Return an error for each container that comes after one that has failed already. A running one is left alone."""
    found: states.Errors = {}
    for wave in waves(concerned, all_desired) if failed else ():
        found.update(blocked(wave, dict.fromkeys((*failed, *found), FAILED), "left as it is"))
    return found


class Gate:
    """Says which containers cannot be started yet. It asks each container that others come after once."""

    def __init__(self, lxc: runtime.Runtime, all_desired: Sequence[states.DesiredState]) -> None:
        self.lxc = lxc
        self.checks = {desired.name: desired.ready for desired in all_desired}
        self.asked: Dict[str, str] = {}
        self.started: Set[str] = set()

    def closed(self, wave: Sequence[states.DesiredState], errors: states.Errors) -> states.Errors:
        """Wait until what a wave comes after is ready. Return an error for each container that has waited in vain.

        `errors` are those of containers that have failed already.
        """
        needed = dict.fromkeys(name for desired in wave for name in desired.after)
        if needed:
            self.ask([name for name in needed if name not in self.asked and name not in errors])
        self.started |= {desired.name for desired in wave}
        return blocked(wave, {**self.asked, **dict.fromkeys(errors, FAILED)}, "not started")

    def ask(self, names: Iterable[str]) -> None:
        """Wait for the checks of containers. One that this run has not started is ready as soon as they hold once."""
        found = survey.running(self.lxc, list(names))
        running = {name: status for name, status in found.items() if status.state == "RUNNING"}
        self.asked.update({name: "does not run" for name in names if name not in running})
        checks = {
            name: [check if name in self.started else check._replace(stable=0.0) for check in self.checks.get(name, ())]
            for name in running
        }
        if not any(checks.values()):
            self.asked.update(dict.fromkeys(running, ""))
            return
        # Few runs need it.
        from ..readiness import gate

        verdicts = gate.wait(self.lxc, checks, {name: status.pid or 0 for name, status in running.items()})
        for name in running:
            reasons = list(dict.fromkeys(filter(None, (one["error"] for one in verdicts.get(name, {}).values()))))
            self.asked[name] = "is not ready: " + "; ".join(reasons) if reasons else ""
