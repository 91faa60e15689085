# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan from what is on disk to the wanted tree, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.tree import Action, Entry, Observed

# SHA-256 of "new" and of "old".
NEW = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437"
OLD = "cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4"

WANTED = {
    "directory": tree.directory("x", 0o755),
    "file": tree.file("x", 0o644, "new"),
    "copied": tree.copied("x", 0o644, "/bin/busybox", NEW, 3),
    "link": tree.link("x", "/new"),
}
PRESENT = {
    "nothing": None,
    "directory": Observed("directory", 0o755, children=0),
    "directory with another mode": Observed("directory", 0o700),
    "directory of another owner": Observed("directory", 0o755, owned=False, owner=(1000, 100)),
    "directory of nobody": Observed("directory", 0o755, owned=False, owner=None),
    "file": Observed("file", 0o644, NEW, b"new"),
    "file with another mode": Observed("file", 0o4755, NEW, b"new"),
    "file of another owner": Observed("file", 0o644, NEW, b"new", owned=False),
    "file with other content": Observed("file", 0o644, OLD, b"old"),
    "file with another name": Observed("file", 0o644, NEW, b"new", single=False),
    "file that was not read": Observed("file", 0o644, "", None),
    "link": Observed("link", content=b"/new"),
    "link elsewhere": Observed("link", content=b"/etc/shadow"),
    "fifo or device": Observed("other", 0o644),
}
NOTHING_TO_DO = None
DIRECTORY_FOR_FILE = "x: a directory lies where a file is wanted"
DIRECTORY_FOR_LINK = "x: a directory lies where a link is wanted"
FILE_FOR_DIRECTORY = "x: a file lies where a directory is wanted"
FILE_FOR_LINK = "x: a file lies where a link is wanted"
# What is there, and what is to be done where a directory, a file or a link is wanted; a sentence where it is not ours.
PLANS = {
    "nothing": ("create", "create", "create"),
    "directory": (NOTHING_TO_DO, DIRECTORY_FOR_FILE, DIRECTORY_FOR_LINK),
    "directory with another mode": ("adjust", DIRECTORY_FOR_FILE, DIRECTORY_FOR_LINK),
    "directory of another owner": ("adjust", DIRECTORY_FOR_FILE, DIRECTORY_FOR_LINK),
    "directory of nobody": ("adjust", DIRECTORY_FOR_FILE, DIRECTORY_FOR_LINK),
    "file": (FILE_FOR_DIRECTORY, NOTHING_TO_DO, FILE_FOR_LINK),
    "file with another mode": (FILE_FOR_DIRECTORY, "adjust", FILE_FOR_LINK),
    "file of another owner": (FILE_FOR_DIRECTORY, "adjust", FILE_FOR_LINK),
    "file with other content": (FILE_FOR_DIRECTORY, "replace", FILE_FOR_LINK),
    "file with another name": (FILE_FOR_DIRECTORY, "replace", FILE_FOR_LINK),
    "file that was not read": (FILE_FOR_DIRECTORY, "replace", FILE_FOR_LINK),
    "link": ("replace", "replace", NOTHING_TO_DO),
    "link elsewhere": ("replace", "replace", "replace"),
    "fifo or device": ("replace", "replace", "replace"),
}
ROWS = [
    pytest.param(wanted, found, verb, id=f"{wanted} wanted, {found} there")
    for found, (directory, file, link) in PLANS.items()
    for wanted, verb in {"directory": directory, "file": file, "copied": file, "link": link}.items()
]


def test_a_file_of_bytes_that_are_no_text() -> None:
    """The target's resolv.conf may have any."""
    assert tree.file("x", 0o644, "caf\udce9").content == b"caf\xe9"


def test_the_table_is_whole() -> None:
    assert set(PLANS) == set(PRESENT)


