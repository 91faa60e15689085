# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel is asked about project quotas. A file system with quotas in force is under test on machines."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import project_quotas


@pytest.mark.parametrize(
    ("machine", "read", "write"),
    [
        # As the kernel's headers count them for each of these.
        ("x86_64", 0x801C581F, 0x401C5820),
        ("aarch64", 0x801C581F, 0x401C5820),
        ("armv7l", 0x801C581F, 0x401C5820),
        ("mips64", 0x401C581F, 0x801C5820),
        ("ppc64le", 0x401C581F, 0x801C5820),
    ],
)
def test_the_number_of_the_ioctl(machine: str, read: int, write: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert (project_quotas.request(write=False), project_quotas.request(write=True)) == (read, write)


def test_the_size_of_the_limits() -> None:
    assert project_quotas.LIMITS.size == 72


def test_what_belongs_to_no_project(tmp_path: Path) -> None:
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        assert project_quotas.project_of(fd).number == 0
    finally:
        os.close(fd)
    reading, writing = os.pipe()
    try:
        assert project_quotas.project_of(reading) == project_quotas.Project(0)
        assert not project_quotas.are_in_force(reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_a_device(tmp_path: Path) -> None:
    number = tmp_path.stat().st_dev
    path = project_quotas.device_of(number)
    # A file system in memory has no device.
    assert path == "/dev/" or not os.path.exists(path) or os.stat(path).st_rdev == number
    assert project_quotas.device_of(0) == "/dev/"
