# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the hooks of a config, which do what LXC does not do by itself, also when the target boots.

`pre-start` runs as root of the target before LXC makes a namespace: it makes the gateway directory, and binds sources
with their options to places of its own. Options that a mount has there are locked in the container's namespace, so
that its root cannot take them away; see mount_namespaces(7). `mount` runs among the container's mounts, before the
container does. `post-stop` takes away what `pre-start` has bound.

They need a shell, mount, umount and mkdir, those of busybox do; for devices also cp and chown.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Dict, List, Sequence, Tuple

from ..container_spec.records import Container
from ..model.host import Host
from ..model.id_map import Ids

if TYPE_CHECKING:
    from .lxc_mounts import Entry

# Options of a mount point, not of a file system.
POINT_OPTIONS = ("nosuid", "nodev", "noexec")
TIME_OPTIONS = ("noatime", "nodiratime", "relatime")
# What begins the hook for mounts below sources. They come and go by themselves, so this line is no change of the spec.
BELOW = "sh -c ': mounts below a source; "
# Where LXC is about to mount the rootfs, below /usr/lib, a mount that no other takes along: what is bound with all below
# it would have the container itself among that, once for each such mount.
HIDE_ROOTFS = (
    BELOW + 'mount -o bind "$LXC_ROOTFS_MOUNT" "$LXC_ROOTFS_MOUNT" && mount --make-unbindable "$LXC_ROOTFS_MOUNT"\''
)
# LXC's own profile for lxc-start lets no hook mount anything outside of /var/lib/lxc, and lets it leave the profile.
UNCONFINED = "{ echo changeprofile unconfined > /proc/self/attr/current; } 2>/dev/null || :"
# Takes the place away. What was bound may still be the target's peer, where a start was killed in its midst: unmounting
# that would unmount the target's own mounts below the source.
TAKE_AWAY = "mount --make-rprivate %s && umount -l %s"
# Brings $1 to the place $2, with what is mounted below it, and keeps the options $3 for later.
# A device gets a node of its own, with the container's root as its owner: the target's belongs to nobody in a user
# namespace. What may be done with it is still for the cgroup to decide.
BRING = (
    'bring() { [ -e "$1" ] || return 0;'
    ' if [ -c "$1" ] || [ -b "$1" ]; then cp -pRL "$1" "$d/$2"; chown %d:%d "$d/$2"; return 0; fi;'
    ' if [ -d "$1" ]; then mkdir "$d/$2"; else : > "$d/$2"; fi;'
    ' mount -o rbind "$1" "$d/$2"; eval "options$2=$3"; }'
)
# Takes away what has come along of the places themselves, of this container and of others: they are nobody else's, and
# each container that took them all along would double them.
FORGET = 'for one in "$d"/%s/*; do umount -l "$one" 2>/dev/null || :; done'
# Gives what was brought its options. A mount keeps those that it has. All in one pass: the shell reads letter by letter,
# and there may be thousands of mounts. `printf` takes \0040 for a blank whatever follows it, and \040 not before a digit.
# A mount that another one hides cannot be reached by its path, and by the container neither.
HOLD = (
    "while read -r _ _ _ _ point has _; do"
    ' case $point in "$d"/*) ;; *) continue;; esac;'
    ' number=${point#"$d"/}; eval "options=\\$options${number%%/*}"; path=;'
    " while case $point in *\\\\*) ;; *) false;; esac; do path=$path${point%%\\\\*}\\\\0; point=${point#*\\\\}; done;"
    ' path=$(printf %b "$path$point");'
    ' mount -o "remount,bind,${has%,idmapped},$options" none "$path" || [ ! -e "$path" ];'
    " done < /proc/self/mountinfo"
)

Line = Tuple[str, str]


def lines(container: Container, entries: Sequence[Entry], host: Host, ids: Ids, place: str) -> List[Line]:
    """The lines of all hooks that these mounts need."""
    found: List[Line] = []
    before = [*gateways(container), *prepare(entries, ids, place)]
    if before:
        found.append(("lxc.hook.pre-start", shell("; ".join(["set -e", "umask 022", *before]))))
    again = mounted_again(entries)
    if again:
        found.append(("lxc.hook.mount", shell(" && ".join(again))))
    if any(entry.binds() and not entry.prepared and "rbind" in entry.options for entry in entries):
        found.append(("lxc.hook.pre-mount", HIDE_ROOTFS))
    below = mounted_below(entries, host)
    if below:
        found.append(("lxc.hook.mount", BELOW + shell(" && ".join(below))[len("sh -c '") :]))
    if any(entry.prepared for entry in entries):
        quoted = shlex.quote(place)
        found.append(("lxc.hook.post-stop", shell("%s && rmdir %s" % (TAKE_AWAY % (quoted, quoted), quoted))))
    return found


