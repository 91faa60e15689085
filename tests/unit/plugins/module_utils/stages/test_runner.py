# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage says of each container."""

from __future__ import annotations

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import tree_changes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import planning, runner


def planned(name: str, *changes: str) -> planning.Planned:
    """What a stage would do for one container."""
    return planning.Planned(tree_changes.Change(name, (), Manifest(), Manifest()), changes, bool(changes))


def test_items() -> None:
    plans = {"hmi": planned("hmi", "create file config"), "media": planned("media"), "bad": planned("bad", "x")}
    errors = {"bad": "it is broken", "worse": "it is not ours"}
    assert [runner.item_of(name, plans, errors) for name in ("hmi", "media", "bad", "worse", "absent")] == [
        {"name": "hmi", "changed": True, "changes": ["create file config"]},
        {"name": "media", "changed": False, "changes": []},
        {"name": "bad", "changed": False, "changes": [], "error": "it is broken"},
        {"name": "worse", "changed": False, "changes": [], "error": "it is not ours"},
        {"name": "absent", "changed": False, "changes": []},
    ]


def test_the_diff_of_a_directory_of_the_target() -> None:
    plan = planning.Planned(
        tree_changes.Change("hmi", (tree.Action("create", "x", tree.directory("x")),), Manifest(), Manifest()),
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
