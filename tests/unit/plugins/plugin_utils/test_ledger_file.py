# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a rollout: written whole or not at all, changed by one at a time, driven by one process that lives."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
from dataclasses import replace

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger, ledger_file, ledger_text

T0 = "2026-11-25T02:00:00.000Z"


@pytest.fixture
def place(tmp_path):
    return ledger_file.Place(str(tmp_path), "one")


@pytest.fixture
def me():
    return ledger_file.driver(os.getpid())


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "one.json"
    ledger_file.write(str(path), "first")
    number = path.stat().st_ino
    ledger_file.write(str(path), "second")
    assert (path.read_text(), path.stat().st_ino != number) == ("second", True)
    assert os.listdir(tmp_path) == ["one.json"]


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "one.json"
    path.write_text("old")
    with pytest.raises(RefusedError, match="one.json cannot be written: "):
        ledger_file.write(str(path), "\ud800")
    assert (path.read_text(), os.listdir(tmp_path)) == ("old", ["one.json"])


def test_a_directory_that_is_not_there(tmp_path):
    with pytest.raises(RefusedError, match="x/one.json cannot be written: No such file or directory"):
        ledger_file.write(str(tmp_path / "x" / "one.json"), "")
    with pytest.raises(
        RefusedError, match="x cannot be used for ledgers: No such file or directory"
    ), ledger_file.locked(str(tmp_path / "x")):
        pass


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    for path, reason in {"file": "File exists", "file/x": "Not a directory"}.items():
        with pytest.raises(RefusedError) as caught:
            ledger_file.make_directory(str(tmp_path / path))
        assert str(caught.value) == f"{tmp_path / path} cannot be made: {reason}"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b"\xff"), "one.json cannot be read: 'utf-8' codec can't decode byte"),
        (lambda path: path.mkdir(), "one.json cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make, message):
    make(tmp_path / "one.json")
    with pytest.raises(RefusedError, match=message):
        ledger_file.read(str(tmp_path / "one.json"))


def test_this_process_lives(me):
    assert ledger_file.is_alive(me, me)


@pytest.mark.parametrize(
    ("change", "alive"),
    [
        pytest.param({"start": 1}, False, id="the number is another process's now"),
        pytest.param({"pid": 2**22 + 1}, False, id="no such process"),
        pytest.param({"boot": "0"}, False, id="before the last boot"),
        pytest.param({"host": "elsewhere"}, True, id="another machine"),
        pytest.param({"machine": "0", "boot": "0"}, True, id="another machine of the same name"),
        pytest.param({"namespace": "pid:[1]", "start": 1}, True, id="another container of this machine"),
        pytest.param({"namespace": "pid:[1]", "boot": "0"}, False, id="another container, before the last boot"),
        pytest.param({"host": "elsewhere", "boot": "0"}, True, id="another machine, another boot"),
    ],
)
def test_other_processes(me, change, alive):
    assert ledger_file.is_alive(replace(me, **change), me) is alive


def test_a_process_that_has_ended_and_is_not_waited_for():
    with subprocess.Popen(["true"], stdout=subprocess.PIPE) as process:
        process.stdout.read()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ProcessLookupError):
            ledger_file.start_of(process.pid)


def test_the_lock_is_taken_and_dropped(place, me):
    ledger_file.take(place, me)
    assert json.loads(ledger_file.read(place.path("lock"))) == vars(me)
    ledger_file.take(place, me)
    ledger_file.drop(place, replace(me, pid=1))
    assert ledger_file.holder_of(place) == me
    ledger_file.drop(place, me)
    assert ledger_file.holder_of(place) is None


def test_the_lock_of_a_process_that_lives_is_refused(place, me):
    ledger_file.take(place, me)
    other = ledger_file.driver(os.getppid())
    with pytest.raises(RefusedError) as caught:
        ledger_file.take(place, other)
    assert str(caught.value) == f"rollout one is driven by process {me.pid} of {me.host}"


def test_the_lock_of_another_machine_is_refused_with_what_to_do(place, me):
    ledger_file.write(place.path("lock"), json.dumps(vars(replace(me, host="elsewhere", pid=7))))
    with pytest.raises(RefusedError) as caught:
        ledger_file.take(place, me)
    told = f"rollout one is driven by process 7 of elsewhere; if that one has ended, remove {place.path('lock')}"
    assert str(caught.value) == told


def test_the_lock_of_a_process_that_is_gone_is_taken_over(place, me):
    ledger_file.write(place.path("lock"), json.dumps(vars(replace(me, start=1))))
    ledger_file.take(place, me)
    assert ledger_file.holder_of(place) == me


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"host": 1, "boot": "", "pid": "x", "start": 0}'])
def test_a_lock_that_is_none_is_refused(place, me, text):
    ledger_file.write(place.path("lock"), text)
    with pytest.raises(RefusedError, match="one.lock is not a lock of a rollout; remove it if no rollout runs"):
        ledger_file.take(place, me)


def prepare(place, me, hosts):
    digests = {name: ledger.digest_of(name) for name in hosts}
    record = ledger.new("one", digests, [hosts], 0, T0)
    ledger_file.write(place.path("json"), ledger_text.dump(ledger.begin_run(record, [hosts], 0, me.words(), T0)))
    ledger_file.take(place, me)


def finish(place, me, names):
    for name in names:
        ledger_file.change(place, me, lambda record, name=name: ledger.begin_host(record, name, T0))
        ledger_file.change(place, me, lambda record, name=name: ledger.end_host(record, name, "done", "", (), T0))


def test_no_change_is_lost(place, me):
    hosts = [f"h{number}" for number in range(40)]
    prepare(place, me, hosts)
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=finish, args=(place, me, hosts[number::4])) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    record = ledger_text.parse(ledger_file.read(place.path("json")), "one.json")
    assert ledger.counts(record).done == 40
    assert sorted(os.listdir(place.directory)) == [".lock", "one.json", "one.lock"]


def test_one_who_drives_no_longer_changes_nothing(place, me):
    prepare(place, me, ["h1"])
    text = ledger_file.read(place.path("json"))
    with pytest.raises(RefusedError, match="rollout one is no longer driven by this process"):
        finish(place, replace(me, start=1), ["h1"])
    assert ledger_file.read(place.path("json")) == text


def test_a_ledger_that_is_gone(place, me):
    ledger_file.take(place, me)
    with pytest.raises(RefusedError, match="one.json is gone"):
        finish(place, me, ["h1"])
