# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses (I/O, reads only): the parameters of a module."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Union

from . import argument_specs
from .container_spec import keys, parse, sources, values
from .container_spec.records import Container
from .lxc import runtime
from .model.archive_index import Index


class Call(NamedTuple):
    """The parsed parameters of a stage.

    `failed` are the containers that failed in an earlier stage, with the reasons. This stage leaves them as they are.
    `sources` are the files of the controller that the specs name, `incoming` is the directory with the contents it has sent.
    `archives` are the indexes of its archives, or why one is refused, by digest; they become known during the run.
    """

    containers: Sequence[Container]
    lxc: runtime.Runtime
    bridge: str
    failed: Mapping[str, str]
    check: bool
    diff: bool
    sources: sources.Sources = {}
    incoming: str = ""
    archives: Mapping[str, Union[Index, str]] = {}


def of(parameters: Mapping[str, Any], check: bool, diff: bool) -> Call:
    """Return the parsed parameters of a stage's module. Raise RefusedError."""
    bridge = bridge_of(parameters)
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"], parameters["secrets"], bridge)
    lxc, failed = choose_runtime(parameters), failures_before(parameters)
    delivered = sources.parse(parameters.get("sources") or {})
    return Call(containers, lxc, bridge, failed, check, diff, delivered, parameters.get("incoming") or "")


def lxc_path_of(parameters: Mapping[str, Any]) -> Optional[str]:
    """Return the parameter `lxc_path`, or None for LXC's own directory of containers. Raise RefusedError."""
    lxc_path = parameters["lxc_path"]
    return str(values.option("lxc_path", values.path, lxc_path)) if lxc_path else None


def choose_runtime(parameters: Mapping[str, Any]) -> runtime.Runtime:
    """Return the way to LXC that the parameters choose. Raise RefusedError."""
    return runtime.choose(parameters["runtime"], lxc_path_of(parameters))


def bridge_of(parameters: Mapping[str, Any]) -> str:
    """Return the parameter `bridge`, or its default: stages that write no config lack it. Raise RefusedError."""
    name = parameters.get("bridge", argument_specs.BRIDGE["bridge"]["default"])
    return str(values.option("bridge", keys.INTERFACE, name))


def failures_before(parameters: Mapping[str, Any]) -> Dict[str, str]:
    """Return the containers that failed in an earlier stage, with the reasons."""
    return {name: str(reason) for name, reason in (parameters.get("failed_earlier") or {}).items()}
