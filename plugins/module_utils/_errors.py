# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that this collection raises on purpose.

PcdError
├── ConfigurationError      options that cannot be used together, a missing file, an unknown cloud
├── PlanError               the desired state cannot be reached: ambiguous name, protected, wrong status
│   └── NotReady            there is no such image, or it has no data yet
├── ConnectionFailed        no response: refused, broken off, timeout
│   └── Unreachable         it fails in a moment, too: DNS, TLS
├── ApiError                a response that is an error, or not of this API
│   ├── Unauthorized 401 · Forbidden 403 · NotFound 404 · Conflict 409
│   │   └── TokenRenewed    there is a new token by now
│   └── TooLarge 413 · UnsupportedMedia 415 · OutOfReach 500
├── DataError               bytes are not what was promised, or cannot be read or written
│   ├── BrokenOff           they broke off on their way, and may come as a whole the next time
│   ├── RefusedData         the service refused them, and its record accepts no others any more
│   ├── WrongData           an image is active with other bytes than those that were sent
│   └── MissingPath         a file or folder that an option names does not exist; a ConfigurationError, too
├── TimedOut                the service still works on it after the timeout of the task
│   └── Abandoned           it does not any more, but its record does not say so
└── LostRace                another run was first; the task has to be planned again

A message says what was wanted, what happened and what to do next. What a program may want to read is in `facts`.
Whether the same request may succeed in a moment is said by `is_transient` in `_client.retry`, by type and status only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from ._redact import printable, redacted, redacted_text

E = TypeVar("E", bound="ApiError")


class PcdError(Exception):
    """The root: its text is the task's message, `facts` (plain JSON) become a part of the task's result.

    `is_cut` says whether the data of an upload was not sent to its end; at the most `sent` bytes of it were.
    """

    is_cut = False
    sent = 0

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(_safe(message))
        self.facts = facts

    def __copy__(self) -> PcdError:
        # Python would call the class with the text only, and some need more than that.
        copied = type(self).__new__(type(self), *self.args)
        copied.__dict__.update(self.__dict__)
        return copied

    def with_note(self, message: str) -> PcdError:
        """The same error, with one sentence more about what became of it."""
        text = str(self)
        self.args = (f"{text}{'' if text.endswith(('.', ')')) else '.'} {_safe(message)}",)
        return self

    def tried(self, count: int) -> PcdError:
        """The same error; if there was more than one attempt, it says how many."""
        return self.with_note(f"It was tried {count} times.") if count > 1 else self


class ConfigurationError(PcdError):
    """The options cannot be used as they are; nothing has been sent."""


class PlanError(PcdError):
    """The image that exists cannot get the desired state; nothing has been written."""


class NotReady(PlanError):
    """There is no such image, or it has no data yet. In check mode, a task before this one may make it."""


class ConnectionFailed(PcdError):
    """No response came. `was_sent` is false if there was no connection to send the request through."""

    def __init__(self, message: str, *, was_sent: bool = True, **facts: Any) -> None:
        super().__init__(message, **facts)
        self.was_sent = was_sent


class Unreachable(ConnectionFailed):
    """The name does not resolve, or TLS failed: neither changes in seconds."""


class ApiError(PcdError):
    """The service responded, but not with what was asked for.

    `status` is the HTTP status; `server_message` is the service's own text without markup and may be empty.
    `retry_after` is the header of that name: when the service wants the request again.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str,
        url: str,
        status: int,
        server_message: str,
        request_id: str | None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message, method=method, url=url, status=status, request_id=request_id)
        self.status = status
        self.server_message = server_message
        self.request_id = request_id
        self.retry_after = retry_after
        self._method, self._url = method, url

    def with_message(self, message: str) -> ApiError:
        """The same response with another message, to which the request id is added."""
        return self._as(type(self), f"{message} (request id {self.request_id})" if self.request_id else message)

    def out_of_reach(self, message: str) -> OutOfReach:
        """The same response, once it is known that it will always be the same."""
        return self._as(OutOfReach, f"{message} (request id {self.request_id})" if self.request_id else message)

    def _as(self, kind: type[E], message: str) -> E:
        return kind(
            message,
            method=self._method,
            url=self._url,
            status=self.status,
            server_message=self.server_message,
            request_id=self.request_id,
            retry_after=self.retry_after,
        )


class Unauthorized(ApiError):
    """401: the credential or the token is not accepted."""

    def renewed(self) -> TokenRenewed:
        """The same response, once there is a new token."""
        return self._as(TokenRenewed, str(self))


class TokenRenewed(Unauthorized):
    """401 for a token in whose place there is a new one: what was asked for can be asked for again."""


class Forbidden(ApiError):
    """403: the policy of the service does not allow it."""


class NotFound(ApiError):
    """404: not there, or not visible to this project."""


class Conflict(ApiError):
    """409: it is in a state that does not allow this, or exists already."""


class TooLarge(ApiError):
    """413: a quota or a limit of the service."""


class OutOfReach(ApiError):
    """500, always: the data lies in a store that this service does not know."""


class UnsupportedMedia(ApiError):
    """415: the service does not take this kind of content."""


class DataError(PcdError):
    """Bytes are not what was promised, or cannot be read or written.

    If two digests or sizes were compared, `facts` has expected, actual and algorithm. `recheck` looks whether the
    checksum file has been changed since it was read.
    """

    recheck: Callable[[], bool] | None = None

    def is_outdated(self) -> bool:
        """Whether what was stated is no longer stated, so that the same task may succeed now."""
        return self.recheck is not None and self.recheck()


class BrokenOff(DataError):
    """The bytes broke off on their way. The same transfer may succeed in a moment."""


class MissingPath(ConfigurationError, DataError):
    """What `option` names is not there, a file or a folder. In check mode, a task before this one may make it.

    `places` are those of the paths in the options, each as the keys and numbers that lead to it.
    """

    def __init__(self, message: str, option: str, places: Sequence[Sequence[str | int]] = ()) -> None:
        super().__init__(message)
        self.option = option
        self.places = places or ((option,),)


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
    """The service is still working on something after the timeout of the task."""


class Abandoned(TimedOut):
    """The data was not sent to its end, and its record still says that it is coming: nobody will bring the rest."""


class LostRace(PcdError):
    """Another run does the same at the same moment, so the task has to look again and plan again.

    `done` is what the result says of that which this run has done before, if the next plan changes nothing.
    """

    done: Mapping[str, Any] = {}


def quoted(text: str) -> str:
    """A word of a user or a service within a message, on one line and without control characters.

    If it is an address, it is redacted here, because one with a blank has no known end within a message.
    """
    return f"'{printable(redacted(text) if '://' in text else text)}'"


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
