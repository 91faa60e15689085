# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the container spec as frozen values."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple, Union

# In place of an address: one that this collection chooses. A spec says the first; the second stands in the default network,
# for one where the bridge has a network of the target's own.
AUTO, AUTO_IF_OWN = "auto", "auto, if own"
STATES = ("started", "stopped", "frozen", "absent")
# The capabilities that LXC's own common.conf takes away from every container.
DROP_CAPABILITIES = ("mac_admin", "mac_override", "sys_time", "sys_module", "sys_rawio")
# Also dropped from a container with a packet filter: with the first, its root could remove the filter, and with the second
# send what no filter sees.
DROP_WITH_PACKET_FILTER = ("net_admin", "net_raw")
# Also dropped if init.lxc is PID 1: with it, the container's root may change the options of its mounts. Other init
# programs mostly need it.
DROP_WITH_INIT_LXC = ("sys_admin",)


class Secret(NamedTuple):
    """A secret value. It is passed beside the specs, under this name, and never shown."""

    name: str
    value: str = ""


class Directory(NamedTuple):
    """A directory of the rootfs: path in the container, mode as a number, user and group as the container counts them."""

    path: str
    mode: int
    owner: int = 0
    group: int = 0


class File(NamedTuple):
    """A file of the rootfs, like a directory.

    - `content`: its content as text; empty if it comes from a file of the controller.
    - `src`: that file as the spec names it.
    - `template`: whether that file is a template.
    - `on_change`: what follows when it changes; None means what follows a change of anything else.
    """

    path: str
    mode: int
    content: str = ""
    src: Optional[str] = None
    template: bool = False
    owner: int = 0
    group: int = 0
    on_change: Optional[str] = None


class Archive(NamedTuple):
    """A tar archive of the controller: its name, the directory in the container for its entries, and its digest."""

    src: str
    target: str
    checksum: Optional[str] = None


class Busybox(NamedTuple):
    """How the container gets busybox.

    If `path` is None, it is looked up on the target. If `applets` is None, all applets are linked.
    """

    method: str = "copy"
    path: Optional[str] = None
    applets: Optional[Tuple[str, ...]] = None


class Interface(NamedTuple):
    """One network interface. If `link` is None, types that need a link use the bridge."""

    type: str = "veth"
    link: Optional[str] = None
    name: Optional[str] = None
    flags: str = "up"
    hwaddr: Optional[str] = None
    mtu: Optional[int] = None
    ipv4: Tuple[str, ...] = ()
    ipv4_gateway: Optional[str] = None
    ipv6: Tuple[str, ...] = ()
    ipv6_gateway: Optional[str] = None


class Port(NamedTuple):
    """A port of the target that is handed on to a port of the container."""

    target: int
    container: int
    protocol: str = "tcp"


class Mount(NamedTuple):
    """One mount entry; `source` is on the target, `target` in the container."""

    source: str
    target: str
    read_only: bool = True
    optional: bool = False
    create: Optional[str] = None
    type: str = "none"
    options: Tuple[str, ...] = ()


class Volume(NamedTuple):
    """A directory of the target that outlives the container; `target` is its place in the container.

    `owner`: user and group as the container counts them. None for `owner` or `mode`: as it is made, and left alone then.
    `size`: how many bytes it may hold, None for any number.
    """

    name: str
    target: str
    owner: Optional[Tuple[int, int]] = None
    mode: Optional[int] = None
    size: Optional[int] = None


class DeviceNode(NamedTuple):
    """A device of the target, for which the container gets a node of its own.

    - `source`: its node on the target; `target`: the node in the container.
    - `mode`, `owner`: of the node in the container, user and group as the container counts them.
    - `access`: what the container may do, of r for read, w for write and m for mknod.
    """

    source: str
    target: str
    mode: int = 0o660
    owner: Tuple[int, int] = (0, 0)
    access: str = "rw"


class Limits(NamedTuple):
    """Limits of the container's cgroup; None means no limit.

    Units, in the order of the fields: bytes, bytes, weight, processors, tasks.
    """

    memory: Optional[int] = None
    memory_swap: Optional[int] = None
    cpu_shares: Optional[int] = None
    cpus: Optional[float] = None
    pids: Optional[int] = None


