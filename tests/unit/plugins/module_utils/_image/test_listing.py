# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a list -> query -> images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Images, Query
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import image_shape
from ansible_collections.platform9.pcd.plugins.module_utils._image.listing import (
    read_listing,
    sort_key_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import (
    DETAIL_OPTIONS,
    FILTER_OPTIONS,
    IDENTITY_OPTIONS,
    parse_listing,
)
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    PROJECT,
    image,
    options,
)

SPEC = {**IDENTITY_OPTIONS, **FILTER_OPTIONS, **DETAIL_OPTIONS}


def params(**given: Any) -> dict[str, Any]:
    return options(SPEC, **given)


class RecordingImages(Images):
    """Gives the images it was made with, and remembers what was asked."""

    def __init__(self, *images: Image) -> None:
        self.images = images
        self.asked: list[tuple[list[tuple[str, str]], int | None]] = []

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        self.asked.append((list(query), at_most))
        hidden = ("os_hidden", "true") in query
        return iter([each for each in self.images if each["os_hidden"] == hidden][:at_most])


class PagedImages(RecordingImages):
    """The same with more than one page: the first one is in the order of the service, as far as that can be trusted."""

    def first_page(self, query: Query, at_most: int | None = None) -> tuple[list[Image], bool]:
        found = list(self.list(query))
        return found[: at_most or 2], len(found) <= (at_most or 2)


def unheard(warning: str) -> None:
    raise AssertionError(warning)


def session_with(shelf: RecordingImages) -> Session:
    return Session(shelf, PROJECT, Transport(), unheard)


def read(shelf: RecordingImages, **given: Any) -> list[str]:
    return [each["id"] for each in read_listing(parse_listing(params(**given)), session_with(shelf))["images"]]


# --- the query ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "query"),
    [
        pytest.param({}, [], id="nothing given, nothing asked"),
        pytest.param({"owner": PROJECT}, [("owner", PROJECT)], id="owner"),
        pytest.param({"protected": True}, [("protected", "true")], id="protected"),
        pytest.param({"protected": False}, [("protected", "false")], id="not protected"),
        pytest.param({"status": "active"}, [("status", "active")], id="status"),
        pytest.param({"tag": "a:b"}, [("tag", "a:b")], id="tag"),
        pytest.param({"visibility": "all"}, [("visibility", "all")], id="visibility"),
        pytest.param({"hidden": "true"}, [("os_hidden", "true")], id="hidden"),
        pytest.param({"hidden": "false"}, [("os_hidden", "false")], id="not hidden"),
        pytest.param({"hidden": "any"}, [], id="hidden or not is two lists"),
        pytest.param({"member_status": "all"}, [("member_status", "all")], id="member_status"),
        pytest.param({"checksum": f"md5:{'aB' * 16}"}, [("checksum", "ab" * 16)], id="md5"),
        pytest.param(
            {"checksum": f"sha512:{'C' * 128}"}, [("os_hash_value", "c" * 128), ("os_hash_algo", "sha512")], id="sha512"
        ),
        pytest.param({"size_min": 0}, [("size_min", "0")], id="size_min"),
        pytest.param({"size_max": 5}, [("size_max", "5")], id="size_max"),
        pytest.param({"created_at": "gte:2026-01-31"}, [("created_at", "gte:2026-01-31")], id="created_at"),
        pytest.param({"updated_at": "lt:2026-01-31"}, [("updated_at", "lt:2026-01-31")], id="updated_at"),
        pytest.param({"sort": "name:asc,size"}, [("sort", "name:asc,size")], id="sort"),
        pytest.param(
            {"sort_key": "name", "sort_dir": "asc"}, [("sort_key", "name"), ("sort_dir", "asc")], id="sort_key"
        ),
        pytest.param({"marker": ID}, [("marker", ID)], id="marker"),
        pytest.param({"limit": 5}, [], id="the limit is for all pages together"),
        pytest.param({"most_recent": True}, [("sort_key", "created_at"), ("sort_dir", "desc")], id="most_recent"),
        pytest.param({"name": "ubuntu"}, [("name", "eq:ubuntu")], id="a name gets its operator"),
        pytest.param({"name": "ubuntu:22.04"}, [("name", "eq:ubuntu:22.04")], id="a name with a colon"),
        pytest.param({"name": "in:a,b"}, [("name", "eq:in:a,b")], id="a name that looks like an operator"),
        pytest.param({"name": 'a"b'}, [("name", 'eq:a"b')], id="a name with a quote"),
        pytest.param({"properties": {"os_distro": "ubuntu"}}, [("os_distro", "ubuntu")], id="a property"),
        pytest.param({"properties": {"a": True, "b": 4}}, [("a", "true"), ("b", "4")], id="values become text"),
        pytest.param(
            {"properties": {"disk_format": "raw"}}, [("disk_format", "raw")], id="an attribute without option"
        ),
        pytest.param({"properties": {}}, [], id="no properties"),
    ],
)
def test_each_option_is_its_query_parameter(given: dict[str, Any], query: list[tuple[str, str]]) -> None:
    assert list(parse_listing(params(**given)).query) == query


