# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks LXC (I/O): whether it accepts a config, before the config is used. Leaves nothing on the target."""

from __future__ import annotations

import os
from typing import Dict, List

from ..errors import ContainerError, RefusedError, unexpected
from ..target import system_calls
from ..workers import pool
from . import programs, runtime

# See unshare(2) and mount(2).
CLONE_NEWNS, MS_PRIVATE, MS_REC = 0x20000, 1 << 18, 1 << 14


def check_configs(lxc: runtime.Runtime, texts: Dict[str, str]) -> Dict[str, str]:
    """Let LXC load each config under a dummy name. Return LXC's words for each config that it refuses.

    This also runs in check mode. It happens in a child process with a private /run, so that nothing is left on the
    target, not even the directory that LXC makes for a lock. Raises RefusedError if LXC could not be asked.
    """
    if not texts:
        return {}

    def check(_item: str) -> List[str]:
        private_run()
        refused = []
        for number, (name, text) in enumerate(texts.items()):
            try:
                words = check_one(lxc, "/run/check-%d" % number, text)
            except Exception as error:  # pylint: disable=broad-except
                words = unexpected(error)
            refused += [name, words] if words else []
        return refused

    result = pool.each(check, ["configs"], programs.PATIENCE + len(texts))["configs"]
    if result.error:
        raise RefusedError("LXC could not be asked about the configs: " + result.error)
    return dict(zip(result.value[::2], result.value[1::2]))


def check_one(lxc: runtime.Runtime, place: str, text: str) -> str:
    """Return LXC's words against a config, or an empty string."""
    os.mkdir(place, 0o700)
    path, log = place + "/config", place + "/log"
    with open(path, "w", encoding="utf-8", errors="surrogateescape") as stream:
        # LXC makes the file of this key, and directories for it, as soon as it loads the config.
        stream.writelines(line for line in text.splitlines(True) if not line.startswith("lxc.log.file "))
    if lxc.load(place, path, log):
        return ""
    words = [line.replace(place + "/" + runtime.DUMMY, "").replace(place, "") for line in runtime.error_lines(log)]
    return ascii("; ".join(words)[:500])[1:-1] or "no reason given"


def private_run() -> None:
    """Give this process a /run of its own, which disappears with it. Raises ContainerError."""
    library = system_calls.libc()
    steps = (
        lambda: library.unshare(CLONE_NEWNS),
        lambda: library.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None),
        lambda: library.mount(b"tmpfs", b"/run", b"tmpfs", 0, None),
    )
    for step in steps:
        try:
            system_calls.checked(step(), "")
        except OSError as error:
            raise ContainerError("a private /run cannot be mounted: %s" % error.strerror) from None
