# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data on its way into an image, with a service in a thread that fails in every way that is known of it.

What it answers is written down in turn, request by request.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client import waiting as _waiting
from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.progress import Progress
from ansible_collections.platform9.pcd.plugins.module_utils._client.retry import MAX_PAUSE_SECONDS, Attempts
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import BLOCK, Content, Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.locks import LOOKS_FOR_A_FAILURE
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import File, Stream
from ansible_collections.platform9.pcd.plugins.module_utils._data.transfer import LOOKS_FOR_A_TRACE, Transfers
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    Abandoned,
    ApiError,
    BrokenOff,
    ConnectionFailed,
    DataError,
    Forbidden,
    LostRace,
    NotFound,
    PcdError,
    PlanError,
    RefusedData,
    TimedOut,
    TooLarge,
    UnsupportedMedia,
    WrongData,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Image, Import, Stage, Upload
from ansible_collections.platform9.pcd.tests.support.samples import ID, OTHER_PROJECT, PROJECT, TOKEN, Clock, image
from ansible_collections.platform9.pcd.tests.support.scripted_server import (
    BREAK_OFF,
    SILENCE,
    BrokenReply,
    Reply,
    ReplyFunction,
    Request,
    Serve,
    Service,
    as_urllib3,
)

# Larger than what the buffers of a connection hold, so that a service that stops reading is noticed.
DATA = hashlib.shake_256(b"image").digest(8 * BLOCK + 7)
PACKED = gzip.compress(DATA, 0)
TIMEOUT = 600
NO_DATA = {"size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None, "stores": None}
LOCK: dict[str, Any] = {"os_glance_import_task": "b0a5b1c4"}


@cache
def hashes(data: bytes) -> dict[str, Any]:
    return {
        "size": len(data),
        "checksum": hashlib.md5(data).hexdigest(),
        "os_hash_algo": "sha512",
        "os_hash_value": hashlib.sha512(data).hexdigest(),
    }


def queued(**given: Any) -> dict[str, Any]:
    return image(**{"status": "queued", **NO_DATA, **given})


def active(data: bytes = DATA, **given: Any) -> dict[str, Any]:
    return image(**{**hashes(data), **given})


def shown(document: Image) -> Reply:
    return Reply(200, document)


@dataclass
class Bench:
    """Transfers to a service, whose waiting only moves the hands of a clock."""

    service: Service
    repeats: int = 0
    timeout: float = 30
    clock: Clock = field(default_factory=Clock)
    warned: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def images(self) -> Images:
        transport = Transport(timeout=self.timeout, retries=0)
        return Images(Http(f"{self.service.url}/v2", transport, {"X-Auth-Token": TOKEN}, (TOKEN,)))

    @property
    def transfers(self) -> Transfers:
        progress = Progress(self.lines.append, 0)
        return Transfers(self.images, PROJECT, self.repeats, self.warned.append, self.clock.hands, progress)

    def upload(self, stream: Stream, timeout: float = TIMEOUT, store: str | None = None) -> Image:
        return self.transfers.upload(queued(), Upload(stream, store, timeout))

    def stage(self, stream: Stream, timeout: float = TIMEOUT) -> Image:
        return self.transfers.stage(queued(), Stage(stream, timeout))

    def run_import(self, step: Import, **given: Any) -> Image:
        return self.transfers.run_import(queued(**given), step).image

    @property
    def asked(self) -> list[str]:
        """Method and last part of the path of each request."""
        return [f"{each.method} {each.path.rpartition('/')[2]}" for each in self.service.requests]


@pytest.fixture
def bench(serve: Serve) -> Any:
    def make(*replies: Reply | BrokenReply | ReplyFunction, repeats: int = 0, timeout: float = 30) -> Bench:
        return Bench(serve(*replies), repeats, timeout)

    return make


@pytest.fixture
def stream(tmp_path: Path) -> Stream:
    return of(tmp_path, DATA)


def of(folder: Path, data: bytes, stated: Digest | None = None, decompress: bool = False) -> Stream:
    path = folder / "image.qcow2"
    path.write_bytes(data)
    return Stream(File(str(path)), stated, decompress)


LOOK = f"GET {ID}"


# --- an upload ---------------------------------------------------------------------------------------------------


def test_an_upload_is_sent_once_and_looked_at_once(bench: Any, stream: Stream) -> None:
    made = bench(Reply(204), shown(active()))
    assert made.upload(stream, store="library") == active()
    assert made.asked == ["PUT file", LOOK]
    assert made.service.requests[0].body == DATA
    assert made.service.requests[0].headers["X-Image-Meta-Store"] == "library"
    assert made.clock.slept == []


def test_an_image_that_is_still_saving_is_waited_for(bench: Any, stream: Stream) -> None:
    made = bench(Reply(204), shown(queued(status="saving")), shown(queued(status="saving")), shown(active()))
    assert made.upload(stream) == active()
    assert len(made.clock.slept) == 2


@pytest.mark.parametrize(
    "failure", [Reply(503), Reply(502), Reply(504), Reply(429), BREAK_OFF, BrokenReply(reads=BLOCK)]
)
def test_an_upload_that_broke_off_is_sent_again_from_its_first_byte(
    failure: Reply | BrokenReply, bench: Any, stream: Stream
) -> None:
    made = bench(failure, shown(queued()), Reply(204), shown(active()), repeats=1)
    assert made.upload(stream) == active()
    assert made.asked == ["PUT file", LOOK, "PUT file", LOOK]
    again = made.service.requests[2]
    assert again.body == DATA
    assert again.headers["x-openstack-image-size"] == str(len(DATA))
    assert len(made.clock.slept) == 1


def test_a_conflict_with_the_attempt_before_is_not_a_refusal(bench: Any, stream: Stream) -> None:
    """The service may notice late that the first connection has gone."""
    queued_again, conflict = shown(queued()), Reply(409, {"message": "Image is being saved"})
    made = bench(BREAK_OFF, queued_again, conflict, queued_again, Reply(204), shown(active()), repeats=2)
    assert made.upload(stream) == active()
    assert made.asked.count("PUT file") == 3


@pytest.mark.parametrize("repeats", [0, 1, 3])
def test_it_is_sent_as_often_as_allowed_and_no_more(repeats: int, bench: Any, stream: Stream) -> None:
    replies = [Reply(503, {"message": "no such luck"}), shown(queued())] * (repeats + 1)
    made = bench(*replies, repeats=repeats)
    with pytest.raises(ApiError, match="no such luck"):
        made.upload(stream)
    assert made.asked == ["PUT file", LOOK] * (repeats + 1)
    assert len(made.clock.slept) == repeats
    assert all(0 < seconds <= MAX_PAUSE_SECONDS for seconds in made.clock.slept)


def test_before_it_is_sent_again_the_service_must_have_noticed(bench: Any, stream: Stream) -> None:
    """As long as it is saving, another upload would be a conflict."""
    saving = shown(queued(status="saving"))
    made = bench(BrokenReply(reads=10), saving, saving, shown(queued()), Reply(204), shown(active()), repeats=1)
    assert made.upload(stream) == active()
    assert made.asked == ["PUT file", LOOK, LOOK, LOOK, "PUT file", LOOK]


def test_data_whose_process_has_died_is_given_up_after_a_short_time(bench: Any, stream: Stream) -> None:
    """The record says for ever that data is coming; whose data was not sent to its end needs not wait an hour."""
    made = bench(BrokenReply(reads=10), shown(queued(status="saving")), repeats=3)
    with pytest.raises(Abandoned, match="not sent to its end, and its status is still saving after 30 seconds"):
        made.upload(stream)
    assert made.asked.count("PUT file") == 1
    assert 25 < sum(made.clock.slept) < 35


def test_the_task_looks_again_if_another_run_sends_data_too(bench: Any, stream: Stream) -> None:
    made = bench(Reply(409, {"message": "uploading to uploading is not allowed"}), repeats=3)
    with pytest.raises(LostRace, match="uploading to uploading is not allowed"):
        made.upload(stream)
    assert made.asked == ["PUT file"]


def test_a_conflict_that_a_proxy_reports_is_not_another_run(bench: Any, stream: Stream) -> None:
    """It would be planned again and again."""
    made = bench(Reply(409, "<html><h1>Blocked by policy 7</h1></html>"), shown(queued()), repeats=3)
    with pytest.raises(ApiError, match="Blocked by policy 7"):
        made.upload(stream)
    assert made.asked == ["PUT file", LOOK]


@pytest.mark.parametrize(("status", "kind"), [(400, ApiError), (403, Forbidden), (413, TooLarge)])
def test_what_stays_refused_is_not_sent_again(status: int, kind: type[ApiError], bench: Any, stream: Stream) -> None:
    made = bench(Reply(status, {"message": "no such luck"}), shown(queued()), repeats=3)
    with pytest.raises(kind, match="no such luck") as caught:
        made.upload(stream)
    assert caught.value.__class__ is kind
    assert made.asked == ["PUT file", LOOK]


@pytest.mark.parametrize("lost", [Reply(502), Reply(503), Reply(504), BrokenReply()])
def test_a_lost_answer_is_not_a_failure_if_the_image_has_everything(
    lost: Reply | BrokenReply, bench: Any, stream: Stream
) -> None:
    made = bench(lost, shown(queued(status="saving")), shown(active()), repeats=3)
    assert made.upload(stream) == active()
    assert made.asked.count("PUT file") == 1


def test_an_answer_that_is_lost_does_not_hide_that_bytes_are_lacking(bench: Any, stream: Stream) -> None:
    made = bench(Reply(502), shown(active(DATA[:-1])), repeats=3)
    with pytest.raises(WrongData, match="has sha512 .* was expected") as caught:
        made.upload(stream)
    assert caught.value.image_id == ID
    assert made.asked.count("PUT file") == 1


@pytest.mark.parametrize("size", [len(DATA), len(DATA) + 1])
@pytest.mark.parametrize("lost", [Reply(502), Reply(409, {"message": "no"}), BrokenReply(reads=BLOCK)])
def test_an_image_with_the_data_of_another_run_is_that_of_a_lost_race(
    lost: Reply | BrokenReply, size: int, bench: Any, stream: Stream
) -> None:
    """It may be right, and published: nothing is done to it because this run was not told what became of its data."""
    made = bench(lost, shown(active(bytes(size))), repeats=3)
    with pytest.raises(LostRace):
        made.upload(stream)
    assert made.asked.count("PUT file") == 1


def test_data_that_the_service_has_dropped_for_another_upload_is_sent_again(bench: Any, stream: Stream) -> None:
    made = bench(Reply(410), shown(queued()), Reply(204), shown(active()), repeats=3)
    assert made.upload(stream) == active()
    assert made.asked.count("PUT file") == 2


@pytest.mark.parametrize("status", ["active", "deactivated"])
def test_an_image_that_is_full_though_it_was_not_sent_to_its_end_is_wrong(
    status: str, bench: Any, stream: Stream
) -> None:
    """openstacksdk has left images of fewer bytes behind a proxy that answered early."""
    made = bench(BrokenReply(reads=BLOCK), shown(active(DATA[:BLOCK], status=status)), repeats=3)
    with pytest.raises(WrongData, match=f"has become {status}, though its data was not sent to the end") as caught:
        made.upload(stream)
    assert caught.value.image_id == ID
    assert made.asked == ["PUT file", LOOK]


@pytest.mark.parametrize(
    ("there", "algorithm", "expected", "actual"),
    [
        (active(DATA[:-1]), "sha512", hashes(DATA)["os_hash_value"], hashes(DATA[:-1])["os_hash_value"]),
        (active(checksum="0" * 32), "md5", hashes(DATA)["checksum"], "0" * 32),
        (active(size=5, checksum=None, os_hash_value=None), "size", len(DATA), 5),
        (active(size=5), "size", len(DATA), 5),
    ],
)
def test_an_image_with_other_bytes_than_were_sent_is_an_error(
    there: Image, algorithm: str, expected: Any, actual: Any, bench: Any, stream: Stream
) -> None:
    with pytest.raises(WrongData) as caught:
        bench(Reply(204), shown(there)).upload(stream)
    assert caught.value.facts == {"expected": expected, "actual": actual, "algorithm": algorithm}
    assert caught.value.image_id == ID


@pytest.mark.parametrize("status", ["queued", "killed", "deactivated"])
def test_an_image_that_is_not_active_after_all_is_an_error(status: str, bench: Any, stream: Stream) -> None:
    with pytest.raises(PlanError, match=f"has got its data, but its status is {status}"):
        bench(Reply(204), shown(active(status=status, checksum=None))).upload(stream)


@pytest.mark.parametrize("refusal", [Reply(415, {"message": "Disk format is not qcow2"}), BrokenReply(reads=BLOCK)])
def test_data_that_made_the_record_unusable_is_refused_and_not_sent_again(
    refusal: Reply | BrokenReply, bench: Any, stream: Stream
) -> None:
    """A refused upload may reset the connection before its answer is read."""
    made = bench(refusal, shown(queued(checksum="a" * 32, size=5, stores="library")), repeats=3)
    with pytest.raises(RefusedData):
        made.upload(stream)
    assert made.asked == ["PUT file", LOOK]


def test_a_refused_format_is_reported_with_the_words_of_the_service(bench: Any, stream: Stream) -> None:
    reply = Reply(415, {"message": "Image content does not match disk_format"}, {"x-openstack-request-id": "req-1"})
    with pytest.raises(RefusedData) as caught:
        bench(reply, shown(queued(checksum="a" * 32))).upload(stream)
    for part in (str(stream.source), ID, "disk_format: qcow2", "Image content does not match disk_format", "req-1"):
        assert part in str(caught.value)
    assert "decompress" not in str(caught.value)
    assert caught.value.facts["status"] == 415


@pytest.mark.parametrize(
    ("data", "kind"), [(gzip.compress(b"x", mtime=0), "gz"), (b"PK\x03\x04zip", "zip")], ids=["gz", "zip"]
)
def test_a_refused_file_that_is_packed_gets_a_hint(data: bytes, kind: str, bench: Any, tmp_path: Path) -> None:
    made = bench(Reply(415, {"message": "no"}), shown(queued(checksum="a" * 32)))
    with pytest.raises(RefusedData, match=f"It looks like {kind}: set decompress: true"):
        made.upload(of(tmp_path, data))


def test_a_415_that_leaves_the_record_as_it_was_is_reported_as_it_is(bench: Any, stream: Stream) -> None:
    with pytest.raises(UnsupportedMedia, match="not today"):
        bench(Reply(415, {"message": "not today"}), shown(queued())).upload(stream)


def test_a_failure_whose_outcome_is_unknown_says_so(bench: Any, stream: Stream) -> None:
    made = bench(Reply(503, {"message": "first"}), Reply(500, {"message": "second"}), repeats=3)
    with pytest.raises(ApiError, match=f"first.*What became of Image 'ubuntu-24.04' .{ID}. is not known: .*second"):
        made.upload(stream)
    assert made.asked == ["PUT file", LOOK]


def test_an_image_that_was_deleted_meanwhile_is_reported(bench: Any, stream: Stream) -> None:
    with pytest.raises(PcdError, match="is not known: .*No image found"):
        bench(Reply(404, {"message": "No image found"}), Reply(404, {"message": "No image found"})).upload(stream)


def test_an_image_that_keeps_saving_is_left_to_the_service_after_the_timeout(bench: Any, stream: Stream) -> None:
    made = bench(Reply(204), shown(queued(status="saving")))
    with pytest.raises(TimedOut, match="still has status saving after 60 seconds.*wait_timeout") as caught:
        made.upload(stream, timeout=60)
    assert caught.value.facts == {"image_status": "saving"}
    assert sum(made.clock.slept) == pytest.approx(60)


# --- a source that breaks off ------------------------------------------------------------------------------------


class BreaksOff:
    """A source that breaks off behind so many bytes, so many times, before it comes as a whole."""

    filename = "image.qcow2"

    def __init__(self, times: int, size: int | None, behind: int) -> None:
        self.left, self.size, self.behind, self.opened = times, size, behind, 0
        self.behind_next = 0

    def __str__(self) -> str:
        return "the vendor"

    @contextmanager
    def open(self) -> Iterator[BreaksOff]:
        self.opened, self._at = self.opened + 1, 0
        yield self

    def read(self, count: int) -> bytes:
        if self.left and self._at >= self.behind:
            self.left -= 1
            self.behind = self.behind_next or self.behind
            raise BrokenOff("url: it broke off.")
        block = DATA[self._at : self._at + count]
        self._at += len(block)
        return block

    def finish(self) -> None:
        """All of it has come."""


def breaks_off(times: int, repeats: int, size: int | None = len(DATA), behind: int = 4 * BLOCK) -> Stream:
    return Stream(BreaksOff(times, size, behind), attempts=lambda: Attempts(repeats, Clock().hands))


def opened(stream: Stream) -> int:
    assert isinstance(stream.source, BreaksOff)
    return stream.source.opened


@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_source_that_broke_off_is_sent_again_from_its_first_byte(size: int | None, bench: Any) -> None:
    made = bench(shown(queued()), Reply(204), shown(active()))
    stream = breaks_off(1, 1, size)
    assert made.upload(stream) == active()
    puts = [request for request in made.service.requests if request.method == "PUT"]
    assert puts[-1].body == DATA
    assert [put.complete for put in puts] in ([True], [False, True])
    assert opened(stream) == 2


def test_a_source_that_breaks_off_each_time_is_an_error_that_says_how_often(bench: Any) -> None:
    made = bench(shown(queued()), repeats=2)
    stream = breaks_off(9, 2)
    with pytest.raises(DataError, match=r"^url: it broke off\. It was tried 3 times\.$"):
        made.upload(stream)
    assert opened(stream) == 3


@pytest.mark.parametrize("status", ["saving", "uploading", "active", "killed"])
def test_a_source_that_broke_off_is_not_sent_into_a_record_that_takes_no_data(status: str, bench: Any) -> None:
    made = bench(shown(queued(status=status, size=3)), repeats=2)
    stream = breaks_off(1, 2)
    with pytest.raises(PcdError):
        made.upload(stream, timeout=0)
    assert opened(stream) == 1


def test_a_source_that_breaks_off_is_read_again_if_nothing_is_sent() -> None:
    stream = breaks_off(2, 2)
    assert stream.read_through().size == len(DATA)
    assert opened(stream) == 3
    with pytest.raises(DataError, match=r"It was tried 2 times\.$"):
        breaks_off(2, 1).read_through()


def test_it_is_counted_once_wherever_it_breaks_off(bench: Any) -> None:
    made = bench(shown(queued()))
    source = BreaksOff(9, len(DATA), behind=1)
    source.behind_next = 4 * BLOCK
    stream = Stream(source, attempts=lambda: Attempts(2, Clock().hands))
    with pytest.raises(DataError, match=r"It was tried 3 times\.$"), stream.prepared():
        made.upload(stream)
    assert opened(stream) == 3


def test_a_source_that_breaks_off_in_its_first_block_is_opened_again_before_anything_is_done() -> None:
    stream = breaks_off(1, 1, behind=1)
    with stream.prepared(), stream.open() as body:
        assert b"".join(body) == DATA
    assert opened(stream) == 2


# --- a source that turns out wrong -------------------------------------------------------------------------------


def test_data_with_a_wrong_checksum_never_reaches_the_service_as_a_whole(bench: Any, tmp_path: Path) -> None:
    made = bench(shown(queued()), repeats=3)
    with pytest.raises(DataError, match="^checksum: ") as caught:
        made.upload(of(tmp_path, DATA, Digest("sha256", "0" * 64)))
    assert caught.value.__class__ is DataError
    (put, *looks) = sorted(made.service.wait_for_requests(2), key=lambda request: request.method, reverse=True)
    assert (put.method, put.complete) == ("PUT", False)
    assert len(put.body) < len(DATA)
    assert DATA.startswith(put.body)
    assert {request.method for request in looks} == {"GET"}


def test_the_same_holds_for_chunks(bench: Any, tmp_path: Path) -> None:
    made = bench(shown(queued()))
    with pytest.raises(DataError, match="^checksum: "):
        made.upload(of(tmp_path, PACKED, Digest("sha256", "0" * 64), decompress=True))
    (put,) = [request for request in made.service.wait_for_requests(2) if request.method == "PUT"]
    assert not put.complete
    assert DATA.startswith(put.body)


@pytest.mark.parametrize("status", ["active", "deactivated"])
def test_an_image_that_became_full_of_a_wrong_source_is_reported(status: str, bench: Any, tmp_path: Path) -> None:
    made = bench(shown(active(DATA[:BLOCK], status=status)))
    with pytest.raises(WrongData, match=f"has become {status} with a part of ") as caught:
        made.upload(of(tmp_path, DATA, Digest("sha256", "0" * 64)))
    assert caught.value.image_id == ID


def test_an_image_with_more_data_than_was_sent_has_it_from_another_run(bench: Any, tmp_path: Path) -> None:
    made = bench(shown(active(b"x" * len(DATA))))
    with pytest.raises(LostRace, match="another run has probably sent"):
        made.upload(of(tmp_path, DATA, Digest("sha256", "0" * 64)))


def test_the_source_is_still_reported_if_nobody_can_look(bench: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="^checksum: "):
        bench(Reply(500)).upload(of(tmp_path, DATA, Digest("sha256", "0" * 64)))


def test_unpacked_data_is_verified_by_what_was_sent(bench: Any, tmp_path: Path) -> None:
    stated = Digest("sha256", hashlib.sha256(PACKED).hexdigest())
    made = bench(Reply(204), shown(active()))
    assert made.upload(of(tmp_path, PACKED, stated, decompress=True)) == active()
    assert made.service.requests[0].body == DATA
    assert made.service.requests[0].headers["Transfer-Encoding"] == "chunked"


# --- staging -----------------------------------------------------------------------------------------------------


# The service sets the size once it has everything.
STAGED = shown(queued(status="uploading", size=len(DATA)))
STAGING = shown(queued(status="uploading"))


def test_staged_data_is_looked_at_once(bench: Any, stream: Stream) -> None:
    made = bench(Reply(204), STAGED)
    assert made.stage(stream)["status"] == "uploading"
    assert made.asked == ["PUT stage", LOOK]
    assert made.service.requests[0].body == DATA


@pytest.mark.parametrize("failure", [Reply(503), BrokenReply(reads=BLOCK)])
def test_staging_that_broke_off_is_begun_again(failure: Reply | BrokenReply, bench: Any, stream: Stream) -> None:
    made = bench(failure, shown(queued()), Reply(204), STAGED, repeats=1)
    made.stage(stream)
    assert made.asked == ["PUT stage", LOOK, "PUT stage", LOOK]
    assert made.service.requests[2].body == DATA


@pytest.mark.parametrize("looks", [0, 1, 5])
@pytest.mark.parametrize("failure", [BREAK_OFF, BrokenReply(reads=BLOCK)])
def test_staging_is_begun_again_once_the_service_has_noticed_that_it_broke_off(
    failure: BrokenReply, looks: int, bench: Any, stream: Stream
) -> None:
    """Until then it says that the data is on its way, and would refuse more of it."""
    made = bench(failure, *[STAGING] * looks, shown(queued()), Reply(204), STAGED, repeats=1)
    made.stage(stream)
    assert made.asked == ["PUT stage", *[LOOK] * (looks + 1), "PUT stage", LOOK]
    assert made.service.requests[looks + 2].body == DATA
    assert len(made.clock.slept) == looks + 1


@pytest.mark.parametrize("lost", [Reply(502), Reply(503), Reply(504), BrokenReply()])
@pytest.mark.parametrize("looks", [0, 1, 5])
def test_staging_whose_answer_is_lost_is_done_if_the_service_has_everything(
    lost: Reply | BrokenReply, looks: int, bench: Any, stream: Stream
) -> None:
    made = bench(lost, *[STAGING] * looks, STAGED, repeats=3)
    assert made.stage(stream)["status"] == "uploading"
    assert made.asked == ["PUT stage", *[LOOK] * (looks + 1), LOOK]


def test_staging_of_which_a_part_has_come_is_not_taken_for_all(bench: Any, stream: Stream) -> None:
    made = bench(Reply(502), shown(queued(status="uploading", size=len(DATA) - 1)), repeats=3)
    with pytest.raises(ApiError, match="502"):
        made.stage(stream)
    assert made.asked == ["PUT stage", LOOK]


def test_of_unpacked_data_the_service_must_have_everything_that_was_sent(bench: Any, tmp_path: Path) -> None:
    made = bench(Reply(502), STAGING, STAGED, repeats=3)
    made.stage(of(tmp_path, PACKED, decompress=True))
    assert made.asked == ["PUT stage", LOOK, LOOK, LOOK]
    # Its size is that of what was sent, and not of the file.
    made = bench(Reply(502), shown(queued(status="uploading", size=len(PACKED))), repeats=3)
    with pytest.raises(ApiError, match="502"):
        made.stage(of(tmp_path, PACKED, decompress=True))


def test_staging_whose_end_the_service_never_shows_is_reported_after_the_timeout(bench: Any, stream: Stream) -> None:
    made = bench(Reply(502, {"message": "no such luck"}), STAGING, repeats=3)
    with pytest.raises(ApiError, match="no such luck"):
        made.stage(stream, timeout=60)
    assert made.asked.count("PUT stage") == 1
    assert sum(made.clock.slept) == pytest.approx(60)


def test_staging_of_a_wrong_source_is_reported(bench: Any, tmp_path: Path) -> None:
    made = bench(Reply(204))
    with pytest.raises(DataError, match="^checksum: "):
        made.stage(of(tmp_path, DATA, Digest("sha256", "0" * 64)))
    (put,) = made.service.wait_for_requests(1)
    assert not put.complete


# --- imports -----------------------------------------------------------------------------------------------------

CONTENT = Content(len(DATA), {"md5": hashes(DATA)["checksum"], "sha512": hashes(DATA)["os_hash_value"]})
FETCH = Import({"method": {"name": "web-download", "uri": "https://h/x"}}, TIMEOUT, known=CONTENT)


def importing(**given: Any) -> Reply:
    return shown(queued(status="importing", os_glance_importing_to_stores="library", **given))


def test_an_import_is_watched_until_its_lock_is_gone(bench: Any) -> None:
    """The lock stays for a moment after the image has become active; another import then is a conflict."""
    made = bench(
        Reply(202), shown(queued(**LOCK)), importing(**LOCK), shown(active(**LOCK)), shown(active()), shown(active())
    )
    assert made.run_import(FETCH) == active()
    assert made.asked[:5] == ["POST import", LOOK, LOOK, LOOK, LOOK]
    assert made.service.requests[0].document == FETCH.request
    assert len(made.clock.slept) == 3


def test_nobody_waits_for_an_import_if_that_is_not_desired(bench: Any) -> None:
    made = bench(Reply(202), importing(**LOCK))
    assert made.run_import(FETCH._replace(wait=False))["status"] == "importing"
    assert made.asked == ["POST import", LOOK]


def test_an_import_that_the_service_refuses_is_reported(bench: Any) -> None:
    made = bench(Reply(403, {"message": "copy-image is for administrators"}))
    with pytest.raises(Forbidden, match="copy-image is for administrators"):
        made.run_import(FETCH)
    assert made.asked == ["POST import"]


FAILED: dict[str, Any] = {"os_glance_failed_import": "fast,slow"}
TASKS = Reply(
    200,
    {
        "tasks": [
            {"id": "1", "created_at": "2026-11-23T07:00:00Z", "message": "an older one"},
            {"id": "2", "created_at": "2026-11-23T08:00:00Z", "message": "The disk is\n  full"},
            {"id": "0", "created_at": "2026-11-23T06:00:00Z", "message": "the oldest one"},
        ]
    },
)


def test_an_import_that_failed_is_reported_with_the_words_of_the_newest_task(bench: Any) -> None:
    """Glance sets no status for it: the image is queued again."""
    made = bench(Reply(202), importing(**LOCK), shown(queued(**FAILED)), TASKS)
    with pytest.raises(PlanError, match="into stores fast, slow has failed; its status is queued") as caught:
        made.run_import(FETCH)
    assert "The service says: The disk is full." in str(caught.value)
    assert "can reach the url" in str(caught.value)
    assert caught.value.facts == {
        "image_status": "queued",
        "stores": ["fast", "slow"],
        "task_message": "The disk is full",
    }
    assert made.asked[-1] == "GET tasks"


@pytest.mark.parametrize(
    "reply",
    [
        Reply(403, {"message": "no right"}),
        Reply(404),
        Reply(200, {"tasks": []}),
        Reply(200, {"tasks": [{"message": None, "created_at": None}]}),
        Reply(200, "null"),
        BREAK_OFF,
    ],
)
def test_an_import_that_failed_is_reported_even_if_the_service_does_not_say_why(reply: Any, bench: Any) -> None:
    made = bench(Reply(202), importing(**LOCK), shown(queued(**FAILED)), reply)
    with pytest.raises(PlanError, match="has failed; its status is queued. The service does not say why") as caught:
        made.run_import(FETCH)
    assert caught.value.facts["task_message"] == ""


def test_an_import_that_left_a_lone_record_importing_has_failed(bench: Any) -> None:
    """Nothing works on it any more, and no lock will ever be taken off again."""
    made = bench(Reply(202), importing(**LOCK), importing(os_glance_failed_import="library"), TASKS)
    with pytest.raises(PlanError, match="into store library has failed; its status is importing"):
        made.run_import(FETCH)


def test_an_import_that_takes_longer_than_the_timeout_is_left_to_the_service(bench: Any) -> None:
    made = bench(Reply(202), importing(**LOCK))
    with pytest.raises(TimedOut, match="web-download.*has not ended after 600 seconds.*imported into library"):
        made.run_import(FETCH)
    assert sum(made.clock.slept) == pytest.approx(TIMEOUT)
    assert "PUT file" not in made.asked


@pytest.mark.parametrize(
    ("task", "words"),
    [
        (
            {"updated_at": "2026-11-23T07:00:00Z"},
            "last reported on it at 2026-11-23T07:00:00Z. If that is an hour ago",
        ),
        ({"id": "another one"}, "Whether the service goes on with it is not known."),
    ],
)
def test_the_timeout_of_an_import_says_when_the_service_has_last_reported(
    task: dict[str, Any], words: str, bench: Any
) -> None:
    """Its process may have ended: nobody else notices."""

    def answer(request: Request) -> Reply:
        if request.path.endswith("/tasks"):
            found = {"id": LOCK["os_glance_import_task"], "status": "processing", **task}
            return Reply(200, {"tasks": [found]})
        return importing(**LOCK)

    with pytest.raises(TimedOut) as caught:
        bench(Reply(202), answer).run_import(FETCH)
    assert words in str(caught.value)


@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
def test_an_import_that_does_not_find_what_was_staged_names_the_configuration(method: str, bench: Any) -> None:
    def answer(request: Request) -> Reply:
        if request.path.endswith("/tasks"):
            task = {"id": LOCK["os_glance_import_task"], "status": "failure"}
            return Reply(200, {"tasks": [{**task, "message": "Task failed due to Internal Error"}]})
        return importing(**LOCK)

    step = Import({"method": {"name": method}}, TIMEOUT)
    with pytest.raises(RefusedData, match="Task failed due to Internal Error") as caught:
        bench(Reply(202), answer).run_import(step)
    assert ("worker_self_reference_url" in str(caught.value)) is (method == "glance-direct")


@pytest.mark.parametrize("status", ["importing", "uploading", "saving"])
def test_without_a_lock_a_status_of_work_is_waited_for(status: str, bench: Any) -> None:
    made = bench(Reply(202), *[shown(queued(status=status))] * 3, shown(active()))
    assert made.run_import(FETCH) == active()


def test_without_a_lock_work_that_does_not_end_is_not_finished(bench: Any) -> None:
    with pytest.raises(TimedOut):
        bench(Reply(202), importing()).run_import(FETCH)


def test_an_import_whose_stores_are_still_listed_is_waited_for(bench: Any) -> None:
    """An image that has its data stays active while it is copied."""
    step = Import({"method": {"name": "copy-image"}, "stores": ["slow"]}, TIMEOUT)
    copying = shown(active(os_glance_importing_to_stores="slow", stores="fast"))
    made = bench(Reply(202), copying, copying, shown(active(stores="fast,slow", os_glance_importing_to_stores="")))
    assert made.run_import(step)["stores"] == "fast,slow"


def test_an_import_that_leaves_no_trace_has_failed_after_some_looks(bench: Any) -> None:
    made = bench(Reply(202), *[shown(queued())] * LOOKS_FOR_A_TRACE, TASKS)
    with pytest.raises(PlanError, match="has failed; its status is queued"):
        made.run_import(FETCH)
    assert made.asked.count(LOOK) == LOOKS_FOR_A_TRACE


def test_an_import_that_begins_late_is_not_given_up_at_once(bench: Any) -> None:
    replies = [shown(queued())] * (LOOKS_FOR_A_TRACE - 1)
    assert bench(Reply(202), *replies, importing(**LOCK), shown(active())).run_import(FETCH) == active()


@pytest.mark.parametrize("must_succeed", [None, True])
def test_a_store_that_did_not_get_the_data_fails_the_import(must_succeed: bool | None, bench: Any) -> None:
    request: dict[str, Any] = {"method": {"name": "copy-image"}, "stores": ["fast", "slow"]}
    if must_succeed is not None:
        request["all_stores_must_succeed"] = must_succeed
    made = bench(Reply(202), shown(active(stores="fast", **LOCK)), shown(active(stores="fast")), TASKS)
    with pytest.raises(PlanError, match="copy-image.*into store slow has failed.*still in the stores that had it"):
        made.run_import(Import(request, TIMEOUT))


def test_a_store_may_fail_if_not_all_must_succeed(bench: Any) -> None:
    request = {"method": {"name": "copy-image"}, "stores": ["fast", "slow"], "all_stores_must_succeed": False}
    there = active(stores="fast", os_glance_failed_import="slow")
    made = bench(Reply(202), shown(active(**LOCK)), shown(there))
    assert made.run_import(Import(request, TIMEOUT)) == there
    (warning,) = made.warned
    assert "not in slow" in warning


def test_what_was_fetched_must_be_what_was_known_of_it(bench: Any) -> None:
    for there in (active(DATA[:-1]), active(size=5)):
        made = bench(Reply(202), shown(active(**LOCK)), shown(there))
        with pytest.raises(WrongData) as caught:
            made.run_import(FETCH)
        assert caught.value.image_id == ID


def test_what_was_staged_must_be_what_has_become_active(bench: Any, stream: Stream) -> None:
    stream.read_through()
    step = Import({"method": {"name": "glance-direct"}, "stores": ["library"]}, TIMEOUT, stream=stream)
    assert bench(Reply(202), shown(active(**LOCK)), shown(active())).run_import(step) == active()
    with pytest.raises(WrongData):
        bench(Reply(202), shown(active(**LOCK)), shown(active(DATA[:-1]))).run_import(step)


def test_of_what_nothing_is_known_nothing_is_compared(bench: Any) -> None:
    made = bench(Reply(202), shown(active(**LOCK)), shown(active(b"anything")))
    assert made.run_import(FETCH._replace(known=None)) == active(b"anything")


# --- reading back ------------------------------------------------------------------------------------------------

SHA256 = Digest("sha256", hashlib.sha256(DATA).hexdigest())
READ_BACK = FETCH._replace(known=Content(None, {"sha256": SHA256.value}), stated=SHA256)
DONE = (Reply(202), shown(active(**LOCK)), shown(active()))


def test_a_hash_that_the_service_does_not_have_is_compared_by_reading_back(bench: Any) -> None:
    made = bench(*DONE, Reply(200, DATA), shown(active()))
    assert made.run_import(READ_BACK) == active()
    assert made.asked[-2:] == ["GET file", f"GET {ID}"]


def test_other_data_that_is_read_back_is_wrong(bench: Any) -> None:
    made = bench(*DONE, Reply(200, DATA[:-1]))
    with pytest.raises(WrongData) as caught:
        made.run_import(READ_BACK)
    actual = hashlib.sha256(DATA[:-1]).hexdigest()
    assert caught.value.facts == {"expected": SHA256.value, "actual": actual, "algorithm": "sha256"}
    assert caught.value.image_id == ID


@pytest.mark.parametrize("algorithm", ["md5", "sha512"])
def test_a_hash_that_the_service_has_needs_no_reading_back(algorithm: str, bench: Any) -> None:
    stated = Digest(algorithm, hashlib.new(algorithm, DATA).hexdigest())
    made = bench(*DONE, shown(active()))
    made.run_import(FETCH._replace(known=Content(None, {algorithm: stated.value}), stated=stated))
    assert "GET file" not in made.asked


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DATA) + DATA[:1000]


