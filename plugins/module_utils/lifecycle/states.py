# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the desired state of a container, its actual state, and the times that its steps may take."""

from __future__ import annotations

from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from ..container_spec.records import Check, Limits
from ..errors import ContainerError
from ..model.id_map import Ids
from ..workers import pool


class DesiredState(NamedTuple):
    """The desired state of one container.

    `restart`: whether it may be restarted after a change; `declared`: whether it has a spec, from which it can be
    built; `optional`: key, source and target of each mount that may be missing if its source is missing; `apparmor`:
    the profile that the spec asks for; `reload`: the name of the signal at which its command reads its configuration again;
    `remove_volumes`: whether its volumes go with it; `after`: the containers that have to be ready before it is started;
    `ready`: the checks that it has itself;
    `ports`: protocol and number of the target's ports that the spec asks for.
    """

    name: str
    state: str
    restart: bool = False
    limits: Limits = Limits()
    declared: bool = False
    optional: Tuple[Tuple[str, str, str], ...] = ()
    apparmor: Optional[str] = None
    reload: Optional[str] = None
    remove_volumes: bool = False
    after: Tuple[str, ...] = ()
    ready: Tuple[Check, ...] = ()
    ports: Tuple[Tuple[str, int], ...] = ()


class ActualState(NamedTuple):
    """The actual state of one container. `state`: as LXC reports it, or ABSENT (nothing), or INCOMPLETE (no config).

    `restart_due`: whether it has changed since it was started; `shift_to`: the ids that the owners of its files must be
    shifted to; `reload_due`: whether something has changed that its command reads at a signal, which it has not got yet;
    `filter_due`: whether the rules of its packet filter have changed, and it has not got them yet.
    """

    state: str
    pid: Optional[int] = None
    restart_due: bool = False
    shift_to: Optional[Ids] = None
    reload_due: bool = False
    filter_due: bool = False


class Times(NamedTuple):
    """Times in seconds: how long to watch a start, to wait for a clean stop, and to wait for a start."""

    settle: float
    stop: float
    start: float


Survey = Dict[str, Union[ActualState, ContainerError]]
Errors = Dict[str, str]


def names_of(all_desired: Iterable[DesiredState]) -> List[str]:
    """Return the names of the containers."""
    return [desired.name for desired in all_desired]


def reasons(results: Mapping[str, pool.Result]) -> Errors:
    """Return the errors among the results of a list of calls."""
    return {name: result.error for name, result in results.items() if result.error}
