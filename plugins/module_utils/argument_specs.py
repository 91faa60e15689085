# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pure: the options of the modules, in the form of Ansible's argument specs."""

from __future__ import annotations

from typing import Any, Dict, Mapping

Arguments = Dict[str, Dict[str, Any]]

LXC: Arguments = {
    "lxc_path": {"type": "path"},
    "runtime": {"type": "str", "choices": ["auto", "binding", "tools"], "default": "auto"},
}
CONTAINERS: Arguments = {
    "containers": {"type": "list", "elements": "dict", "default": []},
    "defaults": {"type": "dict", "default": {}},
    **LXC,
}
# What the action resolves on the controller: no module on a target gets these.
CAPABILITIES: Arguments = {
    "manifests": {"type": "list", "elements": "str", "default": []},
    "capabilities": {"type": "list", "elements": "str", "default": []},
    "capability_settings": {"type": "dict", "default": {}},
}
BRIDGE: Arguments = {"bridge": {"type": "str", "default": "lxcbr0"}}
EARLIER: Arguments = {"failed_earlier": {"type": "dict", "default": {}}}
SECRETS: Arguments = {"secrets": {"type": "dict", "default": {}, "no_log": True}}
# What the action says of the controller's files, and where the contents are that it has sent.
SOURCES: Arguments = {"sources": {"type": "dict", "default": {}}, "incoming": {"type": "path"}}
# The states for containers that are given by name: those of a spec, and two that act each time.
STATES = ("started", "stopped", "frozen", "absent", "restarted", "reloaded")
PRUNE: Arguments = {"prune": {"type": "bool", "default": False}}
REMOVE_VOLUMES: Arguments = {"remove_volumes": {"type": "bool", "default": False}}
WAIT: Arguments = {"wait_ready": {"type": "bool", "default": True}}

TIMES: Arguments = {
    "settle": {"type": "float", "default": 0.5},
    "stop_timeout": {"type": "float", "default": 10.0},
    "start_timeout": {"type": "float", "default": 30.0},
}

PREFLIGHT: Arguments = {**CONTAINERS, **CAPABILITIES, **BRIDGE, "needed": {"type": "list", "elements": "str"}}
CHECKPOINT: Arguments = {
    **CONTAINERS,
    **CAPABILITIES,
    "state": {"type": "str", "choices": ["present", "absent", "restored"], "default": "present"},
    "id": {"type": "str", "default": ""},
    **TIMES,
}
LOGS: Arguments = {
    "name": {"type": "list", "elements": "str"},
    "lines": {"type": "int", "default": 100},
    "since_start": {"type": "bool", "default": False},
    **LXC,
}
CONTAINER_INFO: Arguments = {
    **CONTAINERS,
    **CAPABILITIES,
    "name": {"type": "list", "elements": "str"},
    "others": {"type": "bool", "default": False},
}
CAPABILITY_INFO: Arguments = {
    "containers": CONTAINERS["containers"],
    "defaults": CONTAINERS["defaults"],
    **CAPABILITIES,
    "lxc_path": {"type": "str"},
    "name": {"type": "list", "elements": "str"},
}
READY: Arguments = {**CONTAINERS, **CAPABILITIES, **SECRETS}

HOST_INFO: Arguments = {
    "packages": {"type": "bool", "default": True},
    "ids": {"type": "list", "elements": "int"},
    "lxc_net": {
        "type": "dict",
        "options": {
            "address": {"type": "str", "required": True},
            "network": {"type": "str", "required": True},
            "settings": {"type": "dict", "required": True},
        },
    },
    "lxc_path": {"type": "path"},
    "comment": {"type": "str", "default": "Ansible managed"},
}

MOLECULE_TARGETS: Arguments = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "targets": {"type": "list", "elements": "dict", "default": []},
    "path": {"type": "path", "default": "/var/lib/softwarecontainer-targets"},
    "cache": {"type": "path", "default": "/var/cache/softwarecontainer-targets"},
    "bridge": {"type": "str", "default": "sctargets"},
    "address": {"type": "str", "default": "10.213.0.1/24"},
    "packages": {"type": "list", "elements": "str", "default": []},
    "mirror": {"type": "str", "default": ""},
    "timeout": {"type": "int", "default": 60},
    "public_key": {"type": "str"},
    "inventory": {"type": "str"},
    "progress": {"type": "str", "default": ""},
}
MOLECULE_POWER: Arguments = {
    "name": {"type": "list", "elements": "str", "required": True},
    "state": {"type": "str", "choices": ["off", "on", "cut"], "required": True},
    "path": {"type": "path", "default": "/var/lib/softwarecontainer-targets"},
    "timeout": {"type": "int", "default": 300},
    "progress": {"type": "str", "default": ""},
}

# The options of each stage, by the name of its module.
STAGES: Dict[str, Arguments] = {
    "rootfs": {
        **CONTAINERS,
        **CAPABILITIES,
        **SECRETS,
        **SOURCES,
        **BRIDGE,
        "look_ahead": {"type": "dict", "options": {**BRIDGE, **PRUNE}},
    },
    "busybox": {**CONTAINERS, **CAPABILITIES, **SECRETS, **EARLIER},
    "config": {**CONTAINERS, **CAPABILITIES, **SECRETS, **BRIDGE, **EARLIER},
    "container": {
        **CONTAINERS,
        **CAPABILITIES,
        **SECRETS,
        **SOURCES,
        **BRIDGE,
        **EARLIER,
        **PRUNE,
        **REMOVE_VOLUMES,
        "name": {"type": "list", "elements": "str"},
        "state": {"type": "str", "choices": list(STATES)},
        **TIMES,
    },
    "containers": {
        **CONTAINERS,
        **CAPABILITIES,
        **SECRETS,
        **SOURCES,
        **BRIDGE,
        **PRUNE,
        **REMOVE_VOLUMES,
        **WAIT,
        **TIMES,
    },
}
# The options of the module that runs any stage.
STAGE: Arguments = {"stage": {"type": "str", "choices": list(STAGES), "required": True}}
for options in STAGES.values():
    STAGE.update(options)

# What is rolled out to a host. All other options only say how.
ROLLED_OUT: Arguments = {
    "containers": CONTAINERS["containers"],
    "defaults": CONTAINERS["defaults"],
    **SECRETS,
    "lxc_path": {"type": "str"},
    **BRIDGE,
    **PRUNE,
}
ROLLOUT_STEPS: Arguments = {
    "way": {"type": "str", "choices": ["forward", "back", "forecast"], "required": True},
    "part": {"type": "int", "required": True},
    "results": {"type": "dict", "default": {}},
    "id": {"type": "str", "required": True},
    **ROLLED_OUT,
    **SOURCES,
    **LXC,
    **TIMES,
}


def filled(arguments: Arguments, given: Mapping[str, Any]) -> Dict[str, Any]:
    """Return the parameters of a module that another module calls: those in `given`, and the defaults of all others."""
    return {**{name: option.get("default") for name, option in arguments.items()}, **given}
