# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the hook with which a container waits, where LXC starts it by itself, until those in its `after` are ready.

At boot LXC starts one container after the other, and nothing else is there to wait. The hook looks once a second. When
its time is up it notes that in the target's log and lets the container start: nobody would start it later. Where the
module container starts containers, it has waited itself, and the hook ends at once.

The hook needs a shell, grep and LXC's tools. Programs are run in a container by lxc-attach, as the module ready does
it; ports are looked up in the kernel's list of sockets. It opens nothing below a rootfs.
"""

from __future__ import annotations

import math
import shlex
from typing import List, NamedTuple, Sequence, Tuple

from ..container_spec.records import Check, Container
from ..errors import ContainerError
from ..model.host import Host
from . import launch
from .lxc_hooks import UNCONFINED, shell

# Whoever starts containers with this variable set has waited already.
WAITED = "SOFTWARECONTAINER_WAITED"
# The first words of the hook. It affects the next start alone, so this line is no change for a running container.
FIRST = "sh -c ': waits for others; "
# How many seconds to wait for a container that has no checks, and how many an attempt of one program may take.
RUNNING_SECONDS, PROGRAM_SECONDS = 30, 10
# Returns from `look` whether container $n runs and `ready` holds; from `await`, after $2 seconds at most, when that has
# held for $3 seconds. The clock may be set during a boot, so the seconds are those since the kernel started.
FUNCTIONS = (
    'p=${LXC_CONFIG_FILE%%/*/*}; limit=; ! command -v timeout >/dev/null || limit="timeout %d"' % PROGRAM_SECONDS,
    'run() { $limit lxc-attach -q -P "$p" -n "$n" --clear-env -- "$@" </dev/null >/dev/null 2>&1; }',
    'listens() { grep -qsE ":$1 [0:]+ 0A " "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6"; }',
    'look() { set -- $(lxc-info -P "$p" -n "$n" -s -p 2>/dev/null); pid=$4; [ "$2" = RUNNING ] && ready; }',
    "now() { read -r now _ < /proc/uptime; now=${now%.*}; }",
    'note() { logger -t softwarecontainer "$LXC_NAME is started, although $n is not ready" 2>/dev/null || :; }',
    "await() { n=$1; now; end=$((now + $2)); since=;"
    " while :; do"
    " if look; then now; since=${since:-$now}; [ $((now - since)) -lt $3 ] || return 0;"
    " else now; since=; [ $now -lt $end ] || { note; return 0; }; fi;"
    " sleep 1; done; }",
)


class Dependency(NamedTuple):
    """A container that another one comes after: its checks, and a shell in it, with which to look for files."""

    name: str
    checks: Tuple[Check, ...] = ()
    shell: Tuple[str, ...] = ()


def dependency(container: Container, host: Host) -> Dependency:
    """Return what has to be known of a container that others come after."""
    if all(check.file is None for check in container.ready):
        return Dependency(container.name, container.ready)
    return Dependency(container.name, container.ready, launch.shell_of(container, host))


def lines(dependencies: Sequence[Dependency]) -> List[Tuple[str, str]]:
    """Return the line of the hook, if the container comes after others. Raise ContainerError if it could not ask them."""
    if not dependencies:
        return []
    waits = [words for index, each in enumerate(dependencies) for words in awaited(index, each)]
    script = "; ".join(['[ -z "$%s" ] || exit 0' % WAITED, UNCONFINED, *FUNCTIONS, *waits])
    return [("lxc.hook.pre-start", FIRST + shell(script)[len("sh -c '") :])]


def awaited(index: int, other: Dependency) -> List[str]:
    """Return the commands that wait for one container."""
    looks = [look(index, other, check) for check in other.checks] or [":"]
    seconds = math.ceil(max((check.timeout for check in other.checks), default=RUNNING_SECONDS))
    stable = math.ceil(max((check.stable for check in other.checks), default=0))
    return ["ready() { %s; }" % " && ".join(looks), "await %s %d %d" % (other.name, seconds, stable)]


def look(index: int, other: Dependency, check: Check) -> str:
    """Return the command that makes one check."""
    if check.tcp is not None:
        return "listens %04X" % check.tcp
    if check.command is not None:
        return "run " + " ".join(map(shlex.quote, check.command))
    if not other.shell:
        raise ContainerError(
            "after[%d]: at boot the check 'file %s' of %s could not be made, since there is no shell in that container"
            % (index, check.file, other.name)
        )
    return "run %s -c %s sh %s" % (" ".join(other.shell), shlex.quote('[ -e "$1" ]'), shlex.quote(str(check.file)))


def others(text: str) -> Tuple[str, ...]:
    """Return the containers that a hook waits for, from the text of a config."""
    for line in text.splitlines():
        if line.startswith("lxc.hook.pre-start = " + FIRST):
            words = shlex.split(shlex.split(line.partition(" = ")[2])[-1])
            return tuple(words[at + 2] for at in range(len(words) - 2) if words[at : at + 2] == ["};", "await"])
    return ()
