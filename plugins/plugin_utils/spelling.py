# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds numbers that YAML reads differently than they are written (pure, except for the function that reads files).

YAML 1.1 reads 022 as 18, 22:30 as 1350 and 1.10 as 1.1. The number alone does not show this. But Ansible remembers in
which file, line and column a value was written, so its text can be read there. If Ansible does not know the place, or
if the text there does not read as that very number, nothing is found.
"""

from __future__ import annotations

import functools
import re
from datetime import datetime
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from ansible.module_utils.common.yaml import yaml_load

from ..module_utils.container_spec import parse

try:
    from ansible._internal._datatag._tags import Origin
except ImportError:  # It is internal to Ansible and may move.
    Origin = None

# The keys of a spec that take numbers: 64_000_000 is as good there as 64000000.
NUMBERS = frozenset(
    {
        "tty",
        "pty",
        "directories.owner",
        "directories.group",
        "files.owner",
        "files.group",
        "limits.memory",
        "limits.memory_swap",
        "limits.cpu_shares",
        "limits.cpus",
        "limits.pids",
        "restart.delay",
        "restart.limit",
        "network.mtu",
        "ports.target",
        "ports.container",
        "autostart.order",
        "autostart.delay",
        "ready.tcp",
        "ready.timeout",
        "ready.stable",
    }
)
# A scalar without quotes: perhaps an anchor or a tag, then everything up to what ends it in a list or a dictionary.
WRITTEN = re.compile(r"(?:[&!]\S*\s+)*([^\s,\]}]+)")

Read = Callable[[str], str]


class Misread(NamedTuple):
    """A value that is written differently. `key`: where it is (dotted); `written`: its text."""

    key: str
    value: Any
    written: str


class Sources:
    """The texts of numbers in the files that they come from. Each file is read once."""

    def __init__(self, read: Read) -> None:
        self.read = read
        self.files: Dict[str, List[str]] = {}

    def written(self, value: Any) -> Optional[str]:
        """Return how a number is written, or None if that is not known."""
        origin = Origin.get_tag(value) if Origin else None
        if not origin or not origin.path or not origin.line_num or not origin.col_num:
            return None
        lines = self.lines(origin.path)
        if not origin.line_num <= len(lines):
            return None
        found = WRITTEN.match(lines[origin.line_num - 1], origin.col_num - 1)
        return found.group(1) if found and reads_as(found.group(1), value) else None

    def lines(self, path: str) -> List[str]:
        """Return the lines of a file; none if it cannot be read."""
        if path not in self.files:
            try:
                self.files[path] = self.read(path).split("\n")
            except Exception:  # Ansible itself has read this file, so any error here is not our business.
                self.files[path] = []
        return self.files[path]


@functools.lru_cache(maxsize=4096, typed=True)
def reads_as(text: str, value: Any) -> bool:
    """Return whether YAML reads a text as this number."""
    try:
        return bool(yaml_load(text) == value)
    except Exception:  # Whatever the error, the text is not this number.
        return False


def misread(value: Any, sources: Sources, where: str = "", key: str = "") -> Iterator[Misread]:
    """Yield the numbers and times in a part of a spec that are written differently.

    `where` is the path of the part; `key` is the same without places in lists.
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            word = ascii(name)[1:-1] if isinstance(name, str) else ascii(name)
            yield from misread(inner, sources, (where + "." + word).strip("."), (key + "." + word).strip("."))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from misread(inner, sources, "%s[%d]" % (where, place), key)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and key not in NUMBERS:
        written = sources.written(value)
        if written is not None and written != str(value):
            yield Misread(where, value, written)
    elif isinstance(value, datetime):
        yield Misread(where, value, "")


def refusals(arguments: Mapping[str, Any], read: Read) -> List[str]:
    """Return a sentence for each number in a module's arguments that is written differently.

    No sentence shows a secret.
    """
    sources = Sources(read)
    found: List[Tuple[str, Misread]] = []
    containers = arguments.get("containers")
    for place, container in enumerate(containers if isinstance(containers, list) else ()):
        found += [(parse.title(place, container) + ": ", each) for each in misread(container, sources)]
    defaults = arguments.get("defaults")
    found += [("defaults: ", each) for each in misread(defaults, sources)]
    found += [("", each) for each in misread(arguments.get("environment"), sources, "environment", "environment")]
    sentences = [sentence(title, each) for title, each in found]
    for each in misread(arguments.get("secrets"), sources, "secrets", "secrets"):
        sentences.append("%s: is not written as YAML reads it; put it in quotes" % each.key)
    return sentences


def sentence(title: str, found: Misread) -> str:
    """Return what to do about a value that is written differently."""
    if not found.written:
        return "%s%s: YAML reads a time there; put what was written in quotes" % (title, found.key)
    texts = ascii(str(found.value)), ascii(found.written), ascii('"%s"' % found.written)
    words = tuple(each[1:-1][:80] for each in texts)
    return "%s%s: YAML reads the number %s where %s is written; put it in quotes: %s" % (title, found.key, *words)
