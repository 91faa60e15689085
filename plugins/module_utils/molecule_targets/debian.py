# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the Debian releases of the targets: their suites, packages, trees and archive."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Iterable, List, NamedTuple, Sequence, Tuple

from ..errors import RefusedError

# The name of a distribution in a list of targets, and its name in the archive.
SUITES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie", "debian-14": "forky"}
# Everything that any target may need. One tree serves all targets: what a target must not have is hidden from it.
PACKAGES = (
    "busybox",
    "dnsmasq-base",
    "dropbear-bin",
    "iproute2",
    "iptables",
    "lxc",
    "nftables",
    "openssh-server",
    "openssh-sftp-server",
    "python3",
    "python3-lxc",
)
# Raise this number when trees are built in another way. Trees of the old way are then not used any more.
RECIPE = 1
MACHINE_RECIPE = 2

# Everything that any machine has: an init of its own, and what Ansible and a user log in with. What the role host installs
# is missing: its own task installs it.
MACHINE_PACKAGES = (
    "apparmor",
    "dbus",
    "iproute2",
    "kmod",
    "libpam-systemd",
    "openssh-server",
    "procps",
    "python3",
    "python3-apt",
    "sudo",
    "systemd",
    "systemd-sysv",
    "udev",
)


class Tree(NamedTuple):
    """What a tree is built from. A system container's has no architecture, since it is this machine's, and no repository."""

    distribution: str
    packages: Tuple[str, ...]
    architecture: str = ""
    repository: Tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Return its name for users."""
        return "-".join(filter(None, (self.distribution, self.architecture)))

    @property
    def name(self) -> str:
        """Return the name of its directory in the cache."""
        if not self.architecture:
            return tree_name(self.distribution, self.packages)
        digest = hashlib.sha256(json.dumps([MACHINE_RECIPE, *self]).encode())
        return "%s.%s" % (self.title, digest.hexdigest()[:12])


def packages(extra: Sequence[str]) -> Tuple[str, ...]:
    """Return all packages of a tree, sorted."""
    return tuple(sorted({*PACKAGES, *extra}))


def tree_name(distribution: str, names: Sequence[str]) -> str:
    """Return the name of a tree's directory in the cache. Another list of packages is another tree."""
    digest = hashlib.sha256(json.dumps([RECIPE, distribution, list(names)]).encode())
    return "%s.%s" % (distribution, digest.hexdigest()[:12])


def mirror(lines: Iterable[str]) -> str:
    """Return the address of the archive: the first one in apt's own list that has the component main.

    `lines` come from `apt-get indextargets`, each with address, suite and component. Suites with a dash hold updates.
    Raise RefusedError if there is none.
    """
    for line in lines:
        address, suite, component = line.split("|")
        if component == "main" and "-" not in suite:
            return address
    raise RefusedError("apt knows no archive with the component main: set softwarecontainer_targets_mirror")


def users_of(tree: str, mountinfo: Iterable[str]) -> List[str]:
    """Return the lines of a mount table that have the tree, or a directory in it, below an overlay."""
    return [line for line in mountinfo if re.search(r"lowerdir=%s(/[^,:]*)?(,|:|$)" % re.escape(tree), line)]
