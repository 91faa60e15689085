#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: molecule_power
short_description: Turn machines that are molecule targets on or off, or cut their power
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Is the power switch of the machines that M(softwarecontainer.lxc.molecule_targets) has made. It runs on the machine that molecule runs on,
    so a scenario delegates it to C(localhost), with O(ignore:become).
  - A machine that is off stays as it is, and so does one that is on.
requirements:
  - root
  - qemu
options:
  name:
    description: The names of the machines.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(off) presses the power button and waits until the machine has shut down.
      - V(cut) ends the machine at once. What it had not written to its disk is lost, and with its key C(volatile_cache) also
        much of what it had not flushed.
      - V(on) boots the machine and waits until its SSH server answers, at most as long as its key C(timeout) says. A machine that does not boot
        in time is turned off again, and the error has the last lines of its console.
    type: str
    choices: ["off", "on", cut]
    required: true
  path:
    description: Directory of the targets, as for M(softwarecontainer.lxc.molecule_targets).
    type: path
    default: /var/lib/softwarecontainer-targets
  timeout:
    description: Seconds that a machine may take to shut down.
    type: int
    default: 300
  progress:
    description: A file that the module appends lines to meanwhile. The action sets it, and shows the lines.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
    support: none
  platform:
    description: The operating systems that it works on.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: Cut the power while the host is at work
  softwarecontainer.lxc.molecule_power:
    name: "{{ inventory_hostname }}"
    state: cut
  delegate_to: localhost
  become: true

- name: Boot again
  softwarecontainer.lxc.molecule_power:
    name: "{{ inventory_hostname }}"
    state: "on"
  delegate_to: localhost
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be; a sentence for each machine.
  returned: always
  type: list
  elements: str
  sample: [cut the power of gateway]
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import molecule_power


def main() -> None:
    """Turn machines on or off, or cut their power."""
    module = AnsibleModule(argument_spec=argument_specs.MOLECULE_POWER, supports_check_mode=True)
    try:
        result = molecule_power.run(module.params, module.check_mode)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
