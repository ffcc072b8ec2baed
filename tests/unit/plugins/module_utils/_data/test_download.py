# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A download: what it compares, how it goes on after a break, and what it leaves behind when it fails."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import stat
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image, Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import Clock
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data import download as _download
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import BLOCK, Digest, digest_of_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.download import (
    MAX_FILE_NAME_BYTES,
    Download,
    file_name,
    plan_download,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.folder import Folder, NewFile, new_file
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import DownloadRequest, parse_download
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    ConfigurationError,
    ConnectionFailed,
    DataError,
    Forbidden,
    PcdError,
    PlanError,
)
from ansible_collections.platform9.pcd.plugins.module_utils._session import Runtime, Session
from ansible_collections.platform9.pcd.tests.support.samples import ID, PROJECT, image
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BREAK_OFF,
    BrokenReply,
    Reply,
    ReplyFunction,
    Request,
    Serve,
    Service,
)

DATA = bytes(range(256)) * 16
SIZE = len(DATA)
MD5 = hashlib.md5(DATA).hexdigest()
SHA512 = hashlib.sha512(DATA).hexdigest()
NO_HASH: dict[str, Any] = {"checksum": None, "os_hash_algo": None, "os_hash_value": None}
WHOLE = Reply(200, DATA)


def request(dest: str | Path) -> DownloadRequest:
    return parse_download({"id": ID, "name": None, "match": "visible", "dest": str(dest)})


def record(**given: Any) -> Image:
    return image(**{"size": SIZE, "checksum": MD5, "os_hash_algo": "sha512", "os_hash_value": SHA512, **given})


def part(start: int, end: int = SIZE, told: int | None = None) -> Reply:
    """What follows the byte `start`; the header may tell of another beginning."""
    begin = start if told is None else told
    return Reply(206, DATA[start:end], {"Content-Range": f"bytes {begin}-{end - 1}/{SIZE}"})


def broken(start: int, end: int, stays_open: bool = False) -> BrokenReply:
    """An answer that announces everything from `start` on, and ends at `end`."""
    headers = f"HTTP/1.1 200 OK\r\nContent-Length: {SIZE}\r\n"
    if start:
        headers = f"HTTP/1.1 206 Partial Content\r\nContent-Length: {SIZE - start}\r\n"
        headers += f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}\r\n"
    return BrokenReply(f"{headers}\r\n".encode() + DATA[start:end], stays_open)


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    """A path in a folder of its own."""
    folder = tmp_path / "images"
    folder.mkdir()
    return folder / "disk.raw"


