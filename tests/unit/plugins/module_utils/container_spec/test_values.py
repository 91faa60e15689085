# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parsers of single values: what each takes, and what it says of what it refuses."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import values
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.values import Field, InvalidError

NUMBER = values.integer(2, 10)
DECIMAL = values.decimal(0.01, 8)
WORD = values.matching("[a-z]+", "a word")
IPV4, IPV6 = values.address(4), values.address(6)
NETWORK4, NETWORK6 = values.address(4, prefix=True), values.address(6, prefix=True)
GATEWAY = values.address(4, words=("auto", "dev"))
LIST = values.list_of(NUMBER)
SINGLE = values.list_of(NUMBER, single=True)
MAPPING = values.mapping_of(WORD, NUMBER)
RECORD = values.record(dict, {"size": Field(NUMBER), "word": Field(WORD, "none"), "inner": Field(LIST, ())})
LONG_PATH = "/" + "/".join(["a" * 255] * 16)

ACCEPTED = {
    "text": (values.text, "a b#'\"\\é", "a b#'\"\\é"),
    "text empty": (values.text, "", ""),
    "text of a whole number": (values.text, 5, "5"),
    "text of a decimal number": (values.text, 0.5, "0.5"),
    "text with a no-break space": (values.text, "a\u00a0b", "a\u00a0b"),
    "lines": (values.lines, "a\n\tb\r\n", "a\n\tb\r\n"),
    "lines of a list": (values.lines, ["a", 5], "a\n5\n"),
    "lines of an empty list": (values.lines, [], ""),
    "boolean true": (values.boolean, True, True),
    "boolean yes": (values.boolean, "Yes", True),
    "boolean on": (values.boolean, "on", True),
    "boolean 1": (values.boolean, 1, True),
    "boolean false": (values.boolean, False, False),
    "boolean no": (values.boolean, "NO", False),
    "boolean off": (values.boolean, "off", False),
    "boolean 0": (values.boolean, "0", False),
    "whole number lowest": (NUMBER, 2, 2),
    "whole number highest": (NUMBER, 10, 10),
    "whole number as text": (NUMBER, "7", 7),
    "decimal lowest": (DECIMAL, 0.01, 0.01),
    "decimal highest": (DECIMAL, 8, 8.0),
    "decimal as text": (DECIMAL, "0.5", 0.5),
    "size in bytes": (values.size, 67108864, 67108864),
    "size as text": (values.size, "67108864", 67108864),
    "size k": (values.size, "1k", 1024),
    "size K": (values.size, "1K", 1024),
    "size MB": (values.size, "64MB", 67108864),
    "size MiB": (values.size, "64MiB", 67108864),
    "size G": (values.size, "2G", 2147483648),
    "size T": (values.size, "1T", 1099511627776),
    "size with blanks": (values.size, " 64 M ", 67108864),
    "size largest": (values.size, "9223372036854775807", 9223372036854775807),
    "mode of three digits": (values.mode, "755", 0o755),
    "mode of four digits": (values.mode, "1777", 0o1777),
    "choice": (values.choice("dir", "file"), "file", "file"),
    "matching": (WORD, "abc", "abc"),
    "path": (values.path, "/var/lib/lxc", "/var/lib/lxc"),
    "path with a slash at its end": (values.path, "/srv/", "/srv"),
    "path with blanks and dots": (values.path, "/a b/.c/d..e/...", "/a b/.c/d..e/..."),
    "path with the longest part": (values.path, "/" + "é" * 127, "/" + "é" * 127),
    "path of the greatest length": (values.path, LONG_PATH[:4095], LONG_PATH[:4095]),
    "IPv4 address": (IPV4, "10.0.3.1", "10.0.3.1"),
    "IPv6 address": (IPV6, "fd00::1", "fd00::1"),
    "IPv6 address that ends as version 4": (IPV6, "::ffff:10.0.3.1", "::ffff:10.0.3.1"),
    "IPv4 address with prefix": (NETWORK4, "10.0.3.20/24", "10.0.3.20/24"),
    "IPv6 address with prefix": (NETWORK6, "fd00:3::20/64", "fd00:3::20/64"),
    "gateway auto": (GATEWAY, "auto", "auto"),
    "gateway dev": (GATEWAY, "dev", "dev"),
    "gateway": (GATEWAY, "10.0.3.1", "10.0.3.1"),
    "either the word": (values.either("all", LIST), "all", "all"),
    "either the other": (values.either("all", LIST), [3], (3,)),
    "list": (LIST, [2, "3"], (2, 3)),
    "list empty": (LIST, [], ()),
    "list of one without its list": (SINGLE, 4, (4,)),
    "list where one may stand alone": (SINGLE, [4, 5], (4, 5)),
    "mapping in its order": (MAPPING, {"b": 2, "a": 3}, (("b", 2), ("a", 3))),
    "record with defaults": (RECORD, {"size": 3}, {"size": 3, "word": "none", "inner": ()}),
    "record with null as left out": (RECORD, {"size": 3, "word": None}, {"size": 3, "word": "none", "inner": ()}),
}

