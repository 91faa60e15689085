# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the steps of one host's rollout as tables: the module of each step, its arguments, and when it is needed.

The controller requests one part after the other. Each part is one run on the target, which carries out its steps.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

from .. import argument_specs

Options = Mapping[str, Any]
# The results of the steps that have run, by step name.
Results = Mapping[str, Mapping[str, Any]]
# The keys of the results that decide about later steps or become their arguments.
TELLING = ("changed", "present", "pending", "ready")


class Step(NamedTuple):
    """One step. Its name is that of its stage in the ledger."""

    name: str
    module: str
    arguments: Callable[[Options, Results], Dict[str, Any]]
    needed: Callable[[Options, Results], bool] = lambda _options, _results: True


Part = Tuple[Step, ...]


def content(options: Options) -> Dict[str, Any]:
    """Return what is rolled out to a host. Its digest is computed from this."""
    sources = {"sources": options["sources"]} if options.get("sources") else {}
    return {**{key: options[key] for key in argument_specs.ROLLED_OUT}, **sources}


def chosen(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """Return the named options that have a value, together with `more`."""
    return {**{key: options[key] for key in keys if options.get(key) is not None}, **more}


def common(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """Return the arguments of a module that takes the specs."""
    return chosen(options, "containers", "defaults", "lxc_path", "runtime", *keys, **more)


def containers_to_remove(options: Options, results: Results) -> List[str]:
    """Return the containers to remove: those declared absent and, with prune, those not declared, if they exist."""
    absent = [each["name"] for each in options["containers"] if is_absent(each, options)]
    declared = [each["name"] for each in options["containers"]]
    # Do not use those of the checkpoint: an older one may contain containers that were removed since then.
    there = results.get("checkpoint", {}).get("present", [])
    others = [name for name in there if name not in declared] if options["prune"] else []
    return [name for name in absent if name in there] + others


def has_doomed(options: Options, results: Results) -> bool:
    """Return whether there may be containers to remove. An interrupted run may have left a half-built one."""
    fresh = results.get("checkpoint", {}).get("changed")
    return bool(containers_to_remove(options, results)) or (not fresh and pending("container")(options, results))


def is_absent(container: Mapping[str, Any], options: Options) -> bool:
    """Return whether a spec says that the container must be absent."""
    return (container.get("state") or options["defaults"].get("state")) == "absent"


def specs_to_keep(options: Options) -> List[Mapping[str, Any]]:
    """Return the specs of the containers that must exist."""
    return [each for each in options["containers"] if not is_absent(each, options)]


def pending(name: str) -> Callable[[Options, Results], bool]:
    """Return a condition: the stage `rootfs` said that stage `name` has work to do, or has not run yet."""
    return lambda _options, results: name in results.get("rootfs", {}).get("pending", [name])


def times(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """Return the options for the way to LXC, and the seconds for starts and stops."""
    return chosen(options, "lxc_path", "runtime", "settle", "stop_timeout", "start_timeout", *keys, **more)


def checkpoint(options: Options, results: Results) -> Dict[str, Any]:
    return common(options, state="present", id=options["id"])


def stop(options: Options, results: Results) -> Dict[str, Any]:
    return chosen(
        options, "lxc_path", "runtime", "stop_timeout", name=containers_to_remove(options, results), state="stopped"
    )


def rootfs(options: Options, results: Results) -> Dict[str, Any]:
    more = {"look_ahead": {"bridge": options["bridge"], "prune": options["prune"]}}
    return common(options, "secrets", "sources", "incoming", "bridge", **more)


def container(options: Options, results: Results) -> Dict[str, Any]:
    return times(options, "defaults", "secrets", "bridge", containers=specs_to_keep(options))


def remove(options: Options, results: Results) -> Dict[str, Any]:
    return times(options, "containers", "defaults", "secrets", "bridge", "prune")


def ready(options: Options, results: Results) -> Dict[str, Any]:
    return chosen(options, "defaults", "secrets", "lxc_path", "runtime", containers=specs_to_keep(options))


def recheck(options: Options, results: Results) -> Dict[str, Any]:
    return chosen(options, "secrets", "lxc_path", "runtime", containers=results["restore"].get("ready", []))


def drop(options: Options, results: Results) -> Dict[str, Any]:
    return chosen(options, "lxc_path", "runtime", state="absent")


# Removal cannot be undone, so it comes last, when everything else has proved good. Each row is one run on the target:
# steps that need no answer in between go together. For the readiness gate, which waits, see `goes_on`.
FORWARD: Tuple[Part, ...] = (
    (
        Step("preflight", "preflight", lambda options, results: common(options, "bridge")),
        Step("checkpoint", "checkpoint", checkpoint),
    ),
    (
        Step("stop", "container", stop, lambda options, results: bool(containers_to_remove(options, results))),
        Step("rootfs", "rootfs", rootfs),
        Step("busybox", "busybox", lambda options, results: common(options, "secrets"), pending("busybox")),
        Step("config", "config", lambda options, results: common(options, "secrets", "bridge"), pending("config")),
        Step("container", "container", container, pending("container")),
    ),
    (Step("ready", "ready", ready),),
    (
        Step("remove", "container", remove, has_doomed),
        Step("forget", "checkpoint", drop),
    ),
)
BACK: Tuple[Part, ...] = (
    (Step("restore", "checkpoint", lambda options, results: times(options, state="restored")),),
    (
        Step("recheck", "ready", recheck),
        Step("forget", "checkpoint", drop),
    ),
)
# Check mode cannot wait for containers that it does not start, and needs no checkpoint because it changes nothing.
FORECAST: Tuple[Part, ...] = (
    (
        *(step for part in FORWARD for step in part if step.name in ("preflight", "rootfs", "busybox", "config")),
        Step("container", "container", remove, pending("container")),
    ),
)
WAYS = {"forward": FORWARD, "back": BACK, "forecast": FORECAST}
# No step before this one changes anything, so there is nothing to roll back before it.
FIRST_CHANGE = "stop"


def goes_on(part: Part, results: Results) -> bool:
    """Return whether the next part follows in the same run. Only the readiness gate does, if nothing failed or changed.

    Nothing follows the gate in its run. If the controller gives up a host that still waits there, it starts the
    rollback, and meanwhile the waiting run may go on and find that the gate holds.
    """
    done = [results[step.name] for step in part if step.name in results]
    return part == FORWARD[1] and not any(result["failed"] or result.get("changed") for result in done)


def telling(results: Results) -> Dict[str, Dict[str, Any]]:
    """Return the parts of the results that later steps need."""
    return {name: {key: result[key] for key in TELLING if key in result} for name, result in results.items()}


def is_needed_back(failed: str, results: Results) -> bool:
    """Return whether a failure of this stage requires a rollback."""
    if failed == "preflight":
        # An unfinished run may have left the host in a state that is neither the old nor the new one.
        return bool(results.get("preflight", {}).get("checkpoint"))
    names = [step.name for part in FORWARD for step in part]
    return names.index(FIRST_CHANGE) <= names.index(failed) < names.index("forget")


def after_failure(failed: str) -> str:
    """Return what to report about the host if there is no rollback."""
    if failed == "forget":
        return "what was rolled out is there and ready, and so is the checkpoint still."
    return "nothing was changed."
