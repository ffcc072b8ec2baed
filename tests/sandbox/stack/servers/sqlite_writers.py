# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer at a time in each SQLite database.

oslo.db opens every SQLite transaction with a deferred BEGIN. Two requests that read and then
write at the same time fail at once with "database is locked" (HTTP 500, and half-deleted
images), whatever the busy timeout. One process owns each database here, so that one lock
around its write sessions cures it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any


def serialize_writers(database: ModuleType, *reexporters: ModuleType) -> None:
    """Put a lock around ``database.session_for_write``, also where other modules re-export it."""
    lock = threading.RLock()
    open_session = database.session_for_write

    @contextlib.contextmanager
    def session_for_write() -> Iterator[Any]:
        with lock, open_session() as session:
            yield session

    for module in (database, *reexporters):
        module.session_for_write = session_for_write  # type: ignore[attr-defined]
