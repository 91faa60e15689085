# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): the logs of one run, and room for LXC to look at a config, below /run."""

from __future__ import annotations

import os
from typing import Iterable

from . import locking, writing


def log_of(lxc_path: str, name: str) -> str:
    """Where LXC's log of one start goes, with nothing there. Only for who holds the lock."""
    path = locking.lock_of(lxc_path, name) + ":start.log"
    remove_logs([path])
    return path


def scratch(lxc_path: str, name: str) -> str:
    """A log for who does not hold the container's lock. Raises ContainerError."""
    writing.make_directory(locking.LOCKS, 0o700)
    return "%s:%d.log" % (locking.lock_of(lxc_path, name), os.getpid())


def remove_logs(paths: Iterable[str]) -> None:
    """Remove the logs of starts; a container that runs keeps its own open."""
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)
