# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The LXC config: its whole text, what each key of the spec adds, and what is said where the target lacks something."""

from __future__ import annotations

import difflib
import shlex
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Container, Limits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, FilterTools, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_config, lxc_hooks, security

BUSYBOX = Binary("/bin/busybox", "00", 1, ("[", "ls", "sh", "sleep"), None)
V1 = {"memory": 1, "cpu": 1, "cpuacct": 1, "pids": 1, "devices": 1}
V2 = {"memory": 2, "cpu": 2, "pids": 2, "unified": 2}
HYBRID = {"memory": 1, "cpu": 1, "pids": 2, "devices": 1, "unified": 2}
# A Debian, where /usr/lib64 is missing on some architectures.
HOST = Host(
    init_lxc="/usr/sbin/init.lxc",
    init_lxc_static="/usr/lib/lxc/init.lxc.static",
    paths=frozenset(["/usr", "/lib", "/usr/lib", "/lib64", "/usr/local", "/srv", "/a b\\c", "/etc/seccomp"]),
    devices={"/dev/i2c 1": "c 89:1"},
    interfaces=frozenset(["lo", "eth0", "lxcbr0", "br1"]),
    busyboxes={None: BUSYBOX, "/opt/busybox": BUSYBOX._replace(path="/opt/busybox", applets=("ls",))},
    controllers=V1,
    apparmor=True,
    seccomp=True,
    seccomp_profile="/usr/share/lxc/config/common.seccomp",
    nft="/usr/sbin/nft",
    filter_tools=FilterTools("/usr/sbin/nft", "/usr/bin/nsenter", "/usr/bin/unshare"),
    sleep="/usr/bin/sleep",
    shell="/usr/bin/sh",
)
BARE = HOST._replace(sleep=None, shell=None)
DEFAULT = """\
# Rendered whole by softwarecontainer.lxc from the container spec; changes made here are lost.
lxc.uts.name = hmi
lxc.rootfs.path = dir:/var/lib/lxc/hmi/rootfs
lxc.init.cmd = /usr/sbin/init.lxc --name hmi -- /bin/busybox sleep 2147483647
lxc.signal.halt = SIGTERM
lxc.autodev = 1
lxc.tty.max = 1
lxc.pty.max = 1
lxc.mount.auto = proc:mixed sys:ro
lxc.mount.entry = /usr usr none bind,ro,rprivate 0 0
lxc.mount.entry = /lib lib none bind,ro,rprivate 0 0
lxc.mount.entry = /usr/lib usr/lib none bind,ro,rprivate 0 0
lxc.mount.entry = /lib64 lib64 none bind,ro,rprivate 0 0
lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0
lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0
lxc.mount.entry = tmpfs dev/shm tmpfs rw,nosuid,nodev,create=dir 0 0
lxc.mount.entry = mqueue dev/mqueue mqueue rw,nosuid,nodev,noexec,optional,create=dir 0 0
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.0.name = eth0
lxc.net.0.flags = up
lxc.cap.drop = mac_admin
lxc.cap.drop = mac_override
lxc.cap.drop = sys_time
lxc.cap.drop = sys_module
lxc.cap.drop = sys_rawio
lxc.cap.drop = sys_admin
lxc.no_new_privs = 1
lxc.cgroup.devices.deny = a
lxc.cgroup.devices.allow = c 1:3 rwm
lxc.cgroup.devices.allow = c 1:5 rwm
lxc.cgroup.devices.allow = c 1:7 rwm
lxc.cgroup.devices.allow = c 1:8 rwm
lxc.cgroup.devices.allow = c 1:9 rwm
lxc.cgroup.devices.allow = c 5:0 rwm
lxc.cgroup.devices.allow = c 5:1 rwm
lxc.cgroup.devices.allow = c 5:2 rwm
lxc.cgroup.devices.allow = c 136:* rwm
lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp
"""
ELSEWHERE = ("# command: ", "lxc.hook.start-host ", "lxc.hook.stop ", "lxc.console.", "lxc.log.")
INIT = "lxc.init.cmd = /usr/sbin/init.lxc --name hmi -- "
IDLE = "-" + INIT + "/bin/busybox sleep 2147483647"
SCRIPT = "+" + INIT + "/usr/bin/sh /etc/softwarecontainer/command"
VETH = ["-lxc.net.0.type = veth", "-lxc.net.0.link = lxcbr0", "-lxc.net.0.name = eth0", "-lxc.net.0.flags = up"]
DROPS = [
    f"-lxc.cap.drop = {name}"
    for name in ("mac_admin", "mac_override", "sys_time", "sys_module", "sys_rawio", "sys_admin")
]
# What init.lxc mounts where it may.
SHARED_MEMORY = [
    "-lxc.mount.entry = tmpfs dev/shm tmpfs rw,nosuid,nodev,create=dir 0 0",
    "-lxc.mount.entry = mqueue dev/mqueue mqueue rw,nosuid,nodev,noexec,optional,create=dir 0 0",
]
# What is otherwise with an init of one's own.
OWN_INIT = [IDLE, "-lxc.signal.halt = SIGTERM", *SHARED_MEMORY, DROPS[-1]]
SECCOMP = "lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp"
USR = [f"-lxc.mount.entry = /{path} {path} none bind,ro,rprivate 0 0" for path in ("usr", "lib", "usr/lib", "lib64")]


# As containers have that share the ids of the target.
NO_IDS = Ids()


def container(given: dict[str, Any]) -> Container:
    """The container of a spec, called hmi where that does not say otherwise."""
    parsed: Container = keys.CONTAINER({"name": "hmi", **given})
    return parsed


def render(given: dict[str, Any], host: Host = HOST, ids: Ids = NO_IDS) -> str:
    """The config of a container, without what test_lifetime.py and test_launch.py look at."""
    text = lxc_config.render(container(given), host, "/var/lib/lxc", "lxcbr0", ids)
    return "".join(line for line in text.splitlines(True) if not line.startswith(ELSEWHERE))


def changes(text: str) -> list[str]:
    """The lines that differ from those of the defaults."""
    lines = difflib.ndiff(DEFAULT.splitlines(), text.splitlines())
    return [line[0] + line[2:] for line in lines if line[0] in "+-"]


