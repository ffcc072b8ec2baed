# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: two documents in, steps out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonpatch
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Content
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    ATTRIBUTES,
    SETTABLE,
    TagChange,
    is_custom,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import STATUSES
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Create,
    Delete,
    Import,
    Plan,
    Prune,
    Resume,
    Retire,
    SetStatus,
    Stage,
    Step,
    Update,
    Upload,
    action_of,
    apply_patch,
    attributes_of,
    desired_by,
    in_parts,
    make_patch,
    plan_absent,
    plan_present,
    plan_status,
    pointer,
    replaced_id_of,
    unmet,
)
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_ID, OTHER_PROJECT, PROJECT, image

Document = dict[str, Any]
Patch = list[dict[str, Any]]


def add(path: str, value: Any) -> dict[str, Any]:
    return {"op": "add", "path": path, "value": value}


def replace(path: str, value: Any) -> dict[str, Any]:
    return {"op": "replace", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    return {"op": "remove", "path": path}


@pytest.mark.parametrize(
    ("desired", "current", "patch"),
    [
        pytest.param({}, image(), [], id="no desired attributes change nothing"),
        pytest.param({"min_disk": 10}, image(min_disk=10), [], id="a number that is there already is not sent"),
        pytest.param({"min_disk": 20}, image(min_disk=10), [replace("/min_disk", 20)], id="a number that differs"),
        pytest.param({"min_disk": 0}, image(min_disk=10), [replace("/min_disk", 0)], id="zero is a desired value"),
        pytest.param({"min_ram": 0}, image(min_ram=0), [], id="zero that is there already is not sent"),
        pytest.param({"protected": True}, image(), [replace("/protected", True)], id="a boolean that differs"),
        pytest.param(
            {"protected": False}, image(protected=True), [replace("/protected", False)], id="false is a desired value"
        ),
        pytest.param({"protected": False}, image(), [], id="false that is there already is not sent"),
        pytest.param({"os_hidden": True}, image(), [replace("/os_hidden", True)], id="hidden under its own name"),
        pytest.param({"visibility": "shared"}, image(), [], id="the same visibility is not sent"),
        pytest.param(
            {"visibility": "private"}, image(), [replace("/visibility", "private")], id="a visibility that differs"
        ),
        pytest.param({"name": "b"}, image(name="a"), [replace("/name", "b")], id="a rename"),
        pytest.param({"name": "A"}, image(name="a"), [replace("/name", "A")], id="the case of a name counts"),
        pytest.param({"name": "a"}, image(name=None), [replace("/name", "a")], id="a name that was null"),
        pytest.param({"owner": PROJECT}, image(), [], id="the same owner is not sent"),
        pytest.param({"owner": OTHER_PROJECT}, image(), [replace("/owner", OTHER_PROJECT)], id="an owner that differs"),
        pytest.param({"disk_format": "qcow2"}, image(), [], id="the same disk format is not sent"),
        pytest.param({"container_format": "bare"}, image(), [], id="the same container format is not sent"),
        pytest.param(
            {"disk_format": "raw"}, image(disk_format=None), [replace("/disk_format", "raw")], id="a first disk format"
        ),
        pytest.param({"foo": "1"}, image(), [add("/foo", "1")], id="a property that is new is added"),
        pytest.param(
            {"os_distro": "debian"},
            image(),
            [replace("/os_distro", "debian")],
            id="a property that differs is replaced",
        ),
        pytest.param({"os_distro": "ubuntu"}, image(), [], id="a property that is there already is not sent"),
        pytest.param({"os_distro": None}, image(), [remove("/os_distro")], id="null removes a property"),
        pytest.param({"foo": None}, image(), [], id="null for a property that is not there is nothing"),
        pytest.param({"foo": None}, image(foo=""), [remove("/foo")], id="null removes an empty text, too"),
        pytest.param({"foo": None}, image(foo=None), [remove("/foo")], id="null removes a property without a value"),
        pytest.param({"foo": ""}, image(foo="x"), [replace("/foo", "")], id="an empty text is a value"),
        pytest.param({"foo": ""}, image(), [add("/foo", "")], id="an empty text is added"),
        pytest.param({"foo": ""}, image(foo=""), [], id="an empty text that is there already is not sent"),
        pytest.param({"foo": "true"}, image(foo="True"), [replace("/foo", "true")], id="the case of a value counts"),
        pytest.param({"foo": "1.0"}, image(foo="1"), [replace("/foo", "1.0")], id="values are texts, not numbers"),
        pytest.param({"foo": "x"}, image(foo="x "), [replace("/foo", "x")], id="blanks of a value count"),
        pytest.param({"Foo": "x"}, image(foo="x"), [add("/Foo", "x")], id="the case of a property name counts"),
        pytest.param({"tags": ["lts", "ubuntu"]}, image(), [], id="the order of tags does not count"),
        pytest.param({"tags": ["lts"]}, image(), [replace("/tags", ["lts"])], id="tags are replaced as a whole"),
        pytest.param({"tags": ["a", "a"]}, image(tags=["a"]), [], id="a tag named twice is one tag"),
        pytest.param({"tags": ["a"]}, image(tags=["a", "a"]), [], id="a tag that the service names twice is one tag"),
        pytest.param({"tags": []}, image(), [replace("/tags", [])], id="no tags empties them"),
        pytest.param(
            {"tags": TagChange(frozenset("b"), frozenset("c"))},
            image(tags=["c", "a"]),
            [replace("/tags", ["a", "b"])],
            id="a change of tags leaves others unchanged",
        ),
        pytest.param(
            {"tags": TagChange(frozenset("a"), frozenset("c"))},
            image(tags=["b", "a"]),
            [],
            id="a change of tags that is made already is nothing",
        ),
        pytest.param({"tags": []}, image(tags=[]), [], id="no tags if there are none is nothing"),
        pytest.param(
            {"tags": ["LTS", "ubuntu"]}, image(), [replace("/tags", ["LTS", "ubuntu"])], id="the case of tags"
        ),
        pytest.param({"a/b": "1"}, image(), [add("/a~1b", "1")], id="a slash is escaped"),
        pytest.param({"a~b": "1"}, image(), [add("/a~0b", "1")], id="a tilde is escaped"),
        pytest.param({"a~1b": "1"}, image(), [add("/a~01b", "1")], id="what looks escaped is escaped again"),
        pytest.param({"~/": None}, image(**{"~/": "1"}), [remove("/~0~1")], id="an escaped name is removed"),
        pytest.param(
            {"-": "1", "0": "2"}, image(), [add("/-", "1"), add("/0", "2")], id="a dash and a digit are names"
        ),
        pytest.param(
            {"zoo": "1", "min_disk": 20, "Bar": "2", "os_distro": None, "tags": ["x"]},
            image(),
            [
                add("/Bar", "2"),
                replace("/min_disk", 20),
                remove("/os_distro"),
                replace("/tags", ["x"]),
                add("/zoo", "1"),
            ],
            id="operations are sorted by path",
        ),
    ],
)
def test_the_patch_has_what_the_desired_state_needs_and_no_more(
    desired: Document, current: Document, patch: Patch
) -> None:
    assert make_patch(desired, current) == patch


@pytest.mark.parametrize(
    ("desired", "current", "patch"),
    [
        pytest.param({}, image(), [remove("/os_distro")], id="a property that is not desired goes"),
        pytest.param({"os_distro": "ubuntu"}, image(), [], id="a property that is desired stays"),
        pytest.param({"os_distro": None}, image(), [remove("/os_distro")], id="null and purge remove it once"),
        pytest.param(
            {"foo": "1"}, image(), [add("/foo", "1"), remove("/os_distro")], id="one comes and another one goes"
        ),
        pytest.param(
            {},
            image(os_glance_importing_to_stores="", os_glance_stage_host="x", os_hash_algo="sha512"),
            [remove("/os_distro")],
            id="what the service itself sets stays",
        ),
        pytest.param({}, image(location="x", deleted="y", deleted_at="z"), [remove("/os_distro")], id="reserved names"),
        pytest.param(
            {}, image(os_distro_2="x"), [remove("/os_distro"), remove("/os_distro_2")], id="not every os_ is his"
        ),
    ],
)
def test_purge_removes_what_users_have_set_and_nothing_else(desired: Document, current: Document, patch: Patch) -> None:
    assert make_patch(desired, current, purge=True) == patch


def test_without_purge_a_property_that_is_not_named_stays() -> None:
    assert make_patch({"foo": "1"}, image(os_distro="ubuntu")) == [add("/foo", "1")]


def test_applying_a_patch_leaves_the_image_as_it_was() -> None:
    current = image(tags=["a"])
    after = apply_patch([replace("/tags", ["b"]), remove("/os_distro")], current)
    assert (after["tags"], "os_distro" in after) == (["b"], False)
    assert (current["tags"], current["os_distro"]) == (["a"], "ubuntu")


# --- a plan for an image that is there ---------------------------------------------------------------------------


def test_an_image_in_the_desired_state_needs_no_step() -> None:
    plan = plan_present({"min_disk": 10, "tags": ["lts", "ubuntu"], "os_distro": "ubuntu"}, image())
    assert (plan.steps, plan.changed, plan.patch) == ((), False, [])
    assert plan.after == plan.before == image()
    assert plan.diff["before"] == plan.diff["after"]


def test_a_change_is_one_patch() -> None:
    plan = plan_present({"min_disk": 20, "foo": "1"}, image())
    assert plan.steps == (Update([add("/foo", "1"), replace("/min_disk", 20)]),)
    assert plan.changed
    assert plan.patch == [add("/foo", "1"), replace("/min_disk", 20)]


def test_the_image_after_a_change_is_predicted_but_for_the_time_of_the_change() -> None:
    plan = plan_present({"min_disk": 20, "foo": "1", "os_distro": None}, image())
    expected = image(min_disk=20, foo="1", updated_at=None)
    del expected["os_distro"]
    assert plan.after == expected


def test_an_id_for_a_new_image_does_not_matter_if_the_image_is_there() -> None:
    assert plan_present({"name": "ubuntu-24.04"}, image(), new_id=ID).steps == ()


def test_purge_reaches_the_plan() -> None:
    assert plan_present({}, image(), purge=True).patch == [remove("/os_distro")]


@pytest.mark.parametrize("attribute", ["disk_format", "container_format"])
@pytest.mark.parametrize("status", [status for status in STATUSES if status != "queued"])
def test_a_format_that_cannot_change_any_more_is_an_error_that_says_all(attribute: str, status: str) -> None:
    current = image(status=status)
    with pytest.raises(PlanError) as caught:
        plan_present({attribute: "ami"}, current)
    for part in (attribute, current[attribute], "ami", ID, "ubuntu-24.04", status):
        assert part in str(caught.value)


def test_a_format_that_cannot_change_refuses_the_other_attributes_with_it() -> None:
    with pytest.raises(PlanError, match="disk_format"):
        plan_present({"disk_format": "raw", "min_disk": 20}, image())


def test_formats_can_change_as_long_as_an_image_waits_for_its_data() -> None:
    plan = plan_present({"disk_format": "raw", "container_format": "ovf"}, image(status="queued"))
    assert plan.patch == [replace("/container_format", "ovf"), replace("/disk_format", "raw")]


def test_the_same_formats_are_no_hindrance_to_another_change() -> None:
    plan = plan_present({"disk_format": "qcow2", "container_format": "bare", "min_disk": 20}, image())
    assert plan.patch == [replace("/min_disk", 20)]


# --- a plan for a new image --------------------------------------------------------------------------------------


def test_a_new_image_is_one_step_with_all_desired_attributes() -> None:
    desired = {"name": "new", "min_disk": 10, "tags": ["a"], "os_distro": "ubuntu"}
    plan = plan_present(desired, None)
    assert plan.steps == (Create(desired),)
    assert plan.changed
    assert plan.patch == []
    assert plan.before is None


def test_a_property_that_shall_not_be_there_is_left_out_of_a_new_image() -> None:
    assert plan_present({"name": "new", "foo": None}, None).steps == (Create({"name": "new"}),)


def test_a_new_image_gets_the_id_that_was_asked_for() -> None:
    plan = plan_present({"name": "new"}, None, new_id=ID)
    assert plan.steps == (Create({"name": "new", "id": ID}),)
    assert plan.after is not None
    assert plan.after["id"] == ID


def test_purge_has_nothing_to_do_with_a_new_image() -> None:
    assert plan_present({"name": "new"}, None, purge=True).steps == (Create({"name": "new"}),)


def test_a_new_image_is_predicted_with_the_defaults_of_the_service() -> None:
    plan = plan_present({"name": "new", "min_disk": 10}, None)
    assert plan.after == {
        "name": "new",
        "status": "queued",
        "visibility": "shared",
        "protected": False,
        "tags": [],
        "min_disk": 10,
        "min_ram": 0,
        "os_hidden": False,
    }


def test_planning_changes_neither_the_desired_state_nor_the_image() -> None:
    desired, current = {"name": "new", "foo": None, "tags": ["b", "a"]}, image()
    plan_present(desired, None, new_id=ID)
    plan_present(desired, current, purge=True)
    assert (desired, current) == ({"name": "new", "foo": None, "tags": ["b", "a"]}, image())


# --- absent ------------------------------------------------------------------------------------------------------


def test_an_image_that_is_not_there_needs_no_deletion() -> None:
    plan = plan_absent(None)
    assert (plan.steps, plan.changed) == ((), False)
    assert plan.diff == {"before": {}, "after": {}, "before_header": "(no image)", "after_header": "(no image)"}


@pytest.mark.parametrize("force", [False, True])
def test_an_image_goes_in_one_step(force: bool) -> None:
    plan = plan_absent(image(), force)
    assert (plan.steps, plan.after, plan.changed, plan.patch) == ((Delete([]),), None, True, [])
    assert plan.diff["after"] == {}
    assert plan.diff["before"]["id"] == ID


def test_a_protected_image_is_not_deleted() -> None:
    with pytest.raises(PlanError, match="protected") as caught:
        plan_absent(image(protected=True))
    for part in (ID, "ubuntu-24.04", "force: true", "protected: false"):
        assert part in str(caught.value)


def test_force_takes_the_protection_off_first_and_knows_how_to_put_it_back() -> None:
    plan = plan_absent(image(protected=True), force=True)
    assert plan.steps == (Update([replace("/protected", False)]), Delete([replace("/protected", True)]))
    assert plan.patch == [replace("/protected", False)]
    assert plan.after is None
    assert plan.diff["before"]["protected"] is True


# --- status ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "status", "steps"),
    [
        ("active", "active", ()),
        ("deactivated", "deactivated", ()),
        ("deactivated", "active", (SetStatus("deactivate"),)),
        ("active", "deactivated", (SetStatus("reactivate"),)),
    ],
)
def test_a_status_is_set_if_it_differs(wanted: str, status: str, steps: tuple[SetStatus, ...]) -> None:
    plan = plan_status(wanted, image(status=status))
    assert plan.steps == steps
    assert plan.after is not None
    assert plan.after["status"] == wanted
    assert plan.after["updated_at"] == (None if steps else image()["updated_at"])


