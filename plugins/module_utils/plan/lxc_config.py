# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the LXC config of a container, from its spec and the facts of the target. See lxc.container.conf(5)."""

from __future__ import annotations

import hashlib
import re
from types import MappingProxyType
from typing import Dict, List, Mapping, Optional, Sequence, Tuple

from ..container_spec.records import AUTO_IF_OWN, Autostart, Container, Interface, Limits, Secret
from ..container_spec.rules import interface_name
from ..container_spec.values import CONTROL, SIGNALS
from ..errors import ContainerError
from ..model import tree
from ..model.host import Host
from ..model.id_map import Ids
from . import (
    compatibility,
    device_nodes,
    launch,
    lifetime,
    lxc_hooks,
    lxc_mounts,
    packet_filter,
    ports,
    security,
    start_waits,
    volumes,
)

FILE_NAME = "config"
HEADER = "# Rendered whole by softwarecontainer.lxc from the container spec; changes made here are lost.\n"
# Hooks bind the sources of mounts to places below this directory, in a directory for each container, and LXC mounts
# them from there. It is empty after a boot.
MOUNTS = "/run/softwarecontainer.mounts"
# Types of interfaces that need another interface as their link. It is the bridge by default.
LINKED = ("veth", "macvlan", "ipvlan", "vlan")
NEEDS_LINK = LINKED + ("phys",)
# LXC 4.0 sets up the interface of this name, even in an empty network, and fails without a name. Later versions ignore
# the name there.
LOOPBACK = "lo"
# Keys that do not affect a running container, so that changing them needs no restart.
AT_REST = ("lxc.start.", "lxc.group ", "lxc.monitor.", "lxc.log.")
# The parts of a mount entry that make no difference to a running container, and a line that states what is true without
# it.
BY_ITSELF = re.compile(r"(?<= none )r(?=bind,)|,create=(dir|file)(?= )")
SAID_ANYWAY = re.compile(r"lxc\.net\.[0-9]+\.name = %s" % LOOPBACK)
# A line for ourselves, which LXC takes for a comment: without its spec, a container's signal is known from here.
RELOAD = "# reload"
CPU_PERIOD = 100000

# Increase this number if the same spec must be rendered differently for running containers. They are then restarted.
RENDERING = 1

Line = Tuple[str, str]


def sources(container: Container) -> List[str]:
    """Return the paths on the target whose existence affects the config."""
    found = lxc_mounts.sources(container)
    found += [container.security.seccomp] if container.security.seccomp.startswith("/") else []
    return found


def log_driver(container: Container) -> Optional[str]:
    """Return the driver that gets the container's output as well, or None."""
    return container.log.driver if container.log and container.log.driver != "file" else None


def render(
    container: Container,
    host: Host,
    lxc_path: str,
    bridge: str,
    ids: Ids,
    place: str = "",
    after: Sequence[start_waits.Dependency] = (),
) -> str:
    """Return the text of the whole config. Raise ContainerError if the target lacks something that it needs.

    `place` is the real path of `lxc_path`, without links, if that is a different path. `after`: the containers that it
    comes after; its own order is in its spec by now.
    """
    launched, root = launch.launch(container, host), "%s/%s" % (lxc_path, container.name)
    lines: List[Line] = [
        *([(RELOAD, container.reload)] if container.reload else []),
        ("lxc.uts.name", container.hostname),
        ("lxc.rootfs.path", "dir:%s/%s/rootfs" % (lxc_path, container.name)),
        *launch.lines(container, host, launched),
        *start_waits.lines(after),
        # Before the start is recorded: with a filter that does not load there is none.
        *packet_filter.lines(container.gateways.network, host.filter_tools, host.no_filter, root),
        *lifetime.lines(container, launched, root),
        ("lxc.autodev", str(int(container.autodev))),
        ("lxc.tty.max", str(container.tty)),
        ("lxc.pty.max", str(container.pty)),
        *mounts(container, host, lxc_path, ids, place_of_mounts(place or lxc_path, container.name)),
        *network(container, host, bridge),
        *ports.lines(container, host, identity(place or lxc_path, container.name)),
        *environment(container),
        *limits(container.limits, host),
        *security.lines(device_nodes.with_rules(container, host), host, ids),
        *autostart(container),
        *own_keys(container, host),
    ]
    return HEADER + launch.comment(container, host) + "".join(text_of(*line) for line in lines)


def text_of(key: str, value: str) -> str:
    """Return a line of a config. Raise ContainerError if it would be several."""
    # Values of the spec contain none. The other values come from the target.
    if CONTROL.search(key + value):
        raise ContainerError("%s: %s has a line break or another control character" % (key, ascii(value)))
    return key + "\n" if key == tree.SECRET else "%s = %s\n" % (key, quoted(value))


