# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target can and cannot do: the verdict of each check, and which checks a container needs."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.apparmor import DEFAULT_CGNS, State
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.preflight import requirements
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.preflight.records import Facts
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import id_allocation
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import facts, id_mapped_mounts
from ansible_collections.softwarecontainer.lxc.plugins.modules import preflight as module

MIB = 1024 * 1024
FACTS = Facts(
    root=True,
    kernel="6.1.0",
    namespaces=frozenset(["cgroup", "ipc", "mnt", "net", "pid", "user", "uts"]),
    users=1000,
    layout="hybrid",
    controllers={"memory": 1, "cpu": 1, "pids": 1, "devices": 1, "unified": 2},
    seccomp=True,
    seccomp_profile="/usr/share/lxc/config/common.seccomp",
    apparmor=True,
    selinux=True,
    lxc="5.0.2",
    ways=("binding", "tools"),
    lxc_path="/var/lib/lxc",
    init_lxc="/usr/sbin/init.lxc",
    init_lxc_static="/usr/lib/lxc/init.lxc.static",
    bridge="lxcbr0",
    interfaces=frozenset(["lo", "lxcbr0"]),
    resolv_conf="nameserver 192.0.2.1\nnameserver 192.0.2.2\n",
    busybox=Binary("/bin/busybox", "00", 2 * MIB, ("ls", "sh"), None),
    ids=2,
    free=100 * MIB,
    inodes=5000,
    python="3.11.2",
    rules="/usr/sbin/nft",
    filters="/usr/sbin/nft",
    forwards=True,
    ctypes=True,
    profiles=State(True, frozenset([DEFAULT_CGNS, "own"]), parser="/usr/sbin/apparmor_parser", brought=True),
)
GOOD = {
    "root": "root",
    "python": "Python 3.11.2 with the module ctypes",
    "namespaces": "Linux 6.1.0 with all of cgroup, ipc, mnt, net, pid, uts",
    "cgroups": "version hybrid with cpu, devices, memory, pids, unified",
    "cgroup_memory": "version 1",
    "cgroup_cpu": "version 1",
    "cgroup_pids": "version 1",
    "cgroup_devices": "version 1",
    "user_namespaces": "up to 1000",
    "subordinate_ids": "2 ranges of 65536 for root",
    "passable": "/var/lib/lxc can be passed by all",
    "id_mapped_mounts": "/var/lib/lxc can",
    "seccomp": "/usr/share/lxc/config/common.seccomp",
    "apparmor": "switched on",
    "apparmor_profiles": "lxc-container-default-cgns is loaded",
    "selinux": "switched on",
    "lxc": "5.0.2 by binding and tools",
    "init_lxc": "/usr/sbin/init.lxc",
    "bridge": "lxcbr0",
    "name_servers": "192.0.2.1, 192.0.2.2",
    "ports": "/usr/sbin/nft, and the target forwards packets",
    "packet_filter": "/usr/sbin/nft works",
    "busybox": "/bin/busybox, static, 2 applets",
    "space": "100 MiB free in /var/lib/lxc, 5000 inodes",
    "writable": "all of it",
    "executable": "programs in /var/lib/lxc can run",
}
LACKING: dict[str, tuple[str, dict[str, Any], str]] = {
    "name servers on loopback": (
        "name_servers",
        {"resolv_conf": "nameserver 127.0.0.53\n"},
        "127.0.0.53, the target itself",
    ),
    "no filter": ("packet_filter", {"filters": None, "no_filter": "neither of them; install one"}, "neither of them"),
    "another user": ("root", {"root": False}, "another user"),
    "no network namespaces": (
        "namespaces",
        {"namespaces": FACTS.namespaces - {"net", "uts"}},
        "Linux 6.1.0 without net, uts",
    ),
    "no cgroups": ("cgroups", {"controllers": {}}, "none"),
    "no memory controller": ("cgroup_memory", {"controllers": {"cpu": 2}}, "not there"),
    "memory on another version": (
        "cgroup_memory",
        {"controllers": {"memory": 2, "cpu": 1, "unified": 2}},
        "LXC cannot use the controller memory, which is on cgroup version 2 while others are on version 1",
    ),
    "no device control": ("cgroup_devices", {"controllers": {"memory": 1}}, "not there"),
    "no user namespaces": ("user_namespaces", {"namespaces": FACTS.namespaces - {"user"}}, "none"),
    "user namespaces forbidden": ("user_namespaces", {"users": 0}, "none"),
    "no ids": ("subordinate_ids", {"ids": 0}, "0 ranges of 65536 for root"),
    "a directory for root alone": ("passable", {"closed": "/var"}, "/var keeps others out"),
    "no mapped mounts": (
        "id_mapped_mounts",
        {"mapping": "mount_setattr: Invalid argument"},
        "/var/lib/lxc cannot: mount_setattr: Invalid argument",
    ),
    "no seccomp": ("seccomp", {"seccomp": False}, "not there"),
    "no profile": ("seccomp", {"seccomp_profile": None}, "no common.seccomp of LXC"),
    "no apparmor": ("apparmor", {"apparmor": False}, "not there or switched off"),
    "no apparmor profile": (
        "apparmor_profiles",
        {"profiles": State(True, frozenset(), brought=True)},
        "AppArmor is switched on and its profile lxc-container-default-cgns is not loaded",
    ),
    "no ctypes": ("python", {"ctypes": False}, "Python 3.11.2 without the module ctypes"),
    "no programs": ("executable", {"noexec": True}, "/var/lib/lxc is on a file system that is mounted noexec"),
    "no selinux": ("selinux", {"selinux": False}, "not there or switched off"),
    "no lxc": ("lxc", {"lxc": None, "ways": ()}, "neither the binding nor the tools"),
    "no init": ("init_lxc", {"init_lxc": None}, "no init.lxc"),
    "no program for rules": ("ports", {"rules": None}, "no nft or iptables, and the target forwards packets"),
    "no forwarding": ("ports", {"forwards": False}, "/usr/sbin/nft, and the target forwards none"),
    "no bridge": ("bridge", {"interfaces": frozenset(["lo"])}, "no lxcbr0"),
    "no busybox": ("busybox", {"busybox": "there is no busybox"}, "there is no busybox"),
    "no space": ("space", {"free": 3 * MIB, "inodes": None}, "3 MiB free in /var/lib/lxc"),
    "no inodes": ("space", {"inodes": 10}, "100 MiB free in /var/lib/lxc, 10 inodes"),
    "read-only": ("writable", {"read_only": ("/var/lib", "/run")}, "read-only: /var/lib, /run"),
}


