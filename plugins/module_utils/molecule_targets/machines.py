# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes, starts and stops machines (I/O): targets that qemu runs on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import time
import uuid
from typing import Iterable, List, Optional

from . import machine_files, requests, write_log
from .architectures import ARCHITECTURES, can_use_kvm
from .files import make_folders, read, remove, write
from .inventory import LOOPBACK
from .processes import kill, machine_processes
from .programs import FailedError, run
from .progress import Tell, seldom
from .requests import Machine, Place, Target
from .system_containers import HOST_KEY, answers

RECORD = "machine.json"
PUBLIC_HOST_KEY = "host_key.pub"
# Makes the image: $1 are the options of the overlay, $2 is where it is mounted, $3 the image, and further options follow.
IMAGE = "\n".join(
    [
        "set -e",
        'mount -t overlay overlay -o "$1" "$2"',
        "folder=$2 image=$3",
        "shift 3",
        'exec mke2fs -q -F -t ext4 -d "$folder" "$@" "$image"',
    ]
)
# The pause between two looks at a machine, in seconds.
LOOK = 0.5


def make(target: Target, place: Place, tree: str, public_key: str) -> None:
    """Write a machine. The record comes last: a machine without one is incomplete. Raise FailedError."""
    machine = target.as_machine
    home = os.path.join(place.path, target.name)
    make_folders(home, "")
    # The image has the private host key.
    os.chmod(home, 0o700)
    upper = os.path.join(home, "upper")
    for name, (mode, content) in machine_files.files(target, public_key, uuid.uuid4().hex).items():
        write(upper, name, mode, content)
    for name, goal in machine_files.links().items():
        make_folders(upper, os.path.dirname(name))
        os.symlink(goal, os.path.join(upper, name))
    # Otherwise systemd rebuilds its caches at the first boot, which takes an emulated machine some seconds.
    for name in ("etc/.updated", "var/.updated"):
        write(upper, name, 0o644, "")
        os.utime(os.path.join(upper, name), (1 << 32, 1 << 32))
    make_folders(upper, "etc/ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", target.name, "-f", os.path.join(upper, HOST_KEY))
    shutil.copy(os.path.join(upper, HOST_KEY + ".pub"), os.path.join(home, PUBLIC_HOST_KEY))
    for name in ("vmlinuz", "initrd"):
        # The tree may be built anew while the machine is there.
        shutil.copy(os.path.join(tree, name), os.path.join(home, name))
    make_image(home, os.path.join(tree, "tree"), machine)
    for name in ("upper", "work", "merged"):
        remove(os.path.join(home, name))
    write(home, RECORD, 0o644, machine_files.record(target, public_key, tree))


def make_image(home: str, tree: str, machine: Machine) -> None:
    """Write the image of a root file system: the tree, with the machine's own files above it. Raise FailedError."""
    image = os.path.join(home, machine_files.DISK)
    with open(image, "wb") as stream:
        stream.truncate(machine.disk)
    for name in ("work", "merged"):
        make_folders(home, name)
    layers = "lowerdir=%s,upperdir=%s/upper,workdir=%s/work" % (tree, home, home)
    features = ("-O", ",".join(machine.file_system_features)) if machine.file_system_features else ()
    # The mount ends with its namespace.
    run("unshare", "--mount", "sh", "-c", IMAGE, "sh", layers, home + "/merged", image, *features)


def is_made(target: Target, place: Place, tree: str, public_key: str) -> bool:
    """Return whether a machine is there, complete and as the user wants it."""
    found = read(os.path.join(place.path, target.name, RECORD))
    return found == machine_files.record(target, public_key, tree)


def is_running(target: Target, place: Place) -> bool:
    """Return whether a machine is on."""
    return bool(machine_processes(place, target.name))


def host_key(target: Target, place: Place) -> str:
    """Return the public host key of a machine, or an empty string if it is not made yet."""
    return read(os.path.join(place.path, target.name, PUBLIC_HOST_KEY))


