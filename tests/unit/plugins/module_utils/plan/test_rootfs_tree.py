# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree of a container."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, sources
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.archive_index import Member
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import rootfs_tree

HOST = Host(
    resolv_conf="nameserver 10.0.3.1\n",
    seed="5eed",
    kinds={"/srv": "directory", "/etc/hostname": "file", "/run/s": "file"},
)
UUID = "0123456789abcdef0123456789abcdef"
Row = tuple
DEFAULT: list[Row] = [
    ("rootfs", "directory", 0o755, b""),
    ("rootfs/bin", "directory", 0o755, b""),
    ("rootfs/dev", "directory", 0o755, b""),
    ("rootfs/etc", "directory", 0o755, b""),
    ("rootfs/etc/pulse", "directory", 0o755, b""),
    ("rootfs/gateways", "directory", 0o755, b""),
    ("rootfs/home", "directory", 0o755, b""),
    ("rootfs/lib", "directory", 0o755, b""),
    ("rootfs/lib64", "directory", 0o755, b""),
    ("rootfs/proc", "directory", 0o755, b""),
    ("rootfs/root", "directory", 0o755, b""),
    ("rootfs/sbin", "directory", 0o755, b""),
    ("rootfs/sys", "directory", 0o755, b""),
    ("rootfs/tmp", "directory", 0o1777, b""),
    ("rootfs/usr", "directory", 0o755, b""),
    ("rootfs/usr/lib", "directory", 0o755, b""),
    ("rootfs/usr/lib64", "directory", 0o755, b""),
    ("rootfs/usr/sbin", "directory", 0o755, b""),
    ("rootfs/usr/local", "directory", 0o755, b""),
    ("rootfs/etc/passwd", "file", 0o644, b"root:x:0:0:root:/root:/bin/sh\n"),
    ("rootfs/etc/group", "file", 0o644, b"root:x:0:root\n"),
    ("rootfs/etc/pulse/client.conf", "file", 0o644, b"disable-shm=yes\n"),
    ("rootfs/etc/machine-id", "file", 0o444, b"0123456789abcdef0123456789abcdef\n"),
    ("rootfs/etc/resolv.conf", "file", 0o644, b"nameserver 10.0.3.1\n"),
]


def wanted(given: dict[str, Any]) -> list[Row]:
    """The entries for the spec of a container."""
    entries = rootfs_tree.desired_entries(keys.CONTAINER({"name": "hmi", **given}), HOST, UUID)
    assert [entry.path for entry in entries.values()] == list(entries)
    return [(entry.path, entry.kind, entry.mode, entry.content) for entry in entries.values()]


def test_the_defaults() -> None:
    assert wanted({}) == DEFAULT


