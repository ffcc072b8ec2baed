# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a download leaves in its folder while it goes on, and when it is interrupted, whichever way the task runs."""

from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ansible_collections.platform9.pcd.tests.support.glance_client import Server
from ansible_collections.platform9.pcd.tests.support.playbook_runner import MAX_SECONDS, Player, play, step
from ansible_collections.platform9.pcd.tests.support.web_server import Handler, serve

BOTH_WAYS = pytest.mark.parametrize("in_process", [True, False], ids=["in process", "as a module"])
MIB = 1 << 20
SIZE = 3 * MIB
# A shell that has started the tests in the background lets them ignore SIGINT, and all that they start.
START = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def slow(server: Server, may_end: threading.Event) -> Iterator[str]:
    """The address of a proxy that keeps the last third of the data back until it may end."""
    parts = urlsplit(server.sandbox["library_url"])
    context = ssl.create_default_context(cafile=server.sandbox["ca_file"])

    class Slow(Handler):
        def do_GET(self) -> None:
            connection = http.client.HTTPSConnection(str(parts.hostname), parts.port, context=context, timeout=60)
            headers = {key: value for key, value in self.headers.items() if key.lower() != "host"}
            connection.request("GET", self.path, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: 2 * MIB])
            if len(body) > 2 * MIB:
                may_end.wait(MAX_SECONDS)
                self.wfile.write(body[2 * MIB :])

    with serve(Slow) as url:
        try:
            yield f"{url}{parts.path}"
        finally:
            may_end.set()


def until(is_so: Callable[[], bool], seconds: float = MAX_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def sizes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found[path.name] = path.stat().st_size
    return found


class Downloading:
    """A playbook that downloads an image into `folder`, through a proxy that waits near the end of the data."""

    def __init__(self, run: Player, name: str, **options: Any) -> None:
        self.folder = run.folder / "images"
        self.folder.mkdir()
        image = run.server.create(name, disk_format="raw", container_format="bare")
        run.server.upload(image["id"], b"\x5a" * SIZE)
        self._run = run
        self._options = {"name": name, "dest": str(self.folder / "disk.raw"), **options}

    def start(self, url: str, in_process: bool) -> subprocess.Popen[str]:
        server = self._run.server
        login = {"token": server.token(), "project_id": server.project_id(), "image_endpoint_override": url}
        playbook = self._run.folder / "playbook.yml"
        tasks = play(step("Download", "pcd_image_download", {**login, **self._options}), module_defaults={})
        playbook.write_text(json.dumps(tasks), encoding="utf-8")
        command = [str(Path(sys.executable).with_name("ansible-playbook")), str(playbook)]
        variables = ["-e", json.dumps({"platform9_pcd_in_process": in_process})]
        return subprocess.Popen(
            [sys.executable, "-c", START, *command, *variables],
            env={**self._run.environ, "PCD_RECORD": str(self._run.folder / "record.jsonl")},
            cwd=self._run.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            start_new_session=True,
        )

    def is_half_done(self) -> bool:
        return any(name != "disk.raw" and size >= 2 * MIB - 1 for name, size in sizes(self.folder).items())

    @contextmanager
    def half_done(self, url: str, in_process: bool) -> Iterator[subprocess.Popen[str]]:
        """The playbook once half of the data has come. It has ended afterwards."""
        process = self.start(url, in_process)
        try:
            assert until(lambda: self.is_half_done() or process.poll() is not None)
            assert process.poll() is None, process.communicate()[0]
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@BOTH_WAYS
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_download_leaves_nothing(
    number: signal.Signals, in_process: bool, run: Player, name: str
) -> None:
    """As a terminal sends Ctrl-C: to every process of the group."""
    downloading = Downloading(run, name)
    with slow(run.server, threading.Event()) as url, downloading.half_done(url, in_process) as process:
        os.killpg(process.pid, number)
        process.communicate(timeout=MAX_SECONDS)
        # A worker may end a moment after the process that has started it.
        assert until(lambda: sizes(downloading.folder) == {}, 60), sizes(downloading.folder)
    assert process.returncode != 0


@BOTH_WAYS
def test_a_killed_download_is_cleared_up_by_the_next(in_process: bool, run: Player, name: str) -> None:
    downloading = Downloading(run, name)
    with slow(run.server, threading.Event()) as url, downloading.half_done(url, in_process) as process:
        for pid in holders(downloading.folder):
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=MAX_SECONDS)
    assert len(sizes(downloading.folder)) == 1
    dest = str(downloading.folder / "disk.raw")
    run(play(step("Download", "pcd_image_download", {"name": name, "dest": dest})), platform9_pcd_in_process=in_process)
    assert sizes(downloading.folder) == {"disk.raw": SIZE}


