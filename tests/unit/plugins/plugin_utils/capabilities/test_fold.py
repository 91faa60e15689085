# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for all manifests: together they open what each opens alone, and a typo never opens more.

The examples are the same in every run. HYPOTHESIS_SEED=random looks for new ones.
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import (
    documents,
    fold,
    manifests,
    original,
    records,
    settings,
)
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

DERANDOMIZED = os.environ.get("HYPOTHESIS_SEED") != "random"
limits.register_profile("manifests", deadline=None, max_examples=60, derandomize=DERANDOMIZED, database=None)
limits.load_profile("manifests")
LOCAL = settings.Settings(incoming_ports=settings.LOCAL)

PORT = st.one_of(st.integers(1, 65535), st.sampled_from(["80", "80:85", "1000-2000", "53,443"]))
ENTRY = st.fixed_dictionaries(
    {"host": st.sampled_from(["*", "192.0.2.1", "10.0.0.0/8", "2001:db8::/32"])},
    optional={
        "ports": st.one_of(PORT, st.lists(PORT, min_size=1, max_size=3)),
        "protocols": st.one_of(
            st.sampled_from(["tcp", "udp"]), st.lists(st.sampled_from(["tcp", "udp"]), min_size=1, max_size=2)
        ),
    },
)
PATH = st.sampled_from(["/opt/a", "/opt/b", "/srv/c"])
ELEMENTS = {
    "env": st.fixed_dictionaries(
        {"name": st.sampled_from("ABC"), "value": st.sampled_from(["1", "2"])},
        optional={"mode": st.sampled_from(["append", "prepend", "set"]), "separator": st.just(":")},
    ),
    "file": st.fixed_dictionaries({"path-host": PATH, "path-container": PATH}, optional={"read-only": st.booleans()}),
    "cgroups": st.fixed_dictionaries(
        {
            "setting": st.sampled_from(["memory.limit_in_bytes", "cpu.shares", "blkio.weight"]),
            "value": st.sampled_from(["1048576", "131072", "100000"]),
        }
    ),
    "devicenode": st.fixed_dictionaries(
        {"name": st.sampled_from(["/dev/net/tun", "/dev/input/mouse0"])},
        optional={"mode": st.sampled_from([600, 644, "426", 240])},
    ),
    "network": st.fixed_dictionaries(
        {"direction": st.sampled_from(["INCOMING", "OUTGOING"]), "allow": st.lists(ENTRY, max_size=3)}
    ),
}
GATEWAY = st.sampled_from(sorted(ELEMENTS)).flatmap(
    lambda name: st.fixed_dictionaries(
        {"id": st.just(name), "config": st.lists(ELEMENTS[name], min_size=1, max_size=3)}
    )
)
CAPABILITY = st.lists(GATEWAY, max_size=4)


def parsed(*capabilities: Any) -> list[records.Capability]:
    """The capabilities of one manifest, read from its text."""
    content = {"capabilities": [{"name": f"c{place}", "gateways": each} for place, each in enumerate(capabilities)]}
    read = documents.parse(json.dumps(content).encode(), "m.json")
    return list(manifests.all_of([manifests.Manifest("m.json", read)], original.Context(LOCAL)).values())


def opened(folded: fold.Folded) -> dict[str, set[Any]]:
    """What capabilities open, as sets of things, none of which another one has a part of."""
    return {
        "read": {(mount.source, mount.target) for mount in folded.mounts},
        "write": {(mount.source, mount.target) for mount in folded.mounts if not mount.read_only},
        "devices": {
            (device.target, bit) for device in folded.devices for bit in range(9) if (device.mode or 0) >> bit & 1
        },
        "nodes": {device.target for device in folded.devices},
        "limits": {(limit.key, limit.value) for limit in folded.limits},
        "settings": {(setting.key, setting.value) for setting in folded.settings},
        "variables": {(step.name, step.value) for _name, steps in folded.variables for step in steps},
        "packets": {
            (rule.direction, rule.peers, protocol, port)
            for rule in folded.rules
            for protocol in rule.protocols or ("all",)
            for port in rule.ports or ("all",)
        },
    }


@given(st.lists(CAPABILITY, max_size=4))
def test_together_they_open_what_each_opens_alone(several: list[Any]) -> None:
    found = parsed(*several)
    together = fold.folded(found, LOCAL)
    alone = [opened(fold.folded([each], LOCAL)) for each in found]
    for kind, things in opened(together).items():
        parts = set().union(*(each[kind] for each in alone)) if alone else set()
        assert things <= parts, kind
        # Nothing is lost either, but that for which a larger limit, an earlier value or answers stand.
        if not together.refusals and kind not in ("limits", "variables", "packets"):
            assert things == parts, kind


@given(st.lists(CAPABILITY, min_size=1, max_size=4), st.data())
def test_the_order_changes_nothing_but_variables(several: list[Any], data: Any) -> None:
    found = parsed(*several)
    other = data.draw(st.permutations(found))
    one, another = (opened(fold.folded(each, LOCAL)) for each in (found, other))
    if not fold.folded(found, LOCAL).refusals:
        assert {**one, "variables": None} == {**another, "variables": None}


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each dictionary and list in a value, with each of its keys or places."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from places(value[key])


@given(CAPABILITY.filter(bool), st.data())
def test_a_key_that_is_misspelt_is_refused(capability: Any, data: Any) -> None:
    wrong = copy.deepcopy(capability)
    keys = [(inner, key) for inner, key in places(wrong) if isinstance(inner, dict)]
    inner, key = data.draw(st.sampled_from(keys))
    changed = data.draw(st.sampled_from([key[:-1], key + "s", key.upper(), " " + key]))
    inner[changed] = inner.pop(key)
    assert fold.folded(parsed(wrong), LOCAL).refusals


@given(
    CAPABILITY.filter(bool), st.sampled_from([None, True, 1.5, {}, "sctp", "", "80:", -1, [], [[]], "*\n"]), st.data()
)
def test_a_value_that_is_wrong_opens_no_more(capability: Any, value: Any, data: Any) -> None:
    wrong = copy.deepcopy(capability)
    inner, key = data.draw(st.sampled_from(list(places(wrong))))
    inner[key] = value
    before, after = (fold.folded(parsed(each), LOCAL) for each in (capability, wrong))
    # A list of rules may be empty, a path or an id a text of any kind; what a capability allowed stays the same then.
    widens = [
        kind
        for kind, things in opened(after).items()
        if kind in ("packets", "write", "devices", "nodes") and not things <= opened(before)[kind]
    ]
    assert after.refusals or not widens


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(["capabilities", "name", "gateways", "id", "config", "allow", "x"]), inner, max_size=4
            ),
        ),
    )
)
def test_anything_else_is_told_in_a_sentence(content: Any) -> None:
    try:
        found = manifests.all_of([manifests.Manifest("m.json", content)], original.Context(LOCAL))
    except RefusedError as error:
        sentences = [str(error)]
    else:
        sentences = [text for each in found.values() for text in each.problems]
    for sentence in sentences:
        assert sentence.startswith("m.json: ") and sentence.isprintable() and len(sentence) < 400


@pytest.mark.parametrize("mode", [records.APPEND, records.PREPEND])
def test_a_value_that_was_added_to_cannot_be_set(mode: str) -> None:
    added = {"id": "env", "config": [{"name": "A", "value": "1", "mode": mode}]}
    found = parsed([added], [{"id": "env", "config": [{"name": "A", "value": "1"}]}])
    assert fold.folded(found, LOCAL).refusals
