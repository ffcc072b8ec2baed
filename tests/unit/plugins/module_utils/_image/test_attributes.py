# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes of an image: the shape of a result, origins and ids."""

from __future__ import annotations

import time
import uuid
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    ATTRIBUTES,
    SOURCE,
    Origin,
    folded,
    image_shape,
    is_custom,
    is_ours,
    new_id,
    origin_of,
    origin_property,
    stores_of,
    without_converted,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import parse_target
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_PROJECT,
    PROJECT,
    image,
)

# --- folded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fo\u00f3 ", "FOO"),
        ("Stra\u00dfe", "STRASE"),
        ("\u03bf\u03c2", "\u039f\u03a3"),
        ("\ufb01", "\ufb01"),  # a ligature
        ("e\u0301", "E\u0301"),  # an accent of its own
        ("\u226e`", "\u226e`"),  # "not less than" is not a letter
        ("\uac00", "\uac00"),
        ("_a", "_A"),
    ],
)
def test_texts_are_compared_as_mariadb_does(text: str, expected: str) -> None:
    """Compared with WEIGHT_STRING of MariaDB 10.11 for all characters that it stores."""
    assert folded(text) == expected


# --- image_shape -------------------------------------------------------------------------------------------------


def test_the_shape_has_every_attribute_even_of_an_image_that_has_none() -> None:
    shape = image_shape({})
    assert shape.keys() == {*ATTRIBUTES, "stores", "properties"}
    assert shape["tags"] == []
    assert shape["properties"] == {}
    assert shape["stores"] is None
    assert all(shape[attribute] is None for attribute in ATTRIBUTES if attribute != "tags")


def test_the_shape_sorts_tags_and_keeps_custom_properties_apart() -> None:
    shape = image_shape(image(tags=["b", "a"], zoo="1", Bar="2"))
    assert shape["tags"] == ["a", "b"]
    assert shape["properties"] == {"Bar": "2", "os_distro": "ubuntu", "zoo": "1"}
    assert list(shape["properties"]) == ["Bar", "os_distro", "zoo"]
    assert not shape.keys() & {"os_glance_failed_import", "os_distro"}


def test_the_shape_takes_tags_that_are_null_for_none() -> None:
    assert image_shape(image(tags=None))["tags"] == []


def test_making_the_shape_leaves_the_document_as_it_was() -> None:
    document = image(tags=["b", "a"])
    image_shape(document)
    assert document == image(tags=["b", "a"])


@pytest.mark.parametrize(
    ("stores", "listed", "shown"),
    [
        ("library", ["library"], ["library"]),
        ("slow,fast", ["fast", "slow"], ["fast", "slow"]),
        ("", [], None),
        (None, [], None),
        (",", [], None),
    ],
)
def test_the_stores_are_a_list_in_one_order(stores: str | None, listed: list[str], shown: list[str] | None) -> None:
    assert stores_of(image(stores=stores)) == listed
    assert image_shape(image(stores=stores))["stores"] == shown


def test_a_service_that_names_no_stores_has_none() -> None:
    assert stores_of({}) == []


# --- what the data was made from ---------------------------------------------------------------------------------

MADE_FROM = Origin("sha256", "2" * 64, "qcow2")
MEMORY = f"sha256:{'2' * 64}=sha512:b9f2c1 from qcow2"


def converted(**given: Any) -> dict[str, Any]:
    return image(**{"disk_format": "raw", SOURCE: MEMORY, **given})


@pytest.mark.parametrize("origin", [MADE_FROM, MADE_FROM._replace(disk_format=None)])
def test_an_origin_is_read_as_it_was_written(origin: Origin) -> None:
    there = image()
    assert origin_of({**there, SOURCE: origin_property(origin, there)}, PROJECT) == origin


def test_an_origin_without_a_conversion_has_the_form_of_a_plain_pair() -> None:
    assert origin_property(MADE_FROM._replace(disk_format=None), image()) == f"sha256:{'2' * 64}=sha512:b9f2c1"


