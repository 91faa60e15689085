# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a checkpoint keeps of the containers of one lxc path, and what brings a container back.

A manifest says what this collection wrote. The files on disk may have drifted since then, and a restore brings back
what was on disk. So a checkpoint keeps the manifest, and beside it the entries that differed from the manifest.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Check
from ..errors import ContainerError
from ..model import manifest, tree
from ..model.id_map import Ids

VERSION = 1
CONFIG = "config"
# The states that a container can be restored to, as LXC names them and as a spec does. Without a config there is
# nothing to run.
STATES: Mapping[str, str] = {"RUNNING": "started", "STOPPED": "stopped", "FROZEN": "frozen", "INCOMPLETE": ""}
# Mode bits that would run a file's content with the rights of its owner, who becomes the one that it should have.
SET_ID = 0o6000


class Kept(NamedTuple):
    """One container in the index: its state, the number of entries that are kept, and the `ready` of its spec."""

    state: str
    entries: int
    ready: Tuple[Mapping[str, Any], ...] = ()


class Index(NamedTuple):
    """A checkpoint: the label that its creator gave it, when it was taken, and its containers by name."""

    id: str
    taken: str
    containers: Mapping[str, Kept] = {}


class Saved(NamedTuple):
    """What is kept of one container: mode and group of its directory, its manifest, and the entries that had drifted.

    The record of an entry that was missing, or that cannot be kept, is None.
    """

    access: tree.Access
    manifest: manifest.Manifest
    drifted: Mapping[str, Optional[tree.Record]] = {}

    def wanted(self, objects: str) -> Dict[str, tree.Entry]:
        """Return the entries to restore. `objects` is the directory that holds the contents of files.

        Parents come first and the config last: if the config is there, the rootfs is complete.
        """
        records: Dict[str, Optional[tree.Record]] = dict(owned_by(self.manifest))
        records.update(self.drifted)
        kept = sorted(records.items(), key=lambda item: (not item[0].startswith("rootfs"), item[0] == CONFIG, item[0]))
        return {path: entry_of(path, record, objects) for path, record in kept if record}


def owned_by(record: manifest.Manifest) -> Dict[str, tree.Record]:
    """Return all entries of a manifest, of every stage."""
    return {path: kept for stage in record.stages.values() for path, kept in stage.entries.items()}


def entry_of(path: str, record: tree.Record, objects: str) -> tree.Entry:
    """Return the wanted entry for a record."""
    kind, mode, detail, size = record[:4]
    owner = tree.owner_of_record(record)
    if kind == tree.FILE:
        return tree.copied(path, int(mode, 8), os.path.join(objects, detail), detail, int(size), owner)
    if kind == tree.LINK:
        return tree.Entry(path, tree.LINK, 0o777, os.fsencode(detail))
    return tree.directory(path, int(mode, 8), owner)


def keep(owned: tree.Entry, found: Optional[tree.Observed]) -> Tuple[Optional[tree.Record], bool]:
    """Return what to keep of an entry of ours that is on disk like this, and whether that is everything.

    If something of another kind has replaced it, what we know about the entry itself is kept: a directory or a link,
    but not the content of a file. A large file whose size has changed now belongs to the payload and is not kept.
    """
    if found is None:
        return None, True
    if found.kind != owned.kind:
        return (None if owned.kind == tree.FILE else tree.record(owned)), False
    if found.kind == tree.LINK:
        return (tree.LINK, "0777", os.fsdecode(found.content or b""), "0"), True
    kept = owned._replace(mode=found.mode if found.owned else found.mode & ~SET_ID)
    if found.kind == tree.DIRECTORY:
        return tree.record(kept), True
    if not found.digest:
        return None, False
    size = owned.size if found.content is None else len(found.content)
    return tree.record(kept._replace(digest=found.digest, size=size)), True


def after(
    saved: manifest.Manifest,
    current: manifest.Manifest,
    seen: Iterable[str],
    now: manifest.Moment,
    filtering: Iterable[str] = (),
) -> manifest.Manifest:
    """Return the manifest for the files that are restored.

    `seen` are the paths whose change a running container notices. A stage with such a path gets the change time `now`,
    so that a restart is known to be due, even after a run that was killed. Any other stage keeps its change time.
    `filtering` are those with rules of the packet filter, which a running container has to get.
    """
    paths, rules = set(seen), set(filtering)
    stages: Dict[str, manifest.Stage] = {}
    for name, stage in saved.stages.items():
        own = {*stage.entries, *current.entries(name)}
        mine = paths & own
        last = current.stages.get(name, stage)
        last = last._replace(packets=now) if rules & own else last
        stages[name] = last._replace(
            entries=stage.entries, changed=now if mine else last.changed, earlier={}, asked=stage.asked
        )
    return manifest.Manifest(saved.machine_id, stages, ids_after(saved, current))


