# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the container spec. What a user declares becomes frozen values, or one clear refusal."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple, Union

from ..errors import RefusedError
from . import interfaces
from .values import (
    Field,
    InvalidError,
    address,
    boolean,
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
    nearest,
    option,
    path,
    record,
    size,
    text,
    within,
)

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
STATES = ("started", "stopped", "frozen", "absent")
# The capabilities that LXC's own common.conf takes away from every container.
DROP_CAPABILITIES = ("mac_admin", "mac_override", "sys_time", "sys_module", "sys_rawio")
# Beside those, where init.lxc is PID 1: root of a container that has it may change the options of its mounts, and an
# init of one's own mostly needs it.
DROP_WITH_INIT_LXC = ("sys_admin",)
# Where the command line lies if LXC cannot split it.
OWN_DIRECTORY = "/etc/softwarecontainer"
# How many names an error lists at most.
NAMES_SHOWN = 10
# Keys that other keys of the spec stand for, or that would take the container out of our hands.
RESERVED = {
    "lxc.rootfs.path": "it is always <lxc_path>/<name>/rootfs",
    "lxc.uts.name": "use hostname",
    "lxc.init.cmd": "use command or init",
    "lxc.environment": "use environment",
    "lxc.ephemeral": "a container must outlive its stop",
}


class Secret(NamedTuple):
    """A value that is given beside the specs, under this name, and never shown."""

    name: str
    value: str = ""


class Directory(NamedTuple):
    """A directory of the rootfs: path in the container, mode as a number."""

    path: str
    mode: int


class File(NamedTuple):
    """A file of the rootfs: path in the container, mode as a number, content as text."""

    path: str
    mode: int
    content: str


class Busybox(NamedTuple):
    """How busybox comes into the container; `path` None: found on the target; `applets` None: all."""

    method: str = "copy"
    path: Optional[str] = None
    applets: Optional[Tuple[str, ...]] = None


class Interface(NamedTuple):
    """One network interface; `link` None: the bridge, for the types that need a link."""

    type: str = "veth"
    link: Optional[str] = None
    name: Optional[str] = None
    flags: str = "up"
    hwaddr: Optional[str] = None
    mtu: Optional[int] = None
    ipv4: Tuple[str, ...] = ()
    ipv4_gateway: Optional[str] = None
    ipv6: Tuple[str, ...] = ()
    ipv6_gateway: Optional[str] = None


class Mount(NamedTuple):
    """One mount entry; `source` on the target, `target` in the container."""

    source: str
    target: str
    read_only: bool = True
    optional: bool = False
    create: Optional[str] = None
    type: str = "none"
    options: Tuple[str, ...] = ()


class Limits(NamedTuple):
    """Limits of the container's cgroup: bytes, bytes, weight, processors, tasks; None: no limit."""

    memory: Optional[int] = None
    memory_swap: Optional[int] = None
    cpu_shares: Optional[int] = None
    cpus: Optional[float] = None
    pids: Optional[int] = None


class Security(NamedTuple):
    """What is taken away from the container; `devices`: what it may use beside the usual ones, None: anything.

    `idmap`: the ids of its user namespace, empty: a range that is allotted; `privileged`: it has no user namespace.
    """

    drop_capabilities: Tuple[str, ...] = DROP_CAPABILITIES + DROP_WITH_INIT_LXC
    seccomp: str = "common"
    apparmor: Optional[str] = None
    selinux: Optional[str] = None
    no_new_privs: bool = True
    sys: str = "ro"
    devices: Optional[Tuple[str, ...]] = ()
    privileged: bool = False
    idmap: Tuple[str, ...] = ()


class Autostart(NamedTuple):
    """Whether and how LXC starts the container when the target boots; `delay` in seconds."""

    enabled: bool = False
    order: int = 0
    delay: int = 0
    groups: Tuple[str, ...] = ()