@pytest.mark.parametrize(
    ("given", "project"),
    [
        pytest.param({}, OTHER_PROJECT, id="another project's image"),
        pytest.param({}, None, id="a project that is not known"),
        pytest.param({"owner": OTHER_PROJECT}, PROJECT, id="an image that was given away"),
        pytest.param({"owner": None}, PROJECT, id="an image of nobody"),
        pytest.param({"os_hash_value": "b9f2c2"}, PROJECT, id="a copy on other data, such as a snapshot"),
        pytest.param({"os_hash_algo": "sha256"}, PROJECT, id="another algorithm"),
        pytest.param({"os_hash_algo": None, "os_hash_value": None}, PROJECT, id="no hash to be bound to"),
        pytest.param({"status": "queued", "os_hash_value": None}, PROJECT, id="a record without data"),
        pytest.param({SOURCE: ""}, PROJECT, id="empty"),
        pytest.param({SOURCE: "sha512:None"}, PROJECT, id="half of it"),
        pytest.param({SOURCE: MEMORY + " and more"}, PROJECT, id="more than that"),
        pytest.param({SOURCE: MEMORY.upper()}, PROJECT, id="in capitals"),
        pytest.param({SOURCE: "sha256:2=None:None"}, PROJECT, id="bound to nothing"),
    ],
)
def test_a_memory_that_anybody_can_have_written_or_copied_counts_for_nothing(
    given: dict[str, Any], project: str | None
) -> None:
    assert origin_of(converted(), PROJECT) == MADE_FROM
    assert origin_of(converted(**given), project) is None
    desired = {"disk_format": "qcow2", "container_format": "ovf"}
    assert without_converted(desired, converted(**given), project) == desired


def test_a_service_that_reports_no_hash_has_nothing_to_bind_an_origin_to() -> None:
    assert origin_property(MADE_FROM, image(os_hash_value=None)) is None


@pytest.mark.parametrize(
    ("desired", "left"),
    [
        ({"disk_format": "qcow2", "min_disk": 1}, {"min_disk": 1}),
        ({"disk_format": "qcow2", "container_format": "ovf"}, {}),
        # Another format than that of the source is a mistake, as ever.
        ({"disk_format": "vmdk"}, {"disk_format": "vmdk"}),
        ({"disk_format": "raw"}, {"disk_format": "raw"}),
    ],
)
def test_what_a_conversion_has_changed_is_not_a_difference(desired: dict[str, Any], left: dict[str, Any]) -> None:
    assert without_converted(desired, converted(), PROJECT) == left
    assert without_converted(desired, image(), PROJECT) == desired
    assert without_converted(desired, None, PROJECT) == desired


def test_the_memory_of_a_source_is_not_a_property_of_the_user() -> None:
    assert not is_custom(SOURCE)
    assert SOURCE not in image_shape(converted())["properties"]


# --- ids of our own ----------------------------------------------------------------------------------------------


def test_an_id_of_our_own_is_a_uuid_that_is_known_again_in_every_form() -> None:
    for dummy in range(100):
        made = new_id()
        parse_target({"id": made, "name": None, "match": "own"})
        assert str(uuid.UUID(made)) == made
        assert is_ours(made)
        assert is_ours(made.upper())
        assert is_ours(made.replace("-", ""))


def test_every_id_of_our_own_is_another_one() -> None:
    assert len({new_id() for dummy in range(1000)}) == 1000


def test_ids_of_our_own_are_sorted_by_their_time() -> None:
    """Whole seconds of `created_at` do not say which image was the first."""
    made = []
    for dummy in range(20):
        made.append(new_id())
        time.sleep(0.002)
    assert made == sorted(made)
    assert {uuid.UUID(each).version for each in made} == {7}


def test_an_id_of_an_earlier_release_candidate_is_still_ours() -> None:
    for made in ("8d018ae3-b0e5-409f-8eac-aac69e115cd6", "0A063029-F511-40B5-836E-69FBA2A04C91"):
        assert is_ours(made)
        assert not is_ours(made[:-1] + ("0" if made[-1] != "0" else "1"))


def test_ids_of_others_are_not_ours() -> None:
    assert not any(is_ours(str(uuid.UUID(int=number, version=4))) for number in range(1000))
    assert not is_ours(ID)


def test_an_id_of_our_own_that_is_changed_is_ours_no_more() -> None:
    made = new_id()
    for at in (0, 9, 35):
        changed = made[:at] + ("0" if made[at] != "0" else "1") + made[at + 1 :]
        assert not is_ours(changed)
