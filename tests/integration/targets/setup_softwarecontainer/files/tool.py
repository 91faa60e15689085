"""What the tests do and read on the target without the collection: it must not testify for itself.

Usage: tool.py COMMAND ARGUMENT...; the folder of this file is the test's own place, its lxc path the folder lxc in it.

set-up               Make the lxc path and a bridge that no other run uses.
clean-up START...    Take away all that the tests have made; fail where something stays.
save [FOLDER...]     Record every name, its attributes and content below the lxc path, and LXC's and our lock files.
same [FOLDER...]     Fail, with the difference, where this is no longer as it was recorded.
observe NAME...      What the kernel says of containers, as JSON: one object for each, null where no process is in it.
cgroups START        The cgroups of containers whose names begin so, without those of another run.
logs                 The logs of the collection that were left behind.
left START           Processes, cgroups and directories of containers whose names begin so, and logs; one line each.
flip NAME FOLDER CANARY SECONDS   Exchange a folder of a rootfs with a link to a canary, over and over, at most until
                     there is a file `still` here; print how often, and how often after the config had been removed.
kill-at-work SECONDS ARGV...   Run a module and kill it after it has worked so long.
fail CALL:NUMBER:ERROR ARGV...   Run a module in which the call of that number fails, of rename(2) for example; with
                     a signal for an error, the module gets that instead.
watch FILE ARGV...   Run a program; into the file goes each list of arguments that a process has meanwhile, once.
digest FOLDER NAME...   A digest of names in a folder and of all below them, but for times and owners.
tree FOLDER          The entries below a folder, one line each, sorted: type, mode, owner, path, and a link's target.
"""

import contextlib
import ctypes
import difflib
import errno
import hashlib
import itertools
import json
import os
import re
import runpy
import signal
import stat
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.realpath(__file__))
LXC_PATH = os.path.join(TOP, "lxc")
# Where hooks of containers bind what LXC binds from there.
MOUNTS = "/run/softwarecontainer.mounts"
# The code of the collection that writes, whose system calls are made to fail.
WRITER = "/module_utils/disk/"
# An interface name has at most 15 characters, and no two runs at once may share a bridge.
BRIDGE = "sc%sb" % TOP[-8:]
LIMITS = (
    ("memory", "memory.limit_in_bytes"),
    ("memory", "memory.memsw.limit_in_bytes"),
    ("memory", "memory.usage_in_bytes"),
    ("cpu", "cpu.shares"),
    ("cpu", "cpu.cfs_quota_us"),
    ("cpu", "cpu.cfs_period_us"),
    ("pids", "pids.max"),
    ("freezer", "freezer.state"),
    ("", "memory.max"),
    ("", "memory.swap.max"),
    ("", "memory.current"),
    ("", "cpu.weight"),
    ("", "cpu.max"),
    ("", "pids.max"),
    ("", "cgroup.freeze"),
    ("", "cgroup.events"),
    ("", "hugetlb.2MB.max"),
)


def read(path, default=""):
    """The text of a file of the kernel; the default where it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            return stream.read()
    except OSError:
        return default


def run(*argv):
    """Run a program and go on whatever comes of it."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(argv, timeout=60, check=False, **pipes)


def unescaped(field):
    """A field of mountinfo as it was given."""
    return field.encode("latin-1", "replace").decode("unicode_escape")


def mounts(pid):
    """The mounts that a process sees, in their order."""
    found = []
    # Other characters that end lines for Python may be in names that a container has chosen.
    for line in filter(None, read("/proc/%s/mountinfo" % pid).split("\n")):
        own, _dash, rest = line.partition(" - ")
        fields, (kind, source, superblock) = own.split(" "), rest.split(" ", 2)
        found.append(
            {
                "root": unescaped(fields[3]),
                "target": unescaped(fields[4]),
                "options": fields[5].split(","),
                "type": kind,
                "source": source,
                "superblock": superblock.split(","),
            }
        )
    return found


