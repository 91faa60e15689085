# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the LXC config of a container, from its spec and the facts of the target. See lxc.container.conf(5)."""

from __future__ import annotations

import re
import shlex
from typing import Dict, List, Optional, Sequence, Tuple

from ansible_collections.softwarecontainer.lxc.plugins.module_utils import hardening, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.idmap import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.schema import CONTROL
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.spec import (
    OWN_DIRECTORY,
    Container,
    Interface,
    Limits,
    Mount,
    Secret,
    interface_name,
)

FILE_NAME = "config"
HEADER = "# Rendered whole by softwarecontainer.lxc from the container spec; changes made here are lost.\n"
# The mounts of the chapter: needed ones, and those that not every target has.
SYSTEM_MOUNTS = ("/usr", "/lib", "/usr/lib")
SYSTEM_MOUNTS_OPTIONAL = ("/lib64", "/usr/lib64")
INIT_DIRECTORY = "/usr/sbin"
SCRIPT = OWN_DIRECTORY + "/command"
# 68 years; the largest time that every sleep takes, also with 32 bits.
IDLE_SECONDS = "2147483647"
# Types of interfaces that hang on another one, for which the bridge is the default.
LINKED = ("veth", "macvlan", "ipvlan", "vlan")
NEEDS_LINK = LINKED + ("phys",)
# Keys that do not change what runs, so that their change needs no restart.
AT_REST = ("lxc.start.", "lxc.group ", "lxc.monitor.", "lxc.log.")
# Options of a mount point, not of a file system.
POINT_OPTIONS = ("nosuid", "nodev", "noexec")
TIME_OPTIONS = ("noatime", "nodiratime", "relatime")
ESCAPED = re.compile(r"\\([0-7]{3})")
CPU_PERIOD = 100000

Line = Tuple[str, str]


def sources(container: Container) -> List[str]:
    """The paths on the target whose existence decides about the config."""
    found = [*SYSTEM_MOUNTS, *SYSTEM_MOUNTS_OPTIONAL, INIT_DIRECTORY, container.install_prefix]
    found += [mount.source for mount in container.mounts if mount.type == "none"]
    found += [mount.target for mount in container.mounts]
    found += [container.gateway_dir] if container.gateway_dir else []
    found += [container.security.seccomp] if container.security.seccomp.startswith("/") else []
    return found


def render(container: Container, host: Host, lxc_path: str, bridge: str, ids: Ids) -> str:
    """The text of the whole config. Raises ContainerError where the target lacks what it needs."""
    lines: List[Line] = [
        ("lxc.uts.name", container.hostname),
        ("lxc.rootfs.path", "dir:%s/%s/rootfs" % (lxc_path, container.name)),
        *init(container, host),
        ("lxc.autodev", str(int(container.autodev))),
        ("lxc.tty.max", str(container.tty)),
        ("lxc.pty.max", str(container.pty)),
        *mounts(container, host, ids),
        *network(container, host, bridge),
        *environment(container),
        *limits(container.limits, host),
        *hardening.lines(container.security, host, ids),
        *autostart(container),
        *[(key, value) for key, values in container.lxc for value in values],
    ]
    for key, value in lines:
        # The spec has none; what else is in here comes from the target.
        if CONTROL.search(key + value):
            raise ContainerError("%s: %s has a line break or another control character" % (key, ascii(value)))
    return HEADER + "".join(
        key + "\n" if key == tree.SECRET else "%s = %s\n" % (key, quoted(value)) for key, value in lines
    )


def quoted(value: str) -> str:
    """A value as LXC reads it back: it strips blanks, and one pair of quotes around the whole."""
    paired = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return '"%s"' % value if value != value.strip() or paired else value


def environment(container: Container) -> List[Line]:
    """The variables. A mark goes before each that is secret, for whoever shows the config."""
    lines: List[Line] = []
    for name, value in container.environment:
        if isinstance(value, Secret):
            lines.append((tree.SECRET, ""))
        lines.append(("lxc.environment", "%s=%s" % (name, value.value if isinstance(value, Secret) else value)))
    return lines


def init(container: Container, host: Host) -> List[Line]:
    """PID 1: LXC's small init with the command as its child, or the declared one."""
    argv = launched(container, host)
    if container.init:
        return [("lxc.init.cmd", " ".join(argv))]
    program = init_program(container, host)
    if not program:
        kind = "init.lxc" if container.system_mounts else "init.lxc.static, which is needed without system_mounts,"
        raise ContainerError("init: %s was not found on the target; install LXC's init or declare an init" % kind)
    inside = "%s/%s" % (INIT_DIRECTORY, program.rpartition("/")[2])
    if linked(INIT_DIRECTORY, container, host):
        inside = host.links.get(program, program)
        if not inside.startswith("/usr/"):
            raise ContainerError("init: %s cannot be reached from the container; declare an init" % program)
    # Without --name init.lxc ends at once; it hands SIGTERM on to the command.
    words = (inside, "--name", container.name, "--", *argv)
    return [("lxc.init.cmd", " ".join(words)), ("lxc.signal.halt", "SIGTERM")]


