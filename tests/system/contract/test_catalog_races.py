# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A catalogue beside others that do the same, and runs that end in the middle, which the next run continues."""

from __future__ import annotations

import json
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ansible_collections.platform9.pcd.tests.support.catalog import Catalog
from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner, started

UPLOADS = 20


def names(catalog: Catalog) -> list[str]:
    return sorted(image["name"] for image in catalog.everything().values())


def test_two_runs_at_once_end_with_one_image_of_each_name(
    catalog: Catalog, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    images = [*(catalog.entry(f"d{number}", data=number) for number in range(4)), catalog.entry("r", min_ram=1)]
    runners = [Runner(server, tmp_path_factory.mktemp("run")) for dummy in range(2)]
    try:
        with ThreadPoolExecutor(2) as pool:
            both = list(pool.map(lambda runner: runner("pcd_image_catalog", images=images), runners))
    finally:
        for runner in runners:
            runner.close()
    assert [outcome.result.get("msg") for outcome in both] == [None, None]
    assert names(catalog) == sorted(each["name"] for each in images)
    assert catalog(images).changed is False


def test_an_image_that_is_deleted_between_the_list_and_the_change_is_made_again(
    catalog: Catalog, server: Server, proxy: Proxy
) -> None:
    images = [catalog.entry(f"n{number}", min_ram=1, **RAW) for number in range(4)]
    ids = catalog(images).result["ids"]

    def watch(seen: Seen, is_answered: bool) -> None:
        if seen.method == "PATCH" and not is_answered and ids:
            server.delete(ids.popitem()[1])
            ids.clear()

    proxy.arm()
    proxy.watch = watch
    changed = [{**image, "min_ram": 2} for image in images]
    outcome = catalog.run("pcd_image_catalog", None, images=changed, **proxy.through(server.login("member")))
    proxy.watch = lambda seen, answered: None
    assert outcome.result["summary"]["created"] + outcome.result["summary"]["updated"] == 4
    assert names(catalog) == [catalog.named(f"n{number}") for number in range(4)]
    assert {image["min_ram"] for image in catalog.everything().values()} == {2}


def test_a_change_whose_answer_was_lost_is_seen_and_not_made_twice(
    catalog: Catalog, server: Server, proxy: Proxy
) -> None:
    images = [catalog.entry(f"n{number}", min_ram=1, **RAW) for number in range(4)]
    assert not catalog(images).failed
    proxy.arm(Fault("close", "after", "PATCH"))
    changed = [{**image, "min_ram": 2} for image in images]
    outcome = catalog.run("pcd_image_catalog", None, images=changed, **proxy.through(server.login("member")))
    assert outcome.result["summary"]["updated"] == 4
    assert outcome.writes.count("PATCH") == 4


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_ends_in_the_middle_of_many_uploads_is_continued_by_the_next(
    end: signal.Signals, catalog: Catalog, server: Server, proxy: Proxy
) -> None:
    images = [catalog.entry(f"u{number:02}", data=number) for number in range(UPLOADS)]
    options = {"images": images, "workers": 4, **proxy.through(server.login("member"))}
    proxy.arm()
    middle = threading.Event()
    proxy.halfway = middle.set
    process = started("pcd_image_catalog", options)
    try:
        assert middle.wait(120)
        process.send_signal(end)
        stdout, stderr = process.communicate(timeout=120)
    finally:
        process.kill()
        proxy.halfway = lambda: None
    assert "Traceback" not in stderr, stderr
    if end == signal.SIGINT:
        assert json.loads(stdout)["msg"].startswith("The task was interrupted.")
    assert len(catalog.everything()) < UPLOADS
    again = catalog(images)
    assert not again.failed, again.msg
    found = catalog.everything().values()
    assert sorted((image["name"], image["status"]) for image in found) == [(each["name"], "active") for each in images]
    assert catalog(images).changed is False
