# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks (I/O): whether something in a container's network namespace accepts a connection."""

from __future__ import annotations

import errno
import os
import select
import socket
import time
from typing import Dict, Tuple

from ..target import system_calls
from ..verify import usage

# See setns(2). The os module has it since Python 3.12.
CLONE_NEWNET = 0x40000000
LOOPBACK = ("127.0.0.1", "::1")


def enter(pid: int) -> None:
    """Move this process into the network namespace of another one, for good. Raise OSError or ContainerError."""
    with open("/proc/%d/ns/net" % pid, "rb") as namespace:
        system_calls.checked(system_calls.libc().setns(namespace.fileno(), CLONE_NEWNET), namespace.name)


def connect(pid: int, port: int, seconds: float) -> Dict[str, str]:
    """Connect to a port at all addresses of this network at once.

    `pid` is a process in this network. Return an empty dictionary as soon as one address accepts. If none does within
    `seconds`, return the system's error message for each address.
    """
    errors: Dict[str, str] = {}
    calls: Dict[int, Tuple[str, socket.socket]] = {}
    poller = select.poll()
    try:
        for address in dict.fromkeys((*LOOPBACK, *usage.addresses(pid))):
            try:
                call = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            except OSError as error:
                errors[address] = error.strerror or str(error)
                continue
            calls[call.fileno()] = address, call
            call.setblocking(False)
            number = call.connect_ex((address, port))
            if number in (0, errno.EINPROGRESS):
                errors[address] = "no answer"
                poller.register(call.fileno(), select.POLLOUT)
            else:
                errors[address] = os.strerror(number)
        deadline = time.monotonic() + seconds
        while "no answer" in errors.values() and time.monotonic() < deadline:
            for fd, _event in poller.poll(int((deadline - time.monotonic()) * 1000) + 1):
                poller.unregister(fd)
                address, call = calls[fd]
                errors[address] = refusal(call)
                if not errors[address]:
                    return {}
        return errors
    finally:
        for _address, call in calls.values():
            call.close()


def refusal(call: socket.socket) -> str:
    """Return why a connection failed, or an empty string.

    A connection within one host may get as its own port the port that it connects to. Then it is connected to itself,
    which counts as refused.
    """
    number = call.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        return os.strerror(number)
    try:
        itself = call.getsockname() == call.getpeername()
    except OSError as error:
        return error.strerror or str(error)
    return os.strerror(errno.ECONNREFUSED) if itself else ""
