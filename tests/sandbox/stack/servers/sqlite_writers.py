# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer at a time in each SQLite database.

oslo.db opens every SQLite transaction with a deferred BEGIN. Two requests that read and then
write at the same time fail at once with "database is locked" (HTTP 500, and half-deleted
images), whatever the busy timeout. A lock around the write sessions cures it: one for the
threads of a process, and one for the processes of a database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any


class WriterLock:
    """Reentrant, like the sessions themselves. The kernel frees it when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self._threads = threading.RLock()
        self._processes = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._depth = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        with self._threads:
            if not self._depth:
                fcntl.flock(self._processes, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.flock(self._processes, fcntl.LOCK_UN)


def serialize_writers(lock_file: str, database: ModuleType, *reexporters: ModuleType) -> None:
    """Put a lock around ``database.session_for_write``, also where other modules re-export it."""
    lock = WriterLock(lock_file)
    open_session = database.session_for_write

    @contextlib.contextmanager
    def session_for_write() -> Iterator[Any]:
        with lock.held(), open_session() as session:
            yield session

    for module in (database, *reexporters):
        module.session_for_write = session_for_write  # type: ignore[attr-defined]
