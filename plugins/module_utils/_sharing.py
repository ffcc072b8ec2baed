# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The members of an image: find it, plan, and apply the plan so that nothing is done twice.

A membership is a row of its own in the service's database, so that no write undoes another one, unlike changes of the
image itself. Each answer shows what was written; after an unclear one, a look at the member decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from ._client.images import name_filter
from ._client.retry import settle
from ._client.transport import attempts_of
from ._errors import (
    ApiError,
    ConfigurationError,
    Conflict,
    Forbidden,
    LostRace,
    NotFound,
    NotReady,
    PcdError,
    PlanError,
    TooLarge,
    quoted,
)
from ._image.find import find_by_id, find_existing, id_forms, missing, two_candidates
from ._image.members import (
    Member,
    MembersPlan,
    MemberStep,
    SetMemberStatus,
    Share,
    Sharing,
    Unshare,
    action_of,
    added_by,
    in_words,
    plan_members,
    refuse_unshared,
    shape_of,
)
from ._image.options import Target
from ._image.plan import Image, describe
from ._image.projects import ProjectIds
from ._session import Result, Session

# What the image is needed for; see `missing`.
SHARED = "shared"
OFFERED = "accepted or rejected"


class MembersChange:
    """A plan for the members of an image as the change that a task previews or applies."""

    def __init__(self, session: Session, plan: MembersPlan) -> None:
        self._session = session
        self.plan = plan

    def preview(self) -> Result:
        return self._result(self.plan.after)

    def apply(self) -> Result:
        return self._result(_Writer(self._session, self.plan).apply() if self.plan.changed else self.plan.before)

    def _result(self, members: Sequence[Member]) -> Result:
        image = {key: self.plan.image.get(key) for key in ("id", "name", "owner", "visibility")}
        return {
            "changed": self.plan.changed,
            "action": self.plan.action,
            "image": image,
            "members": shape_of(members),
            "diff": self.plan.diff,
        }


def change_members(sharing: Sharing, session: Session) -> MembersChange:
    image, members, project_ids = (
        _offered(sharing.target, session) if sharing.projects is None else _shared(sharing, session)
    )
    plan = plan_members(sharing, image, members, project_ids)
    if plan.changed and "owner" not in image:
        # By its id, what an unchanged image is called need not be known.
        plan = plan._replace(image=session.images.get(image["id"]))
    return MembersChange(session, plan)


def follow_members(session: Session, old: Image, new: Image) -> None:
    """The new image is shared with the projects that the old one is shared with.

    What they have answered counts again if the credentials may say so for them; otherwise they have to answer again.
    """
    wanted = _members_if_shared(session, old)
    if not wanted:
        return
    sharing = Sharing(Target(new["id"], None), (), None, False, None, False)
    plan = plan_members(sharing, new, session.images.members(new["id"]), [member["member_id"] for member in wanted])
    members = _Writer(session, plan).apply()
    reached = {member["member_id"]: member["status"] for member in members}
    lacking = [member for member in wanted if member["status"] not in ("pending", reached[member["member_id"]])]
    for number, member in enumerate(lacking):
        try:
            session.images.set_member_status(new["id"], member["member_id"], member["status"])
        except PcdError as error:
            accepted = [each["member_id"] for each in lacking[number:] if each["status"] == "accepted"]
            if accepted:
                session.warn(
                    f"{describe(new)} is shared with the projects that the image which it replaces was shared with, "
                    f"but these have to accept it again: {', '.join(accepted)}. Only they themselves and "
                    f"administrators may do that (pcd_image_member with status: accepted). The service says: {error}"
                )
            return


# --- which image, and which projects


def _shared(sharing: Sharing, session: Session) -> tuple[Image, Sequence[Member], list[str]]:
    """The sharing side: the image, its members, and the projects that the options mean."""
    if sharing.target.id is not None:
        image, members = _by_id(sharing.target.id, sharing.target, session, SHARED)
    else:
        image = find_existing(session, sharing.target, SHARED)
        members = _members_of(session, image)
    ids = ProjectIds(session, sharing.domain)
    project_ids = ids.resolved(sharing.projects or ())
    ids.check(added_by(plan_members(sharing, image, members, project_ids)))
    if sharing.absent or sharing.purge:
        _warn_of_unseen(session, image, members)
    return image, members, project_ids


