# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the text of /proc/PID/mountinfo, see proc(5)."""

from __future__ import annotations

import re
from typing import List, NamedTuple, Tuple

# Blanks, line breaks and backslashes are written like this.
ESCAPED = re.compile(r"\\([0-7]{3})")


class MountPoint(NamedTuple):
    """One mount.

    `number` and `parent` are ids of mounts; `root` is the path in its file system that is mounted; `tags` say with which
    mounts it shares mount events.
    """

    number: str
    parent: str
    root: str
    point: str
    options: str
    tags: Tuple[str, ...]
    kind: str
    file_system_options: str


def mounts_in(text: str) -> List[MountPoint]:
    """Return the mounts in their order."""
    # str.splitlines would also split at characters that a container may put into a name.
    return [mount_of(line) for line in text.split("\n") if line]


def mount_of(line: str) -> MountPoint:
    """Return the mount that one line describes."""
    fields, _dash, rest = line.partition(" - ")
    number, parent, _device, root, point, options, *tags = fields.split(" ")
    kind, _source, file_system_options = rest.split(" ", 2)
    return MountPoint(
        number, parent, decoded(root), decoded(point), options, tuple(tags), decoded(kind), file_system_options
    )


def decoded(field: str) -> str:
    """Return a field of mountinfo or fstab(5) with its escapes decoded."""
    return ESCAPED.sub(lambda match: chr(int(match.group(1), 8)), field)
