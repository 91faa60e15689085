# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the trees of the targets, those of system containers with debootstrap, and removes old ones (I/O)."""

from __future__ import annotations

import contextlib
import glob
import os
import re
import time
from typing import Collection, Dict, Iterable, List, Sequence

from . import debian, files, locks, machine_trees
from .debian import Tree
from .programs import FailedError, run
from .progress import Tell
from .requests import Place

HALF_MADE = ".new."
# How long a tree is kept after the last run that has asked for it, in seconds: those for other packages are still of use.
KEPT = 30 * 86400


def build(place: Place, tree: Tree, wanted: Collection[str], mirror: str, tell: Tell) -> None:
    """Build a tree if it is missing. Remove others of its title that are neither wanted nor in use, and forgotten.

    `wanted` are the directories of all trees that this run needs.
    """
    path = os.path.join(place.cache, tree.name)
    with locks.locked(lock_of(place, tree.title)):
        if os.path.isdir(path):
            return
        half = os.path.join(place.cache, HALF_MADE + tree.name)
        files.remove(half)
        try:
            archive = mirror or machine_mirror()
            if tree.architecture:
                machine_trees.bootstrap(half, tree, archive, proxy(), tell)
            else:
                bootstrap(half, debian.SUITES[tree.distribution], tree.packages, archive)
        except FailedError:
            files.remove(half)
            raise
        os.rename(half, path)
        touch([path])
        for old in glob.glob(os.path.join(place.cache, tree.title + ".*")):
            if old not in wanted and time.time() - os.stat(old).st_mtime > KEPT and not is_in_use(old):
                files.remove(old)


def touch(paths: Iterable[str]) -> None:
    """Note that trees are asked for now, those of them that are there."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.utime(path)


def bootstrap(tree: str, suite: str, names: Sequence[str], mirror: str) -> None:
    """Run debootstrap in its own namespaces. Its mounts end with it, and services of packages cannot reach the network."""
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **proxy()}
    include = "--include=" + ",".join(names)
    # All Debian suites use the script of sid. Debootstrap does not know the names of newer suites.
    first = ("debootstrap", "--foreign", "--variant=minbase", include, suite, tree, mirror, "sid")
    run(*own, *first, environment=environment)
    run(*own, "--net", "chroot", tree, "/debootstrap/debootstrap", "--second-stage", environment=environment)
    for name in glob.glob(os.path.join(tree, "var/cache/apt/archives/*.deb")):
        os.unlink(name)
    # Each target gets its own keys.
    for name in glob.glob(os.path.join(tree, "etc/ssh/ssh_host_*")):
        os.unlink(name)
    os.sync()


def machine_mirror() -> str:
    """Return the archive that this machine's apt reads."""
    shape = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    return debian.mirror(run("apt-get", "indextargets", "--format", shape, "Created-By: Packages").splitlines())


def proxy() -> Dict[str, str]:
    """Return the proxies of this machine's apt as environment variables for debootstrap's wget."""
    text = run("apt-config", "shell", "http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy")
    return dict(re.findall(r"^(\w+)='(.*)'$", text, re.MULTILINE))


def is_in_use(tree: str) -> bool:
    """Return whether a running target uses a tree, in any mount namespace."""
    return any(debian.users_of(tree, files.read(path).splitlines()) for path in glob.glob("/proc/[0-9]*/mountinfo"))


def left_half_made(place: Place) -> List[str]:
    """Return the incomplete trees that no process is building any more."""
    found = glob.glob(os.path.join(place.cache, HALF_MADE + "*"))
    names = {path: os.path.basename(path)[len(HALF_MADE) :].partition(".")[0] for path in found}
    return [path for path in found if not locks.is_held(lock_of(place, names[path]))]


def lock_of(place: Place, title: str) -> str:
    """Return the lock file for the trees of a title."""
    return os.path.join(place.cache, ".lock." + title)
