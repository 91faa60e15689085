# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the HTML report of a rollout. Takes a ledger and a template, and returns a page.

The template engine itself escapes everything, so also whatever comes from hosts.
"""

from __future__ import annotations

import math
from typing import Any, Dict, List, Mapping, Optional, Sequence

from ..module_utils.rollout import steps
from . import ledger, progress

# How a host looks, by the class of its colour: a sign for people who do not see the colour, and a word.
LOOKS = {
    "done": ("✓", "done"),
    "failed": ("✗", "failed"),
    "rolled_back": ("↺", "rolled back"),
    "unreachable": ("?", "unreachable"),
    "in_progress": ("…", "in progress"),
    "pending": ("·", "pending"),
}
SIGNS = {"ok": "✓", "changed": "●", "failed": "✗", "unreachable": "?"}
WORDS = {"ok": "no change", "changed": "changed", "failed": "failed", "unreachable": "unreachable"}
# Up to this number of hosts each has a line of its own in the timeline. More hosts share lines, as they shared the
# forks.
NAMED = 40


def render(template: str, record: ledger.Ledger, now: str) -> str:
    """Return the page, from the text of its Jinja2 template."""
    import jinja2  # Comes with Ansible.

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(template).render(view(record, now))


def view(record: ledger.Ledger, now: str) -> Dict[str, Any]:
    """Return all values that the template shows."""
    look_of = {name: look(host) for name, host in record.hosts.items()}
    views = {name: host_view(number, name, host) for number, (name, host) in enumerate(ordered(record).items())}
    stages = stage_names(record)
    for name, host in record.hosts.items():
        views[name]["cells"] = cells(host, stages)
    total = len(record.hosts)
    return {
        "id": record.id,
        "state": record.state,
        "sentence": progress.closing(record),
        "total": total,
        "tallies": tallies(look_of, total),
        "spent": ledger.spent(record),
        "budget": record.budget,
        "created": day(record.created),
        "updated": day(record.updated),
        "written": day(now),
        "took": progress.clock(
            sum(ledger.seconds(run.ended or now) - ledger.seconds(run.started) for run in record.runs)
        ),
        "runs": [run_view(number, run) for number, run in enumerate(record.runs, 1)],
        "batches": [
            {"number": number, "hosts": [views[name] for name in batch], "canary": number == 1 < len(record.batches)}
            for number, batch in enumerate(record.batches, 1)
        ],
        "stages": stages,
        "reasons": reasons(record, views),
        "timelines": [
            panel for number in range(len(record.runs), 0, -1) for panel in timeline(record, number, views, now)
        ],
        "looks": LOOKS,
        "signs": SIGNS,
        "words": WORDS,
    }


def run_view(number: int, run: ledger.Run) -> Dict[str, Any]:
    """Return one run of the playbook as the template shows it."""
    ended = day(run.ended) if run.ended else ""
    return {"number": number, "started": day(run.started), "ended": ended, "by": run.controller}


def ordered(record: ledger.Ledger) -> Dict[str, ledger.Host]:
    """Return the hosts in the order of their batches."""
    return {name: record.hosts[name] for batch in record.batches for name in batch}


def look(host: ledger.Host) -> str:
    """Return the class of a host's colour."""
    return "unreachable" if ledger.is_lost(host) else host.state


def face(host: ledger.Host) -> Dict[str, str]:
    """Return how a host looks."""
    sign, word = LOOKS[look(host)]
    return {"look": look(host), "sign": sign, "word": word}


def day(time: str) -> str:
    """Return a time of the ledger for people."""
    return "%s %s UTC" % (time[:10], time[11:19])


def length(seconds: float) -> str:
    """Return a number of seconds in at most five letters."""
    if seconds < 10:
        return "%.1fs" % seconds
    return (
        "%.0fs" % seconds
        if seconds < 100
        else "%.0fm" % (seconds / 60)
        if seconds < 5940
        else "%.0fh" % (seconds / 3600)
    )


def tallies(look_of: Mapping[str, str], total: int) -> List[Dict[str, Any]]:
    """Return how many hosts look how, with their share of the fleet in percent."""
    numbers = {kind: list(look_of.values()).count(kind) for kind in LOOKS}
    share = 100 / max(total, 1)
    return [
        {"look": kind, "sign": sign, "word": word, "number": numbers[kind], "share": "%.3f" % (numbers[kind] * share)}
        for kind, (sign, word) in LOOKS.items()
    ]


def host_view(number: int, name: str, host: ledger.Host) -> Dict[str, Any]:
    """Return what is shown of one host."""
    took = ledger.seconds(host.ended) - ledger.seconds(host.started) if host.ended and host.started else None
    return {
        "anchor": "host-%d" % number,
        "name": name,
        **face(host),
        "batch": host.batch,
        "took": progress.clock(took) if took is not None else "",
        "attempts": host.attempts,
        "reason": host.reason,
    }


