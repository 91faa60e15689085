# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which programs a config has LXC run, and where on the target they lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lifecycle import obstacles
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import lxc_hooks

# The command line of PID 1, the program that the config names for its readers, and the programs that are run.
PROGRAMS: dict[str, tuple[str, list[str], list[str]]] = {
    "LXC's own init": (
        "/usr/sbin/init.lxc --name a -- /bin/busybox sleep 9",
        ["/bin/busybox", "sleep", "9"],
        ["/usr/sbin/init.lxc", "/bin/busybox"],
    ),
    "our script": (
        "/usr/sbin/init.lxc --name a -- /bin/busybox sh /etc/softwarecontainer/command",
        ["/app", "/x"],
        ["/usr/sbin/init.lxc", "/bin/busybox", "/app"],
    ),
    "the static one": ("/usr/sbin/init.lxc.static --name a -- /app", [], ["/usr/sbin/init.lxc.static", "/app"]),
    "another init": ("/sbin/init -- /app", ["/sbin/init"], ["/sbin/init"]),
    "a name that is looked for": ("/usr/sbin/init.lxc --name a -- sleep 9", ["sleep"], ["/usr/sbin/init.lxc"]),
    "nothing": ("", [], []),
}


@pytest.mark.parametrize(("line", "command", "found"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs(line: str, command: list[str], found: list[str]) -> None:
    assert obstacles.programs([("lxc.init.cmd", "/old"), ("lxc.init.cmd", line)], command) == found


# A command, and whether a container surely lacks it. Its rootfs has /bin/app and the link /opt/link; /data is mounted.
LACKED = {
    "there": ("/bin/app", False),
    "not there": ("/bin/other", True),
    "no directory": ("/none/app", True),
    "below a file": ("/bin/app/x", True),
    "behind a link": ("/opt/link/app", False),
    "out of the rootfs": ("/../app", False),
    "in a mount": ("/data/app", False),
    "not in a mount": ("/data/other", True),
    "in a file system that is yet to come": ("/tmp/app", False),
    "a name": ("app", False),
    "a name that is nowhere": ("other", True),
}


@pytest.mark.parametrize(("program", "lacked"), LACKED.values(), ids=LACKED)
def test_a_program_that_is_not_there(tmp_path: Path, program: str, lacked: bool) -> None:
    for path in ("c/rootfs/bin", "c/rootfs/opt", "data"):
        (tmp_path / path).mkdir(parents=True)
    (tmp_path / "c/rootfs/bin/app").write_text("")
    (tmp_path / "data/app").write_text("")
    (tmp_path / "c/rootfs/opt/link").symlink_to("/data")
    lines = [
        ("lxc.mount.entry", f"{tmp_path}/data data none bind,ro 0 0"),
        ("lxc.mount.entry", "tmpfs tmp tmpfs rw 0 0"),
    ]
    assert obstacles.lacks(str(tmp_path / "c"), lines, program) is lacked


def test_the_PATH_of_the_container(tmp_path: Path) -> None:
    (tmp_path / "rootfs/opt").mkdir(parents=True)
    (tmp_path / "rootfs/opt/app").write_text("")
    assert obstacles.lacks(str(tmp_path), [], "app")
    assert not obstacles.lacks(
        str(tmp_path), [("lxc.environment", "A=b"), ("lxc.environment", "PATH=/bin:/opt")], "app"
    )


MOUNTS = [
    ("lxc.mount.entry", "/usr usr none rbind,ro 0 0"),
    ("lxc.mount.entry", "/opt/my\\040apps opt none bind,ro 0 0"),
    ("lxc.mount.entry", "tmpfs tmp tmpfs rw 0 0"),
    ("lxc.mount.entry", "/srv/other opt/deep none bind,ro 0 0"),
]
ORIGINS: dict[str, tuple[str | None, bool]] = {
    "/usr/bin/app": ("/usr/bin/app", True),
    "/opt/app": ("/opt/my apps/app", True),
    "/opt/deep/app": ("/srv/other/app", True),
    "/opt": ("/opt/my apps", True),
    "/tmp/app": (None, True),
    "/optional": (None, False),
    "/bin/busybox": (None, False),
}


@pytest.mark.parametrize(("path", "found"), ORIGINS.items(), ids=ORIGINS)
def test_origins(path: str, found: tuple[str | None, bool]) -> None:
    assert obstacles.origin(MOUNTS, path) == found


def test_what_the_rootfs_itself_has(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "busybox").write_bytes(b"program")
    (tmp_path / "bin" / "sh").symlink_to("/bin/busybox")
    (tmp_path / "bin" / "bound").touch()
    found = {name: obstacles.has_program(str(tmp_path), "/bin/" + name) for name in ("busybox", "sh", "bound", "none")}
    assert found == {"busybox": True, "sh": True, "bound": False, "none": False}


def test_what_lxc_create_leaves(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    obstacles.refuse_start(str(tmp_path), "c")
    (tmp_path / "c" / "partial").touch()
    with pytest.raises(ContainerError) as caught:
        obstacles.refuse_start(str(tmp_path), "c")
    assert f"{tmp_path}/c/partial" in str(caught.value)


def test_sources_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    sources = [f"{tmp_path}/{name}" for name in ("there", "is gone", "optional", "gateway")]
    targets = ["a", "my\\040b", "c", "gateways"]
    words = ["ro", "ro", "ro,optional", "rw"]
    brings = "; ".join(f"bring '{source}' {number} ro" for number, source in enumerate(sources))
    lines = [
        ("lxc.hook.pre-start", "/own/hook"),
        ("lxc.hook.pre-start", lxc_hooks.shell(f"bring() {{ :; }}; {brings}")),
    ]
    rows = enumerate(zip(targets, words))
    lines += [("lxc.mount.entry", f"/p/{number} {target} none {word} 0 0") for number, (target, word) in rows]
    lines += [("lxc.mount.entry", "/not/ours x none bind 0 0")]
    assert obstacles.missing(lines, "/p") == [(f"{tmp_path}/is gone", "/my b")]
