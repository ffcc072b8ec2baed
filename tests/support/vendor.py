# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor of images: a web server on loopback that the tests fill, and that misbehaves if a test asks for it."""

from __future__ import annotations

import base64
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

USER, PASSWORD = "mirror", "Mirror-Passw0rd-4d1c"


@dataclass
class Vendor:
    """`files` by name. The folder of an address says how they are given out.

    /files/ as they are, or the beginning that a Range asks for; /short/ without their last bytes, though announced;
    /guarded/ to USER with PASSWORD or to whoever sends `key` as X-Key; /elsewhere/ by a redirect to `other`; /slow/
    only once `go_on` is set; /encoded/ as packed with gzip for the way, /encoded/CODING/ by that coding; /page/ as
    text/html; /status/N/ as an error N. /cut/, /reset/ and /chunks/ break off behind `behind` bytes as long as `cuts`
    are left: by FIN, by RST, and by FIN among chunks; `given` is called then. `later` are the contents that a file has
    in turn, each time that it is asked for.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    key: str = "Mirror-K3y-91ab"
    go_on: threading.Event = field(default_factory=threading.Event)
    other: Vendor | None = None
    cuts: int = 0
    behind: int = 1000
    given: Callable[[], object] = lambda: None
    later: dict[str, list[bytes]] = field(default_factory=dict)

    def file(self, name: str, content: bytes, folder: str = "files") -> str:
        """The address of a new file."""
        self.files[name] = content
        return f"{self.url}/{folder}/{name}"

    def headers_of(self, path: str) -> list[dict[str, str]]:
        return [headers for asked, headers in self.asked if asked == path]


@contextmanager
def open_vendor(tls: ssl.SSLContext | None = None) -> Iterator[Vendor]:
    class Answers(Handler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            vendor.asked.append((path, {name.lower(): value for name, value in self.headers.items()}))
            dummy, folder, *rest, name = path.split("/")
            if vendor.later.get(name):
                vendor.files[name] = vendor.later[name].pop(0)
            content = vendor.files.get(name)
            if folder == "elsewhere" and vendor.other is not None:
                self.answer(302, Location=f"{vendor.other.url}/files/{name}")
            elif folder == "status":
                self.answer(int(rest[0]))
            elif content is None:
                self.answer(404)
            elif folder == "guarded" and not self.is_known():
                self.answer(401)
            else:
                self.give(folder, content, unquote(rest[0]) if rest else "gzip")

        def is_known(self) -> bool:
            login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            return self.headers.get("Authorization") == f"Basic {login}" or self.headers.get("X-Key") == vendor.key

        def answer(self, status: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def give_until_cut(self, folder: str, content: bytes) -> None:
            vendor.cuts -= 1
            self.close_connection = True
            self.send_response(200)
            if folder == "chunks":
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n" % len(content))
            else:
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
            self.wfile.write(content[: vendor.behind])
            vendor.given()
            if folder == "reset":
                # Closed without lingering, what is not acknowledged is dropped and the client gets an RST.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

        def give(self, folder: str, content: bytes, coding: str) -> None:
            if folder in ("cut", "reset", "chunks") and vendor.cuts:
                self.give_until_cut(folder, content)
                return
            wanted = self.headers.get("Range", "")
            if folder == "files" and wanted.startswith("bytes=0-"):
                part = content[: int(wanted.removeprefix("bytes=0-")) + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes 0-{len(part) - 1}/{len(content)}")
                content = part
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            if folder == "page":
                self.send_header("Content-Type", "text/html; charset=utf-8")
            if folder == "encoded":
                self.send_header("Content-Encoding", coding)
            self.end_headers()
            half = len(content) // 2
            self.wfile.write(content[:half])
            if folder == "slow":
                vendor.go_on.wait(60)
            self.wfile.write(content[half:-100] if folder == "short" else content[half:])
            self.close_connection = folder == "short"

    with serve(Answers, tls) as address:
        vendor = Vendor(address)
        try:
            yield vendor
        finally:
            vendor.go_on.set()
