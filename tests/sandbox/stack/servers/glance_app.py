# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance in this process, with the configuration of the server that the process is."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from typing import Any

STATE = os.environ["PCD_SANDBOX_STATE"]
os.environ["OS_GLANCE_CONFIG_DIR"] = os.path.join(STATE, "etc", os.environ["PCD_SANDBOX_SERVER"])

from glance.db.sqlalchemy import api as glance_database  # noqa: E402
from keystoneauth1.plugin import AUTH_INTERFACE  # noqa: E402
from keystonemiddleware.auth_token import AuthProtocol  # noqa: E402

from stack.servers.sqlite_writers import serialize_writers  # noqa: E402


def identity_at_auth_url() -> None:
    """Let Glance check tokens at its ``auth_url``.

    keystonemiddleware looks Keystone up in the catalogue, in which every URL leads to the gateway.
    It has no option to keep it at ``auth_url``, though keystoneauth knows such an interface.
    """
    create = AuthProtocol._create_identity_server

    def create_identity_server(self: AuthProtocol) -> Any:
        self._interface = AUTH_INTERFACE
        return create(self)

    AuthProtocol._create_identity_server = create_identity_server


if "PCD_SANDBOX_BEHIND" not in os.environ:
    serialize_writers(os.path.join(STATE, "lock", "glance.db"), glance_database)
identity_at_auth_url()

try:
    from glance.wsgi.api import application
except ImportError:  # before 2025.1
    from glance.common.wsgi_app import init_app

    application = init_app()


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


def glance(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["sandbox.token_cache"] = TOKEN_CACHE
    return application(environ, start_response)
