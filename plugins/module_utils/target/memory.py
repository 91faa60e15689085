# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches what a function reads from the target, so that a run with a hundred containers reads it once.

What this run itself changes must be read again: code that changes something calls `forget`.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, List, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
# Enough for the paths, links and places that a run with a hundred containers reads.
SIZE = 1024
kept: List[Any] = []


def read_once(function: Function) -> Function:
    """Return the function with a cache of its results, by arguments."""
    cached = functools.lru_cache(maxsize=SIZE)(function)
    kept.append(cached)
    return cached  # type: ignore[return-value]


def forget() -> None:
    """Clear all caches, so that everything is read again."""
    for function in kept:
        function.cache_clear()
