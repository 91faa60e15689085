# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the options of the module as values: where the targets live on this machine, and each target."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Iterable, NamedTuple, Tuple

from ..container_spec import values
from ..container_spec.values import Field, InvalidError
from ..errors import RefusedError
from .debian import SUITES

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,62}")
SSH_SERVERS = ("openssh", "dropbear")


class Place(NamedTuple):
    """Where the targets live on this machine: their directory, the cache of trees, the bridge, its address with prefix."""

    path: str
    cache: str
    bridge: str
    address: str


class Target(NamedTuple):
    """One target as the user wants it. Only the inventory needs `groups` and `variables`."""

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
    groups: Tuple[str, ...] = ()
    variables: Tuple[Tuple[str, Any], ...] = ()


def as_it_is(value: Any) -> Any:
    """Return the value unchanged: a parser for values of any kind."""
    return value


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
}
DEFAULTS = Target._field_defaults
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
        problem = next((text for bad, text in problems(target, bridge) if bad), None)
        if problem:
            raise RefusedError("target %s: %s" % (target.name, problem))
    for key in ("name", "address"):
        seen = [getattr(target, key) for target in targets]
        twice = sorted({value for value in seen if seen.count(value) > 1})
        if twice:
            raise RefusedError("%s %s is given to more than one target" % (key, twice[0]))
    return targets


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
    """Return all checks of a target: whether it fails, and the sentence that says so."""
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
        (target.ssh not in SSH_SERVERS, "ssh is none of " + ", ".join(SSH_SERVERS)),
        (not plain(target.data), "data has to be an absolute path without spaces and dots"),
        (bool(target.lxc_path) and not plain(target.lxc_path), "lxc_path has to be like data"),
        (target.read_only and not inside, "with a read-only root, lxc_path has to be below data"),
    )


def plain(path: str) -> bool:
    """Return whether a path can be written into an LXC config as it is, and has no `..`."""
    return bool(re.fullmatch(r"(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+", path))
