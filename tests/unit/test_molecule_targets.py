# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a molecule target is made of, and that the scenario `keys` leaves no key of the spec out."""

from __future__ import annotations

import shlex
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import records
from ansible_collections.softwarecontainer.lxc.roles.molecule_targets.files import wanted

ROOT = Path(wanted.__file__).resolve().parents[3]
ROLE = ROOT / "roles" / "molecule_targets"
PLACE = wanted.Place("/var/lib/targets", "/var/cache/targets", "sctest", "192.0.2.1/24")
KEY = "ssh-ed25519 AAAA molecule\n"
FULL = {"name": "one", "distribution": "debian-12", "address": "192.0.2.11"}


def target(**changes: Any) -> wanted.Target:
    return wanted.parse_targets([{**FULL, **changes}], PLACE.address)[0]


def test_config() -> None:
    tree = "/var/cache/targets/debian-12.0"
    assert wanted.config(target(), PLACE, tree, "d1") == (
        "# softwarecontainer.lxc.molecule_targets d1\n"
        "lxc.uts.name = one\n"
        "lxc.rootfs.path = overlay:/var/cache/targets/debian-12.0:/var/lib/targets/one/upper\n"
        "lxc.init.cmd = /sbin/target-init\n"
        "lxc.signal.halt = SIGTERM\n"
        "lxc.signal.reboot = SIGINT\n"
        "lxc.autodev = 1\n"
        "lxc.pty.max = 1024\n"
        "lxc.apparmor.profile = unconfined\n"
        "lxc.mount.auto = proc:rw sys:rw cgroup:rw:force\n"
        "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0\n"
        "lxc.mount.entry = sys dev/.lxc/sys sysfs create=dir,optional 0 0\n"
        "lxc.mount.entry = tmpfs run tmpfs nosuid,nodev,mode=0755 0 0\n"
        "lxc.mount.entry = tmpfs tmp tmpfs nosuid,nodev,mode=1777 0 0\n"
        "lxc.mount.entry = /var/lib/targets/one/data data none bind 0 0\n"
        "lxc.net.0.type = veth\n"
        "lxc.net.0.link = sctest\n"
        "lxc.net.0.name = eth0\n"
        "lxc.net.0.flags = up\n"
        "lxc.net.0.hwaddr = 02:00:c0:00:02:0b\n"
        "lxc.net.0.ipv4.address = 192.0.2.11/24\n"
    )


def test_config_of_a_read_only_target() -> None:
    lines = wanted.config(target(read_only=True), PLACE, "/tree", "d1").splitlines()
    assert "lxc.rootfs.options = ro" in lines
    assert "lxc.mount.entry = tmpfs var/lib/misc tmpfs nosuid,nodev,mode=0755 0 0" in lines


def test_config_of_a_target_with_cgroups_of_version_2_alone() -> None:
    lines = wanted.config(target(cgroup2=True), PLACE, "/tree", "d1").splitlines()
    assert "lxc.mount.auto = proc:rw sys:rw" in lines
    assert "lxc.mount.entry = cgroup2 sys/fs/cgroup cgroup2 nosuid,nodev,noexec 0 0" in lines


