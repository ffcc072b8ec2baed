# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of a replacement: what is done in which order, and what becomes of the old image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.delivery import (
    Delivery,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.replacement import (
    default_suffix,
    inherited_attributes,
    plan_continuation,
    plan_replacement,
    replacement_attributes,
    retirement_of,
    with_ending,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    MAX_TEXT_LENGTH,
    REPLACES,
    RETIRED,
    RETIRED_AS,
    SHOWN,
    SOURCE,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Create,
    Delete,
    Discard,
    Follow,
    Image,
    Plan,
    Resume,
    Retire,
    SetStatus,
    Stores,
    Update,
    Upload,
    plan_present,
    without_refused,
)
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    OUR_OTHER_ID,
    PROJECT,
    SHA256,
    SHA512,
    full,
    image,
    queued,
    replace,
)

NAME = "ubuntu-24.04"

ONE, TWO, ALL, DEFAULT = Stores(("a",)), Stores(("a", "b")), Stores(every=True), Stores()

# With the mark that distinguishes it from an image that is hidden on purpose.
MARK = ({"op": "add", "path": f"/{RETIRED}", "value": NAME}, {"op": "add", "path": f"/{BOUND_TO}", "value": ID})

HIDE = Update([replace("/os_hidden", True), *MARK])


def renaming(name: str) -> Update:
    return Update([replace("/name", name), *MARK, {"op": "add", "path": f"/{RETIRED_AS}", "value": name}])


RETIREMENTS = (Retire(full(), (HIDE,), "hidden", NAME),)

PUBLISH = Update([replace("/os_hidden", False), {"op": "add", "path": f"/{SHOWN}", "value": "true"}])


def done(*keys: str) -> Update:
    return Update([{"op": "remove", "path": f"/{key}"} for key in keys])


UNMARK = done(REPLACES, BOUND_TO)

DONE = done(REPLACES, SHOWN, BOUND_TO)


def delivery_of(stream: Stream) -> Delivery:
    return Delivery("upload", DEFAULT, 60, stream=stream)


def replacement(
    old: Image, desired: dict[str, Any], stream: Stream, retirements: Sequence[Retire] = RETIREMENTS, **more: Any
) -> Plan:
    attributes = replacement_attributes(old, desired, False, PROJECT)
    return plan_replacement(old, attributes, delivery_of(stream), retirements, **more)


def test_a_replacement_is_verified_before_it_is_seen_and_seen_before_the_old_one_goes(stream: Stream) -> None:
    old = full(protected=True)
    retired = Retire(old, (HIDE,), "hidden", NAME)
    plan = replacement(old, {"name": "ubuntu-24.04", "min_disk": 20}, stream, [retired])
    create, *rest = plan.steps
    assert create == Create(
        {
            "name": "ubuntu-24.04",
            "visibility": "shared",
            "protected": True,
            "tags": ["ubuntu", "lts"],
            "container_format": "bare",
            "disk_format": "qcow2",
            "min_disk": 20,
            "min_ram": 1024,
            "os_distro": "ubuntu",
            "os_hidden": True,
            REPLACES: ID,
        }
    )
    assert rest == [Upload(stream, None, 60), Follow(old), PUBLISH, retired, DONE]
    assert plan.before == old
    assert plan.after is not None
    assert (plan.after["os_hidden"], plan.after["status"], plan.after.get("id")) == (False, "active", None)
    assert REPLACES not in plan.after


@pytest.mark.parametrize(("old", "desired"), [({"os_hidden": True}, {}), ({}, {"os_hidden": True})])
def test_a_replacement_that_shall_be_hidden_stays_so(
    old: dict[str, Any], desired: dict[str, Any], stream: Stream
) -> None:
    plan = replacement(full(**old), desired, stream)
    assert PUBLISH not in plan.steps
    assert plan.after is not None
    assert plan.after["os_hidden"] is True


def test_a_replacement_of_a_hidden_image_can_be_shown(stream: Stream) -> None:
    plan = replacement(full(os_hidden=True), {"os_hidden": False}, stream)
    assert PUBLISH in plan.steps
    assert plan.after is not None
    assert plan.after["os_hidden"] is False


def test_a_property_that_shall_go_does_not_come_along(stream: Stream) -> None:
    plan = replacement(full(), {"os_distro": None}, stream)
    (create,) = [step for step in plan.steps if isinstance(step, Create)]
    assert "os_distro" not in create.attributes
    assert plan.after is not None
    assert "os_distro" not in plan.after


