# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mounts of a container with a user namespace, its hooks, and what is said where the target lacks something.

The text of mounts without a user namespace is in test_config.py.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import DIRECTORY, Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_config, lxc_hooks, lxc_mounts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import facts

IDS = Ids(("u 0 100000 65536", "g 0 200000 65536"))
PLACE = lxc_config.place_of_mounts("/var/lib/lxc", "hmi")
HOST = Host(
    init_lxc="/usr/sbin/init.lxc",
    paths=frozenset(
        [
            *("/usr", "/lib", "/usr/lib", "/srv", "/srv/in", "/etc/hosts", "/dev/tun", "/closed/in", "/gw/there"),
            "/proc/version",
        ]
    ),
    kinds={
        "/srv": "directory",
        "/srv/in": "directory",
        "/etc/hosts": "file",
        "/dev/tun": "device",
        "/closed/in": "directory",
        "/gw/there": "directory",
        "/proc/version": "file",
    },
    barriers={"/closed/in": (("/closed", 0, 0, 0o700),)},
    interfaces=frozenset(["lxcbr0"]),
    busyboxes={None: Binary("/bin/busybox", "00", 1, ("sh", "sleep"), None)},
    controllers={"devices": 1},
    seccomp=True,
    seccomp_profile="/common.seccomp",
)
KEEPS = {"security": {"drop_capabilities": ["sys_time"]}}


def render(given: dict[str, Any], host: Host = HOST, ids: Ids = IDS) -> list[str]:
    """The lines of a config that concern mounts, those of the system left out."""
    container = keys.CONTAINER({"name": "hmi", "network": [], **given})
    text = lxc_config.render(container, host, "/var/lib/lxc", "lxcbr0", ids)
    system = ("/usr ", "/lib ", "/usr/lib ", "/usr/sbin ", "tmpfs dev/shm", "mqueue ")
    lines = [line for line in text.splitlines() if line.startswith(("lxc.mount.entry", "lxc.hook"))]
    return [line for line in lines if not line.partition(" = ")[2].startswith(system)]


ENTRIES: dict[str, tuple[list[dict[str, Any]], list[str]]] = {
    "a directory": ([{"source": "/srv", "target": "/d"}], ["/srv d none bind,ro,rprivate 0 0"]),
    "a place that the container's own processes or network may have": (
        [{"source": "/srv", "target": "/proc/1/x"}, {"source": "/srv", "target": "/sys/class/net/eth0"}],
        ["/srv proc/1/x none bind,ro,rprivate 0 0", "/srv sys/class/net/eth0 none bind,ro,rprivate 0 0"],
    ),
    "what may be written": (
        [{"source": "/srv", "target": "/d", "read_only": False}],
        ["/srv d none bind,rw 0 0"],
    ),
    "what shall see later mounts": (
        [{"source": "/srv", "target": "/d", "options": ["rslave"]}],
        ["/srv d none bind,ro,rslave 0 0"],
    ),
    "a file system below /dev": (
        [{"source": "tmpfs", "target": "/dev/t", "type": "tmpfs", "read_only": False}],
        ["tmpfs dev/t tmpfs rw,create=dir 0 0"],
    ),
    "a file below /dev": (
        [{"source": "/etc/hosts", "target": "/dev/x"}],
        ["/etc/hosts dev/x none bind,ro,rprivate,create=file 0 0"],
    ),
    "a device": (
        [{"source": "/dev/tun", "target": "/dev/net/tun", "read_only": False}],
        [f"{PLACE}/6 dev/net/tun none rbind,rw,create=file 0 0"],
    ),
    "an optional source that is not there": (
        [{"source": "/none", "target": "/d", "optional": True}],
        [f"{PLACE}/6 d none rbind,ro,rprivate,optional 0 0"],
    ),
    "an optional source that is not there, below /dev": (
        [{"source": "/none", "target": "/dev/d", "optional": True}],
        [f"{PLACE}/6 dev/d none rbind,ro,rprivate,optional,create=file 0 0"],
    ),
    "upon a fresh file system": (
        [
            {"source": "tmpfs", "target": "/run", "type": "tmpfs", "read_only": False},
            {"source": "/srv", "target": "/run/a/b"},
        ],
        ["tmpfs run tmpfs rw 0 0", "/srv run/a/b none bind,ro,rprivate,create=dir 0 0"],
    ),
    "upon another mount": (
        [{"source": "/srv", "target": "/d"}, {"source": "/srv", "target": "/d/in"}],
        ["/srv d none bind,ro,rprivate 0 0", "/srv d/in none bind,ro,rprivate 0 0"],
    ),
}


