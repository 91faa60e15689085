# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the ledger of a rollout as frozen values, and every change that it can go through.

A rollout is a list of hosts in batches. The ledger says how far each host is, and what each run has done. Times are UTC
strings such as 2026-11-25T02:00:00.000Z. The caller supplies the clock.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..module_utils.container_spec import values
from ..module_utils.errors import RefusedError

ID = values.matching("[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name of at most 64 letters, digits, '.', '_' and '-'")
STATES = ("running", "paused", "stopped", "finished")
HOST_STATES = ("pending", "in_progress", "done", "failed", "rolled_back")
OUTCOMES = ("ok", "changed", "failed", "unreachable")
# For how many runs at most the ledger keeps the attempts at hosts that a later run has taken up again.
RUNS_KEPT = 20
# A reason is one sentence for people, not the whole output of a module. At most so many characters.
REASON_END = 500


class Stage(NamedTuple):
    """One stage of one host."""

    name: str
    started: str
    seconds: float
    outcome: str


@dataclass(frozen=True)
class Host:
    """How far a host is. `run` is the number of the last run that took it up (0: none). Batches count from 1."""

    state: str
    digest: str
    batch: int
    reason: str = ""
    attempts: int = 0
    run: int = 0
    started: Optional[str] = None
    ended: Optional[str] = None
    stages: Tuple[Stage, ...] = ()


class Attempt(NamedTuple):
    """The result of a host in a run, kept when a later run takes the host up again."""

    state: str
    started: Optional[str]
    ended: Optional[str]
    reason: str
    stages: Tuple[Stage, ...]


@dataclass(frozen=True)
class Run:
    """One run of the playbook.

    `controller`: the process that drove it; `retaken`: hosts that a later run took up again.
    """

    started: str
    controller: str
    ended: Optional[str] = None
    retaken: Mapping[str, Attempt] = field(default_factory=dict)


@dataclass(frozen=True)
class Ledger:
    """A rollout."""

    id: str
    state: str
    created: str
    updated: str
    budget: int
    batches: Tuple[Tuple[str, ...], ...]
    hosts: Mapping[str, Host]
    reason: str = ""
    runs: Tuple[Run, ...] = ()


@dataclass(frozen=True)
class Counts:
    """How many hosts are in each state. `lost` are those pending hosts that a run could not reach."""

    total: int
    done: int
    failed: int
    rolled_back: int
    in_progress: int
    pending: int
    lost: int


