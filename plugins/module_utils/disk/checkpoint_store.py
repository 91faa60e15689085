# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): stores a checkpoint beside the containers."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Tuple

from ..errors import ContainerError
from . import places, removal, writing
from .beneath import Directories, plain_file


def begin_checkpoint(lxc_path: str) -> str:
    """Make an empty directory to build a checkpoint in, beside the place of a finished one, and return it."""
    removal.sweep(lxc_path, places.CHECKPOINT)
    writing.make_missing(lxc_path)
    place = places.building(lxc_path, places.CHECKPOINT)
    for path in (place, os.path.join(place, "containers"), os.path.join(place, "objects")):
        os.mkdir(path, 0o700)
    return place


def keep_text(place: str, path: str, text: str) -> None:
    """Write a text file into a checkpoint that is being built."""
    with Directories(place) as directories:
        above, _slash, name = path.rpartition("/")
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=directories.must(above))
        with open(fd, "wb", buffering=0) as stream:
            writing.write_whole(stream, text.encode())


def keep_content(directories: Directories, path: str, place: str, limit: int) -> Tuple[str, int]:
    """Copy a container's file into a checkpoint that is being built. Return the copy's digest (its name) and size.

    The digest is that of the copy, whatever the container does to the file meanwhile. Raises FileNotFoundError if there
    is nothing, and ContainerError if there is something else than a regular file of at most `limit` bytes.
    """
    digest, size = sha256(), 0
    new = os.path.join(place, "objects", "new")
    with plain_file(directories, path) as original, open(new, "wb", buffering=0) as stream:
        while True:
            chunk = original.read(writing.CHUNK)
            size += len(chunk)
            if size > limit:
                os.unlink(new)
                raise ContainerError("%s: changed while we looked; run again" % path)
            if not chunk:
                break
            digest.update(chunk)
            writing.write_whole(stream, chunk)
        os.fchmod(stream.fileno(), 0o600)
    os.rename(new, os.path.join(place, "objects", digest.hexdigest()))
    return digest.hexdigest(), size


def finish_checkpoint(lxc_path: str) -> None:
    """Give a complete checkpoint its name, after all of it is on disk."""
    place = places.building(lxc_path, places.CHECKPOINT)
    writing.sync(place)
    os.rename(place, os.path.join(lxc_path, places.CHECKPOINT))
    writing.sync(lxc_path)


def drop_checkpoint(lxc_path: str) -> None:
    """Remove the checkpoint and what an interrupted run left of one.

    A rename takes its name away first, in one step.
    """
    removal.sweep(lxc_path, places.CHECKPOINT)
    place = os.path.join(lxc_path, places.CHECKPOINT)
    if os.path.lexists(place):
        os.rename(place, places.building(lxc_path, places.CHECKPOINT))
        writing.sync(lxc_path)
        removal.sweep(lxc_path, places.CHECKPOINT)
    # Otherwise a power cut could bring back what a rollout has told to be gone, and no later run would look for it.
    writing.sync(lxc_path)