@pytest.mark.parametrize(
    ("path", "good"),
    [
        ("/var/lib/targets", True),
        ("/root/.cache/targets-1/", True),
        ("/a#b/100%", True),
        ("/a b", False),
        ("/a:b", False),
        ("/a,b", False),
        ("/a'b", False),
        ("/a/../b", False),
        ("a", False),
        ("/", False),
    ],
)
def test_place(path: str, good: bool) -> None:
    for key in ("path", "cache"):
        given = {**asdict(PLACE), key: path}
        if good:
            assert getattr(wanted.parse_place(**given), key) == path
        else:
            with pytest.raises(wanted.InvalidError, match="softwarecontainer_targets_%s: " % key):
                wanted.parse_place(**given)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "a/b"}, "target a/b: the name is not one of a host: letters, digits and -, at most 63"),
        ({"distribution": "debian-1"}, "target one: distribution is none of " + ", ".join(wanted.SUITES)),
        ({"address": "192.0.3.11"}, "target one: 192.0.3.11 is not in 192.0.2.0/24"),
        ({"address": "one"}, "target one: 'one' does not appear to be an IPv4 or IPv6 address"),
        ({"ssh": "rsh"}, "target one: ssh is none of openssh, dropbear"),
        ({"data": "data"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"data": "/a b"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"data": "/a/../b"}, "target one: data has to be an absolute path without spaces and dots"),
        ({"lxc_path": "lxc"}, "target one: lxc_path has to be like data"),
        (
            {"read_only": True, "lxc_path": "/srv/lxc"},
            "target one: with a read-only root, lxc_path has to be below data",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(wanted.InvalidError) as caught:
        target(**changes)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ({"address": "192.0.2.12"}, "name one is given to more than one target"),
        ({"name": "two"}, "address 192.0.2.11 is given to more than one target"),
    ],
)
def test_refused_together(second: dict[str, Any], sentence: str) -> None:
    with pytest.raises(wanted.InvalidError) as caught:
        wanted.parse_targets([FULL, {**FULL, **second}], PLACE.address)
    assert str(caught.value) == sentence


def test_the_address_of_the_bridge_is_not_a_targets() -> None:
    with pytest.raises(wanted.InvalidError) as caught:
        target(address="192.0.2.1")
    assert str(caught.value) == "target one: 192.0.2.1 is the address of the bridge"


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        (["http://a/debian/|bookworm|main"], "http://a/debian/"),
        (["http://s/|bookworm-security|main", "http://a/|bookworm|main"], "http://a/"),
        (["http://o/|stable|other", "http://a/|bookworm|main"], "http://a/"),
    ],
)
def test_mirror(lines: list[str], mirror: str) -> None:
    assert wanted.mirror(lines) == mirror


def test_no_mirror() -> None:
    with pytest.raises(wanted.InvalidError, match="softwarecontainer_targets_mirror"):
        wanted.mirror(["http://s/|bookworm-security|main"])


def test_another_list_of_packages_is_another_tree() -> None:
    names = [wanted.tree_name("debian-12", wanted.packages(extra)) for extra in ([], ["lxc"], ["strace"])]
    assert names[0] == names[1] != names[2]
    assert names[0].startswith("debian-12.")


@pytest.mark.parametrize(
    ("line", "used"),
    [
        ("1 2 0:9 / / rw - overlay overlay rw,lowerdir=/c/debian-12.1,upperdir=/t/one/upper,workdir=/w", True),
        ("1 2 0:9 / / rw - overlay overlay rw,lowerdir=/c/debian-12.12,upperdir=/t/one/upper,workdir=/w", False),
        ("1 2 0:9 / / rw - ext4 /dev/vda rw", False),
    ],
)
def test_users_of(line: str, used: bool) -> None:
    assert bool(wanted.users_of("/c/debian-12.1", [line])) is used