class Plan:
    """Plans a download from a service whose first reply is the record; remembers warnings and pauses."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.warnings: list[str] = []
        self.pauses: list[float] = []
        self.service: Service

    def __call__(
        self,
        dest: Path,
        *replies: Reply | BrokenReply | ReplyFunction,
        retries: int = 2,
        timeout: float = 10,
        place: Callable[[str, str], object] | None = None,
        **given: Any,
    ) -> Download:
        self.service = self._serve(Reply(200, record(**given)), *replies)
        # What Http itself repeats is not what these tests are about.
        http = Http(self.service.url, Transport(retries=0, timeout=timeout))
        session = Session(
            Images(http),
            PROJECT,
            Transport(retries=retries),
            self.warnings.append,
            runtime=Runtime(place=place),
        )
        planned = plan_download(request(dest), session)
        return replace(planned, clock=Clock(sleep=self.pauses.append))

    @property
    def asked(self) -> list[str | None]:
        """The ranges of the requests for data."""
        return [request.headers["Range"] for request in self.service.requests if request.path.endswith("/file")]


@pytest.fixture
def plan(serve: Serve) -> Plan:
    return Plan(serve)


def left(dest: Path) -> dict[str, bytes]:
    """What stands in the folder."""
    return {path.name: path.read_bytes() for path in dest.parent.iterdir()}


def refused(download: Download, kind: type[PcdError]) -> PcdError:
    """The error of a download that leaves nothing behind and what was there as it was."""
    before = left(Path(download.path))
    with pytest.raises(kind) as caught:
        download.apply()
    assert left(Path(download.path)) == before
    return caught.value


# --- what is compared --------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there_is_made(plan: Plan, dest: Path) -> None:
    result = plan(dest, WHOLE).apply()
    assert left(dest) == {"disk.raw": DATA}
    assert plan.asked == [None]
    assert (result["changed"], result["dest"], result["size"]) == (True, str(dest), SIZE)
    assert result["checksum"] == f"sha512:{SHA512}"
    assert result["image"]["id"] == ID
    assert result["diff"] == {
        "before": {"path": str(dest), "size": None, "checksum": None},
        "after": {"path": str(dest), "size": SIZE, "checksum": f"sha512:{SHA512}"},
        "before_header": str(dest),
        "after_header": f"{dest}, the data of ubuntu-24.04 ({ID})",
    }


def test_a_file_with_the_data_is_left_alone_and_nothing_is_asked_for(plan: Plan, dest: Path) -> None:
    def state() -> tuple[int, ...]:
        # Reading may set the time of access.
        found = dest.stat()
        return (
            found.st_ino,
            found.st_mode,
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )

    dest.write_bytes(DATA)
    before = state()
    download = plan(dest)
    for result in (download.preview(), download.apply()):
        assert result["changed"] is False
        assert result["diff"]["before"] == result["diff"]["after"]
    assert state() == before
    assert plan.asked == []


@pytest.mark.parametrize(
    ("content", "checksum"),
    [
        (DATA[:-1], None),
        (DATA[:-1] + b"?", f"sha512:{hashlib.sha512(DATA[:-1] + b'?').hexdigest()}"),
        (b"", None),
    ],
)
def test_a_file_with_other_data_is_replaced(plan: Plan, dest: Path, content: bytes, checksum: str | None) -> None:
    dest.write_bytes(content)
    result = plan(dest, WHOLE).apply()
    assert result["changed"] is True
    assert result["diff"]["before"] == {"path": str(dest), "size": len(content), "checksum": checksum}
    assert left(dest) == {"disk.raw": DATA}


def test_a_file_of_another_size_is_not_read(plan: Plan, dest: Path) -> None:
    dest.write_bytes(DATA + b"?")
    read_at = os.stat(dest).st_atime_ns
    assert plan(dest).lacks_data is True
    assert os.stat(dest).st_atime_ns == read_at


def test_the_checksum_is_md5_if_the_service_has_no_better_hash(plan: Plan, dest: Path) -> None:
    result = plan(dest, WHOLE, os_hash_algo=None, os_hash_value=None).apply()
    assert result["checksum"] == f"md5:{MD5}"
    assert plan.warnings == []


@pytest.mark.parametrize("content", [DATA, bytes(SIZE)])
def test_without_any_hash_only_the_size_counts_and_that_is_said(plan: Plan, dest: Path, content: bytes) -> None:
    dest.write_bytes(content)
    result = plan(dest, **NO_HASH).apply()
    assert (result["changed"], result["checksum"]) == (False, None)
    assert left(dest) == {"disk.raw": content}
    assert len(plan.warnings) == 1
    assert "no hash" in plan.warnings[0]


def test_an_image_of_which_nothing_is_known_is_downloaded_each_time(plan: Plan, dest: Path) -> None:
    dest.write_bytes(DATA)
    assert plan(dest, WHOLE, size=None, **NO_HASH).apply()["changed"] is True
    assert left(dest) == {"disk.raw": DATA}


def test_the_hash_decides_if_no_size_is_known(plan: Plan, dest: Path) -> None:
    dest.write_bytes(DATA)
    assert plan(dest, size=None).apply()["changed"] is False


def test_an_image_without_a_byte_is_an_empty_file(plan: Plan, dest: Path) -> None:
    empty: dict[str, Any] = {
        "size": 0,
        "checksum": hashlib.md5(b"").hexdigest(),
        "os_hash_algo": None,
        "os_hash_value": None,
    }
    for reply in (Reply(200, b""), Reply(204)):
        plan(dest, reply, **empty).apply()
        assert left(dest) == {"disk.raw": b""}
        dest.unlink()


@pytest.mark.parametrize(
    ("told", "digest"),
    [
        ({}, Digest("sha512", SHA512)),
        ({"os_hash_algo": "sha256", "os_hash_value": "AB"}, Digest("sha256", "ab")),
        ({"os_hash_algo": "no such algorithm"}, Digest("md5", MD5)),
        ({"os_hash_algo": "shake_128"}, Digest("md5", MD5)),
        ({"os_hash_value": ""}, Digest("md5", MD5)),
        ({"os_hash_value": None, "checksum": ""}, None),
        (NO_HASH, None),
    ],
)
def test_the_strongest_digest_that_can_be_computed_is_used(told: dict[str, Any], digest: Digest | None) -> None:
    assert digest_of_image(record(**told)) == digest


# --- the file while it is written ---------------------------------------------------------------------------------


def test_until_it_is_complete_it_stands_beside_dest_for_its_owner_only(serve: Serve, plan: Plan, dest: Path) -> None:
    dest.write_bytes(b"old")
    seen: list[tuple[str, int]] = []

    def look(request: Request) -> Reply:
        seen.extend((path.name, stat.S_IMODE(path.stat().st_mode)) for path in dest.parent.iterdir())
        return WHOLE

    plan(dest, look).apply()
    assert [mode for name, mode in seen if name != "disk.raw"] == [0o600]
    assert left(dest) == {"disk.raw": DATA}


def test_a_folder_gets_a_file_named_after_the_image(plan: Plan, dest: Path) -> None:
    for folder in (str(dest.parent), f"{dest.parent}/"):
        assert plan(Path(folder)).path == str(dest.parent / "ubuntu-24.04")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ubuntu 24.04", "ubuntu 24.04"),
        ("a/b/../c", "a_b_.._c"),
        ("/etc/passwd", "_etc_passwd"),
        ("$HOME", "_HOME"),
        ("a\nb\x00c\x7f", "a_b_c_"),
        (".bashrc", "_bashrc"),
        ("..hidden", "_.hidden"),
        ("-rf", "_rf"),
        ("a\x9b31m", "a_31m"),
        (".-.", ID),
        ("Ünïcode", "Ünïcode"),
        ("n" * MAX_FILE_NAME_BYTES, "n" * MAX_FILE_NAME_BYTES),
        ("n" * MAX_FILE_NAME_BYTES + "n", ID),
        ("ü" * MAX_FILE_NAME_BYTES, ID),
        ("\ud800", ID),
        (".", ID),
        ("..", ID),
        ("", ID),
        (None, ID),
    ],
)
def test_a_name_becomes_a_safe_file_name_or_gives_way_to_the_id(name: str | None, expected: str) -> None:
    assert file_name(image(name=name)) == expected


def test_a_path_becomes_absolute(plan: Plan, dest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(dest.parent)
    assert plan(Path("disk.raw"), WHOLE).apply()["dest"] == str(dest)


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(plan: Plan, dest: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(DATA)
    dest.symlink_to(target)
    assert plan(dest, WHOLE).apply()["changed"] is True
    assert not dest.is_symlink()
    target.write_bytes(b"other")
    assert left(dest) == {"disk.raw": DATA}


def test_only_a_file_is_replaced(plan: Plan, dest: Path) -> None:
    os.mkfifo(dest)
    with pytest.raises(ConfigurationError, match=r"^dest: .* is not a regular file"):
        plan(dest)
    (dest.parent / "ubuntu-24.04").mkdir()
    with pytest.raises(ConfigurationError, match=r"^dest: .* is a folder"):
        plan(dest.parent)


@pytest.mark.parametrize(
    ("path", "words"), [("", "it is empty"), ("none/disk.raw", "no folder"), ("none/", "no folder"), ("f/d", "folder")]
)
def test_a_folder_that_is_missing_is_named(dest: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str) -> None:
    monkeypatch.chdir(dest.parent)
    (dest.parent / "f").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=f"^dest: .*{words}"):
        request(path)


def test_a_folder_that_is_there_is_enough(dest: Path) -> None:
    for path in (dest, dest.parent, f"{dest.parent}/"):
        request(path)


def test_a_folder_that_cannot_be_written_matters_only_if_something_is_to_be_written(
    plan: Plan, dest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For root there is no such folder.
    monkeypatch.setattr(os, "access", lambda *dummy, **given: False)
    with pytest.raises(ConfigurationError, match=r"^dest: .*may not write into"):
        plan(dest)
    dest.write_bytes(DATA)
    assert plan(dest).lacks_data is False


# --- what breaks off ---------------------------------------------------------------------------------------------


def test_a_break_is_continued_by_range(plan: Plan, dest: Path) -> None:
    plan(dest, broken(0, 1000), broken(1000, 3000), part(3000)).apply()
    assert left(dest) == {"disk.raw": DATA}
    assert plan.asked == [None, "bytes=1000-", "bytes=3000-"]
    assert len(plan.pauses) == 2


def test_a_service_without_range_starts_again(plan: Plan, dest: Path) -> None:
    plan(dest, broken(0, 1000), broken(0, 2000), WHOLE).apply()
    assert left(dest) == {"disk.raw": DATA}
    assert plan.asked == [None, "bytes=1000-", "bytes=2000-"]


@pytest.mark.parametrize(
    "wrong",
    [
        part(1000, told=999),
        part(0),
        Reply(206, DATA[1000:]),
        Reply(206, b"", {"Content-Range": "bytes */9"}),
        Reply(206, DATA[1000:], {"Content-Range": f"bytes {'9' * 5000}-{SIZE - 1}/{SIZE}"}),
    ],
)
def test_a_part_that_was_not_asked_for_is_not_used(plan: Plan, dest: Path, wrong: Reply) -> None:
    plan(dest, broken(0, 1000), wrong, WHOLE).apply()
    assert left(dest) == {"disk.raw": DATA}
    assert plan.asked == [None, "bytes=1000-", None]


def test_a_service_may_answer_in_parts(plan: Plan, dest: Path) -> None:
    plan(dest, part(0, 1500), part(1500, 3000), part(3000)).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_breaks_that_bring_it_further_are_not_counted(plan: Plan, dest: Path) -> None:
    steps = [broken(start, start + 100) for start in range(0, 2000, 100)]
    plan(dest, *steps, part(2000), retries=1).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_after_too_many_breaks_without_a_byte_it_ends(plan: Plan, dest: Path) -> None:
    error = refused(plan(dest, broken(0, 1000), broken(1000, 1000), retries=3), ConnectionFailed)
    assert len(plan.pauses) == 3
    assert plan.pauses == sorted(plan.pauses)
    assert plan.asked == [None, *["bytes=1000-"] * 3]
    assert f"1000 of {SIZE} bytes had come" in str(error)
    assert str(error).startswith(f"Could not download the data of image {ID}: ")


def test_a_service_that_starts_again_and_breaks_at_the_same_place_is_not_asked_forever(plan: Plan, dest: Path) -> None:
    refused(plan(dest, broken(0, 1000), retries=2), ConnectionFailed)
    assert len(plan.asked) == 3


def test_without_retries_a_break_is_the_end(plan: Plan, dest: Path) -> None:
    refused(plan(dest, broken(0, 1000), retries=0), ConnectionFailed)
    assert plan.asked == [None]


def test_a_silence_is_a_break_that_costs_one_block_at_the_most(plan: Plan, dest: Path) -> None:
    data = bytes(range(256)) * (3 * BLOCK // 256)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
    rest = Reply(206, data[BLOCK:], {"Content-Range": f"bytes {BLOCK}-{len(data) - 1}/{len(data)}"})
    known: dict[str, Any] = {"size": len(data), "checksum": hashlib.md5(data).hexdigest(), "os_hash_value": None}
    plan(dest, BrokenReply(head + data[: 2 * BLOCK - 1], stays_open=True), rest, timeout=0.3, **known).apply()
    assert left(dest) == {"disk.raw": data}
    assert plan.asked == [None, f"bytes={BLOCK}-"]


def test_a_silence_without_end_is_reported_as_one(plan: Plan, dest: Path) -> None:
    error = refused(plan(dest, broken(0, 1000, stays_open=True), timeout=0.2, retries=1), ConnectionFailed)
    assert "did not answer within 0.2 seconds" in str(error)


def test_a_connection_that_ends_before_an_answer_is_an_error_of_its_own(plan: Plan, dest: Path) -> None:
    dest.write_bytes(b"old")
    assert "What had come" not in str(refused(plan(dest, BREAK_OFF), ConnectionFailed))


def test_a_body_of_no_announced_length_that_is_short_is_a_break(plan: Plan, dest: Path) -> None:
    short = BrokenReply(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA[:1000])
    plan(dest, short, part(1000)).apply()
    assert left(dest) == {"disk.raw": DATA}


@pytest.mark.parametrize("length", [b"\xb2", b"9" * 5000], ids=["a sign", "more digits than Python reads"])
def test_a_length_that_is_not_a_number_does_not_count(length: bytes, plan: Plan, dest: Path) -> None:
    plan(dest, BrokenReply(b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n" % length + DATA)).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_a_length_beside_chunks_is_of_no_account(plan: Plan, dest: Path) -> None:
    """RFC 9112, section 6.3: the chunks say where the end is."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
    plan(dest, BrokenReply(head + b"%x\r\n%s\r\n0\r\n\r\n" % (SIZE, DATA))).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_chunks_that_end_early_are_a_break(plan: Plan, dest: Path) -> None:
    short = BrokenReply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3e8\r\n" + DATA[:1000] + b"\r\n3e8\r\n")
    plan(dest, short, WHOLE, size=None).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_what_was_announced_must_come_if_no_size_is_known(plan: Plan, dest: Path) -> None:
    plan(dest, broken(0, 1000), part(1000), size=None, **NO_HASH).apply()
    assert left(dest) == {"disk.raw": DATA}


