# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of the image service that spoils uploads, as real ones do."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

BLOCK = 1 << 16


@dataclass
class Proxy:
    """`spoil` holds what happens to the next uploads, in their order; the ones after them pass.

    "503 early": the first block is read and answered by 503; "401" likewise. "503 late": the service gets everything,
    and the client a 503; "lost": and the client no answer. "reset": the connection breaks off in the middle, on both
    sides. "cut": the service gets the first half as if it were all. `others` holds the same for other requests, by
    their method. `meanwhile` is called once in the middle of each upload; `watch` with the number of each write,
    before it is passed on (False) and once the service has answered it (True); of a read the number is 0.
    """

    url: str
    spoil: list[str] = field(default_factory=list)
    others: dict[str, list[str]] = field(default_factory=dict)
    uploads: int = 0
    writes: int = 0
    meanwhile: Callable[[], object] = lambda: None
    watch: Callable[[int, bool], object] = lambda number, answered: None


@contextmanager
def open_proxy(target: str, ca_file: str) -> Iterator[Proxy]:
    parts = urlsplit(target)
    context = ssl.create_default_context(cafile=ca_file)

    class PassesOn(Handler):
        def pass_on(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            # Reads leave nothing behind, wherever a run ends among them.
            proxy.writes += self.command != "GET"
            number = proxy.writes if self.command != "GET" else 0
            proxy.uploads += self.command == "PUT"
            waiting = proxy.spoil if self.command == "PUT" else proxy.others.get(self.command)
            spoil = waiting.pop(0) if waiting else ""
            proxy.watch(number, False)
            if spoil in ("503 early", "401"):
                self.rfile.read(min(size, BLOCK))
                return self.refuse() if spoil == "503 early" else self.refuse(401)
            forwarded = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            if spoil == "cut":
                forwarded["Content-Length"] = str(size // 2)
                forwarded.pop("x-openstack-image-size", None)
            answer = self.forward(size, spoil, forwarded)
            proxy.watch(number, True)
            if answer is None:
                return None
            if spoil == "lost":
                self.close_connection = True
                return None
            status, headers, body = answer
            if spoil == "503 late":
                return self.refuse()
            return self.answer(status, headers, body)

        def forward(
            self, size: int, spoil: str, headers: Mapping[str, str]
        ) -> tuple[int, list[tuple[str, str]], bytes] | None:
            connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=60)
            try:
                connection.putrequest(self.command, self.path, skip_accept_encoding=True)
                for name, value in headers.items():
                    connection.putheader(name, value)
                connection.endheaders()
                sent = self.forward_body(connection, size, spoil)
                if not sent:
                    self.close_connection = True
                    return None
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        def forward_body(self, connection: http.client.HTTPSConnection, size: int, spoil: str) -> bool:
            left, looked = size, False
            while left:
                if not looked and left <= size // 2:
                    looked = True
                    if self.command == "PUT":
                        proxy.meanwhile()
                    if spoil == "reset":
                        return False
                block = self.rfile.read(min(BLOCK, left if looked else max(1, left - size // 2)))
                if not block:
                    return False
                left -= len(block)
                if spoil != "cut" or not looked:
                    connection.send(block)
            return True

        def refuse(self, status: int = 503) -> None:
            self.close_connection = True
            self.answer(status, [("Content-Type", "text/html")], b"<html>Refused on the way</html>")

        def answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ("transfer-encoding", "content-length", "connection", "date", "server"):
                    self.send_header(name, value)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = pass_on

    with serve(PassesOn) as address:
        proxy = Proxy(f"{address}{parts.path}")
        yield proxy


def through(proxy: Proxy, server: Server) -> dict[str, Any]:
    """The options that lead through the proxy, and log in as a user does, so that a token can be renewed."""
    return {**server.login("member"), "image_endpoint_override": proxy.url}
