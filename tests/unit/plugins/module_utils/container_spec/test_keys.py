# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of a spec: what each takes, refuses and defaults to."""

from __future__ import annotations

import copy
import functools
from typing import Any, Callable, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import (
    AUTO_IF_OWN,
    Archive,
    Autostart,
    Busybox,
    Check,
    Container,
    DeviceNode,
    Directory,
    File,
    Gateways,
    Interface,
    Limits,
    Log,
    Mount,
    PacketFilter,
    PacketRule,
    Port,
    Restart,
    Security,
    Volume,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError

# All keys of the spec at once, with every kind of value that has text in it.
FULL: dict[str, Any] = {
    "name": "hmi",
    "state": "frozen",
    "hostname": "panel",
    "install_prefix": "/opt/payload",
    "gateway_dir": "/run/gateways/hmi",
    "gateway_dir_mode": "0770",
    "directories": [{"path": "/data", "mode": "0700", "owner": "7", "group": 8}],
    "files": [
        {"path": "/etc/motd", "mode": "0600", "content": "hello", "on_change": "reload"},
        {"path": "/etc/app", "src": "app.j2", "template": "yes", "owner": 1000, "group": "100"},
    ],
    "archive": [{"src": "app.tar.xz", "target": "/opt/app/", "checksum": "sha256:" + "ab" * 32}],
    "resolv_conf": "nameserver 10.0.3.1",
    "busybox": {"method": "bind", "path": "/opt/busybox", "applets": ["sh", "["]},
    "command": ["/bin/app", "--flag", "a b"],
    "reload": "SIGHUP",
    "log": {"size": "64K", "driver": "syslog"},
    "restart": {"policy": "never", "delay": "2", "limit": "3"},
    "on_change": "leave",
    "ready": [
        {"command": ["/bin/check", "a b"], "timeout": "5", "stable": "0.5"},
        {"tcp": "80"},
        {"file": "/run/ready"},
    ],
    "after": ["db"],
    "network": [
        {
            "type": "veth",
            "link": "br0",
            "name": "net0",
            "flags": "down",
            "hwaddr": "00:16:3e:aa:bb:cc",
            "mtu": "1400",
            "ipv4": ["10.0.3.20/24"],
            "ipv4_gateway": "10.0.3.1",
            "ipv6": ["fd00::20/64"],
            "ipv6_gateway": "fd00::1",
        },
        {"ipv4": "10.0.4.20/24", "ipv4_gateway": "auto", "ipv6": "fd01::20/64", "ipv6_gateway": "dev"},
    ],
    "ports": [{"target": "8080", "container": "80"}, {"target": 53, "protocol": "udp"}],
    "autodev": "no",
    "tty": "4",
    "pty": "5",
    "system_mounts": "yes",
    "mounts": [
        {
            "source": "tmpfs",
            "target": "/scratch",
            "read_only": "no",
            "optional": "yes",
            "create": "dir",
            "type": "tmpfs",
            "options": ["size=1M"],
        }
    ],
    "volumes": [{"name": "data", "target": "/var/lib/app", "owner": "1000:1001", "mode": "0750", "size": "64M"}],
    "gateways": {
        "devices": [
            {"source": "/dev/i2c-1", "target": "/dev/bus", "mode": "0640", "owner": "0:1001", "access": "r"},
        ],
        "network": {
            "outgoing": [{"to": "192.0.2.0/24", "protocols": ["tcp"], "ports": ["443", "8000-8010"]}],
            "incoming": [{"from": "any", "protocols": ["udp", "tcp"], "ports": [80, "53"]}],
        },
    },
    "environment": {"LANG": "C.UTF-8"},
    "limits": {"memory": "64M", "memory_swap": "128M", "cpu_shares": "512", "cpus": "0.5", "pids": "100"},
    "capabilities": [],
    "security": {
        "drop_capabilities": ["sys_admin", "net_admin", "net_raw"],
        "seccomp": "/etc/seccomp",
        "apparmor": "generated",
        "selinux": "system_u:system_r:lxc_t:s0",
        "no_new_privs": "no",
        "sys": "mixed",
        "devices": ["c 10:200 rwm"],
        "privileged": "no",
        "idmap": ["u 0 100000 65536"],
    },
    "autostart": {"enabled": "yes", "order": "-1", "delay": "5", "groups": ["onboot"]},
    "lxc": {"lxc.console.size": "auto", "lxc.prlimit.nofile": ["1024"]},
}
# An init of its own excludes a command.
FULL_INIT = {**{key: value for key, value in FULL.items() if key != "command"}, "init": ["/sbin/init", "--verbose"]}
FULL_PARSED = Container(
    name="hmi",
    state="frozen",
    hostname="panel",
    install_prefix="/opt/payload",
    gateway_dir="/run/gateways/hmi",
    gateway_dir_mode=0o770,
    directories=(Directory("/data", 0o700, 7, 8),),
    files=(
        File("/etc/motd", 0o600, "hello", on_change="reload"),
        File("/etc/app", 0o644, "", "app.j2", True, 1000, 100),
    ),
    archive=(Archive("app.tar.xz", "/opt/app", "sha256:" + "ab" * 32),),
    resolv_conf="nameserver 10.0.3.1",
    busybox=Busybox("bind", "/opt/busybox", ("sh", "[")),
    command=("/bin/app", "--flag", "a b"),
    init=None,
    reload="HUP",
    log=Log(65536, "syslog"),
    restart=Restart("never", 2, 3),
    on_change="leave",
    ready=(Check(("/bin/check", "a b"), None, None, 5.0, 0.5), Check(None, 80), Check(None, None, "/run/ready")),
    after=("db",),
    network=(
        Interface(
            "veth",
            "br0",
            "net0",
            "down",
            "00:16:3e:aa:bb:cc",
            1400,
            ("10.0.3.20/24",),
            "10.0.3.1",
            ("fd00::20/64",),
            "fd00::1",
        ),
        Interface(ipv4=("10.0.4.20/24",), ipv4_gateway="auto", ipv6=("fd01::20/64",), ipv6_gateway="dev"),
    ),
    ports=(Port(8080, 80), Port(53, 53, "udp")),
    autodev=False,
    tty=4,
    pty=5,
    system_mounts=True,
    mounts=(Mount("tmpfs", "/scratch", False, True, "dir", "tmpfs", ("size=1M",)),),
    volumes=(Volume("data", "/var/lib/app", (1000, 1001), 0o750, 64 * 1024**2),),
    gateways=Gateways(
        (DeviceNode("/dev/i2c-1", "/dev/bus", 0o640, (0, 1001), "r"),),
        PacketFilter(
            (PacketRule(("192.0.2.0/24",), ("tcp",), ((443, 443), (8000, 8010))),),
            (PacketRule((), ("udp", "tcp"), ((80, 80), (53, 53))),),
        ),
    ),
    environment=(("LANG", "C.UTF-8"),),
    limits=Limits(67108864, 134217728, 512, 0.5, 100),
    capabilities=(),
    security=Security(
        drop_capabilities=("sys_admin", "net_admin", "net_raw"),
        seccomp="/etc/seccomp",
        apparmor="generated",
        selinux="system_u:system_r:lxc_t:s0",
        no_new_privs=False,
        sys="mixed",
        devices=("c 10:200 rwm",),
        privileged=False,
        idmap=("u 0 100000 65536",),
    ),
    autostart=Autostart(True, -1, 5, ("onboot",)),
    lxc=(("lxc.console.size", ("auto",)), ("lxc.prlimit.nofile", ("1024",))),
)
# The container of the chapter.
DEFAULT_PARSED = Container(
    name="hmi",
    state="started",
    hostname="hmi",
    install_prefix="/usr/local",
    gateway_dir=None,
    gateway_dir_mode=0o777,
    directories=(),
    files=(),
    archive=(),
    resolv_conf="copy",
    busybox=Busybox("copy", None, None),
    command=None,
    init=None,
    reload=None,
    log=None,
    restart=Restart("never", 1, None),
    on_change="restart",
    ready=(),
    after=(),
    network=(Interface("veth", None, None, "up", None, None, (AUTO_IF_OWN,), None, (), None),),
    ports=(),
    autodev=True,
    tty=1,
    pty=1,
    system_mounts=True,
    mounts=(),
    volumes=(),
    gateways=Gateways(),
    environment=(),
    limits=Limits(None, None, None, None, None),
    capabilities=(),
    security=Security(
        drop_capabilities=("mac_admin", "mac_override", "sys_time", "sys_module", "sys_rawio", "sys_admin"),
        seccomp="common",
        apparmor=None,
        selinux=None,
        no_new_privs=True,
        sys="ro",
        devices=(),
        privileged=False,
        idmap=(),
    ),
    autostart=Autostart(False, None, 0, ()),
    lxc=(),
)


def one(given: Any, defaults: dict[str, Any] | None = None) -> Container:
    """The only container of a list of one spec."""
    (container,) = parse.parse_containers([given], defaults or {})
    return container


def refusal(specs: list[Any], defaults: dict[str, Any] | None = None) -> str:
    """What is said of a list of specs that is refused."""
    with pytest.raises(RefusedError) as caught:
        parse.parse_containers(specs, defaults or {})
    return str(caught.value)


def test_the_defaults() -> None:
    assert one({"name": "hmi"}) == DEFAULT_PARSED


def test_null_is_left_out() -> None:
    nothing = {key: None for key in keys.FIELDS if key != "name"}
    assert one({"name": "hmi", **nothing}) == DEFAULT_PARSED


def test_all_keys() -> None:
    assert one(FULL) == FULL_PARSED


def test_the_full_spec_has_all_keys() -> None:
    """What follows changes each key of it, so none may be missing."""

    def keys_of(given: Any, record: Any) -> None:
        # The other side of a rule for packets has a name for each direction.
        given = {"peers" if key in ("to", "from") else key: value for key, value in given.items()}
        assert set(given) == set(record._fields)
        for key, value in record._asdict().items():
            below = given[key]
            listed = isinstance(value, tuple) and not hasattr(value, "_fields")
            if listed and value and hasattr(value[0], "_fields"):
                # Some keys exclude each other, so it takes all elements to have all keys.
                value, below = value[0], {key: part for item in below for key, part in item.items()}
            if hasattr(value, "_fields"):
                keys_of(below, value)

    keys_of({**FULL, **FULL_INIT}, one(FULL))


NAMES = {
    "of one letter": "a",
    "of one digit": "0",
    "with all that is allowed": "A-b_c.0",
    "of 64 characters": "a" * 64,
    "with dots in the middle": "a..b",
}
BAD_NAMES = {
    "empty": ("", "containers[0]: name: ''"),
    "of 65 characters": ("a" * 65, f"container '{'a' * 65}': name: '{'a' * 65}'"),
    "hidden": (".hmi", "container '.hmi': name: '.hmi'"),
    "of the directory itself": (".", "container '.': name: '.'"),
    "of the directory above": ("..", "container '..': name: '..'"),
    "with a slash": ("a/b", "container 'a/b': name: 'a/b'"),
    "with a path out": ("../a", "container '../a': name: '../a'"),
    "with a space": ("a b", "container 'a b': name: 'a b'"),
    "with a leading space": (" a", "container ' a': name: ' a'"),
    "with a leading dash": ("-a", "container '-a': name: '-a'"),
    "with a leading underscore": ("_a", "container '_a': name: '_a'"),
    "with a percent sign": ("a%n", "container 'a%n': name: 'a%n'"),
    "with other letters": ("caf\u00e9", "container 'caf\\xe9': name: 'caf\\xe9'"),
    "with digits of another script": ("a\u0663", "container 'a\\u0663': name: 'a\\u0663'"),
    "as long as is shown": ("a" * 78, f"container '{'a' * 78}': name: '{'a' * 78}'"),
    "longer than is shown": ("a" * 79, "containers[0]: name: '" + "a" * 76 + "..."),
    "far too long": ("a" * 1000, "containers[0]: name: '" + "a" * 76 + "..."),
}
NOT_A_NAME = " is not a container name (letters, digits, _ - . ; first a letter or digit; at most 64)"
CONTROLLED = " has a line break or another control character"


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_name(name: str) -> None:
    assert one({"name": name}).name == name
    assert parse.parse_names([name]) == (name,)


def test_a_number_is_a_name() -> None:
    assert one({"name": 7}).name == "7"


@pytest.mark.parametrize(("name", "start"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_name(name: str, start: str) -> None:
    assert refusal([{"name": name}]) == start + NOT_A_NAME
    with pytest.raises(RefusedError) as caught:
        parse.parse_names(["good", name])
    assert str(caught.value) == start[start.index(": name") + 2 :] + NOT_A_NAME


@pytest.mark.parametrize("name", ["a\n", "a\nb", "\na", "a\0", "a\r", "a\u2028", "a\x7f"], ids=ascii)
def test_name_with_a_control_character(name: str) -> None:
    assert refusal([{"name": name}]) == f"container {name!a}: name: {name!a}{CONTROLLED}"


@pytest.mark.parametrize(("name", "shown"), [(None, "None"), (True, "True"), (["a"], "['a']"), ({}, "{}")], ids=str)
def test_name_that_is_no_text(name: Any, shown: str) -> None:
    reason = "is required and missing" if name is None else "is not a string"
    assert refusal([{"name": name}]) == f"containers[0]: name: {shown} {reason}"


# What is given, and the attribute that comes of it.
ACCEPTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "state stopped": ({"state": "stopped"}, {"state": "stopped"}),
    "state absent": ({"state": "absent"}, {"state": "absent"}),
    "hostname": ({"hostname": "panel.example"}, {"hostname": "panel.example"}),
    "install_prefix": ({"install_prefix": "/opt/app/"}, {"install_prefix": "/opt/app"}),
    "gateway_dir": ({"gateway_dir": "/run/gw"}, {"gateway_dir": "/run/gw"}),
    "gateway_dir_mode": ({"gateway_dir_mode": "2750"}, {"gateway_dir_mode": 0o2750}),
    "directories with default mode": ({"directories": [{"path": "/a"}]}, {"directories": (Directory("/a", 0o755),)}),
    "directories below each other": (
        {"directories": [{"path": "/a/b"}, {"path": "/a"}]},
        {"directories": (Directory("/a/b", 0o755), Directory("/a", 0o755))},
    ),
    "files with defaults": ({"files": [{"path": "/a"}]}, {"files": (File("/a", 0o644, ""),)}),
    "files with lines": (
        {"files": [{"path": "/a", "content": "x\n\ty\n"}]},
        {"files": (File("/a", 0o644, "x\n\ty\n"),)},
    ),
    "files with names alike": (
        {"files": [{"path": "/a"}, {"path": "/ab"}]},
        {"files": (File("/a", 0o644, ""), File("/ab", 0o644, ""))},
    ),
    "a file in a declared directory": (
        {"files": [{"path": "/a/b"}], "directories": [{"path": "/a"}]},
        {"files": (File("/a/b", 0o644, ""),), "directories": (Directory("/a", 0o755),)},
    ),
    "resolv_conf none": ({"resolv_conf": "none"}, {"resolv_conf": "none"}),
    "files with a tab in a line": (
        {"files": [{"path": "/etc/hosts", "content": ["127.0.0.1\tlocalhost"]}]},
        {"files": (File("/etc/hosts", 0o644, "127.0.0.1\tlocalhost\n"),)},
    ),
    "resolv_conf with a tab in a line": (
        {"resolv_conf": ["nameserver\t10.0.3.1"]},
        {"resolv_conf": "nameserver\t10.0.3.1\n"},
    ),
    "resolv_conf lines": ({"resolv_conf": ["nameserver 1.1.1.1"]}, {"resolv_conf": "nameserver 1.1.1.1\n"}),
    "busybox none": ({"busybox": {"method": "none"}}, {"busybox": Busybox("none")}),
    "busybox all applets": ({"busybox": {"applets": "all", "path": "/b"}}, {"busybox": Busybox("copy", "/b", None)}),
    "busybox no applets": ({"busybox": {"applets": []}}, {"busybox": Busybox("copy", None, ())}),
    "busybox odd applets": (
        {"busybox": {"applets": ["[", "[[", "udhcpc6", "run-parts", "lsb_release"]}},
        {"busybox": Busybox("copy", None, ("[", "[[", "udhcpc6", "run-parts", "lsb_release"))},
    ),
    "command with any words": (
        {"command": ["/bin/sh", "-c", "a 'b' \"c\"", "", "'\""]},
        {"command": ("/bin/sh", "-c", "a 'b' \"c\"", "", "'\"")},
    ),
    "command with numbers": ({"command": ["sleep", 5]}, {"command": ("sleep", "5")}),
    "init lxc": ({"init": "lxc", "command": ["/app"]}, {"init": None, "command": ("/app",)}),
    "init of its own": ({"init": ["/sbin/init"]}, {"init": ("/sbin/init",), "command": None}),
    "on_change": ({"on_change": "leave"}, {"on_change": "leave"}),
    "reload": ({"reload": "USR1"}, {"reload": "USR1"}),
    "reload with SIG": ({"reload": "SIGRTMIN"}, {"reload": "RTMIN"}),
    "files with on_change": (
        {"files": [{"path": "/a", "on_change": "restart"}, {"path": "/b", "on_change": "leave"}]},
        {"files": (File("/a", 0o644, on_change="restart"), File("/b", 0o644, on_change="leave"))},
    ),
    "no checks": ({"ready": []}, {"ready": ()}),
    "checks with their defaults": (
        {"ready": [{"command": ["true"]}, {"tcp": 1}, {"file": "/a/"}]},
        {"ready": (Check(("true",)), Check(tcp=1), Check(file="/a"))},
    ),
    "checks without time": (
        {"ready": [{"tcp": 65535, "timeout": 0, "stable": 0}]},
        {"ready": (Check(None, 65535, None, 0.0, 0.0),)},
    ),
    "checks with all the time": (
        {"ready": [{"file": "/a", "timeout": 86400, "stable": 86400}]},
        {"ready": (Check(None, None, "/a", 86400.0, 86400.0),)},
    ),
    "check with the other kinds null": (
        {"ready": [{"file": "/a", "tcp": None, "command": None}]},
        {"ready": (Check(file="/a"),)},
    ),
    "no network": ({"network": []}, {"network": ()}),
    "network of all types": (
        {"network": [{"type": kind} for kind in ("veth", "macvlan", "ipvlan", "vlan", "phys", "empty", "none")]},
        {"network": tuple(Interface(kind) for kind in ("veth", "macvlan", "ipvlan", "vlan", "phys", "empty", "none"))},
    ),
    "network name of 15 characters": (
        {"network": [{"name": "a" * 15, "link": "br-0.1_2"}]},
        {"network": (Interface(name="a" * 15, link="br-0.1_2"),)},
    ),
    "network gateways by word": (
        {"network": [{"ipv4_gateway": "dev", "ipv6_gateway": "auto"}]},
        {"network": (Interface(ipv4_gateway="dev", ipv6_gateway="auto"),)},
    ),
    "network with an address to be chosen": (
        {"network": [{"ipv4": "auto"}, {"ipv4": ["192.0.2.1/24", "auto"]}]},
        {"network": (Interface(ipv4=("auto",)), Interface(ipv4=("192.0.2.1/24", "auto")))},
    ),
    "network mtu at its bounds": (
        {"network": [{"mtu": 68}, {"mtu": 65535}]},
        {"network": (Interface(mtu=68), Interface(mtu=65535))},
    ),
    "tty and pty at their lowest": ({"tty": 0, "pty": 0}, {"tty": 0, "pty": 0}),
    "tty and pty at their highest": ({"tty": 1024, "pty": 1048576}, {"tty": 1024, "pty": 1048576}),
    "mount with defaults": (
        {"mounts": [{"source": "/srv", "target": "/data/"}]},
        {"mounts": (Mount("/srv", "/data", True, False, None, "none", ()),)},
    ),
    "mount create file": (
        {"mounts": [{"source": "/srv", "target": "/data", "create": "file"}]},
        {"mounts": (Mount("/srv", "/data", create="file"),)},
    ),
    "mount option number": (
        {"mounts": [{"source": "/srv", "target": "/data", "options": [5]}]},
        {"mounts": (Mount("/srv", "/data", options=("5",)),)},
    ),
    "volume with defaults": (
        {"volumes": [{"name": "v", "target": "/v/"}]},
        {"volumes": (Volume("v", "/v", None, None),)},
    ),
    "volume with one number for user and group": (
        {"volumes": [{"name": "v", "target": "/usr/v", "owner": 33}], "system_mounts": False},
        {"volumes": (Volume("v", "/usr/v", (33, 33)),), "system_mounts": False},
    ),
    "environment in its order": (
        {"environment": {"_B": "x=y", "A1": 5, "EMPTY": ""}},
        {"environment": (("_B", "x=y"), ("A1", "5"), ("EMPTY", ""))},
    ),
    "limits at their lowest": (
        {"limits": {"memory": 1, "cpu_shares": 2, "cpus": 0.01, "pids": 1}},
        {"limits": Limits(1, None, 2, 0.01, 1)},
    ),
    "limits at their highest": (
        {"limits": {"cpu_shares": 262144, "cpus": 8192, "pids": 4194304}},
        {"limits": Limits(None, None, 262144, 8192.0, 4194304)},
    ),
    "limits memory_swap as low as memory": (
        {"limits": {"memory": "1M", "memory_swap": "1024K"}},
        {"limits": Limits(1048576, 1048576)},
    ),
    "security without drop": ({"security": {"drop_capabilities": []}}, {"security": Security(())}),
    "security idmap": (
        {"security": {"idmap": ["u 0 100000 65536", "g 0 100000 65536"]}},
        {"security": Security(idmap=("u 0 100000 65536", "g 0 100000 65536"))},
    ),
    "autostart order at its bounds": (
        {"autostart": {"order": -2147483648}},
        {"autostart": Autostart(order=-2147483648)},
    ),
    "lxc one value": ({"lxc": {"lxc.signal.stop": "SIGKILL"}}, {"lxc": (("lxc.signal.stop", ("SIGKILL",)),)}),
    "lxc booleans": ({"lxc": {"lxc.a": True, "lxc.b": [False]}}, {"lxc": (("lxc.a", ("1",)), ("lxc.b", ("0",)))}),
    "lxc number and empty": ({"lxc": {"lxc.a": [5, ""]}}, {"lxc": (("lxc.a", ("5", "")),)}),
    "lxc hook": ({"lxc": {"lxc.hook.pre-start": "/h"}}, {"lxc": (("lxc.hook.pre-start", ("/h",)),)}),
    "lxc key with capital letters": (
        {"lxc": {"lxc.cgroup2.hugetlb.2MB.max": "0"}},
        {"lxc": (("lxc.cgroup2.hugetlb.2MB.max", ("0",)),)},
    ),
}


@pytest.mark.parametrize(("given", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(given: dict[str, Any], expected: dict[str, Any]) -> None:
    container = one({"name": "hmi", **given})
    assert {key: getattr(container, key) for key in expected} == expected


NO_SIGNAL = " is not a signal that a program can handle, such as HUP or USR1"
# What is given to a container called hmi, and what is said of it.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "state": ({"state": "running"}, "state: 'running' is none of started, stopped, frozen, absent"),
    "state near": (
        {"state": "start"},
        "state: 'start' is none of started, stopped, frozen, absent; did you mean 'started'?",
    ),
    "hostname empty": ({"hostname": ""}, "hostname: '' is not a host name of at most 64 characters"),
    "hostname too long": (
        {"hostname": "a" * 65},
        f"hostname: '{'a' * 65}' is not a host name of at most 64 characters",
    ),
    "hostname with blank": ({"hostname": "a b"}, "hostname: 'a b' is not a host name of at most 64 characters"),
    "install_prefix relative": (
        {"install_prefix": "usr/local"},
        "install_prefix: 'usr/local' is not an absolute path",
    ),
    "install_prefix root": ({"install_prefix": "/"}, "install_prefix: '/' is the root itself"),
    "install_prefix escaping": (
        {"install_prefix": "/usr/../.."},
        "install_prefix: '/usr/../..' has an empty, '.' or '..' part",
    ),
    "gateway_dir relative": ({"gateway_dir": "./gw"}, "gateway_dir: './gw' is not an absolute path"),
    "gateway_dir escaping": ({"gateway_dir": "/a/../b"}, "gateway_dir: '/a/../b' has an empty, '.' or '..' part"),
    "gateway_dir_mode number": (
        {"gateway_dir_mode": 0o777},
        'gateway_dir_mode: 511 is not an octal mode in quotes such as "0755"',
    ),
    "directories no list": ({"directories": "/a"}, "directories: '/a' is not a list"),
    "directories of text": (
        {"directories": ["/a"]},
        "directories[0]: '/a' is not a dictionary with the keys path, mode, owner, group",
    ),
    "directories without path": ({"directories": [{}]}, "directories[0].path: None is required and missing"),
    "directories escaping": (
        {"directories": [{"path": "/a"}, {"path": "/../../etc"}]},
        "directories[1].path: '/../../etc' has an empty, '.' or '..' part",
    ),
    "directories mode": (
        {"directories": [{"path": "/a", "mode": 755}]},
        'directories[0].mode: 755 is not an octal mode in quotes such as "0755"',
    ),
    "directories twice": (
        {"directories": [{"path": "/a"}, {"path": "/a/"}]},
        "directories[1].path: '/a' is declared twice",
    ),
    "files relative": ({"files": [{"path": "a"}]}, "files[0].path: 'a' is not an absolute path"),
    "files twice": ({"files": [{"path": "/a"}, {"path": "/a"}]}, "files[1].path: '/a' is declared twice"),
    "files and directories": (
        {"files": [{"path": "/a"}], "directories": [{"path": "/a"}]},
        "files[0].path: '/a' is declared twice",
    ),
    "files of our own": (
        {"files": [{"path": "/etc/softwarecontainer/command"}]},
        "files[0].path: '/etc/softwarecontainer/command' belongs to this collection",
    ),
    "directories of our own": (
        {"directories": [{"path": "/etc/softwarecontainer"}]},
        "directories[0].path: '/etc/softwarecontainer' belongs to this collection",
    ),
    "files below a file": (
        {"files": [{"path": "/a"}, {"path": "/a/b"}]},
        "files[1].path: '/a/b' lies below a declared file",
    ),
    "files above a file": (
        {"files": [{"path": "/a/b"}, {"path": "/a"}]},
        "files[0].path: '/a/b' lies below a declared file",
    ),
    "directories below a file": (
        {"files": [{"path": "/a"}], "directories": [{"path": "/a/b/c"}]},
        "directories[0].path: '/a/b/c' lies below a declared file",
    ),
    "files content NUL": (
        {"files": [{"path": "/a", "content": "\0"}]},
        "files[0].content: '\\x00' has a control character other than tab and line break",
    ),
    "files content and src": (
        {"files": [{"path": "/a", "content": "x", "src": "app"}]},
        "files[0].src: 'app' has no effect together with content",
    ),
    "files template of nothing": (
        {"files": [{"path": "/a", "content": "x", "template": True}]},
        "files[0].template: True needs src as well",
    ),
    "files src empty": ({"files": [{"path": "/a", "src": ""}]}, "files[0].src: '' is empty"),
    "files src number": ({"files": [{"path": "/a", "src": ["app"]}]}, "files[0].src: ['app'] is not a string"),
    "files owner": (
        {"files": [{"path": "/a", "owner": "www-data"}]},
        "files[0].owner: 'www-data' is not a whole number",
    ),
    "files group": (
        {"files": [{"path": "/a", "group": 4294967295}]},
        "files[0].group: 4294967295 is not from 0 to 4294967294",
    ),
    "directories owner": (
        {"directories": [{"path": "/a", "owner": -1}]},
        "directories[0].owner: -1 is not from 0 to 4294967294",
    ),
    "archive without target": ({"archive": {"src": "a"}}, "archive[0].target: None is required and missing"),
    "archive checksum": (
        {"archive": {"src": "a", "target": "/a", "checksum": "ab" * 32}},
        "archive[0].checksum: '%s' is not a digest (sha256: and 64 hexadecimal digits)" % ("ab" * 32),
    ),
    "archive below a file": (
        {"archive": {"src": "a", "target": "/a/b"}, "files": [{"path": "/a"}]},
        "archive[0].target: '/a/b' lies below a declared file",
    ),
    "archive on a file": (
        {"archive": [{"src": "a", "target": "/"}, {"src": "a", "target": "/a"}], "files": [{"path": "/a"}]},
        "archive[1].target: '/a' lies below a declared file",
    ),
    "archive below a mount": (
        {"archive": {"src": "a", "target": "/usr"}},
        "archive[0].target: '/usr' would be hidden by what is mounted at /usr",
    ),
    "archive in our directory": (
        {"archive": {"src": "a", "target": "/etc/softwarecontainer"}},
        "archive[0].target: '/etc/softwarecontainer' belongs to this collection",
    ),
    "files content dictionary": (
        {"files": [{"path": "/a", "content": {"a": 1}}]},
        "files[0].content: {'a': 1} is not a string",
    ),
    "resolv_conf number": ({"resolv_conf": 1}, "resolv_conf: 1 is not a string"),
    "busybox method": ({"busybox": {"method": "hard"}}, "busybox.method: 'hard' is none of copy, bind, none"),
    "busybox path": ({"busybox": {"path": "busybox"}}, "busybox.path: 'busybox' is not an absolute path"),
    "busybox applet with slash": (
        {"busybox": {"applets": ["sh", "../sh"]}},
        "busybox.applets[1]: '../sh' is not the name of a busybox applet",
    ),
    "busybox applet empty": (
        {"busybox": {"applets": [""]}},
        "busybox.applets[0]: '' is not the name of a busybox applet",
    ),
    "busybox applets some": ({"busybox": {"applets": "some"}}, "busybox.applets: 'some' is not a list"),
    "busybox text": ({"busybox": "copy"}, "busybox: 'copy' is not a dictionary with the keys method, path, applets"),
    "command text": ({"command": "/bin/app -v"}, "command: '/bin/app -v' is not a list"),
    "command empty": ({"command": []}, "command: [] names no program"),
    "command without program": ({"command": ["", "a"]}, "command: ['', 'a'] names no program"),
    "command boolean": ({"command": ["/app", True]}, "command[1]: True is not a string"),
    "command with line break": (
        {"command": ["/bin/sh", "-c", "a\nb"]},
        "command[2]: 'a\\nb' has a line break or another control character",
    ),
    "command and init": (
        {"init": ["/sbin/init"], "command": ["/app", "x"]},
        "command: ['/app', 'x'] has no effect together with an init of its own",
    ),
    "init word": ({"init": "systemd"}, "init: 'systemd' is not a list"),
    "init empty": ({"init": []}, "init: [] names no program"),
    "on_change": ({"on_change": "reload"}, "on_change: 'reload' is none of restart, leave"),
    "files on_change": (
        {"files": [{"path": "/a", "on_change": "ignore"}]},
        "files[0].on_change: 'ignore' is none of restart, reload, leave",
    ),
    "files on_change without a signal": (
        {"files": [{"path": "/a"}, {"path": "/b", "on_change": "reload"}]},
        "files[1].on_change: 'reload' needs the key reload, which names the signal",
    ),
    "files on_change of a container that is left": (
        {"on_change": "leave", "files": [{"path": "/a", "on_change": "restart"}]},
        "files[0].on_change: 'restart' contradicts the container's own on_change, which is leave",
    ),
    "reload KILL": ({"reload": "KILL"}, "reload: 'KILL'" + NO_SIGNAL),
    "reload STOP": ({"reload": "SIGSTOP"}, "reload: 'SIGSTOP'" + NO_SIGNAL),
    "reload SIG alone": ({"reload": "SIG"}, "reload: 'SIG'" + NO_SIGNAL),
    "reload with SIG twice": ({"reload": "SIGSIGHUP"}, "reload: 'SIGSIGHUP'" + NO_SIGNAL),
    "reload in small letters": ({"reload": "hup"}, "reload: 'hup'" + NO_SIGNAL),
    "reload misspelt": ({"reload": "SIGUSR3"}, "reload: 'SIGUSR3'" + NO_SIGNAL),
    "reload a number": ({"reload": 1}, "reload: 1" + NO_SIGNAL),
    "reload a boolean": ({"reload": True}, "reload: True is not a string"),
    "ready no list": ({"ready": {"tcp": 80}}, "ready: {'tcp': 80} is not a list"),
    "ready no dictionary": (
        {"ready": [80]},
        "ready[0]: 80 is not a dictionary with the keys command, tcp, file, timeout, stable",
    ),
    "ready of no kind": (
        {"ready": [{"timeout": 5}]},
        "ready[0]: [] is not exactly one of command, tcp and file",
    ),
    "ready of two kinds": (
        {"ready": [{"tcp": 80}, {"tcp": 80, "file": "/a"}]},
        "ready[1]: ['tcp', 'file'] is not exactly one of command, tcp and file",
    ),
    "ready of three kinds": (
        {"ready": [{"tcp": 80, "file": "/a", "command": ["true"]}]},
        "ready[0]: ['command', 'tcp', 'file'] is not exactly one of command, tcp and file",
    ),
    "ready command": ({"ready": [{"command": []}]}, "ready[0].command: [] names no program"),
    "ready command text": ({"ready": [{"command": "true"}]}, "ready[0].command: 'true' is not a list"),
    "ready tcp too low": ({"ready": [{"tcp": 0}]}, "ready[0].tcp: 0 is not from 1 to 65535"),
    "ready tcp too high": ({"ready": [{"tcp": 65536}]}, "ready[0].tcp: 65536 is not from 1 to 65535"),
    "ready tcp name": ({"ready": [{"tcp": "http"}]}, "ready[0].tcp: 'http' is not a whole number"),
    "ready file relative": ({"ready": [{"file": "run/a"}]}, "ready[0].file: 'run/a' is not an absolute path"),
    "ready file out": ({"ready": [{"file": "/../a"}]}, "ready[0].file: '/../a' has an empty, '.' or '..' part"),
    "ready timeout": ({"ready": [{"tcp": 1, "timeout": -1}]}, "ready[0].timeout: -1 is not a number"),
    "ready timeout too long": (
        {"ready": [{"tcp": 1, "timeout": 86401}]},
        "ready[0].timeout: 86401 is not from 0 to 86400",
    ),
    "ready stable": ({"ready": [{"tcp": 1, "stable": "long"}]}, "ready[0].stable: 'long' is not a number"),
    "network dictionary": ({"network": {"type": "veth"}}, "network: {'type': 'veth'} is not a list"),
    "network type": (
        {"network": [{"type": "bridge"}]},
        "network[0].type: 'bridge' is none of veth, macvlan, ipvlan, vlan, phys, empty, none",
    ),
    "network link too long": (
        {"network": [{"link": "a" * 16}]},
        "network[0].link: 'aaaaaaaaaaaaaaaa' is not the name of a network interface (at most 15 characters)",
    ),
    "network name with slash": (
        {"network": [{}, {"name": "a/b"}]},
        "network[1].name: 'a/b' is not the name of a network interface (at most 15 characters)",
    ),
    "network auto twice": (
        {"network": [{"ipv4": ["auto", "auto"]}]},
        "network[0].ipv4: 'auto' is there twice; it stands for one address",
    ),
    "network auto on no bridge": (
        {"network": [{}, {"type": "macvlan", "ipv4": "auto"}]},
        "network[1].ipv4: 'auto' is for interfaces of type veth, on a bridge",
    ),
    "network the word of the default": (
        {"network": [{"ipv4": "auto, if own"}]},
        "network[0].ipv4[0]: 'auto, if own' is not an IPv4 address with a prefix length",
    ),
    "ports without a target": ({"ports": [{"container": 80}]}, "ports[0].target: None is required and missing"),
    "port 0": ({"ports": [{"target": 0}]}, "ports[0].target: 0 is not from 1 to 65535"),
    "port 70000": (
        {"ports": [{"target": 80}, {"target": 81, "container": 70000}]},
        "ports[1].container: 70000 is not from 1 to 65535",
    ),
    "port of another protocol": (
        {"ports": [{"target": 80, "protocol": "sctp"}]},
        "ports[0].protocol: 'sctp' is none of tcp, udp; did you mean 'tcp'?",
    ),
    "ports without an address": (
        {"network": [{}, {"type": "macvlan", "ipv4": "192.0.2.1/24"}], "ports": [{"target": 8080}]},
        "ports[0].target: 8080 needs an interface of type veth with an IPv4 address (network[].ipv4: auto)",
    ),
    "network flags": ({"network": [{"flags": "yes"}]}, "network[0].flags: 'yes' is none of up, down"),
    "network hwaddr": (
        {"network": [{"hwaddr": "00:16:3e:xx:xx:xx"}]},
        "network[0].hwaddr: '00:16:3e:xx:xx:xx' is not a hardware address (xx:xx:xx:xx:xx:xx)",
    ),
    "network mtu": ({"network": [{"mtu": 67}]}, "network[0].mtu: 67 is not from 68 to 65535"),
    "network ipv4": (
        {"network": [{"ipv4": ["10.0.3.20/24", "10.0.3.21"]}]},
        "network[0].ipv4[1]: '10.0.3.21' is not an IPv4 address with a prefix length",
    ),
    "network ipv4_gateway": (
        {"network": [{"ipv4_gateway": "router"}]},
        "network[0].ipv4_gateway: 'router' is not an IPv4 address",
    ),
    "network ipv6": (
        {"network": [{"ipv6": "10.0.3.20/24"}]},
        "network[0].ipv6[0]: '10.0.3.20/24' is not an IPv6 address with a prefix length",
    ),
    "network ipv6_gateway": (
        {"network": [{"ipv6_gateway": "fe80::1%eth0"}]},
        "network[0].ipv6_gateway: 'fe80::1%eth0' is not an IPv6 address",
    ),
    "autodev": ({"autodev": "maybe"}, "autodev: 'maybe' is not a boolean"),
    "tty": ({"tty": -1}, "tty: -1 is not from 0 to 1024"),
    "tty too many": ({"tty": 1025}, "tty: 1025 is not from 0 to 1024"),
    "pty": ({"pty": "many"}, "pty: 'many' is not a whole number"),
    "pty too many": ({"pty": 1048577}, "pty: 1048577 is not from 0 to 1048576"),
    "system_mounts": ({"system_mounts": "some"}, "system_mounts: 'some' is not a boolean"),
    "mounts without target": ({"mounts": [{"source": "/a"}]}, "mounts[0].target: None is required and missing"),
    "mounts without source": ({"mounts": [{"target": "/a"}]}, "mounts[0].source: None is required and missing"),
    "mounts source relative": (
        {"mounts": [{"source": "srv", "target": "/a"}]},
        "mounts[0].source: 'srv' is not an absolute path",
    ),
    "mounts source with a hash": (
        {"mounts": [{"source": "#x", "target": "/a", "type": "tmpfs"}]},
        "mounts[0].source: '#x' would be a comment for LXC, since it begins with a hash",
    ),
    "network names": (
        {"network": [{"name": "eth1"}, {}]},
        "network[1].name: 'eth1' is the name of two interfaces",
    ),
    "files below usr": (
        {"files": [{"path": "/usr/share/x"}]},
        "files[0].path: '/usr/share/x' would be hidden by what is mounted at /usr",
    ),
    "directories below dev": (
        {"directories": [{"path": "/dev/x"}]},
        "directories[0].path: '/dev/x' would be hidden by what is mounted at /dev",
    ),
    "files below gateways": (
        {"gateway_dir": "/run/g", "files": [{"path": "/gateways/x"}]},
        "files[0].path: '/gateways/x' would be hidden by what is mounted at /gateways",
    ),
    "files below a mount": (
        {"mounts": [{"source": "/srv", "target": "/data"}], "files": [{"path": "/data/x"}]},
        "files[0].path: '/data/x' would be hidden by what is mounted at /data",
    ),
    "files below a volume": (
        {"volumes": [{"name": "v", "target": "/data"}], "files": [{"path": "/data/x"}]},
        "files[0].path: '/data/x' would be hidden by what is mounted at /data",
    ),
    "device beside /dev": (
        {"gateways": {"devices": [{"source": "/dev/i2c-1", "target": "/srv/i2c"}]}},
        "gateways.devices[0].target: '/srv/i2c' does not lie below /dev",
    ),
    "device of LXC": (
        {"gateways": {"devices": [{"source": "/dev/i2c-1", "target": "/dev/pts/3"}]}},
        "gateways.devices[0].target: '/dev/pts/3' is the same as /dev/pts, or one lies below the other",
    ),
    "device twice": (
        {"gateways": {"devices": [{"source": "/dev/i2c-1"}, {"source": "/dev/i2c-2", "target": "/dev/i2c-1"}]}},
        "gateways.devices[1].target: '/dev/i2c-1' is the same as /dev/i2c-1, or one lies below the other",
    ),
    "device over a mount": (
        {
            "mounts": [{"source": "/dev/net/tun", "target": "/dev/net/tun"}],
            "gateways": {"devices": [{"source": "/dev/net"}]},
        },
        "gateways.devices[0].target: '/dev/net' is the same as /dev/net/tun, or one lies below the other",
    ),
    "device with setuid": (
        {"gateways": {"devices": [{"source": "/dev/i2c-1", "mode": "4660"}]}},
        "gateways.devices[0].mode: '4660' has more than the rights to read and write",
    ),
    "device of a terminal": (
        {"tty": 2, "gateways": {"devices": [{"source": "/dev/i2c-1", "target": "/dev/tty2"}]}},
        "gateways.devices[0].target: '/dev/tty2' is the same as /dev/tty2, or one lies below the other",
    ),
    "device without access": (
        {"gateways": {"devices": [{"source": "/dev/i2c-1", "access": ""}]}},
        "gateways.devices[0].access: '' is not one or more of r, w and m, in this order",
    ),
    "gateways with a typo": (
        {"gateways": {"device": []}},
        "gateways: 'device' is not a known key; did you mean 'devices'?",
    ),
    "volumes of one name": (
        {"volumes": [{"name": "v", "target": "/a"}, {"name": "v", "target": "/b"}]},
        "volumes[1].name: 'v' is the name of two volumes",
    ),
    "volumes of a hidden name": (
        {"volumes": [{"name": ".ids", "target": "/a"}]},
        "volumes[0].name: '.ids' is not the name of a volume (letters, digits, _ - . ; first a letter or digit;"
        " at most 64)",
    ),
    "volumes below another": (
        {"volumes": [{"name": "v", "target": "/a"}, {"name": "w", "target": "/a/b"}]},
        "volumes[1].target: '/a/b' hides or lies below what is mounted at /a",
    ),
    "volumes over another": (
        {"volumes": [{"name": "v", "target": "/a"}, {"name": "w", "target": "/a"}]},
        "volumes[1].target: '/a' hides or lies below what is mounted at /a",
    ),
    "volumes over a mount": (
        {
            "mounts": [{"source": "/srv", "target": "/a/b", "optional": True}],
            "volumes": [{"name": "v", "target": "/a"}],
        },
        "volumes[0].target: '/a' hides or lies below what is mounted at /a/b",
    ),
    "volumes below the system": (
        {"volumes": [{"name": "v", "target": "/usr/share/v"}]},
        "volumes[0].target: '/usr/share/v' hides or lies below what is mounted at /usr",
    ),
    "volumes over /dev": (
        {"volumes": [{"name": "v", "target": "/dev"}]},
        "volumes[0].target: '/dev' hides or lies below what is mounted at /dev",
    ),
    "volumes over the init": (
        {"system_mounts": False, "volumes": [{"name": "v", "target": "/usr"}]},
        "volumes[0].target: '/usr' hides or lies below what is mounted at /usr/sbin",
    ),
    "volumes over what is ours": (
        {"volumes": [{"name": "v", "target": "/etc"}]},
        "volumes[0].target: '/etc' would hide /etc/softwarecontainer, which belongs to this collection",
    ),
    "volumes owner by name": (
        {"volumes": [{"name": "v", "target": "/a", "owner": "root"}]},
        "volumes[0].owner: 'root' is not a number, or two such as \"1000:1000\"",
    ),
    "volumes owner of three": (
        {"volumes": [{"name": "v", "target": "/a", "owner": "1:2:3"}]},
        "volumes[0].owner: '1:2:3' is not a number, or two such as \"1000:1000\"",
    ),
    "volumes owner that is none": (
        {"volumes": [{"name": "v", "target": "/a", "owner": 4294967295}]},
        "volumes[0].owner: 4294967295 is not from 0 to 4294967294",
    ),
    "volumes size too small": (
        {"volumes": [{"name": "v", "target": "/a", "size": "63K"}]},
        "volumes[0].size: '63K' is not from 65536 to 1125899906842624 bytes",
    ),
    "volumes size that is none": (
        {"volumes": [{"name": "v", "target": "/a", "size": "much"}]},
        "volumes[0].size: 'much' is not a size such as 67108864 or 64M",
    ),
    "volumes mode as a number": (
        {"volumes": [{"name": "v", "target": "/a", "mode": 755}]},
        'volumes[0].mode: 755 is not an octal mode in quotes such as "0755"',
    ),
    "mounts source escaping": (
        {"mounts": [{"source": "/srv/../etc", "target": "/a"}]},
        "mounts[0].source: '/srv/../etc' has an empty, '.' or '..' part",
    ),
    "mounts source empty": (
        {"mounts": [{"source": "", "target": "/a", "type": "tmpfs"}]},
        "mounts[0].source: '' is empty",
    ),
    "mounts target escaping": (
        {"mounts": [{"source": "/srv", "target": "/../etc"}]},
        "mounts[0].target: '/../etc' has an empty, '.' or '..' part",
    ),
    "mounts target root": (
        {"mounts": [{"source": "/srv", "target": "/"}]},
        "mounts[0].target: '/' is the root itself",
    ),
    "mounts create": (
        {"mounts": [{"source": "/srv", "target": "/a", "create": "link"}]},
        "mounts[0].create: 'link' is none of dir, file",
    ),
    "mounts type": (
        {"mounts": [{"source": "/srv", "target": "/a", "type": "tmp fs"}]},
        "mounts[0].type: 'tmp fs' is not a file system type",
    ),
    "mounts options text": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": "ro,nosuid"}]},
        "mounts[0].options: 'ro,nosuid' is not a list",
    ),
    "mounts option with comma": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": ["nosuid", "noexec,create=dir"]}]},
        "mounts[0].options[1]: 'noexec,create=dir' is not one mount option",
    ),
    "mounts option with blank": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": ["a b"]}]},
        "mounts[0].options[0]: 'a b' is not one mount option",
    ),
    "mounts option empty": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": [""]}]},
        "mounts[0].options[0]: '' is not one mount option",
    ),
    "mounts option create": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": ["create=dir"]}]},
        "mounts[0].options[0]: 'create=dir' is refused; use the key create",
    ),
    "mounts option relative": (
        {"mounts": [{"source": "/srv", "target": "/a", "options": ["relative"]}]},
        "mounts[0].options[0]: 'relative' is refused; LXC would look for the source through the container's own links",
    ),
    "environment list": ({"environment": ["A=1"]}, "environment: ['A=1'] is not a dictionary"),
    "environment name": (
        {"environment": {"A-B": "1"}},
        "environment.'A-B': 'A-B' is not the name of a variable",
    ),
    "environment boolean": ({"environment": {"A": True}}, "environment.A: True is not a string"),
    "environment number with a point": (
        {"environment": {"VERSION": 1.1}},
        "environment.VERSION: 1.1 may have lost digits as a number; put what was written in quotes",
    ),
    "network hwaddr that YAML reads as a number": (
        {"network": [{"hwaddr": 41135085296}]},
        "network[0].hwaddr: 41135085296 is not a hardware address (xx:xx:xx:xx:xx:xx); put what was written in quotes, "
        "which YAML reads as a number otherwise",
    ),
    "environment null": ({"environment": {"A": None}}, "environment.A: None is not a string"),
    "limits memory": ({"limits": {"memory": "much"}}, "limits.memory: 'much' is not a size such as 67108864 or 64M"),
    "limits memory_swap alone": (
        {"limits": {"memory_swap": "1M"}},
        "limits.memory_swap: 1048576 needs limits.memory as well",
    ),
    "limits memory_swap less than memory": (
        {"limits": {"memory": "2M", "memory_swap": "1M"}},
        "limits.memory_swap: 1048576 is memory and swap together and cannot be less than memory",
    ),
    "limits cpu_shares": ({"limits": {"cpu_shares": 1}}, "limits.cpu_shares: 1 is not from 2 to 262144"),
    "limits cpus": ({"limits": {"cpus": 0}}, "limits.cpus: 0 is not from 0.01 to 8192"),
    "limits pids": ({"limits": {"pids": 0}}, "limits.pids: 0 is not from 1 to 4194304"),
    "security capability": (
        {"security": {"drop_capabilities": ["CAP_SYS_ADMIN"]}},
        "security.drop_capabilities[0]: 'CAP_SYS_ADMIN' is not a capability (sys_time, ...)",
    ),
    "security seccomp": ({"security": {"seccomp": "default"}}, "security.seccomp: 'default' is not an absolute path"),
    "security apparmor": ({"security": {"apparmor": True}}, "security.apparmor: True is not a string"),
    "security selinux": ({"security": {"selinux": False}}, "security.selinux: False is not a string"),
    "security sys": ({"security": {"sys": "no"}}, "security.sys: 'no' is none of ro, mixed, rw; did you mean 'ro'?"),
    "security devices": ({"security": {"devices": "none"}}, "security.devices: 'none' is not a list"),
    "security devices of all kinds": (
        {"security": {"devices": ["a *:* rwm"]}},
        "security.devices[0]: 'a *:* rwm' is not a rule for devices (c 10:200 rwm)",
    ),
    "security devices without rights": (
        {"security": {"devices": ["c 1:3 "]}},
        "security.devices[0]: 'c 1:3 ' is not a rule for devices (c 10:200 rwm)",
    ),
    "security no_new_privs": ({"security": {"no_new_privs": "x"}}, "security.no_new_privs: 'x' is not a boolean"),
    "security idmap of a privileged container": (
        {"security": {"privileged": True, "idmap": ["u 0 100000 65536"]}},
        "security.idmap: ['u 0 100000 65536'] has no effect on a privileged container",
    ),
    "security idmap": (
        {"security": {"idmap": ["u 0 100000"]}},
        "security.idmap[0]: 'u 0 100000' is not an id map (u 0 100000 65536)",
    ),
    "autostart boolean": (
        {"autostart": True},
        "autostart: True is not a dictionary with the keys enabled, order, delay, groups",
    ),
    "autostart order too low": (
        {"autostart": {"order": -2147483649}},
        "autostart.order: -2147483649 is not from -2147483648 to 2147483647",
    ),
    "autostart order": (
        {"autostart": {"order": 2147483648}},
        "autostart.order: 2147483648 is not from -2147483648 to 2147483647",
    ),
    "autostart delay": ({"autostart": {"delay": 86401}}, "autostart.delay: 86401 is not from 0 to 86400"),
    "autostart groups": (
        {"autostart": {"groups": ["a,b"]}},
        "autostart.groups[0]: 'a,b' is not a group name",
    ),
    "lxc list": ({"lxc": ["lxc.a = b"]}, "lxc: ['lxc.a = b'] is not a dictionary"),
    "lxc key without its prefix": (
        {"lxc": {"net.0.type": "veth"}},
        "lxc.'net.0.type': 'net.0.type' is not a key of an LXC config (lxc.*)",
    ),
    "lxc key with a value in it": (
        {"lxc": {"lxc.a = b": "c"}},
        "lxc.'lxc.a = b': 'lxc.a = b' is not a key of an LXC config (lxc.*)",
    ),
    "lxc key with a comment": (
        {"lxc": {"# lxc.a": "c"}},
        "lxc.'# lxc.a': '# lxc.a' is not a key of an LXC config (lxc.*)",
    ),
    "lxc rootfs": (
        {"lxc": {"lxc.rootfs.path": "/"}},
        "lxc.'lxc.rootfs.path': 'lxc.rootfs.path' cannot be set here: it is always <lxc_path>/<name>/rootfs",
    ),
    "lxc hostname": (
        {"lxc": {"lxc.uts.name": "a"}},
        "lxc.'lxc.uts.name': 'lxc.uts.name' cannot be set here: use hostname",
    ),
    "lxc init": (
        {"lxc": {"lxc.init.cmd": "/a"}},
        "lxc.'lxc.init.cmd': 'lxc.init.cmd' cannot be set here: use command or init",
    ),
    "lxc environment": (
        {"lxc": {"lxc.environment": "A=1"}},
        "lxc.'lxc.environment': 'lxc.environment' cannot be set here: use environment",
    ),
    "lxc ephemeral": (
        {"lxc": {"lxc.ephemeral": 1}},
        "lxc.'lxc.ephemeral': 'lxc.ephemeral' cannot be set here: a container must outlive its stop",
    ),
    "lxc create": (
        {"lxc": {"lxc.mount.entry": ["/a b none bind,create=dir 0 0"]}},
        "lxc.lxc.mount.entry[0]: '/a b none bind,create=dir 0 0' has the mount option create=, which LXC would carry"
        " out on the target",
    ),
    "lxc dictionary": ({"lxc": {"lxc.a": {"b": 1}}}, "lxc.lxc.a[0]: {'b': 1} is not a string"),
    # Unknown keys, at each level.
    "unknown key": ({"netwrok": []}, "key: 'netwrok' is not a known key; did you mean 'network'?"),
    "unknown key like nothing": ({"xyzzy": 1}, "key: 'xyzzy' is not a known key"),
    "unknown key in directories": (
        {"directories": [{"path": "/a", "mod": "0755"}]},
        "directories[0]: 'mod' is not a known key; did you mean 'mode'?",
    ),
    "unknown key in files": (
        {"files": [{"path": "/a", "contents": "x"}]},
        "files[0]: 'contents' is not a known key; did you mean 'content'?",
    ),
    "unknown key in busybox": (
        {"busybox": {"applet": "all"}},
        "busybox: 'applet' is not a known key; did you mean 'applets'?",
    ),
    "unknown key in network": (
        {"network": [{}, {"bridge": "br0"}]},
        "network[1]: 'bridge' is not a known key",
    ),
    "unknown key in mounts": (
        {"mounts": [{"source": "/a", "target": "/b", "readonly": True}]},
        "mounts[0]: 'readonly' is not a known key; did you mean 'read_only'?",
    ),
    "unknown key in volumes": (
        {"volumes": [{"name": "v", "target": "/a", "sise": "1G"}]},
        "volumes[0]: 'sise' is not a known key; did you mean 'size'?",
    ),
    "unknown key in ready": (
        {"ready": [{"port": 80}]},
        "ready[0]: 'port' is not a known key",
    ),
    "unknown key in limits": (
        {"limits": {"memmory": "1M"}},
        "limits: 'memmory' is not a known key; did you mean 'memory'?",
    ),
    "unknown key in security": (
        {"security": {"app_armor": "a"}},
        "security: 'app_armor' is not a known key; did you mean 'apparmor'?",
    ),
    "unknown key in autostart": (
        {"autostart": {"enable": True}},
        "autostart: 'enable' is not a known key; did you mean 'enabled'?",
    ),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    assert refusal([{"name": "hmi", **given}]) == "container 'hmi': " + sentence


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all strings of a spec."""
    if isinstance(value, str):
        yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(below, (*path, key))


def levels(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all dictionaries of a spec."""
    if isinstance(value, dict):
        yield path
    for key, below in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from levels(below, (*path, key))


