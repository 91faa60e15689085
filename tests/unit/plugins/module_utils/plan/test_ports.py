# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hooks for published ports, and what the target shows of their rules."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import config_text
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import ports
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan.ports import Published, Rules

PLACE = "0123abcd-web.1"
NFT, IPTABLES = Host(nft="/usr/sbin/nft", iptables="/sbin/iptables"), Host(iptables="/sbin/iptables")
HTTP, DNS = Published("tcp", 8080, "10.0.3.17", 80), Published("udp", 53, "10.0.3.17", 53)
TWO = [{"target": 8080, "container": 80}, {"target": 53, "protocol": "udp"}]
BY_NFT = Rules("/usr/sbin/nft", "10.0.3.0/24", (HTTP, DNS))
BY_IPTABLES = Rules("/sbin/iptables", "10.0.3.0/24", (HTTP, DNS))
# As nft 1.0.6 shows it, between tables of others; @ stands for a tab.
TABLE = """table ip nat {
@chain POSTROUTING {
@@type nat hook postrouting priority 100; policy accept;
@}
}
table ip softwarecontainer-0123abcd-web.1 {
@chain prerouting {
@@type nat hook prerouting priority -100; policy accept;
@@fib daddr type 2 tcp dport 8080 dnat to 10.0.3.17:80
@@fib daddr type 2 udp dport 53 dnat to 10.0.3.17:53
@}

@chain output {
@@type nat hook output priority -100; policy accept;
@@ip daddr != 127.0.0.0/8 fib daddr type 2 tcp dport 8080 dnat to 10.0.3.17:80
@@ip daddr != 127.0.0.0/8 fib daddr type 2 udp dport 53 dnat to 10.0.3.17:53
@}

@chain postrouting {
@@type nat hook postrouting priority 100; policy accept;
@@ip saddr 10.0.3.0/24 ip daddr 10.0.3.17 ct status 0x20 masquerade
@}
}
table ip softwarecontainer-0123abcd-web.10 {
}
""".replace("@", "\t")
CHAIN = ports.chains_of(PLACE)[0]
# As iptables 1.8.9 shows it.
CHAINS = """-P PREROUTING ACCEPT
-N {0}
-N {0}-m
-A PREROUTING -m addrtype --dst-type LOCAL -j {0}
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j {0}
-A POSTROUTING -j {0}-m
-A {0} -p tcp -m tcp --dport 8080 -j DNAT --to-destination 10.0.3.17:80
-A {0} -p udp -m udp --dport 53 -j DNAT --to-destination 10.0.3.17:53
-A {0}-m -s 10.0.3.0/24 -d 10.0.3.17/32 -m conntrack --ctstate DNAT -j MASQUERADE
""".format(CHAIN)


def container(**spec: Any) -> records.Container:
    spec = {"network": [{"ipv4": "10.0.3.17/24"}], "ports": TWO, **spec}
    parsed: records.Container = keys.CONTAINER({"name": "web", **spec})
    return parsed


def config_of(container: records.Container, host: Host) -> list[tuple[str, str]]:
    """The lines of the config, as they are read back."""
    return config_text.lines_of("".join("%s = %s\n" % line for line in ports.lines(container, host, PLACE)))


@pytest.mark.parametrize(
    ("spec", "host", "expected"),
    [
        pytest.param({}, NFT, BY_NFT, id="nft"),
        pytest.param({}, IPTABLES, BY_IPTABLES, id="iptables"),
        pytest.param({"ports": []}, Host(), None, id="none"),
        pytest.param(
            {"network": [{"type": "macvlan", "link": "lan", "ipv4": "192.0.2.1/24"}, {"ipv4": "10.0.3.17/24"}]},
            NFT, BY_NFT, id="the first one on a bridge",
        ),
        pytest.param(
            {"network": [{}], "lxc": {"lxc.net.0.ipv4.address": "10.0.3.17 10.0.3.255"}},
            NFT, BY_NFT._replace(network=""), id="as LXC has it, without a network",
        ),
    ],
)  # fmt: skip
def test_what_the_hooks_publish(spec: dict[str, Any], host: Host, expected: Any) -> None:
    assert ports.wanted(container(**spec), host) == expected
    assert ports.in_config(config_of(container(**spec), host)) == expected
    if expected:
        assert ports.rules_in(expected.record()) == expected


