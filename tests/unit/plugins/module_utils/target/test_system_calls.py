# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers of system calls, by machine and size of a pointer; what goes on where they cannot be called."""

from __future__ import annotations

import builtins
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.disk import writing
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.lxc.runtime import Tools
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.id_map import Ids
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.manifest import Manifest, Stage
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import id_allocation
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import (
    id_mapped_mounts,
    processes,
    system_calls,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import in_force

# bpf, open_tree, pidfd_open, mount_setattr: from the headers of Linux 6.1 for user space.
NUMBERS: dict[tuple[str, int], tuple[int | None, int, int, int]] = {
    ("x86_64", 64): (321, 428, 434, 442),
    ("x86_64", 32): (357, 428, 434, 442),
    ("i686", 32): (357, 428, 434, 442),
    ("i686", 64): (321, 428, 434, 442),
    ("aarch64", 64): (280, 428, 434, 442),
    ("aarch64", 32): (386, 428, 434, 442),
    ("armv5tejl", 32): (386, 428, 434, 442),
    ("armv6l", 32): (386, 428, 434, 442),
    ("armv7l", 32): (386, 428, 434, 442),
    ("armv8l", 32): (386, 428, 434, 442),
    ("riscv64", 64): (280, 428, 434, 442),
    ("riscv32", 32): (280, 428, 434, 442),
    ("loongarch64", 64): (280, 428, 434, 442),
    ("ppc", 32): (361, 428, 434, 442),
    ("ppc64", 32): (361, 428, 434, 442),
    ("ppc64le", 64): (361, 428, 434, 442),
    ("s390x", 64): (351, 428, 434, 442),
    ("s390x", 32): (351, 428, 434, 442),
    ("mips", 32): (4355, 4428, 4434, 4442),
    ("mips64", 32): (4355, 4428, 4434, 4442),
    ("mips64", 64): (5315, 5428, 5434, 5442),
    ("sparc64", 32): (349, 428, 434, 442),
    ("parisc", 32): (341, 428, 434, 442),
    ("m68k", 32): (354, 428, 434, 442),
    ("sh4a", 32): (375, 428, 434, 442),
    ("alpha", 64): (515, 538, 544, 552),
    ("vax", 32): (None, 428, 434, 442),
    ("alpha", 32): (None, 538, 544, 552),
}


@pytest.mark.parametrize(("machine", "numbers"), NUMBERS.items(), ids=map(str, NUMBERS))
def test_numbers(machine: tuple[str, int], numbers: tuple[int | None, int, int, int]) -> None:
    found = [system_calls.number(name, *machine) for name in ("bpf", "open_tree", "pidfd_open", "mount_setattr")]
    assert tuple(found) == numbers


def test_the_size_of_a_pointer() -> None:
    assert system_calls.bits() == (64 if sys.maxsize > 2**32 else 32)


def test_a_machine_that_is_not_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is not known whether a program decides about devices, which is no answer."""
    monkeypatch.setattr(platform, "machine", lambda: "vax")
    with pytest.raises(ContainerError) as caught:
        in_force.has_device_program(str(tmp_path))
    assert str(caught.value) == "the number of the system call bpf is not known for programs of %d bits on vax" % (
        system_calls.bits()
    )


def test_a_kernel_that_does_not_tell(tmp_path: Path) -> None:
    """What is no cgroup has none attached, and the kernel says so with an error."""
    with pytest.raises(ContainerError) as caught:
        in_force.has_device_program(str(tmp_path))
    assert str(caught.value).startswith("the kernel does not say which program decides: ")
    with pytest.raises(ContainerError) as caught:
        in_force.has_device_program(str(tmp_path / "none"))
    assert str(caught.value) == "its cgroup cannot be opened: No such file or directory"


DENIED = [("lxc.cgroup2.devices.deny", "a"), ("lxc.cgroup2.devices.allow", "c 1:3 rwm")]


def test_what_is_unknown_is_neither_in_force_nor_not() -> None:
    check = in_force.check_devices
    assert check(DENIED, in_force.Effective(devices=None)) == ["security.devices: the container may use every device"]
    assert check(DENIED, in_force.Effective(devices=None, devices_unknown="nobody knows")) == []
    assert check(DENIED, in_force.Effective(devices=())) == []


@pytest.fixture
def without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    load = builtins.__import__

    def refuse(name: str, *rest: Any, **options: Any) -> Any:
        if name in ("ctypes", "_ctypes"):
            raise ModuleNotFoundError("No module named '%s'" % name)
        return load(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)


@pytest.mark.usefixtures("without_ctypes")
def test_what_can_be_had_without_ctypes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    writing.sync(str(tmp_path))
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert processes.pidfd(os.getpid()) == -1
    for shifted in (False, True):
        before = Manifest("", {"rootfs": Stage()}, Ids(shifted=shifted))
        assert id_allocation.IdAllocation(Tools("/"), True).shifts(before) is shifted


NEED = {
    "mapped mounts": lambda: id_mapped_mounts.supported("/"),
    "device programs": lambda: in_force.has_device_program("/"),
    "ids of a new container": lambda: id_allocation.IdAllocation(Tools("/"), True).shifts(Manifest()),
}


@pytest.mark.usefixtures("without_ctypes")
@pytest.mark.parametrize("call", NEED.values(), ids=NEED)
def test_what_needs_ctypes(call: Any) -> None:
    with pytest.raises(ContainerError) as caught:
        call()
    assert system_calls.NO_CTYPES in str(caught.value)


def test_no_module_loads_ctypes_before_it_is_needed() -> None:
    """Where the package is missing, what does not need it works."""
    names = sorted(path.stem for path in Path(system_calls.__file__).parent.glob("*.py"))
    package = system_calls.__name__.rpartition(".")[0]
    code = "import sys, importlib; sys.modules['ctypes'] = sys.modules['_ctypes'] = None\n"
    code += "".join("importlib.import_module('%s.%s')\n" % (package, name) for name in names)
    found = [path for path in sys.path if path]
    subprocess.run([sys.executable, "-c", "import sys; sys.path[:0] = %r\n%s" % (found, code)], check=True)