def written(moment: float) -> str:
    """Return seconds since 1970 as a time of the ledger."""
    text = datetime.fromtimestamp(moment, timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def seconds(time: str) -> float:
    """Return a time of the ledger as seconds since 1970. Raises ValueError."""
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


def sentence(words: Any) -> str:
    """Return any text as one line without control characters, short enough for a table."""
    plain = "".join(letter if letter.isprintable() else " " for letter in str(words))
    plain = re.sub(" +", " ", plain).strip()
    return plain if len(plain) <= REASON_END else plain[: REASON_END - 3] + "..."


def digest_of(value: Any) -> str:
    """Return the digest of what is rolled out to a host. Takes any value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def id_of(digests: Mapping[str, str]) -> str:
    """Return an id for a rollout that has none. It differs if a host, or what a host gets, differs."""
    return digest_of(sorted(digests.items()))[:12]


def quoted(value: Any) -> str:
    """Return a value of the user as it appears in an error."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


# Changes. Each takes a ledger and returns the next one.


def new(identity: str, digests: Mapping[str, str], batches: Sequence[Sequence[str]], budget: int, now: str) -> Ledger:
    """Return the ledger of a rollout that has not begun."""
    hosts_ = {name: Host("pending", digests[name], number) for number, batch in enumerate(batches, 1) for name in batch}
    return Ledger(identity, "stopped", now, now, budget, tuple(map(tuple, batches)), hosts_)


def require_same(ledger: Ledger, digests: Mapping[str, str], name: str) -> None:
    """Raise RefusedError, with one sentence, unless the ledger belongs to this rollout."""
    another = "; give another softwarecontainer_rollout_id for another rollout"
    for host in ledger.hosts:
        if host not in digests:
            raise RefusedError(
                "%s has the host %s, which is not among the hosts of this rollout%s" % (name, host, another)
            )
    for host, digest in digests.items():
        if host not in ledger.hosts:
            raise RefusedError("%s does not have the host %s%s" % (name, host, another))
        if ledger.hosts[host].digest != digest:
            message = "%s is of another rollout, since what is rolled out to %s is not the same%s"
            raise RefusedError(message % (name, host, another))


def begin_run(ledger: Ledger, batches: Sequence[Sequence[str]], budget: int, controller: str, now: str) -> Ledger:
    """Return the ledger after a run takes it up. Hosts that an earlier run left in progress are pending again."""
    number_of = {host: number for number, batch in enumerate(batches, 1) for host in batch}
    hosts_ = {name: replace(host, batch=number_of[name]) for name, host in interrupted(ledger.hosts, now).items()}
    runs = [replace(run, ended=run.ended or ledger.updated) for run in ledger.runs]
    old = max(len(runs) - RUNS_KEPT, 0)
    runs[:old] = [replace(run, retaken={}) for run in runs[:old]]
    return replace(
        ledger,
        state="running" if left(ledger) else "finished",
        reason="",
        updated=now,
        budget=budget,
        batches=tuple(map(tuple, batches)),
        hosts=hosts_,
        runs=(*runs, Run(now, controller)),
    )


def interrupted(hosts_: Mapping[str, Host], now: str) -> Dict[str, Host]:
    """Return the hosts, with those in progress set to pending."""
    message = "The run ended while this host was in progress."
    return {
        name: replace(host, state="pending", reason=message, ended=now) if host.state == "in_progress" else host
        for name, host in hosts_.items()
    }


def begin_host(ledger: Ledger, name: str, now: str) -> Ledger:
    """Return the ledger after a host is taken up. Raises RefusedError with the reason if it may not be."""
    if ledger.state != "running":
        raise RefusedError("The rollout is %s%s" % (ledger.state, ": " + ledger.reason if ledger.reason else "."))
    if name not in ledger.hosts:
        raise RefusedError("The ledger does not have this host.")
    host = ledger.hosts[name]
    if host.state not in TAKEN_UP:
        raise RefusedError("The host is %s." % host.state.replace("_", " "))
    begun = Host("in_progress", host.digest, host.batch, "", host.attempts + 1, len(ledger.runs), now)
    after = replace(ledger, updated=now, hosts={**ledger.hosts, name: begun})
    if not 0 < host.run < len(ledger.runs):
        return after
    before = ledger.runs[host.run - 1]
    attempt = Attempt(host.state, host.started, host.ended, host.reason, host.stages)
    kept = replace(before, retaken={**before.retaken, name: attempt})
    return replace(after, runs=(*ledger.runs[: host.run - 1], kept, *ledger.runs[host.run :]))


def end_host(ledger: Ledger, name: str, state: str, reason: str, stages: Sequence[Stage], now: str) -> Ledger:
    """Return the ledger after a host has ended. A host that exceeds the budget stops the rollout."""
    ended = replace(ledger.hosts[name], state=state, reason=reason, ended=now, stages=tuple(stages))
    after = replace(ledger, updated=now, hosts={**ledger.hosts, name: ended})
    number = spent(after)
    if number > after.budget and after.state == "running":
        message = "%s failed or unreachable, and the budget is %d." % (plural(number, "host"), after.budget)
        return replace(after, state="stopped", reason=message)
    return after


def pause(ledger: Ledger, now: str) -> Ledger:
    """Return the ledger of a rollout that takes up no more hosts. Raises RefusedError if no host is left."""
    if not left(ledger):
        raise RefusedError("There is nothing to pause: all hosts are done.")
    return replace(ledger, state="paused", reason="It was paused by hand.", updated=now)


def end_run(ledger: Ledger, now: str) -> Ledger:
    """Return the ledger after a run has ended."""
    hosts_ = interrupted(ledger.hosts, now)
    runs = (*ledger.runs[:-1], replace(ledger.runs[-1], ended=now)) if ledger.runs else ()
    after = replace(ledger, hosts=hosts_, runs=runs, updated=now)
    if not left(after):
        return replace(after, state="finished", reason="")
    if after.state == "running":
        return replace(after, state="stopped", reason="%s left." % plural(len(left(after)), "host"))
    return after


# Questions.

# A run takes up hosts in these states; it does not repeat hosts that are done.
TAKEN_UP: FrozenSet[str] = frozenset({"pending", "failed", "rolled_back"})
FAILED: FrozenSet[str] = frozenset({"failed", "rolled_back"})


def left(ledger: Ledger) -> List[str]:
    """Return the hosts that are not done, in the order of their batches."""
    return [name for batch in ledger.batches for name in batch if ledger.hosts[name].state != "done"]


def waves_of(ledger: Ledger, chosen: Sequence[str]) -> List[List[str]]:
    """Return the chosen hosts that are not done, by batch. Batches without such hosts are left out.

    While no host is done, the first wave has at most as many hosts as the first batch, whatever hosts are chosen.
    """
    wanted = set(chosen)
    found = [
        [name for name in batch if name in wanted and ledger.hosts[name].state != "done"] for batch in ledger.batches
    ]
    waves = [batch for batch in found if batch]
    if waves and not counts(ledger).done:
        first = len(ledger.batches[0])
        waves[:1] = [wave for wave in (waves[0][:first], waves[0][first:]) if wave]
    return waves


def hosts_of_run(ledger: Ledger, number: int) -> Dict[str, Host]:
    """Return the hosts that a run took up, in the order of their batches, as that run left them."""
    found: Dict[str, Host] = {}
    retaken = ledger.runs[number - 1].retaken
    for name in (name for batch in ledger.batches for name in batch):
        host = ledger.hosts[name]
        if host.run == number:
            found[name] = host
        elif name in retaken:
            found[name] = replace(host, run=number, **retaken[name]._asdict())
    return found


def is_lost(host: Host) -> bool:
    """Return whether a host is pending because a run could not reach it, or lost it."""
    return host.state == "pending" and bool(host.stages) and host.stages[-1].outcome == "unreachable"


def spent(ledger: Ledger) -> int:
    """Return how many hosts count against the budget: those that failed or were unreachable in the latest run."""
    number = len(ledger.runs)
    return sum(host.run == number and (host.state in FAILED or is_lost(host)) for host in ledger.hosts.values())


def counts(ledger: Ledger) -> Counts:
    """Return how many hosts are in each state."""
    states = [host.state for host in ledger.hosts.values()]
    numbers = {state: states.count(state) for state in HOST_STATES}
    return Counts(len(states), lost=sum(map(is_lost, ledger.hosts.values())), **numbers)


def plural(number: int, noun: str) -> str:
    """Return a number and its noun, with the verb."""
    return "%d %s%s" % (number, noun, " is" if number == 1 else "s are")
