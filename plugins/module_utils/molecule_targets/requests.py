# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the options of the module as values: where the targets live on this machine, and each target."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Iterable, List, NamedTuple, Optional, Tuple

from ..container_spec import values
from ..container_spec.values import Field, InvalidError
from ..errors import RefusedError
from ..host_setup import distributions
from .architectures import ARCHITECTURES
from .debian import SUITES

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
SSH_SERVERS = ("openssh", "dropbear")


class Place(NamedTuple):
    """Where the targets live on this machine: their directory, the cache of trees, the bridge, its address with prefix."""

    path: str
    cache: str
    bridge: str
    address: str


class Machine(NamedTuple):
    """What makes a target a virtual machine. Sizes are in bytes, `timeout` is in seconds.

    - `port`: the port of 127.0.0.1 that leads to its SSH server.
    - `packages`: what its tree has in addition.
    - `repository`: what its own repository of packages has, each with all that it needs.
    - `file_system_features`: what its root file system has in addition, see ext4(5).
    - `volatile_cache`: whether a power cut loses what it has not flushed to its disk.
    """

    port: int
    architecture: str = "amd64"
    memory: int = 1 << 30
    cpus: int = 1
    disk: int = 2 << 30
    kernel_arguments: str = ""
    packages: Tuple[str, ...] = ()
    repository: Tuple[str, ...] = distributions.DEBIAN.packages
    file_system_features: Tuple[str, ...] = ()
    volatile_cache: bool = False
    timeout: int = 600

    @property
    def room(self) -> int:
        """Return how many bytes it may take on this machine.

        With a volatile cache these are the disk, the disk as it was when the machine was turned on, and the log of writes,
        for which as much again is reckoned.
        """
        return self.disk * (3 if self.volatile_cache else 1)


class Target(NamedTuple):
    """One target as the user wants it. Only the inventory needs `groups` and `variables`."""

    name: str
    distribution: str
    address: str = ""
    binding: bool = True
    ssh: str = "openssh"
    sftp: bool = True
    read_only: bool = False
    cgroup2: bool = False
    data: str = "/data"
    lxc_path: str = ""
    groups: Tuple[str, ...] = ()
    variables: Tuple[Tuple[str, Any], ...] = ()
    machine: Optional[Machine] = None

    @property
    def as_machine(self) -> Machine:
        """Return its machine. Raise ValueError for a system container."""
        if self.machine is None:
            raise ValueError("%s is a system container" % self.name)
        return self.machine


def as_it_is(value: Any) -> Any:
    """Return the value unchanged: a parser for values of any kind."""
    return value


# The name of a package, see Debian's policy, 5.6.1.
package = values.matching(r"[a-z0-9][a-z0-9+.-]+", "the name of a package")
MACHINE_PARSERS = {
    "port": values.integer(1024, 65535),
    "architecture": values.choice(*ARCHITECTURES),
    # Below this, the kernel and its RAM disk leave no room for systemd.
    "memory": values.bounded_size(128 << 20, 1 << 40),
    "cpus": values.integer(1, 8),
    # Below this, the tree and the packages to install do not fit.
    "disk": values.bounded_size(1 << 30, 1 << 44),
    "kernel_arguments": values.text,
    "packages": values.list_of(package),
    "repository": values.list_of(package),
    "file_system_features": values.list_of(values.matching(r"\^?[a-z0-9_]+", "the name of a feature, see ext4(5)")),
    "volatile_cache": values.boolean,
    "timeout": values.integer(1, 86400),
}
MACHINE = values.record(
    Machine,
    {key: Field(parse, Machine._field_defaults.get(key, values.REQUIRED)) for key, parse in MACHINE_PARSERS.items()},
)
PARSERS = {
    "name": values.exact,
    "distribution": values.text,
    "address": values.text,
    "binding": values.boolean,
    "ssh": values.text,
    "sftp": values.boolean,
    "read_only": values.boolean,
    "cgroup2": values.boolean,
    "data": values.text,
    "lxc_path": values.text,
    "groups": values.list_of(values.text),
    "variables": values.mapping_of(values.text, as_it_is),
    "machine": MACHINE,
}
DEFAULTS = Target._field_defaults
CONTAINER_KEYS = ("address", "binding", "ssh", "sftp", "read_only", "cgroup2", "data", "lxc_path")
TARGET = values.record(Target, {key: Field(PARSERS[key], DEFAULTS.get(key, values.REQUIRED)) for key in PARSERS})


