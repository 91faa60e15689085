# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what LXC records of a container's life beside its rootfs: its output, its starts and its ends.

Two hooks write one short line each, also when the target boots: `start-host` runs after all is set up and just before
PID 1 begins, `stop` after PID 1 has ended and before LXC removes the cgroups, which count what was killed for want of
memory. model/history.py reads the lines. They need a shell, ls and tail.

How PID 1 has ended, only LXC's monitor knows, and it tells nothing but its log, at level INFO. Every lxc-attach writes
more there, so only a container whose command has no supervisor gets one.
"""

from __future__ import annotations

import shlex
from typing import List, Tuple

from ..container_spec.records import Container
from .launch import Launch, size_of_log
from .lxc_hooks import shell

# The directory for it in a container's own directory, and the files in it.
DIRECTORY = "log"
OUTPUT, OLDER, LXC_LOG, START, END = "output", "output.1", "lxc", "start", "end"
# The line of a start: number, boot, seconds since boot, inode and size of the output, file that counts kills.
# `ls` is the one program that tells inode and size at once everywhere.
AT_START = (
    'cd %s || exit 0; n=0; for f in end start; do read -r m _ < $f && [ "$m" -ge $n ] && n=$m; done;'
    " [ ! -e lxc ] || : > lxc; read -r boot < /proc/sys/kernel/random/boot_id; read -r up _ < /proc/uptime; count=-;"
    " while IFS=: read -r _ kind path; do case ,$kind, in"
    " *,memory,*) f=/sys/fs/cgroup/memory$path/memory.oom_control;;"
    ' ,,) f=/sys/fs/cgroup$path/memory.events;; *) continue;; esac; [ -e "$f" ] && count=$f;'
    " done < /proc/$LXC_PID/cgroup;"
    ' set -- $(ls -lin output); echo "$((n + 1)) $boot $up ${1:-0} ${6:-0} $count" > start'
)
# The line of an end: number of the start, boot, seconds since boot, how PID 1 ended, and how many processes were killed.
AT_END = (
    "cd %s || exit 0; read -r n boot _ _ _ count < start; read -r up _ < /proc/uptime; how=-; oom=-;"
    ' if [ -s lxc ]; then how=status=0; text=$(tail -n 20 lxc); mark="Child <$LXC_PID> ended on"; case $text in'
    ' *"$mark error ("*) how=status=${text##*"$mark error ("};;'
    ' *"$mark signal "*) how=${text##*"$mark signal "}; how=signal=${how#*"("};; esac; : > lxc; fi;'
    ' while read -r key value _; do [ "$key" = oom_kill ] && oom=$value; done < "$count";'
    ' echo "$n $boot $up ${how%%%%)*} $oom" > end'
)

# Sends the output on. It follows the file, so that a log daemon that hangs does not keep the container waiting.
FOLLOWER = "follower"
SEND = {"syslog": "logger -t %s", "journald": "systemd-cat -t %s"}
KEEP_NUMBER = "& echo $! > " + FOLLOWER
FOLLOW = "; %s; : >> output; setsid sh -c %s sh $((${6:-0} + 1)) < /dev/null > /dev/null 2>&1 " + KEEP_NUMBER
# Ends what follows the output. Each program of it has the directory as its own. A tail may look only once a second.
UNFOLLOW = '{ read -r p < follower && [ "/proc/$p/cwd" -ef . ] && %skill -TERM "-$p"; rm -f follower; }'

Line = Tuple[str, str]


def lines(container: Container, launched: Launch, root: str) -> List[Line]:
    """Return the lines for a container; `root` is its own directory."""
    place = "%s/%s" % (root, DIRECTORY)
    found: List[Line] = []
    if launched.keeps_output:
        found += [
            ("lxc.console.logfile", "%s/%s" % (place, OUTPUT)),
            ("lxc.console.size", str(size_of_log(container))),
            ("lxc.console.rotate", "1"),
        ]
    unwatched = (container.init or container.command) and not launched.supervised
    if unwatched and not any(key.startswith("lxc.log.") for key, _values in container.lxc):
        found += [("lxc.log.file", "%s/%s" % (place, LXC_LOG)), ("lxc.log.level", "INFO")]
    at_start, at_end = (text % shlex.quote(place) for text in (AT_START, AT_END))
    if launched.keeps_output and container.log and container.log.driver in SEND:
        send = 'tail -c "+$1" -F output | ' + SEND[container.log.driver] % shlex.quote(container.name)
        at_start += FOLLOW % (UNFOLLOW % "", shlex.quote(send))
        at_end += "; " + UNFOLLOW % "sleep 1 && "
    hooks = (("lxc.hook.start-host", at_start), ("lxc.hook.stop", at_end))
    # LXC starts no container with a hook that fails.
    return found + [(key, "/bin/" + shell("{ %s; } 2>/dev/null; :" % text)) for key, text in hooks]


def sends_output(config: str) -> bool:
    """Return whether a container with this config has a process that sends its output to a log daemon."""
    return KEEP_NUMBER in config
