# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""I/O: makes system containers that serve as molecule targets, and takes them away. Needs root.

Usage: targets.py create|destroy [--check] < REQUEST

The request is JSON: path, cache, bridge, address, and for `create` also targets, public_key, packages, mirror, timeout
and inventory.
Prints JSON: the changes, one sentence each, and for `create` the distributions whose trees it builds, known_hosts and
the inventory. Where it fails it says why in one sentence on its standard error.

What `destroy` removes is what it finds: directories, processes, mounts, control groups, half-made trees. So whatever
was interrupted, at any moment, goes.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence, Set, Tuple

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
sys.dont_write_bytecode = True

import wanted  # noqa: E402
from wanted import InvalidError, Place, Target  # noqa: E402

# Marks the directory and the bridge that are ours, so that a wrong setting does not remove those of others.
MARK = ".softwarecontainer-targets"
HALF_MADE = ".new."
HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
# Needs no name server of its own, and so no packages but these on this machine.
PROGRAMS = ("apt-config", "apt-get", "chroot", "debootstrap", "ip", "lxc-start", "lxc-stop", "ssh-keygen", "unshare")
ADVICE = "install the packages lxc, debootstrap, debian-archive-keyring, iproute2 and openssh-client"


class FailedError(Exception):
    """Something did not work; the message says what."""


def run(*argv: str, environment: Dict[str, str] | None = None) -> str:
    """Run a program and return its output. Raises FailedError with the end of what it said."""
    # It ends with this process, also where that is killed.
    done = subprocess.run(
        ["setpriv", "--pdeathsig", "KILL", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()][-5:]
        raise FailedError("%s ended with %d: %s" % (" ".join(argv[:6]), done.returncode, " | ".join(said)))
    return done.stdout


def together(function: Callable[[Any], Any], items: Iterable[Any]) -> List[Any]:
    """Do something with all items side by side; the results in their order. All are done before an error is raised."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        futures = [pool.submit(function, item) for item in items]
    return [future.result() for future in futures]


@contextlib.contextmanager
def locked(path: str, end_other: bool = False) -> Iterator[None]:
    """Wait for others that do the same, or end the one that does, and keep them out."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not taken(descriptor):
            holder = os.pread(descriptor, 20, 0)
            if end_other and holder:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(holder), signal.SIGKILL)
            time.sleep(0.1)
        os.pwrite(descriptor, b"%d" % os.getpid(), 0)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Whether the lock is ours now. A process that was killed holds none, and leaves its number behind."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    os.ftruncate(descriptor, 0)
    return True


# Trees.


def build_tree(place: Place, distribution: str, names: Sequence[str], mirror: str) -> str:
    """Make the tree of a distribution, unless it is there; return what was done, or nothing."""
    tree = os.path.join(place.cache, wanted.tree_name(distribution, names))
    with locked(os.path.join(place.cache, ".lock." + distribution)):
        if os.path.isdir(tree):
            return ""
        half = os.path.join(place.cache, HALF_MADE + os.path.basename(tree))
        remove(half)
        bootstrap(half, wanted.SUITES[distribution], names, mirror or machine_mirror())
        os.rename(half, tree)
        for old in glob.glob(os.path.join(place.cache, distribution + ".*")):
            if old != tree and not in_use(old):
                remove(old)
    return "built the tree of %s" % distribution


def bootstrap(tree: str, suite: str, names: Sequence[str], mirror: str) -> None:
    """In namespaces of its own: its mounts end with it, and what a package starts sees no network of this machine."""
    own = ("unshare", "--mount", "--pid", "--fork", "--kill-child")
    environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", **proxy()}
    include = "--include=" + ",".join(names)
    # The script of sid is that of all Debians; by its own name debootstrap does not know a suite that is newer.
    first = ("debootstrap", "--foreign", "--variant=minbase", include, suite, tree, mirror, "sid")
    run(*own, *first, environment=environment)
    run(*own, "--net", "chroot", tree, "/debootstrap/debootstrap", "--second-stage", environment=environment)
    for name in glob.glob(os.path.join(tree, "var/cache/apt/archives/*.deb")):
        os.unlink(name)
    # Each target gets its own.
    for name in glob.glob(os.path.join(tree, "etc/ssh/ssh_host_*")):
        os.unlink(name)
    os.sync()


def machine_mirror() -> str:
    """The archive that this machine's apt reads."""
    shape = "$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    return wanted.mirror(run("apt-get", "indextargets", "--format", shape, "Created-By: Packages").splitlines())


def proxy() -> Dict[str, str]:
    """The proxies of this machine's apt, as the variables that debootstrap's wget knows."""
    text = run("apt-config", "shell", "http_proxy", "Acquire::http::Proxy", "https_proxy", "Acquire::https::Proxy")
    return dict(re.findall(r"^(\w+)='(.*)'$", text, re.MULTILINE))


