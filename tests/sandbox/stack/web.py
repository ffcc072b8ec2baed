# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As much of an HTTP client as starting a sandbox needs."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from stack import layout
from stack.folders import SandboxError


class Web:
    """Trusts one certification authority and uses no proxy."""

    def __init__(self, ca_file: Path) -> None:
        self._context = ssl.create_default_context(cafile=str(ca_file))
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._context)
        )

    def call(
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, timeout: float = 30
    ) -> tuple[http.client.HTTPMessage, bytes]:
        """Send bytes as they are, and anything else as JSON."""
        sent = {"User-Agent": "pcd-sandbox", **(headers or {})}
        if body is not None:
            sent.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(url, body, sent, method=method)
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                raise SandboxError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error

    def answers_tls(self, port: int) -> bool:
        """Whether a server that holds our certificate accepts connections. Sends no request, so that none is logged."""
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                self._context.wrap_socket(plain, server_hostname="127.0.0.1"),
            ):
                return True
        except OSError:
            return False


def warm_up(web: Web, keystone: str, glances: Iterable[str]) -> None:
    """One quiet pass through each process; the Glances at the same time, once Keystone is done.

    Policy rules are loaded by the first request that needs them, and not thread-safely: a burst of
    first requests sees stray 403s from Keystone, which Glance turns into 401s.
    """
    user, domain = layout.MEMBER, {"id": layout.DOMAIN_ID}
    who = {"name": user.name, "domain": domain, "password": user.password}
    login = {
        "identity": {"methods": ["password"], "password": {"user": who}},
        "scope": {"project": {"name": user.project, "domain": domain}},
    }
    headers = web.call("POST", f"{keystone}/auth/tokens", {"auth": login})[0]
    token = {"X-Auth-Token": headers["X-Subject-Token"]}
    web.call("GET", f"{keystone}/auth/tokens", headers={**token, "X-Subject-Token": token["X-Auth-Token"]})
    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(use, web, f"{glance}/v2/images", token) for glance in glances]:
            done.result()


def use(web: Web, images: str, token: Mapping[str, str]) -> None:
    """One call of each kind, one after the other."""
    desired = {"name": "warm-up", "disk_format": "raw", "container_format": "bare"}
    image = f"{images}/{json.loads(web.call('POST', images, desired, token)[1])['id']}"
    patch = [{"op": "add", "path": "/warm", "value": "up"}]
    web.call("PUT", f"{image}/file", b"warm", {**token, "Content-Type": "application/octet-stream"})
    web.call("PATCH", image, patch, {**token, "Content-Type": "application/openstack-images-v2.1-json-patch"})
    for method, path in (
        ("GET", image),
        ("GET", f"{image}/file"),
        ("GET", f"{image}/members"),
        ("PUT", f"{image}/tags/warm"),
        ("POST", f"{image}/actions/deactivate"),
        ("POST", f"{image}/actions/reactivate"),
        ("GET", images),
        ("DELETE", image),
    ):
        web.call(method, path, headers=token)
