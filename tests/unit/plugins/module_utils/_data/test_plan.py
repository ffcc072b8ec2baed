# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image together with its data: planned and applied to a service in memory, whatever was there before."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._apply import applier_of
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Image
from ansible_collections.platform9.pcd.plugins.module_utils._data.image import plan_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.options import ImageRequest, parse_image
from ansible_collections.platform9.pcd.plugins.module_utils._data.plan import MAX_PUBLISH_SECONDS, MAX_STAGED_SECONDS
from ansible_collections.platform9.pcd.plugins.module_utils._data.replacement import default_suffix
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import (
    ApiError,
    DataError,
    LostRace,
    PcdError,
    PlanError,
    TimedOut,
    WrongData,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    BOUND_TO,
    REPLACES,
    SHOWN,
    is_ours,
    new_id,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import Import, Plan, Resume, Update, Upload
from ansible_collections.platform9.pcd.plugins.module_utils._session import Session
from ansible_collections.platform9.pcd.tests.support.glance_in_memory import (
    Glance,
    error,
    hashed,
    session_with,
)
from ansible_collections.platform9.pcd.tests.support.samples import (
    ID,
    OTHER_ID,
    OTHER_PROJECT,
    OUR_ID,
    OUR_OTHER_ID,
    PROJECT,
    Clock,
    image,
)
from ansible_collections.platform9.pcd.tests.support.scripted_server import Reply, Serve

NAME = "debian-13"
# That of a qcow2, as far as it is looked at.
HEADER = b"QFI\xfb\0\0\0\2" + bytes(504)
OLD, NEW = HEADER + b"the old data", HEADER + b"the new data, and more of it"
SAME_SIZE = HEADER + b"atad dlo eht"
NO_DATA: dict[str, Any] = {"size": None, "checksum": None, "os_hash_algo": None, "os_hash_value": None, "stores": None}


def full(data: bytes = OLD, **given: Any) -> dict[str, Any]:
    return image(**{"name": NAME, "stores": "fast", **hashed(data), **given})


def queued(**given: Any) -> dict[str, Any]:
    return image(**{"name": NAME, "status": "queued", **NO_DATA, **given})


def parse(**given: Any) -> ImageRequest:
    formats = {"name": NAME, "disk_format": "qcow2", "container_format": "bare"}
    return parse_image({**formats, **given})


class Bench:
    """A service and a file, and what a task makes of them."""

    def __init__(self, folder: Path, *images: Image) -> None:
        self.glance = Glance(*images)
        self.path = folder / "debian.qcow2"
        self.path.write_bytes(NEW)
        self.warned: list[str] = []
        self.library_endpoint: str | None = None
        self.retries = 0
        self.clock = Clock()

    @property
    def session(self) -> Session:
        return session_with(self.glance, self.warned, self.library_endpoint, self.retries, self.clock)

    def plan(self, **given: Any) -> Plan:
        source = {} if "url" in given else {"path": str(self.path)}
        return plan_image(parse(**{**source, **given}), self.session)

    def preview(self, **given: Any) -> Image:
        """As check mode does it."""
        plan = self.plan(**given)
        if plan.stream is not None:
            plan.stream.read_through()
        assert plan.expected is not None
        return dict(plan.expected)

    def run(self, **given: Any) -> Image:
        after = applier_of(self.session).apply(self.plan(**given))
        assert after is not None
        return dict(after)

    def run_twice(self, **given: Any) -> Image:
        """The image after a first run; a second one has nothing to do."""
        after = self.run(**given)
        done = list(self.glance.done)
        second = self.plan(**given)
        assert (second.steps, second.changed) == ((), False)
        assert self.glance.done == done
        return after

    def refused(self, kind: type[PcdError], words: str, **given: Any) -> PcdError:
        """The error of a plan, for which nothing has been written."""
        before = {key: dict(value) for key, value in self.glance.images.items()}
        with pytest.raises(kind, match=words) as caught:
            self.plan(**given)
        assert self.glance.images == before
        assert self.glance.done == []
        return caught.value


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    def make(*images: Image) -> Bench:
        return Bench(tmp_path, *images)

    return make


# --- an image that has no data yet -------------------------------------------------------------------------------


def test_a_new_image_is_made_and_filled(bench: Any) -> None:
    made = bench()
    after = made.run_twice(min_disk=5)
    assert made.glance.done == ["create", "upload"]
    assert is_ours(after["id"])
    assert {key: after[key] for key in hashed(NEW)} == hashed(NEW)
    assert (after["status"], after["min_disk"], after["name"]) == ("active", 5, NAME)


def test_a_new_image_gets_the_id_that_was_asked_for(bench: Any) -> None:
    assert bench().run(id=OTHER_ID)["id"] == OTHER_ID


def test_a_record_without_data_is_filled_and_changed_at_once(bench: Any) -> None:
    made = bench(queued())
    after = made.run_twice(min_disk=5)
    assert made.glance.done == ["update", "upload"]
    assert (after["id"], after["min_disk"], after["status"]) == (ID, 5, "active")


def test_a_format_that_is_not_given_is_found_in_the_data(bench: Any) -> None:
    made = bench()
    after = made.run_twice(disk_format=None, container_format=None)
    assert (after["disk_format"], after["container_format"]) == ("qcow2", "bare")
    assert made.glance.done == ["create", "upload"]


@pytest.mark.parametrize(
    "given", [{"container_format": None}, {"disk_format": None, "container_format": "ovf"}], ids=["container", "disk"]
)
def test_formats_that_are_lacking_are_reported_before_a_record_is_made(bench: Any, given: dict[str, Any]) -> None:
    bench().refused(PlanError, "_format: an image without it takes no data", **given)


def test_a_format_that_the_data_contradicts_is_reported_before_a_record_is_made(bench: Any) -> None:
    bench().refused(DataError, "^disk_format: .* is qcow2 by its first bytes, and raw was declared", disk_format="raw")


def test_the_format_of_a_record_is_a_declared_one(bench: Any) -> None:
    record = queued(disk_format="raw", container_format="bare")
    bench(record).refused(DataError, "^disk_format: .* is qcow2 by its first bytes", disk_format=None)


def test_a_replacement_inherits_a_format_only_if_its_data_has_it(bench: Any) -> None:
    made = bench(full(disk_format="vmdk", container_format="bare"))
    after = made.run_twice(disk_format=None, container_format=None, on_content_change="replace")
    assert (after["disk_format"], after["container_format"]) == ("qcow2", "bare")


def test_a_replacement_whose_data_shows_no_format_inherits_one(bench: Any) -> None:
    made = bench(full(disk_format="ploop", container_format="bare"))
    made.path.write_bytes(b"no format at all")
    after = made.run_twice(disk_format=None, container_format=None, on_content_change="replace")
    assert (after["disk_format"], after["container_format"]) == ("ploop", "bare")


def test_an_image_that_is_there_keeps_its_format_without_a_look_at_the_data(bench: Any) -> None:
    made = bench(full(NEW, disk_format="raw"))
    given = {"checksum": f"sha512:{hashlib.sha512(NEW).hexdigest()}"}
    assert not made.plan(disk_format=None, container_format=None, **given).changed


def test_a_disk_larger_than_min_disk_is_warned_of(bench: Any) -> None:
    made = bench()
    made.path.write_bytes(b"QFI\xfb\0\0\0\2" + bytes(16) + (3 << 30).to_bytes(8, "big") + bytes(480))
    made.plan(min_disk=3)
    assert made.warned == []
    made.plan(min_disk=2)
    (warning,) = made.warned
    assert warning.startswith("min_disk: ")
    assert warning.endswith("Set min_disk: 3.")


def test_the_format_of_an_address_that_cannot_be_read_has_to_be_given(bench: Any) -> None:
    given = {"url": "http://inside.invalid/debian.qcow2", "disk_format": None, "container_format": None}
    bench().refused(PlanError, "^disk_format: it was not given, and cannot be found", **given)


def test_a_file_that_is_packed_is_unpacked_on_the_way(bench: Any) -> None:
    made = bench()
    made.path.write_bytes(gzip.compress(NEW))
    checksum = f"sha256:{hashlib.sha256(made.path.read_bytes()).hexdigest()}"
    after = made.run_twice(decompress=True, checksum=checksum)
    assert {key: after[key] for key in hashed(NEW)} == hashed(NEW)


def test_data_that_is_changed_on_its_way_fails_and_leaves_no_image(bench: Any) -> None:
    made = bench()
    made.glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="has been removed again"):
        made.run()
    assert made.glance.images == {}


