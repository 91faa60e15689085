# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stages do together, and what each says of each container."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import call
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import locking, tree_changes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import planning, runner

ROOT = {"rootfs": tree.directory("rootfs")}


@pytest.fixture(name="lxc_path")
def fixture_lxc_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A directory for containers, on a target where all is as it has to be."""
    if os.geteuid() != 0:
        pytest.fail("the files of a container are root's, so these tests need root")
    monkeypatch.setattr(locking, "LOCKS", str(tmp_path / "locks"))
    monkeypatch.setattr(runner.facts, "cgroup_version", lambda: "2")
    return str(tmp_path / "lxc")


def stage(name: str, *earlier: str, wanted: dict[str, tree.Entry], fails_for: str = "") -> planning.Stage:
    """A stage that makes some entries, and fails for one container."""

    def plan(container: Any, place: planning.Place, before: Manifest, after: Manifest) -> planning.Planned:
        if container.name == fails_for:
            raise ContainerError("it rains")
        return planning.planned(name, container, place, before, after, wanted)

    return planning.Stage(name, lambda _container: earlier, lambda _containers, host: host, plan)


def called(lxc_path: str, *names: str, check: bool = False) -> call.Call:
    """A call for containers that need no ids of their own."""
    specs = [keys.CONTAINER({"name": name, "security": {"privileged": True}}) for name in names]
    return call.Call(specs, Tools(lxc_path), "br", {}, check, True)


def items(outcome: runner.Outcome) -> dict[str, list[Any]]:
    """Of each stage what it changed, or why it failed, by container."""
    return {
        name: [item.get("error") or len(item["changes"]) for item in result["containers"]]
        for name, result in outcome.results.items()
    }


def names_in(path: str) -> list[str]:
    """All that is below a directory but the manifest."""
    found = [str(each.relative_to(path)) for each in Path(path).rglob("*")]
    return sorted(each for each in found if each != "manifest")


@pytest.mark.parametrize("check", [True, False])
def test_a_container_gets_all_or_nothing(lxc_path: str, check: bool) -> None:
    first = stage("rootfs", wanted={**ROOT, "rootfs/a": tree.link("rootfs/a", "b")})
    second = stage("busybox", "rootfs", wanted={"rootfs/c": tree.file("rootfs/c", 0o644, "d")}, fails_for="bad")
    outcome = runner.run((first, second), called(lxc_path, "bad", "hmi", check=check))
    assert items(outcome) == {"rootfs": [0, 2], "busybox": ["it rains", 1]}
    assert [part["before_header"] for part in outcome.results["rootfs"]["diff"]] == ["hmi"]
    assert names_in(lxc_path) == (
        [] if check else ["hmi", "hmi/manifest", "hmi/rootfs", "hmi/rootfs/a", "hmi/rootfs/c"]
    )
    again = runner.run((first, second), called(lxc_path, "bad", "hmi", check=check))
    assert items(again) == (items(outcome) if check else {"rootfs": [0, 0], "busybox": ["it rains", 0]})


@pytest.mark.parametrize("check", [True, False])
def test_a_stage_finds_what_the_earlier_ones_leave(lxc_path: str, check: bool) -> None:
    """An entry that changes hands: the first stage takes away what the second one makes anew."""
    given, nothing = {"rootfs/x": tree.file("rootfs/x", 0o644, "of the first")}, dict[str, tree.Entry]()
    made = tree.link("rootfs/x", "of-the-second")
    before = stage("rootfs", wanted={**ROOT, **given}), stage("busybox", "rootfs", wanted=nothing)
    runner.run(before, called(lxc_path, "hmi"))
    after = stage("rootfs", wanted=ROOT), stage("busybox", "rootfs", wanted={"rootfs/x": made})
    outcome = runner.run(after, called(lxc_path, "hmi", check=check))
    assert [result["containers"][0]["changes"] for result in outcome.results.values()] == [
        ["remove file rootfs/x"],
        ["create in rootfs: x"],
    ]
    if not check:
        assert os.readlink(f"{lxc_path}/hmi/rootfs/x") == "of-the-second"
        assert not outcome.plans["hmi"].after.entries("busybox")
        assert planning.read_manifest(lxc_path, "hmi").entries("busybox") == {"rootfs/x": tree.record(made)}  # type: ignore[union-attr]
        assert items(runner.run(after, called(lxc_path, "hmi"))) == {"rootfs": [0], "busybox": [0]}


@pytest.mark.parametrize("check", [True, False])
def test_a_directory_with_entries_of_an_earlier_stage_is_in_the_way(lxc_path: str, check: bool) -> None:
    first = stage("rootfs", wanted=ROOT), stage("busybox", "rootfs", wanted={"rootfs/x": tree.link("rootfs/x", "a")})
    runner.run(first, called(lxc_path, "hmi"))
    inside = {"rootfs/x": tree.directory("rootfs/x"), "rootfs/x/y": tree.file("rootfs/x/y", 0o644, "z")}
    outcome = runner.run((stage("rootfs", wanted={**ROOT, **inside}), first[1]), called(lxc_path, "hmi", check=check))
    assert "a directory that is not empty lies where a link is wanted" in items(outcome)["busybox"][0]
    assert os.readlink(f"{lxc_path}/hmi/rootfs/x") == "a"


def test_a_later_stage_leaves_what_an_earlier_one_has_taken_over(lxc_path: str) -> None:
    entry = {"rootfs/x": tree.file("rootfs/x", 0o644, "the same")}
    nothing = dict[str, tree.Entry]()
    runner.run((stage("rootfs", wanted=ROOT), stage("busybox", "rootfs", wanted=entry)), called(lxc_path, "hmi"))
    after = stage("rootfs", wanted={**ROOT, **entry}), stage("busybox", "rootfs", wanted=nothing)
    runner.run(after, called(lxc_path, "hmi"))
    assert Path(lxc_path, "hmi/rootfs/x").read_text(encoding="ascii") == "the same"
    assert items(runner.run(after, called(lxc_path, "hmi"))) == {"rootfs": [0], "busybox": [0]}


def needing(name: str, path: str) -> planning.Stage:
    """A stage that needs a path of the target for mounts, which it looks for before it plans."""
    there: list[bool] = []

    def gather(_containers: Any, host: Host) -> Host:
        there[:] = [os.path.exists(path)]
        return host

    def plan(container: Any, place: planning.Place, before: Manifest, after: Manifest) -> planning.Planned:
        if container.mounts and not there[0]:
            raise ContainerError("it is missing")
        return planning.planned(name, container, place, before, after, {})

    return planning.Stage(name, lambda _container: ("rootfs",), gather, plan)


@pytest.mark.parametrize("maker", ["hmi", "media"])
def test_what_a_stage_makes_below_the_lxc_path_another_one_finds(lxc_path: str, maker: str) -> None:
    """In the same run, in the rootfs of this container or of another one."""
    source = f"{lxc_path}/{maker}/rootfs/a"
    mounts = [{"source": source, "target": "/mnt", "create": "dir"}]
    specs = [keys.CONTAINER({"name": "hmi", "security": {"privileged": True}, "mounts": mounts})]
    specs += called(lxc_path, "media").containers if maker == "media" else []
    first = stage("rootfs", wanted={**ROOT, "rootfs/a": tree.directory("rootfs/a")})
    outcome = runner.run((first, needing("busybox", source)), called(lxc_path)._replace(containers=specs))
    assert items(outcome) == {"rootfs": [2] * len(specs), "busybox": [0] * len(specs)}
    # Where there is none, the earlier stage has done its part for that container alone.
    missing = [keys.CONTAINER({"name": "none", "security": {"privileged": True}, "hostname": "x", "mounts": mounts})]
    outcome = runner.run((first, needing("busybox", "/none")), called(lxc_path)._replace(containers=missing))
    assert items(outcome) == {"rootfs": [2], "busybox": ["it is missing"]}
    assert outcome.results["rootfs"]["containers"][0]["changed"]


def test_a_process_that_looks_chooses_no_ids(lxc_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would wait for the lock of the one that it looks for."""
    names = [f"c{number:02}" for number in range(runner.MANY)]
    stages = (stage("rootfs", wanted=ROOT),)
    runner.run(stages, called(lxc_path, *names))
    log = Path(lxc_path).parent / "log"

    def choose(_self: Any, name: str) -> int:
        with log.open("a", encoding="ascii") as stream:
            stream.write(f"{name} {os.getpid()}\n")
        return 100000 + 65536 * names.index(name)

    monkeypatch.setattr(runner.id_allocation.IdAllocation, "choose", choose)
    monkeypatch.setattr(runner.id_allocation.IdAllocation, "shifts", lambda _self, _before: False)
    mapped = [keys.CONTAINER({"name": name}) for name in names]
    runner.run(stages, called(lxc_path)._replace(containers=mapped))
    assert log.read_text(encoding="ascii").splitlines() == [f"{name} {os.getpid()}" for name in names]


