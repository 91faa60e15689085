# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores a checkpoint (I/O): first removes newer containers, then restores the files, then the states.

Each part starts by looking at what is there, so that the next run goes on after a kill at any moment. Files are
restored by the transactions of tree_changes.py, a few containers at a time, so that a hundred need not be in memory.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from ..container_spec import keys
from ..disk import beneath, locking, places, run_files, tree_changes
from ..errors import ContainerError, RefusedError, unexpected
from ..lifecycle import changes, execution, states, survey, verification
from ..lxc import runtime
from ..model import manifest, tree
from ..model.id_map import Ids
from ..plan import transitions
from ..stages import config, planning
from ..target import processes
from . import contents

# How many containers are planned and changed together. They share their syncs.
TOGETHER = 8
TEXT_MAX = 32 * 1024 * 1024


@dataclass
class Outcome:
    """What has been done so far, or would be in check mode: changes and failure reasons by container, and diffs.

    `due` are the containers that may be restarted; `predicted` is what check mode has not carried out, see foresee.
    """

    changes: Dict[str, List[str]] = field(default_factory=dict)
    errors: Dict[str, str] = field(default_factory=dict)
    diffs: List[Dict[str, str]] = field(default_factory=list)
    due: Set[str] = field(default_factory=set)
    predicted: Dict[str, Tuple[bool, Ids, bool]] = field(default_factory=dict)

    def add(self, name: str, changes: Sequence[str]) -> None:
        """Add changes of a container."""
        self.changes.setdefault(name, []).extend(changes)


def read_index(lxc_path: str) -> Optional[contents.Index]:
    """Return the index of the checkpoint of a lxc path, or None if there is no checkpoint. Raises RefusedError."""
    place = os.path.join(lxc_path, places.CHECKPOINT)
    if not os.path.lexists(place):
        return None
    try:
        return contents.parse_index(read(place, "index.json"))
    except ContainerError as error:
        raise RefusedError("%s: %s" % (place, error)) from None


def read(place: str, path: str) -> str:
    """Return the text of a file of a checkpoint. Raises ContainerError."""
    try:
        with beneath.Directories(place) as directories:
            text = beneath.read_text(directories, path, TEXT_MAX)
    except OSError as error:
        raise ContainerError("%s/%s cannot be read: %s" % (place, path, error.strerror)) from None
    if text is None:
        raise contents.damaged()
    return text


def restore(
    lxc: runtime.Runtime, times: states.Times, check: bool
) -> Tuple[List[Dict[str, Any]], List[Dict[str, str]], contents.Index]:
    """Return the results of all containers (those of the checkpoint first), the diffs, and the index.

    Raises RefusedError.
    """
    # Read the index under the lock: otherwise another run could drop the checkpoint and leave nothing to restore.
    with nullcontext() if check else locking.locked(lxc.lxc_path, [places.CHECKPOINT]):
        index = read_index(lxc.lxc_path)
        if index is None:
            raise RefusedError("there is no checkpoint in %s to bring back" % lxc.lxc_path)
        items, diffs = bring_all_back(lxc, index, times, check)
        return items, diffs, index


def bring_all_back(
    lxc: runtime.Runtime, index: contents.Index, times: states.Times, check: bool
) -> Tuple[List[Dict[str, Any]], List[Dict[str, str]]]:
    """Return the results of all containers (those of the checkpoint first) and the diffs. The caller holds its lock."""
    new = newcomers(lxc.lxc_path, index)
    all_desired = [desired_of(lxc.lxc_path, name, kept) for name, kept in index.containers.items()]
    going = [states.DesiredState(name, "absent", after=survey.after_on_disk(lxc.lxc_path, name)) for name in new]
    names = [desired.name for desired in all_desired + going]
    outcome = Outcome()
    with nullcontext() if check else locking.locked(lxc.lxc_path, names):
        before = changes.look(lxc, all_desired + going, check)
        if not check:
            # A run that was killed while it started containers has left LXC's logs, even if nothing is to be started
            # now.
            run_files.remove_logs([run_files.log_of(lxc.lxc_path, name) for name in names])
        halted = [
            halt(desired) for desired in all_desired if desired.state in ("", "stopped") and runs(before[desired.name])
        ]
        carry_out(lxc, going + halted, before, before, times, check, outcome)
        bring_back(lxc.lxc_path, [desired.name for desired in all_desired], check, outcome)
        settled = [desired.name for desired in halted] if check else []
        moving = [
            desired._replace(
                restart=desired.name in outcome.due, after=survey.after_on_disk(lxc.lxc_path, desired.name)
            )
            for desired in all_desired
            if desired.state and desired.name not in outcome.errors and desired.name not in settled
        ]
        now = foresee(before, outcome) if check else survey.survey(lxc, [desired.name for desired in moving])
        carry_out(lxc, moving, now, before, times, check, outcome)
        after = before if check else survey.survey(lxc, names)
        if not check:
            verify(moving + going, after, outcome)
    return [item_of(name, before, after, outcome, check) for name in names], outcome.diffs


