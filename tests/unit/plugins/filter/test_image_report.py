# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON text of the report page."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from ansible_collections.platform9.pcd.plugins.filter.image_report import COLUMNS, NEEDED, FilterModule, image_report

IMAGE = {
    **dict.fromkeys(NEEDED),
    "id": "1714676b-e56d-4171-a072-f919121a9797",
    "name": "debian-13",
    "status": "active",
    "os_hidden": True,
    "os_hash_algo": "sha512",
    "os_hash_value": "abc",
    "checksum": "def",
    "tags": ["lts"],
    "properties": {"secret": "a-Passw0rd-in-a-property"},
    "retired": "golden",
}


def row(image: dict[str, Any]) -> dict[str, Any]:
    (found,) = json.loads(image_report([image]))["images"]
    return dict(zip(COLUMNS, found, strict=True))


def test_a_row_has_the_attributes_of_the_image_and_no_custom_property() -> None:
    found = row(IMAGE)
    assert found["name"] == "debian-13"
    assert (found["hidden"], found["protected"], found["tags"]) == (True, False, ["lts"])
    assert (found["hash"], found["retired"], found["size"]) == ("sha512:abc", "golden", None)
    assert "a-Passw0rd" not in image_report([IMAGE])


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({"os_hash_algo": None, "os_hash_value": None}, "md5:def"),
        ({"os_hash_algo": None, "os_hash_value": None, "checksum": None}, None),
        ({"os_hash_algo": "sha256"}, "sha256:abc"),
    ],
)
def test_the_hash_says_its_algorithm(image: dict[str, Any], expected: str | None) -> None:
    assert row({**IMAGE, **image})["hash"] == expected


@pytest.mark.parametrize(
    "text",
    [
        "</script>",
        "<!--",
        "&lt;",
        "\u2028\u2029",
        "\ud800",
        "\udfff\ud800",
        "\x00\x1b\x7f\x85",
        "\ufeff\uffff",
        "é\U0001f427",
    ],
)
def test_no_text_ends_the_element_or_is_lost(text: str) -> None:
    written = image_report([{**IMAGE, "name": text, "tags": [text], "owner": text}], title=text, projects={text: text})
    assert not set("<>&\u2028\u2029\x7f\x85\ufeff\uffff") & set(written)
    data = json.loads(written.encode("utf-8"))
    assert data["images"][0][COLUMNS.index("name")] == text
    assert (data["title"], data["projects"]) == (text, {text: text})


@pytest.mark.parametrize("images", ["text", {"images": [IMAGE]}, None, 5])
def test_what_is_not_a_list_of_images_is_refused(images: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="takes a list of images"):
        image_report(images)


def test_an_image_that_lacks_what_the_page_shows_is_refused() -> None:
    """A page must not say that no image is hidden because nobody asked for it."""
    with pytest.raises(AnsibleFilterError, match="image 1714676b-.* has no os_hidden, retired. List the images with"):
        image_report([{key: value for key, value in IMAGE.items() if key not in ("os_hidden", "retired")}])


def test_the_playbook_lists_what_the_page_needs() -> None:
    (play,) = yaml.safe_load((Path(__file__).parents[4] / "playbooks/image_report.yml").read_text(encoding="utf-8"))
    assert set(play["tasks"][0]["platform9.pcd.pcd_image_info"]["fields"]) == NEEDED


def test_an_image_that_is_listed_twice_is_shown_once() -> None:
    assert len(json.loads(image_report([IMAGE, {**IMAGE, "id": "2"}, IMAGE]))["images"]) == 2


def test_an_owner_of_another_type_is_written_as_it_is() -> None:
    """The answer of a service can hold anything."""
    assert row({**IMAGE, "owner": ["a1"]})["owner"] == ["a1"]


def test_only_owners_of_the_page_are_named() -> None:
    written = image_report([{**IMAGE, "owner": "a1"}], projects={"a1": "web", "b2": "a tenant"})
    assert json.loads(written)["projects"] == {"a1": "web"}


@pytest.mark.parametrize(
    ("time", "written"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00", "2026-01-31T12:00:00Z"),
        ("2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z"),
        (datetime(2026, 1, 31, 12), "2026-01-31T12:00:00Z"),
        (date(2026, 1, 31), "2026-01-31T00:00:00Z"),
        (None, None),
        ("", None),
    ],
)
def test_the_time_is_written_in_utc(time: Any, written: str | None) -> None:
    assert json.loads(image_report([], time=time))["time"] == written


