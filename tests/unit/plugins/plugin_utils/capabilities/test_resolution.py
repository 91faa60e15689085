# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the target gets of the arguments of a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import resolution

MANIFEST = """
capabilities:
- name: a
  environment: {A: a}
- name: b
  mounts: [{source: /opt/b, target: /b, read_only: false}]
"""
CLOSED = {"network": {}}


@pytest.fixture(name="places")
def fixture_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> resolution.Places:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "local"))
    (tmp_path / "m.yml").write_text(MANIFEST, encoding="utf-8")
    return resolution.Places(DataLoader(), [str(tmp_path)])


RESOLVED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing of it": (
        {"containers": [{"name": "x"}], "defaults": {"tty": 1}, "bridge": "br0"},
        {"containers": [{"name": "x"}], "defaults": {"tty": 1}, "bridge": "br0"},
    ),
    "options of no effect": (
        {"containers": [], "manifests": [], "capabilities": [], "capability_settings": {}},
        {"containers": []},
    ),
    "a container": (
        {"containers": [{"name": "x", "capabilities": ["a"]}, {"name": "y"}], "manifests": ["m.yml"]},
        {"containers": [{"name": "x", "environment": {"A": "a"}, "gateways": CLOSED}, {"name": "y"}]},
    ),
    "all containers": (
        {"containers": [{"name": "x"}], "manifests": "m.yml", "capabilities": "a"},
        {"containers": [{"name": "x", "environment": {"A": "a"}, "gateways": CLOSED}]},
    ),
    "defaults": (
        {
            "containers": [{"name": "x"}, {"name": "y", "state": "absent"}],
            "defaults": {"capabilities": ["a"], "environment": {"A": "own", "B": "own"}},
            "manifests": ["m.yml"],
        },
        {
            "containers": [
                {"name": "x", "environment": {"A": "own", "B": "own"}, "gateways": CLOSED},
                {"name": "y", "state": "absent"},
            ],
            "defaults": {"environment": {"A": "own", "B": "own"}},
        },
    ),
    "no containers": ({"name": ["x"], "manifests": ["nowhere"]}, {"name": ["x"]}),
    "what the module refuses": (
        {"containers": ["x", {"capabilities": ["a"]}], "manifests": ["m.yml"]},
        {"containers": ["x", {"environment": {"A": "a"}, "gateways": CLOSED}]},
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), RESOLVED.values(), ids=RESOLVED)
def test_what_the_target_gets(places: resolution.Places, arguments: Any, expected: Any) -> None:
    assert resolution.resolved(arguments, places).arguments == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no manifests": ({"containers": [{"name": "x", "capabilities": ["a"]}]}, "^container 'x': capabilities: 'a'.*none"),
    "a setting": ({"capability_settings": {"writeable": []}}, "softwarecontainer_capability_settings.*'writable'"),
    "a value of a setting": (
        {"capability_settings": {"incoming_ports": "source"}},
        "softwarecontainer_capability_settings.incoming_ports: 'source'",
    ),
    "a capability of all": ({"capabilities": ["c"]}, "^container 'x': capabilities: 'c' is in no manifest"),
    "a manifest": ({"manifests": ["nowhere"]}, r"^manifests\[0\]: 'nowhere'"),
    "manifests that are no list": ({"manifests": {"m.yml": 1}}, "manifests"),
    "the path of containers": (
        {"capabilities": ["b"], "lxc_path": "/opt/b/lxc"},
        r"m.yml: capabilities\[1\].mounts\[0\].source: '/opt/b' contains /opt/b/lxc",
    ),
    "where nobody may write": ({"capabilities": ["b"], "capability_settings": {"writable": []}}, "'/opt/b' .*writable"),
}


@pytest.mark.parametrize(("arguments", "match"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(places: resolution.Places, arguments: Any, match: str) -> None:
    given = {"containers": [{"name": "x"}], **arguments}
    if "manifests" not in arguments and "capabilities" not in given["containers"][0]:
        given["manifests"] = ["m.yml"]
    with pytest.raises(RefusedError, match=match):
        resolution.resolved(given, places)


def test_a_target_takes_no_capabilities() -> None:
    with pytest.raises(RefusedError, match=r"container 'x': capabilities: \['a'\]"):
        parse.parse_containers([{"name": "x", "capabilities": ["a"]}], {})
