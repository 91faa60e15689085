# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what a molecule target is made of: its packages, its LXC config, its files, its lines in the inventory."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import posixpath
import re
import shlex
from dataclasses import asdict, dataclass
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Tuple

# The name that a list of targets uses, and the one that the archive uses.
SUITES = {"debian-11": "bullseye", "debian-12": "bookworm", "debian-13": "trixie", "debian-14": "forky"}
# All that any target may need: what one of them shall not have is hidden from it, so that one tree serves all.
PACKAGES = (
    "busybox",
    "dnsmasq-base",
    "dropbear-bin",
    "iproute2",
    "iptables",
    "lxc",
    "openssh-server",
    "openssh-sftp-server",
    "python3",
    "python3-lxc",
)
# Changes when the way in which a tree is made does, so that trees of another way are not taken for it.
RECIPE = 1
SFTP_SERVERS = ("usr/lib/openssh/sftp-server", "usr/lib/sftp-server")
BINDING = ("usr/lib/python3/dist-packages/lxc", "usr/lib/python3/dist-packages/_lxc*")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
# How each SSH server is started in the foreground. Dropbear has a key format of its own.
SERVERS = {
    "openssh": "mkdir -p /run/sshd\n/usr/sbin/sshd -D -e",
    "dropbear": "dropbearconvert openssh dropbear /etc/ssh/ssh_host_ed25519_key /run/dropbear.key\n"
    "dropbear -F -E -s -r /run/dropbear.key",
}
INIT = """#!/bin/sh
# PID 1 of this target: starts and stops what a distribution's init would, by LXC's own boot scripts.
# SIGTERM and SIGPWR stop the target, SIGINT has it started anew; its containers stop first.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
leave() {
    trap '' TERM PWR INT
    /etc/init.d/lxc stop
    /etc/init.d/lxc-net stop
}
trap 'leave; exit 0' TERM PWR
trap 'leave; exec busybox reboot -f' INT
/etc/init.d/lxc-net start
/etc/init.d/lxc start
%s &
server=$!
# To wait is also to reap what has no other parent any more.
while kill -0 "$server" 2>/dev/null; do wait "$server"; done
"""


class InvalidError(Exception):
    """What was asked for cannot be made; the message says why."""


@dataclass(frozen=True)
class Target:
    """One target as it was asked for."""

    name: str
    distribution: str
    address: str
    binding: bool = True
    ssh: str = "openssh"
    sftp: bool = True
    read_only: bool = False
    cgroup2: bool = False
    data: str = "/data"
    lxc_path: str = ""


@dataclass(frozen=True)
class Place:
    """Where on this machine the targets live: their directory, the trees, the bridge and its address with prefix."""

    path: str
    cache: str
    bridge: str
    address: str


def parse_place(path: str, cache: str, bridge: str, address: str) -> Place:
    """The place. Raises InvalidError for paths that LXC's config or the options of an overlay would cut in two."""
    for name, value in (("path", path), ("cache", cache)):
        if not re.fullmatch(r"(/[^/\s:,\\\"'=]+)+/?", value) or "/../" in value + "/":
            raise InvalidError(
                "softwarecontainer_targets_%s: %r is not an absolute path without blanks, quotes, backslashes, ':', ','"
                ", '=' and '..'" % (name, value)
            )
    return Place(path, cache, bridge, address)


def parse_targets(values: Iterable[Mapping[str, Any]], address: str) -> Tuple[Target, ...]:
    """The targets; keys that only the inventory needs are left out. Raises InvalidError for what cannot be."""
    known = Target.__dataclass_fields__
    targets = tuple(Target(**{key: value[key] for key in known if key in value}) for value in values)
    bridge = ipaddress.ip_interface(address)
    for target in targets:
        problem = next((text for bad, text in problems(target, bridge) if bad), None)
        if problem:
            raise InvalidError("target %s: %s" % (target.name, problem))
    for key in ("name", "address"):
        seen = [getattr(target, key) for target in targets]
        twice = sorted({value for value in seen if seen.count(value) > 1})
        if twice:
            raise InvalidError("%s %s is given to more than one target" % (key, twice[0]))
    return targets