def ids_after(saved: manifest.Manifest, current: manifest.Manifest) -> Ids:
    """Return the ids of what is restored, as the successor of the current ids."""
    return saved.ids.after(current.ids) if current.stages else saved.ids


def same_entries(one: manifest.Manifest, other: manifest.Manifest) -> bool:
    """Return whether two manifests list the same entries, no matter when those were changed."""
    kept = [{name: dict(stage.entries) for name, stage in each.stages.items()} for each in (one, other)]
    return kept[0] == kept[1] and one.machine_id == other.machine_id


def ready_of(checks: Sequence[Check]) -> Tuple[Mapping[str, Any], ...]:
    """Return checks in the form that a spec has."""
    kept: List[Mapping[str, Any]] = []
    for check in checks:
        value = list(check.command) if check.command else check.tcp or check.file
        name = "command" if check.command else "tcp" if check.tcp else "file"
        kept.append({name: value, "timeout": check.timeout, "stable": check.stable})
    return tuple(kept)


def specs(index: Index) -> List[Dict[str, Any]]:
    """Return the containers of a checkpoint as specs for the module ready."""
    return [
        {"name": name, "state": STATES[kept.state], "ready": [dict(check) for check in kept.ready]}
        for name, kept in index.containers.items()
        if STATES[kept.state]
    ]


def listing(index: Index) -> str:
    """Return a checkpoint as text for people: one line for each container."""
    return "".join("%s: %s, %d entries\n" % (name, kept.state, kept.entries) for name, kept in index.containers.items())


def render_index(index: Index) -> str:
    """Return the text of an index."""
    containers = {
        name: {"state": kept.state, "entries": kept.entries, "ready": list(kept.ready)}
        for name, kept in index.containers.items()
    }
    data = {"version": VERSION, "id": index.id, "taken": index.taken, "containers": containers}
    return json.dumps(data, indent=1) + "\n"


def parse_index(text: str) -> Index:
    """Return an index from its text. Raises ContainerError if the text is damaged or has another version."""
    data = load(text)
    try:
        containers = {
            str(name): Kept(
                kept_state(kept["state"]), int(kept["entries"]), tuple(dict(check) for check in kept["ready"])
            )
            for name, kept in data["containers"].items()
        }
        return Index(str(data["id"]), str(data["taken"]), containers)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise damaged() from None


def kept_state(state: str) -> str:
    """Return a state that a container can be restored to. Raises KeyError for any other."""
    STATES[state]
    return state


def render_saved(saved: Saved) -> str:
    """Return the text of what is kept of one container."""
    data = {
        "version": VERSION,
        "mode": "%04o" % saved.access.mode,
        "group": saved.access.group,
        "manifest": manifest.render(saved.manifest),
        "drifted": dict(sorted(saved.drifted.items())),
    }
    return json.dumps(data, indent=1) + "\n"


def parse_saved(text: str) -> Saved:
    """Return what is kept of one container, from its text. Raises ContainerError."""
    data = load(text)
    try:
        drifted = {
            str(path): manifest.record_of(*record) if record else None for path, record in data["drifted"].items()
        }
        return Saved(tree.Access(int(data["mode"], 8), int(data["group"])), manifest.parse(data["manifest"]), drifted)
    except (ContainerError, ValueError, KeyError, TypeError, AttributeError):
        raise damaged() from None


def load(text: str) -> Dict[str, Any]:
    """Return the data of a file of a checkpoint. Raises ContainerError."""
    try:
        data = json.loads(text)
        version = data["version"]
    except (ValueError, KeyError, TypeError):
        raise damaged() from None
    if version != VERSION:
        raise ContainerError("the checkpoint has the version %r, not known here; use a newer collection" % (version,))
    return dict(data)


def damaged() -> ContainerError:
    """Return the error for a checkpoint that cannot be used."""
    return ContainerError("the checkpoint is damaged; drop it with state=absent")