# --- an image that has its data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("checksum", [None, "md5", "sha512", "sha256"])
def test_an_image_with_the_same_data_is_left_alone(checksum: str | None, bench: Any) -> None:
    made = bench(full(NEW, pcd_source=source_of(NEW)))
    given = {} if checksum is None else {"checksum": f"{checksum}:{hashlib.new(checksum, NEW).hexdigest()}"}
    assert not made.plan(**given).changed
    assert made.warned == []


def source_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}=sha512:{hashlib.sha512(data).hexdigest()}"


def stated(data: bytes) -> dict[str, str]:
    return {"checksum": f"sha256:{hashlib.sha256(data).hexdigest()}"}


def test_a_remembered_checksum_spares_the_reading(bench: Any) -> None:
    made = bench(full(NEW, pcd_source=source_of(NEW)))
    # What is compared otherwise.
    made.path.write_bytes(OLD)
    assert not made.plan(**stated(NEW)).changed


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"pcd_source": source_of(OLD)},
        {"pcd_source": "sha256:garbage"},
        {"pcd_source": source_of(NEW), "pcd_source_unpacked": "true"},
    ],
    ids=["none", "of other data", "garbage", "of a packed file"],
)
def test_what_is_not_remembered_is_written_after_one_comparison(given: dict[str, str], bench: Any) -> None:
    made = bench(full(NEW, **given))
    plan = made.plan(**stated(NEW))
    assert plan.changed
    # What is so already is in no diff.
    assert plan.diff["after"].get("pcd_source", given.get("pcd_source")) == source_of(NEW)
    after = made.run(**stated(NEW))
    assert made.glance.done == ["update"]
    assert after["pcd_source"] == source_of(NEW)
    assert "pcd_source_unpacked" not in after
    assert not made.plan(**stated(NEW)).changed


def test_nothing_is_believed_or_written_on_an_image_of_another_project(bench: Any) -> None:
    made = bench(full(NEW, owner=OTHER_PROJECT, pcd_source=source_of(OLD)))
    given = {"id": ID, "name": None}
    assert not made.plan(**given, **stated(NEW)).changed
    other = bench(full(OLD, owner=OTHER_PROJECT, pcd_source=source_of(NEW)))
    other.refused(PlanError, "has other data than the source", **given, **stated(NEW))


def test_a_record_of_another_project_gets_no_data_even_if_the_own_one_is_not_known(bench: Any) -> None:
    made = bench(queued(owner=OTHER_PROJECT, kernel_id=OTHER_ID))
    given = {"id": ID, "name": None, "path": str(made.path), "visibility": "public"}
    made.refused(PlanError, f"not to project {PROJECT} of the credentials", **given)
    nobodys = bench(queued(owner=None))
    nobodys.refused(PlanError, "belongs to no project. .* Choose another id.", **{**given, "path": str(nobodys.path)})
    unknown = dataclasses.replace(made.session, project_id=None)
    with pytest.raises(PlanError, match="the project of the token is not known. .* Give project_id"):
        plan_image(parse(**given), unknown)
    assert plan_image(parse(**given, owner=OTHER_PROJECT), unknown).changed
    assert made.glance.done == []


