# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which interfaces get an address, and which one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.networks import Allotted, Network
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import address_allocation, planning
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import bridges

KEPT = Allotted("lxcbr0", "10.0.3.5/29", "10.0.3.1")


@pytest.fixture(name="target", autouse=True)
def fixture_target(monkeypatch: pytest.MonkeyPatch) -> dict[str, Network]:
    """A target with two bridges: one with a network of its own, one in a network of others."""
    there = {"lxcbr0": Network("10.0.3.1", 29), "br-lan": Network("192.0.2.1", 24)}
    monkeypatch.setattr(bridges, "network_of", there.get)
    monkeypatch.setattr(bridges, "is_own", lambda link: link == "lxcbr0")
    monkeypatch.setattr(bridges, "leased_out", lambda _link: None)
    monkeypatch.setattr(bridges, "leased", lambda _link: set())
    monkeypatch.setattr(address_allocation, "in_use", set)
    return there


def parsed(**spec: Any) -> records.Container:
    container: records.Container = keys.CONTAINER({"name": "web", **spec})
    return container


class Target:
    """Gives addresses in one run, in check mode."""

    def __init__(self, lxc_path: Path, *declared: records.Container) -> None:
        self.allocation = address_allocation.AddressAllocation(str(lxc_path), "lxcbr0", True)
        self.place = planning.Place(
            str(lxc_path),
            "lxcbr0",
            Host(interfaces=frozenset(["lxcbr0", "br-lan", "br-bare"])),
            lambda _container, _before: Ids(),
            self.allocation.addresses,
            {each.name: each for each in declared},
        )

    def ask(self, container: records.Container, kept: Allotted | None = None) -> planning.Addressed:
        before = Manifest(addresses={"eth0": kept} if kept else {})
        return self.allocation.addresses(container, before, self.place)


def interface(addressed: planning.Addressed, index: int = 0) -> tuple[tuple[str, ...], str | None]:
    item = addressed.container.network[index]
    return item.ipv4, item.ipv4_gateway


NONE: Any = ((), None)


@pytest.mark.parametrize(
    ("spec", "kept", "expected"),
    [
        pytest.param({}, KEPT, (("10.0.3.5/29",), "10.0.3.1"), id="the default"),
        pytest.param({"network": [{"ipv4": "auto"}]}, KEPT, (("10.0.3.5/29",), "10.0.3.1"), id="auto"),
        pytest.param(
            {"network": [{"ipv4": ["192.0.2.9/24", "auto"]}]},
            KEPT,
            (("192.0.2.9/24", "10.0.3.5/29"), "10.0.3.1"),
            id="beside another one",
        ),
        pytest.param(
            {"network": [{"ipv4": "auto", "ipv4_gateway": "10.0.3.2"}]},
            KEPT,
            (("10.0.3.5/29",), "10.0.3.2"),
            id="another gateway",
        ),
        pytest.param(
            {"network": [{"ipv4": "auto"}, {"ipv4_gateway": "dev"}]},
            KEPT,
            (("10.0.3.5/29",), None),
            id="the gateway of another interface",
        ),
        pytest.param(
            {"network": [{"ipv4": "auto"}], "lxc": {"lxc.net.1.ipv4.gateway": "10.0.9.1"}},
            KEPT,
            (("10.0.3.5/29",), None),
            id="a gateway as LXC has it",
        ),
        pytest.param({"network": [{"ipv4": "auto", "flags": "down"}]}, KEPT, (("10.0.3.5/29",), None), id="down"),
        pytest.param({"network": [{}]}, KEPT, NONE, id="an interface without"),
        pytest.param({"lxc": {"lxc.net.0.ipv4.address": "10.0.3.4/29"}}, KEPT, NONE, id="what LXC has by itself"),
        pytest.param(
            {"network": [{"link": "br-lan", "ipv4": "auto"}]}, KEPT, (("192.0.2.25/24",), "192.0.2.1"), id="link"
        ),
    ],
)
def test_what_an_interface_gets(tmp_path: Path, spec: dict[str, Any], kept: Any, expected: Any) -> None:
    assert interface(Target(Path("/lxc")).ask(parsed(**spec), kept)) == expected


