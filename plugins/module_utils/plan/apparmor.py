# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the AppArmor profile of a container, and why LXC could not start it with that. See apparmor.c of LXC."""

from __future__ import annotations

from typing import FrozenSet, NamedTuple, Optional

from ..container_spec.records import Container
from .security import UNCONFINED

KEY = "lxc.apparmor.profile"
GENERATED = "generated"
# The profiles that LXC chooses by itself, with and without cgroup namespaces, and the file in which it installs both.
DEFAULT_CGNS, DEFAULT = "lxc-container-default-cgns", "lxc-container-default"
DEFAULT_FILE = "/etc/apparmor.d/lxc-containers"
LOAD = "load it with apparmor_parser --replace %s%s, or set security.apparmor to unconfined to go without"


class State(NamedTuple):
    """AppArmor on a target.

    - `on`: whether the kernel has AppArmor and it is not switched off.
    - `loaded`: the loaded profiles, None if they cannot be read.
    - `confined`: whether this process is confined by a profile itself. LXC then keeps that profile.
    - `parser`: the program that loads profiles, None if there is none.
    - `brought`: whether the file with LXC's own profiles exists. Without it, LXC may not support AppArmor.
    - `cgroup_namespaces`: whether the kernel has them.
    """

    on: bool = False
    loaded: Optional[FrozenSet[str]] = None
    confined: bool = False
    parser: Optional[str] = None
    brought: bool = False
    cgroup_namespaces: bool = True


def requested_profile(container: Container) -> Optional[str]:
    """Return the profile that a spec asks for, or None if LXC is to choose. The key `lxc` takes precedence."""
    return (dict(container.lxc).get(KEY) or (container.security.apparmor,))[-1]


def profile(wanted: Optional[str], state: State) -> Optional[str]:
    """Return the profile that must be loaded for a container that asks for `wanted`, or None for no such profile."""
    if not state.on or wanted in (*UNCONFINED, GENERATED):
        return None
    if wanted:
        # A profile in another namespace, or several profiles: the kernel's list does not contain those.
        return None if wanted.startswith(":") or "//&" in wanted else wanted
    if state.confined or not state.brought:
        return None
    return DEFAULT_CGNS if state.cgroup_namespaces else DEFAULT


def obstacle(wanted: Optional[str], state: State) -> str:
    """Return why LXC cannot start a container that asks for `wanted`, and what to do about it.

    Return an empty string if nothing is known to prevent the start.
    """
    if state.on and wanted == GENERATED and not state.parser:
        return "a generated profile needs apparmor_parser, which is not there; install apparmor"
    needed = profile(wanted, state)
    if needed is None or state.loaded is None or needed in state.loaded:
        return ""
    file = DEFAULT_FILE if needed in (DEFAULT_CGNS, DEFAULT) else "FILE"
    install = "" if state.parser else ", which is in the package apparmor"
    return "AppArmor is switched on and its profile %s is not loaded; %s" % (needed, LOAD % (file, install))


def loaded_in(text: str) -> FrozenSet[str]:
    """Return the profiles in the text of the kernel's list, where the mode follows each name."""
    return frozenset(line.rpartition(" (")[0] for line in text.split("\n") if line.endswith(")"))