@pytest.mark.parametrize("notices", [True, False])
@pytest.mark.parametrize("sent", [HALF, HALF[:-1000], HALF + DATA[1000:-1]], ids=len)
def test_reading_back_that_breaks_off_does_not_mean_wrong_data(
    sent: bytes, notices: bool, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_urllib3(monkeypatch, notices)
    with pytest.raises(ConnectionFailed, match=f"^Could not download the data of image {ID}: "):
        bench(*DONE, BrokenReply(sent)).run_import(READ_BACK)


def test_reading_back_that_falls_silent_is_reported_as_such(bench: Any) -> None:
    made = bench(*DONE, BrokenReply(HALF, stays_open=True), timeout=0.5)
    with pytest.raises(ConnectionFailed, match=f"{made.service.host} did not answer within 0.5 seconds"):
        made.run_import(READ_BACK)


def test_reading_back_that_is_refused_is_reported(bench: Any) -> None:
    with pytest.raises(Forbidden, match="no right"):
        bench(*DONE, Reply(403, {"message": "no right"})).run_import(READ_BACK)


# --- settled -----------------------------------------------------------------------------------------------------


def test_an_image_that_nobody_works_on_is_settled_at_once(bench: Any) -> None:
    made = bench(shown(queued()))
    assert made.transfers.settled(ID, 0)["status"] == "queued"
    assert made.asked == [LOOK]


def test_an_image_that_somebody_works_on_is_waited_for(bench: Any) -> None:
    made = bench(shown(queued(status="saving")), shown(active(**LOCK)), shown(active()))
    assert made.transfers.settled(ID, 60) == active()
    assert len(made.clock.slept) == 2


def test_with_a_timeout_of_zero_the_status_is_reported_at_once(bench: Any) -> None:
    made = bench(importing(**LOCK))
    with pytest.raises(TimedOut, match="still has status importing .it is imported into library. after 0 seconds"):
        made.transfers.settled(ID, 0)
    assert made.clock.slept == []


@pytest.mark.parametrize(("timeout", "holds"), [(0, True), (60, True), (60, False)])
def test_after_the_timeout_something_else_may_do_as_well(timeout: int, holds: bool, bench: Any) -> None:
    made = bench(STAGED)
    asked = []

    def is_enough(document: Image) -> bool:
        asked.append(document["size"])
        return holds

    if holds:
        assert made.transfers.settled(ID, timeout, is_enough)["status"] == "uploading"
    else:
        with pytest.raises(TimedOut, match="still has status uploading after 60 seconds"):
            made.transfers.settled(ID, timeout, is_enough)
    # That does not shorten the wait.
    assert sum(made.clock.slept) == pytest.approx(timeout)
    assert asked == [len(DATA)]


def test_what_is_settled_in_time_is_not_asked_for_something_else(bench: Any) -> None:
    made = bench(STAGED, shown(active()))
    assert made.transfers.settled(ID, 60, lambda document: False) == active()


def test_an_image_that_goes_while_it_is_waited_for_is_not_found(bench: Any) -> None:
    made = bench(shown(queued(status="saving")), Reply(404, {"message": "No image found"}))
    with pytest.raises(NotFound):
        made.transfers.settled(ID, 60)


def test_no_error_of_a_transfer_shows_the_token(bench: Any, stream: Stream) -> None:
    repeats_it = Reply(503, {"message": f"no right for {TOKEN}"})
    for replies in ([repeats_it, shown(queued())], [repeats_it, repeats_it]):
        with pytest.raises(PcdError, match="no right for") as caught:
            bench(*replies).upload(stream)
        assert TOKEN not in str(caught.value) + json.dumps(caught.value.facts)


def blocks_of(stream: Stream) -> Iterator[bytes]:
    with stream.open() as body:
        yield from body


def test_the_data_of_these_tests_is_more_than_one_block(stream: Stream) -> None:
    assert sum(1 for dummy in blocks_of(stream)) > 8


# --- what the service converts, and what it does not fetch -------------------------------------------------------

QCOW2_START = b"QFI\xfb\x00\x00\x00\x03" + b"\x00" * 16 + (1 << 20).to_bytes(8, "big") + bytes(480)
RAW_DATA = b"\x00" * 512


def disk(folder: Path, **given: Any) -> Stream:
    path = folder / "disk.qcow2"
    path.write_bytes(QCOW2_START + b"the rest")
    stream = Stream(File(str(path)), **given)
    stream.read_through()
    return stream


def raw(**given: Any) -> dict[str, Any]:
    return active(RAW_DATA, **{"disk_format": "raw", "virtual_size": 1 << 20, **given})


def direct(stream: Stream) -> Import:
    return Import({"method": {"name": "glance-direct"}}, TIMEOUT, stream=stream)


def test_a_converted_import_remembers_what_was_staged(bench: Any, tmp_path: Path) -> None:
    stream = disk(tmp_path)
    assert stream.content is not None
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw()))
    after, memory = made.transfers.run_import(queued(size=stream.content.size), direct(stream))
    assert after == raw()
    source, data = stream.content.digests["sha512"], hashes(RAW_DATA)["os_hash_value"]
    value = f"sha512:{source}=sha512:{data} from qcow2"
    assert memory == [{"op": "add", "path": "/pcd_source", "value": value}]
    assert "from qcow2 to raw" in made.warned[0]
    assert made.warned[0].endswith("so that the next run recognises it.")


