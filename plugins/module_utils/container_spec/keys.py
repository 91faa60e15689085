# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the keys of a container spec, each with its parser and default."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from . import gateways, interfaces, packets, records, rules
from .values import (
    Field,
    InvalidError,
    address,
    boolean,
    bounded_size,
    choice,
    decimal,
    either,
    exact,
    integer,
    lines,
    list_of,
    mapping_of,
    matching,
    mode,
    owner,
    path,
    record,
    signal_name,
    size,
    text,
)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
# LXC keys that other keys of the spec set, or that would take the container out of this collection's control.
RESERVED = {
    "lxc.rootfs.path": "it is always <lxc_path>/<name>/rootfs",
    "lxc.uts.name": "use hostname",
    "lxc.init.cmd": "use command or init",
    "lxc.environment": "use environment",
    "lxc.ephemeral": "a container must outlive its stop",
}


def make_secret(secret: str) -> records.Secret:
    """Return a secret whose value is not known yet."""
    return records.Secret(secret)


# An interface name as the kernel accepts it: IFNAMSIZ is 16 including the end, no slash, no space.
INTERFACE = matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", "the name of a network interface (at most 15 characters)")
CONTAINER_NAME = matching(NAME, "a container name (letters, digits, _ - . ; first a letter or digit; at most 64)")
APPLET = matching(r"[A-Za-z0-9_\[.-][A-Za-z0-9_\[\].+-]{0,63}", "the name of a busybox applet")
ARGV = list_of(text)
# Device rules as the kernel accepts them, see the kernel's cgroup-v1/devices.rst.
DEVICES = list_of(matching(r"[bc] ([0-9]+|\*):([0-9]+|\*) r?w?m?(?<! )", "a rule for devices (c 10:200 rwm)"))
SECRET = record(make_secret, {"secret": Field(text)})
ENVIRONMENT = mapping_of(
    matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable"),
    lambda value: SECRET(value) if isinstance(value, dict) else exact(value),
)


def source_path(value: Any) -> str:
    """Return the name of a file of the controller. Raise InvalidError if it is empty."""
    if not text(value):
        raise InvalidError("is empty", value)
    return text(value)


def parse_argv(value: Any) -> Tuple[str, ...]:
    """Return a program with its arguments. Raise InvalidError if there is no program."""
    argv: Tuple[str, ...] = ARGV(value)
    if not argv or not argv[0]:
        raise InvalidError("names no program", value)
    return argv


def parse_option(value: Any) -> str:
    """Return one mount option. Raise InvalidError for anything that is not exactly one.

    `create=` is refused, because LXC would create the path on the target and follow links there.
    """
    option = text(value)
    if not option or any(letter.isspace() or letter in ",#" for letter in option):
        raise InvalidError("is not one mount option", value)
    if option.startswith("create="):
        raise InvalidError("is refused; use the key create", value)
    if option == "relative":
        raise InvalidError("is refused; LXC would look for the source through the container's own links", value)
    return option


def parse_devices(value: Any) -> Optional[Tuple[str, ...]]:
    """Return the device rules of a cgroup, or None for the word `all`, which means no restriction."""
    return None if value == "all" else DEVICES(value)


def parse_lxc_key(value: Any) -> str:
    """Return an LXC config key. Raise InvalidError if it is not one, or if a key of the spec must be used for it."""
    if value in RESERVED:
        raise InvalidError("cannot be set here: " + RESERVED[value], value)
    return str(matching(r"lxc(\.[a-z0-9_-]+)+(\.[A-Za-z0-9_.-]+)?", "a key of an LXC config (lxc.*)")(value))


def parse_lxc_value(value: Any) -> str:
    """Return a value of an LXC config as text; booleans become 1 or 0, as LXC writes them. Raise InvalidError."""
    if isinstance(value, bool):
        return str(int(value))
    if "create=" in text(value):
        raise InvalidError("has the mount option create=, which LXC would carry out on the target", value)
    return str(value)


def make_security(**values: Any) -> records.Security:
    """Return the security settings. Raise InvalidError if they contradict each other."""
    if values["privileged"] and values["idmap"]:
        raise InvalidError("has no effect on a privileged container", list(values["idmap"]), "idmap")
    return records.Security(**values)


def make_file(**values: Any) -> records.File:
    """Return a file. Raise InvalidError if it has two contents, or is a template of nothing."""
    if values["src"] is not None and values["content"]:
        raise InvalidError("has no effect together with content", values["src"], "src")
    if values["src"] is None and values["template"]:
        raise InvalidError("needs src as well", True, "template")
    return records.File(**values)


