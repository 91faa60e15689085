"""Pure: medians, the targets and whether they are met, and the report as Markdown text."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Dict, Iterable, List, Optional, Sequence, Tuple

import payloads
from contestants import AGAIN, BEFORE, CONTESTANTS, CREATE, PING, REMOVE

TARGET_COUNT = 100
PEAK_MEMORY_MB = 28
# Seconds that a container has to stay alive after its start: part of the job, and not of its cost.
SETTLE = 0.5
LOCAL, SSH, SLOW = "local", "SSH", "emulated arm64"
HEADINGS = {LOCAL: "On this machine", SSH: "Over SSH", SLOW: "On an emulated arm64 machine"}
# What users run, in the order in which it is measured.
PLAYS = {
    "create": "`provision`, first on a ready target",
    "role": "role `containers`, nothing to do",
    "nothing": "`provision`, nothing to do",
    "change": "`provision`, one key of one container changed",
    "check": "`provision --check --diff`, another value of that key",
    "rollout": "`rollout`, nothing to do",
    "rollout change": "`rollout`, one key changed",
}
PROVISION = """\
The playbooks run on this machine (connection `local`); over SSH on a system container of the role `molecule_targets`,
through a line with 50 ms there and back and 2 Mbit/s in each direction, which a proxy of the benchmark makes; and on a
virtual machine of that role, whose processor qemu emulates. Each play opens a connection of its own. Beside each play
ran one with a `ping` over the same line.
*Before* is the collection at commit `%s`, whose roles asked the target step by step.
"""
PHASE_TITLES = {CREATE: "Create and start", AGAIN: "Again, with nothing to do", REMOVE: "Remove"}
INTRODUCTION = """\
# Benchmarks

All contestants ran side by side on one machine, taking turns run by run, so that a change in the machine's speed hits
all of them; those that take seconds where others take minutes have two turns in a run. Each figure is the median of
the wall-clock times, in seconds, and in parentheses stands the number of runs that it is made of. After each phase LXC
was asked whether all containers run, or it was checked that no process and no directory of them is left; a run that
failed gives no figure.

- **This collection** is the role `containers` with its defaults: a task that checks the arguments, on the controller,
  and one for the module; durable writes, the settle time included.
- **Bare Python loop** makes the same tree and the same kind of config with plain system calls and starts it through
  liblxc, one container after another. It checks, repairs, syncs and records nothing: it is the practical limit.
- **Shell loop** is the original's way: `lxc-create` with a template, then `lxc-start`. It has no second run: its
  template appends to what is there.
- **`community.general.lxc_container`** is looped over with the same template as the shell loop.
- **A play with one `ping`** is the fixed cost of Ansible. The plays of this collection and of the peer contain it.

The three plays use the same inventory (connection `local`, without pipelining, which is the faster way for each of
them), the same `ansible.cfg`, and gather no facts. All containers lie on one file system: that of LXC's own path, or,
where that is ext4 without a journal, an ext4 with a journal in an image file beside it. Without a journal the kernel
passes over every inode that was removed in the last minutes, so that each contestant would pay for what the one before
it has removed.
"""
FLEET = """\
The playbook `rollout` makes one small container on each host, with checkpoint, health gate, ledger and report. The
hosts are simulated on this machine by a lxc path each; 20 are under way at once. Beside it stands a play with as many
tasks `ping` as a host of the rollout has module runs. What the modules themselves take is measured by the interpreter
that runs them and taken off; what is left is the controller's.
"""
PAYLOADS = """\
*A plain command* is `busybox sleep`, with `log: none`, no restarts, one interface without an address, and one file.
*All that payloads can have* is the same with a log of 256 KiB, `restart: on_failure` with delay and limit, `reload`, an
address by `ipv4: auto`, a published port, a volume, and `on_change: reload` for the file. Both record how each start
ended, which is not an option. `after` is left out: that containers wait for others is what it is for. Each ratio is the
median of the ratios of two turns in the same run. The network of the benchmark's bridge gives addresses to the
containers of *this collection* too, as that of LXC does.

