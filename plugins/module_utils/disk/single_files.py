# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes (I/O): replaces one file in a container's own directory."""

from __future__ import annotations

import os

from ..model import manifest as manifests
from ..model import tree
from . import places, removal, writing
from .beneath import Directories, read_text


def note_change(lxc_path: str, name: str, boot: str, seconds: float) -> None:
    """Record in the manifest that the config has changed now, so that a restart is due. Raises OSError."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        record = read_manifest(directories)
        stage = record.stages.get("config", manifests.Stage())._replace(changed=manifests.Moment(boot, seconds))
        replace_text(directories, manifests.FILE_NAME, manifests.render(record.with_stage("config", stage)))


def note_reload(lxc_path: str, name: str) -> None:
    """Record in the manifest that the command has got its signal, if that was due. Raises OSError."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        record = read_manifest(directories)
        if record.to_reload():
            replace_text(directories, manifests.FILE_NAME, manifests.render(record.reloaded()))


def note_filter(lxc_path: str, name: str) -> None:
    """Record in the manifest that the container has got the rules of its packet filter. Raises OSError."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        record = read_manifest(directories)
        replace_text(directories, manifests.FILE_NAME, manifests.render(record.filtered()))


def read_manifest(directories: Directories) -> manifests.Manifest:
    """Return the manifest of a container. Raises ContainerError if it is missing or damaged."""
    return manifests.parse(read_text(directories, manifests.FILE_NAME, manifests.SIZE_MAX) or "")


def replace_config(lxc_path: str, name: str, text: str) -> None:
    """Replace a config that LXC cannot load, for a container that is to be removed."""
    with Directories(os.path.join(lxc_path, name)) as directories:
        replace_text(directories, "config", text)


def replace_text(directories: Directories, name: str, text: str) -> None:
    """Replace the text of a file beside the rootfs."""
    removal.remove_below(directories, [places.STAGE])
    os.mkdir(places.STAGE, 0o700, dir_fd=directories.get(""))
    writing.write_staged(directories, name, tree.file(name, 0o600, text))
    writing.sync(directories.root)
    os.rename(name, name, src_dir_fd=directories.get(places.STAGE), dst_dir_fd=directories.get(""))
    removal.remove_below(directories, [places.STAGE])
