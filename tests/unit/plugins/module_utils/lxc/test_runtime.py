# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How LXC is reached: the choice, the words of its log, and the command line of a program that runs in a container."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc import attach, queries, runtime
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.attach import Program
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Binding, Tools

NO_LXC = "LXC was not found on the target: there is no lxc-start in PATH; install LXC"
NO_BINDING = "runtime: the Python of the target has no module lxc; install python3-lxc, or use tools"


def program(path: Path, text: str) -> None:
    """A program that is a script."""
    path.write_text("#!/bin/sh\n" + text, encoding="ascii")
    path.chmod(0o755)


@pytest.fixture(name="target")
def fixture_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is all of PATH and of Python's path, as of a target without LXC."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    for name in ("lxc", "_lxc"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield tmp_path
    for name in ("lxc", "_lxc"):
        sys.modules.pop(name, None)


def install(target: Path, *parts: str) -> None:
    """Give a target what the parts of LXC look like from outside."""
    if "tools" in parts:
        program(target / "lxc-start", "echo 5.0.2\n")
        program(target / "lxc-config", "echo /srv/of-tools\n")
    if "binding" in parts:
        (target / "lxc.py").write_text("def get_global_config_item(key): return '/srv/of-binding'\n", encoding="ascii")
    if "compiled" in parts:
        (target / "_lxc.py").write_text("", encoding="ascii")


ALL = ("tools", "binding", "compiled")
# What is wanted, what the target has, and what is taken, or why it cannot be.
CHOICES = {
    "auto takes the binding": ("auto", ALL, Binding("/srv/of-binding")),
    "auto without tools": ("auto", ALL[1:], Binding("/srv/of-binding")),
    "auto without binding": ("auto", ALL[:1], Tools("/srv/of-tools")),
    "auto with the binding of another Python": ("auto", ALL[:2], Tools("/srv/of-tools")),
    "auto without anything": ("auto", (), NO_LXC),
    "binding": ("binding", ALL, Binding("/srv/of-binding")),
    "binding that is missing": ("binding", ALL[:1], NO_BINDING),
    "binding of another Python": ("binding", ALL[:2], NO_BINDING),
    "tools": ("tools", ALL, Tools("/srv/of-tools")),
    "tools that are missing": ("tools", ALL[1:], NO_LXC),
}


@pytest.mark.parametrize(("wanted", "parts", "expected"), CHOICES.values(), ids=CHOICES)
def test_choose(target: Path, wanted: str, parts: tuple[str, ...], expected: object) -> None:
    install(target, *parts)
    if isinstance(expected, str):
        with pytest.raises(RefusedError) as caught:
            runtime.choose(wanted, None)
        assert str(caught.value) == expected
    else:
        assert runtime.choose(wanted, None) == expected


def test_choose_with_a_path(target: Path) -> None:
    install(target, *ALL)
    (target / "lxc-config").unlink()
    assert runtime.choose("tools", "/srv/own") == Tools("/srv/own")
    assert runtime.choose("auto", "/srv/own") == Binding("/srv/own")


@pytest.fixture(name="places")
def fixture_places(tmp_path: Path) -> Path:
    """Directories, and links to them."""
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / f"link-to-{name}").symlink_to(name)
    (tmp_path / "second").symlink_to("link-to-own")
    return tmp_path


@contextmanager
def monitored(*paths: str) -> Iterator[None]:
    """Sockets as LXC's monitors of containers have them, abstract ones, for the paths of containers."""
    with ExitStack() as stack:
        for path in paths:
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind("\0" + runtime.socket_name(*path.rsplit("/", 1))[1:])
        yield


@pytest.mark.parametrize("wanted", ["binding", "tools"])
def test_the_spelling_of_the_user(target: Path, places: Path, wanted: str) -> None:
    """LXC is told what the user has said, so that LXC's tools find it by that; all else is told the place itself."""
    install(target, *ALL)
    own = f"{places}/link-to-own"
    program(target / "lxc-config", f"echo {own}/\n")
    (target / "lxc.py").write_text(f"def get_global_config_item(key): return {own + '/'!r}\n", encoding="ascii")
    for given, place, spelled in (
        (None, "own", "link-to-own"),
        ("own", "own", "own"),
        ("link-to-own", "own", "link-to-own"),
        ("second", "own", "second"),
        ("other", "other", "other"),
        ("link-to-other", "other", "link-to-other"),
        ("to come", "to come", "to come"),
    ):
        reached = runtime.choose(wanted, given and f"{places}/{given}")
        assert reached.lxc_path == f"{places}/{place}"
        assert runtime.place_of(reached, "hmi") == f"{places}/{spelled}"


