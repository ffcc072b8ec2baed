# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided about data: documents and contents in, answers and plans out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.compare import (
    BUSY_STATUSES,
    Delivery,
    as_sent,
    check_stores,
    default_suffix,
    difference,
    inheritance,
    is_converted,
    is_same,
    is_settled,
    is_unusable,
    missing_stores,
    plan_continuation,
    plan_replacement,
    refuse_change,
    retirement_of,
    succession,
    with_copies,
    with_delivery,
    with_ending,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Content, Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.methods import streamed_method
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    FULL_STATUSES,
    MAX_TEXT_LENGTH,
    REPLACES,
    RETIRED,
    SHOWN,
    SOURCE,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import STATUSES
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Create,
    Delete,
    Discard,
    Image,
    Import,
    Plan,
    Resume,
    Retire,
    SetStatus,
    Stage,
    Stores,
    Update,
    Upload,
    plan_present,
)
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    OUR_OTHER_ID,
    PROJECT,
    image,
)

NAME = "ubuntu-24.04"
ONE, TWO, ALL, DEFAULT = Stores(("a",)), Stores(("a", "b")), Stores(every=True), Stores()
SHA512, MD5, SHA256 = "5" * 128, "a" * 32, "2" * 64
WITH_DATA: dict[str, Any] = {"size": 100, "checksum": MD5, "os_hash_algo": "sha512", "os_hash_value": SHA512}
WITHOUT_DATA: dict[str, Any] = {
    "status": "queued",
    "size": None,
    "virtual_size": None,
    "checksum": None,
    "os_hash_algo": None,
    "os_hash_value": None,
    "stores": None,
}


def full(**given: Any) -> dict[str, Any]:
    return image(**{**WITH_DATA, **given})


def queued(**given: Any) -> dict[str, Any]:
    return image(**{**WITHOUT_DATA, **given})


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    path = tmp_path / "image"
    path.write_bytes(b"data")
    return Stream(File(str(path)))


# --- whether it is the same --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "content", "same"),
    [
        pytest.param({}, Content(100, {"sha512": SHA512, "md5": MD5}), True, id="all is the same"),
        pytest.param({}, Content(None, {"sha512": SHA512}), True, id="one hash is enough"),
        pytest.param({}, Content(None, {"md5": MD5}), True, id="the md5 is enough"),
        pytest.param({}, Content(None, {"sha512": "0" * 128}), False, id="another hash"),
        pytest.param({}, Content(None, {"sha512": SHA512, "md5": "0" * 32}), False, id="one hash of two differs"),
        pytest.param({}, Content(5, {"md5": MD5}), True, id="a hash goes before the size"),
        pytest.param({}, Content(100, {}), None, id="the same size says nothing"),
        pytest.param({}, Content(101, {}), False, id="another size says all"),
        pytest.param({}, Content(100, {"sha256": SHA256}), None, id="a hash that the service does not have"),
        pytest.param({}, Content(101, {"sha256": SHA256}), False, id="and another size"),
        pytest.param({}, Content(None, {}), None, id="nothing is known"),
        pytest.param({"size": None}, Content(100, {}), None, id="the service tells no size"),
        pytest.param({"size": 0}, Content(100, {}), False, id="an image of no bytes"),
        pytest.param(
            {"os_hash_algo": "sha256", "os_hash_value": SHA256}, Content(None, {"sha256": SHA256}), True, id="sha256"
        ),
        pytest.param(
            {"os_hash_algo": None, "os_hash_value": None},
            Content(100, {"sha512": SHA512}),
            None,
            id="the service tells no hash",
        ),
        pytest.param(
            {"os_hash_algo": None, "os_hash_value": None, "checksum": None},
            Content(100, {"sha512": SHA512, "md5": MD5, "None": "x"}),
            None,
            id="the service tells nothing at all",
        ),
    ],
)
def test_content_is_compared_by_what_both_sides_know(
    there: dict[str, Any], content: Content, same: bool | None
) -> None:
    assert is_same(full(**there), content) is same


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (Content(100, {"sha512": SHA512, "md5": MD5}), None),
        (Content(None, {}), None),
        (Content(101, {"sha512": SHA512}), ("size", 101, 100)),
        (Content(100, {"sha512": "0" * 128}), ("sha512", "0" * 128, SHA512)),
        (Content(101, {"md5": "0" * 32}), ("md5", "0" * 32, MD5)),
        (Content(100, {"sha256": "0" * 64}), None),
    ],
)
def test_the_first_difference_is_told_with_both_sides(content: Content, found: tuple[str, Any, Any] | None) -> None:
    assert difference(full(), content) == found


