# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vendor's file at a URL: what the task itself downloads, with credentials that only the named host gets."""

from __future__ import annotations

import base64
import os
import re
import ssl
import warnings
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from .._client.failures import is_timeout, may_recover, reason_for
from .._client.http import announced_length, count_in, new_session
from .._client.proxies import proxies_for
from .._client.retry import SYSTEM_CLOCK, Attempts, Clock, is_transient
from .._client.transport import Transport, attempts_of
from .._errors import (
    BrokenOff,
    ConfigurationError,
    DataError,
    quoted,
)
from .._redact import (
    encodings,
    host_in,
    redact_secrets,
    redacted,
    secrets_in,
)
from .address import DEFAULT_PORTS, Address, is_same_host, requoted
from .format import MAX_MAGIC_BYTES, PAGE_TYPES, compression_of, document_of, no_disk

try:
    import requests
    import urllib3
    from requests.adapters import HTTPAdapter
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]
    HTTPAdapter = object  # type: ignore[assignment, misc]

MAX_REDIRECTS = 10
REDIRECTS = (301, 302, 303, 307, 308)
# Answers that say "not now"; of a vendor's server, nobody knows what a 500 means.
BUSY = (408, 429, 502, 503, 504)
MAX_LISTING_CHARACTERS = 4 << 20
# What a file is by the end of its name, as `compression_of` calls it.
PACKED = {".gz": "gz", ".tgz": "gz", ".bz2": "bz2", ".xz": "xz", ".zst": "zst", ".z": "compress (.Z)"}
# The codings whose first bytes tell whether they were applied (RFC 9110, section 8.4.1, and names that servers use).
VISIBLE_CODINGS = ("gzip", "bzip2", "xz", "zstd", "compress")
NO_CODINGS = ("", "identity", "chunked")
PEEK = 4096

# The range of an answer that begins with the first byte (RFC 9110, section 14.4).
PART = re.compile(r"bytes 0-\d+/(?P<size>\d+|\*)")


class Beginning(NamedTuple):
    """The size of a file, None if it is not known; and its first bytes, None if the server gave others or too few."""

    size: int | None
    start: bytes | None


