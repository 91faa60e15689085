"""I/O: measures this collection side by side with the other ways of building and starting LXC containers.

Measured are wall-clock times to create and start, to run again with nothing to do, and to remove 1, 10 and 100
containers: by the role `containers`; by `community.general.lxc_container` in a loop; by a shell loop of an LXC
template and `lxc-start`; by a bare Python loop over the same system calls and liblxc. Containers with all that payloads
can have, and the same ones without, show what that costs. A play with one `ping` gives the fixed cost of Ansible. The
contestants take turns within each run, those that are quick two. Plays of their own, which are not timed, give the
number of tasks and the peak memory of the modules. Then a payload writes much output, to its log and to a pipe. At the
end come rollouts to fleets of 10, 50 and 200 hosts.

The result goes to docs/benchmarks.md when the run is complete: all contestants, 1, 10 and 100 containers, three runs or
more, all fleets, none failed. The exit status is 0 whatever the ratios are, and 1 when a run failed.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import Callable, Dict, Iterator, List, Sequence, Tuple

import fleet
import log_speed
import machine
import payloads
import provision
import report
from contestants import (
    AGAIN,
    BASE_CONFIG,
    BEFORE,
    CONTESTANTS,
    CREATE,
    PING,
    REMOVE,
    Contestant,
    Setting,
    environment,
)
from sandbox import (
    BRIDGE,
    BenchmarkError,
    describe_container,
    end,
    forgets_slowly,
    measuring_interpreter,
    names,
    output,
    sandbox,
    scratch_parent,
    sweep_containers,
    verify_gone,
    verify_running,
    write,
)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
REPORT = os.path.join(ROOT, "docs", "benchmarks.md")
PEER_PACKAGE = "ansible==12.3.0"
# In the environment of `make venv`, so that it is ignored, and made anew when the checkout moves, as that one is.
PEER_ENVIRONMENT = ".venv/benchmark"
HANG_SECONDS = 3600
# The last one of which each role asked the target step by step.
BEFORE_COMMIT = "34b12e9"
# Whose tasks and memory are looked at.
MEASURED = ("collection", payloads.WITH)
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COMPLETE_COUNTS, COMPLETE_RUNS, COMPLETE_PLAYS, COMPLETE_FLEETS = {1, 10, 100}, 3, 5, {10, 50, 200}
COMPLETE_LOG_TURNS = 3
IMAGE: Dict[str, Callable[[], bool]] = {
    "auto": lambda: forgets_slowly(scratch_parent()),
    "image": lambda: True,
    "machine": lambda: False,
}


def main() -> int:
    """Run the benchmark and return the exit status."""
    options = parse(sys.argv[1:])
    for number in STOPPING:
        signal.signal(number, leave)
    try:
        check_requirements()
        peer_playbook = install_peer() if "peer" in options.contestants else ""
        with sandbox(IMAGE[options.file_system]()) as scratch:
            setting = prepare(scratch, options.counts, peer_playbook)
            if options.before:
                check_out(options.before, setting)
            figures = measure(setting, options)
            text = report.render(figures, options.counts, describe_machine(setting), str(datetime.date.today()))
    except BenchmarkError as error:
        print(f"benchmark: {error}", file=sys.stderr)
        return 1
    give_back_compiled()
    publish(text, options, complete(options, figures))
    for line in report.compared(figures, BEFORE.key, options.counts) if options.before else ():
        print(line)
    return 1 if figures.failures else 0


def leave(signum: int, _frame: object) -> None:
    """End once: a second signal would end the clearing away."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + signum)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    keys = [contestant.key for contestant in CONTESTANTS]
    parser = argparse.ArgumentParser(prog="tests/benchmark/run", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3, help="runs of every contestant, default 3")
    parser.add_argument("--counts", type=numbers, default=[1, 10, 100], help="numbers of containers, default 1,10,100")
    parser.add_argument("--peer-counts", type=numbers, help="the same for the peer alone, which takes minutes for 100")
    parser.add_argument("--contestants", type=lambda text: text.split(","), default=keys, help=",".join(keys))
    parser.add_argument(
        "--fleets", type=numbers, default=[10, 50, 200], help="hosts of the rollouts, default 10,50,200"
    )
    parser.add_argument(
        "--file-system",
        choices=sorted(IMAGE),
        default="auto",
        help="where the containers lie: on the file system of LXC's own path (machine), on an ext4 in a file (image), "
        "or in an image only where LXC's path is on ext4 without a journal, which slows after removals (auto)",
    )
    parser.add_argument(
        "--before", default=BEFORE_COMMIT, help="a commit: the collection as it was then takes part too; empty: none"
    )
    parser.add_argument("--plays", type=int, default=5, help="runs of the playbooks that users run, default 5")
    parser.add_argument("--slow-plays", type=int, default=3, help="runs of those on an emulated machine, default 3")
    parser.add_argument("--log-turns", type=int, default=5, help="runs of a payload with much output, default 5")
    parser.add_argument("--report", help="write the result to this file, complete or not")
    options = parser.parse_args(arguments)
    unknown = set(options.contestants) - set(keys)
    if unknown or options.runs < 1 or min(options.counts) < 1:
        parser.error(f"unknown contestant {', '.join(sorted(unknown))}" if unknown else "runs and counts start at 1")
    return options


