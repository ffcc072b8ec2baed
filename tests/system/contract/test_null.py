# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Null is not given: such an option gets its default, counts for no rule between options, and means no image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, names_of
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.system.contract.bad_values import spec_of

FORMATS: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}
# Every module that takes an id, with an option that it needs beside the image.
BY_ID: dict[str, dict[str, Any]] = {
    "pcd_image": {"protected": True},
    "pcd_image_state": {"state": "deactivated"},
    "pcd_image_download": {"dest": "/tmp/not-written.img"},
    "pcd_image_info": {},
    "pcd_image_member": {"projects": []},
}
# What may stand beside it, and says which image is meant no more than nothing.
NO_IMAGE: list[dict[str, Any]] = [{}, {"name": None}, {"match": "visible"}]


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
@pytest.mark.parametrize("module", BY_ID)
def test_a_null_id_means_no_image_and_nothing_is_asked_for(
    module: str, check: bool, run: Runner, server: Server
) -> None:
    before = server.everything()
    for more in NO_IMAGE:
        if module == "pcd_image_info" and "match" in more:
            continue
        refused = run(module, check=check, **{"id": None, **BY_ID[module], **more})
        assert refused.msg.startswith("id: it is null")
        assert "In check mode, the id of an image that would be created is not known yet" in refused.msg
        assert len(refused.msg.splitlines()) == 1
        assert refused.requests == []
    assert server.everything() == before


@pytest.mark.parametrize("module", BY_ID)
def test_an_empty_id_says_the_same(module: str, run: Runner) -> None:
    """ansible-core before 2.19 makes an empty text of a template that gives null."""
    refused = run(module, id="", **BY_ID[module])
    assert refused.msg.startswith("id: it is empty")
    assert "In check mode, the id of an image that would be created is not known yet" in refused.msg
    assert refused.requests == []


@pytest.mark.parametrize("state", ["present", "absent"])
def test_the_id_that_check_mode_returns_creates_nothing(state: str, run: Runner, server: Server, name: str) -> None:
    planned = run("pcd_image", check=True, name=name, **FORMATS)
    assert planned.image["id"] is None
    before = server.everything()
    refused = run("pcd_image", id=planned.image["id"], state=state, protected=True)
    assert refused.msg.startswith("id: it is null")
    assert server.everything() == before


@pytest.mark.parametrize("nothing", [{}, {"limit": 5}, {"sort": "name:asc"}, {"most_recent": True}], ids=str)
def test_a_null_id_never_lists_all_images(nothing: dict[str, Any], run: Runner) -> None:
    assert run("pcd_image_info", id=None, **nothing).msg.startswith("id: it is null")


def test_beside_a_null_id_a_filter_counts(run: Runner, server: Server, name: str) -> None:
    ours = server.create(name, tags=[name])
    assert run("pcd_image_info", id=None, name=name).ids == [ours["id"]]
    assert run("pcd_image_info", id=None, tag=name).ids == [ours["id"]]
    assert run("pcd_image_info", id=ours["id"], name=None, tag=None, sort=None, most_recent=None).ids == [ours["id"]]


def test_beside_a_null_id_the_name_counts_and_beside_a_null_name_the_id(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    image = server.create(name, active=True)
    for one in ({"id": None, "name": name}, {"id": image["id"], "name": None}):
        assert run("pcd_image", **one, min_disk=1).image["id"] == image["id"]
        assert run("pcd_image_state", **one, state="deactivated").image["status"] == "deactivated"
        assert run("pcd_image_state", **one, state="active").image["status"] == "active"
        assert run("pcd_image_download", **one, dest=str(tmp_path / "image.raw")).image["id"] == image["id"]
    assert names_of(server.named(name)) == [name]


@pytest.mark.parametrize("module", [*BY_ID, "pcd_image_service_info"])
def test_a_task_with_every_other_option_null_does_what_it_does_without_them(
    module: str, run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    server.create(name, active=True)
    options: dict[str, Any] = {} if module == "pcd_image_service_info" else {"name": name}
    if module == "pcd_image_state":
        options["state"] = "active"
    if module == "pcd_image_download":
        options["dest"] = str(tmp_path / "image.raw")
        assert run(module, **options).changed
    if module == "pcd_image":
        options["min_disk"] = 0
    if module == "pcd_image_member":
        options["projects"] = []
    nulls = {option: None for option in spec_of(module) if option not in {**options, **server.login("member")}}
    plain, with_nulls = run(module, **options), run(module, **{**nulls, **options})
    assert not plain.failed
    assert with_nulls.result == plain.result
    assert with_nulls.writes == []


def test_null_among_the_properties_removes_one_and_null_for_all_leaves_them(
    run: Runner, server: Server, name: str
) -> None:
    server.create(name, one="1", two="2", tags=["a"])
    assert not run("pcd_image", name=name, properties=None, tags=None, min_disk=None).changed
    left = run("pcd_image", name=name, properties={"one": None}).image
    assert (left["properties"], left["tags"]) == ({"two": "2"}, ["a"])


def test_nulls_for_two_options_that_exclude_each_other_are_no_conflict(
    run: Runner, server: Server, name: str, tmp_path: Path
) -> None:
    (tmp_path / "image.raw").write_bytes(b"some data")
    made = run("pcd_image", name=name, path=str(tmp_path / "image.raw"), url=None, url_headers=None, **FORMATS)
    assert made.image["status"] == "active"
