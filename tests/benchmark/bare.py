"""I/O: the practical limit, a bare loop over the system calls and liblxc that make, start, read and remove containers.

Usage: bare.py create|again|remove LXC_PATH BASE_CONFIG NAME...

It checks nothing, repairs nothing, syncs nothing and keeps no record: what a tool adds to these times is what its care
costs. Runs with the target's Python, which has the `lxc` binding.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid

import lxc

INSTALL_PREFIX = "/usr/local"
SYSTEM = ["bin", "dev", "etc", "etc/pulse", "gateways", "home", "lib", "lib64", "proc", "root", "sbin", "sys", "tmp"]
DIRECTORIES = [*SYSTEM, "usr", "usr/lib", "usr/lib64", "usr/sbin", INSTALL_PREFIX[1:]]


def write(path, text):
    with open(path, "w") as stream:
        stream.write(text)


def applets(busybox):
    names = subprocess.run([busybox, "--list"], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    return [name for name in names.split() if name != "busybox"]


def make_tree(rootfs, busybox, applet_names, resolv_conf):
    os.makedirs(rootfs)
    for directory in DIRECTORIES:
        os.mkdir(os.path.join(rootfs, directory), 0o755)
    write(rootfs + "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    write(rootfs + "/etc/group", "root:x:0:root\n")
    write(rootfs + "/etc/pulse/client.conf", "disable-shm=yes\n")
    write(rootfs + "/etc/machine-id", uuid.uuid4().hex + "\n")
    write(rootfs + "/etc/resolv.conf", resolv_conf)
    shutil.copy(busybox, rootfs + "/bin/busybox")
    for name in applet_names:
        os.symlink("busybox", rootfs + "/bin/" + name)


def config_text(base, name, rootfs, init_directory):
    optional = [path for path in ("/lib64", "/usr/lib64", INSTALL_PREFIX) if os.path.isdir(path)]
    mounts = [(path, path[1:]) for path in optional] + [(init_directory, "usr/sbin")]
    return "".join(
        [base, f"lxc.uts.name = {name}\n", f"lxc.rootfs.path = dir:{rootfs}\n"]
        + [f"lxc.mount.entry = {source} {target} none ro,bind 0 0\n" for source, target in mounts]
        + [f"lxc.init.cmd = /usr/sbin/init.lxc --name {name} -- /bin/busybox sleep 100000000\n"]
    )


def create(lxc_path, base_config, names):
    busybox = shutil.which("busybox")
    applet_names = applets(busybox)
    init_directory = os.path.dirname(shutil.which("init.lxc") or "/usr/sbin/init.lxc")
    with open(base_config) as stream:
        base = stream.read()
    with open("/etc/resolv.conf") as stream:
        resolv_conf = stream.read()
    for name in names:
        rootfs = os.path.join(lxc_path, name, "rootfs")
        make_tree(rootfs, busybox, applet_names, resolv_conf)
        write(os.path.join(lxc_path, name, "config"), config_text(base, name, rootfs, init_directory))
        container = lxc.Container(name, lxc_path)
        if not container.start() or not container.wait("RUNNING", 30):
            sys.exit(f"{name}: did not start")


def again(lxc_path, base_config, names):
    for name in names:
        state = lxc.Container(name, lxc_path).state
        if state != "RUNNING":
            sys.exit(f"{name}: is {state}")


def remove(lxc_path, base_config, names):
    for name in names:
        if not lxc.Container(name, lxc_path).stop():
            sys.exit(f"{name}: did not stop")
        shutil.rmtree(os.path.join(lxc_path, name))


PHASES = {"create": create, "again": again, "remove": remove}

if __name__ == "__main__":
    PHASES[sys.argv[1]](sys.argv[2], sys.argv[3], sys.argv[4:])
