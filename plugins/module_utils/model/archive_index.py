# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what is in an archive that containers get, and what an archive may not have."""

from __future__ import annotations

import json
from typing import List, NamedTuple, Tuple

from ..container_spec.values import CONTROL, NAME_MAX, PATH_MAX
from ..errors import ContainerError
from .tree import DIRECTORY, FILE

# A container's manifest names each entry, and is read in each run.
ENTRIES_MAX, NAMES_MAX = 20000, 4 * 1024 * 1024
# An archive may unpack to so many bytes, or to so many times its own size.
UNPACKED_MIN, RATIO_MAX = 100 * 1024 * 1024, 200
# Its owner is not kept, so these would give the file's rights to another one.
SET_ID = 0o6000


class Member(NamedTuple):
    """A directory or a file of an archive: its relative path, its mode, and digest and size of the content."""

    path: str
    kind: str
    mode: int
    digest: str = ""
    size: int = 0


Index = Tuple[Member, ...]


class Listing:
    """The members of an archive while it is read. What an archive may not have raises ContainerError."""

    def __init__(self) -> None:
        self.members: List[Member] = []
        self.paths = {""}
        self.names = 0

    def path(self, name: str, mode: int) -> str:
        """Return the path of the next entry, empty for the top itself."""
        path = relative(name)
        if path and path in self.paths:
            raise ContainerError("has %s twice" % shown(path))
        if path and mode & SET_ID:
            raise ContainerError(
                "has %s with a setuid or setgid bit, and owners are not kept; declare it under files" % shown(path)
            )
        self.names += len(path)
        if len(self.paths) > ENTRIES_MAX or self.names > NAMES_MAX:
            raise ContainerError("has more than %d entries, or too long names" % ENTRIES_MAX)
        self.paths.add(path)
        return path

    def index(self) -> Index:
        """Return the index of the whole archive."""
        if not self.members:
            raise ContainerError("has no entries")
        files = {member.path for member in self.members if member.kind == FILE}
        if "" in files:
            raise ContainerError("has a file in place of its top directory")
        for member in self.members:
            above = member.path.split("/")
            if any("/".join(above[:length]) in files for length in range(1, len(above))):
                raise ContainerError("has %s below a file" % shown(member.path))
        return tuple(self.members)


def relative(name: str) -> str:
    """Return the path of an entry without what means nothing. Raise ContainerError if it leads out, or is not text."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts:
        raise ContainerError("has %s, which leads out of it" % shown(name))
    path = "/".join(parts)
    if CONTROL.search(path):
        raise ContainerError("has %s, which is not plain text" % shown(name))
    if len(path.encode()) > PATH_MAX or any(len(part.encode()) > NAME_MAX for part in parts):
        raise ContainerError("has %s, which is too long for a path" % shown(name))
    return path


def shown(name: str) -> str:
    """Return a name from an archive as text for an error."""
    printed = ascii(name)
    return printed if len(printed) <= 80 else printed[:77] + "..."


def unpacked_max(size: int) -> int:
    """Return to how many bytes an archive of this size may unpack."""
    return max(UNPACKED_MIN, RATIO_MAX * size)


def render(index: Index) -> str:
    """Return the text of an index."""
    return json.dumps(index, separators=(",", ":"))


def parse(text: str) -> Index:
    """Return an index from its text. Raise ValueError or TypeError if it is damaged."""
    found = tuple(
        Member(str(path), str(kind), int(mode), str(digest), int(size))
        for path, kind, mode, digest, size in json.loads(text)
    )
    if any(member.kind not in (DIRECTORY, FILE) for member in found):
        raise ValueError(text)
    return found
