# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packs modules on the controller faster and smaller (changes nothing but this process)."""

from __future__ import annotations

import contextlib
import functools
import gc
import re
import sys
from typing import Any, Iterator

# A docstring, or a comment on a line of its own, as our formatter writes them. No string of ours contains such a line.
COMMENTARY = re.compile(rb'^( *)"""(?:[^"\\]|\\.|"(?!""))*"""$|^ *#.*$', re.MULTILINE)
COLLECTION = __name__.rpartition(".plugins.")[0]


@contextlib.contextmanager
def lean() -> Iterator[None]:
    """Let Ansible pack a module and wait for it, without what costs time and bytes and nobody needs on the target."""
    with without_collector(), without_documentation():
        yield


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's garbage collector off while Ansible packs a module and waits for it.

    To find out what a module imports, Ansible parses a hundred files. Their syntax trees make the collector search all
    objects of Ansible's process again and again, which takes longer than the rest of the packing. A task runs in a
    forked process that ends with it, so there is nothing to gain. Objects that exist by then are not searched later.
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
    """Strip docstrings and comments from our own files, since they are a third of what is sent to the target.

    Ansible reads the files through pkgutil.get_data, which asks the loader of the collection's package, see PEP 302. If
    that changes, the files are packed as they are.
    """
    loader: Any = getattr(sys.modules.get(COLLECTION), "__loader__", None)
    if loader is None or not hasattr(loader, "get_data"):
        yield
        return
    read = loader.get_data

    # Ansible asks for a file, or for one that does not exist, each time that something imports it.
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
    """Return a source without docstrings and comments, with the same line numbers.

    A body may consist of its docstring only.
    """

    def rest(found: re.Match[bytes]) -> bytes:
        lines = b"\n" * found.group().count(b"\n")
        return lines if found.group(1) is None else found.group(1) + b'""' + lines

    return COMMENTARY.sub(rest, source)
