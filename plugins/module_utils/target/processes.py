# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): processes of the target. Also signals them and waits for their end."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import time
from typing import Container, Dict, Iterable, List, Mapping, Optional, Set, Tuple

from ..errors import ContainerError
from . import system_calls

# Without pidfd_open (before Linux 5.3) there is nothing to wait on, so processes are polled. The interval, in seconds.
LOOK = 0.01
# In the place of a descriptor of a process.
ENDED = -2
# As much as is read of the arguments of a process.
ARGUMENTS_MAX = 4096
TICKS = os.sysconf("SC_CLK_TCK")


def boot_id() -> str:
    """Return the random id of this boot of the target."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as stream:
        return stream.read().strip()


def since_boot() -> float:
    """Return the seconds since the target booted, including time in suspend.

    Start times of processes use the same clock.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def fields(pid: int) -> Optional[list]:
    """Return the fields of /proc/PID/stat after the name, or None if the process has ended or is a zombie.

    A process whose first thread has ended looks like a zombie too, but still has more than one thread.
    """
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            found = stream.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if found[0] in "ZX" and int(found[17]) <= 1 else found


def start_ticks(pid: int) -> Optional[int]:
    """Return when a process started, in clock ticks since boot, or None if it has ended. See proc(5), field 22."""
    found = fields(pid)
    return int(found[19]) if found else None


def started(pid: int) -> Optional[float]:
    """Return when a process started, in seconds since boot, or None if it has ended."""
    found = start_ticks(pid)
    return None if found is None else found / TICKS


def table(seen: Container[int] = ()) -> Dict[int, Tuple[int, int]]:
    """Return all processes except those in `seen`, each with its parent and its start in clock ticks since boot."""
    pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    read = [(pid, fields(pid)) for pid in pids if pid not in seen]
    return {pid: (int(found[1]), int(found[19])) for pid, found in read if found}


def program(pid: int) -> str:
    """Return the path of the program that a process runs, or an empty string if it has ended."""
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except (FileNotFoundError, ProcessLookupError):
        return ""


def arguments(pid: int) -> List[str]:
    """Return the first arguments of a process, or nothing if it has ended. The process may have changed them."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb", buffering=0) as stream:
            return os.fsdecode(stream.read(ARGUMENTS_MAX) or b"").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return [""]


def parent(pid: int) -> Optional[int]:
    """Return the parent of a process, or None if the process has ended."""
    found = fields(pid)
    return int(found[1]) if found else None


def is_stopped(pid: int) -> bool:
    """Return whether all threads of a process are stopped or have ended."""
    try:
        threads = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return True
    return all(found is None or found[0] in "TtZX" for found in map(fields, map(int, threads)))


def inits(roots: Mapping[str, str]) -> Dict[str, int]:
    """Return the PID 1 of each container that has one, by name. `roots` maps names to root directories.

    The first process in a PID namespace has number 1 there, see NSpid in proc(5).
    """
    wanted: Dict[Tuple[int, int], str] = {}
    for name, path in roots.items():
        with contextlib.suppress(OSError):
            status = os.stat(path, follow_symlinks=False)
            wanted[status.st_dev, status.st_ino] = name
    found: Dict[str, int] = {}
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()] if wanted else []:
        # A process may end at any moment.
        with contextlib.suppress(OSError):
            status = os.stat("/proc/%d/root" % pid)
            owner = wanted.get((status.st_dev, status.st_ino))
            if owner and fields(pid) and is_first(pid):
                found[owner] = pid
    return found


def sockets_text() -> str:
    """Return the table of the Unix sockets of this network namespace, see proc(5)."""
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
        return stream.read()


def named_sockets(text: str) -> List[Tuple[str, str]]:
    """Return name and inode of each socket in the text of /proc/net/unix. Names come last and may contain blanks."""
    lines = (line.split(None, 7) for line in text.split("\n"))
    return [(fields_[7], fields_[6]) for fields_ in lines if len(fields_) == 8]


def holders(sockets: Iterable[str]) -> Set[int]:
    """Return the processes that have one of these sockets open. Sockets are named as in /proc/net/unix, see proc(5)."""
    wanted = set(sockets)
    inodes = {"socket:[%s]" % inode for name, inode in named_sockets(sockets_text()) if name in wanted}
    found: Set[int] = set()
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()] if inodes else []:
        # A process may end at any moment.
        with contextlib.suppress(OSError):
            for fd in os.listdir("/proc/%d/fd" % pid):
                with contextlib.suppress(OSError):
                    if os.readlink("/proc/%d/fd/%s" % (pid, fd)) in inodes:
                        found.add(pid)
    return found


def titled(titles: Container[str]) -> Set[int]:
    """Return the processes whose command line is one of these titles, see proc(5)."""
    found: Set[int] = set()
    for pid in [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]:
        # A process may end at any moment.
        with contextlib.suppress(OSError), open("/proc/%d/cmdline" % pid, "rb") as stream:
            if os.fsdecode(stream.read().rstrip(b"\0")) in titles:
                found.add(pid)
    return found


def is_first(pid: int) -> bool:
    """Return whether a process is PID 1 in a PID namespace directly below that of the target."""
    with open("/proc/%d/status" % pid, "rb") as stream:
        return numbers_in(stream.read()) == [pid, 1]


def numbers_in(status: bytes) -> List[int]:
    """Return the PIDs of a process from the text of its status: first on the target, then in each namespace below.

    The process name comes earlier in the text. The kernel escapes line feeds in it, but no other characters that Python
    takes for line ends. A process with more than two PIDs is in a namespace that a container has made, where the root
    directory may be the same.
    """
    lines = status.split(b"\n")
    return next((list(map(int, line.split()[1:])) for line in lines if line.startswith(b"NSpid:\t")), [])


def send(pids: Iterable[int], number: int) -> None:
    """Send a signal to those of the processes that still exist."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def handles(pid: int, number: int) -> bool:
    """Return whether a process catches a signal, or blocks it to read it in another way, see SigCgt in proc(5)."""
    with contextlib.suppress(OSError):
        with open("/proc/%d/status" % pid, "rb") as stream:
            masks = re.findall(rb"(?m)^Sig(?:Cgt|Blk):\t([0-9a-f]+)$", stream.read())
        return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)
    return False


