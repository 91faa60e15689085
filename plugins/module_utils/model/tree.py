# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: a wanted file tree as data, and the plan that leads to it from what is there."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import ContainerError

Record = Tuple[str, str, str, str]
# The mark before a line of a config whose value no diff shows, and the parts of the two lines that are shown.
SECRET = "# The next value is secret."
HIDDEN = re.compile("^(%s\n[^=\n]*=[^=\n]*=).*$" % re.escape(SECRET), re.MULTILINE)
DIRECTORY, FILE, LINK, OTHER = "directory", "file", "link", "other"


class Entry(NamedTuple):
    """One wanted entry. `path` is relative to the container's directory, without leading slash.

    A file has `content`, or `source`, a path on the target whose content it copies; `digest` is the
    SHA-256 of either and `size` its length in bytes. A link has `content`, its target.
    """

    path: str
    kind: str
    mode: int = 0o777
    content: bytes = b""
    source: Optional[str] = None
    digest: str = ""
    size: int = 0


class Observed(NamedTuple):
    """One entry as it is on disk. `single`: no other name shares it; `owned`: it belongs to root, of the container where that
    is another.

    A file has its `digest` where it is not larger than expected, and its `content` where it is small. A link
    has its target as `content`. A directory has the number of its `children` where that was asked for.
    """

    kind: str
    mode: int = 0o777
    digest: str = ""
    content: Optional[bytes] = None
    single: bool = True
    owned: bool = True
    children: int = -1


class Action(NamedTuple):
    """One step of a plan. Verbs: create, replace, adjust (mode and owner), remove."""

    verb: str
    path: str
    entry: Optional[Entry] = None
    before: Optional[Observed] = None

    def wanted(self) -> Entry:
        """The entry that any step but a removal leads to."""
        if self.entry is None:
            raise ValueError("%s %s has no entry" % (self.verb, self.path))
        return self.entry

    def found(self) -> Observed:
        """What any step but a creation begins with."""
        if self.before is None:
            raise ValueError("%s %s has nothing before" % (self.verb, self.path))
        return self.before


class Access(NamedTuple):
    """Who may pass a container's directory: its mode, and its group as the target counts. Its owner is root."""

    mode: int
    group: int = 0

    def words(self) -> str:
        """For people."""
        return "%04o%s" % (self.mode, " and group %d" % self.group if self.group else "")


class Shared(Dict[str, Any]):
    """A dictionary that many containers have in common, not to be changed: what is made of it once can be kept."""

    __hash__ = object.__hash__  # type: ignore[assignment]


Wanted = Mapping[str, Entry]
Present = Mapping[str, Observed]


def directory(path: str, mode: int = 0o755) -> Entry:
    """A wanted directory."""
    return Entry(path, DIRECTORY, mode)


def file(path: str, mode: int, content: str) -> Entry:
    """A wanted file with this content; bytes of the target that are no UTF-8 come back as they were."""
    data = content.encode("utf-8", "surrogateescape")
    return Entry(path, FILE, mode, data, None, hashlib.sha256(data).hexdigest(), len(data))


def copied(path: str, mode: int, source: str, digest: str, size: int) -> Entry:
    """A wanted file with the content of a file of the target."""
    return Entry(path, FILE, mode, b"", source, digest, size)


def link(path: str, target: str) -> Entry:
    """A wanted symbolic link."""
    return Entry(path, LINK, 0o777, target.encode())


@functools.lru_cache(maxsize=1024)
def record(entry: Entry) -> Record:
    """What a manifest keeps of an entry: kind, mode in octal, digest or link target, size in bytes.

    Kept for the next call, as `recorded` is: a hundred containers have the same links.
    """
    detail = entry.content.decode() if entry.kind == LINK else entry.digest
    return entry.kind, "%04o" % entry.mode, detail, str(entry.size)


def records(wanted: Wanted) -> Dict[str, Record]:
    """What a manifest keeps of a tree."""
    return {path: record(entry) for path, entry in wanted.items()}


@functools.lru_cache(maxsize=1024)
def entry_of_record(path: str, kept: Record) -> Entry:
    """An entry as a manifest keeps it: enough to tell whether it is still on disk as it was made."""
    kind, mode, detail, size = kept
    if kind == LINK:
        return link(path, detail)
    return Entry(path, kind, int(mode, 8), b"", None, detail, int(size))


