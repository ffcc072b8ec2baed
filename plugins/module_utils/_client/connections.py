# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections over TLS through which a service can refuse an upload before all of it has been sent.

A proxy that refuses (413, 404, 504 ...) answers and closes the connection without reading the rest. Without TLS the
next block then fails with BrokenPipeError, and urllib3 reads the response in spite of it (connectionpool.py,
_make_request). With TLS Python says SSLEOFError instead, and the response would never be read.
"""

from __future__ import annotations

import errno
import ssl
from typing import Any

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool
except ImportError:  # the module says so with missing_required_lib before anything is sent
    HTTPAdapter = HTTPSConnection = HTTPSConnectionPool = object  # type: ignore[assignment, misc]

# What Python says of a connection that the other side has closed: without a farewell, with one, and with a reset.
CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)


class _Connection(HTTPSConnection):
    def send(self, data: Any) -> None:
        if self.sock is None and self.auto_open:
            # What goes wrong here is a matter of TLS, and stays one.
            self.connect()
        try:
            super().send(data)
        except CLOSED as error:
            raise BrokenPipeError(errno.EPIPE, "the connection was closed before all was sent") from error

    def getresponse(self, *arguments: Any, **keywords: Any) -> Any:
        try:
            return super().getresponse(*arguments, **keywords)
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
            raise ConnectionResetError(errno.ECONNRESET, "the connection was closed without a response") from error


class _Pool(HTTPSConnectionPool):
    ConnectionCls = _Connection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
        super().init_poolmanager(*arguments, **keywords)
        _use_pool(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **keywords: Any) -> Any:
        return _use_pool(super().proxy_manager_for(*arguments, **keywords))


def _use_pool(manager: Any) -> Any:
    manager.pool_classes_by_scheme = {**manager.pool_classes_by_scheme, "https": _Pool}
    return manager


def read_early_responses(session: requests.Session) -> None:
    """Let a response be read that comes before the request was sent to its end, over TLS, too."""
    session.mount("https://", _Adapter())
