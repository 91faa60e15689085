# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what is mounted in a container, from its spec and the facts of the target, and whether the target has it all.

LXC makes its mounts in the order of their lines, inside the container's user namespace. lxc_hooks.py has what that alone
does not do.
"""

from __future__ import annotations

import re
from typing import Collection, Dict, List, NamedTuple, Optional, Tuple

from ..container_spec.records import Container, Mount
from ..errors import ContainerError
from ..model.host import DEVICE, DIRECTORY, FILE, Host
from ..model.id_map import Ids
from . import lxc_hooks, security

# The mounts of the chapter: needed ones, and those that not every target has.
SYSTEM_MOUNTS = ("/usr", "/lib", "/usr/lib")
SYSTEM_MOUNTS_OPTIONAL = ("/lib64", "/usr/lib64")
INIT_DIRECTORY = "/usr/sbin"
GATEWAYS = "/gateways"
# What init.lxc mounts by itself where it may.
SHARED_MEMORY = (("tmpfs", "/dev/shm", ("nosuid", "nodev")), ("mqueue", "/dev/mqueue", ("nosuid", "nodev", "noexec")))
# File systems that are empty when they have just been mounted.
EMPTY = ("tmpfs", "ramfs")
# File systems that the kernel fills, on the target as in a container, but for what is of a process or of a network.
KERNEL = ("/proc", "/sys")
OF_NAMESPACE = re.compile(r"/(net|self|thread-self|[0-9]+)(/|$)")
# How mounts on the target reach the container's copy, see mount_namespaces(7).
PROPAGATION = tuple(prefix + word for prefix in ("", "r") for word in ("private", "shared", "slave", "unbindable"))
# What a target of a mount is called in the spec.
WORDS = {DIRECTORY: "a directory", FILE: "a file"}

Line = Tuple[str, str]


class Entry(NamedTuple):
    """One mount: `source` on the target, `target` in the container, `kind`: the type of a file system, or none.

    `options` as mount(8) takes them. `makes`: what LXC makes at the target, since that lies on what has just been
    mounted. `key`: where it comes from. `prepared`: where a hook has bound the source before LXC does; see lxc_hooks.py.
    `places`: where below the source those places are themselves, with a leading slash.
    """

    source: str
    target: str
    kind: str
    options: Tuple[str, ...]
    makes: Optional[str] = None
    key: str = "system_mounts"
    prepared: Optional[str] = None
    places: Optional[str] = None

    def binds(self) -> bool:
        """Whether a place of the target is bound."""
        return self.kind == "none"

    def follows(self) -> bool:
        """Whether what the target mounts below the source later comes along."""
        return not {"private", "rprivate", "unbindable", "runbindable"} & set(self.options)

    def text(self) -> str:
        """One line of fstab(5), the target relative to the rootfs."""
        options = [*self.options, *(["create=" + self.makes] if self.makes else [])]
        fields = (field_of(self.prepared or self.source), field_of(self.target.lstrip("/")), self.kind)
        return " ".join((*fields, ",".join(options), "0 0"))


class Cover(NamedTuple):
    """What is mounted over a part of the rootfs. `source`: the directory of the target that is bound there.

    `empty`: nothing is in it but what LXC makes.
    """

    target: str
    source: Optional[str] = None
    empty: bool = False


def sources(container: Container) -> List[str]:
    """The paths on the target whose existence decides about the mounts."""
    found = [*SYSTEM_MOUNTS, *SYSTEM_MOUNTS_OPTIONAL, INIT_DIRECTORY, container.install_prefix]
    found += bound(container)
    found += [mount.target for mount in container.mounts]
    found += [path for path in (container.gateway_dir, container.busybox.path) if path]
    for index, mount in enumerate(container.mounts):
        cover = covering(container, index)
        found += [cover.source + mount.target[len(cover.target) :]] if cover and cover.source else []
    return list(dict.fromkeys(found))


def bound(container: Container) -> List[str]:
    """The sources of the declared bind mounts."""
    return [mount.source for mount in container.mounts if mount.type == "none"]


def covers(container: Container, present: Collection[str]) -> List[Cover]:
    """What is mounted before the declared mounts, in its order; `present`: which paths the target has."""
    found: List[Cover] = []
    if container.autodev:
        found.append(Cover("/dev", empty=True))
    if container.system_mounts:
        found += [Cover("/proc"), Cover("/sys"), *(Cover(path, path) for path in SYSTEM_MOUNTS)]
        found += [Cover(path, path) for path in SYSTEM_MOUNTS_OPTIONAL if path in present]
    if container.install_prefix in present:
        found.append(Cover(container.install_prefix, container.install_prefix))
    if container.gateway_dir:
        found.append(Cover(GATEWAYS, container.gateway_dir))
    return found


def covering(container: Container, index: int, present: Collection[str] = ()) -> Optional[Cover]:
    """What covers the place of a declared mount when it is made; None where that is the rootfs itself.

    `present`: which paths the target has. Without them what depends on that counts as not there.
    """
    found = covers(container, present)
    for mount in container.mounts[:index]:
        if not mount.optional:
            found.append(Cover(mount.target, mount.source if mount.type == "none" else None, mount.type in EMPTY))
    target = container.mounts[index].target
    return next((cover for cover in reversed(found) if target.startswith(cover.target + "/")), None)


def made_as(mount: Mount, host: Host) -> str:
    """What the target of a mount has to be: a directory or a file, as its source is, if the spec does not say."""
    if mount.create:
        return DIRECTORY if mount.create == "dir" else FILE
    if mount.type != "none":
        return DIRECTORY
    kind = host.kinds.get(mount.source)
    if kind is None:
        # An optional source that is not there. Below /dev that is mostly a device.
        return FILE if mount.target.startswith("/dev/") else DIRECTORY
    return DIRECTORY if kind == DIRECTORY else FILE


def made_in_rootfs(container: Container, host: Host) -> Dict[str, str]:
    """The targets of mounts that the rootfs itself has to have, each a directory or a file."""
    return {
        mount.target: made_as(mount, host)
        for index, mount in enumerate(container.mounts)
        if covering(container, index) is None
    }


def lines(container: Container, host: Host, ids: Ids, place: str) -> List[Line]:
    """The lines of the config for all mounts, with the hooks that go with them.

    `place`: the directory of the target in which a hook may prepare sources. Raises ContainerError where the target
    lacks what is needed.
    """
    found: List[Line] = []
    if container.system_mounts:
        refuse_foreign_network(container, ids)
        found.append(("lxc.mount.auto", "proc:mixed sys:%s" % container.security.sys))
    made = entries(container, host)
    if ids.lines:
        made = [in_user_namespace(entry, container, index, host, ids, place) for index, entry in enumerate(made)]
    found += [("lxc.mount.entry", entry.text()) for entry in made]
    return found + lxc_hooks.lines(container, made, host, ids, place)


def entries(container: Container, host: Host) -> List[Entry]:
    """The mounts: system, install prefix, init, gateways, busybox, shared memory, then the declared ones in order."""
    found: List[Entry] = []
    if container.system_mounts:
        for path in SYSTEM_MOUNTS:
            if path not in host.paths:
                raise ContainerError("system_mounts: %s does not exist on the target" % path)
        present = [path for path in SYSTEM_MOUNTS_OPTIONAL if path in host.paths]
        found += [bind(path, path) for path in (*SYSTEM_MOUNTS, *present) if not linked(path, container, host)]
    prefix = container.install_prefix
    if prefix in host.paths:
        there = linked(prefix, container, host)
        if there and not there.startswith("/usr/"):
            raise ContainerError("install_prefix: %s is a link to %s on the target; declare that" % (prefix, there))
        found += [] if there else [bind(prefix, prefix, "install_prefix")]
    program = init_program(container, host)
    if program and (container.system_mounts or not container.init) and not linked(INIT_DIRECTORY, container, host):
        found.append(bind(program.rpartition("/")[0], INIT_DIRECTORY, "init"))
    if container.gateway_dir:
        options = ("bind", "rw", "nosuid", "nodev", "rprivate")
        found.append(Entry(container.gateway_dir, GATEWAYS, "none", options, key="gateway_dir"))
    if container.busybox.method == "bind":
        found.append(bind(host.busybox(container.busybox.path).path, "/bin/busybox", "busybox.path"))
    found += shared_memory(container)
    return found + [declared(container, index, host) for index in range(len(container.mounts))]


def shared_memory(container: Container) -> List[Entry]:
    """What init.lxc mounts below /dev where it has sys_admin: else programs would have no shared memory."""
    own = [mount.target for mount in container.mounts]
    if container.init or not container.autodev or container.keeps("sys_admin"):
        return []
    # Not every kernel has message queues.
    return [
        Entry(kind, target, kind, ("rw", *options, *(["optional"] if kind == "mqueue" else [])), makes="dir")
        for kind, target, options in SHARED_MEMORY
        if target not in own and not any(target.startswith(other + "/") for other in own)
    ]


def init_program(container: Container, host: Host) -> Optional[str]:
    """LXC's init on the target: without the target's libraries only the static one runs."""
    return host.init_lxc if container.system_mounts else host.init_lxc_static


def refuse_foreign_network(container: Container, ids: Ids) -> None:
    """Raise ContainerError where the kernel would refuse a /sys.

    It shows the interfaces of a network, and only who owns that may mount it; see user_namespaces(7).
    """
    for index, interface in enumerate(container.network):
        if ids.lines and interface.type == "none":
            raise ContainerError(
                "network[%d].type: a user namespace cannot have a /sys with the network of the target (none); set"
                " system_mounts to false, or security.privileged to true" % index
            )


def linked(path: str, container: Container, host: Host) -> Optional[str]:
    """Where a path leads that is a link in the container too, since it lies below a mount of the target's directories.

    LXC mounts nothing over a link. What it leads to is there already where it lies below the same mount.
    """
    below = container.system_mounts and any(path.startswith(above + "/") for above in SYSTEM_MOUNTS)
    return host.links.get(path) if below else None


def bind(source: str, target: str, key: str = "system_mounts") -> Entry:
    """A read-only bind mount that must work."""
    return Entry(source, target, "none", ("bind", "ro", "rprivate"), key=key)


def field_of(path: str) -> str:
    """A path as a field of fstab(5). A hash needs no escape: it begins a comment only where a source does not begin."""
    return path.replace("\\", "\\134").replace(" ", "\\040")


def declared(container: Container, index: int, host: Host) -> Entry:
    """One declared mount. Raises ContainerError where its source or its target cannot be had."""
    mount, key = container.mounts[index], "mounts[%d]" % index
    binding = mount.type == "none"
    if binding and not mount.optional and mount.source not in host.paths:
        raise ContainerError("%s.source: %s does not exist on the target" % (key, mount.source))
    makes = checked_target(container, index, host)
    options = ["bind"] if binding and not {"bind", "rbind"} & set(mount.options) else []
    options += ["ro" if mount.read_only else "rw", *mount.options]
    held = mount.read_only or set(lxc_hooks.POINT_OPTIONS) & set(mount.options)
    if binding and held and not set(PROPAGATION) & set(mount.options):
        # What the target mounts below the source later would come along without these options.
        options.append("rprivate")
    options += ["optional"] if mount.optional else []
    return Entry(mount.source, mount.target, mount.type, tuple(options), makes, key)


def checked_target(container: Container, index: int, host: Host) -> Optional[str]:
    """What LXC has to make at the target of a mount, dir or file; None where the target is there already.

    Raises ContainerError where there is something else, or where nobody can make it.
    """
    mount, key = container.mounts[index], "mounts[%d]" % index
    wanted = made_as(mount, host)
    kind = host.kinds.get(mount.source) if mount.type == "none" else DIRECTORY
    if kind and (kind == DIRECTORY) != (wanted == DIRECTORY):
        what = "a directory" if kind == DIRECTORY else "a file"
        raise ContainerError("%s.create: %s does not fit %s, which is %s" % (key, mount.create, mount.source, what))
    cover = covering(container, index, host.paths)
    if cover is None:
        return None
    if cover.empty:
        return "dir" if wanted == DIRECTORY else "file"
    origin = cover.source or kernel_place(cover, mount)
    if origin is None or mount.type == "none" and mount.source not in host.paths:
        return None
    if linked(mount.target, container, host):
        there = host.links[mount.target]
        raise ContainerError("%s.target: %s is a link to %s on the target; declare that" % (key, mount.target, there))
    there = origin + mount.target[len(cover.target) :]
    if there not in host.paths:
        make = "make %s on the target, or " % there if cover.source else ""
        raise ContainerError(
            "%s.target: %s lies below the mount of %s and does not exist there; %schoose another place"
            % (key, mount.target, origin, make)
        )
    if (host.kinds.get(there, wanted) == DIRECTORY) != (wanted == DIRECTORY):
        raise ContainerError("%s.target: %s on the target is not %s" % (key, there, WORDS[wanted]))
    return None


def kernel_place(cover: Cover, mount: Mount) -> Optional[str]:
    """The directory of the target that has the same in it as what the kernel shows in a container; None if none has."""
    return cover.target if cover.target in KERNEL and not OF_NAMESPACE.search(mount.target) else None


def in_user_namespace(entry: Entry, container: Container, index: int, host: Host, ids: Ids, place: str) -> Entry:
    """A mount as it has to be made for a container with a user namespace of its own.

    There its root may change the options of a mount if it has sys_admin, and the kernel refuses to leave out what is
    mounted below a source: it would show what lies under it. See mount_namespaces(7). Raises ContainerError.
    """
    keeps = container.keeps("sys_admin")
    if not entry.binds():
        if keeps and "ro" in entry.options:
            raise ContainerError(
                "%s.read_only: root of the container could take it from a file system of its own (%s); set it to false,"
                " or add sys_admin to security.drop_capabilities" % (entry.key, entry.kind)
            )
        return entry
    # What is optional may come and go by itself, as whatever: that is no change of the spec.
    places = places_below(entry, host, place)
    if keeps or "optional" in entry.options or host.kinds.get(entry.source) == DEVICE or places is not None:
        options = tuple("rbind" if word == "bind" else word for word in entry.options)
        refuse_own(entry, container)
        return entry._replace(options=options, prepared="%s/%d" % (place, index), places=places)
    refuse_closed(entry, host, ids)
    if not host.below.get(entry.source):
        return entry
    return entry._replace(options=tuple("rbind" if word == "bind" else word for word in entry.options))


def places_below(entry: Entry, host: Host, place: str) -> Optional[str]:
    """Where below a source the places are in which hooks prepare sources; None where they are not below it."""
    above = place.rpartition("/")[0]
    real = host.links.get(entry.source, entry.source)
    return above[len(real) :] if (above + "/").startswith(real + "/") else None


def refuse_own(entry: Entry, container: Container) -> None:
    """Raise ContainerError for a source below what the container can write: a hook would follow a link there as root."""
    writable = [mount.source for mount in container.mounts if mount.type == "none" and not mount.read_only]
    writable += [container.gateway_dir] if container.gateway_dir else []
    above = next((path for path in writable if entry.source.startswith(path.rstrip("/") + "/")), None)
    if above and entry.key.startswith("mounts["):
        raise ContainerError(
            "%s: %s lies below %s, which the container can write; it could put a link there, so choose another source"
            % (key_of_source(entry), entry.source, above)
        )


def refuse_closed(entry: Entry, host: Host, ids: Ids) -> None:
    """Raise ContainerError where LXC could not reach a source: it looks for it as the container's own root."""
    user, group = ids.root()
    for directory, owner, its_group, mode in host.barriers.get(entry.source, ()):
        if not (owner == user and mode & 0o100 or owner != user and its_group == group and mode & 0o010):
            raise ContainerError(
                "%s: LXC cannot reach %s as the container's root, since the mode of %s keeps others out; chmod o+x it, or"
                " choose another place" % (key_of_source(entry), entry.source, directory)
            )


def key_of_source(entry: Entry) -> str:
    """The key of the spec that names the source of a mount."""
    return entry.key + ".source" if entry.key.startswith("mounts[") else entry.key


def forbidden_devices(container: Container, host: Host) -> str:
    """What to say of mounted devices that no rule lets the container use; nothing where there is none."""
    if any(".devices." in key for key, _values in container.lxc):
        return ""
    found = [
        "mounts[%d].source: %s is the device %s, which no rule of security.devices lets the container use; add '%s rwm'"
        % (index, mount.source, host.devices[mount.source], host.devices[mount.source])
        for index, mount in enumerate(container.mounts)
        if mount.source in host.devices and not security.allows(container.security, host.devices[mount.source])
    ]
    return "; ".join(found)


def optional_targets(container: Container) -> Tuple[Tuple[str, str, str], ...]:
    """Key, source and target of each bind mount that may be missing where its source is missing."""
    return tuple(
        ("mounts[%d]" % index, mount.source, mount.target)
        for index, mount in enumerate(container.mounts)
        if mount.optional and mount.type == "none"
    )
