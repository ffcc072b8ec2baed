# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image service that makes raw of what it imports, and whose failed imports stay locked."""

from __future__ import annotations

import hashlib
import lzma
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.rotation import Rotation
from ansible_collections.platform9.pcd.tests.support.sandbox import converting_sandbox
from ansible_collections.platform9.pcd.tests.support.vendor import PASSWORD, USER, Vendor
from ansible_collections.platform9.pcd.tests.tools.qcow2 import DISK, qcow2

QCOW2: dict[str, Any] = {"disk_format": "qcow2", "container_format": "bare"}
# A qcow2 by its first bytes, and a broken one: its clusters have no size.
JUNK = b"QFI\xfb\0\0\0\3" + bytes(96) + b"no disk of any format\n" * 4000
METHODS = ("glance-direct", "web-download")


@pytest.fixture(scope="module")
def server(sandbox: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with converting_sandbox(tmp_path_factory.mktemp("converting") / "state", sandbox["release"]) as facts:
        yield Server(facts)


@pytest.fixture(scope="module")
def run(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    run = Runner(server, tmp_path_factory.mktemp("home"))
    yield run
    run.close()


@pytest.fixture
def data() -> bytes:
    """A disk that no other test has."""
    return qcow2(unused("disk"))


def source(method: str, data: bytes, vendor: Vendor, tmp_path: Path) -> dict[str, Any]:
    """The options for this data by this method."""
    if method == "web-download":
        return {"url": vendor.file("disk.qcow2", data), "method": method}
    path = tmp_path / "disk.qcow2"
    path.write_bytes(data)
    return {"path": str(path), "method": method}


def is_unchanged(outcome: Outcome, image_id: str) -> bool:
    return (outcome.changed, outcome.image["id"], outcome.writes) == (False, image_id, [])


@pytest.mark.parametrize("algorithm", [None, "sha256", "sha512", "md5"])
@pytest.mark.parametrize("method", METHODS)
def test_a_converted_image_is_right_and_the_same_in_the_next_run(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes, tmp_path: Path, method: str, algorithm: Any
) -> None:
    options: dict[str, Any] = {
        "name": name,
        **QCOW2,
        **source(method, data, vendor, tmp_path),
        "on_content_change": "replace",
    }
    if algorithm:
        options["checksum"] = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
    done = run("pcd_image", **options)
    assert done.changed
    image = server.get(done.image["id"])
    assert (image["status"], image["disk_format"], image["size"], image["virtual_size"]) == (
        "active",
        "raw",
        DISK,
        DISK,
    )
    assert done.image["disk_format"] == "raw"
    assert done.image["properties"] == {}
    (warning,) = done.result["warnings"]
    assert "The image service has converted" in str(warning)
    assert "from qcow2 to raw" in str(warning)
    for check in (True, False):
        again = run("pcd_image", **options, check=check)
        assert is_unchanged(again, image["id"])
        assert again.result.get("warnings") is None
    assert len(server.named(name)) == 1


def test_a_stated_checksum_spares_reading_the_source_of_a_converted_image(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes
) -> None:
    url = vendor.file("disk.qcow2", data)
    options: dict[str, Any] = {
        "name": name,
        **QCOW2,
        "url": url,
        "checksum": f"sha256:{hashlib.sha256(data).hexdigest()}",
    }
    done = run("pcd_image", **options)
    asked = len(vendor.asked)
    again = run("pcd_image", **options)
    assert is_unchanged(again, done.image["id"])
    assert len(vendor.asked) == asked
    assert again.lookups == 1


def test_remembering_takes_one_change_and_one_look(run: Runner, name: str, vendor: Vendor, data: bytes) -> None:
    done = run("pcd_image", name=name, **QCOW2, url=vendor.file("disk.qcow2", data))
    assert done.writes == ["POST", "POST", "PATCH"]
    assert len(vendor.asked) == 3  # asked for its size, fetched by the service, compared by the task


def test_a_converted_image_is_replaced_when_the_source_changes_and_only_then(
    run: Runner, server: Server, name: str, data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(data)
    # The format is declared once: the replacement inherits what was declared and not what the service has made.
    first = run("pcd_image", name=name, **QCOW2, path=str(path), method="glance-direct")
    path.write_bytes(qcow2(unused("next")))
    options: dict[str, Any] = {"name": name, "path": str(path), "method": "glance-direct"}
    refused = run("pcd_image", **options)
    assert "has other data than the source" in refused.msg
    assert hashlib.sha512(data).hexdigest() in refused.msg
    second = run("pcd_image", **options, on_content_change="replace")
    assert second.changed
    assert second.image["id"] != first.image["id"]
    assert server.get(second.image["id"])["disk_format"] == "raw"
    assert server.get(first.image["id"])["os_hidden"]
    server.remember(first.image["id"])
    assert is_unchanged(run("pcd_image", **options, on_content_change="replace"), second.image["id"])


def test_the_record_of_a_converted_image_is_declared_as_before(
    run: Runner, server: Server, name: str, data: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(data)
    done = run("pcd_image", name=name, **QCOW2, path=str(path), method="glance-direct")
    # No data is given here, and the format that was declared is still no change.
    assert is_unchanged(run("pcd_image", name=name, **QCOW2), done.image["id"])
    changed = run("pcd_image", name=name, **QCOW2, min_disk=3, properties={"a": "b"}, purge_properties=True)
    assert [operation["path"] for operation in changed.patch] == ["/a", "/min_disk"]
    assert is_unchanged(run("pcd_image", name=name, **QCOW2, path=str(path)), done.image["id"])
    refused = run("pcd_image", name=name, disk_format="vmdk")
    assert "a format cannot change any more" in refused.msg
    assert (
        "belongs to the image service or to this collection"
        in run("pcd_image", name=name, properties={"pcd_source": "x"}).msg
    )


def test_an_unpacked_and_converted_image_is_the_same_in_the_next_run(
    run: Runner, name: str, data: bytes, tmp_path: Path
) -> None:
    packed = lzma.compress(data)
    path = tmp_path / "disk.qcow2.xz"
    path.write_bytes(packed)
    options: dict[str, Any] = {"name": name, **QCOW2, "path": str(path), "method": "glance-direct", "decompress": True}
    options["checksum"] = f"sha512:{hashlib.sha512(packed).hexdigest()}"
    done = run("pcd_image", **options)
    assert done.image["disk_format"] == "raw"
    assert is_unchanged(run("pcd_image", **options), done.image["id"])


def test_what_is_not_converted_is_verified_as_ever(run: Runner, server: Server, name: str, tmp_path: Path) -> None:
    content = unused("raw").encode() * 2000
    path = tmp_path / "disk.raw"
    path.write_bytes(content)
    options: dict[str, Any] = {
        "name": name,
        "disk_format": "raw",
        "container_format": "bare",
        "path": str(path),
        "method": "glance-direct",
    }
    done = run("pcd_image", **options)
    assert server.get(done.image["id"])["os_hash_value"] == hashlib.sha512(content).hexdigest()
    assert "pcd_source" not in server.get(done.image["id"])
    assert is_unchanged(run("pcd_image", **options), done.image["id"])


@pytest.mark.parametrize("method", METHODS)
def test_a_wrong_checksum_leaves_no_converted_image(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes, tmp_path: Path, method: str
) -> None:
    options = {**QCOW2, **source(method, data, vendor, tmp_path), "checksum": f"sha256:{'0' * 64}"}
    failed = run("pcd_image", name=name, **options)
    assert failed.result["actual"] == hashlib.sha256(data).hexdigest()
    assert server.named(name) == []
    there = server.create(name, **QCOW2)
    assert run("pcd_image", name=name, **options).failed
    # A record that was there before stays, and boots nothing of it.
    assert server.get(there["id"])["status"] in ("queued", "uploading", "deactivated")


# What is remembered is a claim


def converted(run: Runner, name: str, data: bytes, tmp_path: Path, user: str = "member", **options: Any) -> Outcome:
    path = tmp_path / "disk.qcow2"
    path.write_bytes(data)
    return run("pcd_image", user, name=name, **QCOW2, path=str(path), method="glance-direct", **options)


@pytest.mark.parametrize(
    "value", ["{old} x", "sha512:{other}={data} from qcow2", "sha512:{right}=sha512:{other} from qcow2"]
)
def test_a_memory_that_does_not_fit_counts_for_nothing(
    run: Runner, server: Server, name: str, data: bytes, tmp_path: Path, value: str
) -> None:
    done = converted(run, name, data, tmp_path)
    image = server.get(done.image["id"])
    forged = value.format(
        old=image["pcd_source"],
        right=hashlib.sha512(data).hexdigest(),
        other="0" * 128,
        data=f"sha512:{image['os_hash_value']}",
    )
    server.change(image["id"], pcd_source=forged)
    assert "has other data than the source" in converted(run, name, data, tmp_path).msg
    kept = converted(run, name, data, tmp_path, on_content_change="keep")
    assert is_unchanged(kept, image["id"])


def test_what_another_project_remembers_is_not_believed_and_replaces_nothing(
    run: Runner, server: Server, name: str, data: bytes, tmp_path: Path
) -> None:
    """Its members can write anything there; and an administrator's run must not replace the image each time."""
    done = converted(run, name, data, tmp_path)
    owner = server.project_id("member")
    others: list[dict[str, Any]] = [{"owner": owner}, {"match": "visible"}]
    for more in others:
        for change in ("fail", "replace"):
            refused = converted(run, name, data, tmp_path, "admin", on_content_change=change, **more)
            assert "believed only of an image of the own project" in refused.msg
            assert refused.writes == []
    assert [image["id"] for image in server.named(name)] == [done.image["id"]]


def test_a_snapshot_that_inherited_the_memory_is_other_data(
    run: Runner, server: Server, name: str, data: bytes, tmp_path: Path
) -> None:
    done = converted(run, unused("base"), data, tmp_path)
    memory = server.get(done.image["id"])["pcd_source"]
    snapshot = server.create(name, active=True, pcd_source=memory)
    assert "has other data than the source" in converted(run, name, data, tmp_path).msg
    assert server.get(snapshot["id"])["pcd_source"] == memory


# An import that has failed


def locked(server: Server, vendor: Vendor, image_id: str) -> None:
    """Let an import of the record fail so that its lock stays: Glance does not undo it to the end."""
    method = {"name": "web-download", "uri": vendor.file("junk.qcow2", JUNK)}
    server.ask("POST", f"/images/{image_id}/import", "member", json={"method": method})
    end = time.monotonic() + 60
    while True:
        image = server.get(image_id)
        tasks = server.ask("GET", f"/images/{image_id}/tasks", "member")["tasks"]
        if tasks[0]["status"] == "failure":
            break
        assert time.monotonic() < end, f"the import does not fail: {image}"
        time.sleep(0.1)
    assert server.get(image_id).get("os_glance_import_task") == tasks[0]["id"]


def test_an_import_that_fails_and_stays_locked_fails_the_task_at_once(
    run: Runner, server: Server, name: str, vendor: Vendor
) -> None:
    url = vendor.file("junk.qcow2", JUNK)
    begun = time.monotonic()
    failed = run("pcd_image", name=name, **QCOW2, url=url)
    assert time.monotonic() - begun < 60  # of wait_timeout's 3600
    assert "has failed" in failed.msg
    assert "has been removed again" in failed.msg
    assert server.named(name) == []
    asked = [request for request in failed.glance if request["path"].endswith("/tasks")]
    assert 1 <= len(asked) <= 8


@pytest.mark.parametrize("how", ["replace", "prepare"])
@pytest.mark.parametrize("method", METHODS)
def test_a_version_whose_import_fails_and_stays_locked_touches_no_image(
    run: Runner, server: Server, name: str, vendor: Vendor, tmp_path: Path, method: str, how: str
) -> None:
    rotate = Rotation(run, server, name, tmp_path)
    rotate.builds(1, 2)
    before = rotate.everything()
    assert len(before) == 2
    new = source(method, JUNK, vendor, tmp_path)
    failed = rotate(None, on_content_change=how, keep=0, **QCOW2, **new)
    assert "has failed" in failed.msg
    assert rotate.everything() == before
    for image_id in before:
        server.remember(image_id)


def test_a_record_that_was_there_is_reported_and_created_again_only_if_it_is_ours(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes, tmp_path: Path
) -> None:
    ours = run("pcd_image", name=name, **QCOW2).image["id"]
    failed = run("pcd_image", name=name, url=vendor.file("junk.qcow2", JUNK))
    assert "Its record takes no other data after this; the next run, by its name, makes another one." in failed.msg
    assert server.get(ours)["os_glance_import_task"]
    begun = time.monotonic()
    done = converted(run, name, data, tmp_path)
    assert time.monotonic() - begun < 60
    assert done.changed
    assert done.image["id"] != ours
    assert [image["id"] for image in server.named(name)] == [done.image["id"]]


@pytest.mark.parametrize("wait", [True, False])
def test_a_stale_lock_on_a_record_of_somebody_else_is_an_error_at_once(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes, tmp_path: Path, wait: bool
) -> None:
    there = server.create(name, **QCOW2)
    locked(server, vendor, there["id"])
    begun = time.monotonic()
    refused = converted(run, name, data, tmp_path, wait=wait)
    assert time.monotonic() - begun < 60
    assert "delete it (state: absent)" in refused.msg
    assert refused.writes == []
    assert run("pcd_image", name=name, state="absent").changed
    assert converted(run, name, data, tmp_path).changed


# A url that the service does not fetch


def test_what_the_filter_refuses_is_staged_and_converted_for_several_stores(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes
) -> None:
    url = vendor.file("disk.qcow2", data).replace("127.0.0.1", "localhost")
    done = run("pcd_image", name=name, **QCOW2, url=url, all_stores=True)
    assert done.image["stores"] == ["fast", "slow"]
    assert done.image["disk_format"] == "raw"
    assert is_unchanged(run("pcd_image", name=name, **QCOW2, url=url, all_stores=True), done.image["id"])


def test_a_url_with_a_login_is_uploaded_and_not_converted(
    run: Runner, server: Server, name: str, vendor: Vendor, data: bytes
) -> None:
    url = vendor.file("disk.qcow2", data, "guarded")
    done = run("pcd_image", name=name, **QCOW2, url=url, url_username=USER, url_password=PASSWORD)
    assert (done.image["disk_format"], done.image["size"]) == ("qcow2", len(data))
