# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the files that a machine has above its tree, and the command line of qemu."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Dict, List, Tuple

from .architectures import ARCHITECTURES
from .requests import Machine, Target

# Inside qemu's user network, see its manual under -netdev user. The addresses are the same in every machine.
ADDRESS, GATEWAY = "10.0.2.15/24", "10.0.2.2"
# What takes time in an emulated machine and serves no test: the periodic jobs of packages, logins at the console, and what
# looks for hardware that no such machine has.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "serial-getty@.service",
    "systemd-binfmt.service",
    "systemd-pstore.service",
    "systemd-tpm2-setup-early.service",
    "systemd-tpm2-setup.service",
    "systemd-udev-load-credentials.service",
)
DISK = "disk.img"
# The disk as it was when the machine was turned on, and all writes since then; see write_log.py.
DISK_BEFORE, WRITES = "disk.before", "disk.writes"
# The socket of qemu's monitor, below the machine's directory. A longer path might not fit into the address of a socket.
MONITOR = "monitor"
ESCAPE = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")


def files(target: Target, public_key: str, machine_id: str) -> Dict[str, Tuple[int, str]]:
    """Return the files that a machine has above its tree: mode and content by path."""
    return {
        "etc/hostname": (0o644, target.name + "\n"),
        "etc/hosts": (0o644, "127.0.0.1 localhost\n127.0.1.1 %s\n" % target.name),
        "etc/resolv.conf": (0o644, "nameserver 127.0.0.1\n"),
        "etc/fstab": (0o644, "/dev/vda / ext4 defaults 0 0\n"),
        # Without one, systemd takes each boot for the first.
        "etc/machine-id": (0o444, machine_id + "\n"),
        "etc/apt/sources.list": (0o644, "deb [trusted=yes] file:/srv/apt ./\n"),
        "etc/systemd/network/machine.network": (
            0o644,
            "[Match]\nName=en* eth*\n\n[Network]\nAddress=%s\nGateway=%s\n" % (ADDRESS, GATEWAY),
        ),
        "root/.ssh/authorized_keys": (0o600, public_key.strip() + "\n"),
    }


def links() -> Dict[str, str]:
    """Return the symbolic links that a machine has above its tree: what each points to, by path."""
    units = "etc/systemd/system/"
    return {
        **{units + name: "/dev/null" for name in MASKED},
        units + "multi-user.target.wants/systemd-networkd.service": "/lib/systemd/system/systemd-networkd.service",
    }


def record(target: Target, public_key: str, tree: str) -> str:
    """Return the record of a machine, from which it is started: JSON with its name, its keys, and a digest of the rest.

    `tree` is the directory of its tree.
    """
    parts = [tree, sorted(files(target, public_key, "").items()), sorted(links().items())]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
    own = {"name": target.name, "distribution": target.distribution, "machine": target.as_machine._asdict()}
    return json.dumps({"digest": digest, "target": own}, indent=2) + "\n"


def qemu(target: Target, home: str, kvm: bool) -> List[str]:
    """Return the command line that starts a machine in the background. `home` is its directory, and qemu's too."""
    machine = target.as_machine
    architecture = ARCHITECTURES[machine.architecture]
    arguments = "root=/dev/vda rw console=%s %s" % (architecture.console, machine.kernel_arguments)
    return [
        architecture.qemu,
        *("-machine", architecture.machine),
        *("-accel", "kvm" if kvm else "tcg"),
        *("-cpu", "host" if kvm else architecture.processor),
        *("-smp", "%d" % machine.cpus),
        *("-m", "%dM" % (machine.memory >> 20)),
        *("-kernel", home + "/vmlinuz"),
        *("-initrd", home + "/initrd"),
        *("-append", arguments.strip()),
        *drive(machine, home),
        *("-device", "virtio-blk-pci,drive=disk"),
        # "restrict" leaves no way out but the forwarded port.
        *("-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-:22" % machine.port),
        # Without a ROM to boot from the network, which has a package of its own.
        *("-device", "virtio-net-pci,netdev=net,romfile="),
        *("-device", "virtio-rng-pci"),
        *("-nodefaults", "-no-user-config"),
        *("-display", "none"),
        *("-serial", "file:%s/console.log" % home),
        *("-qmp", "unix:%s,server=on,wait=off" % MONITOR),
        "-daemonize",
    ]


def drive(machine: Machine, home: str) -> List[str]:
    """Return the arguments of qemu for the disk of a machine."""
    file = ("-blockdev", "driver=file,filename=%s/%s,node-name=file" % (home, DISK))
    if not machine.volatile_cache:
        return [*file, "-blockdev", "driver=raw,file=file,node-name=disk"]
    return [
        *(*file, "-blockdev", "driver=raw,file=file,node-name=raw"),
        *("-blockdev", "driver=file,filename=%s/%s,node-name=writes" % (home, WRITES)),
        *("-blockdev", "driver=blklogwrites,file=raw,log=writes,node-name=disk"),
    ]


def last_lines(console: str, count: int = 3) -> str:
    """Return the last lines of a console in one line, without what only moves and colours them on a terminal."""
    plain = "".join(letter for letter in strip_escapes(console) if letter in "\n\r" or letter.isprintable())
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    return " | ".join(lines[-count:]) or "nothing"


def strip_escapes(text: str) -> str:
    """Return a text without the escape sequences of ECMA-48."""
    return ESCAPE.sub("", text)
