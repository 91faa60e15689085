# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module checkpoint (I/O): takes, restores or drops a checkpoint of all our containers.

Containers are kept one after the other, so that a hundred need no more memory than one.
"""

from __future__ import annotations

import os
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple

from .. import call, results
from ..checkpoint import contents, restore
from ..container_spec import parse, values
from ..disk import beneath, checkpoint_store, locking, places, removal, writing
from ..errors import ContainerError, RefusedError, unexpected
from ..lifecycle import states, survey
from ..lxc import runtime
from ..model import manifest, tree
from ..stages import delivery, planning
from . import container

ID_MAX = 200


@dataclass
class Taking:
    """A checkpoint that is being made.

    `place`: its directory, or None in check mode; `contents`: the digests of the contents that it already has.
    """

    lxc_path: str
    place: Optional[str]
    contents: Set[str] = field(default_factory=set)


def run(parameters: Mapping[str, Any], check: bool, diff: bool) -> Dict[str, Any]:
    """Return the result of one call. Raises RefusedError before anything changes."""
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"])
    times = container.times_of(parameters)
    label = label_of(parameters)
    lxc = call.choose_runtime(parameters)
    index: Optional[contents.Index] = None
    items: List[Dict[str, Any]] = []
    if parameters["state"] == "absent":
        diffs = drop(lxc, check)
        if not check:
            delivery.sweep(lxc.lxc_path, {})
    elif parameters["state"] == "restored":
        items, diffs, index = restore.restore(lxc, times, check)
    else:
        ready = {one.name: contents.ready_of(one.ready) for one in containers}
        items, diffs, index = take(lxc, label, ready, check)
    more: Dict[str, Any] = {"lxc_path": lxc.lxc_path, "runtime": lxc.kind, "checkpoint": summary_of(index)}
    more["ready"] = contents.specs(index) if index else []
    ours = survey.names_with(lxc.lxc_path, manifest.FILE_NAME)
    more["present"] = [name for name in ours if survey.has_config(lxc.lxc_path, name)]
    result = results.result_of(items, diffs if diff else [], more)
    # Taking or dropping the checkpoint shows as a diff. A restore reports its changes with each container.
    return dict(result, changed=result["changed"] or (bool(diffs) and parameters["state"] != "restored"))


def label_of(parameters: Mapping[str, Any]) -> str:
    """Return the label of the checkpoint. Raises RefusedError."""
    label = str(values.option("id", values.text, parameters["id"]))
    if len(label) > ID_MAX:
        raise RefusedError("id: is longer than %d characters" % ID_MAX)
    return label


def summary_of(index: Optional[contents.Index]) -> Optional[Dict[str, Any]]:
    """Return a checkpoint as the result shows it."""
    return {"id": index.id, "taken": index.taken, "containers": list(index.containers)} if index else None


def drop(lxc: runtime.Runtime, check: bool) -> List[Dict[str, str]]:
    """Remove the checkpoint, even a damaged one, and return the diffs: none if there is no checkpoint."""
    place = os.path.join(lxc.lxc_path, places.CHECKPOINT)
    there = os.path.lexists(place)
    if not there and not places.leftovers(lxc.lxc_path, places.CHECKPOINT):
        return []
    try:
        index = restore.read_index(lxc.lxc_path)
    except RefusedError:
        index = None
    if not check:
        with locking.locked(lxc.lxc_path, [places.CHECKPOINT]):
            with_reason(checkpoint_store.drop_checkpoint, lxc.lxc_path)
    before = contents.listing(index) if index else "what is left of a checkpoint\n"
    return [{"before_header": place, "after_header": place, "before": before, "after": ""}]


def with_reason(step: Callable[[str], Any], lxc_path: str) -> Any:
    """Run a step on the checkpoint and return its result. Raises RefusedError with a sentence if the disk fails."""
    try:
        return step(lxc_path)
    except OSError as error:
        raise RefusedError(writing.reason_of(error, os.path.join(lxc_path, places.CHECKPOINT))) from None


def take(
    lxc: runtime.Runtime, label: str, ready: Mapping[str, Tuple[Mapping[str, Any], ...]], check: bool
) -> Tuple[List[Dict[str, Any]], List[Dict[str, str]], Optional[contents.Index]]:
    """Take a checkpoint of all our containers, unless there is one. If one of them cannot be kept, none is taken.

    The reason: a restore would remove a container that the checkpoint lacks. Returns the results, the diffs and the
    index.
    """
    index = restore.read_index(lxc.lxc_path)
    if index:
        return [], [], index
    names = survey.names_with(lxc.lxc_path, manifest.FILE_NAME)
    with nullcontext() if check else locking.locked(lxc.lxc_path, [places.CHECKPOINT, *names]):
        index = restore.read_index(lxc.lxc_path)
        if index:
            # Another run has taken one while this run waited.
            return [], [], index
        found = survey.survey(lxc, names)
        taking = Taking(lxc.lxc_path, None if check else with_reason(checkpoint_store.begin_checkpoint, lxc.lxc_path))
        try:
            items, kept = keep_all(taking, names, found, ready)
            if any("error" in item for item in items):
                return [dict(item, changed=False, changes=[]) for item in items], [], None
            index = contents.Index(label, time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), kept)
            if taking.place:
                checkpoint_store.keep_text(taking.place, "index.json", contents.render_index(index))
                checkpoint_store.finish_checkpoint(lxc.lxc_path)
        except OSError as error:
            raise RefusedError(writing.reason_of(error, os.path.join(lxc.lxc_path, places.CHECKPOINT))) from None
        finally:
            if not check:
                removal.sweep(lxc.lxc_path, places.CHECKPOINT)
    place = os.path.join(lxc.lxc_path, places.CHECKPOINT)
    listed = {"before_header": place, "after_header": place, "before": "", "after": contents.listing(index)}
    return items, [listed], index


def keep_all(
    taking: Taking, names: List[str], found: states.Survey, ready: Mapping[str, Tuple[Mapping[str, Any], ...]]
) -> Tuple[List[Dict[str, Any]], Dict[str, contents.Kept]]:
    """Keep each container. Return the results, and the index entries of those that were kept."""
    items: List[Dict[str, Any]] = []
    kept: Dict[str, contents.Kept] = {}
    for name in names:
        there = found[name]
        state = there.state if isinstance(there, states.ActualState) else None
        pid = there.pid if isinstance(there, states.ActualState) else None
        item: Dict[str, Any] = {"name": name, "changed": True, "state_before": state, "state": state, "pid": pid}
        try:
            if isinstance(there, ContainerError):
                raise there
            if there.state not in contents.STATES:
                raise ContainerError("it is %s and cannot be kept yet; wait a moment and run again" % there.state)
            count, lost = keep_one(taking, name)
            kept[name] = contents.Kept(there.state, count, ready.get(name, ()))
            items.append(dict(item, changes=["keep %d entries" % count], not_kept=lost))
        except ContainerError as error:
            items.append(dict(item, changed=False, changes=[], not_kept=[], error=str(error)))
        except OSError:
            raise
        except Exception as error:  # pylint: disable=broad-except
            items.append(dict(item, changed=False, changes=[], not_kept=[], error=unexpected(error)))
    return items, kept


def keep_one(taking: Taking, name: str) -> Tuple[int, List[str]]:
    """Keep one container.

    Return the number of kept entries, and the paths that could not be kept. Raises ContainerError.
    """
    record = planning.read_manifest(taking.lxc_path, name)
    if record is None:
        raise ContainerError("it has gone while we looked; run again")
    root = os.path.join(taking.lxc_path, name)
    drifted: Dict[str, Optional[tree.Record]] = {}
    lost: List[str] = []
    owned = contents.owned_by(record)
    with beneath.Directories(root, record.ids) as directories:
        status = os.fstat(directories.must(""))
        access = tree.Access(status.st_mode & 0o7777, status.st_gid)
        for path in sorted(owned):
            kept, whole = keep_entry(taking, directories, tree.entry_of_record(path, owned[path]))
            lost += [] if whole else [path]
            if kept != owned[path]:
                drifted[path] = kept
    if taking.place:
        text = contents.render_saved(contents.Saved(access, record, drifted))
        checkpoint_store.keep_text(taking.place, "containers/%s.json" % name, text)
    return len(owned) - sum(kept is None for kept in drifted.values()), lost


def keep_entry(
    taking: Taking, directories: beneath.Directories, owned: tree.Entry
) -> Tuple[Optional[tree.Record], bool]:
    """Keep one entry, with the content of a file. Returns the same as contents.keep."""
    see = beneath.look_at_link if owned.kind == tree.LINK else beneath.look
    kept, whole = contents.keep(owned, see(directories, owned, False))
    if not taking.place or not kept or kept[0] != tree.FILE or kept[2] in taking.contents:
        return kept, whole
    limit = max(beneath.SHOWN_SIZE, owned.size)
    try:
        digest, size = checkpoint_store.keep_content(directories, owned.path, taking.place, limit)
    except (ContainerError, FileNotFoundError):
        # The container has replaced it meanwhile. Treat it as if that had happened before.
        return None, False
    taking.contents.add(digest)
    return (tree.FILE, kept[1], digest, str(size), *kept[4:]), whole