@pytest.mark.parametrize(
    ("spec", "host", "words"),
    [
        pytest.param({}, Host(), "ports[0].target: 8080 needs nft or iptables", id="no program"),
        pytest.param(
            {"network": None}, NFT, "ports[0].target: 8080 needs an IPv4 address of the container", id="no address"
        ),
    ],
)
def test_what_cannot_be(spec: dict[str, Any], host: Host, words: str) -> None:
    asking = container(**spec)
    # As it is where the bridge has no network.
    if spec:
        asking = asking._replace(network=(records.Interface(),))
    with pytest.raises(ContainerError) as caught:
        ports.lines(asking, host, PLACE)
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("rules", "listed", "expected"),
    [
        pytest.param(BY_NFT, TABLE, [], id="nft"),
        pytest.param(BY_NFT, TABLE.replace("web.1 ", "web.2 "), [HTTP, DNS], id="table of another one"),
        pytest.param(
            BY_NFT, TABLE.replace("8080 dnat to 10.0.3.17:80\n", "8080 dnat to 10.0.3.17:8\n", 1), [HTTP], id="lost"
        ),
        pytest.param(BY_NFT, TABLE.replace("10.0.3.17:53", "10.0.3.18:53", 1), [DNS], id="another address"),
        pytest.param(BY_NFT, "", [HTTP, DNS], id="nothing of nft"),
        pytest.param(BY_IPTABLES, CHAINS, [], id="iptables"),
        pytest.param(BY_IPTABLES, CHAINS.replace("--dport 53", "--dport 54"), [DNS], id="another port"),
        pytest.param(BY_IPTABLES, CHAINS.replace("-A OUTPUT", "-A INPUT"), [HTTP, DNS], id="no way there"),
        pytest.param(BY_IPTABLES, "", [HTTP, DNS], id="nothing of iptables"),
    ],
)
def test_what_is_missing(rules: Rules, listed: str, expected: list[Published]) -> None:
    assert ports.missing(rules, PLACE, listed) == expected


def test_names_fit() -> None:
    # XT_EXTENSION_MAXNAMELEN of x_tables.h, without the end.
    assert all(len(name) <= 28 for name in ports.chains_of("0123abcd-" + "x" * 64))


@pytest.mark.parametrize("record", ["", "/usr/sbin/nft", "/usr/sbin/nft - tcp:1", "/usr/sbin/nft - tcp:x:10.0.3.1:2"])
def test_a_damaged_record(record: str) -> None:
    if record == "/usr/sbin/nft":
        record += " "
    with pytest.raises(ValueError):
        ports.rules_in(record)


def test_many_at_once_with_nft() -> None:
    argv, text = ports.for_many("/usr/sbin/nft", {PLACE: BY_NFT, "0123abcd-db": BY_NFT})
    assert argv == ("/usr/sbin/nft", "-f", "-")
    assert text.splitlines() == [ports.table(BY_NFT, PLACE), ports.table(BY_NFT, "0123abcd-db")]


def test_many_at_once_with_iptables() -> None:
    argv, text = ports.for_many("/sbin/iptables", {PLACE: BY_IPTABLES, "0123abcd-db": BY_IPTABLES})
    assert argv == ("/sbin/iptables-restore", "-w", "-n")
    commands = [*ports.chains(BY_IPTABLES, PLACE), *ports.chains(BY_IPTABLES, "0123abcd-db")]
    assert text.splitlines() == ["*nat", *commands, "COMMIT"]


@pytest.mark.parametrize(
    ("works", "expected"),
    [
        pytest.param(True, ["iptables-restore"], id="at once"),
        # Another program may have removed a part of the rules. Those to remove are gone over first, then all are made.
        pytest.param(False, ["iptables-restore", "iptables-restore"] + 7 * ["remove"] + 8 * ["add"], id="one by one"),
    ],
)
def test_iptables_runs_once_for_all_rules(tmp_path: Path, works: bool, expected: list[str]) -> None:
    calls = tmp_path / "calls"
    kinds = 'case "$*" in *" -D "*|*" -F "*|*" -X "*) kind=remove;; *) kind=add;; esac'
    for program, script in {
        "iptables": "%s; echo $kind >> %s; [ $kind = add ]" % (kinds, calls),
        "iptables-restore": "cat > /dev/null; echo iptables-restore >> %s; exit %d" % (calls, not works),
    }.items():
        path = tmp_path / program
        path.write_text("#!/bin/sh\n%s\n" % script, encoding="utf-8")
        path.chmod(0o755)
    rules = BY_IPTABLES._replace(program=str(tmp_path / "iptables"))
    subprocess.run(["sh", "-e", "-c", ports.added(rules, PLACE)], check=True)
    assert calls.read_text(encoding="utf-8").split() == expected