def refusal(given: dict[str, Any], host: Host = HOST) -> str:
    """What is said of a container that has no config."""
    with pytest.raises(ContainerError) as caught:
        render(given, host)
    return str(caught.value)


def test_the_defaults() -> None:
    assert render({}) == DEFAULT


def test_the_place_and_the_bridge() -> None:
    text = lxc_config.render(container({}), HOST, "/srv/my containers", "br1", NO_IDS)
    assert [line for line in changes(text) if not line[1:].startswith(ELSEWHERE)] == [
        "-lxc.rootfs.path = dir:/var/lib/lxc/hmi/rootfs",
        "+lxc.rootfs.path = dir:/srv/my containers/hmi/rootfs",
        "-lxc.net.0.link = lxcbr0",
        "+lxc.net.0.link = br1",
    ]


MOUNT = {"source": "/srv", "target": "/data"}
# The place of the container comes from the digest of /var/lib/lxc.
PUBLISHED = [
    "+lxc.hook.pre-start = sh -c 'published='\"'\"'/usr/sbin/nft 10.0.3.0/24 tcp:8080:10.0.3.20:80'\"'\"';"
    ' [ -z "$SOFTWARECONTAINER_PUBLISHED" ] || [ ! -e /run/softwarecontainer.ports/a34c786e-hmi ] || exit 0; set -e;'
    " { echo changeprofile unconfined > /proc/self/attr/current; } 2>/dev/null || :;"
    " [ -d /run/softwarecontainer.ports ] || mkdir -p /run/softwarecontainer.ports;"
    ' echo "$published" > /run/softwarecontainer.ports/a34c786e-hmi;'
    " /usr/sbin/nft '\"'\"'add table ip softwarecontainer-a34c786e-hmi; delete table ip softwarecontainer-a34c786e-hmi;"
    " table ip softwarecontainer-a34c786e-hmi {"
    " chain prerouting { type nat hook prerouting priority -100;"
    " fib daddr type local tcp dport 8080 dnat to 10.0.3.20:80; };"
    " chain output { type nat hook output priority -100;"
    " ip daddr != 127.0.0.0/8 fib daddr type local tcp dport 8080 dnat to 10.0.3.20:80; };"
    " chain postrouting { type nat hook postrouting priority 100;"
    " ip saddr 10.0.3.0/24 ip daddr 10.0.3.20 ct status dnat masquerade; }; }'\"'\"''",
    "+lxc.hook.post-stop = sh -c '{ echo changeprofile unconfined > /proc/self/attr/current; } 2>/dev/null || :;"
    " /usr/sbin/nft '\"'\"'add table ip softwarecontainer-a34c786e-hmi;"
    " delete table ip softwarecontainer-a34c786e-hmi'\"'\"';"
    " rm -f /run/softwarecontainer.ports/a34c786e-hmi'",
]
PRE_START = "sh -c 'set -e; umask 022; " + "; ".join(
    [
        lxc_hooks.UNCONFINED,
        "d=/run/softwarecontainer.mounts/a34c786e-hmi",
        '{ mount --make-rprivate "$d" && umount -l "$d"; } 2>/dev/null || :',
        'mkdir -p "$d"',
        'mount -t tmpfs -o mode=0710,gid=0,size=64k softwarecontainer "$d"',
        'mount --make-private "$d"',
        lxc_hooks.MAKE,
        "node " + lxc_hooks.QUOTE + "/dev/i2c 1" + lxc_hooks.QUOTE + " 8 c 89 1 0660 5:6'",
    ]
)
CHANGES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "name": (
        {"name": "a"},
        [
            "-lxc.uts.name = hmi",
            "-lxc.rootfs.path = dir:/var/lib/lxc/hmi/rootfs",
            IDLE,
            "+lxc.uts.name = a",
            "+lxc.rootfs.path = dir:/var/lib/lxc/a/rootfs",
            "+lxc.init.cmd = /usr/sbin/init.lxc --name a -- /bin/busybox sleep 2147483647",
        ],
    ),
    "state": ({"state": "stopped"}, []),
    "reload": ({"reload": "SIGHUP"}, ["+# reload = HUP"]),
    "hostname": ({"hostname": "panel"}, ["-lxc.uts.name = hmi", "+lxc.uts.name = panel"]),
    "install_prefix that is not there": (
        {"install_prefix": "/opt/app"},
        ["-lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0"],
    ),
    "install_prefix that is there": (
        {"install_prefix": "/srv"},
        [
            "-lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0",
            "+lxc.mount.entry = /srv srv none bind,ro,rprivate 0 0",
        ],
    ),
    "gateway_dir": (
        {"gateway_dir": "/run/gw", "gateway_dir_mode": "0770"},
        [
            "+lxc.mount.entry = /run/gw gateways none bind,rw,nosuid,nodev,rprivate 0 0",
            "+lxc.hook.pre-start = sh -c 'set -e; umask 022; [ -d /run/gw ] ||"
            " { mkdir -p /run/gw; chmod 0770 /run/gw; }'",
            "+lxc.hook.mount = sh -c 'mount -o remount,bind,rw,nosuid,nodev \"$LXC_ROOTFS_MOUNT\"/gateways'",
        ],
    ),
    "directories, files, archive, resolv_conf": (
        {
            "archive": {"src": "a.tar", "target": "/c"},
            "directories": [{"path": "/a"}],
            "files": [{"path": "/b", "content": "lxc.hook.pre-start = x\n"}],
            "resolv_conf": "a\nlxc.hook.pre-start = x\n",
        },
        [],
    ),
    "busybox bind": (
        {"busybox": {"method": "bind", "path": "/opt/busybox"}},
        [
            IDLE,
            "+" + INIT + "/usr/bin/sleep 2147483647",
            "+lxc.mount.entry = /opt/busybox bin/busybox none bind,ro,rprivate 0 0",
        ],
    ),
    "command": ({"command": ["/app", "-v", "--", "#5", "a=b"]}, [IDLE, SCRIPT]),
    "command with blanks": ({"command": ["/app", "a b"]}, [IDLE, SCRIPT]),
    "command with quotes": ({"command": ["/app", 'a"b']}, [IDLE, SCRIPT]),
    "command with an empty word": ({"command": ["/app", ""]}, [IDLE, SCRIPT]),
    "init": (
        {"init": ["/sbin/init", "splash"]},
        [*OWN_INIT, "+lxc.init.cmd = /usr/bin/sh /etc/softwarecontainer/command"],
    ),
    "init with blanks": (
        {"init": ["/sbin/init", "a b"]},
        [
            *OWN_INIT,
            "+lxc.init.cmd = /usr/bin/sh /etc/softwarecontainer/command",
        ],
    ),
    "init and halt signal": (
        {"init": ["/sbin/init"], "lxc": {"lxc.signal.halt": "SIGRTMIN+3"}},
        [
            *OWN_INIT,
            "+lxc.init.cmd = /usr/bin/sh /etc/softwarecontainer/command",
            "+lxc.signal.halt = SIGRTMIN+3",
        ],
    ),
    "log and restart": ({"log": "none", "restart": {"policy": "always"}}, []),
    "on_change": ({"on_change": "leave"}, []),
    # The hook that waits is made from the specs of the others, see test_start_waits.py.
    "after": ({"after": ["db"]}, []),
    "ready": ({"ready": [{"tcp": 80}, {"file": "/run/ready", "timeout": 1, "stable": 0}]}, []),
    "no network": ({"network": []}, [*VETH[:3], "+lxc.net.0.type = empty", "+lxc.net.0.name = lo"]),
    "network with all keys": (
        {
            "network": [
                {
                    "type": "macvlan",
                    "link": "eth0",
                    "name": "net0",
                    "flags": "down",
                    "hwaddr": "00:16:3e:aa:bb:cc",
                    "mtu": 1400,
                    "ipv4": ["10.0.3.20/24", "10.0.3.21/24"],
                    "ipv4_gateway": "10.0.3.1",
                    "ipv6": ["fd00::20/64"],
                    "ipv6_gateway": "auto",
                }
            ]
        },
        [
            *VETH[:3],
            "+lxc.net.0.type = macvlan",
            "+lxc.net.0.link = eth0",
            "+lxc.net.0.name = net0",
            "+lxc.net.0.hwaddr = 00:16:3e:aa:bb:cc",
            "+lxc.net.0.mtu = 1400",
            "+lxc.net.0.ipv4.address = 10.0.3.20/24",
            "+lxc.net.0.ipv4.address = 10.0.3.21/24",
            "+lxc.net.0.ipv4.gateway = 10.0.3.1",
            "+lxc.net.0.ipv6.address = fd00::20/64",
            "+lxc.net.0.ipv6.gateway = auto",
            *VETH[3:],
        ],
    ),
    "ports": (
        {"network": [{"ipv4": "10.0.3.20/24"}], "ports": [{"target": 8080, "container": 80}]},
        ["+lxc.net.0.ipv4.address = 10.0.3.20/24", *PUBLISHED],
    ),
    "several networks": (
        {"network": [{}, {"type": "phys", "link": "eth0"}, {"link": "br1"}]},
        [
            "+lxc.net.1.type = phys",
            "+lxc.net.1.link = eth0",
            "+lxc.net.1.name = eth1",
            "+lxc.net.1.flags = up",
            "+lxc.net.2.type = veth",
            "+lxc.net.2.link = br1",
            "+lxc.net.2.name = eth2",
            "+lxc.net.2.flags = up",
        ],
    ),
    "networks that hang on the bridge": (
        {"network": [{}, {"type": "macvlan"}, {"type": "ipvlan"}, {"type": "vlan"}]},
        [
            f"+lxc.net.{number}.{line}"
            for number, kind in ((1, "macvlan"), (2, "ipvlan"), (3, "vlan"))
            for line in (f"type = {kind}", "link = lxcbr0", f"name = eth{number}", "flags = up")
        ],
    ),
    "network of the target": ({"network": [{"type": "none"}]}, [*VETH[:1], "+lxc.net.0.type = none", *VETH[1:]]),
    "network empty": (
        {"network": [{"type": "empty"}]},
        [*VETH[:3], "+lxc.net.0.type = empty", "+lxc.net.0.name = lo"],
    ),
    "network empty, left down": (
        {"network": [{"type": "empty", "flags": "down"}]},
        [*VETH, "+lxc.net.0.type = empty"],
    ),
    "autodev": ({"autodev": False}, ["-lxc.autodev = 1", "+lxc.autodev = 0", *SHARED_MEMORY]),
    "tty": ({"tty": 4}, ["-lxc.tty.max = 1", "+lxc.tty.max = 4"]),
    "pty": ({"pty": 1024}, ["-lxc.pty.max = 1", "+lxc.pty.max = 1024"]),
    "no system_mounts": (
        {"system_mounts": False},
        [
            IDLE,
            "+lxc.init.cmd = /usr/sbin/init.lxc.static --name hmi -- /bin/busybox sleep 2147483647",
            "-lxc.mount.auto = proc:mixed sys:ro",
            *USR,
            "-lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0",
            "+lxc.mount.entry = /usr/lib/lxc usr/sbin none bind,ro,rprivate 0 0",
        ],
    ),
    "no system_mounts, init of its own": (
        {"system_mounts": False, "init": ["/sbin/init"]},
        [
            *OWN_INIT,
            "+lxc.init.cmd = /bin/busybox sh /etc/softwarecontainer/command",
            "-lxc.mount.auto = proc:mixed sys:ro",
            *USR,
            "-lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0",
        ],
    ),
    "packet filter": (
        {"network": [{"ipv4": "10.0.3.20/24"}], "gateways": {"network": {}}},
        ["+lxc.net.0.ipv4.address = 10.0.3.20/24", "+lxc.cap.drop = net_admin", "+lxc.cap.drop = net_raw"],
    ),
    "mount": ({"mounts": [MOUNT]}, ["+lxc.mount.entry = /srv data none bind,ro,rprivate 0 0"]),
    "volume": (
        {"volumes": [{"name": "state", "target": "/var/lib/hmi", "owner": 5, "mode": "0700"}]},
        [
            "+lxc.mount.entry = /var/lib/lxc/.volumes/hmi/state var/lib/hmi none bind,rw,nosuid,nodev,rprivate 0 0",
            "+lxc.hook.mount = sh -c 'mount -o remount,bind,rw,nosuid,nodev \"$LXC_ROOTFS_MOUNT\"/var/lib/hmi'",
        ],
    ),
    "device": (
        {"gateways": {"devices": [{"source": "/dev/i2c 1", "target": "/dev/bus", "owner": "5:6", "access": "r"}]}},
        [
            "+lxc.mount.entry = /run/softwarecontainer.mounts/a34c786e-hmi/8 dev/bus none bind,rw,rprivate,create=file"
            " 0 0",
            "+lxc.hook.pre-start = " + PRE_START,
            "+lxc.hook.post-stop = sh -c 'mount --make-rprivate /run/softwarecontainer.mounts/a34c786e-hmi && umount -l"
            " /run/softwarecontainer.mounts/a34c786e-hmi && rmdir /run/softwarecontainer.mounts/a34c786e-hmi'",
            "+lxc.cgroup.devices.allow = c 89:1 r",
        ],
    ),
    "mount to write to": (
        {"mounts": [{**MOUNT, "read_only": False}]},
        ["+lxc.mount.entry = /srv data none bind,rw 0 0"],
    ),
    "mount optional": (
        {"mounts": [{**MOUNT, "source": "/missing", "optional": True}]},
        ["+lxc.mount.entry = /missing data none bind,ro,rprivate,optional 0 0"],
    ),
    "mount created": (
        {"mounts": [{**MOUNT, "create": "dir"}]},
        ["+lxc.mount.entry = /srv data none bind,ro,rprivate 0 0"],
    ),
    "mount with options": (
        {"mounts": [{**MOUNT, "options": ["nosuid", "nodev"]}]},
        ["+lxc.mount.entry = /srv data none bind,ro,nosuid,nodev,rprivate 0 0"],
    ),
    "mount with bind among its options": (
        {"mounts": [{**MOUNT, "options": ["bind", "noexec"]}]},
        ["+lxc.mount.entry = /srv data none ro,bind,noexec,rprivate 0 0"],
    ),
    "mount with all below": (
        {"mounts": [{**MOUNT, "options": ["rbind"]}]},
        [
            "+lxc.mount.entry = /srv data none ro,rbind,rprivate 0 0",
            "+lxc.hook.pre-mount = " + lxc_hooks.HIDE_ROOTFS,
        ],
    ),
    "mount of a file system": (
        {
            "mounts": [
                {"source": "tmpfs", "target": "/tmp", "type": "tmpfs", "read_only": False, "options": ["size=1M"]}
            ]
        },
        ["+lxc.mount.entry = tmpfs tmp tmpfs rw,size=1M 0 0"],
    ),
    "mount with blanks and backslash": (
        {"mounts": [{"source": "/a b\\c", "target": "/x y/z\\040#'\""}]},
        ["+lxc.mount.entry = /a\\040b\\134c x\\040y/z\\134040#'\" none bind,ro,rprivate 0 0"],
    ),
    "mount that looks like two": (
        {"mounts": [{"source": " tmpfs x none create=dir 0 0 ", "target": "/a", "type": "tmpfs"}]},
        ["+lxc.mount.entry = \\040tmpfs\\040x\\040none\\040create=dir\\0400\\0400\\040 a tmpfs ro 0 0"],
    ),
    "mounts in their order": (
        {"mounts": [{"source": "/srv", "target": "/b"}, {"source": "/srv", "target": "/a"}]},
        ["+lxc.mount.entry = /srv b none bind,ro,rprivate 0 0", "+lxc.mount.entry = /srv a none bind,ro,rprivate 0 0"],
    ),
    "mount below /usr": (
        {"mounts": [{"source": "/srv", "target": "/usr/local"}]},
        ["+lxc.mount.entry = /srv usr/local none bind,ro,rprivate 0 0"],
    ),
    "mount below /usr, without system_mounts and prefix": (
        {"mounts": [{"source": "/srv", "target": "/usr/x"}], "system_mounts": False, "install_prefix": "/opt"},
        [
            IDLE,
            "+lxc.init.cmd = /usr/sbin/init.lxc.static --name hmi -- /bin/busybox sleep 2147483647",
            "-lxc.mount.auto = proc:mixed sys:ro",
            *USR,
            "-lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0",
            "-lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0",
            "+lxc.mount.entry = /usr/lib/lxc usr/sbin none bind,ro,rprivate 0 0",
            "+lxc.mount.entry = /srv usr/x none bind,ro,rprivate 0 0",
        ],
    ),
    "options of mounts that can be written": (
        {
            "mounts": [
                {**MOUNT, "read_only": False, "options": ["noexec", "noatime"]},
                {
                    "source": "/srv",
                    "target": "/it's \\ here",
                    "read_only": False,
                    "optional": True,
                    "options": ["nosuid"],
                },
                {"source": "tmpfs", "target": "/t", "type": "tmpfs", "read_only": False, "options": ["nosuid"]},
            ]
        },
        [
            "+lxc.mount.entry = /srv data none bind,rw,noexec,noatime,rprivate 0 0",
            "+lxc.mount.entry = /srv it's\\040\\134\\040here none bind,rw,nosuid,rprivate,optional 0 0",
            "+lxc.mount.entry = tmpfs t tmpfs rw,nosuid 0 0",
            "+lxc.hook.mount = sh -c "
            + shlex.quote(
                'mount -o remount,bind,rw,noexec "$LXC_ROOTFS_MOUNT"/data && '
                '{ mount -o remount,bind,rw,nosuid "$LXC_ROOTFS_MOUNT"' + shlex.quote("/it's \\ here") + " || :; }"
            ),
        ],
    ),
    "environment": (
        {"environment": {"B": "x=y #z", "A": "", "C": " both ends "}},
        ["+lxc.environment = B=x=y #z", "+lxc.environment = A=", '+lxc.environment = "C= both ends "'],
    ),
    "limits": (
        {"limits": {"memory": "64M", "memory_swap": "128M", "cpu_shares": 512, "cpus": 0.5, "pids": 100}},
        [
            "+lxc.cgroup.memory.limit_in_bytes = 67108864",
            "+lxc.cgroup.memory.memsw.limit_in_bytes = 134217728",
            "+lxc.cgroup.cpu.shares = 512",
            "+lxc.cgroup.cpu.cfs_quota_us = 50000",
            "+lxc.cgroup.pids.max = 100",
        ],
    ),
    "drop_capabilities": (
        {"security": {"drop_capabilities": ["sys_admin", "mac_admin"]}},
        ["+lxc.cap.drop = sys_admin", *DROPS[1:]],
    ),
    "no drop_capabilities": ({"security": {"drop_capabilities": []}}, [*DROPS, *SHARED_MEMORY]),
    "seccomp": ({"security": {"seccomp": "/etc/seccomp"}}, ["-" + SECCOMP, "+lxc.seccomp.profile = /etc/seccomp"]),
    "no seccomp": ({"security": {"seccomp": "none"}}, ["-" + SECCOMP]),
    "sys": (
        {"security": {"sys": "mixed"}},
        ["-lxc.mount.auto = proc:mixed sys:ro", "+lxc.mount.auto = proc:mixed sys:mixed"],
    ),
    "devices": (
        {"security": {"devices": ["c 10:200 rwm", "b *:* m"]}},
        ["+lxc.cgroup.devices.allow = c 10:200 rwm", "+lxc.cgroup.devices.allow = b *:* m"],
    ),
    "all devices": (
        {"security": {"devices": "all"}},
        ["-lxc.cgroup.devices.deny = a", *[f"-lxc.cgroup.devices.allow = {rule}" for rule in security.DEVICES]],
    ),
    "apparmor": ({"security": {"apparmor": "generated"}}, ["+lxc.apparmor.profile = generated"]),
    "no no_new_privs": ({"security": {"no_new_privs": False}}, ["-lxc.no_new_privs = 1"]),
    "autostart": (
        {"autostart": {"enabled": True, "order": -3, "delay": 5, "groups": ["onboot", "ui"]}},
        [
            "+lxc.start.auto = 1",
            "+lxc.start.order = -3",
            "+lxc.start.delay = 5",
            "+lxc.group = onboot",
            "+lxc.group = ui",
        ],
    ),
    "lxc": (
        {"lxc": {"lxc.b": ["2", "1"], "lxc.a": True, "lxc.c": "'x'", "lxc.d": ""}},
        ["+lxc.b = 2", "+lxc.b = 1", "+lxc.a = 1", "+lxc.c = \"'x'\"", "+lxc.d = "],
    ),
    "no lxc": ({"lxc": {"lxc.a": []}}, []),
}


