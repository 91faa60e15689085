#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: container_info
short_description: Tell what is there of LXC containers
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Reads the state, addresses, use of memory and processors, and limits of containers from LXC and the kernel.
  - Tells whether a container was made by this collection, where its files are no longer as they were made, and whether
    it has to be restarted for its changes to take effect.
  - With O(name) or O(containers), looks at these. With neither, looks at all containers in O(lxc_path), also at those
    of others.
  - With O(containers) it also tells what the specs declare, whether the checks under O(containers[].ready) hold now, and
    what is wrong, in words.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers
  - softwarecontainer.lxc.containers.capabilities
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
    details: It changes nothing in any mode.
  diff_mode:
    support: none
options:
  name:
    description:
      - The containers to look at, a name or a list of names, instead of O(containers).
      - When left out, those of O(containers), or all where there are none.
    type: list
    elements: str
  others:
    description: Whether to look at all other containers in O(lxc_path) too, after those of O(name) or O(containers).
    type: bool
    default: false
notes:
  - What is on disk is compared with what the collection wrote, not with the specs; for the latter use the stages in
    check mode.
  - Each check under O(containers[].ready) is looked at once, all side by side, for five seconds at most. Nothing is waited
    for, neither O(containers[].ready[].timeout) nor O(containers[].ready[].stable).
  - Contrary to the other modules it does not fail because of one container. See RV(containers[].error).
seealso:
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.exec
"""

EXAMPLES = r"""
- name: Look at all containers of the host
  softwarecontainer.lxc.container_info:
  register: there

- name: Require that every container of ours is as it was made, and runs what is on disk
  ansible.builtin.assert:
    that:
      - there.containers | selectattr('ours') | rejectattr('drift', 'equalto', []) | length == 0
      - there.containers | selectattr('restart_needed') | length == 0

- name: Look at two containers by their names
  softwarecontainer.lxc.container_info:
    name: [hmi, logger]

- name: Look at all containers, beside what is declared of them
  softwarecontainer.lxc.container_info:
    containers: "{{ softwarecontainer_containers }}"
    defaults: "{{ softwarecontainer_defaults }}"
    others: true
  register: beside

- name: Require that nothing is wrong
  ansible.builtin.assert:
    that: beside.containers | map(attribute='problems') | flatten == []
