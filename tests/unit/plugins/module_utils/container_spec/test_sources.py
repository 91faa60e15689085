# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller says of its files."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import sources
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.sources import Source
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError

GIVEN: dict[str, Any] = {
    "file:app": {"digest": "ab" * 32, "size": 5},
    "file:same": {"digest": "ab" * 32, "size": 5},
    "template:app": {"text": ""},
}


def test_what_travels() -> None:
    found = sources.parse(GIVEN)
    assert found == {
        "file:app": Source("ab" * 32, 5),
        "file:same": Source("ab" * 32, 5),
        "template:app": Source(text=""),
    }
    assert sources.digests(found) == ["ab" * 32]
    assert sources.parse({}) == {}


DAMAGED = {
    "a path for a digest": {"a": {"digest": "../" * 21 + "/", "size": 1}},
    "a digest in capitals": {"a": {"digest": "AB" * 32, "size": 1}},
    "no size": {"a": {"digest": "ab" * 32}},
    "no number": {"a": {"digest": "ab" * 32, "size": "much"}},
    "no dictionary": {"a": "ab" * 32},
}


@pytest.mark.parametrize("given", DAMAGED.values(), ids=DAMAGED)
def test_what_nobody_but_the_collection_should_write(given: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        sources.parse(given)
    assert str(caught.value) == "sources: are not as the controller writes them; leave them out"