REFUSED = {
    "text of a boolean": (values.text, True, ": True is not a string"),
    "text of nothing": (values.text, None, ": None is not a string"),
    "text of a list": (values.text, ["a"], ": ['a'] is not a string"),
    "text of two lines": (values.text, "a\nb", ": 'a\\nb' has a line break or another control character"),
    "text with a surrogate": (values.text, "\udcff", ": '\\udcff' has a line break or another control character"),
    "lines with NUL": (values.lines, "a\0b", ": 'a\\x00b' has a control character other than tab and line break"),
    "lines with an escape": (
        values.lines,
        "\x1b[2J",
        ": '\\x1b[2J' has a control character other than tab and line break",
    ),
    "lines of a number": (values.lines, 5, ": 5 is not a string"),
    "lines of a list with two in one": (
        values.lines,
        ["a\nb"],
        ": 'a\\nb' has a line break or another control character",
    ),
    "boolean maybe": (values.boolean, "maybe", ": 'maybe' is not a boolean"),
    "boolean 2": (values.boolean, 2, ": 2 is not a boolean"),
    "boolean with line break": (values.boolean, "yes\n", ": 'yes\\n' is not a boolean"),
    "whole number too low": (NUMBER, 1, ": 1 is not from 2 to 10"),
    "whole number too high": (NUMBER, 11, ": 11 is not from 2 to 10"),
    "whole number boolean": (NUMBER, True, ": True is not a whole number"),
    "whole number decimal": (NUMBER, 3.0, ": 3.0 is not a whole number"),
    "whole number with a blank": (NUMBER, " 3", ": ' 3' is not a whole number"),
    "whole number in other digits": (NUMBER, "\u0663", ": '\\u0663' is not a whole number"),
    "whole number without end": (NUMBER, "9" * 100, ": '" + "9" * 76 + "... is not a whole number"),
    "decimal too low": (DECIMAL, 0, ": 0 is not from 0.01 to 8"),
    "decimal too high": (DECIMAL, "8.1", ": '8.1' is not from 0.01 to 8"),
    "decimal boolean": (DECIMAL, True, ": True is not a number"),
    "decimal not a number": (DECIMAL, float("nan"), ": nan is not a number"),
    "decimal infinite": (DECIMAL, float("inf"), ": inf is not a number"),
    "size word": (values.size, "big", ": 'big' is not a size such as 67108864 or 64M"),
    "size zero": (values.size, "0", ": '0' is not a size such as 67108864 or 64M"),
    "size negative": (values.size, -5, ": -5 is not a size such as 67108864 or 64M"),
    "size decimal": (values.size, "1.5G", ": '1.5G' is not a size such as 67108864 or 64M"),
    "size boolean": (values.size, True, ": True is not a string"),
    "size too large": (values.size, "8388608T", ": '8388608T' is not a size such as 67108864 or 64M"),
    "size without end": (values.size, "9" * 5000, ": '" + "9" * 76 + "... is not a size such as 67108864 or 64M"),
    "size in kelvin": (values.size, "1\u212a", ": '1\\u212a' is not a size such as 67108864 or 64M"),
    "mode number": (values.mode, 493, ': 493 is not an octal mode in quotes such as "0755"'),
    "mode of two digits": (values.mode, "75", ": '75' is not an octal mode in quotes such as \"0755\""),
    "mode not octal": (values.mode, "0789", ": '0789' is not an octal mode in quotes such as \"0755\""),
    "mode symbolic": (values.mode, "u=rwx", ": 'u=rwx' is not an octal mode in quotes such as \"0755\""),
    "mode with line break": (values.mode, "0755\n", ": '0755\\n' is not an octal mode in quotes such as \"0755\""),
    "choice far away": (values.choice("dir", "file"), "socket", ": 'socket' is none of dir, file"),
    "choice near": (values.choice("dir", "file"), "fiel", ": 'fiel' is none of dir, file; did you mean 'file'?"),
    "choice list": (values.choice("dir", "file"), ["dir"], ": ['dir'] is none of dir, file; did you mean 'dir'?"),
    "matching not": (WORD, "a1", ": 'a1' is not a word"),
    "matching only at first": (WORD, "abc\n", ": 'abc\\n' has a line break or another control character"),
    "path relative": (values.path, "srv/data", ": 'srv/data' is not an absolute path"),
    "path empty": (values.path, "", ": '' is not an absolute path"),
    "path of the root": (values.path, "/", ": '/' is the root itself"),
    "path of the root, twice": (values.path, "//", ": '//' is the root itself"),
    "path escaping": (values.path, "/srv/../etc", ": '/srv/../etc' has an empty, '.' or '..' part"),
    "path escaping at its end": (values.path, "/srv/..", ": '/srv/..' has an empty, '.' or '..' part"),
    "path with a dot": (values.path, "/./srv", ": '/./srv' has an empty, '.' or '..' part"),
    "path with two slashes": (values.path, "/srv//data", ": '/srv//data' has an empty, '.' or '..' part"),
    "path with home": (values.path, "~/data", ": '~/data' is not an absolute path"),
    "path with a part too long": (
        values.path,
        "/" + "é" * 128,
        ": '/" + "\\xe9" * 18 + "\\xe... is too long for a path",
    ),
    "path too long": (values.path, LONG_PATH[:4096], ": '/" + "a" * 75 + "... is too long for a path"),
    "path number": (values.path, 5, ": 5 is not an absolute path"),
    "IPv4 host name": (IPV4, "localhost", ": 'localhost' is not an IPv4 address"),
    "IPv4 number": (IPV4, 5, ": 5 is not an IPv4 address"),
    "IPv4 boolean": (IPV4, True, ": True is not a string"),
    "IPv4 of version 6": (IPV4, "fd00::1", ": 'fd00::1' is not an IPv4 address"),
    "IPv4 with prefix": (IPV4, "10.0.3.1/24", ": '10.0.3.1/24' is not an IPv4 address"),
    "IPv4 out of range": (IPV4, "10.0.3.256", ": '10.0.3.256' is not an IPv4 address"),
    "IPv4 not such a word": (IPV4, "auto", ": 'auto' is not an IPv4 address"),
    "IPv6 of version 4": (IPV6, "10.0.3.1", ": '10.0.3.1' is not an IPv6 address"),
    "IPv6 with a scope": (IPV6, "fe80::1%eth0", ": 'fe80::1%eth0' is not an IPv6 address"),
    "IPv6 with lines in its scope": (
        IPV6,
        "fe80::1%x\nlxc.hook.pre-start = x",
        ": 'fe80::1%x\\nlxc.hook.pre-start = x' has a line break or another control character",
    ),
    "IPv4 without prefix": (NETWORK4, "10.0.3.20", ": '10.0.3.20' is not an IPv4 address with a prefix length"),
    "IPv4 with netmask": (
        NETWORK4,
        "10.0.3.20/255.255.255.0",
        ": '10.0.3.20/255.255.255.0' is not an IPv4 address with a prefix length",
    ),
    "IPv4 prefix too long": (NETWORK4, "10.0.3.20/33", ": '10.0.3.20/33' is not an IPv4 address with a prefix length"),
    "IPv6 without prefix": (NETWORK6, "fd00::1", ": 'fd00::1' is not an IPv6 address with a prefix length"),
    "IPv6 prefix too long": (NETWORK6, "fd00::1/129", ": 'fd00::1/129' is not an IPv6 address with a prefix length"),
    "IPv6 with scope and prefix": (
        NETWORK6,
        "fe80::1%e x/64",
        ": 'fe80::1%e x/64' is not an IPv6 address with a prefix length",
    ),
    "either neither": (values.either("all", LIST), "some", ": 'some' is not a list"),
    "list text": (LIST, "3", ": '3' is not a list"),
    "list dictionary": (LIST, {"a": 3}, ": {'a': 3} is not a list"),
    "list with a bad element": (LIST, [3, 11], "[1]: 11 is not from 2 to 10"),
    "list with null": (values.list_of(values.text), ["a", None], "[1]: None is not a string"),
    "list of one that is bad": (SINGLE, 11, "[0]: 11 is not from 2 to 10"),
    "mapping list": (MAPPING, [], ": [] is not a dictionary"),
    "mapping with a bad key": (MAPPING, {"A": 3}, "'A': 'A' is not a word"),
    "mapping with a bad value": (MAPPING, {"a": 11}, "a: 11 is not from 2 to 10"),
    "record list": (RECORD, [], ": [] is not a dictionary with the keys size, word, inner"),
    "record without what it needs": (RECORD, {"word": "a"}, "size: None is required and missing"),
    "record with an unknown key": (
        RECORD,
        {"size": 3, "wrod": "a"},
        "key: 'wrod' is not a known key; did you mean 'word'?",
    ),
    "record with a strange key": (RECORD, {"size": 3, "zzz": "a"}, "key: 'zzz' is not a known key"),
    "record with a number as key": (RECORD, {"size": 3, 5: "a"}, "key: 5 is not a known key"),
    "record with a bad value": (RECORD, {"size": 1}, "size: 1 is not from 2 to 10"),
    "record with a bad element inside": (RECORD, {"size": 3, "inner": [11]}, "inner[0]: 11 is not from 2 to 10"),
}


