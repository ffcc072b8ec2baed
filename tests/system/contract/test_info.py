# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a list of images holds, compared with what the service itself says to the same query."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Image, Server, names_of, shape_of, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True

FORMATS = {"disk_format": "raw", "container_format": "bare"}

# Each image of the gallery by the end of its name: whose it is, its bytes, and its attributes.
PICTURES: dict[str, tuple[str, bytes, dict[str, Any]]] = {
    "active": ("member", b"x" * 10, {**FORMATS, "os_distro": "ubuntu", "protected": True}),
    "big": ("member", b"x" * 2000, {**FORMATS, "os_distro": "ubuntu", "hw_cpu_cores": "4", "min_ram": 64}),
    "queued": ("member", b"", {"visibility": "private", "disk_format": "qcow2", "hw_boot_menu": "true"}),
    "hidden": ("member", b"x" * 50, {**FORMATS, "os_hidden": True, "os_distro": "ubuntu"}),
    "hidden-empty": ("member", b"", {"os_hidden": True, "visibility": "private"}),
    "deactivated": ("member", b"x" * 70, {**FORMATS, "os_distro": "debian"}),
    "community": ("other", b"x" * 30, {**FORMATS, "visibility": "community"}),
    "public": ("admin", b"x" * 40, {**FORMATS, "visibility": "public"}),
    "accepted": ("other", b"x" * 20, FORMATS),
    "pending": ("other", b"x" * 20, FORMATS),
    "rejected": ("other", b"x" * 20, FORMATS),
    "foreign": ("other", b"x" * 20, {**FORMATS, "visibility": "private"}),
}
MINE = ["active", "big", "deactivated", "queued"]
DEFAULT = sorted([*MINE, "accepted", "public"])
HIDDEN = ["hidden", "hidden-empty"]


@dataclass(frozen=True)
class Gallery:
    """Images of all kinds that carry one tag; what the options and queries of the tests need of them."""

    tag: str
    images: dict[str, Image]

    def name(self, end: str) -> str:
        return f"{self.tag}-{end}"

    def ends(self, images: list[Image]) -> list[str]:
        return [name.removeprefix(f"{self.tag}-") for name in names_of(images)]


def listed_shape_of(image: Image) -> dict[str, Any]:
    """What the module returns of an image without marks."""
    return {**shape_of(image), "retired": None, "replaces": None}


@pytest.fixture(scope="module")
def gallery(server: Server) -> Iterator[Gallery]:
    tag = unused("contract")
    images = {}
    for end, (user, content, attributes) in PICTURES.items():
        tags = [tag, f"{tag}-{end}"]
        images[end] = server.ask("POST", "/images", user, json={"name": f"{tag}-{end}", "tags": tags, **attributes})
        if content:
            server.upload(images[end]["id"], content, user)
    for status in ("accepted", "pending", "rejected"):
        server.share(images[status]["id"], "other", "member", status)
    server.act(images["deactivated"]["id"], "deactivate")
    server.space_out([image["id"] for image in images.values()])
    yield Gallery(tag, {end: server.get(image["id"]) for end, image in images.items()})
    for image in images.values():
        server.delete(image["id"])


