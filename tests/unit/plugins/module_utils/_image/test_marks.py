# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a mark is worth: documents in, answers out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    REPLACES,
    RETIRED,
    SHOWN,
    is_custom,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.marks import (
    bound,
    foreign_marks,
    is_retired,
    is_rival,
    is_unfinished,
    mark_of,
    replaces,
    standing,
    unmarking,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Update
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    OUR_OTHER_ID,
    PROJECT,
    image,
    marked,
)

# The image that carries the mark, as far as it differs from one that does; and whether the mark counts on it.
REPLACING: dict[str, tuple[dict[str, Any], bool]] = {
    "as this collection writes it": ({}, True),
    "of another owner": ({"owner": OTHER_PROJECT}, False),
    "of no owner": ({"owner": None}, False),
    "not bound": ({BOUND_TO: None}, False),
    "bound to another image": ({BOUND_TO: OUR_OTHER_ID}, False),
    "with an id that is not ours": ({"id": OTHER_ID, BOUND_TO: OTHER_ID}, False),
    "of itself": ({REPLACES: OUR_ID}, False),
    "no id": ({REPLACES: "all"}, False),
    "empty": ({REPLACES: ""}, False),
    "two ids": ({REPLACES: f"{ID} {OTHER_ID}"}, False),
    "with a line break": ({REPLACES: f"{ID}\n"}, False),
    "no text": ({REPLACES: 1}, False),
    "none": ({REPLACES: None}, False),
}


@pytest.mark.parametrize(("differs", "counts"), REPLACING.values(), ids=REPLACING.keys())
def test_a_mark_counts_only_on_the_image_that_this_collection_has_written_it_onto(
    differs: dict[str, Any], counts: bool
) -> None:
    new = marked(**{REPLACES: ID})
    new = {**new, **differs}
    assert (mark_of(new, REPLACES, PROJECT) == ID) is counts
    assert mark_of(new, REPLACES, PROJECT) in (ID, None)
    assert replaces(new, image()) is counts


RETIRING: dict[str, tuple[dict[str, Any], bool]] = {
    "as this collection writes it": ({}, True),
    "on an image that another tool has made": ({"id": OTHER_ID, BOUND_TO: OTHER_ID}, True),
    "on a snapshot": ({BOUND_TO: OUR_OTHER_ID}, False),
    "not bound": ({BOUND_TO: None}, False),
    "other words": ({RETIRED: "yes"}, False),
    "not hidden": ({"os_hidden": False}, False),
}


@pytest.mark.parametrize(("differs", "counts"), RETIRING.values(), ids=RETIRING.keys())
def test_an_image_is_retired_only_with_a_mark_of_its_own(differs: dict[str, Any], counts: bool) -> None:
    assert is_retired({**marked(os_hidden=True, **{RETIRED: "ubuntu-24.04"}), **differs}) is counts


@given(st.text(), st.text(), st.one_of(st.none(), st.text()))
def test_no_text_makes_a_mark_count_for_another_owner_or_image(value: str, binding: str, owner: str | None) -> None:
    there = {**image(id=OUR_ID, owner=owner), REPLACES: value, RETIRED: value, BOUND_TO: binding}
    for mark in (REPLACES, RETIRED):
        assert mark_of(there, mark, PROJECT) is None or (owner, binding) == (PROJECT, OUR_ID)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({}, {"name": "other"}, False),
        ({"name": None}, {"name": None}, True),
        ({}, {"owner": OTHER_PROJECT}, False),
        ({}, {"visibility": "public"}, False),
        ({"visibility": "public"}, {"visibility": "public"}, True),
        ({"visibility": "public"}, {}, True),
        ({}, {"id": OTHER_ID}, False),
    ],
)
def test_a_replacement_has_the_owner_and_name_of_the_old_one_and_only_an_administrators_replaces_a_public_one(
    new: dict[str, Any], old: dict[str, Any], expected: bool
) -> None:
    assert replaces(marked(**{REPLACES: ID}, **new), image(**old)) is expected


def test_an_image_that_was_shown_or_is_visible_is_not_an_unfinished_replacement() -> None:
    assert is_unfinished(marked(os_hidden=True))
    assert not is_unfinished(marked(os_hidden=False))
    assert not is_unfinished(marked(os_hidden=True, **{SHOWN: "anything"}))


