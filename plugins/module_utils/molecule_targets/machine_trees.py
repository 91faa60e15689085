# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the trees of machines with mmdebstrap (I/O): root file system, kernel, RAM disk.

Little of that runs on the emulated processor: mmdebstrap unpacks and downloads on this machine, and the kernel is only
unpacked. So no boot loader and no RAM disk of the distribution is built.
"""

from __future__ import annotations

import glob
import hashlib
import lzma
import os
import re
from typing import Dict, List

from . import architectures, debian, files, initrd
from .debian import Tree
from .programs import FailedError, run, run_watched
from .progress import Tell, seldom

# Where a tree has its own repository of packages.
REPOSITORY = "srv/apt"
BINFMT = "/proc/sys/fs/binfmt_misc"
# Registers the emulator of programs where that is not done: by a service at boot, which a container lacks. $1 is its name.
# With a kernel from 6.7 on, it stays registered only until the mount goes, with its namespace.
EMULATE = "\n".join(
    [
        "set -e",
        "emulator=$1",
        "shift",
        "[ -e %s/register ] || mount -t binfmt_misc binfmt_misc %s" % (BINFMT, BINFMT),
        '[ -e "%s/$emulator" ] || update-binfmts --enable "$emulator"' % BINFMT,
        'exec "$@"',
    ]
)
# Downloads packages with all that they need: $1 is the tree, $2 the directory, and the packages follow. What the tree has
# does not come again.
DOWNLOAD = "\n".join(
    [
        "set -e",
        'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"',
        "apt-get clean",
        "download() {",
        "    folder=$1",
        "    shift",
        '    mkdir -p "$folder/partial"',
        '    apt-get -qy -o Dir::Cache::archives="$folder" --no-install-recommends --download-only install "$@"',
        '    rmdir "$folder/partial"',
        "}",
        'download "$1/../kernel" $KERNEL_PACKAGES',
        '[ -z "$REPOSITORY_PACKAGES" ] || download "$1/%s" $REPOSITORY_PACKAGES' % REPOSITORY,
    ]
)
# Python's library has a program that compiles it, with which packages take a third of the time of an emulated tree. $1 is the
# tree. Until the true program comes, the tree has one that does nothing; Python compiles what it needs when it needs it.
SKIP_COMPILER = "\n".join(
    [
        "set -e",
        'export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"',
        "python=$(apt-cache depends python3-minimal | sed -n 's/.*Depends: \\(python3\\.[0-9]*\\)-minimal$/\\1/p')",
        'mkdir -p "$1/usr/lib/$python"',
        # Some packages write the names of their files to it.
        'echo "import sys; sys.argv[1:] == [\'-\'] and sys.stdin.read()" > "$1/usr/lib/$python/py_compile.py"',
    ]
)
BRING_COMPILER = "\n".join(
    [
        "set -e",
        'for package in "$1"/var/cache/apt/archives/libpython3.*-minimal_*.deb; do',
        '    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$1" --wildcards "./usr/lib/python3.*/py_compile.py"',
        "done",
    ]
)
NO_COMPILER = (
    "--dpkgopt=path-exclude=/usr/lib/python3.*/py_compile.py",
    "--essential-hook=" + SKIP_COMPILER,
    "--customize-hook=" + BRING_COMPILER,
)
# Packages of Debian from 12 on bring /lib, /bin and /sbin as links into /usr; in Debian 11 its installer makes them. $1 is the
# tree.
LINK_INTO_USR = 'for name in bin sbin lib lib64; do mkdir -p "$1/usr/$name"; ln -s "usr/$name" "$1/$name"; done'
# What a test machine has no use for.
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")


def bootstrap(folder: str, tree: Tree, mirror: str, proxy: Dict[str, str], tell: Tell) -> None:
    """Build a tree in a new directory: `tree`, `vmlinuz` and `initrd`. Raise FailedError."""
    architecture = architectures.ARCHITECTURES[tree.architecture]
    root = os.path.join(folder, "tree")
    files.make_folders(folder, "")
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    emulate = () if is_native(tree.architecture) else ("sh", "-c", EMULATE, "sh", architecture.binfmt)
    run_watched(
        *own,
        *emulate,
        "mmdebstrap",
        "--variant=minbase",
        "--verbose",
        "--skip=check/qemu",
        "--architectures=" + ",".join(architecture.debian),
        "--include=" + ",".join(tree.packages),
        # Of use only while the tree is built.
        "--dpkgopt=force-unsafe-io",
        *("--dpkgopt=path-exclude=" + pattern for pattern in LEFT_OUT),
        *(NO_COMPILER if emulate else ()),
        *(["--setup-hook=" + LINK_INTO_USR] if tree.distribution == "debian-11" else []),
        "--customize-hook=" + DOWNLOAD,
        '--customize-hook=rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"',
        *("--aptopt=" + option for option in date_option()),
        debian.SUITES[tree.distribution],
        root,
        mirror,
        name="mmdebstrap",
        tell=seldom(tell, "building the tree of " + tree.title),
        environment={**environment_of(tree), **proxy},
    )
    take_kernel(folder, root)
    index_repository(os.path.join(root, REPOSITORY))
    leave_out(root)
    os.sync()


def date_option() -> List[str]:
    """Return the option with which apt takes an archive of the past, if this machine's apt takes it. Raise FailedError.

    Debootstrap, which builds the trees of system containers, never looks at that date.
    """
    found = run("apt-config", "shell", "checks", "Acquire::Check-Valid-Until/b").strip()
    return ['Acquire::Check-Valid-Until "false"'] if found == "checks='false'" else []


def leave_out(root: str) -> None:
    """Remove what packages bring, and a machine must not have.

    Each machine gets its own keys. AppArmor compiles all profiles at each boot, which takes an emulated machine 10 s; only
    those of LXC are needed.
    """
    for pattern in ("etc/ssh/ssh_host_*", "etc/apparmor.d/*", "etc/apt/sources.list.d/*"):
        for path in filter(os.path.isfile, glob.glob(os.path.join(root, pattern))):
            if "lxc" not in os.path.basename(path):
                os.unlink(path)


def environment_of(tree: Tree) -> Dict[str, str]:
    """Return the environment of mmdebstrap. The hooks read what they are to download from it."""
    return {
        "DEBIAN_FRONTEND": "noninteractive",
        "LC_ALL": "C.UTF-8",
        "KERNEL_PACKAGES": "%s busybox-static" % architectures.ARCHITECTURES[tree.architecture].kernel,
        "REPOSITORY_PACKAGES": " ".join(tree.repository),
    }


def is_native(architecture: str) -> bool:
    """Return whether this machine runs programs of an architecture by itself."""
    found = architectures.ARCHITECTURES[architecture]
    return len(found.debian) == 1 and found.uname == os.uname().machine


def needs_registration(architecture: str) -> bool:
    """Return whether the emulator for programs of an architecture is needed and not registered yet."""
    emulator = os.path.join(BINFMT, architectures.ARCHITECTURES[architecture].binfmt)
    return not is_native(architecture) and not os.path.exists(emulator)


def take_kernel(folder: str, root: str) -> None:
    """Unpack the kernel: its modules into the tree, itself beside the tree, with a RAM disk. Raise FailedError."""
    packages = os.path.join(folder, "kernel")
    unpacked = os.path.join(folder, "unpacked")
    for path in glob.glob(packages + "/*.deb"):
        # Newer kernels come in several packages.
        if re.match(r"(linux-(image|binary|modules|base)-\d|busybox-static_)", os.path.basename(path)):
            run("dpkg-deb", "-x", path, unpacked)
    modules = only(unpacked + "/lib/modules/*", unpacked + "/usr/lib/modules/*")
    version = os.path.basename(modules)
    kernel = only(unpacked + "/boot/vmlinu?-*", modules + "/vmlinu?")
    os.rename(kernel, os.path.join(folder, "vmlinuz"))
    files.make_folders(root, "usr/lib/modules")
    run("cp", "-a", modules, os.path.join(root, "usr/lib/modules"))
    run("depmod", "-b", root, version)
    write_initrd(
        os.path.join(folder, "initrd"),
        os.path.join(root, "usr/lib/modules", version),
        only(unpacked + "/bin/busybox", unpacked + "/usr/bin/busybox"),
    )
    files.remove(packages)
    files.remove(unpacked)


def only(*patterns: str) -> str:
    """Return the one path that matches one of the patterns. Raise FailedError."""
    found = [path for pattern in patterns for path in glob.glob(pattern)]
    if not found:
        raise FailedError("the packages of the kernel have no %s" % patterns[0])
    return found[0]


def write_initrd(path: str, modules: str, busybox: str) -> None:
    """Write the RAM disk. `modules` is the directory of the kernel's modules."""
    names = initrd.load_order(files.read(os.path.join(modules, "modules.dep")))
    contents = [(initrd.module_name(name) + ".ko", read_module(os.path.join(modules, name))) for name in names]
    with open(busybox, "rb") as program, open(path, "wb") as stream:
        stream.write(initrd.archive(program.read(), contents))


def read_module(path: str) -> bytes:
    """Return a module without its compression, which busybox cannot undo."""
    with open(path, "rb") as stream:
        content = stream.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def index_repository(folder: str) -> None:
    """Write the index of a repository, with which apt can install from it. Raise FailedError."""
    paths = sorted(glob.glob(folder + "/*.deb"))
    files.write(folder, "Packages", 0o644, "\n".join(map(stanza, paths)))


def stanza(path: str) -> str:
    """Return the entry of a package in the index of its repository."""
    lines: List[str] = run("dpkg-deb", "--field", path).rstrip().splitlines()
    with open(path, "rb") as stream:
        digest = hashlib.sha256(stream.read()).hexdigest()
    own = ("Filename: ./" + os.path.basename(path), "Size: %d" % os.path.getsize(path), "SHA256: " + digest)
    return "\n".join([*lines, *own]) + "\n"
