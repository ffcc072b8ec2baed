# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look again and again until something is over, or patience is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

SHORTEST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
GROWTH = 1.5


@dataclass(frozen=True)
class Waiting:
    """`seconds` is how long; `clock` and `sleep` are those of the time module, or of a test."""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] = time.sleep

    def until(self, is_over: Callable[[T], bool], look: Callable[[], T]) -> T:
        """The first look that is over, or the last one before patience ended. It looks at least once."""
        deadline = self.clock() + self.seconds
        pause = SHORTEST_PAUSE
        while True:
            seen = look()
            left = deadline - self.clock()
            if is_over(seen) or left <= 0:
                return seen
            self.sleep(min(pause, left))
            pause = min(pause * GROWTH, LONGEST_PAUSE)
