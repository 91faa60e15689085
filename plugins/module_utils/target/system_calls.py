# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls the kernel (I/O): system calls that Python has no function for.

They need the module ctypes, which some distributions put in a package of its own. So ctypes is imported only where it
is needed, and whatever can work without it does.
"""

from __future__ import annotations

import os
import platform
import re
import struct
from typing import Any, Dict, Optional, Tuple

from ..errors import ContainerError

NO_CTYPES = "the Python of the target has no module ctypes, which system calls need; install it (python3-ctypes on Yocto and OpenWrt)"
# The number of bpf(2) by machine, for 64-bit and 32-bit programs, from the kernel's system call tables. A 64-bit kernel
# also runs 32-bit programs, which use the numbers of the smaller machine.
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
# Newer system calls have the same number on all machines, except that these machines add an offset.
ADDED = {r"mips(64)?": (5000, 4000), r"alpha": (110, 110)}
NEWER = {"pidfd_send_signal": 424, "open_tree": 428, "pidfd_open": 434, "mount_setattr": 442, "quotactl_fd": 443}


def bits() -> int:
    """Return the pointer size of this Python, in bits."""
    return struct.calcsize("P") * 8


def number(name: str, machine: str, size: int) -> Optional[int]:
    """Return the number of a system call for programs of `size` bits on a machine, or None if it is not known here.

    The 32-bit numbers of mips are those of the o32 ABI, which the kernel also accepts from n32 programs.
    """
    place = 0 if size == 64 else 1
    if name == "bpf":
        return next((found[place] for pattern, found in BPF.items() if re.fullmatch(pattern, machine)), None)
    return NEWER[name] + next((add[place] for pattern, add in ADDED.items() if re.fullmatch(pattern, machine)), 0)


def ctypes() -> Any:
    """Import and return the module ctypes. Raises ContainerError if Python does not have it."""
    try:
        import ctypes as module  # Slow to load, and not installed everywhere.
    except ImportError:
        raise ContainerError(NO_CTYPES) from None
    return module


def has_ctypes() -> bool:
    """Return whether Python has the module ctypes."""
    try:
        ctypes()
    except ContainerError:
        return False
    return True


def libc() -> Any:
    """Return the C library, for functions that Python lacks. Raises ContainerError if ctypes is missing."""
    return ctypes().CDLL(None, use_errno=True)


def call(name: str, *arguments: object) -> int:
    """Make a system call that has no function in the C library, and return its result.

    Raises OSError with the call's name in place of a file name, and ContainerError if the call cannot be made.
    """
    machine, size = platform.machine(), bits()
    called = number(name, machine, size)
    if called is None:
        raise ContainerError(
            "the number of the system call %s is not known for programs of %d bits on %s" % (name, size, machine)
        )
    return checked(int(libc().syscall(called, *arguments)), name)


def checked(result: int, name: str) -> int:
    """Return the result of a C library call. Raises OSError, with `name` in place of a file name, if it is negative."""
    if result < 0:
        code = ctypes().get_errno()
        raise OSError(code, os.strerror(code), name)
    return result
