# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address of a vendor's file, with the credentials for its host, as the options give it. Nothing is sent here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from posixpath import basename
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from .._arguments import FIELD_NAME
from .._errors import ConfigurationError, quoted
from .._redact import redacted, secrets_in

try:
    import requests
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]

DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 9110, section 5.5, without what is obsolete there.
FIELD_VALUE = re.compile(r"([!-~][\t -~]*)?")


class Address:
    """An http or https address of a file; `option` is the one that gives it.

    User name, password and `headers` are for the host of the address only. `url` is the address as it is requested, and
    `str()` is what users may read of it.
    """

    def __init__(
        self,
        text: str,
        option: str = "url",
        username: str | None = None,
        password: str | None = None,
        headers: Mapping[str, Any] | None = None,
    ) -> None:
        parts = _parts_of(text, option)
        username = unquote(parts.username) if username is None and parts.username is not None else username
        password = unquote(parts.password) if password is None and parts.password is not None else password
        self.option = option
        self.url = requoted(text)
        self.filename = unquote(basename(parts.path))
        # What a file of checksums may call it.
        self.names = (self.filename, basename(parts.path))
        self.credentials = None if username is None else (username, password or "")
        self.headers = _checked_headers(headers or {})
        self.secrets = tuple(secret for secret in (password, *self.headers.values(), *secrets_in(text)) if secret)

    def __str__(self) -> str:
        return redacted(self.url)

    @property
    def is_public(self) -> bool:
        """Whether everybody who has only the address can fetch the file."""
        return self.credentials is None and not self.headers

    def beside(self, text: str, option: str) -> Address:
        """Another address, with the credentials of this one if both are of one host."""
        if "://" in text and is_same_host(self.url, text):
            username, password = self.credentials or (None, None)
            return Address(text, option, username, password, self.headers)
        return Address(text, option)


def requoted(address: str) -> str:
    """The address without blanks and the like; the host stays as it is, because it is encoded in another way."""
    parts = urlsplit(address)
    requote = requests.utils.requote_uri
    return parts._replace(path=requote(parts.path), query=requote(parts.query)).geturl()


def is_same_host(first: str, second: str) -> bool:
    """Whether the credentials for the first address may be sent to the second."""
    try:
        here, there = _origin(first), _origin(second)
    except ValueError:
        return False
    # The step from http to https on the standard ports leads to the same server, and hides more.
    return here == there or (here[1] == there[1] and here[0::2] == ("http", 80) and there[0::2] == ("https", 443))


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)


def _parts_of(text: str, option: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _origin(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        # A text that is not an address is not quoted: it may be a secret in the wrong place.
        what = quoted(redacted(text)) if "://" in text else "it"
        raise ConfigurationError(
            f"{option}: {what} is not the address of a file. Write http://host/path or https://host/path, and in a "
            "user or password %2F for a slash, %3F for ?, %23 for # and %40 for @; a file on the host where the task "
            "runs is given with path."
        )
    if "@" in parts.fragment:
        # The host would be a part of a password or token, and its name be asked for.
        raise ConfigurationError(
            f"{option}: {quoted(redacted(text))} has a # before its last @. Write %23 for a # in a user or password."
        )
    return parts


def _checked_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    if any(isinstance(value, (list, dict)) for value in headers.values()):
        raise ConfigurationError("url_headers: a header has one value, and no list or dictionary. Write a text.")
    checked = {str(name): str(value) for name, value in headers.items() if value is not None}
    for name, value in checked.items():
        if not FIELD_NAME.fullmatch(name) or not FIELD_VALUE.fullmatch(value):
            # A name that is none may be a whole header, with its secret.
            which = f"the value of {quoted(name)}" if FIELD_NAME.fullmatch(name) else "one of the names"
            raise ConfigurationError(
                f"url_headers: {which} holds a character that no header can have, or begins or ends with a blank."
            )
    return checked
