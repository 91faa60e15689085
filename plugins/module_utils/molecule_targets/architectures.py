# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the processor architectures of machines, and how qemu emulates each."""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Architecture(NamedTuple):
    """An architecture of Debian, or one for programs and another for the kernel.

    - `debian`: Debian's name for it, and that of the kernel's if this is another one.
    - `uname`: the kernel's name for it, in uname(2).
    - `qemu`: the program that runs its machines, and `package`, that program's package.
    - `binfmt`: the name under which Debian registers the emulator of its programs in binfmt_misc, see update-binfmts(8).
    - `kernel`: the package of its kernel.
    - `machine`: qemu's machine, and `processor`, qemu's processor where KVM cannot be used.
    - `console`: the serial console that the machine has.
    """

    debian: Tuple[str, ...]
    uname: str
    qemu: str
    package: str
    binfmt: str
    kernel: str
    machine: str
    processor: str
    console: str


ARCHITECTURES: Dict[str, Architecture] = {
    "amd64": Architecture(
        debian=("amd64",),
        uname="x86_64",
        qemu="qemu-system-x86_64",
        package="qemu-system-x86",
        binfmt="qemu-x86_64",
        kernel="linux-image-amd64",
        # Microvm boots faster, but cannot reboot, and without KVM it hangs where a busy host delays its only timer.
        machine="q35",
        processor="max",
        console="ttyS0",
    ),
    "arm64": Architecture(
        debian=("arm64",),
        uname="aarch64",
        qemu="qemu-system-aarch64",
        package="qemu-system-arm",
        binfmt="qemu-aarch64",
        kernel="linux-image-arm64",
        machine="virt",
        # With "max", qemu spends most of its time on pointer authentication.
        processor="cortex-a57",
        console="ttyAMA0",
    ),
    "armhf": Architecture(
        debian=("armhf",),
        uname="armv7l",
        qemu="qemu-system-arm",
        package="qemu-system-arm",
        binfmt="qemu-arm",
        kernel="linux-image-armmp",
        # Without this, devices lie at addresses that a kernel without LPAE cannot reach.
        machine="virt,highmem=off",
        processor="cortex-a15",
        console="ttyAMA0",
    ),
    # Programs of 32 bits on a kernel of 64 bits, as boards have it whose vendor keeps an old userland.
    "armhf-on-arm64": Architecture(
        debian=("armhf", "arm64"),
        uname="aarch64",
        qemu="qemu-system-aarch64",
        package="qemu-system-arm",
        binfmt="qemu-arm",
        kernel="linux-image-arm64:arm64",
        machine="virt",
        processor="cortex-a57",
        console="ttyAMA0",
    ),
}


def can_use_kvm(architecture: Architecture, uname: str, is_accessible: bool, cpuinfo: str) -> bool:
    """Return whether KVM can run machines of an architecture on this machine.

    `uname` is this machine's architecture, `is_accessible` says whether /dev/kvm can be opened, `cpuinfo` is
    /proc/cpuinfo. A virtual machine may have a /dev/kvm that opens and runs nothing: its x86 processor then has neither
    of the flags for virtualization.
    """
    flags = {word for line in cpuinfo.splitlines() if line.startswith("flags") for word in line.split()}
    has_flag = uname != "x86_64" or bool(flags & {"vmx", "svm"})
    # Some processors of 64 bits run no programs of 32 bits, and nothing here tells which.
    return is_accessible and architecture.uname == uname and has_flag and len(architecture.debian) == 1


def packages(architectures: Tuple[str, ...]) -> Tuple[str, ...]:
    """Return the packages of qemu for machines of these architectures."""
    return tuple(sorted({ARCHITECTURES[name].package for name in architectures}))
