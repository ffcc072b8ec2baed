# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that this collection raises on purpose.

PcdError
├── ConfigurationError      options that cannot be used together, a missing file, an unknown cloud
├── PlanError               the wish cannot be reached: ambiguous name, protected, wrong status, immutable attribute
│   └── NotReady            there is no such image, or it has no data yet
├── ConnectionFailed        nothing answered: DNS, refused, TLS, timeout
├── ApiError                an answer that is an error, or no answer of this API
│   ├── Unauthorized 401 · Forbidden 403 · NotFound 404 · Conflict 409
│   └── TooLarge 413 · UnsupportedMedia 415
├── DataError               bytes are not what was promised, or cannot be read or written
│   ├── RefusedData         the service refused them, and its record takes no others any more
│   ├── WrongData           an image is active with other bytes than those that were sent
│   └── MissingPath         a file or folder that an option names is not there; a ConfigurationError, too
├── NotFinished             the service still works on it when the patience of the task has ended
└── Overtaken               another run was first; the task has to be planned again

A message says what was wanted, what happened and what to do next. What a program may want to read travels in `facts`.
"""

from __future__ import annotations

from typing import Any

from ._redact import printable, redacted_text

# Answers that say "not now" rather than "no", and those after which nobody knows what was done.
TRANSIENT = (408, 429, 500, 502, 503, 504)


class PcdError(Exception):
    """The root: its text is the task's message, `facts` (plain JSON) joins the task's result.

    `passing` says whether the same request may go better in a moment; whether it was done is then not known. The
    service may say when, as `retry_after`.
    """

    transient = False
    retry_after: str | None = None

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(_safe(message))
        self.facts = facts

    def with_note(self, message: str) -> PcdError:
        """The same error, with one sentence more about what became of it."""
        text = str(self)
        self.args = (f"{text}{'' if text.endswith(('.', ')')) else '.'} {_safe(message)}",)
        return self

    def tried(self, count: int) -> PcdError:
        """The same error; where that was more than one attempt, it says how many."""
        return self.with_note(f"It was tried {count} times.") if count > 1 else self


class ConfigurationError(PcdError):
    """What the user wrote cannot be used as it stands; nothing has been sent."""


class PlanError(PcdError):
    """The image that is there cannot become what is wished; nothing has been written."""


class NotReady(PlanError):
    """There is no such image, or it has no data yet. In check mode, a task before this one may make it."""


class ConnectionFailed(PcdError):
    """No answer came: the name did not resolve, the connection was refused, TLS failed, or time ran out.

    `unsent` says whether the request can have reached nobody.
    """

    transient = True
    unsent = False


class ApiError(PcdError):
    """The service answered, but not with what was asked for.

    `status` is the HTTP status; `server_message` holds the service's own words without markup and may be empty.
    """

    def __init__(
        self, message: str, *, method: str, url: str, status: int, server_message: str, request_id: str | None
    ) -> None:
        super().__init__(message, method=method, url=url, status=status, request_id=request_id)
        # A success that is none of this API comes from somebody in between, and tells nothing of what was done.
        self.transient = status in TRANSIENT or 200 <= status < 300
        self.status = status
        self.server_message = server_message
        self._method, self._url, self.request_id = method, url, request_id

    def with_message(self, message: str) -> ApiError:
        """The same answer, told in other words; the request id is added to them."""
        told = type(self)(
            f"{message} (request id {self.request_id})" if self.request_id else message,
            method=self._method,
            url=self._url,
            status=self.status,
            server_message=self.server_message,
            request_id=self.request_id,
        )
        told.transient, told.retry_after = self.transient, self.retry_after
        return told


class Unauthorized(ApiError):
    """401: the credential or the token is not accepted. It is passing where there is a new token by now."""


class Forbidden(ApiError):
    """403: the policy of the service does not allow it."""


class NotFound(ApiError):
    """404: not there, or not visible to this project."""


class Conflict(ApiError):
    """409: it is in a state that does not allow this, or exists already."""


class TooLarge(ApiError):
    """413: a quota or a limit of the service."""


class UnsupportedMedia(ApiError):
    """415: the service does not take this kind of content."""


class DataError(PcdError):
    """Bytes are not what was promised, or cannot be read or written. It is passing if they broke off on their way.

    Where two digests or sizes were compared, `facts` hold expected, actual and algorithm.
    """


class MissingPath(ConfigurationError, DataError):
    """What `option` names is not there, a file or a folder. In check mode, a task before this one may make it."""

    def __init__(self, message: str, option: str) -> None:
        super().__init__(message)
        self.option = option


class RefusedData(DataError):
    """The service refused the data, and its record `image_id` takes no other any more."""

    def __init__(self, message: str, image_id: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.image_id = image_id


class WrongData(DataError):
    """The image `image_id` has become active with other bytes than those that were meant."""

    def __init__(self, message: str, image_id: str, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.image_id = image_id


class TimedOut(PcdError):
    """The service still works on something, longer than the task was told to wait."""


class LostRace(PcdError):
    """Another run does the same at the same moment, so that it has to be looked at anew what there is left to do.

    `kept` says whether this run has made something by then that stays.
    """

    kept = False


def quoted(text: str) -> str:
    """A word of a user or a service within a message, on one line and without control characters."""
    return f"'{printable(text)}'"


def _safe(message: str) -> str:
    # Users and services write line breaks, control characters and addresses with a password; a message shows none.
    return redacted_text(printable(message))


BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    415: UnsupportedMedia,
}
