"""Cuts the power of a machine while a run writes there, boots it, and looks at what is left.

Usage: power_cuts.py INVENTORY PATH MACHINE CUTS [SEED], with the PATH that the role molecule_targets has made it in.

A round takes an action by chance (provision, rollout, checkpoint, restore, destroy), cuts the power at a moment by
chance, and boots. What docs/reliability.md promises has to hold then: each container is as before or as the action
wants it, never half, and the ledger of a rollout claims nothing that is not so. The same action once more comes to its
end, and the one after it changes nothing. The last line says how many cuts hit a run, or the program ends with the
first promise that was broken.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

LXC_PATH = "/var/lib/lxc"
NAMES = ("one", "two")
# What may lie in the directory of containers beside them when a run has come to its end.
OWN = {".objects", ".volumes", ".checkpoint"}
ACTIONS = ("provision", "rollout", "checkpoint", "restore", "destroy")
# How long a run may take, and how long one whose machine has gone may take to notice that; in seconds.
LONGEST, NOTICE = 900, 120
# Prints a line for each container: its name, the release in its config, that in its rootfs, and the number of applets.
LOOK = f"""
cd {LXC_PATH} || exit 0
for name in *; do
  [ -d "$name" ] || continue
  if [ ! -e "$name/config" ]; then echo "@ $name incomplete"; continue; fi
  config=$(sed -n 's/^lxc.environment = RELEASE=//p' "$name/config")
  echo "@ $name $config $(cat "$name/rootfs/etc/release" 2>&1) $(ls "$name/rootfs/bin" | wc -l)"
