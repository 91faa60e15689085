# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the FHS-like tree of a container, from its spec and the facts of the target.

Its directories and files are those of the chapter "SoftwareContainer using LXC".
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Collection, Dict

from ..container_spec import rules, sources
from ..container_spec.records import Archive, Container, File
from ..errors import ContainerError
from ..model import tree
from ..model.host import DIRECTORY, FILE, Host
from ..model.id_map import Ids
from . import lxc_mounts

FHS = [
    "bin",
    "dev",
    "etc",
    "etc/pulse",
    "gateways",
    "home",
    "lib",
    "lib64",
    "proc",
    "root",
    "sbin",
    "sys",
    "tmp",
    "usr",
    "usr/lib",
    "usr/lib64",
    "usr/sbin",
]
# Everybody may write to /tmp, but only remove their own files: FHS 3.0, 3.18.
MODES = {"tmp": 0o1777}
RESOLV_CONF = "/etc/resolv.conf"
PASSWD = "root:x:0:0:root:/root:/bin/sh\n"
GROUP = "root:x:0:root\n"
PULSE_CLIENT = "disable-shm=yes\n"


def machine_id(seed: str, lxc_path: str, name: str) -> str:
    """Return a D-Bus uuid: 32 hexadecimal digits that stay the same for one container on one target.

    It is derived from the target's own id by a keyed hash. machine-id(5) asks for that if others may see an id.
    """
    message = "softwarecontainer.lxc:%s/%s" % (lxc_path, name)
    return hmac.new(seed.encode(), message.encode(), hashlib.sha256).hexdigest()[:32]


def access(ids: Ids) -> tree.Access:
    """Return who may pass the container's directory. Nobody else must reach the container's setuid programs.

    With an id map, PID 1 is not root on the target but must pass, so the group is that of the container's root.
    """
    group = ids.root()[1]
    return tree.Access(0o710, group) if group else tree.Access(0o700)


def desired_entries(container: Container, host: Host, uuid: str, there: Collection[str] = ()) -> Dict[str, tree.Entry]:
    """Return the entries of a container's rootfs, parents first, by path relative to the container's directory.

    `there` are targets of mounts that something else has made already; they are left as they are. Raise ContainerError
    if declared entries contradict each other.
    """
    entries: Dict[str, tree.Entry] = {}
    add(entries, tree.directory("rootfs"))
    for name in FHS:
        add(entries, tree.directory("rootfs/" + name, MODES.get(name, 0o755)))
    add(entries, tree.directory("rootfs" + container.install_prefix))
    add(entries, tree.file("rootfs/etc/passwd", 0o644, PASSWD))
    add(entries, tree.file("rootfs/etc/group", 0o644, GROUP))
    add(entries, tree.file("rootfs/etc/pulse/client.conf", 0o644, PULSE_CLIENT))
    add(entries, tree.file("rootfs/etc/machine-id", 0o444, uuid + "\n"))
    if container.resolv_conf != "none":
        literal = container.resolv_conf if container.resolv_conf != "copy" else host.resolv_conf
        add(entries, tree.file("rootfs" + RESOLV_CONF, 0o644, literal))
    for path, entry in mount_targets(container, host).items():
        if path not in there and entries.get(path, tree.Entry(path, "", 0)).kind != entry.kind:
            add(entries, entry)
    for index, archive in enumerate(container.archive):
        add_archive(entries, archive, host, container, "archive[%d].src" % index)
    for made in container.directories:
        add(entries, tree.directory("rootfs" + made.path, made.mode, (made.owner, made.group)))
    for index, item in enumerate(container.files):
        add(entries, declared_file(item, host, "files[%d].src" % index))
    return entries


def declared_file(item: File, host: Host, where: str) -> tree.Entry:
    """Return the entry of a declared file. `where` is the key of its source. Raise ContainerError."""
    path, owner = "rootfs" + item.path, (item.owner, item.group)
    if item.src is None:
        return tree.file(path, item.mode, item.content, owner)
    found = sources.of(host.sources, kind_of(item), item.src, where)
    if item.template:
        return tree.file(path, item.mode, found.text, owner)
    return tree.copied(path, item.mode, "%s/%s" % (host.objects, found.digest), found.digest, found.size, owner)


