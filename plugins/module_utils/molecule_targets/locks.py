# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks (I/O): one run waits for another, or ends it. A lock is a file that holds the pid of its owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from typing import Iterator

# In seconds: the pause between two attempts, and how long the owner may take to end before it is killed.
LOOK = 0.1
PATIENCE = 2.0


@contextlib.contextmanager
def locked(path: str, end_other: bool = False) -> Iterator[None]:
    """Hold a lock. Wait until it is free, or end its owner if `end_other` is set."""
    deadline = time.monotonic() + PATIENCE
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not taken(descriptor):
            holder = os.pread(descriptor, 20, 0)
            if end_other and holder:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(holder), signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
            time.sleep(LOOK)
        # An owner that was killed left its pid in the file.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d" % os.getpid(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Take the lock if it is free. Return whether it is ours now."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_held(path: str) -> bool:
    """Return whether another process holds a lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not taken(descriptor)
    finally:
        os.close(descriptor)