class Check(NamedTuple):
    """One check of readiness: a program, a port or a file, the two others None; `timeout` and `stable` in seconds."""

    command: Optional[Tuple[str, ...]] = None
    tcp: Optional[int] = None
    file: Optional[str] = None
    timeout: float = 30.0
    stable: float = 1.0


Environment = Tuple[Tuple[str, Union[str, Secret]], ...]


class Container(NamedTuple):
    """One whole spec, every key present."""

    name: str
    state: str
    hostname: str
    install_prefix: str
    gateway_dir: Optional[str]
    gateway_dir_mode: int
    directories: Tuple[Directory, ...]
    files: Tuple[File, ...]
    resolv_conf: str
    busybox: Busybox
    command: Optional[Tuple[str, ...]]
    init: Optional[Tuple[str, ...]]
    on_change: str
    ready: Tuple[Check, ...]
    network: Tuple[Interface, ...]
    autodev: bool
    tty: int
    pty: int
    system_mounts: bool
    mounts: Tuple[Mount, ...]
    environment: Environment
    limits: Limits
    security: Security
    autostart: Autostart
    lxc: Tuple[Tuple[str, Tuple[str, ...]], ...]

    def keeps(self, capability: str) -> bool:
        """Whether processes of the container may have a capability. What `lxc` says of them counts too."""
        own = dict(self.lxc)
        dropped = set(self.security.drop_capabilities)
        for value in own.get("lxc.cap.drop", ()):
            # Without a value the key forgets what was said before.
            dropped = dropped | set(value.split()) if value.strip() else set()
        return "lxc.cap.keep" in own or capability not in dropped


def make_secret(secret: str) -> Secret:
    """A secret whose value is not known yet."""
    return Secret(secret)


# An interface name as the kernel takes it: IFNAMSIZ is 16 with its end, no slash, no space.
INTERFACE = matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}", "the name of a network interface (at most 15 characters)")
APPLET = matching(r"[A-Za-z0-9_\[.-][A-Za-z0-9_\[\].+-]{0,63}", "the name of a busybox applet")
ARGV = list_of(text)
# As the kernel takes them, see the kernel's cgroup-v1/devices.rst.
DEVICES = list_of(matching(r"[bc] ([0-9]+|\*):([0-9]+|\*) r?w?m?(?<! )", "a rule for devices (c 10:200 rwm)"))
SECRET = record(make_secret, {"secret": Field(text)})
ENVIRONMENT = mapping_of(
    matching(r"[A-Za-z_][A-Za-z0-9_]*", "the name of a variable"),
    lambda value: SECRET(value) if isinstance(value, dict) else exact(value),
)


def parse_argv(value: Any) -> Tuple[str, ...]:
    """A program with its arguments."""
    argv: Tuple[str, ...] = ARGV(value)
    if not argv or not argv[0]:
        raise InvalidError("names no program", value)
    return argv


def parse_option(value: Any) -> str:
    """One word of a mount entry's options. LXC would carry out `create=` on the target, through links."""
    option = text(value)
    if not option or any(letter.isspace() or letter in ",#" for letter in option):
        raise InvalidError("is not one mount option", value)
    if option.startswith("create="):
        raise InvalidError("is refused; use the key create", value)
    if option == "relative":
        raise InvalidError("is refused; LXC would look for the source through the container's own links", value)
    return option


def parse_devices(value: Any) -> Optional[Tuple[str, ...]]:
    """Rules of device cgroups; None for the word all, which is no policy."""
    return None if value == "all" else DEVICES(value)


def parse_lxc_key(value: Any) -> str:
    """A key of an LXC config that no key of the spec stands for."""
    if value in RESERVED:
        raise InvalidError("cannot be set here: " + RESERVED[value], value)
    return str(matching(r"lxc(\.[a-z0-9_-]+)+(\.[A-Za-z0-9_.-]+)?", "a key of an LXC config (lxc.*)")(value))


