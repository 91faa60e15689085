"""Runs parts of the test suite, each to its end, and closes with one line: N passed, N failed.

Usage: tests/run.py PART...   with PART one of lint, sanity, unit, browser, integration, molecule, machine, machines,
matrix; `make` sets up what they need. Those that need no LXC run side by side, and before the others; beside them the
targets for molecule are made, which is a part of its own at the end.

What counts: a lint tool, a sanity test (per Python version), a unit test or one in a browser, an integration target
(per way of reaching LXC, and again over SSH), a step of a molecule scenario, a case on a virtual machine. What is
skipped proves nothing and counts as failed, and so does a part that ran nothing. A run takes its containers, mounts,
bridges and machines away before it ends, also where it is interrupted; what stays counts as failed.
"""

from __future__ import annotations

import contextlib
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
import traceback
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parent.parent
# The Python that runs the modules: the distribution's, since only that one has the lxc binding.
TARGET_PYTHON = "/usr/bin/python3"
# What it loads by itself, to keep what it compiles of the modules.
COMPILED = ROOT / "tests" / "usercustomize.py"
# The oldest Python that the modules support.
OLDEST_PYTHON = "3.8"
RUNTIMES = ("binding", "tools")
LINTERS = (
    ("ansible-lint",),
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("yamllint", "--strict", "."),
    ("mypy",),
    ("shellcheck", ".ci/run", "extensions/molecule/artifact/install", "extensions/molecule/takeover/install"),
    ("antsibull-changelog", "lint"),
)


# Where `molecule` keeps inventory, keys and notes: of this checkout and no other.
# A blank and a percent sign are in it, so that all paths that are put in command lines have to survive them.
MOLECULE = ROOT / ".ansible" / "molecule 100%"
INVENTORY = MOLECULE / "default" / "targets" / "hosts.yml"
# The molecule targets that the integration targets run on as well: one with LXC's binding, one without.
SSH_TARGETS = ("trixie-3", "lean-2")
# What these show lies in the kernel or in Python, which the SSH targets share, so that one of them is enough.
ON_ONE_TARGET = {
    "bad_input": "lean-2",
    "checkpoint": "lean-2",
    "capabilities": "trixie-3",
    "devices": "trixie-3",
    "faults": "trixie-3",
    "hostile": "lean-2",
    "links": "trixie-3",
    "network": "lean-2",
    "packet_filter": "trixie-3",
    "unusual": "trixie-3",
    "volumes": "trixie-3",
}
# The ids for containers: where the role host has them begin, and how many each of the two runs has. TEST_FIRST_ID keeps
# two checkouts apart that test on one machine at the same time.
FIRST_ID, IDS = int(os.environ.get("TEST_FIRST_ID", "1879048192")), 2047 * 65536
# They never ask LXC, so that one run is enough.
WITHOUT_RUNTIME = ["role_host", "role_molecule_targets"]
# For longer campaigns, see the target of that name: a number from which all chance comes, and a factor for the rounds.
CAMPAIGN = ("CAMPAIGN_SEED", "CAMPAIGN_TIMES")
# They run playbooks, for which they need this machine.
CONTROLLER_TARGETS = {"campaign", "playbooks", "role_host", "role_molecule_targets", "role_rollout"}

# Where the cases for virtual machines are, where the machine is meanwhile (see vars.yml there), and what chooses it.
MACHINES = ROOT / "tests" / "machines"
MACHINES_INVENTORY = ROOT / ".ansible" / "machines" / "hosts.yml"
# Checkouts stay apart by the number that keeps their molecule targets apart.
MACHINES_PATH = f"/var/lib/softwarecontainer-machines-{os.environ.get('MOLECULE_TARGETS_NETWORK', '0')}"
MACHINE_CHOICE = ("ARCHITECTURE", "DISTRIBUTION", "CGROUPS", "PORT", "MOLECULE_TARGETS_NETWORK")
MACHINE_ENVIRONMENT = ("ANSIBLE_CONFIG", "ANSIBLE_HOME", "LC_ALL", "PATH", *MACHINE_CHOICE)
# What `make test` does there, and how often `make machines` cuts the power.
QUICK_CASES, QUICK_CUTS, CUTS = ("life", "limits", "apparmor", "quotas"), 4, 60
# What `make matrix` does on each machine of tests/machines/matrix.yml.
MATRIX_CASES = ("life", "limits", "apparmor")
# What the role host would install.
INSTALLED = ["busybox", "dnsmasq-base", "iptables", "lxc", "nftables", "python3-lxc"]

