# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the output of a container as text that is safe to show.

Nobody trusts it: an escape sequence could make a terminal do things, and a letter that changes the direction of
writing could make a line look like another one.
"""

from __future__ import annotations

import re
from typing import List, Sequence

# Control sequences of terminals (ECMA-48): those with parameters, strings up to their end, and other escapes. A string
# that does not end must not hide the next lines.
SEQUENCES = re.compile("\x1b\\[[0-?]*[ -/]*[@-~]|\x1b[\\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\\\)?|\x1b[ -/]*[0-~]?")
# What the supervisor of a command itself writes begins with this.
OURS = "softwarecontainer.lxc: "
# How many letters of a line an error repeats, and how many of the last lines.
LETTERS_SHOWN = 200
LINES_SHOWN = 3


def lines_of(data: bytes) -> List[str]:
    """Return output as lines without their ends. Sequences for terminals are left out, other controls are escaped."""
    text = SEQUENCES.sub("", data.decode("utf-8", "backslashreplace"))
    lines = text.split("\n")
    return [shown(line.rstrip("\r")) for line in (lines if lines[-1] else lines[:-1])]


def shown(line: str) -> str:
    """Return one line with all that is not printable escaped. A tab stays."""
    if line.isprintable():
        return line
    return "".join(letter if letter == "\t" or letter.isprintable() else ascii(letter)[1:-1] for letter in line)


def last_words(lines: Sequence[str]) -> str:
    """Return the last lines of an output as the end of an error, empty if there are none.

    Those of the supervisor are left out, since the error says the same.
    """
    theirs = [line.strip() for line in lines if line.strip() and not line.startswith(OURS)]
    last = [line[:LETTERS_SHOWN] for line in theirs[-LINES_SHOWN:]]
    return "; its last output: " + " | ".join(last) if last else ""