def in_use(tree: str) -> bool:
    """Whether a target that runs stands on a tree, in whichever mount namespace."""
    return any(wanted.users_of(tree, read(path).splitlines()) for path in glob.glob("/proc/[0-9]*/mountinfo"))


# Targets.


def make(target: Target, place: Place, tree: str, public_key: str) -> None:
    """Write a target; its config comes last, so that one without is known to be half made."""
    home = os.path.join(place.path, target.name)
    upper = os.path.join(home, "upper")
    for name, (mode, content) in wanted.files(target, public_key).items():
        write(upper, name, mode, content)
    for pattern in wanted.hidden(target):
        for found in glob.glob(os.path.join(tree, pattern)):
            path = os.path.join(upper, os.path.relpath(found, tree))
            folders(upper, os.path.dirname(os.path.relpath(path, upper)))
            # This is how an overlay notes that something of the lower tree is not there.
            os.mknod(path, stat.S_IFCHR, os.makedev(0, 0))
    folders(upper, target.data.lstrip("/"))
    folders(upper, "etc/ssh")
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", target.name, "-f", os.path.join(upper, HOST_KEY))
    os.mkdir(os.path.join(home, "data"), 0o755)
    if target.lxc_path:
        below = os.path.relpath(target.lxc_path, target.data)
        inside = not below.startswith("..")
        folders(os.path.join(home, "data") if inside else upper, below if inside else target.lxc_path.lstrip("/"))
    write(home, "config", 0o644, wanted.config(target, place, tree, wanted.digest(target, public_key)))


def folders(top: str, name: str) -> None:
    """Make the directories of a relative path, with the modes that the tree has for them."""
    os.makedirs(top, mode=0o755, exist_ok=True)
    path = top
    for part in filter(None, name.split("/")):
        path = os.path.join(path, part)
        if not os.path.isdir(path):
            os.mkdir(path, 0o755)
            os.chmod(path, 0o700 if part in ("root", ".ssh") else 0o755)


def write(top: str, name: str, mode: int, content: str) -> None:
    """Write one file below a directory of ours, whole or not at all."""
    folders(top, os.path.dirname(name))
    path = os.path.join(top, name)
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write(content)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


def is_made(target: Target, place: Place, tree: str, public_key: str) -> bool:
    """Whether a target is there, whole and as it is wanted."""
    text = wanted.config(target, place, tree, wanted.digest(target, public_key))
    return read(os.path.join(place.path, target.name, "config")) == text


def start(target: Target, place: Place, timeout: float) -> None:
    """Start a target and wait until its SSH server answers."""
    log = os.path.join(place.path, target.name, "log")
    run("lxc-start", "-P", place.path, "-n", target.name, "-o", log, "-l", "INFO")
    deadline = time.monotonic() + timeout
    while not answers(target.address):
        if time.monotonic() > deadline or not processes(place, target.name):
            said = [line for line in read(log).splitlines() if " ERROR " in line][-3:]
            raise FailedError("%s gives no answer at %s: %s" % (target.name, target.address, " | ".join(said)))
        time.sleep(0.05)


def answers(address: str) -> bool:
    """Whether an SSH server says its name there."""
    with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=1) as connection:
        connection.settimeout(5)
        return connection.recv(4) == b"SSH-"
    return False


def processes(place: Place, name: str = "") -> Set[int]:
    """The processes of a target, or of all: those whose root lies in its directory, and LXC's monitors of them.

    The root is an overlay, or, for a container in a target, a directory of the data partition.
    """
    upper = "upperdir=%s/%s" % (place.path, name + "/" if name else "")
    inside = "%s/%s" % (path_on_file_system(place.path), name + "/" if name else "")
    # LXC's monitor, and what becomes one.
    marks = ("[lxc monitor] %s " % place.path, "lxc-start -P %s -n " % place.path)
    found = set()
    for folder in glob.glob("/proc/[0-9]*"):
        lines = (line.split(" ") for line in read(folder + "/mountinfo").splitlines())
        root = next((fields for fields in lines if fields[4] == "/"), ["", "", "", "", "", ""])
        words = read(folder + "/cmdline").replace("\0", " ")
        rest = next((words[len(mark) :] for mark in marks if words.startswith(mark)), "")
        if upper in root[-1] or root[3].startswith(inside) or (rest and name in ("", rest.split()[0])):
            found.add(int(folder[6:]))
    return found