def numbers(text: str) -> List[int]:
    """Return a comma-separated list of numbers in ascending order."""
    return sorted({int(part) for part in text.split(",") if part})


def complete(options: argparse.Namespace, figures: report.Figures) -> bool:
    """Return whether the run is one whose figures may stand in the documentation."""
    return (
        COMPLETE_COUNTS.issubset(options.counts)
        and options.runs >= COMPLETE_RUNS
        and COMPLETE_FLEETS.issubset(options.fleets)
        and options.plays >= COMPLETE_PLAYS
        and options.slow_plays >= COMPLETE_RUNS
        and options.log_turns >= COMPLETE_LOG_TURNS
        and options.before == BEFORE_COMMIT
        and set(options.contestants) == {contestant.key for contestant in CONTESTANTS}
        and not figures.failures
    )


def publish(text: str, options: argparse.Namespace, is_complete: bool) -> None:
    """Print the report, and write it where it was asked for or, if the run is complete, to the documentation."""
    print("\n" + text)
    path = options.report or (REPORT if is_complete else "")
    if not path:
        print("The run is not complete: docs/benchmarks.md was left as it is.")
        return
    write(os.path.abspath(path), text)
    if path == REPORT:
        give_to_owner(os.path.dirname(path))
    print(f"Written to {os.path.relpath(path, ROOT)}.")


def check_requirements() -> None:
    """Raise BenchmarkError when the machine cannot run the benchmark."""
    if os.geteuid() != 0:
        raise BenchmarkError("must be run by root")
    programs = (
        "lxc-create",
        "lxc-start",
        "lxc-ls",
        "init.lxc",
        "busybox",
        "ip",
        "mkfs.ext4",
        "mount",
        "setpriv",
        "unshare",
    )
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        raise BenchmarkError(f"not found on this machine: {', '.join(missing)}")
    output("/usr/bin/python3", "-c", "import lxc")
    if not os.path.exists(ansible_playbook(".venv")):
        raise BenchmarkError("no .venv/bin/ansible-playbook; run `make venv` first")


def ansible_playbook(environment_name: str) -> str:
    """Return the path of ansible-playbook in a virtual environment of the checkout."""
    return os.path.join(ROOT, environment_name, "bin", "ansible-playbook")


