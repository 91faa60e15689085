# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that renders the LXC config (I/O, reads only): its facts and its plan."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from ..container_spec import interfaces, order
from ..container_spec.records import AUTO_IF_OWN, Container
from ..disk import beneath
from ..errors import ContainerError
from ..model import config_text, manifest, tree
from ..model.host import FilterTools, Host
from ..plan import lxc_config, lxc_mounts, packet_filter, rootfs_tree, start_waits, volumes
from ..target import facts, published
from . import busybox, planning


def gather(containers: Sequence[Container], host: Host) -> Host:
    """Add to the facts what the config depends on."""
    init_lxc, init_lxc_static = (
        facts.first_program(name, facts.INIT_DIRECTORIES) for name in ("init.lxc", "init.lxc.static")
    )
    paths = {path for container in containers for path in lxc_config.sources(container)}
    programs = {program for program in (init_lxc, init_lxc_static) if program}
    paths |= programs | {os.path.dirname(program) for program in programs}
    kinds = {path: facts.kind(path) for path in sorted(paths)}
    publishes = any(container.ports for container in containers)
    real = {path: os.path.realpath(path) for path in paths}
    filters = filter_tools(containers)
    return busybox.gather(containers, host)._replace(
        init_lxc=init_lxc,
        init_lxc_static=init_lxc_static,
        links={path: there for path, there in real.items() if there != path},
        kinds={**host.kinds, **{path: kind for path, kind in kinds.items() if kind}},
        devices={path: found for path, found in ((path, facts.device(path)) for path in kinds) if found},
        barriers={path: found for path, found in ((path, facts.barriers(real[path])) for path in kinds) if found},
        paths=frozenset(path for path, kind in kinds.items() if kind),
        below={path: found for path, found in ((path, beneath.options_below(path)) for path in sorted(paths)) if found},
        interfaces=frozenset(os.listdir("/sys/class/net")),
        controllers=facts.controllers(),
        apparmor=facts.apparmor(),
        selinux=facts.selinux(),
        seccomp=facts.seccomp(),
        seccomp_profile=facts.seccomp_profile(),
        nft=facts.nft() if publishes else None,
        iptables=facts.first_program("iptables", facts.PROGRAMS) if publishes else None,
        filter_tools=filters[0],
        no_filter=filters[1],
        log_drivers=facts.log_drivers() if any(map(lxc_config.log_driver, containers)) else frozenset(),
        sleep=facts.first_program("sleep", ("/usr/bin",), below="/usr/"),
        shell=facts.first_program("sh", ("/usr/bin",), below="/usr/"),
    )


def filter_tools(containers: Sequence[Container]) -> Tuple[Optional[FilterTools], str]:
    """Return the programs for packet filters, or why there are none. Nothing is tried if no container has one."""
    if not any(container.gateways.network for container in containers):
        return None, ""
    # Few containers have one.
    from ..target import packet_filters

    return packet_filters.find()


def earlier(container: Container) -> Tuple[str, ...]:
    """Return the stages that must come first: where there is a config, the rootfs is complete."""
    return ("rootfs",) if container.busybox.method == "none" else ("rootfs", "busybox")


def plan(
    container: Container, place: planning.Place, before: manifest.Manifest, after: manifest.Manifest
) -> planning.Planned:
    """Plan the LXC config, and the gateway directory on the target."""
    # An address that is new, because the bridge has one now, is no change of the spec.
    program = place.host.filter_tools.program if place.host.filter_tools else ""
    asked = lxc_config.requested_part(container, place.lxc_path, place.bridge, program, place.host.devices)
    addressed = place.addresses(container, before, place)
    container, after = addressed.container, after._replace(addresses=addressed.allotted)
    host = with_away(container, place)
    lxc_path = spelled(place.lxc_path, container.name)
    ordered, others = in_order(container, place)
    text = lxc_config.render(ordered, host, lxc_path, place.bridge, after.ids, place.lxc_path, others)
    wanted = lxc_config.desired_entries(container, host, text)
    directory = missing_directory(container)
    made = ("make directory %s with mode %04o on the target" % directory,) if directory else ()
    changed_volumes = change_of_volumes(container, place, after)
    # A running container has the directories bound that were there at its start. It sees a new mode at once.
    new = bool(directory and not os.path.lexists(directory[0])), bool(changed_volumes and changed_volumes.makes())
    told = made, tuple(volumes.words(changed_volumes)) if changed_volumes else ()
    beside = tuple(words for each, is_new in zip(told, new) if is_new for words in each)
    beside += moved(before, after)
    require_addresses(container)
    found = planning.planned(
        "config", container, place, before, after, wanted, seen_inside, beside, asked, filters=changes_filter
    )
    if found.change.actions and container.state in ("started", "frozen"):
        refuse_ports(container, place)
    return found._replace(
        changes=found.changes + tuple(words for each, is_new in zip(told, new) if not is_new for words in each),
        config=text if found.change.actions else None,
        directory=directory,
        volumes=changed_volumes,
        warning="; ".join(filter(None, (addressed.warning, lxc_mounts.forbidden_devices(container, host)))),
    )


