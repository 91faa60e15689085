# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts what capabilities stand for into the arguments of a module, on the controller (I/O: reads the manifests)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ...module_utils import argument_specs
from ...module_utils.container_spec.values import InvalidError, list_of, text
from ...module_utils.errors import RefusedError
from . import compile as compiling
from . import manifests, original, reading, settings

VARIABLE = "softwarecontainer_"


class Resolved(NamedTuple):
    """Arguments without manifests and capabilities, and notes about what they stand for."""

    arguments: Dict[str, Any]
    notes: Sequence[str] = ()


class Places(NamedTuple):
    """Where manifests are looked for: Ansible's loader, and directories."""

    loader: Any
    directories: Sequence[str]


def places(task: Any, loader: Any, variables: Mapping[str, Any]) -> Places:
    """Return where a task looks for manifests: where it does for files, and in the end beside the inventory."""
    return Places(loader, [*task.get_search_path(), *filter(None, [variables.get("inventory_dir")])])


def resolved(arguments: Mapping[str, Any], where: Places) -> Resolved:
    """Return the arguments of a module for the target, with what capabilities stand for in their place.

    Raise RefusedError with a line for each refusal.
    """
    containers, defaults = arguments.get("containers"), arguments.get("defaults") or {}
    bare = {key: value for key, value in arguments.items() if key not in argument_specs.CAPABILITIES}
    if not isinstance(containers, list) or not isinstance(defaults, dict):
        # There are none, or the module says what is wrong with them.
        return Resolved(bare)
    asked = any(compiling.KEY in each for each in (*containers, defaults) if isinstance(each, dict))
    if not asked and not any(arguments.get(key) for key in argument_specs.CAPABILITIES):
        return Resolved(bare)
    specs, notes = compiling.containers(containers, defaults, known(arguments, where))
    without = {key: value for key, value in defaults.items() if key != compiling.KEY}
    return Resolved({**bare, "containers": specs, **({"defaults": without} if "defaults" in arguments else {})}, notes)


def known(arguments: Mapping[str, Any], where: Places) -> compiling.Known:
    """Return manifests, capabilities of every container and settings of these arguments. Raise RefusedError."""
    given = {key: value for key, value in arguments.items() if key in argument_specs.CAPABILITIES and value is not None}
    validated = ArgumentSpecValidator(argument_specs.CAPABILITIES).validate(given)
    if validated.error_messages:
        raise RefusedError("; ".join(validated.error_messages))
    options = validated.validated_parameters
    chosen = setting_of("capability_settings", settings.parse, options["capability_settings"])
    everywhere: Tuple[str, ...] = setting_of("capabilities", list_of(text), options["capabilities"])
    read: List[manifests.Manifest] = reading.read(options["manifests"], where.loader, where.directories)
    path: Optional[str] = arguments.get("lxc_path")
    found = manifests.all_of(read, original.Context(chosen, path if isinstance(path, str) else None))
    return compiling.Known(found, everywhere, chosen)


def setting_of(key: str, parse: Any, value: Any) -> Any:
    """Return the value of an option. Raise RefusedError, which names it as the role's variable."""
    try:
        return parse(value)
    except InvalidError as error:
        raise RefusedError(error.inside(VARIABLE + key).sentence()) from None