def init_program(container: Container, host: Host) -> Optional[str]:
    """LXC's init on the target: without the target's libraries only the static one runs."""
    return host.init_lxc if container.system_mounts else host.init_lxc_static


def wanted_argv(container: Container, host: Host) -> Tuple[str, ...]:
    """What is to run: the declared init, the declared command, or one that idles."""
    return container.init or container.command or idle(container, host)


def launched(container: Container, host: Host) -> Tuple[str, ...]:
    """What LXC is told to run: the program itself, or a shell with a script that becomes the program.

    LXC splits `lxc.init.cmd` at blanks, before 6.0 without any regard for quotes.
    """
    argv = wanted_argv(container, host)
    if all(plain(word) for word in argv):
        return argv
    if container.busybox.method != "none" and "sh" in host.busybox(container.busybox.path).applets:
        return ("/bin/busybox", "sh", SCRIPT)
    if container.system_mounts and host.shell:
        return (host.shell, SCRIPT)
    key = "init" if container.init else "command"
    raise ContainerError("%s: words with blanks or quotes need a shell in the container, and there is none" % key)


def plain(word: str) -> bool:
    """Whether LXC takes a word as it is."""
    return bool(word) and not any(letter.isspace() or letter in "'\"" for letter in word)


def script(container: Container, host: Host) -> Optional[str]:
    """The text of the script that becomes the program; None where there is no need for one."""
    argv = wanted_argv(container, host)
    if all(plain(word) for word in argv):
        return None
    return "#!/bin/sh\nexec %s\n" % " ".join(shlex.quote(word) for word in argv)


def idle(container: Container, host: Host) -> Tuple[str, ...]:
    """A command that does nothing for ever."""
    if container.busybox.method != "none" and "sleep" in host.busybox(container.busybox.path).applets:
        return ("/bin/busybox", "sleep", IDLE_SECONDS)
    if container.system_mounts and host.sleep:
        return (host.sleep, IDLE_SECONDS)
    raise ContainerError("command: there is no busybox and no sleep below /usr to idle with; declare a command")


def mounts(container: Container, host: Host, ids: Ids) -> List[Line]:
    """The mount entries: system, install prefix, init, gateways, busybox, then the declared ones in order."""
    lines: List[Line] = []
    if container.system_mounts:
        refuse_foreign_network(container, ids)
        lines.append(("lxc.mount.auto", "proc:mixed sys:%s" % container.security.sys))
        for path in SYSTEM_MOUNTS:
            if path not in host.paths:
                raise ContainerError("system_mounts: %s does not exist on the target" % path)
        present = [path for path in SYSTEM_MOUNTS_OPTIONAL if path in host.paths]
        lines += [bind(path, path) for path in (*SYSTEM_MOUNTS, *present) if not linked(path, container, host)]
    prefix = container.install_prefix
    if prefix in host.paths:
        there = linked(prefix, container, host)
        if there and not there.startswith("/usr/"):
            raise ContainerError("install_prefix: %s is a link to %s on the target; declare that" % (prefix, there))
        lines += [] if there else [bind(prefix, prefix)]
    program = init_program(container, host)
    if program and (container.system_mounts or not container.init) and not linked(INIT_DIRECTORY, container, host):
        lines.append(bind(program.rpartition("/")[0], INIT_DIRECTORY))
    if container.gateway_dir:
        lines.append(entry(container.gateway_dir, "/gateways", "none", ["bind", "rw", "nosuid", "nodev"]))
    if container.busybox.method == "bind":
        lines.append(bind(host.busybox(container.busybox.path).path, "/bin/busybox"))
    lines += [mount_entry(container, index, mount, host) for index, mount in enumerate(container.mounts)]
    if ids.lines:
        lines = [with_mounts_below(line, host) for line in lines]
    return lines + mounted_again(lines, host)


def refuse_foreign_network(container: Container, ids: Ids) -> None:
    """Raise ContainerError where the kernel would refuse a /sys.

    It shows the interfaces of a network, and only who owns that may mount it; see user_namespaces(7).
    """
    for index, interface in enumerate(container.network):
        if ids.lines and interface.type == "none":
            raise ContainerError(
                "network[%d].type: a user namespace cannot have a /sys with the network of the target (none); set"
                " system_mounts to false, or security.privileged to true" % index
            )


