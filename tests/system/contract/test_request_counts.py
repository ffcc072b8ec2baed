# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many requests a task takes, counted by the server."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

# What is there beforehand, by what it is looked up, the task, and then: look-ups and writes.
COUNTS: dict[str, tuple[dict[str, Any] | None, str, str, dict[str, Any], int, list[str]]] = {
    "unchanged, by id": ({}, "id", "pcd_image", {"min_disk": 0}, 1, []),
    "unchanged, by name": ({}, "name", "pcd_image", {"min_disk": 0}, 1, []),
    "unchanged, by name, hidden": ({"os_hidden": True}, "name", "pcd_image", {"min_disk": 0}, 2, []),
    "unchanged, by id, hidden": ({"os_hidden": True}, "id", "pcd_image", {"min_disk": 0}, 1, []),
    "updated, by id": ({}, "id", "pcd_image", {"min_disk": 1}, 2, ["PATCH"]),
    "updated, by name": ({}, "name", "pcd_image", {"min_disk": 1, "tags": ["a"], "hidden": True}, 2, ["PATCH"]),
    "updated, by name, hidden": ({"os_hidden": True}, "name", "pcd_image", {"min_disk": 1}, 3, ["PATCH"]),
    "tags unchanged": ({"tags": ["a"]}, "name", "pcd_image", {"tags_present": ["a"], "tags_absent": ["b"]}, 1, []),
    "tags changed": ({"tags": ["a"]}, "name", "pcd_image", {"tags_present": ["b"], "tags_absent": ["a"]}, 2, ["PATCH"]),
    "created, by name": (None, "name", "pcd_image", {}, 3, ["POST"]),
    "created, by id": (None, "id", "pcd_image", {}, 1, ["POST"]),
    "deleted, by id": ({}, "id", "pcd_image", {"state": "absent"}, 1, ["DELETE"]),
    "deleted, by name": ({}, "name", "pcd_image", {"state": "absent"}, 1, ["DELETE"]),
    "deleted by force": (
        {"protected": True},
        "name",
        "pcd_image",
        {"state": "absent", "force": True},
        1,
        ["PATCH", "DELETE"],
    ),
    "absent already, by id": (None, "id", "pcd_image", {"state": "absent"}, 1, []),
    "absent already, by name": (None, "name", "pcd_image", {"state": "absent"}, 2, []),
    "deactivated, by id": ({"active": True}, "id", "pcd_image_state", {"state": "deactivated"}, 2, ["POST"]),
    "deactivated, by name": ({"active": True}, "name", "pcd_image_state", {"state": "deactivated"}, 2, ["POST"]),
    "active already, by name": ({"active": True}, "name", "pcd_image_state", {"state": "active"}, 1, []),
    "shown, by id": ({}, "id", "pcd_image_info", {}, 1, []),
    "listed, by name": ({}, "name", "pcd_image_info", {}, 1, []),
    "listed, hidden or not": ({}, "name", "pcd_image_info", {"hidden": "any"}, 2, []),
    "listed, the newest": ({}, "name", "pcd_image_info", {"most_recent": True}, 1, []),
}


@pytest.fixture
def others(server: Server) -> Iterator[None]:
    """Thirty images of another name."""
    ids = server.fill(30, unused("contract-other"))
    yield
    server.empty(ids)


@pytest.mark.parametrize(("there", "by", "module", "options", "lookups", "writes"), COUNTS.values(), ids=COUNTS.keys())
@pytest.mark.usefixtures("others")
def test_a_task_sends_no_request_too_many(
    there: Mapping[str, Any] | None,
    by: str,
    module: str,
    options: dict[str, Any],
    lookups: int,
    writes: list[str],
    run: Runner,
    server: Server,
    name: str,
) -> None:
    image_id = server.new_id() if there is None else server.create(name, **there)["id"]
    meant: dict[str, Any] = {"id": image_id} if by == "id" else {"name": name}
    outcome = run(module, **meant, **options)
    assert not outcome.failed, outcome.msg
    assert (outcome.tokens, outcome.lookups, outcome.writes) == (1, lookups, writes)
    assert_looked_up_by_name(outcome, name)