def start(target: Target, place: Place, tell: Tell) -> None:
    """Turn a machine on and wait until its SSH server answers. If it does not within its time, turn it off again.

    Raise FailedError with the last lines of its console.
    """
    machine = target.as_machine
    home = os.path.join(place.path, target.name)
    console = os.path.join(home, "console.log")
    refuse_ports_in_use([target])
    if machine.volatile_cache:
        run("cp", "--sparse=always", "--reflink=auto", machine_files.DISK, machine_files.DISK_BEFORE, directory=home)
        write(home, machine_files.WRITES, 0o600, "")
    run(*machine_files.qemu(target, home, has_kvm(machine)), directory=home)
    begin = time.monotonic()
    tell_seldom = seldom(tell, "booting " + target.name)
    while not answers(LOOPBACK, machine.port):
        is_on = is_running(target, place)
        last = machine_files.last_lines(read(console))
        if not is_on or time.monotonic() - begin > machine.timeout:
            kill(place, target.name)
            what = "gives no answer within %d s" % machine.timeout if is_on else "has turned itself off"
            raise FailedError("the machine %s %s; the last lines of its console: %s" % (target.name, what, last))
        tell_seldom(last.rpartition(" | ")[2])
        time.sleep(LOOK)


def has_kvm(machine: Machine) -> bool:
    """Return whether KVM can run a machine here."""
    is_accessible = can_open("/dev/kvm")
    return can_use_kvm(ARCHITECTURES[machine.architecture], os.uname().machine, is_accessible, read("/proc/cpuinfo"))


def can_open(path: str) -> bool:
    """Return whether a device can be opened: its node may be there without its driver."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def refuse_ports_in_use(targets: Iterable[Target]) -> None:
    """Raise FailedError if anything listens at the port of a machine that is to be turned on."""
    for target in targets:
        port = target.as_machine.port
        with socket.socket() as own:
            # As qemu does: a port whose connections are only waiting for their end can be used.
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                own.bind((LOOPBACK, port))
            except OSError:
                raise FailedError(
                    "port %d of %s is in use: choose another port for the machine %s" % (port, LOOPBACK, target.name)
                ) from None


def recorded(place: Place, name: str) -> Optional[Target]:
    """Return a machine as it was made, or None if there is none of that name. Raise FailedError if its record is damaged."""
    text = read(os.path.join(place.path, name, RECORD))
    if not text:
        return None
    try:
        own = json.loads(text)["target"]
    except (ValueError, KeyError, TypeError):
        raise FailedError("%s is damaged; create the machine again" % os.path.join(place.path, name, RECORD)) from None
    # A tuple of the record is a list in JSON, which is what the parser expects.
    return requests.parse_target(0, own)


def turn_off(target: Target, place: Place, timeout: float) -> None:
    """Press the power button of a machine and wait until it is off. Raise FailedError if it stays on."""
    home = os.path.join(place.path, target.name)
    press_power_button(home)
    deadline = time.monotonic() + timeout
    while is_running(target, place):
        if time.monotonic() > deadline:
            last = machine_files.last_lines(read(os.path.join(home, "console.log")))
            raise FailedError(
                "the machine %s does not turn off within %d s; the last lines of its console: %s"
                % (target.name, timeout, last)
            )
        time.sleep(LOOK)


def press_power_button(home: str) -> None:
    """Have qemu press the power button, by its monitor; see qemu's QMP reference. Raise FailedError."""
    folder = os.open(home, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX) as monitor, contextlib.closing(monitor.makefile("rw")) as stream:
            monitor.settimeout(30)
            monitor.connect("/proc/self/fd/%d/%s" % (folder, machine_files.MONITOR))
            stream.readline()
            for command in ("qmp_capabilities", "system_powerdown"):
                stream.write(json.dumps({"execute": command}) + "\n")
                stream.flush()
                stream.readline()
    except OSError as error:
        raise FailedError("qemu's monitor does not answer: %s" % error) from None
    finally:
        os.close(folder)


def cut(target: Target, place: Place) -> None:
    """Turn a machine off at once, as a power cut does. Raise FailedError."""
    kill(place, target.name)
    if target.as_machine.volatile_cache:
        before, writes, disk = (
            os.path.join(place.path, target.name, name)
            for name in (machine_files.DISK_BEFORE, machine_files.WRITES, machine_files.DISK)
        )
        try:
            write_log.write_survivors(writes, before, random.SystemRandom())
        except ValueError as error:
            raise FailedError("%s: %s" % (writes, error)) from None
        os.rename(before, disk)


def names(place: Place) -> List[str]:
    """Return the names of all machines that are complete."""
    found = sorted(os.listdir(place.path)) if os.path.isdir(place.path) else []
    return [name for name in found if os.path.isfile(os.path.join(place.path, name, RECORD))]