def in_order(container: Container, place: planning.Place) -> Tuple[Container, List[start_waits.Dependency]]:
    """Return a container with its order at boot, and those that it comes after.

    Raises ContainerError if one of these is not there. Of one that has no spec here only the config is known.
    """
    if not container.after:
        return container, []
    foreign: Dict[str, int] = {}
    for index, name in enumerate(container.after):
        if name not in place.declared:
            path = os.path.join(place.lxc_path, name, lxc_config.FILE_NAME)
            if not os.path.isfile(path):
                raise ContainerError("after[%d]: there is no container %s on this host" % (index, name))
            orders = [value for key, value in config_text.lines_of(facts.read_text(path)) if key == "lxc.start.order"]
            foreign[name] = int(orders[-1]) if orders and re.fullmatch("-?[0-9]{1,10}", orders[-1]) else 0
    number = order.order_of(container, place.declared, foreign)
    known = [
        start_waits.dependency(place.declared[name], place.host)
        if name in place.declared
        else start_waits.Dependency(name)
        for name in container.after
    ]
    return container._replace(autostart=container.autostart._replace(order=number)), known


def refuse_ports(container: Container, place: planning.Place) -> None:
    """Raise ContainerError if the container cannot publish its ports. Whether it can is asked again before its start.

    A container that is declared as well may have a port that it gives up in this run.
    """
    asked = [(port.protocol, port.target) for port in container.ports]
    reason = published.obstacle(place.lxc_path, container.name, asked, place.declared) if asked else None
    if reason:
        raise ContainerError(reason)


def require_addresses(container: Container) -> None:
    """Raise ContainerError if an interface that is to be filtered has no address, since none was chosen for it.

    It could ask nobody for one: the filter takes from the container what a DHCP client needs.
    """
    wanted = container.gateways.network
    for index, item in enumerate(container.network):
        if wanted and (wanted.outgoing or wanted.incoming) and item.ipv4 == (AUTO_IF_OWN,) and not item.ipv6:
            raise ContainerError(
                "gateways.network: needs an address for network[%d], and its bridge has no network for one; give it one"
                " with network[].ipv4" % index
            )


def moved(before: manifest.Manifest, after: manifest.Manifest) -> Tuple[str, ...]:
    """Return the addresses that a container had and cannot keep, in sentences. It is cut off until it is restarted."""
    lost = {name: each for name, each in before.addresses.items() if after.addresses.get(name) != each}
    now = {name: after.addresses[name].address if name in after.addresses else "none" for name in lost}
    return tuple("change the address of %s from %s to %s" % (name, lost[name].address, now[name]) for name in lost)


def with_away(container: Container, place: planning.Place) -> Host:
    """Return the facts, with the interfaces that running containers have taken from the target, if one is missing."""
    missed = lxc_config.missed(container, place.host, place.bridge)
    if not missed:
        return place.host
    # Few runs need it.
    from . import interface_holders

    there = interface_holders.holders(place.lxc_path)
    kept = {link: interfaces.keeper(there[link], container, place.declared) for link in missed if link in there}
    return place.host._replace(away=kept)


def spelled(lxc_path: str, name: str) -> str:
    """Return the lxc path as the config should spell it: another spelling of the same directory is no change."""
    text = facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME))
    # One pattern for all names. To compile a hundred patterns takes Python longer than the rest of the stage.
    found = re.search(r"(?m)^lxc\.rootfs\.path = dir:(/.*)/([^/\n]+)/rootfs$", text)
    same = found and found.group(2) == name and os.path.realpath(found.group(1)) == lxc_path
    return found.group(1) if found and same else lxc_path


def missing_directory(container: Container) -> Optional[Tuple[str, int]]:
    """Return the gateway directory and its mode if it is missing or has another mode. Raises ContainerError."""
    if not container.gateway_dir:
        return None
    try:
        status = os.lstat(container.gateway_dir)
    except FileNotFoundError:
        return container.gateway_dir, container.gateway_dir_mode
    if not os.path.isdir(container.gateway_dir) or os.path.islink(container.gateway_dir):
        raise ContainerError("gateway_dir: %s is not a directory" % container.gateway_dir)
    right = status.st_mode & 0o7777 == container.gateway_dir_mode
    return None if right else (container.gateway_dir, container.gateway_dir_mode)


def change_of_volumes(
    container: Container, place: planning.Place, after: manifest.Manifest
) -> Optional[volumes.Change]:
    """Return what becomes of the volumes of a container, or None if they are as they should be. Raises ContainerError."""
    if not container.volumes:
        return None
    # Few containers have volumes.
    from ..disk import volumes as on_disk

    present = on_disk.observe(place.lxc_path, container.name, [volume.name for volume in container.volumes])
    limits = any(volume.size is not None for volume in container.volumes) and on_disk.can_limit(place.lxc_path)
    steps = volumes.steps(container.volumes, after.ids, present, limits)
    if not steps:
        return None
    return volumes.Change(container.name, rootfs_tree.access(after.ids), volumes.render_record(after.ids), steps)


def seen_inside(actions: Tuple[tree.Action, ...]) -> bool:
    """Say whether the actions change lines that matter to a running container."""
    return any(
        action.path != lxc_config.FILE_NAME or running_lines(action.before) != running_lines(action.entry)
        for action in actions
        if not changes_filter((action,))
    )


def changes_filter(actions: Tuple[tree.Action, ...]) -> bool:
    """Say whether the actions change rules of the packet filter, which a running container can get as it runs."""
    return any(action.path in packet_filter.FILES.values() for action in actions)


def running_lines(side: object) -> List[str]:
    """Return the lines of one side of a change that matter to a running container."""
    content = getattr(side, "content", None) or b""
    return lxc_config.running_part(content.decode("utf-8", "surrogateescape"))


STAGE = planning.Stage("config", earlier, gather, plan)
