# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of vendors: what is remembered of their source, and what their first bytes tell."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor

BARE: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}
CONTENT = bytes(4) + os.urandom(300_000)
OTHER_CONTENT = bytes(4) + os.urandom(300_000)
QCOW2 = b"QFI\xfb\0\0\0\3" + bytes(16) + (3 << 30).to_bytes(8, "big") + bytes(1 << 16)
BACKED = QCOW2[:8] + (104).to_bytes(8, "big") + QCOW2[16:]
SPLIT = QCOW2[:72] + (4).to_bytes(8, "big") + QCOW2[80:]
FLAT_VMDK = b'# Disk DescriptorFile\nversion=1\ncreateType="monolithicFlat"\nRW 20 FLAT "/etc/passwd" 0\n'
ISO = bytes(32 << 10) + b"\1CD001\1" + bytes(4096)


def sha(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def source_of(published: bytes, stored: bytes) -> str:
    return f"sha256:{sha('sha256', published)}=sha512:{sha('sha512', stored)}"


def published(vendor: Vendor, content: bytes, name: str = "image.raw") -> dict[str, Any]:
    """The options for a new file of the vendor and its checksum file."""
    url = vendor.file(name, content)
    vendor.file("SHA256SUMS", f"{sha('sha256', content)}  {name}\n".encode())
    return {"url": url, "checksum": f"sha256:{vendor.url}/files/SHA256SUMS", **BARE}


def is_unchanged(outcome: Outcome, vendor: Vendor, asked: int) -> bool:
    """Nothing changed, by one request to the service and one for the checksum file."""
    paths = [path for path, dummy in vendor.asked[asked:]]
    return not outcome.changed and len(outcome.glance) == 1 and paths == ["/files/SHA256SUMS"]


# What is remembered


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
def test_a_vendor_image_is_known_again_by_its_checksum_only(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str
) -> None:
    options: dict[str, Any] = {"name": name, "method": method, **published(vendor, CONTENT)}
    done = run("pcd_image", **options)
    assert done.writes[-1] == "PATCH"
    assert server.get(done.image["id"])["pcd_source"] == source_of(CONTENT, CONTENT)
    assert done.image["properties"] == {}
    for check in (True, False):
        asked = len(vendor.asked)
        assert is_unchanged(run("pcd_image", **options, check=check), vendor, asked)


def test_remembering_takes_one_request_more(run: Runner, vendor: Vendor, name: str) -> None:
    options: dict[str, Any] = {"method": "upload", **published(vendor, CONTENT)}
    plain = run("pcd_image", name=f"{name}-plain", **{**options, "checksum": f"sha512:{sha('sha512', CONTENT)}"})
    assert len(run("pcd_image", name=name, **options).glance) == len(plain.glance) + 1


def test_a_packed_file_is_known_again_and_is_other_data_than_itself(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    packed = gzip.compress(CONTENT)
    options: dict[str, Any] = {"name": name, **published(vendor, packed, "image.raw.gz"), "decompress": True}
    done = run("pcd_image", **options)
    assert server.get(done.image["id"])["pcd_source"] == source_of(packed, CONTENT)
    asked = len(vendor.asked)
    assert is_unchanged(run("pcd_image", **options), vendor, asked)
    assert "has other data" in run("pcd_image", **{**options, "decompress": False}).msg


def test_an_image_that_lacks_it_gets_it_after_one_comparison(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    options: dict[str, Any] = {"name": name, "method": "upload", **published(vendor, CONTENT)}
    there = run("pcd_image", **{**options, "checksum": None}).image
    preview = run("pcd_image", **options, check=True)
    assert (preview.changed, preview.writes) == (True, [])
    done = run("pcd_image", **options)
    assert done.writes == ["PATCH"]
    assert done.result["diff"] == preview.result["diff"]
    assert done.result["diff"]["after"]["pcd_source"] == source_of(CONTENT, CONTENT)
    assert done.image["id"] == there["id"]
    asked = len(vendor.asked)
    assert is_unchanged(run("pcd_image", **options), vendor, asked)


def test_a_replacement_remembers_by_the_patch_that_shows_it(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    options: dict[str, Any] = {"name": name, "method": "upload", "on_content_change": "replace"}
    run("pcd_image", **options, **published(vendor, CONTENT))
    by_sha512: dict[str, Any] = {
        **published(vendor, OTHER_CONTENT),
        "checksum": f"sha512:{sha('sha512', OTHER_CONTENT)}",
    }
    plain = run("pcd_image", **options, **by_sha512)
    assert "pcd_source" not in server.get(plain.image["id"])
    done = run("pcd_image", **options, **published(vendor, CONTENT * 2))
    assert done.writes == plain.writes
    assert server.get(done.image["id"])["pcd_source"] == source_of(CONTENT * 2, CONTENT * 2)
    asked = len(vendor.asked)
    assert is_unchanged(run("pcd_image", **options, **published(vendor, CONTENT * 2)), vendor, asked)


def test_it_is_not_believed_on_other_data(run: Runner, server: Server, vendor: Vendor, name: str) -> None:
    options: dict[str, Any] = {"name": name, "method": "upload", **published(vendor, CONTENT)}
    done = run("pcd_image", name=name, method="upload", **published(vendor, OTHER_CONTENT))
    server.change(done.image["id"], pcd_source=source_of(CONTENT, CONTENT))
    assert "has other data" in run("pcd_image", **{**options, **published(vendor, CONTENT)}).msg


def test_a_checksum_file_that_changes_between_is_read_once_more(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    options: dict[str, Any] = {"name": name, "method": "upload", **published(vendor, CONTENT)}
    old = vendor.files["SHA256SUMS"]
    vendor.files["image.raw"] = OTHER_CONTENT
    stale = run("pcd_image", **options)
    assert "was stated" in stale.msg
    assert [path for path, dummy in vendor.asked].count("/files/SHA256SUMS") == 2
    assert server.named(name) == []
    new = f"{sha('sha256', OTHER_CONTENT)}  image.raw\n".encode()
    vendor.later["SHA256SUMS"] = [old, new]
    done = run("pcd_image", **options)
    assert server.get(done.image["id"])["os_hash_value"] == sha("sha512", OTHER_CONTENT)
    assert len(server.named(name)) == 1


# What the first bytes tell


@pytest.mark.parametrize("how", ["path", "upload", "web-download"])
@pytest.mark.parametrize(("data", "disk_format"), [(QCOW2, "qcow2"), (ISO, "iso"), (CONTENT, "raw")])
def test_a_format_that_is_left_out_is_found(
    run: Runner, server: Server, vendor: Vendor, name: str, tmp_path: Path, how: str, data: bytes, disk_format: str
) -> None:
    (tmp_path / "disk").write_bytes(data)
    source: dict[str, Any] = (
        {"path": str(tmp_path / "disk")} if how == "path" else {"url": vendor.file("disk", data), "method": how}
    )
    preview = run("pcd_image", name=name, **source, check=True)
    done = run("pcd_image", name=name, **source)
    for outcome in (preview, done):
        assert (outcome.image["disk_format"], outcome.image["container_format"]) == (disk_format, "bare")
    assert done.result["diff"] == preview.result["diff"]
    if how == "web-download":
        first = vendor.headers_of("/files/disk")[0]
        assert first["range"] == "bytes=0-65535"
        assert len(vendor.headers_of("/files/disk")) == 3  # the preview, the task, the service
    if how == "upload":
        assert len(vendor.headers_of("/files/disk")) == 2  # the preview, the task
    assert not run("pcd_image", name=name, **source).changed


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("how", ["path", "upload", "glance-direct", "web-download"])
@pytest.mark.parametrize(
    ("data", "declared", "words"),
    [
        (QCOW2, "raw", "is qcow2 by its first bytes, and raw was declared"),
        (CONTENT, "qcow2", "is raw data by its first bytes, and qcow2 was declared"),
        (BACKED, "qcow2", "backing file"),
        (SPLIT, None, "external data file"),
        (FLAT_VMDK, "vmdk", "only names the files"),
        (QCOW2[: 32 << 10] + ISO[32 << 10 :], "qcow2", "several formats"),
        (QCOW2[:100], "qcow2", "ends after 100 bytes"),
        (b"QED\0" + bytes(600), None, "which the image service does not take"),
        (gzip.compress(CONTENT), "raw", "Set decompress: true"),
        (gzip.compress(CONTENT), None, "Set decompress: true"),
    ],
)
def test_what_the_bytes_contradict_is_refused_and_nothing_is_written(
    run: Runner,
    server: Server,
    vendor: Vendor,
    name: str,
    tmp_path: Path,
    how: str,
    data: bytes,
    declared: str | None,
    words: str,
    check: bool,
) -> None:
    (tmp_path / "disk").write_bytes(data)
    source: dict[str, Any] = (
        {"path": str(tmp_path / "disk")} if how == "path" else {"url": vendor.file("disk", data), "method": how}
    )
    formats: dict[str, Any] = {} if declared is None else {"disk_format": declared, "container_format": "bare"}
    refused = run("pcd_image", name=name, **source, **formats, check=check)
    assert words in refused.msg
    assert "\n" not in refused.msg
    assert refused.writes == []
    assert server.named(name) == []


PAGE = b"<!DOCTYPE html>\n<html><body>Please log in to go on.</body></html>\n"
STORE_ERROR = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code></Error>'


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize("declared", [None, "raw", "qcow2"])
@pytest.mark.parametrize(
    ("method", "folder", "data"),
    [
        ("upload", "files", PAGE),
        ("glance-direct", "files", STORE_ERROR),
        ("web-download", "files", PAGE),
        ("web-download", "files", b'{"error": "not found"}'),
        ("upload", "page", b"Your session is over."),
        ("web-download", "page", b"Your session is over."),
    ],
)
def test_a_page_that_comes_in_place_of_a_disk_becomes_no_image(
    run: Runner,
    server: Server,
    vendor: Vendor,
    name: str,
    method: str,
    folder: str,
    data: bytes,
    declared: str | None,
    check: bool,
) -> None:
    formats: dict[str, Any] = {} if declared is None else {"disk_format": declared, "container_format": "bare"}
    url = vendor.file("disk.img", data, folder)
    refused = run("pcd_image", name=name, url=url, method=method, **formats, check=check)
    assert f"{url} is a" in refused.msg
    assert "and no disk image" in refused.msg
    assert refused.writes == []
    assert server.named(name) == []


def test_a_page_in_a_file_or_packed_becomes_no_image(run: Runner, name: str, vendor: Vendor, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(PAGE)
    ways: list[dict[str, Any]] = [
        {"path": str(tmp_path / "disk")},
        {"url": vendor.file("disk.xz", PAGE), "decompress": True},
        {"url": vendor.file("disk.gz", gzip.compress(PAGE)), "decompress": True},
    ]
    for way in ways:
        refused = run("pcd_image", name=name, **way)
        assert "is an HTML page and no disk image" in refused.msg
        assert refused.writes == []


def test_a_page_never_takes_the_place_of_an_image(run: Runner, server: Server, name: str, vendor: Vendor) -> None:
    there = server.create(name, active=True)
    url = vendor.file("disk.img", PAGE)
    for method in ("upload", "web-download"):
        refused = run("pcd_image", name=name, url=url, method=method, on_content_change="replace")
        assert "is an HTML page and no disk image" in refused.msg
    assert server.named(name) == [server.get(there["id"])]


def test_a_disk_that_its_server_calls_a_page_is_one(run: Runner, name: str, vendor: Vendor) -> None:
    url = vendor.file("disk.img", QCOW2, "page")
    assert run("pcd_image", name=name, url=url, method="upload").image["disk_format"] == "qcow2"
    sums = vendor.file("SUMS", f"{sha('sha256', QCOW2)}  disk.img\n".encode(), "page")
    assert not run("pcd_image", name=name, url=url, checksum=f"sha256:{sums}", method="upload", check=True).failed


def test_a_disk_that_is_larger_than_min_disk_is_warned_of(run: Runner, name: str, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(QCOW2)
    warned = run("pcd_image", name=name, path=str(tmp_path / "disk"), min_disk=2, check=True)
    assert "Set min_disk: 3" in str(warned.result["warnings"])
    assert "warnings" not in run("pcd_image", name=name, path=str(tmp_path / "disk"), min_disk=3, check=True).result


def test_a_format_that_nobody_can_see_has_to_be_given(run: Runner, server: Server, name: str) -> None:
    refused = run("pcd_image", name=name, url="http://127.0.0.1:1/disk", method="web-download")
    assert refused.msg.startswith("disk_format: ")
    assert server.named(name) == []
