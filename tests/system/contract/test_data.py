# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of an image: what is sent, what is refused, and what the service holds afterwards."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import new_id
from ansible_collections.platform9.pcd.tests.support.certificates import make_certificates
from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner
from ansible_collections.platform9.pcd.tests.support.vendor import PASSWORD, USER, Vendor, open_vendor

QCOW2: dict[str, Any] = {"disk_format": "qcow2", "container_format": "bare"}
CONTENT = os.urandom(300_000)
OTHER_CONTENT = os.urandom(300_000)
# The beginning of raw data does not show that it is not VHD: the service refuses it only at the end.
VHD: dict[str, Any] = {"disk_format": "vhd", "container_format": "bare"}
QCOW2_TOOL = Path(__file__).resolve().parents[2] / "tools" / "qcow2.py"
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "image.raw"
    path.write_bytes(CONTENT)
    return path


def through(proxy: Proxy, server: Server) -> dict[str, Any]:
    """The options that lead through the proxy instead of logging in."""
    return proxy.through({"token": server.token(), "project_id": server.project_id()})


def stored(server: Server, image_id: str, through: str = "library") -> bytes:
    """The bytes that the service gives out."""
    answer = server.call("GET", f"/images/{image_id}/file", through=through)
    assert answer.status_code == 200, f"GET file: {answer.status_code} {answer.text}"
    return answer.content


def holds(server: Server, outcome: Outcome, content: bytes) -> None:
    """The image that a task has reported is active and has exactly this content."""
    image = server.get(outcome.image["id"])
    assert (image["status"], image["size"]) == ("active", len(content))
    assert image["os_hash_value"] == hashlib.sha512(content).hexdigest()
    assert stored(server, image["id"]) == content


def digest(algorithm: str, content: bytes) -> str:
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def imports(outcome: Outcome) -> list[str]:
    """The paths of the requests that ask for an import."""
    return [
        request["path"] for request in outcome.glance if request["method"] == "POST" and "/import" in request["path"]
    ]


# Upload of a file


def test_a_file_becomes_the_data_of_a_new_image(run: Runner, server: Server, name: str, file: Path) -> None:
    preview = run("pcd_image", name=name, path=str(file), **RAW, check=True)
    assert preview.changed
    assert preview.writes == []
    assert (preview.image["status"], preview.image["size"]) == ("active", len(CONTENT))
    assert preview.image["os_hash_value"] == hashlib.sha512(CONTENT).hexdigest()
    assert server.named(name) == []
    done = run("pcd_image", name=name, path=str(file), **RAW)
    assert done.writes == ["POST", "PUT"]
    holds(server, done, CONTENT)
    assert done.result["diff"] == preview.result["diff"]
    again = run("pcd_image", name=name, path=str(file), **RAW)
    assert (again.changed, again.writes) == (False, [])


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_a_file_is_compared_with_its_stated_checksum(
    run: Runner, server: Server, name: str, file: Path, algorithm: str
) -> None:
    options = {"name": name, "path": str(file), "checksum": digest(algorithm, CONTENT), **RAW}
    holds(server, run("pcd_image", **options), CONTENT)
    assert not run("pcd_image", **options).changed


@pytest.mark.parametrize("method", ["upload", "glance-direct"])
@pytest.mark.parametrize("check", [True, False])
def test_a_wrong_checksum_leaves_no_image(
    run: Runner, server: Server, name: str, file: Path, method: str, check: bool
) -> None:
    stated = digest("sha256", OTHER_CONTENT)
    failed = run("pcd_image", name=name, path=str(file), checksum=stated, method=method, **RAW, check=check)
    assert failed.result["expected"] == stated.removeprefix("sha256:")
    assert failed.result["actual"] == hashlib.sha256(CONTENT).hexdigest()
    assert failed.result["algorithm"] == "sha256"
    assert str(file) in failed.msg
    assert server.named(name) == []


def test_a_wrong_checksum_leaves_a_record_that_was_there_without_data(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    there = server.create(name, **RAW)
    assert "was stated" in run("pcd_image", name=name, path=str(file), checksum=digest("md5", b"other")).msg
    assert server.get(there["id"])["status"] == "queued"
    done = run("pcd_image", name=name, path=str(file))
    assert done.image["id"] == there["id"]
    holds(server, done, CONTENT)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "No such file"), ("folder", "is a folder"), ("empty", "is empty"), ("device", "not a regular file")],
)
def test_a_path_without_data_is_refused_before_any_request(
    run: Runner, tmp_path: Path, name: str, kind: str, words: str
) -> None:
    (tmp_path / "empty").touch()
    paths = {"missing": tmp_path / "missing", "folder": tmp_path, "empty": tmp_path / "empty", "device": "/dev/null"}
    refused = run("pcd_image", name=name, path=str(paths[kind]), **RAW)
    assert words in refused.msg
    assert str(paths[kind]) in refused.msg
    assert refused.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_refused(run: Runner, name: str, file: Path) -> None:
    file.chmod(0)
    assert "Permission denied" in run("pcd_image", name=name, path=str(file), **RAW).msg


@pytest.mark.parametrize("formats", [{"disk_format": "raw"}, {"container_format": "ovf"}])
def test_data_without_formats_is_refused_before_anything_is_written(
    run: Runner, server: Server, name: str, file: Path, formats: dict[str, Any]
) -> None:
    refused = run("pcd_image", name=name, path=str(file), **formats)
    for lacking in {"disk_format", "container_format"} - set(formats):
        assert lacking in refused.msg
    assert refused.writes == []
    assert server.named(name) == []


def test_the_formats_of_the_record_are_enough(run: Runner, server: Server, name: str, file: Path) -> None:
    server.create(name, disk_format="raw")
    done = run("pcd_image", name=name, path=str(file), container_format="bare")
    assert done.writes == ["PATCH", "PUT"]
    holds(server, done, CONTENT)


def test_a_record_gets_its_data_by_id(run: Runner, server: Server, file: Path) -> None:
    there = server.create(unused("by-id"), **RAW)
    done = run("pcd_image", id=there["id"], path=str(file))
    assert done.writes == ["PUT"]
    holds(server, done, CONTENT)


def test_a_new_image_gets_the_id_that_is_given_and_its_data(run: Runner, server: Server, name: str, file: Path) -> None:
    new = server.new_id()
    done = run("pcd_image", id=new, name=name, path=str(file), **RAW)
    assert done.image["id"] == new
    holds(server, done, CONTENT)


def test_a_deactivated_image_with_this_data_stays_as_it_is(run: Runner, server: Server, name: str, file: Path) -> None:
    there = run("pcd_image", name=name, path=str(file), **RAW).image
    server.act(there["id"], "deactivate")
    again = run("pcd_image", name=name, path=str(file), **RAW)
    assert (again.changed, again.image["status"]) == (False, "deactivated")


def test_a_path_says_nothing_about_an_image_that_shall_be_absent(run: Runner, server: Server, name: str) -> None:
    server.create(name)
    assert run("pcd_image", name=name, path="/nowhere", state="absent").changed
    assert server.named(name) == []


@pytest.mark.parametrize("packing", sorted(PACKERS))
@pytest.mark.parametrize("how", ["path", "url"])
def test_a_packed_file_is_unpacked_on_its_way(
    run: Runner, server: Server, vendor: Vendor, tmp_path: Path, name: str, packing: str, how: str
) -> None:
    packed = PACKERS[packing](CONTENT)
    (tmp_path / f"image.{packing}").write_bytes(packed)
    place = {"path": str(tmp_path / f"image.{packing}"), "url": vendor.file(f"image.{packing}", packed)}[how]
    options = {"name": name, how: place, "checksum": digest("sha256", packed), "decompress": True, **RAW}
    holds(server, run("pcd_image", **options), CONTENT)
    assert not run("pcd_image", **options).changed


