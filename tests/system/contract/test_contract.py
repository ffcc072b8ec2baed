# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module promises for every kind of task, in one table.

Check mode writes nothing and predicts the real run; the real run applies it; a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, shape_of
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

NOT_THERE: None = None
CREATES, UPDATES, DELETES = ["POST"], ["PATCH"], ["DELETE"]
NOTHING: list[str] = []
FORMATS = {"disk_format": "raw", "container_format": "bare"}

# These stand for what is known only when the test runs.
OWN_PROJECT, OTHER_PROJECT, NEW_ID = "the project of member", "the project of other", "a new UUID"


@dataclass(frozen=True)
class There:
    """An image that is there beforehand."""

    attributes: Mapping[str, Any] = field(default_factory=dict)
    active: bool = False
    deactivated: bool = False
    user: str = "member"


def queued(**attributes: Any) -> There:
    return There(attributes)


def active(**attributes: Any) -> There:
    return There(attributes, active=True)


@dataclass(frozen=True)
class Row:
    """A task, what is there before it, and the requests by which it writes."""

    sentence: str
    before: There | None
    options: Mapping[str, Any]
    writes: list[str]
    by: str = "name"
    user: str = "member"
    module: str = "pcd_image"


EVERY_ATTRIBUTE = {
    "disk_format": "qcow2",
    "container_format": "bare",
    "min_disk": 5,
    "min_ram": 512,
    "protected": True,
    "hidden": True,
    "visibility": "private",
    "owner": OWN_PROJECT,
    "tags": ["zulu", "alpha"],
    "properties": {"os_distro": "ubuntu", "hw_cpu_cores": 4, "hw_qemu_guest_agent": True},
}
SEVERAL = {"min_disk": 1, "tags": ["a", "b"], "os_distro": "ubuntu", "hw_disk_bus": "virtio"}
GONE = {"state": "absent"}
FORCED = {"state": "absent", "force": True}

CREATION = [
    Row("a new image has nothing but its name", NOT_THERE, {}, CREATES),
    Row("a new image has every attribute", NOT_THERE, EVERY_ATTRIBUTE, CREATES),
    Row("a new image has an id that the user chose", NOT_THERE, {"id": NEW_ID}, CREATES),
    Row("a new image has an id and no name", NOT_THERE, {"id": NEW_ID, "min_ram": 64}, CREATES, by="nothing"),
    Row("a new image is private", NOT_THERE, {"visibility": "private"}, CREATES),
    Row("a new image is shared", NOT_THERE, {"visibility": "shared"}, CREATES),
    Row("a new image is of the community", NOT_THERE, {"visibility": "community"}, CREATES),
    Row("a new image is public", NOT_THERE, {"visibility": "public"}, CREATES, user="admin"),
    Row("a new image belongs to another project", NOT_THERE, {"owner": OTHER_PROJECT}, CREATES, user="admin"),
    Row("a new image has no tags", NOT_THERE, {"tags": []}, CREATES),
    Row("a new image has added tags", NOT_THERE, {"tags_present": ["b", "a"], "tags_absent": ["c"]}, CREATES),
    Row(
        "a property that shall not be there is not created",
        NOT_THERE,
        {"properties": {"os_distro": "ubuntu", "os_type": None}, "purge_properties": True},
        CREATES,
    ),
]

