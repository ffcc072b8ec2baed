# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retries and polling, with a clock that only sleeping moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import (
    MAX_POLL_SECONDS,
    MIN_POLL_SECONDS,
    Attempts,
    is_transient,
    poll,
    settle,
)
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import Clock as TimeClock
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    BrokenOff,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    DataError,
    NotFound,
    PcdError,
    PlanError,
    TokenRenewed,
    TooLarge,
    Unauthorized,
    Unreachable,
)
from ansible_collections.platform9.pcd.tests.support.samples import Clock


def never(seen: object) -> bool:
    return False


@pytest.mark.parametrize("seconds", [0, 5])
def test_what_is_over_at_once_is_looked_at_once(seconds: float) -> None:
    clock = Clock()
    assert poll(clock.hands, seconds, lambda: "seen", lambda seen: True) == "seen"
    assert clock.slept == []


def test_with_a_timeout_of_zero_there_is_still_one_look() -> None:
    clock, looks = Clock(), []
    assert poll(clock.hands, 0, lambda: looks.append(1), never) is None
    assert len(looks) == 1
    assert clock.slept == []


def test_the_first_look_that_is_over_ends_it() -> None:
    clock, looks = Clock(), iter(range(10))
    assert poll(clock.hands, 1000, lambda: next(looks), lambda seen: seen == 3) == 3
    assert len(clock.slept) == 3


def test_pauses_grow_up_to_the_longest_one() -> None:
    clock = Clock()
    poll(clock.hands, 300, lambda: None, never)
    assert clock.slept[0] == MIN_POLL_SECONDS
    assert all(first <= second for first, second in zip(clock.slept, clock.slept[1:-1], strict=False))
    assert max(clock.slept) == MAX_POLL_SECONDS
    # An image that takes minutes is not asked about hundreds of times.
    assert len(clock.slept) < 50


def test_a_look_that_takes_long_counts_against_the_timeout_like_a_pause() -> None:
    clock, looks = Clock(), []

    def slow_look() -> None:
        looks.append(1)
        clock.now += 60

    poll(clock.hands, 100, slow_look, never)
    assert len(looks) == 2
    assert clock.slept == [MIN_POLL_SECONDS]


def test_the_last_look_comes_after_the_last_pause() -> None:
    clock = Clock()
    start = clock.now
    assert poll(clock.hands, 7, lambda: clock.now, never) == pytest.approx(start + 7)


@given(st.floats(0, 10_000), st.floats(0, 20))
def test_the_timeout_is_used_up_and_never_slept_beyond(seconds: float, look: float) -> None:
    clock = Clock()
    start = clock.now
    looks = []

    def take_a_look() -> None:
        looks.append(clock.now - start)
        clock.now += look

    poll(clock.hands, seconds, take_a_look, never)
    assert all(pause > 0 for pause in clock.slept)
    # If the last look begins in time, all that comes later is its own time.
    assert looks[-1] <= seconds + 1e-6
    assert clock.now - start >= seconds - 1e-6


def test_the_clock_of_the_machine_is_the_one_that_nobody_sets_back() -> None:
    assert poll(TimeClock(), 1, lambda: 5, lambda seen: True) == 5
    assert TimeClock().now() <= TimeClock().now()


def api_error(status: int, kind: type[ApiError] = ApiError, retry_after: str | None = None) -> ApiError:
    return kind(
        "no",
        method="GET",
        url="http://x",
        status=status,
        server_message="",
        request_id=None,
        retry_after=retry_after,
    )


