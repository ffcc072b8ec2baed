# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One writer at a time in each SQLite database.

oslo.db opens every SQLite transaction with a deferred BEGIN. One that reads and then writes fails at once with
"database is locked" (HTTP 500, and half-deleted images) if another writer has written in between, whatever the busy
timeout (https://www.sqlite.org/rescode.html#busy_snapshot). So:

- A transaction of a write session takes SQLite's write lock when it begins.
- Locks around the write sessions, one for the threads of a process and one for the processes of a database, let them
  queue in turn; SQLite itself polls.
- What is refused nevertheless counts as a deadlock, which Glance and Keystone repeat as they do on other databases.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import sqlalchemy
from oslo_db import exception
from oslo_db.sqlalchemy import exc_filters


class WriterLock:
    """Reentrant, like the sessions themselves. The kernel frees it when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self._threads = threading.RLock()
        self._processes = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        self._depth = 0

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Gives whether this is the outermost of the thread's holds."""
        with self._threads:
            outermost = not self._depth
            if outermost:
                fcntl.flock(self._processes, fcntl.LOCK_EX)
            self._depth += 1
            try:
                yield outermost
            finally:
                self._depth -= 1
                if not self._depth:
                    fcntl.flock(self._processes, fcntl.LOCK_UN)


class Writing(threading.local):
    """What this thread writes."""

    begins = False  # in a write session whose transaction has not begun yet


def serialize_writers(lock_file: str, database: ModuleType, *reexporters: ModuleType) -> None:
    """Let the writers of ``database`` wait for each other, also those that other modules re-export."""
    locked_is_deadlock()
    if not hasattr(database, "session_for_write"):
        # A Glance before 2023.1 has one kind of session, and its transactions are there to write.
        begin_immediately(lambda: True)
        return
    lock, writing = WriterLock(lock_file), Writing()
    open_session = database.session_for_write

    @contextlib.contextmanager
    def session_for_write() -> Iterator[Any]:
        with lock.held() as outermost:
            writing.begins = writing.begins or outermost
            try:
                with open_session() as session:
                    yield session
            finally:
                writing.begins = False

    for module in (database, *reexporters):
        module.session_for_write = session_for_write  # type: ignore[attr-defined]

    def begins() -> bool:
        begins, writing.begins = writing.begins, False
        return begins

    begin_immediately(begins)


def begin_immediately(wanted: Callable[[], bool]) -> None:
    """Let a transaction take the write lock when it begins, if ``wanted()`` is true at that moment."""

    @sqlalchemy.event.listens_for(sqlalchemy.engine.Engine, "before_cursor_execute", retval=True)
    def begin(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> tuple[str, Any]:
        return ("BEGIN IMMEDIATE" if statement == "BEGIN" and wanted() else statement), parameters


def locked_is_deadlock() -> None:
    @exc_filters.filters("sqlite", sqlalchemy.exc.OperationalError, r".*database is locked")
    def locked(error: Any, _match: Any, _engine: str, _is_disconnect: bool) -> None:
        # Python says since 3.11 which of SQLite's reasons it was.
        print("locked:", getattr(error.orig, "sqlite_errorname", "?"), error.statement, file=sys.stderr, flush=True)
        raise exception.DBDeadlock(error)
