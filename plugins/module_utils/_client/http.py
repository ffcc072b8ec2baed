# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One session to one service: TLS, timeouts, retries, and every form of error turned into an exception.

Redirects are never followed, so that a token or a password reaches no other host than the one that was named.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from .._errors import (
    BY_STATUS,
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    PcdError,
    Unauthorized,
    Unreachable,
)
from .._redact import (
    encodings,
    host_in,
    redact_secrets,
    redacted,
    redacted_text,
)
from .connections import read_early_responses
from .proxies import proxies_for, unusable_proxy
from .retry import SYSTEM_CLOCK, Clock, is_away, is_transient
from .transport import Transport, attempts_of, decoded

try:
    import requests
    import urllib3
    from requests import Session
except ImportError:  # the module says so with missing_required_lib before anything is sent
    requests = None  # type: ignore[assignment]
    Session = object  # type: ignore[assignment, misc]

T = TypeVar("T")

MAX_ERROR_BODY_BYTES = 20_000
STILL_AWAY = "It was tried only once, because the service did not answer the task before, either, after all retries."
# What to do after a response that says something of an image, if the service itself did not give it.
OF_OTHERS = {
    404: "Check the address: the service itself did not answer this.",
    409: "Check what is in front of the service: it did not answer this itself.",
}
# With */*, Glance describes an error of a download in HTML.
STREAM_OR_ERROR = "application/octet-stream, application/json;q=0.9"
# A number of bytes in a header: 64 bits have no more digits, and Python does not read several thousand of them.
COUNT = re.compile(r"[0-9]{1,19}")


class Answer(NamedTuple):
    """A successful answer. `payload` is the decoded JSON document, None if the body is empty."""

    status: int
    headers: Mapping[str, str]
    payload: Any
    request_id: str | None