@pytest.mark.parametrize("wanted", ["active", "deactivated"])
@pytest.mark.parametrize("status", [status for status in STATUSES if status not in ("active", "deactivated")])
def test_no_other_status_can_become_active_or_deactivated(wanted: str, status: str) -> None:
    with pytest.raises(PlanError, match="upload the data first") as caught:
        plan_status(wanted, image(status=status))
    for part in (wanted, status, ID):
        assert part in str(caught.value)


# --- data --------------------------------------------------------------------------------------------------------

CONTENT = Content(5, {"md5": "a" * 32, "sha512": "b" * 128, "sha256": "c" * 64})


@pytest.mark.parametrize(
    ("content", "attributes"),
    [
        (
            CONTENT,
            {"size": 5, "checksum": "a" * 32, "os_hash_algo": "sha512", "os_hash_value": "b" * 128},
        ),
        (Content(5, {}), {"size": 5}),
        (Content(0, {}), {"size": 0}),
        (Content(None, {"md5": "a" * 32}), {"checksum": "a" * 32}),
        (Content(None, {"sha256": "c" * 64}), {}),
        (Content(None, {}), {}),
    ],
)
def test_content_gives_the_attributes_that_the_service_computes(content: Content, attributes: Document) -> None:
    assert attributes_of(content) == attributes


