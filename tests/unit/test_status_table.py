# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of the playbook status."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.softwarecontainer.lxc.plugins.filter.status_table import duration, end, status_table

HMI = {
    "name": "hmi",
    "state": "RUNNING",
    "declared": "started",
    "health": "healthy",
    "addresses": ["10.0.3.10", "fd::a"],
    "memory_bytes": 1468006,
    "memory_limit_bytes": 67108864,
    "restarts": 0,
    "uptime_seconds": 86,
    "last_end": None,
    "problems": [],
    "error": None,
}
FILTER = {"incoming": {"accepted": 1, "refused": 12}, "outgoing": {"accepted": 2, "refused": 3}}
PORTS = [
    {"target": 8080, "container": 80, "protocol": "tcp"},
    {"target": 53, "container": 53, "protocol": "udp"},
]
MEDIA = {
    "name": "media",
    "state": "STOPPED",
    "declared": "started",
    "health": None,
    "addresses": [],
    "memory_bytes": None,
    "memory_limit_bytes": None,
    "restarts": 12,
    "uptime_seconds": None,
    "last_end": {"status": 3, "signal": None, "out_of_memory": False, "asked": False},
    "problems": ["should be started and is STOPPED", "is not\x1b[2J on disk as it was made"],
    "error": None,
}


@pytest.mark.parametrize(
    ("results", "lines"),
    [
        pytest.param({}, ["HOST  NAME  STATE"], id="no host"),
        pytest.param(
            {"u1": {"containers": [HMI, MEDIA]}, "2": {"containers": [HMI | {"memory_bytes": 0}]}},
            [
                "HOST  NAME   STATE    DECLARED  HEALTH   ADDRESS          MEMORY    LIMIT  RESTARTS  UPTIME  LAST END",
                "u1    hmi    running  started   healthy  10.0.3.10,fd::a  1.4MiB  64.0MiB         0      1m  -",
                "u1    media  stopped  started   -        -                     -        -        12       -  exit 3",
                "2     hmi    running  started   healthy  10.0.3.10,fd::a  0.0MiB  64.0MiB         0      1m  -",
                "",
                "u1 media: should be started and is STOPPED",
                "u1 media: is not [2J on disk as it was made",
            ],
            id="containers",
        ),
        pytest.param(
            {
                "a": {
                    "containers": [
                        HMI | {"declared": None, "health": None, "addresses": [], "memory_limit_bytes": None}
                    ]
                }
            },
            [
                "HOST  NAME  STATE    MEMORY  RESTARTS  UPTIME",
                "a     hmi   running  1.4MiB         0      1m",
            ],
            id="columns without a value",
        ),
        pytest.param(
            {"a": {"containers": [{"name": "x", "state": "ABSENT", "declared": "absent"}]}},
            ["HOST  NAME  STATE", "a     -     -"],
            id="absent as declared",
        ),
        pytest.param(
            {"a": {"containers": [{"name": "x", "state": "RUNNING", "ports": PORTS}]}},
            ["HOST  NAME  STATE    PORTS", "a     x     running  8080->80/tcp,53->53/udp"],
            id="ports",
        ),
        pytest.param(
            {
                "a": {
                    "containers": [
                        {"name": "x", "state": "RUNNING", "effective": {"packet_filter": FILTER}},
                        {"name": "y", "state": "RUNNING", "effective": {"packet_filter": None}},
                    ]
                }
            },
            ["HOST  NAME  STATE    REFUSED", "a     x     running  12 in,3 out", "a     y     running  -"],
            id="packet filters",
        ),
        pytest.param(
            {"a": {"containers": []}, "b": {"unreachable": True, "msg": "no\nroute"}, "c": {"msg": "no LXC"}, "d": {}},
            [
                "HOST  NAME  STATE",
                "a     -     -",
                "b     -     unreachable",
                "c     -     failed",
                "d     -     failed",
                "",
                "b: no route",
                "c: no LXC",
                "d: container_info gave no result",
            ],
            id="hosts without containers",
        ),
        pytest.param(
            {"a": {"containers": [{"name": "x\x1b[2J", "state": None, "error": "cannot\tbe read"}]}},
            ["HOST  NAME   STATE", "a     x [2J  unknown", "", "a x [2J: cannot be read"],
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


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (0, "0s"), (59, "59s"), (60, "1m"), (3599, "59m"), (3600, "1h"), (172800, "2d")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (None, ""),
        ({"status": 0}, "exit 0"),
        ({"status": 143, "signal": "TERM"}, "TERM"),
        ({"status": 143, "signal": "TERM", "asked": True}, "stopped"),
        ({"status": 137, "signal": "KILL", "out_of_memory": True}, "out of memory"),
        ({"status": None, "signal": None}, ""),
    ],
    ids=str,
)
def test_end(found, text):
    assert end(found) == text
