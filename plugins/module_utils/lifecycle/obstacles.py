# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks (I/O, reads only): why LXC could not start a container.

It is asked before a running one is stopped for a restart.
"""

from __future__ import annotations

import os
import stat
from typing import Dict, List, Optional, Sequence, Tuple

from ..disk import beneath
from ..errors import ContainerError
from ..model import config_text, mountinfo
from ..plan import apparmor, lxc_config, lxc_hooks, lxc_mounts
from ..target import facts
from ..verify import in_force

# The file that lxc-create keeps in a container's directory while it works.
PARTIAL = "partial"


def refuse_start(lxc_path: str, name: str, foreseen: Optional[Tuple[Optional[str]]] = None) -> None:
    """Raise ContainerError if LXC cannot start a container.

    `foreseen`: the AppArmor profile that the container asks for, if its config is still to be written.
    """
    root = os.path.join(lxc_path, name)
    partial = os.path.join(root, PARTIAL)
    if os.path.lexists(partial):
        raise ContainerError(
            "LXC starts no container that has a file %s, which lxc-create has there while it is at work; remove the file"
            " if no lxc-create runs" % partial
        )
    lines = config_text.lines_of(facts.read_text(os.path.join(root, lxc_config.FILE_NAME)))
    wanted = foreseen or tuple(in_force.values_of(lines, apparmor.KEY)[-1:])
    reason = apparmor.obstacle(wanted[0] if wanted else None, facts.apparmor_state())
    if reason:
        raise ContainerError("security.apparmor: " + reason)
    if foreseen:
        return
    for source, inside in missing(lines, lxc_config.place_of_mounts(os.path.realpath(lxc_path), name)):
        raise ContainerError(
            "mounts: %s, which is to be mounted at %s, does not exist on the target; make it, or take it out of the spec"
            % (source, inside)
        )
    for program in programs(lines):
        place = forbidding(root, lines, program)
        if place:
            raise ContainerError(
                "its program %s cannot run, since %s is on a file system that is mounted noexec; mount that with exec, or"
                " choose another place" % (program, place)
            )


def missing(lines: Sequence[in_force.Line], place: str) -> List[Tuple[str, str]]:
    """Return the missing sources that a hook is to mount, each with its path in the container.

    `place`: the directory that the hook mounts them in, which is all that LXC would name in its error. The gateway
    directory is made by the hook itself.
    """
    sources = {"%s/%s" % (place, number): source for number, source in brought(lines).items()}
    found = []
    for value in in_force.values_of(lines, "lxc.mount.entry") if sources else ():
        fields = [mountinfo.decoded(field) for field in value.split()]
        source = sources.get(fields[0])
        if source is None or "optional" in fields[3].split(",") or "/" + fields[1] == lxc_mounts.GATEWAYS:
            continue
        if not os.path.exists(source):
            found.append((source, "/" + fields[1]))
    return found


def brought(lines: Sequence[in_force.Line]) -> Dict[str, str]:
    """Return the sources that hooks mount at places of their own, by the numbers of those places."""
    values = in_force.values_of(lines, "lxc.hook.pre-start")
    return {number: source for value in values for number, source in lxc_hooks.brought(value).items()}


def programs(lines: Sequence[in_force.Line]) -> List[str]:
    """Return the paths in the container of the programs that LXC runs: PID 1, and what LXC's own init starts."""
    words = [word for value in in_force.values_of(lines, "lxc.init.cmd")[-1:] for word in value.split()]
    after = (
        words[words.index("--") + 1 :][:1]
        if "--" in words and words[0].rpartition("/")[2].startswith("init.lxc")
        else []
    )
    return [word for word in [*words[:1], *after] if word.startswith("/")]


def forbidding(root: str, lines: Sequence[in_force.Line], program: str) -> Optional[str]:
    """Return where on the target a program is if its file system is mounted noexec, else None."""
    source, bound = origin(lines, program)
    if bound:
        return source if source and is_noexec(source) else None
    rootfs = os.path.join(root, "rootfs")
    return rootfs if is_noexec(rootfs) and has_program(rootfs, program) else None


def origin(lines: Sequence[in_force.Line], path: str) -> Tuple[Optional[str], bool]:
    """Return where on the target a path of the container is, and whether a mount of the config covers the path.

    The first is None if no mount covers it, or if the mount is no bind mount.
    """
    found: Tuple[Optional[str], bool] = (None, False)
    for value in in_force.values_of(lines, "lxc.mount.entry"):
        fields = [mountinfo.decoded(field) for field in value.split()]
        point = "/" + fields[1].strip("/") if len(fields) > 3 else ""
        if point and (path == point or path.startswith(point + "/")):
            binds = bool({"bind", "rbind"} & set(fields[3].split(",")))
            found = (fields[0] + path[len(point) :] if binds else None), True
    return found


def is_noexec(path: str) -> bool:
    """Return whether the mount that a path is on is mounted noexec."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_NOEXEC)
    except OSError:
        return False


def has_program(rootfs: str, path: str) -> bool:
    """Return whether the rootfs itself has a program at a path. A bind mount over a file leaves an empty file there."""
    try:
        fd = beneath.resolve(rootfs, path)
    except ContainerError:
        return False
    if fd is None:
        return False
    try:
        status = os.fstat(fd)
        return stat.S_ISREG(status.st_mode) and status.st_size > 0
    finally:
        os.close(fd)