def problems(target: Target, bridge: Any) -> Tuple[Tuple[bool, str], ...]:
    """What may be wrong with a target: whether it is, and how to say it."""
    try:
        own = ipaddress.ip_address(target.address)
    except ValueError as error:
        return ((True, str(error)),)
    inside = not target.lxc_path or target.lxc_path.startswith(target.data.rstrip("/") + "/")
    return (
        (not NAME.fullmatch(target.name), "the name is not one of a host: letters, digits and -, at most 63"),
        (target.distribution not in SUITES, "distribution is none of " + ", ".join(SUITES)),
        (own not in bridge.network, "%s is not in %s" % (own, bridge.network)),
        (own == bridge.ip, "%s is the address of the bridge" % own),
        (target.ssh not in SERVERS, "ssh is none of " + ", ".join(SERVERS)),
        (not plain(target.data), "data has to be an absolute path without spaces and dots"),
        (bool(target.lxc_path) and not plain(target.lxc_path), "lxc_path has to be like data"),
        (target.read_only and not inside, "with a read-only root, lxc_path has to be below data"),
    )


def plain(path: str) -> bool:
    """Whether a path can stand in an LXC config as it is, and means what it says."""
    return bool(re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+", path))


def packages(extra: Sequence[str]) -> Tuple[str, ...]:
    """All packages of a tree, sorted."""
    return tuple(sorted({*PACKAGES, *extra}))


def tree_name(distribution: str, names: Sequence[str]) -> str:
    """The directory of a tree in the cache: another list of packages is another tree."""
    digest = hashlib.sha256(json.dumps([RECIPE, distribution, list(names)]).encode())
    return "%s.%s" % (distribution, digest.hexdigest()[:12])


def mirror(lines: Iterable[str]) -> str:
    """The address of the archive, from apt's own list of what it reads: the first that has the component main.

    In: lines of `apt-get indextargets`, each with address, suite and component. Suites with a dash hold updates.
    """
    for line in lines:
        address, suite, component = line.split("|")
        if component == "main" and "-" not in suite:
            return address
    raise InvalidError("apt knows no archive with the component main: set softwarecontainer_targets_mirror")


def config(target: Target, place: Place, tree: str, digest: str) -> str:
    """The LXC config of a target; the digest, in a comment, stands for all else that it is made of."""
    home = posixpath.join(place.path, target.name)
    prefix = place.address.partition("/")[2]
    mounts = [
        # Without these, a container with an id map of its own could not mount proc and sys.
        "proc dev/.lxc/proc proc create=dir,optional 0 0",
        "sys dev/.lxc/sys sysfs create=dir,optional 0 0",
        # LXC finds cgroups by their mounts: what is not mounted there is not there for it.
        *(["cgroup2 sys/fs/cgroup cgroup2 nosuid,nodev,noexec 0 0"] if target.cgroup2 else []),
        "tmpfs run tmpfs nosuid,nodev,mode=0755 0 0",
        "tmpfs tmp tmpfs nosuid,nodev,mode=1777 0 0",
        "%s/data %s none bind 0 0" % (home, target.data.lstrip("/")),
    ]
    if target.read_only:
        # The leases of lxc-net, which are volatile on a device of that kind.
        mounts.append("tmpfs var/lib/misc tmpfs nosuid,nodev,mode=0755 0 0")
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
        # A target is a machine of the tester: it is to hold containers itself, not to be held.
        "lxc.apparmor.profile = unconfined",
        "lxc.mount.auto = proc:rw sys:rw%s" % ("" if target.cgroup2 else " cgroup:rw:force"),
        *("lxc.mount.entry = " + mount for mount in mounts),
        "lxc.net.0.type = veth",
        "lxc.net.0.link = %s" % place.bridge,
        "lxc.net.0.name = eth0",
        "lxc.net.0.flags = up",
        # As on a device, it stays over a reboot: with another one, connections that are open then hang for a while.
        "lxc.net.0.hwaddr = 02:00:%s" % ":".join("%02x" % byte for byte in ipaddress.ip_address(target.address).packed),
        "lxc.net.0.ipv4.address = %s/%s" % (target.address, prefix),
    ]
    return "\n".join(lines) + "\n"