CONTENTS = st.builds(
    Content,
    st.one_of(st.none(), st.integers(99, 101)),
    st.dictionaries(st.sampled_from(["sha512", "md5", "sha256"]), st.sampled_from([SHA512, MD5, SHA256, "0"])),
)


@given(CONTENTS)
def test_what_is_not_the_same_has_a_difference_to_tell(content: Content) -> None:
    if is_same(full(), content) is False:
        found = difference(full(), content)
        assert found is not None
        assert found[1] != found[2]
    if difference(full(), content) is None:
        assert is_same(full(), content) is not False


@pytest.mark.parametrize(
    ("given", "unusable"),
    [
        (queued(), False),
        (queued(checksum=MD5), True),
        (full(), False),
        (full(status="deactivated"), False),
        (image(status="importing", os_glance_failed_import="library"), True),
        (image(status="importing", os_glance_failed_import="library", os_glance_import_task="t"), False),
        (image(status="importing", os_glance_failed_import=""), False),
        (image(status="saving", checksum=None), False),
        (image(status="active", os_glance_failed_import="slow"), False),
    ],
)
def test_a_record_that_refused_data_takes_no_more(given: dict[str, Any], unusable: bool) -> None:
    assert is_unusable(given) is unusable
    if unusable:
        # Nothing works on it, so that nobody has to wait for it.
        assert is_settled(given)


@pytest.mark.parametrize("status", STATUSES)
def test_nothing_is_settled_while_it_is_locked_for_an_import(status: str) -> None:
    assert not is_settled(image(status=status, os_glance_import_task="task", os_glance_failed_import="x"))
    assert is_settled(image(status=status)) is (status not in BUSY_STATUSES)
    assert is_settled(image(status=status, os_glance_import_task="")) is (status not in BUSY_STATUSES)


# --- stores ------------------------------------------------------------------------------------------------------

OFFERED = [{"id": "a", "default": "true"}, {"id": "b"}, {"id": "http", "read-only": "true"}]


@pytest.mark.parametrize(
    ("stores", "request_"),
    [
        (DEFAULT, {}),
        (TWO, {"stores": ["a", "b"]}),
        (ALL, {"all_stores": True}),
        (Stores(("a",), must_succeed=False), {"stores": ["a"], "all_stores_must_succeed": False}),
        (Stores(every=True, must_succeed=True), {"all_stores": True, "all_stores_must_succeed": True}),
    ],
)
def test_an_import_names_the_stores_that_were_asked_for(stores: Stores, request_: dict[str, Any]) -> None:
    assert stores.request == request_
    assert stores.are_chosen is (stores is not DEFAULT)


@pytest.mark.parametrize("stores", [DEFAULT, ONE, TWO, ALL])
def test_stores_that_are_there_are_fine(stores: Stores) -> None:
    check_stores(stores, OFFERED)


@pytest.mark.parametrize(
    ("name", "words"), [("c", "has no store 'c'"), ("http", "cannot write the store 'http'"), ("A", "has no store 'A'")]
)
def test_a_store_that_cannot_be_used_is_told_with_those_that_can(name: str, words: str) -> None:
    with pytest.raises(PlanError, match=f"^stores: the image service {words}. It has a, b."):
        check_stores(Stores(("a", name)), OFFERED)


