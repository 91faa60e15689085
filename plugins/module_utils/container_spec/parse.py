# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: turns what a user declares into frozen values, or refuses it with one clear error."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Tuple

from ..errors import RefusedError
from . import interfaces, keys, order, records
from .values import InvalidError, exact, nearest, option, within

# The maximum number of names that an error lists.
NAMES_SHOWN = 10


def merge(defaults: Mapping[str, Any], spec: Mapping[str, Any]) -> Dict[str, Any]:
    """Return one spec merged over the defaults: dictionaries merge key by key, everything else replaces the default."""
    merged = dict(defaults)
    for key, value in spec.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def reveal(environment: records.Environment, secrets: Mapping[str, Any]) -> records.Environment:
    """Return the variables with the values of all secrets. Raise InvalidError, which never contains a value."""
    return tuple(
        (name, secret_value(name, value, secrets) if isinstance(value, records.Secret) else value)
        for name, value in environment
    )


def secret_value(variable: str, secret: records.Secret, secrets: Mapping[str, Any]) -> records.Secret:
    """Return a secret with its value. Raise InvalidError, which never contains a value."""
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
    """Return a hint for an error: the names of the secrets that exist, but nothing about their values."""
    names = sorted(map(ascii, secrets))
    listed = ", ".join(names[:NAMES_SHOWN]) + (", ..." if names[NAMES_SHOWN:] else "")
    return "; softwarecontainer_secrets has %s%s" % (listed or "none", nearest(name, tuple(map(str, secrets))))


def parse_containers(
    specs: Iterable[Any],
    defaults: Mapping[str, Any],
    secrets: Optional[Mapping[str, Any]] = None,
    bridge: Optional[str] = None,
) -> Tuple[records.Container, ...]:
    """Return all specs of a host, each merged over `defaults`, in the given order.

    Without `secrets`, secrets in an environment stay without a value, for callers that do not need them. `bridge` is
    the link of interfaces that name none; leave it out if it is not known.

    Raise RefusedError with one line for each spec that is invalid, repeats the name of another spec, or claims an
    interface or address that another spec has claimed, or cannot be started in the order that `after` asks for.
    """
    containers: List[records.Container] = []
    refusals: List[str] = []
    claimed: interfaces.Claims = {}
    for index, spec in enumerate(specs):
        try:
            container = keys.CONTAINER(merge(defaults, spec) if isinstance(spec, dict) else spec)
            if any(container.name == other.name for other in containers):
                raise InvalidError("is the name of two containers", container.name, "name")
            interfaces.claim(container, bridge, claimed)
            if secrets is not None:
                variables = within("environment", lambda value: reveal(value, secrets), container.environment)
                container = container._replace(environment=variables)
            containers.append(container)
        except InvalidError as error:
            refusals.append("%s: %s" % (title(index, spec), error.sentence().lstrip(": ")))
    if not refusals:
        refusals += ["container %s: %s" % (ascii(name), error.sentence()) for name, error in order.refusals(containers)]
    if refusals:
        raise RefusedError("\n".join(refusals))
    return tuple(containers)


def parse_names(names: Iterable[Any]) -> Tuple[str, ...]:
    """Return container names that come without a spec. Raise RefusedError."""
    return tuple(option("name", keys.FIELDS["name"].parse, name) for name in names)


def title(index: int, spec: Any) -> str:
    """Return how an error names a spec: by its name, or by its place in the list if the name is missing or too long."""
    name = spec.get("name") if isinstance(spec, dict) else None
    quoted = ascii(name)
    return "container %s" % quoted if isinstance(name, str) and name and len(quoted) <= 80 else "containers[%d]" % index
