# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is particular to each distribution."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.host_setup import distributions

TASKS = Path(__file__).resolve().parents[5] / "roles" / "host" / "tasks" / "packages"


@pytest.mark.parametrize("name", distributions.DISTRIBUTIONS)
def test_each_package_manager_has_its_tasks(name: str) -> None:
    assert (TASKS / f"{distributions.of(name).package_manager}.yml").is_file()


def test_an_unknown_distribution_has_the_places_of_lxc_itself() -> None:
    assert distributions.of("poky") == distributions.UNKNOWN
    assert distributions.of("Debian") == distributions.of("debian")


@pytest.mark.parametrize(
    ("code", "output", "expected"),
    [
        (0, "installed\ninstalled\n", False),
        (1, "installed\n", True),
        (127, "", True),
        (0, "installed\nconfig-files\n", True),
        (0, "not-installed\n", True),
        (0, "", False),
    ],
)
def test_packages_that_are_missing(code: int, output: str, expected: bool) -> None:
    assert distributions.lacks_packages(code, output) is expected
