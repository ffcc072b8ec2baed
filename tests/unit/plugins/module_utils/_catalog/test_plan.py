# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of an entry, whose image it may be, and which images are not declared any more."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.plan import (
    MIN_IMAGES_FOR_LIMIT,
    check_claim,
    is_of_catalog,
    plan_entry,
    plan_prune,
    plan_pruning,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import ImageRequest, parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    CATALOG,
    REPLACES,
    RETIRED,
    RETIRED_AS,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Update, action_of
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_PROJECT, OUR_ID, PROJECT, image, marked

GOLDEN = {CATALOG: "golden"}


def request(**given: Any) -> ImageRequest:
    parsed = parse_image({"name": "a", **given})
    return parsed._replace(desired={**parsed.desired, **GOLDEN})


# --- the mark


def test_a_declared_image_gets_the_mark_bound_to_its_id() -> None:
    plan = plan_entry(request(), session_with(Glance(image(name="a"))), "golden")
    assert plan.patch == [
        {"op": "add", "path": f"/{BOUND_TO}", "value": ID},
        {"op": "add", "path": f"/{CATALOG}", "value": "golden"},
    ]
    assert plan.diff["after"][CATALOG] == "golden"
    there = image(name="a", **GOLDEN, **{BOUND_TO: ID})
    assert action_of(plan_entry(request(), session_with(Glance(there)), "golden")) == "unchanged"


@pytest.mark.parametrize(
    ("found", "counts"),
    [
        (marked(**GOLDEN), True),
        (marked(**GOLDEN, os_hidden=True), True),
        (marked(**GOLDEN, protected=True), True),
        (marked(**{CATALOG: "silver"}), False),
        (marked(), False),
        (marked(**GOLDEN, owner=OTHER_PROJECT), False),
        (image(id=ID, **GOLDEN, **{BOUND_TO: ID}), False),
        (image(id=OUR_ID, **GOLDEN), False),
        (image(id=OUR_ID, **GOLDEN, **{BOUND_TO: ID}), False),
        (marked(**GOLDEN, name="a", os_hidden=True, **{RETIRED: "a"}), False),
        (marked(**GOLDEN, name="a-old", **{RETIRED: "a", RETIRED_AS: "a-old"}), False),
        (marked(**GOLDEN, name="a", os_hidden=True, **{REPLACES: ID}), False),
    ],
)
def test_the_mark_counts_on_own_images_in_use_only(found: dict[str, Any], counts: bool) -> None:
    assert is_of_catalog(found, "golden", PROJECT) is counts


