# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one shape of the modules' results."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import results


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
    assert results.result_of(items, diffs, {"runtime": "tools"}) == {**expected, "runtime": "tools"}


def test_no_result_has_a_key_that_ansible_takes_for_a_file() -> None:
    result = results.result_of([A, item("c", False, error="x")], [{}], {"lxc_path": "/", "runtime": "tools"})
    assert not {"path", "dest", "state"} & set(result)
