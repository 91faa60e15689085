# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the LXC config of a system container, its own files, and the files of its tree that are hidden from it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import posixpath
from typing import Dict, Tuple

from .requests import Place, Target

SFTP_SERVERS = ("usr/lib/openssh/sftp-server", "usr/lib/sftp-server")
BINDING = ("usr/lib/python3/dist-packages/lxc", "usr/lib/python3/dist-packages/_lxc*")
# Keys of a target that only the inventory needs.
OUTSIDE = ("groups", "variables")
# The commands that start each SSH server in the foreground. Dropbear has a key format of its own.
SERVERS = {
    "openssh": "mkdir -p /run/sshd\n/usr/sbin/sshd -D -e",
    "dropbear": "dropbearconvert openssh dropbear /etc/ssh/ssh_host_ed25519_key /run/dropbear.key\n"
    "dropbear -F -E -s -r /run/dropbear.key",
}
# One string per line: in a string of several lines, packing.py would take a line that begins with # for a comment.
INIT = "\n".join(
    [
        "#!/bin/sh",
        "# PID 1 of this target: starts and stops what a distribution's init would, by LXC's own boot scripts.",
        "# SIGTERM and SIGPWR stop the target, SIGINT has it started anew; its containers stop first.",
        "export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "leave() {",
        "    trap '' TERM PWR INT",
        "    /etc/init.d/lxc stop",
        "    /etc/init.d/lxc-net stop",
        "}",
        "trap 'leave; exit 0' TERM PWR",
        "trap 'leave; exec busybox reboot -f' INT",
        "/etc/init.d/lxc-net start",
        "/etc/init.d/lxc start",
        "%s &",
        "server=$!",
        "# To wait is also to reap what has no other parent any more.",
        'while kill -0 "$server" 2>/dev/null; do wait "$server"; done',
        "",
    ]
)


def config(target: Target, place: Place, tree: str, digest: str) -> str:
    """Return the LXC config of a target. The digest, in a comment, stands for everything else in the target."""
    home = posixpath.join(place.path, target.name)
    prefix = place.address.partition("/")[2]
    lines = [
        "# softwarecontainer.lxc.molecule_targets %s" % digest,
        "lxc.uts.name = %s" % target.name,
        "lxc.rootfs.path = overlay:%s:%s/upper" % (tree, home),
        *(["lxc.rootfs.options = ro"] if target.read_only else []),
        "lxc.init.cmd = /sbin/target-init",
        "lxc.signal.halt = SIGTERM",
        "lxc.signal.reboot = SIGINT",
        "lxc.autodev = 1",
        "lxc.pty.max = 1024",
        # A target is a test machine. It confines its own containers and is not confined itself.
        "lxc.apparmor.profile = unconfined",
        "lxc.mount.auto = proc:rw sys:rw%s" % ("" if target.cgroup2 else " cgroup:rw:force"),
        *("lxc.mount.entry = " + mount for mount in mounts(target, home)),
        "lxc.net.0.type = veth",
        "lxc.net.0.link = %s" % place.bridge,
        "lxc.net.0.name = eth0",
        "lxc.net.0.flags = up",
        # It survives a reboot, as on a device. With a new address, open connections would hang for a while.
        "lxc.net.0.hwaddr = 02:00:%s" % ":".join("%02x" % byte for byte in ipaddress.ip_address(target.address).packed),
        "lxc.net.0.ipv4.address = %s/%s" % (target.address, prefix),
    ]
    return "\n".join(lines) + "\n"


def mounts(target: Target, home: str) -> Tuple[str, ...]:
    """Return the mounts of a target; `home` is its directory."""
    return (
        # Without these, a container with an id map of its own could not mount proc and sys.
        "proc dev/.lxc/proc proc create=dir,optional 0 0",
        "sys dev/.lxc/sys sysfs create=dir,optional 0 0",
        # LXC finds cgroups by their mounts. It does not see a hierarchy that is not mounted there.
        *(["cgroup2 sys/fs/cgroup cgroup2 nosuid,nodev,noexec 0 0"] if target.cgroup2 else []),
        "tmpfs run tmpfs nosuid,nodev,mode=0755 0 0",
        "tmpfs tmp tmpfs nosuid,nodev,mode=1777 0 0",
        "%s/data %s none bind 0 0" % (home, target.data.lstrip("/")),
        # The leases of lxc-net, which such a device does not keep either.
        *(["tmpfs var/lib/misc tmpfs nosuid,nodev,mode=0755 0 0"] if target.read_only else []),
    )


def files(target: Target, public_key: str) -> Dict[str, Tuple[int, str]]:
    """Return the files that a target has above its tree: mode and content by path."""
    found = {
        "sbin/target-init": (0o755, INIT % SERVERS[target.ssh]),
        "etc/hostname": (0o644, target.name + "\n"),
        "etc/hosts": (0o644, "127.0.0.1 localhost\n127.0.1.1 %s\n" % target.name),
        "etc/resolv.conf": (0o644, "nameserver 127.0.0.1\n"),
        # The ids that the role host gives to root. It cannot write them on a target with a read-only /etc.
        "etc/subuid": (0o644, "root:1879048192:268304384\n"),
        "etc/subgid": (0o644, "root:1879048192:268304384\n"),
        "root/.ssh/authorized_keys": (0o600, public_key.strip() + "\n"),
    }
    if target.lxc_path:
        found["etc/lxc/lxc.conf"] = (0o644, "lxc.lxcpath = %s\n" % target.lxc_path)
    return found


def hidden(target: Target) -> Tuple[str, ...]:
    """Return patterns of files in the tree that the target must not have."""
    return (*(() if target.binding else BINDING), *(() if target.sftp else SFTP_SERVERS))


def digest(target: Target, public_key: str) -> str:
    """Return a digest of everything in a target beside its config."""
    own = {key: value for key, value in target._asdict().items() if key not in OUTSIDE}
    parts = [own, sorted(files(target, public_key).items()), hidden(target)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