# An interpreter for modules under conditions that a play cannot set: the umask, a system call that fails, and a SIGKILL
# after some seconds or in the midst of work; other ids that root has; and cgroups of version 2 alone, as systems of now
# have them: LXC and the modules find cgroups by their mounts.
# Another Python: without some modules, or on a machine or a system of another name. And AppArmor that seems switched
# on, with these profiles.
# A module that is killed leaves its code where Ansible has unpacked it, so that has to be in a place that is removed.
WRAPPER = """#!/bin/sh
umask "${TEST_UMASK:-022}"
[ -z "$TEST_KILL_AT_WORK$TEST_FAIL$TEST_KILL_AFTER" ] || export TMPDIR=%(top)s
[ -z "$TEST_IDS" ] || {
    ids="$TEST_IDS"
    unset TEST_IDS
    bound='mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"'
    exec unshare --mount sh -c "$bound" "$ids" "$0" "$@"
}
[ -z "$TEST_CGROUP2" ] || {
    unset TEST_CGROUP2
    mounted='umount --lazy /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup && exec "$@"'
    exec unshare --mount sh -c "$mounted" "$0" "$0" "$@"
}
[ -z "$TEST_APPARMOR" ] || {
    profiles="$TEST_APPARMOR"
    unset TEST_APPARMOR
    mounted='mount -t tmpfs none /sys/module && mkdir -p /sys/module/apparmor/parameters &&
        echo Y > /sys/module/apparmor/parameters/enabled && mount -t tmpfs none /sys/kernel/security &&
        mkdir /sys/kernel/security/apparmor && echo "$0" > /sys/kernel/security/apparmor/profiles && exec "$@"'
    exec unshare --mount sh -c "$mounted" "$profiles" "$0" "$@"
}
[ -z "$TEST_LACKS$TEST_MACHINE$TEST_SYSTEM" ] || export PYTHONPATH=%(top)s/shim
[ -z "$TEST_KILL_AT_WORK" ] || exec %(python)s %(top)s/tool.py kill-at-work "$TEST_KILL_AT_WORK" %(python)s "$@"
[ -z "$TEST_FAIL" ] || exec %(python)s %(top)s/tool.py fail "$TEST_FAIL" "$@"
[ -z "$TEST_KILL_AFTER" ] || exec timeout -s KILL "$TEST_KILL_AFTER" %(python)s "$@"
exec %(python)s "$@"
"""

# What such a Python runs first.
SHIM = """
import os, platform, sys
sys.modules.update(dict.fromkeys(os.environ.get("TEST_LACKS", "").split()))
if os.environ.get("TEST_MACHINE"):
    platform.machine = lambda: os.environ["TEST_MACHINE"]
if os.environ.get("TEST_SYSTEM"):
    platform.system = lambda: os.environ["TEST_SYSTEM"]
"""


def set_up():
    """The lxc path can be passed through, as the containers with an id map need it."""
    os.chmod(TOP, 0o711)
    os.mkdir(LXC_PATH)
    os.chmod(LXC_PATH, 0o755)
    os.mkdir(os.path.join(TOP, "host"))
    with open(os.path.join(TOP, "python"), "w") as stream:
        stream.write(WRAPPER % {"python": sys.executable, "top": TOP})
    os.chmod(os.path.join(TOP, "python"), 0o755)
    os.mkdir(os.path.join(TOP, "shim"))
    with open(os.path.join(TOP, "shim", "sitecustomize.py"), "w") as stream:
        stream.write(SHIM)
    subprocess.check_call(["ip", "link", "add", BRIDGE, "type", "bridge"])
    subprocess.check_call(["ip", "link", "set", BRIDGE, "up"])


def clean_up(*starts):
    """Kill and unmount first: nothing may be deleted through a mount. Monitors get the time to end by themselves."""
    end([pid for pid in belonging() if inside("/proc/%d" % pid)], 0.5)
    if belonging():
        # What is frozen does not die.
        for name in os.listdir(LXC_PATH):
            run("lxc-unfreeze", "-P", LXC_PATH, "-n", name)
        end([], 3)
        end(belonging(), 10)
    for mount in reversed(below(TOP)):
        run("umount", "-l", mount)
    for place in of_ours(MOUNTS):
        run("umount", "-l", place)
        os.rmdir(place)
    for interface in [BRIDGE] + [name for name in os.listdir("/sys/class/net") if name.startswith(BRIDGE[:-1] + "-")]:
        run("ip", "link", "delete", interface)
    for path in [path for start in starts for path in cgroups(start)]:
        # Of version 2 they have one below them that LXC makes for programs that it runs in a container.
        for folder, _names, _files in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
    if not below(TOP):
        run("rm", "-rf", "--one-file-system", TOP, "/run/lxc/lock" + TOP, *ours_in_run())
    left = ["process %d" % pid for pid in belonging()] + ["mount " + mount for mount in below(TOP)]
    left += [name for name in (TOP, "/sys/class/net/" + BRIDGE) if os.path.lexists(name)]
    left += [line for line in run("losetup", "-a").stdout.decode().splitlines() if TOP in line]
    if left:
        sys.exit("left behind: " + "; ".join(left))


