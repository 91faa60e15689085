"""Torments the collection with what happens to devices and to those who are attacked, and looks what has become.

Usage: campaign.py TOP BRIDGE RUNTIME SEED TIMES SCENARIO:ROUNDS... | campaign.py TOP BRIDGE RUNTIME --list

The same seed gives the same specs and the same moments, as far as the machine takes part.
"""

import collections
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

import ground
import siege
from ground import (
    BUSYBOX,
    LXC_PATH,
    TOP,
    Child,
    assert_no_litter,
    assert_right,
    assert_sound,
    chain,
    changes,
    draw,
    pid_of,
    read,
    run_chain,
    run_stage,
    succeeded,
)

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGHUP)


def killed(chance, rounds):
    """Runs are killed at any moment, one after another; now and then one comes to its end."""
    names = ["cp-one", "cp-two"]
    history = {name: [] for name in names}
    ended = collections.Counter()
    duration = 1.0
    for number in range(1, rounds + 1):
        specs = [draw(chance, name, number) for name in names]
        child = Child(run_chain, specs)
        time.sleep(chance.uniform(0, duration))
        child.kill(chance.choice(SIGNALS))
        ended["end" if child.result() else "killed"] += 1
        for spec in specs:
            history[spec["name"]].append(spec)
            # Any of those since a run has come to its end.
            assert_sound(history[spec["name"]])
        if number % 4 == 0:
            begun = time.monotonic()
            chain(specs)
            duration = time.monotonic() - begun
            assert changes(chain(specs)) == [[], [], [], []]
            assert_no_litter(names)
            for spec in specs:
                assert_right(spec, others=history[spec["name"]])
                history[spec["name"]] = [spec]
    ground.remove(names)
    assert ended["killed"] > rounds / 3, ended
    return dict(ended)


def stage_killed(chance, rounds):
    """One stage alone is killed while it changes what is there."""

    def stopped(chance, number):
        # Other ids begin with the first stage, see planning.plan.
        return dict(draw(chance, "cp-stage", number), state="stopped", security={"privileged": False})

    spec = stopped(chance, 0)
    chain([spec])
    ended = collections.Counter()
    durations = {}
    for stage in ground.STAGES:
        begun = time.monotonic()
        succeeded(Child(run_stage, stage, [stopped(chance, 0)]).result())
        durations[stage] = time.monotonic() - begun
    chain([spec])
    for number in range(1, rounds + 1):
        new = stopped(chance, number)
        stage = chance.choice(ground.STAGES)
        child = Child(run_stage, stage, [new])
        time.sleep(chance.uniform(0.2, 1) * durations[stage])
        child.kill(chance.choice(SIGNALS))
        ended["end" if child.result() else "killed"] += 1
        assert_sound([spec, new])
        if number % 5 == 0:
            chain([new])
            assert changes(chain([new])) == [[], [], [], []]
            assert_right(new, others=[spec])
            spec = new
        else:
            chain([spec])
            assert_right(spec, others=[new])
    ground.remove(["cp-stage"])
    return dict(ended)


def injected(name, number, error, specs):
    """The results of the stages, with one call of their code which fails; and whether that was reached."""
    writers = [ground.utils("disk." + each) for each in WRITERS]
    left = [number]

    class Calls:
        """Stands for the module os in the code that writes."""

        def __getattr__(self, attribute):
            call = getattr(os, attribute)
            return failing(call) if attribute == name else call

    def failing(call):
        def replaced(*arguments, **options):
            left[0] -= 1
            if left[0] == 0:
                raise OSError(error, os.strerror(error))
            return call(*arguments, **options)

        return replaced

    if name == "syncfs":
        syscalls = ground.utils("target.system_calls")
        library = syscalls.libc()

        class Library:
            def syncfs(self, descriptor):
                left[0] -= 1
                if left[0] == 0:
                    syscalls.ctypes().set_errno(error)
                    return -1
                return library.syncfs(descriptor)

            def __getattr__(self, attribute):
                return getattr(library, attribute)

        syscalls.libc = Library
    else:
        for writer in writers:
            writer.os = Calls()
    results = run_chain(specs)
    return [results, left[0] <= 0]


