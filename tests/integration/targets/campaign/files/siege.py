"""What root of a container can do to its rootfs, before a run and while it goes on.

Outside of the rootfs nothing may change, nothing may hang, and what was tampered with is not reported as right.
"""

import collections
import contextlib
import os
import shutil
import socket
import subprocess
import time

import ground
from ground import LXC_PATH, TOP, Child, changes, draw, run_chain

CANARY = os.path.join(TOP, "canary")
# What the collection has made in a rootfs: directories, and others.
FOLDERS = ("bin", "etc", "etc/pulse", "home", "gateways", "usr", "usr/lib", "usr/sbin", "tmp", "data")
LEAVES = ("etc/passwd", "etc/machine-id", "etc/pulse/client.conf", "bin/busybox", "bin/sh", "home/a")
# Those that each of the specs has.
ALWAYS = {*FOLDERS, "etc/passwd", "etc/machine-id", "etc/pulse/client.conf", "bin/busybox", "bin/sh"} - {"data"}


def make_canary():
    """A directory of the target with names that the rootfs has as well."""
    shutil.rmtree(CANARY, ignore_errors=True)
    os.makedirs(CANARY + "/home/deep")
    os.makedirs(CANARY + "/pulse")
    for path in ("file", "a", "passwd", "sh", "busybox", "home/a", "home/deep/file", "pulse/client.conf"):
        with open(os.path.join(CANARY, path), "w") as stream:
            stream.write("of the target\n")
        os.chmod(os.path.join(CANARY, path), 0o640)
        os.chown(os.path.join(CANARY, path), 12, 34)


def state_of_canary():
    """All of it but the times that a look changes, and that another name of a file gives it."""
    found = {}
    for folder, names, files in os.walk(CANARY):
        for name in [".", *names, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kept = (status.st_mode, status.st_uid, status.st_gid, status.st_ino, status.st_size, status.st_mtime_ns)
            found[path] = (*kept, None if os.path.isdir(path) else ground.read(path))
    return found


def put_aside(path):
    """Take away what is at a path."""
    if os.path.lexists(path):
        os.rename(path, os.path.join(os.path.dirname(path), ".aside.%d" % time.monotonic_ns()))


def link(target):
    """Plants a link."""
    return lambda path: os.symlink(target, path)


def plant_socket(path):
    """A socket, also at a path that is longer than an address can be."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
        made.bind(os.path.join(TOP, "sock"))
    os.rename(os.path.join(TOP, "sock"), path)


def plant_deep(path):
    """A tree that no path can name."""
    os.mkdir(path)
    folder = os.open(path, os.O_RDONLY)
    for _level in range(600):
        os.mkdir("deeper", dir_fd=folder)
        below = os.open("deeper", os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)


def plant_names(path):
    """Names that are no text, and one that looks like two lines."""
    os.mkdir(path)
    for name in (b"\xff\xfe", b"two\nlines", b"-rf", b"\x1b[2J", b"x" * 255):
        with open(os.path.join(os.fsencode(path), name), "w"):
            pass


def plant_mount(path):
    """A mount, as the target's own root may leave one behind."""
    os.mkdir(path)
    subprocess.check_call(["mount", "--bind", CANARY, path])


# How each is planted; of those that differ from what belongs there a run has to tell.
LINKS = {
    "absolute link": CANARY,
    "absolute link to a file": CANARY + "/file",
    "relative link": "../" * 20 + CANARY.lstrip("/"),
    "dangling link": "/nowhere/at/all",
    "looping link": ".",
    "magic link": "/proc/self/root" + CANARY,
    "endless link": "/dev/zero",
}
DIFFER = {
    **{name: link(target) for name, target in LINKS.items()},
    "FIFO": os.mkfifo,
    "socket": plant_socket,
    "device": lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),
    "hard link": lambda path: os.link(CANARY + "/file", path),
    "mount": plant_mount,
}
FILLED = {"deep tree": plant_deep, "odd names": plant_names}


def plant(chance, root, counted, tells):
    """Plant something; into `tells` goes what it is, where a run has to tell of it."""
    kind = chance.choice([*DIFFER, *FILLED])
    where = chance.choice(FOLDERS + (() if kind in FILLED or kind == "mount" else LEAVES))
    path = os.path.join(root, where)
    above = os.path.dirname(path)
    mounted = any(path.startswith(point + "/") or path == point for point in mounts_below(root))
    if os.path.realpath(above) != above or not os.path.isdir(above) or mounted:
        # Something has been planted there before.
        return
    put_aside(path)
    {**DIFFER, **FILLED}[kind](path)
    counted[kind] += 1
    # It may have taken the place of another one.
    tells[where] = kind if kind in DIFFER and where in ALWAYS else None


def mounts_below(path):
    """The mount points below a path, in the order of their mounts."""
    with open("/proc/self/mounts") as lines:
        points = [line.split()[1] for line in lines]
    return [point for point in points if point.startswith(path + "/")]


def unmount_below(path):
    """Take away what was mounted."""
    for point in mounts_below(path)[::-1]:
        subprocess.check_call(["umount", "-l", point])


def failed(results):
    """Whether a chain could not do all of its work."""
    return any("msg" in result for result in results)


def try_to_remove(lxc_path=LXC_PATH):
    """Remove the container, which may be refused."""
    given = dict(ground.parameters([], lxc_path), name=["cp-siege"], state="absent")
    return Child(lambda: ground.utils("modules.container").run(given, False, True)).result()