@pytest.mark.parametrize(("given", "expected"), ENTRIES.values(), ids=ENTRIES)
def test_entries(given: list[dict[str, Any]], expected: list[str]) -> None:
    found = [line for line in render({"mounts": given}) if line.startswith("lxc.mount.entry")]
    own = [line.partition(" = ")[2] for line in found]
    assert own[-len(expected) :] == expected


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a kind that does not fit": (
        {"mounts": [{"source": "/etc/hosts", "target": "/d", "create": "dir"}]},
        "mounts[0].create: dir does not fit /etc/hosts, which is a file",
    ),
    "a place upon another mount that is not there": (
        {"mounts": [{"source": "/srv", "target": "/d"}, {"source": "/srv", "target": "/d/out"}]},
        "mounts[1].target: /d/out lies below the mount of /srv and does not exist there; make /srv/out on the target,"
        " or choose another place",
    ),
    "a place in the gateway directory that is not there": (
        {"gateway_dir": "/gw", "mounts": [{"source": "/srv", "target": "/gateways/x"}]},
        "mounts[0].target: /gateways/x lies below the mount of /gw and does not exist there; make /gw/x on the target,"
        " or choose another place",
    ),
    "a place that the kernel does not have": (
        {"mounts": [{"source": "/srv", "target": "/proc/no/such"}]},
        "mounts[0].target: /proc/no/such lies below the mount of /proc and does not exist there; choose another place",
    ),
    "a place of the kernel's of another kind": (
        {"mounts": [{"source": "/srv", "target": "/proc/version"}]},
        "mounts[0].target: /proc/version on the target is not a directory",
    ),
    "a place upon another mount of another kind": (
        {
            "gateway_dir": "/gw",
            "mounts": [{"source": "/etc/hosts", "target": "/gateways/there"}],
        },
        "mounts[0].target: /gw/there on the target is not a file",
    ),
    "a source that is out of reach": (
        {"mounts": [{"source": "/closed/in", "target": "/d"}]},
        "mounts[0].source: LXC cannot reach /closed/in as the container's root, since the mode of /closed keeps others"
        " out; chmod o+x it, or choose another place",
    ),
    "a gateway directory that is out of reach": (
        {"gateway_dir": "/closed/in"},
        "gateway_dir: LXC cannot reach /closed/in as the container's root, since the mode of /closed keeps others out;"
        " chmod o+x it, or choose another place",
    ),
    "a source that the container could replace by a link": (
        {**KEEPS, "gateway_dir": "/srv", "mounts": [{"source": "/srv/in", "target": "/d"}]},
        "mounts[0].source: /srv/in lies below /srv, which the container can write; it could put a link there, so choose"
        " another source",
    ),
    "a file system that root could write to again": (
        {**KEEPS, "mounts": [{"source": "tmpfs", "target": "/d", "type": "tmpfs"}]},
        "mounts[0].read_only: root of the container could take it from a file system of its own (tmpfs); set it to"
        " false, or add sys_admin to security.drop_capabilities",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ContainerError) as caught:
        render(given)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("owner", "group", "mode", "passes"),
    [
        (100000, 0, 0o700, True),
        (100000, 200000, 0o070, False),
        (0, 200000, 0o710, True),
        (0, 200000, 0o760, False),
        (0, 0, 0o777, False),
    ],
)
def test_who_can_pass(owner: int, group: int, mode: int, passes: bool) -> None:
    """Of the directories that others cannot pass, see path_resolution(7)."""
    host = HOST._replace(barriers={"/closed/in": (("/closed", owner, group, mode & ~1),)})
    given = {"mounts": [{"source": "/closed/in", "target": "/d"}]}
    if passes:
        assert render(given, host)
    else:
        with pytest.raises(ContainerError):
            render(given, host)


def test_where_sys_admin_is_kept_all_sources_are_bound_beforehand() -> None:
    given = {
        **KEEPS,
        "gateway_dir": "/gw",
        "mounts": [{"source": "/srv", "target": "/d", "options": ["idmap=container"]}],
    }
    lines = render(given)
    entries = [line.split(" ") for line in lines if line.startswith("lxc.mount.entry")]
    assert [fields[2] for fields in entries] == [f"{PLACE}/{number}" for number in range(len(entries))]
    assert entries[-1][5] == "rbind,ro,idmap=container,rprivate"
    hook = next(line for line in lines if line.startswith("lxc.hook.pre-start"))
    script = shlex.split(hook.partition(" = ")[2])[2]
    assert script.endswith(
        f"; bring /gw {len(entries) - 2} nosuid,nodev; bring /srv {len(entries) - 1} ro;"
        f' mount --make-rprivate "$d"; {lxc_hooks.HOLD}'
    )
    assert "mode=0710,gid=200000," in script and "chown 100000:200000 " in script
    taken_away = f"mount --make-rprivate {PLACE} && umount -l {PLACE} && rmdir {PLACE}"
    assert lines[-1] == f"lxc.hook.post-stop = sh -c '{taken_away}'"
    # What can be written gets its options there, and what is below too.
    assert not any(line.startswith("lxc.hook.mount") for line in lines)


