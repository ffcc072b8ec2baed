# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, plan, carry out, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import FuturePath
from ansible_collections.platform9.pcd.plugins.module_utils._connection import CONNECTION_OPTIONS, connection_from
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ConfigurationError,
    MissingPath,
    NotFound,
    NotReady,
    Overtaken,
    PcdError,
    PlanError,
    quoted,
)
from ansible_collections.platform9.pcd.plugins.module_utils._http import Http, Transport
from ansible_collections.platform9.pcd.plugins.module_utils._identity import Logins, warnings_about
from ansible_collections.platform9.pcd.plugins.module_utils._image import image_shape, is_ours
from ansible_collections.platform9.pcd.plugins.module_utils._images import Images, exactly
from ansible_collections.platform9.pcd.plugins.module_utils._marks import is_retired, standing
from ansible_collections.platform9.pcd.plugins.module_utils._plan import Image, Plan, describe
from ansible_collections.platform9.pcd.plugins.module_utils._progress import Progress
from ansible_collections.platform9.pcd.plugins.module_utils._redact import (
    ADDRESS_OPTIONS,
    SHORTEST_VALUE,
    hide_in,
    leaves,
    printable,
    redacted_text,
    secrets_in,
    spellings,
)
from ansible_collections.platform9.pcd.plugins.module_utils._wait import Waiting

if TYPE_CHECKING:
    from ansible_collections.platform9.pcd.plugins.module_utils._transfer import Transfers
    from ansible_collections.platform9.pcd.plugins.module_utils._writing import Writer

MOST_LISTED = 20

# How often a task is planned that other runs overtake.
MOST_PLANS = 10

# Seconds that runs of the same moment get to agree on one of several images.
LONGEST_AMBIGUITY = 10.0

# The owner of an image whose owner does not matter.
ANYBODY = "*"

IN_CHECK_MODE = (
    "This is check mode, in which tasks before this one make nothing. If one of them makes the image or gives it its "
    "data, this task finds it in a real run."
)

MATCH: dict[str, Any] = {"type": "str", "choices": ["own", "visible"], "default": "own"}

# What an image is needed for that a task only updates; see Session.missing.
UPDATED = "updated (create: false)"

Params = Mapping[str, Any]
Result = dict[str, Any]


class Deed(Protocol):
    """Something that a task is about to do, and that it can foretell."""

    def foretold(self) -> Result:
        """The result that doing it would have."""

    def carry_out(self) -> Result:
        """The result, once it is done."""


class Surroundings(NamedTuple):
    """What differs between a module's process and the controller.

    `place` moves a finished file to its path by other means than a rename, `logins` may keep logins and connections
    from task to task, and `progress` tells how far a transfer is.
    """

    place: Callable[[str, str], object] | None = None
    logins: Logins = Logins()
    progress: Progress = Progress()


