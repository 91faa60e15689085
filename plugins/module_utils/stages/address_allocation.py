# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chooses the addresses of `ipv4: auto` (I/O, reads only), so that no two containers have the same one.

The addresses of containers in this lxc path are in their configs. Those of other paths and of other programs are found
while these run.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from ..container_spec import interfaces, rules
from ..container_spec.records import AUTO, AUTO_IF_OWN, Container, Interface
from ..disk import locking, places
from ..errors import ContainerError
from ..model import config_text, networks
from ..model.manifest import Manifest
from ..model.networks import Allotted
from ..plan import lxc_config
from ..target import bridges, facts
from ..verify import usage
from . import planning

WORDS = (AUTO, AUTO_IF_OWN)
NONE_LEFT = (
    "network[%d].ipv4: all addresses of %s, the network of %s, that are not for DHCP are taken; give the bridge a larger"
    " network%s"
)


class AddressAllocation:
    """The addresses of the containers of one lxc path, read when they are needed. A context manager.

    A run that chooses new addresses holds a lock until they are on disk. It is the lock of the ids: with two locks, two runs
    could wait for each other. Check mode writes nothing and takes no lock.
    """

    def __init__(self, lxc_path: str, bridge: str, check: bool) -> None:
        self.lxc_path, self.bridge, self.check = lxc_path, bridge, check
        self.held = ExitStack()
        self.taken: Optional[Dict[str, Set[str]]] = None
        self.declared: Dict[str, Set[str]] = {}
        self.holders: Optional[Dict[Tuple[str, str], str]] = None

    def __enter__(self) -> AddressAllocation:
        return self

    def __exit__(self, *error: Any) -> None:
        self.held.close()

    def addresses_so_far(self, container: Container, before: Manifest, place: planning.Place) -> planning.Addressed:
        """Return the same as `addresses`, but raise ContainerError if the container needs a new address.

        For a process that looks and leaves changes to another one: the two would wait for each other's lock.
        """
        return self.addresses(container, before, place, new=False)

    def addresses(
        self, container: Container, before: Manifest, place: planning.Place, new: bool = True
    ) -> planning.Addressed:
        """Return a container with addresses in place of the word auto. `before`: its manifest.

        Raises ContainerError if there is no address for it, or if one that it declares was chosen for another container.
        """
        self.refuse_allotted(container, place)
        if not any(word in WORDS for item in container.network for word in item.ipv4):
            return planning.Addressed(container)
        network: List[Interface] = []
        allotted: Dict[str, Allotted] = {}
        warnings: List[str] = []
        for index, item in enumerate(container.network):
            name = str(rules.interface_name(index, item))
            found = None
            try:
                found = self.of_interface(index, container, before.addresses.get(name), place, new)
            except NoneLeftError as error:
                if AUTO in item.ipv4:
                    raise
                warnings.append(str(error))
            allotted.update({name: found} if found else {})
            network.append(with_address(item, found, routes=len(allotted) == 1 and not has_route(container)))
        return planning.Addressed(container._replace(network=tuple(network)), allotted, "; ".join(warnings))

    def of_interface(
        self, index: int, container: Container, kept: Optional[Allotted], place: planning.Place, new: bool
    ) -> Optional[Allotted]:
        """Return what an interface gets, None if it is to have no address. `kept`: what it has had so far."""
        item = container.network[index]
        by_default = AUTO_IF_OWN in item.ipv4
        if AUTO not in item.ipv4 and (
            not by_default or any(interfaces.NET.fullmatch(each[0]) for each in container.lxc)
        ):
            return None
        link = item.link or self.bridge
        network = bridges.network_of(link)
        if kept and networks.still_fits(kept, link, network):
            return kept
        # The config stage says that a link is missing.
        if link not in place.host.interfaces or (by_default and not (network and bridges.is_own(link))):
            return None
        if not network:
            raise ContainerError(
                "network[%d].ipv4: auto takes an address of the network of %s, and that has no IPv4 address; give it one, or"
                " declare the container's" % (index, link)
            )
        if not new:
            raise ContainerError("it needs a new address")
        otherwise = ", or declare network: [{}] to go without" if by_default else ""
        return self.choose(index, container.name, link, network, place, otherwise)

    def choose(
        self, index: int, name: str, link: str, network: networks.Network, place: planning.Place, otherwise: str
    ) -> Allotted:
        """Return a free address for an interface. Raises NoneLeftError if there is none."""
        if self.taken is None:
            if not self.check:
                self.held.enter_context(locking.locked(self.lxc_path, [places.IDS]))
            self.taken = {**in_configs(self.lxc_path), "": in_use()}
            self.declared = {
                each.name: {bare(value.text) for _link, value in declared_by(each)} for each in place.declared.values()
            }
        there = (*self.taken.items(), *self.declared.items())
        others = {address for other, those in there if other != name for address in those}
        own = "%s/%s/%d" % (self.lxc_path, name, index)
        found = networks.choose(own, network, bridges.leased_out(link), others | bridges.leased(link))
        if found is None:
            where = "%s/%d" % (network.address, network.prefix)
            raise NoneLeftError(NONE_LEFT % (index, where, link, otherwise))
        self.taken.setdefault(name, set()).add(bare(found))
        return Allotted(link, found, network.address)

    def refuse_allotted(self, container: Container, place: planning.Place) -> None:
        """Raise ContainerError if a container declares an address that was chosen for another one.

        It looks only where the address is new: all other manifests are to be read for it.
        """
        declared = declared_by(container)
        config = facts.read_text(os.path.join(self.lxc_path, container.name, lxc_config.FILE_NAME)) if declared else ""
        fresh = [(link, value) for link, value in declared if bare(value.text) not in addresses_in(config)]
        if fresh and self.holders is None:
            self.holders = allotted_to(self.lxc_path)
        for link, value in fresh:
            holder = (self.holders or {}).get((link or self.bridge, bare(value.text)), container.name)
            spec = place.declared.get(holder)
            if holder != container.name and not (spec and spec.state == "absent"):
                raise ContainerError(
                    "%s: %s was chosen for container %s, which has it by ipv4: auto; declare another address"
                    % (value.where, ascii(value.text), ascii(holder))
                )


