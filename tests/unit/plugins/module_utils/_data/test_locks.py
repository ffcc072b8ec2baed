# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of imports: which the service still holds, which are left behind, and how often that is asked."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.platform9.pcd.plugins.module_utils._client.http import Http
from ansible_collections.platform9.pcd.plugins.module_utils._client.images import Images
from ansible_collections.platform9.pcd.plugins.module_utils._client.transport import Transport
from ansible_collections.platform9.pcd.plugins.module_utils._data.locks import (
    BUSY_STATUSES,
    LOOKS_FOR_A_FAILURE,
    STALE_LOCK,
    Locks,
    is_settled,
    is_unusable,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.attributes import (
    FULL_STATUSES,
    IMPORT_LOCK,
    image_shape,
)
from ansible_collections.platform9.pcd.plugins.module_utils._image.options import STATUSES
from ansible_collections.platform9.pcd.tests.support.samples import (
    MD5,
    full,
    image,
    queued,
)
from ansible_collections.platform9.pcd.tests.support.scripted_server import BREAK_OFF, Reply, Serve, Service

TASK = "b0a5b1c4"
LOCKED: dict[str, Any] = image(status="importing", **{IMPORT_LOCK: TASK})


def tasks(status: str, task_id: str = TASK) -> Reply:
    return Reply(200, {"tasks": [{"id": "another", "status": "failure"}, {"id": task_id, "status": status}]})


def locks_of(service: Service, at_once: bool = True) -> Locks:
    return Locks(Images(Http(f"{service.url}/v2", Transport(timeout=30, retries=0), {}, ())), at_once)


def test_a_lock_whose_task_has_failed_is_stale(serve: Serve) -> None:
    seen = locks_of(serve(tasks("failure"))).seen(LOCKED)
    assert is_settled(seen)
    assert is_unusable(seen)
    assert image_shape(seen) == image_shape(LOCKED)


def test_a_stale_lock_leaves_an_active_image_usable(serve: Serve) -> None:
    seen = locks_of(serve(tasks("failure"))).seen({**LOCKED, "status": "active"})
    assert is_settled(seen)
    assert not is_unusable(seen)


def test_a_lock_whose_task_has_succeeded_is_over(serve: Serve) -> None:
    """The service takes it off right after that, or was killed in between."""
    active = {**LOCKED, "status": "active"}
    assert locks_of(serve(tasks("success"))).seen(active) == {
        key: value for key, value in active.items() if key != IMPORT_LOCK
    }


@pytest.mark.parametrize(
    "answer",
    [
        tasks("processing"),
        tasks("pending"),
        # Another project's task is not shown.
        tasks("failure", "a third one"),
        Reply(200, {"tasks": []}),
        Reply(200, {"tasks": [{}]}),
        Reply(403),
        Reply(404),
        Reply(503),
        BREAK_OFF,
    ],
)
def test_any_other_lock_is_one_that_is_held(serve: Serve, answer: Any) -> None:
    assert locks_of(serve(answer)).seen(LOCKED) == LOCKED


def test_without_a_lock_no_task_is_asked_for(serve: Serve) -> None:
    service = serve(tasks("failure"))
    assert STALE_LOCK not in locks_of(service).seen(image(status="queued"))
    assert service.requests == []


def test_a_watched_import_is_asked_for_now_and_then_while_nothing_changes(serve: Serve) -> None:
    service = serve(tasks("processing"))
    locks = locks_of(service, at_once=False)
    for dummy in range(2 * LOOKS_FOR_A_FAILURE):
        locks.seen(LOCKED)
    assert len(service.requests) == 1
    locks.seen({**LOCKED, "disk_format": "raw"})
    for dummy in range(LOOKS_FOR_A_FAILURE - 1):
        locks.seen({**LOCKED, "disk_format": "raw"})
    assert len(service.requests) == 1


def test_an_import_that_is_being_undone_is_asked_for_at_each_look(serve: Serve) -> None:
    service = serve(tasks("processing"), tasks("failure"))
    undone = {**LOCKED, "status": "queued", "os_glance_failed_import": "fast"}
    locks = locks_of(service, at_once=False)
    assert not is_settled(locks.seen(undone))
    assert is_settled(locks.seen(undone))


@pytest.mark.parametrize("status", [403, 404])
def test_a_service_that_shows_no_tasks_is_asked_once(serve: Serve, status: int) -> None:
    service = serve(Reply(status))
    locks = locks_of(service)
    undone = {**LOCKED, "status": "queued", "os_glance_failed_import": "fast"}
    for dummy in range(5):
        locks.seen(undone)
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("given", "unusable"),
    [
        (queued(), False),
        (queued(checksum=MD5), True),
        (full(), False),
        (full(status="deactivated"), False),
        (image(status="importing", os_glance_failed_import="library"), True),
        (image(status="importing", os_glance_failed_import="library", os_glance_import_task="t"), False),
        (image(status="importing", os_glance_failed_import=""), False),
        (image(status="saving", checksum=None), False),
        (image(status="active", os_glance_failed_import="slow"), False),
    ],
)
def test_a_record_that_refused_data_takes_no_more(given: dict[str, Any], unusable: bool) -> None:
    assert is_unusable(given) is unusable
    if unusable:
        # Nothing works on it, so that nobody has to wait for it.
        assert is_settled(given)


@pytest.mark.parametrize("status", STATUSES)
def test_nothing_is_settled_while_it_is_locked_for_an_import(status: str) -> None:
    assert not is_settled(image(status=status, os_glance_import_task="task", os_glance_failed_import="x"))
    assert is_settled(image(status=status)) is (status not in BUSY_STATUSES)
    assert is_settled(image(status=status, os_glance_import_task="")) is (status not in BUSY_STATUSES)


def test_an_image_has_its_data_or_somebody_works_on_it_or_neither() -> None:
    assert not set(FULL_STATUSES) & set(BUSY_STATUSES)
    assert {*FULL_STATUSES, *BUSY_STATUSES} <= set(STATUSES)
