# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What specs become with the original's manifests, in the shapes that its tests have, and why some are refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import compile as compiling
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import manifests, original, settings

CLOSED: dict[str, Any] = {"gateways": {"network": {}}}
DNS = {"host": "*", "protocols": ["udp", "tcp"], "ports": 53}
PING = {"host": "192.0.2.1", "protocols": "icmp"}


def gateway(name: str, *config: Any) -> dict[str, Any]:
    return {"id": name, "config": list(config)}


def env(name: str, value: str, **more: str) -> dict[str, Any]:
    return gateway("env", {"name": name, "value": value, **more})


def memory(*values: str, setting: str = "memory.limit_in_bytes") -> dict[str, Any]:
    return gateway("cgroups", *({"setting": setting, "value": value} for value in values))


def shown(host: str, container: str, **more: Any) -> dict[str, Any]:
    return gateway("file", {"path-host": host, "path-container": container, **more})


def allowed(direction: str, *allow: Any) -> dict[str, Any]:
    return gateway("network", {"direction": direction, "allow": list(allow)})


def known(*capabilities: Any, everywhere: tuple[str, ...] = (), **operator: Any) -> compiling.Known:
    """What capabilities of one manifest are, called a, b and so on; a dictionary has keys of our own form."""
    listed = [
        {"name": chr(97 + index), **(each if isinstance(each, dict) else {"gateways": each})}
        for index, each in enumerate(capabilities)
    ]
    chosen = settings.parse(operator)
    manifest = manifests.Manifest("m.json", {"capabilities": listed})
    found = manifests.all_of([manifest], original.Context(chosen, "/srv/lxc"))
    return compiling.Known(found, everywhere, chosen)


def compiled(everything: compiling.Known, **spec: Any) -> tuple[dict[str, Any], str]:
    """The keys of a spec with all capabilities that there are but its name, and the notes."""
    asked = {"capabilities": [name for name in everything.capabilities if name not in everything.everywhere]}
    (found,), notes = compiling.containers([{"name": "x", **asked, **spec}], {}, everything)
    # What comes out is a valid spec.
    parse.parse_containers([found], {})
    return {key: value for key, value in found.items() if key != "name"}, "\n".join(notes)