"""

RETURN = r"""
containers:
  description: What is there of each container, in the order given, and then by name where others are looked at.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the container.
      returned: always
      type: str
    state:
      description:
        - The state as LXC calls it, C(STOPPED), C(STARTING), C(RUNNING), C(STOPPING), C(ABORTING), C(FREEZING),
          C(FROZEN) or C(THAWED), or C(ABSENT) where there is no such container, or C(INCOMPLETE) where it was not
          built or not removed to the end. It is null where LXC cannot tell.
      returned: always
      type: str
    pid:
      description: The process id on the target of the container's PID 1. It is null where the container does not run.
      returned: always
      type: int
    declared:
      description: The state that its spec declares. It is null where no spec was given.
      returned: always
      type: str
    health:
      description:
        - Whether the checks of its spec hold now, C(healthy) or C(unhealthy). It is null where there are none, or where
          it does not run as declared.
      returned: always
      type: str
    checks:
      description: The checks of its spec. Empty where RV(containers[].health) is null.
      returned: always
      type: list
      elements: dict
      contains:
        check:
          description: What was looked at, for people.
          returned: always
          type: str
        held:
          description: Whether it held.
          returned: always
          type: bool
        reason:
          description: Why it did not. Empty where it held.
          returned: always
          type: str
    problems:
      description:
        - What is wrong with it, a sentence each without its name. It is not in its declared state, does not stay up, is
          unhealthy, has drifted, waits for a restart, or is not declared where O(others) is set and others are.
      returned: always
      type: list
      elements: str
    uptime_seconds:
      description: How long it has run. It is null where it does not.
      returned: always
      type: int
    addresses:
      description: The IPv4 and IPv6 addresses of the container, without loopback and IPv6 link-local ones.
      returned: always
      type: list
      elements: str
    ports:
      description: The ports of the target that are handed on to the container now, by the rules that the target has.
      returned: always
      type: list
      elements: dict
    memory_bytes:
      description: The memory that its cgroup uses, page cache included. It is null where the container does not run.
      returned: always
      type: int
    memory_limit_bytes:
      description: How much that may be at most. It is null where there is no limit, or where the container does not run.
      returned: always
      type: int
    cpu_seconds:
      description: The processor time that it has used since its start. It is null where the container does not run.
      returned: always
      type: float
    limits:
      description:
        - The limits that the kernel has in force, by the keys C(memory), C(memory_swap), C(cpu_shares), C(cpus) and
          C(pids) of the container spec. Each is the text of its cgroup file, in the unit of the cgroup version in
          force, or null where there is no such limit.
        - A key whose cgroup controller the target does not have is missing, and all where the container does not run.
      returned: always
      type: dict
    effective:
      description: What the kernel has in force for PID 1. Empty where the container does not run.
      returned: always
      type: dict
      contains:
        capabilities:
          description: The capabilities that a process of the container can get, its bounding set.
          returned: when it runs
          type: list
          elements: str
        no_new_privs:
          description: Whether setuid programs and file capabilities give no further rights.
          returned: when it runs
          type: bool
        seccomp:
          description: How system calls are filtered, C(disabled), C(strict) or C(filter).
          returned: when it runs
          type: str
        uid_map:
          description: The map of user ids, first id inside, first id on the target, how many.
          returned: when it runs
          type: list
          elements: list
        gid_map:
          description: The same of group ids.
          returned: when it runs
          type: list
          elements: list
        apparmor:
          description: The AppArmor profile. It is null where the kernel has no AppArmor.
          returned: when it runs
          type: str
        apparmor_mode:
          description:
            - The mode of the AppArmor profile, for example C(enforce) or C(complain), which only writes to the log. It
              is null where there is no profile.
          returned: when it runs
          type: str
        selinux:
          description: The SELinux context. It is null where the kernel has no SELinux.
          returned: when it runs
          type: str
        devices:
          description:
            - The devices that it may use, by the rules of its cgroup. Empty where a program of cgroup version 2 decides,
              whose rules cannot be read. It is null where nothing is restricted, or where that cannot be told, see
              RV(containers[].effective.devices_unknown).
          returned: when it runs
          type: list
          elements: str
        devices_unknown:
          description:
            - Why it cannot be told whether a program decides about devices, for example since the kernel refuses to say.
              It is null where it can be told.
          returned: when it runs
          type: str
        nodes:
          description:
            - The nodes of O(containers[].gateways.devices) that it has, each with C(source) (on the target), C(target) (in the
              container), C(device) (C(c) or C(b) and the numbers), C(mode) and C(owner) (user and group on the target).
          returned: when it runs
          type: list
          elements: dict
        mounts:
          description: The options of the mount that is on top at each mount point.
          returned: when it runs
          type: dict
        following:
          description: The mount points below which what the target mounts later appears too.
          returned: when it runs
          type: list
          elements: str
        interfaces:
          description: The names of its network interfaces.
          returned: when it runs
          type: list
          elements: str
        packet_filter:
          description:
            - The packet filter of O(containers[].gateways.network). It is null where the container was made without one.
          returned: when it runs
          type: dict
          contains:
            in_force:
              description: Whether the rules of its file, and no others, are those that the kernel has for it.
              returned: always
              type: bool
            missing:
              description: What is not in force, in sentences.
              returned: always
              type: list
              elements: str
            incoming:
              description:
                - How many packets from others were C(accepted) and how many C(refused), since the rules were loaded.
              returned: always
              type: dict
            outgoing:
              description:
                - The same of packets to others. Loopback, and what IPv6 needs to find its neighbours, count in neither.
              returned: always
              type: dict
        limits:
          description: The same as RV(containers[].limits).
          returned: when it runs
          type: dict
    ours:
      description: Whether this collection made it.
      returned: always
      type: bool
    drift:
      description: What the stages would repair, one line each. Always empty for the containers of others.
      returned: always
      type: list
      elements: str
    reload_needed:
      description: Whether a file that its command reads at a signal has changed, and the command has not got the signal yet.
      returned: always
      type: bool
    restart_needed:
      description: Whether it runs and has changed on disk since it was started.
      returned: always
      type: bool
    starts:
      description: How often it was started since it was built. It is null where it was not, or for containers of others.
      returned: always
      type: int
    started_at:
      description: When it was last started, by the clock of the target, in UTC. It is null where it was not.
      returned: always
      type: str
    restarts:
      description:
        - How often its command was started again since the container was started, see C(restart) in the container spec.
          It is null where nothing watches its command, with an C(init) of its own or without a C(command).
      returned: always
      type: int
    restarting:
      description: Whether its command has ended and is to be started again after a pause.
      returned: always
      type: bool
    last_end:
      description: How its command, or the C(init) of its own, last ended. It is null where it never did.
      returned: always
      type: dict
      contains:
        status:
          description:
            - The exit status. Where a signal ended the command it is 128 and the number of the signal, as in a shell. It
              is null where it is not known.
          returned: always
          type: int
        signal:
          description: The name of the signal that ended it, without SIG. It is null where none did.
          returned: always
          type: str
        out_of_memory:
          description: Whether the kernel killed it for want of memory. It is null where that is not known.
          returned: always
          type: bool
        seconds:
          description: How long it had run. It is null where that is not known.
          returned: always
          type: float
        ended:
          description: When it ended, by the clock of the target, in UTC. It is null where that is not known.
          returned: always
          type: str
        asked:
          description: Whether it ended since the container was asked to end.
          returned: always
          type: bool
        reason:
          description: All that in words.
          returned: always
          type: str
    error:
      description: Why something cannot be told. It is null where all can.
      returned: always
      type: str
  sample:
    - name: hmi
      state: RUNNING
      pid: 2581
      declared: started
      health: unhealthy
      checks:
        - {check: tcp 8080, held: false, reason: "Connection refused at 127.0.0.1, ::1, 10.0.3.20"}
      problems:
        - "tcp 8080 does not hold: Connection refused at 127.0.0.1, ::1, 10.0.3.20"
        - "is not on disk as it was made: adjust directory rootfs/home to 0755; create in rootfs/bin: vi"
      uptime_seconds: 86
      addresses: [10.0.3.20]
      ports: [{target: 8080, container: 80, protocol: tcp}]
      memory_bytes: 536576
      memory_limit_bytes: 67108864
      cpu_seconds: 0.007
      limits: {memory: "67108864", memory_swap: null, cpu_shares: "1024", cpus: "50000", pids: "100"}
      effective:
        capabilities: [chown, dac_override, net_bind_service, setgid, setuid]
        no_new_privs: true
        seccomp: filter
        uid_map: [[0, 1879048192, 65536]]
        gid_map: [[0, 1879048192, 65536]]
        apparmor: null
        apparmor_mode: null
        selinux: null
        devices: [c 1:3 rwm, c 1:5 rwm]
        devices_unknown: null
        nodes: [{source: /dev/i2c-1, target: /dev/i2c-1, device: "c 89:1", mode: "0660", owner: [1879048192, 1879048192]}]
        mounts: {/: "rw,relatime", /sys: "ro,nosuid,nodev,noexec,relatime"}
        following: [/]
        interfaces: [lo, eth0]
        limits: {memory: "67108864", memory_swap: null, cpu_shares: "1024", cpus: "50000", pids: "100"}
      ours: true
      drift:
        - adjust directory rootfs/home to 0755
        - "create in rootfs/bin: vi"
      reload_needed: false
      restart_needed: false
      starts: 3
      started_at: "2026-11-30T17:15:28Z"
      restarts: 1
      restarting: false
      last_end:
        status: 137
        signal: KILL
        out_of_memory: true
        seconds: 1.05
        ended: "2026-11-30T17:16:02Z"
        asked: false
        reason: its command was killed by the kernel for want of memory after 1.1 s
      error: null
