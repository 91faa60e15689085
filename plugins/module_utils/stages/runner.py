# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one or more stages (I/O) for the modules rootfs, busybox, config and containers.

It plans for all containers, has LXC check the new configs, and applies the plans unless in check mode. Whatever the stages
change in one container is one change on disk: all of it or nothing.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .. import call, results
from ..container_spec import records
from ..disk import locking, places, tree_changes, writing
from ..errors import ContainerError, unexpected
from ..lxc import runtime
from ..model import manifest
from ..model.host import Host
from ..model.manifest import Manifest
from ..plan import compatibility, volumes
from ..target import facts, memory
from ..workers import pool
from . import address_allocation, delivery, id_allocation, planning

Result = Dict[str, Any]
# From so many containers on it pays to plan in several processes.
MANY = 8


class ContainerPlan(NamedTuple):
    """What the stages do for one container, by stage, up to the first one that fails.

    `before` and `after`: its manifest now and afterwards, without entries. `error`: why it failed, at `failed_stage`.
    `done`: stages that were applied before the others were planned.
    """

    name: str
    before: Manifest = Manifest()
    after: Manifest = Manifest()
    stages: Mapping[str, planning.Planned] = {}
    error: str = ""
    failed_stage: str = ""
    done: Tuple[str, ...] = ()

    def then(self, later: ContainerPlan) -> ContainerPlan:
        """Return this plan, which has been applied, together with that of later stages."""
        stages = {**self.stages, **later.stages}
        return later._replace(before=self.before, stages=stages, done=tuple(self.stages))

    def failed(self, error: str, stage: str = "") -> ContainerPlan:
        """Return the plan as failed at a stage; by default at the first one that changes something."""
        changing = (name for name, planned in self.stages.items() if planned.changes)
        return self._replace(error=error, failed_stage=stage or next(changing, next(iter(self.stages), "")))

    def changes(self) -> bool:
        """Say whether there is something to do."""
        return any(planned.changes for planned in self.stages.values())

    def config(self) -> Optional[str]:
        """Return the text of the config to write, if there is one."""
        return next((planned.config for planned in self.stages.values() if planned.config is not None), None)

    def directory(self) -> Optional[Tuple[str, int]]:
        """Return the directory of the target to make, with its mode, if there is one."""
        return next((planned.directory for planned in self.stages.values() if planned.directory), None)

    def volumes(self) -> Optional[volumes.Change]:
        """Return what becomes of its volumes, if anything does."""
        return next((planned.volumes for planned in self.stages.values() if planned.volumes), None)

    def change(self) -> Optional[tree_changes.Change]:
        """Return what all stages change on disk as one change, or None."""
        parts = [planned.change for planned in self.stages.values() if planned.writes]
        if not parts:
            return None
        actions = parts[0].actions if len(parts) == 1 else tuple(each for part in parts for each in part.actions)
        access = next((part.access for part in parts if part.access), None)
        return tree_changes.Change(self.name, actions, parts[0].before, parts[-1].after, access)


class Outcome(NamedTuple):
    """The result of each stage, by name, and the plan of each container that should exist."""

    results: Mapping[str, Result]
    plans: Mapping[str, ContainerPlan]

    def manifests(self, check: bool) -> Dict[str, Manifest]:
        """Return the manifests that are on disk now, without entries, of the containers for which all went well."""
        return {name: plan.before if check else plan.after for name, plan in self.plans.items() if not plan.error}


def run(stages: Sequence[planning.Stage], called: call.Call, asks_lxc: bool = True) -> Outcome:
    """Run stages for all containers, in their order. Raises RefusedError or MissingContentError before anything changes.

    `asks_lxc`: whether LXC checks the configs that are to be written.
    """
    lxc = called.lxc
    wanted = [each for each in called.containers if each.state != "absent" and each.name not in called.failed]
    names = [each.name for each in wanted] + delivery.locks(called)
    locks = nullcontext() if called.check else locking.locked(lxc.lxc_path, names)
    plans: Dict[str, ContainerPlan] = {}
    addresses = address_allocation.AddressAllocation(lxc.lxc_path, called.bridge, called.check)
    with locks, addresses, id_allocation.IdAllocation(lxc, called.check) as ids:
        called = called._replace(archives=delivery.require(called))
        for some_stages, containers in passes(stages, wanted, called):
            going = [each for each in containers if each.name not in plans or not plans[each.name].error]
            found = run_together(some_stages, going, called, (ids, addresses), asks_lxc) if going else {}
            plans.update({name: plans[name].then(new) if name in plans else new for name, new in found.items()})
    plans = {each.name: plans[each.name] for each in wanted}
    return Outcome({stage.name: result_of(stage, stages, called, plans) for stage in stages}, plans)


