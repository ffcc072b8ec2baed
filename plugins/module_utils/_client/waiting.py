# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line from time to time about what a process waits for."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .._redact import printable
from .meter import SHARE_OF_ELAPSED, duration

# While a task waits, there is nothing new to show more often.
MIN_WAITING_SECONDS = 1.0


@contextmanager
def waiting(about: str, tell: Callable[[str], object], interval: float, clock: Callable[[], float]) -> Iterator[None]:
    """See Progress.waiting; `tell` gets the lines."""
    wait = _Wait(tell, about, max(interval, MIN_WAITING_SECONDS), clock)
    try:
        REPORTER.begin(wait)
        yield
    finally:
        REPORTER.end(wait)


class _Wait:
    """Something that is waited for. Its next line is `due` at a time of the monotonic clock."""

    def __init__(self, tell: Callable[[str], object], about: str, interval: float, clock: Callable[[], float]) -> None:
        self._tell = tell
        self._about = about
        self._interval = interval
        self._clock = clock
        self._begin = clock()
        self.due = time.monotonic() + interval

    def say_if_due(self) -> None:
        if time.monotonic() < self.due:
            return
        elapsed = self._clock() - self._begin
        self.due = time.monotonic() + max(self._interval, elapsed * SHARE_OF_ELAPSED)
        self._tell(printable(f"{self._about} for {duration(elapsed)}"))


class _Reporter:
    """A thread that shows the lines of all that a process waits for, because a wait blocks the thread that waits.

    It is not started for each request. It ends if nothing is waited for when it would have to show a line.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin without the thread and the lock of the process that this one was forked from."""
        self._changed = threading.Condition()
        self._waits: set[_Wait] = set()
        # When the thread will look at the waits again; None if there is no thread.
        self._wakes_at: float | None = None

    def begin(self, wait: _Wait) -> None:
        with self._changed:
            self._waits.add(wait)
            if self._wakes_at is None:
                threading.Thread(target=self._report, name="pcd-progress", daemon=True).start()
            elif wait.due < self._wakes_at:
                self._changed.notify()
            else:
                return
            self._wakes_at = wait.due

    def end(self, wait: _Wait) -> None:
        """No line of the wait comes afterwards."""
        with self._changed:
            self._waits.discard(wait)

    def _report(self) -> None:
        with self._changed:
            try:
                while self._waits:
                    for wait in self._waits:
                        wait.say_if_due()
                    self._wakes_at = min(wait.due for wait in self._waits)
                    self._changed.wait(max(0.0, self._wakes_at - time.monotonic()))
            finally:
                self._wakes_at = None


REPORTER = _Reporter()
os.register_at_fork(after_in_child=REPORTER.forget)