def test_what_a_converted_image_of_another_project_stores_is_said_not_to_count(bench: Any, tmp_path: Path) -> None:
    stream = disk(tmp_path)
    assert stream.content is not None
    made = bench(Reply(202), shown(raw(owner=OTHER_PROJECT, **LOCK)), shown(raw(owner=OTHER_PROJECT)))
    made.run_import(direct(stream), owner=OTHER_PROJECT, size=stream.content.size)
    (warning,) = made.warned
    assert f"counts only with credentials of project {OTHER_PROJECT}" in warning
    assert "on_content_change: keep" in warning


@pytest.mark.parametrize(
    ("before", "after", "algorithm"),
    [
        pytest.param({"size": 3}, {}, "size", id="a part of it was staged"),
        pytest.param({}, {"virtual_size": 2 << 20}, "virtual_size", id="another disk"),
    ],
)
def test_a_converted_import_is_verified_as_far_as_that_goes(
    bench: Any, tmp_path: Path, before: dict[str, Any], after: dict[str, Any], algorithm: str
) -> None:
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw(**after)))
    with pytest.raises(WrongData) as caught:
        made.transfers.run_import(queued(**before), direct(disk(tmp_path)))
    assert caught.value.facts["algorithm"] == algorithm


def test_a_conversion_without_a_hash_is_reported(bench: Any, tmp_path: Path) -> None:
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw(os_hash_algo=None, os_hash_value=None)))
    assert made.transfers.run_import(queued(), direct(disk(tmp_path))).memory == []
    assert "reports no hash" in made.warned[0]