def test_a_rival_replaces_the_same_image_for_the_same_owner() -> None:
    made = marked(os_hidden=True, **{REPLACES: ID})
    other = marked(id=OUR_OTHER_ID, os_hidden=True, **{REPLACES: ID})
    assert is_rival(other, made)
    for differs in ({REPLACES: OTHER_ID}, {"owner": OTHER_PROJECT}, {BOUND_TO: ID}, {"os_hidden": False}):
        assert not is_rival({**other, **differs}, made)
    assert not is_rival(other, {**made, "visibility": "public"})


# --- which images a name means -----------------------------------------------------------------------------------


def test_in_a_chain_of_replacements_the_last_one_is_meant() -> None:
    first, second = image(), marked(**{REPLACES: ID})
    third = marked(id=OUR_OTHER_ID, **{REPLACES: OUR_ID})
    assert standing([first, second, third]) == [third]
    assert standing([third, first, second]) == [third]
    assert standing([second, third]) == [third]


def test_an_unfinished_replacement_is_not_meant_beside_what_it_replaces() -> None:
    old, new = image(os_hidden=True), marked(os_hidden=True, **{REPLACES: ID})
    assert standing([old, new]) == [old]
    assert standing([new]) == [new]
    assert standing([old, {**new, SHOWN: "true"}]) == [{**new, SHOWN: "true"}]


def test_marks_in_a_circle_leave_nothing_out() -> None:
    one = marked(**{REPLACES: OUR_OTHER_ID})
    two = marked(id=OUR_OTHER_ID, **{REPLACES: OUR_ID})
    other = image()
    assert standing([one, two]) == [one, two]
    assert standing([one, two, other]) == [one, two, other]
    three_id = new_id()
    three = marked(id=three_id, **{REPLACES: OUR_ID})
    # What leads into a circle leads to no end either, though it is itself outside.
    assert three in standing([one, two, three])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.booleans()), max_size=6))
def test_whatever_the_marks_say_a_name_that_something_has_means_something(links: list[tuple[int, int, bool]]) -> None:
    ids = [*IDS, ID, OTHER_ID]
    images = {number: image(id=ids[number], os_hidden=hidden) for number, dummy, hidden in links}
    for number, target, dummy in links:
        images[number] = {**images[number], REPLACES: ids[target], BOUND_TO: ids[number]}
    there = list(images.values())
    left = standing(there)
    assert bool(left) == bool(there)
    assert all(each in there for each in left)


IDS = [new_id() for dummy in range(6)]


# --- writing them ------------------------------------------------------------------------------------------------


def test_a_new_image_is_bound_to_its_id_only_if_it_carries_a_mark() -> None:
    assert bound({"id": ID, REPLACES: OTHER_ID}) == {"id": ID, REPLACES: OTHER_ID, BOUND_TO: ID}
    assert bound({"id": ID, "name": "a"}) == {"id": ID, "name": "a"}


def test_what_binds_goes_with_the_last_mark() -> None:
    assert unmarking(marked(**{REPLACES: ID, SHOWN: "true"}), REPLACES, SHOWN) == [REPLACES, SHOWN, BOUND_TO]
    assert unmarking(marked(**{REPLACES: ID, RETIRED: "true"}), REPLACES, SHOWN) == [REPLACES]
    assert unmarking(marked(), REPLACES, SHOWN) == []
    assert unmarking(image(**{REPLACES: ID}), REPLACES, SHOWN) == [REPLACES]


@pytest.mark.parametrize("name", [REPLACES, RETIRED, SHOWN, BOUND_TO, "pcd_source", "pcd_catalog", "pcd_anything"])
def test_every_name_of_this_collection_is_reserved(name: str) -> None:
    assert not is_custom(name)
    assert foreign_marks({name: "x", "os_distro": "y"}, ()) == [name]
    assert foreign_marks({name: "x"}, (name,)) == []


def test_what_binds_a_mark_that_an_image_has_got_meanwhile_stays() -> None:
    """Another run has retired the replacement before the end of this one."""
    ending = Update([{"op": "remove", "path": f"/{key}"} for key in (BOUND_TO, REPLACES, SHOWN)])
    marked = {"id": OUR_ID, REPLACES: ID, SHOWN: "true", BOUND_TO: OUR_ID}
    assert ending.patch_of(marked) == ending.patch
    retired = {"id": OUR_ID, RETIRED: "debian-13", BOUND_TO: OUR_ID}
    assert ending.patch_of(retired) == []
    assert ending.patch_of({**retired, SHOWN: "true"}) == [{"op": "remove", "path": f"/{SHOWN}"}]