def test_one_gateway_for_two_interfaces() -> None:
    found = Target(Path("/lxc")).ask(parsed(network=[{"ipv4": "auto"}, {"ipv4": "auto"}]))
    assert [interface(found, index)[1] for index in (0, 1)] == ["10.0.3.1", None]
    assert interface(found, 0)[0] != interface(found, 1)[0]
    assert list(found.allotted) == ["eth0", "eth1"]


def test_the_default_has_none_where_the_network_is_of_others(target: dict[str, Network]) -> None:
    target["lxcbr0"] = target.pop("br-lan")
    bridge = Target(Path("/lxc"))
    bridge.allocation.bridge = "br-bare"
    assert bridge.ask(parsed()) == planning.Addressed(parsed(network=[{}]))


@pytest.mark.parametrize("network", [None, [{"ipv4": "auto"}]], ids=["the default", "auto"])
def test_an_address_is_kept_while_the_bridge_has_none(target: dict[str, Network], network: Any) -> None:
    target.clear()
    found = Target(Path("/lxc")).ask(parsed(network=network), KEPT)
    assert (interface(found), found.allotted) == ((("10.0.3.5/29",), "10.0.3.1"), {"eth0": KEPT})


def test_auto_needs_a_network() -> None:
    with pytest.raises(ContainerError, match=r"^network\[0\].ipv4: auto .* br-bare.* no IPv4 address; "):
        Target(Path("/lxc")).ask(parsed(network=[{"link": "br-bare", "ipv4": "auto"}]))


def test_a_process_that_only_looks_chooses_none() -> None:
    target = Target(Path("/lxc"))
    with pytest.raises(ContainerError, match="it needs a new address"):
        target.allocation.addresses_so_far(parsed(), Manifest(), target.place)
    kept = target.allocation.addresses_so_far(parsed(), Manifest(addresses={"eth0": KEPT}), target.place)
    assert kept.allotted == {"eth0": KEPT}


def test_no_two_have_the_same(tmp_path: Path) -> None:
    """The lower half of this network has two addresses beside the bridge's: a config has one, a spec the other."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config").write_text("lxc.net.3.ipv4.address = 10.0.3.2/29 10.0.3.7\n", encoding="ascii")
    declared = parsed(name="db", network=[{"ipv4": "10.0.3.3/29"}])
    gone = parsed(name="gone", state="absent", network=[{"ipv4": "10.0.3.4/29"}])
    target = Target(tmp_path, declared, gone)
    target.ask(declared)
    results = [target.ask(parsed(name=name)) for name in ("one", "two")]
    assert [interface(each) for each in results] == [NONE, NONE]
    assert "all addresses of 10.0.3.1/29, the network of lxcbr0" in results[0].warning
    with pytest.raises(ContainerError, match=r"^network\[0\].ipv4: all addresses of 10.0.3.1/29.*larger network$"):
        target.ask(parsed(name="three", network=[{"ipv4": "auto"}]))


def test_one_that_was_chosen_cannot_be_declared(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest").write_text(
        manifest.render(Manifest("x", addresses={"eth0": KEPT})), encoding="ascii"
    )
    thief = parsed(name="thief", network=[{"ipv4": "10.0.3.5/29"}])
    with pytest.raises(ContainerError, match=r"^network\[0\].ipv4: '10.0.3.5/29' was chosen for container 'web'"):
        Target(tmp_path, parsed(), thief).ask(thief)
    with pytest.raises(ContainerError, match=r"^lxc.lxc.net.0.ipv4.address: '10.0.3.5/29' was chosen"):
        Target(tmp_path).ask(parsed(name="thief", lxc={"lxc.net.0.ipv4.address": "10.0.3.5/29"}))
    elsewhere = parsed(name="thief", network=[{"link": "br-lan", "ipv4": "10.0.3.5/29"}])
    assert Target(tmp_path, elsewhere).ask(elsewhere).container == elsewhere
    assert Target(tmp_path, parsed(state="absent"), thief).ask(thief).container == thief


def test_what_is_in_use_here() -> None:
    assert "127.0.0.1" not in address_allocation.addresses_in("lxc.net.0.ipv6.address = ::1\n")
    assert address_allocation.addresses_in("lxc.net.0.ipv4.address = 10.0.3.2/24 10.0.3.255\n") == {"10.0.3.2"}