volumes:
  description:
    - The O(containers[].volumes) that are on the target, of the containers that were given. Where none were given, or
      with O(others), those of all containers, also of containers that are gone.
  returned: success
  type: list
  elements: dict
  contains:
    container: {description: The name of its container., returned: always, type: str}
    name: {description: The name of the volume., returned: always, type: str}
    path: {description: Where the volume is on the target., returned: always, type: str}
    target:
      description: Where the config of the container mounts it. It is null where the container does not, or is gone.
      returned: always
      type: str
    size: {description: How many bytes it may hold; null if no limit is in force., returned: always, type: int}
    used: {description: How many bytes it holds; null if no limit is in force., returned: always, type: int}
  sample:
    - container: hmi
      name: data
      path: /var/lib/lxc/.volumes/hmi/data
      target: /var/lib/hmi
      size: 67108864
      used: 4096
lxc_path:
  description: The directory that was looked at.
  returned: success
  type: str
  sample: /var/lib/lxc
lxc_version:
  description: The version of LXC on the target.
  returned: success
  type: str
  sample: 5.0.2
cgroup_version:
  description:
    - The layout of cgroups on the target, C(1), C(2), or C(hybrid) where version 2 is mounted but version 1 has the
      controllers.
  returned: success
  type: str
  sample: hybrid
runtime:
  description: How LXC was reached, C(binding) or C(tools).
  returned: success
  type: str
  sample: binding
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import container_info


def main() -> None:
    """Tell what is there of the containers of this host."""
    module = AnsibleModule(argument_spec=argument_specs.CONTAINER_INFO, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = container_info.run(module.params)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
