# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Talks to LXC (I/O): one narrow interface to the `lxc` Python binding or to the lxc-* tools.

Nothing else in this collection knows how LXC is called. Both have the same methods, and take the names of containers
that have a config below `lxc_path`. A call that fails raises ContainerError with LXC's own words.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import subprocess
from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import ContainerError, RefusedError
from ..target import processes
from ..workers import pool
from . import programs
from .programs import binding, call

STATES = ["STOPPED", "STARTING", "RUNNING", "STOPPING", "ABORTING", "FREEZING", "FROZEN", "THAWED"]
# The upper limit for the time of a start, in seconds.
START_MAX = 86400
# The longest name of an abstract socket that LXC does not hash, see commands_utils.c.
SOCKET_NAME_MAX = 104
# The forms of such a name: with the path of the containers, or with a hash.
COMMAND_SOCKET = re.compile(r"@(/.*)/[^/]+/command")
HASHED_SOCKET = re.compile(r"@lxc/[0-9a-f]{16}/command")
DUMMY = "softwarecontainer-check"
FAILURE = re.compile(r" ERROR +(?!af_unix |commands )(?=\S)")


class LoadError(ContainerError):
    """LXC cannot load the config of a container."""


class Status(NamedTuple):
    """What LXC reports of a container: its state, and the PID of its PID 1 on the target.

    `monitored`: whether LXC's monitor is alive. Without it LXC reports STOPPED, even if processes are still alive.
    """

    state: str
    pid: Optional[int] = None
    monitored: bool = True


class Binding(NamedTuple):
    """LXC through its Python binding.

    `spellings`: the paths by which LXC may know the directory of the containers, the user's first, see place_of.
    """

    lxc_path: str
    kind: str = "binding"
    spellings: Tuple[str, ...] = ()

    def version(self) -> str:
        """Return the version of liblxc."""
        return str(binding().version)

    def container(self, name: str) -> Any:
        """Return LXC's object of a container.

        Only for a name that exists, because LXC makes a directory for its lock. Raises LoadError.
        """
        try:
            return binding().Container(name, place_of(self, name))
        except RuntimeError:
            raise unloadable(self.lxc_path, name) from None

    def get_ready(self) -> None:
        """Load the binding once, before each of many processes would load it."""
        binding()

    def get_ready_to_start(self) -> None:
        """Find out once how containers can be started, before each of many processes would."""
        starts_by_program()

    def status(self, name: str) -> Status:
        """Return the state and PID 1 of one container."""
        container = self.container(name)
        state, pid = container.state, container.init_pid
        return Status(state_named(state), pid if pid > 0 else None)

    def start(self, name: str, log: str) -> None:
        """Start a container and wait until LXC reports RUNNING. LXC writes its errors to the log.

        LXC's own program is used if there is one: a start forks several times, and LXC's monitor is a fork that stays.
        From Python with a module loaded, the start takes a quarter longer, and the monitor needs three times the
        memory.
        """
        if starts_by_program():
            Tools(self.lxc_path, spellings=self.spellings).start(name, log)
            return
        container = self.container(name)
        container.set_config_item("lxc.log.file", log)
        container.set_config_item("lxc.log.level", "INFO")
        if not container.start(close_fds=True):
            raise ContainerError("LXC did not start it")

    def halt(self, name: str) -> None:
        """Ask PID 1 to end, without waiting."""
        self.container(name).shutdown(0)

    def kill(self, name: str) -> None:
        """Kill all processes of a container."""
        self.must(name, "stop")

    def freeze(self, name: str) -> None:
        """Freeze a container: none of its processes is scheduled."""
        self.must(name, "freeze")

    def unfreeze(self, name: str) -> None:
        """Unfreeze a container: its processes are scheduled again."""
        self.must(name, "unfreeze")

    def must(self, name: str, verb: str) -> None:
        """Call a method that returns whether it succeeded. Raises ContainerError if it did not."""
        if not getattr(self.container(name), verb)():
            raise ContainerError("LXC could not %s it" % verb)

    def load(self, place: str, path: str, log: str) -> bool:
        """Return whether LXC can load a config. LXC writes its errors to the log."""
        container = binding().Container(DUMMY, place)
        container.clear_config()
        container.set_config_item("lxc.log.file", log)
        container.set_config_item("lxc.log.level", "ERROR")
        return bool(container.load_config(path))