done
echo "@ all $(ls -A | tr '\\n' ' ')"
for name in *; do [ ! -e "$name/config" ] || echo "@ in $name $(ls -A "$name" | tr '\\n' ' ')"; done
"""


class BrokenError(Exception):
    """A promise that did not hold."""


class Run(NamedTuple):
    """How a command ended: its status, its output, and how many seconds it took."""

    status: int
    output: str
    seconds: float


class Seen(NamedTuple):
    """What is on the machine: the release of each container, None for one that is incomplete, and all names there."""

    releases: dict[str, int | None]
    names: set[str]


class Campaign:
    """One machine, what its containers are, and how long each action took so far."""

    def __init__(self, inventory: str, path: str, machine: str, seed: int, folder: str) -> None:
        self.inventory, self.path, self.machine, self.folder = inventory, path, machine, folder
        self.chance = random.Random(seed)
        # The highest release so far, the one that is there, and the one that the checkpoint keeps.
        self.highest = 0
        self.current: int | None = None
        self.kept: int | None = None
        self.seconds: dict[str, float] = {}
        self.hits = 0

    def command(self, action: str, release: int) -> list[str]:
        """Return the command of an action."""
        containers = [
            {
                "name": name,
                "network": [],
                "environment": {"RELEASE": str(release)},
                "files": [{"path": "/etc/release", "content": f"{release}\n"}],
                "volumes": [{"name": "data", "target": "/data"}],
                "autostart": {"enabled": True},
            }
            for name in NAMES
        ]
        given = [
            "-e",
            json.dumps({"softwarecontainer_containers": containers, "softwarecontainer_hosts": self.machine}),
        ]
        playbook = ["ansible-playbook", "-i", self.inventory]
        if action == "provision":
            return [*playbook, "softwarecontainer.lxc.provision", "--tags", "containers", *given]
        if action == "destroy":
            return [*playbook, "softwarecontainer.lxc.destroy", *given]
        if action == "rollout":
            given[1] = json.dumps(
                {
                    "softwarecontainer_containers": containers,
                    "softwarecontainer_rollout_hosts": self.machine,
                    "softwarecontainer_rollout_id": f"release-{release}",
                    "softwarecontainer_rollout_ledger": self.folder,
                }
            )
            return [*playbook, "softwarecontainer.lxc.rollout", *given]
        return self.checkpoint({"checkpoint": "present", "restore": "restored"}[action])

    def checkpoint(self, state: str) -> list[str]:
        """Return the command that takes a checkpoint, brings it back, or drops it."""
        arguments = json.dumps({"state": state, "containers": [{"name": name} for name in NAMES]})
        return [
            "ansible",
            self.machine,
            "-i",
            self.inventory,
            "-m",
            "softwarecontainer.lxc.checkpoint",
            "-a",
            arguments,
        ]

    def power(self, state: str) -> None:
        """Use the power switch of the machine."""
        arguments = json.dumps({"name": [self.machine], "state": state, "path": self.path})
        self.ask(["ansible", "localhost", "-m", "softwarecontainer.lxc.molecule_power", "-a", arguments])

    def ask(self, command: list[str]) -> str:
        """Return the output of a command. Raise BrokenError if it fails."""
        ended = run(command)
        if ended.status:
            raise BrokenError(f"{command[0]} failed:\n{ended.output}")
        return ended.output

    def look(self) -> Seen:
        """Return what is on the machine. Raise BrokenError if a container is half of one release, half of another."""
        output = self.ask(["ansible", self.machine, "-i", self.inventory, "-m", "ansible.builtin.raw", "-a", LOOK])
        releases: dict[str, int | None] = {}
        names: set[str] = set()
        for line in re.findall(r"^@ (.*?)\r?$", output, re.MULTILINE):
            first, *words = line.split()
            if first == "all":
                names.update(words)
            elif first == "in":
                names.update(word for word in words[1:] if word.startswith("."))
            elif words == ["incomplete"]:
                releases[first] = None
            elif len(words) != 3 or words[0] != words[1] or int(words[2]) < 100:
                raise BrokenError(f"{first} is half: {line}")
            else:
                releases[first] = int(words[0])
        return Seen(releases, names)

    def begin(self) -> None:
        """Build the first release, and learn how long that takes. Raise BrokenError."""
        self.finish("provision", self.command("provision", 1), 1)

    def round(self) -> str:
        """Take one action, cut the power meanwhile, boot, and look. Return it in words. Raise BrokenError."""
        possible = [
            action
            for action in ACTIONS
            if (self.current is not None or action in ("provision", "rollout"))
            and (self.kept is None if action == "rollout" else action != "restore" or self.kept is not None)
        ]
        action = self.chance.choice(possible)
        before, after = self.current, self.wanted(action)
        moment = self.chance.uniform(0.2, 0.9) * self.seconds.get(action, min(self.seconds.values()))
        command = self.command(action, after or self.highest)
        hit = self.cut_during(command, moment)
        self.power("on")
        seen = self.look()
        for name, release in seen.releases.items():
            if release is not None and release not in (before, after):
                raise BrokenError(f"{name} has release {release}, neither {before} nor {after}")
        whole = {name for name, release in seen.releases.items() if release is not None}
        if before is not None and after is not None and whole != set(NAMES):
            raise BrokenError(f"only {sorted(whole)} are there and whole")
        if action == "rollout":
            self.require_true_ledger(after, seen)
        self.finish(action, command, after)
        return f"{action} after {moment:.1f} s, {'hit' if hit else 'missed'}"

    def wanted(self, action: str) -> int | None:
        """Return the release that an action leads to, None for none."""
        if action == "destroy":
            return None
        return {"checkpoint": self.current, "restore": self.kept}.get(action, self.highest + 1)

    def cut_during(self, command: list[str], moment: float) -> bool:
        """Run a command, cut the power at a moment, and return whether the command was still running."""
        with tempfile.TemporaryFile() as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            running = process.poll() is None
            self.power("cut")
            try:
                process.wait(NOTICE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise BrokenError(f"{command[0]} did not notice within {NOTICE} s that its host has gone") from None
        self.hits += running
        return running

    def require_true_ledger(self, release: int | None, seen: Seen) -> None:
        """Raise BrokenError if the ledger says that the machine is done, and it is not."""
        path = Path(self.folder) / f"release-{release}.json"
        if path.exists():
            state = json.loads(path.read_text(encoding="utf-8"))["hosts"][self.machine]["state"]
            if state == "done" and set(seen.releases.values()) != {release}:
                raise BrokenError(f"the ledger says {state}, and there is {seen.releases}")

    def finish(self, action: str, command: list[str], after: int | None) -> None:
        """Run the action to its end and once more, and require what it is for. Raise BrokenError."""
        ended = run(command)
        if ended.status:
            raise BrokenError(f"{action} did not come to its end:\n{ended.output}")
        again = run(command)
        # One that a cut has interrupted may have had less to do. The machine may be slower or faster the next time.
        self.seconds[action] = max(ended.seconds, again.seconds)
        # A rollout that is done, and a second one that is restored, have nothing to do or do it once more.
        if again.status or (action in ("provision", "destroy") and not re.search(r"changed=0 ", again.output)):
            raise BrokenError(f"{action} once more:\n{again.output}")
        self.current, self.highest = after, max(self.highest, after or 0)
        if action == "checkpoint" and self.kept is None:
            self.kept = after
        if action == "restore":
            # A rollout takes a checkpoint of its own.
            self.ask(self.checkpoint("absent"))
            self.kept = None
        seen = self.look()
        wanted = {} if after is None else dict.fromkeys(NAMES, after)
        litter = seen.names - set(NAMES) - OWN
        if seen.releases != wanted or litter:
            raise BrokenError(f"{action} has come to its end, and there is {seen.releases}, {sorted(litter)}")


def run(command: list[str]) -> Run:
    """Run a command to its end."""
    begun = time.monotonic()
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=LONGEST,
        check=False,
    )
    return Run(done.returncode, done.stdout, time.monotonic() - begun)


def main() -> int:
    """Run the campaign, and return the exit status."""
    inventory, path, machine, cuts, *seed = sys.argv[1:]
    number = int(seed[0]) if seed else random.SystemRandom().randrange(1 << 32)
    print(f"power cuts: {cuts} with the seed {number}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(inventory, path, machine, number, folder)
        index = 0
        try:
            campaign.begin()
            for index in range(1, int(cuts) + 1):
                print(f"power cut {index} of {cuts}: {campaign.round()}", flush=True)
        except BrokenError as error:
            print(f"power cut {index} of {cuts}: {error}", flush=True)
            return 1
    print(f"power cuts: {cuts}, of which {campaign.hits} hit a run", flush=True)
    return 0 if campaign.hits * 3 >= int(cuts) else 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