def shell(script: str) -> str:
    """A hook that runs a script. LXC appends words to it, which become the shell's parameters."""
    return "sh -c '" + script.replace("'", "'\"'\"'") + "'"


def gateways(container: Container) -> List[str]:
    """The command that makes the gateway directory, which is gone after a boot where it lies below /run."""
    if not container.gateway_dir:
        return []
    path = shlex.quote(container.gateway_dir)
    return ["[ -d %s ] || { mkdir -p %s; chmod %04o %s; }" % (path, path, container.gateway_dir_mode, path)]


def prepare(entries: Sequence[Entry], ids: Ids, place: str) -> List[str]:
    """The commands that bring sources to places of their own, on a small file system that only this container reaches."""
    prepared = [entry for entry in entries if entry.prepared]
    if not prepared:
        return []
    user, group = ids.root()
    commands = [
        UNCONFINED,
        "d=" + shlex.quote(place),
        # Where LXC's monitor was killed it is still there.
        "{ %s; } 2>/dev/null || :" % TAKE_AWAY % ('"$d"', '"$d"'),
        'mkdir -p "$d"',
        'mount -t tmpfs -o mode=0710,gid=%d,size=64k softwarecontainer "$d"' % group,
        'mount --make-private "$d"',
        BRING % (user, group),
    ]
    # Those that nothing mounted later reaches come first: one call ends that for all, and the next leaves them so.
    for propagation, follows in (("rprivate", False), ("rslave", True)):
        some = [entry for entry in prepared if entry.follows() == follows]
        if some:
            commands += [bring(entry) for entry in some]
            commands.append('mount --make-%s "$d"' % propagation)
            commands += [
                FORGET % (number(entry) + shlex.quote(entry.places)) for entry in some if entry.places is not None
            ]
    return [*commands, HOLD]


def bring(entry: Entry) -> str:
    """The command that brings a source to its place, for the shell's function of that name."""
    options = [word for word in entry.options if word in (*POINT_OPTIONS, "ro")]
    return "bring %s %s %s" % (shlex.quote(entry.source), number(entry), ",".join(options) or "rw")


def number(entry: Entry) -> str:
    """The name of a source's place among those of its container."""
    return str(entry.prepared).rpartition("/")[2]


def brought(script: str) -> Dict[str, str]:
    """The sources that a hook of a config brings to places of their own, by the numbers of those places."""
    words = shlex.split(shlex.split(script)[-1]) if script.startswith("sh -c '") and "bring() " in script else []
    return {words[at + 2]: words[at + 1] for at, word in enumerate(words) if word == "bring"}


def mounted_again(entries: Sequence[Entry]) -> List[str]:
    """The commands that give bind mounts the options that LXC leaves out, as it does where a mount can be written."""
    commands: List[str] = []
    for entry in entries:
        missed = missed_by_lxc(entry)
        if missed and "ro" not in entry.options:
            command = mount_again(entry.target, ["rw", *missed])
            commands.append("{ %s || :; }" % command if "optional" in entry.options else command)
    return commands


def missed_by_lxc(entry: Entry) -> List[str]:
    """The options of a bind mount that LXC does not see to."""
    binds = entry.binds() and not entry.prepared
    return [word for word in entry.options if word in POINT_OPTIONS] if binds else []


def mounted_below(entries: Sequence[Entry], host: Host) -> List[str]:
    """The commands for what comes along with a bind mount, since it is mounted below its source on the target.

    It gets the options of the mount. Whether that was done is seen after the start.
    """
    commands: List[str] = []
    for entry in entries:
        if entry.prepared or not entry.binds() or "rbind" not in entry.options:
            continue
        missed = missed_by_lxc(entry)
        for path, had in host.below.get(entry.source, ()):
            # Options that a mount has cannot be taken from it in a user namespace.
            kept = [word for word in had if word in (*POINT_OPTIONS, *TIME_OPTIONS, "ro") and word not in missed]
            given = ["ro" if "ro" in entry.options and "ro" not in kept else "", *missed]
            if any(given):
                again = mount_again(entry.target + path, [*filter(None, given), *kept])
                commands.append("{ %s || :; }" % again)
    return commands


def mount_again(path: str, options: Sequence[str]) -> str:
    """The command that gives a mount of the container other options."""
    return 'mount -o remount,bind,%s "$LXC_ROOTFS_MOUNT"%s' % (",".join(options), shlex.quote("/" + path.lstrip("/")))