def test_a_new_image_remembers_with_one_more_request(bench: Any) -> None:
    made = bench()
    after = made.run(**stated(NEW))
    assert made.glance.done == ["create", "upload", "update"]
    assert after["pcd_source"] == source_of(NEW)
    made.path.write_bytes(OLD)
    assert not made.plan(**stated(NEW)).changed


@pytest.mark.parametrize("algorithm", ["md5", "sha512"])
def test_a_stated_checksum_that_the_service_has_spares_the_reading(
    algorithm: str, bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(stream: Stream) -> None:
        raise AssertionError("it was read")

    monkeypatch.setattr(Stream, "read_through", never)
    assert not bench(full(NEW)).plan(checksum=f"{algorithm}:{hashlib.new(algorithm, NEW).hexdigest()}").changed


def test_an_image_with_the_same_data_still_gets_the_other_desired_attributes(bench: Any) -> None:
    made = bench(full(NEW))
    assert made.run_twice(min_disk=5)["min_disk"] == 5
    assert made.glance.done == ["update"]


def test_a_deactivated_image_with_the_same_data_stays_deactivated(bench: Any) -> None:
    assert not bench(full(NEW, status="deactivated")).plan().changed


@pytest.mark.parametrize("data", [OLD, bytes(len(NEW))], ids=["another size", "the same size"])
def test_other_data_is_refused_with_both_hashes(data: bytes, bench: Any) -> None:
    caught = bench(full(data)).refused(PlanError, "has other data than the source")
    assert caught.facts == {
        "expected": hashed(NEW)["os_hash_value"],
        "actual": hashed(data)["os_hash_value"],
        "algorithm": "sha512",
    }


def test_a_checksum_that_is_not_that_of_the_file_is_reported_as_such(bench: Any) -> None:
    """The file was exchanged, and the checksum was not."""
    checksum = f"sha256:{hashlib.sha256(OLD).hexdigest()}"
    assert bench(full(bytes(len(NEW)))).refused(DataError, "^checksum: ", checksum=checksum)


def test_other_data_may_be_kept_with_a_warning(bench: Any) -> None:
    made = bench(full())
    after = made.run(on_content_change="keep", min_disk=5)
    assert (after["min_disk"], after["size"]) == (5, len(OLD))
    assert made.glance.done == ["update"]
    (warning,) = made.warned
    assert ID in warning
    assert str(made.path) in warning


def test_a_service_that_reports_no_hash_is_compared_by_size_with_a_warning(bench: Any) -> None:
    made = bench(full(NEW, checksum=None, os_hash_algo=None, os_hash_value=None))
    assert not made.plan().changed
    (warning,) = made.warned
    assert "only as certain as their size" in warning


def test_an_image_that_takes_no_data_is_reported_with_its_status(bench: Any) -> None:
    bench(full(status="killed")).refused(PlanError, "has status killed and takes no data")


@pytest.mark.parametrize("status", ["deleted", "pending_delete"])
def test_an_image_that_another_run_is_deleting_is_gone_already(status: str, bench: Any) -> None:
    assert bench(full(status=status)).plan().before is None


# --- somebody else works on it -----------------------------------------------------------------------------------


class Busy(Glance):
    """Its image becomes `after` on the third look."""

    def __init__(self, before: Image, after: Image | None) -> None:
        super().__init__(before)
        self.looks, self.after = 0, after

    def get(self, image_id: str) -> Image:
        self.looks += 1
        if self.looks == 3:
            self.images = {} if self.after is None else {ID: self.after}
        return super().get(image_id)


@pytest.mark.parametrize(
    "before",
    [queued(status="saving"), queued(status="importing", os_glance_import_task="t"), full(os_glance_import_task="t")],
)
def test_data_of_somebody_else_is_waited_for(before: Image, bench: Any) -> None:
    made = bench()
    made.glance = Busy(before, full(NEW))
    assert not made.plan().changed
    assert made.glance.looks == 3


def test_an_image_that_goes_meanwhile_is_created_again(bench: Any) -> None:
    made = bench()
    made.glance = Busy(queued(status="saving"), None)
    made.run()
    assert made.glance.done == ["create", "upload"]


def test_data_that_does_not_come_to_its_end_is_left_to_whom_it_belongs(bench: Any) -> None:
    made = bench(queued(status="saving"))
    made.refused(TimedOut, "after 30 seconds.*Its data was not sent by this run", wait_timeout=30)
    made.refused(TimedOut, "after 0 seconds", wait=False)


def staged(**given: Any) -> Image:
    """Data lies there completely, and nobody has asked for its import."""
    return queued(**{"status": "uploading", "size": 5, **given})


class History(Glance):
    """Its one image becomes what it is after so many seconds, the first one after none."""

    def __init__(self, clock: Clock, states: dict[float, Image]) -> None:
        super().__init__(dict(states[0]))
        self.clock, self.start, self.states = clock, clock.now, states

    def get(self, image_id: str) -> Image:
        reached = max(seconds for seconds in self.states if seconds <= self.clock.now - self.start)
        self.images = {image_id: dict(self.states[reached])}
        return super().get(image_id)


@pytest.mark.parametrize(
    ("given", "waited"),
    [({}, MAX_STAGED_SECONDS), ({"wait_timeout": 600}, 30), ({"wait_timeout": 30}, 30)],
)
def test_staged_data_of_ours_that_nobody_imports_is_sent_again(given: dict[str, Any], waited: int, bench: Any) -> None:
    left = staged(id=new_id())
    made = bench(left)
    after = made.run(**given)
    # And what it rests before it looks at its changes.
    assert waited <= sum(made.clock.slept) < waited + 5
    assert after["id"] != left["id"]
    assert list(made.glance.images) == [after["id"]]
    assert {key: after[key] for key in hashed(NEW)} == hashed(NEW)
    assert (after["status"], after["os_distro"], after["os_hidden"]) == ("active", "ubuntu", False)
    assert REPLACES not in after
    assert not made.plan(**given).changed


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(staged(), id="of somebody else"),
        pytest.param(staged(id=new_id(), size=None), id="still on its way"),
        pytest.param(staged(id=new_id()), id="of a run that may go on with it"),
        pytest.param(staged(id=new_id(), os_glance_import_task="t"), id="about to be imported"),
    ],
)
def test_data_that_may_still_be_somebodys_is_left_to_whom_it_belongs(left: Image, bench: Any) -> None:
    for given in ({"wait_timeout": 29}, {"wait_timeout": 10}, {"wait": False}):
        words = f"still has status uploading after {given.get('wait_timeout', 0)} seconds.*not sent by this run"
        made = bench(left)
        made.refused(TimedOut, words, **given)


