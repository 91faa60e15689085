"""Tells how many programs that decide about devices are attached to the cgroup of version 2 of each process.

Usage: attached.py PID...; one number a line. See bpf(2), BPF_PROG_QUERY, and linux/bpf.h.
"""

import ctypes
import os
import platform
import sys

BPF = {"x86_64": 321, "aarch64": 280, "riscv64": 280, "armv7l": 386}[platform.machine()]
PROGRAM_QUERY, CGROUP_DEVICE = 16, 6


def attached(pid):
    """The number for one process."""
    with open("/proc/%s/cgroup" % pid) as stream:
        path = next(line.strip().split(":", 2)[2] for line in stream if line.startswith("0::"))
    cgroup = os.open("/sys/fs/cgroup" + path, os.O_RDONLY | os.O_DIRECTORY)
    # target_fd, attach_type, query_flags, attach_flags, prog_ids, prog_cnt of union bpf_attr.
    query = (ctypes.c_uint32 * 32)(cgroup, CGROUP_DEVICE)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(BPF, PROGRAM_QUERY, ctypes.byref(query), ctypes.sizeof(query)):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return query[6]


for process in sys.argv[1:]:
    print(attached(process))
