# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: busybox and its applets in a container, from its spec and the facts of the target."""

from __future__ import annotations

import functools
from typing import Collection, Dict, Set, Tuple

from ..container_spec.records import Container
from ..errors import ContainerError
from ..model import tree
from ..model.host import Binary, Host

BINARY = "rootfs/bin/busybox"
TARGET = "/bin/busybox"


def desired_entries(container: Container, host: Host, made: Collection[str] = ()) -> Dict[str, tree.Entry]:
    """Return the entries that busybox needs in the rootfs, by path. Raise ContainerError.

    Busybox is never setuid: an applet runs with the rights of its caller. `made`: the paths that another stage makes, where
    the spec does not say which.
    """
    if container.busybox.method == "none":
        return {}
    binary = host.busybox(container.busybox.path)
    if binary.interpreter and not container.system_mounts:
        raise ContainerError(
            "busybox.path: %s needs %s, which is not there without system_mounts; give a static busybox"
            % (binary.path, binary.interpreter)
        )
    declared = declared_paths(container).union(made)
    shared = entries(binary, container.busybox.method, chosen(container, binary))
    return {path: entry for path, entry in shared.items() if path not in declared} if declared else shared


def declared_paths(container: Container) -> Set[str]:
    """Return the paths of entries that another stage makes, because the spec declares them."""
    declared = {"rootfs" + item.path for item in container.files + container.directories}
    # The rootfs stage makes the targets of other mounts too. Those elsewhere are in nobody's way.
    targets = (mount.target for mount in container.mounts if mount.create or mount.target.startswith("/bin/"))
    return declared | {"rootfs" + target for target in targets}


def requested_part(container: Container) -> object:
    """Return this stage's part of the spec. It does not say which busybox the target has, nor its applets."""
    return container.busybox, container.system_mounts, sorted(declared_paths(container))


def chosen(container: Container, binary: Binary) -> Tuple[str, ...]:
    """Return the applets to link: the declared ones, or all of this busybox. Raise ContainerError if one is missing."""
    if container.busybox.applets is None:
        return binary.applets
    missing = [applet for applet in container.busybox.applets if applet not in binary.applets]
    if missing:
        raise ContainerError("busybox.applets: %s has no applet %r" % (binary.path, missing[0]))
    return container.busybox.applets


@functools.lru_cache(maxsize=8)
def entries(binary: Binary, method: str, applets: Tuple[str, ...]) -> Dict[str, tree.Entry]:
    """Return the entries for one busybox. All containers that use it share them, so nobody may change them."""
    found = tree.Shared()
    found[BINARY] = (
        tree.copied(BINARY, 0o755, binary.path, binary.digest, binary.size)
        if method == "copy"
        else tree.file(BINARY, 0o755, "")
    )
    for applet in applets:
        if applet != "busybox":
            found["rootfs/bin/" + applet] = tree.link("rootfs/bin/" + applet, TARGET)
    return found
