# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said where LXC cannot be asked about a config. What LXC says of one is a matter of the integration tests."""

from __future__ import annotations

import os

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import config_check, runtime
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import pool

NOBODY = 65534


def as_nobody(_item: str) -> None:
    """Ask about a config as one who may not mount anything."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    config_check.check_configs(runtime.Tools("/nowhere"), {"hmi": "lxc.uts.name = hmi\n"})


def test_who_may_not_mount() -> None:
    assert pool.each(as_nobody, ["once"], 60)["once"].error == (
        "RefusedError: LXC could not be asked about the configs: "
        "a private /run cannot be mounted: Operation not permitted"
    )


def test_no_config() -> None:
    assert config_check.check_configs(runtime.Tools("/nowhere"), {}) == {}