def parents(path: str) -> Iterator[str]:
    """The directories above a relative path, outermost first."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[: length + 1]) for length in range(len(parts)))


def plan(wanted: Wanted, present: Present, owned: Wanted) -> Tuple[Action, ...]:
    """The steps from `present` to `wanted`: what we own and no longer want goes first, then parents first.

    `present` holds what is on disk at the wanted and at the owned paths; a path that is missing there is
    missing on disk. Raises ContainerError where something that is not ours is in the way.
    """
    actions = removals(wanted, present, owned)
    for path, entry in wanted.items():
        before = present.get(path)
        verb = step(entry, before, path in owned)
        if verb:
            require_room(entry, before, actions)
            actions.append(Action(verb, path, entry, before))
    return tuple(actions)


def require_room(entry: Entry, before: Optional[Observed], actions: Sequence[Action]) -> None:
    """Raise ContainerError where a directory is in the way that is not empty, but for what we remove from it."""
    if before is None or before.kind != DIRECTORY or entry.kind == DIRECTORY:
        return
    if before.children > sum(action.path.rpartition("/")[0] == entry.path for action in actions):
        raise ContainerError(
            "%s: a directory that is not empty lies where a %s is wanted; empty or rename it" % (entry.path, entry.kind)
        )


def removals(wanted: Wanted, present: Present, owned: Wanted) -> List[Action]:
    """Stale entries that are still as we made them, children first. What the payload made of them stays."""
    actions: List[Action] = []
    gone: Dict[str, int] = {}
    for path in sorted(set(owned) - set(wanted), reverse=True):
        before = present.get(path)
        if before is None or before.kind != owned[path].kind or not same(owned[path], before):
            continue
        if before.kind == DIRECTORY and before.children != gone.get(path, 0):
            continue
        actions.append(Action("remove", path, None, before))
        parent = path.rpartition("/")[0]
        gone[parent] = gone.get(parent, 0) + 1
    return actions


def step(entry: Entry, before: Optional[Observed], ours: bool) -> Optional[str]:
    """The verb that makes one entry right, or None where it is right."""
    if before is None:
        return "create"
    if before.kind == entry.kind and same(entry, before):
        right = entry.kind == LINK or (before.mode == entry.mode and before.owned)
        return None if right else "adjust"
    blocking = {
        # A payload's directory is never taken away, and neither is its file for the sake of a link or directory.
        (DIRECTORY, FILE): "a directory lies where a file is wanted",
        (DIRECTORY, LINK): "a directory lies where a link is wanted",
        (FILE, DIRECTORY): "a file lies where a directory is wanted",
        (FILE, LINK): "a file lies where a link is wanted",
    }.get((before.kind, entry.kind))
    if blocking and not ours:
        raise ContainerError(
            "%s: %s, and this collection did not make it; remove or rename it" % (entry.path, blocking)
        )
    return "replace"


def same(entry: Entry, before: Observed) -> bool:
    """Whether content and identity are right. A file with a second name is not ours to change in place."""
    if entry.kind == FILE:
        return before.digest == entry.digest and before.single
    return entry.kind == DIRECTORY or before.content == entry.content


def describe(actions: Tuple[Action, ...]) -> List[str]:
    """What a plan does, for people: one line a step, many links of one directory in one line."""
    lines: List[str] = []
    links: Dict[Tuple[str, str], List[str]] = {}
    for action in actions:
        where = action.path.rpartition("/")
        kind = action.entry.kind if action.entry else action.before.kind if action.before else OTHER
        if kind == LINK:
            links.setdefault((action.verb, where[0]), []).append(where[2])
        else:
            detail = " to %04o" % action.entry.mode if action.verb == "adjust" and action.entry else ""
            lines.append("%s %s %s%s" % (action.verb, kind, action.path, detail))
    for (verb, parent), names in links.items():
        shown = ", ".join(names) if len(names) <= 5 else "%d links" % len(names)
        lines.append("%s in %s: %s" % (verb, parent, shown))
    return lines


def listing(actions: Tuple[Action, ...]) -> Tuple[str, str]:
    """The entries that a plan touches, as they are and as they will be, one line each."""
    before = "".join(line(action.path, action.before) for action in actions if action.before)
    after = "".join(line(action.path, made(action.entry)) for action in actions if action.entry)
    return before, after


def made(entry: Entry) -> Observed:
    """An entry as it is on disk when it has been made."""
    return Observed(entry.kind, entry.mode, entry.digest, entry.content)


def line(path: str, observed: Observed) -> str:
    """One entry in the form of a listing."""
    if observed.kind == LINK:
        # A target may have line breaks, which must not look like further entries.
        return "link %s -> %s\n" % (path, printable(observed.content or b"").replace("\n", "\\n"))
    # A digest would give away a weak secret to whoever tries all.
    digest = "********" if SECRET.encode() in (observed.content or b"") else observed.digest[:16]
    extra = " sha256:" + digest if observed.kind == FILE else ""
    notes = "" if observed.owned else " (not owned by root)"
    notes += "" if observed.single else " (has other names)"
    return "%s %04o %s%s%s\n" % (observed.kind, observed.mode, path, extra, notes)


def printable(content: bytes) -> str:
    """Text of untrusted content for a diff: what is not plain text is escaped."""
    text = content.decode("utf-8", "backslashreplace")
    return "".join(letter if letter in "\n\t" or letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def diffs(name: str, actions: Tuple[Action, ...]) -> List[Dict[str, str]]:
    """Ansible's diff of a plan: the listing, then the text of each file whose content changes."""
    if not actions:
        return []
    before, after = listing(actions)
    found = [{"before_header": name, "after_header": name, "before": before, "after": after}]
    for action in actions:
        if action.entry and action.entry.kind == FILE and action.entry.source is None and action.verb != "adjust":
            header = "%s/%s" % (name, action.path)
            old = action.before.content if action.before and action.before.kind == FILE else None
            texts = [printable(old or b""), printable(action.entry.content)]
            shown = [HIDDEN.sub(r"\1********", text) for text in texts]
            if texts[0] != texts[1] and shown[0] == shown[1]:
                shown[1] += "# A secret value has changed.\n"
            found.append({"before": shown[0], "after": shown[1], "before_header": header, "after_header": header})
    return found
