"""I/O: what a rollout costs the controller for each host, beside a play with as many tasks that do nothing.

The hosts are simulated on this machine: connection `local`, and a lxc path each. What their modules take is recorded by
the interpreter that runs them and taken off, so that the controller's share is left.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
from typing import Callable, Dict, List, Tuple

from contestants import Setting, environment
from report import NO_OP, ROLLOUT, FleetRun
from sandbox import PREFIX, BenchmarkError, cgroup_pids, cgroups, measuring_interpreter, sweep_containers, write

FORKS = 20
Run = Callable[[List[str], Dict[str, str]], Tuple[float, str]]


def measure(setting: Setting, hosts: int, run: Run) -> List[FleetRun]:
    """Roll out one new container to each of some hosts; then give each as many pings as that took modules."""
    place = os.path.join(setting.scratch, "fleet")
    log = os.path.join(place, "modules.log")
    names = [f"{PREFIX}h{number:03d}" for number in range(1, hosts + 1)]
    try:
        inventory = write_inventory(setting, place, log, names)
        rollout = play(setting, inventory, "softwarecontainer.lxc.rollout")
        first = timed(ROLLOUT, hosts, rollout, log, setting, run)
        require_running(names)
        tasks = first.module_runs // hosts
        playbook = os.path.join(place, "no-op.json")
        task = {"name": "Do nothing", "ansible.builtin.ping": {}}
        write(playbook, json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task] * tasks}]))
        second = timed(NO_OP, hosts, play(setting, inventory, playbook), log, setting, run)
        if second.module_runs != tasks * hosts:
            raise BenchmarkError(f"{second.module_runs} modules ran in the no-op play, not {tasks * hosts}")
        return [first, second]
    finally:
        sweep_containers()
        shutil.rmtree(place, ignore_errors=True)


def write_inventory(setting: Setting, place: str, log: str, names: List[str]) -> str:
    """Write the inventory of a fleet, and the interpreter of its hosts; return the path of the inventory."""
    interpreter = measuring_interpreter(place, setting.file("measure.py"), log)
    busybox = {"method": "bind", "applets": ["sh", "sleep"]}
    hosts = {}
    for name in names:
        os.makedirs(os.path.join(place, name))
        container = {"name": name, "network": [], "busybox": busybox, "ready": [{"file": "/etc/passwd", "stable": 0}]}
        hosts[name] = {
            "softwarecontainer_lxc_path": os.path.join(place, name),
            "softwarecontainer_containers": [container],
        }
    common = {
        "ansible_connection": "local",
        "ansible_pipelining": False,
        "ansible_python_interpreter": interpreter,
        "softwarecontainer_settle": 0,
        "softwarecontainer_rollout_ledger": os.path.join(place, "rollouts"),
        "softwarecontainer_rollout_batches": ["100%"],
    }
    inventory = os.path.join(place, "hosts.json")
    write(inventory, json.dumps({"all": {"hosts": hosts, "vars": common}}))
    return inventory


def play(setting: Setting, inventory: str, playbook: str) -> List[str]:
    """Return the command that runs a playbook for the fleet."""
    return [setting.ansible_playbook, "-i", inventory, "--forks", str(FORKS), playbook]


def timed(kind: str, hosts: int, command: List[str], log: str, setting: Setting, run: Run) -> FleetRun:
    """Run a play and return what it took: seconds, and the processor seconds of controller and modules."""
    write(log, "")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds, _text = run(command, environment(setting))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(log) as stream:
        modules = [json.loads(line) for line in stream]
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return FleetRun(kind, hosts, seconds, spent - sum(module["cpu"] for module in modules), len(modules))


def require_running(names: List[str]) -> None:
    """Raise BenchmarkError unless each container has a process."""
    groups: Dict[str, int] = {}
    for directory in cgroups("lxc.payload."):
        name = os.path.basename(directory).partition("lxc.payload.")[2]
        groups[name] = groups.get(name, 0) + len(cgroup_pids(directory))
    missing = [name for name in names if not groups.get(name)]
    if missing:
        raise BenchmarkError(f"{len(missing)} of {len(names)} containers do not run, {missing[0]} is the first")
