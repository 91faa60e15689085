#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is documentation alone: the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout_host
short_description: Roll out to one host, and back where that fails
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Brings the containers of a host to their states as one transaction, over the modules of this collection.
  - The stages are C(preflight), which tells what the target lacks for these containers; C(checkpoint), which keeps what
    is there; C(stop), of containers that will be removed; C(rootfs), C(busybox), C(config) and C(container); C(ready),
    the health gate; C(remove), of containers that are to go; and C(forget), which drops the checkpoint. A stage
    without work is left out.
  - Where a stage from C(stop) to C(remove) fails, or C(preflight) and an earlier run that came to no end has left its
    checkpoint, C(restore) brings back what the checkpoint holds, C(recheck) is the health gate of what was there before,
    and C(forget) drops the checkpoint.
  - The end of the host is written into the ledger that M(softwarecontainer.lxc.rollout) has opened. A host that
    cannot be reached, from the start or on the way, is pending there, and counts for the budget.
  - Takes up no host once the budget is spent, the rollout is paused, or another process drives it. The task is
    skipped then.
options:
  ledger:
    description: The directory on the controller that holds the ledger.
    type: path
    required: true
  id:
    description: The name of the rollout.
    type: str
    required: true
  containers:
    description: The container specs of the host, as in M(softwarecontainer.lxc.rootfs).
    type: list
    elements: dict
    default: []
  defaults:
    description: A spec that is merged under each of O(containers).
    type: dict
    default: {}
  manifests:
    description: Service manifests of the controller, as for M(softwarecontainer.lxc.containers).
    type: list
    elements: str
    default: []
  capabilities:
    description: Names of the capabilities that every container has.
    type: list
    elements: str
    default: []
  capability_settings:
    description: What manifests do not say.
    type: dict
    default: {}
  secrets:
    description: The values of what an environment calls a secret, a dictionary from name to value.
    type: dict
    default: {}
  lxc_path:
    description:
      - The directory on the target that holds the containers.
      - When left out, LXC's own, which C(lxc-config lxc.lxcpath) prints.
    type: str
  runtime:
    description: How LXC is reached. V(auto) takes the binding where the target has it, and the tools where it does not.
    type: str
    choices: [auto, binding, tools]
    default: auto
  bridge:
    description: The interface of the target that a network interface hangs on where its spec names none.
    type: str
    default: lxcbr0
  prune:
    description: Whether containers that this collection made and that O(containers) does not name are removed.
    type: bool
    default: false
  settle:
    description: How long a container that was started has to stay alive, in seconds.
    type: float
    default: 0.5
  stop_timeout:
    description: How long to wait for a clean stop before a container is killed, in seconds.
    type: float
    default: 10.0
  start_timeout:
    description: How long LXC may take to start one container, in seconds.
    type: float
    default: 30.0
  timeout:
    description:
      - How long the stages may take together, in seconds, and again as long for the way back. A host that takes longer
        has failed. With V(0) there is no limit.
    type: int
    default: 900
  error:
    description:
      - What has kept the host from its transaction. It is written into the ledger, unless its end is there already, and
        nothing else is done.
      - When left out, the host is rolled out to.
    type: str
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything on the target.
    support: full
    details:
      - The stages C(preflight), C(rootfs), C(busybox), C(config) and C(container) run in check mode; nothing is written,
        the ledger included.
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
    support: full
  platform:
    description: The operating systems of targets that it works on.
    platforms: linux
    support: full
seealso:
  - module: softwarecontainer.lxc.rollout
  - module: softwarecontainer.lxc.container
"""

EXAMPLES = r"""
- name: Roll out to the hosts of this batch
  softwarecontainer.lxc.rollout_host:
    ledger: "{{ rollout.directory }}"
    id: "{{ rollout.id }}"
    containers: "{{ softwarecontainer_containers }}"

- name: Give slow targets more time, and remove what is no longer declared
  softwarecontainer.lxc.rollout_host:
    ledger: "{{ rollout.directory }}"
    id: "{{ rollout.id }}"
    containers: "{{ softwarecontainer_containers }}"
    prune: true
    timeout: 3600

- name: Write down why a host was not taken up
  softwarecontainer.lxc.rollout_host:
    ledger: "{{ rollout.directory }}"
    id: "{{ rollout.id }}"
    error: its power is off
"""

RETURN = r"""
msg:
  description: Why the host is not done, in one sentence.
  returned: when it is not done
  type: str
  sample: "ready: container 'hmi': tcp 8080 did not hold within 30 seconds: Connection refused at 127.0.0.1, ::1"
rollout:
  description: What became of the host.
  returned: unless it was skipped, or in check mode with O(error)
  type: dict
  contains:
    host:
      description: The name of the host.
      returned: always
      type: str
    state:
      description: Its state in the ledger, C(done), C(pending), C(failed) or C(rolled_back).
      returned: unless in check mode
      type: str
    check:
      description: Always true, and in place of the state, since nothing has become of the host.
      returned: in check mode
      type: bool
  sample:
    host: head-unit-1
    state: done
diff:
  description: The differences that the stages tell of, in their order.
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
"""
