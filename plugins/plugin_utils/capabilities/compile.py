# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: a container's spec with what its capabilities stand for, in the place of their names. Its own values win."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Sequence, Tuple

from ...module_utils.container_spec import parse
from ...module_utils.container_spec import records as spec_records
from ...module_utils.container_spec.values import InvalidError, exact, list_of, nearest, text, within
from ...module_utils.errors import RefusedError
from . import fold, records
from .manifests import Capabilities
from .settings import Settings

KEY = "capabilities"
# The gateways that a spec has; what needs another one is refused.
NATIVE: FrozenSet[str] = frozenset(spec_records.Gateways._fields)
# More names than this are not listed in an error.
NAMES_SHOWN = 10


class Known(NamedTuple):
    """All that a container's capabilities are resolved with: manifests, those that every container has, settings."""

    capabilities: Capabilities
    everywhere: Tuple[str, ...] = ()
    settings: Settings = Settings()


class Compiled(NamedTuple):
    """A spec without capabilities, with what they opened and what has to be told of it."""

    spec: Dict[str, Any]
    folded: fold.Folded
    notes: Tuple[str, ...]


def are_asked_for(spec: Mapping[str, Any], known: Known) -> bool:
    """Return whether a spec, merged over the defaults, has capabilities. An empty list counts: nothing is open then."""
    return spec.get("state") != "absent" and bool(known.everywhere or spec.get(KEY) is not None)


def containers(specs: Sequence[Any], defaults: Mapping[str, Any], known: Known) -> Tuple[List[Any], List[str]]:
    """Return all specs of a host without capabilities, and notes. Raise RefusedError with a line for each refusal.

    The defaults have to be sent without the key too.
    """
    found: List[Any] = []
    notes: List[str] = []
    refusals: List[str] = []
    folds: Dict[Tuple[str, ...], fold.Folded] = {}
    for index, spec in enumerate(specs):
        if not isinstance(spec, dict):
            found.append(spec)
            continue
        title = parse.title(index, spec)
        try:
            compiled = container(spec, defaults, known, folds)
        except InvalidError as error:
            refusals.append("%s: %s" % (title, error.sentence().lstrip(": ")))
            continue
        except RefusedError as error:
            refusals += ["%s: %s" % (title, line) for line in str(error).splitlines()]
            continue
        found.append(compiled.spec)
        notes += ["%s: %s" % (title, note) for note in compiled.notes]
    if refusals:
        raise RefusedError("\n".join(refusals))
    return found, notes


def container(
    spec: Mapping[str, Any], defaults: Mapping[str, Any], known: Known, folds: Dict[Tuple[str, ...], fold.Folded]
) -> Compiled:
    """Return one spec without capabilities. `folds` has those of other containers. Raise InvalidError or RefusedError."""
    own = parse.merge(defaults, spec)
    bare = {key: value for key, value in spec.items() if key != KEY}
    if not are_asked_for(own, known):
        return Compiled(bare, fold.Folded(), ())
    names = names_of(own, known)
    if names not in folds:
        folds[names] = fold.folded([known.capabilities[name] for name in names], known.settings)
    folded = folds[names]
    if folded.refusals:
        raise RefusedError("\n".join("capabilities: %s" % each for each in folded.refusals))
    opened = Opening(own, folded)
    return Compiled({**bare, **opened.keys()}, folded, (*folded.notes, *opened.notes))


def names_of(own: Mapping[str, Any], known: Known) -> Tuple[str, ...]:
    """Return the names of a container's capabilities in the order in which they count. Raise InvalidError."""
    asked: Any = [] if own.get(KEY) is None else own[KEY]
    try:
        asked = list_of(text)(asked)
    except InvalidError as error:
        raise error.inside(KEY) from None
    for index, name in enumerate(asked):
        if name in asked[:index]:
            raise InvalidError("is named twice", name, "%s[%d]" % (KEY, index))
    names = tuple(dict.fromkeys((*sorted(known.everywhere), *asked)))
    for name in names:
        if name not in known.capabilities:
            raise InvalidError("is in no manifest" + others(name, known.capabilities), name, KEY)
    return names


def others(name: str, capabilities: Capabilities) -> str:
    """Return a hint for an error: the name that is meant, or those that there are."""
    near = nearest(name, tuple(capabilities))
    if near:
        return near
    listed = [ascii(each) for each in sorted(capabilities)]
    return "; there is " + (", ".join(listed[:NAMES_SHOWN]) + (", ..." if listed[NAMES_SHOWN:] else "") or "none")


