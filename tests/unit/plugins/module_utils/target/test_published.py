# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ports of the target are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import ports
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import facts, published

TITLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def line(address: str, state: str) -> str:
    return TITLE + "   0: %s 00000000:0000 %s 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100\n" % (
        address,
        state,
    )


@pytest.mark.parametrize(
    ("protocol", "text", "expected"),
    [
        pytest.param("tcp", TITLE, set(), id="nothing"),
        pytest.param("tcp", "", set(), id="no IPv6"),
        pytest.param("tcp", line("00000000:1F90", "0A"), {8080}, id="all addresses"),
        pytest.param("tcp", line("00000000:1F90", "01"), set(), id="a connection"),
        pytest.param("tcp", line("0103000A:0035", "0A"), {53}, id="one address"),
        pytest.param("tcp", line("0A000301:0035", "0A"), {53}, id="one address, with the other byte order"),
        pytest.param("tcp", line("0100007F:0035", "0A"), set(), id="loopback"),
        pytest.param("tcp", line("7F000001:0035", "0A"), set(), id="loopback, with the other byte order"),
        pytest.param("tcp", line("%s:0050" % ("0" * 32), "0A"), {80}, id="all of IPv6 and IPv4"),
        pytest.param("tcp", line("%s01000000:0050" % ("0" * 24), "0A"), set(), id="loopback of IPv6"),
        pytest.param("udp", line("00000000:0043", "07"), {67}, id="udp"),
        pytest.param("udp", line("00000000:0043", "01"), set(), id="udp, connected"),
    ],
)
def test_who_listens(protocol: str, text: str, expected: set[int]) -> None:
    assert published.listening_in(protocol, text) == expected


@pytest.fixture(name="target")
def fixture_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target that forwards, on which one of our containers and one of another lxc path publish ports."""
    forwarding, folder = tmp_path / "ip_forward", tmp_path / "records"
    forwarding.write_text("1\n", encoding="ascii")
    folder.mkdir()
    record = ports.Rules("/usr/sbin/nft", "", (ports.Published("tcp", 8080, "10.0.3.17", 80),))
    (folder / published.identity("/lxc", "web")).write_text(record.record() + "\n", encoding="ascii")
    other = record._replace(ports=(ports.Published("udp", 53, "10.0.3.18", 53),))
    (folder / published.identity("/other", "dns")).write_text(other.record() + "\n", encoding="ascii")
    (folder / "damaged").write_text("x", encoding="ascii")
    monkeypatch.setattr(published, "FORWARDING", str(forwarding))
    monkeypatch.setattr(ports, "RECORDS", str(folder))
    monkeypatch.setattr(published, "stale", lambda lxc_path: {published.identity(lxc_path, "dead")})
    monkeypatch.setattr(published, "listening", lambda: {("tcp", 22)})
    return forwarding


@pytest.mark.parametrize(
    ("name", "asked", "others", "words"),
    [
        pytest.param("db", [("tcp", 9000), ("udp", 22)], [], None, id="free"),
        pytest.param(
            "db", [("tcp", 9000), ("tcp", 22)], [], "ports[1].target: 22/tcp is a port at which", id="listener"
        ),
        pytest.param(
            "db", [("tcp", 8080)], [], "ports[0].target: 8080/tcp is published for container 'web'", id="taken"
        ),
        pytest.param("db", [("udp", 8080)], [], None, id="of the other protocol"),
        pytest.param("db", [("tcp", 8080)], ["web"], None, id="of one that is stopped before"),
        pytest.param("web", [("tcp", 8080)], [], None, id="its own"),
        pytest.param(
            "db",
            [("udp", 53)],
            ["dns"],
            "ports[0].target: 53/udp is published for container 'dns' of another lxc path",
            id="path",
        ),
        pytest.param("db", [], [], None, id="none"),
    ],
)
def test_what_can_be_published(target: Path, name: str, asked: Any, others: list[str], words: str | None) -> None:
    reason = published.obstacle("/lxc", name, asked, others)
    assert reason is None if words is None else str(reason).startswith(words)


def test_what_a_killed_container_left_does_not_count(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "stale", lambda lxc_path: {published.identity(lxc_path, "web")})
    assert published.obstacle("/lxc", "db", [("tcp", 8080)], []) is None


def test_a_target_that_forwards_nothing(target: Path) -> None:
    target.write_text("0\n", encoding="ascii")
    assert "ip_forward" in str(published.obstacle("/lxc", "db", [("tcp", 9000)], []))
    assert published.obstacle("/lxc", "db", [], []) is None


def test_this_machine_is_read() -> None:
    assert facts.read_text(published.FORWARDING).strip() in ("0", "1")
    assert all(0 < number < 65536 for _protocol, number in published.listening())