def files(target: Target, public_key: str) -> Dict[str, Tuple[int, str]]:
    """What a target has of its own above the tree: path, mode and content."""
    found = {
        "sbin/target-init": (0o755, INIT % SERVERS[target.ssh]),
        "etc/hostname": (0o644, target.name + "\n"),
        "etc/hosts": (0o644, "127.0.0.1 localhost\n127.0.1.1 %s\n" % target.name),
        "etc/resolv.conf": (0o644, "nameserver 127.0.0.1\n"),
        # As the role host gives them to root, which a target with a read-only /etc cannot have from it.
        "etc/subuid": (0o644, "root:1879048192:268304384\n"),
        "etc/subgid": (0o644, "root:1879048192:268304384\n"),
        "root/.ssh/authorized_keys": (0o600, public_key.strip() + "\n"),
    }
    if target.lxc_path:
        found["etc/lxc/lxc.conf"] = (0o644, "lxc.lxcpath = %s\n" % target.lxc_path)
    return found


def hidden(target: Target) -> Tuple[str, ...]:
    """Patterns of what the tree has and the target shall not have."""
    return (*(() if target.binding else BINDING), *(() if target.sftp else SFTP_SERVERS))


def digest(target: Target, public_key: str) -> str:
    """Stands for all that a target is made of beside its config."""
    parts = [asdict(target), sorted(files(target, public_key).items()), hidden(target)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def users_of(tree: str, mountinfo: Iterable[str]) -> List[str]:
    """The lines of a mount table in which a tree lies below an overlay."""
    return [line for line in mountinfo if re.search(r"lowerdir=%s(,|:|$)" % re.escape(tree), line)]


def inventory(values: Iterable[Mapping[str, Any]], folder: str) -> Dict[str, Any]:
    """What Ansible needs to reach the targets and to run modules there, in the shape of its YAML inventories.

    In: the targets as they were asked for, and the directory that holds key and known hosts.
    """
    result: Dict[str, Any] = {"all": {"hosts": {}, "children": {}}}
    for value in values:
        result["all"]["hosts"][value["name"]] = {**reached(value, folder), **(value.get("variables") or {})}
        for group in value.get("groups") or []:
            result["all"]["children"].setdefault(group, {"hosts": {}})["hosts"][value["name"]] = {}
    return result


def as_ssh_reads(path: str) -> str:
    """A path as it stands between the quotes of an option of ssh, which expands percent signs; see ssh_config(5)."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def reached(value: Mapping[str, Any], folder: str) -> Dict[str, Any]:
    """The variables of one target."""
    known_hosts = 'UserKnownHostsFile="%s"' % as_ssh_reads(folder + "/known_hosts")
    # A target that is started anew tells nobody: a connection that waits for it then would wait for hours.
    alive = ("ServerAliveInterval=5", "ServerAliveCountMax=6")
    options = (known_hosts, "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", *alive)
    found = {
        "ansible_host": value["address"],
        "ansible_user": "root",
        # Ansible puts it between quotes.
        "ansible_ssh_private_key_file": as_ssh_reads(folder + "/id_ed25519"),
        "ansible_ssh_common_args": " ".join("-o " + shlex.quote(option) for option in options),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    if not value.get("sftp", True):
        found["ansible_ssh_transfer_method"] = "piped"
    if value.get("read_only"):
        found["ansible_remote_tmp"] = "/tmp/.ansible"
    if value.get("lxc_path"):
        found["softwarecontainer_lxc_path"] = value["lxc_path"]
    return found