WRITERS = (
    "checkpoint_store",
    "locking",
    "object_store",
    "ownership",
    "removal",
    "run_files",
    "single_files",
    "tree_changes",
    "volumes",
    "writing",
)
CALLS = (
    *("open", "mkdir", "rename", "link", "symlink", "unlink", "rmdir"),
    *("fchmod", "fchown", "chmod", "chown", "syncfs"),
)


def errors(chance, rounds):
    """One system call after another fails, each in its turn, on the way to another spec and back."""
    old, new = (dict(draw(chance, "cp-error", number), state="stopped") for number in (1, 2))
    old["busybox"]["method"], new["busybox"]["method"] = "copy", "bind"
    # So that the container's own directory changes as well.
    old["security"], new["security"] = {"privileged": False}, {"privileged": True}
    old["files"] = [
        {"path": "/home/a", "mode": "0600", "content": "old"},
        {"path": "/srv/d", "mode": "0644", "content": "old"},
    ]
    new["files"] = [
        {"path": "/home/a", "mode": "0644", "content": "new"},
        {"path": "/srv/e", "mode": "0644", "content": "new"},
    ]
    chain([old])
    counted = collections.Counter()
    for name in CALLS:
        number = 1
        while True:
            error = chance.choice([errno.EIO, errno.ENOSPC, errno.EROFS])
            results, reached = Child(injected, name, number, error, [new]).result()
            if not reached:
                assert not any("msg" in result for result in results), results
                break
            counted[name] += 1
            assert_sound([old, new])
            failures = [result["msg"] for result in results if "msg" in result]
            if not failures:
                # A failure that does not matter, of a litter for example, or a call that has another way.
                assert_right(new, others=[old])
            else:
                assert os.strerror(error) in failures[0], failures
            chain([old])
            assert_right(old, others=[new])
            # Not each of many links has to fail.
            number += 1 if number < rounds else number // 2
        chain([old])
        assert changes(chain([old])) == [[], [], [], []]
    ground.remove(["cp-error"])
    assert set(counted) == set(CALLS), set(CALLS) - set(counted)
    return dict(counted)


def full(chance, rounds):
    """The disk is full after any number of pages, and after any number of inodes."""
    spec = dict(draw(chance, "cp-full", 1), state="stopped")
    spec["busybox"]["method"] = "bind"
    spec["files"] = [{"path": "/home/a", "mode": "0644", "content": "1 " * 3000}]
    counted = collections.Counter()
    for unit in ("size=%dk", "size=16m,nr_inodes=%d"):
        number = fitted = 0
        while fitted < 2:
            number += 4 if "k" in unit else 1
            with ground.mounted("tmpfs", "full", unit % number) as point:
                results = Child(run_chain, [spec], lxc_path=point).result()
                failures = [result["msg"] for result in results if "msg" in result]
                if not failures:
                    fitted += 1
                    assert_right(spec, point)
                    counted["fitted"] += 1
                else:
                    assert "No space left on device" in failures[0], failures
                    assert_sound([spec], point)
                    # All that the stages make of a container, or nothing.
                    assert os.listdir(point) == [], os.listdir(point)
                    counted["full"] += 1
                subprocess.check_call(["mount", "-o", "remount,size=16m,nr_inodes=10000", point])
                chain([spec], lxc_path=point)
                assert_right(spec, point)
                assert_no_litter(["cp-full"], point)
            assert number < 4000, "it never fits"
    # More rounds find no more sizes.
    assert counted["full"] >= min(rounds, 40), counted
    return dict(counted)


def power(chance, rounds):
    """The power goes at the moment when a run has said that all is done: what the disk has is what there is."""
    image, copy = (os.path.join(TOP, name) for name in ("image", "copy"))
    with open(image, "wb") as stream:
        stream.truncate(64 * 1024 * 1024)
    subprocess.check_call(["mkfs.ext4", "-q", "-F", "-m", "0", image])
    names, kept = ["cp-one", "cp-two"], []
    for number in range(1, rounds + 1):
        specs = [dict(draw(chance, name, number), state="stopped") for name in names]
        with ground.mounted("ext4", "power", "loop", image) as point:
            chain(specs, lxc_path=point)
            subprocess.check_call(["cp", "--sparse=always", image, copy])
        with ground.mounted("ext4", "power", "loop", copy) as point:
            for spec in specs:
                assert_right(spec, point, others=kept)
            shutil.rmtree(point + "/lost+found", ignore_errors=True)
            assert_no_litter(names, point)
            assert changes(chain(specs, lxc_path=point)) == [[], [], [], []]
        kept = (kept + specs)[-4:]
    with ground.mounted("ext4", "power", "loop", image) as point:
        shutil.rmtree(point + "/lost+found", ignore_errors=True)
        ground.remove(names, point)
        subprocess.check_call(["cp", "--sparse=always", image, copy])
    with ground.mounted("ext4", "power", "loop", copy) as point:
        left = [name for name in names if os.path.exists(os.path.join(point, name, "config"))]
        assert not left, "back from the dead: %s" % left
        ground.remove(names, point)
    return {"cut": rounds + 1}


