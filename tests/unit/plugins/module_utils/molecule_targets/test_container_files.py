# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a system container is made of."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import container_files, requests
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.requests import Place, Target

PLACE = Place("/var/lib/targets", "/var/cache/targets", "sctest", "192.0.2.1/24")
KEY = "ssh-ed25519 AAAA molecule\n"
FULL = {"name": "one", "distribution": "debian-12", "address": "192.0.2.11"}


def target(**changes: Any) -> Target:
    return requests.parse_targets([{**FULL, **changes}], PLACE.address)[0]


def test_config() -> None:
    tree = "/var/cache/targets/debian-12.0"
    assert container_files.config(target(), PLACE, tree, "d1") == (
        "# softwarecontainer.lxc.molecule_targets d1\n"
        "lxc.uts.name = one\n"
        "lxc.rootfs.path = overlay:/var/cache/targets/debian-12.0:/var/lib/targets/one/upper\n"
        "lxc.init.cmd = /sbin/target-init\n"
        "lxc.signal.halt = SIGTERM\n"
        "lxc.signal.reboot = SIGINT\n"
        "lxc.autodev = 1\n"
        "lxc.pty.max = 1024\n"
        "lxc.apparmor.profile = unconfined\n"
        "lxc.mount.auto = proc:rw sys:rw cgroup:rw:force\n"
        "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0\n"
        "lxc.mount.entry = sys dev/.lxc/sys sysfs create=dir,optional 0 0\n"
        "lxc.mount.entry = tmpfs run tmpfs nosuid,nodev,mode=0755 0 0\n"
        "lxc.mount.entry = tmpfs tmp tmpfs nosuid,nodev,mode=1777 0 0\n"
        "lxc.mount.entry = /var/lib/targets/one/data data none bind 0 0\n"
        "lxc.net.0.type = veth\n"
        "lxc.net.0.link = sctest\n"
        "lxc.net.0.name = eth0\n"
        "lxc.net.0.flags = up\n"
        "lxc.net.0.hwaddr = 02:00:c0:00:02:0b\n"
        "lxc.net.0.ipv4.address = 192.0.2.11/24\n"
    )


def test_config_of_a_read_only_target() -> None:
    lines = container_files.config(target(read_only=True), PLACE, "/tree", "d1").splitlines()
    assert "lxc.rootfs.options = ro" in lines
    assert "lxc.mount.entry = tmpfs var/lib/misc tmpfs nosuid,nodev,mode=0755 0 0" in lines


def test_config_of_a_target_with_cgroups_of_version_2_alone() -> None:
    lines = container_files.config(target(cgroup2=True), PLACE, "/tree", "d1").splitlines()
    assert "lxc.mount.auto = proc:rw sys:rw" in lines
    assert "lxc.mount.entry = cgroup2 sys/fs/cgroup cgroup2 nosuid,nodev,noexec 0 0" in lines


@pytest.mark.parametrize(
    ("changes", "patterns"),
    [
        ({}, ()),
        ({"binding": False}, container_files.BINDING),
        ({"sftp": False}, container_files.SFTP_SERVERS),
        ({"binding": False, "sftp": False}, container_files.BINDING + container_files.SFTP_SERVERS),
    ],
)
def test_hidden(changes: dict[str, Any], patterns: tuple[str, ...]) -> None:
    assert container_files.hidden(target(**changes)) == patterns


def test_the_digest_tells_what_the_config_does_not() -> None:
    digests = {container_files.digest(one, KEY) for one in (target(), target(ssh="dropbear"), target(binding=False))}
    digests.add(container_files.digest(target(), "another key"))
    assert len(digests) == 4


def test_the_digest_leaves_out_what_only_the_inventory_needs() -> None:
    others = target(groups=["a"], variables={"key": 1})
    assert container_files.digest(others, KEY) == container_files.digest(target(), KEY)


def test_each_ssh_server_can_be_started() -> None:
    assert set(container_files.SERVERS) == set(requests.SSH_SERVERS)
