# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees to the contents of the controller's files on the target (I/O): which are missing, and which nobody needs any more.

While it works with them, a run holds their lock, so that no other one removes what is about to be copied.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Iterator, List, Mapping, Union

from .. import call
from ..container_spec import sources
from ..disk import beneath, locking, object_store, places
from ..errors import ContainerError, MissingContentError, RefusedError
from ..model import archive_index, manifest
from ..model.archive_index import Index


def locks(called: call.Call) -> List[str]:
    """Return the names of the locks that a call needs beside those of its containers."""
    return [places.OBJECTS] if called.sources else []


def require(called: call.Call) -> Dict[str, Union[Index, str]]:
    """Take in the contents that have come, and return the indexes of the archives, or why one is refused.

    Raises MissingContentError if the target still lacks some. Check mode takes nothing in: it needs only the indexes of
    archives, which the controller then tells.
    """
    lxc_path = called.lxc.lxc_path
    wanted, archives = sources.digests(called.sources), sources.archives(called.sources)
    refused = {digest: each.refused for digest, each in archives.items() if each.refused}
    if called.incoming and not called.check:
        refused.update(object_store.unpack(lxc_path, called.incoming, archives))
        object_store.take_in(lxc_path, called.incoming, wanted)
    found = known(lxc_path, archives)
    missing = [digest for digest in archives if digest not in {**found, **refused}]
    missing += object_store.missing(lxc_path, wanted) if wanted and not called.check else []
    if missing:
        raise MissingContentError(sorted(missing))
    return {**found, **refused}


def known(lxc_path: str, archives: Mapping[str, sources.Source]) -> Dict[str, Union[Index, str]]:
    """Return the indexes of those archives that are here, or that the controller has told."""
    there = object_store.indexes(lxc_path, archives)
    told = {
        digest: each.listing for digest, each in archives.items() if each.listing is not None and digest not in there
    }
    try:
        return {**there, **{digest: archive_index.parse(text) for digest, text in told.items()}}
    except (TypeError, ValueError):
        raise RefusedError("sources: are not as the controller writes them; leave them out") from None


def sweep(lxc_path: str, given: Mapping[str, Any]) -> None:
    """Remove the contents that neither a spec nor a manifest names any more. `given`: the sources of the specs.

    If another run is at work with contents, its own end will do.
    """
    if not os.path.isdir(places.objects(lxc_path)):
        return
    with locking.held_now(lxc_path, places.OBJECTS) as held:
        if held:
            declared = sources.parse(given)
            needed = {*sources.digests(declared), *sources.archives(declared)}
            object_store.sweep(lxc_path, needed, list(records(lxc_path)))


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
