# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A control plane as clouds have it: servers that are restarted, killed or frozen while tasks run, and early refusals.

Only on a sandbox of `up --production`: make test-production.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import RAW, Server, unused
from ansible_collections.platform9.pcd.tests.support.module_runner import Runner
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog
from ansible_collections.platform9.pcd.tests.support.vendor import Vendor

SIZE = 200_000_000

# Who is disturbed how, once.
DISTURBANCES = [
    ("restart", "mariadb"),
    ("kill", "mariadb"),
    ("restart", "haproxy"),
    ("reload", ""),
    ("restart", "library1"),
    ("kill", "library1"),
    ("kill", "keystone"),
]
# The start of Keystone takes longer than the retries that a task has by default.
MORE_RETRIES = 7


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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(1_000_000))
    return path


def digest_of(path: Path) -> str:
    return hashlib.sha512(path.read_bytes()).hexdigest()


def disturb(sandbox: dict[str, Any], verb: str, name: str, *more: str, path: str | None = None) -> None:
    state = Path(sandbox["clouds_file"]).parent
    program = Path(sandbox["sql_program"]).parents[1] / "sandbox.py"
    command = [sys.executable, str(program), verb, "--state", str(state), *(["--server", name] if name else []), *more]
    environ = {**os.environ, **({} if path is None else {"PATH": path})}
    done = subprocess.run(command, env=environ, capture_output=True, encoding="utf-8", check=False)
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


