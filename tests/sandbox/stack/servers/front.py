# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on a TLS port: services, each under a path of its own, behind the request log."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from stack.servers.request_log import Application, RequestLog


def plain(start_response: Any, status: str) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(status)))])
    return [status.encode()]


def front(services: Mapping[str, Application]) -> Application:
    """The application of a server that has ``services`` by the first part of the path."""

    def service_of(path: str) -> str:
        first = path.lstrip("/").partition("/")[0] if path.startswith("/") else ""
        return first if first in services else "other"

    def dispatch(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        service = service_of(environ.get("PATH_INFO", ""))
        if service == "other":
            return plain(start_response, "404 Not Found")
        prefix = "/" + service
        environ["SCRIPT_NAME"] = prefix
        environ["PATH_INFO"] = environ["PATH_INFO"][len(prefix) :]
        return services[service](environ, start_response)

    path = os.path.join(os.environ["PCD_SANDBOX_STATE"], "log", "requests.jsonl")
    own = os.environ["PCD_SANDBOX_SERVER"]
    # Behind HAProxy the port that was asked has a name, and what comes from elsewhere are questions of the services
    # among themselves and checks of their health.
    if "PCD_SANDBOX_BEHIND" in os.environ:
        return RequestLog(path, lambda environ: environ.get(os.environ["PCD_SANDBOX_BEHIND"]), dispatch, service_of)
    return RequestLog(path, lambda environ: own, dispatch, service_of)
