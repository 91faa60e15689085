# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what was read on a target, and the verdict of one check."""

from __future__ import annotations

from typing import FrozenSet, Mapping, NamedTuple, Optional, Tuple, Union

from ..model.host import Binary
from ..plan import apparmor as profiles
from ..plan import name_servers


class Facts(NamedTuple):
    """What was read on a target.

    `namespaces`: those of the kernel. `users`: how many user namespaces there may be. `lxc`: its version, or None.
    `ways`: how LXC can be reached. `unreached`: why it cannot be in the way that was asked for. `busybox`: a Binary, or
    why there is none. `ids`: the ranges for user namespaces that root has. `closed`: the directory that keeps others out
    of the lxc path, or none. `mapping`: why the file system cannot be mounted with mapped ids, empty where it can.
    `resolver`: name servers that answer containers, where those of its resolv.conf are the target itself.
    `free`, `inodes`: bytes and inodes that are free, None where the file system has no fixed number of inodes.
    `read_only`: the places that should be writable and are not. `there`: the containers that have a directory.
    `python`: the version of the target's Python; `ctypes`: whether it can call the kernel. `noexec`: whether no program
    can run that lies in the lxc path. `profiles`: what there is of AppArmor.
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


class Check(NamedTuple):
    """One verdict: whether the target can do it, what was found, and what to do where it cannot."""

    ok: bool
    found: str
    advice: str = ""
