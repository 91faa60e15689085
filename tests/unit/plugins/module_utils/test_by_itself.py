# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes on a target by itself is written and restarts nothing; what a spec or somebody changes does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import results
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.checkpoint import contents, restore
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import beneath
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.tree import Action, Entry, Observed
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_config, rootfs_tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import planning

ASKED = "ab" * 32
OLD, NEW = tree.file("rootfs/f", 0o644, "old"), tree.file("rootfs/f", 0o644, "new")
LINK = tree.link("rootfs/l", "/bin/busybox")
RECORDS = {"rootfs/f": tree.record(OLD), "rootfs/l": tree.record(LINK)}


def seen(entry: Entry, **other: Any) -> Observed:
    """An entry as it is on disk, where it is as it was made but for that."""
    return Observed(entry.kind, entry.mode, entry.digest, entry.content)._replace(**other)


# What a stage does, and whether its container was left as the stage had made it.
ACTIONS: dict[str, tuple[Action, bool]] = {
    "another content": (Action("replace", "rootfs/f", NEW, seen(OLD)), True),
    "a new entry": (Action("create", "rootfs/g", tree.file("rootfs/g", 0o644, "")), True),
    "a new entry where something is": (Action("replace", "rootfs/g", NEW._replace(path="rootfs/g"), seen(OLD)), False),
    "a removal": (Action("remove", "rootfs/l", None, seen(LINK)), True),
    "a repair": (Action("replace", "rootfs/f", OLD, seen(OLD, digest="other")), False),
    "a repair of what has gone": (Action("create", "rootfs/l", LINK), False),
    "a repair of a link": (Action("replace", "rootfs/l", LINK, seen(LINK, content=b"/elsewhere")), False),
    "a repair of a mode": (Action("adjust", "rootfs/f", OLD, seen(OLD, mode=0o600)), False),
    "a repair of an owner": (Action("adjust", "rootfs/f", OLD, seen(OLD, owned=False)), False),
    "another content of a file with two names": (Action("replace", "rootfs/f", NEW, seen(OLD, single=False)), False),
}


@pytest.mark.parametrize(("action", "left"), ACTIONS.values(), ids=ACTIONS)
def test_what_is_caused_by_somebody(action: Action, left: bool) -> None:
    assert planning.caused((action,), Stage(RECORDS, asked=ASKED), ASKED) == (() if left else (action,))


@pytest.mark.parametrize("before", [None, Stage(RECORDS), Stage(RECORDS, asked="cd" * 32)], ids=["new", "0.2", "other"])
def test_what_is_caused_by_another_spec(before: Stage | None) -> None:
    actions = tuple(action for action, _left in ACTIONS.values())
    assert planning.caused(actions, before, ASKED) == actions


def test_a_file_that_was_not_read_since_it_should_have_another_size(tmp_path: Path) -> None:
    content = "x" * (beneath.SHOWN_SIZE + 1)
    path = tmp_path / "hmi" / "rootfs" / "f"
    path.parent.mkdir(parents=True)
    path.write_text(content, encoding="ascii")
    made = tree.file("rootfs/f", 0o644, content)
    action = Action("replace", "rootfs/f", NEW, seen(made, digest="", content=None))
    for records, digest in (({}, ""), ({"rootfs/f": tree.record(made)}, made.digest), (RECORDS, "")):
        (found,) = planning.read_again(str(tmp_path), "hmi", (action,), records, Ids())
        assert found.found().digest == digest


# What a container of the same name asks for: of which stages it is another spec.
SPECS: dict[str, tuple[dict[str, Any], bool, bool]] = {
    "the same": ({}, False, False),
    "other states": ({"state": "frozen", "on_change": "leave", "ready": [{"tcp": 80}]}, False, False),
    "autostart": ({"autostart": {"enabled": True}}, False, False),
    "variables": ({"environment": {"A": "b"}}, False, True),
    "lines of resolv.conf": ({"resolv_conf": "nameserver 192.0.2.1"}, True, True),
    "a file": ({"files": [{"path": "/etc/a"}]}, True, False),
    "what follows a change": ({"reload": "HUP", "on_change": "leave"}, False, False),
    "a mount": ({"mounts": [{"source": "/srv", "target": "/srv"}]}, True, True),
    "the install prefix": ({"install_prefix": "/opt/a"}, True, True),
    "busybox": ({"busybox": {"path": "/opt/busybox"}}, False, True),
}


@pytest.mark.parametrize(("given", "of_rootfs", "of_config"), SPECS.values(), ids=SPECS)
def test_what_counts_as_another_spec(given: dict[str, Any], of_rootfs: bool, of_config: bool) -> None:
    one, other = (keys.CONTAINER({"name": "a", **each}) for each in ({}, given))
    digests = [planning.digest_of(rootfs_tree.requested_part(each, Host())) for each in (one, other)]
    assert (digests[0] != digests[1]) is of_rootfs
    digests = [planning.digest_of(lxc_config.requested_part(each, "/lxc", "br0")) for each in (one, other)]
    assert (digests[0] != digests[1]) is of_config


def test_the_bridge_and_the_place_are_asked_for() -> None:
    one = keys.CONTAINER({"name": "a"})
    digests = {
        planning.digest_of(lxc_config.requested_part(one, *each)) for each in [("/a", "b"), ("/a", "c"), ("/b", "b")]
    }
    assert len(digests) == 3


def test_the_manifest_has_it() -> None:
    value = Manifest("id", {"config": Stage({}, Moment("boot", 1.0), asked=ASKED), "rootfs": Stage()})
    assert manifest.parse(manifest.render(value)) == value
    assert manifest.render(value).count("asked") == 1


def test_a_checkpoint_keeps_it() -> None:
    saved = Manifest("id", {"rootfs": Stage(RECORDS, Moment("boot", 1.0), asked=ASKED)})
    current = saved.with_stage("rootfs", Stage(RECORDS, Moment("boot", 2.0), asked="cd" * 32))
    after = contents.after(saved, current, ["rootfs/f"], Moment("boot", 3.0))
    assert after.stages["rootfs"] == Stage(RECORDS, Moment("boot", 3.0), asked=ASKED)


@pytest.mark.parametrize("asked", ["", ASKED, "cd" * 32], ids=["not known", "the same", "another"])
def test_the_way_back(asked: str) -> None:
    """Only what was asked for in the same way can have changed by itself since the checkpoint was taken."""
    saved = Manifest("id", {"rootfs": Stage({"rootfs/f": tree.record(NEW)}, asked=ASKED), "config": Stage({})})
    current = Manifest("id", {"rootfs": Stage(RECORDS, asked=asked)})
    back = Action("replace", "rootfs/f", NEW, seen(OLD))
    other = Action("replace", "config", tree.file("config", 0o600, ""), seen(OLD))
    expected = (other,) if asked == ASKED else (back, other)
    assert restore.caused((back, other), saved, current) == expected


def test_each_warning_once() -> None:
    assert results.warnings_of({"a": "", "b": ""}) == {}
    assert results.warnings_of({"a": "it rains", "b": "", "c": "it rains", "d": "it snows"}) == {
        "warnings": ["container 'a', 'c': it rains", "container 'd': it snows"]
    }
