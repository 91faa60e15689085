# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the manifests of the controller (I/O). In one run of Ansible each is read once, for all hosts."""

from __future__ import annotations

import json
import os
import stat
from typing import Any, Dict, Iterator, List, Sequence, Tuple

from ansible.errors import AnsibleError

from ...module_utils.container_spec.values import InvalidError
from ...module_utils.errors import RefusedError
from .. import delivery
from . import documents, manifests

OPTION = "manifests"
FOLDER = "manifests"
# Many more than anybody has.
FILES_MAX = 1000


def read(named: Sequence[str], loader: Any, places: Sequence[str]) -> List[manifests.Manifest]:
    """Return the manifests that files and directories are or have, in their order, and each file once.

    They are looked for at `places`, by Ansible's loader. In a directory they come by their names. Raise RefusedError.
    """
    found: List[Tuple[str, str]] = []
    for index, name in enumerate(named):
        try:
            found += files_of(name, located(name, loader, places))
        except (OSError, RefusedError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RefusedError("%s[%d]: %s: %s" % (OPTION, index, ascii(name), reason)) from None
    chosen: Dict[str, Tuple[str, str]] = {}
    for shown_name, path in found:
        chosen.setdefault(os.path.realpath(path), (shown_name, path))
    files = list(chosen.values())
    # What was read counts as long as the files have not been touched.
    text = delivery.once("manifests " + repr([signature(*pair) for pair in files]), lambda: contents(files))
    told = json.loads(text)
    if "refused" in told:
        raise RefusedError(told["refused"])
    return [manifests.Manifest(file, content) for file, content in told["manifests"]]


def located(name: str, loader: Any, places: Sequence[str]) -> str:
    """Return the path of a file or directory that is named. Raise RefusedError."""
    try:
        return str(loader.path_dwim_relative_stack(list(places), FOLDER, name))
    except AnsibleError:
        raise RefusedError("is not on the controller, in no folder where Ansible looks for it") from None


def files_of(name: str, path: str) -> Iterator[Tuple[str, str]]:
    """Yield name, as errors say it, and path of each manifest. Raise OSError or RefusedError."""
    if not os.path.isdir(path):
        if not path.endswith(documents.ENDINGS):
            raise RefusedError("is no manifest: its name has to end in %s" % ", ".join(documents.ENDINGS))
        yield shown(name), path
        return
    names = sorted(
        each for each in os.listdir(path) if each.endswith(documents.ENDINGS) and each not in documents.ENDINGS
    )
    if len(names) > FILES_MAX:
        raise RefusedError("has more than %d manifests" % FILES_MAX)
    for each in names:
        yield shown(os.path.join(name, each)), os.path.join(path, each)


def shown(name: str) -> str:
    """Return the name of a file for errors, with all that is not printable escaped."""
    return name if name.isprintable() else ascii(name)[1:-1]


def signature(name: str, path: str) -> Tuple[object, ...]:
    """Return what changes when a file is touched. Raise RefusedError if it is no file."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise RefusedError("%s: %s" % (name, error.strerror)) from None
    if not stat.S_ISREG(status.st_mode):
        raise RefusedError("%s: is no regular file" % name)
    return name, path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def contents(files: Sequence[Tuple[str, str]]) -> str:
    """Return what files contain as a text, or why they are refused, which is kept for other hosts as well."""
    found: List[Tuple[str, Any]] = []
    for name, path in files:
        try:
            with open(path, "rb") as stream:
                data = stream.read(documents.BYTES_MAX + 1)
            if data.startswith(delivery.VAULT):
                raise InvalidError(
                    "is encrypted with Ansible Vault; manifests have no secrets, an environment has", "", ""
                )
            found.append((name, documents.parse(data, path)))
        except InvalidError as error:
            return json.dumps({"refused": manifests.refusal(name, error)})
        except OSError as error:
            return json.dumps({"refused": "%s: %s" % (name, error.strerror)})
    return json.dumps({"manifests": found})
