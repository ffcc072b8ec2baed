# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parse, find, plan, apply, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from ._arguments import FuturePath
from ._client.options import CONNECTION_OPTIONS
from ._errors import MissingPath, NotReady, PcdError
from ._redact import hidden_texts, hide_in, printable, redacted_text
from ._replan import IN_CHECK_MODE, planned_again
from ._session import Params, Result, Runtime, Session, open_session


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
    `entries` are options that hold the options of images, in a dictionary or in a list of them, each with their spec.
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
        entries: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.options = options
        self.parse = parse
        self.work = work
        self.writes_file = writes_file
        self.meant_by = meant_by
        self.constraints = constraints or {}
        self.libraries = libraries
        self.entries = entries or {}

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
        # It stays a traceback, which shows every exception on the way to it; those of libraries quote addresses.
        hide_in(bug, hidden_texts(task.argument_spec, params, (), task.entries))
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

    def attempt() -> Result:
        work = task.work(request, session)
        if isinstance(work, dict):
            return {"changed": False, **work}
        return work.preview() if check_mode else work.apply()

    try:
        return planned_again(attempt)
    except NotReady as error:
        raise error.with_note(IN_CHECK_MODE) if check_mode else error from None


def readable_diff(diff: Any) -> Any:
    """The diff as Ansible is to show it: Ansible itself writes escapes for all letters beyond ASCII."""
    if isinstance(diff, list):
        return [readable_diff(each) for each in diff]
    sides = [diff.get("before"), diff.get("after")]
    if json.dumps(sides) == json.dumps(sides, ensure_ascii=False):
        return diff
    return {**diff, **{side: _as_text(diff[side]) for side in ("before", "after")}}


def _as_text(document: Any) -> str:
    """The document in lines, with escapes only for what would control a terminal, or turn the direction of writing."""
    text = json.dumps(document, ensure_ascii=False, indent=4, sort_keys=True)
    return "".join(f"{printable(line)}\n" for line in text.split("\n"))


def _parsed(task: Task[R], params: Params, check_mode: bool, warn: Callable[[str], object]) -> R:
    """The request. In check mode, a path may lead to nothing yet."""
    while True:
        try:
            return task.parse(params)
        except MissingPath as error:
            for place in error.places:
                path: Any = params
                for key in place:
                    path = path[key]
                if not check_mode or isinstance(path, FuturePath):
                    raise
                warn(
                    f"{error.option}: {path} is not there in check mode. A task before this one may make it in a real "
                    "run, which fails otherwise. What depends on it is not predicted."
                )
                params = _with_value(params, place, FuturePath(path))


def _with_value(holder: Any, place: Sequence[str | int], value: Any) -> Any:
    """A copy of the options, or of a list in them, with another value at this place."""
    if not place:
        return value
    copied: Any = list(holder) if isinstance(holder, list) else dict(holder)
    copied[place[0]] = _with_value(holder[place[0]], place[1:], value)
    return copied
