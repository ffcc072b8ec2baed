# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotation: the last ones are kept, a new one is prepared and published, an old one is put back."""

from __future__ import annotations

import gzip
import hashlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import new_id
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.rotation import Rotation, entries
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor

NOT_PLANTED = ("self", "file", "schema", "direct_url", "locations", "stores", "created_at", "updated_at")


@pytest.fixture
def rotate(run: Runner, server: Server, name: str, tmp_path: Path) -> Iterator[Rotation]:
    rotation = Rotation(run, server, name, tmp_path)
    yield rotation
    for image_id in rotation.everything():
        server.remember(image_id)


@pytest.mark.parametrize("how", ["hide", "deactivate", "rename"])
def test_the_newest_retired_images_stay(how: str, rotate: Rotation) -> None:
    first, second, third = rotate.builds(1, 2, 3, retired=how)
    before = rotate.everything()
    predicted = rotate(4, retired=how, keep=1, check=True)
    assert rotate.everything() == before
    done = rotate(4, retired=how, keep=1)
    assert (done.changed, predicted.changed) == (True, True)
    word = {"hide": "hidden", "deactivate": "deactivated", "rename": "renamed"}[how]
    assert sorted(entries(done)) == sorted([(third, word), (first, "deleted"), (second, "deleted")])
    assert entries(predicted) == entries(done)
    assert predicted.result["diff"]["after"]["retired"] == done.result["diff"]["after"]["retired"]
    assert {*rotate.everything()} == {third, done.image["id"]}
    assert rotate.current() == [done.image["id"]]
    again = rotate(4, retired=how, keep=1)
    assert (again.changed, again.result["retired"]) == (False, [])
    plain = rotate(4, retired=how)
    assert len(again.requests) - len(plain.requests) <= 2


def test_a_number_that_is_lowered_later_is_made_up_for_without_data(rotate: Rotation) -> None:
    first, second, third = rotate.builds(1, 2, 3)
    done = rotate(min_disk=1, keep=0)
    assert sorted(entries(done)) == sorted([(first, "deleted"), (second, "deleted")])
    assert {*rotate.everything()} == {third}


def test_what_is_protected_in_use_or_not_retired_stays(rotate: Rotation, server: Server) -> None:
    first, second, third = rotate.builds(1, 2, 3)
    server.change(first, protected=True)
    # Shown again by somebody under another name: no retired image any more.
    server.change(second, name=f"{rotate.name} of somebody", os_hidden=False)
    done = rotate(3, keep=0)
    assert (done.changed, entries(done)) == (False, [(first, "kept")])
    assert "protected" in done.result["retired"][0]["reason"]
    assert {*rotate.everything()} == {first, second, third}
    assert entries(rotate(3, keep=0, force=True)) == [(first, "deleted")]


@pytest.mark.parametrize("id_of", ["ours", "another tool"])
def test_an_image_that_only_says_it_is_retired_stays(
    id_of: str, rotate: Rotation, server: Server, planted: list[str]
) -> None:
    """A snapshot that inherited the mark, an image of another project, and one that another tool has made."""
    first, second = rotate.builds(1, 2)
    mark = {"pcd_retired": rotate.name, "pcd_bound_to": first}
    copy = server.create(rotate.name, active=True, **mark)
    server.change(copy["id"], os_hidden=True)
    foreign_id = str(uuid.uuid4())
    foreign = {"id": foreign_id, "name": rotate.name, "owner": server.project_id("other"), "status": "active"}
    marks = {"pcd_retired": rotate.name, "pcd_bound_to": foreign_id, "os_hidden": True, "visibility": "public", **RAW}
    planted.append(foreign_id)
    server.plant([{**foreign, **marks}], {})
    bound = server.create(rotate.name, active=True)
    server.change(bound["id"], os_hidden=True, pcd_retired=rotate.name, pcd_bound_to=bound["id"])
    user = "member" if id_of == "ours" else "admin"
    if user == "admin":
        assert rotate(2, user, keep=0, match="visible").failed
    done = rotate(2, keep=0)
    assert entries(done) == [(first, "deleted")]
    assert {copy["id"], foreign_id, bound["id"], second} <= {*server.everything()}


