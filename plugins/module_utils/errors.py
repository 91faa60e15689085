# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the errors that this collection raises; everything else is a defect."""

from __future__ import annotations


class Error(Exception):
    """What a module reports as its failure."""


class ContainerError(Error):
    """One container cannot be handled; the others go on. The text is one sentence."""


class RefusedError(Error):
    """The whole call is refused before anything changes. The text is one or more sentences."""
