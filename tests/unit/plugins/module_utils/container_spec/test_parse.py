# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of specs: names, defaults, secrets, and what is refused of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec import parse
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.records import (
    Busybox,
    Container,
    Directory,
    Limits,
    Secret,
)
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError


def one(given: Any, defaults: dict[str, Any] | None = None) -> Container:
    """The only container of a list of one spec."""
    (container,) = parse.parse_containers([given], defaults or {})
    return container


def refusal(specs: list[Any], defaults: dict[str, Any] | None = None) -> str:
    """What is said of a list of specs that is refused."""
    with pytest.raises(RefusedError) as caught:
        parse.parse_containers(specs, defaults or {})
    return str(caught.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("hmi", "containers[1]: 'hmi' is not a dictionary"),
        (None, "containers[1]: None is not a dictionary"),
        ({}, "containers[1]: name: None is required and missing"),
        ({"nmae": "hmi"}, "containers[1]: key: 'nmae' is not a known key; did you mean 'name'?"),
    ],
    ids=["text", "null", "empty", "name misspelt"],
)
def test_a_spec_without_a_name_is_called_by_its_place(given: Any, sentence: str) -> None:
    assert refusal([{"name": "media"}, given]) == sentence


def test_all_bad_specs_are_named() -> None:
    specs = [{"name": "a", "tty": -1}, {"name": "good"}, {"name": "b c"}, {"name": "good"}, {"name": "a"}, 5]
    assert refusal(specs).split("\n") == [
        "container 'a': tty: -1 is not from 0 to 1024",
        "container 'b c': name: 'b c' is not a container name (letters, digits, _ - . ; "
        "first a letter or digit; at most 64)",
        "container 'good': name: 'good' is the name of two containers",
        "containers[5]: 5 is not a dictionary",
    ]


def test_the_order_is_kept() -> None:
    names = ["c", "a", "b"]
    assert [one.name for one in parse.parse_containers([{"name": name} for name in names], {})] == names


def test_no_containers() -> None:
    assert parse.parse_containers([], {"name": "unused"}) == ()
    assert parse.parse_names([]) == ()


MERGED: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "a value from the defaults": ({"tty": 4}, {}, {"tty": 4}),
    "a value of its own": ({"tty": 4}, {"tty": 2}, {"tty": 2}),
    "dictionaries key by key": (
        {"limits": {"memory": "1M", "pids": 5}},
        {"limits": {"pids": 7, "cpus": 1}},
        {"limits": Limits(1048576, None, None, 1.0, 7)},
    ),
    "lists as a whole": (
        {"directories": [{"path": "/a"}, {"path": "/b"}]},
        {"directories": [{"path": "/c"}]},
        {"directories": (Directory("/c", 0o755),)},
    ),
    "an empty list": ({"network": [{"name": "net0"}]}, {"network": []}, {"network": ()}),
    "null gives the collection's own default": ({"tty": 4}, {"tty": None}, {"tty": 1}),
    "null for a dictionary": ({"limits": {"pids": 5}}, {"limits": None}, {"limits": Limits()}),
    "null within a dictionary": (
        {"limits": {"pids": 5, "cpus": 1}},
        {"limits": {"pids": None}},
        {"limits": Limits(cpus=1.0)},
    ),
    "environment by name": (
        {"environment": {"A": "1", "B": "2"}},
        {"environment": {"B": "3", "C": "4"}},
        {"environment": (("A", "1"), ("B", "3"), ("C", "4"))},
    ),
    "lxc by key": (
        {"lxc": {"lxc.a": ["1", "2"], "lxc.b": "3"}},
        {"lxc": {"lxc.a": "4"}},
        {"lxc": (("lxc.a", ("4",)), ("lxc.b", ("3",)))},
    ),
    "a value for a dictionary": (
        {"busybox": {"method": "none"}},
        {"busybox": {"path": "/b"}},
        {"busybox": Busybox("none", "/b")},
    ),
}


@pytest.mark.parametrize(("defaults", "given", "expected"), MERGED.values(), ids=MERGED)
def test_defaults(defaults: dict[str, Any], given: dict[str, Any], expected: dict[str, Any]) -> None:
    before = copy.deepcopy((defaults, given))
    container = one({"name": "hmi", **given}, defaults)
    assert {key: getattr(container, key) for key in expected} == expected
    assert (defaults, given) == before


def test_bad_defaults_are_refused_for_each_container() -> None:
    assert refusal([{"name": "a"}, {"name": "b"}, {"name": "c", "tty": 1}], {"tty": "x"}) == (
        "container 'a': tty: 'x' is not a whole number\ncontainer 'b': tty: 'x' is not a whole number"
    )


SECRETS: dict[str, tuple[Any, Any, Any]] = {
    "known": ({"A": "b", "T": {"secret": "t"}}, {"t": "hunter2"}, (("A", "b"), ("T", Secret("t", "hunter2")))),
    "number": ({"T": {"secret": "t"}}, {"t": 5}, (("T", Secret("t", "5")),)),
    "not looked at": ({"T": {"secret": "t"}}, None, (("T", Secret("t")),)),
    "unknown": (
        {"T": {"secret": "t"}},
        {"other": "hunter2", "a": "hunter3"},
        "container 'hmi': environment.T.secret: 't' is not among the secrets; "
        "softwarecontainer_secrets has 'a', 'other'",
    ),
    "unknown, and there is none": (
        {"T": {"secret": "t"}},
        {},
        "container 'hmi': environment.T.secret: 't' is not among the secrets; softwarecontainer_secrets has none",
    ),
    "unknown, with one that looks like it": (
        {"T": {"secret": "tokn"}},
        {"token": "hunter2", "n\n": "x"},
        "container 'hmi': environment.T.secret: 'tokn' is not among the secrets; "
        "softwarecontainer_secrets has 'n\\n', 'token'; did you mean 'token'?",
    ),
    "unknown among many": (
        {"T": {"secret": "zz"}},
        {"%02d" % number: "hunter2" for number in range(11)},
        "container 'hmi': environment.T.secret: 'zz' is not among the secrets; softwarecontainer_secrets has "
        "'00', '01', '02', '03', '04', '05', '06', '07', '08', '09', ...",
    ),
    "number with a point": (
        {"T": {"secret": "t"}},
        {"t": 1.1},
        "container 'hmi': environment.T.secret: 't' is not the name of one line of text; put the secret in quotes",
    ),
    "two lines": (
        {"T": {"secret": "t"}},
        {"t": "hunter2\nlxc.hook.pre-start = x"},
        "container 'hmi': environment.T.secret: 't' is not the name of one line of text",
    ),
    "boolean": (
        {"T": {"secret": "t"}},
        {"t": True},
        "container 'hmi': environment.T.secret: 't' is not the name of one line of text",
    ),
    "another key": (
        {"T": {"secrets": "t"}},
        {},
        "container 'hmi': environment.T: 'secrets' is not a known key; did you mean 'secret'?",
    ),
}


@pytest.mark.parametrize(("environment", "secrets", "expected"), SECRETS.values(), ids=SECRETS)
def test_secrets(environment: Any, secrets: Any, expected: Any) -> None:
    def parsed() -> Any:
        return parse.parse_containers([{"name": "hmi", "environment": environment}], {}, secrets)[0].environment

    if isinstance(expected, str):
        with pytest.raises(RefusedError) as caught:
            parsed()
        assert str(caught.value) == expected
    else:
        assert parsed() == expected