def test_staged_data_cannot_be_sent_again_under_its_id(bench: Any) -> None:
    left = staged(id=new_id())
    bench(left).refused(PlanError, "an import was never begun.*The service never reuses an image id", id=left["id"])


@pytest.mark.parametrize("ours", [True, False])
def test_staged_data_whose_import_is_asked_for_in_time_is_waited_for(ours: bool, bench: Any) -> None:
    image_id = new_id() if ours else ID
    made = bench()
    states: dict[float, Image] = {
        0: staged(id=image_id),
        10: queued(id=image_id, status="importing", os_glance_import_task="t"),
        20: full(NEW, id=image_id),
    }
    made.glance = History(made.clock, states)
    assert not made.plan().changed


@pytest.mark.parametrize("ours", [True, False])
def test_an_import_that_was_asked_for_in_time_may_take_as_long_as_any_other(ours: bool, bench: Any) -> None:
    image_id = new_id() if ours else ID
    made = bench()
    states: dict[float, Image] = {
        0: staged(id=image_id),
        10: queued(id=image_id, status="importing", os_glance_import_task="t"),
        300: full(NEW, id=image_id),
    }
    made.glance = History(made.clock, states)
    assert not made.plan(wait_timeout=600).changed


@pytest.mark.parametrize("at", range(3))
def test_an_import_that_was_killed_at_any_moment_is_done_by_the_next_run(at: int, bench: Any) -> None:
    made = bench()
    stores = {"stores": ["fast", "slow"]}
    assert killed(made, at, **stores)
    after = made.run_twice(**stores)
    assert list(made.glance.images) == [after["id"]]
    assert after["stores"] == "fast,slow"
    assert {key: after[key] for key in hashed(NEW)} == hashed(NEW)
    assert REPLACES not in after


# --- a replacement -----------------------------------------------------------------------------------------------

HOW = pytest.mark.parametrize("how", ["hide", "deactivate", "rename", "delete"])


def shown_images(glance: Glance) -> list[Image]:
    return glance.named(NAME, os_hidden=False)


def check_replaced(glance: Glance, how: str) -> None:
    (new,) = shown_images(glance)
    assert {key: new[key] for key in hashed(NEW)} == hashed(NEW)
    assert (new["status"], new["os_distro"]) == ("active", "ubuntu")
    assert not any(REPLACES in each for each in glance.images.values())
    others = [each for each in glance.images.values() if each["id"] != new["id"]]
    if how == "delete":
        assert others == []
        return
    (old,) = others
    assert old["id"] == ID
    assert {key: old[key] for key in hashed(OLD)} == hashed(OLD)
    assert old["os_hidden"] is (how != "rename")
    assert old["status"] == ("deactivated" if how == "deactivate" else "active")
    assert old["name"] == (NAME + default_suffix(old) if how == "rename" else NAME)


@HOW
def test_other_data_makes_another_image_in_its_place(how: str, bench: Any) -> None:
    made = bench(full())
    after = made.run_twice(on_content_change="replace", retired=how)
    assert after["id"] != ID
    check_replaced(made.glance, how)


@HOW
def test_there_is_always_one_image_of_that_name_to_be_used(how: str, bench: Any) -> None:
    """Looked at before every operation, as a user might at that moment."""
    made = bench(full())
    seen = []

    def look(operation: str) -> None:
        usable = [each for each in shown_images(made.glance) if each["status"] == "active"]
        seen.append(len(usable))

    made.glance.before = look
    made.run(on_content_change="replace", retired=how)
    assert len(seen) >= 5
    assert min(seen) >= 1


class Killed(BaseException):
    """The process ends, and cleans nothing up."""


def killed(made: Bench, at: int, **given: Any) -> bool:
    """Whether a run got as far as its operation `at`, the first being 0, and was killed before it was done."""
    begun = len(made.glance.done)

    def kill(operation: str) -> None:
        if len(made.glance.done) - begun == at:
            raise Killed

    made.glance.before = kill
    try:
        made.run(**given)
    except Killed:
        return True
    else:
        return False
    finally:
        made.glance.before = lambda operation: None


