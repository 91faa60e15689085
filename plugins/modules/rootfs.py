#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rootfs
short_description: Build the file trees of LXC containers
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Makes the directories C(bin), C(dev), C(etc), C(etc/pulse), C(gateways), C(home), C(lib), C(lib64), C(proc),
    C(root), C(sbin), C(sys), C(tmp), C(usr/lib), C(usr/lib64), C(usr/sbin) and the install prefix of each container's
    rootfs.
  - Writes C(/etc/passwd) and C(/etc/group) with root alone, C(/etc/pulse/client.conf), C(/etc/resolv.conf) and
    C(/etc/machine-id), which differs from container to container and stays the same over runs.
  - Makes the declared O(containers[].directories) and O(containers[].files), and the targets of those
    O(containers[].mounts) that have O(containers[].mounts[].create).
  - Repairs what has changed since, and removes what it made and what the spec no longer asks for. What the payload
    made stays.
  - It is the first stage. M(softwarecontainer.lxc.busybox), M(softwarecontainer.lxc.config) and
    M(softwarecontainer.lxc.container) come after it.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.sources
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.look_ahead
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - A container's directory is made complete before it gets its name. A change of one that is there is done as a whole
    or undone.
seealso:
  - module: softwarecontainer.lxc.busybox
  - module: softwarecontainer.lxc.config
  - module: softwarecontainer.lxc.container
"""

EXAMPLES = r"""
- name: Build the tree of a container with nothing but the defaults
  softwarecontainer.lxc.rootfs:
    containers:
      - name: hmi

- name: Build two trees, one with files and directories of its own
  softwarecontainer.lxc.rootfs:
    containers:
      - name: hmi
      - name: logger
        install_prefix: /opt/logger
        resolv_conf:
          - nameserver 10.0.3.1
        directories:
          - path: /var/log/logger
            mode: "0750"
        files:
          - path: /etc/logger.conf
            content: |
              level=info

- name: Say once what all containers have in common
  softwarecontainer.lxc.rootfs:
    containers:
      - name: hmi
      - name: logger
    defaults:
      install_prefix: /opt/payload
      resolv_conf: none

- name: Show what would be written, and write nothing
  softwarecontainer.lxc.rootfs:
    containers: "{{ softwarecontainer_containers }}"
  check_mode: true
  diff: true
"""

RETURN = r"""
containers:
  description: What was done for each container, in the order given.
  returned: unless the whole call was refused
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    changed:
      description: Whether anything was changed, or in check mode would be.
      returned: always
      type: bool
    changes:
      description: What was changed, one line each, with paths relative to the container's directory.
      returned: always
      type: list
      elements: str
    error:
      description: Why the container failed. Nothing was changed for it.
      returned: when it failed
      type: str
  sample:
    - name: hmi
      changed: true
      changes:
        - adjust directory rootfs/home to 0755
    - name: logger
      changed: true
      changes:
        - remove file rootfs/etc/logger.conf
    - name: radio
      changed: false
      changes: []
diff:
  description: For each container the entries that change, then the text of each file that changes.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: logger
      after_header: logger
      before: ""
      after: |
        file 0644 rootfs/etc/logger.conf sha256:a674531c3b3be6fc
    - before_header: logger/rootfs/etc/logger.conf
      after_header: logger/rootfs/etc/logger.conf
      before: ""
      after: |
        level=info
pending:
  description:
    - The later stages that have something to do, or a failure to report. All of them, where this stage had something
      to do itself.
  returned: with O(look_ahead), unless the whole call was refused
  type: list
  elements: str
  sample: [config, container]
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
