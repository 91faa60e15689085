# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the hooks of a config. They do what LXC does not do by itself, also when the target boots.

`pre-start` runs as root of the target before LXC creates a namespace. It makes the gateway directory, and binds sources
with their options to places of its own, or makes nodes of devices there. Options that a mount has there are locked in the container's namespace, so the
container's root cannot remove them; see mount_namespaces(7). `mount` runs among the container's mounts, before the
container does. `post-stop` removes what `pre-start` has bound.

The hooks need a shell, mount, umount and mkdir, and for devices also cp, chown, ls and mknod. Those of
busybox will do.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Dict, Iterator, List, NamedTuple, Sequence, Tuple

from ..container_spec.records import Container
from ..model.host import Host
from ..model.id_map import Ids

if TYPE_CHECKING:
    from .lxc_mounts import Entry

# Options of a mount point, not of a file system.
POINT_OPTIONS = ("nosuid", "nodev", "noexec")
TIME_OPTIONS = ("noatime", "nodiratime", "relatime")
# The first words of the hook for mounts below sources. Those mounts come and go on the target, so this line is no
# change of the spec.
BELOW = "sh -c ': mounts below a source; "
# Makes an unbindable mount of the directory below /usr/lib at which LXC is about to mount the rootfs. Otherwise, a
# recursive bind mount that includes this directory would contain the container itself, once for each such mount.
HIDE_ROOTFS = (
    BELOW + 'mount -o bind "$LXC_ROOTFS_MOUNT" "$LXC_ROOTFS_MOUNT" && mount --make-unbindable "$LXC_ROOTFS_MOUNT"\''
)
# LXC's AppArmor profile for lxc-start allows hooks to mount only below /var/lib/lxc, but it allows them to leave the
# profile.
UNCONFINED = "{ echo changeprofile unconfined > /proc/self/attr/current; } 2>/dev/null || :"
# Removes the place. If a start was killed halfway, the mount there may still be a peer of the target's mount, and
# unmounting it would unmount the target's own mounts below the source.
TAKE_AWAY = "mount --make-rprivate %s && umount -l %s"
# Binds source $1 to place $2, including what is mounted below it, and keeps options $3 for HOLD. A device gets a new
# node that belongs to the container's root: in a user namespace, the target's node belongs to nobody. The cgroup still
# decides how the device may be used.
BRING = (
    'bring() { [ -e "$1" ] || return 0;'
    ' if [ -c "$1" ] || [ -b "$1" ]; then cp -pRL "$1" "$d/$2"; chown %d:%d "$d/$2"; return 0; fi;'
    ' if [ -d "$1" ]; then mkdir "$d/$2"; else : > "$d/$2"; fi;'
    ' mount -o rbind "$1" "$d/$2"; eval "options$2=$3"; }'
)
# Makes the node $2 of the device $1, of kind $3 (c or b) with the numbers $4 and $5, mode $6 and owner $7. The rule of the
# device cgroup has the same numbers, and after a boot they may be those of another device. `ls` writes "10, 200" or
# "10,200".
MAKE = (
    'node() { source=$1 number=$2 kind=$3 major=$4 minor=$5 mode=$6 owner=$7; set -- $(ls -nL "$source") x;'
    " case $5 in *,) now=$5$6;; *) now=$5;; esac; case $1 in $kind*) ;; *) now=;; esac;"
    ' [ "$now" = "$major,$minor" ] ||'
    ' { echo "gateways.devices: $source is not the device $kind $major:$minor any more" >&2; exit 1; };'
    ' mknod -m "$mode" "$d/$number" "$kind" "$major" "$minor"; chown "$owner" "$d/$number"; }'
)
# Removes copies of the places, of this container and of others, that a bind mount has included. No one else needs them,
# and every container that included them all would double their number.
FORGET = 'for one in "$d"/%s/*; do umount -l "$one" 2>/dev/null || :; done'
# Gives the bound mounts their options, in addition to those that they have. It reads the mounts in one pass: the shell
# reads letter by letter, and there may be thousands of mounts. `printf` takes \0040 for a blank whatever follows, but
# \040 not before a digit. A mount hidden by another one cannot be reached by its path, and the container cannot reach
# it either.
HOLD = (
    "while read -r _ _ _ _ point has _; do"
    ' case $point in "$d"/*) ;; *) continue;; esac;'
    ' number=${point#"$d"/}; eval "options=\\$options${number%%/*}"; path=;'
    " while case $point in *\\\\*) ;; *) false;; esac; do path=$path${point%%\\\\*}\\\\0; point=${point#*\\\\}; done;"
    ' path=$(printf %b "$path$point");'
    ' mount -o "remount,bind,${has%,idmapped},$options" none "$path" || [ ! -e "$path" ];'
    " done < /proc/self/mountinfo"
)
# A quotation mark within what quotation marks enclose.
QUOTE = "'\"'\"'"

Line = Tuple[str, str]


class Node(NamedTuple):
    """A node that a hook makes: c or b with the numbers of the device, mode, and user and group on the target."""

    device: str
    mode: int
    owner: Tuple[int, int]

    def words(self) -> str:
        """Return it as the last words of a call of the hook's function `node`."""
        return "%s %04o %d:%d" % (self.device.replace(":", " "), self.mode, *self.owner)


def lines(container: Container, entries: Sequence[Entry], host: Host, ids: Ids, place: str) -> List[Line]:
    """Return the lines of all hooks that these mounts need; `place` is the directory for the bound sources."""
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
    """Return a hook that runs a script. LXC appends words to the hook, which become parameters of the shell."""
    return "sh -c '" + script.replace("'", QUOTE) + "'"


