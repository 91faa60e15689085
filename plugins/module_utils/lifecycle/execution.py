# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): carries out the steps of many containers, each step for all of them."""

from __future__ import annotations

from typing import Callable, Mapping, Sequence, Tuple

from ..disk import files
from ..lxc import runtime
from ..plan import transitions
from ..workers import pool
from . import records, starting, stopping


def carry_out(
    reached: runtime.Runtime,
    wishes: Sequence[records.DesiredState],
    steps: Mapping[str, Tuple[str, ...]],
    times: records.Times,
) -> records.Errors:
    """Carry out the steps of all containers, step by step; the reasons of those that failed."""
    errors: records.Errors = {}
    for step in transitions.STEPS:
        concerned = [wish for wish in wishes if step in steps.get(wish.name, ()) and wish.name not in errors]
        if concerned:
            errors.update(STEP[step](reached, concerned, times))
    return errors


def unfreeze(reached: runtime.Runtime, wishes: Sequence[records.DesiredState], _times: records.Times) -> records.Errors:
    """Thaw."""
    return records.reasons(pool.each(reached.unfreeze, records.names_of(wishes), runtime.PATIENCE))


def freeze(reached: runtime.Runtime, wishes: Sequence[records.DesiredState], _times: records.Times) -> records.Errors:
    """Freeze."""
    return records.reasons(pool.each(reached.freeze, records.names_of(wishes), runtime.PATIENCE))


def remove(reached: runtime.Runtime, wishes: Sequence[records.DesiredState], _times: records.Times) -> records.Errors:
    """Remove the directories, which are all ours."""
    stopping.take_down_mounts(reached.lxc_path, records.names_of(wishes))
    return files.remove_containers(reached.lxc_path, records.names_of(wishes))


def shift(reached: runtime.Runtime, wishes: Sequence[records.DesiredState], _times: records.Times) -> records.Errors:
    """Give files the owners that go with the ids of their container."""
    return files.shift_all(reached.lxc_path, records.names_of(wishes))


STEP: Mapping[str, Callable[[runtime.Runtime, Sequence[records.DesiredState], records.Times], records.Errors]] = {
    "unfreeze": unfreeze,
    "stop": stopping.stop,
    "remove": remove,
    "shift": shift,
    "start": starting.start,
    "freeze": freeze,
}
