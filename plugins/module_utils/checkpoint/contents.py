# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a checkpoint keeps of the containers of one lxc path, and what it takes to bring a container back.

A manifest says what this collection wrote. What is on disk may have drifted since then, and it is what was there
that comes back: so a checkpoint keeps the manifest, and beside it the entries that were no longer as it says.
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
# The states that a container can be brought back to, as LXC names them and as a spec does. Without a config there is
# nothing to run.
STATES: Mapping[str, str] = {"RUNNING": "started", "STOPPED": "stopped", "FROZEN": "frozen", "INCOMPLETE": ""}
# Modes that would give a file's content the rights of its owner, who becomes root.
SET_ID = 0o6000


class Kept(NamedTuple):
    """One container in the index: its state, how many entries are kept, and the `ready` of its spec."""

    state: str
    entries: int
    ready: Tuple[Mapping[str, Any], ...] = ()


class Index(NamedTuple):
    """A checkpoint: the label of who took it, when, and its containers by name."""

    id: str
    taken: str
    containers: Mapping[str, Kept] = {}


class Saved(NamedTuple):
    """What is kept of one container: who may pass its directory, its manifest, and what had drifted from that.

    An entry that was missing, or that cannot be kept, has drifted to None.
    """

    access: tree.Access
    manifest: manifest.Manifest
    drifted: Mapping[str, Optional[tree.Record]] = {}

    def wanted(self, objects: str) -> Dict[str, tree.Entry]:
        """The entries to bring back; `objects` is the directory that has the contents of files.

        Parents come first, and the config last: where it is, the rootfs is complete.
        """
        records: Dict[str, Optional[tree.Record]] = dict(owned_by(self.manifest))
        records.update(self.drifted)
        kept = sorted(records.items(), key=lambda item: (not item[0].startswith("rootfs"), item[0]))
        return {path: entry_of(path, record, objects) for path, record in kept if record}


def owned_by(record: manifest.Manifest) -> Dict[str, tree.Record]:
    """All entries of a manifest, whatever stage made them."""
    return {path: kept for stage in record.stages.values() for path, kept in stage.entries.items()}


def entry_of(path: str, record: tree.Record, objects: str) -> tree.Entry:
    """A wanted entry from what is kept of it."""
    kind, mode, detail, size = record
    if kind == tree.FILE:
        return tree.copied(path, int(mode, 8), os.path.join(objects, detail), detail, int(size))
    if kind == tree.LINK:
        return tree.Entry(path, tree.LINK, 0o777, os.fsencode(detail))
    return tree.directory(path, int(mode, 8))


def keep(owned: tree.Entry, found: Optional[tree.Observed]) -> Tuple[Optional[tree.Record], bool]:
    """What to keep of an entry of ours that is on disk like this, and whether that is all there is to keep.

    Where something of another kind has taken its place, what we know of the entry itself is kept: a directory, a
    link, but not the content of a file. A large file that has changed its size is the payload's by now.
    """
    if found is None:
        return None, True
    if found.kind != owned.kind:
        return (None if owned.kind == tree.FILE else tree.record(owned)), False
    if found.kind == tree.LINK:
        return (tree.LINK, "0777", os.fsdecode(found.content or b""), "0"), True
    mode = "%04o" % (found.mode if found.owned else found.mode & ~SET_ID)
    if found.kind == tree.DIRECTORY:
        return (tree.DIRECTORY, mode, "", "0"), True
    if not found.digest:
        return None, False
    size = owned.size if found.content is None else len(found.content)
    return (tree.FILE, mode, found.digest, str(size)), True


