# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints on disk, as far as they need neither root nor LXC: taking one, planning what comes back, dropping it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.checkpoint import contents, restore
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import (
    beneath,
    checkpoint_store,
    places,
    removal,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import states, survey
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import checkpoint as checkpointing

BIG = "x" * 100000
ENTRIES = [
    tree.directory("rootfs"),
    tree.directory("rootfs/bin"),
    tree.file("rootfs/bin/big", 0o755, BIG),
    tree.link("rootfs/bin/ls", "/bin/busybox"),
    tree.file("rootfs/conf", 0o644, "a\n"),
]
CONFIG = tree.file("config", 0o600, "lxc.uts.name = hmi\n")


@pytest.fixture(name="lxc_path")
def fixture_lxc_path(tmp_path: Path) -> str:
    """A lxc path with two containers that are as they were made."""
    place = tmp_path / "lxc"
    for name in ("hmi", "radio"):
        make(place / name, [*ENTRIES, CONFIG])
    return str(place)


def make(root: Path, entries: list[tree.Entry]) -> None:
    """A container with these entries and their manifest."""
    root.mkdir(parents=True, mode=0o700)
    for entry in entries:
        path = root / entry.path
        if entry.kind == tree.DIRECTORY:
            path.mkdir()
        elif entry.kind == tree.LINK:
            path.symlink_to(os.fsdecode(entry.content))
        else:
            path.write_bytes(entry.content)
        if entry.kind != tree.LINK:
            path.chmod(entry.mode)
    stages = {
        "rootfs": Stage({one.path: tree.record(one) for one in entries if one is not CONFIG}, Moment("boot", 1.0)),
        "config": Stage({CONFIG.path: tree.record(CONFIG)}, Moment("boot", 1.0)),
    }
    (root / "manifest").write_text(manifest.render(Manifest("id", stages)), encoding="ascii")


def take(lxc_path: str, finish: bool = True) -> list[dict[str, Any]]:
    """Take a checkpoint as the module does, without the locks, which need root."""
    taking = checkpointing.Taking(lxc_path, checkpoint_store.begin_checkpoint(lxc_path))
    found: states.Survey = {name: states.ActualState("STOPPED") for name in ("hmi", "radio")}
    items, kept = checkpointing.keep_all(taking, ["hmi", "radio"], found, {"hmi": ({"tcp": 80},)})
    checkpoint_store.keep_text(str(taking.place), "index.json", contents.render_index(contents.Index("x", "now", kept)))
    if finish:
        checkpoint_store.finish_checkpoint(lxc_path)
    return items


def planned(lxc_path: str, name: str = "hmi") -> tuple[list[str], restore.Outcome, Any]:
    """What would bring back one container, without what only root can have right: the owner."""
    outcome = restore.Outcome()
    plan = restore.plan(lxc_path, name, set(), outcome)
    adjusts = os.geteuid() != 0
    return [line for line in plan.changes if not (adjusts and line.startswith("adjust"))], outcome, plan


def test_each_content_is_kept_once(lxc_path: str) -> None:
    items = take(lxc_path)
    assert [item["changes"] for item in items] == [["keep 6 entries"]] * 2
    place = Path(lxc_path, ".checkpoint")
    assert sorted(path.name for path in place.iterdir()) == ["containers", "index.json", "objects"]
    assert sorted(path.name for path in (place / "containers").iterdir()) == ["hmi.json", "radio.json"]
    files_of = [entry for entry in [*ENTRIES, CONFIG] if entry.kind == tree.FILE]
    assert {path.name for path in (place / "objects").iterdir()} == {entry.digest for entry in files_of}
    assert {path.read_bytes() for path in (place / "objects").iterdir()} == {entry.content for entry in files_of}
    assert {path.stat().st_mode & 0o777 for path in place.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [place, *place.rglob("*")] if path.is_dir()} == {0o700}


def test_it_is_nobodys_container(lxc_path: str) -> None:
    take(lxc_path)
    assert survey.names_with(lxc_path, "config", "manifest") == ["hmi", "radio"]
    assert places.leftovers(lxc_path, "checkpoint") == ()


def test_a_container_of_that_name_is_another_thing(lxc_path: str) -> None:
    take(lxc_path, finish=False)
    removal.sweep(lxc_path, "checkpoint")
    assert len(os.listdir(places.building(lxc_path, places.CHECKPOINT))) == 3


def test_the_index(lxc_path: str) -> None:
    assert restore.read_index(lxc_path) is None
    take(lxc_path)
    index = restore.read_index(lxc_path)
    assert index is not None
    assert contents.specs(index) == [
        {"name": "hmi", "state": "stopped", "ready": [{"tcp": 80}]},
        {"name": "radio", "state": "stopped", "ready": []},
    ]


@pytest.mark.parametrize("text", ["", "{}", None], ids=["empty", "without a version", "missing"])
def test_a_damaged_index(lxc_path: str, text: Any) -> None:
    take(lxc_path)
    path = Path(lxc_path, ".checkpoint", "index.json")
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="ascii")
    with pytest.raises(RefusedError) as caught:
        restore.read_index(lxc_path)
    assert str(caught.value) == f"{lxc_path}/.checkpoint: the checkpoint is damaged; drop it with state=absent"


