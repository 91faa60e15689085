# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program that is run with bounds, many functions at once, and processes that are waited for."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import ContainerError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.target import processes
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import command as capture
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers import pool
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers.command import Ended
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.workers.pool import Result

LARGE = b"x" * 300000
# The shell's command, its input, the limit of the outputs, and how it ended.
RUNS = {
    "nothing": (":", b"", 100, Ended(0, b"", b"", False)),
    "both outputs": ("echo out; echo err >&2", b"", 100, Ended(0, b"out\n", b"err\n", False)),
    "exit status": ("exit 7", b"", 100, Ended(7, b"", b"", False)),
    "a signal": ("kill -9 $$", b"", 100, Ended(-9, b"", b"", False)),
    "input": ("cat", b"a\0b\xff", 100, Ended(0, b"a\0b\xff", b"", False)),
    "large input": ("cat", LARGE, 300000, Ended(0, LARGE, b"", False)),
    "input that is not read": ("exec <&-; echo done", LARGE, 100, Ended(0, b"done\n", b"", False)),
    "output at its limit": ("printf 12345", b"", 5, Ended(0, b"12345", b"", False)),
    "output over its limit": ("printf 123456", b"", 5, Ended(0, b"12345", b"", True)),
    "errors over their limit": ("printf 123456 >&2", b"", 5, Ended(0, b"", b"12345", True)),
    "large output": ("cat", LARGE, 5, Ended(0, b"xxxxx", b"", True)),
    "no output wanted": ("echo out", b"", 0, Ended(0, b"", b"", True)),
    "a clean environment": ("echo $A$HOME", b"", 100, Ended(0, b"1\n", b"", False)),
    "its directory": ("pwd", b"", 100, Ended(0, b"/\n", b"", False)),
}


@pytest.mark.parametrize("seconds", [None, 20.0, float("inf")], ids=["no timeout", "timeout", "endless timeout"])
@pytest.mark.parametrize(("command", "stdin", "limit", "ended"), RUNS.values(), ids=RUNS)
def test_run(command: str, stdin: bytes, limit: int, ended: Ended, seconds: float | None) -> None:
    assert capture.run(["/bin/sh", "-c", command], {"A": "1"}, stdin, seconds, limit) == ended


@pytest.mark.parametrize("seconds", [None, 30.0], ids=["no timeout", "timeout"])
def test_a_program_that_leaves_its_outputs_to_another(seconds: float | None) -> None:
    """It is not waited for who keeps the outputs open."""
    ended = capture.run(["/bin/sh", "-c", "sleep 60 & echo $!; echo done >&2"], {}, b"", seconds, 100)
    assert (ended.code, ended.stderr) == (0, b"done\n")
    # This fails where the other has ended.
    os.kill(int(ended.stdout), signal.SIGKILL)


def test_a_program_whose_time_is_up() -> None:
    """It is killed with all that it has started, also with what has closed its outputs."""
    command = "sleep 60 & echo $!; sleep 60 <&- >&- 2>&- & echo $!; echo $$; exec sleep 60"
    ended = capture.run(["/bin/sh", "-c", command], {}, b"", 0.5, 100)
    assert ended == Ended(None, ended.stdout, b"", False)
    pids = [int(pid) for pid in ended.stdout.split()]
    assert len(pids) == 3
    # A signal is sent at once, and acted upon when the process next gets a processor.
    assert processes.wait_for_end(pids, 10) == set()


# Programs that say when they have many processes, each of which ends by itself in the end.
NESTED = 'if [ $1 = 0 ]; then echo; read line; else sh -c "$CODE" "$0" $(($1 - 1)); fi; :'
MANY = """
import os, time
for number in range(600):
    if not os.fork(): break
else: print(flush=True)
time.sleep(120)
"""
FORKING = """
import os, time
print(flush=True)
for number in range(500):
    if not os.fork(): break
    time.sleep(0.001)
time.sleep(120)
"""
MARK = "softwarecontainer-%d" % os.getpid()
TREES = {
    "nested": ["/bin/sh", "-c", NESTED, MARK, "1050"],
    "many": [sys.executable, "-I", "-S", "-c", MANY, MARK],
    "forking": [sys.executable, "-I", "-S", "-c", FORKING, MARK],
}


