# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hook that waits for other containers, run by a shell with programs in the place of LXC's."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import Check
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_config, start_waits
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.start_waits import Dependency

SHELL = ("/usr/bin/sh",)
# A container runs, with this very process as its PID 1, once there is a file of its name. What is run in it fails until
# there is a file `works`.
PROGRAMS = {
    "lxc-info": 'echo "info $*" >> log; [ -e "$4" ] && echo State: RUNNING && echo PID: {pid}',
    "lxc-attach": 'echo "attach $*" >> log; [ -e works ]',
    "logger": 'echo "logger $*" >> log',
    "sleep": 'echo sleep >> log; [ "$(grep -c sleep log)" -lt 3 ] || touch db works; exec /bin/sleep 0.2',
}


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    for name, text in PROGRAMS.items():
        program = tmp_path / "bin" / name
        program.write_text("#!/bin/sh\n" + text.format(pid=os.getpid()) + "\n", encoding="ascii")
        program.chmod(0o755)
    return tmp_path


def run(place: Path, *others: Dependency, waited: str = "") -> list[str]:
    """What the programs were called with, without their repetitions."""
    ((key, hook),) = start_waits.lines(others)
    assert key == "lxc.hook.pre-start"
    (place / "log").touch()
    more = {"LXC_CONFIG_FILE": "/l x/web/config", "LXC_NAME": "web", **({start_waits.WAITED: "1"} if waited else {})}
    environment = {"PATH": f"{place}/bin:{os.environ['PATH']}", **more}
    subprocess.run([*shlex.split(hook), "web", "lxc", "pre-start"], cwd=place, env=environment, check=True)
    return list(dict.fromkeys((place / "log").read_text(encoding="ascii").splitlines()))


INFO = "info -P /l x -n db -s -p"
ATTACH = "attach -q -P /l x -n db --clear-env -- "


def test_it_waits_until_the_container_runs(place: Path) -> None:
    assert run(place, Dependency("db")) == [INFO, "sleep"]
    assert (place / "db").exists()


def test_it_does_not_wait_where_that_was_done(place: Path) -> None:
    assert run(place, Dependency("db"), waited="1") == []


def test_it_does_not_wait_for_what_is_ready(place: Path) -> None:
    (place / "db").touch()
    (place / "works").touch()
    check = Check(command=("/bin/a b", "it's $x"), stable=0.0)
    assert run(place, Dependency("db", (check,))) == [INFO, ATTACH + "/bin/a b it's $x"]


def test_it_waits_for_a_program(place: Path) -> None:
    (place / "db").touch()
    check = Check(command=("/bin/check",), stable=0.0)
    assert run(place, Dependency("db", (check,))) == [INFO, ATTACH + "/bin/check", "sleep"]


def test_it_looks_for_a_file_in_the_container(place: Path) -> None:
    (place / "db").touch()
    (place / "works").touch()
    check = Check(file="/run/it's $ready", stable=0.0)
    expected = ATTACH + '/usr/bin/sh -c [ -e "$1" ] sh /run/it\'s $ready'
    assert run(place, Dependency("db", (check,), SHELL)) == [INFO, expected]


def test_it_looks_for_a_port(place: Path) -> None:
    import socket

    (place / "db").touch()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        silent = run(place, Dependency("db", (Check(tcp=port, timeout=0.0, stable=0.0),)))
        assert silent == [INFO, "logger -t softwarecontainer web is started, although db is not ready"]
        listening.listen()
        (place / "log").unlink()
        assert run(place, Dependency("db", (Check(tcp=port, timeout=0.0, stable=0.0),))) == [INFO]


def test_its_time_is_up(place: Path) -> None:
    """The other ones are waited for all the same."""
    late = Dependency("late", (Check(tcp=1, timeout=0.0),))
    assert run(place, late, Dependency("db")) == [
        "info -P /l x -n late -s -p",
        "logger -t softwarecontainer web is started, although late is not ready",
        INFO,
        "sleep",
    ]


def test_it_has_to_stay_ready(place: Path) -> None:
    (place / "db").touch()
    (place / "works").touch()
    begun = time.monotonic()
    run(place, Dependency("db", (Check(command=("/bin/check",), stable=1.5),)))
    # Whole seconds of /proc/uptime.
    assert 1 <= time.monotonic() - begun < 10


def test_nothing_to_wait_for() -> None:
    assert start_waits.lines([]) == []


def test_a_file_without_a_shell() -> None:
    with pytest.raises(ContainerError, match=r"^after\[1\]: at boot the check 'file /run/a' of db could not be made"):
        start_waits.lines([Dependency("x"), Dependency("db", (Check(file="/run/a"),))])


@pytest.mark.parametrize(
    ("given", "shell"),
    [
        ({"ready": [{"tcp": 80}]}, ()),
        ({"ready": [{"file": "/a"}]}, SHELL),
        ({"ready": [{"file": "/a"}], "busybox": {"method": "none"}}, ("/usr/bin/sh",)),
        ({"ready": [{"file": "/a"}], "busybox": {"method": "none"}, "system_mounts": False}, ()),
    ],
)
def test_the_shell_of_a_dependency(given: dict[str, Any], shell: tuple[str, ...]) -> None:
    host = Host(shell="/usr/bin/sh", busyboxes={None: Binary("/bin/busybox", "00", 1, ("sh",), None)})
    container = keys.CONTAINER({"name": "db", **given})
    assert start_waits.dependency(container, host) == Dependency("db", container.ready, shell)


def test_the_others_are_read_back() -> None:
    checks = (
        Check(
            command=("await", "x"),
        ),
    )
    ((key, hook),) = start_waits.lines([Dependency("db", checks), Dependency("c.d_e-f")])
    text = "lxc.uts.name = web\n%s = %s\n" % (key, hook)
    assert start_waits.others(text) == ("db", "c.d_e-f")
    assert start_waits.others("lxc.uts.name = web\n") == ()
    # It is no change for a container that runs.
    assert lxc_config.running_part(text) == ["lxc.uts.name = web"]
