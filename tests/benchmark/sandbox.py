"""I/O: the benchmark's own corner of the machine: a bridge, a scratch directory beside LXC's path, and their removal.

Everything that a benchmark makes carries the prefix `scbench`, so that what a killed run left behind is found and
removed by the next one.
"""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from typing import Dict, Iterator, List, Set

BRIDGE = "scbench0"
# Of a network that is for benchmarks, see RFC 2544.
BRIDGE_ADDRESS = "198.18.0.1/22"
PREFIX = "scbench-"
CGROUPS = "/sys/fs/cgroup"
MOUNT_POINT = "scratch"
IMAGE_BYTES = 4 * 1024**3
# As the virtual environment of the checkout is, made by `make venv`. Last: nothing else is looked for here.
sys.path.append(os.path.join(os.path.dirname(__file__), "..", "..", ".ansible", "collections"))


class BenchmarkError(Exception):
    """The benchmark cannot run, or a run of a contestant failed; the message says why."""


def output(*argv: str) -> str:
    """Return what a command prints, or raise BenchmarkError with its complaint."""
    finished = subprocess.run(argv, check=False, capture_output=True, text=True)
    if finished.returncode != 0:
        raise BenchmarkError(f"{' '.join(argv)}: {finished.stderr.strip() or finished.returncode}")
    return finished.stdout.strip()


def write(path: str, text: str) -> None:
    """Write a file, and make the directory that it is in."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as stream:
        stream.write(text)


def measuring_interpreter(directory: str, program: str, log: str) -> str:
    """Make an executable that Ansible takes for the target's Python and that records each run in the log."""
    path = os.path.join(directory, "measured", "python3")
    write(path, f'#!/bin/sh\nexec /usr/bin/python3 -B {program} {log} /usr/bin/python3 "$@"\n')
    os.chmod(path, 0o755)
    return path


def names(count: int) -> List[str]:
    """Return the names of the first `count` containers."""
    return [f"{PREFIX}{number:03d}" for number in range(1, count + 1)]


