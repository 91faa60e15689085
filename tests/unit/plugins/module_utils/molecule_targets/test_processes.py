# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which mount a process is known to be a target's."""

from __future__ import annotations

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import processes

PROC = "40 30 0:5 / /proc rw - proc proc rw\n"
OVERLAY = "30 20 0:9 / / rw - overlay overlay rw,lowerdir=/c/debian-12.1,upperdir=/t/one/upper,workdir=/t/one/work\n"
DIRECTORY = "31 30 8:1 /t/one/data/lxc/hmi/rootfs / rw - ext4 /dev/vda rw\n"


def test_the_root_of_a_target() -> None:
    root = processes.mount_of_root(PROC + OVERLAY)
    assert root and "upperdir=/t/one/upper" in root.file_system_options


def test_the_root_of_a_container_in_a_target() -> None:
    root = processes.mount_of_root(DIRECTORY)
    assert root and root.root == "/t/one/data/lxc/hmi/rootfs"


def test_a_process_that_has_ended_has_none() -> None:
    assert processes.mount_of_root("") is None
    assert processes.mount_of_root(PROC) is None