COMPILED = {
    "env": ([env("A", "1")], {"environment": {"A": "1"}, **CLOSED}),
    "env, set and then append": (
        [env("LIBS", "/a"), env("LIBS", "/b", mode="append", separator=":")],
        {"environment": {"LIBS": "/a:/b"}, **CLOSED},
    ),
    "env, prepend in capitals": (
        [env("LIBS", "/a"), env("LIBS", "/b", mode="PREPEND", separator=" ")],
        {"environment": {"LIBS": "/b /a"}, **CLOSED},
    ),
    "env, append to nothing": (
        [env("LIBS", "/b", mode="append", separator=":")],
        {"environment": {"LIBS": "/b"}, **CLOSED},
    ),
    "env, twice the same": ([env("A", "1"), env("A", "1")], {"environment": {"A": "1"}, **CLOSED}),
    "file": (
        [shown("/srv/a", "/a", **{"read-only": False})],
        {"mounts": [{"source": "/srv/a", "target": "/a", "read_only": False}], **CLOSED},
    ),
    "file, read-only left out": (
        [shown("/srv/a", "/a")],
        {"mounts": [{"source": "/srv/a", "target": "/a", "read_only": True}], **CLOSED},
    ),
    "file, twice, once to write": (
        [shown("/srv/a", "/a", **{"read-only": True}), shown("/srv/a/", "/a", **{"read-only": False})],
        {"mounts": [{"source": "/srv/a", "target": "/a", "read_only": False}], **CLOSED},
    ),
    "file, what is above comes first": (
        [shown("/srv/b", "/a/b"), shown("/srv/a", "/a")],
        {
            "mounts": [
                {"source": "/srv/a", "target": "/a", "read_only": True},
                {"source": "/srv/b", "target": "/a/b", "read_only": True},
            ],
            **CLOSED,
        },
    ),
    "cgroups, the largest": (
        [memory("2K", "1M"), memory("10M", "100K", setting="memory.memsw.limit_in_bytes")],
        {"limits": {"memory": 1048576, "memory_swap": 10485760}, **CLOSED},
    ),
    "cgroups, shares that the kernel does not give": (
        [memory("2147483647", setting="cpu.shares")],
        {"limits": {"cpu_shares": 262144}, **CLOSED},
    ),
    "cgroups, a class and another setting": (
        [memory("0x100001", setting="net_cls.classid"), memory("100", setting="blkio.weight")],
        {"lxc": {"lxc.cgroup.net_cls.classid": "0x100001", "lxc.cgroup.blkio.weight": "100"}, **CLOSED},
    ),
    "devicenode, all bits of both": (
        [gateway("devicenode", {"name": "/dev/input/mouse0", "mode": 640}, {"name": "/dev/input/mouse0", "mode": 426})],
        {
            "gateways": {
                "devices": [
                    {"source": "/dev/input/mouse0", "target": "/dev/input/mouse0", "access": "rw", "mode": "0666"}
                ],
                "network": {},
            }
        },
    ),
    "devicenode, execute bits": (
        [gateway("devicenode", {"name": "/dev/net/tun", "mode": "754"})],
        {
            "gateways": {
                "devices": [{"source": "/dev/net/tun", "target": "/dev/net/tun", "access": "rw", "mode": "0644"}],
                "network": {},
            }
        },
    ),
    "network, nothing": ([allowed("OUTGOING")], CLOSED),
    "network, names in both directions": (
        [allowed("OUTGOING", PING, DNS), allowed("INCOMING", PING, DNS)],
        {
            "gateways": {
                "network": {
                    "outgoing": [
                        {"to": ["192.0.2.1"], "protocols": ["icmp"]},
                        {"to": "any", "protocols": ["udp", "tcp"], "ports": [53]},
                    ],
                    "incoming": [{"from": ["192.0.2.1"], "protocols": ["icmp"]}],
                }
            }
        },
    ),
    "network, all forms of ports": (
        [
            allowed(
                "OUTGOING",
                {"host": "127.0.0.1/16", "ports": "80", "protocols": "udp"},
                {"host": "192.0.2.7", "ports": "80:85", "protocols": ["tcp"]},
                {"host": "10.0.0.0/8", "ports": [80, "8080-8090"]},
                {"host": "2001:db8::1", "ports": "1,2"},
                {"host": "*"},
            )
        ],
        {
            "gateways": {
                "network": {
                    "outgoing": [
                        {"to": ["127.0.0.0/16"], "protocols": ["udp"], "ports": [80]},
                        {"to": ["192.0.2.7"], "protocols": ["tcp"], "ports": ["80-85"]},
                        {"to": ["10.0.0.0/8"], "protocols": ["tcp", "udp"], "ports": [80, "8080-8090"]},
                        {"to": ["2001:db8::1"], "protocols": ["tcp", "udp"], "ports": [1, 2]},
                        {"to": "any"},
                    ]
                }
            }
        },
    ),
    "our own form": (
        {
            "environment": {"A": "1"},
            "mounts": [{"source": "/srv/a", "target": "/a", "optional": True, "create": "dir"}],
            "limits": {"memory": "64M", "cpus": 0.5},
            "gateways": {
                "devices": [{"source": "/dev/net/tun", "mode": "0600", "access": "r"}],
                "network": {
                    "outgoing": [{"to": "any", "ports": [53, "80-90"]}],
                    "incoming": [{"from": "192.0.2.0/24", "protocols": "tcp", "ports": 8080}],
                },
            },
        },
        {
            "environment": {"A": "1"},
            "mounts": [{"source": "/srv/a", "target": "/a", "read_only": True, "optional": True, "create": "dir"}],
            "limits": {"memory": 67108864, "cpus": 0.5},
            "gateways": {
                "devices": [{"source": "/dev/net/tun", "target": "/dev/net/tun", "access": "r", "mode": "0600"}],
                "network": {
                    "outgoing": [{"to": "any", "protocols": ["tcp", "udp"], "ports": [53, "80-90"]}],
                    "incoming": [{"from": ["192.0.2.0/24"], "protocols": ["tcp"], "ports": [8080]}],
                },
            },
        },
    ),
    "no gateways": ([], CLOSED),
}


