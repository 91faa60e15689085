# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): changes the trees of containers, each as a whole or not at all.

Each container's change is a transaction. New content is written beside the tree and synced before any name points to
it. Then the names change one by one, each step with its undo. Then everything is synced again. A new container is built
in a directory of its own, which is renamed into place when it is complete. If the run is killed at any moment, each
entry is the old one, the new one, or named in the manifest, and the next run cleans up and converges.

Nothing below a container's directory is trusted: see beneath.Directories.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from functools import partial
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import ContainerError
from ..model import manifest as manifests
from ..model import tree
from ..model.id_map import ROOT, Owner
from . import places, removal, volumes, writing
from .beneath import OPEN_DIRECTORY, Directories, mount_id


class Change(NamedTuple):
    """The change of one container: the planned actions, and the manifest before and after it.

    `access` is the mode and group of the container's directory; None leaves them as they are.
    """

    name: str
    actions: Tuple[tree.Action, ...]
    before: manifests.Manifest
    after: manifests.Manifest
    access: Optional[tree.Access] = None

    def owner(self, entry: tree.Entry) -> Owner:
        """Return user and group of an entry on disk. Beside the rootfs all belongs to root of the target."""
        return self.after.ids.owner(entry.owner) if entry.path.startswith("rootfs") else ROOT

    def pending(self) -> manifests.Manifest:
        """Return the manifest during the change: it owns the entries of before and those of after."""
        merged = self.after
        for name, stage in self.before.stages.items():
            new = self.after.entries(name)
            entries = {**stage.entries, **new}
            last = self.after.stages.get(name, stage)
            earlier = dict(stage.earlier)
            for path in new:
                if stage.entries.get(path, new[path]) != new[path]:
                    earlier[path] = tuple(dict.fromkeys((stage.entries[path], *earlier.get(path, ()))))
            merged = merged.with_stage(name, manifests.Stage(entries, last.changed, earlier, reload=last.reload))
        return merged


def apply(lxc_path: str, changes: Sequence[Change]) -> Dict[str, str]:
    """Carry out the changes. Return the reason for each container whose change failed.

    A change that fails is undone. All changes share their syncs: a hundred containers cost as many syncs as one.
    """
    errors: Dict[str, str] = {}
    many = sum(len(change.actions) for change in changes) > removal.MANY
    for step in (prepare, commit, finish):
        going = {change.name: change for change in changes if change.name not in errors}
        steps = {name: partial(step, lxc_path, change) for name, change in going.items()}
        failed = writing.for_all(steps, lxc_path, divide=many)
        for name in failed:
            discard(lxc_path, going[name])
        errors.update(failed)
        reason = writing.attempt(partial(writing.sync, lxc_path), lxc_path)
        if reason:
            return {change.name: errors.get(change.name, reason) for change in changes}
    return errors


def place_of(lxc_path: str, change: Change) -> Tuple[str, bool]:
    """Return the directory to work in, and whether the container is new."""
    final = os.path.join(lxc_path, change.name)
    new = not os.path.lexists(os.path.join(final, manifests.FILE_NAME))
    return (places.building(lxc_path, change.name) if new else final), new


def prepare(lxc_path: str, change: Change) -> None:
    """Write all new content beside the tree, and nothing else."""
    removal.sweep(lxc_path, change.name)
    root, new = place_of(lxc_path, change)
    if new:
        writing.make_missing(lxc_path)
        os.mkdir(root, 0o700)
        os.chmod(root, 0o700)
    with Directories(root) as directories:
        os.mkdir(places.STAGE, 0o700, dir_fd=directories.get(""))
        for number, action in enumerate(change.actions):
            if action.entry and action.entry.kind == tree.FILE and action.verb != "adjust":
                writing.write_staged(directories, "new-%d" % number, action.entry, change.owner(action.entry))
        pending = change.pending()
        writing.write_staged(directories, "pending", tree.file("pending", 0o600, manifests.render(pending)))
        if pending != change.after:
            writing.write_staged(directories, "manifest", tree.file("manifest", 0o600, manifests.render(change.after)))


