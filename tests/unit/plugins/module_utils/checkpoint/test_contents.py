# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints as data: what is kept of an entry, what comes back, and when a restart is due."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.checkpoint import contents
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.checkpoint.contents import Index, Kept, Saved
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.tree import (
    DIRECTORY,
    FILE,
    LINK,
    OTHER,
    Observed,
)

CONF = tree.file("rootfs/etc/conf", 0o644, "a")
DIGEST, OTHER_DIGEST = CONF.digest, "cd" * 32
BIG = tree.copied("rootfs/bin/busybox", 0o755, "/bin/busybox", DIGEST, 2000000)
ETC, LS = tree.directory("rootfs/etc"), tree.link("rootfs/bin/ls", "/bin/busybox")
# What we made, what is there; what is kept of it, and whether that is all.
KEPT: dict[str, tuple[tree.Entry, Any, Any, bool]] = {
    "a file": (CONF, Observed(FILE, 0o644, DIGEST, b"a"), (FILE, "0644", DIGEST, "1"), True),
    "a file with other content": (
        CONF,
        Observed(FILE, 0o644, OTHER_DIGEST, b"abc"),
        (FILE, "0644", OTHER_DIGEST, "3"),
        True,
    ),
    "an empty file": (CONF, Observed(FILE, 0o644, OTHER_DIGEST, b""), (FILE, "0644", OTHER_DIGEST, "0"), True),
    "a file with another mode": (CONF, Observed(FILE, 0o4711, DIGEST, b"a"), (FILE, "4711", DIGEST, "1"), True),
    "a file of another owner": (
        CONF,
        Observed(FILE, 0o6755, DIGEST, b"a", owned=False),
        (FILE, "0755", DIGEST, "1"),
        True,
    ),
    "a file of the owner that it should have": (
        CONF._replace(owner=(7, 8)),
        Observed(FILE, 0o4755, OTHER_DIGEST, b"abc", owner=(7, 8)),
        (FILE, "4755", OTHER_DIGEST, "3", "7:8"),
        True,
    ),
    "a file of another owner than it should have": (
        CONF._replace(owner=(7, 8)),
        Observed(FILE, 0o4755, DIGEST, b"a", owned=False),
        (FILE, "0755", DIGEST, "1", "7:8"),
        True,
    ),
    "a directory of somebody": (
        tree.directory("rootfs/etc", 0o755, (7, 8)),
        Observed(DIRECTORY, 0o2755, owner=(7, 8)),
        (DIRECTORY, "2755", "", "0", "7:8"),
        True,
    ),
    "a file with other names": (
        CONF,
        Observed(FILE, 0o644, DIGEST, b"a", single=False),
        (FILE, "0644", DIGEST, "1"),
        True,
    ),
    "a large file": (BIG, Observed(FILE, 0o755, DIGEST), (FILE, "0755", DIGEST, "2000000"), True),
    "a large file with other content": (
        BIG,
        Observed(FILE, 0o755, OTHER_DIGEST),
        (FILE, "0755", OTHER_DIGEST, "2000000"),
        True,
    ),
    "a file that has grown large": (CONF, Observed(FILE, 0o644), None, False),
    "a link": (LS, Observed(LINK, content=b"/bin/busybox"), (LINK, "0777", "/bin/busybox", "0"), True),
    "a link to elsewhere": (LS, Observed(LINK, content=b"/a\xff"), (LINK, "0777", "/a\udcff", "0"), True),
    "a directory": (ETC, Observed(DIRECTORY, 0o755), (DIRECTORY, "0755", "", "0"), True),
    "a directory with another mode": (ETC, Observed(DIRECTORY, 0o700), (DIRECTORY, "0700", "", "0"), True),
    "a directory of another owner": (
        ETC,
        Observed(DIRECTORY, 0o2755, owned=False),
        (DIRECTORY, "0755", "", "0"),
        True,
    ),
    "nothing": (CONF, None, None, True),
    "a link for a directory": (ETC, Observed(LINK, content=b"/etc"), (DIRECTORY, "0755", "", "0"), False),
    "a link for a file": (CONF, Observed(LINK, content=b"/etc/shadow"), None, False),
    "a pipe for a file": (CONF, Observed(OTHER), None, False),
    "a directory for a file": (CONF, Observed(DIRECTORY, 0o755), None, False),
    "a file for a link": (LS, Observed(FILE, 0o755, DIGEST, b"a"), (LINK, "0777", "/bin/busybox", "0"), False),
}


