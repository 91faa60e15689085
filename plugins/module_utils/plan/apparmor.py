# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: which AppArmor profile a container gets, and why LXC could not start it with that. See apparmor.c of LXC."""

from __future__ import annotations

from typing import FrozenSet, NamedTuple, Optional

from ..container_spec.records import Container
from .security import UNCONFINED

KEY = "lxc.apparmor.profile"
GENERATED = "generated"
# What LXC takes by itself, with cgroup namespaces and without, and the file that it brings along for both.
DEFAULT_CGNS, DEFAULT = "lxc-container-default-cgns", "lxc-container-default"
DEFAULT_FILE = "/etc/apparmor.d/lxc-containers"
LOAD = "load it with apparmor_parser --replace %s%s, or set security.apparmor to unconfined to go without"


class State(NamedTuple):
    """AppArmor on a target.

    `on`: whether the kernel has it and has not been told to leave it off. `loaded`: the profiles, None where they cannot
    be read. `confined`: whether we are under a profile ourselves, which LXC then leaves as it is. `parser`: the program
    that loads profiles, None where there is none. `brought`: whether the file of LXC's own profiles is there, without
    which LXC may not know AppArmor. `cgroup_namespaces`: whether the kernel has them.
    """

    on: bool = False
    loaded: Optional[FrozenSet[str]] = None
    confined: bool = False
    parser: Optional[str] = None
    brought: bool = False
    cgroup_namespaces: bool = True


def requested_profile(container: Container) -> Optional[str]:
    """The profile that a spec asks for, LXC's own key last; None where LXC is to choose."""
    return (dict(container.lxc).get(KEY) or (container.security.apparmor,))[-1]


def profile(wanted: Optional[str], state: State) -> Optional[str]:
    """The profile that has to be loaded for a container that asks for `wanted`; None where there is none to look for."""
    if not state.on or wanted in (*UNCONFINED, GENERATED):
        return None
    if wanted:
        # A profile in another namespace, or several: the list does not tell of them.
        return None if wanted.startswith(":") or "//&" in wanted else wanted
    if state.confined or not state.brought:
        return None
    return DEFAULT_CGNS if state.cgroup_namespaces else DEFAULT


def obstacle(wanted: Optional[str], state: State) -> str:
    """Why LXC cannot start a container that asks for `wanted`, and what to do; an empty string where nothing is known."""
    if state.on and wanted == GENERATED and not state.parser:
        return "a generated profile needs apparmor_parser, which is not there; install apparmor"
    needed = profile(wanted, state)
    if needed is None or state.loaded is None or needed in state.loaded:
        return ""
    file = DEFAULT_FILE if needed in (DEFAULT_CGNS, DEFAULT) else "FILE"
    install = "" if state.parser else ", which is in the package apparmor"
    return "AppArmor is switched on and its profile %s is not loaded; %s" % (needed, LOAD % (file, install))


def loaded_in(text: str) -> FrozenSet[str]:
    """The profiles in the text of the kernel's list, each with its mode behind it."""
    return frozenset(line.rpartition(" (")[0] for line in text.split("\n") if line.endswith(")"))