def stream_of(content: Content | None) -> Stream:
    stream = Stream(File(__file__))
    stream.content = content
    return stream


def test_what_a_stream_has_shown_belongs_to_what_is_expected() -> None:
    after = image(size=None, checksum=None)
    plan = Plan(None, after, (Upload(stream_of(CONTENT), None, 60),), stream_of(CONTENT))
    assert plan.expected == {**after, **attributes_of(CONTENT)}
    assert plan.diff["after"]["checksum"] == "a" * 32


@pytest.mark.parametrize("stream", [None, stream_of(None)])
def test_without_a_pass_over_the_data_only_the_plan_is_expected(stream: Stream | None) -> None:
    assert Plan(None, image(), (), stream).expected == image()


def test_an_image_that_will_be_gone_has_no_data_either() -> None:
    assert Plan(image(), None, (Delete([]),), stream_of(CONTENT)).expected is None


@pytest.mark.parametrize(
    ("step", "sends"),
    [
        (Create({}), False),
        (Update([]), False),
        (SetStatus("deactivate"), False),
        (Delete([]), False),
        (Retire(image(), (), "hidden", "a"), False),
        (Resume(image()), False),
        (Upload(stream_of(None), None, 60), True),
        (Stage(stream_of(None), 60), True),
        (Import({"method": {"name": "copy-image"}}, 60), True),
    ],
)
def test_a_plan_knows_whether_it_brings_data_anywhere(step: Step, sends: bool) -> None:
    assert Plan(image(), image(), (Update([]), step)).sends_data is sends


