# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plans of the stages rootfs, busybox and config have in common (I/O, reads only)."""

from __future__ import annotations

import functools
import hashlib
import os
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Container
from ..disk import beneath, places, tree_changes
from ..errors import ContainerError
from ..model import manifest, tree
from ..model.host import Host
from ..model.id_map import Ids
from ..model.networks import Allotted
from ..plan import volumes
from ..target import processes


class Addressed(NamedTuple):
    """A container with the addresses that were chosen for it, and those by its interfaces, for the manifest.

    `warning`: why one that it would have has none.
    """

    container: Container
    allotted: Mapping[str, Allotted] = {}
    warning: str = ""


class Place(NamedTuple):
    """Where the containers are, and what their plans depend on.

    `ids` returns the ids of a container, see id_allocation.py; `addresses` a container with addresses in place of the word
    auto, see address_allocation.py. `declared`: all containers of the host that have a spec, by
    name. `earlier`: what the earlier stages of this run will change of this container before this stage does.
    """

    lxc_path: str
    bridge: str
    host: Host
    ids: Callable[[Container, manifest.Manifest], Ids]
    addresses: Callable[[Container, manifest.Manifest, Place], Addressed]
    declared: Mapping[str, Container] = {}
    earlier: Tuple[Planned, ...] = ()


class Planned(NamedTuple):
    """What a stage would do for one container.

    `changes`: the change in sentences. `writes`: whether it changes the container's own directory. `config`: a config that
    LXC has to accept first. `directory`: a directory of the target to make, and its mode. `volumes`: what becomes of its
    volumes. `whose`: the container's ids and the access to its directory, before and after, if they change. `warning`: what
    the stage cannot do well.
    """

    change: tree_changes.Change
    changes: Tuple[str, ...] = ()
    writes: bool = False
    config: Optional[str] = None
    directory: Optional[Tuple[str, int]] = None
    volumes: Optional[volumes.Change] = None
    whose: Tuple[Tuple[str, str], ...] = ()
    warning: str = ""

    def diffs(self) -> List[Dict[str, str]]:
        """Return Ansible's diff of the change."""
        found = tree.diffs(self.change.name, self.change.actions)
        for before, after in self.whose:
            headers = {"before_header": self.change.name, "after_header": self.change.name}
            found.append(dict(headers, before=before + "\n", after=after + "\n"))
        if self.directory:
            headers = {"before_header": self.directory[0], "after_header": self.directory[0]}
            found.append(dict(headers, before="", after="directory mode %04o\n" % self.directory[1]))
        if self.volumes:
            header = "%s/%s" % (volumes.DIRECTORY, self.volumes.container)
            text = "".join(words + "\n" for words in volumes.words(self.volumes))
            found.append({"before_header": header, "after_header": header, "before": "", "after": text})
        return found


class Stage(NamedTuple):
    """One stage: its name, the stages that must come before it for a container, its facts, and its plan.

    `gather` adds its facts to those of other stages. `plan` gets the manifest that is there, and the same one with the ids
    that the container should have.
    """

    name: str
    earlier: Callable[[Container], Tuple[str, ...]]
    gather: Callable[[Sequence[Container], Host], Host]
    plan: Callable[[Container, Place, manifest.Manifest, manifest.Manifest], Planned]


class ForeignError(ContainerError):
    """The directory of a container exists, and this collection did not make it."""


def read_manifest(lxc_path: str, name: str) -> Optional[manifest.Manifest]:
    """Return the manifest of a container, or None if its directory is missing or empty.

    Raises ForeignError if the directory is not ours, and ContainerError if the manifest cannot be read.
    """
    root = os.path.join(lxc_path, name)
    try:
        with beneath.Directories(root) as directories:
            text = beneath.read_text(directories, manifest.FILE_NAME, manifest.SIZE_MAX)
            if text is None and not os.listdir(directories.must("")):
                return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ContainerError("%s cannot be read: %s" % (root, error.strerror)) from None
    if text is None:
        raise ForeignError("%s is not ours: it has no manifest, so it is left alone; choose another name" % root)
    return manifest.parse(text)


def observe(lxc_path: str, name: str, wanted: tree.Wanted, owned: tree.Wanted, ids: Ids) -> Dict[str, tree.Observed]:
    """Return what is on disk at the wanted and the owned paths; nothing if the container has no directory."""
    root = os.path.join(lxc_path, name)
    if not os.path.isdir(root):
        return {}
    with beneath.Directories(root, ids) as directories:
        return beneath.observe(directories, wanted, owned)


