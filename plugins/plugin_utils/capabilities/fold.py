# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: several capabilities as one. They add up: what one of them opens is open. Where they contradict, it is an error.

They count in this order: those that every container has by their names, then those that a spec asks for as it names them.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Sequence, Tuple, Type, TypeVar

from . import original, records
from .settings import LOCAL, Settings

Rules = Tuple[records.Rule, ...]
Kind = TypeVar("Kind")


class Folded(NamedTuple):
    """What capabilities open together.

    - `variables`: for each name the steps that lead to its value.
    - `directions`: those that the capabilities speak of. Without any, they do not speak of the network.
    - `notes`: sentences with their places. `refusals`: why no container can have these capabilities.
    """

    names: Tuple[str, ...] = ()
    variables: Tuple[Tuple[str, Tuple[records.Variable, ...]], ...] = ()
    mounts: Tuple[records.Mount, ...] = ()
    devices: Tuple[records.Device, ...] = ()
    limits: Tuple[records.Limit, ...] = ()
    settings: Tuple[records.Setting, ...] = ()
    directions: Tuple[str, ...] = ()
    rules: Rules = ()
    notes: Tuple[str, ...] = ()
    refusals: Tuple[str, ...] = ()


class Ledger:
    """What is said of the fold while it is made: notes and refusals."""

    def __init__(self) -> None:
        self.notes: List[str] = []
        self.refusals: List[str] = []

    def note(self, origin: records.Origin, text: str) -> None:
        """Add a note with its place."""
        self.notes.append(records.Note(origin, text).words())

    def refuse(self, origin: records.Origin, text: str) -> None:
        """Add a refusal with its place."""
        self.refusals.append("%s: %s" % (origin.words(), text))


def folded(capabilities: Sequence[records.Capability], settings: Settings) -> Folded:
    """Return what capabilities open together, in their order."""
    items = [item for capability in capabilities for item in capability.items]
    told = Ledger()
    told.refusals += [problem for capability in capabilities for problem in capability.problems]
    for one in of_kind(items, records.Unsupported):
        told.refuse(one.origin, "%s is not supported yet" % original.UNSUPPORTED[one.gateway])
    told.notes += [note.words() for note in of_kind(items, records.Note)]
    directions = tuple(dict.fromkeys(chain.direction for chain in of_kind(items, records.Chain)))
    tell_closed(list(of_kind(items, records.Chain)), told)
    return Folded(
        tuple(capability.name for capability in capabilities),
        variables(list(of_kind(items, records.Variable)), told),
        mounts(list(of_kind(items, records.Mount)), told),
        devices(list(of_kind(items, records.Device)), told),
        limits(list(of_kind(items, records.Limit)), told),
        settings_of(list(of_kind(items, records.Setting)), told),
        directions,
        rules(list(of_kind(items, records.Rule)), settings, told),
        tuple(dict.fromkeys(told.notes)),
        tuple(dict.fromkeys(told.refusals)),
    )


def of_kind(items: Sequence[records.Item], kind: Type[Kind]) -> Iterator[Kind]:
    """Yield the items of one kind."""
    return (item for item in items if isinstance(item, kind))


def variables(steps: Sequence[records.Variable], told: Ledger) -> Tuple[Tuple[str, Tuple[records.Variable, ...]], ...]:
    """Return the steps for each variable. One that has a value already cannot be set to another one."""
    found: Dict[str, List[records.Variable]] = {}
    for step in steps:
        earlier = found.setdefault(step.name, [])
        if step.mode == records.SET and earlier:
            if any(one.mode != records.SET or one.value != step.value for one in earlier):
                reason = (
                    "%s has a value already, by capability %s in %s; use append or prepend, or choose one of the two"
                )
                last = earlier[-1].origin
                told.refuse(step.origin, reason % (step.name, ascii(last.capability), last.words()))
            else:
                told.note(step.origin, "%s is set to the same value again; the original fails" % step.name)
            continue
        earlier.append(step)
    return tuple((name, tuple(each)) for name, each in found.items())


def mounts(wanted: Sequence[records.Mount], told: Ledger) -> Tuple[records.Mount, ...]:
    """Return the mounts, one for each target, those above others first. Whoever may write wins."""
    found: Dict[str, records.Mount] = {}
    for mount in wanted:
        earlier = found.get(mount.target)
        if earlier is None:
            found[mount.target] = mount
            continue
        if earlier.source != mount.source:
            reason = "%s is to show %s, and %s by capability %s in %s"
            words = mount.target, mount.source, earlier.source, ascii(earlier.origin.capability), earlier.origin.words()
            told.refuse(mount.origin, reason % words)
            continue
        found[mount.target] = earlier._replace(
            origin=earlier.origin if earlier.read_only == mount.read_only or not earlier.read_only else mount.origin,
            read_only=earlier.read_only and mount.read_only,
            optional=earlier.optional and mount.optional,
            create=earlier.create or mount.create,
        )
    return tuple(sorted(found.values(), key=lambda mount: mount.target.split("/")))