# More than one for each processor, because a scenario waits more than it computes.
SCENARIOS_AT_ONCE = 3
# Those at first: each keeps one processor busy, or waits for packages and for the disk.
PARTS_AT_ONCE = 4


# What a part has not taken away again. It is told at the end of the run, also where the part itself has no count then.
left_behind: list[str] = []
# The processes of the commands that run. The lock is held where one is started, and the event is set where no thread
# may start one any more.
processes: set[int] = set()
starting = threading.Lock()
ending = threading.Event()


class Count(NamedTuple):
    """How many passed, and what failed, with the reason where it is known."""

    passed: int
    failed: tuple[str, ...] = ()

    def plus(self, other: Count) -> Count:
        return Count(self.passed + other.passed, self.failed + other.failed)


def run(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None, label: str = "") -> tuple[int, str]:
    """Run a command, showing its output as it comes, each line after the label; return its exit status and output."""
    with starting:
        if ending.is_set():
            raise KeyboardInterrupt
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        processes.add(process.pid)
    lines = []
    try:
        with process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    sys.stdout.write(label + line)
                    sys.stdout.flush()
                    lines.append(line)
            except BaseException:
                with undisturbed():
                    end_commands()
                raise
    finally:
        processes.discard(process.pid)
    return process.returncode, "".join(lines)


def end_commands() -> None:
    """End the commands with all that they have started: some may run as root, or in a session of its own."""
    found: set[int] = set()
    for name in ("TERM", "KILL"):
        # Those whose parent has ended in the meantime are below nothing of ours any more.
        found |= below(processes)
        # What has ended stays as a zombie until it is waited for.
        pids = [pid for pid in found if state(pid) not in "ZX"]
        if not pids:
            return
        subprocess.call(as_root(["kill", f"-{name}", *map(str, pids)], {}), stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 5
        while any(state(pid) not in "ZX" for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.1)


@contextlib.contextmanager
def threads(at_once: int) -> Iterator[ThreadPoolExecutor]:
    """A pool of threads that each run commands; an interruption ends the commands, for which the threads wait."""
    with ThreadPoolExecutor(at_once) as pool:
        try:
            yield pool
        except BaseException:
            with undisturbed():
                pool.shutdown(wait=False, cancel_futures=True)
                with starting:
                    ending.set()
                end_commands()
                pool.shutdown()
                ending.clear()
            raise


def below(pids: set[int]) -> set[int]:
    """Processes and their descendants."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = list(pids)
    for number in found:
        found += parents.get(number, [])
    return set(found)


def state(pid: int) -> str:
    """The letter of a process's state; X where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return "X"


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Finish what is under way, whatever signal comes."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_root(command: list[str], env: dict[str, str]) -> list[str]:
    """Return the command as root runs it; sudo drops the environment, so the part that matters goes along."""
    if os.geteuid() == 0:
        return command
    kept = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env}
    return ["sudo", "env", *(f"{name}={value}" for name, value in kept.items()), *command]


@contextlib.contextmanager
def staged_copy() -> Iterator[Path]:
    """Give a copy of the checkout where ansible-test accepts it, and a folder `tmp` beside it; remove both afterwards.

    ansible-test wants a real path that ends in the collection's name, and asks git which files there are.
    """
    folder = Path(tempfile.mkdtemp(prefix="softwarecontainer-"))
    try:
        copy = folder / "ansible_collections" / "softwarecontainer" / "lxc"
        copy.mkdir(parents=True)
        # One that is ended leaves its temporary files behind.
        (copy.parent / "tmp").mkdir()
        listed = subprocess.check_output(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT)
        for name in filter(None, listed.decode().split("\0")):
            # A file that was deleted but not yet committed is still listed. Findings are about other software.
            if os.path.lexists(ROOT / name) and not name.startswith("findings/"):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
        subprocess.check_call(["git", "init", "--quiet"], cwd=copy)
        subprocess.check_call(["git", "add", "--all"], cwd=copy)
        yield copy
    finally:
        subprocess.call(as_root(["rm", "-rf", str(folder)], {}))


