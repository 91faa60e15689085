"""I/O: what users run: the playbooks `provision` and `rollout`, here, through a slow line, and on a slow processor.

The host behind the line is a system container that the role `molecule_targets` makes, and the one with a slow processor
is a virtual machine of that role. The contestants, this collection
and, where it takes part, the one before, have a lxc path each and take turns, and beside them stand plays with one
`ping` over the same kind of connection. Each play opens its own connection.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import re
import shutil
import subprocess
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

from contestants import BEFORE, Setting, environment
from report import LOCAL, SLOW, SSH, Figures
from sandbox import BRIDGE, BenchmarkError, names, output, sweep_containers, write

TARGET, TARGET_BRIDGE, TARGET_NETWORK = "scbench-target", "scbench1", "10.214.0"
# A line as of a mobile network: 50 ms there and back, 2 Mbit/s.
DELAY_MS, BITS = 25, 2_000_000
DISTRIBUTION = "debian-12"
# The plays in their order, see report.PLAYS, and the version of the first container.
STEPS = [
    ("create", 0),
    ("role", 0),
    ("nothing", 0),
    ("change", 1),
    ("check", 2),
    ("rollout", 1),
    ("rollout change", 3),
]
# Those on the slow processor, with one container: a play of the collection before takes minutes there.
SLOW_STEPS = [step for step in STEPS if step[0] in ("create", "nothing", "change")]
SLOW_MACHINE = {"architecture": "arm64", "port": 2223}
Timed = Callable[[Sequence[str], Dict[str, str]], Tuple[float, str]]
Variables = Dict[str, Any]


class Host:
    """One host: how Ansible gets there, what counts its bytes, and where the containers are to lie."""

    def __init__(self, setting: Setting, way: str, variables: Variables, parent: str = "", log: str = "") -> None:
        self.setting, self.way, self.variables, self.parent, self.log = setting, way, variables, parent, log
        self.folder = os.path.join(setting.scratch, "plays", way)
        self.control = os.path.join(self.folder, "cp")
        os.makedirs(self.control)
        self.write("ping", {})

    def lxc_path(self, key: str) -> str:
        """The lxc path of a contestant."""
        return os.path.join(self.parent, key) if self.parent else self.setting.lxc_path(key)

    def path(self, key: str) -> str:
        """The inventory of a contestant."""
        return os.path.join(self.folder, key + ".json")

    def write(self, key: str, variables: Variables) -> str:
        """Write the inventory of a contestant."""
        write(self.path(key), json.dumps({"all": {"hosts": {TARGET: {**self.variables, **variables}}}}))
        return self.path(key)

    def environment(self, key: str) -> Dict[str, str]:
        """The environment of a play; the collection before is found where it was checked out."""
        found = {**environment(self.setting), "ANSIBLE_SSH_CONTROL_PATH_DIR": self.control}
        return {**found, "ANSIBLE_COLLECTIONS_PATH": self.setting.before} if key == BEFORE.key else found

    def disconnect(self) -> int:
        """End the connection of the last play, and return how many bytes it carried to the host."""
        for path in glob.glob(os.path.join(self.control, "*")):
            subprocess.run(["ssh", "-o", "ControlPath=" + path, "-O", "exit", "x"], capture_output=True, check=False)
        with contextlib.suppress(FileNotFoundError), open(self.log) as stream:
            # The lines hold it until they have written how much they carried.
            fcntl.flock(stream, fcntl.LOCK_EX)
            carried = sum(json.loads(line)["there"] for line in stream)
            os.unlink(self.log)
            return carried
        return 0


def this_machine(setting: Setting) -> Host:
    """This machine itself."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_pipelining": False,
        "softwarecontainer_bridge": BRIDGE,
        # The benchmark has made it.
        "softwarecontainer_manage_bridge": False,
    }
    return Host(setting, LOCAL, variables)


