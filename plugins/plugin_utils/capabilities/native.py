# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: our own form of a capability: the keys of a container spec, as far as a capability may have them."""

from __future__ import annotations

from typing import Any, Dict, List

from ...module_utils.container_spec import keys
from ...module_utils.container_spec.values import (
    Field,
    InvalidError,
    boolean,
    choice,
    exact,
    list_of,
    mapping_of,
    matching,
    mode,
    within,
)
from . import forbidden, packet_rules, records
from .original import EXECUTE, UNSUPPORTED, Context, element

ENVIRONMENT = mapping_of(forbidden.variable, exact)
DEVICE = element(
    {
        "source": Field(forbidden.device),
        "target": Field(forbidden.device, None),
        "mode": Field(mode, None),
        "access": Field(matching("r?w?(?<!^)", "r, w or rw"), "rw"),
    }
)
LIMITS = packet_rules.strict(dict, dict(keys.LIMIT_FIELDS))
KEYS = ("environment", "mounts", "limits")
GATEWAYS = ("devices", "network")


def environment(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return the variables of a capability. Raise InvalidError."""
    return [
        records.Variable(origin._replace(where="%s.%s" % (origin.where, name)), name, text)
        for name, text in ENVIRONMENT(value)
    ]


def mounts(value: Any, origin: records.Origin, context: Context) -> List[records.Item]:
    """Return the mounts of a capability. Raise InvalidError."""
    fields = {
        "source": Field(forbidden.source(context.lxc_path)),
        "target": Field(forbidden.target),
        "read_only": Field(boolean, True),
        "optional": Field(boolean, False),
        "create": Field(choice("dir", "file"), None),
    }
    found: List[records.Item] = []
    for index, values in enumerate(list_of(element(fields))(value)):
        place = "[%d]" % index
        if not values["read_only"]:
            within(place + ".source", forbidden.writable(context.settings.writable), values["source"])
        found.append(records.Mount(origin._replace(where=origin.where + place), **values))
    return found


def limits(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return the limits of a capability. Raise InvalidError."""
    parsed = LIMITS(value)
    return [
        records.Limit(origin._replace(where="%s.%s" % (origin.where, key)), key, wanted)
        for key, wanted in parsed.items()
        if wanted is not None
    ]


def devices(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return the devices of a capability. Raise InvalidError."""
    found: List[records.Item] = []
    for index, values in enumerate(list_of(DEVICE)(value)):
        if (values["mode"] or 0) & EXECUTE:
            raise InvalidError(
                "has execute bits, which mean nothing for a device", "0%o" % values["mode"], "[%d].mode" % index
            )
        values["target"] = values["target"] or values["source"]
        found.append(records.Device(origin._replace(where="%s[%d]" % (origin.where, index)), **values))
    return found


def network(value: Any, origin: records.Origin, context: Context) -> List[records.Item]:
    """Return the rules for packets of a capability. Raise InvalidError."""
    return packet_rules.of_native(value, origin, dict(context.settings.hosts))


READERS: Dict[str, Any] = {
    "environment": environment,
    "mounts": mounts,
    "limits": limits,
    "gateways.devices": devices,
    "gateways.network": network,
}
KNOWN_GATEWAYS = (*GATEWAYS, *UNSUPPORTED)
