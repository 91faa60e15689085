#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: containers
short_description: Build, configure and run LXC containers
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Brings all containers of a host to what their specs declare, in one run on the target. It is what the modules
    M(softwarecontainer.lxc.rootfs), M(softwarecontainer.lxc.busybox), M(softwarecontainer.lxc.config) and
    M(softwarecontainer.lxc.container) do one after the other, which are its four stages.
  - What the stages rootfs, busybox and config change of a container is one change on disk, done whole or not at all. A
    container that one of them fails for is left as it is, and the other containers go on.
  - There is one exception. The stages of a container whose spec names a path below O(lxc_path) run one after the other, after
    those of all other containers, since one stage may need what another makes.
  - The role C(containers) runs it.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.sources
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.times
  - softwarecontainer.lxc.containers.wait_ready
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  prune:
    description:
      - Whether every other container in O(lxc_path) that this collection made is removed, beside those that
        O(containers) declares. Without O(containers) that is all of them.
      - Containers of others are left alone.
    type: bool
    default: false
  remove_volumes:
    description:
      - Whether the O(containers[].volumes) of a container that is to be V(absent) are removed too, with all that is in
        them. Those of a container that is gone already are removed as well.
      - Together with O(prune) it also removes the volumes of all other containers that are gone.
    type: bool
    default: false
notes:
  - In check mode each stage tells what it would do after the stages before it, and the last one what would follow.
  - What each stage needs, reads back and leaves alone is in the documentation of its module.
seealso:
  - module: softwarecontainer.lxc.container_info
  - module: softwarecontainer.lxc.rootfs
  - module: softwarecontainer.lxc.busybox
  - module: softwarecontainer.lxc.config
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.ready
"""

EXAMPLES = r"""
- name: Have a container that runs
  softwarecontainer.lxc.containers:
    containers:
      - name: hmi

- name: Tell a web server about its new configuration, and what shows its pages about a restart of it
  softwarecontainer.lxc.containers:
    containers:
      - name: web
        command: [/bin/busybox, httpd, -f, -c, /etc/httpd.conf]
        reload: HUP
        files:
          - path: /etc/httpd.conf
            content: "H:/data"
            on_change: reload
  register: result
  # A handler of this play, which has the condition: "'web' in result.done.restarted"
  notify: Connect again

- name: Have exactly the declared containers, and remove ours that are declared no longer
  softwarecontainer.lxc.containers:
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"
    prune: true

- name: Start a container and wait until its port accepts connections
  softwarecontainer.lxc.containers:
    containers:
      - name: web
        ready: [{tcp: 80, timeout: 10}]
"""

RETURN = r"""
containers:
  description:
    - What was done for each container, in the order given, and after them those that O(prune) removed.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    changed:
      description: Whether any stage changed it, or in check mode would.
      returned: always
      type: bool
    changes:
      description: What all stages did, in order, each in the words of its module.
      returned: always
      type: list
      elements: str
    state_before:
      description:
        - The state before, as LXC calls it, or C(ABSENT) where there is no such container, or C(INCOMPLETE) where it
          was not built or not removed to the end. It is null where it cannot be told.
      returned: always
      type: str
    state:
      description: The state after, read back, in the same words. In check mode the state before.
      returned: always
      type: str
    pid:
      description: The process id of its PID 1 on the target, or null.
      returned: always
      type: int
    ready:
      description: Whether its checks held.
      returned: when O(wait_ready) has waited for it
      type: bool
    error:
      description: Why a stage failed for it, or why it is not ready, with the last lines of its output.
      returned: on failure
      type: str
  sample:
    - name: hmi
      changed: true
      changes: [create file rootfs/etc/hmi.conf, stop, start]
      state_before: RUNNING
      state: RUNNING
      pid: 22642
      ready: true
stages:
  description: What each stage did.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the stage, which is that of its module.
      returned: always
      type: str
    changed:
      description: Whether it changed anything.
      returned: always
      type: bool
    containers:
      description: The containers that it changed, with what it did.
      returned: always
      type: list
      elements: dict
  sample:
    - name: rootfs
      changed: true
      containers:
        - name: hmi
          changes: [create file rootfs/etc/hmi.conf]
    - name: busybox
      changed: false
      containers: []
    - name: config
      changed: false
      containers: []
    - name: container
      changed: true
      containers:
        - name: hmi
          changes: [stop, start]
done:
  description:
    - The names of the containers by what was done, or in check mode would be, for the condition of a handler.
    - A container is in one of the lists at most, and one that failed is in none.
  returned: unless the whole call was refused
  type: dict
  contains:
    started:
      description: Those that did not run and were started.
      returned: always
      type: list
      elements: str
    stopped:
      description: Those that were stopped, and neither started again nor removed.
      returned: always
      type: list
      elements: str
    restarted:
      description: Those that ran, were stopped and started again.
      returned: always
      type: list
      elements: str
    reloaded:
      description: Those whose command got the signal that O(containers[].reload) names.
      returned: always
      type: list
      elements: str
    filtered:
      description: Those that got other rules of their packet filter (O(containers[].gateways.network)) as they ran.
      returned: always
      type: list
      elements: str
    removed:
      description: Those that were removed.
      returned: always
      type: list
      elements: str
  sample:
    started: []
    stopped: [logger]
    restarted: [hmi]
    reloaded: [web]
    filtered: []
    removed: []
diff:
  description: What all stages changed, or in check mode would change, when in diff mode.
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
