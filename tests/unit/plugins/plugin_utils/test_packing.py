# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python's collector stands still while a module is packed, and is then as it was before."""

from __future__ import annotations

import gc
from typing import Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import packing


@pytest.fixture(autouse=True)
def fixture_as_before() -> Iterator[None]:
    """Whatever a test does."""
    collects = gc.isenabled()
    yield
    (gc.enable if collects else gc.disable)()


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_as_it_was(collects: bool) -> None:
    (gc.enable if collects else gc.disable)()
    with packing.without_collector():
        assert not gc.isenabled()
    assert gc.isenabled() is collects


def test_the_collector_is_as_it_was_after_a_failure() -> None:
    gc.enable()
    with pytest.raises(KeyError), packing.without_collector():
        raise KeyError
    assert gc.isenabled()