# The kernel's limit: the last id stands for none, see chown(2).
OWNER = {"owner": Field(integer(0, 4294967294), 0), "group": Field(integer(0, 4294967294), 0)}
DIRECTORY = record(records.Directory, {"path": Field(path), "mode": Field(mode, 0o755), **OWNER})
FILE = record(
    make_file,
    {
        "path": Field(path),
        "mode": Field(mode, 0o644),
        "content": Field(lines, ""),
        "src": Field(source_path, None),
        "template": Field(boolean, False),
        **OWNER,
        "on_change": Field(choice("restart", "reload", "leave"), None),
    },
)
ARCHIVE = record(
    records.Archive,
    {
        "src": Field(source_path),
        "target": Field(either("/", path)),
        "checksum": Field(matching("sha256:[0-9a-f]{64}", "a digest (sha256: and 64 hexadecimal digits)"), None),
    },
)
BUSYBOX = record(
    records.Busybox,
    {
        "method": Field(choice("copy", "bind", "none"), "copy"),
        "path": Field(path, None),
        "applets": Field(either("all", list_of(APPLET)), None),
    },
)
NETWORK = record(
    records.Interface,
    {
        "type": Field(choice("veth", "macvlan", "ipvlan", "vlan", "phys", "empty", "none"), "veth"),
        "link": Field(INTERFACE, None),
        "name": Field(INTERFACE, None),
        "flags": Field(choice("up", "down"), "up"),
        "hwaddr": Field(
            matching(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", "a hardware address (xx:xx:xx:xx:xx:xx)"), None
        ),
        # The kernel's limits: ETH_MIN_MTU and ETH_MAX_MTU, if_ether.h.
        "mtu": Field(integer(68, 65535), None),
        "ipv4": Field(list_of(address(4, words=(records.AUTO,), prefix=True), single=True), ()),
        "ipv4_gateway": Field(address(4, words=("auto", "dev")), None),
        "ipv6": Field(list_of(address(6, prefix=True), single=True), ()),
        "ipv6_gateway": Field(address(6, words=("auto", "dev")), None),
    },
)


def make_port(**values: Any) -> records.Port:
    """Return a published port. It is the same one in the container, unless the spec names another."""
    return records.Port(values["target"], values["container"] or values["target"], values["protocol"])


PORT = record(
    make_port,
    {
        "target": Field(integer(1, 65535)),
        "container": Field(integer(1, 65535), None),
        "protocol": Field(choice("tcp", "udp"), "tcp"),
    },
)
MOUNT = record(
    records.Mount,
    {
        "source": Field(text),
        "target": Field(path),
        "read_only": Field(boolean, True),
        "optional": Field(boolean, False),
        "create": Field(choice("dir", "file"), None),
        "type": Field(matching(r"[a-z0-9_.-]+", "a file system type"), "none"),
        "options": Field(list_of(parse_option), ()),
    },
)
VOLUME = record(
    records.Volume,
    {
        "name": Field(
            matching(NAME, "the name of a volume (letters, digits, _ - . ; first a letter or digit; at most 64)")
        ),
        "target": Field(path),
        "owner": Field(owner, None),
        "mode": Field(mode, None),
        "size": Field(bounded_size(64 * 1024, 2**50), None),
    },
)
LIMIT_FIELDS: Dict[str, Field] = {
    "memory": Field(size, None),
    "memory_swap": Field(size, None),
    # The kernel's limits for cpu.shares, sched/core.c.
    "cpu_shares": Field(integer(2, 262144), None),
    "cpus": Field(decimal(0.01, 8192), None),
    "pids": Field(integer(1, 4194304), None),
}
LIMITS = record(records.Limits, LIMIT_FIELDS)
SECURITY = record(
    make_security,
    {
        "drop_capabilities": Field(list_of(matching(r"[a-z][a-z0-9_]+", "a capability (sys_time, ...)")), None),
        "seccomp": Field(either("common", either("none", path)), "common"),
        "apparmor": Field(text, None),
        "selinux": Field(text, None),
        "no_new_privs": Field(boolean, True),
        "sys": Field(choice("ro", "mixed", "rw"), "ro"),
        "devices": Field(parse_devices, ()),
        "privileged": Field(boolean, False),
        "idmap": Field(list_of(matching(r"[ug] [0-9]+ [0-9]+ [0-9]+", "an id map (u 0 100000 65536)")), ()),
    },
)
AUTOSTART = record(
    records.Autostart,
    {
        "enabled": Field(boolean, False),
        "order": Field(integer(-2147483648, 2147483647), None),
        "delay": Field(integer(0, 86400), 0),
        "groups": Field(list_of(matching(r"[A-Za-z0-9_.-]+", "a group name")), ()),
    },
)


def parse_log(value: Any) -> records.Log:
    """Return how output is kept. The word `none` stands for a log without room. Raise InvalidError."""
    parsed: Any = LOG(value)
    return records.Log(0) if parsed == "none" else parsed


# LXC rounds the size of a log up to a power of two and to at least a page of memory.
LOG = either(
    "none",
    record(
        records.Log,
        {
            "size": Field(bounded_size(4096, 1024**3), records.Log().size),
            "driver": Field(choice("file", "syslog", "journald"), "file"),
        },
    ),
)
RESTART = record(
    records.Restart,
    {
        "policy": Field(choice("never", "on_failure", "always"), "never"),
        "delay": Field(integer(1, 86400), 1),
        "limit": Field(integer(1, 1000000), None),
    },
)


def make_check(**values: Any) -> records.Check:
    """Return a readiness check. Raise InvalidError unless it has exactly one of command, tcp and file."""
    subjects = [key for key in CHECKED if values[key] is not None]
    if len(subjects) != 1:
        raise InvalidError("is not exactly one of command, tcp and file", subjects)
    return records.Check(**values)


CHECKED = ("command", "tcp", "file")
CHECK = record(
    make_check,
    {
        "command": Field(parse_argv, None),
        "tcp": Field(integer(1, 65535), None),
        "file": Field(path, None),
        "timeout": Field(decimal(0, 86400), 30.0),
        "stable": Field(decimal(0, 86400), 1.0),
    },
)
FIELDS: Dict[str, Field] = {
    "name": Field(CONTAINER_NAME),
    "state": Field(choice(*records.STATES), "started"),
    "hostname": Field(matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "a host name of at most 64 characters"), None),
    "install_prefix": Field(path, "/usr/local"),
    "gateway_dir": Field(path, None),
    "gateway_dir_mode": Field(mode, 0o777),
    "directories": Field(list_of(DIRECTORY), ()),
    "files": Field(list_of(FILE), ()),
    "archive": Field(list_of(ARCHIVE, single=True), ()),
    "resolv_conf": Field(lines, "copy"),
    "busybox": Field(BUSYBOX, records.Busybox()),
    "command": Field(parse_argv, None),
    "init": Field(either("lxc", parse_argv), None),
    "reload": Field(signal_name, None),
    "log": Field(parse_log, None),
    "restart": Field(RESTART, records.Restart()),
    "on_change": Field(choice("restart", "leave"), "restart"),
    "ready": Field(list_of(CHECK), ()),
    "after": Field(list_of(CONTAINER_NAME), ()),
    "network": Field(list_of(NETWORK), (records.Interface(ipv4=(records.AUTO_IF_OWN,)),)),
    "ports": Field(list_of(PORT), ()),
    "autodev": Field(boolean, True),
    "tty": Field(integer(0, 1024), 1),
    "pty": Field(integer(0, 1048576), 1),
    "system_mounts": Field(boolean, True),
    "mounts": Field(list_of(MOUNT), ()),
    "volumes": Field(list_of(VOLUME), ()),
    "gateways": Field(gateways.GATEWAYS, records.Gateways()),
    "environment": Field(ENVIRONMENT, ()),
    "limits": Field(LIMITS, records.Limits()),
    "capabilities": Field(list_of(text), ()),
    "security": Field(SECURITY, SECURITY({})),
    "autostart": Field(AUTOSTART, records.Autostart()),
    "lxc": Field(mapping_of(parse_lxc_key, list_of(parse_lxc_value, single=True)), ()),
}