@pytest.mark.parametrize(("given", "expected"), CHANGES.values(), ids=CHANGES)
def test_what_a_key_changes(given: dict[str, Any], expected: list[str]) -> None:
    # Where lines of two kinds stand in each other's place the order between them tells nothing.
    assert sorted(changes(render(given))) == sorted(expected)
    added = [line for line in expected if line[0] == "+"]
    assert [line for line in changes(render(given)) if line[0] == "+"] == added


def test_each_key_has_its_row() -> None:
    used = {key for given, _expected in CHANGES.values() for key in given}
    # The controller has put something else in the place of capabilities.
    assert used | {"install_prefix", "capabilities"} == set(keys.FIELDS)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("", ""),
        ("a", "a"),
        ("a b", "a b"),
        (" a", '" a"'),
        ("a ", '"a "'),
        ("'a'", "\"'a'\""),
        ('"a"', '""a""'),
        ("'a", "'a"),
        ("a'", "a'"),
        ("'a\"", "'a\""),
        ('"', '"'),
        ('""', '""""'),
        ("'a' 'b'", "\"'a' 'b'\""),
        ("#", "#"),
    ],
)
def test_quoted(value: str, written: str) -> None:
    """LXC takes away blanks at both ends, and then one pair of the same quotes around the whole."""
    assert lxc_config.quoted(value) == written
    read = written.strip(" \t")
    if len(read) > 1 and read[0] == read[-1] and read[0] in "'\"":
        read = read[1:-1]
    assert read == value