def stage_names(record: ledger.Ledger) -> List[str]:
    """Return the stages that occur, in the order of the rollout's steps."""
    order = [step.name for part in (*steps.FORWARD, *steps.BACK) for step in part]
    # Both ways end with the same step.
    order.remove("forget")
    seen = {stage.name for host in record.hosts.values() for stage in host.stages}
    return [name for name in order if name in seen] + sorted(seen - set(order))


def cells(host: ledger.Host, stages: Sequence[str]) -> List[Optional[Dict[str, str]]]:
    """Return the stages of one host, with None for each that it did not reach."""
    found = {
        stage.name: {
            "outcome": stage.outcome,
            "sign": SIGNS[stage.outcome],
            "length": length(stage.seconds),
            "word": WORDS[stage.outcome],
        }
        for stage in host.stages
    }
    return [found.get(name) for name in stages]


def reasons(record: ledger.Ledger, views: Mapping[str, Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Return why hosts are not done: each reason once, with its hosts, the most frequent first."""
    found: Dict[Any, List[Dict[str, Any]]] = {}
    for name, host in ordered(record).items():
        if host.reason and host.state != "done":
            found.setdefault((look(host), host.reason), []).append(views[name])
    order = list(LOOKS)
    keys = sorted(found, key=lambda key: (-len(found[key]), order.index(key[0]), key[1]))
    return [{"look": key[0], "sign": LOOKS[key[0]][0], "reason": key[1], "hosts": found[key]} for key in keys]


def timeline(record: ledger.Ledger, number: int, views: Mapping[str, Dict[str, Any]], now: str) -> List[Dict[str, Any]]:
    """Return one run as a picture: a line for each host that it took up, a bar for each stage.

    Empty if it took up none.
    """
    hosts = {name: host for name, host in ledger.hosts_of_run(record, number).items() if host.started}
    if not hosts:
        return []
    start = min(ledger.seconds(host.started or now) for host in hosts.values())
    end = max(ledger.seconds(host.ended or now) for host in hosts.values())
    span = max(end - start, 0.001)
    hosts = dict(sorted(hosts.items(), key=lambda item: (item[1].batch, item[1].started or "")))
    named = len(hosts) <= NAMED
    lines = [[name] for name in hosts] if named else shared_lines(hosts, now)
    firsts: Dict[int, float] = {}
    for host in hosts.values():
        firsts.setdefault(host.batch, ledger.seconds(host.started or now))
    return [
        {
            "number": number,
            "started": day(record.runs[number - 1].started),
            "span": progress.clock(span),
            "named": named,
            "ticks": ticks(span),
            "marks": [{"batch": batch, "left": percent(first - start, span)} for batch, first in firsts.items()],
            "lines": [
                [dict(views[name], **face(hosts[name]), bars=bars(hosts[name], start, span)) for name in line]
                for line in lines
            ],
        }
    ]


def shared_lines(hosts: Mapping[str, ledger.Host], now: str) -> List[List[str]]:
    """Return the hosts on as few lines as possible, none over another: each goes to the first line that is free."""
    lines: List[List[str]] = []
    free: List[float] = []
    for name, host in sorted(hosts.items(), key=lambda item: item[1].started or ""):
        start, end = ledger.seconds(host.started or now), ledger.seconds(host.ended or now)
        place = next((index for index, moment in enumerate(free) if moment <= start), len(lines))
        lines[place:] = lines[place:] or [[]]
        free[place:] = free[place:] or [0]
        lines[place].append(name)
        free[place] = end
    return lines


def bars(host: ledger.Host, start: float, span: float) -> List[Dict[str, str]]:
    """Return the stages of a host as positions on a line, in percent."""
    return [
        {
            "stage": stage.name,
            "outcome": stage.outcome,
            "left": percent(ledger.seconds(stage.started) - start, span),
            "width": percent(stage.seconds, span),
            "title": "%s: %s, %s" % (stage.name, WORDS[stage.outcome], length(stage.seconds)),
        }
        for stage in host.stages
    ]


def percent(part: float, whole: float) -> str:
    """Return a share in percent, within the picture."""
    return "%.3f" % min(max(100 * part / whole, 0), 100)


def ticks(span: float) -> List[Dict[str, str]]:
    """Return the marks on the time axis: round numbers of seconds, at most eight intervals."""
    steps = [base * 10**power for power in range(-1, 6) for base in (1, 2, 5)]
    steps = sorted(
        {*(step for step in steps if step < 30), 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400, *steps[15:]}
    )
    step = next((each for each in steps if span / each <= 8), steps[-1])
    return [
        {
            "left": percent(index * step, span),
            "text": progress.clock(index * step) if step >= 1 else "%.1fs" % (index * step),
        }
        for index in range(math.floor(span / step) + 1)
    ]
