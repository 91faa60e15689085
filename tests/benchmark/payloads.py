"""Pure: the containers that show what the features for payloads cost: the same ones without them, and with all."""

from __future__ import annotations

from typing import Any, Callable, Dict

WITHOUT, WITH = "plain", "payloads"
COMMAND = ["/bin/busybox", "sleep", "100000000"]
PATH, CONTENT = "/etc/payload.conf", "level = 1\n"
# One more for each container. Below those that the kernel gives out by itself.
FIRST_PORT = 20000


def without(name: str, _number: int) -> Dict[str, Any]:
    """Return a container with a command and a file, and an interface that has no address."""
    files = [{"path": PATH, "content": CONTENT}]
    return {"name": name, "command": COMMAND, "log": "none", "network": [{}], "files": files}


def with_all(name: str, number: int) -> Dict[str, Any]:
    """Return the same container with all that payloads can have.

    But for `after`, which has containers wait for others: that is no cost but what it is for.
    """
    return {
        "name": name,
        "command": COMMAND,
        "log": {"size": "256K"},
        "restart": {"policy": "on_failure", "delay": 1, "limit": 5},
        "reload": "HUP",
        "network": [{"ipv4": "auto"}],
        "ports": [{"target": FIRST_PORT + number, "container": 80}],
        "volumes": [{"name": "data", "target": "/data"}],
        "files": [{"path": PATH, "content": CONTENT, "on_change": "reload"}],
    }


# The specs of containers by their kind, from the name and the number of each.
SPECS: Dict[str, Callable[[str, int], Dict[str, Any]]] = {
    "": lambda name, _number: {"name": name},
    WITHOUT: without,
    WITH: with_all,
}