def changed(given: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A spec with the value at one path changed."""
    if not path:
        return change(given)
    copied = copy.copy(given)
    copied[path[0]] = changed(given[path[0]], path[1:], change)
    return copied


def with_key(key: str, value: dict[str, Any]) -> dict[str, Any]:
    """A dictionary with one more key."""
    return {**value, key: "1"}


# These two may have many lines: they become files, and never reach a config.
MANY_LINES = [("files", 0, "content"), ("resolv_conf",)]
INJECTED = ["\n", "\0", "\u2028", "\u2029", "\r", "\x0b", "\x0c", "\x1b", "\x1c", "\x7f", "\x85", "\udc0a"]
INJECTED += ["\nlxc.hook.pre-start = x", "\nlxc.hook.pre-start = x\n"]
POSITIONS: dict[str, Callable[[str, str], str]] = {
    "start": lambda value, bad: bad + value,
    "middle": lambda value, bad: value[:1] + bad + value[1:],
    "end": lambda value, bad: value + bad,
    "alone": lambda value, bad: bad,
}


def test_all_strings_are_walked() -> None:
    """A walk that finds less would prove less."""
    assert len(list(leaves(FULL))) == 111
    assert len(list(levels(FULL))) == 27


@pytest.mark.parametrize("position", POSITIONS.values(), ids=POSITIONS)
@pytest.mark.parametrize("bad", INJECTED, ids=ascii)
def test_no_string_takes_a_control_character(bad: str, position: Callable[[str, str], str]) -> None:
    for full in (FULL, FULL_INIT):
        for path in leaves(full):
            if path not in MANY_LINES:
                message = refusal([changed(full, path, lambda value: position(value, bad))])
                assert message.startswith("container "), path
                assert message.isprintable() and message.isascii(), path


@pytest.mark.parametrize("bad", INJECTED, ids=ascii)
def test_no_key_takes_a_control_character(bad: str) -> None:
    for path in levels(FULL):
        known = "lxc.a" if path == ("lxc",) else "tty"
        for place in (0, 1, len(known)):
            key = known[:place] + bad + known[place:]
            message = refusal([changed(FULL, path, functools.partial(with_key, key))])
            assert message.startswith("container 'hmi': "), path
            assert message.isprintable() and message.isascii(), path


@pytest.mark.parametrize("path", MANY_LINES, ids=str)
@pytest.mark.parametrize("bad", ["\0", "\x0b", "\x0c", "\x1b", "\x1c", "\x7f", "\udc0a"], ids=ascii)
def test_no_text_of_many_lines_takes_a_control_character(path: tuple[Any, ...], bad: str) -> None:
    message = refusal([changed(FULL, path, lambda value: value + bad)])
    assert message.endswith("has a control character other than tab and line break")
    assert message.isprintable() and message.isascii()


@pytest.mark.parametrize("path", MANY_LINES, ids=str)
def test_a_line_takes_what_the_text_takes(path: tuple[Any, ...]) -> None:
    def taken(value: Any) -> Any:
        try:
            container = one(
                {"name": "hmi", path[0]: changed({path[0]: FULL[path[0]]}, path, lambda _given: value)[path[0]]}
            )
        except RefusedError:
            return None
        return tuple(file.content for file in container.files), container.resolv_conf

    assert taken(["a\nb"]) is None
    for letter in map(chr, [*range(10), *range(11, 256), 0x2028, 0xDC0A]):
        assert taken(["a" + letter + "b", "c"]) == taken("a" + letter + "b\nc\n"), ascii(letter)


@pytest.mark.parametrize("path", MANY_LINES, ids=str)
def test_a_text_of_many_lines(path: tuple[Any, ...]) -> None:
    container = one(changed(FULL, path, lambda value: "a\nlxc.hook.pre-start = x\n"))
    assert "a\nlxc.hook.pre-start = x\n" in (container.files[0].content, container.resolv_conf)