def parse_lxc_value(value: Any) -> str:
    """A value of an LXC config; booleans as LXC writes them."""
    if isinstance(value, bool):
        return str(int(value))
    if "create=" in text(value):
        raise InvalidError("has the mount option create=, which LXC would carry out on the target", value)
    return str(value)


def make_security(**values: Any) -> Security:
    """What is taken away, where the keys agree with each other. Raises InvalidError."""
    if values["privileged"] and values["idmap"]:
        raise InvalidError("has no effect on a privileged container", list(values["idmap"]), "idmap")
    return Security(**values)


DIRECTORY = record(Directory, {"path": Field(path), "mode": Field(mode, 0o755)})
FILE = record(File, {"path": Field(path), "mode": Field(mode, 0o644), "content": Field(lines, "")})
BUSYBOX = record(
    Busybox,
    {
        "method": Field(choice("copy", "bind", "none"), "copy"),
        "path": Field(path, None),
        "applets": Field(either("all", list_of(APPLET)), None),
    },
)
NETWORK = record(
    Interface,
    {
        "type": Field(choice("veth", "macvlan", "ipvlan", "vlan", "phys", "empty", "none"), "veth"),
        "link": Field(INTERFACE, None),
        "name": Field(INTERFACE, None),
        "flags": Field(choice("up", "down"), "up"),
        "hwaddr": Field(
            matching(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}", "a hardware address (xx:xx:xx:xx:xx:xx)"), None
        ),
        # The kernel's bounds: ETH_MIN_MTU and ETH_MAX_MTU, if_ether.h.
        "mtu": Field(integer(68, 65535), None),
        "ipv4": Field(list_of(address(4, prefix=True), single=True), ()),
        "ipv4_gateway": Field(address(4, words=("auto", "dev")), None),
        "ipv6": Field(list_of(address(6, prefix=True), single=True), ()),
        "ipv6_gateway": Field(address(6, words=("auto", "dev")), None),
    },
)
MOUNT = record(
    Mount,
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
LIMITS = record(
    Limits,
    {
        "memory": Field(size, None),
        "memory_swap": Field(size, None),
        # The kernel's bounds of cpu.shares, sched/core.c.
        "cpu_shares": Field(integer(2, 262144), None),
        "cpus": Field(decimal(0.01, 8192), None),
        "pids": Field(integer(1, 4194304), None),
    },
)
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
    Autostart,
    {
        "enabled": Field(boolean, False),
        "order": Field(integer(-2147483648, 2147483647), 0),
        "delay": Field(integer(0, 86400), 0),
        "groups": Field(list_of(matching(r"[A-Za-z0-9_.-]+", "a group name")), ()),
    },
)


