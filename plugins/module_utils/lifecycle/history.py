# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): when a container was started, how its command last ended, and what it has written."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import List, NamedTuple, Optional, Tuple

from ..disk import beneath
from ..errors import ContainerError
from ..model import history, output
from ..plan import launch, lifetime, lxc_config
from ..target import facts, processes

# No record is longer.
RECORD_MAX = 4096
# No more than this is read of an output, in bytes.
OUTPUT_MAX = 1024 * 1024


class History(NamedTuple):
    """What is known of a container's life.

    - `start`: its last start, None if it has had none; `started`: when that was, in seconds since 1970.
    - `runs`: what the supervisor of its command has recorded, None if there is none.
    - `last_end`: how its command last ended, None if it never did.
    """

    start: Optional[history.Start] = None
    started: Optional[float] = None
    runs: Optional[history.Runs] = None
    last_end: Optional[history.LastEnd] = None

    def restarts(self) -> Optional[int]:
        """Return how often the command was started again since the start, None if nobody does that."""
        return self.runs.restarts if self.runs else None


def of(lxc_path: str, name: str, running: bool) -> History:
    """Return what is known of a container, which runs or does not."""
    place = os.path.join(lxc_path, name, lifetime.DIRECTORY)
    start_text, started = record(os.path.join(place, lifetime.START))
    end_text, ended = record(os.path.join(place, lifetime.END))
    start, end = history.start_of(start_text), history.end_of(end_text)
    runs = runs_of(lxc_path, name, started or 0)
    kills = kills_in(start.kills) if start and running else None
    found = history.last_end(start, end, runs, running, processes.boot_id(), kills)
    if found and found.ended is None and start and end and (running or end.number == start.number):
        found = found._replace(ended=ended)
    return History(start, started if start else None, runs, found)


def record(path: str) -> Tuple[str, Optional[float]]:
    """Return the text of a file beside the rootfs, which is root's alone, and when it was written."""
    with suppress(OSError):
        return facts.read_text(path)[:RECORD_MAX], os.stat(path).st_mtime
    return "", None


def runs_of(lxc_path: str, name: str, started: float) -> Optional[history.Runs]:
    """Return the record of the supervisor, which is below the rootfs. A damaged one counts as missing.

    `started`: when the container was last started, in seconds since 1970. An older record is of an earlier start: this time
    the supervisor has not come to write one.
    """
    path = "rootfs" + launch.RUNS
    with suppress(ContainerError, OSError), beneath.Directories(os.path.join(lxc_path, name)) as directories:
        found = history.runs_of(beneath.read_text(directories, path, RECORD_MAX) or "")
        parent, last = directories.parent(path)
        early = bool(found) and os.stat(last, dir_fd=parent, follow_symlinks=False).st_mtime < started
        return found._replace(state="running", restarts=0, row=0) if found and early else found
    return None


def kills_in(path: str) -> Optional[int]:
    """Return how many processes of a cgroup were killed for want of memory, None if the kernel does not say."""
    counts = [line.split()[1] for line in facts.read_text(path).splitlines() if line.startswith("oom_kill ")]
    return int(counts[0]) if counts else None


def unrecorded(lxc_path: str, name: str, found: History) -> str:
    """Return the complaint about a running container whose command may crash again and again unseen; empty if there is none.

    Its root file system may be read-only, and its payload can put something else in the record's place.
    """
    config = facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME))
    if found.runs or not launch.restarts_in(config):
        return ""
    return (
        "restart: nothing tells whether its command was started again, since its supervisor cannot write %s"
        % launch.RUNS
    )


class Part(NamedTuple):
    """The end of a file with output: its last bytes, the length of the whole file, and its inode (0: no file)."""

    data: bytes = b""
    length: int = 0
    inode: int = 0

    def since(self, position: int) -> Part:
        """Return what comes after a position in the file."""
        return self._replace(data=self.data[max(0, len(self.data) - self.length + position) :])


def output_of(lxc_path: str, name: str, since_start: bool = False) -> List[str]:
    """Return the lines that a container has written, as far as they are kept: all, or those since its last start."""
    place = os.path.join(lxc_path, name, lifetime.DIRECTORY)
    parts = [part_of(os.path.join(place, path)) for path in (lifetime.OLDER, lifetime.OUTPUT)]
    start = history.start_of(record(os.path.join(place, lifetime.START))[0]) if since_start else None
    # LXC renames a full output. If it has done so twice since the start, all that is there came after the start.
    for index in (1, 0) if start else ():
        if start and start.inode == parts[index].inode and start.size <= parts[index].length:
            parts = [parts[index].since(start.size), *parts[index + 1 :]]
            break
    return output.lines_of(b"".join(part.data for part in parts))


def part_of(path: str) -> Part:
    """Return the end of a file with output. Only LXC's monitor, which is root of the target, writes it."""
    try:
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            stream.seek(max(0, status.st_size - OUTPUT_MAX))
            return Part(stream.read(OUTPUT_MAX), status.st_size, status.st_ino)
    except OSError:
        return Part()


def follower(lxc_path: str, name: str) -> Optional[int]:
    """Return the process group that sends the output of a container to a log daemon, or None if there is none."""
    place = os.path.join(lxc_path, name, lifetime.DIRECTORY)
    with suppress(OSError, ValueError):
        leader = int(facts.read_text(os.path.join(place, lifetime.FOLLOWER)))
        # The number may belong to another process by now.
        return leader if os.path.samefile("/proc/%d/cwd" % leader, place) else None
    return None


def last_words(lxc_path: str, name: str) -> str:
    """Return the last lines since the start of a container as the end of an error."""
    return output.last_words(output_of(lxc_path, name, since_start=True))
