# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output of containers as text that nobody has to fear."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import output

LINES: dict[str, tuple[bytes, list[str]]] = {
    "nothing": (b"", []),
    "a line": (b"one\n", ["one"]),
    "a line without an end": (b"one\ntwo", ["one", "two"]),
    "an empty line": (b"one\n\n", ["one", ""]),
    "ends of a terminal": (b"one\r\ntwo\r\n", ["one", "two"]),
    "colors": (b"\x1b[1;31mred\x1b[0m\n", ["red"]),
    "a title": (b"\x1b]0;evil\x07text\n", ["text"]),
    "a title that does not end": (b"\x1b]0;evil\ntext\n", ["", "text"]),
    "a device control string": (b"\x1bP1$q\x1b\\text\n", ["text"]),
    "a single escape": (b"a\x1b", ["a"]),
    "a reset": (b"\x1bctext\n", ["text"]),
    "one byte controls": (b"\x9b31mred\n", ["\\x9b31mred"]),
    "a bell and a backspace": (b"a\x07\x08b\n", ["a\\x07\\x08b"]),
    "a return within a line": (b"good\rbad\n", ["good\\rbad"]),
    "a tab": (b"a\tb\n", ["a\tb"]),
    "a form feed": (b"a\x0cb\n", ["a\\x0cb"]),
    "what is not UTF-8": (b"\xff\xfe\n", ["\\xff\\xfe"]),
    "letters": ("grüße\n".encode(), ["grüße"]),
    "another direction of writing": ("a\u202eb\n".encode(), ["a\\u202eb"]),
    "other ends of lines": ("a\u2028b\x85c\n".encode(), ["a\\u2028b\\x85c"]),
}


@pytest.mark.parametrize(("data", "lines"), LINES.values(), ids=LINES)
def test_lines(data: bytes, lines: list[str]) -> None:
    assert output.lines_of(data) == lines


def test_no_byte_gets_through() -> None:
    for line in output.lines_of(bytes(range(256)) * 2):
        assert all(letter.isprintable() or letter == "\t" for letter in line)


def test_last_words() -> None:
    assert output.last_words([]) == ""
    assert output.last_words(["", "  "]) == ""
    assert output.last_words(["1", "2", "3", " ", "4", output.OURS + "5"]).endswith(": 2 | 3 | 4")
    assert len(output.last_words(["x" * 5000])) < 300