@contextlib.contextmanager
def host_behind_a_line(setting: Setting) -> Iterator[Host]:
    """A system container, as long as it is needed."""
    target = {"name": TARGET, "distribution": DISTRIBUTION, "address": TARGET_NETWORK + ".11"}
    with made(setting, target) as (place, variables):
        log = os.path.join(place, "line.log")
        line = [setting.ansible_python, setting.file("slow_line.py"), "%h", "%p", str(DELAY_MS), str(BITS), log]
        variables["ansible_ssh_extra_args"] = f"-o ProxyCommand='{' '.join(line)}'"
        yield Host(setting, SSH, variables, "/data", log)


@contextlib.contextmanager
def slow_host(setting: Setting) -> Iterator[Host]:
    """A machine with an emulated processor, as long as it is needed."""
    target = {"name": TARGET, "distribution": "debian-13", "machine": SLOW_MACHINE}
    with made(setting, target) as (_place, variables):
        yield Host(setting, SLOW, variables, "/var/lib")


@contextlib.contextmanager
def made(setting: Setting, target: Variables) -> Iterator[Tuple[str, Variables]]:
    """A target of the role `molecule_targets`, as long as it is needed: a directory of its own, and its variables."""
    place = os.path.join(setting.scratch, "provision")
    os.makedirs(place)
    try:
        carry_out(setting, place, target, "create")
        listed = output(sibling(setting, "ansible-inventory"), "-i", os.path.join(place, "inventory"), "--list")
        yield place, json.loads(listed)["_meta"]["hostvars"][TARGET]
    finally:
        carry_out(setting, place, target, "destroy")
        shutil.rmtree(place, ignore_errors=True)


def sibling(setting: Setting, program: str) -> str:
    """The path of another program of Ansible."""
    return os.path.join(os.path.dirname(setting.ansible_playbook), program)