class Opening:
    """Puts what capabilities open into the keys of one spec. `own`: the spec, merged over the defaults."""

    def __init__(self, own: Mapping[str, Any], folded: fold.Folded) -> None:
        self.own, self.folded = own, folded
        self.notes: List[str] = []

    def keys(self) -> Dict[str, Any]:
        """Return the keys of the spec that change, each whole. Raise InvalidError or RefusedError."""
        found = {
            "environment": self.environment(),
            "mounts": self.mounts(),
            "limits": self.limits(),
            "lxc": self.lxc(),
            "gateways": self.gateways(),
        }
        return {key: value for key, value in found.items() if value}

    def dictionary(self, key: str, above: Any = None) -> Dict[str, Any]:
        """Return a dictionary of the spec. Raise InvalidError if it is none."""
        value = (self.own if above is None else above).get(key)
        if value is not None and not isinstance(value, dict):
            raise InvalidError("is not a dictionary", value, key)
        return dict(value or {})

    def listed(self, key: str, above: Any = None) -> List[Any]:
        """Return a list of the spec. Raise InvalidError if it is none."""
        value = (self.own if above is None else above).get(key)
        if value is not None and not isinstance(value, list):
            raise InvalidError("is not a list", value, key)
        return list(value or [])

    def yields(self, origin: records.Origin, what: str) -> None:
        """Note that the spec's own value wins."""
        self.notes.append(records.Note(origin, "%s is as the spec itself says" % what).words())

    def refuse(self, origin: records.Origin, reason: str) -> RefusedError:
        """Return the error for what a capability cannot have in this spec."""
        return RefusedError("capabilities: %s: %s" % (origin.words(), reason))

    def environment(self) -> Dict[str, Any]:
        """Return the variables."""
        found = self.dictionary("environment")
        for name, steps in self.folded.variables:
            first, base = steps[0], found.get(name)
            if base is not None and first.mode == records.SET:
                self.yields(first.origin, name)
                continue
            if isinstance(base, dict):
                raise self.refuse(first.origin, "%s is a secret of the spec, to which nothing can be added" % name)
            value = None if base is None else within("environment.%s" % name, exact, base)
            if value is None and first.mode != records.SET:
                told = "%s has no value that %s could add to, so it is the value alone" % (name, first.mode)
                self.notes.append(records.Note(first.origin, told).words())
            for step in steps:
                value = extended(value, step)
            found[name] = value
        return found

    def mounts(self) -> List[Any]:
        """Return the mounts: those of the spec, and after them those that it has no other mount for."""
        found = self.listed("mounts")
        own = {str(mount.get("target")).rstrip("/") for mount in found if isinstance(mount, dict)}
        for mount in self.folded.mounts:
            if mount.target in own:
                self.yields(mount.origin, "what is mounted at %s" % mount.target)
                continue
            below = next((each for each in sorted(own) if each.startswith(mount.target + "/")), None)
            if below:
                raise self.refuse(mount.origin, "%s would hide what the spec mounts at %s" % (mount.target, below))
            made: Dict[str, Any] = {"source": mount.source, "target": mount.target, "read_only": mount.read_only}
            made.update({"optional": True} if mount.optional else {})
            found.append({**made, **({"create": mount.create} if mount.create else {})})
        return found

    def limits(self) -> Dict[str, Any]:
        """Return the limits."""
        found = self.dictionary("limits")
        own = {key for key, value in found.items() if value is not None}
        for limit in self.folded.limits:
            if limit.key in own:
                self.yields(limit.origin, "limits.%s" % limit.key)
                continue
            found[limit.key] = limit.value
        by_key = {limit.key: limit for limit in self.folded.limits}
        if "memory_swap" in by_key and "memory_swap" not in own and found.get("memory") is None:
            reason = "limits memory and swap together, and nothing limits memory (memory.limit_in_bytes, limits.memory)"
            raise self.refuse(by_key["memory_swap"].origin, reason)
        return found

    def lxc(self) -> Dict[str, Any]:
        """Return the keys of LXC's config."""
        found = self.dictionary("lxc")
        for setting in self.folded.settings:
            if setting.key in found:
                self.yields(setting.origin, setting.key)
                continue
            found[setting.key] = setting.value
        return found

    def gateways(self) -> Dict[str, Any]:
        """Return the gateways. A container with capabilities has a filter, also where they do not speak of the network."""
        found = self.dictionary("gateways")
        devices = self.devices(found)
        if devices:
            found["devices"] = devices
        if "network" in found:
            for rule in self.folded.rules:
                self.yields(rule.origin, "what may pass the network (gateways.network)")
            return found
        require("network", "without it nothing keeps the container from the network")
        found["network"] = {}
        for direction, peer in ((records.OUTGOING, "to"), (records.INCOMING, "from")):
            passing = [packet_rule(rule, peer) for rule in self.folded.rules if rule.direction == direction]
            found["network"].update({direction: passing} if passing else {})
        return found

    def devices(self, own_gateways: Mapping[str, Any]) -> List[Any]:
        """Return the devices: those of the spec, and after them those that it does not have."""
        found = self.listed("devices", own_gateways)
        own = {each.get("target") or each.get("source") for each in found if isinstance(each, dict)}
        for device in self.folded.devices:
            require("devices", "%s asks for %s" % (device.origin.words(), device.source))
            if device.target in own:
                self.yields(device.origin, device.target)
                continue
            made = {"source": device.source, "target": device.target, "access": device.access}
            found.append({**made, **({"mode": "0%o" % device.mode} if device.mode is not None else {})})
        return found


def require(gateway: str, reason: str) -> None:
    """Raise RefusedError if a spec has no such gateway."""
    if gateway not in NATIVE:
        raise RefusedError("capabilities: gateways.%s is not supported yet, and %s" % (gateway, reason))


def extended(value: Any, step: records.Variable) -> str:
    """Return the value of a variable after a step. Without a value so far it is the new one, without a separator."""
    if value is None or step.mode == records.SET:
        return step.value
    parts = (value, step.value) if step.mode == records.APPEND else (step.value, value)
    return step.separator.join(parts)


def packet_rule(rule: records.Rule, peer: str) -> Dict[str, Any]:
    """Return a rule as a spec has it; `peer`: the key for the other side."""
    found: Dict[str, Any] = {peer: list(rule.peers) or "any"}
    found.update({"protocols": list(rule.protocols)} if rule.protocols else {})
    ports = [low if low == high else "%d-%d" % (low, high) for low, high in rule.ports]
    return {**found, **({"ports": ports} if ports else {})}
