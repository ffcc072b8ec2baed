# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look again and again until something is over, or patience is; and try again after a failure that passes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import NamedTuple, TypeVar

T = TypeVar("T")

MIN_POLL_SECONDS = 0.2
MAX_POLL_SECONDS = 10.0
GROWTH = 1.5
MAX_PAUSE_SECONDS = 30.0


class Waiting(NamedTuple):
    """`seconds` is how long; `clock` and `sleep` are those of the time module, or of a test."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def until(self, is_over: Callable[[T], bool], look: Callable[[], T]) -> T:
        """The first look that is over, or the last one before patience ended. It looks at least once."""
        deadline = self.clock() + self.seconds
        interval = MIN_POLL_SECONDS
        while True:
            seen = look()
            left = deadline - self.clock()
            if is_over(seen) or left <= 0:
                return seen
            self.sleep(min(interval, left))
            interval = min(interval * GROWTH, MAX_POLL_SECONDS)


class Attempts:
    """Counts how often something is tried: `retries` times again, and nothing begins after `waiting` has ended."""

    def __init__(self, retries: int, waiting: Waiting) -> None:
        self.count = 1
        self._retries = retries
        self._waiting = waiting
        self._deadline = waiting.clock() + waiting.seconds

    def again(self, retry_after: str | None = None) -> bool:
        """Whether there is another attempt, once it is time for it; the service may say when, as `retry_after`."""
        seconds = pause(self.count - 1, retry_after)
        if self.count > self._retries or self._waiting.clock() + seconds > self._deadline:
            return False
        self._waiting.sleep(seconds)
        self.count += 1
        return True


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
    return random.uniform(0.5, 1.0) * min(0.5 * 2**attempt, MAX_PAUSE_SECONDS)
