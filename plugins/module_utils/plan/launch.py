# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: how the program of a container is launched: PID 1, the supervisor of the command, and where output goes.

With LXC's small init as PID 1, its child is a shell that runs the command, records how it ended, and starts it again
if the spec says so. It is in the container because a stop of the container, by whomever, must end it as well, and
because nothing on the target has to run for it or to be told of it at a boot. PID 1 itself would be the wrong place:
a shell does not reap the processes of others.

The output goes to the container's console, which LXC's monitor writes to a file of limited size. The monitor is there
anyway, reads on when the disk is full, and cannot end before the container.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import List, NamedTuple, Optional, Tuple

from ..container_spec.records import Container, Log, Restart
from ..container_spec.rules import INIT_DIRECTORY, OWN_DIRECTORY
from ..errors import ContainerError
from ..model.host import Host
from ..model.output import OURS
from . import lxc_mounts

SCRIPT = OWN_DIRECTORY + "/command"
# Where the supervisor records what it did. The container can write anything there.
RUNS = OWN_DIRECTORY + "/runs"
BUSYBOX = "/bin/busybox"
# The line of a config that names the program, for those who read it: LXC sees only the shell.
COMMENT = "# command: "
AGAIN_COMMENT = "# restart: "
# 68 years, the longest time that every sleep accepts, even with 32 bits.
IDLE_SECONDS = "2147483647"
# The longest pause between two restarts in seconds, unless the first one is longer, and how long a command must have
# run for its next restart to count as the first one again. Docker has the same.
PAUSE_MAX = 60
GOOD_RUN = 10
HALT = "lxc.signal.halt"
NEEDED = {
    "syslog": "the target has no program logger, or no syslog daemon that listens at /dev/log",
    "journald": "the target has no program systemd-cat, or no journald that listens in /run/systemd/journal",
}
# Variables of the environment that dash, busybox or bash set themselves or drop, so a command would not get those of a spec.
SHELLS_OWN = re.compile(
    "_|BASH.*|COMP_WORDBREAKS|EPOCH.*|EUID|FUNCNAME|HISTCMD|IFS|LINENO|OLDPWD|OPTERR|OPTIND|PPID|PS[124]|PWD|RANDOM|SHELLOPTS"
    "|SHLVL|SRANDOM|UID"
)
SHEBANG = "#!/bin/sh\n"
# A record is written over the one before, not into an emptied file: whoever is killed in between leaves one of them.
# PID 1 passes the signal for a stop, TERM, on to all processes. What a shell complains of goes to /dev/null, as LXC's
# own output does. The variables of the container's environment are the command's, so ours have other names. The container
# may have put a FIFO in the record's place, which is never read: that would wait for ever.
SUPERVISOR = """\
sc_asked= sc_restarts=0 sc_row=0 sc_status=- sc_ran=- sc_ended=-
[ ! -f %(runs)s ] || read -r _ _ _ sc_status sc_ran sc_ended < %(runs)s
trap sc_asked=1 TERM
note() { [ -L %(runs)s ] || echo "$1 $sc_restarts $sc_row $sc_status $sc_ran $sc_ended" 1<> %(runs)s; }
uptime() { read -r sc_up _ < /proc/uptime && sc_up=${sc_up%%.*}${sc_up#*.} || sc_up=0; }
%(raw)swhile :; do
  note running
  uptime; sc_begun=$sc_up
  (exec %(argv)s)%(output)s
  sc_status=$?
  uptime; sc_ran=$((sc_up - sc_begun)); sc_ended=$(%(date)s +%%s || echo -)
  if [ "$sc_asked" ]; then note stopped; exit $sc_status; fi
%(again)sdone
"""
ONCE = """\
  note ended
  exit $sc_status
"""
# The kill is for processes that the command has left behind. It must not reach those of another PID namespace.
AGAIN = """\
  [ $sc_ran -lt %(good_run)d ] || sc_row=0
  if %(last)s; then note ended; exit $sc_status; fi
  [ $PPID -ne 1 ] || kill -9 -1
  sc_pause=%(delay)d sc_i=0
  while [ $sc_i -lt $sc_row ] && [ $sc_pause -lt %(pause_max)d ]; do
    sc_pause=$((sc_pause * 2)) sc_i=$((sc_i + 1))
  done
  [ $sc_pause -lt %(pause_max)d ] || sc_pause=%(pause_max)d
  sc_row=$((sc_row + 1)) sc_restarts=$((sc_restarts + 1))
  note waiting
  (echo "%(ours)sthe command ended with $sc_status and is started again in $sc_pause s")%(output)s
  %(sleep)s $sc_pause & wait $! || sc_asked=${sc_asked:-failed}
  if [ "$sc_asked" = 1 ]; then note stopped; exit $sc_status; fi
  if [ "$sc_asked" ]; then note ended; exit $sc_status; fi
"""

