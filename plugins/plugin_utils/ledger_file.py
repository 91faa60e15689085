# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads and writes (I/O): the ledger's file, and the lock that names the process which drives the rollout.

There are two locks. `.lock` in the ledger's directory is held during one change. It is a kernel lock, so it disappears
with its holder. `<id>.lock` names the ansible-playbook process that drives a rollout. It is a text file, so that a
person can read it, and it counts as long as that process lives.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
from dataclasses import dataclass
from typing import Callable, Iterator, Optional

from ..module_utils.errors import RefusedError
from ..module_utils.target import processes
from . import ledger, ledger_text


@dataclass(frozen=True)
class Driver:
    """A process of this or another controller. `start` is in clock ticks since boot, because PIDs are reused.

    `machine` distinguishes two machines with the same host name, see machine-id(5). `namespace` distinguishes processes
    whose PIDs are not ours, see pid_namespaces(7).
    """

    host: str
    boot: str
    pid: int
    start: int
    machine: str = ""
    namespace: str = ""

    def words(self) -> str:
        """Return the process as messages and the ledger name it."""
        return "%s:%d" % (self.host, self.pid)


@dataclass(frozen=True)
class Place:
    """Where the files of a rollout are."""

    directory: str
    id: str

    def path(self, ending: str) -> str:
        """Return the path of one of them, by its ending: `json`, `lock` or `html`."""
        return os.path.join(self.directory, self.id + "." + ending)


def read(path: str) -> Optional[str]:
    """Return the text of a file, or None if there is none. Raises RefusedError."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError("%s cannot be read: %s" % (path, ledger.sentence(reason_of(error)))) from None


def write(path: str, text: str) -> None:
    """Write a file so that at any moment it has either the old text or the new one, complete. Raises RefusedError."""
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, ".%s.%d" % (name, os.getpid()))
    try:
        try:
            with open(temporary, "w", encoding="utf-8") as stream:
                stream.write(text)
                stream.flush()
                os.fsync(stream.fileno())
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
        sync_directory(directory)
    except (OSError, UnicodeEncodeError) as error:
        raise RefusedError("%s cannot be written: %s" % (path, ledger.sentence(reason_of(error)))) from None


def sync_directory(directory: str) -> None:
    """Write the names in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def reason_of(error: Exception) -> str:
    """Return the system's own words for an error."""
    return getattr(error, "strerror", None) or str(error)


def make_directory(directory: str) -> None:
    """Make the directory of the ledgers. Raises RefusedError."""
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise RefusedError("%s cannot be made: %s" % (directory, reason_of(error))) from None


@contextlib.contextmanager
def locked(directory: str) -> Iterator[None]:
    """Wait for the lock of a change, and hold it. Raises RefusedError."""
    try:
        # Open it for writing: a network file system gives no exclusive lock otherwise.
        descriptor = os.open(os.path.join(directory, ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise RefusedError("%s cannot be used for ledgers: %s" % (directory, reason_of(error))) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


# The process that drives a rollout.


def driver(pid: int) -> Driver:
    """Return a process of this machine. Raises OSError if it is gone."""
    machine = (read("/etc/machine-id") or "").strip()
    return Driver(
        socket.gethostname(),
        processes.boot_id(),
        pid,
        start_of(pid),
        machine,
        os.readlink("/proc/self/ns/pid"),
    )


def start_of(pid: int) -> int:
    """Return when a process started: field 22 of /proc/PID/stat, see proc(5). Raises OSError."""
    start = processes.start_ticks(pid)
    if start is None:
        raise ProcessLookupError("process %d has ended" % pid)
    return start


def is_alive(holder: Driver, here: Driver) -> bool:
    """Return whether a process is alive. If that cannot be known from here, it counts as alive."""
    if is_elsewhere(holder, here):
        return True
    if holder.boot != here.boot:
        return False
    try:
        return start_of(holder.pid) == holder.start
    except OSError:
        return False


def is_elsewhere(holder: Driver, here: Driver) -> bool:
    """Return whether a process is on another machine or in another container of this one, where we cannot see it."""
    if (holder.host, holder.machine) != (here.host, here.machine):
        return True
    return holder.boot == here.boot and holder.namespace != here.namespace


def holder_of(place: Place) -> Optional[Driver]:
    """Return the process that the lock names, or None. Raises RefusedError if the lock is not ours."""
    path = place.path("lock")
    text = read(path)
    if text is None:
        return None
    try:
        data = json.loads(text)
        found = Driver(**data)
        if not isinstance(found.pid, int) or not isinstance(found.start, int) or not isinstance(found.host, str):
            raise TypeError
        return found
    except (TypeError, ValueError):
        raise RefusedError("%s is not a lock of a rollout; remove it if no rollout runs" % path) from None


def take(place: Place, me: Driver) -> None:
    """Become the driver. The caller holds the lock of a change. Raises RefusedError if another process drives."""
    holder = holder_of(place)
    if holder is not None and holder != me and is_alive(holder, me):
        message = "rollout %s is driven by process %d of %s" % (place.id, holder.pid, ledger.sentence(holder.host))
        if is_elsewhere(holder, me):
            message += "; if that one has ended, remove %s" % place.path("lock")
        raise RefusedError(message)
    write(place.path("lock"), json.dumps(vars(me)) + "\n")


def drop(place: Place, me: Driver) -> None:
    """Stop being the driver. The caller holds the lock of a change."""
    if holder_of(place) == me:
        os.unlink(place.path("lock"))


def change(place: Place, me: Driver, step: Callable[[ledger.Ledger], ledger.Ledger]) -> ledger.Ledger:
    """Apply a step to the ledger, and return the new ledger.

    Raises RefusedError if the step does, if the ledger cannot be used, or if another process drives: a worker may
    outlive its ansible-playbook.
    """
    with locked(place.directory):
        if holder_of(place) != me:
            raise RefusedError("rollout %s is no longer driven by this process" % place.id)
        path = place.path("json")
        text = read(path)
        if text is None:
            raise RefusedError("%s is gone" % path)
        after = step(ledger_text.load(text, path))
        write(path, ledger_text.dump(after))
        return after