@pytest.mark.parametrize("ours", [True, False], ids=["ours", "not ours"])
@pytest.mark.parametrize(("wanted", "found", "verb"), ROWS)
def test_plan(wanted: str, found: str, verb: str | None, ours: bool) -> None:
    entry, before = WANTED[wanted], PRESENT[found]
    present = {} if before is None else {"x": before}
    owned = {"x": tree.file("x", 0o600, "whatever")} if ours else {}
    if verb and " " in verb and not ours:
        with pytest.raises(ContainerError) as caught:
            tree.plan({"x": entry}, present, owned)
        assert str(caught.value) == verb + ", and this collection did not make it; remove or rename it"
    else:
        expected = () if verb is None else (Action("replace" if " " in verb else verb, "x", entry, before),)
        assert tree.plan({"x": entry}, present, owned) == expected


MADE = {
    "d": tree.directory("d"),
    "d/e": tree.directory("d/e"),
    "d/e/f": tree.file("d/e/f", 0o644, "new"),
    "d/l": tree.link("d/l", "/new"),
    "d-z": tree.directory("d-z"),
}
UNTOUCHED = {
    "d": Observed("directory", 0o755, children=2),
    "d/e": Observed("directory", 0o755, children=1),
    "d/e/f": Observed("file", 0o644, NEW, b"new"),
    "d/l": Observed("link", content=b"/new"),
    "d-z": Observed("directory", 0o755, children=0),
}
# What is on disk otherwise than as it was made, and what is removed.
REMOVALS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "untouched": ({}, ["d/l", "d/e/f", "d/e", "d-z", "d"]),
    "already gone": (dict.fromkeys(UNTOUCHED), []),
    "a file already gone": (
        {"d/e/f": None, "d/e": Observed("directory", 0o755, children=0)},
        ["d/l", "d/e", "d-z", "d"],
    ),
    "other mode and owner": (
        {"d/e/f": Observed("file", 0o600, NEW, b"new", owned=False), "d-z": Observed("directory", 0o700, children=0)},
        ["d/l", "d/e/f", "d/e", "d-z", "d"],
    ),
    "a file with other content": ({"d/e/f": Observed("file", 0o644, OLD, b"old")}, ["d/l", "d-z"]),
    "a file with another name": ({"d/e/f": Observed("file", 0o644, NEW, b"new", single=False)}, ["d/l", "d-z"]),
    "a file that is too large now": ({"d/e/f": Observed("file", 0o644, "", None)}, ["d/l", "d-z"]),
    "a link elsewhere": ({"d/l": Observed("link", content=b"/etc")}, ["d/e/f", "d/e", "d-z"]),
    "a link that became a file": ({"d/l": Observed("file", 0o644, NEW, b"new")}, ["d/e/f", "d/e", "d-z"]),
    "a file that became a link": ({"d/e/f": Observed("link", content=b"/etc/passwd")}, ["d/l", "d-z"]),
    "a file that became a fifo": ({"d/e/f": Observed("other", 0o644)}, ["d/l", "d-z"]),
    "a directory that became a link": (
        {"d/e": Observed("link", content=b"/etc"), "d/e/f": None},
        ["d/l", "d-z"],
    ),
    "a directory with more in it": ({"d/e": Observed("directory", 0o755, children=2)}, ["d/l", "d/e/f", "d-z"]),
    "an outer directory with more in it": (
        {"d": Observed("directory", 0o755, children=3)},
        ["d/l", "d/e/f", "d/e", "d-z"],
    ),
}


@pytest.mark.parametrize(("otherwise", "removed"), REMOVALS.values(), ids=REMOVALS)
def test_removals(otherwise: dict[str, Any], removed: list[str]) -> None:
    present = {path: found for path, found in {**UNTOUCHED, **otherwise}.items() if found}
    assert tree.plan({}, present, MADE) == tuple(Action("remove", path, None, present[path]) for path in removed)


def test_what_is_still_wanted_is_not_removed() -> None:
    actions = tree.plan({"d": MADE["d"], "d/e": MADE["d/e"]}, UNTOUCHED, MADE)
    assert [(action.verb, action.path) for action in actions] == [
        ("remove", "d/l"),
        ("remove", "d/e/f"),
        ("remove", "d-z"),
    ]


def test_what_a_manifest_keeps_is_enough_for_a_removal() -> None:
    kept = {path: tree.entry_of_record(path, tree.record(entry)) for path, entry in MADE.items()}
    assert tree.plan({}, UNTOUCHED, kept) == tree.plan({}, UNTOUCHED, MADE)


