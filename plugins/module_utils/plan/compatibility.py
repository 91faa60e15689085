# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a version of LXC cannot do on a target, although both LXC and the target are in order."""

from __future__ import annotations

from typing import FrozenSet, List, Mapping, Sequence

from ..container_spec.records import Container, Limits

# LXC 7.0 has no keys for cgroups of version 1, and it expects version 2 at /sys/fs/cgroup.
WITHOUT_VERSION_1 = 7
VERSION_2_ALONE = (
    "start the target with cgroups of version 2 alone, by systemd.unified_cgroup_hierarchy=1 on the kernel's command line,"
    " or without systemd by cgroup_no_v1=all there and cgroup2 mounted at /sys/fs/cgroup"
)
ADVICE = VERSION_2_ALONE + "; only a container with security.devices set to all and without limits can do without"


def lacks_cgroups(version: str, layout: str) -> bool:
    """Return whether this LXC cannot use the target's cgroups: `layout` is 1, 2 or hybrid, see target/facts.py."""
    major = version.partition(".")[0]
    return layout != "2" and major.isdigit() and int(major) >= WITHOUT_VERSION_1


def out_of_reach(controllers: Mapping[str, int]) -> FrozenSet[str]:
    """Return the controllers that LXC cannot use: those on version 2 while others are on version 1.

    `controllers`: the version of each. Then LXC reads the keys of version 1 alone; see cgfsng.c in its source. Debian 13 has
    its controllers so if it is started with hybrid cgroups, since its kernel has no memory controller of version 1.
    """
    if 1 not in [version for name, version in controllers.items() if not name.startswith("name=")]:
        return frozenset()
    return frozenset(name for name, version in controllers.items() if version == 2) - {"unified"}


def mixed(controller: str) -> str:
    """Return why LXC cannot use a controller that is out of its reach."""
    return "LXC cannot use the controller %s, which is on cgroup version 2 while others are on version 1" % controller


def cgroup_keys(container: Container) -> List[str]:
    """Return the keys of a spec that need cgroups."""
    found = ["security.devices"] if container.security.devices is not None else []
    found += ["limits"] if container.limits != Limits() else []
    return found + [key for key, _values in container.lxc if key.startswith(OLD_KEYS)]


OLD_KEYS = "lxc.cgroup."
# Controllers that version 2 does not have in any form.
ONLY_VERSION_1 = ("net_cls", "net_prio")


def refusal(version: str, layout: str) -> str:
    """Return why this LXC cannot do what needs cgroups."""
    return "LXC %s needs cgroups of version 2 alone, and the target has version %s" % (version, layout)


def is_refused_key(lines: Sequence[str]) -> bool:
    """Return whether LXC's error lines say that it does not know a key for cgroups of version 1."""
    return any('Unsupported config key "%s' % OLD_KEYS in line for line in lines)
