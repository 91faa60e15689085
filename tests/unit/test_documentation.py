# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is documented is what the code takes: the container spec, the options of the modules, their examples."""

from __future__ import annotations

import importlib
from typing import Any, get_args, get_type_hints

import pytest
import yaml
from ansible_collections.softwarecontainer.lxc.plugins.doc_fragments.containers import ModuleDocFragment
from ansible_collections.softwarecontainer.lxc.plugins.module_utils import arguments, spec
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.schema import InvalidError

COLLECTION = "softwarecontainer.lxc"
MODULES = (
    "rootfs",
    "busybox",
    "config",
    "container",
    "container_info",
    "exec",
    "ready",
    "checkpoint",
    "stage",
    "preflight",
)
NAME = "hmi"
# What a record needs to be valid; those that are not named need nothing.
NEEDED = {
    "": {"name": NAME},
    "directories": {"path": "/data"},
    "files": {"path": "/data"},
    "mounts": {"source": "/srv", "target": "/data"},
    "ready": {"tcp": 80},
}
# The same where it is this key that is left out, because others can stand for it.
INSTEAD = {("ready", "tcp"): {"file": "/data"}}
TYPES = {"bool": bool, "dict": dict, "float": float, "int": int, "list": list, "raw": object, "str": str}
# What a task may have beside its module.
KEYWORDS = {"changed_when", "check_mode", "diff", "failed_when", "name", "register"}

Options = dict[str, dict[str, Any]]


def records_of(record: type) -> dict[str, Any]:
    """The keys of a record whose values, or the elements of whose values, are records themselves."""
    hints = get_type_hints(record)
    return {key: kind for key, hint in hints.items() for kind in (hint, *get_args(hint)) if hasattr(kind, "_fields")}


# The container spec has no key of its own; its nested records are one level deep.
RECORDS: dict[str, Any] = {"": spec.Container, **records_of(spec.Container)}


SPEC: Options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["containers"]["suboptions"]


def documented(key: str = "") -> Options:
    """The documented keys of the container spec, or of one of its nested records."""
    return SPEC[key]["suboptions"] if key else SPEC


def parsed(key: str, without: str = "", **values: Any) -> Any:
    """A container with these values, which are those of a nested record where its key is given."""
    needed = INSTEAD.get((key, without)) or NEEDED.get(key, {})
    record = {name: value for name, value in {**needed, **values}.items() if name != without or name in values}
    if not key:
        return spec.CONTAINER(record)
    listed = documented()[key]["type"] == "list"
    return spec.CONTAINER({"name": NAME, key: [record] if listed else record})


def value_of(container: spec.Container, key: str, name: str) -> Any:
    """One value of a container, or of one of its nested records."""
    record = getattr(container, key) if key else container
    return getattr(record if hasattr(record, name) else record[0], name)


KEYS = [
    pytest.param(key, name, option, id=f"{key}.{name}".strip("."))
    for key in RECORDS
    for name, option in documented(key).items()
]


def test_the_top_of_the_spec_is_documented() -> None:
    assert set(documented()) == set(spec.FIELDS)


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
    assert parsed(key, without=name, **{name: option.get("default")}) == left_out
    if "default" in option:
        assert isinstance(option["default"], TYPES[option["type"]])
    else:
        # A container without a host name of its own is called by its name.
        assert value_of(left_out, key, name) == (NAME if (key, name) == ("", "hostname") else None)


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


def module_of(name: str) -> Any:
    return importlib.import_module(f"ansible_collections.{COLLECTION}.plugins.modules.{name}")


def options_of(module: Any) -> Options:
    """The documented options of a module, those of its fragments included."""
    documentation = yaml.safe_load(module.DOCUMENTATION)
    options: Options = dict(documentation.get("options", {}))
    for name in documentation["extends_documentation_fragment"]:
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
    taken = arguments.STAGES.get(name) or arguments_of(module, monkeypatch)
    assert comparable(options_of(module)) == comparable(taken)


def test_the_module_stage_has_the_options_of_all_stages() -> None:
    """An option that two stages share has to mean the same in both."""
    assert {key: value for each in arguments.STAGES.values() for key, value in each.items()}.keys() | {"stage"} == set(
        arguments.STAGE
    )
    for options in arguments.STAGES.values():
        assert {key: arguments.STAGE[key] for key in options} == options


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
        assert len(spec.parse_containers(containers, defaults)) == len(containers)


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