# Options, the query that the service understands, and the images that both must find. TAG, NAME and ID:x stand for what
# is known only when the test runs.
QUERIES: dict[str, tuple[dict[str, Any], list[tuple[str, str]], list[str]]] = {
    "nothing else": ({}, [], DEFAULT),
    "name": ({"name": "NAME:big"}, [("name", 'in:"NAME:big"')], ["big"]),
    "name of a hidden image": ({"name": "NAME:hidden"}, [("name", 'in:"NAME:hidden"')], []),
    "owner": ({"owner": "PROJECT:other"}, [("owner", "PROJECT:other")], ["accepted"]),
    "protected": ({"protected": True}, [("protected", "true")], ["active"]),
    "not protected": ({"protected": False}, [("protected", "false")], [x for x in DEFAULT if x != "active"]),
    "status active": ({"status": "active"}, [("status", "active")], ["accepted", "active", "big", "public"]),
    "status queued": ({"status": "queued"}, [("status", "queued")], ["queued"]),
    "status deactivated": ({"status": "deactivated"}, [("status", "deactivated")], ["deactivated"]),
    "two statuses": (
        {"status": ["queued", "deactivated"]},
        [("status", "in:queued,deactivated")],
        ["deactivated", "queued"],
    ),
    "statuses as one text": (
        {"status": "queued,deactivated"},
        [("status", "in:queued,deactivated")],
        ["deactivated", "queued"],
    ),
    "disk_format": ({"disk_format": "qcow2"}, [("disk_format", "qcow2")], ["queued"]),
    "two disk formats": ({"disk_format": ["qcow2", "raw"]}, [("disk_format", "in:qcow2,raw")], DEFAULT),
    "container_format": (
        {"container_format": ["bare", "ova"]},
        [("container_format", "in:bare,ova")],
        [x for x in DEFAULT if x != "queued"],
    ),
    "status importing": ({"status": "importing"}, [("status", "importing")], []),
    "visibility public": ({"visibility": "public"}, [("visibility", "public")], ["public"]),
    "visibility private": ({"visibility": "private"}, [("visibility", "private")], ["queued"]),
    "visibility community": ({"visibility": "community"}, [("visibility", "community")], ["community"]),
    "visibility shared": (
        {"visibility": "shared"},
        [("visibility", "shared")],
        ["accepted", "active", "big", "deactivated"],
    ),
    "visibility all": ({"visibility": "all"}, [("visibility", "all")], sorted([*DEFAULT, "community"])),
    "hidden true": ({"hidden": "true"}, [("os_hidden", "true")], HIDDEN),
    "hidden false": ({"hidden": "false"}, [("os_hidden", "false")], DEFAULT),
    "hidden as YAML has it": ({"hidden": True}, [("os_hidden", "true")], HIDDEN),
    "member_status accepted": ({"member_status": "accepted"}, [("member_status", "accepted")], DEFAULT),
    "member_status pending": (
        {"member_status": "pending"},
        [("member_status", "pending")],
        sorted([*MINE, "pending", "public"]),
    ),
    "member_status rejected": (
        {"member_status": "rejected"},
        [("member_status", "rejected")],
        sorted([*MINE, "public", "rejected"]),
    ),
    "member_status all": (
        {"member_status": "all"},
        [("member_status", "all")],
        sorted([*DEFAULT, "pending", "rejected"]),
    ),
    "size_min": ({"size_min": 40}, [("size_min", "40")], ["big", "deactivated", "public"]),
    "size_max": ({"size_max": 40}, [("size_max", "40")], ["accepted", "active", "public"]),
    "size_min and size_max": (
        {"size_min": 20, "size_max": 70},
        [("size_min", "20"), ("size_max", "70")],
        ["accepted", "deactivated", "public"],
    ),
    "created_at": (
        {"created_at": "gte:2001-01-01T00:00:00Z"},
        [("created_at", "gte:2001-01-01T00:00:00Z")],
        DEFAULT,
    ),
    "created_at long ago": (
        {"created_at": "lt:2001-01-01T00:00:00Z"},
        [("created_at", "lt:2001-01-01T00:00:00Z")],
        [],
    ),
    "created_at of an image": (
        {"created_at": "gte:CREATED:big"},
        [("created_at", "gte:CREATED:big")],
        ["accepted", "big", "deactivated", "public", "queued"],
    ),
    "updated_at": (
        {"updated_at": "gt:2001-01-01T00:00:00Z"},
        [("updated_at", "gt:2001-01-01T00:00:00Z")],
        DEFAULT,
    ),
    "updated_at long ago": (
        {"updated_at": "lte:2001-01-01T00:00:00Z"},
        [("updated_at", "lte:2001-01-01T00:00:00Z")],
        [],
    ),
    "tag": ({"tag": "NAME:big"}, [("tag", "NAME:big")], ["big"]),
    "sort": ({"sort": "name:asc"}, [("sort", "name:asc")], DEFAULT),
    "sort by two": ({"sort": "status:asc,name:desc"}, [("sort", "status:asc,name:desc")], DEFAULT),
    "sort without a direction": ({"sort": "name"}, [("sort", "name")], DEFAULT),
    "sort by what some have not": ({"sort": "size:asc,id:asc"}, [("sort", "size:asc,id:asc")], DEFAULT),
    "sort_key": ({"sort_key": "name"}, [("sort_key", "name")], DEFAULT),
    "sort_dir": ({"sort_dir": "asc"}, [("sort_dir", "asc")], DEFAULT),
    "sort_key and sort_dir": (
        {"sort_key": "size", "sort_dir": "asc"},
        [("sort_key", "size"), ("sort_dir", "asc")],
        DEFAULT,
    ),
    "limit": (
        {"limit": 2, "sort": "name:asc"},
        [("limit", "2"), ("sort", "name:asc")],
        DEFAULT[:2],
    ),
    "marker": (
        {"marker": "ID:big", "sort": "name:asc"},
        [("marker", "ID:big"), ("sort", "name:asc")],
        ["deactivated", "public", "queued"],
    ),
    "a property": (
        {"properties": {"os_distro": "ubuntu"}},
        [("os_distro", "ubuntu")],
        ["active", "big"],
    ),
    "two properties": (
        {"properties": {"os_distro": "ubuntu", "hw_cpu_cores": 4}},
        [("os_distro", "ubuntu"), ("hw_cpu_cores", "4")],
        ["big"],
    ),
    "a property that is a boolean": (
        {"properties": {"hw_boot_menu": True}},
        [("hw_boot_menu", "true")],
        ["queued"],
    ),
    "an attribute as a property": (
        {"properties": {"disk_format": "qcow2"}},
        [("disk_format", "qcow2")],
        ["queued"],
    ),
    "several at once": (
        {"status": "active", "owner": "PROJECT:member", "properties": {"os_distro": "ubuntu"}, "size_min": 100},
        [("status", "active"), ("owner", "PROJECT:member"), ("os_distro", "ubuntu"), ("size_min", "100")],
        ["big"],
    ),
}


