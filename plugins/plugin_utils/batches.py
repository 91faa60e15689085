# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: divides the hosts of a rollout into batches, and says how many of them may fail."""

from __future__ import annotations

import re
from typing import Any, List, Sequence, Tuple

from ..module_utils.errors import RefusedError
from .ledger import quoted


def amount(value: Any, total: int, key: str, least: int) -> int:
    """Return a number of hosts from a number or from a percentage of `total`. A fraction is dropped.

    Raises RefusedError if the value is neither, is less than `least`, or is more than 100%.
    """
    match = re.fullmatch(r"([0-9]{1,9})(%?)", str(value).strip()) if not isinstance(value, (bool, float)) else None
    if not match:
        raise RefusedError("%s: %s is neither a number of hosts nor a percentage" % (key, quoted(value)))
    number = int(match.group(1))
    if match.group(2):
        if number > 100:
            raise RefusedError("%s: %s is more than all hosts" % (key, quoted(value)))
        if number < least:
            raise RefusedError("%s: %s is less than 1%%" % (key, quoted(value)))
        return max(number * total // 100, least)
    if number < least:
        raise RefusedError("%s: %s is less than %d" % (key, quoted(value), least))
    return number


def budget_of(value: Any, total: int) -> int:
    """Return how many hosts may fail or be unreachable. Raises RefusedError."""
    number = amount(value, total, "softwarecontainer_rollout_budget", 0)
    if number > total:
        raise RefusedError("softwarecontainer_rollout_budget: %s is more than the %d hosts" % (quoted(value), total))
    return number


def batches_of(hosts: Sequence[str], canary: Any, sizes: Any) -> Tuple[Tuple[str, ...], ...]:
    """Return the hosts in their order, divided into the canary and the batches. The last size repeats.

    `sizes` may be one string with commas, as the command line gives it. Raises RefusedError.
    """
    if isinstance(sizes, (str, int)) and not isinstance(sizes, bool):
        sizes = [size for size in str(sizes).split(",") if size.strip()]
    if not isinstance(sizes, list) or not sizes:
        raise RefusedError("softwarecontainer_rollout_batches: %s is not a list with a size" % quoted(sizes))
    total = len(hosts)
    key = "softwarecontainer_rollout_batches[%d]"
    numbers = [amount(size, total, key % index, 1) for index, size in enumerate(sizes)]
    name = "softwarecontainer_rollout_canary"
    # In a small fleet a percentage could round down to no host at all, which only 0 asks for.
    first = amount(canary, total, name, 1) if amount(canary, 100, name, 0) else 0
    batches: List[Tuple[str, ...]] = [tuple(hosts[:first])] if first else []
    start = first
    while start < total:
        size = numbers.pop(0) if len(numbers) > 1 else numbers[0]
        batches.append(tuple(hosts[start : start + size]))
        start += size
    return tuple(batch for batch in batches if batch)
