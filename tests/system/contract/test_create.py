# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an image is created: not with `create: false`, and not without a warning if an update was probably meant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import BYTES, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

BY_TOKEN = True

FORMATS: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "image.raw"
    path.write_bytes(b"some other data")
    return str(path)


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
@pytest.mark.parametrize("options", [{"min_disk": 1}, FORMATS, {"stores": ["fast"]}, {}], ids=str)
def test_without_create_an_image_that_is_not_there_is_an_error(
    options: dict[str, Any], check: bool, run: Runner, server: Server, name: str
) -> None:
    server.remember_name(name)
    refused = run("pcd_image", name=name, create=False, check=check, **options)
    for part in (f"No image '{name}' was found", "create: false"):
        assert part in refused.msg
    assert refused.writes == []
    assert server.named(name) == []


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
def test_without_create_no_data_makes_an_image(check: bool, run: Runner, server: Server, name: str, path: str) -> None:
    server.remember_name(name)
    refused = run("pcd_image", name=name, path=path, create=False, check=check, **FORMATS)
    assert "create: false" in refused.msg
    assert refused.writes == []
    assert server.named(name) == []


def test_without_create_an_id_that_nothing_has_is_an_error(run: Runner, server: Server, name: str) -> None:
    new = server.new_id()
    refused = run("pcd_image", id=new, name=name, create=False)
    assert f"No image '{new}' was found" in refused.msg
    assert refused.writes == []
    assert not server.is_there(new)


def test_without_create_an_image_is_updated_as_with_it(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    changed = run("pcd_image", name=name, min_disk=2, properties={"a": "b"}, create=False)
    assert (changed.image["id"], changed.image["min_disk"], changed.writes) == (image["id"], 2, ["PATCH"])
    assert not run("pcd_image", name=name, min_disk=2, properties={"a": "b"}, create=False).changed
    assert run("pcd_image", id=image["id"], min_disk=3, create=False).image["min_disk"] == 3


def test_without_create_a_record_gets_its_data_and_an_image_is_replaced(
    run: Runner, server: Server, name: str, path: str, tmp_path: Path
) -> None:
    queued = server.create(name, **FORMATS)
    filled = run("pcd_image", name=name, path=path, create=False)
    assert (filled.image["id"], filled.image["status"]) == (queued["id"], "active")
    (tmp_path / "next.raw").write_bytes(BYTES)
    replaced = run(
        "pcd_image",
        name=name,
        path=str(tmp_path / "next.raw"),
        on_content_change="replace",
        retired="delete",
        create=False,
    )
    assert replaced.image["id"] != queued["id"]
    assert [image["id"] for image in server.named(name)] == [replaced.image["id"]]


def test_without_create_the_image_of_another_project_is_named(run: Runner, server: Server, name: str) -> None:
    public = server.create(name, user="admin", visibility="public")
    refused = run("pcd_image", name=name, min_disk=1, create=False)
    for part in (public["id"], server.project_id("admin"), "match: visible", "create: false"):
        assert part in refused.msg
    assert refused.writes == []


def test_without_create_an_image_of_another_owner_is_named_by_its_id(run: Runner, server: Server, name: str) -> None:
    image = server.create(name)
    refused = run("pcd_image", "admin", name=name, owner=server.project_id("other"), min_disk=1, create=False)
    assert image["id"] in refused.msg
    assert "match: visible" not in refused.msg
    assert refused.writes == []
    assert server.get(image["id"]) == image


def test_create_means_nothing_for_an_image_that_shall_be_absent(run: Runner, server: Server, name: str) -> None:
    assert not run("pcd_image", name=name, state="absent", create=False).changed
    server.create(name)
    assert run("pcd_image", name=name, state="absent", create=False).writes == ["DELETE"]


@pytest.mark.parametrize("made_by", ["this collection", "somebody else"])
def test_without_create_an_image_that_goes_before_the_change_is_not_made(
    made_by: str, run: Runner, server: Server, name: str, proxy: Proxy
) -> None:
    if made_by == "somebody else":
        image = server.create(name)
    else:
        image = run("pcd_image", name=name, **FORMATS).image
        server.remember(image["id"])
    server.remember_name(name)

    def delete(seen: Seen, answered: bool) -> None:
        if seen.method != "GET" and not answered:
            proxy.watch = lambda seen, answered: None
            server.delete(image["id"])

    proxy.watch = delete
    refused = run("pcd_image", None, name=name, min_disk=4, create=False, **proxy.through(server.login("member")))
    assert refused.failed
    assert refused.writes == ["DELETE", "PATCH"]
    assert server.named(name) == []


@pytest.mark.parametrize("check", [True, False], ids=["check mode", "real run"])
@pytest.mark.parametrize(
    "options", [{"min_disk": 1}, {"properties": {"a": "b"}}, {"protected": False}, {}], ids=lambda given: str([*given])
)
def test_an_empty_record_that_was_probably_not_meant_is_warned_of(
    options: dict[str, Any], check: bool, run: Runner, server: Server, name: str
) -> None:
    server.remember_name(name)
    created = run("pcd_image", name=name, check=check, **options)
    assert created.changed
    (warning,) = warnings_of(created.result)
    for part in (f"'{name}'", "without data", "queued", "disk_format", "container_format", "path", "create: false"):
        assert part in warning
    if not check:
        assert warnings_of(run("pcd_image", name=name, **options).result) == []


@pytest.mark.parametrize("options", [FORMATS, {"disk_format": "raw"}, {"container_format": "bare"}], ids=str)
def test_a_record_that_says_its_format_is_meant(
    options: dict[str, Any], run: Runner, server: Server, name: str
) -> None:
    server.remember_name(name)
    assert warnings_of(run("pcd_image", name=name, **options).result) == []


def test_an_image_with_data_is_meant(run: Runner, server: Server, name: str, path: str) -> None:
    server.remember_name(name)
    assert warnings_of(run("pcd_image", name=name, path=path, **FORMATS).result) == []


def test_a_record_for_an_id_is_warned_of_by_the_id(run: Runner, server: Server) -> None:
    new = server.new_id()
    (warning,) = warnings_of(run("pcd_image", id=new, protected=False).result)
    assert f"'{new}'" in warning


def warnings_of(result: dict[str, Any]) -> list[str]:
    """The warnings of a task, without the text's form, which differs between releases of ansible-core."""
    return [str(warning) for warning in result.get("warnings", [])]
