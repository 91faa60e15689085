# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the mounts of a container, from its spec and the facts of the target. Checks that the target has them all.

LXC mounts them in the order of their lines, inside the container's user namespace. lxc_hooks.py does what this cannot.
"""

from __future__ import annotations

import re
from typing import Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..container_spec.records import Container, Mount
from ..container_spec.rules import INIT_DIRECTORY
from ..errors import ContainerError
from ..model.host import DEVICE, DIRECTORY, FILE, Host
from ..model.id_map import Ids
from . import lxc_hooks, security

# The mounts of the chapter "SoftwareContainer using LXC": required ones, and those that not every target has.
SYSTEM_MOUNTS = ("/usr", "/lib", "/usr/lib")
SYSTEM_MOUNTS_OPTIONAL = ("/lib64", "/usr/lib64")
GATEWAYS = "/gateways"
# What init.lxc mounts by itself if it may.
SHARED_MEMORY = (("tmpfs", "/dev/shm", ("nosuid", "nodev")), ("mqueue", "/dev/mqueue", ("nosuid", "nodev", "noexec")))
# File systems that are empty right after they are mounted.
EMPTY = ("tmpfs", "ramfs")
# File systems that the kernel fills with the same files on the target and in a container, except the files of a process
# or a network.
KERNEL = ("/proc", "/sys")
OF_NAMESPACE = re.compile(r"/(net|self|thread-self|[0-9]+)(/|$)")
# How mounts on the target propagate to the container's copy, see mount_namespaces(7).
PROPAGATION = tuple(prefix + word for prefix in ("", "r") for word in ("private", "shared", "slave", "unbindable"))
# The spec's words for the kinds of a mount's target.
WORDS = {DIRECTORY: "a directory", FILE: "a file"}

Line = Tuple[str, str]


class Entry(NamedTuple):
    """One mount.

    - `source`: on the target.
    - `target`: in the container.
    - `kind`: the type of a file system, or none for a bind mount.
    - `options`: as for mount(8).
    - `makes`: what LXC creates at the target, dir or file, because the target lies on a file system that is mounted
      empty.
    - `key`: the key of the spec that the mount comes from.
    - `prepared`: the place to which a hook has bound the source before LXC mounts it; see lxc_hooks.py.
    - `places`: the path below the source of the directory for such places, if it lies there, with a leading slash.
    - `node`: the node that a hook makes at such a place in place of the source, as `lxc_hooks.Node.words` writes it.
    """

    source: str
    target: str
    kind: str
    options: Tuple[str, ...]
    makes: Optional[str] = None
    key: str = "system_mounts"
    prepared: Optional[str] = None
    places: Optional[str] = None
    node: Optional[str] = None

    def binds(self) -> bool:
        """Return whether this is a bind mount."""
        return self.kind == "none"

    def follows(self) -> bool:
        """Return whether later mounts below the source on the target appear in the container too."""
        return not {"private", "rprivate", "unbindable", "runbindable"} & set(self.options)

    def text(self) -> str:
        """Return one line of fstab(5), with the target relative to the rootfs."""
        options = [*self.options, *(["create=" + self.makes] if self.makes else [])]
        fields = (field_of(self.prepared or self.source), field_of(self.target.lstrip("/")), self.kind)
        return " ".join((*fields, ",".join(options), "0 0"))


class Cover(NamedTuple):
    """A mount over a part of the rootfs.

    - `source`: the directory of the target that is bound there.
    - `empty`: whether it contains only what LXC creates in it.
    """

    target: str
    source: Optional[str] = None
    empty: bool = False


def sources(container: Container) -> List[str]:
    """Return the paths on the target whose existence affects the mounts."""
    found = [*SYSTEM_MOUNTS, *SYSTEM_MOUNTS_OPTIONAL, INIT_DIRECTORY, container.install_prefix]
    found += bound(container)
    found += [mount.target for mount in container.mounts]
    found += [device.source for device in container.gateways.devices]
    found += [path for path in (container.gateway_dir, container.busybox.path) if path]
    for index, mount in enumerate(container.mounts):
        cover = covering(container, index)
        found += [cover.source + mount.target[len(cover.target) :]] if cover and cover.source else []
    return list(dict.fromkeys(found))


def bound(container: Container) -> List[str]:
    """Return the sources of the declared bind mounts."""
    return [mount.source for mount in container.mounts if mount.type == "none"]


def covers(container: Container, present: Collection[str]) -> List[Cover]:
    """Return what is mounted before the declared mounts, in order; `present`: the paths that the target has."""
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
    """Return what covers the target of a declared mount when LXC mounts it, or None if nothing covers the rootfs there.

    `present` are the paths that the target has. Without it, covers that depend on a path count as missing.
    """
    found = covers(container, present)
    for mount in container.mounts[:index]:
        if not mount.optional:
            found.append(Cover(mount.target, mount.source if mount.type == "none" else None, mount.type in EMPTY))
    target = container.mounts[index].target
    return next((cover for cover in reversed(found) if target.startswith(cover.target + "/")), None)


def made_as(mount: Mount, host: Host) -> str:
    """Return what the target of a mount must be, directory or file: as the spec says, otherwise like its source."""
    if mount.create:
        return DIRECTORY if mount.create == "dir" else FILE
    if mount.type != "none":
        return DIRECTORY
    kind = host.kinds.get(mount.source)
    if kind is None:
        # An optional source that does not exist. Below /dev, it is usually a device.
        return FILE if mount.target.startswith("/dev/") else DIRECTORY
    return DIRECTORY if kind == DIRECTORY else FILE


def made_in_rootfs(container: Container, host: Host) -> Dict[str, str]:
    """Return the mount targets that the rootfs itself must contain, each as directory or file."""
    return {
        mount.target: made_as(mount, host)
        for index, mount in enumerate(container.mounts)
        if covering(container, index) is None
    }


def lines(container: Container, host: Host, ids: Ids, place: str, more: Sequence[Entry] = ()) -> List[Line]:
    """Return the config lines of all mounts, with the hooks that belong to them.

    `place` is the directory of the target in which hooks may bind sources; `more`: mounts that come last. Raise
    ContainerError if the target lacks something that is needed.
    """
    found: List[Line] = []
    if container.system_mounts:
        refuse_foreign_network(container, ids)
        found.append(("lxc.mount.auto", "proc:mixed sys:%s" % container.security.sys))
    made = [*entries(container, host), *more]
    for index, entry in enumerate(made):
        if entry.node:
            made[index] = entry._replace(prepared="%s/%d" % (place, index))
        elif ids.lines:
            made[index] = in_user_namespace(entry, container, index, host, ids, place)
    found += [("lxc.mount.entry", entry.text()) for entry in made]
    return found + lxc_hooks.lines(container, made, host, ids, place)


def entries(container: Container, host: Host) -> List[Entry]:
    """Return the mounts: system, install prefix, init, gateways, busybox, shared memory, the declared ones in order.

    Raise ContainerError if the target lacks something that is needed.
    """
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
    """Return the mounts below /dev that init.lxc makes only with sys_admin. Programs need them for shared memory."""
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
    """Return LXC's init on the target, or None. Without the target's libraries, it must be the static one."""
    return host.init_lxc if container.system_mounts else host.init_lxc_static


def refuse_foreign_network(container: Container, ids: Ids) -> None:
    """Raise ContainerError if the kernel would refuse to mount /sys.

    /sys shows the interfaces of a network, and only the network's owner may mount it; see user_namespaces(7).
    """
    for index, interface in enumerate(container.network):
        if ids.lines and interface.type == "none":
            raise ContainerError(
                "network[%d].type: a user namespace cannot have a /sys with the network of the target (none); set"
                " system_mounts to false, or security.privileged to true" % index
            )


def linked(path: str, container: Container, host: Host) -> Optional[str]:
    """Return where a path leads if it is a link in the container too, because it lies below a system mount, or None.

    LXC mounts nothing over a link. If the link leads below the same mount, its target is there already.
    """
    below = container.system_mounts and any(path.startswith(above + "/") for above in SYSTEM_MOUNTS)
    return host.links.get(path) if below else None


def bind(source: str, target: str, key: str = "system_mounts") -> Entry:
    """Return a read-only bind mount that must succeed."""
    return Entry(source, target, "none", ("bind", "ro", "rprivate"), key=key)


def field_of(path: str) -> str:
    """Return a path as a field of fstab(5).

    A hash needs no escape: it begins a comment only at the start of a line, and no source starts with one.
    """
    return path.replace("\\", "\\134").replace(" ", "\\040")


def declared(container: Container, index: int, host: Host) -> Entry:
    """Return one declared mount. Raise ContainerError if its source or its target is missing or of the wrong kind."""
    mount, key = container.mounts[index], "mounts[%d]" % index
    binding = mount.type == "none"
    if binding and not mount.optional and mount.source not in host.paths:
        raise ContainerError("%s.source: %s does not exist on the target" % (key, mount.source))
    makes = checked_target(container, index, host)
    options = ["bind"] if binding and not {"bind", "rbind"} & set(mount.options) else []
    options += ["ro" if mount.read_only else "rw", *mount.options]
    held = mount.read_only or set(lxc_hooks.POINT_OPTIONS) & set(mount.options)
    if binding and held and not set(PROPAGATION) & set(mount.options):
        # Mounts that the target makes below the source later would appear in the container without these options.
        options.append("rprivate")
    options += ["optional"] if mount.optional else []
    return Entry(mount.source, mount.target, mount.type, tuple(options), makes, key)


def checked_target(container: Container, index: int, host: Host) -> Optional[str]:
    """Return what LXC must create at the target of a mount, dir or file, or None if the target exists already.

    Raise ContainerError if something else is there, or if nobody can create it.
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
    """Return the target's directory with the same content as this part of the kernel's file system, or None."""
    return cover.target if cover.target in KERNEL and not OF_NAMESPACE.search(mount.target) else None


