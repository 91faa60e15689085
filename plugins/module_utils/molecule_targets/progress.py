# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells how far a run is (I/O), in a file that the action plugin shows to the user meanwhile."""

from __future__ import annotations

import time
from typing import Callable

Tell = Callable[[str], None]
# Seconds between two lines about the same thing.
PAUSE = 15.0


def teller(path: str) -> Tell:
    """Return a function that appends a line to the file. With an empty path it does nothing."""

    def tell(line: str) -> None:
        if path:
            # The file is there already: in a directory such as /tmp, the kernel keeps root from opening it to create it.
            with open(path, "r+", encoding="utf-8") as stream:
                stream.seek(0, 2)
                stream.write(line + "\n")

    return tell


def seldom(tell: Tell, title: str, pause: float = PAUSE) -> Tell:
    """Return a function that tells only the last news, with title and time, when `pause` has passed since the last one."""
    start = last = time.monotonic()

    def tell_seldom(news: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= pause and news.strip():
            last = now
            tell("%s, %d s: %s" % (title, now - start, news.strip()))

    return tell_seldom