def after(
    saved: manifest.Manifest, current: manifest.Manifest, seen: Iterable[str], now: manifest.Moment
) -> manifest.Manifest:
    """The manifest that belongs to what is brought back.

    `seen` are the paths that change for a container that runs. A stage that has one changes now, so that the
    container is known to be due for a restart, also after a run that was killed. Any other stage keeps the moment
    that it has.
    """
    paths = set(seen)
    stages: Dict[str, manifest.Stage] = {}
    for name, stage in saved.stages.items():
        mine = paths & {*stage.entries, *current.entries(name)}
        last = current.stages[name].changed if name in current.stages else stage.changed
        stages[name] = manifest.Stage(stage.entries, now if mine else last, asked=stage.asked)
    return manifest.Manifest(saved.machine_id, stages, ids_after(saved, current))


def ids_after(saved: manifest.Manifest, current: manifest.Manifest) -> Ids:
    """The ids of what is brought back, in the place of what is there now."""
    return saved.ids.after(current.ids) if current.stages else saved.ids


def same_entries(one: manifest.Manifest, other: manifest.Manifest) -> bool:
    """Whether two manifests name the same things, whenever those were changed."""
    kept = [{name: dict(stage.entries) for name, stage in each.stages.items()} for each in (one, other)]
    return kept[0] == kept[1] and one.machine_id == other.machine_id


def ready_of(checks: Sequence[Check]) -> Tuple[Mapping[str, Any], ...]:
    """Checks as a spec has them."""
    kept: List[Mapping[str, Any]] = []
    for check in checks:
        value = list(check.command) if check.command else check.tcp or check.file
        name = "command" if check.command else "tcp" if check.tcp else "file"
        kept.append({name: value, "timeout": check.timeout, "stable": check.stable})
    return tuple(kept)


def specs(index: Index) -> List[Dict[str, Any]]:
    """The containers of a checkpoint as specs that the module ready takes."""
    return [
        {"name": name, "state": STATES[kept.state], "ready": [dict(check) for check in kept.ready]}
        for name, kept in index.containers.items()
        if STATES[kept.state]
    ]


def listing(index: Index) -> str:
    """A checkpoint for people: one line for each container."""
    return "".join("%s: %s, %d entries\n" % (name, kept.state, kept.entries) for name, kept in index.containers.items())


def render_index(index: Index) -> str:
    """The text of an index."""
    containers = {
        name: {"state": kept.state, "entries": kept.entries, "ready": list(kept.ready)}
        for name, kept in index.containers.items()
    }
    data = {"version": VERSION, "id": index.id, "taken": index.taken, "containers": containers}
    return json.dumps(data, indent=1) + "\n"


def parse_index(text: str) -> Index:
    """An index from its text. Raises ContainerError where it is damaged or from a newer version."""
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
    """A state that a container can be brought back to. Raises KeyError."""
    STATES[state]
    return state


def render_saved(saved: Saved) -> str:
    """The text of what is kept of one container."""
    data = {
        "version": VERSION,
        "mode": "%04o" % saved.access.mode,
        "group": saved.access.group,
        "manifest": manifest.render(saved.manifest),
        "drifted": dict(sorted(saved.drifted.items())),
    }
    return json.dumps(data, indent=1) + "\n"


def parse_saved(text: str) -> Saved:
    """What is kept of one container, from its text. Raises ContainerError."""
    data = load(text)
    try:
        drifted = {
            str(path): manifest.record_of(*record) if record else None for path, record in data["drifted"].items()
        }
        return Saved(tree.Access(int(data["mode"], 8), int(data["group"])), manifest.parse(data["manifest"]), drifted)
    except (ContainerError, ValueError, KeyError, TypeError, AttributeError):
        raise damaged() from None


def load(text: str) -> Dict[str, Any]:
    """The data of a file of a checkpoint."""
    try:
        data = json.loads(text)
        version = data["version"]
    except (ValueError, KeyError, TypeError):
        raise damaged() from None
    if version != VERSION:
        raise ContainerError("the checkpoint has the version %r, not known here; use a newer collection" % (version,))
    return dict(data)


def damaged() -> ContainerError:
    """The error for a checkpoint that cannot be used."""
    return ContainerError("the checkpoint is damaged; drop it with state=absent")
