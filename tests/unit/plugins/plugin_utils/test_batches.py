# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hosts are cut into batches, and how many may fail."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.batches import batches_of, budget_of


def names(count: int) -> list[str]:
    return [f"h{number}" for number in range(1, count + 1)]


@pytest.mark.parametrize(
    ("count", "canary", "sizes", "lengths"),
    [
        pytest.param(10, 1, ["25%"], [1, 2, 2, 2, 2, 1], id="the defaults"),
        pytest.param(10, 0, ["100%"], [10], id="all at once"),
        pytest.param(10, 2, [3, "50%"], [2, 3, 5], id="numbers and percentages"),
        pytest.param(10, "20%", [4], [2, 4, 4], id="a canary in percent"),
        pytest.param(10, "5%", [4], [1, 4, 4, 1], id="a canary of less than a host is a host"),
        pytest.param(10, "0%", [4], [4, 4, 2], id="no canary, in percent"),
        pytest.param(3, 5, [1], [3], id="a canary of more than all"),
        pytest.param(3, 1, ["1%"], [1, 1, 1], id="less than a host is a host"),
        pytest.param(500, 1, ["5", 100, "50%"], [1, 5, 100, 250, 144], id="many"),
        pytest.param(7, 1, "2, 50%", [1, 2, 3, 1], id="a string, as the command line gives it"),
        pytest.param(4, 1, 2, [1, 2, 1], id="one number"),
        pytest.param(1, 1, ["25%"], [1], id="one host"),
        pytest.param(0, 1, ["25%"], [], id="no host"),
    ],
)
def test_batches(count, canary, sizes, lengths):
    batches = batches_of(names(count), canary, sizes)
    assert [len(batch) for batch in batches] == lengths
    assert [name for batch in batches for name in batch] == names(count)


KEY = "softwarecontainer_rollout_"


@pytest.mark.parametrize(
    ("canary", "sizes", "message"),
    [
        (1, [], "batches: [] is not a list with a size"),
        (1, "", "batches: [] is not a list with a size"),
        (1, {}, "batches: {} is not a list with a size"),
        (1, None, "batches: None is not a list with a size"),
        (1, True, "batches: True is not a list with a size"),
        (1, [5, 0], "batches[1]: 0 is less than 1"),
        (1, ["0%"], "batches[0]: '0%' is less than 1%"),
        (1, ["101%"], "batches[0]: '101%' is more than all hosts"),
        (1, ["half"], "batches[0]: 'half' is neither a number of hosts nor a percentage"),
        (1, [-1], "batches[0]: -1 is neither a number of hosts nor a percentage"),
        (1, [1.5], "batches[0]: 1.5 is neither a number of hosts nor a percentage"),
        (1, [True], "batches[0]: True is neither a number of hosts nor a percentage"),
        (1, ["[]"], "batches[0]: '[]' is neither a number of hosts nor a percentage"),
        (-1, [1], "canary: -1 is neither a number of hosts nor a percentage"),
        ("101%", [1], "canary: '101%' is more than all hosts"),
        (None, [1], "canary: None is neither a number of hosts nor a percentage"),
    ],
)
def test_batches_are_refused(canary, sizes, message):
    with pytest.raises(RefusedError) as caught:
        batches_of(names(10), canary, sizes)
    assert str(caught.value) == KEY + message


@pytest.mark.parametrize(
    ("value", "total", "number"),
    [(0, 10, 0), (3, 10, 3), ("3", 10, 3), ("10%", 5, 0), ("10%", 10, 1), ("100%", 7, 7), ("0%", 7, 0), (10, 10, 10)],
)
def test_budget(value, total, number):
    assert budget_of(value, total) == number


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("101%", "budget: '101%' is more than all hosts"),
        (11, "budget: 11 is more than the 10 hosts"),
        ("-1", "budget: '-1' is neither a number of hosts nor a percentage"),
        ("few", "budget: 'few' is neither a number of hosts nor a percentage"),
        (0.5, "budget: 0.5 is neither a number of hosts nor a percentage"),
        (None, "budget: None is neither a number of hosts nor a percentage"),
        ([], "budget: [] is neither a number of hosts nor a percentage"),
    ],
)
def test_budget_is_refused(value, message):
    with pytest.raises(RefusedError) as caught:
        budget_of(value, 10)
    assert str(caught.value) == KEY + message
