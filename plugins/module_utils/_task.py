# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse, find, plan, apply, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ._arguments import FuturePath
from ._client.options import CONNECTION_OPTIONS
from ._errors import DataError, LostRace, MissingPath, NotReady, PcdError
from ._redact import hidden_texts, hide_in, printable, redacted_text
from ._session import Params, Result, Runtime, Session, open_session

# How often a task is planned if other runs are faster.
MAX_PLANS = 10

IN_CHECK_MODE = (
    "This is check mode, in which tasks before this one make nothing. If one of them makes the image or gives it its "
    "data, this task finds it in a real run."
)


class Request(Protocol):
    """What a task is asked for: its options, parsed."""

    @property
    def secrets(self) -> Sequence[str]:
        """What may stand in no message, beside the credentials of the cloud."""


class Change(Protocol):
    """Something that a task is about to do, and that it can predict."""

    def preview(self) -> Result:
        """The result that `apply` would have."""

    def apply(self) -> Result:
        """Do it; the result."""


R = TypeVar("R", bound=Request)


class Task(Generic[R]):
    """The whole content of a module beside its documentation.

    `parse` makes the request of the options, and raises if there is something wrong with them; nothing is sent before.
    `work` looks at the service; it returns a change, which is then applied or previewed, or a result if there is only
    something to read. `meant_by` are the options that say which images are meant if `id` does not.
    With `writes_file`, the result has a file as `dest`, which gets the attributes that Ansible's file options ask for.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        parse: Callable[[Params], R],
        work: Callable[[R, Session], Change | Result],
        writes_file: bool = False,
        meant_by: Sequence[str] = ("name",),
        constraints: Mapping[str, Any] | None = None,
        libraries: Sequence[str] = ("requests",),
    ) -> None:
        self.options = options
        self.parse = parse
        self.work = work
        self.writes_file = writes_file
        self.meant_by = meant_by
        self.constraints = constraints or {}
        self.libraries = libraries

    @property
    def argument_spec(self) -> dict[str, Any]:
        return {**CONNECTION_OPTIONS, **self.options}


def perform(
    task: Task[R],
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    runtime: Runtime | None = None,
) -> Result:
    """What the task answers; every error that is not a bug of ours is a PcdError."""

    def say(text: str) -> None:
        # A warning shows no more than the message of an error does.
        warn(redacted_text(printable(text)))

    try:
        return _performed(task, params, check_mode, say, environ, runtime or Runtime())
    except PcdError:
        raise
    except Exception as bug:
        # It stays a traceback, which tells every exception on the way to it; those of libraries quote addresses.
        hide_in(bug, hidden_texts(task.argument_spec, params, ()))
        raise


def _performed(
    task: Task[R],
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    runtime: Runtime,
) -> Result:
    request = _parsed(task, params, check_mode, warn)
    session = open_session(params, warn, environ, runtime, request.secrets)
    kept, is_repeated = False, False
    for plans in range(1, MAX_PLANS + 1):
        try:
            work = task.work(request, session)
            if isinstance(work, dict):
                return {"changed": False, **work}
            result = work.preview() if check_mode else work.apply()
        except NotReady as error:
            raise error.with_note(IN_CHECK_MODE) if check_mode else error from None
        except DataError as error:
            # A vendor has published between the checksum and the data. Once is enough: it is not done every minute.
            if is_repeated or not error.is_outdated():
                raise
            is_repeated = True
        except LostRace as error:
            # What this run has made is gone again, and another image took its place; or another run goes on with it.
            kept = kept or error.kept
            if plans == MAX_PLANS:
                raise
        else:
            return {**result, "changed": result["changed"] or kept}
    raise AssertionError("the last plan is applied, or raises")


def _parsed(task: Task[R], params: Params, check_mode: bool, warn: Callable[[str], object]) -> R:
    """The request. In check mode, a path may lead to nothing yet."""
    while True:
        try:
            return task.parse(params)
        except MissingPath as error:
            path = params[error.option]
            if not check_mode or isinstance(path, FuturePath):
                raise
            warn(
                f"{error.option}: {path} is not there in check mode. A task before this one may make it in a real run, "
                "which fails otherwise. What depends on it is not predicted."
            )
            params = {**params, error.option: FuturePath(path)}
