# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the text of an LXC config, see lxc.container.conf(5)."""

from __future__ import annotations

from typing import List, Tuple

# A key and its value.
Line = Tuple[str, str]
BLANKS = " \t"


def lines_of(text: str) -> List[Line]:
    """Return the keys and values of a config in order, without blanks and one pair of quotes, as LXC reads them."""
    found = []
    for line in text.split("\n"):
        key, equals, value = (part.strip(BLANKS) for part in line.partition("="))
        if key.startswith("lxc.") and equals:
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
            found.append((key, value[1:-1] if quoted else value))
    return found
