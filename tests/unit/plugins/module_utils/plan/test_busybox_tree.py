# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What busybox is in a container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import busybox_tree

DIGEST = "ab" * 32
STATIC = Binary("/bin/busybox", DIGEST, 1000, ("[", "ash", "busybox", "ls"), None)
DYNAMIC = STATIC._replace(path="/opt/busybox", interpreter="/lib64/ld-linux-x86-64.so.2")
HOST = Host(busyboxes={None: STATIC, "/opt/busybox": DYNAMIC, "/missing": "/missing is not there"})
COPY = ("rootfs/bin/busybox", "file", 0o755, "/bin/busybox", DIGEST, 1000)
# What a bind mount needs: an empty file. The digest is the SHA-256 of nothing.
BIND = (
    "rootfs/bin/busybox",
    "file",
    0o755,
    None,
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    0,
)


def wanted(given: dict[str, Any]) -> dict[str, tree.Entry]:
    """The entries for the spec of a container."""
    return busybox_tree.desired_entries(keys.CONTAINER({"name": "hmi", **given}), HOST)


# The spec, the binary, and the names of the links.
WANTED: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "defaults": ({}, COPY, ["[", "ash", "ls"]),
    "copy": ({"busybox": {"method": "copy", "applets": "all"}}, COPY, ["[", "ash", "ls"]),
    "bind": ({"busybox": {"method": "bind"}}, BIND, ["[", "ash", "ls"]),
    "none": ({"busybox": {"method": "none", "path": "/missing"}}, None, []),
    "a list": ({"busybox": {"applets": ["ls", "ash"]}}, COPY, ["ls", "ash"]),
    "a list with busybox itself": ({"busybox": {"applets": ["busybox", "ls"]}}, COPY, ["ls"]),
    "an empty list": ({"busybox": {"applets": []}}, COPY, []),
    "dynamic": (
        {"busybox": {"path": "/opt/busybox"}},
        ("rootfs/bin/busybox", "file", 0o755, "/opt/busybox", DIGEST, 1000),
        ["[", "ash", "ls"],
    ),
    "static without system_mounts": ({"system_mounts": False}, COPY, ["[", "ash", "ls"]),
    "a declared file in the place of an applet": ({"files": [{"path": "/bin/ls"}]}, COPY, ["[", "ash"]),
    "a declared directory in the place of an applet": (
        {"directories": [{"path": "/bin/ash"}]},
        COPY,
        ["[", "ls"],
    ),
    "a declared file in the place of busybox": ({"files": [{"path": "/bin/busybox"}]}, None, ["[", "ash", "ls"]),
    "a mount in the place of an applet": (
        {"mounts": [{"source": "/srv/ls", "target": "/bin/ls", "create": "file"}]},
        COPY,
        ["[", "ash"],
    ),
    "a declared file elsewhere": ({"files": [{"path": "/sbin/ls"}]}, COPY, ["[", "ash", "ls"]),
}


@pytest.mark.parametrize(("given", "binary", "links"), WANTED.values(), ids=WANTED)
def test_wanted(given: dict[str, Any], binary: Any, links: list[str]) -> None:
    entries = wanted(given)
    found = [
        (entry.path, entry.kind, entry.mode, entry.source, entry.digest, entry.size)
        for entry in entries.values()
        if entry.kind != "link"
    ]
    assert found == ([binary] if binary else [])
    assert [entry for entry in entries.values() if entry.kind == "link"] == [
        tree.link("rootfs/bin/" + name, "/bin/busybox") for name in links
    ]
    assert [entry.path for entry in entries.values()] == list(entries)


def test_the_target_of_a_mount_is_no_applet() -> None:
    """The rootfs stage makes it, with `create` and without."""
    applets = list(wanted({}))[1:3]
    targets = [path[len("rootfs") :] for path in applets]
    mounts = [
        {"source": "/etc/hostname", "target": targets[0]},
        {"source": "/etc", "target": targets[1], "create": "dir"},
    ]
    assert wanted({}).keys() - wanted({"mounts": mounts}).keys() == set(applets)


def test_a_declared_file_changes_nothing_for_other_containers() -> None:
    before = dict(wanted({}))
    wanted({"files": [{"path": "/bin/ls"}]})
    assert wanted({}) == before


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an applet that it lacks": (
        {"busybox": {"applets": ["ls", "udhcpc"]}},
        "busybox.applets: /bin/busybox has no applet 'udhcpc'",
    ),
    "no such busybox": ({"busybox": {"path": "/missing"}}, "busybox.path: /missing is not there"),
    "a busybox that nobody looked for": ({"busybox": {"path": "/other"}}, "busybox.path: was not looked for"),
    "dynamic without system_mounts": (
        {"busybox": {"path": "/opt/busybox"}, "system_mounts": False},
        "busybox.path: /opt/busybox needs /lib64/ld-linux-x86-64.so.2, which is not there without system_mounts; give a"
        " static busybox",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        wanted(given)
    assert str(caught.value) == sentence
