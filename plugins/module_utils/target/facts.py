# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads (I/O): facts about the target. Writes nothing."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import struct
import subprocess
from typing import Any, Callable, Dict, FrozenSet, Iterable, Mapping, Optional, Tuple, Union

from ..model import mountinfo
from ..model.host import DEVICE, DIRECTORY, FILE, Binary
from ..plan import apparmor as profiles
from .memory import read_once

PROGRAMS = ("/usr/local/bin", "/usr/local/sbin", "/usr/bin", "/usr/sbin", "/bin", "/sbin")
# Where distributions install LXC's init. The last two are LXC's libexec directory.
INIT_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/bin", "/usr/libexec/lxc", "/usr/lib/lxc")
# Where LXC installs its own configuration files.
CONFIG_DIRECTORIES = ("/usr/share/lxc/config", "/usr/local/share/lxc/config")
APPLET = re.compile(r"[A-Za-z0-9_\[.-][A-Za-z0-9_\[\].+-]{0,63}")
PT_INTERP = 3


def read_text(path: str, default: str = "") -> str:
    """Return the text of a file on the target, or the default if the file cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            return stream.read()
    except OSError:
        return default


def first_program(name: str, directories: Iterable[str], below: str = "/") -> Optional[str]:
    """Return the path of the first program with this name in these directories, or None.

    Links are followed, and a program counts only if its file lies below the directory `below`.
    """
    for directory in directories:
        path = os.path.join(directory, name)
        if os.access(path, os.X_OK) and os.path.realpath(path).startswith(below):
            return path
    return None


@read_once
def nft() -> Optional[str]:
    """Return the path of nft, or None if it is missing or the kernel has nothing for it."""
    path = first_program("nft", PROGRAMS)
    if not path:
        return None
    try:
        subprocess.run([path, "list", "tables"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return path


def log_drivers() -> FrozenSet[str]:
    """Return which of syslog and journald take messages on the target, and have the program that sends them."""
    needed = {"syslog": ("logger", "/dev/log"), "journald": ("systemd-cat", "/run/systemd/journal/stdout")}
    return frozenset(
        driver for driver, (program, socket) in needed.items() if shutil.which(program) and os.path.exists(socket)
    )


def existing(path: str) -> str:
    """Return the path itself if it is a directory, else the nearest existing directory above it."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def closed(path: str) -> Optional[str]:
    """Return the outermost directory on the way to a path (itself included) that others cannot pass, or None."""
    parts = os.path.realpath(path).split("/")[1:]
    above = ["/" + "/".join(parts[:length]) for length in range(len(parts) + 1)]
    return next((each for each in above if os.path.isdir(each) and not os.stat(each).st_mode & stat.S_IXOTH), None)


def kind(path: str) -> Optional[str]:
    """Return what a path is, with links followed: DIRECTORY, DEVICE or FILE; None if nothing is there."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(mode):
        return DIRECTORY
    return DEVICE if stat.S_ISCHR(mode) or stat.S_ISBLK(mode) else FILE


def device(path: str) -> Optional[str]:
    """Return the device at a path as device cgroup rules write it ("c 1:3", "b 8:0"), or None if it is no device."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    for letter, is_one in (("c", stat.S_ISCHR), ("b", stat.S_ISBLK)):
        if is_one(found.st_mode):
            return "%s %d:%d" % (letter, os.major(found.st_rdev), os.minor(found.st_rdev))
    return None


def barriers(path: str) -> Tuple[Tuple[str, int, int, int], ...]:
    """Return the directories above a path that not everybody can pass, outermost first, with user, group and mode.

    The path must not contain links. Directories with an access control list are left out, because the mode does not say
    whom the list lets pass.
    """
    above = path.rpartition("/")[0]
    if not above:
        return ()
    here = barrier(above)
    return (*barriers(above), here) if here else barriers(above)


