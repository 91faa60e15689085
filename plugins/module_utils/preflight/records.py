# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the facts of a target, and the verdict of one check."""

from __future__ import annotations

from typing import FrozenSet, Mapping, NamedTuple, Optional, Tuple, Union

from ..model.host import Binary
from ..plan import apparmor as profiles
from ..plan import name_servers


class Facts(NamedTuple):
    """The facts of a target.

    - `namespaces`: the kinds of namespaces that the kernel has.
    - `users`: the maximum number of user namespaces.
    - `lxc`: the version of LXC, or None.
    - `ways`: how LXC can be reached.
    - `unreached`: why LXC cannot be reached in the requested way.
    - `busybox`: a Binary, or the reason why there is none.
    - `ids`: how many ranges of ids root has for user namespaces.
    - `closed`: a directory on the way to the lxc path that not everybody can pass, or an empty string.
    - `mapping`: why the file system does not support mounts with mapped ids, empty if it does.
    - `resolver`: name servers that answer containers, if those in the target's resolv.conf are the target itself.
    - `free`, `inodes`: free bytes and inodes; `inodes` is None if the file system has no fixed number of them.
    - `read_only`: the places that should be writable and are not.
    - `there`: the containers that have a directory.
    - `python`: the version of the target's Python.
    - `ctypes`: whether that Python can call the kernel.
    - `noexec`: whether programs in the lxc path cannot run.
    - `profiles`: the state of AppArmor.
    - `filters`: the program that packet filters of containers are loaded with, or None; or, as `no_filter`, why.
    - `rules`: nft or iptables, or None. `forwards`: whether the target forwards packets.
    """

    root: bool = True
    kernel: str = ""
    namespaces: FrozenSet[str] = frozenset()
    users: int = 0
    layout: str = ""
    controllers: Mapping[str, int] = {}
    seccomp: bool = False
    seccomp_profile: Optional[str] = None
    apparmor: bool = False
    selinux: bool = False
    lxc: Optional[str] = None
    ways: Tuple[str, ...] = ()
    unreached: str = ""
    lxc_path: str = ""
    init_lxc: Optional[str] = None
    init_lxc_static: Optional[str] = None
    bridge: str = ""
    interfaces: FrozenSet[str] = frozenset()
    resolv_conf: str = ""
    resolver: Optional[name_servers.Servers] = None
    busybox: Union[Binary, str] = ""
    ids: int = 0
    closed: str = ""
    mapping: str = ""
    free: int = 0
    inodes: Optional[int] = None
    read_only: Tuple[str, ...] = ()
    there: FrozenSet[str] = frozenset()
    python: str = ""
    ctypes: bool = False
    noexec: bool = False
    profiles: profiles.State = profiles.State()
    filters: Optional[str] = None
    no_filter: str = ""
    rules: Optional[str] = None
    forwards: bool = False


class Check(NamedTuple):
    """One verdict: whether the target meets the requirement, what was found, and what to do if it does not."""

    ok: bool
    found: str
    advice: str = ""