UPLOAD = Upload(stream_of(None), None, 60)
COPY = Import({"method": {"name": "copy-image"}}, 60)
RETIRE = Retire(image(), (Delete([]),), "deleted", "a")
PRUNE = Prune(image(), (Delete([]),))


@pytest.mark.parametrize(
    ("plan", "action"),
    [
        (Plan(None, None), "unchanged"),
        (Plan(image(), image()), "unchanged"),
        (Plan(image(), image(), prepares=True), "unchanged"),
        (Plan(image(), None, (Delete([]),)), "deleted"),
        (Plan(image(), None, (Retire(image(), (Delete([]),), "deleted", "a"), Delete([]))), "deleted"),
        (Plan(None, image(), (Create({}),)), "created"),
        (Plan(None, image(), (Create({}), UPLOAD)), "created"),
        (Plan(image(status="queued"), image(), (UPLOAD,)), "uploaded"),
        (Plan(image(status="queued"), image(), (Update([]), UPLOAD)), "uploaded"),
        (Plan(image(), image(), (Update([]),)), "updated"),
        (Plan(image(), image(), (COPY,)), "updated"),
        (plan_status("deactivated", image()), "deactivated"),
        (plan_status("active", image(status="deactivated")), "reactivated"),
        (Plan(image(), image(), (PRUNE,)), "updated"),
        (Plan(image(), image(), (Create({}), UPLOAD, RETIRE)), "replaced"),
        (Plan(image(), image(), (Resume(image()), Update([]))), "replaced"),
        (Plan(image(), image(), (Update([]), RETIRE)), "replaced"),
        (Plan(image(), image(), (Create({}), UPLOAD), prepares=True), "prepared"),
        (Plan(image(), image(), (Resume(image(), is_return=True), RETIRE)), "restored"),
        (Plan(None, image(), (Resume(image(), is_return=True),)), "restored"),
    ],
)
def test_one_word_says_what_a_plan_does(plan: Plan, action: str) -> None:
    assert action_of(plan) == action


