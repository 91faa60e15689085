# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages that build a container, in their order."""

from __future__ import annotations

from typing import List, Mapping

from .. import call
from . import busybox, config, planning, rootfs, runner

STAGES = (rootfs.STAGE, busybox.STAGE, config.STAGE)


def planned(called: call.Call) -> List[Mapping[str, planning.Planned]]:
    """What each stage would change, by container. For a call in check mode."""
    return [runner.run(stage, called).planned for stage in STAGES]
