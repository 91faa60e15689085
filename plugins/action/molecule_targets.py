# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module that takes minutes, and shows meanwhile how far it is (I/O)."""

from __future__ import annotations

import os
import tempfile
import threading
from typing import IO, Any, Dict, Optional

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

display = Display()
# The pause between two looks at the file, in seconds.
LOOK = 0.5


class ActionModule(ActionBase):
    """The class that Ansible looks for in this file."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: Optional[str] = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run the module of the task. Show the lines that it appends to a file."""
        del tmp
        result: Dict[str, Any] = super().run(None, task_vars)
        asynchronous = bool(self._task.async_val)
        # Elsewhere the module would not find the file, and nobody waits for one that runs asynchronously.
        if self._connection.transport != "local" or asynchronous:
            return {**result, **self._execute_module(task_vars=task_vars, wrap_async=asynchronous)}
        with tempfile.NamedTemporaryFile("r", prefix="molecule-", encoding="utf-8") as stream:
            # The module may run as another user.
            os.chmod(stream.name, 0o666)
            ended = threading.Event()
            watcher = threading.Thread(target=watch, args=(stream, ended), daemon=True)
            watcher.start()
            try:
                arguments = {**self._task.args, "progress": stream.name}
                return {**result, **self._execute_module(module_args=arguments, task_vars=task_vars)}
            finally:
                ended.set()
                watcher.join()


def watch(stream: IO[str], ended: threading.Event) -> None:
    """Display each line that comes into a file, until the event is set."""
    while not ended.wait(LOOK):
        show(stream)
    show(stream)


def show(stream: IO[str]) -> None:
    """Display the lines that a file has beyond its current position."""
    for line in stream.read().splitlines():
        # Other users may write to the file, and programs write what moves and colours their output.
        display.display("".join(letter for letter in line if letter.isprintable()))
