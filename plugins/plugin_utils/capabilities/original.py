# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the gateways of the original's manifests, each element as what it means here.

What the original does in another way is told in notes.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from ...module_utils.container_spec.values import (
    CONTROL,
    UNITS,
    Field,
    InvalidError,
    Parser,
    nearest,
    within,
)
from . import forbidden, packet_rules, records
from .settings import Settings

MODES = (records.SET, records.APPEND, records.PREPEND)
SIZE = re.compile(r"([0-9]{1,15})([kKmMgG]?)", re.ASCII)
# Less than this, and not even PID 1 can live.
MEMORY_MIN = 64 * 1024
# The kernel takes no more for more; see sched/core.c.
SHARES_MIN, SHARES_MAX, SHARES_WRITTEN_MAX = 2, 262144, 2147483647
CLASS = re.compile(r"0x0*[1-9a-fA-F][0-9a-fA-F]*", re.ASCII)
# Settings for which a limit of the spec stands.
LIMITS = {
    "memory.limit_in_bytes": "memory",
    "memory.memsw.limit_in_bytes": "memory_swap",
    "cpu.shares": "cpu_shares",
}
CLASS_SETTING = "net_cls.classid"
# What a limit of the spec writes itself.
BY_LIMITS = {"cpu.cfs_quota_us": "cpus", "cpu.cfs_period_us": "cpus", "pids.max": "pids"}
EXECUTE = 0o111
UNSUPPORTED = {
    "dbus": "D-Bus",
    "pulseaudio": "PulseAudio",
    "wayland": "Wayland",
}


class Context(NamedTuple):
    """What an element is read with: the operator's settings, and the path of containers on the target."""

    settings: Settings
    lxc_path: Optional[str] = None


Reader = Callable[[Any, records.Origin, Context], List[records.Item]]


def string(value: Any) -> str:
    """Return a text of one line that is not empty. Raise InvalidError, also for a number, as the original does."""
    if not isinstance(value, str):
        raise InvalidError("is not a string; put it in quotes", value)
    if not value:
        raise InvalidError("is empty", value)
    if CONTROL.search(value):
        raise InvalidError("has a line break or another control character", value)
    return value


def separator(value: Any) -> str:
    """Return a text of one line. Raise InvalidError."""
    return string(value) if value != "" else ""


def boolean(value: Any) -> bool:
    """Return a boolean. Raise InvalidError for a word that stands for one."""
    if not isinstance(value, bool):
        raise InvalidError("is not true or false", value)
    return value


def env_mode(value: Any) -> str:
    """Return how a variable gets its value, from a word in any case. Raise InvalidError."""
    word = value.lower() if isinstance(value, str) else value
    if word not in MODES:
        raise InvalidError("is none of %s%s" % (", ".join(MODES), nearest(word, MODES)), value)
    return str(word)


def element(fields: Dict[str, Field]) -> Parser:
    """Return the parser of an element with these keys, as a dictionary."""
    return packet_rules.strict(dict, fields)


ENV = element(
    {
        "name": Field(forbidden.variable),
        "value": Field(string),
        "mode": Field(env_mode, records.SET),
        "separator": Field(separator, ""),
    }
)


