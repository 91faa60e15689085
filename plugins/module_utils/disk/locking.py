# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks (I/O): of two runs for the same container, one waits for the other."""

from __future__ import annotations

import fcntl
import os
import signal
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Dict, Iterable, Iterator, Set

from ..errors import ContainerError
from . import writing

LOCKS = "/run/softwarecontainer.lxc"
LOCK_SECONDS = 120
# The locks that this process holds. A part of a run takes no lock that the whole run holds.
held_here: Set[str] = set()


@contextmanager
def locked(lxc_path: str, names: Iterable[str]) -> Iterator[None]:
    """Hold the lock of each container, so that of two runs for one container one waits for the other.

    This is not LXC's own lock, since liblxc would wait for itself. Locks are taken in the order of their names, so that
    two runs cannot wait for each other. Raises ContainerError if another run holds a lock for too long (LOCK_SECONDS).
    """
    writing.make_directory(LOCKS, 0o700)
    held: Dict[str, int] = {}
    try:
        with alarm(LOCK_SECONDS):
            for path in [lock_of(lxc_path, name) for name in sorted(names)]:
                if path not in held_here:
                    held[path] = take(path)
                    held_here.add(path)
        yield
    finally:
        for path, fd in held.items():
            held_here.discard(path)
            # Closing the file is not enough: a process that was forked meanwhile would keep the lock.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


@contextmanager
def held_now(lxc_path: str, name: str) -> Iterator[bool]:
    """Hold a lock if no other run holds it now, without waiting. Yield whether it is held."""
    writing.make_directory(LOCKS, 0o700)
    path = lock_of(lxc_path, name)
    if path in held_here:
        yield True
        return
    fd = opened(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(fd)


def lock_of(lxc_path: str, name: str) -> str:
    """Return the lock file of a container, on a file system that is emptied at boot.

    Other files of the container there have a colon after its name, which no container name contains.
    """
    return os.path.join(LOCKS, "%s-%s" % (sha256(os.path.realpath(lxc_path).encode()).hexdigest()[:8], name))


def opened(path: str) -> int:
    """Open a lock file and return its descriptor. Raises ContainerError."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ContainerError(writing.reason_of(error, path)) from None


def take(path: str) -> int:
    """Lock a file and return its descriptor. Raises ContainerError."""
    fd = opened(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except InterruptedError:
        os.close(fd)
        raise ContainerError(
            "another run has held the lock %s for %d seconds; run again when it has ended" % (path, LOCK_SECONDS)
        ) from None
    return fd


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Interrupt a wait after so many seconds: raises InterruptedError."""

    def interrupt(*_args: Any) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
