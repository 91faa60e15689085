# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module exec: what it refuses, when it skips, and whose numbers it uses."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError, RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import exec

GIVEN: dict[str, Any] = {
    "name": "hmi",
    "argv": ["/bin/ls"],
    "environment": {},
    "secrets": {},
    "stdin": None,
    "user": None,
    "group": None,
    "chdir": None,
    "timeout": None,
    "creates": None,
    "removes": None,
    "output_limit": 1048576,
    "lxc_path": None,
    "runtime": "auto",
}
CONTROLLED = " has a line break or another control character"


def test_parse() -> None:
    given = {**GIVEN, "argv": ["sh", "-c", "a\nb", ""], "environment": {"A": 5, "B": ""}, "chdir": "/a b"}
    assert exec.program_of(given) == ("hmi", ("sh", "-c", "a\nb", ""), (("A", "5"), ("B", "")))


def test_the_least_of_time_and_output() -> None:
    assert exec.program_of({**GIVEN, "timeout": 0.001, "output_limit": 0}) == ("hmi", ("/bin/ls",), ())


def test_the_change_of_directory(tmp_path: Path) -> None:
    """Whatever the names are, and the program's own arguments stay as they are."""
    folder = tmp_path / "a $b 'c\""
    folder.mkdir()
    argv = [*exec.CHANGE_DIRECTORY, str(folder), "sh", "-c", 'pwd; printf "%s|" "$@"', "x", "$y", " z "]
    ended = subprocess.run(argv, stdout=subprocess.PIPE, check=True)
    assert ended.stdout.decode() == f"{folder}\n$y| z |"
    (tmp_path / "none").touch()
    assert subprocess.run([*exec.CHANGE_DIRECTORY, str(tmp_path / "none"), "true"], check=False).returncode != 0


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "name": (
        {"name": "../hmi"},
        "name: '../hmi' is not a container name (letters, digits, _ - . ; first a letter or digit; at most 64)",
    ),
    "no argv": ({"argv": []}, "argv: [] names no program"),
    "argv without program": ({"argv": ["", "a"]}, "argv: ['', 'a'] names no program"),
    "argv with NUL": ({"argv": ["a", "b\0"]}, "argv: an argument has a NUL character"),
    "timeout zero": ({"timeout": 0.0}, "timeout: 0.0 is not more than 0 seconds"),
    "timeout not a number": ({"timeout": float("nan")}, "timeout: nan is not more than 0 seconds"),
    "output_limit": ({"output_limit": -1}, "output_limit: -1 is not a number of bytes"),
    "environment name": ({"environment": {"A=B": "1"}}, "environment.'A=B': 'A=B' is not the name of a variable"),
    "environment value": ({"environment": {"A": "a\nb"}}, "environment.A: 'a\\nb'" + CONTROLLED),
    "environment boolean": ({"environment": {"A": True}}, "environment.A: True is not a string"),
    "chdir": ({"chdir": "tmp"}, "chdir: 'tmp' is not an absolute path"),
    "creates": ({"creates": "/tmp/../x"}, "creates: '/tmp/../x' has an empty, '.' or '..' part"),
    "removes": ({"removes": "/tmp\n"}, "removes: '/tmp\\n'" + CONTROLLED),
}


@pytest.mark.parametrize(("given", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(RefusedError) as caught:
        exec.program_of({**GIVEN, **given})
    assert str(caught.value) == sentence


@pytest.fixture(name="root")
def fixture_root(tmp_path: Path) -> str:
    """A root as a container sees it, with accounts of every kind."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\n"
        "# a comment\n"
        "short:x\n"
        "\n"
        "broken:x:many:5:::\n"
        "huge:x:4294967295:5:::\n"
        "negative:x:-1:5:::\n"
        "half:x:7:many:::\n"
        "app:x:1000:100:App:/:/bin/sh\n"
        "app:x:0:0:again:/:/bin/sh\n",
        encoding="ascii",
    )
    (tmp_path / "etc/group").write_text("root:x:0:\nvideo:x:44:app\nbroken:x:no:\n", encoding="ascii")
    return str(tmp_path)


ACCOUNTS = {
    "nobody": (None, None, (None, None)),
    "user by name": ("app", None, (1000, 100)),
    "user by number": ("1000", None, (1000, 100)),
    "root": ("root", None, (0, 0)),
    "user and group": ("app", "video", (1000, 44)),
    "user and group by number": ("app", "7", (1000, 7)),
    "user and root's group": ("app", "root", (1000, 0)),
    "group": (None, "video", (None, 44)),
    "number without an account": ("4242", None, (4242, 4242)),
    "highest number": ("4294967294", None, (4294967294, 4294967294)),
}


@pytest.mark.parametrize(("user", "group", "numbers"), ACCOUNTS.values(), ids=ACCOUNTS)
def test_account(root: str, user: str | None, group: str | None, numbers: tuple[int | None, int | None]) -> None:
    assert exec.account(root, user, group) == numbers


@pytest.mark.parametrize("user", ["none", "short", "broken", "huge", "negative", "half", "4294967295", "-1", "1.5"])
def test_no_such_user(root: str, user: str) -> None:
    with pytest.raises(ContainerError) as caught:
        exec.account(root, user, None)
    assert str(caught.value) == f"user: the container's /etc/passwd has no '{user}'"


def test_no_such_group(root: str) -> None:
    with pytest.raises(ContainerError) as caught:
        exec.account(root, None, "broken")
    assert str(caught.value) == "group: the container's /etc/group has no 'broken'"


def test_a_container_without_accounts(tmp_path: Path) -> None:
    assert exec.account(str(tmp_path), "7", None) == (7, 7)
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/passwd")
    assert exec.account(str(tmp_path), "7", None) == (7, 7)
    with pytest.raises(ContainerError):
        exec.account(str(tmp_path), "root", None)


def test_accounts_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").symlink_to("a" * 300)
    assert exec.account(str(tmp_path), "7", None) == (7, 7)
    with pytest.raises(ContainerError) as caught:
        exec.account(str(tmp_path), "app", None)
    assert str(caught.value) == "user: the container's /etc/passwd has no 'app'"


SKIPS = {
    "neither": (None, None, ""),
    "creates what is missing": ("/none", None, ""),
    "creates what is there": ("/etc/passwd", None, "did not run, since /etc/passwd exists in the container"),
    "removes what is there": (None, "/etc", ""),
    "removes what is missing": (None, "/none", "did not run, since /none does not exist in the container"),
    "both": ("/none", "/none", "did not run, since /none does not exist in the container"),
}


@pytest.mark.parametrize(("creates", "removes", "reason"), SKIPS.values(), ids=SKIPS)
def test_skip(root: str, creates: str | None, removes: str | None, reason: str) -> None:
    assert exec.skip_reason(root, creates, removes) == reason


def test_what_is_on_the_target_is_not_in_the_container(root: str) -> None:
    Path(root, "linked").symlink_to("/proc/self/status")
    assert exec.skip_reason(root, "/linked", None) == ""