@pytest.mark.parametrize(
    ("there", "stores", "missing"),
    [
        ("a", TWO, ["b"]),
        ("a,b", TWO, []),
        ("b,a", TWO, []),
        (None, TWO, ["a", "b"]),
        ("", ONE, ["a"]),
        ("a", ALL, ["b"]),
        ("a,b", ALL, []),
        ("ab", ONE, ["a"]),
        ("a", DEFAULT, []),
        ("a", Stores(("b", "b")), ["b"]),
    ],
)
def test_the_stores_that_lack_the_data(there: str | None, stores: Stores, missing: list[str]) -> None:
    assert missing_stores(image(stores=there), stores, OFFERED) == missing


def test_a_copy_goes_into_the_stores_that_lack_it_after_all_else() -> None:
    current = full(stores="a")
    plan = with_copies(plan_present({"min_disk": 20}, current), ["c", "b"], False, 60, True)
    assert plan.steps == (
        Update([replace("/min_disk", 20)]),
        Import(
            {"method": {"name": "copy-image"}, "stores": ["c", "b"], "all_stores_must_succeed": False}, 60, wait=True
        ),
    )
    assert plan.after is not None
    assert (plan.after["stores"], plan.after["updated_at"]) == ("a,b,c", None)


def test_nothing_to_copy_is_no_step() -> None:
    plan = plan_present({}, full())
    assert with_copies(plan, [], None, 60, True) is plan


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "active"])
def test_only_an_active_image_can_be_copied(status: str) -> None:
    with pytest.raises(PlanError, match=f"^stores: .*status {status}"):
        with_copies(plan_present({}, image(status=status)), ["b"], None, 60, True)


# --- the steps of a delivery -------------------------------------------------------------------------------------


def test_an_upload_is_one_step_into_the_first_store(stream: Stream) -> None:
    assert Delivery("upload", DEFAULT, 60, stream=stream).steps == (Upload(stream, None, 60),)
    assert Delivery("upload", ONE, 60, stream=stream).steps == (Upload(stream, "a", 60),)


def test_a_direct_import_is_staged_first(stream: Stream) -> None:
    stage, bring = Delivery("glance-direct", TWO, 60, wait=False, stream=stream).steps
    assert stage == Stage(stream, 60)
    request = {"method": {"name": "glance-direct"}, "stores": ["a", "b"]}
    assert bring == Import(request, 60, wait=False, stream=stream)


def test_a_download_by_the_service_is_one_request_with_the_address() -> None:
    known, stated = Content(5, {"md5": MD5}), Digest("md5", MD5)
    (bring,) = Delivery("web-download", DEFAULT, 60, address="https://h/x?y=z", known=known, stated=stated).steps
    request = {"method": {"name": "web-download", "uri": "https://h/x?y=z"}}
    assert bring == Import(request, 60, wait=True, known=known, stated=stated)


def test_data_makes_a_record_active(stream: Stream) -> None:
    record = plan_present({"name": "a", "disk_format": "raw", "container_format": "bare"}, None)
    plan = with_delivery(record, Delivery("upload", ONE, 60, stream=stream))
    assert plan.steps == (*record.steps, Upload(stream, "a", 60))
    assert plan.after is not None
    assert (plan.after["status"], plan.after["stores"]) == ("active", "a")
    assert plan.sends_data
    assert plan.stream is stream


def test_what_the_stream_turns_out_to_be_is_foretold_with_the_rest(stream: Stream) -> None:
    record = plan_present({"name": "a", "disk_format": "raw", "container_format": "bare"}, None)
    plan = with_delivery(record, Delivery("upload", DEFAULT, 60, stream=stream))
    assert plan.expected == plan.after
    content = stream.read_through()
    assert plan.expected is not None
    assert plan.expected["size"] == 4
    assert plan.expected["checksum"] == content.digests["md5"]
    assert (plan.expected["os_hash_algo"], plan.expected["os_hash_value"]) == ("sha512", content.digests["sha512"])
    assert plan.diff["after"]["size"] == 4


def test_how_far_an_import_is_that_nobody_waits_for_is_not_foretold(stream: Stream) -> None:
    plan = with_delivery(plan_present({}, queued()), Delivery("glance-direct", TWO, 60, wait=False, stream=stream))
    assert plan.after is not None
    assert plan.after["status"] is None