class Tools(NamedTuple):
    """LXC through its lxc-* programs.

    `spellings`: the paths by which LXC may know the directory of the containers, the user's first, see place_of.
    """

    lxc_path: str
    kind: str = "tools"
    spellings: Tuple[str, ...] = ()

    def version(self) -> str:
        """Return the version of LXC."""
        return call(["lxc-start", "--version"]).strip()

    def get_ready(self) -> None:
        """Do nothing: there is nothing to load."""

    def get_ready_to_start(self) -> None:
        """Do nothing: there is nothing to find out."""

    def status(self, name: str) -> Status:
        """Return the state and PID 1 of one container."""
        try:
            text = call(["lxc-info", "-n", name, "-P", place_of(self, name), "-s", "-p", "-H"]).split("\n")
        except ContainerError as error:
            raise (unloadable(self.lxc_path, name) if "Failed to load config" in str(error) else error) from None
        values = dict(re.split(r":\s+", line, maxsplit=1) for line in text if ":" in line)
        pid = int(values.get("PID", "-1"))
        return Status(state_named(values.get("State", "")), pid if pid > 0 else None)

    def start(self, name: str, log: str) -> None:
        """Start a container and wait until LXC reports RUNNING. LXC writes its errors to the log."""
        # At this level the log tells how PID 1 ends, see plan/lifetime.py.
        argv = ["lxc-start", "-n", name, "-P", paths_of(self)[0], "-d", "-q", "-o", log, "-l", "INFO"]
        # The caller ends a start that takes too long.
        call(argv, "LXC did not start it", START_MAX)

    def halt(self, name: str) -> None:
        """Ask PID 1 to end, without waiting."""
        call(["lxc-stop", "-n", name, "-P", place_of(self, name), "--nokill", "--nowait"])

    def kill(self, name: str) -> None:
        """Kill all processes of a container."""
        call(["lxc-stop", "-n", name, "-P", place_of(self, name), "--kill"])

    def freeze(self, name: str) -> None:
        """Freeze a container: none of its processes is scheduled."""
        call(["lxc-freeze", "-n", name, "-P", place_of(self, name)])

    def unfreeze(self, name: str) -> None:
        """Unfreeze a container: its processes are scheduled again."""
        call(["lxc-unfreeze", "-n", name, "-P", place_of(self, name)])

    def load(self, place: str, path: str, log: str) -> bool:
        """Return whether LXC can load a config. LXC writes its errors to the log."""
        os.makedirs("%s/%s" % (place, DUMMY), exist_ok=True)
        shutil.copyfile(path, "%s/%s/config" % (place, DUMMY))
        argv = ["lxc-info", "-n", DUMMY, "-P", place, "-s", "-q", "-o", log, "-l", "ERROR"]
        return subprocess.run(argv, **programs.QUIET, stdin=subprocess.DEVNULL, check=False).returncode == 0


Runtime = Union[Binding, Tools]


def choose(wanted: str, lxc_path: Optional[str]) -> Runtime:
    """Return the binding or the tools: `auto` takes the binding if the target has it.

    Raises RefusedError if LXC, or the binding that was asked for, is missing.
    """
    bound = wanted != "tools" and programs.has_binding()
    tools = programs.has_tools()
    if wanted == "binding" and not bound:
        raise RefusedError("runtime: the Python of the target has no module lxc; install python3-lxc, or use tools")
    if not bound and not tools:
        raise RefusedError("LXC was not found on the target: there is no lxc-start in PATH; install LXC")
    own = programs.own_path_by_binding if bound else programs.own_path_by_tools
    directory = lxc_path or own()
    path, known_as = os.path.realpath(directory), spellings(directory, own)
    return Binding(path, spellings=known_as) if bound else Tools(path, spellings=known_as)