Line = Tuple[str, str]


class Launch(NamedTuple):
    """How a container's program is launched.

    - `argv`: the command line for LXC, or for LXC's init.
    - `script`: the text of the script that `argv` runs, None if there is none.
    - `keeps_output`: whether LXC's monitor writes its output to a file.
    - `supervised`: whether the script records how the command ends.
    """

    argv: Tuple[str, ...]
    script: Optional[str] = None
    keeps_output: bool = False
    supervised: bool = False


def lines(container: Container, host: Host, launched: Launch) -> List[Line]:
    """Return the lines for PID 1: LXC's small init, which starts the command, or the init that the spec declares.

    Raise ContainerError if LXC's init is needed and missing or out of reach, or if no program can be run.
    """
    if container.init:
        return [("lxc.init.cmd", " ".join(launched.argv))]
    program = lxc_mounts.init_program(container, host)
    if not program:
        kind = "init.lxc" if container.system_mounts else "init.lxc.static, which is needed without system_mounts,"
        raise ContainerError("init: %s was not found on the target; install LXC's init or declare an init" % kind)
    inside = "%s/%s" % (INIT_DIRECTORY, program.rpartition("/")[2])
    if lxc_mounts.linked(INIT_DIRECTORY, container, host):
        inside = host.links.get(program, program)
        if not inside.startswith("/usr/"):
            raise ContainerError("init: %s cannot be reached from the container; declare an init" % program)
    # Without --name, init.lxc exits at once. It passes SIGTERM on to the command.
    words = (inside, "--name", container.name, "--", *launched.argv)
    return [("lxc.init.cmd", " ".join(words)), (HALT, "SIGTERM")]


def launch(container: Container, host: Host) -> Launch:
    """Return how the container's program is launched.

    Without a shell in the container, LXC runs the program itself, and nobody keeps its output or starts it again. LXC
    splits `lxc.init.cmd` at blanks and ignores quotes before 6.0, so other words need a shell. Raise ContainerError
    if there is no shell, and the spec needs one.
    """
    argv = wanted_argv(container, host)
    shell = shell_of(container, host)
    refusal = without_log(container, shell)
    if refusal and container.log and container.log.size:
        raise ContainerError("log: no output can be kept, since %s; declare none" % refusal)
    # A container that idles has no output.
    keeps = bool(size_of_log(container) and (container.command or container.init)) and not refusal
    driver = container.log.driver if container.log and keeps else "file"
    if driver != "file" and driver not in host.log_drivers:
        raise ContainerError("log.driver: %r cannot be had, since %s" % (driver, NEEDED[driver]))
    if not shell:
        if container.command and container.restart.policy != "never":
            raise ContainerError("restart.policy: there is no shell in the container to restart its command; use never")
        if not all(plain(word) for word in argv):
            key = "init" if container.init else "command"
            raise ContainerError(
                "%s: words with blanks or quotes need a shell in the container, and there is none" % key
            )
        return Launch(argv)
    supervised = bool(container.command) and HALT not in dict(container.lxc)
    if container.command and not supervised and container.restart.policy != "never":
        raise ContainerError("restart.policy: a command that gets another %s cannot be restarted; use never" % HALT)
    if not supervised and not keeps and all(plain(word) for word in argv):
        return Launch(argv)
    refuse_few_tasks(container, supervised)
    refuse_own_variables(container)
    once = "exec %s%s\n" % (quoted(argv), output(keeps))
    text = supervisor(container, host, argv, keeps) if supervised else once
    return Launch((*shell, SCRIPT), SHEBANG + text, keeps, supervised)


def refuse_few_tasks(container: Container, supervised: bool) -> None:
    """Raise ContainerError if not even what runs the command has room. PID 1, the shell and the command are three."""
    pids = container.limits.pids
    if supervised and pids is not None and pids < 3:
        raise ContainerError(
            "limits.pids: %d is too few for PID 1, the supervisor and the command; give at least 3" % pids
        )


def refuse_own_variables(container: Container) -> None:
    """Raise ContainerError if the shell would not pass a variable of the spec on to the command."""
    for name, _value in container.environment:
        if SHELLS_OWN.fullmatch(name):
            raise ContainerError(
                "environment.%s: the shell that runs the command has this variable for itself; use another name" % name
            )


def size_of_log(container: Container) -> int:
    """Return how much output of a container to keep, in bytes."""
    return (container.log or Log()).size


def without_log(container: Container, shell: Tuple[str, ...]) -> str:
    """Return why the output of a container cannot be kept, or an empty string."""
    if not shell:
        return "there is no shell in the container"
    if not container.autodev:
        return "autodev is off and the container has no /dev/console"
    own = [key for key, _values in container.lxc if key.startswith("lxc.console.")]
    return "lxc sets " + own[0] if own else ""


