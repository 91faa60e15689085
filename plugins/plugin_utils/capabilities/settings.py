# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what the manifests do not say and the operator decides, `softwarecontainer_capability_settings`."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional, Tuple

from ...module_utils.container_spec.values import Field, Parser, choice, list_of, mapping_of, path, record, text
from . import packet_rules

REFUSE, LOCAL = "refuse", "local"


class Settings(NamedTuple):
    """Decisions of the operator.

    - `incoming_ports`: what ports of an INCOMING rule are: refused, or those of the container.
    - `hosts`: addresses of the names that rules have.
    - `writable`: the directories of the target below which capabilities may write; None for no such limit.
    """

    incoming_ports: str = REFUSE
    hosts: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()
    writable: Optional[Tuple[str, ...]] = None


SETTINGS: Parser = record(
    Settings,
    {
        "incoming_ports": Field(choice(REFUSE, LOCAL), REFUSE),
        "hosts": Field(mapping_of(text, packet_rules.some(packet_rules.network)), ()),
        "writable": Field(list_of(path), None),
    },
)


def parse(value: Any) -> Settings:
    """Return the settings. Raise InvalidError."""
    settings: Settings = SETTINGS(value)
    return settings
