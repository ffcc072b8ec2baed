# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a catalogue: each entry is what pcd_image makes of it, and all that is wrong is in one error."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._arguments import FuturePath
from ansible_collections.platform9.pcd.plugins.module_utils._catalog.options import (
    CATALOG_OPTIONS,
    MAX_LISTED,
    CatalogRequest,
    parse_catalog,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import ImageRequest, parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError, MissingPath
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import CATALOG
from ansible_collections.platform9.pcd.tests.support.samples import ID, options

URL = "https://vendor.example.com/image.qcow2"
SUMS = "sha256:https://vendor.example.com/SHA256SUMS"


def parse(*images: dict[str, Any], **given: Any) -> CatalogRequest:
    return parse_catalog(options(CATALOG_OPTIONS, images=list(images), **given))


def only(*images: dict[str, Any], **given: Any) -> ImageRequest:
    (entry,) = parse(*images, **given).entries
    return entry.request


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"min_disk": "20", "protected": "yes", "tags": "a,b"},
        {"state": "absent"},
        {"properties": {"a": 1, "b": None}},
        {"tags_present": ["x"], "id": ID},
        {"url": URL, "url_headers": {"X-Key": "a-Secret-0815"}, "on_content_change": "replace", "keep": 2},
    ],
)
def test_an_entry_is_what_the_module_for_one_image_makes_of_it(given: dict[str, Any]) -> None:
    typed = {"min_disk": 20, "protected": True, "tags": ["a", "b"]} if "min_disk" in given else given
    request, expected = only({"name": "a", **given}), parse_image({"name": "a", **typed})
    assert request.target == expected.target
    assert request.desired == expected.desired
    assert request.data._replace(source=None) == expected.data._replace(source=None)
    assert request.secrets == expected.secrets
    assert parse({"name": "a", **given}).secrets == expected.secrets


@pytest.mark.parametrize(
    ("defaults", "entry", "desired"),
    [
        ({"min_ram": 1}, {}, {"min_ram": 1}),
        ({"min_ram": 1}, {"min_ram": 2}, {"min_ram": 2}),
        ({"min_ram": 1}, {"min_ram": None}, {"min_ram": 1}),
        ({"min_ram": None}, {}, {}),
        ({"properties": {"a": "1", "b": "1"}}, {"properties": {"b": "2", "c": "2"}}, {"a": "1", "b": "2", "c": "2"}),
        ({"properties": {"a": "1"}}, {"properties": "b=2"}, {"a": "1", "b": "2"}),
        ({"properties": {"a": "1"}}, {"properties": {"a": None}}, {"a": None}),
        ({"tags": ["x"]}, {"tags": []}, {"tags": []}),
    ],
)
def test_defaults_count_unless_an_entry_says_otherwise(
    defaults: dict[str, Any], entry: dict[str, Any], desired: dict[str, Any]
) -> None:
    assert only({"name": "a", **entry}, defaults=defaults).desired == {"name": "a", **desired}


@pytest.mark.parametrize(
    "defaults",
    [
        {"checksum": SUMS, "decompress": True, "method": "upload"},
        {"url": URL, "url_username": "me", "url_password": "a-Secret-0815"},
        {"url_headers": {"X-Key": "a-Secret-0815"}},
        {"tags": ["a"]},
        {"keep": 2},
        {"all_stores": True},
        {"purge_properties": True},
        {"all_stores_must_succeed": False},
    ],
)
@pytest.mark.parametrize("entry", ["path", "tags_present", "id", "stores"])
def test_a_default_without_a_use_does_not_apply(defaults: dict[str, Any], entry: str, tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"data")
    own = {"path": str(path), "tags_present": ["x"], "id": ID, "stores": ["fast"]}[entry]
    request = only({"name": "a", entry: own}, defaults=defaults)
    assert request.target.name == "a"
    assert (entry == "path" and "decompress" in defaults) == request.data.decompress


def test_an_entry_is_marked_unless_it_is_absent() -> None:
    present, absent = parse({"name": "a"}, {"name": "b", "state": "absent"}, catalog="golden").entries
    assert present.request.desired[CATALOG] == "golden"
    assert CATALOG not in absent.request.desired
    assert CATALOG not in only({"name": "a"}).desired


def test_only_leaves_the_catalogue_as_it_is() -> None:
    request = parse({"name": "a"}, {"name": "b"}, only=["b"])
    assert [entry.name for entry in request.entries] == ["b"]
    assert [entry.name for entry in request.declared] == ["a", "b"]


