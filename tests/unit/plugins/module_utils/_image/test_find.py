# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Query
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    Forbidden,
    PlanError,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import REPLACES
from ansible_collections.platform9.pcd.plugins.module_utils._image.find import MAX_LISTED, find
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import Target
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import RecordingImages, error
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    PROJECT,
    image,
    marked,
)

THIRD_PROJECT = "c0ffee00c0ffee00c0ffee00c0ffee00"


def unheard(warning: str) -> None:
    raise AssertionError(warning)


def session_with(shelf: RecordingImages, project: str | None = PROJECT) -> Session:
    return Session(shelf, project, Transport(), unheard)


def found(shelf: RecordingImages, project: str | None = PROJECT, **given: Any) -> str | None:
    target = Target(**{"id": None, "name": "a", **given})
    one = find(session_with(shelf, project), target)
    return None if one is None else str(one["id"])


def test_an_id_is_looked_up_without_a_list() -> None:
    shelf = RecordingImages(image(id=ID, owner=OTHER_PROJECT, os_hidden=True))
    assert found(shelf, id=ID) == ID
    assert found(shelf, id=ID, name=None) == ID
    assert found(shelf, id=OTHER_ID) is None
    assert shelf.queries == []


def test_an_id_means_the_same_in_capitals() -> None:
    shelf = RecordingImages(image(id=ID))
    assert found(shelf, id=ID.upper()) == ID
    assert shelf.done == [("get", ID.upper()), ("get", ID)]
    assert found(RecordingImages(image(id=ID.upper())), id=ID.upper()) == ID.upper()


@pytest.mark.parametrize("kind", [Forbidden, ApiError])
def test_only_a_404_of_the_service_means_that_there_is_no_image(kind: type[ApiError]) -> None:
    with pytest.raises(kind):
        found(RecordingImages(get=error(kind, 404 if kind is ApiError else 403)), id=ID)


def test_an_image_of_ones_own_is_found_by_its_name() -> None:
    shelf = RecordingImages(image(id="1", name="a"), image(id="2", name="b"))
    assert found(shelf) == "1"
    assert shelf.queries == [[("name", "eq:a"), ("owner", PROJECT)]]


def test_no_image_of_that_name_takes_two_look_ups() -> None:
    shelf = RecordingImages(image(id="2", name="b"))
    assert found(shelf) is None
    assert shelf.queries == [
        [("name", "eq:a"), ("owner", PROJECT)],
        [("name", "eq:a"), ("owner", PROJECT), ("os_hidden", "true")],
    ]


@pytest.mark.parametrize("visibility", ["public", "community", "shared", "private"])
def test_an_image_of_another_project_is_not_taken_for_ones_own(visibility: str) -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT, visibility=visibility))
    assert found(shelf) is None
    assert found(shelf, match="visible") == "1"


def test_with_visible_the_list_is_not_narrowed_to_an_owner() -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT))
    found(shelf, match="visible")
    assert shelf.queries == [[("name", "eq:a")]]


@pytest.mark.parametrize("name", ["A", "a ", "ä"])
def test_names_are_compared_exactly_even_if_the_database_does_not(name: str) -> None:
    class Careless(RecordingImages):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            self.queries.append([*query])
            yield from self.images.values()

    for match in ("own", "visible"):
        assert found(Careless(image(id="1", name=name)), match=match) is None
        assert found(Careless(image(id="1", name=name), image(id="2", name="a")), match=match) == "2"


def test_the_owner_is_compared_even_if_the_service_does_not() -> None:
    class Careless(RecordingImages):
        def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
            yield from self.images.values()

    assert found(Careless(image(id="1", name="a", owner=OTHER_PROJECT))) is None


@pytest.mark.parametrize("match", ["own", "visible"])
def test_with_an_owner_a_name_means_an_image_of_that_owner_and_no_other(match: str) -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT)
    third = image(id="3", name="a", owner=THIRD_PROJECT)
    assert found(RecordingImages(own, theirs, third), owner=OTHER_PROJECT, match=match) == "2"
    assert found(RecordingImages(own, third), owner=OTHER_PROJECT, match=match) is None
    assert found(RecordingImages(own, theirs), owner=PROJECT, match=match) == "1"


def test_a_hidden_image_of_the_owner_is_found_by_a_second_look() -> None:
    own, theirs = image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT, os_hidden=True)
    shelf = RecordingImages(own, theirs)
    assert found(shelf, owner=OTHER_PROJECT) == "2"
    assert [("owner", OTHER_PROJECT) in query for query in shelf.queries] == [True, True]


