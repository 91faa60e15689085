"""Where the campaign is fought: runs stages in processes of their own, and reads from disk and kernel what has become.

What is asserted is read without the collection, which does not testify for itself.
"""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback

TOP, BRIDGE, RUNTIME = sys.argv[1:4]
LXC_PATH = os.path.join(TOP, "lxc")
BUSYBOX = shutil.which("busybox")
STAGES = ("rootfs", "busybox", "config")
# What every rootfs has, by the chapter.
DIRECTORIES = (
    *("bin", "dev", "etc/pulse", "gateways", "home", "lib", "proc"),
    *("root", "sbin", "sys", "tmp", "usr/lib", "usr/sbin"),
)
FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": b"root:x:0:root\n",
    "etc/pulse/client.conf": b"disable-shm=yes\n",
}
APPLETS = ("cat", "echo", "env", "id", "ls", "pwd", "touch", "true", "uname", "wc")
PATIENCE = 60

above = os.path.realpath(__file__)
while os.path.basename(above) != "ansible_collections":
    above = os.path.dirname(above)
    assert above != "/", "this file is not part of an installed collection"
sys.path.insert(0, os.path.dirname(above))
UTILS = "ansible_collections.softwarecontainer.lxc.plugins.module_utils."


def utils(name):
    """A module of the collection; only for processes that end with what they do, since modules keep what they read."""
    __import__(UTILS + name)
    return sys.modules[UTILS + name]


def parameters(specs, lxc_path):
    """What the action `stage` hands to the module."""
    specifications = utils("argument_specs")
    times = {"settle": 0.05, "stop_timeout": 2.0, "start_timeout": 30.0}
    given = {"containers": specs, "lxc_path": lxc_path, "runtime": RUNTIME, "bridge": BRIDGE, **times}
    return specifications.filled(specifications.STAGE, given)


def run_chain(specs, check=False, lxc_path=LXC_PATH):
    """The results of the four stages, which are one run as in the role. What is of all is with the first one."""
    try:
        result = utils("modules.containers").run(parameters(specs, lxc_path), check, True)
    except utils("errors").Error as error:
        return [{"containers": [], "msg": str(error)}]
    whole = {key: result[key] for key in ("diff", "msg") if key in result}
    stages = [{"containers": [dict(each, changed=True) for each in stage["containers"]]} for stage in result["stages"]]
    return [{**stages[0], **whole}, *stages[1:]]


def run_stage(stage, specs):
    """The result of one stage alone, in this process."""
    given = dict(parameters(specs, LXC_PATH), stage=stage, look_ahead=None)
    return [utils("modules.stage").run(given, False, True)]


