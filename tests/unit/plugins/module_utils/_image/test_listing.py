# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a list -> query -> images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Images, Query
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import NotFound, quoted
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    REPLACES,
    RETIRED,
    RETIRED_AS,
    image_shape,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.filters import (
    DETAIL_OPTIONS,
    FILTER_OPTIONS,
    parse_listing,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.listing import (
    listed_shape,
    read_listing,
    sort_key_of,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import IDENTITY_OPTIONS
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.samples import (
    OTHER_ID,
    OUR_ID,
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

    def get(self, image_id: str) -> Image:
        for each in self.images:
            if each["id"] == image_id:
                return each
        raise NotFound("none", method="GET", url="", status=404, server_message="", request_id=None)


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


def test_names_are_in_the_order_of_mariadb() -> None:
    """utf8mb3_general_ci compares letters as capitals, and these signs follow them."""
    names = [
        "IMG",
        "img 1",
        "img-a",
        "imgA",
        "img\u00c4b",
        "img\u00dfa",
        "imgsb",
        "imgz",
        "img[",
        "img]",
        "img^",
        "img_",
        "img`",
    ]
    order = sort_key_of(parse_listing(params(sort="name:asc")).order)
    assert [each["name"] for each in sorted((image(name=name) for name in reversed(names)), key=order)] == names


def test_names_that_are_equal_for_mariadb_follow_by_their_time() -> None:
    """So the page after the first one, which is sorted here, leaves out none."""
    first = image(id=OTHER_ID, name="b", created_at="1")

    class WithMarker(PagedImages):
        def get(self, dummy: str) -> Image:
            return first

    shelf = WithMarker(*named("c 4"), first, *named("B 2", "a 9"))
    assert read(shelf, sort="name:asc", limit=3, marker=OTHER_ID) == ["2", "4"]


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
        "images": [{**image_shape(image()), "retired": None, "replaces": None}]
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


@pytest.mark.parametrize("sort", ["created_at:desc", "name:asc"])
def test_an_image_that_is_hidden_between_the_two_lists_is_listed_once(sort: str) -> None:
    shelf = PagedImages(*named("a 1", "c 3"), *({**each, "os_hidden": True} for each in named("a 1", "b 2")))
    assert sorted(read(shelf, hidden="any", sort=sort)) == ["1", "2", "3"]


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


# --- patterns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("ubuntu-*", "12"),
        ("*", "12345"),
        ("ubuntu-2?.04", "12"),
        ("ubuntu-2[4-6].04", "2"),
        ("ubuntu-2[!4-6].04", "1"),
        ("[u]buntu", ""),
        ("Ubuntu*", "3"),
        ("*[[]x]", "4"),
        ("", "5"),
    ],
)
def test_a_pattern_is_compared_with_the_whole_name(pattern: str, found: str) -> None:
    names = ("ubuntu-22.04", "ubuntu-24.04", "Ubuntu", "a[x]", None)
    shelf = RecordingImages(*(image(id=str(number), name=name) for number, name in enumerate(names, 1)))
    request = parse_listing(params(name_pattern=pattern or "x"))._replace(name_pattern=pattern)
    assert "".join(each["id"] for each in read_listing(request, session_with(shelf))["images"]) == found
    assert shelf.asked == [([], None)]


def test_a_limit_counts_the_images_that_match_the_pattern() -> None:
    shelf = RecordingImages(*named("a 1", "b 2", "a 3", "a 4"))
    assert read(shelf, name_pattern="a*", limit=2) == ["1", "3"]
    assert read(shelf, name_pattern="b*", most_recent=True) == ["2"]


# --- warnings ----------------------------------------------------------------------------------------------------


def warnings_of(*images: Image, **given: Any) -> list[str]:
    said: list[str] = []
    session = Session(RecordingImages(*images), PROJECT, Transport(), said.append)
    read_listing(parse_listing(params(**given)), session)
    return said


@pytest.mark.parametrize("name", ["ubuntu-*", "ubuntu-2?.04", "ubuntu-[a]"])
def test_a_name_that_looks_like_a_pattern_and_finds_nothing_is_warned_of(name: str) -> None:
    (warning,) = warnings_of(image(), name=name)
    assert warning.startswith(f"name: no image was found. '{name}' is compared as it is; write name_pattern instead")
    assert warnings_of(image(name=name), name=name) == []


def test_a_time_in_the_future_is_warned_of_if_nothing_is_found() -> None:
    (warning,) = warnings_of(updated_at="gte:2999-01-31")
    assert warning.startswith("updated_at: no image was found, because 'gte:2999-01-31' is in the future")
    assert warnings_of(image(), created_at="gte:2999-01-31") == []


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        ("ubuntu", "write *ubuntu* if it is a part of the name"),
        *[
            (pattern, "if it is a regular expression, write * for any text")
            for pattern in ("^ubuntu.*", "-24[.]04$", r"24\.04", "^(a|b).*", "a[0-9]+", ".*ubuntu", "^a-[0-9]*$")
        ],
        ("{debian,ubuntu}*", "braces mean themselves, so run the task once for each text in them"),
    ],
)
def test_a_pattern_of_another_kind_that_finds_nothing_is_warned_of(pattern: str, advice: str) -> None:
    (warning,) = warnings_of(image(), name_pattern=pattern)
    start = f"name_pattern: no image was found. {quoted(pattern)} is compared with the whole name, as a shell pattern; "
    assert warning.startswith(start + advice)