@pytest.mark.parametrize(("parse", "value", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(parse: values.Parser, value: object, expected: object) -> None:
    parsed = parse(value)
    assert (type(parsed), parsed) == (type(expected), expected)


@pytest.mark.parametrize(("parse", "value", "sentence"), REFUSED.values(), ids=REFUSED)
def test_refused(parse: values.Parser, value: object, sentence: str) -> None:
    with pytest.raises(InvalidError) as caught:
        parse(value)
    assert caught.value.sentence() == sentence


LINE_BREAKS = [letter for letter in map(chr, range(0x110000)) if len(f"a{letter}b".splitlines()) > 1]


@pytest.mark.parametrize("letter", ["\0", "\x7f", "\x80", "\x9f", "\ud800", *LINE_BREAKS], ids=ascii)
def test_no_text_has_a_control_character(letter: str) -> None:
    with pytest.raises(InvalidError, match="has a line break or another control character"):
        values.text("a" + letter)


def test_every_control_character_of_ascii_is_one() -> None:
    taken = [code for code in range(128) if not values.CONTROL.search(chr(code))]
    assert taken == list(range(0x20, 0x7F))


def test_an_error_shows_where_it_is() -> None:
    error = InvalidError("is wrong", "x\ny").inside("[2]").inside("ipv4").inside("[0]").inside("network")
    assert error.sentence() == "network[0].ipv4[2]: 'x\\ny' is wrong"


def test_a_long_value_is_cut() -> None:
    assert InvalidError("is wrong", "a" * 78, "k").sentence() == "k: '" + "a" * 78 + "' is wrong"
    assert InvalidError("is wrong", "a" * 79, "k").sentence() == "k: '" + "a" * 76 + "... is wrong"