def env(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return what an element of the gateway env means. Raise InvalidError."""
    return [records.Variable(origin, **ENV(value))]


def file(value: Any, origin: records.Origin, context: Context) -> List[records.Item]:
    """Return what an element of the gateway file means. Raise InvalidError."""
    fields = {
        "path-host": Field(forbidden.source(context.lxc_path)),
        "path-container": Field(forbidden.target),
        "read-only": Field(boolean, None),
    }
    values = element(fields)(value)
    read_only = values["read-only"] is not False
    if not read_only:
        within("path-host", forbidden.writable(context.settings.writable), values["path-host"])
    found: List[records.Item] = [records.Mount(origin, values["path-host"], values["path-container"], read_only)]
    if values["read-only"] is None:
        found.append(records.Note(origin, "read-only is left out and is true; the original leaves it to chance"))
    return found


def device_mode(value: Any) -> int:
    """Return a mode from three octal digits, as a number that is written so or as text. Raise InvalidError."""
    text = "" if isinstance(value, bool) else str(value)
    if not isinstance(value, (int, str)) or not re.fullmatch(r"0?[0-7]{3}", text):
        raise InvalidError("is not a mode of three octal digits", value)
    return int(text, 8)


DEVICENODE = element({"name": Field(forbidden.device), "mode": Field(device_mode, None)})


def devicenode(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return what an element of the gateway devicenode means. Raise InvalidError."""
    values = DEVICENODE(value)
    mode = values["mode"]
    found: List[records.Item] = []
    if mode is not None:
        told = "mode is octal; the original passes %s on as a decimal number" % value["mode"]
        found.append(records.Note(origin, told))
        if mode & EXECUTE:
            found.append(records.Note(origin, "mode loses its execute bits, which mean nothing for a device"))
        mode &= ~EXECUTE
    return [records.Device(origin, values["name"], values["name"], mode), *found]


CGROUP = element({"setting": Field(string), "value": Field(string)})


def cgroups(value: Any, origin: records.Origin, _context: Context) -> List[records.Item]:
    """Return what an element of the gateway cgroups means. Raise InvalidError."""
    values = CGROUP(value)
    setting, written = values["setting"], values["value"]
    if setting in LIMITS:
        return limit(setting, written, origin)
    if setting == CLASS_SETTING:
        return [records.Setting(origin, "lxc.cgroup." + setting, within("value", class_id, written))]
    check_setting(setting)
    told = "%s is set as it is, which needs a target with that controller on cgroup version 1" % setting
    return [records.Setting(origin, "lxc.cgroup." + setting, written), records.Note(origin, told)]


def class_id(written: str) -> str:
    """Return a class id for net_cls. Raise InvalidError."""
    if not (7 <= len(written) <= 10 and CLASS.fullmatch(written)):
        raise InvalidError("is no class id such as 0x100001 (5 to 8 hexadecimal digits, not 0)", written)
    return written


def shares(written: str) -> int:
    """Return processor shares as the original takes them. Raise InvalidError."""
    if not re.fullmatch(r"[0-9]{1,10}", written, re.ASCII) or not SHARES_MIN <= int(written) <= SHARES_WRITTEN_MAX:
        raise InvalidError("is not a whole number from %d to %d" % (SHARES_MIN, SHARES_WRITTEN_MAX), written)
    return int(written)


def size(written: str) -> int:
    """Return a number of bytes as the original takes it. Raise InvalidError."""
    match = SIZE.fullmatch(written)
    number = int(match.group(1)) * UNITS[match.group(2).upper()] if match else 0
    if not 0 < number < 1 << 63:
        raise InvalidError("is not a number of bytes such as 67108864 or 64M", written)
    return number


def limit(setting: str, written: str, origin: records.Origin) -> List[records.Item]:
    """Return a limit of the spec for a setting that has one. Raise InvalidError."""
    key = LIMITS[setting]
    if key != "cpu_shares":
        return [records.Limit(origin, key, within("value", size, written))]
    number = within("value", shares, written)
    found: List[records.Item] = [records.Limit(origin, key, min(number, SHARES_MAX))]
    if number > SHARES_MAX:
        found.append(records.Note(origin, "%s is %d, which is all that the kernel gives" % (written, SHARES_MAX)))
    return found


def check_setting(setting: str) -> None:
    """Raise InvalidError for a setting that is none, or that would open something rather than limit it."""
    controller = setting.partition(".")[0]
    if controller == "devices":
        raise InvalidError("opens devices, for which there is the gateway devicenode", setting, "setting")
    if setting in BY_LIMITS:
        raise InvalidError("is what limits.%s of the spec is for" % BY_LIMITS[setting], setting, "setting")
    if controller not in forbidden.CONTROLLERS or not re.fullmatch(r"[a-z_]+(\.[A-Za-z0-9_]+)+", setting):
        known = (*LIMITS, CLASS_SETTING, *(each + ".*" for each in forbidden.CONTROLLERS))
        raise InvalidError("is no setting of a cgroup" + nearest(setting, known), setting, "setting")


def network(value: Any, origin: records.Origin, context: Context) -> List[records.Item]:
    """Return what an element of the gateway network means. Raise InvalidError."""
    return packet_rules.of_original(value, origin, dict(context.settings.hosts))


READERS: Dict[str, Reader] = {
    "env": env,
    "file": file,
    "cgroups": cgroups,
    "devicenode": devicenode,
    "network": network,
}
GATEWAYS = (*READERS, *UNSUPPORTED)
