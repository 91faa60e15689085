# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: what the controller says of its files that specs name. They come beside the specs, like secrets.

The controller says digest and size of a file, and the text of a template. The content of a file comes only if the target
does not have it yet.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ..errors import ContainerError, RefusedError

DIGEST = re.compile("[0-9a-f]{64}")
FILE, TEMPLATE, ARCHIVE = "file", "template", "archive"


class Source(NamedTuple):
    """A file of the controller: SHA-256 and size of its content, or the text that was made of a template.

    For an archive that the target does not have yet, check mode gets its index as text, or why it is refused.
    """

    digest: str = ""
    size: int = 0
    text: str = ""
    listing: Optional[str] = None
    refused: str = ""


# By `key`.
Sources = Mapping[str, Source]


def key(kind: str, src: str) -> str:
    """Return under which name a source comes: the same file can be a template in one place, and none in another."""
    return "%s:%s" % (kind, src)


def parse(given: Mapping[str, Any]) -> Dict[str, Source]:
    """Return the sources from the form that they travel in. Raise RefusedError."""
    try:
        found = {
            name: Source(text=each["text"])
            if "text" in each
            else Source(str(each["digest"]), int(each["size"]), "", each.get("listing"), each.get("refused", ""))
            for name, each in given.items()
        }
        # The digest becomes the name of a file.
        damaged = [each for each in found.values() if each.digest and not DIGEST.fullmatch(each.digest)]
    except (KeyError, TypeError, ValueError):
        damaged = [Source()]
    if damaged:
        raise RefusedError("sources: are not as the controller writes them; leave them out")
    return found


def of(sources: Sources, kind: str, src: str, where: str) -> Source:
    """Return what is known of a file of the controller. `where` is the key that names it. Raise ContainerError."""
    if key(kind, src) not in sources:
        raise ContainerError("%s: %s was not looked for on the controller" % (where, ascii(src)))
    return sources[key(kind, src)]


def digests(sources: Sources) -> List[str]:
    """Return the digests of the contents that the target needs as they are."""
    return sorted({each.digest for name, each in sources.items() if name.startswith(FILE + ":")})


def archives(sources: Sources) -> Dict[str, Source]:
    """Return the archives by their digests."""
    return {each.digest: each for name, each in sources.items() if name.startswith(ARCHIVE + ":")}
