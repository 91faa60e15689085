# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the capabilities of manifests, in their order, each value with the place that it comes from.

What is wrong with a file as a whole is an error. What is wrong with one capability is kept with it, and is an error for
those who ask for it.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from ...module_utils.container_spec.values import CONTROL, InvalidError, nearest
from ...module_utils.errors import RefusedError
from . import native, original, records
from .original import Context, string

# The original's documentation asks for a version, and nothing reads it.
TOP = ("capabilities", "version")
WORDS_MAX = 255
Capabilities = Dict[str, records.Capability]


class Manifest(NamedTuple):
    """One manifest: the name of its file, as errors say it, and what it contains as plain data."""

    file: str
    content: Any


def all_of(manifests: Iterable[Manifest], context: Context) -> Capabilities:
    """Return the capabilities of manifests by name. Those of one name in several files are one. Raise RefusedError."""
    found: Capabilities = {}
    for manifest in manifests:
        try:
            for capability in of_manifest(manifest, context):
                earlier = found.get(capability.name)
                found[capability.name] = combined(earlier, capability) if earlier else capability
        except InvalidError as error:
            raise RefusedError(refusal(manifest.file, error)) from None
    return found


def combined(one: records.Capability, other: records.Capability) -> records.Capability:
    """Return a capability that two files speak of."""
    origin = records.Origin(one.name, other.files[0], "capabilities")
    told = "is in %s too, and both count; the original takes the first that it happens to read" % one.files[0]
    note = records.Note(origin, told)
    files = one.files + other.files
    return records.Capability(one.name, files, (*one.items, note, *other.items), one.problems + other.problems)


def refusal(file: str, error: InvalidError) -> str:
    """Return what is wrong with a manifest, in one sentence."""
    return "%s: %s" % (file, error.sentence().lstrip(": "))


def of_manifest(manifest: Manifest, context: Context) -> List[records.Capability]:
    """Return the capabilities of one manifest. Raise InvalidError."""
    content = required_dictionary(manifest.content, "", TOP)
    listed = content.get("capabilities")
    if not isinstance(listed, list):
        raise InvalidError("is not a list of capabilities", listed, "capabilities")
    found: List[records.Capability] = []
    for index, value in enumerate(listed):
        where = "capabilities[%d]" % index
        name = name_of(required_dictionary(value, where), where)
        if any(name == other.name for other in found):
            raise InvalidError("is the name of two capabilities of this file", name, where + ".name")
        found.append(of_capability(value, records.Origin(name, manifest.file, where), context))
    return found


def required_dictionary(value: Any, where: str, known: Tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Return a dictionary, with no other than the known keys, if there are any. Raise InvalidError."""
    if not isinstance(value, dict):
        raise InvalidError("is not a dictionary", value, where)
    for key in value if known else ():
        if key not in known:
            raise InvalidError("is not a known key" + nearest(key, known), key, where)
    return value


def name_of(value: Mapping[str, Any], where: str) -> str:
    """Return the name of a capability. Raise InvalidError."""
    name = value.get("name")
    if not isinstance(name, str) or not name or CONTROL.search(name) or len(name) > WORDS_MAX:
        raise InvalidError(
            "is not the name of a capability (text, at most %d letters)" % WORDS_MAX, name, where + ".name"
        )
    return name


def of_capability(value: Mapping[str, Any], origin: records.Origin, context: Context) -> records.Capability:
    """Return one capability, with all that is wrong with it."""
    items: List[records.Item] = []
    problems: List[str] = []
    try:
        parts = parts_of(value)
    except InvalidError as error:
        problems.append(refusal(origin.file, error.inside(origin.where)))
        parts = []
    for where, part, reader in parts:
        here = origin._replace(where="%s.%s" % (origin.where, where))
        try:
            items += reader(part, here, context)
        except InvalidError as error:
            problems.append(refusal(origin.file, error.inside(here.where)))
    return records.Capability(origin.capability, (origin.file,), tuple(items), tuple(problems))


def parts_of(value: Mapping[str, Any]) -> List[Tuple[str, Any, Any]]:
    """Return what a capability consists of: path, value and reader of each part. Raise InvalidError."""
    required_dictionary(value, "", ("name", "gateways", *native.KEYS))
    own = [key for key in native.KEYS if key in value]
    gateways = value.get("gateways")
    if isinstance(gateways, list):
        if own:
            raise InvalidError("cannot be together with a list of gateways, the original's form", own[0], "")
        return [part for index, each in enumerate(gateways) for part in parts_of_gateway(index, each)]
    if gateways is None and (not own or "gateways" in value):
        raise InvalidError("is required and missing", None, "gateways")
    parts = [(key, value[key], native.READERS[key]) for key in own]
    for key, inner in required_dictionary(gateways or {}, "gateways").items():
        parts.append(("gateways." + key, inner, reader_of_native(key)))
    return parts


def reader_of_native(key: str) -> Any:
    """Return the reader of a gateway in our own form. Raise InvalidError for an unknown one."""
    if key in original.UNSUPPORTED:
        return unsupported(key)
    if key not in native.GATEWAYS:
        raise InvalidError("is no gateway" + nearest(key, native.KNOWN_GATEWAYS), key, "gateways")
    return native.READERS["gateways." + key]


def parts_of_gateway(index: int, value: Any) -> List[Tuple[str, Any, Any]]:
    """Return the elements of one gateway in the original's form. Raise InvalidError."""
    where = "gateways[%d]" % index
    required_dictionary(value, where, ("id", "config"))
    try:
        identity = string(value.get("id"))
    except InvalidError as error:
        raise error.inside(where + ".id") from None
    if identity not in original.GATEWAYS:
        raise InvalidError("is no gateway" + nearest(identity, original.GATEWAYS), identity, where + ".id")
    config = value.get("config")
    if not isinstance(config, list):
        raise InvalidError("is not a list of elements", config, where + ".config")
    if not config:
        raise InvalidError(
            "is empty; a gateway without elements is refused, as by the original", config, where + ".config"
        )
    for place, each in enumerate(config):
        if not isinstance(each, dict):
            raise InvalidError("is not a dictionary", each, "%s.config[%d]" % (where, place))
    if identity in original.UNSUPPORTED:
        return [(where, value, unsupported(identity))]
    reader = original.READERS[identity]
    return [("%s.config[%d]" % (where, place), each, reader) for place, each in enumerate(config)]


def unsupported(gateway: str) -> Any:
    """Return a reader for a gateway that this collection does not have."""
    return lambda _value, origin, _context: [records.Unsupported(origin, gateway)]