class NoneLeftError(ContainerError):
    """All addresses of a network are taken."""


def with_address(item: Interface, found: Optional[Allotted], routes: bool) -> Interface:
    """Return an interface with an address in place of the word auto; `routes`: whether its bridge becomes the gateway."""
    given = [found.address] if found else []
    ipv4 = tuple(text for word in item.ipv4 for text in (given if word in WORDS else [word]))
    gateway = found.gateway if found and routes and item.flags == "up" else None
    return item._replace(ipv4=ipv4, ipv4_gateway=item.ipv4_gateway or gateway)


def has_route(container: Container) -> bool:
    """Return whether a container declares a gateway."""
    keys = [match.group(2) for match in (interfaces.NET.fullmatch(key) for key, _values in container.lxc) if match]
    return "ipv4.gateway" in keys or any(item.ipv4_gateway for item in container.network)


def bare(address: str) -> str:
    """Return an address without the length of its prefix."""
    return address.partition("/")[0]


def declared_by(container: Container) -> List[Tuple[Optional[str], interfaces.Value]]:
    """Return the IPv4 addresses that a spec declares, each with the link of its interface if the spec names one."""
    found: List[Tuple[Optional[str], interfaces.Value]] = []
    for values in interfaces.values_of(container).values() if container.state != "absent" else ():
        link = values["link"][-1].text if values.get("link") else None
        found += [(link, value) for value in values.get("ipv4.address", ()) if value.text]
    return found


def addresses_in(config: str) -> Set[str]:
    """Return the IPv4 addresses in the text of a config."""
    lines = config_text.lines_of(config) if ".ipv4.address" in config else []
    return {bare(value.split()[0]) for key, value in lines if key.endswith(".ipv4.address") and value}


def in_configs(lxc_path: str) -> Dict[str, Set[str]]:
    """Return the addresses of each container of a lxc path."""
    names = os.listdir(lxc_path) if os.path.isdir(lxc_path) else []
    texts = {name: facts.read_text(os.path.join(lxc_path, name, lxc_config.FILE_NAME)) for name in names}
    return {name: addresses_in(text) for name, text in texts.items()}


def in_use() -> Set[str]:
    """Return the addresses that the target and all containers have now, those of other programs too."""
    found: Dict[int, str] = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.setdefault(os.stat("/proc/%s/ns/net" % pid).st_ino, pid)
        except OSError:
            continue  # It has ended.
    addresses: Set[str] = set()
    for pid in found.values():
        try:
            addresses.update(usage.addresses(int(pid)))
        except ContainerError:
            continue  # It has made more than anybody would read.
    return addresses


def allotted_to(lxc_path: str) -> Dict[Tuple[str, str], str]:
    """Return the containers of a lxc path for which addresses were chosen, by link and address."""
    found: Dict[Tuple[str, str], str] = {}
    for name in sorted(os.listdir(lxc_path)) if os.path.isdir(lxc_path) else []:
        try:
            record = None if name.startswith(".") else planning.read_manifest(lxc_path, name)
        except ContainerError:
            continue
        kept: Mapping[str, Allotted] = record.addresses if record else {}
        found.update({(each.link, bare(each.address)): name for each in kept.values()})
    return found
