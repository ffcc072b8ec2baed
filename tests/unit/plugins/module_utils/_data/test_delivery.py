# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How data gets into an image: methods, stores and steps."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._data.delivery import (
    Delivery,
    check_stores,
    missing_stores,
    with_copies,
    with_delivery,
)
from ansible_collections.platform9.pcd.plugins.module_utils._data.digest import Content, Digest
from ansible_collections.platform9.pcd.plugins.module_utils._data.methods import streamed_method
from ansible_collections.platform9.pcd.plugins.module_utils._data.stream import Stream
from ansible_collections.platform9.pcd.plugins.module_utils._errors import PlanError
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import STATUSES
from ansible_collections.platform9.pcd.plugins.module_utils._image.plan import (
    Import,
    Stage,
    Stores,
    Update,
    Upload,
    plan_present,
)
from ansible_collections.platform9.pcd.tests.support.byte_sources import DATA
from ansible_collections.platform9.pcd.tests.support.samples import (
    MD5,
    full,
    image,
    queued,
    replace,
)

ONE, TWO, ALL, DEFAULT = Stores(("a",)), Stores(("a", "b")), Stores(every=True), Stores()
OFFERED = [{"id": "a", "default": "true"}, {"id": "b"}, {"id": "http", "read-only": "true"}]


@pytest.mark.parametrize(
    ("stores", "request_"),
    [
        (DEFAULT, {}),
        (TWO, {"stores": ["a", "b"]}),
        (ALL, {"all_stores": True}),
        (Stores(("a",), must_succeed=False), {"stores": ["a"], "all_stores_must_succeed": False}),
        (Stores(every=True, must_succeed=True), {"all_stores": True, "all_stores_must_succeed": True}),
    ],
)
def test_an_import_names_the_stores_that_were_asked_for(stores: Stores, request_: dict[str, Any]) -> None:
    assert stores.request == request_
    assert stores.are_chosen is (stores is not DEFAULT)


@pytest.mark.parametrize("stores", [DEFAULT, ONE, TWO, ALL])
def test_stores_that_are_there_are_fine(stores: Stores) -> None:
    check_stores(stores, OFFERED)


@pytest.mark.parametrize(
    ("name", "words"), [("c", "has no store 'c'"), ("http", "cannot write the store 'http'"), ("A", "has no store 'A'")]
)
def test_a_store_that_cannot_be_used_is_reported_with_those_that_can(name: str, words: str) -> None:
    with pytest.raises(PlanError, match=f"^stores: the image service {words}. It has a, b."):
        check_stores(Stores(("a", name)), OFFERED)


@pytest.mark.parametrize(
    ("there", "stores", "missing"),
    [
        ("a", TWO, ["b"]),
        ("a,b", TWO, []),
        ("b,a", TWO, []),
        (None, TWO, ["a", "b"]),
        ("", ONE, ["a"]),
        ("a", ALL, ["b"]),
        ("a,b", ALL, []),
        ("ab", ONE, ["a"]),
        ("a", DEFAULT, []),
        ("a", Stores(("b", "b")), ["b"]),
    ],
)
def test_the_stores_that_lack_the_data(there: str | None, stores: Stores, missing: list[str]) -> None:
    assert missing_stores(image(stores=there), stores, OFFERED) == missing


def test_a_copy_goes_into_the_stores_that_lack_it_after_all_else() -> None:
    current = full(stores="a")
    plan = with_copies(plan_present({"min_disk": 20}, current), ["c", "b"], False, 60, True)
    assert plan.steps == (
        Update([replace("/min_disk", 20)]),
        Import(
            {"method": {"name": "copy-image"}, "stores": ["c", "b"], "all_stores_must_succeed": False}, 60, wait=True
        ),
    )
    assert plan.after is not None
    assert (plan.after["stores"], plan.after["updated_at"]) == ("a,b,c", None)


def test_nothing_to_copy_adds_no_step() -> None:
    plan = plan_present({}, full())
    assert with_copies(plan, [], None, 60, True) is plan


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "active"])
def test_only_an_active_image_can_be_copied(status: str) -> None:
    with pytest.raises(PlanError, match=f"^stores: .*status {status}"):
        with_copies(plan_present({}, image(status=status)), ["b"], None, 60, True)


def test_an_upload_is_one_step_into_the_first_store(stream: Stream) -> None:
    assert Delivery("upload", DEFAULT, 60, stream=stream).steps == (Upload(stream, None, 60),)
    assert Delivery("upload", ONE, 60, stream=stream).steps == (Upload(stream, "a", 60),)


