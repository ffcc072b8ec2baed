# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find, plan, carry out, result: what a task does between its options and its answer.

Nothing here knows AnsibleModule, so that the same task can run in a module's process or within the controller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.platform9.pcd.plugins.module_utils._connection import CONNECTION_OPTIONS, connection_from
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ConfigurationError,
    Conflict,
    NotFound,
    PcdError,
    PlanError,
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
)

MOST_LISTED = 20

Params = Mapping[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True)
class Session:
    """A service that has been logged in to. `project_id` is None where a token came without Keystone."""

    images: Images
    project_id: str | None

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

    `check` looks at the options and raises before anything is sent. A task either makes a plan, which is then carried
    out or foretold, or it reads.
    """

    options: Mapping[str, Any]
    check: Callable[[Params], object]
    plan: Callable[[Params, Session], Plan] | None = None
    read: Callable[[Params, Session], Result] | None = None
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
    environ: Mapping[str, str] = os.environ,
) -> Result:
    """What the task answers; every error that is not a bug of ours is a PcdError."""
    task.check(params)
    session = open_session(params, warn, environ)
    if task.read is not None:
        return {"changed": False, **task.read(params, session)}
    assert task.plan is not None
    plan = task.plan(params, session)
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


def find(session: Session, params: Params, owner: str | None = None) -> Image | None:
    """The one image that `id`, or else `name` and `match`, means; None where there is none.

    With match "own" a name means an image of the caller's project, or of `owner`, which goes first; with "visible" any
    image that the caller's list shows. Hidden images count where no other is found. Two that could be meant are an
    error.
    """
    name = params["name"]
    if params["id"] is not None:
        return session.find_by_id(params["id"])
    owners = [owner, session.project_id] if owner else [session.project_id]
    for hidden in (False, True):
        # One owner can be left to the service; the name is compared again, since databases may ignore its case.
        query = [("name", exactly(name))]
        if params["match"] == "own" and len(owners) == 1 and owners[0]:
            query.append(("owner", owners[0]))
        if hidden:
            query.append(("os_hidden", "true"))
        found = [image for image in session.images.list(query) if image.get("name") == name]
        for candidates in _candidates(found, params["match"], owners):
            if candidates:
                return _only(candidates, name)
    return None


def _candidates(found: Sequence[Image], match: str, owners: Sequence[str | None]) -> Iterable[Sequence[Image]]:
    if match == "visible":
        yield found
        return
    for owner in owners:
        yield _surely_own(found) if owner is None else [image for image in found if image.get("owner") == owner]


def _surely_own(found: Sequence[Image]) -> Sequence[Image]:
    """Where the caller's project is not known, an image that everybody sees may be another project's."""
    for image in found:
        if image.get("visibility") in ("public", "community"):
            raise ConfigurationError(
                f"project_id: {describe(image)} is {image['visibility']} and belongs to project {image.get('owner')}; "
                "whether that is yours cannot be told from a token alone. Give project_id, or the id of the image, "
                "or match: visible."
            )
    return found


def _only(found: Sequence[Image], name: str) -> Image:
    if len(found) == 1:
        return found[0]
    listed = "; ".join(
        f"{image['id']} (status {image['status']}, owner {image.get('owner')}, created {image.get('created_at')})"
        for image in found[:MOST_LISTED]
    )
    more = f"; and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
    raise PlanError(
        f"name: {len(found)} images are named {name!r}: {listed}{more}. Give the id of the one that is meant.",
        images=[{key: image.get(key) for key in ("id", "status", "owner", "created_at")} for image in found],
    )


def carry_out(images: Images, plan: Plan) -> Image | None:
    """What the service says of the image after every step of the plan; None once it is gone."""
    current = plan.before
    for step in plan.steps:
        if isinstance(step, Create):
            current = _create(images, step)
            continue
        assert current is not None
        if isinstance(step, Update):
            current = images.update(current["id"], step.patch)
        elif isinstance(step, SetStatus):
            current = _set_status(images, current, step)
        else:
            _delete(images, current["id"], step)
            current = None
    return current


def _create(images: Images, step: Create) -> Image:
    try:
        return images.create(dict(step.attributes))
    except Conflict as error:
        if "id" not in step.attributes:
            raise
        message = f"{error} An id is never given twice, not even after its image is gone. Choose another one."
        raise Conflict(message, server_message=error.server_message, **error.facts) from None


def _set_status(images: Images, current: Image, step: SetStatus) -> Image:
    getattr(images, step.action)(current["id"])
    after = images.get(current["id"])
    if after["status"] != STATUS_AFTER[step.action]:
        raise PlanError(
            f"The service accepted to {step.action} {describe(current)}, but its status is {after['status']}. "
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
