#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: stage
short_description: Run one stage of the chain that builds and starts LXC containers
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - What the modules M(softwarecontainer.lxc.rootfs), M(softwarecontainer.lxc.busybox), M(softwarecontainer.lxc.config)
    and M(softwarecontainer.lxc.container) run on the target, and M(softwarecontainer.lxc.containers), which runs all four.
    Use those in plays, where each takes its own options alone.
  - Ansible packs a module with all its code once in a run of a playbook. The stages are one module, so that the chain
    pays for that once and not four times.
options:
  stage:
    description:
      - The stage, or V(containers) for all of them. Each ignores the options that the module of its name does not have.
    type: str
    choices: [rootfs, busybox, config, container, containers]
    required: true
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.sources
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.earlier
  - softwarecontainer.lxc.containers.look_ahead
  - softwarecontainer.lxc.containers.lifecycle
  - softwarecontainer.lxc.containers.times
  - softwarecontainer.lxc.containers.wait_ready
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: softwarecontainer.lxc.rootfs
  - module: softwarecontainer.lxc.busybox
  - module: softwarecontainer.lxc.config
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.containers
"""

EXAMPLES = r"""
- name: Build the tree of a container, as the module rootfs does
  softwarecontainer.lxc.stage:
    stage: rootfs
    containers:
      - name: hmi

- name: Give it a busybox, as the module busybox does
  softwarecontainer.lxc.stage:
    stage: busybox
    containers:
      - name: hmi

- name: Stop it, as the module container does
  softwarecontainer.lxc.stage:
    stage: container
    name: hmi
    state: stopped
"""

RETURN = r"""
missing:
  description:
    - The SHA-256 of each content that the target lacks. The collection sends these.
  returned: unless in check mode, when the target lacks contents; then there is nothing else
  type: list
  elements: str
  sample: [e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855]
containers:
  description: What was done for each container, as the module of the stage's name documents it.
  returned: unless the whole call was refused
  type: list
  elements: dict
  sample:
    - name: hmi
      changed: true
      changes:
        - adjust directory rootfs/home to 0755
pending:
  description: The later stages that have something to do, or a failure to report.
  returned: with O(look_ahead), unless the whole call was refused
  type: list
  elements: str
  sample: [config, container]
done:
  description:
    - The names of the containers by what was done, as M(softwarecontainer.lxc.container) and
      M(softwarecontainer.lxc.containers) document it.
  returned: by the stages container and containers, unless the whole call was refused
  type: dict
  sample:
    started: []
    stopped: [logger]
    restarted: []
    reloaded: []
    filtered: []
    removed: []
diff:
  description: What has changed, as the module of the stage's name documents it.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: hmi
      after_header: hmi
      before: |
        state: STOPPED
      after: |
        state: RUNNING
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
from ..module_utils.modules import stage


def main() -> None:
    """Run one stage for all containers of this host."""
    module = AnsibleModule(argument_spec=argument_specs.STAGE, required_by={"state": "name"}, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = stage.run(module.params, module.check_mode, module._diff)
    except Error as error:
        module.fail_json(msg=str(error))
    for words in result.pop("warnings", ()):
        module.warn(words)
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
