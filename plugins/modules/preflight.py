#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Tell what a target can and cannot do for LXC containers
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Looks at Python, the kernel, its control groups and security modules, LXC, the bridge, busybox, subordinate ids,
    space, and places that cannot be written or where no program can run, and says for each what was found and what to do about it.
  - Fails where the target lacks what O(containers) need, before anything is built, and names all of it at once.
  - Changes nothing. Whether a file system can be mounted with mapped ids is tried on a mount that has no place in any
    tree.
options:
  needed:
    description:
      - The checks that have to be fulfilled, by their names under RV(checks). An empty list asks for none, so that the
        module only tells.
      - When left out, those that O(containers) cannot do without.
    type: list
    elements: str
    choices:
      - root
      - python
      - namespaces
      - cgroups
      - cgroup_memory
      - cgroup_cpu
      - cgroup_pids
      - cgroup_devices
      - user_namespaces
      - subordinate_ids
      - passable
      - id_mapped_mounts
      - seccomp
      - apparmor
      - apparmor_profiles
      - selinux
      - lxc
      - init_lxc
      - bridge
      - name_servers
      - ports
      - packet_filter
      - busybox
      - space
      - writable
      - executable
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
notes:
  - Mount sources, links of interfaces and profiles that a spec names are looked at by the stages, not here.
seealso:
  - module: softwarecontainer.lxc.container_info
  - module: softwarecontainer.lxc.rootfs
"""

EXAMPLES = r"""
- name: Tell what this target can do, whatever it is
  softwarecontainer.lxc.preflight:
    needed: []
  register: target

- name: Require what these containers need
  softwarecontainer.lxc.preflight:
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"

- name: Require id maps for a container that has them
  softwarecontainer.lxc.preflight:
    containers:
      - name: hmi
        security:
          idmap: [u 0 100000 65536, g 0 100000 65536]
"""

RETURN = r"""
checks:
  description: All checks, always in the same order.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the check.
      returned: always
      type: str
    ok:
      description: Whether the target can do it.
      returned: always
      type: bool
    needed:
      description: Whether it has to.
      returned: always
      type: bool
    found:
      description: What was found.
      returned: always
      type: str
    advice:
      description: What to do about it. It is null where the target can do it.
      returned: always
      type: str
  sample:
    - name: cgroups
      ok: true
      needed: true
      found: version 2 with cpu, memory, pids, unified
      advice: null
    - name: apparmor
      ok: false
      needed: false
      found: not there or switched off
      advice: leave security.apparmor out
checkpoint:
  description:
    - Whether there is a checkpoint of M(softwarecontainer.lxc.checkpoint). One that is there before a rollout was left by
      a rollout that did not come to its end on this target.
  returned: unless the whole call was refused
  type: bool
  sample: false
lxc_path:
  description: The directory that holds the containers.
  returned: unless the whole call was refused
  type: str
  sample: /var/lib/lxc
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import preflight
from ..module_utils.preflight import requirements


def main() -> None:
    """Tell what this target can and cannot do."""
    needed = {**argument_specs.PREFLIGHT["needed"], "choices": list(requirements.CHECKS)}
    module = AnsibleModule(argument_spec={**argument_specs.PREFLIGHT, "needed": needed}, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = preflight.run(module.params)
    except Error as error:
        module.fail_json(msg=str(error))
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