# The path that is given, those of containers that run, and the paths by which LXC may know them.
SPELLINGS = {
    "no link": ("own", (), []),
    "no link, and something runs": ("own", ("own/a", "other/a"), []),
    "a link": ("link-to-own", (), ["link-to-own", "own"]),
    "a link to a link": ("second", (), ["second", "own"]),
    "no link, and something runs by one": ("own", ("link-to-own/a", "link-to-other/a"), ["own", "link-to-own"]),
    "a link, and something runs by others": (
        "second",
        ("own/b", "link-to-own/a", "second/c"),
        ["second", "link-to-own", "own"],
    ),
    "not there yet": ("to come", ("own/a",), []),
}


@pytest.mark.parametrize(("given", "running", "expected"), SPELLINGS.values(), ids=SPELLINGS)
def test_spellings(places: Path, given: str, running: tuple[str, ...], expected: list[str]) -> None:
    with monitored(*(f"{places}/{name}" for name in running)):
        found = runtime.spellings(f"{places}/{given}", lambda: "/nowhere")
    assert found == tuple(f"{places}/{name}" for name in expected)


def test_the_spelling_of_a_long_path(places: Path) -> None:
    """Of which LXC's socket shows no more than a hash."""
    real = places / ("x" * 110)
    real.mkdir()
    (places / "short").symlink_to(real)
    with monitored(f"{real}/a"):
        assert runtime.spellings(f"{places}/short", lambda: str(real)) == (f"{places}/short", str(real))
        reached = Tools(str(real), spellings=(f"{places}/short", str(real)))
        assert runtime.place_of(reached, "a") == str(real)
        assert runtime.place_of(reached, "b") == f"{places}/short"


def test_the_name_of_a_socket() -> None:
    """As LXC 5.0.2 has named it."""
    assert runtime.socket_name("/var/lib/lxc", "hmi") == "@/var/lib/lxc/hmi/command"
    assert runtime.socket_name("/" + "x" * 90, "hmi") == "@/" + "x" * 90 + "/hmi/command"


@pytest.mark.parametrize("kind", [Tools, Binding])
def test_a_container_that_runs_is_asked_by_its_own_spelling(places: Path, kind: Any) -> None:
    paths = tuple(f"{places}/{name}" for name in ("second", "link-to-own", "own"))
    reached = kind(paths[-1], spellings=paths)
    with monitored(f"{places}/own/a", f"{places}/second/b"):
        assert runtime.place_of(reached, "a") == f"{places}/own"
        assert runtime.place_of(reached, "b") == f"{places}/second"
        assert runtime.place_of(reached, "c") == f"{places}/second"
        assert runtime.place_of(kind(f"{places}/second"), "a") == f"{places}/second"
        assert runtime.command_sockets(reached, "c") == [f"@{path}/c/command" for path in paths]


def test_a_binding_that_does_not_load(target: Path) -> None:
    install(target, *ALL)
    (target / "lxc.py").write_text("raise ImportError('liblxc.so.1: no such file')\n", encoding="ascii")
    with pytest.raises(RefusedError) as caught:
        runtime.choose("auto", None)
    assert str(caught.value) == (
        "runtime: the Python module lxc of the target cannot be loaded (liblxc.so.1: no such file);"
        " repair python3-lxc, or use tools"
    )


@pytest.mark.parametrize("state", runtime.STATES)
def test_a_state(state: str) -> None:
    assert runtime.state_named(state) == state


@pytest.mark.parametrize("state", ["", "running", "UNKNOWN", None, "RUNNING\n"], ids=repr)
def test_a_state_that_LXC_does_not_have(state: str) -> None:
    with pytest.raises(ContainerError) as caught:
        runtime.state_named(state)
    assert str(caught.value) == f"LXC reports the unknown state {state!r}"


def test_a_config_that_LXC_cannot_load() -> None:
    error = runtime.unloadable("/var/lib/lxc", "hmi")
    assert isinstance(error, runtime.LoadError)
    assert str(error) == "LXC cannot load /var/lib/lxc/hmi/config; let the config stage render it again"


def test_no_containers_have_no_states() -> None:
    assert queries.statuses(Tools("/var/lib/lxc"), []) == {}


SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 23456 @/var/lib/lxc/hmi/command
ffff8880037e4400: 00000002 00000000 00010000 0001 01   123 @/srv/my  containers/media/command
0000000000000000: 00000003 00000000 00000000 0001 03 19876
0000000000000000: 00000002 00000000 00010000 0001 01 19877 /run/dbus/socket
0000000000000000: 00000002 00000000 00010000 0001 01 19878 @odd\x0c\u2028\rname
"""


def test_sockets() -> None:
    assert runtime.socket_names(SOCKETS) == [
        "Path",
        "@/var/lib/lxc/hmi/command",
        "@/srv/my  containers/media/command",
        "/run/dbus/socket",
        "@odd\x0c\u2028\rname",
    ]
    assert runtime.socket_names("") == []


def test_a_socket_of_this_process_is_found() -> None:
    name = f"/my containers/{os.getpid()}/command"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0" + name)
        assert "@" + name in runtime.sockets()
    assert "@" + name not in runtime.sockets()


def test_who_has_no_socket_is_stopped(tmp_path: Path) -> None:
    """LXC itself is not asked, so that this holds also where a config is broken."""
    reached = Tools(str(tmp_path / "lxc"))
    assert queries.statuses(reached, ["hmi", "media"]) == {
        "hmi": runtime.Status("STOPPED"),
        "media": runtime.Status("STOPPED"),
    }


ATTACH = ["-n", "hmi", "-P", "/srv/lxc", "-o", "/run/log", "-l", "ERROR", "-q", "--clear-env"]
# The program, the arguments after those that all have, and the environment of lxc-attach itself.
ATTACHED = {
    "plain": (Program(("/bin/ls", "-l", "a b")), ["--", "/bin/ls", "-l", "a b"], {}),
    "an argument like an option": (Program(("--help", "--")), ["--", "--help", "--"], {}),
    "environment": (
        Program(("env",), (("A", "1\n2"), ("B", ""))),
        ["--keep-var=A", "--keep-var=B", "--", "env"],
        {"A": "1\n2", "B": ""},
    ),
    "environment that would reach LXC's own program": (
        Program(
            ("env",),
            (
                ("LD_PRELOAD", "/x.so"),
                ("PATH", "/bin"),
                ("A", "1"),
                ("LXC_X", "y"),
                ("GCONV_PATH", "/x"),
                ("LOCPATH", "z"),
            ),
        ),
        [
            "--keep-var=A",
            "--set-var=LD_PRELOAD=/x.so",
            "--set-var=PATH=/bin",
            "--set-var=LXC_X=y",
            "--set-var=GCONV_PATH=/x",
            "--set-var=LOCPATH=z",
            "--",
            "env",
        ],
        {"A": "1"},
    ),
    "user": (Program(("id",), (), 1000), ["--uid=1000", "--", "id"], {}),
    "root and group": (Program(("id",), (), 0, 0), ["--uid=0", "--gid=0", "--", "id"], {}),
    "group": (Program(("id",), (), None, 5), ["--gid=5", "--", "id"], {}),
}


@pytest.mark.parametrize(("run", "arguments", "environment"), ATTACHED.values(), ids=ATTACHED)
def test_attach(target: Path, run: Program, arguments: list[str], environment: dict[str, str]) -> None:
    program(target / "lxc-attach", "")
    argv, own = attach.attach(Tools("/srv/lxc"), "hmi", run, "/run/log")
    assert argv == [str(target / "lxc-attach"), *ATTACH, *arguments]
    assert own == environment


def test_attach_without_its_program(target: Path) -> None:
    with pytest.raises(ContainerError) as caught:
        attach.attach(Binding("/srv/lxc"), "hmi", Program(("ls",)), "/run/log")
    assert str(caught.value) == "there is no lxc-attach in PATH on the target; install LXC's tools"


LOG = """\
lxc-start hmi 20241123221500.101 INFO     conf - conf.c:run_script:338 - Executing script
lxc-start hmi 20241123221500.123 ERROR    network - network.c:netdev_configure_server_veth:711 - No such device - Failed
lxc-start hmi 20241123221500.124 ERROR    start - ../src/lxc/start.c:__lxc_start:2107 - Failed to spawn container "hmi"
lxc-start hmi 20241123221500.125 WARN     start - start.c:lxc_abort:1036 - No such process - A warning
lxc-start hmi 20241123221500.126 ERROR    start - ../src/lxc/start.c:__lxc_start:2107 - Failed to spawn container "hmi"
lxc-start hmi 20241123221500.127 ERROR    lxc_start - ../src/lxc/tools/lxc_start.c:main:306 - The container failed
"""


def test_error_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert runtime.error_lines(str(log)) == ()
    log.write_text(LOG, encoding="ascii")
    assert runtime.error_lines(str(log)) == (
        "No such device - Failed",
        'Failed to spawn container "hmi"',
        "The container failed",
    )
    assert runtime.error_lines(str(log), LOG.index("lxc-start hmi 20241123221500.127")) == ("The container failed",)