def test_the_entries() -> None:
    entries = lxc_config.desired_entries(container({}), HOST, DEFAULT)
    assert [(entry.path, entry.kind, entry.mode, entry.content) for entry in entries.values()] == [
        ("log", "directory", 0o700, b""),
        ("config", "file", 0o600, DEFAULT.encode()),
    ]


def test_the_entries_with_a_script() -> None:
    entries = lxc_config.desired_entries(container({"init": ["a b"]}), HOST, DEFAULT)
    assert [(entry.path, entry.kind, entry.mode, entry.content) for entry in entries.values()] == [
        ("log", "directory", 0o700, b""),
        ("rootfs/etc/softwarecontainer", "directory", 0o755, b""),
        (
            "rootfs/etc/softwarecontainer/command",
            "file",
            0o755,
            b"#!/bin/sh\nexec 'a b' < /dev/null > /dev/console 2>&1\n",
        ),
        ("config", "file", 0o600, DEFAULT.encode()),
    ]


def lacking(**values: Any) -> Host:
    """A target without something."""
    return HOST._replace(**values)


MISSING: dict[str, tuple[dict[str, Any], Host, str]] = {
    "bridge": (
        {},
        lacking(interfaces=frozenset(["lo"])),
        "network[0].link: there is no interface lxcbr0 on the target",
    ),
    "link": (
        {"network": [{}, {"link": "br7"}]},
        HOST,
        "network[1].link: there is no interface br7 on the target",
    ),
    "link of phys": (
        {"network": [{"type": "phys"}]},
        HOST,
        "network[0].link: a link is needed for type phys",
    ),
    "link that a container has": (
        {"network": [{"type": "phys", "link": "eth7"}]},
        lacking(away={"eth7": "other"}),
        "network[0].link: eth7 is in the container 'other', which runs; stop that one first",
    ),
    "link of macvlan that a container has": (
        {"network": [{"type": "macvlan", "link": "eth7"}]},
        lacking(away={"eth7": "other"}),
        "network[0].link: eth7 is in the container 'other', which runs; stop that one first",
    ),
    "init.lxc": (
        {},
        lacking(init_lxc=None),
        "init: init.lxc was not found on the target; install LXC's init or declare an init",
    ),
    "init.lxc.static": (
        {"system_mounts": False},
        lacking(init_lxc_static=None),
        "init: init.lxc.static, which is needed without system_mounts, was not found on the target; install LXC's"
        " init or declare an init",
    ),
    "/lib": ({}, lacking(paths=HOST.paths - {"/lib"}), "system_mounts: /lib does not exist on the target"),
    "mount source": (
        {"mounts": [MOUNT, {"source": "/nowhere", "target": "/a"}]},
        HOST,
        "mounts[1].source: /nowhere does not exist on the target",
    ),
    "mount target below /usr": (
        {"mounts": [{"source": "/srv", "target": "/usr/share/x"}]},
        HOST,
        "mounts[0].target: /usr/share/x lies below the mount of /usr and does not exist there; make /usr/share/x on the"
        " target, or choose another place",
    ),
    "mount target below /lib64": (
        {"mounts": [{"source": "/srv", "target": "/lib64/x"}]},
        HOST,
        "mounts[0].target: /lib64/x lies below the mount of /lib64 and does not exist there; make /lib64/x on the"
        " target, or choose another place",
    ),
    "mount target below the install prefix": (
        {"install_prefix": "/srv", "mounts": [{"source": "/srv", "target": "/srv/x"}], "system_mounts": False},
        HOST,
        "mounts[0].target: /srv/x lies below the mount of /srv and does not exist there; make /srv/x on the target, or"
        " choose another place",
    ),
    "mount target that is a link below /usr": (
        {"mounts": [{"source": "/srv", "target": "/usr/tmp"}]},
        lacking(paths=HOST.paths | {"/usr/tmp"}, links={"/usr/tmp": "/var/tmp"}),
        "mounts[0].target: /usr/tmp is a link to /var/tmp on the target; declare that",
    ),
    "install_prefix that leads elsewhere": (
        {},
        lacking(links={"/usr/local": "/var/usrlocal"}),
        "install_prefix: /usr/local is a link to /var/usrlocal on the target; declare that",
    ),
    "init.lxc out of reach": (
        {},
        lacking(links={"/usr/sbin": "/usr/bin", "/usr/sbin/init.lxc": "/opt/init.lxc"}),
        "init: /usr/sbin/init.lxc cannot be reached from the container; declare an init",
    ),
    "no seccomp": (
        {},
        lacking(seccomp=False),
        "security.seccomp: the target's kernel has no seccomp; set it to none to go without",
    ),
    "no profile for seccomp": (
        {},
        lacking(seccomp_profile=None),
        "security.seccomp: the target has no common.seccomp of LXC; install LXC's configuration files, or set it to"
        " a profile, or to none to go without",
    ),
    "no device cgroup": (
        {},
        lacking(controllers={"memory": 1}),
        "security.devices: no cgroup of the target's kernel can restrict devices; set it to all to go without",
    ),
    "selinux": (
        {"security": {"selinux": "system_u:system_r:lxc_t:s0"}},
        HOST,
        "security.selinux: the target's kernel has no SELinux for system_u:system_r:lxc_t:s0",
    ),
    "seccomp": (
        {"security": {"seccomp": "/etc/other"}},
        HOST,
        "security.seccomp: /etc/other does not exist on the target",
    ),
    "apparmor": (
        {"security": {"apparmor": "generated"}},
        lacking(apparmor=False),
        "security.apparmor: the target's kernel has no AppArmor for the profile generated",
    ),
    "busybox": (
        {},
        lacking(busyboxes={None: "there is no busybox on the target"}),
        "busybox.path: there is no busybox on the target",
    ),
    "busybox that is bound": (
        {"busybox": {"method": "bind", "path": "/b"}, "command": ["/app"]},
        lacking(busyboxes={"/b": "/b reports no applets"}),
        "busybox.path: /b reports no applets",
    ),
    "memory controller": (
        {"limits": {"memory": "1M"}},
        lacking(controllers={"cpu": 1}),
        "limits.memory: the target's kernel has no memory cgroup controller",
    ),
    "memory controller for swap": (
        {"limits": {"memory": "1M", "memory_swap": "2M"}},
        lacking(controllers={}),
        "limits.memory: the target's kernel has no memory cgroup controller",
    ),
    "memory controller on another version": (
        {"limits": {"pids": 5, "memory": "1M"}},
        lacking(controllers={**V1, "memory": 2, "unified": 2}),
        "limits.memory: LXC cannot use the controller memory, which is on cgroup version 2 while others are on version"
        " 1; start the target with cgroups of version 2 alone, by systemd.unified_cgroup_hierarchy=1 on the kernel's"
        " command line, or without systemd by cgroup_no_v1=all there and cgroup2 mounted at /sys/fs/cgroup",
    ),
    "class of packets": (
        {"lxc": {"lxc.cgroup.net_cls.classid": "0x100001"}},
        lacking(controllers={"net_cls": 2, "unified": 2}),
        "lxc.lxc.cgroup.net_cls.classid: the target has no controller net_cls, which is of cgroup version 1 alone; a"
        " mark set by its packet filter, or tc on the container's interface, does that with version 2",
    ),
    "cpu controller for shares": (
        {"limits": {"cpu_shares": 2}},
        lacking(controllers={"memory": 2}),
        "limits.cpu_shares: the target's kernel has no cpu cgroup controller",
    ),
    "cpu controller": (
        {"limits": {"cpus": 1}},
        lacking(controllers={"memory": 2}),
        "limits.cpus: the target's kernel has no cpu cgroup controller",
    ),
    "pids controller": (
        {"limits": {"pids": 1}},
        lacking(controllers={"memory": 2}),
        "limits.pids: the target's kernel has no pids cgroup controller",
    ),
}