A payload of its own writes lines of 1000 to 4000 bytes, 50 MB in each second for four seconds, to its log or through a
pipe to `cat > file`, and tells how fast it was.
"""
ROLLOUT, NO_OP = "rollout", "no-op"
LOG, PIPE = "log", "pipe"


@dataclass(frozen=True)
class MemoryRun:
    """What one untimed play of a contestant with measured modules showed."""

    key: str
    count: int
    phase: str
    tasks: int
    module_runs: int
    peak_mb: float
    peak_module: str


@dataclass(frozen=True)
class FleetRun:
    """One play over many hosts: its seconds, and the processor seconds of the controller alone."""

    kind: str
    hosts: int
    seconds: float
    controller: float
    module_runs: int

    def per_host(self) -> float:
        """Return the controller's processor seconds for each host."""
        return self.controller / self.hosts


@dataclass
class Figures:
    """All that was measured: the times in seconds by contestant, phase and count, and the runs that failed."""

    times: Dict[Tuple[str, str, int], List[float]] = field(default_factory=dict)
    memory: List[MemoryRun] = field(default_factory=list)
    built: Dict[str, Dict[str, int]] = field(default_factory=dict)
    fleet: List[FleetRun] = field(default_factory=list)
    failures: List[str] = field(default_factory=list)
    # Bytes to the host, by contestant, play and count.
    carried: Dict[Tuple[str, str, int], List[int]] = field(default_factory=dict)
    # Processor seconds of modules alone: of `ping`, and of the role's with nothing to do.
    cpu: Dict[str, List[float]] = field(default_factory=dict)
    # Bytes per second that a payload with much output came to, by where that went.
    output: Dict[str, List[float]] = field(default_factory=dict)
    before: str = ""

    def add(self, key: str, phase: str, count: int, seconds: float) -> None:
        """Keep one time."""
        self.times.setdefault((key, phase, count), []).append(seconds)

    def median(self, key: str, phase: str, count: int) -> Optional[float]:
        """Return the median of a contestant's times in a phase; None when it has none."""
        times = self.times.get((key, phase, count))
        return statistics.median(times) if times else None

    def ping(self) -> Optional[float]:
        """Return the median of all plays with one ping, which do not depend on the number of containers."""
        return median_of(self.pings())

    def pings(self, phase: str = PING) -> List[float]:
        """Return the times of all plays with one ping: those of this machine, or those beside the playbooks."""
        return [
            time
            for (key, name, _count), values in self.times.items()
            if (key, name) == (PING, phase)
            for time in values
        ]

    def in_pings(self, way: str, play: str, count: int, beside: float = 0) -> Optional[float]:
        """Return how many plays with one ping over the same line a playbook takes, beside so many seconds."""
        ours, ping = self.median("collection", f"{way} {play}", count), median_of(self.pings(f"{way} {PING}"))
        return None if ours is None or ping is None else (ours - beside) / ping

    def with_payloads(self, phase: str, count: int) -> Optional[float]:
        """Return how many times as long a phase takes with all that payloads can have as without."""
        pairs = zip(*(self.times.get((key, phase, count), []) for key in (payloads.WITH, payloads.WITHOUT)))
        return median_of([ours / plain for ours, plain in pairs])

    def peer_per_container(self, phase: str) -> Optional[Tuple[float, int]]:
        """Return the peer's seconds per container at the largest count that it ran, and that count."""
        counts = [count for (key, name, count) in self.times if key == "peer" and name == phase]
        if not counts:
            return None
        return statistics.median(self.times[("peer", phase, max(counts))]) / max(counts), max(counts)


def median_of(values: Sequence[float]) -> Optional[float]:
    """Return the median; None of nothing."""
    return statistics.median(values) if values else None


def compared(figures: Figures, key: str, counts: Sequence[int]) -> List[str]:
    """Return a line for each phase and count: the median of this collection, and how many times another one's it is."""
    lines = []
    for count in counts:
        for phase in (CREATE, AGAIN, REMOVE):
            now, before = (figures.median(each, phase, count) for each in ("collection", key))
            if now and before:
                lines.append(
                    f"{phase} {count}: {now:.2f} s now, {before:.2f} s before, {now / before:.2f} times as long"
                )
    return lines


@dataclass(frozen=True)
class Target:
    """One promise: what it is about, the figure wanted, the figure measured, and whether it is met (None: unknown)."""

    subject: str
    wanted: str
    measured: str
    met: Optional[bool]


def not_measured(subject: str, wanted: str) -> Target:
    """Return the target for which a figure is missing."""
    return Target(subject, wanted, "not measured", None)


