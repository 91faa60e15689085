# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module logs (I/O, reads only): returns what containers have written."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Sequence

from .. import call
from ..container_spec import parse
from ..errors import RefusedError
from ..lifecycle import history, survey
from ..model import manifest
from ..plan import lxc_config
from ..target import facts

LINES_MAX = 100000


def run(parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the last lines of the containers that are named, or of all of ours. Raises RefusedError."""
    if not 1 <= parameters["lines"] <= LINES_MAX:
        raise RefusedError("lines: %r is not from 1 to %d" % (parameters["lines"], LINES_MAX))
    names: Sequence[str] = parse.parse_names(parameters["name"] or ())
    lxc = call.choose_runtime(parameters)
    if parameters["name"] is None:
        names = survey.names_with(lxc.lxc_path, manifest.FILE_NAME)
    return {
        "changed": False,
        "containers": [item_of(lxc.lxc_path, name, parameters) for name in dict.fromkeys(names)],
        "lxc_path": lxc.lxc_path,
    }


def item_of(lxc_path: str, name: str, parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the last lines of one container, or why there are none."""
    lines = history.output_of(lxc_path, name, parameters["since_start"])
    return {
        "name": name,
        "lines": lines[-parameters["lines"] :],
        "error": None if lines else why_nothing(lxc_path, name),
    }


def why_nothing(lxc_path: str, name: str) -> str:
    """Return why there is no output of a container."""
    if not os.path.isfile(os.path.join(lxc_path, name, manifest.FILE_NAME)):
        return "this collection made no container of this name"
    config = facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME))
    if "\nlxc.console.logfile = " in config:
        return "it has written nothing"
    return "none of its output is kept; see log and command in its spec"