@pytest.mark.parametrize("argv", TREES.values(), ids=TREES)
def test_all_of_a_tree_of_processes_is_killed(argv: list[str]) -> None:
    """However deep and wide it is, also where it goes on to grow."""
    environment = {**os.environ, "CODE": NESTED}
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        process.stdout.readline()
        capture.kill_tree(process.pid)
    # A signal is sent at once, and acted upon when the process next gets a processor.
    left = processes.wait_for_end(with_argument(os.fsencode(MARK)), 30)
    processes.send(left, signal.SIGKILL)
    assert len(left) == 0


def with_argument(word: bytes) -> list[int]:
    """The processes that have this argument."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            if word in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                found.append(pid)
    return found


def test_no_descriptor_is_left_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    capture.run(["/bin/sh", "-c", "cat"], {}, LARGE, 20.0, 100)
    capture.run(["/bin/sh", "-c", "sleep 60"], {}, LARGE, 0.01, 100)
    assert sorted(os.listdir("/proc/self/fd")) == before


def item_of(item: str) -> Any:
    """What each item stands for."""
    if item == "refused":
        raise ContainerError("it is not ours")
    if item == "defect":
        raise KeyError("x")
    if item == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if item == "silent":
        os._exit(3)
    if item == "late":
        time.sleep(60)
    return {"value": [item, None, 1.5], "large": "x" * 200000, "unfit": {1, 2}}[item]


RESULTS = {
    "value": Result(["value", None, 1.5]),
    "large": Result("x" * 200000),
    "refused": Result(error="it is not ours"),
    "defect": Result(error="KeyError: 'x'"),
    "unfit": Result(error="TypeError: Object of type set is not JSON serializable"),
    "crash": Result(error="the process that talked to LXC was killed by signal 9"),
    "silent": Result(error="the process that talked to LXC ended with 3"),
    "late": Result(error="was not done within 1 seconds"),
}


def test_each() -> None:
    assert pool.each(item_of, list(RESULTS), 1) == RESULTS


DIVIDED = {
    "none": ([], 2, 0),
    "one": (["a"], 2, 1),
    "one process": (list("abcdef"), 1, 1),
    "two": (list("abcdefg"), 2, 2),
    "more processes than items": (list("abc"), 9, 3),
}


@pytest.mark.parametrize("row", DIVIDED.values(), ids=DIVIDED)
def test_divided(row: tuple[list[str], int, int]) -> None:
    """In the order given, in so many processes, this one included, and each got its answer through."""
    items, count, processes_ = row
    before = sorted(os.listdir("/proc/self/fd"))
    found = pool.divided(lambda item: [item * 100000, os.getpid()], items, count)
    assert list(found) == items
    assert [result.value[0] for result in found.values()] == [item * 100000 for item in items]
    assert len({result.value[1] for result in found.values()}) == processes_
    assert not items or found[items[0]].value[1] == os.getpid()
    assert sorted(os.listdir("/proc/self/fd")) == before


def no_child_is_left() -> bool:
    """Whether this process has waited for all that it has forked."""
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return True
    return False


@pytest.mark.parametrize(("item", "words"), {"defect": "KeyError: 'x'", "unfit": "TypeError: "}.items())
def test_a_defect_is_not_hidden(item: str, words: str) -> None:
    """Neither in another process nor here, and no process is left behind."""
    with pytest.raises(RuntimeError, match=words):
        pool.divided(item_of, ["value", item], 2)
    assert no_child_is_left()
    with pytest.raises(KeyError):
        pool.divided(item_of, ["defect", "value"], 2)
    assert no_child_is_left()


def test_a_killed_process_is_the_error_of_its_part() -> None:
    error = Result(error="the process that was at work on it was killed by signal 9")
    found = pool.divided(item_of, ["value", "crash", "large", "refused"], 2)
    assert found == {"value": RESULTS["value"], "crash": error, "large": RESULTS["large"], "refused": error}


def test_without_a_process_to_be_had_this_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there was one, and no second one."""
    before = sorted(os.listdir("/proc/self/fd"))
    forks, fork = iter([True, False]), os.fork

    def some() -> int:
        if not next(forks):
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return fork()

    monkeypatch.setattr(os, "fork", some)
    found = pool.divided(lambda item: os.getpid(), list("abc"), 3)
    assert [result.value == os.getpid() for result in found.values()] == [True, False, True]
    assert no_child_is_left()
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_locks_stay_while_another_process_is_at_work(tmp_path: Path) -> None:
    """Also where the module is killed meanwhile: what it has locked is locked until the last has come to its end."""
    end, gate = os.pipe()
    module = os.fork()
    if module == 0:
        with contextlib.suppress(BaseException):
            os.close(gate)
            held = os.open(tmp_path / "lock", os.O_CREAT | os.O_RDWR)
            fcntl.flock(held, fcntl.LOCK_EX)
            work = {"own": lambda: os.kill(os.getpid(), signal.SIGKILL), "other": lambda: os.read(end, 1)}
            pool.divided(lambda item: work[item](), list(work), 2)
        os._exit(1)
    os.close(end)
    assert os.WTERMSIG(os.waitpid(module, 0)[1]) == signal.SIGKILL
    with open(tmp_path / "lock", encoding="ascii") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(gate)
        fcntl.flock(lock, fcntl.LOCK_EX)


