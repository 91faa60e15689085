# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a stage (I/O): what the modules rootfs, busybox and config have in common.

Specs in, results out: plan all, let LXC look at what concerns it, apply unless in check mode.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Callable, Dict, Iterable, List, Mapping, NamedTuple, Sequence, Tuple

from .. import call, results
from ..container_spec import records
from ..disk import locking, tree_changes, writing
from ..errors import ContainerError, unexpected
from ..lxc import runtime
from ..plan import compatibility
from ..target import facts
from . import id_allocation, planning

AskLxc = Callable[[runtime.Runtime, Dict[str, str]], Dict[str, str]]


class StageOutcome(NamedTuple):
    """What a stage reports, and its plans by container, for the stages after it."""

    result: Dict[str, Any]
    planned: Mapping[str, planning.Planned]


def take_all(_reached: runtime.Runtime, _texts: Dict[str, str]) -> Dict[str, str]:
    """For stages that write no config."""
    return {}


def run(stage: planning.Stage, called: call.Call, ask_lxc: AskLxc = take_all) -> StageOutcome:
    """One stage for all containers. Raises RefusedError before anything changes.

    `ask_lxc` gets the configs that are to be written, by name, and has LXC's words for those that it refuses.
    """
    lxc, failed = called.lxc, called.failed
    wanted = [each for each in called.containers if each.state != "absent" and each.name not in failed]
    host = stage.gather(wanted)
    names = [container.name for container in wanted]
    locks = nullcontext() if called.check else locking.locked(lxc.lxc_path, names)
    with locks, id_allocation.IdAllocation(lxc, called.check) as allotted:
        declared = {container.name: container for container in called.containers}
        place = planning.Place(lxc.lxc_path, called.bridge, host, allotted.ids, declared)
        planned, errors = plan_all(stage, wanted, place, called.check)
        errors.update(without_cgroups(lxc, wanted, planned))
        texts = {name: plan.config for name, plan in planned.items() if plan.config is not None and name not in errors}
        for name, words in (ask_lxc(lxc, texts) if texts else {}).items():
            errors[name] = "LXC does not take its config: " + words
        if not called.check:
            errors.update(apply_all(place.lxc_path, [planned[name] for name in planned if name not in errors]))
    errors.update(failed)
    warnings = results.warnings_of({name: plan.warning for name, plan in planned.items() if name not in errors})
    items = [item_of(container.name, planned, errors) for container in called.containers]
    diffs = [part for name in planned if name not in errors for part in planned[name].diffs()] if called.diff else []
    more = {"lxc_path": lxc.lxc_path, "runtime": lxc.kind, **warnings}
    return StageOutcome(results.result_of(items, diffs, more), planned)


def plan_all(
    stage: planning.Stage, wanted: Sequence[records.Container], place: planning.Place, check: bool
) -> Tuple[Dict[str, planning.Planned], Dict[str, str]]:
    """The plan of each container, or the reason why there is none."""
    planned: Dict[str, planning.Planned] = {}
    errors: Dict[str, str] = {}
    for container in wanted:
        try:
            planned[container.name] = planning.plan(stage, container, place, check)
        except ContainerError as error:
            errors[container.name] = str(error)
        except Exception as error:  # pylint: disable=broad-except
            errors[container.name] = unexpected(error)
    return planned, errors


def without_cgroups(
    lxc: runtime.Runtime, wanted: Sequence[records.Container], planned: Mapping[str, planning.Planned]
) -> Dict[str, str]:
    """The containers that need cgroups with which this LXC can do nothing, and the reason.

    LXC is asked for its version only where a container is to be built or changed, and has keys that it may not take.
    """
    layout = facts.cgroup_version()
    if layout == "2":
        return {}
    changing = (each for each in wanted if each.name in planned and planned[each.name].changes)
    needing = {
        container.name: keys for container in changing for keys in [compatibility.cgroup_keys(container)] if keys
    }
    version = lxc.version() if needing else ""
    if not compatibility.lacks_cgroups(version, layout):
        return {}
    reason = "%s; %s" % (compatibility.refusal(version, layout), compatibility.ADVICE)
    return {name: "%s: %s" % (", ".join(keys), reason) for name, keys in needing.items()}


def apply_all(lxc_path: str, planned: Iterable[planning.Planned]) -> Dict[str, str]:
    """Carry out the plans; the result has the reason for each container whose plan failed."""
    errors: Dict[str, str] = {}
    changes: List[tree_changes.Change] = []
    made: Dict[str, Tuple[str, writing.Undo]] = {}
    for plan in planned:
        try:
            if plan.directory:
                made[plan.change.name] = plan.directory[0], writing.make_directory(*plan.directory)
            if plan.writes:
                changes.append(plan.change)
        except ContainerError as error:
            errors[plan.change.name] = str(error)
        except Exception as error:  # pylint: disable=broad-except
            errors[plan.change.name] = unexpected(error)
    failed = tree_changes.apply(lxc_path, changes) if changes else {}
    kept = {path for name, (path, _undo) in made.items() if name not in failed}
    for path, undo in [made[name] for name in failed if name in made]:
        # Two containers may share a directory.
        if path not in kept:
            undo()
    return {**errors, **failed}


def item_of(name: str, planned: Mapping[str, planning.Planned], errors: Mapping[str, str]) -> Dict[str, Any]:
    """The result of one container."""
    if name in errors:
        return {"name": name, "changed": False, "changes": [], "error": errors[name]}
    changes = list(planned[name].changes) if name in planned else []
    return {"name": name, "changed": bool(changes), "changes": changes}
