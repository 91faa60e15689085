#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: logs
short_description: Show what the programs of LXC containers have written
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Returns the last lines that the programs of containers have written to their standard output and standard error.
  - LXC keeps two parts of it on the target, each of the size that the key C(log) of the container spec gives. It stays
    there when the container ends or restarts, and when the target boots, and goes with the container.
  - A line is text that is safe to show. Control sequences for terminals are left out, and other characters that are not
    printable are escaped.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
    details: It changes nothing in any mode.
  diff_mode:
    support: none
options:
  name:
    description:
      - The containers, a name or a list of names.
      - When left out, all containers in O(lxc_path) that this collection made.
    type: list
    elements: str
  lines:
    description: How many of the last lines to return for each container, from 1 to 100000.
    type: int
    default: 100
  since_start:
    description: Whether to return only lines that were written since the container was last started.
    type: bool
    default: false
notes:
  - It does not fail because a container has no output. See RV(containers[].error).
  - At most the last megabyte of each of the two parts is read.
seealso:
  - module: softwarecontainer.lxc.container_info
    description: It tells how the command of a container last ended.
"""

EXAMPLES = r"""
- name: Show the last lines of all containers
  softwarecontainer.lxc.logs:
  register: logs

- name: Show what hmi has written since its last start
  softwarecontainer.lxc.logs:
    name: hmi
    since_start: true
    lines: 20

- name: Fail if media complains
  softwarecontainer.lxc.logs:
    name: media
  register: media
  failed_when: media.containers[0].lines | select('search', 'no codec') | list | length > 0
"""

RETURN = r"""
containers:
  description: One item for each container, in the given order, or sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    lines:
      description: The last lines, oldest first, without their ends.
      returned: always
      type: list
      elements: str
    error:
      description: Why there are no lines. It is null where there are some.
      returned: always
      type: str
  sample:
    - name: hmi
      lines:
        - "starting"
        - "no display: giving up"
      error: null
    - name: radio
      lines: []
      error: it has written nothing
lxc_path:
  description: The directory of the containers.
  returned: success
  type: str
  sample: /var/lib/lxc
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import logs


def main() -> None:
    """Return the output of containers."""
    module = AnsibleModule(argument_spec=argument_specs.LOGS, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = logs.run(module.params)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