def test_what_is_known_of_a_download_is_foretold() -> None:
    known = Content(5, {"md5": MD5})
    delivery = Delivery("web-download", DEFAULT, 60, address="https://h/x", known=known)
    plan = with_delivery(plan_present({}, queued()), delivery)
    assert plan.after is not None
    assert (plan.after["size"], plan.after["checksum"], plan.after["os_hash_value"]) == (5, MD5, None)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"disk_format": None}, "^disk_format: .*without it"),
        ({"container_format": None}, "^container_format: .*without it"),
        ({"disk_format": None, "container_format": None}, "^container_format and disk_format: .*without them"),
    ],
)
def test_data_needs_its_formats(lacking: dict[str, None], words: str, stream: Stream) -> None:
    with pytest.raises(PlanError, match=words):
        with_delivery(plan_present({}, queued(**lacking)), Delivery("upload", DEFAULT, 60, stream=stream))


# --- other data than the image has -------------------------------------------------------------------------------


def test_other_data_is_refused_with_both_hashes_and_both_ways_out() -> None:
    content = Content(101, {"sha512": "0" * 128})
    error = refuse_change(full(), content)
    for part in (ID, "ubuntu-24.04", SHA512, "0" * 128, "100", "101", "on_content_change: replace", "keep"):
        assert part in str(error)
    assert error.facts == {"expected": "0" * 128, "actual": SHA512, "algorithm": "sha512"}


def test_of_data_without_hashes_the_sizes_are_told() -> None:
    error = refuse_change(full(), Content(101, {}))
    assert error.facts == {"expected": 101, "actual": 100, "algorithm": "size"}
    assert "size unknown" in str(refuse_change(full(), Content(None, {"md5": "0" * 32})))


# --- a replacement -----------------------------------------------------------------------------------------------

# With the mark by which it is told from an image that is hidden and meant.
MARK = ({"op": "add", "path": f"/{RETIRED}", "value": "true"}, {"op": "add", "path": f"/{BOUND_TO}", "value": ID})
HIDE = Update([replace("/os_hidden", True), *MARK])
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
    attributes = succession(old, desired, False, PROJECT)
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
    assert rest == [Upload(stream, None, 60), PUBLISH, retired, DONE]
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
    marks = {REPLACES: OTHER_ID, RETIRED: "true"}
    old = full(os_version="24.04", **marks, os_glance_importing_to_stores="", direct_url="x", name=None)
    kept = inheritance(old, purge, PROJECT)
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