@pytest.mark.parametrize("purge", [False, True])
def test_a_replacement_takes_over_what_is_wishable_and_custom(purge: bool) -> None:
    marks = {REPLACES: OTHER_ID, RETIRED: NAME}
    old = full(os_version="24.04", **marks, os_glance_importing_to_stores="", direct_url="x", name=None)
    kept = inherited_attributes(old, purge, PROJECT)
    assert kept == {
        "visibility": "shared",
        "protected": False,
        "tags": ["ubuntu", "lts"],
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 10,
        "min_ram": 1024,
        "os_hidden": False,
        **({} if purge else {"os_distro": "ubuntu", "os_version": "24.04"}),
    }


def test_the_owner_comes_along_only_if_it_is_another_project() -> None:
    assert "owner" not in inherited_attributes(full(), False, PROJECT)
    assert "owner" not in inherited_attributes(full(owner=OTHER_PROJECT), False, None)
    assert inherited_attributes(full(owner=OTHER_PROJECT), False, PROJECT)["owner"] == OTHER_PROJECT


@pytest.mark.parametrize(
    "key",
    [
        "owner_specified.openstack.md5",
        "owner_specified.openstack.sha256",
        "img_signature",
        "img_signature_hash_method",
        "img_signature_certificate_uuid",
    ],
)
def test_what_is_said_of_the_old_data_does_not_come_along(key: str) -> None:
    assert key not in inherited_attributes(full(**{key: "x"}), False, PROJECT)
    assert "owner_specified.openstack.object" in inherited_attributes(
        full(**{"owner_specified.openstack.object": "x"}), False, PROJECT
    )


def test_what_an_earlier_run_has_left_behind_goes_first(stream: Stream) -> None:
    leftover = Discard(unfinished(), (Delete([]),))
    plan = replacement(full(), {}, stream, leftovers=[leftover])
    assert plan.steps[0] == leftover
    assert isinstance(plan.steps[1], Create)
    assert plan.steps[-2:] == (*RETIREMENTS, DONE)


def unfinished(**given: Any) -> dict[str, Any]:
    return queued(**{"id": OUR_ID, "os_hidden": True, REPLACES: ID, BOUND_TO: OUR_ID, **given})


def test_a_replacement_that_broke_off_before_its_data_is_taken_up(stream: Stream) -> None:
    old, begun = full(), unfinished()
    retired = Retire(old, (HIDE,), "hidden", NAME)
    plan = plan_continuation(
        old, replacement_attributes(old, {"min_disk": 20}, False, PROJECT), begun, delivery_of(stream), [retired]
    )
    assert plan.steps == (
        Resume(begun),
        Update([replace("/min_disk", 20)]),
        Upload(stream, None, 60),
        Follow(old),
        PUBLISH,
        retired,
        DONE,
    )
    assert plan.before == old
    assert plan.after is not None
    assert (plan.after["id"], plan.after["os_hidden"], plan.after["status"]) == (OUR_ID, False, "active")
    assert REPLACES not in plan.after


def test_a_replacement_that_broke_off_after_its_data_is_only_put_in_its_place() -> None:
    old, begun = full(), unfinished(status="active")
    retired = Retire(old, (HIDE,), "hidden", NAME)
    plan = plan_continuation(old, replacement_attributes(old, {}, False, PROJECT), begun, None, [retired])
    assert plan.steps == (Resume(begun), Follow(old), PUBLISH, retired, DONE)
    assert not plan.sends_data


@pytest.mark.parametrize(
    ("begun", "desired", "sends", "steps"),
    [
        pytest.param(unfinished(status="active"), {}, False, (), id="as it is to be"),
        pytest.param(
            unfinished(status="active"),
            {"min_disk": 20},
            False,
            (Resume(unfinished(status="active")), Update([replace("/min_disk", 20)])),
            id="other attributes",
        ),
        pytest.param(unfinished(), {}, True, (Resume(unfinished()), Upload), id="without its data"),
    ],
)
def test_a_prepared_image_gets_what_it_lacks_and_nothing_else(
    begun: Image, desired: dict[str, Any], sends: bool, steps: tuple[Any, ...], stream: Stream
) -> None:
    attributes = replacement_attributes(full(), desired, False, PROJECT)
    delivery = delivery_of(stream) if sends else None
    plan = plan_continuation(full(), attributes, begun, delivery, RETIREMENTS, prepares=True)
    assert len(plan.steps) == len(steps)
    for step, expected in zip(plan.steps, steps, strict=True):
        assert isinstance(step, expected) if isinstance(expected, type) else step == expected
    assert (plan.changed, plan.sends_data) == (bool(steps), sends)


def test_a_prepared_image_is_what_the_plan_is_about_if_only_another_one_goes() -> None:
    begun, other = unfinished(status="active"), unfinished(id=OTHER_ID)
    leftover = Discard(other, (Delete([]),))
    attributes = replacement_attributes(full(), {}, False, PROJECT)
    plan = plan_continuation(full(), attributes, begun, None, RETIREMENTS, [leftover], prepares=True)
    assert plan.steps == (leftover, Resume(begun))
    assert without_refused(plan, {other["id"]: "it is in use"}).steps == ()
    assert without_refused(plan, {}).changed