def make_check(**values: Any) -> Check:
    """A check that looks at exactly one thing. Raises InvalidError."""
    given = [key for key in CHECKED if values[key] is not None]
    if len(given) != 1:
        raise InvalidError("is not exactly one of command, tcp and file", given)
    return Check(**values)


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
    "name": Field(matching(NAME, "a container name (letters, digits, _ - . ; first a letter or digit; at most 64)")),
    "state": Field(choice(*STATES), "started"),
    "hostname": Field(matching(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", "a host name of at most 64 characters"), None),
    "install_prefix": Field(path, "/usr/local"),
    "gateway_dir": Field(path, None),
    "gateway_dir_mode": Field(mode, 0o777),
    "directories": Field(list_of(DIRECTORY), ()),
    "files": Field(list_of(FILE), ()),
    "resolv_conf": Field(lines, "copy"),
    "busybox": Field(BUSYBOX, Busybox()),
    "command": Field(parse_argv, None),
    "init": Field(either("lxc", parse_argv), None),
    "on_change": Field(choice("restart", "leave"), "restart"),
    "ready": Field(list_of(CHECK), ()),
    "network": Field(list_of(NETWORK), (Interface(),)),
    "autodev": Field(boolean, True),
    "tty": Field(integer(0, 1024), 1),
    "pty": Field(integer(0, 1048576), 1),
    "system_mounts": Field(boolean, True),
    "mounts": Field(list_of(MOUNT), ()),
    "environment": Field(ENVIRONMENT, ()),
    "limits": Field(LIMITS, Limits()),
    "security": Field(SECURITY, SECURITY({})),
    "autostart": Field(AUTOSTART, Autostart()),
    "lxc": Field(mapping_of(parse_lxc_key, list_of(parse_lxc_value, single=True)), ()),
}


def make_container(**values: Any) -> Container:
    """A container whose keys agree with each other. Raises InvalidError."""
    values["hostname"] = values["hostname"] or values["name"]
    values["init"] = None if values["init"] == "lxc" else values["init"]
    if values["busybox"].applets == "all":
        values["busybox"] = Busybox(values["busybox"].method, values["busybox"].path)
    if values["security"].drop_capabilities is None:
        dropped = DROP_CAPABILITIES + (() if values["init"] else DROP_WITH_INIT_LXC)
        values["security"] = values["security"]._replace(drop_capabilities=dropped)
    container = Container(**values)
    if container.init and container.command:
        raise InvalidError("has no effect together with an init of its own", list(container.command), "command")
    check_paths(container)
    check_limits(container.limits)
    check_mounts(container.mounts)
    check_network(container.network)
    interfaces.check_names(container.lxc)
    return container


def check_paths(container: Container) -> None:
    """Each path is declared once, and nothing lies below a file or where the container cannot see it."""
    covered = covers(container)
    declared = [("directories[%d].path" % index, item.path) for index, item in enumerate(container.directories)]
    declared += [("files[%d].path" % index, item.path) for index, item in enumerate(container.files)]
    seen: List[str] = []
    for where, declared_path in declared:
        if declared_path in seen:
            raise InvalidError("is declared twice", declared_path, where)
        if (declared_path + "/").startswith(OWN_DIRECTORY + "/"):
            raise InvalidError("belongs to this collection", declared_path, where)
        if any(declared_path.startswith(item.path + "/") for item in container.files):
            raise InvalidError("lies below a declared file", declared_path, where)
        over = next((point for point in covered if declared_path.startswith(point + "/")), None)
        if over:
            raise InvalidError("would be hidden by what is mounted at %s" % over, declared_path, where)
        seen.append(declared_path)


def covers(container: Container) -> Tuple[str, ...]:
    """Where something is mounted in the container whatever the target is like, so that what lies below is not seen."""
    system = ("/usr", "/lib", "/proc", "/sys") if container.system_mounts else ()
    devices = ("/dev",) if container.autodev else ()
    gateways = ("/gateways",) if container.gateway_dir else ()
    return (*system, *devices, *gateways, *(mount.target for mount in container.mounts if not mount.optional))


def check_limits(limits: Limits) -> None:
    """`memory_swap` is memory and swap together, as in LXC's memory.memsw.limit_in_bytes."""
    if limits.memory_swap is None:
        return
    if limits.memory is None:
        raise InvalidError("needs limits.memory as well", limits.memory_swap, "limits.memory_swap")
    if limits.memory_swap < limits.memory:
        raise InvalidError(
            "is memory and swap together and cannot be less than memory", limits.memory_swap, "limits.memory_swap"
        )


def check_mounts(mounts: Tuple[Mount, ...]) -> None:
    """The source of a bind mount is a path on the target."""
    for index, mount in enumerate(mounts):
        where = "mounts[%d].source" % index
        try:
            path(mount.source) if mount.type == "none" else text(mount.source)
        except InvalidError as error:
            raise InvalidError(error.reason, error.value, where) from None
        if not mount.source:
            raise InvalidError("is empty", mount.source, where)
        if mount.source.startswith("#"):
            raise InvalidError("would be a comment for LXC, since it begins with a hash", mount.source, where)


def interface_name(index: int, interface: Interface) -> Optional[str]:
    """What an interface is called in the container; None where it needs no name."""
    return interface.name or (None if interface.type in ("none", "empty") else "eth%d" % index)


def check_network(network: Tuple[Interface, ...]) -> None:
    """No two interfaces have one name."""
    names = [interface_name(index, interface) for index, interface in enumerate(network)]
    for index, name in enumerate(names):
        if name and name in names[:index]:
            raise InvalidError("is the name of two interfaces", name, "network[%d].name" % index)


CONTAINER = record(make_container, FIELDS)


def merge(defaults: Mapping[str, Any], spec: Mapping[str, Any]) -> Dict[str, Any]:
    """One spec over the defaults: dictionaries merge key by key, everything else replaces."""
    merged = dict(defaults)
    for key, value in spec.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def reveal(environment: Environment, secrets: Mapping[str, Any]) -> Environment:
    """Variables with the values of those that are secret. Raises InvalidError, in which no value appears."""
    return tuple(
        (name, known(name, value, secrets) if isinstance(value, Secret) else value) for name, value in environment
    )


def known(variable: str, secret: Secret, secrets: Mapping[str, Any]) -> Secret:
    """A secret with its value."""
    where = "%s.secret" % variable
    if secret.name not in secrets:
        raise InvalidError("is not among the secrets" + others(secret.name, secrets), secret.name, where)
    try:
        return Secret(secret.name, exact(secrets[secret.name]))
    except InvalidError:
        reason = "is not the name of one line of text"
        reason += "; put the secret in quotes" if isinstance(secrets[secret.name], float) else ""
        raise InvalidError(reason, secret.name, where) from None


def others(name: str, secrets: Mapping[str, Any]) -> str:
    """The names that there are, and nothing of their values."""
    names = sorted(map(ascii, secrets))
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if names[NAMES_SHOWN:] else "")
    return "; softwarecontainer_secrets has %s%s" % (shown or "none", nearest(name, tuple(map(str, secrets))))