def test_a_directory_of_ours_becomes_a_file() -> None:
    wanted = {"d": tree.file("d", 0o644, "new"), "d-z": MADE["d-z"]}
    assert [(action.verb, action.path) for action in tree.plan(wanted, UNTOUCHED, MADE)] == [
        ("remove", "d/l"),
        ("remove", "d/e/f"),
        ("remove", "d/e"),
        ("replace", "d"),
    ]


def test_parents_come_first() -> None:
    wanted = {path: MADE[path] for path in ("d", "d/e", "d/e/f")}
    actions = tree.plan(wanted, {}, {})
    assert [(action.verb, action.path) for action in actions] == [
        ("create", "d"),
        ("create", "d/e"),
        ("create", "d/e/f"),
    ]


RECORDS = {
    "directory": (WANTED["directory"], ("directory", "0755", "", "0")),
    "file": (WANTED["file"], ("file", "0644", NEW, "3")),
    "copied": (WANTED["copied"], ("file", "0644", NEW, "3")),
    "link": (WANTED["link"], ("link", "0777", "/new", "0")),
}


@pytest.mark.parametrize(("entry", "record"), RECORDS.values(), ids=RECORDS)
def test_records(entry: Entry, record: tree.Record) -> None:
    assert tree.record(entry) == record
    assert tree.record(tree.entry_of_record("x", record)) == record


@pytest.mark.parametrize(("path", "above"), [("a", []), ("a/b", ["a"]), ("a/b/c", ["a", "a/b"])])
def test_parents(path: str, above: list[str]) -> None:
    assert list(tree.parents(path)) == above


def test_size_and_digest_count_bytes() -> None:
    entry = tree.file("x", 0o644, "é")
    assert (entry.content, entry.size) == (b"\xc3\xa9", 2)
    assert entry.digest == "4a99557e4033c3539de2eb65472017cad5f9557f7a0625a09f1c3f6e2ba69c4c"


def linked(verb: str, names: list[str]) -> list[Action]:
    """Links in one directory."""
    return [Action(verb, f"rootfs/bin/{name}", tree.link(f"rootfs/bin/{name}", "/bin/busybox")) for name in names]


DESCRIPTIONS: dict[str, tuple[list[Action], list[str]]] = {
    "nothing": ([], []),
    "create": (
        [Action("create", "d", tree.directory("d")), Action("create", "d/f", tree.file("d/f", 0o644, ""))],
        ["create directory d", "create file d/f"],
    ),
    "replace": ([Action("replace", "f", tree.file("f", 0o644, ""), PRESENT["link"])], ["replace file f"]),
    "adjust": (
        [Action("adjust", "tmp", tree.directory("tmp", 0o1777), PRESENT["directory"])],
        ["adjust directory tmp to 1777"],
    ),
    "remove": (
        [Action("remove", "f", None, PRESENT["file"]), Action("remove", "d", None, PRESENT["directory"])],
        ["remove file f", "remove directory d"],
    ),
    "five links": (linked("create", ["a", "b", "c", "d", "e"]), ["create in rootfs/bin: a, b, c, d, e"]),
    "six links": (linked("create", ["a", "b", "c", "d", "e", "f"]), ["create in rootfs/bin: 6 links"]),
    "links of two kinds": (
        [*linked("create", ["a"]), *linked("replace", ["b"]), Action("remove", "l", None, PRESENT["link"])],
        ["create in rootfs/bin: a", "replace in rootfs/bin: b", "remove in : l"],
    ),
}