def peer_target(figures: Figures, phase: str, factor: float) -> Target:
    """Return the target that compares the collection's and the peer's time per container."""
    subject = f"{PHASE_TITLES[phase]}, {TARGET_COUNT}: against the peer, per container"
    wanted = f"at least {factor:g} times faster"
    ours, peer = figures.median("collection", phase, TARGET_COUNT), figures.peer_per_container(phase)
    if ours is None or peer is None:
        return not_measured(subject, wanted)
    per_container, count = peer
    ratio = per_container / (ours / TARGET_COUNT)
    return Target(subject, wanted, f"{ratio:.1f} times faster (peer at {count})", ratio >= factor)


def limit_target(subject: str, wanted: str, ours: Optional[float], limit: Optional[float]) -> Target:
    """Return the target that a time does not exceed a limit."""
    if ours is None or limit is None:
        return not_measured(subject, wanted)
    return Target(subject, wanted, f"{ours:.2f} s, the limit is {limit:.2f} s", ours <= limit)


def shell_target(figures: Figures) -> Target:
    """Return the target that compares with the shell loop."""
    subject, wanted = f"{PHASE_TITLES[CREATE]}, {TARGET_COUNT}: against the shell loop", "faster"
    ours = figures.median("collection", CREATE, TARGET_COUNT)
    shell = figures.median("shell", CREATE, TARGET_COUNT)
    if ours is None or shell is None:
        return not_measured(subject, wanted)
    return Target(subject, wanted, f"{shell / ours:.1f} times as fast", ours < shell)


def create_target(figures: Figures) -> Target:
    """Return the target that compares creation with the bare loop and the cost of Ansible."""
    bare, ping = figures.median("bare", CREATE, TARGET_COUNT), figures.ping()
    limit = None if bare is None or ping is None else 2.5 * bare + 3 * ping
    return limit_target(
        f"{PHASE_TITLES[CREATE]}, {TARGET_COUNT}: against the practical limit",
        "at most 2.5 bare loops and 3 pings",
        figures.median("collection", CREATE, TARGET_COUNT),
        limit,
    )


def ratio_target(subject: str, wanted: float, measured: Optional[float], unit: str = "pings") -> Target:
    """Return the target that something takes at most so many times what something else takes."""
    if measured is None:
        return not_measured(subject, f"at most {wanted:g} {unit}")
    return Target(subject, f"at most {wanted:g} {unit}", f"{measured:.2f} {unit}", measured <= wanted)


def faster_target(subject: str, wanted: float, ours: Optional[float], other: Optional[float], whose: str) -> Target:
    """Return the target that something is at least so many times as fast as something else."""
    words = f"at least {wanted:g} times as fast as {whose}"
    if ours is None or other is None:
        return not_measured(subject, words)
    return Target(subject, words, f"{other / ours:.2f} times as fast", other / ours >= wanted)


def role_targets(figures: Figures) -> List[Target]:
    """Return the targets of the role `containers` against a play with one ping."""
    found, ping = [], figures.ping()
    for phase, count, wanted in (
        (CREATE, 1, 1.8),
        (CREATE, 100, 3.5),
        (AGAIN, 1, 1.2),
        (AGAIN, 100, 1.5),
        (REMOVE, 1, 1.3),
        (REMOVE, 100, 2.0),
    ):
        ours = figures.median("collection", phase, count)
        ratio = None if ours is None or ping is None else ours / ping
        found.append(ratio_target(f"Role `containers`: {PHASE_TITLES[phase]}, {count}", wanted, ratio))
    ours, peer = (figures.median(key, CREATE, 1) for key in ("collection", "peer"))
    found.append(faster_target(f"{PHASE_TITLES[CREATE]}, 1", 1.3, ours, peer, "the peer"))
    return found


def play_targets(figures: Figures) -> List[Target]:
    """Return the targets of the playbooks."""
    found = []
    for way in (SSH, LOCAL):
        for play, count, wanted, beside in (
            ("nothing", 1, 2.0, 0.0),
            ("create", 1, 3.0, SETTLE),
            ("change", 10, 3.0, 0.0),
            ("rollout", 1, 3.0, 0.0),
            ("rollout change", 1, 5.0, 0.0),
        ):
            subject = f"{PLAYS[play]}, {count} container{'s' * (count > 1)}, {way}"
            subject += " (beside the settle time)" if beside else ""
            found.append(ratio_target(subject, wanted, figures.in_pings(way, play, count, beside)))
    for play, wanted in (("nothing", 3.5), ("change", 5.0), ("create", 7.0)):
        found.append(ratio_target(f"{PLAYS[play]}, 1 container, {SLOW}", wanted, figures.in_pings(SLOW, play, 1)))
    ours, before = (figures.median(key, f"{SSH} nothing", 1) for key in ("collection", "before"))
    found.append(faster_target(f"{PLAYS['nothing']}, 1 container, {SSH}", 4, ours, before, "before"))
    carried = median_of(figures.carried.get(("collection", f"{SSH} role", 1), []))
    found.append(ratio_target("Bytes to the host, role `containers`, 1", 0.35, carried and carried / 1e6, "MB"))
    return found


