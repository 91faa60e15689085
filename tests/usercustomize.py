"""Keeps what Python compiles of packed modules, so that the next task need not wait for it. Nothing else changes.

Ansible packs a module with all of its code anew for each task, and the target's Python compiles it each time, which is
half of what most modules take in the tests. Python loads this file by itself where it finds it, see
https://docs.python.org/3/library/site.html#module-usercustomize; tests/run.py puts it into a home of its own, and on
the SSH targets into a directory of PYTHONPATH.
"""

import _imp
import contextlib
import hashlib
import marshal
import os
import zipimport

CACHE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compiled")
compile_source = zipimport._compile_source


def compile_once(path, source):
    """The code of a source in an archive. What is kept goes by the source, so it is always that of this very one."""
    kept = os.path.join(CACHE, hashlib.sha256(source).hexdigest())
    with contextlib.suppress(OSError, EOFError, ValueError, TypeError):
        with open(kept, "rb") as stream:
            code = marshal.load(stream)
        _imp._fix_co_filename(code, path)
        return code
    code = compile_source(path, source)
    # A test may have filled the disk, or be root of nothing but a user namespace.
    with contextlib.suppress(OSError):
        os.makedirs(CACHE, exist_ok=True)
        fresh = "%s.%d" % (kept, os.getpid())
        with open(fresh, "wb") as stream:
            marshal.dump(code, stream)
        os.replace(fresh, kept)
    return code


zipimport._compile_source = compile_once