@pytest.mark.parametrize(
    ("found", "catalog", "is_refused"),
    [
        (marked(**GOLDEN), "silver", True),
        (image(id=ID, **GOLDEN, **{BOUND_TO: ID}), "silver", True),
        (marked(**GOLDEN), "golden", False),
        (marked(**GOLDEN), None, False),
        (image(id=OUR_ID, **GOLDEN, **{BOUND_TO: ID}), "silver", False),
        (marked(), "silver", False),
        (marked(**GOLDEN, owner=OTHER_PROJECT), "silver", False),
    ],
)
def test_an_image_of_another_catalogue_is_not_claimed(found: dict[str, Any], catalog: str, is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(PlanError, match="belongs to catalogue 'golden'"):
            check_claim(found, catalog, PROJECT)
    else:
        check_claim(found, catalog, PROJECT)


def test_every_mark_counts_if_the_own_project_is_not_known() -> None:
    with pytest.raises(PlanError, match="belongs to catalogue 'golden'"):
        check_claim(marked(**GOLDEN), "silver", None)


def test_a_claim_is_checked_for_absent_images_too() -> None:
    service = Glance(marked(**GOLDEN, name="a"))
    for state in ("present", "absent"):
        with pytest.raises(PlanError, match="belongs to catalogue 'golden'"):
            plan_entry(request(state=state), session_with(service), "silver")


# --- images that are not declared


def pruning(
    *images: dict[str, Any], limit: int = 100, names: tuple[str, ...] = ("kept",)
) -> tuple[list[str], list[str]]:
    found = plan_pruning(images, "golden", PROJECT, names, (), limit)
    return [each["name"] for each in found.images], [each["name"] for each in found.kept]


def test_only_what_the_catalogue_has_made_and_nobody_declares_is_pruned() -> None:
    adopted = image(id=ID, name="adopted", **GOLDEN, **{BOUND_TO: ID})
    snapshot = image(id=ID, name="snapshot", **GOLDEN, **{BOUND_TO: OUR_ID})
    images = [marked(name="kept", **GOLDEN), marked(name="gone", **GOLDEN), marked(name="free"), adopted, snapshot]
    assert pruning(*images) == (["gone"], ["adopted"])
    assert plan_pruning(images, "golden", PROJECT, ("gone",), (OUR_ID,), 100).images == ()


@pytest.mark.parametrize(
    ("kept", "gone", "limit", "is_refused"),
    [
        (MIN_IMAGES_FOR_LIMIT - 3, 3, 30, False),
        (MIN_IMAGES_FOR_LIMIT - 4, 4, 30, True),
        (MIN_IMAGES_FOR_LIMIT - 4, 4, 40, False),
        (0, MIN_IMAGES_FOR_LIMIT - 1, 30, False),
        (0, MIN_IMAGES_FOR_LIMIT, 100, False),
        (MIN_IMAGES_FOR_LIMIT, 0, 0, False),
        (MIN_IMAGES_FOR_LIMIT, 1, 0, True),
    ],
)
def test_too_many_at_once_are_refused(kept: int, gone: int, limit: int, is_refused: bool) -> None:
    names = ["kept"] * kept + ["gone"] * gone
    images = [marked(id=new_id(), name=name, **GOLDEN) for name in names]
    if is_refused:
        with pytest.raises(PlanError, match=f"prune_limit: {gone} of {kept + gone} images"):
            pruning(*images, limit=limit)
    else:
        assert pruning(*images, limit=limit) == (["gone"] * gone, [])


@pytest.mark.parametrize(
    ("how", "changes"),
    [
        ("hide", {"os_hidden": True, RETIRED: "a"}),
        ("deactivate", {"os_hidden": True, RETIRED: "a", "status": "deactivated"}),
        ("rename", {"name": "a-old", RETIRED: "a", RETIRED_AS: "a-old"}),
    ],
)
def test_a_pruned_image_is_retired_like_a_replaced_one(how: str, changes: dict[str, Any]) -> None:
    there = marked(name="a", **GOLDEN)
    plan = plan_prune(there, how, "-old", False)
    assert plan.after == {**there, **changes, "updated_at": None}
    assert plan.after is not None
    assert not is_of_catalog(plan.after, "golden", PROJECT)


def test_a_protected_image_is_deleted_by_force_only() -> None:
    there = marked(name="a", protected=True, **GOLDEN)
    with pytest.raises(PlanError, match="protected"):
        plan_prune(there, "delete", None, False)
    assert plan_prune(there, "delete", None, True).after is None


def test_what_was_pruned_is_shown_again_once_it_is_declared() -> None:
    said: list[str] = []
    there = marked(name="a", os_hidden=True, **GOLDEN, **{RETIRED: "a"})
    plan = plan_entry(request(min_ram=7), session_with(Glance(there), said), "golden")
    assert action_of(plan) == "restored"
    assert plan.after is not None
    assert {key: plan.after.get(key) for key in ("id", "os_hidden", RETIRED, CATALOG, BOUND_TO, "min_ram")} == {
        "id": OUR_ID,
        "os_hidden": False,
        RETIRED: None,
        CATALOG: "golden",
        BOUND_TO: OUR_ID,
        "min_ram": 7,
    }
    assert said == []
    assert any(isinstance(step, Update) for step in plan.steps)


@pytest.mark.parametrize(
    ("visibility", "desired", "action"),
    [
        ("private", {"visibility": "public"}, "created"),
        ("community", {"visibility": "public"}, "created"),
        ("public", {"visibility": "public"}, "restored"),
        ("private", {}, "restored"),
    ],
)
def test_a_mark_that_any_member_can_write_makes_no_image_public(
    visibility: str, desired: dict[str, Any], action: str
) -> None:
    there = marked(name="a", os_hidden=True, visibility=visibility, **GOLDEN, **{RETIRED: "a"})
    plan = plan_entry(request(**desired), session_with(Glance(there)), "golden")
    assert action_of(plan) == action
    assert plan.after is not None
    assert (plan.after.get("id") == OUR_ID) is (action == "restored")


def test_what_a_rotation_has_retired_is_not_shown_for_another_catalogue() -> None:
    there = marked(name="a", os_hidden=True, **{RETIRED: "a"})
    assert action_of(plan_entry(request(), session_with(Glance(there)), "golden")) == "created"
