# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the manifest, the record of what this collection made for one container."""

from __future__ import annotations

import functools
import json
import re
from typing import Any, List, Mapping, Match, NamedTuple, Optional, Tuple

from ..errors import ContainerError
from .id_map import Ids, ranges
from .tree import Record, Shared

# Version 1 had no ids, since containers had the target's own.
VERSION, VERSIONS = 2, (1, 2)
FILE_NAME = "manifest"
SIZE_MAX = 16 * 1024 * 1024
# The entries of a stage, on a line of their own.
ENTRIES = re.compile('"entries":\n(.*)\n')


class Moment(NamedTuple):
    """A point in time that a change of the clock cannot move: the boot, and seconds since then."""

    boot: str
    seconds: float


class Stage(NamedTuple):
    """What one stage made: its entries, and when it last changed what a running container sees.

    `earlier`: what else may be at a path while a change is under way, since it was there before. `asked`: a digest of what
    the spec asked for then; empty where it is not known.
    """

    entries: Mapping[str, Record] = {}
    changed: Optional[Moment] = None
    earlier: Mapping[str, Tuple[Record, ...]] = {}
    asked: str = ""


class Manifest(NamedTuple):
    """`machine_id`, the stages by name, and the ids. An empty one stands for a container that is not there yet."""

    machine_id: str = ""
    stages: Mapping[str, Stage] = {}
    ids: Ids = Ids()

    def entries(self, stage: str) -> Mapping[str, Record]:
        """The entries that a stage made, by path."""
        return self.stages[stage].entries if stage in self.stages else {}

    def changed(self) -> Tuple[Moment, ...]:
        """When each stage last changed something that a running container sees."""
        return tuple(stage.changed for stage in self.stages.values() if stage.changed)

    def without_entries(self) -> Manifest:
        """The same without what takes room: what has been made, and when."""
        return self._replace(
            stages={name: stage._replace(entries={}, earlier={}) for name, stage in self.stages.items()}
        )

    def with_stage(self, name: str, stage: Stage) -> Manifest:
        """The same manifest with one stage replaced."""
        return self._replace(stages={**self.stages, name: stage})


def parse(text: str) -> Manifest:
    """A manifest from its text. Raises ContainerError where it is damaged or from a newer version."""
    try:
        shared: List[Mapping[str, Record]] = []
        data = json.loads(ENTRIES.sub(lambda match: keep(match, shared), text))
        if data["version"] not in VERSIONS:
            raise ContainerError("manifest: version %r is not known here; use a newer collection" % (data["version"],))
        stages = {
            name: Stage(
                shared[stage["entries"]] if isinstance(stage["entries"], int) else records(stage["entries"]),
                Moment(str(stage["changed"][0]), float(stage["changed"][1])) if stage["changed"] else None,
                {path: tuple(record_of(*each) for each in kept) for path, kept in stage.get("earlier", {}).items()},
                str(stage.get("asked", "")),
            )
            for name, stage in data["stages"].items()
        }
        return Manifest(str(data["machine_id"]), stages, ids_of(data.get("ids")))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ContainerError("manifest: the file is damaged; put back a copy or remove the container by hand") from None


def ids_of(data: Optional[Mapping[str, Any]]) -> Ids:
    """The ids, which an old manifest has none of. Raises an error where they are damaged."""
    if data is None:
        return Ids()
    lines, *before = (tuple(map(str, each)) for each in (data["lines"], *data["before"]))
    ranges(lines + sum(before, ()))
    return Ids(lines, bool(data["shifted"]), bool(data["allotted"]), tuple(before))


def keep(match: Match[str], shared: List[Mapping[str, Record]]) -> str:
    """Parse the entries on a line of their own; in their place comes their number."""
    shared.append(entries_of(match.group(1)))
    return '"entries":%d' % (len(shared) - 1)


@functools.lru_cache(maxsize=32)
def entries_of(text: str) -> Mapping[str, Record]:
    """The entries of one stage: a hundred containers with the same share them."""
    return Shared(records(json.loads(text)))


def records(entries: Mapping[str, Any]) -> Mapping[str, Record]:
    """The records of entries by path. Raises an error where they are damaged."""
    return {path: record_of(*record) for path, record in entries.items()}


@functools.lru_cache(maxsize=1024)
def record_of(kind: str, mode: str, detail: str, size: str) -> Record:
    """One entry's record. The same for the same applet of a hundred containers, so it is kept once.

    Raises ValueError or TypeError where it is damaged.
    """
    return str(kind), "%04o" % int(mode, 8), str(detail), str(int(size))


def render(manifest: Manifest) -> str:
    """The text of a manifest, the same for the same manifest: JSON, with the entries of a stage on one line."""
    stages = ",".join(
        '%s:{%s"changed":%s,%s"entries":\n%s\n}'
        % (
            dump(name),
            '"asked":%s,' % dump(stage.asked) if stage.asked else "",
            dump(moment(stage)),
            '"earlier":%s,' % dump(stage.earlier) if stage.earlier else "",
            text_of(stage.entries),
        )
        for name, stage in sorted(manifest.stages.items())
    )
    ids, machine_id = dump(manifest.ids._asdict()), dump(manifest.machine_id)
    return '{"ids":%s,"machine_id":%s,"stages":{%s},"version":%d}\n' % (ids, machine_id, stages, VERSION)


def text_of(entries: Mapping[str, Record]) -> str:
    """The entries of a stage on one line."""
    return shared_text(entries) if isinstance(entries, Shared) else dump(entries)


@functools.lru_cache(maxsize=32)
def shared_text(entries: Shared) -> str:
    """The same, of entries that many containers have."""
    return dump(entries)


def moment(stage: Stage) -> Optional[Tuple[str, float]]:
    """When a stage last changed something, as it is written."""
    return (stage.changed.boot, round(stage.changed.seconds, 2)) if stage.changed else None


def dump(value: Any) -> str:
    """JSON without blanks and line breaks."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
