# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What other tenants and members of a project can write onto images decides nothing about anybody else's.

Images are planted in every form that somebody could give them, and a witness says what became of each.
"""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import new_id
from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, RAW, Image, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

NEW = b"the next build of the image" * 100
MARKS = ("pcd_replaces", "pcd_retired")
EVERY_MARK = (*MARKS, "pcd_retired_as", "pcd_shown", "pcd_catalog", "pcd_source", "pcd_source_unpacked")
STATUSES = ("queued", "active, same data", "active, other data", "deactivated")
VISIBILITIES = ("private", "shared", "shared and accepted", "community", "public")
VALUES = ("own id", "old id", "unknown id", "garbage", "copied binding", "no binding", "foreign id")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.raw"
    path.write_bytes(NEW)
    return path


def data_of(status: str) -> Image:
    """The attributes of an image with this status, one of STATUSES."""
    word, *which = status.split(", ")
    if word == "queued":
        return {"status": word, **RAW}
    content = NEW if which == ["same data"] or word == "deactivated" else b"something else"
    return {
        "status": word,
        "size": len(content),
        "checksum": hashlib.md5(content).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(content).hexdigest(),
        **RAW,
    }


def mark_on(image_id: str, mark: str, value: str, old: str, name: str) -> Image:
    """The properties that make a mark, by one of VALUES."""
    target = {"own id": image_id, "unknown id": str(uuid.uuid4()), "garbage": "everything"}.get(value)
    if mark == "pcd_retired" and value not in ("own id", "unknown id", "garbage"):
        target = name
    bindings: dict[str, Image] = {"copied binding": {"pcd_bound_to": old}, "no binding": {}}
    return {mark: target or old, **bindings.get(value, {"pcd_bound_to": image_id})}


class Planted(NamedTuple):
    """One image, and which mark and value it was made from."""

    document: Image
    mark: str
    value: str
    visibility: str

    @property
    def is_genuine(self) -> bool:
        """Whether it is what a run could have made to replace the official image."""
        return (self.mark, self.value) == ("pcd_replaces", "old id")

    @property
    def is_former(self) -> bool:
        """Whether it is what a run could have retired from the official image, with the data that is declared."""
        is_ours = (self.mark, self.value, self.visibility) == ("pcd_retired", "old id", "public")
        return is_ours and self.document.get("os_hash_value") == hashlib.sha512(NEW).hexdigest()

    @property
    def is_retired(self) -> bool:
        return self.mark == "pcd_retired" and self.value in ("old id", "foreign id")


def crop(name: str, owner: str, old: str, hidden: bool, marks: Sequence[str] = MARKS) -> Iterator[Planted]:
    """An image for each mark, visibility, status and value."""
    for mark, visibility, status, value in itertools.product(marks, VISIBILITIES, STATUSES, VALUES):
        image_id = str(uuid.uuid4()) if value == "foreign id" else new_id()
        data = data_of(status)
        properties = mark_on(image_id, mark, value, old, name)
        if mark == "pcd_source" and value == "old id" and "os_hash_value" in data:
            # As if these bytes were made of what is declared.
            properties[mark] = f"sha512:{hashlib.sha512(NEW).hexdigest()}=sha512:{data['os_hash_value']} from qcow2"
        document = {
            "id": image_id,
            "name": name,
            "owner": owner,
            "visibility": visibility.split()[0],
            "os_hidden": hidden,
            "kernel_id": str(uuid.uuid4()),
            **data,
            **properties,
        }
        yield Planted(document, mark, value, visibility)


class Field:
    """One official image, what is planted around it, and what the witness saw before."""

    def __init__(self, server: Server, name: str, user: str, visibility: str) -> None:
        self.server, self.name = server, name
        self.old = server.create(name, user=user, active=True, visibility=visibility)
        self.before: dict[str, Image] = {}

    def plant(self, images: Sequence[Planted], member: str) -> None:
        """`member` is the user whose project has accepted those that are shared so."""
        accepted = [image.document["id"] for image in images if image.visibility.endswith("accepted")]
        documents = [image.document for image in images]
        self.server.plant(documents, dict.fromkeys(accepted, self.server.project_id(member)))
        self.before = self.server.everything()

    def same(self, *but: str) -> None:
        """Everything is as it was, except these."""
        after = self.server.everything()
        for image_id, image in self.before.items():
            if image_id not in but:
                assert after.get(image_id) == image, f"it was changed: {image}"

    @property
    def news(self) -> list[str]:
        return [image_id for image_id in self.server.everything() if image_id not in self.before]


@pytest.mark.parametrize("hidden", [True, False], ids=["hidden", "shown"])
def test_no_image_of_another_project_is_touched_or_decides_anything(
    hidden: bool, run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    """Every mark, visibility, status and value at once, around an administrator's public image."""
    field = Field(server, name, "admin", "public")
    images = [*crop(name, server.project_id("other"), field.old["id"], hidden, EVERY_MARK)]
    planted += [image.document["id"] for image in images]
    field.plant(images, "admin")
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace"}
    preview = run("pcd_image", "admin", **task, check=True)
    done = run("pcd_image", "admin", **task)
    assert done.result["retired"] == preview.result["retired"]
    assert done.result["retired"] == [{"id": field.old["id"], "name": name, "action": "hidden", "reason": None}]
    assert field.news == [done.image["id"]]
    assert (done.image["owner"], done.image["visibility"]) == (server.project_id("admin"), "public")
    assert done.image["properties"] == {}
    assert server.get(field.old["id"])["os_hidden"]
    field.same(field.old["id"])

    assert not run("pcd_image", "admin", **task).changed
    visible(run, field, file.parent / "downloaded", shown=not hidden)
    assert run("pcd_image", "admin", name=name, state="absent").writes == ["DELETE"]
    assert not run("pcd_image", "admin", name=name, state="absent").changed
    field.same(field.old["id"])
    assert server.is_there(field.old["id"])