def parse_place(path: str, cache: str, bridge: str, address: str) -> Place:
    """Return the place. Raise RefusedError for paths that LXC's config or the options of an overlay would cut in two."""
    for name, value in (("path", path), ("cache", cache)):
        if not re.fullmatch(r"(/[^/\s:,\\\"'=]+)+/?", value) or "/../" in value + "/":
            raise RefusedError(
                "softwarecontainer_targets_%s: %r is not an absolute path without blanks, quotes, backslashes, ':', ','"
                ", '=' and '..'" % (name, value)
            )
    return Place(path, cache, bridge, address)


def parse_targets(given: Iterable[Any], address: str) -> Tuple[Target, ...]:
    """Return the targets; `address` is that of the bridge. Raise RefusedError if a target cannot be made."""
    bridge = parse_bridge_address(address)
    targets = tuple(parse_target(index, value) for index, value in enumerate(given))
    for target in targets:
        checks = machine_problems(target) if target.machine else problems(target, bridge)
        problem = next((text for bad, text in checks if bad), None)
        if problem:
            raise RefusedError("target %s: %s" % (target.name, problem))
    refuse_twice("name", [target.name for target in targets])
    refuse_twice("address", [target.address for target in targets if not target.machine])
    refuse_twice("port", [target.machine.port for target in targets if target.machine])
    return targets


def refuse_twice(key: str, seen: List[Any]) -> None:
    """Raise RefusedError if a value that each target must have for itself is given to two."""
    twice = sorted({value for value in seen if seen.count(value) > 1})
    if twice:
        raise RefusedError("%s %s is given to more than one target" % (key, twice[0]))


def parse_bridge_address(address: str) -> ipaddress.IPv4Interface:
    """Return the address of the bridge with its network. Raise RefusedError if it is invalid."""
    values.option("softwarecontainer_targets_address", values.address(4, prefix=True), address)
    return ipaddress.IPv4Interface(address)


def parse_target(index: int, given: Any) -> Target:
    """Return one target, with each of its keys parsed. Raise RefusedError if one is invalid, missing or unknown."""
    try:
        target: Target = TARGET(given)
    except InvalidError as error:
        name = given.get("name") if isinstance(given, dict) else None
        title = "target %s" % name if name else "softwarecontainer_targets[%d]" % index
        raise RefusedError("%s: %s" % (title, sentence(error))) from None
    return target


def sentence(error: InvalidError) -> str:
    """Return the error as a sentence, without the value if there is none."""
    if error.value is None:
        return "%s %s" % (error.key, error.reason)
    return error.sentence() if error.key else error.reason


def problems(target: Target, bridge: ipaddress.IPv4Interface) -> Tuple[Tuple[bool, str], ...]:
    """Return all checks of a system container: whether it fails, and the sentence that says so."""
    if not target.address:
        return ((True, "address is required and missing"),)
    try:
        own = ipaddress.ip_address(target.address)
    except ValueError as error:
        return ((True, str(error)),)
    inside = not target.lxc_path or target.lxc_path.startswith(target.data.rstrip("/") + "/")
    return (
        *common_problems(target),
        (own not in bridge.network, "%s is not in %s" % (own, bridge.network)),
        (own == bridge.ip, "%s is the address of the bridge" % own),
        (target.ssh not in SSH_SERVERS, "ssh is none of " + ", ".join(SSH_SERVERS)),
        (not plain(target.data), "data has to be an absolute path without spaces and dots"),
        (bool(target.lxc_path) and not plain(target.lxc_path), "lxc_path has to be like data"),
        (target.read_only and not inside, "with a read-only root, lxc_path has to be below data"),
    )


def common_problems(target: Target) -> Tuple[Tuple[bool, str], ...]:
    """Return the checks of any target."""
    return (
        (not NAME.fullmatch(target.name), "the name is not one of a host: letters, digits and -, at most 63"),
        (target.distribution not in SUITES, "distribution is none of " + ", ".join(SUITES)),
    )


def machine_problems(target: Target) -> Tuple[Tuple[bool, str], ...]:
    """Return all checks of a machine. Some keys of system containers mean nothing for it."""
    given = [key for key in CONTAINER_KEYS if getattr(target, key) != DEFAULTS[key]]
    return (*common_problems(target), (bool(given), "a machine has no key " + ", ".join(given)))


def plain(path: str) -> bool:
    """Return whether a path can be written into an LXC config as it is, and has no `..`."""
    return bool(re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+", path))