MOUNT = {"source": "/srv", "target": "/data/in"}
# The spec, the paths that go from the defaults, and the entries that come.
CHANGES: dict[str, tuple[dict[str, Any], list[str], list[Row]]] = {
    "install_prefix": (
        {"install_prefix": "/opt/vendor/app"},
        ["rootfs/usr/local"],
        [
            ("rootfs/opt", "directory", 0o755, b""),
            ("rootfs/opt/vendor", "directory", 0o755, b""),
            ("rootfs/opt/vendor/app", "directory", 0o755, b""),
        ],
    ),
    "install_prefix that is there anyway": ({"install_prefix": "/usr/lib"}, ["rootfs/usr/local"], []),
    "no resolv_conf": ({"resolv_conf": "none"}, ["rootfs/etc/resolv.conf"], []),
    "resolv_conf of its own": (
        {"resolv_conf": ["nameserver 1.1.1.1", "search example"]},
        ["rootfs/etc/resolv.conf"],
        [("rootfs/etc/resolv.conf", "file", 0o644, b"nameserver 1.1.1.1\nsearch example\n")],
    ),
    "a mount": (
        {"mounts": [MOUNT]},
        [],
        [("rootfs/data", "directory", 0o755, b""), ("rootfs/data/in", "directory", 0o755, b"")],
    ),
    "a mount of what is a file on the target": (
        {"mounts": [{"source": "/etc/hostname", "target": "/name"}]},
        [],
        [("rootfs/name", "file", 0o644, b"")],
    ),
    "a mount of a socket": ({"mounts": [{"source": "/run/s", "target": "/s"}]}, [], [("rootfs/s", "file", 0o644, b"")]),
    "a file system": (
        {"mounts": [{"source": "tmpfs", "target": "/t", "type": "tmpfs"}]},
        [],
        [("rootfs/t", "directory", 0o755, b"")],
    ),
    "a mount on a file of ours": ({"mounts": [{"source": "/etc/hostname", "target": "/etc/passwd"}]}, [], []),
    "mounts where something is mounted": (
        {
            "gateway_dir": "/run/gw",
            "mounts": [
                {"source": "/srv", "target": place}
                for place in ("/dev/a", "/usr/b", "/lib/c", "/gateways/d", "/proc/e")
            ],
        },
        [],
        [],
    ),
    "a mount upon another, which may be missing": (
        {"mounts": [{"source": "/a", "target": "/x", "optional": True}, {"source": "/b", "target": "/x/y"}]},
        [],
        [("rootfs/x", "directory", 0o755, b""), ("rootfs/x/y", "directory", 0o755, b"")],
    ),
    "a mount of a directory": (
        {"mounts": [{**MOUNT, "create": "dir"}]},
        [],
        [("rootfs/data", "directory", 0o755, b""), ("rootfs/data/in", "directory", 0o755, b"")],
    ),
    "a mount of a file": (
        {"mounts": [{**MOUNT, "create": "file"}]},
        [],
        [("rootfs/data", "directory", 0o755, b""), ("rootfs/data/in", "file", 0o644, b"")],
    ),
    "directories": (
        {"directories": [{"path": "/var/lib/app", "mode": "0700"}, {"path": "/var"}]},
        [],
        [
            ("rootfs/var", "directory", 0o755, b""),
            ("rootfs/var/lib", "directory", 0o755, b""),
            ("rootfs/var/lib/app", "directory", 0o700, b""),
        ],
    ),
    "a directory of ours with another mode": (
        {"directories": [{"path": "/tmp", "mode": "0700"}]},
        ["rootfs/tmp"],
        [("rootfs/tmp", "directory", 0o700, b"")],
    ),
    "files": (
        {"files": [{"path": "/etc/app/conf", "mode": "0600", "content": "caf\u00e9\n"}]},
        [],
        [("rootfs/etc/app", "directory", 0o755, b""), ("rootfs/etc/app/conf", "file", 0o600, b"caf\xc3\xa9\n")],
    ),
    "ready": ({"ready": [{"tcp": 80}, {"file": "/run/ready"}]}, [], []),
    "a file of ours with other content": (
        {"files": [{"path": "/etc/passwd", "content": "root::0:0::/:/bin/ash\n"}]},
        ["rootfs/etc/passwd"],
        [("rootfs/etc/passwd", "file", 0o644, b"root::0:0::/:/bin/ash\n")],
    ),
    "a file for a mount with content": (
        {"mounts": [{**MOUNT, "create": "file"}], "files": [{"path": "/data/in", "content": "x"}]},
        [],
        [("rootfs/data", "directory", 0o755, b""), ("rootfs/data/in", "file", 0o644, b"x")],
    ),
}


@pytest.mark.parametrize(("given", "gone", "come"), CHANGES.values(), ids=CHANGES)
def test_what_a_key_changes(given: dict[str, Any], gone: list[str], come: list[Row]) -> None:
    found = wanted(given)
    assert sorted(found) == sorted([*(row for row in DEFAULT if row[0] not in gone), *come])
    paths = [row[0] for row in found]
    assert all(path.rpartition("/")[0] in ["", *paths[:place]] for place, path in enumerate(paths)), "parents first"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a file for a directory of ours": (
        {"files": [{"path": "/etc"}]},
        "/etc is wanted as a file and as a directory",
    ),
    "a file for the parent of the prefix": (
        {"files": [{"path": "/opt"}], "install_prefix": "/opt/app"},
        "/opt is wanted as a file and as a directory",
    ),
    "a directory for a file of ours": (
        {"directories": [{"path": "/etc/machine-id"}]},
        "/etc/machine-id is wanted as a file and as a directory",
    ),
    "a directory below a file of ours": (
        {"directories": [{"path": "/etc/passwd/x"}]},
        "/etc/passwd/x lies below /etc/passwd, which is wanted as a file",
    ),
    "a mount of a directory on a file of ours": (
        {"mounts": [{**MOUNT, "target": "/etc/passwd"}]},
        "/etc/passwd is wanted as a file and as a directory",
    ),
    "a prefix for a file of ours": (
        {"install_prefix": "/etc/group"},
        "/etc/group is wanted as a file and as a directory",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        wanted(given)
    assert str(caught.value) == sentence


def test_the_machine_id_is_stable() -> None:
    """It must stay the same over versions of this collection, too."""
    assert rootfs_tree.machine_id("5eed", "/var/lib/lxc", "hmi") == "8cc76a1eeefe41c018b13183bc1b97a5"


def test_the_machine_id_is_unique() -> None:
    ids = {
        rootfs_tree.machine_id(seed, path, name)
        for seed in ("", "5eed", "5eee")
        for path in ("/var/lib/lxc", "/srv/lxc")
        for name in ("hmi", "hmj", "lxc/hmi")
    }
    assert len(ids) == 18
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in ids)