def _warn_of_unseen(session: Session, image: Image, members: Sequence[Member]) -> None:
    """Warns if these may not be all members: a project that is one of them sees its own membership only."""
    own = session.project_id
    if own is None or [member["member_id"] for member in members] != [own]:
        return
    owner = (find_by_id(session, image["id"]) or {}).get("owner")
    if owner not in (None, own):
        session.warn(
            f"{describe(image)} belongs to project {owner}. Project {own}, the one of the credentials, is a member: "
            "unless it is that of an administrator, it sees its own membership only, and other projects may still have "
            "access. To end that, use credentials of the owner."
        )


def _offered(target: Target, session: Session) -> tuple[Image, Sequence[Member], list[str]]:
    """The receiving side: an image that is offered to the project of the credentials, its members, and that project."""
    own = session.project_id
    if own is None:
        raise ConfigurationError(
            "project_id: the project of the token is not known, so that status cannot be set for it. Give "
            "project_id, or projects."
        )
    if target.id is not None:
        image, members = _by_id(target.id, target, session, OFFERED)
    else:
        image, members = _offered_by_name(session, str(target.name), own)
    if not _has(members, own):
        raise NotReady(
            f"{describe(image)} is not offered to project {own}, the one of the credentials, so that it has no status "
            "to set. Ask the project that owns the image to share it; if this is the owner, give projects."
        )
    return image, members, [own]


def _by_id(image_id: str, target: Target, session: Session, purpose: str) -> tuple[Image, Sequence[Member]]:
    """The image as far as it is known without a request of its own, and its members."""
    for candidate in id_forms(image_id):
        image = {"id": candidate, "visibility": "shared"}
        try:
            return image, session.images.members(candidate)
        except NotFound:
            continue
        except Forbidden as error:
            found = find_by_id(session, candidate)
            if found is not None and found.get("visibility") != "shared":
                raise refuse_unshared(found) from None
            raise error
    raise missing(session, target, purpose)


def _members_of(session: Session, image: Image) -> Sequence[Member]:
    if image.get("visibility") != "shared":
        raise refuse_unshared(image)
    try:
        return session.images.members(image["id"])
    except NotFound:
        raise NotReady(f"{describe(image)} was found, and is gone now. Run the task again.") from None


def _members_if_shared(session: Session, image: Image) -> Sequence[Member]:
    """The members of the image; none if it is gone, or no longer shared."""
    try:
        return session.images.members(image["id"])
    except (NotFound, Forbidden):
        return ()


def _offered_by_name(session: Session, name: str, own: str) -> tuple[Image, Sequence[Member]]:
    """The one image of this name that another project shares with the own one, whatever its status is."""
    candidates = _shared_by_others(session, name, own)
    seen = [(image, _members_if_shared(session, image)) for image in candidates]
    # To an administrator, the list shows what is offered to others as well.
    found = [(image, members) for image, members in seen if _has(members, own)]
    if len(found) > 1:
        raise two_candidates([image for image, dummy in found], name)
    if not found:
        raise NotReady(
            f"No image {quoted(name)} is offered to project {own}, the one of the credentials. Check the name, and ask "
            "the project that owns the image to share it. To share an image of this project, give projects."
        )
    return found[0]


def _shared_by_others(session: Session, name: str, own: str) -> Sequence[Image]:
    query = [("name", name_filter(name)), ("visibility", "shared"), ("member_status", "all")]
    for hidden in ([], [("os_hidden", "true")]):
        found = [
            image
            for image in session.images.list([*query, *hidden])
            if image.get("name") == name and image.get("owner") != own
        ]
        if found:
            return found
    return []


def _has(members: Sequence[Member], project_id: str) -> bool:
    return any(member["member_id"] == project_id for member in members)


# --- the steps


