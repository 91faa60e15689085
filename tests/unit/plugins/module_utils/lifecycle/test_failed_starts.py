# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an error says about a container that has stopped."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import failed_starts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import ActualState

BOOT = "9ff2fb9c-6108-4691-9daf-a404c316630f"


def test_the_end_of_a_container_that_stopped_after_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failed_starts, "wait_for_records", lambda lxc, names: None)
    log = tmp_path / "media/log"
    log.mkdir(parents=True)
    (log / "start").write_text(f"1 {BOOT} 10.00 0 0 -\n")
    (log / "end").write_text(f"1 {BOOT} 11.00 status=7 -\n")
    (log / "output").write_text("no codec\n")
    words = "it should be RUNNING and is "
    errors = {"media": words + "STOPPED", "hmi": words + "FROZEN"}
    found = {"media": ActualState("STOPPED"), "hmi": ActualState("FROZEN")}
    failed_starts.add_ends(SimpleNamespace(lxc_path=str(tmp_path)), errors, found)  # type: ignore[arg-type]
    assert errors == {
        "media": words + "STOPPED; its PID 1 ended with 7 after 1.0 s; its last output: no codec",
        "hmi": words + "FROZEN",
    }
