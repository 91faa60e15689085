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

PROGRAMS: dict[str, tuple[str, list[str]]] = {
    "LXC's own init": (
        "/usr/sbin/init.lxc --name a -- /bin/busybox sleep 9",
        ["/usr/sbin/init.lxc", "/bin/busybox"],
    ),
    "the static one": ("/usr/sbin/init.lxc.static --name a -- /app", ["/usr/sbin/init.lxc.static", "/app"]),
    "another init": ("/sbin/init -- /app", ["/sbin/init"]),
    "a name that is looked for": ("/usr/sbin/init.lxc --name a -- sleep 9", ["/usr/sbin/init.lxc"]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("command", "found"), PROGRAMS.values(), ids=PROGRAMS)
def test_programs(command: str, found: list[str]) -> None:
    assert obstacles.programs([("lxc.init.cmd", "/old"), ("lxc.init.cmd", command)]) == found


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