@pytest.mark.parametrize(("given", "host", "sentence"), MISSING.values(), ids=MISSING)
def test_what_the_target_lacks(given: dict[str, Any], host: Host, sentence: str) -> None:
    assert refusal(given, host) == sentence


def test_a_link_that_will_be_back_at_the_start() -> None:
    given = {"network": [{"type": "phys", "link": "eth7"}]}
    assert lxc_config.missed(container(given), HOST, "lxcbr0") == ["eth7"]
    assert "lxc.net.0.link = eth7\n" in render(given, HOST._replace(away={"eth7": ""}))


@pytest.mark.parametrize(
    ("given", "missed"),
    [
        ({}, []),
        ({"network": []}, []),
        ({"network": [{"link": "br1"}, {"type": "phys", "link": "eth0"}]}, []),
        ({"network": [{"link": "br7"}, {"type": "phys"}, {"type": "none", "link": "br8"}]}, ["br7"]),
    ],
    ids=["the bridge is there", "no network", "all are there", "one is not"],
)
def test_what_is_missed(given: dict[str, Any], missed: list[str]) -> None:
    assert lxc_config.missed(container(given), HOST, "lxcbr0") == missed


# Directories that are links on the target, as Fedora has /usr/sbin and OSTree /usr/local; LXC mounts over no link.
LINKS: dict[str, tuple[dict[str, Any], dict[str, str], list[str]]] = {
    "/usr/sbin": (
        {},
        {"/usr/sbin": "/usr/bin", "/usr/sbin/init.lxc": "/usr/bin/init.lxc"},
        [
            "-lxc.init.cmd = /usr/sbin/init.lxc --name hmi -- /bin/busybox sleep 2147483647",
            "+lxc.init.cmd = /usr/bin/init.lxc --name hmi -- /bin/busybox sleep 2147483647",
            "-lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0",
        ],
    ),
    "an install prefix within /usr": (
        {},
        {"/usr/local": "/usr/share/local"},
        ["-lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0"],
    ),
    "outside of what is mounted": ({}, {"/lib": "/usr/lib", "/lib64": "/usr/lib64"}, []),
    "without the mounts of the system": (
        {"system_mounts": False},
        {"/usr/sbin": "/usr/bin", "/usr/local": "/var/usrlocal"},
        [
            "-lxc.init.cmd = /usr/sbin/init.lxc --name hmi -- /bin/busybox sleep 2147483647",
            "+lxc.init.cmd = /usr/sbin/init.lxc.static --name hmi -- /bin/busybox sleep 2147483647",
            "-lxc.mount.auto = proc:mixed sys:ro",
            *USR,
            "-lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0",
            "+lxc.mount.entry = /usr/lib/lxc usr/sbin none bind,ro,rprivate 0 0",
        ],
    ),
}


