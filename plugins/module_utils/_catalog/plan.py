# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of one entry of a catalogue, and which images of the catalogue are not declared any more."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from .._data.image import plan_image
from .._data.options import ImageRequest
from .._data.replacement import may_be_shown, plan_return, retirement_of
from .._errors import PlanError, quoted
from .._image.attributes import BOUND_TO, CATALOG, is_ours, without_converted
from .._image.find import RetiredImages
from .._image.marks import is_unfinished, mark_of, replaced_id, retired_name
from .._image.plan import (
    STATUS_AFTER,
    Create,
    Image,
    Plan,
    Resume,
    SetStatus,
    Update,
    apply_patch,
    describe,
    plan_absent,
)
from .._image.rotation import is_still_retired
from .._session import Session

# Below this number of images, a share of them says nothing.
MIN_IMAGES_FOR_LIMIT = 10


class Pruning(NamedTuple):
    """What a run retires because it is not declared: images, and those that stay, each with the reason."""

    images: tuple[Image, ...]
    kept: tuple[dict[str, Any], ...]


def plan_entry(request: ImageRequest, session: Session, catalog: str | None) -> Plan:
    """The plan of pcd_image for this image; and one that was pruned is shown again."""
    said: list[str] = []
    plan = plan_image(request, replace(session, warn=said.append))
    if plan.stream is not None:
        # It is opened again once it is its turn.
        plan.stream.close()
    returned = None if catalog is None else _shown_again(request, plan, session, catalog)
    for warning in said if returned is None else ():
        session.warn(warning)
    plan = returned or plan
    for image in images_of(plan):
        check_claim(image, catalog, session.project_id)
    return plan


def images_of(plan: Plan) -> list[Image]:
    """The images that are there and that the plan changes, beside those that it retires."""
    resumed = [step.image for step in plan.steps if isinstance(step, Resume)]
    return [*([] if plan.before is None else [plan.before]), *resumed]


def check_claim(image: Image, catalog: str | None, project_id: str | None) -> None:
    """Raises PlanError if the image is marked by another catalogue than this one, in the own project.

    Other projects can write any mark on their images, to keep an administrator from changing them. If the own project
    is not known (None), every mark counts.
    """
    claimed = image.get(CATALOG)
    is_claimed = image.get(BOUND_TO) == image["id"] and project_id in (None, image.get("owner"))
    if catalog is None or claimed in (None, catalog) or not is_claimed:
        return
    raise PlanError(
        f"catalog: {describe(image)} belongs to catalogue {quoted(str(claimed))}, so that it is not changed by "
        f"catalogue {quoted(catalog)}. Declare it in only one of the two; to hand it over, remove its property "
        f"{CATALOG}: openstack image unset --property {CATALOG} {image['id']}"
    )


def _shown_again(request: ImageRequest, plan: Plan, session: Session, catalog: str) -> Plan | None:
    """The plan that shows a pruned image again, if a record without data would be made for its name otherwise."""
    is_new = plan.before is None and plan.changed and isinstance(plan.steps[0], Create)
    if not is_new or request.data.is_about_data or request.target.id is not None:
        return None
    if request.target.owner not in (None, session.project_id):
        return None
    retired = RetiredImages(session, request.target.name, renamed=request.data.retired == "rename")
    for image in reversed(retired.listed()):
        is_pruned = mark_of(image, CATALOG, session.project_id) == catalog
        if is_pruned and may_be_shown(image, request.desired.get("visibility")):
            wanted = without_converted(request.desired, image, session.project_id)
            return plan_return(None, image, wanted, request.purge, [])
    return None


# --- images that are not declared


def is_of_catalog(image: Image, catalog: str, project_id: str | None) -> bool:
    """Whether the catalogue has made the image, and it is in use: neither retired nor being prepared.

    The mark counts as every mark does: on an image of the own project whose id this collection has made, and which it
    was written onto. A snapshot that has inherited it is none.
    """
    return mark_of(image, CATALOG, project_id) == catalog and _is_in_use(image)


def _is_in_use(image: Image) -> bool:
    return not is_still_retired(image, image) and not (is_unfinished(image) and replaced_id(image) is not None)


def plan_pruning(
    images: Iterable[Image],
    catalog: str,
    project_id: str | None,
    names: Container[object],
    ids: Container[object],
    limit: int,
) -> Pruning:
    """The images of the catalogue that are neither declared by name nor one of the ids; PlanError if they are too many.

    An image that the collection has not made was adopted by a declaration, and stays.
    """
    marked, surplus, kept = 0, [], []
    for image in images:
        is_marked = is_of_catalog(image, catalog, project_id)
        marked += is_marked
        if image.get("name") in names or image["id"] in ids:
            continue
        if is_marked:
            surplus.append(image)
        elif _is_adopted(image, catalog, project_id):
            kept.append(kept_entry(image, "this collection has not made it"))
    if marked >= MIN_IMAGES_FOR_LIMIT and len(surplus) * 100 > limit * marked:
        raise PlanError(
            f"prune_limit: {len(surplus)} of {marked} images of catalogue {quoted(catalog)} are not declared, which is "
            f"more than {limit} per cent. Nothing has been written. Check the list of images; if it is right, raise "
            "prune_limit for one run."
        )
    return Pruning(tuple(surplus), tuple(kept))


def _is_adopted(image: Image, catalog: str, project_id: str | None) -> bool:
    is_marked = image.get(CATALOG) == catalog and image.get(BOUND_TO) == image["id"]
    is_own = is_marked and image.get("owner") == project_id
    return is_own and not is_ours(image["id"]) and retired_name(image) is None and _is_in_use(image)


def kept_entry(image: Image, reason: str) -> dict[str, Any]:
    """The entry of `not_pruned` for an image that stays."""
    return {"id": image["id"], "name": image.get("name"), "reason": reason}


def plan_prune(image: Image, how: str, suffix: str | None, force: bool) -> Plan:
    """The image is retired, as a rotation retires what was replaced."""
    if how == "delete":
        return plan_absent(image, force)
    after: dict[str, Any] = {**image, "updated_at": None}
    retirement = retirement_of(image, how, suffix, force, image.get("name"), False)
    for step in retirement.steps:
        if isinstance(step, Update):
            after = apply_patch(step.patch, after)
        elif isinstance(step, SetStatus):
            after["status"] = STATUS_AFTER[step.action]
    return Plan(image, after, retirement.steps)