def test_a_refusal_of_the_rest_is_reported(plan: Plan, dest: Path) -> None:
    error = refused(plan(dest, broken(0, 1000), Reply(401, {"message": "expired"})), ApiError)
    assert error.facts["status"] == 401


# --- what is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [SIZE - 1, SIZE + 1, 0])
def test_a_length_that_is_not_that_of_the_image_is_refused_at_once(plan: Plan, dest: Path, length: int) -> None:
    dest.write_bytes(b"old")
    error = refused(plan(dest, Reply(200, bytes(length))), DataError)
    assert plan.asked == [None]
    assert (error.facts["expected"], error.facts["actual"]) == (SIZE, length)
    assert f"{dest} is as it was" in str(error)


def test_more_bytes_than_the_image_has_are_refused(plan: Plan, dest: Path) -> None:
    endless = BrokenReply(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + DATA + b"?")
    error = refused(plan(dest, endless), DataError)
    assert error.facts["expected"] == SIZE


@pytest.mark.parametrize("told", [{}, {"os_hash_value": None}])
def test_other_bytes_are_refused_with_both_hashes(plan: Plan, dest: Path, told: dict[str, Any]) -> None:
    dest.write_bytes(b"old")
    other = bytes(SIZE)
    error = refused(plan(dest, Reply(200, other), **told), DataError)
    algorithm = "md5" if told else "sha512"
    assert error.facts == {
        "expected": MD5 if told else SHA512,
        "actual": hashlib.new(algorithm, other).hexdigest(),
        "algorithm": algorithm,
    }