class Url:
    """A file at an address, fetched with this transport.

    `transport.verify` is False, True, or the file of a CA that is trusted beside those that are trusted anyway.
    Credentials are sent to the host of the address only; a redirect to another one does not take them along.
    """

    def __init__(self, address: Address, transport: Transport, clock: Clock = SYSTEM_CLOCK) -> None:
        self._address = address
        self._option = address.option
        self._transport = transport
        self._secrets = encodings(address.secrets)
        self._clock = clock

    def __str__(self) -> str:
        return str(self._address)

    @property
    def filename(self) -> str:
        return self._address.filename

    @contextmanager
    def open(self) -> Iterator[_Download]:
        with self._opened() as download:
            self._refuse_page(download)
            yield download

    @contextmanager
    def _opened(self) -> Iterator[_Download]:
        with _session(self._transport) as session:
            response = self._answer(session)
            try:
                download = _Download(self, response)
                self._refuse_packed(response, download)
                yield download
            finally:
                response.close()

    def beginning(self, count: int) -> Beginning:
        """The first `count` bytes and the size of all, by one request for these bytes (RFC 9110, section 14.2)."""
        attempts = self.attempts()
        while True:
            try:
                return self._beginning(count)
            except DataError as error:
                if not is_transient(error) or not attempts.again():
                    raise error.tried(attempts.count) from None

    def _beginning(self, count: int) -> Beginning:
        with _session(self._transport) as session:
            response = self._answer(session, {"Range": f"bytes=0-{count - 1}"})
            try:
                if response.status_code == 416:
                    # No byte of an empty file can be asked for.
                    if response.headers.get("Content-Range", "").strip() == "bytes */0":
                        return Beginning(0, b"")
                    raise self._refused(response)
                download = _Download(self, response)
                self._refuse_packed(response, download)
                self._refuse_page(download)
                start = download.peek(count)
            finally:
                response.close()
        if response.status_code == 200:
            return Beginning(download.size, start)
        part = PART.fullmatch(response.headers.get("Content-Range", "").strip())
        size = None if part is None else count_in(part["size"])
        return Beginning(size, start if part is not None and len(start) in (count, size) else None)

    def attempts(self) -> Attempts:
        """Counts how often a download that broke off is begun again. It may take long, so that no deadline ends it."""
        return Attempts(self._transport.retries, self._clock)

    def text(self) -> str:
        """The whole of a small file of text."""
        attempts = self.attempts()
        while True:
            try:
                return self._text()
            except DataError as error:
                if not is_transient(error) or not attempts.again():
                    raise error.tried(attempts.count) from None

    def _text(self) -> str:
        content = b""
        with self._opened() as reading:
            while block := reading.read(1 << 16):
                content += block
                if len(content) > MAX_LISTING_CHARACTERS:
                    raise DataError(f"{self._option}: {self} is too large to be a file of checksums.")
            reading.finish()
        return content.decode("utf-8", errors="replace")

    def broken(self, error: Exception, received: int) -> DataError:
        """The error for a connection that broke off between two blocks. Of a silent server no more is expected."""
        reason = self._failure(error, self._address.url)
        kind = DataError if is_timeout(error) else BrokenOff
        return kind(f"{self._option}: the download of {self} broke off after {received} bytes: {reason}")

    def ended_early(self, received: int, size: int) -> BrokenOff:
        return BrokenOff(
            f"{self._option}: {self} ended early: {size} bytes were announced, {received} came. Nothing of it is used; "
            "run the task again.",
            expected=size,
            actual=received,
        )

    def _answer(self, session: requests.Session, headers: Mapping[str, str] | None = None) -> requests.Response:
        address = self._address.url
        for dummy in range(MAX_REDIRECTS + 1):
            response = self._fetch(session, address, headers or {})
            location = response.headers.get("Location")
            if response.status_code not in REDIRECTS or not location:
                return self._good(response, (200, 206, 416) if headers else (200,))
            response.close()
            left = address
            try:
                # As it is sent: in UTF-8, which http.client reads as Latin-1.
                location = location.encode("latin-1").decode("utf-8", errors="replace")
                address = requoted(urljoin(address, location))
                followed = urlsplit(address).scheme in DEFAULT_PORTS
            except ValueError:
                address, followed = location, False
            if not followed:
                target = quoted(redacted(address))
                raise DataError(f"{self._option}: {self} redirects to {target}, which is not an http address.")
            if _is_step_down(left, address):
                raise self._leads_to_plain_http(left, address)
        raise DataError(f"{self._option}: {self} redirects more than {MAX_REDIRECTS} times. Give the final address.")

    def _leads_to_plain_http(self, left: str, address: str) -> DataError:
        target = self._redact(redacted(address))
        return DataError(
            f"{self._option}: {self._redact(redacted(left))} leads from https to plain http, to {target}. That is not "
            "followed, because the data could be changed on its way. Give an https address that leads to no "
            "other; or, if plain http is enough for this file, the http address itself.",
            redirect=target,
        )

    def _fetch(self, session: requests.Session, address: str, wanted: Mapping[str, str]) -> requests.Response:
        trusted = is_same_host(self._address.url, address)
        # Packed for the way, its length and its hash would not be those of the file.
        headers = {
            "Accept": "*/*",
            **wanted,
            **(self._trusted_headers() if trusted else {}),
            "Accept-Encoding": "identity",
        }
        attempts = attempts_of(self._transport, self._clock)
        waited_for = f"fetch {self}: no answer from {host_in(address)}"
        while True:
            try:
                with warnings.catch_warnings(), self._transport.progress.waiting(waited_for):
                    warnings.simplefilter("ignore")
                    response = session.get(
                        _without_login(address),
                        headers=headers,
                        proxies=proxies_for(address),
                        timeout=self._transport.timeouts,
                        stream=True,
                        allow_redirects=False,
                    )
            except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
                if may_recover(error) and attempts.again():
                    continue
                reason = redact_secrets(self._failure(error, address), encodings(secrets_in(address)))
                # Without the cause, whose text may hold the whole address.
                raise DataError(f"{self._option}: could not fetch {self}: {reason}").tried(attempts.count) from None
            if response.status_code not in BUSY:
                return response
            response.close()
            if not attempts.again(retry_after=response.headers.get("Retry-After")):
                return response

    def _trusted_headers(self) -> dict[str, str]:
        headers, credentials = self._address.headers, self._address.credentials
        if credentials is None:
            return headers
        # Written here, because requests encodes it in Latin-1, which lacks most letters (RFC 7617, section 2.1).
        login = base64.b64encode(":".join(credentials).encode()).decode()
        return {**headers, "Authorization": f"Basic {login}"}

    def _good(self, response: requests.Response, accepted: Sequence[int]) -> requests.Response:
        if response.status_code in accepted:
            return response
        response.close()
        raise self._refused(response)

    def _refused(self, response: requests.Response) -> DataError:
        answered = self._redact(f"{response.status_code} {response.reason}")
        advice = "Check the address."
        if response.status_code in (401, 403):
            advice = "Check url_username, url_password and url_headers; they reach no other host than that of the url."
        elif response.status_code >= 500 or response.status_code == 429:
            advice = "Run the task again later."
        return DataError(f"{self._option}: {self} answered {answered}. {advice}", status=response.status_code)

    def _refuse_packed(self, response: requests.Response, download: _Download) -> None:
        """Raises if the server has packed the file for the transfer: its length and hash are not those of the file.

        Servers say so of a file that is packed itself, too, and send it as it is; its first bytes tell.
        """
        content, transfer = (_codings(response.headers.get(name)) for name in ("Content-Encoding", "Transfer-Encoding"))
        if not content and not transfer:
            return
        if not transfer and _is_called_packed(content, self.filename, download.peek()):
            return
        named = ", ".join(content + transfer)
        raise DataError(
            f"{self._option}: {self} was sent packed ({named}), though that was not asked for, so that it is "
            "not the file. Give another address, or download it first and give its path.",
            content_encoding=named,
        )

    def _refuse_page(self, download: _Download) -> None:
        """Raises if the server calls it a web page, and the bytes do not show that it is none."""
        document = document_of(download.peek(), download.media_type) if download.media_type in PAGE_TYPES else None
        if document is not None:
            raise DataError(f"{self._option}: {no_disk(document, str(self))}", document=document)

    def _failure(self, error: Exception, address: str) -> str:
        if not isinstance(error, (requests.RequestException, urllib3.exceptions.HTTPError)):
            return "it leads to an address that cannot be read."
        if isinstance(error, requests.exceptions.SSLError):
            # The usual advice is about validate_certs, which is not about vendors.
            return (
                f"the certificate of {host_in(address)} cannot be trusted, or TLS failed. Give the CA of the vendor "
                "with ca_cert."
            )
        return self._redact(reason_for(error, _without_login(address), self._transport))

    def _redact(self, text: str) -> str:
        return redact_secrets(text, self._secrets)


