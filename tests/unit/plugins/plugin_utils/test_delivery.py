# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of the controller specs name, and where they are found."""

from __future__ import annotations

import tarfile
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.errors import RefusedError
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.model import archive_index
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils import delivery
from ansible_collections.softwarecontainer.lxc.plugins.plugin_utils.delivery import Use


@pytest.fixture(name="place")
def fixture_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A playbook's folder, beside an inventory's."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "local"))
    for name in ("play/files", "play/templates", "inventory/files"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "play/files/app").write_bytes(b"\0one")
    (tmp_path / "play/templates/conf").write_text("{{ greeting }}\n{% if true %}\nyes\n{% endif %}\n", encoding="ascii")
    (tmp_path / "inventory/files/app").write_bytes(b"not this one")
    (tmp_path / "inventory/files/other").write_bytes(b"other")
    return tmp_path


def found(place: Path, *files: Any, **arguments: Any) -> delivery.Found:
    """What is found for one container with these files."""
    task = SimpleNamespace(get_search_path=lambda: [str(place / "play")])
    variables = {"inventory_dir": str(place / "inventory"), "greeting": "good morning"}
    loader = DataLoader()
    finder = delivery.Finder(task, loader, Templar(loader, variables), variables)
    return finder.find({"containers": [{"name": "hmi", "files": list(files)}], **arguments})


def test_a_file_and_a_template(place: Path) -> None:
    one, other = sha256(b"\0one").hexdigest(), sha256(b"other").hexdigest()
    files = [
        {"src": "app"},
        {"src": "other"},
        {"src": str(place / "play/files/app")},
        {"src": "conf", "template": "yes"},
    ]
    assert found(place, *files).sources == {
        "file:app": {"digest": one, "size": 4},
        "file:other": {"digest": other, "size": 5},
        f"file:{place}/play/files/app": {"digest": one, "size": 4},
        "template:conf": {"text": "good morning\nyes\n"},
    }
    assert found(place, *files).paths == {one: f"{place}/play/files/app", other: f"{place}/inventory/files/other"}


def test_a_file_that_was_touched_is_read_again(place: Path) -> None:
    found(place, {"src": "app"})
    (place / "play/files/app").write_bytes(b"\0two")
    assert found(place, {"src": "app"}).sources["file:app"]["digest"] == sha256(b"\0two").hexdigest()


