# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that build a container, in their order."""

from __future__ import annotations

from . import busybox, config, rootfs

STAGES = (rootfs.STAGE, busybox.STAGE, config.STAGE)
