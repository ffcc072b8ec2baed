# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image as a user declares it: its record, its data if it is to have some, and its retired images."""

from __future__ import annotations

from .._client.credentials import PROJECT_ID
from .._errors import PlanError, quoted
from .._image.attributes import FIXED_BY_DATA, without_converted
from .._image.find import ID_AS_NAME, UPDATED, RetiredImages, find, find_existing, is_id
from .._image.marks import replaced_id
from .._image.plan import Plan, describe, plan_absent, plan_present
from .._image.rotation import with_rotation
from .._session import Session
from .options import ImageRequest


def plan_image(request: ImageRequest, session: Session) -> Plan:
    """The plan that brings the image that the request means to the desired state."""
    if request.state == "absent":
        plan = _plan_absent(request, session)
        _warn_if_not_found(request, plan, session)
        return plan
    retired = RetiredImages(session, request.target.name, renamed=request.data.retired == "rename")
    plan = _plan_present(request, session, retired)
    _warn_if_not_found(request, plan, session)
    _warn_of_owner(request, plan, session)
    if request.data.keep is None:
        return plan
    _check_owner(request, plan, session)
    return with_rotation(plan, retired.listed(), request.data.keep, request.force)


def _warn_if_not_found(request: ImageRequest, plan: Plan, session: Session) -> None:
    """Warns of a name and an owner that are likely the reason why the image was not found."""
    if plan.before is not None or request.target.id is not None:
        return
    name, owner = request.target.name, request.target.owner
    if is_id(session, name):
        session.warn(ID_AS_NAME.format(quoted(str(name))))
    if request.state == "absent" and owner is not None and not PROJECT_ID.fullmatch(owner):
        session.warn(
            f"owner: {quoted(owner)} is not the id of a project, which has 32 hexadecimal digits, and no image of it "
            "was found. Give the id (openstack project show NAME)."
        )


def _warn_of_owner(request: ImageRequest, plan: Plan, session: Session) -> None:
    owner = request.desired.get("owner")
    if owner is None or PROJECT_ID.fullmatch(owner) or owner == (plan.before or {}).get("owner"):
        return
    session.warn(
        f"owner: {quoted(owner)} is not the id of a project, which has 32 hexadecimal digits. The image service takes "
        "any text, and the image belongs to nobody then. Give the id (openstack project show NAME)."
    )


def _check_owner(request: ImageRequest, plan: Plan, session: Session) -> None:
    new = request.target.owner or session.project_id
    owner = new if plan.before is None else plan.before.get("owner")
    if owner is None or owner != session.project_id:
        image, own = "the image" if plan.before is None else describe(plan.before), session.project_id or "not known"
        raise PlanError(
            f"keep: it is about retired images of the project of the credentials ({own}), and {image} belongs to "
            f"project {owner or 'nobody'}. Log in to that project (with a token: give project_id), or leave keep out."
        )


def _plan_present(request: ImageRequest, session: Session, retired: RetiredImages) -> Plan:
    target, desired = request.target, request.desired
    current = find(session, target) if request.create else find_existing(session, target, UPDATED)
    if request.data.is_about_data:
        # Most tasks change attributes only, and each process of a module compiles everything that it imports.
        from .plan import plan_with_data

        return plan_with_data(request, session, current, retired)
    if current is None and not any(option in desired for option in FIXED_BY_DATA):
        session.warn(
            f"No image {target.called} was found, so that the plan is a new record without data (status queued), from "
            "which no instance boots. For a new image, give disk_format, container_format, and path or url. To change "
            "only an image that is there, set create: false."
        )
    wanted = without_converted(desired, current, session.project_id)
    return plan_present(wanted, current, request.purge, target.id)


def _plan_absent(request: ImageRequest, session: Session) -> Plan:
    current = find(session, request.target)
    if current is None or request.target.id is not None or replaced_id(current) is None:
        return plan_absent(current, request.force)
    from .plan import plan_absent_replacement

    return plan_absent_replacement(request, session, current)