def add_archive(entries: Dict[str, tree.Entry], archive: Archive, host: Host, container: Container, where: str) -> None:
    """Add the entries of an archive. `where` is the key of its source. Raise ContainerError.

    Declared directories and files come later, so they replace what is in it.
    """
    source = sources.of(host.sources, sources.ARCHIVE, archive.src, where)
    found = host.archives.get(source.digest, "was not unpacked")
    if isinstance(found, str):
        raise ContainerError("%s: %s %s" % (where, ascii(archive.src), found))
    covered = rules.covers(container)
    top = "rootfs" + archive.target.rstrip("/")
    if top not in entries:
        add(entries, tree.directory(top))
    for member in found:
        path = "%s/%s" % (top, member.path)
        over = next((point for point in covered if path.startswith("rootfs%s/" % point)), None)
        before = entries.get(path)
        if over or (path + "/").startswith("rootfs%s/" % rules.OWN_DIRECTORY):
            reason = "would be hidden by what is mounted at %s" % over if over else "belongs to this collection"
            raise ContainerError("%s: %s in it %s" % (where, ascii(path[len("rootfs") :]), reason))
        if before and before.source:
            raise ContainerError("%s: %s in it is in another archive too" % (where, ascii(path[len("rootfs") :])))
        if member.kind == tree.DIRECTORY:
            add(entries, tree.directory(path, member.mode))
        else:
            content = "%s/%s" % (host.objects, member.digest)
            add(entries, tree.copied(path, member.mode, content, member.digest, member.size))


def kind_of(item: File) -> str:
    """Return the kind of the source of a declared file."""
    return sources.TEMPLATE if item.template else sources.FILE


def check_owners(container: Container, ids: Ids) -> None:
    """Raise ContainerError if a declared owner is not among the container's ids: it would own nothing there."""
    owners = {"directories[%d]" % index: (each.owner, each.group) for index, each in enumerate(container.directories)}
    owners.update({"files[%d]" % index: (each.owner, each.group) for index, each in enumerate(container.files)})
    for where, owner in owners.items():
        if not ids.has(owner):
            reason = "owner %d and group %d are not both among the ids of the container, %s" % (*owner, ids.words())
            raise ContainerError("%s: %s" % (where, reason))


def effects(container: Container, host: Host, uuid: str, there: Collection[str] = ()) -> Dict[str, str]:
    """Return what follows a change at a path, `reload` or `leave`. At any other path it is what `on_change` of the spec says.

    A directory that only such files need goes with them.
    """
    # Of two files that need a directory, the one with `reload` counts.
    own = sorted((item for item in container.files if item.on_change in ("reload", "leave")), key=on_change_of)
    if not own:
        return {}
    others = desired_entries(
        container._replace(files=tuple(item for item in container.files if item not in own)), host, uuid, there
    )
    found = {path: on_change_of(item) for item in own for path in tree.parents("rootfs" + item.path)}
    found = {path: effect for path, effect in found.items() if path not in others}
    return {**found, **{"rootfs" + item.path: on_change_of(item) for item in own}}


def on_change_of(item: File) -> str:
    """Return what a spec says of a change of a file; empty if it says nothing."""
    return item.on_change or ""


def mount_targets(container: Container, host: Host) -> Dict[str, tree.Entry]:
    """Return the entries on which declared mounts are made, by path."""
    made = {**lxc_mounts.made_in_rootfs(container, host), **{volume.target: DIRECTORY for volume in container.volumes}}
    made.update({device.target: FILE for device in container.gateways.devices if not container.autodev})
    return {
        "rootfs" + path: tree.directory("rootfs" + path) if kind == DIRECTORY else tree.file("rootfs" + path, 0o644, "")
        for path, kind in made.items()
    }


def requested_part(container: Container, host: Host) -> object:
    """Return this stage's part of the spec, with what its sources contain. The target's resolv.conf is not in it."""
    targets = [volume.target for volume in container.volumes]
    files = tuple(item._replace(on_change=None) for item in container.files)
    declared = container.directories, files, container.mounts, *([targets] if targets else [])
    named = [sources.key(kind_of(item), item.src) for item in container.files if item.src is not None]
    named += [sources.key(sources.ARCHIVE, item.src) for item in container.archive]
    contents = [(found.digest, found.text) for found in map(host.sources.get, named) if found]
    return container.install_prefix, container.resolv_conf, declared, container.archive, contents


def copies_resolv_conf(container: Container) -> bool:
    """Return whether /etc/resolv.conf is a copy of the target's, and not declared in the spec."""
    return container.resolv_conf == "copy" and not any(item.path == RESOLV_CONF for item in container.files)


def add(entries: Dict[str, tree.Entry], entry: tree.Entry) -> None:
    """Add an entry after its parents. It replaces an entry of the same path: what the user declares comes last.

    Raise ContainerError if one path would be both a file and a directory.
    """
    for above in (tree.directory(path) for path in tree.parents(entry.path)):
        if entries.setdefault(above.path, above).kind != above.kind:
            raise ContainerError("%s lies below %s, which is wanted as a file" % (inside(entry), inside(above)))
    if entries.setdefault(entry.path, entry).kind != entry.kind:
        raise ContainerError("%s is wanted as a file and as a directory" % inside(entry))
    entries[entry.path] = entry


def inside(entry: tree.Entry) -> str:
    """Return the path of an entry as the container sees it."""
    return entry.path[len("rootfs") :]
