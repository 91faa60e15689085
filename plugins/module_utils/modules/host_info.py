# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module host_info (I/O, reads only): takes what the role host must provide, returns what it has to change."""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
import subprocess
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import ContainerError, RefusedError
from ..host_setup import changes, distributions
from ..lxc import programs
from ..preflight import kernel, records
from ..target import facts

INTERFACES = "/sys/class/net"
# The file that lxc-net creates when it is up.
NETWORK_UP = "/run/lxc/network_up"
# This directory exists if systemd is PID 1, see sd_booted(3).
SYSTEMD = "/run/systemd/system"
# Where OpenRC lists the services that start at boot.
RUNLEVELS = "/etc/runlevels"
# How long a program may take, in seconds. Package managers wait for each other.
PATIENCE = 60


def run(parameters: Mapping[str, Any], name: str, check: bool) -> Dict[str, Any]:
    """Return what the target has and lacks. Raises RefusedError.

    `name`: the name of its distribution; `check`: whether this is check mode.
    """
    wanted = wanted_by(parameters)
    found = gather(parameters, wanted, name)
    own = distributions.of(name)
    return {
        "changed": False,
        "check_mode": check,
        "obstacles": changes.obstacles(found, wanted),
        "changes": changes.changes(found, wanted),
        "foreseeable": changes.is_foreseeable(found, wanted),
        "distribution": name,
        "systemd": found.systemd is not None,
        "lxc_path": found.lxc_path,
        "package_manager": own.package_manager,
        "packages": changes.packages(found),
        "ids_files": changes.ids_files(found, wanted),
        "ids_line": changes.ids_line(wanted.ids) if wanted.ids else None,
        "lxc_net": {
            "attached": list(found.attached),
            "boot_script": own.boot_script,
            "boot_script_content": changes.boot_script(wanted.comment),
            "bridge": changes.bridge_before(changes.settings_of(found)),
            "helper": distributions.HELPER,
            "settings": wanted.bridge.settings if wanted.bridge else None,
            "settings_file": own.settings_file,
            "up": found.up,
        },
    }


def wanted_by(parameters: Mapping[str, Any]) -> changes.Wanted:
    """Return what the module's options ask for. Raises RefusedError."""
    ids, net, comment = parameters["ids"], parameters["lxc_net"], parameters["comment"]
    if ids is not None and len(ids) != 2:
        raise RefusedError("ids: the first one and how many are two numbers, not %d" % len(ids))
    bridge = None
    if net is not None:
        text = changes.settings_text(comment, {key: str(value) for key, value in net["settings"].items()})
        name = net["settings"].get("LXC_BRIDGE", changes.DEFAULT_BRIDGE)
        bridge = changes.Bridge(name, net["address"], net["network"], text)
    return changes.Wanted(parameters["packages"], (ids[0], ids[1]) if ids else None, bridge, comment)


def gather(parameters: Mapping[str, Any], wanted: changes.Wanted, name: str) -> changes.HostFacts:
    """Read and return the facts of the host."""
    if platform.system() != "Linux":
        return changes.HostFacts(
            system=platform.system(), distribution=name, checks={"apparmor": records.Check(False, "")}
        )
    own, checks = distributions.of(name), kernel_checks()
    partial = changes.HostFacts(distribution=name, checks=checks)
    settings = read(own.settings_file)
    path = lxc_path(parameters)
    return partial._replace(
        lacking=wanted.packages and bool(own.query) and lacks(own.query, changes.packages(partial)),
        lxc_path=path,
        passable=path is None or is_passable(path),
        files={
            own.settings_file: settings,
            **{each: read(each) for each in (*changes.IDS_FILES, *filter(None, [own.boot_script]))},
        },
        systemd=systemd_unit() if os.path.isdir(SYSTEMD) else None,
        local=bool(own.boot_script) and starts_local(),
        up=os.path.exists(NETWORK_UP),
        interfaces=frozenset(os.listdir(INTERFACES)),
        addresses=addresses(wanted.bridge.network) if wanted.bridge else (),
        attached=ports(changes.bridge_before(settings.text if settings else "")),
    )


def kernel_checks() -> Dict[str, records.Check]:
    """Return the verdicts on what no package can provide, and on AppArmor."""
    found = records.Facts(**facts.of_kernel())
    checks = {
        "root": kernel.root,
        "namespaces": kernel.namespaces,
        "cgroups": kernel.cgroups,
        "apparmor": kernel.apparmor,
    }
    return {name: check(found, ()) for name, check in checks.items()}


def lacks(query: Sequence[str], packages: Sequence[str]) -> bool:
    """Return whether a package is missing. If the query program itself is missing, all packages are."""
    code, output = output_of([*query, *packages])
    return distributions.lacks_packages(code, output)


def lxc_path(parameters: Mapping[str, Any]) -> Optional[str]:
    """Return the directory of the containers. None if it is not given and LXC, which has a default, cannot be asked."""
    if parameters["lxc_path"]:
        return str(parameters["lxc_path"])
    try:
        if shutil.which("lxc-config"):
            return programs.own_path_by_tools()
        return programs.own_path_by_binding() if programs.has_binding() else None
    except (ContainerError, RefusedError):
        return None


def is_passable(path: str) -> bool:
    """Return whether a directory exists and others can enter it."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and bool(found.st_mode & stat.S_IXOTH)


def read(path: str) -> Optional[changes.FileFacts]:
    """Return a file of the target, or None if there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return changes.FileFacts(facts.read_text(path), stat.S_IMODE(found.st_mode), (found.st_uid, found.st_gid))


def systemd_unit() -> Tuple[str, str]:
    """Return the states of lxc-net in systemd: whether it is active, and whether it starts at boot."""
    _code, output = output_of(["systemctl", "show", "lxc-net", "--property=ActiveState,UnitFileState"])
    values = dict(line.partition("=")[::2] for line in output.splitlines())
    return values.get("ActiveState", ""), values.get("UnitFileState", "")


def starts_local() -> bool:
    """Return whether OpenRC runs its service `local` in any runlevel."""
    levels = os.listdir(RUNLEVELS) if os.path.isdir(RUNLEVELS) else []
    return any(os.path.lexists(os.path.join(RUNLEVELS, level, "local")) for level in levels)


def addresses(network: str) -> Tuple[Tuple[str, str], ...]:
    """Return the interfaces with an IPv4 address in a network, with that address.

    A new target may not have `ip` yet.
    """
    _code, output = output_of(["ip", "-oneline", "-4", "address", "show", "to", network])
    found: List[Tuple[str, str]] = re.findall(r"^[0-9]+: ([^ ]+) +inet ([^ ]+) ", output, re.MULTILINE)
    return tuple(found)


def ports(bridge: str) -> Tuple[str, ...]:
    """Return the interfaces that are attached to a bridge."""
    folder = os.path.join(INTERFACES, bridge, "brif")
    return tuple(sorted(os.listdir(folder))) if os.path.isdir(folder) else ()


def output_of(argv: Sequence[str]) -> Tuple[int, str]:
    """Return the exit status and the output of a program. A program that does not exist has status 127, as in a shell.

    Raises RefusedError if it does not end in time.
    """
    program = shutil.which(argv[0], path=os.pathsep.join([os.environ.get("PATH", ""), *facts.PROGRAMS]))
    if program is None:
        return 127, ""
    try:
        done = subprocess.run(
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RefusedError("%s gave no answer within %d seconds" % (" ".join(argv), PATIENCE)) from None
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")
