# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the inventory of the targets, and their known hosts."""

from __future__ import annotations

import shlex
from typing import Any, Dict, Iterable, Tuple

from .requests import Target

LOOPBACK = "127.0.0.1"


def inventory(targets: Iterable[Target], folder: str) -> Dict[str, Any]:
    """Return everything that Ansible needs to reach the targets and to run modules there, as a YAML inventory has it.

    `folder` is the directory that holds the key and the known hosts.
    """
    hosts: Dict[str, Any] = {}
    groups: Dict[str, Any] = {}
    for target in targets:
        hosts[target.name] = {**variables(target, folder), **dict(target.variables)}
        for group in target.groups:
            groups.setdefault(group, {"hosts": {}})["hosts"][target.name] = {}
    return {"all": {"hosts": hosts, "children": groups}}


def variables(target: Target, folder: str) -> Dict[str, Any]:
    """Return the variables of one target."""
    known = 'UserKnownHostsFile="%s"' % as_ssh_reads(folder + "/known_hosts")
    # A restarted target does not close its connections. Without these options ssh would wait for hours.
    alive = ("ServerAliveInterval=5", "ServerAliveCountMax=6")
    options = (known, "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", *alive)
    found: Dict[str, Any] = {
        "ansible_host": LOOPBACK if target.machine else target.address,
        "ansible_user": "root",
        # Ansible adds the quotes.
        "ansible_ssh_private_key_file": as_ssh_reads(folder + "/id_ed25519"),
        "ansible_ssh_common_args": " ".join("-o " + shlex.quote(option) for option in options),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    if target.machine:
        found["ansible_port"] = target.machine.port
    if not target.sftp:
        found["ansible_ssh_transfer_method"] = "piped"
    if target.read_only:
        found["ansible_remote_tmp"] = "/tmp/.ansible"
    if target.lxc_path:
        found["softwarecontainer_lxc_path"] = target.lxc_path
    return found


def as_ssh_reads(path: str) -> str:
    """Return a path for use between the quotes of an ssh option. Ssh expands percent signs; see ssh_config(5)."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def known_hosts(keys: Iterable[Tuple[Target, str]]) -> str:
    """Return the lines of known hosts. `keys` are each target and its public host key, empty if not made yet."""
    named = ((name_of_host(target), text) for target, text in keys)
    return "".join("%s %s\n" % (name, " ".join(text.split()[:2])) for name, text in named if text)


def name_of_host(target: Target) -> str:
    """Return the name under which ssh looks for a host key, see sshd(8) on its file of known hosts."""
    return "[%s]:%d" % (LOOPBACK, target.machine.port) if target.machine else target.address
