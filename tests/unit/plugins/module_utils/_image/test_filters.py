# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a list -> its request, or one line that says what to write."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._errors import ConfigurationError
from ansible_collections.platform9.pcd.plugins.module_utils._image.filters import (
    DETAIL_OPTIONS,
    FILTER_OPTIONS,
    SORT_KEYS,
    is_to_come,
    parse_listing,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import IDENTITY_OPTIONS
from ansible_collections.platform9.pcd.tests.support.samples import ID, options

SPEC = {**IDENTITY_OPTIONS, **FILTER_OPTIONS, **DETAIL_OPTIONS}


def params(**given: Any) -> dict[str, Any]:
    return options(SPEC, **given)


# --- the query ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "query"),
    [
        pytest.param({}, [], id="nothing given, nothing asked"),
        pytest.param({"protected": True}, [("protected", "true")], id="protected"),
        pytest.param({"protected": False}, [("protected", "false")], id="not protected"),
        pytest.param({"status": ["active"]}, [("status", "active")], id="status"),
        pytest.param({"status": ["active", "queued", "active"]}, [("status", "in:active,queued")], id="statuses"),
        pytest.param({"disk_format": ["raw", "iso"]}, [("disk_format", "in:raw,iso")], id="disk_format"),
        pytest.param({"container_format": ["bare"]}, [("container_format", "bare")], id="container_format"),
        pytest.param({"name_pattern": "ubuntu-*"}, [], id="a pattern is compared here"),
        pytest.param({"fields": ["id"]}, [], id="fields are left out here"),
        pytest.param({"owner": "web"}, [], id="an owner is looked up first"),
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
    """Beside `most_recent`, which is a query and a limit."""
    values: dict[str, Any] = {
        "id": ID,
        "protected": True,
        "status": ["active"],
        "disk_format": ["raw"],
        "container_format": ["bare"],
        "hidden": "any",
        "members": True,
        "fields": ["id"],
        "created_at": "gte:2026-01-31",
        "updated_at": "gte:2026-01-31",
        "size_min": 1,
        "size_max": 2,
        "properties": {"a": "b"},
        "limit": 3,
        "most_recent": True,
        "marker": ID,
        "checksum": "md5:" + "a" * 32,
        "sort": "name:asc",
        "sort_key": "name",
    }
    nothing = parse_listing(params())
    for option in SPEC.keys() - {"project_domain"}:
        assert parse_listing(params(**{option: values.get(option, "true")})) != nothing, option
    assert parse_listing(params(owner="web", project_domain="customers")).domain == "customers"


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
        ({"size_min": 2, "size_max": 1}, "size_min: 2 is more than size_max, 1"),
        ({"marker": "last"}, "marker: .*Give the id of the image that the list is to begin after"),
        ({"name_pattern": " "}, "name_pattern: "),
        ({"owner": ""}, "owner: "),
        ({"owner": "web", "project_domain": ""}, "project_domain: "),
        ({"project_domain": "customers"}, "project_domain: .*Give owner"),
        ({"status": []}, "status: the list is empty"),
        ({"disk_format": []}, "disk_format: the list is empty"),
        ({"disk_format": ["raw"], "properties": {"disk_format": "iso"}}, "properties.disk_format: .*Leave one"),
        (
            {"properties": {"disk_format": ["raw", "iso"]}},
            "properties.disk_format: a list .*Use the option disk_format",
        ),
        ({"properties": {"os_distro": {"a": "b"}}}, "properties.os_distro: a dictionary .*Write one value"),
        ({"created_at": "2026-01-01"}, "created_at: .*no operator.*Write created_at=gte:2026-01-01 .*lt:2026-01-01"),
        ({"updated_at": "2026-01-01T00:00:00Z"}, "updated_at: .*Write updated_at=gte:2026-01-01T00:00:00Z"),
        ({"created_at": "after:2026-01-01"}, "created_at: .*gt, gte.*Write for example created_at=gte:2026-01-31"),
        ({"created_at": ">2026-01-01"}, "created_at: .*Write for example"),
        ({"created_at": "gte:yesterday"}, "created_at: .*Write for example"),
        ({"created_at": "gte:2026-02-30"}, "created_at: .*Write for example"),
        ({"created_at": "gte:2026-01-31T25:00:00Z"}, "created_at: .*Write for example"),
        ({"created_at": "gte:"}, "created_at: .*Write for example"),
        (
            {"created_at": "eq:2026-01-31"},
            "created_at: .*no image matches. Write created_at=gte:2026-01-31 .* or created_at=lt:2026-01-31 ",
        ),
        ({"updated_at": "neq:2026-01-31"}, "updated_at: .*every image matches. Write updated_at=gte:2026-01-31 "),
        ({"sort": "nmae:asc"}, "sort: 'nmae' .*Write sort=name:asc[.]"),
        ({"sort": "nmae"}, "sort: 'nmae' .*Write name[.]"),
        ({"sort": "name asc"}, "sort: 'name asc' is not a key .*Write sort=name:asc[.]"),
        ({"sort": "name asc, size DESC"}, "sort: .*Write sort=name:asc,size:desc[.]"),
        ({"sort": "name:asc size:desc"}, "sort: 'asc size:desc' is not a direction. Write sort=name:asc,size:desc[.]"),
        ({"sort": "name:ASC"}, "sort: 'ASC' is not a direction. Write sort=name:asc[.]"),
        ({"sort": "asc name"}, "sort: 'asc name'.*The keys are"),
        ({"sort_key": "name:asc"}, "sort_key: 'name:asc'.*Write sort=name:asc[.]"),
        ({"sort_key": "name,size"}, "sort_key: 'name,size'.*Write sort=name,size[.]"),
        ({"sort_key": "name,size", "sort_dir": "asc"}, "sort_key: 'name,size'.*Write sort=name:asc,size:asc[.]"),
        ({"sort_key": "-name"}, "sort_key: '-name'.*Write sort=name:desc[.]"),
        ({"sort_key": "create_at"}, "sort_key: 'create_at'.*Write created_at[.]"),
        ({"sort_key": "create_at", "sort_dir": "asc"}, "sort_key: 'create_at'.*Write created_at[.]"),
        ({"sort": "-created_at"}, "sort: .*Write sort=created_at:desc"),
        ({"sort": "+size"}, "sort: .*Write sort=size:asc"),
        ({"sort": "owner"}, "sort: .*The keys are name, status"),
        ({"sort": "name:up"}, "sort: 'up' is not a direction. Write name:asc"),
        ({"sort": "name:"}, "sort: '' is not a direction"),
        ({"sort": "name:asc,"}, "sort: a key is missing"),
        ({"sort_key": "os_distro"}, "sort_key: 'os_distro'.*The keys are"),
        ({"fields": []}, "fields: the list is empty"),
        ({"fields": ["id", "hidden"]}, "fields: .*'hidden'. Write os_hidden"),
        ({"fields": ["nmae"]}, "fields: .*'nmae'. Write name"),
        ({"fields": ["os_distro"]}, "fields: .*'os_distro'.*Custom properties are in properties"),
        ({"fields": ["members"]}, "fields: .*members: true"),
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
    "given",
    [
        {},
        {"limit": 1},
        {"size_min": 0},
        {"size_max": 0},
        {"size_min": 3, "size_max": 3},
        {"marker": ID},
        {"most_recent": True},
        {"id": ID},
        {"sort": "name , size:asc"},
        *[{"sort_key": key} for key in SORT_KEYS],
        *[
            {"created_at": f"{operator}:2026-01-31{rest}"}
            for operator in ("gt", "gte", "eq", "neq", "lt", "lte")
            for rest in ("T12:00", "T12:00:00Z", " 12:00:00", "T12:00:00.123456+02:00", "T12:00:00-0530")
        ],
        *[{"created_at": f"{operator}:2026-01-31"} for operator in ("gt", "gte", "lt", "lte")],
    ],
)
def test_valid_filters_are_accepted(given: dict[str, Any]) -> None:
    parse_listing(params(**given))


def test_members_that_are_asked_for_are_returned_whatever_the_fields_are() -> None:
    assert parse_listing(params(members=True, fields=["id"])).fields == ("id", "members")
    assert parse_listing(params(members=True, fields=["members", "id"])).fields == ("members", "id")
    assert parse_listing(params(members=True)).fields is None


@pytest.mark.parametrize(
    ("value", "is_future"),
    [
        ("gte:2026-02-03", True),
        ("gt:2026-02-03T00:00:00+14:00", True),
        ("eq:2026-02-03T12:00", True),
        ("gte:2026-02-02", False),
        ("gte:2026-01-01", False),
        ("lt:2027-01-01", False),
        ("neq:2027-01-01T12:00", False),
    ],
)
def test_a_time_is_to_come_if_it_is_more_than_a_day_away_in_every_time_zone(value: str, is_future: bool) -> None:
    assert is_to_come(value, date(2026, 1, 31)) is is_future
