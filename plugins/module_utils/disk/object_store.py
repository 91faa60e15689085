# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): keeps the contents of the controller's files on the target, each once, under its SHA-256.

They lie in the lxc path beside the containers, and only root reaches them. A container's file is a copy, because a
container may write to its own. The contents stay as long as a container has such a file: it is repaired, and built anew,
without the controller sending it again.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any, Collection, Dict, Iterable, Iterator, List, Mapping, Sequence, Set

from ..errors import ContainerError, RefusedError
from ..model import archive_index
from ..model.archive_index import Index
from ..target import facts
from . import places, writing

# What was unpacked of an archive is an index of its entries, under the digest of the archive, beside their contents.
INDEX = ".index"
NAME = re.compile("[0-9a-f]{64}(%s)?" % re.escape(INDEX))
# What is being written has a name that is no digest; the next run removes what a killed one has left.
NEW = ".new"


def missing(lxc_path: str, digests: Iterable[str]) -> List[str]:
    """Return those of the digests whose contents are not here."""
    there = names_in(lxc_path)
    return [digest for digest in digests if digest not in there]


def names_in(lxc_path: str) -> Set[str]:
    """Return the names of all that is here."""
    try:
        return set(os.listdir(places.objects(lxc_path)))
    except FileNotFoundError:
        return set()


def indexes(lxc_path: str, archives: Iterable[str]) -> Dict[str, Index]:
    """Return the indexes of those archives, by digest, of which all contents are here."""
    there, found = names_in(lxc_path), {}
    for digest in archives:
        index = read_index(lxc_path, digest) if digest + INDEX in there else ()
        if index and all(member.digest in there for member in index if member.digest):
            found[digest] = index
    return found


def read_index(lxc_path: str, digest: str) -> Index:
    """Return the index of an archive; an empty one if it is damaged."""
    try:
        return archive_index.parse(facts.read_text(os.path.join(places.objects(lxc_path), digest + INDEX)))
    except (TypeError, ValueError):
        return ()


@contextmanager
def prepared(lxc_path: str) -> Iterator[str]:
    """Yield the directory of the contents, made where it is missing, and leave nothing unfinished in it.

    Raises RefusedError if the system reports an error.
    """
    place = places.objects(lxc_path)
    try:
        writing.make_missing(lxc_path)
        with suppress(FileExistsError):
            os.mkdir(place, 0o700)
        remove(place, unfinished(place))
        yield place
    except OSError as error:
        raise RefusedError(writing.reason_of(error, place)) from None
    finally:
        with suppress(OSError):
            remove(place, unfinished(place))


def take_in(lxc_path: str, incoming: str, digests: Iterable[str]) -> None:
    """Take the contents that are missing from a directory of another user. Raises RefusedError."""
    wanted = [digest for digest in missing(lxc_path, digests) if os.path.lexists(os.path.join(incoming, digest))]
    with prepared(lxc_path) as place:
        for digest in wanted:
            source = os.path.join(incoming, digest)
            with sent(source) as original:
                require(write(place, digest, iter(lambda: original.read(writing.CHUNK), b"")) == digest, source)
            # To make room.
            with suppress(OSError):
                os.unlink(source)
        finish(place, {digest + NEW: digest for digest in wanted})


def unpack(lxc_path: str, incoming: str, archives: Iterable[str]) -> Dict[str, str]:
    """Take the contents of the archives that are missing from a directory of another user.

    Return why an archive is refused, by its digest. Nothing of that is kept. Raises RefusedError.
    """
    there = indexes(lxc_path, archives)
    sources = {digest: os.path.join(incoming, digest) for digest in archives if digest not in there}
    refused: Dict[str, str] = {}
    for digest, source in sources.items():
        if os.path.lexists(source):
            with prepared(lxc_path) as place, sent(source) as original:
                require(digest_of(original) == digest, source)
                try:
                    unpack_one(place, digest, original)
                except ContainerError as error:
                    refused[digest] = str(error)
    return refused


def unpack_one(place: str, archive: str, stream: Any) -> None:
    """Take the contents of one archive. Raises ContainerError if it is refused, and OSError."""
    # Few runs need it.
    from ..target import unpacking

    names: Dict[str, str] = {}

    def keep(chunks: Iterable[bytes], _size: int) -> str:
        name = str(len(names))
        names[name + NEW] = write(place, name, chunks)
        return names[name + NEW]

    free = os.statvfs(place)
    index = unpacking.read(stream, keep, free.f_bavail * free.f_frsize)
    write(place, archive + INDEX, [archive_index.render(index).encode()])
    # The index comes last: where it is, the contents are.
    finish(place, {**names, archive + INDEX + NEW: archive + INDEX})


@contextmanager
def sent(source: str) -> Iterator[Any]:
    """Yield an open file of another user, who may have put a link, a FIFO or a device there. Raises RefusedError."""
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(reading).st_mode):
        os.close(reading)
        raise RefusedError("%s is no regular file" % source)
    with open(reading, "rb", buffering=0) as original:
        yield original


def require(same: bool, source: str) -> None:
    """Raise RefusedError unless a content is the one that was announced."""
    if not same:
        raise RefusedError("%s is not the content that the controller announced; run again" % source)


def digest_of(stream: Any) -> str:
    """Return the SHA-256 of an open file, and go back to its start."""
    found = sha256()
    for chunk in iter(lambda: stream.read(writing.CHUNK), b""):
        found.update(chunk)
    stream.seek(0)
    return found.hexdigest()


def write(place: str, name: str, chunks: Iterable[bytes]) -> str:
    """Write a content under an unfinished name, in pieces, and return its SHA-256. Raises OSError."""
    found = sha256()
    with open(os.path.join(place, name + NEW), "xb", buffering=0) as stream:
        os.fchmod(stream.fileno(), 0o600)
        for chunk in chunks:
            found.update(chunk)
            writing.write_whole(stream, chunk)
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return found.hexdigest()


def finish(place: str, names: Mapping[str, str]) -> None:
    """Give unfinished contents their names once they are on disk."""
    writing.sync(place)
    for name, final in names.items():
        os.rename(os.path.join(place, name), os.path.join(place, final))


def sweep(lxc_path: str, declared: Collection[str], records: Sequence[str]) -> None:
    """Remove the contents whose digests are not declared and occur in none of the records; at the end the directory.

    An archive is needed if it is declared or if all its contents are recorded. What cannot be removed now stays until the
    next change.
    """
    place = places.objects(lxc_path)

    def recorded(digest: str) -> bool:
        return any(digest in text for text in records)

    with suppress(OSError):
        needed = set(declared)
        names = os.listdir(place)
        for archive in [name[: -len(INDEX)] for name in names if name.endswith(INDEX)]:
            contents = {member.digest for member in read_index(lxc_path, archive) if member.digest}
            if archive in needed or (contents and all(map(recorded, contents))):
                needed |= {archive + INDEX, *contents}
        found = [name for name in names if NAME.fullmatch(name) and name not in needed]
        remove(place, unfinished(place))
        remove(place, [name for name in found if not recorded(name)])
        os.rmdir(place)


def unfinished(place: str) -> List[str]:
    """Return the names of what a killed run has left."""
    return [name for name in os.listdir(place) if name.endswith(NEW)]


def remove(place: str, names: Iterable[str]) -> None:
    """Remove files of a directory. Raises OSError."""
    for name in names:
        os.unlink(os.path.join(place, name))