def home_without_downloads() -> Path:
    """Return a home folder for ansible-test, inside the checkout.

    ansible-test keeps its virtual environments below the home folder, and fetches pip's bootstrap script from a server
    of its own. Python brings pip along, and the file that says so should not be left in the user's home.
    """
    home = ROOT / ".ansible" / "home"
    bootstrap = home / ".ansible" / "test" / "cache" / "get_pip_24_2.py"
    bootstrap.parent.mkdir(parents=True, exist_ok=True)
    bootstrap.write_text("import ensurepip\nensurepip.bootstrap()\n", encoding="utf-8")
    # pip's settings and cache stay those of the user.
    for name in (".cache/pip", ".config/pip", ".pip"):
        (home / name).parent.mkdir(exist_ok=True)
        if (Path.home() / name).exists() and not os.path.lexists(home / name):
            (home / name).symlink_to(Path.home() / name)
    return home


def find_python(version: str) -> str | None:
    """Return the path of that Python's executable, or None.

    It is asked for its own path, because ansible-test cannot use the shims of a version manager.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in [f"python{version}", *sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python{version}")))]:
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            command = [candidate, "-c", "import ensurepip, sys; print(sys.executable)"]
            return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).strip()
    return None


def closing_failures(output: str, kind: str) -> list[str]:
    """Return the tests that ansible-test lists as failed at its end, which it does only where some have."""
    found = re.search(rf"The (\d+) {kind} test\(s\) listed below .*\n((?:.+\n?)*)", output)
    return found.group(2).splitlines()[: int(found.group(1))] if found else []


def counted(tests: int, failed: list[str], status: int, command: str) -> Count:
    """Count the tests of a command, which has failed itself where it ran none, or ended badly and none of them had."""
    if (status or not tests) and not failed:
        failed = [command]
    return Count(max(tests - len(failed), 0), tuple(failed))


def last_error(output: str) -> str:
    """Return the last failure of a task in Ansible's output, of which a test for failures may have some before."""
    found = re.findall(r"^(?:fatal|failed): (.*?)(?: => ?(.*(?:\n {4}.*)*))?$", output, re.MULTILINE)
    if not found:
        return ""
    where, shown = found[-1]
    with contextlib.suppress(yaml.YAMLError):
        # JSON, or what the option callback_result_format makes of a result.
        result = yaml.safe_load(shown.replace("\n    ", "\n"))
        if isinstance(result, dict):
            words = [f"{key}: {result[key]}" for key in ("msg", "assertion", "stdout", "stderr") if result.get(key)]
            shown = "; ".join(words).replace("\n", " ")
    return f": {where} {shown[:600]}"


def lint() -> Count:
    total = Count(0)
    for command in LINTERS:
        print("lint: + " + " ".join(command), flush=True)
        status, _output = run(list(command), label="lint: ")
        total = total.plus(Count(0, (" ".join(command),)) if status else Count(1))
    return total


def sanity() -> Count:
    # Named one by one, since left to itself ansible-test skips each Python that it does not find.
    command = ["ansible-test", "sanity", "--color", "no", "--controller", "origin:python=default"]
    command += ["--target-python", "{}.{}".format(*sys.version_info)]
    env = {"HOME": str(home_without_downloads())}
    oldest = find_python(OLDEST_PYTHON)
    if oldest:
        command += ["--target-python", f"{OLDEST_PYTHON}@{oldest}"]
        # For its virtual environments ansible-test searches PATH again; the controller's Python still comes first.
        env["PATH"] = os.pathsep.join([str(ROOT / ".venv" / "bin"), os.path.dirname(oldest), os.environ["PATH"]])
    else:
        print(f"Python {OLDEST_PYTHON} is not installed: the sanity tests run for the controller's Python alone.")
    with staged_copy() as copy:
        env["TMPDIR"] = str(copy.parent / "tmp")
        status, output = run(command, cwd=copy, env=env, label="sanity: ")
    started = output.count("Running sanity test ")
    skipped = re.findall("^WARNING: (Skipping .*)", output, re.MULTILINE)
    failed = closing_failures(output, "sanity") + skipped
    return counted(started, failed, status, "ansible-test sanity")


def unit() -> Count:
    return pytest("unit")


def browser() -> Count:
    """What people look at, in a headless Chromium."""
    return pytest("browser")


def pytest(name: str) -> Count:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"tests/{name}", f"--junitxml={report}"]
        status, _output = run(command, label=f"{name}: ")
        if not report.exists():
            return Count(0, ("pytest",))
        cases = ElementTree.parse(report).getroot().findall("testsuite/testcase")
    # What a test case has below it is a failure, an error or a skip, and what it has printed.
    bad = {"failure", "error", "skipped"}
    failed = [f"{case.get('classname')}.{case.get('name')}" for case in cases if bad & {part.tag for part in case}]
    return counted(len(cases), failed, status, "pytest")


