# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of the controller are manifests, in which order, and that each is read once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.capabilities import documents, reading


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A playbook's folder, beside an inventory's."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "local"))
    for name in ("play/manifests/all", "play/manifests/none", "inventory/manifests"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("b.json", "a.json", "c.yml", ".json", "README.md", "d.json.orig"):
        (tmp_path / "play/manifests/all" / name).write_text('{"capabilities": []}', encoding="utf-8")
    (tmp_path / "play/manifests/all/deeper").mkdir()
    (tmp_path / "play/manifests/all/deeper/e.json").write_text("{", encoding="utf-8")
    (tmp_path / "inventory/manifests/one.yaml").write_text("capabilities: []", encoding="utf-8")
    return tmp_path


def read(place: Path, *named: str) -> list[str]:
    """The names of the manifests that are read."""
    places = [str(place / "play"), str(place / "inventory")]
    return [each.file for each in reading.read(named, DataLoader(), places)]


def test_files_and_directories(place: Path) -> None:
    everything = ["all/a.json", "all/b.json", "all/c.yml"]
    assert read(place) == []
    assert read(place, "none") == []
    assert read(place, "all") == everything
    assert read(place, "one.yaml", "all", str(place / "play/manifests/all/b.json")) == ["one.yaml", *everything]
    assert read(place, "all/b.json", "all") == ["all/b.json", "all/a.json", "all/c.yml"]


def test_what_is_refused(place: Path) -> None:
    top = place / "play/manifests"
    (top / "pipe").mkdir()
    os.mkfifo(top / "pipe/a.json")
    (top / "link").mkdir()
    (top / "link/a.json").symlink_to("nowhere")
    (top / "vault.json").write_text("$ANSIBLE_VAULT;1.1;AES256\n00", encoding="utf-8")
    (top / "bad\x1b.json").write_text("{", encoding="utf-8")
    refused = {
        "nowhere": r"^manifests\[0\]: 'nowhere': is not on the controller",
        "all/README.md": r"^manifests\[0\]: 'all/README.md': is no manifest.*json",
        "pipe": "pipe/a.json: is no regular file",
        "link": "link/a.json: No such file",
        "vault.json": "^vault.json: .*Vault",
        "bad\x1b.json": r"^bad\\x1b.json: line 1",
    }
    for name, match in refused.items():
        with pytest.raises(RefusedError, match=match):
            read(place, name)


def test_each_is_read_once_until_it_is_touched(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    parse = documents.parse
    monkeypatch.setattr(documents, "parse", lambda data, name: parsed.append(name) or parse(data, name))
    for _host in range(3):
        read(place, "all")
    assert len(parsed) == 3
    changed = place / "play/manifests/all/a.json"
    changed.write_text("[]", encoding="utf-8")
    read(place, "all")
    assert len(parsed) == 6
    changed.write_text("[", encoding="utf-8")
    for _host in range(2):
        with pytest.raises(RefusedError, match="all/a.json: line 1"):
            read(place, "all")
    assert len(parsed) == 7
