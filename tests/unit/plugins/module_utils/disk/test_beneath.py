# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is seen on disk below a directory that a container may have changed. Nothing here needs root."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import beneath
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.tree import Observed

# Who runs the tests owns what they make.
OWNED = os.geteuid() == 0 and os.getegid() == 0
# SHA-256 of "new" and of nothing.
NEW = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"
NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture(name="root")
def fixture_root(tmp_path: Path) -> Path:
    """The directory of a container, beside what no container may reach."""
    root = tmp_path / "hmi"
    (root / "rootfs" / "etc").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    write(outside / "passwd", "secret")
    return root


@pytest.fixture(name="directories")
def fixture_directories(root: Path) -> Iterator[beneath.Directories]:
    with beneath.Directories(str(root)) as directories:
        yield directories


def write(path: Path, content: str, mode: int = 0o644) -> None:
    """Write a file with a mode that does not depend on the umask."""
    path.write_text(content, encoding="utf-8")
    path.chmod(mode)


def look(root: Path, *entries: tree.Entry, owned: tuple[tree.Entry, ...] = ()) -> dict[str, Observed]:
    """What is there at the wanted and the owned entries."""
    with beneath.Directories(str(root)) as directories:
        return beneath.observe(
            directories, {entry.path: entry for entry in entries}, {entry.path: entry for entry in owned}
        )