def with_mounts_below(line: Line, host: Host) -> Line:
    """A bind mount with all that is mounted below its source on the target.

    In a user namespace the kernel refuses to leave that out: it would show what lies under it, see mount_namespaces(7).
    """
    key, value = line
    fields = value.split(" ")
    words = fields[3].split(",") if key == "lxc.mount.entry" else []
    if "bind" not in words or not host.below.get(decoded(fields[0])):
        return line
    fields[3] = ",".join("rbind" if word == "bind" else word for word in words)
    return key, " ".join(fields)


def mounted_again(lines: Sequence[Line], host: Host) -> List[Line]:
    """The hook that gives bind mounts the options that LXC leaves out: where a mount can be written, and below it.

    It runs as root among the container's mounts, before the container does. LXC appends words to it, which become the
    shell's parameters. Whether what lies below a mount is as it should be is seen after the start.
    """
    commands: List[str] = []
    for key, value in lines:
        source, target, kind, options = value.split(" ")[:4] if key == "lxc.mount.entry" else ("", "", "", "")
        words = options.split(",")
        missed = [word for word in words if word in POINT_OPTIONS]
        if kind != "none":
            continue
        if missed and "ro" not in words:
            command = mount_again(decoded(target), ["rw", *missed])
            commands.append("{ %s || :; }" % command if "optional" in words else command)
        for path, had in host.below.get(decoded(source), ()) if "rbind" in words else ():
            # Options that a mount has cannot be taken from it in a user namespace.
            kept = [word for word in had if word in (*POINT_OPTIONS, *TIME_OPTIONS, "ro") and word not in missed]
            given = ["ro" if "ro" in words and "ro" not in kept else "", *missed]
            if any(given):
                again = mount_again(decoded(target) + path, [*filter(None, given), *kept])
                commands.append("{ %s || :; }" % again)
    script = " && ".join(commands)
    return [("lxc.hook.mount", "sh -c " + shlex.quote(script))] if script else []


def mount_again(path: str, options: Sequence[str]) -> str:
    """The command that gives a mount of the container other options; the path is relative to its root."""
    return 'mount -o remount,bind,%s "$LXC_ROOTFS_MOUNT"%s' % (",".join(options), shlex.quote("/" + path))


def linked(path: str, container: Container, host: Host) -> Optional[str]:
    """Where a path leads that is a link in the container too, since it lies below a mount of the target's directories.

    LXC mounts nothing over a link. What it leads to is there already where it lies below the same mount.
    """
    below = container.system_mounts and any(path.startswith(above + "/") for above in SYSTEM_MOUNTS)
    return host.links.get(path) if below else None


def bind(source: str, target: str) -> Line:
    """A read-only bind mount that must work."""
    return entry(source, target, "none", ["bind", "ro"])


def entry(source: str, target: str, kind: str, options: Sequence[str]) -> Line:
    """One line of fstab(5), the target relative to the rootfs. Never with create=, which acts on the target."""
    fields = (field_of(source), field_of(target.lstrip("/")), kind, ",".join(options), "0 0")
    return "lxc.mount.entry", " ".join(fields)


def field_of(path: str) -> str:
    """A path as a field of fstab(5). A hash needs no escape: it begins a comment only where a source does not begin."""
    return path.replace("\\", "\\134").replace(" ", "\\040")


def decoded(field: str) -> str:
    """A field of fstab(5) or mountinfo, see proc(5), with the characters that its escapes stand for."""
    return ESCAPED.sub(lambda match: chr(int(match.group(1), 8)), field)


def mount_entry(container: Container, index: int, mount: Mount, host: Host) -> Line:
    """One declared mount."""
    key = "mounts[%d]" % index
    binding = mount.type == "none"
    if binding and not mount.optional and mount.source not in host.paths:
        raise ContainerError("%s.source: %s does not exist on the target" % (key, mount.source))
    system = (*SYSTEM_MOUNTS, *SYSTEM_MOUNTS_OPTIONAL) if container.system_mounts else ()
    bound = [path for path in (*system, container.install_prefix) if path in host.paths]
    hidden = next((path for path in bound if mount.target.startswith(path + "/")), None)
    if hidden and mount.target not in host.paths and not mount.optional:
        raise ContainerError(
            "%s.target: %s lies below the read-only mount of %s and does not exist on the target"
            % (key, mount.target, hidden)
        )
    if linked(mount.target, container, host) and not mount.optional:
        there = host.links[mount.target]
        raise ContainerError("%s.target: %s is a link to %s on the target; declare that" % (key, mount.target, there))
    options = ["bind"] if binding and not {"bind", "rbind"} & set(mount.options) else []
    options += ["ro" if mount.read_only else "rw", *mount.options]
    return entry(mount.source, mount.target, mount.type, options + (["optional"] if mount.optional else []))


