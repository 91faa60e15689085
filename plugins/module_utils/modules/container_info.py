# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the module container_info (I/O, reads only): reports the actual containers."""

from __future__ import annotations

import functools
import os
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .. import call
from ..container_spec import parse, records
from ..disk import beneath, places, volumes
from ..errors import ContainerError, RefusedError, unexpected
from ..lifecycle import history, obstacles, packet_filters, problems, published, survey
from ..lxc import queries, runtime
from ..model import manifest, tree
from ..plan import lxc_config
from ..stages import planning
from ..target import facts, processes
from ..verify import device_nodes, in_force, usage

UNMEASURED: Dict[str, Any] = {
    **dict.fromkeys(("uptime_seconds", "memory_bytes", "memory_limit_bytes", "cpu_seconds")),
    "addresses": [],
    "limits": {},
    "effective": {},
}
NO_LIFE: Dict[str, Any] = {"starts": None, "started_at": None, "restarts": None, "restarting": False, "last_end": None}


def run(parameters: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the facts of the containers that are named, or of all. Raises RefusedError."""
    containers = parse.parse_containers(parameters["containers"], parameters["defaults"])
    names: Sequence[str] = parse.parse_names(parameters["name"] or ())
    if containers and names:
        raise RefusedError("name: give either names or containers, not both")
    lxc = call.choose_runtime(parameters)
    names = list(dict.fromkeys([*names, *(container.name for container in containers)]))
    with_volumes = names
    if parameters["others"] or (parameters["name"] is None and not names):
        names = list(dict.fromkeys(names + survey.names_with(lxc.lxc_path, lxc_config.FILE_NAME, manifest.FILE_NAME)))
        with_volumes = list(dict.fromkeys(with_volumes + volumes.owners(lxc.lxc_path)))
    present = [name for name in names if os.path.isdir(os.path.join(lxc.lxc_path, name))]
    statuses = queries.statuses(lxc, present)
    items = [describe_safely(lxc.lxc_path, name, statuses.get(name)) for name in names]
    judge(lxc, items, containers, parameters["others"])
    return {
        "changed": False,
        "containers": items,
        "volumes": [each for name in with_volumes for each in volumes_of(lxc.lxc_path, name)],
        "lxc_path": lxc.lxc_path,
        "lxc_version": lxc.version(),
        "cgroup_version": facts.cgroup_version(),
        "runtime": lxc.kind,
    }


def judge(
    lxc: runtime.Runtime, items: Sequence[Dict[str, Any]], containers: Sequence[records.Container], all_declared: bool
) -> None:
    """Add to what is known of each container what its spec declares, its health, and what is wrong with it."""
    specs = {one.name: one for one in containers}
    checks = checks_of(lxc, items, specs)
    for item in items:
        name, spec, end = item["name"], specs.get(item["name"]), item["last_end"]
        item["declared"] = spec.state if spec else None
        item["checks"] = checks.get(name, [])
        healthy = all(check["held"] for check in item["checks"])
        item["health"] = ("healthy" if healthy else "unhealthy") if item["checks"] else None
        since = time.time() - end["ended"] if end and end["ended"] else float("inf")
        item["problems"] = problems.problems(
            item, bool(specs) and all_declared, functools.partial(history.last_words, lxc.lxc_path, name), since
        )
        if end:
            item["last_end"] = {**end, "ended": time_of(end["ended"])}


def checks_of(
    lxc: runtime.Runtime, items: Sequence[Mapping[str, Any]], specs: Mapping[str, records.Container]
) -> Dict[str, Any]:
    """Return how the checks hold now, of each container that runs as declared and has some."""
    pids = {item["name"]: item["pid"] for item in items if item["state"] == "RUNNING" and item["pid"]}
    asked = [one for one in specs.values() if one.name in pids and one.state == "started" and one.ready]
    if not asked:
        return {}
    # Loaded only if a container has checks.
    from ..readiness import conditions, gate

    found = gate.ask(lxc, {one.name: one.ready for one in asked}, pids)
    return {
        one.name: [
            {"check": conditions.title(check), **{key: found[one.name][place][key] for key in ("held", "reason")}}
            for place, check in enumerate(one.ready)
        ]
        for one in asked
    }


def describe_safely(lxc_path: str, name: str, status: Union[runtime.Status, ContainerError, None]) -> Dict[str, Any]:
    """Return the same as `describe`, but turn an unexpected exception into an error of this container alone."""
    try:
        return describe(lxc_path, name, status)
    except Exception as error:  # pylint: disable=broad-except
        unknown: Dict[str, Any] = {"state": None, "pid": None, "ours": False, "drift": []}
        unknown.update(restart_needed=False, reload_needed=False)
        return {"name": name, **unknown, **NO_LIFE, **UNMEASURED, "ports": [], "error": unexpected(error)}


def describe(lxc_path: str, name: str, status: Union[runtime.Status, ContainerError, None]) -> Dict[str, Any]:
    """Return all that is known of one container. A value that cannot be read is null, with the reason under `error`."""
    item: Dict[str, Any] = {"name": name, "state": "ABSENT", "pid": None, "ours": False, "error": None}
    record = None
    try:
        record = planning.read_manifest(lxc_path, name) if status else None
        item["ours"] = record is not None
    except planning.ForeignError:
        pass  # A container of somebody else is no error: `ours` shows it.
    except ContainerError as error:
        item["error"] = str(error)
    if isinstance(status, ContainerError):
        item.update(state=None, error=str(status))
    elif status:
        complete = survey.has_config(lxc_path, name)
        item.update(state=status.state if complete or status.pid else "INCOMPLETE", pid=status.pid)
    item["restart_needed"] = bool(status and record and survey.restart_due(status, record))
    item["reload_needed"] = bool(status and record and survey.reload_due(status, record))
    item.update(drift_of(lxc_path, name, record))
    item.update(life_of(lxc_path, name, bool(item["pid"])) if status else NO_LIFE)
    pid = item["pid"]
    try:
        ports = published.in_force(lxc_path, name) if pid else []
        return {**item, **(measurements(lxc_path, name, pid) if pid else UNMEASURED), "ports": ports}
    except ContainerError as error:
        return {**item, **UNMEASURED, "ports": [], "error": item["error"] or str(error)}


def life_of(lxc_path: str, name: str, running: bool) -> Dict[str, Any]:
    """Return when a container was started, how often, and how its command last ended."""
    found = history.of(lxc_path, name, running)
    end = found.last_end
    if end and end.seconds is not None:
        end = end._replace(seconds=round(end.seconds, 2))
    return {
        "starts": found.start.number if found.start else None,
        "started_at": time_of(found.started),
        "restarts": found.restarts(),
        "restarting": bool(running and found.runs and found.runs.state == "waiting"),
        "last_end": end._asdict() if end else None,
    }


def time_of(seconds: Optional[float]) -> Optional[str]:
    """Return a time of the target's clock as ISO 8601 in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) if seconds is not None else None


def volumes_of(lxc_path: str, name: str) -> List[Dict[str, Any]]:
    """Return the volumes of a container, also of one that is gone. `target` is null if its config does not mount it."""
    found = volumes.names(lxc_path, name)
    if not found:
        return []
    lines = survey.config_lines(lxc_path, name)
    targets = obstacles.bound(lines, lxc_config.place_of_mounts(os.path.realpath(lxc_path), name))
    inside = {os.path.realpath(source): target for source, target in targets.items()}
    paths = {volume: os.path.join(places.volumes(lxc_path, name), volume) for volume in found}
    return [
        {
            "container": name,
            "name": volume,
            "path": path,
            "target": inside.get(os.path.realpath(path)),
            "size": each.limit or None if each else None,
            "used": each.used if each else None,
        }
        for volume, path in paths.items()
        for each in [volumes.usage_of(path)]
    ]


def drift_of(lxc_path: str, name: str, record: Optional[manifest.Manifest]) -> Dict[str, Any]:
    """Return where the files on disk differ from what the manifest says this collection left."""
    if record is None:
        return {"drift": []}
    entries = {
        path: tree.entry_of_record(path, kept)
        for stage in record.stages.values()
        for path, kept in stage.entries.items()
    }
    try:
        with beneath.Directories(os.path.join(lxc_path, name), record.ids) as directories:
            found = beneath.observe(directories, entries, {})
        return {"drift": tree.describe(tree.plan(entries, found, entries))}
    except (ContainerError, OSError) as error:
        return {"drift": [str(error)]}


def measurements(lxc_path: str, name: str, pid: int) -> Dict[str, Any]:
    """Return what the kernel reports of a running container.

    Raises ContainerError if the report cannot be understood.
    """
    lines, found = survey.config_lines(lxc_path, name), in_force.of(pid)
    limits: Dict[str, Optional[str]] = usage.effective_limits(pid)
    addresses: List[str] = usage.addresses(pid)
    started, most = processes.started(pid), limits.get("memory")
    return {
        "uptime_seconds": None if started is None else int(processes.since_boot() - started),
        "addresses": addresses,
        "memory_bytes": usage.memory_bytes(pid),
        "memory_limit_bytes": int(most) if most else None,
        "cpu_seconds": usage.cpu_seconds(pid),
        "limits": limits,
        "effective": {
            **found._asdict(),
            "limits": limits,
            "nodes": device_nodes.effective(pid, lines),
            "packet_filter": packet_filters.effective(lxc_path, name, pid, lines, found),
        },
    }
