# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what capabilities consist of, as frozen values. Each remembers the place in a manifest that it comes from."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple, Union

OUTGOING, INCOMING = "outgoing", "incoming"
SET, APPEND, PREPEND = "set", "append", "prepend"


class Origin(NamedTuple):
    """A place in a manifest: its capability, its file, and the path in it."""

    capability: str
    file: str
    where: str

    def words(self) -> str:
        """Return the place as errors name it."""
        return "%s: %s" % (self.file, self.where)


class Variable(NamedTuple):
    """One step that leads to the value of an environment variable."""

    origin: Origin
    name: str
    value: str
    mode: str = SET
    separator: str = ""


class Mount(NamedTuple):
    """A file or directory of the target that the container sees."""

    origin: Origin
    source: str
    target: str
    read_only: bool = True
    optional: bool = False
    create: Optional[str] = None


class Device(NamedTuple):
    """A device of the target; `mode` None: as the target makes it."""

    origin: Origin
    source: str
    target: str
    mode: Optional[int] = None
    access: str = "rw"


class Limit(NamedTuple):
    """A limit, by its name in the spec's `limits`."""

    origin: Origin
    key: str
    value: Union[int, float]


class Setting(NamedTuple):
    """Any other setting of a cgroup, by its key in LXC's config."""

    origin: Origin
    key: str
    value: str


class Chain(NamedTuple):
    """Says that a capability speaks of the network in a direction, which does not open anything yet."""

    origin: Origin
    direction: str


class Rule(NamedTuple):
    """Packets that may pass.

    - `peers`: networks of the other side; empty for any.
    - `protocols`: empty for all. `ports`: ranges, both ends included; empty for all.
    - `of_peer`: whether what comes in is told by the port that it comes from, as in the original.
    """

    origin: Origin
    direction: str
    peers: Tuple[str, ...] = ()
    protocols: Tuple[str, ...] = ()
    ports: Tuple[Tuple[int, int], ...] = ()
    of_peer: bool = False


class Unsupported(NamedTuple):
    """A gateway that this collection does not have."""

    origin: Origin
    gateway: str


class Note(NamedTuple):
    """Where the meaning of a manifest differs from what the original would do, in a sentence."""

    origin: Origin
    text: str

    def words(self) -> str:
        """Return the note with its place."""
        return "%s: %s" % (self.origin.words(), self.text)


Item = Union[Variable, Mount, Device, Limit, Setting, Chain, Rule, Unsupported, Note]


class Capability(NamedTuple):
    """All that manifests say of one capability, in their order.

    `problems`: why it cannot be given to a container, in sentences.
    """

    name: str
    files: Tuple[str, ...]
    items: Tuple[Item, ...] = ()
    problems: Tuple[str, ...] = ()
