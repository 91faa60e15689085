# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stage that installs busybox (I/O, reads only): its facts and its plan."""

from __future__ import annotations

from typing import Sequence

from ..container_spec.records import Container
from ..model import manifest
from ..model.host import Host
from ..plan import busybox_tree
from ..target import facts
from . import planning


def gather(containers: Sequence[Container], host: Host) -> Host:
    """Add to the facts what the applets depend on. Each busybox program runs once."""
    paths = {container.busybox.path for container in containers if container.busybox.method != "none"}
    return host._replace(busyboxes={path: facts.busybox(path) for path in paths})


def plan(
    container: Container, place: planning.Place, before: manifest.Manifest, after: manifest.Manifest
) -> planning.Planned:
    """Plan busybox and its applets."""
    # Only the rootfs stage knows what is in an archive.
    made = after.entries("rootfs") if container.archive else ()
    wanted = busybox_tree.desired_entries(container, place.host, made)
    asked = busybox_tree.requested_part(container)
    if container.busybox.method == "bind":
        # A running container has the file bound that was there at its start. It sees a new one only after a restart.
        asked = (asked, place.host.busybox(container.busybox.path).digest)
    return planning.planned("busybox", container, place, before, after, wanted, asked=asked)


STAGE = planning.Stage("busybox", lambda _container: ("rootfs",), gather, plan)