@pytest.mark.parametrize(
    ("plan", "replaced"),
    [
        (Plan(image(), image(id=OTHER_ID), (Create({}), UPLOAD, RETIRE)), ID),
        (Plan(image(), image(id=OTHER_ID), (Resume(image(), is_return=True), RETIRE)), ID),
        (Plan(None, image(), (Resume(image(), is_return=True),)), None),
        (Plan(image(), image(), (Update([]),)), None),
        (Plan(None, image(), (Create({}),)), None),
    ],
)
def test_the_id_of_what_is_replaced_is_that_of_the_image_before(plan: Plan, replaced: str | None) -> None:
    assert replaced_id_of(plan) == replaced


def test_an_import_is_called_by_its_method() -> None:
    assert Import({"method": {"name": "web-download", "uri": "https://h/x"}}, 60).method == "web-download"


def test_the_patch_is_that_of_the_image_itself_and_not_of_the_one_that_it_replaces() -> None:
    steps = (
        Update([replace("/a", 1)]),
        Retire(image(), (Update([replace("/b", 2)]),), "hidden", "a"),
        Update([remove("/c")]),
    )
    assert Plan(image(), image(), steps).patch == [replace("/a", 1), remove("/c")]


@pytest.mark.parametrize(
    ("desired", "there", "lost"),
    [
        ({"min_disk": 10, "os_distro": "ubuntu"}, image(), []),
        ({"min_disk": 20, "os_distro": "debian", "foo": "1"}, image(), ["foo", "min_disk", "os_distro"]),
        ({"tags": ["lts", "ubuntu"]}, image(), []),
        ({"tags": ["lts"]}, image(), ["tags"]),
        ({"os_distro": None}, image(), ["os_distro"]),
        ({"foo": None}, image(), []),
    ],
)
def test_what_the_service_has_not_kept_is_named(desired: Document, there: Document, lost: list[str]) -> None:
    assert unmet(desired, there) == lost


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.text(max_size=3)), max_size=4))
def test_a_patch_can_be_read_as_the_desired_state_that_it_came_from(desired: Document) -> None:
    patch = [remove(pointer(key)) if value is None else add(pointer(key), value) for key, value in desired.items()]
    assert desired_by(patch) == desired