@pytest.mark.parametrize("value", ["in:debian,ubuntu", "neq:debian", "deb*"])
def test_a_property_that_looks_like_a_filter_and_finds_nothing_is_warned_of(value: str) -> None:
    (warning,) = warnings_of(image(), properties={"os_distro": value})
    assert warning.startswith(f"properties.os_distro: no image was found. '{value}' is compared as it is. If")
    assert warnings_of(image(os_distro=value), properties={"os_distro": value}) == []


def test_a_name_that_is_the_id_of_an_image_is_warned_of() -> None:
    (warning,) = warnings_of(image(id=OTHER_ID), name=OTHER_ID)
    assert f"'{OTHER_ID}' is the id of an image. Write id" in warning
    assert warnings_of(image(), name=OTHER_ID) == []
    assert warnings_of(image(name=OTHER_ID), name=OTHER_ID) == []


@pytest.mark.parametrize(
    "given",
    [
        {"name": "ubuntu"},
        {"created_at": "gte:2026-01-31"},
        {"name_pattern": "x*"},
        {"name_pattern": "ubuntu-24.*"},
        {"properties": {"hw_list": '["web"]', "home": "https://x/?a=1"}},
        {"properties": {"os_distro": "debian"}},
        {},
    ],
)
def test_other_empty_lists_are_not_warned_of(given: dict[str, Any]) -> None:
    assert warnings_of(**given) == []


# --- fields and marks --------------------------------------------------------------------------------------------


def test_only_the_fields_that_are_named_are_returned_in_their_order() -> None:
    request = parse_listing(params(fields=["size", "name", "retired", "size"]))
    (found,) = read_listing(request, session_with(RecordingImages(image())))["images"]
    assert [*found.items()] == [("size", image()["size"]), ("name", "ubuntu-24.04"), ("retired", None)]


@pytest.mark.parametrize(
    ("given", "retired"),
    [
        ({"os_hidden": True}, "ubuntu-24.04"),
        ({"os_hidden": True, "id": OTHER_ID, BOUND_TO: OTHER_ID}, "ubuntu-24.04"),
        ({"name": "ubuntu-24.04-old", RETIRED_AS: "ubuntu-24.04-old"}, "ubuntu-24.04"),
        ({}, None),
        ({"os_hidden": True, BOUND_TO: OTHER_ID}, None),
        ({"os_hidden": True, "owner": None}, "ubuntu-24.04"),
        ({"os_hidden": True, "name": "another"}, None),
        ({"os_hidden": True, "name": None}, None),
        ({"name": "another", RETIRED_AS: "ubuntu-24.04-old"}, None),
        ({"name": "another"}, None),
    ],
)
def test_an_image_is_retired_if_its_mark_counts_and_it_is_as_it_was_left(
    given: dict[str, Any], retired: str | None
) -> None:
    marked = image(**{"id": OUR_ID, RETIRED: "ubuntu-24.04", BOUND_TO: OUR_ID, **given})
    assert listed_shape(marked)["retired"] == retired


@pytest.mark.parametrize(
    ("given", "replaces"),
    [
        ({"os_hidden": True}, OTHER_ID),
        ({}, None),
        ({"os_hidden": True, "pcd_shown": "true"}, None),
        ({"os_hidden": True, BOUND_TO: OTHER_ID}, None),
        ({"os_hidden": True, REPLACES: "some image"}, None),
    ],
)
def test_an_image_that_is_not_shown_yet_names_the_one_that_it_is_to_replace(
    given: dict[str, Any], replaces: str | None
) -> None:
    assert listed_shape(image(**{"id": OUR_ID, REPLACES: OTHER_ID, BOUND_TO: OUR_ID, **given}))["replaces"] == replaces