@HOW
@pytest.mark.parametrize("after_it", [False, True])
@pytest.mark.parametrize("at", range(7))
def test_a_replacement_that_is_killed_at_any_moment_is_continued(at: int, after_it: bool, how: str, bench: Any) -> None:
    made = bench(full())
    count = 0

    def kill(operation: str) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            if after_it and operation not in ("upload",):
                # Done, though nobody hears of it: from here on, nothing more.
                made.glance.before = die
                return
            raise Killed

    def die(operation: str) -> None:
        raise Killed

    made.glance.before = kill
    try:
        made.run(on_content_change="replace", retired=how)
    except Killed:
        assert shown_images(made.glance)
    made.glance.before = lambda operation: None
    made.run_twice(on_content_change="replace", retired=how)
    check_replaced(made.glance, how)


@HOW
@pytest.mark.parametrize("at", range(8))
def test_a_replacement_that_fails_at_any_moment_can_be_run_again(at: int, how: str, bench: Any) -> None:
    made = bench(full())
    count = 0

    def fail(operation: str) -> None:
        nonlocal count
        count += 1
        if count == at + 1:
            raise error(ApiError, 500)

    made.glance.before = fail
    try:
        made.run(on_content_change="replace", retired=how)
    except PcdError:
        assert shown_images(made.glance)
    made.glance.before = lambda operation: None
    made.run_twice(on_content_change="replace", retired=how)
    check_replaced(made.glance, how)


FIRST, SECOND, THIRD = (
    HEADER + text for text in (b"what came first", b"and then the second", b"the third and last one of them")
)


@HOW
@pytest.mark.parametrize("first", [3, 4, 5])
@pytest.mark.parametrize("second", range(9))
@pytest.mark.parametrize("last", [SECOND, THIRD], ids=["the same again", "another one"])
def test_replacements_that_are_killed_one_after_the_other_end_with_one_image(
    first: int, second: int, last: bytes, how: str, bench: Any
) -> None:
    made = bench(full())
    given = {"on_content_change": "replace", "retired": how}

    def run(data: bytes, at: int) -> None:
        made.path.write_bytes(data)
        killed(made, at, **given)

    # From its fourth operation on, the new image is seen beside the old one.
    run(FIRST, first)
    assert any(each["status"] == "active" for each in shown_images(made.glance))
    run(SECOND, second)
    assert any(each["status"] == "active" for each in shown_images(made.glance))
    made.path.write_bytes(last)
    after = made.run_twice(**given)

    assert [each["id"] for each in shown_images(made.glance)] == [after["id"]]
    assert {key: after[key] for key in hashed(last)} == hashed(last)
    assert (after["status"], after["os_distro"]) == ("active", "ubuntu")
    assert [each["id"] for each in made.glance.images.values() if REPLACES in each] == []
    retired = [each for each in made.glance.images.values() if each["id"] != after["id"]]
    # What had its data and was never seen is of no use to anybody.
    seen = [OLD, FIRST, *([SECOND] if last == THIRD and second > 2 else [])]
    expected = [] if how == "delete" else sorted(hashed(data)["checksum"] for data in seen)
    assert sorted(each["checksum"] for each in retired) == expected
    for each in retired:
        assert each["os_hidden"] is (how != "rename")
        assert each["status"] == ("deactivated" if how == "deactivate" else "active")
        assert each["name"] == (NAME + default_suffix(each) if how == "rename" else NAME)


@pytest.mark.parametrize("at", range(7))
def test_a_suffix_is_appended_once_however_often_it_is_tried(at: int, bench: Any) -> None:
    made = bench(full())
    given = {"on_content_change": "replace", "retired": "rename", "retired_suffix": "-old"}
    killed(made, at, **given)

    def kill_once_renamed(operation: str) -> None:
        if made.glance.images[ID]["name"] != NAME:
            raise Killed

    for dummy in range(3):
        made.glance.before = kill_once_renamed
        with suppress(Killed):
            made.run(**given)
    made.glance.before = lambda operation: None
    made.run_twice(**given)
    assert made.glance.images[ID]["name"] == f"{NAME}-old"
    check_ended(made.glance)


def check_ended(glance: Glance) -> None:
    assert not any(REPLACES in each for each in glance.images.values())
    assert len(glance.named(NAME)) == 1


@pytest.mark.parametrize("how", ["rename", "delete"])
@pytest.mark.parametrize("at", range(7))
@pytest.mark.parametrize(
    ("old", "given"),
    [
        pytest.param(full(os_hidden=True), {}, id="as it was"),
        pytest.param(full(os_hidden=True), {"hidden": True}, id="as it was and shall be"),
        pytest.param(full(), {"hidden": True}, id="as it shall be"),
    ],
)
def test_a_continued_replacement_that_shall_be_hidden_is_never_seen(
    old: Image, given: dict[str, Any], at: int, how: str, bench: Any
) -> None:
    made = bench(old)
    given = {**given, "on_content_change": "replace", "retired": how}
    killed(made, at, **given)
    assert made.glance.named(NAME)
    seen: list[Image] = []

    def look(operation: str) -> None:
        seen.extend(each for each in shown_images(made.glance) if each["id"] != ID)

    made.glance.before = look
    after = made.run_twice(**given)
    assert seen == []
    assert after["os_hidden"] is True
    assert {key: after[key] for key in hashed(NEW)} == hashed(NEW)
    check_ended(made.glance)
    assert (ID in made.glance.images) is (how == "rename")


@HOW
@pytest.mark.parametrize("at", range(7))
def test_a_continued_replacement_of_a_hidden_image_is_seen_if_that_is_desired(at: int, how: str, bench: Any) -> None:
    made = bench(full(os_hidden=True))
    given = {"hidden": False, "on_content_change": "replace", "retired": how}
    killed(made, at, **given)
    after = made.run_twice(**given)
    assert after["os_hidden"] is False
    assert [each["id"] for each in shown_images(made.glance) if each["name"] == NAME] == [after["id"]]
    assert not any(REPLACES in each for each in made.glance.images.values())


