# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether containers are as they were wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Limits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import (
    verification,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState, DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import in_force

STARTED = DesiredState("hmi", "started", restart=True, declared=True)
ABSENT = DesiredState("hmi", "absent", restart=True)
VERIFIED: dict[str, tuple[DesiredState, Any, dict[str, str]]] = {
    "stopped": (DesiredState("hmi", "stopped"), ActualState("STOPPED"), {}),
    "absent": (ABSENT, ActualState("ABSENT"), {}),
    "running without limits": (STARTED, ActualState("RUNNING", 1), {}),
    "stopped at once": (STARTED, ActualState("STOPPED"), {"hmi": "it should be RUNNING and is STOPPED"}),
    "not thawed": (STARTED, ActualState("FROZEN", 1), {"hmi": "it should be RUNNING and is FROZEN"}),
    "still there": (ABSENT, ActualState("INCOMPLETE"), {"hmi": "it should be ABSENT and is INCOMPLETE"}),
    "unknown": (STARTED, ContainerError("it is broken"), {"hmi": "it is broken"}),
}


@pytest.mark.parametrize(("desired", "found", "errors"), VERIFIED.values(), ids=VERIFIED)
def test_verify(desired: DesiredState, found: Any, errors: dict[str, str]) -> None:
    assert verification.verify([desired], {"hmi": found}) == errors


def test_what_is_not_in_force(tmp_path: Path) -> None:
    """Process 1 has no such limit, and all devices of this machine."""
    desired = DesiredState("hmi", "started", limits=Limits(pids=5))
    (tmp_path / "hmi").mkdir()
    (tmp_path / "hmi" / "config").write_text("lxc.cgroup.devices.deny = a\n", encoding="ascii")
    reasons = verification.not_in_force(str(tmp_path), desired, 1)
    assert [reason.partition(":")[0] for reason in reasons] == ["limits.pids", "security.devices"]


def test_what_the_kernel_says_and_cannot_be_understood_is_an_error_of_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of(pid: int) -> in_force.Effective:
        if pid == 1:
            raise ContainerError("its /proc/1/mountinfo has more than 1 bytes")
        return in_force.Effective()

    monkeypatch.setattr(in_force, "of", of)
    assert verification.not_in_force(str(tmp_path), STARTED, 1) == ["its /proc/1/mountinfo has more than 1 bytes"]
    assert verification.not_in_force(str(tmp_path), STARTED, 2) == []
