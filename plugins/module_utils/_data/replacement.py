# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an image that takes the place of another one, from its record to the retirement of the old one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from .._errors import PlanError
from .._image.attributes import (
    BOUND_TO,
    CATALOG,
    CREATED,
    FIXED_BY_DATA,
    FULL_STATUSES,
    MAX_TEXT_LENGTH,
    REPLACES,
    RETIRED,
    RETIRED_AS,
    SETTABLE,
    SHOWN,
    is_custom,
    origin_of,
    with_tags_of,
)
from .._image.marks import foreign_marks, is_retired, unmarking
from .._image.plan import (
    Create,
    Discard,
    Follow,
    Image,
    Plan,
    Resume,
    Retire,
    SetStatus,
    Step,
    Update,
    describe,
    make_patch,
    plan_absent,
    plan_present,
    pointer,
)
from .._image.rotation import is_about_old_data
from .delivery import Delivery, with_delivery


def plan_replacement(
    old: Image,
    attributes: Mapping[str, Any],
    delivery: Delivery,
    retirements: Sequence[Retire],
    leftovers: Sequence[Discard] = (),
    prepares: bool = False,
) -> Plan:
    """A new image with these attributes (see `replacement_attributes`) and the new data, which replaces the old image.

    It is hidden until its data is verified, and names the image that it replaces until that one is retired. So a run
    that was interrupted can be continued, and one of the two images can be used at every moment. `leftovers` of such
    runs are deleted first. If the plan only `prepares`, the new image stays hidden.
    """
    record = plan_present(attributes, None)
    hidden = {key: value for key, value in attributes.items() if value is not None}
    hidden.update({"os_hidden": True, REPLACES: old["id"]})
    plan = with_delivery(record._replace(before=old, steps=(*leftovers, Create(hidden))), delivery)
    if prepares:
        return _prepared(plan)
    plan = _followed(plan, old)
    return _published(plan, hidden, bool(attributes.get("os_hidden")), retirements)


def plan_continuation(
    old: Image,
    attributes: Mapping[str, Any],
    unfinished: Image,
    delivery: Delivery | None,
    retirements: Sequence[Retire],
    leftovers: Sequence[Discard] = (),
    kept: Sequence[str] = (),
    prepares: bool = False,
) -> Plan:
    """What is left to do for a replacement that an earlier run has begun; `delivery` is None if it has its data.

    Everything that a new replacement would not have is removed before its data comes and before it is shown: others
    who can write to it (the members of its project) may have added to it. `kept` are properties of ours that count.
    """
    desired = begun_with(attributes)
    declared = [key for key in desired if key == CATALOG]
    desired.update(dict.fromkeys(foreign_marks(unfinished, (REPLACES, BOUND_TO, *declared, *kept))))
    record = plan_present(desired, unfinished, purge=True)
    plan = record._replace(before=old, steps=(*leftovers, Resume(unfinished), *record.steps))
    if delivery is not None:
        plan = with_delivery(plan, delivery)
    if prepares:
        # An image that is as it is to be needs no step, and nothing changes.
        return _prepared(plan if record.steps or delivery or leftovers else plan._replace(steps=()))
    plan = _followed(plan, old)
    return _published(plan, record.after or {}, bool(attributes.get("os_hidden")), retirements)


def _followed(plan: Plan, old: Image) -> Plan:
    """The plan, followed by the members of the old image, if both images can have some."""
    can_have = old.get("visibility") == "shared" == (plan.after or {}).get("visibility")
    return plan._replace(steps=(*plan.steps, Follow(old))) if can_have else plan