def build(spec, lxc_path=LXC_PATH):
    """Bring the container to its spec; where what is in the way may not be taken away, build it anew."""
    if failed(Child(run_chain, [spec], lxc_path=lxc_path).result()):
        ground.remove(["cp-siege"], lxc_path)
        ground.chain([spec], lxc_path=lxc_path)


def planted(chance, rounds):
    """Something is planted, then the stages run, and now and then a removal."""
    make_canary()
    counted = collections.Counter()
    root = os.path.join(LXC_PATH, "cp-siege", "rootfs")
    for number in range(1, rounds + 1):
        spec = dict(draw(chance, "cp-siege", number), state="stopped")
        build(spec)
        tells = {}
        for _each in range(chance.randint(1, 3)):
            plant(chance, root, counted, tells)
        before = state_of_canary()
        if chance.random() < 0.3:
            spec = dict(draw(chance, "cp-siege", -number), state="stopped")
        results = Child(run_chain, [spec]).result()
        assert state_of_canary() == before, "something outside has changed"
        assert not any(tells.values()) or failed(results) or any(changes(results)), "reported as right: %s" % tells
        if chance.random() < 0.3:
            result = try_to_remove()
            assert state_of_canary() == before, "something outside has changed in a removal"
            assert ("msg" in result) == os.path.exists(root), result
            counted["removal"] += 1
        unmount_below(root)
    build(spec)
    ground.remove(["cp-siege"])
    return dict(counted)


def exchange(chance, root, end):
    """What a process of the container does: it puts links in the place of things and takes them away again.

    Like one, it is held in the rootfs: a link of its own that a run has put back must not lead it out. It goes on until
    something is at the path `end`.
    """
    outside, top = (os.open(path, os.O_RDONLY | os.O_DIRECTORY) for path in (os.path.dirname(end), "/"))
    os.chroot(root)
    deadline, count = time.monotonic() + ground.PATIENCE, 0
    while time.monotonic() < deadline and os.path.basename(end) not in os.listdir(outside):
        path, other = os.path.join("/", chance.choice(FOLDERS + LEAVES)), "/.exchanged"
        with contextlib.suppress(OSError):
            os.rename(path, other)
            os.symlink(chance.choice([CANARY, CANARY + "/file", LINKS["relative link"]]), path)
            count += 1
            time.sleep(chance.choice([0, 0.0005, 0.002]))
        with contextlib.suppress(OSError):
            # Only a link of its own: what the module has made meanwhile stays.
            if os.path.islink(path):
                os.unlink(path)
            if not os.path.lexists(path):
                os.rename(other, path)
            os.rename(other, "%s.%d" % (other, time.monotonic_ns()))
    os.fchdir(top)
    os.chroot(".")
    return count


def exchanged(chance, rounds):
    """Things are exchanged with links to the target's own while the stages run, a removal included."""
    make_canary()
    counted = collections.Counter()
    root = os.path.join(LXC_PATH, "cp-siege", "rootfs")
    for number in range(1, rounds + 1):
        build(dict(draw(chance, "cp-siege", number), state="stopped"))
        before = state_of_canary()
        end = os.path.join(TOP, "end-%d" % number)
        attacker = Child(exchange, chance, root, end)
        begun = time.monotonic()
        while time.monotonic() < begun + 0.4:
            results = Child(run_chain, [dict(draw(chance, "cp-siege", number), state="stopped")]).result()
            counted["failed" if failed(results) else "done"] += 1
        if number % 3 == 0:
            try_to_remove()
            counted["removal"] += 1
        assert os.waitpid(attacker.pid, os.WNOHANG) == (0, 0), "nobody has exchanged anything any more"
        with open(end, "w"):
            pass
        counted["exchanged"] += attacker.result()
        after = state_of_canary()
        different = {path for path in {*before, *after} if before.get(path) != after.get(path)}
        assert not different, "outside has changed: %s" % sorted(different)
    build(dict(draw(chance, "cp-siege", 0), state="stopped"))
    ground.remove(["cp-siege"])
    assert counted["exchanged"] > 20 * rounds, counted
    return dict(counted)


def shifted(chance, rounds):
    """Owners are shifted, on an overlay, in a rootfs in which things were planted."""
    make_canary()
    counted = collections.Counter()
    layers = [os.path.join(TOP, name) for name in ("lower", "upper", "work")]
    for path in layers:
        os.makedirs(path, exist_ok=True)
    options = "lowerdir=%s,upperdir=%s,workdir=%s" % tuple(layers)
    with ground.mounted("overlay", "overlay", options) as point:
        root = os.path.join(point, "cp-siege", "rootfs")
        for number in range(1, rounds + 1):
            own, wanted = ({"privileged": bool(number % 2) == first} for first in (True, False))
            spec = dict(draw(chance, "cp-siege", number), state="stopped", security=own)
            build(spec, point)
            for _each in range(3):
                # There is no hard link from one file system to another.
                with contextlib.suppress(OSError):
                    plant(chance, root, counted, {})
            if chance.random() < 0.8:
                unmount_below(root)
            before = state_of_canary()
            results = Child(run_chain, [dict(spec, security=wanted)], lxc_path=point).result()
            assert state_of_canary() == before, "something outside has changed"
            counted["refused" if failed(results) else "done"] += 1
            unmount_below(root)
            side = "+65535" if wanted["privileged"] else "-65536"
            command = ["find", root, "(", "-uid", side, "-o", "-gid", side, ")", "-print", "-quit"]
            left = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout
            assert failed(results) or not left, left
        build(spec, point)
        ground.remove(["cp-siege"], point)
    assert counted["done"], counted
    return dict(counted)
