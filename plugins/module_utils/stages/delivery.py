# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees to the contents of the controller's files on the target (I/O): which are missing, and which nobody needs any more.

While it works with them, a run holds their lock, so that no other one removes what is about to be copied.
"""

from __future__ import annotations

import os
from typing import Any, Iterator, List, Mapping

from .. import call
from ..container_spec import sources
from ..disk import beneath, locking, object_store, places
from ..errors import ContainerError, MissingContentError
from ..model import manifest


def locks(called: call.Call) -> List[str]:
    """Return the names of the locks that a call needs beside those of its containers."""
    return [places.OBJECTS] if called.sources else []


def require(called: call.Call) -> None:
    """Take in the contents that have come. Raises MissingContentError if the target still lacks some.

    The result of check mode does not depend on them, because digests and sizes are known.
    """
    wanted = sources.digests(called.sources)
    if called.check or not wanted:
        return
    lxc_path = called.lxc.lxc_path
    if called.incoming:
        object_store.take_in(lxc_path, called.incoming, wanted)
    missing = object_store.missing(lxc_path, wanted)
    if missing:
        raise MissingContentError(missing)


def sweep(lxc_path: str, given: Mapping[str, Any]) -> None:
    """Remove the contents that neither a spec nor a manifest names any more. `given`: the sources of the specs.

    If another run is at work with contents, its own end will do.
    """
    if not os.path.isdir(places.objects(lxc_path)):
        return
    with locking.held_now(lxc_path, places.OBJECTS) as held:
        if held:
            declared = set(sources.digests(sources.parse(given)))
            object_store.sweep(lxc_path, declared, list(records(lxc_path)))


def records(lxc_path: str) -> Iterator[str]:
    """Yield the texts that name contents: the manifests of all containers, and what a checkpoint keeps of them."""
    checkpoint = os.path.join(lxc_path, places.CHECKPOINT, "containers")
    kept = os.listdir(checkpoint) if os.path.isdir(checkpoint) else []
    found = [(os.path.join(lxc_path, name), manifest.FILE_NAME) for name in os.listdir(lxc_path)]
    for place, name in found + [(checkpoint, name) for name in kept]:
        try:
            with beneath.Directories(place) as directories:
                yield beneath.read_text(directories, name, manifest.SIZE_MAX * 2) or ""
        except (ContainerError, OSError):
            # Not a container, or none that can be built as it is.
            continue
