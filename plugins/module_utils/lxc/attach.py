# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the command that runs a program in a running container."""

from __future__ import annotations

import shutil
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..errors import ContainerError
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