def network(container: Container, host: Host, bridge: str) -> List[Line]:
    """The interfaces, eth0 first; none declared means a network namespace with nothing but lo."""
    if not container.network:
        # Without the flag even lo is down.
        return [("lxc.net.0.type", "empty"), ("lxc.net.0.flags", "up")]
    return [line for index, item in enumerate(container.network) for line in interface(index, item, host, bridge)]


def interface(index: int, item: Interface, host: Host, bridge: str) -> List[Line]:
    """The lines of one interface."""
    link = item.link or (bridge if item.type in LINKED else None)
    if item.type in NEEDS_LINK and (not link or link not in host.interfaces):
        what = "there is no interface %s on the target" % link if link else "a link is needed for type %s" % item.type
        raise ContainerError("network[%d].link: %s" % (index, what))
    values: List[Tuple[str, Optional[str]]] = [
        ("type", item.type),
        ("link", link),
        ("name", interface_name(index, item)),
        ("flags", "up" if item.flags == "up" and item.type != "none" else None),
        ("hwaddr", item.hwaddr),
        ("mtu", str(item.mtu) if item.mtu else None),
        *[("ipv4.address", address) for address in item.ipv4],
        ("ipv4.gateway", item.ipv4_gateway),
        *[("ipv6.address", address) for address in item.ipv6],
        ("ipv6.gateway", item.ipv6_gateway),
    ]
    return [("lxc.net.%d.%s" % (index, key), value) for key, value in values if value is not None]


def limit_files(wanted: Limits, controllers: Dict[str, int]) -> List[Tuple[str, str, str, str]]:
    """The limits as (key of the spec, controller, cgroup file, value), for the cgroup version in force.

    `memory_swap` counts memory and swap together, as version 1 does; version 2 counts swap alone. CPU shares
    become a weight by runc's formula. Raises ContainerError where the target has no such controller.
    """
    files: List[Tuple[str, str, str, str]] = []

    def want(key: str, controller: str, names: Tuple[str, str], values: Tuple[str, str]) -> None:
        version = controllers.get(controller)
        if version is None:
            raise ContainerError("limits.%s: the target's kernel has no %s cgroup controller" % (key, controller))
        files.append((key, controller, names[version - 1], values[version - 1]))

    if wanted.memory is not None:
        want("memory", "memory", ("memory.limit_in_bytes", "memory.max"), (str(wanted.memory),) * 2)
    if wanted.memory_swap is not None and wanted.memory is not None:
        both = str(wanted.memory_swap), str(wanted.memory_swap - wanted.memory)
        want("memory_swap", "memory", ("memory.memsw.limit_in_bytes", "memory.swap.max"), both)
    if wanted.cpu_shares is not None:
        weight = 1 + (wanted.cpu_shares - 2) * 9999 // 262142
        want("cpu_shares", "cpu", ("cpu.shares", "cpu.weight"), (str(wanted.cpu_shares), str(weight)))
    if wanted.cpus is not None:
        quota = str(round(wanted.cpus * CPU_PERIOD))
        want("cpus", "cpu", ("cpu.cfs_quota_us", "cpu.max"), (quota, "%s %d" % (quota, CPU_PERIOD)))
    if wanted.pids is not None:
        want("pids", "pids", ("pids.max", "pids.max"), (str(wanted.pids),) * 2)
    return files


def limits(wanted: Limits, host: Host) -> List[Line]:
    """The cgroup keys: lxc.cgroup for controllers of version 1, lxc.cgroup2 for those of version 2."""
    prefix = {1: "lxc.cgroup.", 2: "lxc.cgroup2."}
    controllers = dict(host.controllers)
    return [
        (prefix[controllers[controller]] + name, value)
        for _key, controller, name, value in limit_files(wanted, controllers)
    ]


def autostart(container: Container) -> List[Line]:
    """Whether LXC starts the container when the target boots."""
    wanted = container.autostart
    lines: List[Line] = [("lxc.start.auto", "1")] if wanted.enabled else []
    lines += [("lxc.start.order", str(wanted.order))] if wanted.order else []
    lines += [("lxc.start.delay", str(wanted.delay))] if wanted.delay else []
    return lines + [("lxc.group", group) for group in wanted.groups]


def running_part(text: str) -> List[str]:
    """The lines of a config that matter for a container that runs."""
    return [line for line in text.splitlines() if line.startswith("lxc.") and not line.startswith(AT_REST)]


def wanted(container: Container, host: Host, text: str) -> Dict[str, tree.Entry]:
    """The entries that belong to the config, the config itself last: with it the container is complete."""
    found = []
    content = script(container, host)
    if content:
        path = "rootfs" + SCRIPT
        found = [tree.directory(path.rpartition("/")[0]), tree.file(path, 0o755, content)]
    return {entry.path: entry for entry in [*found, tree.file(FILE_NAME, 0o600, text)]}
