# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Python has compiled is kept for the next run, and only what root alone can have put there is run."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import archive, compiled_code

PACKAGE = Path(archive.__file__).parent
FOLDER = "ansible_collections/softwarecontainer/lxc/plugins/module_utils"
MAIN = """
import os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import archive
archive.keep(sys.argv[2] == "check")
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import greeting
if sys.argv[2] == "fork" and os.fork() == 0:
    sys.exit(0)
print(greeting.WORDS, greeting.__file__, sorted(name.rpartition(".")[2] for name in archive.FINDER.codes))
print(archive.FINDER.fresh)
"""


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.fail("what is kept is root's, so these tests need root")


def pack(path: Path, words: str) -> str:
    """An archive as Ansible packs it, with one module beside those that are tested."""
    with zipfile.ZipFile(path, "w") as packed:
        for depth in range(1, 6):
            packed.writestr("/".join(FOLDER.split("/")[:depth]) + "/__init__.py", "")
        for name in ("archive.py", "compiled_code.py"):
            packed.write(PACKAGE / name, f"{FOLDER}/{name}")
        packed.writestr(f"{FOLDER}/greeting.py", f'"""Says something."""\nWORDS = "{words}"\n')
    return str(path)


def run(path: str, place: Path, mode: str = "run", **environment: str) -> list[str]:
    """The lines that a packed module prints."""
    variables = {"PATH": os.environ["PATH"], "PYTHONPYCACHEPREFIX": str(place), **environment}
    argv = [sys.executable, "-c", MAIN, path, mode]
    return subprocess.run(argv, env=variables, check=True, capture_output=True, text=True).stdout.splitlines()


def kept(place: Path) -> Path:
    return place / "softwarecontainer.lxc" / compiled_code.FILE_NAME


def test_the_second_run_compiles_nothing(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "hello")
    assert run(path, tmp_path)[1] == "True"
    assert [stat & 0o777 for stat in (os.stat(kept(tmp_path).parent).st_mode, os.stat(kept(tmp_path)).st_mode)] == [
        0o700,
        0o600,
    ]
    before = kept(tmp_path).stat()
    first, fresh = run(path, tmp_path)
    assert first.startswith(f"hello {path}/{FOLDER}/greeting.py [")
    assert fresh == "False"
    after = kept(tmp_path).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_source_is_compiled(tmp_path: Path) -> None:
    """Each module is kept once, so that the file does not grow with every version."""
    run(pack(tmp_path / "a.zip", "hello"), tmp_path)
    size = os.stat(kept(tmp_path)).st_size
    assert run(pack(tmp_path / "b.zip", "howdy"), tmp_path)[0].startswith("howdy ")
    assert os.stat(kept(tmp_path)).st_size == size
    assert run(pack(tmp_path / "a.zip", "hello"), tmp_path)[0].startswith("hello ")


@pytest.mark.parametrize(
    ("mode", "environment"),
    [("check", {}), ("run", {"PYTHONDONTWRITEBYTECODE": "1"})],
)
def test_nothing_is_written(tmp_path: Path, mode: str, environment: dict[str, str]) -> None:
    path = pack(tmp_path / "a.zip", "hello")
    assert run(path, tmp_path, mode, **environment)[0].startswith("hello ")
    assert not kept(tmp_path).parent.exists()


def test_a_process_that_is_forked_keeps_nothing_of_its_own(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "hello")
    assert run(path, tmp_path, "fork")[-1] == "True"
    assert run(path, tmp_path)[1] == "False"


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def of_another_python(path: Path) -> None:
    path.write_bytes(b"\0\0\0\0" + path.read_bytes()[4:])


def directory_of_others(path: Path) -> None:
    os.chown(path.parent, 65534, 65534)


def open_directory(path: Path) -> None:
    path.parent.chmod(0o770)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def linked_directory(path: Path) -> None:
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "change",
    [damage, cut, empty, of_another_python, directory_of_others, open_directory, link, linked_directory, fifo],
)
def test_what_cannot_be_trusted_is_not_run(tmp_path: Path, change: Callable[[Path], Any]) -> None:
    """In its place is code that says something else, under the digest of the source that is asked for."""
    path = pack(tmp_path / "a.zip", "hello")
    run(path, tmp_path)
    codes = compiled_code.unpacked(memoryview(kept(tmp_path).read_bytes()))
    name = next(each for each in codes if each.endswith(".greeting"))
    codes[name] = codes[name][0], marshal.dumps(compile('WORDS = "forged"', "x", "exec"))
    kept(tmp_path).write_bytes(compiled_code.packed(codes))
    assert run(path, tmp_path)[0].startswith("forged "), "the test itself does not show anything"
    change(kept(tmp_path))
    assert run(path, tmp_path)[0].startswith("hello ")


@pytest.mark.parametrize("change", [damage, cut, empty, of_another_python, link, fifo])
def test_what_is_damaged_is_replaced(tmp_path: Path, change: Callable[[Path], Any]) -> None:
    path = pack(tmp_path / "a.zip", "hello")
    run(path, tmp_path)
    change(kept(tmp_path))
    assert [run(path, tmp_path)[1] for _time in range(2)] == ["True", "False"]


def test_what_a_killed_run_left_is_in_the_way_once(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", "hello")
    kept(tmp_path).parent.mkdir(0o700)
    kept(tmp_path).with_name(compiled_code.FILE_NAME + ".new").write_bytes(b"half")
    assert [run(path, tmp_path)[1] for _time in range(3)] == ["True", "True", "False"]
    assert os.listdir(kept(tmp_path).parent) == [compiled_code.FILE_NAME]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert run(pack(tmp_path / "a.zip", "hello"), tmp_path / "file")[0].startswith("hello ")
