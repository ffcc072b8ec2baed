# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A url that the image service does not fetch, because its import filter refuses it: the sandbox allows 127.0.0.1."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.rotation import Rotation
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor


@pytest.fixture
def content() -> bytes:
    return unused("content").encode() * 1000


def refused_url(vendor: Vendor, content: bytes, query: str = "") -> str:
    """An address of the same vendor by another name."""
    return vendor.file("disk.raw", content).replace("127.0.0.1", "localhost") + query


def holds(server: Server, outcome: Outcome, content: bytes) -> bool:
    image = server.get(outcome.image["id"])
    return (image["status"], image["os_hash_value"]) == ("active", hashlib.sha512(content).hexdigest())


@pytest.mark.parametrize("checksum", [None, "sha256", "sha512"])
def test_a_url_that_the_filter_refuses_is_streamed_into_the_same_record(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes, checksum: str | None
) -> None:
    options = {"name": name, **RAW, "url": refused_url(vendor, content)}
    if checksum:
        options["checksum"] = f"{checksum}:{hashlib.new(checksum, content).hexdigest()}"
    preview = run("pcd_image", **options, check=True)
    assert (preview.changed, preview.writes) == (True, [])
    done = run("pcd_image", **options)
    # The record, the import that is refused, the data, and the checksum that the service does not compute.
    assert done.writes == ["POST", "POST", "PUT", *(["PATCH"] if checksum == "sha256" else [])]
    assert holds(server, done, content)
    assert len(server.named(name)) == 1
    assert done.result["diff"]["after"]["status"] == preview.result["diff"]["after"]["status"]
    again = run("pcd_image", **options)
    assert (again.changed, again.writes) == (False, [])


def test_a_record_that_was_there_is_filled(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    there = server.create(name, **RAW)
    done = run("pcd_image", name=name, url=refused_url(vendor, content))
    assert done.writes == ["POST", "PUT"]
    assert done.image["id"] == there["id"]
    assert holds(server, done, content)


def test_several_stores_are_reached_by_the_staging_area(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    done = run("pcd_image", name=name, **RAW, url=refused_url(vendor, content), stores=["fast", "slow"])
    assert done.writes == ["POST", "POST", "PUT", "POST"]
    assert done.image["stores"] == ["fast", "slow"]
    assert holds(server, done, content)


def test_a_replacement_is_streamed_into_its_record(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    old = server.create(name, active=True)
    done = run("pcd_image", name=name, **RAW, url=refused_url(vendor, content), on_content_change="replace")
    assert done.image["id"] != old["id"]
    assert holds(server, done, content)
    assert {image["id"] for image in server.named(name)} == {old["id"], done.image["id"]}


def test_nobody_who_does_not_wait_gets_less(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    done = run("pcd_image", name=name, **RAW, url=refused_url(vendor, content), wait=False)
    assert holds(server, done, content)


def test_a_stated_method_is_kept_and_the_message_names_the_other_one(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    url = refused_url(vendor, content, "?X-Signature=4f1d9ab2c3e8")
    failed = run("pcd_image", name=name, **RAW, url=url, method="web-download")
    assert "method: upload" in failed.msg
    assert "does not pass filtering" in failed.msg
    assert "request id" in failed.msg
    assert "has been removed again" in failed.msg
    assert "4f1d9ab2c3e8" not in failed.msg
    assert failed.result["status"] == 400
    assert server.named(name) == []
    there = server.create(name, **RAW)
    assert "method: upload" in run("pcd_image", name=name, url=url, method="web-download").msg
    assert server.get(there["id"])["status"] == "queued"
    done = run("pcd_image", name=name, url=url, method="upload")
    assert done.image["id"] == there["id"]
    assert holds(server, done, content)


@pytest.mark.parametrize("how", ["replace", "prepare"])
def test_a_version_that_the_filter_refuses_touches_no_image(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes, tmp_path: Path, how: str
) -> None:
    rotate = Rotation(run, server, name, tmp_path)
    rotate.builds(1, 2)
    before = rotate.everything()
    assert len(before) == 2
    ways: list[dict[str, Any]] = [{"method": "web-download"}, {"checksum": f"sha256:{'0' * 64}"}]
    for way in ways:
        url = refused_url(vendor, content)
        assert rotate(None, on_content_change=how, keep=0, url=url, **RAW, **way).failed
        assert rotate.everything() == before
    for image_id in before:
        server.remember(image_id)


def test_a_wrong_checksum_of_what_is_streamed_leaves_no_image(
    run: Runner, server: Server, name: str, vendor: Vendor, content: bytes
) -> None:
    failed = run("pcd_image", name=name, **RAW, url=refused_url(vendor, content), checksum=f"sha256:{'0' * 64}")
    assert failed.result["actual"] == hashlib.sha256(content).hexdigest()
    assert server.named(name) == []