@pytest.mark.parametrize(
    ("idmap", "access"),
    [
        ([], tree.Access(0o700)),
        (["u 0 100000 65536", "g 0 200000 65536"], tree.Access(0o710, 200000)),
        (["u 0 100000 65536", "g 1 200000 65536"], tree.Access(0o700)),
    ],
    ids=["none", "map", "root's group is not mapped"],
)
def test_who_may_pass_its_directory(idmap: list[str], access: tree.Access) -> None:
    assert rootfs_tree.access(Ids(tuple(idmap))) == access


SOURCES = {
    "file:app": sources.Source("ab" * 32, 5),
    "template:app": sources.Source(text="made of a template"),
}
DELIVERED = HOST._replace(sources=SOURCES, objects="/lxc/.objects")


def declared(host: Host, **file: Any) -> tree.Entry:
    """The entry of one declared file."""
    container = keys.CONTAINER({"name": "hmi", "files": [{"path": "/a", **file}]})
    return rootfs_tree.desired_entries(container, host, UUID)["rootfs/a"]


def test_a_file_of_the_controller() -> None:
    copied = tree.copied("rootfs/a", 0o755, "/lxc/.objects/" + "ab" * 32, "ab" * 32, 5, (7, 8))
    assert declared(DELIVERED, src="app", mode="0755", owner=7, group=8) == copied
    assert declared(DELIVERED, src="app", template=True) == tree.file("rootfs/a", 0o644, "made of a template")
    with pytest.raises(ContainerError) as caught:
        declared(DELIVERED, src="other")
    assert str(caught.value) == "files[0].src: 'other' was not looked for on the controller"


def test_another_content_is_another_spec() -> None:
    container = keys.CONTAINER({"name": "hmi", "files": [{"path": "/a", "src": "app"}]})
    other = HOST._replace(sources={"file:app": sources.Source("cd" * 32, 5)})
    assert rootfs_tree.requested_part(container, DELIVERED) != rootfs_tree.requested_part(container, other)


@pytest.mark.parametrize("key", ["directories", "files"])
@pytest.mark.parametrize(("owner", "group"), [(65536, 0), (0, 65536)])
def test_an_owner_that_the_container_lacks(key: str, owner: int, group: int) -> None:
    ids = Ids(("u 0 100000 65536", "g 0 100000 65536"))
    given = [{"path": "/a", "owner": 65535, "group": 65535}, {"path": "/b", "owner": owner, "group": group}]
    container = keys.CONTAINER({"name": "hmi", key: given})
    with pytest.raises(ContainerError) as caught:
        rootfs_tree.check_owners(container, ids)
    assert str(caught.value) == (
        f"{key}[1]: owner {owner} and group {group} are not both among the ids of the container, "
        "u 0 100000 65536, g 0 100000 65536"
    )
    rootfs_tree.check_owners(container, Ids())


def file(path: str, on_change: str | None) -> dict[str, Any]:
    return {"path": path, "on_change": on_change}


EFFECTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "nothing": ({}, {}),
    "files of no kind": ({"files": [file("/a/b", None), file("/c", "restart")]}, {}),
    "one of each kind": (
        {"files": [file("/a", "reload"), file("/b", "leave"), file("/c", None)]},
        {"rootfs/a": "reload", "rootfs/b": "leave"},
    ),
    "directories of its own": (
        {"files": [file("/srv/d/a", "reload")]},
        {"rootfs/srv": "reload", "rootfs/srv/d": "reload", "rootfs/srv/d/a": "reload"},
    ),
    "directories of both": (
        {"files": [file("/d/a", "reload"), file("/d/e/b", "leave")]},
        {"rootfs/d": "reload", "rootfs/d/a": "reload", "rootfs/d/e": "leave", "rootfs/d/e/b": "leave"},
    ),
    "directories of other files": (
        {"files": [file("/d/a", "reload"), file("/d/b", None)]},
        {"rootfs/d/a": "reload"},
    ),
    "a declared directory": (
        {"files": [file("/d/a", "leave")], "directories": [{"path": "/d"}]},
        {"rootfs/d/a": "leave"},
    ),
    "a file in the place of one of ours": ({"files": [file("/etc/passwd", "leave")]}, {"rootfs/etc/passwd": "leave"}),
}