FILE = tree.file("rootfs/etc/x", 0o644, "new")
LINK = tree.link("rootfs/etc/x", "/new")
DIRECTORY = tree.directory("rootfs/etc/x")
ENTRIES = {"file": FILE, "link": LINK, "directory": DIRECTORY}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_nothing(root: Path, entry: tree.Entry) -> None:
    assert look(root, entry) == {}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_file(root: Path, entry: tree.Entry) -> None:
    write(root / "rootfs/etc/x", "new", 0o4750)
    assert look(root, entry) == {"rootfs/etc/x": Observed("file", 0o4750, NEW, b"new", True, OWNED)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("there", [True, False], ids=["there", "missing"])
def test_an_entry_among_more_names_than_are_kept(root: Path, entry: tree.Entry, there: bool) -> None:
    for number in range(beneath.FEW + 1):
        os.symlink("elsewhere", root / f"rootfs/etc/{number}")
    if there:
        os.symlink("/old", root / "rootfs/etc/x")
    assert look(root, entry) == ({"rootfs/etc/x": Observed("link", content=b"/old")} if there else {})


def test_an_empty_file(root: Path) -> None:
    write(root / "rootfs/etc/x", "")
    assert look(root, FILE) == {"rootfs/etc/x": Observed("file", 0o644, NOTHING, b"", True, OWNED)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_link(root: Path, entry: tree.Entry) -> None:
    (root / "rootfs/etc/x").symlink_to("../../../outside/passwd")
    assert look(root, entry) == {"rootfs/etc/x": Observed("link", content=b"../../../outside/passwd")}


def test_a_link_with_bytes_that_are_no_text(root: Path) -> None:
    os.symlink(b"/\xff\n", bytes(root) + b"/rootfs/etc/x")
    assert look(root, LINK) == {"rootfs/etc/x": Observed("link", content=b"/\xff\n")}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_directory(root: Path, entry: tree.Entry) -> None:
    (root / "rootfs/etc/x").mkdir()
    (root / "rootfs/etc/x").chmod(0o2750)
    # Only where something else is wanted does it matter whether it is empty.
    children = -1 if entry.kind == "directory" else 0
    assert look(root, entry) == {"rootfs/etc/x": Observed("directory", 0o2750, owned=OWNED, children=children)}


def test_the_children_of_a_directory_count_where_it_is_stale(root: Path) -> None:
    (root / "rootfs/etc/x/a").mkdir(parents=True)
    write(root / "rootfs/etc/x/.b", "")
    (root / "rootfs/etc/x").chmod(0o755)
    assert look(root, owned=(DIRECTORY,)) == {"rootfs/etc/x": Observed("directory", 0o755, owned=OWNED, children=2)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_fifo_is_not_waited_for(root: Path, entry: tree.Entry) -> None:
    os.mkfifo(root / "rootfs/etc/x")
    (root / "rootfs/etc/x").chmod(0o640)
    assert look(root, entry) == {"rootfs/etc/x": Observed("other", 0o640, owned=OWNED)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_a_socket(root: Path, entry: tree.Entry, monkeypatch: pytest.MonkeyPatch) -> None:
    # A socket's path may have no more than 107 characters.
    monkeypatch.chdir(root / "rootfs/etc")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("x")
        Path("x").chmod(0o755)
        assert look(root, entry) == {"rootfs/etc/x": Observed("other", 0o755, owned=OWNED)}


def test_a_hard_link(root: Path) -> None:
    write(root / "rootfs/etc/x", "new")
    os.link(root / "rootfs/etc/x", root / "rootfs/etc/y")
    assert look(root, FILE) == {"rootfs/etc/x": Observed("file", 0o644, NEW, b"new", False, OWNED)}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("absolute", [True, False], ids=["absolute", "relative"])
def test_a_linked_parent_is_not_followed(root: Path, entry: tree.Entry, absolute: bool) -> None:
    write(root.parent / "outside" / "x", "new")
    (root / "rootfs/etc").rmdir()
    (root / "rootfs/etc").symlink_to(root.parent / "outside" if absolute else "../../outside")
    assert look(root, tree.directory("rootfs/etc"), entry) == {
        "rootfs/etc": Observed("link", content=os.fsencode(os.readlink(root / "rootfs/etc")))
    }


def test_a_file_in_the_place_of_a_parent(root: Path) -> None:
    (root / "rootfs/etc").rmdir()
    write(root / "rootfs/etc", "new")
    assert look(root, FILE) == {}


def test_a_linked_root_is_refused(root: Path) -> None:
    (root.parent / "linked").symlink_to("hmi")
    with pytest.raises(NotADirectoryError):
        look(root.parent / "linked", FILE)


@pytest.mark.parametrize(
    ("size", "expected", "read"),
    [
        (beneath.SHOWN_SIZE, 0, True),
        (beneath.SHOWN_SIZE + 1, 0, False),
        (beneath.SHOWN_SIZE + 1, beneath.SHOWN_SIZE, False),
        (beneath.SHOWN_SIZE + 1, beneath.SHOWN_SIZE + 1, True),
        (3 * beneath.CHUNK + 7, 3 * beneath.CHUNK + 7, True),
    ],
    ids=["small", "large", "larger than expected", "large as expected", "in several parts"],
)
def test_a_large_file_is_read_only_where_its_size_is_right(root: Path, size: int, expected: int, read: bool) -> None:
    content = "x" * size
    write(root / "rootfs/etc/x", content)
    entry = tree.copied("rootfs/etc/x", 0o644, "/bin/busybox", tree.file("", 0, content).digest, expected)
    found = look(root, entry)["rootfs/etc/x"]
    assert found.digest == (entry.digest if read else "")
    assert found.content == (content.encode() if size <= beneath.SHOWN_SIZE else None)


def test_a_deep_tree(root: Path) -> None:
    path = "rootfs"
    entries = []
    for number in range(200):
        path += f"/{number}"
        (root / path).mkdir()
        (root / path).chmod(0o755)
        entries.append(tree.directory(path))
    found = look(root, *entries)
    assert found == {entry.path: Observed("directory", 0o755, owned=OWNED) for entry in entries}


def test_no_descriptor_is_left_open(root: Path) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    (root / "rootfs/etc/x").symlink_to("/nowhere")
    look(root, FILE, owned=(tree.directory("rootfs"), LINK, tree.file("rootfs/no/such", 0o644, "")))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_directories(directories: beneath.Directories, root: Path) -> None:
    (root / "rootfs/link").symlink_to("etc")
    assert os.path.samestat(os.fstat(directories.must("rootfs/etc")), os.stat(root / "rootfs/etc"))
    assert directories.get("rootfs/link") is None
    assert directories.get("rootfs/link/x") is None
    assert directories.parent("rootfs/etc/x") == (directories.get("rootfs/etc"), "x")
    with pytest.raises(ContainerError) as caught:
        directories.must("rootfs/none")
    assert str(caught.value) == "rootfs/none: the directory is not there, or changed while we looked; run again"


def test_a_directory_that_is_forgotten_is_opened_again(directories: beneath.Directories, root: Path) -> None:
    before = os.fstat(directories.must("rootfs/etc"))
    (root / "rootfs/etc").rename(root / "rootfs/old")
    (root / "rootfs/etc").mkdir()
    assert os.path.samestat(os.fstat(directories.must("rootfs/etc")), before)
    directories.forget("rootfs")
    assert os.path.samestat(os.fstat(directories.must("rootfs/etc")), os.stat(root / "rootfs/etc"))


def test_names(directories: beneath.Directories, root: Path) -> None:
    write(root / "rootfs/etc/x", "")
    assert list(beneath.names(directories, "rootfs/etc")) == ["x"]
    assert list(beneath.names(directories, "rootfs/none")) == []


def test_read_text(directories: beneath.Directories, root: Path) -> None:
    write(root / "manifest", "caf\u00e9")
    assert beneath.read_text(directories, "manifest", 5) == "caf\u00e9"
    assert beneath.read_text(directories, "none", 5) is None
    assert beneath.read_text(directories, "none/manifest", 5) is None
    sentence = "manifest: is not a plain file of at most 4 bytes"
    with pytest.raises(ContainerError) as caught:
        beneath.read_text(directories, "manifest", 4)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("kind", ["fifo", "link", "directory"])
def test_read_text_of_what_is_no_file(directories: beneath.Directories, root: Path, kind: str) -> None:
    make = {"fifo": os.mkfifo, "directory": os.mkdir, "link": lambda path: os.symlink("../outside/passwd", path)}
    make[kind](root / "manifest")
    with pytest.raises(ContainerError) as caught:
        beneath.read_text(directories, "manifest", 4)
    assert str(caught.value) == "manifest: is not a plain file of at most 4 bytes"


def test_mounted_below(tmp_path: Path) -> None:
    """Every Linux has something mounted below a directory that is not the root: /dev/pts, for example."""
    point = next(point for point in beneath.mounts() if point.count("/") > 1)
    assert point in beneath.mounted_below(os.path.dirname(point))
    assert beneath.mounted_below(point[:-1]) == ()
    assert beneath.mounted_below(str(tmp_path)) == ()


# What a container has at a path, and what that path means in it.
INSIDE = {
    "a file": ("/etc/passwd", "inside"),
    "a file by a path with dots": ("//etc/./../etc//passwd", "inside"),
    "above the root": ("/../../../etc/passwd", "inside"),
    "a relative path": ("etc/passwd", "inside"),
    "a relative link": ("/etc/relative", "inside"),
    "an absolute link": ("/etc/absolute", "inside"),
    "a link that leads out": ("/etc/out", ""),
    "a linked directory": ("/linked/passwd", "inside"),
    "links of links": ("/chain/passwd", "inside"),
    "a link to itself": ("/loop", ""),
    "below a file": ("/etc/passwd/x", ""),
    "missing": ("/etc/none", ""),
    "a link to what is missing": ("/etc/dangling", ""),
    "a directory": ("/etc", ""),
    "a fifo": ("/etc/fifo", ""),
    "an empty file": ("/etc/empty", ""),
    "a name that is too long": ("/etc/" + "a" * 300, ""),
    "a link to a name that is too long": ("/etc/long", ""),
}
MISSING = ("out", "loop", "passwd/x", "none", "dangling", "a" * 300, "long")


@pytest.fixture(name="inside")
def fixture_inside(root: Path) -> Path:
    """A root as a container sees it, with links that lead out if they are followed on the target."""
    top = root / "rootfs"
    write(top / "etc/passwd", "inside")
    (top / "etc/relative").symlink_to("../etc/passwd")
    (top / "etc/absolute").symlink_to("/etc/passwd")
    (top / "etc/out").symlink_to("../../../outside/passwd")
    (top / "etc/dangling").symlink_to("none")
    (top / "linked").symlink_to("/etc")
    (top / "chain").symlink_to("./linked/../linked/.")
    (top / "loop").symlink_to("loop")
    os.mkfifo(top / "etc/fifo")
    write(top / "etc/empty", "")
    (top / "etc/long").symlink_to("a" * 300)
    return top


@pytest.mark.parametrize(("path", "text"), INSIDE.values(), ids=INSIDE)
def test_inside(inside: Path, path: str, text: str) -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    assert beneath.text_inside(str(inside), path, 100) == text
    assert beneath.exists_inside(str(inside), path) is not path.endswith(MISSING)
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_text_inside_is_cut(inside: Path) -> None:
    assert beneath.text_inside(str(inside), "/etc/passwd", 3) == "ins"
    (inside / "etc/passwd").write_bytes(b"\xff:x")
    assert beneath.text_inside(str(inside), "/etc/passwd", 3) == "\ufffd:x"


def test_a_file_of_the_kernel_is_not_read() -> None:
    """It seems plain, but to read it may wait, or take away what is read: /proc/kmsg does both."""
    assert beneath.exists_inside("/", "/proc/version")
    assert beneath.text_inside("/", "/proc/version", 100) == ""


def test_who_holds_a_lease_is_not_waited_for(inside: Path) -> None:
    """A container could let us wait for /proc/sys/fs/lease-break-time seconds."""
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    held = os.open(inside / "etc/passwd", os.O_RDONLY)
    try:
        fcntl.fcntl(held, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        begun = time.monotonic()
        with pytest.raises(ContainerError) as caught:
            beneath.text_inside(str(inside), "/etc/passwd", 100)
        assert time.monotonic() - begun < 5
    finally:
        os.close(held)
        signal.signal(signal.SIGIO, before)
    sentence = "/etc/passwd cannot be read in the container: Resource temporarily unavailable"
    assert str(caught.value) == sentence


@pytest.mark.parametrize("read", [beneath.exists_inside, lambda root, path: beneath.text_inside(root, path, 100)])
def test_what_the_system_cannot_tell_of_a_container(inside: Path, read: Callable[[str, str], object]) -> None:
    """Not that there is nothing: the file may be there."""
    with pytest.raises(ContainerError) as caught:
        read(str(inside / "ended"), "/etc/x\n")
    assert str(caught.value) == "/etc/x\\n cannot be read in the container: No such file or directory"
    open_files = [int(name) for name in os.listdir("/proc/self/fd")]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = next(number for number in range(len(open_files) + 1) if number not in open_files)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free + 1, limits[1]))
    try:
        with pytest.raises(ContainerError) as caught:
            read(str(inside), "/etc/passwd")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert str(caught.value) == "/etc/passwd cannot be read in the container: Too many open files"


def test_whose_a_file_is(root: Path) -> None:
    """As the container counts: its map says which of its users this one is."""
    write(root / "rootfs/etc/x", "new")
    user, group = os.geteuid(), os.getegid()
    ids = Ids(tuple(f"{kind} 0 {number + 9} 1" for kind, number in (("u", user), ("g", group))), shifted=True)
    ids = ids._replace(lines=(*ids.lines, f"u 3 {user} 1", f"g 4 {group} 1"))
    for expected, owned in (((3, 4), True), ((0, 0), False)):
        with beneath.Directories(str(root), ids) as directories:
            found = beneath.look(directories, FILE._replace(owner=expected), False)
        assert found == Observed("file", 0o644, NEW, b"new", True, owned, owner=(3, 4))
    other = Ids((f"u 0 {user + 1} 1", f"g 0 {group} 1"), shifted=True)
    with beneath.Directories(str(root), other) as directories:
        assert beneath.look(directories, FILE, False) == Observed("file", 0o644, NEW, b"new", True, False, owner=None)
    # The map of the container is nothing to its config, which belongs to the target's root.
    write(root / "config", "new")
    with beneath.Directories(str(root), ids) as directories:
        found = beneath.look(directories, tree.file("config", 0o644, "new"), False)
    assert found == Observed("file", 0o644, NEW, b"new", True, OWNED, owner=(user, group))
