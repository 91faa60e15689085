# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what the code takes and does: the container spec, the modules, their examples, the README."""

from __future__ import annotations

import importlib
import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.doc_fragments.containers import ModuleDocFragment
from ansible_collections.softwarecontainer.lxc.plugins.filter.status_table import status_table
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import argument_specs, results
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import keys, parse, records
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.values import InvalidError, size
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import id_map, tree
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model.host import Binary, Host
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import container as container_module
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.modules import exec
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import (
    architectures,
    debian,
    requests,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.plan import launch, lxc_config, transitions
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.readiness import conditions
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.rollout import steps
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.verify import in_force
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import host_rollout

COLLECTION = "softwarecontainer.lxc"
MODULES = (
    "rootfs",
    "busybox",
    "config",
    "container",
    "container_info",
    "exec",
    "logs",
    "ready",
    "checkpoint",
    "stage",
    "preflight",
    "host_info",
    "molecule_targets",
    "rollout_steps",
    "capability_info",
)
# The options of modules whose work is done by an action alone.
OF_ACTIONS = {"capability_info": argument_specs.CAPABILITY_INFO}
NAME = "hmi"
# What a record needs to be valid; those that are not named need nothing.
NEEDED = {
    "": {"name": NAME},
    "directories": {"path": "/data"},
    "files": {"path": "/data"},
    "ports": {"target": 8080},
    "archive": {"src": "app.tar", "target": "/data"},
    "mounts": {"source": "/srv", "target": "/data"},
    "volumes": {"name": "data", "target": "/data"},
    "ready": {"tcp": 80},
}
# The same where it is this key that is left out, because others can stand for it.
INSTEAD = {("ready", "tcp"): {"file": "/data"}}
TYPES = {"bool": bool, "dict": dict, "float": float, "int": int, "list": list, "raw": object, "str": str}
# What a task may have beside its module.
KEYWORDS = {"changed_when", "check_mode", "diff", "failed_when", "name", "notify", "register"}

Options = dict[str, dict[str, Any]]


def records_of(record: type) -> dict[str, Any]:
    """The keys of a record whose values, or the elements of whose values, are records themselves."""
    hints = get_type_hints(record)
    return {key: kind for key, hint in hints.items() for kind in (hint, *get_args(hint)) if hasattr(kind, "_fields")}


# The container spec has no key of its own; its nested records are one level deep.
RECORDS: dict[str, Any] = {"": records.Container, **records_of(records.Container)}


SPEC: Options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["containers"]["suboptions"]


def documented(key: str = "") -> Options:
    """The documented keys of the container spec, or of one of its nested records."""
    return SPEC[key]["suboptions"] if key else SPEC


def parsed(key: str, without: str = "", **values: Any) -> Any:
    """A container with these values, which are those of a nested record where its key is given."""
    needed = INSTEAD.get((key, without)) or NEEDED.get(key, {})
    record = {name: value for name, value in {**needed, **values}.items() if name != without or name in values}
    if not key:
        return keys.CONTAINER(record)
    listed = documented()[key]["type"] == "list"
    return keys.CONTAINER({"name": NAME, key: [record] if listed else record})


def value_of(container: records.Container, key: str, name: str) -> Any:
    """One value of a container, or of one of its nested records."""
    record = getattr(container, key) if key else container
    return getattr(record if hasattr(record, name) else record[0], name)


KEYS = [
    pytest.param(key, name, option, id=f"{key}.{name}".strip("."))
    for key in RECORDS
    for name, option in documented(key).items()
]


def test_the_top_of_the_spec_is_documented() -> None:
    assert set(documented()) == set(keys.FIELDS)


@pytest.mark.parametrize("key", RECORDS)
def test_the_keys_are_documented(key: str) -> None:
    assert set(documented(key)) == set(RECORDS[key]._fields)


@pytest.mark.parametrize("key", RECORDS)
def test_the_nested_records_are_documented(key: str) -> None:
    nested = {name for name, option in documented(key).items() if "suboptions" in option}
    assert nested == set(records_of(RECORDS[key]))


@pytest.mark.parametrize(("key", "name", "option"), KEYS)
def test_what_is_required_is_documented(key: str, name: str, option: dict[str, Any]) -> None:
    if option.get("required"):
        with pytest.raises(InvalidError, match="is required and missing"):
            parsed(key, without=name)
    else:
        parsed(key, without=name)


@pytest.mark.parametrize(("key", "name", "option"), [each for each in KEYS if not each.values[2].get("required")])
def test_the_default_is_documented(key: str, name: str, option: dict[str, Any]) -> None:
    left_out = parsed(key, without=name)
    # No value there could be meant to let nothing pass.
    given = {} if (key, name) == ("gateways", "network") else {name: option.get("default")}
    assert parsed(key, without=name, **given) == left_out
    if "default" in option:
        assert isinstance(option["default"], TYPES[option["type"]])
    else:
        # A container without a host name is called by its name. No spec can say what the network is by default.
        network = (records.Interface(ipv4=(records.AUTO_IF_OWN,)),)
        instead = {("", "hostname"): NAME, ("", "network"): network, ("ports", "container"): 8080}
        assert value_of(left_out, key, name) == instead.get((key, name))


@pytest.mark.parametrize(("key", "name", "option"), KEYS)
def test_the_choices_are_documented(key: str, name: str, option: dict[str, Any]) -> None:
    choices = None
    try:
        parsed(key, **{name: "?"})
    except InvalidError as error:
        start, found, words = error.reason.partition("is none of ")
        choices = words.split(", ") if found and not start else None
    assert choices == option.get("choices")


@pytest.mark.parametrize(("key", "name", "option"), KEYS)
def test_what_a_key_left_out_means_is_documented(key: str, name: str, option: dict[str, Any]) -> None:
    assert option["description"]
    assert option.get("required") or "default" in option or "When left out, " in str(option["description"])


def test_the_rules_of_packet_filters_are_documented() -> None:
    directions = documented("gateways")["network"]["suboptions"]
    rules = {"outgoing": {"to": "any"}, "incoming": {"from": "any"}}
    assert set(directions) == set(rules) == set(records.PacketFilter._fields)
    for direction, rule in rules.items():
        options = directions[direction]["suboptions"]
        assert set(options) == {*rule, *records.PacketRule._fields} - {"peers"}
        assert [name for name, option in options.items() if option.get("required")] == list(rule)
        found = parsed("gateways", network={direction: [rule]}).gateways.network
        assert getattr(found, direction) == (records.PacketRule(),)
        with pytest.raises(InvalidError, match="is required and missing"):
            parsed("gateways", network={direction: [{"protocols": ["tcp"]}]})


def module_of(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{name}")


def options_of(module: Any) -> Options:
    """The documented options of a module, those of its fragments included."""
    documentation = yaml.safe_load(module.DOCUMENTATION)
    options: Options = dict(documentation.get("options", {}))
    for name in documentation.get("extends_documentation_fragment", []):
        fragment = name.removeprefix(f"{COLLECTION}.containers").lstrip(".") or "documentation"
        options.update(yaml.safe_load(getattr(ModuleDocFragment, fragment.upper()))["options"])
    return options


def arguments_of(module: Any, monkeypatch: pytest.MonkeyPatch) -> Options:
    """The options that a module takes, as it gives them to Ansible."""
    given: list[Options] = []

    def stop(argument_spec: Options, **_others: Any) -> None:
        given.append(argument_spec)
        raise SystemExit

    monkeypatch.setattr(module, "AnsibleModule", stop)
    with pytest.raises(SystemExit):
        module.main()
    return given[0]


@pytest.mark.parametrize("name", MODULES)
def test_the_options_of_a_module_are_documented(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def comparable(options: Options) -> Options:
        compared = ("type", "elements", "choices", "default", "required")
        return {option: {key: values.get(key) for key in compared} for option, values in options.items()}

    module = module_of(name)
    taken = {**argument_specs.STAGES, **OF_ACTIONS}.get(name) or arguments_of(module, monkeypatch)
    assert comparable(options_of(module)) == comparable(taken)


def test_the_module_stage_has_the_options_of_all_stages() -> None:
    """An option that two stages share has to mean the same in both."""
    assert {key: value for each in argument_specs.STAGES.values() for key, value in each.items()}.keys() | {
        "stage"
    } == set(argument_specs.STAGE)
    for options in argument_specs.STAGES.values():
        assert {key: argument_specs.STAGE[key] for key in options} == options


@pytest.mark.parametrize("name", MODULES)
def test_what_an_option_left_out_means_is_documented(name: str) -> None:
    for option, values in options_of(module_of(name)).items():
        told = values.get("required") or "default" in values or "When left out, " in str(values["description"])
        assert told, option


EXAMPLES = [
    pytest.param(name, task, id=f"{name}: {task['name']}")
    for name in MODULES
    for task in yaml.safe_load(module_of(name).EXAMPLES)
]


@pytest.mark.parametrize(("name", "task"), EXAMPLES)
def test_an_example_names_one_module_in_full(name: str, task: dict[str, Any]) -> None:
    used = set(task) - KEYWORDS
    assert len(used) == 1
    assert used <= {f"{COLLECTION}.{name}", "ansible.builtin.assert"}


@pytest.mark.parametrize(("name", "task"), EXAMPLES)
def test_an_example_is_accepted(name: str, task: dict[str, Any]) -> None:
    options = task.get(f"{COLLECTION}.{name}") or {}
    assert set(options) <= set(options_of(module_of(name)))
    containers, defaults = options.get("containers", []), options.get("defaults", {})
    if isinstance(containers, list) and isinstance(defaults, dict):
        assert len(parse.parse_containers(containers, defaults)) == len(containers)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_several(name: str) -> None:
    assert sum(f"{COLLECTION}.{name}" in task for task in yaml.safe_load(module_of(name).EXAMPLES)) >= 3


@pytest.mark.parametrize("name", MODULES)
def test_the_samples_have_what_is_documented(name: str) -> None:
    for value in yaml.safe_load(module_of(name).RETURN).values():
        assert "sample" in value
        contained = value.get("contains", {})
        always = {key for key, option in contained.items() if option["returned"] == "always"}
        samples = value["sample"] if isinstance(value["sample"], list) else [value["sample"]]
        for sample in samples if contained else []:
            assert always <= set(sample) <= set(contained)


# Ansible itself acts on these keys: it looks at a file, or waits for a job.
TAKEN = {"path", "dest", "started", "finished", "ansible_job_id"}


@pytest.mark.parametrize("name", MODULES)
def test_no_result_has_a_key_that_means_something_else_to_ansible(name: str) -> None:
    assert not TAKEN & set(yaml.safe_load(module_of(name).RETURN))


# What single sentences say.

ROOT = Path(__file__).resolve().parents[2]
# A Debian 12 on whose file system ids can be mapped.
HOST = Host(
    init_lxc="/usr/sbin/init.lxc",
    paths=frozenset(["/usr", "/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local"]),
    interfaces=frozenset(["lxcbr0"]),
    busyboxes={None: Binary("/bin/busybox", "00", 1, ("sh", "sleep"), None)},
    controllers={"devices": 1},
    seccomp=True,
    seccomp_profile="/usr/share/lxc/config/common.seccomp",
    shell="/usr/bin/sh",
)


def text_of(documentation: Any) -> str:
    """A description as one line."""
    return " ".join(([documentation] if isinstance(documentation, str) else documentation)).replace("\n", " ")


def returned_by(name: str) -> Options:
    return dict(yaml.safe_load(module_of(name).RETURN))


def container_of(**values: Any) -> records.Container:
    return parse.parse_containers([{"name": NAME, **values}], {})[0]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_the_group_of_a_user_that_is_a_mere_number(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_text("hmi:x:1000:1001::/:/bin/sh\n", encoding="utf-8")
    accounts = [exec.account(str(tmp_path), user, None) for user in ("hmi", "1000", "1234", None)]
    assert accounts == [(1000, 1001), (1000, 1001), (1234, 1234), (None, None)]


@pytest.mark.parametrize("word", ["a b", "it's", '"', ""])
@pytest.mark.parametrize(
    ("shell", "command"), [(None, "/bin/busybox sh"), ("/usr/bin/sh", "/usr/bin/sh")], ids=["its own", "the target's"]
)
def test_the_script_of_a_command_with_blanks(word: str, shell: str | None, command: str) -> None:
    container, host = container_of(command=["/bin/echo", word]), HOST._replace(shell=shell)
    rendered = lxc_config.render(container, host, "/var/lib/lxc", "lxcbr0", id_map.Ids())
    assert f"-- {command} {launch.SCRIPT}\n" in rendered
    assert launch.SCRIPT in text_of(SPEC["command"]["description"])


def test_prune_with_names_is_refused_unless_all_are_to_go() -> None:
    given = {"containers": [], "defaults": {}, "secrets": {}, "name": ["hmi"], "prune": True, "state": "stopped"}
    with pytest.raises(RefusedError, match="^prune: "):
        container_module.run(given, True, False)


def test_the_steps_of_the_lifecycle_are_documented() -> None:
    told = text_of(returned_by("container")["containers"]["contains"]["changes"]["description"])
    assert re.findall(r"C\((\w+)\)", told.partition("C(shift) gives")[0]) == list(transitions.STEPS)


# How the notes of the module container name what each check reads back.
READ_BACK = {
    "check_capabilities": "containers[].security.drop_capabilities",
    "check_no_new_privs": "containers[].security.no_new_privs",
    "check_seccomp": "containers[].security.seccomp",
    "check_labels": "containers[].security.apparmor",
    "check_apparmor_mode": "containers[].security.apparmor",
    "check_devices": "containers[].security.devices",
    "check_id_map": "containers[].security.idmap",
    "check_mounts": "containers[].mounts",
    "check_network": "containers[].network",
}


def test_what_is_read_back_is_documented() -> None:
    assert set(READ_BACK) == {check.__name__ for check in in_force.CHECKS}
    notes = yaml.safe_load(module_of("container").DOCUMENTATION)["notes"]
    told = next(note for note in notes if note.startswith("This is read back"))
    assert all(f"O({name})" in told for name in [*READ_BACK.values(), "containers[].limits"])
    assert all(f"C({option})" in told for option in in_force.SHOWN)


def test_the_sample_of_a_config_is_what_the_defaults_give() -> None:
    listing, text = returned_by("config")["diff"]["sample"]
    container = parse.parse_containers([{"name": text["after_header"].partition("/")[0]}], {})[0]
    ids = id_map.allocated_ids(1879048192, False)
    rendered = lxc_config.render(container, HOST, "/var/lib/lxc", "lxcbr0", ids)
    wanted = lxc_config.desired_entries(container, HOST, rendered)
    whole = tree.diffs(container.name, tree.plan(wanted, {}, {}))
    # Long lines are cut in the sample.
    cut = "".join(line if len(line) < 120 else line[:100] + "...\n" for line in whole[1]["after"].splitlines(True))
    assert [whole[0], {**whole[1], "after": cut}] == [listing, text]


def names_of(way: tuple[steps.Part, ...]) -> list[str]:
    """The names of a way's steps, in order."""
    return [step.name for part in way for step in part]


def test_the_stages_of_a_rollout_are_documented() -> None:
    """In the module in their order, and in the guide as rows of a table."""
    described = yaml.safe_load(module_of("rollout_host").DOCUMENTATION)["description"]
    forward, back = (next(each for each in described if each.startswith(start)) for start in ("The stages", "Where a"))
    assert re.findall(r"C\((\w+)\)", forward) == names_of(steps.FORWARD)
    needed = [name for name in names_of(steps.FORWARD) if steps.is_needed_back(name, {})]
    assert steps.is_needed_back("preflight", {"preflight": {"checkpoint": True}})
    assert re.findall(r"C\((\w+)\)", back) == [
        needed[0],
        needed[-1],
        "preflight",
        *names_of(steps.BACK),
    ]
    table = read("docs/fleet.md").partition("| stage |")[2].partition("\n\n")[0]
    names = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    assert sum(names, []) == names_of(steps.FORWARD)
    forecast = yaml.safe_load(module_of("rollout_host").DOCUMENTATION)["attributes"]["check_mode"]["details"]
    assert re.findall(r"C\((\w+)\)", text_of(forecast)) == names_of(steps.FORECAST)


def test_the_limits_of_a_sample_are_the_same_twice() -> None:
    sample = returned_by("container_info")["containers"]["sample"][0]
    assert sample["limits"] == sample["effective"]["limits"]
    assert set(sample["effective"]) == {*in_force.Effective._fields, "limits", "nodes"}


def test_what_is_rolled_out_is_documented() -> None:
    notes = text_of(yaml.safe_load(module_of("rollout").DOCUMENTATION)["notes"])
    assert re.findall(r"C\(softwarecontainer_(\w+)\)", notes) == list(argument_specs.ROLLED_OUT)
    words = re.search(r"of what each gets \(([^)]*)\)", " ".join(read("docs/fleet.md").split()))
    assert words and words.group(1).replace("lxc path", "lxc_path").split(", ") == list(argument_specs.ROLLED_OUT)


def test_the_sample_of_a_reason_is_what_a_gate_says() -> None:
    check = container_of(ready=[{"tcp": 8080}]).ready[0]
    reason = conditions.unanswered(dict.fromkeys(["127.0.0.1", "::1"], "Connection refused"))
    error = conditions.failure(check, conditions.after_look(conditions.Watch(), 30, reason))
    result = results.result_of([{"name": NAME, "changed": False, "error": error}], [], {})
    assert host_rollout.reason_of("ready", result) == returned_by("rollout_host")["msg"]["sample"]


def test_what_a_forecast_returns_is_documented() -> None:
    """A rollout that is closed in check mode has neither ledger nor id."""
    action = importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.action.rollout").ActionModule
    found = action.close_forecast(SimpleNamespace(options={"hosts": []}), {"hostvars": {}})
    assert set(found) == {"failed", "msg"}
    returned = {key: value["returned"] for key, value in returned_by("rollout").items() if key != "msg"}
    assert all("check mode" in when or "O(state=running)" in when for when in returned.values())


def test_what_the_check_of_a_host_returns_is_documented() -> None:
    result = re.search(r'(\{"host": self.name, "check": True\})', read("plugins/action/rollout_host.py"))
    assert result
    assert set(re.findall(r'"(\w+)":', result.group(1))) | {"state"} == set(
        returned_by("rollout_host")["rollout"]["contains"]
    )


@pytest.mark.parametrize(
    ("keys", "suboptions"),
    [
        (requests.Target, ("targets",)),
        (requests.Machine, ("targets", "machine")),
    ],
    ids=["target", "machine"],
)
def test_a_molecule_target_is_what_is_documented(keys: Any, suboptions: tuple[str, ...]) -> None:
    options = options_of(module_of("molecule_targets"))
    for name in suboptions:
        options = options[name]["suboptions"]
    # Those without a default say in words what follows.
    known = {**keys._field_defaults, "address": "", "machine": "", "repository": ""}
    known = {key: known[key] for key in keys._field_defaults}
    sizes = ("memory", "disk")
    assert set(options) == set(keys._fields)
    assert {key for key, option in options.items() if option.get("required")} == set(options) - set(known)
    for key, default in known.items():
        documented = options[key].get("default", "")
        parsed = size(documented) if key in sizes else documented
        assert (tuple(parsed) if isinstance(default, tuple) else parsed) == default, key


def test_the_choices_of_a_molecule_target() -> None:
    suboptions = options_of(module_of("molecule_targets"))["targets"]["suboptions"]
    assert suboptions["distribution"]["choices"] == list(debian.SUITES)
    assert suboptions["ssh"]["choices"] == list(requests.SSH_SERVERS)
    assert suboptions["machine"]["suboptions"]["architecture"]["choices"] == list(architectures.ARCHITECTURES)


def test_the_role_for_molecule_targets_has_the_options_of_its_module() -> None:
    """But for what it does itself: it makes the key, and writes the inventory to a directory of its own choice."""

    def comparable(options: Options) -> Options:
        # A role calls options what a module calls suboptions.
        parts = {name: option.get("suboptions", option.get("options", {})) for name, option in options.items()}
        kept = ("type", "default", "choices", "elements", "required")
        return {
            name: {**{key: option[key] for key in kept if key in option}, "parts": comparable(parts[name])}
            for name, option in options.items()
        }

    entries = yaml.safe_load(read("roles/molecule_targets/meta/argument_specs.yml"))["argument_specs"]
    assert entries["create"]["options"] == entries["destroy"]["options"]
    variables = dict(entries["create"]["options"])
    variables.pop("softwarecontainer_targets_inventory")
    targets = variables.pop("softwarecontainer_targets")["options"]
    options = options_of(module_of("molecule_targets"))
    assert comparable(targets) == comparable(options["targets"]["suboptions"])
    assert comparable({key.replace("softwarecontainer_targets_", ""): each for key, each in variables.items()}) == {
        key: option
        for key, option in comparable(options).items()
        if key not in ("state", "targets", "public_key", "inventory", "progress")
    }


# README and docs.

README = read("README.md")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)


def blocks(kind: str) -> list[str]:
    """The blocks of code of one kind in the README."""
    return [text for each, text in BLOCKS if each == kind]


def test_the_first_example_runs_on_any_target() -> None:
    """It is valid, and needs no program and no directory but those that a target has."""
    play = yaml.safe_load(blocks("yaml")[0])[0]
    containers = parse.parse_containers(play["vars"]["softwarecontainer_containers"], {})
    assert [each.command[0] for each in containers if each.command] == ["/bin/busybox"]
    assert [mount.source for each in containers for mount in each.mounts] == ["/usr/share"]
    assert all((ROOT / "roles" / role.rpartition(".")[2]).is_dir() for role in play["roles"])


def test_the_table_of_the_demo_is_what_status_shows() -> None:
    table = next(text for text in blocks("text") if text.startswith("HOST"))
    group = yaml.safe_load(read("inventories/local/group_vars/all.yml"))
    declared = parse.parse_containers(group["softwarecontainer_containers"], group["softwarecontainer_defaults"])
    memory = {"hmi": 0.6, "media": 0.8}
    rows = [
        {
            "name": each.name,
            "state": transitions.REACHED[each.state],
            "declared": each.state,
            "health": "healthy" if each.ready else None,
            "addresses": [address.partition("/")[0] for one in each.network for address in one.ipv4],
            "memory_bytes": int(memory[each.name] * 1048576) if each.name in memory else None,
            "memory_limit_bytes": each.limits.memory if each.name in memory else None,
            "restarts": 0 if each.command and each.name in memory else None,
            "uptime_seconds": 4 if each.name in memory else None,
        }
        for each in declared
    ]
    assert table.splitlines() == status_table({"localhost": {"containers": rows}})


def commands() -> list[list[str]]:
    """The words of the commands in the README's consoles."""
    lines = [line for text in blocks("console") for line in text.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [shlex.split(line[2:], comments=True) for line in lines]


def test_a_command_for_one_module_has_its_options() -> None:
    called = [words for words in commands() if "-a" in words]
    assert {words[words.index("-m") + 1] for words in called} == {f"{COLLECTION}.exec", f"{COLLECTION}.container"}
    for words in called:
        name, given = words[words.index("-m") + 1], words[words.index("-a") + 1]
        options = json.loads(given) if given.startswith("{") else dict(word.split("=") for word in given.split())
        assert set(options) <= set(options_of(module_of(name.rpartition(".")[2])))


PLAYBOOKS = sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_the_variable_that_chooses_hosts_is_documented(name: str) -> None:
    """Whoever takes that of another playbook would act on all hosts."""
    patterns = {play["hosts"] for play in yaml.safe_load(read(f"playbooks/{name}.yml"))}
    variables = set(re.findall(r"softwarecontainer_\w*hosts", " ".join(patterns)))
    shown = any(f"{COLLECTION}.{name}" in words for words in commands())
    told = " ".join(README.partition("## Use it")[2].partition("\n## ")[0].split())
    if name == "rollout":
        assert "softwarecontainer_rollout_hosts | default('all')" in " ".join(patterns)
        assert any("softwarecontainer_hosts: a rollout does not go by it" in pattern for pattern in patterns)
        assert re.search(r"The playbook `rollout` [^.]*`-e softwarecontainer_rollout_hosts=", told)
        assert not shown
    else:
        assert (variables, shown, len(PLAYBOOKS)) == ({"softwarecontainer_hosts"}, True, 5)
        assert re.search(r"The playbooks above [^.]*`-e softwarecontainer_hosts=", told)


def test_the_keys_of_the_spec_are_in_the_readme() -> None:
    table = README.partition("| key | default |")[2].partition("\n\n")[0]
    keys = [key for row in table.splitlines()[2:] for key in re.findall(r"`([\w.]+)`", row.split("|")[1])]
    expected = [key for key in SPEC if key != "busybox"] + [f"busybox.{key}" for key in documented("busybox")]
    assert sorted(keys) == sorted(expected)


def test_the_number_of_tasks_is_the_same_everywhere() -> None:
    """Ansible puts one before them that checks the arguments."""
    modules = len(yaml.safe_load(read("roles/containers/tasks/main.yml")))
    assert modules == 1
    benchmarks = read("docs/benchmarks.md")
    rows = re.findall(r"^\| ([^|]*), (?:1|100) \| (\d+) \| (\d+) \| [\d.]+ \| `", benchmarks, re.MULTILINE)
    assert {int(tasks) for _phase, tasks, _runs in rows} == {modules + 1}
    assert max(int(runs) for _phase, _tasks, runs in rows) == modules
    introduction = benchmarks.partition("Repeat it with")[0].strip()
    assert introduction in read("tests/benchmark/report.py")


TARGETS = ROOT / "tests" / "integration" / "targets"


def variables_of(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((TARGETS / name / "vars" / "main.yml").read_text(encoding="utf-8")))


def test_the_counts_of_what_was_tried_are_those_of_the_tests() -> None:
    faults, hostile, campaign = (variables_of(name) for name in ("faults", "hostile", "campaign"))
    rounds = {**campaign["campaign_always"], "errors": 4, "full": 40}
    calls = sum(map(len, faults["faults_calls"].values()))
    kinds = len(hostile["hostile_plants"]) - len(["hx-good"])
    secrets = len(variables_of("playbooks")["playbooks_secret_plays"])
    killed = (TARGETS / "faults" / "tasks" / "killed.yml").read_text(encoding="utf-8")
    expected = {
        f"{kinds} kinds": "hostile",
        f"{calls} calls": "faults",
        f"{killed.count('{stage: ')} moments": "faults",
        f"{rounds['killed']} runs of 2": "campaign",
        f"{rounds['stage_killed']} runs of 1": "campaign",
        f"{rounds['full']} sizes": "campaign",
        f"{rounds['power']} changes": "campaign",
        f"{rounds['together']} rounds of 3": "campaign",
        f"{rounds['agree']} rounds of 2": "campaign",
        f"{rounds['planted']} rounds |": "campaign",
        f"{20 * rounds['exchanged']} exchanges": "campaign",
        f"{rounds['shifted']} rounds |": "campaign",
        f"{rounds['loads']} configs": "campaign",
        f"{secrets} runs": "playbooks",
    }
    rows = [row.split(" | ") for row in read("docs/reliability.md").splitlines() if row.startswith("| ")]
    for words, test in expected.items():
        assert [row for row in rows if words in " | ".join(row) and f"`{test}`" in row[-1]], words


def test_the_linters_are_documented() -> None:
    row = next(line for line in read("docs/development.md").splitlines() if line.startswith("| `make lint` |"))
    found = re.search(r"^LINTERS = \((.*?)^\)", read("tests/run.py"), re.MULTILINE | re.DOTALL)
    assert found
    assert all(name in row for name in re.findall(r"^    \(\"([\w-]+)\"", found.group(1), re.MULTILINE))


def test_the_changelog_names_all_modules_and_roles() -> None:
    releases = yaml.safe_load(read("changelogs/changelog.yaml"))["releases"].values()
    modules = [each["name"] for release in releases for each in release.get("modules", ())]
    roles = [each["name"] for release in releases for each in release.get("objects", {}).get("role", ())]
    assert sorted(modules) == sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py"))
    assert sorted(roles) == sorted(path.name for path in (ROOT / "roles").iterdir())


def test_the_matrix_of_the_readme_says_where_make_matrix_runs() -> None:
    kinds = yaml.safe_load(read("tests/machines/matrix.yml"))
    head, _line, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in read("README.md").partition("## What is tested")[2].split("\n\n")[1].splitlines()
    ]
    said = {(row[0], title) for row in rows for title, cell in zip(head, row) if "`make matrix`" in cell}
    columns = {
        distribution: title
        for distribution, suite in debian.SUITES.items()
        for title in head
        if f"({distribution.replace('debian-', 'Debian ')})" in title or f"({suite})" in title
    }
    processors = {"armhf-on-arm64": "armhf with a kernel of arm64"}
    run = set()
    for kind in [kind for kind in kinds if "CORE" not in kind]:
        processor = kind.get("ARCHITECTURE", "amd64")
        cgroups = "cgroups hybrid" if "CGROUPS" in kind else "cgroups of version 2 alone"
        row = f"{processors.get(processor, processor)}, {cgroups}"
        run.add((row, columns[kind.get("DISTRIBUTION", "debian-13")]))
    assert said == run
    for kind in [kind for kind in kinds if "CORE" in kind]:
        assert f"ansible-core {kind['CORE']}, Python {kind['CORE_PYTHON']}" in read("README.md")