@pytest.mark.parametrize(("owned", "found", "kept", "whole"), KEPT.values(), ids=KEPT)
def test_what_is_kept(owned: tree.Entry, found: Any, kept: Any, whole: bool) -> None:
    assert contents.keep(owned, found) == (kept, whole)


OLD, NOW = Moment("boot", 5.0), Moment("boot", 9.0)
ROOTFS = Stage({"rootfs": tree.record(tree.directory("rootfs")), "rootfs/etc": tree.record(ETC)}, OLD)
CONFIG = Stage({"config": tree.record(tree.file("config", 0o600, "b"))}, Moment("boot", 4.0))
SAVED = Manifest("id", {"config": CONFIG, "rootfs": ROOTFS})
NEWER = Manifest(
    "other",
    {
        "config": CONFIG,
        "rootfs": Stage({**ROOTFS.entries, "rootfs/new": CONFIG.entries["config"]}, Moment("boot", 7.0)),
    },
)
# The manifest of now, the paths that change; when each stage has changed then.
AFTER: dict[str, tuple[Manifest, list[str], dict[str, Any]]] = {
    "nothing there": (Manifest(), ["config", "rootfs", "rootfs/etc"], {"config": NOW, "rootfs": NOW}),
    "nothing changes": (SAVED, [], {"config": CONFIG.changed, "rootfs": OLD}),
    "an entry of then": (SAVED, ["rootfs/etc"], {"config": CONFIG.changed, "rootfs": NOW}),
    "an entry that has come": (NEWER, ["rootfs/new"], {"config": CONFIG.changed, "rootfs": NOW}),
    "changed meanwhile and right by now": (NEWER, [], {"config": CONFIG.changed, "rootfs": Moment("boot", 7.0)}),
}


@pytest.mark.parametrize(("current", "seen", "changed"), AFTER.values(), ids=AFTER)
def test_the_manifest_after(current: Manifest, seen: list[str], changed: Any) -> None:
    after = contents.after(SAVED, current, seen, NOW)
    assert {name: stage.changed for name, stage in after.stages.items()} == changed
    assert contents.same_entries(after, SAVED)


def test_what_a_command_has_been_told_meanwhile_stays_told() -> None:
    told = SAVED.with_stage("rootfs", ROOTFS._replace(reload=Moment("boot", 8.0)))
    assert contents.after(told, SAVED, [], NOW).to_reload() == ()
    assert contents.after(SAVED, told, [], NOW).to_reload() == (Moment("boot", 8.0),)


def test_the_same_entries() -> None:
    later = Manifest("id", {"config": CONFIG, "rootfs": Stage(ROOTFS.entries, NOW)})
    assert contents.same_entries(later, SAVED)
    assert not contents.same_entries(NEWER, SAVED)
    assert not contents.same_entries(Manifest("other", SAVED.stages), SAVED)
    assert not contents.same_entries(Manifest("id", {"rootfs": ROOTFS}), SAVED)


def test_what_comes_back() -> None:
    link = (LINK, "0777", "/a\udcff", "0")
    drifted = {"rootfs/etc": (DIRECTORY, "0700", "", "0"), "rootfs/etc/conf": tree.record(CONF), "rootfs/gone": None}
    wanted = Saved(tree.Access(0o700), SAVED, {**drifted, "rootfs/link": link}).wanted("/objects")
    assert list(wanted) == ["rootfs", "rootfs/etc", "rootfs/etc/conf", "rootfs/link", "config"]
    assert wanted["rootfs/etc"] == tree.directory("rootfs/etc", 0o700)
    assert wanted["rootfs/etc/conf"] == tree.copied("rootfs/etc/conf", 0o644, f"/objects/{DIGEST}", DIGEST, 1)
    assert wanted["rootfs/link"].content == b"/a\xff"
    assert wanted["config"].mode == 0o600