@pytest.mark.parametrize(("capability", "expected"), COMPILED.values(), ids=COMPILED)
def test_what_a_capability_becomes(capability: Any, expected: Any) -> None:
    assert compiled(known(capability))[0] == expected


REFUSED = {
    "no gateway of this name": ([gateway("netwrk", {})], r"gateways\[0\].id: 'netwrk' .*'network'"),
    "a config that is no list": ([{"id": "env", "config": {}}], r"gateways\[0\].config: \{\}"),
    "an empty config": ([{"id": "network", "config": []}], r"gateways\[0\].config: \[\] is empty"),
    "an element that is text": ([gateway("dbus", "text")], r"config\[0\]: 'text'"),
    "a key beside config": ([{**env("A", "1"), "Config": []}], r"gateways\[0\]: 'Config' .*'config'"),
    "a key that an element does not have": (
        [allowed("OUTGOING", {"host": "*", "port": 80})],
        r"config\[0\].allow\[0\]: 'port' .*'ports'",
    ),
    "a key without a value": ([allowed("OUTGOING", {"host": "*", "ports": None})], r"allow\[0\].ports: None"),
    "a protocol that does not parse": (
        [allowed("OUTGOING", {"host": "*", "protocols": "sctp"})],
        r"allow\[0\].protocols\[0\]: 'sctp'",
    ),
    "no protocols": ([allowed("OUTGOING", {"host": "*", "protocols": []})], r"protocols: \[\]"),
    "a port that is true": ([allowed("OUTGOING", {"host": "*", "ports": True})], "ports: True"),
    "a port that is 0": ([allowed("OUTGOING", {"host": "*", "ports": 0})], "ports: 0"),
    "a port that is too large": ([allowed("OUTGOING", {"host": "*", "ports": "65536"})], "ports: '65536'"),
    "a range without an end": ([allowed("OUTGOING", {"host": "*", "ports": "80:"})], "ports: '80:'"),
    "a range that ends before it begins": ([allowed("OUTGOING", {"host": "*", "ports": "85:80"})], "ports: '85:80'"),
    "a name of a service": ([allowed("OUTGOING", {"host": "*", "ports": "http"})], "ports: 'http'"),
    "no ports": ([allowed("OUTGOING", {"host": "*", "ports": []})], r"ports: \[\]"),
    "icmp with ports": ([allowed("OUTGOING", {"host": "*", "ports": 1, "protocols": "icmp"})], "protocols: 'icmp'"),
    "a direction in small letters": ([allowed("incoming")], "direction: 'incoming'"),
    "a host by its name": (
        [allowed("OUTGOING", {"host": "a.example"})],
        "host: 'a.example' .*capability_settings.hosts",
    ),
    "a host that is no address": ([allowed("OUTGOING", {"host": "192.0.2.300"})], "host: '192.0.2.300'"),
    "a netmask": ([allowed("OUTGOING", {"host": "192.0.2.0/255.255.255.0"})], "host: "),
    "no host": ([allowed("OUTGOING", {"host": ""})], "host: ''"),
    "ports that nothing mirrors": (
        [allowed("INCOMING", {"host": "*", "ports": 8080, "protocols": "tcp"})],
        r"allow\[0\]: .*incoming_ports: local",
    ),
    "D-Bus": ([gateway("dbus", {"dbus-gateway-config-session": []})], r"gateways\[0\]: D-Bus is not supported"),
    "PulseAudio": ([gateway("pulseaudio", {"audio": True})], "PulseAudio is not supported"),
    "Wayland": ([gateway("wayland", {"enabled": True})], "Wayland is not supported"),
    "D-Bus in our own form": ({"gateways": {"dbus": {}}}, r"gateways.dbus: D-Bus is not supported"),
    "a variable set to two values": ([env("A", "1"), env("A", "2")], r"gateways\[1\].config\[0\]: A .*gateways\[0\]"),
    "a variable set after an append": ([env("A", "1", mode="append"), env("A", "2")], r"gateways\[1\].*: A "),
    "a variable without a value": ([env("A", "")], "value: ''"),
    "a variable that is a number": ([gateway("env", {"name": "A", "value": 1})], "value: 1 is not a string"),
    "a variable with a line break": ([env("A", "1\n2")], r"value: '1\\n2'"),
    "a mode that is none": ([env("A", "1", mode="add")], "mode: 'add'"),
    "a name that is none": ([env("A=B", "1")], "name: 'A=B'"),
    **{
        f"the variable {name}": ([env(name, "1")], f"name: '{name}'")
        for name in (
            "DBUS_SESSION_BUS_ADDRESS",
            "PULSE_SERVER",
            "WAYLAND_DISPLAY",
            "XDG_RUNTIME_DIR",
            "LD_PRELOAD",
            "LD_AUDIT",
            "LD_LIBRARY_PATH",
            "BASH_ENV",
            "GLIBC_TUNABLES",
        )
    },
    "a variable of our own form": ({"environment": {"LD_PRELOAD": "x"}}, "environment.'?LD_PRELOAD'?: 'LD_PRELOAD'"),
    **{
        f"the path {path} of the target": ([shown(path, "/a")], f"path-host: '{path}'")
        for path in (
            "/",
            "/proc",
            "/proc/1",
            "/sys/kernel",
            "/dev",
            "/dev/mem",
            "/gateways",
            "/srv/lxc",
            "/srv/lxc/other/rootfs",
            "/srv",
            "/var/lib/lxc",
            "/var",
            "/etc/lxc",
            "/run/dbus/system_bus_socket",
            "/run/user/1000/bus",
            "/var/run/x",
            "/run",
            "relative",
            "/srv/../proc",
        )
    },
    **{
        f"the path {path} of the container": ([shown("/opt/a", path)], f"path-container: '{path}'")
        for path in (
            "/",
            "/proc",
            "/sys/x",
            "/dev",
            "/dev/x",
            "/gateways",
            "/gateways/x",
            "/etc/softwarecontainer",
            "/etc",
        )
    },
    "read-only as text": ([shown("/opt/a", "/a", **{"read-only": "false"})], "read-only: 'false'"),
    "two sources at one place": (
        [shown("/opt/a", "/a"), shown("/opt/b", "/a")],
        r"gateways\[1\].*/opt/b.*gateways\[0\]",
    ),
    "memory as a number": ([gateway("cgroups", {"setting": "cpu.shares", "value": 5})], "value: 5"),
    "memory as words": ([memory("all")], "value: 'all'"),
    "too little memory": ([memory("1K")], r"config\[0\]: 1024 bytes"),
    "swap without memory": ([memory("1M", setting="memory.memsw.limit_in_bytes")], r"config\[0\]: .*limits.memory"),
    "too few shares": ([memory("1", setting="cpu.shares")], "value: '1'"),
    "class 0": ([memory("0x00000", setting="net_cls.classid")], "value: '0x00000'"),
    "a short class": ([memory("0x1", setting="net_cls.classid")], "value: '0x1'"),
    "two classes": (
        [memory("0x100001", "0x100002", setting="net_cls.classid")],
        r"config\[1\]: .*0x100002.*config\[0\]",
    ),
    "a setting that opens devices": ([memory("a *:* rwm", setting="devices.allow")], "setting: 'devices.allow'"),
    "a setting that is a directory of LXC": ([memory("x", setting="dir.container")], "setting: 'dir.container'"),
    "a setting of no controller": ([memory("1", setting="memroy.limit_in_bytes")], "setting: .*memory.limit_in_bytes"),
    "a setting that a limit is for": ([memory("1", setting="pids.max")], "limits.pids"),
    "a device elsewhere": ([gateway("devicenode", {"name": "/srv/x"})], "name: '/srv/x'"),
    "the memory of the target": ([gateway("devicenode", {"name": "/dev/mem"})], "name: '/dev/mem'"),
    "a disk": ([gateway("devicenode", {"name": "/dev/sda1"})], "name: '/dev/sda1'"),
    "a mode with an 8": ([gateway("devicenode", {"name": "/dev/x", "mode": 689})], "mode: 689"),
    "a mode of four digits": ([gateway("devicenode", {"name": "/dev/x", "mode": "4755"})], "mode: '4755'"),
    "gateways that are missing": ({}, "gateways: None is required"),
    "both forms": ({"gateways": [env("A", "1")], "environment": {}}, "'environment' cannot be together"),
    "no key of ours": ({"gateways": {"network": {}}, "environments": {}}, "'environments' .*'environment'"),
    "no gateway of ours": ({"gateways": {"netwrk": {}}}, "gateways: 'netwrk' .*'network'"),
    "no key of a rule of ours": (
        {"gateways": {"network": {"outgoing": [{"to": "any", "port": 80}]}}},
        r"outgoing\[0\]: 'port' .*'ports'",
    ),
    "a type of mount": ({"mounts": [{"source": "x", "target": "/a", "type": "proc"}]}, r"mounts\[0\]: 'type'"),
    "a secret": ({"environment": {"A": {"secret": "x"}}}, "environment.A: "),
    "network without a value": ({"gateways": {"network": None}}, "gateways.network: None"),
}


