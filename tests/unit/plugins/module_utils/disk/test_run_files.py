# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs and other files of one run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    locking,
    run_files,
)


def test_no_log_of_a_container_is_the_lock_of_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path))
    logs = [os.path.basename(each("/lxc", "hmi")) for each in (run_files.log_of, run_files.scratch)]
    assert len(set(logs)) == 2
    lock = os.path.basename(locking.lock_of("/lxc", "hmi"))
    for log in logs:
        assert log.startswith(lock) and log.endswith(".log")
        assert not re.fullmatch(keys.NAME, "hmi" + log[len(lock) :])