@pytest.mark.parametrize(("given", "links", "expected"), LINKS.values(), ids=LINKS)
def test_links_of_the_target(given: dict[str, Any], links: dict[str, str], expected: list[str]) -> None:
    assert sorted(changes(render(given, lacking(links=links)))) == sorted(expected)


@pytest.mark.parametrize("profile", ["unconfined", "unchanged"])
def test_no_profile_needs_no_apparmor(profile: str) -> None:
    line = "lxc.apparmor.profile = %s\n" % profile
    assert line in render({"security": {"apparmor": profile}}, lacking(apparmor=False))


def test_a_secret_is_marked() -> None:
    given = container({"environment": {"A": "1", "T": {"secret": "t"}}})
    given = given._replace(environment=parse.reveal(given.environment, {"t": " hunter2"}))
    text = lxc_config.render(given, HOST, "/var/lib/lxc", "lxcbr0", NO_IDS)
    assert [line for line in changes(text) if not line[1:].startswith(ELSEWHERE)] == [
        "+lxc.environment = A=1",
        "+# The next value is secret.",
        "+lxc.environment = T= hunter2",
    ]


def test_nothing_of_the_target_injects_a_line() -> None:
    """The spec is not the only source of what is written."""
    with pytest.raises(ContainerError) as caught:
        lxc_config.render(container({}), HOST, "/srv\nlxc.hook.pre-start = x", "lxcbr0", NO_IDS)
    assert str(caught.value) == (
        "lxc.rootfs.path: 'dir:/srv\\nlxc.hook.pre-start = x/hmi/rootfs' has a line break or another control character"
    )


