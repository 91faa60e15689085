# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what is particular to each distribution, by its ID in os-release(5).

A new distribution is a row here, and, if its package manager is new too, a file of tasks in the role host.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Distribution(NamedTuple):
    """Packages, and where lxc-net is.

    `package_manager`: apk, apt or dnf, empty where the packages are not known. `apparmor_packages`: what a kernel with
    AppArmor needs beside `packages`. `query`: the program that ends with an error where a package is not installed.
    `settings_file`: what lxc-net reads. `boot_script`: what starts lxc-net at boot where the distribution has no
    service for it, empty where it has.
    """

    package_manager: str = ""
    packages: Tuple[str, ...] = ()
    apparmor_packages: Tuple[str, ...] = ()
    query: Tuple[str, ...] = ()
    settings_file: str = "/etc/default/lxc-net"
    boot_script: str = ""


DEBIAN = Distribution(
    package_manager="apt",
    packages=("busybox", "dnsmasq-base", "iproute2", "iptables", "lxc", "python3-lxc"),
    # It loads the profiles that lxc brings along, which LXC then wants; a Debian without recommended packages lacks it.
    apparmor_packages=("apparmor",),
    # It knows packages that were removed, too, and those that others only recommend: their status says so.
    query=("dpkg-query", "--show", "--showformat", "${db:Status-Status}\\n"),
)
DISTRIBUTIONS: Dict[str, Distribution] = {
    "alpine": Distribution(
        package_manager="apk",
        packages=("busybox", "dnsmasq", "iproute2", "iptables", "lxc", "py3-lxc"),
        query=("apk", "info", "--installed"),
        # Alpine leaves out /etc/default/lxc, which lxc-net reads and which elsewhere reads /etc/default/lxc-net.
        settings_file="/etc/default/lxc",
        # Nor has it a service for lxc-net: OpenRC's service `local` runs this one at boot.
        boot_script="/etc/local.d/lxc-net.start",
    ),
    "debian": DEBIAN,
    "fedora": Distribution(
        package_manager="dnf",
        packages=("busybox", "dnsmasq", "iproute", "iptables-nft", "lxc", "python3-lxc"),
        query=("rpm", "--query"),
        settings_file="/etc/sysconfig/lxc-net",
    ),
    # Debian for the Raspberry Pi, with 32 bits.
    "raspbian": DEBIAN,
    "ubuntu": DEBIAN,
}
# Any other, such as one built with Yocto, has the places that LXC itself chooses.
UNKNOWN = Distribution()
# The program that brings the bridge up and down; all of the distributions above have it here.
HELPER = "/usr/libexec/lxc/lxc-net"


def of(name: str) -> Distribution:
    """What is particular to a distribution, by its ID in os-release(5)."""
    return DISTRIBUTIONS.get(name.lower(), UNKNOWN)


def lacks_packages(code: int, output: str) -> bool:
    """Whether a package is missing, by the exit status and the output of a distribution's query."""
    # What dpkg-query says of a package that was removed, and of one that was never there.
    return code != 0 or "config-files" in output or "not-installed" in output
