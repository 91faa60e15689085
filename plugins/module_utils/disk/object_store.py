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
from contextlib import suppress
from hashlib import sha256
from typing import Collection, Iterable, List, Sequence

from ..errors import RefusedError
from . import places, writing

NAME = re.compile("[0-9a-f]{64}")
# What is being written has a name that is no digest; the next run removes what a killed one has left.
NEW = ".new"


def missing(lxc_path: str, digests: Iterable[str]) -> List[str]:
    """Return those of the digests whose contents are not here."""
    return [digest for digest in digests if not os.path.isfile(os.path.join(places.objects(lxc_path), digest))]


def take_in(lxc_path: str, incoming: str, digests: Iterable[str]) -> None:
    """Take the contents that are missing from a directory of another user. Raises RefusedError."""
    place = places.objects(lxc_path)
    wanted = [digest for digest in missing(lxc_path, digests) if os.path.lexists(os.path.join(incoming, digest))]
    try:
        writing.make_missing(lxc_path)
        with suppress(FileExistsError):
            os.mkdir(place, 0o700)
        remove(place, unfinished(place))
        for digest in wanted:
            copy(os.path.join(incoming, digest), os.path.join(place, digest + NEW), digest)
        writing.sync(place)
        for digest in wanted:
            os.rename(os.path.join(place, digest + NEW), os.path.join(place, digest))
    except OSError as error:
        raise RefusedError(writing.reason_of(error, place)) from None
    finally:
        with suppress(OSError):
            remove(place, unfinished(place))


def copy(source: str, target: str, digest: str) -> None:
    """Copy a content and verify it on the way, in pieces. Then remove the source, to make room.

    Raises RefusedError if it is another content, and OSError.
    """
    # Whoever owns the source may put a link, a FIFO or a device there.
    reading = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(reading).st_mode):
        os.close(reading)
        raise RefusedError("%s is no regular file" % source)
    found = sha256()
    with open(reading, "rb", buffering=0) as original, open(target, "xb", buffering=0) as stream:
        os.fchmod(stream.fileno(), 0o600)
        for chunk in iter(lambda: original.read(writing.CHUNK), b""):
            found.update(chunk)
            writing.write_whole(stream, chunk)
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if found.hexdigest() != digest:
        raise RefusedError("%s is not the content that the controller announced; run again" % source)
    with suppress(OSError):
        os.unlink(source)


def sweep(lxc_path: str, declared: Collection[str], records: Sequence[str]) -> None:
    """Remove the contents whose digests are not declared and occur in none of the records; at the end the directory.

    What cannot be removed now stays until the next change.
    """
    place = places.objects(lxc_path)
    with suppress(OSError):
        found = [name for name in os.listdir(place) if NAME.fullmatch(name) and name not in declared]
        remove(place, unfinished(place))
        remove(place, [name for name in found if not any(name in text for text in records)])
        os.rmdir(place)


def unfinished(place: str) -> List[str]:
    """Return the names of what a killed run has left."""
    return [name for name in os.listdir(place) if name.endswith(NEW)]


def remove(place: str, names: Iterable[str]) -> None:
    """Remove files of a directory. Raises OSError."""
    for name in names:
        os.unlink(os.path.join(place, name))