@pytest.mark.parametrize("match", ["own", "visible"])
def test_hidden_images_count_if_there_is_no_other(match: str) -> None:
    hidden = image(id="1", name="a", os_hidden=True)
    shown = image(id="2", name="a")
    assert found(RecordingImages(hidden), match=match) == "1"
    both = RecordingImages(hidden, shown)
    assert found(both, match=match) == "2"
    assert len(both.queries) == 1


def test_a_hidden_image_of_ones_own_goes_before_nothing_of_ones_own() -> None:
    shelf = RecordingImages(image(id="1", name="a", owner=OTHER_PROJECT), image(id="2", name="a", os_hidden=True))
    assert found(shelf) == "2"


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("match", ["own", "visible"])
def test_two_images_of_one_name_are_not_guessed_between(match: str, hidden: bool) -> None:
    one = image(id="1", name="a", status="active", created_at="2026-01-01T00:00:00Z", os_hidden=hidden)
    two = image(id="2", name="a", status="queued", created_at="2026-02-02T00:00:00Z", os_hidden=hidden)
    with pytest.raises(PlanError, match="^name: 2 images are named 'a'") as caught:
        found(RecordingImages(one, two), match=match)
    for part in (
        "1 ",
        "2 ",
        "active",
        "queued",
        PROJECT,
        "2026-01-01T00:00:00Z",
        "2026-02-02T00:00:00Z",
        "Give the id",
    ):
        assert part in str(caught.value)
    assert caught.value.facts == {
        "images": [
            {"id": "1", "status": "active", "owner": PROJECT, "created_at": "2026-01-01T00:00:00Z"},
            {"id": "2", "status": "queued", "owner": PROJECT, "created_at": "2026-02-02T00:00:00Z"},
        ]
    }


def test_one_of_ones_own_and_one_of_others_are_two_with_visible_and_one_with_own() -> None:
    shelf = RecordingImages(image(id="1", name="a"), image(id="2", name="a", owner=OTHER_PROJECT))
    assert found(shelf) == "1"
    with pytest.raises(PlanError, match="2 images"):
        found(shelf, match="visible")


@pytest.mark.parametrize("match", ["own", "visible"])
def test_an_image_whose_replacement_stands_beside_it_is_meant_no_more(match: str) -> None:
    old = image(id=ID, name="a")
    new = marked(name="a", **{REPLACES: ID})
    assert found(RecordingImages(old, new), match=match) == OUR_ID
    # Hidden, it does not stand there yet, whether the old one is hidden or not.
    assert found(RecordingImages(old, {**new, "os_hidden": True}), match=match) == ID
    assert found(RecordingImages({**old, "os_hidden": True}, {**new, "os_hidden": True}), match=match) == ID


@pytest.mark.parametrize("match", ["own", "visible"])
def test_a_mark_between_images_of_two_owners_decides_nothing(match: str) -> None:
    old = image(id=ID, name="a")
    planted = marked(name="a", owner=OTHER_PROJECT, visibility="public", **{REPLACES: ID})
    if match == "own":
        assert found(RecordingImages(old, planted)) == ID
        return
    with pytest.raises(PlanError, match="^name: 2 images"):
        found(RecordingImages(old, planted), match=match)


def test_a_replacement_does_not_decide_between_others() -> None:
    third = image(id=OTHER_ID, name="a")
    images = [image(id=ID, name="a"), marked(name="a", **{REPLACES: ID}), third]
    with pytest.raises(PlanError, match=f"^name: 2 images are named 'a': {OUR_ID} .*; {OTHER_ID} "):
        found(RecordingImages(*images))


def test_very_many_images_of_one_name_are_counted_and_not_all_shown() -> None:
    many = [image(id=f"id-{number:03}", name="a") for number in range(MAX_LISTED + 5)]
    with pytest.raises(PlanError, match=f"^name: {MAX_LISTED + 5} images") as caught:
        found(RecordingImages(*many))
    assert "and 5 more" in str(caught.value)
    assert str(caught.value).count("id-") == MAX_LISTED
    assert len(caught.value.facts["images"]) == MAX_LISTED + 5


@pytest.mark.parametrize("visibility", ["private", "shared", "public", "community"])
def test_without_a_known_project_a_name_is_refused_before_anything_is_asked(visibility: str) -> None:
    shelf = RecordingImages(image(id="1", name="a", visibility=visibility))
    with pytest.raises(ConfigurationError, match="^project_id: .*'a'.* Give project_id, or the id .* match: visible"):
        found(shelf, project=None)
    assert shelf.queries == []
    assert found(shelf, project=None, match="visible") == "1"
    assert found(shelf, project=None, id="1") == "1"


def test_without_a_known_project_the_desired_owner_is_still_known() -> None:
    shelf = RecordingImages(image(id="1", name="a", visibility="public", owner=OTHER_PROJECT))
    assert found(shelf, owner=OTHER_PROJECT, project=None) == "1"