BROUGHT: dict[str, tuple[str, list[str], str]] = {
    "read-only": ("/srv", [], 'bring /srv N ro; mount --make-rprivate "$d";'),
    "what comes later": ("/srv", ["rslave"], 'bring /srv N ro; mount --make-rslave "$d";'),
    "where the places are": (
        "/run",
        [],
        'bring /run N ro; mount --make-rprivate "$d"; for one in "$d"/N/softwarecontainer.mounts/*; do umount',
    ),
    "by a link": (
        "/var/run",
        [],
        'bring /var/run N ro; mount --make-rprivate "$d"; for one in "$d"/N/softwarecontainer.mounts/*; do umount',
    ),
}


@pytest.mark.parametrize("security", [{}, KEEPS["security"]], ids=["default", "keeps"])
@pytest.mark.parametrize(("source", "options", "command"), BROUGHT.values(), ids=BROUGHT)
def test_what_a_hook_brings(source: str, options: list[str], command: str, security: dict[str, Any]) -> None:
    there = {source: DIRECTORY}
    host = HOST._replace(kinds={**HOST.kinds, **there}, paths=HOST.paths | {source}, links={"/var/run": "/run"})
    mount = {"source": source, "target": "/d", "options": options}
    lines = render({"security": security, "mounts": [mount]}, host)
    hook = next((line for line in lines if line.startswith("lxc.hook.pre-start")), "")
    if source == "/srv" and not security:
        assert not hook
        return
    number = next(line for line in lines if " d none " in line).split(" ")[2].rpartition("/")[2]
    assert command.replace("N", number) in shlex.split(hook.partition(" = ")[2])[2]


def test_the_sources_that_a_hook_brings() -> None:
    paths = ["/srv", "/it's", "/a; bring b", '/"$x`\\']
    given = {**KEEPS, "mounts": [{"source": path, "target": f"/d{number}"} for number, path in enumerate(paths)]}
    host = HOST._replace(kinds={**HOST.kinds, **dict.fromkeys(paths, DIRECTORY)}, paths=HOST.paths | set(paths))
    hook = next(line for line in render(given, host) if line.startswith("lxc.hook.pre-start"))
    assert list(lxc_hooks.brought(hook.partition(" = ")[2]).values())[-4:] == paths
    assert lxc_hooks.brought("/usr/bin/own hook") == {}