class Child:
    """A function in a process of its own."""

    number = 0

    def __init__(self, function, *arguments, **options):
        Child.number += 1
        self.path = os.path.join(TOP, "result-%d" % Child.number)
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                self.work(function, arguments, options)
            os._exit(1)

    def work(self, function, arguments, options):
        """What the process does."""
        try:
            value = function(*arguments, **options)
            with open(self.path + ".new", "w") as stream:
                json.dump(value, stream)
            os.rename(self.path + ".new", self.path)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()

    def kill(self, number):
        """Send it a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def result(self):
        """What it returned; None where a signal ended it. Nothing may hang."""
        deadline = time.monotonic() + PATIENCE
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError("a run has not ended within %d seconds" % PATIENCE)
            time.sleep(0.001)
        if os.WIFSIGNALED(status):
            return None
        assert status == 0, "a run ended with an exception"
        with open(self.path) as stream:
            value = json.load(stream)
        os.unlink(self.path)
        return value


def chain(specs, **options):
    """The results of the stages, each of which has to succeed for all containers."""
    return succeeded(Child(run_chain, specs, **options).result())


def succeeded(results):
    """The same results, without a failure among them."""
    failures = [result["msg"] for result in results if "msg" in result]
    assert not failures, failures
    return results


def changes(results):
    """What a chain says that it changed, or would change."""
    return [[(item["name"], item["changes"]) for item in result["containers"] if item["changed"]] for result in results]


def draw(random, name, number):
    """A spec by chance; the number tells it from all others."""
    paths = random.sample(["/home/a", "/home/b", "/etc/c", "/srv/d", "/srv/deep/er/e"], random.randint(0, 4))
    contents = ["%d " % number * times for times in (1, 9, 9999)]
    files = [
        {"path": path, "mode": random.choice(["0644", "0600", "0755"]), "content": random.choice(contents)}
        for path in paths
    ]
    directories = [
        {"path": path, "mode": random.choice(["0755", "0700", "1777"])}
        for path in random.sample(["/data", "/data/one", "/home/two"], random.randint(0, 3))
    ]
    return {
        "name": name,
        "state": random.choice(["started", "started", "stopped"]),
        "network": random.choice([[], [{}]]),
        "environment": {"NUMBER": str(number)},
        "busybox": {"method": random.choice(["copy", "bind"]), "applets": ["sh", "sleep", *random.sample(APPLETS, 5)]},
        "files": files,
        "directories": directories,
        "security": {"privileged": random.random() < 0.3},
        "mounts": random.choice([[], [{"source": "/etc", "target": "/mnt/etc", "create": "dir"}]]),
    }


def read(path):
    """The content of a file, None where there is none."""
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def pid_of(name, lxc_path=LXC_PATH):
    """PID 1 of a container, None where it does not run."""
    command = ["lxc-info", "-P", lxc_path, "-n", name, "-p", "-H"]
    found = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.strip()
    return int(found) if found else None


def declared(spec):
    """The files of a spec: path to mode and content."""
    return {item["path"]: (int(item["mode"], 8), item["content"].encode()) for item in spec["files"]}


def found_file(path):
    """Mode and content of a file, None where there is none."""
    content = read(path)
    return None if content is None else (stat.S_IMODE(os.stat(path).st_mode), content)


def links(root):
    """The applets of a rootfs."""
    return {name for name in os.listdir(root + "/bin") if os.path.islink(root + "/bin/" + name)}


def assert_sound(specs, lxc_path=LXC_PATH):
    """What holds at any moment, where a container was to become one of these specs: old or new, and complete."""
    place = os.path.join(lxc_path, specs[0]["name"])
    config = read(place + "/config")
    if config is None:
        return
    root = place + "/rootfs"
    missing = [path for path in DIRECTORIES if not os.path.isdir(os.path.join(root, path))]
    assert not missing, "there is a config, and missing are %s" % missing
    for path, content in FILES.items():
        assert read(os.path.join(root, path)) == content, path
    numbers = {b"\nlxc.environment = NUMBER=%s\n" % spec["environment"]["NUMBER"].encode() for spec in specs}
    assert config.endswith(b"\n") and any(line in config for line in numbers), config
    for path in {path for spec in specs for path in declared(spec)}:
        wanted = [declared(spec).get(path) for spec in specs]
        found = found_file(root + path)
        # Its mode may be that of the one and its content that of the other.
        assert found is None or found[1] in [each[1] for each in wanted if each], path
        assert found is not None or None in wanted, "%s is gone" % path
    everywhere = set.intersection(*[set(spec["busybox"]["applets"]) for spec in specs])
    assert everywhere <= links(root), everywhere - links(root)
    methods = {spec["busybox"]["method"] for spec in specs}
    busybox = read(root + "/bin/busybox")
    assert busybox in [{"copy": read(BUSYBOX), "bind": b""}[method] for method in methods], "half a busybox"


def assert_right(spec, lxc_path=LXC_PATH, others=()):
    """What a container of this spec is like on disk and for the kernel, with nothing left of other specs of its."""
    assert_sound([spec], lxc_path)
    place = os.path.join(lxc_path, spec["name"])
    assert sorted(os.listdir(place)) == ["config", "log", "manifest", "rootfs"], os.listdir(place)
    root = place + "/rootfs"
    for path, wanted in declared(spec).items():
        assert found_file(root + path) == wanted, path
    for item in spec["directories"]:
        assert stat.S_IMODE(os.stat(root + item["path"]).st_mode) == int(item["mode"], 8), item
    for path in {path for other in others for path in declared(other)} - set(declared(spec)):
        assert not os.path.lexists(root + path), "%s is left" % path
    assert links(root) == set(spec["busybox"]["applets"])
    pid = pid_of(spec["name"], lxc_path)
    assert (pid is not None) == (spec["state"] == "started"), (spec["state"], pid)
    if pid:
        assert b"NUMBER=%s" % spec["environment"]["NUMBER"].encode() in read("/proc/%d/environ" % pid).split(b"\0")
        own = read("/proc/%d/uid_map" % pid).split()[1] == b"0"
        assert own == spec["security"]["privileged"], "its user namespace is not as declared"


def assert_no_litter(names, lxc_path=LXC_PATH):
    """Nothing but the containers is there."""
    assert sorted(os.listdir(lxc_path)) == sorted(names), os.listdir(lxc_path)


def remove(names, lxc_path=LXC_PATH):
    """Remove containers, with the module."""
    given = dict(parameters([], lxc_path), name=list(names), state="absent")
    result = Child(lambda: utils("modules.container").run(given, False, True)).result()
    assert "msg" not in result, result["msg"]
    assert_no_litter([], lxc_path)


@contextlib.contextmanager
def mounted(kind, name, options, source="none"):
    """A file system of its own; its mount point."""
    point = os.path.join(TOP, name)
    os.makedirs(point, exist_ok=True)
    subprocess.check_call(["mount", "-t", kind, "-o", options, source, point])
    os.chmod(point, 0o755)
    try:
        yield point
    finally:
        # A process of a container that is ending may hold it for a moment.
        subprocess.check_call(["umount", "-l", point])
