# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): the only code of this collection that changes the target's disk.

A change of a container is a transaction. New content is written beside the tree and synced before any name
points to it; then the names change one by one, each step with its undo; then all is synced again. A new
container is built in a directory of its own that is renamed into place when it is complete. Killed at any
moment, what is left is the old, the new, or named in the manifest, and the next run sweeps and converges.

Below a container's directory nothing is trusted: see scan.Directories.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import signal
import stat
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..container_spec import spec
from ..errors import ContainerError, unexpected
from ..model import manifest as manifests
from ..model import tree
from ..model.id_map import Ids, shifted
from ..target import system_calls
from ..workers import pool
from .beneath import OPEN_DIRECTORY, ROOT, Directories, mount_id, mounted_below, plain_file, read_text

# Where work in progress lies: in the container's directory, never below its rootfs.
STAGE = ".stage"
# The lock of those who choose ids for containers of a lxc path.
IDS = ".ids"
# Where a checkpoint lies in the lxc path. No container has such a name, and none is built where this one is made.
CHECKPOINT = ".checkpoint"
# What lies at the top of a container or a checkpoint that is being built. What holds anything else is not ours.
BUILT = frozenset(("rootfs", "config", manifests.FILE_NAME, "index.json", "containers", "objects"))
LOCKS = "/run/softwarecontainer.lxc"
LOCK_SECONDS = 120
CHUNK = 1024 * 1024
# From so many actions on another process is worth its fork.
MANY = 1000

Undo = Callable[[], Any]


class Change(NamedTuple):
    """What is to be done for one container: the plan, and the manifest before and after it.

    `access` is that of the container's directory; None leaves it as it is.
    """

    name: str
    actions: Tuple[tree.Action, ...]
    before: manifests.Manifest
    after: manifests.Manifest
    access: Optional[tree.Access] = None

    def owner(self, path: str) -> Tuple[int, int]:
        """The user and the group that an entry gets: root of the container, and that of the target outside its rootfs."""
        return self.after.ids.owner() if path.startswith("rootfs") else ROOT

    def pending(self) -> manifests.Manifest:
        """The manifest while the change is under way: it owns what was and what will be."""
        merged = self.after
        for name, stage in self.before.stages.items():
            new = self.after.entries(name)
            entries = {**stage.entries, **new}
            changed = self.after.stages[name].changed if name in self.after.stages else stage.changed
            earlier = dict(stage.earlier)
            for path in new:
                if stage.entries.get(path, new[path]) != new[path]:
                    earlier[path] = tuple(dict.fromkeys((stage.entries[path], *earlier.get(path, ()))))
            merged = merged.with_stage(name, manifests.Stage(entries, changed, earlier))
        return merged


def apply(lxc_path: str, changes: Sequence[Change]) -> Dict[str, str]:
    """Carry out the changes; the result has the reason for each container whose change failed.

    A change that fails is undone. All changes share their syncs: a hundred containers cost as many as one.
    """
    errors: Dict[str, str] = {}
    many = sum(len(change.actions) for change in changes) > MANY
    for step in (prepare, commit, finish):
        going = {change.name: change for change in changes if change.name not in errors}
        steps = {name: partial(step, lxc_path, change) for name, change in going.items()}
        failed = for_all(steps, lxc_path, divide=many)
        for name in failed:
            discard(lxc_path, going[name])
        errors.update(failed)
        reason = attempt(partial(sync, lxc_path), lxc_path)
        if reason:
            return {change.name: errors.get(change.name, reason) for change in changes}
    return errors