def desired_of(lxc_path: str, name: str, kept: contents.Kept) -> states.DesiredState:
    """Return the state to restore of one container. Its order is in its config, which is restored later."""
    checks = keys.FIELDS["ready"].parse([dict(check) for check in kept.ready])
    after = survey.after_on_disk(lxc_path, name)
    return states.DesiredState(name, contents.STATES[kept.state], declared=True, after=after, ready=checks)


def newcomers(lxc_path: str, index: contents.Index) -> List[str]:
    """Return our containers that are newer than the checkpoint, including those whose build was interrupted."""
    found = survey.names_with(lxc_path, manifest.FILE_NAME) + places.unfinished(lxc_path)
    return sorted(set(found) - set(index.containers))


def runs(found: Any) -> bool:
    """Return whether a container has processes."""
    return isinstance(found, states.ActualState) and found.pid is not None


def halt(desired: states.DesiredState) -> states.DesiredState:
    """Return the desired state that stops, before its files change, a container that did not run at the checkpoint."""
    return desired._replace(state="stopped")


def foresee(before: states.Survey, outcome: Outcome) -> states.Survey:
    """Return the states that check mode plans with.

    A config that LXC cannot load now will be replaced by the restore.
    """
    found: states.Survey = {
        name: states.ActualState("RUNNING") if isinstance(there, runtime.LoadError) else there
        for name, there in before.items()
    }
    for name, (moved, ids, filtered) in outcome.predicted.items():
        there = found[name]
        if isinstance(there, states.ActualState):
            found[name] = survey.predicted(there, moved, ids, filtered=filtered)
    return found


def carry_out(
    lxc: runtime.Runtime,
    all_desired: Sequence[states.DesiredState],
    now: states.Survey,
    before: states.Survey,
    times: states.Times,
    check: bool,
    outcome: Outcome,
) -> None:
    """Bring containers to the desired states, and record the steps; in check mode only record them."""
    steps, errors = changes.plan_all(lxc.lxc_path, all_desired, now, check)
    if not check and any(steps.values()):
        errors.update(execution.carry_out(lxc, all_desired, steps, times))
    for desired in all_desired:
        if steps.get(desired.name):
            outcome.add(desired.name, steps[desired.name])
            outcome.diffs.append(changes.diff_of(desired, steps[desired.name], before))
    outcome.errors.update(errors)


def bring_back(lxc_path: str, names: Sequence[str], check: bool, outcome: Outcome) -> None:
    """Restore the files of all containers, a few at a time."""
    sound: Set[str] = set()
    left = [name for name in names if name not in outcome.errors]
    for start in range(0, len(left), TOGETHER):
        planned: List[planning.Planned] = []
        for name in left[start : start + TOGETHER]:
            try:
                planned.append(plan(lxc_path, name, sound, outcome))
            except ContainerError as error:
                outcome.errors[name] = str(error)
            except Exception as error:  # pylint: disable=broad-except
                outcome.errors[name] = unexpected(error)
        changes = [one.change for one in planned if one.writes]
        errors = tree_changes.apply(lxc_path, changes) if changes and not check else {}
        outcome.errors.update(errors)
        for one in planned:
            if one.change.name not in errors:
                outcome.add(one.change.name, one.changes)
                outcome.diffs += one.diffs()