@pytest.mark.parametrize(("options", "query", "expected"), QUERIES.values(), ids=QUERIES.keys())
def test_a_filter_finds_what_the_service_finds(
    options: dict[str, Any],
    query: list[tuple[str, str]],
    expected: list[str],
    gallery: Gallery,
    run: Runner,
    server: Server,
) -> None:
    def known(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: known(inner) for key, inner in value.items()}
        for end, image in gallery.images.items():
            for stands_for, meant in (("NAME", "name"), ("ID", "id"), ("CREATED", "created_at")):
                if isinstance(value, str) and value.removesuffix('"').endswith(f"{stands_for}:{end}"):
                    return value.replace(f"{stands_for}:{end}", image[meant])
        if isinstance(value, str) and value.startswith("PROJECT:"):
            return server.project_id(value.removeprefix("PROJECT:"))
        return value

    asked = {"tag": gallery.tag, **known(options)}
    direct_query = [(key, known(value)) for key, value in [("tag", gallery.tag), *query]]
    if "tag" in options:
        del direct_query[0]
    if "limit" in options:
        direct = server.ask("GET", "/images", "member", params=direct_query)["images"]
    else:
        direct = server.pages("member", direct_query)

    listed = run("pcd_image_info", **asked)
    assert listed.images == [listed_shape_of(image) for image in direct]
    assert listed.writes == []
    assert sorted(gallery.ends(listed.images)) == expected


@pytest.mark.parametrize("end", ["active", "hidden", "community", "pending", "deactivated"])
def test_an_id_shows_one_image_of_any_kind(end: str, gallery: Gallery, run: Runner) -> None:
    assert run("pcd_image_info", id=gallery.images[end]["id"]).images == [listed_shape_of(gallery.images[end])]


def test_an_id_that_is_not_there_gives_an_empty_list(gallery: Gallery, run: Runner, server: Server) -> None:
    unknown = run("pcd_image_info", id=server.new_id())
    foreign = run("pcd_image_info", id=gallery.images["foreign"]["id"])
    assert unknown.images == foreign.images == []


def test_the_newest_image_is_found_by_one_request(gallery: Gallery, run: Runner) -> None:
    newest = run("pcd_image_info", tag=gallery.tag, owner=gallery.images["big"]["owner"], most_recent=True)
    assert gallery.ends(newest.images) == ["deactivated"]
    assert newest.lookups == 1