def path_on_file_system(path: str) -> str:
    """A path as mount tables have it in their field `root`: from the top of its file system."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    lines = (line.split(" ") for line in read("/proc/self/mountinfo").splitlines())
    above = [fields for fields in lines if (path + "/").startswith(fields[4].rstrip("/") + "/")]
    mount = max(above, key=lambda fields: len(fields[4]))
    return os.path.join(mount[3], os.path.relpath(path, mount[4]))


def thaw(pids: Iterable[int]) -> None:
    """Let processes die that a container in a target has frozen; cgroup v1 would keep them."""
    for pid in pids:
        found = re.search(r"^\d+:freezer:(/.*)$", read("/proc/%d/cgroup" % pid), re.MULTILINE)
        path = "/sys/fs/cgroup/freezer" + (found.group(1) if found else "")
        while "/lxc.payload." in path:
            with contextlib.suppress(OSError), open(path + "/freezer.state", "w", encoding="utf-8") as stream:
                stream.write("THAWED")
            path = os.path.dirname(path)


def kill(place: Place, name: str = "") -> None:
    """End all processes of a target, or of all; they have no way to refuse."""
    deadline = time.monotonic() + 10
    while True:
        left = processes(place, name)
        if not left:
            return
        if time.monotonic() > deadline:
            raise FailedError("these processes do not end: %s" % sorted(left))
        thaw(left)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def take_away(place: Place, name: str) -> None:
    """Remove a target, whole or half made, running or not."""
    home = os.path.join(place.path, name)
    if os.path.isfile(os.path.join(home, "config")):
        # Its monitor then tidies up behind it. Whatever comes of this: what is left is ended by hand.
        thaw(processes(place, name))
        with contextlib.suppress(FailedError):
            run("timeout", "20", "lxc-stop", "-P", place.path, "-n", name, "-k")
    kill(place, name)
    # Empty ones only, since they have no name of their own: LXC puts a number behind that of a second such target.
    places = ["/sys/fs/cgroup/%slxc.*.%s%s" % (part, name, end) for part in ("", "*/") for end in ("", "-[0-9]*")]
    for path in [path for place_ in places for path in glob.glob(place_)]:
        for folder, _names, _files in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    remove(home)


def remove(path: str) -> None:
    """Remove a directory, never through a mount: unmount first, and stay on this file system."""
    for point in reversed(mount_points(path)):
        run("umount", "-l", point)
    left = mount_points(path)
    if left:
        raise FailedError("still mounted, so nothing is removed: %s" % ", ".join(left))
    if os.path.lexists(path):
        run("rm", "-rf", "--one-file-system", "--", path)


def mount_points(path: str) -> List[str]:
    """What is mounted at and below a path, in the order of mounting."""
    fields = (line.split(" ") for line in read("/proc/self/mountinfo").splitlines())
    points = [re.sub(r"\\(\d{3})", lambda match: chr(int(match.group(1), 8)), field[4]) for field in fields]
    return [point for point in points if point == path or point.startswith(path + "/")]


def read(path: str) -> str:
    """The text of a file; nothing where there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


# The bridge.


def bridge_is_up(place: Place) -> bool:
    """Whether the bridge is there with its address. Raises FailedError where another interface has that network."""
    listed = json.loads(run("ip", "-json", "-4", "address", "show", "to", network_of(place)) or "[]")
    others = [item["ifname"] for item in listed if item and item["ifname"] != place.bridge]
    if others:
        raise FailedError(
            "the network of %s is in use by %s: choose another softwarecontainer_targets_address"
            % (place.address, others[0])
        )
    return any(item for item in listed)


def is_our_bridge(place: Place) -> bool:
    """Whether it has our mark, or nothing at all: then whoever made it, say we, had no time for more."""
    folder = "/sys/class/net/" + place.bridge
    if not os.path.isdir(folder + "/bridge"):
        return False
    bare = not os.listdir(folder + "/brif") and "inet " not in run("ip", "-4", "address", "show", "dev", place.bridge)
    return read(folder + "/ifalias").strip() == MARK or bare


def network_of(place: Place) -> str:
    return str(wanted.ipaddress.ip_interface(place.address).network)


def bring_up_bridge(place: Place) -> None:
    """Make the bridge, or complete it."""
    if not os.path.lexists("/sys/class/net/" + place.bridge):
        run("ip", "link", "add", "name", place.bridge, "type", "bridge")
        run("ip", "link", "set", "dev", place.bridge, "alias", MARK)
    elif not is_our_bridge(place):
        raise FailedError(
            "the interface %s is not ours: choose another softwarecontainer_targets_bridge" % place.bridge
        )
    run("ip", "address", "replace", place.address, "dev", place.bridge)
    run("ip", "link", "set", place.bridge, "up")


# What is asked for.


