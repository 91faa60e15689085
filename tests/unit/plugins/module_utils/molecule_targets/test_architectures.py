# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which machines KVM can run."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.architectures import (
    ARCHITECTURES,
    can_use_kvm,
)

FLAGS = "processor : 0\nflags : fpu %s sse\n"


@pytest.mark.parametrize(
    ("architecture", "uname", "is_accessible", "cpuinfo", "can"),
    [
        ("amd64", "x86_64", True, FLAGS % "vmx", True),
        ("amd64", "x86_64", True, FLAGS % "svm", True),
        ("amd64", "x86_64", True, FLAGS % "hypervisor", False),
        ("amd64", "x86_64", False, FLAGS % "vmx", False),
        ("arm64", "x86_64", True, FLAGS % "vmx", False),
        ("arm64", "aarch64", True, "Features : fp asimd\n", True),
        ("armhf", "aarch64", True, "Features : fp asimd\n", False),
        ("armhf-on-arm64", "aarch64", True, "Features : fp asimd\n", False),
    ],
)
def test_can_use_kvm(architecture: str, uname: str, is_accessible: bool, cpuinfo: str, can: bool) -> None:
    assert can_use_kvm(ARCHITECTURES[architecture], uname, is_accessible, cpuinfo) is can
