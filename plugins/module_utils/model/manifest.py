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
from .networks import Allotted, number_of
from .tree import Record, Shared, owner_of_record

# Version 1 had no ids, because containers used the ids of the target. Version 3 has entries of other owners than root. A
# manifest without them stays as it is.
VERSION, WITH_OWNERS, VERSIONS = 2, 3, (1, 2, 3)
FILE_NAME = "manifest"
SIZE_MAX = 16 * 1024 * 1024
# The entries of a stage, which have a line of their own.
ENTRIES = re.compile('"entries":\n(.*)\n')


class Moment(NamedTuple):
    """A point in time that setting the clock does not move: the boot, and the seconds since then."""

    boot: str
    seconds: float


class Stage(NamedTuple):
    """What one stage made.

    - `entries`: what it made, by path.
    - `changed`: when it last changed something that a running container sees.
    - `earlier`: what else may be at a path while a change is in progress, because it was there before.
    - `asked`: a digest of the stage's part of the spec at that time; empty if it is not known.
    - `reload`: when it last changed something that the container's command reads again at a signal, which it has not
      got yet.
    - `packets`: when it last changed rules of the packet filter, which a running container has not got yet.
    """

    entries: Mapping[str, Record] = {}
    changed: Optional[Moment] = None
    earlier: Mapping[str, Tuple[Record, ...]] = {}
    asked: str = ""
    reload: Optional[Moment] = None
    packets: Optional[Moment] = None


class Manifest(NamedTuple):
    """`machine_id`, the stages by name, the ids, and what `ipv4: auto` gave to interfaces, by their names in the container.

    An empty one stands for a container that does not exist yet.
    """

    machine_id: str = ""
    stages: Mapping[str, Stage] = {}
    ids: Ids = Ids()
    addresses: Mapping[str, Allotted] = {}

    def entries(self, stage: str) -> Mapping[str, Record]:
        """Return the entries that a stage made, by path."""
        return self.stages[stage].entries if stage in self.stages else {}

    def changed(self) -> Tuple[Moment, ...]:
        """Return when each stage last changed something that a running container sees."""
        return tuple(stage.changed for stage in self.stages.values() if stage.changed)

    def to_reload(self) -> Tuple[Moment, ...]:
        """Return when each stage last changed something about which the command has not got its signal yet."""
        return tuple(stage.reload for stage in self.stages.values() if stage.reload)

    def reloaded(self) -> Manifest:
        """Return the manifest once the command has got its signal."""
        return self._replace(stages={name: stage._replace(reload=None) for name, stage in self.stages.items()})

    def to_filter(self) -> Tuple[Moment, ...]:
        """Return when each stage last changed rules of the packet filter that a running container has not got yet."""
        return tuple(stage.packets for stage in self.stages.values() if stage.packets)

    def filtered(self) -> Manifest:
        """Return the manifest once the running container has got the rules of its packet filter."""
        return self._replace(stages={name: stage._replace(packets=None) for name, stage in self.stages.items()})

    def without_entries(self) -> Manifest:
        """Return the manifest without entries, which take most room. It still has the stages and their times."""
        return self._replace(
            stages={name: stage._replace(entries={}, earlier={}) for name, stage in self.stages.items()}
        )

    def with_stage(self, name: str, stage: Stage) -> Manifest:
        """Return the manifest with one stage replaced."""
        return self._replace(stages={**self.stages, name: stage})


def parse(text: str) -> Manifest:
    """Return a manifest from its text. Raise ContainerError if it is damaged or from a newer version."""
    try:
        shared: List[Mapping[str, Record]] = []
        data = json.loads(ENTRIES.sub(lambda match: keep(match, shared), text))
        if data["version"] not in VERSIONS:
            raise ContainerError("manifest: version %r is not known here; use a newer collection" % (data["version"],))
        stages = {
            name: Stage(
                shared[stage["entries"]] if isinstance(stage["entries"], int) else records(stage["entries"]),
                moment_of(stage["changed"]),
                {path: tuple(record_of(*each) for each in kept) for path, kept in stage.get("earlier", {}).items()},
                str(stage.get("asked", "")),
                moment_of(stage.get("reload")),
                moment_of(stage.get("packets")),
            )
            for name, stage in data["stages"].items()
        }
        addresses = {str(name): allotted_of(*each) for name, each in data.get("addresses", {}).items()}
        return Manifest(str(data["machine_id"]), stages, ids_of(data.get("ids")), addresses)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise ContainerError("manifest: the file is damaged; put back a copy or remove the container by hand") from None


