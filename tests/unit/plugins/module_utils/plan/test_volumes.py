# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes of a container: their mounts, what is done for them, and the record of their ids."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Container, Volume
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import id_map, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import volumes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.volumes import Observed, Step

OWN = Ids()
MAPPED, SHIFTED = id_map.allocated_ids(100000, False), id_map.allocated_ids(100000, True)


def container(**given: Any) -> Container:
    parsed: Container = keys.CONTAINER({"name": "hmi", "volumes": [{"name": "data", "target": "/data"}], **given})
    return parsed


@pytest.mark.parametrize(
    ("ids", "options"),
    [
        (OWN, "bind,rw,nosuid,nodev,rprivate"),
        (SHIFTED, "bind,rw,nosuid,nodev,rprivate"),
        (MAPPED, "bind,rw,nosuid,nodev,rprivate,idmap=container"),
    ],
    ids=["privileged", "shifted", "mapped"],
)
def test_the_mount(ids: Ids, options: str) -> None:
    (entry,) = volumes.entries(container(), Host(), "/var/lib/lxc", ids)
    assert entry.text() == "/var/lib/lxc/.volumes/hmi/data data none %s 0 0" % options


@pytest.mark.parametrize(("prefix", "target"), [("/opt/a", "/opt/a/data"), ("/opt/a", "/opt"), ("/opt/a", "/opt/a")])
def test_an_install_prefix_of_the_target_hides_it(prefix: str, target: str) -> None:
    spec = container(install_prefix=prefix, volumes=[{"name": "data", "target": target}])
    with pytest.raises(ContainerError, match=r"^volumes\[0\].target: %s hides or lies below" % target):
        volumes.entries(spec, Host(paths=frozenset([prefix])), "/l", OWN)
    # One that the target does not have is a directory of the rootfs.
    assert volumes.entries(spec, Host(), "/l", OWN)


DIRECTORY = Observed(True, 0o755, (0, 0))
STEPS: dict[str, tuple[Volume, Ids, Optional[Observed], tuple[Step, ...]]] = {
    "new": (Volume("v", "/v"), MAPPED, None, (Step("v", True, 0o755, (0, 0)),)),
    "new with shifted ids": (Volume("v", "/v"), SHIFTED, None, (Step("v", True, 0o755, (100000, 100000)),)),
    "new with an owner": (Volume("v", "/v", (5, 6), 0o700), MAPPED, None, (Step("v", True, 0o700, (5, 6)),)),
    "new with a shifted owner": (Volume("v", "/v", (5, 6)), SHIFTED, None, (Step("v", True, 0o755, (100005, 100006)),)),
    "as it should be": (Volume("v", "/v", (0, 0), 0o755), MAPPED, DIRECTORY, ()),
    "what the container made of it": (Volume("v", "/v"), MAPPED, Observed(True, 0o700, (7, 7)), ()),
    "another mode": (Volume("v", "/v", None, 0o1777), MAPPED, DIRECTORY, (Step("v", False, 0o1777, None),)),
    "with a size": (Volume("v", "/v", size=65537), MAPPED, None, (Step("v", True, 0o755, (0, 0), 131072),)),
    "of its size": (Volume("v", "/v", size=65536), MAPPED, DIRECTORY._replace(limit=65536), ()),
    "another size": (
        Volume("v", "/v", size=65536),
        MAPPED,
        DIRECTORY._replace(limit=131072),
        (Step("v", False, None, None, 65536),),
    ),
    "no size any more": (
        Volume("v", "/v"),
        MAPPED,
        DIRECTORY._replace(limit=65536),
        (Step("v", False, None, None, 0),),
    ),
    "another owner": (Volume("v", "/v", (0, 3)), OWN, DIRECTORY, (Step("v", False, None, (0, 3)),)),
}


@pytest.mark.parametrize(("volume", "ids", "there", "expected"), STEPS.values(), ids=STEPS)
def test_steps(volume: Volume, ids: Ids, there: Optional[Observed], expected: tuple[Step, ...]) -> None:
    assert volumes.steps([volume], ids, {"v": there} if there else {}, limits=True) == expected


@pytest.mark.parametrize(
    ("ids", "limits", "words"), [(OWN, True, "without a user namespace"), (MAPPED, False, "no project quotas in force")]
)
def test_a_size_that_nothing_enforces(ids: Ids, limits: bool, words: str) -> None:
    with pytest.raises(ContainerError, match=r"^volumes\[0\].size: .*%s" % words):
        volumes.steps([Volume("v", "/v", size=65536)], ids, {}, limits)


@pytest.mark.parametrize(
    ("volume", "there", "sentence"),
    [
        (Volume("v", "/v", (65536, 0)), None, "volumes[0].owner: the container has no user 65536"),
        (Volume("v", "/v", (0, 70000)), DIRECTORY, "volumes[0].owner: the container has no group 70000"),
        (Volume("v", "/v"), Observed(False, 0o777, (0, 0)), "volumes[0].name: what lies at v is no directory"),
    ],
)
def test_refused(volume: Volume, there: Optional[Observed], sentence: str) -> None:
    with pytest.raises(ContainerError) as error:
        volumes.steps([volume], MAPPED, {"v": there} if there else {})
    assert str(error.value) == sentence


def test_what_is_told() -> None:
    made = volumes.Change("hmi", tree.Access(0o710, 5), "", (Step("v", True, 0o750, (1, 2)),))
    assert made.makes()
    assert volumes.words(made) == ["make volume v with mode 0750 and owner 1:2 on the target"]
    adjusted = made._replace(steps=(Step("v", False, None, (1, 2)),))
    assert not adjusted.makes()
    assert volumes.words(adjusted) == ["adjust volume v to owner 1:2 on the target"]
    assert [volumes.words(adjusted._replace(steps=(Step("v", False, None, None, size),))) for size in (65536, 0)] == [
        ["adjust volume v to size 65536"],
        ["adjust volume v to size unlimited"],
    ]


@pytest.mark.parametrize(
    "ids", [OWN, SHIFTED, SHIFTED.after(OWN), id_map.allocated_ids(200000, True).after(SHIFTED.after(OWN))]
)
def test_the_record(ids: Ids) -> None:
    """New ids after those of the record know all that files may have."""
    read = volumes.parse_record(volumes.render_record(ids))
    new = id_map.allocated_ids(300000, True)
    assert new.after(read) == new.after(ids)
    assert ids._replace(before=()).after(read) == ids


def test_the_record_of_mapped_ids() -> None:
    """On disk they are the container's own."""
    read = volumes.parse_record(volumes.render_record(MAPPED))
    assert MAPPED.after(read).before == ()
    assert SHIFTED.after(read).before == ((),)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"ids": []}', '{"ids": [["u a 1 1"]]}', '{"ids": 1}'])
def test_a_damaged_record(text: str) -> None:
    with pytest.raises(ContainerError, match="^volumes: the record of their ids is damaged"):
        volumes.parse_record(text)
