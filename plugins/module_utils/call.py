# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses (I/O, reads only): what every module is called with, beside the specs."""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence

from . import argument_specs
from .container_spec import keys, parse, values
from .container_spec.records import Container
from .lxc import runtime


class Call(NamedTuple):
    """What a stage is called with, parsed once.

    `failed`: the containers that an earlier stage has failed for, with its reasons: they are left as they are.
    """

    containers: Sequence[Container]
    lxc: runtime.Runtime
    bridge: str
    failed: Mapping[str, str]
    check: bool
    diff: bool


def of(parameters: Mapping[str, Any], check: bool, diff: bool) -> Call:
    """The call of a stage, from its module's parameters. Raises RefusedError."""
    bridge = bridge_of(parameters)
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"], parameters["secrets"], bridge)
    return Call(containers, choose_runtime(parameters), bridge, failures_before(parameters), check, diff)


def lxc_path_of(parameters: Mapping[str, Any]) -> Optional[str]:
    """The directory of the containers that a module is given, None for LXC's own. Raises RefusedError."""
    given = parameters["lxc_path"]
    return str(values.option("lxc_path", values.path, given)) if given else None


def choose_runtime(parameters: Mapping[str, Any]) -> runtime.Runtime:
    """The way to LXC for a module's parameters. Raises RefusedError."""
    return runtime.choose(parameters["runtime"], lxc_path_of(parameters))


def bridge_of(parameters: Mapping[str, Any]) -> str:
    """The bridge of a module's parameters; the stages that write no config have none. Raises RefusedError."""
    given = parameters.get("bridge", argument_specs.BRIDGE["bridge"]["default"])
    return str(values.option("bridge", keys.INTERFACE, given))


def failures_before(parameters: Mapping[str, Any]) -> Dict[str, str]:
    """The containers that an earlier stage has failed for, with its reasons: they are left as they are."""
    return {name: str(reason) for name, reason in (parameters.get("failed_earlier") or {}).items()}
