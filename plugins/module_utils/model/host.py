# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the facts of a target that the stages need. target/facts.py reads them."""

from __future__ import annotations

from typing import FrozenSet, Mapping, NamedTuple, Optional, Tuple, Union

from ..container_spec.sources import Sources
from ..errors import ContainerError
from .archive_index import Index

# The kinds of a path that matter for a mount. A socket and a FIFO count as files.
DIRECTORY, FILE, DEVICE = "directory", "file", "device"


class Binary(NamedTuple):
    """A busybox on the target; `interpreter` is its dynamic loader, None if it is static."""

    path: str
    digest: str
    size: int
    applets: Tuple[str, ...]
    interpreter: Optional[str]


class FilterTools(NamedTuple):
    """The programs for packet filters of containers: nft or iptables with its path, and the words that run a program in the
    network of a process, or in a network of its own."""

    program: str
    enter: str
    apart: str


class Host(NamedTuple):
    """Facts of one target.

    - `init_lxc`, `init_lxc_static`: the paths of LXC's init programs.
    - `paths`: the paths named in the specs that exist.
    - `links`: the real path of each path that is a link or lies below one.
    - `kinds`: the kind of each path that exists: directory, file or device.
    - `devices`: c or b and the numbers of each device.
    - `barriers`: for each path, the directories on the way to it that not everybody can pass, with user, group and
      mode.
    - `below`: for each path, what is mounted below it: the path of each mount relative to it, and the mount's options.
    - `away`: interfaces of the target that a running container has now. The value is the container that keeps it, or an
      empty string if the interface will be back in time.
    - `busyboxes`: by requested path (None: the one that was found), a Binary or the reason why there is none.
    - `controllers`: the cgroup version (1 or 2) that each controller is on.
    - `apparmor`, `selinux`, `seccomp`: whether they are switched on in the kernel.
    - `seccomp_profile`: LXC's common seccomp profile.
    - `nft`, `iptables`: the paths of these programs; nft only if it works here.
    - `filter_tools`: the programs for packet filters; or, as `no_filter`, why there are none.
    - `sleep`, `shell`: programs below /usr that a container without busybox can use.
    - `sources`: the files of the controller that the specs name. `objects`: the directory that holds their contents.
    - `log_drivers`: which of syslog and journald the target has.
    - `archives`: the indexes of its archives by their digests, or why one is refused.
    - `seed`: an id of this target, so that ids derived from it differ from those of other targets.
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
    nft: Optional[str] = None
    iptables: Optional[str] = None
    filter_tools: Optional[FilterTools] = None
    no_filter: str = ""
    sleep: Optional[str] = None
    shell: Optional[str] = None
    log_drivers: FrozenSet[str] = frozenset()
    resolv_conf: str = ""
    seed: str = ""
    sources: Sources = {}
    objects: str = ""
    archives: Mapping[str, Union[Index, str]] = {}

    def busybox(self, path: Optional[str]) -> Binary:
        """Return the busybox at a path. Raise ContainerError if there is none."""
        found = self.busyboxes.get(path, "was not looked for")
        if not isinstance(found, Binary):
            raise ContainerError("busybox.path: %s" % found)
        return found
