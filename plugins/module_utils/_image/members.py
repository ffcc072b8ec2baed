# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The projects that an image is shared with: what the options ask for, and the plan that makes it so. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._errors import ConfigurationError, NotReady
from .options import Target, check_text, parse_target
from .plan import Image, describe, header_of

Member = Mapping[str, Any]

STATUSES = ("accepted", "rejected", "pending")

# The default quota of an image (image_member_quota in glance/common/config.py). No operation returns the real one.
USUAL_QUOTA = 128

MEMBER_OPTIONS: dict[str, Any] = {
    "projects": {"type": "list", "elements": "str"},
    "project_domain": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "status": {"type": "str", "choices": [*STATUSES]},
    "purge": {"type": "bool", "default": False},
}

# What users get of a member. The image id is that of the image in the same result.
ATTRIBUTES = ("member_id", "status", "created_at", "updated_at")


class Sharing(NamedTuple):
    """The members that an image is to have.

    `projects` are ids and names as they were given; None means the receiving side: only the project of the
    credentials counts. `status` None leaves every status unchanged.
    """

    target: Target
    projects: tuple[str, ...] | None
    domain: str | None
    absent: bool
    status: str | None
    purge: bool
    secrets: tuple[str, ...] = ()


class Share(NamedTuple):
    project_id: str


class SetMemberStatus(NamedTuple):
    project_id: str
    status: str


class Unshare(NamedTuple):
    project_id: str


MemberStep: TypeAlias = "Share | SetMemberStatus | Unshare"


def action_of(steps: Sequence[MemberStep]) -> str:
    """What the steps do, in one word."""
    kinds = {type(step) for step in steps}
    if not kinds:
        return "unchanged"
    if kinds == {Unshare}:
        return "removed"
    return "shared" if Share in kinds and Unshare not in kinds else "updated"


class MembersPlan(NamedTuple):
    """From the members `before` by `steps` to `after`. What cannot be predicted is None in `after`."""

    image: Image
    before: tuple[Member, ...]
    steps: tuple[MemberStep, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.steps)

    @property
    def action(self) -> str:
        """What the plan does, in one word."""
        return action_of(self.steps)

    @property
    def after(self) -> tuple[Member, ...]:
        members = {member["member_id"]: dict(member) for member in self.before}
        for step in self.steps:
            match step:
                case Share(project):
                    members[project] = {"member_id": project, "status": "pending"}
                case SetMemberStatus(project, status):
                    members[project].update(status=status, updated_at=None)
                case Unshare(project):
                    del members[project]
        return tuple(members.values())

    @property
    def diff(self) -> dict[str, Any]:
        header = header_of(self.image)
        return {
            "before": _visible(self.image, self.before),
            "after": _visible(self.image, self.after),
            "before_header": header,
            "after_header": header,
        }


def _visible(image: Image, members: Iterable[Member]) -> dict[str, Any]:
    """What a diff shows of the members."""
    statuses = {member["member_id"]: member["status"] for member in shape_of(members)}
    return {"id": image["id"], "name": image.get("name"), "members": statuses}


def parse_sharing(params: Mapping[str, Any]) -> Sharing:
    """The request of pcd_image_member; ConfigurationError if it asks for nothing, or contradicts itself."""
    target = parse_target(params)
    projects, domain, status = params["projects"], params["project_domain"], params["status"]
    absent = params["state"] == "absent"
    if projects is None and absent:
        raise ConfigurationError(
            "state: absent needs projects, and only the project that owns the image can use it. A membership cannot be "
            "ended from the receiving side; set status: rejected there."
        )
    if projects is None and params["purge"]:
        raise ConfigurationError("purge: it needs projects, to say which members stay. Give projects, or leave it out.")
    if projects is None and status is None:
        raise ConfigurationError(
            "projects: nothing says what is to be done. Give projects to share an image with them, or status to answer "
            "an image that is offered to the project of the credentials."
        )
    if absent and status is not None:
        raise ConfigurationError("status: a membership that is to end (state: absent) has none. Leave one out.")
    if absent and params["purge"]:
        raise ConfigurationError("purge: it removes the members that are not in projects, and state: absent those.")
    for project in projects or ():
        check_text("projects", project)
    if domain is not None:
        check_text("project_domain", domain)
    listed = None if projects is None else tuple(dict.fromkeys(projects))
    return Sharing(target, listed, domain, absent, status, params["purge"])


def plan_members(sharing: Sharing, image: Image, members: Sequence[Member], project_ids: Sequence[str]) -> MembersPlan:
    """The plan for the projects that the options mean, by id; what else has a membership keeps it unless purged."""
    before = {member["member_id"]: member["status"] for member in members}
    if sharing.absent:
        return _planned(image, members, [Unshare(project) for project in project_ids if project in before])
    added = [project for project in project_ids if project not in before]
    removed = [project for project in before if project not in project_ids] if sharing.purge else []
    steps: list[MemberStep] = [Share(project) for project in added]
    if sharing.status is not None:
        reached = {**before, **dict.fromkeys(added, "pending")}
        steps += [
            SetMemberStatus(project, sharing.status) for project in project_ids if reached[project] != sharing.status
        ]
    endings: list[MemberStep] = [Unshare(project) for project in removed]
    # Whoever is added is added first, unless the removal makes the room for it.
    fits_only_then = len(before) + len(added) > USUAL_QUOTA >= len(before) + len(added) - len(removed)
    return _planned(image, members, [*endings, *steps] if fits_only_then else [*steps, *endings])


def _planned(image: Image, members: Sequence[Member], steps: Sequence[MemberStep]) -> MembersPlan:
    return MembersPlan(image, tuple(members), tuple(steps))


def added_by(plan: MembersPlan) -> list[str]:
    """The projects that the plan shares the image with for the first time."""
    return [step.project_id for step in plan.steps if isinstance(step, Share)]


def in_words(steps: Iterable[MemberStep]) -> str:
    """What the steps do, one after the other."""
    words = []
    for step in steps:
        match step:
            case Share(project):
                words.append(f"share with {project}")
            case Unshare(project):
                words.append(f"end the membership of {project}")
            case SetMemberStatus(project, status):
                words.append(f"set the status of {project} to {status}")
    return "; ".join(words)


def shape_of(members: Iterable[Member]) -> list[dict[str, Any]]:
    """What users get for the members of an image, in the order of their ids."""
    shapes = [{attribute: member.get(attribute) for attribute in ATTRIBUTES} for member in members]
    return sorted(shapes, key=lambda shape: str(shape["member_id"]))


def refuse_unshared(image: Image) -> NotReady:
    """The error for an image without members, with what makes it one that has some."""
    visibility = image.get("visibility")
    meaning = {
        "private": "only its own project can use it",
        "community": "every project can use it that knows its id",
        "public": "every project can use it",
    }.get(str(visibility), "it has no members")
    return NotReady(
        f"{describe(image)} has the visibility {visibility}, so that {meaning}; only a shared image has members. Set "
        "visibility: shared (pcd_image) if only its members are to use it, and run the task again."
    )