def spellings(lxc_path: str, own: Callable[[], str]) -> Tuple[str, ...]:
    """Return the paths by which LXC knows, or may know, the directory of the containers: the given one, then others.

    LXC names the socket of a running container by the path that it was started with. With another path the container
    looks stopped. If the directory is reached through links, LXC at boot, or a person who starts a container by hand,
    may spell it differently than the user of this collection. The result is empty if there is no other spelling.
    """
    lxc_path, real = lxc_path.rstrip("/"), os.path.realpath(lxc_path)
    names = sockets()
    found = {real, *(match.group(1) for match in map(COMMAND_SOCKET.fullmatch, names) if match)}
    if any(map(HASHED_SOCKET.fullmatch, names)):
        # For a long path the socket's name contains only a hash.
        found.add(own().rstrip("/"))
    others = sorted(path for path in found - {lxc_path} if os.path.realpath(path) == real)
    return (lxc_path, *others) if others else ()


def paths_of(lxc: Runtime) -> Tuple[str, ...]:
    """Return the same for a runtime, never empty: at least its lxc_path."""
    return lxc.spellings or (lxc.lxc_path,)


def place_of(lxc: Runtime, name: str) -> str:
    """Return the directory of the containers: spelled as for this container if it runs, else as the user spells it."""
    paths = paths_of(lxc)
    if len(paths) == 1:
        return paths[0]
    present = set(sockets())
    return next((path for path in paths if socket_name(path, name) in present), paths[0])


@functools.lru_cache(maxsize=None)
def starts_by_program() -> bool:
    """Return whether lxc-start is there and has the same version of LXC as the binding."""
    own = Binding("").version()
    with contextlib.suppress(ContainerError):
        return Tools("").version() == own
    return False


def unloadable(lxc_path: str, name: str) -> LoadError:
    """Return the error for a config that LXC cannot load."""
    return LoadError("LXC cannot load %s/%s/config; let the config stage render it again" % (lxc_path, name))


def state_named(state: str) -> str:
    """Return a state that LXC has reported. Raises ContainerError for one that is unknown: never assume a default."""
    if state not in STATES:
        raise ContainerError("LXC reports the unknown state %r" % (state,))
    return state


def sockets() -> List[str]:
    """Return the names of the sockets of this network namespace. Abstract ones start with @. See proc(5)."""
    return socket_names(processes.sockets_text())


def command_sockets(lxc: Runtime, name: str) -> List[str]:
    """Return the names that the command socket of a container's monitor may have, as in /proc/net/unix."""
    return [socket_name(path, name) for path in paths_of(lxc)]


def socket_name(lxc_path: str, name: str) -> str:
    """Return the name of a container's command socket, see lxc_make_abstract_socket_name in commands_utils.c."""
    text = "@%s/%s/command" % (lxc_path, name)
    if len(os.fsencode(text)) <= SOCKET_NAME_MAX + 1:
        return text
    number = 0xCBF29CE484222325
    for byte in os.fsencode("%s/%s" % (lxc_path, name)):
        number = ((number ^ byte) * 0x100000001B3) % (1 << 64)
    return "@lxc/%016x/command" % number


def socket_names(text: str) -> List[str]:
    """Return the names in the text of /proc/net/unix."""
    return [name for name, _inode in processes.named_sockets(text)]


def halt_all(lxc: Runtime, names: Sequence[str]) -> None:
    """Ask PID 1 of each container to end, without waiting. Containers that cannot be asked are killed later.

    Through the binding this is one message, which is not worth a process each.
    """
    if lxc.kind == "tools":
        pool.each(lxc.halt, names, programs.PATIENCE)
        return
    for name in names:
        with contextlib.suppress(ContainerError):
            lxc.halt(name)


def error_lines(log: str, offset: int = 0) -> Tuple[str, ...]:
    """Return the messages of the ERROR lines in LXC's log, in order, each once, without time and source position.

    Those of LXC's client are left out: it cannot reach a container that has ended, as everybody can see.
    """
    try:
        with open(log, encoding="utf-8", errors="replace") as stream:
            stream.seek(offset)
            lines = stream.read(65536).splitlines()
    except FileNotFoundError:
        return ()
    found = [re.split(r" - \S+\.c:\w+:\d+ - ", line, maxsplit=1)[-1] for line in lines if FAILURE.search(line)]
    return tuple(dict.fromkeys(found))
