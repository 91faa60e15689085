# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: parsers of single values, and of dictionaries made of them, for data that a user wrote."""

from __future__ import annotations

import re
import signal
from typing import Any, Callable, Dict, Mapping, NamedTuple, Tuple

from ..errors import RefusedError

# C0, DEL, C1, and Unicode's line and paragraph separators: anything that could end a line of a config file.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
CONTROL_BUT_LINES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# ASCII, because otherwise the Kelvin sign counts as a K.
SIZE = re.compile(r"([0-9]{1,19})\s*([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# The kernel counts memory in pages with a signed long.
SIZE_END = 1 << 63
TRUE, FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
# The signals that a process can handle, without their SIG, see signal(7).
SIGNALS = tuple(name[3:] for name in signal.Signals.__members__ if name not in ("SIGKILL", "SIGSTOP"))
# The longest name of a directory entry (NAME_MAX) and of a path (PATH_MAX without its end), limits.h.
NAME_MAX, PATH_MAX = 255, 4095
# More keys than this are not named in a sentence.
KEYS_NAMED = 10

Parser = Callable[[Any], Any]
REQUIRED: Any = object()


class InvalidError(ValueError):
    """An invalid value: `key` says where it is (dotted), `reason` what is wrong with `value`."""

    def __init__(self, reason: str, value: Any, key: str = "") -> None:
        super().__init__(reason)
        self.reason, self.value, self.key = reason, value, key

    def inside(self, key: str) -> InvalidError:
        """Return the same error with `key` put before its own key."""
        joined = key + self.key if self.key.startswith("[") or not self.key else key + "." + self.key
        return InvalidError(self.reason, self.value, joined)

    def sentence(self) -> str:
        """Return key, value and reason as one sentence. Control characters in the value are escaped."""
        printed = ascii(self.value)
        return "%s: %s %s" % (self.key, printed if len(printed) <= 80 else printed[:77] + "...", self.reason)


class UnknownKeyError(InvalidError):
    """A dictionary has an unknown key: `value` is that key, `key` is the word for it at the top level."""

    def inside(self, key: str) -> InvalidError:
        """Return the same error with `key`, the name of the dictionary, as its key."""
        return InvalidError(self.reason, self.value, key)


def option(key: str, parse: Parser, value: Any) -> Any:
    """Return the parsed value of a module's option. Raise RefusedError if it is invalid."""
    try:
        return parse(value)
    except InvalidError as error:
        raise RefusedError(error.inside(key).sentence()) from None


class Field(NamedTuple):
    """One key of a record: the parser of its value, and the default if it is left out."""

    parse: Parser
    default: Any = REQUIRED


def text(value: Any) -> str:
    """Return a string of one line. A number becomes its decimal text. Raise InvalidError."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise InvalidError("is not a string", value)
    value = str(value)
    if CONTROL.search(value):
        raise InvalidError("has a line break or another control character", value)
    return value


def exact(value: Any) -> str:
    """Return a string of one line. Raise InvalidError for a number with a decimal point: YAML reads 1.10 as 1.1."""
    if isinstance(value, float):
        raise InvalidError("may have lost digits as a number; put what was written in quotes", value)
    return text(value)


def lines(value: Any) -> str:
    """Return text of any number of lines, for a file, never for a config. Each element of a list becomes a line.

    Raise InvalidError.
    """
    if isinstance(value, list):
        return "".join(line(item) + "\n" for item in value)
    if not isinstance(value, str):
        raise InvalidError("is not a string", value)
    if CONTROL_BUT_LINES.search(value):
        raise InvalidError("has a control character other than tab and line break", value)
    return value


def line(value: Any) -> str:
    """Return one element of a list as a line of such a text. Raise InvalidError if it has a line break."""
    content = lines(value) if isinstance(value, str) else text(value)
    if "\n" in content:
        raise InvalidError("has a line break or another control character", value)
    return content


def boolean(value: Any) -> bool:
    """Return a boolean, from a boolean or from the words that Ansible accepts for one. Raise InvalidError."""
    word = str(value).lower()
    if word not in TRUE + FALSE:
        raise InvalidError("is not a boolean", value)
    return word in TRUE


def integer(low: int, high: int) -> Parser:
    """Return a parser for whole numbers from `low` to `high`, both included."""

    def parse(value: Any) -> int:
        if isinstance(value, (bool, float)) or not re.fullmatch(r"-?[0-9]{1,19}", str(value)):
            raise InvalidError("is not a whole number", value)
        if not low <= int(value) <= high:
            raise InvalidError("is not from %d to %d" % (low, high), value)
        return int(value)

    return parse


def decimal(low: float, high: float) -> Parser:
    """Return a parser for numbers from `low` to `high`, both included."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(value)):
            raise InvalidError("is not a number", value)
        if not low <= float(value) <= high:
            raise InvalidError("is not from %g to %g" % (low, high), value)
        return float(value)

    return parse


def size(value: Any) -> int:
    """Return a number of bytes; the suffixes K, M, G and T are powers of 1024. Raise InvalidError."""
    match = SIZE.fullmatch(text(value).strip())
    number = int(match.group(1)) * UNITS[match.group(2).upper()] if match else 0
    if not 0 < number < SIZE_END:
        raise InvalidError("is not a size such as 67108864 or 64M", value)
    return number


def bounded_size(lowest: int, highest: int) -> Parser:
    """Return a parser for numbers of bytes in this range."""

    def parse(value: Any) -> int:
        number = size(value)
        if not lowest <= number <= highest:
            raise InvalidError("is not from %d to %d bytes" % (lowest, highest), value)
        return number

    return parse


# The kernel has no user and no group of the last number, see chown(2).
OWNER_ID, OWNER_MAX = re.compile("[0-9]{1,10}", re.ASCII), (1 << 32) - 2


def owner(value: Any) -> Tuple[int, int]:
    """Return user and group, from `user:group` or from one number for both. Raise InvalidError."""
    parts = str(value).split(":")
    if isinstance(value, (bool, float)) or len(parts) > 2 or not all(map(OWNER_ID.fullmatch, parts)):
        raise InvalidError('is not a number, or two such as "1000:1000"', value)
    user, group = map(int, (parts[0], parts[-1]))
    if max(user, group) > OWNER_MAX:
        raise InvalidError("is not from 0 to %d" % OWNER_MAX, value)
    return user, group


def mode(value: Any) -> int:
    """Return a file mode from an octal string. Refuse a bare number: YAML reads 0755 as 493. Raise InvalidError."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-7]{3,4}", value):
        raise InvalidError('is not an octal mode in quotes such as "0755"', value)
    return int(value, 8)


def choice(*words: str) -> Parser:
    """Return a parser that accepts one of these words."""

    def parse(value: Any) -> str:
        if value not in words:
            raise InvalidError("is none of %s%s" % (", ".join(words), nearest(value, words)), value)
        return str(value)

    return parse


def signal_name(value: Any) -> str:
    """Return the name of a signal without SIG, from a name with or without it. Raise InvalidError."""
    name = text(value)[3:] if text(value).startswith("SIG") else text(value)
    if name not in SIGNALS:
        raise InvalidError("is not a signal that a program can handle, such as HUP or USR1", value)
    return name


def matching(pattern: str, what: str) -> Parser:
    """Return a parser for strings that match the whole pattern; `what` describes them in the error."""

    def parse(value: Any) -> str:
        if not re.fullmatch(pattern, text(value)):
            raise InvalidError("is not " + what + hint_at_quotes(value), value)
        return str(value)

    return parse


def path(value: Any) -> str:
    """Return an absolute path without its trailing slash.

    Raise InvalidError for the root directory, and for `.`, `..` or empty parts.
    """
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
    """Return a parser for IP addresses of this version, with or without a prefix length, or one of these words."""

    def parse(value: Any) -> str:
        import ipaddress  # Slow to load, and seldom needed.

        if value in words:
            return str(value)
        written = text(value)
        try:
            # Python accepts more than LXC does: netmasks, and any text after a %.
            if not re.fullmatch(r"[0-9A-Fa-f:.]+" + ("/[0-9]{1,3}" if prefix else ""), written):
                raise ValueError
            parsed = ipaddress.ip_interface(written) if prefix else ipaddress.ip_address(written)
        except ValueError:
            parsed = None
        if parsed is None or parsed.version != version:
            form = "address with a prefix length" if prefix else "address"
            raise InvalidError("is not an IPv%d %s" % (version, form), value)
        return str(value)

    return parse


def either(word: str, parse: Parser) -> Parser:
    """Return a parser that accepts this word, or what the other parser accepts."""
    return lambda value: word if value == word else parse(value)


def list_of(parse: Parser, single: bool = False) -> Parser:
    """Return a parser for lists; with `single`, one element may stand without a list."""

    def parse_list(value: Any) -> Tuple[Any, ...]:
        items = [value] if single and not isinstance(value, list) else value
        if not isinstance(items, list):
            raise InvalidError("is not a list", value)
        return tuple(within("[%d]" % index, parse, item) for index, item in enumerate(items))

    return parse_list


def mapping_of(parse_key: Parser, parse: Parser) -> Parser:
    """Return a parser that turns a dictionary into a tuple of pairs in the given order."""

    def parse_mapping(value: Any) -> Tuple[Tuple[str, Any], ...]:
        if not isinstance(value, dict):
            raise InvalidError("is not a dictionary", value)
        return tuple((within(ascii(key), parse_key, key), within(str(key), parse, value[key])) for key in value)

    return parse_mapping


def record(make: Callable[..., Any], fields: Mapping[str, Field]) -> Parser:
    """Return a parser for dictionaries with these keys. A key whose value is null counts as left out."""

    def parse_record(value: Any) -> Any:
        if not isinstance(value, dict):
            # Not all keys of a whole container.
            known = " with the keys " + ", ".join(fields) if len(fields) <= KEYS_NAMED else ""
            raise InvalidError("is not a dictionary" + known, value)
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
    """Return the parsed value. Put `key` before the key of an InvalidError."""
    try:
        return parse(value)
    except InvalidError as error:
        raise error.inside(key) from None


def hint_at_quotes(value: Any) -> str:
    """Return advice for a number where text is expected: YAML reads 52:54:00:12:34:56 as a number."""
    return "" if isinstance(value, str) else "; put what was written in quotes, which YAML reads as a number otherwise"


def nearest(word: Any, words: Tuple[str, ...]) -> str:
    """Return a hint that names the one of `words` most similar to `word`, or an empty string."""
    import difflib  # Slow to load, and only needed for an error.

    close = difflib.get_close_matches(str(word), words, n=1, cutoff=0.5)
    return "; did you mean '%s'?" % close[0] if close else ""
