# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what the stages need to know about a target, as data. target/facts.py reads it."""

from __future__ import annotations

from typing import FrozenSet, Mapping, NamedTuple, Optional, Tuple

from ..errors import ContainerError

# What a path is, as far as it matters for a mount; a socket and a FIFO count as files.
DIRECTORY, FILE, DEVICE = "directory", "file", "device"


class Binary(NamedTuple):
    """A busybox on the target; `interpreter` is its dynamic loader, None where it is static."""

    path: str
    digest: str
    size: int
    applets: Tuple[str, ...]
    interpreter: Optional[str]


class Host(NamedTuple):
    """Facts of one target.

    `paths`: which of the paths that the specs name exist; `links`: where those lead that are links, or lie below one.
    `kinds`: what those are that exist, see above; `devices`: c or b and the numbers of the devices.
    `barriers`: the directories on the way to a path that not everybody can pass, with user, group and mode.
    `below`: what is mounted below those paths, by path; each with its own relative to that, and its options.
    `away`: interfaces of the target that a container has which runs; each with the one that keeps it, empty where it
    will be back.
    `busyboxes`: by the path asked for (None: the one found), a Binary or the reason why there is none.
    `controllers`: the cgroup version (1 or 2) that each controller is on.
    `apparmor`, `selinux`, `seccomp`: whether the kernel has them switched on. `seccomp_profile`: LXC's common one.
    `sleep`, `shell`: programs below /usr that a container without busybox can use. `seed`: what makes ids of this
    target differ from others.
    """

    init_lxc: Optional[str] = None
    init_lxc_static: Optional[str] = None
    paths: FrozenSet[str] = frozenset()
    links: Mapping[str, str] = {}
    kinds: Mapping[str, str] = {}
    devices: Mapping[str, str] = {}
    barriers: Mapping[str, Tuple[Tuple[str, int, int, int], ...]] = {}
    below: Mapping[str, Tuple[Tuple[str, Tuple[str, ...]], ...]] = {}
    interfaces: FrozenSet[str] = frozenset()
    away: Mapping[str, str] = {}
    busyboxes: Mapping[Optional[str], object] = {}
    controllers: Mapping[str, int] = {}
    apparmor: bool = False
    selinux: bool = False
    seccomp: bool = False
    seccomp_profile: Optional[str] = None
    sleep: Optional[str] = None
    shell: Optional[str] = None
    resolv_conf: str = ""
    seed: str = ""

    def busybox(self, path: Optional[str]) -> Binary:
        """The busybox at that path. Raises ContainerError where there is none."""
        found = self.busyboxes.get(path, "was not looked for")
        if not isinstance(found, Binary):
            raise ContainerError("busybox.path: %s" % found)
        return found
