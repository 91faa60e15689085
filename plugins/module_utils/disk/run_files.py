# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): files below /run: the logs of one run, and which run of a rollout came last."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Iterable

from ..errors import ContainerError
from ..target import facts
from . import locking, writing


def log_of(lxc_path: str, name: str) -> str:
    """Return the path for LXC's log of one start, with no file there. Only for the holder of the container's lock."""
    path = locking.lock_of(lxc_path, name) + ":start.log"
    remove_logs([path])
    return path


def scratch(lxc_path: str, name: str) -> str:
    """Return the path of a log for a caller that does not hold the container's lock. Raises ContainerError."""
    writing.make_directory(locking.LOCKS, 0o700)
    return "%s:%d.log" % (locking.lock_of(lxc_path, name), os.getpid())


def remove_logs(paths: Iterable[str]) -> None:
    """Remove the logs of starts. A running container keeps its own log open."""
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)


def take_over(lxc_path: str) -> str:
    """Record that this run is now the one that rolls out to a lxc path. Return a token that identifies the run.

    The token is empty if it cannot be written: the run itself then reports what is wrong.
    """
    token = os.urandom(16).hex()
    try:
        writing.make_directory(locking.LOCKS, 0o700)
        with open(last_run_of(lxc_path), "w", encoding="ascii") as stream:
            stream.write(token)
    except (OSError, ContainerError):
        return ""
    return token


def is_last(lxc_path: str, token: str) -> bool:
    """Return whether no later run has taken over."""
    return not token or facts.read_text(last_run_of(lxc_path)) == token


def last_run_of(lxc_path: str) -> str:
    """Return the file that names the last run. The part before the colon is no container's name."""
    return os.path.join(locking.LOCKS, sha256(lxc_path.encode("utf-8", "surrogateescape")).hexdigest()[:8] + ":rollout")
