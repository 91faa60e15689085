# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from each state to each wanted one, and when a restart is due."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import argument_specs
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import runtime
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Moment
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import transitions

# From a state to started, stopped, frozen and absent.
STEPS = {
    "ABSENT": (None, None, None, ()),
    "INCOMPLETE": (None, None, None, ("remove",)),
    "STOPPED": (("start",), (), ("start", "freeze"), ("remove",)),
    "RUNNING": ((), ("stop",), ("freeze",), ("stop", "remove")),
    "FROZEN": (("unfreeze",), ("unfreeze", "stop"), (), ("unfreeze", "stop", "remove")),
    "STARTING": (None, None, None, None),
    "STOPPING": (None, None, None, None),
    "ABORTING": (None, None, None, None),
    "FREEZING": (None, None, None, None),
    "THAWED": (None, None, None, None),
}
# From a state to restarted and reloaded, where nothing is due.
AGAIN = {
    "ABSENT": (None, None),
    "INCOMPLETE": (None, None),
    "STOPPED": (("start",), ("start",)),
    "RUNNING": (("stop", "start"), ("reload",)),
    "FROZEN": (("unfreeze", "stop", "start"), ("unfreeze", "reload")),
    "STARTING": (None, None),
    "STOPPING": (None, None),
    "ABORTING": (None, None),
    "FREEZING": (None, None),
    "THAWED": (None, None),
}
# Where a reload is due; elsewhere that changes nothing.
RELOADS = {
    ("RUNNING", "started"): ("reload",),
    ("RUNNING", "frozen"): ("reload", "freeze"),
    ("FROZEN", "started"): ("unfreeze", "reload"),
    ("FROZEN", "frozen"): ("reload",),
}
# Where a container that runs has not got the rules of its packet filter.
FILTERS = {
    ("RUNNING", "started"): ("filter",),
    ("RUNNING", "frozen"): ("filter", "freeze"),
    ("FROZEN", "started"): ("unfreeze", "filter"),
    ("FROZEN", "frozen"): ("filter",),
    ("RUNNING", "reloaded"): ("filter", "reload"),
    ("FROZEN", "reloaded"): ("unfreeze", "filter", "reload"),
}
# The same where a restart is due; where it says nothing else it changes nothing.
RESTARTS = {
    ("RUNNING", "started"): ("stop", "start"),
    ("RUNNING", "frozen"): ("stop", "start", "freeze"),
    ("FROZEN", "started"): ("unfreeze", "stop", "start"),
    ("FROZEN", "frozen"): ("unfreeze", "stop", "start", "freeze"),
}
ROWS = [
    pytest.param(state, wanted, steps, id=f"{state} to {wanted}")
    for words, table in ((("started", "stopped", "frozen", "absent"), STEPS), (("restarted", "reloaded"), AGAIN))
    for state, row in table.items()
    for wanted, steps in zip(words, row)
]


def test_the_table_has_all_states() -> None:
    assert set(STEPS) == set(AGAIN) == {"ABSENT", "INCOMPLETE", *runtime.STATES}
    assert records.STATES == ("started", "stopped", "frozen", "absent")
    own = {"started": "RUNNING", "stopped": "STOPPED", "frozen": "FROZEN", "absent": "ABSENT"}
    assert {**own, "restarted": "RUNNING", "reloaded": "RUNNING"} == transitions.REACHED
    assert (*records.STATES, "restarted", "reloaded") == argument_specs.STATES


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_steps(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    assert transitions.steps(state, wanted, restart=False, shift=False) == steps


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_steps_where_a_restart_is_due(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    assert transitions.steps(state, wanted, restart=True, shift=False) == RESTARTS.get((state, wanted), steps)


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_steps_where_a_reload_is_due(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    found = transitions.steps(state, wanted, restart=False, shift=False, reload=True)
    assert found == RELOADS.get((state, wanted), steps)


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_a_restart_makes_up_for_a_reload(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    found = transitions.steps(state, wanted, restart=True, shift=False, reload=True)
    assert found == RESTARTS.get((state, wanted), steps)


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_owners_are_shifted_while_nothing_runs(
    state: str, wanted: str, steps: tuple[str, ...] | None, restart: bool
) -> None:
    without = transitions.steps(state, wanted, restart, shift=False)
    found = transitions.steps(state, wanted, restart, shift=True)
    if without is None or not ("start" in without or wanted == "stopped"):
        assert found == without
        return
    assert found is not None
    assert tuple(step for step in found if step != "shift") == without
    assert found.count("shift") == 1
    assert "start" not in found[: found.index("shift")]
    assert not {"stop", "unfreeze"} & set(found[found.index("shift") :])


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_steps_where_rules_of_a_packet_filter_are_due(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    found = transitions.steps(state, wanted, restart=False, shift=False, packets=True)
    assert found == FILTERS.get((state, wanted), steps)


@pytest.mark.parametrize(("state", "wanted", "steps"), ROWS)
def test_a_restart_makes_up_for_rules(state: str, wanted: str, steps: tuple[str, ...] | None) -> None:
    found = transitions.steps(state, wanted, restart=True, shift=False, packets=True)
    assert found == RESTARTS.get((state, wanted), FILTERS.get((state, wanted), steps))


@pytest.mark.parametrize(
    "steps", [*filter(None, transitions.TRANSITIONS.values()), *RESTARTS.values(), *RELOADS.values()], ids=", ".join
)
def test_steps_are_taken_in_their_order(steps: tuple[str, ...]) -> None:
    """A whole list of containers goes through the steps of all, one step after another."""
    assert sorted(steps, key=transitions.STEPS.index) == list(steps)


EARLIER, NOW = "boot-1", "boot-2"
# What has changed when, and when it was started.
DUE = {
    "nothing has changed": ([], 100.0, False),
    "changed before the start": ([Moment(NOW, 99.0)], 100.0, False),
    "changed at the start": ([Moment(NOW, 100.0)], 100.0, False),
    "changed in the same hundredth": ([Moment(NOW, 100.009)], 100.0, False),
    "changed a hundredth later": ([Moment(NOW, 100.02)], 100.0, True),
    "changed long after the start": ([Moment(NOW, 5000.0)], 100.0, True),
    "one of several": ([Moment(NOW, 1.0), Moment(NOW, 200.0), Moment(NOW, 2.0)], 100.0, True),
    "changed in an earlier boot": ([Moment(EARLIER, 5000.0)], 100.0, False),
    "it does not run": ([Moment(NOW, 5000.0)], None, False),
}


@pytest.mark.parametrize(("changes", "started", "due"), DUE.values(), ids=DUE)
def test_restart_due(changes: list[Moment], started: float | None, due: bool) -> None:
    assert transitions.restart_due(changes, NOW, started) is due
