# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest: the same after a round trip, and refused where it is damaged."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import manifest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Moment, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.networks import Allotted

BOOT = "0b8a3c5e-1111-2222-3333-444455556666"
DIRECTORY = ("directory", "0755", "", "0")
LINK = ("link", "0777", "/bin/busybox", "0")
FULL = Manifest(
    "0123456789abcdef0123456789abcdef",
    {
        "rootfs": Stage({"rootfs": DIRECTORY, "rootfs/a b\n\u00e9": DIRECTORY}, Moment(BOOT, 12.25)),
        "busybox": Stage({"rootfs/bin/ls": LINK}, None),
    },
    Ids(("u 0 100000 65536", "g 0 100000 65536"), True, True, ((),)),
)
TEXT = (
    '{"ids":{"allotted":true,"before":[[]],"lines":["u 0 100000 65536","g 0 100000 65536"],"shifted":true},'
    '"machine_id":"0123456789abcdef0123456789abcdef","stages":{'
    '"busybox":{"changed":null,"entries":\n{"rootfs/bin/ls":["link","0777","/bin/busybox","0"]}\n},'
    '"rootfs":{"changed":["0b8a3c5e-1111-2222-3333-444455556666",12.25],"entries":\n{'
    '"rootfs":["directory","0755","","0"],"rootfs/a b\\n\\u00e9":["directory","0755","","0"]}\n}},"version":2}\n'
)


def test_the_text() -> None:
    assert manifest.render(FULL) == TEXT


ADDRESSED = FULL._replace(addresses={"eth0": Allotted("lxcbr0", "10.0.3.17/24", "10.0.3.1")})


def test_the_text_with_addresses() -> None:
    addresses = '{"addresses":{"eth0":["lxcbr0","10.0.3.17/24","10.0.3.1"]},'
    assert manifest.render(ADDRESSED) == addresses + TEXT[1:]


@pytest.mark.parametrize(
    "value",
    [FULL, ADDRESSED, Manifest(), Manifest("x", {"config": Stage()})],
    ids=["full", "addressed", "empty", "bare"],
)
def test_round_trip(value: Manifest) -> None:
    assert manifest.parse(manifest.render(value)) == value


def test_what_else_may_be_there_while_a_change_is_under_way() -> None:
    stage = FULL.stages["busybox"]._replace(earlier={"rootfs/bin/ls": (LINK, ("link", "0777", "/bin/old", "0"))})
    value = FULL.with_stage("busybox", stage)
    assert manifest.parse(manifest.render(value)) == value


def test_what_the_command_has_not_been_told_yet() -> None:
    value = FULL.with_stage("busybox", FULL.stages["busybox"]._replace(reload=Moment(BOOT, 13.5)))
    text = manifest.render(value)
    assert text == TEXT.replace(
        '"/bin/busybox","0"]}\n}', '"/bin/busybox","0"]}\n,"reload":["0b8a3c5e-1111-2222-3333-444455556666",13.5]}'
    )
    assert manifest.parse(text) == value
    assert (value.to_reload(), FULL.to_reload()) == ((Moment(BOOT, 13.5),), ())
    assert value.reloaded() == FULL


def test_rules_that_a_running_container_has_not_got() -> None:
    value = FULL.with_stage("busybox", FULL.stages["busybox"]._replace(packets=Moment(BOOT, 14.5)))
    assert manifest.parse(manifest.render(value)) == value
    assert (value.to_filter(), FULL.to_filter()) == ((Moment(BOOT, 14.5),), ())
    assert value.filtered() == FULL


def test_any_layout_will_do() -> None:
    """As version 0.1.0 wrote it, all on one line, and as somebody's editor may leave it."""
    assert manifest.parse(json.dumps(json.loads(TEXT))) == FULL
    assert manifest.parse(json.dumps(json.loads(TEXT), indent=2)) == FULL


def test_the_version_before_user_namespaces() -> None:
    old = {**json.loads(TEXT), "version": 1}
    del old["ids"]
    assert manifest.parse(json.dumps(old)) == FULL._replace(ids=Ids())


def test_what_containers_have_in_common_is_parsed_once() -> None:
    other = manifest.parse(TEXT.replace("0123456789abcdef", "fedcba9876543210").replace("12.25", "13"))
    first = manifest.parse(TEXT)
    assert (other.machine_id, other.changed()) == ("fedcba9876543210" * 2, (Moment(BOOT, 13),))
    for stage in FULL.stages:
        assert other.entries(stage) is first.entries(stage)


def test_the_text_does_not_depend_on_an_order() -> None:
    turned = Manifest(
        FULL.machine_id,
        {
            name: Stage(dict(reversed(list(stage.entries.items()))), stage.changed)
            for name, stage in reversed(list(FULL.stages.items()))
        },
        FULL.ids,
    )
    assert manifest.render(turned) == TEXT


def test_times_are_kept_in_hundredths_of_a_second() -> None:
    value = Manifest("x", {"config": Stage({}, Moment(BOOT, 1.23456))})
    assert manifest.parse(manifest.render(value)).stages["config"].changed == Moment(BOOT, 1.23)


