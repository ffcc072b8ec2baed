# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be: each is refused in words that name the option, and nothing is written."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
EMOJI = "\U0001f600"
NOT_UTF8 = "\udcff"  # how Python represents a byte that is not valid UTF-8

# The options beside name, and the words that the message must hold. The option's name is among them.
IMAGE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an id that is not a UUID": ({"id": "ubuntu"}, ["id", "UUID", "name"]),
    "an id that is nearly a UUID": ({"id": UNKNOWN_ID[:-1]}, ["id", "UUID"]),
    "an id without its dashes": ({"id": UNKNOWN_ID.replace("-", "")}, ["id", "UUID"]),
    "an id with something after it": ({"id": f"{UNKNOWN_ID}/../file"}, ["id", "UUID"]),
    "an id with a line break": ({"id": f"{UNKNOWN_ID}\n"}, ["id", "UUID"]),
    "an empty id": ({"id": ""}, ["id", "UUID"]),
    "an empty name": ({"name": ""}, ["name"]),
    "a name of 256 characters": ({"name": "x" * 256}, ["name", "256", "255"]),
    "a name with an emoji": ({"name": f"linux {EMOJI}"}, ["name", "U+1F600"]),
    "an unknown state": ({"state": "deactivated"}, ["state", "present", "absent"]),
    "an unknown match": ({"match": "any"}, ["match", "own", "visible"]),
    "an unknown visibility": ({"visibility": "secret"}, ["visibility", "public", "private", "community", "shared"]),
    "an unknown disk format": ({"disk_format": "qcow3"}, ["disk_format", "qcow2"]),
    "an unknown container format": ({"container_format": "barren"}, ["container_format", "bare"]),
    "a negative min_disk": ({"min_disk": -1}, ["min_disk", "2147483647"]),
    "a huge min_disk": ({"min_disk": 2147483648}, ["min_disk", "2147483647"]),
    "a min_disk with a fraction": ({"min_disk": 1.5}, ["min_disk"]),
    "a min_disk with a unit": ({"min_disk": "10G"}, ["min_disk"]),
    "a negative min_ram": ({"min_ram": -5}, ["min_ram", "2147483647"]),
    "a huge min_ram": ({"min_ram": 10**30}, ["min_ram", "2147483647"]),
    "a protection between yes and no": ({"protected": "perhaps"}, ["protected"]),
    "hidden between yes and no": ({"hidden": "any"}, ["hidden"]),
    "a tag of 256 characters": ({"tags": ["a", "x" * 256]}, ["tags", "256", "255"]),
    "a tag with an emoji": ({"tags": [EMOJI]}, ["tags", "U+1F600"]),
    "a tag that is not UTF-8": ({"tags": [NOT_UTF8]}, ["tags"]),
    "an empty tag": ({"tags": ""}, ["tags", "empty"]),
    "a tag with a blank before it": ({"tags": "a, b"}, ["tags", "' b'", "blank"]),
    "an empty owner": ({"owner": ""}, ["owner", "empty"]),
    "an owner with an emoji": ({"owner": EMOJI}, ["owner"]),
    "a property's name with a blank after it": ({"properties": {"os_type ": "linux"}}, ["properties.os_type", "blank"]),
    "properties that are a list": ({"properties": ["os_type"]}, ["properties"]),
    "a property that is a list": ({"properties": {"os_type": ["linux"]}}, ["properties.os_type", "list"]),
    "a property that is a dictionary": ({"properties": {"os_type": {"a": 1}}}, ["properties.os_type", "dict"]),
    "a property with an emoji": ({"properties": {"os_type": EMOJI}}, ["properties.os_type", "U+1F600"]),
    "a property that is not UTF-8": ({"properties": {"os_type": NOT_UTF8}}, ["properties.os_type"]),
    "a property's name with an emoji": ({"properties": {EMOJI: "a"}}, ["properties", "U+1F600"]),
    "a property's name that is not UTF-8": ({"properties": {NOT_UTF8: "a"}}, ["properties"]),
    "a property's name of 256 characters": ({"properties": {"x" * 256: "a"}}, ["properties", "256", "255"]),
    "a property without a name": ({"properties": {"": "a"}}, ["properties"]),
    "a purge that does not say what stays": ({"purge_properties": True}, ["purge_properties", "properties"]),
    "an unknown option": ({"is_public": True}, ["is_public"]),
    "a timeout of nothing": ({"timeout": 0}, ["timeout"]),
    "retries below nothing": ({"retries": -1}, ["retries"]),
    "an unknown interface": ({"interface": "private"}, ["interface", "admin", "internal", "public"]),
}
for reserved in (
    *("id", "status", "checksum", "size", "virtual_size", "created_at", "updated_at", "self", "file", "schema"),
    *("os_hash_algo", "os_hash_value", "direct_url", "locations", "location", "deleted", "deleted_at", "stores"),
    *("os_glance_import_task", "os_glance_anything"),
):
    IMAGE[f"{reserved} as a property"] = ({"properties": {reserved: "a"}}, [f"properties.{reserved}"])
    IMAGE[f"{reserved} as a property to remove"] = ({"properties": {reserved: None}}, [f"properties.{reserved}"])
