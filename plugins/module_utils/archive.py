# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loads our modules from the archive that Ansible has packed (I/O), using what an earlier run has compiled.

Ansible sends the sources with every task. Python compiles everything that it imports from an archive anew, and even
twice. On a small target, this takes longer than the work of most modules. So the compiled code is kept on the target,
as Python does for installed modules; see compiled_code.py. Outside a packed module, this file does nothing.

This file is imported first. It is small, because its own compiled code cannot be kept.
"""

from __future__ import annotations

import atexit
import gc
import hashlib
import marshal
import os
import sys
import zipimport
from importlib.machinery import ModuleSpec
from types import CodeType
from typing import Any, Dict, Optional, Tuple, Union

OURS = "ansible_collections.softwarecontainer.lxc."
# By the name of a module: the digest of its source, and its code.
Codes = Dict[str, Tuple[bytes, Union[bytes, memoryview]]]


class Finder:
    """Finds and loads our own modules. `codes`: the compiled code; `fresh`: whether this run has compiled any."""

    def __init__(self, archive: zipimport.zipimporter) -> None:
        self.archive = archive
        self.codes: Codes = {}
        self.fresh = False

    def find_spec(self, name: str, _path: Any = None, _target: Any = None) -> Optional[ModuleSpec]:
        """Return the spec of a module, or None if it is not ours: Python's own finders find those."""
        if not name.startswith(OURS):
            return None
        place = name.replace(".", "/")
        for file_name, is_package in ((place + ".py", False), (place + "/__init__.py", True)):
            full_name = os.path.join(self.archive.archive, file_name)
            try:
                source = self.archive.get_data(full_name)
            except OSError:
                continue
            loader: Any = self
            spec = ModuleSpec(name, loader, origin=full_name, is_package=is_package, loader_state=(source, file_name))
            if is_package:
                spec.submodule_search_locations = [os.path.dirname(full_name)]
            spec.has_location = True
            return spec
        return None

    def create_module(self, _spec: ModuleSpec) -> None:
        """Return nothing: Python's default kind of module will do."""

    def exec_module(self, module: Any) -> None:
        """Run the code of a module."""
        exec(self.code(module.__name__, *module.__spec__.loader_state), module.__dict__)

    def code(self, name: str, source: bytes, file_name: str) -> CodeType:
        """Return the code of a module. Compile it only if the kept code is missing or from another source."""
        digest = hashlib.sha256(source).digest()
        kept = self.codes.get(name)
        if kept and kept[0] == digest:
            code: CodeType = marshal.loads(kept[1])
            return code
        # Docstrings are left out, because nothing reads them here.
        code = compile(source, file_name, "exec", dont_inherit=True, optimize=2)
        self.codes[name] = (digest, marshal.dumps(code))
        self.fresh = True
        return code

    def write(self, pid: int) -> None:
        """Keep the code for the next run, if any of it is new and this process has the id `pid`."""
        if self.fresh and os.getpid() == pid:
            from . import compiled_code

            compiled_code.write(self.codes)


def install() -> Optional[Finder]:
    """Find our modules with the kept code. Return None if this file does not come from an archive."""
    archive = globals().get("__loader__")
    if not isinstance(archive, zipimport.zipimporter):
        return None
    # The objects that modules define stay, so Python need not search them for garbage again and again. See `keep`.
    gc.disable()
    finder: Any = Finder(archive)
    sys.meta_path.insert(0, finder)
    from . import compiled_code

    # compiled_code itself was compiled before the kept code could be read.
    kept, own = compiled_code.read(), finder.codes
    finder.fresh = any(name not in kept or kept[name][0] != digest for name, (digest, _code) in own.items())
    finder.codes = kept if not finder.fresh else {**kept, **own}
    return finder


def keep(check: bool) -> None:
    """Keep the code that this run has compiled when it ends, except in check mode. Forked processes keep nothing.

    Call this when most modules are loaded.
    """
    if FINDER:
        if not check:
            atexit.register(FINDER.write, os.getpid())
        gc.freeze()
        gc.enable()


FINDER = install()
