#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is documentation alone: the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: rollout
short_description: Open, pause and close a rollout over a fleet
version_added: "0.2.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Keeps the ledger of a rollout, a JSON file on the controller that says of each host how far it is.
  - Runs on the controller, once for all hosts of a play, and touches none of them.
  - It is what the role P(softwarecontainer.lxc.rollout#role) is made of, together with
    M(softwarecontainer.lxc.rollout_host), and is seldom used by itself.
options:
  state:
    description:
      - V(running) checks everything, begins the ledger or takes it up, and makes this run of Ansible the one that
        drives the rollout. A rollout of which another process that lives is the driver is refused.
      - V(paused) lets the run that drives take up no further host. It may be called from another run at any time.
      - V(closed) ends the run. It shows the table, writes the report, and fails unless all hosts are done.
    type: str
    choices: [running, paused, closed]
    default: running
  hosts:
    description: All hosts of the rollout, in their order.
    type: list
    elements: str
    required: true
  chosen:
    description:
      - Those of O(hosts) that this run may take up, as C(--limit) leaves them. As long as no host is done, the first wave
        of them has no more hosts than the first batch.
    type: list
    elements: str
    required: true
  ledger:
    description: The directory on the controller that holds the ledgers. A relative path is one of the current directory.
    type: path
    default: rollouts
  id:
    description:
      - The name of the rollout, and of its files in O(ledger). At most 64 letters, digits, dots, dashes and underscores.
      - When left out, it is a digest of the hosts and of what is rolled out to each.
    type: raw
  canary:
    description:
      - How many hosts the first batch has, a number or a percentage of all hosts, which is at least one host. With V(0)
        there is no canary.
    type: raw
    default: 1
  batches:
    description:
      - The sizes of the batches after the canary, a list of numbers and percentages of all hosts. The last one
        repeats. A percentage is at least one host; fractions are dropped.
    type: raw
    default: ["25%"]
  budget:
    description:
      - How many hosts may fail or be unreachable in this run, a number or a percentage of all hosts of which the
        fraction is dropped. The host that exceeds it stops the rollout.
    type: raw
    default: 0
  template:
    description:
      - The Jinja2 template of the report that V(closed) writes.
      - When left out, no report is written.
    type: path
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything.
    support: full
    details: Nothing is written on the controller either, no lock included.
  diff_mode:
    description: Returns what has changed when in diff mode.
    support: none
  platform:
    description: The operating systems that the controller may have.
    platforms: linux
    support: full
notes:
  - What is rolled out to a host is taken from its variables C(softwarecontainer_containers),
    C(softwarecontainer_defaults), C(softwarecontainer_secrets), C(softwarecontainer_lxc_path),
    C(softwarecontainer_bridge) and C(softwarecontainer_prune), and checked before anything else.
seealso:
  - module: softwarecontainer.lxc.rollout_host
"""

EXAMPLES = r"""
- name: Open the rollout
  softwarecontainer.lxc.rollout:
    hosts: "{{ query('ansible.builtin.inventory_hostnames', 'all') }}"
    chosen: "{{ ansible_play_hosts_all }}"
    canary: 2
    batches: [10, "25%"]
    budget: "5%"
  register: rollout

- name: Pause a rollout that another run drives
  softwarecontainer.lxc.rollout:
    state: paused
    hosts: "{{ query('ansible.builtin.inventory_hostnames', 'all') }}"
    chosen: "{{ ansible_play_hosts_all }}"
    id: release-7

- name: Close the rollout, and fail unless all hosts are done
  softwarecontainer.lxc.rollout:
    state: closed
    hosts: "{{ query('ansible.builtin.inventory_hostnames', 'all') }}"
    chosen: "{{ ansible_play_hosts_all }}"
    id: "{{ rollout.id }}"
"""

RETURN = r"""
id:
  description: The name of the rollout.
  returned: unless it was refused, or O(state=closed) in check mode
  type: str
  sample: 3f2a1c9be012
directory:
  description: The directory of the ledger.
  returned: with O(state=running) and O(state=paused), unless it was refused
  type: str
  sample: /home/ada/fleet/rollouts
ledger:
  description: The path of the ledger.
  returned: unless it was refused, or O(state=closed) in check mode
  type: str
  sample: /home/ada/fleet/rollouts/3f2a1c9be012.json
hosts:
  description: The hosts that this run takes up, in their batches' order. With O(state=paused) there are none.
  returned: with O(state=running) and O(state=paused), unless it was refused
  type: list
  elements: str
  sample: [head-unit-1, head-unit-2, rear-seat-1]
serial:
  description: How many of them each batch has. With O(state=paused) there are none.
  returned: with O(state=running) and O(state=paused), unless it was refused
  type: list
  elements: int
  sample: [1, 2]
msg:
  description:
    - How the rollout has ended, or in check mode how many hosts would be taken up and would fail. Where something was
      refused, why.
  returned: with O(state=closed), or when it was refused
  type: str
  sample: 4 of 4 hosts done.
report:
  description: The path of the report. Without O(template) there is no such file.
  returned: with O(state=closed), unless it was refused or in check mode
  type: str
  sample: /home/ada/fleet/rollouts/3f2a1c9be012.html
rollout_state:
  description: The state of the rollout, C(finished), C(stopped) or C(paused). Unless it is C(finished), the task fails.
  returned: with O(state=closed), unless it was refused or in check mode
  type: str
  sample: finished
"""