@pytest.mark.parametrize(
    ("images", "given", "words"),
    [
        ([{}], {}, "images[0]: name: "),
        ([{"name": ""}], {}, "images[0]: name: "),
        ([{"name": "a"}, {"name": "a"}], {}, "images[1] (a): name: images[0] declares the same image"),
        (
            [{"name": "a", "min_disk": -1}, {"name": "a"}],
            {},
            "images[0] (a): min_disk: -1 is not a whole number from 0 to 2147483647; "
            "images[1] (a): name: images[0] declares the same image",
        ),
        ([{"nam": "a"}], {}, "images[0]: nam: "),
        ([{"name": "a", "id": ID}, {"name": "b", "id": ID.upper()}], {}, "images[1] (b): id: images[0]"),
        (
            [{"name": "a", "min_dsk": 1}],
            {},
            "images[0] (a): min_dsk: this module has no option of this name. Did you mean min_disk?",
        ),
        ([{"name": "a", "gibberish": 1}], {}, "images[0] (a): 'gibberish' is not an option of an image."),
        ([{"name": "a", "auth_url": "x"}], {}, "images[0] (a): 'auth_url' belongs to the task"),
        *[
            ([{"name": "a", option: "x"}], {}, f"images[0] (a): '{option}' belongs to the task, and not")
            for option in ("username", "password", "os_password", "project_id", "auth", "region", "validate-certs")
        ],
        ([{"name": "a", "members": ["x"]}], {}, "images[0] (a): members: this module has no option of this name. Use "),
        ([{"name": "a", "min_disk": "x"}], {}, "images[0] (a): min_disk: "),
        ([{"name": "a", "min_disk": 1.5}], {}, "images[0] (a): min_disk: "),
        ([{"name": "a", "visibility": "secret"}], {}, "images[0] (a): visibility: "),
        ([{"name": "a", "min_disk": [1]}], {}, "images[0] (a): min_disk: "),
        ([{"name": "a", "properties": [1]}], {}, "images[0] (a): properties: "),
        ([{"name": "a\x1b"}], {}, "images[0] (a\\x1b): name: "),
        ([{"name": "a", "url_password": "x"}], {}, "images[0] (a): "),
        ([{"name": "a", "checksum": SUMS}], {}, "images[0] (a): checksum: "),
        ([{"name": "a"}], {"defaults": {"name": "b"}}, "defaults: name: "),
        ([{"name": "a"}], {"defaults": {"min_disk": "x"}}, "defaults: min_disk: "),
        ([{"name": "a"}], {"defaults": {"cloud": "x"}}, "defaults: 'cloud' belongs to the task"),
        ([{"name": "a"}], {"defaults": {"retired_suffix": "x"}}, "defaults: retired_suffix: "),
        ([{"name": "a"}], {"workers": 0}, "workers: 0 "),
        ([{"name": "a"}], {"workers": 33}, "workers: 33 "),
        ([{"name": "a"}], {"prune_limit": -1}, "prune_limit: -1 "),
        ([{"name": "a"}], {"catalog": " "}, "catalog: "),
        ([{"name": "a"}], {"catalog": "\U0001f600"}, "catalog: "),
        ([{"name": "a"}], {"catalog": "x" * 256}, "catalog: "),
        ([{"name": "a"}], {"only": []}, "only: "),
        ([{"name": "a"}], {"only": ["b"]}, "only: there is no image 'b'"),
        ([{"name": "a"}], {"prune": True}, "prune: it needs catalog"),
        ([], {"prune": True, "catalog": "x"}, "prune: the list of images is empty"),
        ([{"name": "a"}], {"prune": True, "catalog": "x", "only": ["a"]}, "prune: it cannot be combined with only"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    images: list[dict[str, Any]], given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(*images, **given)
    assert str(caught.value).startswith(words)


def test_all_that_is_wrong_is_in_one_error_as_far_as_it_fits() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(*({"name": f"n{number}", "min_disk": "x"} for number in range(MAX_LISTED + 3)), workers=0)
    assert str(caught.value).count("min_disk: ") == MAX_LISTED
    assert str(caught.value).endswith("And 4 more.")


def test_an_error_about_missing_paths_has_their_places() -> None:
    with pytest.raises(MissingPath) as caught:
        parse({"name": "a", "path": "/no/a"}, {"name": "b"}, {"name": "c", "path": "/no/c"})
    assert caught.value.places == [("images", 0, "path"), ("images", 2, "path")]
    with pytest.raises(ConfigurationError) as other:
        parse({"name": "a", "path": "/no/a"}, {"name": "b", "min_disk": "x"})
    assert not isinstance(other.value, MissingPath)


def test_the_place_of_a_missing_path_in_the_defaults_is_named_once() -> None:
    with pytest.raises(MissingPath) as caught:
        parse({"name": "a"}, {"name": "b"}, defaults={"path": "/no/a"})
    assert caught.value.places == [("defaults", "path")]


@pytest.mark.parametrize("given", ["/no/a", "~/no-such-image"])
def test_a_path_that_may_be_there_later_stays_one(given: str) -> None:
    own = only({"name": "a", "path": FuturePath(given)})
    shared = only({"name": "a"}, defaults={"path": FuturePath(given)})
    assert [str(request.data.source) for request in (own, shared)] == [os.path.expanduser(given)] * 2


def test_a_default_counts_for_the_entries_that_have_what_it_needs() -> None:
    requests = parse(
        {"name": "a", "properties": {"x": "y"}}, {"name": "b"}, defaults={"purge_properties": True}
    ).entries
    assert [entry.request.purge for entry in requests] == [True, False]


def test_the_same_name_of_two_owners_is_two_images() -> None:
    assert len(parse({"name": "a", "owner": "0" * 32}, {"name": "a", "owner": "1" * 32}).entries) == 2


def test_pruned_images_are_retired_as_the_defaults_say() -> None:
    request = parse(
        {"name": "a"}, defaults={"retired": "rename", "retired_suffix": "-x", "force": True, "checksum": SUMS}
    )
    assert (request.retired, request.retired_suffix, request.force) == ("rename", "-x", True)