def cpu_target(figures: Figures) -> Target:
    """Return the target for the processor time on the target."""
    ours, ping = (median_of(figures.cpu.get(key, [])) for key in ("containers", PING))
    return ratio_target("Module alone, nothing to do, processor time", 1.35, ours and ping and ours / ping, "pings")


def payload_targets(figures: Figures) -> List[Target]:
    """Return the targets of what payloads can have: the time that it takes, module runs, and the speed of output."""
    ratio = figures.with_payloads(CREATE, TARGET_COUNT)
    subject = f"{PHASE_TITLES[CREATE]}, {TARGET_COUNT}, with all that payloads can have"
    speed, pipe = (median_of(figures.output.get(way, [])) for way in (LOG, PIPE))
    loss = (1 - speed / pipe) * 100 if speed and pipe else None
    return [
        ratio_target(subject, 1.15, ratio, "times the time without"),
        runs_target(figures),
        ratio_target("Speed that a payload with 50 MB/s of output loses to its log", 5, loss, "%"),
    ]


def runs_target(figures: Figures) -> Target:
    """Return the target that what payloads can have costs no module run where nothing is to do."""
    subject, wanted = f"{PHASE_TITLES[AGAIN]}, {TARGET_COUNT}, with all that payloads can have", "no module run more"
    ours, plain = (
        [run.module_runs for run in runs_of(figures, key) if (run.phase, run.count) == (AGAIN, TARGET_COUNT)]
        for key in (payloads.WITH, "collection")
    )
    if not ours or not plain:
        return not_measured(subject, wanted)
    return Target(subject, wanted, f"{max(ours)}, without {max(plain)}", max(ours) <= max(plain))


def runs_of(figures: Figures, key: str) -> List[MemoryRun]:
    """Return the plays of a contestant that were not timed."""
    return [run for run in figures.memory if run.key == key]


def tasks_target(figures: Figures) -> Target:
    """Return the target that the number of tasks and of module runs does not depend on the number of containers."""
    subject, wanted = f"Tasks and module runs per host, 1 and {TARGET_COUNT} containers", "equal in each phase"
    by_count = {
        count: [(run.phase, run.tasks, run.module_runs) for run in runs_of(figures, "collection") if run.count == count]
        for count in (1, TARGET_COUNT)
    }
    if not all(by_count.values()):
        return not_measured(subject, wanted)
    tasks = ", ".join(f"{count}: {[row[1] for row in rows]}" for count, rows in by_count.items())
    return Target(subject, wanted, f"tasks by phase with {tasks}", by_count[1] == by_count[TARGET_COUNT])


def memory_target(figures: Figures) -> Target:
    """Return the target for the peak memory of the modules."""
    subject, wanted = f"Peak memory of any module, {TARGET_COUNT} containers", f"at most {PEAK_MEMORY_MB} MB"
    runs = [run for run in runs_of(figures, "collection") if run.count == TARGET_COUNT]
    if not runs:
        return not_measured(subject, wanted)
    worst = max(runs, key=lambda run: run.peak_mb)
    measured = f"{worst.peak_mb:.1f} MB (`{worst.peak_module}`, {worst.phase})"
    return Target(subject, wanted, measured, worst.peak_mb <= PEAK_MEMORY_MB)


def fleet_runs(figures: Figures, kind: str) -> List[FleetRun]:
    """Return the runs of one kind over the fleets, the smallest fleet first."""
    return sorted((run for run in figures.fleet if run.kind == kind), key=lambda run: run.hosts)


