# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the desired file tree as data, and the plan that turns the existing tree into it."""

from __future__ import annotations

import functools
import hashlib
import re
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import ContainerError
from .id_map import ROOT, Owner

Record = Tuple[str, ...]
# The mark before a config line whose value must not appear in a diff, and a pattern for the parts of both lines that
# may.
SECRET = "# The next value is secret."
HIDDEN = re.compile("^(%s\n[^=\n]*=[^=\n]*=).*$" % re.escape(SECRET), re.MULTILINE)
DIRECTORY, FILE, LINK, OTHER = "directory", "file", "link", "other"


class Entry(NamedTuple):
    """One desired entry. `path` is relative to the container's directory, without a leading slash.

    - `content`: the content of a file, or the target of a link.
    - `source`: a path on the target whose content the file copies, instead of `content`.
    - `digest`: the SHA-256 of the file's content.
    - `size`: the length of the file in bytes.
    - `owner`: the user and the group as the container counts them. All links belong to root.
    """

    path: str
    kind: str
    mode: int = 0o777
    content: bytes = b""
    source: Optional[str] = None
    digest: str = ""
    size: int = 0
    owner: Owner = ROOT


class Observed(NamedTuple):
    """One entry as it is on disk.

    - `digest`: that of a file, if the file is not larger than expected.
    - `content`: the content of a small file, or the target of a link.
    - `single`: whether the file has no other name (hard link).
    - `owned`: whether it belongs to the user and the group that were expected, as the container counts them.
    - `children`: the number of entries of a directory, -1 if they were not counted.
    - `owner`: its user and group as the container counts them, or None if they are not of the container.
    """

    kind: str
    mode: int = 0o777
    digest: str = ""
    content: Optional[bytes] = None
    single: bool = True
    owned: bool = True
    children: int = -1
    owner: Optional[Owner] = ROOT


class Action(NamedTuple):
    """One step of a plan. Verbs: create, replace, adjust (mode and owner), remove."""

    verb: str
    path: str
    entry: Optional[Entry] = None
    before: Optional[Observed] = None

    def wanted(self) -> Entry:
        """Return the desired entry of a step. Raise ValueError for a removal, which has none."""
        if self.entry is None:
            raise ValueError("%s %s has no entry" % (self.verb, self.path))
        return self.entry

    def found(self) -> Observed:
        """Return the entry that is on disk before a step. Raise ValueError for a creation, which has none."""
        if self.before is None:
            raise ValueError("%s %s has nothing before" % (self.verb, self.path))
        return self.before


class Access(NamedTuple):
    """Who may pass a container's directory: its mode, and its group as an id of the target. Root owns it."""

    mode: int
    group: int = 0

    def words(self) -> str:
        """Return the access rights as text for people."""
        return "%04o%s" % (self.mode, " and group %d" % self.group if self.group else "")


class Shared(Dict[str, Any]):
    """A dictionary that many containers share. Nobody may change it, so results computed from it can be cached."""

    __hash__ = object.__hash__  # type: ignore[assignment]


Wanted = Mapping[str, Entry]
Present = Mapping[str, Observed]


def directory(path: str, mode: int = 0o755, owner: Owner = ROOT) -> Entry:
    """Return a desired directory."""
    return Entry(path, DIRECTORY, mode, owner=owner)


def file(path: str, mode: int, content: str, owner: Owner = ROOT) -> Entry:
    """Return a desired file with this content. Bytes from the target that are not UTF-8 stay as they were."""
    data = content.encode("utf-8", "surrogateescape")
    return Entry(path, FILE, mode, data, None, hashlib.sha256(data).hexdigest(), len(data), owner)


def copied(path: str, mode: int, source: str, digest: str, size: int, owner: Owner = ROOT) -> Entry:
    """Return a desired file that copies the content of a file on the target."""
    return Entry(path, FILE, mode, b"", source, digest, size, owner)


def link(path: str, target: str) -> Entry:
    """Return a desired symbolic link."""
    return Entry(path, LINK, 0o777, target.encode())


@functools.lru_cache(maxsize=1024)
def record(entry: Entry) -> Record:
    """Return what a manifest keeps of an entry: kind, mode in octal, digest or link target, size in bytes.

    Only an entry that does not belong to root has its owner after that. The result is cached, because many containers
    have the same links.
    """
    detail = entry.content.decode() if entry.kind == LINK else entry.digest
    owner = () if entry.owner == ROOT else ("%d:%d" % entry.owner,)
    return (entry.kind, "%04o" % entry.mode, detail, str(entry.size), *owner)


def records(wanted: Wanted) -> Dict[str, Record]:
    """Return what a manifest keeps of a tree."""
    return {path: record(entry) for path, entry in wanted.items()}


@functools.lru_cache(maxsize=1024)
def entry_of_record(path: str, kept: Record) -> Entry:
    """Return an entry from what a manifest keeps of it: enough to tell whether the entry on disk is unchanged."""
    kind, mode, detail, size = kept[:4]
    if kind == LINK:
        return link(path, detail)
    return Entry(path, kind, int(mode, 8), b"", None, detail, int(size), owner_of_record(kept))


def owner_of_record(kept: Record) -> Owner:
    """Return the user and the group of an entry from what a manifest keeps of it."""
    user, _colon, group = kept[4].partition(":") if len(kept) > 4 else ("0", "", "0")
    return int(user), int(group)


