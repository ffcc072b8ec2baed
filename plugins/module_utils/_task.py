# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, plan, carry out, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from ._arguments import FuturePath
from ._client.options import CONNECTION_OPTIONS
from ._errors import LostRace, MissingPath, NotReady, PcdError
from ._redact import hidden_texts, hide_in, printable, redacted_text
from ._session import Params, Result, Runtime, Session, open_session

# How often a task is planned that other runs overtake.
MAX_PLANS = 10

IN_CHECK_MODE = (
    "This is check mode, in which tasks before this one make nothing. If one of them makes the image or gives it its "
    "data, this task finds it in a real run."
)


class Change(Protocol):
    """Something that a task is about to do, and that it can foretell."""

    def preview(self) -> Result:
        """The result that doing it would have."""

    def apply(self) -> Result:
        """The result, once it is done."""


class Task(NamedTuple):
    """The whole content of a module beside its documentation.

    `check` looks at the options and raises before anything is sent. `work` looks at the service; it gives a plan for an
    image or another deed, which is then carried out or foretold, or a result where there is only something to read.
    `meant_by` are the options that say which images are meant if `id` does not.
    `secrets` are those among the options that the connection does not know.
    With `writes_file`, the result has a file as `dest`, which gets the attributes that Ansible's file options ask for.
    """

    options: Mapping[str, Any]
    check: Callable[[Params], object]
    work: Callable[[Params, Session], Change | Result]
    writes_file: bool = False
    meant_by: Sequence[str] = ("name",)
    constraints: Mapping[str, Any] = {}
    libraries: Sequence[str] = ("requests",)
    secrets: Callable[[Params], Iterable[str]] = lambda dummy_params: ()

    @property
    def argument_spec(self) -> dict[str, Any]:
        return {**CONNECTION_OPTIONS, **self.options}


def perform(
    task: Task,
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
    task: Task,
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    runtime: Runtime,
) -> Result:
    params = _checked(task, params, check_mode, warn)
    session = open_session(params, warn, environ, runtime, task.secrets(params))
    kept = False
    for plans in range(1, MAX_PLANS + 1):
        try:
            work = task.work(params, session)
        except NotReady as error:
            raise error.with_note(IN_CHECK_MODE) if check_mode else error from None
        if isinstance(work, dict):
            return {"changed": False, **work}
        try:
            result = work.preview() if check_mode else work.apply()
        except LostRace as error:
            # What this run has made is gone again, and another one stands in its place; or another one goes on with it.
            kept = kept or error.kept
            if plans == MAX_PLANS:
                raise
        else:
            return {**result, "changed": result["changed"] or kept}
    raise AssertionError("the last plan is carried out, or raises")


def _checked(task: Task, params: Params, check_mode: bool, warn: Callable[[str], object]) -> Params:
    """The options, once nothing is wrong with them. In check mode, a path may lead to nothing yet."""
    while True:
        try:
            task.check(params)
        except MissingPath as error:
            path = params[error.option]
            if not check_mode or isinstance(path, FuturePath):
                raise
            warn(
                f"{error.option}: {path} is not there in check mode. A task before this one may make it in a real run, "
                "which fails otherwise. What depends on it is not predicted."
            )
            params = {**params, error.option: FuturePath(path)}
        else:
            return params