def plan(lxc_path: str, name: str, sound: Set[str], outcome: Outcome) -> planning.Planned:
    """Return what it takes to restore the files of one container. Raises ContainerError."""
    place = os.path.join(lxc_path, places.CHECKPOINT)
    saved = contents.parse_saved(read(place, "containers/%s.json" % name))
    root = os.path.join(lxc_path, name)
    try:
        current = planning.read_manifest(lxc_path, name) or manifest.Manifest()
        wanted = saved.wanted(os.path.join(place, "objects"))
        records = {**contents.owned_by(saved.manifest), **contents.owned_by(current)}
        owned = {path: tree.entry_of_record(path, record) for path, record in records.items()}
        ids = contents.ids_after(saved.manifest, current)
        actions = tree.plan(wanted, planning.observe(lxc_path, name, wanted, owned, ids), owned)
        actions = tuple(with_content(action, sound) for action in actions)
        status = os.stat(root) if os.path.isdir(root) else None
    except OSError as error:
        raise ContainerError("%s cannot be read: %s" % (error.filename or root, error.strerror)) from None
    now = manifest.Moment(processes.boot_id(), processes.since_boot())
    looked_at = planning.read_again(lxc_path, name, actions, contents.owned_by(current), ids)
    seen = seen_inside(caused(looked_at, saved.manifest, current))
    rules = [action.path for action in actions if config.changes_filter((action,))]
    after = contents.after(saved.manifest, current, seen, now, rules)
    changes = tree.describe(actions)
    if current.stages and current.ids != after.ids:
        changes.append("map its ids to " + after.ids.words())
    if not actions and not contents.same_entries(current, saved.manifest):
        changes.append("record in the manifest what is already there")
    if status and tree.Access(status.st_mode & 0o7777, status.st_gid) != saved.access:
        changes.append("adjust its directory to " + saved.access.words())
    if places.leftovers(lxc_path, name):
        changes.append("remove what an interrupted run left behind")
    if after != saved.manifest:
        outcome.due.add(name)
    moved, filtered = current.changed() != after.changed(), current.to_filter() != after.to_filter()
    if moved or filtered or after.ids.before:
        outcome.predicted[name] = moved, after.ids, filtered
    if not changes:
        return planning.Planned(tree_changes.Change(name, (), manifest.Manifest(), manifest.Manifest()))
    return planning.Planned(tree_changes.Change(name, actions, current, after, saved.access), tuple(changes), True)


def caused(
    actions: Tuple[tree.Action, ...], saved: manifest.Manifest, current: manifest.Manifest
) -> Tuple[tree.Action, ...]:
    """Return the actions that are due to another spec or to somebody's changes, and not only to the target."""
    found = actions
    for name, stage in saved.stages.items():
        there = current.stages.get(name)
        if there and stage.asked and there.asked == stage.asked:
            mine = {*stage.entries, *there.entries}
            kept = planning.caused(tuple(action for action in found if action.path in mine), there, stage.asked)
            found = tuple(action for action in found if action.path not in mine or action in kept)
    return found


def seen_inside(actions: Tuple[tree.Action, ...]) -> List[str]:
    """Return the paths whose change a running container notices."""
    return [action.path for action in actions if config.seen_inside((action,))]


def with_content(action: tree.Action, sound: Set[str]) -> tree.Action:
    """Return the action with the content of a small file in it, so that a diff can show it.

    `sound`: the digests of contents that have been verified. Raises ContainerError if the checkpoint no longer has the
    content that was kept.
    """
    entry = action.entry
    if entry is None or entry.source is None or action.verb == "adjust":
        return action
    small = entry.size <= beneath.SHOWN_SIZE
    if small or entry.digest not in sound:
        content = read_object(entry, small)
        sound.add(entry.digest)
        if small:
            return action._replace(entry=entry._replace(source=None, content=content))
    return action


def read_object(entry: tree.Entry, small: bool) -> bytes:
    """Verify that a content is what was kept, and return it if it is small. Raises ContainerError."""
    digest, content = sha256(), b""
    try:
        with open(str(entry.source), "rb", buffering=0) as stream:
            for chunk in iter(lambda: stream.read(beneath.CHUNK), b""):
                digest.update(chunk)
                content += chunk if small else b""
    except OSError as error:
        raise ContainerError("%s of the checkpoint cannot be read: %s" % (entry.path, error.strerror)) from None
    if digest.hexdigest() != entry.digest:
        raise ContainerError("%s: the checkpoint no longer has the content that was kept" % entry.path)
    return content


def verify(all_desired: Sequence[states.DesiredState], after: states.Survey, outcome: Outcome) -> None:
    """Record each container that is not in the state of the checkpoint."""
    good = [desired for desired in all_desired if desired.name not in outcome.errors]
    outcome.errors.update(verification.verify(good, after))


def item_of(name: str, before: states.Survey, after: states.Survey, outcome: Outcome, check: bool) -> Dict[str, Any]:
    """Return the result of one container."""
    was, now = before[name], after[name]
    changes = outcome.changes.get(name, [])
    steps_only = all(change in transitions.STEPS for change in changes)
    failed = name in outcome.errors
    item: Dict[str, Any] = {
        "name": name,
        # How far a failed step got is unknown. Files are either restored or as they were.
        "changed": bool(changes) and (check or not failed or was != now or not steps_only),
        "changes": changes,
        "state_before": was.state if isinstance(was, states.ActualState) else None,
        "state": now.state if isinstance(now, states.ActualState) else None,
        "pid": now.pid if isinstance(now, states.ActualState) else None,
        "not_kept": [],
    }
    return dict(item, error=outcome.errors[name]) if failed else item
