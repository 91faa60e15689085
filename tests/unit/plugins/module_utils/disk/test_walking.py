# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A walk through trees whose owners are shifted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import ownership, walking
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest


@pytest.fixture(name="lxc_path")
def fixture_lxc_path(tmp_path: Path) -> Path:
    """A directory of containers, with one that is ours, beside what no container may reach."""
    lxc_path = tmp_path / "lxc"
    (lxc_path / "hmi" / "rootfs" / "etc").mkdir(parents=True)
    (lxc_path / "hmi" / "config").write_text("lxc.uts.name = hmi\n", encoding="ascii")
    (lxc_path / "hmi" / "manifest").write_text(manifest.render(Manifest()), encoding="ascii")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "passwd").write_text("secret", encoding="ascii")
    return lxc_path


CHURN = """
import os, sys
os.chdir(sys.argv[1])
print(flush=True)
while True:
    for number in range(50):
        os.close(os.open("file%d" % number, os.O_CREAT))
        os.makedirs("deep%d/er" % number)
    for number in range(50):
        os.unlink("file%d" % number)
        os.removedirs("deep%d/er" % number)
"""


@pytest.fixture(name="churning")
def fixture_churning(lxc_path: Path) -> Iterator[Path]:
    """The lxc path, while a container makes and removes files and directories all the time."""
    place = lxc_path / "hmi/rootfs/tmp"
    (place / "stays").mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", CHURN, str(place)], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield lxc_path
        process.kill()


def test_a_look_at_a_tree_that_changes(churning: Path) -> None:
    """What has gone since its name was read has no other name outside, and is no error."""
    ids = Ids(("u 0 100000 65536", "g 0 100000 65536"), True, True, ((),))
    for _round in range(100):
        ownership.refuse_shift(str(churning), "hmi", ids)


def test_a_change_of_a_tree_that_changes(churning: Path) -> None:
    """What has gone may have another name, which was passed already: its owner would stay."""
    top = os.open(churning / "hmi/rootfs", os.O_RDONLY)
    with pytest.raises(FileNotFoundError):
        for _round in range(1000):
            list(walking.walk(top))
    os.close(top)