REFUSED = Unauthorized("no", method="GET", url="http://x", status=401, server_message="", request_id=None)
RENEWED = REFUSED.renewed()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        *[(api_error(status), True) for status in (200, 204, 408, 429, 500, 502, 503, 504)],
        *[(api_error(status), False) for status in (300, 302, 400, 405, 418, 501, 505)],
        (api_error(401, Unauthorized), False),
        (api_error(401, TokenRenewed), True),
        (RENEWED, True),
        (api_error(404, NotFound), False),
        (api_error(409, Conflict), False),
        (api_error(413, TooLarge), False),
        (api_error(413, TooLarge, "5"), True),
        (api_error(413, TooLarge, "5").with_message("other words"), True),
        (api_error(503).with_message("other words"), True),
        (ConnectionFailed("broken"), True),
        (ConnectionFailed("refused", was_sent=False), True),
        (Unreachable("no such name"), False),
        (DataError("other bytes"), False),
        (BrokenOff("half of them"), True),
        (ConfigurationError("no"), False),
        (PlanError("no"), False),
    ],
)
def test_the_type_and_the_status_say_whether_an_error_is_transient(error: PcdError, expected: bool) -> None:
    assert is_transient(error) is expected


def test_another_attempt_waits_and_counts_until_the_retries_are_used_up() -> None:
    clock = Clock()
    attempts = Attempts(2, clock.hands)
    assert [attempts.again(), attempts.again(), attempts.again()] == [True, True, False]
    assert (attempts.count, len(clock.slept)) == (3, 2)


def test_no_attempt_begins_after_the_deadline() -> None:
    clock = Clock()
    attempts = Attempts(9, clock.hands, deadline=20)
    busy = api_error(503, retry_after="8")
    assert [attempts.again(busy), attempts.again(busy), attempts.again(busy)] == [True, True, False]
    assert clock.slept == [8, 8]


def test_the_first_attempt_with_a_new_token_is_free_and_comes_at_once() -> None:
    clock = Clock()
    attempts, renewed = Attempts(1, clock.hands), api_error(401, TokenRenewed)
    assert attempts.again(renewed)
    assert (attempts.count, clock.slept) == (1, [])
    assert attempts.again(renewed)
    assert not attempts.again(renewed)
    assert (attempts.count, len(clock.slept)) == (2, 1)


class Switch:
    """What is switched on, with the errors that this brings; `works` at which of them it is done all the same."""

    def __init__(self, *errors: PcdError, works: int = -1) -> None:
        self.errors = [*errors]
        self.works = works
        self.is_on = False
        self.looks = 0

    def act(self) -> bool:
        failing = bool(self.errors)
        self.is_on = not failing or self.works == 0
        self.works -= 1
        if failing:
            raise self.errors.pop(0)
        return self.is_on

    def look(self, dummy: PcdError) -> bool:
        self.looks += 1
        return self.is_on


def settled(switch: Switch, retries: int = 2) -> bool:
    return settle(Attempts(retries, Clock().hands), switch.act, switch.look, lambda is_on: is_on)


def test_what_works_at_once_is_not_looked_at() -> None:
    switch = Switch()
    assert settled(switch)
    assert switch.looks == 0


def test_what_was_done_though_its_response_was_lost_is_not_done_again() -> None:
    switch = Switch(ConnectionFailed("lost"), api_error(503), works=1)
    assert settled(switch)
    assert (switch.looks, switch.errors) == (2, [])


def test_what_was_not_done_is_tried_again_after_a_look_each_time() -> None:
    switch = Switch(api_error(500), api_error(500))
    assert settled(switch)
    assert switch.looks == 2


def test_an_error_that_says_no_is_neither_looked_after_nor_tried_again() -> None:
    switch = Switch(api_error(409, Conflict))
    with pytest.raises(Conflict):
        settled(switch)
    assert switch.looks == 0


def test_after_the_last_attempt_its_own_error_comes_out() -> None:
    switch = Switch(api_error(500), api_error(502), api_error(503))
    with pytest.raises(ApiError) as caught:
        settled(switch)
    assert (caught.value.status, switch.looks) == (503, 3)


def test_what_is_unclear_and_not_repeatable_is_looked_after_and_not_tried_again() -> None:
    for works, is_done in ((0, True), (-1, False)):
        switch = Switch(api_error(409, Conflict), works=works)
        try:
            assert settle(Attempts(2, Clock().hands), switch.act, switch.look, lambda is_on: is_on, lambda dummy: True)
        except Conflict:
            assert not is_done
        else:
            assert is_done
        assert switch.looks == 1
