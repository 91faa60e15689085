# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive may have, and its index."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import archive_index
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.archive_index import Listing, Member

INDEX = (Member("bin", "directory", 0o755), Member("bin/app", "file", 0o755, "ab" * 32, 5))
PATHS = {
    ".": "",
    "./": "",
    "": "",
    "a": "a",
    "./a/": "a",
    "a//b/./c": "a/b/c",
    "..a/b..": "..a/b..",
    "\u00e4": "\u00e4",
}
REFUSED = {
    "/etc/passwd": "has '/etc/passwd', which leads out of it",
    "../a": "has '../a', which leads out of it",
    "a/../../b": "has 'a/../../b', which leads out of it",
    "a/..": "has 'a/..', which leads out of it",
    "a\nb": "has 'a\\nb', which is not plain text",
    "a\udcff": "has 'a\\udcff', which is not plain text",
    "a" * 256: "has '%s..., which is too long for a path" % ("a" * 76),
    "/".join(["a" * 255] * 17): "has '%s..., which is too long for a path" % ("a" * 76),
}


@pytest.mark.parametrize(("name", "path"), PATHS.items(), ids=ascii)
def test_a_path(name: str, path: str) -> None:
    assert archive_index.relative(name) == path


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=lambda text: ascii(text)[:20])
def test_a_path_that_is_refused(name: str, reason: str) -> None:
    with pytest.raises(ContainerError) as caught:
        archive_index.relative(name)
    assert str(caught.value) == reason


@pytest.mark.parametrize("mode", [0o4755, 0o2755, 0o6000])
def test_rights_of_another_owner_are_refused(mode: int) -> None:
    with pytest.raises(ContainerError, match="^has 'a' with a setuid or setgid bit"):
        Listing().path("a", mode)
    # That of the top itself is not used.
    assert Listing().path("./", mode) == ""


def test_an_entry_twice() -> None:
    listing = Listing()
    assert [listing.path(name, 0o644) for name in ("./", ".", "a")] == ["", "", "a"]
    with pytest.raises(ContainerError, match="^has 'a' twice$"):
        listing.path("./a/", 0o755)


def test_too_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_index, "ENTRIES_MAX", 2)
    listing = Listing()
    listing.path("a", 0)
    listing.path("b", 0)
    with pytest.raises(ContainerError, match="^has more than 2 entries, or too long names$"):
        listing.path("c", 0)


def test_too_long_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_index, "NAMES_MAX", 3)
    listing = Listing()
    listing.path("a", 0)
    with pytest.raises(ContainerError, match="entries, or too long names$"):
        listing.path("bcd", 0)


def test_a_file_above_others() -> None:
    listing = Listing()
    listing.members = [Member("a/b/c", "file", 0o644), Member("a", "file", 0o644)]
    with pytest.raises(ContainerError, match="^has 'a/b/c' below a file$"):
        listing.index()


def test_nothing() -> None:
    with pytest.raises(ContainerError, match="^has no entries$"):
        Listing().index()


def test_the_text_of_an_index() -> None:
    assert archive_index.parse(archive_index.render(INDEX)) == INDEX


@pytest.mark.parametrize("text", ["", "{", "{}x", "[1]", '[["a","link",1,"",0]]', '[["a","file","x","",0]]', "[[]]"])
def test_a_damaged_index(text: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        archive_index.parse(text)


def test_how_much_may_come_of_an_archive() -> None:
    assert archive_index.unpacked_max(0) == 104857600
    assert archive_index.unpacked_max(10000000) == 2000000000