@pytest.mark.parametrize(("capability", "match"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(capability: Any, match: str) -> None:
    with pytest.raises(RefusedError, match=match) as caught:
        compiled(known(capability))
    for line in str(caught.value).splitlines():
        assert line.startswith("container 'x': capabilities: m.json: capabilities[0]")
        assert line.isprintable()


def test_what_nobody_asks_for_is_no_error() -> None:
    everything = known([gateway("dbus", {})], [env("A", "1")])
    assert compiled(everything, capabilities=["b"])[0] == {"environment": {"A": "1"}, **CLOSED}


SPEC_WINS = {
    "environment": ([env("A", "1")], {"environment": {"A": "own", "B": "b"}}, {"environment": {"A": "own", "B": "b"}}),
    "environment, a secret": (
        [env("A", "1")],
        {"environment": {"A": {"secret": "s"}}},
        {"environment": {"A": {"secret": "s"}}},
    ),
    "environment, append": (
        [env("A", "1", mode="append", separator=":")],
        {"environment": {"A": "own"}},
        {"environment": {"A": "own:1"}},
    ),
    "mounts": (
        [shown("/opt/a", "/a"), shown("/opt/b", "/b")],
        {"mounts": [{"source": "/own", "target": "/a/"}]},
        {
            "mounts": [
                {"source": "/own", "target": "/a/"},
                {"source": "/opt/b", "target": "/b", "read_only": True},
            ]
        },
    ),
    "limits": ([memory("64M")], {"limits": {"memory": "32M"}}, {"limits": {"memory": "32M"}}),
    "limits, null": ([memory("64M")], {"limits": {"memory": None}}, {"limits": {"memory": 67108864}}),
    "lxc": (
        [memory("5", setting="blkio.weight")],
        {"lxc": {"lxc.cgroup.blkio.weight": "9"}},
        {"lxc": {"lxc.cgroup.blkio.weight": "9"}},
    ),
    "devices": (
        [gateway("devicenode", {"name": "/dev/net/tun", "mode": 666})],
        {"gateways": {"devices": [{"source": "/dev/net/tun", "mode": "0600"}]}},
        {"gateways": {"devices": [{"source": "/dev/net/tun", "mode": "0600"}], "network": {}}},
    ),
    "network": (
        [allowed("OUTGOING", DNS)],
        {"gateways": {"network": {"incoming": [{"from": "any", "ports": [80]}]}}},
        {"gateways": {"network": {"incoming": [{"from": "any", "ports": [80]}]}}},
    ),
}


@pytest.mark.parametrize(("capability", "spec", "expected"), SPEC_WINS.values(), ids=SPEC_WINS)
def test_the_spec_wins(capability: Any, spec: Any, expected: Any) -> None:
    found, notes = compiled(known(capability), **spec)
    assert found == {**CLOSED, **expected}
    # Where both count, there is nothing to tell.
    both = expected.get("environment", {}).get("A") == "own:1" or None in spec.get("limits", {}).values()
    assert ("as the spec itself says" in notes) != both


def test_what_a_spec_and_a_capability_cannot_both_have() -> None:
    secret = known([env("A", "1", mode="append")])
    with pytest.raises(RefusedError, match="A is a secret"):
        compiled(secret, environment={"A": {"secret": "s"}})
    with pytest.raises(RefusedError, match="^container 'x': environment.A: 1.1 "):
        compiled(secret, environment={"A": 1.1})
    above = known([shown("/opt/a", "/a")])
    with pytest.raises(RefusedError, match="/a would hide .* /a/b"):
        compiled(above, mounts=[{"source": "/own", "target": "/a/b"}])


@pytest.mark.parametrize(
    ("spec", "defaults", "everywhere", "expected"),
    [
        ({}, {}, (), {}),
        ({"capabilities": None}, {}, (), {}),
        ({"capabilities": []}, {}, (), CLOSED),
        ({}, {"capabilities": ["b"]}, (), {"environment": {"B": "b"}, **CLOSED}),
        ({"capabilities": ["a"]}, {"capabilities": ["b"]}, (), {"environment": {"A": "a"}, **CLOSED}),
        ({}, {}, ("b",), {"environment": {"B": "b"}, **CLOSED}),
        ({"capabilities": ["b", "a"]}, {}, ("b",), {"environment": {"B": "b", "A": "a"}, **CLOSED}),
        ({"state": "absent", "capabilities": ["nobody"]}, {}, ("b",), {"state": "absent"}),
    ],
)
def test_which_capabilities_a_container_has(spec: Any, defaults: Any, everywhere: Any, expected: Any) -> None:
    everything = known([env("A", "a")], [env("B", "b")], everywhere=everywhere)
    (found,), _notes = compiling.containers([{"name": "x", **spec}], defaults, everything)
    assert found == {"name": "x", **expected}


def test_the_order_in_which_capabilities_count() -> None:
    more = [[env("A", name, mode="append")] for name in "abcd"]
    everything = known(*more, everywhere=("d", "b"))
    assert compiled(everything, capabilities=["c", "a"])[0]["environment"] == {"A": "bdca"}


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        (["aa"], "capabilities: 'aa' is in no manifest.*'a'"),
        (["zzz"], "capabilities: 'zzz' is in no manifest; there is 'a', 'b'"),
        (["a", "a"], r"capabilities\[1\]: 'a' is named twice"),
        ("a", "capabilities: 'a' is not a list"),
        ([1.5, "\n"], r"capabilities\[1\]: "),
    ],
)
def test_names_that_are_refused(asked: Any, match: str) -> None:
    everything = known([env("A", "a")], [env("B", "b")])
    with pytest.raises(RefusedError, match=f"^container 'x': {match}"):
        compiling.containers([{"name": "x", "capabilities": asked}], {}, everything)