def test_zstandard_is_unpacked_if_the_library_is_there(run: Runner, server: Server, tmp_path: Path, name: str) -> None:
    zstandard = pytest.importorskip("zstandard")
    (tmp_path / "image.zst").write_bytes(zstandard.compress(CONTENT))
    holds(server, run("pcd_image", name=name, path=str(tmp_path / "image.zst"), decompress=True, **RAW), CONTENT)


def test_a_file_that_is_not_packed_is_sent_as_it_is(run: Runner, server: Server, name: str, file: Path) -> None:
    holds(server, run("pcd_image", name=name, path=str(file), decompress=True, **RAW), CONTENT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gzip.compress(CONTENT, mtime=0)[:-50], "broken"),
        (lzma.compress(CONTENT)[:100_000], "broken"),
        (gzip.compress(b"", mtime=0), "nothing in it"),
        (b"PK\x03\x04" + CONTENT, "zip, which is not supported"),
        (b"7z\xbc\xaf\x27\x1c" + CONTENT, "7z, which is not supported"),
    ],
)
def test_what_cannot_be_unpacked_leaves_no_image(
    run: Runner, server: Server, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / "packed").write_bytes(content)
    assert words in run("pcd_image", name=name, path=str(tmp_path / "packed"), decompress=True, **RAW).msg
    assert server.named(name) == []


def grow(path: Path) -> None:
    with open(path, "ab") as stream:
        stream.write(b"more")


def rewrite_with_the_old_time(path: Path) -> None:
    before = path.stat()
    with open(path, "r+b") as stream:
        stream.write(b"x" * (1 << 20))
        stream.seek(-(1 << 20), os.SEEK_END)
        stream.write(b"x" * (1 << 20))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("change", [grow, rewrite_with_the_old_time])
