# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stages have in common: their parameters, and the form of their results."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import files, frame, stages, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.manifest import Manifest

NOT_AN_INTERFACE = " is not the name of a network interface (at most 15 characters)"


@pytest.mark.parametrize(
    ("given", "expected"), [({"bridge": "br-0.1"}, "br-0.1"), ({}, "lxcbr0")], ids=["given", "left out"]
)
def test_bridge(given: dict[str, str], expected: str) -> None:
    assert frame.bridge_of(given) == expected


@pytest.mark.parametrize(
    ("bridge", "sentence"),
    [
        ("", "bridge: ''" + NOT_AN_INTERFACE),
        ("a" * 16, "bridge: 'aaaaaaaaaaaaaaaa'" + NOT_AN_INTERFACE),
        ("br0 x", "bridge: 'br0 x'" + NOT_AN_INTERFACE),
        (
            "br0\nlxc.hook.pre-start = x",
            "bridge: 'br0\\nlxc.hook.pre-start = x' has a line break or another control character",
        ),
    ],
    ids=["empty", "too long", "blank", "two lines"],
)
def test_bad_bridge(bridge: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        frame.bridge_of({"bridge": bridge})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("lxc", "lxc_path: 'lxc' is not an absolute path"),
        ("/", "lxc_path: '/' is the root itself"),
        ("/srv/../etc", "lxc_path: '/srv/../etc' has an empty, '.' or '..' part"),
        ("/srv\nx", "lxc_path: '/srv\\nx' has a line break or another control character"),
    ],
)
def test_bad_lxc_path(path: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        frame.choose_runtime({"lxc_path": path, "runtime": "auto"})
    assert str(caught.value) == sentence


def planned(name: str, *changes: str) -> stages.Planned:
    """What a stage would do for one container."""
    return stages.Planned(files.Change(name, (), Manifest(), Manifest()), changes, bool(changes))


def test_items() -> None:
    plans = {"hmi": planned("hmi", "create file config"), "media": planned("media"), "bad": planned("bad", "x")}
    errors = {"bad": "it is broken", "worse": "it is not ours"}
    assert [frame.item_of(name, plans, errors) for name in ("hmi", "media", "bad", "worse", "absent")] == [
        {"name": "hmi", "changed": True, "changes": ["create file config"]},
        {"name": "media", "changed": False, "changes": []},
        {"name": "bad", "changed": False, "changes": [], "error": "it is broken"},
        {"name": "worse", "changed": False, "changes": [], "error": "it is not ours"},
        {"name": "absent", "changed": False, "changes": []},
    ]


def item(name: str, changed: bool, **more: Any) -> dict[str, Any]:
    """The result of one container."""
    return {"name": name, "changed": changed, "changes": [], **more}


A, B = item("a", False), item("b", True)
RESULTS: dict[str, tuple[list[dict[str, Any]], list[dict[str, str]], dict[str, Any]]] = {
    "none": ([], [], {"changed": False, "containers": []}),
    "nothing changed": ([A], [], {"changed": False, "containers": [A]}),
    "one changed": ([A, B], [], {"changed": True, "containers": [A, B]}),
    "a diff": ([A], [{"before": ""}], {"changed": False, "containers": [A], "diff": [{"before": ""}]}),
    "failures": (
        [B, item("c", False, error="it is broken"), item("d", False, error="it is not ours")],
        [],
        {
            "changed": True,
            "containers": [B, item("c", False, error="it is broken"), item("d", False, error="it is not ours")],
            "msg": "container 'c': it is broken\ncontainer 'd': it is not ours",
        },
    ),
}


@pytest.mark.parametrize(("items", "diffs", "expected"), RESULTS.values(), ids=RESULTS)
def test_result(items: list[dict[str, Any]], diffs: list[dict[str, str]], expected: dict[str, Any]) -> None:
    assert frame.result_of(items, diffs, {"runtime": "tools"}) == {**expected, "runtime": "tools"}


def test_no_result_has_a_key_that_ansible_takes_for_a_file() -> None:
    result = frame.result_of([A, item("c", False, error="x")], [{}], {"lxc_path": "/", "runtime": "tools"})
    assert not {"path", "dest", "state"} & set(result)


def test_the_diff_of_a_directory_of_the_target() -> None:
    plan = stages.Planned(
        files.Change("hmi", (tree.Action("create", "x", tree.directory("x")),), Manifest(), Manifest()),
        directory=("/run/gateways", 0o777),
    )
    assert plan.diffs() == [
        {"before_header": "hmi", "after_header": "hmi", "before": "", "after": "directory 0755 x\n"},
        {
            "before_header": "/run/gateways",
            "after_header": "/run/gateways",
            "before": "",
            "after": "directory mode 0777\n",
        },
    ]