@pytest.mark.parametrize("how", ["hide", "deactivate", "rename"])
def test_a_retired_image_with_the_same_data_is_put_back(how: str, rotate: Rotation) -> None:
    first, second = rotate.builds(1, 2, retired=how)
    before = rotate.everything()
    predicted = rotate(1, retired=how, check=True)
    assert rotate.everything() == before
    done = rotate(1, retired=how, min_disk=3)
    assert (predicted.image["id"], done.image["id"]) == (first, first)
    assert entries(done)[0][0] == second
    assert rotate.current() == [first]
    assert (done.image["status"], done.image["min_disk"], done.image["os_hidden"]) == ("active", 3, False)
    assert not any(request["method"] == "PUT" for request in done.requests)
    assert {*rotate.everything()} == {first, second}
    assert not rotate(1, retired=how, min_disk=3).changed
    forward = rotate(2, retired=how)
    assert forward.image["id"] == second
    assert rotate.current() == [second]


@pytest.mark.parametrize("options", [{}, {"keep": 2}])
def test_putting_back_costs_five_requests(options: dict[str, Any], rotate: Rotation) -> None:
    rotate.builds(1, 2)
    done = rotate(1, **options)
    assert done.changed
    sent = [f"{request['method']} {request['path']}" for request in done.requests if request["service"] != "keystone"]
    assert len(sent) <= 5, sent


def test_a_deleted_current_image_is_put_back_too(rotate: Rotation) -> None:
    first, second = rotate.builds(1, 2)
    rotate(state="absent")
    assert rotate(1).image["id"] == first
    assert second not in rotate.everything()


def test_a_new_version_is_prepared_and_then_published(rotate: Rotation, server: Server) -> None:
    (first,) = rotate.builds(1)
    before = rotate.everything()
    predicted = rotate(2, on_content_change="prepare", check=True)
    assert rotate.everything() == before
    done = rotate(2, on_content_change="prepare", min_disk=5)
    new = done.result["prepared"]
    assert (predicted.changed, predicted.image["id"], done.changed, done.image["id"]) == (True, first, True, first)
    assert predicted.result["prepared"]["os_hash_value"] == new["os_hash_value"]
    assert (new["status"], new["os_hidden"], new["min_disk"]) == ("active", True, 5)
    assert server.get(first) == before[first]
    assert rotate.current() == [first]
    again = rotate(2, on_content_change="prepare", min_disk=5)
    assert (again.changed, again.result["prepared"]["id"]) == (False, new["id"])
    published = rotate(2, min_disk=5)
    assert (published.image["id"], entries(published)) == (new["id"], [(first, "hidden")])
    assert not any(request["method"] == "PUT" for request in published.requests)
    assert rotate.current() == [new["id"]]
    assert not rotate(2, on_content_change="prepare", min_disk=5).changed


def test_another_version_takes_the_place_of_one_that_was_prepared(rotate: Rotation) -> None:
    (first,) = rotate.builds(1)
    old = rotate(2, on_content_change="prepare").result["prepared"]["id"]
    done = rotate(3, on_content_change="prepare")
    assert entries(done) == [(old, "deleted")]
    assert {*rotate.everything()} == {first, done.result["prepared"]["id"]}


def test_a_retired_image_with_the_data_is_prepared_as_it_is(rotate: Rotation) -> None:
    first, second = rotate.builds(1, 2)
    done = rotate(1, on_content_change="prepare", keep=0)
    assert (done.changed, done.image["id"], done.result["prepared"]["id"]) == (False, second, first)
    assert rotate(1, keep=0).image["id"] == first


@pytest.mark.parametrize(
    "bad", [{"checksum": f"sha256:{'0' * 64}"}, {"path": "/nowhere/x.raw"}, {"disk_format": "qcow2"}], ids=str
)
@pytest.mark.parametrize("how", ["prepare", "replace"])
def test_a_version_that_is_broken_leaves_everything_as_it_is(how: str, bad: dict[str, Any], rotate: Rotation) -> None:
    rotate.builds(1, 2)
    before = rotate.everything()
    assert rotate(3, on_content_change=how, keep=0, **bad).failed
    assert rotate.everything() == before