def test_each_of_many() -> None:
    names = [str(number) for number in range(5 * pool.AT_ONCE)]
    results = pool.each(lambda name: [name, os.getpid()], names, 30)
    assert {name: result.value[0] for name, result in results.items()} == {name: name for name in names}
    assert os.getpid() not in {result.value[1] for result in results.values()}


@pytest.mark.parametrize("keep", [True, False], ids=["kept", "one for each"])
def test_whether_workers_are_kept(keep: bool) -> None:
    names = [str(number) for number in range(6)]
    results = pool.each(lambda name: [name, os.getpid()], names, 30, at_once=2, keep=keep)
    assert (len({result.value[1] for result in results.values()}) == 6) is not keep


def test_each_runs_at_once(tmp_path: Path) -> None:
    """The first can only end when the second does its part."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    parts = {"first": lambda: fifo.read_text("ascii"), "second": lambda: fifo.write_text("x", "ascii")}
    assert pool.each(lambda name: parts[name](), list(parts), 30) == {"first": Result("x"), "second": Result(1)}


def test_workers_inherit_no_open_file_and_leave_none() -> None:
    """Two pipes of its own, and the directory that is being listed."""
    reading, writing = os.pipe()
    before = sorted(os.listdir("/proc/self/fd"))
    names = [str(number) for number in range(2 * pool.AT_ONCE)]
    results = pool.each(lambda _name: len(os.listdir("/proc/self/fd")), names, 30)
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert {result.value for result in results.values()} == {6}
    os.close(reading)
    os.close(writing)


def test_each_of_none() -> None:
    assert pool.each(item_of, [], 1) == {}


def test_this_process() -> None:
    started = processes.started(os.getpid())
    assert started is not None
    assert 0 < started <= processes.since_boot()
    assert processes.parent(os.getpid()) == os.getppid()
    assert len(processes.boot_id()) == 36


NUMBERS = {
    "on the target": (b"Name:\tinit\nNSpid:\t1\nNSsid:\t1\n", [1]),
    "of a container": (b"Name:\tinit.lxc\nPid:\t815\nNSpid:\t815\t1\n", [815, 1]),
    "of a container in a container": (b"NSpid:\t816\t17\t1\n", [816, 17, 1]),
    "before Linux 4.1": (b"Name:\tinit\nPid:\t1\n", []),
    "a name that looks like lines": (b"Name:\ta\rNSpid:\t7 1\x0b\nNSpid:\t815\n", [815]),
    "a name that begins so": (b"Name:\tNSpid:\t7 1\nNSpid:\t815\n", [815]),
}


@pytest.mark.parametrize(("status", "numbers"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(status: bytes, numbers: list[int]) -> None:
    assert processes.numbers_in(status) == numbers


def test_a_process_that_calls_itself_the_first() -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(15, b'a\\rNSpid:\\t7 1'); print(flush=True); input()"
    argv = [sys.executable, "-I", "-S", "-c", code]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        name = Path(f"/proc/{process.pid}/comm").read_bytes()
        assert not processes.is_first(process.pid)
    assert name == b"a\rNSpid:\t7 1\n"


def test_a_process_that_has_ended() -> None:
    process = subprocess.Popen(["true"])
    assert processes.wait_for_end([process.pid], 30) == set()
    # It is a zombie until it is waited for.
    assert processes.started(process.pid) is None
    process.wait()
    assert processes.started(process.pid) is None
    assert processes.parent(process.pid) is None
    assert processes.wait_for_end([process.pid], 30) == set()


# The first thread ends by itself, see _exit(2).
WITHOUT_FIRST_THREAD = """
import ctypes, platform, threading, time
threading.Thread(target=time.sleep, args=(120,)).start()
print(flush=True)
ctypes.CDLL(None).syscall({"x86_64": 60, "i686": 1, "armv7l": 1}.get(platform.machine(), 93), 0)
"""


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    argv = [sys.executable, "-I", "-S", "-c", WITHOUT_FIRST_THREAD]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        deadline = time.monotonic() + 10
        while "\nState:\tZ" not in Path(f"/proc/{process.pid}/status").read_text("utf-8"):
            assert time.monotonic() < deadline
        assert processes.started(process.pid) is not None
        assert processes.wait_for_end([process.pid], 0.01) == {process.pid}
        capture.kill_tree(process.pid)
        assert processes.wait_for_end([process.pid], 10) == set()


def test_waiting_for_many() -> None:
    # Each of them ends with its input.
    started = [subprocess.Popen(["cat"], stdin=subprocess.PIPE) for _number in range(3)]
    pids = [process.pid for process in started]
    assert processes.wait_for_end(pids, 0.01) == set(pids)
    for process in started[:2]:
        process.stdin.close()
    assert processes.wait_for_end(pids[:2], 30) == set()
    assert processes.wait_for_end(pids, 0.01) == {pids[2]}
    started[2].stdin.close()
    assert processes.wait_for_end(pids, 30) == set()
    for process in started:
        process.wait()


def test_waiting_for_nothing() -> None:
    assert processes.wait_for_end([], 10) == set()


def test_who_holds_a_socket() -> None:
    name = "%d of a test with a blank" % os.getpid()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("\0" + name)
        assert processes.holders(["@" + name, "@other"]) == {os.getpid()}
    assert processes.holders(["@" + name]) == set()


# How a process treats a signal, and whether a program that does so wants to be told.
TREATED = {
    "caught": ("signal.signal(signal.SIGUSR2, print)", True),
    "blocked, to be read": ("signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])", True),
    "by default": ("pass", False),
    "ignored": ("signal.signal(signal.SIGUSR2, signal.SIG_IGN)", False),
    "another one caught": ("signal.signal(signal.SIGUSR1, print)", False),
}


@pytest.mark.parametrize(("code", "handled"), TREATED.values(), ids=TREATED)
def test_whether_a_process_handles_a_signal(code: str, handled: bool) -> None:
    argv = [sys.executable, "-I", "-S", "-c", f"import signal; {code}; print(flush=True); input()"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        assert processes.handles(process.pid, signal.SIGUSR2) is handled
        process.stdin.close()
        process.wait()
        assert not processes.handles(process.pid, signal.SIGUSR2)


def test_what_a_process_runs() -> None:
    argv = [sys.executable, "-c", "print(flush=True); input()", "x" * 5000]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        process.stdout.readline()
        assert processes.program(process.pid) == os.path.realpath(sys.executable)
        # Nobody needs more of the arguments.
        assert processes.arguments(process.pid) == "\0".join(argv)[: processes.ARGUMENTS_MAX].split("\0")
        process.stdin.close()
        process.wait()
        assert (processes.program(process.pid), processes.arguments(process.pid)) == ("", [""])


@pytest.mark.parametrize("init", [os.getpid(), 1 << 22], ids=["in our own namespace", "ended"])
def test_nothing_outside_of_a_container_gets_a_signal(init: int) -> None:
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process:
        assert not processes.send_within(process.pid, init, signal.SIGKILL)
        assert processes.wait_for_end([process.pid], 0.1) == {process.pid}
        process.stdin.close()