def test_the_owner_comes_along_only_where_it_is_another_project() -> None:
    assert "owner" not in inheritance(full(), False, PROJECT)
    assert "owner" not in inheritance(full(owner=OTHER_PROJECT), False, None)
    assert inheritance(full(owner=OTHER_PROJECT), False, PROJECT)["owner"] == OTHER_PROJECT


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
    assert key not in inheritance(full(**{key: "x"}), False, PROJECT)
    assert "owner_specified.openstack.object" in inheritance(
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
        old, succession(old, {"min_disk": 20}, False, PROJECT), begun, delivery_of(stream), [retired]
    )
    assert plan.steps == (
        Resume(begun),
        Update([replace("/min_disk", 20)]),
        Upload(stream, None, 60),
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
    plan = plan_continuation(old, succession(old, {}, False, PROJECT), begun, None, [retired])
    assert plan.steps == (Resume(begun), PUBLISH, retired, DONE)
    assert not plan.sends_data


def test_a_purge_does_not_take_the_mark_of_a_replacement_early(stream: Stream) -> None:
    attributes = succession(full(), {}, True, PROJECT)
    plan = plan_continuation(full(), attributes, unfinished(), delivery_of(stream), RETIREMENTS)
    assert plan.steps[1] == Update([{"op": "remove", "path": "/os_distro"}])
    assert plan.steps[-1] == DONE


@pytest.mark.parametrize(("old", "desired"), [({"os_hidden": True}, {}), ({}, {"os_hidden": True})])
def test_a_continued_replacement_that_shall_be_hidden_stays_so(old: dict[str, Any], desired: dict[str, Any]) -> None:
    attributes = succession(full(**old), desired, False, PROJECT)
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
    """Where more than one run has broken off; the mark goes last, so that this one can be continued, too."""
    first, second = full(), full(id=OUR_OTHER_ID, **{REPLACES: ID, BOUND_TO: OUR_OTHER_ID})
    retired = [Retire(first, (HIDE,), "hidden", NAME), Retire(second, (UNMARK, HIDE), "hidden", NAME)]
    new = full(id=OUR_ID, os_hidden=True, **{REPLACES: OUR_OTHER_ID, BOUND_TO: OUR_ID})
    for plan in (
        replacement(second, {}, stream, retired),
        plan_continuation(second, succession(second, {}, False, PROJECT), new, None, retired),
        with_ending(plan_present({}, new), False, retired),
    ):
        assert plan.steps[-4:] == (PUBLISH, *retired, DONE)
        assert plan.after is not None
        assert REPLACES not in plan.after


def test_where_the_old_one_is_gone_only_the_mark_is_left_to_remove() -> None:
    new = full(id=OUR_ID, **{REPLACES: ID, SHOWN: "true", BOUND_TO: OUR_ID})
    plan = with_ending(plan_present({}, new), False, ())
    assert plan.steps == (DONE,)


def test_a_plan_that_ends_without_an_image_has_no_ending() -> None:
    plan = Plan(full(), None, (Delete([]),))
    assert with_ending(plan, False, RETIREMENTS) is plan


# --- what becomes of the old one ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "old", "steps"),
    [
        ("hide", {}, (HIDE,)),
        ("hide", {"os_hidden": True}, (Update([*MARK]),)),
        ("hide", {"os_hidden": True, RETIRED: "true", BOUND_TO: ID}, ()),
        ("hide", {"os_hidden": True, RETIRED: "true", BOUND_TO: OTHER_ID}, (Update([*MARK]),)),
        ("hide", {RETIRED: "true", BOUND_TO: ID}, (HIDE,)),
        ("deactivate", {}, (HIDE, SetStatus("deactivate"))),
        ("deactivate", {"os_hidden": True}, (Update([*MARK]), SetStatus("deactivate"))),
        ("deactivate", {"status": "deactivated"}, (HIDE,)),
        ("deactivate", {"status": "deactivated", "os_hidden": True}, (Update([*MARK]),)),
        ("deactivate", {"os_hidden": True, RETIRED: "true", BOUND_TO: ID}, (SetStatus("deactivate"),)),
        ("rename", {}, (Update([replace("/name", "ubuntu-24.04-20261123T073931Z")]),)),
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
    assert update == Update([replace("/name", "ubuntu-24.04 (old)")])


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
        ("rename", (UNMARK, Update([replace("/name", "ubuntu-24.04-20261123T073931Z")]))),
        ("delete", (Delete([]),)),
    ],
)
def test_an_image_that_was_about_to_replace_another_one_loses_its_mark(how: str, steps: tuple[Any, ...]) -> None:
    """First of all: with the mark, it would be meant in the place of the image that it once replaced."""
    there = full(**{REPLACES: OTHER_ID, BOUND_TO: ID})
    assert retirement_of(there, how, None, False, NAME, False).steps == steps


@pytest.mark.parametrize("how", ["hide", "deactivate", "rename"])
def test_the_mark_goes_from_an_image_that_is_out_of_use_already(how: str) -> None:
    given = {"name": "other"} if how == "rename" else {"os_hidden": True, "status": "deactivated", RETIRED: "true"}
    there = full(**given, **{REPLACES: OTHER_ID, BOUND_TO: ID})
    # What binds the mark of its retirement stays.
    steps = (UNMARK,) if how == "rename" else (done(REPLACES),)
    assert retirement_of(there, how, None, False, NAME, False).steps == steps


def test_the_usual_suffix_tells_images_apart_by_their_time() -> None:
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


