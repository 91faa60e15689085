#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: config
short_description: Render the LXC configs of containers
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Renders the C(config) of each container as a whole. It has the name and PID 1, device, tty and pty allocation, mount
    entries, network, environment, limits with the keys of the cgroup version in force, capabilities and other
    security, and autostart.
  - Lets LXC load the text before it replaces the old one. A config that LXC does not take is not written.
  - Makes the O(containers[].gateway_dir) of each container on the target.
  - It is the third stage, after M(softwarecontainer.lxc.rootfs) and M(softwarecontainer.lxc.busybox), and the last
    before M(softwarecontainer.lxc.container). A container that has a config is complete.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.earlier
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - Changes made to the config by hand are undone by the next run. Use O(containers[].lxc) for keys that no other key
    of the spec stands for.
  - What LXC loads may still fail at the start. M(softwarecontainer.lxc.container) returns LXC's reason then.
  - The diff shows the whole text of a config, except the values of O(containers[].environment) that are secret.
seealso:
  - module: softwarecontainer.lxc.rootfs
  - module: softwarecontainer.lxc.busybox
  - module: softwarecontainer.lxc.container
  - name: lxc.container.conf(5)
    description: The keys of an LXC config.
    link: https://linuxcontainers.org/lxc/manpages/man5/lxc.container.conf.5.html
"""

EXAMPLES = r"""
- name: Render the config of a container on the bridge, with a gateway directory
  softwarecontainer.lxc.config:
    containers:
      - name: hmi
        gateway_dir: /run/gateways/hmi
        gateway_dir_mode: "0770"

- name: Give a container a fixed address on another bridge, limits, and a program to run
  softwarecontainer.lxc.config:
    bridge: lxcbr1
    containers:
      - name: hmi
        command: [/usr/bin/env, sleep, "86400"]
        environment:
          LANG: C.UTF-8
        network:
          - ipv4: 10.0.3.20/24
            ipv4_gateway: 10.0.3.1
        limits:
          memory: 64M
          pids: 100
          cpus: 0.5
        autostart:
          enabled: true
          order: 10

- name: Give a container no network, a data directory of the target, and a small writable /tmp
  softwarecontainer.lxc.config:
    containers:
      - name: logger
        network: []
        directories:
          - path: /data
        mounts:
          - source: /srv
            target: /data
            read_only: false
          - source: tmpfs
            target: /tmp
            type: tmpfs
            read_only: false
            options: [nosuid, nodev, size=1M]

- name: Set keys that the container spec has no name for
  softwarecontainer.lxc.config:
    containers:
      - name: hmi
        lxc:
          lxc.prlimit.nofile: 1024
          lxc.cap.drop: [sys_boot, net_raw]

- name: Show the configs as they would be
  softwarecontainer.lxc.config:
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"
  check_mode: true
  diff: true

- name: Give a variable a value that appears in no output
  softwarecontainer.lxc.config:
    containers:
      - name: hmi
        environment:
          TOKEN: {secret: token}
    secrets:
      token: "{{ vault_token }}"
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
      description: What was changed, one line each.
      returned: always
      type: list
      elements: str
    error:
      description: Why the container failed, with LXC's own words where LXC does not take its config.
      returned: when it failed
      type: str
  sample:
    - name: hmi
      changed: true
      changes:
        - create file config
        - make directory /run/gateways/hmi with mode 0777 on the target
    - name: logger
      changed: true
      changes:
        - replace file config
diff:
  description: For each container the config, before and after.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: logger
      after_header: logger
      before: ""
      after: |
        directory 0700 log
        file 0600 config sha256:897de050ef745301
    - before_header: logger/config
      after_header: logger/config
      before: ""
      after: |
        # Rendered whole by softwarecontainer.lxc from the container spec; changes made here are lost.
        # command: ["/bin/busybox", "sleep", "2147483647"]
        lxc.uts.name = logger
        lxc.rootfs.path = dir:/var/lib/lxc/logger/rootfs
        lxc.init.cmd = /usr/sbin/init.lxc --name logger -- /bin/busybox sleep 2147483647
        lxc.signal.halt = SIGTERM
        lxc.hook.start-host = /bin/sh -c '{ cd /var/lib/lxc/logger/log || exit 0; n=0; for f in end start; d...
        lxc.hook.stop = /bin/sh -c '{ cd /var/lib/lxc/logger/log || exit 0; read -r n boot _ _ _ count < sta...
        lxc.autodev = 1
        lxc.tty.max = 1
        lxc.pty.max = 1
        lxc.mount.auto = proc:mixed sys:ro
        lxc.mount.entry = /usr usr none bind,ro,rprivate 0 0
        lxc.mount.entry = /lib lib none bind,ro,rprivate 0 0
        lxc.mount.entry = /usr/lib usr/lib none bind,ro,rprivate 0 0
        lxc.mount.entry = /lib64 lib64 none bind,ro,rprivate 0 0
        lxc.mount.entry = /usr/lib64 usr/lib64 none bind,ro,rprivate 0 0
        lxc.mount.entry = /usr/local usr/local none bind,ro,rprivate 0 0
        lxc.mount.entry = /usr/sbin usr/sbin none bind,ro,rprivate 0 0
        lxc.mount.entry = tmpfs dev/shm tmpfs rw,nosuid,nodev,create=dir 0 0
        lxc.mount.entry = mqueue dev/mqueue mqueue rw,nosuid,nodev,noexec,optional,create=dir 0 0
        lxc.net.0.type = veth
        lxc.net.0.link = lxcbr0
        lxc.net.0.name = eth0
        lxc.net.0.flags = up
        lxc.cap.drop = mac_admin
        lxc.cap.drop = mac_override
        lxc.cap.drop = sys_time
        lxc.cap.drop = sys_module
        lxc.cap.drop = sys_rawio
        lxc.cap.drop = sys_admin
        lxc.no_new_privs = 1
        lxc.cgroup.devices.deny = a
        lxc.cgroup.devices.allow = c 1:3 rwm
        lxc.cgroup.devices.allow = c 1:5 rwm
        lxc.cgroup.devices.allow = c 1:7 rwm
        lxc.cgroup.devices.allow = c 1:8 rwm
        lxc.cgroup.devices.allow = c 1:9 rwm
        lxc.cgroup.devices.allow = c 5:0 rwm
        lxc.cgroup.devices.allow = c 5:1 rwm
        lxc.cgroup.devices.allow = c 5:2 rwm
        lxc.cgroup.devices.allow = c 136:* rwm
        lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp
        lxc.idmap = u 0 1879048192 65536
        lxc.idmap = g 0 1879048192 65536
        lxc.rootfs.options = idmap=container
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
