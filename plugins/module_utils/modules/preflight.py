# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module preflight (I/O, reads only): takes specs and returns what the target can and cannot do."""

from __future__ import annotations

import os
import platform
from typing import Any, Dict, Mapping, Optional, Tuple

from .. import call
from ..container_spec import parse
from ..disk import places
from ..errors import ContainerError, RefusedError
from ..lxc import programs, runtime
from ..model import id_map
from ..plan import rootfs_tree
from ..preflight import records, requirements
from ..target import facts, id_mapped_mounts, packet_filters, published, resolvers, system_calls

# LXC's default directory for containers, used if LXC cannot be asked.
LXC_PATH = "/var/lib/lxc"


def run(parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the verdicts, with `msg` if a needed check is not fulfilled. Raises RefusedError for invalid specs."""
    bridge = call.bridge_of(parameters)
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"], bridge=bridge)
    wanted = [container for container in containers if container.state != "absent"]
    found = gather(parameters, bridge)
    checks = {name: check(found, wanted) for name, check in requirements.CHECKS.items()}
    needed = requirements.needed_by(wanted) if parameters["needed"] is None else parameters["needed"]
    verdicts = [
        {
            "name": name,
            "ok": check.ok,
            "needed": name in needed,
            "found": check.found,
            "advice": None if check.ok else check.advice,
        }
        for name, check in checks.items()
    ]
    result: Dict[str, Any] = {"changed": False, "checks": verdicts, "lxc_path": found.lxc_path}
    result["checkpoint"] = os.path.lexists(os.path.join(found.lxc_path, places.CHECKPOINT))
    reasons = requirements.reasons(checks, needed)
    return {**result, "msg": "; ".join(reasons)} if reasons else result


def gather(parameters: Mapping[str, Any], bridge: str) -> records.Facts:
    """Read and return the facts of the target. Raises RefusedError for an invalid lxc_path."""
    version, ways, lxc_path, unreached = lxc(parameters)
    nearest = facts.existing(lxc_path)
    status = os.statvfs(nearest)
    filters = packet_filters.find()
    return records.Facts(
        **facts.of_kernel(),
        users=int(facts.read_text("/proc/sys/user/max_user_namespaces").strip() or 0),
        seccomp=facts.seccomp(),
        seccomp_profile=facts.seccomp_profile(),
        selinux=facts.selinux(),
        lxc=version,
        ways=ways,
        unreached=unreached,
        lxc_path=lxc_path,
        init_lxc=facts.first_program("init.lxc", facts.INIT_DIRECTORIES),
        init_lxc_static=facts.first_program("init.lxc.static", facts.INIT_DIRECTORIES),
        bridge=bridge,
        interfaces=frozenset(os.listdir("/sys/class/net")),
        resolv_conf=facts.read_text(rootfs_tree.RESOLV_CONF),
        resolver=resolvers.find((bridge,)),
        busybox=facts.busybox(None),  # The stages check a busybox that a spec names.
        ids=len(id_map.slots(*facts.free_ids())),
        closed=facts.closed(lxc_path) or "",
        mapping=why_not_mapped(nearest),
        free=status.f_bavail * status.f_frsize,
        # File systems such as btrfs create inodes on demand and report that they have none.
        inodes=status.f_favail if status.f_files else None,
        there=frozenset(os.listdir(lxc_path)) if nearest == lxc_path else frozenset(),
        python=platform.python_version(),
        ctypes=system_calls.has_ctypes(),
        noexec=bool(status.f_flag & os.ST_NOEXEC),
        profiles=facts.apparmor_state(),
        rules=facts.nft() or facts.first_program("iptables", facts.PROGRAMS),
        filters=filters.tools.program if filters.tools else None,
        no_filter=filters.lacking,
        forwards=published.forwards(),
        read_only=tuple(path for path in (nearest, "/run") if os.statvfs(path).f_flag & os.ST_RDONLY),
    )


def why_not_mapped(path: str) -> str:
    """Return why a path cannot have id-mapped mounts, or an empty string if it can."""
    try:
        can_map, reason = id_mapped_mounts.supported(path)
    except OSError as error:
        return "%s: %s" % (error.filename, error.strerror)
    except ContainerError as error:
        return str(error).partition("; ")[0]
    return "" if can_map else reason


def lxc(parameters: Mapping[str, Any]) -> Tuple[Optional[str], Tuple[str, ...], str, str]:
    """Return LXC's version, the ways to reach it, its directory, and why it cannot be reached (empty if it can).

    There is a directory even if there is no LXC yet. Raises RefusedError for an invalid lxc_path.
    """
    wanted = call.lxc_path_of(parameters)
    tools = programs.has_tools()
    ways = tuple(name for name, there in (("binding", programs.has_binding()), ("tools", tools)) if there)
    try:
        found = runtime.choose(parameters["runtime"], wanted)
        return found.version(), ways, found.lxc_path, ""
    except (RefusedError, ContainerError) as error:
        return None, ways, wanted or LXC_PATH, str(error)