def containers(*given: dict[str, Any]) -> list[records.Container]:
    return [keys.CONTAINER({"name": "c%d" % number, **each}) for number, each in enumerate(given)]


def test_a_target_that_can_do_all() -> None:
    found = {name: check(FACTS, containers({})) for name, check in requirements.CHECKS.items()}
    assert {name: check.found for name, check in found.items() if check.ok} == GOOD


@pytest.mark.parametrize(("name", "lacking", "found"), LACKING.values(), ids=LACKING)
def test_a_target_that_lacks_something(name: str, lacking: dict[str, Any], found: str) -> None:
    check = requirements.CHECKS[name](FACTS._replace(**lacking), containers({}))
    assert not check.ok
    assert check.found == found
    assert check.advice
    assert requirements.reasons({name: check}, [name]) == [f"{name}: {found}; {check.advice}"]
    assert requirements.reasons({name: check}, []) == []


def test_lxc_that_is_there_and_cannot_be_reached() -> None:
    found = requirements.lxc(
        FACTS._replace(lxc=None, ways=("tools",), unreached="runtime: there is no module lxc; use tools"), []
    )
    assert found == (False, "runtime: there is no module lxc", "use tools")
    found = requirements.lxc(FACTS._replace(lxc=None, unreached="lxc-config failed with 1: oh"), [])
    assert found == (False, "lxc-config failed with 1: oh", "repair LXC, or choose another way with runtime")


def test_each_check_is_seen_to_fail() -> None:
    assert {name for name, _lacking, _found in LACKING.values()} | {"cgroup_cpu", "cgroup_pids"} == set(
        requirements.CHECKS
    )


def test_space_grows_with_the_containers() -> None:
    """A copy of busybox each, unless it is bound or there is none."""

    def enough(free: int, *given: dict[str, Any]) -> bool:
        return requirements.space(FACTS._replace(free=free, inodes=None), containers(*given)).ok

    assert enough(4 * MIB)
    assert not enough(6 * MIB, {})
    assert enough(7 * MIB, {})
    assert not enough(7 * MIB, {}, {})
    assert enough(5 * MIB, {"busybox": {"method": "bind"}})
    assert requirements.space(FACTS._replace(free=4 * MIB, there=frozenset(["c0"])), containers({})).ok


def test_the_static_init() -> None:
    given = containers({"system_mounts": False})
    assert requirements.init_lxc(FACTS, given).found == "/usr/lib/lxc/init.lxc.static"
    assert requirements.init_lxc(FACTS._replace(init_lxc_static=None), given).found == "no init.lxc.static"


