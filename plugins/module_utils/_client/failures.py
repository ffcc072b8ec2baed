# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, in words for the user: what the service says, or why no answer came, and without secrets.

It is a room of its own because most tasks need none of it.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from html import unescape
from typing import Any

from .._redact import encodings, host_in, masked, secrets_in
from .proxies import proxies_for
from .transport import Transport, decoded

try:
    import requests
    import urllib3
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]

MAX_SERVER_MESSAGE_LENGTH = 600
MARKUP = re.compile(r"<(script|style|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)


def is_transient(error: Exception) -> bool:
    """Whether the connection may not fail in a moment. A certificate and a name do not change in seconds."""
    if isinstance(error, requests.exceptions.SSLError):
        return "EOF occurred" in str(error)
    if isinstance(error, requests.exceptions.ConnectionError):
        return not (is_timeout(error) or _is_unresolved(error))
    return isinstance(error, requests.exceptions.ChunkedEncodingError)


def is_timeout(error: Exception) -> bool:
    """Whether nothing came for as long as was waited for."""
    # A body that stops coming is a ConnectionError for requests.
    return isinstance(error, requests.exceptions.Timeout) or any(
        isinstance(cause, urllib3.exceptions.TimeoutError) for cause in (error, *error.args)
    )


def server_words(content_type: str, body: str) -> str:
    """What the service says about an error, in one line without markup.

    Glance: {"message": "... <br />", "code": "404 Not Found"}; Keystone: {"error": {"message": ...}}, and
    {"required_auth_methods": [["password", "totp"]]} where a factor is missing; proxies: HTML.
    """
    try:
        document = decoded(body)
    except ValueError:
        document = None
    words = body
    if isinstance(document, dict):
        words = _words_in(document)
    elif document is not None or body.strip() == "null":
        words = ""
    if isinstance(document, dict) or "html" in content_type or "<" in words:
        words = unescape(MARKUP.sub(" ", words))
    words = " ".join(words.split())
    return words if len(words) <= MAX_SERVER_MESSAGE_LENGTH else words[:MAX_SERVER_MESSAGE_LENGTH] + " ..."


def _words_in(document: Mapping[str, Any]) -> str:
    rules = document.get("required_auth_methods")
    if isinstance(rules, list) and rules and all(isinstance(rule, list) for rule in rules):
        ways = " or ".join(" and ".join(str(method) for method in rule) for rule in rules)
        return f"this account logs in with {ways}"
    error = document.get("error", document)
    found = error.get("message") or error.get("title") if isinstance(error, dict) else error
    return found if isinstance(found, str) else ""


def is_json_object(body: str) -> bool:
    try:
        return isinstance(decoded(body), dict)
    except ValueError:
        return False


def is_unsent(error: Exception) -> bool:
    """Whether there was no connection that anything could have been sent through."""
    causes: list[Any] = [error]
    for cause in causes:
        if isinstance(cause, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)):
            return True
        causes += [each for each in (*cause.args, getattr(cause, "reason", None)) if isinstance(each, Exception)]
    return False


def _is_unresolved(error: Exception) -> bool:
    # socket.gaierror reaches us as text alone: in the words of urllib3 2, or in those of the system with urllib3 1.26.
    return any(words in str(error) for words in ("Failed to resolve", "[Errno -", "getaddrinfo failed"))


def _is_unreadable_address(error: Exception) -> bool:
    return isinstance(
        error, (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError)
    ) and not isinstance(error, requests.exceptions.InvalidProxyURL)


def with_request_id(message: str, request_id: str | None) -> str:
    return f"{message} (request id {request_id})" if request_id else message


def advice_for(status: int, request_id: str | None) -> str:
    if status == 401:
        return "The token is not valid, or has expired. Log in anew."
    if status == 403:
        return "Check the roles of the user in this project and the state of the image."
    if status == 413:
        return "Ask for less, or have the quota raised."
    if status == 429 or status >= 500:
        if request_id:
            return "Run it again later; if it stays, give the administrator of the service the request id."
        return "Run it again later; if it stays, tell the administrator of the service."
    return ""


def failure(error: Exception, url: str, transport: Transport) -> str:
    """Why no answer came, and what to look at."""
    # Libraries quote the address of a proxy that they cannot use.
    proxies = (secret for proxy in proxies_for(url).values() for secret in secrets_in(proxy))
    return masked(_failure(error, url, transport), encodings(proxies))


def _failure(error: Exception, url: str, transport: Transport) -> str:
    text, host = str(error), host_in(url)
    if _is_unreadable_address(error):
        # Its text quotes a part of the address, which may be a part of a password.
        return f"the address of {host} cannot be read. Check it."
    if isinstance(error, requests.exceptions.ProxyError):
        return f"the proxy for {host} does not answer. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY. ({_reason(error)})"
    if isinstance(error, requests.exceptions.SSLError):
        return _tls_failure(error, host)
    if is_timeout(error):
        seconds = _waited(error) or transport.timeout
        # No more time than this is given to a connection, whatever the option says.
        advice = ", or raise the option timeout" if seconds == transport.timeout else ""
        return f"{host} did not answer within {seconds:g} seconds. Check that it can be reached from here{advice}."
    if _is_unresolved(error):
        return f"the name of {host} cannot be resolved. Check the address and the DNS."
    if "Connection refused" in text:
        return f"{host} refuses the connection. Check the address and the port, and that the service runs."
    scheme = " and whether its address must begin with https://" if url.startswith("http:") else ""
    return f"the connection to {host} failed or broke off ({_reason(error)}). Check the network{scheme}."


def _waited(error: Exception) -> float | None:
    """The seconds after which it was a timeout, as urllib3 says them; None if it does not."""
    found = re.search(r"\((?:connect|read) timeout=([0-9.]+)\)", str(error))
    return float(found[1]) if found else None


def _tls_failure(error: Exception, host: str) -> str:
    if any(
        words in str(error) for words in ("CERTIFICATE_VERIFY_FAILED", "certificate verify failed", "doesn't match")
    ):
        return (
            f"the certificate of {host} cannot be trusted ({_reason(error)}). "
            "Name its authority with ca_cert; only where that is impossible, set validate_certs: false."
        )
    if "X509" in str(error) or "PEM" in str(error):
        return (
            f"there is no usable certificate or key, in PEM form, in one of the files for {host} ({_reason(error)}). "
            "Check ca_cert, client_cert and client_key."
        )
    return (
        f"{host} does not speak TLS as expected ({_reason(error)}). "
        "Check that the address begins with the right one of http:// and https://, and the client certificate if any."
    )


def _reason(error: BaseException) -> str:
    """The innermost cause in its own words, without the objects that wrap it."""
    seen: BaseException = error
    while True:
        inner = getattr(seen, "reason", None) or next((a for a in seen.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    if isinstance(seen, ssl.SSLCertVerificationError):
        return seen.verify_message
    # Without the names of objects and places in C sources.
    return " ".join(re.sub(r"<[^>]*>:? ?|\(_ssl\.c:\d+\)", "", str(seen)).split())[:200] or type(seen).__name__