def devices(wanted: Sequence[records.Device], told: Ledger) -> Tuple[records.Device, ...]:
    """Return the devices, one for each target. What one of them allows is allowed, bit by bit."""
    found: Dict[str, records.Device] = {}
    for device in wanted:
        earlier = found.get(device.target)
        if earlier is None:
            found[device.target] = device
            continue
        if earlier.source != device.source:
            reason = "%s is to be %s, and %s by capability %s in %s"
            words = (
                device.target,
                device.source,
                earlier.source,
                ascii(earlier.origin.capability),
                earlier.origin.words(),
            )
            told.refuse(device.origin, reason % words)
            continue
        modes = [each.mode for each in (earlier, device) if each.mode is not None]
        mode = modes[0] | modes[-1] if modes else None
        larger = [max(int(digits) for digits in column) for column in zip(*("%03o" % each for each in modes))]
        if mode is not None and "%03o" % mode != "".join(map(str, larger)):
            told.note(
                device.origin, "%s gets 0%o, all bits of both; the original takes larger digits" % (device.target, mode)
            )
        access = "".join(letter for letter in "rw" if letter in earlier.access + device.access)
        found[device.target] = earlier._replace(mode=mode, access=access)
    return tuple(found.values())


def limits(wanted: Sequence[records.Limit], told: Ledger) -> Tuple[records.Limit, ...]:
    """Return the largest of each limit."""
    found: Dict[str, records.Limit] = {}
    for limit in wanted:
        earlier = found.get(limit.key)
        found[limit.key] = limit if earlier is None or earlier.value < limit.value else earlier
    memory = found.get("memory")
    if memory and memory.value < original.MEMORY_MIN:
        told.refuse(memory.origin, "%d bytes of memory are too few for any program" % memory.value)
    return tuple(found.values())


def settings_of(wanted: Sequence[records.Setting], told: Ledger) -> Tuple[records.Setting, ...]:
    """Return the settings of cgroups. None can have two values."""
    found: Dict[str, records.Setting] = {}
    for setting in wanted:
        earlier = found.setdefault(setting.key, setting)
        if earlier.value != setting.value:
            reason = "%s is to be %s, and %s by capability %s in %s; the original takes the last one"
            words = setting.key, ascii(setting.value), ascii(earlier.value), ascii(earlier.origin.capability)
            told.refuse(setting.origin, reason % (*words, earlier.origin.words()))
    return tuple(found.values())


def tell_closed(chains: Sequence[records.Chain], told: Ledger) -> None:
    """Note a direction of which nothing is said, which is closed here."""
    said = {chain.direction for chain in chains}
    for direction in (records.OUTGOING, records.INCOMING):
        if chains and direction not in said:
            told.note(
                chains[0].origin,
                "nothing is said of %s packets: they are refused; the original lets all pass" % direction,
            )


def rules(wanted: Sequence[records.Rule], settings: Settings, told: Ledger) -> Rules:
    """Return the rules, each once. What only lets answers in is left out, as the filter knows what is an answer."""
    outgoing = [rule for rule in wanted if rule.direction == records.OUTGOING]
    found: Dict[Tuple[object, ...], records.Rule] = {}
    for rule in wanted:
        if rule.of_peer and any(covers(other, rule) for other in outgoing):
            told.note(rule.origin, "only lets the answers to outgoing packets in, which come in anyhow; left out")
            continue
        if rule.of_peer and settings.incoming_ports != LOCAL:
            reason = (
                "the ports of an INCOMING rule are those that packets come from, which anybody can choose; with"
                " capability_settings.incoming_ports: local they are ports of the container"
            )
            told.refuse(rule.origin, reason)
            continue
        if rule.of_peer:
            told.note(
                rule.origin, "the ports are those of the container, as the settings say, not those of the other side"
            )
        found.setdefault((rule.direction, rule.peers, rule.protocols, rule.ports), rule)
    return tuple(found.values())


def covers(outgoing: records.Rule, incoming: records.Rule) -> bool:
    """Return whether all that an incoming rule lets in is answers to what an outgoing one lets out."""
    peers = not outgoing.peers or incoming.peers and set(incoming.peers) <= set(outgoing.peers)
    protocols = not outgoing.protocols or incoming.protocols and set(incoming.protocols) <= set(outgoing.protocols)
    ports = not outgoing.ports or all(
        any(low <= first and last <= high for low, high in outgoing.ports) for first, last in incoming.ports
    )
    return bool(peers and protocols and ports)