def after_earlier(
    place: Place, wanted: tree.Wanted, owned: tree.Wanted, present: Dict[str, tree.Observed]
) -> Dict[str, tree.Observed]:
    """Return what will be at the wanted and the owned paths after the earlier stages have changed what is `present`."""
    found = dict(present) if place.earlier else present
    for action in (action for each in place.earlier for action in each.change.actions):
        above = action.path.rpartition("/")[0]
        more = {"create": 1, "remove": -1}.get(action.verb, 0)
        if more and above in found and found[above].children >= 0:
            found[above] = found[above]._replace(children=found[above].children + more)
        if action.entry is None:
            found.pop(action.path, None)
        elif action.verb != "adjust" and (action.path in wanted or action.path in owned):
            found[action.path] = tree.made(action.entry)
    return found


def own_entries(before: manifest.Manifest, stage: str, wanted: tree.Wanted) -> Dict[str, tree.Entry]:
    """Return the entries that a stage made. Those that it no longer wants, and another stage has now, are no longer its."""
    records = before.entries(stage)
    stale = [path for path in records if path not in wanted]
    others = {path for name, other in before.stages.items() if name != stage for path in other.entries} if stale else ()
    return {
        path: tree.entry_of_record(path, record)
        for path, record in records.items()
        if path in wanted or path not in others
    }


def plan(
    stage: Stage, container: Container, place: Place, before: manifest.Manifest, check: bool
) -> Tuple[Planned, manifest.Manifest]:
    """Return what a stage would change in a container with the manifest `before`, and the manifest after that.

    Raises ContainerError if the target lacks something, or something is in the way. Check mode does not ask for the
    earlier stages, which it has only predicted.
    """
    try:
        ids = place.ids(container, before)
        late = bool(stage.earlier(container))
        if late and not check and before.stages and ids != before.ids:
            raise ContainerError("its ids are to change, which begins with the rootfs; run the rootfs stage first")
        after = before._replace(ids=ids)
        found = stage.plan(container, place, after if late else before, after)
    except OSError as error:
        where = os.path.join(place.lxc_path, container.name)
        raise ContainerError("%s cannot be read: %s" % (error.filename or where, error.strerror)) from None
    for earlier in () if check else stage.earlier(container):
        if earlier not in before.stages:
            raise ContainerError("its %s is not there yet; run the %s stage first" % (earlier, earlier))
    return found, found.change.after if found.writes else before


@functools.lru_cache(maxsize=8)
def shared_records(wanted: tree.Shared) -> tree.Shared:
    """Return the records of a tree that many containers share."""
    return tree.Shared(tree.records(wanted))


@functools.lru_cache(maxsize=8)
def plan_of_new(wanted: tree.Shared) -> Tuple[Tuple[tree.Action, ...], List[str]]:
    """Return the plan for a container that has nothing yet of a tree that many share, and the plan in sentences."""
    return plan_and_words(wanted, {}, {})


def plan_and_words(
    wanted: tree.Wanted, present: tree.Present, owned: tree.Wanted
) -> Tuple[Tuple[tree.Action, ...], List[str]]:
    """Return a plan, and the plan in sentences."""
    actions = tree.plan(wanted, present, owned)
    return actions, tree.describe(actions)


def still_there(
    earlier: Mapping[str, Tuple[tree.Record, ...]], container: Container, place: Place, ids: Ids
) -> Dict[str, tree.Entry]:
    """Return the earlier entries that are still on disk because the run that was to change them was interrupted."""
    found: Dict[str, tree.Entry] = {}
    for path, record in ((path, record) for path, records in earlier.items() for record in records):
        entry = tree.entry_of_record(path, record)
        there = observe(place.lxc_path, container.name, {}, {path: entry}, ids).get(path)
        if there and there.kind == entry.kind and tree.same(entry, there):
            found[path] = entry
    return found


def digest_of(asked: object) -> str:
    """Return a digest of what a spec asks for. It covers the values of secrets, as the digest of the config does."""
    return hashlib.sha256(repr(asked).encode("utf-8", "surrogateescape")).hexdigest()


def as_made(action: tree.Action, records: Mapping[str, tree.Record]) -> bool:
    """Say whether an action begins with an entry that is as a stage left it."""
    record = records.get(action.path)
    if record is None or action.before is None:
        return record is None and action.before is None
    entry, before = tree.entry_of_record(action.path, record), action.before
    right = entry.kind == tree.LINK or (before.mode == entry.mode and before.owned)
    return before.kind == entry.kind and tree.same(entry, before) and right


def read_again(
    lxc_path: str, name: str, actions: Tuple[tree.Action, ...], records: Mapping[str, tree.Record], ids: Ids
) -> Tuple[tree.Action, ...]:
    """Return the actions with the files read that were skipped because their size is not the one wanted now."""
    if not records:
        return actions
    unread = {
        action.path: tree.entry_of_record(action.path, records[action.path])
        for action in actions
        if action.path in records and action.before and action.before.kind == tree.FILE and not action.before.digest
    }
    read = observe(lxc_path, name, {}, unread, ids) if unread else {}
    return tuple(action._replace(before=read.get(action.path, action.before)) for action in actions)