def test_what_describes_the_old_data_or_an_instance_is_not_inherited(rotate: Rotation, server: Server) -> None:
    about = {"image_type": "snapshot", "instance_uuid": str(uuid.uuid4()), "base_image_ref": str(uuid.uuid4())}
    (first,) = rotate.builds(1)
    server.change(first, **about, img_signature="x", os_distro="debian")
    assert rotate(2).image["properties"] == {"os_distro": "debian"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": -1}, "keep: -1 is not a whole number from 0 to"),
        ({"keep": 1, "id": str(uuid.uuid4())}, "keep: retired images are those of a name"),
        ({"keep": 1, "name": None, "id": str(uuid.uuid4())}, "keep: retired images are those of a name"),
    ],
)
def test_keep_needs_a_number_and_a_name(options: dict[str, Any], words: str, run: Runner, name: str) -> None:
    refused = run("pcd_image", **{"name": name, "min_disk": 1, **options})
    assert words in refused.msg
    assert refused.requests == []


def test_keep_is_about_the_own_project(rotate: Rotation, server: Server) -> None:
    there = server.create(rotate.name, user="other", visibility="private")
    ways: list[dict[str, Any]] = [{"match": "visible"}, {"owner": server.project_id("other")}]
    for options in ways:
        refused = rotate(None, "admin", min_disk=1, keep=0, **options)
        assert refused.msg.startswith("keep: ")
    assert server.get(there["id"]) == there


# What must not be deleted, shown or read


def published(vendor: Vendor, folder: Path, number: int, packed: bool = False) -> dict[str, Any]:
    """The options for a build at an address, of which a SHA-256 checksum is stated. Each is as long as the others."""
    content = b"build %d " % number * 1000
    sent = gzip.compress(content, mtime=0) if packed else content
    checksum = f"sha256:{hashlib.sha256(sent).hexdigest()}"
    return {"url": vendor.file(f"build.raw{'.gz' * packed}", sent), "checksum": checksum, "method": "upload", **RAW}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_a_remembered_checksum_is_enough_to_put_an_image_back(
    packed: bool, rotate: Rotation, vendor: Vendor, tmp_path: Path
) -> None:
    def to(number: int, **more: Any) -> Outcome:
        options = published(vendor, tmp_path, number, packed)
        return rotate(None, on_content_change="replace", decompress=packed, **options, **more)

    first, second = to(1).image["id"], to(2).image["id"]
    asked = len(vendor.asked)
    back = to(1, keep=1)
    assert (back.image["id"], rotate.current(), entries(back)) == (first, [first], [(second, "hidden")])
    assert to(2).image["id"] == second
    assert vendor.asked[asked:] == []
    assert packed or len(back.glance) <= 5, back.glance


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_what_was_prepared_is_published_without_reading_its_source(
    packed: bool, rotate: Rotation, vendor: Vendor, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"decompress": packed}
    rotate(None, on_content_change="replace", **published(vendor, tmp_path, 1, packed), **more)
    new = published(vendor, tmp_path, 2, packed)
    prepared = rotate(None, on_content_change="prepare", **new, **more).result["prepared"]["id"]
    asked = len(vendor.asked)
    again = rotate(None, on_content_change="prepare", **new, **more)
    assert (again.changed, again.result["prepared"]["id"]) == (False, prepared)
    assert rotate(None, on_content_change="replace", **new, **more).image["id"] == prepared
    assert vendor.asked[asked:] == []


def test_a_retired_image_that_somebody_has_renamed_stays(rotate: Rotation, server: Server) -> None:
    first, second, dummy = rotate.builds(1, 2, 3, retired="rename")
    server.change(first, name=f"{rotate.name}-lts")
    assert entries(rotate(3, retired="rename", keep=0)) == [(second, "deleted")]
    assert rotate(1, retired="rename").image["id"] != first
    assert server.get(first)["name"] == f"{rotate.name}-lts"


@pytest.mark.parametrize("how", ["hide", "rename"])
@pytest.mark.parametrize("end", [", 100%25 eq:x", "in:a,b", "Über & #?+/~1", "\N{SNOWMAN}"])
def test_any_name_can_be_rotated(end: str, how: str, run: Runner, server: Server, name: str, tmp_path: Path) -> None:
    rotate = Rotation(run, server, f"{name} {end}", tmp_path)
    try:
        dummy, second, third = rotate.builds(1, 2, 3, retired=how)
        done = rotate(2, retired=how, keep=1)
        assert (done.image["id"], done.changed) == (second, True)
        assert {*rotate.everything()} == {second, third}
    finally:
        for image_id in rotate.everything():
            server.remember(image_id)