UPDATE = [
    Row("an image is there already", queued(**SEVERAL), {}, NOTHING),
    Row("an image is as it shall be", queued(**SEVERAL), {"min_disk": 1, "tags": ["a", "b"]}, NOTHING),
    Row("an image is found by its id without a name", queued(**SEVERAL), {"min_disk": 1}, NOTHING, by="id"),
    Row("min_disk changes", queued(min_disk=1), {"min_disk": 2}, UPDATES),
    Row("min_disk goes back to 0", queued(min_disk=1), {"min_disk": 0}, UPDATES),
    Row("min_ram changes on an active image", active(min_ram=64), {"min_ram": 128}, UPDATES),
    Row("the protection is put on", queued(), {"protected": True}, UPDATES),
    Row("the protection is taken off", queued(protected=True), {"protected": False}, UPDATES),
    Row("an image is hidden", queued(), {"hidden": True}, UPDATES),
    Row("a hidden image is shown again", queued(os_hidden=True), {"hidden": False}, UPDATES),
    Row("a hidden image stays hidden", queued(os_hidden=True), {"min_ram": 1}, UPDATES),
    Row("a shared image becomes private", queued(), {"visibility": "private"}, UPDATES),
    Row("a private image becomes shared", queued(visibility="private"), {"visibility": "shared"}, UPDATES),
    Row("a private image becomes one of the community", active(), {"visibility": "community"}, UPDATES),
    Row("an image becomes public", There(user="admin"), {"visibility": "public"}, UPDATES, user="admin"),
    Row(
        "a public image becomes private",
        There({"visibility": "public"}, user="admin"),
        {"visibility": "private"},
        UPDATES,
        user="admin",
    ),
    Row(
        "an image goes to another project",
        There(user="admin"),
        {"owner": OTHER_PROJECT},
        UPDATES,
        by="id",
        user="admin",
    ),
    Row("the owner is the owner already", queued(), {"owner": OWN_PROJECT}, NOTHING),
    Row("the formats of a queued image change", queued(**FORMATS), EVERY_ATTRIBUTE, UPDATES),
    Row("the formats of an active image are as they shall be", active(), FORMATS, NOTHING),
    Row("tags come", queued(), {"tags": ["b", "a", "b"]}, UPDATES),
    Row("tags are replaced", active(tags=["a", "b"]), {"tags": ["c", "b"]}, UPDATES),
    Row("tags are in another order", queued(tags=["a", "b", "c"]), {"tags": ["c", "a", "b", "c"]}, NOTHING),
    Row("a tag is added", queued(tags=["a", "b"]), {"tags_present": ["b", "c", "c"]}, UPDATES),
    Row("a tag is removed", active(tags=["a", "b"]), {"tags_absent": ["b", "c"]}, UPDATES),
    Row("one tag comes for another", queued(tags=["a", "b"]), {"tags_present": ["c"], "tags_absent": ["a"]}, UPDATES),
    Row("a tag is there already", queued(tags=["a", "b"]), {"tags_present": ["a"], "tags_absent": ["c"]}, NOTHING),
    Row("no tag is named", queued(tags=["a"]), {"tags_present": [], "tags_absent": []}, NOTHING),
    Row(
        "a tag is added together with a property",
        queued(tags=["a"]),
        {"tags_present": ["b"], "properties": {"os_distro": "debian"}},
        UPDATES,
    ),
    Row("tags go", queued(tags=["a", "b"]), {"tags": []}, UPDATES),
    Row("a property comes", queued(), {"properties": {"os_distro": "ubuntu"}}, UPDATES),
    Row("a property changes", queued(**SEVERAL), {"properties": {"os_distro": "debian"}}, UPDATES),
    Row("a property goes", queued(**SEVERAL), {"properties": {"os_distro": None}}, UPDATES),
    Row("a property is not there, as desired", queued(**SEVERAL), {"properties": {"os_type": None}}, NOTHING),
    Row("a property becomes empty", queued(**SEVERAL), {"properties": {"os_distro": ""}}, UPDATES),
    Row("a property has a slash in its name", queued(), {"properties": {"a/b~c": "1", "a~1b": "2"}}, UPDATES),
    Row(
        "numbers and booleans are their text",
        queued(hw_cpu_cores="4", hw_qemu_guest_agent="true"),
        {"properties": {"hw_cpu_cores": 4, "hw_qemu_guest_agent": True}},
        NOTHING,
    ),
    Row(
        "other properties are purged",
        active(**SEVERAL),
        {"properties": {"os_distro": "ubuntu"}, "purge_properties": True},
        UPDATES,
    ),
    Row("all properties are purged", queued(**SEVERAL), {"properties": {}, "purge_properties": True}, UPDATES),
    Row(
        "there is nothing to purge",
        queued(os_distro="ubuntu"),
        {"properties": {"os_distro": "ubuntu"}, "purge_properties": True},
        NOTHING,
    ),
    Row(
        "several attributes and properties change at once",
        active(**SEVERAL),
        {
            "min_disk": 7,
            "min_ram": 8,
            "hidden": True,
            "protected": True,
            "visibility": "private",
            "tags": ["c"],
            "properties": {"os_distro": "debian", "hw_disk_bus": None, "os_version": "13"},
        },
        UPDATES,
    ),
    Row("an image is renamed", active(), {"name": "renamed"}, UPDATES, by="id"),
]