@contextmanager
def all_along(action: Callable[[], object], pause: float) -> Iterator[None]:
    """The action again and again in a thread, with so many seconds between two of them."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(pause):
            action()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def change_images(run: Runner, server: Server, **options: Any) -> None:
    """Create and change some images; each must be as declared in the end."""
    names = [unused("contract") for dummy in range(6)]
    for each in names:
        made = run("pcd_image", name=each, tags=["a"], min_disk=1, **RAW, **options)
        changed = run("pcd_image", name=each, tags=["b"], min_disk=2, **RAW, **options)
        assert (made.changed, changed.changed) == (True, True)
    for each in names:
        (left,) = server.named(each)
        assert (left["tags"], left["min_disk"]) == (["b"], 2)
        assert not run("pcd_image", name=each, tags=["b"], min_disk=2, **RAW, **options).changed


@pytest.mark.parametrize(("verb", "name"), DISTURBANCES, ids=lambda word: word or "haproxy")
def test_changes_are_made_while_a_server_is_away(
    verb: str, name: str, run: Runner, server: Server, sandbox: dict[str, Any]
) -> None:
    with beside(lambda: disturb(sandbox, verb, name), 0.5):
        change_images(run, server)


def test_changes_are_made_while_keystone_starts(run: Runner, server: Server, sandbox: dict[str, Any]) -> None:
    with beside(lambda: disturb(sandbox, "restart", "keystone"), 0.5):
        change_images(run, server, retries=MORE_RETRIES)


def test_changes_are_made_while_haproxy_is_reloaded_again_and_again(
    run: Runner, server: Server, name: str, file: Path, sandbox: dict[str, Any]
) -> None:
    with all_along(lambda: disturb(sandbox, "reload", ""), 1):
        change_images(run, server)
        done = run("pcd_image", name=name, path=str(file), **RAW)
    assert done.changed
    assert server.get(done.image["id"])["os_hash_value"] == digest_of(file)


@pytest.mark.parametrize("sbin", ["haproxy", "mariadb"])
def test_a_server_is_found_though_the_path_is_that_of_an_ordinary_user(
    sbin: str, run: Runner, sandbox: dict[str, Any]
) -> None:
    disturb(sandbox, "restart", sbin, path="/usr/bin:/bin")
    assert run("pcd_image_info", limit=1).lookups >= 1


def test_an_upload_goes_on_after_its_service_was_frozen(
    run: Runner, server: Server, name: str, large: Path, sandbox: dict[str, Any]
) -> None:
    """As a worker is whose storage does not answer; HAProxy takes it for dead meanwhile, and keeps the connection."""
    begun = time.monotonic()

    def freeze(library: str) -> Callable[[], None]:
        return lambda: disturb(sandbox, "freeze", library, "--seconds", "15")

    with beside(freeze("library1"), 1.0), beside(freeze("library2"), 1.0):
        done = run("pcd_image", name=name, path=str(large), **RAW)
        took = time.monotonic() - begun
    assert done.changed
    assert took > 12
    assert done.writes.count("PUT") == 1
    assert server.get(done.image["id"])["os_hash_value"] == digest_of(large)


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
    assert left["os_hash_value"] == digest_of(large)


def test_an_import_whose_worker_has_died_is_reported_with_what_to_do(
    run: Runner, server: Server, name: str, vendor: Vendor, file: Path, sandbox: dict[str, Any]
) -> None:
    """The service never says that: the lock on the image stays, and its task is `processing` for ever."""
    log = RequestLog(Path(sandbox["request_log"]))
    before = log.position()

    def kill_the_worker() -> None:
        begun = [each for each in log.since(before) if each["path"].endswith("/import")]
        os.kill(begun[0]["worker"], signal.SIGKILL)

    options: dict[str, Any] = {
        "name": name,
        "url": vendor.file("disk.raw", file.read_bytes(), "slow"),
        "method": "web-download",
    }
    with beside(kill_the_worker, 4):
        failed = run("pcd_image", **options, wait_timeout=8, **RAW)
    assert "has not ended after 8 seconds" in failed.msg
    assert "The service has last reported on it at" in failed.msg
    assert "the process that worked on it has ended: delete the image (state: absent)" in failed.msg
    assert "goes on with it" not in failed.msg
    assert run("pcd_image", name=name, state="absent").changed
    vendor.go_on.set()
    done = run("pcd_image", **options, **RAW)
    assert server.get(done.image["id"])["os_hash_value"] == digest_of(file)


def test_a_full_quota_is_reported_in_the_words_of_glance_after_one_upload(
    run: Runner, server: Server, name: str, large: Path
) -> None:
    """Glance and HAProxy answer before the data has come, while it is still being sent over TLS."""
    failed = run("pcd_image", name=name, path=str(large), interface="public", **RAW)
    assert failed.result["status"] == 413
    assert "Image exceeds the storage quota" in failed.msg
    assert "have the quota raised" in failed.msg
    assert "TLS" not in failed.msg
    (put,) = [each for each in failed.glance if each["method"] == "PUT"]
    assert put["body_bytes"] < SIZE
    assert server.named(name) == []


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
    beside_it = run("pcd_image", name=name, tags_present=["Lts"])
    assert "tags: 'lts' and 'Lts' differ in case or accents only" in beside_it.msg
    assert beside_it.writes == []


def test_texts_that_mariadb_keeps_apart_are_not_refused(run: Runner, server: Server, name: str) -> None:
    """A ligature, and an accent that is a character itself."""
    tags = ["e", "e\u0301", "fi", "\ufb01"]
    assert run("pcd_image", name=name, tags=tags, properties={"fi": "a", "\ufb01": "b"}).changed
    (found,) = server.named(name)
    assert (sorted(found["tags"]), found["fi"], found["\ufb01"]) == (tags, "a", "b")
    assert not run("pcd_image", name=name, tags=tags).changed


def test_a_page_by_name_goes_on_after_the_page_of_mariadb(run: Runner, server: Server) -> None:
    """The first page is in the order of the database, and the next one is sorted here."""
    prefix = unused("contract")
    names = ["A", "a", "\u00c4b", "\u00dfa", "sb", "z", "[", "]", "^", "_", "_B", "`"]
    for each in reversed(names):
        server.create(prefix + each, page_of=prefix)
    options: dict[str, Any] = {"properties": {"page_of": prefix}, "sort": "name:asc"}
    whole = run("pcd_image_info", **options)
    assert whole.lookups == 1
    found: list[dict[str, Any]] = []
    while len(found) < len(names):
        after = {"marker": found[-1]["id"]} if found else {}
        found += run("pcd_image_info", limit=3, **after, **options).images
        assert [image["id"] for image in found] == whole.ids[: len(found)]
    assert [image["name"].removeprefix(prefix) for image in found][2:] == names[2:]


@pytest.mark.parametrize("user", ["member", "reader"])
def test_smoke_a_login_and_a_list_through_haproxy(user: str, run: Runner) -> None:
    listed = run("pcd_image_info", user)
    assert listed.tokens == 1
    assert listed.lookups == 1