ALL = Limits(memory=67108864, memory_swap=134217728, cpu_shares=1024, cpus=1.5, pids=100)
LIMITS = {
    "version 1": (
        V1,
        ALL,
        [
            ("memory", "memory", "memory.limit_in_bytes", "67108864"),
            ("memory_swap", "memory", "memory.memsw.limit_in_bytes", "134217728"),
            ("cpu_shares", "cpu", "cpu.shares", "1024"),
            ("cpus", "cpu", "cpu.cfs_quota_us", "150000"),
            ("pids", "pids", "pids.max", "100"),
        ],
    ),
    "version 2": (
        V2,
        ALL,
        [
            ("memory", "memory", "memory.max", "67108864"),
            ("memory_swap", "memory", "memory.swap.max", "67108864"),
            ("cpu_shares", "cpu", "cpu.weight", "39"),
            ("cpus", "cpu", "cpu.max", "150000 100000"),
            ("pids", "pids", "pids.max", "100"),
        ],
    ),
    "hybrid": (
        HYBRID,
        ALL,
        [
            ("memory", "memory", "memory.limit_in_bytes", "67108864"),
            ("memory_swap", "memory", "memory.memsw.limit_in_bytes", "134217728"),
            ("cpu_shares", "cpu", "cpu.shares", "1024"),
            ("cpus", "cpu", "cpu.cfs_quota_us", "150000"),
            ("pids", "pids", "pids.max", "100"),
        ],
    ),
    "none": ({}, Limits(), []),
    "no swap at all": (
        V2,
        Limits(memory=5, memory_swap=5),
        [("memory", "memory", "memory.max", "5"), ("memory_swap", "memory", "memory.swap.max", "0")],
    ),
    "least shares": (V2, Limits(cpu_shares=2), [("cpu_shares", "cpu", "cpu.weight", "1")]),
    "most shares": (V2, Limits(cpu_shares=262144), [("cpu_shares", "cpu", "cpu.weight", "10000")]),
    "least processors": (V2, Limits(cpus=0.01), [("cpus", "cpu", "cpu.max", "1000 100000")]),
    # 0.29 * 100000 is a little less than 29000.
    "processors that are not exact": (V1, Limits(cpus=0.29), [("cpus", "cpu", "cpu.cfs_quota_us", "29000")]),
}


@pytest.mark.parametrize(("controllers", "limits", "expected"), LIMITS.values(), ids=LIMITS)
def test_limits(controllers: dict[str, int], limits: Limits, expected: list[tuple[str, str, str, str]]) -> None:
    assert lxc_config.limit_files(limits, controllers) == expected


@pytest.mark.parametrize(
    ("controllers", "lines"),
    [
        (V1, ["lxc.cgroup.memory.limit_in_bytes = 67108864", "lxc.cgroup.pids.max = 5"]),
        (V2, ["lxc.cgroup2.memory.max = 67108864", "lxc.cgroup2.pids.max = 5"]),
    ],
    ids=["version 1", "version 2"],
)
def test_the_keys_of_limits(controllers: dict[str, int], lines: list[str]) -> None:
    text = render({"limits": {"memory": "64M", "pids": 5}}, lacking(controllers=controllers))
    assert [line for line in text.splitlines() if "cgroup" in line and "devices" not in line] == lines


