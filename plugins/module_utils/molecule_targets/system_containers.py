# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, starts and removes system containers (I/O): targets that LXC runs on this machine."""

from __future__ import annotations

import contextlib
import glob
import os
import socket
import stat
import time

from . import container_files
from .files import make_folders, read, remove, write
from .processes import kill, processes, thaw
from .programs import FailedError, run
from .requests import Place, Target

HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
# The pause between two looks whether a target answers, in seconds.
LOOK = 0.05


def make(target: Target, place: Place, tree: str, public_key: str) -> None:
    """Write a target. The config comes last: a target without one is incomplete."""
    home = os.path.join(place.path, target.name)
    upper = os.path.join(home, "upper")
    for name, (mode, content) in container_files.files(target, public_key).items():
        write(upper, name, mode, content)
    for pattern in container_files.hidden(target):
        for found in glob.glob(os.path.join(tree, pattern)):
            hide(upper, os.path.relpath(found, tree))
    make_folders(upper, target.data.lstrip("/"))
    make_folders(upper, "etc/ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", target.name, "-f", os.path.join(upper, HOST_KEY))
    os.mkdir(os.path.join(home, "data"), 0o755)
    if target.lxc_path:
        below = os.path.relpath(target.lxc_path, target.data)
        inside = not below.startswith("..")
        make_folders(os.path.join(home, "data") if inside else upper, below if inside else target.lxc_path.lstrip("/"))
    write(home, "config", 0o644, wanted_config(target, place, tree, public_key))


def hide(upper: str, name: str) -> None:
    """Hide a file of the tree from a target."""
    make_folders(upper, os.path.dirname(name))
    # An overlay takes such a device for a mark that the file is deleted.
    os.mknod(os.path.join(upper, name), stat.S_IFCHR, os.makedev(0, 0))


def wanted_config(target: Target, place: Place, tree: str, public_key: str) -> str:
    """Return the LXC config that a target must have. Its digest stands for the rest of the target."""
    return container_files.config(target, place, tree, container_files.digest(target, public_key))


def is_made(target: Target, place: Place, tree: str, public_key: str) -> bool:
    """Return whether a target is there, complete and as the user wants it."""
    return read(os.path.join(place.path, target.name, "config")) == wanted_config(target, place, tree, public_key)


def is_running(target: Target, place: Place) -> bool:
    """Return whether a target has any process."""
    return bool(processes(place, target.name))


def start(target: Target, place: Place, timeout: float) -> None:
    """Start a target and wait until its SSH server answers. Raise FailedError after `timeout` seconds, or if it ends."""
    log = os.path.join(place.path, target.name, "log")
    run("lxc-start", "-P", place.path, "-n", target.name, "-o", log, "-l", "INFO")
    deadline = time.monotonic() + timeout
    while not answers(target.address):
        if time.monotonic() > deadline or not is_running(target, place):
            said = [line for line in read(log).splitlines() if " ERROR " in line][-3:]
            raise FailedError("%s gives no answer at %s: %s" % (target.name, target.address, " | ".join(said)))
        time.sleep(LOOK)


def answers(address: str, port: int = 22) -> bool:
    """Return whether an SSH server answers at an address."""
    with contextlib.suppress(OSError), socket.create_connection((address, port), timeout=1) as connection:
        connection.settimeout(5)
        return connection.recv(4) == b"SSH-"
    return False


def host_key(target: Target, place: Place) -> str:
    """Return the public host key of a target, or an empty string if it is not made yet."""
    return read(os.path.join(place.path, target.name, "upper", HOST_KEY + ".pub"))


def take_away(place: Place, name: str) -> None:
    """Remove a target, complete or not, running or not. Raise FailedError."""
    home = os.path.join(place.path, name)
    if os.path.isfile(os.path.join(home, "config")):
        # Its monitor then cleans up. If this fails, `kill` ends what is left.
        thaw(processes(place, name))
        with contextlib.suppress(FailedError):
            run("timeout", "20", "lxc-stop", "-P", place.path, "-n", name, "-k")
    kill(place, name)
    remove_control_groups(name)
    remove(home)


def remove_control_groups(name: str) -> None:
    """Remove the empty control groups that a killed target left.

    Others of that name may belong to another target: LXC appends a number for a second target of the same name.
    """
    patterns = ["/sys/fs/cgroup/%slxc.*.%s%s" % (part, name, end) for part in ("", "*/") for end in ("", "-[0-9]*")]
    for path in [path for pattern in patterns for path in glob.glob(pattern)]:
        for folder, _names, _files in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