def test_one_name_in_two_files_is_one_capability() -> None:
    files = [
        manifests.Manifest(name, {"capabilities": [{"name": "a", "gateways": [env(variable, "1")]}]})
        for name, variable in (("one.json", "A"), ("two.json", "B"))
    ]
    found = manifests.all_of(files, original.Context(settings.Settings()))
    (spec,), notes = compiling.containers([{"name": "x", "capabilities": ["a"]}], {}, compiling.Known(found))
    assert spec["environment"] == {"A": "1", "B": "1"}
    assert found["a"].files == ("one.json", "two.json")
    assert any("one.json" in note and "two.json" in note for note in notes)


OPERATOR = {
    "incoming ports": (
        [allowed("INCOMING", {"host": "*", "ports": 8080, "protocols": "tcp"})],
        {"incoming_ports": "local"},
        {"incoming": [{"from": "any", "protocols": ["tcp"], "ports": [8080]}]},
    ),
    "a host": (
        [allowed("OUTGOING", {"host": "a.example", "protocols": "tcp"})],
        {"hosts": {"a.example": ["192.0.2.9", "2001:db8::9"]}},
        {"outgoing": [{"to": ["192.0.2.9", "2001:db8::9"], "protocols": ["tcp"]}]},
    ),
}


@pytest.mark.parametrize(("capability", "operator", "expected"), OPERATOR.values(), ids=OPERATOR)
def test_what_the_operator_decides(capability: Any, operator: Any, expected: Any) -> None:
    assert compiled(known(capability, **operator))[0] == {"gateways": {"network": expected}}


