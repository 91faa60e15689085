# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The interfaces of the target that containers have."""

from __future__ import annotations

from ansible_collections.softwarecontainer.lxc.plugins.module_utils.stages import interface_holders

CONFIG = """\
# lxc.net.7.type = phys
lxc.net.0.type = veth
lxc.net.0.link = lxcbr0
lxc.net.1.type = phys
lxc.net.1.link = eth1
lxc.net.1.name = lan0
lxc.net.2.type=phys
lxc.net.2.link=eth2
lxc.net.3.type = phys
lxc.net.1.link = eth9
"""


def test_the_interfaces_that_a_config_takes() -> None:
    assert interface_holders.taken_by(CONFIG) == [("eth9", "lan0"), ("eth2", "eth2")]