def test_the_newest_image_may_be_a_hidden_one(gallery: Gallery, run: Runner) -> None:
    filters: dict[str, Any] = {"tag": gallery.tag, "visibility": "private", "most_recent": True}
    assert gallery.ends(run("pcd_image_info", **filters).images) == ["queued"]
    assert gallery.ends(run("pcd_image_info", hidden="any", **filters).images) == ["hidden-empty"]


def test_the_newest_of_nothing_is_nothing(run: Runner, name: str) -> None:
    assert run("pcd_image_info", name=name, most_recent=True).images == []


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"sort": "name:asc"},
        {"sort": "name:desc"},
        {"sort": "name"},
        {"sort": "status:asc"},
        {"sort": "status:desc,name:asc"},
        {"sort": "size:asc,name:asc"},
        {"sort": "size:desc,id:asc"},
        {"sort": "container_format:desc,disk_format:asc,id:desc"},
        {"sort_key": "name"},
        {"sort_key": "name", "sort_dir": "asc"},
        {"sort_key": "size", "sort_dir": "desc"},
        {"sort_dir": "asc"},
    ],
    ids=str,
)
def test_hidden_images_and_others_come_in_the_order_of_one_list(
    order: dict[str, Any], gallery: Gallery, run: Runner, server: Server
) -> None:
    # The service never lists both together. So the same images, all of them shown, tell the order.
    listed = run("pcd_image_info", tag=gallery.tag, hidden="any", **order)
    hidden = [image["id"] for image in gallery.images.values() if image["os_hidden"]]
    for image_id in hidden:
        server.change(image_id, os_hidden=False)
    try:
        together = server.pages("member", [("tag", gallery.tag), *order.items()])
    finally:
        for image_id in hidden:
            server.change(image_id, os_hidden=True)
    assert listed.lookups == 2
    assert gallery.ends(listed.images) == gallery.ends(together)
    assert set(gallery.ends(listed.images)) == {*DEFAULT, *HIDDEN}


@pytest.mark.parametrize("limit", [1, 3, 7, 8, 100])
def test_a_limit_counts_hidden_images_and_others_together(limit: int, gallery: Gallery, run: Runner) -> None:
    listed = run("pcd_image_info", tag=gallery.tag, hidden="any", sort="name:asc", limit=limit)
    assert gallery.ends(listed.images) == sorted([*DEFAULT, *HIDDEN])[:limit]


def test_everything_is_listed_without_filters(gallery: Gallery, run: Runner, server: Server) -> None:
    direct = server.pages("member")
    assert run("pcd_image_info").ids == [image["id"] for image in direct]
    assert gallery.images["big"]["id"] in [image["id"] for image in direct]


@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_a_list_sorted_by_what_images_may_lack_is_whole_and_ends(direction: str, run: Runner, server: Server) -> None:
    """Behind an image without a size, Glance's pages leave out others or come again for ever."""
    name = unused("contract-sizes")
    ids = server.fill(1500, name)
    sizes = [[number % 7 * 1000, image_id] for number, image_id in enumerate(ids) if number % 2]
    try:
        server.write([("UPDATE images SET size = ? WHERE id = ?", sizes)])
        listed = run("pcd_image_info", name=name, sort=f"size:{direction}")
        newest = run("pcd_image_info", name=name, sort=f"size:{direction}", limit=3)
    finally:
        server.empty(ids)
    assert sorted(listed.ids) == sorted(ids)
    found = [-1 if image["size"] is None else image["size"] for image in listed.images]
    assert found == sorted(found, reverse=direction == "desc")
    assert listed.lookups <= 3
    assert newest.lookups == 1


def test_hidden_images_and_others_are_sorted_by_name_without_case(run: Runner, server: Server) -> None:
    """A database of a cloud sorts them so; two lists of it must not be merged in another order."""
    prefix = unused("contract")
    for letter, hidden in (("a", False), ("C", False), ("B", True), ("d", True), ("_e", True), ("_F", False)):
        server.create(f"{prefix}{letter}", os_hidden=hidden, case_of=prefix)
    options: dict[str, Any] = {"hidden": "any", "properties": {"case_of": prefix}}
    wanted = [f"{prefix}{letter}" for letter in ("a", "B", "C", "d", "_e", "_F")]
    assert names_of(run("pcd_image_info", sort="name:asc", **options).images) == wanted
    assert names_of(run("pcd_image_info", sort="name:desc", **options).images) == wanted[::-1]
    assert names_of(run("pcd_image_info", sort="name:asc", limit=1, **options).images) == wanted[:1]
    found: list[dict[str, Any]] = []
    while len(found) < len(wanted):
        after = {"marker": found[-1]["id"]} if found else {}
        found += run("pcd_image_info", sort="name:asc", limit=2, **after, **options).images
    assert names_of(found) == wanted


