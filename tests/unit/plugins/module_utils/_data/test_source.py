# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stream that a request means, and the checksum file beside it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import DataRequest, parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.source import stream_of
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File
from ansible_collections.platform9.pcd.plugins.module_utils._data.url import MAX_LISTING_CHARACTERS, Url
from ansible_collections.platform9.pcd.plugins.module_utils._errors import DataError, PcdError
from ansible_collections.platform9.pcd.tests.support.certificates import Certificates
from ansible_collections.platform9.pcd.tests.support.samples import PASSWORD
from ansible_collections.platform9.pcd.tests.support.scripted_server import BrokenReply, Reply, Serve

DATA = b"an image"
MD5, SHA256 = hashlib.md5(DATA).hexdigest(), hashlib.sha256(DATA).hexdigest()
TRANSPORT = Transport(timeout=30, retries=0)


def parse(**given: Any) -> DataRequest:
    return parse_image({"name": "debian-13", **given}).data


@pytest.fixture
def path(tmp_path: Path) -> str:
    found = tmp_path / "debian.qcow2"
    found.write_bytes(DATA)
    return str(found)


def test_a_path_is_a_file(path: str) -> None:
    stream = stream_of(parse(path=path, checksum=f"MD5:{MD5.upper()}"), TRANSPORT)
    assert isinstance(stream.source, File)
    assert stream.stated == Digest("md5", MD5)
    assert not stream.decompress
    assert stream_of(parse(path=path, decompress=True), TRANSPORT).decompress


def test_an_address_is_fetched_only_when_the_stream_is_opened(serve: Serve) -> None:
    service = serve(Reply(200, DATA))
    stream = stream_of(parse(url=f"{service.url}/debian.qcow2"), TRANSPORT)
    assert isinstance(stream.source, Url)
    assert service.requests == []
    assert stream.read_through().digests["md5"] == MD5


def test_a_checksum_file_is_fetched_at_once_with_the_credentials_of_the_file_beside(serve: Serve) -> None:
    service = serve(Reply(200, f"{SHA256}  debian.qcow2\n"))
    given = parse(
        url=f"{service.url}/images/debian.qcow2",
        url_username="me",
        url_password=PASSWORD,
        checksum=f"sha256:{service.url}/images/SHA256SUMS",
    )
    assert stream_of(given, TRANSPORT).stated == Digest("sha256", SHA256)
    (request,) = service.requests
    assert request.path == "/images/SHA256SUMS"
    assert request.headers["Authorization"].startswith("Basic ")


def test_a_checksum_file_elsewhere_gets_no_credentials(serve: Serve) -> None:
    service, other = serve(Reply(500)), serve(Reply(200, f"{SHA256}  debian.qcow2\n"))
    given = parse(
        url=f"{service.url}/debian.qcow2",
        url_headers={"X-Token": PASSWORD},
        checksum=f"sha256:{other.url}/SHA256SUMS",
    )
    assert stream_of(given, TRANSPORT).stated == Digest("sha256", SHA256)
    assert other.requests[0].headers["X-Token"] is None


def test_a_checksum_file_may_tell_of_a_path_as_well(path: str, serve: Serve) -> None:
    service = serve(Reply(200, f"{MD5} *debian.qcow2\n"))
    assert stream_of(parse(path=path, checksum=f"md5:{service.url}/MD5SUMS"), TRANSPORT).stated == Digest("md5", MD5)


def test_a_checksum_file_without_the_file_is_an_error_that_names_both(path: str, serve: Serve) -> None:
    service = serve(Reply(200, f"{MD5}  other.qcow2\n"))
    with pytest.raises(
        DataError, match=f"^checksum: {service.url}/SUMS has no md5 checksum of 'debian.qcow2'"
    ) as caught:
        stream_of(parse(path=path, checksum=f"md5:{service.url}/SUMS?sig={PASSWORD}"), TRANSPORT)
    assert PASSWORD not in str(caught.value)