# --- the diff ----------------------------------------------------------------------------------------------------


def test_the_diff_shows_what_changes_and_nothing_that_a_real_run_knows_better() -> None:
    diff = plan_present({"min_disk": 20}, image()).diff
    assert {
        key: (value, diff["after"][key]) for key, value in diff["before"].items() if value != diff["after"][key]
    } == {"min_disk": (10, 20)}
    assert diff["before_header"] == diff["after_header"] == f"ubuntu-24.04 ({ID})"
    for side in (diff["before"], diff["after"]):
        assert not side.keys() & {"updated_at", "self", "file", "schema", "direct_url", "locations"}
        assert None not in side.values()


def test_the_diff_of_a_new_image_holds_what_is_known_beforehand() -> None:
    diff = plan_present({"name": "new", "os_distro": "ubuntu"}, None).diff
    assert diff["before"] == {}
    assert (diff["before_header"], diff["after_header"]) == ("new (no image)", "new (new image)")
    assert diff["after"] == {
        "id": "(known after apply)",
        "created_at": "(known after apply)",
        "name": "new",
        "status": "queued",
        "visibility": "shared",
        "protected": False,
        "tags": [],
        "min_disk": 0,
        "min_ram": 0,
        "os_hidden": False,
        "properties": {"os_distro": "ubuntu"},
    }


def test_the_diff_of_a_replacement_shows_what_is_known_later_and_what_becomes_of_the_old_image() -> None:
    old = image(owner=PROJECT, stores="fast", min_disk=1)
    new = {key: value for key, value in old.items() if key in ("name", "status", "visibility", "protected", "tags")}
    retire = Retire(old, (Update([]),), "hidden", "ubuntu-24.04")
    plan = Plan(old, {**new, "size": 4, "min_disk": 2}, (Create({}), UPLOAD, retire))
    before, after = plan.diff["before"], plan.diff["after"]
    changed = {key: after[key] for key in after if before.get(key) != after[key]}
    later = ["id", "created_at", "checksum", "os_hash_algo", "os_hash_value", "container_format", "disk_format"]
    later += ["min_ram", "virtual_size", "stores", "os_hidden"]
    assert changed == {
        **dict.fromkeys(later, "(known after apply)"),
        "size": 4,
        "min_disk": 2,
        "properties": {},
        "retired": [f"ubuntu-24.04 ({ID}): hidden"],
    }
    assert before.keys() <= after.keys()
    assert (plan.diff["before_header"], plan.diff["after_header"]) == (
        f"ubuntu-24.04 ({ID})",
        "ubuntu-24.04 (new image)",
    )


def test_a_name_cannot_write_a_line_of_its_own_into_the_header_of_a_diff() -> None:
    diff = plan_present({"min_disk": 20}, image(name="a\n+++ after: b\u202e")).diff
    assert diff["before_header"] == f"a +++ after: b\\u202e ({ID})"


def test_a_deletion_shows_all_that_goes() -> None:
    diff = plan_absent(image(owner=PROJECT)).diff
    assert (diff["before"]["owner"], diff["after"], diff["after_header"]) == (
        PROJECT,
        {},
        "ubuntu-24.04 (no image)",
    )


