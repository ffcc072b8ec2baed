# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many images in one task: killed in the middle of its uploads, and run twice at the same moment."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.environment import inherited_environ
from ansible_collections.platform9.pcd.tests.support.fault_proxy import MAX_SECONDS, Fault, Hold
from ansible_collections.platform9.pcd.tests.support.module_runner import INTERRUPTIBLE, MODULES
from ansible_collections.platform9.pcd.tests.system.faults.cases import Run, Worker, unclear
from ansible_collections.platform9.pcd.tests.system.faults.operations import FORMATS, Subject

MODULE = "pcd_image_catalog"
COUNT, WORKERS = 20, 4
KIBIBYTE = 1 << 10


def catalogue(subject: Subject) -> tuple[dict[str, Any], dict[str, str]]:
    """The options of a task with 20 images and their data, and the hash of each image by its name."""
    images, hashes = [], {}
    for number in range(COUNT):
        name, content = f"{subject.name}-{number:02}", os.urandom(200 * KIBIBYTE)
        path = subject.folder / f"{number}.raw"
        path.write_bytes(content)
        images.append({"name": name, "path": str(path)})
        hashes[name] = hashlib.sha512(content).hexdigest()
    options = {"catalog": subject.name, "defaults": FORMATS, "images": images, "workers": WORKERS, "prune": True}
    return options, hashes


def data_of(subject: Subject) -> dict[str, list[str]]:
    """The hash of each image with data, by name."""
    found: dict[str, list[str]] = {}
    for image in subject.everything:
        if image["status"] == "active":
            found.setdefault(str(image["name"]), []).append(image["os_hash_value"])
    return found


def result_of(worker: Worker, run: Run) -> Mapping[str, Any]:
    assert unclear(worker, run) == []
    assert run.result is not None
    assert not run.failed, run.result["msg"]
    return run.result


@pytest.mark.parametrize(("when", "nth"), [("inside", 7), ("after", 10), ("before", 1), ("inside", COUNT)])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_in_the_middle_of_20_uploads_is_continued_by_the_next(
    worker: Worker, subject: Subject, number: signal.Signals, when: str, nth: int
) -> None:
    options, hashes = catalogue(subject)
    killed = worker.kill(MODULE, options, Hold(when, "upload", nth), number)
    assert killed.rc != 0
    assert worker.secrets_in(killed.stdout + killed.stderr) == []
    before = data_of(subject)
    assert all(found == [hashes[name]] for name, found in before.items())

    result = result_of(worker, worker.run(MODULE, options))
    assert data_of(subject) == {name: [digest] for name, digest in hashes.items()}
    assert len(subject.everything) == COUNT
    # What was there was not sent once more. The service may have ended others that it had got in whole.
    again = {image["name"]: image["action"] for image in result["images"]}
    assert set(before) <= {name for name, action in again.items() if action == "unchanged"}

    third = worker.run(MODULE, options)
    assert result_of(worker, third)["summary"]["unchanged"] == COUNT
    assert third.writes == []


def test_a_failure_of_one_upload_stops_no_other_and_prunes_nothing(worker: Worker, subject: Subject) -> None:
    options, hashes = catalogue(subject)
    result_of(worker, worker.run(MODULE, {**options, "images": options["images"][:1]}))
    # The first image is not declared any more, and of the others one upload is cut.
    task = {**options, "images": options["images"][1:], "retries": 0}
    failed = worker.run(MODULE, task, Fault("reset", "inside", "upload", 5))
    assert unclear(worker, failed) == []
    assert failed.failed
    assert failed.result is not None
    assert failed.result["summary"] == {
        **dict.fromkeys(failed.result["summary"], 0),
        "created": 18,
        "failed": 1,
        "total": 19,
    }
    (bad,) = (image["name"] for image in failed.result["images"] if image["action"] == "failed")
    assert f"1 of 19 images failed: {bad}" in failed.result["msg"]
    there = data_of(subject)
    assert there == {name: [digest] for name, digest in hashes.items() if name != bad}
    assert not any(image["os_hidden"] for image in subject.everything if image["status"] == "active")

    result = result_of(worker, worker.run(MODULE, task))
    assert (result["summary"]["created"], result["summary"]["pruned"]) == (1, 1)


def test_two_runs_at_once_end_with_one_image_of_each_name(worker: Worker, subject: Subject, tmp_path: Path) -> None:
    options, hashes = catalogue(subject)
    outcomes: list[tuple[int, Mapping[str, Any]]] = []

    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        arguments = {**worker.server.login("member"), **options}
        order = {"ANSIBLE_MODULE_ARGS": {**arguments, "_ansible_check_mode": False, "_ansible_diff": False}}
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTIBLE, f"{MODULES}.{MODULE}"],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            env={
                **inherited_environ(),
                "HOME": str(folder),
                "NO_PROXY": "127.0.0.1",
                "PYTHONPATH": os.environ["PYTHONPATH"],
            },
            timeout=MAX_SECONDS * 3,
            check=False,
        )
        assert not done.stderr, done.stderr
        outcomes.append((done.returncode, json.loads(done.stdout)))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [rc for rc, dummy in outcomes] == [0, 0], [result.get("msg") for dummy, result in outcomes]
    assert data_of(subject) == {name: [digest] for name, digest in hashes.items()}
    assert len(subject.everything) == COUNT
    ids = {image["name"]: image["id"] for image in subject.everything}
    assert [result["ids"] for dummy, result in outcomes] == [ids, ids]