def test_where_capabilities_may_write() -> None:
    writes = {"read-only": False}
    inside = known([shown("/opt/a/b", "/a", **writes), shown("/srv/x", "/x")], writable=["/opt/a"])
    assert [each["read_only"] for each in compiled(inside)[0]["mounts"]] == [False, True]
    for source in ("/opt/ab", "/opt"):
        with pytest.raises(RefusedError, match=f"path-host: '{source}' .*writable"):
            compiled(known([shown(source, "/a", **writes)], writable=["/opt/a"]))
    with pytest.raises(RefusedError, match=r"mounts\[0\].source: '/opt/c' .*writable"):
        compiled(known({"mounts": [{"source": "/opt/c", "target": "/a", "read_only": False}]}, writable=["/opt/a"]))


NOTES = {
    "read-only": ([shown("/opt/a", "/a")], "read-only"),
    "mode": ([gateway("devicenode", {"name": "/dev/x", "mode": 644})], "octal"),
    "execute bits": ([gateway("devicenode", {"name": "/dev/x", "mode": 777})], "execute"),
    "digits": ([gateway("devicenode", *({"name": "/dev/x", "mode": mode} for mode in (420, 240)))], "larger digits"),
    "ports without protocols": ([allowed("OUTGOING", {"host": "*", "ports": 1})], "tcp alone"),
    "IPv6": ([allowed("OUTGOING", {"host": "*"})], "IPv6"),
    "a closed direction": ([allowed("OUTGOING")], "incoming"),
    "the other closed direction": ([allowed("INCOMING")], "outgoing"),
    "answers": ([allowed("OUTGOING", DNS), allowed("INCOMING", DNS)], "answers"),
    "a network": ([allowed("OUTGOING", {"host": "10.1.2.3/8"})], "10.0.0.0/8"),
    "a setting": ([memory("1", setting="blkio.weight")], "version 1"),
    "shares": ([memory("999999", setting="cpu.shares")], "262144"),
    "a base": ([env("A", "1", mode="append")], "value alone"),
    "the same value": ([env("A", "1"), env("A", "1")], "same value"),
}


