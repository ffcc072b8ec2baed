# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows the progress of a transfer, and what a task waits for, in a line from time to time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .._redact import printable

# The first line comes after one interval. If something takes long, lines come less often, so that an hour has about
# fifty of them instead of seven hundred.
FIRST_INTERVAL = 5.0
SHARE_OF_ELAPSED = 0.1
# While a task waits, there is nothing new to show more often.
MIN_WAITING_SECONDS = 1.0

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


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
        self._tell = tell
        self._interval = interval
        self._clock = clock

    def meter(self, about: str, size: int | None) -> Meter:
        """`about` says what happens to which image; `size` is in bytes, None if it is unknown."""
        return Meter(about, size, self._tell, self._interval, self._clock)

    def together(self, count: int, check: Callable[[], object]) -> SharedProgress:
        """The progress of this many transfers, some of which run at the same time.

        `check` is called before each block, and may raise what ends the transfer.
        """
        return SharedProgress(count, check, self._tell, self._interval, self._clock)

    @contextmanager
    def waiting(self, about: str) -> Iterator[None]:
        """Within it a line comes now and then, which says for how long; `about` says what is waited for."""
        if self._tell is None:
            yield
            return
        wait = _Wait(self._tell, about, max(self._interval, MIN_WAITING_SECONDS), self._clock)
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


class SharedProgress(Progress):
    """Several transfers: each has its own lines, and now and then there is one for all of them."""

    def __init__(
        self,
        count: int,
        check: Callable[[], object],
        tell: Callable[[str], object] | None,
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(tell, interval, clock)
        self._check = check
        self._lock = threading.Lock()
        self._count, self._ended, self._bytes = count, 0, 0
        self._total = Meter("all images", None, tell, interval, clock)

    def meter(self, about: str, size: int | None) -> Meter:
        return _SharedMeter(self, Meter(about, size, self._tell, self._interval, self._clock))

    def ended(self) -> None:
        """One of the transfers has ended."""
        with self._lock:
            self._ended += 1
            self._total.shared(self._bytes, self._ended, self._count)

    def moved(self, count: int) -> None:
        """So many bytes more are there by now."""
        self._check()
        with self._lock:
            self._bytes += count
            self._total.shared(self._bytes, self._ended, self._count)


class Meter:
    """One upload, download or import."""

    def __init__(
        self,
        about: str,
        size: int | None,
        tell: Callable[[str], object] | None,
        interval: float,
        clock: Callable[[], float],
    ) -> None:
        self.size = size
        self._about = about
        self._tell = tell
        self._interval = interval
        self._clock = clock
        self._begin = self._due = 0.0
        if tell is not None:
            self._begin = clock()
            self._due = self._begin + interval

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The same blocks. Each is counted when the next one is requested, because it has been sent by then."""
        done = 0
        for block in blocks:
            yield block
            done += len(block)
            self.moved(done)

    def moved(self, done: int) -> None:
        """So many bytes are there by now."""
        elapsed = self._is_due()
        if elapsed is None:
            return
        rate = done / elapsed if elapsed > 0 else 0.0
        said = [
            f"{readable(done)} of {readable(self.size)} ({100 * done // self.size} %)" if self.size else readable(done)
        ]
        if rate > 0:
            said.append(f"{readable(rate)}/s")
            if self.size and done < self.size:
                said.append(f"{duration((self.size - done) / rate)} left")
        self._say(", ".join(said))

    def shared(self, done: int, ended: int, count: int) -> None:
        """So many bytes of several transfers are there by now, and so many of them have ended."""
        elapsed = self._is_due()
        if elapsed is not None:
            rate = f", {readable(done / elapsed)}/s" if elapsed > 0 and done > 0 else ""
            self._say(f"{ended} of {count} done, {readable(max(done, 0))}{rate}")

    def waits(self, state: str, done: int = 0, of_all: int = 0) -> None:
        """The service is at work: how far it is in its own words, and how many of its parts are done."""
        elapsed = self._is_due()
        if elapsed is None:
            return
        said = [readable(self.size)] if self.size else []
        said.append(state)
        if of_all:
            said.append(f"{done} of {of_all} stores ({100 * done // of_all} %)")
        said.append(f"for {duration(elapsed)}")
        self._say(", ".join(said))

    def _is_due(self) -> float | None:
        """The seconds since the beginning if it is time for a line."""
        if self._tell is None:
            return None
        now = self._clock()
        if now < self._due:
            return None
        elapsed = now - self._begin
        self._due = now + max(self._interval, elapsed * SHARE_OF_ELAPSED if self._interval else 0.0)
        return elapsed

    def _say(self, said: str) -> None:
        if self._tell is not None:
            # The name of an image may hold what would control the terminal.
            self._tell(printable(f"{self._about}: {said}"))


class _SharedMeter(Meter):
    """One of several transfers."""

    def __init__(self, progress: SharedProgress, meter: Meter) -> None:
        self.size = meter.size
        self._shared = progress
        self._own = meter
        self._done = 0

    def moved(self, done: int) -> None:
        self._own.moved(done)
        # It begins again if it broke off.
        self._shared.moved(done - self._done)
        self._done = done

    def waits(self, state: str, done: int = 0, of_all: int = 0) -> None:
        self._own.waits(state, done, of_all)
        self._shared.moved(0)


def readable(count: float | None) -> str:
    """A number of bytes as people read it, such as 1.5 GiB."""
    amount, unit = float(count or 0), 0
    while amount >= 1024 and unit < len(UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.0f} bytes" if unit == 0 else f"{amount:.1f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """Seconds as people read them, such as 42 s, 3 min 20 s or 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