ALWAYS = {"root", "namespaces", "cgroups", "lxc", "space", "writable"}
OWN_IDS = {"user_namespaces", "subordinate_ids", "passable"}
RUNS = {"apparmor_profiles", "executable"}
DEFAULT = {*OWN_IDS, *RUNS, "python", "cgroup_devices", "seccomp", "init_lxc", "bridge", "busybox"}
NEEDED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "defaults": ({}, DEFAULT),
    "absent": ({"state": "absent", "limits": {"pids": 5}}, set()),
    "memory": ({"limits": {"memory": "64M"}}, DEFAULT | {"cgroup_memory"}),
    "processors": ({"limits": {"cpus": 1}}, DEFAULT | {"cgroup_cpu"}),
    "shares": ({"limits": {"cpu_shares": 100}}, DEFAULT | {"cgroup_cpu"}),
    "tasks": ({"limits": {"pids": 5}}, DEFAULT | {"cgroup_pids"}),
    "all devices": ({"security": {"devices": "all"}}, DEFAULT - {"cgroup_devices"}),
    "no seccomp": ({"security": {"seccomp": "none"}}, DEFAULT - {"seccomp"}),
    "a profile": ({"security": {"seccomp": "/p"}}, DEFAULT - {"seccomp"}),
    "apparmor": ({"security": {"apparmor": "generated"}}, DEFAULT | {"apparmor"}),
    "unconfined": ({"security": {"apparmor": "unconfined"}}, DEFAULT),
    "selinux": ({"security": {"selinux": "u:r:t"}}, DEFAULT | {"selinux"}),
    "id maps": (
        {"security": {"idmap": ["u 0 1 2", "g 0 1 2"]}},
        DEFAULT - {"subordinate_ids"},
    ),
    "privileged": ({"security": {"privileged": True}}, DEFAULT - OWN_IDS),
    "init": ({"init": ["/app"]}, DEFAULT - {"init_lxc", "executable"}),
    "init of the rootfs": ({"init": ["/bin/sh"]}, DEFAULT - {"init_lxc"}),
    "command": ({"command": ["/usr/bin/app"]}, DEFAULT - {"executable"}),
    "command of the spec": ({"command": ["/app"], "files": [{"path": "/app", "mode": "0755"}]}, DEFAULT),
    "bound busybox": ({"busybox": {"method": "bind"}}, DEFAULT - {"executable"}),
    "stopped": ({"state": "stopped"}, DEFAULT - {"apparmor_profiles"}),
    "ports": ({"ports": [{"target": 80}]}, DEFAULT | {"ports"}),
    "no network": ({"network": []}, DEFAULT - {"bridge"}),
    "another link": ({"network": [{"link": "br1"}]}, DEFAULT - {"bridge"}),
    "a type without link": ({"network": [{"type": "empty"}]}, DEFAULT - {"bridge"}),
    "no busybox": ({"busybox": {"method": "none"}}, DEFAULT - {"busybox", "executable"}),
    "another busybox": ({"busybox": {"path": "/opt/busybox"}}, DEFAULT - {"busybox"}),
}


@pytest.mark.parametrize(("given", "needed"), NEEDED.values(), ids=NEEDED)
def test_what_a_container_needs(given: dict[str, Any], needed: set[str]) -> None:
    assert set(requirements.needed_by(containers(given))) == ALWAYS | needed


def test_what_no_container_needs() -> None:
    assert set(requirements.needed_by([])) == ALWAYS


def test_there_has_to_be_a_range_for_each_container() -> None:
    check = requirements.CHECKS["subordinate_ids"]
    assert check(FACTS, containers({}, {})).ok
    assert not check(FACTS, containers({}, {}, {})).ok
    assert check(FACTS, containers({}, {}, {"security": {"privileged": True}})).ok
    assert check(FACTS, containers({}, {}, {"security": {"idmap": ["u 0 1 2"]}})).ok


def test_the_names_are_documented() -> None:
    options = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert options["needed"]["choices"] == list(requirements.CHECKS)


def test_subordinate_ids(tmp_path: Path) -> None:
    path = tmp_path / "subuid"
    path.write_text("root:100000:65536\nsomebody:1:2\n0:500000:1000\nroot:x:1\nroot:1\n", encoding="ascii")
    assert facts.subordinate_ids(str(path)) == ((100000, 65536), (500000, 1000))
    assert facts.subordinate_ids(str(tmp_path / "none")) == ()


def test_a_place_that_is_not_there_cannot_be_mounted() -> None:
    can, reason = id_mapped_mounts.supported("/nowhere/at/all")
    assert not can
    assert reason.partition(":")[0] in ("open_tree", "unshare", "/proc/uid_map") or "uid_map" in reason


def test_a_kernel_without_room_has_said_nothing_of_mapped_mounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may have taken all user namespaces: that must not make us shift the owners of all the others."""

    def full(_libc: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device", "unshare")

    monkeypatch.setattr(id_mapped_mounts, "user_namespace", full)
    with pytest.raises(OSError):
        id_mapped_mounts.supported("/")
    allotted = id_allocation.IdAllocation(Tools("/"), True)
    for shifted in (False, True):
        assert allotted.shifts(Manifest("", {"rootfs": Stage()}, Ids(shifted=shifted))) is shifted
    with pytest.raises(ContainerError) as caught:
        allotted.shifts(Manifest())
    assert str(caught.value) == (
        "security: whether files can be mounted with mapped ids cannot be told now (unshare: No space left on device);"
        " run again when there is room in the kernel, see user.max_user_namespaces"
    )