def holders(folder: Path) -> list[int]:
    """The processes that have a file of the folder open, and the one that waits for each."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if any(os.readlink(link).startswith(f"{folder}/") for link in (process / "fd").iterdir()):
                found.append(int(process.name))
    return found


@BOTH_WAYS
def test_the_mode_that_is_asked_for_holds_from_the_first_byte(in_process: bool, run: Player, name: str) -> None:
    downloading = Downloading(run, name, mode="0600")
    seen: set[int] = set()
    may_end = threading.Event()
    with slow(run.server, may_end) as url:
        process = downloading.start(url, in_process)
        try:
            while process.poll() is None:
                for path in downloading.folder.iterdir():
                    with suppress(FileNotFoundError):
                        seen.add(stat.S_IMODE(path.stat().st_mode))
                if downloading.is_half_done():
                    may_end.set()
            assert process.wait() == 0, process.communicate()[0]
        finally:
            process.kill()
            process.communicate()
    assert seen == {0o600}
    assert sizes(downloading.folder) == {"disk.raw": SIZE}


@BOTH_WAYS
@pytest.mark.parametrize("check", [True, False])
def test_a_link_is_replaced_and_attributes_that_cannot_be_are_refused(
    check: bool, in_process: bool, run: Player, name: str
) -> None:
    run.server.create(name, active=True)
    folder = run.folder / "images"
    folder.mkdir()
    (run.folder / "target").write_bytes(b"target")
    (folder / "disk.raw").symlink_to(run.folder / "target")
    options = {"name": name, "dest": str(folder / "disk.raw"), "mode": "0640"}
    played = run(
        play(
            step("Wrong mode", "pcd_image_download", {**options, "mode": "rw"}, ignore_errors=True),
            step("Wrong owner", "pcd_image_download", {**options, "owner": "no-such-user-4f1c"}, ignore_errors=True),
            step("Download", "pcd_image_download", options),
        ),
        *(["--check"] if check else []),
        platform9_pcd_in_process=in_process,
    )
    assert played.tasks["Wrong mode"]["msg"].startswith("mode: 'rw' is not a mode of a file.")
    assert played.tasks["Wrong owner"]["msg"].startswith("owner: there is no user 'no-such-user-4f1c'")
    assert played.tasks["Download"]["changed"] is True
    assert (folder / "disk.raw").is_symlink() is check
    assert (run.folder / "target").read_bytes() == b"target"


@BOTH_WAYS
def test_a_chain_is_predicted_as_far_as_it_can_be(in_process: bool, run: Player, name: str) -> None:
    """In check mode nothing is made that a later task could find; then the same chain works."""
    here = run.folder / "images"
    declared = {"name": name, "disk_format": "raw", "container_format": "bare", "path": str(here / "image.raw")}
    chain = play(
        {"name": "Folder", "ansible.builtin.file": {"path": str(here), "state": "directory", "mode": "0755"}},
        {
            "name": "File",
            "ansible.builtin.copy": {"dest": str(here / "image.raw"), "content": "x" * 700, "mode": "0644"},
        },
        step("Declare", "pcd_image", declared),
        step(
            "Switch",
            "pcd_image_state",
            {"name": name, "state": "deactivated"},
            ignore_errors="{{ ansible_check_mode }}",
        ),
        step("Bring back", "pcd_image", {"name": name, "min_disk": 1}),
        step(
            "Activate", "pcd_image_state", {"name": name, "state": "active"}, ignore_errors="{{ ansible_check_mode }}"
        ),
        step(
            "Download",
            "pcd_image_download",
            {"name": name, "dest": str(here / "copy" / "again.raw")},
            ignore_errors="{{ ansible_check_mode }}",
        ),
    )
    chain[0]["tasks"].insert(
        6,
        {"name": "Another", "ansible.builtin.file": {"path": str(here / "copy"), "state": "directory", "mode": "0755"}},
    )
    predicted = run(chain, "--check", platform9_pcd_in_process=in_process)
    declare = predicted.tasks["Declare"]
    assert declare["changed"] is True
    assert (declare["image"]["status"], declare["image"]["size"], declare["image"]["checksum"]) == (
        "active",
        None,
        None,
    )
    assert any(f"path: {here}/image.raw is not there in check mode" in warning for warning in declare["warnings"])
    for task in ("Switch", "Activate", "Download"):
        assert "This is check mode, in which tasks before this one change nothing." in predicted.tasks[task]["msg"]
    assert run.server.named(name) == []
    done = run(chain, platform9_pcd_in_process=in_process)
    assert done.tasks["Declare"]["changed"] is True
    assert (here / "copy" / "again.raw").read_text() == "x" * 700


@BOTH_WAYS
def test_a_relative_file_that_is_not_there_in_check_mode_is_predicted_too(
    in_process: bool, run: Player, name: str
) -> None:
    image = run.server.create(name, active=True)
    declared = {"name": name, "disk_format": "raw", "container_format": "bare", "path": "none/image.raw", "min_disk": 2}
    played = run(play(step("Declare", "pcd_image", declared)), "--check", platform9_pcd_in_process=in_process)
    told = played.tasks["Declare"]
    assert (told["changed"], told["image"]["id"], told["image"]["size"]) == (True, image["id"], image["size"])
    assert any("is not known, because that is not there in check mode" in warning for warning in told["warnings"])