@pytest.mark.parametrize(
    ("controllers", "prefix"),
    [(V1, "lxc.cgroup."), (V2, "lxc.cgroup2."), (HYBRID, "lxc.cgroup.")],
    ids=["version 1", "version 2", "hybrid"],
)
def test_the_keys_of_devices(controllers: dict[str, int], prefix: str) -> None:
    found = [line for line in render({}, lacking(controllers=controllers)).splitlines() if ".devices." in line]
    assert found[0] == prefix + "devices.deny = a"
    assert found[1:] == [prefix + "devices.allow = " + rule for rule in security.DEVICES]


def test_the_sources() -> None:
    given = {
        "install_prefix": "/opt/app",
        "mounts": [MOUNT, {"source": "tmpfs", "target": "/usr/x", "type": "tmpfs"}],
        "security": {"seccomp": "/etc/seccomp"},
    }
    expected = ["/usr", "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/sbin", "/opt/app", "/srv", "/data", "/usr/x"]
    assert lxc_config.sources(container(given)) == [*expected, "/etc/seccomp"]


def test_what_matters_for_a_container_that_runs() -> None:
    text = (
        "# lxc.a = comment\n"
        "lxc.uts.name = hmi\n"
        "lxc.start.auto = 1\n"
        "lxc.start.order = 5\n"
        "lxc.group = onboot\n"
        "lxc.groups.x = 1\n"
        "lxc.monitor.unshare = 1\n"
        "lxc.log.level = ERROR\n"
        "lxc.net.1.name = lo\n"
        "lxc.net.1.name = lo0\n"
        "not ours\n"
        "lxc.mount.entry = /a b none bind 0 0\n"
    )
    assert lxc_config.running_part(text) == [
        "lxc.uts.name = hmi",
        "lxc.groups.x = 1",
        "lxc.net.1.name = lo0",
        "lxc.mount.entry = /a b none bind 0 0",
    ]


@pytest.mark.parametrize("shifted", [False, True], ids=["by its mount", "on disk"])
def test_a_user_namespace(shifted: bool) -> None:
    ids = Ids(("u 0 100000 65536", "g 0 200000 65536"), shifted)
    lines = ["+lxc.idmap = u 0 100000 65536", "+lxc.idmap = g 0 200000 65536"]
    assert changes(render({}, ids=ids)) == lines + ([] if shifted else ["+lxc.rootfs.options = idmap=container"])


BELOW = {
    "/usr": (("/local", ("rw", "nodev", "relatime")), ("/share", ("ro", "nosuid"))),
    "/srv/data": (("/a b", ("rw",)),),
}


def test_what_is_mounted_below_a_source_comes_along_in_a_user_namespace() -> None:
    host = HOST._replace(below=BELOW, paths=HOST.paths | {"/srv/data"})
    ids = Ids(("u 0 100000 65536", "g 0 100000 65536"))
    given = {
        "mounts": [
            {"source": "/srv/data", "target": "/data"},
            {"source": "/srv/data", "target": "/written", "read_only": False, "options": ["nosuid"]},
            {"source": "/srv/data", "target": "/free", "read_only": False},
        ]
    }
    lines = render(given, host, ids).splitlines()
    assert "lxc.mount.entry = /usr usr none rbind,ro,rprivate 0 0" in lines
    assert "lxc.mount.entry = /lib lib none bind,ro,rprivate 0 0" in lines
    assert "lxc.mount.entry = /srv/data written none rbind,rw,nosuid,rprivate 0 0" in lines
    assert "lxc.hook.pre-mount = " + lxc_hooks.HIDE_ROOTFS in lines
    scripts = [line.partition(" = ")[2] for line in lines if line.startswith("lxc.hook.mount")]
    texts = [shlex.split(hook)[2].replace('"$LXC_ROOTFS_MOUNT"', "ROOT") for hook in scripts]
    assert texts[0] == "mount -o remount,bind,rw,nosuid ROOT/written"
    assert shlex.split(texts[1].partition("; ")[2]) == shlex.split(
        "{ mount -o remount,bind,ro,nodev,relatime ROOT/usr/local || :; } && "
        "{ mount -o remount,bind,ro ROOT'/data/a b' || :; } && "
        "{ mount -o remount,bind,nosuid ROOT'/written/a b' || :; }"
    )
    # Without one, a bind mount shows what lies under it, as it always did.
    assert not [line for line in render(given, host).splitlines() if "rbind" in line]


def test_a_user_namespace_with_the_network_of_the_target() -> None:
    ids = Ids(("u 0 100000 65536", "g 0 100000 65536"))
    given = {"network": [{}, {"type": "none"}]}
    with pytest.raises(ContainerError) as caught:
        render(given, ids=ids)
    assert str(caught.value) == (
        "network[1].type: a user namespace cannot have a /sys with the network of the target (none); set system_mounts"
        " to false, or security.privileged to true"
    )
    assert "lxc.mount.auto = proc:mixed sys:ro\n" in render(given)
    assert "lxc.mount.auto" not in render({**given, "system_mounts": False, "init": ["/app"]}, ids=ids)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (render({"reload": "USR1"}), "USR1"),
        (render({}), None),
        ("# reload = KILL\n", None),
        ("lxc.environment = A=# reload = HUP\n", None),
        ("# reload = HUP # or\n", None),
        ("", None),
    ],
    ids=["a signal", "none", "no signal", "a value", "more", "nothing"],
)
def test_the_signal_in_a_config(text: str, name: str | None) -> None:
    assert lxc_config.signal_in(text) == name


def test_a_change_of_the_signal_is_none_for_a_container_that_runs() -> None:
    """Nor is a change of files, which the config does not name."""
    one, other = ({"reload": signal, "files": [{"path": "/a", "content": signal}]} for signal in ("HUP", "USR1"))
    assert lxc_config.running_part(render(one)) == lxc_config.running_part(render(other))
    assert lxc_config.running_part(render(one)) == lxc_config.running_part(render({}))
    parts = [lxc_config.requested_part(container(given), "/lxc", "br0") for given in (one, other, {})]
    assert parts == [parts[0]] * 3