for attribute in ("name", "owner", "visibility", "min_disk", "min_ram", "protected", "tags", "disk_format"):
    IMAGE[f"{attribute} as a property"] = ({"properties": {attribute: "1"}}, [f"properties.{attribute}", "option"])
IMAGE["os_hidden as a property"] = ({"properties": {"os_hidden": "true"}}, ["properties.os_hidden", "option hidden"])

STATE: dict[str, tuple[dict[str, Any], list[str]]] = {
    "neither name nor id": ({"state": "active"}, ["name", "id"]),
    "both name and id": ({"name": "a", "id": UNKNOWN_ID, "state": "active"}, ["name", "id"]),
    "no state": ({"name": "a"}, ["state"]),
    "an unknown state": ({"name": "a", "state": "absent"}, ["state", "active", "deactivated"]),
    "an id that is not a UUID": ({"id": "a", "state": "active"}, ["id", "UUID"]),
    "an empty name": ({"name": "", "state": "active"}, ["name"]),
}

INFO: dict[str, tuple[dict[str, Any], list[str]]] = {
    "an id that is not a UUID": ({"id": "a"}, ["id", "UUID"]),
    "an id and a name": ({"id": UNKNOWN_ID, "name": "a"}, ["id", "name"]),
    "an id and a filter": ({"id": UNKNOWN_ID, "tag": "a"}, ["id", "tag"]),
    "an empty name": ({"name": ""}, ["name"]),
    "an unknown status": ({"status": "ready"}, ["status", "active"]),
    "an unknown visibility": ({"visibility": "secret"}, ["visibility", "all"]),
    "an unknown hidden": ({"hidden": "perhaps"}, ["hidden", "any"]),
    "an unknown member_status": ({"member_status": "maybe"}, ["member_status", "pending"]),
    "a limit of nothing": ({"limit": 0}, ["limit"]),
    "a negative limit": ({"limit": -1}, ["limit"]),
    "a limit that is not a number": ({"limit": "many"}, ["limit"]),
    "a negative size_min": ({"size_min": -1}, ["size_min"]),
    "a size_max with a unit": ({"size_max": "1G"}, ["size_max"]),
    "a marker that is not a UUID": ({"marker": "a"}, ["marker"]),
    "two ways to sort": ({"sort": "name:asc", "sort_key": "name"}, ["sort", "sort_key"]),
    "an unknown direction": ({"sort_dir": "up"}, ["sort_dir", "asc", "desc"]),
    "the newest ten": ({"most_recent": True, "limit": 10}, ["most_recent", "limit"]),
    "the newest in another order": ({"most_recent": True, "sort": "name:asc"}, ["most_recent", "sort"]),
    "a property that is a list": ({"properties": {"os_type": ["linux"]}}, ["properties.os_type", "list"]),
    "a property without a value": ({"properties": {"os_type": None}}, ["properties.os_type"]),
    "a query parameter as a property": ({"properties": {"limit": "1"}}, ["properties.limit"]),
    "a property that is not UTF-8": ({"properties": {"os_type": NOT_UTF8}}, ["properties.os_type"]),
    "a property's name that is not UTF-8": ({"properties": {NOT_UTF8: "linux"}}, ["properties"]),
    "an unknown key to sort by": ({"sort_key": "beauty"}, ["sort_key", "beauty"]),
    "an unknown key in sort": ({"sort": "beauty:asc"}, ["sort", "beauty"]),
    "an unknown direction in sort": ({"sort": "name:up"}, ["sort", "asc", "desc"]),
    "a time without an operator": ({"created_at": "yesterday"}, ["created_at", "gte:"]),
    "a time that is none": ({"updated_at": "gt:yesterday"}, ["updated_at", "gte:"]),
}