def test_formats_that_somebody_else_has_changed_are_no_conversion(bench: Any, stream: Stream) -> None:
    stream.read_through()
    made = bench(Reply(202), shown(active(disk_format="raw", **LOCK)), shown(active(disk_format="raw")))
    assert made.transfers.run_import(queued(), direct(stream)).memory == []
    assert made.warned == []


def fetched(source: Stream, stated: Digest | None = None) -> Import:
    return FETCH._replace(known=Content(None, {}), fetched=source, stated=stated)


def test_what_was_fetched_and_converted_is_compared_with_the_source(bench: Any, tmp_path: Path) -> None:
    digest = Digest("sha256", hashlib.sha256(QCOW2_START + b"the rest").hexdigest())
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw()))
    memory = made.transfers.run_import(queued(), fetched(disk(tmp_path, stated=digest), digest)).memory
    assert memory[0]["value"].startswith(f"sha256:{digest.value}=")


def test_a_source_that_cannot_be_read_leaves_a_stated_checksum_unproved(bench: Any, tmp_path: Path) -> None:
    stream = disk(tmp_path)
    (tmp_path / "disk.qcow2").unlink()
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw()))
    with pytest.raises(WrongData, match="only what lies at the url can be compared with the checksum"):
        made.transfers.run_import(queued(), fetched(stream, Digest("sha256", "0" * 64)))
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw()))
    assert made.transfers.run_import(queued(), fetched(stream)).memory == []
    assert "takes it for other data" in made.warned[-1]


