#!/usr/bin/python
# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: exec
short_description: Run a program in an LXC container
version_added: "0.1.0"
author:
  - softwarecontainer.lxc contributors (@softwarecontainer)
description:
  - Runs one program with its arguments in a running container, and returns what it printed and how it ended.
  - The container needs to have nothing but that program. There is no shell unless O(argv) names one.
  - The environment has nothing of the target's. It has C(PATH), the environment that the container was given, and
    O(environment).
  - What the program prints is taken as text and nothing else.
extends_documentation_fragment:
  - softwarecontainer.lxc.containers.lxc
  - softwarecontainer.lxc.containers.secrets
  - softwarecontainer.lxc.containers.attributes
attributes:
  check_mode:
    support: partial
    details:
      - O(creates) and O(removes) are looked at, and where they do not decide the task is skipped. The program is not
        run.
  diff_mode:
    support: none
options:
  name:
    description: The name of the container, which has to be running and not frozen.
    type: str
    required: true
  argv:
    description:
      - The program and its arguments. The program is a path in the container, or a name that is looked for in the
        C(PATH) of its environment.
    type: list
    elements: str
    required: true
  environment:
    description:
      - Environment variables for the program, beside those of the container. Booleans are refused; put them in quotes.
      - A value that is secret is written with the key C(secret) and a name, and O(secrets) has it under that name.
      - Values are handed over where other users of the target cannot read them, except those of variables that would
        change how LXC's own program runs, such as C(PATH) and what starts with C(LD_) or C(LXC_).
      - When left out, none are added.
    type: dict
    default: {}
  stdin:
    description:
      - What the program reads from its standard input, as text. No line end is added.
      - When left out, its standard input is empty.
    type: str
  user:
    description:
      - The user that the program runs as, a number, or a name in the container's C(/etc/passwd).
      - When left out, root.
    type: str
  group:
    description:
      - The group that the program runs as, a number, or a name in the container's C(/etc/group).
      - When left out, the group that the container's C(/etc/passwd) gives the O(user). A number that is not in there has
        the group of the same number. Without O(user) it is root's.
    type: str
  chdir:
    description:
      - The directory in the container to run the program in, an absolute path. It needs C(sh) in the container.
      - When left out, the root directory.
    type: str
  timeout:
    description:
      - How long the program may take, in seconds. It is killed then, with all that it started, and the task fails.
      - When left out, it may take as long as it likes.
    type: float
  creates:
    description:
      - A path in the container. Where it exists, the program is not run.
      - When left out, nothing is looked for.
    type: str
  removes:
    description:
      - A path in the container. Where it does not exist, the program is not run.
      - When left out, nothing is looked for.
    type: str
  output_limit:
    description:
      - How much of the standard output, and as much of the standard error, is returned, in bytes. The rest is thrown
        away.
    type: int
    default: 1048576
notes:
  - It always uses the program C(lxc-attach), whatever O(runtime) says, because root in the container could otherwise
    reach the target's Python interpreter. A target with the Python module C(lxc) alone cannot run it.
seealso:
  - module: softwarecontainer.lxc.container
  - module: softwarecontainer.lxc.container_info
  - module: ansible.builtin.command
"""

EXAMPLES = r"""
- name: List the processes of a container
  softwarecontainer.lxc.exec:
    name: hmi
    argv: [/bin/busybox, ps]
  register: processes
  changed_when: false

- name: Make a directory unless it is there
  softwarecontainer.lxc.exec:
    name: hmi
    argv: [mkdir, /home/data]
    creates: /home/data

- name: Run a script of a shell, with an environment and an input
  softwarecontainer.lxc.exec:
    name: hmi
    argv:
      - sh
      - -c
      - read -r line && echo "$GREETING, $line"
    environment:
      GREETING: Hello
    stdin: |
      world
    timeout: 5

- name: Run a program as another user in another directory
  softwarecontainer.lxc.exec:
    name: hmi
    argv: [id]
    user: "1000"
    group: "1000"
    chdir: /tmp

- name: Take an exit status for an answer
  softwarecontainer.lxc.exec:
    name: hmi
    argv: [test, -e, /home/ready]
  register: ready
  changed_when: false
  failed_when: ready.rc not in [0, 1]
"""

RETURN = r"""
cmd:
  description: The program and its arguments, as in O(argv).
  returned: unless the call was refused
  type: list
  elements: str
  sample: [/bin/busybox, ps]
rc:
  description:
    - The exit status of the program, 0 where O(creates) or O(removes) said not to run it. It is null where the time
      O(timeout) was up.
  returned: unless the call was refused or in check mode
  type: int
  sample: 0
stdout:
  description: What it printed. Bytes that are not UTF-8 are replaced.
  returned: unless the call was refused or in check mode
  type: str
  sample: |
    PID   USER     COMMAND
        1 root     {init.lxc} init
        2 root     /bin/busybox sleep 2147483647
        3 root     /bin/busybox ps
stderr:
  description: What it printed as errors. Bytes that are not UTF-8 are replaced.
  returned: unless the call was refused or in check mode
  type: str
  sample: "/nosuch: 1: cd: can't cd to /nosuch\n"
output_truncated:
  description: Whether RV(stdout) or RV(stderr) was cut off at O(output_limit).
  returned: when the program was run
  type: bool
  sample: false
msg:
  description: Why the program was not run, or how it failed.
  returned: when it was not run, or failed
  type: str
  sample: did not run, since /home/data exists in the container
"""

from ansible.module_utils.basic import AnsibleModule

from ..module_utils import archive, argument_specs
from ..module_utils.errors import Error
from ..module_utils.modules import exec


def main() -> None:
    """Run one program in a container."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "argv": {"type": "list", "elements": "str", "required": True},
            "environment": {"type": "dict", "default": {}},
            "stdin": {"type": "str"},
            "user": {"type": "str"},
            "group": {"type": "str"},
            "chdir": {"type": "str"},
            "timeout": {"type": "float"},
            "creates": {"type": "str"},
            "removes": {"type": "str"},
            "output_limit": {"type": "int", "default": 1048576},
            **argument_specs.SECRETS,
            **argument_specs.LXC,
        },
        supports_check_mode=True,
    )
    archive.keep(module.check_mode)
    try:
        result = exec.run(module.params, module.check_mode)
    except Error as error:
        module.fail_json(msg=str(error))
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