def fleet_cost_target(figures: Figures) -> Target:
    """Return the target that compares the controller's cost of a rollout with that of as many tasks."""
    subject, wanted = (
        "Rollout to the largest fleet: the controller's cost per host",
        "at most 1.5 times that of as many pings",
    )
    rollouts, pings = fleet_runs(figures, ROLLOUT), fleet_runs(figures, NO_OP)
    if not rollouts or not pings:
        return not_measured(subject, wanted)
    ratio = rollouts[-1].per_host() / pings[-1].per_host()
    return Target(subject, wanted, f"{ratio:.2f} times ({rollouts[-1].hosts} hosts)", ratio <= 1.5)


def fleet_growth_target(figures: Figures) -> Target:
    """Return the target that the controller's cost per host does not grow with the fleet."""
    subject, wanted = "Rollout, smallest to largest fleet: the controller's cost per host", "no more (linear or better)"
    rollouts = fleet_runs(figures, ROLLOUT)
    if len(rollouts) < 2:
        return not_measured(subject, wanted)
    ratio = rollouts[-1].per_host() / rollouts[0].per_host()
    sizes = f"{rollouts[0].hosts} to {rollouts[-1].hosts} hosts"
    return Target(subject, wanted, f"{ratio:.2f} times ({sizes})", ratio <= 1)


def targets(figures: Figures) -> List[Target]:
    """Return all targets with what was measured."""
    return [
        *play_targets(figures),
        *role_targets(figures),
        peer_target(figures, CREATE, 45),
        shell_target(figures),
        create_target(figures),
        *payload_targets(figures),
        peer_target(figures, AGAIN, 10),
        peer_target(figures, REMOVE, 30),
        cpu_target(figures),
        tasks_target(figures),
        memory_target(figures),
        fleet_cost_target(figures),
        fleet_growth_target(figures),
    ]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose first column is text and whose others are aligned to the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(figures: Figures, key: str, phase: str, count: int) -> str:
    """Return one figure with its number of runs; a dash where there is none."""
    times = figures.times.get((key, phase, count))
    return f"{statistics.median(times):.2f} ({len(times)})" if times else "–"


def phase_section(figures: Figures, phase: str, counts: Sequence[int]) -> str:
    """Return the section with the times of one phase."""
    rows = []
    for contestant in CONTESTANTS:
        if phase in contestant.phases:
            largest = max((count for count in counts if figures.median(contestant.key, phase, count)), default=None)
            seconds = figures.median(contestant.key, phase, largest) if largest else None
            per_container = f"{seconds / largest * 1000:.1f} ms at {largest}" if seconds and largest else "–"
            figure = [cell(figures, contestant.key, phase, count) for count in counts]
            rows.append([contestant.title, *figure, per_container])
    head = ["Seconds (runs)", *(f"{count} container{'s' * (count > 1)}" for count in counts), "per container"]
    return f"## {PHASE_TITLES[phase]}\n\n{table(head, rows)}\n"


def provision_section(figures: Figures, counts: Sequence[int]) -> str:
    """Return the section with the playbooks that users run."""
    parts = ["## What users run\n", PROVISION % figures.before]
    for way, heading in HEADINGS.items():
        ping = median_of(figures.pings(f"{way} {PING}"))
        if ping is None:
            continue
        rows = [play_row(figures, way, play, count, ping) for play in PLAYS for count in counts]
        head = [f"{way}, seconds (runs)", "now", "in pings", "before", "times as fast", "kB to the host, now", "before"]
        words = f"### {heading}\n\nA `ping` takes {ping:.2f} s.\n"
        parts.append(f"{words}\n{table(head, filter(None, rows))}\n")
    return "\n".join(parts)


def play_row(figures: Figures, way: str, play: str, count: int, ping: float) -> Sequence[str]:
    """Return the row of one playbook; nothing where it was not measured."""
    phase = f"{way} {play}"
    ours, before = (figures.median(key, phase, count) for key in ("collection", "before"))
    if ours is None:
        return []
    carried = [median_of(figures.carried.get((key, phase, count), [])) for key in ("collection", "before")]
    return [
        f"{PLAYS[play]}, {count}",
        cell(figures, "collection", phase, count),
        f"{ours / ping:.2f}",
        cell(figures, "before", phase, count),
        f"{before / ours:.2f}" if before else "–",
        *(f"{each / 1000:.0f}" if each else "–" for each in carried),
    ]


def ping_line(figures: Figures) -> str:
    """Return the sentence about the fixed cost of Ansible."""
    times = figures.pings()
    if not times:
        return "The play with one `ping` was not measured.\n"
    return f"A play with one `ping` takes {statistics.median(times):.2f} s ({len(times)} runs).\n"