def test_inventory() -> None:
    values = [
        {**FULL, "groups": ["a", "b"]},
        {**FULL, "name": "lean", "sftp": False, "read_only": True, "lxc_path": "/data/lxc", "variables": {"key": 1}},
    ]
    result = wanted.inventory(values, "/keys")["all"]
    assert result["children"] == {"a": {"hosts": {"one": {}}}, "b": {"hosts": {"one": {}}}}
    assert result["hosts"]["one"] == {
        "ansible_host": "192.0.2.11",
        "ansible_user": "root",
        "ansible_ssh_private_key_file": "/keys/id_ed25519",
        "ansible_ssh_common_args": "-o 'UserKnownHostsFile=\"/keys/known_hosts\"' -o StrictHostKeyChecking=yes"
        " -o IdentitiesOnly=yes -o ServerAliveInterval=5 -o ServerAliveCountMax=6",
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    assert {
        key: result["hosts"]["lean"][key] for key in result["hosts"]["lean"] if key not in result["hosts"]["one"]
    } == {
        "ansible_ssh_transfer_method": "piped",
        "ansible_remote_tmp": "/tmp/.ansible",
        "softwarecontainer_lxc_path": "/data/lxc",
        "key": 1,
    }


@pytest.mark.parametrize(
    ("folder", "known_hosts", "key"),
    [
        ("/a b", 'UserKnownHostsFile="/a b/known_hosts"', "/a b/id_ed25519"),
        ("/100%h", 'UserKnownHostsFile="/100%%h/known_hosts"', "/100%%h/id_ed25519"),
        ('/a"b', r'UserKnownHostsFile="/a\"b/known_hosts"', r"/a\"b/id_ed25519"),
        (r"/a\b", r'UserKnownHostsFile="/a\\b/known_hosts"', r"/a\\b/id_ed25519"),
        ("/it's", 'UserKnownHostsFile="/it\'s/known_hosts"', "/it's/id_ed25519"),
    ],
)
def test_paths_of_the_inventory_are_split_twice(folder: str, known_hosts: str, key: str) -> None:
    """By Ansible, as a shell does it, and by ssh, to which what is between quotes is one word; see ssh_config(5)."""
    found = wanted.inventory([FULL], folder)["all"]["hosts"]["one"]
    words = shlex.split(found["ansible_ssh_common_args"])
    assert words[:2] == ["-o", known_hosts]
    assert found["ansible_ssh_private_key_file"] == key


@pytest.mark.parametrize(
    ("changes", "patterns"),
    [
        ({}, ()),
        ({"binding": False}, wanted.BINDING),
        ({"sftp": False}, wanted.SFTP_SERVERS),
        ({"binding": False, "sftp": False}, wanted.BINDING + wanted.SFTP_SERVERS),
    ],
)
def test_hidden(changes: dict[str, Any], patterns: tuple[str, ...]) -> None:
    assert wanted.hidden(target(**changes)) == patterns


def test_the_digest_tells_what_the_config_does_not() -> None:
    digests = {wanted.digest(one, KEY) for one in (target(), target(ssh="dropbear"), target(binding=False))}
    digests.add(wanted.digest(target(), "another key"))
    assert len(digests) == 4


def test_the_documentation_of_a_target() -> None:
    entries = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    assert entries["create"]["options"] == entries["destroy"]["options"]
    known = {field.name: field.default for field in fields(wanted.Target)}
    suboptions = entries["create"]["options"]["softwarecontainer_targets"]["options"]
    assert set(known) == set(suboptions) - {"groups", "variables"}
    assert {key: suboptions[key].get("default", "") for key in known if not suboptions[key].get("required")} == {
        key: value for key, value in known.items() if not suboptions[key].get("required")
    }
    assert suboptions["distribution"]["choices"] == list(wanted.SUITES)
    assert suboptions["ssh"]["choices"] == list(wanted.SERVERS)


def every_key(kind: Any, prefix: str = "") -> set[str]:
    """The dotted names of all keys of a record and of the records in it."""
    found = set()
    hints = get_type_hints(kind)
    for key in kind._fields:
        inner = [part for part in (hints[key], *get_args(hints[key])) if hasattr(part, "_fields")]
        found |= every_key(inner[0], f"{prefix}{key}.") if inner else {prefix + key}
    return found


def set_keys(value: Any, prefix: str = "") -> set[str]:
    """The dotted names of all keys that are set, in lists too."""
    if isinstance(value, list):
        return set().union(*(set_keys(item, prefix) for item in value))
    if isinstance(value, dict):
        return set().union(*({prefix + key} | set_keys(inner, f"{prefix}{key}.") for key, inner in value.items()))
    return set()


def test_the_scenario_keys_sets_every_key() -> None:
    text = (ROOT / "extensions" / "molecule" / "keys" / "vars" / "main.yml").read_text(encoding="utf-8")
    first = yaml.safe_load(text)["scenario_stages"][0]
    # No target has SELinux, and one without refuses any context.
    assert every_key(records.Container) - set_keys(first) == {"security.selinux"}
