# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module is called with, beside the specs."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import call
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError

NOT_AN_INTERFACE = " is not the name of a network interface (at most 15 characters)"


@pytest.mark.parametrize(
    ("given", "expected"), [({"bridge": "br-0.1"}, "br-0.1"), ({}, "lxcbr0")], ids=["given", "left out"]
)
def test_bridge(given: dict[str, str], expected: str) -> None:
    assert call.bridge_of(given) == expected


@pytest.mark.parametrize(
    ("bridge", "sentence"),
    [
        ("", "bridge: ''" + NOT_AN_INTERFACE),
        ("a" * 16, "bridge: 'aaaaaaaaaaaaaaaa'" + NOT_AN_INTERFACE),
        ("br0 x", "bridge: 'br0 x'" + NOT_AN_INTERFACE),
        (
            "br0\nlxc.hook.pre-start = x",
            "bridge: 'br0\\nlxc.hook.pre-start = x' has a line break or another control character",
        ),
    ],
    ids=["empty", "too long", "blank", "two lines"],
)
def test_bad_bridge(bridge: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        call.bridge_of({"bridge": bridge})
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("lxc", "lxc_path: 'lxc' is not an absolute path"),
        ("/", "lxc_path: '/' is the root itself"),
        ("/srv/../etc", "lxc_path: '/srv/../etc' has an empty, '.' or '..' part"),
        ("/srv\nx", "lxc_path: '/srv\\nx' has a line break or another control character"),
    ],
)
def test_bad_lxc_path(path: str, sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        call.choose_runtime({"lxc_path": path, "runtime": "auto"})
    assert str(caught.value) == sentence
