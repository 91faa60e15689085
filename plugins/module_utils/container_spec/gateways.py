# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the keys of `gateways`, what a container may reach."""

from __future__ import annotations

from typing import Any

from . import packets, records
from .values import Field, Parser, list_of, matching, mode, owner, path, record


def make_device(**values: Any) -> records.DeviceNode:
    """Return a device. Its node in the container has the same path, unless the spec names another."""
    return records.DeviceNode(**{**values, "target": values["target"] or values["source"]})


DEVICE = record(
    make_device,
    {
        "source": Field(path),
        "target": Field(path, None),
        "mode": Field(mode, 0o660),
        "owner": Field(owner, (0, 0)),
        "access": Field(matching(r"(?=.)r?w?m?", "one or more of r, w and m, in this order"), "rw"),
    },
)
NETWORK = {"network": Field(packets.PACKET_FILTER, None)}
GATEWAYS: Parser = packets.without_null(
    NETWORK, record(records.Gateways, {"devices": Field(list_of(DEVICE), ()), **NETWORK})
)