def begun_with(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What a replacement with these attributes has before it is shown, without its marks."""
    given = {key: value for key, value in attributes.items() if value is not None}
    return {**{key: value for key, value in CREATED.items() if key != "status"}, **given, "os_hidden": True}


def can_continue(unfinished: Image, attributes: Mapping[str, Any]) -> bool:
    """Whether a patch can turn an unfinished replacement into what a new one with these attributes would be.

    Who could see the image meanwhile is not undone by a patch, and formats are fixed by the data.
    """
    wanted = begun_with(attributes)
    if unfinished.get("visibility") != wanted["visibility"]:
        return False
    if unfinished["status"] in FULL_STATUSES:
        return all(wanted.get(key, unfinished.get(key)) == unfinished.get(key) for key in FIXED_BY_DATA)
    return all(key in wanted or not unfinished.get(key) for key in FIXED_BY_DATA)


def with_ending(plan: Plan, shall_be_hidden: bool, retirements: Sequence[Retire]) -> Plan:
    """The plan for an image that replaces others, followed by what is left to do until it has replaced them."""
    if plan.after is None:
        return plan
    return _published(plan, plan.after, shall_be_hidden, retirements)


def may_be_shown(image: Image, visibility: object) -> bool:
    """Whether what an image says of itself suffices to show it with the visibility that is desired.

    Only an administrator can make an image public. So one that is not public was never the public one, and is not made
    public because of a mark that any member of the project can write.
    """
    return visibility != "public" or image.get("visibility") == "public"


def plan_return(
    old: Image | None,
    image: Image,
    desired: Mapping[str, Any],
    purge: bool,
    retirements: Sequence[Retire],
) -> Plan:
    """A retired image takes the place of the old one again, with its data, its id, and the desired attributes.

    `desired` has the name.

    While both are shown, it names the old one as the one that it replaces, so that an interrupted run can be continued.
    The last patch answers with what became of the first one, so that nothing else looks at that.
    """
    shown = {"os_hidden": False, **desired, **dict.fromkeys(unmarking(image, RETIRED))}
    if old is not None:
        # Whoever sees the name sees it afterwards as well.
        shown.setdefault("visibility", old.get("visibility"))
    status: tuple[Step, ...] = (SetStatus("reactivate"),) if image["status"] == "deactivated" else ()
    record = plan_present(shown, image, purge)
    steps = record.steps
    if old is not None and retirements:
        marks = {REPLACES: old["id"], SHOWN: "true"}
        begun = {**shown, **marks, BOUND_TO: image["id"]}
        # What binds them stays if another mark needs it.
        gone = unmarking({key: value for key, value in {**image, **begun}.items() if value is not None}, *marks)
        ended = {**begun, **dict.fromkeys(gone)}
        steps = (
            Update(make_patch(begun, image, purge), begun, purge, verify=False),
            *(_without_look(retirement) for retirement in retirements),
            Update(removal(gone), ended, purge, verify=False),
        )
    after = {**(record.after or {}), "status": "active"}
    return record._replace(before=old, after=after, steps=(Resume(image, is_return=True), *status, *steps))


def _without_look(retirement: Retire) -> Retire:
    steps = (replace(step, verify=False) if isinstance(step, Update) else step for step in retirement.steps)
    return retirement._replace(steps=tuple(steps))


def _prepared(plan: Plan) -> Plan:
    """The plan of an image that stays hidden, until another task publishes it."""
    after = None if plan.after is None else {**plan.after, "os_hidden": True}
    return plan._replace(after=after, prepares=True)


def _published(plan: Plan, marked: Image, shall_be_hidden: bool, retirements: Sequence[Retire]) -> Plan:
    """The plan, followed by the steps that publish the image; `marked` is the image before them, with its marks."""
    steps: list[Step] = []
    if marked.get("os_hidden") and not shall_be_hidden:
        shown = {"op": "add", "path": pointer(SHOWN), "value": "true"}
        steps.append(Update([{"op": "replace", "path": "/os_hidden", "value": False}, shown]))
        marked = {**marked, SHOWN: "true"}
    steps += retirements
    # The id of a new image, to which it is bound, is chosen later.
    gone = unmarking({BOUND_TO: "", **marked}, REPLACES, SHOWN)
    steps.append(Update(removal(gone)))
    after = {key: value for key, value in (plan.after or {}).items() if key not in gone}
    after.update({"os_hidden": shall_be_hidden, "updated_at": None})
    return plan._replace(after=after, steps=(*plan.steps, *steps))


def removal(keys: Iterable[str]) -> list[dict[str, Any]]:
    """The operations of a patch that removes these properties."""
    return [{"op": "remove", "path": pointer(key)} for key in keys]


def replacement_attributes(
    old: Image, desired: Mapping[str, Any], purge: bool, project_id: str | None
) -> dict[str, Any]:
    """The attributes of the image that replaces the old one; None for a property that it must not have."""
    return {**inherited_attributes(old, purge, project_id), **with_tags_of(desired, old)}


def inherited_attributes(old: Image, purge: bool, project_id: str | None) -> dict[str, Any]:
    """The attributes that a replacement inherits; with `purge` no custom property.

    `project_id` is that of the credentials: its own images need no owner, which nobody but an administrator may set.
    """
    kept = {
        key: value
        for key, value in old.items()
        if value is not None and (key in SETTABLE or (is_custom(key) and not purge)) and not is_about_old_data(key)
    }
    if project_id in (None, kept.get("owner")):
        kept.pop("owner", None)
    origin = origin_of(old, project_id)
    if origin is not None and origin.disk_format is not None:
        # What was declared before the service has converted it.
        kept["disk_format"] = origin.disk_format
    return kept


def retirement_of(
    old: Image, how: str, suffix: str | None, force: bool, name: str | None, new_is_hidden: bool
) -> Retire:
    """The steps that retire the old image, so that another one can have its name."""
    if how == "delete":
        return Retire(old, plan_absent(old, force).steps, "deleted", old.get("name"))
    # It may itself be the replacement of an interrupted run.
    gone = removal(unmarking(old, REPLACES, SHOWN))
    steps: list[Step] = [Update(gone)] if gone else []
    if how == "rename":
        return _renamed(old, suffix, name, steps)
    if is_retired(old):
        status = _deactivation(old, how)
        return Retire(old, (*steps, *status), "deactivated" if status else "hidden", old.get("name"))
    if new_is_hidden:
        raise PlanError(
            f"retired: {describe(old)} and the image that replaces it would both be hidden and have one name, so that "
            "nobody could tell them apart by it. Use retired: rename or retired: delete."
        )
    hiding = [] if old.get("os_hidden") else [{"op": "replace", "path": "/os_hidden", "value": True}]
    # The mark distinguishes it from an image that is hidden on purpose.
    steps.append(Update([*hiding, *_retired_mark(old)]))
    status = _deactivation(old, how)
    return Retire(old, (*steps, *status), "deactivated" if status else "hidden", old.get("name"))


def _renamed(old: Image, suffix: str | None, name: str | None, steps: Sequence[Step]) -> Retire:
    if old.get("name") != name:
        return Retire(old, tuple(steps), "renamed", old.get("name"))
    retired = f"{name}{suffix if suffix is not None else default_suffix(old)}"
    if len(retired) > MAX_TEXT_LENGTH:
        raise PlanError(
            f"retired_suffix: with it, the name of {describe(old)} would have {len(retired)} characters; the image "
            f"service takes {MAX_TEXT_LENGTH} at the most. Give a shorter one, or retire the image in another way."
        )
    given = {"op": "add", "path": pointer(RETIRED_AS), "value": retired}
    renaming = Update([{"op": "replace", "path": "/name", "value": retired}, *_retired_mark(old), given])
    return Retire(old, (*steps, renaming), "renamed", retired)


def _deactivation(old: Image, how: str) -> tuple[Step, ...]:
    return (SetStatus("deactivate"),) if how == "deactivate" and old["status"] == "active" else ()


def _retired_mark(old: Image) -> list[dict[str, Any]]:
    """The operations that write the name from which the image is retired, and bind it to this image."""
    marks = {RETIRED: str(old.get("name")), BOUND_TO: old["id"]}
    return [{"op": "add", "path": pointer(key), "value": value} for key, value in marks.items()]


def default_suffix(old: Image) -> str:
    """When the image was created, which distinguishes retired images of one name."""
    return "-" + "".join(character for character in str(old.get("created_at")) if character not in "-:")