def test_an_image_named_by_its_id_is_not_replaced(bench: Any) -> None:
    bench(full()).refused(PlanError, "^on_content_change: .*named by its id", id=ID, on_content_change="replace")


def test_a_hidden_image_is_replaced_by_a_hidden_one(bench: Any) -> None:
    made = bench(full(os_hidden=True))
    after = made.run_twice(on_content_change="replace", retired="delete")
    assert after["os_hidden"] is True
    assert len(made.glance.images) == 1


def begun_with(document: Image, **given: Any) -> Image:
    """An unfinished replacement that a run of ours has left."""
    return {**document, "id": OUR_ID, "os_hidden": True, REPLACES: ID, BOUND_TO: OUR_ID, **given}


def test_a_replacement_that_is_not_the_right_one_any_more_is_deleted_and_told(bench: Any) -> None:
    begun = begun_with(full(b"something third"))
    made = bench(full(), begun)
    plan = made.plan(on_content_change="replace")
    assert [(told["id"], told["action"]) for told in plan.retired] == [(OUR_ID, "deleted"), (ID, "hidden")]
    made.run_twice(on_content_change="replace")
    assert OUR_ID not in made.glance.images


def test_a_replacement_that_has_its_data_is_not_sent_again(bench: Any) -> None:
    begun = begun_with(full(NEW))
    plan = bench(full(), begun).plan(on_content_change="replace")
    assert isinstance(plan.steps[0], Resume)
    assert not plan.sends_data


