#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: checkpoint
short_description: Keep the containers of a host as they are, and bring them back
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Keeps what this collection made of all its containers in O(lxc_path), as it is on disk now, before it is changed.
    These are the entries of the rootfs, busybox and the LXC config, with content, link target and mode, and the state of
    each container.
  - Brings all of that back later. Containers that have come since then are removed, and the others get the state that
    they had. A container that runs and has changed is restarted. What the config of one that is started asks for is read
    back from the kernel, but for its limits, and what is not in force is an error that names it.
  - What the payload has written is neither kept nor changed, and neither are the containers of others.
  - There is one checkpoint for O(lxc_path). It stays until it is dropped, so that the last state known to be good
    outlives changes that do not come to an end.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.times
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) takes a checkpoint, unless there is one. Where one of the containers cannot be kept there is none at
        all, and the task fails.
      - V(restored) brings back what the checkpoint holds, and keeps it. Without a checkpoint the task fails. Where it was
        interrupted it may be run again.
      - V(absent) drops the checkpoint.
    type: str
    choices: [present, absent, restored]
    default: present
  id:
    description:
      - A label for the checkpoint that is taken, which tells whose it is. Text of one line, at most 200 characters.
    type: str
    default: ""
notes:
  - O(containers) and O(defaults) are needed only for O(state=present), and of them only the names and
    O(containers[].ready) count. They are kept and returned as RV(ready), so that the containers can be seen to be ready
    when they are back. Containers that are not declared there are kept as well.
  - It lies in the directory C(.checkpoint) of O(lxc_path). Each content is kept once, however many containers have it.
  - Where something else has taken the place of a file that this collection made, or the file was changed and is large,
    it is not kept. RV(containers[].not_kept) names it.
  - What is brought back belongs to root. A file of another owner loses its setuid and setgid bits on the way.
  - A file of the payload that a later change has declared, and so has overwritten, is not brought back, and neither are
    C(gateway_dir) and other directories outside O(lxc_path).
seealso:
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.ready
"""

EXAMPLES = r"""
- name: Keep the containers as they are, and what tells that they are ready
  softwarecontainer.lxc.checkpoint:
    id: release 7
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"

- name: Bring them back
  softwarecontainer.lxc.checkpoint:
    state: restored
  register: back

- name: Drop the checkpoint when all is well
  softwarecontainer.lxc.checkpoint:
    state: absent
"""

RETURN = r"""
containers:
  description:
    - What was done for each container, those of the checkpoint first. It is empty where nothing was to be taken or
      brought back.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    changed:
      description: Whether it was kept or changed, or in check mode would be.
      returned: always
      type: bool
    changes:
      description: What was done, in order, one line each. The steps between states are those of M(softwarecontainer.lxc.container).
      returned: always
      type: list
      elements: str
    state_before:
      description: The state before, in the words of M(softwarecontainer.lxc.container). It is null where it cannot be told.
      returned: always
      type: str
    state:
      description: The state after, read back. In check mode the state before.
      returned: always
      type: str
    pid:
      description: The process id on the target of the container's PID 1. It is null where the container does not run.
      returned: always
      type: int
    not_kept:
      description: The entries that a checkpoint could not keep, relative to the container's directory.
      returned: always
      type: list
      elements: str
    error:
      description: Why the container failed.
      returned: when it failed
      type: str
  sample:
    - name: hmi
      changed: true
      changes:
        - remove file rootfs/etc/new.conf
        - replace file config
        - stop
        - start
      state_before: RUNNING
      state: RUNNING
      pid: 22642
      not_kept: []
    - name: radio
      changed: true
      changes: [stop, remove]
      state_before: RUNNING
      state: ABSENT
      pid: null
      not_kept: []
checkpoint:
  description:
    - The checkpoint that is there now, or in check mode would be, null where there is none. With O(state=present) it may
      be an older one than asked for, see RV(checkpoint.id).
  returned: unless the whole call was refused
  type: dict
  contains:
    id:
      description: The label that it was given when it was taken.
      returned: always
      type: str
    taken:
      description: When it was taken, in UTC.
      returned: always
      type: str
    containers:
      description: The names of the containers that it holds.
      returned: always
      type: list
      elements: str
  sample:
    id: release 7
    taken: "2026-11-25T02:00:00Z"
    containers: [hmi]
ready:
  description:
    - The containers of the checkpoint, with the states that they had and the O(containers[].ready) that were given, as
      O(containers) for M(softwarecontainer.lxc.ready).
  returned: unless the whole call was refused
  type: list
  elements: dict
  sample:
    - name: hmi
      state: started
      ready:
        - tcp: 8080
          timeout: 30.0
          stable: 1.0
present:
  description: The containers of this collection that are there now, and complete, whatever the checkpoint holds.
  returned: unless the whole call was refused
  type: list
  elements: str
  sample: [hmi]
diff:
  description: The checkpoint where it is taken or dropped, or what is brought back.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: /var/lib/lxc/.checkpoint
      after_header: /var/lib/lxc/.checkpoint
      before: ""
      after: |
        hmi: RUNNING, 312 entries
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
from ..module_utils.modules import checkpoint


def main() -> None:
    """Keep the containers of this host, bring them back, or drop what is kept."""
    module = AnsibleModule(argument_spec=argument_specs.CHECKPOINT, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = checkpoint.run(module.params, module.check_mode, module._diff)
    except Error as error:
        module.fail_json(msg=str(error))
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