def make_container(**values: Any) -> records.Container:
    """Return a container. Raise InvalidError if its keys contradict each other."""
    if values["capabilities"]:
        reason = "is for the controller, which has put what it stands for in its place before anything is sent"
        raise InvalidError(reason, list(values["capabilities"]), "capabilities")
    values["hostname"] = values["hostname"] or values["name"]
    values["init"] = None if values["init"] == "lxc" else values["init"]
    if values["busybox"].applets == "all":
        values["busybox"] = records.Busybox(values["busybox"].method, values["busybox"].path)
    if values["security"].drop_capabilities is None:
        dropped = records.DROP_CAPABILITIES + (() if values["init"] else records.DROP_WITH_INIT_LXC)
        dropped += records.DROP_WITH_PACKET_FILTER if values["gateways"].network else ()
        values["security"] = values["security"]._replace(drop_capabilities=dropped)
    container = records.Container(**values)
    if container.init and container.command:
        raise InvalidError("has no effect together with an init of its own", list(container.command), "command")
    rules.check_restart(container)
    rules.check_paths(container)
    rules.check_reload(container)
    rules.check_limits(container.limits)
    rules.check_mounts(container.mounts)
    rules.check_volumes(container)
    rules.check_devices(container)
    rules.check_network(container.network)
    rules.check_ports(container)
    packets.check(container)
    interfaces.check_names(container.lxc)
    return container


CONTAINER = record(make_container, FIELDS)