def test_names_that_differ_in_case_are_rotated_each_for_itself(rotate: Rotation, run: Runner, server: Server) -> None:
    first, second = rotate.builds(1, 2)
    upper = Rotation(run, server, rotate.name.upper(), rotate.folder)
    others = upper.builds(1, 2)
    for image_id in others:
        server.remember(image_id)
    assert {first, second}.isdisjoint(others)
    assert entries(rotate(2, keep=0)) == [(first, "deleted")]
    assert {*upper.everything()} == {*others}


def test_images_of_another_project_are_not_made_of_retired_ones(rotate: Rotation, server: Server) -> None:
    """An administrator makes and replaces images of another project; what was retired in the own one stays so."""
    first, second = rotate.builds(1, 2, user="admin")
    other = server.project_id("other")
    refused = rotate(3, "admin", owner=other, keep=0)
    assert refused.msg.startswith("keep: ")
    for build in (1, 2, 1):
        made = rotate(build, "admin", owner=other).image
        assert (made["owner"], made["id"] in (first, second)) == (other, False)
    assert server.get(first)["owner"] == server.project_id("admin")
    assert server.get(first)["os_hidden"]


def test_an_image_that_is_put_back_can_be_seen_by_whoever_saw_the_other(rotate: Rotation, server: Server) -> None:
    dummy, second = rotate.builds(1, 2)
    server.change(second, visibility="community")
    assert rotate(1).image["visibility"] == "community"
    assert rotate(2, visibility="private").image["visibility"] == "private"


def test_a_prepared_image_that_somebody_has_protected_stays(rotate: Rotation, server: Server) -> None:
    rotate.builds(1)
    old = rotate(2, on_content_change="prepare").result["prepared"]["id"]
    server.change(old, protected=True)
    before = rotate.everything()
    refused = rotate(3, on_content_change="prepare", keep=0)
    assert "somebody has protected it" in refused.msg
    assert rotate.everything() == before
    assert entries(rotate(3, on_content_change="prepare", force=True)) == [(old, "deleted")]


def test_a_rotation_with_deletion_keeps_what_was_hidden_before(rotate: Rotation) -> None:
    first, second = rotate.builds(1, 2)
    done = rotate(3, retired="delete", keep=1)
    assert entries(done) == [(second, "deleted")]
    assert {*rotate.everything()} == {first, done.image["id"]}


def test_more_retired_images_than_a_page_are_deleted(rotate: Rotation, run: Runner, server: Server) -> None:
    """The sandbox gives pages of 25 if nobody asks for more; 30 are retired."""
    (first,) = rotate.builds(1)
    document = {**server.get(first), "os_hidden": True, "pcd_retired": rotate.name}
    planted = []
    for dummy in range(30):
        image_id = new_id()
        planted.append({**document, "id": image_id, "pcd_bound_to": image_id})
    server.plant([{key: value for key, value in each.items() if key not in NOT_PLANTED} for each in planted], {})
    try:
        predicted = rotate(1, keep=3, check=True)
        assert [action for dummy, action in entries(predicted)] == ["deleted"] * 27
    finally:
        server.uproot([each["id"] for each in planted])


@pytest.mark.parametrize("declared", [{}, {"visibility": "public"}], ids=["as the current one", "declared"])
def test_what_was_not_public_is_not_put_back_in_public(
    declared: dict[str, Any], rotate: Rotation, server: Server, planted: list[str]
) -> None:
    """Any member of the project can make a private image that says it was retired, with the data of the next build."""
    current = rotate(1, "admin", visibility="public").image["id"]
    image_id = new_id()
    planted.append(image_id)
    own = server.project_id("admin")
    content = Path(rotate.build(2)).read_bytes()
    hashes = {"checksum": hashlib.md5(content).hexdigest(), "os_hash_value": hashlib.sha512(content).hexdigest()}
    marks = {"pcd_retired": rotate.name, "pcd_bound_to": image_id, "kernel_id": str(uuid.uuid4())}
    record = {"id": image_id, "name": rotate.name, "owner": own, "visibility": "private", "os_hidden": True}
    server.plant([{**record, **RAW, **marks, **hashes, "os_hash_algo": "sha512", "status": "active", "size": 8000}], {})
    before = server.get(image_id)
    prepared = rotate(2, "admin", on_content_change="prepare", **declared).result["prepared"]
    done = rotate(2, "admin", **declared)
    assert done.image["id"] == prepared["id"] != image_id
    assert (done.image["visibility"], done.image["properties"]) == ("public", {})
    assert entries(done) == [(current, "hidden")]
    assert server.get(image_id) == before