def memory_section(figures: Figures) -> str:
    """Return the section about tasks and memory, which come from plays of their own that are not timed."""
    rows = [
        [
            f"{PHASE_TITLES[run.phase]}{', all for payloads' * (run.key == payloads.WITH)}, {run.count}",
            str(run.tasks),
            str(run.module_runs),
            f"{run.peak_mb:.1f}",
            f"`{run.peak_module}`",
        ]
        for run in figures.memory
    ]
    head = ["This collection", "tasks", "module runs", "peak memory, MB", "of"]
    cpu = {key: median_of(values) for key, values in figures.cpu.items()}
    words = [
        f"The module `{key}` alone takes {value * 1000:.0f} ms of a processor." for key, value in cpu.items() if value
    ]
    return f"## Tasks and memory\n\n{table(head, rows)}\n\n{' '.join(words)}\n"


def payloads_section(figures: Figures, counts: Sequence[int]) -> str:
    """Return the section about containers with all that payloads can have, and about their output."""
    rows = []
    for phase in PHASE_TITLES:
        ratios = [figures.with_payloads(phase, count) for count in counts]
        rows.append([PHASE_TITLES[phase], *(f"{ratio:.2f}" if ratio else "–" for ratio in ratios)])
    head = ["Times the time without", *(f"{count} container{'s' * (count > 1)}" for count in counts)]
    speeds = [[title, output_cell(figures, way)] for way, title in ((LOG, "its log"), (PIPE, "`cat > file`"))]
    output = table(["A payload's output goes to", "MB/s (turns)"], speeds)
    return f"## What payloads can have\n\n{PAYLOADS}\n{table(head, rows)}\n\n{output}\n"


def output_cell(figures: Figures, way: str) -> str:
    """Return the speed of a payload's output with its number of turns; a dash where there is none."""
    speeds = figures.output.get(way)
    return f"{statistics.median(speeds) / 1e6:.1f} ({len(speeds)})" if speeds else "–"


def built_section(figures: Figures) -> str:
    """Return the section that shows that the contestants build the same thing."""
    titles = {contestant.key: contestant.title for contestant in (*CONTESTANTS, BEFORE)}
    rows = [[titles[key], str(built["links"]), str(built["mounts"])] for key, built in figures.built.items()]
    return f"## What one container is\n\n{table(['Built by', 'links in `/bin`', 'mounts when running'], rows)}\n"


def fleet_section(figures: Figures) -> str:
    """Return the section about rollouts to many hosts."""
    rows = []
    for run in [*fleet_runs(figures, ROLLOUT), *fleet_runs(figures, NO_OP)]:
        title = "rollout" if run.kind == ROLLOUT else "as many pings"
        each = run.module_runs // run.hosts
        cells = [str(each), f"{run.seconds:.1f}", f"{run.controller:.1f}", f"{run.per_host() * 1000:.0f} ms"]
        rows.append([f"{title}, {run.hosts} hosts", *cells])
    head = ["One run each", "modules per host", "seconds", "controller, CPU s", "per host"]
    return f"## Rollout to a fleet\n\n{FLEET}\n{table(head, rows)}\n"


def targets_section(figures: Figures) -> str:
    """Return the section that says which targets are met."""
    words = {True: "met", False: "**NOT met**", None: "unknown"}
    rows = [[target.subject, target.wanted, target.measured, words[target.met]] for target in targets(figures)]
    return f"## Targets\n\n{table(['Target', 'wanted', 'measured', ''], rows)}\n"


def render(figures: Figures, counts: Sequence[int], machine: Sequence[Tuple[str, str]], date: str) -> str:
    """Return the whole report."""
    sections = [
        INTRODUCTION,
        f"Repeat it with `make bench`. This run is of {date}, on this machine:\n",
        table(["Machine", "value"], machine).replace("---:", "---") + "\n",
        ping_line(figures),
        *(phase_section(figures, phase, counts) for phase in PHASE_TITLES),
        payloads_section(figures, counts),
        provision_section(figures, counts),
        targets_section(figures),
        memory_section(figures),
        fleet_section(figures),
        built_section(figures),
    ]
    if figures.failures:
        sections.append("## Failed runs\n\n" + "\n".join(f"- {failure}" for failure in figures.failures) + "\n")
    return "\n".join(sections)
