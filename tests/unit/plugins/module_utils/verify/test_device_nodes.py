# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of devices a config asks for, and what is said of one that is not as it should be."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.keys import CONTAINER
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import config_text
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import device_nodes as planned
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_mounts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.lxc_hooks import Node
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import device_nodes

IDS = Ids(("u 0 100000 65536", "g 0 200000 65536"))
HOST = Host(
    devices={"/dev/it's": "c 10:229", "/dev/two": "b 7:0"},
    paths=frozenset(["/usr", "/lib", "/usr/lib", "/dev/it's", "/dev/two"]),
    init_lxc="/usr/sbin/init.lxc",
)
GIVEN = [
    {"source": "/dev/it's", "target": "/dev/own/a b", "owner": "5:6"},
    {"source": "/dev/two", "mode": "0400", "access": "r"},
]


def lines() -> list[config_text.Line]:
    container = CONTAINER({"name": "hmi", "gateways": {"devices": GIVEN}})
    more = planned.entries(container, HOST, IDS)
    return list(lxc_mounts.lines(container, HOST, IDS, "/run/softwarecontainer.mounts/x", more))


def test_what_a_config_asks_for() -> None:
    assert device_nodes.wanted(lines()) == {
        "/dev/own/a b": ("/dev/it's", Node("c 10:229", 0o660, (100005, 200006))),
        "/dev/two": ("/dev/two", Node("b 7:0", 0o400, (100000, 200000))),
    }


@pytest.mark.parametrize(
    "there", [None, Node("c 10:200", 0o660, (100005, 200006)), Node("b 10:229", 0o660, (100005, 200006))]
)
def test_what_is_not_in_force(there: Node | None, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"/dev/own/a b": there, "/dev/two": Node("b 7:0", 0o400, (100000, 200000))}
    monkeypatch.setattr(device_nodes, "of", lambda _pid, path: found[path])
    reasons = device_nodes.not_in_force(1, lines())
    assert [reason.partition(": ")[0] for reason in reasons] == ["gateways.devices"]
    assert "/dev/own/a b" in reasons[0]


def test_mode_and_owner_are_the_payloads(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"/dev/own/a b": Node("c 10:229", 0o600, (0, 0)), "/dev/two": Node("b 7:0", 0o400, (100000, 200000))}
    monkeypatch.setattr(device_nodes, "of", lambda _pid, path: found[path])
    assert device_nodes.not_in_force(1, lines()) == []


def test_one_device_has_one_rule() -> None:
    given = [{"source": "/dev/two", "target": "/dev/x", "access": "r"}, {"source": "/dev/two", "access": "w"}]
    container = CONTAINER({"name": "hmi", "security": {"devices": ["b 7:0 m"]}, "gateways": {"devices": given}})
    assert planned.with_rules(container, HOST).devices == ("b 7:0 rwm",)


def test_another_hook_makes_none() -> None:
    assert device_nodes.wanted([("lxc.hook.pre-start", "node /dev/two 1 b 7 0 0400 0:0")]) == {}