PLANTED = {
    "of another owner": {"owner": OTHER_PROJECT},
    "not bound": {BOUND_TO: None},
    "bound to another image": {BOUND_TO: ID},
    "with an id that is not ours": {"id": OTHER_ID, BOUND_TO: OTHER_ID},
    "with another name": {"name": "other"},
    "shown once": {SHOWN: "true"},
    "garbage": {REPLACES: "all"},
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
@pytest.mark.parametrize("document", [queued(), full(NEW), full(b"something third")], ids=["queued", "same", "other"])
def test_an_image_whose_mark_does_not_count_is_neither_continued_nor_deleted(
    planted: dict[str, Any], document: Image, bench: Any
) -> None:
    there = {key: value for key, value in begun_with(document, **planted).items() if value is not None}
    made = bench(full(), there)
    after = made.run_twice(on_content_change="replace")
    assert made.glance.images[there["id"]] == there
    assert after["id"] not in (ID, there["id"])
    assert made.glance.images[ID]["os_hidden"]


@pytest.mark.parametrize(
    "given",
    [
        {"visibility": "private"},
        {"status": "deactivated"},
        {"disk_format": "raw"},
        {"container_format": "ovf"},
    ],
    ids=str,
)
def test_a_replacement_that_no_patch_can_make_right_is_deleted_and_made_new(given: dict[str, Any], bench: Any) -> None:
    made = bench(full(), begun_with(full(NEW), **given))
    after = made.run_twice(on_content_change="replace")
    assert sorted(made.glance.images) == sorted([ID, after["id"]])
    assert after["id"] != OUR_ID


def test_a_replacement_that_others_can_see_is_deleted_and_made_new(bench: Any) -> None:
    made = bench(full(), begun_with(full(NEW)))
    made.glance.shared = {OUR_ID: [OTHER_PROJECT]}
    after = made.run_twice(on_content_change="replace")
    assert sorted(made.glance.images) == sorted([ID, after["id"]])


@pytest.mark.parametrize("document", [queued(), full(NEW)], ids=["queued", "full"])
def test_a_continued_replacement_has_nothing_that_a_new_one_would_not_have(document: Image, bench: Any) -> None:
    added = {
        "kernel_id": OTHER_ID,
        "img_signature": "x",
        "pcd_catalog": "all",
        "os_distro": "other",
        "tags": ["bad"],
        "min_disk": 7,
        "protected": True,
    }
    made, fresh = bench(full(), begun_with(document, **added)), bench(full())
    fresh.run(on_content_change="replace")
    after = made.run_twice(on_content_change="replace")
    (expected,) = shown_images(fresh.glance)
    assert after["id"] == OUR_ID
    differing = {key for key in {*after, *expected} if after.get(key) != expected.get(key)}
    assert differing <= {"id", "created_at", "self", "file", "schema", "virtual_size", "os_glance_failed_import"}


def test_of_several_unfinished_replacements_the_unusable_ones_go(bench: Any) -> None:
    bad = begun_with(full(b"something third"), created_at="2026-11-23T07:00:00Z")
    good = begun_with(full(NEW), id=OUR_OTHER_ID, **{BOUND_TO: OUR_OTHER_ID})
    made = bench(full(), bad, good)
    assert made.run_twice(on_content_change="replace")["id"] == OUR_OTHER_ID
    assert sorted(made.glance.images) == sorted([ID, OUR_OTHER_ID])


def test_a_replacement_that_another_run_goes_on_with_is_not_deleted(bench: Any) -> None:
    """It was shown after this run had looked."""
    made = bench(full(), begun_with(full(b"something third")))
    plan = made.plan(on_content_change="replace")
    made.glance.images[OUR_ID].update({"os_hidden": False, SHOWN: "true"})
    with pytest.raises(LostRace):
        applier_of(made.session).apply(plan)
    assert OUR_ID in made.glance.images


@pytest.mark.parametrize("ends", ["published", "deleted", "neither"])
def test_a_run_that_has_just_sent_other_data_gets_time_to_publish_it(ends: str, bench: Any) -> None:
    made = bench(full(), begun_with(full(b"something third"), status="saving"))
    sleep = made.clock.sleep

    def go_on(seconds: float) -> None:
        sleep(seconds)
        begun = made.glance.images.get(OUR_ID)
        if begun is not None and begun["status"] == "saving":
            begun["status"] = "active"
        elif begun is not None and ends == "published":
            begun.update({"os_hidden": False, SHOWN: "true"})
        elif ends == "deleted":
            made.glance.images.pop(OUR_ID, None)

    made.clock.sleep = go_on
    if ends == "neither":
        assert [entry["id"] for entry in made.plan(on_content_change="replace").retired] == [OUR_ID, ID]
        assert sum(made.clock.slept) <= MAX_PUBLISH_SECONDS + 1
    else:
        with pytest.raises(LostRace, match="has replaced the image at the same moment, with other data"):
            made.plan(on_content_change="replace")
    assert made.glance.done == []


@pytest.mark.parametrize("given", [{"id": OUR_ID}, {}], ids=["by id", "by name"])
def test_a_mark_leads_from_an_image_that_is_named_by_its_id_to_no_other_one(given: dict[str, Any], bench: Any) -> None:
    new = begun_with(full(NEW), os_hidden=False, **{SHOWN: "true"})
    made = bench(full(), new)
    made.run(**given)
    assert made.glance.images[ID] == full() if given else made.glance.images[ID]["os_hidden"]


@pytest.mark.parametrize(
    "old",
    [
        {"owner": OTHER_PROJECT},
        {"name": "other"},
        {"visibility": "public"},
    ],
    ids=str,
)
@pytest.mark.parametrize("retired", ["hide", "delete", "rename", "deactivate"])
def test_a_mark_does_not_reach_what_is_not_of_its_owner_and_name_or_is_public(
    old: dict[str, Any], retired: str, bench: Any
) -> None:
    there = full(**old)
    made = bench(there, begun_with(full(NEW), os_hidden=False, **{SHOWN: "true"}))
    if old.get("visibility"):
        made.refused(PlanError, "2 images", retired=retired)
    else:
        made.run(retired=retired)
    assert made.glance.images[ID] == there


def test_marks_that_go_in_a_circle_lead_nowhere(bench: Any) -> None:
    one = full(NEW, id=OUR_ID, **{REPLACES: OUR_OTHER_ID, BOUND_TO: OUR_ID})
    two = full(NEW, id=OUR_OTHER_ID, **{REPLACES: OUR_ID, BOUND_TO: OUR_OTHER_ID})
    bench(one, two).refused(PlanError, "2 images")
    itself = full(NEW, id=OUR_ID, **{REPLACES: OUR_ID, BOUND_TO: OUR_ID})
    assert not bench(itself).plan().changed


def test_a_mark_of_somebody_else_is_not_taken_for_ones_own(bench: Any) -> None:
    """A filter that the service does not know finds everything that is hidden."""
    made = bench(full(), queued(id=OTHER_ID, os_hidden=True, **{REPLACES: str(uuid.uuid4())}))
    made.run(on_content_change="replace", retired="rename")
    assert made.glance.done[0] == "create"
    assert OTHER_ID in made.glance.images


def test_failed_data_leaves_the_old_image_as_it_was(bench: Any) -> None:
    made = bench(full())
    made.glance.arrives = lambda data: data[:-1]
    with pytest.raises(WrongData, match="has been removed again"):
        made.run(on_content_change="replace")
    assert made.glance.images == {ID: full()}


# --- a record that takes no data any more ------------------------------------------------------------------------


def test_a_record_of_ours_that_refused_data_is_created_again(bench: Any) -> None:
    unusable = queued(id=new_id(), checksum="a" * 32, size=5)
    made = bench(unusable)
    after = made.run_twice()
    assert after["id"] != unusable["id"]
    assert list(made.glance.images) == [after["id"]]
    assert after["os_distro"] == "ubuntu"


def test_a_record_of_others_that_refused_data_is_left_to_them(bench: Any) -> None:
    bench(queued(checksum="a" * 32)).refused(PlanError, "does not show that this collection has made it.*delete it")


def test_an_id_is_never_given_twice(bench: Any) -> None:
    unusable = queued(id=new_id(), checksum="a" * 32)
    bench(unusable).refused(PlanError, "The service never reuses an image id", id=unusable["id"])


# --- stores ------------------------------------------------------------------------------------------------------


def test_data_goes_into_the_store_that_was_asked_for(bench: Any) -> None:
    made = bench()
    assert made.run_twice(stores=["slow"])["stores"] == "slow"
    assert made.glance.done == ["create", "upload"]


@pytest.mark.parametrize("given", [{"stores": ["slow", "fast"]}, {"all_stores": True}])
def test_data_goes_into_several_stores_by_an_import(given: dict[str, Any], bench: Any) -> None:
    made = bench()
    assert made.run_twice(**given)["stores"] == "fast,slow"
    assert made.glance.done == ["create", "stage", "glance-direct"]


@pytest.mark.parametrize("given", [{"stores": ["slow"]}, {"stores": ["fast", "slow"]}, {"all_stores": True}])
@pytest.mark.parametrize("with_path", [True, False])
def test_an_image_is_copied_into_the_stores_that_lack_it(given: dict[str, Any], with_path: bool, bench: Any) -> None:
    made = bench(full(NEW))
    source = {} if with_path else {"path": None}
    assert made.run_twice(**given, **source)["stores"] == "fast,slow"
    assert made.glance.done == ["copy-image"]


def test_stores_that_are_full_already_are_not_asked_about(bench: Any) -> None:
    made = bench(full(NEW))
    made.glance.offered_stores = None
    assert not made.plan(stores=["fast"]).changed


@pytest.mark.parametrize("images", [[], [full(NEW)]])
def test_a_service_without_named_stores_is_reported(images: list[Image], bench: Any) -> None:
    made = bench(*images)
    made.glance.offered_stores = None
    made.refused(PlanError, "^stores: the image service has no stores to choose from", stores=["slow"])


def test_an_unknown_store_is_reported_before_a_record_is_made(bench: Any) -> None:
    bench().refused(PlanError, "^stores: .*has no store 'cold'", stores=["cold"])
    bench().refused(PlanError, "^stores: .*cannot write the store 'http'", stores=["http"])


def test_an_image_without_data_has_nothing_to_copy(bench: Any) -> None:
    bench().refused(PlanError, "^stores: there is no such image", stores=["slow"], path=None)
    bench(queued()).refused(PlanError, "^stores: .*has status queued", stores=["slow"], path=None)


# --- addresses ---------------------------------------------------------------------------------------------------


def test_the_service_itself_fetches_an_open_address(bench: Any, serve: Serve) -> None:
    vendor = serve(Reply(200, NEW))
    address = f"{vendor.url}/debian.qcow2"
    made = bench()
    made.glance.remote = {address: NEW}
    given = {"url": address, "checksum": f"sha512:{hashlib.sha512(NEW).hexdigest()}"}
    after = made.run_twice(**given)
    assert made.glance.done == ["create", "web-download"]
    assert after["size"] == len(NEW)


def test_what_the_service_fetched_must_be_what_was_stated(bench: Any, serve: Serve) -> None:
    address = f"{serve(Reply(200, NEW)).url}/debian.qcow2"
    made = bench()
    made.glance.remote = {address: bytes(len(NEW))}
    with pytest.raises(WrongData, match="has been removed again"):
        made.run(url=address, checksum=f"md5:{hashlib.md5(NEW).hexdigest()}")
    assert made.glance.images == {}


def test_an_address_that_only_the_service_reaches_is_still_fetched(bench: Any) -> None:
    address = "http://inside.invalid/debian.qcow2"
    made = bench()
    made.glance.remote = {address: NEW}
    given = {"url": address, "checksum": f"md5:{hashlib.md5(NEW).hexdigest()}"}
    assert made.run_twice(**given)["size"] == len(NEW)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("given", [{}, {"method": "upload"}, {"url_headers": {"X": "y"}}])
def test_an_address_without_a_file_is_reported_before_a_record_is_made(
    status: int, given: dict[str, Any], bench: Any, serve: Serve
) -> None:
    address = f"{serve(Reply(status)).url}/debian.qcow2"
    made = bench()
    with pytest.raises(DataError, match=f"^url: .*answered {status}"):
        made.run(url=address, **given)
    assert made.glance.done == []
    # Check mode predicts what the data is.
    with pytest.raises(DataError, match=f"^url: .*answered {status}"):
        made.preview(url=address, **given)
    assert made.glance.done == []


def test_an_address_with_credentials_is_streamed_through(bench: Any, serve: Serve) -> None:
    vendor = serve(Reply(200, NEW))
    made = bench()
    after = made.run(url=f"{vendor.url}/debian.qcow2", url_headers={"X-Token": "t"})
    assert made.glance.done == ["create", "upload"]
    assert after["size"] == len(NEW)
    assert {request.headers["X-Token"] for request in vendor.requests} == {"t"}


def test_a_packed_address_is_streamed_through_since_the_service_unpacks_nothing(bench: Any, serve: Serve) -> None:
    vendor = serve(Reply(200, gzip.compress(NEW)))
    made = bench()
    assert made.run(url=f"{vendor.url}/debian.qcow2.gz", decompress=True)["size"] == len(NEW)
    assert made.glance.done == ["create", "upload"]


def test_an_image_with_the_stated_hash_needs_no_look_at_the_address(bench: Any, serve: Serve) -> None:
    vendor = serve(Reply(500))
    made = bench(full(NEW))
    given = {"url": f"{vendor.url}/x", "checksum": f"sha512:{hashlib.sha512(NEW).hexdigest()}"}
    assert not made.plan(**given).changed
    assert vendor.requests == []


# --- the way to the library --------------------------------------------------------------------------------------


def test_data_that_does_not_go_to_the_library_is_warned_of_once_and_only_if_it_is_sent(bench: Any) -> None:
    made = bench()
    made.library_endpoint = "https://library.example.com:9494/v2"
    made.run()
    (warning,) = made.warned
    assert made.library_endpoint in warning
    assert made.glance.base_url in warning
    made.warned.clear()
    made.plan()
    made.plan(min_disk=7)
    assert made.warned == []


# --- foretelling -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "given"),
    [
        ([], {}),
        ([queued()], {"min_disk": 5}),
        ([full(NEW)], {"min_disk": 5}),
        ([full()], {"on_content_change": "replace"}),
        ([full(), begun_with(queued())], {"on_content_change": "replace"}),
        ([full(NEW)], {"stores": ["slow"]}),
        ([], {"stores": ["fast", "slow"]}),
    ],
)
def test_what_is_predicted_is_a_part_of_what_comes(images: list[Image], given: dict[str, Any], bench: Any) -> None:
    made = bench(*images)
    plan = made.plan(**given)
    if plan.stream is not None:
        plan.stream.read_through()
    preview = plan.expected
    after = made.run(**given)
    assert preview is not None
    assert {key: value for key, value in preview.items() if value is not None and after.get(key) != value} == {}
    assert preview.keys() <= after.keys()


def test_steps_that_send_data_are_distinguished_from_those_that_do_not(bench: Any) -> None:
    sends = bench().plan().steps
    assert isinstance(sends[-1], Upload)
    copies = bench(full(NEW)).plan(stores=["slow"])
    assert isinstance(copies.steps[-1], Import)
    changes = bench(full(NEW)).plan(min_disk=5)
    assert isinstance(changes.steps[-1], Update)
    assert not changes.sends_data