def signal_in(text: str) -> Optional[str]:
    """Return the name of the signal in a config at which the command reads its configuration again, or None."""
    found = re.search(r"(?m)^%s = ([A-Z0-9]+)$" % RELOAD, text)
    return found.group(1) if found and found.group(1) in SIGNALS else None


def mounts(container: Container, host: Host, lxc_path: str, ids: Ids, place: str) -> List[Line]:
    """Return the lines of all mounts; `place` is the directory to which hooks bind sources. Raise ContainerError."""
    more = [*volumes.entries(container, host, lxc_path, ids), *device_nodes.entries(container, host, ids)]
    return lxc_mounts.lines(container, host, ids, place, more)


def place_of_mounts(lxc_path: str, name: str) -> str:
    """Return the directory to which a container's hooks bind sources; `lxc_path` must be without links."""
    return "%s/%s" % (MOUNTS, identity(lxc_path, name))


def identity(lxc_path: str, name: str) -> str:
    """Return what tells a container from all others of the target; `lxc_path` must be without links."""
    return "%s-%s" % (hashlib.sha256(lxc_path.encode("utf-8", "surrogateescape")).hexdigest()[:8], name)


def quoted(value: str) -> str:
    """Return a value as LXC reads it back: LXC strips blanks, and one pair of quotes around the whole value."""
    paired = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return '"%s"' % value if value != value.strip() or paired else value


def environment(container: Container) -> List[Line]:
    """Return the lines for the variables. Each secret one has a mark before it, for code that shows the config."""
    lines: List[Line] = []
    for name, value in container.environment:
        if isinstance(value, Secret):
            lines.append((tree.SECRET, ""))
        lines.append(("lxc.environment", "%s=%s" % (name, value.value if isinstance(value, Secret) else value)))
    return lines


def network(container: Container, host: Host, bridge: str) -> List[Line]:
    """Return the lines for the interfaces, eth0 first. Without any, the container gets a network with only lo."""
    if not container.network:
        # Without this flag, even lo stays down.
        return [("lxc.net.0.type", "empty"), ("lxc.net.0.name", LOOPBACK), ("lxc.net.0.flags", "up")]
    return [line for index, item in enumerate(container.network) for line in interface(index, item, host, bridge)]


def link_of(item: Interface, bridge: str) -> Optional[str]:
    """Return the target's interface that an interface uses as its link or becomes, or None if it needs none."""
    return item.link or (bridge if item.type in LINKED else None)


def missed(container: Container, host: Host, bridge: str) -> List[str]:
    """Return the interfaces that a container needs and that the target does not have now."""
    links = [link_of(item, bridge) for item in container.network if item.type in NEEDS_LINK]
    return [link for link in links if link and link not in host.interfaces]


def require_link(index: int, item: Interface, link: Optional[str], host: Host) -> None:
    """Raise ContainerError if the target lacks the link of an interface and will not have it at the start."""
    if item.type not in NEEDS_LINK or link in host.interfaces or (link and host.away.get(link) == ""):
        return
    what = "there is no interface %s on the target" % link if link else "a link is needed for type %s" % item.type
    if link and link in host.away:
        what = "%s is in the container %s, which runs; stop that one first" % (link, ascii(host.away[link]))
    raise ContainerError("network[%d].link: %s" % (index, what))


def interface(index: int, item: Interface, host: Host, bridge: str) -> List[Line]:
    """Return the lines for one interface. Raise ContainerError if its link is missing."""
    link = link_of(item, bridge)
    require_link(index, item, link, host)
    up = item.flags == "up" and item.type != "none"
    values: List[Tuple[str, Optional[str]]] = [
        ("type", item.type),
        ("link", link),
        ("name", LOOPBACK if item.type == "empty" and up else interface_name(index, item)),
        ("flags", "up" if up else None),
        ("hwaddr", item.hwaddr),
        ("mtu", str(item.mtu) if item.mtu else None),
        *[("ipv4.address", address) for address in item.ipv4 if address != AUTO_IF_OWN],
        ("ipv4.gateway", item.ipv4_gateway),
        *[("ipv6.address", address) for address in item.ipv6],
        ("ipv6.gateway", item.ipv6_gateway),
    ]
    return [("lxc.net.%d.%s" % (index, key), value) for key, value in values if value is not None]