def integration() -> Count:
    version = subprocess.check_output(
        [TARGET_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    )
    command = ["ansible-test", "integration", "--color", "no", "--allow-root", "--allow-destructive"]
    command += ["--continue-on-error", "--controller", "origin:python=default"]
    command += ["--target", f"controller:python={version.strip()}@{TARGET_PYTHON}"]
    # For work on one target: make integration TARGETS=rootfs.
    command += os.environ.get("TARGETS", "").split()
    # The option takes one name: a second one would be a target to run, and then the only one.
    excluded = [word for name in WITHOUT_RUNTIME for word in ("--exclude", name)]
    commands = {runtime: command + ([] if runtime == RUNTIMES[0] else excluded) for runtime in RUNTIMES}
    print("+ integration, LXC reached through %s, side by side" % " and ".join(RUNTIMES), flush=True)
    try:
        with threads(len(commands)) as pool:
            return reduce(Count.plus, pool.map(integrate, commands.values(), commands))
    finally:
        with undisturbed():
            for runtime in RUNTIMES:
                clean_up_tests(prefix_of(runtime))


def with_ids(command: list[str], runtime: str, folder: Path) -> list[str]:
    """The command as it runs with ids of its own for containers, which this machine does not have to give it.

    Those of the other run are others: else what check mode foresees would depend on what that one starts meanwhile.
    """
    first = FIRST_ID + RUNTIMES.index(runtime) * IDS
    ids = folder / "ids"
    ids.write_text(f"root:{first}:{IDS}\n", encoding="utf-8")
    bound = 'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", bound, str(ids), *command]


def keep_compiled(home: Path) -> None:
    """Let the target's Python keep what it compiles of modules, where this is the home folder."""
    ask = "import site; print(site.getusersitepackages())"
    found = subprocess.check_output([TARGET_PYTHON, "-c", ask], env={"HOME": str(home)}, text=True)
    site = Path(found.strip())
    site.mkdir(parents=True)
    shutil.copy2(COMPILED, site)


def prefix_of(runtime: str) -> str:
    """What the names of a run's folders begin with."""
    return f"sctest.{os.getpid()}.{runtime}."


def integrate(command: list[str], runtime: str) -> Count:
    """Run every integration target with LXC reached in one way."""
    with staged_copy() as copy:
        settings = copy / "tests" / "integration" / "integration_config.yml"
        lines = [f"softwarecontainer_test_runtime: {runtime}", f"softwarecontainer_test_prefix: {prefix_of(runtime)}"]
        lines += [f"{name.lower()}: {os.environ[name]}" for name in CAMPAIGN if name in os.environ]
        settings.write_text("\n".join(["---", *lines, ""]), encoding="utf-8")
        # Git refuses a repository of another user, and root reads this one.
        subprocess.check_call(as_root(["chown", "-R", "root:", str(copy)], {}))
        env = {"HOME": str(copy.parent), "TMPDIR": str(copy.parent / "tmp")}
        keep_compiled(copy.parent)
        command = as_root(with_ids(command, runtime, copy.parent), env)
        status, output = run(command, cwd=copy, env=env, label=f"{runtime}: ")
    # What is before the first target, then names and outputs in turn.
    _before, *found = re.split(r"^Running (\S+) integration test (?:role|script)$", output, flags=re.MULTILINE)
    outputs = dict(zip(found[::2], found[1::2]))
    failed = [
        f"{name}, {runtime}{last_error(outputs.get(name, ''))}" for name in closing_failures(output, "integration")
    ]
    return counted(len(outputs), failed, status, f"ansible-test integration, {runtime}")


def clean_up_tests(prefix: str) -> None:
    """Take away what integration targets have left that were ended in their midst."""
    for folder in Path("/var/tmp").glob(prefix + "*"):
        names = [path.name for path in (folder / "lxc").glob("*")]
        command = as_root([TARGET_PYTHON, str(folder / "tool.py"), "clean-up", *names], {})
        ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if ended.returncode:
            left_behind.append(f"{folder}: {ended.stdout.strip()[-600:]}")


@contextlib.contextmanager
def without_targets_left() -> Iterator[None]:
    """Take the targets of the scenarios away at the end, and what a run has left whose machine went down before."""
    subprocess.call(as_root(["rm", "-rf", str(MOLECULE)], {}))
    try:
        yield
    finally:
        with undisturbed():
            print("+ molecule destroy", flush=True)
            status, output = run(molecule_command("default", "destroy"), env=molecule_environment("default"))
            if status:
                left_behind.append(f"default > destroy{last_error(output)}")
            left_behind.extend(left_of_targets())


def targets() -> Count:
    """Create the targets of the scenarios."""
    status, output = run(molecule_command("default", "create"), env=molecule_environment("default"), label="targets: ")
    return Count(0, (f"default > create{last_error(output)}",)) if status else Count(1)


def molecule() -> Count:
    """The scenarios, and the integration targets over SSH, on the targets of the scenario `default`."""
    return side_by_side(jobs()) if INVENTORY.exists() else Count(0, ("there are no targets",))


def left_of_targets() -> list[str]:
    """What is there of the targets after all were destroyed: names as in extensions/molecule/default/vars/main.yml."""
    number = os.environ.get("MOLECULE_TARGETS_NETWORK", "0")
    place = f"/var/lib/softwarecontainer-targets-{number}"
    left = [name for name in (place, f"/sys/class/net/sctargets{number}") if os.path.lexists(name)]
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    left += [f"mount {line.split()[1]}" for line in mounts if f" {place}/" in line]
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = path.read_text(encoding="utf-8", errors="replace").replace("\0", " ")
            left += [f"process {path.parent.name}: {words}"] if words.startswith(f"[lxc monitor] {place} ") else []
    return left


class Job(NamedTuple):
    work: Callable[[], Count]
    hosts: set[str]


def jobs() -> list[Job]:
    """What there is to do on the targets, in the order in which it is begun where its targets are free."""
    found = sorted(path.parent.name for path in ROOT.glob("extensions/molecule/*/molecule.yml"))
    names = os.environ.get("SCENARIOS", "").split() or [name for name in found if name != "default"]
    hosts = groups_of_targets()
    # They take longest, so they are begun first, and the scenarios run beside them on other targets.
    integration_targets = [Job(partial(over_ssh, host), {host}) for host in SSH_TARGETS]
    return [*integration_targets, *(Job(partial(scenario, name), hosts[name]) for name in names)]


def side_by_side(waiting: list[Job]) -> Count:
    """Do the jobs, some at a time where they share no target."""
    running: dict[Future[Count], Job] = {}
    total = Count(0)
    with threads(SCENARIOS_AT_ONCE) as pool:
        while waiting or running:
            busy = {host for job in running.values() for host in job.hosts}
            free = [job for job in waiting if not job.hosts & busy]
            if free and len(running) < SCENARIOS_AT_ONCE:
                waiting.remove(free[0])
                running[pool.submit(free[0].work)] = free[0]
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                del running[future]
                total = total.plus(future.result())
    return total


def molecule_environment(name: str) -> dict[str, str]:
    """Each scenario has its own place for what molecule notes, so that two may run at once."""
    kept = {
        key: os.environ[key]
        for key in ("ANSIBLE_CONFIG", "ANSIBLE_HOME", "MOLECULE_TARGETS_NETWORK")
        if key in os.environ
    }
    return {**kept, "MOLECULE_EPHEMERAL_DIRECTORY": str(MOLECULE / name), "NO_COLOR": "1"}


def molecule_command(name: str, *words: str) -> list[str]:
    return as_root(["molecule", *words, "-s", name], molecule_environment(name))


def groups_of_targets() -> dict[str, set[str]]:
    """The hosts of each group of the inventory that the role wrote."""
    command = ["ansible-inventory", "-i", str(INVENTORY), "--list"]
    listed = json.loads(subprocess.check_output(as_root(command, {}), text=True))
    return {name: set(group.get("hosts", ())) for name, group in listed.items()}


def scenario(name: str) -> Count:
    """One scenario; molecule's report at the end has a line for each of its steps that was begun."""
    print(f"+ molecule scenario {name}", flush=True)
    subprocess.check_call(as_root(["cp", "-a", str(MOLECULE / "default"), str(MOLECULE / name)], {}))
    command = molecule_command(name, "test", "--destroy", "never", "--report", "--no-command-borders")
    status, output = run(command, env=molecule_environment(name), label=f"{name}: ")
    steps = re.findall(rf"^INFO +\[{name} > (\w+)\] Executed: (.*)$", output, re.MULTILINE)
    failed = [f"{name} > {step}{last_error(output)}" for step, result in steps if result != "Successful"]
    return counted(len(steps), failed, status, f"molecule, {name}{last_error(output)}")


def over_ssh(host: str) -> Count:
    """The integration targets on one of the SSH targets."""
    folder = ROOT / "tests" / "integration"
    names = sorted(path.parent.name for path in folder.glob("targets/*/aliases"))
    names = [name for name in names if name not in CONTROLLER_TARGETS and ON_ONE_TARGET.get(name, host) == host]
    names = os.environ.get("TARGETS", "").split() or names
    own = {**molecule_environment("default"), "ANSIBLE_ROLES_PATH": str(folder / "targets")}
    arguments = json.dumps({"src": str(COMPILED), "dest": "{{ softwarecontainer_test_folder }}/python/"})
    command = ["ansible", host, "-i", str(INVENTORY), "-m", "ansible.builtin.copy", "-a", arguments]
    subprocess.check_call(as_root(command, own), env={**os.environ, **own})
    total = Count(0)
    for name in names:
        print(f"+ integration target {name}, over SSH on {host}", flush=True)
        command = ["ansible-playbook", "-i", str(INVENTORY), str(folder / "over_ssh.yml"), "--limit", host]
        command += ["-e", f"softwarecontainer_test_target={name}"]
        status, output = run(as_root(command, own), env=own, label=f"{host}: ")
        good = status == 0 and re.search(rf"^{host} +: ok=[1-9].*unreachable=0 +failed=0", output, re.MULTILINE)
        total = total.plus(Count(1) if good else Count(0, (f"{name}, over SSH on {host}{last_error(output)}",)))
    return total


def machine() -> Count:
    """What is quick of the cases, on a small machine. LXC is there already: to install it takes minutes."""
    return on_machine(QUICK_CASES, QUICK_CUTS, {"machine_packages": INSTALLED, "machine_memory": "256M"})


def machines() -> Count:
    """All cases on a virtual machine, and many power cuts."""
    found = sorted(path.stem for path in MACHINES.glob("cases/*.yml"))
    # The first one installs LXC.
    cases = ["life", *(name for name in found if name != "life")]
    return on_machine(os.environ.get("CASES", "").split() or cases, int(os.environ.get("CUTS", CUTS)), {})


def matrix() -> Count:
    """What is quick of the cases, on a machine of each kind that no other part makes."""
    total = Count(0)
    begun = time.monotonic()
    listed: list[dict[str, str]] = yaml.safe_load((MACHINES / "matrix.yml").read_text())
    chosen = os.environ.get("KINDS", "").split()
    kinds = [kind for kind in listed if not chosen or set(chosen) & set(kind.values())]
    for number, kind in enumerate(kinds, 1):
        title = " ".join(f"{key}={value}" for key, value in kind.items())
        minutes = (time.monotonic() - begun) / 60
        print(f"matrix: {title}, {number} of {len(kinds)}, after {minutes:.0f} minutes", flush=True)
        count = on_machine_of_kind(kind)
        total = total.plus(Count(count.passed, tuple(f"{title}: {failure}" for failure in count.failed)))
    return total


def on_machine_of_kind(kind: dict[str, str]) -> Count:
    """Make a machine of a kind, run the cases on it, and take it away."""
    environment = {**machine_environment(), **kind}
    if "CORE" in kind:
        path = with_core(kind["CORE"], kind["CORE_PYTHON"])
        if not path:
            return Count(0, (f"Python {kind['CORE_PYTHON']} is not installed",))
        environment["PATH"] = os.pathsep.join([path, environment["PATH"]])
    count = on_machine(MATRIX_CASES, 0, {"machine_kind": kind}, environment)
    return count.plus(Count(0, play_on_machine("destroy", {}, environment).failed))


def with_core(version: str, wanted_python: str) -> str:
    """The directory of the programs of another ansible-core, in an environment of its own; empty without its Python."""
    home = ROOT / ".venv" / f"core-{version}"
    python = find_python(wanted_python)
    if python and not (home / "made").exists():
        subprocess.check_call([python, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.check_call([*pip, f"ansible-core=={version}.*"])
        (home / "made").touch()
    return str(home / "bin") if python else ""


def on_machine(
    cases: Sequence[str], cuts: int, variables: dict[str, object], environment: dict[str, str] | None = None
) -> Count:
    """Make a virtual machine, run playbooks on it, and cut its power while it writes."""
    environment = machine_environment() if environment is None else environment
    total = play_on_machine("create", variables, environment)
    if total.failed:
        return total
    total = reduce(Count.plus, (play_on_machine(f"cases/{name}", variables, environment) for name in cases), total)
    if cuts:
        program = [str(MACHINES / "power_cuts.py"), str(MACHINES_INVENTORY), MACHINES_PATH, "machine", str(cuts)]
        status, output = run(as_root([sys.executable, *program], environment), env=environment, label="machine: ")
        total = total.plus(Count(0, (f"power cuts: {output[-2000:]}",)) if status else Count(1))
    return total


def play_on_machine(name: str, variables: dict[str, object], environment: dict[str, str]) -> Count:
    """Run one of the playbooks for the virtual machine."""
    print(f"+ machine, {name}", flush=True)
    command = ["ansible-playbook", "-i", str(MACHINES_INVENTORY), str(MACHINES / f"{name}.yml")]
    command += ["-e", json.dumps(variables)]
    status, output = run(as_root(command, environment), env=environment, label="machine: ")
    return Count(0, (f"{name}{last_error(output)}",)) if status else Count(1)


def machine_environment() -> dict[str, str]:
    """What chooses the machine."""
    return {key: os.environ[key] for key in MACHINE_ENVIRONMENT if key in os.environ}


@contextlib.contextmanager
def without_machine_left() -> Iterator[None]:
    """Take the virtual machine away at the end."""
    subprocess.check_call(as_root(["mkdir", "-p", str(MACHINES_INVENTORY.parent)], {}))
    subprocess.check_call(as_root(["touch", str(MACHINES_INVENTORY)], {}))
    try:
        yield
    finally:
        with undisturbed():
            left_behind.extend(play_on_machine("destroy", {}, machine_environment()).failed)
            if os.path.lexists(MACHINES_PATH):
                left_behind.append(MACHINES_PATH)


PARTS: dict[str, Callable[[], Count]] = {
    "lint": lint,
    "sanity": sanity,
    "unit": unit,
    "browser": browser,
    "integration": integration,
    "targets": targets,
    "molecule": molecule,
    "machine": machine,
    "machines": machines,
    "matrix": matrix,
}
# Side by side, and begun in this order, the longest first.
AT_FIRST = ("targets", "sanity", "browser", "lint", "unit")
# Side by side too, at the end: the first one waits more than it computes, and an emulated machine takes one processor.
AT_LAST = ("molecule", "machine")


def part(name: str) -> Count:
    """One part; the others still run where it ends with an exception, and the counts still come last."""
    print(f"\n== {name}", flush=True)
    try:
        count = PARTS[name]()
    except Exception:
        traceback.print_exc()
        count = Count(0, ("it ended with an exception",))
    return count if count.passed or count.failed else Count(0, ("nothing was run",))


def main(names: list[str]) -> int:
    results = {}
    with_targets = "molecule" in names
    first = [name for name in AT_FIRST if name in names or (name == "targets" and with_targets)]
    try:
        with contextlib.ExitStack() as stack:
            if with_targets:
                stack.enter_context(without_targets_left())
            if {"machine", "machines", "matrix"} & set(names):
                stack.enter_context(without_machine_left())
            with threads(PARTS_AT_ONCE) as pool:
                results.update(zip(first, pool.map(part, first)))
            last = [name for name in names if name in AT_LAST]
            for name in names:
                if name not in (*first, *last):
                    results[name] = part(name)
            with threads(len(AT_LAST)) as pool:
                results.update(zip(last, pool.map(part, last)))
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        results["interrupted"] = Count(0, ("the run",))
    if left_behind:
        results["left behind"] = Count(0, tuple(left_behind))
    print()
    for name, count in results.items():
        for failure in count.failed:
            print(f"FAILED {name}: {failure}")
    for name, count in results.items():
        print(f"{name}: {count.passed} passed, {len(count.failed)} failed")
    total = reduce(Count.plus, results.values())
    print(f"{total.passed} passed, {len(total.failed)} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


def interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # What ends a service or a CI job; Ctrl-C comes like this already. A terminal that closes sends SIGHUP.
    for signal_number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signal_number, interrupt)
    sys.exit(main(sys.argv[1:]))