def test_one_stage() -> None:
    assert FULL.entries("busybox") == {"rootfs/bin/ls": LINK}
    assert FULL.entries("config") == {}
    assert FULL.changed() == (Moment(BOOT, 12.25),)
    replaced = FULL.with_stage("busybox", Stage({}, Moment(BOOT, 13)))
    assert replaced.changed() == (Moment(BOOT, 12.25), Moment(BOOT, 13))
    assert FULL.entries("busybox") == {"rootfs/bin/ls": LINK}


def damaged(change: Callable[[dict[str, Any]], Any]) -> str:
    """The text of a manifest with one thing changed."""
    data = json.loads(TEXT)
    change(data)
    return json.dumps(data)


DAMAGED = {
    "empty": "",
    "cut off": TEXT[:100],
    "cut off in a line of entries": TEXT[:130] + "\n",
    "a line of entries that is no object": TEXT.replace('{"rootfs/bin/ls":["link","0777","/bin/busybox","0"]}', "[]"),
    "a line of entries that is not JSON": TEXT.replace('{"rootfs/bin/ls"', "{rootfs/bin/ls"),
    "a line with a short record": TEXT.replace('["link","0777",', "["),
    "not JSON": "lxc.uts.name = hmi\n",
    "surrogates": "\udcff" + TEXT,
    "ids that are a list": damaged(lambda data: data.update(ids=[])),
    "ids without lines": damaged(lambda data: data["ids"].pop("lines")),
    "ids that are no numbers": damaged(lambda data: data["ids"].update(lines=["u 0 x 65536"])),
    "ids with a short line": damaged(lambda data: data["ids"].update(before=[["u 0 100000"]])),
    "a list": "[]",
    "a number": "1",
    "null": "null",
    "addresses that are a list": damaged(lambda data: data.update(addresses=[1])),
    "an address that is short": damaged(lambda data: data.update(addresses={"eth0": ["lxcbr0", "10.0.3.17/24"]})),
    "an address that is none": damaged(lambda data: data.update(addresses={"eth0": ["lxcbr0", "x", "10.0.3.1"]})),
    "no version": damaged(lambda data: data.pop("version")),
    "no machine id": damaged(lambda data: data.pop("machine_id")),
    "no stages": damaged(lambda data: data.pop("stages")),
    "stages null": damaged(lambda data: data.update(stages=None)),
    "a stage that is a list": damaged(lambda data: data["stages"].update(rootfs=[])),
    "a stage without entries": damaged(lambda data: data["stages"]["rootfs"].pop("entries")),
    "a stage without its time": damaged(lambda data: data["stages"]["rootfs"].pop("changed")),
    "a time that is short": damaged(lambda data: data["stages"]["rootfs"].update(changed=[BOOT])),
    "a time that is no number": damaged(lambda data: data["stages"]["rootfs"].update(changed=[BOOT, "soon"])),
    "a time of rules that is short": damaged(lambda data: data["stages"]["rootfs"].update(packets=[BOOT])),
    "a time of a reload that is short": damaged(lambda data: data["stages"]["rootfs"].update(reload=[BOOT])),
    "a time of a reload that is no list": damaged(lambda data: data["stages"]["rootfs"].update(reload=7)),
    "a record that is short": damaged(lambda data: data["stages"]["rootfs"]["entries"].update(a=["file"])),
    "a record that is long": damaged(lambda data: data["stages"]["rootfs"]["entries"].update(a=[*LINK, "0"])),
    "a record with a list": damaged(lambda data: data["stages"]["rootfs"]["entries"].update(a=["file", [], "", "0"])),
    "a record with no mode": damaged(lambda data: data["stages"]["rootfs"]["entries"].update(a=["file", "x", "", "0"])),
    "a record with no size": damaged(
        lambda data: data["stages"]["rootfs"]["entries"].update(a=["file", "0644", "", ""])
    ),
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_damaged(text: str) -> None:
    with pytest.raises(ContainerError) as caught:
        manifest.parse(text)
    assert str(caught.value) == "manifest: the file is damaged; put back a copy or remove the container by hand"


@pytest.mark.parametrize(("version", "shown"), [(4, "4"), ("1", "'1'"), (None, "None"), ([1], "[1]")], ids=str)
def test_another_version(version: Any, shown: str) -> None:
    with pytest.raises(ContainerError) as caught:
        manifest.parse(damaged(lambda data: data.update(version=version)))
    assert str(caught.value) == f"manifest: version {shown} is not known here; use a newer collection"


OWNED = ("file", "0644", "ab" * 32, "3", "1000:100")


@pytest.mark.parametrize(
    "stage",
    [Stage({"rootfs/a": OWNED}), Stage({"rootfs/a": LINK}, earlier={"rootfs/a": (OWNED,)})],
    ids=["now", "then"],
)
def test_an_older_collection_does_not_take_owners_for_damage(stage: Stage) -> None:
    value = FULL.with_stage("rootfs", stage)
    text = manifest.render(value)
    assert text.endswith('"version":3}\n')
    assert manifest.parse(text) == value
    # What was read is written the same.
    assert manifest.render(manifest.parse(text)) == text


@pytest.mark.parametrize("owner", ["", "1000", "a:b", "-1:0:0", " 1:1", "0x1:1"])
def test_a_damaged_owner(owner: str) -> None:
    with pytest.raises(ContainerError):
        manifest.parse(damaged(lambda data: data["stages"]["rootfs"]["entries"]["rootfs"].append(owner)))