def parents(path: str) -> Iterator[str]:
    """Return the directories above a relative path, the outermost first."""
    parts = path.split("/")[:-1]
    return ("/".join(parts[: length + 1]) for length in range(len(parts)))


def plan(wanted: Wanted, present: Present, owned: Wanted) -> Tuple[Action, ...]:
    """Return the steps from `present` to `wanted`: removals of owned entries first, then the others, parents first.

    `present` is what is on disk at the paths in `wanted` and `owned`; a path that it lacks does not exist on disk.
    Raise ContainerError if something that this collection did not make is in the way.
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
    """Raise ContainerError if a directory is in the way and is not empty after the plan's own removals."""
    if before is None or before.kind != DIRECTORY or entry.kind == DIRECTORY:
        return
    if before.children > sum(action.path.rpartition("/")[0] == entry.path for action in actions):
        raise ContainerError(
            "%s: a directory that is not empty lies where a %s is wanted; empty or rename it" % (entry.path, entry.kind)
        )


def removals(wanted: Wanted, present: Present, owned: Wanted) -> List[Action]:
    """Return the removals of stale entries that are as this collection made them, children first.

    Entries that the payload has changed stay.
    """
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
    """Return the verb that makes one entry right, or None if it is right.

    Raise ContainerError if something that this collection did not make is in the way.
    """
    if before is None:
        return "create"
    if before.kind == entry.kind and same(entry, before):
        right = entry.kind == LINK or (before.mode == entry.mode and before.owned)
        return None if right else "adjust"
    blocking = {
        # Never remove a directory of the payload, nor its file to put a link or directory in its place.
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
    """Return whether the content is right. A file with a second name is never right: do not change it in place."""
    if entry.kind == FILE:
        return before.digest == entry.digest and before.single
    return entry.kind == DIRECTORY or before.content == entry.content


def describe(actions: Tuple[Action, ...]) -> List[str]:
    """Return a plan as text for people: one line per step, but one line for all links of a directory."""
    lines: List[str] = []
    links: Dict[Tuple[str, str], List[str]] = {}
    for action in actions:
        where = action.path.rpartition("/")
        kind = action.entry.kind if action.entry else action.before.kind if action.before else OTHER
        if kind == LINK:
            links.setdefault((action.verb, where[0]), []).append(where[2])
        else:
            detail = ""
            if action.verb == "adjust" and action.entry:
                detail = " to %04o%s" % (action.entry.mode, owner_words(action.entry.owner))
            lines.append("%s %s %s%s" % (action.verb, kind, action.path, detail))
    for (verb, parent), names in links.items():
        listed = ", ".join(names) if len(names) <= 5 else "%d links" % len(names)
        lines.append("%s in %s: %s" % (verb, parent, listed))
    return lines


def listing(actions: Tuple[Action, ...]) -> Tuple[str, str]:
    """Return the entries that a plan touches, before and after it, one line each."""
    before = "".join(line(action.path, action.before) for action in actions if action.before)
    after = "".join(line(action.path, made(action.entry)) for action in actions if action.entry)
    return before, after


def made(entry: Entry) -> Observed:
    """Return an entry as it is on disk once it has been made. A directory has no children yet."""
    children = 0 if entry.kind == DIRECTORY else -1
    return Observed(entry.kind, entry.mode, entry.digest, entry.content, children=children, owner=entry.owner)


def owner_words(owner: Owner) -> str:
    """Return the owner of an entry as text for people; nothing for root."""
    return "" if owner == ROOT else " owner %d:%d" % owner


def line(path: str, observed: Observed) -> str:
    """Return the line of one entry in a listing."""
    if observed.kind == LINK:
        # A link's target may have line breaks. They must not look like further entries.
        return "link %s -> %s\n" % (path, printable(observed.content or b"").replace("\n", "\\n"))
    # With the digest of a weak secret, anyone could find it by trying all.
    digest = "********" if SECRET.encode() in (observed.content or b"") else observed.digest[:16]
    extra = " sha256:" + digest if observed.kind == FILE else ""
    notes = " (not owned by a user of the container)" if observed.owner is None else owner_words(observed.owner)
    notes += "" if observed.single else " (has other names)"
    return "%s %04o %s%s%s\n" % (observed.kind, observed.mode, path, extra, notes)


def printable(content: bytes) -> str:
    """Return untrusted content as text for a diff. Characters that are not printable are escaped."""
    text = content.decode("utf-8", "backslashreplace")
    return "".join(letter if letter in "\n\t" or letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def diffs(name: str, actions: Tuple[Action, ...]) -> List[Dict[str, str]]:
    """Return Ansible's diff of a plan: the listing, then the text of each file whose content changes."""
    if not actions:
        return []
    before, after = listing(actions)
    found = [{"before_header": name, "after_header": name, "before": before, "after": after}]
    for action in actions:
        if action.entry and action.entry.kind == FILE and action.entry.source is None and action.verb != "adjust":
            header = "%s/%s" % (name, action.path)
            old = action.before.content if action.before and action.before.kind == FILE else None
            texts = [printable(old or b""), printable(action.entry.content)]
            masked = [HIDDEN.sub(r"\1********", text) for text in texts]
            if texts[0] != texts[1] and masked[0] == masked[1]:
                masked[1] += "# A secret value has changed.\n"
            found.append({"before": masked[0], "after": masked[1], "before_header": header, "after_header": header})
    return found