def together(chance, rounds):
    """Four runs at once for the same containers; and a second one while the first still runs."""
    names = ["cp-one", "cp-two", "cp-three"]
    counted = collections.Counter()
    for number in range(1, rounds + 1):
        sets = [[draw(chance, name, 2 * number + which) for name in names] for which in range(2)]
        order = [sets[0]] * 4 if number % 2 else [sets[0], sets[1], sets[0], sets[1]]
        children = []
        for specs in order:
            children.append(Child(run_chain, specs))
            time.sleep(chance.choice([0, 0, 0.02, 0.2]))
        results = [child.result() for child in children]
        # With two kinds of specs at once, a stage may meet what the other kind has made of the one before.
        for index, name in enumerate(names):
            changed = [sum(name in dict(stage) for stage in changes(result)[:3]) for result in results]
            counted["changed"] += sum(changed)
            if number % 2:
                assert not [result for run in results for result in run if "msg" in result], results
                stages = [sum(name in dict(changes(result)[stage]) for result in results) for stage in range(3)]
                assert max(stages) <= 1, stages
                assert_right(sets[0][index])
            else:
                assert_sound([each[index] for each in sets])
        chain(sets[1])
        assert changes(chain(sets[1])) == [[], [], [], []]
        for spec in sets[1]:
            assert_right(spec, others=[each for each in sets[0] if each["name"] == spec["name"]])
    assert_no_litter(names)
    ground.remove(names)
    return dict(counted)


def agree(chance, rounds):
    """Between two specs by chance, check mode says what is done then, word for word."""
    names = ["cp-one", "cp-two"]
    counted = collections.Counter()
    for number in range(1, rounds + 1):
        specs = [draw(chance, name, chance.choice([number, 1])) for name in names]
        before = tree_of(LXC_PATH)
        foreseen = Child(run_chain, specs, check=True).result()
        assert tree_of(LXC_PATH) == before, "check mode has written"
        done = chain(specs)
        for one, other in zip(changes(foreseen), changes(done)):
            assert one == other, (one, other)
        for one, other in zip(foreseen, done):
            assert one.get("diff") == other.get("diff"), (one.get("diff"), other.get("diff"))
        assert changes(chain(specs)) == [[], [], [], []]
        assert changes(Child(run_chain, specs, check=True).result()) == [[], [], [], []]
        counted["changes"] += sum(len(each) for stage in changes(done) for _name, each in stage)
    ground.remove(names)
    return dict(counted)


def moved(_chance, _rounds):
    """Entries go from one stage to another, and what one stage makes another one needs: one run brings all about."""
    busybox = {"method": "bind", "applets": ["sh", "sleep", "ls"]}
    plain = {"name": "cp-moved", "network": [], "security": {"privileged": True}, "busybox": busybox}
    idle = ["/bin/busybox", "sleep", "99999"]
    bound = {"source": BUSYBOX, "target": "/bin/busybox", "create": "file"}
    own, other = (LXC_PATH + "/%s/rootfs/srv/made" % name for name in ("cp-moved", "cp-other"))
    made = [{"path": "/srv/made", "mode": "0755"}]
    others = [dict(plain, name="cp-other", directories=made, state="stopped")]
    cases = {
        "busybox becomes a mount": ({"busybox": {"method": "none"}, "mounts": [bound], "command": idle}, []),
        "busybox becomes a file": (
            {
                "busybox": {"method": "none"},
                "state": "stopped",
                "files": [{"path": "/bin/busybox", "content": ""}],
                "init": ["/x"],
            },
            [],
        ),
        "a mount on an applet": ({"mounts": [{"source": "/etc/hostname", "target": "/bin/ls"}]}, []),
        "a mount of a directory on an applet": ({"mounts": [{"source": "/etc", "target": "/bin/ls"}]}, []),
        "of its own rootfs": ({"directories": made, "mounts": [{"source": own, "target": "/mnt/x"}]}, []),
        "of another rootfs": ({"mounts": [{"source": other, "target": "/mnt/x"}]}, others),
    }
    for what, (values, beside) in cases.items():
        print("moved: %s" % what, flush=True)
        for first in ([plain], []):
            chain(first)
            specs = [dict(plain, **values), *beside]
            if not beside and "own" not in what:
                foreseen = changes(Child(run_chain, specs, check=True).result())
                assert foreseen == changes(chain(specs)), what
            else:
                chain(specs)
            assert (pid_of("cp-moved") is None) == (values.get("state") == "stopped"), what
            assert changes(chain(specs)) == [[], [], [], []], what
            ground.remove([spec["name"] for spec in specs])
    return {"moved": len(cases)}


