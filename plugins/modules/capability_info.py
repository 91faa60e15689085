#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# This is documentation alone: the work is done on the controller, by the action plugin of the same name.

from __future__ import annotations

DOCUMENTATION = r"""
module: capability_info
short_description: Say what capabilities of service manifests open
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Says in sentences what each capability lets a container reach, in which file and where in it that is written, and where the meaning
    differs from what SoftwareContainer would make of it.
  - Says what cannot be given to a container, and why.
  - With O(containers) it also returns their specs as they are sent to the target.
  - Runs on the controller, and touches no host. A manifest that does not parse is an error; a capability that is refused is not.
options:
  name:
    description:
      - The capabilities to tell of.
      - When left out, all that the manifests have.
    type: list
    elements: str
  lxc_path:
    description:
      - The directory on the target that holds the containers, which no capability may show.
      - When left out, C(/var/lib/lxc) alone is refused.
    type: str
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything on the target.
    support: full
    details: It changes nothing in any mode.
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
    support: none
  platform:
    description: The operating systems of targets that it works on.
    platforms: all
    support: full
    details: It needs no target.
seealso:
  - module: softwarecontainer.lxc.containers
  - module: softwarecontainer.lxc.show
"""

EXAMPLES = r"""
- name: Look at all capabilities of a directory
  softwarecontainer.lxc.capability_info:
    manifests: [manifests]
  register: found

- name: Look at one
  softwarecontainer.lxc.capability_info:
    manifests: [manifests/radio.json]
    name: [com.acme.Radio]

- name: Look at what becomes of the containers of a host
  softwarecontainer.lxc.capability_info:
    manifests: "{{ softwarecontainer_manifests }}"
    capabilities: "{{ softwarecontainer_capabilities }}"
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"
"""

RETURN = r"""
capabilities:
  description: The capabilities, by their names or as O(name) has them.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the capability.
      returned: always
      type: str
    files:
      description: The manifests that speak of it.
      returned: always
      type: list
      elements: str
    opens:
      description: What it opens, a sentence for each thing with its place.
      returned: always
      type: list
      elements: str
    differs:
      description: Where it means something else than in SoftwareContainer, or decides what is left open there.
      returned: always
      type: list
      elements: str
    refused:
      description: Why no container can have it. Empty if one can.
      returned: always
      type: list
      elements: str
  sample:
    - name: com.acme.Radio
      files: [manifests/radio.json]
      opens:
        - "sets the variable RADIO: 'fm' (manifests/radio.json: capabilities[0].gateways[0].config[0])"
        - says nothing of the network, which stays closed unless another capability opens it
      differs: []
      refused: []
containers:
  description: What becomes of the containers.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    capabilities:
      description: Its capabilities, in the order in which they count.
      returned: always
      type: list
      elements: str
    spec:
      description: Its spec as it is sent to the target, over the same defaults.
      returned: always
      type: dict
    differs:
      description: As for a capability, and where the spec's own values win.
      returned: always
      type: list
      elements: str
    refused:
      description: Why it is refused. Empty if it is not.
      returned: always
      type: list
      elements: str
  sample:
    - name: radio
      capabilities: [com.acme.Radio]
      spec:
        name: radio
        environment: {RADIO: fm}
        gateways: {network: {}}
      differs: []
      refused: []
lines:
  description: All of it as text, for M(softwarecontainer.lxc.show).
  returned: success
  type: list
  elements: str
  sample:
    - com.acme.Radio (manifests/radio.json)
    - "  sets the variable RADIO: 'fm' (manifests/radio.json: capabilities[0].gateways[0].config[0])"
"""