def visible(run: Runner, field: Field, dest: Path, shown: bool) -> None:
    """With match: visible, an image of another project makes a name ambiguous and never decides which is meant."""
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("pcd_image_download", {"dest": str(dest)}),
        ("pcd_image_state", {"state": "active"}),
        ("pcd_image", {"min_disk": 0}),
        ("pcd_image", {"stores": ["fast"]}),
    ]
    for module, options in tasks:
        outcome = run(module, "admin", name=field.name, match="visible", **options)
        if shown:
            assert "images are named" in outcome.msg, (module, options)
        else:
            assert not outcome.failed, outcome.msg
        assert outcome.writes == [], (module, options)


def test_no_void_mark_on_a_hidden_image_of_the_own_project_decides_anything(
    run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    field = Field(server, name, "admin", "public")
    every = crop(name, server.project_id("admin"), field.old["id"], True)
    images = [image for image in every if not image.is_genuine and not image.is_former]
    planted += [image.document["id"] for image in images]
    field.plant(images, "other")
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace"}
    done = run("pcd_image", "admin", **task)
    assert [told["id"] for told in done.result["retired"]] == [field.old["id"]]
    assert field.news == [done.image["id"]]
    field.same(field.old["id"])
    assert not run("pcd_image", "admin", **task).changed
    assert run("pcd_image", "admin", name=name, state="absent").writes == ["DELETE"]
    # They are hidden images of that name, so that it means them now; those that are retired are not among them.
    refused = run("pcd_image", "admin", name=name, state="absent")
    meant = [image.document["id"] for image in images if not image.is_retired]
    assert sorted(image["id"] for image in refused.result["images"]) == sorted(meant)
    field.same(field.old["id"])


def test_no_void_mark_on_a_shown_image_of_the_own_project_decides_anything(
    run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    """An image that is not public says nothing about a public one, even with a mark that is bound to it."""
    field = Field(server, name, "admin", "public")
    every = crop(name, server.project_id("admin"), field.old["id"], False)
    images = [image for image in every if not image.is_genuine or image.visibility != "public"]
    planted += [image.document["id"] for image in images]
    field.plant(images, "other")
    tasks: list[dict[str, Any]] = [
        {"path": str(file), "on_content_change": "replace"},
        {"state": "absent"},
        {"stores": ["fast"]},
    ]
    for options in tasks:
        refused = run("pcd_image", "admin", name=name, **options)
        assert sorted(image["id"] for image in refused.result["images"]) == sorted([*planted, field.old["id"]])
        assert refused.writes == []
    field.same()


CONTINUED = {("shared", "queued"), ("shared", "active, same data")}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("visibility", VISIBILITIES)
def test_a_bound_mark_of_the_own_project_is_continued_or_its_image_is_deleted(
    visibility: str, status: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    """Only what a new replacement would be, too, is continued; and nothing that was added to it stays."""
    field = Field(server, name, "member", "shared")
    (image,) = [
        image
        for image in crop(name, server.project_id(), field.old["id"], True)
        if image.is_genuine and image.visibility == visibility and image.document.items() >= data_of(status).items()
    ]
    image.document.update(pcd_catalog="planted", min_ram=7)
    image_id = image.document["id"]
    server.remember(image_id)
    field.plant([image], "other")
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace"}
    preview = run("pcd_image", **task, check=True)
    field.same()
    done = run("pcd_image", **task)
    assert preview.result["retired"] == done.result["retired"]
    assert preview.result["diff"] == done.result["diff"]
    is_continued = (visibility, status) in CONTINUED
    assert (done.image["id"] == image_id, server.is_there(image_id)) == (is_continued, is_continued)
    new = server.get(done.image["id"])
    assert (new["visibility"], new["min_ram"], new["os_hidden"]) == ("shared", 0, False)
    assert not [key for key in new if key.startswith(("kernel", "pcd_"))]
    assert server.ask("GET", f"/images/{new['id']}/members", "member")["members"] == []
    told = {each["id"]: each["action"] for each in done.result["retired"]}
    assert told == {field.old["id"]: "hidden", **({} if is_continued else {image_id: "deleted"})}
    field.same(field.old["id"], image_id)
    assert not run("pcd_image", **task).changed


def test_a_public_image_is_never_continued_by_one_that_is_not(
    run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    """A member of an administrator's project can set any mark, but cannot make an image public."""
    field = Field(server, name, "admin", "public")
    every = crop(name, server.project_id("admin"), field.old["id"], True)
    images = [image for image in every if image.is_genuine and image.visibility != "public"]
    planted += [image.document["id"] for image in images]
    field.plant(images, "other")
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace"}
    done = run("pcd_image", "admin", **task)
    assert field.news == [done.image["id"]]
    field.same(field.old["id"])
    assert not run("pcd_image", "admin", **task).changed


# --- one after the other, through the service's own interface -------------------------------------------------------


def bound_mark(image_id: str, **properties: str) -> dict[str, Any]:
    return {**properties, "pcd_bound_to": image_id}


@pytest.mark.parametrize("status", ["queued", "active"])
def test_an_image_that_a_tenant_has_planted_is_neither_filled_nor_published_nor_in_the_way(
    status: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    old = server.create(name, user="admin", active=True, visibility="public")
    planted_id = new_id()
    mark = bound_mark(planted_id, pcd_replaces=old["id"])
    # Somebody who knows this source chooses an id that this collection could have made.
    planted = server.create(
        name, user="other", id=planted_id, os_hidden=True, visibility="private", kernel_id=old["id"], **mark, **RAW
    )
    if status == "active":
        server.upload(planted_id, b"other data", user="other")
        planted = server.get(planted_id)
    done = run("pcd_image", "admin", name=name, path=str(file), on_content_change="replace")
    assert done.image["id"] not in (planted_id, old["id"])
    assert (done.image["owner"], done.image["visibility"]) == (server.project_id("admin"), "public")
    assert "kernel_id" not in done.image["properties"]
    assert server.get(planted_id) == planted


def test_a_share_that_is_renamed_does_not_take_the_place_of_ones_own(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    own = server.create(name, active=True)
    planted_id = new_id()
    server.create(f"{name}-harmless", user="other", active=True, id=planted_id)
    server.share(planted_id, "other", "member")
    server.change(planted_id, user="other", name=name, **bound_mark(planted_id, pcd_replaces=own["id"]))
    before = server.everything()
    tasks: dict[str, dict[str, Any]] = {
        "pcd_image_download": {"dest": str(tmp_path / "x")},
        "pcd_image_state": {"state": "deactivated"},
        "pcd_image": {"min_ram": 1},
    }
    for module, options in tasks.items():
        refused = run(module, name=name, match="visible", **options)
        assert "2 images are named" in refused.msg, module
        assert refused.writes == []
    assert server.everything() == before
    assert not (tmp_path / "x").exists()
    assert run("pcd_image_download", name=name, match="own", dest=str(tmp_path / "x")).changed
    assert (tmp_path / "x").read_bytes() == BYTES


@pytest.mark.parametrize("retired", ["hide", "delete"])
@pytest.mark.parametrize("how", ["path", "stores"])
def test_an_unchanged_run_of_an_administrator_follows_no_mark_to_another_image(
    how: str, retired: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    """Not to one of another project, of another name, nor to a public one."""
    victims = [
        server.create(name, user="other", active=True, visibility="private"),
        server.create(f"{name}-other", active=True),
        server.create(f"{name}-public", user="admin", active=True, visibility="public"),
    ]
    marked_id = new_id()
    server.create(name, id=marked_id, **RAW)
    server.upload(marked_id, NEW)
    options: dict[str, Any] = {"path": str(file)} if how == "path" else {"stores": ["fast"]}
    for victim in victims:
        server.change(marked_id, **bound_mark(marked_id, pcd_replaces=victim["id"]))
        targets: list[dict[str, Any]] = [{"id": marked_id}, {"name": name, "owner": server.project_id()}]
        for target in targets:
            outcome = run("pcd_image", "admin", **target, **options, retired=retired, force=True)
            assert not outcome.failed, outcome.msg
            assert outcome.result["retired"] == []
        assert server.get(victim["id"]) == victim


def test_an_id_means_this_image_and_leads_to_no_other(run: Runner, server: Server, name: str, file: Path) -> None:
    """Even if all else would fit: the task has not said the name."""
    old = server.create(name, active=True)
    marked_id = new_id()
    server.create(name, id=marked_id, **RAW, **bound_mark(marked_id, pcd_replaces=old["id"]))
    server.upload(marked_id, NEW)
    assert not run("pcd_image", id=marked_id, path=str(file)).changed
    assert server.get(old["id"]) == old


def test_an_image_that_says_to_replace_itself_is_found(run: Runner, server: Server, name: str) -> None:
    image_id = new_id()
    server.create(name, id=image_id, **bound_mark(image_id, pcd_replaces=image_id))
    found = run("pcd_image", name=name, min_disk=1)
    assert (found.image["id"], found.writes) == (image_id, ["PATCH"])
    assert not run("pcd_image", name=name, min_disk=1).changed
    assert len(server.named(name)) == 1


def test_images_that_say_to_replace_each_other_are_two(run: Runner, server: Server, name: str, file: Path) -> None:
    one, two = new_id(), new_id()
    server.create(name, id=one, active=True, **bound_mark(one, pcd_replaces=two))
    server.create(name, id=two, active=True, **bound_mark(two, pcd_replaces=one))
    before = server.everything()
    # Runs of the same moment could have made them, so that this takes its ten seconds.
    assert "2 images are named" in run("pcd_image", name=name, path=str(file), on_content_change="replace").msg
    assert server.everything() == before


def test_a_snapshot_with_the_mark_of_its_image_is_found_by_its_name(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    file.write_bytes(NEW * 2)
    replaced = run("pcd_image", name=name, path=str(file), on_content_change="replace")
    (retired,) = replaced.result["retired"]
    server.remember(retired["id"])
    old = server.get(retired["id"])
    # As Nova makes it (nova/compute/utils.py, initialize_instance_snapshot_metadata).
    copied = {key: value for key, value in old.items() if key.startswith("pcd_")}
    assert copied
    snapshot = server.create(f"{name}-snapshot", os_hidden=True, base_image_ref=old["id"], **copied)
    found = run("pcd_image", name=f"{name}-snapshot", min_disk=1)
    assert (found.image["id"], found.writes) == (snapshot["id"], ["PATCH"])
    assert len(server.named(f"{name}-snapshot")) == 1


@pytest.mark.parametrize("ours", [True, False], ids=["made here", "adopted"])
def test_an_image_that_was_hidden_before_its_replacement_survives_a_second_absent(
    ours: bool, run: Runner, server: Server, name: str, file: Path
) -> None:
    old_id = new_id() if ours else server.new_id()
    server.create(name, id=old_id, active=True, os_hidden=True)
    done = run("pcd_image", name=name, path=str(file), hidden=False, on_content_change="replace")
    assert done.result["retired"] == [{"id": old_id, "name": name, "action": "hidden", "reason": None}]
    assert run("pcd_image", name=name, state="absent").writes == ["DELETE"]
    assert not run("pcd_image", name=name, state="absent").changed
    assert server.get(old_id)["status"] == "active"


@pytest.mark.parametrize(
    ("retired", "action"),
    [("hide", "hidden"), ("deactivate", "deactivated"), ("rename", "renamed"), ("delete", "deleted")],
)
def test_what_a_run_retires_is_named_in_its_result_and_diff(
    retired: str, action: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    old = server.create(name, active=True)
    options: dict[str, Any] = {"retired": retired, **({"retired_suffix": "-old"} if retired == "rename" else {})}
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace", **options}
    preview, done = run("pcd_image", **task, check=True), run("pcd_image", **task)
    named = f"{name}-old" if retired == "rename" else name
    for outcome in (preview, done):
        assert outcome.result["retired"] == [{"id": old["id"], "name": named, "action": action, "reason": None}]
        assert (outcome.result["action"], outcome.result["replaced_id"]) == ("replaced", old["id"])
        diff = outcome.result["diff"]
        assert diff["after"]["retired"] == [f"{named} ({old['id']}): {action}"]
        assert diff["before"].keys() < diff["after"].keys()
        assert {diff["after"][key] for key in ("id", "created_at", "virtual_size")} == {"(known after apply)"}
        assert (diff["before_header"], diff["after_header"]) == (f"{name} ({old['id']})", f"{name} (new image)")
        assert "retired" not in outcome.result["diff"]["before"]
    again = run("pcd_image", **task)
    assert (again.changed, again.result["retired"], "retired" in again.result["diff"]["after"]) == (False, [], False)
    assert (again.result["action"], again.result["replaced_id"]) == ("unchanged", None)


def interrupted(server: Server, old: Image, user: str, state: str, **attributes: Any) -> str:
    """The id of a replacement that a run has left: queued, active or shown."""
    left, is_shown = new_id(), state == "shown"
    mark = bound_mark(left, pcd_replaces=old["id"], **({"pcd_shown": "true"} if is_shown else {}))
    server.create(old["name"], user=user, id=left, os_hidden=not is_shown, **mark, **RAW, **attributes)
    if state != "queued":
        server.upload(left, NEW, user=user)
    return left


@pytest.mark.parametrize("state", ["queued", "active", "shown"])
@pytest.mark.parametrize("visibility", ["private", "community"])
def test_a_replacement_of_a_public_image_that_is_declared_not_public_is_continued(
    visibility: str, state: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    old = server.create(name, user="admin", active=True, visibility="public")
    left = interrupted(server, old, "admin", state, visibility=visibility)
    task: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace", "visibility": visibility}
    done = run("pcd_image", "admin", **task)
    assert (done.image["id"], done.image["visibility"]) == (left, visibility)
    assert done.result["retired"] == [{"id": old["id"], "name": name, "action": "hidden", "reason": None}]
    assert server.get(old["id"])["visibility"] == "public"
    assert not run("pcd_image", "admin", **task).changed


@pytest.mark.parametrize("retired", ["hide", "rename", "delete"])
def test_absent_ends_a_replacement_that_was_interrupted_before_the_old_image_was_retired(
    retired: str, run: Runner, server: Server, name: str
) -> None:
    """A second run would delete the old image otherwise, which is to be kept for the instances that came from it."""
    old = server.create(name, active=True)
    left = interrupted(server, old, "member", "shown")
    task: dict[str, Any] = {"name": name, "state": "absent", "retired": retired}
    preview, done = run("pcd_image", **task, check=True), run("pcd_image", **task)
    assert preview.result["retired"] == done.result["retired"]
    assert [told["id"] for told in done.result["retired"]] == [old["id"]]
    assert not server.is_there(left)
    assert not run("pcd_image", **task).changed
    assert server.is_there(old["id"]) == (retired != "delete")


def test_a_replacement_that_was_shown_once_is_not_deleted(run: Runner, server: Server, name: str, file: Path) -> None:
    """Somebody may have made an instance from it, though it is hidden again."""
    old = server.create(name, active=True)
    left = new_id()
    mark = bound_mark(left, pcd_replaces=old["id"], pcd_shown="true")
    server.create(name, id=left, os_hidden=True, **mark, **RAW)
    server.upload(left, b"an earlier build")
    done = run("pcd_image", name=name, path=str(file), on_content_change="replace")
    assert done.image["id"] not in (old["id"], left)
    assert server.is_there(left)


@pytest.mark.parametrize("key", [*MARKS, "pcd_bound_to", "pcd_shown", "pcd_source", "pcd_catalog"])
def test_names_of_this_collection_cannot_be_set_are_not_shown_and_stay(
    key: str, run: Runner, server: Server, name: str
) -> None:
    refused = run("pcd_image", name=name, properties={key: "x"})
    assert f"properties.{key}" in refused.msg
    assert refused.requests == []
    properties: dict[str, Any] = {key: "x", "other": "y"}
    there = server.create(name, **properties)
    purged = run("pcd_image", name=name, properties={}, purge_properties=True)
    assert (purged.image["id"], purged.image["properties"]) == (there["id"], {})
    assert server.get(there["id"])[key] == "x"


# --- whose image a name means ---------------------------------------------------------------------------------------


def unknown_project(server: Server, sandbox: Mapping[str, Any], user: str) -> dict[str, Any]:
    return {
        "token": server.token(user),
        "image_endpoint_override": sandbox["library_url"],
        "ca_cert": sandbox["ca_file"],
    }


BY_NAME: list[tuple[str, dict[str, Any]]] = [
    ("pcd_image", {"state": "absent", "force": True}),
    ("pcd_image", {"min_disk": 1}),
    ("pcd_image", {"stores": ["fast"]}),
    ("pcd_image_state", {"state": "deactivated"}),
    ("pcd_image_download", {"dest": "."}),
    ("pcd_image_member", {"projects": ["0" * 32]}),
]


@pytest.mark.parametrize(("module", "options"), BY_NAME)
@pytest.mark.parametrize("there", [True, False])
def test_a_name_is_refused_if_the_project_is_not_known(
    there: bool, module: str, options: dict[str, Any], run: Runner, server: Server, sandbox: dict[str, Any], name: str
) -> None:
    if there:
        server.create(name, user="other", active=True, visibility="private")
    before = server.named(name)
    direct = unknown_project(server, sandbox, "admin")
    for check in (True, False):
        refused = run(module, None, name=name, match="own", **options, **direct, check=check)
        for word in ("project_id", "the id", "match: visible"):
            assert word in refused.msg
        assert refused.requests == []
    assert server.named(name) == before


@pytest.mark.parametrize("entry", [{"min_disk": 1}, {"state": "absent", "force": True}])
def test_a_catalogue_of_names_is_refused_if_the_project_is_not_known(
    entry: dict[str, Any], run: Runner, server: Server, sandbox: dict[str, Any], name: str
) -> None:
    server.create(name, user="other", active=True, visibility="private")
    before = server.named(name)
    direct = unknown_project(server, sandbox, "admin")
    for check in (True, False):
        refused = run("pcd_image_catalog", None, images=[{"name": name, **entry}], **direct, check=check)
        assert refused.failed
        assert "project_id" in refused.msg
        assert refused.writes == []
    assert server.named(name) == before


def test_an_id_an_owner_or_match_visible_needs_no_project(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str
) -> None:
    image = server.create(name, user="other", visibility="private")
    direct = unknown_project(server, sandbox, "admin")
    for number, meant in enumerate(
        (
            {"id": image["id"]},
            {"name": name, "match": "visible"},
            {"name": name, "owner": server.project_id("other")},
            {"name": name, "project_id": server.project_id("other")},
        ),
        1,
    ):
        assert run("pcd_image", None, **meant, min_ram=number, **direct).image["id"] == image["id"]


@pytest.mark.parametrize("match", ["own", "visible"])
def test_a_loop_over_one_name_and_three_owners_ends_with_three_images(
    match: str, run: Runner, server: Server, name: str
) -> None:
    first = server.create(name, user="admin")
    owners = [server.project_id(user) for user in ("admin", "member", "other")]

    def loop() -> list[Outcome]:
        return [run("pcd_image", "admin", name=name, match=match, owner=owner, min_ram=1) for owner in owners]

    done = loop()
    assert [outcome.image["owner"] for outcome in done] == owners
    assert done[0].image["id"] == first["id"]
    assert len({outcome.image["id"] for outcome in done}) == 3
    again = loop()
    assert [outcome.changed for outcome in again] == [False] * 3
    assert [outcome.image["id"] for outcome in again] == [outcome.image["id"] for outcome in done]
    assert len(server.named(name)) == 3


@pytest.mark.parametrize("meant", ["id", "match: visible"])
def test_no_data_goes_into_a_record_that_another_project_has_prepared(
    meant: str, run: Runner, server: Server, name: str, file: Path
) -> None:
    """Everybody can choose the id and the name of a record, and give it properties that an instance boots with."""
    image_id = str(uuid.uuid4())
    record = server.create(name, user="other", id=image_id, visibility="private", kernel_id=str(uuid.uuid4()), **RAW)
    identity = {"id": image_id} if meant == "id" else {"name": name, "match": "visible"}
    task = {**identity, "path": str(file), "visibility": "public", **RAW}
    for check in (True, False):
        refused = run("pcd_image", "admin", **task, check=check)
        assert refused.failed
        for words in (image_id, f"project {server.project_id('other')}", "owner:", "id"):
            assert words in refused.msg
        assert server.get(image_id) == record
    filled = run("pcd_image", "admin", **{**task, "owner": server.project_id("other"), "visibility": "private"})
    assert filled.image["status"] == "active"


def test_a_record_of_another_project_that_takes_no_data_any_more_is_not_made_again(
    run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    """A record like it would have the owner and the properties of that project, and would be public."""
    image_id, other = new_id(), server.project_id("other")
    about = {"id": image_id, "name": name, "owner": other, "visibility": "private", "status": "queued", **RAW}
    planted.append(image_id)
    server.plant([{**about, "checksum": "a" * 32, "kernel_id": str(uuid.uuid4())}])
    before = server.everything()
    for check in (True, False):
        task = {"name": name, "match": "visible", "path": str(file), "visibility": "public", **RAW}
        refused = run("pcd_image", "admin", **task, check=check)
        assert f"belongs to project {other}" in refused.msg
        assert server.everything() == before


@pytest.mark.parametrize("converted", ["", " from qcow2"])
def test_what_a_member_writes_about_the_source_publishes_no_data(
    converted: str, run: Runner, server: Server, name: str, file: Path, planted: list[str]
) -> None:
    evil, image_id = b"evil" * 1000, str(uuid.uuid4())
    hashed, stated = hashlib.sha512(evil).hexdigest(), hashlib.sha256(NEW).hexdigest()
    sent = f"sha512:{hashlib.sha512(NEW).hexdigest()}" if converted else f"sha256:{stated}"
    about = {"id": image_id, "name": name, "owner": server.project_id("admin"), "visibility": "private", **RAW}
    data = {"size": len(evil), "checksum": hashlib.md5(evil).hexdigest(), "os_hash_algo": "sha512"}
    mark = {"pcd_source": f"{sent}=sha512:{hashed}{converted}"}
    planted.append(image_id)
    server.plant([{**about, **data, "os_hash_value": hashed, "status": "active", **mark}])
    before = server.get(image_id)
    task = {"name": name, "path": str(file), "checksum": f"sha256:{stated}", "visibility": "public", **RAW}
    for check in (True, False):
        assert "has other data than the source" in run("pcd_image", "admin", **task, check=check).msg
        assert server.get(image_id) == before
    replaced = run("pcd_image", "admin", **task, on_content_change="replace")
    server.remember(replaced.image["id"])
    assert (replaced.image["visibility"], replaced.image["size"]) == ("public", len(NEW))
    assert server.get(image_id)["visibility"] == "private"