def limit_files(wanted: Limits, controllers: Dict[str, int]) -> List[Tuple[str, str, str, str]]:
    """Return the limits as (key of the spec, controller, cgroup file, value), for the cgroup version in use.

    `memory_swap` is memory and swap together, as in version 1; version 2 counts swap alone. CPU shares become a weight
    by runc's formula. Raise ContainerError if the target lacks the controller.
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
    """Return the cgroup keys: lxc.cgroup for controllers of version 1, lxc.cgroup2 for those of version 2.

    Raise ContainerError if the target lacks a controller, or if LXC cannot use it.
    """
    prefix = {1: "lxc.cgroup.", 2: "lxc.cgroup2."}
    controllers = dict(host.controllers)
    found = limit_files(wanted, controllers)
    unusable = compatibility.out_of_reach(controllers)
    for key, controller, _name, _value in found:
        if controller in unusable:
            raise ContainerError(
                "limits.%s: %s; %s" % (key, compatibility.mixed(controller), compatibility.VERSION_2_ALONE)
            )
    return [(prefix[controllers[controller]] + name, value) for _key, controller, name, value in found]


def own_keys(container: Container, host: Host) -> List[Line]:
    """Return the keys of LXC that the spec has. Raise ContainerError for a controller that is only there on version 1."""
    for key, _values in container.lxc:
        controller = (
            key[len(compatibility.OLD_KEYS) :].partition(".")[0] if key.startswith(compatibility.OLD_KEYS) else ""
        )
        if controller in compatibility.ONLY_VERSION_1 and host.controllers.get(controller) != 1:
            raise ContainerError(
                "lxc.%s: the target has no controller %s, which is of cgroup version 1 alone; a mark set by its packet filter,"
                " or tc on the container's interface, does that with version 2" % (key, controller)
            )
    return [(key, value) for key, values in container.lxc for value in values]


def autostart(container: Container) -> List[Line]:
    """Return the lines that say whether and how LXC starts the container when the target boots."""
    wanted = container.autostart
    lines: List[Line] = [("lxc.start.auto", "1")] if wanted.enabled else []
    lines += [("lxc.start.order", str(wanted.order))] if wanted.order else []
    lines += [("lxc.start.delay", str(wanted.delay))] if wanted.delay else []
    return lines + [("lxc.group", group) for group in wanted.groups]


def requested_part(
    container: Container,
    lxc_path: str,
    bridge: str,
    filter_program: str = "",
    devices: Mapping[str, str] = MappingProxyType({}),
) -> object:
    """Return the part of the spec that affects a running container.

    It says nothing about the target, which affects the config too, with two exceptions: rules that another program loads
    would come beside those that are there, and a device may get other numbers (`devices`: those of each). Rules alone are
    replaced in a running container.
    """
    running = container._replace(
        state="", files=(), reload=None, on_change="", ready=(), after=(), autostart=Autostart()
    )
    program = filter_program if container.gateways.network else ""
    running = running._replace(gateways=container.gateways._replace(network=None))
    numbers = [devices[device.source] for device in container.gateways.devices if device.source in devices]
    return RENDERING, running, lxc_path, bridge, *([program] if program else []), *([numbers] if numbers else [])


def running_part(text: str) -> List[str]:
    """Return the lines of a config that affect a running container.

    Some lines change although the spec does not: mounts below a source come and go on the target, and so do optional
    sources, as files or as directories. So these do not count: whether a bind mount includes the mounts below its
    source (rbind), the hook for those, and what LXC creates as the target of a mount (create=). The hook that waits for
    others affects the next start alone.
    """
    found = [line for line in text.splitlines() if line.startswith("lxc.") and not line.startswith(AT_REST)]
    return [
        BY_ITSELF.sub("", line) if line.startswith("lxc.mount.entry") else line
        for line in found
        if not any(" = " + first in line for first in (lxc_hooks.BELOW, start_waits.FIRST))
        and not SAID_ANYWAY.fullmatch(line)
    ]


def desired_entries(container: Container, host: Host, text: str) -> Dict[str, tree.Entry]:
    """Return the entries that belong to the config, by path. The config comes last: it makes the container complete."""
    found = [tree.directory(lifetime.DIRECTORY, 0o700)]
    script = launch.launch(container, host).script
    if script:
        path = "rootfs" + launch.SCRIPT
        found += [tree.directory(path.rpartition("/")[0]), tree.file(path, 0o755, script)]
    if container.gateways.network and host.filter_tools:
        rules = packet_filter.render(container.gateways.network, host.filter_tools)
        found.append(tree.file(packet_filter.file_name(host.filter_tools), 0o600, rules))
    return {entry.path: entry for entry in [*found, tree.file(FILE_NAME, 0o600, text)]}
