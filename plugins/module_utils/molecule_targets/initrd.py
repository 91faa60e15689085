# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the initial RAM disk of a machine, which mounts the root file system and starts its init.

The one of a distribution takes longer to build and to boot than everything else in a machine without KVM: it has udev, and
the tools to find any disk. Ours knows its disk.
"""

from __future__ import annotations

import posixpath
import re
from typing import Dict, Iterable, List, Sequence, Tuple

# What the kernel needs to reach the disk. Where a kernel has a part built in, it has no module of that name.
# Mounting with quotas asks for quota_v2, and ext4 for crc32c, by a program that the RAM disk lacks.
MODULES = ("virtio_pci", "virtio_mmio", "virtio_blk", "crc32c_generic", "ext4", "quota_v2")
# Linux names its first virtio disk so.
DISK = "/dev/vda"
INIT = "\n".join(
    [
        "#!/bin/busybox sh",
        "/bin/busybox mount -t devtmpfs dev /dev",
        "/bin/busybox mount -t proc proc /proc",
        "for module in $(/bin/busybox cat /modules); do /bin/busybox insmod /$module; done",
        "flags= mode=rw init=/sbin/init",
        "for word in $(/bin/busybox cat /proc/cmdline); do",
        "    case $word in",
        "        rootflags=*) flags=,${word#rootflags=} ;;",
        "        ro | rw) mode=$word ;;",
        "        init=*) init=${word#init=} ;;",
        "    esac",
        "done",
        "until [ -b %s ]; do /bin/busybox sleep 0.1; done" % DISK,
        "/bin/busybox mount -t ext4 -o $mode$flags %s /root || exec /bin/busybox poweroff -f" % DISK,
        "/bin/busybox umount /proc",
        "/bin/busybox mount --move /dev /root/dev",
        "exec /bin/busybox switch_root /root $init",
        "",
    ]
)
DIRECTORIES = ("bin", "dev", "proc", "root")
# File types of a mode, from stat.h.
DIRECTORY, FILE, DEVICE = 0o040000, 0o100000, 0o020000


def load_order(modules_dep: str, names: Iterable[str] = MODULES) -> List[str]:
    """Return the paths of modules in the order in which the kernel can load them, each after those that it depends on.

    `modules_dep` is the file of that name, see modules.dep(5). A module that it does not name is built in or not needed.
    """
    needs = {}
    for line in modules_dep.splitlines():
        path, _colon, others = line.partition(":")
        needs[module_name(path)] = [*reversed(others.split()), path]
    paths = [path for name in names for path in needs.get(name, [])]
    return list(dict.fromkeys(paths))


def module_name(path: str) -> str:
    """Return the name of a module from its path."""
    return re.sub(r"\.ko(\.\w+)?$", "", posixpath.basename(path)).replace("-", "_")


def archive(busybox: bytes, modules: Sequence[Tuple[str, bytes]]) -> bytes:
    """Return the RAM disk. `busybox` is linked statically; `modules` are names and contents, in their order."""
    files: Dict[str, Tuple[int, bytes]] = {
        "bin/busybox": (0o755, busybox),
        "init": (0o755, INIT.encode()),
        "modules": (0o644, "".join(name + "\n" for name, _content in modules).encode()),
        **{name: (0o644, content) for name, content in modules},
    }
    return b"".join(
        [
            *(entry(name, DIRECTORY | 0o755, b"") for name in DIRECTORIES),
            # Until devtmpfs is mounted, the kernel gives its messages to nothing else.
            entry("dev/console", DEVICE | 0o600, b"", (5, 1)),
            *(entry(name, FILE | mode, content) for name, (mode, content) in files.items()),
            entry("TRAILER!!!", 0, b""),
        ]
    )


def entry(name: str, mode: int, content: bytes, device: Tuple[int, int] = (0, 0)) -> bytes:
    """Return an entry of a cpio archive in the format "newc", see initramfs's buffer format in the kernel's manual."""
    path = name.encode() + b"\0"
    # Inode, mode, owner, group, links, time, size, device of the file, device that it is, size of the name, no checksum.
    fields = (0, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(path), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return padded(header + path) + padded(content)


def padded(data: bytes) -> bytes:
    """Return data with the zeros that a multiple of four bytes needs."""
    return data + b"\0" * (-len(data) % 4)
