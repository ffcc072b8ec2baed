# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create, change, list and remove many images, and upload some at the same time, through ansible-playbook.

Every stage is asserted in the playbook, from what the modules give, and once more here, from what the service says to
somebody who does not use the collection. It ends by itself, at the latest after --within seconds; what it made is
removed. `make test-load` runs it on a sandbox of its own.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.platform9.pcd.tests.support.glance_client import Image, Server
from ansible_collections.platform9.pcd.tests.support.sandbox import RequestLog, running_sandbox
from ansible_collections.platform9.pcd.tests.tools import recorded

PLAY = Path(__file__).with_name("play.yml")
MEBIBYTE = 1 << 20
# What the service lists at once (limit_param_default and api_limit_max of Glance).
PAGE = 1000
MARK = "PCD_LOAD_RUN"  # in the environment of every process of a run


@dataclass(frozen=True)
class Stage:
    """What one run of ansible-playbook did, in figures."""

    name: str
    tasks: int
    seconds: float
    errors: int
    requests: collections.Counter[str]
    tokens: int

    @property
    def rate(self) -> float:
        return self.tasks / self.seconds


class Run:
    """One load run on one service."""

    def __init__(self, server: Server, folder: Path, options: argparse.Namespace) -> None:
        self._server = server
        self._log = RequestLog(Path(server.sandbox["request_log"]))
        self._folder = folder
        self._options = options
        self._ends = time.monotonic() + options.within
        self.name = f"load-{uuid.uuid4().hex[:8]}"
        self.stages: list[Stage] = []

    def images(self) -> list[Image]:
        """The images of this run as the service describes them."""
        return self._server.pages("admin", [("tag", self.name), ("visibility", "all")])

    def play(self, stage: str, hosts: int, forks: int, total: int, tag: str = "", **variables: Any) -> None:
        """Run a stage (in the playbook: `tag`) on the hosts, each with its share of the images."""
        share, rest = divmod(total, hosts)
        assert not rest, f"{total} images cannot be shared evenly among {hosts} hosts"
        inventory = self._folder / f"{stage}-inventory.json"
        local = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        names: dict[str, dict[str, str]] = {f"{number:02}": {} for number in range(hosts)}
        inventory.write_text(json.dumps({"all": {"hosts": names, "vars": local}}), encoding="utf-8")
        extra = self._folder / f"{stage}.json"
        login = self._server.login("member")
        given = {"load_run": self.name, "load_share": share, "load_total": total}
        given |= {"load_login": login, "platform9_pcd_in_process": not self._options.as_modules, **variables}
        descriptor = os.open(extra, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it has a password
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump(given, file)

        words = ["ansible-playbook", str(PLAY), "--tags", tag or stage, "--inventory", str(inventory)]
        words += ["--extra-vars", f"@{extra}", "--forks", str(forks)]
        output = self._folder / f"{stage}.log"
        position, started = self._log.position(), time.monotonic()
        status = self._bounded(words, output)
        seconds = time.monotonic() - started
        requests = self._log.since(position)
        told = output.read_text(encoding="utf-8", errors="replace")
        failed = [line for line in told.splitlines() if line.startswith(("failed:", "fatal:"))]
        broken = [request for request in requests if request["status"] >= 500]
        tasks = hosts if stage.startswith("list") else total
        glance = (request for request in requests if request["service"] == "glance")
        counts = collections.Counter(request["method"] for request in glance)
        tokens = sum(request["service"] == "keystone" for request in requests)
        self.stages.append(Stage(stage, tasks, seconds, len(failed) + len(broken), counts, tokens))
        say(f"{stage}: {tasks} tasks in {seconds:.1f} s, {sum(counts.values())} requests, {tokens} logins")
        # A module logs in for itself; what runs within the controller shares one login.
        assert self._options.as_modules or tokens < max(tasks, 2), (
            f"{stage}: {tasks} tasks with {tokens} logins ran as modules"
        )
        if status or failed or broken:
            for line in [*failed[:5], *map(str, broken[:5])]:
                say(line[:1000])
            raise SystemExit(f"{stage}: ansible-playbook ended with {status}; {len(failed)} errors; {told[-1500:]}")

    def _bounded(self, words: list[str], output: Path) -> int:
        """The exit status of a program that may not outlive this run."""
        with open(output, "w", encoding="utf-8") as file:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, MARK: self.name},
            )
            try:
                return process.wait(max(1.0, self._ends - time.monotonic()))
            except BaseException as error:
                self._kill_all()
                process.wait()
                if isinstance(error, subprocess.TimeoutExpired):
                    raise SystemExit(f"not done after {self._options.within} s: stopped; see --within") from None
                raise

    def _kill_all(self) -> None:
        """End ansible-playbook and its workers, which are in sessions of their own."""
        mark = f"{MARK}={self.name}".encode()
        for entry in Path("/proc").iterdir():
            # Its own process, or another user's, or one that has ended meanwhile.
            with suppress(OSError, ValueError):
                if int(entry.name) != os.getpid() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    os.kill(int(entry.name), signal.SIGKILL)

    @contextmanager
    def filled(self, count: int) -> Iterator[None]:
        """So many images with the name of this run, beside those that it makes."""
        ids = self._server.fill(count, self.name)
        try:
            yield
        finally:
            self._server.empty(ids)

    def come_and_go(self) -> None:
        """Create, change, list and remove the images."""
        total, hosts, forks = self._options.images, self._options.forks, self._options.forks
        self.play("create", hosts, forks, total)
        self._check(total, min_disk=1, load_stage="created", tags=[self.name])
        self.play("change", hosts, forks, total)
        self._check(total, min_disk=2, load_stage="changed", tags=sorted([self.name, "changed"]))
        self.play("list", hosts, forks, total)
        self.play("remove", hosts, forks, total)
        self._check(0)

    def as_catalogue(self) -> None:
        """The same with one task for all images: create, change and remove them, and look at them unchanged."""
        total = self._options.images
        names = [f"{self.name}-{number:04}" for number in range(total)]
        images = [{"name": name, "properties": {"load_name": name}} for name in names]
        new: dict[str, Any] = {"disk_format": "raw", "container_format": "bare", "min_disk": 1, "tags": [self.name]}
        created = {**new, "properties": {"load_stage": "created"}}
        changed = {**new, "min_disk": 2, "properties": {"load_stage": "changed"}}
        pages = 2 + total // PAGE
        stages: tuple[tuple[str, dict[str, Any], str, int | None], ...] = (
            ("create", created, "created", None),
            ("change", changed, "updated", total + 2 * pages + 5),
            ("keep", changed, "unchanged", pages + 1),
            ("remove", {"state": "absent"}, "deleted", None),
        )
        for stage, defaults, action, requests in stages:
            declared = images if "properties" in defaults else [{"name": name} for name in names]
            given: dict[str, Any] = {"load_images": declared, "load_defaults": defaults, "load_action": action}
            self.play(f"catalogue-{stage}", 1, 1, total, **given)
            done = self.stages[-1]
            sent = done.requests.total() + done.tokens
            assert requests is None or sent <= requests, f"{stage}: {sent} requests, at most {requests} were expected"
            if "properties" in defaults:
                self._check(total, tags=[self.name], min_disk=defaults["min_disk"], **defaults["properties"])
        self._check(0)

    def _check(self, total: int, **expected: Any) -> None:
        """The service has these images, each once and as it was declared."""
        images = self.images()
        names = {image["name"] for image in images}
        assert len(images) == len(names) == total, f"{len(images)} images with {len(names)} names, not {total}"
        for image in images:
            seen = {key: sorted(image[key]) if key == "tags" else image[key] for key in expected}
            assert seen == expected, f"{image['name']}: {seen}, not {expected}"
            assert image["load_name"] == image["name"], f"{image['name']} has the property of {image['load_name']}"

    def upload(self) -> None:
        """Upload all files at the same time, and read the images back."""
        count = self._options.uploads
        files = {f"{self.name}-{number:02}-0": os.urandom(self._options.size * MEBIBYTE) for number in range(count)}
        for name, content in files.items():
            (self._folder / name).write_bytes(content)
        hashes = {name: hashlib.sha512(content).hexdigest() for name, content in files.items()}
        self.play("upload", count, count, count, load_folder=str(self._folder), load_sha512=hashes)
        images = self.images()
        assert sorted(image["name"] for image in images) == sorted(files), "the service has other images"
        for image in images:
            assert (image["status"], image["os_hash_value"]) == ("active", hashes[image["name"]]), image
            answer = self._server.call("GET", f"/images/{image['id']}/file")
            assert hashlib.sha512(answer.content).hexdigest() == hashes[image["name"]], f"{image['name']}: other bytes"

    def clean_up(self) -> None:
        for image in self.images():
            self._server.delete(image["id"])


