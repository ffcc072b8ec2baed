# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image service that a task works on. test__task.py tests how a task comes to it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import PcdError
from ansible_collections.platform9.pcd.plugins.module_utils._session import Once
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with


def test_data_on_another_way_than_to_the_library_is_warned_of() -> None:
    warned: list[str] = []
    session_with(Glance(), warned, library_endpoint="https://library.example.com:9494/v2").warn_wrong_endpoint()
    session_with(Glance(), warned).warn_wrong_endpoint()
    (warning,) = warned
    for part in ("http://glance.invalid/v2", "https://library.example.com:9494/v2", "OS_INTERFACE"):
        assert part in warning


def test_what_several_ask_for_is_read_once() -> None:
    once, asked = Once(), list[str]()

    def ask() -> str:
        asked.append("asked")
        return "the answer"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda dummy: once.answer("key", ask), range(50)))
    assert (set(answers), asked) == ({"the answer"}, ["asked"])
    assert once.answer("another key", ask) == "the answer"
    assert len(asked) == 2


def test_an_error_is_everybodys_and_a_note_is_ones_own() -> None:
    once, asked = Once(), list[str]()

    def ask() -> str:
        asked.append("asked")
        raise PcdError("no such file")

    for dummy in range(3):
        with pytest.raises(PcdError) as caught:
            once.answer("key", ask)
        assert str(caught.value) == "no such file"
        caught.value.with_note("And a note.")
    assert len(asked) == 1