def test_many_containers_are_planned_for_as_one_is(lxc_path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that look for what is unchanged find what differs, and what is lost, as a single one does."""
    stages = (stage("rootfs", wanted={**ROOT, "rootfs/a": tree.file("rootfs/a", 0o644, "a")}),)
    names = [f"c{number:02}" for number in range(2 * runner.MANY)]
    runner.run(stages, called(lxc_path, *names))
    os.unlink(f"{lxc_path}/c03/rootfs/a")
    Path(lxc_path, "c05", "manifest").write_text("damaged", encoding="ascii")
    found = []
    for many in (runner.MANY, len(names) + 1):
        monkeypatch.setattr(runner, "MANY", many)
        found.append(runner.run(stages, called(lxc_path, *names, check=True)))
    assert found[0].results == found[1].results
    assert [each["name"] for each in found[0].results["rootfs"]["containers"] if each["changed"]] == ["c03"]
    assert found[0].plans["c05"].error.startswith("manifest: the file is damaged")
    assert found[0].manifests(True) == found[1].manifests(True)


def planned(name: str, *changes: str) -> planning.Planned:
    """What a stage would do for one container."""
    return planning.Planned(tree_changes.Change(name, (), Manifest(), Manifest()), changes, bool(changes))


def test_items() -> None:
    plans = {"hmi": planned("hmi", "create file config"), "media": planned("media"), "bad": planned("bad", "x")}
    errors = {"bad": "it is broken", "worse": "it is not ours"}
    assert [runner.item_of(name, plans, errors) for name in ("hmi", "media", "bad", "worse", "absent")] == [
        {"name": "hmi", "changed": True, "changes": ["create file config"]},
        {"name": "media", "changed": False, "changes": []},
        {"name": "bad", "changed": False, "changes": [], "error": "it is broken"},
        {"name": "worse", "changed": False, "changes": [], "error": "it is not ours"},
        {"name": "absent", "changed": False, "changes": []},
    ]


def test_the_diff_of_a_directory_of_the_target() -> None:
    plan = planning.Planned(
        tree_changes.Change("hmi", (tree.Action("create", "x", tree.directory("x")),), Manifest(), Manifest()),
        directory=("/run/gateways", 0o777),
    )
    assert plan.diffs() == [
        {"before_header": "hmi", "after_header": "hmi", "before": "", "after": "directory 0755 x\n"},
        {
            "before_header": "/run/gateways",
            "after_header": "/run/gateways",
            "before": "",
            "after": "directory mode 0777\n",
        },
    ]
