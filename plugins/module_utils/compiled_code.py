# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps on the target what its Python has compiled of this collection (I/O): one file for each version of Python.

Python's own rules hold: nothing is written where PYTHONDONTWRITEBYTECODE is set, and PYTHONPYCACHEPREFIX says where, see
https://docs.python.org/3/using/cmdline.html. What is kept is for root alone, and goes by the digest of its source. Where it
cannot be read or written, is damaged, or can have come from anybody else, all goes on without it.
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
# What stands before the codes: the version of Python's code, a digest by which damage is found, the size of the index.
HEADER = struct.Struct("!%ds32sI" % len(importlib.util.MAGIC_NUMBER))
# As in archive.py.
Codes = Dict[str, Tuple[bytes, Union[bytes, memoryview]]]


def directory() -> str:
    """Where the codes are kept."""
    return os.path.join(sys.pycache_prefix, "softwarecontainer.lxc") if sys.pycache_prefix else DIRECTORY


def read() -> Codes:
    """The codes that are kept; none where there are none that can be trusted."""
    try:
        with opened(directory()) as handle:
            place = os.open(FILE_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=handle)
            with open(place, "rb") as stream:
                return unpacked(memoryview(stream.read()) if stat.S_ISREG(os.fstat(place).st_mode) else memoryview(b""))
    except OSError:
        return {}


def packed(codes: Codes) -> bytes:
    """The content of the file: a header, an index of the codes, and the codes."""
    index = marshal.dumps({name: (digest, len(code)) for name, (digest, code) in codes.items()})
    body = b"".join([index, *(code for _digest, code in codes.values())])
    return HEADER.pack(importlib.util.MAGIC_NUMBER, hashlib.sha256(body).digest(), len(index)) + body


def unpacked(data: memoryview) -> Codes:
    """The codes in the content of the file, which are not copied; none where that is of another Python, or damaged."""
    if len(data) < HEADER.size:
        return {}
    magic, digest, size = HEADER.unpack_from(data)
    body = data[HEADER.size :]
    # A power cut may have left anything there.
    if magic != importlib.util.MAGIC_NUMBER or digest != hashlib.sha256(body).digest():
        return {}
    codes: Codes = {}
    start = size
    for name, (source, length) in marshal.loads(body[:size]).items():
        codes[name] = source, body[start : start + length]
        start += length
    return codes


def write(codes: Codes) -> None:
    """Keep the codes, in the place of those that were kept before, unless that is not wanted or cannot be done."""
    if sys.dont_write_bytecode or os.geteuid() != 0:
        return
    with contextlib.suppress(OSError):
        with contextlib.suppress(FileExistsError):
            os.makedirs(directory(), 0o700)
        with opened(directory()) as handle:
            replace(handle, packed(codes))


def replace(handle: int, data: bytes) -> None:
    """Write the file beside the old one and let it take its place. Raises OSError."""
    fresh = FILE_NAME + ".new"
    try:
        place = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=handle)
    except FileExistsError:
        # Another run is at it, or was killed meanwhile: the next one finds it gone.
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
    """The descriptor of the directory. Raises OSError where anybody but root can have put something there."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(handle)
        if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & 0o077:
            raise PermissionError(path)
        yield handle
    finally:
        os.close(handle)
