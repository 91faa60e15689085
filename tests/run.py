"""Runs parts of the test suite, each to its end, and closes with one line: N passed, N failed.

Usage: tests/run.py PART...   with PART one of lint, sanity, unit, integration; `make` sets up what they need.

What counts: a lint tool, a sanity test (per Python version), a unit test, an integration target (per way of reaching
LXC). What is skipped proves nothing and counts as failed, and so does a part that ran nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
# The Python that runs the modules: the distribution's, since only that one has the lxc binding.
TARGET_PYTHON = "/usr/bin/python3"
# The oldest Python that the modules support.
OLDEST_PYTHON = "3.8"
RUNTIMES = ("binding", "tools")
LINTERS = (
    ("ansible-lint",),
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    ("yamllint", "--strict", "."),
    ("mypy",),
    ("shellcheck", ".ci/run"),
    ("antsibull-changelog", "lint"),
)


class Count(NamedTuple):
    passed: int
    failed: int


def run(command: list[str], cwd: Path = ROOT, env: dict[str, str] | None = None) -> tuple[int, str]:
    """Run a command, showing its output as it comes; return its exit status and that output."""
    with subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
    return process.returncode, "".join(lines)


def as_root(command: list[str], env: dict[str, str]) -> list[str]:
    """Return the command as root runs it; sudo drops the environment, so the part that matters goes along."""
    if os.geteuid() == 0:
        return command
    kept = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env}
    return ["sudo", "env", *(f"{name}={value}" for name, value in kept.items()), *command]


@contextlib.contextmanager
def staged_copy() -> Iterator[Path]:
    """Give a copy of the checkout where ansible-test accepts it, and remove it afterwards.

    ansible-test wants a real path that ends in the collection's name, and asks git which files there are.
    """
    folder = Path(tempfile.mkdtemp(prefix="softwarecontainer-"))
    try:
        copy = folder / "ansible_collections" / "softwarecontainer" / "lxc"
        copy.mkdir(parents=True)
        listed = subprocess.check_output(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT)
        for name in filter(None, listed.decode().split("\0")):
            # A file that was deleted but not yet committed is still listed.
            if os.path.lexists(ROOT / name):
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


def closing_failures(output: str, kind: str) -> int:
    """Return how many tests ansible-test says have failed, which it does only where some have."""
    found = re.search(rf"The (\d+) {kind} test\(s\) listed below", output)
    return int(found.group(1)) if found else 0


def lint() -> Count:
    passed = failed = 0
    for command in LINTERS:
        print("+ " + " ".join(command), flush=True)
        status, _output = run(list(command))
        passed += status == 0
        failed += status != 0
    return Count(passed, failed)


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
        status, output = run(command, cwd=copy, env=env)
    started = output.count("Running sanity test ")
    skipped = len(re.findall("^WARNING: Skipping ", output, re.MULTILINE))
    failed = closing_failures(output, "sanity") + skipped
    if status and not failed:
        failed = 1
    return Count(max(started - failed, 0), failed)


def unit() -> Count:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        status, _output = run([sys.executable, "-m", "pytest", f"--junitxml={report}"])
        if not report.exists():
            return Count(0, 1)
        suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None
    total, *bad = (int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped"))
    failed = sum(bad) or int(status != 0)
    return Count(max(total - failed, 0), failed)


def integration() -> Count:
    version = subprocess.check_output(
        [TARGET_PYTHON, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True
    )
    command = ["ansible-test", "integration", "--color", "no", "--allow-root", "--allow-destructive"]
    command += ["--continue-on-error", "--controller", "origin:python=default"]
    command += ["--target", f"controller:python={version.strip()}@{TARGET_PYTHON}"]
    # For work on one target: make integration TARGETS=rootfs.
    command += os.environ.get("TARGETS", "").split()
    total = Count(0, 0)
    for runtime in RUNTIMES:
        print(f"+ integration, LXC reached through: {runtime}", flush=True)
        count = integrate(command, runtime)
        total = Count(total.passed + count.passed, total.failed + count.failed)
    return total


def integrate(command: list[str], runtime: str) -> Count:
    """Run every integration target with LXC reached in one way."""
    with staged_copy() as copy:
        settings = copy / "tests" / "integration" / "integration_config.yml"
        settings.write_text(f"---\nsoftwarecontainer_test_runtime: {runtime}\n", encoding="utf-8")
        # Git refuses a repository of another user, and root reads this one.
        subprocess.check_call(as_root(["chown", "-R", "root:", str(copy)], {}))
        env = {"HOME": str(copy.parent)}
        status, output = run(as_root(command, env), cwd=copy, env=env)
    started = len(re.findall(r"^Running \S+ integration test (?:role|script)$", output, re.MULTILINE))
    failed = closing_failures(output, "integration")
    if (status or not started) and not failed:
        failed = 1
    return Count(max(started - failed, 0), failed)


PARTS: dict[str, Callable[[], Count]] = {"lint": lint, "sanity": sanity, "unit": unit, "integration": integration}


def main(names: list[str]) -> int:
    results = {}
    for name in names:
        print(f"\n== {name}", flush=True)
        try:
            count = PARTS[name]()
        except Exception:  # The other parts still run, and the counts still come last.
            traceback.print_exc()
            count = Count(0, 1)
        results[name] = count if sum(count) else Count(0, 1)
    print()
    for name, count in results.items():
        print(f"{name}: {count.passed} passed, {count.failed} failed")
    passed, failed = (sum(column) for column in zip(*results.values()))
    print(f"{passed} passed, {failed} failed", flush=True)
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