def test_bytes_that_do_not_fit_together_are_refused(plan: Plan, dest: Path) -> None:
    other = Reply(206, bytes(SIZE - 1000), {"Content-Range": f"bytes 1000-{SIZE - 1}/{SIZE}"})
    refused(plan(dest, broken(0, 1000), other), DataError)


@pytest.mark.parametrize("status", ["queued", "saving", "uploading", "importing", "killed", "pending_delete"])
def test_an_image_without_data_is_refused(plan: Plan, dest: Path, status: str) -> None:
    with pytest.raises(PlanError, match=f"has status {status}, so that there is no data"):
        plan(dest, status=status)


def test_an_image_that_is_not_there_is_refused(serve: Serve, dest: Path) -> None:
    service = serve(Reply(404, {"message": "No image found"}))
    session = Session(Images(Http(service.url, Transport())), PROJECT, Transport(), print)
    with pytest.raises(PlanError, match=f"^No image '{ID}' was found that could be downloaded"):
        plan_download(request(dest), session)


def test_a_deactivated_image_says_so_and_what_to_do(plan: Plan, dest: Path) -> None:
    answer = Reply(403, {"message": "The requested image has been deactivated."}, {"x-openstack-request-id": "req-1"})
    error = refused(plan(dest, answer, status="deactivated"), Forbidden)
    assert "is deactivated, so that nobody but an administrator" in str(error)
    assert "pcd_image_state" in str(error)
    assert error.facts["request_id"] == "req-1"


