"""Attaches a program that allows all devices to the cgroup of version 2 of a container, as LXC does on such a target.

Usage: attach.py PID, of the container's PID 1. See bpf(2) and linux/bpf.h.
"""

import ctypes
import os
import platform
import sys

BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "armv7l": 386}[platform.machine()]
PROGRAM_LOAD, PROGRAM_ATTACH, TYPE_CGROUP_DEVICE, CGROUP_DEVICE = 5, 8, 15, 6
# r0 = 1; exit
INSTRUCTIONS = bytes([0xB7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0])


class Load(ctypes.Structure):
    """The members of union bpf_attr for BPF_PROG_LOAD."""

    _fields_ = [
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_uint64),
        ("license", ctypes.c_uint64),
        ("rest", ctypes.c_uint64 * 13),
    ]


def call(command, attributes):
    """One command of bpf(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(BPF, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def main(pid):
    with open("/proc/%s/cgroup" % pid) as stream:
        path = next(line.strip().split(":", 2)[2] for line in stream if line.startswith("0::"))
    with open("/proc/self/mountinfo") as stream:
        point = next(line.split()[4] for line in stream if " - cgroup2 " in line)
    code, terms = ctypes.create_string_buffer(INSTRUCTIONS), ctypes.create_string_buffer(b"GPL")
    program = call(
        PROGRAM_LOAD,
        Load(TYPE_CGROUP_DEVICE, len(INSTRUCTIONS) // 8, ctypes.addressof(code), ctypes.addressof(terms)),
    )
    cgroup = os.open(point + path, os.O_RDONLY | os.O_DIRECTORY)
    call(PROGRAM_ATTACH, (ctypes.c_uint32 * 32)(cgroup, program, CGROUP_DEVICE, 0))


main(sys.argv[1])
