# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs (I/O), one at a time or several in parallel. They end when this process ends."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Deque, Dict, Iterable, List, Optional, Sequence

from ..errors import Error

# The PATH of a user lacks these.
SYSTEM_FOLDERS = ("/usr/sbin", "/sbin")


class FailedError(Error):
    """A program or a wait failed. The text is one sentence."""


def run(*argv: str, environment: Optional[Dict[str, str]] = None, directory: Optional[str] = None) -> str:
    """Run a program, in a directory, and return its output. Raise FailedError with its last lines if it fails."""
    # The kernel kills it when this process ends, even if this process is killed.
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        cwd=directory,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-5:]
        raise FailedError("%s ended with %d: %s" % (" ".join(argv[:6]), done.returncode, " | ".join(said)))
    return done.stdout


def run_watched(
    *argv: str, name: str, tell: Callable[[str], None], environment: Optional[Dict[str, str]] = None
) -> None:
    """Run a program and pass each line of its output to `tell`. Raise FailedError with its last lines if it fails.

    `name` is what the error calls it.
    """
    last: Deque[str] = deque(maxlen=5)
    with subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    ) as process:
        for line in process.stdout or ():
            if line.strip():
                last.append(line.strip())
                tell(line)
    if process.returncode:
        raise FailedError("%s ended with %d: %s" % (name, process.returncode, " | ".join(last)))


def for_each(function: Callable[[Any], Any], items: Iterable[Any]) -> List[Any]:
    """Call a function with each item, several in parallel. Return the results in order. Raise an error only at the end."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(function, item) for item in items]
    return [future.result() for future in futures]


def find_system_programs() -> None:
    """Add the folders of system programs to PATH, for this process and all programs that it starts."""
    os.environ["PATH"] = ":".join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])


def missing(names: Sequence[str]) -> List[str]:
    """Return the programs that are not on PATH."""
    return [name for name in names if not shutil.which(name)]