def gateways(container: Container) -> List[str]:
    """Return the command that makes the gateway directory. Below /run, it is gone after a boot."""
    if not container.gateway_dir:
        return []
    path = shlex.quote(container.gateway_dir)
    return ["[ -d %s ] || { mkdir -p %s; chmod %04o %s; }" % (path, path, container.gateway_dir_mode, path)]


def prepare(entries: Sequence[Entry], ids: Ids, place: str) -> List[str]:
    """Return the commands that bind sources to their places, on a small file system of this container alone."""
    prepared = [entry for entry in entries if entry.prepared]
    if not prepared:
        return []
    user, group = ids.root()
    commands = [
        UNCONFINED,
        "d=" + shlex.quote(place),
        # If LXC's monitor was killed, the place is still there.
        "{ %s; } 2>/dev/null || :" % TAKE_AWAY % ('"$d"', '"$d"'),
        'mkdir -p "$d"',
        'mount -t tmpfs -o mode=0710,gid=%d,size=64k softwarecontainer "$d"' % group,
        'mount --make-private "$d"',
        *([BRING % (user, group)] if any(not entry.node for entry in prepared) else []),
        *([MAKE] if any(entry.node for entry in prepared) else []),
        *("node %s %s %s" % (shlex.quote(entry.source), number(entry), entry.node) for entry in prepared if entry.node),
    ]
    # Bind the sources with private propagation first: one mount call makes them all private, and the next one, for the
    # rest, leaves them private.
    for propagation, follows in (("rprivate", False), ("rslave", True)):
        some = [entry for entry in prepared if not entry.node and entry.follows() == follows]
        if some:
            commands += [bring(entry) for entry in some]
            commands.append('mount --make-%s "$d"' % propagation)
            commands += [
                FORGET % (number(entry) + shlex.quote(entry.places)) for entry in some if entry.places is not None
            ]
    return [*commands, HOLD] if any(not entry.node for entry in prepared) else commands


def bring(entry: Entry) -> str:
    """Return the command that binds a source to its place, by the shell's function `bring`."""
    options = [word for word in entry.options if word in (*POINT_OPTIONS, "ro")]
    return "bring %s %s %s" % (shlex.quote(entry.source), number(entry), ",".join(options) or "rw")


def number(entry: Entry) -> str:
    """Return the name of a source's place, which is a number within its container."""
    return str(entry.prepared).rpartition("/")[2]


def brought(script: str) -> Dict[str, str]:
    """Return the sources that a hook binds to places of their own, by the numbers of those places."""
    return {number: source for source, number in calls(script, "bring", 2)}


def nodes(script: str) -> Dict[str, Tuple[str, Node]]:
    """Return the devices of which a hook makes nodes, by the numbers of their places, and the nodes."""
    return {
        number: (source, Node("%s %s:%s" % (kind, major, minor), int(mode, 8), (int(owner[0]), int(owner[1]))))
        for source, number, kind, major, minor, mode, last in calls(script, "node", 7)
        # The next command may follow.
        for owner in [last.rstrip(";").split(":")]
    }


def calls(script: str, function: str, count: int) -> Iterator[List[str]]:
    """Return the words after the name of a function, where a hook calls it: so many of them, each time."""
    if not script.startswith("sh -c '") or function + "() " not in script:
        return
    words = shlex.split(shlex.split(script)[-1])
    for at, word in enumerate(words):
        if word == function:
            yield words[at + 1 : at + 1 + count]


def mounted_again(entries: Sequence[Entry]) -> List[str]:
    """Return the commands that give writable bind mounts the options that LXC ignores for them."""
    commands: List[str] = []
    for entry in entries:
        missed = missed_by_lxc(entry)
        if missed and "ro" not in entry.options:
            command = mount_again(entry.target, ["rw", *missed])
            commands.append("{ %s || :; }" % command if "optional" in entry.options else command)
    return commands


def missed_by_lxc(entry: Entry) -> List[str]:
    """Return the options of a bind mount that LXC ignores. With `idmap` it makes the mount by other calls, and ignores none."""
    binds = entry.binds() and not entry.prepared and not any(word.startswith("idmap=") for word in entry.options)
    return [word for word in entry.options if word in POINT_OPTIONS] if binds else []


def mounted_below(entries: Sequence[Entry], host: Host) -> List[str]:
    """Return the commands for mounts that a bind mount includes, because they are below its source on the target.

    They get the options of the bind mount. Whether that worked is verified after the start.
    """
    commands: List[str] = []
    for entry in entries:
        if entry.prepared or not entry.binds() or "rbind" not in entry.options:
            continue
        missed = missed_by_lxc(entry)
        for path, had in host.below.get(entry.source, ()):
            # In a user namespace, nobody can remove options that a mount has.
            kept = [word for word in had if word in (*POINT_OPTIONS, *TIME_OPTIONS, "ro") and word not in missed]
            added = ["ro" if "ro" in entry.options and "ro" not in kept else "", *missed]
            if any(added):
                again = mount_again(entry.target + path, [*filter(None, added), *kept])
                commands.append("{ %s || :; }" % again)
    return commands


def mount_again(path: str, options: Sequence[str]) -> str:
    """Return the command that gives a mount of the container other options."""
    return 'mount -o remount,bind,%s "$LXC_ROOTFS_MOUNT"%s' % (",".join(options), shlex.quote("/" + path.lstrip("/")))