@dataclass(frozen=True)
class Session:
    """A service that has been logged in to. `project_id` is None where a token came without Keystone.

    `library` is the admin endpoint of the catalogue, where another one is used.
    """

    images: Images
    project_id: str | None
    transport: Transport
    warn: Callable[[str], object]
    library: str | None = None
    surroundings: Surroundings = field(default_factory=Surroundings)
    waiting: Callable[[float], Waiting] = Waiting

    @property
    def transfers(self) -> Transfers:
        from ansible_collections.platform9.pcd.plugins.module_utils._transfer import Transfers

        progress = self.surroundings.progress
        return Transfers(self.images, self.transport.retries, self.warn, self.waiting, progress=progress)

    @property
    def writer(self) -> Writer:
        from ansible_collections.platform9.pcd.plugins.module_utils._writing import Writer

        return Writer(self.images, lambda: self.transfers, self.transport, self.waiting)

    def warn_of_the_way(self) -> None:
        """Data that does not go to the library reaches no hypervisor; said where data is about to be sent."""
        if self.library is not None:
            self.warn(
                f"The data goes to {self.images.base_url}, because interface or image_endpoint_override says so, and "
                f"not to {self.library}, the admin endpoint of the catalogue. On PCD that is the image library, and no "
                "machine can be made from data that is not there. Leave both options (and OS_INTERFACE) out."
            )

    def find(self, params: Params) -> Image | None:
        """The image that `id` means, or else `name` with `owner` or `match`."""
        if params["id"] is not None:
            return self.find_by_id(params["id"])
        return find_named(self, params["name"], self._owner_of_name(params))

    def _owner_of_name(self, params: Params) -> str:
        """The project whose images a name can mean, or ANYBODY."""
        if params.get("owner") is not None:
            return str(params["owner"])
        if params["match"] == "visible":
            return ANYBODY
        if self.project_id is None:
            # To an administrator, every project's private images are visible.
            raise ConfigurationError(
                "project_id: nobody says which project the token is for, so that match: own cannot tell whose image "
                f"{quoted(params['name'])} is meant. Give project_id, or the id of the image, or match: visible."
            )
        return self.project_id

    def find_existing(self, params: Params, purpose: str) -> Image:
        """The image that `find` finds; NotReady if there is none. `purpose` says what it is needed for."""
        found = self.find(params)
        if found is None:
            raise self.missing(params, purpose)
        return found

    def missing(self, params: Params, purpose: str) -> NotReady:
        """The error that the image which the options mean is not there, with what helps to find it."""
        name, image_id = params["name"], params["id"]
        said = f"No image {quoted(image_id or name)} was found that could be {purpose}."
        if image_id is not None:
            return NotReady(f"{said} Check the id, and the project that is logged in to.")
        if self._owner_of_name(params) == ANYBODY:
            return NotReady(
                f"{said} Check the name, and the project that is logged in to. A community image of another project, "
                "or a shared one that was not accepted, is in no list: give its id."
            )
        others = _list_named(self, name, False, ANYBODY)
        if others:
            return NotReady(
                f"{said} {describe(others[0])} belongs to project {others[0].get('owner')}. Give its id"
                f"{'' if params.get('owner') else ' or match: visible'}, if that one is meant."
            )
        if params.get("owner"):
            return NotReady(f"{said} Check the name, and the project that is its owner.")
        return NotReady(
            f"{said} Check the name, and the project that is logged in to; match: visible also means images of other "
            "projects."
        )

    def find_by_id(self, image_id: str) -> Image | None:
        # Capitals mean the same in a UUID (RFC 9562), though not to every database.
        for spelling in dict.fromkeys((image_id, image_id.lower())):
            try:
                return self.images.get(spelling)
            except NotFound:
                continue
        return None


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
    work: Callable[[Params, Session], Plan | Deed | Result]
    returns_patch: bool = False
    writes_file: bool = False
    meant_by: Sequence[str] = ("name",)
    constraints: Mapping[str, Any] = {}
    libraries: Sequence[str] = ("requests",)
    secrets: Callable[[Params], Iterable[str]] = lambda dummy_params: ()

    @property
    def argument_spec(self) -> dict[str, Any]:
        return {**CONNECTION_OPTIONS, **self.options}

    def hidden(self, params: Params, no_log_values: Iterable[Any]) -> set[str]:
        """The texts that a result is searched for, beside what `shown_options` hides by its place.

        `no_log_values` is what Ansible has found in the options as they were given, before a text became a dictionary.
        """
        secrets, headers = set(_misplaced(params)), {str(value) for value in no_log_values}
        for option, rules in self.argument_spec.items():
            if rules.get("no_log"):
                (headers if rules.get("type") == "dict" else secrets).update(leaves(params.get(option)))
        # A short word, such as the value of `Accept: raw`, would be found everywhere.
        return set(spellings(secrets | {text for text in headers if len(text) >= SHORTEST_VALUE}))


def _misplaced(params: Params) -> Iterator[str]:
    """What may be secret in addresses, whichever option they are in."""
    for option, value in params.items():
        if isinstance(value, str) and ("://" in value or (option in ADDRESS_OPTIONS and "@" in value)):
            yield from secrets_in(value)


def perform(
    task: Task,
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    surroundings: Surroundings | None = None,
) -> Result:
    """What the task answers; every error that is not a bug of ours is a PcdError."""

    def say(text: str) -> None:
        # A warning shows no more than the message of an error does.
        warn(redacted_text(printable(text)))

    try:
        return _performed(task, params, check_mode, say, environ, surroundings or Surroundings())
    except PcdError:
        raise
    except Exception as bug:
        # It stays a traceback, which tells every exception on the way to it; those of libraries quote addresses.
        hide_in(bug, task.hidden(params, ()))
        raise


