# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress of several transfers, some of which run at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._client.meter import Meter
from .._client.progress import Progress


class SharedProgress(Progress):
    """Several transfers: each has its own lines, and now and then there is one for all of them."""

    def __init__(self, progress: Progress, count: int, check: Callable[[], object]) -> None:
        super().__init__(progress.tell, progress.interval, progress.clock)
        self._check = check
        self._lock = threading.Lock()
        self._count, self._ended, self._bytes = count, 0, 0
        self._total = super().meter("all images", None)

    def meter(self, about: str, size: int | None) -> Meter:
        return _SharedMeter(self, super().meter(about, size))

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
