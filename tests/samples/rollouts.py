# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers of rollouts that have gone through, for the tests of what is made of them."""

from __future__ import annotations

from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.batches import batches_of

T0 = 1795572000.0


def at(seconds: float) -> str:
    return ledger.written(T0 + seconds)


def rollout(names, fates, budget=1000):
    """A rollout that has gone through; fates are (state, stage that went wrong, reason) by host."""
    batches = batches_of(names, 1, ["25%"])
    record = ledger.new("one", {name: ledger.digest_of(name) for name in names}, batches, 0, at(0))
    record = ledger.begin_run(record, batches, budget, "control:1", at(0))
    for number, name in enumerate(names):
        state, wrong, reason = fates.get(name, ("done", "", ""))
        outcomes = {"pending": "unreachable", "done": "changed"}
        stages = [ledger.Stage("checkpoint", at(number), 0.5, "ok")]
        stages.append(ledger.Stage(wrong or "rootfs", at(number + 0.5), 0.5, outcomes.get(state, "failed")))
        if state == "rolled_back":
            stages.append(ledger.Stage("restore", at(number + 1), 1, "changed"))
        record = ledger.begin_host(record, name, at(number))
        record = ledger.end_host(record, name, state, reason, stages, at(number + 2))
    return ledger.end_run(record, at(len(names) + 2))


def names(count):
    return [f"host-{number}" for number in range(1, count + 1)]
