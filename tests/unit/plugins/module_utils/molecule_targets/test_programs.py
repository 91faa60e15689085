# Copyright: softwarecontainer.lxc contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs: what they print, what is said of one that fails, and several side by side."""

from __future__ import annotations

import pytest
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets import programs
from ansible_collections.softwarecontainer.lxc.plugins.module_utils.molecule_targets.programs import FailedError


def test_the_output_of_a_program() -> None:
    assert programs.run("sh", "-c", 'echo "$WORD"; echo no >&2', environment={"WORD": "yes"}) == "yes\n"


def test_a_program_that_fails_has_the_last_word() -> None:
    with pytest.raises(FailedError) as caught:
        programs.run("sh", "-c", "seq 4; echo; echo why >&2; exit 3")
    assert str(caught.value) == "sh -c seq 4; echo; echo why >&2; exit 3 ended with 3: 1 | 2 | 3 | 4 | why"


def test_all_are_done_before_an_error_is_raised() -> None:
    done = []

    def note(item: int) -> int:
        if item == 0:
            raise FailedError("the first")
        done.append(item)
        return item

    assert programs.for_each(note, [3, 1, 2]) == [3, 1, 2]
    done.clear()
    with pytest.raises(FailedError, match="the first"):
        programs.for_each(note, range(20))
    assert sorted(done) == list(range(1, 20))


def test_what_is_missing() -> None:
    assert programs.missing(["sh", "no-such-program"]) == ["no-such-program"]