@pytest.mark.parametrize(("capability", "words"), NOTES.values(), ids=NOTES)
def test_where_the_meaning_differs_is_told(capability: Any, words: str) -> None:
    notes = compiled(known(capability))[1]
    assert any(words in line and "m.json: capabilities[0]." in line for line in notes.splitlines())


STRUCTURE = {
    "no object": ([], "m.json: \\[\\] is not a dictionary"),
    "no capabilities": ({}, "m.json: capabilities: None"),
    "a word for them": ({"capability": []}, "m.json: 'capability' .*'capabilities'"),
    "capabilities that are an object": ({"capabilities": {}}, "capabilities: {}"),
    "a capability that is text": ({"capabilities": ["a"]}, r"capabilities\[0\]: 'a'"),
    "no name": ({"capabilities": [{"gateways": []}]}, r"capabilities\[0\].name: None"),
    "an empty name": ({"capabilities": [{"name": "", "gateways": []}]}, r"capabilities\[0\].name: ''"),
    "a name with a control character": ({"capabilities": [{"name": "a\x1b", "gateways": []}]}, r"name: 'a\\x1b'"),
    "one name twice": ({"capabilities": [{"name": "a", "gateways": []}] * 2}, r"capabilities\[1\].name: 'a'"),
}


@pytest.mark.parametrize(("content", "match"), STRUCTURE.values(), ids=STRUCTURE)
def test_what_is_wrong_with_a_whole_file(content: Any, match: str) -> None:
    with pytest.raises(RefusedError, match=match):
        manifests.all_of([manifests.Manifest("m.json", content)], original.Context(settings.Settings()))


def test_a_hundred_containers_take_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = known([env("A", "1")])
    folds = []
    fold = compiling.fold.folded
    monkeypatch.setattr(compiling.fold, "folded", lambda *given: folds.append(given) or fold(*given))
    specs = [{"name": f"x{index}", "capabilities": ["a"]} for index in range(100)]
    assert len(compiling.containers(specs, {}, everything)[0]) == 100
    assert len(folds) == 1
