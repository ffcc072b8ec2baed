# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WSGI application of the gateway: Glance in this process under /glance, Keystone's process behind /keystone.

Keystone has a process of its own, because both services register options of the same name in oslo.config's
process-wide CONF (DuplicateOptError: default_publisher_id).
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from stack.servers.front import front, plain
from stack.servers.glance_app import glance

KEYSTONE_ADDRESS = urlsplit(os.environ["PCD_SANDBOX_KEYSTONE"]).netloc

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


application = front({"glance": glance, "keystone": keystone})
