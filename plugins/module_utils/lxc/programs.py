# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds LXC and runs its programs (I/O): the lxc-* tools, the Python binding, and LXC's own container directory."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
from typing import Any, Dict, Optional, Sequence

from ..errors import ContainerError, RefusedError

# How long LXC may take for an answer, or for a change of state that waits for nothing else, in seconds.
PATIENCE = 30
QUIET: Dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}


def has_binding() -> bool:
    """Return whether this Python can load the binding. Its compiled part may be for another version of Python."""
    return all(importlib.util.find_spec(name) is not None for name in ("_lxc", "lxc"))


def has_tools() -> bool:
    """Return whether LXC's programs are in PATH."""
    return shutil.which("lxc-start") is not None


def binding() -> Any:
    """Load LXC's Python binding and return it. It is loaded late, because most runs change nothing and never ask LXC.

    Raises RefusedError if it is installed but does not work, for example after an upgrade of LXC alone.
    """
    try:
        return importlib.import_module("lxc")
    except ImportError as error:
        raise RefusedError(
            "runtime: the Python module lxc of the target cannot be loaded (%s); repair python3-lxc, or use tools"
            % error
        ) from None


def own_path_by_binding() -> str:
    """Return the directory of containers that LXC is configured with, as the binding reports it."""
    return str(binding().get_global_config_item("lxc.lxcpath"))


def own_path_by_tools() -> str:
    """Return the directory of containers that LXC is configured with, as the tools report it."""
    return call(["lxc-config", "lxc.lxcpath"]).strip()


def call(argv: Sequence[str], message: str = "", seconds: Optional[float] = None, text: str = "") -> str:
    """Run a program, which reads `text`, for at most `seconds` (default: PATIENCE), and return its output.

    Raises ContainerError if it fails, with `message` or with its last words.
    """
    limit = PATIENCE if seconds is None else seconds
    try:
        done = subprocess.run(argv, **QUIET, input=text.encode(), timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        raise ContainerError("%s gave no answer within %g seconds" % (argv[0], limit)) from None
    except OSError as error:
        raise ContainerError("%s cannot be run: %s" % (argv[0], error.strerror)) from None
    output = done.stdout.decode("utf-8", "replace")
    if done.returncode != 0:
        words = " ".join(output.split("\n")[-3:]).strip()
        raise ContainerError(message or "%s failed with %d: %s" % (argv[0], done.returncode, words))
    return output