def test_nothing_to_bring_back(lxc_path: str) -> None:
    take(lxc_path)
    changes, outcome, _plan = planned(lxc_path)
    assert changes == []
    if os.geteuid() == 0:
        assert (outcome.due, outcome.predicted) == (set(), {})


def test_what_a_change_would_bring_back(lxc_path: str) -> None:
    take(lxc_path)
    root = Path(lxc_path, "hmi")
    (root / "config").write_text("lxc.uts.name = other\n", encoding="ascii")
    (root / "rootfs/bin/big").write_text("small", encoding="ascii")
    (root / "rootfs/bin/ls").unlink()
    (root / "rootfs/payload").write_text("mine", encoding="ascii")
    changes, outcome, plan = planned(lxc_path)
    assert changes == [
        "replace file rootfs/bin/big",
        "replace file config",
        "create in rootfs/bin: ls",
    ]
    assert (outcome.due, outcome.predicted) == ({"hmi"}, {"hmi": (True, Ids(), False)})
    config = next(diff for diff in plan.diffs() if diff["before_header"] == "hmi/config")
    assert (config["before"], config["after"]) == ("lxc.uts.name = other\n", "lxc.uts.name = hmi\n")


def test_a_container_that_has_gone(lxc_path: str) -> None:
    take(lxc_path)
    removal.remove_container(lxc_path, "hmi")
    changes, _outcome, plan = planned(lxc_path)
    assert changes[0] == "create directory rootfs"
    assert changes[-2:] == ["create file config", "create in rootfs/bin: ls"]
    assert plan.change.access == tree.Access(0o700)


def test_what_had_drifted_comes_back(lxc_path: str) -> None:
    root = Path(lxc_path, "hmi", "rootfs")
    (root / "conf").write_text("drifted\n", encoding="ascii")
    (root / "conf").chmod(0o600)
    (root / "bin/ls").unlink()
    take(lxc_path)
    assert planned(lxc_path)[0] == []
    (root / "conf").write_text("a\n", encoding="ascii")
    (root / "conf").chmod(0o644)
    (root / "bin/ls").symlink_to("/bin/busybox")
    _changes, _outcome, plan = planned(lxc_path)
    wanted = {action.path: (action.verb, action.entry) for action in plan.change.actions}
    assert wanted["rootfs/bin/ls"] == ("remove", None)
    assert wanted["rootfs/conf"][0] == "replace"
    assert (wanted["rootfs/conf"][1].mode, wanted["rootfs/conf"][1].content) == (0o600, b"drifted\n")


def test_what_cannot_be_kept_is_named(lxc_path: str) -> None:
    root = Path(lxc_path, "hmi", "rootfs")
    (root / "conf").unlink()
    os.mkfifo(root / "conf")
    (root / "bin/big").unlink()
    (root / "bin/big").symlink_to("/etc/passwd")
    assert take(lxc_path)[0]["not_kept"] == ["rootfs/bin/big", "rootfs/conf"]


@pytest.mark.parametrize("content", [b"other", None], ids=["other", "missing"])
def test_a_content_that_is_no_longer_what_was_kept(lxc_path: str, content: Any) -> None:
    take(lxc_path)
    kept = Path(lxc_path, ".checkpoint", "objects", CONFIG.digest)
    kept.unlink()
    if content is not None:
        kept.write_bytes(content)
    Path(lxc_path, "hmi", "config").unlink()
    with pytest.raises(ContainerError) as caught:
        planned(lxc_path)
    sentence = "config: the checkpoint no longer has the content that was kept"
    assert str(caught.value) == (
        sentence if content else "config of the checkpoint cannot be read: No such file or directory"
    )


def test_a_container_that_cannot_be_kept(lxc_path: str) -> None:
    Path(lxc_path, "radio", "manifest").write_text("", encoding="ascii")
    items = take(lxc_path, finish=False)
    assert "error" not in items[0]
    assert items[1]["error"] == "manifest: the file is damaged; put back a copy or remove the container by hand"


UNSETTLED: dict[str, tuple[Any, str]] = {
    "on its way": (
        states.ActualState("STOPPING", 7),
        "it is STOPPING and cannot be kept yet; wait a moment and run again",
    ),
    "unknown": (ContainerError("LXC cannot load it"), "LXC cannot load it"),
}


@pytest.mark.parametrize(("found", "sentence"), UNSETTLED.values(), ids=UNSETTLED)
def test_a_state_that_cannot_be_kept(lxc_path: str, found: Any, sentence: str) -> None:
    items, kept = checkpointing.keep_all(checkpointing.Taking(lxc_path, None), ["hmi"], {"hmi": found}, {})
    assert (items[0]["error"], items[0]["changed"], kept) == (sentence, False, {})


