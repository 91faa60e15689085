# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to do in words, and what is refused before anything is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import argument_specs
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import molecule_targets
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import files
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.debian import (
    MACHINE_PACKAGES,
    Tree,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.programs import FailedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.requests import (
    Machine,
    Place,
    Target,
)

PLACE = Place("/var/lib/targets", "/var/cache/targets", "sctest", "192.0.2.1/24")
ONE, TWO = (Target(name, "debian-12", address) for name, address in (("one", "192.0.2.11"), ("two", "192.0.2.12")))


@pytest.mark.parametrize(
    ("work", "sentences"),
    [
        (([], True, [], [], []), []),
        (
            (
                [Tree("debian-12", ()), Tree("debian-13", (), "arm64")],
                False,
                ["one", "old"],
                [ONE],
                [TWO],
            ),
            [
                "build the tree of debian-12",
                "build the tree of debian-13-arm64",
                "bring up the bridge sctest",
                "take away one",
                "take away old",
                "make and start one",
                "start two",
            ],
        ),
    ],
    ids=["nothing", "everything"],
)
def test_what_there_is_to_do(work: tuple[Any, ...], sentences: list[str]) -> None:
    assert molecule_targets.Work(*work).sentences(PLACE) == sentences


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_place_is_refused_in_each_state(state: str) -> None:
    given = {"state": state, "path": "/a b"}
    parameters = argument_specs.filled(argument_specs.MOLECULE_TARGETS, given)
    with pytest.raises(RefusedError, match="^softwarecontainer_targets_path: '/a b' is not an absolute path"):
        molecule_targets.run(parameters, True)


def test_the_tree_of_a_machine_has_its_own_packages() -> None:
    machine = Machine(2222, architecture="arm64", packages=("strace", "dbus"), repository=("lxc", "busybox"))
    found = molecule_targets.tree_of(Target("one", "debian-13", machine=machine), ["gdb"])
    names = tuple(sorted([*MACHINE_PACKAGES, "gdb", "strace"]))
    assert found == Tree("debian-13", names, "arm64", ("busybox", "lxc"))


def test_no_room() -> None:
    machine = Machine(2222, disk=1 << 60)
    work = molecule_targets.Work([], True, [], [Target("one", "debian-13", machine=machine)], [])
    with pytest.raises(
        FailedError, match="^softwarecontainer_targets_path: machines need 1099511627776 MB at /var/lib/"
    ):
        molecule_targets.refuse_lack_of_room(work, PLACE)


def test_the_room_of_what_is_taken_away_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = PLACE._replace(path=str(tmp_path))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "disk.img").write_bytes(b"x" * (1 << 20))
    monkeypatch.setattr(files, "free_bytes", lambda _path: 5 << 19)
    target = Target("one", "debian-13", machine=Machine(2222, disk=1 << 20, volatile_cache=True))
    molecule_targets.refuse_lack_of_room(molecule_targets.Work([], True, ["old"], [target], []), place)
    with pytest.raises(FailedError):
        molecule_targets.refuse_lack_of_room(molecule_targets.Work([], True, [], [target], []), place)