def for_all(steps: Mapping[str, Callable[[], None]], lxc_path: str, divide: bool) -> Dict[str, str]:
    """Take a step for each container; the result has the reason for each whose step failed.

    `divide`: in a process for each processor.
    """

    def take(name: str) -> str:
        return attempt(steps[name], os.path.join(lxc_path, name))

    results = pool.divided(take, list(steps), (os.cpu_count() or 1) if divide else 1)
    reasons = {name: result.error or result.value for name, result in results.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def attempt(step: Callable[[], None], place: str) -> str:
    """The reason why a step failed, or an empty string; `place` is where we are at work."""
    try:
        step()
    except ContainerError as error:
        return str(error)
    except OSError as error:
        return reason_of(error, place)
    except Exception as error:  # pylint: disable=broad-except
        return unexpected(error)
    return ""


def reason_of(error: OSError, place: str) -> str:
    """A failed system call in words; `place` is where we were at work."""
    name = error.filename if isinstance(error.filename, str) else ""
    # What is not a whole path may be a name that a container has chosen.
    where = name if name.startswith("/") else "%s (at %s)" % (place, ascii(name)[1:-1]) if name else place
    return "cannot write %s: %s" % (where, error.strerror)


def place_of(lxc_path: str, change: Change) -> Tuple[str, bool]:
    """The directory to work in, and whether the container is new."""
    final = os.path.join(lxc_path, change.name)
    new = not os.path.lexists(os.path.join(final, manifests.FILE_NAME))
    return (building(lxc_path, change.name) if new else final), new


def building(lxc_path: str, name: str) -> str:
    """Where a new container is built, before it is renamed into place."""
    return os.path.join(lxc_path, ".%s.new" % name)


def prepare(lxc_path: str, change: Change) -> None:
    """Write all new content beside the tree, and nothing else."""
    sweep(lxc_path, change.name)
    root, new = place_of(lxc_path, change)
    if new:
        make_missing(lxc_path)
        os.mkdir(root, 0o700)
        os.chmod(root, 0o700)
    with Directories(root) as directories:
        os.mkdir(STAGE, 0o700, dir_fd=directories.get(""))
        for number, action in enumerate(change.actions):
            if action.entry and action.entry.kind == tree.FILE and action.verb != "adjust":
                write_staged(directories, "new-%d" % number, action.entry, change.owner(action.path))
        pending = change.pending()
        write_staged(directories, "pending", tree.file("pending", 0o600, manifests.render(pending)))
        if pending != change.after:
            write_staged(directories, "manifest", tree.file("manifest", 0o600, manifests.render(change.after)))


def write_staged(directories: Directories, name: str, entry: tree.Entry, owner: Tuple[int, int] = ROOT) -> None:
    """Write the content of a file under a name of the stage, with its mode."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=directories.get(STAGE))
    with open(fd, "wb", buffering=0) as stream:
        if entry.source is not None:
            copy(entry.source, stream)
        else:
            write_whole(stream, entry.content)
        os.fchown(fd, *owner)
        os.fchmod(fd, entry.mode)


def write_whole(stream: Any, content: bytes) -> None:
    """Write all bytes: a raw write may take only a part."""
    left = memoryview(content)
    while left:
        left = left[stream.write(left) :]


def copy(source: str, stream: Any) -> None:
    """Copy a file of the target into an open file, which the kernel begins to write to disk at once, see fadvise(2)."""
    with open(source, "rb", buffering=0) as original:
        chunk = original.read(CHUNK)
        while chunk:
            write_whole(stream, chunk)
            chunk = original.read(CHUNK)
    os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def commit(lxc_path: str, change: Change) -> None:
    """Let the names point to the new content; on failure undo all steps, last one first."""
    root, _new = place_of(lxc_path, change)
    undos: List[Undo] = []
    with Directories(root) as directories:
        work = Work(directories, undos, change)
        try:
            work.place("pending", manifests.FILE_NAME)
            for number, action in enumerate(change.actions):
                VERBS[action.verb](work, action, number)
        except Exception:
            undo_all(undos)
            raise


def undo_all(undos: Sequence[Undo]) -> None:
    """Undo the steps, last one first. Where one cannot be undone the manifest, placed first, keeps naming both."""
    failed = False
    for undo in reversed(undos[1:]):
        try:
            undo()
        except OSError:
            failed = True
    if undos and not failed:
        undos[0]()


class Work:
    """The steps of one commit, each of which leaves its undo."""

    def __init__(self, directories: Directories, undos: List[Undo], change: Change) -> None:
        self.directories, self.undos, self.change = directories, undos, change
        self.kept = 0
        self.links: Dict[bytes, str] = {}

    def parent(self, path: str) -> Tuple[int, str]:
        """The directory that holds a path, and the name there; an error where it has gone."""
        above, _slash, name = path.rpartition("/")
        return self.directories.must(above), name

    def stage(self) -> int:
        """The descriptor of the stage."""
        return self.directories.must(STAGE)

    def create(self, action: tree.Action, number: int) -> None:
        """Make an entry where nothing is."""
        entry = action.wanted()
        parent, name = self.parent(action.path)
        if entry.kind == tree.DIRECTORY:
            os.mkdir(name, 0o700, dir_fd=parent)
            self.undos.append(lambda: os.rmdir(name, dir_fd=parent))
            self.directories.forget(action.path)
            fd = self.directories.must(action.path)
            os.fchown(fd, *self.change.owner(action.path))
            os.fchmod(fd, entry.mode)
        elif entry.kind == tree.LINK:
            self.make_link(entry.content, name, parent)
            self.undos.append(lambda: os.unlink(name, dir_fd=parent))
        else:
            self.place("new-%d" % number, action.path)

    def make_link(self, target: bytes, name: str, parent: int) -> None:
        """Make a symbolic link; all links to one target share an inode.

        Flash has few inodes, and to find a free one is by far the slowest part of a link. The one that is
        shared lies in the stage, where no container can put another in its place.
        """
        first = self.links.get(target)
        if first is None:
            first = self.links[target] = "link-%d" % len(self.links)
            os.symlink(os.fsdecode(target), first, dir_fd=self.stage())
            self.own_link(first, self.stage())
        try:
            os.link(first, name, src_dir_fd=self.stage(), dst_dir_fd=parent, follow_symlinks=False)
        except OSError as error:
            # File systems without hard links to links, or with as many as they can have.
            if error.errno not in (errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
                raise
            os.symlink(os.fsdecode(target), name, dir_fd=parent)
            self.own_link(name, parent)

    def own_link(self, name: str, parent: int) -> None:
        """Give a new link to root of the container; all links are below its rootfs."""
        owner = self.change.after.ids.owner()
        if owner != ROOT:
            os.chown(name, *owner, dir_fd=parent, follow_symlinks=False)

    def replace(self, action: tree.Action, number: int) -> None:
        """Put an entry in the place of another, which is kept until the end."""
        entry, before = action.wanted(), action.found()
        if before.kind == tree.DIRECTORY or entry.kind == tree.DIRECTORY:
            self.remove(action, number)
            self.create(action, number)
            return
        if entry.kind == tree.LINK:
            self.make_link(entry.content, "new-%d" % number, self.stage())
        self.place("new-%d" % number, action.path)

    def place(self, staged: str, path: str) -> None:
        """Rename a staged entry to its path; what was there stays linked in the stage for the undo."""
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
        """Take an entry away: a directory only where it is empty, anything else into the stage."""
        parent, name = self.parent(action.path)
        before = action.found()
        if before.kind == tree.DIRECTORY:
            os.rmdir(name, dir_fd=parent)
            self.undos.append(lambda: self.make_again(action.path, before.mode))
        else:
            kept = "old-%d" % self.kept
            self.kept += 1
            os.rename(name, kept, src_dir_fd=parent, dst_dir_fd=self.stage())
            self.undos.append(lambda: self.give_back(kept, action.path))
        self.directories.forget(action.path)

    # Where the directory above has been removed too, it is another one by now: it is looked for again.

    def make_again(self, path: str, mode: int) -> None:
        """Undo the removal of an empty directory."""
        parent, name = self.parent(path)
        os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, OPEN_DIRECTORY, dir_fd=parent)
        os.fchown(fd, *self.change.before.ids.owner())
        os.fchmod(fd, mode)
        os.close(fd)

    def give_back(self, kept: str, path: str) -> None:
        """Undo the removal of what is not a directory."""
        parent, name = self.parent(path)
        os.rename(kept, name, src_dir_fd=self.stage(), dst_dir_fd=parent)

    def adjust(self, action: tree.Action, _number: int) -> None:
        """Give an entry its mode and its owner."""
        self.set_mode(action.path, action.wanted().mode)

    def set_mode(self, path: str, mode: int) -> None:
        """Mode and owner root, through a descriptor of exactly the entry that was looked at."""
        parent, name = self.parent(path)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            status = os.fstat(fd)
            plain = stat.S_ISDIR(status.st_mode) or (stat.S_ISREG(status.st_mode) and status.st_nlink == 1)
            if not plain or mount_id(fd) != self.directories.mount:
                raise ContainerError("%s: changed while we looked; run again" % path)
            by_descriptor = "/proc/self/fd/%d" % fd
            os.chown(by_descriptor, *self.change.owner(path))
            os.chmod(by_descriptor, mode)
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
    """The change is on disk: the final manifest, no stage, and a new container gets its name."""
    root, new = place_of(lxc_path, change)
    with Directories(root) as directories:
        stage, top = directories.get(STAGE), directories.get("")
        with suppress(FileNotFoundError):
            # Only where the change takes entries away does the final manifest differ from the pending one.
            os.rename("manifest", manifests.FILE_NAME, src_dir_fd=stage, dst_dir_fd=top)
        remove_below(directories, (STAGE,))
    if change.access is not None:
        os.chown(root, 0, change.access.group)
        os.chmod(root, change.access.mode)
    if new:
        os.rename(root, os.path.join(lxc_path, change.name))


def discard(lxc_path: str, change: Change) -> None:
    """Take away what a failed change left beside the tree."""
    try:
        sweep(lxc_path, change.name)
    except OSError:
        return  # The next run sweeps; the reason of the failure itself is what the user must see.


def unfinished(lxc_path: str) -> List[str]:
    """The names of new containers whose building was interrupted. Reads only."""
    names = os.listdir(lxc_path) if os.path.isdir(lxc_path) else ()
    found = [match.group(1) for match in map(re.compile(r"\.(%s)\.new" % spec.NAME).fullmatch, names) if match]
    return sorted(name for name in found if interrupted(building(lxc_path, name)))


def interrupted(place: str) -> bool:
    """Whether a directory is what an interrupted build left behind, or the interrupted removal of one."""
    if os.path.islink(place) or not os.path.isdir(place):
        return False
    return all(entry in BUILT or entry.startswith(STAGE) for entry in os.listdir(place))


def leftovers(lxc_path: str, name: str) -> Tuple[str, ...]:
    """Paths that an interrupted run left behind. Reads only."""
    new, final = building(lxc_path, name), os.path.join(lxc_path, name)
    found = [new] if interrupted(new) else []
    if os.path.isdir(final) and not os.path.islink(final):
        entries = os.listdir(final)
        # The last but one step of a removal leaves an empty directory.
        found += [] if entries else [final]
        if manifests.FILE_NAME in entries:
            found += [os.path.join(final, entry) for entry in entries if entry.startswith(STAGE)]
    return tuple(found)


def sweep(lxc_path: str, name: str) -> None:
    """Remove what an interrupted run left behind."""
    for path in leftovers(lxc_path, name):
        above, _slash, last = path.rpartition("/")
        # What is moved up on the way stays where the next run looks, should this one be killed as well.
        own = above == lxc_path
        with Directories(path if own else above) as directories:
            remove_below(directories, os.listdir(path) if own else (last,))
        if own:
            os.rmdir(path)


def remove_containers(lxc_path: str, names: Sequence[str]) -> Dict[str, str]:
    """Remove the directories of containers; the result has the reason for each that could not be removed."""
    return for_all({name: partial(remove_container, lxc_path, name) for name in names}, lxc_path, divide=True)


def remove_container(lxc_path: str, name: str) -> None:
    """Remove a container's directory with all that is below it.

    Config first: without it the container is incomplete. Manifest last: while it is there, the rest is
    known to be ours and the next run goes on. Raises ContainerError where a mount lies below, before
    anything is removed.
    """
    root = os.path.join(lxc_path, name)
    refuse_mounts(root)
    sweep(lxc_path, name)
    if not os.path.lexists(root):
        return
    with Directories(root) as directories:
        top = directories.must("")
        unlink_if_there("config", top)
        os.fsync(top)
        remove_below(directories, [entry for entry in os.listdir(top) if entry != manifests.FILE_NAME])
        unlink_if_there(manifests.FILE_NAME, top)
    os.rmdir(root)


def unlink_if_there(name: str, parent: int) -> None:
    """Remove a name that may be missing."""
    with suppress(FileNotFoundError):
        os.unlink(name, dir_fd=parent)


def refuse_mounts(root: str) -> None:
    """Raise ContainerError where anything is mounted below a directory."""
    below = mounted_below(root)
    if below:
        raise ContainerError("%s is mounted on the target below the container; unmount it" % ascii(below[0])[1:-1])


def remove_below(directories: Directories, entries: Iterable[str]) -> None:
    """Remove entries of the root directory, with all that is below them.

    Directories are moved up and taken apart one by one, so that the depth of a tree costs neither stack nor
    descriptors. What is mounted cannot be moved and is an error, not followed. What cannot be moved for another reason,
    as directories of the lower layer of an overlay, is taken apart where it is.
    """
    top = directories.must("")
    waiting = list(entries)
    moved = 0
    while waiting:
        name = waiting.pop()
        directories.forget(name)
        if not unlink_or_tell(name, top):
            continue
        fd = directories.open(top, name, name)
        if fd is None:
            continue
        try:
            for entry in os.listdir(fd):
                if unlink_or_tell(entry, fd):
                    moved += 1
                    other = "%s.%d.%d" % (STAGE, os.getpid(), moved)
                    if move_up(entry, fd, other, top):
                        waiting.append(other)
                    else:
                        remove_in_place(directories, entry, fd)
        finally:
            os.close(fd)
        os.rmdir(name, dir_fd=top)


def move_up(name: str, parent: int, other: str, top: int) -> bool:
    """Rename a directory into the one at the top; False where the file system has it stay where it is."""
    try:
        os.rename(name, other, src_dir_fd=parent, dst_dir_fd=top)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def remove_in_place(directories: Directories, name: str, parent: int) -> None:
    """Remove a directory with all that is below it, from the lowest up, like `walk`: no link is followed."""
    way: List[Tuple[str, Tuple[int, int]]] = []
    here = os.dup(parent)
    waiting = [[name]]
    try:
        while waiting:
            if waiting[-1]:
                entry = waiting[-1].pop()
                there = unlink_or_tell(entry, here)
                below = directories.open(here, entry, ascii(entry)[1:-1]) if there else None
                if below is not None:
                    way.append((entry, identity(here)))
                    os.close(here)
                    here = below
                    waiting.append(os.listdir(here))
                continue
            waiting.pop()
            if way:
                entry, known = way.pop()
                above = os.open("..", OPEN_DIRECTORY, dir_fd=here)
                os.close(here)
                here = above
                if identity(here) != known:
                    raise ContainerError("its directories changed while we looked; run again")
                os.rmdir(entry, dir_fd=here)
    finally:
        os.close(here)


def unlink_or_tell(name: str, parent: int) -> bool:
    """Remove a name; True where it is a directory and still there."""
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    except OSError as error:
        # unlink(2) of a directory is EISDIR on Linux, EPERM by POSIX.
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
        if not stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise
        return True
    return False


def note_change(lxc_path: str, name: str, boot: str, seconds: float) -> None:
    """Write into the manifest that the config has changed now, so that a restart is due. Raises OSError."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        record = manifests.parse(read_text(directories, manifests.FILE_NAME, manifests.SIZE_MAX) or "")
        stage = record.stages.get("config", manifests.Stage())._replace(changed=manifests.Moment(boot, seconds))
        replace_text(directories, manifests.FILE_NAME, manifests.render(record.with_stage("config", stage)))


def replace_config(lxc_path: str, name: str, text: str) -> None:
    """Put another config in the place of one that LXC cannot load, for a container that is to be removed."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        replace_text(directories, "config", text)


def replace_text(directories: Directories, name: str, text: str) -> None:
    """Put another text in the place of a file beside the rootfs."""
    remove_below(directories, [STAGE])
    os.mkdir(STAGE, 0o700, dir_fd=directories.get(""))
    write_staged(directories, name, tree.file(name, 0o600, text))
    sync(directories.root)
    os.rename(name, name, src_dir_fd=directories.get(STAGE), dst_dir_fd=directories.get(""))
    remove_below(directories, [STAGE])


def shift_all(lxc_path: str, names: Sequence[str]) -> Dict[str, str]:
    """Give all files of containers the owners that go with their ids; the reasons of those where that failed."""
    return for_all({name: partial(shift, lxc_path, name) for name in names}, lxc_path, divide=True)


def shift(lxc_path: str, name: str) -> None:
    """Give all files of a container that does not run the owners that go with its ids.

    A run that was killed goes on: the manifest names the ids of before until all is on disk. The kernel takes setuid
    bits and capabilities of files away, see chown(2). What could lead out of the rootfs has been refused before.
    """
    root = os.path.join(lxc_path, name)
    with Directories(root) as directories:
        record = manifests.parse(read_text(directories, manifests.FILE_NAME, manifests.SIZE_MAX) or "")
        for fd, status, _way in walk(directories.must("rootfs")):
            owner = new_owner(record.ids, status)
            if owner:
                # What a descriptor of this kind stands for is a link's own owner, never that of what it leads to.
                os.chown("/proc/self/fd/%d" % fd, *owner)
        sync(root)
        replace_text(
            directories, manifests.FILE_NAME, manifests.render(record._replace(ids=record.ids._replace(before=())))
        )


def new_owner(ids: Ids, status: os.stat_result) -> Optional[Tuple[int, int]]:
    """The user and the group that a file has to get, -1 for one that is right; None where both are."""
    user, group = shifted(ids, "u", status.st_uid), shifted(ids, "g", status.st_gid)
    return None if user is None and group is None else (-1 if user is None else user, -1 if group is None else group)


def refuse_shift(lxc_path: str, name: str, ids: Ids) -> None:
    """Raise ContainerError where owners cannot be shifted, since a file has a name elsewhere, or something is mounted.

    It would be changed outside of the rootfs as well.
    """
    root = os.path.join(lxc_path, name)
    refuse_mounts(root)
    missing: Dict[Tuple[int, int], Tuple[int, str]] = {}
    with Directories(root) as directories:
        # The container may be running.
        for _fd, status, way in walk(directories.must("rootfs"), skip_gone=True):
            if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode) and new_owner(ids, status):
                path = "/".join(["rootfs", *way])
                left = missing.pop((status.st_dev, status.st_ino), (status.st_nlink, path))[0] - 1
                if left:
                    missing[status.st_dev, status.st_ino] = left, path
    for _left, path in missing.values():
        raise ContainerError(
            "%s has another name outside of the rootfs, so its owner is not shifted; remove one of them"
            % ascii(path)[1:-1]
        )


def walk(top: int, skip_gone: bool = False) -> Iterator[Tuple[int, os.stat_result, List[str]]]:
    """An O_PATH descriptor, the status, and the names on the way, of a directory and of all that is below it.

    However deep a tree is, it costs neither stack nor descriptors: the way up is looked up again, and must lead to the
    directory that we came from. No link is followed. `skip_gone`: what goes away while we look is left out. Who
    changes what is there must not do so: it may only have got another name, where we have been before.
    """
    gone = (FileNotFoundError,) if skip_gone else ()
    way: List[str] = []
    yield top, os.fstat(top), way
    here = os.open(".", OPEN_DIRECTORY, dir_fd=top)
    levels = [(identity(here), os.listdir(here))]
    try:
        while levels:
            names = levels[-1][1]
            if names:
                name = names.pop()
                try:
                    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=here)
                except gone:
                    continue
                way.append(name)
                try:
                    status = os.fstat(fd)
                    yield fd, status, way
                    following = os.open(".", OPEN_DIRECTORY, dir_fd=fd) if stat.S_ISDIR(status.st_mode) else None
                finally:
                    os.close(fd)
                if following is None:
                    way.pop()
                else:
                    os.close(here)
                    here = following
                    try:
                        levels.append((identity(here), os.listdir(here)))
                    except gone:
                        levels.append((identity(here), []))
                continue
            levels.pop()
            if levels:
                way.pop()
                above = os.open("..", OPEN_DIRECTORY, dir_fd=here)
                os.close(here)
                here = above
                if identity(here) != levels[-1][0]:
                    raise ContainerError("its directories changed while we looked; run again")
    finally:
        os.close(here)


def identity(fd: int) -> Tuple[int, int]:
    """What tells an open file from all others."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def begin_checkpoint(lxc_path: str) -> str:
    """The directory in which a checkpoint is made, empty, beside the place of a finished one."""
    sweep(lxc_path, CHECKPOINT)
    make_missing(lxc_path)
    place = building(lxc_path, CHECKPOINT)
    for path in (place, os.path.join(place, "containers"), os.path.join(place, "objects")):
        os.mkdir(path, 0o700)
    return place


def keep_text(place: str, path: str, text: str) -> None:
    """Write a text file of a checkpoint that is being made."""
    with Directories(place) as directories:
        above, _slash, name = path.rpartition("/")
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directories.must(above))
        with open(fd, "wb", buffering=0) as stream:
            write_whole(stream, text.encode())


