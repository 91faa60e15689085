# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the Debians that targets are made of: their suites, packages, trees and archive."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Iterable, List, Sequence, Tuple

from ..errors import RefusedError

# The name that a list of targets uses, and the one that the archive uses.
SUITES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie", "debian-14": "forky"}
# All that any target may need: what one of them shall not have is hidden from it, so that one tree serves all.
PACKAGES = (
    "busybox",
    "dnsmasq-base",
    "dropbear-bin",
    "iproute2",
    "iptables",
    "lxc",
    "openssh-server",
    "openssh-sftp-server",
    "python3",
    "python3-lxc",
)
# Changes when the way in which a tree is made does, so that trees of another way are not taken for it.
RECIPE = 1


def packages(extra: Sequence[str]) -> Tuple[str, ...]:
    """All packages of a tree, sorted."""
    return tuple(sorted({*PACKAGES, *extra}))


def tree_name(distribution: str, names: Sequence[str]) -> str:
    """The directory of a tree in the cache: another list of packages is another tree."""
    digest = hashlib.sha256(json.dumps([RECIPE, distribution, list(names)]).encode())
    return "%s.%s" % (distribution, digest.hexdigest()[:12])


def mirror(lines: Iterable[str]) -> str:
    """The address of the archive, from apt's own list of what it reads: the first that has the component main.

    In: lines of `apt-get indextargets`, each with address, suite and component. Suites with a dash hold updates.
    Raises RefusedError.
    """
    for line in lines:
        address, suite, component = line.split("|")
        if component == "main" and "-" not in suite:
            return address
    raise RefusedError("apt knows no archive with the component main: set softwarecontainer_targets_mirror")


def users_of(tree: str, mountinfo: Iterable[str]) -> List[str]:
    """The lines of a mount table in which a tree lies below an overlay."""
    return [line for line in mountinfo if re.search(r"lowerdir=%s(,|:|$)" % re.escape(tree), line)]
