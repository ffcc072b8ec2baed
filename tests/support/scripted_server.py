# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server in a thread: it gives the replies that a test prepares, and records the requests."""

from __future__ import annotations

import json
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Lock, Thread
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl, urlsplit

import pytest
from requests.adapters import HTTPAdapter

from ansible_collections.platform9.pcd.tests.support.certificates import Certificates


@dataclass(frozen=True)
class Request:
    """`target` is what stands in the request line: a path, or a whole address if the server is a proxy.

    It is not `complete` if the client has broken off, or the server has not read all of the body.
    """

    method: str
    target: str
    headers: Message
    body: bytes
    complete: bool = True

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """Bytes and text go out as they are, anything else as JSON."""

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def content_type(self) -> str:
        return "text/plain; charset=UTF-8" if isinstance(self.body, (bytes, str)) else "application/json"


@dataclass(frozen=True)
class BrokenReply:
    """No whole answer: the connection is closed, or kept open, after `sent`.

    With `reads`, so many bytes of the body have been read by then, and no more.
    """

    sent: bytes = b""
    stays_open: bool = False
    reads: int | None = None


BREAK_OFF = BrokenReply()
SILENCE = BrokenReply(stays_open=True)
HALF_AN_ANSWER = BrokenReply(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"images": [')
HALF_AN_ANSWER_THEN_SILENCE = BrokenReply(HALF_AN_ANSWER.sent, stays_open=True)

ReplyFunction: TypeAlias = Callable[[Request], "Reply | BrokenReply"]


class Service:
    """Gives the replies in turn and stays with the last one; a function among them is asked for its reply."""

    def __init__(self, *replies: Reply | BrokenReply | ReplyFunction, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._replies = list(replies)
        self._lock = Lock()
        self._arrived = Condition(self._lock)
        self._closing = Event()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        if tls:
            # The handshake belongs to the thread of the connection, not to the one that accepts connections.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *dummy: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def replies(self, *replies: Reply | BrokenReply | ReplyFunction) -> None:
        """From now on these, for replies that have to name the address of the server itself."""
        with self._lock:
            self._replies = list(replies)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def wait_for_requests(self, count: int) -> list[Request]:
        """The requests, once there are so many: who breaks one off does not wait for the server to notice."""
        with self._lock:
            assert self._arrived.wait_for(lambda: len(self.requests) >= count, 10)
            return list(self.requests)

    def answer(self, request: Request) -> Reply | BrokenReply:
        with self._lock:
            self.requests.append(request)
            self._arrived.notify_all()
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        return reply(request) if callable(reply) else reply

    def note(self, request: Request) -> None:
        """A request that is broken off gets no reply."""
        with self._lock:
            self.requests.append(request)
            self._arrived.notify_all()

    def most_to_read(self) -> int | None:
        """How much of the body of the next request is read; None for all of it."""
        with self._lock:
            return self._replies[0].reads if isinstance(self._replies[0], BrokenReply) else None

    def wait_for_end(self) -> None:
        self._closing.wait()


def as_urllib3(monkeypatch: pytest.MonkeyPatch, notices: bool) -> None:
    """The default of a response: with urllib3 2 it notices a body that ends early, with 1.26 not.

    This is what the environments with old releases test as well, here for whoever has only new ones.
    """
    build = HTTPAdapter.build_response

    def built(self: HTTPAdapter, request: Any, response: Any) -> Any:
        response.enforce_content_length = notices
        return build(self, request, response)

    monkeypatch.setattr(HTTPAdapter, "build_response", built)


class Serve(Protocol):
    """The fixture `serve`: starts a service, with TLS if it gets certificates."""

    def __call__(
        self,
        *replies: Reply | BrokenReply | ReplyFunction,
        tls: Certificates | None = None,
        client_certificate: bool = False,
    ) -> Service:
        """The service, which gives these answers one after the other, and the last one for ever."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that breaks off or does not like the certificate is what some tests are about.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def answer(self) -> None:
            most = service.most_to_read()
            try:
                body, complete = self.body(most)
            except OSError:
                body, complete = b"", False
            request = Request(self.command, self.path, self.headers, body, complete)
            if not complete and most is None:
                service.note(request)
                self.close_connection = True
                return
            reply = service.answer(request)
            if isinstance(reply, BrokenReply):
                self.wfile.write(reply.sent)
                self.wfile.flush()
                if reply.stays_open:
                    service.wait_for_end()
                self.close_connection = True
                return
            self.send_response(reply.status, reply.reason)
            headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.content)), **reply.headers}
            if reply.status == 204:
                del headers["Content-Length"], headers["Content-Type"]
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.content)

        def body(self, most: int | None) -> tuple[bytes, bool]:
            """What is read of the body, and whether that is all of it."""
            if self.headers.get("Transfer-Encoding") == "chunked":
                return self.chunks(most)
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length if most is None else min(length, most))
            return body, len(body) == length

        def chunks(self, most: int | None) -> tuple[bytes, bool]:
            body = b""
            while line := self.rfile.readline().strip():
                size = int(line, 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    return body, True
                if most is not None and len(body) >= most:
                    break
            return body, False

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

        def log_message(self, *dummy: object) -> None:
            pass

    return Handler