def test_check_mode_writes_nothing_and_tells_the_same(lxc_path: str) -> None:
    before = sorted(Path(lxc_path).rglob("*"))
    items, diffs, index = checkpointing.take(Tools(lxc_path), "x", {}, True)
    assert sorted(Path(lxc_path).rglob("*")) == before
    assert [item["changes"] for item in items] == [item["changes"] for item in take(lxc_path)]
    assert diffs[0]["after"] == "hmi: STOPPED, 6 entries\nradio: STOPPED, 6 entries\n"
    assert index is not None and list(index.containers) == ["hmi", "radio"]


def test_an_interrupted_one_does_not_count_and_goes(lxc_path: str) -> None:
    take(lxc_path, finish=False)
    assert restore.read_index(lxc_path) is None
    take(lxc_path)
    assert sorted(os.listdir(lxc_path)) == [".checkpoint", "hmi", "radio"]
    checkpoint_store.drop_checkpoint(lxc_path)
    assert sorted(os.listdir(lxc_path)) == ["hmi", "radio"]
    take(lxc_path, finish=False)
    checkpoint_store.drop_checkpoint(lxc_path)
    assert sorted(os.listdir(lxc_path)) == ["hmi", "radio"]


def test_what_has_come_since_then(lxc_path: str) -> None:
    take(lxc_path)
    make(Path(lxc_path, "new"), ENTRIES)
    Path(lxc_path, ".half.new").mkdir()
    Path(lxc_path, ".work.new", "of somebody").mkdir(parents=True)
    Path(lxc_path, "theirs").mkdir()
    Path(lxc_path, "theirs", "config").touch()
    Path(places.building(lxc_path, places.CHECKPOINT)).mkdir()
    index = restore.read_index(lxc_path)
    assert index is not None
    assert restore.newcomers(lxc_path, index) == ["half", "new"]


def test_who_replaces_a_file_meanwhile_keeps_the_others_from_no_checkpoint(
    lxc_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = beneath.look

    def slow(directories: beneath.Directories, expected: tree.Entry, count: bool) -> Any:
        found = look(directories, expected, count)
        if expected.path == "rootfs/conf" and directories.root.endswith("/hmi"):
            os.unlink(os.path.join(lxc_path, "hmi", expected.path))
            os.mkfifo(os.path.join(lxc_path, "hmi", expected.path))
        return found

    monkeypatch.setattr(beneath, "look", slow)
    assert [item["not_kept"] for item in take(lxc_path)] == [["rootfs/conf"], []]
    assert restore.read_index(lxc_path) is not None


def test_a_file_that_grows_meanwhile_is_not_copied_for_ever(lxc_path: str) -> None:
    place = checkpoint_store.begin_checkpoint(lxc_path)
    with beneath.Directories(os.path.join(lxc_path, "hmi")) as directories:
        assert checkpoint_store.keep_content(directories, "rootfs/conf", place, 2) == (ENTRIES[-1].digest, 2)
        with pytest.raises(ContainerError) as caught:
            checkpoint_store.keep_content(directories, "rootfs/conf", place, 1)
    assert str(caught.value) == "rootfs/conf: changed while we looked; run again"


@pytest.mark.parametrize("kind", ["link", "pipe", "linked directory"])
def test_nothing_but_a_plain_file_is_copied(lxc_path: str, kind: str) -> None:
    place = checkpoint_store.begin_checkpoint(lxc_path)
    root = Path(lxc_path, "hmi", "rootfs")
    (root / "conf").unlink()
    if kind == "link":
        (root / "conf").symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(root / "conf")
    else:
        (root / "conf").symlink_to("/etc")
    path = "rootfs/conf/passwd" if kind == "linked directory" else "rootfs/conf"
    with beneath.Directories(os.path.join(lxc_path, "hmi")) as directories, pytest.raises(ContainerError):
        checkpoint_store.keep_content(directories, path, place, 1000000)
    assert os.listdir(os.path.join(place, "objects")) == []


GIVEN: dict[str, Any] = {
    "containers": [],
    "defaults": {},
    "lxc_path": None,
    "runtime": "tools",
    "state": "present",
    "id": "",
    "settle": 0.5,
    "stop_timeout": 10.0,
    "start_timeout": 30.0,
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a label of two lines": ({"id": "a\nb"}, "id: 'a\\nb' has a line break or another control character"),
    "a label that is too long": ({"id": "a" * 201}, "id: is longer than 200 characters"),
    "a time": ({"settle": -1.0}, "settle: -1.0 is not from 0 to 86400 seconds"),
    "a spec": ({"containers": [{"name": ""}]}, "containers[0]: name: ''"),
}


@pytest.mark.parametrize(("given", "start"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], start: str) -> None:
    with pytest.raises(RefusedError) as caught:
        checkpointing.run({**GIVEN, **given}, True, False)
    assert str(caught.value).startswith(start)


def test_nothing_to_bring_back_from() -> None:
    with pytest.raises(RefusedError) as caught:
        restore.restore(Tools("/nowhere"), states.Times(0, 0, 0), True)
    assert str(caught.value) == "there is no checkpoint in /nowhere to bring back"