# The path that mountinfo shows, and what the shell makes of it. \\040 is a blank, whatever comes after it.
SHOWN = {"/a": "/a", "/a\\040b": "/a b", "/disk\\0401": "/disk 1", "/a\\134040b": "/a\\040b", "/100%d": "/100%d"}


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"], ["bash"]], ids=lambda words: words[0])
@pytest.mark.parametrize(("shown", "path"), SHOWN.items(), ids=SHOWN.values())
def test_the_options_of_what_is_mounted_below(tmp_path: Path, shell: list[str], shown: str, path: str) -> None:
    if not shutil.which(shell[0]):
        pytest.skip(f"{shell[0]} is not installed")
    rows = [f"9 1 0:1 / /d{path} rw - x x rw" for path in ("", f"/7{shown}")]
    (tmp_path / "mountinfo").write_text("\n".join([*rows, "9 1 0:1 / /dd/7 rw - x x rw", ""]), encoding="utf-8")
    hold = lxc_hooks.HOLD.replace("/proc/self/mountinfo", str(tmp_path / "mountinfo"))
    script = f"set -e; d=/d; options7=ro,nosuid; mount() {{ printf '%s\\n' \"$@\"; }}; {hold}"
    done = subprocess.run([*shell, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.splitlines() == ["-o", "remount,bind,rw,ro,nosuid", "none", f"/d/7{path}"]


@pytest.mark.parametrize("given", [{}, {"security": {"drop_capabilities": ["sys_admin"]}}], ids=["default", "list"])
def test_without_sys_admin_no_hook_is_needed(given: dict[str, Any]) -> None:
    lines = render({**given, "mounts": [{"source": "/srv", "target": "/d"}]})
    assert not [line for line in lines if line.startswith(("lxc.hook.pre-", "lxc.hook.mount", "lxc.hook.post-"))]


KEPT: dict[str, tuple[dict[str, Any], bool]] = {
    "default": ({}, False),
    "init of its own": ({"init": ["/init"]}, True),
    "a list": (KEEPS, True),
    "a list of LXC": ({**KEEPS, "lxc": {"lxc.cap.drop": "mknod sys_admin"}}, False),
    "a list of LXC that forgets": ({"lxc": {"lxc.cap.drop": ["", "mknod"]}}, True),
    "what LXC keeps": ({"lxc": {"lxc.cap.keep": "chown"}}, True),
}


@pytest.mark.parametrize(("given", "kept"), KEPT.values(), ids=KEPT)
def test_who_keeps_sys_admin(given: dict[str, Any], kept: bool) -> None:
    assert keys.CONTAINER({"name": "hmi", **given}).keeps("sys_admin") is kept


def test_the_gateway_directory_is_made_at_each_start() -> None:
    (hook,) = [line for line in render({"gateway_dir": "/run/it's", "gateway_dir_mode": "0750"}) if "pre-start" in line]
    script = shlex.split(hook.partition(" = ")[2])[2]
    path = shlex.quote("/run/it's")
    assert script == f"set -e; umask 022; [ -d {path} ] || {{ mkdir -p {path}; chmod 0750 {path}; }}"


UNCHANGED: dict[str, tuple[str, str]] = {
    "a mount below a source": (
        "lxc.mount.entry = /srv d none bind,ro 0 0\n",
        "lxc.mount.entry = /srv d none rbind,ro 0 0\nlxc.hook.pre-mount = %s\nlxc.hook.mount = %s x'\n"
        % (lxc_hooks.HIDE_ROOTFS, lxc_hooks.BELOW),
    ),
    "an optional source": (
        "lxc.mount.entry = /srv dev/d none rbind,ro,create=file 0 0\n",
        "lxc.mount.entry = /srv dev/d none rbind,ro,create=dir 0 0\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), UNCHANGED.values(), ids=UNCHANGED)
def test_what_changes_by_itself(before: str, after: str) -> None:
    assert lxc_config.running_part(before) == lxc_config.running_part(after)


def test_what_a_user_changes() -> None:
    lines = "lxc.mount.entry = /srv d none bind,ro 0 0", "lxc.mount.entry = /srv d none bind,rw 0 0"
    assert lxc_config.running_part(lines[0]) != lxc_config.running_part(lines[1])


def test_what_a_path_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    found = [facts.kind(str(tmp_path / name)) for name in ("", "link", "file", "fifo", "none")]
    assert [*found, facts.kind("/dev/null")] == ["directory", "directory", "file", "file", None, "device"]


def test_the_directories_that_not_everybody_can_pass(tmp_path: Path) -> None:
    inner = tmp_path / "closed" / "open" / "also closed"
    inner.mkdir(parents=True)
    (tmp_path / "closed").chmod(0o710)
    (tmp_path / "closed" / "open").chmod(0o701)
    inner.chmod(0o700)
    facts.barrier.cache_clear()
    found = [row for row in facts.barriers(str(inner / "x")) if row[0].startswith(str(tmp_path) + "/")]
    assert found == [
        (str(tmp_path / "closed"), os.getuid(), os.getgid(), 0o710),
        (str(inner), os.getuid(), os.getgid(), 0o700),
    ]
    # The path itself may be anything: it is looked up in what is above it.
    assert str(inner) not in [row[0] for row in facts.barriers(str(inner))]


def test_optional_targets() -> None:
    given = [
        {"source": "/a", "target": "/x"},
        {"source": "/b", "target": "/y", "optional": True},
        {"source": "tmpfs", "target": "/z", "type": "tmpfs", "optional": True},
    ]
    container = keys.CONTAINER({"name": "hmi", "mounts": given})
    assert lxc_mounts.optional_targets(container) == (("mounts[1]", "/b", "/y"),)


RULES: dict[str, tuple[Any, bool]] = {
    "none": ([], True),
    "its own": (["c 10:200 rw"], False),
    "only to make it": (["c 10:200 m"], True),
    "another": (["c 10:201 rwm", "b 10:200 rwm"], True),
    "all of its driver": (["c 10:* r"], False),
    "all": ("all", False),
}


@pytest.mark.parametrize(("rules", "told"), RULES.values(), ids=RULES)
def test_a_device_that_no_rule_allows_is_told(rules: Any, told: bool) -> None:
    mount = {"source": "/dev/tun", "target": "/dev/net/tun"}
    container = keys.CONTAINER({"name": "hmi", "mounts": [mount], "security": {"devices": rules}})
    found = lxc_mounts.forbidden_devices(container, HOST._replace(devices={"/dev/tun": "c 10:200"}))
    assert bool(found) is told
    assert not told or found.startswith("mounts[0].source: /dev/tun is the device c 10:200,")


def test_which_device_it_is() -> None:
    assert [facts.device(path) for path in ("/dev/null", "/dev", "/dev/none")] == ["c 1:3", None, None]