def in_user_namespace(entry: Entry, container: Container, index: int, host: Host, ids: Ids, place: str) -> Entry:
    """Return a mount as a container with its own user namespace needs it. Raise ContainerError if it cannot be made.

    In a user namespace, root with sys_admin may change the options of a mount. The kernel also refuses a bind mount
    without the mounts below its source, because it would show what they hide. See mount_namespaces(7).
    """
    keeps = container.keeps("sys_admin")
    if not entry.binds():
        if keeps and "ro" in entry.options:
            raise ContainerError(
                "%s.read_only: root of the container could take it from a file system of its own (%s); set it to false,"
                " or add sys_admin to security.drop_capabilities" % (entry.key, entry.kind)
            )
        return entry
    # An optional source may come and go, as any kind of file. That is no change of the spec.
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
    """Return the path below a source of the directory for bound sources, or None if that lies elsewhere."""
    above = place.rpartition("/")[0]
    real = host.links.get(entry.source, entry.source)
    return above[len(real) :] if (above + "/").startswith(real + "/") else None


def refuse_own(entry: Entry, container: Container) -> None:
    """Raise ContainerError for a source that the container can replace by a link: a hook would follow it as root."""
    writable = [mount.source for mount in container.mounts if mount.type == "none" and not mount.read_only]
    writable += [container.gateway_dir] if container.gateway_dir else []
    above = next((path for path in writable if entry.source.startswith(path.rstrip("/") + "/")), None)
    if above and entry.key.startswith("mounts["):
        raise ContainerError(
            "%s: %s lies below %s, which the container can write; it could put a link there, so choose another source"
            % (key_of_source(entry), entry.source, above)
        )


def refuse_closed(entry: Entry, host: Host, ids: Ids) -> None:
    """Raise ContainerError if LXC could not reach a source: it looks for the source as the container's root."""
    user, group = ids.root()
    for directory, owner, its_group, mode in host.barriers.get(entry.source, ()):
        if not (owner == user and mode & 0o100 or owner != user and its_group == group and mode & 0o010):
            raise ContainerError(
                "%s: LXC cannot reach %s as the container's root, since the mode of %s keeps others out; chmod o+x it, or"
                " choose another place" % (key_of_source(entry), entry.source, directory)
            )


def key_of_source(entry: Entry) -> str:
    """Return the key of the spec that names the source of a mount."""
    return entry.key + ".source" if entry.key.startswith("mounts[") else entry.key


def forbidden_devices(container: Container, host: Host) -> str:
    """Return a warning about mounted devices that no rule lets the container use, or an empty string."""
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
    """Return key, source and target of each bind mount that may be missing if its source is missing."""
    return tuple(
        ("mounts[%d]" % index, mount.source, mount.target)
        for index, mount in enumerate(container.mounts)
        if mount.optional and mount.type == "none"
    )