def test_every_option_has_an_effect() -> None:
    """Beside `limit`, `members` and hidden: any, which are no parameters of one query."""
    values: dict[str, Any] = {
        "protected": True,
        "size_min": 1,
        "size_max": 2,
        "properties": {"a": "b"},
        "most_recent": True,
        "marker": ID,
        "checksum": "md5:" + "a" * 32,
    }
    for option in SPEC.keys() - {"id", "limit", "members"}:
        assert parse_listing(params(**{option: values.get(option, "true")})).query != (), option


# --- what cannot be asked ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "beginning"),
    [
        ({"id": "ubuntu"}, "id: "),
        ({"name": ""}, "name: "),
        ({"name": "x" * 256}, "name: "),
        ({"limit": 0}, "limit: "),
        ({"checksum": "sha256:" + "a" * 64}, "checksum: 'sha256:.*algorithm"),
        ({"checksum": "a" * 128}, "checksum: .*algorithm"),
        ({"checksum": "md5:" + "a" * 31}, "checksum: .* 32 hexadecimal"),
        ({"checksum": "md5:" + "g" * 32}, "checksum: .* 32 hexadecimal"),
        ({"checksum": "sha512:https://vendor.example.com/SHA512SUMS"}, "checksum: .* 128 hexadecimal"),
        ({"limit": -1}, "limit: "),
        ({"limit": True}, "limit: "),
        ({"size_min": -1}, "size_min: "),
        ({"size_max": -1}, "size_max: "),
        ({"marker": "last"}, "marker: "),
        ({"marker": "../x"}, "marker: "),
        ({"most_recent": True, "sort": "name"}, "most_recent: .*sort"),
        ({"most_recent": True, "sort_key": "name", "sort_dir": "asc"}, "most_recent: .*sort_key, sort_dir"),
        ({"most_recent": True, "limit": 5}, "most_recent: .*limit"),
        ({"most_recent": True, "marker": ID}, "most_recent: .*marker"),
        ({"properties": {"os_distro": None}}, r"properties\.os_distro: null"),
        ({"properties": {"os_distro": ["a"]}}, r"properties\.os_distro: a list"),
        ({"properties": {"os_distro": "\N{GRINNING FACE}"}}, r"properties\.os_distro: "),
        *[
            ({"properties": {key: "x"}}, rf"properties\.{key}: ")
            for key in (
                "id",
                "name",
                "owner",
                "status",
                "limit",
                "marker",
                "os_hidden",
                "protected",
                "properties",
                "sort",
            )
        ],
    ],
)
def test_what_cannot_be_asked_is_an_error_that_names_the_option(given: dict[str, Any], beginning: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{beginning}"):
        parse_listing(params(**given))


@pytest.mark.parametrize(
    "given", [{}, {"limit": 1}, {"size_min": 0}, {"size_max": 0}, {"marker": ID}, {"most_recent": True}, {"id": ID}]
)
def test_valid_filters_are_accepted(given: dict[str, Any]) -> None:
    parse_listing(params(**given))


# --- the order of two lists --------------------------------------------------------------------------------------


def named(*described: str) -> list[Image]:
    """Images such as "a 3": name (- for none) and created_at, which is the id, too."""
    return [
        image(id=created, name=None if name == "-" else name, created_at=created)
        for name, created in (each.split() for each in described)
    ]


@pytest.mark.parametrize(
    ("given", "order"),
    [
        pytest.param({}, "4321", id="newest first by default"),
        pytest.param({"most_recent": True}, "4321", id="newest first for the newest"),
        pytest.param({"sort_dir": "asc"}, "1234", id="only a direction"),
        pytest.param({"sort_key": "created_at"}, "4321", id="only a key goes downwards"),
        pytest.param({"sort_key": "created_at", "sort_dir": "asc"}, "1234", id="key and direction"),
        pytest.param({"sort": "created_at:asc"}, "1234", id="sort with a direction"),
        pytest.param({"sort": "created_at"}, "4321", id="sort without a direction goes downwards"),
        pytest.param({"sort": "name:asc,created_at:asc"}, "3142", id="two keys upwards"),
        pytest.param({"sort": "name:asc, created_at:desc"}, "3412", id="one up and one down"),
        pytest.param({"sort": "name:desc,created_at:asc"}, "2143", id="one down and one up"),
    ],
)
def test_two_lists_become_one_in_the_order_that_was_asked_for(given: dict[str, Any], order: str) -> None:
    mixed = named("a 4", "b 2", "a 1", "- 3")
    assert "".join(each["id"] for each in sorted(mixed, key=sort_key_of(parse_listing(params(**given)).order))) == order


@pytest.mark.parametrize(("direction", "order"), [("asc", "31"), ("desc", "13")])
def test_an_image_without_a_value_goes_before_all_others_as_in_glance(direction: str, order: str) -> None:
    images = [image(id="1", size=5), image(id="3", size=None)]
    for each in (images, images[::-1]):
        assert (
            "".join(
                found["id"]
                for found in sorted(each, key=sort_key_of(parse_listing(params(sort=f"size:{direction}")).order))
            )
            == order
        )


@pytest.mark.parametrize(
    ("given", "order"),
    [({"sort": "name:asc"}, "123"), ({"sort_key": "name", "sort_dir": "asc"}, "123"), ({"sort": "name:desc"}, "321")],
)
def test_images_that_are_equal_by_the_key_follow_by_their_time_as_in_glance(given: dict[str, Any], order: str) -> None:
    """glance/db/sqlalchemy/api.py, _image_get_all: created_at and id join the keys, in the same direction."""
    images = named("a 2", "a 3", "a 1")
    assert (
        "".join(each["id"] for each in sorted(images, key=sort_key_of(parse_listing(params(**given)).order))) == order
    )


# --- reading -----------------------------------------------------------------------------------------------------


def test_one_image_by_its_id_is_not_listed() -> None:
    class ById(RecordingImages):
        def get(self, image_id: str) -> Image:
            return image(id=image_id)

    shelf = ById()
    assert read(shelf, id=OTHER_ID) == [OTHER_ID]
    assert shelf.asked == []


def test_images_come_in_the_shape_that_users_get() -> None:
    assert read_listing(parse_listing(params()), session_with(RecordingImages(image()))) == {
        "images": [image_shape(image())]
    }


def test_the_limit_is_for_what_is_returned() -> None:
    shelf = RecordingImages(*named("a 1", "b 2", "c 3"))
    assert read(shelf, limit=2) == ["1", "2"]
    assert shelf.asked == [([], 2)]


def test_only_the_newest_is_asked_for() -> None:
    shelf = RecordingImages(*named("b 2", "a 1"))
    assert read(shelf, most_recent=True) == ["2"]
    assert shelf.asked == [([("sort_key", "created_at"), ("sort_dir", "desc")], 1)]


def test_hidden_or_not_is_two_lists_in_one_order() -> None:
    hidden = [{**each, "os_hidden": True} for each in named("b 4", "a 2")]
    shelf = RecordingImages(*named("c 3", "d 1"), *hidden)
    assert read(shelf, hidden="any") == ["4", "3", "2", "1"]
    assert [query for query, dummy in shelf.asked] == [[("os_hidden", "false")], [("os_hidden", "true")]]
    assert read(shelf, hidden="any", limit=3) == ["4", "3", "2"]
    assert read(shelf, hidden="any", most_recent=True) == ["4"]


def test_what_the_pages_of_the_service_cannot_give_in_its_order_is_sorted_here() -> None:
    images = [image(id=str(number), size=size, os_hidden=False) for number, size in enumerate([7, None, 3, 9])]
    shelf = PagedImages(*images)
    assert read(shelf, sort="size:asc") == ["1", "2", "0", "3"]
    assert [query for query, dummy in shelf.asked] == [[("sort", "size:asc")], []]


def test_a_first_page_that_is_enough_stays_in_the_order_of_the_service() -> None:
    shelf = PagedImages(*(image(id=str(number), size=number, os_hidden=False) for number in (5, 1, 3)))
    assert read(shelf, sort="size:asc", limit=2) == ["5", "1"]
    assert len(shelf.asked) == 1


def test_names_of_hidden_images_and_others_have_one_order_whatever_the_database_thinks_of_case() -> None:
    hidden = [{**each, "os_hidden": True} for each in named("B 2", "d 4")]
    shelf = PagedImages(*named("a 1", "C 3"), *hidden)
    assert read(shelf, hidden="any", sort="name:asc") == ["1", "2", "3", "4"]
    assert read(shelf, hidden="any", sort="name:asc", limit=1) == ["1"]
    assert read(shelf, hidden="any", sort="name:desc", limit=1) == ["4"]


def test_tags_and_properties_are_compared_exactly_even_if_the_database_does_not() -> None:
    one = image(id="1", tags=["LTS"], os_distro="Ubuntu")
    other = image(id="2", tags=["lts", "x"], os_distro="ubuntu")
    shelf = RecordingImages(one, other)
    assert read(shelf, tag="lts") == ["2"]
    assert read(shelf, tag="LTS", most_recent=True) == ["1"]
    assert read(shelf, properties={"os_distro": "ubuntu"}) == ["2"]
    assert read(shelf, properties={"OS_DISTRO": "ubuntu"}) == []
    assert read(shelf, properties={"disk_format": "in:raw,qcow2"}) == ["1", "2"]


def test_a_name_is_compared_exactly_even_if_the_database_does_not() -> None:
    """MySQL finds Ubuntu for ubuntu, and a name for the same name with a blank at its end."""
    shelf = RecordingImages(image(id="1", name="Ubuntu"), image(id="2", name="ubuntu"), image(id="3", name="ubuntu "))
    assert read(shelf, name="ubuntu") == ["2"]
    assert read(shelf, name="ubuntu", limit=1) == ["2"]