def assert_looked_up_by_name(outcome: Outcome, name: str) -> None:
    for request in outcome.glance:
        if request["method"] == "GET" and request["path"].endswith("/images"):
            assert parse_qs(request["query"])["name"][0].endswith(name), "a list of images without a filter by name"


def test_a_token_and_an_endpoint_make_keystone_unnecessary(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str
) -> None:
    direct = {
        "token": server.token(),
        "image_endpoint_override": sandbox["images_url"],
        "ca_cert": sandbox["ca_file"],
        "project_id": server.project_id(),
    }
    created = run("pcd_image", None, name=name, **direct)
    deleted = run("pcd_image", None, name=name, state="absent", **direct)
    listed = run("pcd_image_info", None, name=name, **direct)
    assert (created.tokens, created.lookups, created.writes) == (0, 3, ["POST"])
    assert (deleted.tokens, deleted.lookups, deleted.writes) == (0, 1, ["DELETE"])
    assert (listed.tokens, listed.lookups, listed.images) == (0, 1, [])


def test_a_login_that_is_not_needed_for_the_endpoint_is_still_one(
    run: Runner, sandbox: dict[str, Any], name: str
) -> None:
    outcome = run("pcd_image", name=name, state="absent", image_endpoint_override=sandbox["images_url"])
    assert (outcome.tokens, outcome.lookups) == (1, 2)


def test_options_that_cannot_be_used_send_nothing(run: Runner) -> None:
    outcome = run("pcd_image", name="x", min_disk=-1)
    assert outcome.failed
    assert outcome.requests == []


@pytest.mark.parametrize(
    ("there", "options", "requests", "found"),
    [
        (2500, {}, 3, 2500),
        (2000, {}, 3, 2000),
        (2500, {"limit": 1500}, 2, 1500),
        (2500, {"limit": 1000}, 1, 1000),
        (2500, {"limit": 7}, 1, 7),
        (2500, {"most_recent": True}, 1, 1),
        (2500, {"hidden": "any", "limit": 1001}, 3, 1001),
    ],
    ids=["all", "full pages", "limit over a page", "a page", "few", "the newest", "hidden or not"],
)
def test_a_long_list_comes_in_pages_of_a_thousand(
    there: int, options: dict[str, Any], requests: int, found: int, run: Runner, server: Server, name: str
) -> None:
    ids = server.fill(there, name)
    try:
        listed = run("pcd_image_info", name=name, **options)
    finally:
        server.empty(ids)
    assert (listed.tokens, listed.lookups, listed.writes) == (1, requests, [])
    assert listed.ids == list(reversed(ids))[:found]


def test_two_thousand_images_of_one_name_are_an_error_that_can_be_read(run: Runner, server: Server, name: str) -> None:
    ids = server.fill(2000, name)
    try:
        refused = run("pcd_image", name=name, state="absent")
    finally:
        server.empty(ids)
    assert "2000 images" in refused.msg
    assert len(refused.msg) < 5000
    assert refused.writes == []


@pytest.mark.skipif(not os.environ.get("PCD_BIG"), reason="takes a minute; PCD_BIG=1 asks for it")
def test_ten_thousand_images_are_listed_and_the_memory_recorded(
    run: Runner, server: Server, name: str, record_property: Any
) -> None:
    peak = {}
    for count in (1, 1_000, 10_000):
        ids = server.fill(count, name)
        try:
            listed = run("pcd_image_info", name=name)
        finally:
            server.empty(ids)
        assert sorted(listed.ids) == sorted(ids)
        peak[count] = listed.peak_memory
        record_property(f"peak_memory_kib_{count}", peak[count])
        print(f"{count:6} images: {listed.lookups} requests, peak memory {peak[count]} KiB")