@contextmanager
def run(sandbox: Mapping[str, Any], options: argparse.Namespace) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="load-") as folder:
        this = Run(Server(sandbox), Path(folder), options)
        try:
            yield this
        finally:
            this.clean_up()


def text(stages: list[Stage], options: argparse.Namespace, sandbox: Mapping[str, Any]) -> str:
    """The section of the guide."""
    runner = "as modules, each in a process of its own" if options.as_modules else "within the controller"
    rows = [["Stage", "Tasks", "Seconds", "Tasks per second", "Requests", "Authentications", "Errors"]]
    for stage in stages:
        methods = ", ".join(f"{count:,} {method}" for method, count in sorted(stage.requests.items()))
        figures = [f"{stage.tasks:,}", f"{stage.seconds:.1f}", f"{stage.rate:.1f}", methods, stage.tokens, stage.errors]
        rows.append([stage.name, *map(str, figures)])
    uploads = f"{options.uploads} uploads of {options.size} MiB at once"
    title = f"{options.images:,} images with {options.forks} forks, {uploads}"
    return f"""Run on {recorded.today()} on a machine with {recorded.machine()}, which also ran the services, by
{recorded.programs()}, on Glance {sandbox["glance"]}. The tasks ran {runner}.

{recorded.rst_table(title, rows)}
"""


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="load.py", description=__doc__)
    parser.add_argument("--images", type=int, default=2000, help="a multiple of --forks (default: 2000)")
    parser.add_argument("--forks", type=int, default=10, help="as many hosts (default: 10)")
    parser.add_argument("--uploads", type=int, default=50, help="all at the same time (default: 50)")
    parser.add_argument("--size", type=int, default=4, metavar="MIB", help="of an upload (default: 4)")
    parser.add_argument("--within", type=int, default=3600, metavar="SECONDS", help="the longest (default: 3600)")
    parser.add_argument("--as-modules", action="store_true", help="not within the controller")
    parser.add_argument("--record", type=Path, metavar="GUIDE", help="write the figures into this guide")
    options = parser.parse_args()
    # As an exception, so that a terminated run also stops ansible-playbook and removes its images.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    sandbox = running_sandbox()
    with run(sandbox, options) as this:
        this.come_and_go()
        this.as_catalogue()
        this.upload()
    figures = text(this.stages, options, sandbox)
    print(figures)
    if options.record:
        recorded.record(options.record, "load", figures)


if __name__ == "__main__":
    main()
