# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the playbook status."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.softwarecontainer.lxc.plugins.filter.status_table import status_table

HMI = {
    "name": "hmi",
    "state": "RUNNING",
    "addresses": ["10.0.3.10", "fd00::a"],
    "memory_bytes": 1468006,
    "restart_needed": True,
    "error": None,
}
MEDIA = {"name": "media", "state": "STOPPED", "addresses": [], "memory_bytes": None, "restart_needed": False}


@pytest.mark.parametrize(
    ("results", "lines"),
    [
        pytest.param({}, ["HOST  NAME  STATE  ADDRESS  MEMORY  RESTART"], id="no host"),
        pytest.param(
            {"unit-1": {"containers": [HMI, MEDIA]}, "2": {"containers": [HMI | {"memory_bytes": 0}]}},
            [
                "HOST    NAME   STATE    ADDRESS            MEMORY  RESTART",
                "unit-1  hmi    running  10.0.3.10,fd00::a  1.4MiB  needed",
                "unit-1  media  stopped  -                       -  -",
                "2       hmi    running  10.0.3.10,fd00::a  0.0MiB  needed",
            ],
            id="containers",
        ),
        pytest.param(
            {"a": {"containers": []}, "b": {"unreachable": True, "msg": "no\nroute"}, "c": {"msg": "no LXC"}, "d": {}},
            [
                "HOST  NAME  STATE        ADDRESS  MEMORY  RESTART",
                "a     -     -            -             -  -",
                "b     -     unreachable  -             -  -",
                "c     -     failed       -             -  -",
                "d     -     failed       -             -  -",
                "b: no route",
                "c: no LXC",
                "d: container_info gave no result",
            ],
            id="hosts without containers",
        ),
        pytest.param(
            {"a": {"containers": [{"name": "x\x1b[2J", "state": None, "error": "cannot\tbe read"}]}},
            [
                "HOST  NAME   STATE    ADDRESS  MEMORY  RESTART",
                "a     x [2J  unknown  -             -  -",
                "a x [2J: cannot be read",
            ],
            id="error, and a name that moves the cursor",
        ),
    ],
)
def test_lines(results, lines):
    assert status_table(results) == lines


@pytest.mark.parametrize("results", [[], "text", {"a": "text"}], ids=str)
def test_refused(results):
    with pytest.raises(AnsibleFilterError, match="needs a dictionary from host to the result of container_info"):
        status_table(results)
