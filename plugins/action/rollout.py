# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens, pauses and closes a rollout on the controller (I/O: the ledger, the lock, the report). Touches no host."""

from __future__ import annotations

import os
import time
from typing import Any, Callable, Dict, Mapping, Optional, Sequence

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils import argument_specs
from ..module_utils.container_spec import parse, values
from ..module_utils.errors import RefusedError
from ..module_utils.rollout import steps
from ..plugin_utils import delivery, ledger, ledger_file, ledger_text, progress, report, spelling
from ..plugin_utils.batches import batches_of, budget_of
from ..plugin_utils.capabilities import resolution

display = Display()

ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "state": {"type": "str", "choices": ["running", "paused", "closed"], "default": "running"},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "chosen": {"type": "list", "elements": "str", "required": True},
    "ledger": {"type": "path", "default": "rollouts"},
    # No exact types here, so that errors use the words of the rollout's own options.
    "id": {"type": "raw"},
    "canary": {"type": "raw", "default": 1},
    "batches": {"type": "raw", "default": ["25%"]},
    "budget": {"type": "raw", "default": 0},
    "template": {"type": "path"},
}
# The role variable for each part of the content.
VARIABLE = "softwarecontainer_%s"
COLORS = {"done": "green", "finished": "green", "paused": "yellow", "stopped": "red", "running": "yellow"}


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file."""

    # Runs once for all hosts, and on none of them.
    BYPASS_HOST_LOOP = True
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Open, pause or close the rollout."""
        del tmp
        variables: Dict[str, Any] = task_vars or {}
        result: Dict[str, Any] = super().run(None, variables)
        _validated, options = self.validate_argument_spec(argument_spec=ARGUMENTS)
        self.options, self.check = options, bool(self._task.check_mode)
        self.own = frozenset(variables["hostvars"].raw_get(variables["inventory_hostname"]))
        actions: Dict[str, Callable[[Dict[str, Any]], Dict[str, Any]]] = {
            "running": self.open,
            "paused": self.pause,
            "closed": self.close,
        }
        try:
            return {**result, "changed": False, **actions[options["state"]](variables)}
        except RefusedError as error:
            return {**result, "failed": True, "msg": str(error) + ("" if str(error).endswith((".", "?")) else ".")}

    def open(self, variables: Dict[str, Any]) -> Dict[str, Any]:
        """Check everything, then take up the ledger or begin it."""
        hosts = self.options["hosts"]
        batches = batches_of(hosts, self.options["canary"], self.options["batches"])
        budget = budget_of(self.options["budget"], len(hosts))
        digests = self.digests(variables)
        place = self.place(digests)
        path = place.path("json")
        text = ledger_file.read(path)
        found = ledger.new(place.id, digests, batches, budget, now()) if text is None else ledger_text.parse(text, path)
        ledger.require_same(found, digests, path)
        if found.id != place.id:
            raise RefusedError("%s is of another rollout: its id is %s" % (path, ledger.quoted(found.id)))
        me = ledger_file.driver(os.getppid())
        # A run that was killed after its last host has left the rollout open.
        if not self.check and (ledger.left(found) or found.state != "finished"):
            found = self.begin(place, me, found, batches, budget)
        waves = ledger.waves_of(found, self.options["chosen"])
        return {
            "id": place.id,
            "ledger": path,
            "hosts": [name for wave in waves for name in wave],
            "serial": [len(wave) for wave in waves],
            "directory": place.directory,
        }

    def begin(
        self,
        place: ledger_file.Place,
        me: ledger_file.Driver,
        found: ledger.Ledger,
        batches: Sequence[Sequence[str]],
        budget: int,
    ) -> ledger.Ledger:
        """Take the lock and the ledger, which may have changed since it was read. Return the new ledger."""
        ledger_file.make_directory(place.directory)
        with ledger_file.locked(place.directory):
            ledger_file.take(place, me)
            text = ledger_file.read(place.path("json"))
            latest = found if text is None else ledger_text.parse(text, place.path("json"))
            begun = ledger.begin_run(latest, batches, budget, me.words(), now())
            ledger_file.write(place.path("json"), ledger_text.dump(begun))
        return begun

    def pause(self, variables: Dict[str, Any]) -> Dict[str, Any]:
        """Make the run that drives the rollout, if there is one, take up no more hosts."""
        place = self.place(self.digests(variables) if self.options["id"] is None else {})
        path = place.path("json")
        text = ledger_file.read(path)
        if text is None:
            raise RefusedError("there is no rollout to pause: %s is not there" % path)
        paused = ledger.pause(ledger_text.parse(text, path), now())
        if not self.check:
            with ledger_file.locked(place.directory):
                paused = ledger.pause(ledger_text.parse(ledger_file.read(path) or "", path), now())
                ledger_file.write(path, ledger_text.dump(paused))
        message = "Rollout %s is paused; hosts in progress come to their end, and no other is taken up." % place.id
        display.display(message, color=COLORS["paused"])
        return {"id": place.id, "ledger": path, "hosts": [], "serial": [], "directory": place.directory}

    def close(self, variables: Dict[str, Any]) -> Dict[str, Any]:
        """Report how the rollout ended: a table, a report, and a failure unless all hosts are done."""
        place = self.place({})
        path = place.path("json")
        if self.check:
            return self.close_forecast(variables)
        me = ledger_file.driver(os.getppid())
        text = ledger_file.read(path)
        if text is None:
            raise RefusedError("%s is gone" % path)
        record = ledger_text.parse(text, path)
        if ledger_file.holder_of(place) == me:
            record = ledger_file.change(place, me, lambda latest: ledger.end_run(latest, now()))
        page = place.path("html")
        if self.options["template"]:
            template = ledger_file.read(self.options["template"]) or ""
            ledger_file.write(page, report.render(template, record, now()))
        with ledger_file.locked(place.directory):
            ledger_file.drop(place, me)
        for line in progress.table(record):
            display.display(line)
        sentence = progress.closing(record)
        display.display("%s Report: %s" % (sentence, page), color=COLORS[record.state])
        result = {"id": place.id, "ledger": path, "report": page, "rollout_state": record.state}
        return {**result, "failed": record.state != "finished", "msg": sentence}

    def close_forecast(self, variables: Dict[str, Any]) -> Dict[str, Any]:
        """Report what check mode has predicted for each host."""
        hostvars = variables["hostvars"]
        results = {name: hostvars[name].get("_softwarecontainer_rollout_host") or {} for name in self.options["hosts"]}
        words = {name: forecast_of(result) for name, result in results.items() if result}
        width = max(map(len, words), default=0)
        for name, word in words.items():
            display.display("%s  %s" % (progress.printable(name).ljust(width), word))
        failed = sum(bool(result.get("failed")) for result in results.values())
        message = "%d of %d hosts would be taken up, and %d would fail." % (len(words), len(results), failed)
        display.display(message, color=COLORS["stopped" if failed else "finished"])
        return {"failed": bool(failed), "msg": message}

    def place(self, digests: Mapping[str, str]) -> ledger_file.Place:
        """Return where the files of the rollout are. Raises RefusedError."""
        label = self.options["id"]
        identity = (
            ledger.id_of(digests) if label is None else values.option("softwarecontainer_rollout_id", ledger.ID, label)
        )
        return ledger_file.Place(os.path.abspath(self.options["ledger"]), identity)

    def digests(self, variables: Dict[str, Any]) -> Dict[str, str]:
        """Return the digest of what is rolled out to each host. Raises RefusedError if that is not valid."""
        return {name: ledger.digest_of(self.content(name, variables)) for name in self.options["hosts"]}

    def content(self, name: str, variables: Dict[str, Any]) -> Dict[str, Any]:
        """Return what is rolled out to a host: from its variables, or from the play's for those that the host lacks.

        Raises RefusedError if that is not valid.
        """
        hostvars = variables["hostvars"]
        # Variables of the play hold for all hosts. Variables that the task's own host has do not.
        shared = {key: value for key, value in variables.items() if key not in self.own}
        merged = {**shared, **hostvars.raw_get(name)}
        templar = self._templar.copy_with_new_env(available_variables=merged)
        try:
            keys = (*argument_specs.ROLLED_OUT, *argument_specs.CAPABILITIES)
            found = {key: merged.get(VARIABLE % key) for key in keys}
            found = {key: templar.template(value) for key, value in found.items() if value is not None}
        except AnsibleError as error:
            raise RefusedError("host %s: %s" % (name, ledger.sentence(error))) from None
        misread = spelling.refusals(found, self._loader.get_text_file_contents)
        if misread:
            raise RefusedError("\n".join("host %s: %s" % (name, each) for each in misread))
        try:
            found = resolution.resolved(found, resolution.places(self._task, self._loader, merged)).arguments
        except RefusedError as error:
            raise RefusedError("host %s: %s" % (name, error)) from None
        validated = ArgumentSpecValidator(argument_specs.ROLLED_OUT).validate(found)
        if validated.error_messages:
            raise RefusedError("host %s: %s" % (name, ledger.sentence(validated.error_messages[0])))
        content = steps.content(validated.validated_parameters)
        finder = delivery.Finder(self._task, self._loader, templar, merged)
        try:
            content = steps.content({**content, "sources": finder.find(content).sources})
            parse.parse_containers(content["containers"], content["defaults"], content["secrets"])
        except RefusedError as error:
            raise RefusedError("host %s: %s" % (name, error)) from None
        return content


def now() -> str:
    """Return the current time, as the ledger writes it."""
    return ledger.written(time.time())


def forecast_of(result: Mapping[str, Any]) -> str:
    """Return what check mode has predicted for one host, in a few words."""
    if result.get("failed"):
        return "would fail: %s" % ledger.sentence(result.get("msg"))
    return "would change" if result.get("changed") else "nothing to do"
