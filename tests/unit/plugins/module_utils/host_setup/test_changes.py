# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a target before containers can run there, and what stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.host_setup import changes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.host_setup.changes import (
    Bridge,
    FileFacts,
    HostFacts,
    Wanted,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.preflight.records import Check

SETTINGS = changes.settings_text("Ansible managed", {"LXC_BRIDGE": "lxcbr0", "LXC_ADDR": "10.0.3.1"})
LINES = FileFacts("other:100000:65536\nroot:165536:65536\n")
WANTED = Wanted(True, (165536, 65536), Bridge("lxcbr0", "10.0.3.1/24", "10.0.3.0/24", SETTINGS), "Ansible managed")
# A target on which nothing is to be done.
READY = HostFacts(
    distribution="debian",
    checks={"root": Check(True, "root"), "cgroups": Check(True, "all"), "apparmor": Check(False, "none")},
    lxc_path="/var/lib/lxc",
    files={"/etc/subuid": LINES, "/etc/subgid": LINES, "/etc/default/lxc-net": FileFacts(SETTINGS)},
    up=True,
    interfaces=frozenset(["lo", "eth0", "lxcbr0"]),
    addresses=(("lxcbr0", "10.0.3.1/24"),),
)
ALPINE = READY._replace(
    distribution="alpine",
    files={
        "/etc/subuid": LINES,
        "/etc/subgid": LINES,
        "/etc/default/lxc": FileFacts(SETTINGS),
        "/etc/local.d/lxc-net.start": FileFacts(changes.boot_script("Ansible managed"), 0o755),
    },
    local=True,
)
SYSTEMD = READY._replace(systemd=("active", "enabled"))


def with_file(facts: HostFacts, path: str, file: Any) -> HostFacts:
    return facts._replace(files={**facts.files, path: file})


NET = "/etc/default/lxc-net"
BOOT = "/etc/local.d/lxc-net.start"
OTHER, OTHERS = FileFacts("LXC_ADDR=10.0.9.1\n"), FileFacts(SETTINGS, owner=(7, 0))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(READY, [], id="nothing"),
        pytest.param(ALPINE, [], id="nothing on Alpine"),
        pytest.param(SYSTEMD, [], id="nothing with systemd"),
        pytest.param(READY._replace(lacking=True), ["packages"], id="packages"),
        pytest.param(with_file(READY, "/etc/subgid", FileFacts("")), ["ids"], id="no line"),
        pytest.param(with_file(READY, "/etc/subgid", None), ["ids"], id="no file of ids"),
        pytest.param(with_file(READY, "/etc/subuid", LINES._replace(mode=0o600)), ["ids"], id="mode of the ids"),
        pytest.param(READY._replace(passable=False), ["lxc_path"], id="directory that others cannot pass"),
        pytest.param(READY._replace(passable=False, lxc_path=None), [], id="no LXC yet"),
        pytest.param(with_file(READY, NET, OTHER), ["stop", "settings", "start"], id="settings"),
        pytest.param(with_file(READY, NET, OTHERS), ["settings"], id="owner of the settings"),
        pytest.param(READY._replace(addresses=()), ["stop", "start"], id="no address"),
        pytest.param(READY._replace(up=False), ["start"], id="not up"),
        pytest.param(
            READY._replace(up=False, addresses=(), interfaces=frozenset(["lo"]), files={}, lacking=True),
            ["packages", "ids", "settings", "start"],
            id="fresh target",
        ),
        pytest.param(SYSTEMD._replace(systemd=("inactive", "enabled")), ["start"], id="service not active"),
        pytest.param(SYSTEMD._replace(systemd=("active", "disabled")), ["start"], id="service not at boot"),
        pytest.param(SYSTEMD._replace(systemd=("active", "enabled"), up=False), ["stop", "start"], id="active, not up"),
        pytest.param(ALPINE._replace(local=False), ["boot"], id="no local"),
        pytest.param(with_file(ALPINE, BOOT, None), ["boot"], id="no script for the boot"),
        pytest.param(with_file(ALPINE, BOOT, ALPINE.files[BOOT]._replace(mode=0o644)), ["boot"], id="its mode"),  # type: ignore[union-attr]
    ],
)
def test_what_has_to_change(facts: HostFacts, expected: list[str]) -> None:
    assert changes.changes(facts, WANTED) == expected
    assert changes.obstacles(facts, WANTED) == []