def end(pids, seconds):
    """Kill processes, and wait until nothing of ours is left or the time is up."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + seconds
    while belonging() and time.monotonic() < deadline:
        time.sleep(0.05)


def below(folder):
    """The mount points of this process at and below a folder, in their order."""
    points = [mount["target"] for mount in mounts("self")]
    return [point for point in points if point == folder or point.startswith(folder + "/")]


def belonging():
    """The processes of all containers below the test's place, their monitors, and what the tests left running."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            words = read("/proc/%s/cmdline" % name).replace("\0", " ")
            if TOP + "/" in words and int(name) not in ancestors() or inside("/proc/" + name):
                found.append(int(name))
    return found


def ancestors():
    """The processes above this one: a connection may name our path in its arguments."""
    found, pid = [], os.getpid()
    while pid > 1:
        pid = int(read("/proc/%d/stat" % pid).rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def inside(process):
    """Whether the root of a process is a rootfs of ours."""
    root = next((mount for mount in mounts(process[6:]) if mount["target"] == "/"), None)
    return bool(root) and "/%s/" % os.path.basename(TOP) in root["root"] + "/" and root["root"].endswith("/rootfs")


def ours_in_run():
    """The collection's lock files for lxc paths below the test's place."""
    return of_ours("/run/softwarecontainer.lxc")


def of_ours(folder):
    """What the collection has there for lxc paths below the test's place."""
    paths = [LXC_PATH] + [os.path.join(TOP, name) for name in os.listdir(TOP)]
    starts = tuple(hashlib.sha256(path.encode()).hexdigest()[:8] for path in paths)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name.startswith(starts)]


# What LXC and the supervisors of commands write while containers run and end, and the directory for it.
LIFE = re.compile(r"/log(/(output|output\.1|lxc|start|end))?$|/rootfs/etc/softwarecontainer/runs$")


def record(folders):
    """One line for each entry below the folders: all that a change could touch but the time of the last reading."""
    lines = []
    for folder in folders:
        for path in entries(folder):
            if LIFE.search(path):
                continue
            status = os.lstat(path)
            detail = ""
            if stat.S_ISLNK(status.st_mode):
                detail = os.readlink(path)
            elif stat.S_ISREG(status.st_mode) and status.st_size < 1 << 30:
                with open(path, "rb") as stream:
                    detail = hashlib.sha256(stream.read()).hexdigest()
            owner = "%d:%d" % (status.st_uid, status.st_gid)
            lines.append(
                "%s %o %s %d %d %s\n"
                % (ascii(path), status.st_mode, owner, status.st_size, status.st_mtime_ns, ascii(detail))
            )
    return lines


def entries(folder):
    """A folder and all paths below it, sorted, without going into other mounts."""
    found, waiting = [], [folder]
    device = os.lstat(folder).st_dev if os.path.lexists(folder) else None
    while waiting:
        path = waiting.pop()
        if not os.path.lexists(path):
            continue
        found.append(path)
        if os.path.isdir(path) and not os.path.islink(path) and os.lstat(path).st_dev == device:
            waiting += [os.path.join(path, name) for name in sorted(os.listdir(path), reverse=True)]
    return found


def watched(folders):
    """What `save` and `same` look at."""
    return [os.path.join(TOP, name) for name in folders] or [LXC_PATH, "/run/lxc/lock" + TOP, *ours_in_run()]


def saved(folders):
    """Where the record of these folders is: it may name many thousand entries, so it stays on the target."""
    return os.path.join(TOP, "saved-" + hashlib.sha256("/".join(folders).encode()).hexdigest()[:8])


