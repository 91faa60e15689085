#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is documentation alone: the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: show
short_description: Show lines of text as they are
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Shows lines in the output of Ansible without quotes, commas or a frame, whatever callback plugin is set.
  - Whatever is not printable is escaped, so what a container has written cannot do anything to a terminal.
  - Runs on the controller, and touches no host. The playbooks C(status) and C(logs) use it.
options:
  lines:
    description: The lines.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything on the target.
    support: full
    details: It changes nothing in any mode.
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
    support: none
seealso:
  - plugin: softwarecontainer.lxc.status_table
    plugin_type: filter
  - plugin: softwarecontainer.lxc.log_lines
    plugin_type: filter
  - module: softwarecontainer.lxc.container_info
"""

EXAMPLES = r"""
- name: Show a text
  softwarecontainer.lxc.show:
    lines:
      - All is well.

- name: Show what the containers of a host have written
  softwarecontainer.lxc.show:
    lines: "{{ there | softwarecontainer.lxc.log_lines(inventory_hostname) }}"
"""

RETURN = r"""
"""
