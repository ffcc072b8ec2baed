# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy between the collection and the sandbox that spoils the n-th request of a kind, or holds it.

It stands before Keystone and before the library's Glance, and speaks TLS on both sides. The catalogue of a login is
rewritten on its way, so that a client who logs in through the proxy asks for images through it, too.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

BLOCK = 1 << 16
# Seconds after which a client or a service that does not answer is given up; no test waits for it.
MAX_SECONDS = 120

IMAGE = r"/glance/v2/images/[^/]+"
KINDS = (
    ("login", "POST|GET", r"/keystone/v3/auth/tokens"),
    ("create", "POST", r"/glance/v2/images"),
    ("update", "PATCH", IMAGE),
    ("delete", "DELETE", IMAGE),
    ("action", "POST", rf"{IMAGE}/actions/\w+"),
    ("upload", "PUT", rf"{IMAGE}/file"),
    ("stage", "PUT", rf"{IMAGE}/stage"),
    ("import", "POST", rf"{IMAGE}/import"),
    ("list", "GET", r"/glance/v2/images"),
    ("look-up", "GET", IMAGE),
    ("download", "GET", rf"{IMAGE}/file"),
    ("tasks", "GET", rf"{IMAGE}/tasks"),
    ("share", "POST", rf"{IMAGE}/members"),
    ("answer", "PUT", rf"{IMAGE}/members/[^/]+"),
    ("unshare", "DELETE", rf"{IMAGE}/members/[^/]+"),
    ("members", "GET", rf"{IMAGE}/members(/[^/]+)?"),
    ("projects", "GET", r"/keystone/v3/(auth/)?projects(/[^/]+)?"),
    ("methods", "GET", r"/glance/v2/info/import"),
    ("stores", "GET", r"/glance/v2/info/stores.*"),
)
WRITES = ("create", "update", "delete", "action", "upload", "stage", "import", "share", "answer", "unshare")
# Requests that have a body, and those among them whose body is data.
WITH_BODY = ("login", "create", "update", "upload", "stage", "import", "share", "answer")
DATA = ("upload", "stage")
# The status of an answer that has a document; the other kinds are answered without one.
DOCUMENTED = {"login": 201, "create": 201}
WITHOUT_DOCUMENT = ("delete", "action", "upload", "stage", "import", "unshare")

STATUSES = (401, 408, 413, 429, 500, 502, 503, 504)
# In place of an answer, whether the service has seen the request ("before": no, "after": yes).
REPLACED = ("close", "reset", "stall", *map(str, STATUSES), "html 200", "html 502", "empty", "null", "half", "redirect")
# The catalogue leads to a port on which nobody listens.
NOBODY = "nobody"
# A part of the service's answer.
CUT = ("cut head", "cut body")
# In the middle of the request's body: the connection breaks off on both sides, or the half is passed on as all.
INSIDE = ("cut", "reset", "short")
# The same, and the announced size of the data is hidden from the service.
INSIDE_DATA = "short unannounced"


@dataclass(frozen=True)
class Fault:
    """What happens to the nth request of a kind, or with a method, and to those after it, `times` in all.

    `when` is "before" the service has seen it, "early", when the proxy has read a block of its body and no more,
    "inside" its body, or "after" the service has answered it.
    """

    what: str
    when: str
    kind: str
    nth: int = 1
    times: int = 1


@dataclass
class Hold:
    """The nth request of a kind is held until `go`, and then goes nowhere; `held` is set while it waits."""

    when: str
    kind: str
    nth: int = 1
    held: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    times: int = 1


@dataclass
class Seen:
    """A request that has reached the proxy. `status` is the service's own; None if it has not answered.

    `passed` says whether the service has got any of it.
    """

    kind: str
    nth: int
    method: str
    path: str
    struck: bool = False
    passed: bool = False
    status: int | None = None