class _Download:
    def __init__(self, url: Url, response: requests.Response) -> None:
        self._url = url
        self._response = response
        self._count = 0
        self._peeked = b""
        # Workaround for urllib3 1.26: it notices a body that ends early only with this.
        response.raw.enforce_content_length = True
        self.size = announced_length(response.headers)
        self.media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def peek(self, count: int = PEEK) -> bytes:
        """The first bytes, which `read` gives all the same."""
        while len(self._peeked) < count and (block := self._received(count - len(self._peeked))):
            self._peeked += block
        return self._peeked

    def read(self, count: int) -> bytes:
        if self._peeked:
            block, self._peeked = self._peeked[:count], self._peeked[count:]
            return block
        return self._received(count)

    def _received(self, count: int) -> bytes:
        try:
            block: bytes = self._response.raw.read(count, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            ended = next(
                (cause for cause in (error, *error.args) if isinstance(cause, urllib3.exceptions.IncompleteRead)), None
            )
            if ended is None or self.size is None:
                raise self._url.broken(error, self._count) from None
            raise self._url.ended_early(int(ended.partial), self.size) from None
        self._count += len(block)
        return block

    def finish(self) -> None:
        if self.size is not None and self._count != self.size:
            raise self._url.ended_early(self._count, self.size)


def _codings(header: str | None) -> list[str]:
    """How the body is packed, in the order in which that was done."""
    named = [coding.strip().lower() for coding in (header or "").split(",")]
    return [coding for coding in named if coding not in NO_CODINGS]


def _is_called_packed(codings: list[str], name: str, start: bytes) -> bool:
    """Whether a body with this start is the packed file `name` itself, which its server only calls packed."""
    kind = next((kind for ending, kind in PACKED.items() if name.lower().endswith(ending)), None)
    if len(codings) != 1 or codings[0].removeprefix("x-") not in VISIBLE_CODINGS:
        return False
    if kind is None or compression_of(start) != kind:
        return False
    return kind != "gz" or compression_of(_gunzipped(start)) != "gz"


def _gunzipped(start: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(start, MAX_MAGIC_BYTES)
    except zlib.error:
        return b""


def _is_step_down(left: str, address: str) -> bool:
    return urlsplit(left).scheme == "https" and urlsplit(address).scheme == "http"


def _without_login(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _session(transport: Transport) -> requests.Session:
    session = new_session()
    session.verify = transport.verify is not False
    if isinstance(transport.verify, str):
        context = urllib3.util.ssl_.create_urllib3_context()
        context.load_default_certs()
        try:
            place = "capath" if os.path.isdir(transport.verify) else "cafile"
            context.load_verify_locations(**{place: transport.verify})
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"ca_cert: {transport.verify} is not a file of certificates: {error}.") from None
        session.mount("https://", _Trusting(context))
    return session


class _Trusting(HTTPAdapter):
    """Trusts what the context trusts, and the usual certificates beside."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, ssl_context=self._context)

    def proxy_manager_for(self, proxy: Any, **options: Any) -> Any:
        return super().proxy_manager_for(proxy, **options, ssl_context=self._context)
