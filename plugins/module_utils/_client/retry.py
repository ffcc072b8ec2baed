# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When something is tried again, and how long to wait before: the only rule of retries in this collection."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

from .._errors import (
    ApiError,
    BrokenOff,
    ConnectionFailed,
    PcdError,
    TokenRenewed,
    TooLarge,
    Unreachable,
)

T = TypeVar("T")

# Responses that say "not now" rather than "no", and those after which nobody knows what was done.
TRANSIENT_STATUSES = (408, 429, 500, 502, 503, 504)

# What a proxy says if the service behind it does not answer.
AWAY_STATUSES = (502, 503, 504)
# Seconds for which a service that was away is expected to be away.
MAX_OUTAGE_SECONDS = 60.0

MIN_POLL_SECONDS = 0.2
MAX_POLL_SECONDS = 10.0
POLL_GROWTH = 1.5
FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 30.0


class Clock(NamedTuple):
    """The time in seconds, and waiting: those of the time module, or of a test."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep


SYSTEM_CLOCK = Clock()


def is_transient(error: PcdError) -> bool:
    """Whether the same request may succeed in a moment. Whether it was done this time is then not known."""
    if isinstance(error, ConnectionFailed):
        return not isinstance(error, Unreachable)
    if isinstance(error, TooLarge):
        # Proxies that count requests say when; of a quota, nobody says when it will be another.
        return error.retry_after is not None
    if isinstance(error, ApiError) and not isinstance(error, TokenRenewed):
        # A success that is not of this API comes from a proxy, and does not say what was done.
        return error.status in TRANSIENT_STATUSES or 200 <= error.status < 300
    return isinstance(error, (BrokenOff, TokenRenewed))


def poll(clock: Clock, seconds: float, look: Callable[[], T], is_done: Callable[[T], bool]) -> T:
    """The first look that is done, or the last one once the seconds have passed. It looks at least once."""
    deadline = clock.now() + seconds
    interval = MIN_POLL_SECONDS
    while True:
        seen = look()
        left = deadline - clock.now()
        if is_done(seen) or left <= 0:
            return seen
        clock.sleep(min(interval, left))
        interval = min(interval * POLL_GROWTH, MAX_POLL_SECONDS)


class Attempts:
    """Counts how often something is tried: `retries` times more, and nothing begins after the `deadline` in seconds."""

    def __init__(self, retries: int, clock: Clock, deadline: float = math.inf) -> None:
        self.count = 1
        self._retries = retries
        self._clock = clock
        self._end = clock.now() + deadline
        self._has_renewed = False

    def again(self, error: PcdError | None = None, retry_after: str | None = None) -> bool:
        """Whether there is another attempt after the error, once it is time for it; the service may say when.

        The first one with a new token does not count, and comes at once.
        """
        if isinstance(error, TokenRenewed) and not self._has_renewed:
            self._has_renewed = True
            return True
        if isinstance(error, ApiError):
            retry_after = error.retry_after
        seconds = pause(self.count - 1, retry_after)
        if self.count > self._retries or self._clock.now() + seconds > self._end:
            return False
        self._clock.sleep(seconds)
        self.count += 1
        return True


class Outages:
    """The services that were not there to the end of all retries: their next request is tried only once.

    So one task of a loop pays for the retries, and not each of them. Whatever answer comes ends it.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def is_on(self, url: str, now: float) -> bool:
        return now - self._last.get(url, -math.inf) < MAX_OUTAGE_SECONDS

    def seen(self, url: str, now: float, error: PcdError | None) -> None:
        """Take note of how a request has ended, after all retries."""
        if error is not None and is_away(error):
            self._last[url] = now
        else:
            self._last.pop(url, None)


def is_away(error: PcdError) -> bool:
    """Whether the service itself did not answer."""
    if isinstance(error, ConnectionFailed):
        return not isinstance(error, Unreachable)
    return isinstance(error, ApiError) and error.status in AWAY_STATUSES


def settle(
    attempts: Attempts,
    act: Callable[[], T],
    look: Callable[[PcdError], T],
    is_reached: Callable[[T], bool],
    is_unclear: Callable[[PcdError], bool] = is_transient,
    is_repeatable: Callable[[PcdError], bool] = is_transient,
) -> T:
    """What `act` gives, or what a look shows after an error that does not say whether it was done.

    An error that is not unclear comes out at once. Otherwise `look` gets it and shows what there is; `act` is tried
    again only if that is not what was to be reached, and the error is repeatable.
    """
    while True:
        try:
            return act()
        except (ApiError, ConnectionFailed) as error:
            if not is_unclear(error):
                raise
            seen = look(error)
            if is_reached(seen):
                return seen
            if not is_repeatable(error) or not attempts.again(error):
                raise


def pause(attempt: int, retry_after: str | None) -> float:
    """Seconds to wait after the attempt (0 is the first): what the server asks for, or a growing random time."""
    if retry_after:
        try:
            asked = float(retry_after)
        except ValueError:
            try:
                asked = parsedate_to_datetime(retry_after).timestamp() - time.time()
            except (TypeError, ValueError, OverflowError):
                asked = 1.0
        # In this order, because "nan" is a float, too.
        return min(asked, MAX_PAUSE_SECONDS) if asked > 0 else 0.0
    return random.uniform(0.5, 1.0) * min(FIRST_PAUSE_SECONDS * 2.0**attempt, MAX_PAUSE_SECONDS)
