#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: molecule_targets
short_description: Make and remove system containers and virtual machines that serve as molecule targets
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Makes system containers on the machine where it runs, each a whole Debian with an SSH server and LXC of its own. This is the machine that
    molecule runs on.
  - A target with C(machine) is a virtual machine instead, with a kernel, an init and a processor of its own.
  - Debootstrap builds one tree per distribution, which is kept in O(cache). Each target is an overlay on its tree.
  - For machines, mmdebstrap builds one tree per distribution, architecture and list of packages, and mke2fs makes an image from it.
  - The role C(molecule_targets) runs this module. It also makes the SSH key and writes the files that lead to the targets, and it says
    beforehand that a tree is to be built. A scenario uses the role.
requirements:
  - root
  - the programs of the Debian packages lxc, debootstrap, debian-archive-keyring, iproute2 and openssh-client
  - for machines those of mmdebstrap, e2fsprogs, kmod, dpkg, qemu-system-x86 or qemu-system-arm, and for another architecture than this machine's
    qemu-user-static and binfmt-support
options:
  state:
    description:
      - V(present) makes what is missing, makes anew what differs, removes what O(targets) does not name, starts all targets, and waits until
        their SSH servers answer.
      - V(absent) removes everything that it finds below O(path), the bridge, and trees that are half made. It goes by what is there and not by
        O(targets). It ends another run for the same O(path). Whole trees stay in O(cache).
    type: str
    choices: [present, absent]
    default: present
  targets:
    description: The targets.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the target, in the inventory too, and its host name.
        type: str
        required: true
      distribution:
        description: What it runs.
        type: str
        required: true
        choices: [debian-11, debian-12, debian-13, debian-14]
      address:
        description: Its IPv4 address, in the network of O(address). Every target has one but a machine.
        type: str
      binding:
        description: Whether it has the Python binding of LXC.
        type: bool
        default: true
      ssh:
        description: Its SSH server.
        type: str
        choices: [openssh, dropbear]
        default: openssh
      sftp:
        description: Whether it has an sftp server. Without one the inventory has Ansible copy files through the shell.
        type: bool
        default: true
      read_only:
        description: Whether its root file system is read-only, but for the data partition, C(/run) and C(/tmp).
        type: bool
        default: false
      cgroup2:
        description:
          - Whether it has control groups of version 2 alone, whatever this machine has. LXC 7, which debian-14 has, needs that.
          - Where this machine has a controller on version 1, such a target does not have it, and no limits for its containers.
        type: bool
        default: false
      data:
        description: Where its data partition is mounted, a directory on the file system of this machine and not on the overlay.
        type: str
        default: /data
      lxc_path:
        description: The directory of its containers. When left out, LXC's own.
        type: str
      groups:
        description: Groups of the inventory that it is in.
        type: list
        elements: str
        default: []
      variables:
        description: Further variables that it has in the inventory.
        type: dict
        default: {}
      machine:
        description:
          - Makes the target a virtual machine with a kernel and a systemd of its own, by qemu. KVM runs it where this machine has that and the
            same architecture; otherwise its processor is emulated, and it boots within a minute or some.
          - Its inventory has the port of 127.0.0.1 that leads to its SSH server. It can reach nothing outside itself.
          - It has none of the keys C(address), C(binding), C(ssh), C(sftp), C(read_only), C(cgroup2), C(data) and C(lxc_path).
        type: dict
        suboptions:
          port:
            description: The port of 127.0.0.1 that leads to its SSH server, from 1024 to 65535.
            type: int
            required: true
          architecture:
            description: Architecture of its processor and its packages. With V(armhf-on-arm64) the packages are of 32 bits and the kernel of 64.
            type: str
            choices: [amd64, arm64, armhf, armhf-on-arm64]
            default: amd64
          memory:
            description: Its memory, in bytes or with one of the suffixes K, M and G; at least 128M.
            type: str
            default: 1G
          cpus:
            description: Number of its processors. More than one is slower where other programs keep this machine busy.
            type: int
            default: 1
          disk:
            description: Size of its disk, as for C(memory); at least 1G. The image takes only what is in use, but that much has to be free.
            type: str
            default: 2G
          kernel_arguments:
            description: Further arguments of its kernel, such as V(rootflags=prjquota).
            type: str
            default: ""
          packages:
            description: Packages that it has in addition to systemd, an SSH server, Python, sudo and AppArmor.
            type: list
            elements: str
            default: []
          repository:
            description:
              - Packages that are not installed, but that apt can install on the machine, with all that they need.
              - When left out, those that the role C(host) installs.
            type: list
            elements: str
          file_system_features:
            description: Features of its root file system beside those of ext4, see ext4(5), such as V(quota) and V(project).
            type: list
            elements: str
            default: []
          volatile_cache:
            description:
              - Whether a power cut loses what the machine has written but not flushed, as with a disk that has a cache. About a half of
                that stays, by chance. Else nothing is lost that has reached qemu.
              - It logs all writes since the machine was turned on, which takes as much space beside its disk.
            type: bool
            default: false
          timeout:
            description: Seconds until its SSH server must answer.
            type: int
            default: 600
  path:
    description: Directory of the targets. It is made, and removed with all that is in it. One that is not empty and not ours is refused.
    type: path
    default: /var/lib/softwarecontainer-targets
  cache:
    description: Directory of the trees, which stay when the targets go.
    type: path
    default: /var/cache/softwarecontainer-targets
  bridge:
    description: Name of the bridge that joins this machine and the targets, at most 15 characters. It is made and removed.
    type: str
    default: sctargets
  address:
    description: IPv4 address of the bridge, with the prefix length of its network. No other interface may be in that network.
    type: str
    default: 10.213.0.1/24
  packages:
    description: Packages that the targets need beside LXC, Python, busybox and an SSH server. They have no way to install any later.
    type: list
    elements: str
    default: []
  mirror:
    description: Address of the archive. When empty, the one that apt of this machine reads, through the same proxy.
    type: str
    default: ""
  timeout:
    description: Seconds until the SSH server of a system container must answer. A machine has its own.
    type: int
    default: 60
  public_key:
    description:
      - The public SSH key of the one user who can log in to the targets, as root. Another key makes other targets.
      - When left out, only O(state=absent) can be asked for.
    type: str
  inventory:
    description:
      - Directory that is to hold RV(inventory), RV(known_hosts) and the private key C(id_ed25519). The module writes nothing there. The paths in
        RV(inventory) begin with it.
      - When left out, only O(state=absent) can be asked for.
    type: str
  progress:
    description: A file that the module appends lines to meanwhile. The action sets it, and shows the lines.
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and tell what would change without changing anything.
    support: full
  diff_mode:
    description: Returns what has changed, or in check mode what would change, when in diff mode.
    support: none
  platform:
    description: The operating systems that it works on.
    platforms: linux
    support: full
