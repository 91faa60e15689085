# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the errors that this collection raises. Any other exception is a defect."""

from __future__ import annotations

import os
from typing import List


class Error(Exception):
    """An error that a module reports as its failure."""


class ContainerError(Error):
    """One container cannot be handled; the others go on. The text is one sentence."""


class RefusedError(Error):
    """The whole call is refused before anything changes. The text is one or more sentences."""


class MissingContentError(Error):
    """The target lacks contents of the controller's files. Nothing has changed. `digests` says which."""

    def __init__(self, digests: List[str]) -> None:
        super().__init__("the target lacks %d of the files that the specs name by src" % len(digests))
        self.digests = digests


def unexpected(error: Exception) -> str:
    """Return the text of a defect: kind, message and place. It fails one container, so that the others go on."""
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = " (%s, line %d)" % (os.path.basename(place.tb_frame.f_code.co_filename), place.tb_lineno) if place else ""
    # Ansible does not accept results with surrogates.
    text = str(error).encode("utf-8", "backslashreplace").decode("utf-8")
    return "unexpected %s: %s%s; please report it" % (type(error).__name__, text, where)