def shell_of(container: Container, host: Host) -> Tuple[str, ...]:
    """Return the command line of a shell in the container, empty if there is none that can read the script.

    That of the target comes first: all containers share its memory, and none can change it.
    """
    if covered(SCRIPT, container):
        return ()
    if container.system_mounts and host.shell and not covered(host.shell, container):
        return (host.shell,)
    own = container.busybox.method != "none" and "sh" in host.busybox(container.busybox.path).applets
    return (BUSYBOX, "sh") if own and not covered(BUSYBOX, container) else ()


def covered(path: str, container: Container) -> bool:
    """Return whether a mount or a volume of the spec hides a path of the container."""
    targets = [mount.target for mount in container.mounts] + [volume.target for volume in container.volumes]
    return any((path + "/").startswith(target.rstrip("/") + "/") for target in targets)


def supervisor(container: Container, host: Host, argv: Tuple[str, ...], keeps: bool) -> str:
    """Return the script that runs the command and records its end."""
    date, sleep, stty = (tool(name, container, host) for name in ("date", "sleep", "stty"))
    values = {"runs": RUNS, "argv": quoted(argv), "ours": OURS, "output": output(keeps), "date": date, "sleep": sleep}
    again = ONCE
    if container.restart.policy != "never":
        again = AGAIN % {**values, **restart_values(container.restart)}
    # The console is a terminal; it must not change line ends.
    raw = "(exec %s -opost) < /dev/console\n" % stty if keeps else ""
    return SUPERVISOR % {**values, "again": again, "raw": raw}


def restart_values(restart: Restart) -> dict:
    """Return what the part of the script that restarts depends on."""
    last = ["[ $sc_status -eq 0 ]"] if restart.policy == "on_failure" else []
    last += ["[ $sc_row -ge %d ]" % restart.limit] if restart.limit else []
    return {
        "last": " || ".join(last) or "false",
        "delay": restart.delay,
        "pause_max": max(PAUSE_MAX, restart.delay),
        # The script counts hundredths of a second, as /proc/uptime does.
        "good_run": GOOD_RUN * 100,
    }


def tool(name: str, container: Container, host: Host) -> str:
    """Return the command line of a small program in a container that has a shell: where its `sleep` is."""
    if container.system_mounts and host.sleep and not covered(host.sleep, container):
        return host.sleep[: -len("sleep")] + name
    return "%s %s" % (BUSYBOX, name)


def output(keeps: bool) -> str:
    """Return the redirections of the program. What LXC starts in the background has /dev/null for all three otherwise.

    Only a child of the shell may open the console, as a subshell is one: for a simple command some shells open files
    before they fork. A shell that leads its session would make the console its controlling terminal, and get a SIGHUP if
    LXC's monitor dies.
    """
    return " < /dev/null > /dev/console 2>&1" if keeps else ""


def quoted(argv: Tuple[str, ...]) -> str:
    """Return a command line for a shell."""
    return " ".join(map(shlex.quote, argv))


def comment(container: Container, host: Host) -> str:
    """Return the lines of the config that name the program, and the policy by which it is started again."""
    policy = container.restart.policy
    again = "" if policy == "never" or not container.command else "%s%s\n" % (AGAIN_COMMENT, policy)
    return "%s%s\n%s" % (COMMENT, json.dumps(wanted_argv(container, host)), again)


def restarts_in(config: str) -> bool:
    """Return whether a config is that of a container whose command is started again after its end."""
    return "\n" + AGAIN_COMMENT in config


def command_in(config: str) -> Tuple[str, ...]:
    """Return the program that a config names for its readers, with its arguments; empty if it names none."""
    found = re.search("(?m)^%s(.*)$" % COMMENT, config)
    try:
        return tuple(map(str, json.loads(found.group(1)))) if found else ()
    except (TypeError, ValueError):
        return ()


def wanted_argv(container: Container, host: Host) -> Tuple[str, ...]:
    """Return the program to run: the declared init, the declared command, or one that idles."""
    return container.init or container.command or idle(container, host)


def plain(word: str) -> bool:
    """Return whether LXC passes a word on unchanged."""
    return bool(word) and not any(letter.isspace() or letter in "'\"" for letter in word)


def idle(container: Container, host: Host) -> Tuple[str, ...]:
    """Return a command that idles forever. Raise ContainerError if the container would have no `sleep`."""
    if container.busybox.method != "none" and "sleep" in host.busybox(container.busybox.path).applets:
        return (BUSYBOX, "sleep", IDLE_SECONDS)
    if container.system_mounts and host.sleep:
        return (host.sleep, IDLE_SECONDS)
    raise ContainerError("command: there is no busybox and no sleep below /usr to idle with; declare a command")
