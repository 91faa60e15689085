# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which waves containers start, and which do not because of others."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import states, waiting
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools

DB, CACHE, LOG = DesiredState("db", "started"), DesiredState("cache", "started"), DesiredState("log", "started")
APP = DesiredState("app", "started", after=("db", "cache"))
WEB = DesiredState("web", "started", after=("app",))
ALL = [WEB, LOG, APP, DB, CACHE]


@pytest.mark.parametrize(
    ("concerned", "expected"),
    [
        (ALL, [["log", "db", "cache"], ["app"], ["web"]]),
        ([LOG, DB], [["log", "db"]]),
        # The one between runs already.
        ([WEB, DB], [["db"], ["web"]]),
        ([], []),
    ],
)
def test_waves(concerned: list[DesiredState], expected: list[list[str]]) -> None:
    assert [states.names_of(wave) for wave in waiting.waves(concerned, ALL)] == expected


def test_a_cycle_on_disk_is_no_reason_to_fail() -> None:
    both = [DesiredState("a", "stopped", after=("b",)), DesiredState("b", "stopped", after=("a",))]
    assert waiting.waves(both, both) == [both]


def test_what_has_failed_before_holds_back_all_after_it() -> None:
    found = waiting.hopeless([WEB, APP, LOG], ALL, {"db": "no busybox"})
    assert found == {
        "app": "it was left as it is, since it comes after db, which has failed",
        "web": "it was left as it is, since it comes after app, which has failed",
    }
    assert waiting.hopeless([WEB], ALL, {"db": "no busybox"}) == {}


def test_the_gate_is_closed_by_what_does_not_run(tmp_path: object) -> None:
    gate = waiting.Gate(Tools(str(tmp_path)), ALL)
    assert gate.closed([DB, LOG], {}) == {}
    assert gate.closed([APP], {"db": "it was killed"}) == {
        "app": "it was not started, since it comes after db, which has failed"
    }
    assert gate.closed([APP], {}) == {"app": "it was not started, since it comes after db, which does not run"}
