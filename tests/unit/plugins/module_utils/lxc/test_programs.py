# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs of LXC: their output, and the error where one fails."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import programs


def program(path: Path, text: str) -> None:
    """A program that is a script."""
    path.write_text("#!/bin/sh\n" + text, encoding="ascii")
    path.chmod(0o755)


def test_a_program_of_LXC_that_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ContainerError) as caught:
        programs.call([str(tmp_path / "lxc-config"), "lxc.lxcpath"])
    assert str(caught.value) == f"{tmp_path}/lxc-config cannot be run: No such file or directory"
    (tmp_path / "lxc-config").touch()
    with pytest.raises(ContainerError) as caught:
        programs.call([str(tmp_path / "lxc-config"), "lxc.lxcpath"])
    assert str(caught.value) == f"{tmp_path}/lxc-config cannot be run: Permission denied"
    program(tmp_path / "lxc-config", "exec /bin/sleep 60\n")
    monkeypatch.setattr(programs, "PATIENCE", 0.01)
    with pytest.raises(ContainerError) as caught:
        programs.call([str(tmp_path / "lxc-config"), "lxc.lxcpath"])
    assert str(caught.value) == f"{tmp_path}/lxc-config gave no answer within 0.01 seconds"


def test_a_program_of_LXC_that_fails(tmp_path: Path) -> None:
    program(tmp_path / "lxc-freeze", "echo first; echo second; echo third >&2; exit 7\n")
    with pytest.raises(ContainerError) as caught:
        programs.call([str(tmp_path / "lxc-freeze")])
    assert str(caught.value) == f"{tmp_path}/lxc-freeze failed with 7: second third"
    with pytest.raises(ContainerError) as caught:
        programs.call([str(tmp_path / "lxc-freeze")], "LXC did not freeze it")
    assert str(caught.value) == "LXC did not freeze it"


def test_the_output_of_a_program_of_LXC(tmp_path: Path) -> None:
    program(tmp_path / "lxc-config", "printf '/srv/\\377\\n'\n")
    assert programs.call([str(tmp_path / "lxc-config")]) == "/srv/\ufffd\n"
