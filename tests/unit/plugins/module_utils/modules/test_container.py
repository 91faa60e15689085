# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module container makes of its options."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Limits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle.states import DesiredState
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import container


@pytest.mark.parametrize(
    ("given", "desired"),
    [
        ({}, DesiredState("hmi", "started", True, Limits(), True)),
        ({"on_change": "leave", "state": "frozen"}, DesiredState("hmi", "frozen", False, Limits(), True)),
        ({"limits": {"pids": 5}}, DesiredState("hmi", "started", True, Limits(pids=5), True)),
        ({"reload": "SIGHUP"}, DesiredState("hmi", "started", True, Limits(), True, reload="HUP")),
    ],
    ids=["defaults", "leave", "limits", "reload"],
)
def test_what_a_spec_asks_of_the_lifecycle(given: dict[str, Any], desired: DesiredState) -> None:
    assert container.desired_of(keys.CONTAINER({"name": "hmi", **given})) == desired


@pytest.mark.parametrize("seconds", [0.0, 0.5, 86400.0])
def test_seconds(seconds: float) -> None:
    assert container.at_least_zero({"settle": seconds}, "settle") == seconds


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-0.1, "-0.1"), (86401.0, "86401.0"), (float("nan"), "nan"), (float("inf"), "inf")]
)
def test_bad_seconds(seconds: float, shown: str) -> None:
    with pytest.raises(RefusedError) as caught:
        container.at_least_zero({"settle": seconds}, "settle")
    assert str(caught.value) == f"settle: {shown} is not from 0 to 86400 seconds"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "both": (
        {"containers": [{"name": "hmi"}], "name": ["hmi"]},
        "name: give either names or containers, not both",
    ),
    "prune with names": (
        {"name": ["hmi"], "prune": True, "state": "stopped"},
        "prune: goes with containers, since with names it would remove all the others",
    ),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_go_together(given: dict[str, Any], message: str) -> None:
    nothing = {"containers": [], "defaults": {}, "secrets": {}, "name": None, "state": None, "prune": False}
    with pytest.raises(RefusedError) as caught:
        container.run({**nothing, **given}, True, False)
    assert str(caught.value) == message
