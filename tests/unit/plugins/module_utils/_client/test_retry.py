# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting with a clock that only sleeping moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import (
    MAX_POLL_SECONDS,
    MIN_POLL_SECONDS,
    Waiting,
)
from ansible_collections.platform9.pcd.tests.support.samples import Clock


def never(seen: object) -> bool:
    return False


@pytest.mark.parametrize("seconds", [0, 5])
def test_what_is_over_at_once_is_looked_at_once(seconds: float) -> None:
    clock = Clock()
    assert clock.waiting(seconds).until(lambda seen: True, lambda: "seen") == "seen"
    assert clock.slept == []


def test_without_patience_there_is_still_one_look() -> None:
    clock, looks = Clock(), []
    assert clock.waiting(0).until(never, lambda: looks.append(1)) is None
    assert len(looks) == 1
    assert clock.slept == []


def test_the_first_look_that_is_over_ends_it() -> None:
    clock, looks = Clock(), iter(range(10))
    assert clock.waiting(1000).until(lambda seen: seen == 3, lambda: next(looks)) == 3
    assert len(clock.slept) == 3


def test_pauses_grow_up_to_the_longest_one() -> None:
    clock = Clock()
    clock.waiting(300).until(never, lambda: None)
    assert clock.slept[0] == MIN_POLL_SECONDS
    assert all(first <= second for first, second in zip(clock.slept, clock.slept[1:-1], strict=False))
    assert max(clock.slept) == MAX_POLL_SECONDS
    # An image that takes minutes is not asked about hundreds of times.
    assert len(clock.slept) < 50


def test_a_look_that_takes_long_uses_up_the_patience_like_a_pause() -> None:
    clock, looks = Clock(), []

    def slow_look() -> None:
        looks.append(1)
        clock.now += 60

    clock.waiting(100).until(never, slow_look)
    assert len(looks) == 2
    assert clock.slept == [MIN_POLL_SECONDS]


def test_the_last_look_comes_after_the_last_pause() -> None:
    clock = Clock()
    start = clock.now
    assert clock.waiting(7).until(never, lambda: clock.now) == pytest.approx(start + 7)


@given(st.floats(0, 10_000), st.floats(0, 20))
def test_patience_is_used_up_and_never_slept_beyond(seconds: float, look: float) -> None:
    clock = Clock()
    start = clock.now
    looks = []

    def take_a_look() -> None:
        looks.append(clock.now - start)
        clock.now += look

    clock.waiting(seconds).until(never, take_a_look)
    assert all(pause > 0 for pause in clock.slept)
    # Where the last look begins in time, all that comes later is its own time.
    assert looks[-1] <= seconds + 1e-6
    assert clock.now - start >= seconds - 1e-6


def test_the_clock_of_the_machine_is_the_one_that_nobody_sets_back() -> None:
    assert Waiting(1).until(lambda seen: True, lambda: 5) == 5
    assert Waiting(1).clock() <= Waiting(1).clock()
