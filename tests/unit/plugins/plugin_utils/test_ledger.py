# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of a rollout: its changes, its text, and texts that are not a ledger."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger, ledger_text

T0, T1, T2, T3 = (f"2026-11-25T02:00:0{second}.000Z" for second in range(4))
HOSTS = ("h1", "h2", "h3")
DIGESTS = {name: ledger.digest_of(name) for name in HOSTS}
BATCHES = (("h1",), ("h2", "h3"))
NEW = ledger.new("one", DIGESTS, BATCHES, 0, T0)
BEGUN = ledger.begin_run(NEW, BATCHES, 0, "control:1", T1)
STAGE = ledger.Stage("checkpoint", T1, 0.25, "changed")
LOST = ledger.Stage("rootfs", T1, 1.5, "unreachable")


def after(record: ledger.Ledger, *fates: tuple[str, str]) -> ledger.Ledger:
    """The ledger after hosts have come to their ends."""
    for name, state in fates:
        record = ledger.begin_host(record, name, T1)
        stages = (STAGE, LOST) if state == "pending" else (STAGE,)
        record = ledger.end_host(record, name, state, "" if state == "done" else "why", stages, T2)
    return record


@pytest.mark.parametrize(
    ("moment", "time"),
    [
        pytest.param(0, "1970-01-01T00:00:00.000Z", id="first"),
        pytest.param(1795572000.25, "2026-11-25T02:00:00.250Z", id="with a fraction"),
    ],
)
def test_times(moment, time):
    assert ledger.written(moment) == time
    assert ledger.seconds(time) == moment


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("plain words", "plain words"),
        ("two\nlines\tand  more\x1b[2J", "two lines and more [2J"),
        ("x" * 600, "x" * 497 + "..."),
    ],
)
def test_sentences(words, sentence):
    assert ledger.sentence(words) == sentence


def test_an_id_follows_from_hosts_and_content():
    assert ledger.id_of(DIGESTS) == ledger.id_of(dict(reversed(DIGESTS.items())))
    assert len({ledger.id_of({**DIGESTS, **more}) for more in ({}, {"h1": "0" * 64}, {"h4": "0" * 64})}) == 3


WHOLE = after(replace(BEGUN, budget=2), ("h1", "done"), ("h2", "pending"))


@pytest.mark.parametrize(
    "record", [NEW, BEGUN, WHOLE, ledger.end_run(WHOLE, T3)], ids=["new", "begun", "in it", "ended"]
)
def test_a_text_gives_the_same_ledger(record):
    text = ledger_text.dump(record)
    assert ledger_text.parse(text, "one.json") == record
    assert ledger_text.load(text, "one.json") == record


def test_the_text_is_json_with_a_line_for_each_host():
    text = ledger_text.dump(WHOLE)
    assert json.loads(text)["hosts"]["h2"] == {
        "state": "pending",
        "digest": DIGESTS["h2"],
        "batch": 2,
        "reason": "why",
        "attempts": 1,
        "run": 1,
        "started": T1,
        "ended": T2,
        "stages": [
            {"name": "checkpoint", "started": T1, "seconds": 0.25, "outcome": "changed"},
            {"name": "rootfs", "started": T1, "seconds": 1.5, "outcome": "unreachable"},
        ],
    }
    assert [line.count('"digest"') for line in text.splitlines() if "digest" in line] == [1, 1, 1]


def text_with(change) -> str:
    """The text of a ledger in which something was changed by hand."""
    data = json.loads(ledger_text.dump(WHOLE))
    change(data)
    return json.dumps(data)