def test_a_file_is_read_once_for_all_hosts(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found(place, {"src": "app"})
    monkeypatch.setattr(delivery, "read_digest", None)
    assert found(place, {"src": "app"}).sources["file:app"]["digest"] == sha256(b"\0one").hexdigest()


REFUSED = {
    "missing": ("nowhere", {}, "is not on the controller, in no folder where Ansible looks for it"),
    "missing template": (
        "app",
        {"template": True},
        "is not on the controller, in no folder where Ansible looks for it",
    ),
    "directory": ("../files", {}, "is a directory; pack it"),
    "device": ("/dev/null", {}, "is no regular file"),
    "encrypted": ("vault", {}, "is encrypted with Ansible Vault; make it a template, or put its text into content"),
    "large": ("large", {"template": True}, "gives more than 1048576 bytes, too much for a template"),
}


@pytest.mark.parametrize(("src", "more", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(place: Path, src: str, more: dict[str, Any], reason: str) -> None:
    (place / "play/files/vault").write_text("$ANSIBLE_VAULT;1.1;AES256\n3038\n", encoding="ascii")
    (place / "play/templates/large").write_text("x" * (1024 * 1024 + 1), encoding="ascii")
    with pytest.raises(RefusedError) as caught:
        found(place, {"src": "app"}, {"src": src, **more})
    assert str(caught.value) == f"container 'hmi': files[1].src: '{src}' {reason}"


def test_an_error_of_a_template_is_told(place: Path) -> None:
    (place / "play/templates/wrong").write_text("{{ missing }}", encoding="ascii")
    with pytest.raises(RefusedError, match=r"container 'hmi': files\[0\].src: 'wrong' .*'missing' is undefined"):
        found(place, {"src": "wrong", "template": True})


def test_each_refusal_has_its_line(place: Path) -> None:
    with pytest.raises(RefusedError) as caught:
        found(place, {"src": "a"}, {"src": "b"})
    assert len(str(caught.value).splitlines()) == 2


FILE = {"path": "/a", "src": "app"}
USES: dict[str, tuple[dict[str, Any], list[Use]]] = {
    "nothing": ({}, []),
    "of its own": (
        {"containers": [{"name": "a", "files": [FILE]}]},
        [Use("container 'a'", "files[0]", "file", "app")],
    ),
    "of all": (
        {"containers": [{"name": "a"}, {"name": "b", "files": []}], "defaults": {"files": [FILE]}},
        [Use("container 'a'", "files[0]", "file", "app")],
    ),
    "a template": (
        {"containers": [{"files": [{"content": ""}, {**FILE, "template": "on"}]}]},
        [Use("containers[0]", "files[1]", "template", "app")],
    ),
    "no template": (
        {"containers": [{"name": "a", "files": [{**FILE, "template": "off"}]}]},
        [Use("container 'a'", "files[0]", "file", "app")],
    ),
    "one that goes": ({"containers": [{"name": "a", "state": "absent", "files": [FILE]}]}, []),
    "all that go": ({"containers": [{"name": "a", "files": [FILE]}], "defaults": {"state": "absent"}}, []),
    "an archive": (
        {"containers": [{"name": "a", "archive": {"src": "a.tar", "checksum": "sha256:ab"}}]},
        [Use("container 'a'", "archive[0]", "archive", "a.tar", "sha256:ab")],
    ),
    "archives": (
        {"containers": [{"name": "a", "archive": [{"src": "a.tar"}, {"src": "b.tar", "template": True}]}]},
        [Use("container 'a'", f"archive[{place}]", "archive", src) for place, src in enumerate(("a.tar", "b.tar"))],
    ),
    "what the module refuses": (
        {"containers": [1, {"files": 1}, {"files": [1, {"src": 1}, {"src": ""}, {"src": None}]}], "defaults": 1},
        [],
    ),
    "no list": ({"containers": "a"}, []),
}


@pytest.mark.parametrize(("arguments", "uses"), USES.values(), ids=USES)
def test_which_are_named(arguments: dict[str, Any], uses: list[Use]) -> None:
    assert list(delivery.uses(arguments)) == uses


def test_an_archive(place: Path) -> None:
    digest = sha256(b"\0one").hexdigest()
    archive = {"src": "app", "target": "/opt", "checksum": "sha256:" + digest}
    both = found(place, {"src": "app"}, containers=[{"name": "hmi", "files": [{"src": "app"}], "archive": archive}])
    assert both.sources == dict.fromkeys(("file:app", "archive:app"), {"digest": digest, "size": 4})
    with pytest.raises(RefusedError) as caught:
        found(place, containers=[{"name": "hmi", "archive": [archive, {**archive, "checksum": "sha256:00"}]}])
    assert str(caught.value) == (
        f"container 'hmi': archive[1].src: 'app' has the checksum sha256:{digest}, not 'sha256:00'"
    )


def test_check_mode_is_told_what_is_in_an_archive_that_the_target_lacks(place: Path) -> None:
    with tarfile.open(place / "play/files/good", "w:gz") as archive:
        archive.add(place / "play/files/app", "bin/app")
    specs = [{"name": "hmi", "archive": [{"src": "good"}, {"src": "app"}], "files": [{"src": "good"}]}]
    sources = found(place, containers=specs)
    good, bad = (sources.sources["archive:" + name]["digest"] for name in ("good", "app"))
    told = delivery.with_indexes(sources, [good, bad])
    (member,) = archive_index.parse(told["archive:good"]["listing"])
    assert (member.path, member.digest, member.size) == ("bin/app", sha256(b"\0one").hexdigest(), 4)
    assert told["archive:app"]["refused"].startswith("is no tar archive: ")
    assert told["file:good"] == sources.sources["file:good"]
    assert delivery.with_indexes(sources, []) == sources.sources


class Recorder:
    """An action, as far as it sends something."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        shell = SimpleNamespace(tmpdir="/tmp/module", join_path=lambda *parts: "/".join(parts))
        self._connection = SimpleNamespace(_shell=shell)

    def _make_tmp_path(self) -> str:
        self._connection._shell.tmpdir = "/tmp/sent"
        return "/tmp/sent"

    def _transfer_file(self, path: str, remote: str) -> None:
        self.sent.append((path, remote))


def test_only_what_is_missing_is_sent() -> None:
    action = Recorder()
    assert delivery.send(action, {"aa": "/files/a", "bb": "/files/b"}, ["bb"]) == "/tmp/sent"
    assert action.sent == [("/files/b", "/tmp/sent/bb")]
    # It stays when the next module has run.
    assert action._connection._shell.tmpdir is None