def test_a_direct_import_is_staged_first(stream: Stream) -> None:
    stage, bring = Delivery("glance-direct", TWO, 60, wait=False, stream=stream).steps
    assert stage == Stage(stream, 60)
    request = {"method": {"name": "glance-direct"}, "stores": ["a", "b"]}
    assert bring == Import(request, 60, wait=False, stream=stream)


def test_a_download_by_the_service_is_one_request_with_the_address() -> None:
    known, stated = Content(5, {"md5": MD5}), Digest("md5", MD5)
    (bring,) = Delivery("web-download", DEFAULT, 60, address="https://h/x?y=z", known=known, stated=stated).steps
    request = {"method": {"name": "web-download", "uri": "https://h/x?y=z"}}
    assert bring == Import(request, 60, wait=True, known=known, stated=stated)


def test_data_makes_a_record_active(stream: Stream) -> None:
    record = plan_present({"name": "a", "disk_format": "raw", "container_format": "bare"}, None)
    plan = with_delivery(record, Delivery("upload", ONE, 60, stream=stream))
    assert plan.steps == (*record.steps, Upload(stream, "a", 60))
    assert plan.after is not None
    assert (plan.after["status"], plan.after["stores"]) == ("active", "a")
    assert plan.sends_data
    assert plan.stream is stream


def test_what_the_stream_turns_out_to_be_is_predicted_with_the_rest(stream: Stream) -> None:
    record = plan_present({"name": "a", "disk_format": "raw", "container_format": "bare"}, None)
    plan = with_delivery(record, Delivery("upload", DEFAULT, 60, stream=stream))
    assert plan.expected == plan.after
    content = stream.read_through()
    assert plan.expected is not None
    assert plan.expected["size"] == len(DATA)
    assert plan.expected["checksum"] == content.digests["md5"]
    assert (plan.expected["os_hash_algo"], plan.expected["os_hash_value"]) == ("sha512", content.digests["sha512"])
    assert plan.diff["after"]["size"] == len(DATA)


def test_the_progress_of_an_import_that_nobody_waits_for_is_not_predicted(stream: Stream) -> None:
    plan = with_delivery(plan_present({}, queued()), Delivery("glance-direct", TWO, 60, wait=False, stream=stream))
    assert plan.after is not None
    assert plan.after["status"] is None


def test_what_is_known_of_a_download_is_predicted() -> None:
    known = Content(5, {"md5": MD5})
    delivery = Delivery("web-download", DEFAULT, 60, address="https://h/x", known=known)
    plan = with_delivery(plan_present({}, queued()), delivery)
    assert plan.after is not None
    assert (plan.after["size"], plan.after["checksum"], plan.after["os_hash_value"]) == (5, MD5, None)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"disk_format": None}, "^disk_format: .*without it"),
        ({"container_format": None}, "^container_format: .*without it"),
        ({"disk_format": None, "container_format": None}, "^container_format and disk_format: .*without them"),
    ],
)
def test_data_needs_its_formats(lacking: dict[str, None], words: str, stream: Stream) -> None:
    with pytest.raises(PlanError, match=words):
        with_delivery(plan_present({}, queued(**lacking)), Delivery("upload", DEFAULT, 60, stream=stream))


@pytest.mark.parametrize(
    ("stores", "offered", "method"),
    [
        (DEFAULT, [], "upload"),
        (ONE, ["glance-direct"], "upload"),
        (TWO, ["glance-direct", "web-download"], "glance-direct"),
        (Stores(every=True), ["glance-direct"], "glance-direct"),
        (TWO, ["web-download"], None),
    ],
)
def test_what_the_service_does_not_fetch_is_streamed(stores: Stores, offered: list[str], method: str | None) -> None:
    assert streamed_method(stores, offered) == method


def test_the_steps_of_a_fetch_know_what_to_do_instead(stream: Stream) -> None:
    delivery = Delivery("web-download", TWO, 60, address="https://h/x", fetched=stream, fallback="glance-direct")
    (bring,) = delivery.steps
    assert isinstance(bring, Import)
    assert bring.fallback == Delivery("glance-direct", TWO, 60, stream=stream).steps
    (stated,) = delivery._replace(fallback=None).steps
    assert isinstance(stated, Import)
    assert stated.fallback == ()