def test_a_file_that_changes_while_it_is_sent_leaves_no_image(
    change: Callable[[Path], None], run: Runner, server: Server, proxy: Proxy, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "growing.raw"
    with open(path, "wb") as stream:
        # More than the buffers on the way hold, so that the end has not been read when the middle arrives.
        stream.truncate(64 << 20)

    proxy.halfway = lambda: change(path)
    failed = run("pcd_image", None, name=name, path=str(path), **RAW, **through(proxy, server))
    assert "was changed while it was read" in failed.msg
    assert server.named(name) == []


def test_an_upload_takes_no_more_memory_for_more_data(
    run: Runner, server: Server, tmp_path: Path, record_property: Any
) -> None:
    peaks = {}
    for mebibytes in (1, 128):
        path = tmp_path / "large.raw"
        with open(path, "wb") as stream:
            stream.truncate(mebibytes << 20)
        done = run("pcd_image", name=unused("large"), path=str(path), **RAW)
        assert server.get(done.image["id"])["size"] == mebibytes << 20
        peaks[mebibytes] = done.peak_memory
        record_property(f"peak_memory_kib_{mebibytes}_mib", done.peak_memory)
    assert peaks[128] - peaks[1] < 16 << 10


@pytest.mark.parametrize(("packing", "broken_byte"), [("xz", 2), ("bz2", 1), ("gz", 1)])
def test_a_packed_file_whose_second_part_is_broken_leaves_no_image(
    run: Runner, server: Server, tmp_path: Path, name: str, packing: str, broken_byte: int
) -> None:
    second = bytearray(PACKERS[packing](OTHER_CONTENT))
    second[broken_byte] ^= 1
    (tmp_path / "packed").write_bytes(PACKERS[packing](CONTENT) + bytes(second))
    assert "broken" in run("pcd_image", name=name, path=str(tmp_path / "packed"), decompress=True, **RAW).msg
    assert server.named(name) == []


def test_a_wrong_checksum_does_not_spend_an_id(run: Runner, server: Server, name: str, tmp_path: Path) -> None:
    path = tmp_path / "larger.raw"
    path.write_bytes(CONTENT * 10)
    new = server.new_id()
    options: dict[str, Any] = {"id": new, "name": name, "path": str(path), **RAW}
    refused = run("pcd_image", **options, checksum=digest("md5", OTHER_CONTENT))
    assert (refused.failed, refused.writes) == (True, [])
    assert run("pcd_image", **options, checksum=digest("md5", CONTENT * 10)).image["id"] == new


# What the service refuses


def test_data_of_another_format_leaves_no_image(run: Runner, server: Server, name: str, file: Path) -> None:
    refused = run("pcd_image", name=name, path=str(file), **VHD)
    assert "disk_format: vhd" in refused.msg
    assert "req-" in refused.msg
    assert refused.result["status"] == 415
    assert server.named(name) == []


def test_packed_data_of_another_format_is_recognised_in_the_error(run: Runner, tmp_path: Path, name: str) -> None:
    (tmp_path / "image.qcow2.gz").write_bytes(gzip.compress(CONTENT))
    refused = run("pcd_image", name=name, path=str(tmp_path / "image.qcow2.gz"), **QCOW2)
    assert "decompress: true" in refused.msg
    assert refused.writes == []


def test_a_record_that_was_there_and_refused_data_explains_itself(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    there = server.create(name, **VHD)
    assert "takes no other data" in run("pcd_image", name=name, path=str(file)).msg
    assert server.get(there["id"])["status"] == "queued"
    explained = run("pcd_image", name=name, path=str(file))
    assert "has refused data for it before" in explained.msg
    assert "does not show that this collection has made it" in explained.msg
    assert explained.writes == []


@pytest.mark.parametrize("method", ["upload", "glance-direct"])
def test_a_record_of_ours_that_refused_data_is_created_again(
    run: Runner, server: Server, name: str, file: Path, tmp_path: Path, method: str
) -> None:
    there = run("pcd_image", name=name, min_disk=3, tags=["kept"], properties={"os_distro": "kept"}, **VHD).image
    assert run("pcd_image", name=name, path=str(file), method=method).failed
    good = tmp_path / "good.qcow2"
    subprocess.run([sys.executable, str(QCOW2_TOOL), str(good)], check=True)
    preview = run("pcd_image", name=name, path=str(good), check=True)
    assert (preview.changed, preview.writes) == (True, [])
    done = run("pcd_image", name=name, path=str(good))
    assert [image["id"] for image in server.named(name)] == [done.image["id"]]
    assert done.image["id"] != there["id"]
    assert (done.image["min_disk"], done.image["tags"]) == (3, ["kept"])
    assert done.image["properties"] == {"os_distro": "kept"}
    holds(server, done, good.read_bytes())
    assert not run("pcd_image", name=name, path=str(good)).changed


# From a URL


def test_the_service_fetches_a_url(run: Runner, server: Server, vendor: Vendor, name: str) -> None:
    url = vendor.file("image.raw", CONTENT)
    preview = run("pcd_image", name=name, url=url, **RAW, check=True)
    assert (preview.changed, preview.writes, preview.image["size"]) == (True, [], len(CONTENT))
    done = run("pcd_image", name=name, url=url, **RAW)
    assert len(imports(done)) == 1
    assert done.writes == ["POST", "POST"]
    holds(server, done, CONTENT)
    assert done.result["diff"] == preview.result["diff"]
    assert not run("pcd_image", name=name, url=url, **RAW).changed


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_url_is_verified_by_the_vendors_checksum_file(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str, algorithm: str
) -> None:
    url = vendor.file("image.raw", CONTENT)
    other, this = (digest(algorithm, content).partition(":")[2] for content in (OTHER_CONTENT, CONTENT))
    checksum = f"{algorithm}:{vendor.file('SUMS', f'{other}  other.raw{chr(10)}{this} *image.raw{chr(10)}'.encode())}"
    options = {"name": name, "url": url, "checksum": checksum, "method": method, **RAW}
    holds(server, run("pcd_image", **options), CONTENT)
    assert not run("pcd_image", **options).changed


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_url_with_other_bytes_than_stated_leaves_no_image(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str, algorithm: str
) -> None:
    url = vendor.file("image.raw", CONTENT)
    failed = run("pcd_image", name=name, url=url, checksum=digest(algorithm, OTHER_CONTENT), method=method, **RAW)
    assert failed.result["expected"] == digest(algorithm, OTHER_CONTENT).partition(":")[2]
    assert failed.result["actual"] == digest(algorithm, CONTENT).partition(":")[2]
    assert failed.result["algorithm"] == algorithm
    assert server.named(name) == []


@pytest.mark.parametrize("login", [{"url_username": USER, "url_password": PASSWORD}, {"url_headers": {"X-Key": "key"}}])
def test_a_guarded_url_is_streamed_through(
    run: Runner, server: Server, vendor: Vendor, name: str, login: dict[str, Any]
) -> None:
    vendor.key = "key"
    done = run("pcd_image", name=name, url=vendor.file("image.raw", CONTENT, "guarded"), **login, **RAW)
    assert done.writes == ["POST", "PUT"]
    assert imports(done) == []
    holds(server, done, CONTENT)
    assert not run.told(done.stdout, PASSWORD)


def test_a_redirect_to_another_host_takes_no_credentials_along(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    with open_vendor() as other:
        vendor.other = other
        other.file("image.raw", CONTENT)
        done = run(
            "pcd_image",
            name=name,
            url=vendor.file("image.raw", CONTENT, "elsewhere"),
            url_username=USER,
            url_password=PASSWORD,
            url_headers={"X-Key": vendor.key},
            **RAW,
        )
        holds(server, done, CONTENT)
        assert all("authorization" in headers for dummy, headers in vendor.asked)
        assert other.asked
        assert not any({"authorization", "x-key"} & set(headers) for dummy, headers in other.asked)


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
def test_a_url_that_ends_early_leaves_no_image(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str
) -> None:
    assert run("pcd_image", name=name, url=vendor.file("image.raw", CONTENT, "short"), method=method, **RAW).failed
    assert server.named(name) == []


LARGE = os.urandom(5 << 20)


@pytest.mark.parametrize("method", ["upload", "glance-direct"])
@pytest.mark.parametrize("cut", ["cut", "reset", "chunks"])
@pytest.mark.parametrize("behind", [1000, 4 << 20])
def test_a_url_that_was_cut_is_fetched_again_from_its_first_byte(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str, cut: str, behind: int
) -> None:
    """In the first block, before anything is written; and in the middle of what is sent already."""
    vendor.cuts, vendor.behind = 1, behind
    done = run("pcd_image", name=name, url=vendor.file("image.raw", LARGE, cut), method=method, **RAW)
    holds(server, done, LARGE)
    assert len(vendor.headers_of(f"/{cut}/image.raw")) == 2
    assert len(server.named(name)) == 1


@pytest.mark.parametrize("method", ["upload", "glance-direct"])
@pytest.mark.parametrize("cut", ["cut", "reset", "chunks"])
@pytest.mark.parametrize("behind", [1000, 4 << 20])
def test_a_url_that_is_cut_each_time_is_an_error_that_says_how_often(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str, cut: str, behind: int
) -> None:
    vendor.cuts, vendor.behind = 99, behind
    failed = run("pcd_image", name=name, url=vendor.file("image.raw", LARGE, cut), method=method, retries=2, **RAW)
    assert "It was tried 3 times." in failed.msg
    assert f"/{cut}/image.raw" in failed.msg
    assert len(vendor.headers_of(f"/{cut}/image.raw")) == 3
    assert server.named(name) == []


def test_a_url_that_was_cut_fills_a_record_that_was_there(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    there = server.create(name, **RAW)
    vendor.cuts, vendor.behind = 2, 4 << 20
    url = vendor.file("image.raw.gz", gzip.compress(LARGE), "reset")
    done = run("pcd_image", name=name, url=url, decompress=True)
    assert done.image["id"] == there["id"]
    holds(server, done, LARGE)


def test_what_a_vendor_has_changed_meanwhile_is_never_mixed(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    vendor.cuts, vendor.behind = 1, 4 << 20
    url = vendor.file("image.raw", LARGE, "cut")
    newer = os.urandom(len(LARGE))
    vendor.given = lambda: vendor.file("image.raw", newer)
    holds(server, run("pcd_image", name=name, url=url, method="upload", **RAW), newer)


@pytest.mark.parametrize("check", [True, False])
def test_a_url_that_was_cut_is_read_again_to_be_compared(
    run: Runner, server: Server, vendor: Vendor, name: str, check: bool
) -> None:
    url = vendor.file("image.raw", CONTENT, "reset")
    holds(server, run("pcd_image", name=name, url=url, method="upload", **RAW), CONTENT)
    vendor.cuts = 1
    again = run("pcd_image", name=name, url=url, method="upload", **RAW, check=check)
    assert (again.changed, vendor.cuts) == (False, 0)


@pytest.mark.parametrize("cut", ["cut", "reset", "chunks"])
def test_a_checksum_file_that_was_cut_is_asked_for_again(
    run: Runner, server: Server, vendor: Vendor, name: str, file: Path, cut: str
) -> None:
    sums = vendor.file("SUMS", f"{hashlib.sha256(CONTENT).hexdigest()}  {file.name}\n".encode(), cut)
    vendor.cuts, vendor.behind = 1, 20
    options: dict[str, Any] = {"name": name, "path": str(file), "checksum": f"sha256:{sums}", **RAW}
    holds(server, run("pcd_image", **options), CONTENT)
    vendor.cuts = 99
    failed = run("pcd_image", retries=1, **options)
    assert failed.msg.startswith("checksum: ")
    assert failed.msg.endswith("It was tried 2 times.")
    assert failed.writes == []


@pytest.fixture
def tls_vendor(tmp_path: Path) -> Iterator[tuple[Vendor, str]]:
    """A vendor with TLS, and the file of his authority."""
    certificates = make_certificates(tmp_path)
    with open_vendor(certificates.server_context()) as vendor:
        yield vendor, certificates.authority


@pytest.mark.parametrize("method", [None, "upload", "web-download"])
@pytest.mark.parametrize("what", ["data", "checksum"])
def test_https_does_not_lead_to_plain_http(
    run: Runner,
    server: Server,
    tls_vendor: tuple[Vendor, str],
    vendor: Vendor,
    tmp_path: Path,
    name: str,
    method: str | None,
    what: str,
) -> None:
    secure, authority = tls_vendor
    secure.other = vendor
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(Path(authority).read_text() + Path(server.sandbox["ca_file"]).read_text())
    for name_of_file, content in (
        ("image.raw", CONTENT),
        ("SUMS", f"{hashlib.sha256(CONTENT).hexdigest()}  image.raw"),
    ):
        secure.file(name_of_file, content if isinstance(content, bytes) else content.encode())
        vendor.file(name_of_file, content if isinstance(content, bytes) else content.encode())
    folders = {"data": ("elsewhere", "files"), "checksum": ("files", "elsewhere")}[what]
    options: dict[str, Any] = {} if method is None else {"method": method}
    refused = run(
        "pcd_image",
        name=name,
        url=f"{secure.url}/{folders[0]}/image.raw?signature=S3cret-Query",
        checksum=f"sha256:{secure.url}/{folders[1]}/SUMS",
        ca_cert=str(bundle),
        **options,
        **RAW,
    )
    option, file_name = {"data": ("url", "image.raw"), "checksum": ("checksum", "SUMS")}[what]
    assert refused.msg.startswith(f"{option}: {secure.url}/elsewhere/{file_name} leads from https to plain http, to ")
    assert f"{vendor.url}/files/{file_name}" in refused.msg
    assert "S3cret-Query" not in refused.msg
    assert (vendor.asked, refused.writes) == ([], [])


@pytest.mark.parametrize("method", [None, "upload", "web-download"])
@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_url_that_refuses_is_reported_with_its_status_and_nothing_about_formats(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str | None, status: int
) -> None:
    options: dict[str, Any] = {} if method is None else {"method": method}
    url = vendor.file("image.raw", CONTENT, f"status/{status}")
    refused = run("pcd_image", name=name, url=url, **options, **RAW)
    told = refused.msg if (status, method) != (403, "web-download") else str(refused.result["warnings"])
    assert f"url: {url} answered {status}" in told
    assert "disk_format" not in told
    if status in (401, 403):
        assert "url_username" in told
    assert server.named(name) == []
    if told == refused.msg:
        assert refused.result["status"] == status
        assert refused.writes == []


@pytest.mark.parametrize(
    ("ending", "coding", "content"),
    [
        ("xz", "gzip", gzip.compress(lzma.compress(CONTENT))),
        ("gz", "gzip", gzip.compress(gzip.compress(CONTENT))),
        ("gz", "gzip,gzip", gzip.compress(gzip.compress(CONTENT))),
        ("bz2", "x-gzip", gzip.compress(bz2.compress(CONTENT))),
        ("raw", "gzip", gzip.compress(CONTENT)),
        ("raw", "br", CONTENT),
    ],
)
@pytest.mark.parametrize("options", [{"decompress": True}, {"method": "upload"}, {}])
def test_what_is_packed_for_the_way_never_becomes_an_image(
    run: Runner,
    server: Server,
    vendor: Vendor,
    name: str,
    ending: str,
    coding: str,
    content: bytes,
    options: dict[str, Any],
) -> None:
    url = vendor.file(f"image.{ending}", content, f"encoded/{coding}")
    assert "was sent packed" in run("pcd_image", name=name, url=url, **options, **RAW).msg
    assert server.named(name) == []


def test_a_packed_file_that_is_only_called_packed_is_unpacked_once(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    for packing in sorted(PACKERS):
        packed = PACKERS[packing](CONTENT)
        url = vendor.file(f"image.{packing}", packed, "encoded/x-gzip")
        options: dict[str, Any] = {"name": f"{name}-{packing}", "url": url, "checksum": digest("sha256", packed)}
        holds(server, run("pcd_image", decompress=True, **options, **RAW), CONTENT)


@pytest.mark.parametrize("outer", sorted(PACKERS))
@pytest.mark.parametrize("inner", sorted(PACKERS))
def test_what_is_packed_twice_leaves_no_image(
    run: Runner, server: Server, tmp_path: Path, name: str, outer: str, inner: str
) -> None:
    (tmp_path / "packed").write_bytes(PACKERS[outer](PACKERS[inner](CONTENT)))
    refused = run("pcd_image", name=name, path=str(tmp_path / "packed"), decompress=True, **RAW)
    assert f"is {outer}, and what it holds is packed again ({inner})" in refused.msg
    assert server.named(name) == []


@pytest.mark.parametrize("address", ["{vendor}/files/", "{vendor}", "{vendor}/files/?file=image.raw"])
@pytest.mark.parametrize("listing", ["{digest}\n", "{digest}\n{digest}  image.raw\n"])
def test_a_url_without_a_name_takes_no_line_of_a_checksum_file(
    run: Runner, server: Server, vendor: Vendor, name: str, address: str, listing: str
) -> None:
    vendor.files[""] = CONTENT
    sums = vendor.file("SUMS", listing.format(digest=hashlib.sha256(CONTENT).hexdigest()).encode())
    url = address.format(vendor=vendor.url)
    refused = run("pcd_image", name=name, url=url, checksum=f"sha256:{sums}", method="upload", **RAW)
    assert "the url ends without the name of a file" in refused.msg
    assert (refused.requests, vendor.asked) == ([], [])


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "huge", "nothing"])
def test_an_invalid_checksum_file_is_reported_at_once(
    run: Runner, server: Server, tmp_path: Path, name: str, file: Path, kind: str
) -> None:
    place = tmp_path / "SUMS"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    elif kind == "device":
        place.symlink_to("/dev/zero")
    elif kind == "huge":
        with open(place, "wb") as stream:
            stream.truncate(1 << 40)
    refused = run("pcd_image", name=name, path=str(file), checksum=f"sha256:file://{place}", **RAW)
    assert refused.msg.startswith(f"checksum: {place} ")
    assert refused.writes == []


def test_a_file_of_xz_gets_no_more_memory_than_documented(
    run: Runner, server: Server, tmp_path: Path, name: str, record_property: Any
) -> None:
    """Its header asks for a dictionary of 1.5 GiB, and it unpacks to 400 MiB."""
    packed = bytearray(lzma.compress(bytes(400 << 20), preset=0))
    packed[16] = 37
    end = 12 + (packed[12] + 1) * 4
    packed[end - 4 : end] = zlib.crc32(packed[12 : end - 4]).to_bytes(4, "little")
    (tmp_path / "image.xz").write_bytes(packed)
    refused = run("pcd_image", name=name, path=str(tmp_path / "image.xz"), decompress=True, **RAW)
    record_property("peak_memory_kib", refused.peak_memory)
    assert "asks for more memory than it gets" in refused.msg
    assert refused.peak_memory < 150 << 10
    assert server.named(name) == []


@pytest.mark.parametrize("method", [None, "upload", "web-download"])
def test_a_url_without_a_file_is_known_before_anything_is_written(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str | None
) -> None:
    options: dict[str, Any] = {} if method is None else {"method": method}
    refused = run("pcd_image", name=name, url=f"{vendor.url}/files/missing?key=S3cret-Query", **options, **RAW)
    assert "404" in refused.msg
    assert "S3cret-Query" not in refused.msg
    assert refused.writes == []


def test_a_url_that_refuses_the_login_says_what_to_check(run: Runner, vendor: Vendor, name: str) -> None:
    url = vendor.file("image.raw", CONTENT, "guarded")
    refused = run("pcd_image", name=name, url=url, url_username=USER, url_password="Wr0ng-Passw0rd-77", **RAW)
    assert "401" in refused.msg
    assert "url_username" in refused.msg
    assert not run.told(refused.stdout, "Wr0ng-Passw0rd-77")
    assert refused.writes == []


def test_a_checksum_file_without_the_entry_is_an_error(run: Runner, vendor: Vendor, name: str) -> None:
    url = vendor.file("image.raw", CONTENT)
    sums = vendor.file("SUMS", f"{hashlib.sha256(CONTENT).hexdigest()}  another.raw\n{'0' * 64}  third.raw\n".encode())
    refused = run("pcd_image", name=name, url=url, checksum=f"sha256:{sums}", **RAW)
    assert "image.raw" in refused.msg
    assert refused.writes == []


@pytest.mark.parametrize("method", ["upload", "glance-direct", "web-download"])
def test_an_empty_url_leaves_no_image(run: Runner, server: Server, vendor: Vendor, name: str, method: str) -> None:
    assert run("pcd_image", name=name, url=vendor.file("image.raw", b""), method=method, **RAW).failed
    assert server.named(name) == []


@pytest.mark.parametrize("method", ["upload", "web-download"])
def test_a_file_that_is_packed_for_the_way_is_refused(
    run: Runner, server: Server, vendor: Vendor, name: str, method: str
) -> None:
    url = vendor.file("image.raw", gzip.compress(CONTENT), "encoded")
    assert "sent packed (gzip)" in run("pcd_image", name=name, url=url, method=method, **RAW).msg
    assert server.named(name) == []


def test_what_a_url_hides_in_its_query_is_in_no_error(run: Runner, server: Server, name: str) -> None:
    url = "http://vendor.invalid/image.raw?signature=S3cret-Query"
    for method in ("web-download", "upload"):
        refused = run("pcd_image", name=name, url=url, method=method, **RAW)
        assert "vendor.invalid" in refused.msg
        assert "S3cret-Query" not in refused.msg


def test_headers_of_a_url_leave_the_result_readable(run: Runner, server: Server, vendor: Vendor, name: str) -> None:
    headers = {"X-Key": vendor.key, "DNT": 1, "Accept": "raw"}
    done = run("pcd_image", name=name, url=vendor.file("image.raw", CONTENT, "guarded"), url_headers=headers, **RAW)
    holds(server, done, CONTENT)
    assert done.image["disk_format"] == "raw"
    assert not run.told(done.stdout, vendor.key)


@pytest.mark.parametrize(
    "line",
    [
        "{digest}\t{name}\n",
        "{digest}  ../{name}\n",
        "\ufeff{digest}  {name}\n",
        "SHA2-256({name})= {digest}\n",
        "{digest}\r\n",
    ],
)
def test_the_styles_of_checksum_files_are_understood(
    run: Runner, server: Server, vendor: Vendor, name: str, tmp_path: Path, line: str
) -> None:
    url = vendor.file("image.raw", CONTENT)
    text = line.format(digest=hashlib.sha256(CONTENT).hexdigest(), name="image.raw")
    (tmp_path / "SUMS").write_text(text, encoding="utf-8", newline="")
    for listing in (vendor.file("SUMS", text.encode()), f"file://{tmp_path}/SUMS"):
        preview = run("pcd_image", name=name, url=url, checksum=f"sha256:{listing}", method="upload", **RAW, check=True)
        assert preview.image["size"] == len(CONTENT)


def test_a_record_of_ours_whose_import_failed_is_created_again(
    run: Runner, server: Server, vendor: Vendor, name: str, file: Path
) -> None:
    run("pcd_image", name=name, **VHD)
    url = vendor.file("image.raw", CONTENT)
    assert run("pcd_image", name=name, url=url).failed
    done = run("pcd_image", name=name, url=url, disk_format="raw")
    holds(server, done, CONTENT)
    assert [image["id"] for image in server.named(name)] == [done.image["id"]]


def test_a_failed_import_is_reported_within_two_polls(run: Runner, server: Server, vendor: Vendor, name: str) -> None:
    failed = run("pcd_image", name=name, url=vendor.file("image.raw", CONTENT, "status/500"), **RAW)
    assert "store fast" in failed.msg
    assert "status" not in failed.result
    assert failed.result["image_status"] == "queued"
    assert failed.result["task_message"] in failed.msg
    assert failed.result["task_message"]
    after = [request for request in failed.glance if request["path"] == imports(failed)[0].removesuffix("/import")]
    assert server.named(name) == []
    assert [request["method"] for request in after].count("GET") < 8


def test_nobody_waits_for_an_import_who_does_not_want_to(
    run: Runner, server: Server, vendor: Vendor, name: str
) -> None:
    url = vendor.file("image.raw", CONTENT, "slow")
    started = run("pcd_image", name=name, url=url, wait=False, **RAW)
    assert started.changed
    assert started.image["status"] in ("queued", "importing")
    at_once = run("pcd_image", name=name, url=url, wait=False, **RAW)
    assert "importing" in at_once.msg or "queued" in at_once.msg
    vendor.go_on.set()
    later = run("pcd_image", name=name, url=url, **RAW)
    assert (later.changed, later.image["status"]) == (False, "active")


@pytest.mark.parametrize("wait_timeout", [0, 1])
def test_an_import_of_somebody_else_is_waited_for_no_longer_than_allowed(
    run: Runner, server: Server, vendor: Vendor, name: str, file: Path, wait_timeout: int
) -> None:
    there = server.create(name, **RAW)
    request = {"method": {"name": "web-download", "uri": vendor.file("image.raw", CONTENT, "slow")}}
    server.ask("POST", f"/images/{there['id']}/import", "member", json=request)
    refused = run("pcd_image", name=name, path=str(file), wait_timeout=wait_timeout)
    assert there["id"] in refused.msg
    assert refused.result["image_status"] in refused.msg
    assert "status" not in refused.result
    assert refused.writes == []
    vendor.go_on.set()
    assert not run("pcd_image", name=name, path=str(file)).changed


def test_a_staged_image_of_somebody_else_is_an_error_that_names_the_state(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    there = server.create(name, **RAW)
    headers = {"Content-Type": "application/octet-stream"}
    server.ask("PUT", f"/images/{there['id']}/stage", "member", data=CONTENT, headers=headers)
    assert "uploading" in run("pcd_image", name=name, path=str(file), wait_timeout=1).msg


# When the content differs


def test_other_content_is_an_error_that_says_both_hashes(
    run: Runner, server: Server, name: str, file: Path, tmp_path: Path
) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    for content in (OTHER_CONTENT, OTHER_CONTENT + b"longer"):
        file.write_bytes(content)
        refused = run("pcd_image", name=name, path=str(file), min_disk=7)
        assert hashlib.sha512(CONTENT).hexdigest() in refused.msg
        assert hashlib.sha512(content).hexdigest() in refused.msg
        assert "on_content_change" in refused.msg
        assert refused.writes == []


def test_other_content_is_left_if_that_is_asked_for(run: Runner, server: Server, name: str, file: Path) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    file.write_bytes(OTHER_CONTENT)
    kept = run("pcd_image", name=name, path=str(file), on_content_change="keep", min_disk=7)
    assert kept.writes == ["PATCH"]
    assert "keeps it" in str(kept.result["warnings"])
    holds(server, kept, CONTENT)
    assert not run("pcd_image", name=name, path=str(file), on_content_change="keep", min_disk=7).changed


RETIRED = {
    "delete": None,
    "hide": {"os_hidden": True, "status": "active"},
    "deactivate": {"os_hidden": True, "status": "deactivated"},
    "rename": {"os_hidden": False, "status": "active"},
}


@pytest.mark.parametrize("retired", sorted(RETIRED))
@pytest.mark.parametrize("how", ["path", "url"])
def test_a_replacement_takes_the_place_of_the_old_image(
    run: Runner, server: Server, vendor: Vendor, name: str, file: Path, retired: str, how: str
) -> None:
    attributes: dict[str, Any] = {
        "min_disk": 3,
        "min_ram": 64,
        "tags": ["a"],
        "properties": {"os_distro": "x"},
        "protected": False,
    }
    old = run("pcd_image", name=name, path=str(file), **attributes, **RAW).image
    file.write_bytes(OTHER_CONTENT)
    place = {"path": str(file), "url": vendor.file("image.raw", OTHER_CONTENT)}[how]
    options: dict[str, Any] = {"name": name, how: place, "on_content_change": "replace", "retired": retired}
    preview = run("pcd_image", **options, check=True)
    assert (preview.changed, preview.writes) == (True, [])
    done = run("pcd_image", **options)
    holds(server, done, OTHER_CONTENT)
    assert done.image["id"] != old["id"]
    assert done.result["diff"] == preview.result["diff"]
    for key in ("min_disk", "min_ram", "tags", "properties", "disk_format", "os_hidden", "visibility"):
        assert done.image[key] == old[key], key
    assert "pcd_replaces" not in server.get(done.image["id"])
    expected = RETIRED[retired]
    assert server.is_there(old["id"]) == (expected is not None)
    if expected is not None:
        left = server.get(old["id"])
        assert {key: left[key] for key in expected} == expected
        assert (left["name"] == name) == (retired != "rename")
        assert left["name"].startswith(name)
        server.remember(old["id"])
    assert not run("pcd_image", **options).changed


def test_the_old_image_is_touched_only_once_the_new_one_is_there(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    old = run("pcd_image", name=name, path=str(file), **RAW).image
    file.write_bytes(OTHER_CONTENT)
    done = run("pcd_image", name=name, path=str(file), on_content_change="replace", retired="delete")
    writes = [(request["method"], request["path"]) for request in done.glance if request["method"] != "GET"]
    upload = next(number for number, (method, dummy) in enumerate(writes) if method == "PUT")
    touched = [number for number, (dummy, path) in enumerate(writes) if old["id"] in path]
    assert touched
    assert min(touched) > upload


@pytest.mark.parametrize("bad", [{"disk_format": "qcow2"}, {"checksum": "md5:" + "0" * 32}])
def test_a_replacement_that_fails_leaves_the_old_image_unchanged(
    run: Runner, server: Server, name: str, file: Path, bad: dict[str, Any]
) -> None:
    old = run("pcd_image", name=name, path=str(file), **RAW).image
    before = server.get(old["id"])
    file.write_bytes(OTHER_CONTENT)
    assert run("pcd_image", name=name, path=str(file), on_content_change="replace", retired="delete", **bad).failed
    assert server.named(name) == [{**before, "tags": sorted(before["tags"])}]


def test_a_protected_image_is_not_deleted_by_its_replacement(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    old = run("pcd_image", name=name, path=str(file), protected=True, **RAW).image
    file.write_bytes(OTHER_CONTENT)
    options: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace", "retired": "delete"}
    refused = run("pcd_image", **options)
    assert "protected" in refused.msg
    assert refused.writes == []
    done = run("pcd_image", force=True, **options)
    assert done.image["protected"]
    assert not server.is_there(old["id"])
    holds(server, done, OTHER_CONTENT)


def test_a_replacement_of_a_protected_image_that_fails_is_removed(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    run("pcd_image", name=name, path=str(file), protected=True, **RAW)
    options: dict[str, Any] = {"path": str(file), "on_content_change": "replace", "disk_format": "vhd"}
    file.write_bytes(OTHER_CONTENT)
    assert "removed again" in run("pcd_image", name=name, **options).msg
    assert len(server.named(name)) == 1


def test_an_image_that_is_named_by_its_id_is_not_replaced(run: Runner, server: Server, file: Path) -> None:
    there = server.create(active=True)
    refused = run("pcd_image", id=there["id"], path=str(file), on_content_change="replace")
    assert "without id" in refused.msg
    assert refused.writes == []


def test_a_hidden_image_is_not_retired_by_hiding(run: Runner, server: Server, name: str, file: Path) -> None:
    run("pcd_image", name=name, path=str(file), hidden=True, **RAW)
    file.write_bytes(OTHER_CONTENT)
    options: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace"}
    assert "retired: rename" in run("pcd_image", **options).msg
    done = run("pcd_image", retired="rename", retired_suffix="-old", **options)
    assert done.image["os_hidden"]
    assert len(server.named(f"{name}-old")) == 1


def replacing(old: str) -> dict[str, Any]:
    """What a run writes onto an image that is to replace the old one, its id included."""
    chosen = new_id()
    return {"id": chosen, "pcd_replaces": old, "pcd_bound_to": chosen}


@pytest.mark.parametrize("state", ["queued", "active", "in place"])
def test_a_replacement_that_broke_off_is_continued(
    run: Runner, server: Server, name: str, file: Path, state: str
) -> None:
    old = server.create(name, active=True)
    new = server.create(name, **RAW, **replacing(old["id"]), os_hidden=state != "in place")
    if state != "queued":
        server.upload(new["id"], CONTENT)
    options: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace", "retired": "delete"}
    preview = run("pcd_image", **options, check=True)
    assert (preview.changed, preview.writes) == (True, [])
    done = run("pcd_image", **options)
    assert done.image["id"] == new["id"]
    assert (done.image["os_hidden"], "POST" in done.writes) == (False, False)
    holds(server, done, CONTENT)
    assert not server.is_there(old["id"])
    assert "pcd_replaces" not in server.get(new["id"])
    assert not run("pcd_image", **options).changed


@pytest.mark.parametrize("hidden", [True, False])
def test_a_replacement_whose_old_image_is_gone_is_finished(
    run: Runner, server: Server, name: str, file: Path, hidden: bool
) -> None:
    old = server.create(name, active=True)
    new = server.create(name, **RAW, **replacing(old["id"]), os_hidden=hidden)
    server.upload(new["id"], CONTENT)
    server.delete(old["id"])
    done = run("pcd_image", name=name, path=str(file))
    assert (done.changed, done.image["id"], done.image["os_hidden"]) == (True, new["id"], hidden)
    assert "pcd_replaces" not in server.get(new["id"])
    assert not run("pcd_image", name=name, path=str(file)).changed


def test_a_replacement_that_broke_off_does_not_block_newer_data(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    old = run("pcd_image", name=name, path=str(file), **RAW).image
    left = run("pcd_image", id=new_id(), name=name, hidden=True, **RAW).image
    server.change(left["id"], pcd_replaces=old["id"], pcd_bound_to=left["id"])
    server.upload(left["id"], b"an earlier build")
    file.write_bytes(OTHER_CONTENT)
    options: dict[str, Any] = {
        "name": name,
        "path": str(file),
        "on_content_change": "replace",
        "retired": "delete",
    }
    holds(server, run("pcd_image", **options), OTHER_CONTENT)
    assert len(server.named(name)) == 1
    assert not run("pcd_image", **options).changed


def test_a_retired_image_is_meant_only_by_its_id(run: Runner, server: Server, name: str, file: Path) -> None:
    old = run("pcd_image", name=name, path=str(file), **RAW).image
    file.write_bytes(OTHER_CONTENT)
    run("pcd_image", name=name, path=str(file), on_content_change="replace")
    assert run("pcd_image", name=name, state="absent").changed
    assert not run("pcd_image", name=name, state="absent").changed
    assert server.get(old["id"])["os_hidden"]
    assert run("pcd_image", id=old["id"], state="absent").changed


def test_a_replacement_belongs_to_whom_the_old_image_belonged(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    file.write_bytes(OTHER_CONTENT)
    done = run("pcd_image", "admin", name=name, path=str(file), match="visible", on_content_change="replace")
    assert server.get(done.image["id"])["owner"] == server.project_id("member")
    assert not run("pcd_image", name=name, path=str(file)).changed


def test_two_replacements_that_broke_off_are_finished_by_a_third(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    oldest = server.create(name, active=True)
    old = server.create(name, **RAW, **replacing(oldest["id"]))
    server.upload(old["id"], OTHER_CONTENT)
    options: dict[str, Any] = {"name": name, "path": str(file), "on_content_change": "replace", "retired": "rename"}
    done = run("pcd_image", **options)
    holds(server, done, CONTENT)
    assert [image["id"] for image in server.named(name)] == [done.image["id"]]
    for image in (oldest, old):
        assert server.get(image["id"])["name"].startswith(name)
        assert "pcd_replaces" not in server.get(image["id"])
    assert not run("pcd_image", **options).changed


# Stores


@pytest.mark.parametrize(
    ("options", "stores", "method"),
    [
        ({}, ["fast"], "upload"),
        ({"stores": ["slow"]}, ["slow"], "upload"),
        ({"stores": ["slow", "fast"]}, ["fast", "slow"], "glance-direct"),
        ({"all_stores": True}, ["fast", "slow"], "glance-direct"),
        ({"stores": ["slow"], "method": "glance-direct"}, ["slow"], "glance-direct"),
    ],
)
def test_the_data_goes_into_the_stores_that_are_named(
    run: Runner, server: Server, name: str, file: Path, options: dict[str, Any], stores: list[str], method: str
) -> None:
    done = run("pcd_image", name=name, path=str(file), **options, **RAW)
    assert done.image["stores"] == stores
    assert sorted(server.get(done.image["id"])["stores"].split(",")) == stores
    assert bool(imports(done)) == (method == "glance-direct")
    holds(server, done, CONTENT)
    assert not run("pcd_image", name=name, path=str(file), **options, **RAW).changed


def test_a_url_goes_into_the_stores_that_are_named(run: Runner, server: Server, vendor: Vendor, name: str) -> None:
    url = vendor.file("image.raw", CONTENT)
    done = run("pcd_image", name=name, url=url, stores=["slow", "fast"], **RAW)
    assert done.image["stores"] == ["fast", "slow"]
    holds(server, done, CONTENT)


@pytest.mark.parametrize("how", ["path", "nothing"])
def test_a_store_that_is_not_there_is_an_error_that_lists_those_that_are(
    run: Runner, server: Server, name: str, file: Path, how: str
) -> None:
    if how == "nothing":
        server.create(name, active=True)
    options = {"path": str(file), **RAW} if how == "path" else {}
    refused = run("pcd_image", name=name, stores=["nowhere"], **options)
    assert "fast, slow" in refused.msg
    assert refused.writes == []


@pytest.mark.parametrize("options", [{"stores": ["fast", "slow"]}, {"all_stores": True}, {"stores": ["slow"]}])
@pytest.mark.parametrize("data", [True, False])
def test_an_administrator_copies_an_image_into_further_stores(
    run: Runner, server: Server, name: str, file: Path, options: dict[str, Any], data: bool
) -> None:
    there = run("pcd_image", name=name, path=str(file), **RAW).image
    more = {"path": str(file)} if data else {"method": "copy-image"}
    options = {"name": name, "match": "visible", **more, **options}
    preview = run("pcd_image", "admin", **options, check=True)
    assert (preview.changed, preview.writes, preview.image["stores"]) == (True, [], ["fast", "slow"])
    done = run("pcd_image", "admin", **options)
    assert (done.image["id"], done.image["stores"]) == (there["id"], ["fast", "slow"])
    assert done.writes == ["POST"]
    assert done.result["diff"] == preview.result["diff"]
    assert not run("pcd_image", "admin", **options).changed


def test_no_copy_is_asked_for_if_one_store_is_enough(run: Runner, server: Server, name: str, file: Path) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    again = run("pcd_image", name=name, path=str(file), stores=["fast", "slow"], all_stores_must_succeed=False)
    assert (again.changed, again.writes) == (False, [])


def test_a_copy_that_is_refused_is_an_error(run: Runner, server: Server, name: str) -> None:
    there = server.create(name, active=True)
    refused = run("pcd_image", name=name, stores=["slow"])
    assert "403" in refused.msg
    assert "req-" in refused.msg
    assert server.get(there["id"])["stores"] == "fast"


def test_a_copy_that_fails_is_an_error_and_the_image_stays(run: Runner, server: Server, name: str) -> None:
    there = server.create(name, **RAW)
    server.upload(there["id"], through="public")
    failed = run("pcd_image", "admin", name=name, match="visible", stores=["slow"])
    assert "copy-image" in failed.msg
    assert "slow" in failed.msg
    assert server.get(there["id"])["status"] == "active"


def test_a_record_without_data_cannot_go_into_a_store(run: Runner, server: Server, name: str) -> None:
    server.create(name)
    assert "Give path or url" in run("pcd_image", name=name, stores=["slow"]).msg


# The endpoint that gets the bytes


def test_data_goes_to_the_endpoint_that_the_hypervisors_read(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    done = run("pcd_image", name=name, path=str(file), **RAW)
    assert "warnings" not in done.result
    holds(server, done, CONTENT)
    assert server.call("GET", f"/images/{done.image['id']}/file", through="public").status_code != 200
    assert {request["server"] for request in done.glance} == {"library"}


@pytest.mark.parametrize("way", [{"interface": "public"}, {"interface": "internal"}, {"image_endpoint_override": ""}])
def test_data_that_goes_elsewhere_is_warned_of(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str, file: Path, way: dict[str, Any]
) -> None:
    if "image_endpoint_override" in way:
        way = {"image_endpoint_override": sandbox["images_url"]}
    preview = run("pcd_image", name=name, path=str(file), **way, **RAW, check=True)
    done = run("pcd_image", name=name, path=str(file), **way, **RAW)
    assert sandbox["library_url"] in str(preview.result["warnings"])
    assert sandbox["library_url"] in str(done.result["warnings"])
    assert stored(server, done.image["id"], through="public") == CONTENT
    assert server.call("GET", f"/images/{done.image['id']}/file").status_code != 200
    again = run("pcd_image", name=name, path=str(file), **way, **RAW)
    assert (again.changed, "warnings" in again.result) == (False, False)


def uploaded_by_hand(server: Server, name: str, content: bytes = CONTENT) -> dict[str, Any]:
    """An image whose data only the control plane can read."""
    there = server.create(name, **RAW)
    server.upload(there["id"], content, through="public")
    return server.get(there["id"])


@pytest.mark.parametrize("asked", ["fail", "keep"])
@pytest.mark.parametrize("check", [True, False])
def test_data_that_no_instance_can_boot_from_is_reported(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str, file: Path, asked: str, check: bool
) -> None:
    there = uploaded_by_hand(server, name)
    told = run("pcd_image", name=name, path=str(file), on_content_change=asked, check=check)
    assert (told.changed, told.image["id"]) == (False, there["id"])
    for words in ("lies in pod", sandbox["library_url"], "only fast, slow", "on_content_change: replace"):
        assert words in str(told.result["warnings"])


@pytest.mark.parametrize("retired", ["hide", "rename", "deactivate"])
@pytest.mark.parametrize("content", [CONTENT, OTHER_CONTENT], ids=["the same data", "other data"])
def test_data_that_no_instance_can_boot_from_is_brought_over(
    run: Runner, server: Server, name: str, file: Path, retired: str, content: bytes
) -> None:
    there = uploaded_by_hand(server, name, content)
    options: dict[str, Any] = {
        "name": name,
        "path": str(file),
        "on_content_change": "replace",
        "retired": retired,
    }
    predicted = run("pcd_image", **options, check=True)
    assert (predicted.changed, predicted.writes) == (True, [])
    done = run("pcd_image", **options)
    assert done.image["id"] != there["id"]
    assert done.result["diff"] == predicted.result["diff"]
    holds(server, done, CONTENT)
    assert server.get(done.image["id"])["stores"] == "fast"
    server.remember(there["id"])
    left = server.get(there["id"])
    assert (left["os_hidden"], left["name"] == name) == (retired != "rename", retired != "rename")
    again = run("pcd_image", **options)
    assert (again.changed, "warnings" in again.result) == (False, False)


def test_data_that_lies_elsewhere_is_not_brought_over_if_the_old_image_cannot_be_deleted(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    there = uploaded_by_hand(server, name)
    refused = run("pcd_image", name=name, path=str(file), on_content_change="replace", retired="delete")
    assert "lies in pod" in refused.msg
    assert "retired: hide" in refused.msg
    assert refused.writes == []
    assert [image["id"] for image in server.named(name)] == [there["id"]]


def test_who_works_through_the_public_endpoint_has_nothing_brought_over_from_the_library(
    run: Runner, server: Server, name: str, file: Path
) -> None:
    there = server.create(name, **RAW)
    server.upload(there["id"], CONTENT)
    options: dict[str, Any] = {"name": name, "path": str(file), "interface": "public", "on_content_change": "replace"}
    assert not run("pcd_image", **options).changed


def test_data_that_the_library_can_read_is_not_told_of(run: Runner, server: Server, name: str, file: Path) -> None:
    there = server.create(name, **RAW)
    server.upload(there["id"], CONTENT)
    told = run("pcd_image", name=name, path=str(file), on_content_change="replace")
    assert (told.changed, told.image["id"], "warnings" in told.result) == (False, there["id"], False)


def test_an_image_of_ours_costs_no_look_at_the_stores(run: Runner, server: Server, name: str, file: Path) -> None:
    run("pcd_image", name=name, path=str(file), **RAW)
    again = run("pcd_image", name=name, path=str(file), on_content_change="replace", **RAW)
    assert (again.changed, again.lookups) == (False, 1)


@pytest.mark.parametrize("by", ["id", "name"])
def test_the_deletion_of_data_that_lies_elsewhere_names_the_way_out(
    run: Runner, server: Server, sandbox: dict[str, Any], name: str, by: str
) -> None:
    there = uploaded_by_hand(server, name)
    meant = {"id": there["id"]} if by == "id" else {"name": name}
    refused = run("pcd_image", **meant, state="absent")
    for words in ("lies in pod", sandbox["library_url"], "only fast, slow", "interface", "(request id req-"):
        assert words in refused.msg
    assert refused.result["status"] == 500
    # It stays so, and is not tried again.
    assert refused.writes == ["DELETE"]
    assert run("pcd_image", **meant, state="absent", interface="public").changed
    assert not server.is_there(there["id"])


def test_an_override_that_is_the_library_is_not_warned_of(
    run: Runner, sandbox: dict[str, Any], name: str, file: Path
) -> None:
    done = run("pcd_image", name=name, path=str(file), image_endpoint_override=sandbox["library_url"], **RAW)
    assert "warnings" not in done.result


# A proxy that spoils it


REFUSED, BROKEN = Fault("html 503", "early", "PUT"), Fault("cut", "inside", "PUT")


@pytest.mark.parametrize("fault", [REFUSED, Fault("html 503", "after", "PUT"), BROKEN], ids=lambda fault: fault.when)
def test_an_upload_that_a_proxy_spoils_is_sent_again_from_its_first_byte(
    run: Runner, server: Server, proxy: Proxy, name: str, file: Path, fault: Fault
) -> None:
    proxy.arm(fault)
    done = run("pcd_image", None, name=name, path=str(file), **RAW, **through(proxy, server))
    holds(server, done, CONTENT)
    # What the service has got already is not sent again.
    assert proxy.count("PUT") == (1 if fault.when == "after" else 2)


@pytest.mark.parametrize("fault", [REFUSED, BROKEN], ids=lambda fault: fault.when)
def test_an_upload_that_is_spoilt_each_time_leaves_no_image(
    run: Runner, server: Server, proxy: Proxy, name: str, file: Path, fault: Fault
) -> None:
    proxy.arm(replace(fault, times=9))
    failed = run("pcd_image", None, name=name, path=str(file), retries=1, **RAW, **through(proxy, server))
    assert "removed again" in failed.msg
    assert proxy.count("PUT") == 2
    assert server.named(name) == []


@pytest.mark.parametrize("method", ["upload", "glance-direct"])
@pytest.mark.parametrize("status", [403, 404, 409, 413])
def test_data_that_is_refused_before_its_end_over_tls_is_sent_once(
    run: Runner, server: Server, tls_proxy: Proxy, name: str, tmp_path: Path, status: int, method: str
) -> None:
    """Who refuses closes the connection while the data is still coming; TLS reports that in its own way."""
    large = tmp_path / "large"
    large.write_bytes(bytes(20_000_000))
    tls_proxy.arm(Fault(str(status), "early", "PUT", times=9))
    options = {**RAW, "method": method, "ca_cert": server.sandbox["ca_file"], **through(tls_proxy, server)}
    failed = run("pcd_image", None, name=name, path=str(large), **options)
    assert failed.result["status"] == status
    assert "TLS" not in failed.msg
    assert "The proxy does not let this through" in failed.msg
    assert tls_proxy.count("PUT") == 1
    assert server.named(name) == []


def test_an_upload_that_is_refused_for_a_moment_over_tls_is_sent_again(
    run: Runner, server: Server, tls_proxy: Proxy, name: str, tmp_path: Path
) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(20_000_000))
    tls_proxy.arm(Fault("504", "early", "upload"), Fault("cut", "inside", "upload", nth=2))
    options = {**RAW, "ca_cert": server.sandbox["ca_file"], **through(tls_proxy, server)}
    done = run("pcd_image", None, name=name, path=str(large), **options)
    assert done.changed
    assert done.image["size"] == 20_000_000
    assert tls_proxy.count("PUT") == 3


def test_an_upload_that_was_cut_on_its_way_leaves_no_image(
    run: Runner, server: Server, proxy: Proxy, name: str, file: Path
) -> None:
    proxy.arm(Fault("short unannounced", "inside", "PUT"))
    failed = run("pcd_image", None, name=name, path=str(file), **RAW, **through(proxy, server))
    assert failed.result["expected"] == hashlib.md5(CONTENT).hexdigest() or failed.result["algorithm"] == "sha512"
    assert server.named(name) == []


def test_an_upload_into_a_record_that_was_there_and_was_cut_is_taken_out_of_use(
    run: Runner, server: Server, proxy: Proxy, name: str, file: Path
) -> None:
    there = server.create(name, **RAW)
    proxy.arm(Fault("short unannounced", "inside", "PUT"))
    assert "deactivated" in run("pcd_image", None, name=name, path=str(file), **through(proxy, server)).msg
    assert server.get(there["id"])["status"] == "deactivated"


# Options that cannot be used together


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"path": "FILE", "url": "http://127.0.0.1/x"}, "path|url"),
        ({"checksum": "md5:" + "0" * 32}, "checksum"),
        ({"decompress": True}, "decompress"),
        ({"method": "upload"}, "method"),
        ({"path": "FILE", "method": "web-download"}, "needs url"),
        ({"path": "FILE", "method": "upload", "stores": ["fast", "slow"]}, "glance-direct"),
        ({"path": "FILE", "method": "copy-image", "stores": ["fast"]}, "copy-image"),
        ({"path": "FILE", "stores": ["fast"], "all_stores": True}, "all_stores"),
        ({"path": "FILE", "all_stores_must_succeed": True}, "all_stores_must_succeed"),
        ({"path": "FILE", "stores": ["fast,slow"]}, "stores"),
        ({"path": "FILE", "checksum": "0" * 64}, "sha256:"),
        ({"path": "FILE", "checksum": "sha256:xyz"}, "hexadecimal"),
        ({"path": "FILE", "checksum": "sha999:" + "0" * 64}, "sha512"),
        ({"path": "FILE", "checksum": "sha256:ftp://127.0.0.1/SUMS"}, "checksum"),
        ({"path": "FILE", "url_username": "x"}, "url_username"),
        ({"url": "http://127.0.0.1/x", "url_password": "x"}, "url_password"),
        ({"url": "ftp://127.0.0.1/x"}, "url"),
        ({"url": "127.0.0.1/x"}, "url"),
        ({"url": "http://127.0.0.1/x", "method": "web-download", "decompress": True}, "web-download"),
        ({"url": "http://127.0.0.1/x", "method": "web-download", "url_headers": {"X-Key": "K3y"}}, "web-download"),
        ({"path": "FILE", "retired_suffix": "-old"}, "retired_suffix"),
        ({"path": "FILE", "retired": "rename", "retired_suffix": ""}, "retired_suffix"),
        ({"path": "FILE", "wait_timeout": -1}, "wait_timeout"),
        ({"path": "FILE", "on_content_change": "replace", "wait": False}, "wait"),
    ],
)
def test_options_that_cannot_be_used_together_are_refused_at_once(
    run: Runner, name: str, file: Path, options: dict[str, Any], word: str
) -> None:
    options = {key: str(file) if value == "FILE" else value for key, value in options.items()}
    refused = run("pcd_image", name=name, **options, **RAW)
    assert word in refused.msg
    assert refused.requests == []
