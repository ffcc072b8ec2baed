# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several jobs at a time, in threads that end together: each has its own connections, all have one token."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from .._client.retry import SYSTEM_CLOCK, Clock
from .._session import Session

J = TypeVar("J")

# Seconds that an interrupted run waits for its threads. One that waits for an answer ends with the process.
MAX_ENDING_SECONDS = 5.0


class Stop:
    """Whether the run has been interrupted. Each thread looks at it before each block that it sends, and in a pause."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __bool__(self) -> bool:
        return self._event.is_set()

    def set(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raises what an interrupt raises in a task for one image, so that it leaves the same behind."""
        if self:
            raise KeyboardInterrupt

    def clock(self, clock: Clock) -> Clock:
        """The same clock; waiting ends with the run."""

        def sleep(seconds: float) -> None:
            if clock is SYSTEM_CLOCK:
                self._event.wait(seconds)
            else:
                clock.sleep(seconds)
            self.check()

        return Clock(clock.now, sleep)


class Crew:
    """At most `count` threads. Each of them has a session of its own, which it keeps from one call to the next."""

    def __init__(self, session: Session, count: int, stop: Stop) -> None:
        self._session = session
        self._count = count
        self._stop = stop
        self._lock = threading.Lock()
        self._idle: list[Session] = []

    def work(self, jobs: Sequence[J], do: Callable[[Session, J], None], may_begin: Callable[[], bool]) -> None:
        """Do all jobs, begun in their order; none is begun once `may_begin` is false.

        `do` raises nothing but what is a bug, which comes out once the others have ended.
        """
        todo, bugs = iter(jobs), list[BaseException]()

        def next_job() -> Iterator[J]:
            while True:
                with self._lock:
                    job = next(todo, None) if may_begin() and not self._stop and not bugs else None
                if job is None:
                    return
                yield job

        def run() -> None:
            try:
                with self._own_session() as session:
                    for job in next_job():
                        do(session, job)
            except KeyboardInterrupt:
                pass
            except BaseException as bug:
                bugs.append(bug)

        threads = [threading.Thread(target=run, daemon=True) for dummy in range(min(self._count, len(jobs)))]
        with warnings.catch_warnings():
            # Each request switches off what urllib3 says of it, and threads would switch that on for each other.
            warnings.simplefilter("ignore")
            self._join(threads)
        if bugs:
            raise bugs[0]

    def _join(self, threads: Sequence[threading.Thread]) -> None:
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            # An interrupt: the others end at their next block.
            self._stop.set()
            end = time.monotonic() + MAX_ENDING_SECONDS
            for thread in threads:
                if thread.ident is not None:
                    thread.join(max(0.0, end - time.monotonic()))
            raise

    @contextmanager
    def _own_session(self) -> Iterator[Session]:
        with self._lock:
            session = self._idle.pop() if self._idle else None
        if session is None:
            more = self._session.more_images
            images = self._session.images if more is None else more()
            session = replace(self._session, images=images)
        yield session
        with self._lock:
            self._idle.append(session)