def save(*folders):
    """Record."""
    with open(saved(folders), "w") as stream:
        stream.writelines(record(watched(folders)))


def same(*folders):
    """Compare with the last record of the same folders."""
    with open(saved(folders)) as stream:
        before = stream.readlines()
    found = list(difflib.unified_diff(before, record(watched(folders)), "before", "now", n=0))
    if found:
        sys.exit("".join(found[:40]))


def observe(*names):
    """By the root of each process, which is the container's rootfs whatever way it was started."""
    found = dict.fromkeys(names)
    ends = {"/%s/lxc/%s/rootfs" % (os.path.basename(TOP), name): name for name in names}
    for pid in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        status = dict(line.split(":\t", 1) for line in read("/proc/%d/status" % pid).splitlines() if ":\t" in line)
        if status.get("NSpid", "").split()[1:] != ["1"]:
            continue
        table = mounts(pid)
        root = next((mount["root"] for mount in table if mount["target"] == "/"), "")
        name = next((ends[end] for end in ends if root.endswith(end)), None)
        if name:
            found[name] = describe(pid, status, table)
    print(json.dumps(found))


def describe(pid, status, table):
    """One container by its PID 1."""
    environment = read("/proc/%d/environ" % pid).split("\0")
    return {
        "pid": pid,
        "status": {key: value.strip() for key, value in status.items()},
        "program": os.readlink("/proc/%d/exe" % pid),
        "argv": read("/proc/%d/cmdline" % pid).split("\0")[:-1],
        "children": [read("/proc/%s/cmdline" % child).split("\0")[:-1] for child in children(pid)],
        "processes": processes(next(mount["root"] for mount in table if mount["target"] == "/")),
        "programs": [os.readlink("/proc/%s/exe" % child) for child in children(pid)],
        "environment": dict(entry.split("=", 1) for entry in environment if "=" in entry),
        "mounts": {mount["target"]: mount for mount in table},
        "limits": [line.split() for line in read("/proc/%d/limits" % pid).splitlines()],
        "interfaces": interfaces(pid),
        "hostname": run("nsenter", "-t", str(pid), "-u", "uname", "-n").stdout.decode().strip(),
        "ttys": sorted(os.listdir("/proc/%d/root/dev" % pid)),
        "ptys": next((mount["superblock"] for mount in table if mount["target"] == "/dev/pts"), []),
        "cgroup": {name: value for name, value in cgroup(pid).items() if value is not None},
    }


def processes(root):
    """The arguments of all processes whose root is the same."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and any(mount["target"] == "/" and mount["root"] == root for mount in mounts(name)):
            found.append(read("/proc/%s/cmdline" % name).replace("\0", " "))
    return found


def children(pid):
    """The processes below PID 1, in the order of their numbers; in place of the supervisor those that it runs."""
    found = []
    for child in map(int, read("/proc/%d/task/%d/children" % (pid, pid)).split()):
        supervises = read("/proc/%d/cmdline" % child).endswith("\0/etc/softwarecontainer/command\0")
        found += read("/proc/%d/task/%d/children" % (child, child)).split() if supervises else [str(child)]
    return found


def interfaces(pid):
    """The network interfaces of a process by name: state, addresses, hardware address, MTU."""
    text = run("nsenter", "-t", str(pid), "-n", "ip", "-json", "address").stdout.decode()
    found = {}
    for item in json.loads(text):
        entries = [entry for entry in item["addr_info"] if entry["scope"] != "link"]
        found[item["ifname"]] = {
            "up": "UP" in item["flags"],
            "addresses": ["%s/%d" % (entry["local"], entry["prefixlen"]) for entry in entries],
            "hwaddr": item.get("address"),
            "mtu": item["mtu"],
            "peer": item.get("link_index"),
        }
    return found


def cgroup(pid):
    """The files of a process's cgroup that hold limits, by name, whichever version has them."""
    points = {}
    for mount in mounts("self"):
        if mount["type"] == "cgroup":
            points.update((name, mount["target"]) for name in mount["superblock"])
        elif mount["type"] == "cgroup2":
            points[""] = mount["target"]
    places = {}
    for line in read("/proc/%d/cgroup" % pid).splitlines():
        _number, controllers, path = line.split(":", 2)
        places.update((name, points[name] + path) for name in controllers.split(",") if name in points)
    found = {}
    for controller, name in LIMITS:
        text = read("%s/%s" % (places.get(controller, "/none"), name), None)
        if text is not None:
            found[name] = text.strip()
    return found


