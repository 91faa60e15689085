# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the text of a ledger, which is JSON with one line for each host."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, Sequence

from ..module_utils.container_spec import values
from ..module_utils.errors import RefusedError
from .ledger import HOST_STATES, ID, OUTCOMES, STATES, Attempt, Host, Ledger, Run, Stage, seconds, sentence

VERSION = 1


def parse(text: str, name: str) -> Ledger:
    """Return a ledger from the text of the file `name`, fully checked. Raises RefusedError with one sentence."""
    try:
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise values.InvalidError("is not JSON (%s)" % error, "") from None
        if not isinstance(data, dict):
            raise values.InvalidError("is not a dictionary", data)
        if data.get("version") != VERSION:
            raise values.InvalidError("is not the version %d" % VERSION, data.get("version"), "version")
        return consistent(LEDGER({key: value for key, value in data.items() if key != "version"}))
    except values.InvalidError as error:
        reason = error.sentence() if error.key else "it " + error.reason
        raise RefusedError("%s is corrupted: %s" % (name, sentence(reason))) from None


def consistent(ledger: Ledger) -> Ledger:
    """Return the ledger if each host is in one batch only and knows its batch and run. Raises values.InvalidError."""
    batch_of = {host: number for number, batch in enumerate(ledger.batches, 1) for host in batch}
    if sum(map(len, ledger.batches)) != len(batch_of):
        raise values.InvalidError("have a host twice", "", "batches")
    for name in batch_of:
        if name not in ledger.hosts:
            raise values.InvalidError("is in a batch and not among the hosts", name, "batches")
    for name, host in ledger.hosts.items():
        if batch_of.get(name) != host.batch:
            raise values.InvalidError("is not the batch that it is in", host.batch, "hosts.%s.batch" % name)
        if host.run > len(ledger.runs):
            raise values.InvalidError("is not one of the runs", host.run, "hosts.%s.run" % name)
    for number, run in enumerate(ledger.runs):
        for name in run.retaken:
            if name not in ledger.hosts:
                raise values.InvalidError("is not among the hosts", name, "runs[%d].retaken" % number)
    return ledger


def load(text: str, name: str) -> Ledger:
    """Return a ledger from a text that a run has written and checked. Same as `parse`, but many times faster.

    Raises RefusedError if the text is not what a run writes.
    """
    try:
        data = json.loads(text)
        del data["version"]
        hosts = {
            host: Host(**dict(value, stages=tuple(Stage(**stage) for stage in value["stages"])))
            for host, value in data["hosts"].items()
        }
        batches = tuple(map(tuple, data["batches"]))
        runs = tuple(Run(**dict(run, retaken=load_retaken(run.get("retaken", {})))) for run in data["runs"])
        return Ledger(**dict(data, hosts=hosts, batches=batches, runs=runs))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RefusedError(
            "%s is corrupted: it was changed while a run used it (%s)" % (name, sentence(error))
        ) from None


def load_retaken(data: Mapping[str, Any]) -> Dict[str, Attempt]:
    """Return the attempts of a run from their JSON data."""
    return {
        name: Attempt(**dict(value, stages=tuple(Stage(**stage) for stage in value["stages"])))
        for name, value in data.items()
    }


def dump_run(run: Run) -> Dict[str, Any]:
    """Return a run as JSON data, without the keys that most runs lack."""
    retaken = {name: dict(one._asdict(), stages=dump_stages(one.stages)) for name, one in run.retaken.items()}
    found = {**vars(run), "retaken": retaken}
    return found if retaken else {key: value for key, value in found.items() if key != "retaken"}


def dump_stages(stages: Sequence[Stage]) -> List[Dict[str, Any]]:
    """Return stages as JSON data."""
    return [stage._asdict() for stage in stages]


def dump(ledger: Ledger) -> str:
    """Return the text of a ledger: JSON with one line for each host."""
    head = {"version": VERSION, **{key: value for key, value in vars(ledger).items() if key != "hosts"}}
    head["runs"] = [dump_run(run) for run in ledger.runs]
    lines = ["%s: %s" % (json.dumps(key), json.dumps(value)) for key, value in head.items()]
    hosts = [
        "%s: %s" % (json.dumps(name), json.dumps(dict(vars(host), stages=dump_stages(host.stages))))
        for name, host in ledger.hosts.items()
    ]
    return '{\n%s,\n"hosts": {\n%s\n}\n}\n' % (",\n".join(lines), ",\n".join(hosts))


def time(value: Any) -> str:
    """Parse a time. Raises values.InvalidError."""
    try:
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}(\.[0-9]{3})?Z", value):
            raise ValueError
        seconds(value)
    except (TypeError, ValueError):
        raise values.InvalidError("is not a time in UTC such as 2026-11-25T02:00:00.000Z", value) from None
    return str(value)


def duration(value: Any) -> float:
    """Parse a number of seconds. Raises values.InvalidError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e9:
        raise values.InvalidError("is not a number of seconds", value)
    return float(value)


def hosts(value: Any) -> Dict[str, Host]:
    """Parse the hosts. Raises values.InvalidError."""
    return dict(values.mapping_of(values.text, HOST)(value))


def attempts(value: Any) -> Dict[str, Attempt]:
    """Parse the attempts of a run. Raises values.InvalidError."""
    return dict(values.mapping_of(values.text, ATTEMPT)(value))


COUNT = values.integer(0, 10**9)
STAGE = values.record(
    Stage,
    {
        "name": values.Field(values.matching("[a-z_]{1,40}", "the name of a stage")),
        "started": values.Field(time),
        "seconds": values.Field(duration),
        "outcome": values.Field(values.choice(*OUTCOMES)),
    },
)
HOST = values.record(
    Host,
    {
        "state": values.Field(values.choice(*HOST_STATES)),
        "digest": values.Field(values.matching("[0-9a-f]{64}", "a digest")),
        "batch": values.Field(COUNT),
        "reason": values.Field(values.text, ""),
        "attempts": values.Field(COUNT, 0),
        "run": values.Field(COUNT, 0),
        "started": values.Field(time, None),
        "ended": values.Field(time, None),
        "stages": values.Field(values.list_of(STAGE), ()),
    },
)
ATTEMPT = values.record(
    Attempt,
    {
        "state": values.Field(values.choice(*HOST_STATES)),
        "started": values.Field(time, None),
        "ended": values.Field(time, None),
        "reason": values.Field(values.text, ""),
        "stages": values.Field(values.list_of(STAGE), ()),
    },
)
RUN = values.record(
    Run,
    {
        "started": values.Field(time),
        "controller": values.Field(values.text),
        "ended": values.Field(time, None),
        "retaken": values.Field(attempts, {}),
    },
)
LEDGER = values.record(
    Ledger,
    {
        "id": values.Field(ID),
        "state": values.Field(values.choice(*STATES)),
        "created": values.Field(time),
        "updated": values.Field(time),
        "budget": values.Field(COUNT),
        "batches": values.Field(values.list_of(values.list_of(values.text))),
        "hosts": values.Field(hosts),
        "reason": values.Field(values.text, ""),
        "runs": values.Field(values.list_of(RUN), ()),
    },
)
