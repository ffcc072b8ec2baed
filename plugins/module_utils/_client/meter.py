# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line from time to time about one transfer: how much is there, how fast, and how long it will take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from .._redact import printable

# If something takes long, lines come less often, so that an hour has about fifty of them instead of seven hundred.
SHARE_OF_ELAPSED = 0.1

UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


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