def tree(folder):
    """In a form that a test can write down."""
    lines = []
    for path in entries(os.path.join(TOP, folder))[1:]:
        status = os.lstat(path)
        kind = {stat.S_IFDIR: "d", stat.S_IFREG: "f", stat.S_IFLNK: "l"}.get(stat.S_IFMT(status.st_mode), "o")
        target = " -> " + os.readlink(path) if kind == "l" else ""
        mode = "" if kind == "l" else "%04o " % stat.S_IMODE(status.st_mode)
        owner = "%d:%d " % (status.st_uid, status.st_gid)
        lines.append(kind + " " + mode + owner + os.path.relpath(path, os.path.join(TOP, folder)) + target)
    print("\n".join(lines))


def left(start):
    """What containers whose names begin so have left behind."""
    print("\n".join(settled(lambda: leavings(start))))


def settled(look):
    """What is seen. Cgroups that another run of the same test is just about to remove get a little time."""
    deadline = time.monotonic() + 60
    lines = look()
    while any(line.startswith("/sys/fs/cgroup/") for line in lines) and time.monotonic() < deadline:
        time.sleep(0.2)
        lines = look()
    return lines


def leavings(start):
    """The same at this moment, as lines."""
    pids = [pid for pid in belonging() if "/%s" % start in read("/proc/%d/mountinfo" % pid)]
    lines = ["process %d %s" % (pid, read("/proc/%d/cmdline" % pid).replace("\0", " ")) for pid in pids]
    # LXC itself may fail to remove a monitor's cgroup when several containers end at once.
    lines += [path for path in cgroups(start) if "/lxc.monitor." not in path or read(path + "/cgroup.procs")]
    lines = [line for line in lines if not of_others(line)]
    lines += [place for place in of_ours(MOUNTS) if os.path.basename(place).partition("-")[2].startswith(start)]
    lines += [os.path.join(LXC_PATH, name) for name in os.listdir(LXC_PATH) if name.strip(".").startswith(start)]
    return lines + logs()


def logs():
    """The logs of the collection that are there."""
    return [path for path in ours_in_run() if path.endswith(".log")]


def of_others(path):
    """Whether it is a cgroup of processes that are not ours: of another run of the same test on this kernel."""
    inside_it = {int(pid) for folder, _names, _files in os.walk(path) for pid in read(folder + "/cgroup.procs").split()}
    return bool(inside_it) and inside_it.isdisjoint(belonging())


def cgroups(start):
    """The cgroups of containers whose names begin so."""
    found = []
    for folder, names, _files in os.walk("/sys/fs/cgroup"):
        found += [os.path.join(folder, name) for name in names if re.match(r"lxc\.\w+\." + start, name)]
    return found


def kill_at_work(seconds, *argv):
    """Run a module, and kill it so many seconds after it has begun to write or to start a container."""
    before = set(traces())
    module = subprocess.Popen(argv)
    while module.poll() is None and set(traces()) <= before:
        pass
    with contextlib.suppress(subprocess.TimeoutExpired):
        sys.exit(module.wait(float(seconds)))
    module.kill()
    module.wait()
    sys.exit(137)


def traces():
    """What is only there while the collection is at work, or after it was killed."""
    for name in os.listdir(LXC_PATH):
        if name.startswith("."):
            yield name
        else:
            hidden = os.listdir(os.path.join(LXC_PATH, name)) if os.path.isdir(os.path.join(LXC_PATH, name)) else []
            yield from (name + "/" + entry for entry in hidden if entry.startswith("."))
    start = hashlib.sha256(LXC_PATH.encode()).hexdigest()[:8]
    yield from (name for name in os.listdir("/run/softwarecontainer.lxc") if name.startswith(start) and "log" in name)