def many(_chance, _rounds):
    """Many containers that are there get new ids in one run, which waits for nobody."""
    names = ["cp-many-%d" % number for number in range(12)]
    specs = [{"name": name, "state": "stopped", "network": [], "security": {"privileged": True}} for name in names]
    chain(specs)
    mapped = [dict(spec, security={}) for spec in specs]
    done = changes(chain(mapped))
    assert sorted(name for name, _changes in done[0]) == sorted(names), done
    # Without a map, root of a container would be root.
    first = {
        name: read(os.path.join(LXC_PATH, name, "config")).partition(b"lxc.idmap = u 0 ")[2].split()[0]
        for name in names
    }
    assert len(set(first.values())) == len(names), first
    assert changes(chain(mapped)) == [[], [], [], []]
    ground.remove(names)
    return {"mapped": len(names)}


def tree_of(path):
    """Every name below a path with what tells it from another: the times of directories as well."""
    found = {}
    for folder, names, files in os.walk(path):
        for name in [".", *names, *files]:
            status = os.lstat(os.path.join(folder, name))
            kept = (status.st_mode, status.st_uid, status.st_gid, status.st_ino, status.st_size)
            found[folder, name] = (*kept, status.st_mtime_ns)
    return found


def loads(_chance, rounds):
    """LXC takes every config that an accepted spec becomes, and reads the same values in it. See generate.py."""
    with open(os.path.join(TOP, "generated.json")) as stream:
        generated = json.load(stream)
    texts = {str(number): text for number, (text, _values) in enumerate(generated)}
    assert len(texts) >= rounds, len(texts)
    reached = Child(lambda: ground.utils("lxc.config_check").check_configs(runtime_of(), texts)).result()
    assert reached == {}, reached
    if ground.RUNTIME == "binding":
        different = Child(read_back, generated).result()
        assert not different, different[:3]
    return {"loaded": len(texts)}


def runtime_of():
    """How LXC is reached."""
    return ground.utils("lxc.runtime").choose(ground.RUNTIME, LXC_PATH)


def read_back(generated):
    """What LXC has for the values that it was given, where that is something else."""
    import lxc

    place = os.path.join(TOP, "read")
    os.makedirs(place, exist_ok=True)
    different = []
    for text, values in generated:
        with open(place + "/config", "w", encoding="utf-8") as stream:
            stream.write(text)
        container = lxc.Container("cp-read", place)
        container.clear_config()
        assert container.load_config(place + "/config"), text
        for key, wanted in values.items():
            found = container.get_config_item(key)
            if (found or []) != wanted:
                different.append([key, wanted, found])
    return different


OWN = (loads, killed, stage_killed, errors, full, power, together, agree, moved, many)
SCENARIOS = {function.__name__: function for function in (*OWN, siege.planted, siege.exchanged, siege.shifted)}


def main(words):
    if words == ["--list"]:
        print("\n".join(SCENARIOS))
        return
    seed, times = int(words[0]), int(words[1])
    for word in words[2:]:
        name, rounds = word.split(":")
        begun = time.monotonic()
        print("%s: seed %d ..." % (word, seed), flush=True)
        counted = SCENARIOS[name](random.Random("%d %s" % (seed, name)), int(rounds) * times)
        print("%s: %s, %.1f s" % (word, counted, time.monotonic() - begun), flush=True)


if __name__ == "__main__":
    main(sys.argv[4:])