@read_once
def barrier(directory: str) -> Optional[Tuple[str, int, int, int]]:
    """Return one directory with its user, group and mode as `barriers` does; None if everybody can pass it."""
    try:
        found = os.stat(directory)
        listed = found.st_mode & stat.S_IXOTH or "system.posix_acl_access" in os.listxattr(directory)
    except OSError:
        return None
    return None if listed else (directory, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def seed() -> str:
    """Return the machine id of the target, or the id of this boot if it has none. Empty if there is neither."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id", "/proc/sys/kernel/random/boot_id"):
        found = read_text(path).strip().replace("-", "")
        if re.fullmatch(r"[0-9a-f]{32}", found):
            return found
    return ""


@read_once
def busybox(path: Optional[str]) -> Union[Binary, str]:
    """Return the busybox at a path, or without a path the first one in PROGRAMS; or the reason why there is none."""
    place = path or first_program("busybox", PROGRAMS)
    if place is None:
        return "there is no busybox on the target; install it, or set busybox.method to none"
    try:
        with open(place, "rb") as stream:
            content = stream.read()
        listed = subprocess.run(
            [place, "--list"], stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        return "%s is not a busybox that runs on the target (%s)" % (place, reason(error))
    applets = tuple(name for name in listed.stdout.decode("ascii", "replace").split("\n") if APPLET.fullmatch(name))
    if not applets:
        return "%s reports no applets" % place
    return Binary(place, hashlib.sha256(content).hexdigest(), len(content), applets, interpreter(content))


def reason(error: Exception) -> str:
    """Return the reason of a failure in a few words."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, subprocess.CalledProcessError):
        return "busybox --list ended with %d" % error.returncode
    return type(error).__name__


def interpreter(content: bytes) -> Optional[str]:
    """Return the dynamic loader that a program asks for, or None if it is static. See elf(5), PT_INTERP."""
    if content[:4] != b"\x7fELF" or len(content) < 64:
        return None
    wide, order = content[4] == 2, "<" if content[5] == 1 else ">"
    table, size, count = (32, 54, 56) if wide else (28, 42, 44)
    offset = struct.unpack_from(order + ("Q" if wide else "I"), content, table)[0]
    each, number = (struct.unpack_from(order + "H", content, place)[0] for place in (size, count))
    for start in range(offset, min(offset + each * number, len(content) - 56), each or 1):
        if struct.unpack_from(order + "I", content, start)[0] == PT_INTERP:
            place, length = (8, 32) if wide else (4, 16)
            form = order + ("Q" if wide else "I")
            at, long = (struct.unpack_from(form, content, start + field)[0] for field in (place, length))
            return content[at : at + long].rstrip(b"\0").decode("ascii", "replace")
    return None


@functools.lru_cache(maxsize=1)
def hierarchies() -> Mapping[str, Tuple[int, str]]:
    """Return the cgroup version and the mount point of each controller. See cgroups(7)."""
    return hierarchies_in(read_text("/proc/self/mountinfo"), lambda point: read_text(point + "/cgroup.controllers"))


def hierarchies_in(text: str, controllers_at: Callable[[str], str]) -> Dict[str, Tuple[int, str]]:
    """Return the same from the text of mountinfo.

    `controllers_at` returns the text of cgroup.controllers at a mount point of version 2. The name "unified" stands for
    version 2 itself.
    """
    found: Dict[str, Tuple[int, str]] = {}
    for mount in mountinfo.mounts_in(text):
        if mount.kind == "cgroup":
            found.update((name, (1, mount.point)) for name in mount.file_system_options.split(","))
        elif mount.kind == "cgroup2":
            listed = controllers_at(mount.point).split()
            found.update((name, (2, mount.point)) for name in [*listed, "unified"] if name not in found)
    return found


def visible(point: str) -> bool:
    """Return whether the cgroup hierarchy itself is visible at its mount point, see cgroups(7)."""
    return os.path.exists(point + "/cgroup.procs")


def of_kernel() -> Dict[str, Any]:
    """Return the facts that no package can provide, under the names that preflight gives them."""
    return {
        "root": os.geteuid() == 0,
        "kernel": platform.release(),
        "namespaces": frozenset(os.listdir("/proc/self/ns")),
        "layout": cgroup_version(),
        "controllers": {name: version for name, (version, point) in hierarchies().items() if visible(point)},
        "apparmor": apparmor(),
    }


def controllers() -> Dict[str, int]:
    """Return the cgroup version of each controller."""
    return {name: version for name, (version, _point) in hierarchies().items()}


def apparmor() -> bool:
    """Return whether the kernel has AppArmor and AppArmor is not disabled."""
    return read_text("/sys/module/apparmor/parameters/enabled").strip() == "Y"


@functools.lru_cache(maxsize=1)
def apparmor_state() -> profiles.State:
    """Return the state of AppArmor on the target."""
    if not apparmor():
        return profiles.State()
    text = read_text("/sys/kernel/security/apparmor/profiles", "\0")
    own = read_text("/proc/self/attr/apparmor/current") or read_text("/proc/self/attr/current")
    return profiles.State(
        on=True,
        loaded=None if text == "\0" else profiles.loaded_in(text),
        confined=own.strip("\0\n") not in ("", "unconfined"),
        parser=first_program("apparmor_parser", PROGRAMS),
        brought=os.path.exists(profiles.DEFAULT_FILE),
        cgroup_namespaces=os.path.exists("/proc/self/ns/cgroup"),
    )


def selinux() -> bool:
    """Return whether SELinux is enabled. If it is, its file system is mounted."""
    return os.path.exists("/sys/fs/selinux/enforce")


def seccomp() -> bool:
    """Return whether the kernel can filter system calls, see proc(5)."""
    return "\nSeccomp:" in read_text("/proc/self/status")


def seccomp_profile() -> Optional[str]:
    """Return the path of the seccomp profile that LXC installs for all containers, or None."""
    paths = [directory + "/common.seccomp" for directory in CONFIG_DIRECTORIES]
    return next((path for path in paths if os.path.isfile(path)), None)


def subordinate_ids(path: str, user: str = "root") -> Tuple[Tuple[int, int], ...]:
    """Return the ranges of ids (first, count) that a user may give to containers, see subuid(5)."""
    rows = [line.strip().split(":") for line in read_text(path).splitlines()]
    ranges = [row[1:] for row in rows if len(row) == 3 and row[0] in (user, "0")]
    return tuple((int(first), int(count)) for first, count in ranges if first.isdigit() and count.isdigit())


def free_ids() -> Tuple[Tuple[Tuple[int, int], ...], ...]:
    """Return four lists of id ranges.

    The first two are the users and the groups that root may give to containers, the others the users and the groups
    that exist where we run.
    """
    own = [read_text("/proc/self/%s_map" % kind).splitlines() for kind in ("uid", "gid")]
    # A target that is itself a container has only few ids.
    there = [tuple((int(line.split()[0]), int(line.split()[2])) for line in lines) for lines in own]
    return (subordinate_ids("/etc/subuid"), subordinate_ids("/etc/subgid"), *there)


def keys_version() -> int:
    """Return the cgroup version whose config keys LXC reads.

    It is 2 if version 2 is mounted at /sys/fs/cgroup, the root of all cgroups, else 1. See cgfsng.c.
    """
    return 2 if hierarchies().get("unified", (0, ""))[1] == "/sys/fs/cgroup" else 1


def cgroup_version() -> str:
    """Return the cgroup layout of the target: "1", "2", or "hybrid" if version 2 is mounted without the controllers."""
    return layout(controllers())


def layout(versions: Mapping[str, int]) -> str:
    """Return the same from the cgroup version of each controller."""
    found = {version for name, version in versions.items() if name in ("memory", "cpu", "pids")}
    # If none of these three controllers exists, all mounted hierarchies decide.
    if (found or set(versions.values())) == {2}:
        return "2"
    return "hybrid" if "unified" in versions else "1"
