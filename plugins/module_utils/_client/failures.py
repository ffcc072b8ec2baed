# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, as a message for the user: what the service says, or why no response came; without secrets.

It is a module of its own because most tasks need none of it.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from html import unescape
from typing import Any

from .._redact import encodings, host_in, redact_secrets, secrets_in
from .proxies import proxies_for
from .transport import Transport, decoded

try:
    import requests
    import urllib3
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]

MAX_SERVER_MESSAGE_LENGTH = 600
MARKUP = re.compile(r"<(script|style|title)\b.*?</\1\s*>|<!--.*?-->|<[^>]*>", re.DOTALL | re.IGNORECASE)


def causes(error: BaseException) -> list[BaseException]:
    """The error and what has caused it, the outermost first: as requests, urllib3 and Python keep it."""
    found = [error]
    for each in found:
        inner = [*each.args, getattr(each, "reason", None), each.__cause__]
        if isinstance(each, urllib3.exceptions.NewConnectionError):
            # Workaround for urllib3 1.26, which does not say `from` when it raises this for an error of the socket.
            inner.append(each.__context__)
        found += [other for other in inner if isinstance(other, BaseException) and other not in found]
    return found


def may_recover(error: Exception) -> bool:
    """Whether the connection may work in a moment. A certificate and a name do not change in seconds."""
    if isinstance(error, requests.exceptions.SSLError):
        return _is_caused_by(error, ssl.SSLEOFError)
    if isinstance(error, requests.exceptions.ConnectionError):
        return not (is_timeout(error) or _is_caused_by(error, socket.gaierror))
    return isinstance(error, requests.exceptions.ChunkedEncodingError)


def is_timeout(error: Exception) -> bool:
    """Whether nothing came for as long as was waited for."""
    # A body that stops coming is a ConnectionError for requests. All causes would be too many: for urllib3 1.26, a
    # connection that was refused is a timeout, too.
    return isinstance(error, requests.exceptions.Timeout) or any(
        isinstance(cause, urllib3.exceptions.TimeoutError) for cause in (error, *error.args)
    )


def was_sent(error: Exception) -> bool:
    """Whether there was a connection through which something may have been sent."""
    return not _is_caused_by(error, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)


def is_proxy_address_error(error: Exception) -> bool:
    """Whether the address of a proxy cannot be read."""
    return _is_caused_by(error, requests.exceptions.InvalidProxyURL)


def is_address_error(error: Exception) -> bool:
    """Whether the address itself cannot be read. The texts of these errors quote it, and perhaps a password in it."""
    unreadable = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
    # Of a host that cannot be encoded, requests lets through what urllib3 and Python say.
    found = isinstance(error, UnicodeError) or _is_caused_by(error, *unreadable, urllib3.exceptions.LocationValueError)
    return found and not is_proxy_address_error(error)


def _is_caused_by(error: BaseException, *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in causes(error))


def server_words(content_type: str, body: str) -> str:
    """What the service says about an error, in one line without markup.

    Glance: {"message": "... <br />", "code": "404 Not Found"}; Keystone: {"error": {"message": ...}}, and
    {"required_auth_methods": [["password", "totp"]]} if a factor is missing; proxies: HTML.
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


def with_request_id(message: str, request_id: str | None) -> str:
    return f"{message} (request id {request_id})" if request_id else message


def advice_for(status: int, request_id: str | None) -> str:
    if status == 401:
        return "The token is not valid, or has expired. Get a new one."
    if status == 403:
        return "Check the roles of the user in this project and the state of the image."
    if status == 413:
        return "Ask for less, or have the quota raised."
    if status == 500:
        whom = f"the administrator of the service{' the request id' if request_id else ''}"
        return (
            "The service has failed at this very request, and may fail at it each time: if others work, "
            f"{'give' if request_id else 'tell'} {whom}."
        )
    if status == 429 or status >= 500:
        if request_id:
            return "Run it again later; if it stays, give the administrator of the service the request id."
        return "Run it again later; if it stays, tell the administrator of the service."
    return ""


def reason_for(error: Exception, url: str, transport: Transport) -> str:
    """Why no response came, and what to look at."""
    # Libraries quote the address of a proxy that they cannot use.
    proxies = (secret for proxy in proxies_for(url).values() for secret in secrets_in(proxy))
    return redact_secrets(_reason_for(error, url, transport), encodings(proxies))


def _reason_for(error: Exception, url: str, transport: Transport) -> str:
    host = host_in(url)
    if is_address_error(error):
        return f"the address of {host} cannot be read. Check it."
    if isinstance(error, requests.exceptions.ProxyError):
        return (
            f"the proxy for {host} does not answer. Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY. ({_innermost(error)})"
        )
    if isinstance(error, requests.exceptions.SSLError):
        return _tls_failure(error, host)
    if is_timeout(error):
        seconds = _seconds_waited(error) or transport.timeout
        # A connection gets no more time than this, whatever the option says.
        advice = ", or raise the option timeout" if seconds == transport.timeout else ""
        return f"{host} did not answer within {seconds:g} seconds. Check that it can be reached from here{advice}."
    if _is_caused_by(error, socket.gaierror):
        return f"the name of {host} cannot be resolved. Check the address and the DNS."
    if _is_caused_by(error, ConnectionRefusedError):
        return f"{host} refuses the connection. Check the address and the port, and that the service runs."
    scheme = " and whether its address must begin with https://" if url.startswith("http:") else ""
    return f"the connection to {host} failed or broke off ({_innermost(error)}). Check the network{scheme}."


def _seconds_waited(error: Exception) -> float | None:
    """The seconds after which it was a timeout; None if urllib3, which has them in its text only, does not say."""
    found = re.search(r"\((?:connect|read) timeout=([0-9.]+)\)", str(error))
    return float(found[1]) if found else None


def _tls_failure(error: Exception, host: str) -> str:
    # Workaround for urllib3 1.26: it compares the name in the certificate itself, and its error has no type of Python.
    is_other_name = "doesn't match" in str(error)
    if is_other_name or _is_caused_by(error, ssl.SSLCertVerificationError):
        return (
            f"the certificate of {host} cannot be trusted ({_innermost(error)}). "
            "Name its authority with ca_cert; set validate_certs: false only if that is impossible."
        )
    # For a file that is not in PEM form, OpenSSL has no type and no code that Python knows.
    if any(isinstance(cause, ssl.SSLError) and re.search("X509|PEM", str(cause)) for cause in causes(error)):
        return (
            f"one of the files for {host} has no usable certificate or key in PEM form ({_innermost(error)}). "
            "Check ca_cert, client_cert and client_key."
        )
    return (
        f"{host} does not speak TLS as expected ({_innermost(error)}). "
        "Check that the address begins with the right one of http:// and https://, and the client certificate if any."
    )


def _innermost(error: BaseException) -> str:
    """The innermost cause in its own words, without the objects that wrap it."""
    cause = causes(error)[-1]
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    # Without the names of objects and places in C sources.
    return " ".join(re.sub(r"<[^>]*>:? ?|\(_ssl\.c:\d+\)", "", str(cause)).split())[:200] or type(cause).__name__