def host(key, value):
    """Changes one value of a host."""
    return lambda data: data["hosts"]["h1"].update({key: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not JSON (Expecting value: line 1 column 1 (char 0))"),
        (
            ledger_text.dump(WHOLE)[:200],
            "it is not JSON (Unterminated string starting at: line 10 column 11 (char 199))",
        ),
        (
            "[" * 100000,
            "it is not JSON (maximum recursion depth exceeded while decoding a JSON array from a unicode string)",
        ),
        ("[]", "it is not a dictionary"),
        ("{}", "version: None is not the version 1"),
        (text_with(lambda data: data.update(version=2)), "version: 2 is not the version 1"),
        (text_with(lambda data: data.pop("hosts")), "hosts: None is required and missing"),
        (
            text_with(lambda data: data.update(state="over")),
            "state: 'over' is none of running, paused, stopped, finished",
        ),
        (
            text_with(lambda data: data.update(id="../x")),
            "id: '../x' is not a name of at most 64 letters, digits, '.', '_' and '-'",
        ),
        (text_with(lambda data: data.update(budget="many")), "budget: 'many' is not a whole number"),
        (text_with(lambda data: data.update(hosts=[])), "hosts: [] is not a dictionary"),
        (text_with(lambda data: data.update(batches={})), "batches: {} is not a list"),
        (
            text_with(lambda data: data.update(batches=[["h1"], ["h2"]])),
            "hosts.h3.batch: 2 is not the batch that it is in",
        ),
        (text_with(lambda data: data.update(batches=[["h1"], ["h2", "h3", "h2"]])), "batches: '' have a host twice"),
        (text_with(lambda data: data["batches"].append(["h9"])), "batches: 'h9' is in a batch and not among the hosts"),
        (text_with(lambda data: data.update(more=1)), "key: 'more' is not a known key"),
        (
            text_with(lambda data: data.update(created="now")),
            "created: 'now' is not a time in UTC such as 2026-11-25T02:00:00.000Z",
        ),
        (
            text_with(lambda data: data.update(created="2026-13-25T02:00:00Z")),
            "created: '2026-13-25T02:00:00Z' is not a time in UTC such as 2026-11-25T02:00:00.000Z",
        ),
        (
            text_with(host("state", "lost")),
            "hosts.h1.state: 'lost' is none of pending, in_progress, done, failed, rolled_back",
        ),
        (text_with(host("digest", "0")), "hosts.h1.digest: '0' is not a digest"),
        (text_with(host("batch", 2)), "hosts.h1.batch: 2 is not the batch that it is in"),
        (text_with(host("run", 2)), "hosts.h1.run: 2 is not one of the runs"),
        (text_with(host("attempts", -1)), "hosts.h1.attempts: -1 is not from 0 to 1000000000"),
        (text_with(host("reason", "a\nb")), "hosts.h1.reason: 'a\\nb' has a line break or another control character"),
        (text_with(host("stages", [{"name": "x"}])), "hosts.h1.stages[0].started: None is required and missing"),
        (
            text_with(host("stages", [dict(STAGE._asdict(), seconds="1")])),
            "hosts.h1.stages[0].seconds: '1' is not a number of seconds",
        ),
        (
            text_with(host("stages", [dict(STAGE._asdict(), outcome="?")])),
            "hosts.h1.stages[0].outcome: '?' is none of ok, changed, failed, unreachable",
        ),
    ],
)
def test_a_corrupted_ledger_is_refused(text, message):
    with pytest.raises(RefusedError) as caught:
        ledger_text.parse(text, "one.json")
    # A hint at a similar word may follow.
    assert str(caught.value).partition(";")[0] == "one.json is corrupted: " + message


@pytest.mark.parametrize("text", ["", "[]", "{}", text_with(lambda data: data["hosts"]["h1"].pop("stages"))])
def test_a_ledger_that_is_changed_while_it_is_used_is_refused(text):
    with pytest.raises(RefusedError, match="one.json is corrupted: it was changed while a run used it"):
        ledger_text.load(text, "one.json")


@pytest.mark.parametrize(
    ("digests", "message"),
    [
        pytest.param(DIGESTS, None, id="the same"),
        pytest.param(
            {"h1": DIGESTS["h1"], "h2": DIGESTS["h2"]},
            "one.json has the host h3, which is not among the hosts of this rollout; give another",
            id="unknown host in the ledger",
        ),
        pytest.param({**DIGESTS, "h4": "0"}, "one.json does not have the host h4; give another", id="new host"),
        pytest.param(
            {**DIGESTS, "h2": "0" * 64},
            "one.json is of another rollout, since what is rolled out to h2 is not the same; give another",
            id="another rollout",
        ),
    ],
)
def test_a_ledger_of_another_rollout_is_refused(digests, message):
    if message is None:
        return ledger.require_same(NEW, digests, "one.json")
    with pytest.raises(RefusedError) as caught:
        ledger.require_same(NEW, digests, "one.json")
    assert str(caught.value) == message + " softwarecontainer_rollout_id for another rollout"


