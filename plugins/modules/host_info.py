#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Tell what a target lacks before it can run LXC containers
version_added: "0.3.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Reads distribution, packages, subordinate ids, C(lxc-net), the addresses of the target and what its kernel can do, all in one run, and
    tells what would have to change for what the options ask for, and what stands in the way.
  - The role C(host) runs it, and then changes what is to change with Ansible's own modules.
  - Changes nothing.
options:
  packages:
    description: Whether LXC and what belongs to it are to be installed by the distribution's package manager.
    type: bool
    default: true
  ids:
    description:
      - The first subordinate id that root is to have for containers, and how many.
      - When left out, they come from elsewhere.
    type: list
    elements: int
  lxc_net:
    description:
      - The bridge that C(lxc-net) is to have, as the filter P(softwarecontainer.lxc.lxc_net#filter) returns it.
      - When left out, it comes from elsewhere.
    type: dict
    suboptions:
      address:
        description: The address of the bridge with a prefix length.
        type: str
        required: true
      network:
        description: The network of the bridge.
        type: str
        required: true
      settings:
        description: The variables of C(lxc-net).
        type: dict
        required: true
  lxc_path:
    description:
      - Directory that holds the containers.
      - When left out, LXC's own.
    type: path
  comment:
    description: What the files that the role writes are to begin with.
    type: str
    default: Ansible managed
extends_documentation_fragment:
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: softwarecontainer.lxc.preflight
"""

EXAMPLES = r"""
- name: Look whether a target has all that LXC needs
  softwarecontainer.lxc.host_info:
  register: target

- name: Require that nothing is missing
  ansible.builtin.assert:
    that: target.obstacles + target.changes == []

- name: Look at the services alone
  softwarecontainer.lxc.host_info:
    packages: false

- name: Look whether root has these ids
  softwarecontainer.lxc.host_info:
    packages: false
    ids: [1879048192, 268304384]
"""

RETURN = r"""
obstacles:
  description: What keeps the target from running containers, and no change of the role can mend; a sentence each.
  returned: always
  type: list
  elements: str
  sample: []
changes:
  description:
    - What has to change, in this order. C(packages) are to be installed, C(ids) to be written down, C(lxc_path) is to be made, or to be passed
      by others, C(lxc-net) is to C(stop), its C(settings) are to be written, its start at C(boot), and it is to C(start).
  returned: always
  type: list
  elements: str
  sample: [settings, start]
foreseeable:
  description: Whether check mode can tell what containers would become, which needs the packages, the ids and the bridge.
  returned: always
  type: bool
  sample: true
check_mode:
  description: Whether it ran in check mode, by whichever way that was asked for.
  returned: always
  type: bool
  sample: false
distribution:
  description: The distribution by its ID in os-release.
  returned: always
  type: str
  sample: debian
systemd:
  description: Whether systemd runs the services.
  returned: always
  type: bool
  sample: true
lxc_path:
  description: The directory that holds the containers, null where none was given and LXC is not there.
  returned: always
  type: str
  sample: /var/lib/lxc
package_manager:
  description: C(apk), C(apt) or C(dnf), or empty for a distribution whose packages are not known.
  returned: always
  type: str
  sample: apt
packages:
  description: The packages that the target is to have.
  returned: always
  type: list
  elements: str
  sample: [busybox, dnsmasq-base, iproute2, iptables, lxc, python3-lxc]
ids_files:
  description: The files that lack the ids asked for, or whose owner or mode is wrong.
  returned: always
  type: list
  elements: str
  sample: [/etc/subuid, /etc/subgid]
ids_line:
  description: The line that gives root the ids asked for, null where none are.
  returned: always
  type: str
  sample: root:1879048192:268304384
lxc_net:
  description: LXC's own C(lxc-net) on this target.
  returned: always
  type: dict
  contains:
    attached:
      description: The interfaces that are attached to the bridge.
      returned: always
      type: list
      elements: str
    boot_script:
      description: The file that starts it at boot, empty where the distribution has a service.
      returned: always
      type: str
    boot_script_content:
      description: What belongs there.
      returned: always
      type: str
    bridge:
      description: The bridge by the settings that it goes by now.
      returned: always
      type: str
    helper:
      description: The program that brings it up and down.
      returned: always
      type: str
    settings:
      description: What belongs into the file with the settings, null where nothing was asked for.
      returned: always
      type: str
    settings_file:
      description: That file.
      returned: always
      type: str
    up:
      description: Whether it is up.
      returned: always
      type: bool
  sample:
    attached: [vethAb12Cd]
    boot_script: ""
    boot_script_content: |
      #!/bin/sh
      # Ansible managed
      exec /usr/libexec/lxc/lxc-net start
    bridge: lxcbr0
    helper: /usr/libexec/lxc/lxc-net
    settings: null
    settings_file: /etc/default/lxc-net
    up: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.sys_info import get_distribution

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import host_info


def main() -> None:
    """Tell what this target has and lacks."""
    module = AnsibleModule(argument_spec=argument_specs.HOST_INFO, supports_check_mode=True)
    archive.keep(module.check_mode)
    try:
        result = host_info.run(module.params, (get_distribution() or "").lower(), module.check_mode)
    except Error as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
