# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes whose answer does not say what was done, and runs that are killed: nothing doubled, the next run goes on."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.fault_proxy import Fault, Proxy, Seen
from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner, started

FORMATS: dict[str, Any] = {"disk_format": "raw", "container_format": "bare"}
DATA = b"the bytes of an image that somebody kills" * 5000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "image"
    path.write_bytes(DATA)
    return path


# What is lost or refused on the way, and when.
SPOILT = {
    "lost": ("close", "after"),
    "503 late": ("html 503", "after"),
    "503 early": ("html 503", "early"),
    "401": ("html 401", "early"),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_create_whose_answer_does_not_come_makes_one_image(
    spoil: str, run: Runner, server: Server, name: str, proxy: Proxy
) -> None:
    proxy.arm(Fault(*SPOILT[spoil], "POST"))
    outcome = run("pcd_image", None, name=name, tags=["a"], **proxy.through(server.login("member")))
    (left,) = server.named(name)
    assert (outcome.changed, outcome.image["id"], left["tags"]) == (True, left["id"], ["a"])
    assert outcome.writes == ["POST"]
    assert outcome.tokens == (2 if spoil == "401" else 1)


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("count", [1, 2])
def test_an_update_whose_answer_does_not_come_is_made(
    count: int, spoil: str, run: Runner, server: Server, name: str, proxy: Proxy
) -> None:
    image_id = server.create(name)["id"]
    proxy.arm(Fault(*SPOILT[spoil], "PATCH", times=1 if spoil == "401" else count))
    outcome = run(
        "pcd_image", None, id=image_id, min_disk=5, properties={"a": "b"}, **proxy.through(server.login("member"))
    )
    after = server.get(image_id)
    assert (outcome.changed, after["min_disk"], after["a"]) == (True, 5, "b")
    assert outcome.writes == ["PATCH"]


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_deletion_whose_answer_does_not_come_is_made(
    spoil: str, run: Runner, server: Server, name: str, proxy: Proxy
) -> None:
    image_id = server.create(name, protected=True)["id"]
    proxy.arm(Fault(*SPOILT[spoil], "DELETE"))
    outcome = run("pcd_image", None, name=name, state="absent", force=True, **proxy.through(server.login("member")))
    assert outcome.changed
    assert outcome.writes == ["PATCH", "DELETE"]
    assert not server.is_there(image_id)


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("state", ["deactivated", "active"])
def test_a_state_whose_answer_does_not_come_is_set(
    state: str, spoil: str, run: Runner, server: Server, name: str, proxy: Proxy
) -> None:
    image_id = server.create(name, active=True)["id"]
    if state == "active":
        server.act(image_id, "deactivate")
    proxy.arm(Fault(*SPOILT[spoil], "POST"))
    outcome = run("pcd_image_state", None, id=image_id, state=state, **proxy.through(server.login("member")))
    assert (outcome.changed, server.get(image_id)["status"]) == (True, state)
    assert outcome.writes == ["POST"]


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("method", ["upload", "glance-direct"])
def test_data_whose_answer_does_not_come_is_there_once(
    method: str, spoil: str, run: Runner, server: Server, name: str, proxy: Proxy, path: Path
) -> None:
    proxy.arm(Fault(*SPOILT[spoil], "PUT"), Fault(*SPOILT[spoil], "POST", nth=2))
    outcome = run(
        "pcd_image", None, name=name, path=str(path), method=method, **FORMATS, **proxy.through(server.login("member"))
    )
    (left,) = server.named(name)
    assert (outcome.changed, left["status"]) == (True, "active")
    assert left["os_hash_value"] == hashlib.sha512(DATA).hexdigest()
    assert outcome.writes == ["POST", "PUT"] if method == "upload" else ["POST", "PUT", "POST"]


def test_a_token_that_was_given_cannot_be_renewed(run: Runner, server: Server, name: str, proxy: Proxy) -> None:
    image_id = server.create(name)["id"]
    proxy.arm(Fault(*SPOILT["401"], "PATCH"))
    options = {**proxy.through(server.login("member")), "username": None, "password": None, "token": server.token()}
    outcome = run("pcd_image", None, id=image_id, min_disk=5, **options)
    assert "The token is not valid, or has expired. Get a new one." in outcome.msg
    assert (outcome.writes, server.get(image_id)["min_disk"]) == ([], 0)


# --- runs that end in the middle ----------------------------------------------------------------------------------


# What a killed run has staged is waited for, which would take most of the time of these tests.
SHORT = {"_data.plan.MAX_STAGED_SECONDS": 2}

TASKS: dict[str, dict[str, Any]] = {
    "create": {"tags": ["a"], "protected": True},
    "upload": {"method": "upload", "path": "", **FORMATS},
    "import": {"method": "glance-direct", "path": "", **FORMATS},
    "replace": {"on_content_change": "replace", "retired": "rename", "retired_suffix": "-old", "path": "", **FORMATS},
}


@pytest.mark.parametrize(("task", "end"), [*((task, signal.SIGKILL) for task in TASKS), ("upload", signal.SIGINT)])
def test_a_run_that_ends_at_any_write_is_continued_by_the_next(
    task: str, end: signal.Signals, run: Runner, server: Server, name: str, proxy: Proxy, path: Path
) -> None:
    """Before each of its writes reaches the service, in the middle of the data, and after each has been answered."""
    options = {"name": name, **TASKS[task], **({"path": str(path)} if "path" in TASKS[task] else {})}
    number, answered, steps = 0 if "path" in TASKS[task] else 1, False, 0
    while True:
        old = server.create(name, active=True) if task == "replace" else None
        server.remember_name(name)
        reached = kill_at(number, answered, {**options, **proxy.through(server.login("member"))}, end, proxy)
        again = run("pcd_image", constants=SHORT, **options)
        assert not again.failed, (number, answered, again.msg)
        (left,) = server.named(name)
        assert again.image["id"] == left["id"], (number, answered)
        assert not run("pcd_image", **options).changed, (number, answered)
        if "path" in options:
            assert (left["status"], left["os_hash_value"]) == ("active", hashlib.sha512(DATA).hexdigest())
        assert "pcd_replaces" not in left
        if old is not None:
            assert server.get(old["id"])["name"] == f"{name}-old", (number, answered)
        server.clean_up()
        if not reached:
            break
        steps += 1
        number, answered = (number + 1, False) if answered or not number else (number, True)
    assert steps >= 2


def kill_at(number: int, answered: bool, options: dict[str, Any], end: signal.Signals, proxy: Proxy) -> bool:
    """Whether the run has come to this write, and got the signal there. The number 0 is the middle of the data."""
    reached = []

    def stop() -> None:
        reached.append(number)
        process.send_signal(end)
        if end == signal.SIGKILL:
            process.wait()

    def watch(seen: Seen, is_answered: bool) -> None:
        # Reads leave nothing behind, wherever a run ends among them.
        if seen.method != "GET" and (proxy.count("POST", "PUT", "PATCH", "DELETE"), is_answered) == (number, answered):
            stop()

    proxy.arm()
    proxy.watch = watch
    proxy.halfway = (lambda: None) if number else stop
    process = started("pcd_image", options)
    try:
        stdout, stderr = process.communicate(timeout=300)
    finally:
        process.kill()
        proxy.watch, proxy.halfway = (lambda seen, answered: None), (lambda: None)
    assert "Traceback" not in stderr, stderr
    if end == signal.SIGINT and reached:
        assert "Run it again" in json.loads(stdout)["msg"]
    return bool(reached)


def test_a_run_of_the_tests_in_the_background_can_interrupt_modules_too() -> None:
    """A shell without job control lets what it starts in the background ignore SIGINT, and this is inherited."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
            process = started("pcd_image_info", {"token": "nobody's", "image_endpoint_override": endpoint})
        finally:
            signal.signal(signal.SIGINT, earlier)
        try:
            connection = silent.accept()[0]
            process.send_signal(signal.SIGINT)
            stdout = process.communicate(timeout=60)[0]
            connection.close()
        finally:
            process.kill()
    assert "Run it again" in json.loads(stdout)["msg"]
