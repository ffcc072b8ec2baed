# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections over TLS: their trust store is loaded once, and a service can refuse an upload before it is all sent.

A proxy that refuses (413, 404, 504 ...) answers and closes the connection without reading the rest. Without TLS the
next block then fails with BrokenPipeError, and urllib3 reads the response in spite of it (connectionpool.py,
_make_request). With TLS Python says SSLEOFError instead, and the response would never be read.
"""

from __future__ import annotations

import errno
import os
import ssl
import threading
from contextlib import suppress
from typing import Any

from .files import Version, version_of

try:
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool
    from urllib3.util.ssl_ import create_urllib3_context, resolve_cert_reqs
except ImportError:  # the module says so with missing_required_lib before anything is sent
    HTTPAdapter = HTTPSConnection = HTTPSConnectionPool = object  # type: ignore[assignment, misc]

# What Python says of a connection that the other side has closed: without a farewell, with one, and with a reset.
CLOSED = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)


class _Contexts(threading.local):
    """The TLS contexts that a thread has made, or that the process was forked with, each for one way to verify.

    No other thread uses them, because urllib3 sets attributes of a context for each connection. The client's own
    certificate is a part of the key and is loaded by urllib3 for each connection, so that a context has only one.
    """

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], tuple[Version, ssl.SSLContext]] = {}

    def find(
        self, requirement: Any, authorities: str | None, own: tuple[str | None, str | None] = (None, None)
    ) -> ssl.SSLContext | None:
        """A context that trusts the certificates in the file `authorities` if it verifies any; None if it is unusable.

        `requirement` is `cert_reqs` of urllib3, and `own` are the files of the client's certificate and key.
        """
        mode = resolve_cert_reqs(requirement)
        place = authorities and os.path.abspath(authorities)
        key = (mode, place, own)
        with suppress(OSError, ValueError):
            version = version_of(place) if place else ()
            known = self._made.get(key)
            if known is not None and known[0] == version:
                return known[1]
            context = create_urllib3_context(cert_reqs=mode)
            if place:
                context.load_verify_locations(place)
            if version is not None:
                self._made[key] = version, context
            return context
        return None


CONTEXTS = _Contexts()


def load_trust_store(authorities: bool | str) -> None:
    """Make the context for `verify` of requests in advance: processes that are forked afterwards have it, too."""
    if authorities is True:
        authorities = requests.utils.DEFAULT_CA_BUNDLE_PATH
    if authorities and os.path.isfile(authorities):
        CONTEXTS.find("CERT_REQUIRED", authorities)


class _Connection(HTTPSConnection):
    def connect(self) -> None:
        """Connect with a context that is made already, unless only urllib3 knows what to do."""
        authorities, context = self.ca_certs, None
        own = (self.cert_file, self.key_file)
        is_verified = resolve_cert_reqs(self.cert_reqs) != ssl.CERT_NONE
        proxy = getattr(self, "proxy", None)
        # A folder may lose certificates. A proxy over TLS is verified with the same authorities, in another context.
        # To send its own certificate, OpenSSL may need those that urllib3 loads, though nothing is verified.
        if (
            self.ssl_context is None
            and not self.ca_cert_dir
            and bool(authorities) == is_verified
            and (is_verified or not self.cert_file)
            and (proxy is None or proxy.scheme != "https")
        ):
            context = CONTEXTS.find(self.cert_reqs, authorities, own)
        if context is None:
            super().connect()
            return
        self.ssl_context, self.ca_certs = context, None
        try:
            super().connect()
        finally:
            # To connect again, the files are looked at again.
            self.ssl_context, self.ca_certs = None, authorities

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