def test_a_tag_and_a_property_mean_what_is_written_and_no_other_case(run: Runner, server: Server, name: str) -> None:
    """MySQL and MariaDB compare without case and accents."""
    upper = server.create(name, tags=[f"{name}-Tag"], os_distro=f"{name}-\u00c9")["id"]
    lower = server.create(name, tags=[f"{name}-tag"], os_distro=f"{name}-e")["id"]
    assert run("pcd_image_info", tag=f"{name}-Tag").ids == [upper]
    assert run("pcd_image_info", tag=f"{name}-tag", limit=1).ids == [lower]
    assert run("pcd_image_info", tag=f"{name}-Tag", most_recent=True).ids == [upper]
    assert run("pcd_image_info", properties={"os_distro": f"{name}-e"}).ids == [lower]
    assert run("pcd_image_info", properties={"OS_DISTRO": f"{name}-e"}).ids == []


def test_an_administrator_sees_the_images_of_all_projects(gallery: Gallery, run: Runner) -> None:
    listed = run("pcd_image_info", "admin", tag=gallery.tag, visibility="all", hidden="any", sort="name:asc")
    assert gallery.ends(listed.images) == sorted(PICTURES)


# --- what is compared here, and what can match nothing


@pytest.mark.parametrize(
    ("pattern", "options", "expected"),
    [
        ("-b*", {}, ["big"]),
        ("-*e*", {"status": ["active", "queued"], "sort": "name:asc"}, ["accepted", "active", "queued"]),
        ("-hidden*", {"hidden": "any", "sort": "name:asc"}, HIDDEN),
        ("-[!a-p]*", {}, ["queued"]),
        ("-*", {"sort": "name:desc", "limit": 2}, ["queued", "public"]),
        ("-*", {"most_recent": True, "status": "active", "properties": {"os_distro": "ubuntu"}}, ["big"]),
        ("-B*", {}, []),
        ("", {}, []),
    ],
    ids=str,
)
def test_a_pattern_is_compared_after_the_filters_of_the_service(
    pattern: str, options: dict[str, Any], expected: list[str], gallery: Gallery, run: Runner, server: Server
) -> None:
    found = run("pcd_image_info", name_pattern=f"{gallery.tag}{pattern}", tag=gallery.tag, **options)
    assert gallery.ends(found.images) == expected
    assert found.lookups == (2 if "hidden" in options else 1)


def test_an_owner_is_found_by_its_name(gallery: Gallery, run: Runner, server: Server) -> None:
    run.by_token = False
    owned = gallery.images["big"]["owner"]
    name = server.login("member")["project_name"]
    for user, owner in (("member", name), ("admin", name), ("member", owned), ("member", owned.upper())):
        found = run("pcd_image_info", user, tag=gallery.tag, owner=owner, project_domain="default")
        assert sorted(gallery.ends(found.images)) == MINE, (user, owner)
    refused = run("pcd_image_info", "admin", owner="nobody-is-called-so")
    assert refused.msg.startswith("owner: there is no project 'nobody-is-called-so'")
    closed = run("pcd_image_info", "member", owner="nobody-is-called-so")
    assert closed.msg.startswith("owner: 'nobody-is-called-so' is not one of the projects that this user can log in to")
    assert "Give the id" in closed.msg
    assert refused.glance == closed.glance == []


