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
import json
import os
import stat
import sys
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.loader import lookup_loader

from ..module_utils.container_spec import parse, sources, values
from ..module_utils.errors import ContainerError, RefusedError
from ..module_utils.model import archive_index
from ..module_utils.target import unpacking

CHUNK = 1024 * 1024
# Templates travel with each run, like the content of a file in a spec.
TEMPLATE_MAX = 1024 * 1024
VAULT = b"$ANSIBLE_VAULT;"
FOLDERS = {sources.FILE: "files", sources.TEMPLATE: "templates", sources.ARCHIVE: "files"}


class Use(NamedTuple):
    """Where a spec names a file of the controller. `title` and `where`: how an error names the place.

    `checksum`: what the spec says of its content.
    """

    title: str
    where: str
    kind: str
    src: str
    checksum: Any = None


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
        for key in ("files", "archive") if spec.get("state") != "absent" else ():
            items = [spec[key]] if isinstance(spec.get(key), dict) else spec.get(key)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if isinstance(item, dict) and isinstance(item.get("src"), str) and item["src"]:
                    where = "%s[%d]" % (key, index)
                    yield Use(
                        parse.title(place, container), where, kind_of(key, item), item["src"], item.get("checksum")
                    )


def kind_of(key: str, item: Mapping[str, Any]) -> str:
    """Return the kind of a source: of an archive, a template, or a file as it is."""
    if key == "archive":
        return sources.ARCHIVE
    return sources.TEMPLATE if str(item.get("template")).lower() in values.TRUE else sources.FILE


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
            try:
                self.add(use, found)
            except (AnsibleError, OSError, RefusedError) as error:
                reason = error.strerror if isinstance(error, OSError) else str(error)
                refusals.append("%s: %s.src: %s %s" % (use.title, use.where, ascii(use.src), reason))
        if refusals:
            raise RefusedError("\n".join(refusals))
        return found

    def add(self, use: Use, found: Found) -> None:
        """Add one source. Raise AnsibleError, OSError or RefusedError."""
        name = sources.key(use.kind, use.src)
        if name not in found.sources:
            path = self.path(use)
            if use.kind == sources.TEMPLATE:
                found.sources[name] = {"text": self.rendered(path)}
                return
            digest, size = digest_of(path)
            found.sources[name] = {"digest": digest, "size": size}
            found.paths[digest] = path
        checksum = "sha256:%s" % found.sources[name].get("digest")
        if use.checksum is not None and use.kind == sources.ARCHIVE and use.checksum != checksum:
            raise RefusedError("has the checksum %s, not %s" % (checksum, ascii(use.checksum)))

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


def with_indexes(found: Found, missing: Sequence[str]) -> Dict[str, Dict[str, Any]]:
    """Return the sources with the indexes of archives that the target lacks, for check mode, which sends none."""
    told = {}
    for name, each in found.sources.items():
        lacking = name.startswith(sources.ARCHIVE + ":") and each["digest"] in missing
        told[name] = {**each, **index_of(found.paths[each["digest"]], each["digest"])} if lacking else each
    return told


def index_of(path: str, digest: str) -> Dict[str, str]:
    """Return the index of an archive, or why it is refused, as the target would find. It is read once for all hosts."""

    def read() -> str:
        with open(path, "rb", buffering=0) as stream:
            try:
                index = unpacking.read(stream, lambda chunks, _size: read_digest(chunks), sys.maxsize)
            except ContainerError as error:
                return json.dumps({"refused": str(error)})
        return json.dumps({"listing": archive_index.render(index)})

    told: Dict[str, str] = json.loads(once("index " + digest, read))
    return told


def once(what: str, read: Callable[[], str]) -> str:
    """Return what `read` returns, and keep it for this run of Ansible. Other hosts wait for the first one's result."""
    place = os.path.join(constants.DEFAULT_LOCAL_TMP, "softwarecontainer-delivery")
    os.makedirs(place, 0o700, exist_ok=True)
    name = hashlib.sha256(what.encode("utf-8", "surrogateescape")).hexdigest()
    with open(os.path.join(place, name), "a+", encoding="utf-8") as kept:
        fcntl.flock(kept, fcntl.LOCK_EX)
        kept.seek(0)
        text = kept.read()
        # A run that was interrupted has left a part.
        if not text.endswith("\n"):
            kept.truncate(0)
            text = read() + "\n"
            kept.write(text)
            kept.flush()
    return text[:-1]


def digest_of(path: str) -> Tuple[str, int]:
    """Return SHA-256 and size of a file. What is kept of it counts as long as the file has not been touched.

    Raise OSError or RefusedError.
    """
    with open(path, "rb", buffering=0) as stream:
        status = os.fstat(stream.fileno())
        touched = (path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if stream.read(len(VAULT)) == VAULT:
            raise RefusedError("is encrypted with Ansible Vault; make it a template, or put its text into content")
        stream.seek(0)
        digest = once(repr(touched), lambda: read_digest(iter(lambda: stream.read(CHUNK), b"")))
        if os.fstat(stream.fileno()).st_mtime_ns != status.st_mtime_ns:
            raise RefusedError("changed while it was read; run again")
        return digest, status.st_size


def read_digest(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 of a content."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
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