def test_the_diff_shows_tags_in_one_order() -> None:
    assert plan_present({"min_disk": 20}, image(tags=["b", "a"])).diff["before"]["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(plan_present({}, image()), id="nothing"),
        pytest.param(plan_present({"min_disk": 20}, image()), id="update"),
        pytest.param(plan_present({"name": "x"}, None), id="create"),
        pytest.param(plan_absent(image()), id="delete"),
        pytest.param(plan_absent(image(protected=True), force=True), id="forced delete"),
        pytest.param(plan_absent(None), id="nothing to delete"),
        pytest.param(plan_status("deactivated", image()), id="deactivate"),
        pytest.param(plan_status("active", image()), id="active already"),
    ],
)
def test_changed_is_having_steps_and_the_diff_agrees(plan: Plan) -> None:
    assert plan.changed == bool(plan.steps)
    assert plan.changed == (plan.diff["before"] != plan.diff["after"])


# --- properties of every patch -----------------------------------------------------------------------------------

# Any character that the service can store; those that JSON pointers escape come often.
CHARACTERS = st.one_of(st.sampled_from("~/-01aA "), st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
NAMES = st.text(CHARACTERS, min_size=1, max_size=6).filter(is_custom)
VALUES = st.sampled_from(["", "a", "b", "ä~/"])
TAGS = st.lists(st.sampled_from(["a", "b", "ä", "a/b", "~"]), max_size=4)
BASE = {
    "name": st.one_of(st.none(), st.sampled_from(["a", "b"])),
    "min_disk": st.integers(0, 2),
    "min_ram": st.integers(0, 2),
    "protected": st.booleans(),
    "os_hidden": st.booleans(),
    "visibility": st.sampled_from(["private", "shared"]),
    "owner": st.sampled_from([PROJECT, OTHER_PROJECT]),
    "disk_format": st.sampled_from([None, "raw", "qcow2"]),
    "container_format": st.sampled_from([None, "bare", "ovf"]),
    "tags": TAGS,
}
SET_BY_THE_SERVICE = {
    "os_glance_failed_import": "",
    "os_glance_importing_to_stores": "library",
    "stores": "library",
    "direct_url": "rbd://x",
}


@st.composite
def cases(draw: st.DrawFn) -> tuple[Document, Document, bool]:
    """A desired state, an image and whether to purge; the names of both come from one small set, to meet often."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    some_names = st.sampled_from(names)
    current = {
        **image(status="queued"),
        **SET_BY_THE_SERVICE,
        **draw(st.fixed_dictionaries(BASE)),
        **draw(st.dictionaries(some_names, VALUES)),
    }
    desired: Document = {
        **{key: value for key, value in draw(st.fixed_dictionaries({}, optional=BASE)).items() if value is not None},
        **draw(st.dictionaries(some_names, st.one_of(st.none(), VALUES))),
    }
    return desired, current, draw(st.booleans())


def key_of(operation: Mapping[str, Any]) -> str:
    return str(operation["path"])[1:].replace("~1", "/").replace("~0", "~")


def applied(patch: Patch, current: Document) -> Document:
    """RFC 6902 for whole attributes, written down once more and in another way than the collection does it."""
    after = dict(current)
    for operation in patch:
        key = key_of(operation)
        if operation["op"] != "add":
            del after[key]
        if operation["op"] != "remove":
            after[key] = operation["value"]
    return after


def is_as_desired(after: Document, desired: Document, current: Document, purge: bool) -> bool:
    for key, value in desired.items():
        if value is None:
            if key in after:
                return False
        elif key not in after or (sorted({*after[key]}) != sorted({*value}) if key == "tags" else after[key] != value):
            return False
    others = [key for key in {*after, *current} if key not in desired]
    return all(
        key not in after if purge and is_custom(key) else key in after and after[key] == current[key] for key in others
    )


@given(cases())
def test_the_patch_turns_any_image_into_any_desired_state(case: tuple[Document, Document, bool]) -> None:
    desired, current, purge = case
    patch = make_patch(desired, current, purge)
    assert is_as_desired(applied(patch, current), desired, current, purge)
    assert is_as_desired(jsonpatch.apply_patch(current, patch), desired, current, purge)
    assert apply_patch(patch, current) == applied(patch, current)


@given(cases())
def test_no_operation_of_a_patch_can_be_left_out(case: tuple[Document, Document, bool]) -> None:
    desired, current, purge = case
    patch = make_patch(desired, current, purge)
    for left_out in range(len(patch)):
        shorter = patch[:left_out] + patch[left_out + 1 :]
        assert not is_as_desired(applied(shorter, current), desired, current, purge)


@given(cases())
def test_the_service_accepts_the_form_of_every_patch(case: tuple[Document, Document, bool]) -> None:
    """glance/api/v2/images.py takes add, replace and remove of whole attributes; the last two of what is there."""
    desired, current, purge = case
    patch = make_patch(desired, current, purge)
    paths = [operation["path"] for operation in patch]
    assert paths == sorted(set(paths))
    for operation in patch:
        assert operation["op"] in ("add", "replace", "remove")
        assert operation["path"].startswith("/")
        assert "/" not in operation["path"][1:]
        assert (operation["op"] == "add") == (key_of(operation) not in current)
        assert ("value" in operation) == (operation["op"] != "remove")
        assert operation["op"] != "remove" or is_custom(key_of(operation))


@given(cases())
def test_a_patch_never_touches_what_only_the_service_sets(case: tuple[Document, Document, bool]) -> None:
    desired, current, purge = case
    touched = {key_of(operation) for operation in make_patch(desired, current, purge)}
    assert not touched & (set(ATTRIBUTES) - set(SETTABLE))
    assert not touched & {"location", "deleted", "deleted_at", "stores"}
    assert not any(key.startswith("os_glance") for key in touched)


def possible(desired: Document, current: Document | None, purge: bool, new_id: str | None = None) -> Plan:
    """The plan, unless names differ in case or accents only, which is refused."""
    try:
        return plan_present(desired, current, purge, new_id)
    except PlanError as error:
        assume("differ in case or accents only" not in str(error))
        raise


@given(cases())
def test_a_second_plan_on_the_result_of_the_first_is_empty(case: tuple[Document, Document, bool]) -> None:
    desired, current, purge = case
    first = possible(desired, current, purge)
    assert first.after is not None
    assert not plan_present(desired, first.after, purge).changed
    assert first.patch == make_patch(desired, current, purge)


@given(cases())
def test_a_new_image_is_in_the_desired_state_at_once(case: tuple[Document, Document, bool]) -> None:
    desired, dummy, purge = case
    plan = possible(desired, None, purge, ID)
    assert plan.after is not None
    assert not plan_present(desired, plan.after, purge).changed


@given(st.text(CHARACTERS, max_size=8))
def test_a_pointer_leads_back_to_its_name(name: str) -> None:
    assert key_of({"path": pointer(name)}) == name
    assert jsonpatch.JsonPointer(pointer(name)).parts == [name]


# --- names that differ in case or accents only -------------------------------------------------------------------


def test_what_a_database_takes_for_the_same_is_removed_before_it_is_added() -> None:
    current = image(tags=["LTS", "x"], min_disk=0)
    patch = make_patch({"tags": ["lts", "x"], "min_disk": 7}, current)
    assert in_parts(patch, current) == [[{"op": "replace", "path": "/tags", "value": ["x"]}], patch]


def test_an_ordinary_patch_is_one_request() -> None:
    current = image(tags=["a", "b"], foo="a")
    patch = make_patch({"tags": ["b", "c"], "foo": None, "bar": "b"}, current)
    assert in_parts(patch, current) == [patch]


@pytest.mark.parametrize(
    "names", [("Foo", "foo"), ("f\u00f3o", "foo"), ("Stra\u00dfe", "strase"), ("\u03bf\u03c2", "\u03bf\u03c3")]
)
def test_properties_that_a_database_takes_for_one_are_refused_with_both_names(names: tuple[str, str]) -> None:
    one, other = names
    both = f"'({one}|{other})' and '({one}|{other})' differ in case or accents only"
    with pytest.raises(PlanError, match=both):
        plan_present({"name": "new", one: "a", other: "b"}, None)
    with pytest.raises(PlanError, match=both):
        plan_present({other: "b"}, image(**{one: "a"}))
    with pytest.raises(PlanError, match=both):
        plan_present({one: None, other: "b"}, image(**{one: "a"}))


def test_a_tag_that_a_database_takes_for_one_that_stays_is_refused_with_both_names() -> None:
    more, current = TagChange(frozenset({"lts"}), frozenset()), image(tags=["LTS", "x"])
    with pytest.raises(PlanError, match="tags: 'LTS' and 'lts' differ in case or accents only"):
        plan_present({"tags": more}, current)
    assert plan_present({"tags": more._replace(absent=frozenset({"LTS"}))}, current).changed
