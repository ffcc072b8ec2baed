# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name that is rotated has an active image at every moment, whatever happens; and what is in use is not deleted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Hold
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.system.faults.cases import Worker, open_worker, unclear
from ansible_collections.platform9.pcd.tests.system.faults.operations import FORMATS, RETIRED, Subject

pytest_plugins = ["ansible_collections.platform9.pcd.tests.support.fixtures"]

SECONDS_BETWEEN_LOOKS = 0.01
# What happens to the first run of each of five rotations; the second run meets nothing.
STRIKES: tuple[Fault | Hold | None, ...] = (
    None,
    Fault("reset", "after", "update", 1),
    Hold("after", "update", 1),
    Fault("503", "before", "update", 2, times=9),
    Hold("before", "update", 2),
)


class Watch:
    """Looks for active images of a name that are not hidden, as any client does, again and again."""

    def __init__(self, sandbox: Mapping[str, Any], name: str) -> None:
        self._server = Server(sandbox)
        self._query = [("name", f"eq:{name}"), ("status", "active"), ("os_hidden", "false")]
        self._over = threading.Event()
        self.looks, self.empty = 0, 0

    def run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            found = self._server.pages("member", self._query)
            self.looks += 1
            self.empty += not found

    @contextmanager
    def looking(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()


@pytest.fixture(scope="module")
def worker(sandbox: dict[str, Any]) -> Iterator[Worker]:
    with open_worker(sandbox) as worker:
        yield worker


@pytest.fixture
def subject(worker: Worker) -> Iterator[Subject]:
    subject = worker.subject()
    yield subject
    for image in worker.server.everything().values():
        if str(image["name"]).startswith(subject.name):
            worker.server.remember(image["id"])
    subject.clean_up()


def options(subject: Subject, version: int, **more: Any) -> dict[str, Any]:
    path = subject.file(b"version %d " % version * 1000)
    return {"name": subject.name, "path": path, "on_content_change": "replace", "keep": 1, **FORMATS, **more}


def done(worker: Worker, task: Mapping[str, Any]) -> Mapping[str, Any]:
    run = worker.run("pcd_image", task)
    assert not run.failed, run.stdout
    assert run.result is not None
    return run.result


def rotate(worker: Worker, task: Mapping[str, Any], strike: Fault | Hold | None) -> str:
    """The id of the image after a run that meets this, and after the one that ends it."""
    if isinstance(strike, Hold):
        worker.kill("pcd_image", task, Hold(strike.when, strike.kind, strike.nth), signal.SIGKILL)
    elif strike is not None:
        worker.run("pcd_image", {**task, "retries": 0}, strike)
    return str(done(worker, task)["image"]["id"])


@pytest.mark.parametrize("how", RETIRED)
def test_the_name_has_an_active_image_at_every_moment(
    how: str, worker: Worker, subject: Subject, sandbox: dict[str, Any]
) -> None:
    done(worker, options(subject, 0, retired=how))
    watch = Watch(sandbox, subject.name)
    with watch.looking():
        for version, strike in enumerate(STRIKES, 1):
            current = rotate(worker, options(subject, version, retired=how), strike)
        # The last retired one is put back.
        if how != "delete":
            current = rotate(worker, options(subject, len(STRIKES) - 1, retired=how), Hold("after", "update", 1))
    assert (watch.empty, watch.looks > 5 * len(STRIKES)) == (0, True)
    there = [image for image in worker.server.everything().values() if str(image["name"]).startswith(subject.name)]
    shown = [image["id"] for image in there if image["name"] == subject.name and not image["os_hidden"]]
    assert (shown, len(there)) == ([current], 1 if how == "delete" else 2)


@pytest.mark.parametrize("what", ["403", "409"])
def test_what_the_service_does_not_delete_is_kept_with_its_reason(what: str, worker: Worker, subject: Subject) -> None:
    """In use, above all: a store such as Ceph keeps the data that instances were cloned from (409)."""
    first, second = (done(worker, options(subject, version))["image"]["id"] for version in (1, 2))
    task = options(subject, 2, keep=0)
    run = worker.run("pcd_image", task, Fault(what, "before", "delete", 1, times=9))
    assert unclear(worker, run) == []
    assert run.result is not None
    (kept,) = run.result["retired"]
    assert (run.failed, run.result["changed"], kept["id"], kept["action"]) == (False, False, first, "kept")
    assert what in kept["reason"]
    assert worker.server.is_there(first)
    assert [entry["action"] for entry in done(worker, task)["retired"]] == ["deleted"]
    assert not worker.server.is_there(first)
    assert worker.server.get(second)["os_hidden"] is False
