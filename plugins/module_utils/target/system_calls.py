# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the kernel (I/O): system calls that Python has no function for.

They need the module ctypes, which some distributions have in a package of its own: it is loaded where it is needed, and
what can be had without it goes without.
"""

from __future__ import annotations

import os
import platform
import re
import struct
from typing import Any, Dict, Optional, Tuple

from ..errors import ContainerError

NO_CTYPES = "the Python of the target has no module ctypes, which system calls need; install it (python3-ctypes on Yocto and OpenWrt)"
# The number of bpf(2) by machine, for programs with 64 and with 32 bits, see the kernel's system call tables. A kernel
# with 64 bits runs programs with 32, whose numbers are those of the smaller machine.
BPF: Dict[str, Tuple[Optional[int], Optional[int]]] = {
    r"x86_64|i[3-6]86": (321, 357),
    r"aarch64(_be)?|arm.*": (280, 386),
    r"riscv(32|64)|loongarch(32|64)": (280, 280),
    r"ppc(64)?(le)?": (361, 361),
    r"s390x?": (351, 351),
    r"mips(64)?": (5315, 4355),
    r"sparc(64)?": (349, 349),
    r"parisc(64)?": (341, 341),
    r"m68k": (None, 354),
    r"sh[34].*": (None, 375),
    r"alpha": (515, None),
}
# Newer system calls have the same number on all machines, but for what these add to it.
ADDED = {r"mips(64)?": (5000, 4000), r"alpha": (110, 110)}
NEWER = {"open_tree": 428, "pidfd_open": 434, "mount_setattr": 442}


def bits() -> int:
    """The size of a pointer of this Python."""
    return struct.calcsize("P") * 8


def number(name: str, machine: str, size: int) -> Optional[int]:
    """The number of a system call for programs of so many bits on a machine; None where it is not known here.

    The numbers for 32 bits on mips are those of the ABI o32, which the kernel also takes from programs of the ABI n32.
    """
    place = 0 if size == 64 else 1
    if name == "bpf":
        return next((found[place] for pattern, found in BPF.items() if re.fullmatch(pattern, machine)), None)
    return NEWER[name] + next((add[place] for pattern, add in ADDED.items() if re.fullmatch(pattern, machine)), 0)


def ctypes() -> Any:
    """The module ctypes. Raises ContainerError where Python has none."""
    try:
        import ctypes as module  # Slow to load, and not there everywhere.
    except ImportError:
        raise ContainerError(NO_CTYPES) from None
    return module


def has_ctypes() -> bool:
    """Whether Python has the module ctypes."""
    try:
        ctypes()
    except ContainerError:
        return False
    return True


def libc() -> Any:
    """The C library, for what Python has no function of its own. Raises ContainerError where it cannot be had."""
    return ctypes().CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """The result of a system call that the C library has no function for.

    Raises OSError with the call's name in place of a file's, and ContainerError where it cannot be called.
    """
    machine, size = platform.machine(), bits()
    called = number(name, machine, size)
    if called is None:
        raise ContainerError(
            "the number of the system call %s is not known for programs of %d bits on %s" % (name, size, machine)
        )
    return checked(int(libc().syscall(called, *arguments)), name)


def checked(result: int, name: str) -> int:
    """A result of the C library. Raises OSError with the name in place of a file's where that is an error."""
    if result < 0:
        code = ctypes().get_errno()
        raise OSError(code, os.strerror(code), name)
    return result
