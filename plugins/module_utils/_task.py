# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, plan, carry out, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._connection import CONNECTION_OPTIONS, connection_from
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    PcdError,
    PlanError,
    quoted,
)
from ansible_collections.platform9.pcd.plugins.module_utils._http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._identity import log_in
from ansible_collections.platform9.pcd.plugins.module_utils._image import image_shape
from ansible_collections.platform9.pcd.plugins.module_utils._images import Images, exactly
from ansible_collections.platform9.pcd.plugins.module_utils._plan import (
    STATUS_AFTER,
    Create,
    Delete,
    Image,
    Plan,
    SetStatus,
    Update,
    describe,
    unkept,
    wish_of,
)

MOST_LISTED = 20

# The owner of an image whose owner does not matter.
ANYBODY = "*"

MATCH: dict[str, Any] = {"type": "str", "choices": ["own", "visible"]}

Params = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """A service that has been logged in to. `project_id` is None where a token came without Keystone."""

    images: Images
    project_id: str | None

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

    `check` looks at the options and raises before anything is sent. `work` looks at the service; it gives a plan, which
    is then carried out or foretold, or a result where there is only something to read.
    """

    options: Mapping[str, Any]
    check: Callable[[Params], object]
    work: Callable[[Params, Session], Plan | Result]
    returns_patch: bool = False
    constraints: Mapping[str, Any] = field(default_factory=dict)
    libraries: Sequence[str] = ("requests",)

    @property
    def argument_spec(self) -> dict[str, Any]:
        return {**CONNECTION_OPTIONS, **self.options}


def perform(
    task: Task,
    params: Params,
    check_mode: bool,
    warn: Callable[[str], object],
    environ: Mapping[str, str],
) -> Result:
    """What the task answers; every error that is not a bug of ours is a PcdError."""
    task.check(params)
    session = open_session(params, warn, environ)
    plan = task.work(params, session)
    if not isinstance(plan, Plan):
        return {"changed": False, **plan}
    after = plan.after if check_mode else carry_out(session.images, plan)
    result: Result = {
        "changed": plan.changed,
        "image": None if after is None else image_shape(after),
        "diff": plan.diff,
    }
    return {**result, "patch": plan.patch} if task.returns_patch else result


def open_session(params: Params, warn: Callable[[str], object], environ: Mapping[str, str]) -> Session:
    """A session with the image service that the connection options lead to."""
    connection = connection_from(params, environ)
    for warning in connection.warnings:
        warn(warning)
    access = log_in(connection)
    http = Http(
        access.image_endpoint,
        connection.transport,
        headers={"X-Auth-Token": access.token},
        secrets=(*connection.secrets, access.token),
    )
    return Session(Images(http), access.project_id)


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
            found = [image for image in lists[hidden] if _is_of(image, owner)]
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


def carry_out(images: Images, plan: Plan) -> Image | None:
    """What the service says of the image after every step of the plan; None once it is gone."""
    current = plan.before
    for step in plan.steps:
        if isinstance(step, Create):
            current = _create(images, step)
        elif current is None:
            raise ValueError(f"{step} needs an image")
        elif isinstance(step, Update):
            current = _kept(wish_of(step.patch), images.update(current["id"], step.patch))
        elif isinstance(step, SetStatus):
            current = _set_status(images, current, step)
        else:
            _delete(images, current["id"], step)
            current = None
    return current


def _create(images: Images, step: Create) -> Image:
    try:
        return _kept(step.attributes, images.create(dict(step.attributes)))
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