def create(request: Dict[str, Any], place: Place, check: bool) -> Dict[str, Any]:
    """Make what is missing; what is there otherwise than wanted is made anew, what is not wanted is taken away."""
    missing = [name for name in PROGRAMS if not any_path(name)]
    if missing:
        raise FailedError("not installed on this machine: %s; on Debian %s" % (", ".join(missing), ADVICE))
    targets = wanted.parse_targets(request["targets"], place.address)
    names = wanted.packages(request["packages"])
    key = request["public_key"]
    trees = {name: os.path.join(place.cache, wanted.tree_name(name, names)) for name in wanted.SUITES}
    stale = [
        name
        for name in found(place)
        if not any(item.name == name and is_made(item, place, trees[item.distribution], key) for item in targets)
    ]
    absent = [target for target in targets if target.name in stale or target.name not in found(place)]
    stopped = [target for target in targets if target not in absent and not processes(place, target.name)]
    unbuilt = sorted({item.distribution for item in targets if not os.path.isdir(trees[item.distribution])})
    changes = ["build the tree of " + name for name in unbuilt]
    changes += [] if bridge_is_up(place) else ["bring up the bridge " + place.bridge]
    changes += ["take away " + name for name in stale]
    changes += ["make and start " + target.name for target in absent] + ["start " + target.name for target in stopped]
    if not check:
        together(lambda name: build_tree(place, name, names, request["mirror"]), unbuilt)
        together(lambda name: take_away(place, name), stale)
        if not bridge_is_up(place):
            bring_up_bridge(place)
        write(place.path, MARK, 0o644, "")
        together(lambda target: make(target, place, trees[target.distribution], key), absent)
        together(lambda target: start(target, place, request["timeout"]), absent + stopped)
    keys = ((item.address, read(os.path.join(place.path, item.name, "upper", HOST_KEY + ".pub"))) for item in targets)
    known = "".join("%s %s\n" % (address, " ".join(text.split()[:2])) for address, text in keys)
    return {
        "changes": changes,
        "trees": unbuilt,
        "known_hosts": known,
        "inventory": wanted.inventory(request["targets"], request["inventory"]),
    }


def any_path(name: str) -> bool:
    folders_ = os.environ["PATH"].split(":")
    return any(os.access(os.path.join(folder, name), os.X_OK) for folder in folders_)


def found(place: Place) -> List[str]:
    """The names of all targets below the directory, whole or not. Raises FailedError where it is not ours."""
    names = sorted(os.listdir(place.path)) if os.path.isdir(place.path) else []
    if names and MARK not in names:
        raise FailedError("%s is not empty and not ours: choose another softwarecontainer_targets_path" % place.path)
    return [name for name in names if not name.startswith(MARK)]


def destroy(_request: Dict[str, Any], place: Place, check: bool) -> Dict[str, Any]:
    """Take away all that is found."""
    here = found(place)
    half_made = [path for path in glob.glob(os.path.join(place.cache, HALF_MADE + "*")) if not being_made(path)]
    changes = ["take away " + name for name in here]
    changes += ["end the processes of targets"] if not here and processes(place) else []
    changes += ["remove the directory " + place.path] if os.path.isdir(place.path) else []
    changes += ["remove the half-made tree " + path for path in half_made]
    has_bridge = is_our_bridge(place)
    changes += ["remove the bridge " + place.bridge] if has_bridge else []
    if not check:
        together(lambda name: take_away(place, name), here)
        kill(place)
        remove(place.path)
        for path in half_made:
            remove(path)
        if has_bridge:
            run("ip", "link", "delete", place.bridge)
    return {"changes": changes}


def being_made(half: str) -> bool:
    """Whether another process builds that tree just now: then it holds the lock."""
    distribution = os.path.basename(half)[len(HALF_MADE) :].partition(".")[0]
    try:
        descriptor = os.open(os.path.join(os.path.dirname(half), ".lock." + distribution), os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        return not taken(descriptor)
    finally:
        os.close(descriptor)


COMMANDS: Dict[str, Callable[[Dict[str, Any], Place, bool], Dict[str, Any]]] = {"create": create, "destroy": destroy}


def main(words: Tuple[str, ...]) -> int:
    os.umask(0o022)
    # Threads would keep an interrupted run alive.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    request = json.load(sys.stdin)
    try:
        place = wanted.parse_place(*(request[key] for key in ("path", "cache", "bridge", "address")))
        with contextlib.ExitStack() as stack:
            if "--check" not in words:
                # One run at a time. Who asks for `destroy` does not want a `create` to go on, say one that was
                # left alone when its play was interrupted.
                lock = "/run/lock/softwarecontainer-targets" + place.path.replace("/", "-")
                stack.enter_context(locked(lock, end_other=words[0] == "destroy"))
            print(json.dumps(COMMANDS[words[0]](request, place, "--check" in words)))
    except (FailedError, InvalidError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(tuple(sys.argv[1:])))