CHECKS = [{"command": ["true", ""]}, {"tcp": 80, "timeout": 5}, {"file": "/a", "stable": 0}]
READY = (
    {"command": ["true", ""], "timeout": 30.0, "stable": 1.0},
    {"tcp": 80, "timeout": 5.0, "stable": 1.0},
    {"file": "/a", "timeout": 30.0, "stable": 0.0},
)
INDEX = Index(
    "release 7",
    "2026-11-25T02:00:00Z",
    {"a": Kept("RUNNING", 3, READY), "b": Kept("STOPPED", 2), "c": Kept("FROZEN", 1), "d": Kept("INCOMPLETE", 0)},
)


def test_the_checks_are_kept_as_a_spec_has_them() -> None:
    (container,) = parse.parse_containers([{"name": "a", "ready": CHECKS}], {})
    assert contents.ready_of(container.ready) == READY
    (again,) = parse.parse_containers([{"name": "a", "ready": list(READY)}], {})
    assert again == container


def test_the_specs_of_a_checkpoint() -> None:
    specs = contents.specs(INDEX)
    assert [(one["name"], one["state"]) for one in specs] == [("a", "started"), ("b", "stopped"), ("c", "frozen")]
    assert len(parse.parse_containers(specs, {})) == 3


def test_the_listing() -> None:
    assert (
        contents.listing(INDEX)
        == "a: RUNNING, 3 entries\nb: STOPPED, 2 entries\nc: FROZEN, 1 entries\nd: INCOMPLETE, 0 entries\n"
    )


def test_texts_and_back() -> None:
    assert contents.parse_index(contents.render_index(INDEX)) == INDEX
    saved = Saved(tree.Access(0o710, 100000), SAVED, {"rootfs/x": None, "rootfs/y": (LINK, "0777", "/a\udcff", "0")})
    text = contents.render_saved(saved)
    assert contents.parse_saved(text) == saved
    assert text.isascii()


GOOD_INDEX, GOOD_SAVED = (
    json.loads(contents.render_index(INDEX)),
    json.loads(contents.render_saved(Saved(tree.Access(0o700), SAVED))),
)
DAMAGED = "the checkpoint is damaged; drop it with state=absent"
NEWEST = "the checkpoint has the version 2, not known here; use a newer collection"
BAD: dict[str, tuple[Any, str, str]] = {
    "empty": (contents.parse_index, "", DAMAGED),
    "cut off": (contents.parse_index, contents.render_index(INDEX)[:-10], DAMAGED),
    "a list": (contents.parse_index, "[]", DAMAGED),
    "of a newer version": (contents.parse_index, json.dumps({**GOOD_INDEX, "version": 2}), NEWEST),
    "without containers": (contents.parse_index, json.dumps({"version": 1, "id": "", "taken": ""}), DAMAGED),
    "with an unknown state": (
        contents.parse_index,
        json.dumps({**GOOD_INDEX, "containers": {"a": {"state": "LOST", "entries": 1, "ready": []}}}),
        DAMAGED,
    ),
    "one empty": (contents.parse_saved, "", DAMAGED),
    "one of a newer version": (contents.parse_saved, json.dumps({**GOOD_SAVED, "version": 2}), NEWEST),
    "one with a bad mode": (contents.parse_saved, json.dumps({**GOOD_SAVED, "mode": "rwx"}), DAMAGED),
    "one with a bad entry": (contents.parse_saved, json.dumps({**GOOD_SAVED, "drifted": {"a": ["file"]}}), DAMAGED),
    "one without a manifest": (contents.parse_saved, json.dumps({**GOOD_SAVED, "manifest": None}), DAMAGED),
}


@pytest.mark.parametrize(("parse", "text", "sentence"), BAD.values(), ids=BAD)
def test_a_damaged_checkpoint(parse: Any, text: str, sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        parse(text)
    assert str(caught.value) == sentence


def test_the_owner_comes_back() -> None:
    for entry in (
        tree.copied("rootfs/a", 0o644, "/objects/" + DIGEST, DIGEST, 1, (7, 8)),
        tree.directory("d", 0o700, (0, 8)),
    ):
        assert contents.entry_of(entry.path, tree.record(entry), "/objects") == entry
