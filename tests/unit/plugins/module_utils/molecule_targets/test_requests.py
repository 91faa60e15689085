# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked for, and what is said about what cannot."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import debian, requests
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.requests import (
    Machine,
    Place,
    Target,
)

PLACE = Place("/var/lib/targets", "/var/cache/targets", "sctest", "192.0.2.1/24")
FULL = {"name": "one", "distribution": "debian-12", "address": "192.0.2.11"}


def target(**changes: Any) -> Target:
    return requests.parse_targets([{**FULL, **changes}], PLACE.address)[0]


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("/var/lib/targets", True),
        ("/root/.cache/targets-1/", True),
        ("/a#b/100%", True),
        ("/a b", False),
        ("/a:b", False),
        ("/a,b", False),
        ("/a'b", False),
        ("/a/../b", False),
        ("a", False),
        ("/", False),
    ],
)
def test_place(path: str, good: bool) -> None:
    for key in ("path", "cache"):
        given = {**PLACE._asdict(), key: path}
        if good:
            assert getattr(requests.parse_place(**given), key) == path
        else:
            with pytest.raises(RefusedError, match="softwarecontainer_targets_%s: " % key):
                requests.parse_place(**given)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "a/b"}, "target a/b: the name is not one of a host: letters, digits and -, at most 63"),
        ({"distribution": "debian-1"}, "target one: distribution is none of " + ", ".join(debian.SUITES)),
        ({"address": "192.0.3.11"}, "target one: 192.0.3.11 is not in 192.0.2.0/24"),
        ({"address": "one"}, "target one: 'one' does not appear to be an IPv4 or IPv6 address"),
        ({"ssh": "rsh"}, "target one: ssh is none of openssh, dropbear"),
        ({"data": "data"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"data": "/a b"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"data": "/a/../b"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"lxc_path": "lxc"}, "target one: lxc_path has to be like data"),
        (
            {"read_only": True, "lxc_path": "/srv/lxc"},
            "target one: with a read-only root, lxc_path has to be below data",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        target(**changes)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"address": "192.0.2.12"}, "name one is given to more than one target"),
        ({"name": "two"}, "address 192.0.2.11 is given to more than one target"),
    ],
)
def test_refused_together(second: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        requests.parse_targets([FULL, {**FULL, **second}], PLACE.address)
    assert str(caught.value) == sentence


def test_the_address_of_the_bridge_is_not_a_targets() -> None:
    with pytest.raises(RefusedError) as caught:
        target(address="192.0.2.1")
    assert str(caught.value) == "target one: 192.0.2.1 is the address of the bridge"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"distribution": "debian-12"}, "softwarecontainer_targets[1]: name is required and missing"),
        ({**FULL, "name": "two", "sftp": "never"}, "target two: sftp: 'never' is not a boolean"),
        ({**FULL, "name": "two", "groups": "a"}, "target two: groups: 'a' is not a list"),
        ({**FULL, "name": "two", "variables": ["a"]}, "target two: variables: ['a'] is not a dictionary"),
        (
            {**FULL, "name": "two", "adress": ""},
            "target two: key: 'adress' is not a known key; did you mean 'address'?",
        ),
        ("two", "softwarecontainer_targets[1]: is not a dictionary"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused_before_it_is_looked_at_as_a_whole(given: Any, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        requests.parse_targets([FULL, given], PLACE.address)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1/64", "192.0.2.1/255.255.255.0", "one", ""])
def test_what_is_no_address_of_a_bridge(address: str) -> None:
    with pytest.raises(RefusedError, match="^softwarecontainer_targets_address: .* with a prefix length$"):
        requests.parse_targets([], address)


def test_words_for_true_and_false_and_keys_without_a_value() -> None:
    found = target(name=7, sftp="no", read_only="yes", lxc_path=None, groups=None, variables=None)
    assert found == Target("7", "debian-12", "192.0.2.11", sftp=False, read_only=True)


def machine(**keys: Any) -> Target:
    return requests.parse_targets([{"name": "one", "distribution": "debian-13", **keys}], PLACE.address)[0]


def test_machine() -> None:
    found = machine(
        machine={"port": 2222, "memory": "256M", "disk": "1G", "file_system_features": ["quota", "^dir_index"]}
    )
    wanted = Machine(2222, memory=1 << 28, disk=1 << 30, file_system_features=("quota", "^dir_index"))
    assert found == Target("one", "debian-13", machine=wanted)
    assert {"lxc", "python3-lxc", "iptables"} < set(wanted.repository)


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"machine": {}}, "target one: machine.port is required and missing"),
        ({"machine": {"port": 80}}, "target one: machine.port: 80 is not from 1024 to 65535"),
        (
            {"machine": {"port": 2222, "architecture": "arm46"}},
            "target one: machine.architecture: 'arm46' is none of amd64, arm64, armhf, armhf-on-arm64;"
            " did you mean 'arm64'?",
        ),
        (
            {"machine": {"port": 2222, "packages": ["a b"]}},
            "target one: machine.packages[0]: 'a b' is not the name of a package",
        ),
        (
            {"machine": {"port": 2222, "file_system_features": ["a,b"]}},
            "target one: machine.file_system_features[0]: 'a,b' is not the name of a feature, see ext4(5)",
        ),
        (
            {"machine": {"port": 2222}, "address": "192.0.2.11", "read_only": True},
            "target one: a machine has no key address, read_only",
        ),
        ({}, "target one: address is required and missing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_machine_refused(keys: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        machine(**keys)
    assert str(caught.value) == sentence


def test_machines_cannot_share_a_port() -> None:
    given = [{"name": name, "distribution": "debian-13", "machine": {"port": 2222}} for name in ("one", "two")]
    with pytest.raises(RefusedError, match="^port 2222 is given to more than one target$"):
        requests.parse_targets(given, PLACE.address)
