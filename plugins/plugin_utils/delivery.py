# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the files of the controller that specs name (I/O: reads them, and keeps digests for this run of Ansible).

A module gets digest and size of each, and the text of templates. It says which contents the target lacks, and only
these are sent.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader

from ..module_utils.container_spec import parse, sources, values
from ..module_utils.errors import RefusedError

CHUNK = 1024 * 1024
# Templates travel with each run, like the content of a file in a spec.
TEMPLATE_MAX = 1024 * 1024
VAULT = b"$ANSIBLE_VAULT;"
FOLDERS = {sources.FILE: "files", sources.TEMPLATE: "templates"}


class Use(NamedTuple):
    """Where a spec names a file of the controller. `title` and `where`: how an error names the place."""

    title: str
    where: str
    kind: str
    src: str


class Found(NamedTuple):
    """What a module gets, and the paths on the controller of the contents that it may lack, by digest."""

    sources: Dict[str, Dict[str, Any]] = {}
    paths: Dict[str, str] = {}


def uses(arguments: Mapping[str, Any]) -> Iterator[Use]:
    """Yield each use of a file of the controller. What is not valid is left to the module, which refuses it."""
    containers, defaults = arguments.get("containers"), arguments.get("defaults")
    for place, container in enumerate(containers if isinstance(containers, list) else ()):
        if not isinstance(container, dict):
            continue
        spec = parse.merge(defaults if isinstance(defaults, dict) else {}, container)
        files = spec.get("files") if spec.get("state") != "absent" else None
        for index, item in enumerate(files if isinstance(files, list) else ()):
            if isinstance(item, dict) and isinstance(item.get("src"), str) and item["src"]:
                kind = sources.TEMPLATE if str(item.get("template")).lower() in values.TRUE else sources.FILE
                yield Use(parse.title(place, container), "files[%d].src" % index, kind, item["src"])


class Finder:
    """Finds the files of one task. `variables` are those that its templates see."""

    def __init__(self, task: Any, loader: Any, templar: Any, variables: Mapping[str, Any]) -> None:
        self.loader, self.templar, self.variables = loader, templar, variables
        # The inventory comes last: there are the variables of those who use our playbooks, and have none of their own.
        self.places: List[str] = [*task.get_search_path(), *filter(None, [variables.get("inventory_dir")])]

    def find(self, arguments: Mapping[str, Any]) -> Found:
        """Return the files of the controller that these arguments of a module name. Raise RefusedError."""
        found, refusals = Found({}, {}), []
        for use in uses(arguments):
            name = sources.key(use.kind, use.src)
            if name in found.sources:
                continue
            try:
                path = self.path(use)
                if use.kind == sources.TEMPLATE:
                    found.sources[name] = {"text": self.rendered(path)}
                else:
                    digest, size = digest_of(path)
                    found.sources[name] = {"digest": digest, "size": size}
                    found.paths[digest] = path
            except (AnsibleError, OSError, RefusedError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                refusals.append("%s: %s: %s %s" % (use.title, use.where, ascii(use.src), reason))
        if refusals:
            raise RefusedError("\n".join(refusals))
        return found

    def path(self, use: Use) -> str:
        """Return the path of a file on the controller. Raise RefusedError."""
        try:
            path = str(self.loader.path_dwim_relative_stack(self.places, FOLDERS[use.kind], use.src))
        except AnsibleError:
            raise RefusedError("is not on the controller, in no folder where Ansible looks for it") from None
        kind = os.stat(path).st_mode
        if not stat.S_ISREG(kind):
            raise RefusedError("is %s" % ("a directory; pack it" if stat.S_ISDIR(kind) else "no regular file"))
        return path

    def rendered(self, path: str) -> str:
        """Return the text that a template gives. Raise AnsibleError or RefusedError."""
        lookup = lookup_loader.get("template", loader=self.loader, templar=self.templar)
        text = str(lookup.run([path], variables=dict(self.variables))[0])
        if len(text.encode()) > TEMPLATE_MAX:
            raise RefusedError("gives more than %d bytes, too much for a template" % TEMPLATE_MAX)
        return text


def digest_of(path: str) -> Sequence[Any]:
    """Return SHA-256 and size of a file. For a hundred hosts it is read once: each waits for the first one's result.

    The kept result counts as long as the file has not been touched. Raise OSError or RefusedError.
    """
    place = os.path.join(constants.DEFAULT_LOCAL_TMP, "softwarecontainer-digests")
    os.makedirs(place, 0o700, exist_ok=True)
    with open(path, "rb", buffering=0) as stream:
        status = os.fstat(stream.fileno())
        touched = (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        name = hashlib.sha256(repr(touched).encode("utf-8", "surrogateescape")).hexdigest()
        with open(os.path.join(place, name), "a+", encoding="ascii") as kept:
            fcntl.flock(kept, fcntl.LOCK_EX)
            kept.seek(0)
            digest = kept.read()
            if len(digest) != 64:
                digest = read_digest(stream, status.st_size)
                kept.truncate(0)
                kept.write(digest)
    return digest, status.st_size


def read_digest(stream: Any, size: int) -> str:
    """Return the SHA-256 of an open file. Raise RefusedError if it is encrypted, or changes meanwhile."""
    digest, left = hashlib.sha256(), size
    chunk: Optional[bytes] = stream.read(CHUNK)
    if chunk and chunk.startswith(VAULT):
        raise RefusedError("is encrypted with Ansible Vault; make it a template, or put its text into content")
    while chunk:
        digest.update(chunk)
        left -= len(chunk)
        chunk = stream.read(CHUNK)
    if left:
        raise RefusedError("changed while it was read; run again")
    return digest.hexdigest()


def send(action: Any, paths: Mapping[str, str], digests: Sequence[str]) -> str:
    """Send contents to the target by the connection of an action. Return the directory there, which the caller removes.

    It belongs to the user who logs in, so the module verifies what it takes from there.
    """
    shell = action._connection._shell
    directory = str(action._make_tmp_path())
    # What else the action does on the target must neither use nor remove it.
    shell.tmpdir = None
    for digest in digests:
        action._transfer_file(paths[digest], shell.join_path(directory, digest))
    return directory
