# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): the volumes of containers, see plan/volumes.py.

What is in a volume belongs to its container and may be hostile. The directories above it are those of the target's root.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, List, Mapping, Optional, Sequence

from ..container_spec.records import Container
from ..errors import ContainerError
from ..model import tree
from ..model.id_map import Ids
from ..plan import volumes as plan
from ..target import project_quotas as target_quotas
from . import places, project_quotas, removal, writing
from .beneath import OPEN_DIRECTORY, Directories, read_text

RECORD_MAX = 1024 * 1024


def names(lxc_path: str, container: str) -> List[str]:
    """Return the names of a container's volumes, also of those that it no longer declares. Only reads."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted(name for name in os.listdir(places.volumes(lxc_path, container)) if not name.startswith("."))
    return []


def owners(lxc_path: str) -> List[str]:
    """Return the names of all containers that have volumes, also of those that are gone. Only reads."""
    return names(lxc_path, "")


def observe(lxc_path: str, container: str, wanted: Sequence[str]) -> Dict[str, plan.Observed]:
    """Return what is on disk of the wanted volumes. Missing ones are left out. Only reads."""
    found: Dict[str, plan.Observed] = {}
    for name in wanted:
        with suppress(FileNotFoundError):
            path = os.path.join(places.volumes(lxc_path, container), name)
            status = os.lstat(path)
            directory, mode = stat.S_ISDIR(status.st_mode), stat.S_IMODE(status.st_mode)
            usage = usage_of(path)
            found[name] = plan.Observed(directory, mode, (status.st_uid, status.st_gid), usage.limit if usage else 0)
    return found


def usage_of(path: str) -> Optional[target_quotas.Usage]:
    """Return the limit of a volume and what it holds, or None if this collection limits nothing there. Only reads."""
    # Not a directory, or a file system that has been mounted without its quotas.
    with suppress(OSError), project_quotas.opened(path) as fd:
        project = target_quotas.project_of(fd).number
        if project_quotas.is_own(project) and target_quotas.are_in_force(fd):
            return target_quotas.usage_of(fd, project)
    return None


def without_limit(lxc_path: str, container: str) -> List[str]:
    """Return the names of a container's volumes whose limits are not in force any more. Only reads."""
    lost = []
    for name in names(lxc_path, container):
        path = os.path.join(places.volumes(lxc_path, container), name)
        with suppress(OSError), project_quotas.opened(path) as fd:
            own = project_quotas.is_own(target_quotas.project_of(fd).number)
            lost += [name] if own and not target_quotas.are_in_force(fd) else []
    return lost


def can_limit(lxc_path: str) -> bool:
    """Return whether the file system that volumes are on, or will be, limits what a directory may hold. Only reads."""
    path = places.volumes(lxc_path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return target_quotas.are_in_force(fd)
    finally:
        os.close(fd)


def passes(lxc_path: str, container: Container, access: tree.Access) -> bool:
    """Return whether the directory of a container's volumes has this access, if there is one. Only reads."""
    if container.volumes:
        with suppress(FileNotFoundError):
            status = os.lstat(places.volumes(lxc_path, container.name))
            return access == tree.Access(stat.S_IMODE(status.st_mode), status.st_gid)
    return True


def recorded(lxc_path: str, container: str) -> Optional[Ids]:
    """Return the ids that files of a container's volumes have on disk, or None if it has no volumes.

    Only reads. Raises ContainerError if the record is damaged.
    """
    try:
        with Directories(places.volumes(lxc_path, container)) as directories:
            text = read_text(directories, plan.RECORD, RECORD_MAX)
    except (FileNotFoundError, NotADirectoryError):
        return None
    # An empty one is of a run that was killed before its sync: the container was not started, and its volumes are empty.
    return plan.parse_record(text) if text else None


def record(lxc_path: str, container: str, ids: Ids) -> None:
    """Record the ids that files of a container's volumes have on disk, if it has volumes."""
    if names(lxc_path, container):
        with Directories(places.volumes(lxc_path, container)) as directories:
            write_record(directories, plan.render_record(ids), durable=True)


def write_record(directories: Directories, text: str, durable: bool) -> None:
    """Replace the record beside the volumes. `durable`: not with the next sync of the file system, but now."""
    new, top = plan.RECORD + ".new", directories.must("")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=top)
    with open(fd, "wb", buffering=0) as stream:
        writing.write_whole(stream, text.encode())
        if durable:
            os.fsync(fd)
    os.rename(new, plan.RECORD, src_dir_fd=top, dst_dir_fd=top)


