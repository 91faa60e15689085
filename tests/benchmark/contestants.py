"""Pure: the contestants as data, and the command that each one runs in each phase."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Callable, Dict, List, Tuple

import payloads
from sandbox import names

CREATE, AGAIN, REMOVE, PING = "create", "again", "remove", "ping"


@dataclass(frozen=True)
class Setting:
    """Where everything is in this run."""

    root: str
    scratch: str
    base_config: str
    ansible_playbook: str
    peer_playbook: str

    @property
    def ansible_python(self) -> str:
        """Return the Python that Ansible runs with."""
        return os.path.join(os.path.dirname(self.ansible_playbook), "python")

    @property
    def before(self) -> str:
        """Return the directory that holds the collection as it was before."""
        return os.path.join(self.scratch, "collections-before")

    def file(self, name: str) -> str:
        """Return the path of a file of the benchmark."""
        return os.path.join(self.root, "tests", "benchmark", name)

    def lxc_path(self, contestant: str) -> str:
        """Return the directory that holds the containers of a contestant."""
        return os.path.join(self.scratch, contestant)

    def containers_file(self, count: int, kind: str = "") -> str:
        """Return the extra variables file that lists the first `count` containers, of a kind of `payloads.SPECS`."""
        return os.path.join(self.scratch, f"containers{kind}-{count}.json")


@dataclass(frozen=True)
class Contestant:
    """One way of doing the job: what it is called, the phases that it knows, and its command for a phase.

    `quick`: it takes seconds for what others take minutes for.
    """

    key: str
    title: str
    phases: Tuple[str, ...]
    command: Callable[[Setting, str, int], List[str]]
    quick: bool = True


def environment(setting: Setting) -> Dict[str, str]:
    """Return the environment that all contestants share: the project's Ansible configuration, and no terminal."""
    # Python keeps what it has compiled, as it does for users.
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "PYTHON"))}
    return {
        **kept,
        "ANSIBLE_CONFIG": os.path.join(setting.root, "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": os.path.join(setting.scratch, "collections"),
        "ANSIBLE_HOME": os.path.join(setting.scratch, "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "1",
        "LC_ALL": "C.UTF-8",
    }


def play(setting: Setting, playbook: str, executable: str = "") -> List[str]:
    """Return the command that runs one of the benchmark's playbooks against its inventory."""
    return [executable or setting.ansible_playbook, "-i", setting.file("inventory.yml"), setting.file(playbook)]


def extra(**variables: str) -> List[str]:
    """Return the arguments that set extra variables of a play."""
    return [argument for key, value in variables.items() for argument in ("-e", f"{key}={value}")]


def ping_command(setting: Setting, _phase: str, _count: int) -> List[str]:
    """Return the command of the play with one ping."""
    return play(setting, "ping.yml")


def collection_command(setting: Setting, phase: str, count: int, key: str = "collection", kind: str = "") -> List[str]:
    """Return the command that runs the role `containers` of this collection."""
    gone = '{"softwarecontainer_defaults": {"state": "absent"}, "softwarecontainer_remove_volumes": true}'
    return play(setting, "collection.yml") + [
        *("-e", "@" + setting.containers_file(count, kind)),
        *(("-e", gone) if phase == REMOVE else ()),
        *extra(softwarecontainer_lxc_path=setting.lxc_path(key)),
    ]


def payload_command(kind: str) -> Callable[[Setting, str, int], List[str]]:
    """Return what gives the same command for the containers of a kind."""
    return lambda setting, phase, count: collection_command(setting, phase, count, kind, kind)


def before_command(setting: Setting, phase: str, count: int) -> List[str]:
    """Return the same command with the collection as it was before."""
    before = "ANSIBLE_COLLECTIONS_PATH=" + setting.before
    return ["env", before, *collection_command(setting, phase, count, "before")]


def peer_command(setting: Setting, phase: str, count: int) -> List[str]:
    """Return the command that runs the peer's module in a loop.

    The module's lxc_path does not reach all of its own calls (`get_container_bind` leaves it out), so the path is
    set where LXC itself looks for it: in the lxc.conf of a directory mounted over /etc/lxc, in a mount namespace that
    ends with the play.
    """
    in_namespace = 'mount --bind "$1" /etc/lxc && shift && exec "$@"'
    return [
        *("unshare", "--mount", "sh", "-c", in_namespace, "sh", os.path.join(setting.scratch, "etc-lxc")),
        # JSON, which is YAML too: ansible-lint knows no module of another collection.
        *play(setting, "peer.json", setting.peer_playbook),
        *("-e", "@" + setting.containers_file(count)),
        *extra(
            benchmark_state="absent" if phase == REMOVE else "started",
            benchmark_template=setting.file("template-softwarecontainer.sh"),
            benchmark_base_config=setting.base_config,
        ),
    ]


def shell_command(setting: Setting, phase: str, count: int) -> List[str]:
    """Return the command of the shell loop."""
    return ["sh", setting.file("shell-loop.sh"), phase, setting.lxc_path("shell"), setting.base_config, *names(count)]


def bare_command(setting: Setting, phase: str, count: int) -> List[str]:
    """Return the command of the bare Python loop."""
    script = [setting.file("bare.py"), phase, setting.lxc_path("bare"), setting.base_config]
    return ["/usr/bin/python3", *script, *names(count)]


CONTESTANTS = (
    Contestant("ping", "a play with one `ping`", (PING,), ping_command),
    Contestant("bare", "bare Python loop over system calls and liblxc", (CREATE, AGAIN, REMOVE), bare_command),
    Contestant("collection", "this collection", (CREATE, AGAIN, REMOVE), collection_command),
    Contestant(
        payloads.WITHOUT,
        "this collection, containers with a plain command",
        (CREATE, AGAIN, REMOVE),
        payload_command(payloads.WITHOUT),
    ),
    Contestant(
        payloads.WITH,
        "this collection, the same with all that payloads can have",
        (CREATE, AGAIN, REMOVE),
        payload_command(payloads.WITH),
    ),
    Contestant("shell", "shell loop of template and `lxc-start`", (CREATE, REMOVE), shell_command, quick=False),
    Contestant(
        "peer", "`community.general.lxc_container` in a loop", (CREATE, AGAIN, REMOVE), peer_command, quick=False
    ),
)

# Takes part where an earlier state of the collection is named.
BEFORE = Contestant("before", "this collection as it was before", (CREATE, AGAIN, REMOVE), before_command)

BASE_CONFIG = """\
lxc.net.0.type = veth
lxc.net.0.link = {bridge}
lxc.net.0.name = eth0
lxc.net.0.flags = up
lxc.autodev = 1
lxc.tty.max = 1
lxc.pty.max = 1
lxc.signal.halt = SIGTERM
lxc.mount.auto = proc:mixed sys:mixed
lxc.mount.entry = /usr usr none ro,bind 0 0
lxc.mount.entry = /lib lib none ro,bind 0 0
lxc.mount.entry = /usr/lib usr/lib none ro,bind 0 0
lxc.cap.drop = mac_admin mac_override sys_time sys_module sys_rawio
"""
