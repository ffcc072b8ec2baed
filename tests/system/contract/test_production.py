# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane as clouds have it: servers that are restarted or killed while tasks run, and refusals on the way.

Only on a sandbox of `up --production`: make test-production.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner

SIZE = 200_000_000

# Who is disturbed how, once.
DISTURBANCES = [
    ("restart", "mariadb"),
    ("kill", "mariadb"),
    ("restart", "haproxy"),
    ("reload", ""),
    ("restart", "library1"),
    ("kill", "library1"),
    # Its start takes longer than the retries of a login, so that only a worker of it goes.
    ("kill", "keystone"),
]


@pytest.fixture(autouse=True)
def _production(sandbox: dict[str, Any]) -> None:
    if sandbox["production"] is None:
        pytest.skip("the sandbox was not started with --production: make test-production")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("data") / "large.raw"
    block = os.urandom(1_000_000)
    with open(path, "wb") as stream:
        for dummy in range(SIZE // len(block)):
            stream.write(block)
    yield path
    path.unlink()


def disturb(sandbox: dict[str, Any], verb: str, name: str) -> None:
    state = Path(sandbox["clouds_file"]).parent
    program = Path(sandbox["sql_program"]).parents[1] / "sandbox.py"
    command = [sys.executable, str(program), verb, "--state", str(state), *(["--server", name] if name else [])]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert not done.returncode, done.stderr


@contextmanager
def beside(action: Callable[[], object], after: float) -> Iterator[None]:
    """The action in a thread, so many seconds from now; over at the end."""
    timer = threading.Timer(after, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


@pytest.mark.parametrize(("verb", "name"), DISTURBANCES, ids=lambda word: word or "haproxy")
def test_changes_are_made_while_a_server_is_away(
    verb: str, name: str, run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    names = [unused("contract") for dummy in range(6)]
    with beside(lambda: disturb(sandbox, verb, name), 0.5):
        for each in names:
            made = run("pcd_image", name=each, tags=["a"], min_disk=1, **RAW)
            changed = run("pcd_image", name=each, tags=["b"], min_disk=2, **RAW)
            assert (made.changed, changed.changed) == (True, True)
    for each in names:
        (left,) = server.named(each)
        assert (left["tags"], left["min_disk"]) == (["b"], 2)
        assert not run("pcd_image", name=each, tags=["b"], min_disk=2, **RAW).changed


def test_a_worker_that_dies_during_an_upload_costs_one_more_upload(
    run: Runner, server: Server, name: str, large: Path, sandbox: dict[str, Any]
) -> None:
    """The image stays `saving` for ever; whose data was not sent to its end needs no long wait."""

    def kill_the_worker() -> None:
        # It is not known which one has the upload; each is replaced by its master.
        for each in ("library1", "library1", "library2", "library2"):
            disturb(sandbox, "kill", each)

    with beside(kill_the_worker, 1.5):
        done = run("pcd_image", name=name, path=str(large), **RAW)
    assert not done.failed, done.msg
    (left,) = server.named(name)
    assert left["status"] == "active"
    digest = hashlib.sha512(large.read_bytes()).hexdigest()
    assert left["os_hash_value"] == digest


def test_a_tag_changes_its_case_only_and_a_property_cannot(run: Runner, server: Server, name: str) -> None:
    """MariaDB takes both for one, and keeps the name of a property that was removed."""
    image_id = server.create(name, tags=["LTS", "x"], Foo="a")["id"]
    options: dict[str, Any] = {"name": name, "tags": ["lts", "x"], "min_disk": 7}
    refused = run("pcd_image", **options, properties={"Foo": None, "foo": "a"})
    assert "'Foo' and 'foo' differ in case or accents only" in refused.msg
    assert refused.writes == []
    assert run("pcd_image", **options).changed
    after = server.get(image_id)
    assert (after["tags"], after["min_disk"], after["Foo"]) == (["lts", "x"], 7, "a")
    assert not run("pcd_image", **options).changed


@pytest.mark.parametrize("user", ["member", "reader"])
def test_smoke_a_login_and_a_list_through_haproxy(user: str, run: Runner) -> None:
    listed = run("pcd_image_info", user)
    assert listed.tokens == 1
    assert listed.lookups == 1
