# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSGI application of the TLS port: Glance in this process under /glance, Keystone's process behind /keystone.

Two processes, because both services register options of the same name in oslo.config's
process-wide CONF (DuplicateOptError: default_publisher_id).
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

STATE = os.environ["PCD_SANDBOX_STATE"]
KEYSTONE_ADDRESS = urlsplit(os.environ["PCD_SANDBOX_KEYSTONE"]).netloc
os.environ["OS_GLANCE_CONFIG_DIR"] = os.path.join(STATE, "etc")

from glance.db.sqlalchemy import api as glance_database  # noqa: E402
from keystoneauth1.plugin import AUTH_INTERFACE  # noqa: E402
from keystonemiddleware.auth_token import AuthProtocol  # noqa: E402

from stack.servers.request_log import RequestLog  # noqa: E402
from stack.servers.sqlite_writers import serialize_writers  # noqa: E402


def identity_at_auth_url() -> None:
    """Let Glance check tokens at its ``auth_url``.

    keystonemiddleware looks Keystone up in the catalogue, where every URL leads to this gateway.
    It has no option to keep it at ``auth_url``, though keystoneauth knows such an interface.
    """
    create = AuthProtocol._create_identity_server

    def create_identity_server(self: AuthProtocol) -> Any:
        self._interface = AUTH_INTERFACE
        return create(self)

    AuthProtocol._create_identity_server = create_identity_server


serialize_writers(glance_database)
identity_at_auth_url()

from glance.wsgi.api import application as glance  # noqa: E402


class TokenCache:
    """The part of a memcache client that keystonemiddleware uses."""

    def __init__(self, limit: int = 5000) -> None:
        self._limit = limit
        self._entries: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        expires, value = self._entries.get(key, (0.0, None))
        return value if expires > time.time() else None

    def set(self, key: str, value: Any, **options: Any) -> bool:
        with self._lock:
            if len(self._entries) >= self._limit:
                self._entries.clear()
            self._entries[key] = (time.time() + (options.get("time") or 300), value)
        return True


TOKEN_CACHE = TokenCache()

# They belong to one connection, and there are two: gunicorn and http.client each write their own.
HOP_BY_HOP = {
    "connection",
    "content-length",
    "date",
    "host",
    "keep-alive",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


def plain(start_response: Any, status: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(status)))])
    return [status.encode()]


def keystone(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Pass the request on to the Keystone process and its answer back."""
    headers = {name[5:].replace("_", "-").title(): value for name, value in environ.items() if name.startswith("HTTP_")}
    headers = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
    if environ.get("CONTENT_TYPE"):
        headers["Content-Type"] = environ["CONTENT_TYPE"]
    headers["Host"] = environ.get("HTTP_HOST", "127.0.0.1")
    headers["X-Forwarded-Proto"] = environ["wsgi.url_scheme"]
    body = environ["wsgi.input"].read() or None
    # A connection for each request: a kept one may have been closed meanwhile, and a POST must not be sent twice.
    connection = http.client.HTTPConnection(KEYSTONE_ADDRESS, timeout=60)
    try:
        # RAW_URI, because PATH_INFO has lost the difference between "/" and "%2F".
        connection.request(environ["REQUEST_METHOD"], environ["RAW_URI"], body, headers)
        answer = connection.getresponse()
        content = answer.read()
    except (http.client.HTTPException, OSError):
        return plain(start_response, "503 Service Unavailable")
    finally:
        connection.close()
    passed_on = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
    if answer.status not in (204, 304):
        passed_on.append(("Content-Length", str(len(content))))
    start_response(f"{answer.status} {answer.reason}", passed_on)
    return [content]


SERVICES = {"glance": glance, "keystone": keystone}


def service_of(path: str) -> str:
    """The name of the service behind a path, or "other"."""
    first = path.lstrip("/").partition("/")[0] if path.startswith("/") else ""
    return first if first in SERVICES else "other"


def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    service = service_of(environ.get("PATH_INFO", ""))
    if service == "other":
        return plain(start_response, "404 Not Found")
    prefix = "/" + service
    environ["SCRIPT_NAME"] = prefix
    environ["PATH_INFO"] = environ["PATH_INFO"][len(prefix) :]
    environ["sandbox.token_cache"] = TOKEN_CACHE
    return SERVICES[service](environ, start_response)


application = RequestLog(os.path.join(STATE, "log", "requests.jsonl"), dispatch, service_of)
