# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: parsers of single values, and records of them, for data that a user wrote."""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple

from ..errors import RefusedError

# C0, DEL, C1, and Unicode's line and paragraph separators: what could end a line of a config file.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# ASCII, because without it the Kelvin sign counts as a K.
SIZE = re.compile(r"([0-9]{1,19})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# The kernel counts memory in pages with a signed long.
SIZE_END = 1 << 63
TRUE, FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
# The longest name of a directory entry (NAME_MAX) and of a path (PATH_MAX less its end), limits.h.
NAME_MAX, PATH_MAX = 255, 4095

Parser = Callable[[Any], Any]
REQUIRED: Any = object()


class InvalidError(ValueError):
    """A value does not fit: `key` is where (dotted), `reason` says what is wrong with `value`."""

    def __init__(self, reason: str, value: Any, key: str = "") -> None:
        super().__init__(reason)
        self.reason, self.value, self.key = reason, value, key

    def inside(self, key: str) -> InvalidError:
        """The same error, seen from one level further out."""
        joined = key + self.key if self.key.startswith("[") or not self.key else key + "." + self.key
        return InvalidError(self.reason, self.value, joined)

    def sentence(self) -> str:
        """Key, value and reason; the value is printed so that it cannot carry control characters."""
        shown = ascii(self.value)
        return "%s: %s %s" % (self.key, shown if len(shown) <= 80 else shown[:77] + "...", self.reason)


class UnknownKeyError(InvalidError):
    """A dictionary has a key that it should not have: `value` is that key, `key` the word for one at the top."""

    def inside(self, key: str) -> InvalidError:
        """The same error, seen from one level further out, where the dictionary has a name."""
        return InvalidError(self.reason, self.value, key)


def option(key: str, parse: Parser, value: Any) -> Any:
    """The value of a module's option. Raises RefusedError where it does not fit."""
    try:
        return parse(value)
    except InvalidError as error:
        raise RefusedError(error.inside(key).sentence()) from None


class Field(NamedTuple):
    """One key of a record: how its value is parsed, and what holds where it is left out."""

    parse: Parser
    default: Any = REQUIRED


def text(value: Any) -> str:
    """A string of one line. Numbers are taken as their decimal text."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidError("is not a string", value)
    value = str(value)
    if CONTROL.search(value):
        raise InvalidError("has a line break or another control character", value)
    return value


def exact(value: Any) -> str:
    """The same, but no number with a point: YAML reads 1.10 as 1.1."""
    if isinstance(value, float):
        raise InvalidError("may have lost digits as a number; put what was written in quotes", value)
    return text(value)


def lines(value: Any) -> str:
    """A text of many lines: content of a file, never of a config. A list is joined, one line each."""
    if isinstance(value, list):
        return "".join(line(item) + "\n" for item in value)
    if not isinstance(value, str):
        raise InvalidError("is not a string", value)
    if CONTROL_BUT_LINES.search(value):
        raise InvalidError("has a control character other than tab and line break", value)
    return value


def line(value: Any) -> str:
    """One line of such a text, which takes whatever the text would take there."""
    given = lines(value) if isinstance(value, str) else text(value)
    if "\n" in given:
        raise InvalidError("has a line break or another control character", value)
    return given


def boolean(value: Any) -> bool:
    """True or false, or the words that Ansible takes for them."""
    word = str(value).lower()
    if word not in TRUE + FALSE:
        raise InvalidError("is not a boolean", value)
    return word in TRUE


def integer(low: int, high: int) -> Parser:
    """A whole number from `low` to `high`, both included."""

    def parse(value: Any) -> int:
        if isinstance(value, (bool, float)) or not re.fullmatch(r"-?[0-9]{1,19}", str(value)):
            raise InvalidError("is not a whole number", value)
        if not low <= int(value) <= high:
            raise InvalidError("is not from %d to %d" % (low, high), value)
        return int(value)

    return parse


def decimal(low: float, high: float) -> Parser:
    """A number from `low` to `high`, both included."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(value)):
            raise InvalidError("is not a number", value)
        if not low <= float(value) <= high:
            raise InvalidError("is not from %g to %g" % (low, high), value)
        return float(value)

    return parse


def size(value: Any) -> int:
    """A number of bytes, with K, M, G or T for powers of 1024."""
    match = SIZE.fullmatch(text(value).strip())
    number = int(match.group(1)) * UNITS[match.group(2).upper()] if match else 0
    if not 0 < number < SIZE_END:
        raise InvalidError("is not a size such as 67108864 or 64M", value)
    return number


def mode(value: Any) -> int:
    """A file mode as an octal string. A bare number is refused: YAML reads 0755 as 493."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-7]{3,4}", value):
        raise InvalidError('is not an octal mode in quotes such as "0755"', value)
    return int(value, 8)


def choice(*words: str) -> Parser:
    """One of some words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise InvalidError("is none of %s%s" % (", ".join(words), nearest(value, words)), value)
        return str(value)

    return parse


def matching(pattern: str, what: str) -> Parser:
    """A string that the whole of a pattern matches."""

    def parse(value: Any) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise InvalidError("is not " + what + hint_at_quotes(value), value)
        return str(value)

    return parse


def path(value: Any) -> str:
    """An absolute path, not the root, without `.`, `..` or empty parts; a trailing slash is dropped."""
    parts = text(value).rstrip("/").split("/")
    if not str(value).startswith("/"):
        raise InvalidError("is not an absolute path", value)
    if len(parts) < 2:
        raise InvalidError("is the root itself", value)
    if any(part in ("", ".", "..") for part in parts[1:]):
        raise InvalidError("has an empty, '.' or '..' part", value)
    encoded = [part.encode() for part in parts]
    if any(len(part) > NAME_MAX for part in encoded) or len(b"/".join(encoded)) > PATH_MAX:
        raise InvalidError("is too long for a path", value)
    return "/".join(parts)


def address(version: int, words: Tuple[str, ...] = (), prefix: bool = False) -> Parser:
    """An IP address of that version, with a prefix length or without, or one of some words."""

    def parse(value: Any) -> str:
        import ipaddress  # Slow to load, and seldom needed.

        if value in words:
            return str(value)
        given = text(value)
        try:
            # Python takes more than LXC does: netmasks, and behind a % any text at all.
            if not re.fullmatch(r"[0-9A-Fa-f:.]+" + ("/[0-9]{1,3}" if prefix else ""), given):
                raise ValueError
            parsed = ipaddress.ip_interface(given) if prefix else ipaddress.ip_address(given)
        except ValueError:
            parsed = None
        if parsed is None or parsed.version != version:
            form = "address with a prefix length" if prefix else "address"
            raise InvalidError("is not an IPv%d %s" % (version, form), value)
        return str(value)

    return parse


def either(word: str, parse: Parser) -> Parser:
    """The given word, or what the other parser takes."""
    return lambda value: word if value == word else parse(value)


def list_of(parse: Parser, single: bool = False) -> Parser:
    """A list, each element parsed; with `single` one element may stand without its list."""

    def parse_list(value: Any) -> Tuple[Any, ...]:
        items = [value] if single and not isinstance(value, list) else value
        if not isinstance(items, list):
            raise InvalidError("is not a list", value)
        return tuple(within("[%d]" % index, parse, item) for index, item in enumerate(items))

    return parse_list


def mapping_of(parse_key: Parser, parse: Parser) -> Parser:
    """A dictionary as a tuple of pairs in the order given."""

    def parse_mapping(value: Any) -> Tuple[Tuple[str, Any], ...]:
        if not isinstance(value, dict):
            raise InvalidError("is not a dictionary", value)
        return tuple((within(ascii(key), parse_key, key), within(str(key), parse, value[key])) for key in value)

    return parse_mapping


def record(make: Callable[..., Any], fields: Mapping[str, Field]) -> Parser:
    """A dictionary with known keys; a key whose value is null counts as left out."""

    def parse_record(value: Any) -> Any:
        if not isinstance(value, dict):
            raise InvalidError("is not a dictionary", value)
        for key in value:
            if key not in fields:
                raise UnknownKeyError("is not a known key" + nearest(key, tuple(fields)), key, "key")
        parsed: Dict[str, Any] = {}
        for key, field in fields.items():
            if value.get(key) is not None:
                parsed[key] = within(key, field.parse, value[key])
            elif field.default is REQUIRED:
                raise InvalidError("is required and missing", None, key)
            else:
                parsed[key] = field.default
        return make(**parsed)

    return parse_record


def within(key: str, parse: Parser, value: Any) -> Any:
    """Parse, and name the key in the error."""
    try:
        return parse(value)
    except InvalidError as error:
        raise error.inside(key) from None


def hint_at_quotes(value: Any) -> str:
    """What to do about a number that is no such text: YAML reads 52:54:00:12:34:56 as one."""
    return "" if isinstance(value, str) else "; put what was written in quotes, which YAML reads as a number otherwise"


def nearest(word: Any, known: Tuple[str, ...]) -> str:
    """A hint at the known word that looks most like this one, or nothing."""
    import difflib  # Slow to load, and only needed for an error.

    close = difflib.get_close_matches(str(word), known, n=1, cutoff=0.5)
    return "; did you mean '%s'?" % close[0] if close else ""