@pytest.mark.parametrize(
    ("fates", "budget", "state", "reason"),
    [
        pytest.param([("h1", "done")], 0, "running", "", id="done"),
        pytest.param(
            [("h1", "failed")], 0, "stopped", "1 host is failed or unreachable, and the budget is 0.", id="failed"
        ),
        pytest.param(
            [("h1", "rolled_back")], 0, "stopped", "1 host is failed or unreachable, and the budget is 0.", id="back"
        ),
        pytest.param(
            [("h1", "pending")], 0, "stopped", "1 host is failed or unreachable, and the budget is 0.", id="lost"
        ),
        pytest.param([("h1", "pending")], 1, "running", "", id="within the budget"),
        pytest.param(
            [("h1", "pending"), ("h2", "failed")],
            1,
            "stopped",
            "2 hosts are failed or unreachable, and the budget is 1.",
            id="both count",
        ),
        pytest.param([("h1", "pending"), ("h2", "failed"), ("h3", "done")], 2, "running", "", id="both are within"),
    ],
)
def test_the_budget(fates, budget, state, reason):
    record = after(replace(BEGUN, budget=budget), *fates)
    assert (record.state, record.reason) == (state, reason)
    assert ledger.spent(record) == sum(fate != "done" for _name, fate in fates)


def test_a_new_run_counts_anew():
    record = ledger.end_run(after(BEGUN, ("h1", "rolled_back")), T2)
    again = ledger.begin_run(record, BATCHES, 0, "control:2", T3)
    assert (ledger.spent(record), ledger.spent(again), again.state, again.reason) == (1, 0, "running", "")
    assert ledger.begin_host(again, "h1", T3).hosts["h1"].attempts == 2


@pytest.mark.parametrize(
    ("record", "name", "message"),
    [
        (
            after(BEGUN, ("h1", "failed")),
            "h2",
            "The rollout is stopped: 1 host is failed or unreachable, and the budget is 0.",
        ),
        (ledger.pause(BEGUN, T1), "h1", "The rollout is paused: It was paused by hand."),
        (NEW, "h1", "The rollout is stopped."),
        (after(BEGUN, ("h1", "done")), "h1", "The host is done."),
        (ledger.begin_host(BEGUN, "h1", T1), "h1", "The host is in progress."),
        (BEGUN, "h9", "The ledger does not have this host."),
    ],
)
def test_a_host_is_not_taken_up(record, name, message):
    with pytest.raises(RefusedError) as caught:
        ledger.begin_host(record, name, T1)
    assert str(caught.value) == message


def test_a_host_that_is_taken_up_again_starts_from_nothing():
    record = ledger.begin_run(after(BEGUN, ("h1", "rolled_back")), BATCHES, 0, "control:2", T3)
    expected = ledger.Host("in_progress", DIGESTS["h1"], 1, "", 2, 2, T3)
    assert ledger.begin_host(record, "h1", T3).hosts["h1"] == expected


def test_what_became_of_it_before_stays_with_its_run():
    first = after(BEGUN, ("h1", "rolled_back")).hosts["h1"]
    record = ledger.begin_run(after(BEGUN, ("h1", "rolled_back")), BATCHES, 0, "control:2", T3)
    again = ledger.begin_host(record, "h1", T3)
    assert ledger.hosts_of_run(record, 1) == {"h1": first}
    assert ledger.hosts_of_run(again, 1) == {"h1": replace(first, attempts=2)}
    assert ledger.hosts_of_run(again, 2) == {"h1": again.hosts["h1"]}
    text = ledger_text.dump(again)
    assert ledger_text.parse(text, "one.json") == again == ledger_text.load(text, "one.json")
    # A ledger of before has nothing of it.
    assert "retaken" not in ledger_text.dump(record)
    with pytest.raises(RefusedError, match="runs.0..retaken: 'h9' is not among the hosts"):
        ledger_text.parse(text.replace('"retaken": {"h1"', '"retaken": {"h9"'), "one.json")