def test_what_comes_from_elsewhere_is_not_looked_at() -> None:
    empty = READY._replace(files={}, addresses=(("eth0", "10.0.3.7/24"),), lacking=True, passable=False, up=False)
    assert changes.changes(empty, Wanted(packages=False)) == []
    assert changes.obstacles(empty, Wanted(packages=False)) == []
    assert changes.is_foreseeable(empty, Wanted(packages=False))


@pytest.mark.parametrize(
    ("facts", "wanted", "key", "value"),
    [
        pytest.param(HostFacts(system="FreeBSD", checks=READY.checks), Wanted(False), "FreeBSD", "Linux", id="system"),
        pytest.param(
            READY._replace(checks={**READY.checks, "root": Check(False, "another user", "log in as root")}),
            WANTED,
            "root: another user",
            "log in as root",
            id="user",
        ),
        pytest.param(
            READY._replace(distribution="poky", files={"/etc/default/lxc-net": FileFacts(SETTINGS)}),
            Wanted(),
            "softwarecontainer_manage_packages",
            "poky",
            id="distribution",
        ),
        pytest.param(READY, Wanted(ids=(1000, 65536)), "softwarecontainer_ids_first", "1000", id="own ids"),
        pytest.param(READY, Wanted(ids=(165536, 65535)), "softwarecontainer_ids_first", "65535", id="few ids"),
        pytest.param(
            READY, Wanted(ids=(4294901760, 65536)), "softwarecontainer_ids_first", "4294901760", id="ids beyond"
        ),
        pytest.param(
            READY, Wanted(ids=(165535, 65536)), "softwarecontainer_ids_first", "other:100000:65536", id="ids of others"
        ),
        pytest.param(
            READY._replace(interfaces=frozenset(["eth0"])),
            WANTED._replace(bridge=WANTED.bridge._replace(name="eth0")),  # type: ignore[union-attr]
            "softwarecontainer_bridge",
            "eth0",
            id="interface of others",
        ),
        pytest.param(
            with_file(READY._replace(up=False), "/etc/default/lxc-net", None),
            WANTED,
            "softwarecontainer_bridge",
            "lxcbr0",
            id="bridge of others",
        ),
        pytest.param(
            READY._replace(addresses=(*READY.addresses, ("eth0", "10.0.3.7/24"))),
            WANTED,
            "softwarecontainer_bridge_address",
            "eth0 has 10.0.3.7/24",
            id="network in use",
        ),
    ],
)
def test_what_stands_in_the_way(facts: HostFacts, wanted: Wanted, key: str, value: str) -> None:
    (sentence,) = changes.obstacles(facts, wanted)
    assert key in sentence and value in sentence


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(READY, True, id="all there"),
        pytest.param(READY._replace(up=False), True, id="bridge down"),
        pytest.param(READY._replace(lacking=True), False, id="packages"),
        pytest.param(with_file(READY, "/etc/subuid", None), False, id="ids"),
        pytest.param(with_file(READY, "/etc/subuid", LINES._replace(mode=0o600)), True, id="mode of the ids"),
        pytest.param(READY._replace(interfaces=frozenset(["lo"]), addresses=()), False, id="bridge"),
        pytest.param(READY._replace(addresses=(("lxcbr0", "10.0.3.2/24"),)), False, id="another address of the bridge"),
    ],
)
def test_what_can_be_foreseen(facts: HostFacts, expected: bool) -> None:
    assert changes.is_foreseeable(facts, WANTED) is expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("", "lxcbr0"),
        ('USE_LXC_BRIDGE="true"\n', "lxcbr0"),
        ('LXC_BRIDGE="br-1.x"\n', "br-1.x"),
        ("# LXC_BRIDGE=no\nLXC_BRIDGE=br0\n", "br0"),
    ],
)
def test_the_bridge_of_the_settings(settings: str, expected: str) -> None:
    assert changes.bridge_before(settings) == expected


def test_the_settings_are_safe_for_a_shell() -> None:
    text = changes.settings_text("first\nsecond", {"LXC_DHCP_RANGE": "a b;c"})
    assert text.splitlines()[:2] == ["# first", "# second"]
    assert text.splitlines()[-1] == "LXC_DHCP_RANGE='a b;c'"


def test_the_packages_of_apparmor() -> None:
    on = READY._replace(checks={**READY.checks, "apparmor": Check(True, "switched on")})
    assert "apparmor" not in changes.packages(READY)
    assert "apparmor" in changes.packages(on)
    assert "apparmor" not in changes.packages(on._replace(distribution="fedora"))