def parse_containers(
    specs: Iterable[Any],
    defaults: Mapping[str, Any],
    secrets: Optional[Mapping[str, Any]] = None,
    bridge: Optional[str] = None,
) -> Tuple[Container, ...]:
    """All specs of a host, each merged over `defaults`, in the order given.

    Without `secrets` those of an environment have no values, for what does not need them; `bridge` is the link of
    interfaces that name none, where that is known. Raises RefusedError with one line for each spec that is invalid,
    whose name comes twice, or that wants in the network what another one has.
    """
    containers: List[Container] = []
    refusals: List[str] = []
    claimed: interfaces.Claims = {}
    for index, given in enumerate(specs):
        try:
            container = CONTAINER(merge(defaults, given) if isinstance(given, dict) else given)
            if any(container.name == other.name for other in containers):
                raise InvalidError("is the name of two containers", container.name, "name")
            interfaces.claim(container, bridge, claimed)
            if secrets is not None:
                variables = within("environment", lambda value: reveal(value, secrets), container.environment)
                container = container._replace(environment=variables)
            containers.append(container)
        except InvalidError as error:
            refusals.append("%s: %s" % (title(index, given), error.sentence().lstrip(": ")))
    if refusals:
        raise RefusedError("\n".join(refusals))
    return tuple(containers)


def parse_names(names: Iterable[Any]) -> Tuple[str, ...]:
    """Container names given without a spec. Raises RefusedError."""
    return tuple(option("name", FIELDS["name"].parse, name) for name in names)


def title(index: int, given: Any) -> str:
    """What to call a spec in an error: its name where it has a printable one, else its place."""
    name = given.get("name") if isinstance(given, dict) else None
    shown = ascii(name)
    return "container %s" % shown if isinstance(name, str) and name and len(shown) <= 80 else "containers[%d]" % index
