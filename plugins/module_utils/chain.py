# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the stages of the chain, in their order."""

from __future__ import annotations

from ansible_collections.softwarecontainer.lxc.plugins.module_utils import stage_busybox, stage_config, stage_rootfs

STAGES = (stage_rootfs.STAGE, stage_busybox.STAGE, stage_config.STAGE)