def test_a_purge_does_not_take_the_mark_of_a_replacement_early(stream: Stream) -> None:
    attributes = replacement_attributes(full(), {}, True, PROJECT)
    plan = plan_continuation(full(), attributes, unfinished(), delivery_of(stream), RETIREMENTS)
    assert plan.steps[1] == Update([{"op": "remove", "path": "/os_distro"}])
    assert plan.steps[-1] == DONE


@pytest.mark.parametrize(("old", "desired"), [({"os_hidden": True}, {}), ({}, {"os_hidden": True})])
def test_a_continued_replacement_that_shall_be_hidden_stays_so(old: dict[str, Any], desired: dict[str, Any]) -> None:
    attributes = replacement_attributes(full(**old), desired, False, PROJECT)
    plan = plan_continuation(full(**old), attributes, unfinished(status="active"), None, ())
    assert PUBLISH not in plan.steps


@pytest.mark.parametrize(("is_hidden", "shall_be_hidden"), [(True, False), (True, True), (False, False)])
def test_an_image_that_stands_in_the_place_already_is_only_ended(is_hidden: bool, shall_be_hidden: bool) -> None:
    new = full(id=OUR_ID, os_hidden=is_hidden, **{REPLACES: ID, BOUND_TO: OUR_ID})
    plan = with_ending(plan_present({}, new), shall_be_hidden, RETIREMENTS)
    shows = is_hidden and not shall_be_hidden
    assert plan.steps == (*([PUBLISH] if shows else []), *RETIREMENTS, DONE if shows else UNMARK)
    assert plan.changed
    assert plan.after is not None
    assert REPLACES not in plan.after
    assert plan.after["os_hidden"] is shall_be_hidden


def test_several_images_are_retired_one_after_the_other_once_the_new_one_is_seen(stream: Stream) -> None:
    """After more than one run has broken off; the mark goes last, so that this one can be continued, too."""
    first, second = full(), full(id=OUR_OTHER_ID, **{REPLACES: ID, BOUND_TO: OUR_OTHER_ID})
    retired = [Retire(first, (HIDE,), "hidden", NAME), Retire(second, (UNMARK, HIDE), "hidden", NAME)]
    new = full(id=OUR_ID, os_hidden=True, **{REPLACES: OUR_OTHER_ID, BOUND_TO: OUR_ID})
    for plan in (
        replacement(second, {}, stream, retired),
        plan_continuation(second, replacement_attributes(second, {}, False, PROJECT), new, None, retired),
        with_ending(plan_present({}, new), False, retired),
    ):
        assert plan.steps[-4:] == (PUBLISH, *retired, DONE)
        assert plan.after is not None
        assert REPLACES not in plan.after


def test_only_the_mark_is_left_to_remove_if_the_old_image_is_gone() -> None:
    new = full(id=OUR_ID, **{REPLACES: ID, SHOWN: "true", BOUND_TO: OUR_ID})
    plan = with_ending(plan_present({}, new), False, ())
    assert plan.steps == (DONE,)


def test_a_plan_that_ends_without_an_image_has_no_ending() -> None:
    plan = Plan(full(), None, (Delete([]),))
    assert with_ending(plan, False, RETIREMENTS) is plan


@pytest.mark.parametrize(
    ("how", "old", "steps"),
    [
        ("hide", {}, (HIDE,)),
        ("hide", {"os_hidden": True}, (Update([*MARK]),)),
        ("hide", {"os_hidden": True, RETIRED: NAME, BOUND_TO: ID}, ()),
        ("hide", {"os_hidden": True, RETIRED: NAME, BOUND_TO: OTHER_ID}, (Update([*MARK]),)),
        ("hide", {RETIRED: NAME, BOUND_TO: ID}, (HIDE,)),
        ("deactivate", {}, (HIDE, SetStatus("deactivate"))),
        ("deactivate", {"os_hidden": True}, (Update([*MARK]), SetStatus("deactivate"))),
        ("deactivate", {"status": "deactivated"}, (HIDE,)),
        ("deactivate", {"status": "deactivated", "os_hidden": True}, (Update([*MARK]),)),
        ("deactivate", {"os_hidden": True, RETIRED: NAME, BOUND_TO: ID}, (SetStatus("deactivate"),)),
        ("rename", {}, (renaming("ubuntu-24.04-20261123T073931Z"),)),
        ("delete", {}, (Delete([]),)),
    ],
)
def test_the_old_image_is_retired_in_the_way_that_was_asked_for(
    how: str, old: dict[str, Any], steps: tuple[Any, ...]
) -> None:
    there = full(**old)
    retirement = retirement_of(there, how, None, False, NAME, False)
    assert (retirement.image, retirement.steps) == (there, steps)