@pytest.mark.parametrize(("given", "effects"), EFFECTS.values(), ids=EFFECTS)
def test_what_follows_a_change(given: dict[str, Any], effects: dict[str, str]) -> None:
    container = keys.CONTAINER({"name": "hmi", "reload": "HUP", **given})
    assert rootfs_tree.effects(container, HOST, UUID) == effects


def test_what_follows_a_change_is_no_part_of_what_is_made() -> None:
    one, other = (
        keys.CONTAINER({"name": "hmi", "files": [file("/a", on_change)]}) for on_change in ("restart", "leave")
    )
    assert rootfs_tree.requested_part(one, HOST) == rootfs_tree.requested_part(other, HOST)


ARCHIVE = (
    Member("bin", "directory", 0o750),
    Member("bin/app", "file", 0o755, "ab" * 32, 5),
    Member("a/b", "file", 0o644),
)


def unpacked(found: Any, **given: Any) -> dict[str, tree.Entry]:
    """The entries of a container with an archive."""
    container = keys.CONTAINER({"name": "hmi", "archive": {"src": "a.tar", "target": "/opt"}, **given})
    named = {"archive:a.tar": sources.Source("cd" * 32, 9), "archive:b.tar": sources.Source("ef" * 32, 9)}
    archives = {"cd" * 32: found, "ef" * 32: ARCHIVE}
    host = HOST._replace(sources=named, objects="/lxc/.objects", archives=archives)
    return rootfs_tree.desired_entries(container, host, UUID)


@pytest.mark.parametrize("target", ["/opt", "/opt/x/y", "/"])
def test_what_is_in_an_archive(target: str) -> None:
    entries, top = unpacked(ARCHIVE, archive={"src": "a.tar", "target": target}), "rootfs" + target.rstrip("/")
    assert entries[top].mode == 0o755
    assert entries[top + "/bin"] == tree.directory(top + "/bin", 0o750)
    assert entries[top + "/bin/app"] == tree.copied(top + "/bin/app", 0o755, "/lxc/.objects/" + "ab" * 32, "ab" * 32, 5)
    assert entries[top + "/a"] == tree.directory(top + "/a")
    paths = list(entries)
    assert paths.index(top) < paths.index(top + "/a") < paths.index(top + "/a/b")


def test_what_is_declared_takes_its_place() -> None:
    entries = unpacked(
        ARCHIVE,
        files=[{"path": "/opt/bin/app", "content": "own"}],
        directories=[{"path": "/opt/bin", "mode": "0700"}, {"path": "/opt", "mode": "0711"}],
    )
    assert entries["rootfs/opt/bin/app"] == tree.file("rootfs/opt/bin/app", 0o644, "own")
    assert (entries["rootfs/opt/bin"].mode, entries["rootfs/opt"].mode) == (0o700, 0o711)


ARCHIVES = [{"src": "a.tar", "target": "/"}, {"src": "b.tar", "target": "/"}]
REFUSED_ARCHIVES: dict[str, tuple[Any, dict[str, Any], str]] = {
    "refused": ("has a FIFO", {}, "archive[0].src: 'a.tar' has a FIFO"),
    "hidden": (
        (Member("local/app", "file", 0o644),),
        {"archive": {"src": "a.tar", "target": "/"}, "mounts": [{"source": "/srv", "target": "/local"}]},
        "archive[0].src: '/local/app' in it would be hidden by what is mounted at /local",
    ),
    "ours": (
        (Member("etc/softwarecontainer/x", "file", 0o644),),
        {"archive": {"src": "a.tar", "target": "/"}},
        "archive[0].src: '/etc/softwarecontainer/x' in it belongs to this collection",
    ),
    "two": (ARCHIVE, {"archive": ARCHIVES}, "archive[1].src: '/bin/app' in it is in another archive too"),
    "a file for a directory": (
        (Member("etc", "file", 0o644),),
        {"archive": {"src": "a.tar", "target": "/"}},
        "/etc is wanted as a file and as a directory",
    ),
}


@pytest.mark.parametrize(("found", "given", "reason"), REFUSED_ARCHIVES.values(), ids=REFUSED_ARCHIVES)
def test_an_archive_that_cannot_be_unpacked(found: Any, given: dict[str, Any], reason: str) -> None:
    with pytest.raises(ContainerError) as caught:
        unpacked(found, **given)
    assert str(caught.value) == reason