def flip(name, folder, canary, seconds):
    """What container root can do while a module is at work: now the name is a folder, now a link, and never missing."""
    place = os.path.join(LXC_PATH, name, "rootfs", folder)
    other = place + ".other"
    exchange = ctypes.CDLL(None, use_errno=True).renameat2
    deadline = time.monotonic() + float(seconds)
    count = late = planted = 0
    while time.monotonic() < deadline and not os.path.exists(os.path.join(TOP, "still")) or os.path.islink(place):
        # The rootfs may be removed at any moment.
        with contextlib.suppress(FileNotFoundError):
            planted += make_ready(place, other, canary, planted)
        # AT_FDCWD, and RENAME_EXCHANGE: see rename(2).
        done = exchange(-100, os.fsencode(place), -100, os.fsencode(other), 2) == 0
        count += done
        late += done and not os.path.lexists(os.path.join(LXC_PATH, name, "config"))
    print(count, late)


def make_ready(place, other, canary, planted):
    """Have a link where there is a folder, or a folder where there is a link; whether a link had to be made."""
    if not os.path.islink(place) and not os.path.islink(other):
        # The module has put a folder in the place of the link.
        if os.path.lexists(other):
            os.rename(other, "%s.%d" % (other, planted))
        os.symlink(canary, other)
        return True
    if os.path.islink(place) and os.path.islink(other):
        # The module has undone its change, and has put back a link while another one was ready here.
        os.unlink(other)
        os.mkdir(other)
    return False


def fail(what, *argv):
    """Run a module in this process, with one call that fails and all others as they are."""
    name, number, error = what.split(":")
    calls = itertools.count(1)
    # Where a module divides its work among processes each counts for itself: as many on any machine.
    os.cpu_count = lambda: 2
    failure = getattr(errno, error, 0)
    library = ctypes.CDLL

    def is_due():
        return next(calls) == int(number)

    class Library(library):
        def syncfs(self, descriptor):
            if is_due():
                ctypes.set_errno(failure)
                return -1
            return self["syncfs"](descriptor)

    def failing(call):
        def replaced(*arguments, **options):
            # Ansible and Python make such calls as well, and what reads the target too.
            if WRITER in sys._getframe(1).f_code.co_filename and is_due():
                if not failure:
                    os.kill(os.getpid(), getattr(signal, error))
                raise OSError(failure, os.strerror(failure))
            return call(*arguments, **options)

        return replaced

    if name == "syncfs":
        ctypes.CDLL = Library
    else:
        setattr(os, name, failing(getattr(os, name)))
    sys.argv = list(argv) or ["-"]
    if argv:
        runpy.run_path(argv[0], run_name="__main__")
    else:
        exec(compile(sys.stdin.read(), "module", "exec"), {"__name__": "__main__"})


def watch(file, *argv):
    """Run a program, and look at all processes over and over until it ends, and once more then."""
    with open(os.path.join(TOP, file), "w") as stream:
        program, known, ended = subprocess.Popen(argv), set(), False
        while not ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(0.01)
            ended = program.returncode is not None
            found = {read("/proc/%s/cmdline" % name) for name in os.listdir("/proc") if name.isdigit()}
            # Each in one line, whatever line breaks it has.
            stream.writelines(ascii(words)[1:-1] + "\n" for words in found - known)
            stream.flush()
            known |= found
    sys.exit(program.returncode)


def digest(folder, *names):
    """The same for the same names, kinds, modes and contents."""
    found = hashlib.sha256()
    for name in names:
        for line in record([os.path.join(TOP, folder, name)]):
            path, mode, _owner, _size, _time, detail = line.split(" ", 5)
            found.update(" ".join((path, mode, detail)).encode())
    print(found.hexdigest())


COMMANDS = {
    "fail": fail,
    "digest": digest,
    "flip": flip,
    "kill-at-work": kill_at_work,
    "left": left,
    "logs": lambda: print("\n".join(logs())),
    "cgroups": lambda start: print(
        "\n".join(settled(lambda: [path for path in cgroups(start) if not of_others(path)]))
    ),
    "set-up": set_up,
    "clean-up": clean_up,
    "save": save,
    "same": same,
    "observe": observe,
    "watch": watch,
    "tree": tree,
}

if __name__ == "__main__":
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    COMMANDS[sys.argv[1]](*sys.argv[2:])