def keep_content(directories: Directories, path: str, place: str, limit: int) -> Tuple[str, int]:
    """Copy a file of a container into a checkpoint that is being made; its digest, which is its name there, and size.

    The digest is that of what was copied, whatever the container does to the file meanwhile. Raises ContainerError
    where there is no plain file of at most `limit` bytes.
    """
    digest, size = sha256(), 0
    new = os.path.join(place, "objects", "new")
    with plain_file(directories, path) as original, open(new, "wb", buffering=0) as stream:
        while True:
            chunk = original.read(CHUNK)
            size += len(chunk)
            if size > limit:
                os.unlink(new)
                raise ContainerError("%s: changed while we looked; run again" % path)
            if not chunk:
                break
            digest.update(chunk)
            write_whole(stream, chunk)
        os.fchmod(stream.fileno(), 0o600)
    os.rename(new, os.path.join(place, "objects", digest.hexdigest()))
    return digest.hexdigest(), size


def finish_checkpoint(lxc_path: str) -> None:
    """Give a checkpoint that is complete its name, once all of it is on disk."""
    place = building(lxc_path, CHECKPOINT)
    sync(place)
    os.rename(place, os.path.join(lxc_path, CHECKPOINT))
    sync(lxc_path)


def drop_checkpoint(lxc_path: str) -> None:
    """Remove a checkpoint, and what an interrupted run left of one. Its name goes first, all at once."""
    sweep(lxc_path, CHECKPOINT)
    place = os.path.join(lxc_path, CHECKPOINT)
    if os.path.lexists(place):
        os.rename(place, building(lxc_path, CHECKPOINT))
        sync(lxc_path)
        sweep(lxc_path, CHECKPOINT)