def commit(lxc_path: str, change: Change) -> None:
    """Rename the new content into place. If a step fails, undo all steps, last one first, and raise its error."""
    root, _new = place_of(lxc_path, change)
    undos: List[writing.Undo] = []
    with Directories(root) as directories:
        work = Work(directories, undos, change)
        try:
            work.place("pending", manifests.FILE_NAME)
            for number, action in enumerate(change.actions):
                VERBS[action.verb](work, action, number)
        except Exception:
            undo_all(undos)
            raise


def undo_all(undos: Sequence[writing.Undo]) -> None:
    """Undo the steps, last one first.

    If one cannot be undone, the manifest, which was placed first, keeps naming both states.
    """
    failed = False
    for undo in reversed(undos[1:]):
        try:
            undo()
        except OSError:
            failed = True
    if undos and not failed:
        undos[0]()


class Work:
    """The steps of one commit. Each step adds its undo."""

    def __init__(self, directories: Directories, undos: List[writing.Undo], change: Change) -> None:
        self.directories, self.undos, self.change = directories, undos, change
        self.kept = 0
        self.links: Dict[bytes, str] = {}

    def parent(self, path: str) -> Tuple[int, str]:
        """Return the directory that holds a path, and the name in it.

        Raises ContainerError if the directory is gone.
        """
        above, _slash, name = path.rpartition("/")
        return self.directories.must(above), name

    def stage(self) -> int:
        """Return the descriptor of the stage directory."""
        return self.directories.must(places.STAGE)

    def create(self, action: tree.Action, number: int) -> None:
        """Make an entry where nothing exists."""
        entry = action.wanted()
        parent, name = self.parent(action.path)
        if entry.kind == tree.DIRECTORY:
            os.mkdir(name, 0o700, dir_fd=parent)
            self.undos.append(lambda: os.rmdir(name, dir_fd=parent))
            self.directories.forget(action.path)
            fd = self.directories.must(action.path)
            os.fchown(fd, *self.change.owner(entry))
            os.fchmod(fd, entry.mode)
        elif entry.kind == tree.LINK:
            self.make_link(entry.content, name, parent)
            self.undos.append(lambda: os.unlink(name, dir_fd=parent))
        else:
            self.place("new-%d" % number, action.path)

    def make_link(self, target: bytes, name: str, parent: int) -> None:
        """Make a symbolic link. All links to the same target share an inode.

        Flash storage has few inodes, and finding a free one is by far the slowest part of making a link. The shared
        link is in the stage directory, where no container can replace it.
        """
        first = self.links.get(target)
        if first is None:
            first = self.links[target] = "link-%d" % len(self.links)
            os.symlink(os.fsdecode(target), first, dir_fd=self.stage())
            self.own_link(first, self.stage())
        try:
            os.link(first, name, src_dir_fd=self.stage(), dst_dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            # Some file systems have no hard links to symbolic links, or the inode already has as many as it can have.
            if error.errno not in (errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            os.symlink(os.fsdecode(target), name, dir_fd=parent)
            self.own_link(name, parent)

    def own_link(self, name: str, parent: int) -> None:
        """Give a new link to root of the container. All links are below the rootfs."""
        owner = self.change.after.ids.owner()
        if owner != ROOT:
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)

    def replace(self, action: tree.Action, number: int) -> None:
        """Replace an entry, and keep the old one until the end."""
        entry, before = action.wanted(), action.found()
        if before.kind == tree.DIRECTORY or entry.kind == tree.DIRECTORY:
            self.remove(action, number)
            self.create(action, number)
            return
        if entry.kind == tree.LINK:
            self.make_link(entry.content, "new-%d" % number, self.stage())
        self.place("new-%d" % number, action.path)

    def place(self, staged: str, path: str) -> None:
        """Rename a staged entry to its path. The old entry stays linked in the stage directory for the undo."""
        parent, name = self.parent(path)
        kept = "old-%d" % self.kept
        self.kept += 1
        try:
            os.link(name, kept, src_dir_fd=parent, dst_dir_fd=self.stage(), follow_symlinks=False)
        except FileNotFoundError:
            self.undos.append(lambda: os.unlink(name, dir_fd=parent))
        else:
            self.undos.append(lambda: os.rename(kept, name, src_dir_fd=self.stage(), dst_dir_fd=parent))
        os.rename(staged, name, src_dir_fd=self.stage(), dst_dir_fd=parent)

    def remove(self, action: tree.Action, _number: int) -> None:
        """Remove an entry: a directory only if it is empty; anything else moves into the stage directory."""
        parent, name = self.parent(action.path)
        before = action.found()
        if before.kind == tree.DIRECTORY:
            os.rmdir(name, dir_fd=parent)
            self.undos.append(lambda: self.make_again(action.path, before))
        else:
            kept = "old-%d" % self.kept
            self.kept += 1
            os.rename(name, kept, src_dir_fd=parent, dst_dir_fd=self.stage())
            self.undos.append(lambda: self.give_back(kept, action.path))
        self.directories.forget(action.path)

    # If the directory above was removed too, the undo has made a new one by now. So these look it up again.

    def make_again(self, path: str, before: tree.Observed) -> None:
        """Undo the removal of an empty directory."""
        parent, name = self.parent(path)
        os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        os.fchown(fd, *self.change.before.ids.owner(before.owner or ROOT))
        os.fchmod(fd, before.mode)
        os.close(fd)

    def give_back(self, kept: str, path: str) -> None:
        """Undo the removal of anything but a directory."""
        parent, name = self.parent(path)
        os.rename(kept, name, src_dir_fd=self.stage(), dst_dir_fd=parent)

    def adjust(self, action: tree.Action, _number: int) -> None:
        """Give an entry its mode and its owner."""
        self.set_mode(action.wanted())

    def set_mode(self, entry: tree.Entry) -> None:
        """Set the mode and the owner through a descriptor of exactly the entry that was checked.

        Raises ContainerError if it changed.
        """
        parent, name = self.parent(entry.path)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            status = os.fstat(fd)
            plain = stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
            if not plain or mount_id(fd) != self.directories.mount:
                raise ContainerError("%s: changed while we looked; run again" % entry.path)
            by_descriptor = "/proc/self/fd/%d" % fd
            os.chown(by_descriptor, *self.change.owner(entry))
            os.chmod(by_descriptor, entry.mode)
        finally:
            os.close(fd)
        back = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
        self.undos.append(lambda: self.put_back(parent, name, back))

    def put_back(self, parent: int, name: str, back: Tuple[int, int, int]) -> None:
        """Undo a change of mode and owner."""
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        if not stat.S_ISLNK(os.fstat(fd).st_mode):
            os.chown("/proc/self/fd/%d" % fd, back[1], back[2])
            os.chmod("/proc/self/fd/%d" % fd, back[0])
        os.close(fd)


VERBS: Mapping[str, Callable[[Work, tree.Action, int], None]] = {
    "create": Work.create,
    "replace": Work.replace,
    "adjust": Work.adjust,
    "remove": Work.remove,
}


def finish(lxc_path: str, change: Change) -> None:
    """Finish a change that is on disk: place the final manifest, remove the stage, give a new container its name."""
    root, new = place_of(lxc_path, change)
    with Directories(root) as directories:
        stage, top = directories.get(places.STAGE), directories.get("")
        with suppress(FileNotFoundError):
            # The final manifest differs from the pending one only if the change removes entries.
            os.rename("manifest", manifests.FILE_NAME, src_dir_fd=stage, dst_dir_fd=top)
        removal.remove_below(directories, (places.STAGE,))
    if change.access is not None:
        volumes.give_access(root, change.access)
        volumes.give_access(places.volumes(lxc_path, change.name), change.access)
    if new:
        os.rename(root, os.path.join(lxc_path, change.name))


def discard(lxc_path: str, change: Change) -> None:
    """Remove what a failed change left beside the tree."""
    try:
        removal.sweep(lxc_path, change.name)
    except OSError:
        return  # The next run cleans up. The user must see why the change itself failed.