DELETION = [
    Row("no image has this name", NOT_THERE, GONE, NOTHING),
    Row("no image has this id", NOT_THERE, {**GONE, "id": NEW_ID}, NOTHING, by="nothing"),
    Row("an image is deleted by its name", queued(), GONE, DELETES),
    Row("an image is deleted by its id", queued(), GONE, DELETES, by="id"),
    Row("an image is deleted with its data", active(), GONE, DELETES),
    Row("a hidden image is deleted", queued(os_hidden=True), GONE, DELETES),
    Row("a deactivated image is deleted", There(active=True, deactivated=True), GONE, DELETES),
    Row("a protected image is deleted by force", active(protected=True), FORCED, ["PATCH", "DELETE"]),
    Row("force is not needed", queued(), FORCED, DELETES),
]

DEACTIVATED, ACTIVE = {"state": "deactivated"}, {"state": "active"}
STATE = [
    Row("an image is deactivated", active(), DEACTIVATED, ["POST"], module="pcd_image_state"),
    Row("an image is deactivated by its id", active(), DEACTIVATED, ["POST"], by="id", module="pcd_image_state"),
    Row("a hidden image is deactivated", active(os_hidden=True), DEACTIVATED, ["POST"], module="pcd_image_state"),
    Row(
        "an image is made active again",
        There(active=True, deactivated=True),
        ACTIVE,
        ["POST"],
        module="pcd_image_state",
    ),
    Row("an image is active already", active(), ACTIVE, NOTHING, module="pcd_image_state"),
    Row(
        "an image is deactivated already",
        There(active=True, deactivated=True),
        DEACTIVATED,
        NOTHING,
        by="id",
        module="pcd_image_state",
    ),
]

INFO = [
    Row("an image is listed by its name", active(**SEVERAL), {}, NOTHING, module="pcd_image_info"),
    Row("an image is shown by its id", queued(os_hidden=True), {}, NOTHING, by="id", module="pcd_image_info"),
    Row("the newest image is listed", active(), {"most_recent": True}, NOTHING, module="pcd_image_info"),
    Row("a hidden image is listed", queued(os_hidden=True), {"hidden": "any"}, NOTHING, module="pcd_image_info"),
    Row("no image is listed", NOT_THERE, {}, NOTHING, module="pcd_image_info"),
]

WRITING = [*CREATION, *UPDATE, *DELETION, *STATE]

# What test_catalog.py, test_download.py, test_members.py and test_service_info.py hold to the same promises.
ELSEWHERE = {"pcd_image_catalog", "pcd_image_download", "pcd_image_member", "pcd_image_service_info"}