def passes(
    stages: Sequence[planning.Stage], wanted: Sequence[records.Container], called: call.Call
) -> List[Tuple[Sequence[planning.Stage], Sequence[records.Container]]]:
    """Return which stages run together for which containers, in this order.

    All stages run together, with one exception: a spec may name a path below the lxc path, which a stage of this container
    or of another one makes first. Such containers come last, with one stage after the other. Check mode makes nothing that
    it could look at, so there the exception does not help.
    """
    prefixes = {path + "/" for path in (called.lxc.lxc_path, *called.lxc.spellings)}
    alone = called.check or len(stages) == 1
    late = [each for each in wanted if not alone and any(prefix in repr(each) for prefix in prefixes)]
    others = [each for each in wanted if each not in late] if late else wanted
    return [(stages, others), *(((stage,), late) for stage in stages if late)]


def run_together(
    stages: Sequence[planning.Stage],
    wanted: Sequence[records.Container],
    called: call.Call,
    choosing: Tuple[id_allocation.IdAllocation, address_allocation.AddressAllocation],
    asks_lxc: bool,
) -> Dict[str, ContainerPlan]:
    """Plan stages for containers, and apply the plans as one change for each container. Return the plans."""
    lxc, (ids, addresses) = called.lxc, choosing
    objects = places.objects(lxc.lxc_path)
    host = Host(sources=called.sources, objects=objects, archives=called.archives)
    for stage in stages:
        host = stage.gather(wanted, host)
    declared = {container.name: container for container in called.containers}
    place = planning.Place(lxc.lxc_path, called.bridge, host, ids.ids, addresses.addresses, declared)
    looking = place._replace(ids=ids.ids_so_far, addresses=addresses.addresses_so_far)
    plans = plan_all(stages, wanted, place, looking, called.check)
    refuse(plans, without_cgroups(lxc, wanted, plans))
    if asks_lxc:
        refuse(plans, refused_configs(lxc, plans), "config")
    if not called.check and any(each.changes() for each in plans.values()):
        refuse(plans, apply_all(lxc.lxc_path, [each for each in plans.values() if not each.error]))
        memory.forget()
    return plans


def refuse(plans: Dict[str, ContainerPlan], errors: Mapping[str, str], stage: str = "") -> None:
    """Mark containers as failed at a stage, with the reasons."""
    for name, reason in errors.items():
        plans[name] = plans[name].failed(reason, stage)


def plan_all(
    stages: Sequence[planning.Stage],
    wanted: Sequence[records.Container],
    place: planning.Place,
    looking: planning.Place,
    check: bool,
) -> Dict[str, ContainerPlan]:
    """Return the plan of each container. `looking` is the same place, at which no container gets new ids or addresses.

    With one processor there is nothing to divide: to look first would plan twice for each container that changes.
    """
    built = [each for each in wanted if os.path.lexists(os.path.join(place.lxc_path, each.name, manifest.FILE_NAME))]
    processors = os.cpu_count() or 1
    divides = processors > 1 and len(built) >= MANY
    found = unchanged(stages, built, looking, check, processors) if divides else {}
    return {each.name: found.get(each.name) or plan(stages, each, place, check) for each in wanted}


def unchanged(
    stages: Sequence[planning.Stage],
    built: Sequence[records.Container],
    place: planning.Place,
    check: bool,
    processors: int,
) -> Dict[str, ContainerPlan]:
    """Return the plans of the containers that are as they should be. One process for each processor looks for them.

    Such a plan has nothing but the manifest. A plan that changes something is too large to send between processes.
    """
    by_name = {each.name: each for each in built}

    def look(name: str) -> str:
        planned = plan(stages, by_name[name], place, check)
        busy = planned.error or planned.changes() or any(each.warning for each in planned.stages.values())
        return "" if busy else manifest.render(planned.before)

    found = {name: result.value for name, result in pool.divided(look, list(by_name), processors).items()}
    read = {name: manifest.parse(text) for name, text in found.items() if text}
    nothing = {stage.name: planning.Planned(planning.no_change("")) for stage in stages}
    return {name: ContainerPlan(name, each, each, nothing) for name, each in read.items()}


def plan(
    stages: Sequence[planning.Stage], container: records.Container, place: planning.Place, check: bool
) -> ContainerPlan:
    """Return the plan for one container. It reads the manifest once."""
    found: Dict[str, planning.Planned] = {}
    stage = stages[0]
    try:
        now = before = planning.read_manifest(place.lxc_path, container.name) or Manifest()
        for stage in stages:
            planned, now = planning.plan(stage, container, place._replace(earlier=tuple(found.values())), now, check)
            found[stage.name] = planned
    except ContainerError as error:
        return ContainerPlan(container.name, stages=found).failed(str(error), stage.name)
    except Exception as error:  # pylint: disable=broad-except
        return ContainerPlan(container.name, stages=found).failed(unexpected(error), stage.name)
    return ContainerPlan(container.name, before.without_entries(), now.without_entries(), found)