@pytest.mark.parametrize("time", ["yesterday", "0001-01-01T00:00:00+01:00"])
def test_a_time_that_cannot_be_read_is_refused(time: str) -> None:
    with pytest.raises(AnsibleFilterError) as error:
        image_report([], time=time)
    assert f"time: '{time}' is not a time such as '2026-01-31T12:00:00Z'" in str(error.value)


@pytest.mark.parametrize("image", [None, "debian-13", {"name": "debian-13"}, {**IMAGE, "id": ["1"]}])
def test_what_is_not_an_image_is_refused(image: Any) -> None:
    with pytest.raises(AnsibleFilterError, match="this is not an image of pcd_image_info"):
        image_report([image])


def drift(**result: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(image_report([], drift=result))["drift"]
    return found


def test_drift_is_what_the_catalogue_would_change() -> None:
    patch = [{"op": "add", "path": "/a~1b~0c", "value": {"x": 1}}, {"op": "remove", "path": "/min_ram"}]
    found = drift(
        images=[
            {"name": "same", "id": "1", "action": "unchanged", "patch": []},
            {"name": "other", "id": "2", "action": "updated", "patch": patch},
            {"name": "broken", "id": None, "action": "failed", "error": "no such file"},
            {"name": "gone", "id": "4", "action": "pruned", "patch": []},
            {"name": "refused", "id": None, "action": "failed", "error": {"msg": "403", "status": 403}},
        ],
        not_pruned=[{"id": "3", "name": "adopted", "reason": "this collection has not made it"}],
    )
    assert found == {
        "declared": 4,
        "error": None,
        "entries": [
            {"ids": ["2"], "name": "other", "action": "updated", "lines": ["a/b~c is set", "min_ram is removed"]},
            {"ids": [], "name": "broken", "action": "failed", "lines": ["no such file"]},
            {"ids": ["4"], "name": "gone", "action": "pruned", "lines": ["it is deleted"]},
            {"ids": [], "name": "refused", "action": "failed", "lines": ["403"]},
            {"ids": ["3"], "name": "adopted", "action": "not pruned", "lines": ["this collection has not made it"]},
        ],
    }


def test_drift_is_what_a_loop_of_pcd_image_would_change() -> None:
    same = {
        "ansible_loop_var": "item",
        "item": "same",
        "action": "unchanged",
        "image": {"id": "1", "name": "same"},
        "patch": [],
    }
    patch = [{"op": "replace", "path": "/min_disk", "value": 20}]
    other = {"changed": True, "action": "updated", "image": {"id": "2", "name": "other"}, "patch": patch}
    new = {"changed": True, "action": "created", "image": {"id": None, "name": "new"}, "patch": []}
    broken = {"failed": True, "msg": "no such file"}
    away = {"unreachable": True, "msg": "no route to host"}
    loop = [{"ansible_loop_var": "each", "each": {"name": "broken"}, **found} for found in (other, new, broken, away)]
    found = drift(results=[same, *loop], failed=True, msg="One or more items failed")
    assert found == {
        "declared": 5,
        "error": None,
        "entries": [
            {"ids": ["2"], "name": "other", "action": "updated", "lines": ["min_disk: 20"]},
            {"ids": [], "name": "new", "action": "created", "lines": []},
            {"ids": [], "name": "broken", "action": "failed", "lines": ["no such file"]},
            {"ids": [], "name": "broken", "action": "failed", "lines": ["no route to host"]},
        ],
    }


def test_drift_is_what_one_task_of_pcd_image_would_change() -> None:
    patch = [{"op": "replace", "path": "/min_disk", "value": 20}]
    result = {
        "changed": True,
        "action": "updated",
        "image": {"id": "2", "name": "other"},
        "patch": patch,
        "retired": [],
    }
    entry = {"ids": ["2"], "name": "other", "action": "updated", "lines": ["min_disk: 20"]}
    assert drift(**result) == {"declared": 1, "error": None, "entries": [entry]}
    assert drift(**{**result, "action": "unchanged", "patch": []}) == {"declared": 1, "error": None, "entries": []}


def test_an_image_that_would_be_deleted_has_the_name_that_was_declared() -> None:
    gone: dict[str, Any] = {"action": "deleted", "image": None, "patch": []}
    options = {"invocation": {"module_args": {"name": "gone", "state": "absent"}}}
    (entry,) = drift(**gone, **options)["entries"]
    assert entry == {"ids": [], "name": "gone", "action": "deleted", "lines": []}
    results = [
        {**gone, "ansible_loop_var": "item", "item": "one"},
        {**gone, "ansible_loop_var": "item", "item": {"name": "two"}},
        {**gone, **options, "ansible_loop_var": "item", "item": {"key": "gone", "value": {}}},
    ]
    assert [entry["name"] for entry in drift(results=results)["entries"]] == ["one", "two", "gone"]


def test_what_rotation_would_do_to_the_other_images_is_drift() -> None:
    retired = [
        {"id": "2", "name": "golden", "action": "hidden", "reason": None},
        {"id": "3", "name": "golden", "action": "kept", "reason": "it is protected"},
    ]
    entry = {"name": "golden", "id": "1", "action": "updated", "patch": [], "replaced_id": None, "retired": retired}
    lines = ["golden (2): hidden", "golden (3): kept (it is protected)"]
    assert drift(images=[entry])["entries"] == [
        {"ids": ["1", "2"], "name": "golden", "action": "updated", "lines": lines}
    ]


def test_a_replacement_says_which_image_it_concerns_and_not_how_it_is_published() -> None:
    publish = [
        {"op": "replace", "path": "/os_hidden", "value": False},
        {"op": "add", "path": "/pcd_shown", "value": "x"},
    ]
    entry = {"name": "golden", "id": None, "action": "replaced", "patch": publish, "replaced_id": "1", "retired": []}
    assert drift(images=[entry])["entries"] == [
        {"ids": ["1"], "name": "golden", "action": "replaced", "lines": ["it replaces 1"]}
    ]
    (restored,) = drift(images=[{**entry, "action": "restored", "id": "2"}])["entries"]
    assert restored["ids"] == ["2", "1"]
    assert restored["lines"] == ["os_hidden: false", "it replaces 1"]
    (prepared,) = drift(
        images=[{**entry, "action": "prepared", "id": "1", "replaced_id": None, "prepared": {"id": "3"}}]
    )["entries"]
    assert (prepared["ids"], prepared["lines"]) == (["1", "3"], [])
    one = {"action": "replaced", "image": {"id": None, "name": "golden"}, "patch": publish, "replaced_id": "1"}
    assert drift(**one)["entries"][0]["ids"] == ["1"]


def test_a_pruned_image_is_said_to_be_hidden_or_deleted() -> None:
    patch = [
        {"op": "replace", "path": "/os_hidden", "value": True},
        {"op": "add", "path": "/pcd_retired", "value": "x"},
    ]
    entry = {"name": "golden", "id": "1", "action": "pruned", "patch": patch, "image": {"id": "1"}}
    assert drift(images=[entry])["entries"][0]["lines"] == ["os_hidden: true"]
    assert drift(images=[{**entry, "patch": [], "image": None}])["entries"][0]["lines"] == ["it is deleted"]


def test_an_image_that_would_only_be_copied_into_a_store_has_a_line() -> None:
    (entry,) = drift(images=[{"name": "golden", "id": "1", "action": "updated", "patch": [], "retired": []}])["entries"]
    assert entry["lines"] == ["its stores"]


@pytest.mark.parametrize("action", ["filled", "uploaded"])
def test_an_image_without_data_is_said_to_have_none(action: str) -> None:
    (entry,) = drift(images=[{"name": "golden", "id": "1", "action": action, "patch": []}])["entries"]
    assert entry["lines"] == ["it has no data"]


def test_a_password_in_the_address_that_is_an_item_is_not_shown() -> None:
    item = {"ansible_loop_var": "item", "item": "https://user:a-Passw0rd@mirror/image"}
    (entry,) = drift(results=[{**item, "unreachable": True, "msg": "no route to host"}])["entries"]
    assert "mirror/image" in entry["name"]
    assert "a-Passw0rd" not in entry["name"]


def test_skipped_items_of_a_loop_are_not_declared() -> None:
    item = {"ansible_loop_var": "item", "item": "same"}
    same = {**item, "action": "unchanged", "image": {"id": "1", "name": "same"}, "patch": []}
    skipped = {**item, "changed": False, "skipped": True, "skip_reason": "Conditional result was False"}
    assert drift(results=[same, skipped]) == {"declared": 1, "error": None, "entries": []}


def test_a_skipped_comparison_does_not_say_that_nothing_differs() -> None:
    skipped = {"changed": False, "skipped": True, "skip_reason": "Conditional result was False"}
    loop = {
        "results": [{**skipped, "ansible_loop_var": "item", "item": 1}],
        "skipped": True,
        "msg": "All items skipped",
    }
    for result in (skipped, loop, {"results": [], "skipped": True, "skipped_reason": "No items in the list"}):
        assert drift(**result) == {"declared": 0, "error": "The comparison was skipped.", "entries": []}


def test_drift_is_what_a_loop_of_catalogues_would_change() -> None:
    def catalogue(name: str, action: str) -> dict[str, Any]:
        entry = {"name": name, "id": name, "action": action, "patch": []}
        left = [{"id": "9", "name": f"{name}-old", "reason": "this collection has not made it"}]
        return {
            "ansible_loop_var": "item",
            "item": name,
            "images": [entry],
            "summary": {"total": 1},
            "not_pruned": left,
        }

    wrong = {"ansible_loop_var": "item", "item": {"name": "third"}, "failed": True, "msg": "images: it is empty."}
    found = drift(results=[catalogue("a", "updated"), catalogue("b", "unchanged"), wrong], failed=True)
    assert (found["declared"], found["error"]) == (3, None)
    assert [(entry["name"], entry["action"]) for entry in found["entries"]] == [
        ("a", "updated"),
        ("third", "failed"),
        ("a-old", "not pruned"),
        ("b-old", "not pruned"),
    ]


@pytest.mark.parametrize(
    ("result", "given"),
    [
        ({"images": [IMAGE], "changed": False}, "a result with changed, images"),  # of pcd_image_info
        ({"images": [], "changed": False}, "a result with changed, images"),
        ({"images": ["debian-13"]}, "a result with images"),
        ({"dest": "/tmp/a", "image": {"id": "1"}, "action": "updated"}, "a result with action, dest, image"),
        ({"image": {"id": "1"}, "action": "unchanged", "members": []}, "a result with action, image, members"),
        (
            {"image": None, "action": "failed", "patch": [], "error": "no such file"},
            "a result with action, error, image, patch",
        ),
        ({"image": {}, "action": "updated", "patch": [], "ansible_loop_var": "item", "item": 1}, "one item of a loop"),
        ({"failed": True, "msg": "x", "ansible_loop_var": "item", "item": 1}, "one item of a loop"),
        ({"results": None}, "results: None"),
        ({"images": 5}, "images: 5"),
        ({"results": [{"stdout": "fine", "item": 1, "ansible_loop_var": "item"}]}, "a result with ansible_loop_var,"),
        ({"results": ["fine"]}, "'fine'"),
        ({"results": {"a": 1}}, "results: {'a': 1}"),
        ({}, "a result with nothing"),
        ([{"name": "a", "action": "updated"}], "[{'name': 'a', 'action': 'updated'}]"),
        ("planned", "'planned'"),
    ],
)
def test_what_is_not_a_result_of_a_comparison_is_refused(result: Any, given: str) -> None:
    with pytest.raises(
        AnsibleFilterError, match="drift takes the whole registered result of pcd_image_catalog"
    ) as error:
        image_report([], drift=result)
    assert f"This is not such a result: {given}" in str(error.value)


def test_a_catalogue_without_entries_has_no_drift() -> None:
    assert drift(images=[], summary={"total": 0}) == {"declared": 0, "error": None, "entries": []}


def test_a_comparison_that_failed_says_why() -> None:
    assert drift(failed=True, msg="images: it is empty.") == {
        "declared": 0,
        "entries": [],
        "error": "images: it is empty.",
    }
    assert drift(failed=True)["error"] == "The comparison failed."
    assert drift(unreachable=True, msg="no route to host")["error"] == "no route to host"
    assert json.loads(image_report([]))["drift"] is None


def test_the_filter_has_the_name_of_its_file() -> None:
    assert FilterModule().filters() == {"image_report": image_report}
