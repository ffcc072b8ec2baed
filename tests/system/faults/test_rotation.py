# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that is rotated has an active image at every moment, whatever happens; and what is in use is not deleted."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Hold
from ansible_collections.platform9.pcd.tests.support.watch import Watch
from ansible_collections.platform9.pcd.tests.system.faults.cases import Worker, unclear
from ansible_collections.platform9.pcd.tests.system.faults.operations import FORMATS, RETIRED, Subject

# The request that retires the old image, by the way of retiring.
RETIRING = {"hide": ("update", 2), "rename": ("update", 2), "deactivate": ("action", 1), "delete": ("delete", 1)}


def strikes(how: str) -> list[tuple[Hold | None, Fault | None]]:
    """For each of five rotations: the request at which a run is killed, and what the run after it meets.

    The third run meets nothing.
    """
    kind, nth = RETIRING[how]
    last = 2 if how == "delete" else 3
    return [
        (None, None),
        (Hold("inside", "upload", 1), Fault("reset", "after", "update", 1)),
        (Hold("after", "update", 1), Fault("503", "before", kind, 1, times=9)),
        (Hold("before", kind, nth), Fault("reset", "after", kind, 1)),
        (Hold("before", "update", last), None),
    ]


def options(subject: Subject, version: int, **more: Any) -> dict[str, Any]:
    path = subject.file(b"version %d " % version * 1000)
    return {"name": subject.name, "path": path, "on_content_change": "replace", "keep": 1, **FORMATS, **more}


def done(worker: Worker, task: Mapping[str, Any]) -> Mapping[str, Any]:
    run = worker.run("pcd_image", task)
    assert not run.failed, run.stdout
    assert run.result is not None
    return run.result


def rotate(worker: Worker, task: Mapping[str, Any], hold: Hold | None, fault: Fault | None) -> str:
    """The id of the image after a run that is killed, one that meets a fault, and the one that ends both."""
    if hold is not None:
        worker.kill("pcd_image", task, hold, signal.SIGKILL)
    if fault is not None:
        worker.run("pcd_image", {**task, "retries": 0}, fault)
    return str(done(worker, task)["image"]["id"])


@pytest.mark.parametrize("how", RETIRED)
def test_the_name_has_an_active_image_at_every_moment(
    how: str, worker: Worker, subject: Subject, sandbox: dict[str, Any]
) -> None:
    done(worker, options(subject, 0, retired=how))
    watch = Watch(sandbox, subject.name)
    with watch.looking():
        for version, (hold, fault) in enumerate(strikes(how), 1):
            current = rotate(worker, options(subject, version, retired=how), hold, fault)
        # The last retired one is put back.
        if how != "delete":
            current = rotate(worker, options(subject, version - 1, retired=how), Hold("after", "update", 1), None)
    print(f"{how}: {watch}")
    assert (watch.empty, watch.errors) == (0, [])
    # For a moment two of the name, and otherwise one.
    assert watch.most in (1, 2)
    there = subject.everything
    shown = [image["id"] for image in there if image["name"] == subject.name and not image["os_hidden"]]
    assert (shown, len(there)) == ([current], 1 if how == "delete" else 2)


def test_a_name_that_is_empty_for_a_moment_is_seen_to_be(
    worker: Worker, subject: Subject, sandbox: dict[str, Any]
) -> None:
    """Otherwise the test above would show nothing."""
    image_id = done(worker, options(subject, 0))["image"]["id"]
    watch = Watch(sandbox, subject.name)
    with watch.looking():
        # On a busy machine, a single moment may lie between two looks.
        for dummy in range(20):
            worker.server.change(image_id, os_hidden=True)
            worker.server.change(image_id, os_hidden=False)
    print(watch)
    assert watch.empty > 0


@pytest.mark.parametrize("status", ["403", "409"])
def test_what_the_service_does_not_delete_is_kept_with_its_reason(
    status: str, worker: Worker, subject: Subject
) -> None:
    """In use, above all: a store such as Ceph keeps the data that instances were cloned from (409)."""
    first, second = (done(worker, options(subject, version))["image"]["id"] for version in (1, 2))
    task = options(subject, 2, keep=0)
    run = worker.run("pcd_image", task, Fault(f"json {status}", "before", "delete", 1, times=9))
    assert unclear(worker, run) == []
    assert run.result is not None
    (kept,) = run.result["retired"]
    assert (run.failed, run.result["changed"], kept["id"], kept["action"]) == (False, False, first, "kept")
    assert status in kept["reason"]
    assert worker.server.is_there(first)
    assert [entry["action"] for entry in done(worker, task)["retired"]] == ["deleted"]
    assert not worker.server.is_there(first)
    assert worker.server.get(second)["os_hidden"] is False


@pytest.mark.parametrize("status", ["403", "409"])
def test_a_prepared_image_that_is_in_use_is_kept_and_stops_no_other_version(
    status: str, worker: Worker, subject: Subject
) -> None:
    """People create instances from a prepared image to try it; a store such as Ceph then keeps its data (409)."""
    first = done(worker, options(subject, 0))["image"]["id"]
    tried = done(worker, options(subject, 1, on_content_change="prepare"))["prepared"]["id"]
    in_use = Fault(f"json {status}", "before", "delete", 1, times=9)
    found: list[Mapping[str, Any]] = []
    for how in ("prepare", "prepare", "replace"):
        run = worker.run("pcd_image", options(subject, 2, on_content_change=how), in_use)
        assert unclear(worker, run) == []
        assert not run.failed, run.stdout
        assert run.result is not None
        kept = next(entry for entry in run.result["retired"] if entry["id"] == tried)
        assert (kept["action"], status in kept["reason"]) == ("kept", True)
        found.append(run.result)
    prepared, again, published = found
    assert [result["changed"] for result in found] == [True, False, True]
    assert prepared["prepared"]["id"] == again["prepared"]["id"] == published["image"]["id"] != tried
    assert published["retired"][0]["id"] in (first, tried)
    assert worker.server.get(tried)["os_hidden"]
    assert worker.server.get(first)["os_hidden"]
    assert not worker.server.get(published["image"]["id"])["os_hidden"]
