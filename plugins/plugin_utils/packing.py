# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs modules on the controller faster and smaller (touches nothing but this process)."""

from __future__ import annotations

import contextlib
import functools
import gc
import re
import sys
from typing import Any, Iterator

# A docstring, or a comment on lines of its own, as our formatter writes them; in no string of ours is such a line.
COMMENTARY = re.compile(rb'^( *)"""(?:[^"\\]|\\.|"(?!""))*"""$|^ *#.*$', re.MULTILINE)
COLLECTION = __name__.rpartition(".plugins.")[0]


@contextlib.contextmanager
def lean() -> Iterator[None]:
    """Let Ansible pack a module and wait for it, without what costs time and bytes and nobody needs on the target."""
    with without_collector(), without_documentation():
        yield


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python from looking for objects that hold each other, while Ansible packs a module and waits for it.

    To find out what a module imports Ansible parses a hundred files. Their trees make the collector go, again and again,
    through all that Ansible's process has, which takes longer than the rest of the packing. A task's process is a fork
    that ends with it, so there is nothing to gain, and nothing of what is there by then is looked at afterwards.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.enable()


@contextlib.contextmanager
def without_documentation() -> Iterator[None]:
    """Have our own files read without docstrings and comments, which are a third of what goes over the wire.

    Ansible reads them by pkgutil.get_data, which asks the loader of the collection's package, see PEP 302. Where that is
    not so any more, all is packed as it stands.
    """
    loader: Any = getattr(sys.modules.get(COLLECTION), "__loader__", None)
    if loader is None or not hasattr(loader, "get_data"):
        yield
        return
    read = loader.get_data

    # Ansible asks for a file, or for one that is not there, each time that something imports it.
    @functools.lru_cache(maxsize=None)
    def read_bare(path: str) -> Any:
        source = read(path)
        return bare(source) if isinstance(source, bytes) and path.endswith(".py") else source

    loader.get_data = read_bare
    try:
        yield
    finally:
        del loader.get_data


def bare(source: bytes) -> bytes:
    """A source without its documentation, line by line the same. A body may have no more than its docstring."""

    def rest(found: re.Match[bytes]) -> bytes:
        lines = b"\n" * found.group().count(b"\n")
        return lines if found.group(1) is None else found.group(1) + b'""' + lines

    return COMMENTARY.sub(rest, source)