@dataclass
class Answer:
    """An answer of the service, whole."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass
class Proxy:
    """`url` is without a path. `other` lists what has come to the host that redirects lead to.

    Nobody listens at `nobody_url`. `halfway` is called in the middle of the data of a request that nothing strikes;
    `watch` with each request, before it is passed on (False) and after the service has answered it (True).
    """

    url: str
    other_url: str
    nobody_url: str
    seen: list[Seen] = field(default_factory=list)
    other: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    halfway: Callable[[], object] = lambda: None
    watch: Callable[[Seen, bool], object] = lambda seen, answered: None
    _strikes: Sequence[Fault | Hold] = ()
    _counts: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def auth_url(self) -> str:
        return f"{self.url}/keystone/v3"

    @property
    def image_url(self) -> str:
        return f"{self.url}/glance/v2"

    def through(self, login: Mapping[str, Any]) -> dict[str, Any]:
        """The options of this login whose images are asked for through the proxy."""
        return {**login, "image_endpoint_override": self.image_url}

    def arm(self, *strikes: Fault | Hold) -> None:
        """Begin to count again."""
        with self._lock:
            self.seen, self._counts, self._strikes = [], Counter(), strikes

    def count(self, *methods: str) -> int:
        """The requests with these methods that it has got."""
        with self._lock:
            return sum(self._counts[method] for method in methods)

    def enter(self, method: str, path: str) -> tuple[Seen, Fault | Hold | None]:
        """The request as it is kept, and what shall happen to it."""
        kind = kind_of(method, path)
        with self._lock:
            self._counts.update((kind, method))
            seen = Seen(kind, self._counts[kind], method, path)
            self.seen.append(seen)
            for strike in self._strikes:
                if strike.kind in (kind, method) and 0 <= self._counts[strike.kind] - strike.nth < strike.times:
                    seen.struck = True
                    return seen, strike
        return seen, None


def kind_of(method: str, path: str) -> str:
    path = path.partition("?")[0]
    for kind, methods, pattern in KINDS:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return kind
    return "another"


@contextmanager
def open_proxy(sandbox: Mapping[str, Any], tls: bool = True) -> Iterator[Proxy]:
    """A proxy before the sandbox and, beside it, the host that redirects lead to."""
    ca_file = Path(sandbox["ca_file"])
    upstream = ssl.create_default_context(cafile=str(ca_file))
    certificate = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.load_cert_chain(ca_file.parent / "etc" / "server.crt", ca_file.parent / "etc" / "server.key")
    library = str(sandbox["library_url"])

    class Records(Handler):
        def record(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            proxy.other.append((self.path, dict(self.headers.items()), body))
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = record

    class PassesOn(Handler):
        def pass_on(self) -> None:
            seen, strike = proxy.enter(self.command, self.path)
            proxy.watch(seen, False)
            try:
                if isinstance(strike, Hold):
                    self.hold(seen, strike)
                elif strike is None:
                    self.answer(self.ask(seen, self.watched_blocks()))
                else:
                    getattr(self, f"spoil_{strike.when}")(seen, strike)
            except (OSError, http.client.HTTPException) as error:
                self.close_connection = True
                if strike is None:
                    proxy.errors.append(f"{seen.method} {seen.path}: {error!r}")

        def hold(self, seen: Seen, hold: Hold) -> None:
            def waits() -> Iterator[bytes]:
                yield from self.first_half()
                hold.held.set()
                hold.go.wait(MAX_SECONDS)
                raise ConnectionAbortedError

            try:
                if hold.when == "inside":
                    self.ask(seen, waits())
                elif hold.when == "after":
                    self.ask(seen, self.blocks())
                hold.held.set()
                hold.go.wait(MAX_SECONDS)
            finally:
                self.close_connection = True
                hold.over.set()

        def spoil_before(self, seen: Seen, fault: Fault) -> None:
            sent = b"".join(self.blocks())
            self.spoil(fault, sent, Answer(DOCUMENTED.get(seen.kind, 200), [], b'{"images": [{"id": "0'))

        def spoil_early(self, seen: Seen, fault: Fault) -> None:
            sent = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BLOCK))
            self.spoil(fault, sent, Answer(DOCUMENTED.get(seen.kind, 200), [], b""))
            self.close_connection = True

        def spoil_after(self, seen: Seen, fault: Fault) -> None:
            sent = b"".join(self.blocks())
            self.spoil(fault, sent, self.ask(seen, iter([sent] if sent else [])))

        def spoil_inside(self, seen: Seen, fault: Fault) -> None:
            half = b"".join(self.first_half())
            if fault.what.startswith("short"):
                hidden = "x-openstack-image-size" if fault.what == INSIDE_DATA else ""
                reply = self.ask(seen, iter([half]), {"content-length": str(len(half)), hidden: None})
                for dummy in self.blocks(len(half)):
                    pass
                return self.answer(reply)

            def breaks_off() -> Iterator[bytes]:
                yield half
                raise ConnectionAbortedError

            try:
                self.ask(seen, breaks_off())
            except ConnectionAbortedError:
                self.end(fault.what == "reset")

        def spoil(self, fault: Fault, sent: bytes, reply: Answer) -> None:
            what = fault.what
            status = 200 if reply.status == 204 else reply.status
            if what in ("close", "reset"):
                self.end(what == "reset")
            elif what == "stall":
                self.wait_for_the_client_to_go()
            elif what == "cut head":
                self.answer(reply, cut=12)
            elif what == "cut body":
                self.answer(reply, cut=-max(1, len(reply.body) - len(reply.body) // 2))
            elif what == NOBODY:
                self.answer(replace(reply, body=reply.body.replace(proxy.url.encode(), proxy.nobody_url.encode())))
            elif what == "redirect":
                self.answer(Answer(307, [("Location", proxy.other_url + self.path)], b""))
            elif what.startswith("html"):
                number = status if what == "html 200" else int(what.removeprefix("html "))
                self.answer(Answer(number, [("Content-Type", "text/html")], self.page(sent)))
            elif what.startswith("json"):
                # As the service itself says it.
                number = int(what.removeprefix("json "))
                document = {"message": "Not as things are.<br /><br />\n\n\n", "title": HTTPStatus(number).phrase}
                headers = [("Content-Type", "application/json; charset=UTF-8")]
                self.answer(Answer(number, headers, json.dumps({**document, "code": str(number)}).encode()))
            elif what in ("empty", "null", "half"):
                body = {"empty": b"", "null": b"null", "half": reply.body[: len(reply.body) // 2 + 1] or b'{"id": "0'}
                self.answer(Answer(status, [("Content-Type", "application/json"), *self.kept(reply)], body[what]))
            else:
                headers = [("Content-Type", "text/plain"), *([("Retry-After", "1")] if what == "429" else [])]
                self.answer(Answer(int(what), headers, b"The proxy does not let this through."))

        def kept(self, reply: Answer) -> list[tuple[str, str]]:
            return [(name, value) for name, value in reply.headers if name.lower() == "x-subject-token"]

        def page(self, sent: bytes) -> bytes:
            """An error page as some proxies write it: it repeats the request, secrets and all."""
            told = b"" if b"\0" in sent[:1000] else sent[:4000]
            return (
                b"<html><head><title>Bad Gateway</title></head>\n<body>\n<h1>Bad Gateway</h1>\n<pre>"
                + bytes(self.headers)
                + told
                + b"</pre>\n<hr></body>\n</html>\n"
            )

        def watched_blocks(self) -> Iterator[bytes]:
            """The request's body, with a look at its middle if it is data."""
            half = int(self.headers.get("Content-Length") or 0) // 2 if self.command == "PUT" else 0
            if half:
                yield from self.blocks(end=half)
                proxy.halfway()
            yield from self.blocks(half)

        def blocks(self, skipped: int = 0, end: int | None = None) -> Iterator[bytes]:
            """The rest of the request's body, or what is left of it up to `end`; so many bytes have been read."""
            if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
                while size := int(self.rfile.readline().partition(b";")[0], 16):
                    yield self.whole(size)
                    self.rfile.readline()
                self.rfile.readline()
                return
            left = (int(self.headers.get("Content-Length") or 0) if end is None else end) - skipped
            while left > 0:
                yield self.whole(min(left, BLOCK))
                left -= BLOCK

        def first_half(self) -> Iterator[bytes]:
            """The first half of the body; of one of unknown size, the first block."""
            size = int(self.headers.get("Content-Length") or 0)
            if size:
                yield self.whole(size // 2)
            else:
                yield from islice(self.blocks(), 1)

        def whole(self, size: int) -> bytes:
            try:
                block = self.rfile.read(size)
            except OSError:
                block = b""
            if len(block) < size:
                raise ConnectionAbortedError("the client has gone")
            return block

        def ask(self, seen: Seen, blocks: Iterator[bytes], changed: Mapping[str, str | None] | None = None) -> Answer:
            """What the service answers to the request with this body."""
            target = urlsplit(library if seen.path.startswith("/glance") else sandbox["keystone_url"])
            headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != "host"}
            headers = {name: value for name, value in {**headers, **(changed or {})}.items() if value is not None}
            chunked = "transfer-encoding" in headers and "content-length" not in headers
            if not chunked:
                headers.pop("transfer-encoding", None)
            connection = http.client.HTTPSConnection(
                str(target.hostname), target.port, context=upstream, timeout=MAX_SECONDS
            )
            try:
                connection.putrequest(self.command, self.path, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                seen.passed = True
                connection.endheaders()
                # A service that refuses a body may stop to read it before its end.
                with suppress(BrokenPipeError, ConnectionResetError):
                    for block in blocks:
                        connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
                    if chunked:
                        connection.send(b"0\r\n\r\n")
                response = connection.getresponse()
                body = response.read()
                seen.status = response.status
                proxy.watch(seen, True)
            finally:
                connection.close()
            if seen.kind == "login":
                body = body.replace(library.removesuffix("/v2").encode(), f"{proxy.url}/glance".encode())
            return Answer(response.status, response.getheaders(), body)

        def answer(self, reply: Answer, cut: int | None = None) -> None:
            """Send the answer; with `cut`, only so many bytes of it, or all but so many, and no more on this way."""
            skipped = ("transfer-encoding", "content-length", "connection", "keep-alive")
            lines = [f"{name}: {value}" for name, value in reply.headers if name.lower() not in skipped]
            if reply.status != 204:
                lines.append(f"Content-Length: {len(reply.body)}")
            phrase = HTTPStatus(reply.status).phrase
            head = "\r\n".join([f"HTTP/1.1 {reply.status} {phrase}", *lines, "", ""]).encode("latin-1")
            try:
                self.wfile.write((head + reply.body)[:cut])
            except OSError:
                # The client has gone, as one does whose timeout is over; what it says of that is what counts.
                self.close_connection = True
            if cut is not None:
                self.end(False)

        def end(self, reset: bool) -> None:
            """No more of this connection: closed, or reset."""
            self.close_connection = True
            if not reset:
                return
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            os.close(self.connection.detach())

        def wait_for_the_client_to_go(self) -> None:
            self.close_connection = True
            self.connection.settimeout(MAX_SECONDS)
            with suppress(OSError):
                while self.connection.recv(BLOCK):
                    pass

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = pass_on

    with (
        serve(Records) as other_url,
        serve(PassesOn, certificate if tls else None) as url,
        socket.socket() as deaf,
    ):
        deaf.bind(("127.0.0.1", 0))
        proxy = Proxy(url, other_url, f"https://127.0.0.1:{deaf.getsockname()[1]}")
        try:
            yield proxy
        finally:
            proxy.arm()
