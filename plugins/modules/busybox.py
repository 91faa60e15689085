#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: busybox
short_description: Give LXC containers a busybox and its applets
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Copies the target's busybox into each container's rootfs, or prepares the place where
    M(softwarecontainer.lxc.config) binds it, as O(containers[].busybox.method) says.
  - Makes one symbolic link in C(/bin) for each applet that this busybox reports, or for each one declared. Links to
    applets that it no longer has, or that are no longer declared, go.
  - It is the second stage, after M(softwarecontainer.lxc.rootfs).
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.earlier
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: softwarecontainer.lxc.rootfs
  - module: softwarecontainer.lxc.config
  - module: softwarecontainer.lxc.container
"""

EXAMPLES = r"""
- name: Copy the target's busybox, with all its applets
  softwarecontainer.lxc.busybox:
    containers:
      - name: hmi

- name: Bind the target's busybox instead of copying it, and link two applets
  softwarecontainer.lxc.busybox:
    containers:
      - name: hmi
        busybox:
          method: bind
          applets: [sh, sleep]

- name: Choose the busybox for all containers, and do without it in one of them
  softwarecontainer.lxc.busybox:
    containers:
      - name: hmi
      - name: logger
        busybox:
          method: none
    defaults:
      busybox:
        path: /bin/busybox
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
      description:
        - What was changed, one line each, with paths relative to the container's directory. More than five links of
          one directory are counted, not named.
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
        - create file rootfs/bin/busybox
        - "create in rootfs/bin: 258 links"
    - name: logger
      changed: true
      changes:
        - create file rootfs/bin/busybox
        - "create in rootfs/bin: sh, sleep"
diff:
  description: For each container the entries that change.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: logger
      after_header: logger
      before: ""
      after: |
        file 0755 rootfs/bin/busybox sha256:b01eaede75849952
        link rootfs/bin/sh -> /bin/busybox
        link rootfs/bin/sleep -> /bin/busybox
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