@pytest.mark.parametrize(("actions", "lines"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_describe(actions: list[Action], lines: list[str]) -> None:
    assert tree.describe(tuple(actions)) == lines


LISTED = {
    "directory": ("directory", "directory 0755 x\n"),
    "directory of another owner": ("directory of another owner", "directory 0755 x owner 1000:100\n"),
    "directory of nobody": ("directory of nobody", "directory 0755 x (not owned by a user of the container)\n"),
    "file": ("file", "file 0644 x sha256:11507a0e2f5e69d5\n"),
    "file with another name": (
        "file with another name",
        "file 0644 x sha256:11507a0e2f5e69d5 (has other names)\n",
    ),
    "file with another mode": ("file with another mode", "file 4755 x sha256:11507a0e2f5e69d5\n"),
    "link": ("link", "link x -> /new\n"),
    "other": ("fifo or device", "other 0644 x\n"),
}


@pytest.mark.parametrize(("found", "line"), LISTED.values(), ids=LISTED)
def test_listing(found: str, line: str) -> None:
    assert tree.listing((Action("remove", "x", None, PRESENT[found]),)) == (line, "")


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/etc\nfile 0644 rootfs/etc/passwd", "/etc\\nfile 0644 rootfs/etc/passwd"),
        (b"/etc\n", "/etc\\n"),
        (b"\x1b[2J\r", "\\x1b[2J\\r"),
        (b"\xff/a b", "\\xff/a b"),
        (b"", ""),
    ],
    ids=["lines", "line at its end", "escapes", "not UTF-8", "empty"],
)
def test_a_link_that_a_container_made_is_one_line(target: bytes, shown: str) -> None:
    before, _after = tree.listing((Action("remove", "x", None, Observed("link", content=target)),))
    assert before == f"link x -> {shown}\n"


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"plain\n\ttext\n", "plain\n\ttext\n"),
        ("caf\u00e9 \u20ac".encode(), "caf\u00e9 \u20ac"),
        (b"\x1b[31mred\x07\x00", "\\x1b[31mred\\x07\\x00"),
        (b"a\r\nb", "a\\r\nb"),
        (b"\xff\xfe", "\\xff\\xfe"),
        ("a\u2028b\u202ec\u0085d\u00a0".encode(), "a\\u2028b\\u202ec\\x85d\\xa0"),
    ],
    ids=["plain", "letters", "escapes", "carriage return", "not UTF-8", "separators"],
)
def test_content_that_a_container_wrote_is_printable(content: bytes, shown: str) -> None:
    assert tree.printable(content) == shown


def test_no_diff_of_nothing() -> None:
    assert tree.diffs("hmi", ()) == []


def test_diffs() -> None:
    motd = tree.file("rootfs/etc/motd", 0o644, "new")
    busybox = tree.copied("rootfs/bin/busybox", 0o755, "/bin/busybox", NEW, 3)
    actions = (
        Action("remove", "rootfs/gone", None, Observed("file", 0o644, OLD, b"secret")),
        Action("create", "rootfs", tree.directory("rootfs")),
        Action("replace", "rootfs/etc/motd", motd, Observed("file", 0o644, OLD, b"\x1bold")),
        Action("adjust", "rootfs/etc/mode", tree.file("rootfs/etc/mode", 0o600, "new"), PRESENT["file"]),
        Action("create", "rootfs/bin/busybox", busybox),
        Action("replace", "rootfs/etc/link", tree.file("rootfs/etc/link", 0o644, "new"), PRESENT["link elsewhere"]),
    )
    assert tree.diffs("hmi", actions) == [
        {
            "before_header": "hmi",
            "after_header": "hmi",
            "before": "file 0644 rootfs/gone sha256:cba06b5736faf67e\n"
            "file 0644 rootfs/etc/motd sha256:cba06b5736faf67e\n"
            "file 0644 rootfs/etc/mode sha256:11507a0e2f5e69d5\n"
            "link rootfs/etc/link -> /etc/shadow\n",
            "after": "directory 0755 rootfs\n"
            "file 0644 rootfs/etc/motd sha256:11507a0e2f5e69d5\n"
            "file 0600 rootfs/etc/mode sha256:11507a0e2f5e69d5\n"
            "file 0755 rootfs/bin/busybox sha256:11507a0e2f5e69d5\n"
            "file 0644 rootfs/etc/link sha256:11507a0e2f5e69d5\n",
        },
        {
            "before_header": "hmi/rootfs/etc/motd",
            "after_header": "hmi/rootfs/etc/motd",
            "before": "\\x1bold",
            "after": "new",
        },
        {
            "before_header": "hmi/rootfs/etc/link",
            "after_header": "hmi/rootfs/etc/link",
            "before": "",
            "after": "new",
        },
    ]


