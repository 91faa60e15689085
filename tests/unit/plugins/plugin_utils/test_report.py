# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTML report: whole, of its own, and safe to open whatever a host is called or says."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import ledger, ledger_text, report
from rollouts import at, names, rollout

TEMPLATE = (Path(__file__).parents[4] / "roles" / "rollout" / "templates" / "report.html.j2").read_text()
EVIL = '<script>alert("x")</script>'
VOID = {"meta", "input", "br"}


class Page(HTMLParser):
    """The elements of a page; fails where they are not nested as they should be."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.words = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def having(self, tag, start):
        return [
            attributes
            for name, attributes in self.elements
            if name == tag and start in attributes.get("class", "").split()
        ]


def page_of(record):
    return Page(report.render(TEMPLATE, record, at(100)))


@pytest.mark.parametrize("count", [1, 20, 41, 161, 500])
def test_all_hosts_are_there(count):
    page = page_of(rollout(names(count), {}))
    assert len(page.having("a", "square")) == count
    assert len(page.having("a", "run")) == count
    assert len([1 for tag, attributes in page.elements if tag == "tr" and "id" in attributes]) == count
    assert any("%d of %d host" % (count, count) in words for words in page.words)


def test_links_lead_to_hosts():
    page = page_of(rollout(names(20), {"host-3": ("failed", "config", "why")}))
    known = {attributes["id"] for _tag, attributes in page.elements if "id" in attributes}
    links = [attributes["href"] for tag, attributes in page.elements if tag == "a"]
    assert {link[0] for link in links} == {"#"}
    assert {link[1:] for link in links} <= known


def test_nothing_is_loaded():
    text = report.render(TEMPLATE, rollout(names(20), {}), at(100))
    assert re.findall("(?i)https?:|//[a-z]|url\\(|@import|<script|<link|<img|<iframe|src=", text) == []


def test_what_hosts_say_is_escaped():
    record = rollout([EVIL, '"><img src=x onerror=alert(1)>', "h3"], {EVIL: ("failed", "config", EVIL + "{{ 1 + 1 }}")})
    page = page_of(record)
    assert {tag for tag, _attributes in page.elements} & {"script", "img"} == set()
    assert not any(key.startswith("on") for _tag, attributes in page.elements for key in attributes)
    assert EVIL + "{{ 1 + 1 }}" in page.words
    assert EVIL in [attributes.get("title") for _tag, attributes in page.elements]


FATES = {
    "host-2": ("rolled_back", "ready", "ready: no answer"),
    "host-3": ("rolled_back", "ready", "ready: no answer"),
    "host-4": ("pending", "checkpoint", "checkpoint: no route"),
    "host-5": ("failed", "config", "config: disk full"),
}


def test_the_view():
    shown = report.view(rollout(names(8), FATES, budget=4), at(100))
    assert {each["look"]: each["number"] for each in shown["tallies"]} == {
        "done": 4,
        "failed": 1,
        "rolled_back": 2,
        "unreachable": 1,
        "in_progress": 0,
        "pending": 0,
    }
    assert [(each["reason"], [host["name"] for host in each["hosts"]]) for each in shown["reasons"]] == [
        ("ready: no answer", ["host-2", "host-3"]),
        ("config: disk full", ["host-5"]),
        ("checkpoint: no route", ["host-4"]),
    ]
    assert shown["stages"] == ["checkpoint", "rootfs", "config", "ready", "restore"]
    assert (shown["spent"], shown["budget"], shown["took"]) == (4, 4, "0:10")
    assert [batch["canary"] for batch in shown["batches"]] == [True, False, False, False, False]


def test_the_timeline():
    record = rollout(names(3), {"host-2": FATES["host-2"]})
    (panel,) = report.timeline(record, 1, by_name(record), at(9))
    assert (panel["span"], panel["named"]) == ("0:04", True)
    assert [(each["stage"], each["left"], each["width"]) for each in panel["lines"][1][0]["bars"]] == [
        ("checkpoint", "25.000", "12.500"),
        ("ready", "37.500", "12.500"),
        ("restore", "50.000", "25.000"),
    ]
    assert [tick["text"] for tick in panel["ticks"]] == [
        "0.0s",
        "0.5s",
        "1.0s",
        "1.5s",
        "2.0s",
        "2.5s",
        "3.0s",
        "3.5s",
        "4.0s",
    ]


def by_name(record):
    return {name: report.host_view(0, name, host) for name, host in record.hosts.items()}


@pytest.mark.parametrize(("count", "lines"), [(40, 40), (41, 2), (500, 2)])
def test_many_hosts_share_the_lines_of_the_timeline(count, lines):
    # Each takes two seconds and begins one after the one before.
    (panel,) = report.view(rollout(names(count), {}), at(999))["timelines"]
    assert len(panel["lines"]) == lines
    assert sum(map(len, panel["lines"])) == count


def test_no_host_lies_over_another():
    (panel,) = report.view(rollout(names(60), {}), at(999))["timelines"]
    for line in panel["lines"]:
        ends = [float(host["bars"][-1]["left"]) + float(host["bars"][-1]["width"]) for host in line]
        starts = [float(host["bars"][0]["left"]) for host in line]
        assert all(end <= start for end, start in zip(ends, starts[1:]))
    assert [mark["batch"] for mark in panel["marks"]] == [1, 2, 3, 4, 5]


def test_runs_have_a_timeline_each():
    record = rollout(names(3), FATES, budget=2)
    again = ledger.begin_run(record, record.batches, 0, "control:2", at(5000))
    again = ledger.begin_host(again, "host-2", at(5000))
    again = ledger.end_run(ledger.end_host(again, "host-2", "done", "", (), at(5003)), at(5004))
    panels = report.view(again, at(5004))["timelines"]
    assert [(panel["number"], [line[0]["name"] for line in panel["lines"]]) for panel in panels] == [
        (2, ["host-2"]),
        (1, ["host-1", "host-2", "host-3"]),
    ]
    # As that run has left it.
    assert [panel["lines"][-2 + panel["number"]][0]["word"] for panel in panels] == ["done", "rolled back"]


def test_a_run_that_met_nobody_is_not_forgotten():
    record = rollout(["h1"], {"h1": ("pending", "preflight", "no route")})
    assert ledger.is_lost(record.hosts["h1"])
    again = ledger.begin_run(record, record.batches, 0, "control:2", at(5000))
    for record_ in (again, ledger.begin_host(again, "h1", at(5000))):
        panels = report.view(record_, at(5004))["timelines"]
        (line,) = panels[-1]["lines"]
        assert (panels[-1]["number"], line[0]["name"], line[0]["word"]) == (1, "h1", "unreachable")
        assert [each["outcome"] for each in line[0]["bars"]][-1] == "unreachable"
        page = page_of(ledger_text.parse(ledger_text.dump(record_), "one.json"))
        assert [each["title"] for each in page.having("i", "bar-unreachable") if "title" in each] == [
            "h1, preflight: unreachable, 0.5s"
        ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (9.94, "9.9s"), (12.4, "12s"), (99.4, "99s"), (130, "2m"), (5900, "98m"), (7200, "2h")],
)
def test_lengths(seconds, text):
    assert report.length(seconds) == text


def test_a_rollout_that_has_not_begun():
    record = ledger.new("one", {"h1": "0" * 64}, [["h1"]], 0, at(0))
    assert "pending" in page_of(record).words