def refused_configs(lxc: runtime.Runtime, plans: Mapping[str, ContainerPlan]) -> Dict[str, str]:
    """Return what LXC says of each new config that it refuses. Raises RefusedError if LXC cannot be asked."""
    texts = {
        name: text for name, each in plans.items() for text in [each.config()] if text is not None and not each.error
    }
    if not texts:
        return {}
    # Few runs need it.
    from ..lxc import config_check

    refused = config_check.check_configs(lxc, texts)
    return {name: "LXC does not take its config: " + words for name, words in refused.items()}


def without_cgroups(
    lxc: runtime.Runtime, wanted: Sequence[records.Container], plans: Mapping[str, ContainerPlan]
) -> Dict[str, str]:
    """Return the containers that need cgroups which this LXC cannot handle, and the reason.

    It asks LXC for its version only if a container is to be built or changed and has keys that LXC may refuse.
    """
    layout = facts.cgroup_version()
    if layout == "2":
        return {}
    changing = (each for each in wanted if not plans[each.name].error and plans[each.name].changes())
    needing = {
        container.name: keys for container in changing for keys in [compatibility.cgroup_keys(container)] if keys
    }
    version = lxc.version() if needing else ""
    if not compatibility.lacks_cgroups(version, layout):
        return {}
    reason = "%s; %s" % (compatibility.refusal(version, layout), compatibility.ADVICE)
    return {name: "%s: %s" % (", ".join(keys), reason) for name, keys in needing.items()}


def apply_all(lxc_path: str, plans: Sequence[ContainerPlan]) -> Dict[str, str]:
    """Apply the plans. Return the reason for each container that failed."""
    errors: Dict[str, str] = {}
    changes: List[tree_changes.Change] = []
    made: Dict[str, Tuple[str, writing.Undo]] = {}
    made_volumes: Dict[str, writing.Undo] = {}
    for each in plans:
        try:
            directory, change, of_volumes = each.directory(), each.change(), each.volumes()
            if directory:
                made[each.name] = directory[0], writing.make_directory(*directory)
            if of_volumes:
                made_volumes[each.name] = change_volumes(lxc_path, of_volumes)
            if change:
                changes.append(change)
        except ContainerError as error:
            errors[each.name] = str(error)
        except Exception as error:  # pylint: disable=broad-except
            errors[each.name] = unexpected(error)
    if made_volumes and not changes:
        writing.sync(lxc_path)
    failed = {**errors, **(tree_changes.apply(lxc_path, changes) if changes else {})}
    for undo in (made_volumes[name] for name in failed if name in made_volumes):
        undo()
    kept = {path for name, (path, _undo) in made.items() if name not in failed}
    for path, undo in [made[name] for name in failed if name in made]:
        # Two containers may share a directory.
        if path not in kept:
            undo()
    return failed


def change_volumes(lxc_path: str, change: volumes.Change) -> writing.Undo:
    """Make and adjust volumes. Return a function that undoes it. Raises ContainerError."""
    # Few containers have volumes.
    from ..disk import volumes as on_disk

    return on_disk.change(lxc_path, change)


def result_of(
    stage: planning.Stage, stages: Sequence[planning.Stage], called: call.Call, plans: Mapping[str, ContainerPlan]
) -> Result:
    """Return the result of one stage. A container that failed at an earlier stage counts as failed here too."""
    names = [each.name for each in stages]
    so_far = names[: names.index(stage.name) + 1]
    errors = {name: plan.error for name, plan in plans.items() if plan.error and plan.failed_stage in so_far}
    # No other stage changes anything in a container that failed.
    sound = {name: each.stages[stage.name] for name, each in plans.items() if not each.error or stage.name in each.done}
    warnings = results.warnings_of({name: planned.warning for name, planned in sound.items()})
    items = [item_of(each.name, sound, {**errors, **called.failed}) for each in called.containers]
    diffs = [part for planned in sound.values() for part in planned.diffs()] if called.diff else []
    return results.result_of(items, diffs, {"lxc_path": called.lxc.lxc_path, "runtime": called.lxc.kind, **warnings})


def item_of(name: str, planned: Mapping[str, planning.Planned], errors: Mapping[str, str]) -> Result:
    """Return the result of one container."""
    if name in errors:
        return {"name": name, "changed": False, "changes": [], "error": errors[name]}
    changes = list(planned[name].changes) if name in planned else []
    return {"name": name, "changed": bool(changes), "changes": changes}