class Http:
    """Requests to one base URL. `secrets` are removed from everything that is said about an error.

    `renew` takes the token that the service no longer accepts, and returns a new one.
    """

    def __init__(
        self,
        base_url: str,
        transport: Transport,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        clock: Clock = SYSTEM_CLOCK,
        session: Session | None = None,
        renew: Callable[[str], str] | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._transport = transport
        self._secrets = [*secrets]
        self._clock = clock
        self._renew = renew
        self._session = session or new_session()
        self._session.headers["Accept"] = "application/json"
        self._session.headers.update(headers or {})
        self._session.proxies = proxies_for(self.base_url)
        self._session.verify = transport.verify
        self._session.cert = transport.client_cert

    def request(
        self,
        method: str,
        path: str,
        *,
        purpose: str,
        expected: tuple[int, ...],
        query: Iterable[tuple[str, str]] = (),
        body: Any = None,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """The answer, whose status is one of `expected`.

        `purpose` is what the user wants to happen ("delete image X"), for the message of an error. A request without a
        `body` carries none at all: Glance refuses DELETE and actions with one. After a transient error, a `repeatable`
        request (one that changes nothing) is sent again, and any other request only if it has reached nobody.
        """
        sent = None if body is None else json.dumps(body).encode()
        sent_headers = {**(headers or {}), **({} if sent is None else {"Content-Type": content_type})}

        def ask() -> Answer:
            response = self._response(method, path, purpose, params=list(query), data=sent, headers=sent_headers)
            answer = self._answer(response, purpose, expected)
            if repeatable and answer.payload is None:
                raise self.wrong_shape(answer, method, path, purpose, "nothing in it")
            return answer

        with self._transport.progress.waiting(self._waited_for(purpose)):
            return self._repeated(ask, is_transient if repeatable else _was_not_sent)

    def items(
        self,
        path: str,
        key: str,
        purpose: str,
        is_item: Callable[[Any], bool],
        query: Iterable[tuple[str, str]] = (),
    ) -> list[dict[str, Any]]:
        """The list that the answer to a GET has under this key, whose items are all such that `is_item` holds."""
        answer = self.request("GET", path, purpose=purpose, expected=(200,), query=query, repeatable=True)
        found = answer.payload.get(key) if isinstance(answer.payload, dict) else None
        if not isinstance(found, list) or not all(is_item(item) for item in found):
            raise self.wrong_shape(answer, "GET", path, purpose, f"no list of {key}")
        return found

    def _waited_for(self, purpose: str) -> str:
        return f"{purpose}: no answer from {host_in(self.base_url)}"

    def send(
        self, path: str, body: Iterable[bytes], *, purpose: str, headers: Mapping[str, str], timeout: float
    ) -> None:
        """PUT a body block by block, once; `timeout` is the seconds that the service may take to answer it.

        What iterating over the body raises comes out as it is, and the service then gets no complete request. After
        TokenRenewed, the body has to be sent again from its beginning.
        """
        # The first of both is also that for each block, which a busy service may take slowly (urllib3's
        # connectionpool.py, `_make_request`), so that it is not the short one of `timeouts`.
        timeouts = (self._transport.timeout, max(self._transport.timeout, timeout))
        response = self._response("PUT", path, purpose, data=body, headers=dict(headers), timeout=timeouts)
        try:
            self._answer(response, purpose, (204,))
        except Unauthorized as error:
            if self._has_renewed(error):
                raise error.renewed() from None
            raise

    @contextmanager
    def stream(
        self, path: str, *, purpose: str, expected: tuple[int, ...], headers: Mapping[str, str]
    ) -> Iterator[requests.Response]:
        """The answer to a GET whose body has not been read yet."""
        # Packed for the way, its length would not be that of the data.
        sent_headers = {**headers, "Accept": STREAM_OR_ERROR, "Accept-Encoding": "identity"}

        def ask() -> requests.Response:
            response = self._response("GET", path, purpose, headers=sent_headers, stream=True)
            if response.status_code not in expected:
                try:
                    # It raises: with no status expected, every answer is an error.
                    self._answer(response, purpose, ())
                except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
                    # The text of the refusal broke off.
                    raise self.broken(error, path, purpose) from error
                finally:
                    response.close()
            return response

        def may_repeat(error: PcdError) -> bool:
            # Glance responds with 500 if it does not know the store, and will not know it in a moment either.
            return is_transient(error) and not (isinstance(error, ApiError) and error.status == 500)

        with self._transport.progress.waiting(self._waited_for(purpose)):
            response = self._repeated(ask, may_repeat)
        with response:
            # Workaround for urllib3 1.26: it notices a body that ends early only with this.
            response.raw.enforce_content_length = True
            yield response

    def broken(self, error: Exception, path: str, purpose: str) -> Exception:
        """The error for an answer that broke off while its body was read."""
        return self._connection_failed(error, purpose, self.base_url + path)

    def _repeated(self, ask: Callable[[], T], may_repeat: Callable[[PcdError], bool]) -> T:
        """What `ask` gives, which is called again after an error of which that is true, and once with a new token."""
        attempts, renewed = attempts_of(self._transport, self._clock), False
        while True:
            try:
                answer = ask()
                self._note(None)
                return answer
            except (ApiError, ConnectionFailed) as error:
                if isinstance(error, Unauthorized) and not renewed and self._has_renewed(error):
                    # Nothing was done for a token that is not accepted, whatever was asked for.
                    renewed = True
                    continue
                may_try = _was_not_sent(error) or may_repeat(error)
                if may_try and self._is_still_away(error):
                    self._note(error)
                    raise error.with_note(STILL_AWAY) from None
                if not may_try or not attempts.again(error):
                    self._note(error)
                    error.tried(attempts.count)
                    raise

    def _is_still_away(self, error: PcdError) -> bool:
        outages = self._transport.outages
        return outages is not None and is_away(error) and outages.is_on(self.base_url, self._clock.now())

    def _note(self, error: PcdError | None) -> None:
        """Take note of how a request has ended."""
        if self._transport.outages is not None:
            self._transport.outages.seen(self.base_url, self._clock.now(), error)

    def _has_renewed(self, error: Unauthorized) -> bool:
        """Whether a new token has replaced the one that the service does not accept."""
        if self._renew is None:
            return False
        try:
            token = self._renew(str(self._session.headers["X-Auth-Token"]))
        except PcdError as second:
            raise error.with_note(f"To get a new one has failed, too: {second}") from None
        self._secrets.append(token)
        self._session.headers["X-Auth-Token"] = token
        return True

    def _response(self, method: str, path: str, purpose: str, **content: Any) -> requests.Response:
        url = self.base_url + path
        try:
            response = self._send(method, url, **content)
            if not content.get("stream"):
                _refuse_cut(response)
            return response
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise self._connection_failed(error, purpose, url) from error

    def _send(self, method: str, url: str, **content: Any) -> requests.Response:
        with warnings.catch_warnings():
            # Switching the verification off is reported once by the module, not on standard error by urllib3.
            warnings.simplefilter("ignore")
            return self._session.request(
                method, url, **{"timeout": self._transport.timeouts, **content}, allow_redirects=False
            )

    def _answer(self, response: requests.Response, purpose: str, expected: tuple[int, ...]) -> Answer:
        request_id = response.headers.get("x-openstack-request-id") or None
        if response.status_code in expected:
            try:
                payload = decoded(response.content) if response.content else None
            except ValueError:
                raise self._api_error(
                    response, purpose, "answered with something that is not JSON", request_id
                ) from None
            return Answer(response.status_code, response.headers, payload, request_id)
        if 300 <= response.status_code < 400:
            target = redacted(response.headers.get("Location", "another address"))
            raise self._api_error(
                response, purpose, f"answered with a redirect to {target}, which is not followed", request_id
            )
        if response.status_code < 400:
            raise self._api_error(response, purpose, "answered with an unexpected status", request_id)
        raise self._api_error(response, purpose, "refused", request_id)

    def wrong_shape(self, answer: Answer, method: str, path: str, purpose: str, lacking: str) -> ApiError:
        """The error for a successful answer whose JSON is not what the operation gives."""
        from .failures import with_request_id

        url = redacted(self.base_url + path)
        message = (
            f"Could not {purpose}: {method} {url} answered {answer.status}, but with {lacking}. "
            "Check that the address is that of the service itself and that no proxy answers in its place."
        )
        return ApiError(
            self._redact(with_request_id(message, answer.request_id)),
            method=method,
            url=url,
            status=answer.status,
            server_message="",
            request_id=None if answer.request_id is None else self._redact(answer.request_id),
        )

    def _api_error(self, response: requests.Response, purpose: str, what: str, request_id: str | None) -> ApiError:
        from .failures import (
            advice_for,
            is_json_object,
            server_words,
            with_request_id,
        )

        request_id = None if request_id is None else self._redact(request_id)
        status = response.status_code
        method, url = str(response.request.method), redacted(response.url)
        # Before it is cut or read: a part of a secret, or another encoding of it, would not be found afterwards.
        body = self._redact(response.content.decode(errors="replace"))[:MAX_ERROR_BODY_BYTES]
        server_message = redacted_text(self._redact(server_words(response.headers.get("Content-Type", ""), body)))
        answered = f"{status} {response.reason}"
        message = f"Could not {purpose}: {method} {url} {what} ({answered})"
        message += f": {server_message}" if server_message not in ("", answered) else "."
        kind = BY_STATUS.get(status, ApiError)
        advice = advice_for(status, request_id)
        if status in OF_OTHERS and not is_json_object(body):
            # OpenStack services say in JSON what they have not found, or what is in the way; this is somebody else, who
            # knows nothing of it.
            kind, advice = ApiError, OF_OTHERS[status]
        if advice:
            message += ("" if message.endswith((".", "!", "?")) else ".") + f" {advice}"
        return kind(
            self._redact(with_request_id(message, request_id)),
            method=method,
            url=url,
            status=status,
            server_message=server_message,
            request_id=request_id,
            retry_after=response.headers.get("Retry-After"),
        )

    def _connection_failed(self, error: Exception, purpose: str, url: str) -> Exception:
        from .failures import is_address_error, is_proxy_address_error, is_timeout, may_recover, reason_for, was_sent

        if is_proxy_address_error(error):
            return unusable_proxy(url)
        if is_address_error(error):
            return ConfigurationError(
                f"Could not {purpose}: {redacted(url)} is not a usable address. Write https://host/path."
            )
        message = self._redact(f"Could not {purpose}: {reason_for(error, url, self._transport)}")
        if may_recover(error) or is_timeout(error):
            return ConnectionFailed(message, was_sent=was_sent(error), url=redacted(url))
        return Unreachable(message, url=redacted(url))

    def _redact(self, text: str) -> str:
        return redact_secrets(text, encodings(self._secrets))


def _was_not_sent(error: PcdError) -> bool:
    """Whether nobody can have got the request, so that it is sent again whatever it is."""
    return isinstance(error, ConnectionFailed) and not error.was_sent


class _Session(Session):
    """Takes nothing from the environment, and follows no redirect."""

    def __init__(self) -> None:
        super().__init__()
        # A netrc file must never supply credentials; the proxies of the environment are set by the caller.
        self.trust_env = False
        self.headers["User-Agent"] = "ansible-platform9.pcd"
        read_early_responses(self)

    def get_redirect_target(self, dummy_response: requests.Response) -> None:
        """None: requests would read the address of a redirect that it does not follow, and fail if it is unreadable."""


def new_session() -> Session:
    """A session that takes nothing from the environment and follows no redirect."""
    return _Session()


def prepare_process() -> None:
    """Let requests do what it does once in a process, such as to compile patterns. Nothing is sent."""
    with new_session() as session:
        wanted = requests.Request("GET", "https://localhost/v2", params=[("limit", "1")], headers={"Accept": "*/*"})
        prepared = session.prepare_request(wanted)
        # Since requests 2.32.
        pool_for = getattr(session.get_adapter("https://localhost"), "get_connection_with_tls_context", None)
        if pool_for is not None:
            pool_for(prepared, True)


def announced_length(headers: Mapping[str, str]) -> int | None:
    """The number of bytes that an answer announces; None if it does not, or sends them in chunks."""
    return None if "Transfer-Encoding" in headers else count_in(headers.get("Content-Length", ""))


def count_in(text: str) -> int | None:
    """The number of bytes that a header says; None if it says none, or one that no file has."""
    return int(text) if COUNT.fullmatch(text) else None


def _refuse_cut(response: requests.Response) -> None:
    """Raises if less of the body came than was announced. A workaround for urllib3 1.26, which does not notice it."""
    announced = announced_length(response.headers)
    has_body = response.request.method != "HEAD" and response.status_code not in (204, 304)
    if has_body and announced is not None and response.raw.tell() < announced:
        raise requests.exceptions.ChunkedEncodingError(f"{response.raw.tell()} of {announced} bytes came")