def test_an_administrator_downloads_a_deactivated_image(plan: Plan, dest: Path) -> None:
    plan(dest, WHOLE, status="deactivated").apply()
    assert left(dest) == {"disk.raw": DATA}


def test_a_right_that_is_missing_is_reported_in_the_words_of_the_service(plan: Plan, dest: Path) -> None:
    error = refused(plan(dest, Reply(403, {"message": "You are not authorized to download_image."})), Forbidden)
    assert "not authorized to download_image" in str(error)
    assert "deactivated" not in str(error)


LACKING = [Reply(204), Reply(500, "<html>"), Reply(404, {"message": "not found"}), Reply(410, {"message": "gone"})]


@pytest.mark.parametrize("answer", LACKING, ids=lambda answer: str(answer.status))
def test_data_that_lies_in_another_service_is_said_to_lie_there(plan: Plan, dest: Path, answer: Reply) -> None:
    stores = Reply(200, {"stores": [{"id": "fast", "default": "true"}, {"id": "slow"}]})
    error = refused(plan(dest, answer, stores, stores="pod"), PcdError)
    assert "lies in pod, but the service at" in str(error)
    assert "has only fast, slow" in str(error)
    assert "interface" in str(error)
    assert error.facts["status"] == answer.status


@pytest.mark.parametrize("answer", LACKING, ids=lambda answer: str(answer.status))
@pytest.mark.parametrize("stores", [{"stores": [{"id": "library"}]}, {"stores": []}, {"nothing": "of it"}])
def test_data_that_is_lost_is_not_said_to_lie_elsewhere(
    plan: Plan, dest: Path, answer: Reply, stores: dict[str, Any]
) -> None:
    named = "library" if stores.get("stores") else ""
    error = refused(plan(dest, answer, Reply(200, stores), stores=named), PcdError)
    assert "lies in" not in str(error)
    assert str(answer.status) in str(error)


