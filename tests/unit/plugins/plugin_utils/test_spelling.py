# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that YAML has read as something else than what is written, in files as Ansible itself reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.softwarecontainer.lxc.plugins.doc_fragments.containers import ModuleDocFragment
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import spelling


def loaded(path: Path, text: str) -> Any:
    """What Ansible reads from a file of that text."""
    path.write_text(text, encoding="utf-8")
    return DataLoader().load_from_file(str(path))


def found(arguments: Any) -> list[str]:
    """What is said of arguments of a module."""
    return spelling.refusals(arguments, DataLoader().get_text_file_contents)


# A value as it is written, and as YAML 1.1 reads it.
MISREAD = {
    "octal": ("022", "18"),
    "octal of four digits": ("0755", "493"),
    "time": ("22:30", "1350"),
    "hardware address": ("52:54:00:12:34:56", "41135085296"),
    "hexadecimal": ("0x10", "16"),
    "binary": ("0b11", "3"),
    "underscore": ("1_000", "1000"),
    "plus": ("+5", "5"),
    "zero at the end": ("1.10", "1.1"),
    "nothing before the point": (".5", "0.5"),
    "exponent": ("1.0e+3", "1000.0"),
}
AS_WRITTEN = [
    "8080",
    "0",
    "-5",
    "0.5",
    "1.1",
    '"022"',
    "'22:30'",
    "1e3",
    "09",
    "2026-01-01",
    "true",
    "52:54:00:ab:34:56",
    "a b",
]
PLACES = {
    "block": "containers:\n  - name: a\n    environment:\n      A: b\n      KEY: %s\n",
    "block with a comment": "containers:\n  - name: a\n    environment:\n      KEY: %s  # ä\n",
    "flow": "{containers: [{name: a, environment: {A: ä, KEY: %s}}]}",
    "flow, and more": "{containers: [{name: a, environment: {KEY: %s, B: c}}]}",
    "anchor": "containers:\n  - name: a\n    environment:\n      KEY: &key %s\n",
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize(("written", "read"), MISREAD.values(), ids=MISREAD)
def test_misread(tmp_path: Path, place: str, written: str, read: str) -> None:
    (sentence,) = found(loaded(tmp_path / "vars.yml", place % written))
    assert sentence.startswith("container 'a': environment.KEY: ")
    assert "the number %s where %s is written" % (read, written) in sentence
    assert sentence.endswith('put it in quotes: "%s"' % written)


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("written", AS_WRITTEN)
def test_as_written(tmp_path: Path, place: str, written: str) -> None:
    assert found(loaded(tmp_path / "vars.yml", place % written)) == []


def test_all_keys_that_take_a_text(tmp_path: Path) -> None:
    text = "containers: [{name: 007, hostname: 010, command: [x, 1.10], network: [{hwaddr: 52:54:00:12:34:56}]},"
    text += " {name: b, lxc: {lxc.a: [010]}}]"
    text += "\ndefaults: {files: [{path: /a, mode: 0644, content: [010]}]}\n"
    assert [one.rpartition(": YAML")[0] for one in found(loaded(tmp_path / "vars.yml", text))] == [
        "containers[0]: name",
        "containers[0]: hostname",
        "containers[0]: command[1]",
        "containers[0]: network[0].hwaddr",
        "container 'b': lxc.lxc.a[0]",
        "defaults: files[0].mode",
        "defaults: files[0].content[0]",
    ]


def test_a_key_that_takes_a_number_takes_any_spelling(tmp_path: Path) -> None:
    text = "containers: [{name: a, tty: 0x1, limits: {memory: 64_000_000, cpus: 1.50}, network: [{mtu: 0x5dc}]}]"
    assert found(loaded(tmp_path / "vars.yml", text)) == []


def test_the_keys_that_take_a_number() -> None:
    def numbers(options: Any, above: str = "") -> set[str]:
        own = {above + name for name, one in options.items() if one["type"] in ("int", "float")}
        return own.union(*(numbers(one.get("suboptions") or {}, above + name + ".") for name, one in options.items()))

    options = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert numbers(options["containers"]["suboptions"]) | {"limits.memory", "limits.memory_swap"} == spelling.NUMBERS


def test_a_time(tmp_path: Path) -> None:
    (sentence,) = found(loaded(tmp_path / "vars.yml", "containers: [{name: a, environment: {T: 2026-01-01 22:30:00}}]"))
    assert sentence == "container 'a': environment.T: YAML reads a time there; put what was written in quotes"


def test_no_secret_is_told(tmp_path: Path) -> None:
    (sentence,) = found(loaded(tmp_path / "vars.yml", "secrets: {pin: 0123}"))
    assert sentence == "secrets.pin: is not written as YAML reads it; put it in quotes"


def test_the_environment_of_exec(tmp_path: Path) -> None:
    (sentence,) = found(loaded(tmp_path / "vars.yml", "environment: {UMASK: 022}"))
    assert sentence.startswith("environment.UMASK: YAML reads the number 18 where 022 is written")


def test_a_file_that_is_no_longer_what_it_was(tmp_path: Path) -> None:
    arguments = loaded(tmp_path / "vars.yml", PLACES["block"] % "022")
    (tmp_path / "vars.yml").write_text("containers: []\n", encoding="utf-8")
    assert found(arguments) == []
    (tmp_path / "vars.yml").write_text(PLACES["block"] % "023", encoding="utf-8")
    assert found(arguments) == []
    (tmp_path / "vars.yml").unlink()
    assert found(arguments) == []


def test_numbers_of_which_nothing_is_known() -> None:
    assert found({"containers": [{"name": "a", "environment": {"UMASK": 18}}], "defaults": None, "secrets": {}}) == []
    assert found({"containers": json.loads('[{"name": "a", "environment": {"PORT": 8080}}]')}) == []
    assert found({"containers": "text", "environment": None}) == []
