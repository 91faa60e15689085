# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage plans from what is on disk; planning reads only and needs no root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.tree import Action
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import (
    busybox,
    chain,
    config,
    planning,
    rootfs,
)

HOST = Host(
    init_lxc="/usr/sbin/init.lxc",
    paths=frozenset(["/usr", "/lib", "/usr/lib"]),
    interfaces=frozenset(["lxcbr0"]),
    busyboxes={None: Binary("/bin/busybox", "ab" * 32, 1000, ("ls", "sh", "sleep"), None)},
    controllers={"devices": 1},
    seccomp=True,
    seccomp_profile="/usr/share/lxc/config/common.seccomp",
    seed="5eed",
)


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path) -> planning.Place:
    return planning.Place(
        str(tmp_path / "lxc"),
        "lxcbr0",
        HOST,
        lambda container, _before: Ids(container.security.idmap),
        lambda container, _before, _place: planning.Addressed(container),
    )


def container(**given: Any) -> records.Container:
    """A container called hmi."""
    parsed: records.Container = keys.CONTAINER({"name": "hmi", **given})
    return parsed


def make(place: planning.Place, text: str | None) -> Path:
    """The directory of the container, with the text of its manifest."""
    root = Path(place.lxc_path, "hmi")
    root.mkdir(parents=True)
    if text is not None:
        (root / "manifest").write_text(text, encoding="ascii")
    return root


def plan(stage: planning.Stage, given: records.Container, place: planning.Place, check: bool) -> planning.Planned:
    """What one stage would change of the container that is there."""
    before = planning.read_manifest(place.lxc_path, given.name) or Manifest()
    return planning.plan(stage, given, place, before, check)[0]


def test_the_chain() -> None:
    assert [stage.name for stage in chain.STAGES] == ["rootfs", "busybox", "config"]
    assert rootfs.STAGE.earlier(container()) == ()
    assert busybox.STAGE.earlier(container()) == ("rootfs",)
    assert config.STAGE.earlier(container()) == ("rootfs", "busybox")
    assert config.STAGE.earlier(container(busybox={"method": "none"})) == ("rootfs",)


@pytest.mark.parametrize(
    ("stage", "first", "last", "count"),
    [
        (rootfs.STAGE, "create directory rootfs", "create file rootfs/etc/resolv.conf", 24),
        (busybox.STAGE, "create file rootfs/bin/busybox", "create in rootfs/bin: ls, sh, sleep", 2),
        (config.STAGE, "create directory log", "create file config", 2),
    ],
    ids=["rootfs", "busybox", "config"],
)
def test_a_new_container(place: planning.Place, stage: planning.Stage, first: str, last: str, count: int) -> None:
    planned = plan(stage, container(), place, check=True)
    assert (planned.changes[0], planned.changes[-1], len(planned.changes)) == (first, last, count)
    assert planned.writes
    assert all(action.verb == "create" for action in planned.change.actions)
    assert set(planned.change.after.entries(stage.name)) == {action.path for action in planned.change.actions}
    assert planned.change.after.changed()
    assert not os.path.exists(place.lxc_path)