def _performed(
    task: Task,
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    surroundings: Surroundings,
) -> Result:
    params = _checked(task, params, check_mode, warn)
    session = open_session(params, warn, environ, surroundings, task.secrets(params))
    kept = False
    for plans in range(1, MOST_PLANS + 1):
        try:
            work = task.work(params, session)
        except NotReady as error:
            raise error.also(IN_CHECK_MODE) if check_mode else error from None
        if isinstance(work, dict):
            return {"changed": False, **work}
        deed = _OnImage(session, work, task.returns_patch) if isinstance(work, Plan) else work
        try:
            result = deed.foretold() if check_mode else deed.carry_out()
        except Overtaken as error:
            # What this run has made is gone again, and another one stands in its place; or another one goes on with it.
            kept = kept or error.kept
            if plans == MOST_PLANS:
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


class _OnImage(NamedTuple):
    """A plan for an image as a deed."""

    session: Session
    plan: Plan
    returns_patch: bool

    def foretold(self) -> Result:
        stream = self.plan.stream
        if stream is not None and stream.content is None and stream.is_there:
            stream.read_through()
        return self._result(self.plan.expected)

    def carry_out(self) -> Result:
        if not self.plan.changed:
            # What writes is imported only where something is written.
            return self._result(self.plan.before)
        return self._result(self.session.writer.carry_out(self.plan))

    def _result(self, after: Image | None) -> Result:
        result: Result = {
            "changed": self.plan.changed,
            "image": None if after is None else image_shape(after),
            "diff": self.plan.diff,
        }
        return {**result, "patch": self.plan.patch, "retired": self.plan.retired} if self.returns_patch else result


def open_session(
    params: Params,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    surroundings: Surroundings,
    secrets: Iterable[str] = (),
) -> Session:
    """A session with the image service that the connection options lead to."""
    connection = connection_from(params, environ)
    connection = connection._replace(transport=connection.transport._replace(progress=surroundings.progress))
    for warning in connection.warnings:
        warn(warning)
    access = surroundings.logins.access(connection)
    for warning in warnings_about(access, connection):
        warn(warning)

    def renewed(refused: str) -> str:
        return surroundings.logins.anew(connection, refused).token

    http = Http(
        access.image_endpoint,
        connection.transport,
        headers={"X-Auth-Token": access.token},
        secrets=(*connection.secrets, access.token, *secrets),
        session=surroundings.logins.session(connection),
        renew=renewed if connection.can_log_in_again else None,
    )
    return Session(Images(http), access.project_id, connection.transport, warn, access.library, surroundings)


def find_named(session: Session, name: str, owner: str) -> Image | None:
    """The one image of this name; None where there is none, PlanError where two could be meant.

    It belongs to the owner (a project id); ANYBODY means all images that the caller's list shows. Hidden images count
    where no other is found.
    """
    found = session.waiting(LONGEST_AMBIGUITY).until(
        lambda seen: not _may_be_racing(seen), lambda: _found_named(session, name, owner)
    )
    return _only(found, name) if found else None


def _may_be_racing(found: Sequence[Image]) -> bool:
    """Whether runs of the same moment may have made these, which then agree on one of each owner (see Writer)."""
    owners = {image.get("owner") for image in found}
    return len(found) > 1 and len(owners) == 1 and sum(not is_ours(image["id"]) for image in found) < 2


def _found_named(session: Session, name: str, owner: str) -> list[Image]:
    for hidden in (False, True):
        # What was replaced and hidden is kept for instances that came from it, and only meant by its id.
        found = [image for image in _list_named(session, name, hidden, owner) if not is_retired(image)]
        if found:
            return standing(found)
    return []


def _list_named(session: Session, name: str, hidden: bool, owner: str) -> list[Image]:
    query = [("name", exactly(name))]
    if owner != ANYBODY:
        query.append(("owner", owner))
    if hidden:
        query.append(("os_hidden", "true"))
    # Compared again, since databases may ignore the case.
    return [
        image
        for image in session.images.list(query)
        if image.get("name") == name and owner in (ANYBODY, image.get("owner"))
    ]


def _only(found: Sequence[Image], name: str) -> Image:
    if len(found) == 1:
        return found[0]
    listed = "; ".join(
        f"{image['id']} (status {image['status']}, owner {image.get('owner') or 'nobody'}, "
        f"created {image.get('created_at')})"
        for image in found[:MOST_LISTED]
    )
    more = f"; and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
    raise PlanError(
        f"name: {len(found)} images are named {quoted(name)}: {listed}{more}. Give the id of the one that is meant.",
        images=[{key: image.get(key) for key in ("id", "status", "owner", "created_at")} for image in found],
    )