def test_a_ledger_does_not_grow_for_ever():
    record = BEGUN
    for _number in range(ledger.RUNS_KEPT + 5):
        record = after(ledger.begin_run(record, BATCHES, 3, "control", T1), ("h1", "pending"))
    assert [bool(run.retaken) for run in record.runs].count(True) <= ledger.RUNS_KEPT
    assert [bool(run.retaken) for run in record.runs[-3:]] == [True, True, False]


def test_what_a_killed_run_left_in_progress_is_pending():
    record = ledger.begin_run(ledger.begin_host(BEGUN, "h1", T1), BATCHES, 0, "control:2", T3)
    assert record.hosts["h1"].state == "pending"
    assert record.hosts["h1"].reason == "The run ended while this host was in progress."
    # Nobody saw the run end: it was there when it wrote last.
    assert [run.ended for run in record.runs] == [T1, None]


def test_a_run_may_change_the_batches():
    record = ledger.begin_run(NEW, [HOSTS], 1, "control:1", T1)
    assert [each.batch for each in record.hosts.values()] == [1, 1, 1]
    assert ledger_text.parse(ledger_text.dump(record), "one.json") == record


ALL_DONE = after(BEGUN, ("h1", "done"), ("h2", "done"), ("h3", "done"))


@pytest.mark.parametrize(
    ("record", "state", "reason"),
    [
        pytest.param(ALL_DONE, "finished", "", id="all done"),
        pytest.param(after(BEGUN, ("h1", "done")), "stopped", "2 hosts are left.", id="some left"),
        pytest.param(
            after(BEGUN, ("h1", "failed")),
            "stopped",
            "1 host is failed or unreachable, and the budget is 0.",
            id="stopped",
        ),
        pytest.param(ledger.pause(BEGUN, T1), "paused", "It was paused by hand.", id="paused"),
        pytest.param(ledger.begin_host(BEGUN, "h1", T1), "stopped", "3 hosts are left.", id="one in progress"),
    ],
)
def test_the_end_of_a_run(record, state, reason):
    ended = ledger.end_run(record, T3)
    assert (ended.state, ended.reason, ended.runs[-1].ended) == (state, reason, T3)
    assert "in_progress" not in [each.state for each in ended.hosts.values()]


def test_there_is_nothing_to_pause():
    with pytest.raises(RefusedError, match="There is nothing to pause: all hosts are done."):
        ledger.pause(ALL_DONE, T3)


@pytest.mark.parametrize(
    ("record", "chosen", "waves"),
    [
        pytest.param(NEW, HOSTS, [["h1"], ["h2", "h3"]], id="all"),
        pytest.param(NEW, ("h3", "h1"), [["h1"], ["h3"]], id="limited"),
        pytest.param(NEW, ("h2", "h3"), [["h2"], ["h3"]], id="limited to others than the canary"),
        pytest.param(after(BEGUN, ("h1", "pending")), HOSTS, [["h1"], ["h2", "h3"]], id="the canary is pending"),
        pytest.param(NEW, (), [], id="none chosen"),
        pytest.param(after(BEGUN, ("h1", "done")), HOSTS, [["h2", "h3"]], id="the canary is done"),
        pytest.param(after(BEGUN, ("h1", "done"), ("h2", "failed")), HOSTS, [["h2", "h3"]], id="failed ones again"),
        pytest.param(ALL_DONE, HOSTS, [], id="all done"),
    ],
)
def test_what_is_left(record, chosen, waves):
    assert ledger.waves_of(record, chosen) == waves


def test_counts():
    record = ledger.begin_host(after(replace(BEGUN, budget=2), ("h1", "rolled_back"), ("h2", "pending")), "h3", T2)
    assert ledger.counts(record) == ledger.Counts(
        total=3, done=0, failed=0, rolled_back=1, in_progress=1, pending=1, lost=1
    )