def test_a_protected_image_is_deleted_by_force_alone() -> None:
    with pytest.raises(PlanError, match="is protected"):
        retirement_of(full(protected=True), "delete", None, False, NAME, False)
    steps = retirement_of(full(protected=True), "delete", None, True, NAME, False).steps
    assert steps == (Update([replace("/protected", False)]), Delete([replace("/protected", True)]))


def test_a_name_that_would_be_too_long_is_told_before_anything_is_done() -> None:
    name = "x" * (MAX_TEXT_LENGTH - 4)
    assert retirement_of(full(name=name), "rename", "-old", False, name, False).steps
    with pytest.raises(PlanError, match=f"^retired_suffix: .*{MAX_TEXT_LENGTH + 1} characters.*{MAX_TEXT_LENGTH}"):
        retirement_of(full(name=name), "rename", "-older"[:5], False, name, False)
    with pytest.raises(PlanError, match="^retired_suffix: "):
        retirement_of(full(name=name), "rename", None, False, name, False)


def test_an_image_has_its_data_or_somebody_works_on_it_or_neither() -> None:
    assert not set(FULL_STATUSES) & set(BUSY_STATUSES)
    assert {*FULL_STATUSES, *BUSY_STATUSES} <= set(STATUSES)


# --- what the service has converted ------------------------------------------------------------------------------


@pytest.mark.parametrize(("algorithm", "value"), [("sha256", SHA256), ("sha512", "6" * 128), ("md5", "b" * 32)])
def test_a_converted_image_is_compared_as_if_it_had_the_bytes_that_were_sent(algorithm: str, value: str) -> None:
    there = full(disk_format="raw", **{SOURCE: f"{algorithm}:{value}=sha512:{SHA512} from qcow2"})
    sent = as_sent(there, PROJECT)
    assert is_same(sent, Content(7, {algorithm: value})) is True
    assert is_same(sent, Content(7, {algorithm: "0" * len(value)})) is False
    assert is_same(sent, Content(100, {})) is None
    # For another project, it is what it is.
    assert as_sent(there, OTHER_PROJECT) == there
    # And so is what was not converted: the service's own hashes are those of the source.
    plain = full(**{SOURCE: f"{algorithm}:{value}=sha512:{SHA512}"})
    assert as_sent(plain, PROJECT) == plain


@pytest.mark.parametrize(
    ("changed", "converted"),
    [
        ({"disk_format": "raw", "size": 200}, True),
        ({"container_format": "ovf"}, True),
        ({"size": 200, "checksum": "c" * 32}, False),
    ],
)
def test_a_conversion_shows_in_the_formats(changed: dict[str, Any], converted: bool) -> None:
    assert is_converted(full(), full(**changed)) is converted


def test_a_replacement_of_a_converted_image_has_the_format_that_was_declared() -> None:
    old = full(disk_format="raw", **{SOURCE: f"sha256:{SHA256}=sha512:{SHA512} from qcow2"})
    assert inheritance(old, False, PROJECT)["disk_format"] == "qcow2"
    assert SOURCE not in inheritance(old, False, PROJECT)
    assert inheritance(old, False, OTHER_PROJECT)["disk_format"] == "raw"


@pytest.mark.parametrize(
    ("stores", "offered", "method"),
    [
        (DEFAULT, [], "upload"),
        (ONE, ["glance-direct"], "upload"),
        (TWO, ["glance-direct", "web-download"], "glance-direct"),
        (Stores(every=True), ["glance-direct"], "glance-direct"),
        (TWO, ["web-download"], None),
    ],
)
def test_what_the_service_does_not_fetch_is_streamed(stores: Stores, offered: list[str], method: str | None) -> None:
    assert streamed_method(stores, offered) == method


def test_the_steps_of_a_fetch_know_what_to_do_instead(stream: Stream) -> None:
    delivery = Delivery("web-download", TWO, 60, address="https://h/x", source=stream, otherwise="glance-direct")
    (bring,) = delivery.steps
    assert isinstance(bring, Import)
    assert bring.otherwise == Delivery("glance-direct", TWO, 60, stream=stream).steps
    (stated,) = delivery._replace(otherwise=None).steps
    assert isinstance(stated, Import)
    assert stated.otherwise == ()