def test_a_source_of_another_size_than_before_the_import_was_changed(bench: Any, tmp_path: Path) -> None:
    made = bench(Reply(202), shown(raw(**LOCK)), shown(raw()))
    step = fetched(disk(tmp_path))._replace(known=Content(7, {}))
    with pytest.raises(WrongData, match="it was changed meanwhile"):
        made.transfers.run_import(queued(), step)


def test_an_address_that_the_service_does_not_fetch_is_uploaded(bench: Any, stream: Stream) -> None:
    made = bench(Reply(400, {"message": "URI does not pass filtering"}), Reply(204), shown(active()))
    step = FETCH._replace(fetched=stream, fallback=(Upload(stream, None, TIMEOUT),))
    assert made.run_import(step) == active()
    assert made.asked == ["POST import", "PUT file", LOOK]


def test_an_address_that_the_service_does_not_fetch_is_reported_with_the_way_out(bench: Any, stream: Stream) -> None:
    made = bench(Reply(400, {"message": "URI does not pass filtering"}))
    with pytest.raises(ApiError, match="Use method: upload.*The service says: URI does not pass filtering") as caught:
        made.run_import(FETCH._replace(fetched=stream))
    assert caught.value.status == 400


def test_another_import_that_is_refused_is_reported_as_it_is(bench: Any, stream: Stream) -> None:
    stream.read_through()
    with pytest.raises(ApiError, match="all stores") as caught:
        bench(Reply(400, {"message": "all stores"})).run_import(direct(stream))
    assert "method: upload" not in str(caught.value)