# --- what cannot be written --------------------------------------------------------------------------------------


def test_a_full_disk_is_reported_and_leaves_nothing(plan: Plan, dest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def on_a_full_disk(folder: Folder) -> Iterator[NewFile]:
        with new_file(folder) as made, open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), made.descriptor)
            yield made

    monkeypatch.setattr(_download, "new_file", on_a_full_disk)
    dest.write_bytes(b"old")
    error = refused(plan(dest, WHOLE), DataError)
    assert "No space left on device" in str(error)
    assert f"after 0 of {SIZE} bytes" in str(error)
    assert "Make room" in str(error)
    assert f"{dest} is as it was" in str(error)


def test_a_limit_within_a_block_is_reported_and_leaves_nothing(plan: Plan, dest: Path) -> None:
    download = plan(dest, WHOLE)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        error = refused(download, DataError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in str(error)


def test_a_folder_that_has_gone_meanwhile_is_reported(plan: Plan, dest: Path) -> None:
    download = plan(dest, WHOLE)
    # Removed, its inode could become that of the next folder.
    dest.parent.rename(dest.parent.with_name("away"))
    with pytest.raises(DataError, match=r"^dest: .*No such file or directory"):
        download.apply()
    dest.parent.mkdir()
    with pytest.raises(DataError, match=r"^dest: .*not the one any more"):
        download.apply()


def test_a_file_that_cannot_take_its_place_is_reported_and_removed(plan: Plan, dest: Path) -> None:
    def refuse(*dummy: str) -> None:
        raise OSError(16, "Device or resource busy")

    dest.write_bytes(b"old")
    error = refused(plan(dest, WHOLE, place=refuse), DataError)
    assert str(error).startswith("dest: the data of ")
    assert "Device or resource busy" in str(error)


def test_an_interruption_leaves_nothing(plan: Plan, dest: Path) -> None:
    def interrupt(dummy: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(plan(dest, broken(0, 1000)), clock=Clock(sleep=interrupt)).apply()
    assert left(dest) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_to_end_leaves_nothing(plan: Plan, dest: Path, number: signal.Signals) -> None:
    download = replace(plan(dest, broken(0, 1000)), clock=Clock(sleep=lambda dummy: os.kill(os.getpid(), number)))
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as caught:
            download.apply()
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert caught.value.code == 128 + number
    assert left(dest) == {}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_handler_that_ends_at_once_gets_the_signal_once_the_file_is_removed(
    plan: Plan, dest: Path, number: signal.Signals
) -> None:
    """As the workers of ansible-core 2.19 have it."""
    seen: list[dict[str, bytes]] = []

    def end(*dummy: object) -> None:
        seen.append(left(dest))

    download = replace(plan(dest, broken(0, 1000)), clock=Clock(sleep=lambda dummy: os.kill(os.getpid(), number)))
    before = signal.signal(number, end)
    try:
        with pytest.raises(SystemExit):
            download.apply()
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)
    assert seen == [{}]


def test_a_signal_that_is_ignored_stays_ignored(plan: Plan, dest: Path) -> None:
    download = replace(
        plan(dest, broken(0, 1000), part(1000)), clock=Clock(sleep=lambda dummy: os.kill(os.getpid(), signal.SIGINT))
    )
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        download.apply()
    finally:
        signal.signal(signal.SIGINT, before)
    assert left(dest) == {"disk.raw": DATA}


# --- check mode --------------------------------------------------------------------------------------------------


def test_check_mode_predicts_and_writes_nothing(plan: Plan, dest: Path) -> None:
    dest.write_bytes(b"old")
    download = plan(dest, WHOLE)
    preview = download.preview()
    assert left(dest) == {"disk.raw": b"old"}
    done = download.apply()
    # As Ansible says of every file that a module names, it is that of the file that is there.
    assert (preview.pop("size"), done.pop("size")) == (3, SIZE)
    assert preview == done


@pytest.mark.parametrize("answer", [Reply(403, {"message": "no"}), Reply(204), Reply(500, "no")])
def test_check_mode_predicts_a_refusal(plan: Plan, dest: Path, answer: Reply) -> None:
    with pytest.raises(PcdError):
        plan(dest, answer, status="deactivated").preview()


# --- what it takes -----------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_image(plan: Plan, dest: Path) -> None:
    data = bytes(64 * BLOCK)
    told: dict[str, Any] = {"size": len(data), "checksum": hashlib.md5(data).hexdigest(), "os_hash_value": None}
    download = plan(dest, Reply(200, data), **told)
    tracemalloc.start()
    try:
        download.apply()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert dest.stat().st_size == len(data)
    assert peak < 6 * BLOCK
