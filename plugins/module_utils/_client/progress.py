# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the progress of a transfer, and what a task waits for, in a line from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .meter import Meter

# The first line comes after one interval.
FIRST_INTERVAL = 5.0


class Progress:
    """Gives a `Meter` for each thing that takes its time. `tell` gets the lines; None shows nothing.

    `interval` is in seconds. A clock of the tests may replace that of the time module.
    """

    def __init__(
        self,
        tell: Callable[[str], object] | None = None,
        interval: float = FIRST_INTERVAL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tell = tell
        self.interval = interval
        self.clock = clock

    def meter(self, about: str, size: int | None) -> Meter:
        """`about` says what happens to which image; `size` is in bytes, None if it is unknown."""
        from .meter import Meter

        return Meter(about, size, self.tell, self.interval, self.clock)

    def waiting(self, about: str) -> AbstractContextManager[None]:
        """Within it a line comes now and then, which says for how long; `about` says what is waited for."""
        if self.tell is None:
            return nullcontext()
        from .waiting import waiting

        return waiting(about, self.tell, self.interval, self.clock)
