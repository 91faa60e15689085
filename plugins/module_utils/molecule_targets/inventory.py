# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what leads to the targets: their variables and groups in an inventory, and the lines of known hosts."""

from __future__ import annotations

import shlex
from typing import Any, Dict, Iterable, Tuple

from .requests import Target


def inventory(targets: Iterable[Target], folder: str) -> Dict[str, Any]:
    """What Ansible needs to reach the targets and to run modules there, in the shape of its YAML inventories.

    In: the targets, and the directory that holds key and known hosts.
    """
    hosts: Dict[str, Any] = {}
    groups: Dict[str, Any] = {}
    for target in targets:
        hosts[target.name] = {**variables(target, folder), **dict(target.variables)}
        for group in target.groups:
            groups.setdefault(group, {"hosts": {}})["hosts"][target.name] = {}
    return {"all": {"hosts": hosts, "children": groups}}


def variables(target: Target, folder: str) -> Dict[str, Any]:
    """The variables of one target."""
    known = 'UserKnownHostsFile="%s"' % as_ssh_reads(folder + "/known_hosts")
    # A target that is started anew tells nobody: a connection that waits for it then would wait for hours.
    alive = ("ServerAliveInterval=5", "ServerAliveCountMax=6")
    options = (known, "StrictHostKeyChecking=yes", "IdentitiesOnly=yes", *alive)
    found = {
        "ansible_host": target.address,
        "ansible_user": "root",
        # Ansible puts it between quotes.
        "ansible_ssh_private_key_file": as_ssh_reads(folder + "/id_ed25519"),
        "ansible_ssh_common_args": " ".join("-o " + shlex.quote(option) for option in options),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    if not target.sftp:
        found["ansible_ssh_transfer_method"] = "piped"
    if target.read_only:
        found["ansible_remote_tmp"] = "/tmp/.ansible"
    if target.lxc_path:
        found["softwarecontainer_lxc_path"] = target.lxc_path
    return found


def as_ssh_reads(path: str) -> str:
    """A path as it stands between the quotes of an option of ssh, which expands percent signs; see ssh_config(5)."""
    return path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def known_hosts(keys: Iterable[Tuple[str, str]]) -> str:
    """The lines of known hosts, from the address of each target and its public host key, empty where it has none yet."""
    return "".join("%s %s\n" % (address, " ".join(text.split()[:2])) for address, text in keys if text)