def log_of(lxc_path: str, name: str) -> str:
    """Where LXC's log of one start goes, with nothing there. Only for who holds the lock."""
    path = lock_of(lxc_path, name) + ":start.log"
    remove_logs([path])
    return path


def scratch(lxc_path: str, name: str) -> str:
    """A log for who does not hold the container's lock. Raises ContainerError."""
    make_directory(LOCKS, 0o700)
    return "%s:%d.log" % (lock_of(lxc_path, name), os.getpid())


def remove_logs(paths: Iterable[str]) -> None:
    """Remove the logs of starts; a container that runs keeps its own open."""
    for path in paths:
        if os.path.lexists(path):
            os.unlink(path)


def make_directory(path: str, mode: int) -> Undo:
    """A directory of the target itself, with its parents. Returns what undoes it. Raises ContainerError."""
    made: List[str] = []
    try:
        make_missing(path, made)
        fd = os.open(path, OPEN_DIRECTORY)
        before = stat.S_IMODE(os.fstat(fd).st_mode)
        os.fchmod(fd, mode)
        os.close(fd)
    except OSError as error:
        give_back(made)
        raise ContainerError(reason_of(error, path)) from None
    return lambda: give_back(made) if made else give_back([], path, before)


def make_missing(path: str, made: Optional[List[str]] = None) -> None:
    """Make a directory of the target with its parents, all 0755 whatever the umask, and list what was made."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        make_missing(above, made)
    with suppress(FileExistsError):
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)
        if made is not None:
            made.append(path)


def give_back(made: Sequence[str], path: str = "", mode: int = 0) -> None:
    """Remove directories that were made, as far as nothing has come into them, or give one its old mode."""
    with suppress(OSError):
        for above in reversed(made):
            os.rmdir(above)
        if path:
            os.chmod(path, mode)


def remove_cgroups(paths: Iterable[str]) -> None:
    """Remove cgroups that no process is in any more, with those below them."""
    for path in paths:
        for folder, _names, _files in os.walk(path, topdown=False):
            with suppress(OSError):
                os.rmdir(folder)


def sync(path: str) -> None:
    """Write everything of one file system to disk. The fsync of a directory does not write its files."""
    if not os.path.isdir(path):
        return
    fd = os.open(path, OPEN_DIRECTORY)
    try:
        if system_calls.has_ctypes():
            system_calls.checked(system_calls.libc().syncfs(fd), path)
        else:
            # All file systems then, and no word of what could not be written.
            os.sync()
    finally:
        os.close(fd)


@contextmanager
def locked(lxc_path: str, names: Iterable[str]) -> Iterator[None]:
    """Hold the lock of each container, so that of two runs at once one waits for the other.

    Not LXC's own lock: liblxc would wait for itself. In the order of their names, so that two runs cannot
    wait for each other. Raises ContainerError where another run holds a lock for too long.
    """
    make_directory(LOCKS, 0o700)
    held: List[int] = []
    try:
        with alarm(LOCK_SECONDS):
            for name in sorted(names):
                held.append(take(lock_of(lxc_path, name)))
        yield
    finally:
        for fd in held:
            # Closing alone would leave the lock with a process that was forked meanwhile.
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)


def lock_of(lxc_path: str, name: str) -> str:
    """The lock file of a container, on a file system that does not outlive the boot.

    What else belongs to the container there has a colon after its name, which no name has.
    """
    return os.path.join(LOCKS, "%s-%s" % (sha256(os.path.realpath(lxc_path).encode()).hexdigest()[:8], name))


def take(path: str) -> int:
    """The descriptor of a lock file that we hold. Raises ContainerError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ContainerError(reason_of(error, path)) from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
    except InterruptedError:
        os.close(fd)
        raise ContainerError(
            "another run has held the lock %s for %d seconds; run again when it has ended" % (path, LOCK_SECONDS)
        ) from None
    return fd


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Interrupt a wait after some seconds."""

    def interrupt(*_args: Any) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
