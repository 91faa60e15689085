# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the text of a manifest as plain data, read strictly: what two readers could take for two things is refused.

YAML is read as JSON would be: there are no anchors and no tags, and 0644, 22:30 and yes are text.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List

import yaml

from ...module_utils.container_spec.values import InvalidError

# Far more than a manifest has.
BYTES_MAX, DEPTH_MAX = 1024 * 1024, 32
ENDINGS = (".json", ".yml", ".yaml")
INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)
DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+", re.ASCII)
WORDS: Dict[str, Any] = {"null": None, "~": None, "": None, "true": True, "false": False}


class Pairs(List[Any]):
    """A JSON object as pairs, since a key may come twice."""


def parse(data: bytes, name: str) -> Any:
    """Return what a manifest contains; `name` is the name of its file. Raise InvalidError."""
    if len(data) > BYTES_MAX:
        raise InvalidError("is more than a manifest may have (%d bytes)" % BYTES_MAX, len(data), "size")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidError("is not UTF-8", data[error.start : error.start + 1], "byte %d" % error.start) from None
    return from_json(text) if name.endswith(".json") else from_yaml(text)


def from_json(text: str) -> Any:
    """Return what a JSON text contains. Raise InvalidError."""
    try:
        found = json.loads(text, object_pairs_hook=Pairs, parse_constant=refuse_constant)
    except InvalidError:
        raise
    except RecursionError:
        raise too_deep("") from None
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1 : error.lineno]
        where = "line %d, column %d" % (error.lineno, error.colno)
        raise InvalidError("does not parse as JSON: %s" % error.msg, line[0] if line else "", where) from None
    except ValueError as error:
        # Python does not read numbers of thousands of digits.
        raise InvalidError("does not parse as JSON: %s" % error, text[:20], "") from None
    return plain(found, "", 0)


def refuse_constant(word: str) -> Any:
    """Raise InvalidError for NaN and Infinity, which Python reads and JSON does not know."""
    raise InvalidError("is not JSON", word, "")


def plain(value: Any, where: str, depth: int) -> Any:
    """Return a value with dictionaries for its objects. Raise InvalidError for a key that comes twice."""
    if depth > DEPTH_MAX:
        raise too_deep(where)
    if isinstance(value, Pairs):
        found: Dict[str, Any] = {}
        for key, inner in value:
            put(found, key, plain(inner, inside(where, key), depth + 1), where)
        return found
    if isinstance(value, list):
        return [plain(inner, "%s[%d]" % (where, index), depth + 1) for index, inner in enumerate(value)]
    return value


def put(found: Dict[str, Any], key: str, value: Any, where: str) -> None:
    """Add a key to a dictionary. Raise InvalidError if it is there already."""
    if key in found:
        raise InvalidError("comes twice", key, inside(where, key))
    found[key] = value


def inside(where: str, key: str) -> str:
    """Return the path of a key in the object at a path."""
    word = key if len(key) <= 40 else key[:37] + "..."
    return (where + "." + ascii(word)[1:-1]).strip(".")


def too_deep(where: str) -> InvalidError:
    """Return the error for a text with brackets in brackets in brackets."""
    # The whole path would be as deep.
    return InvalidError("is nested deeper than %d levels" % DEPTH_MAX, "...", where[:60])


def from_yaml(text: str) -> Any:
    """Return what a YAML text contains. Raise InvalidError."""
    try:
        events = yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return document(events)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "line %d, column %d" % (mark.line + 1, mark.column + 1) if mark else ""
        lines = text.splitlines()[mark.line : mark.line + 1] if mark else []
        problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "it is no YAML")
        raise InvalidError("does not parse as YAML: %s" % problem, lines[0] if lines else "", where) from None


def document(events: Iterator[Any]) -> Any:
    """Return the one document of a stream of events. Raise InvalidError, or YAMLError."""
    found: List[Any] = []
    for event in events:
        if isinstance(event, yaml.DocumentStartEvent):
            if found:
                raise InvalidError("begins a second document", "---", "line %d" % (event.start_mark.line + 1))
            found.append(node(next(events), events, "", 0))
    return found[0] if found else None


def node(event: Any, events: Iterator[Any], where: str, depth: int) -> Any:
    """Return the value that begins with an event. Raise InvalidError, or YAMLError."""
    if depth > DEPTH_MAX:
        raise too_deep(where)
    if isinstance(event, yaml.AliasEvent) or event.anchor:
        raise InvalidError("is an anchor or an alias, which manifests do not have", event.anchor, where)
    if event.tag not in (None, "!"):
        raise InvalidError("is a tag, which manifests do not have", event.tag, where)
    if isinstance(event, yaml.ScalarEvent):
        return scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        items: List[Any] = []
        for item in iter(lambda: next(events), None):
            if isinstance(item, yaml.SequenceEndEvent):
                break
            items.append(node(item, events, "%s[%d]" % (where, len(items)), depth + 1))
        return items
    return mapping(events, where, depth)


def mapping(events: Iterator[Any], where: str, depth: int) -> Dict[str, Any]:
    """Return the mapping whose first key is next among the events. Raise InvalidError, or YAMLError."""
    found: Dict[str, Any] = {}
    for event in iter(lambda: next(events), None):
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent):
            raise InvalidError("has a key that is no text", "?", where)
        put(found, event.value, node(next(events), events, inside(where, event.value), depth + 1), where)
    return found


def scalar(event: Any) -> Any:
    """Return the value of a scalar: text, unless it stands without quotes and JSON would know it."""
    text = event.value
    if event.style:
        return text
    if text in WORDS:
        return WORDS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    return float(text) if DECIMAL.fullmatch(text) else text
