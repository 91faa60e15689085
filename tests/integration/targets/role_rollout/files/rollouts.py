"""Rolls out for real, with ansible-playbook, to hosts that are simulated on this machine, and looks what has become.

Usage: rollouts.py TOP RUNTIME CASE... | rollouts.py TOP RUNTIME --list

A host is a lxc path of its own below TOP. What is asserted is read from there, from /proc and from the ledger's file;
the collection does not testify for itself.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
import time

TOP, RUNTIME = sys.argv[1:3]
PYTHON = "/usr/bin/python3"

# In the place of ssh. It runs the command here; and from the call whose number is in the file `lose` on, the
# connection breaks: at that call after the module has begun, and later at once.
SSH = """#!/bin/sh
for last; do :; done
case "$*" in *-O*|"-o ControlPersist") exit 0;; esac
calls=$(($(cat {folder}/calls 2>/dev/null || echo 0) + 1))
echo $calls > {folder}/calls
lose=$(cat {folder}/lose 2>/dev/null || echo 999)
[ $calls -le $lose ] || {{ echo 'ssh: connect to host: No route to host' >&2; exit 255; }}
[ $calls -eq $lose ] || exec sh -c "$last"
sh -c "$last" > /dev/null 2>&1 &
sleep 0.3
kill $! 2> /dev/null
echo 'client_loop: send disconnect: Broken pipe' >&2
exit 255
"""


class Fleet:
    """The hosts of one case: an inventory, a ledger directory, and what each host's containers are."""

    def __init__(self, case, count=3, **settings):
        self.case, self.names = case, ["h%d" % number for number in range(1, count + 1)]
        self.folder = os.path.join(TOP, "case-" + case)
        os.makedirs(self.folder)
        self.inventory = os.path.join(self.folder, "hosts.json")
        self.ledgers = os.path.join(self.folder, "rollouts")
        self.settings = {"softwarecontainer_rollout_ledger": self.ledgers, "softwarecontainer_rollout_id": "one"}
        self.settings.update(settings)
        self.hosts = {}
        for name in self.names:
            os.mkdir(self.path(name))
            self.hosts[name] = {
                "ansible_connection": "local",
                "ansible_python_interpreter": PYTHON,
                "softwarecontainer_lxc_path": self.path(name),
                "softwarecontainer_runtime": RUNTIME,
                "softwarecontainer_settle": 0.1,
            }
        self.release("1")

    def path(self, name):
        """The lxc path of a host."""
        return os.path.join(TOP, "%s-%s" % (self.case, name))

    def container(self, name, kind="a"):
        """The name of a container: no two on this machine may have the same."""
        return "ro-%s-%s-%s" % (self.case.replace("_", "-"), name, kind)

    def spec(self, name, version, kind="a", **more):
        """One container, whose release can be told from its environment and from a file."""
        return {
            "name": self.container(name, kind),
            "network": [],
            "busybox": {"applets": ["sh", "sleep", "test"]},
            "environment": {"VERSION": version, "SECRET": "hunter2"},
            "files": [{"path": "/etc/version", "content": version}],
            "ready": [{"file": "/etc/version", "timeout": 5, "stable": 0}],
            **more,
        }

    def release(self, version, **more):
        """Declare another release for all hosts."""
        for name in self.names:
            self.hosts[name]["softwarecontainer_containers"] = [self.spec(name, version, **more)]

    def break_(self, name, good="1"):
        """Declare that a host's container gets ready with this release alone, or when there is a file."""
        self.hosts[name]["softwarecontainer_containers"][0]["ready"] = [gate(good, "/never", 1)]

    def unreachable(self, name):
        """Put a host where nothing listens."""
        self.hosts[name].update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)

    def reachable(self, name):
        self.hosts[name].update(ansible_connection="local")

    def losing(self, name, call):
        """Reach a host through a connection that breaks at this call; some stages together are one."""
        folder = os.path.join(self.folder, "ssh-" + name)
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, "ssh"), SSH.format(folder=folder))
        os.chmod(os.path.join(folder, "ssh"), 0o755)
        write(os.path.join(folder, "calls"), "0")
        write(os.path.join(folder, "lose"), str(call))
        self.hosts[name].update(ansible_connection="ssh", ansible_ssh_executable=os.path.join(folder, "ssh"))

    def arguments(self, *arguments, **settings):
        """The command of one run."""
        write(self.inventory, json.dumps({"all": {"hosts": self.hosts}}))
        extra = json.dumps({**self.settings, **settings})
        return ["ansible-playbook", "softwarecontainer.lxc.rollout", "-i", self.inventory, "-e", extra, *arguments]

    def run(self, *arguments, environment=None, **settings):
        """One run of the playbook: exit status and output."""
        return finish(self.start(*arguments, environment=environment, **settings))

    def start(self, *arguments, environment=None, **settings):
        """A run that goes on beside us."""
        log = open(os.path.join(self.folder, "log-%d" % time.monotonic_ns()), "w+")  # noqa: SIM115 `finish` closes it
        process = subprocess.Popen(
            self.arguments(*arguments, **settings),
            cwd=self.folder,
            env={**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1", **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        process.log = log
        return process

    def ledger(self, identity="one"):
        with open(os.path.join(self.ledgers, identity + ".json")) as stream:
            return json.load(stream)

    def states(self):
        """The state of each host in the ledger, in the inventory's order."""
        return [self.ledger()["hosts"][name]["state"] for name in self.names]

    def running(self, name, kind="a"):
        """The release that runs in a host's container, from the environment of its PID 1; None where none runs."""
        pid = self.pid(name, kind)
        if pid is None:
            return None
        with open("/proc/%d/environ" % pid) as stream:
            return re.search(r"VERSION=([^\0]*)", stream.read()).group(1)

    def pid(self, name, kind="a"):
        """The PID 1 of a container, found by its root, which names the folder of this run."""
        place = os.path.relpath(self.path(name), os.path.dirname(TOP))
        end = "/%s/%s/rootfs" % (place, self.container(name, kind))
        for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
            with contextlib.suppress(OSError):
                status = text_of("/proc/%d/status" % pid)
                table = text_of("/proc/%d/mountinfo" % pid)
                roots = [line.split()[3] for line in table.splitlines() if line.split()[4] == "/"]
                if re.search(r"NSpid:\t\d+\t1\n", status) and roots and roots[0].endswith(end):
                    return pid
        return None

    def seen(self, *names):
        """All that is below the lxc paths of hosts: names, modes, times, contents; and the PID 1 of each container."""
        return {name: (tree(self.path(name)), self.pid(name)) for name in names or self.names}

    def content(self, name):
        """As `seen`, without the times and without what only says when something was done."""
        return [entry[:3] + entry[4:] for entry in tree(self.path(name)) if not entry[0].endswith("/manifest")]

    def wait(self, condition, seconds=60):
        """Wait until the ledger is as we want it; it is written whole, so it can be read at any time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError):
                if condition(self.ledger()):
                    return
            time.sleep(0.02)
        raise AssertionError("the ledger did not come to what was waited for: %s" % text_of(self.inventory))


def gate(good, path, seconds):
    """A check that holds for one release at once, and for others from when a file is there."""
    script = "test -e %s || /bin/busybox grep -qx %s /etc/version" % (path, good)
    return {"command": ["/bin/sh", "-c", script], "timeout": seconds, "stable": 0}


def write(path, text):
    with open(path, "w") as stream:
        stream.write(text)


def text_of(path):
    # In mountinfo there may be names that others have made on the machine, of any bytes.
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        return stream.read()


def finish(process, seconds=180):
    """The exit status and the output of a run."""
    status = process.wait(seconds)
    process.log.seek(0)
    output = process.log.read()
    process.log.close()
    print(output)
    return status, output


# What LXC and the supervisors of commands write while containers run and end.
LIFE = re.compile(r"/log/(output|output\.1|lxc|start|end)$|/softwarecontainer/runs$")


def tree(folder):
    """Every entry below a folder: path, mode, size, time of change, content."""
    found = []
    for directory, names, files in os.walk(folder):
        for path in [directory] + [os.path.join(directory, name) for name in files + names]:
            if LIFE.search(path):
                continue
            status = os.lstat(path)
            content = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    content = hashlib.sha256(stream.read()).hexdigest()
            size = 0 if stat.S_ISDIR(status.st_mode) else status.st_size
            found.append((path, status.st_mode, size, status.st_mtime_ns, content))
    return sorted(found)


def success():
    fleet = Fleet("success", 4, softwarecontainer_rollout_batches=[1, "50%"])
    before = fleet.seen()
    status, output = fleet.run("--check", "--diff")
    assert status == 0, status
    assert fleet.seen() == before
    assert not os.path.exists(fleet.ledgers)
    assert "4 of 4 hosts would be taken up, and 0 would fail" in output
    assert output.count("+state: RUNNING") == 4

    status, output = fleet.run()
    assert status == 0, status
    assert [fleet.running(name) for name in fleet.names] == ["1"] * 4
    assert fleet.states() == ["done"] * 4
    record = fleet.ledger()
    assert (record["state"], record["batches"]) == ("finished", [["h1"], ["h2"], ["h3", "h4"]])
    times = [(host["started"], host["ended"]) for host in record["hosts"].values()]
    assert times[0][1] <= times[1][0] and times[1][1] <= min(times[2][0], times[3][0])
    assert all(re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time_) for pair in times for time_ in pair)
    stages = [stage["name"] for stage in record["hosts"]["h1"]["stages"]]
    assert stages == ["preflight", "checkpoint", "rootfs", "busybox", "config", "container", "ready", "forget"]
    lines = [line for line in output.splitlines() if line.startswith("rollout one: ")]
    assert [line.split(": ")[1].split(",")[0] for line in lines] == ["%d of 4 done" % number for number in (1, 2, 3, 4)]
    assert all(re.search(r"0 failed, \d pending.*; \d:\d\d elapsed", line) for line in lines)
    assert "about" in lines[0] and "about" not in lines[-1]
    assert "\x1b" not in output and "\r" not in output
    assert "HOST  BATCH  STATE  STAGE  TIME  TRIES" in output
    assert sorted(os.listdir(fleet.ledgers)) == [".lock", "one.html", "one.json"]
    page = text_of(os.path.join(fleet.ledgers, "one.html"))
    assert "4 of 4 hosts done." in page
    assert "hunter2" not in page + json.dumps(record)
    assert not any(os.path.exists(os.path.join(fleet.path(name), ".checkpoint")) for name in fleet.names)

    before = fleet.seen(), tree(fleet.ledgers)[1:2]
    status, output = fleet.run()
    assert status == 0, status
    assert (fleet.seen(), tree(fleet.ledgers)[1:2]) == before
    assert fleet.ledger() == record
    assert "changed=0" in output and not re.search("changed=[1-9]|Roll out to this host", output)


def canary():
    fleet = Fleet("canary")
    assert fleet.run()[0] == 0
    before, content = fleet.seen(), fleet.content("h1")
    fleet.release("2")
    fleet.break_("h1")
    # A check that tells a secret of the container must not get it into the reason.
    spec = fleet.hosts["h1"]["softwarecontainer_containers"][0]
    spec["environment"]["TOKEN"] = {"secret": "token"}
    spec["ready"][0]["command"][2] = "echo TOKEN is $TOKEN; " + spec["ready"][0]["command"][2]
    fleet.hosts["h1"]["softwarecontainer_secrets"] = {"token": "hunter3"}
    status, output = fleet.run("-vvv", softwarecontainer_rollout_id="two")
    assert status != 0
    assert fleet.seen("h2", "h3") == {name: before[name] for name in ("h2", "h3")}
    assert (fleet.running("h1"), fleet.content("h1")) == ("1", content)
    record = fleet.ledger("two")
    assert record["state"] == "stopped"
    assert record["reason"] == "1 host is failed or unreachable, and the budget is 0."
    host = record["hosts"]["h1"]
    assert host["state"] == "rolled_back"
    name = fleet.container("h1")
    assert re.match("ready: container '%s': command .* did not hold within 1 seconds?: " % name, host["reason"]), host
    assert ": the program ended with 1: TOKEN is ***" in host["reason"], host
    told = [text_of(os.path.join(fleet.ledgers, "two." + ending)) for ending in ("json", "html")]
    assert "hunter3" not in "".join((output, *told))
    outcomes = [(stage["name"], stage["outcome"]) for stage in host["stages"]]
    assert outcomes[-4:] == [("ready", "failed"), ("restore", "changed"), ("recheck", "ok"), ("forget", "changed")]
    assert [record["hosts"][name]["attempts"] for name in ("h2", "h3")] == [0, 0]
    assert "rolled back" in output and host["reason"] in output
    assert host["reason"].replace("'", "&#39;") in text_of(os.path.join(fleet.ledgers, "two.html"))

    # What the same release needs is there after a repair: the rollout goes on with the canary.
    write(os.path.join(fleet.path("h1"), name, "rootfs", "never"), "")
    assert fleet.run(softwarecontainer_rollout_id="two")[0] == 0
    assert [fleet.running(name) for name in fleet.names] == ["2"] * 3
    assert fleet.ledger("two")["hosts"]["h1"]["attempts"] == 2


def prune():
    fleet = Fleet("prune", 2, softwarecontainer_prune=True)
    for name in fleet.names:
        fleet.hosts[name]["softwarecontainer_containers"].append(fleet.spec(name, "1", "b"))
    assert fleet.run()[0] == 0
    assert fleet.running("h1", "b") == "1"
    content, files = fleet.content("h1"), len(tree(fleet.path("h1")))
    fleet.release("2")
    fleet.break_("h1")
    assert fleet.run(softwarecontainer_rollout_id="two")[0] != 0
    stages = {stage["name"]: stage["outcome"] for stage in fleet.ledger("two")["hosts"]["h1"]["stages"]}
    assert (stages["stop"], stages["ready"]) == ("changed", "failed")
    assert "remove" not in stages
    assert (fleet.running("h1"), fleet.running("h1", "b")) == ("1", "1")
    assert (fleet.content("h1"), len(tree(fleet.path("h1")))) == (content, files)
    fleet.release("2")
    # One host has it undeclared, the other one declared absent.
    fleet.hosts["h2"]["softwarecontainer_containers"].append({"name": fleet.container("h2", "b"), "state": "absent"})
    assert fleet.run(softwarecontainer_rollout_id="three")[0] == 0
    assert [fleet.running(name) for name in fleet.names] == ["2", "2"]
    assert [os.listdir(fleet.path(name)) for name in fleet.names] == [[fleet.container(name)] for name in fleet.names]


def delivered():
    """A rollout is told by the contents of files, and sends them before it changes anything."""
    fleet = Fleet("delivered", 2)
    for folder in ("files", "templates"):
        os.mkdir(os.path.join(fleet.folder, folder))
    app = os.path.join(fleet.folder, "files", "app")
    write(os.path.join(fleet.folder, "templates", "host.j2"), "{{ inventory_hostname }}")

    def release(version):
        write(app, "content of " + version)
        # The inventory's folder is where variables of a fleet are, and its files.
        own = {"path": "/etc/version", "content": version}
        files = [own, {"path": "/a", "src": "app", "owner": 7}, {"path": "/b", "src": "host.j2", "template": True}]
        fleet.release(version, files=files)

    def contents(name):
        place = os.path.join(fleet.path(name), fleet.container(name), "rootfs")
        return [text_of(os.path.join(place, file)) for file in "ab"]

    def kept(name):
        return os.listdir(os.path.join(fleet.path(name), ".objects"))

    def digest(text):
        return hashlib.sha256(text.encode()).hexdigest()

    release("1")
    before = fleet.seen()
    assert fleet.run("--check")[0] == 0
    assert fleet.seen() == before
    assert fleet.run()[0] == 0
    assert [contents(name) for name in fleet.names] == [["content of 1", "h1"], ["content of 1", "h2"]]
    assert kept("h1") == [digest("content of 1")]
    before, content = fleet.seen(), fleet.content("h1")
    # The same specs, and another content.
    write(app, "content of 2")
    status, output = fleet.run()
    assert status != 0
    assert fleet.seen() == before
    assert "softwarecontainer_rollout_id" in output, output
    release("2")
    fleet.break_("h1")
    assert fleet.run(softwarecontainer_rollout_id="two")[0] != 0
    assert fleet.states() == ["done", "done"]
    assert [host["state"] for host in fleet.ledger("two")["hosts"].values()] == ["rolled_back", "pending"]
    assert (fleet.running("h1"), fleet.content("h1")) == ("1", content)
    release("2")
    assert fleet.run(softwarecontainer_rollout_id="three")[0] == 0
    assert [contents(name) for name in fleet.names] == [["content of 2", "h1"], ["content of 2", "h2"]]
    assert [kept(name) for name in fleet.names] == [[digest("content of 2")]] * 2
    # What is not there is told before the rollout is opened.
    os.unlink(app)
    status, output = fleet.run(softwarecontainer_rollout_id="four")
    assert status != 0
    assert "files[1].src: 'app' is not on the controller" in output
    assert not os.path.exists(os.path.join(fleet.ledgers, "four.json"))


def limit():
    fleet = Fleet("limit")
    before = fleet.seen()
    status, output = fleet.run("--limit", "h2")
    assert status != 0
    assert fleet.seen("h1", "h3") == {name: before[name] for name in ("h1", "h3")}
    assert (fleet.running("h2"), fleet.states()) == ("1", ["pending", "done", "pending"])
    assert "2 hosts are left" in output
    before = fleet.seen("h2")
    assert fleet.run()[0] == 0
    assert (fleet.states(), fleet.seen("h2")) == (["done"] * 3, before)
    # Where the limit leaves nothing of the pattern there is nothing to do, and that is no success.
    status, output = fleet.run("--limit", "h1", softwarecontainer_rollout_hosts="h2")
    assert status != 0
    assert "softwarecontainer_rollout_hosts: h2 matches no host of the inventory within the limit" in output


def budget():
    fleet = Fleet("budget", 5, softwarecontainer_rollout_batches=[1], softwarecontainer_rollout_budget=1)
    fleet.unreachable("h2")
    fleet.break_("h3", good="0")
    before = fleet.seen()
    status, output = fleet.run()
    assert status != 0
    assert fleet.states() == ["done", "pending", "rolled_back", "pending", "pending"]
    assert fleet.ledger()["reason"] == "2 hosts are failed or unreachable, and the budget is 1."
    assert {name: fleet.seen()[name] for name in ("h2", "h4", "h5")} == {
        name: before[name] for name in ("h2", "h4", "h5")
    }
    assert [fleet.ledger()["hosts"][name]["attempts"] for name in fleet.names] == [1, 1, 1, 0, 0]
    assert "2 hosts are failed or unreachable, and the budget is 1." in output

    # The same again stops at the same place: each run has a budget of its own.
    assert fleet.run()[0] != 0
    assert fleet.states() == ["done", "pending", "rolled_back", "pending", "pending"]
    assert [fleet.ledger()["hosts"][name]["attempts"] for name in fleet.names] == [1, 2, 2, 0, 0]

    # Within a larger one the rest comes to its turn.
    assert fleet.run(softwarecontainer_rollout_budget="40%")[0] != 0
    assert fleet.states() == ["done", "pending", "rolled_back", "done", "done"]
    assert fleet.ledger()["reason"] == "2 hosts are left."


def unreachable():
    fleet = Fleet("unreachable", 4, softwarecontainer_rollout_batches=[3], softwarecontainer_rollout_budget=1)
    fleet.unreachable("h3")
    before = fleet.seen("h3")
    status, output = fleet.run()
    assert status != 0
    assert fleet.states() == ["done", "done", "pending", "done"]
    assert fleet.seen("h3") == before
    host = fleet.ledger()["hosts"]["h3"]
    assert re.match("preflight: unreachable: .*Connection refused", host["reason"]), host
    assert [(stage["name"], stage["outcome"]) for stage in host["stages"]] == [("preflight", "unreachable")]
    assert re.search(r"rollout one: \d of 4 done, 0 failed, \d pending \(1 unreachable\)", output)
    assert "unreachable=0" in output and "unreachable=1" not in output

    fleet.reachable("h3")
    before = fleet.seen("h1", "h2", "h4")
    status, output = fleet.run()
    assert status == 0
    assert (fleet.running("h3"), fleet.states()) == ("1", ["done"] * 4)
    assert fleet.seen("h1", "h2", "h4") == before
    assert [fleet.ledger()["hosts"][name]["attempts"] for name in fleet.names] == [1, 1, 2, 1]
    assert len(fleet.ledger()["runs"]) == 2


def lost():
    # With pipelining each part of the stages is one call; without it there are some for the temporary directory and the
    # files too, and Ansible wants to remove that directory afterwards.
    for pipelining, call, stage in (("1", 2, "rootfs"), ("0", 12, None)):
        fleet = Fleet("lost" + pipelining, 3, softwarecontainer_rollout_budget=1)
        fleet.losing("h2", call)
        environment = {"ANSIBLE_PIPELINING": pipelining, "ANSIBLE_SSH_TRANSFER_METHOD": "piped"}
        status, output = fleet.run(environment=environment)
        assert status != 0
        assert fleet.states() == ["done", "pending", "done"], output
        host = fleet.ledger()["hosts"]["h2"]
        assert host["stages"][-1]["outcome"] == "unreachable"
        assert len(host["stages"]) > 1 and stage in (None, host["stages"][-1]["name"]), host
        assert re.match("%s: unreachable: " % host["stages"][-1]["name"], host["reason"]), host
        assert "unreachable=1" not in output
        before = fleet.seen("h1", "h3")
        fleet.losing("h2", 999)
        assert fleet.run(environment=environment)[0] == 0
        assert (fleet.running("h2"), fleet.seen("h1", "h3")) == ("1", before)
        assert not os.path.exists(os.path.join(fleet.path("h2"), ".checkpoint"))


def lost_in_rollback():
    fleet = Fleet("lost_in_rollback", 2)
    assert fleet.run()[0] == 0
    content = fleet.content("h1")
    fleet.release("2")
    fleet.break_("h1")
    # With pipelining each part of the stages is one call, and the fourth is the one after the gate.
    fleet.losing("h1", 4)
    assert fleet.run(environment={"ANSIBLE_PIPELINING": "1"}, softwarecontainer_rollout_id="two")[0] != 0
    host = fleet.ledger("two")["hosts"]["h1"]
    assert (host["state"], host["stages"][-1]["name"]) == ("pending", "restore")
    assert re.match("ready: .*; and the host was lost in the rollback: restore: unreachable: ", host["reason"]), host
    assert fleet.running("h2") == "1"

    # It still has the checkpoint of the release that was good, and comes back to that one.
    assert os.path.exists(os.path.join(fleet.path("h1"), ".checkpoint"))
    fleet.losing("h1", 999)
    assert fleet.run(softwarecontainer_rollout_id="two")[0] != 0
    assert fleet.ledger("two")["hosts"]["h1"]["state"] == "rolled_back"
    assert (fleet.running("h1"), fleet.content("h1")) == ("1", content)

    # So it does where it is lost once more and cannot even take the release that comes next.
    fleet.losing("h1", 4)
    assert fleet.run(softwarecontainer_rollout_id="two", environment={"ANSIBLE_PIPELINING": "1"})[0] != 0
    assert fleet.ledger("two")["hosts"]["h1"]["state"] == "pending"
    fleet.losing("h1", 999)
    fleet.hosts["h1"]["softwarecontainer_containers"] = [fleet.spec("h1", "3", security={"selinux": "u:r:t"})]
    assert fleet.run(softwarecontainer_rollout_id="three")[0] != 0
    host = fleet.ledger("three")["hosts"]["h1"]
    assert host["state"] == "rolled_back", host
    assert re.match("preflight: selinux: .*; what is back is of an older checkpoint, 'two', taken at 2", host["reason"])
    assert (fleet.running("h1"), fleet.content("h1")) == ("1", content)
    assert not os.path.exists(os.path.join(fleet.path("h1"), ".checkpoint"))


def room():
    """Where modules are put on the target there is room for one, and not for two."""
    fleet = Fleet("room", 2)
    place = os.path.join(fleet.folder, "tmp")
    os.mkdir(place)
    fleet.hosts["h1"]["ansible_remote_tmp"] = place
    environment = {"ANSIBLE_PIPELINING": "0"}
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k,mode=0700", "tmpfs", place], check=True)
    try:
        status, output = fleet.run(environment=environment)
        assert status == 0, output
        assert ([fleet.running(name) for name in fleet.names], os.listdir(place)) == (["1", "1"], [])

        content = fleet.content("h1")
        fleet.release("2")
        fleet.break_("h1")
        assert fleet.run(environment=environment, softwarecontainer_rollout_id="two")[0] != 0
        host = fleet.ledger("two")["hosts"]["h1"]
        assert (host["state"], host["reason"][:7]) == ("rolled_back", "ready: "), host
        assert (fleet.running("h1"), fleet.content("h1"), os.listdir(place)) == ("1", content, [])
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def waiting(fleet, name, good="0"):
    """Let a host's gate wait for a file; returns the path that opens it."""
    spec = fleet.hosts[name]["softwarecontainer_containers"][0]
    spec["ready"] = [gate(good, "/tmp/go", 100)]
    return os.path.join(fleet.path(name), spec["name"], "rootfs", "tmp", "go")


def in_progress(name):
    return lambda record: record["hosts"][name]["state"] == "in_progress"


def broken_off(case, number):
    fleet = Fleet(case, 3, softwarecontainer_rollout_batches=[1])
    gate = waiting(fleet, "h2")
    process = fleet.start()
    fleet.wait(in_progress("h2"))
    while not fleet.pid("h2"):
        time.sleep(0.02)
    process.send_signal(number)
    assert finish(process)[0] != 0
    assert fleet.states() == ["done", "in_progress", "pending"]
    assert os.path.exists(os.path.join(fleet.ledgers, "one.lock"))
    before = fleet.seen("h1")
    write(gate, "")
    status, _output = fleet.run()
    assert status == 0
    assert (fleet.states(), fleet.seen("h1")) == (["done"] * 3, before)
    assert [fleet.ledger()["hosts"][name]["attempts"] for name in fleet.names] == [1, 2, 1]
    assert [fleet.running(name) for name in fleet.names] == ["1"] * 3
    assert not os.path.exists(os.path.join(fleet.ledgers, "one.lock"))
    assert not os.path.exists(os.path.join(fleet.path("h2"), ".checkpoint"))
    return fleet


def killed():
    fleet = broken_off("killed", signal.SIGKILL)

    # What a run leaves that is killed after its last host: the next one has nothing to do but to close.
    record = fleet.ledger()
    record["state"] = "running"
    record["runs"][-1]["ended"] = None
    write(os.path.join(fleet.ledgers, "one.json"), json.dumps(record))
    status, output = fleet.run()
    assert status == 0, output
    assert "3 of 3 hosts done." in output
    assert fleet.ledger()["state"] == "finished"
    assert all(run["ended"] for run in fleet.ledger()["runs"])


def interrupted():
    broken_off("interrupted", signal.SIGINT)


def paused():
    fleet = Fleet("paused", 3, softwarecontainer_rollout_batches=[1])
    gate = waiting(fleet, "h2")
    assert fleet.run(softwarecontainer_rollout_state="paused")[0] != 0
    process = fleet.start()
    fleet.wait(in_progress("h2"))
    status, output = fleet.run(softwarecontainer_rollout_state="paused")
    assert status == 0
    assert "Rollout one is paused" in output
    while not fleet.pid("h2"):
        time.sleep(0.02)
    write(gate, "")
    status, output = finish(process)
    assert status != 0
    assert (fleet.states(), fleet.ledger()["state"]) == (["done", "done", "pending"], "paused")
    assert fleet.pid("h3") is None and os.listdir(fleet.path("h3")) == []
    assert "The rollout is paused" in output
    before = fleet.seen("h1", "h2")
    assert fleet.run()[0] == 0
    assert (fleet.states(), fleet.ledger()["state"]) == (["done"] * 3, "finished")
    assert fleet.seen("h1", "h2") == before
    status, output = fleet.run(softwarecontainer_rollout_state="paused")
    assert status != 0
    assert "There is nothing to pause" in output


def two_controllers():
    fleet = Fleet("two_controllers", 2)
    gate = waiting(fleet, "h2")
    process = fleet.start()
    fleet.wait(in_progress("h2"))
    status, output = fleet.run()
    assert status != 0
    assert "rollout one is driven by process %d of " % process.pid in " ".join(output.split())
    assert process.poll() is None and fleet.states() == ["done", "in_progress"]
    while not fleet.pid("h2"):
        time.sleep(0.02)
    write(gate, "")
    assert finish(process)[0] == 0
    assert fleet.states() == ["done"] * 2
    assert [fleet.ledger()["hosts"][name]["attempts"] for name in fleet.names] == [1, 1]


def slices():
    fleet = Fleet("slices", 6)
    parts = {"a": "all[0:2]", "b": "all[3:5]"}
    processes = []
    for part, pattern in parts.items():
        extra = {"softwarecontainer_rollout_ledger": os.path.join(fleet.folder, part)}
        processes.append(fleet.start(softwarecontainer_rollout_hosts=pattern, **extra))
    assert [finish(process)[0] for process in processes] == [0, 0]
    assert [fleet.running(name) for name in fleet.names] == ["1"] * 6
    for part, names in zip(parts, (fleet.names[:3], fleet.names[3:])):
        with open(os.path.join(fleet.folder, part, "one.json")) as stream:
            record = json.load(stream)
        assert (record["state"], sorted(record["hosts"])) == ("finished", names)


def slow():
    fleet = Fleet("slow", 2)
    assert fleet.run()[0] == 0
    content = fleet.content("h1")
    fleet.release("2")
    waiting(fleet, "h1", good="1")
    started = time.monotonic()
    assert fleet.run(softwarecontainer_rollout_id="two", softwarecontainer_rollout_timeout=30)[0] != 0
    assert time.monotonic() - started < 90
    host = fleet.ledger("two")["hosts"]["h1"]
    assert (host["state"], host["reason"]) == ("rolled_back", "ready: the host took longer than 30 seconds"), host
    assert (fleet.running("h1"), fleet.content("h1"), fleet.running("h2")) == ("1", content, "1")


def held():
    """A run whose time is up while it waits for a lock goes no further when it gets it: the way back has begun."""
    fleet = Fleet("held", 1)
    assert fleet.run()[0] == 0
    content = fleet.content("h1")
    fleet.release("2")
    lock = lock_of(fleet.path("h1"), fleet.container("h1"))
    process = fleet.start(softwarecontainer_rollout_id="two", softwarecontainer_rollout_timeout=5)
    index = os.path.join(fleet.path("h1"), ".checkpoint", "index.json")
    wait_until(lambda: os.path.exists(index), "a checkpoint is taken")
    with open(lock) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        # The run that is given up, and the one that brings back what was there.
        wait_until(lambda: waiting_for(lock) == 2, "two runs wait for %s" % lock)
    assert finish(process)[0] != 0
    host = fleet.ledger("two")["hosts"]["h1"]
    assert host["state"] == "rolled_back", host
    assert re.match("rootfs: the host took longer than 5 seconds", host["reason"]), host
    time.sleep(1)
    assert (fleet.running("h1"), fleet.content("h1")) == ("1", content)


def lock_of(lxc_path, name):
    """The lock file of a container, from its lxc path and its name."""
    return "/run/softwarecontainer.lxc/%s-%s" % (
        hashlib.sha256(os.path.realpath(lxc_path).encode()).hexdigest()[:8],
        name,
    )


def waiting_for(path):
    """How many processes wait for the lock of a file, see proc(5), /proc/locks."""
    inode = ":%d " % os.stat(path).st_ino
    return sum("->" in line and inode in line for line in text_of("/proc/locks").splitlines())


def wait_until(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def corrupt(fleet, change):
    record = fleet.ledger()
    change(record)
    write(os.path.join(fleet.ledgers, "one.json"), json.dumps(record))


def rename(fleet):
    os.rename(os.path.join(fleet.ledgers, "one.json"), os.path.join(fleet.ledgers, "two.json"))


def another_machine(fleet):
    driver = {"host": "elsewhere", "boot": "0", "pid": 1, "start": 1}
    write(os.path.join(fleet.ledgers, "one.lock"), json.dumps(driver))


def change_spec(fleet):
    fleet.hosts["h2"]["softwarecontainer_containers"] = [fleet.spec("h2", "2")]


def misspell(fleet):
    fleet.hosts["h3"]["softwarecontainer_containers"][0]["redy"] = []


def undefine(fleet):
    fleet.hosts["h3"]["softwarecontainer_bridge"] = "{{ there_is_none }}"


REFUSED = (
    (
        {"softwarecontainer_rollout_hosts": "trucks"},
        None,
        "softwarecontainer_rollout_hosts: trucks matches no host of the inventory",
    ),
    (
        {"softwarecontainer_hosts": "h1"},
        None,
        "softwarecontainer_hosts: a rollout does not go by it; give softwarecontainer_rollout_hosts instead",
    ),
    (
        {"softwarecontainer_rollout_batches": []},
        None,
        "softwarecontainer_rollout_batches: [] is not a list with a size.",
    ),
    ({"softwarecontainer_rollout_batches": [0]}, None, "softwarecontainer_rollout_batches[0]: 0 is less than 1."),
    (
        {"softwarecontainer_rollout_budget": "101%"},
        None,
        "softwarecontainer_rollout_budget: '101%' is more than all hosts.",
    ),
    ({"softwarecontainer_rollout_budget": 4}, None, "softwarecontainer_rollout_budget: 4 is more than the 3 hosts."),
    (
        {"softwarecontainer_rollout_canary": "some"},
        None,
        "softwarecontainer_rollout_canary: 'some' is neither a number of hosts nor",
    ),
    (
        {"softwarecontainer_rollout_id": "../one"},
        None,
        "softwarecontainer_rollout_id: '../one' is not a name of at most 64",
    ),
    (
        {"softwarecontainer_rollout_state": "ended"},
        None,
        "value of state must be one of: running, paused, closed, got: ended",
    ),
    (
        {"softwarecontainer_rollout_hosts": "h1:h2"},
        None,
        "one.json has the host h3, which is not among the hosts of this rollout",
    ),
    ({"softwarecontainer_rollout_id": "two"}, rename, "two.json is of another rollout: its id is 'one'."),
    (
        {"softwarecontainer_rollout_id": "two", "softwarecontainer_rollout_state": "paused"},
        None,
        "there is no rollout to pause: ",
    ),
    ({}, change_spec, "one.json is of another rollout, since what is rolled out to h2 is not the same"),
    ({}, misspell, "host h3: container 'ro-refused-h3-a': key: 'redy' is not a known key; did you mean 'ready'? "),
    ({}, undefine, "host h3: 'there_is_none' is undefined"),
    (
        {},
        lambda fleet: write(os.path.join(fleet.ledgers, "one.json"), '{"version": 1'),
        "one.json is corrupted: it is not JSON",
    ),
    (
        {},
        lambda fleet: corrupt(fleet, lambda record: record.pop("batches")),
        "one.json is corrupted: batches: None is required",
    ),
    (
        {},
        lambda fleet: corrupt(fleet, lambda record: record["hosts"]["h1"].update(state="gone")),
        "one.json is corrupted: hosts.h1.state: 'gone' is none of",
    ),
    ({}, another_machine, "rollout one is driven by process 1 of elsewhere; if that one has ended, remove "),
)


def refused():
    fleet = Fleet("refused")
    # Begun, and not done: h1 is unreachable.
    fleet.unreachable("h1")
    assert fleet.run()[0] != 0
    fleet.reachable("h1")
    good, hosts, files = (
        text_of(os.path.join(fleet.ledgers, "one.json")),
        json.dumps(fleet.hosts),
        os.listdir(fleet.ledgers),
    )
    before = fleet.seen()
    for settings, prepare, message in REFUSED:
        for name in set(os.listdir(fleet.ledgers)) - set(files):
            os.unlink(os.path.join(fleet.ledgers, name))
        write(os.path.join(fleet.ledgers, "one.json"), good)
        fleet.hosts = json.loads(hosts)
        if prepare:
            prepare(fleet)
        files_before = tree(fleet.ledgers)
        status, output = fleet.run(**settings)
        assert status not in (0, 250), (status, message)
        assert message in " ".join(output.split()), (message, output)
        assert fleet.seen() == before, message
        # The file of the short lock may be opened, not more.
        assert tree(fleet.ledgers)[1:] == files_before[1:], message


def gone_target():
    # A Python that is not there, and one host without a valid lxc path: failures of a host, and none of the play.
    fleet = Fleet("gone_target", 3, softwarecontainer_rollout_budget=2, softwarecontainer_rollout_batches=[2])
    fleet.hosts["h2"]["ansible_python_interpreter"] = "/nowhere/python3"
    fleet.hosts["h3"]["softwarecontainer_lxc_path"] = "not/absolute"
    status, _output = fleet.run()
    assert status != 0
    assert fleet.states() == ["done", "failed", "failed"]
    reasons = [fleet.ledger()["hosts"][name]["reason"] for name in ("h2", "h3")]
    assert re.match(
        "preflight: The module interpreter '/nowhere/python3' was not found.*nothing was changed", reasons[0]
    ), reasons
    assert "lxc_path: 'not/absolute' is not an absolute path" in reasons[1], reasons


def other_settings():
    # Without pipelining, with more forks than hosts, verbose, through become, and with much of Ansible set otherwise.
    fleet = Fleet("other_settings", 3, softwarecontainer_rollout_canary=0, softwarecontainer_rollout_batches="100%")
    # What the first host has is not what one without anything gets.
    del fleet.hosts["h3"]["softwarecontainer_containers"]
    fleet.hosts["h2"].update(ansible_become=True, ansible_become_method="ansible.builtin.su")
    environment = {"ANSIBLE_BECOME_ALLOW_SAME_USER": "1", "ANSIBLE_TASK_TIMEOUT": "1", "ANSIBLE_PIPELINING": "0"}
    environment.update(ANSIBLE_STRATEGY="free", ANSIBLE_ANY_ERRORS_FATAL="1")
    status, output = fleet.run("--forks", "20", "-v", environment=environment)
    assert status == 0
    assert [fleet.running(name) for name in fleet.names] == ["1", "1", None]
    assert fleet.states() == ["done"] * 3
    assert fleet.ledger()["batches"] == [fleet.names]
    assert "hunter2" not in text_of(os.path.join(fleet.ledgers, "one.json"))
    # The default id follows from what is rolled out: a change of it is another rollout.
    del fleet.settings["softwarecontainer_rollout_id"]
    assert fleet.run()[0] == 0
    fleet.release("2")
    assert fleet.run()[0] == 0
    found = [name for name in os.listdir(fleet.ledgers) if re.fullmatch(r"[0-9a-f]{12}\.json", name)]
    assert len(found) == 2
    assert [fleet.running(name) for name in fleet.names] == ["2"] * 3


PLAIN = """
- hosts: all
  gather_facts: false
  serial: [2, 1]
  max_fail_percentage: 0
  any_errors_fatal: %s
  tasks:
    - ansible.builtin.file:
        path: "{{ softwarecontainer_lxc_path }}/touched"
        state: touch
"""


def serial():
    """What Ansible itself does where a host is unreachable: it goes on. Ours stops."""
    for fatal in ("false", "true"):
        fleet = Fleet("serial-" + fatal, 3)
        fleet.unreachable("h1")
        playbook = os.path.join(fleet.folder, "plain.yml")
        write(playbook, PLAIN % fatal)
        fleet.arguments()
        subprocess.call(["ansible-playbook", "-i", fleet.inventory, playbook], stdin=subprocess.DEVNULL)
        touched = [os.path.exists(os.path.join(fleet.path(name), "touched")) for name in fleet.names]
        assert touched == [False, True, True], touched
    fleet = Fleet("serial-ours", 3, softwarecontainer_rollout_canary=0, softwarecontainer_rollout_batches=[2, 1])
    fleet.unreachable("h1")
    assert fleet.run("--forks", "1")[0] != 0
    assert [os.listdir(fleet.path(name)) for name in fleet.names] == [[], [], []]
    assert fleet.states() == ["pending"] * 3


CASES = {
    function.__name__: function
    for function in (
        success,
        canary,
        prune,
        delivered,
        limit,
        budget,
        unreachable,
        lost,
        lost_in_rollback,
        room,
        killed,
        interrupted,
        paused,
        two_controllers,
        slices,
        slow,
        held,
        refused,
        gone_target,
        other_settings,
        serial,
    )
}


def run_all(names, jobs=2):
    """Run cases beside each other, each in a process of its own; the output of those that fail comes whole."""
    waiting_, running, failed = list(names), {}, []
    while waiting_ or running:
        while waiting_ and len(running) < jobs:
            name = waiting_.pop(0)
            log = open(os.path.join(TOP, "log-" + name), "w+")  # noqa: SIM115 closed below
            command = [sys.executable, __file__, TOP, RUNTIME, name]
            running[subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)] = name, log, time.monotonic()
        process = next((each for each in running if each.poll() is not None), None)
        if process is None:
            time.sleep(0.1)
            continue
        name, log, started = running.pop(process)
        print(
            "%s: %s in %.0f seconds" % (name, "failed" if process.returncode else "passed", time.monotonic() - started)
        )
        if process.returncode:
            log.seek(0)
            failed.append("== %s\n%s" % (name, log.read()))
        log.close()
    sys.exit("\n".join(failed) or 0)


if __name__ == "__main__":
    if sys.argv[3:] == ["--list"]:
        print("\n".join(CASES))
    elif len(sys.argv) > 4:
        run_all(sys.argv[3:])
    else:
        CASES[sys.argv[3]]()
