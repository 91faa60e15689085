# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps compiled code of this collection on the target (I/O): one file for each version of the target's Python.

Python's own rules apply: with PYTHONDONTWRITEBYTECODE nothing is written, and PYTHONPYCACHEPREFIX says where, see
https://docs.python.org/3/using/cmdline.html. Only root can read the code, and it is used only if the digest of its
source matches. If it cannot be read or written, is damaged, or may come from anyone else, everything works without it.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import marshal
import os
import stat
import struct
import sys
from typing import Dict, Iterator, Tuple, Union

DIRECTORY = "/var/cache/softwarecontainer.lxc"
FILE_NAME = "compiled-%s" % sys.implementation.cache_tag
# Comes before the code: the version of Python's code, a digest that reveals damage, the size of the index.
HEADER = struct.Struct("!%ds32sI" % len(importlib.util.MAGIC_NUMBER))
# The same as in archive.py.
Codes = Dict[str, Tuple[bytes, Union[bytes, memoryview]]]


def directory() -> str:
    """Return the directory in which the code is kept."""
    return os.path.join(sys.pycache_prefix, "softwarecontainer.lxc") if sys.pycache_prefix else DIRECTORY


def read() -> Codes:
    """Return the kept code; nothing if there is none that can be trusted."""
    try:
        with opened(directory()) as handle:
            place = os.open(FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=handle)
            with open(place, "rb") as stream:
                return unpacked(memoryview(stream.read()) if stat.S_ISREG(os.fstat(place).st_mode) else memoryview(b""))
    except OSError:
        return {}


def packed(codes: Codes) -> bytes:
    """Return the content of the file: a header, an index, and the code of each module."""
    index = marshal.dumps({name: (digest, len(code)) for name, (digest, code) in codes.items()})
    body = b"".join([index, *(code for _digest, code in codes.values())])
    return HEADER.pack(importlib.util.MAGIC_NUMBER, hashlib.sha256(body).digest(), len(index)) + body


def unpacked(data: memoryview) -> Codes:
    """Return the code in the content of the file, without copying it; nothing if it is damaged or of another Python."""
    if len(data) < HEADER.size:
        return {}
    magic, digest, size = HEADER.unpack_from(data)
    body = data[HEADER.size :]
    # After a power cut, the file may contain anything.
    if magic != importlib.util.MAGIC_NUMBER or digest != hashlib.sha256(body).digest():
        return {}
    codes: Codes = {}
    start = size
    for name, (source, length) in marshal.loads(body[:size]).items():
        codes[name] = source, body[start : start + length]
        start += length
    return codes


def write(codes: Codes) -> None:
    """Write the code in place of the code kept before. Do nothing if that is not allowed or not possible."""
    if sys.dont_write_bytecode or os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        with contextlib.suppress(FileExistsError):
            os.makedirs(directory(), 0o700)
        with opened(directory()) as handle:
            replace(handle, packed(codes))


def replace(handle: int, data: bytes) -> None:
    """Write a new file and put it in place of the old one. Raise OSError."""
    fresh = FILE_NAME + ".new"
    try:
        place = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=handle)
    except FileExistsError:
        # Another run is writing it, or was killed while writing. Removing it lets the next run write.
        os.unlink(fresh, dir_fd=handle)
        return
    try:
        with open(place, "wb") as stream:
            stream.write(data)
        os.replace(fresh, FILE_NAME, src_dir_fd=handle, dst_dir_fd=handle)
    except OSError:
        os.unlink(fresh, dir_fd=handle)
        raise


@contextlib.contextmanager
def opened(path: str) -> Iterator[int]:
    """Yield the descriptor of the directory. Raise OSError if anyone but root may have put something there."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(path)
        yield handle
    finally:
        os.close(handle)