def give_access(path: str, wanted: tree.Access) -> None:
    """Let the container pass a directory of the target's root, if there is one."""
    with suppress(FileNotFoundError):
        os.chown(path, 0, wanted.group, follow_symlinks=False)
        os.chmod(path, wanted.mode)


def change(lxc_path: str, wanted: plan.Change) -> writing.Undo:
    """Make and adjust volumes. Return a function that undoes it. Raises ContainerError, with nothing changed then."""
    place = places.volumes(lxc_path, wanted.container)
    undos: List[Callable[[], None]] = []
    try:
        for path, mode in ((places.volumes(lxc_path), 0o711), (place, 0o700)):
            make(path, mode, undos)
        give_access(place, wanted.access)
        with Directories(place) as directories:
            top = directories.must("")
            if not read_text(directories, plan.RECORD, RECORD_MAX):
                # The volumes are synced with all other changes of the run.
                write_record(directories, wanted.record, durable=False)
                undos.append(partial(os.unlink, os.path.join(place, plan.RECORD)))
            for step in wanted.steps:
                take(step, os.path.join(place, step.name), top, undos)
    except ContainerError:
        undo_all(undos)
        raise
    except OSError as error:
        undo_all(undos)
        raise ContainerError(writing.reason_of(error, place)) from None
    return partial(undo_all, undos)


def make(path: str, mode: int, undos: List[Callable[[], None]]) -> None:
    """Make a directory of the target's root, if it is missing, and add the undo."""
    with suppress(FileExistsError):
        writing.make_missing(os.path.dirname(path))
        os.mkdir(path, 0o700)
        undos.append(partial(os.rmdir, path))
        os.chmod(path, mode)


def take(step: plan.Step, path: str, top: int, undos: List[Callable[[], None]]) -> None:
    """Make or adjust one volume, by a descriptor of exactly this directory, and add the undo."""
    if step.new:
        os.mkdir(step.name, 0o700, dir_fd=top)
        undos.append(partial(os.rmdir, path))
    fd = os.open(step.name, OPEN_DIRECTORY, dir_fd=top)
    try:
        before = os.fstat(fd)
        if not step.new:
            undos.append(partial(put_back, path, before))
        if step.owner is not None:
            os.fchown(fd, *step.owner)
        # After the owner: chown(2) may clear bits of the mode.
        os.fchmod(fd, stat.S_IMODE(before.st_mode) if step.mode is None else step.mode)
        if step.limit is not None:
            usage = usage_of(path)
            # Without another walk through it, should its container be at work there.
            undos.append(partial(project_quotas.give_limit, path, usage.limit if usage else 0))
            project_quotas.limit_directory(fd, path, step.limit)
    finally:
        os.close(fd)


def put_back(path: str, before: os.stat_result) -> None:
    """Give a volume its former owner and mode again."""
    os.chown(path, before.st_uid, before.st_gid, follow_symlinks=False)
    os.chmod(path, stat.S_IMODE(before.st_mode))


def undo_all(undos: Sequence[Callable[[], None]]) -> None:
    """Undo steps, last one first, as far as they can be undone: a container may have filled a volume meanwhile."""
    for undo in reversed(undos):
        with suppress(OSError, ContainerError):
            undo()


def remove_all(lxc_path: str, containers: Sequence[str]) -> Mapping[str, str]:
    """Remove the volumes of containers. Return the reason for each container where that failed."""
    return writing.remove_all({name: partial(remove, lxc_path, name) for name in containers}, lxc_path)


def remove(lxc_path: str, container: str) -> None:
    """Remove all volumes of a container, whose lock the caller holds.

    A rename takes their name away first: nobody can use half of them. Raises ContainerError if something is mounted.
    """
    place = places.volumes(lxc_path, container)
    removal.refuse_mounts(place)
    removal.sweep(lxc_path, container)
    if os.path.lexists(place):
        for path in (os.path.join(place, name) for name in names(lxc_path, container)):
            usage = usage_of(path)
            if usage and usage.limit:
                # Else nobody would take the limit away, and no other volume could have the number of its project.
                project_quotas.give_limit(path, 0)
        os.rename(place, places.volumes_gone(lxc_path, container))
        writing.sync(places.volumes(lxc_path))
        removal.sweep(lxc_path, container)
    with suppress(OSError):
        os.rmdir(places.volumes(lxc_path))