def rows(table: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", table, ids=[row.sentence for row in table])


@rows(WRITING)
def test_check_mode_predicts_what_is_done_once(row: Row, run: Runner, server: Server, name: str) -> None:
    prepare(row, server, name)
    options = options_of(row, server, name)
    before = server.everything()

    preview = run(row.module, row.user, check=True, **options)
    assert preview.writes == []
    assert server.everything() == before

    done = run(row.module, row.user, **options)
    after = server.everything()
    assert done.writes == row.writes
    assert done.changed is bool(row.writes)
    assert_reached(options, done, after, before)
    for part in ("changed", "action", "replaced_id", "diff", "patch"):
        assert preview.result.get(part) == done.result.get(part), part
    assert_part_of(preview.result["image"], done.result["image"])
    assert_diff_fits(done)

    again = run(row.module, row.user, **options)
    assert again.writes == []
    assert again.changed is False
    assert again.result.get("patch", []) == []
    assert again.result.get("action", "unchanged") == "unchanged"
    assert again.result["diff"]["before"] == again.result["diff"]["after"]
    assert again.result["image"] == done.result["image"]

    predicted_again = run(row.module, row.user, check=True, **options)
    assert predicted_again.writes == []
    assert predicted_again.result == again.result
    assert server.everything() == after


@rows(INFO)
def test_reading_changes_nothing_and_says_the_same_in_check_mode(
    row: Row, run: Runner, server: Server, name: str
) -> None:
    prepare(row, server, name)
    options = options_of(row, server, name)
    before = server.everything()
    read = run(row.module, row.user, **options)
    preview = run(row.module, row.user, check=True, **options)
    assert read.changed is preview.changed is False
    assert read.writes == preview.writes == []
    seen = [{**shape_of(image), "replaces": None, "retired": None} for image in server.named(name)]
    assert seen == read.images == preview.images
    assert server.everything() == before


def test_every_module_has_rows_and_an_integration_target() -> None:
    collection = Path(__file__).parents[3]
    modules = {file.stem for file in (collection / "plugins" / "modules").glob("[!_]*.py")}
    targets = {folder.name for folder in (collection / "tests" / "integration" / "targets").iterdir()}
    assert modules == {row.module for row in [*WRITING, *INFO]} | ELSEWHERE
    assert modules <= targets


def test_a_diff_is_given_only_if_it_is_asked_for(run: Runner, server: Server, name: str) -> None:
    assert "diff" not in run("pcd_image", name=name, diff=False).result
    assert "diff" in run("pcd_image", name=name, min_disk=1, diff=True).result


def prepare(row: Row, server: Server, name: str) -> None:
    there = row.before
    if there is not None:
        image = server.create(name, there.user, there.active, **there.attributes)
        if there.deactivated:
            server.act(image["id"], "deactivate")


def options_of(row: Row, server: Server, name: str) -> dict[str, Any]:
    options = dict(row.options)
    if options.get("name") == "renamed":
        options["name"] = f"{name}-renamed"
    if options.get("id") == NEW_ID:
        options["id"] = server.new_id()
    if "owner" in options:
        options["owner"] = server.project_id({OWN_PROJECT: "member", OTHER_PROJECT: "other"}[options["owner"]])
    if row.by == "name":
        options["name"] = name
    elif row.by == "id":
        options["id"] = server.named(name)[0]["id"]
    return options


def assert_reached(
    options: Mapping[str, Any], done: Outcome, after: Mapping[str, Any], before: Mapping[str, Any]
) -> None:
    """The service has what the options ask for, the result says so, and no other image was touched."""
    if options.get("state") == "absent":
        assert done.result["image"] is None
        assert len(after) == len(before) - done.changed
        assert all(before[image_id] == image for image_id, image in after.items())
        return
    image = done.image
    document = after[image["id"]]
    assert image == shape_of(document)
    assert {key: value for key, value in before.items() if key != image["id"]} == {
        key: value for key, value in after.items() if key != image["id"]
    }
    desired = {"status" if key == "state" else key: value for key, value in options.items() if key not in ACTIONS}
    for key, value in desired.items():
        found = document["os_hidden" if key == "hidden" else key]
        assert set(found) == set(value) if key == "tags" else found == value, key
    tags_before = before[image["id"]]["tags"] if image["id"] in before else []
    if "tags" not in options:
        added, removed = options.get("tags_present", ()), options.get("tags_absent", ())
        assert set(document["tags"]) == {*tags_before, *added} - {*removed}
    for key, value in (options.get("properties") or {}).items():
        assert document.get(key) == (str(value).lower() if isinstance(value, bool | int) else value), key


ACTIONS = ("properties", "purge_properties", "force", "tags_present", "tags_absent")


def assert_part_of(preview: Mapping[str, Any] | None, real: Mapping[str, Any] | None) -> None:
    if preview is None or real is None:
        assert preview is real is None
        return
    known = {key: value for key, value in preview.items() if value is not None}
    assert known == {key: real[key] for key in known}


def assert_diff_fits(done: Outcome) -> None:
    """Before and after differ exactly if the task changed something, and the action says so."""
    assert (done.result["diff"]["before"] != done.result["diff"]["after"]) is done.changed
    assert (done.result["action"] != "unchanged") is done.changed
