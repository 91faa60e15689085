#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_steps
short_description: Carry out some steps of a host's rollout
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - What M(softwarecontainer.lxc.rollout_host) runs on the target. Use that in plays.
  - Carries out the steps of one part of a rollout, one after the other, until one of them fails, in one run on the target. Where these
    found all containers as they have to be, the health gate follows.
options:
  way:
    description: The steps that lead to what is rolled out, those that lead back, or those that check mode can carry out.
    type: str
    choices: [forward, back, forecast]
    required: true
  part:
    description: The number of the part on this way, from 0.
    type: int
    required: true
  results:
    description: What the steps of the earlier parts have returned, by their names.
    type: dict
    default: {}
  id:
    description: The name of the rollout, with which a checkpoint is labelled.
    type: str
    required: true
  prune:
    description: Whether containers that this collection made and that O(containers) does not name are removed.
    type: bool
    default: false
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.sources
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.times
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: softwarecontainer.lxc.rollout_host
"""

EXAMPLES = r"""
- name: Look whether the target can run these containers, and keep what is there
  softwarecontainer.lxc.rollout_steps:
    way: forward
    part: 0
    id: one
    containers:
      - name: hmi
  register: first

- name: Tell what would change
  softwarecontainer.lxc.rollout_steps:
    way: forecast
    part: 0
    id: one
    containers:
      - name: hmi
  check_mode: true

- name: Wait until they are ready
  softwarecontainer.lxc.rollout_steps:
    way: forward
    part: 2
    id: one
    containers:
      - name: hmi
    results: "{{ dict(first.steps | map(attribute='name') | zip(first.steps | map(attribute='result'))) }}"
"""

RETURN = r"""
missing:
  description:
    - The SHA-256 of each content that the target lacks. The collection sends these.
  returned: with the first part of V(forward), where specs name files of the controller
  type: list
  elements: str
  sample: [e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855]
part:
  description: The part that came last. It is a later one than O(part) where the host had nothing to do.
  returned: unless the whole call was refused
  type: int
  sample: 2
steps:
  description: The steps that were needed, in order, up to the first that failed.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the step.
      returned: always
      type: str
    seconds:
      description: How long it took.
      returned: always
      type: float
    result:
      description: What its module returns, with C(failed) as Ansible has it.
      returned: always
      type: dict
  sample:
    - name: ready
      seconds: 0.114
      result:
        changed: false
        failed: false
        containers: []
        lxc_path: /var/lib/lxc
        runtime: binding
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.modules import rollout_steps


def main() -> None:
    """Carry out the steps of one part."""
    module = AnsibleModule(argument_spec=argument_specs.ROLLOUT_STEPS, supports_check_mode=True)
    archive.keep(module.check_mode)
    if module.params["part"] not in rollout_steps.parts(module.params["way"]):
        module.fail_json(msg="part: there is no part %d on the way %s" % (module.params["part"], module.params["way"]))
    result = rollout_steps.run(module.params, module.check_mode, module._diff)
    for step in result["steps"]:
        for words in step["result"].pop("warnings", ()):
            module.warn(words)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