def test_fields_make_a_result_compact(gallery: Gallery, run: Runner) -> None:
    listed = run("pcd_image_info", tag=gallery.tag, name_pattern="*-big", fields=["name", "size", "properties"])
    properties = {"os_distro": "ubuntu", "hw_cpu_cores": "4"}
    assert listed.images == [{"name": gallery.name("big"), "size": 2000, "properties": properties}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "NAME-*"}, "write name_pattern"),
        ({"created_at": "gte:2999-01-31"}, "in the future"),
        ({"name_pattern": "NAME"}, "write *NAME* if it is a part"),
        ({"name_pattern": "^NAME.*"}, "if it is a regular expression, write *"),
        ({"properties": {"os_distro": "in:ubuntu,debian"}}, "run the task once for each value"),
    ],
    ids=["a name like a pattern", "a time to come", "a part", "a regular expression", "one of several"],
)
def test_a_mistake_that_finds_nothing_is_warned_of(
    options: dict[str, Any], words: str, gallery: Gallery, run: Runner
) -> None:
    given: dict[str, Any] = {
        option: value.replace("NAME", gallery.tag) if isinstance(value, str) else value
        for option, value in options.items()
    }
    outcome = run("pcd_image_info", tag=gallery.tag, **given)
    assert outcome.images == []
    (warning,) = outcome.result["warnings"]
    assert words.replace("NAME", gallery.tag) in str(warning)
    assert len(outcome.glance) == 1


def test_a_name_that_is_the_id_of_an_image_is_warned_of(gallery: Gallery, run: Runner) -> None:
    image_id = gallery.images["big"]["id"]
    (warning,) = run("pcd_image_info", name=image_id).result["warnings"]
    assert f"'{image_id}' is the id of an image. Write id instead" in str(warning)
    assert not run("pcd_image_info", name=str(uuid.uuid4())).result.get("warnings")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"created_at": "2026-01-01"}, "created_at=gte:2026-01-01"),
        ({"updated_at": "2026-01-01T00:00:00Z"}, "updated_at=gte:2026-01-01T00:00:00Z"),
        ({"created_at": "eq:2026-01-01"}, "created_at=gte:2026-01-01"),
        ({"updated_at": "neq:2026-01-01"}, "updated_at=lt:2026-01-01"),
        ({"created_at": "since:2026-01-01"}, "created_at=gte:2026-01-31"),
        ({"hidden": "yes"}, "hidden=true"),
        ({"hidden": "off"}, "hidden=false"),
        ({"properties": ["os_distro=ubuntu"]}, "properties={NAME: VALUE}"),
        ({"properties": {"os_distro": ["ubuntu", "debian"]}}, "properties={os_distro: VALUE}"),
        ({"properties": {"container_format": ["bare"]}}, "option container_format"),
        ({"marker": "the-last-one"}, "Give the id of the image"),
        ({"sort": "owner:asc"}, "The keys are name, status"),
        ({"sort": "-created_at"}, "sort=created_at:desc"),
        ({"sort": "name:ascending"}, "name:asc"),
        ({"sort": "name asc"}, "Write sort=name:asc."),
        ({"sort_key": "name,size", "sort_dir": "asc"}, "Write sort=name:asc,size:asc."),
        ({"sort": ["name", "size"]}, "sort=name:asc,size:desc"),
        ({"created_at": {"gte": "2026-01-01"}}, "created_at=gte:2026-01-31"),
        ({"sort_key": "create_at"}, "Write created_at"),
        ({"fields": ["id", "hidden"]}, "Write os_hidden"),
        ({"size_min": 5, "size_max": 4}, "Correct one of them"),
        ({"status": "ready"}, "active"),
        ({"status": []}, "Name a value"),
        ({"owner": "a", "id": "1714676b-e56d-4171-a072-f919121a9797"}, "mutually exclusive"),
        ({"name": "a", "name_pattern": "b"}, "mutually exclusive"),
    ],
    ids=str,
)
def test_what_can_match_nothing_is_refused_by_a_line_that_says_what_to_write(
    options: dict[str, Any], words: str, run: Runner
) -> None:
    refused = run("pcd_image_info", **options)
    assert words in refused.msg
    assert len(refused.msg.splitlines()) == 1
    assert refused.requests == []


def test_a_marker_that_no_image_has_is_an_error_that_says_so(run: Runner, server: Server) -> None:
    orders: list[dict[str, Any]] = [{}, {"sort": "name:asc"}, {"hidden": "any"}]
    for options in orders:
        refused = run("pcd_image_info", marker=server.new_id(), **options)
        assert refused.msg.startswith("marker: no image has the id ")
        assert "Give the id of an image of the list" in refused.msg
        assert refused.result["request_id"] in refused.msg