def caused(actions: Tuple[tree.Action, ...], before: Optional[manifest.Stage], asked: str) -> Tuple[tree.Action, ...]:
    """Return the actions that the spec has caused, or somebody who changed what a stage had made.

    The other actions follow what changed on the target by itself. That is no reason for a restart.
    """
    if before is None or before.asked != asked:
        return actions
    return tuple(action for action in actions if not as_made(action, before.entries))


def towards(
    wanted: tree.Wanted, stage: str, container: Container, place: Place, before: manifest.Manifest, ids: Ids
) -> Tuple[Tuple[tree.Action, ...], List[str]]:
    """Return the plan that leads a stage from what is on disk to the wanted entries, and the plan in sentences."""
    owned = own_entries(before, stage, wanted)
    present = after_earlier(place, wanted, owned, observe(place.lxc_path, container.name, wanted, owned, ids))
    if stage in before.stages and before.stages[stage].earlier:
        owned.update(still_there(before.stages[stage].earlier, container, place, ids))
    if isinstance(wanted, tree.Shared) and not present and not owned:
        return plan_of_new(wanted)
    return plan_and_words(wanted, present, owned)


def planned(
    stage: str,
    container: Container,
    place: Place,
    before: manifest.Manifest,
    after: manifest.Manifest,
    wanted: Dict[str, tree.Entry],
    seen_inside: Callable[[Tuple[tree.Action, ...]], bool] = bool,
    beside: Tuple[str, ...] = (),
    asked: object = None,
    read_at_signal: Callable[[Tuple[tree.Action, ...]], bool] = lambda _actions: False,
    filters: Callable[[Tuple[tree.Action, ...]], bool] = lambda _actions: False,
) -> Planned:
    """Return the plan that leads from what is on disk to the wanted entries, with the manifest that goes with it.

    `seen_inside` says whether a running container sees the actions only after a restart; by default it does.
    `read_at_signal` says whether its command reads what they change at a signal, and `filters` whether they change rules of
    its packet filter. `beside`: what else changes on the target that it sees only after a restart. `asked`: what the spec
    asks of the stage.
    """
    records = shared_records(wanted) if isinstance(wanted, tree.Shared) else tree.records(wanted)
    actions, described = towards(wanted, stage, container, place, before, after.ids)
    unrecorded = not actions and (records != before.entries(stage) or before.addresses != after.addresses)
    # The first stage that writes removes it.
    litter = not any(each.writes for each in place.earlier) and bool(places.leftovers(place.lxc_path, container.name))
    changes = [*described, *beside, *changes_of_records(before, after, unrecorded, litter)]
    if not changes:
        # A run with a hundred containers must not keep a hundred manifests in memory.
        return Planned(no_change(container.name))
    digest = digest_of((asked, after.ids.lines))
    looked_at = read_again(place.lxc_path, container.name, actions, before.entries(stage), after.ids)
    last = before.stages.get(stage)
    reasons = caused(looked_at, last, digest)
    times = moments(last, bool(seen_inside(reasons) or beside), read_at_signal(reasons), filters(actions))
    after = after.with_stage(stage, manifest.Stage(records, times[0], {}, digest, *times[1:]))
    whose = (("ids: " + before.ids.words(), "ids: " + after.ids.words()),) if mapped_anew(before, after) else ()
    return Planned(tree_changes.Change(container.name, actions, before, after), tuple(changes), True, whose=whose)


def moments(last: Optional[manifest.Stage], *now_changes: bool) -> Tuple[Optional[manifest.Moment], ...]:
    """Return when a stage last changed something that takes a restart, a reload, and another load of the packet filter.

    `now_changes`: whether it does so now, in the same order.
    """
    now = manifest.Moment(processes.boot_id(), processes.since_boot())
    last = last or manifest.Stage()
    before = last.changed, last.reload, last.packets
    return tuple(now if changes else earlier for changes, earlier in zip(now_changes, before))


def no_change(name: str) -> tree_changes.Change:
    """Return a change that does nothing."""
    return tree_changes.Change(name, (), manifest.Manifest(), manifest.Manifest())


def mapped_anew(before: manifest.Manifest, after: manifest.Manifest) -> bool:
    """Say whether a container that exists gets other ids."""
    return bool(before.stages) and before.ids.lines != after.ids.lines


def changes_of_records(
    before: manifest.Manifest, after: manifest.Manifest, unrecorded: bool, litter: bool
) -> List[str]:
    """Return what changes beside the tree, in sentences. `litter`: an interrupted run has left something."""
    changes: List[str] = []
    if mapped_anew(before, after):
        changes.append("map its ids to " + after.ids.words())
    elif before.stages and before.ids != after.ids:
        changes.append("record that the owners of its files are to be shifted")
    if unrecorded:
        changes.append("record in the manifest what is already there")
    if litter:
        changes.append("remove what an interrupted run left behind")
    return changes