FAILED_TASK = Reply(200, {"tasks": [{"id": LOCK["os_glance_import_task"], "status": "failure", "message": "No space"}]})


def test_an_import_whose_task_has_failed_is_not_waited_for(bench: Any) -> None:
    """It is locked for ever, and its status is that of work."""
    made = bench(Reply(202), *[importing(**LOCK)] * (LOOKS_FOR_A_FAILURE + 1), FAILED_TASK)
    with pytest.raises(RefusedData, match="has failed; its status is importing. The service says: No space") as caught:
        made.run_import(FETCH)
    assert caught.value.image_id == ID
    assert sum(made.clock.slept) < 30


def test_a_copy_whose_task_has_failed_leaves_the_image_as_it_is(bench: Any) -> None:
    copy = Import({"method": {"name": "copy-image"}, "stores": ["slow"]}, TIMEOUT)
    made = bench(Reply(202), *[shown(active(stores="fast", **LOCK))] * (LOOKS_FOR_A_FAILURE + 1), FAILED_TASK)
    with pytest.raises(PlanError, match="still in the stores that had it"):
        made.run_import(copy)


def test_a_stale_lock_is_noticed_before_it_is_waited_for(bench: Any) -> None:
    made = bench(shown(queued(**LOCK)), FAILED_TASK)
    assert made.transfers.settled(ID, TIMEOUT)["status"] == "queued"
    assert made.clock.slept == []


# --- what is shown meanwhile -------------------------------------------------------------------------------------


def test_the_wait_for_an_answer_is_reported_once_all_data_is_sent(
    bench: Any, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_waiting, "MIN_WAITING_SECONDS", 0.05)
    made = bench(SILENCE, shown(queued()), timeout=0.5)
    with pytest.raises(PcdError, match="did not answer"):
        made.upload(stream, timeout=0.5)
    assert "ubuntu-24.04: uploading: all data is sent, and there is no answer yet" in {
        line.rpartition(" for ")[0] for line in made.lines
    }


def test_the_wait_for_data_of_others_is_reported(bench: Any) -> None:
    made = bench(shown(queued(status="saving")), shown(queued(status="saving")), shown(active()))
    assert made.transfers.settled(ID, TIMEOUT)["status"] == "active"
    assert any(line.startswith("ubuntu-24.04: waiting: status saving, for ") for line in made.lines)
