# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, plan, carry out, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

from ansible_collections.platform9.pcd.plugins.module_utils._connection import CONNECTION_OPTIONS, connection_from
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ConfigurationError,
    Conflict,
    NotFinished,
    NotFound,
    PcdError,
    PlanError,
    RefusedData,
    WrongData,
    quoted,
)
from ansible_collections.platform9.pcd.plugins.module_utils._http import Http, Transport
from ansible_collections.platform9.pcd.plugins.module_utils._identity import Logins
from ansible_collections.platform9.pcd.plugins.module_utils._image import (
    REPLACES,
    RETIRED,
    image_shape,
    is_ours,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._images import Images, exactly
from ansible_collections.platform9.pcd.plugins.module_utils._plan import (
    STATUS_AFTER,
    Create,
    Delete,
    Image,
    Import,
    Plan,
    Retire,
    SetStatus,
    Stage,
    Step,
    TakeUp,
    Update,
    Upload,
    describe,
    unkept,
    wish_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._progress import Progress
from ansible_collections.platform9.pcd.plugins.module_utils._transfer import Transfers

MOST_LISTED = 20

# In characters. Keys and tokens are longer; "1", "gzip" and "*/*" are not.
SHORTEST_SECRET_HEADER = 8

# The owner of an image whose owner does not matter.
ANYBODY = "*"

MATCH: dict[str, Any] = {"type": "str", "choices": ["own", "visible"]}

Params = Mapping[str, Any]
Result = dict[str, Any]


class Deed(Protocol):
    """Something that a task is about to do, and that it can foretell."""

    def foretold(self) -> Result:
        """The result that doing it would have."""

    def carry_out(self) -> Result: ...


@dataclass(frozen=True)
class Surroundings:
    """What differs between a module's process and the controller.

    `place` moves a finished file to its path, `logins` may keep logins and connections from task to task, and
    `progress` tells how far a transfer is.
    """

    place: Callable[[str, str], object] = os.replace
    logins: Logins = field(default_factory=Logins)
    progress: Progress = field(default_factory=Progress)


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

    @property
    def transfers(self) -> Transfers:
        return Transfers(self.images, self.transport.retries, self.warn, progress=self.surroundings.progress)

    def warn_of_the_way(self) -> None:
        """Data that does not go to the library reaches no hypervisor; said where data is about to be sent."""
        if self.library is not None:
            self.warn(
                f"The data goes to {self.images.base_url}, because interface or image_endpoint_override says so, and "
                f"not to {self.library}, the admin endpoint of the catalogue. On PCD that is the image library, and no "
                "machine can be made from data that is not there. Leave both options (and OS_INTERFACE) out."
            )

    def find(self, params: Params, owners: Sequence[str | None]) -> Image | None:
        """The image that `id`, or else `name` and `match`, means; with match "own" it is one of these owners."""
        if params["id"] is not None:
            return self.find_by_id(params["id"])
        return find_named(self, params["name"], [ANYBODY] if params["match"] == "visible" else owners)

    def find_by_id(self, image_id: str) -> Image | None:
        # Capitals mean the same in a UUID (RFC 9562), though not to every database.
        for spelling in dict.fromkeys((image_id, image_id.lower())):
            try:
                return self.images.get(spelling)
            except NotFound:
                continue
        return None


@dataclass(frozen=True)
class Task:
    """The whole content of a module beside its documentation.

    `check` looks at the options and raises before anything is sent. `work` looks at the service; it gives a plan for an
    image or another deed, which is then carried out or foretold, or a result where there is only something to read.
    `secrets` are those among the options that the connection does not know.
    With `writes_file`, the result has a file as `dest`, which gets the attributes that Ansible's file options ask for.
    """

    options: Mapping[str, Any]
    check: Callable[[Params], object]
    work: Callable[[Params, Session], Plan | Deed | Result]
    returns_patch: bool = False
    writes_file: bool = False
    constraints: Mapping[str, Any] = field(default_factory=dict)
    libraries: Sequence[str] = ("requests",)
    secrets: Callable[[Params], Iterable[str]] = lambda dummy_params: ()

    @property
    def argument_spec(self) -> dict[str, Any]:
        return {**CONNECTION_OPTIONS, **self.options}

    def hidden(self, params: Params, no_log_values: Iterable[Any]) -> set[str]:
        """What no result may show: all that Ansible would hide but short words, such as the value of `Accept: raw`."""
        headers = (params.get("url_headers") or {}).values()
        short = {str(value) for value in headers if len(str(value)) < SHORTEST_SECRET_HEADER}
        spec = self.argument_spec
        secrets = {str(value) for key, value in params.items() if spec.get(key, {}).get("no_log")}
        return {str(value) for value in no_log_values} - (short - secrets)


def perform(
    task: Task,
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    surroundings: Surroundings | None = None,
) -> Result:
    """What the task answers; every error that is not a bug of ours is a PcdError."""
    task.check(params)
    session = open_session(params, warn, environ, surroundings or Surroundings(), task.secrets(params))
    work = task.work(params, session)
    if isinstance(work, dict):
        return {"changed": False, **work}
    deed = _OnImage(session, work, task.returns_patch) if isinstance(work, Plan) else work
    return deed.foretold() if check_mode else deed.carry_out()


@dataclass(frozen=True)
class _OnImage:
    """A plan for an image as a deed."""

    session: Session
    plan: Plan
    returns_patch: bool

    def foretold(self) -> Result:
        if self.plan.stream is not None and self.plan.stream.content is None:
            self.plan.stream.read_through()
        return self._result(self.plan.expected)

    def carry_out(self) -> Result:
        return self._result(carry_out(self.session, self.plan))

    def _result(self, after: Image | None) -> Result:
        result: Result = {
            "changed": self.plan.changed,
            "image": None if after is None else image_shape(after),
            "diff": self.plan.diff,
        }
        return {**result, "patch": self.plan.patch} if self.returns_patch else result


def open_session(
    params: Params,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
    surroundings: Surroundings,
    secrets: Iterable[str] = (),
) -> Session:
    """A session with the image service that the connection options lead to."""
    connection = connection_from(params, environ)
    for warning in connection.warnings:
        warn(warning)
    access = surroundings.logins.access(connection)
    http = Http(
        access.image_endpoint,
        connection.transport,
        headers={"X-Auth-Token": access.token},
        secrets=(*connection.secrets, access.token, *secrets),
        session=surroundings.logins.session(connection),
    )
    return Session(Images(http), access.project_id, connection.transport, warn, access.library, surroundings)


def find_named(session: Session, name: str, owners: Sequence[str | None]) -> Image | None:
    """The one image of this name; None where there is none, PlanError where two could be meant.

    It belongs to the first of the owners (project ids) that has one; ANYBODY means all images that the caller's list
    shows, and None a project that is not known. Of one owner, hidden images count where no other is found.
    """
    lists: dict[bool, list[Image]] = {}
    owners = list(dict.fromkeys(owners))
    for owner in owners:
        for hidden in (False, True):
            if hidden not in lists:
                lists[hidden] = _list_named(session, name, hidden, owners)
            # What was replaced and hidden is kept for machines that came from it, and meant by its id alone.
            found = [image for image in lists[hidden] if _is_of(image, owner) and not (hidden and RETIRED in image)]
            if found:
                return _only(found, name)
    return None


def _list_named(session: Session, name: str, hidden: bool, owners: Sequence[str | None]) -> list[Image]:
    query = [("name", exactly(name))]
    if len(owners) == 1 and owners[0] not in (None, ANYBODY):
        query.append(("owner", str(owners[0])))
    if hidden:
        query.append(("os_hidden", "true"))
    # Compared again, since databases may ignore the case of a name.
    return [image for image in session.images.list(query) if image.get("name") == name]


def _is_of(image: Image, owner: str | None) -> bool:
    if owner == ANYBODY:
        return True
    if owner is None and image.get("visibility") in ("public", "community"):
        # Everybody sees it, so that it may be another project's.
        raise ConfigurationError(
            f"project_id: {describe(image)} is {image['visibility']} and belongs to project {image.get('owner')}; "
            "whether that is yours cannot be told from a token alone. Give project_id, or the id of the image, "
            "or match: visible."
        )
    return owner is None or image.get("owner") == owner


def _only(found: Sequence[Image], name: str) -> Image:
    # Where a replacement already stands in its place, the image that it replaces is meant no more.
    replaced = {image.get(REPLACES) for image in found}
    found = [image for image in found if image["id"] not in replaced]
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


def carry_out(session: Session, plan: Plan) -> Image | None:
    """What the service says of the image after every step of the plan; None once it is gone.

    An image that the plan itself has made is removed again where its data does not come as it should; from the moment
    on that it replaces another one, it stays.
    """
    current, made = plan.before, None
    with ExitStack() as stack:
        if plan.stream is not None and any(isinstance(step, Create) for step in plan.steps):
            # Where there is nothing to send, no record is made for it.
            stack.enter_context(plan.stream.prepared())
        for step in plan.steps:
            if isinstance(step, Retire):
                made = None
            try:
                current = _carried_out(session, current, step)
            except PcdError as error:
                raise _cleared(session.images, error, made) from None
            if isinstance(step, Create):
                made = current
    return current


def _carried_out(session: Session, current: Image | None, step: Step) -> Image | None:
    images = session.images
    if isinstance(step, Create):
        return _create(images, step)
    if isinstance(step, TakeUp):
        return step.image
    if current is None:
        raise ValueError(f"{step} needs an image")
    if isinstance(step, Update):
        return _updated(images, current, step)
    if isinstance(step, SetStatus):
        return _set_status(images, current, step)
    if isinstance(step, Upload):
        return session.transfers.upload(current, step)
    if isinstance(step, Stage):
        return session.transfers.stage(current, step)
    if isinstance(step, Import):
        return session.transfers.run_import(current, step)
    if isinstance(step, Retire):
        _retire(session, current, step)
        return current
    _delete(images, current["id"], step)
    return None


def _updated(images: Images, current: Image, step: Update) -> Image:
    wish = wish_of(step.patch)
    try:
        return _kept(wish, images.update(current["id"], step.patch))
    except Conflict:
        after = images.get(current["id"])
        if wish == {REPLACES: None} and REPLACES not in after:
            # Another run has ended the replacement meanwhile.
            return after
        raise


def _retire(session: Session, replacement: Image, step: Retire) -> None:
    old: Image | None = step.image
    try:
        for part in step.steps:
            old = _carried_out(session, old, part)
    except NotFound:
        # Gone all the same: somebody else deleted it meanwhile.
        return
    except PcdError as error:
        raise error.also(
            f"{describe(replacement)} is active with the new data and stands in its place, but "
            f"{describe(step.image)} could not be retired. Run the task again to try that once more."
        ) from None


def _cleared(images: Images, error: PcdError, made: Image | None) -> PcdError:
    """The error, and what was done about the image that should not stay as it is now."""
    if isinstance(error, NotFinished):
        return error
    if made is not None:
        try:
            if made.get("protected"):
                images.update(made["id"], [{"op": "replace", "path": "/protected", "value": False}])
            images.delete(made["id"])
        except NotFound:
            pass
        except PcdError as second:
            return error.also(f"The image that was made for it, {made['id']}, could not be removed again: {second}")
        return error.also(f"The image that was made for it, {made['id']}, has been removed again.")
    if isinstance(error, RefusedData):
        if is_ours(error.image_id):
            return error.also("Its record takes no other data after this; the next run, by its name, makes it anew.")
        return error.also("Its record takes no other data after this: delete it (state: absent) and run again.")
    if isinstance(error, WrongData):
        try:
            images.deactivate(error.image_id)
        except PcdError as second:
            return error.also(f"It is active and could not be deactivated, delete it: {second}")
        return error.also("It was there before, so that it was deactivated and not removed; delete it.")
    return error


def _create(images: Images, step: Create) -> Image:
    try:
        return _kept(step.attributes, images.create({"id": new_id(), **step.attributes}))
    except Conflict as error:
        if "id" not in step.attributes:
            raise
        raise error.reworded(
            f"id: {step.attributes['id']} cannot be the id of a new image. The service says: {error.server_message} "
            "An id is never given twice, not even after its image is gone or in another project. Choose another one."
        ) from None


def _kept(wish: Image, answer: Image) -> Image:
    """The answer, once it is as wished: Glance accepts some names of properties and forgets them."""
    lost = unkept(wish, answer)
    if lost:
        raise PlanError(
            f"The service accepted the change of {describe(answer)}, but does not have it: {', '.join(lost)}. Somebody "
            "else may have changed the image at the same moment, or this is a name that the service does not keep."
        )
    return answer


def _set_status(images: Images, current: Image, step: SetStatus) -> Image:
    {"deactivate": images.deactivate, "reactivate": images.reactivate}[step.action](current["id"])
    after = images.get(current["id"])
    if after["status"] != STATUS_AFTER[step.action]:
        raise PlanError(
            f"The service agreed to {step.action} {describe(current)}, but its status is {after['status']}. "
            "Somebody else may have changed it at the same moment; run the task again."
        )
    return after


def _delete(images: Images, image_id: str, step: Delete) -> None:
    try:
        images.delete(image_id)
    except NotFound:
        # Gone all the same: somebody else deleted it between the look-up and now.
        return
    except PcdError as error:
        if not step.protect_again:
            raise
        try:
            images.update(image_id, step.protect_again)
        except PcdError as second:
            raise PlanError(
                f"{error} Its protection was taken off for this and could not be put back: {second}", **error.facts
            ) from None
        raise
