# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lines of the playbook logs."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.softwarecontainer.lxc.plugins.filter.log_lines import log_lines


def test_lines():
    media = {"name": "media", "lines": ["playing from /media", ""], "error": None}
    hmi = {"name": "hmi", "lines": [], "error": "it has written nothing"}
    assert log_lines({"containers": [media, hmi]}, "unit-1") == [
        "unit-1/media | playing from /media",
        "unit-1/media | ",
        "unit-1/hmi: it has written nothing",
    ]


@pytest.mark.parametrize("result", [[], "text", {"msg": "no LXC"}], ids=str)
def test_refused(result):
    with pytest.raises(AnsibleFilterError, match="needs the result of the module logs"):
        log_lines(result, "unit-1")
