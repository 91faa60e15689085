# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module runs on the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import arguments
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import calls

ROOT = Path(__file__).parents[4]
COLLECTION = "softwarecontainer.lxc"


@pytest.mark.parametrize(
    ("name", "module", "given"),
    [
        ("rootfs", "stage", {"lxc_path": "/data", "stage": "rootfs"}),
        ("busybox", "stage", {"lxc_path": "/data", "stage": "busybox"}),
        ("config", "stage", {"lxc_path": "/data", "stage": "config"}),
        ("container", "stage", {"lxc_path": "/data", "stage": "container"}),
        ("ready", "ready", {"lxc_path": "/data"}),
        ("stage", "stage", {"lxc_path": "/data"}),
    ],
)
def test_what_runs_on_the_target(name: str, module: str, given: dict[str, Any]) -> None:
    assert calls.on_target(name, {"lxc_path": "/data"}) == (f"{COLLECTION}.{module}", given)


def test_ansible_finds_the_action_of_each_stage() -> None:
    """Without it the module of that name would run, which is documentation alone."""
    routing = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["plugin_routing"]["modules"]
    assert routing == {name: {"action_plugin": f"{COLLECTION}.stage"} for name in arguments.STAGES}