# --- what has become of an image


def test_a_list_shows_what_was_retired_and_what_is_prepared(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "image.raw"
    declared: dict[str, Any] = {"name": name, "path": str(path), "disk_format": "raw", "container_format": "bare"}

    def made(how: str, **more: Any) -> Any:
        path.write_bytes(how.encode())
        return run("pcd_image", **declared, on_content_change=how.split()[0], **more)

    first = made("replace first").image["id"]
    second = made("replace second", retired="rename").image["id"]
    third = made("replace third").image["id"]
    prepared = made("prepare fourth").result["prepared"]["id"]
    server.remember(prepared)
    listed = run("pcd_image_info", hidden="any", name_pattern=f"{name}*", fields=["id", "retired", "replaces"])
    assert {each["id"]: (each["retired"], each["replaces"]) for each in listed.images} == {
        first: (name, None),
        second: (name, None),
        third: (None, None),
        prepared: (None, third),
    }
    # A snapshot has all properties of its image.
    copied = {key: value for key, value in server.get(first).items() if key.startswith("pcd_")}
    copy = server.create(name, os_hidden=True, **copied)
    assert run("pcd_image_info", id=copy["id"]).images[0]["retired"] is None


# --- by checksum, and with members


@pytest.mark.parametrize(("algorithm", "upper"), [("sha512", False), ("md5", False), (" SHA512", True)])
def test_images_are_found_by_the_checksum_of_their_data(
    algorithm: str, upper: bool, run: Runner, server: Server, name: str
) -> None:
    ours = server.create(name, active=True)
    content = name.encode()
    other = server.create(name, disk_format="raw", container_format="bare")
    server.upload(other["id"], content)
    digest = hashlib.new(algorithm.strip(), content).hexdigest()
    found = run("pcd_image_info", checksum=f"{algorithm}:{digest.upper() if upper else digest}")
    assert found.ids == [other["id"]]
    assert found.lookups == 1
    assert run("pcd_image_info", checksum=f"{algorithm}:{digest}", id=ours["id"]).failed


@pytest.mark.parametrize(
    ("checksum", "words"),
    [
        ("sha256:" + "a" * 64, "algorithm"),
        ("a" * 128, "algorithm"),
        ("https://ci:s3cret-w0rd@vendor.example.com/SHA512SUMS", "algorithm"),
        ("sha512:" + "a" * 64, "128 hexadecimal digits"),
        ("sha512:https://ci:s3cret-w0rd@vendor.example.com/SHA512SUMS", "128 hexadecimal digits"),
        ("md5:" + "g" * 32, "32 hexadecimal digits"),
        ("sha512:https://vendor.example.com/SHA512SUMS", "128 hexadecimal digits"),
    ],
)
def test_a_checksum_that_cannot_be_one_is_refused(checksum: str, words: str, run: Runner) -> None:
    refused = run("pcd_image_info", checksum=checksum)
    assert refused.msg.startswith("checksum: ")
    assert words in refused.msg
    assert len(refused.msg.splitlines()) == 1
    assert "s3cret" not in refused.msg
    assert refused.requests == []


def test_members_are_those_of_shared_images_at_one_request_each(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    private = server.create(name, visibility="private")
    server.share(image["id"], "member", "other")
    server.share(image["id"], "member", "admin", "pending")
    statuses = {server.project_id("other"): "accepted", server.project_id("admin"): "pending"}
    found = run("pcd_image_info", name=name, members=True, sort="created_at:asc,id:asc")
    told = {each["id"]: each["members"] for each in found.images}
    assert {member["member_id"]: member["status"] for member in told[image["id"]]} == statuses
    assert told[private["id"]] is None
    assert found.lookups == 2
    assert all("members" not in each for each in run("pcd_image_info", name=name).images)
    # A member sees itself only.
    (seen,) = run("pcd_image_info", "other", id=image["id"], members=True).images
    assert [(member["member_id"], member["status"]) for member in seen["members"]] == [
        (server.project_id("other"), "accepted")
    ]
