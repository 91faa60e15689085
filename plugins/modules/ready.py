#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ready
short_description: Wait until LXC containers are ready
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Waits until every check in O(containers[].ready) of every container that is to be started holds, all of them side by
    side, and fails where one does not hold in its time.
  - Without checks a container counts as ready where its state is the one that its spec declares. A container that is to
    be stopped, frozen or absent is asked for nothing else.
  - The PID 1 of a container has to stay the same process all the time. Its end fails the checks of the container at
    once.
  - It changes nothing on the target, as far as the programs in O(containers[].ready[].command) do not.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: partial
    details: The specs are looked at and nothing else, because what is not there yet cannot be ready. The task is skipped.
  diff_mode:
    support: none
notes:
  - A program is run again half a second after it has ended. Ports and files are looked at again after a tenth of a
    second. A break that is shorter than that may go unseen.
  - A check is over after its O(containers[].ready[].timeout) and O(containers[].ready[].stable) at the latest, and two
    seconds more for a first and a last look that take long. A program that still runs then is killed, and the reason also
    tells how it last ended by itself.
  - While it waits, each check has a process of its own on the target, at most 256 at once.
  - Programs are run with C(lxc-attach), whatever O(runtime) says, as M(softwarecontainer.lxc.exec) does it.
seealso:
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.checkpoint
  - module: softwarecontainer.lxc.exec
"""

EXAMPLES = r"""
- name: Wait until a program says so and a port accepts connections
  softwarecontainer.lxc.ready:
    containers:
      - name: hmi
        ready:
          - command: [/usr/local/bin/hmi, --self-test]
            timeout: 60
          - tcp: 8080
            stable: 5

- name: Wait for a file that the payload makes when it has started
  softwarecontainer.lxc.ready:
    containers:
      - name: logger
        ready:
          - file: /run/logger/ready

- name: See that all declared containers are ready, with the same check for each
  softwarecontainer.lxc.ready:
    containers: "{{ softwarecontainer_containers }}"
    defaults:
      ready:
        - file: /tmp/started
          timeout: 10
"""

RETURN = r"""
containers:
  description: What was seen of each container, in the order given.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    changed:
      description: Always false.
      returned: always
      type: bool
    ready:
      description: Whether the container is ready. It is null in check mode.
      returned: always
      type: bool
    state:
      description:
        - The state as LXC calls it, read at the end, or C(ABSENT) or C(INCOMPLETE) as with
          M(softwarecontainer.lxc.container). It is null in check mode, and where it cannot be told.
      returned: always
      type: str
    pid:
      description: The process id on the target of the container's PID 1. It is null where the container does not run.
      returned: always
      type: int
    checks:
      description: The checks, in the order of O(containers[].ready).
      returned: always
      type: list
      elements: dict
      contains:
        check:
          description: What was looked at, for people.
          returned: always
          type: str
        held:
          description: Whether it held. It is null where it was not looked at.
          returned: always
          type: bool
        seconds:
          description:
            - How long it took to tell, O(containers[].ready[].stable) included. It is null where it was not looked at or
              hung.
          returned: always
          type: float
        reason:
          description: Why it last did not hold. It is empty where it held from the first look on.
          returned: always
          type: str
    error:
      description: Why the container is not ready. It names each check that did not hold, and the last reason.
      returned: when it is not ready
      type: str
  sample:
    - name: hmi
      changed: false
      ready: true
      state: RUNNING
      pid: 22642
      checks:
        - check: command ['/usr/local/bin/hmi', '--self-test']
          held: true
          seconds: 2.13
          reason: "the program ended with 1: no display yet"
    - name: radio
      changed: false
      ready: false
      state: RUNNING
      pid: 22690
      checks:
        - check: tcp 8080
          held: false
          seconds: 30.01
          reason: Connection refused at 127.0.0.1, ::1, 10.0.3.20
      error: "tcp 8080 did not hold within 30 seconds: Connection refused at 127.0.0.1, ::1, 10.0.3.20"
lxc_path:
  description: The directory that holds the containers.
  returned: unless the whole call was refused
  type: str
  sample: /var/lib/lxc
runtime:
  description: How LXC was reached, C(binding) or C(tools).
  returned: unless the whole call was refused
  type: str
  sample: binding
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import ready


def main() -> None:
    """Wait until all containers of this host are ready."""
    module = AnsibleModule(argument_spec=argument_specs.READY, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = ready.run(module.params, module.check_mode)
    except Error as error:
        module.fail_json(msg=str(error))
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
