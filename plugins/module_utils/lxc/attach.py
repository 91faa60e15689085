# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs (I/O): one program in a running container."""

from __future__ import annotations

import shutil
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..disk import run_files
from ..errors import ContainerError
from ..workers import command
from . import runtime

# Variables with these prefixes would change how LXC's own tool runs on the target.
LOADER = ("LD_", "LXC_", "GLIBC_", "MALLOC_", "GCONV_", "LOCPATH", "PATH")


class Program(NamedTuple):
    """A program to run in a container. User and group are ids inside the container."""

    argv: Tuple[str, ...]
    environment: Tuple[Tuple[str, str], ...] = ()
    uid: Optional[int] = None
    gid: Optional[int] = None


def attach(lxc: runtime.Runtime, name: str, program: Program, log: str) -> Tuple[List[str], Dict[str, str]]:
    """Return the arguments and the environment of the process that runs a program in a container.

    It always uses LXC's own tool, which runs from a sealed copy of itself. So root in the container cannot reach the
    host's binary through /proc/PID/exe. The Python interpreter behind the binding would expose itself there. The values
    of variables are passed in the environment, where other users cannot read them. Raises ContainerError if there is no
    lxc-attach.
    """
    tool = shutil.which("lxc-attach")
    if tool is None:
        raise ContainerError("there is no lxc-attach in PATH on the target; install LXC's tools")
    argv = [tool, "-n", name, "-P", runtime.place_of(lxc, name), "-o", log, "-l", "ERROR", "-q", "--clear-env"]
    own = {key: value for key, value in program.environment if not key.startswith(LOADER)}
    argv += ["--keep-var=" + key for key in own]
    argv += ["--set-var=%s=%s" % pair for pair in program.environment if pair[0] not in own]
    argv += ["--uid=%d" % program.uid] if program.uid is not None else []
    argv += ["--gid=%d" % program.gid] if program.gid is not None else []
    return [*argv, "--", *program.argv], own


def execute(lxc: runtime.Runtime, name: str, program: Program, parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Run a program and return how it ended. Raises ContainerError if LXC could not run it at all."""
    log = run_files.scratch(lxc.lxc_path, name)
    try:
        argv, environment = attach(lxc, name, program, log)
        stdin = (parameters["stdin"] or "").encode("utf-8", "surrogateescape")
        ended = command.run(argv, environment, stdin, parameters["timeout"], parameters["output_limit"])
        errors = runtime.error_lines(log)
    finally:
        run_files.remove_logs([log])
    if errors:
        raise ContainerError("LXC could not run %s: %s" % (ascii(program.argv[0]), "; ".join(errors[:3])))
    result: Dict[str, Any] = {
        "changed": True,
        "cmd": list(parameters["argv"]),
        "rc": ended.code,
        "stdout": ended.stdout.decode("utf-8", "replace"),
        "stderr": ended.stderr.decode("utf-8", "replace"),
        "output_truncated": ended.cut,
    }
    if ended.code is None:
        result["msg"] = "container %r: the program was killed after %g seconds" % (name, parameters["timeout"])
    elif ended.code != 0:
        result["msg"] = "container %r: the program ended with %d" % (name, ended.code)
    return dict(result, failed=ended.code != 0)
