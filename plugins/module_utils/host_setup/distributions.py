# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the peculiarities of each distribution, by its ID in os-release(5).

To support a new distribution, add a row here and, if its package manager is new too, a file of tasks in the role host.
"""

from __future__ import annotations

from typing import Dict, NamedTuple, Tuple


class Distribution(NamedTuple):
    """The packages of a distribution, and the places of lxc-net.

    - `package_manager`: apk, apt or dnf, empty if the packages are not known.
    - `apparmor_packages`: what a kernel with AppArmor needs in addition to `packages`.
    - `query`: the program that fails if a package is not installed.
    - `settings_file`: the file from which lxc-net reads its settings.
    - `boot_script`: the script that starts lxc-net at boot if the distribution has no service for that, otherwise
      empty.
    """

    package_manager: str = ""
    packages: Tuple[str, ...] = ()
    apparmor_packages: Tuple[str, ...] = ()
    query: Tuple[str, ...] = ()
    settings_file: str = "/etc/default/lxc-net"
    boot_script: str = ""


DEBIAN = Distribution(
    package_manager="apt",
    packages=("busybox", "dnsmasq-base", "iproute2", "iptables", "lxc", "nftables", "python3-lxc"),
    # It loads the profiles of the package lxc, which LXC then needs. A Debian without recommended packages lacks it.
    apparmor_packages=("apparmor",),
    # It also knows removed packages, and packages that others only recommend: their status shows that.
    query=("dpkg-query", "--show", "--showformat", "${db:Status-Status}\\n"),
)
DISTRIBUTIONS: Dict[str, Distribution] = {
    "alpine": Distribution(
        package_manager="apk",
        packages=("busybox", "dnsmasq", "iproute2", "iptables", "lxc", "nftables", "py3-lxc"),
        query=("apk", "info", "--installed"),
        # Alpine lacks /etc/default/lxc. lxc-net reads that file, and on other distributions that file reads
        # /etc/default/lxc-net.
        settings_file="/etc/default/lxc",
        # Alpine has no service for lxc-net either: OpenRC's service `local` runs this script at boot.
        boot_script="/etc/local.d/lxc-net.start",
    ),
    "debian": DEBIAN,
    "fedora": Distribution(
        package_manager="dnf",
        packages=("busybox", "dnsmasq", "iproute", "iptables-nft", "lxc", "nftables", "python3-lxc"),
        query=("rpm", "--query"),
        settings_file="/etc/sysconfig/lxc-net",
    ),
    # Debian for the Raspberry Pi, with 32 bits.
    "raspbian": DEBIAN,
    "ubuntu": DEBIAN,
}
# All others, such as a distribution built with Yocto, use LXC's own defaults.
UNKNOWN = Distribution()
# The program that brings the bridge up and down. All distributions above have it here.
HELPER = "/usr/libexec/lxc/lxc-net"


def of(name: str) -> Distribution:
    """Return the peculiarities of a distribution, by its ID in os-release(5)."""
    return DISTRIBUTIONS.get(name.lower(), UNKNOWN)


def lacks_packages(code: int, output: str) -> bool:
    """Return whether a package is missing, by the exit status and the output of a distribution's query."""
    # The output of dpkg-query for a package that was removed, and for one that was never installed.
    return code != 0 or "config-files" in output or "not-installed" in output
