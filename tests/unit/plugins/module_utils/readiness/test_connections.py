# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls to a port, in the network of this very process, and entering that of another, which needs no rights to fail."""

from __future__ import annotations

import os
import socket
import time

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness import connections

REFUSED = "Connection refused"


def test_a_port_that_accepts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        before = sorted(os.listdir("/proc/self/fd"))
        assert connections.connect(os.getpid(), server.getsockname()[1], 5) == {}
        assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_port_that_nobody_listens_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    errors = connections.connect(os.getpid(), port, 5)
    assert errors["127.0.0.1"] == REFUSED
    assert "::1" in errors
    assert "no answer" not in errors.values()


def test_a_port_that_is_bound_and_does_not_listen() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert connections.connect(os.getpid(), silent.getsockname()[1], 5)["127.0.0.1"] == REFUSED


def test_a_call_that_nobody_answers_is_bounded() -> None:
    """Where the queue of a listener is full, further calls wait."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        address = server.getsockname()
        callers = [socket.socket() for _number in range(4)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(address)
        begun = time.monotonic()
        assert connections.connect(os.getpid(), address[1], 0.2)["127.0.0.1"] == "no answer"
        assert 0.15 < time.monotonic() - begun < 5
        for caller in callers:
            caller.close()


def test_a_call_that_reaches_itself() -> None:
    """TCP lets two ends call each other at once, and one end as well."""
    with socket.socket() as call:
        call.bind(("127.0.0.1", 0))
        call.connect(call.getsockname())
        assert connections.refusal(call) == REFUSED


def test_a_process_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        connections.enter(4194304 + 1)
