# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What plans ask for is answered from two lists, once; all else by the service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._catalog.listing import OLDEST_FIRST, Listings
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Images, Names, Query
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import REPLACES, RETIRED
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import Glance, session_with
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_ID, OTHER_PROJECT, OUR_ID, PROJECT, image

SHOWN = image(id=ID, name="a")
SECOND = image(id=OTHER_ID, name="a", **{REPLACES: ID, RETIRED: "a"})
HIDDEN = image(id=OUR_ID, name="a", os_hidden=True, **{REPLACES: ID})
OWN = ("owner", PROJECT)
NAMED = ("name", "eq:a")


class Counting(Glance):
    """It notes each list and each look-up that it is asked for."""

    def __init__(self, *images: Image) -> None:
        super().__init__(*images)
        self.asked: list[Any] = []

    def list(self, query: Query = (), at_most: int | None = None, page_size: int | None = None) -> Iterator[Image]:
        self.asked.append([*query])
        return super().list(query, at_most, page_size)

    def get(self, image_id: str) -> Image:
        self.asked.append(image_id)
        return super().get(image_id)

    def import_methods(self) -> Names:
        self.asked.append("methods")
        return super().import_methods()


@pytest.fixture
def service() -> Counting:
    return Counting(SHOWN, SECOND, HIDDEN, image(id="f" * 8, name="b", owner=OTHER_PROJECT))


@pytest.fixture
def listed(service: Counting) -> Images:
    session = session_with(service)
    return Listings(service, PROJECT).of(session).images


def ids(images: Images, *query: tuple[str, str]) -> list[str]:
    return [each["id"] for each in images.list(query)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ((NAMED, OWN), [ID, OTHER_ID]),
        ((("name", "eq:A"), OWN), []),
        ((NAMED, OWN, ("os_hidden", "true")), [OUR_ID]),
        (((REPLACES, ID), OWN, ("os_hidden", "true"), ("sort", OLDEST_FIRST)), [OUR_ID]),
        (((REPLACES, ID), OWN), [OTHER_ID]),
        (((RETIRED, "a"), OWN), [OTHER_ID]),
        ((NAMED, OWN, ("sort", OLDEST_FIRST)), [OTHER_ID, ID]),
    ],
)
def test_a_question_about_the_own_project_is_answered_from_one_list(
    query: tuple[tuple[str, str], ...], found: list[str], service: Counting, listed: Images
) -> None:
    assert ids(listed, *query) == found
    hidden = [("os_hidden", "true")] if ("os_hidden", "true") in query else []
    assert service.asked == [[OWN, *hidden]]


def test_all_questions_take_two_lists_and_the_second_time_the_service(service: Counting, listed: Images) -> None:
    for number in range(5):
        ids(listed, ("name", f"eq:{number}"), OWN)
        ids(listed, ("name", f"eq:{number}"), OWN, ("os_hidden", "true"))
    assert len(service.asked) == 2
    ids(listed, ("name", "eq:0"), OWN)
    assert service.asked[2:] == [[("name", "eq:0"), OWN]]


@pytest.mark.parametrize(
    "query",
    [
        (NAMED,),
        (NAMED, ("owner", OTHER_PROJECT)),
        (("name", "in:a,b"), OWN),
        (NAMED, OWN, ("status", "active")),
        (NAMED, OWN, ("sort", "name:asc")),
    ],
)
def test_other_questions_are_for_the_service(
    query: tuple[tuple[str, str], ...], service: Counting, listed: Images
) -> None:
    ids(listed, *query)
    assert service.asked == [[*query]]


def test_an_image_of_the_lists_is_looked_up_once_without_a_request(service: Counting, listed: Images) -> None:
    assert listed.get(OUR_ID)["id"] == OUR_ID
    assert service.asked == [[OWN], [OWN, ("os_hidden", "true")]]
    assert listed.get(OUR_ID)["id"] == OUR_ID
    assert listed.get("f" * 8)["id"] == "f" * 8
    assert service.asked[2:] == [OUR_ID, "f" * 8]


def test_what_the_service_offers_is_asked_for_once(service: Counting, listed: Images) -> None:
    assert listed.import_methods() == listed.import_methods() == service.offered_methods
    assert service.asked == ["methods"]
    assert listed.stores() == service.offered_stores


def test_an_answer_is_nobody_elses(listed: Images) -> None:
    (first, dummy) = listed.list([NAMED, OWN])
    first["name"] = "b"
    assert listed.get(first["id"])["name"] == "a"