def install_peer() -> str:
    """Put the peer's package into an environment of its own, once, and return its ansible-playbook."""
    directory = os.path.join(ROOT, PEER_ENVIRONMENT)
    marker = os.path.join(directory, PEER_PACKAGE)
    if not os.path.exists(marker):
        print(f"Installing {PEER_PACKAGE} into {PEER_ENVIRONMENT}", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
        output(sys.executable, "-m", "venv", directory)
        pip = [os.path.join(directory, "bin", "python"), "-m", "pip", "--disable-pip-version-check"]
        output(*pip, "install", "--quiet", PEER_PACKAGE)
        write(marker, "")
        give_to_owner(directory)
    return ansible_playbook(PEER_ENVIRONMENT)


def give_back_compiled() -> None:
    """Leave what Python has compiled of the plugins to the owner of the checkout."""
    for folder in glob.glob(os.path.join(ROOT, "plugins", "**", "__pycache__"), recursive=True):
        give_to_owner(folder)


def give_to_owner(path: str) -> None:
    """Leave nothing of root's in the checkout of another user."""
    output("chown", "--recursive", f"--reference={ROOT}", path)


def prepare(scratch: str, counts: Sequence[int], peer_playbook: str) -> Setting:
    """Write what the contestants read into the scratch directory and return where everything is."""
    setting = Setting(ROOT, scratch, os.path.join(scratch, "base.conf"), ansible_playbook(".venv"), peer_playbook)
    write(setting.base_config, BASE_CONFIG.format(bridge=BRIDGE))
    for count in {1, *counts}:
        for kind, spec in payloads.SPECS.items():
            specs = [spec(name, number) for number, name in enumerate(names(count), 1)]
            variables = {"softwarecontainer_containers": specs, "softwarecontainer_bridge": BRIDGE}
            write(setting.containers_file(count, kind), json.dumps(variables))
    for key in (*(contestant.key for contestant in (*CONTESTANTS, BEFORE)), log_speed.KIND):
        os.mkdir(setting.lxc_path(key))
    write(os.path.join(scratch, "etc-lxc", "lxc.conf"), f"lxc.lxcpath = {setting.lxc_path('peer')}\n")
    collection = os.path.join(scratch, "collections", "ansible_collections", "softwarecontainer", "lxc")
    os.makedirs(os.path.dirname(collection))
    os.symlink(ROOT, collection)
    return setting


def check_out(commit: str, setting: Setting) -> None:
    """Put the collection as it was at a commit where its contestant finds it."""
    collection = os.path.join(setting.before, "ansible_collections", "softwarecontainer", "lxc")
    os.makedirs(collection)
    archive = collection + ".tar"
    output("git", "-c", "safe.directory=" + ROOT, "-C", ROOT, "archive", "--output", archive, commit)
    output("tar", "-x", "-C", collection, "-f", archive)


def measure(setting: Setting, options: argparse.Namespace) -> report.Figures:
    """Run all contestants and return the figures."""
    figures = report.Figures(before=options.before)
    chosen = [contestant for contestant in CONTESTANTS if contestant.key in options.contestants]
    chosen += [BEFORE] if options.before else []
    ready = [contestant for contestant in chosen if warm_up(setting, contestant, figures)]
    for run in range(options.runs):
        for count in options.counts:
            for contestant in turns(ready, run):
                if contestant.key != "peer" or count in (options.peer_counts or options.counts):
                    print(f"run {run + 1} of {options.runs}, {count:3d} containers, {contestant.title}", flush=True)
                    time_cycle(setting, contestant, count, figures)
    for contestant in ready:
        if contestant.key in MEASURED:
            for count in sorted({1, max(options.counts)}):
                measure_memory(setting, contestant, count, figures)
    if any(contestant.key == "collection" for contestant in ready):
        measure_cpu(setting, figures)
    with recorded_failure(setting, log_speed.KIND, "output of a payload", figures):
        log_speed.measure(setting, options.log_turns, timed, figures)
    keys = ["collection", BEFORE.key] if options.before else ["collection"]
    if options.plays:
        provision.measure(setting, keys, options.counts, options.plays, timed, figures)
    if options.slow_plays:
        with recorded_failure(setting, log_speed.KIND, "provision on an emulated machine", figures):
            provision.measure_slow(setting, keys, options.slow_plays, timed, figures)
    for hosts in options.fleets:
        print(f"rollout to {hosts} hosts, and as many pings", flush=True)
        try:
            figures.fleet += fleet.measure(setting, hosts, timed)
        except BenchmarkError as error:
            print(f"    FAILED: {error}", flush=True)
            figures.failures.append(f"rollout to {hosts} hosts: {str(error).splitlines()[0]}")
    return figures


def turns(contestants: List[Contestant], run: int) -> List[Contestant]:
    """Return who comes after whom in a run: each run begins with another, and those that are quick come twice.

    What takes seconds would else stand for one moment of a machine that is now faster and now slower, beside what takes
    minutes.
    """
    shift = run % max(len(contestants), 1)
    there = contestants[shift:] + contestants[:shift]
    return there + [contestant for contestant in reversed(there) if contestant.quick]


def warm_up(setting: Setting, contestant: Contestant, figures: report.Figures) -> bool:
    """Run a contestant once with one container, untimed: caches fill, and a contestant that cannot run is left out."""
    print(f"warm-up, {contestant.title}", flush=True)
    with recorded_failure(setting, contestant.key, f"warm-up, {contestant.title}", figures) as outcome:
        for phase in contestant.phases:
            run_phase(setting, contestant, phase, 1)
            if phase == CREATE:
                figures.built[contestant.key] = describe_container(setting.lxc_path(contestant.key))
    return not outcome


def time_cycle(setting: Setting, contestant: Contestant, count: int, figures: report.Figures) -> None:
    """Time all phases of a contestant with a number of containers; a time counts when its phase was verified."""
    with recorded_failure(setting, contestant.key, f"{count} containers, {contestant.title}", figures):
        for phase in contestant.phases:
            seconds = run_phase(setting, contestant, phase, count)
            figures.add(contestant.key, phase, count, seconds)
            print(f"    {phase:8} {seconds:8.2f} s", flush=True)


@contextlib.contextmanager
def recorded_failure(setting: Setting, key: str, what: str, figures: report.Figures) -> Iterator[List[str]]:
    """Keep a failure for the report, and clear away what the failed contestant left; yields a list that gets it."""
    outcome: List[str] = []
    try:
        yield outcome
    except BenchmarkError as error:
        print(f"    FAILED: {error}", flush=True)
        outcome.append(f"{what}: {str(error).splitlines()[0]}")
        figures.failures.extend(outcome)
        sweep_containers()
        shutil.rmtree(setting.lxc_path(key))
        os.mkdir(setting.lxc_path(key))


def run_phase(setting: Setting, contestant: Contestant, phase: str, count: int) -> float:
    """Run one phase of a contestant, verify its effect, and return the seconds that it took."""
    seconds, text = timed(contestant.command(setting, phase, count), environment(setting))
    verify(setting, contestant.key, phase, count, text)
    return seconds


def verify(setting: Setting, key: str, phase: str, count: int, text: str) -> None:
    """Raise BenchmarkError when the machine is not in the state that the phase leads to."""
    if phase in (CREATE, AGAIN):
        verify_running(setting.lxc_path(key), count)
    if phase == REMOVE:
        verify_gone(setting.lxc_path(key))
        sweep_containers()
    recap = re.search(r"\bchanged=(\d+)", text)
    if recap and (recap.group(1) == "0") != (phase in (AGAIN, PING)):
        raise BenchmarkError(f"the play reports changed={recap.group(1)} in the phase `{phase}`")


def timed(command: Sequence[str], variables: Dict[str, str]) -> Tuple[float, str]:
    """Run a command and return its seconds and what it printed.

    The output goes to a file: a daemon that keeps the descriptor open must not be waited for. The file systems are
    synced before, so that no contestant pays for the writes of the one before it. The command does not outlive the
    benchmark, however that ends.
    """
    os.sync()
    with tempfile.TemporaryFile("w+") as stream:
        start = time.perf_counter()
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
        # Not wait(timeout), which polls: up to 50 ms of every figure would be its own.
        watchdog = threading.Timer(HANG_SECONDS, end, (process.pid,))
        watchdog.start()
        try:
            status = process.wait()
            seconds = time.perf_counter() - start
        finally:
            watchdog.cancel()
            if process.poll() is None:
                end(process.pid)
                process.wait()
        stream.seek(0)
        text = stream.read()
    if status != 0:
        raise BenchmarkError(f"exit status {status}\n{text[-3000:]}")
    return seconds, text


def measure_memory(setting: Setting, contestant: Contestant, count: int, figures: report.Figures) -> None:
    """Run a contestant's phases with an interpreter that records the memory of each module."""
    log = os.path.join(setting.scratch, "memory.log")
    print(f"memory, {count:3d} containers, {contestant.title}", flush=True)
    with recorded_failure(setting, contestant.key, f"memory, {count} containers, {contestant.title}", figures):
        for phase in contestant.phases:
            write(log, "")
            command = contestant.command(setting, phase, count)
            interpreter = measuring_interpreter(setting.scratch, setting.file("measure.py"), log)
            command += ["-e", f"ansible_python_interpreter={interpreter}"]
            _seconds, text = timed(command, environment(setting))
            verify(setting, contestant.key, phase, count, text)
            figures.memory.append(memory_run(contestant.key, count, phase, text, log))


def measure_cpu(setting: Setting, figures: report.Figures, runs: int = 5) -> None:
    """Measure the processor time of the role's module with nothing to do, and of `ping`, in turn."""
    contestants = {each.key: each for each in CONTESTANTS}
    log = os.path.join(setting.scratch, "cpu.log")
    measured = measuring_interpreter(setting.scratch, setting.file("measure.py"), log)
    interpreter = ["-e", f"ansible_python_interpreter={measured}"]
    with recorded_failure(setting, "collection", "processor time", figures):
        run_phase(setting, contestants["collection"], CREATE, 1)
        for _run in range(runs):
            for key, phase in (("collection", AGAIN), (PING, PING)):
                write(log, "")
                timed([*contestants[key].command(setting, phase, 1), *interpreter], environment(setting))
                with open(log) as stream:
                    (module,) = map(json.loads, stream)
                figures.cpu.setdefault(module["module"], []).append(module["module_cpu"])
        run_phase(setting, contestants["collection"], REMOVE, 1)


def memory_run(key: str, count: int, phase: str, text: str, log: str) -> report.MemoryRun:
    """Return what a measured play showed: the tasks that it printed and the modules that the log names."""
    with open(log) as stream:
        modules = [json.loads(line) for line in stream]
    if not modules:
        raise BenchmarkError("the measuring interpreter recorded no module")
    worst = max(modules, key=lambda module: module["peak_kib"])
    tasks = len(re.findall(r"^TASK \[", text, re.MULTILINE))
    return report.MemoryRun(key, count, phase, tasks, len(modules), worst["peak_kib"] * 1024 / 1e6, worst["module"])


def describe_machine(setting: Setting) -> List[Tuple[str, str]]:
    """Return the rows of the machine table, with the versions of both Ansible environments."""
    core = ansible_core_version(setting.ansible_playbook)
    peer = "not measured"
    if setting.peer_playbook:
        peer = f"{peer_collection_version()} (in {PEER_PACKAGE.replace('==', ' ')}"
        peer += f", ansible-core {ansible_core_version(setting.peer_playbook)})"
    return machine.describe(setting.scratch, core, peer)


def ansible_core_version(playbook: str) -> str:
    """Return the version that ansible-playbook says of itself."""
    found = re.search(r"\[core ([^\]]+)\]", output(playbook, "--version"))
    return found.group(1) if found else "unknown"


def peer_collection_version() -> str:
    """Return the version of the peer's collection from its manifest."""
    python = os.path.join(ROOT, PEER_ENVIRONMENT, "bin", "python")
    packages = output(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    with open(os.path.join(packages, "ansible_collections", "community", "general", "MANIFEST.json")) as stream:
        return str(json.load(stream)["collection_info"]["version"])


if __name__ == "__main__":
    sys.exit(main())