def test_the_suffix_of_ones_own_is_appended() -> None:
    (update,) = retirement_of(full(), "rename", " (old)", False, NAME, False).steps
    assert update == renaming("ubuntu-24.04 (old)")


@pytest.mark.parametrize("suffix", [None, " (old)"])
def test_an_image_that_has_another_name_by_then_is_not_renamed_once_more(suffix: str | None) -> None:
    there = full()
    (update,) = retirement_of(there, "rename", suffix, False, NAME, False).steps
    assert isinstance(update, Update)
    renamed = full(name=update.patch[0]["value"])
    assert retirement_of(renamed, "rename", suffix, False, NAME, False).steps == ()
    assert retirement_of(full(name=None), "rename", suffix, False, NAME, False).steps == ()


@pytest.mark.parametrize(
    ("how", "steps"),
    [
        ("hide", (UNMARK, HIDE)),
        ("deactivate", (UNMARK, HIDE, SetStatus("deactivate"))),
        ("rename", (UNMARK, renaming("ubuntu-24.04-20261123T073931Z"))),
        ("delete", (Delete([]),)),
    ],
)
def test_an_image_that_was_about_to_replace_another_one_loses_its_mark(how: str, steps: tuple[Any, ...]) -> None:
    """First of all: with the mark, it would be meant instead of the image that it once replaced."""
    there = full(**{REPLACES: OTHER_ID, BOUND_TO: ID})
    assert retirement_of(there, how, None, False, NAME, False).steps == steps


@pytest.mark.parametrize("how", ["hide", "deactivate", "rename"])
def test_the_mark_goes_from_an_image_that_is_out_of_use_already(how: str) -> None:
    given = {"name": "other"} if how == "rename" else {"os_hidden": True, "status": "deactivated", RETIRED: NAME}
    there = full(**given, **{REPLACES: OTHER_ID, BOUND_TO: ID})
    # What binds the mark of its retirement stays.
    steps = (UNMARK,) if how == "rename" else (done(REPLACES),)
    assert retirement_of(there, how, None, False, NAME, False).steps == steps


def test_the_usual_suffix_distinguishes_images_by_their_time() -> None:
    first, second = image(created_at="2026-11-23T07:39:31Z"), image(created_at="2026-11-23T07:39:32Z")
    assert default_suffix(first) == "-20261123T073931Z"
    assert default_suffix(first) != default_suffix(second)


@pytest.mark.parametrize("how", ["hide", "deactivate"])
def test_two_hidden_images_of_one_name_are_refused(how: str) -> None:
    for old in (full(), full(os_hidden=True)):
        with pytest.raises(PlanError, match="^retired: .*both be hidden.*retired: rename or retired: delete"):
            retirement_of(old, how, None, False, NAME, True)


@pytest.mark.parametrize("how", ["rename", "delete"])
def test_a_hidden_replacement_has_other_ways(how: str) -> None:
    assert retirement_of(full(), how, None, False, NAME, True).steps


def test_a_protected_image_is_deleted_only_by_force() -> None:
    with pytest.raises(PlanError, match="is protected"):
        retirement_of(full(protected=True), "delete", None, False, NAME, False)
    steps = retirement_of(full(protected=True), "delete", None, True, NAME, False).steps
    assert steps == (Update([replace("/protected", False)]), Delete([replace("/protected", True)]))


def test_a_name_that_would_be_too_long_is_reported_before_anything_is_done() -> None:
    name = "x" * (MAX_TEXT_LENGTH - 4)
    assert retirement_of(full(name=name), "rename", "-old", False, name, False).steps
    with pytest.raises(PlanError, match=f"^retired_suffix: .*{MAX_TEXT_LENGTH + 1} characters.*{MAX_TEXT_LENGTH}"):
        retirement_of(full(name=name), "rename", "-older"[:5], False, name, False)
    with pytest.raises(PlanError, match="^retired_suffix: "):
        retirement_of(full(name=name), "rename", None, False, name, False)


def test_a_replacement_of_a_converted_image_has_the_format_that_was_declared() -> None:
    old = full(disk_format="raw", **{SOURCE: f"sha256:{SHA256}=sha512:{SHA512} from qcow2"})
    assert inherited_attributes(old, False, PROJECT)["disk_format"] == "qcow2"
    assert SOURCE not in inherited_attributes(old, False, PROJECT)
    assert inherited_attributes(old, False, OTHER_PROJECT)["disk_format"] == "raw"
