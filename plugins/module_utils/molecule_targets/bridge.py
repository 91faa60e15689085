# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes and removes the bridge that joins this machine and the targets (I/O)."""

from __future__ import annotations

import ipaddress
import json
import os

from .files import MARK, read
from .programs import FailedError, run
from .requests import Place


def is_up(place: Place) -> bool:
    """Return whether the bridge has its address. Raise FailedError if another interface is in that network."""
    network = str(ipaddress.ip_interface(place.address).network)
    listed = json.loads(run("ip", "-json", "-4", "address", "show", "to", network) or "[]")
    others = [item["ifname"] for item in listed if item and item["ifname"] != place.bridge]
    if others:
        raise FailedError(
            "the network of %s is in use by %s: choose another softwarecontainer_targets_address"
            % (place.address, others[0])
        )
    return any(item for item in listed)


def is_ours(place: Place) -> bool:
    """Return whether the bridge has our mark, or neither address nor ports: a run of ours may have been interrupted."""
    folder = "/sys/class/net/" + place.bridge
    if not os.path.isdir(folder + "/bridge"):
        return False
    bare = not os.listdir(folder + "/brif") and "inet " not in run("ip", "-4", "address", "show", "dev", place.bridge)
    return read(folder + "/ifalias").strip() == MARK or bare


def bring_up(place: Place) -> None:
    """Make the bridge, or complete it. Raise FailedError if an interface of others has its name."""
    if not os.path.lexists("/sys/class/net/" + place.bridge):
        run("ip", "link", "add", "name", place.bridge, "type", "bridge")
        run("ip", "link", "set", "dev", place.bridge, "alias", MARK)
    elif not is_ours(place):
        raise FailedError(
            "the interface %s is not ours: choose another softwarecontainer_targets_bridge" % place.bridge
        )
    run("ip", "address", "replace", place.address, "dev", place.bridge)
    run("ip", "link", "set", place.bridge, "up")


def remove(place: Place) -> None:
    """Remove the bridge."""
    run("ip", "link", "delete", place.bridge)
