# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenario `keys` leaves no key of the spec out."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import records

ROOT = Path(__file__).resolve().parents[2]


def every_key(kind: Any, prefix: str = "") -> set[str]:
    """The dotted names of all keys of a record and of the records in it."""
    found = set()
    hints = get_type_hints(kind)
    for key in kind._fields:
        inner = [part for part in (hints[key], *get_args(hints[key])) if hasattr(part, "_fields")]
        found |= every_key(inner[0], f"{prefix}{key}.") if inner else {prefix + key}
    return found


def set_keys(value: Any, prefix: str = "") -> set[str]:
    """The dotted names of all keys that are set, in lists too."""
    if isinstance(value, list):
        return set().union(*(set_keys(item, prefix) for item in value))
    if isinstance(value, dict):
        return set().union(*({prefix + key} | set_keys(inner, f"{prefix}{key}.") for key, inner in value.items()))
    return set()


def test_the_scenario_keys_sets_every_key() -> None:
    text = (ROOT / "extensions" / "molecule" / "keys" / "vars" / "main.yml").read_text(encoding="utf-8")
    first = yaml.safe_load(text)["scenario_stages"][0]
    # What a packet is sent to and where it comes from has two names, in one field of a record.
    peers = {f"gateways.network.{direction}.peers" for direction in ("outgoing", "incoming")}
    assert {"gateways.network.outgoing.to", "gateways.network.incoming.from"} <= set_keys(first)
    # No target has SELinux, a log daemon or project quotas, and one without refuses them. None gets capabilities.
    missing = {"capabilities", "log.driver", "security.selinux", "volumes.size"}
    assert every_key(records.Container) - peers - set_keys(first) == missing
