# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the steps of one host's rollout as tables: which module, with which arguments, and when it is needed.

The controller asks for one part after the other, each in one run on the target, which carries out its steps.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Tuple

from .. import argument_specs

Options = Mapping[str, Any]
# The results of the steps that have run, by their names.
Results = Mapping[str, Mapping[str, Any]]
# What of the results decides about later steps, or becomes their arguments.
TELLING = ("changed", "present", "pending", "ready")


class Step(NamedTuple):
    """One step; its name is that of its stage in the ledger."""

    name: str
    module: str
    arguments: Callable[[Options, Results], Dict[str, Any]]
    needed: Callable[[Options, Results], bool] = lambda _options, _results: True


Part = Tuple[Step, ...]


def content(options: Options) -> Dict[str, Any]:
    """What is rolled out to a host, which its digest is made of."""
    return {key: options[key] for key in argument_specs.ROLLED_OUT}


def chosen(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """The options of those names that have a value, and more."""
    return {**{key: options[key] for key in keys if options.get(key) is not None}, **more}


def common(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """The arguments of a module that takes the specs."""
    return chosen(options, "containers", "defaults", "lxc_path", "runtime", *keys, **more)


def containers_to_remove(options: Options, results: Results) -> List[str]:
    """The containers that will be removed: declared absent, or there and, with prune, not declared."""
    absent = [each["name"] for each in options["containers"] if is_absent(each, options)]
    known = [each["name"] for each in options["containers"]]
    # Not those of the checkpoint: an older one may hold what was removed since then.
    there = results.get("checkpoint", {}).get("present", [])
    others = [name for name in there if name not in known] if options["prune"] else []
    return [name for name in absent if name in there] + others


def has_doomed(options: Options, results: Results) -> bool:
    """Whether there are containers to remove, or may be: an interrupted run may have left one that is half built."""
    fresh = results.get("checkpoint", {}).get("changed")
    return bool(containers_to_remove(options, results)) or (not fresh and pending("container")(options, results))


def is_absent(container: Mapping[str, Any], options: Options) -> bool:
    """Whether a spec wants a container gone."""
    return (container.get("state") or options["defaults"].get("state")) == "absent"


def specs_to_keep(options: Options) -> List[Mapping[str, Any]]:
    """The specs of containers that are to be there."""
    return [each for each in options["containers"] if not is_absent(each, options)]


def pending(name: str) -> Callable[[Options, Results], bool]:
    """Whether the first stage has said that this one has something to do, or has not been asked yet."""
    return lambda _options, results: name in results.get("rootfs", {}).get("pending", [name])


def times(options: Options, *keys: str, **more: Any) -> Dict[str, Any]:
    """The way to LXC and the seconds for starts and stops."""
    return chosen(options, "lxc_path", "runtime", "settle", "stop_timeout", "start_timeout", *keys, **more)


def checkpoint(options: Options, results: Results) -> Dict[str, Any]:
    return common(options, state="present", id=options["id"])


def stop(options: Options, results: Results) -> Dict[str, Any]:
    return chosen(
        options, "lxc_path", "runtime", "stop_timeout", name=containers_to_remove(options, results), state="stopped"
    )


def rootfs(options: Options, results: Results) -> Dict[str, Any]:
    return common(options, "secrets", "bridge", look_ahead={"bridge": options["bridge"], "prune": options["prune"]})


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


# What is removed is gone: it goes last, when all the rest is known to be good. Each row is one run on the target: what
# needs no answer in between goes together; for the gate, which waits, see `goes_on`.
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
# Check mode cannot wait for what it has not started, and takes no checkpoint of what it does not change.
FORECAST: Tuple[Part, ...] = (
    (
        *(step for part in FORWARD for step in part if step.name in ("preflight", "rootfs", "busybox", "config")),
        Step("container", "container", remove, pending("container")),
    ),
)
WAYS = {"forward": FORWARD, "back": BACK, "forecast": FORECAST}
# Nothing is changed before this step, so that nothing has to be brought back.
FIRST_CHANGE = "stop"


def goes_on(part: Part, results: Results) -> bool:
    """Whether the next part follows in the same run: the gate does, where all containers were as they have to be.

    Nothing follows the gate. Should the controller give a host up that waits there, it begins the way back, while the
    run that waits may go on and find that the gate holds.
    """
    done = [results[step.name] for step in part if step.name in results]
    return part == FORWARD[1] and not any(result["failed"] or result.get("changed") for result in done)


def telling(results: Results) -> Dict[str, Dict[str, Any]]:
    """Of the results what the later steps go by."""
    return {name: {key: result[key] for key in TELLING if key in result} for name, result in results.items()}


def is_needed_back(failed: str, results: Results) -> bool:
    """Whether a failure of this stage asks for the rollback."""
    if failed == "preflight":
        # A run that came to no end has left the host as it may be neither before nor after.
        return bool(results.get("preflight", {}).get("checkpoint"))
    names = [step.name for part in FORWARD for step in part]
    return names.index(FIRST_CHANGE) <= names.index(failed) < names.index("forget")


def after_failure(failed: str) -> str:
    """What is to be said of the host where there is no rollback."""
    if failed == "forget":
        return "what was rolled out is there and ready, and so is the checkpoint still."
    return "nothing was changed."
