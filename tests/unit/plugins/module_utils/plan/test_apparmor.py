# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AppArmor profile a container gets, and why LXC could not start it with that."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import apparmor
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.apparmor import State

LIST = "lxc-container-default-cgns (enforce)\n/usr/bin/man//filter (complain)\nname (with) more (unconfined)\n"
LOADED = apparmor.loaded_in(LIST)
GOOD = State(True, LOADED, parser="/usr/sbin/apparmor_parser", brought=True)
BAD = GOOD._replace(loaded=frozenset())


def test_the_list_of_the_kernel() -> None:
    assert sorted(LOADED) == ["/usr/bin/man//filter", "lxc-container-default-cgns", "name (with) more"]
    assert apparmor.loaded_in("") == frozenset()


# What a spec asks for, the target, and the beginning of what is told.
OBSTACLES: dict[str, tuple[str | None, State, str]] = {
    "no AppArmor": (None, State(), ""),
    "no AppArmor for a profile": ("own", State(), ""),
    "the default is loaded": (None, GOOD, ""),
    "the default is not loaded": (
        None,
        BAD,
        "AppArmor is switched on and its profile lxc-container-default-cgns is not",
    ),
    "without cgroup namespaces": (
        None,
        GOOD._replace(cgroup_namespaces=False),
        "AppArmor is switched on and its profile lxc-container-default is not loaded; load it with apparmor_parser"
        " --replace /etc/apparmor.d/lxc-containers, or set security.apparmor to unconfined to go without",
    ),
    "an LXC that may not know AppArmor": (None, BAD._replace(brought=False), ""),
    "a target that is confined itself": (None, BAD._replace(confined=True), ""),
    "a list that cannot be read": (None, BAD._replace(loaded=None), ""),
    "unconfined": ("unconfined", BAD, ""),
    "unchanged": ("unchanged", BAD, ""),
    "generated": ("generated", BAD, ""),
    "generated without the parser": (
        "generated",
        BAD._replace(parser=None),
        "a generated profile needs apparmor_parser, which is not there; install apparmor",
    ),
    "a profile of the spec": (
        "own",
        GOOD,
        "AppArmor is switched on and its profile own is not loaded; load it with apparmor_parser --replace FILE, or",
    ),
    "a profile without the parser": (
        "own",
        GOOD._replace(parser=None),
        "AppArmor is switched on and its profile own is not loaded; load it with apparmor_parser --replace FILE, which"
        " is in the package apparmor, or",
    ),
    "a profile of the spec that is loaded": ("/usr/bin/man//filter", GOOD, ""),
    "a profile of another namespace": (":ns:own", GOOD, ""),
    "two profiles": ("a//&b", GOOD, ""),
}


@pytest.mark.parametrize(("wanted", "state", "told"), OBSTACLES.values(), ids=OBSTACLES)
def test_obstacles(wanted: str | None, state: State, told: str) -> None:
    found = apparmor.obstacle(wanted, state)
    assert found.startswith(told)
    assert bool(found) == bool(told)


ASKED: dict[str, tuple[dict[str, Any], str | None]] = {
    "nothing": ({}, None),
    "a key": ({"security": {"apparmor": "own"}}, "own"),
    "LXC's own key, which comes last": (
        {"security": {"apparmor": "own"}, "lxc": {"lxc.apparmor.profile": ["a", "b"]}},
        "b",
    ),
}


@pytest.mark.parametrize(("given", "profile"), ASKED.values(), ids=ASKED)
def test_what_a_spec_asks_for(given: dict[str, Any], profile: str | None) -> None:
    assert apparmor.requested_profile(keys.CONTAINER({"name": "c", **given})) == profile
