"""I/O: what its log takes of the speed of a payload that writes much, beside the same one with a pipe to a file."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Callable, Dict, List, Sequence, Tuple

from contestants import CREATE, REMOVE, Setting, collection_command, environment
from report import Figures
from sandbox import BenchmarkError, names, verify_gone, write

KIND = "log"
RATE, SECONDS = 50e6, 4
WRITER, RESULT = "/writer.py", "/result"
COMMAND = ["/usr/bin/python3", "-S", "-E", WRITER, str(RATE), str(SECONDS), RESULT]
PIPED = ["/bin/sh", "-c", " ".join(COMMAND) + " | cat > /output"]
# What differs between the two.
WAYS: Dict[str, Dict[str, Any]] = {
    "log": {"command": COMMAND},
    "pipe": {"command": PIPED, "log": "none"},
}
Timed = Callable[[Sequence[str], Dict[str, str]], Tuple[float, str]]


def measure(setting: Setting, turns: int, timed: Timed, figures: Figures) -> None:
    """Run both payloads in turn and keep the bytes per second that they came to."""
    for turn in range(turns):
        ways = list(WAYS)
        for way in ways if turn % 2 == 0 else reversed(ways):
            print(f"output of a payload, turn {turn + 1} of {turns}, {way}", flush=True)
            speed = run(setting, way, timed)
            print(f"    {speed / 1e6:.1f} MB/s", flush=True)
            figures.output.setdefault(way, []).append(speed)


def run(setting: Setting, way: str, timed: Timed) -> float:
    """Make the container of a payload, wait for the speed that it tells, and remove the container."""
    (name,) = names(1)
    with open(setting.file("log_writer.py")) as stream:
        files = [{"path": WRITER, "content": stream.read()}]
    spec = {"name": name, "network": [], "files": files, **WAYS[way]}
    write(setting.containers_file(1, KIND), json.dumps({"softwarecontainer_containers": [spec]}))
    timed(command(setting, CREATE), environment(setting))
    speed = wait_for(setting.lxc_path(KIND) + "/" + name + "/rootfs" + RESULT)
    timed(command(setting, REMOVE), environment(setting))
    verify_gone(setting.lxc_path(KIND))
    return speed


def command(setting: Setting, phase: str) -> List[str]:
    """Return the command of the play."""
    return collection_command(setting, phase, 1, KIND, KIND)


def wait_for(path: str, seconds: float = 20 * SECONDS) -> float:
    """Return the speed that a payload tells when it is through; raise BenchmarkError when it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError), open(path) as stream:
            return float(stream.read())
        time.sleep(0.1)
    raise BenchmarkError(f"the payload did not write its output within {seconds:.0f} s: no {os.path.basename(path)}")
