# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every spec and every tree, shown on generated ones.

The examples are the same in every run. HYPOTHESIS_SEED=random looks for new ones.
"""

from __future__ import annotations

import os
import re
from typing import Any

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, parse, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import config_text, mountinfo, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_config, rootfs_tree
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile(
    "all", deadline=None, max_examples=100, derandomize=os.environ.get("HYPOTHESIS_SEED") != "random", database=None
)
settings.load_profile("all")


class Everything(frozenset[str]):
    """The paths of a target that has every path that it is asked for."""

    def __contains__(self, _path: object) -> bool:
        return True


HOST = Host(
    init_lxc="/usr/sbin/init.lxc",
    init_lxc_static="/usr/lib/lxc/init.lxc.static",
    paths=Everything(),
    interfaces=Everything(),
    busyboxes={None: Binary("/bin/busybox", "00", 1, ("sh", "sleep"), None)},
    controllers={"memory": 1, "cpu": 1, "pids": 1, "devices": 1},
    apparmor=True,
    selinux=True,
    seccomp=True,
    seccomp_profile="/common.seccomp",
    shell="/usr/bin/sh",
    sleep="/usr/bin/sleep",
)

# Text as a user could write it, with what means something to LXC, to YAML, to fstab(5) and to shells.
ODD = st.sampled_from(
    [
        "",
        " ",
        "#",
        "=",
        "'",
        '"',
        "\\",
        "\\040",
        "lxc.",
        "lxc.hook.pre-start=",
        "\t",
        "\n",
        "\r",
        "\0",
        "\u2028",
        "é",
        "../",
        "%s",
        "{{ 1 }}",
    ]
)
TEXT = st.lists(st.one_of(ODD, st.text(max_size=3)), max_size=4).map("".join)
LINE = TEXT.map(lambda text: re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", "", text))
PART = (
    st.lists(st.sampled_from("abz019 -_.#=é'\"\\"), min_size=1, max_size=5)
    .map("".join)
    .filter(lambda part: part not in (".", ".."))
)
PATH = st.lists(PART, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
NAME = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,10}\Z")
VARIABLE = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,5}\Z")
MOUNT = st.fixed_dictionaries(
    {"source": PATH, "target": PATH},
    optional={"read_only": st.booleans(), "optional": st.booleans(), "options": st.just(["nosuid"])},
)
SPEC = st.fixed_dictionaries(
    {"name": NAME},
    optional={
        "hostname": NAME,
        "environment": st.dictionaries(VARIABLE, LINE, max_size=3),
        "command": st.lists(LINE, min_size=1, max_size=3).filter(lambda argv: bool(argv[0])),
        "mounts": st.lists(MOUNT, max_size=3, unique_by=lambda mount: mount["target"]),
        "limits": st.fixed_dictionaries(
            {}, optional={"pids": st.integers(1, 4194304), "memory": st.integers(1, 1 << 40)}
        ),
        "tty": st.integers(0, 1024),
        "files": st.lists(
            st.fixed_dictionaries({"path": PATH, "content": LINE}), max_size=3, unique_by=lambda file: file["path"]
        ),
        "security": st.fixed_dictionaries(
            {}, optional={"no_new_privs": st.booleans(), "sys": st.sampled_from(["ro", "mixed", "rw"])}
        ),
        "lxc": st.dictionaries(st.sampled_from(["lxc.console.size", "lxc.prlimit.nofile"]), LINE, max_size=2),
    },
)


def accepted(given_spec: dict[str, Any]) -> records.Container | None:
    """The container of a spec; None where it is refused, which is one sentence."""
    try:
        return parse.parse_containers([given_spec], {})[0]
    except RefusedError as error:
        assert "\n" not in str(error)
        return None


def rendered(container: records.Container) -> str | None:
    """Its config; None where the target would have to be another one."""
    try:
        return lxc_config.render(container, HOST, "/var/lib/lxc", "lxcbr0", Ids())
    except ContainerError as error:
        assert "\n" not in str(error)
        return None


@given(SPEC)
def test_a_config_has_the_values_of_its_spec(given_spec: dict[str, Any]) -> None:
    container = accepted(given_spec)
    text = rendered(container) if container else None
    if container is None or text is None:
        return
    lines = config_text.lines_of(text)
    found: dict[str, list[str]] = {}
    for key, value in lines:
        found.setdefault(key, []).append(value)
    assert found["lxc.uts.name"] == [container.hostname]
    assert found.get("lxc.environment", []) == ["%s=%s" % pair for pair in container.environment]
    assert found["lxc.tty.max"] == [str(container.tty)]
    assert found.get("lxc.no_new_privs", []) == (["1"] if container.security.no_new_privs else [])
    for key, values in container.lxc:
        assert found[key] == list(values)
    entries = [value.split(" ") for value in found["lxc.mount.entry"]]
    assert all(len(fields) == 6 for fields in entries)
    declared = entries[len(entries) - len(container.mounts) :]
    for fields, mount in zip(declared, container.mounts):
        assert (mountinfo.decoded(fields[0]), "/" + mountinfo.decoded(fields[1])) == (mount.source, mount.target)
        assert ("ro" if mount.read_only else "rw") in fields[3].split(",")
        assert ("optional" in fields[3].split(",")) == mount.optional


@given(SPEC)
def test_no_value_adds_a_line(given_spec: dict[str, Any]) -> None:
    """The lines are those that the keys ask for: the number of them does not depend on any value."""
    container = accepted(given_spec)
    text = rendered(container) if container else None
    if container is None or text is None:
        return
    lines = text.split("\n")
    assert lines[0].startswith("# ") and lines[1].startswith("# command: ") and lines[-1] == ""
    assert all(re.match(r"lxc(\.[a-z0-9_-]+)+ = ", line) for line in lines[2:-1])
    plain = container._replace(
        environment=tuple((name, "x") for name, _value in container.environment),
        hostname="x",
        lxc=tuple((key, ("x",) * len(values)) for key, values in container.lxc),
    )
    assert len((rendered(plain) or "").split("\n")) == len(lines)


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(keys.FIELDS)), TEXT), JUNK, max_size=5), NAME)
def test_what_is_not_a_spec_is_refused_in_one_sentence(junk: dict[str, Any], name: str) -> None:
    container = accepted({"name": name, **junk})
    if container is not None:
        text = rendered(container)
        assert text is None or all(re.match(r"lxc(\.[A-Za-z0-9_-]+)+ = ", line) for line in text.splitlines()[2:])


@given(SPEC)
def test_a_tree_stays_in_its_rootfs(given_spec: dict[str, Any]) -> None:
    container = accepted(given_spec)
    if container is None:
        return
    try:
        wanted = rootfs_tree.desired_entries(container, HOST, "5eed")
    except ContainerError:
        return
    for path in wanted:
        assert path == "rootfs" or path.startswith("rootfs/")
        assert not {"", ".", ".."} & set(path.split("/"))


# Trees of few names, so that two of them often have the same.
SHORT = st.lists(st.sampled_from("ab"), min_size=1, max_size=3).map("/".join)
ENTRY = st.one_of(
    st.builds(lambda mode: tree.directory("", mode), st.sampled_from([0o755, 0o700])),
    st.builds(
        lambda mode, text: tree.file("", mode, text), st.sampled_from([0o644, 0o600]), st.sampled_from(["", "1", "2"])
    ),
    st.builds(lambda target: tree.link("", target), st.sampled_from(["/x", "y"])),
)


def whole(entries: dict[str, tree.Entry]) -> dict[str, tree.Entry]:
    """A tree in which each entry lies below directories, parents first."""
    found: dict[str, tree.Entry] = {}
    for path in sorted(entries):
        for above in tree.parents(path):
            if found.setdefault(above, tree.directory(above)).kind != tree.DIRECTORY:
                break
        else:
            found[path] = entries[path]._replace(path=path)
    return found


TREE = st.dictionaries(SHORT, ENTRY, max_size=6).map(whole)


def seen(entry: tree.Entry) -> tree.Observed:
    """An entry as it is on disk."""
    return tree.Observed(entry.kind, entry.mode, entry.digest, entry.content)


def carried_out(actions: tuple[tree.Action, ...], disk: dict[str, tree.Observed]) -> dict[str, tree.Observed]:
    """What a plan makes of a disk; an error where it does what a file system would refuse."""
    after = dict(disk)
    for action in actions:
        if action.verb == "remove":
            assert not any(path.startswith(action.path + "/") for path in after), action
            del after[action.path]
        else:
            parent = action.path.rpartition("/")[0]
            assert not parent or after[parent].kind == tree.DIRECTORY, action
            assert (action.verb == "create") == (action.path not in after), action
            after[action.path] = seen(action.wanted())
    return after


def looked_at(disk: dict[str, tree.Observed], *trees: dict[str, tree.Entry]) -> dict[str, tree.Observed]:
    """What is observed of a disk for these trees, with the number of children of each directory."""
    found = {}
    for path in set().union(*trees):
        if path in disk:
            children = sum(other.rpartition("/")[0] == path for other in disk)
            found[path] = disk[path]._replace(children=children) if disk[path].kind == tree.DIRECTORY else disk[path]
    return found


@given(TREE, TREE)
def test_a_plan_leads_to_what_is_wanted_and_then_there_is_none(
    before: dict[str, tree.Entry], wanted: dict[str, tree.Entry]
) -> None:
    """From one tree of ours to another: all that is wanted is there, all else of ours is gone."""
    disk = {path: seen(entry) for path, entry in before.items()}
    try:
        actions = tree.plan(wanted, looked_at(disk, before, wanted), before)
    except ContainerError:
        return
    after = carried_out(actions, disk)
    assert after == {path: seen(entry) for path, entry in wanted.items()}
    assert tree.plan(wanted, looked_at(after, wanted), wanted) == ()


@given(TREE)
def test_the_records_of_a_tree_are_enough_to_know_it_again(wanted: dict[str, tree.Entry]) -> None:
    disk = {path: seen(entry) for path, entry in wanted.items()}
    kept = {path: tree.entry_of_record(path, record) for path, record in tree.records(wanted).items()}
    assert tree.plan(kept, looked_at(disk, wanted), kept) == ()


@given(st.lists(SPEC, max_size=3))
def test_the_order_of_specs_is_kept(specs: list[dict[str, Any]]) -> None:
    names = [each["name"] for each in specs]
    try:
        parsed = parse.parse_containers(specs, {})
    except RefusedError:
        return
    assert [container.name for container in parsed] == names