notes:
  - Errors name the variables of the role, which begin with C(softwarecontainer_targets).
  - One run for a O(path) waits for another. In check mode none waits.
  - All programs that it starts end with it, also where it is killed, except for the targets.
"""

EXAMPLES = r"""
- name: Make two targets
  softwarecontainer.lxc.molecule_targets:
    targets:
      - name: gateway
        distribution: debian-12
        address: 10.213.0.11
        groups: [gateways]
      - name: sensor
        distribution: debian-13
        address: 10.213.0.12
        ssh: dropbear
        sftp: false
        read_only: true
    public_key: "{{ lookup('ansible.builtin.file', 'targets/id_ed25519.pub') }}"
    inventory: "{{ playbook_dir }}/targets"
  register: made

- name: Make a target beside those of another checkout, in a network of its own
  softwarecontainer.lxc.molecule_targets:
    targets:
      - name: gateway
        distribution: debian-12
        address: 10.214.0.11
    path: /var/lib/other-targets
    bridge: othertargets
    address: 10.214.0.1/24
    public_key: "{{ lookup('ansible.builtin.file', 'targets/id_ed25519.pub') }}"
    inventory: "{{ playbook_dir }}/targets"

- name: Make a machine with an ARM processor
  softwarecontainer.lxc.molecule_targets:
    targets:
      - name: board
        distribution: debian-13
        machine:
          architecture: arm64
          port: 2231
    public_key: "{{ lookup('ansible.builtin.file', 'targets/id_ed25519.pub') }}"
    inventory: "{{ playbook_dir }}/targets"

- name: Tell what there is to remove
  softwarecontainer.lxc.molecule_targets:
    state: absent
  check_mode: true

- name: Remove all targets
  softwarecontainer.lxc.molecule_targets:
    state: absent
"""

RETURN = r"""
changes:
  description: What was changed, or in check mode would be, in this order; a sentence each.
  returned: always
  type: list
  elements: str
  sample: [build the tree of debian-12, bring up the bridge sctargets, make and start gateway]
trees:
  description: The distributions whose trees were built, or in check mode would be, which takes a minute or more for each.
  returned: for O(state=present)
  type: list
  elements: str
  sample: [debian-12]
known_hosts:
  description: The lines of known hosts for all targets. In check mode those of targets that are yet to be made are missing.
  returned: for O(state=present)
  type: str
  sample: |
    10.213.0.11 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0fsGBzWmNQZSEfLw1q5c9xXq5n4r0xVb3pYJ2mXz0a
inventory:
  description: All that Ansible needs to reach the targets and to run modules there, in the shape of a YAML inventory.
  returned: for O(state=present)
  type: dict
  sample:
    all:
      hosts:
        gateway:
          ansible_host: 10.213.0.11
          ansible_user: root
          ansible_ssh_private_key_file: /srv/play/targets/id_ed25519
          ansible_ssh_common_args: >-
            -o 'UserKnownHostsFile="/srv/play/targets/known_hosts"' -o StrictHostKeyChecking=yes -o IdentitiesOnly=yes
            -o ServerAliveInterval=5 -o ServerAliveCountMax=6
          ansible_python_interpreter: /usr/bin/python3
      children:
        gateways:
          hosts:
            gateway: {}
"""

import os
import signal
import sys
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import molecule_targets


def main() -> None:
    """Make or remove molecule targets."""
    module = AnsibleModule(
        argument_spec=argument_specs.MOLECULE_TARGETS,
        required_if=[("state", "present", ("public_key", "inventory"))],
        supports_check_mode=True,
    )

    def end(_number: int, _frame: Any) -> None:
        """Return an error and end; the kernel then kills the programs."""
        try:
            module.fail_json(msg="another run that removes these targets, or a signal from outside, has ended this one")
        finally:
            sys.stdout.flush()
            os._exit(1)

    # Both end at once. An exception would first wait for the threads and their programs.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, end)
    try:
        result = molecule_targets.run(module.params, module.check_mode)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
