# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What leads to the targets."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import requests
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.inventory import (
    inventory,
    known_hosts,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.requests import Machine, Target

FULL = {"name": "one", "distribution": "debian-12", "address": "192.0.2.11"}


def of(values: list[dict[str, Any]], folder: str) -> dict[str, Any]:
    """The inventory of targets as they are asked for."""
    found: dict[str, Any] = inventory(requests.parse_targets(values, "192.0.2.1/24"), folder)["all"]
    return found


def test_inventory() -> None:
    values = [
        {**FULL, "groups": ["a", "b"]},
        {
            **FULL,
            "name": "lean",
            "address": "192.0.2.12",
            "sftp": False,
            "read_only": True,
            "lxc_path": "/data/lxc",
            "variables": {"key": 1},
        },
    ]
    result = of(values, "/keys")
    assert result["children"] == {"a": {"hosts": {"one": {}}}, "b": {"hosts": {"one": {}}}}
    assert result["hosts"]["one"] == {
        "ansible_host": "192.0.2.11",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "/keys/id_ed25519",
        "ansible_ssh_common_args": "-o 'UserKnownHostsFile=\"/keys/known_hosts\"' -o StrictHostKeyChecking=yes"
        " -o IdentitiesOnly=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=6",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    assert {
        key: result["hosts"]["lean"][key] for key in result["hosts"]["lean"] if key not in result["hosts"]["one"]
    } == {
        "ansible_ssh_transfer_method": "piped",
        "ansible_remote_tmp": "/tmp/.ansible",
        "softwarecontainer_lxc_path": "/data/lxc",
        "key": 1,
    }


@pytest.mark.parametrize(
    ("folder", "known_hosts", "key"),
    [
        ("/a b", 'UserKnownHostsFile="/a b/known_hosts"', "/a b/id_ed25519"),
        ("/100%h", 'UserKnownHostsFile="/100%%h/known_hosts"', "/100%%h/id_ed25519"),
        ('/a"b', r'UserKnownHostsFile="/a\"b/known_hosts"', r"/a\"b/id_ed25519"),
        (r"/a\b", r'UserKnownHostsFile="/a\\b/known_hosts"', r"/a\\b/id_ed25519"),
        ("/it's", 'UserKnownHostsFile="/it\'s/known_hosts"', "/it's/id_ed25519"),
    ],
)
def test_paths_of_the_inventory_are_split_twice(folder: str, known_hosts: str, key: str) -> None:
    """By Ansible, as a shell does it, and by ssh, to which what is between quotes is one word; see ssh_config(5)."""
    found = of([FULL], folder)["hosts"]["one"]
    words = shlex.split(found["ansible_ssh_common_args"])
    assert words[:2] == ["-o", known_hosts]
    assert found["ansible_ssh_private_key_file"] == key


def test_known_hosts_of_targets_of_which_one_is_not_made_yet() -> None:
    one, two = (Target(name, "debian-12", address) for name, address in (("one", "192.0.2.11"), ("two", "192.0.2.12")))
    machine = Target("three", "debian-13", machine=Machine(2222))
    keys = [(one, "ssh-ed25519 AAAA one\n"), (two, ""), (machine, "ssh-ed25519 BBBB three\n")]
    assert known_hosts(keys) == "192.0.2.11 ssh-ed25519 AAAA\n[127.0.0.1]:2222 ssh-ed25519 BBBB\n"


def test_a_machine_is_reached_by_its_port() -> None:
    values = [{"name": "one", "distribution": "debian-13", "machine": {"port": 2222}}]
    found = of(values, "/keys")["hosts"]["one"]
    assert (found["ansible_host"], found["ansible_port"]) == ("127.0.0.1", 2222)