def scratch_parent() -> str:
    """Return a directory for the scratch directory that is on the same file system as LXC's own path."""
    lxc_path = output("lxc-config", "lxc.lxcpath")
    parent = os.path.dirname(lxc_path)
    if not os.path.isdir(lxc_path) or os.stat(parent).st_dev == os.stat(lxc_path).st_dev:
        return parent
    return lxc_path


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold a lock that ends with the process and leaves no file; raise BenchmarkError when another run holds it."""
    with socket.socket(socket.AF_UNIX) as lock:
        try:
            lock.bind("\0softwarecontainer-benchmark")
        except OSError as error:
            raise BenchmarkError("another benchmark is running on this machine") from error
        yield


@contextlib.contextmanager
def sandbox(image: bool) -> Iterator[str]:
    """Make the bridge and the scratch directory, yield the directory, and remove all that the benchmark made.

    With `image` the directory is the root of a new ext4 file system in a file, see `forgets_slowly`.
    """
    parent = scratch_parent()
    with only_one():
        sweep(parent)
        try:
            output("ip", "link", "add", BRIDGE, "type", "bridge")
            output("ip", "address", "add", BRIDGE_ADDRESS, "dev", BRIDGE)
            output("ip", "link", "set", BRIDGE, "up")
            top = tempfile.mkdtemp(prefix=PREFIX, dir=parent)
            os.chmod(top, 0o755)
            scratch = os.path.join(top, MOUNT_POINT)
            os.mkdir(scratch)
            if image:
                mount_image(top + "/image", scratch)
            yield scratch
        finally:
            # The second Ctrl-C of somebody in a hurry would leave containers behind.
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            sweep(parent)


def mount_image(path: str, mount_point: str) -> None:
    """Make a sparse file with an ext4 file system, which has a journal by default, and mount it."""
    with open(path, "wb") as stream:
        stream.truncate(IMAGE_BYTES)
    output("mkfs.ext4", "-q", "-F", path)
    output("mount", "-o", "loop", path, mount_point)


def forgets_slowly(path: str) -> bool:
    """Return whether a path is on an ext4 file system without a journal.

    There the kernel does not reuse an inode for up to five minutes after its removal, and passes over each of them one
    by one when it looks for a free one (recently_deleted() in fs/ext4/ialloc.c): after a contestant has removed its
    containers, the next one makes its own ten times slower than on a machine where nothing was removed.
    """
    status = os.stat(path)
    device = os.path.basename(os.path.realpath(f"/sys/dev/block/{os.major(status.st_dev)}:{os.minor(status.st_dev)}"))
    return file_system_type(path) == "ext4" and not glob.glob(f"/proc/fs/jbd2/{device}[-:]*")


def file_system_type(path: str) -> str:
    """Return the type of the file system that a path is on."""
    return output("df", "--output=fstype", path).split()[-1]


def sweep(parent: str) -> None:
    """Remove containers, cgroups, scratch directories, lock files and the bridge of this and of killed runs."""
    sweep_containers()
    for top in glob.glob(os.path.join(parent, PREFIX + "*")):
        if os.path.ismount(os.path.join(top, MOUNT_POINT)):
            unmount(os.path.join(top, MOUNT_POINT))
        refuse_mounts(top)
        shutil.rmtree(top)
        shutil.rmtree("/run/lxc/lock" + top, ignore_errors=True)
    for log in glob.glob(f"/var/log/lxc/{PREFIX}*.log"):
        os.unlink(log)
    if os.path.isdir(f"/sys/class/net/{BRIDGE}"):
        output("ip", "link", "delete", BRIDGE)


def unmount(mount_point: str, attempts: int = 100) -> None:
    """Unmount a file system; namespaces of containers that have just ended keep it busy for a moment."""
    for attempt in range(attempts):
        try:
            output("umount", mount_point)
            return
        except BenchmarkError:
            if attempt == attempts - 1:
                raise
            time.sleep(0.1)


def sweep_containers() -> None:
    """End every process of the benchmark's containers, without LXC, and remove their cgroups."""
    for directory in cgroups("lxc.payload."):
        for pid in cgroup_pids(directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    wait_until_gone()
    for directory in cgroups("lxc."):
        with contextlib.suppress(OSError):
            os.rmdir(directory)


def cgroups(prefix: str) -> List[str]:
    """Return the control groups of the benchmark's containers, children before parents."""
    found: Set[str] = set()
    for top, _directories, _files in os.walk(CGROUPS):
        group = next((part for part in top.split("/") if part.startswith(prefix) and PREFIX in part), None)
        if group:
            found.add(top)
    return sorted(found, key=len, reverse=True)


def cgroup_pids(directory: str) -> List[int]:
    """Return the processes in one control group; none when the group has gone meanwhile."""
    try:
        with open(os.path.join(directory, "cgroup.procs")) as stream:
            return [int(line) for line in stream]
    except OSError:
        return []


def end(pid: int) -> None:
    """Kill a process and all below it: Ansible's workers are in sessions of their own, and would go on without it."""
    from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import command

    command.kill_tree(pid)


def monitors() -> Dict[str, str]:
    """Return the command lines of the LXC monitors and starters of the benchmark's containers, by process id."""
    found = {}
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            with open(path, "rb") as stream:
                text = stream.read().replace(b"\0", b" ").decode(errors="replace")
            if text.startswith("[lxc monitor]") and f" {PREFIX}" in text:
                found[path.split("/")[2]] = text
    return found


def wait_until_gone(timeout: float = 20) -> None:
    """Wait until no monitor of the benchmark is left; raise BenchmarkError when one stays."""
    deadline = time.monotonic() + timeout
    while monitors():
        if time.monotonic() > deadline:
            raise BenchmarkError(f"still there after {timeout:.0f} s: {'; '.join(monitors().values())}")
        time.sleep(0.05)


def refuse_mounts(scratch: str) -> None:
    """Raise BenchmarkError when something is mounted below the directory that is about to be deleted."""
    with open("/proc/self/mountinfo") as stream:
        below = [line.split()[4] for line in stream if line.split()[4].startswith(scratch + "/")]
    if below:
        raise BenchmarkError(f"mounted below {scratch}, not deleted: {', '.join(below)}")


def verify_running(lxc_path: str, count: int) -> None:
    """Raise BenchmarkError unless LXC says that exactly the first `count` containers run."""
    running = set(output("lxc-ls", "-P", lxc_path, "--running", "-1").split())
    if running != set(names(count)):
        missing = sorted(set(names(count)) - running) or sorted(running - set(names(count)))
        raise BenchmarkError(f"{len(running)} of {count} containers run; wrong: {', '.join(missing[:3])}")


def verify_gone(lxc_path: str) -> None:
    """Raise BenchmarkError unless no container's process and no container's directory is left."""
    wait_until_gone()
    left = sorted(each for below in ("", ".volumes") for each in glob.glob(os.path.join(lxc_path, below, PREFIX + "*")))
    if left:
        raise BenchmarkError(f"{len(left)} directories are left, the first is {os.path.basename(left[0])}")


def describe_container(lxc_path: str) -> Dict[str, int]:
    """Return how many applet links and how many mounts the first container has."""
    name = names(1)[0]
    pid = output("lxc-info", "-P", lxc_path, "-n", name, "-p", "-H")
    with open(f"/proc/{pid}/mountinfo") as stream:
        mounts = len(stream.readlines())
    binaries = os.scandir(os.path.join(lxc_path, name, "rootfs", "bin"))
    return {"links": sum(entry.is_symlink() for entry in binaries), "mounts": mounts}