def send_within(pid: int, init: int, number: int) -> bool:
    """Send a signal to a process in the PID namespace of a container's PID 1. Return whether it got the signal.

    Another process of this number, which came after both were looked at, gets none.
    """
    fd = pidfd(pid)
    if fd == ENDED:
        return False
    try:
        # As long as the process that the descriptor stands for has not ended, nothing else has its number.
        inside = os.stat("/proc/%d/ns/pid" % pid), os.stat("/proc/%d/ns/pid" % init)
        if not is_first(init) or not os.path.samestat(*inside):
            return False
        if fd < 0:
            os.kill(pid, number)
        elif hasattr(signal, "pidfd_send_signal"):
            # Python has it since 3.9.
            signal.pidfd_send_signal(fd, number)
        else:
            system_calls.call("pidfd_send_signal", fd, number, None, 0)
    except (FileNotFoundError, ProcessLookupError):
        return False
    finally:
        if fd >= 0:
            os.close(fd)
    return True


def pidfd(pid: int) -> int:
    """Return a descriptor that becomes readable when a process ends.

    It is -1 if the kernel offers none or cannot be asked for one, and ENDED if the process has already ended.
    """
    try:
        # Python has pidfd_open since 3.9.
        return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else system_calls.call("pidfd_open", pid, 0)
    except ProcessLookupError:
        return ENDED
    except (OSError, ContainerError):
        return -1


def wait_for_end(pids: Iterable[int], seconds: float) -> Set[int]:
    """Wait until all of these processes have ended, at most so many seconds. Return those that have not ended."""
    deadline = time.monotonic() + seconds
    alive = {pid for pid in pids if fields(pid)}
    descriptors: Dict[int, int] = {}
    poller = select.poll()
    for pid in alive:
        fd = pidfd(pid)
        if fd >= 0:
            descriptors[fd] = pid
            poller.register(fd, select.POLLIN)
    try:
        while alive and time.monotonic() < deadline:
            polled = set(descriptors.values())
            pause = deadline - time.monotonic() if alive <= polled else LOOK
            for fd, _event in poller.poll(max(0, int(pause * 1000) + 1)):
                poller.unregister(fd)
                alive.discard(descriptors[fd])
            alive -= {pid for pid in alive - polled if not fields(pid)}
    finally:
        for fd in descriptors:
            os.close(fd)
    return alive