def moment_of(data: Any) -> Optional[Moment]:
    """Return a moment, or None if there is none. Raise ValueError, TypeError, KeyError or IndexError if it is damaged."""
    return Moment(str(data[0]), float(data[1])) if data else None


def ids_of(data: Optional[Mapping[str, Any]]) -> Ids:
    """Return the ids; an old manifest has none. Raise ValueError, KeyError or TypeError if they are damaged."""
    if data is None:
        return Ids()
    lines, *before = (tuple(map(str, each)) for each in (data["lines"], *data["before"]))
    ranges(lines + sum(before, ()))
    return Ids(lines, bool(data["shifted"]), bool(data["allotted"]), tuple(before))


def allotted_of(link: str, address: str, gateway: str) -> Allotted:
    """Return what an interface was given. Raise ValueError, TypeError or AttributeError if it is damaged."""
    number_of(address.partition("/")[0]), number_of(gateway)
    return Allotted(str(link), address, gateway)


def keep(match: Match[str], shared: List[Mapping[str, Record]]) -> str:
    """Parse the entries of one line, add them to `shared`, and return their number as text to replace them."""
    shared.append(entries_of(match.group(1)))
    return '"entries":%d' % (len(shared) - 1)


@functools.lru_cache(maxsize=32)
def entries_of(text: str) -> Mapping[str, Record]:
    """Return the entries of one stage. Many containers with the same entries share one copy."""
    return Shared(records(json.loads(text)))


def records(entries: Mapping[str, Any]) -> Mapping[str, Record]:
    """Return the records of entries, by path. Raise ValueError, TypeError or AttributeError if they are damaged."""
    return {path: record_of(*record) for path, record in entries.items()}


@functools.lru_cache(maxsize=1024)
def record_of(kind: str, mode: str, detail: str, size: str, *owner: str) -> Record:
    """Return the record of one entry. It is cached, because many containers have the same applets.

    Raise ValueError or TypeError if it is damaged.
    """
    found = (str(kind), "%04o" % int(mode, 8), str(detail), str(int(size)), *owner)
    if owner and found[4:] != ("%d:%d" % owner_of_record(found),):
        raise ValueError(owner)
    return found


def render(manifest: Manifest) -> str:
    """Return a manifest as JSON, with the entries of each stage on one line. Equal manifests give equal texts."""
    stages = ",".join(
        '%s:{%s"changed":%s,%s"entries":\n%s\n%s%s}'
        % (
            dump(name),
            '"asked":%s,' % dump(stage.asked) if stage.asked else "",
            dump(moment(stage.changed)),
            '"earlier":%s,' % dump(stage.earlier) if stage.earlier else "",
            text_of(stage.entries),
            ',"packets":%s' % dump(moment(stage.packets)) if stage.packets else "",
            ',"reload":%s' % dump(moment(stage.reload)) if stage.reload else "",
        )
        for name, stage in sorted(manifest.stages.items())
    )
    ids, machine_id = dump(manifest.ids._asdict()), dump(manifest.machine_id)
    version = WITH_OWNERS if any(map(has_owners, manifest.stages.values())) else VERSION
    # A container without any keeps the text that it had before there was this key.
    addresses = '"addresses":%s,' % dump(manifest.addresses) if manifest.addresses else ""
    return '{%s"ids":%s,"machine_id":%s,"stages":{%s},"version":%d}\n' % (addresses, ids, machine_id, stages, version)


def has_owners(stage: Stage) -> bool:
    """Return whether an entry of a stage does not belong to root."""
    shared = isinstance(stage.entries, Shared)
    found = shared_has_owners(stage.entries) if shared else any(len(each) > 4 for each in stage.entries.values())
    return found or any(len(each) > 4 for kept in stage.earlier.values() for each in kept)


@functools.lru_cache(maxsize=32)
def shared_has_owners(entries: Shared) -> bool:
    """Return the same for entries that many containers share, from a cache."""
    return any(len(each) > 4 for each in entries.values())


def text_of(entries: Mapping[str, Record]) -> str:
    """Return the entries of a stage as one line."""
    return shared_text(entries) if isinstance(entries, Shared) else dump(entries)


@functools.lru_cache(maxsize=32)
def shared_text(entries: Shared) -> str:
    """Return the same for entries that many containers share, from a cache."""
    return dump(entries)


def moment(when: Optional[Moment]) -> Optional[Tuple[str, float]]:
    """Return a moment in the form for JSON."""
    return (when.boot, round(when.seconds, 2)) if when else None


def dump(value: Any) -> str:
    """Return JSON without blanks and line breaks, sorted by key."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
