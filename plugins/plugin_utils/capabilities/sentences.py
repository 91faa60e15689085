# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what capabilities open, in sentences for people, each with the place in a manifest that it comes from."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Sequence

from ...module_utils.container_spec import parse
from ...module_utils.container_spec.values import InvalidError
from ...module_utils.errors import RefusedError
from . import compile as compiling
from . import fold, original, records

MODES = {records.SET: "sets", records.APPEND: "adds to the end of", records.PREPEND: "adds to the beginning of"}
LIMITS = {
    "memory": "gives it %s bytes of memory",
    "memory_swap": "gives it %s bytes of memory and swap together",
    "cpu_shares": "gives it %s shares of the processors",
    "cpus": "gives it %s processors",
    "pids": "lets it have %s tasks",
}
WAYS = {records.OUTGOING: ("out", "to"), records.INCOMING: ("in", "from")}


def of_variable(item: records.Variable) -> str:
    """Return a sentence."""
    joined = " after %s" % ascii(item.separator) if item.mode == records.APPEND and item.separator else ""
    joined = " before %s" % ascii(item.separator) if item.mode == records.PREPEND and item.separator else joined
    return "%s the variable %s: %s%s" % (MODES[item.mode], item.name, ascii(item.value), joined)


def of_mount(item: records.Mount) -> str:
    """Return a sentence."""
    how = "to read" if item.read_only else "to read and write"
    return "shows %s of the target at %s, %s%s" % (item.source, item.target, how, ", if it is there" * item.optional)


def of_device(item: records.Device) -> str:
    """Return a sentence."""
    mode = "" if item.mode is None else ", with the mode 0%o" % item.mode
    return "opens the device %s of the target at %s (%s)%s" % (item.source, item.target, item.access, mode)


def of_limit(item: records.Limit) -> str:
    """Return a sentence."""
    return LIMITS[item.key] % item.value


def of_setting(item: records.Setting) -> str:
    """Return a sentence."""
    return "sets %s to %s" % (item.key, ascii(item.value))


def of_rule(item: records.Rule) -> str:
    """Return a sentence."""
    way, side = WAYS[item.direction]
    ports = ", ".join(str(low) if low == high else "%d-%d" % (low, high) for low, high in item.ports)
    what = ", ".join(item.protocols) or "every protocol"
    return "lets %s %s %s %s%s" % (
        what,
        way,
        side,
        ", ".join(item.peers) or "anywhere",
        ", port %s" % ports if ports else "",
    )


def of_unsupported(item: records.Unsupported) -> str:
    """Return a sentence."""
    return "asks for %s, which is not supported yet" % original.UNSUPPORTED[item.gateway]


SENTENCES: Dict[type, Callable[[Any], str]] = {
    records.Variable: of_variable,
    records.Mount: of_mount,
    records.Device: of_device,
    records.Limit: of_limit,
    records.Setting: of_setting,
    records.Rule: of_rule,
    records.Unsupported: of_unsupported,
}


def opened(items: Sequence[records.Item]) -> List[str]:
    """Return a sentence for each thing that is opened, with its place."""
    found = [
        "%s (%s)" % (SENTENCES[type(item)](item), item.origin.words()) for item in items if type(item) in SENTENCES
    ]
    if not any(isinstance(item, records.Chain) for item in items):
        found.append("says nothing of the network, which stays closed unless another capability opens it")
    elif not any(isinstance(item, records.Rule) for item in items):
        found.append("closes the network, unless another capability opens it")
    return found


def of_capability(capability: records.Capability, known: compiling.Known) -> Dict[str, Any]:
    """Return what one capability opens, where this differs from the original, and why it is refused."""
    alone = fold.folded([capability], known.settings)
    return {
        "name": capability.name,
        "files": list(dict.fromkeys(capability.files)),
        "opens": opened(capability.items),
        "differs": list(alone.notes),
        "refused": list(alone.refusals),
    }


def of_container(spec: Mapping[str, Any], defaults: Mapping[str, Any], known: compiling.Known) -> Dict[str, Any]:
    """Return what capabilities make of one spec: its keys as they are sent to the target, and why it is refused."""
    found: Dict[str, Any] = {"name": spec.get("name"), "capabilities": [], "spec": {}, "differs": [], "refused": []}
    own = parse.merge(defaults, spec)
    try:
        if compiling.are_asked_for(own, known):
            found["capabilities"] = list(compiling.names_of(own, known))
    except InvalidError:
        # It is among the refusals.
        pass
    try:
        (found["spec"],), found["differs"] = compiling.containers([spec], defaults, known)
    except RefusedError as error:
        found["refused"] = str(error).splitlines()
    return found


def lines(capabilities: Sequence[Mapping[str, Any]], containers: Sequence[Mapping[str, Any]]) -> List[str]:
    """Return all of it as text."""
    found: List[str] = []
    for each in capabilities:
        found.append("%s (%s)" % (each["name"], ", ".join(each["files"])))
        found += ["  " + line for line in each["opens"]]
        found += ["  differs: " + line for line in each["differs"]]
        found += ["  refused: " + line for line in each["refused"]]
    for each in containers:
        found.append("container %s: %s" % (each["name"], ", ".join(each["capabilities"]) or "no capabilities"))
        found += ["  differs: " + line for line in each["differs"]]
        found += ["  refused: " + line for line in each["refused"]]
    return found