def carry_out(setting: Setting, place: str, target: Variables, entry: str) -> None:
    """Make or remove a target."""
    variables = {
        "softwarecontainer_targets": [target],
        "softwarecontainer_targets_path": os.path.join(place, "targets"),
        "softwarecontainer_targets_bridge": TARGET_BRIDGE,
        "softwarecontainer_targets_address": TARGET_NETWORK + ".1/24",
        "softwarecontainer_targets_inventory": os.path.join(place, "inventory"),
    }
    role = {"name": "softwarecontainer.lxc.molecule_targets", "tasks_from": entry}
    tasks = [{"name": "Make or remove the target", "ansible.builtin.import_role": role}]
    playbook = os.path.join(place, "target.json")
    write(playbook, json.dumps([{"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": tasks}]))
    finished = subprocess.run(
        [setting.ansible_playbook, playbook], env=environment(setting), capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        raise BenchmarkError(f"molecule_targets, {entry}: {finished.stdout[-2000:]}")


def measure(
    setting: Setting, keys: Sequence[str], counts: Sequence[int], runs: int, timed: Timed, figures: Figures
) -> None:
    """All plays of all contestants here and behind the slow line, so many times."""
    # First: between plays on this machine all containers of the benchmark are swept, and the host is one.
    with host_behind_a_line(setting) as host:
        measure_on(host, STEPS, keys, counts, runs, timed, figures)
    measure_on(this_machine(setting), STEPS, keys, counts, runs, timed, figures)


def measure_slow(setting: Setting, keys: Sequence[str], runs: int, timed: Timed, figures: Figures) -> None:
    """The plays of all contestants on the slow processor, so many times."""
    with slow_host(setting) as host:
        measure_on(host, SLOW_STEPS, keys, [1], runs, timed, figures)


def measure_on(
    host: Host,
    steps: Sequence[Tuple[str, int]],
    keys: Sequence[str],
    counts: Sequence[int],
    runs: int,
    timed: Timed,
    figures: Figures,
) -> None:
    """Plays of all contestants on one host, so many times."""
    for run in range(-1, runs):
        for count in counts if run >= 0 else [1]:
            # The collection before takes part with one container alone: it is slow, and no target asks for more.
            for key in turns(keys if count == 1 else keys[:1], run):
                print(f"provision, {host.way}, run {run + 1} of {runs}, {count} containers, {key}", flush=True)
                # The first play of all, which is not measured, looks for packages and fills caches.
                cycle(host, key, count, steps if run >= 0 else steps[:1], timed, figures if run >= 0 else Figures())


def turns(keys: Sequence[str], run: int) -> List[str]:
    """Who comes after whom in a run."""
    shift = run % len(keys)
    return [*keys[shift:], *keys[:shift]]


def cycle(host: Host, key: str, count: int, steps: Sequence[Tuple[str, int]], timed: Timed, figures: Figures) -> None:
    """Plays of one contestant with a number of containers, and beside each of them a ping."""
    # Rollouts cost the same whatever the number of containers is.
    steps = steps if count == 1 else [step for step in steps if "rollout" not in step[0]]
    ping = [host.setting.ansible_playbook, "-i", host.path("ping"), host.setting.file("ping.yml")]
    try:
        make_ready(host, key, timed)
        for name, version in steps:
            take(host, key, name, count, command_of(host, key, name, count, version), timed, figures)
            take(host, "ping", "ping", count, ping, timed, figures)
    except BenchmarkError as error:
        print(f"    FAILED: {error}", flush=True)
        figures.failures.append(f"{host.way}, {name}, {count} containers, {key}: {str(error).splitlines()[0]}")
    shutil.rmtree(ledgers_of(host, key), ignore_errors=True)
    clear(host, key)


def make_ready(host: Host, key: str, timed: Timed) -> None:
    """Have the host as a contestant wants it: the role `host` of the one before writes other settings."""
    variables = {"softwarecontainer_containers": [], "softwarecontainer_lxc_path": host.lxc_path(key)}
    command = [host.setting.ansible_playbook, "-i", host.write(key, variables), "softwarecontainer.lxc.provision"]
    timed(command, host.environment(key))
    host.disconnect()


def ledgers_of(host: Host, key: str) -> str:
    """The directory of a contestant's ledgers."""
    return os.path.join(host.folder, "rollouts-" + key)


def command_of(host: Host, key: str, name: str, count: int, version: int) -> List[str]:
    """The command of one play; the version is what the first container has in its environment, 0 for nothing."""
    specs: List[Variables] = [{"name": each} for each in names(count)]
    if version:
        specs[0]["environment"] = {"VERSION": str(version)}
    variables = {
        "softwarecontainer_containers": specs,
        "softwarecontainer_lxc_path": host.lxc_path(key),
        "softwarecontainer_rollout_ledger": ledgers_of(host, key),
        "softwarecontainer_rollout_id": name.replace(" ", "-"),
    }
    playbook = "softwarecontainer.lxc." + ("rollout" if name.startswith("rollout") else "provision")
    playbook = host.setting.file("collection.yml") if name == "role" else playbook
    command = [host.setting.ansible_playbook, "-i", host.write(key, variables), playbook]
    return [*command, "--check", "--diff"] if name == "check" else command


def take(host: Host, key: str, name: str, count: int, command: List[str], timed: Timed, figures: Figures) -> None:
    """Time one play, and require of its recap what the play has to be."""
    host.disconnect()
    seconds, text = timed(command, host.environment(key))
    carried = host.disconnect()
    recap = re.search(r"\bchanged=(\d+) +unreachable=0 +failed=0", text)
    if not recap or (recap.group(1) != "0") != (name in ("create", "change", "check", "rollout change")):
        raise BenchmarkError(f"{name}: its end is not as it should be\n{text[-1500:]}")
    figures.add(key, f"{host.way} {name}", count, seconds)
    figures.carried.setdefault((key, f"{host.way} {name}", count), []).append(carried)
    print(f"    {name:15} {seconds:8.2f} s {carried / 1000:8.0f} kB", flush=True)


def clear(host: Host, key: str) -> None:
    """Remove the containers of a contestant."""
    command = [
        host.setting.ansible_playbook,
        "-i",
        host.path(key),
        "softwarecontainer.lxc.destroy",
        "-e",
        "{softwarecontainer_prune: true}",
    ]
    subprocess.run(command, env=host.environment(key), capture_output=True, check=False)
    host.disconnect()
    if host.way == LOCAL:
        sweep_containers()
