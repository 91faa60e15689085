#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container
short_description: Start, stop, freeze and remove LXC containers
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Brings each container to the state that its spec declares, all of them together, not one after another.
  - Started means that LXC says C(RUNNING), that PID 1 is still alive after the time O(settle), and that the kernel has
    in force what can be read back of the config, see the notes. Stopped means that no process is left.
  - Restarts a running container whose rootfs, busybox or config has changed since it was started, unless
    O(containers[].on_change) says otherwise, and has its command read again what O(containers[].files[].on_change) says so of.
  - Stops a container by asking its PID 1 to end, and kills what has not ended after O(stop_timeout).
  - It is the last stage. The container has to be complete, made by M(softwarecontainer.lxc.rootfs),
    M(softwarecontainer.lxc.busybox) and M(softwarecontainer.lxc.config), unless it is to be absent.
  - Works on containers by O(name) as well, for use without specs, on the command line for example.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.sources
  - softwarecontainer.lxc.containers.bridge
  - softwarecontainer.lxc.containers.earlier
  - softwarecontainer.lxc.containers.lifecycle
  - softwarecontainer.lxc.containers.times
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
    details:
      - A container that the earlier stages would build counts as there, and one that they would change as changed, so
        that a play in check mode tells of the start or restart that would follow.
  diff_mode:
    support: full
notes:
  - The option C(bridge) is used in check mode alone, to tell what M(softwarecontainer.lxc.config) would change.
    Give both modules the same.
  - A removed container's O(containers[].gateway_dir) and the sources of its mounts stay on the target, and so do its
    O(containers[].volumes) unless O(remove_volumes) is true.
  - This is read back of a container that was started, and what is not in force is a failure that names it - the
    O(containers[].limits), unless it was given by O(name); that the capabilities of
    O(containers[].security.drop_capabilities) are gone; O(containers[].security.no_new_privs); that there is a filter of
    system calls for O(containers[].security.seccomp), but not which; the profile or context of
    O(containers[].security.apparmor), in a mode that enforces it, and O(containers[].security.selinux); that no rule allows more than
    O(containers[].security.devices), or on cgroup version 2 merely that a program decides; the
    O(containers[].security.idmap) that was given or chosen; that something is mounted where O(containers[].mounts) and
    the other keys ask for it, with C(ro), C(nosuid), C(nodev), C(noexec) and mapped ids where these are asked for, and closed
    then to what the target mounts there later; that the
    interfaces of O(containers[].network) are there, by their names alone; and that no cgroup key is of the version that
    is not in force, which LXC passes over.
  - Not read back is all else, such as what is mounted, with which other options, addresses, routes and links of
    interfaces, the environment, and most keys of O(containers[].lxc). A container that is left running is not looked
    at; M(softwarecontainer.lxc.container_info) tells what is in force for it.
  - A container for which something is not in force goes on running, to be looked at. It counts as changed since its
    start, so that the next run restarts it, and fails again where nothing was mended.
seealso:
  - module: softwarecontainer.lxc.rootfs
  - module: softwarecontainer.lxc.busybox
  - module: softwarecontainer.lxc.config
  - module: softwarecontainer.lxc.container_info
  - module: softwarecontainer.lxc.exec
"""

EXAMPLES = r"""
- name: Start one container and stop another
  softwarecontainer.lxc.container:
    containers:
      - name: hmi
      - name: logger
        state: stopped

- name: Have exactly the declared containers, and remove ours that are declared no longer
  softwarecontainer.lxc.container:
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"
    prune: true

- name: Let containers run as they are, although they have changed
  softwarecontainer.lxc.container:
    containers:
      - name: hmi
      - name: logger
    defaults:
      on_change: leave

- name: Freeze a container by its name
  softwarecontainer.lxc.container:
    name: hmi
    state: frozen

- name: Stop two containers, and kill them after three seconds
  softwarecontainer.lxc.container:
    name: [hmi, logger]
    state: stopped
    stop_timeout: 3

- name: Restart a container
  softwarecontainer.lxc.container:
    name: hmi
    state: restarted

- name: Have a web server read its configuration again, by the signal that its spec names
  softwarecontainer.lxc.container:
    name: web
    state: reloaded

- name: Remove a container, but keep its volumes
  softwarecontainer.lxc.container:
    name: logger
    state: absent

- name: Remove a container with all its data
  softwarecontainer.lxc.container:
    name: logger
    state: absent
    remove_volumes: true
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
      description: Whether its state was changed, or in check mode would be.
      returned: always
      type: bool
    changes:
      description:
        - The steps, in order. They are C(unfreeze), C(stop), C(remove), C(remove_volumes), C(shift), C(start), C(filter), C(reload)
          and C(freeze).
        - C(shift) gives the files of the rootfs and of the volumes other owners, where the ids of the container have changed
          and the file system cannot be mounted with mapped ids. C(reload) sends the signal that O(containers[].reload) names.
        - C(filter) gives a running container other rules of its packet filter, see O(containers[].gateways.network).
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
      description: The process id on the target of the container's PID 1. It is null where the container does not run.
      returned: always
      type: int
    error:
      description: Why the container failed, with the ERROR lines of LXC's log where a start failed.
      returned: when it failed
      type: str
  sample:
    - name: hmi
      changed: true
      changes: [stop, start]
      state_before: RUNNING
      state: RUNNING
      pid: 22642
    - name: logger
      changed: true
      changes: [stop]
      state_before: RUNNING
      state: STOPPED
      pid: null
    - name: radio
      changed: false
      changes: []
      state_before: ABSENT
      state: ABSENT
      pid: null
      error: it is not built yet; run the stages rootfs, busybox and config first
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
  description: The state of each container that changes.
  returned: in diff mode, when something changes
  type: list
  elements: dict
  sample:
    - before_header: hmi
      after_header: hmi
      before: |
        state: RUNNING
      after: |
        state: RUNNING (restarted)
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