class _Writer:
    """Applies a plan for the members of one image."""

    def __init__(self, session: Session, plan: MembersPlan) -> None:
        self._session = session
        self._images = session.images
        self._image = plan.image
        self._steps = plan.steps
        self._members: dict[str, Member] = {member["member_id"]: member for member in plan.before}
        # What this run has certainly made itself.
        self._added: list[str] = []
        self._undone_projects: list[str] = []
        self._done = 0

    def apply(self) -> Sequence[Member]:
        for step in self._steps:
            try:
                self._apply(step)
            except (Forbidden, TooLarge) as error:
                raise self._with_done(self._undone(self._refusal(step, error))) from None
            except PcdError as error:
                raise self._with_done(error) from None
            self._done += 1
        return tuple(self._members.values())

    def _apply(self, step: MemberStep) -> None:
        project = step.project_id
        try:
            match step:
                case Share():
                    self._members[project] = self._shared_with(project)
                case SetMemberStatus():
                    self._members[project] = self._with_status(project, step.status)
                case Unshare():
                    self._settled(project, lambda: self._removed(project), lambda seen: seen is None)
                    self._members.pop(project, None)
        except NotFound:
            raise self._lost_race() from None

    def _with_status(self, project: str, status: str) -> Member:
        member = self._settled(
            project,
            lambda: self._images.set_member_status(self._image["id"], project, status),
            lambda seen: seen is not None and seen["status"] == status,
        )
        return self._verified(member, status)

    def _shared_with(self, project: str) -> Member:
        member = self._settled(project, lambda: self._added_member(project), lambda seen: seen is not None)
        if member is None:
            raise self._lost_race()
        return member

    def _added_member(self, project: str) -> Member:
        try:
            member = self._images.add_member(self._image["id"], project)
        except Conflict:
            # Somebody else has shared it meanwhile.
            return self._images.member(self._image["id"], project)
        self._added.append(project)
        return member

    def _removed(self, project: str) -> None:
        with suppress(NotFound):
            self._images.remove_member(self._image["id"], project)

    def _settled(
        self, project: str, write: Callable[[], Member | None], is_reached: Callable[[Member | None], bool]
    ) -> Member | None:
        """What the service says of the member; a look decides after an error that does not say what was done."""
        attempts = attempts_of(self._session.transport, self._session.clock)
        return settle(attempts, write, lambda error: self._looked_up(project, error), is_reached)

    def _looked_up(self, project: str, error: PcdError) -> Member | None:
        try:
            return self._images.member(self._image["id"], project)
        except NotFound:
            return None
        except PcdError as second:
            raise error.with_note(f"Whether it was done is not known: {second}") from None

    def _verified(self, member: Member | None, status: str) -> Member:
        if member is None or member["status"] != status:
            found = "none" if member is None else member["status"]
            raise PlanError(
                f"The service agreed to set the status of a member of {describe(self._image)} to {status}, but it is "
                f"{found}. Somebody else may have changed it at the same moment; run the task again."
            )
        return member

    def _lost_race(self) -> LostRace:
        return LostRace(
            f"The members of {describe(self._image)}, or the image itself, are changed by others at the same moment, "
            "again and again. Run the task once they have ended."
        )

    # --- refusals

    def _refusal(self, step: MemberStep, error: ApiError) -> PcdError:
        """The service's refusal in words that say who may do it, or what makes room."""
        image, owner = describe(self._image), self._image.get("owner")
        if isinstance(error, TooLarge):
            return error.with_message(
                f"projects: {image} has {len(self._members)} members, and the image service takes no more. "
                f"({error.server_message}) End memberships that are not needed (state: absent), or set visibility: "
                "community or public (pcd_image): then every project can use the image."
            )
        if self._is_unshared():
            return self._lost_race()
        if isinstance(step, SetMemberStatus):
            return error.with_message(
                f"status: the service does not let these credentials set the status of project {step.project_id} for "
                f"{image}. ({error.server_message}) Only that project itself (status without projects, with its own "
                "credentials) and administrators may do that."
            )
        what = "share" if isinstance(step, Share) else "end a membership of"
        hint = "" if isinstance(step, Share) else " From the receiving side, set status: rejected instead."
        return error.with_message(
            f"projects: the service does not let these credentials {what} {image}. ({error.server_message}) Only the "
            f"project that owns the image ({owner}) and administrators may do that, with the role that the policy asks "
            f"for, such as member.{hint}"
        )

    def _is_unshared(self) -> bool:
        """Whether somebody else has made the image one that has no members."""
        try:
            return self._images.get(self._image["id"]).get("visibility") != "shared"
        except PcdError:
            # The refusal is what there is to tell.
            return False

    def _undone(self, error: PcdError) -> PcdError:
        """The error, once the memberships that this run has made are removed again, as far as that is allowed."""
        if isinstance(error, LostRace):
            return error
        for project in [*self._added]:
            try:
                self._removed(project)
            except PcdError as second:
                return error.with_note(f"The membership of {project}, which this task has made, stays: {second}")
            self._added.remove(project)
            self._members.pop(project, None)
            self._undone_projects.append(project)
        if self._undone_projects:
            return error.with_note("The memberships that this task had made have been removed again.")
        return error

    def _with_done(self, error: PcdError) -> PcdError:
        """The error with what this run has changed before it, and what it has left."""
        if isinstance(error, LostRace):
            error.done = {"changed": True, "action": action_of(self._steps[: self._done])} if self._done else {}
            return error
        done = [step for step in self._steps[: self._done] if step.project_id not in self._undone_projects]
        if done:
            error.facts["members"] = shape_of(self._members.values())
            error = error.with_note(
                f"Done before that: {in_words(done)}. Not done: {in_words(self._steps[self._done :])}."
            )
        return error