def test_the_directory_of_a_new_container(place: planning.Place) -> None:
    assert plan(rootfs.STAGE, container(), place, True).change.access == tree.Access(0o700)
    mapped = container(security={"idmap": ["u 0 100000 65536", "g 0 100000 65536"]})
    assert plan(rootfs.STAGE, mapped, place, True).change.access == tree.Access(0o710, 100000)


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (busybox.STAGE, "its rootfs is not there yet; run the rootfs stage first"),
        (config.STAGE, "its rootfs is not there yet; run the rootfs stage first"),
    ],
    ids=["busybox", "config"],
)
def test_a_stage_before_its_time(place: planning.Place, stage: planning.Stage, sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        plan(stage, container(), place, check=False)
    assert str(caught.value) == sentence


def test_the_config_before_busybox(place: planning.Place) -> None:
    make(place, manifest.render(Manifest("id", {"rootfs": manifest.Stage()})))
    with pytest.raises(ContainerError) as caught:
        plan(config.STAGE, container(), place, check=False)
    assert str(caught.value) == "its busybox is not there yet; run the busybox stage first"


def test_what_is_left_by_an_interrupted_run_is_a_change(place: planning.Place) -> None:
    entries = {"rootfs": tree.record(tree.directory("rootfs"))}
    root = make(place, manifest.render(Manifest("id", {"rootfs": manifest.Stage(entries)})))
    (root / ".stage").mkdir()
    planned = plan(config.STAGE, container(busybox={"method": "none"}, init=["/i"]), place, check=False)
    assert planned.changes == (
        "create directory log",
        "create file config",
        "remove what an interrupted run left behind",
    )


@pytest.mark.parametrize("content", ["old", "new"])
def test_what_an_interrupted_run_did_not_come_to_is_still_ours(place: planning.Place, content: str) -> None:
    path = "rootfs/home/a"
    old, new = (tree.record(tree.file(path, 0o644, text)) for text in ("old", "new"))
    stage = manifest.Stage({path: new}, None, {path: (old,)})
    root = make(place, manifest.render(Manifest("id", {"rootfs": stage})))
    (root / "rootfs" / "home").mkdir(parents=True)
    (root / path).write_text(content, encoding="ascii")
    planned = plan(rootfs.STAGE, container(), place, check=True)
    assert "remove file rootfs/home/a" in planned.changes
    assert planned.change.after.stages["rootfs"].earlier == {}
    (root / path).write_text("of the payload", encoding="ascii")
    planned = plan(rootfs.STAGE, container(), place, check=True)
    assert "remove file rootfs/home/a" not in planned.changes


def test_new_ids_begin_with_the_rootfs(place: planning.Place) -> None:
    entries = {"rootfs": tree.record(tree.directory("rootfs"))}
    made = {name: manifest.Stage(entries if name == "rootfs" else {}) for name in ("rootfs", "busybox", "config")}
    root = make(place, manifest.render(Manifest("id", made)))
    (root / "rootfs").mkdir(mode=0o755)
    mapped = container(security={"idmap": ["u 0 100000 65536", "g 0 100000 65536"]})
    planned = plan(rootfs.STAGE, mapped, place, check=False)
    assert planned.changes[-2:] == (
        "map its ids to u 0 100000 65536, g 0 100000 65536",
        "adjust its directory to 0710 and group 100000",
    )
    assert planned.change.after.ids == Ids(mapped.security.idmap)
    assert planned.diffs()[-2] == {
        "before_header": "hmi",
        "after_header": "hmi",
        "before": "ids: those of the target\n",
        "after": "ids: u 0 100000 65536, g 0 100000 65536\n",
    }
    with pytest.raises(ContainerError, match="run the rootfs stage first"):
        plan(busybox.STAGE, mapped, place, check=False)
    # Check mode takes it that the rootfs stage has done its part.
    predicted = plan(busybox.STAGE, mapped, place, check=True)
    assert not [change for change in predicted.changes if "ids" in change]


def test_a_manifest(place: planning.Place) -> None:
    assert planning.read_manifest(place.lxc_path, "hmi") is None
    root = make(place, None)
    assert planning.read_manifest(place.lxc_path, "hmi") is None
    (root / "config").write_text("", encoding="ascii")
    with pytest.raises(ContainerError) as caught:
        planning.read_manifest(place.lxc_path, "hmi")
    assert str(caught.value) == (f"{root} is not ours: it has no manifest, so it is left alone; choose another name")
    (root / "manifest").write_text(manifest.render(Manifest("id")), encoding="ascii")
    assert planning.read_manifest(place.lxc_path, "hmi") == Manifest("id")


@pytest.mark.parametrize("call", ["open", "listdir"])
def test_a_container_that_is_removed_while_its_manifest_is_looked_for(
    place: planning.Place, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    root = make(place, None)
    real = getattr(os, call)

    def late(*given: Any, **named: Any) -> Any:
        if root.exists():
            root.rmdir()
        return real(*given, **named)

    monkeypatch.setattr(os, call, late)
    assert planning.read_manifest(place.lxc_path, "hmi") is None


@pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
def test_what_is_no_directory_is_not_ours(place: planning.Place, tmp_path: Path, kind: str) -> None:
    root = Path(place.lxc_path, "hmi")
    root.parent.mkdir()
    if kind == "file":
        root.write_text("", encoding="ascii")
    else:
        root.symlink_to(tmp_path if kind == "link" else "none")
    with pytest.raises(ContainerError) as caught:
        plan(rootfs.STAGE, container(), place, check=True)
    assert str(caught.value) == f"{root} cannot be read: Not a directory"


def test_no_gateway_directory() -> None:
    assert config.missing_directory(container()) is None


def test_a_gateway_directory(tmp_path: Path) -> None:
    path = tmp_path / "gateways"
    given = container(gateway_dir=str(path), gateway_dir_mode="0770")
    assert config.missing_directory(given) == (str(path), 0o770)
    path.mkdir()
    path.chmod(0o750)
    assert config.missing_directory(given) == (str(path), 0o770)
    path.chmod(0o770)
    assert config.missing_directory(given) is None


@pytest.mark.parametrize("kind", ["file", "link"])
def test_a_gateway_directory_that_is_something_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "gateways"
    if kind == "file":
        path.write_text("", encoding="ascii")
    else:
        path.symlink_to(tmp_path)
    with pytest.raises(ContainerError) as caught:
        config.missing_directory(container(gateway_dir=str(path)))
    assert str(caught.value) == f"gateway_dir: {path} is not a directory"


def test_the_change_of_a_gateway_directory(place: planning.Place, tmp_path: Path) -> None:
    path = str(tmp_path / "gateways")
    planned = plan(config.STAGE, container(gateway_dir=path), place, check=True)
    assert planned.directory == (path, 0o777)
    assert planned.changes[-2:] == ("create file config", f"make directory {path} with mode 0777 on the target")
    assert (
        planned.config is not None
        and f"lxc.mount.entry = {path} gateways none bind,rw,nosuid,nodev,rprivate 0 0\n" in planned.config
    )


@pytest.mark.parametrize("beside", [(), ("make directory /run/g",)], ids=["nothing", "a directory"])
def test_what_changes_beside_the_entries_needs_a_restart(place: planning.Place, beside: tuple[str, ...]) -> None:
    before = Manifest("id", {"config": manifest.Stage()})
    planned = planning.planned("config", container(), place, before, before, {}, bool, beside)
    assert (planned.changes, planned.writes) == (beside, bool(beside))
    assert bool(planned.change.after.changed()) is bool(beside)


@pytest.mark.parametrize("told", [False, True], ids=["not told", "told"])
@pytest.mark.parametrize("seen", [False, True], ids=["not seen", "seen"])
def test_when_a_container_that_runs_takes_notice(place: planning.Place, seen: bool, told: bool) -> None:
    """By a restart, by a signal, by both or by none; what was due before stays so."""
    old = manifest.Moment("boot", 1.0)
    before = Manifest("id", {"rootfs": manifest.Stage(changed=old, reload=old)})
    wanted = {"rootfs": tree.directory("rootfs")}
    planned = planning.planned(
        "rootfs",
        container(),
        place,
        before,
        before,
        wanted,
        lambda _actions: seen,
        read_at_signal=lambda _actions: told,
    )
    after = planned.change.after.stages["rootfs"]
    assert (after.changed != old, after.reload != old) == (seen, told)


def replaced(before: str, after: str) -> Action:
    """A change of the config."""
    return Action(
        "replace", "config", tree.file("config", 0o600, after), tree.Observed("file", content=before.encode())
    )


SEEN: dict[str, tuple[tuple[Action, ...], bool]] = {
    "nothing": ((), False),
    "a new config": ((Action("create", "config", tree.file("config", 0o600, "lxc.a = 1\n")),), True),
    "another value": ((replaced("lxc.a = 1\n", "lxc.a = 2\n"),), True),
    "another order": ((replaced("lxc.a = 1\nlxc.b = 2\n", "lxc.b = 2\nlxc.a = 1\n"),), True),
    "autostart alone": ((replaced("lxc.a = 1\n", "lxc.a = 1\nlxc.start.auto = 1\n"),), False),
    "a comment alone": ((replaced("# old\nlxc.a = 1\n", "# new\nlxc.a = 1\n"),), False),
    "the script": (
        (Action("create", "rootfs/etc/softwarecontainer/command", tree.file("command", 0o755, "x")),),
        True,
    ),
}


@pytest.mark.parametrize(("actions", "seen"), SEEN.values(), ids=SEEN)
def test_whether_a_container_that_runs_sees_it(actions: tuple[Action, ...], seen: bool) -> None:
    assert config.seen_inside(actions) is seen
