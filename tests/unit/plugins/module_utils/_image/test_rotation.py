# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which retired images count, go and stay: documents in, answers out."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    RETIRED,
    RETIRED_AS,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Delete,
    Discard,
    Plan,
    Prune,
    Resume,
    Retire,
    plan_present,
    without_refused,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.rotation import (
    is_about_old_data,
    is_still_retired,
    plan_rotation,
    retired_images,
    with_rotation,
)
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_PROJECT, OUR_ID, PROJECT, image

NAME = "golden"


def retired(day: int = 1, **given: Any) -> dict[str, Any]:
    image_id = given.get("id", new_id())
    return image(
        **{
            "id": image_id,
            "name": NAME,
            "os_hidden": True,
            "created_at": f"2026-11-{day:02}T00:00:00Z",
            RETIRED: NAME,
            BOUND_TO: image_id,
            **given,
        }
    )


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ({}, True),
        ({"status": "deactivated"}, True),
        ({"os_hidden": False, "name": f"{NAME}-old", RETIRED_AS: f"{NAME}-old"}, True),
        ({"os_hidden": False, "name": f"{NAME}-lts", RETIRED_AS: f"{NAME}-old"}, False),
        ({"os_hidden": False, "name": f"{NAME}-old"}, False),
        ({"os_hidden": False, "name": None}, False),
        ({"os_hidden": False, RETIRED_AS: NAME}, False),
        ({"os_hidden": False}, False),
        ({"os_hidden": True, "name": "renamed by somebody"}, False),
        ({"os_hidden": False, "name": "renamed by somebody"}, False),
        ({"owner": OTHER_PROJECT}, False),
        ({"owner": None}, False),
        ({RETIRED: "other"}, False),
        ({RETIRED: "true"}, False),
        ({RETIRED: NAME.upper()}, False),
        ({RETIRED: None}, False),
        ({BOUND_TO: OUR_ID}, False),
        ({BOUND_TO: None}, False),
        ({"id": ID, BOUND_TO: ID}, False),
    ],
)
def test_an_image_counts_if_this_collection_has_made_and_retired_it(given: dict[str, Any], counts: bool) -> None:
    there = retired(**given)
    assert (retired_images([there], NAME, PROJECT) == [there]) is counts
    assert is_still_retired(there, retired(id=there["id"])) is counts or given.get(RETIRED) in ("other", "true")


def test_they_come_by_age_and_once() -> None:
    first, second, third = retired(1), retired(2), retired(3)
    assert retired_images([third, first, second, first], NAME, PROJECT) == [first, second, third]


@pytest.mark.parametrize(("keep", "gone"), [(0, 3), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_the_newest_stay(keep: int, gone: int) -> None:
    there = [retired(day) for day in (1, 2, 3)]
    pruned, kept = plan_rotation(there, keep, False)
    assert ([step.image for step in pruned], kept) == (there[:gone], [])
    assert all(step.steps == (Delete([]),) for step in pruned)


@pytest.mark.parametrize("force", [True, False])
def test_a_protected_one_goes_only_with_force(force: bool) -> None:
    protected = retired(1, protected=True)
    pruned, kept = plan_rotation([protected, retired(2)], 1, force)
    assert len(pruned) == force
    assert [(entry["id"], entry["action"]) for entry in kept] == ([] if force else [(protected["id"], "kept")])


def test_what_the_plan_retires_counts_and_what_it_puts_back_does_not() -> None:
    first, second, third = retired(1), retired(2), retired(3)
    current = image(id=new_id(), name=NAME, created_at="2026-11-04T00:00:00Z")
    plan = Plan(current, first, (Resume(first), Retire(current, (Delete([]),), "hidden", NAME)))
    steps = with_rotation(plan, [first, second, third], 1, False).steps[2:]
    assert [step.image["id"] for step in steps if isinstance(step, Prune)] == [second["id"], third["id"]]
    prepared = Plan(current, first, prepares=True)
    assert with_rotation(prepared, [first, second], 1, False).steps == ()


def test_an_image_that_another_tool_has_made_is_retired_but_never_deleted() -> None:
    adopted = image(id=ID, name=NAME)
    plan = Plan(adopted, retired(), (Retire(adopted, (Delete([]),), "hidden", NAME),))
    assert with_rotation(plan, [], 0, True).steps == plan.steps


def test_what_the_service_refuses_to_delete_is_reported_as_kept_and_changes_nothing() -> None:
    current, old = image(id=new_id(), name=NAME), retired(1)
    plan = with_rotation(plan_present({}, current), [old], 0, False)
    assert [(entry["id"], entry["action"]) for entry in plan.retired] == [(old["id"], "deleted")]
    assert "2026-11-01" in str(plan.diff["after"]["retired"])
    after = without_refused(plan, {old["id"]: "it is in use"})
    assert after.retired == [{"id": old["id"], "name": NAME, "action": "kept", "reason": "it is in use"}]
    assert (plan.changed, after.changed) == (True, False)


def test_a_prepared_image_that_the_service_does_not_delete_is_reported_as_kept() -> None:
    current, prepared = image(id=new_id(), name=NAME), image(id=new_id(), name=NAME, os_hidden=True)
    plan = Plan(current, prepared, (Discard(prepared, (Delete([]),)),))
    assert [entry["action"] for entry in plan.retired] == ["deleted"]
    after = without_refused(plan, {prepared["id"]: "it is in use"})
    assert [(entry["id"], entry["action"]) for entry in after.retired] == [(prepared["id"], "kept")]
    assert not after.changed


@pytest.mark.parametrize(
    ("attribute", "is_old"),
    [
        ("image_type", True),
        ("instance_uuid", True),
        ("base_image_ref", True),
        ("block_device_mapping", True),
        ("bdm_v2", True),
        ("user_id", True),
        ("boot_roles", True),
        ("owner_specified.openstack.md5", True),
        ("owner_specified.openstack.sha256", True),
        ("img_signature_hash_method", True),
        ("owner_specified.openstack.object", False),
        ("os_distro", False),
        ("image_types", False),
        ("hw_disk_bus", False),
    ],
)
def test_what_describes_the_old_data_or_an_instance_is_not_inherited(attribute: str, is_old: bool) -> None:
    assert is_about_old_data(attribute) is is_old
