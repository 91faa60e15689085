# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads archives (I/O): tar, plain or compressed, from front to back, in pieces, and nothing but files and directories.

What comes of an archive is known before much of it is read: a refusal comes before it fills memory or disk. The
controller reads it in the same way, for check mode.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, ContextManager, Iterator

from ..errors import ContainerError
from ..model import archive_index
from ..model.tree import DIRECTORY, FILE
from . import facts

CHUNK = 256 * 1024
BLOCK = 512
# No header is longer, nor what follows the end.
HEADER_MAX = TAIL_MAX = 1024 * 1024
# What the decompressors may take, as much as `xz -9` and `zstd -19` need.
MEMORY_MAX = 128 * 1024 * 1024
GZIP, XZ, ZSTD, BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh"
# Reads the pieces of a content of some size, and returns its digest.
Keep = Callable[[Iterator[bytes], int], str]


class Pieces:
    """A stream that another one unpacks to, with a decompressor of the interface of lzma.LZMADecompressor."""

    def __init__(self, stream: Any, make: Callable[[], Any]) -> None:
        self.stream, self.make, self.decompressor = stream, make, make()

    def read(self, size: int) -> bytes:
        """Return some bytes, none at the end. Raise EOFError if the stream ends in the middle."""
        while True:
            data = b""
            if self.decompressor.eof:
                data = self.decompressor.unused_data or self.stream.read(CHUNK)
                if not data.strip(b"\0"):
                    return b""
                self.decompressor = self.make()
            elif self.decompressor.needs_input:
                data = self.stream.read(CHUNK)
                if not data:
                    raise EOFError("it ends in the middle")
            found: bytes = self.decompressor.decompress(data, size)
            if found:
                return found


class Forward:
    """A stream as tarfile needs it, which goes only forward, and never reads much at once. Raises ContainerError.

    `limit`: how much may come of it. `last`: what was read last.
    """

    def __init__(self, stream: Any, limit: int) -> None:
        self.stream, self.limit, self.position, self.last = stream, limit, 0, b""

    def read(self, size: int) -> bytes:
        """Return so many bytes, or less at the end."""
        if not 0 <= size <= HEADER_MAX:
            raise ContainerError("is damaged: it has a header of %d bytes" % size)
        found = b""
        while len(found) < size:
            chunk = self.stream.read(size - len(found))
            if not chunk:
                break
            found += chunk
        self.position += len(found)
        if self.position > self.limit:
            raise ContainerError("unpacks to more than %d bytes, too much for its size" % self.limit)
        self.last = found
        return found

    def tell(self) -> int:
        """Return the position."""
        return self.position

    def seek(self, position: int) -> None:
        """Skip what comes before a position."""
        if position < self.position:
            raise ContainerError("is damaged: it leads back")
        while self.position < position and self.read(min(CHUNK, position - self.position)):
            pass


def read(stream: Any, keep: Keep, room: int) -> archive_index.Index:
    """Return the index of an archive in an open file, and hand each content to `keep`.

    `room`: how many bytes there is room for. Raise ContainerError, with a reason that follows the name of the archive.
    """
    try:
        import tarfile
    except ImportError as error:
        raise ContainerError("cannot be unpacked: Python lacks the module %s" % error.name) from None
    try:
        with plain(stream) as unpacked:
            forward = Forward(unpacked, archive_index.unpacked_max(os.fstat(stream.fileno()).st_size))
            archive = tarfile.TarFile(fileobj=forward, encoding="utf-8", errors="surrogateescape")  # type: ignore[arg-type]
            return members(archive, forward, keep, room)
    except ContainerError:
        raise
    except tarfile.ReadError as error:
        raise ContainerError("is no tar archive: %s" % error) from None
    except OSError as error:
        if error.errno:
            raise
        raise ContainerError("is damaged: %s" % error) from None
    except Exception as error:  # pylint: disable=broad-except
        # Python's own modules find many words for what is damaged.
        raise ContainerError("is damaged: %s" % (error or type(error).__name__)) from None


def members(archive: Any, forward: Forward, keep: Keep, room: int) -> archive_index.Index:
    """Return the index of an archive that is open. Raise ContainerError, and what tarfile raises."""
    listing = archive_index.Listing()
    member = archive.next()
    while member is not None:
        kind = kind_of(member)
        path = listing.path(member.name, member.mode)
        size = member.size if kind == FILE else 0
        room -= size
        if size < 0 or room < 0:
            raise ContainerError("unpacks to more than there is room for")
        if kind == FILE:
            forward.seek(member.offset_data)
            digest = keep(content(forward, size, path), size)
            listing.members.append(archive_index.Member(path, FILE, member.mode & 0o7777, digest, size))
        elif path:
            listing.members.append(archive_index.Member(path, DIRECTORY, member.mode & 0o7777))
        # It would keep them all.
        archive.members.clear()
        member = archive.next()
    if forward.last != bytes(BLOCK):
        raise ContainerError("is damaged: it has no end")
    end = forward.position
    while forward.read(CHUNK):
        if forward.position - end > TAIL_MAX:
            raise ContainerError("is damaged: much follows its end")
    return listing.index()


def kind_of(member: Any) -> str:
    """Return FILE or DIRECTORY. Raise ContainerError for any other kind."""
    if member.isreg() and not member.issparse():
        return FILE
    if member.isdir():
        return DIRECTORY
    kinds = {b"1": "hard link", b"2": "symbolic link", b"3": "device", b"4": "device", b"6": "FIFO"}
    kind = "sparse file" if member.isreg() else kinds.get(member.type, "entry of an unknown kind")
    raise ContainerError(
        "has a %s, %s; only files and directories can be delivered" % (kind, archive_index.shown(member.name))
    )


def content(forward: Forward, size: int, path: str) -> Iterator[bytes]:
    """Yield the content of a file. Raise ContainerError if it is cut off."""
    while size:
        chunk = forward.read(min(CHUNK, size))
        if not chunk:
            raise ContainerError("is damaged: it ends in the middle of %s" % archive_index.shown(path))
        size -= len(chunk)
        yield chunk


def plain(stream: Any) -> ContextManager[Any]:
    """Return what an archive unpacks to, as a stream. Raise ContainerError if it cannot be unpacked here."""
    start = stream.read(6)
    stream.seek(0)
    if start.startswith(BZIP2):
        raise ContainerError("is compressed with bzip2; use gzip, xz or zstd")
    if start.startswith(ZSTD):
        return zstd(stream)
    try:
        if start.startswith(GZIP):
            import gzip

            return gzip.GzipFile(fileobj=stream)
        if start.startswith(XZ):
            import lzma

            return nullcontext(Pieces(stream, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_MAX)))
    except ImportError as error:
        raise ContainerError("cannot be unpacked: Python lacks the module %s; use gzip" % error.name) from None
    return nullcontext(stream)


@contextmanager
def zstd(stream: Any) -> Iterator[Any]:
    """Yield what a zstd file unpacks to: by Python since 3.14, else by the program of that name."""
    try:
        from compression import zstd as module  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        program = facts.first_program("zstd", facts.PROGRAMS)
        if program is None:
            raise ContainerError(
                "is compressed with zstd, which neither Python nor a program can unpack there; install zstd, or use gzip"
            ) from None
    else:
        yield Pieces(stream, module.ZstdDecompressor)
        return
    command = [program, "-dcq", "--memory=%d" % MEMORY_MAX]
    with subprocess.Popen(command, stdin=stream, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            yield process.stdout
            if process.wait():
                raise ContainerError("is damaged: zstd cannot unpack it")
        finally:
            process.kill()
