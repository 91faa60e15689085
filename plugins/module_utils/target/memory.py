# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what a function has read of the target, so that a run with a hundred containers reads it once.

What this run itself changes has to be read again: whoever has changed something calls `forget`.
"""

from __future__ import annotations

import functools
from typing import Any, Callable, List, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])
# Paths, links and places that a run with a hundred containers asks for.
SIZE = 1024
kept: List[Any] = []


def read_once(function: Function) -> Function:
    """The function, with its results kept by its arguments."""
    cached = functools.lru_cache(maxsize=SIZE)(function)
    kept.append(cached)
    return cached  # type: ignore[return-value]


def forget() -> None:
    """Let everything be read again."""
    for function in kept:
        function.cache_clear()
