"""I/O: stands in for the target's Python in the memory run: runs it, then records the peak memory of the process.

Usage: measure.py LOG INTERPRETER [ARGUMENT...]

Appends one line of JSON per run to LOG: the module, or the stage that it runs (found in the payload that Ansible sends
on standard input, or in the file that it names), the largest resident set of the process and the children that it
waited for, in KiB, and the processor seconds of all of them, with this program and without it.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys

STAGE = re.compile(rb'"stage": "(\w+)"')
MODULE = re.compile(rb"ansible(?:_collections(?:\.\w+){2}\.plugins)?\.modules\.(\w+)")


def module_name(payload, arguments):
    if not payload and arguments and arguments[0].endswith(".py"):
        with open(arguments[0], "rb") as stream:
            payload = stream.read()
    found = STAGE.search(payload) or MODULE.search(payload)
    return found.group(1).decode() if found else "unknown"


def main(log, interpreter, arguments):
    payload = b"" if sys.stdin.isatty() else sys.stdin.buffer.read()
    finished = subprocess.run([interpreter] + arguments, input=payload, check=False)
    module, own = (resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
    spent = [usage.ru_utime + usage.ru_stime for usage in (module, own)]
    line = {"module": module_name(payload, arguments), "peak_kib": module.ru_maxrss}
    line.update(cpu=sum(spent), module_cpu=spent[0])
    with open(log, "a") as stream:
        stream.write(json.dumps(line) + "\n")
    return finished.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