def test_no_diff_shows_a_secret() -> None:
    def config(text: str) -> bytes:
        return b"lxc.a = 1\n" + text.encode()

    def shown(old: str, new: str) -> tuple[str, str]:
        before = Observed("file", 0o600, OLD, config(old))
        action = Action("replace", "config", tree.file("config", 0o600, config(new).decode()), before)
        listing, text = tree.diffs("hmi", (action,))
        assert "hunter" not in str((listing, text))
        assert ("sha256:****" in listing["after"]) == (tree.SECRET in new)
        assert ("sha256:****" in listing["before"]) == (tree.SECRET in old)
        return text["before"], text["after"]

    first, second = (
        "%s\nlxc.environment = T=%s\nlxc.b = 2\n" % (tree.SECRET, value) for value in ("hunter1", "hunter=2")
    )
    masked = "lxc.a = 1\n%s\nlxc.environment = T=********\nlxc.b = 2\n" % tree.SECRET
    assert shown(first, second) == (masked, masked + "# A secret value has changed.\n")
    assert shown(first, "lxc.b = 2\n") == (masked, "lxc.a = 1\nlxc.b = 2\n")
    assert shown("", second) == ("lxc.a = 1\n", masked)


def test_a_file_that_was_not_read_has_no_text_in_a_diff() -> None:
    action = Action("replace", "x", WANTED["file"], PRESENT["file that was not read"])
    assert tree.diffs("hmi", (action,))[1]["before"] == ""


def test_a_step_without_what_it_needs_is_a_defect() -> None:
    assert Action("create", "x", WANTED["link"]).wanted() == WANTED["link"]
    assert Action("remove", "x", None, PRESENT["link"]).found() == PRESENT["link"]
    with pytest.raises(ValueError, match="remove x has no entry"):
        Action("remove", "x", None, PRESENT["link"]).wanted()
    with pytest.raises(ValueError, match="create x has nothing before"):
        Action("create", "x", WANTED["link"]).found()


@pytest.mark.parametrize(("children", "verbs"), [(1, ["remove", "replace"]), (2, None)], ids=["ours", "not ours"])
def test_a_directory_makes_room_where_all_in_it_is_ours_to_remove(children: int, verbs: list[str] | None) -> None:
    present = {"d": Observed("directory", 0o755, children=children), "d/f": Observed("file", 0o644, NEW, b"new")}
    owned = {"d": tree.directory("d"), "d/f": tree.file("d/f", 0o644, "new")}
    wanted = {"d": tree.file("d", 0o644, "new")}
    if verbs:
        assert [action.verb for action in tree.plan(wanted, present, owned)] == verbs
        return
    with pytest.raises(ContainerError) as caught:
        tree.plan(wanted, present, owned)
    assert str(caught.value) == "d: a directory that is not empty lies where a file is wanted; empty or rename it"


def test_what_is_shared_is_known_by_its_identity() -> None:
    one, other = tree.Shared({"a": tree.directory("a")}), tree.Shared({"a": tree.directory("a")})
    assert one == other
    assert hash(one) != hash(other)


OWNED = tree.copied("x", 0o640, "/objects/new", NEW, 3, (1000, 100))


def test_a_record_names_an_owner_that_is_not_root() -> None:
    assert tree.record(OWNED) == ("file", "0640", NEW, "3", "1000:100")
    assert tree.record(OWNED._replace(owner=(0, 0))) == ("file", "0640", NEW, "3")
    assert tree.record(tree.directory("x", 0o700, (0, 5))) == ("directory", "0700", "", "0", "0:5")
    assert tree.entry_of_record("x", tree.record(OWNED)) == OWNED._replace(source=None)


def test_the_owner_is_shown() -> None:
    actions = (
        Action("create", "x", OWNED),
        Action("adjust", "d", tree.directory("d", 0o755, (7, 8)), Observed("directory", 0o700)),
    )
    assert tree.describe(actions) == ["create file x", "adjust directory d to 0755 owner 7:8"]
    before, after = tree.listing(actions)
    assert before == "directory 0700 d\n"
    assert after == "file 0640 x sha256:%s owner 1000:100\ndirectory 0755 d owner 7:8\n" % NEW[:16]
