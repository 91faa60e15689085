# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the text of a manifest is read: JSON as it is, YAML as JSON would be, and nothing that has two meanings."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.container_spec.values import InvalidError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import documents

READ = {
    "json": ("m.json", '{"a": [1, "x", true, null, 1.5]}', {"a": [1, "x", True, None, 1.5]}),
    "yaml": ("m.yml", "a: [1, x, true, null, 1.5]", {"a": [1, "x", True, None, 1.5]}),
    "yaml in blocks": ("m.yaml", "# why\na:\n- b: c\n- d:\n", {"a": [{"b": "c"}, {"d": None}]}),
    "yaml, numbers of other kinds": (
        "m.yml",
        "a: [0644, 22:30, 0x10, 1_0, 1e3]",
        {"a": ["0644", "22:30", "0x10", "1_0", "1e3"]},
    ),
    "yaml, words of other kinds": ("m.yml", "a: [yes, no, Off, 2020-01-01]", {"a": ["yes", "no", "Off", "2020-01-01"]}),
    "yaml, quotes": ("m.yml", "a: ['1', \"true\", 'null']", {"a": ["1", "true", "null"]}),
    "yaml, keys are text": ("m.yml", "80: 1\ntrue: 2", {"80": 1, "true": 2}),
    "yaml, nothing": ("m.yml", "", None),
    "yaml, JSON is YAML": ("m.yml", '{"a": {"b": ["c"]}}', {"a": {"b": ["c"]}}),
}


@pytest.mark.parametrize(("name", "text", "expected"), READ.values(), ids=READ)
def test_what_is_read(name: str, text: str, expected: Any) -> None:
    found = documents.parse(text.encode(), name)
    assert found == expected
    assert repr(found) == repr(expected)


REFUSED = {
    "json, broken": ("m.json", '{"a": [1,\n 2,}', r"^line 2, column 4: .*JSON"),
    "json, nothing": ("m.json", "", "^line 1, column 1: "),
    "json, a comment": ("m.json", '{"a": 1} // why', "column 10"),
    "json, a key twice": ("m.json", '{"a": {"b": 1, "b": 1}}', "^a.b: 'b' comes twice"),
    "json, a key twice in a list": ("m.json", '[0, {"b": 1, "b": 1}]', r"^\[1\].b: "),
    "json, a control character": ("m.json", '{"a": "\x07"}', "line 1"),
    "json, NaN": ("m.json", '{"a": NaN}', "'NaN' is not JSON"),
    "json, a number of 5000 digits": ("m.json", "9" * 5000, "JSON"),
    "json, 100000 brackets": ("m.json", "[" * 100000, "nested"),
    "json, 40 brackets": ("m.json", "[" * 40 + "]" * 40, "nested"),
    "json, 40 objects": ("m.json", '{"a":' * 40 + "1" + "}" * 40, "nested"),
    "json, ten megabytes": ("m.json", '["' + "x" * 10_000_000 + '"]', "^size: 10000004 is more"),
    "not UTF-8": ("m.json", b'{"a": "\xff"}', "^byte 7: "),
    "yaml, broken": ("m.yml", "a: [1\nb: 2", "^line 2, "),
    "yaml, a key twice": ("m.yml", "a:\n  b: 1\n  b: 1", "^a.b: 'b' comes twice"),
    "yaml, an anchor": ("m.yml", "a: &x 1", "^a: 'x' is an anchor"),
    "yaml, an alias": ("m.yml", "a: *x", "^a: 'x' is an anchor"),
    "yaml, aliases of aliases": ("m.yml", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]", "^a: "),
    "yaml, a tag": ("m.yml", "a: !vault x", "'!vault' is a tag"),
    "yaml, an object of Python": ("m.yml", "a: !!python/object/apply:os.system [id]", "is a tag"),
    "yaml, a key that is a list": ("m.yml", "? [a]\n: 1", "a key that is no text"),
    "yaml, two documents": ("m.yml", "a: 1\n---\na: 2", "^line 2: .*second document"),
    "yaml, a control character": ("m.yml", 'a: "\x07"', "YAML"),
    "yaml, 100000 brackets": ("m.yml", "[" * 100000, "nested|YAML"),
    "yaml, 40 brackets": ("m.yml", "[" * 40 + "]" * 40, "nested"),
}


@pytest.mark.parametrize(("name", "text", "match"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(name: str, text: Any, match: str) -> None:
    with pytest.raises(InvalidError) as caught:
        documents.parse(text if isinstance(text, bytes) else text.encode(), name)
    sentence = caught.value.sentence().lstrip(": ")
    with pytest.raises(InvalidError, match=match):
        raise InvalidError(sentence, "")
    assert "\n" not in sentence and len(sentence) < 400 and sentence.isprintable()