@pytest.mark.parametrize(("options", "words"), IMAGE.values(), ids=IMAGE.keys())
def test_an_image_that_cannot_be_is_refused_before_anything_is_sent(
    options: dict[str, Any], words: list[str], run: Runner, name: str
) -> None:
    refused = run("pcd_image", **{"name": name, **options})
    assert [word for word in words if word not in refused.msg] == []
    assert refused.requests == []


def test_an_image_without_name_and_id_is_refused(run: Runner) -> None:
    for state in ("present", "absent"):
        refused = run("pcd_image", state=state, min_disk=1)
        assert "name" in refused.msg
        assert "id" in refused.msg
        assert refused.requests == []


@pytest.mark.parametrize(("options", "words"), STATE.values(), ids=STATE.keys())
def test_a_state_that_cannot_be_is_refused_before_anything_is_sent(
    options: dict[str, Any], words: list[str], run: Runner
) -> None:
    refused = run("pcd_image_state", **options)
    assert [word for word in words if word not in refused.msg] == []
    assert refused.requests == []


@pytest.mark.parametrize(("options", "words"), INFO.values(), ids=INFO.keys())
def test_a_query_that_cannot_be_is_refused_before_anything_is_sent(
    options: dict[str, Any], words: list[str], run: Runner
) -> None:
    refused = run("pcd_image_info", **options)
    assert [word for word in words if word not in refused.msg] == []
    assert refused.requests == []


@pytest.mark.parametrize(
    "many",
    [
        {"properties": {f"key{number}": "x" for number in range(129)}},
        {"tags": [f"tag{number}" for number in range(129)]},
    ],
    ids=["properties", "tags"],
)
def test_more_than_the_service_takes_creates_and_changes_nothing(
    many: dict[str, Any], run: Runner, server: Server, name: str
) -> None:
    refused = run("pcd_image", name=name, **many)
    assert refused.result["status"] == 413
    assert "128" in refused.msg
    assert server.named(name) == []
    image = server.create(name, tags=["one"], os_distro="ubuntu")
    assert run("pcd_image", name=name, **many).result["status"] == 413
    assert server.get(image["id"]) == image


def test_a_bad_option_is_refused_in_check_mode_too(run: Runner, name: str) -> None:
    for options in ({"min_disk": -1}, {"properties": {"status": "active"}}, {"tags": [EMOJI]}):
        real, preview = (run("pcd_image", name=name, check=check, **options) for check in (False, True))
        assert real.msg == preview.msg


def test_one_bad_value_among_good_ones_leaves_all_as_it_was(run: Runner, server: Server, name: str) -> None:
    image = server.create(name, os_distro="ubuntu")
    refused = run("pcd_image", name=name, min_disk=3, properties={"os_distro": "debian", "size": "1"})
    assert "properties.size" in refused.msg
    assert server.get(image["id"]) == image
