# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module exec (I/O): one program in a running container. Its output is treated as text only."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .. import call
from ..container_spec import keys, parse, records, values
from ..disk import beneath
from ..errors import ContainerError, RefusedError
from ..lxc import attach, queries, runtime

ACCOUNTS_MAX = 1024 * 1024
NUMBER = values.integer(0, 4294967294)
# The shell changes the directory, then executes the program in its place.
CHANGE_DIRECTORY = ("sh", "-c", 'cd -- "$0" && exec "$@"')


def run(parameters: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    """Return the result of one program. Raises RefusedError if the program cannot be run."""
    name, argv, environment = program_of(parameters)
    lxc = call.choose_runtime(parameters)
    try:
        pid = running_pid(lxc, name)
        root = "/proc/%d/root" % pid
        reason = skip_reason(root, parameters["creates"], parameters["removes"])
        if reason:
            return {"changed": False, "cmd": list(argv), "rc": 0, "stdout": "", "stderr": "", "msg": reason}
        if check:
            return {"changed": True, "cmd": list(argv), "skipped": True, "msg": "would run, were it not in check mode"}
        uid, gid = account(root, parameters["user"], parameters["group"])
        if parameters["chdir"]:
            argv = (*CHANGE_DIRECTORY, parameters["chdir"], *argv)
        return attach.execute(lxc, name, attach.Program(argv, environment, uid, gid), parameters)
    except ContainerError as error:
        raise RefusedError("container %r: %s" % (name, error)) from None
    except OSError as error:
        raise RefusedError("container %r: no program can be run in it: %s" % (name, error.strerror)) from None


def program_of(parameters: Mapping[str, Any]) -> Tuple[str, Tuple[str, ...], Tuple[Tuple[str, str], ...]]:
    """Return name, argv and environment.

    Arguments may contain line breaks: no shell and no config reads them. Raises RefusedError.
    """
    name = parse.parse_names([parameters["name"]])[0]
    argv = tuple(parameters["argv"])
    if not argv or not argv[0]:
        raise RefusedError("argv: %r names no program" % (list(argv),))
    if parameters["timeout"] is not None and not parameters["timeout"] > 0:
        raise RefusedError("timeout: %r is not more than 0 seconds" % parameters["timeout"])
    if parameters["output_limit"] < 0:
        raise RefusedError("output_limit: %r is not a number of bytes" % parameters["output_limit"])
    if any("\0" in word for word in argv):
        raise RefusedError("argv: an argument has a NUL character")
    try:
        environment = values.within(
            "environment", lambda value: variables(value, parameters["secrets"]), parameters["environment"]
        )
        for key in ("chdir", "creates", "removes"):
            if parameters[key]:
                values.within(key, values.path, parameters[key])
    except values.InvalidError as error:
        raise RefusedError(error.sentence()) from None
    return name, argv, environment


def variables(options: Any, secrets: Mapping[str, Any]) -> Tuple[Tuple[str, str], ...]:
    """Return the variables with their values. Raises values.InvalidError."""
    found: List[Tuple[str, str]] = []
    for name, value in parse.reveal(keys.ENVIRONMENT(options), secrets):
        secret = isinstance(value, records.Secret)
        if secret and name.startswith(attach.LOADER):
            raise values.InvalidError("cannot be secret: LXC gets it as an argument, which all users can read", name)
        found.append((name, value.value if isinstance(value, records.Secret) else value))
    return tuple(found)


def running_pid(lxc: runtime.Runtime, name: str) -> int:
    """Return the PID 1 of a container, as the target counts. Raises ContainerError if the container does not run."""
    if not os.path.isfile(os.path.join(lxc.lxc_path, name, "config")):
        raise ContainerError("there is no such container in %s" % lxc.lxc_path)
    status = queries.statuses(lxc, [name])[name]
    if isinstance(status, ContainerError):
        raise status
    if status.state != "RUNNING" or not status.pid:
        raise ContainerError("it is %s and must be RUNNING to run a program in it" % status.state)
    return status.pid


def skip_reason(root: str, creates: Optional[str], removes: Optional[str]) -> str:
    """Return why the program need not run, or an empty string. The paths are those inside the container."""
    if creates and beneath.exists_inside(root, creates):
        return "did not run, since %s exists in the container" % creates
    if removes and not beneath.exists_inside(root, removes):
        return "did not run, since %s does not exist in the container" % removes
    return ""


def account(root: str, user: Optional[str], group: Optional[str]) -> Tuple[Optional[int], Optional[int]]:
    """Return the ids of a user and a group, which are given as ids or as names that the container knows."""
    uid, gid = find(root, "user", user, "/etc/passwd")
    chosen_gid = find(root, "group", group, "/etc/group")[0]
    return uid, chosen_gid if chosen_gid is not None else gid


def find(root: str, key: str, wanted: Optional[str], file: str) -> Tuple[Optional[int], Optional[int]]:
    """Return the id of an account and, for a user, that of its group. See passwd(5), group(5).

    Raises ContainerError if the container does not know the name.
    """
    if not wanted:
        return None, None
    for line in beneath.text_inside(root, file, ACCOUNTS_MAX).split("\n"):
        fields = line.split(":")
        if wanted in (fields[0], *fields[2:3]):
            try:
                return NUMBER(fields[2]), NUMBER(fields[3]) if key == "user" else None
            except (values.InvalidError, IndexError):
                continue
    try:
        # Without a group LXC would keep root's.
        return NUMBER(wanted), NUMBER(wanted)
    except values.InvalidError:
        raise ContainerError("%s: the container's %s has no %r" % (key, file, wanted)) from None
