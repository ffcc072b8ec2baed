# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs at the same moment, each in a process of its own: one image in the end, and nobody's change lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Outcome, Runner

MAX_RUNS = 8
FORMATS = {"disk_format": "raw", "container_format": "bare"}
DATA = b"the data that all of them send" * 1000


@pytest.fixture(scope="module")
def runners(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Runner]]:
    """Each starts one process at a time; the imports are done beforehand, so that all begin at about one moment."""
    runners = [Runner(server, tmp_path_factory.mktemp(f"run-{number}")) for number in range(MAX_RUNS)]
    yield runners
    for runner in runners:
        runner.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(DATA)
    return path


def together(runners: Sequence[Runner], module: str, tasks: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    with ThreadPoolExecutor(len(tasks)) as pool:
        started = [pool.submit(runner, module, **task) for runner, task in zip(runners, tasks, strict=False)]
        return [each.result() for each in started]


def succeeded(outcomes: Sequence[Outcome]) -> None:
    failures = [outcome.msg for outcome in outcomes if outcome.failed]
    assert not failures, "\n".join(failures)


def told(outcomes: Sequence[Outcome], at_least: int = 1) -> None:
    """Each run has reached the desired state, or says in one line why not; so many have reached it."""
    failures = [outcome.msg for outcome in outcomes if outcome.failed]
    assert len(failures) <= len(outcomes) - at_least, "\n".join(failures)
    assert all("\n" not in message for message in failures)


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_runs_that_create_one_name_end_with_one_image(
    count: int, runners: list[Runner], server: Server, name: str
) -> None:
    server.remember_name(name)
    outcomes = together(runners, "pcd_image", [{"name": name, "tags": ["a"], "min_disk": 3}] * count)
    succeeded(outcomes)
    (left,) = server.named(name)
    assert left["id"] in [outcome.image["id"] for outcome in outcomes]
    assert (left["tags"], left["min_disk"]) == (["a"], 3)
    again = runners[0]("pcd_image", name=name, tags=["a"], min_disk=3)
    assert (again.changed, again.image["id"]) == (False, left["id"])


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_runs_that_upload_one_name_end_with_one_image(
    count: int, runners: list[Runner], server: Server, name: str, path: Path
) -> None:
    server.remember_name(name)
    outcomes = together(runners, "pcd_image", [{"name": name, "path": str(path), **FORMATS}] * count)
    succeeded(outcomes)
    (left,) = server.named(name)
    assert left["status"] == "active"
    assert left["os_hash_value"] == hashlib.sha512(DATA).hexdigest()


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_runs_that_stage_one_name_end_with_one_image_once_more_have_run(
    count: int, runners: list[Runner], server: Server, name: str, path: Path
) -> None:
    """Glance lets several stage one record, and answers 409 or 500: such a run may fail, and says so.

    The one whose data it keeps may get a 500 as well, if the database is locked. An import that it has begun then goes
    on, and may refuse the next run, too.
    """
    server.remember_name(name)
    task: dict[str, Any] = {"name": name, "path": str(path), "method": "glance-direct", **FORMATS}
    told(together(runners, "pcd_image", [task] * count), at_least=0)
    assert any(not runners[0]("pcd_image", **task).failed for dummy in range(3))
    (left,) = server.named(name)
    assert left["status"] == "active"
    assert left["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert not runners[0]("pcd_image", **task).changed


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_runs_that_replace_one_image_end_with_one_of_its_name(
    count: int, runners: list[Runner], server: Server, name: str, path: Path
) -> None:
    """A run may fail if another one has taken back what both worked on; one more run ends what is left to do."""
    old = server.create(name, active=True)
    server.remember_name(name)
    task: dict[str, Any] = {"name": name, "path": str(path), "on_content_change": "replace", **FORMATS}
    task.update(retired="rename", retired_suffix="-old")
    told(together(runners, "pcd_image", [task] * count))
    assert not runners[0]("pcd_image", **task).failed
    retired = server.get(old["id"])
    (left,) = server.named(name)
    assert (left["status"], left["os_hidden"]) == ("active", False)
    assert left["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert "pcd_replaces" not in left
    assert (retired["name"], retired["status"]) == (f"{name}-old", "active")


@pytest.mark.parametrize("retired", ["rename", "hide"])
def test_runs_that_replace_one_image_by_different_data_all_end_with_an_image_of_their_data(
    retired: str, runners: list[Runner], server: Server, name: str, tmp_path: Path
) -> None:
    """One discards what the other has just prepared, so that this one plans again; the last one stays."""
    server.remember(server.create(name, active=True)["id"])
    server.remember_name(name)
    data, tasks = [], []
    for number in range(2):
        data.append(b"the data of run %d" % number * 1000)
        path = tmp_path / f"image-{number}"
        path.write_bytes(data[-1])
        task = {"name": name, "path": str(path), "on_content_change": "replace", "retired": retired, **FORMATS}
        tasks.append({**task, **({"retired_suffix": f"-{number}"} if retired == "rename" else {})})
    outcomes = together(runners, "pcd_image", tasks)
    for outcome in outcomes:
        if not outcome.failed:
            server.remember(outcome.image["id"])
            for entry in outcome.result["retired"]:
                server.remember(entry["id"])
    succeeded(outcomes)
    hashes = [hashlib.sha512(each).hexdigest() for each in data]
    assert [outcome.image["os_hash_value"] for outcome in outcomes] == hashes
    (left,) = [image for image in server.named(name) if not image["os_hidden"]]
    assert left["os_hash_value"] in hashes
    assert "pcd_replaces" not in left


@pytest.mark.parametrize(
    ("count", "has_data"),
    [(2, False), (MAX_RUNS, False), (2, True)],
    ids=["2-record", f"{MAX_RUNS}-record", "2-data"],
)
def test_runs_that_create_one_id_all_find_it_as_declared(
    count: int, has_data: bool, runners: list[Runner], server: Server, name: str, path: Path
) -> None:
    image_id, data = server.new_id(), {"path": str(path), **FORMATS} if has_data else {}
    outcomes = together(runners, "pcd_image", [{"id": image_id, "name": name, "tags": ["a"], **data}] * count)
    succeeded(outcomes)
    after = server.get(image_id)
    assert (after["tags"], after["status"]) == (["a"], "active" if has_data else "queued")
    # A run whose creation was answered by a 500 cannot know that the record with its id is not its own.
    assert any(outcome.changed for outcome in outcomes)


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_no_change_is_lost_that_others_do_not_undo(
    count: int, runners: list[Runner], server: Server, name: str
) -> None:
    image_id = server.create(name)["id"]
    values = {f"property_{number}": f"value of {number}" for number in range(count)}
    succeeded(together(runners, "pcd_image", [{"id": image_id, "properties": {key: values[key]}} for key in values]))
    after = server.get(image_id)
    assert {key: after.get(key) for key in values} == values


@pytest.mark.parametrize("count", [2, MAX_RUNS])
def test_of_changes_that_exclude_each_other_one_stays_and_no_other_is_reported_as_there(
    count: int, runners: list[Runner], server: Server, name: str
) -> None:
    image_id = server.create(name)["id"]
    outcomes = together(runners, "pcd_image", [{"id": image_id, "min_disk": number + 1} for number in range(count)])
    after = server.get(image_id)
    kept = [number + 1 for number, outcome in enumerate(outcomes) if not outcome.failed]
    assert after["min_disk"] in kept
    for outcome in outcomes:
        if outcome.failed:
            assert "Another client keeps overwriting Image " in outcome.msg


@pytest.mark.parametrize("count", [2, MAX_RUNS])
@pytest.mark.parametrize("meant", ["id", "name"])
def test_runs_that_delete_one_image_all_find_it_gone(
    meant: str, count: int, runners: list[Runner], server: Server, name: str
) -> None:
    image_id = server.create(name, protected=True)["id"]
    task = {meant: image_id if meant == "id" else name, "state": "absent", "force": True}
    succeeded(together(runners, "pcd_image", [task] * count))
    assert not server.is_there(image_id)


def test_a_list_is_complete_though_images_go_while_it_is_read(runners: list[Runner], server: Server) -> None:
    """The second page begins behind an image that is no longer there by then."""
    name = unused("contract-gone")
    ids = server.fill(2500, name)
    try:
        gone = [ids[1500], ids[500]]

        def list_all() -> Outcome:
            return runners[0]("pcd_image_info", name=name)

        def delete() -> None:
            for image_id in gone:
                server.delete(image_id)

        with ThreadPoolExecutor(2) as pool:
            listing, deleting = pool.submit(list_all), pool.submit(delete)
            deleting.result()
            listed = listing.result()
    finally:
        server.empty(ids)
    assert set(ids) - set(gone) <= set(listed.ids)
    assert len(listed.ids) == len(set(listed.ids))


@pytest.mark.parametrize("back", [False, True], ids=["new version", "rollback"])
def test_runs_that_rotate_one_name_end_with_one_image_and_the_right_number_of_retired_ones(
    back: bool, runners: list[Runner], server: Server, name: str, tmp_path: Path
) -> None:
    server.remember_name(name)

    def task(version: int) -> dict[str, Any]:
        path = tmp_path / f"version-{version}"
        path.write_bytes(b"version %d " % version * 1000)
        return {"name": name, "path": str(path), "on_content_change": "replace", "keep": 1, **FORMATS}

    first, second = (runners[0]("pcd_image", **task(version)).image["id"] for version in (1, 2))
    # The service gives whole seconds only, and the older one of two goes first.
    server.space_out([first, second])
    told(together(runners, "pcd_image", [task(1 if back else 3)] * 2))
    images = {image["id"]: image for image in server.named(name)}
    (shown,) = (image["id"] for image in images.values() if not image["os_hidden"])
    assert {*images} == {shown, second}
    assert (shown == first) is back
    again = runners[0]("pcd_image", **task(1 if back else 3))
    assert (again.changed, again.image["id"], again.result["retired"]) == (False, shown, [])


def members_of(server: Server, image_id: str) -> set[str]:
    return {member["member_id"] for member in server.ask("GET", f"/images/{image_id}/members")["members"]}


def test_runs_that_share_one_image_with_different_projects_lose_none(
    runners: list[Runner], server: Server, name: str
) -> None:
    image = server.create(name)
    projects = [f"{number:032x}" for number in range(MAX_RUNS)]
    tasks = [{"id": image["id"], "projects": [each, "f" * 32]} for each in projects]
    succeeded(together(runners, "pcd_image_member", tasks))
    assert members_of(server, image["id"]) == {*projects, "f" * 32}


def test_a_run_that_shares_and_one_that_says_exactly_who_end_with_either(
    runners: list[Runner], server: Server, name: str
) -> None:
    """One shares with two projects, another one declares exactly a third: both at once, then one after the other."""
    one, two, three, gone = (digit * 32 for digit in "1234")
    sharing = {"projects": [one, two]}
    exact = {"projects": [three], "purge": True}
    for dummy in range(5):
        image = server.create(name)
        server.ask("POST", f"/images/{image['id']}/members", json={"member": gone})
        tasks = [{"id": image["id"], **each} for each in (sharing, exact)]
        told(together(runners, "pcd_image_member", tasks))
        there = members_of(server, image["id"])
        assert three in there
        assert gone not in there
        assert there <= {one, two, three}
        succeeded([runners[0]("pcd_image_member", **tasks[1])])
        assert members_of(server, image["id"]) == {three}
        assert not runners[0]("pcd_image_member", **tasks[1]).changed


def test_runs_that_each_say_exactly_who_end_with_one_list_or_a_union_and_the_next_one_decides(
    runners: list[Runner], server: Server, name: str
) -> None:
    image = server.create(name)
    lists = ["1" * 32, "2" * 32, "3" * 32]
    tasks = [{"id": image["id"], "projects": [each], "purge": True} for each in lists]
    told(together(runners, "pcd_image_member", tasks))
    assert members_of(server, image["id"]) <= {*lists}
    succeeded([runners[0]("pcd_image_member", **tasks[0])])
    assert members_of(server, image["id"]) == {lists[0]}