class PacketRule(NamedTuple):
    """What may pass a packet filter.

    - `peers`: networks of the other side; empty for any.
    - `protocols`: tcp, udp, icmp; empty for all.
    - `ports`: ranges of ports, both ends included: those of the peer for what goes out, those of the container for what
      comes in; empty for all.
    """

    peers: Tuple[str, ...] = ()
    protocols: Tuple[str, ...] = ()
    ports: Tuple[Tuple[int, int], ...] = ()


class PacketFilter(NamedTuple):
    """All that may leave a container, and all that may enter it, apart from answers."""

    outgoing: Tuple[PacketRule, ...] = ()
    incoming: Tuple[PacketRule, ...] = ()


class Gateways(NamedTuple):
    """What the container may reach. `network`: its packet filter, or None if all packets pass."""

    devices: Tuple[DeviceNode, ...] = ()
    network: Optional[PacketFilter] = None


class Security(NamedTuple):
    """Restrictions of the container.

    - `devices`: the devices that it may use in addition to the usual ones; None means any device.
    - `idmap`: the ids of its user namespace; empty means that it gets a range of its own.
    - `privileged`: whether it has no user namespace.
    """

    drop_capabilities: Tuple[str, ...] = DROP_CAPABILITIES + DROP_WITH_INIT_LXC
    seccomp: str = "common"
    apparmor: Optional[str] = None
    selinux: Optional[str] = None
    no_new_privs: bool = True
    sys: str = "ro"
    devices: Optional[Tuple[str, ...]] = ()
    privileged: bool = False
    idmap: Tuple[str, ...] = ()


class Autostart(NamedTuple):
    """Whether and how LXC starts the container when the target boots; `delay` is in seconds.

    `order`: lower ones are started first. If it is None, the container comes after those in `after`.
    """

    enabled: bool = False
    order: Optional[int] = None
    delay: int = 0
    groups: Tuple[str, ...] = ()


class Check(NamedTuple):
    """One readiness check: a program, port or file; the other two are None. `timeout` and `stable` are in seconds."""

    command: Optional[Tuple[str, ...]] = None
    tcp: Optional[int] = None
    file: Optional[str] = None
    timeout: float = 30.0
    stable: float = 1.0


class Log(NamedTuple):
    """How output of the container's programs is kept.

    `size`: the size of each of its two parts in bytes; 0 means none. `driver`: where else it goes, syslog or journald, or
    file for nowhere.
    """

    size: int = 256 * 1024
    driver: str = "file"


class Restart(NamedTuple):
    """Whether the command is started again after its end.

    - `policy`: never, on_failure or always.
    - `delay`: seconds before the first restart in a row; it doubles with each further one.
    - `limit`: how many restarts in a row there may be; None means any number.
    """

    policy: str = "never"
    delay: int = 1
    limit: Optional[int] = None


Environment = Tuple[Tuple[str, Union[str, Secret]], ...]


class Container(NamedTuple):
    """One whole spec, with a value for every key. Without a `log`, output is kept if that is possible.

    `capabilities` is empty: what they stand for is in the other keys.
    """

    name: str
    state: str
    hostname: str
    install_prefix: str
    gateway_dir: Optional[str]
    gateway_dir_mode: int
    directories: Tuple[Directory, ...]
    files: Tuple[File, ...]
    archive: Tuple[Archive, ...]
    resolv_conf: str
    busybox: Busybox
    command: Optional[Tuple[str, ...]]
    init: Optional[Tuple[str, ...]]
    reload: Optional[str]
    log: Optional[Log]
    restart: Restart
    on_change: str
    ready: Tuple[Check, ...]
    after: Tuple[str, ...]
    network: Tuple[Interface, ...]
    ports: Tuple[Port, ...]
    autodev: bool
    tty: int
    pty: int
    system_mounts: bool
    mounts: Tuple[Mount, ...]
    volumes: Tuple[Volume, ...]
    gateways: Gateways
    environment: Environment
    limits: Limits
    capabilities: Tuple[str, ...]
    security: Security
    autostart: Autostart
    lxc: Tuple[Tuple[str, Tuple[str, ...]], ...]

    def keeps(self, capability: str) -> bool:
        """Return whether processes of the container may have a capability. The key `lxc` counts too."""
        own = dict(self.lxc)
        dropped = set(self.security.drop_capabilities)
        for value in own.get("lxc.cap.drop", ()):
            # An empty value clears the capabilities dropped so far.
            dropped = dropped | set(value.split()) if value.strip() else set()
        return "lxc.cap.keep" in own or capability not in dropped
