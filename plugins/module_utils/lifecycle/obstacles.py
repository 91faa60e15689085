# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks (I/O, reads only): why LXC could not start a container.

It is asked before a running one is stopped for a restart.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Dict, List, Optional, Sequence, Tuple

from ..disk import beneath
from ..errors import ContainerError
from ..model import config_text, mountinfo
from ..plan import apparmor, launch, lxc_config, lxc_hooks, lxc_mounts
from ..target import facts
from ..verify import device_nodes, in_force

# The file that lxc-create keeps in a container's directory while it works.
PARTIAL = "partial"
# Where LXC looks for programs, unless the container's environment says otherwise.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


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
    text = facts.read_text(os.path.join(root, lxc_config.FILE_NAME))
    lines = config_text.lines_of(text)
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
    for path, (source, node) in device_nodes.wanted(lines).items():
        there = facts.device(source)
        if there != node.device:
            raise ContainerError(
                "gateways.devices: %s, which is to be at %s, is %s now and not %s as when the config was written; write it anew"
                % (source, path, there or "no device", node.device)
            )
    refuse_programs(root, lines, launch.command_in(text))


def refuse_programs(root: str, lines: Sequence[in_force.Line], command: Sequence[str]) -> None:
    """Raise ContainerError if a program that a container begins with is not there or cannot run."""
    if command and lacks(root, lines, command[0]):
        key = "command" if runs_init_lxc(init_words(lines)) else "init"
        raise ContainerError("%s: there is no %s in the container" % (key, ascii(command[0])))
    for program in programs(lines, command):
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
    sources = sources_at(lines, place)
    found = []
    for value in in_force.values_of(lines, "lxc.mount.entry") if sources else ():
        fields = [mountinfo.decoded(field) for field in value.split()]
        source = sources.get(fields[0])
        if source is None or "optional" in fields[3].split(",") or "/" + fields[1] == lxc_mounts.GATEWAYS:
            continue
        if not os.path.exists(source):
            found.append((source, "/" + fields[1]))
    return found


def sources_at(lines: Sequence[in_force.Line], place: str) -> Dict[str, str]:
    """Return the sources that a hook mounts in the directory `place`, by the paths that they have there."""
    return {"%s/%s" % (place, number): source for number, source in brought(lines).items()}


def bound(lines: Sequence[in_force.Line], place: str) -> Dict[str, str]:
    """Return the path in the container of each source that is mounted there; `place` as for `sources_at`."""
    sources = sources_at(lines, place)
    entries = [
        [mountinfo.decoded(field) for field in value.split()] for value in in_force.values_of(lines, "lxc.mount.entry")
    ]
    return {sources.get(fields[0], fields[0]): "/" + fields[1].strip("/") for fields in entries if len(fields) > 3}


def brought(lines: Sequence[in_force.Line]) -> Dict[str, str]:
    """Return the sources that hooks mount at places of their own, by the numbers of those places."""
    values = in_force.values_of(lines, "lxc.hook.pre-start")
    return {number: source for value in values for number, source in lxc_hooks.brought(value).items()}


def programs(lines: Sequence[in_force.Line], command: Sequence[str]) -> List[str]:
    """Return the paths in the container of the programs that are run: by LXC, by LXC's own init, and by our script."""
    words = init_words(lines)
    after = words[words.index("--") + 1 :][:1] if runs_init_lxc(words) else []
    return list(dict.fromkeys(word for word in [*words[:1], *after, *command[:1]] if word.startswith("/")))


def init_words(lines: Sequence[in_force.Line]) -> List[str]:
    """Return the command line of PID 1."""
    return [word for value in in_force.values_of(lines, "lxc.init.cmd")[-1:] for word in value.split()]


def runs_init_lxc(words: Sequence[str]) -> bool:
    """Return whether PID 1 of a command line is LXC's small init, which starts the program after two dashes."""
    return "--" in words and words[0].rpartition("/")[2].startswith("init.lxc")


def lacks(root: str, lines: Sequence[in_force.Line], program: str) -> bool:
    """Return whether a container surely lacks a program: a path, or a name that is looked for in its PATH."""
    if "/" in program:
        return program.startswith("/") and is_missing(root, lines, program)
    values = [
        value[len("PATH=") :] for value in in_force.values_of(lines, "lxc.environment") if value.startswith("PATH=")
    ]
    directories = (values[-1] if values else PATH).split(":")
    return all(is_missing(root, lines, "%s/%s" % (directory, program)) for directory in directories)


def is_missing(root: str, lines: Sequence[in_force.Line], path: str) -> bool:
    """Return whether nothing will be at a path of a container that is started now."""
    source, bound = origin(lines, path)
    if not bound:
        return is_missing_below(os.path.join(root, "rootfs"), path)
    # What a hook is to bind is not at its place yet.
    return bool(source) and not str(source).startswith(lxc_config.MOUNTS) and not os.path.lexists(str(source))


def is_missing_below(root: str, path: str) -> bool:
    """Return whether nothing is at a path below a root, by any way that a container could take.

    A link on the way could lead to a mount of the container, which is not there yet, so it counts as something.
    """
    if ".." in path.split("/"):
        return False
    here = os.open(root, beneath.OPEN_DIRECTORY)
    try:
        for name in filter(None, path.split("/")):
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
            os.close(here)
            here = fd
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR) and not stat.S_ISLNK(os.fstat(here).st_mode)
    finally:
        os.close(here)
    return False


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
