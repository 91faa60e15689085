# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): single files and directories, and steps for many containers at once."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from ..errors import ContainerError, unexpected
from ..model import tree
from ..model.id_map import ROOT, Owner
from ..target import system_calls
from ..workers import pool
from . import places
from .beneath import OPEN_DIRECTORY, Directories

CHUNK = 1024 * 1024
Undo = Callable[[], Any]


def for_all(steps: Mapping[str, Callable[[], None]], lxc_path: str, divide: bool) -> Dict[str, str]:
    """Run a step for each container. Return the reason for each container whose step failed.

    `divide`: use one process for each processor.
    """

    def take(name: str) -> str:
        return attempt(steps[name], os.path.join(lxc_path, name))

    results = pool.divided(take, list(steps), (os.cpu_count() or 1) if divide else 1)
    reasons = {name: result.error or result.value for name, result in results.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def remove_all(steps: Mapping[str, Callable[[], None]], lxc_path: str) -> Dict[str, str]:
    """Run a step for each container that removes something, and have all that on disk. Return the same as `for_all`.

    Otherwise a power cut could bring back a part of what is told to be gone, and no later run would look for it.
    """
    reasons = for_all(steps, lxc_path, divide=True)
    try:
        sync(lxc_path)
    except OSError as error:
        return {**dict.fromkeys(steps, reason_of(error, lxc_path)), **reasons}
    return reasons


def attempt(step: Callable[[], None], place: str) -> str:
    """Run a step. Return the reason why it failed, or an empty string. `place` is the path that the step works on."""
    try:
        step()
    except ContainerError as error:
        return str(error)
    except OSError as error:
        return reason_of(error, place)
    except Exception as error:  # pylint: disable=broad-except
        return unexpected(error)
    return ""


def reason_of(error: OSError, place: str) -> str:
    """Return a failed system call in words. `place` is the path that was worked on."""
    name = error.filename if isinstance(error.filename, str) else ""
    # Anything but an absolute path may be a name that a container has chosen.
    where = name if name.startswith("/") else "%s (at %s)" % (place, ascii(name)[1:-1]) if name else place
    return "cannot write %s: %s" % (where, error.strerror)


def write_staged(directories: Directories, name: str, entry: tree.Entry, owner: Owner = ROOT) -> None:
    """Write the content of a file under a name in the stage directory, with its mode and owner."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=directories.get(places.STAGE))
    with open(fd, "wb", buffering=0) as stream:
        if entry.source is not None:
            copy(entry.source, stream)
        else:
            write_whole(stream, entry.content)
        os.fchown(fd, *owner)
        os.fchmod(fd, entry.mode)


def write_whole(stream: Any, content: bytes) -> None:
    """Write all bytes: a raw write may take only a part of them."""
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def copy(source: str, stream: Any) -> None:
    """Copy a file of the target into an open file.

    The kernel starts to write it to disk at once, see fadvise(2).
    """
    with open(source, "rb", buffering=0) as original:
        chunk = original.read(CHUNK)
        while chunk:
            write_whole(stream, chunk)
            chunk = original.read(CHUNK)
    os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def make_directory(path: str, mode: int) -> Undo:
    """Make a directory of the target with its parents. Return a function that undoes it. Raises ContainerError."""
    made: List[str] = []
    try:
        make_missing(path, made)
        fd = os.open(path, OPEN_DIRECTORY)
        before = stat.S_IMODE(os.fstat(fd).st_mode)
        os.fchmod(fd, mode)
        os.close(fd)
    except OSError as error:
        give_back(made)
        raise ContainerError(reason_of(error, path)) from None
    return lambda: give_back(made) if made else give_back([], path, before)


def make_missing(path: str, made: Optional[List[str]] = None) -> None:
    """Make a directory of the target and its parents, with mode 0755 whatever the umask, and list them in `made`."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        make_missing(above, made)
    with suppress(FileExistsError):
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)
        if made is not None:
            made.append(path)


def give_back(made: Sequence[str], path: str = "", mode: int = 0) -> None:
    """Remove directories that we made, as far as they are empty, or give a directory its old mode."""
    with suppress(OSError):
        for above in reversed(made):
            os.rmdir(above)
        if path:
            os.chmod(path, mode)


def sync(path: str) -> None:
    """Write all data of one file system to disk. An fsync of a directory does not write the files in it."""
    if not os.path.isdir(path):
        return
    fd = os.open(path, OPEN_DIRECTORY)
    try:
        if system_calls.has_ctypes():
            system_calls.checked(system_calls.libc().syncfs(fd), path)
        else:
            # This writes all file systems, and does not report what could not be written.
            os.sync()
    finally:
        os.close(fd)
