# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: from what a user declares to frozen values, or one clear refusal."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ..errors import RefusedError
from . import interfaces, keys, records
from .values import InvalidError, exact, nearest, option, within

# How many names an error lists at most.
NAMES_SHOWN = 10


def merge(defaults: Mapping[str, Any], spec: Mapping[str, Any]) -> Dict[str, Any]:
    """One spec over the defaults: dictionaries merge key by key, everything else replaces."""
    merged = dict(defaults)
    for key, value in spec.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def reveal(environment: records.Environment, secrets: Mapping[str, Any]) -> records.Environment:
    """Variables with the values of those that are secret. Raises InvalidError, in which no value appears."""
    return tuple(
        (name, secret_value(name, value, secrets) if isinstance(value, records.Secret) else value)
        for name, value in environment
    )


def secret_value(variable: str, secret: records.Secret, secrets: Mapping[str, Any]) -> records.Secret:
    """A secret with its value."""
    where = "%s.secret" % variable
    if secret.name not in secrets:
        raise InvalidError("is not among the secrets" + others(secret.name, secrets), secret.name, where)
    try:
        return records.Secret(secret.name, exact(secrets[secret.name]))
    except InvalidError:
        reason = "is not the name of one line of text"
        reason += "; put the secret in quotes" if isinstance(secrets[secret.name], float) else ""
        raise InvalidError(reason, secret.name, where) from None


def others(name: str, secrets: Mapping[str, Any]) -> str:
    """The names that there are, and nothing of their values."""
    names = sorted(map(ascii, secrets))
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if names[NAMES_SHOWN:] else "")
    return "; softwarecontainer_secrets has %s%s" % (shown or "none", nearest(name, tuple(map(str, secrets))))


def parse_containers(
    specs: Iterable[Any],
    defaults: Mapping[str, Any],
    secrets: Optional[Mapping[str, Any]] = None,
    bridge: Optional[str] = None,
) -> Tuple[records.Container, ...]:
    """All specs of a host, each merged over `defaults`, in the order given.

    Without `secrets` those of an environment have no values, for what does not need them; `bridge` is the link of
    interfaces that name none, where that is known. Raises RefusedError with one line for each spec that is invalid,
    whose name comes twice, or that wants in the network what another one has.
    """
    containers: List[records.Container] = []
    refusals: List[str] = []
    claimed: interfaces.Claims = {}
    for index, given in enumerate(specs):
        try:
            container = keys.CONTAINER(merge(defaults, given) if isinstance(given, dict) else given)
            if any(container.name == other.name for other in containers):
                raise InvalidError("is the name of two containers", container.name, "name")
            interfaces.claim(container, bridge, claimed)
            if secrets is not None:
                variables = within("environment", lambda value: reveal(value, secrets), container.environment)
                container = container._replace(environment=variables)
            containers.append(container)
        except InvalidError as error:
            refusals.append("%s: %s" % (title(index, given), error.sentence().lstrip(": ")))
    if refusals:
        raise RefusedError("\n".join(refusals))
    return tuple(containers)


def parse_names(names: Iterable[Any]) -> Tuple[str, ...]:
    """Container names given without a spec. Raises RefusedError."""
    return tuple(option("name", keys.FIELDS["name"].parse, name) for name in names)


def title(index: int, given: Any) -> str:
    """What to call a spec in an error: its name where it has a printable one, else its place."""
    name = given.get("name") if isinstance(given, dict) else None
    shown = ascii(name)
    return "container %s" % shown if isinstance(name, str) and name and len(shown) <= 80 else "containers[%d]" % index
