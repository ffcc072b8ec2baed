# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request log: one JSON line for each request that reached the gateway or the library."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class RequestBody:
    """The body of a request, counted while the application reads it. What that leaves is left, as it is in a cloud."""

    def __init__(self, environ: dict[str, Any]) -> None:
        self._stream = environ["wsgi.input"]
        self.received = 0

    def _count(self, part: bytes) -> bytes:
        self.received += len(part)
        return part

    def read(self, size: int = -1) -> bytes:
        return self._count(self._stream.read(size))

    def readline(self, size: int = -1) -> bytes:
        return self._count(self._stream.readline(size))

    def readlines(self, hint: int = -1) -> list[bytes]:
        return [self._count(line) for line in self._stream.readlines(hint)]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")


class Entry:
    """The line of one request. It is written once, whichever way the request ends."""

    def __init__(self, log: RequestLog, environ: dict[str, Any], server: str, service: str, body: RequestBody) -> None:
        self._log = log
        self._body = body
        self._written = False
        # gunicorn answers 500 if the application has not answered.
        self._line: dict[str, Any] = {
            "time": time.time(),
            "worker": os.getpid(),
            "server": server,
            "service": service,
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("RAW_URI", environ.get("PATH_INFO", "")).partition("?")[0],
            "query": environ.get("QUERY_STRING", ""),
            "status": 500,
            "request_id": None,
            "user_agent": environ.get("HTTP_USER_AGENT"),
        }

    def answered(self, status: str, headers: list[tuple[str, str]]) -> None:
        self._line["status"] = int(status.split(" ", 1)[0])
        for name, value in headers:
            if name.lower() == "x-openstack-request-id":
                self._line["request_id"] = value

    def write(self) -> None:
        if not self._written:
            self._written = True
            self._log.append({**self._line, "body_bytes": self._body.received})


class RequestLog:
    """WSGI middleware in front of everything. ``server_of`` names who was asked; what nobody was is not logged."""

    def __init__(
        self,
        path: str,
        server_of: Callable[[dict[str, Any]], str | None],
        application: Application,
        service_of: Callable[[str], str],
    ) -> None:
        self._server_of = server_of
        self._application = application
        self._service_of = service_of
        # With O_APPEND one write is one whole line, whichever thread or process does it, and the file may be truncated.
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"] = RequestBody(environ)
        server = self._server_of(environ)
        if server is None:
            return self._application(environ, start_response)
        entry = Entry(self, environ, server, self._service_of(environ.get("PATH_INFO", "")), body)

        def answer(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            entry.answered(status, headers)
            return start_response(status, headers, *exc_info)

        try:
            chunks = self._application(environ, answer)
        except BaseException:
            entry.write()
            raise
        return _log_before_the_last_chunk(chunks, entry)


def _log_before_the_last_chunk(chunks: Iterable[bytes], entry: Entry) -> Iterator[bytes]:
    """The same chunks, each held back until the next is there.

    A client that has its whole answer may count lines at once. If there is no chunk at all,
    gunicorn sends the headers after the end of this iterator.
    """
    held = b""
    try:
        for chunk in chunks:
            if chunk:
                if held:
                    yield held
                held = chunk
        entry.write()
        if held:
            yield held
    finally:
        entry.write()
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