def test_a_checksum_file_that_is_not_there_is_an_error(path: str, serve: Serve) -> None:
    with pytest.raises(PcdError, match="^checksum: .*answered 404"):
        stream_of(parse(path=path, checksum=f"md5:{serve(Reply(404)).url}/SUMS"), TRANSPORT)


def test_the_name_in_an_address_is_looked_for_as_people_read_it(serve: Serve) -> None:
    service = serve(Reply(200, f"{MD5}  my image.qcow2\n"))
    given = parse(url=f"{service.url}/my%20image.qcow2?x=y", checksum=f"md5:{service.url}/MD5SUMS")
    assert stream_of(given, TRANSPORT).stated == Digest("md5", MD5)


@pytest.mark.parametrize("what", ["url", "checksum"])
def test_a_cloud_that_is_not_verified_says_nothing_about_the_vendor(
    what: str, path: str, certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, DATA), tls=certificates)
    given = {"url": f"{service.url}/x"} if what == "url" else {"path": path, "checksum": f"md5:{service.url}/SUMS"}
    with pytest.raises(DataError, match=f"^{what}: .*cannot be trusted"):
        stream_of(parse(**given), Transport(verify=False, retries=0)).read_through()
    assert service.requests == []


def test_the_authority_of_the_cloud_is_trusted_for_a_vendor_too(
    path: str, certificates: Certificates, serve: Serve
) -> None:
    service = serve(Reply(200, f"{MD5}  debian.qcow2\n"), Reply(200, DATA), tls=certificates)
    transport = Transport(verify=certificates.authority, retries=0)
    given = parse(url=f"{service.url}/debian.qcow2", checksum=f"md5:{service.url}/MD5SUMS")
    assert stream_of(given, transport).read_through().digests["md5"] == MD5


def test_the_client_certificate_of_the_cloud_is_not_shown_to_a_vendor(certificates: Certificates, serve: Serve) -> None:
    service = serve(Reply(200, DATA), tls=certificates, client_certificate=True)
    pair = (certificates.client_certificate, certificates.client_key)
    transport = Transport(verify=certificates.authority, client_cert=pair, retries=0)
    with pytest.raises(DataError, match="^url: "):
        stream_of(parse(url=f"{service.url}/x"), transport).read_through()
    assert service.requests == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(os.mkfifo, "is not a regular file", id="a pipe"),
        pytest.param(Path.mkdir, "Is a directory", id="a folder"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), "is not a regular file", id="a device"),
        pytest.param(lambda path: None, "No such file", id="nothing"),
        pytest.param(lambda path: path.write_bytes(bytes(MAX_LISTING_CHARACTERS + 1)), "too large", id="a huge file"),
    ],
)
def test_a_path_that_is_not_a_checksum_file_is_reported_at_once(
    make: Callable[[Path], object], words: str, path: str, tmp_path: Path
) -> None:
    make(tmp_path / "SUMS")
    with pytest.raises(DataError, match=f"^checksum: {tmp_path}/SUMS .*{words}"):
        stream_of(parse(path=path, checksum=f"sha256:file://{tmp_path}/SUMS"), Transport())


def test_a_file_of_checksums_may_be_as_large_as_the_limit(path: str, tmp_path: Path) -> None:
    line = f"{'ab' * 32}  {Path(path).name}\n"
    (tmp_path / "SUMS").write_text(line + "#" * (MAX_LISTING_CHARACTERS - len(line)))
    stream = stream_of(parse(path=path, checksum=f"sha256:file://{tmp_path}/SUMS"), Transport())
    assert stream.stated == Digest("sha256", "ab" * 32)


def test_a_stream_of_a_url_that_breaks_off_is_begun_again(serve: Serve) -> None:
    cut = BrokenReply(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")
    service = serve(cut, Reply(200, b"the whole of it"))
    assert stream_of(parse(url=f"{service.url}/x"), Transport(timeout=30, retries=1)).read_through().size == 15
    assert len(service.requests) == 2
